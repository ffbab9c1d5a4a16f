//! The sample database: makes it as a SQLite file, or loads it into an empty PostgreSQL, MySQL or
//! MariaDB.
//!
//! This is the only code of Lucarne that writes to a database that is exposed. It is reached by
//! `lucarne demo` alone, never by a client's request: the service knows nothing of it. The statements are the
//! constants in `schema/`, and they run only where nothing was before: in a file that did not
//! exist, or in a database without a table. What is there already is read and used if it is the
//! sample, and refused untouched if it is anything else.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
    str::FromStr,
};

use sqlx::{
    ConnectOptions, Connection, MySqlConnection, PgConnection, SqliteConnection,
    mysql::MySqlConnectOptions,
    postgres::PgConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};

const SQLITE: &str = include_str!("../schema/sqlite.sql");
const POSTGRES: &str = include_str!("../schema/postgres.sql");
const MYSQL: &str = include_str!("../schema/mysql.sql");
/// Tools over the sample, as a file of tools.
pub const TOOLS: &str = include_str!("../schema/tools.toml");

/// How a SQLite file begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Where the header of a SQLite file holds its application id.
const APPLICATION_ID_AT: usize = 68;
/// The application id that `schema/sqlite.sql` sets: the letters `Lucr`.
const APPLICATION_ID: &[u8; 4] = b"Lucr";
/// How the comments on the sample's tables begin, where the engine has comments.
const MARK: &str = "Lucarne sample";

const TABLES: [&str; 3] = ["users", "tickets", "change_log"];
const COUNTS: &str = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM tickets), \
    (SELECT count(*) FROM change_log)";

/// The sample as it stands in a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleState {
    /// Whether this call made it; `false` when it was there already.
    pub made: bool,
    /// The tables and how many rows the database says each has.
    pub rows: [(&'static str, u64); 3],
}

impl SampleState {
    fn new(made: bool, counts: (i64, i64, i64)) -> Self {
        let counts = [counts.0, counts.1, counts.2];
        let rows = std::array::from_fn(|i| (TABLES[i], counts[i].unsigned_abs()));
        Self { made, rows }
    }
}

/// Why there is no sample.
///
/// The text is one line for the operator and never holds a database's URL; what the driver or the
/// system said is the source, and [`SampleError::help`] says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The file would stand in a folder that does not exist.
    #[error("there is no folder {}", .0.display())]
    NoFolder(PathBuf),
    /// Something else has the name of the file.
    #[error("{} is there already and is not the sample of Lucarne", .0.display())]
    NotTheSample(PathBuf),
    /// The system refused to read or write the file.
    #[error("cannot use {}", path.display())]
    File {
        /// The file that was asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The URL is none of a database server that the sample can be loaded into.
    #[error("this is not the URL of a PostgreSQL, MySQL or MariaDB database")]
    Url,
    /// The URL names a server and no database.
    #[error("the URL names no database")]
    NoDatabase,
    /// The server could not be reached, or refused the user.
    #[error("cannot connect to {engine}")]
    Connect {
        /// The name of the engine.
        engine: &'static str,
        /// What the driver said.
        source: sqlx::Error,
    },
    /// The database holds something else.
    #[error("the database is not empty: it has the table {table}")]
    NotEmpty {
        /// One of its tables.
        table: String,
    },
    /// The database refused a statement of the sample.
    #[error("{engine} refused the sample")]
    Refused {
        /// The name of the engine.
        engine: &'static str,
        /// What the driver said.
        source: sqlx::Error,
    },
}

impl SampleError {
    /// What the operator can do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::NoFolder(_) => "make the folder first, or give another path",
            Self::NotTheSample(_) => "it was not touched: give another path, or move it away",
            Self::File { .. } => "look at the rights of the file and of its folder",
            Self::Url => {
                "it begins with postgres://, mysql:// or mariadb://; for SQLite, leave it out"
            }
            Self::NoDatabase => "add its name at the end: mysql://user@host/name",
            Self::Connect { .. } => "look at host, port, user and password of the URL",
            Self::NotEmpty { .. } => {
                "nothing was changed: make an empty database for the sample and give its URL"
            }
            Self::Refused {
                engine: "MySQL", ..
            } => {
                "the user must be allowed to create tables; MySQL keeps those made before the fault, \
                 so drop users, tickets and change_log before the next try"
            }
            Self::Refused {
                engine: "SQLite", ..
            } => {
                "is there room on the disk? A sample that is damaged can be removed and made again"
            }
            Self::Refused { .. } => {
                "nothing was changed; the user must be allowed to create tables"
            }
        }
    }
}

/// Makes the sample as a SQLite file, unless it is there already.
///
/// The file appears complete or not at all, and never in the place of another: it is written under
/// a passing name in the same folder and then given its own. Several processes may ask for the same
/// file at once.
///
/// # Errors
///
/// When the folder does not exist, when something that is not the sample has the name (it is not
/// touched, nor opened as a database), and when the file cannot be written.
pub async fn create_sqlite(path: &Path) -> Result<SampleState, SampleError> {
    let mut made = false;
    if !is_sample(path)? {
        let draft = Draft::beside(path)?;
        draft.fill().await.map_err(refused("SQLite"))?;
        made = draft.publish(path)?;
        // Without a hit here another process was faster, with its sample or with something else.
        if !made && !is_sample(path)? {
            return Err(SampleError::NotTheSample(path.to_owned()));
        }
    }
    let counts = count_sqlite(path).await.map_err(refused("SQLite"))?;
    Ok(SampleState::new(made, counts))
}

/// Loads the sample into the empty PostgreSQL, MySQL or MariaDB database of a URL, unless it is
/// there already.
///
/// # Errors
///
/// When the URL is of another kind or names no database, when the server does not answer or refuses
/// the user, and when the database has any table or view that is not the sample's. Tables of
/// PostgreSQL extensions do not count.
pub async fn load(url: &str) -> Result<SampleState, SampleError> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    match scheme {
        Some("postgres" | "postgresql") => {
            let options = PgConnectOptions::from_str(url).map_err(|_| SampleError::Url)?;
            let mut connection = connect("PostgreSQL", options.disable_statement_logging()).await?;
            load_postgres(&mut connection).await
        }
        Some("mysql" | "mariadb") => {
            let options = MySqlConnectOptions::from_str(url).map_err(|_| SampleError::Url)?;
            let mut connection = connect("MySQL", options.disable_statement_logging()).await?;
            load_mysql(&mut connection).await
        }
        _ => Err(SampleError::Url),
    }
}

/// Whether the sample is at this path; something else there is an error, and nothing there is
/// `false`.
///
/// Only the first bytes are read: opening a foreign database, even to read, may leave files beside
/// it.
fn is_sample(path: &Path) -> Result<bool, SampleError> {
    let file_error = |source| SampleError::File {
        path: path.to_owned(),
        source,
    };
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err(SampleError::NotTheSample(path.to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(file_error(error)),
    }
    let mut header = Vec::with_capacity(100);
    File::open(path)
        .and_then(|file| file.take(100).read_to_end(&mut header))
        .map_err(file_error)?;
    if header.starts_with(MAGIC)
        && header
            .get(APPLICATION_ID_AT..)
            .is_some_and(|rest| rest.starts_with(APPLICATION_ID))
    {
        Ok(true)
    } else {
        Err(SampleError::NotTheSample(path.to_owned()))
    }
}

/// The file under its passing name, removed when this is dropped.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn beside(target: &Path) -> Result<Self, SampleError> {
        let file_error = |source| SampleError::File {
            path: target.to_owned(),
            source,
        };
        let Some(name) = target.file_name() else {
            return Err(SampleError::NotTheSample(target.to_owned()));
        };
        let random = getrandom::u64().map_err(|error| file_error(io::Error::other(error)))?;
        let mut passing = std::ffi::OsString::from(".");
        passing.push(name);
        passing.push(format!(".{random:016x}.tmp"));
        let path = target.with_file_name(passing);
        // Made here and not by SQLite, whose one error for all cases is "unable to open database
        // file".
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(_) => Ok(Self { path }),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let folder = target.parent().unwrap_or(target);
                Err(SampleError::NoFolder(folder.to_owned()))
            }
            Err(error) => Err(file_error(error)),
        }
    }

    async fn fill(&self) -> sqlx::Result<()> {
        let mut connection = SqliteConnectOptions::new()
            .filename(&self.path)
            // A draft that breaks off is thrown away: nothing has to be undone.
            .journal_mode(SqliteJournalMode::Memory)
            .disable_statement_logging()
            .connect()
            .await?;
        script(SQLITE).execute(&mut connection).await?;
        connection.close().await
    }

    /// Gives the file its name; `false` when the name is taken.
    fn publish(self, target: &Path) -> Result<bool, SampleError> {
        let file_error = |source| SampleError::File {
            path: target.to_owned(),
            source,
        };
        // A rename would replace what is there; a second name for the same file never does.
        match fs::hard_link(&self.path, target) {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            Err(_) => {}
        }
        // File systems without hard links: take the name with an empty file, then replace that.
        match OpenOptions::new().write(true).create_new(true).open(target) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(file_error(error)),
        }
        fs::rename(&self.path, target).map_err(file_error)?;
        Ok(true)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename it is gone already; otherwise a leftover is harmless.
        let _ = fs::remove_file(&self.path);
    }
}

async fn count_sqlite(path: &Path) -> sqlx::Result<(i64, i64, i64)> {
    let mut connection: SqliteConnection = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .disable_statement_logging()
        .connect()
        .await?;
    let counts = sqlx::query_as(COUNTS).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(counts)
}

async fn load_postgres(connection: &mut PgConnection) -> Result<SampleState, SampleError> {
    let comment: Option<String> =
        sqlx::query_scalar("SELECT obj_description(to_regclass('change_log'), 'pg_class')")
            .fetch_one(&mut *connection)
            .await
            .map_err(refused("PostgreSQL"))?;
    let made = !comment.is_some_and(|comment| comment.starts_with(MARK));
    if made {
        let table: Option<String> = sqlx::query_scalar(
            "SELECT CAST(format('%s.%s', nspname, relname) AS text) \
             FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace \
             WHERE relkind IN ('r', 'p', 'v', 'm', 'f') \
             AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%' \
             AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE deptype = 'e' \
             AND classid = CAST('pg_class' AS regclass) AND objid = pg_class.oid) \
             ORDER BY nspname, relname LIMIT 1",
        )
        .fetch_optional(&mut *connection)
        .await
        .map_err(refused("PostgreSQL"))?;
        if let Some(table) = table {
            return Err(SampleError::NotEmpty { table });
        }
        script(POSTGRES)
            .execute(&mut *connection)
            .await
            .map_err(refused("PostgreSQL"))?;
    }
    let counts = sqlx::query_as(COUNTS)
        .fetch_one(connection)
        .await
        .map_err(refused("PostgreSQL"))?;
    Ok(SampleState::new(made, counts))
}

async fn load_mysql(connection: &mut MySqlConnection) -> Result<SampleState, SampleError> {
    let database: Option<String> = sqlx::query_scalar("SELECT CAST(DATABASE() AS CHAR)")
        .fetch_one(&mut *connection)
        .await
        .map_err(refused("MySQL"))?;
    if database.is_none() {
        return Err(SampleError::NoDatabase);
    }
    // CAST, because MySQL 8 sends the names of its catalog as bytes.
    let tables: Vec<(String, String)> = sqlx::query_as(
        "SELECT CAST(table_name AS CHAR), CAST(table_comment AS CHAR) \
         FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(refused("MySQL"))?;
    let mut counts = None;
    if TABLES.iter().all(|name| {
        tables
            .iter()
            .any(|(table, comment)| table == name && comment.starts_with(MARK))
    }) {
        let found: (i64, i64, i64) = sqlx::query_as(COUNTS)
            .fetch_one(&mut *connection)
            .await
            .map_err(refused("MySQL"))?;
        // All rows come in one transaction, the log's last: tables without them are those of a load
        // that broke off.
        counts = Some(found).filter(|found| found.2 > 0);
    }
    if let Some(counts) = counts {
        return Ok(SampleState::new(false, counts));
    }
    if let Some((table, _)) = tables.into_iter().next() {
        return Err(SampleError::NotEmpty { table });
    }
    script(MYSQL)
        .execute(&mut *connection)
        .await
        .map_err(refused("MySQL"))?;
    let counts = sqlx::query_as(COUNTS)
        .fetch_one(connection)
        .await
        .map_err(refused("MySQL"))?;
    Ok(SampleState::new(true, counts))
}

async fn connect<O: ConnectOptions>(
    engine: &'static str,
    options: O,
) -> Result<O::Connection, SampleError>
where
    O::Connection: Sized,
{
    options
        .connect()
        .await
        .map_err(|source| SampleError::Connect { engine, source })
}

fn refused(engine: &'static str) -> impl Fn(sqlx::Error) -> SampleError {
    move |source| SampleError::Refused { engine, source }
}

/// A whole file of `schema/`, sent as it stands.
#[expect(
    clippy::disallowed_methods,
    reason = "the text is a constant of ours, and splitting it into statements would need a parser to be right"
)]
fn script(text: &'static str) -> sqlx::RawSql {
    sqlx::raw_sql(text)
}
