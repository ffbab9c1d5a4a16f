//! The two engines that hold a store: sessions, transactions, and what makes the tables.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::ExposeSecret as _;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions as _, PgPool, SqlitePool};
use tracing::warn;

use super::{StoreFailure, StoreFault};
use crate::config::{ServerUrl, StoreUrl};

static SQLITE: Migrator = sqlx::migrate!("schema/store/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("schema/store/postgres");

/// What a session may take to come.
const PATIENCE: Duration = Duration::from_secs(5);
/// What making the tables may take, beside others that do it too.
const MIGRATING: Duration = Duration::from_secs(60);
/// How every SQLite database that holds anything begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Tables and views that are not of a store, where there is no store. The tables of one come in
/// one transaction; only sqlx's own table is there before.
const FOREIGN_SQLITE: &str = "SELECT name FROM sqlite_schema \
    WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
    AND name <> '_sqlx_migrations' \
    AND NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'lucarne_revision') \
    ORDER BY name LIMIT 1";
const FOREIGN_POSTGRES: &str = "SELECT CAST(relname AS text) FROM pg_class \
    JOIN pg_namespace ON pg_namespace.oid = relnamespace \
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f') \
    AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%' \
    AND relname <> '_sqlx_migrations' \
    AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE deptype = 'e' \
    AND classid = CAST('pg_class' AS regclass) AND objid = pg_class.oid) \
    AND to_regclass('lucarne_revision') IS NULL \
    ORDER BY nspname, relname LIMIT 1";

/// Sessions on either engine.
#[derive(Debug, Clone)]
pub(super) enum Backend {
    Sqlite(Sessions<SqlitePool>),
    Postgres(Sessions<PgPool>),
}

/// Sessions that read, and others that write: whoever writes may wait for somebody else's lock, and
/// what was revoked before that is heard of all the same.
#[derive(Debug, Clone)]
pub(super) struct Sessions<P> {
    pub(super) reads: P,
    pub(super) writes: P,
}

impl Backend {
    /// Reaches the store, and makes or completes its tables.
    pub(super) async fn open(url: &StoreUrl) -> Result<Self, StoreFault> {
        let backend = match url {
            StoreUrl::Sqlite(path) => Self::Sqlite(Sessions {
                reads: sqlite(path)?,
                writes: sqlite(path)?,
            }),
            StoreUrl::Postgres(server) => Self::Postgres(Sessions {
                reads: postgres(server)?,
                writes: postgres(server)?,
            }),
        };
        let making = tokio::time::timeout(MIGRATING, backend.make());
        match making.await {
            Ok(Ok(())) => Ok(backend),
            Ok(Err(unusable)) => Err(unusable.told(url)),
            Err(_) => Err(Unusable::Driver(sqlx::Error::PoolTimedOut).told(url)),
        }
    }

    /// Makes what is missing. Several processes may do so at once: the first does, the others wait
    /// for it and find it done.
    async fn make(&self) -> Result<(), Unusable> {
        match self {
            Self::Sqlite(sessions) => {
                // The file's own lock for writers, taken at once and held to the end.
                let mut transaction = sessions.writes.begin_with("BEGIN IMMEDIATE").await?;
                let foreign: Option<String> = sqlx::query_scalar(FOREIGN_SQLITE)
                    .fetch_optional(&mut *transaction)
                    .await?;
                not_foreign(foreign)?;
                SQLITE.run_direct(None, &mut *transaction, false).await?;
                transaction.commit().await?;
            }
            Self::Postgres(sessions) => {
                let mut connection = sessions.writes.acquire().await?;
                let foreign: Option<String> = sqlx::query_scalar(FOREIGN_POSTGRES)
                    .fetch_optional(&mut *connection)
                    .await?;
                not_foreign(foreign)?;
                let made = POSTGRES.run_direct(None, &mut *connection, false).await;
                if made.is_err() {
                    // The lock is the session's.
                    let _ = connection.close().await;
                }
                made?;
            }
        }
        Ok(())
    }
}

fn not_foreign(table: Option<String>) -> Result<(), Unusable> {
    table.map_or(Ok(()), |table| Err(Unusable::Foreign(table)))
}

/// Sessions with a file, one at a time: what is done is small, and SQLite has one writer anyway.
fn sqlite(path: &Path) -> Result<SqlitePool, StoreFault> {
    prepare(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(PATIENCE * 2)
        .foreign_keys(true)
        // What is removed is overwritten: no digest and no sealed URL stays in the file.
        .pragma("secure_delete", "ON")
        .disable_statement_logging();
    // A file that was put in the place of another is read from then on.
    let opened = Arc::new(Mutex::new(None));
    let (noted, path) = (Arc::clone(&opened), path.to_owned());
    let now = path.clone();
    Ok(SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE * 2)
        .after_connect(move |_, _| {
            *noted.lock().unwrap_or_else(PoisonError::into_inner) = identity(&path);
            Box::pin(async { Ok(()) })
        })
        .before_acquire(move |_, _| {
            let same = *opened.lock().unwrap_or_else(PoisonError::into_inner) == identity(&now);
            Box::pin(async move { Ok(same) })
        })
        .connect_lazy_with(options))
}

fn postgres(server: &ServerUrl) -> Result<PgPool, StoreFault> {
    let options = server.url.expose_secret().parse::<PgConnectOptions>();
    // The driver's words are left out: they may repeat the URL.
    let mut options = options.map_err(|_| StoreFault {
        what: "MCP_STORE: the URL has a part that PostgreSQL's driver does not take".to_owned(),
        help: "for example postgres://lucarne:password@db:5432/lucarne".to_owned(),
        may_come: false,
    })?;
    if options.get_application_name().is_none() {
        options = options.application_name("lucarne store");
    }
    Ok(PgPoolOptions::new()
        .max_connections(2)
        .acquire_timeout(PATIENCE)
        .idle_timeout(Duration::from_secs(60))
        .connect_lazy_with(options.disable_statement_logging()))
}

/// Sees that a file can hold the store, and makes one that nobody else may read where there is
/// none.
fn prepare(path: &Path) -> Result<(), StoreFault> {
    let fault = |what: String, help: &str| StoreFault {
        what: format!("MCP_STORE: {what}"),
        help: help.to_owned(),
        may_come: false,
    };
    let shown = path.display();
    let mut file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| match fs::metadata(path) {
            Ok(there) if error.kind() == ErrorKind::PermissionDenied => fault(
                format!(
                    "cannot use {shown}: it belongs to the user with id {}",
                    there.uid()
                ),
                "give it to the user of the service (chown), and run the commands of the store as \
                 that user",
            ),
            _ => fault(
                format!("cannot use {shown}: {error}"),
                "name a file in a folder that exists and that the service may write to",
            ),
        })?;
    let mut head = Vec::with_capacity(MAGIC.len());
    let read = file.by_ref().take(16).read_to_end(&mut head);
    if read.is_err() || (!head.is_empty() && head != MAGIC) {
        return Err(fault(
            format!("{shown} is not an SQLite database"),
            "it was not touched: name another file",
        ));
    }
    let mode = file.metadata().map_or(0, |data| data.permissions().mode());
    if mode & 0o077 != 0 {
        warn!("MCP_STORE: {shown} may be read by other users; chmod 600 {shown}");
    }
    Ok(())
}

/// Which file stands at a path.
pub(super) fn identity(path: &PathBuf) -> Option<(u64, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Why a place holds no store.
enum Unusable {
    Driver(sqlx::Error),
    Migration(MigrateError),
    /// It holds something else, such as this table.
    Foreign(String),
}

impl From<sqlx::Error> for Unusable {
    fn from(error: sqlx::Error) -> Self {
        Self::Driver(error)
    }
}

impl From<MigrateError> for Unusable {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) => Self::Driver(error),
            other => Self::Migration(other),
        }
    }
}

impl Unusable {
    fn told(self, url: &StoreUrl) -> StoreFault {
        let fault = |what: String, help: &str| StoreFault {
            what: format!("MCP_STORE: {what}"),
            help: help.to_owned(),
            may_come: false,
        };
        match self {
            Self::Foreign(table) => fault(
                format!("{url} holds something else: it has the table {table}"),
                "nothing was changed: give the store an empty database of its own",
            ),
            Self::Migration(
                MigrateError::VersionMissing(_)
                | MigrateError::VersionTooNew(..)
                | MigrateError::VersionMismatch(_),
            ) => fault(
                format!("{url} was made by another version of Lucarne"),
                "run the newest of the versions that share the store",
            ),
            Self::Migration(_) => fault(
                format!("the tables of {url} could not be made"),
                "was a start interrupted? MCP_LOG=debug shows more",
            ),
            Self::Driver(sqlx::Error::Database(error)) if !is_passing(&*error) => {
                let code = error.code().unwrap_or_default();
                fault(
                    format!("{url} refuses the store (code {code})"),
                    "look at user, password and database of the URL; the user must own the \
                     database or be allowed to make tables in it",
                )
            }
            Self::Driver(error) => StoreFault {
                may_come: true,
                ..fault(
                    format!("{url}: {}", StoreFailure::from(error)),
                    "is it running, and are host and port right?",
                )
            },
        }
    }
}

/// Whether a server will answer in a moment: it starts, it stops, or has too many at once.
fn is_passing(error: &dyn sqlx::error::DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    ["57P", "53", "08", "5", "6"]
        .iter()
        .any(|class| match class.len() {
            // Of SQLite: busy, locked.
            1 => code == *class,
            _ => code.starts_with(class),
        })
}
