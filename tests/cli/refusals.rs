//! Every way of not getting an answer: exit 2, what is wrong, what to do, and never the token.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::support::{Ended, LIST, Run, Service, Step, TOKEN};

fn told(ended: &Ended, words: &[&str]) {
    assert_eq!(
        (ended.code, ended.out.as_str()),
        (Some(2), ""),
        "{}",
        ended.err
    );
    assert!(ended.err.starts_with("error: "), "{}", ended.err);
    assert!(ended.err.lines().count() <= 4, "{}", ended.err);
    for word in words {
        assert!(ended.err.contains(word), "no {word:?} in: {}", ended.err);
    }
    assert!(!ended.err.contains("s3cr3t"), "{}", ended.err);
}

#[test]
fn nobody_there() {
    let ended = Run::new()
        .set("MCP_LISTEN", "127.0.0.1:1")
        .lucarne(&["query", LIST]);
    told(
        &ended,
        &[
            "nothing answers at 127.0.0.1:1 (connection refused)",
            "\nhelp: start it with: lucarne serve",
        ],
    );
    let ended = Run::new().lucarne(&["query", LIST, "--url", "ws://no-such-host.invalid"]);
    told(&ended, &["no-such-host.invalid", "\nhelp: "]);
}

#[test]
fn refused_before_the_socket() {
    for (status, headers, body, words) in [
        (
            "401 Unauthorized",
            "",
            r#"{"status":"error","error":"Invalid authentication token"}"#,
            &[
                "the service refused the token",
                "unknown, expired or revoked",
            ][..],
        ),
        (
            "403 Forbidden",
            "",
            r#"{"status":"error","error":"Origin not allowed"}"#,
            &["Origin not allowed", "MCP_ALLOWED_ORIGINS"],
        ),
        (
            "403 Forbidden",
            "",
            r#"{"status":"error","error":"Host not allowed"}"#,
            &["Host not allowed", "MCP_ALLOWED_HOSTS"],
        ),
        (
            "426 Upgrade Required",
            "",
            "{}",
            &["Upgrade and Connection"],
        ),
        (
            "429 Too Many Requests",
            "Retry-After: 42\r\n",
            r#"{"status":"error","error":"Too many authentication failures"}"#,
            &["Too many authentication failures", "in 42 seconds"],
        ),
        (
            "503 Service Unavailable",
            "",
            r#"{"status":"error","error":"MCP server is disabled"}"#,
            &["MCP server is disabled", "help: set MCP_ENABLED=true"],
        ),
        (
            "503 Service Unavailable",
            "Retry-After: 5\r\n",
            r#"{"status":"error","error":"Too many connections"}"#,
            &["Too many connections", "in 5 seconds"],
        ),
        ("404 Not Found", "", "<html>", &["has no /mcp/ws"]),
        (
            "301 Moved",
            "Location: https://elsewhere/mcp/ws\r\n",
            "",
            &["https://elsewhere/mcp/ws"],
        ),
        ("200 OK", "", "hello", &["no WebSocket service"]),
        ("500 Oops", "", "", &["500"]),
    ] {
        let ended = Run::with(&Service::http(status, headers, body)).lucarne(&["query", LIST]);
        told(&ended, words);
        assert!(ended.err.contains("\nhelp: "), "{}", ended.err);
    }
}

#[test]
fn a_refused_token_is_judged_without_being_shown() {
    let service = Service::http(
        "401 Unauthorized",
        "",
        r#"{"error":"Invalid authentication token"}"#,
    );
    let url = service.url();
    for (token, words) in [
        (format!("{TOKEN}\n"), "ends in a line break"),
        (format!("\"{TOKEN}\""), "stands in quotes"),
        (format!("Bearer {TOKEN}"), "has \"Bearer \" in front"),
        (format!("{TOKEN} "), "ends in a space"),
        (
            TOKEN.to_owned(),
            "help: unknown, expired or revoked: ask whoever gave it to you (MCP_TOKEN)",
        ),
    ] {
        let ended = Run::new()
            .set("MCP_TOKEN", &token)
            .lucarne(&["query", LIST, "--url", &url]);
        told(
            &ended,
            &["error: the service refused the token\nhelp: ", words],
        );
    }
    let ended = Run::new().lucarne(&["query", LIST, "--url", &url]);
    told(&ended, &["none was sent", "set MCP_TOKEN"]);
    let ended = Run::new()
        .set("MCP_TOKEN", TOKEN)
        .set("MCP_TOKEN_FILE", "x")
        .lucarne(&["query", LIST]);
    told(&ended, &["MCP_TOKEN_FILE: set, and MCP_TOKEN is set too"]);
    let ended = Run::new()
        .set("MCP_TOKEN_FILE", "missing")
        .lucarne(&["query", LIST]);
    told(&ended, &["MCP_TOKEN_FILE: cannot read missing"]);
    let ended = Run::new()
        .file(".env", &format!("MCP_TOKEN {TOKEN}\n"))
        .lucarne(&["query", LIST]);
    told(&ended, &[".env"]);
}

#[test]
fn closed_before_answering() {
    for (step, words) in [
        (
            Step::Close(1008, "Rate limit exceeded"),
            &["(1008: Rate limit exceeded)", "MCP_RATE_LIMIT"][..],
        ),
        (Step::Close(1009, ""), &["(1009)", "MCP_MAX_MESSAGE_BYTES"]),
        (Step::Close(1001, "bye"), &["(1001: bye)", "stopping"]),
        (Step::Drop, &["closed the connection before answering"]),
        (Step::Binary, &["binary frame"]),
    ] {
        told(
            &Run::with(&Service::socket(move |_| step.clone())).lucarne(&["query", LIST]),
            words,
        );
    }
}

#[test]
fn something_else_there() {
    for (bytes, words) in [
        ("SSH-2.0-OpenSSH\r\n", "does not speak HTTP"),
        ("\u{15}\u{3}\u{1}\0\u{2}\u{2}F", "wss://"),
        ("", "closed the connection without an answer"),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
            "no WebSocket service",
        ),
    ] {
        told(
            &Run::with(&Service::raw(bytes)).lucarne(&["query", LIST]),
            &[words],
        );
    }
    let service = Service::raw("HTTP/1.1 400 Bad Request\r\n\r\n");
    told(
        &Run::new().lucarne(&[
            "query",
            LIST,
            "--url",
            &format!("wss://{}", service.address),
        ]),
        &["no TLS with", "try ws://"],
    );
}

#[test]
fn what_is_no_answer_of_a_service() {
    for text in ["hello", r#"{"jsonrpc":"2.0","id":1,"result":{}}"#] {
        let ended = Run::with(&Service::answering(text)).lucarne(&["query", LIST]);
        assert_eq!((ended.code, ended.out), (Some(2), format!("{text}\n")));
        assert!(
            ended
                .err
                .starts_with("error: the answer is not one of a Lucarne service\nhelp: "),
            "{}",
            ended.err
        );
    }
}

#[test]
fn too_slow() {
    let silent = Service::new(|_stream| std::thread::sleep(Duration::from_secs(20)));
    let hanging = Service::socket(|_| Step::Hang);
    let dripping = Service::new(|mut stream| {
        // What comes before the request is no answer to it.
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 ");
        std::thread::sleep(Duration::from_secs(20));
    });
    for service in [silent, hanging, dripping] {
        let started = Instant::now();
        let ended = Run::with(&service).lucarne(&["query", LIST, "--timeout", "1"]);
        told(&ended, &["within 1 s", "--timeout"]);
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}
