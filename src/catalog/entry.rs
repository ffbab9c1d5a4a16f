//! Relations as they are told: to clients by `describe`, to operators by `check` and `explain`.

use serde::Serialize;

use super::{Catalog, Model};

/// What leads from a model to another: to one row by a key of its own, or to many by one of theirs.
#[derive(Debug, Serialize)]
pub(crate) struct RelationEntry {
    /// The name that it is followed by.
    pub name: String,
    /// The other model.
    pub model: String,
    /// `one` or `many`.
    pub kind: &'static str,
    /// The fields of the key.
    pub fields: Vec<String>,
}

impl RelationEntry {
    /// Those of a model.
    pub(crate) fn of(model: &Model, catalog: &Catalog) -> Vec<Self> {
        let relations = model.relations().iter();
        relations
            .filter_map(|relation| {
                let target = relation.target(catalog)?;
                let key = relation.key(model, target);
                Some(Self {
                    name: relation.name().to_owned(),
                    model: target.name().to_owned(),
                    kind: if relation.is_to_many() { "many" } else { "one" },
                    fields: key.map(|field| field.name().to_owned()).collect(),
                })
            })
            .collect()
    }
}
