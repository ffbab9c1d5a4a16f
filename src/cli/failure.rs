//! Why a command stopped, in words for a person: what is wrong, then what to do.

use std::fmt;

use super::exit::Exit;
use super::text::visible;
use crate::config::Faults;

/// The end of a command that did not do what was asked.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// Something to tell on standard error.
    Told(Box<Told>),
    /// What is wrong with the configuration, all of it.
    Misconfigured(Faults),
    /// Whoever read our output has gone; there is nothing to say and nobody to say it to.
    ReaderGone,
}

/// What is told about a failure.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    exit: Exit,
    cause: String,
    excerpt: Option<String>,
    help: Option<String>,
}

impl Failure {
    /// A failure with exit code 2: wrong usage or configuration, or nobody could be asked.
    pub(crate) fn unable(cause: impl Into<String>) -> Self {
        Self::Told(Box::new(Told {
            exit: Exit::Unable,
            cause: cause.into(),
            excerpt: None,
            help: None,
        }))
    }

    /// The same failure with what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        if let Self::Told(told) = &mut self {
            told.help = Some(help.into());
        }
        self
    }

    /// The same failure with the lines that show where it is.
    #[must_use]
    pub(crate) fn excerpt(mut self, lines: impl Into<String>) -> Self {
        if let Self::Told(told) = &mut self {
            told.excerpt = Some(lines.into());
        }
        self
    }

    /// The same failure with another exit code.
    #[must_use]
    pub(crate) fn exiting(mut self, exit: Exit) -> Self {
        if let Self::Told(told) = &mut self {
            told.exit = exit;
        }
        self
    }

    /// The exit code it ends the command with.
    ///
    /// A reader that went away (`| head -1`) has what it wanted: that is a success.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Told(told) => told.exit,
            Self::Misconfigured(_) => Exit::Unable,
            Self::ReaderGone => Exit::Success,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = match self {
            Self::Told(told) => told,
            Self::Misconfigured(faults) => return faults.fmt(f),
            Self::ReaderGone => return Ok(()),
        };
        write!(f, "error: {}", visible(&told.cause))?;
        if let Some(lines) = &told.excerpt {
            write!(f, "\n{lines}")?;
        }
        if let Some(help) = &told.help {
            write!(f, "\nhelp: {}", visible(help))?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::Misconfigured(faults)
    }
}
