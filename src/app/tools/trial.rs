//! Tools as an operator looks at them: what each takes and answers, what is weak about it, and calls
//! that are tried.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::advice::Advice;
use crate::app::store_sync::{self, StoreFeed};
use crate::app::{OpenService, give_tools};
use crate::config::{Config, Faults};
use crate::policy::{Clients, Exposed, Policy, Ready, Unready, Written};
use crate::server;
use crate::service::call::NotAnswered;
use crate::tools::call::{Caller, typed};
use crate::tools::statement::mentions;
use crate::tools::{Example, Outcome, Parameter, advice};

/// `tools/list` above that, in bytes, is paid for by every agent that reads it.
const LONG_LIST: usize = 32 * 1024;
/// The same for how many tools there are.
const MANY_TOOLS: usize = 40;

/// The tools of a configuration, to be looked at and tried.
pub struct Workbench<'o> {
    opened: &'o OpenService,
    /// The store, and whom it lets in, where there is one.
    store: Option<(StoreFeed, Clients)>,
    scan_limit: Option<u64>,
    /// Whether a file of tools is named.
    is_named: bool,
}

/// A tool as the operator is told of it.
#[derive(Debug, Serialize)]
pub struct ToldTool {
    /// What it is called by.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// The database of a store that it reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// What it takes, each with its type.
    pub parameters: Vec<String>,
    /// The columns of its answer, each with its type.
    pub columns: Vec<String>,
    /// The models that it reads.
    pub models: Vec<String>,
    /// The fields that it reads of them.
    pub fields: Vec<String>,
    /// The most rows of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The most rows that a step reads without an index, where the engine tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan: Option<u64>,
    /// Where it stands.
    pub place: String,
    /// Its SQL.
    pub sql: String,
    /// What is wrong with it on databases of the store: a start asks none of them.
    #[serde(skip)]
    pub faults: Vec<Advice>,
    /// Its examples that were tried.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Tried>,
}

/// An example that was tried.
#[derive(Debug, Serialize)]
pub struct Tried {
    /// Where it stands.
    pub place: String,
    /// What came otherwise than it says: nothing where it passed.
    pub misses: Vec<String>,
    /// How long it took, in milliseconds.
    pub ms: u64,
}

/// Tools, and what is weak about them.
#[derive(Debug, Default)]
pub struct Told {
    /// The tools, in the order of their files.
    pub tools: Vec<ToldTool>,
    /// What to look at again.
    pub warnings: Vec<Advice>,
}

/// Why tools cannot be looked at.
#[derive(Debug)]
pub enum NoWorkbench {
    /// What is wrong with them.
    Faults(Faults),
    /// The store that they are of.
    Store(Advice),
}

impl<'o> Workbench<'o> {
    /// Judges the tools of a configuration that was opened, as a start does.
    ///
    /// # Errors
    /// Everything that is wrong with them, and a store that cannot be right.
    pub async fn new(opened: &'o OpenService, config: &Config) -> Result<Self, NoWorkbench> {
        let given = give_tools(opened, config).await;
        given.map_err(NoWorkbench::Faults)?;
        let settings = opened.service.access().settings.clone();
        let store = match settings.tools.is_empty() {
            false => store_sync::keep(&opened.service, config).await,
            true => Ok(None),
        };
        let store = store.map_err(NoWorkbench::Store)?.map(|mut kept| {
            let clients = kept.tenants.clients(&settings);
            (kept, clients)
        });
        Ok(Self {
            opened,
            store,
            scan_limit: config.limits.scan_limit,
            is_named: config.tools.path.is_some() && config.service.enabled,
        })
    }

    /// Tells of every tool, and tries the examples of those of a name, or of all.
    pub async fn told(&self, tried: Tries<'_>) -> Told {
        let settings = self.opened.service.access().settings.clone();
        let mut told = Told::default();
        for written in settings.tools.all() {
            let mut tool = self.tool(written, &mut told.warnings).await;
            let name = &written.tool.name;
            let is_tried = match tried {
                Tries::None => false,
                Tries::Of(wanted) => wanted == name,
                Tries::All => true,
            };
            if is_tried {
                for example in &written.tool.examples {
                    tool.examples.push(self.example(written, example).await);
                }
            }
            told.tools.push(tool);
        }
        for tool in &told.tools {
            let failed = tool.examples.iter().filter(|it| !it.misses.is_empty());
            told.warnings.extend(failed.map(|failed| {
                Advice::new(
                    format!(
                        "tool {}: the example at {} failed: {}",
                        tool.name,
                        failed.place,
                        failed.misses.join("; ")
                    ),
                    "mend the tool, or what the example expects",
                )
            }));
        }
        told.warnings.extend(self.long_list(told.tools.len()).await);
        let is_empty = self.is_named && told.tools.is_empty();
        told.warnings.extend(is_empty.then(super::no_tools));
        told
    }

    /// Tries a call with parameters as words give them, such as `priority=high`.
    ///
    /// # Errors
    /// Words that give no parameters, a caller of whom the store does not know, and what a client
    /// would be told.
    pub async fn call(
        &self,
        name: &str,
        words: &[String],
        caller: &Caller,
    ) -> Result<Result<String, NotAnswered>, String> {
        let settings = self.opened.service.access().settings.clone();
        let mut all = settings.tools.all();
        let written = all.find(|written| written.tool.name == name);
        let policy = self.policy(written, caller)?;
        let params = match written {
            Some(written) => {
                let exposed = written.place(&policy.exposed);
                if let Some(exposed) = exposed {
                    exposed.prepare().await;
                }
                let catalog = exposed.and_then(|exposed| exposed.catalog());
                typed(&written.tool, words, catalog)?
            }
            None => "{}".to_owned(),
        };
        let service = &self.opened.service;
        let attributes = &caller.attributes;
        Ok(service.try_tool(&policy, (name, &params), attributes).await)
    }

    /// The policy of a caller: of the client of the store that it names and of no other; where it
    /// names none, of any that may call a tool of the store's databases, or of the configuration's
    /// own tokens.
    fn policy(
        &self,
        written: Option<&Arc<Written>>,
        caller: &Caller,
    ) -> Result<Arc<Policy>, String> {
        let own = self.opened.service.policy();
        let of_store = written.is_some_and(|written| written.tool.database.is_some());
        let is_named = caller.tenant.is_some() || caller.token.is_some();
        if !is_named && (self.store.is_none() || !(of_store || own.exposed.is_empty())) {
            return Ok(own);
        }
        if self.store.is_none() {
            return Err("tenants and tokens are of a store, and MCP_STORE names none".to_owned());
        }
        if self.is_away() {
            return Err("the store does not answer: whom it lets in is not known".to_owned());
        }
        let mut meant = self.clients();
        meant.retain(|policy| {
            let client = policy.grant.as_ref().map(|grant| &grant.client);
            let same = |wanted: &Option<String>, name: &str| {
                wanted.as_deref().is_none_or(|wanted| wanted == name)
            };
            let may = written.is_none_or(|it| policy.toolbox.tool(&it.tool.name).is_some());
            client.is_some_and(|client| {
                same(&caller.tenant, &client.tenant) && same(&caller.token, &client.token)
            }) && (may || caller.token.is_some())
        });
        match (&caller.tenant, &caller.token, &*meant) {
            (None, Some(token), [_, _, ..]) => {
                Err(format!("several tenants have a token {token}: name one"))
            }
            (_, _, [first, ..]) => Ok(Arc::clone(first)),
            (Some(tenant), Some(token), []) => Err(format!(
                "the store lets in no token {token} of a tenant {tenant}"
            )),
            (Some(tenant), None, []) => Err(format!(
                "no token of a tenant {tenant} in the store may call it"
            )),
            (None, Some(token), []) => Err(format!("the store lets in no token {token}")),
            (None, None, []) => Err("no token of the store may call it".to_owned()),
        }
    }

    /// Whether there is a store that does not answer.
    fn is_away(&self) -> bool {
        self.store.is_some() && self.opened.service.store().is_none()
    }

    /// The policies of the store's tokens that are let in now, in the order of their names.
    fn clients(&self) -> Vec<Arc<Policy>> {
        let clients = self.store.iter();
        let clients = clients.flat_map(|(_, clients)| clients.admitted(Utc::now()));
        let mut policies: Vec<_> = clients.map(Arc::clone).collect();
        policies.sort_by_cached_key(|policy| {
            let client = policy.grant.as_ref().map(|grant| &grant.client);
            client.map(|client| (client.tenant.clone(), client.token.clone()))
        });
        // One that was rotated is let in by two digests.
        policies.dedup_by(|one, other| Arc::ptr_eq(one, other));
        policies
    }

    /// The databases that a tool reads, each once, as somebody sees it who may call it.
    fn places(&self, written: &Written) -> Vec<Arc<Exposed>> {
        let mut places: Vec<Arc<Exposed>> = Vec::new();
        let own = self.opened.service.policy();
        let is_own = written.tool.database.is_none() && !own.exposed.is_empty();
        for policy in std::iter::once(own).chain(self.clients()) {
            let may = policy.toolbox.tool(&written.tool.name).is_some();
            let Some(place) = written.place(&policy.exposed).filter(|_| may) else {
                continue;
            };
            let id = |exposed: &Exposed| exposed.record().map(|record| record.id.clone());
            // A tool of the configuration's database is judged on that alone.
            let is_its = !is_own || place.record().is_none();
            if is_its && !places.iter().any(|known| id(known) == id(place)) {
                places.push(Arc::clone(place));
            }
        }
        places
    }

    async fn tool(&self, written: &Written, warnings: &mut Vec<Advice>) -> ToldTool {
        let tool = &written.tool;
        let mut warn = |what: String, help: &str| {
            warnings.push(Advice::new(
                format!("tool {}: {what}", tool.name),
                help.to_owned(),
            ));
        };
        let mut faults = Vec::new();
        let mut ready: Option<(Arc<Exposed>, Arc<Ready>)> = None;
        let places = self.places(written);
        for place in &places {
            match self.judged(written, place).await {
                Ok(made) => {
                    if let (Some(scan), Some(limit)) = (made.scan, self.scan_limit)
                        && scan > limit
                    {
                        let on = on(place);
                        warn(
                            format!("{on}a step reads {scan} rows without an index"),
                            "filter by an indexed field, or raise MCP_SCAN_LIMIT",
                        );
                    }
                    ready.get_or_insert((Arc::clone(place), made));
                }
                Err(found) => faults.extend(found),
            }
        }
        match places.is_empty() {
            true if self.is_away() => warn(
                "who may call it is not known: the store does not answer".to_owned(),
                "look again when it does",
            ),
            true => warn(
                "nobody may call it".to_owned(),
                "give a token of a tenant with its database and models the scope tools",
            ),
            false => {}
        }
        if let Some(found) = advice::of_description(tool) {
            warn(
                format!("its description holds {found}"),
                "say plainly what it answers: agents read it as they read instructions",
            );
        }
        warnings.extend(faults.iter().cloned());
        let known = ready.as_ref();
        ToldTool {
            name: tool.name.clone(),
            title: tool.title.clone(),
            description: tool.description.clone(),
            database: tool.database.clone(),
            parameters: tool.parameters.iter().map(Parameter::to_string).collect(),
            columns: known.map_or_else(Vec::new, |(_, ready)| {
                let columns = ready.columns.iter();
                let columns = columns.map(|(name, class)| format!("{name} {}", class.name()));
                columns.collect()
            }),
            models: known.map_or_else(Vec::new, |(_, ready)| ready.models.clone()),
            fields: known.map_or_else(Vec::new, |(place, ready)| fields(written, place, ready)),
            limit: known.map(|(_, ready)| ready.limit),
            scan: known.and_then(|(_, ready)| ready.scan),
            place: tool.place.to_string(),
            sql: tool.sql.sql.trim().to_owned(),
            faults,
            examples: Vec::new(),
        }
    }

    /// The tool as it is run on a database, or all that is wrong with it there.
    async fn judged(&self, written: &Written, place: &Exposed) -> Result<Arc<Ready>, Vec<Advice>> {
        place.prepare().await;
        let on = on(place);
        let fault = |what: String, help: &str| {
            Advice::new(
                format!("tool {}: {on}{what}", written.tool.name),
                help.to_owned(),
            )
        };
        let absent = "look whether it answers: lucarne database test";
        if place.catalog().is_none() {
            let what = "the database does not answer".to_owned();
            return Err(vec![fault(what, absent)]);
        }
        let bounds = self.opened.service.policy().tool_bounds();
        let ready = place.ready(written, bounds).await;
        ready.map_err(|unready| match unready {
            Unready::Faults(faults) => {
                let told = faults.iter();
                let told = told.map(|it| fault(format!("{}: {}", it.place, it.message), &it.help));
                told.collect()
            }
            Unready::Failed(failure) => {
                let what = format!("the database did not describe it: {}", failure.told());
                vec![fault(what, absent)]
            }
        })
    }

    async fn example(&self, written: &Arc<Written>, example: &Example) -> Tried {
        let place = example.place.to_string();
        let policy = match self.policy(Some(written), &example.caller) {
            Ok(policy) => policy,
            Err(miss) => {
                return Tried {
                    place,
                    misses: vec![miss],
                    ms: 0,
                };
            }
        };
        let params = Value::Object(example.params.clone()).to_string();
        let name = &*written.tool.name;
        let service = &self.opened.service;
        let begun = Instant::now();
        let attributes = &example.caller.attributes;
        let answer = service.try_tool(&policy, (name, &params), attributes);
        let answer = answer.await;
        let took = begun.elapsed();
        let misses = match &answer {
            Ok(text) => {
                let rows = rows(written.tool.result, text);
                example.misses(Ok(&rows), took)
            }
            Err(refused) => {
                let mut misses = example.misses(Err(refused.error.code()), took);
                if !misses.is_empty() {
                    misses.push(refused.error.to_string());
                    misses.extend(refused.cause.clone());
                }
                misses
            }
        };
        Tried {
            place,
            misses,
            ms: millis(took),
        }
    }

    /// What every agent pays for that lists the tools.
    async fn long_list(&self, count: usize) -> Option<Advice> {
        let bytes = server::tools_list(&self.opened.service.policy())
            .await
            .len();
        let long = (bytes > LONG_LIST).then(|| format!("tools/list has {bytes} bytes"));
        let many = (count > MANY_TOOLS).then(|| format!("there are {count} tools"));
        Some(Advice::new(
            format!(
                "MCP_TOOLS_FILE: {}, which every agent reads",
                long.or(many)?
            ),
            "give tokens the tools that they need: lucarne token update --tools",
        ))
    }
}

/// Whose examples are tried.
#[derive(Debug, Clone, Copy)]
pub enum Tries<'n> {
    /// None.
    None,
    /// Those of one tool.
    Of(&'n str),
    /// All.
    All,
}

/// Which database of a store something is told of.
fn on(place: &Exposed) -> String {
    let name = place.told();
    name.map_or_else(String::new, |name| format!("on database {name}: "))
}

fn fields(written: &Written, place: &Exposed, ready: &Ready) -> Vec<String> {
    let (Some(catalog), Some(dialect)) = (place.catalog(), place.dialect()) else {
        return Vec::new();
    };
    let mentions = mentions::read(&written.tool.sql, dialect);
    mentions.map_or_else(|_| Vec::new(), |it| it.fields(&ready.models, catalog))
}

/// The rows of an answer; a value is a row of one member, which has no name.
fn rows(outcome: Outcome, text: &str) -> Vec<Map<String, Value>> {
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    let data = answer.get("data").cloned().unwrap_or_default();
    let object = |value| match value {
        Value::Object(row) => Some(row),
        _ => None,
    };
    match (outcome, data) {
        (_, Value::Array(rows)) if outcome == Outcome::Rows => {
            rows.into_iter().filter_map(object).collect()
        }
        (_, Value::Null) => Vec::new(),
        (Outcome::Value, value) => vec![Map::from_iter([("value".to_owned(), value)])],
        (_, one) => object(one).into_iter().collect(),
    }
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
