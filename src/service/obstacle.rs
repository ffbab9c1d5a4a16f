//! What stood in the way of a request, told by names of the schema alone.
//!
//! What a client sent is repeated nowhere: a name is kept where the database has it, and a rule hides
//! it or a token does not see it.

use crate::error::{Error, ErrorKind};
use crate::observe::{Obstacle, Whose};
use crate::policy::{Bound, Limited, Policy};

/// What a tool calls an attribute of the caller by.
const ATTRIBUTE: &str = "caller.attr.";

/// What stood in the way, where more can be told than the code says.
pub(super) fn of(error: &Error, policy: &Policy, model: Option<&str>) -> Option<Obstacle> {
    use ErrorKind::*;
    Some(match error.kind() {
        FieldNotAllowed { field, model } | FilterFieldNotAllowed { field, model } => {
            field_of(policy, model, &field.to_string())
        }
        InvalidAggregate(remark) => {
            let name = remark.name.as_ref()?.to_string();
            match field_of(policy, model?, &name) {
                Obstacle::UnknownField => return None,
                hidden => hidden,
            }
        }
        ModelNotAllowed { .. } => {
            let model = model?;
            let mut exposed = policy.exposed.iter();
            if exposed.any(|exposed| exposed.withholds(model)) {
                Obstacle::Withheld(model.into())
            } else if policy.exposed.iter().any(|exposed| exposed.lists(model)) {
                Obstacle::Unserved(model.into())
            } else {
                return None;
            }
        }
        ScopeMissing { scope, .. } => Obstacle::Scope(scope),
        ActionNotAllowed { action, .. } => Obstacle::Action(action),
        ToolNotAllowed { tool, .. } => {
            let name = tool.to_string();
            let mut tools = policy.settings.tools.all();
            let known = tools.find(|written| written.tool.name == name)?;
            Obstacle::Tool(known.tool.name.as_str().into())
        }
        CallerLacks { what, .. } => Obstacle::Attribute(what.strip_prefix(ATTRIBUTE)?.into()),
        ScanRefused { field, model } => Obstacle::Scan {
            field: field.clone(),
            model: model.clone(),
        },
        BudgetSpent(rows) => Obstacle::Budget(*rows),
        Timeout(seconds) => Obstacle::Timeout(*seconds),
        ResponseTooLarge(most, needed) => Obstacle::Bytes {
            most: *most,
            needed: *needed,
        },
        _ => return None,
    })
}

/// The window that a message did not pass.
pub(super) fn window(limited: Limited) -> Obstacle {
    let whose = match limited.bound {
        Bound::Connection => Whose::Connection,
        Bound::EachToken => Whose::EachToken,
        Bound::Token => Whose::Token,
        Bound::Tenant => Whose::Tenant,
    };
    Obstacle::Window(limited.limit, limited.span.as_secs(), whose)
}

/// A field that is hidden, or none that there is.
fn field_of(policy: &Policy, model: &str, field: &str) -> Obstacle {
    let rule = policy.hidden_by(model, field);
    rule.map_or(Obstacle::UnknownField, |rule| Obstacle::Hidden {
        field: field.into(),
        rule: rule.into(),
    })
}

impl Policy {
    /// The rule that hides a field of a model, where the model has it.
    fn hidden_by(&self, model: &str, field: &str) -> Option<&str> {
        let mut built = self.exposed.iter().filter_map(|exposed| exposed.built());
        built.find_map(|(built, _)| {
            let mut hidden = built.hidden.iter();
            let hidden = hidden.find(|it| it.model == model && it.field == field);
            Some(hidden?.rule.as_str())
        })
    }
}
