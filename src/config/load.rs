//! From what was typed to what is meant.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use super::admin;
use super::change::Settings;
use super::check::Check;
use super::database::DatabaseUrl;
use super::fault::{Faults, Reason, quoted};
use super::field_types::{self, FieldType};
use super::raw::Raw;
use super::relations::{self, GivenRelation};
use super::secrets::{self, Secret};
use super::variables::{self, VARIABLES};
use super::{
    AuditTarget, Config, LogFormat, Numbers, Page, TOOL_COPIES, TlsFiles, control, dotenv, memory,
    models, network, places, store,
};
use crate::sensitive::Sensitive;

/// Sizes in bytes: room for a short message, and no more than a gibibyte.
const SIZE: RangeInclusive<usize> = 128..=1_073_741_824;

const DAY: u64 = 86_400;

/// Reads the configuration from a list of variables, of which the first with a value counts.
///
/// It looks at nothing else but the files that `…_FILE` variables name, and at how large the machine
/// is. Every fault comes back at
/// once, without the value of a secret.
pub fn load(vars: impl IntoIterator<Item = (String, String)>) -> Result<Config, Faults> {
    let vars: Vec<(String, String)> = vars.into_iter().collect();
    let is_set = |name: &str| vars.iter().any(|var| var.0 == name && !var.1.is_empty());
    let mut check = Check::default();
    let meant = names(&mut check, &vars);
    let raw = Raw::read(&vars)?;
    let mut settings = Settings::read(&vars);

    // A faulty switch most likely meant to switch on, so what is needed then is checked too.
    let enabled = check.boolean("MCP_ENABLED", &raw.mcp_enabled, true);
    let files = [
        &raw.mcp_token_file,
        &raw.database_url_file,
        &raw.mcp_cursor_key_file,
        &raw.mcp_store_file,
        &raw.mcp_encryption_key_file,
        &raw.mcp_encryption_key_previous_file,
        &raw.mcp_admin_token_file,
    ]
    .map(|file| file.as_ref().map(PathBuf::from));
    let mut store = store::Reader {
        check: &mut check,
        settings: &mut settings,
        enabled,
    };
    let store_url = store.url(raw.mcp_store, files[3].as_ref());
    let encryption_keys = store.keys(
        (raw.mcp_encryption_key, files[4].as_ref()),
        (raw.mcp_encryption_key_previous, files[5].as_ref()),
    );
    let admin_tokens = store.admin_tokens(raw.mcp_admin_token, files[6].as_ref());
    let require_auth = check.boolean("MCP_REQUIRE_AUTH", &raw.mcp_require_auth, true);
    let mut needed = Needed {
        enabled,
        // Tokens and databases can be those of the store.
        alone: !is_set("MCP_STORE") && !is_set("MCP_STORE_FILE"),
        require_auth,
        meant,
        check: Check::default(),
    };
    let tokens = needed
        .find(
            &mut check,
            "MCP_TOKEN",
            raw.mcp_token,
            files[0].as_ref(),
            secrets::NEW_TOKEN,
        )
        .map(|(variable, text)| {
            settings.note("MCP_TOKEN", &text);
            secrets::tokens(&mut needed.check, &variable, &text)
        })
        .unwrap_or_default();
    let help = if is_set("DATABASE_URI") {
        "DATABASE_URI is set: give its value to DATABASE_URL"
    } else {
        "for example DATABASE_URL=sqlite:data/shop.db"
    };
    let database = needed
        .find(
            &mut check,
            "DATABASE_URL",
            raw.database_url,
            files[1].as_ref(),
            help,
        )
        .and_then(|(variable, text)| {
            settings.note("DATABASE_URL", &text);
            database(&mut needed.check, &variable, &text)
        });
    let cursor_key = secrets::find(
        &mut check,
        &mut needed.check,
        "MCP_CURSOR_KEY",
        raw.mcp_cursor_key,
        files[2].as_ref(),
    );
    let cursor_key = match cursor_key {
        Secret::Found { variable, text } => {
            settings.note("MCP_CURSOR_KEY", &text);
            needed.check.accept(&variable, secrets::cursor_key(&text))
        }
        Secret::Missing | Secret::Faulty => None,
    };

    let models = models::parse(&raw.mcp_allowed_models).unwrap_or_else(|reasons| {
        for reason in reasons {
            check.fault("MCP_ALLOWED_MODELS", reason);
        }
        Vec::new()
    });
    let listen = network::listen(&mut check, &raw.mcp_listen);
    let admin_listen = network::admin_listen(&mut check, raw.mcp_admin_listen, listen);
    let max_limit = check.number("MCP_MAX_LIMIT", &raw.mcp_max_limit, 1..=100_000);
    let default_limit = check.number("MCP_DEFAULT_LIMIT", &raw.mcp_default_limit, 1..=100_000);
    if default_limit > max_limit && is_set("MCP_DEFAULT_LIMIT") && !check.refused("MCP_MAX_LIMIT") {
        let reason = Reason::new(
            format!("expected at most MCP_MAX_LIMIT, which is {max_limit}, not {default_limit}"),
            format!("lower it, or raise MCP_MAX_LIMIT to {default_limit}"),
        );
        check.fault("MCP_DEFAULT_LIMIT", reason);
    }
    let max_message_bytes = check.number("MCP_MAX_MESSAGE_BYTES", &raw.mcp_max_message_bytes, SIZE);
    let max_response_bytes =
        check.number("MCP_MAX_RESPONSE_BYTES", &raw.mcp_max_response_bytes, SIZE);
    let tool_max_bytes = check.number("MCP_TOOL_MAX_BYTES", &raw.mcp_tool_max_bytes, SIZE);
    let largest = max_message_bytes + max_response_bytes.max(TOOL_COPIES * tool_max_bytes);
    let is_server = matches!(database, Some(DatabaseUrl::Server(_)));
    let numbers = [("native", Numbers::Native), ("string", Numbers::String)];
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];

    let config = Config {
        enabled,
        tokens,
        require_auth,
        models,
        read_only: check.boolean("MCP_READONLY", &raw.mcp_readonly, true),
        rate_limit: check.number("MCP_RATE_LIMIT", &raw.mcp_rate_limit, 0..=1_000_000_000),
        rate_window: check.seconds("MCP_RATE_WINDOW", &raw.mcp_rate_window, 1..=DAY),
        database,
        sensitive: sensitive(&mut check, raw.mcp_hidden_fields, raw.mcp_reveal_fields),
        field_types: field_types(&mut check, raw.mcp_field_types, is_server),
        relations: relations(&mut check, raw.mcp_relations),
        listen,
        admin_listen,
        control_socket: control::read(&mut check, raw.mcp_control_socket.as_deref(), &vars),
        tls: tls(&mut check, raw.mcp_tls_cert, raw.mcp_tls_key),
        allowed_hosts: network::hosts(&mut check, raw.mcp_allowed_hosts, listen),
        allowed_origins: network::origins(&mut check, raw.mcp_allowed_origins),
        allow_query_token: check.boolean(
            "MCP_ALLOW_QUERY_TOKEN",
            &raw.mcp_allow_query_token,
            false,
        ),
        trusted_proxies: network::proxies(&mut check, raw.mcp_trusted_proxies),
        default_limit: default_limit.min(max_limit),
        max_limit,
        max_message_bytes,
        max_response_bytes,
        tool_max_bytes,
        numbers: check.choice("MCP_NUMBERS", &raw.mcp_numbers, &numbers, Numbers::Native),
        max_connections: check.number(
            "MCP_MAX_CONNECTIONS",
            &raw.mcp_max_connections,
            1..=1_000_000,
        ),
        max_connections_per_address: raw
            .mcp_max_connections_per_address
            .map(|text| check.number("MCP_MAX_CONNECTIONS_PER_ADDRESS", &text, 1..=1_000_000)),
        max_requests: check.number("MCP_MAX_REQUESTS", &raw.mcp_max_requests, 1..=1_000_000),
        max_memory_bytes: memory::budget(&mut check, raw.mcp_max_memory_bytes.as_deref(), largest),
        token_rate_limit: raw
            .mcp_token_rate_limit
            .map(|text| check.number("MCP_TOKEN_RATE_LIMIT", &text, 1..=1_000_000_000)),
        idle_timeout: check.seconds("MCP_IDLE_TIMEOUT", &raw.mcp_idle_timeout, 1..=DAY),
        query_timeout: check.seconds("MCP_QUERY_TIMEOUT", &raw.mcp_query_timeout, 1..=3600),
        slow_query: raw
            .mcp_slow_query
            .and_then(|text| check.decimal_seconds("MCP_SLOW_QUERY", &text)),
        scan_limit: raw
            .mcp_scan_limit
            .map(|text| check.number("MCP_SCAN_LIMIT", &text, 1..=i64::MAX as u64)),
        pool_size: match raw.mcp_pool_size {
            Some(text) => check.number("MCP_POOL_SIZE", &text, 1..=1000),
            None => pool_size_by_cores(),
        },
        pgbouncer: check.boolean("MCP_PGBOUNCER", &raw.mcp_pgbouncer, false),
        cursor_key,
        store: store_url,
        store_grace: check.seconds("MCP_STORE_GRACE", &raw.mcp_store_grace, 0..=DAY),
        store_databases: check.number("MCP_STORE_DATABASES", &raw.mcp_store_databases, 1..=100_000),
        encryption_keys,
        admin_tokens,
        page: check.choice(
            "MCP_PAGE",
            &raw.mcp_page,
            &[
                ("admin", Page::Admin),
                ("all", Page::All),
                ("off", Page::Off),
            ],
            Page::Off,
        ),
        admin_read: check.boolean("MCP_ADMIN_READ", &raw.mcp_admin_read, false),
        database_places: places::read(
            &mut check,
            raw.mcp_allowed_database_hosts,
            raw.mcp_database_folder,
        ),
        audit: audit(&mut check, raw.mcp_audit_file),
        audit_denies: check.choice(
            "MCP_AUDIT_ON_ERROR",
            &raw.mcp_audit_on_error,
            &[("deny", true), ("warn", false)],
            true,
        ),
        log_filter: log_filter(&mut check, &raw.mcp_log),
        log_format: check.choice(
            "MCP_LOG_FORMAT",
            &raw.mcp_log_format,
            &formats,
            LogFormat::Text,
        ),
        secret_files: files.into_iter().flatten().collect(),
        warnings: Vec::new(),
        settings,
    };
    warn_of_weaknesses(&mut check, &config, is_set("MCP_ALLOWED_HOSTS"));
    needed.settle(&mut check);
    finish(check, config)
}

/// Reads the configuration of the environment and of `.env` in this folder, with warnings of files
/// whose rights are too wide.
///
/// # Errors
/// As [`load`], and a `.env` that cannot be read.
pub fn load_here() -> Result<Config, Faults> {
    let file = Path::new(".env");
    let own = dotenv::environment(Some(file))?;
    let given = dotenv::environment(None)?;
    // Those of the file come after those of the process.
    let of_file = own.iter().skip(given.len());
    let mut of_file = of_file.filter(|var| !var.1.is_empty());
    let holds_secret = of_file.any(|var| variables::is_secret(&var.0));
    let mut config = load(own)?;
    config.warn_of_open_files(holds_secret.then_some(file));
    Ok(config)
}

fn finish(mut check: Check, config: Config) -> Result<Config, Faults> {
    let position = |name: &str| VARIABLES.iter().position(|variable| variable.name == name);
    check.faults.sort_by_key(|fault| {
        let secret = fault.variable.strip_suffix("_FILE");
        position(&fault.variable).or_else(|| position(secret?))
    });
    Faults::none_or(check.faults)?;
    Ok(Config {
        warnings: check.warnings,
        ..config
    })
}

/// What only an enabled service needs: missing, a placeholder or faulty while it is off, it stops
/// nothing.
struct Needed {
    enabled: bool,
    /// Whether there is no store.
    alone: bool,
    /// Whether clients without a token are refused.
    require_auth: bool,
    /// The variables that misspelt names stand for, which are thus not missing.
    meant: Vec<String>,
    check: Check,
}

impl Needed {
    /// The name that was set and its value.
    fn find(
        &mut self,
        check: &mut Check,
        name: &str,
        typed: Option<String>,
        file: Option<&PathBuf>,
        help: &str,
    ) -> Option<(String, String)> {
        match secrets::find(check, &mut self.check, name, typed, file) {
            Secret::Found { text, .. } if !self.enabled && secrets::is_placeholder(&text) => None,
            Secret::Found { variable, text } => Some((variable, text)),
            Secret::Faulty => None,
            Secret::Missing => {
                let optional = name == "MCP_TOKEN" && !self.require_auth;
                if self.enabled
                    && self.alone
                    && !optional
                    && !self.meant.iter().any(|meant| meant.starts_with(name))
                {
                    let reason = Reason::new("missing, and needed when MCP_ENABLED=true", help);
                    self.check.fault(name, reason);
                }
                None
            }
        }
    }

    fn settle(self, check: &mut Check) {
        if self.enabled {
            check.faults.extend(self.check.faults);
        } else {
            check
                .warnings
                .extend(self.check.faults.into_iter().map(Into::into));
        }
        check.warnings.extend(self.check.warnings);
    }
}

/// Looks for misspelt names; gives back the variables that they stand for.
fn names(check: &mut Check, vars: &[(String, String)]) -> Vec<String> {
    let mut unknown: Vec<&str> = vars.iter().map(|var| var.0.as_str()).collect();
    unknown.retain(|name| !variables::is_known(name));
    unknown.sort_unstable();
    unknown.dedup();
    let mut meant = Vec::new();
    for name in unknown {
        if let Some(nearest) = variables::nearest(name) {
            let help = format!("did you mean {nearest}?");
            check.fault(name, Reason::new("there is no such variable", help));
            meant.push(nearest.into_owned());
        } else if name.to_ascii_uppercase().starts_with("MCP_") {
            let help =
                "nothing to do if another tool reads it; .env.example lists what is read here";
            check.warn(name, "there is no such variable here; it is not read", help);
        }
    }
    meant
}

fn database(check: &mut Check, variable: &str, text: &str) -> Option<DatabaseUrl> {
    if secrets::is_placeholder(text) {
        let help = "for example DATABASE_URL=sqlite:data/shop.db";
        check.fault(variable, Reason::new("is a well-known placeholder", help));
        return None;
    }
    let (database, ignored) = check.accept(variable, DatabaseUrl::parse(text))?;
    for name in ignored {
        let message = format!(
            "the parameter {} means nothing here and is left out",
            quoted(&name)
        );
        check.warn(variable, message, "take it out of the URL");
    }
    Some(database)
}

fn sensitive(check: &mut Check, hidden: Option<String>, reveal: Option<String>) -> Sensitive {
    let mut entries = |variable, text: Option<String>| {
        check.list(variable, &text.unwrap_or_default(), |entry| {
            Ok(entry.to_owned())
        })
    };
    let hidden = entries("MCP_HIDDEN_FIELDS", hidden);
    let reveal = entries("MCP_REVEAL_FIELDS", reveal);
    Sensitive::new(&hidden, &reveal).unwrap_or_else(|invalid| {
        for invalid in invalid {
            let message = format!(
                "expected {}, not {}",
                invalid.expected,
                quoted(&invalid.entry)
            );
            let help = format!("for example {}=users.phone", invalid.variable);
            check.fault(invalid.variable, Reason::new(message, help));
        }
        Sensitive::default()
    })
}

fn field_types(check: &mut Check, text: Option<String>, is_server: bool) -> Vec<FieldType> {
    const NAME: &str = "MCP_FIELD_TYPES";
    let types = check.list(NAME, &text.unwrap_or_default(), field_types::parse);
    if is_server && !types.is_empty() {
        let reason = Reason::new(
            "is for SQLite; a server tells the types of its columns itself",
            "leave it out",
        );
        check.fault(NAME, reason);
    }
    types
}

fn relations(check: &mut Check, text: Option<String>) -> Vec<GivenRelation> {
    let read = relations::parse(&text.unwrap_or_default());
    read.unwrap_or_else(|reasons| {
        for reason in reasons {
            check.fault("MCP_RELATIONS", reason);
        }
        Vec::new()
    })
}

/// A path without control characters, which no operator means.
fn path(check: &mut Check, variable: &str, text: &str) -> PathBuf {
    if text.chars().any(char::is_control) {
        let reason = Reason::new(
            format!("expected a path, not {}", quoted(text)),
            "write the path without quotes or line breaks",
        );
        check.fault(variable, reason);
    }
    PathBuf::from(text)
}

fn tls(check: &mut Check, cert: Option<String>, key: Option<String>) -> Option<TlsFiles> {
    const NAMES: [&str; 2] = ["MCP_TLS_CERT", "MCP_TLS_KEY"];
    let mut read = |name, text: Option<String>| text.map(|text| path(check, name, &text));
    let (missing, set) = match (read(NAMES[0], cert), read(NAMES[1], key)) {
        (Some(cert), Some(key)) => return Some(TlsFiles { cert, key }),
        (None, None) => return None,
        (Some(_), None) => (NAMES[1], NAMES[0]),
        (None, Some(_)) => (NAMES[0], NAMES[1]),
    };
    let message = format!("missing, and needed when {set} is set");
    check.fault(
        missing,
        Reason::new(message, format!("set both, or unset {set}")),
    );
    None
}

fn audit(check: &mut Check, text: Option<String>) -> Option<AuditTarget> {
    let text = text?;
    Some(match text.as_str() {
        "stderr" => AuditTarget::StandardError,
        _ => AuditTarget::File(path(check, "MCP_AUDIT_FILE", &text)),
    })
}

/// Checks a tracing filter, and takes the spaces out that tracing would trip over.
fn log_filter(check: &mut Check, text: &str) -> String {
    let directives: Vec<&str> = text.split(',').map(str::trim).collect();
    let refused = directives.iter().find(|directive| {
        // A word alone would be taken for the name of a module, and all else go silent.
        let word = !directive.contains(['=', '[']);
        directive.is_empty()
            || word && directive.parse::<LevelFilter>().is_err()
            || EnvFilter::builder().parse(directive).is_err()
    });
    if let Some(directive) = refused {
        let reason = Reason::new(
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

fn pool_size_by_cores() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores * 2).clamp(4, 32)
}

fn warn_of_weaknesses(check: &mut Check, config: &Config, hosts_are_named: bool) {
    if !config.read_only {
        let message = "false changes only an error text: there is no write path";
        check.warn("MCP_READONLY", message, "leave it out");
    }
    admin::judge(check, config);
    if config.enabled && config.store.is_some() {
        match (config.tokens.is_empty(), config.database.is_none()) {
            (false, true) => {
                let message = "opens nothing without DATABASE_URL: the store has tokens of its own";
                check.warn("MCP_TOKEN", message, "set DATABASE_URL, or leave both out");
            }
            (true, false) if config.require_auth => {
                let message =
                    "is read by nobody without MCP_TOKEN: the store has databases of its own";
                check.warn("DATABASE_URL", message, "set MCP_TOKEN, or leave both out");
            }
            _ => {}
        }
    }
    if config.enabled && config.store.is_some() && config.audit.is_none() {
        let message = "unset: nothing records who asked for what, and who changed the store";
        let help = "for example MCP_AUDIT_FILE=/var/log/lucarne/audit.jsonl";
        check.warn("MCP_AUDIT_FILE", message, help);
    }
    network::unguarded(check, config);
    if config.rate_limit == 0 {
        let help = "set a number of requests per window, such as MCP_RATE_LIMIT=60";
        check.warn("MCP_RATE_LIMIT", "0 turns the rate limit off", help);
    }
    if !config.listen.ip().is_loopback() && config.tls.is_none() {
        let message = format!(
            "{} is reachable from other machines, without encryption",
            config.listen
        );
        let help = if hosts_are_named {
            "put a proxy with TLS in front of it"
        } else {
            "put a proxy with TLS in front of it, and name its hosts in MCP_ALLOWED_HOSTS"
        };
        check.warn("MCP_LISTEN", message, help);
    }
    let Some(admin) = config.admin_listen else {
        return;
    };
    if !admin.ip().is_loopback() {
        let message = format!("{admin} shows metrics to other machines, without a token");
        check.warn(
            "MCP_ADMIN_LISTEN",
            message,
            "keep it to 127.0.0.1 or to a network of your own",
        );
    }
}
