//! Keys that an operator tells of, put beside those of the database.

use super::judged::Tables;
use crate::advice::Advice;
use crate::catalog::{Column, FieldType, ForeignKey, GivenKey, Table};
use crate::config::{GivenRelation, ModelName};
use crate::suggest;

/// Adds the keys that can be; of those that cannot, the first is told, with what may be meant.
///
/// A field that is hidden is there: its relation is none, and no fault.
///
/// # Errors
/// A model or a field that is not there, and two fields of different types, by the place that the
/// keys are given at.
pub(crate) fn give(
    relations: &[GivenRelation],
    tables: &mut Tables,
    place: &str,
) -> Result<(), Advice> {
    let mut wrong = None;
    for relation in relations {
        match key(relation, tables) {
            Ok(Some((at, key))) => {
                if let Some((_, Ok(table))) = tables.get_mut(at) {
                    table.foreign_keys.push(key);
                }
            }
            // A model that is not there is told of by itself.
            Ok(None) => {}
            Err(fault) => {
                wrong.get_or_insert(fault.of(place));
            }
        }
    }
    wrong.map_or(Ok(()), Err)
}

/// The key, and whose it is.
fn key(
    relation: &GivenRelation,
    tables: &[(ModelName, Result<Table, String>)],
) -> Result<Option<(usize, ForeignKey)>, Advice> {
    let (here, there) = (
        place(&relation.model, tables)?,
        place(&relation.target, tables)?,
    );
    let (Ok(own), Ok(target)) = (&tables[here].1, &tables[there].1) else {
        return Ok(None);
    };
    for (field, other) in relation.fields.iter().zip(&relation.target_fields) {
        let from = column(&relation.model, field, own)?;
        let to = column(&relation.target, other, target)?;
        if !are_alike(from, to) {
            let told = |model: &str, column: &Column| {
                format!("{model}.{} is {}", column.name, column.field_type.name())
            };
            let (from, to) = (told(&relation.model, from), told(&relation.target, to));
            return Err(fault(
                &format!("{from} and {to}"),
                "relate fields whose values can be equal, of the same type".to_owned(),
            ));
        }
    }
    let key = ForeignKey {
        columns: relation.fields.clone(),
        target: target.name.clone(),
        target_columns: relation.target_fields.clone(),
        unique: false,
        given: Some(GivenKey {
            model: relation.target.clone(),
            name: relation.name.clone(),
        }),
    };
    Ok(Some((here, key)))
}

/// The position of a model of the whitelist.
fn place(model: &str, tables: &[(ModelName, Result<Table, String>)]) -> Result<usize, Advice> {
    let found = tables.iter().position(|(name, _)| name.exposed == model);
    found.ok_or_else(|| {
        let exposed = tables.iter().map(|(name, _)| name.exposed.as_str());
        fault(
            &format!("{model} is no model"),
            match suggest::nearest(model, exposed) {
                Some(near) => format!("did you mean {near}?"),
                None => "name a model as MCP_ALLOWED_MODELS does".to_owned(),
            },
        )
    })
}

fn column<'t>(model: &str, field: &str, table: &'t Table) -> Result<&'t Column, Advice> {
    let mut columns = table.columns.iter();
    columns.find(|column| column.name == field).ok_or_else(|| {
        let columns = table.columns.iter().map(|column| column.name.as_str());
        fault(
            &format!("{model} has no field {field}"),
            match suggest::nearest(field, columns) {
                Some(near) => format!("did you mean {model}.{near}?"),
                None => "name a column of the table".to_owned(),
            },
        )
    })
}

/// Whether values of two columns can be equal: as their classes say, and as they are kept.
fn are_alike(from: &Column, to: &Column) -> bool {
    let comparable = from.field_type.is_comparable() || from.field_type == FieldType::Bytes;
    // Types that a database makes have operators of their own.
    let own = matches!(from.field_type, FieldType::Enum | FieldType::Address);
    let same_cast = !own || from.cast == to.cast;
    comparable
        && from.field_type.name() == to.field_type.name()
        && from.stored == to.stored
        && same_cast
}

fn fault(what: &str, help: String) -> Advice {
    Advice::new(what, help)
}
