//! Sessions that are lost, clients that are gone, statements that take too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::{Asked, Database, clean_up};

const TABLE: &str = "
    CREATE TABLE t (id int PRIMARY KEY, n int);
    INSERT INTO t SELECT g, g FROM generate_series(1, 100) g;
    CREATE VIEW slow AS SELECT 1 AS id, CAST(pg_sleep(20) AS text) AS s;";

const RIGHT: &str = r#"{"data":{"id":7,"n":7}}"#;

async fn get(asked: &Asked) -> Result<String, String> {
    asked.ask("get", "t", r#"{"id":7}"#).await
}

/// The service's sessions in this database, all or those at work.
async fn sessions(place: &Database, state: &str) -> usize {
    let sql = "SELECT CAST(pid AS text) FROM pg_stat_activity WHERE application_name = 'lucarne'";
    place
        .column(&format!(
            "{sql} AND datname = '{}' AND state LIKE '{state}'",
            place.name()
        ))
        .await
        .len()
}

/// Ends the sessions of services in this database.
pub(crate) async fn terminate(place: &Database) {
    let sql = "SELECT CAST(pg_terminate_backend(pid) AS text) FROM pg_stat_activity";
    place
        .column(&format!(
            "{sql} WHERE application_name = 'lucarne' AND datname = '{}'",
            place.name()
        ))
        .await;
}

#[tokio::test]
async fn fewer_connections_than_places_are_used_as_far_as_they_go() {
    let Some(place) = Database::new(TABLE).await else {
        return;
    };
    let role = format!("{}_two", place.name());
    place
        .execute(&format!(
            "CREATE VIEW brief AS SELECT 1 AS id, CAST(pg_sleep(0.1) AS text) AS s;
             CREATE ROLE {role} LOGIN CONNECTION LIMIT 2;
             GRANT SELECT ON t, brief TO {role};"
        ))
        .await;
    let settings = [("MCP_POOL_SIZE", "8"), ("MCP_QUERY_TIMEOUT", "30")];
    let asked = Asked::new(&place.url_as(&role), "t,brief", &settings).await;
    let asked = Arc::new(asked);
    let mut requests = tokio::task::JoinSet::new();
    for turn in 0..24 {
        let asked = Arc::clone(&asked);
        requests.spawn(async move {
            match turn % 2 {
                0 => asked.ask("list", "brief", "{}").await,
                _ => get(&asked).await,
            }
        });
    }
    let answers = requests.join_all().await;
    drop(asked);
    place
        .execute(&format!("DROP OWNED BY {role}; DROP ROLE {role};"))
        .await;
    for answer in answers {
        answer.unwrap();
    }
}

#[tokio::test]
async fn a_slow_statement_ends_at_its_time() {
    let Some(place) = Database::new(TABLE).await else {
        return;
    };
    let asked = Asked::new(&place.url(), "t,slow", &[("MCP_QUERY_TIMEOUT", "1")]).await;
    let began = Instant::now();
    let error = asked.ask("list", "slow", "{}").await.unwrap_err();
    assert_eq!(error, "timeout: Query timed out after 1s");
    assert!(began.elapsed() < Duration::from_secs(3));
    assert_eq!(sessions(&place, "active").await, 0);
    assert_eq!(get(&asked).await.unwrap(), RIGHT);
    assert_eq!(sessions(&place, "%").await, 1, "the session went on");
}

#[tokio::test]
async fn a_thousand_requests_that_are_given_up_leave_nothing_running() {
    let Some(place) = Database::new(TABLE).await else {
        return;
    };
    let asked = place.service("t,slow").await;
    for wave in 0..100 {
        let waiting: Vec<JoinHandle<_>> = (0..10)
            .map(|_| {
                let asked = asked.clone();
                tokio::spawn(async move { asked.ask("list", "slow", "{}").await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(40)).await;
        if wave == 0 {
            assert!(sessions(&place, "active").await > 0, "they do run");
        }
        waiting.iter().for_each(JoinHandle::abort);
        for one in waiting {
            let _ = one.await;
        }
        let began = Instant::now();
        assert_eq!(get(&asked).await.unwrap(), RIGHT);
        assert!(
            began.elapsed() < Duration::from_secs(1),
            "the pool is free at once"
        );
    }
    let began = Instant::now();
    while sessions(&place, "active").await > 0 {
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "statements without a client"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let left = sessions(&place, "%").await;
    assert!(left <= 4, "{left} sessions are left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminated_sessions_are_replaced_under_load() {
    let Some(place) = Database::new(TABLE).await else {
        return;
    };
    let asked = place.service("t").await;
    let stop = Arc::new(AtomicBool::new(false));
    let (right, failed) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let load: Vec<_> = (0..8)
        .map(|_| {
            let (asked, stop) = (asked.clone(), Arc::clone(&stop));
            let (right, failed) = (Arc::clone(&right), Arc::clone(&failed));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    match get(&asked).await {
                        Ok(answer) => {
                            assert_eq!(answer, RIGHT);
                            right.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => {
                            assert_eq!(error, "unavailable: Database is unavailable");
                            failed.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    assert!(began.elapsed() < Duration::from_secs(5));
                }
            })
        })
        .collect();
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        terminate(&place).await;
    }
    // At rest or at work, each is replaced.
    stop.store(true, Ordering::Relaxed);
    for one in load {
        one.await.unwrap();
    }
    let (right, failed) = (
        right.load(Ordering::Relaxed),
        failed.load(Ordering::Relaxed),
    );
    assert!(right > 100, "{right} right answers, {failed} failures");
    crate::common::note(&format!("8 rounds: {right} right, {failed} unavailable"));
    assert_eq!(get(&asked).await.unwrap(), RIGHT, "the next one is right");
    terminate(&place).await;
    assert_eq!(
        get(&asked).await.unwrap(),
        RIGHT,
        "a lost session is replaced unseen"
    );
}

#[tokio::test]
async fn a_changed_table_needs_no_restart() {
    let Some(place) = Database::new(TABLE).await else {
        return;
    };
    let asked = place.service("t").await;
    assert_eq!(get(&asked).await.unwrap(), RIGHT);
    place.execute("ALTER TABLE t ALTER n TYPE bigint").await;
    assert_eq!(get(&asked).await.unwrap(), RIGHT);
    place.execute("ALTER TABLE t ADD more text").await;
    assert_eq!(get(&asked).await.unwrap(), RIGHT);
}

/// What stands between the service and the server, to be taken away.
struct Wire {
    port: u16,
    server: String,
    running: Option<JoinHandle<()>>,
}

impl Wire {
    async fn new(server: String) -> Self {
        let mut wire = Self {
            port: 0,
            server,
            running: None,
        };
        wire.mend().await;
        wire
    }

    async fn mend(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.port = listener.local_addr().unwrap().port();
        let server = self.server.clone();
        self.running = Some(tokio::spawn(async move {
            // Aborted with this task: every connection through it.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (mut here, _) = listener.accept().await.unwrap();
                let server = server.clone();
                connections.spawn(async move {
                    let mut there = TcpStream::connect(server).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
                });
            }
        }));
    }

    async fn cut(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
            let _ = running.await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_gone_is_found_again() {
    let Some(place) = Database::new(TABLE).await else {
        return;
    };
    let mut wire = Wire::new(place.address()).await;
    let url = place.url_through(wire.port);
    let asked = Asked::new(&url, "t", &[]).await;
    for _ in 0..2 {
        assert_eq!(get(&asked).await.unwrap(), RIGHT);
        wire.cut().await;
        let down = Instant::now();
        let mut refused = 0;
        while down.elapsed() < Duration::from_millis(1500) {
            let began = Instant::now();
            assert_eq!(
                get(&asked).await.unwrap_err(),
                "unavailable: Database is unavailable"
            );
            assert!(began.elapsed() < Duration::from_secs(1));
            assert!(asked.db.ping().await.is_err());
            refused += 1;
        }
        assert!(refused > 100, "they are refused at once: {refused}");
        wire.mend().await;
        let back = Instant::now();
        while get(&asked).await.is_err() {
            assert!(
                back.elapsed() < Duration::from_secs(10),
                "it came back unseen"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let took = back.elapsed();
        crate::common::note(&format!("{refused} refused, found after {took:?}"));
    }
}

#[tokio::test]
async fn a_request_of_several_statements_ends_whole_in_its_time() {
    let script = "CREATE VIEW slow AS SELECT 1 AS id WHERE pg_sleep(1.4) IS NOT NULL;
        CREATE VIEW pid AS SELECT 1 AS id, pg_backend_pid() AS pid;";
    let Some(place) = Database::new(script).await else {
        return;
    };
    let variables = [("MCP_QUERY_TIMEOUT", "2"), ("MCP_POOL_SIZE", "1")];
    let asked = Asked::new(&place.url(), "slow,pid", &variables).await;
    let session = asked.ask("get", "pid", r#"{"id":1}"#).await.unwrap();
    let began = Instant::now();
    let params = r#"{"total":true,"offset":5}"#;
    let error = asked.ask("query", "slow", params).await.unwrap_err();
    let took = began.elapsed();
    assert_eq!(error, "timeout: Query timed out after 2s");
    assert!(took < Duration::from_millis(2_700), "{took:?}");
    // The server ended the second statement at what was left, and the session went on.
    let after = asked.ask("get", "pid", r#"{"id":1}"#).await.unwrap();
    assert_eq!(after, session);
}

#[tokio::test]
async fn a_hint_that_is_cut_off_costs_no_session() {
    let script = "
        CREATE TABLE t (id int PRIMARY KEY, status text);
        INSERT INTO t SELECT g, 'open' FROM generate_series(1, 30) g;
        CREATE VIEW pid AS SELECT 1 AS id, pg_backend_pid() AS pid;
        ALTER TABLE t ENABLE ROW LEVEL SECURITY;
        CREATE POLICY p ON t USING (pg_sleep(0.01) IS NOT NULL);
        ANALYZE t;";
    let Some(place) = Database::new(script).await else {
        return;
    };
    let role = format!("{}_reader", place.name());
    let grants = format!("CREATE ROLE \"{role}\" LOGIN; GRANT SELECT ON t, pid TO \"{role}\"");
    place.execute(&grants).await;
    let alone = [("MCP_POOL_SIZE", "1")];
    let asked = Asked::new(&place.url_as(&role), "t,pid", &alone).await;
    let session = asked.ask("get", "pid", r#"{"id":1}"#).await.unwrap();
    for _ in 0..3 {
        let none = asked
            .value("query", "t", r#"{"filters":{"status":"opne"}}"#)
            .await;
        assert_eq!(none["count"], 0);
        assert!(none["hint"].is_null(), "{none}");
        let after = asked.ask("get", "pid", r#"{"id":1}"#).await.unwrap();
        assert_eq!(after, session);
    }
    let server = place.server();
    drop((asked, place));
    clean_up(&server, format!("DROP ROLE \"{role}\""));
}
