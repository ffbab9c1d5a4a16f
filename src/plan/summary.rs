//! What is told of many rows, for each row that they belong to: `{"$count":"Album"}`.

use serde_json::value::RawValue;

use super::aggregate::{Aggregate, FUNCTIONS, Function, named};
use super::condition::Condition;
use super::filter::Counts;
use super::joins::{Joins, Rows, Source};
use super::number;
use super::path::{Names, Unresolved};
use super::projection::misnamed;
use super::term::Term;
use crate::error::Error;
use crate::protocol::{Kind, Object, decode_string, kind};

/// A number, or an extreme value, of the rows that a relation to many leads to.
#[derive(Debug)]
pub struct Summary<'c> {
    /// The rows.
    pub rows: Rows<'c>,
    /// Which of them.
    pub filter: Condition<'c>,
    /// What is told of these, all of them.
    pub told: Aggregate<'c>,
}

impl<'c> Summary<'c> {
    /// How many rows there are.
    pub(super) fn count(rows: Rows<'c>, filter: Condition<'c>) -> Self {
        Self {
            rows,
            filter,
            told: Aggregate {
                alias: String::new(),
                function: Function::Count,
                term: None,
                filter: Condition::All(Vec::new()),
            },
        }
    }

    /// Whose rows it is made of.
    pub fn sources(&self) -> Vec<Source> {
        let mut sources = self.told.sources();
        sources.extend(self.filter.sources());
        sources.push(self.rows.source);
        sources
    }

    /// How errors and cursors name it: `Album.$count`.
    pub(super) fn name(&self, joins: &Joins<'c>) -> String {
        let of = match &self.told.term {
            None => joins.way(self.rows.source),
            Some(term) => term.name(joins).into_owned(),
        };
        format!("{of}.{}", self.told.function.word())
    }
}

/// Whether an object asks for what is told of many rows, and not for what is made of numbers.
pub(super) fn is_asked(members: &Object<'_>) -> bool {
    let mut names = members.iter().map(|(name, _)| name);
    names.any(|name| name == "where" || Function::parse(name).is_some())
}

/// Reads the value of `compute` by that name.
pub(super) fn read<'c>(
    alias: &str,
    members: &Object<'_>,
    names: &mut Names<'c>,
    counts: &mut Counts,
) -> Result<Summary<'c>, Error> {
    let wrong = |place: &str| {
        misnamed(place, "takes one function of one relation to many")
            .with_hint(r#"for example {"$sum":"orders.amount","where":{"status":"open"}}"#)
    };
    let mut functions = members.iter().filter(|(name, _)| *name != "where");
    let (Some((word, operand)), None) = (functions.next(), functions.next()) else {
        return Err(wrong(&format!("compute.{alias}")));
    };
    let place = format!("compute.{alias}.{word}");
    let Some(function) = Function::parse(word) else {
        let error = misnamed(&place, "is no function");
        return Err(error.with_hint(format!("functions: {FUNCTIONS}")));
    };
    let text = decode_string(operand);
    let whole = match (&text, function) {
        (Some(name), Function::Count) => names.many(name),
        _ => None,
    };
    let (source, term) = match (whole, text) {
        (Some(found), Some(name)) => {
            let found = found.map_err(|unresolved| unresolved.of_field(&name, names.model))?;
            let source = names
                .joins
                .follow(found.parent, found.relation, found.target)?;
            (Some(source), None)
        }
        (_, text) => {
            names.lead_once();
            let term = of(function, text.as_deref(), operand, &place, names);
            let source = names.led();
            (source, term?.ok_or_else(|| wrong(&place)).map(Some)?)
        }
    };
    let source = source.ok_or_else(|| {
        let error = misnamed(&place, "leads along no relation to many");
        error.with_hint(names.many_hint())
    })?;
    let filter = match members.get("where").filter(|raw| kind(raw) != Kind::Null) {
        Some(raw) => {
            let outer = names.enter(source);
            let filter = counts.filter(raw, names)?;
            names.leave(outer);
            filter
        }
        None => Condition::All(Vec::new()),
    };
    let rows = names.joins.rows(source).ok_or_else(|| wrong(&place))?;
    let told = Aggregate {
        alias: alias.to_owned(),
        function,
        term,
        filter: Condition::All(Vec::new()),
    };
    Ok(Summary { rows, filter, told })
}

/// What a function is of; none where it can be of nothing like that.
fn of<'c>(
    function: Function,
    text: Option<&str>,
    operand: &RawValue,
    place: &str,
    names: &mut Names<'c>,
) -> Result<Option<Term<'c>>, Error> {
    match (text, kind(operand)) {
        (Some("*"), _) => Ok(None),
        (Some(name), _) => match function {
            // A relation alone is rows, and only their number can be told.
            Function::Count => named(function, name, names),
            _ if names.many(name).is_some() => {
                let unresolved = Unresolved::Many(name.into());
                let error = unresolved.of_field(name, names.model);
                Err(error.with_hint(format!("{} takes a field of {name}", function.word())))
            }
            _ => named(function, name, names),
        },
        (None, Kind::Object) if function.is_of_numbers() => {
            let number = number::read(operand, place, names)?;
            Ok(Some(Term::Number(Box::new(number))))
        }
        _ => Ok(None),
    }
}
