//! A session on the file: how it is opened, how long its statements run, what they are bound to.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, InterruptHandle, OpenFlags, ffi};
use sea_query::Value;

use super::file::{File, Identity};
use super::guard::Guard;
use super::{digest, number, search};
use crate::db::pool::Session;
use crate::db::{Failure, FailureKind};

/// Virtual machine instructions between two looks at the clock: some ten microseconds.
const INSTRUCTIONS: i32 = 1_000;
/// Bytes of text that functions go over between two looks at the clock.
const LOOK_BYTES: usize = 1 << 16;
/// The longest value, and row that is sorted or grouped, of a read on a thread that others wait for.
const BRIEF_BYTES: i32 = 1 << 14;
/// The same on a thread of its own, where an answer is not larger itself.
const VALUE_BYTES: usize = 1 << 24;
/// Statements that a session keeps prepared.
const STATEMENTS: usize = 100;

/// A session.
#[derive(Debug)]
pub(super) struct Reader {
    connection: Connection,
    pub(super) watch: Arc<Watch>,
    pub(super) identity: Identity,
    pub(super) guard: Guard,
}

impl Reader {
    /// Opens the file to read it alone; one that nobody has open, without leaving a trace.
    pub(super) fn open(
        file: &File,
        identity: Identity,
        watch: Arc<Watch>,
    ) -> Result<Self, Failure> {
        if !identity.is_at_rest() && file.leaves_a_trace() {
            let error = ffi::Error::new(ffi::SQLITE_READONLY_CANTINIT);
            return Err(Failure::from_sqlite(rusqlite::Error::SqliteFailure(
                error, None,
            )));
        }
        let guard = Guard::default();
        let open = || {
            let mut flags = file.flags();
            let connection = if identity.is_at_rest() {
                flags |= OpenFlags::SQLITE_OPEN_URI;
                Connection::open_with_flags(at_rest(file.path()), flags)?
            } else {
                Connection::open_with_flags(file.path(), flags)?
            };
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
            connection.pragma_update(None, "query_only", true)?;
            // A file of somebody else may be damaged on purpose.
            connection.pragma_update(None, "cell_size_check", true)?;
            connection.set_prepared_statement_cache_capacity(STATEMENTS);
            digest::define(&connection)?;
            let seen = Arc::clone(&watch);
            connection.progress_handler(INSTRUCTIONS, Some(move || seen.is_over()))?;
            search::register(&connection, &watch)?;
            number::register(&connection, &watch)?;
            watch.watches(connection.get_interrupt_handle());
            guard.watch(&connection)?;
            Ok(connection)
        };
        Ok(Self {
            connection: open().map_err(Failure::from_sqlite)?,
            watch,
            identity,
            guard,
        })
    }

    /// Reads on a thread that others wait for: no longer than that, not behind a lock, and no value
    /// that takes its time.
    pub(super) fn at_once<T>(
        &self,
        allowed: Duration,
        read: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.begin(allowed, Duration::ZERO, BRIEF_BYTES)?;
        read(&self.connection)
    }

    /// Reads on a thread of its own, and waits as long for a writer that holds the file.
    ///
    /// A value of more than [`VALUE_BYTES`], or than several answers, is refused where it would be
    /// taken into memory: to be compared, sorted or grouped by.
    pub(super) fn patiently<T>(
        &self,
        allowed: Duration,
        answer_bytes: usize,
        read: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let most = VALUE_BYTES.max(answer_bytes.saturating_mul(4));
        self.begin(allowed, allowed, i32::try_from(most).unwrap_or(i32::MAX))?;
        read(&self.connection)
    }

    fn begin(&self, allowed: Duration, busy: Duration, most: i32) -> Result<(), Failure> {
        self.watch.begin(allowed);
        self.connection
            .busy_timeout(busy)
            .and_then(|()| self.connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, most))
            .map(|_| ())
            .map_err(Failure::from_sqlite)
    }
}

/// The address of a file that nobody has open: as it is, without locks and without files beside it.
fn at_rest(path: &Path) -> String {
    let path = percent_encode(path.as_os_str().as_encoded_bytes(), NON_ALPHANUMERIC);
    format!("file:{}?immutable=1", path.to_string().replace("%2F", "/"))
}

impl Session for Reader {
    fn abandon(&mut self) {
        self.watch.abandon();
    }
}

/// What the progress handler and the text functions look at.
pub(super) struct Watch {
    epoch: Instant,
    /// Microseconds after the epoch.
    deadline: AtomicU64,
    abandoned: AtomicBool,
    /// Bytes that were gone over since the last look.
    unseen: AtomicUsize,
    /// Ends what is one instruction to the progress handler, like counting all rows.
    session: Mutex<Option<InterruptHandle>>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("abandoned", &self.abandoned)
            .finish_non_exhaustive()
    }
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            epoch: Instant::now(),
            deadline: AtomicU64::new(u64::MAX),
            abandoned: AtomicBool::new(false),
            unseen: AtomicUsize::new(0),
            session: Mutex::default(),
        }
    }

    fn watches(&self, session: InterruptHandle) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
    }

    fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = &*session {
            session.interrupt();
        }
    }

    /// Takes note of bytes that a function went over.
    pub(super) fn spend(&self, bytes: usize) -> rusqlite::Result<()> {
        let unseen = self.unseen.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if unseen < LOOK_BYTES {
            return Ok(());
        }
        self.unseen.store(0, Ordering::Relaxed);
        match self.is_over() {
            true => Err(rusqlite::Error::SqliteFailure(
                ffi::Error::new(ffi::SQLITE_INTERRUPT),
                None,
            )),
            false => Ok(()),
        }
    }

    fn begin(&self, allowed: Duration) {
        let deadline = micros(self.epoch.elapsed() + allowed);
        self.deadline.store(deadline, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
            || micros(self.epoch.elapsed()) >= self.deadline.load(Ordering::Relaxed)
    }

    /// Ends what the session does when this is dropped.
    pub(super) fn abandoned_with_this(self: &Arc<Self>) -> Abandoning {
        Abandoning(Some(Arc::clone(self)))
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// Somebody waits for the session, until this is dropped.
pub(super) struct Abandoning(Option<Arc<Watch>>);

impl Abandoning {
    /// The session has done what it was asked for.
    pub(super) fn defuse(mut self) {
        self.0 = None;
    }
}

impl Drop for Abandoning {
    fn drop(&mut self) {
        if let Some(watch) = &self.0 {
            watch.abandon();
        }
    }
}

/// A value as SQLite binds it.
pub(super) struct Bound<'v>(ValueRef<'v>);

impl<'v> Bound<'v> {
    /// The value of a statement; `sql` binds numbers, texts and bytes.
    pub(super) fn of(value: &'v Value) -> Result<Self, Failure> {
        let integer = match value {
            Value::BigInt(value) => *value,
            // No offset reaches further than SQLite can count.
            Value::BigUnsigned(value) => {
                value.map(|value| i64::try_from(value).unwrap_or(i64::MAX))
            }
            Value::Double(value) => return Ok(Self(value.map_or(ValueRef::Null, ValueRef::Real))),
            Value::String(text) => {
                let text = text.as_ref().map(|text| text.as_bytes());
                return Ok(Self(text.map_or(ValueRef::Null, ValueRef::Text)));
            }
            Value::Bytes(bytes) => {
                return Ok(Self(
                    bytes.as_deref().map_or(ValueRef::Null, ValueRef::Blob),
                ));
            }
            _ => return Err(Failure::new(FailureKind::Internal)),
        };
        Ok(Self(integer.map_or(ValueRef::Null, ValueRef::Integer)))
    }
}

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SqliteFile;

    #[test]
    fn a_session_cannot_write_whatever_it_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let script = "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);
                      CREATE VIEW sly AS SELECT load_extension('planted') AS id;";
        Connection::open(&path)
            .unwrap()
            .execute_batch(script)
            .unwrap();
        let before = std::fs::read(&path).unwrap();
        let file = File::find(&SqliteFile::without_links(path.clone())).unwrap();
        let identity = file.identity().unwrap();
        let reader = Reader::open(&file, identity, Arc::new(Watch::new())).unwrap();
        let other = folder.path().join("other.db");
        let attach = format!("ATTACH '{}' AS other", other.display());
        for statement in [
            "INSERT INTO t VALUES (2)",
            "DELETE FROM t",
            "CREATE TABLE planted (id INTEGER)",
            "CREATE TEMP TABLE planted (id INTEGER)",
            "PRAGMA query_only = 0; INSERT INTO t VALUES (2)",
            "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = ''",
            "SELECT load_extension('planted')",
            "SELECT * FROM sly",
            &attach,
        ] {
            let ran = reader.patiently(Duration::from_secs(5), 0, |connection| {
                connection
                    .execute_batch(statement)
                    .map_err(Failure::from_sqlite)
            });
            assert!(ran.is_err(), "{statement}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), before);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
