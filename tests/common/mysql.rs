//! Databases on a MariaDB or MySQL server, each made for one test and dropped after it.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection};

const VARIABLE: &str = "LUCARNE_TEST_MYSQL";

/// A database of its own; dropping it drops it on the server, whatever became of the test.
pub(crate) struct Database {
    server: String,
    pub(crate) name: String,
}

impl Database {
    /// Makes an empty one; `None` when no server answers, and none must.
    pub(crate) async fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server =
            std::env::var(VARIABLE).unwrap_or_else(|_| "mysql://root@127.0.0.1:3306/".to_owned());
        let server = server.rsplit_once('/').unwrap().0.to_owned();
        let mut admin = match MySqlConnection::connect(&format!("{server}/")).await {
            Ok(admin) => admin,
            Err(error) => {
                super::absent("mysql", VARIABLE, &error.to_string());
                return None;
            }
        };
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("lucarne_test_{}_{count}", std::process::id());
        let sql =
            format!("CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci");
        admin.execute(AssertSqlSafe(sql)).await.unwrap();
        admin.close().await.unwrap();
        Some(Self { server, name })
    }

    /// The URL by which the service reads it.
    pub(crate) fn url(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }

    /// The URL of another account.
    pub(crate) fn url_of(&self, login: &str) -> String {
        let host = self.server.rsplit_once('@').unwrap().1;
        format!("mysql://{login}@{host}/{}", self.name)
    }

    /// A connection that may write.
    pub(crate) async fn admin(&self) -> MySqlConnection {
        let mut admin = MySqlConnection::connect(&self.url()).await.unwrap();
        admin
            .execute("SET sql_mode = 'ALLOW_INVALID_DATES'")
            .await
            .unwrap();
        admin
    }

    /// Runs statements that end in a semicolon and a line break.
    pub(crate) async fn run(&self, script: &str) {
        let mut admin = self.admin().await;
        for statement in script.split(";\n").filter(|part| !part.trim().is_empty()) {
            let done = admin.execute(AssertSqlSafe(statement.to_owned())).await;
            done.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
        admin.close().await.unwrap();
    }

    /// What the statements that run on it are; the one that asks is left out.
    pub(crate) async fn processes(&self) -> Vec<String> {
        let mut admin = MySqlConnection::connect(&format!("{}/", self.server))
            .await
            .unwrap();
        let sql = "SELECT CAST(CONCAT(id, ' ', command, ' ', COALESCE(info, '')) AS CHAR) \
                   FROM information_schema.processlist WHERE db = ?";
        let rows = sqlx::query_scalar(sql)
            .bind(&self.name)
            .fetch_all(&mut admin)
            .await
            .unwrap();
        admin.close().await.unwrap();
        rows
    }

    /// Ends every session on it, and says how many there were.
    pub(crate) async fn kill_sessions(&self) -> usize {
        let processes = self.processes().await;
        let mut admin = MySqlConnection::connect(&format!("{}/", self.server))
            .await
            .unwrap();
        for process in &processes {
            let id: u64 = process.split(' ').next().unwrap().parse().unwrap();
            // It may have ended by itself.
            let _ = sqlx::query("KILL ?").bind(id).execute(&mut admin).await;
        }
        admin.close().await.unwrap();
        processes.len()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // A thread of its own, for the test's runtime may be the one that unwinds.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let mut admin = MySqlConnection::connect(&format!("{server}/"))
                    .await
                    .unwrap();
                for sql in [
                    format!("DROP DATABASE {name}"),
                    format!("DROP USER IF EXISTS {name}@'127.0.0.1', {name}@'localhost'"),
                ] {
                    admin.execute(AssertSqlSafe(sql)).await.unwrap();
                }
            });
        });
        let _ = dropping.join();
    }
}
