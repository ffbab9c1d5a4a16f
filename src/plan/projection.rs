//! `fields`, `sort`, `expand`: what of the rows, and in which order.

use serde_json::value::RawValue;

use super::filter::array;
use super::{Object, Order, OrderKey, Output, field_not_allowed, present};
use crate::catalog::{Catalog, Distinction, Field, Model, Relation};
use crate::error::{Error, ErrorKind};
use crate::protocol::decode_string;
use crate::suggest;

/// Sort keys of one request at the most.
const MAX_SORT_KEYS: usize = 16;

/// The row that a foreign key points to, as an object in the answer.
#[derive(Debug)]
pub struct Expansion<'c> {
    /// The key.
    pub relation: &'c Relation,
    /// The model that it points to.
    pub target: &'c Model,
}

/// Reads `fields` and `expand`.
pub(super) fn read<'c>(
    params: &Object<'_>,
    model: &'c Model,
    catalog: &'c Catalog,
) -> Result<Output<'c>, Error> {
    let fields = match present(params, "fields") {
        None => model.fields().iter().collect(),
        Some(raw) => {
            let mut fields: Vec<&Field> = Vec::new();
            for name in names(raw, "fields")? {
                let field = model
                    .field(&name)
                    .ok_or_else(|| field_not_allowed(&name, model))?;
                if !fields.iter().any(|other| std::ptr::eq(*other, field)) {
                    fields.push(field);
                }
            }
            if fields.is_empty() {
                return Err(list_expected("fields").into());
            }
            fields
        }
    };
    let mut expand: Vec<Expansion<'_>> = Vec::new();
    if let Some(raw) = present(params, "expand") {
        for name in names(raw, "expand")? {
            let found = model
                .relation(&name)
                .and_then(|relation| Some((relation, relation.target(catalog)?)));
            let Some((relation, target)) = found else {
                return Err(relation_not_allowed(&name, model));
            };
            if !expand
                .iter()
                .any(|other| std::ptr::eq(other.relation, relation))
            {
                expand.push(Expansion { relation, target });
            }
        }
    }
    Ok(Output::Rows { fields, expand })
}

fn relation_not_allowed(name: &str, model: &Model) -> Error {
    let kind = ErrorKind::RelationNotAllowed {
        relation: name.into(),
        model: model.name().into(),
    };
    let relations: Vec<&str> = model.relations().iter().map(Relation::name).collect();
    let hint = match suggest::nearest(name, relations.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None if relations.is_empty() => format!("{} has no relations to expand", model.name()),
        None => format!("relations of {}: {}", model.name(), relations.join(", ")),
    };
    Error::from(kind).with_hint(hint)
}

/// Reads `sort` for rows; what makes a row unique always comes last.
pub(super) fn order<'c>(params: &Object<'_>, model: &'c Model) -> Result<Vec<Order<'c>>, Error> {
    let mut order: Vec<Order<'c>> = Vec::new();
    let mut push = |field: &'c Field, descending| {
        let same =
            |other: &Order<'_>| matches!(other.key, OrderKey::Field(it) if std::ptr::eq(it, field));
        if !order.iter().any(same) {
            order.push(Order {
                key: OrderKey::Field(field),
                descending,
            });
        }
    };
    for name in sort_names(params)? {
        let (name, descending) = match model.field(&name) {
            Some(_) => (&*name, false),
            None => match name.strip_prefix('-') {
                Some(rest) => (rest, true),
                None => (&*name, false),
            },
        };
        let field = sortable(name, model)?;
        push(field, descending);
    }
    for field in model.order() {
        push(field, false);
    }
    if let Distinction::RowId(_) | Distinction::Content(_) = model.distinction() {
        order.push(Order {
            key: OrderKey::Row,
            descending: false,
        });
    }
    Ok(order)
}

/// A readable field of that name whose values have an order.
pub(super) fn sortable<'c>(name: &str, model: &'c Model) -> Result<&'c Field, Error> {
    match model.field(name) {
        Some(field) if field.is_sortable() => Ok(field),
        Some(field) => Err(field_not_allowed(name, model).with_hint(format!(
            "values of type {} have no order",
            field.field_type().name()
        ))),
        None => Err(field_not_allowed(name, model)),
    }
}

/// The texts of `sort`.
pub(super) fn sort_names(params: &Object<'_>) -> Result<Vec<String>, Error> {
    let names = present(params, "sort").map_or(Ok(Vec::new()), |raw| names(raw, "sort"))?;
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
pub(super) fn names(raw: &RawValue, parameter: &'static str) -> Result<Vec<String>, Error> {
    array(raw)
        .and_then(|parts| {
            parts
                .into_iter()
                .map(|part| decode_string(part).map(|name| name.into_owned()))
                .collect()
        })
        .ok_or_else(|| list_expected(parameter).into())
}

fn list_expected(parameter: &'static str) -> ErrorKind {
    ErrorKind::ParameterType {
        parameter,
        expected: "a list of names",
    }
}
