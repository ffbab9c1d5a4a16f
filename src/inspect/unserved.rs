//! Relations that no index serves.

use crate::advice::Advice;
use crate::catalog::{Catalog, Field, Model, Relation, Search};

/// The relations that no index serves: to follow one reads all rows of the model that it leads to.
pub(crate) fn unserved(catalog: &Catalog) -> Vec<Advice> {
    let models = catalog.models().iter();
    let unserved = models.flat_map(|model| {
        let relations = model.relations().iter();
        relations.filter_map(|relation| told(relation, model, catalog))
    });
    unserved.collect()
}

fn told(relation: &Relation, model: &Model, catalog: &Catalog) -> Option<Advice> {
    let target = relation.target(catalog)?;
    let names = |fields: &mut dyn Iterator<Item = &Field>| {
        let names: Vec<&str> = fields.map(Field::name).collect();
        names.join(", ")
    };
    let there = names(&mut relation.pairs(model, target).map(|(_, there)| there));
    let (from, to, name) = (model.name(), target.name(), relation.name());
    match relation.search() {
        Search::Indexed => None,
        Search::Whole => Some(Advice::new(
            format!("relation {from}.{name}: no index of {to} leads with {there}"),
            format!("CREATE INDEX … ON {} ({there})", target.table()),
        )),
        Search::Unlike => {
            let here = names(&mut relation.fields(model));
            Some(Advice::new(
                format!(
                    "relation {from}.{name}: {to}.{there} has another type or collation than \
                     {from}.{here}, so that its index does not serve"
                ),
                format!(
                    "give {there} of {} the type and collation of {here}",
                    target.table()
                ),
            ))
        }
    }
}
