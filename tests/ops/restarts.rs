//! The database is stopped, killed and started again while sockets ask without a pause: each
//! request has one answer, a right one or `Database is unavailable`, and the service goes on.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::SinkExt as _;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use tokio_tungstenite::tungstenite::Message;

use crate::servers::{End, Engine, Server};
use crate::support::*;

const SOCKETS: usize = 8;
/// Requests that a socket sends before it reads the answers.
const AT_ONCE: usize = 4;
const ROWS: usize = 200;
const ENDS: [End; 4] = [End::Stopped, End::Killed, End::Stopped, End::Killed];

/// What became of the requests of all sockets.
#[derive(Default)]
struct Counts {
    sent: AtomicUsize,
    right: AtomicUsize,
    unavailable: AtomicUsize,
    /// Answers that are neither, by what they say.
    wrong: Mutex<BTreeMap<String, usize>>,
    /// What the slowest answers took, in milliseconds.
    slowest: AtomicUsize,
}

impl Counts {
    fn judge(&self, answer: &Value, number: usize) {
        let expected = json!({"id": number, "n": number * 7});
        if answer["data"] == expected {
            self.right.fetch_add(1, Ordering::Relaxed);
        } else if answer["error"] == "Database is unavailable" {
            self.unavailable.fetch_add(1, Ordering::Relaxed);
        } else {
            let mut wrong = self.wrong.lock().unwrap();
            *wrong.entry(answer.to_string()).or_default() += 1;
        }
    }

    /// Waits until so many more were answered so than now.
    async fn further(&self, what: &str, count: impl Fn(&Self) -> usize, more: usize) -> Duration {
        let (begun, before) = (Instant::now(), count(self));
        until(what, || count(self) > before).await;
        let first = begun.elapsed();
        until(what, || count(self) > before + more).await;
        first
    }
}

fn right(counts: &Counts) -> usize {
    counts.right.load(Ordering::Relaxed)
}

fn unavailable(counts: &Counts) -> usize {
    counts.unavailable.load(Ordering::Relaxed)
}

/// Asks without a pause until it is told to stop. A socket that is closed, or an answer that does
/// not come, fails the test.
async fn load(mut socket: Socket, counts: Arc<Counts>, stop: Arc<AtomicBool>, first: usize) {
    let mut number = first;
    while !stop.load(Ordering::Relaxed) {
        let numbers: Vec<usize> = (0..AT_ONCE)
            .map(|more| (number + more) % ROWS + 1)
            .collect();
        let begun = Instant::now();
        for number in &numbers {
            let request = json!({"id": number, "action": "get", "model": "items",
                                 "params": {"id": number}});
            socket
                .feed(Message::text(request.to_string()))
                .await
                .unwrap();
            counts.sent.fetch_add(1, Ordering::Relaxed);
        }
        socket.flush().await.unwrap();
        for number in &numbers {
            let answer = answer(&mut socket).await.unwrap();
            assert_eq!(answer["id"], *number, "an answer is lost: {answer}");
            counts.judge(&answer, *number);
        }
        let took = begun.elapsed().as_millis() as usize;
        counts.slowest.fetch_max(took, Ordering::Relaxed);
        number += AT_ONCE;
    }
}

async fn ready(served: &Served, expected: u16) {
    let begun = Instant::now();
    while get(served.admin, "/ready").await.0 != expected {
        assert!(begun.elapsed() < PATIENCE, "/ready is never {expected}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What is taken away and given back.
enum Database {
    Server(Server),
    /// A file of SQLite in the folder of the service.
    File(PathBuf),
}

impl Database {
    fn end(&mut self, how: End) {
        match self {
            Self::Server(server) => server.end(how),
            Self::File(path) => std::fs::rename(&*path, path.with_extension("away")).unwrap(),
        }
    }

    async fn start(&mut self) {
        match self {
            Self::Server(server) => server.start().await,
            Self::File(path) => std::fs::rename(path.with_extension("away"), path).unwrap(),
        }
    }
}

async fn server_survives(engine: Engine, statements: &[&'static str]) {
    let Some(server) = Server::new(engine).await else {
        return;
    };
    server.run(statements).await;
    let folder = Folder::new().await;
    let url = server.url();
    survives(
        &format!("{engine:?}"),
        Database::Server(server),
        &folder,
        &url,
    )
    .await;
}

async fn survives(engine: &str, mut database: Database, folder: &Folder, url: &str) {
    folder.configure(&format!(
        "DATABASE_URL={url}\nMCP_ALLOWED_MODELS=items\nMCP_RATE_LIMIT=0\n\
         MCP_AUDIT_FILE=audit.jsonl"
    ));
    let mut served = folder.serve().await;
    let (counts, stop) = (
        Arc::new(Counts::default()),
        Arc::new(AtomicBool::new(false)),
    );
    let mut clients = Vec::new();
    for first in 0..SOCKETS {
        let socket = served.connect(TOKEN).await;
        let (counts, stop) = (Arc::clone(&counts), Arc::clone(&stop));
        clients.push(tokio::spawn(load(socket, counts, stop, first * 20)));
    }
    counts.further("right answers", right, 200).await;
    for (outage, end) in (1..).zip(ENDS) {
        database.end(end);
        let missed = counts.further("refusals", unavailable, 200).await;
        ready(&served, 503).await;
        database.start().await;
        let found = counts.further("right answers", right, 200).await;
        ready(&served, 200).await;
        served.says("the database answers again", outage).await;
        for words in ["Database is unavailable", "the database answers again"] {
            assert_eq!(served.logged(words), outage, "{}", served.log());
        }
        println!("{engine} {end:?}: missed after {missed:?}, found after {found:?}");
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    let wrong = counts.wrong.lock().unwrap().clone();
    let (sent, slowest) = (
        counts.sent.load(Ordering::Relaxed),
        counts.slowest.load(Ordering::Relaxed),
    );
    let (right, unavailable) = (right(&counts), unavailable(&counts));
    println!(
        "{engine}: {sent} sent, {right} right, {unavailable} unavailable, wrong {wrong:?}; the slowest {AT_ONCE} took {slowest} ms"
    );
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(sent, right + unavailable);
    served.signal("TERM");
    assert!(served.ended().await.success());
    let text = std::fs::read_to_string(folder.path("audit.jsonl")).unwrap();
    for (code, count) in [("ok", right), ("unavailable", unavailable)] {
        let code = format!("\"code\":\"{code}\"");
        let requests = text
            .lines()
            .filter(|line| line.contains("\"event\":\"request\""));
        let lines = requests.filter(|line| line.contains(&code)).count();
        assert_eq!(lines, count, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_may_stop_die_and_come_back_under_load() {
    let statements = [
        "CREATE TABLE items (id int PRIMARY KEY, n int)",
        "INSERT INTO items SELECT g, g * 7 FROM generate_series(1, 200) g",
    ];
    server_survives(Engine::Postgres, &statements).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_may_stop_die_and_come_back_under_load() {
    let statements = [
        "CREATE TABLE items (id int PRIMARY KEY, n int)",
        "INSERT INTO items SELECT seq, seq * 7 FROM seq_1_to_200",
    ];
    server_survives(Engine::MariaDb, &statements).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_sqlite_may_go_and_come_back_under_load() {
    let folder = Folder::new().await;
    let path = folder.path("shop.db");
    let url = format!("sqlite:{}", path.display());
    let mut writer = SqliteConnection::connect(&url).await.unwrap();
    let script = "CREATE TABLE items (id INTEGER PRIMARY KEY, n INTEGER);
        WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < 200)
        INSERT INTO items SELECT i, i * 7 FROM g;";
    writer.execute(script).await.unwrap();
    writer.close().await.unwrap();
    survives("SQLite", Database::File(path), &folder, "sqlite:shop.db").await;
}
