//! Databases that last as long as their test, and a service over them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lucarne::app::{self, Live};
use lucarne::auth::{Caller, Credential};
use lucarne::catalog::{self, Built};
use lucarne::config::{self, Config};
use lucarne::db::{Db, Options};
use lucarne::observe::Metrics;
use lucarne::protocol::{Object, Read};
use lucarne::service::Service;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection};

use crate::common::database::{OwnDatabase, clean_up};

/// A database of its own; dropping it drops it on the server, whatever became of the test.
pub(crate) struct Database {
    own: OwnDatabase,
    pub(crate) name: String,
}

impl Database {
    /// Makes an empty one; `None` when no server answers, and none must.
    pub(crate) async fn new() -> Option<Self> {
        let how = "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci";
        let own = OwnDatabase::mysql(how).await?;
        let name = own.name.clone();
        Some(Self { own, name })
    }

    /// The URL by which the service reads it.
    pub(crate) fn url(&self) -> String {
        self.own.url()
    }

    /// The URL of another account.
    pub(crate) fn url_of(&self, login: &str) -> String {
        let host = self.address();
        format!("mysql://{login}@{host}/{}", self.name)
    }

    /// One text, past the service.
    pub(crate) async fn text(&self, sql: &'static str) -> String {
        let mut admin = self.admin().await;
        sqlx::query_scalar(sql).fetch_one(&mut admin).await.unwrap()
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> String {
        let (server, _) = self.own.server.rsplit_once('/').unwrap();
        server.rsplit_once('@').unwrap().1.to_owned()
    }

    /// The URL by another way to the server.
    pub(crate) fn url_at(&self, address: &str) -> String {
        self.url().replace(&self.address(), address)
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
        let mut admin = MySqlConnection::connect(&self.own.server).await.unwrap();
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
        let mut admin = MySqlConnection::connect(&self.own.server).await.unwrap();
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
        let name = &self.name;
        let users = format!("DROP USER IF EXISTS {name}@'127.0.0.1', {name}@'localhost'");
        clean_up(&self.own.server, users);
    }
}

const TOKEN: &str = "a-token-for-tests-alone";

/// The configuration of a service over a database, with further variables.
pub(crate) fn configured(url: &str, models: &str, more: &[(&str, &str)]) -> Config {
    let mut variables = vec![
        ("MCP_ENABLED", "true"),
        ("MCP_TOKEN", TOKEN),
        ("DATABASE_URL", url),
        ("MCP_ALLOWED_MODELS", models),
    ];
    variables.extend(more);
    config::load(
        variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    )
    .unwrap()
}

/// The database of a configuration.
pub(crate) fn database(config: &Config) -> Db {
    Db::new(&Options {
        url: config.data.database.clone().unwrap(),
        pool_size: config.pool.size,
        query_timeout: config.limits.query_timeout,
        pgbouncer: config.pool.pgbouncer,
        tenant: None,
        rows: None,
    })
    .unwrap()
}

/// A service whose answers are asked for without a transport.
#[derive(Clone)]
pub(crate) struct Asker(Arc<Service>);

impl Asker {
    /// A service over a database, its catalog read.
    pub(crate) async fn new(url: &str, models: &str) -> Self {
        Self::with(url, models, &[]).await
    }

    /// A service with further variables of the environment.
    pub(crate) async fn with(url: &str, models: &str, more: &[(&str, &str)]) -> Self {
        let _ = tracing_subscriber::fmt().with_test_writer().try_init();
        let config = configured(url, models, more);
        let opened = app::open(&config, Arc::new(Metrics::default())).await;
        let opened = opened.unwrap();
        assert!(opened.missing.is_empty(), "{:?}", opened.missing);
        Self(opened.service)
    }

    /// A service that follows what changes in its database.
    pub(crate) async fn live(url: &str, models: &str) -> Self {
        let config = configured(url, models, &[]);
        let opened = app::open(&config, Arc::new(Metrics::default())).await;
        let opened = opened.unwrap();
        let service = Arc::clone(&opened.service);
        let mut live = Live::new(&opened, None, config.into());
        tokio::spawn(async move {
            loop {
                let _ = live.next().await;
            }
        });
        Self(service)
    }

    /// The service itself.
    pub(crate) fn service(&self) -> &Service {
        &self.0
    }

    /// The answer's text from `"data":` on, or the error as `text (code)`.
    pub(crate) async fn ask(
        &self,
        action: &str,
        model: &str,
        params: &str,
    ) -> Result<String, String> {
        let params = Object::parse(params).unwrap();
        let read = Read {
            action,
            model: Some(model),
            tool: None,
            params: &params,
        };
        let caller = Caller::new(Credential::of(TOKEN), None, [127, 0, 0, 1].into(), "test");
        let answer = self.0.answer(&caller, &read, Vec::new()).await;
        match answer {
            Ok(answer) => Ok(String::from_utf8(answer.out).unwrap()),
            Err(error) => Err(format!("{} ({})", error.kind(), error.code())),
        }
    }

    /// The rows of a query.
    pub(crate) async fn rows(&self, model: &str, params: &str) -> Vec<serde_json::Value> {
        let answer = self.ask("query", model, params).await;
        let answer = answer.unwrap_or_else(|error| panic!("{params}: {error}"));
        let answer: serde_json::Value = serde_json::from_str(&format!("{{{answer}}}")).unwrap();
        answer["data"].as_array().unwrap().clone()
    }

    /// One field of the rows of a query, as text.
    pub(crate) async fn field(&self, model: &str, field: &str, params: &str) -> Vec<String> {
        let rows = self.rows(model, params).await;
        rows.iter().map(|row| row[field].to_string()).collect()
    }

    /// All rows, page by page and cursor by cursor, as their JSON.
    pub(crate) async fn walk(&self, model: &str, sort: &str, limit: usize) -> Vec<String> {
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let params = format!(r#"{{"limit":{limit},"sort":{sort}{cursor}}}"#);
            let answer = self.ask("query", model, &params).await.unwrap();
            let answer: serde_json::Value = serde_json::from_str(&format!("{{{answer}}}")).unwrap();
            let page = answer["data"].as_array().unwrap();
            rows.extend(page.iter().map(ToString::to_string));
            match answer["next_cursor"].as_str() {
                Some(next) => cursor = format!(r#","cursor":"{next}""#),
                None => return rows,
            }
        }
    }
}

/// The catalog of a configuration's whitelist.
pub(crate) async fn built(db: &Db, config: &Config) -> Built {
    let tables = db.tables(&config.data.models).await.unwrap();
    let tables = config.data.models.iter().zip(tables).collect();
    catalog::build(
        tables,
        &config.data.sensitive,
        catalog::Narrowing::default(),
    )
}

/// Tries again until it holds, for at most that long.
pub(crate) async fn eventually<F: Future<Output = bool>>(
    what: &str,
    patience: Duration,
    mut holds: impl FnMut() -> F,
) -> Duration {
    let started = Instant::now();
    while !holds().await {
        assert!(
            started.elapsed() < patience,
            "{what}: not within {patience:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    started.elapsed()
}
