//! From tables and the whitelist to the catalog, leaving out what is sensitive.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::rules::Rules;
use super::{
    Catalog, Column, Distinction, Field, Model, Stored, Table, TableName, generated, relations,
};
use crate::advice::Advice;
use crate::config::ModelName;
use crate::sensitive::{ModelNames, Sensitive};
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
    /// What an operator said of a column, or of a key, and cannot be.
    pub(crate) mistyped: Option<Advice>,
}

/// A field that is left out, and why.
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone)]
pub struct Missing {
    /// The name as configured.
    pub name: String,
    /// Why, and what could be meant: for the operator.
    pub reason: String,
    /// Whether a row rule is why.
    ruled_out: bool,
}

impl Missing {
    /// Whether the table is there, and all of it is hidden.
    pub(crate) fn is_hidden_whole(&self) -> bool {
        self.reason == ALL_HIDDEN
    }

    /// The reason as a log may tell it: a rule may name a hidden field.
    pub fn logged(&self) -> &str {
        match self.ruled_out {
            true => "one of its row rules cannot hold; lucarne access explain tells which",
            false => &self.reason,
        }
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
    let rules = Rules::new(narrowing.rules, &tables);
    for (name, table) in tables {
        let is_seen = |models: &[String]| models.contains(&name.exposed);
        if !narrowing.models.is_none_or(is_seen) {
            continue;
        }
        match table {
            Ok(_) if rules.may_miss(name) => missing.push(Missing {
                name: name.exposed.clone(),
                reason: "a row rule names it with another schema".to_owned(),
                ruled_out: true,
            }),
            Ok(table) => found.push((name.exposed.clone(), table)),
            Err(reason) => missing.push(Missing {
                name: name.exposed.clone(),
                reason,
                ruled_out: false,
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
            missing.push(Missing {
                name,
                reason: ALL_HIDDEN.to_owned(),
                ruled_out: false,
            });
            continue;
        }
        match rules.of(&name, &table) {
            Ok(rules) => {
                model.rules = rules;
                models.push(model);
                kept.push((name, table));
            }
            Err(reason) => missing.push(Missing {
                name,
                reason,
                ruled_out: true,
            }),
        }
    }
    relations::relate(&mut models, &kept);
    let by_name = index(models.iter().map(|model| &*model.name));
    let catalog = Catalog { models, by_name };
    Built {
        catalog,
        hidden,
        missing,
        mistyped: None,
    }
}

fn index<'a>(names: impl Iterator<Item = &'a str>) -> HashMap<Box<str>, usize> {
    names
        .enumerate()
        .map(|(index, name)| (name.into(), index))
        .collect()
}

fn model(name: &str, table: &Table, sensitive: &Sensitive, hidden: &mut Vec<Hidden>) -> Model {
    let qualified = table.name.qualified();
    let named = ModelNames {
        model: name,
        qualified: &qualified,
        table: &table.name.name,
    };
    let rules = generated::rules(named, table, sensitive);
    made(name, table, rules, hidden)
}

/// A model with all columns of its table, for nobody's eyes.
pub(super) fn as_it_is(name: &str, table: &Table) -> Model {
    let nothing = vec![None; table.columns.len()];
    made(name, table, nothing, &mut Vec::new())
}

/// A model of the columns that no rule hides.
fn made(name: &str, table: &Table, rules: Vec<Option<String>>, hidden: &mut Vec<Hidden>) -> Model {
    let mut fields = Vec::new();
    for (column, rule) in table.columns.iter().zip(rules) {
        match rule {
            Some(rule) => hidden.push(Hidden {
                model: name.to_owned(),
                table: table.name.clone(),
                field: column.name.clone(),
                rule,
            }),
            None => fields.push(field(column)),
        }
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
            fields[*leading].sampled = true;
            if !indexes.contains(&readable) {
                indexes.push(readable);
            }
        }
    }
    for index in &key {
        fields[*index].sampled = true;
    }
    let order = if key.is_empty() {
        (0..fields.len())
            .filter(|index| fields[*index].sortable)
            .collect()
    } else {
        key.clone()
    };
    let distinction = distinction(table, &fields, &key, &order);
    Model {
        number: NUMBERS.fetch_add(1, Ordering::Relaxed),
        name: name.into(),
        table: table.name.clone(),
        kind: table.kind,
        description: table.comment.as_deref().map(Into::into),
        estimated_rows: table.estimated_rows,
        secured: table.secured,
        runs_code: table.runs_code,
        definition: table.definition,
        columns_digest: table.columns_digest,
        inherited: table.inherited,
        fields,
        by_name,
        key,
        order,
        distinction,
        indexes,
        relations: Vec::new(),
        rules: Vec::new(),
        owner: Box::default(),
    }
}

/// What tells rows apart that share all fields of the order.
fn distinction(table: &Table, fields: &[Field], key: &[usize], order: &[usize]) -> Distinction {
    let nullable = |index: &usize| fields[*index].nullable;
    let withheld = |index: &usize| fields[*index].withholds_order();
    let holds = !key.is_empty() && !key.iter().any(nullable) && !table.inherited;
    if holds && !key.iter().any(withheld) {
        return Distinction::Key;
    }
    if let Some(row_id) = table.row_id {
        return Distinction::RowId(row_id);
    }
    let told = |index: &usize| fields[*index].exact && order.contains(index) && !withheld(index);
    let content: Vec<usize> = match holds {
        // The rest of the key is in the order.
        true => key.iter().copied().filter(withheld).collect(),
        false => (0..fields.len()).filter(|index| !told(index)).collect(),
    };
    match content.is_empty() {
        true => Distinction::None,
        false => Distinction::Content(content),
    }
}

pub(super) fn field(column: &Column) -> Field {
    let is_comparable = column.field_type.is_comparable() || column.stored == Stored::Bytes;
    Field {
        name: column.name.as_str().into(),
        field_type: column.field_type,
        stored: column.stored,
        nullable: column.nullable,
        // The order of documents would tell of the members that are removed from them.
        sortable: column.sortable && is_comparable,
        exact: column.exact,
        dynamic: column.dynamic,
        bounded: column.bounded,
        folding: column.folding,
        loose: column.loose,
        indexed: false,
        sampled: false,
        derived: false,
        description: column.comment.as_deref().map(Into::into),
        values: column
            .values
            .iter()
            .map(|value| value.as_str().into())
            .collect(),
        parts: Arc::clone(&column.parts),
        collation: column.collation,
        compared_by: column.compared_by.as_deref().map(Into::into),
        documents: column.documents,
        affinity: column.affinity,
        cast: column.cast.as_str().into(),
        reference: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FieldType, ForeignKey};
    use super::*;

    fn table(name: &str) -> Table {
        let integer = FieldType::Integer {
            unsigned: false,
            wide: true,
        };
        let columns = vec![
            Column::new("id", integer),
            Column::new("user_id", integer),
            Column::new("company_id", integer),
            Column::new("api_key", FieldType::Text),
            Column::new("payload", FieldType::Json),
        ];
        Table {
            estimated_rows: Some(100),
            primary_key: vec!["id".to_owned()],
            foreign_keys: vec![ForeignKey {
                columns: vec!["user_id".to_owned()],
                target: "users".into(),
                target_columns: vec!["id".to_owned()],
                unique: true,
                given: None,
            }],
            ..Table::new(name, columns)
        }
    }

    fn narrowed(narrowing: Narrowing<'_>) -> Built {
        let names = ["users", "tickets"].map(|name| ModelName {
            exposed: name.to_owned(),
            schema: None,
            table: name.to_owned(),
        });
        let tables = names.iter().map(|name| (name, Ok(table(&name.exposed))));
        build(tables.collect(), &Sensitive::default(), narrowing)
    }

    fn read(text: &str, field: &Field) -> Option<Value> {
        match field.field_type() {
            FieldType::Integer { .. } => text.parse().ok().map(Value::Int),
            FieldType::Text => Some(Value::Text(text.to_owned())),
            _ => None,
        }
    }

    fn ruled(rules: &[(&str, &str, &[&str])]) -> Built {
        let values: Vec<Vec<String>> = rules
            .iter()
            .map(|(.., values)| values.iter().map(ToString::to_string).collect())
            .collect();
        let rules: Vec<WantedRule<'_>> = rules
            .iter()
            .zip(&values)
            .map(|((model, field, _), values)| WantedRule {
                model,
                field,
                values,
                read,
            })
            .collect();
        narrowed(Narrowing {
            rules: &rules,
            ..Narrowing::default()
        })
    }

    #[test]
    fn a_model_that_is_not_seen_is_not_missed_and_nothing_leads_to_it() {
        let seen = ["tickets".to_owned()];
        let built = narrowed(Narrowing {
            models: Some(&seen),
            owner: "acme",
            ..Narrowing::default()
        });
        let [tickets] = built.catalog.models() else {
            panic!("one model")
        };
        assert!(built.missing.is_empty());
        assert_eq!((tickets.name(), tickets.owner()), ("tickets", "acme"));
        assert!(tickets.relations().is_empty());
        assert_eq!(tickets.field("user_id").unwrap().reference(), None);
        let whole = narrowed(Narrowing::default()).catalog;
        assert!(whole.model("tickets").unwrap().relation("user").is_some());
    }

    #[test]
    fn a_rule_may_be_of_a_field_that_nobody_can_name() {
        let built = ruled(&[
            ("tickets", "api_key", &["one", "two"]),
            ("tickets", "company_id", &["7"]),
            ("absent", "company_id", &["7"]),
        ]);
        let tickets = built.catalog.model("tickets").unwrap();
        let [hidden, plain] = tickets.rules() else {
            panic!("two rules")
        };
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(hidden.field().name(), "api_key");
        assert_eq!(hidden.values(), [text("one"), text("two")]);
        assert_eq!(plain.values(), [Value::Int(7)]);
        assert!(tickets.field("api_key").is_none());
        assert!(tickets.fields().iter().all(|it| it.name() != "api_key"));
        assert!(built.missing.is_empty());
    }

    #[test]
    fn a_model_whose_rule_cannot_hold_is_missing() {
        for (field, values, reason) in [
            ("company", &["7"][..], "is not there"),
            ("Company_id", &["7"], "is not there"),
            ("company_id", &["7", "seven"], "with another value"),
            ("payload", &["7"], "with another value"),
            ("company_id", &[], "names no value"),
        ] {
            let rules = [("users", "id", &["7"][..]), ("users", field, values)];
            let built = ruled(&rules);
            assert!(built.catalog.model("users").is_none(), "{field}");
            let [missing] = &built.missing[..] else {
                panic!("{field}: {:?}", built.missing)
            };
            assert_eq!(missing.name, "users");
            assert!(missing.reason.contains(reason), "{}", missing.reason);
            assert!(!missing.is_hidden_whole());
            // The field may be a hidden one.
            assert!(!missing.logged().contains(field), "{}", missing.logged());
            // What pointed to it points nowhere.
            let tickets = built.catalog.model("tickets").unwrap();
            assert!(tickets.relations().is_empty());
        }
    }

    #[test]
    fn estimates_are_told_where_every_row_is_seen() {
        let told = |built: &Built| {
            let models = built.catalog.models().iter();
            models
                .map(|model| (model.estimated_rows(), model.table_rows()))
                .collect::<Vec<_>>()
        };
        let (all, some) = ((Some(100), Some(100)), (None, Some(100)));
        assert_eq!(told(&ruled(&[])), [all, all]);
        let rules = ruled(&[("tickets", "company_id", &["7"])]);
        assert_eq!(told(&rules), [all, some]);
        let secured = narrowed(Narrowing {
            secured: true,
            ..Narrowing::default()
        });
        assert_eq!(told(&secured), [some, some]);
    }
}
