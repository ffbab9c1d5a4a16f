//! SQLite: a file, opened to be read alone.
//!
//! Sessions are opened `mode=ro` with `query_only` and without trust in the schema. A progress
//! handler ends a statement at its deadline, and when nobody waits for it any more.

mod catalog;
mod file;
mod keys;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sea_query::SqliteQueryBuilder;
use sea_query_sqlx::SqlxBinder as _;
use sqlx::sqlite::{Sqlite as Driver, SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions as _, Decode, Row as _, SqliteConnection, TypeInfo as _, ValueRef as _};

use super::pool::{Pool, Session, Usage};
use super::{Failure, FailureKind, Options, StartFault};
use crate::catalog::Table;
use crate::config::{ModelName, SqliteFile};
use crate::encode::{Datum, Row, Rows, Undecodable};
use crate::sql::Statement;

/// Virtual machine instructions between two looks at the clock.
const INSTRUCTIONS: i32 = 4_096;
/// How long a session waits for a writer that holds the file.
const BUSY: Duration = Duration::from_secs(1);
/// Rows on their way from the driver's thread; more would only hold memory.
const ROW_BUFFER: usize = 16;

/// An SQLite file and the sessions on it.
#[derive(Debug)]
pub struct Sqlite {
    file: file::File,
    options: SqliteConnectOptions,
    pool: Pool<Reader>,
    query_timeout: Duration,
}

impl Sqlite {
    pub(super) fn new(url: &SqliteFile, options: &Options) -> Result<Self, StartFault> {
        let path = url.path();
        let file = file::File::find(path)?;
        let connect = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .create_if_missing(false)
            .pragma("query_only", "on")
            .pragma("trusted_schema", "off")
            .busy_timeout(BUSY.min(options.query_timeout))
            .row_buffer_size(ROW_BUFFER)
            .disable_statement_logging();
        Ok(Self {
            file,
            options: connect,
            pool: Pool::new(options.pool_size, options.query_timeout),
            query_timeout: options.query_timeout,
        })
    }

    pub(super) fn usage(&self) -> Usage {
        self.pool.usage()
    }

    pub(super) async fn ping(&self) -> Result<(), Failure> {
        let identity = self.identity()?;
        let mut lease = self.pool.take(|reader| reader.identity == identity).await?;
        let reader = lease.session(self.open(identity)).await?;
        reader.begin(self.query_timeout);
        sqlx::query("SELECT 1 FROM sqlite_schema LIMIT 1")
            .fetch_optional(&mut reader.connection)
            .await
            .map_err(Failure::from_driver)?;
        lease.keep();
        Ok(())
    }

    pub(super) async fn tables(
        &self,
        names: &[ModelName],
    ) -> Result<Vec<Result<Table, String>>, Failure> {
        let identity = self.identity()?;
        let mut lease = self.pool.take(|reader| reader.identity == identity).await?;
        let reader = lease.session(self.open(identity)).await?;
        // Reading the catalog is no client's statement: it takes the time that it takes.
        reader.begin(Duration::from_secs(60));
        let tables = catalog::tables(&mut reader.connection, names).await?;
        lease.keep();
        Ok(tables)
    }

    pub(super) async fn names(&self) -> Result<Vec<String>, Failure> {
        let identity = self.identity()?;
        let mut lease = self.pool.take(|reader| reader.identity == identity).await?;
        let reader = lease.session(self.open(identity)).await?;
        reader.begin(self.query_timeout);
        let names = catalog::names(&mut reader.connection).await?;
        lease.keep();
        Ok(names)
    }

    pub(super) async fn fetch(
        &self,
        statement: &Statement,
        rows: &mut Rows<'_>,
    ) -> Result<(), Failure> {
        let identity = self.identity()?;
        let mut lease = self.pool.take(|reader| reader.identity == identity).await?;
        let reader = lease.session(self.open(identity)).await?;
        reader.begin(self.query_timeout);
        let sql = statement.select.build_sqlx(SqliteQueryBuilder);
        super::stream::<Driver>(&mut reader.connection, sql, true, rows).await?;
        lease.keep();
        Ok(())
    }

    /// SQLite's planner does not say how many rows it expects.
    pub(super) async fn estimate(&self, _statement: &Statement) -> Result<Option<u64>, Failure> {
        Ok(None)
    }

    pub(super) fn start_fault(&self, failure: &Failure) -> Option<StartFault> {
        Some(self.file.start_fault(failure))
    }

    /// The file as it is now: one that was replaced needs new sessions, one that is gone has none.
    fn identity(&self) -> Result<file::Identity, Failure> {
        self.file.identity().ok_or_else(|| {
            self.pool.clear();
            Failure::new(FailureKind::Unavailable)
        })
    }

    async fn open(&self, identity: file::Identity) -> Result<Reader, Failure> {
        let mut connection = self.options.connect().await.map_err(Failure::from_driver)?;
        let watch = Arc::new(Watch::new());
        let seen = Arc::clone(&watch);
        connection
            .lock_handle()
            .await
            .map_err(Failure::from_driver)?
            .set_progress_handler(INSTRUCTIONS, move || seen.goes_on());
        Ok(Reader {
            connection,
            watch,
            identity,
        })
    }
}

/// A session.
#[derive(Debug)]
struct Reader {
    connection: SqliteConnection,
    watch: Arc<Watch>,
    identity: file::Identity,
}

impl Reader {
    fn begin(&self, allowed: Duration) {
        self.watch.begin(allowed);
    }
}

impl Session for Reader {
    fn abandon(&mut self) {
        self.watch.abandoned.store(true, Ordering::Relaxed);
    }
}

/// What the progress handler looks at, from the driver's thread.
#[derive(Debug)]
struct Watch {
    epoch: Instant,
    /// Milliseconds after the epoch.
    deadline: AtomicU64,
    abandoned: AtomicBool,
}

impl Watch {
    fn new() -> Self {
        Self {
            epoch: Instant::now(),
            deadline: AtomicU64::new(u64::MAX),
            abandoned: AtomicBool::new(false),
        }
    }

    fn begin(&self, allowed: Duration) {
        let deadline = (self.epoch.elapsed() + allowed).as_millis();
        self.deadline.store(
            u64::try_from(deadline).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
    }

    fn goes_on(&self) -> bool {
        !self.abandoned.load(Ordering::Relaxed)
            && self.epoch.elapsed().as_millis() < u128::from(self.deadline.load(Ordering::Relaxed))
    }
}

impl Row for SqliteRow {
    /// Each value has a type of its own, whatever its column says.
    fn datum(&self, index: usize) -> Result<Datum<'_>, Undecodable> {
        let undecodable = || Undecodable { index };
        let value = self.try_get_raw(index).map_err(|_| undecodable())?;
        if value.is_null() {
            return Ok(Datum::Null);
        }
        let class = value.type_info().name().to_owned();
        match class.as_str() {
            "INTEGER" => <i64 as Decode<Driver>>::decode(value).map(Datum::Int),
            "REAL" => <f64 as Decode<Driver>>::decode(value).map(Datum::Float),
            "BLOB" => {
                <&[u8] as Decode<Driver>>::decode(value).map(|bytes| Datum::Bytes(bytes.into()))
            }
            _ => <&[u8] as Decode<Driver>>::decode(value)
                // SQLite does not hold text to UTF-8.
                .map(|bytes| match std::str::from_utf8(bytes) {
                    Ok(text) => Datum::Text(text.into()),
                    Err(_) => Datum::RawText(bytes.into()),
                }),
        }
        .map_err(|_| undecodable())
    }
}

/// The meaning of SQLite's result codes, extended ones by their primary.
pub(super) fn kind_of(code: &str) -> FailureKind {
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(9) => FailureKind::Timeout,
        // BUSY, LOCKED, IOERR, CORRUPT, CANTOPEN, NOTADB
        Ok(5 | 6 | 10 | 11 | 14 | 26) => FailureKind::Unavailable,
        _ => FailureKind::Internal,
    }
}
