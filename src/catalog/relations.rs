//! Foreign keys between models, and the names that they are followed by.

use super::{Model, Reach, Reference, Relation, Table};

/// A key between two models, of which all fields can be read.
struct Key {
    here: usize,
    there: usize,
    columns: Vec<String>,
    /// The name that an operator gave it.
    named: Option<String>,
    pairs: Vec<(usize, usize)>,
    /// None where nothing says which row of the other model is meant.
    reach: Option<Reach>,
}

/// Resolves the foreign keys between models, now that all of them are known.
pub(super) fn relate(models: &mut [Model], tables: &[(String, Table)]) {
    let mut keys = Vec::new();
    for here in 0..models.len() {
        keys.extend(keys_of(here, models, tables));
    }
    // What points to one row has its name before what points back.
    let mut names = Vec::with_capacity(keys.len());
    for key in &keys {
        if let [(from, to)] = key.pairs[..] {
            let reference = Reference {
                model: models[key.there].name.clone(),
                field: models[key.there].fields[to].name.clone(),
            };
            let field = &mut models[key.here].fields[from];
            field.reference.get_or_insert(reference);
        }
        let name = key.reach.map(|reach| {
            let free = free(&models[key.here]);
            let name = match &key.named {
                Some(own) => distinct(own.clone(), &key.columns, free),
                None => name(&key.columns, &models[key.there].name, free),
            };
            let relation = relation(name.clone(), key.there, &key.pairs, (reach, reach), models);
            models[key.here].relations.push(relation);
            name
        });
        names.push(name.unwrap_or_else(|| key.columns.join("_")));
    }
    for (key, to_one) in keys.iter().zip(&names) {
        let same = |other: &&Key| (other.here, other.there) == (key.here, key.there);
        let several = keys.iter().filter(same).count() > 1;
        let model = &models[key.here].name;
        let plain = match several {
            true => format!("{model}_by_{to_one}"),
            false => model.to_string(),
        };
        let name = distinct(plain, &key.columns, free(&models[key.there]));
        let pairs: Vec<_> = key.pairs.iter().map(|(from, to)| (*to, *from)).collect();
        let back = key.reach.unwrap_or(Reach::First);
        let relation = relation(name, key.here, &pairs, (Reach::Many, back), models);
        models[key.there].relations.push(relation);
    }
}

/// The keys of a model to those that are exposed, each once.
fn keys_of(here: usize, models: &[Model], tables: &[(String, Table)]) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for key in &tables[here].1.foreign_keys {
        let mut others = tables.iter();
        let there = others.position(|(name, table)| match &key.given {
            Some(given) => *name == given.model,
            None => table.name == key.target,
        });
        let Some(there) = there else {
            continue;
        };
        let pairs = key.columns.iter().zip(&key.target_columns);
        let pairs = pairs.map(|(column, target)| {
            let from = *models[here].by_name.get(column.as_str())?;
            let to = *models[there].by_name.get(target.as_str())?;
            Some((from, to))
        });
        let pairs: Option<Vec<(usize, usize)>> = pairs.collect();
        let Some(pairs) = pairs.filter(|pairs| !pairs.is_empty()) else {
            continue;
        };
        let named = key.given.as_ref().and_then(|given| given.name.clone());
        let mut known = keys.iter_mut();
        if let Some(same) = known.find(|other| other.there == there && other.pairs == pairs) {
            // An operator may name what the database has.
            same.named = named.or(same.named.take());
            continue;
        }
        let own = &models[there].key;
        let covered = |index: &usize| pairs.iter().any(|(_, to)| to == index);
        // A key may be one that no record is asked for by, as bytes are on MariaDB.
        let target = &tables[there].1;
        let of_key = |column: &String| key.target_columns.contains(column);
        let whole = !target.inherited
            && !target.primary_key.is_empty()
            && target.primary_key.iter().all(of_key);
        let reach = match key.unique || whole || !own.is_empty() && own.iter().all(covered) {
            true => Some(Reach::Only),
            // Without a key of the target's own there is no first one of its rows.
            false => (!own.is_empty()).then_some(Reach::First),
        };
        keys.push(Key {
            here,
            there,
            columns: key.columns.clone(),
            named,
            pairs,
            reach,
        });
    }
    keys
}

fn relation(
    name: String,
    target: usize,
    pairs: &[(usize, usize)],
    (reach, to_one): (Reach, Reach),
    models: &[Model],
) -> Relation {
    let target = &models[target];
    let leads = |index: &Vec<usize>| {
        let leading = index.first();
        pairs.iter().any(|(_, to)| leading == Some(to))
    };
    Relation {
        name: name.into(),
        target: target.name.clone(),
        pairs: pairs.to_vec(),
        reach,
        alone: to_one == Reach::Only,
        served: target.indexes.iter().any(leads),
    }
}

/// Which names a model has not given away yet.
fn free(model: &Model) -> impl Fn(&str) -> bool {
    |name| !model.by_name.contains_key(name) && model.relation(name).is_none()
}

/// The first free name of a relation to one: the key's without its ending, the other model's, and
/// that with `_by_` and the key's.
fn name(key: &[String], target: &str, free: impl Fn(&str) -> bool) -> String {
    match stem(key).filter(|stem| free(stem)) {
        Some(stem) => stem.to_owned(),
        None => distinct(target.to_owned(), key, free),
    }
}

/// A name, or where it is taken that with `_by_` and the key's; a number tells apart what is the
/// same even then.
fn distinct(plain: String, key: &[String], free: impl Fn(&str) -> bool) -> String {
    if free(&plain) {
        return plain;
    }
    let by = format!("{plain}_by_{}", key.join("_"));
    if free(&by) {
        return by;
    }
    let mut numbered = (2..).map(|number| format!("{by}_{number}"));
    numbered.find(|name| free(name)).unwrap_or_default()
}

/// The name of a key's only column without its ending: `user` for `user_id` and `userId`.
fn stem(columns: &[String]) -> Option<&str> {
    let [column] = columns else {
        return None;
    };
    ["_id", "_ID", "Id", "ID"]
        .iter()
        .find_map(|ending| column.strip_suffix(ending))
        .map(|stem| stem.trim_end_matches('_'))
        .filter(|stem| !stem.is_empty())
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn each_relation_has_a_name_of_its_own() {
        let taken = [
            "users",
            "users_by_a_b",
            "owner",
            "users_by_x",
            "users_by_x_2",
        ];
        let free = |name: &str| !taken.contains(&name);
        let named = |key: &[&str], target| {
            let key: Vec<String> = key.iter().map(ToString::to_string).collect();
            name(&key, target, free)
        };
        for (key, target, expected) in [
            (&["user_id"][..], "users", "user"),
            (&["userId"], "users", "user"),
            (&["_id"], "people", "people"),
            (&["created_by"], "people", "people"),
            (&["created_by"], "users", "users_by_created_by"),
            (&["owner_id"], "users", "users_by_owner_id"),
            (&["a", "b"], "users", "users_by_a_b_2"),
            (&["x"], "users", "users_by_x_3"),
        ] {
            assert_eq!(named(key, target), expected, "{key:?}");
        }
    }
}
