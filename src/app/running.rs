//! A running service: one value owns every task of it, from its start to its end.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::task::AbortOnDropHandle;

use super::notify::Notify;
use super::supervise::{Source, Supervisor};
use super::watch::Watch;
use super::{Live, OpenService, StoreFeed, give_tools, keep, open, tools};
use crate::advice::Advice;
use crate::config::{Config, Faults};
use crate::observe::Metrics;
use crate::server::{BindFault, Server, StdioService, Stop, StopReport};
use crate::service::Service;

/// What starts a service.
#[derive(Debug)]
pub struct App;

/// A service on the network. Dropping it ends its tasks at once.
#[derive(Debug)]
pub struct Running {
    /// The service, and what was found at its start.
    pub opened: OpenService,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Whom the store lets in, in a few words, where there is one.
    pub store: Option<String>,
    /// The address that is served, its port known.
    pub address: SocketAddr,
    /// The address of the admin listener, its port known.
    pub admin: Option<SocketAddr>,
    stop: Stop,
    serving: AbortOnDropHandle<StopReport>,
    beside: Helpers,
}

/// A service for the one client that holds its pipes.
#[derive(Debug)]
pub(crate) struct RunningPipe {
    /// The service, and what was found at its start.
    pub opened: OpenService,
    piped: StdioService,
    stop: Stop,
    beside: Helpers,
}

/// What goes on beside serving.
#[derive(Debug)]
struct Helpers {
    supervising: AbortOnDropHandle<()>,
    notify: Notify,
}

/// Why a service did not start.
#[derive(Debug)]
pub enum StartError {
    /// Something of the configuration, the database or the store.
    Fault(Advice),
    /// The tools that the operator wrote.
    Tools(Faults),
    /// An address.
    Bind(BindFault),
}

impl From<Faults> for StartError {
    fn from(faults: Faults) -> Self {
        Self::Tools(faults)
    }
}

impl From<Advice> for StartError {
    fn from(fault: Advice) -> Self {
        Self::Fault(fault)
    }
}

impl App {
    /// Starts the service of a configuration; it reloads from `source`, where there is one.
    ///
    /// # Errors
    /// What [`open`] and [`keep`] say, and an address that cannot be had.
    pub async fn start(
        config: &Arc<Config>,
        source: Option<Source>,
    ) -> Result<Running, StartError> {
        let watches = watches(config).await;
        let metrics = Arc::new(Metrics::default());
        let opened = open(config, Arc::clone(&metrics)).await?;
        give_tools(&opened, config).await?;
        let service = Arc::clone(&opened.service);
        let server = Server::bind(config, service, Arc::clone(&metrics)).await;
        let mut server = server.map_err(StartError::Bind)?;
        let source = match source {
            Some(source) => Some(controlled(source, &mut server, config)?),
            None => None,
        };
        let address = server.address().unwrap_or(config.service.listen);
        let (admin, stop) = (server.admin_address(), server.stop());
        let kept = keep(&opened.service, config).await?;
        Ok(Running {
            store: kept.as_ref().map(StoreFeed::summary),
            beside: Helpers::new(&opened, kept, config, (source, watches)),
            serving: AbortOnDropHandle::new(tokio::spawn(server.run())),
            opened,
            metrics,
            address,
            admin,
            stop,
        })
    }

    /// Starts the service of a configuration for one client, which is spoken to by pipes.
    ///
    /// # Errors
    /// As [`open`] says.
    pub(crate) async fn start_piped(config: &Arc<Config>) -> Result<RunningPipe, StartError> {
        let watches = watches(config).await;
        let metrics = Arc::new(Metrics::default());
        let opened = open(config, Arc::clone(&metrics)).await?;
        give_tools(&opened, config).await?;
        let (service, stop) = (Arc::clone(&opened.service), Stop::default());
        Ok(RunningPipe {
            piped: StdioService::new(config, service, metrics, stop.clone()),
            // A client that wants another configuration starts another process.
            beside: Helpers::new(&opened, None, config, (None, watches)),
            opened,
            stop,
        })
    }
}

/// The secret files and those of tools, as they were before they were read.
async fn watches(config: &Arc<Config>) -> [Watch; 2] {
    [
        Watch::new(config.watched_files()),
        tools::watch(Arc::clone(config)).await,
    ]
}

/// What a service reloads from, with what its control socket is asked for, where it has one.
fn controlled(source: Source, server: &mut Server, config: &Config) -> Result<Source, Advice> {
    let Some(path) = &config.service.control_socket else {
        return Ok(source);
    };
    match server.open_control(path) {
        Ok(requests) => Ok(source.hearing(requests)),
        Err(error) => Err(Advice::new(
            format!(
                "MCP_CONTROL_SOCKET: cannot open {}: {error}",
                path.display()
            ),
            "name a file in a folder that is there and that the service may write to, or off",
        )),
    }
}

impl Running {
    /// What ends the service: cancel `stopping` for a graceful end, `cut` for one at once.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Says that the service is ready, and waits for its end.
    ///
    /// # Errors
    /// When what hears of revocations and reloads has ended by a defect: nobody is served without it.
    pub async fn join(self) -> Result<StopReport, Advice> {
        let Self {
            opened,
            serving,
            mut beside,
            ..
        } = self;
        beside.notify.ready();
        // It neither panics nor is it aborted while it is held here.
        let served = async { serving.await.unwrap_or_default() };
        let stopped = supervised(served, &mut beside.supervising).await;
        beside.end(&opened.service).await;
        stopped
    }
}

impl RunningPipe {
    /// What ends the service: cancel `stopping` for a graceful end, `cut` for one at once.
    pub(crate) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Answers until the input ends, or the service is told to stop.
    ///
    /// # Errors
    /// When the output cannot be written, and as [`Running::join`] says.
    pub(crate) async fn serve(
        mut self,
        input: impl AsyncRead + Send + Unpin + 'static,
        output: impl AsyncWrite + Unpin,
    ) -> Result<(), Advice> {
        let served = self.piped.serve(input, output);
        let served = supervised(served, &mut self.beside.supervising).await;
        self.beside.end(&self.opened.service).await;
        served?.map_err(|error| {
            let kind = error.kind();
            let message = format!("standard output cannot be written: {kind}");
            Advice::new(message, "look at the client that reads it")
        })
    }
}

/// What becomes of serving, which does not go on without what supervises it.
async fn supervised<T>(
    serving: impl Future<Output = T>,
    supervising: &mut AbortOnDropHandle<()>,
) -> Result<T, Advice> {
    tokio::select! {
        served = serving => Ok(served),
        _ = supervising => Err(Advice::new(
            "nothing hears of revocations any more: the service ends",
            "start it again, and report this as a defect",
        )),
    }
}

impl Helpers {
    fn new(
        opened: &OpenService,
        kept: Option<StoreFeed>,
        config: &Arc<Config>,
        (source, watches): (Option<Source>, [Watch; 2]),
    ) -> Self {
        let notify = Notify::of_environment();
        let live = Live::new(opened, kept, Arc::clone(config));
        let supervisor = Supervisor::new(live, source, watches, notify.clone());
        Self {
            supervising: AbortOnDropHandle::new(tokio::spawn(supervisor.run())),
            notify,
        }
    }

    /// Ends what goes on, and writes what the audit still holds.
    async fn end(self, service: &Service) {
        drop(self.supervising);
        if let Some(audit) = service.audit() {
            audit.flush().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_is_served_without_what_supervises() {
        let mut lost = AbortOnDropHandle::new(tokio::spawn(async { panic!("a defect") }));
        let ended = supervised(std::future::pending::<()>(), &mut lost).await;
        assert!(ended.is_err());
        let mut lasting = AbortOnDropHandle::new(tokio::spawn(std::future::pending()));
        assert_eq!(supervised(async { 7 }, &mut lasting).await, Ok(7));
    }
}
