//! Paths: from the names of a request to the columns that they mean.
//!
//! A path is relations to one, then a field, then perhaps a part of its date: `Album.Artist.Name`,
//! `Invoice.InvoiceDate.$month`. A name that holds a dot stands in double quotes, a quote within is
//! doubled. Each step is looked up in the caller's own catalog.

use std::borrow::Cow;

use super::date::DatePart;
use super::joins::{Joins, Source};
use super::term::{Column, Term};
use super::zone::Zone;
use super::{field_not_allowed, filter};
use crate::catalog::{Catalog, Field, Model, Relation};
use crate::error::{Error, ErrorKind};
use crate::suggest;

/// Relations of one path at the most.
const MAX_STEPS: usize = 4;

/// The names that a request may use, and the sources that it needs for those it used.
#[derive(Debug)]
pub(super) struct Names<'c> {
    pub(super) model: &'c Model,
    /// None where a name is a field of the model and nothing else.
    catalog: Option<&'c Catalog>,
    pub(super) joins: Joins<'c>,
    /// By whose clock parts of dates are told.
    pub(super) zone: Option<Zone>,
}

/// Why a name means nothing.
#[derive(Debug)]
pub(super) enum Unresolved {
    /// No readable field has it: a hidden one reads as an unknown one.
    Unknown {
        /// What may be meant.
        hint: String,
    },
    /// It leads to many rows by the relation of that name.
    Many(Box<str>),
    /// It asks for too much.
    Refused(Error),
}

impl<'c> Names<'c> {
    /// The fields of a model alone.
    pub(super) fn own(model: &'c Model) -> Self {
        Self {
            model,
            catalog: None,
            joins: Joins::of(model),
            zone: None,
        }
    }

    /// The fields of a model, and of those that its relations to one lead to.
    pub(super) fn across(model: &'c Model, catalog: &'c Catalog) -> Self {
        Self {
            catalog: Some(catalog),
            ..Self::own(model)
        }
    }

    /// What a name or a path means.
    ///
    /// # Errors
    /// As [`Unresolved`] says.
    pub(super) fn term(&mut self, name: &str) -> Result<Term<'c>, Unresolved> {
        if let Some(field) = self.model.field(name) {
            return Ok(Term::own(field));
        }
        let steps = self.catalog.and_then(|_| steps(name));
        let Some(mut steps) = steps.filter(|steps| steps.len() > 1) else {
            let hint = suggest::fields(name, self.model);
            return Err(Unresolved::Unknown { hint });
        };
        let part = match steps.last() {
            Some(Step {
                name,
                quoted: false,
            }) if name.starts_with('$') => DatePart::parse(name),
            _ => None,
        };
        if part.is_some() {
            steps.pop();
        }
        let Some(field) = steps.pop() else {
            let hint = suggest::fields(name, self.model);
            return Err(Unresolved::Unknown { hint });
        };
        let source = self.follow(&steps)?;
        let model = self.joins.model(source);
        let found = model.field(&field.name);
        let column = found.map(|field| Column { source, field });
        match (column, part) {
            (Some(column), None) => Ok(Term::Column(column)),
            (Some(column), Some(part)) if part.is_of(column.field) => {
                Ok(Term::Part(column, part, self.zone))
            }
            (Some(_), Some(part)) => Err(Unresolved::Unknown {
                hint: part.missing(&field.name),
            }),
            (None, _) => Err(match self.to_many(model, &field.name) {
                Some(relation) => Unresolved::Many(relation.name().into()),
                None => Unresolved::Unknown {
                    hint: hint(&field.name, model),
                },
            }),
        }
    }

    /// The source that relations lead to, one after the other.
    fn follow(&mut self, steps: &[Step<'_>]) -> Result<Source, Unresolved> {
        if steps.len() > MAX_STEPS {
            return Err(Unresolved::Refused(
                ErrorKind::PathTooLong(MAX_STEPS).into(),
            ));
        }
        let mut source = Source::BASE;
        for step in steps {
            let model = self.joins.model(source);
            source = match self.to_one(model, &step.name) {
                Some((relation, target)) => self
                    .joins
                    .follow(source, relation, target)
                    .map_err(Unresolved::Refused)?,
                None => {
                    return Err(match self.to_many(model, &step.name) {
                        Some(relation) => Unresolved::Many(relation.name().into()),
                        None => Unresolved::Unknown {
                            hint: hint(&step.name, model),
                        },
                    });
                }
            };
        }
        Ok(source)
    }

    /// A field of the row that a key leads to, as a path: what rows are better asked for by than by
    /// a list of their keys.
    pub(super) fn beyond(&self, term: &Term<'c>) -> Option<String> {
        let Term::Column(Column { source, field }) = term else {
            return None;
        };
        let catalog = self.catalog.filter(|_| *source == Source::BASE)?;
        self.model.to_one().find_map(|relation| {
            let target = relation.target(catalog)?;
            let mut pairs = relation.pairs(self.model, target);
            let (_, there) = pairs.find(|(here, _)| std::ptr::eq(*here, *field))?;
            let own = |other: &&Field| !std::ptr::eq(*other, there) && other.is_filterable();
            let mut fields = target.fields().iter().filter(own);
            let dated = fields.clone().find(|field| field.field_type().has_date());
            let told = dated.or_else(|| fields.next())?;
            Some(format!("{}.{}", relation.name(), told.name()))
        })
    }

    /// The relation to one of that name, and the model that it leads to.
    pub(super) fn to_one(&self, model: &'c Model, name: &str) -> Option<(&'c Relation, &'c Model)> {
        let relation = model.relation(name).filter(|it| !it.is_to_many())?;
        Some((relation, relation.target(self.catalog?)?))
    }

    fn to_many(&self, model: &'c Model, name: &str) -> Option<&'c Relation> {
        model.relation(name).filter(|it| it.is_to_many())
    }
}

impl Unresolved {
    /// The refusal of a name in `fields`, `sort`, `group_by` or `aggregate`.
    pub(super) fn of_field(self, name: &str, model: &Model) -> Error {
        match self {
            Self::Unknown { hint } => field_not_allowed(name, model).with_hint(hint),
            Self::Many(relation) => field_not_allowed(name, model).with_hint(format!(
                "{relation} holds many rows: a path leads along relations to one"
            )),
            Self::Refused(error) => error,
        }
    }
}

/// What may be meant by a step of a path, from readable names alone.
fn hint(name: &str, model: &Model) -> String {
    let relations: Vec<&str> = model.to_one().map(Relation::name).collect();
    match (
        suggest::nearest(name, relations.iter().copied()),
        &relations[..],
    ) {
        (Some(near), _) => format!("did you mean {near:?}?"),
        (None, []) => suggest::fields(name, model),
        (None, relations) => format!(
            "{}; relations: {}",
            suggest::fields(name, model),
            relations.join(", ")
        ),
    }
}

/// One name of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step<'t> {
    name: Cow<'t, str>,
    quoted: bool,
}

/// The names of a path; `None` for what is none.
fn steps(text: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    let mut rest = text;
    loop {
        let (step, after) = match rest.strip_prefix('"') {
            Some(inner) => quoted(inner)?,
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                let (name, after) = rest.split_at(end);
                let step = Step {
                    name: Cow::Borrowed(name),
                    quoted: false,
                };
                (step, after)
            }
        };
        if step.name.is_empty() || !step.quoted && step.name.contains('"') {
            return None;
        }
        steps.push(step);
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None => return after.is_empty().then_some(steps),
        }
    }
}

/// What stands in quotes, whose first is read, and what comes after them.
fn quoted(inner: &str) -> Option<(Step<'_>, &str)> {
    let mut name = String::new();
    let mut rest = inner;
    loop {
        let (before, after) = rest.split_once('"')?;
        name.push_str(before);
        match after.strip_prefix('"') {
            Some(next) => {
                name.push('"');
                rest = next;
            }
            None => {
                let step = Step {
                    name: Cow::Owned(name),
                    quoted: true,
                };
                return Some((step, after));
            }
        }
    }
}

/// The names of a path of relations alone; a relation of that very name is one, dots or not.
///
/// # Errors
/// `Path too long`.
pub(super) fn relations<'t>(text: &'t str, model: &Model) -> Result<Vec<Cow<'t, str>>, Error> {
    let whole = || vec![Cow::Borrowed(text)];
    if model.relation(text).is_some() {
        return Ok(whole());
    }
    let steps = steps(text).map(|steps| steps.into_iter().map(|step| step.name).collect());
    match steps.unwrap_or_else(whole) {
        steps if steps.len() > MAX_STEPS => Err(ErrorKind::PathTooLong(MAX_STEPS).into()),
        steps => Ok(steps),
    }
}

/// Whether a text is a path of more than one name, each of which could be one.
pub(super) fn is_path(text: &str) -> bool {
    steps(text).is_some_and(|steps| {
        let mut named = steps.iter().enumerate();
        let is_part = |at: usize, step: &Step<'_>| {
            at + 1 == steps.len() && DatePart::parse(&step.name).is_some()
        };
        steps.len() > 1
            && named.all(|(at, step)| match step.quoted {
                true => step.name.chars().count() <= filter::MAX_NAME,
                false => filter::is_plain(&step.name) || is_part(at, step),
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Option<Vec<String>> {
        let steps = steps(text)?.into_iter();
        Some(steps.map(|step| step.name.into_owned()).collect())
    }

    #[test]
    fn dots_separate_names_and_quotes_hold_them() {
        for (text, expected) in [
            ("Album", &["Album"][..]),
            ("Album.Artist.Name", &["Album", "Artist", "Name"]),
            (r#""a.b".c"#, &["a.b", "c"]),
            (r#"a."b ""c"".d""#, &["a", r#"b "c".d"#]),
            ("a.$month", &["a", "$month"]),
        ] {
            let expected = expected.iter().map(ToString::to_string).collect();
            assert_eq!(names(text), Some(expected), "{text}");
        }
        for text in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            r#"a"b.c"#,
            r#""a"#,
            r#""a"b.c"#,
            r#""".a"#,
        ] {
            assert_eq!(names(text), None, "{text}");
        }
    }

    #[test]
    fn a_path_is_of_names_that_could_be_there() {
        for text in ["a.b", "a.b.c.d.e.f", r#""a b".c"#, "a.b.$month"] {
            assert!(is_path(text), "{text}");
        }
        for text in ["a", "a b.c", "a.$x", "$month.a", "a.b;", r#""a.b""#] {
            assert!(!is_path(text), "{text}");
        }
    }
}
