//! What takes away is in force within moments, whatever the database does.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::skipped::skipped;
use crate::support::*;

const SECOND: &str = "second-token-of-the-tests";
/// Far more than the two seconds that are promised, and far less than a reading of the catalog may
/// take.
const SOON: Duration = Duration::from_secs(20);

static NUMBERS: AtomicU32 = AtomicU32::new(0);

/// A database of the test's own.
struct Database {
    server: String,
    name: String,
}

impl Database {
    async fn new() -> Option<Self> {
        let server = std::env::var("LUCARNE_TEST_POSTGRES")
            .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned());
        let Ok(mut session) = PgConnection::connect(&server).await else {
            skipped("postgres", "no postgres; set LUCARNE_TEST_POSTGRES");
            return None;
        };
        let name = format!(
            "lucarne_withdraw_{}_{}",
            std::process::id(),
            NUMBERS.fetch_add(1, Ordering::Relaxed)
        );
        for statement in [
            format!("DROP DATABASE IF EXISTS {name}"),
            format!("CREATE DATABASE {name}"),
        ] {
            session.execute(AssertSqlSafe(statement)).await.unwrap();
        }
        Some(Self { server, name })
    }

    fn url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }

    async fn session(&self) -> PgConnection {
        PgConnection::connect(&self.url()).await.unwrap()
    }

    async fn remove(self) {
        let mut session = PgConnection::connect(&self.server).await.unwrap();
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        session.execute(AssertSqlSafe(drop)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_away_waits_for_no_lock() {
    let Some(database) = Database::new().await else {
        return;
    };
    let mut owner = database.session().await;
    owner
        .execute(
            "CREATE TABLE users (id int PRIMARY KEY, name text, email text);
             CREATE TABLE tickets (id int PRIMARY KEY);
             INSERT INTO users VALUES (1, 'a', 'b')",
        )
        .await
        .unwrap();
    let folder = Folder::new().await;
    folder.put("token", &format!("{TOKEN},{SECOND}"));
    let url = database.url();
    let base = format!("DATABASE_URL={url}\nMCP_TOKEN_FILE=token\nMCP_ALLOWED_MODELS");
    folder.configure(&format!("{base}=users,tickets"));
    let served = folder.serve().await;
    let (mut gone, mut kept) = (served.connect(TOKEN).await, served.connect(SECOND).await);
    assert_eq!(code(&ask(&mut kept, LIST).await), "ok");
    // Whoever reads the catalog waits from now on.
    owner
        .execute("BEGIN; LOCK TABLE pg_class IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    folder.configure(&format!(
        "{base}=users\nMCP_HIDDEN_FIELDS=users.email\nMCP_MAX_LIMIT=3\nMCP_RATE_LIMIT=20"
    ));
    served.signal("HUP");
    let begun = Instant::now();
    let email =
        r#"{"action":"query","model":"users","params":{"fields":["id"],"filters":{"email":"b"}}}"#;
    let tickets = r#"{"action":"list","model":"tickets"}"#;
    served.says("what it takes away is in force", 1).await;
    println!("narrowed after {:?}", begun.elapsed());
    assert!(begun.elapsed() < SOON);
    assert_eq!(code(&ask(&mut kept, email).await), "invalid_filter");
    assert_eq!(code(&ask(&mut kept, tickets).await), "model_not_allowed");
    let mut eager = served.connect(SECOND).await;
    for _ in 0..20 {
        assert_eq!(code(&ask(&mut eager, tickets).await), "model_not_allowed");
    }
    assert_eq!(code(&ask(&mut eager, tickets).await), "rate_limited");
    let begun = Instant::now();
    folder.put("token", SECOND);
    assert_eq!(closed(&mut gone).await, Some(1008));
    println!("revoked after {:?}", begun.elapsed());
    assert!(begun.elapsed() < SOON);
    assert_eq!(served.try_connect(TOKEN).await.err(), Some(401));
    // Nothing that was taken away came back with the secret.
    assert_eq!(code(&ask(&mut kept, tickets).await), "model_not_allowed");
    assert_eq!(served.logged("reload: no longer exposed"), 0);
    owner.execute("COMMIT").await.unwrap();
    served.says("reload: no longer exposed", 1).await;
    let list = ask(&mut kept, r#"{"action":"list","model":"users"}"#).await;
    assert_eq!(list["limit"], 3);
    assert!(list["data"][0].get("email").is_none(), "{list}");
    drop(served);
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_locked_table_are_not_counted_for_long() {
    let Some(database) = Database::new().await else {
        return;
    };
    let mut owner = database.session().await;
    for statement in [
        "CREATE TABLE users (id int PRIMARY KEY)",
        "BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE",
    ] {
        owner.execute(statement).await.unwrap();
    }
    let folder = Folder::new().await;
    folder.configure(&format!(
        "DATABASE_URL={}\nMCP_ALLOWED_MODELS=users",
        database.url()
    ));
    let begun = Instant::now();
    let served = folder.serve().await;
    println!("started after {:?}", begun.elapsed());
    assert!(begun.elapsed() < SOON);
    owner.execute("COMMIT").await.unwrap();
    let mut socket = served.connect(TOKEN).await;
    assert_eq!(code(&ask(&mut socket, LIST).await), "ok");
    drop((socket, served));
    database.remove().await;
}

const OPERATOR: &str = "an-operator-of-the-tests";

/// Asks the admin API to make something, and gives back what it answers.
async fn made(served: &Served, path: &str, body: &str) -> serde_json::Value {
    let mut stream = TcpStream::connect(served.admin).await.unwrap();
    let request = format!(
        "POST /admin/api{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Bearer {OPERATOR}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 201"), "{path}: {text}");
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_taken_away_is_used_no_more() {
    let Some(database) = Database::new().await else {
        return;
    };
    let Some(of_tenant) = Database::new().await else {
        return;
    };
    let users = "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1)";
    let mut owner = database.session().await;
    owner.execute(users).await.unwrap();
    of_tenant.session().await.execute(users).await.unwrap();
    let folder = Folder::new().await;
    let key = "0123456789abcdef".repeat(4);
    let base = format!(
        "DATABASE_URL={}\nMCP_ALLOWED_MODELS=users\nMCP_STORE=sqlite:store.db\nMCP_ENCRYPTION_KEY={key}\n\
         MCP_ADMIN_TOKEN={OPERATOR}\nMCP_ALLOWED_DATABASE_HOSTS",
        database.url()
    );
    folder.configure(&format!("{base}=127.0.0.1,10.0.0.0/8"));
    let served = folder.serve().await;
    served.says("the admin API is at http://", 1).await;
    let (_, mut client) = agent(&served, &of_tenant.url()).await;
    assert_eq!(code(&ask(&mut client, LIST).await), "ok");
    owner
        .execute("BEGIN; LOCK TABLE pg_class IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    folder.configure(&format!("{base}=10.0.0.0/8"));
    served.signal("HUP");
    let begun = Instant::now();
    served.says("what it takes away is in force", 1).await;
    println!("a host is used no more after {:?}", begun.elapsed());
    assert!(begun.elapsed() < SOON);
    assert_ne!(code(&ask(&mut client, LIST).await), "ok");
    let none = || async {
        let mut session = PgConnection::connect(&of_tenant.server).await.unwrap();
        let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 \
                     AND application_name LIKE 'lucarne%'";
        let count: i64 = sqlx::query_scalar(count)
            .bind(&of_tenant.name)
            .fetch_one(&mut session)
            .await
            .unwrap();
        count == 0
    };
    while !none().await {
        assert!(begun.elapsed() < SOON, "its sessions are kept");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    owner.execute("COMMIT").await.unwrap();
    drop((served, owner));
    of_tenant.remove().await;
    database.remove().await;
}

/// Makes a tenant with a database and a token, and connects by that once it is known, which takes a
/// second; the token too.
async fn agent(served: &Served, url: &str) -> (String, Socket) {
    made(served, "/tenants", r#"{"name":"acme"}"#).await;
    let shop = format!(r#"{{"name":"shop","url":"{url}","models":"users"}}"#);
    made(served, "/tenants/acme/databases", &shop).await;
    let token = made(served, "/tenants/acme/tokens", r#"{"name":"agent"}"#).await;
    let token = token["data"]["token"].as_str().unwrap().to_owned();
    let begun = Instant::now();
    loop {
        match served.try_connect(&token).await {
            Ok(client) => return (token, client),
            Err(status) => assert!(begun.elapsed() < SOON, "{status}"),
        }
        // Each try counts as a failure, and many make a stranger of whoever asks.
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_revoked_while_the_store_is_locked() {
    let folder = Folder::new().await;
    let key = "0123456789abcdef".repeat(4);
    folder.configure(&format!(
        "MCP_ALLOWED_MODELS=users\nMCP_STORE=sqlite:store.db\nMCP_ENCRYPTION_KEY={key}\n\
         MCP_ADMIN_TOKEN={OPERATOR}\nMCP_DATABASE_FOLDER={}",
        folder.path("data").display()
    ));
    let shop = folder.path("data/shop.db");
    std::fs::create_dir(folder.path("data")).unwrap();
    std::fs::copy(folder.path("shop.db"), &shop).unwrap();
    let served = folder.serve().await;
    served.says("the admin API is at http://", 1).await;
    let url = format!("sqlite:{}", shop.canonicalize().unwrap().display());
    let (token, mut client) = agent(&served, &url).await;
    assert_eq!(code(&ask(&mut client, LIST).await), "ok");
    // Another process writes, and operators of this one wait for it with their changes.
    let url = format!("sqlite:{}", folder.path("store.db").display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    for number in 0..3 {
        let mut stream = TcpStream::connect(served.admin).await.unwrap();
        let body = format!(r#"{{"name":"other-{number}"}}"#);
        let request = format!(
            "POST /admin/api/tenants HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {OPERATOR}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        tokio::spawn(async move { stream.read_u8().await });
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let begun = Instant::now();
    other
        .execute(
            "UPDATE lucarne_tokens SET active = 0;
             UPDATE lucarne_revision SET revision = revision + 1, mark = 'another';
             COMMIT; BEGIN IMMEDIATE",
        )
        .await
        .unwrap();
    assert_eq!(closed(&mut client).await, Some(1008));
    let took = begun.elapsed();
    println!("revoked after {took:?} under a lock of the store");
    // Two seconds by the promise, and as many for a busy machine; the lock is held all the while.
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert_eq!(served.try_connect(&token).await.err(), Some(401));
}

/// What a client has begun to send: all but its last byte.
async fn begun(address: SocketAddr, path: &str, token: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (sent, _) = body.split_at(body.len() - 1);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {}\r\n\r\n{sent}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// What comes until the other side ends the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let read = tokio::time::timeout(SOON, stream.read_to_string(&mut text));
    read.await.unwrap().unwrap();
    text
}

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_records","arguments":{"model":"users"}}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_by_a_token_is_not_answered_once_it_is_gone() {
    let folder = Folder::new().await;
    folder.put("token", &format!("{TOKEN},{SECOND}"));
    folder.put("admin", "first-token-of-an-operator");
    folder.configure("MCP_TOKEN_FILE=token\nMCP_STORE=sqlite:store.db\nMCP_ADMIN_TOKEN_FILE=admin");
    let served = folder.serve().await;
    served.says("the admin API is at http://", 1).await;
    let mut socket = served.connect(TOKEN).await;
    let mut events = TcpStream::connect(served.address).await.unwrap();
    let open = format!(
        "GET /mcp/sse HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Bearer {TOKEN}\r\n\r\n"
    );
    events.write_all(open.as_bytes()).await.unwrap();
    let mut told = String::new();
    while !told.contains("\n\n") || !told.contains("sessionId=") {
        let mut bytes = [0; 1024];
        let count = events.read(&mut bytes).await.unwrap();
        told += std::str::from_utf8(&bytes[..count]).unwrap();
    }
    let (_, name) = told.split_once("sessionId=").unwrap();
    let messages = format!(
        "/mcp/messages?sessionId={}",
        name.split('\n').next().unwrap()
    );
    let tenant = r#"{"name":"late"}"#;
    let operator = "first-token-of-an-operator";
    let mut posts = [
        begun(served.address, "/mcp", TOKEN, CALL).await,
        begun(served.address, &messages, TOKEN, CALL).await,
        begun(served.admin, "/admin/api/tenants", operator, tenant).await,
    ];
    let begun_at = Instant::now();
    folder.put("token", SECOND);
    folder.put("admin", "second-token-of-an-operator");
    assert_eq!(closed(&mut socket).await, Some(1008));
    // The stream ends though a message for it is on its way.
    assert!(!rest(&mut events).await.contains("jsonrpc"));
    let opens = |token: &'static str| {
        let admin = served.admin;
        async move {
            let mut post = begun(admin, "/admin/api/tenants", token, "{}").await;
            post.write_all(b"}").await.unwrap();
            rest(&mut post).await
        }
    };
    while !opens(operator).await.starts_with("HTTP/1.1 401") {
        assert!(begun_at.elapsed() < SOON);
    }
    for post in &mut posts {
        post.write_all(b"}").await.unwrap();
        let answer = rest(post).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
    let tenants = begun(
        served.admin,
        "/admin/api/tenants",
        "second-token-of-an-operator",
        tenant,
    );
    let mut tenants = tenants.await;
    tenants.write_all(b"}").await.unwrap();
    // Its name is still free.
    let answer = rest(&mut tenants).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_by_a_token_ends_with_it() {
    let Some(database) = Database::new().await else {
        return;
    };
    let mut owner = database.session().await;
    let table = "CREATE TABLE users (id int PRIMARY KEY)";
    owner.execute(table).await.unwrap();
    let folder = Folder::new().await;
    folder.put("token", &format!("{TOKEN},{SECOND}"));
    let url = database.url();
    folder.configure(&format!(
        "DATABASE_URL={url}\nMCP_TOKEN_FILE=token\nMCP_ALLOWED_MODELS=users\nMCP_QUERY_TIMEOUT=60"
    ));
    let served = folder.serve().await;
    // Whoever reads the table waits from now on.
    owner
        .execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let mut post = begun(served.address, "/mcp", TOKEN, CALL).await;
    post.write_all(b"}").await.unwrap();
    folder.put("token", SECOND);
    let answer = rest(&mut post).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    owner.execute("COMMIT").await.unwrap();
    drop(served);
    database.remove().await;
}
