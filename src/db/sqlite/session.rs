//! A session on the file: how it is opened, how long its statements run, what they are bound to.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags};
use sea_query::Value;

use super::file::Identity;
use crate::db::pool::Session;
use crate::db::{Failure, FailureKind};

/// Virtual machine instructions between two looks at the clock: some ten microseconds.
const INSTRUCTIONS: i32 = 1_000;
/// How long a session waits for a writer that holds the file.
const BUSY: Duration = Duration::from_secs(1);
/// Statements that a session keeps prepared.
const STATEMENTS: usize = 100;

/// A session.
#[derive(Debug)]
pub(super) struct Reader {
    connection: Connection,
    pub(super) watch: Arc<Watch>,
    pub(super) identity: Identity,
}

impl Reader {
    /// Opens the file to read it alone.
    pub(super) fn open(
        path: &Path,
        flags: OpenFlags,
        identity: Identity,
        watch: Arc<Watch>,
    ) -> Result<Self, Failure> {
        let open = || {
            let connection = Connection::open_with_flags(path, flags)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
            connection.pragma_update(None, "query_only", true)?;
            connection.set_prepared_statement_cache_capacity(STATEMENTS);
            let seen = Arc::clone(&watch);
            connection.progress_handler(INSTRUCTIONS, Some(move || seen.is_over()))?;
            Ok(connection)
        };
        Ok(Self {
            connection: open().map_err(Failure::from_sqlite)?,
            watch,
            identity,
        })
    }

    /// Reads on a thread that others wait for: no longer than that, and not behind a lock.
    pub(super) fn at_once<T>(
        &self,
        allowed: Duration,
        read: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.begin(allowed, Duration::ZERO)?;
        read(&self.connection)
    }

    /// Reads on a thread of its own.
    pub(super) fn patiently<T>(
        &self,
        allowed: Duration,
        read: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.begin(allowed, BUSY.min(allowed))?;
        read(&self.connection)
    }

    fn begin(&self, allowed: Duration, busy: Duration) -> Result<(), Failure> {
        self.watch.begin(allowed);
        self.connection
            .busy_timeout(busy)
            .map_err(Failure::from_sqlite)
    }
}

impl Session for Reader {
    fn abandon(&mut self) {
        self.watch.abandoned.store(true, Ordering::Relaxed);
    }
}

/// What the progress handler looks at.
#[derive(Debug)]
pub(super) struct Watch {
    epoch: Instant,
    /// Microseconds after the epoch.
    deadline: AtomicU64,
    abandoned: AtomicBool,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            epoch: Instant::now(),
            deadline: AtomicU64::new(u64::MAX),
            abandoned: AtomicBool::new(false),
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
            watch.abandoned.store(true, Ordering::Relaxed);
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
    use crate::db::sqlite::file::File;

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
        let reader = Reader::open(&path, file.flags(), identity, Arc::new(Watch::new())).unwrap();
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
            let ran = reader.patiently(Duration::from_secs(5), |connection| {
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
