//! The table of exit codes: each command with each way it can end.

use crate::support::{LIST, REFUSED_MODEL, ROWS, Run, Service};

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
