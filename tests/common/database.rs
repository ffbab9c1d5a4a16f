//! A database of a test's own on a server, removed with its value whatever becomes of the test.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, PgConnection};

use super::{note, server};

const POSTGRES: &str = "postgres://root@127.0.0.1:5432/postgres";
const MYSQL: &str = "mysql://root@127.0.0.1:3306/";

/// The URL of the PostgreSQL of the tests, where one answers.
pub(crate) async fn postgres() -> Option<String> {
    server::<PgConnection>("postgres", "LUCARNE_TEST_POSTGRES", POSTGRES).await
}

/// The URL of the MariaDB or MySQL of the tests, where one answers.
pub(crate) async fn mysql() -> Option<String> {
    server::<MySqlConnection>("mysql", "LUCARNE_TEST_MYSQL", MYSQL).await
}

/// A database of one's own.
pub(crate) struct OwnDatabase {
    /// The URL of its server, by which it was made.
    pub(crate) server: String,
    /// Its name, which no other test has.
    pub(crate) name: String,
}

impl OwnDatabase {
    /// An empty one on PostgreSQL, made with these options; `None` where no server answers.
    pub(crate) async fn postgres(options: &str) -> Option<Self> {
        Some(Self::made(postgres().await?, options).await)
    }

    /// An empty one on MariaDB or MySQL, made with these options; `None` where no server answers.
    pub(crate) async fn mysql(options: &str) -> Option<Self> {
        Some(Self::made(mysql().await?, options).await)
    }

    async fn made(server: String, options: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("lucarne_test_{}_{count}", std::process::id());
        run(&server, [format!("CREATE DATABASE {name} {options}")])
            .await
            .unwrap();
        Self { server, name }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        let (start, _) = self.server.rsplit_once('/').unwrap();
        format!("{start}/{}", self.name)
    }

    /// Runs a statement, or a script of PostgreSQL.
    pub(crate) async fn run(&self, sql: impl Into<String>) {
        self.run_all([sql.into()]).await;
    }

    /// Runs statements by one session.
    pub(crate) async fn run_all(&self, statements: impl IntoIterator<Item = String>) {
        run(&self.url(), statements).await.unwrap();
    }
}

async fn run(url: &str, statements: impl IntoIterator<Item = String>) -> sqlx::Result<()> {
    let statements = statements.into_iter().map(AssertSqlSafe);
    if url.starts_with("mysql:") {
        let mut connection = MySqlConnection::connect(url).await?;
        for statement in statements {
            connection.execute(statement).await?;
        }
        connection.close().await
    } else {
        let mut connection = PgConnection::connect(url).await?;
        for statement in statements {
            connection.execute(statement).await?;
        }
        connection.close().await
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        let how = match self.server.starts_with("mysql:") {
            true => "",
            false => " WITH (FORCE)",
        };
        clean_up(
            &self.server,
            format!("DROP DATABASE IF EXISTS {}{how}", self.name),
        );
    }
}

/// Runs a statement on a server while a test ends: by a thread of its own, for the test's runtime
/// may be the one that unwinds.
pub(crate) fn clean_up(server: &str, sql: String) {
    let (server, left) = (server.to_owned(), format!("left behind: {sql}"));
    let done = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let done = runtime.block_on(run(&server, [sql]));
        done.map_err(std::io::Error::other)
    });
    if !matches!(done.join(), Ok(Ok(()))) {
        note(&left);
    }
}
