//! Which rule allows or denies what to a token of the store, field by field.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use serde::Serialize;
use tokio::time::Instant;

use super::tools;
use crate::auth::{Scope, Scopes};
use crate::catalog::{self, Built, Field, Model, Narrowing, RelationEntry, Table};
use crate::config::ModelName;
use crate::db::{Db, Whom};
use crate::egress::Reach;
use crate::encode::{Numbers, Rows, Style};
use crate::plan::{ReadPlan, Value};
use crate::policy::databases::Reached;
use crate::policy::directory::{self, Listing};
use crate::policy::{Lack, Permissions, Unread, WrittenTools};
use crate::protocol::Action;
use crate::sql;
use crate::store::{Contents, Database, DatabaseId, RowRule, Tenant, Token};

/// What a number of rows takes at the most.
const COUNT_BYTES: usize = 512;

/// What a token may do and see, and why.
#[derive(Debug, Serialize)]
pub struct Explanation {
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
    /// Each tool of the operator, where all models were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Verdict>,
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
    /// How many rows are seen now; null where it was not asked for, or took too long.
    pub seen: Option<u64>,
    /// How many there are without the rules; null as above, and where the database itself decides.
    pub all: Option<u64>,
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

/// What the databases of tenants turn out to hold, each connected to once.
#[derive(Debug)]
pub struct Looks<'r> {
    reach: &'r Reach,
    query_timeout: Duration,
    known: HashMap<DatabaseId, Result<Arc<Look>, String>>,
}

/// A database that was read.
#[derive(Debug)]
struct Look {
    reached: Reached,
    tables: Vec<Result<Table, String>>,
}

impl<'r> Looks<'r> {
    /// Looks where databases may be.
    pub fn new(reach: &'r Reach, query_timeout: Duration) -> Self {
        Self {
            reach,
            query_timeout,
            known: HashMap::new(),
        }
    }

    async fn look(&mut self, database: &Database) -> Result<Arc<Look>, String> {
        if let Some(known) = self.known.get(&database.id) {
            return known.clone();
        }
        let looked = self.read(database).await.map(Arc::new);
        let looked = looked
            .map_err(|unread| format!("its database cannot be read: {}", unread.fault.text()));
        self.known.insert(database.id.clone(), looked.clone());
        looked
    }

    async fn read(&self, database: &Database) -> Result<Look, Unread> {
        let reached = Reached::new(database, self.reach, 1, self.query_timeout, None).await?;
        let tables = reached.tables().await?;
        Ok(Look { reached, tables })
    }
}

/// Explains a token of a store: one model of it, or all that its tenant's databases list; rows are
/// counted until a time, where one is given.
pub async fn explain(
    looks: &mut Looks<'_>,
    contents: &Contents,
    (tenant, token): (&Tenant, &Token),
    model: Option<&str>,
    tools: &WrittenTools,
    counts_until: Option<Instant>,
) -> Explanation {
    let rules: Vec<RowRule> = tenant.rows.iter().chain(&token.rows).cloned().collect();
    let mut databases = directory::in_turn(contents);
    databases.retain(|database| database.tenant == tenant.id);
    let listed: Vec<_> = databases.iter().map(|it| directory::listed(it)).collect();
    let listings = directory::listings(&rules, token.models.as_deref(), &listed);
    let mut models = Vec::new();
    for (database, names) in databases.iter().copied().zip(listings) {
        let names = names.into_iter();
        let mut seen = Vec::new();
        for (name, listing) in names.filter(|(name, _)| is_asked(model, name)) {
            let why = match listing {
                Listing::Seen => {
                    seen.push(name.exposed.clone());
                    continue;
                }
                Listing::Elsewhere => continue,
                Listing::NotOfToken => "it is not among the token's models".to_owned(),
                Listing::Astray(model) => {
                    format!("a row rule is about {model}, which no database of the tenant lists")
                }
            };
            models.push(denied(&name.exposed, Some(database), why));
        }
        if !seen.is_empty() {
            let rules = (tenant, token, &*rules);
            models.extend(of_database(looks, database, rules, &seen, counts_until).await);
        }
    }
    if let (Some(model), true) = (model, models.is_empty()) {
        models.push(denied(
            model,
            None,
            "no database of the tenant lists it".to_owned(),
        ));
    }
    Explanation {
        token: token.name.clone(),
        tenant: tenant.name.clone(),
        lets_in: lets_in(tenant, token),
        actions: actions(token),
        tools: match model {
            Some(_) => Vec::new(),
            None => tools::explain(token, tools, &databases, &models, &rules),
        },
        models,
    }
}

pub(super) fn verdict(name: &str, allowed: bool, why: impl Into<String>) -> Verdict {
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
        seen: None,
        all: None,
        relations: Vec::new(),
        fields: Vec::new(),
    }
}

/// Whether this is the model that is asked for, or all are.
fn is_asked(model: Option<&str>, name: &ModelName) -> bool {
    model.is_none_or(|model| model == name.exposed)
}

fn lets_in(tenant: &Tenant, token: &Token) -> Verdict {
    match token.standing(tenant).judge(Utc::now()) {
        Ok(()) => verdict("token", true, "token and tenant are active"),
        Err(refused) => verdict("token", false, refused.why()),
    }
}

fn actions(token: &Token) -> Vec<Verdict> {
    let scopes = Scopes::named(token.scopes.iter().map(String::as_str));
    let may = Permissions::new(scopes, token.tools.as_deref());
    let by_scope = |scope: Scope| format!("the scope {scope}");
    let missing = |scope: Scope| format!("the scope {scope} is missing");
    let of_action = |action: Action| match may.judge(action) {
        Ok(None) => verdict(action.name(), true, "always"),
        Ok(Some(scope)) => verdict(action.name(), true, by_scope(scope)),
        Err(Lack::Scope(scope)) => verdict(action.name(), false, missing(scope)),
        Err(Lack::Tool) => verdict(action.name(), false, "it is not among the token's tools"),
    };
    let of_scope = |name: &str, scope: Scope| match scopes.has(scope) {
        true => verdict(name, true, by_scope(scope)),
        false => verdict(name, false, missing(scope)),
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

/// What is seen of those names in a database, which is connected to.
async fn of_database(
    looks: &mut Looks<'_>,
    database: &Database,
    (tenant, token, rules): (&Tenant, &Token, &[RowRule]),
    seen: &[String],
    counts_until: Option<Instant>,
) -> Vec<ModelAccess> {
    let look = match looks.look(database).await {
        Ok(look) => look,
        Err(why) => {
            let all = seen.iter();
            return all
                .map(|name| denied(name, Some(database), why.clone()))
                .collect();
        }
    };
    let (built, whole) = (look.built(seen, rules), look.built(seen, &[]));
    let of_tenant = tenant.rows.iter().map(|rule| (rule, "tenant"));
    let of_token = token.rows.iter().map(|rule| (rule, "token"));
    let rules: Vec<(&RowRule, &'static str)> = of_tenant.chain(of_token).collect();
    let names = look.reached.names.iter();
    let mut told = Vec::new();
    for name in names.filter(|name| seen.contains(&name.exposed)) {
        let mut access = of_model(name, database, &built, &rules);
        if let Some(until) = counts_until {
            let db = match database.row_security {
                true => look.reached.db.for_whom(Arc::new(Whom {
                    tenant: tenant.name.clone(),
                    token: token.name.clone(),
                })),
                false => look.reached.db.clone(),
            };
            access.seen = count(&db, &built, &name.exposed, until).await;
            // Without the names of a token the database would decide for nobody.
            if access.verdict.allowed && !database.row_security {
                access.all = count(&db, &whole, &name.exposed, until).await;
            }
        }
        told.push(access);
    }
    told
}

impl Look {
    /// What is seen of these models by these rules.
    fn built(&self, models: &[String], rules: &[RowRule]) -> Built {
        let wanted: Vec<_> = rules.iter().filter_map(directory::wanted).collect();
        let (tables, _) = self.reached.related(self.tables.clone());
        catalog::build(
            tables
                .iter()
                .map(|(name, table)| (name, table.clone()))
                .collect(),
            &self.reached.sensitive,
            Narrowing {
                models: Some(models),
                rules: &wanted,
                ..Narrowing::default()
            },
        )
    }
}

/// How many rows of a model are seen, unless the database does not say in time.
async fn count(db: &Db, built: &Built, model: &str, until: Instant) -> Option<u64> {
    let plan = ReadPlan::of_all(built.catalog.model(model)?);
    let statement = sql::count(&plan, db.dialect());
    let style = Style {
        numbers: Numbers::Native,
        nesting: None,
        sensitive: Arc::default(),
    };
    let layout = Arc::clone(&statement.layout);
    let rows = Rows::new(Vec::new(), layout, style, 1, COUNT_BYTES);
    let fetched =
        tokio::time::timeout_at(until, db.fetch(&statement, rows, until.into_std())).await;
    match fetched.ok()?.ok()?.finish().keys.first() {
        Some(Some(Value::Int(count))) => u64::try_from(*count).ok(),
        _ => None,
    }
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
        seen: None,
        all: None,
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
