//! Records as operators see them: no token, no password, and names in the place of ids.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::auth::{Credential, Refused};
use crate::store::{ClientLimits, Contents, Database, RowRule, Tenant, TenantId, Token};

/// A tenant.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct TenantView {
    /// Its id, which never changes.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// Whether its tokens let anyone in.
    pub active: bool,
    /// Which rows its tokens see, such as `tickets.company_id = 42`.
    pub rows: Vec<String>,
    /// How much its tokens may ask for together.
    pub limits: ClientLimits,
    /// When it was made.
    pub created_at: String,
    /// When it was changed.
    pub updated_at: String,
}

/// A database of a tenant.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct DatabaseView {
    /// Its id, which never changes.
    pub id: String,
    /// Its name, within its tenant.
    pub name: String,
    /// The name of its tenant.
    pub tenant: String,
    /// The id of its tenant.
    pub tenant_id: String,
    /// Where it is, without user and password.
    pub place: String,
    /// Why its URL cannot be opened, where it cannot.
    pub fault: Option<String>,
    /// Its whitelist.
    pub models: String,
    /// More sensitive fields.
    pub hidden: String,
    /// Fields that a built-in rule hides wrongly.
    pub reveal: String,
    /// Keys between its models that it does not tell of itself.
    pub relations: String,
    /// Whether a transaction pooler stands in front of it.
    pub pgbouncer: bool,
    /// Whether each transaction names its token and tenant, for the row security of PostgreSQL.
    pub row_security: bool,
    /// Whether it may only be where the operator allows, for it came by the admin API.
    pub guarded: bool,
    /// When it was added.
    pub created_at: String,
    /// When it was changed.
    pub updated_at: String,
}

/// A token, without the token itself.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct TokenView {
    /// Its id, which outlives rotations.
    pub id: String,
    /// Its name, within its tenant.
    pub name: String,
    /// The name of its tenant.
    pub tenant: String,
    /// The id of its tenant.
    pub tenant_id: String,
    /// The last 8 characters of the token.
    pub suffix: String,
    /// The first 8 characters of the token's digest, by which log and audit name it.
    pub digest: String,
    /// Whether it lets anyone in by itself.
    pub active: bool,
    /// What it is now: `active`, `revoked`, `expired` or `tenant inactive`.
    pub state: &'static str,
    /// When it ends.
    pub expires_at: Option<String>,
    /// When it last let someone in.
    pub last_used_at: Option<String>,
    /// Until when the token before a rotation is let in too.
    pub previous_until: Option<String>,
    /// The models that it sees; null for all of its tenant.
    pub models: Option<Vec<String>>,
    /// The tools that it may call; null for all that its scopes allow.
    pub tools: Option<Vec<String>>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// What is known of whoever has it, by names, for tools that ask.
    pub attributes: BTreeMap<String, String>,
    /// Which rows it sees of those of its tenant.
    pub rows: Vec<String>,
    /// How much it may ask for.
    pub limits: ClientLimits,
    /// When it was made.
    pub created_at: String,
    /// When it was changed.
    pub updated_at: String,
}

impl TenantView {
    /// A tenant as operators see it.
    pub(crate) fn new(tenant: &Tenant) -> Self {
        Self {
            id: tenant.id.to_string(),
            name: tenant.name.clone(),
            description: tenant.description.clone(),
            active: tenant.active,
            rows: rules(&tenant.rows),
            limits: tenant.limits,
            created_at: time(tenant.created_at),
            updated_at: time(tenant.updated_at),
        }
    }
}

impl DatabaseView {
    /// A database of a store as operators see it.
    pub(crate) fn new(database: &Database, contents: &Contents) -> Self {
        Self {
            id: database.id.to_string(),
            name: database.name.clone(),
            tenant: name(contents, &database.tenant),
            tenant_id: database.tenant.to_string(),
            place: database.place(),
            fault: database.url.as_ref().err().map(ToString::to_string),
            models: database.models.clone(),
            hidden: database.hidden.clone(),
            reveal: database.reveal.clone(),
            relations: database.relations.clone(),
            pgbouncer: database.pgbouncer,
            row_security: database.row_security,
            guarded: database.guarded,
            created_at: time(database.created_at),
            updated_at: time(database.updated_at),
        }
    }
}

impl TokenView {
    /// A token of a store as operators see it at a time.
    pub(crate) fn new(token: &Token, contents: &Contents, now: DateTime<Utc>) -> Self {
        let tenant = contents.tenants.iter().find(|it| it.id == token.tenant);
        let standing = tenant.map(|tenant| token.standing(tenant).judge(now));
        let state = match standing.unwrap_or(Err(Refused::TenantInactive)) {
            Ok(()) => "active",
            Err(Refused::TenantInactive) => "tenant inactive",
            Err(refused) => refused.reason(),
        };
        let previous = token.previous.as_ref();
        let previous = previous.filter(|previous| previous.until > now);
        Self {
            id: token.id.to_string(),
            name: token.name.clone(),
            tenant: name(contents, &token.tenant),
            tenant_id: token.tenant.to_string(),
            suffix: token.suffix.clone(),
            digest: Credential::from(token.digest).to_string(),
            active: token.active,
            state,
            expires_at: token.expires_at.map(time),
            last_used_at: token.last_used_at.map(time),
            previous_until: previous.map(|previous| time(previous.until)),
            models: token.models.clone(),
            tools: token.tools.clone(),
            scopes: token.scopes.clone(),
            attributes: token.attributes.clone(),
            rows: rules(&token.rows),
            limits: token.limits,
            created_at: time(token.created_at),
            updated_at: time(token.updated_at),
        }
    }
}

fn rules(rules: &[RowRule]) -> Vec<String> {
    rules.iter().map(ToString::to_string).collect()
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The name of a tenant, or its id where it cannot be read.
fn name(contents: &Contents, id: &TenantId) -> String {
    let tenant = contents.tenants.iter().find(|tenant| tenant.id == *id);
    tenant.map_or_else(|| id.to_string(), |tenant| tenant.name.clone())
}
