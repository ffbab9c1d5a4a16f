//! One database of several companies, in each engine, that lasts as long as its test.

use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, SqliteConnection};
use tempfile::TempDir;

use crate::common::database::OwnDatabase;

/// Companies in the database.
pub(crate) const COMPANIES: i64 = 3;
/// Tickets; each belongs to the company `id % COMPANIES + 1`.
pub(crate) const TICKETS: i64 = 240;

/// A database, removed with this value whatever became of the test.
pub(crate) enum Data {
    Sqlite(TempDir),
    Postgres(OwnDatabase),
    MySql(OwnDatabase),
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
        let data = Self::Postgres(OwnDatabase::postgres("").await?);
        data.fill().await;
        Some(data)
    }

    async fn mysql() -> Option<Self> {
        let data = Self::MySql(OwnDatabase::mysql("").await?);
        data.fill().await;
        Some(data)
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => {
                format!("sqlite:///{}", folder.path().join("shop.db").display())
            }
            Self::Postgres(own) | Self::MySql(own) => own.url(),
        }
    }

    async fn fill(&self) {
        for statement in script() {
            self.execute(&statement).await;
        }
    }

    /// Runs a statement past the service.
    pub(crate) async fn execute(&self, statement: &str) {
        match self {
            Self::Sqlite(folder) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new()
                    .filename(folder.path().join("shop.db"))
                    .create_if_missing(true);
                let mut connection: SqliteConnection = options.connect().await.unwrap();
                let statement = AssertSqlSafe(statement.to_owned());
                connection.execute(statement).await.unwrap();
                connection.close().await.unwrap();
            }
            Self::Postgres(own) | Self::MySql(own) => own.run(statement).await,
        }
    }
}
