//! Foreign keys between models, and the names that they are followed by.

use super::{Model, Reference, Relation, Table};

/// Resolves the foreign keys between models, now that all of them are known.
pub(super) fn relate(models: &mut [Model], tables: &[(String, Table)]) {
    for here in 0..models.len() {
        let mut relations: Vec<Relation> = Vec::new();
        for key in &tables[here].1.foreign_keys {
            let Some(there) = tables
                .iter()
                .position(|(_, table)| table.name == key.target)
            else {
                continue;
            };
            let pairs: Option<Vec<(usize, usize)>> = key
                .columns
                .iter()
                .zip(&key.target_columns)
                .map(|(column, target)| {
                    let from = *models[here].by_name.get(column.as_str())?;
                    let to = *models[there].by_name.get(target.as_str())?;
                    Some((from, to))
                })
                .collect();
            let Some(pairs) = pairs.filter(|pairs| !pairs.is_empty()) else {
                continue;
            };
            let target = models[there].name.clone();
            if let [(from, to)] = pairs[..] {
                let field = models[there].fields[to].name.clone();
                let reference = Reference {
                    model: target.clone(),
                    field,
                };
                models[here].fields[from].reference.get_or_insert(reference);
            }
            let known = |other: &Relation| *other.target == *target && other.pairs == pairs;
            if relations.iter().any(known) {
                continue;
            }
            let own: Vec<usize> = models[there].key.clone();
            let covered = |index: &usize| pairs.iter().any(|(_, to)| to == index);
            let unique = key.unique || !own.is_empty() && own.iter().all(covered);
            // Without a key of the target's own there is no first one of its rows.
            if !unique && own.is_empty() {
                continue;
            }
            let free = |name: &str| {
                !models[here].by_name.contains_key(name)
                    && !relations.iter().any(|relation| *relation.name == *name)
            };
            let name = name(&key.columns, &target, free);
            relations.push(Relation {
                name: name.into(),
                target,
                pairs,
                unique,
            });
        }
        models[here].relations = relations;
    }
}

/// The first free name of a relation: the key's without its ending, the other model's, and that
/// with `_by_` and the key's; a number tells apart what is the same even then.
fn name(key: &[String], target: &str, free: impl Fn(&str) -> bool) -> String {
    let by = format!("{target}_by_{}", key.join("_"));
    let mut plain = stem(key).into_iter().chain([target, &by]);
    if let Some(name) = plain.find(|name| free(name)) {
        return name.to_owned();
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
