mod example;
mod names;
mod secrets;
mod store;

use std::time::Duration;

use super::variables;
use super::*;

const ENABLED: &[(&str, &str)] = &[
    ("MCP_ENABLED", "true"),
    ("MCP_TOKEN", "a-token-that-is-long"),
    ("DATABASE_URL", "sqlite:shop.db"),
];

fn try_load(vars: &[(&str, &str)]) -> Result<Config, Faults> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    load(vars.iter().map(owned))
}

fn config(vars: &[(&str, &str)]) -> Config {
    try_load(vars).unwrap()
}

/// Loads an enabled configuration in which the given variables come first.
fn enabled(vars: &[(&str, &str)]) -> Config {
    config(&[vars, ENABLED].concat())
}

fn faults(vars: &[(&str, &str)]) -> Vec<(String, String)> {
    let faults = try_load(vars).unwrap_err();
    faults
        .iter()
        .map(|fault| {
            (
                fault.subject.clone(),
                Faults::one(fault.clone()).to_string(),
            )
        })
        .collect()
}

fn faulty(vars: &[(&str, &str)]) -> Vec<String> {
    faults(vars).into_iter().map(|fault| fault.0).collect()
}

fn warned(config: &Config) -> Vec<&str> {
    config
        .warnings
        .iter()
        .map(|warning| warning.subject.as_str())
        .collect()
}

#[test]
fn nothing_set_is_the_defaults() {
    let config = config(&[]);
    assert!(
        !config.service.enabled
            && config.data.read_only
            && config.network.allow_query_token
            && !config.pool.pgbouncer
    );
    assert!(
        config.service.tokens.is_empty()
            && config.data.database.is_none()
            && config.instances.cursor_key.is_none()
    );
    let models: Vec<&str> = config
        .data
        .models
        .iter()
        .map(|model| model.exposed.as_str())
        .collect();
    assert_eq!(models, ["users", "tickets", "change_log"]);
    assert_eq!(
        (
            config.limits.rate_limit,
            config.limits.rate_window.as_secs()
        ),
        (60, 60)
    );
    assert_eq!(config.service.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(
        (config.service.admin_listen, config.limits.scan_limit),
        (None, None)
    );
    assert!(config.network.allowed_hosts.allows("localhost:8000"));
    assert_eq!(
        config.network.allowed_origins,
        AllowedOrigins::Only(Vec::new())
    );
    assert_eq!(
        (config.limits.default_limit, config.limits.max_limit),
        (50, 100)
    );
    assert_eq!(
        (
            config.limits.max_message_bytes,
            config.limits.max_response_bytes
        ),
        (65_536, 1_048_576)
    );
    assert_eq!(
        (config.limits.tool_max_bytes, config.limits.max_connections),
        (40_960, 1024)
    );
    assert_eq!(
        (
            config.limits.idle_timeout.as_secs(),
            config.limits.query_timeout.as_secs()
        ),
        (300, 5)
    );
    assert!((4..=32).contains(&config.pool.size));
    assert_eq!(
        (config.data.numbers, config.log.format),
        (Numbers::Native, LogFormat::Text)
    );
    assert_eq!(config.log.filter, "info");
    assert!(
        config
            .data
            .sensitive
            .hides_field("users", "password_hash")
            .is_some()
    );
    assert!(config.warnings.is_empty() && config.secret_files.is_empty());
}

#[test]
fn the_first_settings_as_printed_load() {
    let printed = [
        ("MCP_ENABLED", "false"),
        ("MCP_TOKEN", "your-secret-token-here"),
        ("MCP_ALLOWED_MODELS", "users,tickets,change_log"),
        ("MCP_READONLY", "true"),
        ("MCP_RATE_LIMIT", "60"),
        ("PROJECT_NAME", "Shop"),
        ("SECRET_KEY", "x"),
        ("DATABASE_URI", "mssql://other"),
    ];
    let config = config(&printed);
    assert!(config.service.tokens.is_empty() && config.warnings.is_empty());
}

#[test]
fn every_fault_is_reported_at_once_by_name() {
    let vars: Vec<(&str, &str)> = variables::all()
        .map(|variable| (variable.name, "\u{1}=.s3same"))
        .filter(|(name, _)| *name != "MCP_HIDDEN_FIELDS")
        .collect();
    let expected: Vec<&str> = vars.iter().map(|var| var.0).collect();
    let found = faults(&vars);
    let names: Vec<&str> = found.iter().map(|fault| fault.0.as_str()).collect();
    assert_eq!(
        names,
        expected
            .iter()
            .copied()
            .filter(|name| *name != "MCP_REVEAL_FIELDS")
            .collect::<Vec<_>>()
    );
    for (name, text) in &found {
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.starts_with(&format!("error: {name}: ")) && text.contains("\nhelp: "));
        let secret = variables::is_secret(name);
        assert!(!secret || !text.contains("s3same"), "{text}");
    }
}

#[test]
fn faults_are_shown_line_by_line() {
    let faults = try_load(&[("MCP_RATE_LIMIT", "sixty"), ("MCP_READONLY", "ture")]).unwrap_err();
    assert_eq!(
        faults.to_string(),
        "error: MCP_READONLY: expected one of true, false, 1, 0, not \"ture\"\n\
         help: write MCP_READONLY=true or MCP_READONLY=false\n\
         error: MCP_RATE_LIMIT: expected a whole number from 0 to 1000000000, not \"sixty\"\n\
         help: digits alone, without a unit or separators"
    );
}

#[test]
fn a_faulty_switch_hides_no_other_fault() {
    let vars = [
        ("MCP_ENABLED", "yes"),
        ("MCP_TOKEN", "changeme"),
        ("DATABASE_URL", "sqlite:x"),
    ];
    assert_eq!(faulty(&vars), ["MCP_ENABLED", "MCP_TOKEN"]);
}

#[test]
fn a_blank_whitelist_is_a_fault_and_never_the_default() {
    for list in ["", " ", ","] {
        assert_eq!(
            faulty(&[("MCP_ALLOWED_MODELS", list)]),
            ["MCP_ALLOWED_MODELS"]
        );
    }
}

#[test]
fn weak_settings_are_warned_of() {
    for (name, value) in [
        ("MCP_TOKEN", "short"),
        ("MCP_READONLY", "false"),
        ("MCP_RATE_LIMIT", "0"),
        ("MCP_ALLOWED_HOSTS", "a.example,*"),
        ("MCP_ALLOWED_ORIGINS", "*"),
        ("MCP_LISTEN", "0.0.0.0:8000"),
        ("MCP_ADMIN_LISTEN", "0.0.0.0:9090"),
        ("MCP_TRUSTED_PROXIES", "10.0.0.1,0.0.0.0/0"),
        ("DATABASE_URL", "postgres://u@db/shop?schema=public"),
    ] {
        let config = enabled(&[(name, value)]);
        assert_eq!(warned(&config), [name]);
        assert_eq!(config.warnings[0].to_string().lines().count(), 2);
    }
}

#[test]
fn lists_of_the_network() {
    let blank = config(&[("MCP_ALLOWED_HOSTS", " , ")]);
    let config = config(&[
        ("MCP_ALLOWED_HOSTS", "db.example.com, api.example.com:8443"),
        ("MCP_ALLOWED_ORIGINS", "https://app.example.com"),
        ("MCP_TRUSTED_PROXIES", "10.1.2.3/8, 192.168.1.5,fd00::/8"),
        ("MCP_ADMIN_LISTEN", "localhost:9090"),
    ]);
    assert!(
        config.network.allowed_hosts.allows("db.example.com:1")
            && !config.network.allowed_hosts.allows("localhost")
    );
    assert!(
        config
            .network
            .allowed_origins
            .allows("https://app.example.com")
    );
    let networks: Vec<String> = config
        .network
        .trusted_proxies
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(networks, ["10.0.0.0/8", "192.168.1.5/32", "fd00::/8"]);
    assert_eq!(
        config
            .service
            .admin_listen
            .map(|admin| admin.to_string())
            .as_deref(),
        Some("127.0.0.1:9090")
    );
    assert!(config.warnings.is_empty());
    for admin in ["127.0.0.1:8000", "0.0.0.0:8000"] {
        assert_eq!(faulty(&[("MCP_ADMIN_LISTEN", admin)]), ["MCP_ADMIN_LISTEN"]);
    }
    assert!(blank.network.allowed_hosts.allows("localhost"));
}

#[test]
fn page_sizes_fit_together() {
    let limits = |vars: &[(&str, &str)]| {
        let config = config(vars);
        (config.limits.default_limit, config.limits.max_limit)
    };
    assert_eq!(limits(&[("MCP_MAX_LIMIT", "20")]), (20, 20));
    assert_eq!(
        limits(&[("MCP_DEFAULT_LIMIT", "7"), ("MCP_MAX_LIMIT", "7")]),
        (7, 7)
    );
    assert_eq!(
        faulty(&[("MCP_DEFAULT_LIMIT", "101")]),
        ["MCP_DEFAULT_LIMIT"]
    );
    assert_eq!(
        faulty(&[("MCP_DEFAULT_LIMIT", "50"), ("MCP_MAX_LIMIT", "x")]),
        ["MCP_MAX_LIMIT"]
    );
}

#[test]
fn log_filters_are_read_as_tracing_does() {
    for (typed, filter) in [
        ("debug", "debug"),
        ("WARN", "WARN"),
        ("off", "off"),
        ("info, lucarne=debug", "info,lucarne=debug"),
        ("lucarne::server=trace", "lucarne::server=trace"),
        ("[read]=debug", "[read]=debug"),
    ] {
        assert_eq!(config(&[("MCP_LOG", typed)]).log.filter, filter);
    }
    for typed in [
        "inof",
        "warning",
        "lucarne",
        "info,",
        "lucarne=loud",
        "!",
        "[read",
    ] {
        assert_eq!(faulty(&[("MCP_LOG", typed)]), ["MCP_LOG"], "{typed}");
    }
}

#[test]
fn sensitive_fields_are_configured() {
    let config = config(&[
        ("MCP_HIDDEN_FIELDS", "users.email, *_note"),
        ("MCP_REVEAL_FIELDS", "users.tokens_used"),
    ]);
    assert!(
        config
            .data
            .sensitive
            .hides_field("users", "email")
            .is_some()
    );
    assert!(config.data.sensitive.hides_member("a_note"));
    assert_eq!(
        config.data.sensitive.hides_field("users", "tokens_used"),
        None
    );
    let vars = [
        ("MCP_HIDDEN_FIELDS", "x."),
        ("MCP_REVEAL_FIELDS", "token,users.*"),
    ];
    assert_eq!(
        faulty(&vars),
        [
            "MCP_HIDDEN_FIELDS",
            "MCP_REVEAL_FIELDS",
            "MCP_REVEAL_FIELDS"
        ]
    );
}

#[test]
fn types_of_fields_are_given_to_sqlite_alone() {
    let given = config(&[("MCP_FIELD_TYPES", "users.at=unix_ms, users.id = uuid")])
        .data
        .field_types;
    let given: Vec<_> = given
        .iter()
        .map(|it| (&*it.model, &*it.field, it.given))
        .collect();
    assert_eq!(
        given,
        [
            ("users", "at", GivenType::UnixMilliseconds),
            ("users", "id", GivenType::Uuid)
        ]
    );
    for text in [
        "at=unix_ms",
        "users.at",
        "users.at=unixms",
        "users.at=",
        ".at=date",
        "users.=date",
    ] {
        assert_eq!(
            faulty(&[("MCP_FIELD_TYPES", text)]),
            ["MCP_FIELD_TYPES"],
            "{text}"
        );
    }
    let vars = [
        ("DATABASE_URL", "postgres://reader@db/shop"),
        ("MCP_FIELD_TYPES", "users.at=date"),
    ];
    assert_eq!(faulty(&vars), ["MCP_FIELD_TYPES"]);
}
