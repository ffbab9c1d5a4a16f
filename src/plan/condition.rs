//! Conditions on rows, as a plan holds them.
//!
//! Every condition is true or false, never unknown: a NULL fails each comparison, and a negation
//! is the exact complement. So negations are moved down to the single tests, and `sql` writes a
//! negated test so that it holds for NULL.

use sha2::{Digest, Sha256};

use super::joins::{Joins, Rows, Source};
use super::term::{Column, Term};
use crate::catalog::{Field, FieldType};
use crate::value::Value;

/// Which rows are meant.
#[derive(Debug)]
pub enum Condition<'c> {
    /// All of these hold; none of them means every row.
    All(Vec<Condition<'c>>),
    /// At least one of these holds; none of them means no row.
    Any(Vec<Condition<'c>>),
    /// A test of one value.
    Test {
        /// The value.
        term: Term<'c>,
        /// What is tested.
        comparison: Comparison,
        /// Whether the test must fail; it then holds for NULL, unless NULL is what is tested.
        negated: bool,
    },
    /// Whether a relation to many leads to a row of which something holds.
    Some {
        /// The rows.
        rows: Box<Rows<'c>>,
        /// What must hold of one of them.
        filter: Box<Condition<'c>>,
        /// Whether there must be no such row.
        negated: bool,
    },
}

/// What a test compares the field with.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each is the operator of its name")]
pub enum Comparison {
    Null,
    Equal(Value),
    Greater(Value),
    GreaterOrEqual(Value),
    Less(Value),
    LessOrEqual(Value),
    /// One of a list; `null` says whether NULL is in it.
    In {
        values: Vec<Value>,
        null: bool,
    },
    Text(Pattern),
}

/// A literal text that is looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    /// Where it must stand.
    pub place: Place,
    /// The text; nothing in it is a wildcard.
    pub text: String,
    /// Whether upper and lower case are the same.
    pub fold: bool,
}

/// Where a pattern must stand in the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Place {
    Anywhere,
    Start,
    End,
}

impl<'c> Condition<'c> {
    /// Whether every row is meant.
    pub fn is_everything(&self) -> bool {
        matches!(self, Self::All(conditions) if conditions.is_empty())
    }

    /// Whether it is what `list` can say: fields that are equal to a value or have none, all of them.
    pub(crate) fn is_equality(&self) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(Self::is_equality),
            Self::Any(_) | Self::Some { .. } => false,
            Self::Test {
                comparison,
                negated,
                ..
            } => !negated && matches!(comparison, Comparison::Equal(_) | Comparison::Null),
        }
    }

    /// The fields of text, enums and booleans that must equal a value, with it.
    pub fn sought(&self) -> Vec<(Column<'c>, &Value)> {
        match self {
            Self::All(conditions) => conditions.iter().flat_map(Condition::sought).collect(),
            Self::Test {
                term: Term::Column(column),
                comparison: Comparison::Equal(value),
                negated: false,
            } => {
                let kind = column.field.field_type();
                let told = matches!(kind, FieldType::Text | FieldType::Enum | FieldType::Boolean);
                told.then_some((*column, value)).into_iter().collect()
            }
            Self::Any(_) | Self::Test { .. } | Self::Some { .. } => Vec::new(),
        }
    }

    /// What is tested, each as often as it is, and what that is made of.
    pub(crate) fn terms(&self) -> Vec<&Term<'c>> {
        match self {
            Self::All(conditions) | Self::Any(conditions) => {
                conditions.iter().flat_map(Condition::terms).collect()
            }
            Self::Test { term, .. } => term.parts(),
            Self::Some { filter, .. } => filter.terms(),
        }
    }

    /// Whose rows are tested.
    pub fn sources(&self) -> Vec<Source> {
        match self {
            Self::All(conditions) | Self::Any(conditions) => {
                conditions.iter().flat_map(Condition::sources).collect()
            }
            Self::Test { term, .. } => term.sources(),
            Self::Some { rows, filter, .. } => {
                let mut sources = filter.sources();
                sources.push(rows.source);
                sources
            }
        }
    }

    /// What is tested, by its names: fields, paths, and relations to many.
    pub fn names(&self, joins: &Joins<'c>) -> Vec<String> {
        match self {
            Self::All(conditions) | Self::Any(conditions) => {
                let names = conditions.iter().flat_map(|one| one.names(joins));
                names.collect()
            }
            Self::Test { term, .. } => {
                let of_rows = |term: &&Term<'_>| !matches!(term, Term::Member(..));
                let terms = term.parts().into_iter().filter(of_rows);
                terms.map(|term| term.name(joins).into_owned()).collect()
            }
            Self::Some { rows, filter, .. } => {
                let mut names = filter.names(joins);
                names.push(joins.way(rows.source));
                names
            }
        }
    }

    /// Whether a text operator is among the tests.
    pub(crate) fn looks_into_text(&self) -> bool {
        match self {
            Self::All(conditions) | Self::Any(conditions) => {
                conditions.iter().any(Self::looks_into_text)
            }
            Self::Test { comparison, .. } => matches!(comparison, Comparison::Text(_)),
            Self::Some { filter, .. } => filter.looks_into_text(),
        }
    }

    /// What is compared with letters beyond ASCII.
    pub(crate) fn foreign_texts(&self) -> Vec<&Term<'c>> {
        let foreign = |value: &Value| matches!(value, Value::Text(text) if !text.is_ascii());
        match self {
            Self::All(conditions) | Self::Any(conditions) => conditions
                .iter()
                .flat_map(Condition::foreign_texts)
                .collect(),
            Self::Some { filter, .. } => filter.foreign_texts(),
            Self::Test {
                term, comparison, ..
            } => {
                let found = match comparison {
                    Comparison::Null => false,
                    Comparison::Equal(value)
                    | Comparison::Greater(value)
                    | Comparison::GreaterOrEqual(value)
                    | Comparison::Less(value)
                    | Comparison::LessOrEqual(value) => foreign(value),
                    Comparison::In { values, .. } => values.iter().any(foreign),
                    Comparison::Text(pattern) => !pattern.text.is_ascii(),
                };
                let own = found.then_some(term).into_iter();
                let within = match term {
                    Term::Summary(summary) => summary.filter.foreign_texts(),
                    _ => Vec::new(),
                };
                own.chain(within).collect()
            }
        }
    }

    /// Whether a test could tell what is hidden in a document.
    pub(crate) fn weighs_documents(&self) -> bool {
        match self {
            Self::All(conditions) | Self::Any(conditions) => {
                conditions.iter().any(Self::weighs_documents)
            }
            Self::Test {
                term, comparison, ..
            } => {
                let within = match term {
                    Term::Summary(summary) => summary.filter.weighs_documents(),
                    _ => false,
                };
                within || guards(term.field(), comparison)
            }
            Self::Some { filter, .. } => filter.weighs_documents(),
        }
    }

    /// Whether no row can be meant.
    fn is_nothing(&self) -> bool {
        matches!(self, Self::Any(conditions) if conditions.is_empty())
    }

    /// What makes this condition different from others.
    pub(super) fn digest(&self, joins: &Joins<'c>) -> [u8; 32] {
        let mut into = Sha256::new();
        match self {
            Self::All(conditions) | Self::Any(conditions) => {
                // The members of an object have no order of their own.
                let digests = conditions.iter().map(|condition| condition.digest(joins));
                let mut digests: Vec<_> = digests.collect();
                digests.sort_unstable();
                into.update(if matches!(self, Self::All(_)) {
                    b"&"
                } else {
                    b"|"
                });
                for digest in digests {
                    into.update(digest);
                }
            }
            Self::Test {
                term,
                comparison,
                negated,
            } => {
                let name = term.identity(joins);
                let text = format!("{}{name:?}{comparison:?};", u8::from(*negated));
                into.update(text.as_bytes());
            }
            Self::Some {
                rows,
                filter,
                negated,
            } => {
                let way = joins.way(rows.source);
                into.update(format!("{}{way:?}:", u8::from(*negated)).as_bytes());
                into.update(filter.digest(joins));
            }
        }
        into.finalize().into()
    }
}

/// Whether a comparison with values that look like documents could tell what is hidden in them.
///
/// Of the values that text is equal to, those count that a document could be equal to under some
/// collation; a name or a status is compared by its index alone, but where the column's collation may
/// pass over signs.
pub(crate) fn guards(field: &Field, comparison: &Comparison) -> bool {
    let like = |value: &Value| match value {
        Value::Text(_) if field.is_loose() => true,
        Value::Text(text) => !text
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~') && !b"{[\"\\:".contains(&byte)),
        _ => false,
    };
    field.may_hold_documents()
        && match comparison {
            Comparison::Null => false,
            Comparison::Equal(value) => like(value),
            Comparison::In { values, .. } => values.iter().any(like),
            _ => true,
        }
}

/// Conditions side by side are all required; negated, one that fails is enough.
pub(super) fn join(conditions: Vec<Condition<'_>>, negated: bool) -> Condition<'_> {
    if negated {
        any(conditions)
    } else {
        all(conditions)
    }
}

/// All of them, without those that always hold: only tests, which are counted, make SQL longer.
pub(super) fn all(mut conditions: Vec<Condition<'_>>) -> Condition<'_> {
    conditions.retain(|condition| !condition.is_everything());
    if conditions.iter().any(Condition::is_nothing) {
        return Condition::Any(Vec::new());
    }
    match conditions.len() {
        1 => conditions.remove(0),
        _ => Condition::All(conditions),
    }
}

/// At least one of them, without those that never hold.
pub(super) fn any(mut conditions: Vec<Condition<'_>>) -> Condition<'_> {
    conditions.retain(|condition| !condition.is_nothing());
    if conditions.iter().any(Condition::is_everything) {
        return Condition::All(Vec::new());
    }
    match conditions.len() {
        1 => conditions.remove(0),
        _ => Condition::Any(conditions),
    }
}
