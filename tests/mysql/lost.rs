//! Sessions that only read, statements that end in time, and servers that go away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::Executor as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::{Asker, Database, built, configured, database, eventually};

const MADE: &str = r"
CREATE TABLE notes (id INT PRIMARY KEY, body TEXT);
INSERT INTO notes VALUES (1, 'one'), (2, 'two');
CREATE FUNCTION write_one() RETURNS INT MODIFIES SQL DATA
  BEGIN INSERT INTO notes VALUES (3, 'three'); RETURN 3; END;
CREATE FUNCTION told() RETURNS TEXT NOT DETERMINISTIC
  RETURN CONCAT(@@tx_read_only, ' ', @@max_statement_time, ' ', @@time_zone, ' ', @@autocommit);
CREATE VIEW writing AS SELECT 1 AS id, write_one() AS written;
CREATE VIEW telling AS SELECT 1 AS id, told() AS session;
CREATE VIEW slow AS SELECT 1 AS id, SLEEP(20) AS slept;
CREATE VIEW busy AS SELECT COUNT(*) AS id FROM seq_1_to_1000000 a, seq_1_to_1000000 b;
";

const MODELS: &str = "notes,telling,slow,busy";

#[tokio::test]
async fn sessions_only_read() {
    let Some(place) = Database::new().await else {
        return;
    };
    place.run(MADE).await;
    let asker = Asker::with(&place.url(), MODELS, &[("MCP_QUERY_TIMEOUT", "7")]).await;
    let told = asker.ask("get", "telling", r#"{"id":1}"#).await.unwrap();
    assert_eq!(told, r#""data":{"id":1,"session":"ON 7.000000 +00:00 ON"}"#);
    // The server does not even open a view that writes.
    let config = configured(&place.url(), "writing,notes", &[]);
    let built = built(&database(&config), &config).await;
    let reason = &built.missing[0].reason;
    assert!(
        reason.starts_with("a view calls a function that writes"),
        "{reason}"
    );
    assert_eq!(asker.rows("notes", "{}").await.len(), 2);
}

#[tokio::test]
async fn what_a_views_function_sets_is_gone_with_it() {
    let Some(place) = Database::new().await else {
        return;
    };
    place.run(MADE).await;
    place
        .run(
            r"
CREATE FUNCTION sets() RETURNS TEXT NOT DETERMINISTIC
  BEGIN SET SESSION tx_read_only = 0, time_zone = '+05:00', max_statement_time = 0; SET @kept = 'kept'; RETURN 'set'; END;
CREATE FUNCTION kept() RETURNS TEXT NOT DETERMINISTIC RETURN COALESCE(@kept, 'gone');
CREATE VIEW setting AS SELECT 1 AS id, sets() AS s;
CREATE VIEW keeping AS SELECT 1 AS id, kept() AS s;
",
        )
        .await;
    let settings = [("MCP_QUERY_TIMEOUT", "7"), ("MCP_POOL_SIZE", "1")];
    let asker = Asker::with(&place.url(), "notes,telling,setting,keeping", &settings).await;
    for (action, params) in [("get", r#"{"id":1}"#), ("query", r#"{"total":"estimate"}"#)] {
        let set = asker.ask(action, "setting", params).await.unwrap();
        assert!(set.contains(r#""s":"set""#), "{set}");
        let told = asker.ask("get", "telling", r#"{"id":1}"#).await.unwrap();
        assert_eq!(told, r#""data":{"id":1,"session":"ON 7.000000 +00:00 ON"}"#);
        asker.ask(action, "setting", params).await.unwrap();
        let kept = asker.ask("get", "keeping", r#"{"id":1}"#).await.unwrap();
        assert_eq!(kept, r#""data":{"id":1,"s":"gone"}"#);
    }
    assert_eq!(asker.rows("notes", "{}").await.len(), 2);
}

#[tokio::test]
async fn fewer_connections_than_places_are_used_as_far_as_they_go() {
    let Some(place) = Database::new().await else {
        return;
    };
    let name = &place.name;
    place
        .run(&format!(
            "CREATE TABLE t (id INT PRIMARY KEY);\nINSERT INTO t VALUES (1);\n\
             CREATE VIEW slow AS SELECT id, SLEEP(0.1) AS s FROM t;\n\
             CREATE USER {name}@'127.0.0.1' IDENTIFIED BY 'pw' WITH MAX_USER_CONNECTIONS 2;\n\
             GRANT SELECT ON {name}.* TO {name}@'127.0.0.1';\n"
        ))
        .await;
    let settings = [("MCP_POOL_SIZE", "8"), ("MCP_QUERY_TIMEOUT", "30")];
    let url = place.url_of(&format!("{name}:pw"));
    let asker = Arc::new(Asker::with(&url, "t,slow", &settings).await);
    let mut asked = JoinSet::new();
    for turn in 0..24 {
        let asker = Arc::clone(&asker);
        asked.spawn(async move {
            match turn % 2 {
                0 => asker.ask("list", "slow", "{}").await,
                _ => asker.ask("get", "t", r#"{"id":1}"#).await,
            }
        });
    }
    for answer in asked.join_all().await {
        answer.unwrap();
    }
}

#[tokio::test]
async fn a_statement_ends_in_time() {
    let Some(place) = Database::new().await else {
        return;
    };
    place.run(MADE).await;
    let asker = Asker::with(&place.url(), MODELS, &[("MCP_QUERY_TIMEOUT", "1")]).await;
    let mut admin = place.admin().await;
    for model in ["slow", "busy", "notes"] {
        if model == "notes" {
            admin.execute("LOCK TABLES notes WRITE").await.unwrap();
        }
        let started = Instant::now();
        let late = asker.ask("list", model, "{}").await.unwrap_err();
        assert_eq!(late, "Query timed out after 1s (timeout)", "{model}");
        assert!(started.elapsed() < Duration::from_millis(1_900), "{model}");
    }
    admin.execute("UNLOCK TABLES").await.unwrap();
    assert_eq!(asker.rows("notes", "{}").await.len(), 2);
    let working = at_work(&place).await;
    assert!(working.is_empty(), "{working:?}");
}

async fn at_work(place: &Database) -> Vec<String> {
    let mut processes = place.processes().await;
    processes.retain(|process| !process.contains(" Sleep "));
    processes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_waits_for_ends() {
    let Some(place) = Database::new().await else {
        return;
    };
    place.run(MADE).await;
    let asker = Asker::with(&place.url(), MODELS, &[("MCP_POOL_SIZE", "4")]).await;
    let mut clients = JoinSet::new();
    for index in 0..1_000_u64 {
        let asker = asker.clone();
        clients.spawn(async move {
            let model = if index % 2 == 0 { "slow" } else { "busy" };
            // Some go while they wait for a session, some while it is opened, most while it works.
            let patience = Duration::from_millis(5 + index * 7 % 400);
            tokio::time::timeout(patience, asker.ask("list", model, "{}")).await
        });
    }
    let answered = clients.join_all().await;
    assert!(answered.iter().all(Result::is_err), "all of them went away");
    let started = Instant::now();
    assert_eq!(asker.rows("notes", "{}").await.len(), 2);
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "a place is free at once"
    );
    let took = eventually(
        "statements left at work",
        Duration::from_secs(3),
        async || at_work(&place).await.is_empty(),
    )
    .await;
    assert!(place.processes().await.len() <= 4, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_sessions_are_replaced_unseen() {
    let Some(place) = Database::new().await else {
        return;
    };
    place.run(MADE).await;
    let asker = Asker::with(&place.url(), MODELS, &[("MCP_POOL_SIZE", "4")]).await;
    for _ in 0..5 {
        let mut clients = JoinSet::new();
        for _ in 0..8 {
            let asker = asker.clone();
            clients.spawn(async move { asker.ask("list", "notes", "{}").await });
        }
        let answers = clients.join_all().await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert!(place.kill_sessions().await > 0);
    }
    assert!(asker.ask("list", "notes", "{}").await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_comes_back_is_read_again() {
    let Some(place) = Database::new().await else {
        return;
    };
    place.run(MADE).await;
    let relay = Relay::new(&place.address()).await;
    let asker = Asker::with(&place.url_at(&relay.address), MODELS, &[]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        let (asker, stop) = (asker.clone(), Arc::clone(&stop));
        clients.spawn(async move {
            let mut slowest = Duration::ZERO;
            while !stop.load(Ordering::Relaxed) {
                let started = Instant::now();
                if let Err(error) = asker.ask("list", "notes", "{}").await {
                    assert_eq!(error, "Database is unavailable (unavailable)");
                }
                slowest = slowest.max(started.elapsed());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            slowest
        });
    }
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        relay.stop();
        tokio::time::sleep(Duration::from_millis(400)).await;
        let gone = asker.ask("list", "notes", "{}").await;
        assert_eq!(gone.unwrap_err(), "Database is unavailable (unavailable)");
        relay.start();
        eventually("back again", Duration::from_secs(5), async || {
            asker.ask("list", "notes", "{}").await.is_ok()
        })
        .await;
    }
    stop.store(true, Ordering::Relaxed);
    for slowest in clients.join_all().await {
        assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_silent_is_not_waited_for_long() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let url = format!("mysql://reader@{address}/shop");
    let db = database(&configured(&url, "notes", &[]));
    let started = Instant::now();
    let failure = db.ping().await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(6));
    assert_eq!(*failure.kind(), lucarne::db::FailureKind::Unavailable);
    assert_eq!(db.start_fault(&failure), None, "it is waited for");
}

/// A way to the server that can be closed, as a server that is restarted closes it.
struct Relay {
    address: String,
    open: Arc<AtomicBool>,
    cut: Arc<tokio::sync::Notify>,
}

impl Relay {
    async fn new(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Self {
            address: listener.local_addr().unwrap().to_string(),
            open: Arc::new(AtomicBool::new(true)),
            cut: Arc::default(),
        };
        let (open, cut, server) = (
            Arc::clone(&relay.open),
            Arc::clone(&relay.cut),
            server.to_owned(),
        );
        tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                if !open.load(Ordering::Relaxed) {
                    continue;
                }
                let (cut, server) = (Arc::clone(&cut), server.clone());
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        () = cut.notified() => {}
                    }
                });
            }
        });
        relay
    }

    fn stop(&self) {
        self.open.store(false, Ordering::Relaxed);
        self.cut.notify_waiters();
    }

    fn start(&self) {
        self.open.store(true, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_request_of_several_statements_ends_whole_in_its_time() {
    let Some(place) = Database::new().await else {
        return;
    };
    let slow = "CREATE VIEW slow AS SELECT 1 AS id FROM DUAL WHERE SLEEP(1.4) = 0";
    place.run(slow).await;
    let asker = Asker::with(&place.url(), "slow", &[("MCP_QUERY_TIMEOUT", "2")]).await;
    let began = Instant::now();
    let params = r#"{"total":true,"offset":5}"#;
    let error = asker.ask("query", "slow", params).await.unwrap_err();
    let took = began.elapsed();
    assert_eq!(error, "Query timed out after 2s (timeout)");
    assert!(took < Duration::from_millis(2_700), "{took:?}");
}

/// A way to the server by which it can call itself otherwise, as another one behind a balancer.
async fn balanced(server: String, name: String) -> (String, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (other, otherwise) = (Arc::new(AtomicBool::new(false)), name.replace('/', "|"));
    let is_other = Arc::clone(&other);
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(&server).await.unwrap();
            let (is_other, name, otherwise) =
                (Arc::clone(&is_other), name.clone(), otherwise.clone());
            tokio::spawn(async move {
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                tokio::spawn(async move {
                    let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
                    let _ = to_server.shutdown().await;
                });
                let mut told = vec![0; 65_536];
                while let Ok(length @ 1..) = from_server.read(&mut told).await {
                    let told = &mut told[..length];
                    if is_other.load(Ordering::Relaxed)
                        && let Some(at) = told
                            .windows(name.len())
                            .position(|it| it == name.as_bytes())
                    {
                        told[at..at + name.len()].copy_from_slice(otherwise.as_bytes());
                    }
                    if to_client.write_all(told).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_session_of_another_server_is_ended() {
    let Some(place) = Database::new().await else {
        return;
    };
    place.run(MADE).await;
    let name = place
        .text("SELECT CAST(CONCAT_WS('/', @@hostname, @@port, @@server_id) AS CHAR)")
        .await;
    let (address, other) = balanced(place.address(), name).await;
    let settings = [("MCP_POOL_SIZE", "1"), ("MCP_QUERY_TIMEOUT", "4")];
    let asker = Asker::with(&place.url_at(&address), MODELS, &settings).await;
    let given_up = async || {
        let asked = asker.ask("list", "slow", "{}");
        let given_up = tokio::time::timeout(Duration::from_millis(300), asked).await;
        assert!(given_up.is_err(), "{given_up:?}");
    };
    // The session is on this server, and each way there leads to another one from now on.
    assert_eq!(asker.rows("notes", "{}").await.len(), 2);
    other.store(true, Ordering::Relaxed);
    given_up().await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let working = at_work(&place).await;
    assert_eq!(
        working.len(),
        1,
        "what has its number is left alone: {working:?}"
    );
    // The server's own limit ends it; where there is a way it is over at once.
    eventually("its own end", Duration::from_secs(8), async || {
        at_work(&place).await.is_empty()
    })
    .await;
    other.store(false, Ordering::Relaxed);
    given_up().await;
    asker.ask("list", "notes", "{}").await.unwrap();
    given_up().await;
    eventually("an end by KILL", Duration::from_millis(1_500), async || {
        at_work(&place).await.is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hints_that_are_cut_off_leave_no_sessions_behind() {
    let Some(place) = Database::new().await else {
        return;
    };
    place
        .run(
            "CREATE TABLE t (id INT PRIMARY KEY, status VARCHAR(9), pad CHAR(200));\n\
             INSERT INTO t SELECT seq, CONCAT('s', seq % 900), REPEAT('x', 200) FROM seq_1_to_40000;\n\
             ANALYZE TABLE t;\n",
        )
        .await;
    let asker = Asker::with(&place.url(), "t", &[("MCP_POOL_SIZE", "2")]).await;
    let mut asked = JoinSet::new();
    for _ in 0..30 {
        let asker = asker.clone();
        asked.spawn(async move {
            let params = r#"{"filters":{"status":"none"}}"#;
            asker.ask("query", "t", params).await
        });
    }
    for answer in asked.join_all().await {
        let answer = answer.unwrap();
        assert!(answer.contains(r#""count":0"#), "{answer}");
    }
    // Those of the pool, and the side connection.
    eventually(
        "sessions that are left",
        Duration::from_secs(2),
        async || place.processes().await.len() <= 3,
    )
    .await;
}
