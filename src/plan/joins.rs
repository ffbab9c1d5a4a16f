//! What one request reads: the model itself, and the rows that its relations to one lead to.

use std::borrow::Cow;

use super::date::DatePart;
use crate::catalog::{Model, Relation};
use crate::error::{Error, ErrorKind};

/// Different relations of one request at the most.
pub(super) const MAX_RELATIONS: usize = 8;
/// Sources of one statement at the most: what is asked of many rows reads them anew each time.
const MAX_SOURCES: usize = 32;

/// Which of a request's rows are meant: those of the model itself, or those that a relation leads
/// to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(u8);

impl Source {
    /// The model itself.
    pub(crate) const BASE: Self = Self(0);

    /// Its position in [`Joins`], from 0.
    pub fn index(self) -> usize {
        self.0.into()
    }
}

/// Some of a request's sources, with those on the way to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sources(u64);

impl Sources {
    /// Whether this one is among them.
    pub(crate) fn has(self, source: Source) -> bool {
        self.0 & 1 << source.0 != 0
    }
}

/// What a relation leads to from a row of another source: a row, or any number of them.
#[derive(Debug, Clone, Copy)]
pub struct Join<'c> {
    /// Where it leads from.
    pub parent: Source,
    /// The model that it leads from.
    pub here: &'c Model,
    /// The relation.
    pub relation: &'c Relation,
    /// The model that it leads to.
    pub model: &'c Model,
}

/// The rows that a relation to many leads to, and those that are joined to each: what is asked of
/// them is asked beside the row that they belong to.
#[derive(Debug, Clone)]
pub struct Rows<'c> {
    /// The rows.
    pub source: Source,
    /// Where they lead from.
    pub join: Join<'c>,
    /// What relations to one lead to from them, parents first.
    pub joined: Vec<(Source, Join<'c>)>,
}

/// The sources of one request, as a tree whose root is the model itself. Equal paths of relations to
/// one share a source, and each comes after its parent.
#[derive(Debug)]
pub struct Joins<'c> {
    base: &'c Model,
    joins: Vec<Join<'c>>,
    /// How many different relations other statements of the request follow.
    elsewhere: usize,
}

impl<'c> Joins<'c> {
    /// A model alone.
    pub(super) fn of(base: &'c Model) -> Self {
        Self {
            base,
            joins: Vec::new(),
            elsewhere: 0,
        }
    }

    /// Another statement of the same request, over another model.
    pub(super) fn beside(&self, base: &'c Model) -> Self {
        Self {
            elsewhere: self.count() + 1,
            ..Self::of(base)
        }
    }

    /// Counts the relations of another statement that began as [`Self::beside`] this one.
    ///
    /// # Errors
    /// `Too many relations`.
    pub(super) fn take_count(&mut self, other: &Self) -> Result<(), Error> {
        self.elsewhere = other.count() - self.different();
        match self.count() > MAX_RELATIONS {
            true => Err(ErrorKind::TooManyRelations(MAX_RELATIONS).into()),
            false => Ok(()),
        }
    }

    /// The source that a relation leads to from another one: to one the same each time, to many
    /// another each time.
    ///
    /// # Errors
    /// `Too many relations`.
    pub(super) fn follow(
        &mut self,
        parent: Source,
        relation: &'c Relation,
        model: &'c Model,
    ) -> Result<Source, Error> {
        let same = |join: &Join<'_>| join.parent == parent && std::ptr::eq(join.relation, relation);
        let known = match relation.is_to_many() {
            true => None,
            false => self.joins.iter().position(same),
        };
        if let Some(at) = known {
            return Ok(Source(at as u8 + 1));
        }
        let too_many = || Error::from(ErrorKind::TooManyRelations(MAX_RELATIONS));
        if self.joins.len() == MAX_SOURCES {
            let hint = format!("what is asked of many rows {MAX_SOURCES} times is too much");
            return Err(too_many().with_hint(hint));
        }
        self.joins.push(Join {
            parent,
            here: self.model(parent),
            relation,
            model,
        });
        match self.count() > MAX_RELATIONS {
            true => Err(too_many()),
            // No more than the largest number of sources.
            false => Ok(Source(self.joins.len() as u8)),
        }
    }

    /// How many different relations the request follows, as far as it is read.
    fn count(&self) -> usize {
        self.elsewhere + self.different()
    }

    fn different(&self) -> usize {
        let sources = (1..=self.joins.len()).map(|at| Source(at as u8));
        let new = |source: &Source| !(1..source.0).any(|at| self.is_alike(Source(at), *source));
        sources.filter(new).count()
    }

    /// Whether two sources are led to by the same relations.
    fn is_alike(&self, one: Source, other: Source) -> bool {
        match (self.join(one), self.join(other)) {
            (Some(one), Some(other)) => {
                std::ptr::eq(one.relation, other.relation)
                    && self.is_alike(one.parent, other.parent)
            }
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    /// Whether a source is, or is led to by, many rows of a source.
    pub(crate) fn is_of_many(&self, mut source: Source) -> bool {
        while let Some(join) = self.join(source) {
            if join.relation.is_to_many() {
                return true;
            }
            source = join.parent;
        }
        false
    }

    /// Whether any relation leads to many rows.
    pub(crate) fn has_many(&self) -> bool {
        self.joins.iter().any(|join| join.relation.is_to_many())
    }

    /// The rows of a source that a relation to many leads to, with all that is joined to them; none
    /// of another source.
    pub(super) fn rows(&self, source: Source) -> Option<Rows<'c>> {
        let join = *self.join(source)?;
        let mut reached = vec![source];
        let mut joined = Vec::new();
        for (at, join) in self.iter() {
            if !join.relation.is_to_many() && reached.contains(&join.parent) {
                reached.push(at);
                joined.push((at, *join));
            }
        }
        Some(Rows {
            source,
            join,
            joined,
        })
    }

    /// Whether the model is read without others.
    pub fn is_empty(&self) -> bool {
        self.joins.is_empty()
    }

    /// Each join with its source, parents first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Source, &Join<'c>)> {
        let sources = (1..).map(Source);
        sources.zip(&self.joins)
    }

    /// The join of a source; none of the model itself.
    pub(crate) fn join(&self, source: Source) -> Option<&Join<'c>> {
        self.joins.get(source.index().checked_sub(1)?)
    }

    /// The model of a source.
    pub fn model(&self, source: Source) -> &'c Model {
        self.join(source).map_or(self.base, |join| join.model)
    }

    /// The sources that are needed for some of them.
    pub(crate) fn way_to(&self, sources: impl IntoIterator<Item = Source>) -> Sources {
        let mut needed = Sources::default();
        for mut source in sources {
            while !needed.has(source) {
                needed.0 |= 1 << source.0;
                source = self.join(source).map_or(Source::BASE, |join| join.parent);
            }
        }
        needed
    }

    /// The model of each source, as often as it is read.
    pub fn models(&self) -> impl Iterator<Item = &'c Model> {
        let joined = self.joins.iter().map(|join| join.model);
        std::iter::once(self.base).chain(joined)
    }

    /// The path of relations to a source: `Album.Artist`.
    pub fn way(&self, source: Source) -> String {
        let mut steps = Vec::new();
        let mut at = source;
        while let Some(join) = self.join(at) {
            steps.push(quoted(join.relation.name()));
            at = join.parent;
        }
        steps.reverse();
        steps.join(".")
    }

    /// The path to a field of a source, and to a part of its date: `Album.Artist.Name`.
    pub(super) fn path<'n>(
        &self,
        source: Source,
        field: &'n str,
        part: Option<DatePart>,
    ) -> Cow<'n, str> {
        if source == Source::BASE && part.is_none() {
            return Cow::Borrowed(field);
        }
        let mut steps = vec![quoted(field)];
        let mut at = source;
        while let Some(join) = self.join(at) {
            steps.push(quoted(join.relation.name()));
            at = join.parent;
        }
        steps.reverse();
        steps.extend(part.map(|part| Cow::Borrowed(part.operator())));
        Cow::Owned(steps.join("."))
    }
}

/// A name as it stands in a path: in double quotes where it would be read as something else.
fn quoted(name: &str) -> Cow<'_, str> {
    match name.contains(['.', '"']) || name.starts_with('$') {
        true => Cow::Owned(format!("\"{}\"", name.replace('"', "\"\""))),
        false => Cow::Borrowed(name),
    }
}
