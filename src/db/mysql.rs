//! MariaDB and MySQL: a server, read through sessions that are told to read only.
//!
//! The two differ where they must: the statement's limit, the JSON columns, the words for a role.
//! A view may call functions, which may set anything in their session: it is read in a transaction
//! that stays read-only whatever they set, and the session is closed behind it.
//!
//! A statement that nobody waits for any more is ended from a side connection. Statements are kept
//! prepared: to close one is a message without an answer, behind which the next statement waits
//! until the server's acknowledgement, some 40 ms, for the driver leaves the delay of small packets
//! on.

mod catalog;
mod columns;
mod definition;
mod enums;
mod killer;
mod moment;
mod note;
mod plan;
mod relations;
mod role;
mod session;
mod start;
mod tool;
mod work;

use std::fmt;
use std::time::{Duration, Instant};

use sqlx::mysql::{MySql as Driver, MySqlRow};
use sqlx::{Decode, Row as _, Type, TypeInfo as _, ValueRef as _};

use self::definition::Lately;
use self::session::{Reader, Sessions};
use self::work::Work;
use super::batch::{self, Backlog, Batch, Gather};
use super::definition::Definitions;
use super::pool::{Lease, Pool, Purpose, Usage};
use super::{Failure, FailureKind, Options};
use crate::advice::Advice;
use crate::catalog::{Catalog, Hidden, Table, TableName};
use crate::config::{ModelName, ServerUrl};
use crate::encode::{Datum, Row, Rows, Undecodable};
use crate::limit::Part;
use crate::sql::Statement;

/// What reading the catalog may take: it is no client's statement.
const CATALOG: Duration = Duration::from_secs(60);
/// What a statement may take beyond its time in the database before it counts as lost on the way.
const GRACE: Duration = Duration::from_millis(500);

/// A MariaDB or MySQL server and the sessions on it.
pub struct MySql {
    url: ServerUrl,
    sessions: Sessions,
    pool: Pool<Reader>,
    waiting: Backlog,
    definitions: Definitions,
    lately: Lately,
    query_timeout: Duration,
}

/// What runs with a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    /// The server's own alone.
    None,
    /// Functions, perhaps, which views call.
    OfOthers,
}

impl Code {
    fn of(statement: &Statement) -> Self {
        match statement.runs_code {
            true => Self::OfOthers,
            false => Self::None,
        }
    }
}

impl MySql {
    pub(super) fn new(url: &ServerUrl, options: &Options) -> Result<Self, Advice> {
        Ok(Self {
            url: url.clone(),
            sessions: Sessions::new(url)?,
            pool: Pool::new(options),
            waiting: Backlog::new(batch::WORKERS, options.pool_size),
            definitions: Definitions::default(),
            lately: Lately::default(),
            query_timeout: options.query_timeout,
        })
    }

    pub(super) fn usage(&self) -> Usage {
        self.pool.usage()
    }

    pub(super) async fn set_aside(
        &self,
        bytes: usize,
        until: Instant,
    ) -> Result<Option<Part>, Failure> {
        self.pool.set_aside(bytes, until).await
    }

    pub(super) fn rest(&self) {
        self.pool.clear();
    }

    pub(super) async fn ping(&self) -> Result<(), Failure> {
        self.read(Code::None, self.latest(), work::Ping).await
    }

    pub(super) async fn tables(
        &self,
        names: &[ModelName],
    ) -> Result<Vec<Result<Table, String>>, Failure> {
        self.survey(work::Tables(names)).await
    }

    pub(super) fn is_known_as(&self, table: &TableName, definition: u64) -> bool {
        self.definitions.held(table, definition)
    }

    pub(super) async fn is_defined_as(
        &self,
        table: &TableName,
        definition: u64,
    ) -> Result<bool, Failure> {
        let asked = async {
            let rest = self.lately.rest(table);
            let read = self.defined(table, rest);
            let is = self.definitions.is(table, definition, read);
            match is.await? {
                // The catalog may have been read since the rest was.
                false if rest.is_some() => {
                    let read = self.defined(table, None);
                    let is = self.definitions.is(table, definition, read);
                    is.await
                }
                is => Ok(is),
            }
        };
        bounded(self.query_timeout + GRACE, asked).await
    }

    /// What tells the definition of a table from others, of which the rest may be known.
    async fn defined(&self, table: &TableName, rest: Option<u64>) -> Result<u64, Failure> {
        let asked = Instant::now();
        let work = work::Definition { table, rest };
        let told = self.read(Code::None, self.latest(), work).await?;
        if rest.is_none() {
            self.lately.note(table, asked, told.rest);
        }
        Ok(told.whole)
    }

    pub(super) async fn names(&self) -> Result<Vec<String>, Failure> {
        self.survey(work::Names).await
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
        };
        self.read(Code::of(statement), until, fetch).await?;
        Ok(rows)
    }

    /// Asks the optimizer; the rows of the page's LIMIT are not what is meant.
    pub(super) async fn estimate(
        &self,
        statement: &Statement,
        until: Instant,
    ) -> Result<Option<u64>, Failure> {
        self.read(Code::of(statement), until, work::Estimate(statement))
            .await
    }

    pub(super) async fn weaknesses(
        &self,
        catalog: &Catalog,
        hidden: &[Hidden],
    ) -> Result<Vec<Advice>, Failure> {
        let mut found = self.survey(work::Weaknesses { catalog, hidden }).await?;
        found.extend(self.sessions.plaintext());
        Ok(found)
    }

    pub(super) fn setup_sql(&self, catalog: &Catalog) -> String {
        role::setup_sql(catalog)
    }

    pub(super) fn start_fault(&self, failure: &Failure) -> Option<Advice> {
        start::fault(&self.url, failure)
    }

    /// Runs one read on a session; on one that turns out lost, once more on a new one.
    async fn read<W: Work>(
        &self,
        code: Code,
        until: Instant,
        work: W,
    ) -> Result<W::Output, Failure> {
        self.read_for(Purpose::Any, code, until, work).await
    }

    /// When a statement that begins now has to be over.
    fn latest(&self) -> Instant {
        Instant::now() + self.query_timeout
    }

    async fn read_for<W: Work>(
        &self,
        purpose: Purpose,
        code: Code,
        until: Instant,
        mut work: W,
    ) -> Result<W::Output, Failure> {
        let left = work.leaves();
        let fit = |reader: &Reader| reader.is_fresh() && reader.takes(left);
        let mut lease = self.pool.take(purpose, until, fit).await?;
        lease.set_aside(work.row_bytes()).await?;
        let mut result = self.once(&mut lease, code, until, &mut work).await;
        if lease.is_used() && result.as_ref().is_err_and(is_lost) {
            lease.discard();
            result = self.once(&mut lease, code, until, &mut work).await;
        }
        if result.as_ref().err().is_none_or(is_at_rest) {
            match code {
                Code::None => lease.keep(),
                // It may have set anything in the session.
                Code::OfOthers => close(&mut lease).await,
            }
        }
        result
    }

    async fn once<W: Work>(
        &self,
        lease: &mut Lease<'_, Reader>,
        code: Code,
        until: Instant,
        work: &mut W,
    ) -> Result<W::Output, Failure> {
        let reader = lease
            .session(|| self.sessions.open(self.query_timeout))
            .await?;
        let flavour = reader.flavour();
        reader.leave(work.leaves());
        let connection = reader.begin();
        let working = async {
            if code == Code::OfOthers {
                // Whatever the code sets, a transaction stays what it began as.
                session::tell(connection, "START TRANSACTION READ ONLY").await?;
            }
            work.run(connection, flavour).await
        };
        // The server's own limit comes first; this one is for a server that is out of reach.
        let left = until.saturating_duration_since(Instant::now());
        let result = bounded(left.min(self.query_timeout) + GRACE, working).await;
        let over = |failure: &Failure| is_at_rest(failure) || is_lost(failure);
        if result.as_ref().err().is_none_or(over) {
            reader.end();
        }
        result
    }

    /// Reads what the server says of itself, on a session of its own with more time, in a place of
    /// the pool.
    async fn survey<W: Work>(&self, mut work: W) -> Result<W::Output, Failure> {
        let mut lease = self
            .pool
            .take(Purpose::Any, self.latest(), |_| true)
            .await?;
        close(&mut lease).await;
        lease.discard();
        let reader = lease.session(|| self.sessions.open(CATALOG)).await?;
        let flavour = reader.flavour();
        let told = bounded(CATALOG, work.run(reader.begin(), flavour)).await;
        reader.end();
        close(&mut lease).await;
        told
    }
}

impl Gather for MySql {
    fn waiting(&self) -> &Backlog {
        &self.waiting
    }

    async fn gather(&self, batch: &mut Batch) -> Result<(), Failure> {
        let code = Code::of(&batch.statement());
        self.read_for(Purpose::Lookup, code, self.latest(), work::Gather { batch })
            .await
    }
}

/// Closes the session that is held, if there is one.
async fn close(lease: &mut Lease<'_, Reader>) {
    if let Some(reader) = lease.lend() {
        reader.close().await;
    }
}

/// Waits no longer than that.
async fn bounded<T>(
    allowed: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout(allowed, work)
        .await
        .unwrap_or_else(|_| Err(Failure::new(FailureKind::Timeout)))
}

/// Whether the session is gone, and not just its statement.
fn is_lost(failure: &Failure) -> bool {
    *failure.kind() == FailureKind::Unavailable
}

/// Whether the server has answered, so that nothing of the statement is left on the session.
fn is_at_rest(failure: &Failure) -> bool {
    !is_lost(failure) && matches!(failure.source(), Some(sqlx::Error::Database(_)))
}

/// Neither the login nor the sessions.
impl fmt::Debug for MySql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MySql({})", self.url)
    }
}

impl Row for MySqlRow {
    /// Numbers by their wire type; text and bytes by the collation, which is `binary` for bytes
    /// alone: the flags call every `_bin` collation binary too.
    fn datum(&self, index: usize) -> Result<Datum<'_>, Undecodable> {
        let undecodable = || Undecodable { index };
        let value = self.try_get_raw(index).map_err(|_| undecodable())?;
        if value.is_null() {
            return Ok(Datum::Null);
        }
        let class = value.type_info().into_owned();
        let unsigned = <u64 as Type<Driver>>::compatible(&class);
        match class.name() {
            _ if unsigned => <u64 as Decode<Driver>>::decode(value).map(Datum::Uint),
            "BIT" | "YEAR" => <u64 as Decode<Driver>>::decode(value).map(Datum::Uint),
            "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => {
                <i64 as Decode<Driver>>::decode(value).map(Datum::Int)
            }
            "FLOAT" => <f32 as Decode<Driver>>::decode(value).map(Datum::Float32),
            "DOUBLE" => <f64 as Decode<Driver>>::decode(value).map(Datum::Float),
            name if name == "DECIMAL" || <str as Type<Driver>>::compatible(&class) => {
                <&[u8] as Decode<Driver>>::decode(value)
                    .map(|bytes| Datum::Text(String::from_utf8_lossy(bytes)))
            }
            name => <&[u8] as Decode<Driver>>::decode(value).map(|bytes| match told(name, bytes) {
                Some(moment) => Datum::Text(moment.into()),
                None => Datum::Bytes(bytes.into()),
            }),
        }
        .map_err(|_| undecodable())
    }
}

/// What is no bytes to anybody: a moment in the form of the wire.
fn told(name: &str, bytes: &[u8]) -> Option<String> {
    match name {
        "DATE" => moment::date(bytes, false),
        "DATETIME" | "TIMESTAMP" => moment::date(bytes, true),
        "TIME" => moment::time(bytes),
        _ => None,
    }
}

/// The meaning of an error number.
pub(super) fn kind_of(number: u16) -> FailureKind {
    match number {
        // max_statement_time, max_execution_time, KILL QUERY; waiting for a lock
        1969 | 3024 | 1317 | 1205 => FailureKind::Timeout,
        // connections: of all, of the user, his quota; statements prepared; memory
        1040 | 1203 | 1226 | 1461 | 1037 | 1038 => FailureKind::Overloaded,
        // going down, session killed or lost, node out of its cluster, login no longer valid
        1053
        | 1077..=1080
        | 1152
        | 1158..=1161
        | 1184
        | 1213
        | 1927
        | 3169
        | 4031
        | 1047
        | 1044
        | 1045
        | 1049
        | 1129
        | 1130
        | 1290
        | 1698
        | 1820
        | 1862
        | 3118
        | 4151 => FailureKind::Unavailable,
        // a text in a character set that the column's cannot be compared with; whatever else is wrong
        // with a value is in the data, for those that are sent are checked before
        1267 | 1270 | 1271 | 3854 | 3988 => FailureKind::Unwritable,
        // table, column, function or database that is not there or may not be read; a view of such;
        // a table that was changed meanwhile; types that are not compared; a value that is none
        1054 | 1142 | 1143 | 1146 | 1305 | 1356 | 1370 | 1412 | 1449 | 1615 | 1932 | 1292
        | 1525 | 4078 | 4079 => FailureKind::Changed,
        1690 => FailureKind::Overflow,
        _ => FailureKind::Internal,
    }
}
