//! Stores that last as long as their test.

use std::path::PathBuf;

use lucarne::auth::Scope;
use lucarne::config::{self, Config};
use lucarne::store::{Keys, NewDatabase, NewTenant, NewToken, Store, StoreFault};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::common::database::OwnDatabase;

/// A key, and another.
pub(crate) const KEY: &str = "abababababababababababababababababababababababababababababababab";
pub(crate) const OTHER_KEY: &str =
    "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";
/// What a tenant's database is reached by; nothing answers there.
pub(crate) const URL: &str = "postgres://planted-user:planted-password@127.0.0.1:1/planted-name";

/// A place for a store, removed with this value whatever became of the test.
pub(crate) enum Place {
    File(TempDir),
    Database(OwnDatabase),
}

impl Place {
    /// A place of each engine; of one where there is no PostgreSQL and none is required.
    pub(crate) async fn each() -> Vec<Self> {
        let file = Self::file();
        [Some(file), Self::database().await]
            .into_iter()
            .flatten()
            .collect()
    }

    pub(crate) fn file() -> Self {
        Self::File(tempfile::tempdir().unwrap())
    }

    pub(crate) async fn database() -> Option<Self> {
        OwnDatabase::postgres("").await.map(Self::Database)
    }

    /// The file, of a place that is one.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::File(folder) => folder.path().join("store.db"),
            Self::Database { .. } => panic!("no file"),
        }
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::File(_) => format!("sqlite:///{}", self.path().display()),
            Self::Database(own) => own.url(),
        }
    }

    /// The configuration of a store here.
    pub(crate) fn config(&self, vars: &[(&str, &str)]) -> Config {
        let url = self.url();
        let given = [("MCP_STORE", url.as_str()), ("MCP_ENCRYPTION_KEY", KEY)];
        let all = vars.iter().chain(&given);
        config::load(all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).unwrap()
    }

    pub(crate) async fn store(&self) -> Store {
        self.open(&[]).await.unwrap()
    }

    pub(crate) async fn open(&self, vars: &[(&str, &str)]) -> Result<Store, StoreFault> {
        let config = self.config(vars);
        let keys = Keys::new(&config.store.keys);
        Store::open(
            config.store.url.as_ref().unwrap(),
            keys,
            config.data.database.as_ref(),
        )
        .await
    }

    /// The store with this key alone, or with none.
    pub(crate) async fn with_key(&self, key: &str) -> Result<Store, StoreFault> {
        let given = [
            ("MCP_STORE", self.url()),
            ("MCP_ENCRYPTION_KEY", key.to_owned()),
        ];
        let config = config::load(given.map(|(name, value)| (name.to_owned(), value))).unwrap();
        let keys = Keys::new(&config.store.keys);
        Store::open(config.store.url.as_ref().unwrap(), keys, None).await
    }

    /// Runs a statement past the store.
    /// Holds what a writer needs until it is dropped, as a change does that takes its time.
    pub(crate) async fn locked(&self) -> Box<dyn Send> {
        let url = self.url();
        match self {
            Self::File(_) => {
                let url = url.replacen("///", "", 1);
                let mut held = SqliteConnection::connect(&url).await.unwrap();
                held.execute("BEGIN IMMEDIATE").await.unwrap();
                Box::new(held)
            }
            Self::Database { .. } => {
                let mut held = PgConnection::connect(&url).await.unwrap();
                held.execute("BEGIN; UPDATE lucarne_revision SET revision = revision")
                    .await
                    .unwrap();
                Box::new(held)
            }
        }
    }

    pub(crate) async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        let url = self.url();
        match self {
            Self::File(_) => {
                let url = format!("{}?mode=rwc", url.replacen("///", "", 1));
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                connection.execute(sql).await.unwrap();
                connection.close().await.unwrap();
            }
            Self::Database { .. } => {
                let mut connection = PgConnection::connect(&url).await.unwrap();
                connection.execute(sql).await.unwrap();
            }
        }
    }

    /// The text of one value, past the store.
    pub(crate) async fn value(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::File(_) => {
                let url = self.url().replacen("///", "", 1);
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                sqlx::query_scalar(sql)
                    .fetch_one(&mut connection)
                    .await
                    .unwrap()
            }
            Self::Database { .. } => {
                let mut connection = PgConnection::connect(&self.url()).await.unwrap();
                sqlx::query_scalar(sql)
                    .fetch_one(&mut connection)
                    .await
                    .unwrap()
            }
        }
    }
}

pub(crate) fn tenant(name: &str) -> NewTenant {
    NewTenant {
        name: name.to_owned(),
        rows: vec!["tickets.company_id = 42".parse().unwrap()],
        ..NewTenant::default()
    }
}

pub(crate) fn database(name: &str) -> NewDatabase {
    NewDatabase {
        name: name.to_owned(),
        url: URL.into(),
        models: "users,tickets".to_owned(),
        hidden: "users.phone".to_owned(),
        reveal: String::new(),
        relations: String::new(),
        pgbouncer: false,
        row_security: false,
        guarded: false,
    }
}

pub(crate) fn token(name: &str) -> NewToken {
    NewToken {
        name: name.to_owned(),
        expires_at: None,
        models: None,
        tools: None,
        scopes: [Scope::Describe, Scope::Read]
            .map(|scope| scope.name().to_owned())
            .into(),
        attributes: Default::default(),
        rows: Vec::new(),
        limits: Default::default(),
    }
}
