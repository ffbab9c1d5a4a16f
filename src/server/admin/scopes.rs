//! What a token can be allowed.

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
    name: &'static str,
    /// What it allows.
    meaning: &'static str,
}

pub(super) async fn list(_: Desk, _: Asked) -> Result<List<ScopeView>, Refusal> {
    let scopes = Scope::ALL.into_iter().map(|scope| ScopeView {
        name: scope.name(),
        meaning: scope.meaning(),
    });
    Ok(scopes.collect())
}
