//! What a start says, and what one that fails says.

use std::net::TcpListener;

use crate::support::{Ended, Run};

/// Serves until the lines of the start are out, and tells them without their times.
fn started(run: &Run) -> Vec<String> {
    let ended = run.serve("lucarne serve", "listens on http://");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<String> = ended
        .out
        .lines()
        .map(|line| match line.split_once(' ') {
            Some((time, rest)) if time.ends_with('Z') => rest.trim_start().to_owned(),
            _ => line.to_owned(),
        })
        .collect();
    let (last, lines) = lines.split_last().unwrap();
    assert_eq!(last, "stopped: 0 sockets closed, 0 requests cut");
    assert!(lines.len() <= 9, "{lines:#?}");
    lines.to_vec()
}

fn run() -> Run {
    Run::new().set("MCP_LISTEN", "127.0.0.1:0")
}

fn refused(run: &Run) -> Ended {
    let ended = run.lucarne(&["serve"]);
    assert_eq!(ended.out, "", "{ended:?}");
    ended
}

/// The sample, as a demo that cannot have its port leaves it.
fn with_sample() -> Run {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = Run::new().set("MCP_LISTEN", &address);
    let ended = run.lucarne(&["demo", "--path", "sample.db"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    drop(taken);
    run.set("MCP_LISTEN", "127.0.0.1:0")
        .set("MCP_ENABLED", "true")
        .set("MCP_TOKEN", "a-token-for-tests-alone")
        .set("DATABASE_URL", "sqlite:sample.db")
}

#[test]
fn switched_off_is_said() {
    let lines = started(&run());
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with("INFO lucarne ") && lines[0].contains("listens on http://127.0.0.1:")
    );
    assert_eq!(
        lines[1],
        "INFO off: /mcp answers 503; set MCP_ENABLED=true to open it"
    );
}

#[test]
fn what_is_served_and_what_is_hidden_is_said() {
    let lines = started(&with_sample().set("MCP_AUDIT_FILE", "audit.jsonl"));
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert_eq!(
        lines[1],
        "INFO reads SQLite file sample.db, read-only: 3 models with 38 fields, 5 hidden \
         (lucarne check lists them)"
    );
    assert_eq!(
        lines[2],
        "INFO serves users, tickets, change_log; the file is opened for reading alone"
    );
    assert_eq!(lines[3], "INFO hides 4 fields of users, 1 field of tickets");
    assert_eq!(
        lines[4],
        "INFO records each request in audit.jsonl; what cannot be recorded is refused"
    );
}

#[test]
fn many_warnings_are_counted() {
    let run = with_sample()
        .set("MCP_RATE_LIMIT", "0")
        .set("MCP_READONLY", "0")
        .set("MCP_ALLOWED_HOSTS", "*")
        .set("MCP_ALLOWED_ORIGINS", "*")
        .set("MCP_ALLOWED_MODELS", "users,ticket")
        .set("MCP_ALLOW_QUERY_TOKEN", "true")
        .set("MCP_HIDDEN_FIELDS", "users.nothing");
    let lines = started(&run);
    assert_eq!(lines.len(), 9, "{lines:?}");
    assert!(lines[1].contains(": 1 model with 13 fields, 4 hidden"));
    assert_eq!(lines[8], "WARN 2 more warnings: lucarne check tells them");
}

#[test]
fn a_server_that_does_not_answer_is_waited_for() {
    let run = run()
        .set("MCP_ENABLED", "true")
        .set("MCP_TOKEN", "a-token-for-tests-alone")
        .set("DATABASE_URL", "postgres://reader:s3same@127.0.0.1:1/shop");
    let lines = started(&run);
    assert_eq!(
        lines[1..],
        [
            "WARN PostgreSQL at 127.0.0.1:1/shop does not answer: requests are refused until it \
          does; try pg_isready -h 127.0.0.1 -p 1"
        ]
    );
}

#[test]
fn a_port_in_use_is_told_with_one_that_is_free() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let ended = refused(&Run::new().set("MCP_LISTEN", &address.to_string()));
    assert_eq!(ended.code, Some(3));
    let lines: Vec<&str> = ended.err.lines().collect();
    assert_eq!(lines.len(), 2, "{}", ended.err);
    assert_eq!(lines[0], format!("error: {address} is in use"));
    let free = lines[1].strip_prefix("help: MCP_LISTEN=").unwrap();
    let free = free.strip_suffix(" is free now").unwrap();
    assert!(TcpListener::bind(free).is_ok(), "{free}");
}

#[test]
fn a_whitelist_that_names_nothing_is_told_what_there_is() {
    let run = with_sample().set("MCP_ALLOWED_MODELS", "Album,Artist");
    let ended = refused(&run);
    assert_eq!(ended.code, Some(2));
    assert_eq!(
        ended.err,
        "error: MCP_ALLOWED_MODELS: none of Album, Artist is in sample.db\n\
         help: it has change_log, tickets, users. Try MCP_ALLOWED_MODELS=change_log,tickets\n"
    );
}

#[test]
fn a_file_that_is_none_is_told_and_never_made() {
    let enabled = |run: Run| {
        run.set("MCP_ENABLED", "true")
            .set("MCP_TOKEN", "a-token-for-tests-alone")
    };
    for (url, error) in [
        (
            "sqlite:shop.db",
            "error: DATABASE_URL: there is no file shop.db\n\
             help: shops.db exists; a relative path starts at the folder you run in\n",
        ),
        (
            "sqlite:folder",
            "error: DATABASE_URL: folder is a folder\nhelp: name the database file in it\n",
        ),
        (
            "sqlite:shops.db",
            "error: DATABASE_URL: shops.db is not an SQLite database\n\
             help: check the path; a dump in SQL must be loaded first: sqlite3 new.db < dump.sql\n",
        ),
    ] {
        let run = enabled(run().file("shops.db", "no database at all, but twenty letters"));
        std::fs::create_dir(run.folder.path().join("folder")).unwrap();
        let ended = refused(&run.set("DATABASE_URL", url));
        assert_eq!((ended.code, ended.err.as_str()), (Some(2), error));
    }
}

#[test]
fn all_faults_come_at_once_and_none_shows_a_secret() {
    let run = Run::new()
        .set("MCP_ENABLED", "maybe")
        .set("MCP_TOKNE", "s3same-s3same-s3same")
        .set("MCP_LISTEN", "here")
        .set("DATABASE_URL", "mssql://sa:s3same@db/shop");
    let ended = refused(&run);
    assert_eq!(ended.code, Some(2));
    let variables: Vec<&str> = ended
        .err
        .lines()
        .filter_map(|line| line.strip_prefix("error: ")?.split(':').next())
        .collect();
    assert_eq!(
        variables,
        ["MCP_TOKNE", "MCP_ENABLED", "MCP_LISTEN", "DATABASE_URL"]
    );
    assert_eq!(ended.err.lines().count(), 8, "{}", ended.err);
    assert!(!ended.err.contains("s3same"), "{}", ended.err);
}
