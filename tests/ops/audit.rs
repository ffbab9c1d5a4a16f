//! The audit: a line a request, refused ones too, and none that is lost without a word.

use std::process::Command;

use futures_util::SinkExt as _;
use serde_json::Value;

use crate::support::*;

fn lines(folder: &Folder, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.path(name)).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

fn requests(folder: &Folder, name: &str) -> Vec<Value> {
    let mut lines = lines(folder, name);
    lines.retain(|line| line["event"] == "request");
    lines
}

/// What `lucarne audit verify` ends with, and what it says.
fn verify(folder: &Folder, files: &[&str]) -> (Option<i32>, String) {
    let ended = Command::new(env!("CARGO_BIN_EXE_lucarne"))
        .args(["audit", "verify"])
        .args(files)
        .current_dir(folder.root())
        .output()
        .unwrap();
    let said = [ended.stdout, ended.stderr].concat();
    (ended.status.code(), String::from_utf8(said).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_over_its_window_writes_one_line_and_is_counted() {
    let folder = Folder::new().await;
    folder.configure("MCP_AUDIT_FILE=audit.jsonl\nMCP_TOKEN_RATE_LIMIT=2");
    let served = folder.serve().await;
    for round in 0..8 {
        let mut socket = served.connect(TOKEN).await;
        let expected = if round < 2 { "ok" } else { "rate_limited" };
        assert_eq!(code(&ask(&mut socket, LIST).await), expected);
    }
    let mut lines = lines(&folder, "audit.jsonl");
    lines.retain(|line| line["code"] == "rate_limited");
    assert_eq!(lines.len(), 1, "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_has_its_line_before_its_answer() {
    let folder = Folder::new().await;
    folder.configure("MCP_AUDIT_FILE=audit.jsonl\nMCP_RATE_LIMIT=8");
    let served = folder.serve().await;
    let mut socket = served.connect(TOKEN).await;
    let asked = [
        (LIST, "list", "users", "ok"),
        (
            r#"{"action":"query","model":"tickets","params":{"filters":{"$or":[{"status":"s3same"},{"id":{"$gt":1}}]}}}"#,
            "query",
            "tickets",
            "ok",
        ),
        (
            r#"{"action":"get","model":"users","params":{"id":999999}}"#,
            "get",
            "users",
            "not_found",
        ),
        (
            r#"{"action":"list","model":"users","params":{"filters":{"password_hash":"s3same"}}}"#,
            "list",
            "users",
            "invalid_filter",
        ),
        (
            r#"{"action":"create","model":"s3same"}"#,
            "unknown",
            "unknown",
            "model_not_allowed",
        ),
        (
            r#"{"action":"s3same","model":"users"}"#,
            "unknown",
            "users",
            "read_only",
        ),
        (r#"{"action":"describe"}"#, "describe", "-", "ok"),
    ];
    for (count, (message, action, model, code)) in asked.into_iter().enumerate() {
        let answer = ask(&mut socket, message).await;
        let lines = requests(&folder, "audit.jsonl");
        assert_eq!(lines.len(), count + 1, "{message}");
        let line = lines.last().unwrap();
        assert_eq!(
            (&line["action"], &line["model"], &line["code"]),
            (&action.into(), &model.into(), &code.into()),
            "{message}"
        );
        let rows = answer["count"]
            .as_u64()
            .or(answer["data"].as_array().map(|d| d.len() as u64));
        assert_eq!(line["rows"].as_u64(), Some(rows.unwrap_or(0)), "{line}");
        assert_eq!(line["address"], "127.0.0.1");
        assert_eq!(line["transport"], "ws");
        assert_eq!(line["token"].as_str().unwrap().len(), 8);
    }
    assert_eq!(
        requests(&folder, "audit.jsonl")[1]["filters"],
        serde_json::json!(["id", "status"])
    );
    // What never became a request: not JSON, one too many, a wrong token, a binary frame.
    assert_eq!(code(&ask(&mut socket, "{").await), "invalid_json");
    assert_eq!(code(&ask(&mut socket, LIST).await), "rate_limited");
    assert_eq!(served.try_connect("wrong").await.err(), Some(401));
    let mut other = served.connect(TOKEN).await;
    other.send(vec![1, 2].into()).await.unwrap();
    assert_eq!(closed(&mut other).await, Some(1003));
    let refused = |code: &str| {
        let lines = lines(&folder, "audit.jsonl");
        lines
            .iter()
            .any(|line| line["event"] == "refused" && line["code"] == code)
    };
    for code in ["invalid_json", "rate_limited", "invalid", "binary_frame"] {
        until(code, || refused(code)).await;
    }
    assert_eq!(verify(&folder, &["audit.jsonl"]).0, Some(0));
    let text = std::fs::read_to_string(folder.path("audit.jsonl")).unwrap();
    assert!(!text.contains("s3same") && !text.contains(TOKEN) && !text.contains("password"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_line_shows() {
    let folder = Folder::new().await;
    folder.configure("MCP_AUDIT_FILE=audit.jsonl");
    let mut served = folder.serve().await;
    let mut socket = served.connect(TOKEN).await;
    for _ in 0..5 {
        ask(&mut socket, LIST).await;
    }
    served.signal("TERM");
    assert!(served.ended().await.success());
    let (code, said) = verify(&folder, &["audit.jsonl"]);
    assert!(
        code == Some(0) && said.starts_with("7 lines in order, 1 to 7"),
        "{said}"
    );
    let text = std::fs::read_to_string(folder.path("audit.jsonl")).unwrap();
    let mut kept: Vec<&str> = text.lines().collect();
    kept.remove(2);
    folder.put("cut.jsonl", &(kept.join("\n") + "\n"));
    folder.put(
        "changed.jsonl",
        &text.replacen("\"rows\":1", "\"rows\":0", 1),
    );
    for (file, said) in [
        (
            "cut.jsonl",
            "line 3 of cut.jsonl: number 3 was expected, not 4",
        ),
        (
            "changed.jsonl",
            "line 3 of changed.jsonl: it is not as it was written",
        ),
    ] {
        let (code, output) = verify(&folder, &[file]);
        assert!(code == Some(1) && output.contains(said), "{output}");
    }
    assert_eq!(verify(&folder, &["absent.jsonl"]).0, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_is_verified_while_it_is_written() {
    let folder = Folder::new().await;
    folder.configure("MCP_AUDIT_FILE=audit.jsonl\nMCP_RATE_LIMIT=0");
    let served = folder.serve().await;
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let mut socket = served.connect(TOKEN).await;
        tasks.push(tokio::spawn(async move {
            for _ in 0..300 {
                assert_eq!(code(&ask(&mut socket, LIST).await), "ok");
            }
        }));
    }
    let mut verified = 0;
    while !tasks.iter().all(tokio::task::JoinHandle::is_finished) {
        let (code, said) = verify(&folder, &["audit.jsonl"]);
        assert_eq!(code, Some(0), "{said}");
        verified += 1;
    }
    for task in tasks {
        task.await.unwrap();
    }
    println!("verified {verified} times");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_is_lost_while_the_file_is_moved_away_under_load() {
    let folder = Folder::new().await;
    folder.configure("MCP_AUDIT_FILE=audit.jsonl\nMCP_RATE_LIMIT=0");
    let mut served = folder.serve().await;
    let (clients, each, moves) = (8, 150, 4);
    let mut tasks = Vec::new();
    for _ in 0..clients {
        let mut socket = served.connect(TOKEN).await;
        tasks.push(tokio::spawn(async move {
            for _ in 0..each {
                assert_eq!(code(&ask(&mut socket, LIST).await), "ok");
            }
        }));
    }
    let mut files: Vec<String> = Vec::new();
    for number in 0..moves {
        let moved = format!("audit.{number}.jsonl");
        std::fs::rename(folder.path("audit.jsonl"), folder.path(&moved)).unwrap();
        files.push(moved);
        served.reload().await;
        until("a new file", || folder.path("audit.jsonl").exists()).await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    served.signal("TERM");
    assert!(served.ended().await.success());
    files.push("audit.jsonl".to_owned());
    let names: Vec<&str> = files.iter().map(String::as_str).collect();
    let (code, said) = verify(&folder, &names);
    // Another order, a file twice and one that is left out show.
    let [first, second, third, ..] = names[..] else {
        panic!("{names:?}")
    };
    for wrong in [[second, first], [first, first], [first, third]] {
        assert_eq!(verify(&folder, &wrong).0, Some(1), "{wrong:?}");
    }
    // The start and each socket have lines of their own.
    let total = 1 + clients + clients * each;
    assert!(
        code == Some(0) && said.starts_with(&format!("{total} lines in order, 1 to {total};")),
        "{said}"
    );
    println!("{total} requests, {moves} moves: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_requests_or_is_told_as_a_gap() {
    let folder = Folder::new().await;
    folder.configure("MCP_AUDIT_FILE=/dev/full");
    let served = folder.serve().await;
    // It is told at the start, before anybody asks.
    let words = "ERROR the audit /dev/full cannot be written (no space): every request is refused \
                 until it can (MCP_AUDIT_ON_ERROR=deny); make room, no restart is needed";
    served.says(words, 1).await;
    let (status, body) = get(served.admin, "/ready").await;
    assert_eq!(status, 503);
    assert!(body.contains("The audit cannot be written"), "{body}");
    let mut socket = served.connect(TOKEN).await;
    let refused = ask(&mut socket, LIST).await;
    assert_eq!(refused["error"], "The request cannot be recorded");
    assert_eq!(code(&refused), "unavailable");
    assert_eq!(code(&ask(&mut socket, LIST).await), "unavailable");
    assert_eq!(served.logged("cannot be written"), 1);
    folder.configure("MCP_AUDIT_FILE=/dev/full\nMCP_AUDIT_ON_ERROR=warn");
    served.reload().await;
    assert_eq!(code(&ask(&mut socket, LIST).await), "ok");
    assert_eq!(get(served.admin, "/ready").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_something_else_is_a_fault_at_start() {
    let folder = Folder::new().await;
    folder.put("notes.txt", "remember the milk\n");
    folder.configure("MCP_AUDIT_FILE=notes.txt");
    let mut served = folder.spawn(&program());
    assert_eq!(served.ended().await.code(), Some(2));
    served.says("MCP_AUDIT_FILE: cannot be written to", 1).await;
    assert_eq!(
        std::fs::read_to_string(folder.path("notes.txt")).unwrap(),
        "remember the milk\n"
    );
}
