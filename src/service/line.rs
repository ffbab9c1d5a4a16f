//! The line that a request leaves in the log.

use std::fmt;
use std::time::Duration;

use tracing::{debug, error, info, warn};

use crate::auth::Caller;
use crate::error::{Error, ErrorKind};

/// A request that came to its end.
pub(super) struct Line<'r> {
    pub(super) caller: &'r Caller,
    pub(super) action: &'r str,
    pub(super) model: &'r str,
    /// The tool of the operator that was called.
    pub(super) tool: Option<&'r str>,
    pub(super) took: Duration,
}

impl Line<'_> {
    /// An answer of so many rows; `slow` holds the fields of its filter, where it took too long.
    pub(super) fn answered(&self, rows: usize, slow: Option<Vec<String>>) {
        let Self {
            caller,
            action,
            model,
            tool,
            took,
        } = *self;
        let (token, address, transport) = (caller.credential, caller.address, caller.transport);
        let (client, ms) = (caller.named(), Millis(took));
        if let Some(filters) = slow {
            let filters = filters.join(",");
            warn!(
                %address, %transport, %token, client, %action, %model, tool, %filters, rows, %ms,
                "slow query: over MCP_SLOW_QUERY"
            );
        }
        debug!(
            %address, %transport, %token, client, %action, %model, tool, rows, %ms,
            "answered"
        );
    }

    /// A failure that the operator has to hear of, with the driver's words.
    pub(super) fn failed(&self, error: &Error, cause: Option<&str>) {
        let Self {
            caller,
            action,
            model,
            ..
        } = *self;
        let (token, address, transport) = (caller.credential, caller.address, caller.transport);
        let client = caller.named();
        let (code, why) = (error.code(), told(error, cause));
        match self.tool {
            Some(tool) => error!(
                %address, %transport, %token, client, %code,
                "MCP {action} failed for tool {tool}: {error}{why}"
            ),
            None => error!(
                %address, %transport, %token, client, %code,
                "MCP {action} query failed for model {model}: {error}{why}"
            ),
        }
    }

    /// A refusal, which is the client's matter.
    pub(super) fn refused(&self, error: &Error) {
        let Self {
            caller,
            action,
            model,
            tool,
            took,
        } = *self;
        let (token, address, transport) = (caller.credential, caller.address, caller.transport);
        let (client, code, ms) = (caller.named(), error.code(), Millis(took));
        info!(
            %address, %transport, %token, client, %action, %model, tool, %code, %ms,
            "refused"
        );
    }
}

/// A time in milliseconds, written only where somebody reads it.
struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.0.as_secs_f64() * 1e3)
    }
}

/// What the log says of a failure after its text.
fn told(error: &Error, cause: Option<&str>) -> String {
    match (cause, error.kind()) {
        (Some(cause), _) => format!(": {cause}"),
        (None, ErrorKind::Overloaded) => {
            ": no place came free in time; raise MCP_MAX_REQUESTS, or \
             MCP_STORE_DATABASES where many tenants ask at once"
                .to_owned()
        }
        (None, _) => String::new(),
    }
}
