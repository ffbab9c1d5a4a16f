//! The one table of the variables, and the guess at what a misspelt name meant.

use std::borrow::Cow;

use super::change;

/// A variable of the environment that the service reads.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// The name, in capitals.
    pub name: &'static str,
    /// The default as one would type it; `None` leaves the variable unset.
    pub default: Option<&'static str>,
    /// What it means, in one line.
    pub meaning: &'static str,
    /// Whether the value is never shown; `…_FILE` then names a file that holds it.
    pub secret: bool,
}

const fn variable(name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable {
        name,
        default: Some(default),
        meaning,
        secret: false,
    }
}

const fn unset(name: &'static str, meaning: &'static str) -> Variable {
    Variable {
        name,
        default: None,
        meaning,
        secret: false,
    }
}

const fn secret(name: &'static str, meaning: &'static str) -> Variable {
    Variable {
        name,
        default: None,
        meaning,
        secret: true,
    }
}

/// Every variable, in the order in which people meet them.
pub const VARIABLES: &[Variable] = &[
    variable(
        "MCP_ENABLED",
        "false",
        "opens /mcp; while off it answers 503",
    ),
    secret(
        "MCP_TOKEN",
        "the shared token, needed when enabled; a comma list holds several at once",
    ),
    variable(
        "MCP_REQUIRE_AUTH",
        "true",
        "false lets anyone of this machine in, for development; only on a loopback MCP_LISTEN",
    ),
    variable(
        "MCP_ALLOWED_MODELS",
        "users,tickets,change_log",
        "tables and views to expose: name, schema.name or alias=schema.name",
    ),
    variable(
        "MCP_READONLY",
        "true",
        "false changes only an error text: there is no write path",
    ),
    variable(
        "MCP_RATE_LIMIT",
        "60",
        "requests per window and connection, MCP's lists and pings apart; 0 turns the limit off",
    ),
    variable("MCP_RATE_WINDOW", "60", "the window in seconds"),
    secret(
        "DATABASE_URL",
        "sqlite:…, postgres://…, mysql://… or mariadb://…, needed when enabled",
    ),
    unset(
        "MCP_HIDDEN_FIELDS",
        "more sensitive fields: field or model.field, with *",
    ),
    unset(
        "MCP_REVEAL_FIELDS",
        "fields that a built-in rule hides wrongly: model.field",
    ),
    unset(
        "MCP_FIELD_TYPES",
        "what columns of an SQLite file hold: orders.at=unix_ms",
    ),
    unset(
        "MCP_RELATIONS",
        "keys between models that the database has not: orders.customer_id=customers.id",
    ),
    variable("MCP_LISTEN", "127.0.0.1:8000", "the address to listen on"),
    unset(
        "MCP_ADMIN_LISTEN",
        "a second address for /health, /ready and /metrics without a token",
    ),
    unset(
        "MCP_CONTROL_SOCKET",
        "a socket for lucarne reload and lucarne exposed, or off; unset: the one of systemd's RuntimeDirectory, else none",
    ),
    unset(
        "MCP_TLS_CERT",
        "a PEM file with the certificate and its chain: MCP_LISTEN then speaks TLS alone",
    ),
    unset(
        "MCP_TLS_KEY",
        "a PEM file with the certificate's private key",
    ),
    unset(
        "MCP_ALLOWED_HOSTS",
        "Host values answered; unset: loopback names and the listen address; * for any",
    ),
    unset(
        "MCP_ALLOWED_ORIGINS",
        "browser origins let in, such as https://app.example.com",
    ),
    variable(
        "MCP_ALLOW_QUERY_TOKEN",
        "true",
        "whether /mcp/ws takes ?token=",
    ),
    unset(
        "MCP_TRUSTED_PROXIES",
        "networks whose X-Forwarded-For is believed, such as 10.0.0.0/8",
    ),
    variable(
        "MCP_DEFAULT_LIMIT",
        "50",
        "rows of a page when the request names no limit",
    ),
    variable("MCP_MAX_LIMIT", "100", "rows of the largest page"),
    variable(
        "MCP_MAX_MESSAGE_BYTES",
        "65536",
        "the largest request in bytes",
    ),
    variable(
        "MCP_MAX_RESPONSE_BYTES",
        "1048576",
        "the largest answer in bytes",
    ),
    variable(
        "MCP_TOOL_MAX_BYTES",
        "40960",
        "the largest text of an MCP tool result in bytes",
    ),
    variable(
        "MCP_NUMBERS",
        "native",
        "string sends 64-bit integers and decimals as strings",
    ),
    variable("MCP_MAX_CONNECTIONS", "1024", "sockets open at once"),
    unset(
        "MCP_MAX_CONNECTIONS_PER_ADDRESS",
        "sockets open at once from one address; unset: only the number in all counts",
    ),
    variable(
        "MCP_MAX_REQUESTS",
        "1024",
        "requests answered at once, over all sockets; more wait for their turn",
    ),
    unset(
        "MCP_MAX_MEMORY_BYTES",
        "bytes for all requests and answers under way, over all connections; unset: 192 MiB, or a quarter of what the machine has",
    ),
    unset(
        "MCP_TOKEN_RATE_LIMIT",
        "requests per window and token, over all its connections; unset: no limit",
    ),
    variable(
        "MCP_IDLE_TIMEOUT",
        "300",
        "seconds without a message before a socket is closed",
    ),
    variable(
        "MCP_QUERY_TIMEOUT",
        "5",
        "seconds that a statement may take",
    ),
    unset(
        "MCP_SLOW_QUERY",
        "seconds, such as 0.5, from which on the log tells of a request as slow; unset: never",
    ),
    unset(
        "MCP_SCAN_LIMIT",
        "estimated rows above which an unindexed filter or sort is refused; unset: never",
    ),
    unset(
        "MCP_POOL_SIZE",
        "database connections; unset: twice the cores, from 4 to 32",
    ),
    variable(
        "MCP_PGBOUNCER",
        "false",
        "the database is behind a transaction pooler",
    ),
    secret(
        "MCP_CURSOR_KEY",
        "key for cursors that several instances share: 43 base64url characters or 64 hex digits",
    ),
    secret(
        "MCP_STORE",
        "where tenants and their tokens are kept: sqlite:… or postgres://…; unset: nowhere",
    ),
    variable(
        "MCP_STORE_GRACE",
        "300",
        "seconds that a store may be away before its tokens are refused",
    ),
    variable(
        "MCP_STORE_DATABASES",
        "32",
        "databases of tenants that are open at once, each with MCP_POOL_SIZE connections",
    ),
    secret(
        "MCP_ENCRYPTION_KEY",
        "seals the credentials in the store: 32 bytes in base64 or 64 hex digits",
    ),
    secret(
        "MCP_ENCRYPTION_KEY_PREVIOUS",
        "the key before it, still read until lucarne database reseal was run",
    ),
    secret(
        "MCP_ADMIN_TOKEN",
        "opens /admin/api on MCP_ADMIN_LISTEN; a comma list holds several at once",
    ),
    variable(
        "MCP_PAGE",
        "admin",
        "where the page is: admin (on MCP_ADMIN_LISTEN, beside /admin/api), all (on MCP_LISTEN too) or off",
    ),
    variable(
        "MCP_ADMIN_READ",
        "false",
        "whether the admin API may read rows as one of its tokens would",
    ),
    unset(
        "MCP_ALLOWED_DATABASE_HOSTS",
        "hosts and networks of this machine and of private nets that the admin API may add",
    ),
    unset(
        "MCP_DATABASE_FOLDER",
        "the folder of SQLite files that the admin API may add; unset: none",
    ),
    unset(
        "MCP_AUDIT_FILE",
        "a file that records every request, or stderr; unset: no audit",
    ),
    variable(
        "MCP_AUDIT_ON_ERROR",
        "deny",
        "when the audit cannot be written: deny refuses requests, warn answers them",
    ),
    variable(
        "MCP_LOG",
        "info",
        "what is logged: error, warn, info, debug, trace or a tracing filter",
    ),
    variable("MCP_LOG_FORMAT", "text", "text or json"),
];

/// The variables by what they are about, in the order of `.env.example` and of the README.
pub const GROUPS: &[(&str, &[&str])] = &[
    (
        "The service",
        &[
            "MCP_ENABLED",
            "MCP_TOKEN",
            "MCP_REQUIRE_AUTH",
            "MCP_LISTEN",
            "MCP_ADMIN_LISTEN",
            "MCP_CONTROL_SOCKET",
        ],
    ),
    (
        "The data",
        &[
            "DATABASE_URL",
            "MCP_ALLOWED_MODELS",
            "MCP_HIDDEN_FIELDS",
            "MCP_REVEAL_FIELDS",
            "MCP_FIELD_TYPES",
            "MCP_RELATIONS",
            "MCP_READONLY",
            "MCP_NUMBERS",
        ],
    ),
    (
        "Limits",
        &[
            "MCP_RATE_LIMIT",
            "MCP_RATE_WINDOW",
            "MCP_DEFAULT_LIMIT",
            "MCP_MAX_LIMIT",
            "MCP_MAX_MESSAGE_BYTES",
            "MCP_MAX_RESPONSE_BYTES",
            "MCP_TOOL_MAX_BYTES",
            "MCP_MAX_CONNECTIONS",
            "MCP_MAX_CONNECTIONS_PER_ADDRESS",
            "MCP_MAX_REQUESTS",
            "MCP_MAX_MEMORY_BYTES",
            "MCP_TOKEN_RATE_LIMIT",
            "MCP_IDLE_TIMEOUT",
            "MCP_QUERY_TIMEOUT",
            "MCP_SLOW_QUERY",
            "MCP_SCAN_LIMIT",
        ],
    ),
    (
        "TLS, browsers and proxies",
        &[
            "MCP_TLS_CERT",
            "MCP_TLS_KEY",
            "MCP_ALLOWED_HOSTS",
            "MCP_ALLOWED_ORIGINS",
            "MCP_ALLOW_QUERY_TOKEN",
            "MCP_TRUSTED_PROXIES",
        ],
    ),
    (
        "The connection to the database",
        &["MCP_POOL_SIZE", "MCP_PGBOUNCER"],
    ),
    ("Several instances", &["MCP_CURSOR_KEY"]),
    (
        "Clients with tokens of their own",
        &[
            "MCP_STORE",
            "MCP_STORE_GRACE",
            "MCP_STORE_DATABASES",
            "MCP_ENCRYPTION_KEY",
            "MCP_ENCRYPTION_KEY_PREVIOUS",
        ],
    ),
    (
        "Administration by HTTP",
        &[
            "MCP_ADMIN_TOKEN",
            "MCP_PAGE",
            "MCP_ADMIN_READ",
            "MCP_ALLOWED_DATABASE_HOSTS",
            "MCP_DATABASE_FOLDER",
        ],
    ),
    ("Audit", &["MCP_AUDIT_FILE", "MCP_AUDIT_ON_ERROR"]),
    ("Log", &["MCP_LOG", "MCP_LOG_FORMAT"]),
];

/// Whether a reload puts a change of a variable in force; else it waits for a restart.
pub fn follows_reload(name: &str) -> bool {
    change::follows(name)
}

/// The names that other applications use beside ours, one edit away.
const NAMES_OF_OTHERS: &[&str] = &["DATABASE_URI"];

/// Whether it is one of the secrets.
pub(super) fn is_secret(name: &str) -> bool {
    VARIABLES
        .iter()
        .any(|variable| variable.secret && variable.name == name)
}

/// Every name that is read: the variables, and the `…_FILE` form of each secret.
pub(super) fn names() -> impl Iterator<Item = Cow<'static, str>> {
    VARIABLES.iter().flat_map(|variable| {
        let file = variable
            .secret
            .then(|| format!("{}_FILE", variable.name).into());
        [Some(variable.name.into()), file].into_iter().flatten()
    })
}

/// Whether a name is read, exactly as written.
pub(super) fn is_known(name: &str) -> bool {
    names().any(|known| known == name)
}

/// The variable that an unknown name looks like a misspelling of.
///
/// One edit (a character left out, added, changed, or swapped with its neighbour) in any case of
/// letters; two in names so long that a second one leaves no doubt.
pub(super) fn nearest(name: &str) -> Option<Cow<'static, str>> {
    const LONG: usize = 18;
    let folded = name.to_ascii_uppercase().replace('-', "_");
    if NAMES_OF_OTHERS.contains(&folded.as_str()) {
        return None;
    }
    let (distance, nearest) = names()
        .filter(|known| known.len().abs_diff(folded.len()) <= 2)
        .map(|known| (strsim::osa_distance(&known, &folded), known))
        .min_by_key(|(distance, _)| *distance)?;
    let allowed = if nearest.len() >= LONG { 2 } else { 1 };
    (distance <= allowed).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_is_of_one_group() {
        let grouped = GROUPS.iter().flat_map(|(_, names)| names.iter().copied());
        let mut grouped: Vec<&str> = grouped.collect();
        let mut known: Vec<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
        grouped.sort_unstable();
        known.sort_unstable();
        assert_eq!(grouped, known);
    }

    #[test]
    fn names_are_too_far_apart_to_be_confused() {
        let names: Vec<_> = names().collect();
        for (index, name) in names.iter().enumerate() {
            for other in &names[..index] {
                let distance = strsim::osa_distance(name, other);
                assert!(distance > 2, "{name} {other}");
            }
        }
    }

    #[test]
    fn every_single_edit_is_traced_back() {
        let mut cases = 0;
        for name in names() {
            for at in 0..name.len() {
                let (before, rest) = name.split_at(at);
                let (own, after) = rest.split_at(1);
                let mut edits = vec![
                    format!("{before}{after}"),
                    format!("{before}Q{rest}"),
                    format!("{before}{own}{rest}"),
                    format!("{before}_{after}"),
                    format!("{before}{}{after}", own.to_lowercase()),
                ];
                if let Some(next) = after.chars().next() {
                    edits.push(format!("{before}{next}{own}{}", &after[1..]));
                }
                for edit in edits.into_iter().filter(|edit| !is_known(edit)) {
                    cases += 1;
                    assert_eq!(nearest(&edit).as_deref(), Some(&*name), "{edit}");
                }
            }
        }
        assert!(cases > 2000, "{cases}");
    }

    #[test]
    fn no_guess_is_better_than_a_wrong_one() {
        for name in [
            "MCP_PAGE_LIMIT",
            "MCP_ALLOWED_PORTS",
            "MCP_HOST",
            "MCP",
            "DATABASE",
            "",
            "URL",
            "MCP_LOG_LEVEL",
        ] {
            assert_eq!(nearest(name), None, "{name}");
        }
        assert_eq!(
            nearest("MCP_ALOWED_MODEL").as_deref(),
            Some("MCP_ALLOWED_MODELS")
        );
    }
}
