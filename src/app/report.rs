//! What the log says of a reload: which variables change, and which models and fields come and go.

use std::collections::BTreeSet;

use tracing::{info, warn};

use crate::catalog::Catalog;
use crate::config::Change;
use crate::policy::Policy;

/// Names are listed in a line of the log up to this many.
const LISTED: usize = 8;

/// Logs what changes, before it does.
pub(crate) fn tell(changes: &[Change]) {
    for change in changes {
        if change.follows {
            info!("reload: {change}");
        } else {
            warn!("reload: {change}: needs a restart");
        }
    }
}

/// Logs which models and fields come and go.
pub(crate) fn tell_of_exposed(had: &BTreeSet<String>, after: &Policy) {
    let has = after.own().map(names).unwrap_or_default();
    let gone: Vec<&str> = had.difference(&has).map(String::as_str).collect();
    let new: Vec<&str> = has.difference(had).map(String::as_str).collect();
    if !gone.is_empty() {
        info!("reload: no longer exposed: {}", listed(&gone));
    }
    if !new.is_empty() {
        warn!("reload: exposed from now on: {}", listed(&new));
    }
    let models = after.own().map_or(0, |catalog| catalog.models().len());
    info!(models, "reloaded");
}

/// Every model and field that can be read, as `model` and `model.field`.
pub(crate) fn names(catalog: &Catalog) -> BTreeSet<String> {
    let models = catalog.models();
    let fields = models.iter().flat_map(|model| {
        let fields = model.fields().iter();
        fields.map(|field| format!("{}.{}", model.name(), field.name()))
    });
    let names = models.iter().map(|model| model.name().to_owned());
    fields.chain(names).collect()
}

fn listed(names: &[&str]) -> String {
    match names.get(..LISTED) {
        Some(first) if names.len() > LISTED => {
            format!("{}, … ({})", first.join(", "), names.len())
        }
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(listed(&["a", "b"]), "a, b");
        assert_eq!(listed(&["x"; 9]), "x, x, x, x, x, x, x, x, … (9)");
    }
}
