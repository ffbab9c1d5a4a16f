//! From tables and the whitelist to the catalog, leaving out what is sensitive.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Catalog, Column, Field, Model, Reference, Relation, Rule, Table, TableName};
use crate::config::ModelName;
use crate::sensitive::{self, Sensitive};
use crate::value::Value;

/// The numbers that models are known by within this process.
static NUMBERS: AtomicU64 = AtomicU64::new(0);

const ALL_HIDDEN: &str = "every one of its fields is hidden";

/// A catalog, and what was left out of it for the operator's eyes.
#[derive(Debug)]
pub struct Built {
    /// What clients may see.
    pub catalog: Catalog,
    /// Fields that a rule hides.
    pub hidden: Vec<Hidden>,
    /// Names of the whitelist that are not served.
    pub missing: Vec<Missing>,
}

/// A field that is left out, and why.
#[derive(Debug)]
pub struct Hidden {
    /// The model's name.
    pub model: String,
    /// The table in the database.
    pub table: TableName,
    /// The column.
    pub field: String,
    /// The rule that hides it.
    pub rule: String,
}

/// A name of the whitelist that has no model.
#[derive(Debug)]
pub struct Missing {
    /// The name as configured.
    pub name: String,
    /// Why, and what could be meant: for the operator.
    pub reason: String,
}

impl Missing {
    /// Whether the table is there, and all of it is hidden.
    pub fn is_hidden_whole(&self) -> bool {
        self.reason == ALL_HIDDEN
    }
}

/// What one client sees of a whitelist: fewer models, and of some only certain rows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Narrowing<'n> {
    /// The models; all of them where none are named.
    pub models: Option<&'n [String]>,
    /// Rules that rows must keep; those of a model hold together.
    pub rules: &'n [WantedRule<'n>],
    /// Whose the models are: cursors of one owner fit no other's.
    pub owner: &'n str,
    /// Whether the database is told whom it shows its rows to, of views too.
    pub secured: bool,
}

/// A rule as it was written: rows of a model are seen where a field has one of these values.
#[derive(Debug, Clone, Copy)]
pub struct WantedRule<'n> {
    /// The model's name.
    pub model: &'n str,
    /// The column, which may be a hidden one.
    pub field: &'n str,
    /// The values as they were typed.
    pub values: &'n [String],
    /// Reads one by the type of the field.
    pub read: fn(&str, &Field) -> Option<Value>,
}

/// Builds the catalog of the whitelist, or of what a client sees of it.
///
/// `tables` are in the order of the whitelist, with the reason where the database has none. A model
/// whose rules cannot hold is not served at all.
pub fn build(
    tables: Vec<(&ModelName, Result<Table, String>)>,
    sensitive: &Sensitive,
    narrowing: Narrowing<'_>,
) -> Built {
    let mut hidden = Vec::new();
    let mut missing = Vec::new();
    let mut found = Vec::new();
    for (name, table) in tables {
        let is_seen = |models: &[String]| models.contains(&name.exposed);
        if !narrowing.models.is_none_or(is_seen) {
            continue;
        }
        match table {
            Ok(table) => found.push((name.exposed.clone(), table)),
            Err(reason) => missing.push(Missing {
                name: name.exposed.clone(),
                reason,
            }),
        }
    }
    let mut models: Vec<Model> = Vec::new();
    let mut kept: Vec<(String, Table)> = Vec::new();
    for (name, table) in found {
        let mut model = model(&name, &table, sensitive, &mut hidden);
        model.owner = narrowing.owner.into();
        model.secured |= narrowing.secured;
        if model.fields.is_empty() {
            let reason = ALL_HIDDEN.to_owned();
            missing.push(Missing { name, reason });
            continue;
        }
        let wanted = narrowing.rules.iter().filter(|rule| rule.model == name);
        let rules: Result<Vec<Rule>, String> = wanted.map(|wanted| rule(wanted, &table)).collect();
        match rules {
            Ok(rules) => {
                model.rules = rules;
                models.push(model);
                kept.push((name, table));
            }
            Err(reason) => missing.push(Missing { name, reason }),
        }
    }
    relate(&mut models, &kept);
    let names = models
        .iter()
        .map(|model| &*model.name)
        .collect::<Vec<_>>()
        .join(", ");
    let by_name = index(models.iter().map(|model| &*model.name));
    let catalog = Catalog {
        models,
        by_name,
        names: names.into(),
    };
    Built {
        catalog,
        hidden,
        missing,
    }
}

fn index<'a>(names: impl Iterator<Item = &'a str>) -> HashMap<Box<str>, usize> {
    names
        .enumerate()
        .map(|(index, name)| (name.into(), index))
        .collect()
}

fn model(name: &str, table: &Table, sensitive: &Sensitive, hidden: &mut Vec<Hidden>) -> Model {
    let mut fields = Vec::new();
    for column in &table.columns {
        // An operator may name the table where the model has an alias.
        let by_table = || {
            let rule = sensitive.hides_field(&table.name.name, &column.name)?;
            matches!(rule, sensitive::Rule::Configured(_)).then_some(rule)
        };
        if let Some(rule) = sensitive.hides_field(name, &column.name).or_else(by_table) {
            hidden.push(Hidden {
                model: name.to_owned(),
                table: table.name.clone(),
                field: column.name.clone(),
                rule: rule.to_string(),
            });
            continue;
        }
        fields.push(field(column));
    }
    let by_name = index(fields.iter().map(|field| &*field.name));
    let resolve = |columns: &[String]| -> Option<Vec<usize>> {
        columns
            .iter()
            .map(|column| by_name.get(column.as_str()).copied())
            .collect()
    };
    let key = resolve(&table.primary_key)
        .filter(|key| key.iter().all(|index| fields[*index].is_filterable()))
        .unwrap_or_default();
    let mut indexes: Vec<Vec<usize>> = Vec::new();
    for columns in std::iter::once(&table.primary_key).chain(&table.indexes) {
        // What follows a hidden column cannot be told of; what leads up to it serves as it is.
        let readable: Vec<usize> = columns
            .iter()
            .map_while(|column| by_name.get(column.as_str()).copied())
            .collect();
        if let Some(leading) = readable.first() {
            fields[*leading].indexed = true;
            if !indexes.contains(&readable) {
                indexes.push(readable);
            }
        }
    }
    let order = if key.is_empty() {
        (0..fields.len())
            .filter(|index| fields[*index].sortable)
            .collect()
    } else {
        key.clone()
    };
    Model {
        number: NUMBERS.fetch_add(1, Ordering::Relaxed),
        name: name.into(),
        table: table.name.clone(),
        kind: table.kind,
        description: table.comment.as_deref().map(Into::into),
        estimated_rows: table.estimated_rows,
        secured: table.secured,
        fields,
        by_name,
        key,
        order,
        indexes,
        relations: Vec::new(),
        rules: Vec::new(),
        owner: Box::default(),
    }
}

fn field(column: &Column) -> Field {
    Field {
        name: column.name.as_str().into(),
        field_type: column.field_type,
        nullable: column.nullable,
        // The order of documents would tell of the members that are removed from them.
        sortable: column.sortable && column.field_type.is_comparable(),
        dynamic: column.dynamic,
        bounded: column.bounded,
        indexed: false,
        description: column.comment.as_deref().map(Into::into),
        values: column
            .values
            .iter()
            .map(|value| value.as_str().into())
            .collect(),
        cast: column.cast.as_str().into(),
        reference: None,
    }
}

/// A rule that can hold, or why it cannot.
fn rule(wanted: &WantedRule<'_>, table: &Table) -> Result<Rule, String> {
    let name = wanted.field;
    let mut columns = table.columns.iter();
    let column = columns.find(|column| column.name == name).ok_or_else(|| {
        format!("a row rule names the field {name}, which is not there or may not be read")
    })?;
    let field = field(column);
    let read = |text: &String| {
        (wanted.read)(text, &field).ok_or_else(|| {
            let kind = field.field_type.name();
            format!("a row rule compares the field {name} of type {kind} with another value")
        })
    };
    let values: Result<Vec<Value>, String> = wanted.values.iter().map(read).collect();
    let values = values?;
    match values.is_empty() {
        true => Err(format!("a row rule names no value of the field {name}")),
        false => Ok(Rule { field, values }),
    }
}

/// Resolves the foreign keys between models, now that all of them are known.
fn relate(models: &mut [Model], tables: &[(String, Table)]) {
    for here in 0..models.len() {
        let mut relations: Vec<Relation> = Vec::new();
        for key in &tables[here].1.foreign_keys {
            let Some(there) = tables
                .iter()
                .position(|(_, table)| table.name == key.target)
            else {
                continue;
            };
            let pairs: Option<Vec<(usize, usize)>> = key
                .columns
                .iter()
                .zip(&key.target_columns)
                .map(|(column, target)| {
                    let from = *models[here].by_name.get(column.as_str())?;
                    let to = *models[there].by_name.get(target.as_str())?;
                    Some((from, to))
                })
                .collect();
            let Some(pairs) = pairs.filter(|pairs| !pairs.is_empty()) else {
                continue;
            };
            let target = models[there].name.clone();
            if let [(from, to)] = pairs[..] {
                let field = models[there].fields[to].name.clone();
                let reference = Reference {
                    model: target.clone(),
                    field,
                };
                models[here].fields[from].reference.get_or_insert(reference);
            }
            let free = |name: &str| {
                !models[here].by_name.contains_key(name)
                    && !relations.iter().any(|relation| *relation.name == *name)
            };
            let stem = stem(&key.columns).filter(|stem| free(stem));
            if let Some(name) = stem.or_else(|| free(&target).then_some(&*target)) {
                let name = name.into();
                relations.push(Relation {
                    name,
                    target,
                    pairs,
                });
            }
        }
        models[here].relations = relations;
    }
}

/// The name of a key's only column without its ending: `user` for `user_id` and `userId`.
fn stem(columns: &[String]) -> Option<&str> {
    let [column] = columns else {
        return None;
    };
    ["_id", "_ID", "Id", "ID"]
        .iter()
        .find_map(|ending| column.strip_suffix(ending))
        .map(|stem| stem.trim_end_matches('_'))
        .filter(|stem| !stem.is_empty())
}
