//! The same rows on every engine that answers.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, PgConnection};

use crate::common::server;
use crate::meaning::script;
use crate::support::Served;

const MODELS: &str = "t,large";
/// `up` leads from each row of `t` to another one, to none, or to one that is not there.
const SMALL: [(&str, &str); 2] = [
    ("MCP_MAX_RESPONSE_BYTES", "20000"),
    ("MCP_RELATIONS", "up:t.n=t.id"),
];

/// A service over one engine, and what is left behind by it.
pub(crate) struct Engine {
    pub(crate) name: &'static str,
    pub(crate) served: Served,
    left: Option<(String, String)>,
}

/// SQLite, and the servers that are there.
pub(crate) async fn engines() -> Vec<Engine> {
    let sqlite = script("TEXT", "REAL", "BLOB", "JSON").join(";\n");
    let served = Served::with(&sqlite, MODELS, &SMALL).await;
    let mut engines = vec![Engine::sqlite(served)];
    let statements = script("TEXT COLLATE \"C\"", "DOUBLE PRECISION", "BYTEA", "JSONB");
    engines.extend(Engine::postgres(statements, MODELS, &SMALL).await);
    let text = "VARCHAR(60) COLLATE utf8mb4_bin";
    let statements = script(text, "DOUBLE", "LONGBLOB", "JSON");
    engines.extend(Engine::mysql(statements, MODELS, &SMALL).await);
    engines
}

impl Engine {
    /// All that is in the database, past the service: what there is, and every row of it.
    pub(crate) async fn contents(&self) -> String {
        let Some((server, _)) = &self.left else {
            return self.served.file();
        };
        let url = format!("{}/{}", server.rsplit_once('/').unwrap().0, name());
        if self.name == "postgres" {
            let sql = "SELECT concat(\
                (SELECT string_agg(concat(relname, relkind, relacl::text), ',' ORDER BY oid) \
                 FROM pg_class WHERE relnamespace <> 'pg_toast'::regnamespace), \
                (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_namespace), \
                (SELECT string_agg(t::text, '|' ORDER BY id) FROM t), \
                (SELECT string_agg(l::text, '|' ORDER BY id) FROM large l))";
            let mut admin = PgConnection::connect(&url).await.unwrap();
            return sqlx::query_scalar(sql).fetch_one(&mut admin).await.unwrap();
        }
        let mut admin = MySqlConnection::connect(&url).await.unwrap();
        let sql = "SELECT CAST(CONCAT( \
            (SELECT GROUP_CONCAT(table_name ORDER BY table_name) FROM information_schema.tables \
             WHERE table_schema = DATABASE()), \
            (SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = DATABASE())) \
            AS CHAR)";
        let objects: String = sqlx::query_scalar(sql).fetch_one(&mut admin).await.unwrap();
        let rows: Vec<(String, Option<i64>)> = sqlx::query_as("CHECKSUM TABLE t, large")
            .fetch_all(&mut admin)
            .await
            .unwrap();
        format!("{objects} {rows:?}")
    }

    /// A database in a file.
    pub(crate) fn sqlite(served: Served) -> Self {
        Self {
            name: "sqlite",
            served,
            left: None,
        }
    }

    /// A session of one's own on PostgreSQL, past the service.
    pub(crate) async fn postgres_connection(&self) -> PgConnection {
        let (server, _) = self.left.as_ref().unwrap();
        let url = format!("{}/{}", server.rsplit_once('/').unwrap().0, name());
        PgConnection::connect(&url).await.unwrap()
    }

    /// A session of one's own on MariaDB or MySQL, past the service.
    pub(crate) async fn mysql_connection(&self) -> MySqlConnection {
        let (server, _) = self.left.as_ref().unwrap();
        let url = format!("{}/{}", server.rsplit_once('/').unwrap().0, name());
        MySqlConnection::connect(&url).await.unwrap()
    }

    /// A database of its own on PostgreSQL, where there is one.
    pub(crate) async fn postgres(
        statements: Vec<String>,
        models: &str,
        variables: &[(&str, &str)],
    ) -> Option<Self> {
        let url = "postgres://root@127.0.0.1:5432/postgres";
        let server = server::<PgConnection>("postgres", "LUCARNE_TEST_POSTGRES", url).await?;
        let name = name();
        let mut admin = PgConnection::connect(&server).await.unwrap();
        let create = format!("CREATE DATABASE {name}");
        admin.execute(AssertSqlSafe(create)).await.unwrap();
        let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
        let mut connection = PgConnection::connect(&url).await.unwrap();
        for statement in statements {
            connection.execute(AssertSqlSafe(statement)).await.unwrap();
        }
        connection.close().await.unwrap();
        Some(Self {
            name: "postgres",
            served: Served::at(&url, models, variables).await,
            left: Some((server, format!("DROP DATABASE {name} WITH (FORCE)"))),
        })
    }

    /// A database of its own on MariaDB or MySQL, where there is one.
    pub(crate) async fn mysql(
        statements: Vec<String>,
        models: &str,
        variables: &[(&str, &str)],
    ) -> Option<Self> {
        let url = "mysql://root@127.0.0.1:3306/";
        let server = server::<MySqlConnection>("mysql", "LUCARNE_TEST_MYSQL", url).await?;
        let name = name();
        let mut admin = MySqlConnection::connect(&server).await.unwrap();
        let create = format!("CREATE DATABASE {name} CHARACTER SET utf8mb4");
        admin.execute(AssertSqlSafe(create)).await.unwrap();
        let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
        let mut connection = MySqlConnection::connect(&url).await.unwrap();
        for statement in statements {
            connection.execute(AssertSqlSafe(statement)).await.unwrap();
        }
        connection.close().await.unwrap();
        Some(Self {
            name: "mysql",
            served: Served::at(&url, models, variables).await,
            left: Some((server, format!("DROP DATABASE {name}"))),
        })
    }
}

/// A name for a database of this test, for several tests make theirs at once.
fn name() -> String {
    let id = format!("{:?}", std::thread::current().id());
    let thread: String = id.chars().filter(char::is_ascii_digit).collect();
    format!("lucarne_queries_{}_{thread}", std::process::id())
}

impl Drop for Engine {
    fn drop(&mut self) {
        let Some((server, sql)) = self.left.take() else {
            return;
        };
        let postgres = self.name == "postgres";
        // A thread of its own, for the test's runtime may be the one that unwinds.
        let dropping = std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().build().unwrap().block_on(async {
                let sql = AssertSqlSafe(sql);
                if postgres {
                    let mut admin = PgConnection::connect(&server).await.unwrap();
                    admin.execute(sql).await.unwrap();
                } else {
                    let mut admin = MySqlConnection::connect(&server).await.unwrap();
                    admin.execute(sql).await.unwrap();
                }
            });
        });
        let _ = dropping.join();
    }
}
