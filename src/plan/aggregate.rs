//! `group_by`, `aggregate` and `having`: what is told of groups of rows.

use serde_json::value::RawValue;

use super::condition::Condition;
use super::date::DatePart;
use super::filter::{Counts, array};
use super::joins::Source;
use super::number;
use super::path::Names;
use super::projection::{is_alias, sort_names, sortable};
use super::term::Term;
use super::{Object, Order, OrderKey, Output, field_not_allowed, present};
use crate::catalog::{Field, FieldType, Model};
use crate::error::{Error, ErrorKind, Remark};
use crate::protocol::{Kind, decode_string, kind};

/// Keys, and aggregates, of one request at the most.
const MAX_MEMBERS: usize = 16;

pub(super) const FUNCTIONS: &str = "$count $count_distinct $sum $avg $min $max";
const PARTS: &str = "$year $quarter $month $week $day $weekday $hour";

/// What the rows of a group have in common.
#[derive(Debug)]
pub struct GroupKey<'c> {
    /// The member's name in the answer.
    pub name: String,
    /// What they share.
    pub term: Term<'c>,
}

/// A number, or an extreme value, of a group.
#[derive(Debug)]
pub struct Aggregate<'c> {
    /// The member's name in the answer.
    pub alias: String,
    /// What is computed.
    pub function: Function,
    /// Of which value; `None` counts rows.
    pub term: Option<Term<'c>>,
    /// Of which rows of the group.
    pub filter: Condition<'c>,
}

impl<'c> Aggregate<'c> {
    /// The field whose type it has.
    pub fn field(&self) -> &'c Field {
        let term = self.term.as_ref().map(Term::field);
        let float =
            |field: &Field| matches!(field.field_type(), FieldType::Float | FieldType::Float32);
        match (self.function, term) {
            (Function::Min | Function::Max, Some(field)) => field,
            (Function::Avg, _) => Field::of_floats(),
            (Function::Sum, Some(field)) if float(field) => Field::of_floats(),
            (Function::Sum, _) => Field::of_decimals(),
            _ => Field::of_counts(),
        }
    }

    /// Whose rows it is made of.
    pub fn sources(&self) -> Vec<Source> {
        let mut sources = self.filter.sources();
        sources.extend(self.term.iter().flat_map(Term::sources));
        sources
    }
}

/// What is computed of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the function of its name")]
pub enum Function {
    Count,
    CountDistinct,
    Sum,
    Avg,
    Min,
    Max,
}

impl Function {
    /// Every function.
    pub const ALL: [Self; 6] = [
        Self::Count,
        Self::CountDistinct,
        Self::Sum,
        Self::Avg,
        Self::Min,
        Self::Max,
    ];

    /// The word that asks for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Count => "$count",
            Self::CountDistinct => "$count_distinct",
            Self::Sum => "$sum",
            Self::Avg => "$avg",
            Self::Min => "$min",
            Self::Max => "$max",
        }
    }

    /// Whether it tells a number of rows, or of values, even of none.
    pub fn counts(self) -> bool {
        matches!(self, Self::Count | Self::CountDistinct)
    }

    /// The function of that word.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|function| function.word() == word)
    }

    /// Whether it takes what an expression makes of numbers.
    pub(super) fn is_of_numbers(self) -> bool {
        matches!(self, Self::Sum | Self::Avg | Self::Min | Self::Max)
    }
}

/// Whether groups are asked for.
pub(super) fn asked(params: &Object<'_>) -> bool {
    ["group_by", "aggregate", "having"]
        .iter()
        .any(|name| present(params, name).is_some())
}

/// Reads `group_by`, `aggregate` and the `sort` of groups.
pub(super) fn read<'c>(
    params: &Object<'_>,
    names: &mut Names<'c>,
    counts: &mut Counts,
) -> Result<(Output<'c>, Vec<Order<'c>>), Error> {
    let mut askers = ["group_by", "aggregate"].into_iter();
    let asker = askers.find(|name| present(params, name).is_some());
    let asker = asker.unwrap_or("having");
    for parameter in ["fields", "compute", "expand", "include"] {
        if present(params, parameter).is_some() {
            return Err(ErrorKind::Exclusive(asker, parameter).into());
        }
    }
    let by = keys(params, names)?;
    let aggregates = aggregates(params, names, counts)?;
    let mut taken: Vec<&str> = by.iter().map(|key| key.name.as_str()).collect();
    for aggregate in &aggregates {
        if taken.contains(&aggregate.alias.as_str()) {
            return Err(misnamed(&aggregate.alias, "names two members"));
        }
        taken.push(&aggregate.alias);
    }
    if taken.is_empty() {
        return Err(invalid("name at least one").with_hint(r#"for example {"n":{"$count":"*"}}"#));
    }
    let order = order(params, &taken, by.len(), names.model)?;
    let members = by.iter().map(|key| (&*key.name, key.term.field()));
    let told = aggregates.iter().map(|it| (&*it.alias, it.field()));
    let members: Vec<(&str, &Field)> = members.chain(told).collect();
    let having = counts.having(params, names.model, &members)?;
    let output = Output::Groups {
        having,
        bound: bound(params),
        by,
        aggregates,
    };
    Ok((output, order))
}

/// What a cursor of groups is bound to beside rows and order, as it was sent.
fn bound(params: &Object<'_>) -> Box<str> {
    let remains = present(params, "having").is_some();
    let parts = ["group_by", "zone", "having", "aggregate"].into_iter();
    let parts = parts.filter(|name| *name != "aggregate" || remains);
    let parts = parts.map(|name| present(params, name).map_or("", RawValue::get));
    parts.collect::<Vec<_>>().join("\n").into()
}

fn keys<'c>(params: &Object<'_>, names: &mut Names<'c>) -> Result<Vec<GroupKey<'c>>, Error> {
    let Some(raw) = present(params, "group_by") else {
        return Ok(Vec::new());
    };
    let wrong = || {
        Error::from(ErrorKind::ParameterType {
            parameter: "group_by",
            expected: "a list of names",
        })
    };
    let parts = array(raw)
        .filter(|parts| parts.len() <= MAX_MEMBERS)
        .ok_or_else(wrong)?;
    let mut keys: Vec<GroupKey<'c>> = Vec::with_capacity(parts.len());
    for part in parts {
        let key = match kind(part) {
            Kind::String => {
                let name = decode_string(part).ok_or_else(wrong)?;
                GroupKey {
                    name: name.to_string(),
                    term: sortable(&name, names)?,
                }
            }
            Kind::Object => dated(part, names)?,
            _ => return Err(wrong()),
        };
        match keys.iter().find(|other| other.name == key.name) {
            None => keys.push(key),
            Some(same) if same.term == key.term => {}
            Some(_) => return Err(misnamed(&key.name, "names two members")),
        }
    }
    Ok(keys)
}

/// `{"$month":"created_at"}`
fn dated<'c>(raw: &RawValue, names: &mut Names<'c>) -> Result<GroupKey<'c>, Error> {
    let (operator, name) = single(raw).ok_or_else(|| {
        invalid("a group is a field or a part of a date")
            .with_hint(r#"for example {"$month":"created_at"}"#)
    })?;
    let Some(part) = DatePart::parse(&operator) else {
        return Err(misnamed(&operator, "is no part of a date")
            .with_hint(format!("parts of a date: {PARTS}")));
    };
    match sortable(&name, names)? {
        Term::Column(column) if part.is_of(column.field) => Ok(GroupKey {
            name: format!("{name}_{}", part.operator().trim_start_matches('$')),
            term: Term::Part(column, part, names.zone),
        }),
        _ => {
            let hint = part.missing(&name);
            Err(field_not_allowed(&name, names.model).with_hint(hint))
        }
    }
}

fn aggregates<'c>(
    params: &Object<'_>,
    names: &mut Names<'c>,
    counts: &mut Counts,
) -> Result<Vec<Aggregate<'c>>, Error> {
    let Some(raw) = present(params, "aggregate") else {
        return Ok(Vec::new());
    };
    let members = (kind(raw) == Kind::Object)
        .then(|| Object::parse(raw.get()))
        .flatten()
        .filter(|members| members.len() <= MAX_MEMBERS)
        .ok_or(ErrorKind::ParameterType {
            parameter: "aggregate",
            expected: "an object of names and functions",
        })?;
    members
        .iter()
        .map(|(alias, raw)| aggregate(alias, raw, names, counts))
        .collect()
}

fn aggregate<'c>(
    alias: &str,
    raw: &RawValue,
    names: &mut Names<'c>,
    counts: &mut Counts,
) -> Result<Aggregate<'c>, Error> {
    if !is_alias(alias) {
        return Err(invalid("a name has 1 to 128 characters"));
    }
    let wrong = || {
        misnamed(alias, "takes one function of one field")
            .with_hint(r#"for example {"$sum":"amount","where":{"status":"open"}}"#)
    };
    let members = (kind(raw) == Kind::Object)
        .then(|| Object::parse(raw.get()))
        .flatten();
    let members = members.ok_or_else(wrong)?;
    let filter = members.get("where");
    let mut functions = members.iter().filter(|(name, _)| *name != "where");
    let (Some((function, operand)), None) = (functions.next(), functions.next()) else {
        return Err(wrong());
    };
    let filter = match filter.filter(|raw| kind(raw) != Kind::Null) {
        Some(raw) => counts.filter(raw, names)?,
        None => Condition::All(Vec::new()),
    };
    let Some(computed) = Function::parse(function) else {
        let error = misnamed(function, "is no function");
        return Err(error.with_hint(format!("functions: {FUNCTIONS}")));
    };
    let place = || format!("aggregate.{alias}.{function}");
    let term = match kind(operand) {
        Kind::String => {
            let name = decode_string(operand).ok_or_else(wrong)?;
            named(computed, &name, names)?
        }
        Kind::Object | Kind::Number if computed.is_of_numbers() => {
            let number = number::read(operand, &place(), names)?;
            Some(Term::Number(Box::new(number)))
        }
        _ => return Err(wrong()),
    };
    Ok(Aggregate {
        alias: alias.to_owned(),
        function: computed,
        term,
        filter,
    })
}

/// What an aggregate is of, by its name; `*` are the rows.
pub(super) fn named<'c>(
    function: Function,
    name: &str,
    names: &mut Names<'c>,
) -> Result<Option<Term<'c>>, Error> {
    Ok(match (function, name) {
        (Function::Count, "*") => None,
        (Function::Count, name) => {
            let term = names.term(name);
            Some(term.map_err(|unresolved| unresolved.of_field(name, names.model))?)
        }
        (Function::Sum | Function::Avg, name) => {
            let term = sortable(name, names)?;
            if !term.field().field_type().is_number() {
                return Err(field_not_allowed(name, names.model).with_hint(format!(
                    "{name} is no number: it can be counted, or be $min or $max"
                )));
            }
            Some(term)
        }
        (_, name) => Some(sortable(name, names)?),
    })
}

/// An object of one member whose value is a text.
fn single(raw: &RawValue) -> Option<(String, String)> {
    let members = (kind(raw) == Kind::Object)
        .then(|| Object::parse(raw.get()))
        .flatten()?;
    if members.len() != 1 {
        return None;
    }
    let (name, value) = members.iter().next()?;
    Some((name.to_owned(), decode_string(value)?.into_owned()))
}

/// The order of groups: what `sort` names, then the keys, so that pages do not overlap.
fn order<'c>(
    params: &Object<'_>,
    members: &[&str],
    keys: usize,
    model: &Model,
) -> Result<Vec<Order<'c>>, Error> {
    let mut order: Vec<(usize, bool)> = Vec::new();
    for name in sort_names(params)? {
        let at = |name: &str| members.iter().position(|member| *member == name);
        let found = match at(&name) {
            Some(index) => Some((index, false)),
            None => name
                .strip_prefix('-')
                .and_then(at)
                .map(|index| (index, true)),
        };
        let Some(found) = found else {
            let plain = name.strip_prefix('-').unwrap_or(&name);
            return Err(field_not_allowed(plain, model)
                .with_hint(format!("groups can be sorted by {}", members.join(", "))));
        };
        if !order.iter().any(|(index, _)| *index == found.0) {
            order.push(found);
        }
    }
    for index in 0..keys {
        if !order.iter().any(|(other, _)| *other == index) {
            order.push((index, false));
        }
    }
    Ok(order
        .into_iter()
        .map(|(index, descending)| Order {
            key: OrderKey::Output(index),
            descending,
        })
        .collect())
}

fn invalid(what: &'static str) -> Error {
    ErrorKind::InvalidAggregate(Remark { name: None, what }).into()
}

/// A name that cannot be there, as an error repeats it.
fn misnamed(name: &str, what: &'static str) -> Error {
    let name = Some(name.into());
    ErrorKind::InvalidAggregate(Remark { name, what }).into()
}
