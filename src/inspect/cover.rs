//! Which rule on rows reaches each model of a tenant's database.

use serde::Serialize;

use crate::advice::Advice;
use crate::config::ModelName;
use crate::store::RowRule;

/// A model, and the rules that its rows must keep.
#[derive(Debug, Serialize)]
pub(crate) struct Cover {
    /// The model.
    pub model: String,
    /// The rules that are about it; without one every row is seen.
    pub rules: Vec<String>,
}

/// What rules say of each model, by the names alone; nothing where there are no rules.
pub(crate) fn covers(rules: &[RowRule], names: &[ModelName]) -> Vec<Cover> {
    if rules.is_empty() {
        return Vec::new();
    }
    let cover = |name: &ModelName| {
        let about = rules.iter().filter(|rule| name.may_begin(&rule.model));
        Cover {
            model: name.exposed.clone(),
            rules: about.map(RowRule::to_string).collect(),
        }
    };
    names.iter().map(cover).collect()
}

/// What to warn of: models that none of the rules reaches.
pub(crate) fn uncovered(covers: &[Cover]) -> Option<Advice> {
    let open = covers.iter().filter(|cover| cover.rules.is_empty());
    let open: Vec<&str> = open.map(|cover| cover.model.as_str()).collect();
    (!open.is_empty()).then(|| Advice::new(format!(
            "no rule on rows reaches {}: every row is seen",
            open.join(", ")
        ), format!(
            "a rule may lead along relations: --rows 'lines.order.customer_id = 42'; where every \
             row is meant: --rows '{}'",
            RowRule::all(open[0])
        )))
}
