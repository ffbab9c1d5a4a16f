//! `lucarne stdio`: MCP on standard input and output, for a client that starts the service itself.

use std::path::Path;
use std::sync::Arc;

use super::failure::Failure;
use super::token::new_token;
use super::{logging, serve, summary};
use crate::app::{App, StartError};
use crate::config::{self, Config};

/// Examples of the command, shown in its help and run by a test.
pub(super) const EXAMPLES: &str = "\
Examples:
  MCP_ENABLED=true DATABASE_URL=sqlite:data/shop.db lucarne stdio
  lucarne config claude --stdio";

/// Answers until the input ends.
pub(super) fn run() -> Result<(), Failure> {
    let config = configuration()?;
    if !config.service.enabled {
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
    let config = Arc::new(config);
    let running = match App::start_piped(&config).await {
        Ok(running) => running,
        Err(StartError::Fault(fault)) => return Err(fault.into()),
        Err(StartError::Tools(faults)) => return Err(faults.into()),
        // Nothing is bound for pipes.
        Err(StartError::Bind(fault)) => return Err(Failure::unable(fault.source.to_string())),
    };
    let signals = serve::signals(running.stop())?;
    let weaknesses = running.opened.weaknesses().await;
    summary::say(&config, &running.opened, &weaknesses, 0);
    let served = running.serve(tokio::io::stdin(), tokio::io::stdout()).await;
    signals.abort();
    served.map_err(|error| {
        let kind = error.kind();
        Failure::unable(format!("standard output cannot be written: {kind}"))
    })
}
