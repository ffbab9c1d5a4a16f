//! Which fields are sensitive: one rule for the catalog and for members inside JSON.
//!
//! A built-in name hides every field in which it stands as whole words: `_`, `-`, any other
//! character that is neither letter nor digit, camel case and digits separate words. Its plural
//! counts too.

mod words;

use std::fmt;

use self::words::{built_in, folded, matches};

/// Decides which fields and JSON members never leave the service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sensitive {
    hidden: Vec<Hidden>,
    revealed: Vec<Reveal>,
}

/// An entry of `MCP_HIDDEN_FIELDS`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hidden {
    typed: String,
    /// Both in folded case, with `*` for any run of characters.
    model: Option<Vec<char>>,
    field: Vec<char>,
}

impl Hidden {
    fn covers(&self, model: &str, field: &str) -> bool {
        let pattern = self.model.as_ref();
        matches(&self.field, field) && pattern.is_none_or(|pattern| matches(pattern, model))
    }
}

/// An entry of `MCP_REVEAL_FIELDS`, compared exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reveal {
    model: String,
    field: String,
}

/// The names by which an operator may mean a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ModelNames<'m> {
    /// The one that clients use.
    pub model: &'m str,
    /// The table's, with its schema.
    pub(crate) qualified: &'m str,
    /// The table's alone.
    pub table: &'m str,
}

impl ModelNames<'_> {
    fn all(&self) -> [&str; 3] {
        [self.model, self.qualified, self.table]
    }
}

/// What hides a field. `Display` is made for the operator: `built-in: password_hash`,
/// `MCP_HIDDEN_FIELDS: users.email`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule<'a> {
    /// One of the built-in names.
    BuiltIn(&'static str),
    /// An entry of `MCP_HIDDEN_FIELDS`, as typed.
    Configured(&'a str),
}

impl fmt::Display for Rule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(name) => write!(f, "built-in: {name}"),
            Self::Configured(entry) => write!(f, "MCP_HIDDEN_FIELDS: {entry}"),
        }
    }
}

/// An entry that has no meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvalidEntry {
    /// `MCP_HIDDEN_FIELDS` or `MCP_REVEAL_FIELDS`.
    pub variable: &'static str,
    /// The entry as typed.
    pub entry: String,
    /// What was expected instead.
    pub expected: &'static str,
}

impl Sensitive {
    /// Takes the entries of `MCP_HIDDEN_FIELDS` and `MCP_REVEAL_FIELDS` beside the built-in names.
    ///
    /// `hidden`: `field` or `model.field`, `*` for any run of characters, in any case of letters.
    /// `reveal`: `model.field` exactly; it undoes a built-in name, never an entry of `hidden`. The
    /// last dot separates, for a model's name may hold one. All entries without a meaning come
    /// back together.
    pub(crate) fn new<S: AsRef<str>>(
        hidden: &[S],
        reveal: &[S],
    ) -> Result<Self, Vec<InvalidEntry>> {
        let mut sensitive = Self::default();
        let mut invalid = Vec::new();
        for entry in hidden {
            let entry = entry.as_ref();
            let (model, field) = match entry.rsplit_once('.') {
                Some((model, field)) => (Some(model), field),
                None => (None, entry),
            };
            if field.is_empty() || model.is_some_and(str::is_empty) {
                invalid.push(InvalidEntry {
                    variable: "MCP_HIDDEN_FIELDS",
                    entry: entry.to_owned(),
                    expected: "field or model.field",
                });
                continue;
            }
            sensitive.hidden.push(Hidden {
                typed: entry.to_owned(),
                model: model.map(folded),
                field: folded(field),
            });
        }
        for entry in reveal {
            let entry = entry.as_ref();
            match entry.rsplit_once('.') {
                Some((model, field))
                    if !model.is_empty() && !field.is_empty() && !entry.contains('*') =>
                {
                    sensitive.revealed.push(Reveal {
                        model: model.to_owned(),
                        field: field.to_owned(),
                    });
                }
                _ => invalid.push(InvalidEntry {
                    variable: "MCP_REVEAL_FIELDS",
                    entry: entry.to_owned(),
                    expected: "model.field, without *",
                }),
            }
        }
        if invalid.is_empty() {
            Ok(sensitive)
        } else {
            Err(invalid)
        }
    }

    /// What hides all that either hides.
    pub fn or(&self, other: &Self) -> Self {
        let mut both = self.clone();
        let more = other
            .hidden
            .iter()
            .filter(|entry| !self.hidden.contains(entry));
        both.hidden.extend(more.cloned());
        both.revealed.retain(|entry| other.revealed.contains(entry));
        both
    }

    /// The rule that hides a field of a model of one name, if one does.
    #[cfg(test)]
    pub(crate) fn hides_field(&self, model: &str, field: &str) -> Option<Rule<'_>> {
        let named = ModelNames {
            model,
            qualified: model,
            table: model,
        };
        self.hides(named, field)
    }

    /// The rule that hides a field of a model, by whichever of its names.
    ///
    /// What is revealed is named as clients name it, or with its schema: a table alone may be
    /// another's.
    pub(crate) fn hides(&self, named: ModelNames<'_>, field: &str) -> Option<Rule<'_>> {
        match built_in(field) {
            Some(name) if !self.reveals(named, field) => Some(Rule::BuiltIn(name)),
            _ => {
                let mut names = named.all().into_iter();
                names.find_map(|name| self.configured(name, field))
            }
        }
    }

    /// The entry of the operator that hides a field.
    fn configured(&self, model: &str, field: &str) -> Option<Rule<'_>> {
        let mut entries = self.hidden.iter();
        let entry = entries.find(|entry| entry.covers(model, field))?;
        Some(Rule::Configured(&entry.typed))
    }

    /// Whether the operator says that nothing built in hides this field of a model.
    pub(crate) fn reveals(&self, named: ModelNames<'_>, field: &str) -> bool {
        let mut names = [named.model, named.qualified].into_iter();
        names.any(|name| self.is_revealed(name, field))
    }

    fn is_revealed(&self, model: &str, field: &str) -> bool {
        let mut entries = self.revealed.iter();
        entries.any(|entry| entry.model == model && entry.field == field)
    }

    /// The operator's entries that touch none of these fields, each of a model and its field: with
    /// its variable, as typed.
    pub(crate) fn idle(&self, fields: &[(ModelNames<'_>, &str)]) -> Vec<(&'static str, String)> {
        let hidden = self.hidden.iter().filter(|entry| {
            !fields.iter().any(|(named, field)| {
                let mut names = named.all().into_iter();
                names.any(|name| entry.covers(name, field))
            })
        });
        let revealed = self.revealed.iter().filter(|entry| {
            built_in(&entry.field).is_none()
                || !fields.iter().any(|(named, field)| {
                    entry.field == *field
                        && [named.model, named.qualified].contains(&entry.model.as_str())
                })
        });
        let hidden = hidden.map(|entry| ("MCP_HIDDEN_FIELDS", entry.typed.clone()));
        let revealed = revealed.map(|entry| {
            let typed = format!("{}.{}", entry.model, entry.field);
            ("MCP_REVEAL_FIELDS", typed)
        });
        hidden.chain(revealed).collect()
    }

    /// Whether an entry that hides is typed like this.
    pub fn names(&self, typed: &str) -> bool {
        self.hidden.iter().any(|entry| entry.typed == typed)
    }

    /// Whether a member of this name is removed from JSON, at any depth and in any model: the
    /// built-in names, and the hidden fields without a model. Nothing is revealed there.
    pub(crate) fn hides_member(&self, name: &str) -> bool {
        built_in(name).is_some()
            || self
                .hidden
                .iter()
                .any(|entry| entry.model.is_none() && matches(&entry.field, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_fields_by_name_model_and_star() {
        let sensitive = Sensitive::new(
            &[
                "email",
                "tickets.notes",
                "*_internal",
                "audit.*",
                "public.users.phone",
                "t*.a*z",
            ],
            &[],
        )
        .unwrap();
        let shown = |model, field| {
            sensitive
                .hides_field(model, field)
                .map(|rule| rule.to_string())
        };
        for (model, field, entry) in [
            ("users", "email", "email"),
            ("users", "EMail", "email"),
            ("Tickets", "Notes", "tickets.notes"),
            ("users", "note_internal", "*_internal"),
            ("users", "_internal", "*_internal"),
            ("audit", "anything", "audit.*"),
            ("public.users", "phone", "public.users.phone"),
            ("tickets", "abz-xyz", "t*.a*z"),
        ] {
            assert_eq!(
                shown(model, field),
                Some(format!("MCP_HIDDEN_FIELDS: {entry}"))
            );
        }
        for (model, field) in [
            ("users", "notes"),
            ("users", "emails"),
            ("users", "internal"),
            ("users", "phone"),
            ("tickets", "abzy"),
            ("audits", "x"),
        ] {
            assert_eq!(shown(model, field), None, "{model}.{field}");
        }
    }

    #[test]
    fn revealing_undoes_a_built_in_name_alone() {
        let sensitive = Sensitive::new(
            &["users.api_key"],
            &["users.tokens_used", "users.api_key", "a.b.token"],
        )
        .unwrap();
        assert_eq!(sensitive.hides_field("users", "tokens_used"), None);
        assert_eq!(sensitive.hides_field("a.b", "token"), None);
        assert!(sensitive.hides_field("orders", "tokens_used").is_some());
        assert!(sensitive.hides_field("users", "Tokens_Used").is_some());
        assert_eq!(
            sensitive.hides_field("users", "api_key"),
            Some(Rule::Configured("users.api_key"))
        );
        assert!(sensitive.hides_member("tokens_used"));
    }

    #[test]
    fn members_go_by_the_names_without_a_model() {
        let sensitive = Sensitive::new(&["ssn", "note*", "users.email"], &[]).unwrap();
        for name in ["ssn", "SSN", "notes", "password", "apiKey"] {
            assert!(sensitive.hides_member(name), "{name}");
        }
        for name in ["email", "name", "", "ssns"] {
            assert!(!sensitive.hides_member(name), "{name}");
        }
    }

    #[test]
    fn entries_that_touch_nothing_are_told() {
        let sensitive = Sensitive::new(
            &["users.emial", "users.email", "api_key", "t*.note"],
            &["users.api_key", "users.token", "users.name"],
        )
        .unwrap();
        let users = ModelNames {
            model: "users",
            qualified: "main.users",
            table: "users",
        };
        let fields = [(users, "email"), (users, "api_key"), (users, "name")];
        let idle = sensitive.idle(&fields);
        let typed: Vec<&str> = idle.iter().map(|(_, typed)| typed.as_str()).collect();
        assert_eq!(
            typed,
            ["users.emial", "t*.note", "users.token", "users.name"]
        );
    }

    #[test]
    fn entries_without_a_meaning_come_back_together() {
        let invalid = Sensitive::new(
            &["", ".x", "x.", "ok"],
            &["token", "users.*", "a.", "users.token"],
        )
        .unwrap_err();
        let entries: Vec<&str> = invalid.iter().map(|entry| entry.entry.as_str()).collect();
        assert_eq!(entries, ["", ".x", "x.", "token", "users.*", "a."]);
    }

    #[test]
    fn a_field_is_judged_by_all_names_of_its_model() {
        let people = ModelNames {
            model: "people",
            qualified: "public.users",
            table: "users",
        };
        let hides = |hidden: &[&str], reveal: &[&str], field: &str| {
            let sensitive = Sensitive::new(hidden, reveal).unwrap();
            let rule = sensitive.hides(people, field).map(|rule| rule.to_string());
            (rule.unwrap_or_default(), sensitive.reveals(people, field))
        };
        let by = |entry: &str| (format!("MCP_HIDDEN_FIELDS: {entry}"), false);
        for entry in ["people.email", "public.users.email", "users.email", "email"] {
            assert_eq!(hides(&[entry], &[], "email"), by(entry));
        }
        assert_eq!(
            hides(&["orders.email"], &[], "email"),
            (String::new(), false)
        );
        // Revealed by the name that clients use, or by that of the table with its schema, and not by
        // one that several tables may have.
        let built_in = ("built-in: api_key".to_owned(), false);
        assert_eq!(hides(&[], &[], "api_key"), built_in);
        assert_eq!(hides(&[], &["users.api_key"], "api_key"), built_in);
        for reveal in ["people.api_key", "public.users.api_key"] {
            assert_eq!(hides(&[], &[reveal], "api_key"), (String::new(), true));
            let hidden = hides(&["users.api_key"], &[reveal], "api_key").0;
            assert_eq!(hidden, "MCP_HIDDEN_FIELDS: users.api_key");
        }
    }

    #[test]
    fn two_together_hide_what_either_hides() {
        let of = |hidden: &[&str], reveal: &[&str]| Sensitive::new(hidden, reveal).unwrap();
        let one = of(&["ssn", "email"], &["users.token", "users.secret"]);
        let other = of(&["email", "phone"], &["users.token"]);
        for both in [one.or(&other), other.or(&one)] {
            for field in ["ssn", "email", "phone", "secret"] {
                assert!(both.hides_field("users", field).is_some(), "{field}");
            }
            assert_eq!(both.hides_field("users", "token"), None);
            assert_eq!(both.hidden.len(), 3);
            assert!(both.names("ssn") && !both.names("name"));
        }
    }
}
