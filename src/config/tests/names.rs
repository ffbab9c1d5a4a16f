use super::*;

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
