//! The worst requests that a client can make of a server: each ends in its time, and nobody else
//! waits. Those of SQLite are in `tests/it/heavy.rs`.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, PgConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::skipped::skipped;
use crate::support::*;

/// What a request may take, as the service is told.
const LIMIT: Duration = Duration::from_secs(2);
/// What it may take beyond that: half a second by the promise, and as much for a busy machine.
const BEYOND: Duration = Duration::from_millis(1_000);

const POSTGRES: [&str; 5] = [
    "CREATE TABLE notes (id int PRIMARY KEY, body text)",
    "INSERT INTO notes SELECT g, repeat('a', 60000) FROM generate_series(1, 40) g",
    "CREATE TABLE many (id int PRIMARY KEY, word text)",
    "INSERT INTO many SELECT g, md5(CAST(g AS text)) FROM generate_series(1, 100000) g",
    "CREATE VIEW joined AS SELECT a.id, b.word FROM many a, many b WHERE a.word > b.word",
];

const MARIADB: [&str; 5] = [
    "CREATE TABLE notes (id int PRIMARY KEY, body longtext)",
    "INSERT INTO notes SELECT seq, repeat('a', 60000) FROM seq_1_to_40",
    "CREATE TABLE many (id int PRIMARY KEY, word varchar(40))",
    "INSERT INTO many SELECT seq, md5(seq) FROM seq_1_to_100000",
    "CREATE VIEW joined AS SELECT a.id, b.word FROM many a, many b WHERE a.word > b.word",
];

fn worst() -> Vec<String> {
    let long = "a".repeat(4_095) + "b";
    let several = |operator: &str| {
        let tests: Vec<_> = (0..10).map(|_| json!({"body": {operator: long}})).collect();
        json!({"filters": {"$or": tests}, "fields": ["id"], "total": true})
    };
    let requests = [
        ("notes", several("$contains")),
        ("notes", several("$icontains")),
        (
            "notes",
            json!({"group_by": ["body"], "aggregate": {"n": {"$count": "*"}}, "total": true}),
        ),
        (
            "many",
            json!({"sort": ["word"], "total": true, "offset": 90_000}),
        ),
        (
            "many",
            json!({"group_by": ["word"], "aggregate": {"n": {"$max": "id"}}, "total": true}),
        ),
        ("joined", json!({"sort": ["-word", "id"], "total": true})),
        ("joined", json!({"offset": 1_000_000, "total": true})),
        (
            "joined",
            json!({"aggregate": {"n": {"$count_distinct": "word"}}}),
        ),
    ];
    let text = |(model, params)| {
        json!({"id": 1, "action": "query", "model": model, "params": params}).to_string()
    };
    requests.into_iter().map(text).collect()
}

/// How long `/health` takes.
async fn health(served: &Served) -> Duration {
    let asked = Instant::now();
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let head = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    asked.elapsed()
}

/// Asks for all of the worst at once and twice each, and for `/health` meanwhile.
async fn tried(engine: &str, url: &str) {
    let folder = Folder::new().await;
    folder.configure(&format!(
        "DATABASE_URL={url}\nMCP_ALLOWED_MODELS=notes,many,joined\nMCP_RATE_LIMIT=0\n\
         MCP_QUERY_TIMEOUT={}",
        LIMIT.as_secs()
    ));
    let served = folder.serve().await;
    let mut asking = Vec::new();
    for request in worst() {
        let mut client = served.connect(TOKEN).await;
        asking.push(tokio::spawn(async move {
            let mut slowest = Duration::ZERO;
            for _ in 0..2 {
                let asked = Instant::now();
                let answer = ask(&mut client, &request).await;
                let code = code(&answer);
                let known = ["ok", "timeout", "overloaded"].contains(&code);
                assert!(known, "{request:.200}: {answer}");
                let took = asked.elapsed();
                assert!(took < LIMIT + BEYOND, "{took:?}: {request:.200}");
                slowest = slowest.max(took);
            }
            slowest
        }));
    }
    let mut worst = Duration::ZERO;
    while asking.iter().any(|one| !one.is_finished()) {
        worst = worst.max(health(&served).await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut slowest = Duration::ZERO;
    for one in asking {
        slowest = slowest.max(one.await.unwrap());
    }
    println!(
        "{engine}: /health took {:.1} ms at the worst, the slowest of the worst requests {:.2} s",
        worst.as_secs_f64() * 1e3,
        slowest.as_secs_f64()
    );
    assert!(worst < LIMIT / 4, "{worst:?}");
}

/// Does something with a database of its own on PostgreSQL, where there is one.
pub(crate) async fn on_postgres<T: Future<Output = ()> + Send + 'static>(
    made: &[&'static str],
    tried: impl FnOnce(String) -> T,
) {
    let server = std::env::var("LUCARNE_TEST_POSTGRES")
        .unwrap_or_else(|_| "postgres://root@127.0.0.1:5432/postgres".to_owned());
    let Ok(mut session) = PgConnection::connect(&server).await else {
        return skipped("postgres", "no postgres; set LUCARNE_TEST_POSTGRES");
    };
    let name = name();
    let make = format!("CREATE DATABASE {name}");
    session.execute(AssertSqlSafe(make)).await.unwrap();
    let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
    let mut owner = PgConnection::connect(&url).await.unwrap();
    for statement in made {
        owner.execute(*statement).await.unwrap();
    }
    owner.close().await.unwrap();
    let done = tokio::spawn(tried(url)).await;
    let drop = format!("DROP DATABASE {name} WITH (FORCE)");
    session.execute(AssertSqlSafe(drop)).await.unwrap();
    done.unwrap();
}

/// Does something with a database of its own on MariaDB, where there is one.
pub(crate) async fn on_mariadb<T: Future<Output = ()> + Send + 'static>(
    made: &[&'static str],
    tried: impl FnOnce(String) -> T,
) {
    let server = std::env::var("LUCARNE_TEST_MYSQL")
        .unwrap_or_else(|_| "mysql://root@127.0.0.1:3306".to_owned());
    let server = server.trim_end_matches('/');
    let Ok(mut session) = MySqlConnection::connect(server).await else {
        return skipped("mysql", "no mariadb; set LUCARNE_TEST_MYSQL");
    };
    let name = name();
    let make = format!("CREATE DATABASE {name}");
    session.execute(AssertSqlSafe(make)).await.unwrap();
    let url = format!("{server}/{name}");
    let mut owner = MySqlConnection::connect(&url).await.unwrap();
    for statement in made {
        owner.execute(*statement).await.unwrap();
    }
    owner.close().await.unwrap();
    let done = tokio::spawn(tried(url)).await;
    let drop = format!("DROP DATABASE {name}");
    session.execute(AssertSqlSafe(drop)).await.unwrap();
    done.unwrap();
}

/// A name for a database of a test.
fn name() -> String {
    static NUMBERS: AtomicU32 = AtomicU32::new(0);
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    format!("lucarne_worst_{}_{number}", std::process::id())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worst_requests_of_postgres_end_in_time_and_keep_nobody_waiting() {
    on_postgres(
        &POSTGRES,
        |url| async move { tried("PostgreSQL", &url).await },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worst_requests_of_mariadb_end_in_time_and_keep_nobody_waiting() {
    on_mariadb(&MARIADB, |url| async move { tried("MariaDB", &url).await }).await;
}
