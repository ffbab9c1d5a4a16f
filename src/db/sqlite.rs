//! SQLite: a file, opened to be read alone.
//!
//! A session is opened read-only, with `query_only`, in defensive mode and without trust in the
//! schema. A read begins on the thread that asks: most are over in microseconds, and a way to
//! another thread and back costs more than that. One that is not over after a moment, or finds the
//! file locked, is stopped and begins anew on a thread of its own, where nobody waits behind it. A
//! progress handler ends a statement at its deadline, and when nobody waits for it any more.

mod catalog;
mod file;
mod keys;
mod session;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use self::session::{Reader, Watch};
use super::pool::{Lease, Pool, Purpose, Usage};
use super::{Failure, FailureKind, Options, StartFault};
use crate::catalog::Table;
use crate::config::{ModelName, SqliteFile};
use crate::encode::{Datum, Row, Rows, Undecodable};
use crate::sql::Statement;
use crate::sql::lookup::{Id, Lookup};

/// How long a read may hold up the thread that asks.
const MOMENT: Duration = Duration::from_micros(500);
/// Reading the catalog is no client's statement: it takes the time that it takes.
const CATALOG: Duration = Duration::from_secs(60);

/// An SQLite file and the sessions on it.
#[derive(Debug)]
pub struct Sqlite {
    file: file::File,
    pool: Pool<Reader>,
    query_timeout: Duration,
}

impl Sqlite {
    pub(super) fn new(url: &SqliteFile, options: &Options) -> Result<Self, StartFault> {
        Ok(Self {
            file: file::File::find(url)?,
            pool: Pool::new(options.pool_size, options.query_timeout),
            query_timeout: options.query_timeout,
        })
    }

    pub(super) fn usage(&self) -> Usage {
        self.pool.usage()
    }

    pub(super) fn rest(&self) {
        self.pool.clear();
    }

    pub(super) async fn ping(&self) -> Result<(), Failure> {
        self.work(self.query_timeout, |connection| {
            let asked = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
            asked.map_err(Failure::from_sqlite)
        })
        .await
    }

    pub(super) async fn tables(
        &self,
        names: &[ModelName],
    ) -> Result<Vec<Result<Table, String>>, Failure> {
        let names = names.to_vec();
        self.work(CATALOG, move |connection| {
            catalog::tables(connection, &names).map_err(Failure::from_sqlite)
        })
        .await
    }

    pub(super) async fn names(&self) -> Result<Vec<String>, Failure> {
        self.work(self.query_timeout, |connection| {
            catalog::names(connection).map_err(Failure::from_sqlite)
        })
        .await
    }

    pub(super) async fn fetch(&self, statement: &Statement, rows: Rows) -> Result<Rows, Failure> {
        self.fetch_for(Purpose::Any, statement, rows).await
    }

    pub(super) async fn lookup(
        &self,
        lookup: &Lookup,
        id: Id,
        rows: Rows,
    ) -> Result<Rows, Failure> {
        let statement = lookup.statement(&[id]);
        self.fetch_for(Purpose::Lookup, &statement, rows).await
    }

    async fn fetch_for(
        &self,
        purpose: Purpose,
        statement: &Statement,
        mut rows: Rows,
    ) -> Result<Rows, Failure> {
        let begun = Instant::now();
        let lease = self.lease(purpose).await?;
        if let Some(reader) = lease.held() {
            let result =
                reader.at_once(MOMENT, |connection| read(connection, statement, &mut rows));
            match result {
                Err(failure) if is_put_off(&failure) => rows.restart(),
                result => {
                    lease.keep();
                    return result.map(|()| rows);
                }
            }
        }
        let allowed = self.query_timeout.saturating_sub(begun.elapsed());
        let statement = statement.clone();
        self.on_thread(lease, allowed, move |connection| {
            read(connection, &statement, &mut rows)?;
            Ok(rows)
        })
        .await
    }

    pub(super) fn start_fault(&self, failure: &Failure) -> Option<StartFault> {
        Some(self.file.start_fault(failure))
    }

    /// Does what may take its time, on a thread of its own.
    async fn work<T: Send + 'static>(
        &self,
        allowed: Duration,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let lease = self.lease(Purpose::Any).await?;
        self.on_thread(lease, allowed, work).await
    }

    async fn lease(&self, purpose: Purpose) -> Result<Lease<'_, Reader>, Failure> {
        let identity = self.identity()?;
        let fit = |reader: &Reader| reader.identity == identity;
        self.pool.take(purpose, fit).await
    }

    async fn on_thread<T: Send + 'static>(
        &self,
        mut lease: Lease<'_, Reader>,
        allowed: Duration,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (held, identity) = (lease.lend(), self.identity()?);
        let (path, flags) = (self.file.path(), self.file.flags());
        let watch = match &held {
            Some(reader) => Arc::clone(&reader.watch),
            None => Arc::new(Watch::new()),
        };
        let abandoned = watch.abandoned_with_this();
        let thread = tokio::task::spawn_blocking(move || {
            let reader = match held {
                Some(reader) => reader,
                None => Reader::open(&path, flags, identity, watch)?,
            };
            let result = reader.patiently(allowed, work);
            Ok::<_, Failure>((reader, result))
        });
        let ended = thread.await;
        abandoned.defuse();
        // A thread that panicked took its session with it.
        let (reader, result) = ended.map_err(|_| Failure::new(FailureKind::Internal))??;
        lease.give_back(reader);
        lease.keep();
        result
    }

    /// The file as it is now: one that was replaced needs new sessions, one that is gone has none.
    fn identity(&self) -> Result<file::Identity, Failure> {
        self.file.identity().ok_or_else(|| {
            self.pool.clear();
            Failure::new(FailureKind::Unavailable)
        })
    }
}

/// Runs a statement and writes its rows.
fn read(connection: &Connection, statement: &Statement, rows: &mut Rows) -> Result<(), Failure> {
    let prepared = connection.prepare_cached(&statement.text);
    let mut prepared = prepared.map_err(Failure::from_sqlite)?;
    for (index, value) in statement.values.iter().enumerate() {
        let value = session::Bound::of(value)?;
        prepared
            .raw_bind_parameter(index + 1, value)
            .map_err(Failure::from_sqlite)?;
    }
    let mut fetched = prepared.raw_query();
    while let Some(row) = fetched.next().map_err(Failure::from_sqlite)? {
        if rows.push(row)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// Whether a read was only stopped for the sake of the thread that it was on.
fn is_put_off(failure: &Failure) -> bool {
    let code = failure.code().and_then(|code| code.parse::<u32>().ok());
    // INTERRUPT, and BUSY
    matches!(code.map(|code| code & 0xff), Some(9 | 5))
}

impl Row for rusqlite::Row<'_> {
    /// Each value has a type of its own, whatever its column says.
    fn datum(&self, index: usize) -> Result<Datum<'_>, Undecodable> {
        Ok(
            match self.get_ref(index).map_err(|_| Undecodable { index })? {
                ValueRef::Null => Datum::Null,
                ValueRef::Integer(value) => Datum::Int(value),
                ValueRef::Real(value) => Datum::Float(value),
                // SQLite does not hold text to UTF-8.
                ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                    Ok(text) => Datum::Text(text.into()),
                    Err(_) => Datum::RawText(bytes.into()),
                },
                ValueRef::Blob(bytes) => Datum::Bytes(bytes.into()),
            },
        )
    }
}

/// The meaning of SQLite's result codes, extended ones by their primary.
pub(super) fn kind_of(code: i32) -> FailureKind {
    match code & 0xff {
        9 => FailureKind::Timeout,
        // BUSY, LOCKED, IOERR, CORRUPT, CANTOPEN, NOTADB
        5 | 6 | 10 | 11 | 14 | 26 => FailureKind::Unavailable,
        _ => FailureKind::Internal,
    }
}
