//! Nothing of a token, a query string, a value or a hidden field is ever logged.

use serde_json::Value;

use crate::client::{Client, error};
use crate::process::Process;
use crate::raw;
use crate::service::{TOKEN, copy};

/// Texts that only a client knows, each in another place of its requests.
const PLANTED: [&str; 9] = [
    "wrongsecret",
    "queryvalue",
    "filtervalue",
    "textvalue",
    "modelvalue",
    "actionvalue",
    "paramvalue",
    "idvalue",
    "headervalue",
];

/// Talks of everything that must not be repeated, and loses the database in between.
async fn talk(process: &Process, path: &std::path::Path) -> Vec<String> {
    let address = process.address();
    let mut answers = Vec::new();
    for (path, headers) in [
        ("/mcp/ws", vec![("X-MCP-Token", "wrongsecret")]),
        ("/mcp/ws?token=wrongsecret&x=queryvalue", vec![]),
        (
            "/mcp/ws?x=queryvalue",
            vec![("Origin", "http://headervalue.example")],
        ),
        (
            "/mcp/ws",
            vec![("Cookie", "a=headervalue"), ("User-Agent", "headervalue")],
        ),
        (
            "/mcp/ws",
            vec![("Sec-WebSocket-Protocol", "mcp.auth.wrongsecret")],
        ),
    ] {
        assert!(Client::with(address, path, &headers).await.is_err());
    }
    raw::get(address, "/queryvalue?token=queryvalue").await;
    let path_with_token = format!("/mcp/ws?token={TOKEN}&x=queryvalue");
    let mut client = Client::with(address, &path_with_token, &[]).await.unwrap();
    let requests = [
        r#"{"id":"idvalue","action":"list","model":"users","params":{"filters":{"email":"filtervalue"}}}"#,
        r#"{"id":"idvalue","action":"query","model":"tickets","params":{"filters":{"title":{"$contains":"textvalue"}},"total":true}}"#,
        r#"{"id":"idvalue","action":"get","model":"users","params":{"id":"filtervalue"}}"#,
        r#"{"action":"list","model":"users","params":{"filters":{"password_hash":"filtervalue"}}}"#,
        r#"{"action":"list","model":"users","params":{"filters":{"totp_secret":{"$gt":""}}}}"#,
        r#"{"action":"query","model":"users","params":{"sort":["api_key"]}}"#,
        r#"{"action":"query","model":"users","params":{"fields":["auth_token"]}}"#,
        r#"{"action":"query","model":"users","params":{"group_by":["webhook_secret"]}}"#,
        r#"{"action":"list","model":"modelvalue"}"#,
        r#"{"action":"actionvalue","model":"users"}"#,
        r#"{"action":"list","model":"users","params":{"paramvalue":1}}"#,
        r#"{"action":"list","model":"users","params":{"cursor":"paramvalue"}}"#,
        r#"{"action":"list","model":"users\r\nERROR modelvalue [31m"}"#,
        "textvalue is no JSON",
        r#"{"action":"list","model":"users","params":{"limit":100}}"#,
        r#"{"action":"list","model":"change_log","params":{"limit":100}}"#,
        r#"{"action":"query","model":"tickets","params":{"limit":100,"expand":["user"]}}"#,
        r#"{"action":"describe"}"#,
    ];
    for request in requests {
        client.send(request).await;
        answers.push(client.text().await);
    }
    let away = path.with_extension("away");
    std::fs::rename(path, &away).unwrap();
    for _ in 0..2 {
        let lost = client.ask(requests[0]).await;
        assert_eq!(error(&lost).1, "unavailable");
        answers.push(lost.to_string());
    }
    std::fs::rename(&away, path).unwrap();
    // It is said to be back once nothing has failed for a second.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    client.send(requests[14]).await;
    answers.push(client.text().await);
    client.send("x".repeat(70_000)).await;
    assert_eq!(client.closed().await.0, 1009);
    answers
}

async fn session(variables: &[(&str, &str)]) -> (String, Vec<String>) {
    let (_folder, path) = copy();
    let url = format!("sqlite:{}", path.display());
    let mut all = vec![("DATABASE_URL", &*url)];
    all.extend(variables);
    let mut process = Process::serve(&all);
    let answers = talk(&process, &path).await;
    process.signal("TERM");
    assert_eq!(process.ended().code(), Some(0));
    (process.output(), answers)
}

fn holds_nothing(output: &str) {
    for planted in PLANTED.iter().chain(&[TOKEN, "planted-", "\u{1b}"]) {
        assert!(!output.contains(planted), "{planted} is in {output}");
    }
    for hidden in [
        "password_hash",
        "totp_secret",
        "api_key",
        "auth_token",
        "webhook_secret",
    ] {
        assert!(!output.contains(hidden), "{hidden} is in {output}");
    }
    for sql in ["SELECT", "WHERE", "PRAGMA", "FROM "] {
        assert!(!output.contains(sql), "{sql} is in {output}");
    }
}

#[tokio::test]
async fn no_level_of_the_log_holds_a_secret() {
    for filter in [
        "trace",
        "trace,tungstenite::protocol=trace,sqlx_core=trace,hyper::proto=trace",
    ] {
        let (output, answers) = session(&[("MCP_LOG", filter)]).await;
        holds_nothing(&output);
        assert!(output.contains("answered"), "{output}");
        for answer in answers {
            assert!(
                !answer.contains("planted-") && !answer.contains(TOKEN),
                "{answer}"
            );
        }
    }
}

#[tokio::test]
async fn the_log_says_each_thing_once_in_short_lines() {
    let (output, _) = session(&[]).await;
    holds_nothing(&output);
    for line in output.lines().filter(|line| !line.contains("read-only: ")) {
        // A failure brings its remedy along.
        let most = if line.contains(" ERROR ") { 280 } else { 160 };
        assert!(
            line.chars().count() <= most,
            "{} in {line}",
            line.chars().count()
        );
    }
    let count = |text: &str| output.lines().filter(|line| line.contains(text)).count();
    for (text, times) in [
        (" INFO MCP WebSocket connection established", 1),
        // Once a minute and address, whatever the reasons.
        (
            " WARN MCP connection rejected: Invalid authentication token",
            1,
        ),
        ("MCP connection rejected", 1),
        (
            "ERROR MCP list query failed for model users: Database is unavailable",
            1,
        ),
        (" INFO the database answers again", 1),
        (" WARN MCP connection closed: message too large", 1),
        // Two of the three were told as a loss, once.
        (" INFO refused ", 13),
        ("answered", 0),
    ] {
        assert_eq!(count(text), times, "{text}: {output}");
    }
    let refused = output
        .lines()
        .find(|line| line.contains("code=invalid_filter"))
        .unwrap();
    for part in [
        "address=127.0.0.1",
        "transport=ws",
        "action=list",
        "model=users",
        "ms=",
    ] {
        assert!(refused.contains(part), "{part} is not in {refused}");
    }
}

#[tokio::test]
async fn the_limit_is_logged_as_a_warning() {
    let mut process = Process::serve(&[("MCP_RATE_LIMIT", "1")]);
    let mut client = Client::new(process.address()).await;
    client.send("{}").await;
    client.send("{}").await;
    client.answer().await;
    client.answer().await;
    assert_eq!(client.closed().await.0, 1008);
    process.line(" WARN MCP connection closed: Rate limit exceeded");
    process.signal("TERM");
    process.ended();
}

#[tokio::test]
async fn the_json_form_has_the_same_names() {
    let (output, _) = session(&[("MCP_LOG_FORMAT", "json"), ("MCP_LOG", "debug")]).await;
    holds_nothing(&output);
    let lines: Vec<Value> = output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    let of = |message: &str| {
        let mut lines = lines.iter();
        lines
            .find(|line| line["message"] == message)
            .unwrap_or_else(|| panic!("{message}"))
    };
    for (message, names) in [
        (
            "answered",
            &[
                "timestamp",
                "level",
                "address",
                "transport",
                "token",
                "action",
                "model",
                "rows",
                "ms",
            ][..],
        ),
        ("refused", &["address", "transport", "token", "code"]),
        (
            "MCP WebSocket connection established",
            &["address", "token"],
        ),
    ] {
        for name in names {
            assert!(of(message).get(name).is_some(), "{name} of {}", of(message));
        }
    }
    assert_eq!(lines.last().unwrap()["sockets"], 0);
}
