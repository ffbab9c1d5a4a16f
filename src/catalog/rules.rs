//! Row rules: which models they are about, and where their paths lead.
//!
//! A rule is about a model by its name, that of its table, or that with its schema; what follows the
//! name is a path of relations to one. Paths lead among the models as they are: what no client can
//! name still decides what is seen.

use std::sync::Arc;

use super::build::{WantedRule, as_it_is, field};
use super::{Model, Rule, Table, Way, relations};
use crate::config::ModelName;
use crate::value::Value;

/// Relations of one path at the most.
const MAX_STEPS: usize = 4;

/// The tables of a database, or why they are not there.
type Tables<'t> = [(&'t ModelName, Result<Table, String>)];

/// A rule, and its place among all that there are.
type Numbered<'n> = (usize, &'n WantedRule<'n>);

/// The rules of a catalog.
pub(super) struct Rules<'n> {
    /// Those that name a model, each with its number,
    plain: Vec<Numbered<'n>>,
    /// those that name a path from one,
    along: Vec<Numbered<'n>>,
    /// and those of neither: what they would have held back is not known.
    astray: Vec<Numbered<'n>>,
    /// All models of the database as they are, where a path may lead.
    models: Arc<[Model]>,
}

impl<'n> Rules<'n> {
    pub(super) fn new(wanted: &'n [WantedRule<'n>], tables: &Tables<'_>) -> Self {
        let there = || {
            let tables = tables.iter();
            tables.filter_map(|(name, table)| Some((&*name.exposed, table.as_ref().ok()?)))
        };
        let names = |(_, rule): &Numbered<'_>| {
            there().any(|(name, table)| path(rule, name, table) == Some(""))
        };
        let (plain, others): (Vec<_>, Vec<_>) = wanted.iter().enumerate().partition(names);
        let models = match others.is_empty() {
            true => Vec::new(),
            false => {
                let tables = there().map(|(name, table)| (name.to_owned(), table.clone()));
                let tables: Vec<(String, Table)> = tables.collect();
                let models = tables.iter().map(|(name, table)| as_it_is(name, table));
                let mut models: Vec<Model> = models.collect();
                relations::relate(&mut models, &tables);
                models
            }
        };
        let leads = |(_, rule): &Numbered<'_>| {
            there().any(|(name, table)| {
                let path = path(rule, name, table);
                path.is_some_and(|path| way(&models, name, path).is_some())
            })
        };
        let (along, astray) = others.into_iter().partition(leads);
        Self {
            plain,
            along,
            astray,
            models: models.into(),
        }
    }

    /// Whether a rule that is about nothing may be meant for a model.
    pub(super) fn may_miss(&self, name: &ModelName) -> bool {
        let mut astray = self.astray.iter();
        astray.any(|(_, rule)| name.may_begin(rule.model))
    }

    /// The rules of a model.
    ///
    /// # Errors
    /// Why one of them cannot hold.
    pub(super) fn of(&self, name: &str, table: &Table) -> Result<Vec<Rule>, String> {
        let mut rules = Vec::new();
        for &(number, wanted) in &self.plain {
            if path(wanted, name, table) == Some("") {
                let mut columns = table.columns.iter();
                let column = columns.find(|column| column.name == wanted.field);
                let field = column.map(field);
                rules.push(resolved((number, wanted), Way::default(), field)?);
            }
        }
        for &(number, wanted) in &self.along {
            let Some(path) = path(wanted, name, table) else {
                continue;
            };
            let steps = way(&self.models, name, path).ok_or_else(|| {
                format!("a row rule names the path {path}, along which no relations to one lead")
            })?;
            let Some((_, _, there)) = steps.last() else {
                continue;
            };
            let model = &self.models[*there];
            let way = Way {
                models: Arc::clone(&self.models),
                steps: steps.clone(),
            };
            let field = model.field(wanted.field).cloned();
            rules.push(resolved((number, wanted), way, field)?);
        }
        Ok(rules)
    }
}

/// What a rule names after the name of a model; nothing where it is the model itself, and `None`
/// where it is about another.
fn path<'r>(rule: &WantedRule<'r>, name: &str, table: &Table) -> Option<&'r str> {
    let after = |own: &str| match rule.model.strip_prefix(own)? {
        "" => Some(""),
        rest => rest.strip_prefix('.'),
    };
    let qualified = table.name.qualified();
    let paths = [name, &table.name.name, &qualified]
        .into_iter()
        .filter_map(after);
    paths.min_by_key(|path| path.len())
}

/// The steps along a path of relations to one: whose relation, which one, and where it leads.
fn way(models: &[Model], from: &str, path: &str) -> Option<Vec<(usize, usize, usize)>> {
    let mut steps = Vec::new();
    let here = models.iter().position(|model| model.name() == from)?;
    walk(models, here, path, &mut steps).then_some(steps)
}

/// Follows what is left of a path; a relation's name may hold dots.
fn walk(models: &[Model], here: usize, path: &str, steps: &mut Vec<(usize, usize, usize)>) -> bool {
    if path.is_empty() {
        return true;
    }
    if steps.len() == MAX_STEPS {
        return false;
    }
    let relations = models[here].relations.iter().enumerate();
    for (at, relation) in relations.filter(|(_, relation)| !relation.is_to_many()) {
        let rest = match path.strip_prefix(relation.name()) {
            Some("") => "",
            Some(rest) => match rest.strip_prefix('.') {
                Some(rest) if !rest.is_empty() => rest,
                _ => continue,
            },
            None => continue,
        };
        let mut others = models.iter();
        let Some(there) = others.position(|model| *model.name == *relation.target) else {
            continue;
        };
        steps.push((here, at, there));
        if walk(models, there, rest, steps) {
            return true;
        }
        steps.pop();
    }
    false
}

/// A rule that can hold, or why it cannot.
fn resolved(
    (number, wanted): Numbered<'_>,
    way: Way,
    field: Option<super::Field>,
) -> Result<Rule, String> {
    let name = wanted.field;
    let field = field.ok_or_else(|| {
        format!("a row rule names the field {name}, which is not there or may not be read")
    })?;
    let read = |text: &String| {
        (wanted.read)(text, &field).ok_or_else(|| {
            let kind = field.field_type().name();
            format!("a row rule compares the field {name} of type {kind} with another value")
        })
    };
    let values: Result<Vec<Value>, String> = wanted.values.iter().map(read).collect();
    let values = values?;
    match values.is_empty() {
        true => Err(format!("a row rule names no value of the field {name}")),
        false => Ok(Rule {
            number,
            way,
            field,
            values,
        }),
    }
}
