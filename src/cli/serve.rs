//! `lucarne serve`: the service, from its configuration to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tracing::info;

use super::exit::Exit;
use super::failure::Failure;
use super::{logging, output, summary};
use crate::advice::Advice;
use crate::app::notify::Notify;
use crate::app::{App, Running, Source, StartError};
use crate::config::{self, Config, LogFormat};
use crate::server::{BindFault, Stop, StopReport};

/// Examples of the command, shown in its help and run by a test.
pub(super) const EXAMPLES: &str = "\
Examples:
  lucarne serve
  MCP_LISTEN=127.0.0.1:8001 MCP_LOG=debug lucarne serve";

/// Ports that are tried for a free one beside one that is in use.
const NEAR_PORTS: u16 = 20;

/// Serves until it is told to stop.
pub(super) fn run() -> Result<(), Failure> {
    run_to_end(async {
        let mut signals = Signals::new()?;
        let Some(config) = signals.or(configuration()).await? else {
            return Ok(());
        };
        let config = Arc::new(config);
        logging::begin(&config);
        let source = Source::new(config::load_here_again).map_err(unheard)?;
        let Some(running) = signals.or(start(&config, Some(source))).await? else {
            say_ended(StopReport::default(), config.log.format);
            return Ok(());
        };
        // Whoever reads that it listens may end it from then on.
        let signals = signals.stopping(running.stop());
        summary::announce(&config, &running).await;
        end(running, signals, config.log.format).await
    })
}

/// The configuration as environment, `.env` and secret files have it now; they may be waited for.
async fn configuration() -> Result<Config, Failure> {
    let read = tokio::task::spawn_blocking(config::load_here).await;
    Ok(read.map_err(|_| Failure::unable("the configuration cannot be read"))??)
}

/// How long what still runs may take at the end: what blocks, such as a read of a file system that
/// does not answer, is not waited for.
const ENDS_WITHIN: Duration = Duration::from_millis(500);

/// Runs a service to its end.
pub(super) fn run_to_end(
    service: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let runtime = runtime()?;
    let ended = runtime.block_on(service);
    runtime.shutdown_timeout(ENDS_WITHIN);
    ended
}

/// What a thread may put on its stack, of which only what is used is taken: the SQL of a tool may be
/// nested, and the parser's steps are large.
const STACK_BYTES: usize = 8 << 20;

/// A runtime with a thread for every two cores, unless `TOKIO_WORKER_THREADS` says how many: the
/// fewer threads there are, the fewer are woken for a request, and the other cores are the
/// database's, and of what may take its time. `docs/internals/performance.md` has the figures.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    let mut builder = Builder::new_multi_thread();
    if std::env::var_os("TOKIO_WORKER_THREADS").is_none() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        builder.worker_threads(cores.div_ceil(2));
    }
    builder.thread_stack_size(STACK_BYTES);
    let built = builder.enable_all().build();
    built.map_err(|error| Failure::unable(format!("the runtime cannot start: {error}")))
}

/// Starts the service of a configuration.
pub(super) async fn start(
    config: &Arc<Config>,
    source: Option<Source>,
) -> Result<Running, Failure> {
    match App::start(config, source).await {
        Ok(running) => Ok(running),
        Err(StartError::Fault(fault)) => Err(fault.into()),
        Err(StartError::Tools(faults)) => Err(faults.into()),
        Err(StartError::Bind(fault)) => Err(unbindable(&fault, config).await),
    }
}

/// Serves to the end, and says how it went.
pub(super) async fn end(
    running: Running,
    signals: JoinHandle<()>,
    format: LogFormat,
) -> Result<(), Failure> {
    let stopped = running.join().await;
    signals.abort();
    say_ended(stopped?, format);
    Ok(())
}

fn say_ended(StopReport { sockets, cut }: StopReport, format: LogFormat) {
    let end = format!("stopped: {sockets} sockets closed, {cut} requests cut");
    match format {
        LogFormat::Text => output::words(end),
        LogFormat::Json => info!(sockets, cut, "{end}"),
    }
}

/// The signals that end a service.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn unheard(error: std::io::Error) -> Failure {
    Failure::unable(format!("signals cannot be heard: {error}"))
}

impl Signals {
    /// Hears them from now on; the first process of a container would miss those before.
    pub(super) fn new() -> Result<Self, Failure> {
        let hear = |kind| signal(kind).map_err(unheard);
        Ok(Self {
            terminate: hear(SignalKind::terminate())?,
            interrupt: hear(SignalKind::interrupt())?,
        })
    }

    async fn heard(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// What comes of a start; none where a signal ends it.
    pub(super) async fn or<T>(
        &mut self,
        start: impl Future<Output = Result<T, Failure>>,
    ) -> Result<Option<T>, Failure> {
        tokio::select! {
            started = start => started.map(Some),
            () = self.heard() => Ok(None),
        }
    }

    /// The first signal ends gracefully, a second one at once.
    pub(super) fn stopping(mut self, stop: Stop) -> JoinHandle<()> {
        let notify = Notify::of_environment();
        tokio::spawn(async move {
            for token in [stop.stopping, stop.cut] {
                self.heard().await;
                notify.stopping();
                token.cancel();
            }
        })
    }
}

impl From<Advice> for Failure {
    fn from(fault: Advice) -> Self {
        Self::unable(fault.text()).help(fault.help)
    }
}

/// An address that cannot be had, with one that can.
async fn unbindable(fault: &BindFault, config: &Config) -> Failure {
    use std::io::ErrorKind;
    let BindFault {
        variable,
        address,
        source,
    } = fault;
    let (what, help) = match source.kind() {
        ErrorKind::AddrInUse => (
            format!("{address} is in use"),
            match free_near(*address, config).await {
                Some(free) => format!("{variable}={free} is free now"),
                None => format!("name another port in {variable}"),
            },
        ),
        ErrorKind::PermissionDenied => (
            format!("{address} may not be listened on by this user"),
            format!("name a port from 1024 on in {variable}"),
        ),
        ErrorKind::AddrNotAvailable => (
            format!("{address} is no address of this machine"),
            format!(
                "{variable}=127.0.0.1:{} listens on this machine alone",
                address.port()
            ),
        ),
        kind => (
            format!("{address} cannot be listened on: {kind}"),
            format!("check {variable}"),
        ),
    };
    Failure::unable(what).help(help).exiting(Exit::Unbindable)
}

/// An address beside this one that is free, and that the configuration wants for nothing else.
async fn free_near(address: SocketAddr, config: &Config) -> Option<SocketAddr> {
    let wanted = [Some(config.service.listen), config.service.admin_listen];
    for step in 1..=NEAR_PORTS {
        let near = SocketAddr::new(address.ip(), address.port().checked_add(step)?);
        let wanted = wanted.iter().flatten();
        if wanted.map(SocketAddr::port).any(|port| port == near.port()) {
            continue;
        }
        if TcpListener::bind(near).await.is_ok() {
            return Some(near);
        }
    }
    None
}
