use std::collections::BTreeMap;

use secrecy::ExposeSecret;

use super::variables::VARIABLES;
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
        .map(|fault| (fault.variable.clone(), fault.to_string()))
        .collect()
}

fn faulty(vars: &[(&str, &str)]) -> Vec<String> {
    faults(vars).into_iter().map(|fault| fault.0).collect()
}

fn warned(config: &Config) -> Vec<&str> {
    config
        .warnings
        .iter()
        .map(|warning| warning.variable.as_str())
        .collect()
}

#[test]
fn nothing_set_is_the_defaults() {
    let config = config(&[]);
    assert!(!config.enabled && config.read_only && config.allow_query_token && !config.pgbouncer);
    assert!(config.tokens.is_empty() && config.database.is_none() && config.cursor_key.is_none());
    let models: Vec<&str> = config
        .models
        .iter()
        .map(|model| model.exposed.as_str())
        .collect();
    assert_eq!(models, ["users", "tickets", "change_log"]);
    assert_eq!((config.rate_limit, config.rate_window.as_secs()), (60, 60));
    assert_eq!(config.listen.to_string(), "127.0.0.1:8000");
    assert_eq!((config.admin_listen, config.scan_limit), (None, None));
    assert!(config.allowed_hosts.allows("localhost:8000"));
    assert_eq!(config.allowed_origins, AllowedOrigins::Only(Vec::new()));
    assert_eq!((config.default_limit, config.max_limit), (50, 100));
    assert_eq!(
        (config.max_message_bytes, config.max_response_bytes),
        (65_536, 1_048_576)
    );
    assert_eq!(
        (config.tool_max_bytes, config.max_connections),
        (40_960, 1024)
    );
    assert_eq!(
        (
            config.idle_timeout.as_secs(),
            config.query_timeout.as_secs()
        ),
        (300, 5)
    );
    assert!((4..=32).contains(&config.pool_size));
    assert_eq!(
        (config.numbers, config.log_format),
        (Numbers::Native, LogFormat::Text)
    );
    assert_eq!(config.log_filter, "info");
    assert!(
        config
            .sensitive
            .hides_field("users", "password_hash")
            .is_some()
    );
    assert!(config.warnings.is_empty() && config.secret_files.is_empty());
}

#[test]
fn the_seeds_settings_as_printed_load() {
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
    assert!(config.tokens.is_empty() && config.warnings.is_empty());
}

#[test]
fn enabled_needs_a_token_and_a_database() {
    assert_eq!(
        faulty(&[("MCP_ENABLED", "true")]),
        ["MCP_TOKEN", "DATABASE_URL"]
    );
    for token in ["your-secret-token-here", "ChangeMe"] {
        let vars = [
            ("MCP_ENABLED", "1"),
            ("MCP_TOKEN", token),
            ("DATABASE_URL", token),
        ];
        assert_eq!(faulty(&vars), ["MCP_TOKEN", "DATABASE_URL"]);
    }
    let config = enabled(&[]);
    assert_eq!(config.tokens[0].expose_secret(), "a-token-that-is-long");
    assert_eq!(
        config.database.as_ref().map(ToString::to_string).as_deref(),
        Some("SQLite file shop.db")
    );
    assert!(config.warnings.is_empty());
    let missing = faults(&[
        ("MCP_ENABLED", "true"),
        ("MCP_TOKEN", "a-token-that-is-long"),
        ("DATABASE_URI", "x"),
    ]);
    assert!(
        missing[0].1.contains("DATABASE_URI is set"),
        "{}",
        missing[0].1
    );
}

#[test]
fn disabled_forgives_what_only_an_enabled_service_needs() {
    for vars in [
        &[("MCP_TOKEN", "changeme")][..],
        &[("MCP_TOKEN", "")],
        &[("DATABASE_URL", "your-database-url-here")],
    ] {
        let config = config(vars);
        assert!(
            config.tokens.is_empty() && config.database.is_none() && config.warnings.is_empty()
        );
    }
    for vars in [
        &[("MCP_TOKEN", "a b")][..],
        &[("DATABASE_URL", "mssql+pyodbc://db/shop")],
        &[("MCP_TOKEN_FILE", "/no/such/file")],
        &[("MCP_CURSOR_KEY", "short")],
    ] {
        let config = config(vars);
        assert_eq!(warned(&config), [vars[0].0]);
        assert!(config.tokens.is_empty() && config.database.is_none());
    }
    let kept = config(&ENABLED[1..]);
    assert!(kept.tokens.len() == 1 && kept.database.is_some());
    assert_eq!(faulty(&[("MCP_RATE_LIMIT", "x")]), ["MCP_RATE_LIMIT"]);
    assert_eq!(faulty(&[("MCP_TOKNE", "x")]), ["MCP_TOKNE"]);
    assert_eq!(
        faulty(&[("MCP_TOKEN", "x"), ("MCP_TOKEN_FILE", "y")]),
        ["MCP_TOKEN_FILE"]
    );
}

#[test]
fn every_fault_is_reported_at_once_by_name() {
    let vars: Vec<(&str, &str)> = VARIABLES
        .iter()
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
        let secret = VARIABLES
            .iter()
            .any(|variable| variable.secret && variable.name == name);
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
         error: MCP_RATE_LIMIT: expected a whole number from 0 to 1000000, not \"sixty\"\n\
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
fn a_misspelt_name_is_a_fault_with_a_suggestion() {
    for (name, meant) in [
        ("MCP_TOKNE", "MCP_TOKEN"),
        ("MCP_ALOWED_MODELS", "MCP_ALLOWED_MODELS"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("MCP_ENABLE", "MCP_ENABLED"),
        ("mcp_enabled", "MCP_ENABLED"),
        ("MCP-TOKEN", "MCP_TOKEN"),
        ("MCP_READ_ONLY", "MCP_READONLY"),
        ("MCP_TOKEN_FIEL", "MCP_TOKEN_FILE"),
    ] {
        let found = faults(&[ENABLED, &[(name, "s3same")]].concat());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, name);
        assert!(
            found[0]
                .1
                .ends_with(&format!("help: did you mean {meant}?")),
            "{}",
            found[0].1
        );
        assert!(!found[0].1.contains("s3same"));
    }
    let once = faulty(&[
        ("MCP_ENABLED", "true"),
        ("MCP_TOKNE", "x"),
        ("DATABASE_URL", "sqlite:x"),
    ]);
    assert_eq!(
        once,
        ["MCP_TOKNE"],
        "the token is misspelt and so not missing too"
    );
}

#[test]
fn names_of_others_are_left_alone() {
    let normal = [
        "PATH",
        "HOME",
        "HOST",
        "HOSTNAME",
        "LANG",
        "TOKEN",
        "DATABASE",
        "DATABASE_URI",
        "DATABASE_NAME",
        "DATABASE_USER",
        "TEST_DATABASE_URL",
        "SQLALCHEMY_DATABASE_URL",
        "DATABASE_URL_POOLED",
        "MCPORTER",
        "LOG",
        "RATE_LIMIT",
        "LISTEN",
        "PGHOST",
        "_",
    ];
    let vars: Vec<(&str, &str)> = normal.iter().map(|name| (*name, "x")).collect();
    assert!(config(&vars).warnings.is_empty());
    for name in [
        "MCP_CONFIG",
        "MCP_TIMEOUT",
        "MCP_TOOL_TIMEOUT",
        "MCP_SERVER_URL",
        "MCP_LOG_LEVEL",
        "MCP_HOST",
        "MCP_PORT",
        "MCP_URL",
    ] {
        assert_eq!(warned(&config(&[(name, "x")])), [name]);
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
        config.allowed_hosts.allows("db.example.com:1")
            && !config.allowed_hosts.allows("localhost")
    );
    assert!(config.allowed_origins.allows("https://app.example.com"));
    let networks: Vec<String> = config
        .trusted_proxies
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(networks, ["10.0.0.0/8", "192.168.1.5/32", "fd00::/8"]);
    assert_eq!(
        config
            .admin_listen
            .map(|admin| admin.to_string())
            .as_deref(),
        Some("127.0.0.1:9090")
    );
    assert!(config.warnings.is_empty());
    for admin in ["127.0.0.1:8000", "0.0.0.0:8000"] {
        assert_eq!(faulty(&[("MCP_ADMIN_LISTEN", admin)]), ["MCP_ADMIN_LISTEN"]);
    }
    assert!(blank.allowed_hosts.allows("localhost"));
}

#[test]
fn page_sizes_fit_together() {
    let limits = |vars: &[(&str, &str)]| {
        let config = config(vars);
        (config.default_limit, config.max_limit)
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
        assert_eq!(config(&[("MCP_LOG", typed)]).log_filter, filter);
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
    assert!(config.sensitive.hides_field("users", "email").is_some());
    assert!(config.sensitive.hides_member("a_note"));
    assert_eq!(config.sensitive.hides_field("users", "tokens_used"), None);
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
fn secrets_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let token = write("token", "a-token-that-is-long\n");
    let url = write("url", "postgres://u:s3same@db/shop\r\n");
    let config = config(&[
        ("MCP_ENABLED", "true"),
        ("MCP_TOKEN_FILE", &token),
        ("DATABASE_URL_FILE", &url),
    ]);
    assert_eq!(config.tokens[0].expose_secret(), "a-token-that-is-long");
    assert_eq!(
        config.database.as_ref().unwrap().to_string(),
        "PostgreSQL at db:5432/shop"
    );
    assert_eq!(
        config.secret_files,
        [PathBuf::from(&token), PathBuf::from(&url)]
    );

    let both = [ENABLED, &[("MCP_TOKEN_FILE", &token)]].concat();
    assert_eq!(faulty(&both), ["MCP_TOKEN_FILE"]);
    let absent = folder.path().join("absent").display().to_string();
    let empty = write("empty", "\n");
    for path in [&absent, &empty] {
        let found = faults(&[
            ("MCP_ENABLED", "true"),
            ("MCP_TOKEN_FILE", path),
            ("DATABASE_URL_FILE", &url),
        ]);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].0 == "MCP_TOKEN_FILE" && found[0].1.contains(path.as_str()),
            "{}",
            found[0].1
        );
    }
}

#[test]
fn nothing_shows_a_secret() {
    let config = enabled(&[
        ("MCP_TOKEN", "s3same-s3same-s3same"),
        (
            "DATABASE_URL",
            "postgres://knownuser:s3same@db/shop?password=s3same",
        ),
        (
            "MCP_CURSOR_KEY",
            "s3sames3sames3sames3sames3sames3sames3sameA",
        ),
    ]);
    let shown = format!("{config:?} {config:#?}");
    assert!(
        !shown.contains("s3same") && !shown.contains("knownuser"),
        "{shown}"
    );
}

/// `.env.example` as its lines stand, or with the commented variables set too.
fn example(uncommented: bool) -> Vec<(String, String)> {
    let text = include_str!("../../.env.example");
    let text = if uncommented {
        text.replace("\n#", "\n").replace("\n ", "\n# ")
    } else {
        text.to_owned()
    };
    dotenvy::Iter::new(text.as_bytes())
        .collect::<Result<_, _>>()
        .unwrap()
}

#[test]
fn the_example_file_is_the_defaults() {
    let set: BTreeMap<String, String> = example(false).into_iter().collect();
    let defaults = VARIABLES
        .iter()
        .filter_map(|variable| Some((variable.name.to_owned(), variable.default?.to_owned())));
    assert_eq!(set, defaults.collect());
    let (example, default) = (load(example(false)).unwrap(), config(&[]));
    assert_eq!(format!("{example:?}"), format!("{default:?}"));
}

#[test]
fn the_example_file_tells_the_meaning_of_each_variable() {
    let text = include_str!("../../.env.example");
    for variable in VARIABLES {
        let mark = if variable.default.is_some() { "" } else { "#" };
        let lines = format!("# {}\n{mark}{}=", variable.meaning, variable.name);
        assert!(text.contains(&lines), "{lines}");
    }
    let lines = text
        .lines()
        .filter(|line| line.contains('=') && !line.starts_with("# "));
    assert_eq!(lines.count(), VARIABLES.len());
}

#[test]
fn every_example_in_the_example_file_is_valid() {
    let vars = example(true);
    assert_eq!(vars.len(), VARIABLES.len());
    let config = load(vars).unwrap();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert!(config.database.is_some() && config.cursor_key.is_some());
}
