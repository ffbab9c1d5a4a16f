//! The database: the one place with an effect on it, and the only one that sees the driver.
//!
//! Each engine has a file with the same items in the same order. A statement is a SELECT built by
//! `sql`, run by the extended protocol with its values bound, on a session that reads only. What a
//! driver says is kept in a [`Failure`] for the log and never reaches a client.

mod batch;
mod causes;
mod definition;
mod failure;
mod gate;
mod mysql;
mod pool;
mod postgres;
mod shared;
mod sqlite;
mod start;
pub mod tool;

pub use causes::CAUSES;
pub(crate) use definition::Checked;
pub use failure::{Failure, FailureKind};
pub(crate) use pool::Usage;
pub(crate) use shared::Shared;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use sea_query::Values;
use sea_query_sqlx::SqlxValues;
use sqlx::database::HasStatementCache;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Database, Executor, IntoArguments};

use crate::advice::Advice;
use crate::catalog::{Catalog, Hidden, Table, TableName};
use crate::config::{DatabaseUrl, Engine, ModelName};
use crate::encode::{Row, Rows};
use crate::limit::{Part, Share};
use crate::sql::lookup::{Id, Lookup};
use crate::sql::{Dialect, Statement};

/// How the database is reached and held.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it is.
    pub url: DatabaseUrl,
    /// Sessions at the most.
    pub pool_size: usize,
    /// What a statement may take.
    pub query_timeout: Duration,
    /// Whether a transaction pooler stands in front of it.
    pub pgbouncer: bool,
    /// The tenant whose database it is: its sessions are named `lucarne/tenant`.
    pub tenant: Option<String>,
    /// What rows on their way from the database may take; `None` where no client asks.
    pub rows: Option<Share>,
}

/// Whom a statement is for, as the row security of a database may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whom {
    /// The tenant's name: `current_setting('lucarne.tenant')`.
    pub tenant: String,
    /// The token's name: `current_setting('lucarne.token')`.
    pub token: String,
}

/// A database of any engine.
#[derive(Debug, Clone)]
pub enum Db {
    /// An SQLite file.
    Sqlite(Arc<sqlite::Sqlite>),
    /// A PostgreSQL server.
    Postgres(Arc<postgres::Postgres>),
    /// A MariaDB or MySQL server.
    MySql(Arc<mysql::MySql>),
}

impl Db {
    /// Prepares to read a database, without asking it anything yet.
    ///
    /// # Errors
    /// When the address itself cannot be right: an SQLite file that is not there, a malformed URL.
    pub fn new(options: &Options) -> Result<Self, Advice> {
        match &options.url {
            DatabaseUrl::Sqlite(file) => {
                sqlite::Sqlite::new(file, options).map(|db| Self::Sqlite(Arc::new(db)))
            }
            DatabaseUrl::Server(server) if server.engine == Engine::MySql => {
                mysql::MySql::new(server, options).map(|db| Self::MySql(Arc::new(db)))
            }
            DatabaseUrl::Server(server) => {
                postgres::Postgres::new(server, options).map(|db| Self::Postgres(Arc::new(db)))
            }
        }
    }

    /// Whose SQL it reads.
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
            Self::MySql(_) => Dialect::MySql,
        }
    }

    /// How its sessions are used.
    pub fn usage(&self) -> Usage {
        match self {
            Self::Sqlite(db) => db.usage(),
            Self::Postgres(db) => db.usage(),
            Self::MySql(db) => db.usage(),
        }
    }

    /// The same database, told with each transaction whom it is for; only PostgreSQL can be.
    ///
    /// Sessions are shared, and what waits for them is not: no statement is for two callers.
    pub fn for_whom(&self, whom: Arc<Whom>) -> Self {
        match self {
            Self::Postgres(db) => Self::Postgres(Arc::new(db.for_whom(whom))),
            other => other.clone(),
        }
    }

    /// Closes the sessions that are at rest; the next statement opens one again.
    pub fn rest(&self) {
        match self {
            Self::Sqlite(db) => db.rest(),
            Self::Postgres(db) => db.rest(),
            Self::MySql(db) => db.rest(),
        }
    }

    /// Asks for any answer at all.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ping(&self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(db) => db.ping().await,
            Self::Postgres(db) => db.ping().await,
            Self::MySql(db) => db.ping().await,
        }
    }

    /// Reads the tables of the whitelist, in its order, each or the reason why it is not served.
    ///
    /// # Errors
    /// When the database does not answer, or not as its engine should.
    pub async fn tables(&self, names: &[ModelName]) -> Result<Vec<Result<Table, String>>, Failure> {
        match self {
            Self::Sqlite(db) => db.tables(names).await,
            Self::Postgres(db) => db.tables(names).await,
            Self::MySql(db) => db.tables(names).await,
        }
    }

    /// Whether a table is known to be defined so, without asking: in that edition of the schema,
    /// where the engine numbers them.
    pub fn is_known_as(
        &self,
        table: &TableName,
        definition: u64,
        edition: Option<i64>,
        checked: Checked,
    ) -> bool {
        match self {
            Self::Sqlite(db) => {
                edition.is_some_and(|edition| db.is_known_as(table, definition, edition))
            }
            // What its statements expect of types fails where it does not hold.
            Self::Postgres(db) => db.is_known_as(table, definition),
            Self::MySql(db) => checked == Checked::Lately && db.is_known_as(table, definition),
        }
    }

    /// Whether a table is still defined as it was when this was read, by asking. Definitions only go
    /// on, so what was answered before this was asked was answered by that one.
    ///
    /// # Errors
    /// As [`Db::fetch`].
    pub async fn is_defined_as(&self, table: &TableName, definition: u64) -> Result<bool, Failure> {
        match self {
            Self::Sqlite(db) => Ok(db.definition(table).await? == Some(definition)),
            Self::Postgres(db) => db.is_defined_as(table, definition).await,
            Self::MySql(db) => db.is_defined_as(table, definition).await,
        }
    }

    /// The names of all tables and views that a whitelist could hold, for the operator.
    ///
    /// # Errors
    /// As [`Db::tables`].
    pub async fn names(&self) -> Result<Vec<String>, Failure> {
        match self {
            Self::Sqlite(db) => db.names().await,
            Self::Postgres(db) => db.names().await,
            Self::MySql(db) => db.names().await,
        }
    }

    /// Whether it holds a store, or a copy of one, that its role may see.
    ///
    /// # Errors
    /// As [`Db::tables`].
    pub(crate) async fn holds_a_store(&self) -> Result<bool, Failure> {
        const TABLE: &str = "lucarne_revision";
        let names = self.names().await?;
        // Other databases of a MySQL server are told with their name in front.
        let other = |name: &String| name.strip_suffix(TABLE).is_some_and(|it| it.ends_with('.'));
        let schemas = self.dialect() == Dialect::Postgres;
        Ok(names
            .iter()
            .any(|name| name == TABLE || (schemas && other(name))))
    }

    /// Sets memory aside, of that of rows, for so many bytes of them that are put together; it is waited
    /// for until that moment.
    ///
    /// # Errors
    /// `Overloaded` when none comes free in time.
    pub(crate) async fn set_aside(
        &self,
        bytes: usize,
        until: Instant,
    ) -> Result<Option<Part>, Failure> {
        match self {
            Self::Sqlite(db) => db.set_aside(bytes, until).await,
            Self::Postgres(db) => db.set_aside(bytes, until).await,
            Self::MySql(db) => db.set_aside(bytes, until).await,
        }
    }

    /// Runs a statement and writes its rows, until that moment and no longer than a statement may
    /// take.
    ///
    /// Dropping the future stops the work in the database.
    ///
    /// # Errors
    /// Everything that can go wrong below, each with its kind.
    pub async fn fetch(
        &self,
        statement: &Statement,
        rows: Rows,
        until: Instant,
    ) -> Result<Rows, Failure> {
        match self {
            Self::Sqlite(db) => db.fetch(statement, rows, until).await,
            Self::Postgres(db) => db.fetch(statement, rows, until).await,
            Self::MySql(db) => db.fetch(statement, rows, until).await,
        }
    }

    /// Reads the record of an id, and writes it where there is one.
    ///
    /// Requests for the same lookup that wait at the same time share one statement. Dropping the
    /// future gives up the place in it.
    ///
    /// # Errors
    /// As [`Db::fetch`].
    pub async fn lookup(&self, lookup: Arc<Lookup>, id: Id, rows: Rows) -> Result<Rows, Failure> {
        Ok(match self {
            Self::Sqlite(db) => db.lookup(&lookup, id, rows).await?,
            Self::Postgres(db) => batch::ask(db, lookup, id, rows).await?,
            Self::MySql(db) => batch::ask(db, lookup, id, rows).await?,
        })
    }

    /// The rows that the engine's planner expects of a statement, where it can say.
    ///
    /// # Errors
    /// As [`Db::fetch`].
    pub async fn estimate(
        &self,
        statement: &Statement,
        until: Instant,
    ) -> Result<Option<u64>, Failure> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(db) => db.estimate(statement, until).await,
            Self::MySql(db) => db.estimate(statement, until).await,
        }
    }

    /// What the role that reads could do beyond reading what is served.
    ///
    /// `hidden` are the columns that a rule leaves out of the catalog.
    ///
    /// # Errors
    /// As [`Db::tables`].
    pub async fn weaknesses(
        &self,
        catalog: &Catalog,
        hidden: &[Hidden],
    ) -> Result<Vec<Advice>, Failure> {
        match self {
            // A file has no roles, and its sessions cannot write.
            Self::Sqlite(_) => Ok(Vec::new()),
            Self::Postgres(db) => db.weaknesses(catalog, hidden).await,
            Self::MySql(db) => db.weaknesses(catalog, hidden).await,
        }
    }

    /// The SQL that makes a role for just what is served: for the operator to read and run, never
    /// run here. `None` where the engine has no roles.
    pub fn setup_sql(&self, catalog: &Catalog) -> Option<String> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(db) => Some(db.setup_sql(catalog)),
            Self::MySql(db) => Some(db.setup_sql(catalog)),
        }
    }

    /// Says why the database could not be used at start, and what to do about it.
    ///
    /// `None` when it may come by itself: a server that does not answer yet.
    pub fn start_fault(&self, failure: &Failure) -> Option<Advice> {
        match self {
            Self::Sqlite(db) => db.start_fault(failure),
            Self::Postgres(db) => db.start_fault(failure),
            Self::MySql(db) => db.start_fault(failure),
        }
    }
}

/// Runs one statement on one session and hands on its rows, for as long as they are wanted.
///
/// The rows are read to their end even when no more are wanted: there is a LIMIT, and a session
/// that is given back must be at rest.
async fn stream<DB>(
    connection: &mut DB::Connection,
    statement: Statement,
    persistent: bool,
    mut take: impl FnMut(&DB::Row) -> Result<ControlFlow<()>, Failure> + Send,
) -> Result<(), Failure>
where
    DB: Database + HasStatementCache,
    DB::Row: Row,
    SqlxValues: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let query = bound(statement.text, statement.values);
    let mut fetched = query.persistent(persistent).fetch(connection);
    let mut wanted = true;
    while let Some(row) = fetched.try_next().await.map_err(Failure::from_driver)? {
        if wanted {
            wanted = take(&row)?.is_continue();
        }
    }
    Ok(())
}

/// The query of a statement that sea-query wrote, with its values bound.
fn bound<DB>(text: impl Into<Arc<str>>, values: Values) -> Query<'static, DB, SqlxValues>
where
    DB: Database,
    SqlxValues: IntoArguments<DB>,
{
    sqlx::query_with(asserted(text.into()), SqlxValues(values))
}

/// A text that may be run.
fn asserted(text: Arc<str>) -> AssertSqlSafe<Arc<str>> {
    // Safe, for sea-query wrote it from the catalog's names, and what the operator wrote of a tool
    // was judged token by token. This is the only place where a statement that is not a constant
    // becomes a query.
    AssertSqlSafe(text)
}
