//! `fields`, `compute`, `sort`: what of the rows, and in which order.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::expansion::{self, Expansion, Reading};
use super::filter::{Counts, array};
use super::number;
use super::path::Names;
use super::summary;
use super::term::{Column, Term};
use super::{Object, Order, OrderKey, Output, field_not_allowed, present};
use crate::catalog::{Distinction, Model, Stored};
use crate::error::{Error, ErrorKind, Remark};
use crate::protocol::{Kind, decode_string, kind};

/// Sort keys of one request at the most.
const MAX_SORT_KEYS: usize = 16;
/// Computed values of one request at the most.
const MAX_COMPUTED: usize = 16;
/// The longest name of a client's own, in characters.
const MAX_ALIAS: usize = 128;

/// A member of each row.
#[derive(Debug, Clone)]
pub struct Shown<'c> {
    /// Its name in the answer.
    pub name: Cow<'c, str>,
    /// Its value.
    pub term: Term<'c>,
}

/// Reads `fields`, `expand` and `include`, after what `compute` gave.
pub(super) fn read<'c>(
    params: &Object<'_>,
    names: &mut Names<'c>,
    reading: &mut Reading<'_>,
) -> Result<Output<'c>, Error> {
    let fields = shown(params, names)?;
    let expand = expansion::read(params, names, reading)?;
    distinct(&fields, &expand)?;
    Ok(Output::Rows { fields, expand })
}

/// Reads `fields`, and adds what `compute` gave.
pub(super) fn shown<'c>(
    params: &Object<'_>,
    names: &mut Names<'c>,
) -> Result<Vec<Shown<'c>>, Error> {
    let mut fields = fields(params, names)?;
    let both = names.computed.iter();
    let mut both = both.filter(|shown| fields.iter().any(|other| other.name == shown.name));
    if let Some(shown) = both.next() {
        return Err(misnamed(&shown.name, "names two members"));
    }
    fields.extend(names.computed.iter().cloned());
    Ok(fields)
}

/// Reads `fields`; without it all of the model that names begin at.
pub(super) fn fields<'c>(
    params: &Object<'_>,
    names: &mut Names<'c>,
) -> Result<Vec<Shown<'c>>, Error> {
    let (model, source) = (names.model, names.base());
    let asked = present(params, "fields").map(|raw| list(raw, "fields"));
    let asked = asked.transpose()?.unwrap_or_default();
    // Who names none asks for all, as who names no keys to sort by leaves the order.
    if asked.is_empty() {
        let own = model.fields().iter().map(|field| Shown {
            name: Cow::Borrowed(field.name()),
            term: Term::Column(Column { source, field }),
        });
        return Ok(own.collect());
    }
    let mut fields: Vec<Shown<'_>> = Vec::new();
    for name in asked {
        let term = names.term(&name);
        let term = term.map_err(|unresolved| unresolved.of_field(&name, model))?;
        if !fields.iter().any(|other| other.name == name) {
            fields.push(Shown {
                name: Cow::Owned(name),
                term,
            });
        }
    }
    Ok(fields)
}

/// Makes sure that no relation gives a member that a field gives as well.
pub(super) fn distinct(fields: &[Shown<'_>], expand: &[Expansion<'_>]) -> Result<(), Error> {
    let doubled = fields.iter().find(|shown| {
        let mut expanded = expand.iter();
        expanded.any(|expansion| expansion.name() == shown.name)
    });
    match doubled {
        Some(shown) => Err(misnamed(&shown.name, "names two members")),
        None => Ok(()),
    }
}

/// Reads `compute`: values by names of the client's own.
pub(super) fn compute<'c>(
    params: &Object<'_>,
    names: &mut Names<'c>,
    counts: &mut Counts,
) -> Result<Vec<Shown<'c>>, Error> {
    let Some(raw) = present(params, "compute") else {
        return Ok(Vec::new());
    };
    let members = (kind(raw) == Kind::Object)
        .then(|| Object::parse(raw.get()))
        .flatten()
        .filter(|members| members.len() <= MAX_COMPUTED)
        .ok_or(ErrorKind::ParameterType {
            parameter: "compute",
            expected: "an object of names and paths or expressions",
        })?;
    let mut computed = Vec::with_capacity(members.len());
    for (name, raw) in members.iter() {
        if !is_alias(name) {
            return Err(misnamed(name, "is no name of 1 to 128 characters"));
        }
        let term = match (kind(raw), Object::parse(raw.get())) {
            (Kind::Object, Some(members)) if summary::is_asked(&members) => {
                Term::Summary(Arc::new(summary::read(name, &members, names, counts)?))
            }
            (Kind::Object, _) => {
                let number = number::read(raw, &format!("compute.{name}"), names)?;
                Term::Number(Box::new(number))
            }
            _ => {
                let path = decode_string(raw);
                let path = path.ok_or_else(|| misnamed(name, "is no path, and no expression"))?;
                let term = names.term(&path);
                term.map_err(|unresolved| unresolved.of_field(&path, names.model))?
            }
        };
        computed.push(Shown {
            name: Cow::Owned(name.to_owned()),
            term,
        });
    }
    Ok(computed)
}

/// Whether a client may call a value by this name.
pub(super) fn is_alias(name: &str) -> bool {
    !name.is_empty() && name.chars().count() <= MAX_ALIAS && !name.contains(char::is_control)
}

/// A name that cannot be there, as an error repeats it.
pub(super) fn misnamed(name: &str, what: &'static str) -> Error {
    let name = Some(name.into());
    ErrorKind::InvalidExpression(Remark { name, what }).into()
}

/// Reads `sort` for rows; what makes a row unique always comes last.
pub(super) fn order<'c>(
    params: &Object<'_>,
    names: &mut Names<'c>,
) -> Result<Vec<Order<'c>>, Error> {
    let model = names.model;
    let mut order: Vec<Order<'c>> = Vec::new();
    let mut push = |term: Term<'c>, descending| {
        let key = OrderKey::Term(term);
        if !order.iter().any(|other| other.key == key) {
            order.push(Order { key, descending });
        }
    };
    for name in sort_names(params)? {
        let plain = names.computed(&name).is_some() || model.field(&name).is_some();
        let (name, descending) = match plain {
            true => (&*name, false),
            false => match name.strip_prefix('-') {
                Some(rest) => (rest, true),
                None => (&*name, false),
            },
        };
        let term = match names.computed(name) {
            Some(term) => ordered(name, term.clone(), model)?,
            None => sortable(name, names)?,
        };
        push(term, descending);
    }
    for field in model.order() {
        push(Term::own(field), false);
    }
    if let Distinction::RowId(_) | Distinction::Content(_) = model.distinction() {
        order.push(Order {
            key: OrderKey::Row,
            descending: false,
        });
    }
    Ok(order)
}

/// A readable value of that name that has an order.
pub(super) fn sortable<'c>(name: &str, names: &mut Names<'c>) -> Result<Term<'c>, Error> {
    let model = names.model;
    let term = names.term(name);
    let term = term.map_err(|unresolved| unresolved.of_field(name, model))?;
    ordered(name, term, model)
}

/// A value that has an order.
fn ordered<'c>(name: &str, term: Term<'c>, model: &Model) -> Result<Term<'c>, Error> {
    let field = term.field();
    // Told of many rows, such a value has no position any more.
    let is_placed = matches!(term, Term::Summary(_)) && field.stored() == Stored::Position;
    match field {
        field if field.is_sortable() && !is_placed => Ok(term),
        field => Err(field_not_allowed(name, model).with_hint(format!(
            "values of type {} have no order",
            field.field_type().name()
        ))),
    }
}

/// The texts of `sort`.
pub(super) fn sort_names(params: &Object<'_>) -> Result<Vec<String>, Error> {
    let names = present(params, "sort").map_or(Ok(Vec::new()), |raw| list(raw, "sort"))?;
    if names.len() > MAX_SORT_KEYS {
        return Err(ErrorKind::ParameterType {
            parameter: "sort",
            expected: "a list of at most 16 names",
        }
        .into());
    }
    Ok(names)
}

/// A list of texts.
pub(super) fn list(raw: &RawValue, parameter: &'static str) -> Result<Vec<String>, Error> {
    array(raw)
        .and_then(|parts| {
            parts
                .into_iter()
                .map(|part| decode_string(part).map(|name| name.into_owned()))
                .collect()
        })
        .ok_or_else(|| {
            let kind = ErrorKind::ParameterType {
                parameter,
                expected: "a list of names",
            };
            kind.into()
        })
}
