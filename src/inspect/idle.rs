//! Entries of `MCP_HIDDEN_FIELDS` and `MCP_REVEAL_FIELDS` that touch no field: most likely misspelt,
//! and then something is exposed that should not be.

use crate::advice::Advice;
use crate::catalog::{FieldType, Table};
use crate::config::ModelName;
use crate::policy::judged::Tables;
use crate::sensitive::{ModelNames, Sensitive};
use crate::suggest;

/// The entries that touch no column of the tables, each as it was typed, with its variable. A column
/// that the role may not read is there all the same.
pub(crate) fn entries(tables: &Tables, sensitive: &Sensitive) -> Vec<(&'static str, String)> {
    let there: Vec<(&ModelName, &Table, String)> = there(tables).collect();
    let mut fields: Vec<(ModelNames<'_>, &str)> = Vec::new();
    for (name, table, qualified) in &there {
        let named = ModelNames {
            model: &name.exposed,
            qualified,
            table: &table.name.name,
        };
        fields.extend(columns(table).map(|column| (named, column)));
    }
    // Without a model an entry may be meant for the members of documents.
    let mut all = there.iter().flat_map(|(_, table, _)| &table.columns);
    let has_documents = all.any(|column| column.field_type == FieldType::Json);
    let mut idle = sensitive.idle(&fields);
    idle.retain(|(_, entry)| entry.contains('.') || !has_documents);
    idle
}

/// The same for the operator's eyes, with what could be meant.
pub(crate) fn weaknesses(tables: &Tables, sensitive: &Sensitive) -> Vec<Advice> {
    let idle = entries(tables, sensitive).into_iter();
    idle.map(|(variable, entry)| {
        Advice::new(
            format!("{variable}: {entry:?} touches no field of the models"),
            match meant(tables, &entry) {
                Some(meant) => format!("did you mean {meant}?"),
                None => "mend its spelling, or take it out".to_owned(),
            },
        )
    })
    .collect()
}

fn meant(tables: &Tables, entry: &str) -> Option<String> {
    let (model, field) = match entry.rsplit_once('.') {
        Some((model, field)) => (Some(model), field),
        None => (None, entry),
    };
    let mut there: Vec<_> = there(tables).collect();
    let names = there.iter().map(|(name, ..)| name.exposed.as_str());
    let model = match model {
        Some(model) => {
            let is_known = there.iter().any(|(name, ..)| name.may_be(model));
            let near = suggest::nearest(model, names).map(str::to_owned);
            Some(if is_known { model.to_owned() } else { near? })
        }
        None => None,
    };
    if let Some(model) = &model {
        there.retain(|(name, ..)| name.may_be(model));
    }
    let fields = there.iter().flat_map(|(_, table, _)| columns(table));
    let field = suggest::nearest(field, fields)?;
    Some(match model {
        Some(model) => format!("{model}.{field}"),
        None => field.to_owned(),
    })
}

fn there(tables: &Tables) -> impl Iterator<Item = (&ModelName, &Table, String)> {
    let there = tables.iter();
    there.filter_map(|(name, table)| {
        let table = table.as_ref().ok()?;
        Some((name, table, table.name.qualified()))
    })
}

fn columns(table: &Table) -> impl Iterator<Item = &str> {
    let readable = table.columns.iter().map(|column| &*column.name);
    readable.chain(table.withheld.iter().map(String::as_str))
}
