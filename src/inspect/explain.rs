//! Which rule allows or denies what to a token of the store, field by field.

use std::collections::HashSet;
use std::time::Duration;

use chrono::Utc;
use serde::Serialize;

use crate::auth::{Scope, Scopes};
use crate::catalog::{self, Built, Field, Model, Narrowing, RelationEntry, WantedRule};
use crate::config::{self, ModelName};
use crate::egress::Reach;
use crate::policy::Permissions;
use crate::policy::databases::Reached;
use crate::policy::directory;
use crate::protocol::Action;
use crate::store::{Contents, Database, RowRule, Tenant, Token};

/// What a token may do and see, and why.
#[derive(Debug, Serialize)]
pub struct Explained {
    /// The token's name.
    pub token: String,
    /// The tenant's name.
    pub tenant: String,
    /// Whether the token lets anyone in.
    pub lets_in: Verdict,
    /// Each action, and each part of a query that has a scope of its own.
    pub actions: Vec<Verdict>,
    /// Each model that was asked for.
    pub models: Vec<ModelAccess>,
}

/// Whether something is allowed, and by what.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// What it is about.
    pub name: String,
    /// Whether it is allowed.
    pub allowed: bool,
    /// What allows or denies it.
    pub why: String,
}

/// What is seen of a model.
#[derive(Debug, Serialize)]
pub struct ModelAccess {
    /// Whether it is served.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The database that it is in.
    pub database: Option<String>,
    /// The rules that its rows must keep; without one every row is seen.
    pub rows: Vec<RowAccess>,
    /// What to look at: there are rules, and none of them is about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// What leads from it to other models.
    pub relations: Vec<RelationEntry>,
    /// Its columns.
    pub fields: Vec<Verdict>,
}

/// A rule on rows, and whose it is.
#[derive(Debug, Serialize)]
pub struct RowAccess {
    /// The rule.
    pub rule: String,
    /// `tenant` or `token`.
    pub of: &'static str,
}

/// Explains a token of a store: one model of it, or all that its tenant's databases list.
///
/// Each database that is concerned is connected to, where `places` allows it.
pub async fn explain(
    places: (&Reach, Duration),
    contents: &Contents,
    tenant: &Tenant,
    token: &Token,
    model: Option<&str>,
) -> Explained {
    let mut models = Vec::new();
    let mut taken = HashSet::new();
    let mut databases: Vec<&Database> = contents.databases.iter().collect();
    databases.retain(|database| database.tenant == tenant.id);
    databases.sort_by_key(|database| (database.created_at, database.id.clone()));
    let rules: Vec<RowRule> = tenant.rows.iter().chain(&token.rows).cloned().collect();
    let listed = databases
        .iter()
        .flat_map(|database| config::model_names("models", &database.models).unwrap_or_default());
    let listed: Vec<ModelName> = listed.collect();
    let astray = directory::astray(&rules, &listed).into_iter().next();
    for database in databases {
        let names = config::model_names("models", &database.models).unwrap_or_default();
        let names = names.into_iter().map(|name| name.exposed);
        let names = names.filter(|name| model.is_none_or(|model| model == name));
        // A name that an earlier database has is that one's.
        let names: Vec<String> = names.filter(|name| taken.insert(name.clone())).collect();
        if let Some(model) = astray {
            let why = format!("a row rule is about {model}, which no database of the tenant lists");
            let all = names.iter();
            models.extend(all.map(|name| denied(name, Some(database), why.clone())));
        } else if !names.is_empty() {
            models.extend(of_database(places, database, tenant, token, names).await);
        }
    }
    if let (Some(model), true) = (model, models.is_empty()) {
        models.push(denied(
            model,
            None,
            "no database of the tenant lists it".to_owned(),
        ));
    }
    Explained {
        token: token.name.clone(),
        tenant: tenant.name.clone(),
        lets_in: lets_in(tenant, token),
        actions: actions(token),
        models,
    }
}

fn verdict(name: &str, allowed: bool, why: impl Into<String>) -> Verdict {
    Verdict {
        name: name.to_owned(),
        allowed,
        why: why.into(),
    }
}

fn denied(name: &str, database: Option<&Database>, why: String) -> ModelAccess {
    ModelAccess {
        verdict: verdict(name, false, why),
        database: database.map(|database| database.name.clone()),
        rows: Vec::new(),
        warning: None,
        relations: Vec::new(),
        fields: Vec::new(),
    }
}

/// In the order in which a token is judged.
fn lets_in(tenant: &Tenant, token: &Token) -> Verdict {
    let why = if !token.active {
        "the token was revoked"
    } else if token.expires_at.is_some_and(|end| end <= Utc::now()) {
        "the token has expired"
    } else if !tenant.active {
        "its tenant is not active"
    } else {
        return verdict("token", true, "token and tenant are active");
    };
    verdict("token", false, why)
}

fn actions(token: &Token) -> Vec<Verdict> {
    let scopes = Scopes::named(token.scopes.iter().map(String::as_str));
    let may = Permissions::new(scopes, token.tools.as_deref());
    let of_scope = |name: &str, scope: Scope| {
        let has = scopes.has(scope);
        let why = match has {
            true => format!("the scope {scope}"),
            false => format!("the scope {scope} is missing"),
        };
        verdict(name, has, why)
    };
    let of_action = |action: Action| match Permissions::scope(action) {
        None => verdict(action.name(), true, "always"),
        Some(scope) => {
            let judged = of_scope(action.name(), scope);
            match judged.allowed && !may.allows(action) {
                true => verdict(action.name(), false, "it is not among the token's tools"),
                false => judged,
            }
        }
    };
    let parts = [
        ("filters beyond equality", Scope::Operators),
        ("totals, groups and aggregates", Scope::Aggregate),
        ("expand", Scope::Expand),
    ];
    let parts = parts.map(|(name, scope)| of_scope(name, scope));
    Action::ALL
        .into_iter()
        .map(of_action)
        .chain(parts)
        .collect()
}

async fn of_database(
    (reach, query_timeout): (&Reach, Duration),
    database: &Database,
    tenant: &Tenant,
    token: &Token,
    names: Vec<String>,
) -> Vec<ModelAccess> {
    let is_of_token = |name: &&String| {
        token
            .models
            .as_ref()
            .is_none_or(|models| models.contains(*name))
    };
    let (seen, not_seen): (Vec<&String>, Vec<&String>) = names.iter().partition(is_of_token);
    let not_seen = not_seen.into_iter().map(|name| {
        let why = "it is not among the token's models".to_owned();
        denied(name, Some(database), why)
    });
    let mut told: Vec<ModelAccess> = not_seen.collect();
    if seen.is_empty() {
        return told;
    }
    let reached = Reached::new(database, reach, 1, query_timeout, None).await;
    let tables = match &reached {
        Ok(reached) => reached.tables().await,
        Err(fault) => Err(fault.clone().into()),
    };
    let (reached, tables) = match (reached, tables) {
        (Ok(reached), Ok(tables)) => (reached, tables),
        (Err(_), Ok(_)) => return told,
        (_, Err(unread)) => {
            let why = format!("its database cannot be read: {}", unread.fault.what);
            told.extend(
                seen.into_iter()
                    .map(|name| denied(name, Some(database), why.clone())),
            );
            return told;
        }
    };
    let rules: Vec<(&RowRule, &'static str)> = tenant
        .rows
        .iter()
        .map(|rule| (rule, "tenant"))
        .chain(token.rows.iter().map(|rule| (rule, "token")))
        .collect();
    let wanted = rules.iter().map(|(rule, _)| directory::wanted(rule));
    let wanted: Vec<WantedRule<'_>> = wanted.collect();
    let seen: Vec<String> = seen.into_iter().cloned().collect();
    let built = catalog::build(
        reached.names.iter().zip(tables).collect(),
        &reached.sensitive,
        Narrowing {
            models: Some(&seen),
            rules: &wanted,
            ..Narrowing::default()
        },
    );
    let names = reached.names.iter();
    let names = names.filter(|name| seen.contains(&name.exposed));
    told.extend(names.map(|name| of_model(name, database, &built, &rules)));
    told
}

fn of_model(
    model_name: &ModelName,
    database: &Database,
    built: &Built,
    rules: &[(&RowRule, &'static str)],
) -> ModelAccess {
    let name = model_name.exposed.as_str();
    let Some(model) = built.catalog.model(name) else {
        let mut missing = built.missing.iter();
        let missing = missing.find(|missing| missing.name == name);
        let why = missing.map_or("it is not there", |missing| missing.reason.as_str());
        return denied(name, Some(database), why.to_owned());
    };
    let rows = rules.iter();
    let rows = rows.filter(|(rule, _)| model_name.may_begin(&rule.model));
    let rows: Vec<RowAccess> = rows
        .map(|(rule, of)| RowAccess {
            rule: rule.to_string(),
            of,
        })
        .collect();
    ModelAccess {
        verdict: verdict(name, true, format!("the whitelist of {}", database.name)),
        database: Some(database.name.clone()),
        warning: (rows.is_empty() && !rules.is_empty())
            .then(|| "no rule on rows reaches it: every row is seen".to_owned()),
        rows,
        relations: RelationEntry::of(model, &built.catalog),
        fields: fields(model, built),
    }
}

fn fields(model: &Model, built: &Built) -> Vec<Verdict> {
    let shown = |field: &Field| verdict(field.name(), true, field.field_type().name());
    let hidden = built
        .hidden
        .iter()
        .filter(|hidden| hidden.model == model.name());
    let hidden =
        hidden.map(|hidden| verdict(&hidden.field, false, format!("hidden: {}", hidden.rule)));
    model.fields().iter().map(shown).chain(hidden).collect()
}
