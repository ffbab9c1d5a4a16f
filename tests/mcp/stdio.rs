//! `lucarne stdio`: nothing but the protocol on standard output.

use serde_json::{Value, json};
use std::io::Read as _;
use std::process::Command;
use std::time::Duration;

use crate::support::{Piped, call, ended, request, soon, stdio_command};

#[tokio::test]
async fn it_answers_by_lines_and_ends_with_its_input() {
    let mut piped = Piped::start(&[("MCP_LOG", "trace")]).await;
    let params = json!({ "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" } });
    let answer = piped.ask(&request(1, "initialize", params)).await;
    assert!(answer.contains(r#""listChanged":true"#), "{answer}");
    piped
        .send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
        .await;
    assert!(piped.ask("not JSON").await.contains("-32700"));
    let large = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"{}"}}"#,
        "x".repeat(70_000)
    );
    let refused: Value = serde_json::from_str(&piped.ask(&large).await).unwrap();
    assert_eq!(
        (&refused["id"], &refused["error"]["code"]),
        (&json!(1), &json!(-32600))
    );
    piped
        .send(&call(2, "list_records", r#"{"model":"users"}"#))
        .await;
    drop(piped.input);
    let last = soon(piped.output.next_line()).await.unwrap().unwrap();
    let last: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(last["id"], 2, "what was asked before the end is answered");
    assert_eq!(soon(piped.output.next_line()).await.unwrap(), None);
    let mut written = piped.child.stderr.take().unwrap();
    assert!(ended(piped.child).await.success());
    let mut log = String::new();
    written.read_to_string(&mut log).unwrap();
    assert!(log.contains("stdio"), "logs go to standard error: {log}");
    assert!(
        !log.contains("planted-") && !log.contains("@example"),
        "{log}"
    );
}

#[tokio::test]
async fn a_client_that_reads_no_more_ends_it_without_noise() {
    let mut piped = Piped::start(&[]).await;
    let ping = request(1, "ping", json!({}));
    assert!(piped.ask(&ping).await.contains("\"result\""));
    drop(piped.output);
    let mut written = piped.child.stderr.take().unwrap();
    // The pipe may be found broken by an answer, or by the end of the input after it.
    let line = format!("{ping}\n");
    let _ = tokio::io::AsyncWriteExt::write_all(&mut piped.input, line.as_bytes()).await;
    drop(piped.input);
    assert!(ended(piped.child).await.success());
    let mut log = String::new();
    written.read_to_string(&mut log).unwrap();
    assert!(!log.contains("panic") && !log.contains("ERROR"), "{log}");
}

#[tokio::test]
async fn a_client_that_never_reads_does_not_keep_it_from_its_end() {
    let mut piped = Piped::start(&[("MCP_RATE_LIMIT", "0")]).await;
    assert!(
        piped
            .ask(&request(1, "ping", json!({})))
            .await
            .contains("result")
    );
    // More than the pipe takes.
    for id in 2..80 {
        piped
            .send(&call(
                id,
                "list_records",
                r#"{"model":"tickets","limit":100}"#,
            ))
            .await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    // The second signal does not wait for what is under way.
    for _ in 0..2 {
        let kill = Command::new("kill")
            .arg(piped.child.id().to_string())
            .status();
        assert!(kill.unwrap().success());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(ended(piped.child).await.success());
}

/// The memory that a process has taken at the most, in bytes.
fn peak(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let number = line.split_whitespace().nth(1).unwrap();
    number.parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn nothing_that_comes_ends_it_or_fills_it() {
    let mut piped = Piped::start(&[("MCP_RATE_LIMIT", "0")]).await;
    let ping = request(7, "ping", json!({}));
    assert!(piped.ask(&ping).await.contains("\"result\""));
    let before = peak(piped.child.id());
    let mega = 16 << 20;
    let lines: Vec<(Vec<u8>, &str, Value)> = vec![
        (vec![b'x'; mega], "-32600", json!(null)),
        (vec![b'['; mega], "-32600", json!(null)),
        (vec![b'"'; mega], "-32600", json!(null)),
        (
            [&b"{\"id\":"[..], &vec![b'9'; mega]].concat(),
            "-32600",
            json!(null),
        ),
        (
            [&b"{\"a\":\""[..], &vec![b'y'; mega], b"\",\"id\":\"last\"}"].concat(),
            "-32600",
            json!("last"),
        ),
        (vec![0xff; 30], "-32700", json!(null)),
        (vec![0; 30], "-32700", json!(null)),
        (b"{\"id\":1,\xed\xa0\x80".to_vec(), "-32700", json!(null)),
        ("[".repeat(60_000).into_bytes(), "-32700", json!(null)),
        (
            [b"{\"id\":3,\"a\":".to_vec(), vec![b'['; 60_000]].concat(),
            "-32700",
            json!(3),
        ),
    ];
    for (mut line, code, id) in lines {
        line.push(b'\n');
        let shown = String::from_utf8_lossy(&line[..30.min(line.len())]).into_owned();
        let (input, output) = (&mut piped.input, &mut piped.output);
        let written = tokio::io::AsyncWriteExt::write_all(input, &line);
        let (written, told) = tokio::join!(written, output.next_line());
        written.unwrap();
        let told: Value = serde_json::from_str(&told.unwrap().unwrap()).unwrap();
        assert_eq!(
            (told["error"]["code"].to_string(), &told["id"]),
            (code.to_owned(), &id),
            "{shown}"
        );
    }
    let blank = " \r\n\n".repeat(100_000);
    piped.send(&blank).await;
    assert!(piped.ask(&ping).await.contains("\"result\""));
    let grown = peak(piped.child.id()) - before;
    assert!(grown < 16 << 20, "grown by {grown} bytes");
    drop(piped.input);
    assert!(ended(piped.child).await.success());
}

#[tokio::test]
async fn the_window_holds_and_the_pipe_stays() {
    let mut piped = Piped::start(&[("MCP_RATE_LIMIT", "1"), ("MCP_RATE_WINDOW", "1")]).await;
    let read = call(7, "describe_models", "{}");
    assert!(piped.ask(&read).await.contains("\"result\""));
    let limited: Value = serde_json::from_str(&piped.ask(&read).await).unwrap();
    assert_eq!(limited["id"], 7);
    assert_eq!(
        limited["error"]["message"],
        "Rate limit exceeded: 1 requests per 1s"
    );
    for _ in 0..3 {
        piped.ask(&read).await;
    }
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(piped.ask(&read).await.contains("\"result\""));
    drop(piped.input);
    let mut log = String::new();
    let mut written = piped.child.stderr.take().unwrap();
    assert!(ended(piped.child).await.success());
    written.read_to_string(&mut log).unwrap();
    // A slow machine may have begun another window in between.
    let told = log.matches("Rate limit exceeded").count();
    assert!((1..=2).contains(&told), "once a window: {log}");
}

#[tokio::test]
async fn what_it_cannot_serve_is_said_on_standard_error() {
    for (url, variables, said) in [
        ("sqlite:missing.db", vec![], "DATABASE_URL"),
        (
            "sqlite:missing.db",
            vec![("MCP_ENABLED", "false")],
            "MCP_ENABLED=true",
        ),
    ] {
        let ended = stdio_command(url, &variables).output().unwrap();
        assert_eq!(ended.status.code(), Some(2));
        assert!(ended.stdout.is_empty());
        let log = String::from_utf8(ended.stderr).unwrap();
        assert!(log.contains(said), "{log}");
        assert!(!log.contains("MCP_TOKEN"), "{log}");
    }
}
