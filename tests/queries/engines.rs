//! The same rows on every engine that answers.

use sqlx::{Connection as _, MySqlConnection, PgConnection};

use crate::common::database::OwnDatabase;
use crate::meaning::script;
use crate::support::Served;

const MODELS: &str = "t,large";
/// `up` leads from each row of `t` to another one, to none, or to one that is not there.
const SMALL: [(&str, &str); 2] = [
    ("MCP_MAX_RESPONSE_BYTES", "20000"),
    ("MCP_RELATIONS", "up:t.n=t.id"),
];

/// A service over one engine, and the database of its own where it has a server.
pub(crate) struct Engine {
    pub(crate) name: &'static str,
    pub(crate) served: Served,
    own: Option<OwnDatabase>,
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
        let Some(own) = &self.own else {
            return self.served.file();
        };
        let url = own.url();
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
            own: None,
        }
    }

    /// A session of one's own on PostgreSQL, past the service.
    pub(crate) async fn postgres_connection(&self) -> PgConnection {
        let url = self.own.as_ref().unwrap().url();
        PgConnection::connect(&url).await.unwrap()
    }

    /// A session of one's own on MariaDB or MySQL, past the service.
    pub(crate) async fn mysql_connection(&self) -> MySqlConnection {
        let url = self.own.as_ref().unwrap().url();
        MySqlConnection::connect(&url).await.unwrap()
    }

    /// A database of its own on PostgreSQL, where there is one.
    pub(crate) async fn postgres(
        statements: Vec<String>,
        models: &str,
        variables: &[(&str, &str)],
    ) -> Option<Self> {
        let own = OwnDatabase::postgres("").await?;
        own.run_all(statements).await;
        Some(Self {
            name: "postgres",
            served: Served::at(&own.url(), models, variables).await,
            own: Some(own),
        })
    }

    /// A database of its own on MariaDB or MySQL, where there is one.
    pub(crate) async fn mysql(
        statements: Vec<String>,
        models: &str,
        variables: &[(&str, &str)],
    ) -> Option<Self> {
        let own = OwnDatabase::mysql("CHARACTER SET utf8mb4").await?;
        own.run_all(statements).await;
        Some(Self {
            name: "mysql",
            served: Served::at(&own.url(), models, variables).await,
            own: Some(own),
        })
    }
}
