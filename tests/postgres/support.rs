//! Databases that last as long as their test, and a service over them.

use std::sync::Arc;

use lucarne::app::{self, Live};
use lucarne::auth::{Caller, Credential};
use lucarne::catalog::{self, Built, Table};
use lucarne::config::{self, Config};
use lucarne::db::{Db, Failure, Options};
use lucarne::observe::Metrics;
use lucarne::protocol::{Object, Read};
use lucarne::service::Service;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::common::database::OwnDatabase;
pub(crate) use crate::common::database::clean_up;

const TOKEN: &str = "a-token-for-tests-alone";

/// A database of its own, dropped with this value whatever became of the test.
pub(crate) struct Database(OwnDatabase);

impl Database {
    /// Makes a database by a script; `None` where there is no server and none is required.
    pub(crate) async fn new(script: &str) -> Option<Self> {
        Self::made("", script).await
    }

    /// One that keeps text in another encoding.
    pub(crate) async fn encoded(encoding: &str, script: &str) -> Option<Self> {
        let how = format!("TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'");
        Self::made(&how, script).await
    }

    async fn made(how: &str, script: &str) -> Option<Self> {
        let database = Self(OwnDatabase::postgres(how).await?);
        database.execute(script).await;
        Some(database)
    }

    /// The URL of its server.
    pub(crate) fn server(&self) -> String {
        self.0.server.clone()
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// Its URL, by the role of the tests.
    pub(crate) fn url(&self) -> String {
        self.0.url()
    }

    /// Its URL by another role.
    pub(crate) fn url_as(&self, role: &str) -> String {
        let url = self.url();
        let (_, place) = url.split_once("://").expect("a URL");
        let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
        format!("postgres://{role}@{place}")
    }

    /// Where the server listens: host and port.
    pub(crate) fn address(&self) -> String {
        let (_, place) = self.0.server.split_once("://").expect("a URL");
        let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
        let place = place.split('/').next().unwrap_or_default();
        match place.contains(':') {
            true => place.to_owned(),
            false => format!("{place}:5432"),
        }
    }

    /// Its URL by another port of this machine.
    pub(crate) fn url_through(&self, port: u16) -> String {
        self.url()
            .replacen(&self.address(), &format!("127.0.0.1:{port}"), 1)
    }

    /// A connection of its own, past the service.
    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url()).await.unwrap()
    }

    /// Runs a script.
    pub(crate) async fn execute(&self, script: &str) {
        let mut connection = self.connect().await;
        let done = connection.execute(AssertSqlSafe(script.to_owned())).await;
        done.unwrap();
    }

    /// The texts of a query's first column, past the service.
    pub(crate) async fn column(&self, sql: &str) -> Vec<String> {
        let mut connection = self.connect().await;
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
            .fetch_all(&mut connection)
            .await
            .unwrap()
    }

    /// A service over some of its tables.
    pub(crate) async fn service(&self, models: &str) -> Asked {
        Asked::new(&self.url(), models, &[]).await
    }
}

/// Configures by variables.
pub(crate) fn configured(url: &str, models: &str, variables: &[(&str, &str)]) -> Config {
    let given = [
        ("MCP_ENABLED", "true"),
        ("MCP_TOKEN", TOKEN),
        ("DATABASE_URL", url),
        ("MCP_ALLOWED_MODELS", models),
        ("MCP_POOL_SIZE", "4"),
    ];
    let all = variables.iter().chain(&given);
    config::load(all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).unwrap()
}

/// The database of a configuration.
pub(crate) fn database(config: &Config) -> Db {
    Db::new(&options(config)).unwrap()
}

pub(crate) fn options(config: &Config) -> Options {
    Options {
        url: config.data.database.clone().unwrap(),
        pool_size: config.pool.size,
        query_timeout: config.limits.query_timeout,
        pgbouncer: config.pool.pgbouncer,
        tenant: None,
        rows: None,
    }
}

/// The whitelist of a configuration in a database.
pub(crate) async fn built(config: &Config, db: &Db) -> Result<Built, Failure> {
    let tables = db.tables(&config.data.models).await?;
    let named: Vec<_> = config.data.models.iter().zip(tables).collect();
    Ok(catalog::build(
        named,
        &config.data.sensitive,
        catalog::Narrowing::default(),
    ))
}

/// The table of one name.
pub(crate) async fn table(db: &Db, config: &Config, at: usize) -> Result<Table, String> {
    db.tables(&config.data.models)
        .await
        .unwrap()
        .swap_remove(at)
}

/// A service that is asked as a transport would.
pub(crate) struct Asked {
    service: Arc<Service>,
    pub(crate) db: Db,
    pub(crate) missing: Vec<String>,
}

impl Asked {
    pub(crate) async fn new(url: &str, models: &str, variables: &[(&str, &str)]) -> Self {
        let _ = tracing_subscriber::fmt().with_test_writer().try_init();
        let config = configured(url, models, variables);
        let opened = app::open(&config, Arc::new(Metrics::default())).await;
        let opened = opened.unwrap();
        Self {
            db: opened.service.db().unwrap().clone(),
            service: opened.service,
            missing: opened.missing.into_iter().map(|it| it.reason).collect(),
        }
    }

    /// A service that follows what changes in its database.
    pub(crate) async fn live(url: &str, models: &str) -> Self {
        let config = configured(url, models, &[]);
        let opened = app::open(&config, Arc::new(Metrics::default())).await;
        let opened = opened.unwrap();
        let live = Self {
            db: opened.service.db().unwrap().clone(),
            service: Arc::clone(&opened.service),
            missing: Vec::new(),
        };
        let mut owner = Live::new(&opened, None, config.into());
        tokio::spawn(async move {
            loop {
                let _ = owner.next().await;
            }
        });
        live
    }

    /// The answer as JSON, or `code: text` of the error.
    pub(crate) async fn ask(
        &self,
        action: &str,
        model: &str,
        params: &str,
    ) -> Result<String, String> {
        let params = Object::parse(params).expect("parameters are JSON");
        let token = Credential::of(TOKEN);
        let caller = Caller::new(token, None, [127, 0, 0, 1].into(), "test");
        let read = Read {
            action,
            model: Some(model),
            tool: None,
            params: &params,
        };
        match self.service.answer(&caller, &read, b"{".to_vec()).await {
            Ok(answer) => Ok(String::from_utf8(answer.out).unwrap() + "}"),
            Err(error) => Err(format!("{}: {error}", error.code())),
        }
    }

    /// The answer, parsed.
    pub(crate) async fn value(&self, action: &str, model: &str, params: &str) -> serde_json::Value {
        let answer = self.ask(action, model, params).await;
        let answer = answer.unwrap_or_else(|error| panic!("{action} {model} {params}: {error}"));
        serde_json::from_str(&answer).unwrap()
    }

    /// The values of one field over the rows of an answer, as JSON text.
    pub(crate) async fn values(&self, model: &str, params: &str, field: &str) -> Vec<String> {
        let answer = self.value("query", model, params).await;
        let rows = answer["data"].as_array().unwrap();
        rows.iter().map(|row| row[field].to_string()).collect()
    }
}

impl Clone for Asked {
    fn clone(&self) -> Self {
        Self {
            service: Arc::clone(&self.service),
            db: self.db.clone(),
            missing: self.missing.clone(),
        }
    }
}
