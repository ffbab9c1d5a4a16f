//! What takes away is in force within moments, whatever the database does.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

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
        "{base}=users\nMCP_HIDDEN_FIELDS=users.email\nMCP_MAX_LIMIT=3"
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
