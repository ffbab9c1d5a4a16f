//! A database made of a few statements, and a service over it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lucarne::app::{self, Live, OpenService};
use lucarne::auth::{Caller, Credential};
use lucarne::config::{self, Config};
use lucarne::error::Speech;
use lucarne::observe::Metrics;
use lucarne::policy::Policy;
use lucarne::protocol::{Read, Rejection, Request};
use lucarne::service::Service;
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection};

/// A service over a database of its own, or over a file that is there.
pub(crate) struct Served {
    service: Arc<Service>,
    opened: Option<OpenService>,
    caller: Caller,
    path: PathBuf,
    _folder: Option<tempfile::TempDir>,
}

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) error: String,
    pub(crate) code: String,
    pub(crate) hint: Option<String>,
}

const TOKEN: &str = "a-token-for-these-tests";

fn configured(url: &str, models: &str, variables: &[(&str, &str)]) -> Config {
    let own = [
        ("MCP_ENABLED", "true"),
        ("MCP_TOKEN", TOKEN),
        ("DATABASE_URL", url),
        ("MCP_ALLOWED_MODELS", models),
    ];
    // Of a variable that is given twice the first counts.
    let all = variables.iter().copied().chain(own);
    let all = all.map(|(name, value)| (name.to_owned(), value.to_owned()));
    config::load(all).unwrap()
}

impl Served {
    /// Makes a database by these statements and serves the models of it.
    pub(crate) async fn new(sql: &str, models: &str) -> Self {
        Self::with(sql, models, &[]).await
    }

    /// The same with further variables.
    pub(crate) async fn with(sql: &str, models: &str, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let mut connection = writer(&path).await;
        run(&mut connection, sql).await;
        connection.close().await.unwrap();
        let mut served = Self::over(&path, models, variables).await;
        served._folder = Some(folder);
        served
    }

    /// Makes a database and serves it by a service that follows what changes in it.
    pub(crate) async fn live(sql: &str, models: &str) -> Self {
        let mut served = Self::with(sql, models, &[]).await;
        let url = format!("sqlite:{}", served.path.display());
        let config = configured(&url, models, &[]);
        if let Some(opened) = served.opened.take() {
            let mut live = Live::new(&opened, None, Arc::new(config));
            tokio::spawn(async move {
                loop {
                    let _ = live.next().await;
                }
            });
        }
        served
    }

    /// Serves a file.
    pub(crate) async fn over(path: &Path, models: &str, variables: &[(&str, &str)]) -> Self {
        let mut served = Self::at(&format!("sqlite:{}", path.display()), models, variables).await;
        served.path = path.to_owned();
        served
    }

    /// Serves a database.
    pub(crate) async fn at(url: &str, models: &str, variables: &[(&str, &str)]) -> Self {
        let config = configured(url, models, variables);
        let opened = app::open(&config, Arc::new(Metrics::default()))
            .await
            .unwrap();
        let token = Credential::of(TOKEN);
        let caller = Caller::new(token, None, IpAddr::V4(Ipv4Addr::LOCALHOST), "test");
        Self {
            service: Arc::clone(&opened.service),
            opened: Some(opened),
            caller,
            path: PathBuf::new(),
            _folder: None,
        }
    }

    /// What `lucarne check` warns of.
    pub(crate) async fn weaknesses(&self) -> Vec<lucarne::advice::Advice> {
        self.opened.as_ref().unwrap().weaknesses().await
    }

    /// Changes the database behind the service's back.
    pub(crate) async fn write(&self, sql: &str) {
        let mut connection = writer(&self.path).await;
        run(&mut connection, sql).await;
        connection.close().await.unwrap();
    }

    /// The bytes of the file, and the names of all that lies beside it.
    pub(crate) fn file(&self) -> String {
        let beside = std::fs::read_dir(self.path.parent().unwrap()).unwrap();
        let mut names: Vec<_> = beside.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        format!("{names:?} {:?}", std::fs::read(&self.path).unwrap())
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A session of one's own, to look at the database directly.
    pub(crate) async fn connection(&self) -> SqliteConnection {
        writer(&self.path).await
    }

    /// How many statements were run so far.
    pub(crate) fn statements(&self) -> u64 {
        self.service.db().unwrap().usage().statements
    }

    /// The policy in force.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        self.service.policy()
    }

    /// The answer to a message, as it would be sent.
    pub(crate) async fn raw(&self, message: &str) -> String {
        let (id, result) = match Request::parse(message) {
            Ok(request) => {
                let read = Read {
                    action: &request.action,
                    model: request.model.as_deref(),
                    tool: request.tool.as_deref(),
                    params: &request.params,
                };
                let id = request.id.map_or("null", |id| id.get());
                let begun = format!("{{\"id\":{id},\"status\":\"ok\",").into_bytes();
                let result = self.service.answer(&self.caller, &read, begun).await;
                (id, result)
            }
            Err(Rejection { id, error }) => (id.map_or("null", |id| id.get()), Err(error)),
        };
        match result {
            Ok(answer) => String::from_utf8(answer.out).unwrap() + "}",
            Err(error) => {
                let mut answer = serde_json::json!({
                    "status": "error", "error": error.to_string(), "code": error.code()
                });
                if let Some(hint) = error.hint(Speech::Native) {
                    answer["hint"] = hint.into();
                }
                let members = answer.to_string();
                format!("{{\"id\":{id},{}", &members[1..])
            }
        }
    }

    /// The answer to an action, without `id` and `status`.
    pub(crate) async fn ask(
        &self,
        action: &str,
        model: &str,
        params: &str,
    ) -> Result<Value, Refusal> {
        let message = format!(
            r#"{{"id":1,"action":{},"model":{},"params":{params}}}"#,
            Value::from(action),
            Value::from(model)
        );
        let text = self.raw(&message).await;
        let mut answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
        let members = answer.as_object_mut().unwrap();
        assert_eq!(members.remove("id"), Some(1.into()));
        let status = members.remove("status").unwrap();
        if status == "ok" {
            return Ok(answer);
        }
        assert_eq!(status, "error");
        let text = |name: &str| {
            answer
                .get(name)
                .map(|text| text.as_str().unwrap().to_owned())
        };
        Err(Refusal {
            error: text("error").unwrap(),
            code: text("code").unwrap(),
            hint: text("hint"),
        })
    }

    /// The answer to a query that must succeed.
    pub(crate) async fn query(&self, model: &str, params: &str) -> Value {
        match self.ask("query", model, params).await {
            Ok(answer) => answer,
            Err(refusal) => panic!("{params}: {refusal:?}"),
        }
    }

    /// One member of each row of a query.
    pub(crate) async fn column(&self, model: &str, params: &str, name: &str) -> Vec<Value> {
        let answer = self.query(model, params).await;
        let rows = answer["data"].as_array().unwrap();
        rows.iter().map(|row| row[name].clone()).collect()
    }

    /// The `id`s of the rows that a filter finds.
    pub(crate) async fn ids(&self, model: &str, filters: &str) -> Vec<i64> {
        let params = format!(r#"{{"filters":{filters},"fields":["id"],"limit":100}}"#);
        let ids = self.column(model, &params, "id").await;
        ids.iter().map(|id| id.as_i64().unwrap()).collect()
    }

    /// The refusal of a request that must be refused.
    pub(crate) async fn refusal(&self, action: &str, model: &str, params: &str) -> Refusal {
        match self.ask(action, model, params).await {
            Ok(answer) => panic!("{action} {model} {params}: {answer}"),
            Err(refusal) => refusal,
        }
    }

    /// All rows by cursor, and how many pages they came in.
    pub(crate) async fn walk(&self, action: &str, model: &str, params: &str) -> Vec<Vec<Value>> {
        let mut pages = Vec::new();
        let mut asked: Value = serde_json::from_str(params).unwrap();
        loop {
            let answer = self.ask(action, model, &asked.to_string()).await;
            let answer = answer.unwrap_or_else(|refusal| panic!("{asked}: {refusal:?}"));
            pages.push(answer["data"].as_array().unwrap().clone());
            assert_eq!(
                answer["has_more"].as_bool().unwrap(),
                answer.get("next_cursor").is_some(),
                "{answer}"
            );
            assert!(pages.len() < 10_000, "the walk does not end: {asked}");
            match answer.get("next_cursor") {
                Some(cursor) => asked["cursor"] = cursor.clone(),
                None => return pages,
            }
        }
    }
}

async fn writer(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .foreign_keys(false)
        .connect()
        .await
        .unwrap()
}

async fn run(connection: &mut SqliteConnection, sql: &str) {
    sqlx::query(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .unwrap();
}
