//! What an operator says of columns, put in the place of what SQLite tells.

use crate::advice::Advice;
use crate::catalog::{self, Column, Stored, Table};
use crate::config::{FieldType, GivenType, ModelName};
use crate::suggest;

/// Gives columns their types; each is of the whitelist and there.
///
/// # Errors
/// The first that is not, and what may be meant.
pub(crate) fn give(
    types: &[FieldType],
    tables: &mut [(ModelName, Result<Table, String>)],
) -> Result<(), Advice> {
    let fault = |what: String, near: Option<String>, help: &str| {
        Advice::new(
            format!("MCP_FIELD_TYPES: {what}"),
            near.map_or(help.to_owned(), |near| format!("did you mean {near}?")),
        )
    };
    for wanted in types {
        let (model, field) = (&wanted.model, &wanted.field);
        let Some(place) = tables.iter().position(|(name, _)| name.exposed == *model) else {
            let exposed = tables.iter().map(|(name, _)| name.exposed.as_str());
            let near = suggest::nearest(model, exposed).map(|near| format!("{near}.{field}"));
            let help = "name a model as MCP_ALLOWED_MODELS does";
            return Err(fault(format!("{model} is no model"), near, help));
        };
        // A model that is not there is told of by itself.
        let Some((_, Ok(table))) = tables.get_mut(place) else {
            continue;
        };
        let mut columns = table.columns.iter_mut();
        let Some(column) = columns.find(|column| column.name == *field) else {
            let columns = table.columns.iter().map(|column| column.name.as_str());
            let near = suggest::nearest(field, columns).map(|near| format!("{model}.{near}"));
            let help = "name a column of the table";
            return Err(fault(format!("{model} has no field {field}"), near, help));
        };
        retype(column, wanted.given);
    }
    Ok(())
}

fn retype(column: &mut Column, given: GivenType) {
    use catalog::FieldType as Class;
    let integer = Class::Integer {
        unsigned: false,
        wide: true,
    };
    let (class, stored) = match given {
        GivenType::Any => (Class::Any, Stored::AsItIs),
        GivenType::Boolean => (Class::Boolean, Stored::AsItIs),
        GivenType::Bytes => (Class::Bytes, Stored::Bytes),
        GivenType::Date => (Class::Date, Stored::AsItIs),
        GivenType::DateTime => (Class::DateTime, Stored::AsItIs),
        GivenType::Decimal => (Class::Decimal { scale: None }, Stored::AsItIs),
        GivenType::Float => (Class::Float, Stored::AsItIs),
        GivenType::Integer => (integer, Stored::AsItIs),
        GivenType::Json => (Class::Json, Stored::AsItIs),
        GivenType::Text => (Class::Text, Stored::AsItIs),
        GivenType::Time => (Class::Time, Stored::AsItIs),
        GivenType::UnixMilliseconds => (Class::Timestamp, Stored::UnixMilliseconds),
        GivenType::UnixSeconds => (Class::Timestamp, Stored::UnixSeconds),
        GivenType::Uuid => (Class::Uuid, Stored::Bytes),
    };
    (column.field_type, column.stored) = (class, stored);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_told_with_what_may_be_meant() {
        let column = Column {
            dynamic: true,
            ..Column::new("at", catalog::FieldType::Any)
        };
        let table = Table::new("orders", vec![column]);
        let name = |exposed: &str| ModelName {
            exposed: exposed.to_owned(),
            schema: None,
            table: exposed.to_owned(),
        };
        let missing = Err("the database has no such table".to_owned());
        let mut tables = [(name("orders"), Ok(table)), (name("gone"), missing)];
        let mut given = |model: &str, field: &str| {
            let types = [FieldType {
                model: model.to_owned(),
                field: field.to_owned(),
                given: GivenType::UnixSeconds,
            }];
            give(&types, &mut tables).map_err(|wrong| (wrong.what, wrong.help))
        };
        assert!(given("orders", "at").is_ok());
        assert!(given("gone", "at").is_ok());
        for (model, field, meant) in [("order", "at", "orders.at"), ("orders", "att", "orders.at")]
        {
            let (what, help) = given(model, field).unwrap_err();
            assert!(what.starts_with("MCP_FIELD_TYPES: "), "{what}");
            assert_eq!(help, format!("did you mean {meant}?"));
        }
        let column = &tables[0].1.as_ref().unwrap().columns[0];
        assert_eq!(column.stored, Stored::UnixSeconds);
    }
}
