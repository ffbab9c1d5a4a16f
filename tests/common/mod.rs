//! What the tests of the engines share.
#![expect(
    clippy::unwrap_used,
    reason = "clippy knows test functions, not the functions they call"
)]

pub(crate) mod mysql;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use lucarne::auth::{Caller, Tokens};
use lucarne::catalog::{self, Built};
use lucarne::config::{self, Config};
use lucarne::db::{Db, Options};
use lucarne::observe::Metrics;
use lucarne::plan::{CursorKey, Limits};
use lucarne::protocol::Object;
use lucarne::service::{Policy, Read, Service, Serving};

/// Says that a server is not there, or fails where it must be.
pub(crate) fn absent(engine: &str, variable: &str, reason: &str) {
    let required = std::env::var("LUCARNE_TEST_REQUIRE").unwrap_or_default();
    assert!(
        !required.split(',').any(|name| name.trim() == engine),
        "{engine} is required and does not answer: {reason}"
    );
    // Not by eprintln!, which the test runner keeps to itself when a test passes.
    let note = format!("SKIPPED: no {engine} for this test ({reason}); set {variable}\n");
    std::io::stderr().write_all(note.as_bytes()).unwrap();
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
        url: config.database.clone().unwrap(),
        pool_size: config.pool_size,
        query_timeout: config.query_timeout,
        pgbouncer: config.pgbouncer,
    })
    .unwrap()
}

/// A service whose answers are asked for without a transport.
pub(crate) struct Asker {
    service: Service,
    caller: Caller,
}

impl Asker {
    /// A service over a database, its catalog read.
    pub(crate) async fn new(url: &str, models: &str) -> Self {
        Self::with(url, models, &[]).await
    }

    /// A service with further variables of the environment.
    pub(crate) async fn with(url: &str, models: &str, more: &[(&str, &str)]) -> Self {
        let config = configured(url, models, more);
        let db = database(&config);
        let built = built(&db, &config).await;
        assert!(built.missing.is_empty(), "{:?}", built.missing);
        let policy = Policy {
            serving: Serving::Catalog(built.catalog),
            read_only: true,
            limits: Limits {
                default_limit: config.default_limit,
                max_limit: config.max_limit,
                scan_limit: config.scan_limit,
            },
            cursors: CursorKey::random().unwrap(),
            sensitive: config.sensitive,
            numbers: config.numbers,
            max_response_bytes: config.max_response_bytes,
            query_timeout: config.query_timeout,
        };
        let tokens = Tokens::new(&config.tokens);
        let caller = Caller {
            token: tokens.check(TOKEN).unwrap(),
            address: [127, 0, 0, 1].into(),
            transport: "test",
        };
        let service = Service::new(policy, Some(db), Arc::new(Metrics::default()));
        Self { service, caller }
    }

    /// The service itself.
    pub(crate) fn service(&self) -> &Service {
        &self.service
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
            params: &params,
        };
        let answer = self.service.answer(&self.caller, &read, Vec::new()).await;
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
    let tables = db.tables(&config.models).await.unwrap();
    let tables = config.models.iter().zip(tables).collect();
    catalog::build(tables, &config.sensitive)
}

/// Tries again until it holds, for at most that long.
pub(crate) async fn eventually<F: Future<Output = bool>>(
    what: &str,
    patience: Duration,
    mut holds: impl FnMut() -> F,
) -> Duration {
    let started = std::time::Instant::now();
    while !holds().await {
        assert!(
            started.elapsed() < patience,
            "{what}: not within {patience:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    started.elapsed()
}
