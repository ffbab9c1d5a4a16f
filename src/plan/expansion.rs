//! `expand`: the rows that relations lead to, as objects within each other.

use super::joins::Source;
use super::path::{self, Names};
use super::projection::list;
use super::{Object, present};
use crate::catalog::{Model, Relation};
use crate::error::{Error, ErrorKind};
use crate::suggest;

/// The row that a foreign key points to, as an object in the answer.
#[derive(Debug)]
pub struct Expansion<'c> {
    /// The key.
    pub relation: &'c Relation,
    /// The model that it points to.
    pub target: &'c Model,
    /// The row.
    pub source: Source,
    /// The rows that its own keys point to, within it.
    pub expand: Vec<Expansion<'c>>,
}

/// Reads `expand`: relations to one, and paths of them.
pub(super) fn read<'c>(
    params: &Object<'_>,
    names: &mut Names<'c>,
) -> Result<Vec<Expansion<'c>>, Error> {
    let mut expand = Vec::new();
    let Some(raw) = present(params, "expand") else {
        return Ok(expand);
    };
    for name in list(raw, "expand")? {
        let mut level = &mut expand;
        let mut source = Source::BASE;
        for step in path::relations(&name, names.model)? {
            let model = names.joins.model(source);
            let Some((relation, target)) = names.to_one(model, &step) else {
                return Err(not_allowed(&name, &step, names.model, model));
            };
            source = names.joins.follow(source, relation, target)?;
            let known = level.iter().position(|other| other.source == source);
            let at = known.unwrap_or_else(|| {
                level.push(Expansion {
                    relation,
                    target,
                    source,
                    expand: Vec::new(),
                });
                level.len() - 1
            });
            level = &mut level[at].expand;
        }
    }
    Ok(expand)
}

/// The refusal of a path whose step leads nowhere from a model on it.
fn not_allowed(path: &str, step: &str, base: &Model, model: &Model) -> Error {
    let kind = ErrorKind::RelationNotAllowed {
        relation: path.into(),
        model: base.name().into(),
    };
    let relations: Vec<&str> = model.to_one().map(Relation::name).collect();
    let hint = match suggest::nearest(step, relations.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None if relations.is_empty() => format!("{} has no relations to expand", model.name()),
        None => format!("relations of {}: {}", model.name(), relations.join(", ")),
    };
    Error::from(kind).with_hint(hint)
}
