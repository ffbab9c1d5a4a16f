//! What is wrong or weak in a configuration, in words for its operator.

use std::fmt;

use super::check::Check;

/// One fault of the configuration: the service does not start with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The variable as its name was typed, or the place in a file.
    pub variable: String,
    /// What is wrong and what was expected; never a secret's value.
    pub message: String,
    /// What to do next.
    pub help: String,
}

/// One weakness of the configuration: the service starts and says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The variable as its name was typed.
    pub variable: String,
    /// What is weak; never a secret's value.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}: {}", self.variable, self.message)?;
        write!(f, "help: {}", self.help)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "warning: {}: {}", self.variable, self.message)?;
        write!(f, "help: {}", self.help)
    }
}

impl Warning {
    /// As one line of a log.
    pub fn line(&self) -> String {
        format!("{}: {}; {}", self.variable, self.message, self.help)
    }
}

impl From<Fault> for Warning {
    fn from(fault: Fault) -> Self {
        Self {
            variable: fault.variable,
            message: fault.message,
            help: fault.help,
        }
    }
}

/// All faults of a configuration, at least one, two lines each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// `Err` with the faults, or `Ok` if there is none.
    ///
    /// # Errors
    /// The faults.
    pub fn none_or(faults: Vec<Fault>) -> Result<(), Self> {
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Self(faults))
        }
    }

    /// What a check found, of which it is known that it found something.
    pub(super) fn of(check: Check) -> Self {
        Self(check.faults)
    }

    /// `Err` with the faults of all, or `Ok` if none has any.
    ///
    /// # Errors
    /// The faults, in the order of what was judged.
    pub fn all<const N: usize>(judged: [Result<(), Self>; N]) -> Result<(), Self> {
        let faults = judged.into_iter().filter_map(Result::err);
        Self::none_or(faults.flat_map(|faults| faults.0).collect())
    }

    /// One fault alone.
    pub fn one(fault: Fault) -> Self {
        Self(vec![fault])
    }

    /// Adds one more, where there is one.
    pub(super) fn extend(&mut self, more: Option<Fault>) {
        self.0.extend(more);
    }

    /// The faults in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Why a value was refused, before it is known which variable held it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) message: String,
    pub(super) help: String,
}

impl Reason {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
        }
    }

    pub(super) fn of(self, variable: &str) -> Fault {
        Fault {
            variable: variable.to_owned(),
            message: self.message,
            help: self.help,
        }
    }
}

/// A value that is no secret, quoted for a message: escaped, and cut at 60 characters.
pub(super) fn quoted(value: &str) -> String {
    const SHOWN: usize = 60;
    let mut short: String = value.chars().take(SHOWN).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    format!("{short:?}")
}
