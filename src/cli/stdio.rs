//! `lucarne stdio`: MCP on standard input and output, for a client that starts the service itself.

use std::path::Path;
use std::sync::Arc;

use super::failure::Failure;
use super::serve::Signals;
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
    // A read of standard input cannot be given up, and does not keep the process.
    serve::run_to_end(async {
        let mut signals = Signals::new()?;
        let read = async {
            let read = tokio::task::spawn_blocking(configuration).await;
            read.unwrap_or_else(|_| Err(Failure::unable("the configuration cannot be read")))
        };
        let Some(config) = signals.or(read).await? else {
            return Ok(());
        };
        if !config.service.enabled {
            return Err(Failure::unable("MCP is switched off").help("set MCP_ENABLED=true"));
        }
        logging::begin(&config);
        answer(config, signals).await
    })
}

/// The configuration of a service whose client holds its pipes: no token could tell that client
/// from another. One that nobody knows stands for it, as the configuration wants one.
fn configuration() -> Result<Config, Failure> {
    let mut variables = config::environment(Some(Path::new(".env")))?;
    variables.retain(|(name, _)| !["MCP_TOKEN", "MCP_TOKEN_FILE"].contains(&name.as_str()));
    variables.push(("MCP_TOKEN".to_owned(), new_token()?));
    Ok(config::load(variables)?)
}

async fn answer(config: Config, mut signals: Signals) -> Result<(), Failure> {
    let config = Arc::new(config);
    let start = async {
        App::start_piped(&config)
            .await
            .map_err(|error| match error {
                StartError::Fault(fault) => fault.into(),
                StartError::Tools(faults) => faults.into(),
                // Nothing is bound for pipes.
                StartError::Bind(fault) => Failure::unable(fault.source.to_string()),
            })
    };
    let Some(running) = signals.or(start).await? else {
        return Ok(());
    };
    let signals = signals.stopping(running.stop());
    let weaknesses = running.opened.weaknesses().await;
    summary::say(&config, &running.opened, &weaknesses, 0);
    let served = running.serve(tokio::io::stdin(), tokio::io::stdout()).await;
    signals.abort();
    Ok(served?)
}
