//! From what the store holds to who is let in: policies of its tokens, and the databases that they
//! read.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use tokio::sync::Semaphore;
use tracing::{error, warn};

use super::access::{Clients, Entry, Freshness, Owner};
use super::databases::{Held, Ways};
use super::decision::Bar;
use super::exposed::{Exposed, Narrowed};
use super::permissions::Permissions;
use super::quota::{Consumption, Quota};
use super::{Grant, Policy, Settings};
use crate::auth::{Client, Scopes, Standing};
use crate::catalog::WantedRule;
use crate::config::{self, ModelName};
use crate::db::Whom;
use crate::plan;
use crate::store::{
    Contents, Database, DatabaseId, RowRule, Rows, Tenant, TenantId, Token, TokenKey,
};

/// A tenant takes one of so many parts of the places for requests: one alone holds nobody up.
const TENANTS_AT_ONCE: usize = 4;

/// What the store holds, as it is served.
#[derive(Debug)]
pub(crate) struct Tenants {
    ways: Arc<Ways>,
    freshness: Arc<Freshness>,
    contents: Contents,
    /// Databases outlive changes of what is not theirs.
    held: HashMap<DatabaseId, Arc<Held>>,
    /// So do the policies of tokens,
    policies: HashMap<TokenKey, TokenPolicy>,
    accounts: Accounts,
}

/// What tokens and tenants spent, which outlives their policies.
#[derive(Debug, Default)]
struct Accounts {
    spent: HashMap<String, Arc<Consumption>>,
    /// The places of tenants among the requests that are answered at once.
    turns: HashMap<TenantId, Arc<Semaphore>>,
    used: HashMap<TokenKey, Arc<AtomicI64>>,
}

/// A policy, and what it was made of.
#[derive(Debug)]
struct TokenPolicy {
    token: Token,
    tenant: Tenant,
    held: Vec<Arc<Held>>,
    /// Which states of their tables it was made for.
    numbers: Vec<u64>,
    policy: Arc<Policy>,
}

impl TokenPolicy {
    /// Whether it is what would be made now.
    fn still_holds(
        &self,
        settings: &Arc<Settings>,
        tenant: &Tenant,
        token: &Token,
        held: &[Arc<Held>],
    ) -> bool {
        let same = |(one, other): (&Arc<Held>, &Arc<Held>)| Arc::ptr_eq(one, other);
        self.held.len() == held.len()
            && self.held.iter().zip(held).all(same)
            && self.numbers == numbers(held)
            && Arc::ptr_eq(&self.policy.settings, settings)
            && is_unchanged(&self.token, token)
            && self.tenant == *tenant
    }
}

/// The states of the databases' tables.
fn numbers(held: &[Arc<Held>]) -> Vec<u64> {
    held.iter().map(|held| held.number()).collect()
}

impl Tenants {
    /// What a store holds.
    pub(crate) fn new(contents: Contents, ways: Arc<Ways>, freshness: Arc<Freshness>) -> Self {
        let mut tenants = Self {
            ways,
            freshness,
            contents: Contents::default(),
            held: HashMap::new(),
            policies: HashMap::new(),
            accounts: Accounts::default(),
        };
        tenants.follow(contents);
        tenants
    }

    /// Takes on what the store holds now.
    pub(crate) fn follow(&mut self, contents: Contents) {
        for row in &contents.unreadable {
            if !self.contents.unreadable.contains(row) {
                warn!("the store: {row} cannot be read, and grants nothing");
            }
        }
        for database in &contents.databases {
            let Some(fault) = database.url.as_ref().err() else {
                continue;
            };
            let mut before = self.contents.databases.iter();
            if !before.any(|it| it.id == database.id && it.url.is_err()) {
                let name = &database.name;
                error!(
                    "the store: the URL of database {name} does not open, and nothing of it is served: \
                     {fault}; set the key that sealed it as MCP_ENCRYPTION_KEY_PREVIOUS of every \
                     instance, or give the URL anew"
                );
            }
        }
        self.contents = contents;
        let tenants = &self.contents.tenants;
        let databases = self.contents.databases.iter().map(|database| {
            let before = self.held.get(&database.id);
            let same = before.filter(|held| is_same(held.record(), database));
            let held = same.map_or_else(
                || {
                    let tenant = tenants.iter().find(|tenant| tenant.id == database.tenant);
                    let tenant = tenant.map_or("?", |tenant| tenant.name.as_str());
                    Arc::new(Held::new(database.clone(), tenant, Arc::clone(&self.ways)))
                },
                Arc::clone,
            );
            (database.id.clone(), held)
        });
        self.held = databases.collect();
    }

    /// Reads every database anew when it is asked for next, by other ways.
    pub(crate) fn reread(&mut self, ways: Ways) {
        self.ways = Arc::new(ways);
        self.held.clear();
        self.follow(self.contents.clone());
    }

    /// How many tokens of how many tenants there are, in words.
    pub(crate) fn summary(&self) -> String {
        let counted = |count: usize, noun: &str| match count {
            1 => format!("1 {noun}"),
            _ => format!("{count} {noun}s"),
        };
        let (tokens, tenants) = (self.contents.tokens.len(), self.contents.tenants.len());
        format!(
            "{} of {}",
            counted(tokens, "token"),
            counted(tenants, "tenant")
        )
    }

    /// How the databases are reached.
    pub(crate) fn ways(&self) -> &Arc<Ways> {
        &self.ways
    }

    /// Who is let in, by the settings of now.
    pub(crate) fn clients(&mut self, settings: &Arc<Settings>) -> Clients {
        let contents = &self.contents;
        let tenants: HashMap<&TenantId, &Tenant> = contents
            .tenants
            .iter()
            .map(|tenant| (&tenant.id, tenant))
            .collect();
        let mut databases: HashMap<&TenantId, Vec<Arc<Held>>> = HashMap::new();
        for database in in_turn(contents) {
            if let Some(held) = self.held.get(&database.id) {
                databases
                    .entry(&database.tenant)
                    .or_default()
                    .push(Arc::clone(held));
            }
        }
        let (mut entries, mut policies) = (Vec::new(), HashMap::new());
        for token in &contents.tokens {
            // A tenant that cannot be read grants nothing.
            let Some(tenant) = tenants.get(&token.tenant) else {
                continue;
            };
            let held = databases
                .get(&token.tenant)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let previous = self.policies.remove(&token.id);
            let made = previous
                .filter(|made| made.still_holds(settings, tenant, token, held))
                .unwrap_or_else(|| self.accounts.make(settings, tenant, token, held));
            self.accounts.remember(&made);
            let entry = |digest, until| Entry {
                digest,
                policy: Arc::clone(&made.policy),
                standing: Standing {
                    until,
                    ..token.standing(tenant)
                },
            };
            entries.push(entry(token.digest, None));
            let previous = token.previous.as_ref();
            entries.extend(previous.map(|previous| entry(previous.digest, Some(previous.until))));
            policies.insert(token.id.clone(), made);
        }
        let owners = contents.tenants.iter().map(|tenant| Owner {
            held: databases.remove(&tenant.id).unwrap_or_default(),
            tenant: tenant.clone(),
        });
        let owners = owners.collect();
        self.policies = policies;
        self.accounts.forget(contents);
        Clients::new(entries.into_iter(), owners, Arc::clone(&self.freshness))
    }
}

impl Accounts {
    /// The policy of a token, which goes on from what was spent under the one before.
    fn make(
        &mut self,
        settings: &Arc<Settings>,
        tenant: &Tenant,
        token: &Token,
        held: &[Arc<Held>],
    ) -> TokenPolicy {
        let spent = |of: &str| self.spent.get(of).cloned().unwrap_or_default();
        let turns = self.turns.entry(tenant.id.clone()).or_insert_with(|| {
            let places = settings.connections.max_requests / TENANTS_AT_ONCE;
            Arc::new(Semaphore::new(places.max(1)))
        });
        let kept = Counters {
            turns: Arc::clone(turns),
            token: spent(token.id.as_str()),
            tenant: spent(tenant.id.as_str()),
            used: self.used.get(&token.id).cloned().unwrap_or_default(),
        };
        TokenPolicy {
            policy: Arc::new(policy(settings, tenant, token, held, &kept)),
            token: token.clone(),
            tenant: tenant.clone(),
            held: held.to_vec(),
            numbers: numbers(held),
        }
    }

    /// Keeps what a policy counts by, for the one that comes after it.
    fn remember(&mut self, made: &TokenPolicy) {
        let Some(grant) = &made.policy.grant else {
            return;
        };
        for (id, quota) in [
            (made.token.id.as_str(), &grant.token),
            (made.tenant.id.as_str(), &grant.tenant),
        ] {
            let spent = self.spent.entry(id.to_owned());
            spent.or_insert_with(|| quota.spent());
        }
        let used = self.used.entry(made.token.id.clone());
        used.or_insert_with(|| Arc::clone(&grant.used));
    }

    /// Forgets what was spent by whom there is no more.
    fn forget(&mut self, contents: &Contents) {
        let tenants = contents.tenants.iter().map(|tenant| tenant.id.as_str());
        self.turns
            .retain(|id, _| contents.tenants.iter().any(|tenant| tenant.id == *id));
        let tokens = contents.tokens.iter().map(|token| token.id.as_str());
        let known: HashSet<&str> = tenants.chain(tokens).collect();
        self.spent.retain(|id, _| known.contains(id.as_str()));
        self.used.retain(|id, _| known.contains(id.as_str()));
    }
}

/// What outlives a policy.
struct Counters {
    turns: Arc<Semaphore>,
    token: Arc<Consumption>,
    tenant: Arc<Consumption>,
    used: Arc<AtomicI64>,
}

/// What a token may ask for.
fn policy(
    settings: &Arc<Settings>,
    tenant: &Tenant,
    token: &Token,
    held: &[Arc<Held>],
    kept: &Counters,
) -> Policy {
    let connections = &settings.connections;
    let usual = (connections.token_rate_limit, connections.rate_window);
    let may = permissions(token);
    let grant = Grant {
        client: Arc::new(Client {
            token_id: token.id.to_string(),
            token: token.name.clone(),
            suffix: token.suffix.clone(),
            tenant_id: tenant.id.to_string(),
            tenant: tenant.name.clone(),
        }),
        scopes: token.scopes.clone(),
        attributes: token.attributes.clone().into_iter().collect(),
        tools: token.tools.clone(),
        expires_at: token.expires_at,
        token: Quota::of_token(token.limits, usual, Arc::clone(&kept.token)),
        tenant: Quota::of_tenant(
            tenant.limits,
            connections.rate_window,
            Arc::clone(&kept.tenant),
        ),
        turns: Arc::clone(&kept.turns),
        used: Arc::clone(&kept.used),
    };
    let exposed = exposed(tenant, Some(token), held, |_, _, _| ());
    Policy::new(Arc::clone(settings), may, exposed, Some(grant))
}

/// What a token may ask for, by its scopes and its tools.
pub(crate) fn permissions(token: &Token) -> Permissions {
    let scopes = token.scopes.iter().map(String::as_str);
    Permissions::new(Scopes::named(scopes), token.tools.as_deref())
}

/// What a token, or any token, sees of the databases of its tenant. A name that two of them have is
/// that of the first. Whoever explains it hears of each name that is kept back.
pub(crate) fn exposed(
    tenant: &Tenant,
    token: Option<&Token>,
    held: &[Arc<Held>],
    mut kept_back: impl FnMut(&Database, &ModelName, Bar<'_>),
) -> Vec<Arc<Exposed>> {
    let narrower = token.map(|token| token.rows.as_slice()).unwrap_or_default();
    let rules: Vec<RowRule> = tenant.rows.iter().chain(narrower).cloned().collect();
    let names: Vec<Vec<ModelName>> = held.iter().map(|held| listed(held.record())).collect();
    let astray = astray(&rules, &names);
    if let (Some(token), false) = (token, held.is_empty()) {
        for model in &astray {
            warn!(
                tenant = tenant.name,
                token = token.name,
                model,
                "a row rule is about no model of the tenant's databases: nothing is served"
            );
        }
    }
    let models = token.and_then(|token| token.models.as_deref());
    let listings = listings(&rules, models, &names);
    let exposed = held.iter().zip(listings).map(|(held, listings)| {
        let mut names = Vec::new();
        for (name, decision) in listings {
            match decision {
                Ok(()) => names.push(name.exposed.clone()),
                Err(bar) => kept_back(held.record(), name, bar),
            }
        }
        // Policies of the database may tell its tokens apart.
        let told = token.filter(|_| held.record().row_security);
        let source = Narrowed {
            held: Arc::clone(held),
            rules: rules.clone(),
            is_astray: !astray.is_empty(),
            owner: match told {
                Some(token) => format!("{} {} {}", tenant.id, held.record().id, token.id),
                None => format!("{} {}", tenant.id, held.record().id),
            },
            whom: told.map(|token| {
                Arc::new(Whom {
                    tenant: tenant.name.clone(),
                    token: token.name.clone(),
                })
            }),
        };
        Arc::new(Exposed::narrowed(names, source))
    });
    exposed.collect()
}

/// A model that a rule of the tenant is about and none of its databases lists, by which nothing of
/// them is served.
pub(crate) fn astray_of<'t>(tenant: &'t Tenant, held: &[Arc<Held>]) -> Option<&'t str> {
    let names: Vec<Vec<ModelName>> = held.iter().map(|held| listed(held.record())).collect();
    astray(&tenant.rows, &names).into_iter().next()
}

/// The databases of all tenants, each after those that were there before it: one that comes later
/// takes no name away from them.
pub(crate) fn in_turn(contents: &Contents) -> Vec<&Database> {
    let mut databases: Vec<&Database> = contents.databases.iter().collect();
    databases.sort_by_key(|database| (database.created_at, database.id.clone()));
    databases
}

/// The names of a database's whitelist.
pub(crate) fn listed(database: &Database) -> Vec<ModelName> {
    config::model_names("models", &database.models).unwrap_or_default()
}

/// Decides over each name that the databases of a tenant list, in their turn, for a token of these
/// models, or of all, before they are asked.
fn listings<'r, 'n>(
    rules: &'r [RowRule],
    models: Option<&[String]>,
    listed: &'n [Vec<ModelName>],
) -> Vec<Vec<(&'n ModelName, Result<(), Bar<'r>>)>> {
    let astray = astray(rules, listed).into_iter().next();
    let mut taken = HashSet::new();
    let mut listing = |name: &'n ModelName| {
        let named = |models: &[String]| models.iter().any(|model| names_it(model, name));
        if let Some(model) = astray {
            Err(Bar::Astray(model))
        } else if !models.is_none_or(named) {
            Err(Bar::OtherModels)
        } else if !taken.insert(name.exposed.as_str()) {
            Err(Bar::Elsewhere)
        } else {
            Ok(())
        }
    };
    let listed = listed.iter();
    listed
        .map(|names| names.iter().map(|name| (name, listing(name))).collect())
        .collect()
}

/// A rule of the store as a catalog is built by it; `None` for one that holds nothing back.
pub(crate) fn wanted(rule: &RowRule) -> Option<WantedRule<'_>> {
    match &rule.rows {
        Rows::All => None,
        Rows::Where { field, values } => Some(WantedRule {
            model: &rule.model,
            field,
            values,
            read: plan::typed,
        }),
    }
}

/// The models of rules that are about nothing: misspelt, or not listed any more. What such a rule
/// would have held back is not known, so that nothing may be seen.
pub(crate) fn astray<'r>(rules: &'r [RowRule], listed: &[Vec<ModelName>]) -> Vec<&'r str> {
    let models = rules.iter().map(|rule| rule.model.as_str());
    let is_listed = |model: &&str| listed.iter().flatten().any(|name| name.may_begin(model));
    models.filter(|model| !is_listed(model)).collect()
}

/// Whether a token's list of models names this one: as clients do, or with its schema.
pub(crate) fn names_it(model: &str, name: &ModelName) -> bool {
    let qualified = name
        .schema
        .as_ref()
        .map(|schema| format!("{schema}.{}", name.table));
    model == name.exposed || qualified.is_some_and(|qualified| model == qualified)
}

/// Whether a database is read as before.
fn is_same(one: &Database, other: &Database) -> bool {
    let texts = |of: &Database| {
        [&of.name, &of.models, &of.hidden, &of.reveal, &of.relations].map(String::clone)
    };
    let switches = |of: &Database| (of.pgbouncer, of.row_security, of.guarded);
    texts(one) == texts(other)
        && switches(one) == switches(other)
        && one.tenant == other.tenant
        && one.is_at_the_place_of(other)
}

/// Whether a token means what it meant: when it was used last means nothing.
fn is_unchanged(one: &Token, other: &Token) -> bool {
    let other = Token {
        last_used_at: one.last_used_at,
        ..other.clone()
    };
    *one == other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_seen_in_the_first_database_where_the_token_may_see_it() {
        let (seen, elsewhere) = (Ok(()), Err(Bar::Elsewhere));
        let other = Err(Bar::OtherModels);
        let names = |list: &str| config::model_names("models", list).unwrap();
        let listed = [names("tickets,n=crm.notes"), names("tickets,users")];
        let decided = |rules: &'static [RowRule], models: Option<&[&str]>| {
            let own = |models: &[&str]| models.iter().map(ToString::to_string).collect();
            let models: Option<Vec<String>> = models.map(own);
            let all = listings(rules, models.as_deref(), &listed).into_iter();
            all.map(|names| names.into_iter().map(|(_, decided)| decided).collect())
                .collect::<Vec<Vec<_>>>()
        };
        assert_eq!(
            decided(&[], None),
            [[seen.clone(), seen.clone()], [elsewhere, seen.clone()]]
        );
        // As clients name it, and as its database does.
        for notes in ["n", "crm.notes"] {
            assert_eq!(
                decided(&[], Some(&[notes, "users"])),
                [[other.clone(), seen.clone()], [other.clone(), seen.clone()]]
            );
        }
        let rules = Vec::leak(vec!["orders.a = 1".parse().unwrap()]);
        assert_eq!(
            decided(rules, None),
            vec![vec![Err(Bar::Astray("orders")); 2]; 2]
        );
    }

    #[test]
    fn a_rule_about_no_model_is_astray() {
        let rules = ["tickets.a = 1", "ticket.a = 1", "Tickets.a = 1"];
        let rules = rules.map(|rule| rule.parse().unwrap());
        let listed = [config::model_names("models", "tickets,n=crm.notes").unwrap()];
        assert_eq!(astray(&rules, &listed), ["ticket", "Tickets"]);
        let named = [
            "public.tickets.a = 1",
            "n.a = 1",
            "notes.a = 1",
            "crm.notes.a = 1",
        ];
        let named = named.map(|rule| rule.parse().unwrap());
        assert!(astray(&named, &listed).is_empty());
        let other = ["public.notes.a = 1".parse().unwrap()];
        assert_eq!(astray(&other, &listed), ["public.notes"]);
    }
}
