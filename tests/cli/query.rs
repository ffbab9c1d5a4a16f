//! `lucarne query`: what is sent, what is shown, and where.

use crate::support::{LIST, REFUSED_MODEL, ROWS, Run, Service, Step, TOKEN};

#[test]
fn an_answer_is_printed_exactly_as_it_was_received() {
    let service = Service::answering(ROWS);
    let ended = Run::with(&service).lucarne(&["query", LIST]);
    assert_eq!(
        (ended.code, ended.out.as_str(), ended.err.as_str()),
        (Some(0), &*format!("{ROWS}\n"), "")
    );
    assert_eq!(
        service.seen(),
        [
            "path /mcp/ws",
            &format!("token {TOKEN}"),
            r#"message {"id":1,"action":"list","model":"users"}"#
        ]
    );
}

#[test]
fn an_answer_over_several_lines_is_printed_on_one() {
    let service =
        Service::answering("{\"id\":1,\r\n \"status\":\"ok\",\n \"data\":12345678901234567890.10}");
    let ended = Run::with(&service).lucarne(&["query", LIST]);
    assert_eq!(
        ended.out,
        "{\"id\":1, \"status\":\"ok\", \"data\":12345678901234567890.10}\n"
    );
}

#[test]
fn the_command_line_comes_before_the_environment() {
    let service = Service::answering(ROWS);
    for url in [
        service.url(),
        format!("http://{}/mcp", service.address),
        format!("{}/mcp/ws", service.address),
    ] {
        let run = Run::new()
            .set("MCP_LISTEN", "127.0.0.1:1")
            .set("MCP_TOKEN", "another");
        let ended = run.lucarne(&["query", LIST, "--url", &url, "--token", TOKEN]);
        assert_eq!(ended.code, Some(0), "{url}: {}", ended.err);
    }
    let seen = service.seen();
    assert_eq!(
        seen.iter().filter(|line| *line == "path /mcp/ws").count(),
        3
    );
    assert_eq!(
        seen.iter()
            .filter(|line| **line == format!("token {TOKEN}"))
            .count(),
        3
    );
}

#[test]
fn the_token_is_found_in_each_place() {
    let service = Service::answering(ROWS);
    let listen = service.address.to_string();
    let runs = [
        Run::new()
            .set("MCP_LISTEN", &listen)
            .set("MCP_TOKEN", &format!("{TOKEN},another-token-of-them")),
        Run::new().file(
            ".env",
            &format!("MCP_LISTEN={listen}\nMCP_TOKEN='{TOKEN}'\n"),
        ),
        Run::new()
            .set("MCP_LISTEN", &listen)
            .set("MCP_TOKEN_FILE", "secret")
            .file("secret", &format!("{TOKEN}\n")),
    ];
    for run in &runs {
        let ended = run.lucarne(&["query", LIST]);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
    }
    assert_eq!(
        service
            .seen()
            .iter()
            .filter(|line| **line == format!("token {TOKEN}"))
            .count(),
        runs.len()
    );
}

#[test]
fn a_message_comes_from_standard_input_and_keeps_its_id() {
    let service = Service::answering(ROWS);
    let ended = Run::with(&service).feed(
        &["query", "-"],
        "{\n \"id\": \"x\",\n \"action\": \"list\"\n}\n",
    );
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(
        service.seen()[2],
        "message {\n \"id\": \"x\",\n \"action\": \"list\"\n}"
    );
}

#[test]
fn each_line_of_standard_input_is_answered_by_a_line() {
    let service = Service::socket(|message| {
        Step::Text(if message.contains("users") {
            ROWS.to_owned()
        } else {
            REFUSED_MODEL.to_owned()
        })
    });
    let run = Run::with(&service);
    let ended = run.feed(&["query"], &format!("{LIST}\n\n{LIST}\r\n"));
    assert_eq!(
        (ended.code, ended.out),
        (Some(0), format!("{ROWS}\n{ROWS}\n"))
    );
    assert_eq!(
        service
            .seen()
            .iter()
            .filter(|line| line.starts_with("path"))
            .count(),
        1
    );

    let ended = run.feed(&["query"], &format!("{{\"model\":\"user\"}}\n{LIST}\n"));
    assert_eq!(
        (ended.code, ended.out),
        (Some(1), format!("{REFUSED_MODEL}\n{ROWS}\n"))
    );

    let ended = run.feed(&["query"], &format!("{LIST}\n{{oops}}\n{LIST}\n"));
    assert_eq!((ended.code, ended.out), (Some(2), format!("{ROWS}\n")));
    assert!(
        ended
            .err
            .starts_with("line 2 of standard input:\nerror: the message is not JSON"),
        "{}",
        ended.err
    );
}

#[test]
fn an_error_answer_is_data_and_words() {
    let service = Service::answering(REFUSED_MODEL);
    for arguments in [&["query", LIST][..], &["query", LIST, "--json"]] {
        let ended = Run::with(&service).lucarne(arguments);
        assert_eq!(
            (ended.code, ended.out),
            (Some(1), format!("{REFUSED_MODEL}\n"))
        );
        assert_eq!(
            ended.err,
            "error: Model 'user' not allowed. Allowed models: users, tickets\nhelp: did you mean \"users\"?\n"
        );
    }
}

#[test]
fn a_malformed_message_is_pointed_at_before_anyone_is_asked() {
    // Nothing listens here: were anyone asked, the error would be another one.
    let run = Run::new().set("MCP_LISTEN", "127.0.0.1:1");
    for (message, line, caret) in [
        (
            r#"{"action":"list" "model":"users"}"#,
            "line 1, column 18",
            "                   ^",
        ),
        ("{action:list}", "line 1, column 2", "   ^"),
        (
            "{\"action\":\"list\",\n\"model\":}",
            "line 2, column 9",
            "          ^",
        ),
        ("[]", "line 1, column 1", "  ^"),
    ] {
        let ended = run.lucarne(&["query", message]);
        let lines: Vec<&str> = ended.err.lines().collect();
        assert_eq!(
            (ended.code, ended.out.as_str(), lines.len()),
            (Some(2), "", 4),
            "{}",
            ended.err
        );
        assert!(lines[0].contains(line), "{}", ended.err);
        assert_eq!(lines[2], caret, "{}", ended.err);
        assert!(
            lines[3].starts_with("help: ") && lines[3].contains("lucarne query '{"),
            "{}",
            ended.err
        );
    }
}

#[test]
fn logging_and_colours_never_reach_standard_output() {
    let service = Service::answering(ROWS);
    let run = Run::with(&service)
        .set("MCP_LOG", "trace")
        .set("RUST_LOG", "trace")
        .set("CLICOLOR_FORCE", "1")
        .set("NO_COLOR", "1");
    let ended = run.lucarne(&["query", LIST]);
    assert_eq!(ended.out, format!("{ROWS}\n"));
    assert!(!ended.err.contains('\u{1b}'));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let long = format!(
        r#"{{"id":1,"status":"ok","data":"{}"}}"#,
        "x".repeat(1 << 20)
    );
    let service = Service::socket(move |_| Step::Text(long.clone()));
    let run = Run::with(&service);
    let lines = format!("{LIST}\n").repeat(20);
    let run = run.file("lines", &lines);
    let ended = run.shell(
        "lucarne query < lines | head -c 1; lucarne --help | head -1; lucarne man | head -1",
    );
    assert_eq!(ended.err, "");
}

#[test]
fn a_full_disk_is_told() {
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    let ended = Run::new().shell("lucarne token > /dev/full");
    assert_eq!(ended.code, Some(2));
    assert!(
        ended
            .err
            .starts_with("error: standard output cannot be written"),
        "{}",
        ended.err
    );
}
