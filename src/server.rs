//! The service on the network: listeners, routes, and a graceful end.
//!
//! [`Server::bind`] takes the addresses, [`Server::run`] serves until it is told to stop. What a
//! request may do is decided in `service`; who may ask, and from where, in [`gate`].

mod admin;
mod catch_panic;
mod connection;
mod control;
mod exposed;
pub mod gate;
mod listener;
mod mcp;
mod page;
mod reply;
mod router;

pub use admin::openapi;
pub(crate) use connection::stdio::StdioService;
pub use control::Outcome;
pub(crate) use control::{ReloadReport, ReloadRequest};
pub(crate) use mcp::tools_list;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use connection::{sessions, sse};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use listener::inherited::InheritedSockets;
use listener::slots::Slots;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::{Caller, Holder, Principal};
use crate::config::Config;
use crate::limit::{Memory, Weight, Windows};
use crate::observe::Metrics;
use crate::policy::Limited;
use crate::service::Service;

/// How long running requests may go on once the service is told to stop.
pub const GRACE: Duration = Duration::from_secs(10);
/// How long the answer of `/ready` is kept: a stranger's questions shall not load the database.
const READY_KEPT: Duration = Duration::from_millis(500);

/// Whether what is configured answers, for several who ask at once.
type Ready = Shared<BoxFuture<'static, bool>>;

/// Requests of the admin API that are answered at once.
const ADMINISTERED: usize = 16;
/// Streams of the admin API that are open at once.
const FOLLOWED: usize = 16;

/// What every connection shares.
#[derive(Debug)]
pub struct App {
    /// Whether MCP is switched on.
    pub enabled: bool,
    /// Where clients are listened for.
    listens: SocketAddr,
    /// Answers requests.
    pub service: Arc<Service>,
    /// Decides who may ask.
    pub gate: gate::Gate,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    sessions: sessions::Sessions,
    slots: Slots,
    /// What requests and answers under way may take, by token.
    memory: Memory<Holder>,
    /// Tokens whose refusals were told in this window.
    told: Windows<Principal, ()>,
    streams: sse::Streams,
    /// Places for requests of the admin API.
    administered: Semaphore,
    /// Places for streams of it.
    followed: Arc<Semaphore>,
    /// Held while the database is asked: one question at a time.
    ready: Mutex<Option<(Instant, Ready)>>,
    stop: Stop,
    tracker: TaskTracker,
    /// Sockets that the end closed.
    closed: AtomicU64,
    /// Requests that the end cut.
    cut: AtomicU64,
}

/// The two steps of an end.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Nothing new is begun.
    pub stopping: CancellationToken,
    /// What still runs is cut.
    pub cut: CancellationToken,
}

/// The service with its addresses taken.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    listener: TcpListener,
    admin: Option<TcpListener>,
    control: Option<control::Control>,
}

/// How an end went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StopReport {
    /// Sockets that were closed for it.
    pub sockets: u64,
    /// Requests that were cut after the grace.
    pub cut: u64,
}

/// An address that could not be taken.
#[derive(Debug)]
pub struct BindFault {
    /// The variable that names it.
    pub variable: &'static str,
    /// The address.
    pub address: SocketAddr,
    /// Why not.
    pub source: io::Error,
}

impl Server {
    /// Takes the addresses of the configuration, or the sockets at them that were handed over.
    ///
    /// # Errors
    /// An address that is in use, or not this machine's.
    pub(crate) async fn bind(
        config: &Config,
        service: Arc<Service>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, BindFault> {
        let mut inherited = InheritedSockets::of_environment();
        let listener = bind("MCP_LISTEN", config.service.listen, &mut inherited).await?;
        let admin = match config.service.admin_listen {
            Some(address) => Some(bind("MCP_ADMIN_LISTEN", address, &mut inherited).await?),
            None => None,
        };
        Ok(Self {
            app: Arc::new(App::new(
                config,
                listener.local_addr().unwrap_or(config.service.listen),
                service,
                metrics,
            )),
            listener,
            admin,
            control: None,
        })
    }

    /// The address that is served, its port known.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The address of the admin listener, its port known.
    pub(crate) fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
            .as_ref()
            .and_then(|listener| listener.local_addr().ok())
    }

    /// Opens the control socket at a path; what comes back are the reloads that it is asked for.
    ///
    /// # Errors
    /// A folder that is not there or may not be written to, and a file that is no socket.
    pub(crate) fn open_control(
        &mut self,
        path: &Path,
    ) -> io::Result<mpsc::Receiver<ReloadRequest>> {
        let (control, asked) = control::Control::open(path)?;
        self.control = Some(control);
        Ok(asked)
    }

    /// What ends the service: cancel `stopping` for a graceful end, `cut` for one at once.
    pub fn stop(&self) -> Stop {
        self.app.stop.clone()
    }

    /// Serves until [`Stop::stopping`] is cancelled, and lets what runs come to its end.
    pub async fn run(self) -> StopReport {
        let Self {
            app,
            listener,
            admin,
            control,
        } = self;
        let (stop, tracker) = (app.stop.clone(), app.tracker.clone());
        let mut listeners = JoinSet::new();
        listeners.spawn(listener::serve(
            listener,
            router::public(&app),
            Arc::clone(&app),
            false,
        ));
        if let Some(admin) = admin {
            listeners.spawn(listener::serve(
                admin,
                router::admin(&app),
                Arc::clone(&app),
                true,
            ));
        }
        if let Some(control) = control {
            listeners.spawn(control.serve(Arc::clone(&app)));
        }
        stop.stopping.cancelled().await;
        tracker.close();
        let in_time = tokio::select! {
            () = tracker.wait() => true,
            () = tokio::time::sleep(GRACE) => false,
            () = stop.cut.cancelled() => false,
        };
        stop.cut.cancel();
        if !in_time {
            // What was cut still says so to its client, if that client listens.
            let _ = tokio::time::timeout(Duration::from_secs(1), tracker.wait()).await;
        }
        StopReport {
            sockets: app.closed.load(Ordering::Relaxed),
            cut: app.cut.load(Ordering::Relaxed),
        }
    }
}

async fn bind(
    variable: &'static str,
    address: SocketAddr,
    inherited: &mut InheritedSockets,
) -> Result<TcpListener, BindFault> {
    let bound = match inherited.take(address) {
        Some(listener) => listener
            .set_nonblocking(true)
            .and_then(|()| TcpListener::from_std(listener)),
        None => TcpListener::bind(address).await,
    };
    bound.map_err(|source| BindFault {
        variable,
        address,
        source,
    })
}

impl App {
    fn new(
        config: &Config,
        listens: SocketAddr,
        service: Arc<Service>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            enabled: config.service.enabled,
            listens,
            service,
            gate: gate::Gate::default(),
            metrics,
            sessions: sessions::Sessions::default(),
            slots: Slots::default(),
            memory: Memory::new(config.limits.max_memory_bytes),
            told: Windows::default(),
            streams: sse::Streams::default(),
            administered: Semaphore::new(ADMINISTERED),
            followed: Arc::new(Semaphore::new(FOLLOWED)),
            ready: Mutex::default(),
            stop: Stop::default(),
            tracker: TaskTracker::new(),
            closed: AtomicU64::new(0),
            cut: AtomicU64::new(0),
        }
    }

    /// The gate at this moment.
    fn entry(&self) -> gate::Entry<'_> {
        self.gate.by(self.service.access())
    }

    /// Lists and records a socket or stream, which counts as open for as long as this is held.
    fn listed(&self, caller: &Caller, end: CancellationToken) -> sessions::Listing {
        self.service.note_opened(caller);
        self.sessions.list(caller, end, self.metrics.session())
    }

    /// Counts and records a client that the gate did not let in.
    fn denied(
        &self,
        (address, transport): (IpAddr, &'static str),
        denied: gate::Denied,
        shown: &gate::Evidence,
    ) {
        match denied {
            gate::Denied::Token(_) | gate::Denied::TooManyFailures(_) => {
                self.metrics.auth_failed(denied.reason());
            }
            gate::Denied::Host | gate::Denied::Origin => {
                self.metrics.connection_refused(denied.reason());
            }
        }
        self.gate.log(denied, address, shown);
        self.record_refused(address, transport, shown.known.as_ref(), denied.reason());
    }

    /// Records a client that was refused, one line each up to a bound.
    fn record_refused(
        &self,
        address: IpAddr,
        transport: &'static str,
        known: Option<&Caller>,
        reason: &str,
    ) {
        if self.gate.lists(address) {
            self.service.note_refused(address, transport, known, reason);
        } else if let Some(audit) = self.service.audit() {
            audit.count_refusal();
        }
    }

    /// Records a request over a window: once a window and token, of which it says whether it is the
    /// first, and counts the others.
    fn limited(&self, caller: &Caller, limited: Limited) -> bool {
        let first = self.told.admit(
            (caller.principal.clone(), ()),
            Weight::Read,
            (1, limited.span),
            Instant::now(),
        );
        if first.is_ok() {
            self.service.note_limited(caller, limited);
        } else if let Some(audit) = self.service.audit() {
            audit.count_refusal();
        }
        first.is_ok()
    }

    /// Whether requests would be answered now.
    async fn is_ready(&self) -> bool {
        if self.stop.stopping.is_cancelled() {
            return false;
        }
        if !self.enabled {
            return true;
        }
        self.reading().await
    }

    /// What tells whether the databases answer, one reading for all who ask meanwhile and for a moment
    /// after; it goes on where whoever asked first has gone, for to give it up would cost a session.
    fn reading(&self) -> Ready {
        // What is kept is sound whatever a panicking holder was about to do.
        let mut kept = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = |(begun, answer): &&(Instant, Ready)| {
            answer.peek().is_none() || begun.elapsed() < READY_KEPT
        };
        if let Some((_, answer)) = kept.as_ref().filter(holds) {
            return answer.clone();
        }
        let service = Arc::clone(&self.service);
        let reading = tokio::spawn(async move { service.is_ready().await });
        let answer = reading.map(Result::unwrap_or_default).boxed().shared();
        *kept = Some((Instant::now(), answer.clone()));
        answer
    }
}
