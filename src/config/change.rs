//! What differs between two configurations, told by the names of variables.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

use super::variables::{self, VARIABLES};

/// The variables that a reload puts in force; a change of any other waits for a restart.
const FOLLOWS: &[&str] = &[
    "MCP_TOKEN",
    "MCP_TOKEN_FILE",
    "MCP_ALLOWED_MODELS",
    "MCP_READONLY",
    "MCP_RATE_LIMIT",
    "MCP_RATE_WINDOW",
    "MCP_HIDDEN_FIELDS",
    "MCP_REVEAL_FIELDS",
    "MCP_TLS_CERT",
    "MCP_TLS_KEY",
    "MCP_ALLOWED_HOSTS",
    "MCP_ALLOWED_ORIGINS",
    "MCP_ALLOW_QUERY_TOKEN",
    "MCP_TRUSTED_PROXIES",
    "MCP_DEFAULT_LIMIT",
    "MCP_MAX_LIMIT",
    "MCP_MAX_MESSAGE_BYTES",
    "MCP_MAX_RESPONSE_BYTES",
    "MCP_NUMBERS",
    "MCP_MAX_CONNECTIONS",
    "MCP_MAX_CONNECTIONS_PER_ADDRESS",
    "MCP_TOKEN_RATE_LIMIT",
    "MCP_IDLE_TIMEOUT",
    "MCP_SCAN_LIMIT",
    "MCP_CURSOR_KEY",
    "MCP_CURSOR_KEY_FILE",
    "MCP_REQUIRE_AUTH",
    "MCP_ADMIN_TOKEN",
    "MCP_ADMIN_TOKEN_FILE",
    "MCP_ALLOWED_DATABASE_HOSTS",
    "MCP_DATABASE_FOLDER",
    "MCP_AUDIT_ON_ERROR",
];

/// Each variable's text as it counts, to tell two configurations apart.
///
/// A secret is held as the value that was found, in the variable or in its file; `Debug` shows
/// nothing.
#[derive(Clone, Default)]
pub struct Settings(BTreeMap<String, SecretString>);

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}

impl Settings {
    /// The variables that are no secrets, the first of each that has a value.
    pub(super) fn read(vars: &[(String, String)]) -> Self {
        let mut settings = Self::default();
        for name in variables::names() {
            let secret = VARIABLES
                .iter()
                .any(|known| known.secret && known.name == name);
            let typed = vars.iter().find(|var| var.0 == name && !var.1.is_empty());
            if let Some((_, value)) = typed.filter(|_| !secret) {
                settings.note(&name, value);
            }
        }
        settings
    }

    /// Takes the value of a secret, wherever it was found.
    pub(super) fn note(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.into());
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(SecretString::expose_secret)
    }

    /// What differs in `new`, in the order of the variables' table.
    pub(super) fn changes(&self, new: &Self) -> Vec<Change> {
        let differs = |name: &str| self.value(name) != new.value(name);
        variables::names()
            .filter(|name| differs(name))
            .map(|name| {
                let known = VARIABLES.iter().find(|known| known.name == name);
                let shown = |settings: &Self| {
                    let default = known.and_then(|known| known.default);
                    let text = settings.value(&name).or(default);
                    text.map_or_else(|| "unset".to_owned(), str::to_owned)
                };
                let values = known
                    .is_none_or(|known| !known.secret)
                    .then(|| (shown(self), shown(new)));
                let follows = FOLLOWS.contains(&&*name);
                let variable = name.into_owned();
                Change {
                    variable,
                    values,
                    follows,
                }
            })
            // The default as a person typed it is no change.
            .filter(|change| {
                change
                    .values
                    .as_ref()
                    .is_none_or(|(before, after)| before != after)
            })
            .collect()
    }

    /// Takes over from `running` what only a restart changes.
    pub(super) fn keep_until_restart(&mut self, running: &Self) {
        for name in variables::names().filter(|name| !FOLLOWS.contains(&&**name)) {
            match running.value(&name) {
                Some(value) => self.note(&name, value),
                None => {
                    self.0.remove(&*name);
                }
            }
        }
    }
}

/// A variable that differs between two configurations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub variable: String,
    /// What it was and what it is; `None` for a secret.
    pub values: Option<(String, String)>,
    /// Whether a reload puts it in force.
    pub follows: bool,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.values {
            Some((before, after)) => write!(f, "{}: {before} -> {after}", self.variable),
            None => write!(f, "{}: changed", self.variable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(vars: &[(&str, &str)]) -> Settings {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Settings::read(&vars.iter().map(owned).collect::<Vec<_>>())
    }

    fn told(before: &Settings, after: &Settings) -> Vec<(String, bool)> {
        let changes = before.changes(after);
        let told = changes.iter();
        told.map(|change| (change.to_string(), change.follows))
            .collect()
    }

    #[test]
    fn what_follows_is_in_the_table_and_in_the_documentation() {
        let page = include_str!("../../docs/operations.md");
        let (_, list) = page.split_once("These variables follow a reload:").unwrap();
        let (list, _) = list.split_once('.').unwrap();
        let told: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
        for name in FOLLOWS {
            assert!(variables::is_known(name), "{name}");
            let of_secret = name.strip_suffix("_FILE");
            assert!(told.contains(&of_secret.unwrap_or(name)), "{name}");
        }
        assert!(told.iter().all(|name| FOLLOWS.contains(name)), "{told:?}");
    }

    #[test]
    fn differences_are_told_by_name_and_secrets_without_their_value() {
        let mut before = settings(&[("MCP_LISTEN", "127.0.0.1:1"), ("MCP_READONLY", "true")]);
        let mut after = settings(&[("MCP_RATE_LIMIT", "7"), ("MCP_NUMBERS", "")]);
        before.note("MCP_TOKEN", "s3same-old");
        after.note("MCP_TOKEN", "s3same-new");
        assert_eq!(
            told(&before, &after),
            [
                ("MCP_TOKEN: changed".to_owned(), true),
                ("MCP_RATE_LIMIT: 60 -> 7".to_owned(), true),
                (
                    "MCP_LISTEN: 127.0.0.1:1 -> 127.0.0.1:8000".to_owned(),
                    false
                ),
            ]
        );
        assert!(!format!("{before:?}").contains("s3same"));
    }

    #[test]
    fn what_waits_for_a_restart_is_told_until_it_comes() {
        let running = settings(&[("MCP_POOL_SIZE", "4")]);
        let mut new = settings(&[("MCP_POOL_SIZE", "8"), ("MCP_RATE_LIMIT", "7")]);
        assert_eq!(running.changes(&new).len(), 2);
        new.keep_until_restart(&running);
        assert_eq!(
            told(&running, &new),
            [("MCP_RATE_LIMIT: 60 -> 7".to_owned(), true)]
        );
    }
}
