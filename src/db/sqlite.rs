//! SQLite: a file, opened to be read alone.
//!
//! A session is opened read-only, with `query_only`, in defensive mode and without trust in the
//! schema. A brief read begins on the thread that asks: most are over in microseconds, and a way to
//! another thread and back costs more than that. Single records that are asked for in the same turn
//! share a read, which begins after the last of them has come. One that is not over after a moment, comes upon a
//! large value, or finds the file locked, is stopped and begins anew on a thread of its own, where
//! nobody waits behind it. What may be long in a single step (a text operator, groups, a count, a
//! view) goes there at once. A progress handler and the text functions end a statement at its
//! deadline, and when nobody waits for it any more; who asked waits no longer, whatever becomes of
//! the thread, and there are no more threads than places for them.

mod catalog;
mod collations;
mod definition;
mod digest;
mod file;
mod generated;
mod guard;
mod keys;
mod number;
mod search;
mod session;
mod tool;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use self::definition::Definitions;
use self::guard::Mode;
use self::session::{Reader, Watch};
use super::batch::{self, Backlog, Batch, Gather, LookupFailure};
use super::pool::{Lease, Pool, Purpose, Usage};
use super::{Failure, FailureKind, Options};
use crate::advice::Advice;
use crate::catalog::{Table, TableName};
use crate::config::{ModelName, SqliteFile};
use crate::encode::{Datum, Row, Rows, Undecodable};
use crate::limit::Part;
use crate::sql::Statement;
use crate::sql::lookup::{Id, Lookup};

/// How long a read may hold up the thread that asks.
const MOMENT: Duration = Duration::from_micros(500);
/// So many moments at the most, where several read at once.
const MOMENTS: u32 = 8;
/// What it may write of an answer meanwhile.
const MOMENT_BYTES: usize = 1 << 16;
/// How much longer than its time a read is waited for, which ends by itself as a rule.
const GRACE: Duration = Duration::from_millis(250);
/// Threads for each session: one that is given up may take a moment to notice.
const THREADS: usize = 2;
/// Reading the catalog is no client's statement: it takes the time that it takes.
const CATALOG: Duration = Duration::from_secs(60);

/// An SQLite file and the sessions on it.
#[derive(Debug)]
pub struct Sqlite {
    file: Arc<file::File>,
    pool: Pool<Reader>,
    definitions: Definitions,
    threads: Arc<Semaphore>,
    /// Requests for single records, which share a read.
    waiting: Backlog,
    query_timeout: Duration,
}

impl Sqlite {
    pub(super) fn new(url: &SqliteFile, options: &Options) -> Result<Self, Advice> {
        Ok(Self {
            file: Arc::new(file::File::find(url)?),
            pool: Pool::new(options),
            definitions: Definitions::default(),
            threads: Arc::new(Semaphore::new(options.pool_size * THREADS)),
            waiting: Backlog::new(runtime_threads(), options.pool_size),
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
        self.work(self.query_timeout, (), |connection, ()| {
            let asked = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
            asked.map_err(Failure::from_sqlite)
        })
        .await
    }

    pub(super) async fn tables(
        &self,
        names: &[ModelName],
    ) -> Result<Vec<Result<Table, String>>, Failure> {
        // A writer that holds the file is waited for as long as by any read, not as long as a
        // catalog may take.
        self.ping().await?;
        let names = names.to_vec();
        let read = self.work(
            CATALOG,
            (0, Vec::new()),
            move |connection, (edition, tables)| {
                *edition = definition::edition(connection)?;
                *tables = catalog::tables(connection, &names).map_err(Failure::from_sqlite)?;
                Ok(())
            },
        );
        let (edition, tables) = read.await?;
        for table in tables.iter().flatten() {
            self.definitions
                .note(edition, &table.name, table.definition);
        }
        Ok(tables)
    }

    /// Whether it is known that a table is defined so in that edition of the schema.
    pub(super) fn is_known_as(&self, table: &TableName, definition: u64, edition: i64) -> bool {
        self.definitions.of(edition, table) == Some(definition)
    }

    /// What tells the definition of a table from others, read from the file; none where it is gone.
    pub(super) async fn definition(&self, table: &TableName) -> Result<Option<u64>, Failure> {
        let name = table.name.clone();
        let read = self.work(
            self.query_timeout,
            (0, None),
            move |connection, (edition, read)| {
                *edition = definition::edition(connection)?;
                *read = catalog::definition(connection, &name).map_err(Failure::from_sqlite)?;
                Ok(())
            },
        );
        let (edition, read) = read.await?;
        self.definitions.note(edition, table, read);
        Ok(read)
    }

    pub(super) async fn names(&self) -> Result<Vec<String>, Failure> {
        self.work(self.query_timeout, Vec::new(), |connection, names| {
            *names = catalog::names(connection).map_err(Failure::from_sqlite)?;
            Ok(())
        })
        .await
    }

    pub(super) async fn fetch(
        &self,
        statement: &Statement,
        rows: Rows,
        until: Instant,
    ) -> Result<Rows, Failure> {
        self.fetch_for(Purpose::Any, statement, rows, until).await
    }

    pub(super) async fn lookup(
        self: &Arc<Self>,
        lookup: &Arc<Lookup>,
        id: Id,
        rows: Rows,
    ) -> Result<Rows, Failure> {
        let until = Instant::now() + self.query_timeout;
        let rows = match batch::ask(self, Arc::clone(lookup), id, rows).await {
            Err(LookupFailure {
                failure,
                rows: Some(rows),
            }) if is_put_off(&failure) => rows,
            answered => return Ok(answered?),
        };
        let statement = lookup.statement(&[id]);
        self.fetch_for(Purpose::Lookup, &statement, rows, until)
            .await
    }

    async fn fetch_for(
        &self,
        purpose: Purpose,
        statement: &Statement,
        mut rows: Rows,
        until: Instant,
    ) -> Result<Rows, Failure> {
        let deadline = until.min(Instant::now() + self.query_timeout);
        let mut lease = self.lease(purpose, deadline).await?;
        if let Some(reader) = lease.held().filter(|_| statement.is_brief) {
            let result = reader.at_once(MOMENT, |connection| {
                read(connection, statement, &mut rows, MOMENT_BYTES)
            });
            let valid = !reader.identity.is_at_rest() || self.identity()? == reader.identity;
            match result {
                Err(failure) if is_put_off(&failure) => {}
                result if valid => {
                    lease.keep();
                    return result.map(|()| rows);
                }
                _ => {}
            }
        }
        lease.set_aside(statement.row_bytes).await?;
        let (statement, answer_bytes) = (statement.clone(), rows.max_bytes());
        self.on_thread(
            lease,
            deadline,
            answer_bytes,
            Mode::Free,
            rows,
            move |connection, rows| {
                rows.restart();
                read(connection, &statement, rows, usize::MAX)
            },
        )
        .await
    }

    pub(super) fn start_fault(&self, failure: &Failure) -> Option<Advice> {
        Some(self.file.start_fault(failure))
    }

    /// Does what may take its time, on a thread of its own.
    async fn work<T: Send + 'static>(
        &self,
        allowed: Duration,
        made: T,
        work: impl FnMut(&Connection, &mut T) -> Result<(), Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let deadline = Instant::now() + allowed;
        let lease = self.lease(Purpose::Any, deadline).await?;
        self.on_thread(lease, deadline, 0, Mode::Free, made, work)
            .await
    }

    async fn lease(
        &self,
        purpose: Purpose,
        deadline: Instant,
    ) -> Result<Lease<'_, Reader>, Failure> {
        let identity = self.identity()?;
        let fit = |reader: &Reader| reader.identity == identity;
        let taken = timeout_at(deadline.into(), self.pool.take(purpose, deadline, fit)).await;
        taken.unwrap_or_else(|_| Err(Failure::new(FailureKind::Overloaded)))
    }

    /// Lets `work` make something on a thread of its own, and waits for it until the deadline.
    async fn on_thread<T: Send + 'static>(
        &self,
        mut lease: Lease<'_, Reader>,
        deadline: Instant,
        answer_bytes: usize,
        mode: Mode,
        mut made: T,
        mut work: impl FnMut(&Connection, &mut T) -> Result<(), Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let place = Arc::clone(&self.threads).acquire_owned();
        let place = timeout_at(deadline.into(), place).await.ok();
        let place = place.and_then(Result::ok);
        let place = place.ok_or_else(|| Failure::new(FailureKind::Overloaded))?;
        let (held, file, identity) = (lease.lend(), Arc::clone(&self.file), self.identity()?);
        let watch = match &held {
            Some(reader) => Arc::clone(&reader.watch),
            None => Arc::new(Watch::new()),
        };
        let abandoned = watch.abandoned_with_this();
        let thread = tokio::task::spawn_blocking(move || {
            // Kept until the thread has done, though nobody may wait for it any more.
            let _place = place;
            let mut held = held.filter(|reader| reader.identity == identity);
            let mut identity = identity;
            loop {
                let reader = match held.take() {
                    Some(reader) => reader,
                    None => Reader::open(&file, identity, Arc::clone(&watch))?,
                };
                let left = deadline.saturating_duration_since(Instant::now());
                reader.guard.set(mode.clone());
                let result =
                    reader.patiently(left, answer_bytes, |connection| work(connection, &mut made));
                reader.guard.set(Mode::Free);
                // What was read of a file at rest holds if it has rested meanwhile.
                match file.identity() {
                    Some(now) if identity.is_at_rest() && now != identity && !left.is_zero() => {
                        identity = now;
                    }
                    _ => return Ok::<_, Failure>((reader, result.map(|()| made))),
                }
            }
        });
        let ended = timeout_at((deadline + GRACE).into(), thread).await;
        let Ok(ended) = ended else {
            return Err(Failure::new(FailureKind::Timeout));
        };
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

impl Gather for Sqlite {
    fn waiting(&self) -> &Backlog {
        &self.waiting
    }

    async fn gather(&self, batch: &mut Batch) -> Result<(), Failure> {
        let put_off = || Failure::new(FailureKind::Timeout);
        batch.restart();
        let statement = batch.statement();
        let lease = self.lease(Purpose::Lookup, Instant::now() + self.query_timeout);
        let lease = lease.await?;
        let reader = lease.held().ok_or_else(put_off)?;
        let allowed = MOMENT * batch.len().min(MOMENTS);
        let result = reader.at_once(allowed, |connection| {
            let mut written = 0;
            let edition = step(connection, &statement, |row| {
                written += batch.push(row)?;
                match written > MOMENT_BYTES {
                    true => Err(put_off()),
                    false => Ok(ControlFlow::Continue(())),
                }
            })?;
            batch.read_under(edition);
            Ok(())
        });
        if reader.identity.is_at_rest() && self.identity()? != reader.identity {
            return Err(put_off());
        }
        lease.keep();
        result
    }

    /// What is too much for a moment may be one of them.
    fn is_of_each(failure: &Failure) -> bool {
        matches!(
            failure.kind(),
            FailureKind::Unavailable | FailureKind::Overloaded
        )
    }
}

/// How many threads there are to read on.
fn runtime_threads() -> usize {
    tokio::runtime::Handle::try_current().map_or(1, |handle| handle.metrics().num_workers())
}

/// Runs a statement and writes its rows, unless they take more than that many bytes.
fn read(
    connection: &Connection,
    statement: &Statement,
    rows: &mut Rows,
    most: usize,
) -> Result<(), Failure> {
    let edition = step(connection, statement, |row| {
        let flow = rows.push(row)?;
        match flow.is_continue() && rows.written() > most {
            true => Err(Failure::new(FailureKind::Timeout)),
            false => Ok(flow),
        }
    })?;
    rows.read_under(edition);
    Ok(())
}

/// Runs a statement and hands over its rows, until one is the last that is wanted; tells the edition
/// of the schema that it was run under.
fn step(
    connection: &Connection,
    statement: &Statement,
    mut take: impl FnMut(&rusqlite::Row<'_>) -> Result<ControlFlow<()>, Failure>,
) -> Result<i64, Failure> {
    let prepare = |text| {
        connection
            .prepare_cached(text)
            .map_err(Failure::from_sqlite)
    };
    // While this is open the statement after it reads in the same transaction: the file is locked
    // and looked at once.
    let mut asked = prepare(definition::EDITION)?;
    let mut held = asked.raw_query();
    let edition = held.next().and_then(|row| match row {
        Some(row) => row.get(0),
        None => Err(rusqlite::Error::QueryReturnedNoRows),
    });
    let edition = edition.map_err(Failure::from_sqlite)?;
    let mut prepared = prepare(&statement.text)?;
    for (index, value) in statement.values.iter().enumerate() {
        let value = session::Bound::of(value)?;
        prepared
            .raw_bind_parameter(index + 1, value)
            .map_err(Failure::from_sqlite)?;
    }
    let mut fetched = prepared.raw_query();
    let stepped = |error| stepped(connection, statement, error);
    while let Some(row) = fetched.next().map_err(stepped)? {
        if take(row)?.is_break() {
            break;
        }
    }
    Ok(edition)
}

/// What a step failed for: SQLite has one code for a schema that is another one and for a value that
/// a view cannot compute, and only the latter can be prepared again.
fn stepped(connection: &Connection, statement: &Statement, error: rusqlite::Error) -> Failure {
    let failure = Failure::from_sqlite(error);
    let changed = *failure.kind() == FailureKind::Changed;
    match changed && connection.prepare(&statement.text).is_ok() {
        true => failure.of_data(),
        false => failure,
    }
}

/// Whether a read was only stopped for the sake of the thread that it was on.
fn is_put_off(failure: &Failure) -> bool {
    // A value too large for a moment may be small enough for an answer.
    let code = failure.code().and_then(|code| code.parse::<u32>().ok());
    *failure.kind() == FailureKind::Timeout || code.map(|code| code & 0xff) == Some(18)
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
        // INTERRUPT; BUSY and LOCKED, which were waited for
        9 | 5 | 6 => FailureKind::Timeout,
        // READONLY: what SQLite would have to write first; IOERR, CORRUPT, CANTOPEN, NOTADB
        8 | 10 | 11 | 14 | 26 => FailureKind::Unavailable,
        // TOOBIG
        18 => FailureKind::TooLarge(Vec::new()),
        // ERROR: no such table or column, for one; SCHEMA
        1 | 17 => FailureKind::Changed,
        _ => FailureKind::Internal,
    }
}
