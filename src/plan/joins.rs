//! What one request reads: the model itself, and the rows that its relations to one lead to.

use std::borrow::Cow;

use super::date::DatePart;
use crate::catalog::{Model, Relation};
use crate::error::{Error, ErrorKind};

/// Relations of one request at the most.
pub(super) const MAX_RELATIONS: usize = 8;

/// Which of a request's rows are meant: those of the model itself, or those that a relation leads
/// to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(u8);

impl Source {
    /// The model itself.
    pub const BASE: Self = Self(0);

    /// Its position in [`Joins`], from 0.
    pub fn index(self) -> usize {
        self.0.into()
    }
}

/// Some of a request's sources, with those on the way to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sources(u64);

impl Sources {
    /// Whether this one is among them.
    pub fn has(self, source: Source) -> bool {
        self.0 & 1 << source.0 != 0
    }
}

/// The row that a relation to one leads to from a row of another source.
#[derive(Debug, Clone, Copy)]
pub struct Join<'c> {
    /// Where it leads from.
    pub parent: Source,
    /// The relation.
    pub relation: &'c Relation,
    /// The model that it leads to.
    pub model: &'c Model,
}

/// The sources of one request, as a tree whose root is the model itself. Equal paths share a source,
/// and each comes after its parent.
#[derive(Debug)]
pub struct Joins<'c> {
    base: &'c Model,
    joins: Vec<Join<'c>>,
}

impl<'c> Joins<'c> {
    /// A model alone.
    pub(super) fn of(base: &'c Model) -> Self {
        Self {
            base,
            joins: Vec::new(),
        }
    }

    /// The source that a relation leads to from another one; the same each time.
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
        let at = match self.joins.iter().position(same) {
            Some(at) => at,
            None if self.joins.len() == MAX_RELATIONS => {
                return Err(ErrorKind::TooManyRelations(MAX_RELATIONS).into());
            }
            None => {
                self.joins.push(Join {
                    parent,
                    relation,
                    model,
                });
                self.joins.len() - 1
            }
        };
        // No more than the largest number of relations.
        Ok(Source(at as u8 + 1))
    }

    /// Whether the model is read without others.
    pub fn is_empty(&self) -> bool {
        self.joins.is_empty()
    }

    /// Each join with its source, parents first.
    pub fn iter(&self) -> impl Iterator<Item = (Source, &Join<'c>)> {
        let sources = (1..).map(Source);
        sources.zip(&self.joins)
    }

    /// The join of a source; none of the model itself.
    pub fn join(&self, source: Source) -> Option<&Join<'c>> {
        self.joins.get(source.index().checked_sub(1)?)
    }

    /// The model of a source.
    pub fn model(&self, source: Source) -> &'c Model {
        self.join(source).map_or(self.base, |join| join.model)
    }

    /// The sources that are needed for some of them.
    pub fn way_to(&self, sources: impl IntoIterator<Item = Source>) -> Sources {
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
