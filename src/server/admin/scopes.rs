//! What a token can be allowed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::answer::List;
use super::desk::Desk;
use super::refusal::Refusal;
use super::route::Asked;
use crate::auth::Scope;

/// A scope.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Scope")]
pub(super) struct ScopeView {
    /// Its name.
    name: String,
    /// What it allows.
    meaning: String,
}

pub(super) async fn list(desk: Desk, _: Asked) -> Result<List<ScopeView>, Refusal> {
    let scopes = Scope::ALL.into_iter().map(|scope| ScopeView {
        name: scope.name().to_owned(),
        meaning: scope.meaning().to_owned(),
    });
    // Those that tools ask for themselves.
    let mut own: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for written in desk.access().settings.tools.all() {
        let asked = written.tool.scopes.iter();
        for scope in asked.filter(|scope| Scope::parse(scope).is_none()) {
            own.entry(scope).or_default().push(&written.tool.name);
        }
    }
    let own = own.into_iter().map(|(name, tools)| ScopeView {
        name: name.to_owned(),
        meaning: format!("calls of {}", tools.join(", ")),
    });
    Ok(scopes.chain(own).collect())
}
