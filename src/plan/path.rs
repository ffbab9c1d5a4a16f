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
use super::{Shown, field_not_allowed, filter};
use crate::catalog::{Catalog, Field, Model, Relation};
use crate::error::{Error, ErrorKind, Remark};
use crate::suggest;

/// Relations of one path at the most.
const MAX_STEPS: usize = 4;

/// The names that a request may use, and the sources that it needs for those it used.
#[derive(Debug)]
pub(super) struct Names<'c> {
    /// The model that names begin at.
    pub(super) model: &'c Model,
    /// The source that they begin at.
    base: Source,
    /// How many relations to many lead there.
    pub(super) level: usize,
    /// None where a name is a field of the model and nothing else.
    catalog: Option<&'c Catalog>,
    pub(super) joins: Joins<'c>,
    /// By whose clock parts of dates are told.
    pub(super) zone: Option<Zone>,
    /// Values by names of the client's own.
    pub(super) computed: Vec<Shown<'c>>,
    /// Whether paths may lead along a relation to many.
    leads: Leads,
}

/// Whether paths may lead along a relation to many, and along which they did.
#[derive(Debug, Clone, Copy)]
enum Leads {
    Never,
    Once,
    To(Source),
}

/// A relation to many, as it is found by its name or a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'c> {
    /// Where it leads from.
    pub(super) parent: Source,
    pub(super) relation: &'c Relation,
    pub(super) target: &'c Model,
}

/// The names around those that begin at many rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outer<'c>(&'c Model, Source);

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
            base: Source::BASE,
            level: 0,
            catalog: None,
            joins: Joins::of(model),
            zone: None,
            computed: Vec::new(),
            leads: Leads::Never,
        }
    }

    /// The fields of a model, and of those that its relations to one lead to.
    pub(super) fn across(model: &'c Model, catalog: &'c Catalog) -> Self {
        Self {
            catalog: Some(catalog),
            ..Self::own(model)
        }
    }

    /// The names of another model, of which a statement of its own reads rows.
    pub(super) fn beside(&self, model: &'c Model) -> Self {
        Self {
            catalog: self.catalog,
            joins: self.joins.beside(model),
            zone: self.zone,
            ..Self::own(model)
        }
    }

    /// The source that names begin at.
    pub(super) fn base(&self) -> Source {
        self.base
    }

    /// The model that a relation leads to.
    pub(super) fn target(&self, relation: &Relation) -> Option<&'c Model> {
        relation.target(self.catalog?)
    }

    /// What a name or a path means.
    ///
    /// # Errors
    /// As [`Unresolved`] says.
    pub(super) fn term(&mut self, name: &str) -> Result<Term<'c>, Unresolved> {
        if let Some(field) = self.model.field(name) {
            let source = self.base;
            return Ok(Term::Column(Column { source, field }));
        }
        let steps = self.catalog.and_then(|_| steps(name));
        let is_path = |steps: &Vec<Step<'_>>| steps.len() > 1 || steps.iter().any(|it| it.quoted);
        let Some(mut steps) = steps.filter(is_path) else {
            let hint = self.hint(name);
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
        let source = self.follow(&steps, name)?;
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

    /// What may be meant by a name alone.
    fn hint(&self, name: &str) -> String {
        let begins = |relation: &&Relation| {
            let rest = relation.name().strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with("_by_"))
        };
        let relations = self.model.relations().iter().filter(begins);
        let relations: Vec<&str> = relations.map(Relation::name).collect();
        let fields = self.model.fields().iter().map(Field::name);
        let many = self.model.relations().iter().filter(|it| it.is_to_many());
        let near = suggest::nearest(name, many.map(Relation::name));
        match relations[..] {
            _ if self.catalog.is_none() || name.is_empty() => suggest::fields(name, self.model),
            [] => match (suggest::nearest(name, fields), near) {
                (None, Some(near)) => format!("did you mean {near:?}, which holds many rows?"),
                _ => suggest::fields(name, self.model),
            },
            _ => format!(
                "relations of {}: {}",
                self.model.name(),
                relations.join(", ")
            ),
        }
    }

    /// The source that relations lead to, one after the other.
    fn follow(&mut self, steps: &[Step<'_>], path: &str) -> Result<Source, Unresolved> {
        if steps.len() > MAX_STEPS {
            return Err(Unresolved::Refused(
                ErrorKind::PathTooLong(MAX_STEPS).into(),
            ));
        }
        let mut source = self.base;
        for step in steps {
            let model = self.joins.model(source);
            source = match self.to_one(model, &step.name) {
                Some((relation, target)) => self
                    .joins
                    .follow(source, relation, target)
                    .map_err(Unresolved::Refused)?,
                None => match self.to_many(model, &step.name) {
                    Some(relation) => self.follow_many(source, relation, path)?,
                    None => {
                        return Err(Unresolved::Unknown {
                            hint: hint(&step.name, model),
                        });
                    }
                },
            };
        }
        Ok(source)
    }

    /// The rows that a relation to many leads to, where a path may lead along it: all paths of a
    /// value along the same.
    fn follow_many(
        &mut self,
        source: Source,
        relation: &'c Relation,
        path: &str,
    ) -> Result<Source, Unresolved> {
        let target = self.catalog.and_then(|catalog| relation.target(catalog));
        let many = || Unresolved::Many(relation.name().into());
        let target = target.ok_or_else(many)?;
        match self.leads {
            Leads::Never => Err(many()),
            Leads::Once => {
                let rows = self.joins.follow(source, relation, target);
                let rows = rows.map_err(Unresolved::Refused)?;
                self.leads = Leads::To(rows);
                Ok(rows)
            }
            Leads::To(rows) => match self.joins.join(rows) {
                Some(join) if join.parent == source && std::ptr::eq(join.relation, relation) => {
                    Ok(rows)
                }
                _ => Err(Unresolved::Refused(
                    ErrorKind::InvalidExpression(Remark {
                        name: Some(path.into()),
                        what: "leads along another relation to many",
                    })
                    .into(),
                )),
            },
        }
    }

    /// Lets paths lead along a relation to many, until it is asked where they led.
    pub(super) fn lead_once(&mut self) {
        self.leads = Leads::Once;
    }

    /// The rows that paths led to.
    pub(super) fn led(&mut self) -> Option<Source> {
        match std::mem::replace(&mut self.leads, Leads::Never) {
            Leads::To(rows) => Some(rows),
            Leads::Never | Leads::Once => None,
        }
    }

    /// Lets names begin at many rows.
    pub(super) fn enter(&mut self, rows: Source) -> Outer<'c> {
        let outer = Outer(self.model, self.base);
        (self.model, self.base) = (self.joins.model(rows), rows);
        self.level += 1;
        outer
    }

    /// Lets names begin where they did.
    pub(super) fn leave(&mut self, outer: Outer<'c>) {
        (self.model, self.base) = (outer.0, outer.1);
        self.level -= 1;
    }

    /// The relation to many of that name, or at the end of a path of that text; `None` where it is
    /// none.
    pub(super) fn many(&mut self, name: &str) -> Option<Result<Found<'c>, Unresolved>> {
        let catalog = self.catalog?;
        let steps = match self.to_many(self.model, name) {
            Some(_) => vec![Step {
                name: Cow::Borrowed(name),
                quoted: true,
            }],
            None => steps(name)?,
        };
        let (last, way) = steps.split_last()?;
        let mut model = self.model;
        for step in way {
            (_, model) = self.to_one(model, &step.name)?;
        }
        let relation = self.to_many(model, &last.name)?;
        let target = relation.target(catalog)?;
        if steps.len() > MAX_STEPS {
            let error = ErrorKind::PathTooLong(MAX_STEPS).into();
            return Some(Err(Unresolved::Refused(error)));
        }
        let found = self.follow(way, name).map(|parent| Found {
            parent,
            relation,
            target,
        });
        Some(found)
    }

    /// A value by a name of the client's own; many rows have none.
    pub(super) fn computed(&self, name: &str) -> Option<&Term<'c>> {
        let mut computed = self.computed.iter().filter(|_| self.level == 0);
        Some(&computed.find(|shown| shown.name == name)?.term)
    }

    /// Which relations lead to many rows.
    pub(super) fn many_hint(&self) -> String {
        let many = self.model.relations().iter();
        let many = many.filter(|relation| relation.is_to_many());
        let names: Vec<&str> = many.map(Relation::name).collect();
        match names[..] {
            [] => format!("no relation of {} leads to many rows", self.model.name()),
            _ => format!(
                "relations to many of {}: {}",
                self.model.name(),
                names.join(", ")
            ),
        }
    }

    /// A field of the row that a key leads to, as a path: what rows are better asked for by than by
    /// a list of their keys.
    pub(super) fn beyond(&self, term: &Term<'c>) -> Option<String> {
        let Term::Column(Column { source, field }) = term else {
            return None;
        };
        let catalog = self.catalog.filter(|_| *source == self.base)?;
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
    fn to_one(&self, model: &'c Model, name: &str) -> Option<(&'c Relation, &'c Model)> {
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
