//! What is wrong or weak in a configuration, in words for its operator.

use std::fmt;

use super::check::Check;
use crate::advice::Advice;

/// All faults of a configuration, at least one, two lines each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(Vec<Advice>);

impl Faults {
    /// `Err` with the faults, or `Ok` if there is none.
    ///
    /// # Errors
    /// The faults.
    pub(crate) fn none_or(faults: Vec<Advice>) -> Result<(), Self> {
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
    pub fn one(fault: Advice) -> Self {
        Self(vec![fault])
    }

    /// The fault that was found first.
    pub fn first(&self) -> Advice {
        let first = self.0.first().cloned();
        first.unwrap_or_else(|| Advice::new("", ""))
    }

    /// The faults in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Advice> {
        self.0.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "error: {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// A value that is no secret, quoted for a message: escaped, and cut at 60 characters.
pub(super) fn quoted(value: &str) -> String {
    const SHOWN: usize = 60;
    let mut short: String = value.chars().take(SHOWN).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    format!("{short:?}")
}
