//! What differs between two configurations, told by the names of variables.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use super::files::Wait;
use super::{secrets, variables};
use crate::advice::Advice;

/// Which change of a variable may let somebody in, or see more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Widens {
    /// None.
    Never,
    /// Any.
    Any,
    /// An entry that its list did not have.
    Added,
    /// An entry that its list has no more.
    Removed,
    /// An entry that its list did not have, where it is meant for another database than the one
    /// that is served until a restart.
    Elsewhere,
}

impl Widens {
    /// Whether the change from one text to another widens.
    fn by(self, before: Option<&str>, after: Option<&str>, elsewhere: bool) -> bool {
        let lacks = |list: Option<&str>, other: Option<&str>| {
            let entries = |list: Option<&str>| -> Vec<String> {
                let entries = list.unwrap_or_default().split(',').map(str::trim);
                entries
                    .map(str::to_owned)
                    .filter(|it| !it.is_empty())
                    .collect()
            };
            let known = entries(list);
            entries(other).iter().any(|entry| !known.contains(entry))
        };
        match self {
            Self::Never => false,
            Self::Any => before != after,
            Self::Added => lacks(before, after),
            Self::Removed => lacks(after, before),
            Self::Elsewhere => elsewhere && lacks(before, after),
        }
    }
}

/// Each variable's text as it counts, to tell two configurations apart.
///
/// A secret is held as the value that was found, in the variable or in its file; `Debug` shows
/// nothing.
#[derive(Clone, Default)]
pub struct Settings(BTreeMap<String, SecretString>);

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}

impl Settings {
    /// The variables that are no secrets, the first of each that has a value.
    pub(super) fn read(vars: &[(String, String)]) -> Self {
        let mut settings = Self::default();
        for name in variables::names() {
            let secret = variables::is_secret(&name);
            let typed = vars.iter().find(|var| var.0 == name && !var.1.is_empty());
            if let Some((_, value)) = typed.filter(|_| !secret) {
                settings.note(&name, value);
            }
        }
        settings
    }

    /// Takes the value of a secret, wherever it was found.
    pub(super) fn note(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.into());
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(SecretString::expose_secret)
    }

    /// What differs in `new`, in the order of the variables' table.
    pub(super) fn changes(&self, new: &Self) -> Vec<Change> {
        let differs = |name: &str| self.value(name) != new.value(name);
        let elsewhere = differs("DATABASE_URL");
        variables::names()
            .filter(|name| differs(name))
            .map(|name| {
                let known = variables::find(&name);
                let default = known.and_then(|known| known.default);
                let (before, after) = (self.value(&name).or(default), new.value(&name).or(default));
                let shown = |text: Option<&str>| text.unwrap_or("unset").to_owned();
                let values = known
                    .is_none_or(|known| !known.secret)
                    .then(|| (shown(before), shown(after)));
                let follows = variables::follows(&name);
                Change {
                    follows: follows.is_some(),
                    widens: follows.is_some_and(|widens| widens.by(before, after, elsewhere)),
                    values,
                    variable: name.into_owned(),
                }
            })
            // The default as a person typed it is no change.
            .filter(|change| {
                change
                    .values
                    .as_ref()
                    .is_none_or(|(before, after)| before != after)
            })
            .collect()
    }

    /// What is in force after a reload of `new`: what waits for a restart stays as it is here.
    pub(super) fn reloaded(&self, new: &Self) -> Self {
        let follows = |name: &str| variables::follows(name).is_some();
        let kept = self.0.iter().filter(|(name, _)| !follows(name));
        let taken = new.0.iter().filter(|(name, _)| follows(name));
        let both = kept.chain(taken);
        Self(
            both.map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        )
    }

    /// Every variable as it counts, for those who administer: no secret's value.
    pub(crate) fn told(&self) -> Vec<Setting> {
        let told = variables::all().map(|known| {
            let file = format!("{}_FILE", known.name);
            let typed = self.value(known.name);
            let from = match typed {
                None => Origin::Default,
                Some(_) if known.secret && self.value(&file).is_some() => Origin::File,
                Some(_) => Origin::Set,
            };
            let value = typed.or(known.default).filter(|_| !known.secret);
            Setting {
                name: known.name,
                meaning: known.meaning,
                default: known.default,
                secret: known.secret,
                value: value.map(str::to_owned),
                from,
                follows: known.follows.is_some(),
            }
        });
        told.collect()
    }

    /// The variables, each secret by its value.
    pub(super) fn by_value(&self) -> Vec<(String, String)> {
        self.variables(|name| {
            let of = name.strip_suffix("_FILE");
            !of.is_some_and(|of| self.0.contains_key(of))
        })
    }

    /// The secrets that a file holds, with that file.
    pub(super) fn of_files(&self) -> Vec<(String, PathBuf)> {
        let files = self.0.iter();
        let files = files.filter_map(|(name, file)| Some((name.strip_suffix("_FILE")?, file)));
        let held =
            files.filter(|(name, _)| variables::is_secret(name) && self.0.contains_key(*name));
        held.map(|(name, file)| (name.to_owned(), PathBuf::from(file.expose_secret())))
            .collect()
    }

    /// The variables, these secrets by their files and each other one by its value.
    pub(super) fn by_file_of(&self, secrets: &[String]) -> Vec<(String, String)> {
        let is_one = |name: &str| secrets.iter().any(|secret| secret == name);
        self.variables(|name| match name.strip_suffix("_FILE") {
            Some(of) if self.0.contains_key(of) => is_one(of),
            _ => !is_one(name),
        })
    }

    /// Takes a variable as it counts in another configuration.
    pub(super) fn take(&mut self, name: &str, from: &Self) {
        if let Some(value) = from.value(name) {
            self.note(name, value);
        }
    }

    /// Takes those tokens away that the file of a list does not hold; a fault says that some are gone.
    pub(super) fn withdraw(&mut self, name: &str) -> Option<Advice> {
        let file = self.value(&format!("{name}_FILE")).map(PathBuf::from);
        let text = file.and_then(|file| secrets::read(&file, Wait::Never).ok());
        self.withdraw_all_but(name, &text.unwrap_or_default())
    }

    /// Takes those tokens of a list away that a text does not hold. Where none is left, one that nobody
    /// knows stands in their place.
    pub(super) fn withdraw_all_but(&mut self, name: &str, text: &str) -> Option<Advice> {
        let variable = format!("{name}_FILE");
        let held: Vec<&str> = text.split(',').map(str::trim).collect();
        let before = self.value(name).unwrap_or_default();
        let tokens: Vec<&str> = before.split(',').map(str::trim).collect();
        let kept: Vec<&str> = tokens
            .iter()
            .copied()
            .filter(|it| held.contains(it))
            .collect();
        if kept.len() == tokens.len() {
            return None;
        }
        let kept = match kept.is_empty() {
            true => secrets::of_nobody(name)?,
            false => kept.join(","),
        };
        self.note(name, &kept);
        let reason = Advice::new(
            "tokens that the file does not hold let nobody in any more",
            "write those that are to be let in into it; it is read as soon as it has changed",
        );
        Some(reason.of(&variable))
    }

    /// The variables as they were typed, a secret by its file where one holds it.
    pub(super) fn by_file(&self) -> Vec<(String, String)> {
        self.variables(|name| !self.0.contains_key(&format!("{name}_FILE")))
    }

    fn variables(&self, counts: impl Fn(&str) -> bool) -> Vec<(String, String)> {
        let counted = self.0.iter().filter(|(name, _)| counts(name));
        counted
            .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
            .collect()
    }
}

/// A variable as it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it means, in one line.
    pub meaning: &'static str,
    /// Its default, as one would type it.
    pub default: Option<&'static str>,
    /// Whether its value is never shown.
    pub secret: bool,
    /// Its value; none of a secret, and where there is neither a value nor a default.
    pub value: Option<String>,
    /// Where it came from.
    pub from: Origin,
    /// Whether a reload puts another in force.
    pub follows: bool,
}

/// Where the value of a variable came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The environment, or the file `.env`.
    Set,
    /// The file that its `_FILE` form names.
    File,
}

/// A variable that differs between two configurations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Its name.
    pub variable: String,
    /// What it was and what it is; `None` for a secret.
    pub values: Option<(String, String)>,
    /// Whether a reload puts it in force.
    pub follows: bool,
    /// Whether it may let somebody in, or see more.
    pub(crate) widens: bool,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.values {
            Some((before, after)) => write!(f, "{}: {before} -> {after}", self.variable),
            None => write!(f, "{}: changed", self.variable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(vars: &[(&str, &str)]) -> Settings {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Settings::read(&vars.iter().map(owned).collect::<Vec<_>>())
    }

    fn told(before: &Settings, after: &Settings) -> Vec<(String, bool)> {
        let changes = before.changes(after);
        let told = changes.iter();
        told.map(|change| (change.to_string(), change.follows))
            .collect()
    }

    #[test]
    fn differences_are_told_by_name_and_secrets_without_their_value() {
        let mut before = settings(&[("MCP_LISTEN", "127.0.0.1:1"), ("MCP_READONLY", "true")]);
        let mut after = settings(&[("MCP_RATE_LIMIT", "7"), ("MCP_NUMBERS", "")]);
        before.note("MCP_TOKEN", "s3same-old");
        after.note("MCP_TOKEN", "s3same-new");
        assert_eq!(
            told(&before, &after),
            [
                ("MCP_TOKEN: changed".to_owned(), true),
                (
                    "MCP_LISTEN: 127.0.0.1:1 -> 127.0.0.1:8000".to_owned(),
                    false
                ),
                ("MCP_RATE_LIMIT: 60 -> 7".to_owned(), true),
            ]
        );
        assert!(!format!("{before:?}").contains("s3same"));
    }

    #[test]
    fn what_waits_for_a_restart_is_told_until_it_comes() {
        let running = settings(&[("MCP_POOL_SIZE", "4")]);
        let new = settings(&[("MCP_POOL_SIZE", "8"), ("MCP_RATE_LIMIT", "7")]);
        assert_eq!(running.changes(&new).len(), 2);
        let new = running.reloaded(&new);
        assert_eq!(
            told(&running, &new),
            [("MCP_RATE_LIMIT: 60 -> 7".to_owned(), true)]
        );
    }
}
