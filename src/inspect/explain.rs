//! Which rule allows or denies what to a token of the store, field by field: what its policy decided,
//! printed. It is made as the policy of a request is, by the same functions, and decides nothing itself.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use serde::Serialize;
use tokio::time::Instant;

use crate::catalog::RelationEntry;
use crate::egress::Reach;
use crate::encode::{Numbers, Rows, Style};
use crate::plan::{ReadPlan, Value};
use crate::policy::databases::{Held, Ways};
use crate::policy::{Bar, Exposed, Part, Permissions, WrittenTools, directory};
use crate::protocol::Action;
use crate::sql;
use crate::store::{Contents, Database, DatabaseId, Tenant, Token};

/// What a number of rows takes at the most.
const COUNT_BYTES: usize = 512;

/// What a token may do and see, and why.
#[derive(Debug, Serialize)]
pub(crate) struct Explanation {
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
pub(crate) struct Verdict {
    /// What it is about.
    pub name: String,
    /// Whether it is allowed.
    pub allowed: bool,
    /// What allows or denies it.
    pub why: String,
}

/// What is seen of a model.
#[derive(Debug, Serialize)]
pub(crate) struct ModelAccess {
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
pub(crate) struct RowAccess {
    /// The rule.
    pub rule: String,
    /// `tenant` or `token`.
    pub of: &'static str,
}

/// The databases of tenants, each connected to once.
#[derive(Debug)]
pub(crate) struct Looks {
    ways: Arc<Ways>,
    held: HashMap<DatabaseId, Arc<Held>>,
    /// Why those cannot be read that cannot.
    unread: HashMap<DatabaseId, String>,
}

impl Looks {
    /// Looks where databases may be.
    pub(crate) fn new(reach: Reach, query_timeout: Duration) -> Self {
        Self {
            ways: Arc::new(Ways::to_look(reach, query_timeout)),
            held: HashMap::new(),
            unread: HashMap::new(),
        }
    }

    fn held(&mut self, database: &Database, tenant: &Tenant) -> Arc<Held> {
        let held = self.held.entry(database.id.clone());
        let new = || Held::new(database.clone(), &tenant.name, Arc::clone(&self.ways));
        Arc::clone(held.or_insert_with(|| Arc::new(new())))
    }

    /// Learns what there is in a database.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    async fn learn(&mut self, database: &Database, exposed: &Exposed) -> Result<(), String> {
        if let Some(why) = self.unread.get(&database.id) {
            return Err(why.clone());
        }
        let learned = exposed.learn().await.map(|_| ());
        learned.map_err(|unread| {
            let why = format!("its database cannot be read: {}", unread.fault.text());
            self.unread.insert(database.id.clone(), why.clone());
            why
        })
    }
}

/// Explains a token of a store: one model of it, or all that its tenant's databases list; rows are
/// counted until a time, where one is given.
pub(crate) async fn explain(
    looks: &mut Looks,
    contents: &Contents,
    (tenant, token): (&Tenant, &Token),
    model: Option<&str>,
    tools: &WrittenTools,
    counts_until: Option<Instant>,
) -> Explanation {
    let databases = directory::in_turn(contents).into_iter();
    let databases = databases.filter(|database| database.tenant == tenant.id);
    let held: Vec<_> = databases.map(|it| looks.held(it, tenant)).collect();
    let is_asked = |name: &str| model.is_none_or(|model| model == name);
    let mut models = Vec::new();
    let exposed = directory::exposed(tenant, Some(token), &held, |database, name, bar| {
        if is_asked(&name.exposed) && bar != Bar::Elsewhere {
            models.push(denied(&name.exposed, Some(database), bar));
        }
    });
    for (held, exposed) in held.iter().zip(&exposed) {
        let database = held.record();
        let names = exposed.names().filter(|name| is_asked(name));
        let names: Vec<String> = names.map(str::to_owned).collect();
        if names.is_empty() {
            continue;
        }
        let learned = looks.learn(database, exposed).await;
        for name in &names {
            models.push(match &learned {
                Ok(()) => of_model(name, database, exposed, (tenant, token)),
                Err(why) => denied(name, Some(database), why),
            });
        }
        if let Some(until) = counts_until {
            count(&mut models, database, exposed, until).await;
        }
    }
    // In the order of their databases, what is kept back first.
    let names: Vec<_> = held.iter().map(|held| &held.record().name).collect();
    let place = |of: &ModelAccess| {
        names
            .iter()
            .position(|name| of.database.as_ref() == Some(*name))
    };
    models.sort_by_cached_key(place);
    if let (Some(model), true) = (model, models.is_empty()) {
        let why = "no database of the tenant lists it";
        models.push(denied(model, None, why));
    }
    let may = directory::permissions(token);
    let called = tools.all().filter(|_| model.is_none()).map(|written| {
        let given = token.tools.as_deref();
        let decision = written.judge(may, &token.scopes, given, &exposed);
        let place = written
            .place(&exposed)
            .ok()
            .and_then(|place| place.record());
        let unread = place.and_then(|database| looks.unread.get(&database.id));
        match unread.filter(|_| decision.is_ok()) {
            Some(why) => verdict(&written.tool.name, Err::<&str, _>(why)),
            None => verdict(&written.tool.name, decision),
        }
    });
    Explanation {
        token: token.name.clone(),
        tenant: tenant.name.clone(),
        lets_in: lets_in(tenant, token),
        actions: actions(may),
        tools: called.collect(),
        models,
    }
}

/// A decision, printed.
fn verdict(name: &str, decision: Result<impl Display, impl Display>) -> Verdict {
    let allowed = decision.is_ok();
    Verdict {
        name: name.to_owned(),
        allowed,
        why: decision.map_or_else(|bar| bar.to_string(), |ground| ground.to_string()),
    }
}

fn denied(name: &str, database: Option<&Database>, why: impl Display) -> ModelAccess {
    ModelAccess {
        verdict: verdict(name, Err::<&str, _>(why)),
        database: database.map(|database| database.name.clone()),
        rows: Vec::new(),
        warning: None,
        seen: None,
        all: None,
        relations: Vec::new(),
        fields: Vec::new(),
    }
}

fn lets_in(tenant: &Tenant, token: &Token) -> Verdict {
    let judged = token.standing(tenant).judge(Utc::now());
    let judged = judged.map(|()| "token and tenant are active");
    verdict("token", judged.map_err(|refused| refused.why()))
}

fn actions(may: Permissions) -> Vec<Verdict> {
    let actions = Action::ALL.into_iter();
    let actions = actions.map(|action| verdict(action.name(), may.judge(action)));
    let parts = Part::ALL.into_iter();
    let parts = parts.map(|part| verdict(part.name(), may.judge_part(part)));
    actions.chain(parts).collect()
}

fn of_model(
    name: &str,
    database: &Database,
    exposed: &Exposed,
    (tenant, token): (&Tenant, &Token),
) -> ModelAccess {
    let model = match exposed.judge(name) {
        Ok(model) => model,
        Err(bar) => return denied(name, Some(database), bar),
    };
    let of_tenant = tenant.rows.iter().map(|rule| (rule, "tenant"));
    let of_token = token.rows.iter().map(|rule| (rule, "token"));
    let rules: Vec<_> = of_tenant.chain(of_token).collect();
    let rows = exposed.rules_of(model).into_iter();
    let rows: Vec<RowAccess> = rows
        .filter_map(|place| rules.get(place))
        .map(|(rule, of)| RowAccess {
            rule: rule.to_string(),
            of,
        })
        .collect();
    let shown = model.fields().iter();
    let shown = shown.map(|it| verdict(it.name(), Ok::<_, &str>(it.field_type().name())));
    let hidden = exposed
        .built()
        .into_iter()
        .flat_map(|(built, _)| &built.hidden);
    let hidden = hidden.filter(|hidden| hidden.model == name);
    let hidden =
        hidden.map(|it| verdict(&it.field, Err::<&str, _>(format!("hidden: {}", it.rule))));
    let ground = format!("the whitelist of {}", database.name);
    ModelAccess {
        verdict: verdict(name, Ok::<_, &str>(ground)),
        database: Some(database.name.clone()),
        warning: (rows.is_empty() && !rules.is_empty())
            .then(|| "no rule on rows reaches it: every row is seen".to_owned()),
        rows,
        seen: None,
        all: None,
        relations: exposed
            .catalog()
            .map(|catalog| RelationEntry::of(model, catalog))
            .unwrap_or_default(),
        fields: shown.chain(hidden).collect(),
    }
}

/// Counts the rows of the models of a database that are seen, with its rules and without.
async fn count(models: &mut [ModelAccess], database: &Database, exposed: &Exposed, until: Instant) {
    let whole = exposed.without_rules();
    if let Some(whole) = &whole {
        // What cannot be read is told already.
        let _ = whole.learn().await;
    }
    let of_this = |model: &&mut ModelAccess| model.database.as_deref() == Some(&database.name);
    for model in models.iter_mut().filter(of_this) {
        if !model.verdict.allowed {
            continue;
        }
        let name = &model.verdict.name;
        model.seen = rows(exposed, name, until).await;
        // Without the names of a token the database would decide for nobody.
        if let (Some(whole), false) = (&whole, database.row_security) {
            model.all = rows(whole, name, until).await;
        }
    }
}

/// How many rows of a model are seen, unless the database does not say in time.
async fn rows(exposed: &Exposed, model: &str, until: Instant) -> Option<u64> {
    let (catalog, db) = (exposed.catalog()?, exposed.db()?);
    let plan = ReadPlan::of_all(catalog.model(model)?);
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
