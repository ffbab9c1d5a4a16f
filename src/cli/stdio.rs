//! `lucarne stdio`: MCP on standard input and output, for a client that starts the service itself.

use std::path::Path;
use std::sync::Arc;

use super::failure::Failure;
use super::token::new_token;
use super::{logging, serve};
use crate::app::notify::Notify;
use crate::app::supervise::Supervisor;
use crate::app::{self, Live};
use crate::config::{self, Config};
use crate::observe::Metrics;
use crate::server::{self, Stop};

/// Examples of the command, shown in its help and run by a test.
pub(super) const EXAMPLES: &str = "\
Examples:
  MCP_ENABLED=true DATABASE_URL=sqlite:data/shop.db lucarne stdio
  lucarne config claude --stdio";

/// Answers until the input ends.
pub(super) fn run() -> Result<(), Failure> {
    let config = configuration()?;
    if !config.enabled {
        return Err(Failure::unable("MCP is switched off").help("set MCP_ENABLED=true"));
    }
    logging::begin(&config);
    let runtime = serve::runtime()?;
    let ended = runtime.block_on(answer(config));
    // A read of standard input cannot be given up, and must not keep the process.
    runtime.shutdown_background();
    ended
}

/// The configuration of a service whose client holds its pipes: no token could tell that client
/// from another. One that nobody knows stands for it, as the configuration wants one.
fn configuration() -> Result<Config, Failure> {
    let mut variables = config::environment(Some(Path::new(".env")))?;
    variables.retain(|(name, _)| !["MCP_TOKEN", "MCP_TOKEN_FILE"].contains(&name.as_str()));
    variables.push(("MCP_TOKEN".to_owned(), new_token()?));
    Ok(config::load(variables)?)
}

async fn answer(config: Config) -> Result<(), Failure> {
    let metrics = Arc::new(Metrics::default());
    let opened = app::open(&config, Arc::clone(&metrics)).await?;
    opened.service.begin_audit(&config).await?;
    let stop = Stop::default();
    let signals = serve::signals(stop.clone())?;
    let weaknesses = opened.weaknesses().await;
    serve::say(&config, &opened, &weaknesses, 0);
    let service = Arc::clone(&opened.service);
    let app = server::Piped::new(&config, Arc::clone(&service), metrics, stop);
    // A client that wants another configuration starts another process.
    let supervisor = Supervisor::new(
        Live::new(opened, None, config),
        None,
        Notify::of_environment(),
    );
    let supervising = tokio::spawn(supervisor.run());
    let served = app.serve(tokio::io::stdin(), tokio::io::stdout()).await;
    signals.abort();
    supervising.abort();
    if let Some(audit) = service.audit() {
        audit.flush().await;
    }
    served.map_err(|error| {
        let kind = error.kind();
        Failure::unable(format!("standard output cannot be written: {kind}"))
    })
}
