//! Relations that no index serves.

use crate::catalog::{Catalog, Field, Model, Relation};
use crate::db::Weakness;

/// The relations that no index serves: to follow one reads all rows of the model that it leads to.
pub(crate) fn unserved(catalog: &Catalog) -> Vec<Weakness> {
    let models = catalog.models().iter();
    let unserved = models.flat_map(|model| {
        let relations = model.relations().iter();
        let relations = relations.filter(|relation| !relation.is_served());
        relations.filter_map(|relation| told(relation, model, catalog))
    });
    unserved.collect()
}

fn told(relation: &Relation, model: &Model, catalog: &Catalog) -> Option<Weakness> {
    let target = relation.target(catalog)?;
    let there = relation.pairs(model, target).map(|(_, there)| there);
    let there: Vec<&str> = there.map(Field::name).collect();
    let there = there.join(", ");
    let (from, to) = (model.name(), target.name());
    Some(Weakness {
        what: format!(
            "relation {from}.{}: no index of {to} leads with {there}",
            relation.name()
        ),
        help: format!("CREATE INDEX … ON {} ({there})", target.table()),
    })
}
