use secrecy::ExposeSecret;

use super::*;

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[test]
fn with_a_store_token_and_database_may_be_absent() {
    let config = config(&[("MCP_ENABLED", "true"), ("MCP_STORE", "sqlite:store.db")]);
    assert!(config.service.tokens.is_empty() && config.data.database.is_none());
    assert_eq!(
        config
            .store
            .url
            .as_ref()
            .map(ToString::to_string)
            .as_deref(),
        Some("SQLite file store.db")
    );
    assert_eq!(config.store.grace, Duration::from_secs(300));
    assert!(config.store.keys.current.is_none());
    // What is given all the same must be right.
    let vars = [("MCP_TOKEN", "a b"), ("MCP_STORE", "sqlite:store.db")];
    assert_eq!(
        faulty(&[&vars[..], &[("MCP_ENABLED", "true")]].concat()),
        ["MCP_TOKEN"]
    );
}

#[test]
fn without_a_store_there_is_none() {
    let config = enabled(&[]);
    assert!(config.store.url.is_none());
    assert!(config.store.keys.current.is_none() && config.store.keys.previous.is_none());
}

#[test]
fn the_faults_of_the_store_count_while_the_service_is_off_too() {
    for (name, value) in [
        ("MCP_STORE", "mysql://u:s3cret@db/x"),
        ("MCP_STORE_FILE", "/no/such/file"),
        ("MCP_STORE_GRACE", "-1"),
        ("MCP_ENCRYPTION_KEY", "s3cret"),
    ] {
        let faults = faults(&[(name, value)]);
        assert_eq!(faults[0].0, name);
        assert!(!faults[0].1.contains("s3cret"), "{}", faults[0].1);
    }
    assert_eq!(
        faulty(&[("MCP_ENCRYPTION_KEY_PREVIOUS", KEY)]),
        ["MCP_ENCRYPTION_KEY_PREVIOUS"]
    );
    let vars = [&[("MCP_STORE", "your-database-url")][..], ENABLED].concat();
    assert_eq!(faulty(&vars), ["MCP_STORE"]);
}

#[test]
fn keys_are_read_and_not_shown() {
    let config = config(&[
        (
            "MCP_ENCRYPTION_KEY",
            "abababababababababababababababababababababababababababababababab",
        ),
        ("MCP_ENCRYPTION_KEY_PREVIOUS", KEY),
    ]);
    let current = config.store.keys.current.as_ref().unwrap();
    assert_eq!(current.expose_secret(), &[0xab; 32]);
    let previous = config.store.keys.previous.as_ref().unwrap();
    assert_eq!(previous.expose_secret(), &[0; 32]);
    let shown = format!("{config:?}");
    assert!(!shown.contains("abab") && !shown.contains("171"), "{shown}");
}

#[test]
fn an_admin_token_is_its_own() {
    let vars = [
        ("MCP_ADMIN_TOKEN", "an-admin-token-that-is-long"),
        ("MCP_ADMIN_LISTEN", "127.0.0.1:9090"),
        ("MCP_STORE", "sqlite:store.db"),
        ("MCP_AUDIT_FILE", "stderr"),
    ];
    let config = enabled(&vars);
    assert_eq!(config.admin.tokens.len(), 1);
    assert!(config.warnings.is_empty());
    assert!(enabled(&[]).admin.tokens.is_empty());
    assert_eq!(warned(&enabled(&vars[..2])), ["MCP_ADMIN_TOKEN"]);
    assert_eq!(
        warned(&enabled(&[vars[0], vars[2], vars[3]])),
        ["MCP_ADMIN_TOKEN"]
    );
    let shared = [
        &[("MCP_ADMIN_TOKEN", "a-token-that-is-long"), vars[1]][..],
        ENABLED,
    ]
    .concat();
    assert_eq!(faulty(&shared), ["MCP_ADMIN_TOKEN"]);
    let short = [("MCP_ADMIN_TOKEN", "changeme"), vars[1]];
    assert_eq!(faulty(&[&short[..], ENABLED].concat()), ["MCP_ADMIN_TOKEN"]);
}

#[test]
fn beside_a_store_a_token_alone_or_a_database_alone_is_warned_of() {
    let store = [
        ("MCP_ENABLED", "true"),
        ("MCP_STORE", "sqlite:store.db"),
        ("MCP_AUDIT_FILE", "stderr"),
    ];
    for alone in [
        ("MCP_TOKEN", "a-token-that-is-long"),
        ("DATABASE_URL", "sqlite:shop.db"),
    ] {
        assert_eq!(warned(&config(&[&store[..], &[alone]].concat())), [alone.0]);
    }
    assert_eq!(warned(&enabled(&store)), [""; 0]);
    // What clients of a store ask for is worth a record.
    assert_eq!(warned(&enabled(&store[..2])), ["MCP_AUDIT_FILE"]);
}

#[test]
fn without_a_token_only_a_loopback_address_is_open() {
    let open = ("MCP_REQUIRE_AUTH", "false");
    let url = ("DATABASE_URL", "sqlite:shop.db");
    let config = config(&[("MCP_ENABLED", "true"), url, open]);
    assert!(config.service.tokens.is_empty() && !config.service.require_auth);
    assert!(warned(&config).contains(&open.0));
    for other in [
        ("MCP_LISTEN", "0.0.0.0:8000"),
        ("MCP_TRUSTED_PROXIES", "10.0.0.0/8"),
    ] {
        assert_eq!(
            faulty(&[("MCP_ENABLED", "true"), url, open, other]),
            [open.0]
        );
    }
    assert!(enabled(&[]).service.require_auth);
}
