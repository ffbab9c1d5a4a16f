//! `lucarne serve`: the service, from its configuration to its end.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tracing::{info, warn};

use super::exit::Exit;
use super::failure::Failure;
use super::{logging, output};
use crate::config::{self, Config};
use crate::db::StartFault;
use crate::observe::Metrics;
use crate::server::{BindFault, Server, Stop, Stopped};
use crate::service::{self, Opened};

/// Examples of the command, shown in its help and run by a test.
pub(super) const EXAMPLES: &str = "\
Examples:
  lucarne serve
  MCP_LISTEN=127.0.0.1:8001 MCP_LOG=debug lucarne serve";

/// Ports that are tried for a free one beside one that is in use.
const NEAR_PORTS: u16 = 20;

/// Serves until it is told to stop.
pub(super) fn run() -> Result<(), Failure> {
    let config = config::load(config::environment(Some(Path::new(".env")))?)?;
    logging::begin(&config);
    runtime()?.block_on(async {
        let (server, opened) = start(&config).await?;
        announce(&config, &server, &opened);
        serve(server, opened, config).await
    })
}

/// A runtime of all cores.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    Runtime::new().map_err(|error| Failure::unable(format!("the runtime cannot start: {error}")))
}

/// Opens the database and takes the addresses.
pub(super) async fn start(config: &Config) -> Result<(Server, Opened), Failure> {
    let metrics = Arc::new(Metrics::default());
    let opened = service::open(config, Arc::clone(&metrics)).await?;
    let server = match Server::bind(config, Arc::clone(&opened.service), metrics).await {
        Ok(server) => server,
        Err(fault) => return Err(unbindable(&fault).await),
    };
    Ok((server, opened))
}

/// Serves to the end, and says how it went.
pub(super) async fn serve(server: Server, opened: Opened, config: Config) -> Result<(), Failure> {
    if opened.waiting {
        tokio::spawn(service::wait_for_database(opened.service, Arc::new(config)));
    }
    let listening = signals(server.stop())?;
    let Stopped { sockets, cut } = server.run().await;
    listening.abort();
    output::words(format!(
        "stopped: {sockets} sockets closed, {cut} requests cut"
    ));
    Ok(())
}

/// The first signal ends gracefully, a second one at once.
pub(super) fn signals(stop: Stop) -> Result<tokio::task::JoinHandle<()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let hear = |kind| {
        signal(kind).map_err(|error| Failure::unable(format!("signals cannot be heard: {error}")))
    };
    let mut terminate = hear(SignalKind::terminate())?;
    let mut interrupt = hear(SignalKind::interrupt())?;
    Ok(tokio::spawn(async move {
        for token in [stop.stopping, stop.cut] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            token.cancel();
        }
    }))
}

/// Says in a few lines what is served, and what is weak about it.
fn announce(config: &Config, server: &Server, opened: &Opened) {
    let version = env!("CARGO_PKG_VERSION");
    let address = server.address().unwrap_or(config.listen);
    info!("lucarne {version} listens on http://{address}");
    if let Some(admin) = server.admin_address() {
        info!("metrics are at http://{admin}/metrics");
    }
    warn_of(config, opened);
    let Some(url) = config.database.as_ref().filter(|_| config.enabled) else {
        info!("off: /mcp answers 503; set MCP_ENABLED=true to open it");
        return;
    };
    if opened.waiting {
        warn!("{url} does not answer yet: waiting for it, requests are refused until then");
        return;
    }
    let policy = opened.service.policy();
    if let Ok(catalog) = policy.catalog() {
        let fields: usize = catalog
            .models()
            .iter()
            .map(|model| model.fields().len())
            .sum();
        info!(
            "reads {url}, read-only: {} models with {fields} fields, {} fields hidden \
             (lucarne check lists them)",
            catalog.models().len(),
            opened.hidden.len(),
        );
    }
}

/// Says what is weak about the configuration, and what of it is not served.
pub(super) fn warn_of(config: &Config, opened: &Opened) {
    for warning in &config.warnings {
        warn!(
            "{}: {}; {}",
            warning.variable, warning.message, warning.help
        );
    }
    for missing in &opened.missing {
        warn!(
            "MCP_ALLOWED_MODELS: {} is not served: {}",
            missing.name, missing.reason
        );
    }
}

impl From<StartFault> for Failure {
    fn from(fault: StartFault) -> Self {
        Self::unable(fault.what).help(fault.help)
    }
}

/// An address that cannot be had, with one that can.
async fn unbindable(fault: &BindFault) -> Failure {
    use std::io::ErrorKind;
    let BindFault {
        variable,
        address,
        source,
    } = fault;
    let (what, help) = match source.kind() {
        ErrorKind::AddrInUse => (
            format!("{address} is in use"),
            match free_near(*address).await {
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

async fn free_near(address: SocketAddr) -> Option<SocketAddr> {
    for step in 1..=NEAR_PORTS {
        let near = SocketAddr::new(address.ip(), address.port().checked_add(step)?);
        if TcpListener::bind(near).await.is_ok() {
            return Some(near);
        }
    }
    None
}
