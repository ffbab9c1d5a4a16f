//! Foreign keys between models, and the names that they are followed by.

use super::{Catalog, Field, Model, Reference, Table};

/// A foreign key between two models, as it is followed from a row of one to rows of the other.
#[derive(Debug)]
pub struct Relation {
    name: Box<str>,
    pub(super) target: Box<str>,
    /// What must be equal: fields here, and there.
    pairs: Vec<(usize, usize)>,
    reach: Reach,
    /// How the rows of the target are found by a row of this model, and the other way round.
    search: Search,
    search_back: Search,
    /// Whether no two rows of the model that the key points to share what it points to.
    alone: bool,
}

/// How the rows of a model are found by a row of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Search {
    /// By an index.
    Indexed,
    /// All are read: there is an index, of a type or collation that the other side has not.
    Unlike,
    /// All are read.
    Whole,
}

/// Which rows of the target a row leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// The only one that has what the key says.
    Only,
    /// The first, by the target's own key, of those that have it.
    First,
    /// Each whose key points here.
    Many,
}

impl Relation {
    /// The name under which the other rows appear.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The model that it leads to.
    pub fn target<'c>(&self, catalog: &'c Catalog) -> Option<&'c Model> {
        catalog.model(&self.target)
    }

    /// Whether it leads to any number of rows, those whose key points here; else the key is this
    /// model's, and points to one row at the most.
    pub(crate) fn is_to_many(&self) -> bool {
        self.reach == Reach::Many
    }

    /// Whether no two rows of the target share what the key points to; else the first of them by the
    /// target's own key is meant.
    pub(crate) fn is_unique(&self) -> bool {
        self.reach == Reach::Only
    }

    /// Whether what it leads to many rows from is told apart from all others of its model by what
    /// their keys point to.
    pub(crate) fn is_from_one(&self) -> bool {
        self.alone
    }

    /// How the rows of the target are found.
    pub(crate) fn search(&self) -> Search {
        self.search
    }

    /// Whether an index of this model finds the rows that lead to one of the target.
    pub(crate) fn is_served_back(&self) -> bool {
        self.search_back == Search::Indexed
    }

    /// The fields of the key, whichever model has it.
    pub fn key<'m>(&'m self, from: &'m Model, to: &'m Model) -> impl Iterator<Item = &'m Field> {
        let many = self.is_to_many();
        let pairs = self.pairs(from, to);
        pairs.map(move |(here, there)| if many { there } else { here })
    }

    /// The fields of this model that are compared.
    pub fn fields<'m>(&'m self, from: &'m Model) -> impl ExactSizeIterator<Item = &'m Field> {
        self.pairs.iter().map(|(here, _)| &from.fields[*here])
    }

    /// The fields that must be equal: here, and in the target.
    pub fn pairs<'m>(
        &'m self,
        from: &'m Model,
        to: &'m Model,
    ) -> impl Iterator<Item = (&'m Field, &'m Field)> {
        self.pairs
            .iter()
            .map(|(here, there)| (&from.fields[*here], &to.fields[*there]))
    }
}

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
            let ends = (key.here, key.there);
            let relation = relation(name.clone(), ends, &key.pairs, (reach, reach), models);
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
        let ends = (key.there, key.here);
        let relation = relation(name, ends, &pairs, (Reach::Many, back), models);
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
    (here, there): (usize, usize),
    pairs: &[(usize, usize)],
    (reach, to_one): (Reach, Reach),
    models: &[Model],
) -> Relation {
    let (here, target) = (&models[here], &models[there]);
    let is_many = reach == Reach::Many;
    let back: Vec<_> = pairs.iter().map(|(from, to)| (*to, *from)).collect();
    Relation {
        name: name.into(),
        target: target.name.clone(),
        pairs: pairs.to_vec(),
        reach,
        alone: to_one == Reach::Only,
        search: search(here, target, pairs, is_many),
        search_back: search(target, here, &back, !is_many),
    }
}

/// How rows of a model are found by a row of another one. What is compared is compared as the field
/// that the key points to, so that an index of this one always serves.
fn search(from: &Model, sought: &Model, pairs: &[(usize, usize)], is_key: bool) -> Search {
    let leads = |field: usize| {
        let mut indexes = sought.indexes.iter();
        indexes.any(|index| index.first() == Some(&field))
    };
    let serves = |(other, field): &(usize, usize)| {
        !is_key || sought.fields[*field].is_found_by(&from.fields[*other])
    };
    let mut led = pairs.iter().filter(|(_, field)| leads(*field)).peekable();
    match (led.peek().is_some(), led.any(serves)) {
        (false, _) => Search::Whole,
        (true, false) => Search::Unlike,
        (true, true) => Search::Indexed,
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
