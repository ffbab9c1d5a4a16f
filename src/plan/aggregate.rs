//! `group_by` and `aggregate`: what is told of groups of rows.

use serde_json::value::RawValue;

use super::filter::array;
use super::path::Names;
use super::projection::{is_alias, sort_names, sortable};
use super::term::Term;
use super::{Object, Order, OrderKey, Output, field_not_allowed, present};
use crate::catalog::Model;
use crate::error::{Error, ErrorKind, Remark};
use crate::protocol::{Kind, decode_string, kind};

/// Keys, and aggregates, of one request at the most.
const MAX_MEMBERS: usize = 16;

const FUNCTIONS: &str = "$count $count_distinct $sum $avg $min $max";
const PARTS: &str = "$year $month $day";

/// What the rows of a group have in common.
#[derive(Debug)]
pub struct GroupKey<'c> {
    /// The member's name in the answer.
    pub name: String,
    /// What they share.
    pub term: Term<'c>,
}

/// The part of a date that groups share, each within the ones above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatePart {
    /// `2026`
    Year,
    /// `2026-01`
    Month,
    /// `2026-01-31`
    Day,
}

impl DatePart {
    /// Every part, by the word that asks for it.
    pub const ALL: [Self; 3] = [Self::Year, Self::Month, Self::Day];

    /// The part of that operator.
    pub(super) fn parse(operator: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|part| part.operator() == operator)
    }

    /// The word that asks for it.
    pub fn operator(self) -> &'static str {
        match self {
            Self::Year => "$year",
            Self::Month => "$month",
            Self::Day => "$day",
        }
    }

    /// How many characters of an ISO 8601 date it takes.
    pub fn length(self) -> u8 {
        match self {
            Self::Year => 4,
            Self::Month => 7,
            Self::Day => 10,
        }
    }
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

/// Whether groups are asked for.
pub(super) fn asked(params: &Object<'_>) -> bool {
    present(params, "group_by").is_some() || present(params, "aggregate").is_some()
}

/// Reads `group_by`, `aggregate` and the `sort` of groups.
pub(super) fn read<'c>(
    params: &Object<'_>,
    names: &mut Names<'c>,
) -> Result<(Output<'c>, Vec<Order<'c>>), Error> {
    let asker = if present(params, "group_by").is_some() {
        "group_by"
    } else {
        "aggregate"
    };
    for parameter in ["fields", "compute", "expand"] {
        if present(params, parameter).is_some() {
            return Err(ErrorKind::Exclusive(asker, parameter).into());
        }
    }
    let by = keys(params, names)?;
    let aggregates = aggregates(params, names)?;
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
    Ok((Output::Groups { by, aggregates }, order))
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
        Term::Column(column) if column.field.field_type().has_date() => Ok(GroupKey {
            name: format!("{name}_{}", part.operator().trim_start_matches('$')),
            term: Term::Part(column, part),
        }),
        _ => Err(field_not_allowed(&name, names.model).with_hint(format!("{name} holds no dates"))),
    }
}

fn aggregates<'c>(params: &Object<'_>, names: &mut Names<'c>) -> Result<Vec<Aggregate<'c>>, Error> {
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
        .map(|(alias, raw)| aggregate(alias, raw, names))
        .collect()
}

fn aggregate<'c>(
    alias: &str,
    raw: &RawValue,
    names: &mut Names<'c>,
) -> Result<Aggregate<'c>, Error> {
    if !is_alias(alias) {
        return Err(invalid("a name has 1 to 128 characters"));
    }
    let (function, name) = single(raw).ok_or_else(|| {
        misnamed(alias, "takes one function of one field")
            .with_hint(r#"for example {"$sum":"amount"}"#)
    })?;
    let function = match &*function {
        "$count" => Function::Count,
        "$count_distinct" => Function::CountDistinct,
        "$sum" => Function::Sum,
        "$avg" => Function::Avg,
        "$min" => Function::Min,
        "$max" => Function::Max,
        _ => {
            return Err(
                misnamed(&function, "is no function").with_hint(format!("functions: {FUNCTIONS}"))
            );
        }
    };
    let term = match (function, name.as_str()) {
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
    };
    Ok(Aggregate {
        alias: alias.to_owned(),
        function,
        term,
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
