//! Logs: tracing to standard error, as text for people or JSON for machines.

use std::io::{self, IsTerminal as _};

use tracing::error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

use crate::config::{Config, LogFormat};

/// Libraries that would write messages, statements or tokens into the log: never, at any level,
/// whatever the filter of the configuration says. A prefix stands for all modules and for sister
/// libraries.
const SILENCED: [(&str, &str); 8] = [
    ("hyper", "warn"),
    ("rmcp", "off"),
    ("rustls", "warn"),
    ("sqlx", "warn"),
    ("sqlx::explain", "off"),
    ("sqlx::query", "off"),
    ("tokio_tungstenite", "off"),
    ("tungstenite", "off"),
];

/// Begins to write logs as the configuration says; a second call changes nothing.
pub(super) fn begin(config: &Config) {
    let filter = filter(&config.log.filter);
    let colours = io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|value| value != "dumb");
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colours)
        .with_target(false);
    let _ = match config.log.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    // The usual report repeats the text that a fault stumbled over, and that may be a value.
    std::panic::set_hook(Box::new(|fault| {
        let place = fault.location().map(ToString::to_string);
        error!(place, "a fault of the service");
    }));
}

/// The filter of the configuration, without what it asks of a silenced library.
fn filter(asked: &str) -> EnvFilter {
    let is_silenced = |directive: &&str| {
        let target = directive.trim().split(['=', '[']).next();
        let target = target.unwrap_or_default();
        SILENCED.iter().any(|(name, _)| target.starts_with(name))
    };
    let asked: Vec<&str> = asked.split(',').filter(|part| !is_silenced(part)).collect();
    // The configuration has checked the filter.
    let mut filter = EnvFilter::try_new(asked.join(",")).unwrap_or_default();
    for (library, level) in SILENCED {
        if let Ok(directive) = format!("{library}={level}").parse::<Directive>() {
            filter = filter.add_directive(directive);
        }
    }
    filter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silenced_library_stays_silent() {
        for asked in [
            "trace",
            "trace,tungstenite::protocol=trace",
            "info, sqlx::query=trace,hyper_util[x]=trace",
        ] {
            let filter = filter(asked).to_string();
            for (library, level) in SILENCED {
                assert!(filter.contains(&format!("{library}={level}")), "{filter}");
            }
            assert!(!filter.contains("protocol=trace"), "{filter}");
            assert!(!filter.contains("hyper_util"), "{filter}");
        }
    }
}
