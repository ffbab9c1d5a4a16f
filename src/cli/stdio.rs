//! `lucarne stdio`: MCP on standard input and output, for a client that starts the service itself.

use std::path::Path;
use std::sync::Arc;

use super::failure::Failure;
use super::token::new_token;
use super::{logging, serve};
use crate::config;
use crate::observe::Metrics;
use crate::server::{self, Stop};
use crate::service;

/// Examples of the command, shown in its help and run by a test.
pub(super) const EXAMPLES: &str = "\
Examples:
  MCP_ENABLED=true DATABASE_URL=sqlite:data/shop.db lucarne stdio
  lucarne config claude --stdio";

/// Answers until the input ends.
pub(super) fn run() -> Result<(), Failure> {
    let mut variables = config::environment(Some(Path::new(".env")))?;
    // Whoever starts this process holds its pipes: no token could tell him from another. One that
    // nobody knows stands for it, as the configuration of a service wants one.
    variables.retain(|(name, _)| !["MCP_TOKEN", "MCP_TOKEN_FILE"].contains(&name.as_str()));
    variables.push(("MCP_TOKEN".to_owned(), new_token()?));
    let config = config::load(variables)?;
    if !config.enabled {
        return Err(Failure::unable("MCP is switched off").help("set MCP_ENABLED=true"));
    }
    logging::begin(&config);
    let runtime = serve::runtime()?;
    let ended = runtime.block_on(async {
        let metrics = Arc::new(Metrics::default());
        let opened = service::open(&config, Arc::clone(&metrics)).await?;
        serve::warn_of(&config, &opened);
        let (service, config) = (Arc::clone(&opened.service), Arc::new(config));
        if opened.waiting {
            let waiting = service::wait_for_database(opened.service, Arc::clone(&config));
            tokio::spawn(waiting);
        }
        let stop = Stop::default();
        let listening = serve::signals(stop.clone())?;
        let (input, output) = (tokio::io::stdin(), tokio::io::stdout());
        let served = server::stdio(&config, service, metrics, stop, input, output).await;
        listening.abort();
        served.map_err(|error| {
            Failure::unable(format!(
                "standard output cannot be written: {}",
                error.kind()
            ))
        })
    });
    // A read of standard input cannot be given up, and must not keep the process.
    runtime.shutdown_background();
    ended
}
