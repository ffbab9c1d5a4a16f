//! One database of several companies, in each engine, that lasts as long as its test.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, PgConnection};
use sqlx::{ConnectOptions as _, SqliteConnection};
use tempfile::TempDir;

/// Companies in the database.
pub(crate) const COMPANIES: i64 = 3;
/// Tickets; each belongs to the company `id % COMPANIES + 1`.
pub(crate) const TICKETS: i64 = 240;

/// A database, removed with this value whatever became of the test.
pub(crate) enum Data {
    Sqlite(TempDir),
    Postgres { server: String, name: String },
    MySql { server: String, name: String },
}

/// The company of a ticket.
pub(crate) fn company(ticket: i64) -> i64 {
    ticket % COMPANIES + 1
}

/// The tables, and rows that name their company, so that nobody's can be taken for another's. Each
/// ticket has a note of its company, and each company has one note on a ticket of another.
fn script() -> Vec<String> {
    let mut script = vec![
        "CREATE TABLE tickets (id INTEGER PRIMARY KEY, company_id INTEGER NOT NULL, \
            title VARCHAR(80) NOT NULL, amount INTEGER, secret_token VARCHAR(20))"
            .to_owned(),
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, ticket_id INTEGER, \
            company_id INTEGER NOT NULL, body VARCHAR(80), \
            FOREIGN KEY (ticket_id) REFERENCES tickets (id))"
            .to_owned(),
    ];
    let ticket = |id: i64| {
        let company = company(id);
        format!("({id}, {company}, 'ticket {id} of company-{company}', {id}, 'key-{company}')")
    };
    let tickets: Vec<String> = (1..=TICKETS).map(ticket).collect();
    script.push(format!("INSERT INTO tickets VALUES {}", tickets.join(", ")));
    let note = |id: i64| {
        let company = company(id);
        format!("({id}, {id}, {company}, 'note {id} of company-{company}')")
    };
    let mut notes: Vec<String> = (1..=TICKETS).map(note).collect();
    notes.extend((1..=COMPANIES).map(|company| {
        let (id, ticket) = (1_000 + company, company);
        format!("({id}, {ticket}, {company}, 'stray of company-{company}')")
    }));
    script.push(format!("INSERT INTO notes VALUES {}", notes.join(", ")));
    script
}

impl Data {
    /// A database of each engine that is there.
    pub(crate) async fn each() -> Vec<Self> {
        let all = [
            Some(Self::sqlite().await),
            Self::postgres().await,
            Self::mysql().await,
        ];
        all.into_iter().flatten().collect()
    }

    pub(crate) async fn sqlite() -> Self {
        let data = Self::Sqlite(tempfile::tempdir().unwrap());
        data.fill().await;
        data
    }

    pub(crate) async fn postgres() -> Option<Self> {
        let server = crate::common::server::<PgConnection>(
            "postgres",
            "LUCARNE_TEST_POSTGRES",
            "postgres://root@127.0.0.1:5432/postgres",
        )
        .await?;
        let name = name();
        let mut admin = PgConnection::connect(&server).await.unwrap();
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        admin.execute(create).await.unwrap();
        let data = Self::Postgres { server, name };
        data.fill().await;
        Some(data)
    }

    async fn mysql() -> Option<Self> {
        let server = crate::common::server::<MySqlConnection>(
            "mysql",
            "LUCARNE_TEST_MYSQL",
            "mysql://root@127.0.0.1:3306/mysql",
        )
        .await?;
        let name = name();
        let mut admin = MySqlConnection::connect(&server).await.unwrap();
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        admin.execute(create).await.unwrap();
        let data = Self::MySql { server, name };
        data.fill().await;
        Some(data)
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => {
                format!("sqlite:///{}", folder.path().join("shop.db").display())
            }
            Self::Postgres { server, name } | Self::MySql { server, name } => {
                let (start, _) = server.rsplit_once('/').unwrap();
                format!("{start}/{name}")
            }
        }
    }

    async fn fill(&self) {
        for statement in script() {
            self.execute(&statement).await;
        }
    }

    /// Runs a statement past the service.
    pub(crate) async fn execute(&self, statement: &str) {
        let statement = AssertSqlSafe(statement.to_owned());
        match self {
            Self::Sqlite(folder) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new()
                    .filename(folder.path().join("shop.db"))
                    .create_if_missing(true);
                let mut connection: SqliteConnection = options.connect().await.unwrap();
                connection.execute(statement).await.unwrap();
                connection.close().await.unwrap();
            }
            Self::Postgres { .. } => {
                let mut connection = PgConnection::connect(&self.url()).await.unwrap();
                connection.execute(statement).await.unwrap();
            }
            Self::MySql { .. } => {
                let mut connection = MySqlConnection::connect(&self.url()).await.unwrap();
                connection.execute(statement).await.unwrap();
            }
        }
    }
}

fn name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("lucarne_tenants_{}_{count}", std::process::id())
}

impl Drop for Data {
    fn drop(&mut self) {
        let (server, drop) = match self {
            Self::Sqlite(_) => return,
            Self::Postgres { server, name } => {
                (server.clone(), format!("DROP DATABASE {name} WITH (FORCE)"))
            }
            Self::MySql { server, name } => (server.clone(), format!("DROP DATABASE {name}")),
        };
        let postgres = matches!(self, Self::Postgres { .. });
        // A runtime of its own, for the test's may be on its way out.
        let removing = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            runtime.block_on(async {
                let drop = AssertSqlSafe(drop);
                if postgres {
                    let mut admin = PgConnection::connect(&server).await.unwrap();
                    let _ = admin.execute(drop).await;
                } else {
                    let mut admin = MySqlConnection::connect(&server).await.unwrap();
                    let _ = admin.execute(drop).await;
                }
            });
        });
        let _ = removing.join();
    }
}
