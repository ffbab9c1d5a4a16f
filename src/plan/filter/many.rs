//! Filters on relations to many: what must hold of the rows that they lead to.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{MAX_CONDITIONS, Reader, Scope};
use crate::error::{Error, ErrorKind};
use crate::plan::Object;
use crate::plan::condition::{Condition, join};
use crate::plan::joins::Rows;
use crate::plan::path::{Found, Unresolved};
use crate::plan::summary::Summary;
use crate::plan::term::Term;
use crate::protocol::{Kind, arguments, kind};

/// Relations to many that lead on from one another at the most.
const MAX_MANY: usize = 3;

impl<'c> Reader<'_, 'c> {
    /// The relation to many of that name, where a filter may ask of it.
    pub(super) fn found(&mut self, name: &str) -> Option<Result<Found<'c>, Unresolved>> {
        match &mut self.scope {
            Scope::Rows(names) if self.operators => names.many(name),
            Scope::Rows(_) | Scope::Groups(..) => None,
        }
    }

    /// What must hold of the rows that a relation to many leads to.
    pub(super) fn many(
        &mut self,
        name: &str,
        found: Result<Found<'c>, Unresolved>,
        raw: &RawValue,
        negated: bool,
        depth: usize,
    ) -> Result<Condition<'c>, Error> {
        let found = found.map_err(|unresolved| unresolved.of_field(name, self.scope.model()))?;
        let wrong = || {
            let example = format!(r#"for example {{"{name}":{{"$some":{{}}}}}}"#);
            Error::from(ErrorKind::RelationHoldsMany(found.relation.name().into()))
                .with_hint(example)
        };
        // No text is compared with rows, so one can only be the object's JSON.
        let text = arguments::of_rows(raw);
        let members = Object::parse(text.as_deref().unwrap_or(raw.get()))
            .filter(|members| !members.is_empty() && members.len() <= MAX_CONDITIONS)
            .ok_or_else(wrong)?;
        let of_count = members.get("where");
        if of_count.is_some() && members.get("$count").is_none() {
            return Err(wrong().with_hint(r#""where" stands beside $count"#));
        }
        let mut tests = Vec::with_capacity(members.len());
        for (word, value) in members.iter().filter(|(word, _)| *word != "where") {
            tests.push(match word {
                "$some" => self.some(&found, (value, false), negated, depth)?,
                "$none" => self.some(&found, (value, false), !negated, depth)?,
                // There is none that it does not hold of.
                "$every" => self.some(&found, (value, true), !negated, depth)?,
                "$count" => {
                    let filter = of_count.filter(|raw| kind(raw) != Kind::Null);
                    let filter = filter.map(|raw| (raw, false));
                    let (rows, filter) = self.of_rows(&found, filter, depth)?;
                    let rows = rows.ok_or_else(wrong)?;
                    let term = Term::Summary(Arc::new(Summary::count(rows, filter)));
                    let counted = self.value(name, &term, value, negated);
                    counted.map_err(|error| error.of_field(name))?
                }
                _ => return Err(wrong()),
            });
        }
        Ok(join(tests, negated))
    }

    /// Whether there is a row of which a filter, or its complement, holds.
    fn some(
        &mut self,
        found: &Found<'c>,
        filter: (&RawValue, bool),
        negated: bool,
        depth: usize,
    ) -> Result<Condition<'c>, Error> {
        self.count()?;
        let (rows, filter) = self.of_rows(found, Some(filter), depth)?;
        let none = || Error::from(ErrorKind::RelationHoldsMany(found.relation.name().into()));
        Ok(Condition::Some {
            rows: Box::new(rows.ok_or_else(none)?),
            filter: Box::new(filter),
            negated,
        })
    }

    /// The rows that a relation leads to, and a filter, or its complement, over them.
    fn of_rows(
        &mut self,
        found: &Found<'c>,
        filter: Option<(&RawValue, bool)>,
        depth: usize,
    ) -> Result<(Option<Rows<'c>>, Condition<'c>), Error> {
        let Scope::Rows(names) = &mut self.scope else {
            return Ok((None, Condition::All(Vec::new())));
        };
        if names.level == MAX_MANY {
            let hint = "relations to many lead on from one another 3 times at the most";
            return Err(Error::from(ErrorKind::FilterTooDeep(MAX_MANY)).with_hint(hint));
        }
        let source = names
            .joins
            .follow(found.parent, found.relation, found.target)?;
        let outer = names.enter(source);
        let filter = match filter {
            Some((raw, complement)) => self.object(raw, complement, depth)?,
            None => Condition::All(Vec::new()),
        };
        let Scope::Rows(names) = &mut self.scope else {
            return Ok((None, filter));
        };
        names.leave(outer);
        Ok((names.joins.rows(source), filter))
    }
}
