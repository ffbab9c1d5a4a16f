//! Logs: tracing to standard error, as text for people or JSON for machines.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

use crate::config::{Config, LogFormat};

/// Libraries that would write messages, statements or tokens into the log: never, at any level.
const SILENCED: [&str; 7] = [
    "hyper=warn",
    "hyper_util=warn",
    "rustls=warn",
    "sqlx=warn",
    "sqlx::query=off",
    "tokio_tungstenite=off",
    "tungstenite=off",
];

/// Begins to write logs as the configuration says; a second call changes nothing.
pub(super) fn begin(config: &Config) {
    // The configuration has checked the filter.
    let mut filter = EnvFilter::try_new(&config.log_filter).unwrap_or_default();
    for silenced in SILENCED {
        if let Ok(directive) = silenced.parse::<Directive>() {
            filter = filter.add_directive(directive);
        }
    }
    let colours = io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|value| value != "dumb");
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colours)
        .with_target(false);
    let _ = match config.log_format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
