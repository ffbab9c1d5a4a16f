//! A service over each engine, with the same tables and the same tools.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use lucarne::app::{self, Live, OpenService};
use lucarne::auth::{Caller, Credential};
use lucarne::config::{self, Config, Faults};
use lucarne::observe::Metrics;
use lucarne::protocol::{Read, Rejection, Request};
use lucarne::sample;
use lucarne::service::Service;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, PgConnection};
use sqlx::{ConnectOptions as _, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use crate::common::database::OwnDatabase;

const TOKEN: &str = "a-token-for-these-tests";

/// A database of one engine, which is gone with it.
pub(crate) struct Database {
    pub(crate) engine: &'static str,
    pub(crate) url: String,
    _own: Option<OwnDatabase>,
    folder: TempDir,
}

/// Tables of tickets and users, in the words of an engine.
fn script(engine: &str) -> Vec<String> {
    let (text, moment, json, double) = match engine {
        "sqlite" => ("TEXT", "DATETIME", "JSON", "REAL"),
        "postgres" => ("text", "timestamptz", "jsonb", "float8"),
        _ => ("VARCHAR(200)", "DATETIME", "JSON", "DOUBLE"),
    };
    let at = |day: u32| match engine {
        "sqlite" => format!("'2026-01-{day:02}T10:00:00Z'"),
        _ => format!("'2026-01-{day:02} 10:00:00'"),
    };
    let users = [
        ("ana", "ana@example.com"),
        ("ben", "ben@example.com"),
        ("cem", "cem@example.com"),
    ];
    let users = users.iter().enumerate().map(|(index, (name, mail))| {
        format!(
            "({}, '{name}', '{mail}', 'hash-{name}', {})",
            index + 1,
            index % 2 + 1
        )
    });
    let tickets = (1..=24_u32).map(|id| {
        let status = ["open", "pending", "closed"][id as usize % 3];
        let due = if id % 4 == 0 {
            "NULL".to_owned()
        } else {
            format!("{id}.25")
        };
        let done = ["TRUE", "FALSE"][id as usize % 2];
        format!(
            "({id}, 'ticket {id}', '{status}', {}, {}, {due}, {done}, {}, \
             '{{\"note\": \"n{id}\", \"api_key\": \"k\"}}', 'note-{id}')",
            id % 3 + 1,
            at(id),
            f64::from(id) / 4.0,
        )
    });
    vec![
        format!(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name {text} NOT NULL, email {text}, \
             password_hash {text}, company_id INTEGER)"
        ),
        format!(
            "CREATE TABLE tickets (id INTEGER PRIMARY KEY, title {text}, status {text}, \
             user_id INTEGER REFERENCES users (id), created_at {moment}, amount NUMERIC(10, 2), \
             done BOOLEAN, ratio {double}, doc {json}, secret_note {text})"
        ),
        format!("CREATE TABLE unlisted (id INTEGER PRIMARY KEY, word {text})"),
        "CREATE INDEX tickets_user ON tickets (user_id)".to_owned(),
        format!(
            "INSERT INTO users VALUES {}",
            users.collect::<Vec<_>>().join(", ")
        ),
        format!(
            "INSERT INTO tickets VALUES {}",
            tickets.collect::<Vec<_>>().join(", ")
        ),
        "INSERT INTO unlisted VALUES (1, 'unlisted-word')".to_owned(),
    ]
}

/// A database of each engine that answers, with the tables of these tests.
pub(crate) async fn databases() -> Vec<Database> {
    let databases = empty().await;
    for database in &databases {
        for statement in script(database.engine) {
            database.run(&statement).await;
        }
    }
    databases
}

/// The sample in each engine that answers.
pub(crate) async fn samples() -> Vec<Database> {
    let databases = empty().await;
    for database in &databases {
        let made = match database.url.strip_prefix("sqlite:") {
            Some(path) => sample::create_sqlite(path.as_ref()).await,
            None => sample::load(&database.url).await,
        };
        made.unwrap();
    }
    databases
}

/// A database of each engine that answers, with nothing in it.
async fn empty() -> Vec<Database> {
    let folder = tempfile::tempdir().unwrap();
    let mut databases = vec![Database {
        engine: "sqlite",
        url: format!("sqlite:{}", folder.path().join("test.db").display()),
        _own: None,
        folder,
    }];
    databases.extend(
        OwnDatabase::postgres("")
            .await
            .map(|own| Database::at("postgres", own)),
    );
    let own = OwnDatabase::mysql("CHARACTER SET utf8mb4").await;
    databases.extend(own.map(|own| Database::at("mysql", own)));
    databases
}

impl Database {
    /// One on a server.
    fn at(engine: &'static str, own: OwnDatabase) -> Self {
        Self {
            engine,
            url: own.url(),
            _own: Some(own),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Runs a statement, which may write.
    pub(crate) async fn run(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.engine {
            "sqlite" => {
                let path = self.url.strip_prefix("sqlite:").unwrap();
                let options = SqliteConnectOptions::new();
                let options = options.filename(path).create_if_missing(true);
                let mut connection = options.connect().await.unwrap();
                connection.execute(sql).await.unwrap();
                connection.close().await.unwrap();
            }
            "postgres" => {
                let mut connection = PgConnection::connect(&self.url).await.unwrap();
                connection.execute(sql).await.unwrap();
            }
            _ => {
                let mut connection = MySqlConnection::connect(&self.url).await.unwrap();
                connection.execute(sql).await.unwrap();
            }
        }
    }

    /// Its configuration, with these tools.
    pub(crate) fn configured(&self, tools: &str, variables: &[(&str, &str)]) -> Config {
        let path = self.folder.path().join("tools.toml");
        std::fs::write(&path, tools).unwrap();
        let path = path.display().to_string();
        let own = [
            ("MCP_ENABLED", "true"),
            ("MCP_TOKEN", TOKEN),
            ("DATABASE_URL", &*self.url),
            ("MCP_ALLOWED_MODELS", "tickets,users"),
            ("MCP_TOOLS_FILE", &*path),
        ];
        let given = |name| variables.iter().any(|(given, _)| *given == name);
        let own = own.into_iter().filter(|(name, _)| !given(*name));
        let all = variables.iter().copied().chain(own);
        let all = all.map(|(name, value)| (name.to_owned(), value.to_owned()));
        config::load(all).unwrap()
    }

    /// A service with these tools.
    pub(crate) async fn serve(&self, tools: &str) -> Served {
        self.serve_with(tools, &[])
            .await
            .unwrap_or_else(|faults| panic!("{}: {faults}", self.engine))
    }

    /// The same with further variables, or what is wrong with the tools.
    pub(crate) async fn serve_with(
        &self,
        tools: &str,
        variables: &[(&str, &str)],
    ) -> Result<Served, Faults> {
        let (opened, _) = self.opened(tools, variables).await?;
        Ok(Served::by(&opened))
    }

    /// The same, which reads a changed database again.
    pub(crate) async fn live(&self, tools: &str) -> Served {
        let (opened, config) = self.opened(tools, &[]).await.unwrap();
        let mut live = Live::new(&opened, None, config.into());
        tokio::spawn(async move {
            loop {
                let _ = live.next().await;
            }
        });
        Served::by(&opened)
    }

    async fn opened(
        &self,
        tools: &str,
        variables: &[(&str, &str)],
    ) -> Result<(OpenService, Config), Faults> {
        let config = self.configured(tools, variables);
        let opened = app::open(&config, Arc::new(Metrics::default()))
            .await
            .unwrap();
        app::give_tools(&opened, &config).await?;
        Ok((opened, config))
    }
}

/// A service that is asked as a transport would.
pub(crate) struct Served {
    pub(crate) service: Arc<Service>,
    caller: Caller,
}

impl Served {
    fn by(opened: &OpenService) -> Self {
        let token = Credential::of(TOKEN);
        Self {
            service: Arc::clone(&opened.service),
            caller: Caller::new(token, None, IpAddr::V4(Ipv4Addr::LOCALHOST), "test"),
        }
    }

    /// The answer to a message.
    pub(crate) async fn raw(&self, message: &str) -> Value {
        let answered = match Request::parse(message) {
            Ok(request) => {
                let read = Read {
                    action: &request.action,
                    model: request.model.as_deref(),
                    tool: request.tool.as_deref(),
                    params: &request.params,
                };
                self.service
                    .answer(&self.caller, &read, b"{".to_vec())
                    .await
            }
            Err(Rejection { error, .. }) => Err(error),
        };
        match answered {
            Ok(answer) => {
                let text = String::from_utf8(answer.out).unwrap() + "}";
                serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
            }
            Err(error) => json!({ "error": error.to_string(), "code": error.code() }),
        }
    }

    /// The answer to a call.
    pub(crate) async fn call(&self, tool: &str, params: Value) -> Value {
        let message = json!({ "action": "call", "tool": tool, "params": params });
        self.raw(&message.to_string()).await
    }
}
