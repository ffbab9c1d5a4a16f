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
        // What hides touches a field that is there; what reveals may find nothing to undo.
        if is_there(tables, &entry) {
            return Advice::new(
                format!("{variable}: {entry:?} is hidden by no built-in rule"),
                "take it out: it changes nothing, and what MCP_HIDDEN_FIELDS hides stays hidden",
            );
        }
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

/// Whether an entry names a field as one that is revealed must be named.
fn is_there(tables: &Tables, entry: &str) -> bool {
    let Some((model, field)) = entry.rsplit_once('.') else {
        return false;
    };
    there(tables).any(|(name, table, qualified)| {
        [name.exposed.as_str(), &qualified].contains(&model)
            && columns(table).any(|column| column == field)
    })
}

/// The field that an entry is most likely meant for, under the name that clients use.
fn meant(tables: &Tables, entry: &str) -> Option<String> {
    let (model, field) = match entry.rsplit_once('.') {
        Some((model, field)) => (Some(model), field),
        None => (None, entry),
    };
    let mut there: Vec<_> = there(tables).collect();
    let names = there.iter().map(|(name, ..)| name.exposed.as_str());
    let model = match model {
        Some(model) => {
            let mut known = there.iter().map(|(name, ..)| name);
            let known = known.find(|name| name.may_be(model));
            let known = known.map(|name| name.exposed.as_str());
            Some(known.or_else(|| suggest::nearest(model, names))?.to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Column, TableName};
    use crate::config;

    /// What is told of entries, each of which touches nothing.
    fn told(hidden: &str, reveal: &str) -> Vec<String> {
        let names = config::model_names("models", "crew=staff,orders").unwrap();
        let tables = names.into_iter().map(|name| {
            let of = TableName {
                schema: Some("main".to_owned()),
                name: name.table.clone(),
            };
            let columns = ["id", "api_key", "login_token", "note"];
            let columns = columns.map(|name| Column::new(name, FieldType::Text));
            (name, Ok(Table::new(of, columns.into())))
        });
        let sensitive = config::sensitive(("hidden", hidden), ("reveal", reveal)).unwrap();
        let all = weaknesses(&tables.collect(), &sensitive).into_iter();
        all.map(|advice| format!("{}; {}", advice.text(), advice.help))
            .collect()
    }

    #[test]
    fn what_is_meant_is_never_what_was_said() {
        for (entry, meant) in [
            ("crew.note", "is hidden by no built-in rule"),
            ("main.staff.note", "is hidden by no built-in rule"),
            ("crew.api_kye", "did you mean crew.api_key?"),
            ("crew.API_KEY", "did you mean crew.api_key?"),
            ("crwe.api_key", "did you mean crew.api_key?"),
            // A table is not the name that clients use.
            ("staff.api_key", "did you mean crew.api_key?"),
            ("staff.note", "did you mean crew.note?"),
            ("orders.something", "mend its spelling"),
        ] {
            let [told] = &told("", entry)[..] else {
                panic!("{entry}");
            };
            assert!(told.contains(meant), "{entry}: {told}");
            assert!(!told.contains(&format!("mean {entry}?")), "{told}");
        }
        assert!(
            told(
                "staff.note, CREW.Id, n*",
                "crew.api_key, main.orders.login_token"
            )
            .is_empty()
        );
        let [told] = &told("staff.noet", "")[..] else {
            panic!("one");
        };
        assert!(told.contains("did you mean crew.note?"), "{told}");
    }
}
