//! The configuration as a person typed it: flat, and text throughout.

use std::collections::HashMap;

use serde::Deserialize;

use super::fault::{Faults, Reason};
use super::variables::{self, VARIABLES};

/// The variable whose empty value is a fault and not the default: an emptied whitelist must not
/// expose the default one.
const EMPTY_IS_SET: &str = "MCP_ALLOWED_MODELS";

/// Each variable's text: typed or the default, `None` where there is neither.
///
/// It holds secrets, so it has no `Debug`. Numbers are text here because envy stops at the first
/// value that it cannot read and repeats it.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Raw {
    pub(super) mcp_enabled: String,
    pub(super) mcp_token: Option<String>,
    pub(super) mcp_token_file: Option<String>,
    pub(super) mcp_allowed_models: String,
    pub(super) mcp_readonly: String,
    pub(super) mcp_rate_limit: String,
    pub(super) mcp_rate_window: String,
    pub(super) database_url: Option<String>,
    pub(super) database_url_file: Option<String>,
    pub(super) mcp_hidden_fields: Option<String>,
    pub(super) mcp_reveal_fields: Option<String>,
    pub(super) mcp_field_types: Option<String>,
    pub(super) mcp_relations: Option<String>,
    pub(super) mcp_listen: String,
    pub(super) mcp_admin_listen: Option<String>,
    pub(super) mcp_control_socket: Option<String>,
    pub(super) mcp_tls_cert: Option<String>,
    pub(super) mcp_tls_key: Option<String>,
    pub(super) mcp_allowed_hosts: Option<String>,
    pub(super) mcp_allowed_origins: Option<String>,
    pub(super) mcp_allow_query_token: String,
    pub(super) mcp_trusted_proxies: Option<String>,
    pub(super) mcp_default_limit: String,
    pub(super) mcp_max_limit: String,
    pub(super) mcp_max_message_bytes: String,
    pub(super) mcp_max_response_bytes: String,
    pub(super) mcp_tool_max_bytes: String,
    pub(super) mcp_numbers: String,
    pub(super) mcp_max_connections: String,
    pub(super) mcp_max_connections_per_address: Option<String>,
    pub(super) mcp_max_requests: String,
    pub(super) mcp_max_memory_bytes: Option<String>,
    pub(super) mcp_token_rate_limit: Option<String>,
    pub(super) mcp_idle_timeout: String,
    pub(super) mcp_query_timeout: String,
    pub(super) mcp_slow_query: Option<String>,
    pub(super) mcp_scan_limit: Option<String>,
    pub(super) mcp_pool_size: Option<String>,
    pub(super) mcp_pgbouncer: String,
    pub(super) mcp_cursor_key: Option<String>,
    pub(super) mcp_cursor_key_file: Option<String>,
    pub(super) mcp_store: Option<String>,
    pub(super) mcp_store_file: Option<String>,
    pub(super) mcp_store_grace: String,
    pub(super) mcp_store_databases: String,
    pub(super) mcp_require_auth: String,
    pub(super) mcp_encryption_key: Option<String>,
    pub(super) mcp_encryption_key_file: Option<String>,
    pub(super) mcp_encryption_key_previous: Option<String>,
    pub(super) mcp_encryption_key_previous_file: Option<String>,
    pub(super) mcp_admin_token: Option<String>,
    pub(super) mcp_admin_token_file: Option<String>,
    pub(super) mcp_page: String,
    pub(super) mcp_admin_read: String,
    pub(super) mcp_allowed_database_hosts: Option<String>,
    pub(super) mcp_database_folder: Option<String>,
    pub(super) mcp_audit_file: Option<String>,
    pub(super) mcp_audit_on_error: String,
    pub(super) mcp_log: String,
    pub(super) mcp_log_format: String,
}

impl Raw {
    /// Takes the known variables: of one given twice the first that is not empty, else its default.
    pub(super) fn read(vars: &[(String, String)]) -> Result<Self, Faults> {
        let mut typed: HashMap<&str, &str> = HashMap::new();
        for (name, value) in vars {
            if variables::is_known(name) && (!value.is_empty() || name == EMPTY_IS_SET) {
                typed.entry(name).or_insert(value);
            }
        }
        for variable in VARIABLES {
            if let Some(default) = variable.default {
                typed.entry(variable.name).or_insert(default);
            }
        }
        let pairs = typed
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        // Every field is text and those without a default are optional, so nothing can fail here
        // that a person typed.
        envy::from_iter(pairs).map_err(|_| {
            Faults::one(Reason::new("cannot be read", "report this as a defect").of("environment"))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn read(vars: &[(&str, &str)]) -> Raw {
        let vars: Vec<_> = vars
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Raw::read(&vars).unwrap()
    }

    #[test]
    fn holds_exactly_the_variables_of_the_table() {
        let raw = serde_json::to_value(read(&[])).unwrap();
        let fields: BTreeSet<String> = raw
            .as_object()
            .unwrap()
            .keys()
            .map(|field| field.to_uppercase())
            .collect();
        let names: BTreeSet<String> = variables::names().map(Into::into).collect();
        assert_eq!(fields, names);
    }

    #[test]
    fn an_empty_value_is_unset_but_for_the_whitelist() {
        let raw = read(&[
            ("MCP_RATE_LIMIT", ""),
            ("MCP_TOKEN", ""),
            ("MCP_ALLOWED_MODELS", ""),
        ]);
        assert_eq!(raw.mcp_rate_limit, "60");
        assert_eq!(raw.mcp_token, None);
        assert_eq!(raw.mcp_allowed_models, "");
    }

    #[test]
    fn the_first_value_that_is_not_empty_wins() {
        let raw = read(&[
            ("MCP_RATE_LIMIT", ""),
            ("MCP_RATE_LIMIT", "5"),
            ("MCP_RATE_LIMIT", "7"),
            ("MCP_ALLOWED_MODELS", ""),
            ("MCP_ALLOWED_MODELS", "users"),
        ]);
        assert_eq!(raw.mcp_rate_limit, "5");
        assert_eq!(
            raw.mcp_allowed_models, "",
            "a blank whitelist is not filled from below"
        );
    }

    #[test]
    fn names_count_in_their_own_case_alone() {
        let raw = read(&[("mcp_rate_limit", "5"), ("PATH", "/bin")]);
        assert_eq!(raw.mcp_rate_limit, "60");
    }
}
