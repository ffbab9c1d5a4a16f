//! What can go wrong with the store, with the driver's words kept for the log.

use std::fmt;

use crate::advice::Advice;
use crate::config::Faults;

/// The store gave no answer, or none that can be used.
pub struct StoreFailure {
    cause: String,
    source: Option<sqlx::Error>,
}

impl StoreFailure {
    /// A failure without words of a driver.
    pub(super) fn new(cause: &str) -> Self {
        Self {
            cause: cause.to_owned(),
            source: None,
        }
    }

    pub(super) fn randomless() -> Self {
        Self::new("the system gives no random bytes")
    }

    /// What the log names in a word: the engine's code, or that the connection failed.
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// The driver's own words, for the operator's log alone, where they cannot repeat a value.
    pub fn detail(&self) -> Option<String> {
        match self.source.as_ref()? {
            sqlx::Error::Database(_) => None,
            other => Some(other.to_string()),
        }
    }

    /// Whether a row was refused because another has its name.
    pub(super) fn is_taken(&self) -> bool {
        match &self.source {
            Some(sqlx::Error::Database(error)) => error.is_unique_violation(),
            _ => false,
        }
    }
}

impl From<sqlx::Error> for StoreFailure {
    fn from(source: sqlx::Error) -> Self {
        let cause = match &source {
            sqlx::Error::Database(error) => error.code().map(|code| code.into_owned()),
            sqlx::Error::Io(error) => Some(error.kind().to_string()),
            sqlx::Error::Tls(_) => Some("tls".to_owned()),
            sqlx::Error::PoolTimedOut => Some("no answer in time".to_owned()),
            _ => None,
        };
        Self {
            cause: cause.unwrap_or_else(|| "driver".to_owned()),
            source: Some(source),
        }
    }
}

impl fmt::Display for StoreFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store does not answer ({})", self.cause)
    }
}

/// The cause alone: the driver's words may hold values.
impl fmt::Debug for StoreFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreFailure")
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for StoreFailure {}

/// A store that cannot be used, as the operator is told at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFault {
    /// What is wrong, with the variable in front and without any secret.
    pub what: String,
    /// What to do.
    pub help: String,
    /// Whether it may come by itself: a server that does not answer yet.
    pub may_come: bool,
}

impl From<StoreFault> for Advice {
    fn from(fault: StoreFault) -> Self {
        Self::new(fault.what, fault.help)
    }
}

/// Why a change was not made; then nothing was.
#[derive(Debug)]
pub enum Refusal {
    /// There is no such record.
    Absent {
        /// What it would be, such as `tenant`.
        kind: &'static str,
        /// What was asked for.
        name: String,
    },
    /// Another record has the name.
    Taken {
        /// What it is, such as `tenant`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// Values that cannot be; each names its member, such as `models`.
    Invalid(Faults),
    /// There is a credential to seal and no key.
    NoKey,
    /// The store failed.
    Failed(StoreFailure),
}

impl Refusal {
    /// What it was, in a word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Absent { .. } => "not_found",
            Self::Taken { .. } => "name_taken",
            Self::Invalid(_) => "invalid_input",
            Self::NoKey => "no_encryption_key",
            Self::Failed(_) => "store_unavailable",
        }
    }
}

impl From<StoreFailure> for Refusal {
    fn from(failure: StoreFailure) -> Self {
        Self::Failed(failure)
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent { kind, name } => write!(f, "there is no {kind} {name:?}"),
            Self::Taken { kind, name } => write!(f, "there is a {kind} {name:?} already"),
            Self::Invalid(faults) => {
                let told = faults.iter().map(Advice::text);
                f.write_str(&told.collect::<Vec<_>>().join("; "))
            }
            Self::NoKey => f.write_str("MCP_ENCRYPTION_KEY is not set, and a URL must be sealed"),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

impl std::error::Error for Refusal {}
