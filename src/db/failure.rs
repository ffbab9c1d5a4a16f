//! What can go wrong below, with the driver's words kept for the log.

use std::fmt;

use super::causes::{self, Cause};
use crate::encode::RowFault;

/// Numbers of MariaDB and MySQL for what an administrator mends there: passwords, accounts, hosts,
/// rights and databases.
const MENDED_THERE: [&str; 10] = [
    "1044", "1045", "1049", "1129", "1130", "1698", "1820", "1862", "3118", "4151",
];

/// A statement, or the way to it, failed.
pub struct Failure {
    kind: FailureKind,
    source: Option<Source>,
}

/// What a driver said: that of the servers, or that of SQLite.
enum Source {
    Server(sqlx::Error),
    Sqlite(rusqlite::Error),
}

/// What a failure means to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureKind {
    /// The database cannot be reached, or not be read just now.
    Unavailable,
    /// Every session is at work, and none came free in time.
    Overloaded,
    /// The statement took longer than it may.
    Timeout,
    /// A text that was sent has letters that the database's encoding has not.
    Unwritable,
    /// A single row is larger than an answer; its largest fields with their bytes.
    TooLarge(Vec<(String, usize)>),
    /// The database is not as its catalog was read.
    Changed,
    /// A number that was computed is beyond what its type holds.
    Overflow,
    /// Anything else is our own fault.
    Internal,
}

impl Failure {
    /// A failure without words of a driver.
    pub(super) fn new(kind: FailureKind) -> Self {
        Self { kind, source: None }
    }

    /// A failure of the driver, of the kind that its engine's code means.
    pub(super) fn classified(kind: FailureKind, source: sqlx::Error) -> Self {
        Self {
            kind,
            source: Some(Source::Server(source)),
        }
    }

    /// A failure of SQLite.
    pub(super) fn from_sqlite(source: rusqlite::Error) -> Self {
        let kind = match &source {
            rusqlite::Error::SqliteFailure(error, _) => super::sqlite::kind_of(error.extended_code),
            _ => FailureKind::Internal,
        };
        Self {
            kind,
            source: Some(Source::Sqlite(source)),
        }
    }

    /// A failure of a server's driver: each engine knows its own codes, the rest is the
    /// connection's.
    pub(super) fn from_driver(source: sqlx::Error) -> Self {
        use sqlx::Error as Driver;
        let kind = match &source {
            Driver::Database(error) => {
                let code = error.code().unwrap_or_default().into_owned();
                if let Some(error) = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
                    // Of values checked before they are sent an enum alone may have lost one.
                    match (&*code, error.routine()) {
                        ("22P02", routine) if routine != Some("enum_in") => FailureKind::Internal,
                        _ => super::postgres::kind_of(&code),
                    }
                } else if let Some(error) =
                    error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()
                {
                    super::mysql::kind_of(error.number())
                } else {
                    FailureKind::Internal
                }
            }
            Driver::Io(_) | Driver::Tls(_) | Driver::Protocol(_) | Driver::WorkerCrashed => {
                FailureKind::Unavailable
            }
            _ => FailureKind::Internal,
        };
        Self::classified(kind, source)
    }

    /// The same, of a statement on a session that is logged in: who is refused then is the definer of
    /// a view.
    pub(super) fn of_statement(mut self) -> Self {
        if matches!(self.engine_code(), Some((causes::MYSQL, code)) if code == "1045") {
            self.kind = FailureKind::Changed;
        }
        self
    }

    /// Whether it is of a view that the next reading of the catalog leaves out, or finds mended.
    pub(crate) fn is_of_broken_view(&self) -> bool {
        let code = self.engine_code();
        matches!(code, Some((causes::MYSQL, code)) if ["1356", "1449", "1045"].contains(&&*code))
    }

    /// The same, that was found to be of values and of no definition.
    pub(super) fn of_data(mut self) -> Self {
        self.kind = FailureKind::Internal;
        self
    }

    /// What it means to a client.
    pub fn kind(&self) -> &FailureKind {
        &self.kind
    }

    /// The driver's own words, for the operator's log alone.
    ///
    /// A server's are left out, for they may repeat a value; [`Failure::cause`] is its code.
    pub fn detail(&self) -> Option<String> {
        match self.source.as_ref()? {
            Source::Server(sqlx::Error::Database(_)) => None,
            Source::Server(other) => Some(other.to_string()),
            Source::Sqlite(error) => Some(error.to_string()),
        }
    }

    /// What the engine says of a statement that the operator wrote and that holds no value: for his
    /// own eyes.
    pub fn words(&self) -> Option<String> {
        match self.source.as_ref()? {
            Source::Server(sqlx::Error::Database(error)) => Some(error.message().to_owned()),
            Source::Server(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) => {
                let words = "a column of its result is of a type that the driver does not know; \
                             write CAST(column AS text)";
                Some(words.to_owned())
            }
            Source::Sqlite(rusqlite::Error::SqliteFailure(_, Some(words))) => Some(words.clone()),
            _ => None,
        }
    }

    /// What the log names in a word: the engine's code, or that the connection failed.
    pub fn cause(&self) -> Option<String> {
        self.code().or_else(|| match self.source.as_ref()? {
            Source::Server(sqlx::Error::Io(error)) => Some(error.kind().to_string()),
            Source::Server(sqlx::Error::Tls(_)) => Some("tls".to_owned()),
            _ => Some("driver".to_owned()),
        })
    }

    /// What the log says of it: what is wrong, the engine's code, and what to do.
    pub fn told(&self) -> String {
        if let Some((engine, code)) = self.engine_code() {
            if (engine, &*code, &self.kind) == (causes::MYSQL, "1045", &FailureKind::Changed) {
                return format!(
                    "a view's definer is not there any more ({code}); make the view again with \
                     another, then reload the service"
                );
            }
            if (engine, &*code, &self.kind) == (causes::SQLITE, "1", &FailureKind::Internal) {
                return format!(
                    "the statement computes what cannot be computed of a row's values ({code}); \
                     MCP_LOG=debug shows what SQLite says"
                );
            }
            return match causes::of(engine, &code) {
                Some(Cause { what, help, .. }) => format!("{what} ({code}); {help}"),
                None => format!("{engine} refused the statement ({code}); its own log says why"),
            };
        }
        match (&self.source, &self.kind) {
            (Some(Source::Server(sqlx::Error::Io(error))), _) => format!(
                "the connection to the database failed ({}); is it running, and is the way to it \
                 open?",
                error.kind()
            ),
            (Some(Source::Server(sqlx::Error::Tls(_))), _) => {
                "the connection to the database cannot be encrypted; look at sslmode and at its \
                 certificate"
                    .to_owned()
            }
            (_, FailureKind::Overloaded) => {
                "every session with the database stayed at work; raise \
                 MCP_POOL_SIZE, or look for slow queries with MCP_SLOW_QUERY"
                    .to_owned()
            }
            (_, FailureKind::Timeout) => {
                "it took longer than it may; raise MCP_QUERY_TIMEOUT, or have the client ask for \
                 less"
                    .to_owned()
            }
            (_, FailureKind::Unavailable) => {
                "the database does not answer; is it running, and is the way to it open?".to_owned()
            }
            _ => "a fault of the service; MCP_LOG=debug says more".to_owned(),
        }
    }

    /// Whether what keeps the service out may be mended elsewhere: a name server that comes back, a
    /// role or a password that is set, a database that is made.
    pub(crate) fn may_mend_itself(&self) -> bool {
        if let Some(sqlx::Error::Io(error)) = self.source() {
            return error.to_string().starts_with("failed to lookup address");
        }
        match self.engine_code() {
            Some((causes::POSTGRES, code)) => {
                code.starts_with("28") || ["3D000", "42501"].contains(&&*code)
            }
            Some((causes::MYSQL, code)) => MENDED_THERE.contains(&&*code),
            _ => false,
        }
    }

    /// The engine, and its code as [`causes`] has it.
    fn engine_code(&self) -> Option<(&'static str, String)> {
        match self.source.as_ref()? {
            Source::Server(sqlx::Error::Database(error)) => {
                match error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
                    Some(error) => Some((causes::MYSQL, error.number().to_string())),
                    None => Some((causes::POSTGRES, error.code()?.into_owned())),
                }
            }
            Source::Sqlite(rusqlite::Error::SqliteFailure(error, _)) => {
                Some((causes::SQLITE, (error.extended_code & 0xff).to_string()))
            }
            _ => None,
        }
    }

    /// What a server's driver said.
    pub(super) fn source(&self) -> Option<&sqlx::Error> {
        match &self.source {
            Some(Source::Server(error)) => Some(error),
            _ => None,
        }
    }

    /// The engine's code of the error, where there is one.
    pub(super) fn code(&self) -> Option<String> {
        match &self.source {
            Some(Source::Server(sqlx::Error::Database(error))) => {
                error.code().map(|code| code.into_owned())
            }
            Some(Source::Sqlite(rusqlite::Error::SqliteFailure(error, _))) => {
                Some(error.extended_code.to_string())
            }
            _ => None,
        }
    }
}

impl From<RowFault> for Failure {
    fn from(fault: RowFault) -> Self {
        Self::new(match fault {
            RowFault::TooLarge(fields) => FailureKind::TooLarge(fields),
            RowFault::Undecodable(_) => FailureKind::Changed,
        })
    }
}

/// The kind alone: the driver's words may hold values and names, so they are asked for by name.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
