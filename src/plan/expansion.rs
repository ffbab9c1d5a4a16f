//! `expand` and `include`: the rows that relations lead to, as objects and lists within each other.

use super::filter::Counts;
use super::joins::Source;
use super::path::{self, Names};
use super::projection::{self, Shown, list};
use super::{Format, Limits, Object, Output, Page, ReadPlan, RowKey, Total, page, present};
use crate::catalog::{Model, Relation};
use crate::error::{Error, ErrorKind};
use crate::protocol::{Kind, kind};
use crate::suggest;

/// Rows of a list where `include` does not say how many.
const LISTED: u32 = 10;

/// What a relation leads to, within the row that it leads from.
#[derive(Debug)]
pub enum Expansion<'c> {
    /// The row that a foreign key points to, as an object.
    One(ExpandedRow<'c>),
    /// The rows whose keys point to the row, as a list.
    Many(Box<ExpandedRows<'c>>),
}

/// The row that a foreign key points to.
#[derive(Debug)]
pub struct ExpandedRow<'c> {
    /// The key.
    pub relation: &'c Relation,
    /// The model that it points to.
    pub target: &'c Model,
    /// The row.
    pub source: Source,
    /// What is shown of it.
    pub fields: Vec<Shown<'c>>,
    /// What its own relations lead to, within it.
    pub expand: Vec<Expansion<'c>>,
}

/// The rows whose keys point to a row.
#[derive(Debug)]
pub struct ExpandedRows<'c> {
    /// The relation to many.
    pub relation: &'c Relation,
    /// The model that it leads from.
    pub here: &'c Model,
    /// The row of that model.
    pub parent: Source,
    /// What is read of the rows, and of those of each row how many: a statement of its own.
    pub plan: ReadPlan<'c>,
}

impl<'c> Expansion<'c> {
    /// The name of the member.
    pub fn name(&self) -> &'c str {
        match self {
            Self::One(one) => one.relation.name(),
            Self::Many(many) => many.relation.name(),
        }
    }
}

/// What is read beside the names of a request.
pub(super) struct Reading<'r> {
    pub(super) counts: &'r mut Counts,
    pub(super) limits: &'r Limits,
}

/// A relation that is asked for, what is chosen of its rows, and what of them is asked for.
#[derive(Default)]
struct RelationRequest<'r> {
    name: String,
    /// The whole path, as errors repeat it.
    path: String,
    options: Option<Object<'r>>,
    within: Vec<RelationRequest<'r>>,
}

/// Reads `expand` and `include`.
pub(super) fn read<'c>(
    params: &Object<'_>,
    names: &mut Names<'c>,
    reading: &mut Reading<'_>,
) -> Result<Vec<Expansion<'c>>, Error> {
    let mut asked = Vec::new();
    collect(params, names.model, "", &mut asked)?;
    let source = names.base();
    expanded(asked, source, names, reading)
}

/// The relations that `expand` and `include` name, as a tree.
fn collect<'r>(
    params: &Object<'r>,
    model: &Model,
    before: &str,
    into: &mut Vec<RelationRequest<'r>>,
) -> Result<(), Error> {
    let mut paths: Vec<(String, Option<Object<'r>>)> = Vec::new();
    if let Some(raw) = present(params, "expand") {
        paths.extend(list(raw, "expand")?.into_iter().map(|path| (path, None)));
    }
    if let Some(raw) = present(params, "include") {
        let wrong = || ErrorKind::ParameterType {
            parameter: "include",
            expected: "an object of relations, each with an object of what is chosen",
        };
        let members = match kind(raw) {
            Kind::Object => Object::parse(raw.get()),
            _ => None,
        };
        for (path, raw) in members.ok_or_else(wrong)?.iter() {
            let options = match kind(raw) {
                Kind::Object => Object::parse(raw.get()),
                _ => None,
            };
            paths.push((path.to_owned(), Some(options.ok_or_else(wrong)?)));
        }
    }
    for (path, options) in paths {
        let mut level = &mut *into;
        let steps = path::relations(&path, model)?;
        let last = steps.len().saturating_sub(1);
        let mut options = options;
        for (at, step) in steps.into_iter().enumerate() {
            let known = level.iter().position(|other| other.name == step);
            let index = known.unwrap_or_else(|| {
                level.push(RelationRequest {
                    name: step.into_owned(),
                    path: format!("{before}{path}"),
                    ..RelationRequest::default()
                });
                level.len() - 1
            });
            let asked = &mut level[index];
            if at == last && options.is_some() {
                asked.options = options.take();
            }
            level = &mut asked.within;
        }
    }
    Ok(())
}

/// What relations lead to from a row of a source.
fn expanded<'c>(
    asked: Vec<RelationRequest<'_>>,
    source: Source,
    names: &mut Names<'c>,
    reading: &mut Reading<'_>,
) -> Result<Vec<Expansion<'c>>, Error> {
    let mut expand = Vec::with_capacity(asked.len());
    for asked in asked {
        let model = names.joins.model(source);
        let found = model.relation(&asked.name);
        let found = found.and_then(|relation| Some((relation, names.target(relation)?)));
        let Some((relation, target)) = found else {
            return Err(not_allowed(&asked, names.model, model));
        };
        expand.push(match relation.is_to_many() {
            false => Expansion::One(one(asked, source, (relation, target), names, reading)?),
            true => {
                let rows = many(asked, source, (relation, target), names, reading)?;
                Expansion::Many(Box::new(rows))
            }
        });
    }
    Ok(expand)
}

/// The row that a relation to one leads to.
fn one<'c>(
    mut asked: RelationRequest<'_>,
    parent: Source,
    (relation, target): (&'c Relation, &'c Model),
    names: &mut Names<'c>,
    reading: &mut Reading<'_>,
) -> Result<ExpandedRow<'c>, Error> {
    let source = names.joins.follow(parent, relation, target)?;
    let options = asked.options.take().unwrap_or_default();
    known(&options, &["fields", "expand", "include"])?;
    collect(
        &options,
        target,
        &format!("{}.", asked.path),
        &mut asked.within,
    )?;
    let outer = names.enter(source);
    let fields = projection::fields(&options, names)?;
    names.leave(outer);
    let expand = expanded(asked.within, source, names, reading)?;
    projection::distinct(&fields, &expand)?;
    Ok(ExpandedRow {
        relation,
        target,
        source,
        fields,
        expand,
    })
}

/// The rows that a relation to many leads to.
fn many<'c>(
    mut asked: RelationRequest<'_>,
    parent: Source,
    (relation, target): (&'c Relation, &'c Model),
    names: &mut Names<'c>,
    reading: &mut Reading<'_>,
) -> Result<ExpandedRows<'c>, Error> {
    let options = asked.options.take().unwrap_or_default();
    known(
        &options,
        &[
            "fields", "compute", "filters", "sort", "limit", "expand", "include",
        ],
    )?;
    let listed = Limits {
        default_limit: LISTED.min(reading.limits.max_limit),
        ..reading.limits.clone()
    };
    let page = page::read(&options, &listed)?;
    let mut own = names.beside(target);
    own.computed = projection::compute(&options, &mut own, reading.counts)?;
    let filter = reading.counts.filters(&options, &mut own, true)?;
    let fields = projection::shown(&options, &mut own)?;
    let mut within = std::mem::take(&mut asked.within);
    collect(&options, target, &format!("{}.", asked.path), &mut within)?;
    let expand = expanded(within, Source::BASE, &mut own, reading)?;
    projection::distinct(&fields, &expand)?;
    let order = projection::order(&options, &mut own)?;
    names.joins.take_count(&own.joins)?;
    let plan = ReadPlan {
        model: target,
        joins: own.joins,
        output: Output::Rows { fields, expand },
        filter,
        order,
        page: Page { seek: None, ..page },
        total: Total::None,
        format: Format::Objects,
        zone: names.zone,
        row_key: RowKey::default(),
    };
    Ok(ExpandedRows {
        relation,
        here: names.joins.model(parent),
        parent,
        plan,
    })
}

/// Gives each list, at any depth, the key by which its alike rows are ordered.
pub(super) fn keyed(expand: &mut [Expansion<'_>], key: RowKey) {
    for expansion in expand {
        match expansion {
            Expansion::One(row) => keyed(&mut row.expand, key),
            Expansion::Many(rows) => {
                rows.plan.row_key = key;
                if let Output::Rows { expand, .. } = &mut rows.plan.output {
                    keyed(expand, key);
                }
            }
        }
    }
}

/// Checks the members of what is chosen.
fn known(options: &Object<'_>, members: &[&str]) -> Result<(), Error> {
    match options.iter().find(|(name, _)| !members.contains(name)) {
        None => Ok(()),
        Some((name, _)) => {
            let near = suggest::nearest(name, members.iter().copied());
            let near = near.map_or(String::new(), |near| format!("did you mean {near:?}? "));
            let hint = format!("{near}a relation of include takes {}", members.join(", "));
            Err(Error::from(ErrorKind::UnknownParameter(name.into())).with_hint(hint))
        }
    }
}

/// The refusal of a path whose step leads nowhere from a model on it.
fn not_allowed(asked: &RelationRequest<'_>, base: &Model, model: &Model) -> Error {
    let kind = ErrorKind::RelationNotAllowed {
        relation: asked.path.as_str().into(),
        model: base.name().into(),
    };
    let relations: Vec<&str> = model.relations().iter().map(Relation::name).collect();
    let hint = match suggest::nearest(&asked.name, relations.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None if relations.is_empty() => format!("{} has no relations to expand", model.name()),
        None => format!("relations of {}: {}", model.name(), relations.join(", ")),
    };
    Error::from(kind).with_hint(hint)
}
