//! What the log says of a reload: which variables change, and which models and fields come and go.

use std::collections::BTreeSet;

use tracing::{info, warn};

use crate::catalog::Catalog;
use crate::config::Change;
use crate::policy::Policy;
use crate::server::ReloadReport;

/// Names are listed in a line of the log up to this many.
const LISTED: usize = 8;

impl ReloadReport {
    /// What differs between two configurations, before it is known what they expose.
    pub(crate) fn new(changes: &[Change]) -> Self {
        let (follow, wait): (Vec<&Change>, Vec<&Change>) =
            changes.iter().partition(|change| change.follows);
        let told = |changes: Vec<&Change>| changes.iter().map(ToString::to_string).collect();
        Self {
            changes: told(follow),
            restart: told(wait),
            ..Self::default()
        }
    }

    /// With the models and fields that come and go.
    pub(crate) fn with_exposed(self, had: &BTreeSet<String>, after: &Policy) -> Self {
        let has = after.own().map(names).unwrap_or_default();
        Self {
            gone: had.difference(&has).cloned().collect(),
            exposed: has.difference(had).cloned().collect(),
            models: after.own().map_or(0, |catalog| catalog.models().len()),
            ..self
        }
    }

    /// Logs all of it.
    pub(crate) fn tell(&self) {
        for warning in &self.warnings {
            warn!("{warning}");
        }
        for change in &self.changes {
            info!("reload: {change}");
        }
        for change in &self.restart {
            warn!("reload: {change}: needs a restart");
        }
        if !self.gone.is_empty() {
            info!("reload: no longer exposed: {}", listed(&self.gone));
        }
        if !self.exposed.is_empty() {
            warn!("reload: exposed from now on: {}", listed(&self.exposed));
        }
        info!(models = self.models, "reloaded");
    }
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

fn listed(names: &[String]) -> String {
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
        assert_eq!(listed(&["a".to_owned(), "b".to_owned()]), "a, b");
        assert_eq!(
            listed(&vec!["x".to_owned(); 9]),
            "x, x, x, x, x, x, x, x, … (9)"
        );
    }
}
