//! What an operator reads after the first day, of clients of a store: each line names whose it was,
//! what went wrong, and what to do about it.

use std::process::Command;

use futures_util::SinkExt as _;
use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};
use tokio_tungstenite::tungstenite::Message;

use crate::servers::{Engine, Server};
use crate::support::*;

const STORE: &str = "MCP_STORE=sqlite:store.db\n\
    MCP_ENCRYPTION_KEY=abababababababababababababababababababababababababababababababab\n\
    MCP_AUDIT_FILE=audit.jsonl\n";
const LIST_SHOP: &str = r#"{"action":"list","model":"users","params":{"limit":1}}"#;

/// A folder with a store, and the tenant `canada` with the sample database in it.
async fn folder(lines: &str) -> Folder {
    let folder = Folder::new().await;
    folder.configure(&format!("{STORE}{lines}"));
    command(&folder, &["tenant", "create", "canada"]);
    let add = ["database", "add", "shop", "--tenant", "canada"];
    let of_sample = ["--models", "users,tickets", "sqlite:shop.db"];
    command(&folder, &[&add[..], &of_sample].concat());
    folder
}

/// What a command of the store prints.
fn command(folder: &Folder, words: &[&str]) -> String {
    let ended = Command::new(&program()[0])
        .args(words)
        .current_dir(folder.root())
        .env_clear()
        .output()
        .unwrap();
    let err = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success(), "{words:?}: {err}");
    String::from_utf8(ended.stdout).unwrap()
}

/// A new token, and the digest that list, log and audit know it by.
fn token(folder: &Folder, name: &str, more: &[&str]) -> (String, String) {
    let create = ["token", "create", name, "--tenant", "canada"];
    let secret = command(folder, &[&create[..], more].concat());
    let secret = secret.trim().to_owned();
    let digest = lucarne::auth::Credential::of(&secret).to_string();
    (secret, digest)
}

/// A socket, once the service has heard of its token.
async fn connected(served: &Served, secret: &str) -> Socket {
    for _ in 0..100 {
        if let Ok(socket) = served.try_connect(secret).await {
            return socket;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("never let in: {}", served.log());
}

/// The line of the log with these words, which must hold those as well.
async fn line(served: &Served, words: &str, all: &[&str]) {
    served.says(words, 1).await;
    let log = served.log();
    let line = log.lines().find(|line| line.contains(words)).unwrap();
    for held in all {
        assert!(line.contains(held), "{held:?} is not in {line}");
    }
}

fn audited(folder: &Folder) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.path("audit.jsonl")).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Asks until the socket is closed.
async fn flood(mut socket: Socket) {
    for _ in 0..30 {
        if socket.send(Message::text(LIST_SHOP)).await.is_err() {
            return;
        }
        if answer(&mut socket).await.is_err() {
            return;
        }
    }
    panic!("no limit holds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_rate_names_client_window_and_remedy() {
    let folder = folder("MCP_RATE_LIMIT=4\nMCP_TOKEN_RATE_LIMIT=6").await;
    let (plain, digest) = token(&folder, "plain", &[]);
    let (own, _) = token(&folder, "own", &["--rate-limit", "9"]);
    let served = folder.serve().await;
    flood(connected(&served, &plain).await).await;
    let of_plain = format!("token={digest}");
    line(
        &served,
        "4 requests per 60s of each connection",
        &[
            "Rate limit exceeded",
            "canada/plain",
            &of_plain,
            "MCP_RATE_LIMIT",
            "--rate-limit",
        ],
    )
    .await;
    flood(connected(&served, &plain).await).await;
    let each = "6 requests per 60s of each token";
    line(&served, each, &["canada/plain", "MCP_TOKEN_RATE_LIMIT"]).await;
    flood(connected(&served, &own).await).await;
    let this = "9 requests per 60s of this token";
    line(
        &served,
        this,
        &["canada/own", "lucarne token update --rate-limit"],
    )
    .await;
    command(
        &folder,
        &["tenant", "update", "canada", "--rate-limit", "2"],
    );
    let (third, _) = token(&folder, "third", &[]);
    flood(connected(&served, &third).await).await;
    let all = "2 requests per 60s of all tokens of its tenant";
    line(
        &served,
        all,
        &["canada/third", "lucarne tenant update --rate-limit"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn list_log_and_audit_know_a_token_by_one_name() {
    let folder = folder("").await;
    let (secret, digest) = token(&folder, "agent", &[]);
    let listed = command(&folder, &["token", "list", "--tenant", "canada", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["digest"], digest.as_str());
    assert!(command(&folder, &["token", "list"]).contains(&digest));
    let shown = command(&folder, &["token", "show", "agent", "--tenant", "canada"]);
    assert!(shown.contains(&digest), "{shown}");
    let served = folder.serve().await;
    let mut socket = connected(&served, &secret).await;
    ask(&mut socket, r#"{"action":"list","model":"nothing"}"#).await;
    let named = format!("token={digest}");
    let all = [named.as_str(), "client=canada/agent"];
    line(&served, "connection established", &all).await;
    line(&served, "model_not_allowed", &all).await;
    let lines = audited(&folder);
    let asked = lines
        .iter()
        .find(|line| line["event"] == "request")
        .unwrap();
    assert_eq!(asked["token"], digest.as_str());
    assert_eq!(
        (&asked["tenant"], &asked["name"]),
        (&"canada".into(), &"agent".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_known_are_named_when_they_are_refused() {
    let folder = folder("").await;
    let (revoked, digest) = token(&folder, "gone", &[]);
    let (expiring, _) = token(&folder, "brief", &["--expires", "8s"]);
    let served = folder.serve().await;
    let mut open = connected(&served, &expiring).await;
    let gone = connected(&served, &revoked).await;
    command(
        &folder,
        &["token", "revoke", "gone", "--tenant", "canada", "--yes"],
    );
    line(
        &served,
        "connection closed: the token was revoked",
        &["canada/gone"],
    )
    .await;
    assert_eq!(served.try_connect(&revoked).await.err(), Some(401));
    let named = format!("token={digest}");
    let all = ["the token was revoked", "canada/gone", &named];
    line(&served, "MCP connection rejected", &all).await;
    // The client reads nothing of it.
    let (code, reason) = answer(&mut open).await.unwrap_err().unwrap();
    assert_eq!((code, reason.as_str()), (1008, "token revoked"));
    line(
        &served,
        "connection closed: the token expired",
        &["canada/brief"],
    )
    .await;
    assert_eq!(served.try_connect(&expiring).await.err(), Some(401));
    // Another line of this address in the same minute.
    let told = "MCP connection rejected: Invalid authentication token: the token expired";
    line(&served, told, &["canada/brief"]).await;
    assert_eq!(
        served.try_connect("a-token-that-nobody-made").await.err(),
        Some(401)
    );
    drop(gone);
    until("the refusals in the audit", || {
        audited(&folder)
            .iter()
            .filter(|line| line["event"] == "refused")
            .count()
            >= 3
    })
    .await;
    let lines = audited(&folder);
    let refused = lines.iter().filter(|line| line["event"] == "refused");
    let told: Vec<[&str; 3]> = refused
        .map(|line| ["tenant", "name", "code"].map(|member| line[member].as_str().unwrap_or("-")))
        .collect();
    assert_eq!(
        told,
        [
            ["canada", "gone", "revoked"],
            ["canada", "brief", "expired"],
            ["-", "-", "invalid"],
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_connections_and_a_foreign_host_name_what_to_set() {
    let folder = folder("MCP_MAX_CONNECTIONS=1\nMCP_ALLOWED_HOSTS=db.example.com").await;
    let served = folder.serve().await;
    assert_eq!(served.try_connect(TOKEN).await.err(), Some(403));
    let host = format!("host=\"{}\"", served.address);
    line(&served, "Host not allowed", &[&host, "MCP_ALLOWED_HOSTS"]).await;
    folder.configure(&format!("{STORE}MCP_MAX_CONNECTIONS=1"));
    served.reload().await;
    let kept = served.connect(TOKEN).await;
    assert_eq!(served.try_connect(TOKEN).await.err(), Some(503));
    line(
        &served,
        "Too many connections",
        &["1 are open", "MCP_MAX_CONNECTIONS"],
    )
    .await;
    drop(kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_the_database_is_told_in_words_with_its_client() {
    let folder = folder("MCP_SLOW_QUERY=0.001").await;
    let (secret, _) = token(&folder, "agent", &[]);
    let served = folder.serve().await;
    let mut socket = connected(&served, &secret).await;
    assert_eq!(code(&ask(&mut socket, LIST_SHOP).await), "ok");
    let url = format!("sqlite:{}", folder.path("shop.db").display());
    let mut shop = SqliteConnection::connect(&url).await.unwrap();
    let rename = sqlx::query("ALTER TABLE users RENAME TO people");
    rename.execute(&mut shop).await.unwrap();
    // The catalog is read again: the model is gone, and the log says what became of it.
    assert_eq!(
        code(&ask(&mut socket, LIST_SHOP).await),
        "model_not_allowed"
    );
    let told = "the database has changed: not served until it is back";
    line(&served, told, &["model=", "users"]).await;
    assert!(!served.log().contains("Held("), "{}", served.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_request_is_told_of_with_its_filter_and_no_value() {
    let folder = folder("MCP_SLOW_QUERY=0.001").await;
    let (secret, _) = token(&folder, "agent", &[]);
    let served = folder.serve().await;
    let mut socket = connected(&served, &secret).await;
    let slow = r#"{"action":"list","model":"tickets","params":{"filters":{"title":"zyx"}}}"#;
    for _ in 0..50 {
        assert_eq!(code(&ask(&mut socket, slow).await), "ok");
        if served.logged("slow query") > 0 {
            break;
        }
    }
    let all = [
        "client=canada/agent",
        "action=list",
        "model=tickets",
        "filters=title",
        "ms=",
    ];
    line(&served, "slow query: over MCP_SLOW_QUERY", &all).await;
    assert!(!served.log().contains("zyx"), "{}", served.log());
}

/// A call is of no model: its lines name the tool.
#[tokio::test(flavor = "multi_thread")]
async fn calls_of_a_tool_are_told_of_by_its_name() {
    let tool = |name: &str, sql: &str| {
        format!(
            "[[tool]]\nname = \"{name}\"\ndescription = \"Tells.\"\nresult = \"value\"\nsql = \"{sql}\"\n"
        )
    };
    let folder = Folder::new().await;
    let slow = "SELECT COUNT(*) AS n FROM users a JOIN users b ON a.id <> b.id";
    let tools = tool("slow", slow) + &tool("many", "SELECT id FROM users");
    folder.put("tools.toml", &tools);
    folder.configure("MCP_TOOLS_FILE=tools.toml\nMCP_SLOW_QUERY=0.001");
    let served = folder.serve().await;
    let mut socket = served.connect(TOKEN).await;
    let called = |name: &str, params: &str| {
        format!(r#"{{"action":"call","tool":"{name}","params":{params}}}"#)
    };
    let answer = ask(&mut socket, &called("many", "{}")).await;
    assert_eq!(code(&answer), "tool_failed");
    let why = ["Tool 'many' failed", "it found several rows"];
    line(&served, "MCP call failed for tool many: ", &why).await;
    let answer = ask(&mut socket, &called("many", r#"{"x":1}"#)).await;
    assert_eq!(code(&answer), "invalid_parameter");
    line(&served, "refused", &["action=call", "tool=\"many\""]).await;
    for _ in 0..50 {
        assert_eq!(code(&ask(&mut socket, &called("slow", "{}")).await), "ok");
        if served.logged("slow query") > 0 {
            break;
        }
    }
    let all = ["action=call", "tool=\"slow\""];
    line(&served, "slow query: over MCP_SLOW_QUERY", &all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_host_is_waited_for() {
    let folder = Folder::new().await;
    folder.configure("DATABASE_URL=postgres://r@no-such-host.invalid/shop");
    let served = folder.serve().await;
    let all = ["waited for", "getent hosts no-such-host.invalid"];
    line(&served, "there is no host", &all).await;
    let mut socket = served.connect(TOKEN).await;
    assert_eq!(code(&ask(&mut socket, LIST).await), "unavailable");
}

/// Each reason is told when it takes the place of another; the service serves by itself in the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_refused_and_a_database_that_is_missing_are_waited_for() {
    let folder = Folder::new().await;
    for (engine, steps, table) in [
        (
            Engine::Postgres,
            [
                ("refused to log \"reader\" in", "CREATE ROLE reader LOGIN"),
                ("has no database \"later\"", "CREATE DATABASE later"),
            ],
            None,
        ),
        (
            Engine::MariaDb,
            [
                (
                    "refused the password of \"reader\"",
                    "CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'right'",
                ),
                (
                    "does not let \"reader\" into database \"later\"",
                    "CREATE DATABASE later",
                ),
            ],
            Some("GRANT SELECT ON later.* TO reader@'127.0.0.1'"),
        ),
    ] {
        let Some(server) = Server::new(engine).await else {
            continue;
        };
        let url = server.url_of("reader:right", "later");
        folder.configure(&format!("DATABASE_URL={url}\nMCP_ALLOWED_MODELS=users"));
        let served = folder.serve().await;
        let mut socket = served.connect(TOKEN).await;
        for (told, mended) in steps {
            line(&served, told, &["waited for"]).await;
            assert_eq!(code(&ask(&mut socket, LIST).await), "unavailable");
            server.run(&[mended]).await;
        }
        server
            .run_in("later", &["CREATE TABLE users (id int PRIMARY KEY)"])
            .await;
        match table {
            Some(grant) => server.run(&[grant]).await,
            None => {
                server
                    .run_in("later", &["GRANT SELECT ON users TO reader"])
                    .await;
            }
        }
        served.says("the database answers", 1).await;
        assert_eq!(code(&ask(&mut socket, LIST).await), "ok");
    }
}
