//! What is logged, and in which form.

use serde::Deserialize;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use super::check::Check;
use super::fault::{Faults, quoted};
use super::reader::Reader;
use super::variables::{Group, variable};

use crate::advice::Advice;

/// The variables of this concern.
pub(super) const GROUP: Group = Group {
    title: "Log",
    variables: &[
        variable(
            "MCP_LOG",
            "info",
            "what is logged: error, warn, info, debug, trace or a tracing filter",
        ),
        variable("MCP_LOG_FORMAT", "text", "text or json"),
    ],
};

/// What is logged, and in which form.
#[derive(Debug)]
pub struct Log {
    /// A tracing filter that is known to parse.
    pub filter: String,
    /// The form of log lines.
    pub format: LogFormat,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The variables as they were typed.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Texts {
    mcp_log: String,
    mcp_log_format: String,
}

pub(super) fn read(reader: &mut Reader) -> Result<Log, Faults> {
    let typed: Texts = reader.typed()?;
    let check = &mut reader.check;
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    Ok(Log {
        filter: filter(check, &typed.mcp_log),
        format: check.choice(
            "MCP_LOG_FORMAT",
            &typed.mcp_log_format,
            &formats,
            LogFormat::Text,
        ),
    })
}

/// Checks a tracing filter, and takes the spaces out that tracing would trip over.
fn filter(check: &mut Check, text: &str) -> String {
    let directives: Vec<&str> = text.split(',').map(str::trim).collect();
    let refused = directives.iter().find(|directive| {
        // A word alone would be taken for the name of a module, and all else go silent.
        let word = !directive.contains(['=', '[']);
        directive.is_empty()
            || word && directive.parse::<LevelFilter>().is_err()
            || EnvFilter::builder().parse(directive).is_err()
    });
    if let Some(directive) = refused {
        let reason = Advice::new(
            format!(
                "expected error, warn, info, debug, trace, off or a tracing filter, not {}",
                quoted(directive)
            ),
            "for example MCP_LOG=info or MCP_LOG=info,lucarne=debug",
        );
        check.fault("MCP_LOG", reason);
    }
    directives.join(",")
}
