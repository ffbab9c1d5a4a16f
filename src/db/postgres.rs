//! PostgreSQL: a server, read through sessions that read only.
//!
//! A session begins with `default_transaction_read_only` and `statement_timeout` as start-up
//! options, and the server is asked at once whether they hold; a session without them is not used.
//! A SELECT that is built here cannot leave a read-only transaction, and nothing else is sent. Names
//! are looked for in the system's catalog alone, so it calls no function and no operator of others.
//! Only a function could change the session's default for the statements after it. Views, policies
//! and other servers' tables run such, and so does planning, for what the owner of a table made of
//! it (`code`): these are read in `BEGIN READ ONLY` and rolled back. Around every read of a table that would cost two round trips for nothing (0.05 ms instead of 0.02, and half
//! of the throughput). Behind a transaction pooler (`MCP_PGBOUNCER`) sessions are not ours to set
//! up, and each statement has that transaction, with the timeout in it. The real wall is a role
//! that may only read; `role` tells what else it could do.
//!
//! For the row security of a database, each transaction can be told whom it is for
//! ([`Whom`]), by settings that end with it.
//!
//! A statement that nobody waits for any more ends with its session: the connection is closed, and
//! the server looks for that while it works (`client_connection_check_interval`, since 14).

mod catalog;
mod code;
mod columns;
mod definition;
mod parts;
mod plan;
mod relations;
mod role;
mod session;
mod start;
mod strangers;
mod tool;
mod work;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Connection as _, Row as _, ValueRef as _};

use self::session::{Reader, Sessions};
use self::work::Work;
use super::batch::{self, Backlog, Batch, Gather};
use super::definition::Definitions;
use super::pool::{Lease, Pool, Purpose, Usage};
use super::{Failure, FailureKind, Options, Whom};
use crate::advice::Advice;
use crate::catalog::{Catalog, Hidden, Table, TableName};
use crate::config::{ModelName, ServerUrl};
use crate::encode::{Datum, Row, Rows, Undecodable};
use crate::limit::Part;
use crate::sql::Statement;

/// What a statement may take beyond its time in the database before it counts as lost on the way.
const GRACE: Duration = Duration::from_millis(500);
/// What keeps a transaction from writing, and from leaving that, whatever runs in it.
const READ_ONLY: &str = "BEGIN READ ONLY";

/// A PostgreSQL server, and whom its statements are for.
#[derive(Debug)]
pub struct Postgres {
    server: Arc<Server>,
    /// What is asked for the same caller waits here.
    waiting: Backlog,
    whom: Option<Arc<Whom>>,
}

/// The sessions on a server.
#[derive(Debug)]
struct Server {
    url: ServerUrl,
    sessions: Sessions,
    pool: Pool<Reader>,
    pool_size: usize,
    definitions: Definitions,
    query_timeout: Duration,
}

impl Postgres {
    pub(super) fn new(url: &ServerUrl, options: &Options) -> Result<Self, Advice> {
        Ok(Self {
            server: Arc::new(Server {
                url: url.clone(),
                sessions: Sessions::new(url, options)?,
                pool: Pool::new(options),
                pool_size: options.pool_size,
                definitions: Definitions::default(),
                query_timeout: options.query_timeout,
            }),
            waiting: Backlog::new(batch::WORKERS, options.pool_size),
            whom: None,
        })
    }

    pub(super) fn for_whom(&self, whom: Arc<Whom>) -> Self {
        Self {
            server: Arc::clone(&self.server),
            waiting: Backlog::new(batch::WORKERS, self.server.pool_size),
            whom: Some(whom),
        }
    }

    pub(super) fn usage(&self) -> Usage {
        self.server.pool.usage()
    }

    pub(super) async fn set_aside(
        &self,
        bytes: usize,
        until: Instant,
    ) -> Result<Option<Part>, Failure> {
        self.server.pool.set_aside(bytes, until).await
    }

    pub(super) fn rest(&self) {
        self.server.pool.clear();
    }

    pub(super) async fn ping(&self) -> Result<(), Failure> {
        self.read(self.of_statement(false, self.latest()), work::Ping)
            .await
    }

    pub(super) async fn tables(
        &self,
        names: &[ModelName],
    ) -> Result<Vec<Result<Table, String>>, Failure> {
        self.read(of_catalog(), work::Tables(names)).await
    }

    pub(super) fn is_known_as(&self, table: &TableName, definition: u64) -> bool {
        self.server.definitions.held(table, definition)
    }

    pub(super) async fn is_defined_as(
        &self,
        table: &TableName,
        definition: u64,
    ) -> Result<bool, Failure> {
        let persistent = !self.server.sessions.pooled();
        // It is nobody's own reading, and is told to whoever asks.
        let bounds = Bounds {
            whom: None,
            begin: (!persistent).then_some(READ_ONLY),
            until: self.latest(),
            looks: true,
        };
        let read = self.read(bounds, work::Definition { table, persistent });
        let definitions = &self.server.definitions;
        definitions.is(table, definition, read).await
    }

    pub(super) async fn names(&self) -> Result<Vec<String>, Failure> {
        self.read(of_catalog(), work::Names).await
    }

    pub(super) async fn fetch(
        &self,
        statement: &Statement,
        mut rows: Rows,
        until: Instant,
    ) -> Result<Rows, Failure> {
        let fetch = work::Fetch {
            statement,
            rows: &mut rows,
            persistent: !self.server.sessions.pooled(),
        };
        self.read(self.of_statement(statement.runs_code, until), fetch)
            .await?;
        Ok(rows)
    }

    /// Asks the planner; the rows of the page's LIMIT are not what is meant.
    pub(super) async fn estimate(
        &self,
        statement: &Statement,
        until: Instant,
    ) -> Result<Option<u64>, Failure> {
        self.read(
            self.of_statement(statement.runs_code, until),
            work::Estimate(statement),
        )
        .await
    }

    pub(super) async fn weaknesses(
        &self,
        catalog: &Catalog,
        hidden: &[Hidden],
    ) -> Result<Vec<Advice>, Failure> {
        let work = work::Weaknesses { catalog, hidden };
        let mut found = self.read(of_catalog(), work).await?;
        found.extend(self.server.sessions.plaintext());
        Ok(found)
    }

    pub(super) fn setup_sql(&self, catalog: &Catalog) -> String {
        role::setup_sql(self.server.url.database.as_deref(), catalog)
    }

    pub(super) fn start_fault(&self, failure: &Failure) -> Option<Advice> {
        start::fault(&self.server.url, failure)
    }

    /// A client's statement: in a transaction of its own where sessions are a pooler's, where code
    /// of others may run, and where the database is told whom it is for.
    fn of_statement(&self, runs_code: bool, until: Instant) -> Bounds<'_> {
        let whom = self.whom.as_deref();
        let alone = runs_code || self.server.sessions.pooled() || whom.is_some();
        Bounds {
            begin: alone.then_some(READ_ONLY),
            whom,
            until: until.min(self.latest()),
            looks: true,
        }
    }

    /// When a statement that begins now has to be over.
    fn latest(&self) -> Instant {
        Instant::now() + self.server.query_timeout
    }

    /// Runs one read on a session; on one that turns out lost, once more on a new one.
    async fn read<W: Work>(&self, bounds: Bounds<'_>, work: W) -> Result<W::Output, Failure> {
        self.read_for(Purpose::Any, bounds, work).await
    }

    async fn read_for<W: Work>(
        &self,
        purpose: Purpose,
        bounds: Bounds<'_>,
        mut work: W,
    ) -> Result<W::Output, Failure> {
        let mut lease = self
            .server
            .pool
            .take(purpose, bounds.until, |_| true)
            .await?;
        lease.set_aside(work.row_bytes()).await?;
        let mut result = self.once(&mut lease, bounds, &mut work).await;
        if lease.is_used() && result.as_ref().is_err_and(is_lost) {
            lease.discard();
            result = self.once(&mut lease, bounds, &mut work).await;
        }
        let spoilt = lease.held().is_some_and(|reader| reader.spoilt);
        if !spoilt && result.as_ref().err().is_none_or(is_at_rest) {
            lease.keep();
        }
        result
    }

    async fn once<W: Work>(
        &self,
        lease: &mut Lease<'_, Reader>,
        bounds: Bounds<'_>,
        work: &mut W,
    ) -> Result<W::Output, Failure> {
        let reader = lease.session(|| self.server.sessions.open()).await?;
        let allowed = bounds.until.saturating_duration_since(Instant::now());
        if allowed.is_zero() {
            return Err(Failure::new(FailureKind::Timeout));
        }
        // The session's own limit would come much later: it gets another, for it outlives that.
        let is_short = allowed < self.server.query_timeout * 3 / 4;
        let begin = bounds.begin.or(is_short.then_some(READ_ONLY));
        let whole = async {
            let Some(begin) = begin else {
                return work.run(&mut reader.connection).await;
            };
            let pooled = self.server.sessions.pooled();
            // Constants and a number; one message, for it comes before each. What the session has
            // already is not said again.
            let mut begin = begin.to_owned();
            if pooled {
                begin = format!("{begin}; {}", session::SET_LOCAL_PATH);
            }
            if pooled || is_short || allowed > self.server.query_timeout {
                let limit = if is_short {
                    allowed
                } else {
                    self.server.query_timeout.max(allowed)
                };
                let milliseconds = limit.as_millis().max(1);
                begin = format!("{begin}; SET LOCAL statement_timeout = {milliseconds}");
            }
            // Safe, as said above.
            let begun = reader.connection.begin_with(AssertSqlSafe(begin)).await;
            let mut transaction = begun.map_err(Failure::from_driver)?;
            let told = match bounds.whom {
                Some(whom) => {
                    let persistent = !pooled;
                    session::tell(&mut transaction, whom, persistent).await
                }
                None => Ok(()),
            };
            let done = match told {
                Ok(()) => work.run(&mut transaction).await,
                Err(failure) => Err(failure),
            };
            if done.as_ref().err().is_none_or(is_at_rest) {
                // Nothing is lost by it, and what a view's function set is undone.
                if bounds.looks && !pooled {
                    transaction.rollback().await.map_err(Failure::from_driver)?;
                    reader.look().await?;
                } else {
                    // It is sent, and heard of by whatever comes next on the session.
                    drop(transaction);
                    reader.connection.flush().now_or_never();
                }
            }
            done
        };
        // The server's own timeout comes first; this one is for a server that is out of reach.
        tokio::time::timeout(allowed + GRACE, whole)
            .await
            .unwrap_or_else(|_| Err(Failure::new(FailureKind::Timeout)))
    }
}

impl Gather for Postgres {
    fn waiting(&self) -> &Backlog {
        &self.waiting
    }

    async fn gather(&self, batch: &mut Batch) -> Result<(), Failure> {
        let persistent = !self.server.sessions.pooled();
        let runs_code = batch.runs_code();
        let work = work::Gather { batch, persistent };
        let bounds = self.of_statement(runs_code, self.latest());
        self.read_for(Purpose::Lookup, bounds, work).await
    }
}

/// What bounds a read.
#[derive(Debug, Clone, Copy)]
struct Bounds<'w> {
    /// The beginning of its transaction, where it has one.
    begin: Option<&'static str>,
    /// Whom it is for, which the database is told in that transaction.
    whom: Option<&'w Whom>,
    /// When it has to be over.
    until: Instant,
    /// Whether code of others may run in that transaction, and the session is looked at behind it.
    looks: bool,
}

/// Reading the catalog is no client's statement: it takes the time that it takes, and sees one
/// state of the database.
fn of_catalog() -> Bounds<'static> {
    Bounds {
        whom: None,
        begin: Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        until: Instant::now() + Duration::from_secs(60),
        looks: true,
    }
}

/// Whether a used session failed for what it is, and a new one would do better: the server is gone
/// or went away, a statement that was prepared no longer fits its table, or is not known any more.
fn is_lost(failure: &Failure) -> bool {
    *failure.kind() == FailureKind::Unavailable
        || matches!(failure.code().as_deref(), Some("0A000" | "26000"))
}

/// Whether the session only heard an error and can go on.
fn is_at_rest(failure: &Failure) -> bool {
    failure.code().is_some()
        && matches!(
            failure.kind(),
            FailureKind::Unwritable
                | FailureKind::Timeout
                | FailureKind::Changed
                | FailureKind::Internal
        )
}

impl Row for PgRow {
    /// Only types that keep every digit in the driver are selected as they are; see `sql`.
    fn datum(&self, index: usize) -> Result<Datum<'_>, Undecodable> {
        let undecodable = || Undecodable { index };
        let value = self.try_get_raw(index).map_err(|_| undecodable())?;
        if value.is_null() {
            return Ok(Datum::Null);
        }
        let class = value.type_info().oid().map(|oid| oid.0);
        let bytes = value.as_bytes().map_err(|_| undecodable())?;
        binary(class, bytes).ok_or_else(undecodable)
    }
}

/// The types whose values are taken as they are, by the numbers that PostgreSQL gives them for good.
const CLASSES: [u32; 16] = [
    16, 17, 18, 19, 20, 21, 23, 25, 700, 701, 1042, 1043, 1082, 1114, 1184, 2950,
];

/// A value in the binary form of its type, by the number that PostgreSQL gives the type for good.
fn binary(class: Option<u32>, bytes: &[u8]) -> Option<Datum<'_>> {
    Some(match class? {
        // bool
        16 => Datum::Bool(u8::from_be_bytes(bytes.try_into().ok()?) != 0),
        // int8, int2, int4
        20 => Datum::Int(i64::from_be_bytes(bytes.try_into().ok()?)),
        21 => Datum::Int(i16::from_be_bytes(bytes.try_into().ok()?).into()),
        23 => Datum::Int(i32::from_be_bytes(bytes.try_into().ok()?).into()),
        // float4, float8
        700 => Datum::Float32(f32::from_be_bytes(bytes.try_into().ok()?)),
        701 => Datum::Float(f64::from_be_bytes(bytes.try_into().ok()?)),
        // bytea
        17 => Datum::Bytes(bytes.into()),
        // text, varchar, bpchar, name, "char"
        25 | 1043 | 1042 | 19 | 18 => match str::from_utf8(bytes) {
            Ok(text) => Datum::Text(text.into()),
            // A database of encoding SQL_ASCII keeps whatever it is given.
            Err(_) => Datum::RawText(bytes.into()),
        },
        // date, timestamp, timestamptz
        1082 => Datum::Day(i32::from_be_bytes(bytes.try_into().ok()?)),
        1114 | 1184 => Datum::Moment {
            microseconds: i64::from_be_bytes(bytes.try_into().ok()?),
            utc: class == Some(1184),
        },
        // uuid
        2950 => Datum::Uuid(bytes.try_into().ok()?),
        _ => return None,
    })
}

/// The meaning of PostgreSQL's codes (SQLSTATE).
pub(super) fn kind_of(code: &str) -> FailureKind {
    match (code, code.get(..2).unwrap_or_default()) {
        ("57014" | "55P03", _) => FailureKind::Timeout,
        // Values are checked before they are sent, so whatever else is wrong with one is in the data.
        ("22P05", _) => FailureKind::Unwritable,
        ("22003", _) => FailureKind::Overflow,
        ("53300", _) => FailureKind::Overloaded,
        // What has another name or type, or may not be read; a value that its type has no more.
        ("0A000" | "22P02" | "3F000", _) | (_, "42") => FailureKind::Changed,
        // Connection, authorization, database, resources, conflicts with recovery, operator
        // intervention, system: nothing that a request could mend.
        ("25P03" | "55000", _) | (_, "08" | "28" | "3D" | "40" | "53" | "57" | "58") => {
            FailureKind::Unavailable
        }
        _ => FailureKind::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_meaning() {
        for (code, kind) in [
            ("22P05", FailureKind::Unwritable),
            ("22P02", FailureKind::Changed),
            ("22003", FailureKind::Overflow),
            ("22012", FailureKind::Internal),
            ("57014", FailureKind::Timeout),
            ("57P01", FailureKind::Unavailable),
            ("57P03", FailureKind::Unavailable),
            ("08006", FailureKind::Unavailable),
            ("28P01", FailureKind::Unavailable),
            ("55000", FailureKind::Unavailable),
            ("28000", FailureKind::Unavailable),
            ("3D000", FailureKind::Unavailable),
            ("53300", FailureKind::Overloaded),
            ("25006", FailureKind::Internal),
            ("42501", FailureKind::Changed),
            ("42P01", FailureKind::Changed),
            ("", FailureKind::Internal),
        ] {
            assert_eq!(kind_of(code), kind, "{code}");
        }
    }
}
