//! What a record's values must be, before they are written.

use std::collections::BTreeMap;

use crate::advice::Advice;
use crate::auth::Scope;
use crate::config::{self};

use super::id::is_id;
use super::{ClientLimits, RowRule};

/// The longest name of a record, in characters.
const MAX_NAME: usize = 100;
/// The longest description, in characters.
const MAX_TEXT: usize = 1_000;
/// The longest name of a scope that only tools ask for, or of an attribute, in characters.
const MAX_WORD: usize = 48;
/// The most attributes of a token.
const MAX_ATTRIBUTES: usize = 32;
/// Scopes that somebody may believe in: there is no such thing to be granted.
const NO_SCOPES: [&str; 6] = ["admin", "all", "create", "delete", "update", "write"];
/// The most rules of a tenant or token.
const MAX_RULES: usize = 100;

/// Whether a token may be granted this: what there is, or what tools alone ask for.
fn is_scope(name: &str) -> bool {
    let own = || {
        is_plain(name, |byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit()
        })
    };
    Scope::parse(name).is_some() || (!NO_SCOPES.contains(&name) && own())
}

/// Whether a word begins with a letter and is made of these, `_` and `-`.
fn is_plain(word: &str, may: impl Fn(u8) -> bool) -> bool {
    let mut bytes = word.bytes();
    let begins = |first: u8| may(first) && first.is_ascii_alphabetic();
    word.len() <= MAX_WORD
        && bytes.next().is_some_and(begins)
        && bytes.all(|byte| may(byte) || matches!(byte, b'_' | b'-'))
}

/// What is wrong with a record, each fault by the member that it is of.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Advice>);

impl Faults {
    pub(super) fn none_or(self) -> Result<(), config::Faults> {
        config::Faults::none_or(self.0)
    }

    pub(super) fn take(&mut self, read: Result<(), config::Faults>) {
        if let Err(faults) = read {
            self.0.extend(faults.iter().cloned());
        }
    }

    pub(super) fn add(&mut self, member: &str, message: impl Into<String>, help: &str) {
        self.0.push(Advice::about(
            member.to_owned(),
            message.into(),
            help.to_owned(),
        ));
    }

    pub(super) fn name(&mut self, member: &str, name: &str) {
        const HELP: &str = "for example acme or night-reports";
        if name.is_empty() || name.chars().count() > MAX_NAME {
            self.add(member, format!("expected 1 to {MAX_NAME} characters"), HELP);
        } else if name.chars().any(char::is_control) || name.trim() != name {
            self.add(
                member,
                "expected no control characters, and no space at either end",
                HELP,
            );
        } else if is_id(name) {
            self.add(member, "16 hexadecimal digits are an id, no name", HELP);
        }
    }

    pub(super) fn text(&mut self, member: &str, text: &str) {
        if text.chars().count() > MAX_TEXT || text.chars().any(char::is_control) {
            self.add(
                member,
                format!("expected one line of at most {MAX_TEXT} characters"),
                "say it in fewer words",
            );
        }
    }

    pub(super) fn names(&mut self, member: &str, names: Option<&[String]>) {
        let odd = |name: &String| name.is_empty() || name.chars().any(char::is_control);
        match names {
            Some([]) => self.add(
                member,
                "expected at least one",
                "leave it out for all of them",
            ),
            Some(names) if names.iter().any(odd) => {
                self.add(member, "expected names", "for example users");
            }
            _ => {}
        }
    }

    pub(super) fn scopes(&mut self, scopes: &[String]) {
        let known = Scope::ALL.map(Scope::name).join(", ");
        if scopes.is_empty() {
            self.add(
                "scopes",
                "expected at least one",
                &format!("there are {known}"),
            );
        }
        for scope in scopes.iter().filter(|scope| !is_scope(scope)) {
            self.add(
                "scopes",
                format!("there is no scope {scope:?}"),
                &format!(
                    "there are {known}, and those that tools of your own ask for: small letters, \
                     digits, _ and -"
                ),
            );
        }
    }

    pub(super) fn attributes(&mut self, attributes: &BTreeMap<String, String>) {
        if attributes.len() > MAX_ATTRIBUTES {
            self.add(
                "attributes",
                format!("expected at most {MAX_ATTRIBUTES}"),
                "keep those that tools ask for",
            );
        }
        for (name, value) in attributes {
            if !is_plain(name, |byte| byte.is_ascii_alphanumeric()) {
                self.add(
                    "attributes",
                    format!("{name:?} is no name of an attribute"),
                    "write letters, digits, _ and -, for example company",
                );
            }
            self.text("attributes", value);
        }
    }

    pub(super) fn rows(&mut self, member: &str, rules: &[RowRule]) {
        if rules.len() > MAX_RULES {
            self.add(
                member,
                format!("expected at most {MAX_RULES} rules"),
                "join values in one rule: tickets.company_id in (1, 2)",
            );
        }
        // What could not be read again would take the whole record away.
        let odd = |rule: &&RowRule| rule.to_string().parse().as_ref() != Ok(*rule);
        for rule in rules.iter().filter(odd) {
            self.add(
                member,
                format!("{rule} is no rule that can be kept"),
                "for example tickets.company_id = 42",
            );
        }
    }

    pub(super) fn limits(&mut self, limits: ClientLimits) {
        const DAY: u32 = 86_400;
        if limits.rate_limit == Some(0) || limits.rows_per_day == Some(0) {
            self.add(
                "limits",
                "expected at least 1",
                "to let nobody in, deactivate the token or its tenant",
            );
        }
        if limits
            .rate_window
            .is_some_and(|window| !(1..=DAY).contains(&window))
        {
            self.add(
                "limits",
                format!("expected a window of 1 to {DAY} seconds"),
                "for example 60",
            );
        }
    }
}
