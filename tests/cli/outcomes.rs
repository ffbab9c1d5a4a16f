//! The table of exit codes: each command with each way it can end.

use crate::support::{LIST, REFUSED_MODEL, ROWS, Run, Service, TOKEN};

#[test]
fn every_command_and_outcome_has_its_exit_code() {
    let good = Service::answering(ROWS).url();
    let bad = Service::answering(REFUSED_MODEL).url();
    let locked = Service::http("401 Unauthorized", "", "{}").url();
    let alive = Service::http("200 OK", "", r#"{"status":"ok"}"#).url();
    let ill = Service::http("500 Oops", "", "").url();
    let gone = "ws://127.0.0.1:1";
    for (expected, arguments) in [
        (0, &["--version"][..]),
        (0, &["-V"]),
        (0, &["-h"]),
        (0, &["--help"]),
        (0, &["help"]),
        (0, &["help", "query"]),
        (2, &["help", "qurey"]),
        (2, &["--nonsense"]),
        (2, &["instal"]),
        (0, &["token"]),
        (2, &["token", "more"]),
        (0, &["query", LIST, "--url", &good]),
        (0, &["query", "list", "users", "--url", &good]),
        (1, &["query", LIST, "--url", &bad]),
        (1, &["query", LIST, "--json", "--url", &bad]),
        (2, &["query", "{", "--url", &good]),
        (2, &["query", "--url", &good]),
        (2, &["query", "-", "--url", &good]),
        (2, &["query", "lsit", "users", "--url", &good]),
        (2, &["query", LIST, "--url", &locked]),
        (2, &["query", LIST, "--url", gone]),
        (2, &["query", LIST, "--url", "ftp://x"]),
        (2, &["query", LIST, "--timeout", "0"]),
        (0, &["config", "vscode"]),
        (0, &["config", "claude", "--ws"]),
        (0, &["config", "gemini", "--stdio"]),
        (2, &["config", "codex", "--ws"]),
        (2, &["config"]),
        (2, &["config", "emacs"]),
        (2, &["config", "vscode", "--url", "ftp://x"]),
        (2, &["config", "claude", "--ws", "--stdio"]),
        (0, &["health", "--url", &alive]),
        (1, &["health", "--url", &ill]),
        (1, &["health", "--url", &locked]),
        (1, &["health", "--url", gone]),
        (2, &["health", "--url", "ftp://x"]),
        (0, &["completions", "bash"]),
        (2, &["completions", "tcsh"]),
        (0, &["man"]),
        (0, &["check"]),
        (0, &["check", "--strict", "--json"]),
        (2, &["check", "--setup-sql"]),
        (2, &["check", "--setup-sql", "--json"]),
    ] {
        let ended = Run::new().lucarne(arguments);
        assert_eq!(ended.code, Some(expected), "{arguments:?}: {}", ended.err);
        match expected {
            0 => assert!(!ended.out.is_empty(), "{arguments:?}"),
            _ => assert!(
                ended.err.starts_with("error: ") && ended.err.lines().count() <= 4,
                "{arguments:?}: {}",
                ended.err
            ),
        }
        assert!(
            !ended.out.contains('\u{1b}') && !ended.err.contains('\u{1b}'),
            "{arguments:?}"
        );
    }
}

#[test]
fn what_looks_at_a_database_has_its_exit_codes() {
    const SOUND: (&str, &str) = ("MCP_TOKEN", TOKEN);
    const WEAK: (&str, &str) = ("MCP_RATE_LIMIT", "0");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (expected, arguments, variables) in [
        (0, &["check"][..], &[SOUND][..]),
        (0, &["check", "--json"], &[SOUND]),
        (0, &["check", "--strict"], &[SOUND]),
        (0, &["check"], &[SOUND, WEAK]),
        (1, &["check", "--strict"], &[SOUND, WEAK]),
        (1, &["check", "--strict", "--json"], &[SOUND, WEAK]),
        (2, &["check"], &[]),
        (2, &["check"], &[SOUND, ("MCP_RATE_LIMIT", "x")]),
        (2, &["check"], &[SOUND, ("MCP_TOKNE", "x")]),
        (2, &["check"], &[SOUND, ("DATABASE_URL", "sqlite:gone.db")]),
        (2, &["check"], &[SOUND, ("MCP_ALLOWED_MODELS", "nothing")]),
        (2, &["check", "--strcit"], &[SOUND]),
        (2, &["serve"], &[]),
        (2, &["serve"], &[("MCP_TOKEN", "changeme")]),
        (2, &["serve"], &[SOUND, ("DATABASE_URL", "sqlite:gone.db")]),
        (2, &["serve", "now"], &[SOUND]),
        (3, &["serve"], &[SOUND, ("MCP_LISTEN", &taken)]),
        (3, &["demo"], &[("MCP_LISTEN", &taken)]),
        (2, &["demo", "--path", "no/such/folder.db"], &[]),
        (2, &["demo", "--path", "."], &[]),
        (2, &["demo", "--database-url", "sqlite:x.db"], &[]),
        (2, &["demo"], &[("MCP_RATE_LIMIT", "x")]),
    ] {
        let run = Run::new().with_sample();
        let run = variables
            .iter()
            .fold(run, |run, (name, value)| run.set(name, value));
        let ended = run.lucarne(arguments);
        assert_eq!(
            ended.code,
            Some(expected),
            "{arguments:?} {variables:?}: {}",
            ended.err
        );
        if expected >= 2 {
            assert!(
                ended.err.starts_with("error: ") && ended.err.lines().count() <= 4,
                "{arguments:?}: {}",
                ended.err
            );
        } else {
            assert!(
                ended.out.contains("MCP_") || expected == 0,
                "{arguments:?}: {}",
                ended.out
            );
        }
        assert!(!run.folder.path().join("gone.db").exists());
    }
}

#[test]
fn serve_and_demo_end_well() {
    for (line, sign) in [
        ("lucarne serve", "listens on http://"),
        ("lucarne", "listens on http://"),
        ("lucarne demo", "Ctrl-C ends this."),
    ] {
        let run = Run::new()
            .with_sample()
            .set("MCP_TOKEN", TOKEN)
            .set("MCP_LISTEN", "127.0.0.1:0");
        let ended = run.serve(line, sign);
        assert_eq!(ended.code, Some(0), "{line}: {}", ended.out);
        assert!(
            ended
                .out
                .ends_with("stopped: 0 sockets closed, 0 requests cut\n"),
            "{}",
            ended.out
        );
    }
}

#[test]
fn health_is_short_and_names_what_it_asked() {
    let alive = Service::http("200 OK", "", "{}");
    let ended = Run::new()
        .set("MCP_LISTEN", &alive.address.to_string())
        .lucarne(&["health"]);
    assert_eq!(ended.out, format!("ok: {} is alive\n", alive.address));
    let ended = Run::new()
        .set("MCP_LISTEN", "127.0.0.1:1")
        .lucarne(&["health"]);
    assert_eq!(
        ended.err,
        "error: nothing answers at 127.0.0.1:1 (connection refused)\nhelp: start it with: lucarne serve\n"
    );
}

#[test]
fn a_token_is_a_line_of_43_characters() {
    let ended = Run::new().lucarne(&["token"]);
    assert_eq!((ended.out.len(), ended.err.as_str()), (44, ""));
    assert!(
        ended
            .out
            .trim_end()
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    );
}
