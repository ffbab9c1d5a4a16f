//! Tools as an operator looks at them: what each takes and answers, what is weak about it, and calls
//! that are tried.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use serde::Serialize;

use crate::advice::Advice;
use crate::app::store_sync::{self, StoreFeed};
use crate::app::{OpenService, give_tools};
use crate::config::{Config, Faults};
use crate::policy::{Clients, Exposed, Ready, Unready, Written};
use crate::server;
use crate::service::call::NotAnswered;
use crate::service::{Trial, Tried};
use crate::tools::call::{Caller, typed};
use crate::tools::statement::mentions;
use crate::tools::{Parameter, advice};

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
    pub(crate) scan: Option<u64>,
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
                    tool.examples
                        .push(self.trial().example(written, example).await);
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
    pub(crate) async fn call(
        &self,
        name: &str,
        words: &[String],
        caller: &Caller,
    ) -> Result<Result<String, NotAnswered>, String> {
        let settings = self.opened.service.access().settings.clone();
        let mut all = settings.tools.all();
        let written = all.find(|written| written.tool.name == name);
        let policy = self.trial().policy(written.map(|it| &**it), caller)?;
        let params = match written {
            Some(written) => {
                let exposed = written.place(&policy.exposed).ok();
                if let Some(exposed) = exposed {
                    exposed.prepare().await;
                }
                let catalog = exposed.and_then(|exposed| exposed.catalog());
                typed(&written.tool, words, catalog)?
            }
            None => "{}".to_owned(),
        };
        let asked = (name, &*params);
        let answer = self.trial().call(&policy, asked, &caller.attributes).await;
        Ok(answer)
    }

    /// Calls as those whom the store lets in.
    fn trial(&self) -> Trial<'_> {
        let clients = self.store.as_ref().map(|(_, clients)| clients);
        let by = (IpAddr::V4(Ipv4Addr::LOCALHOST), "command");
        Trial::new(&self.opened.service, clients, by)
    }

    /// The databases that a tool reads, each once, as somebody sees it who may call it.
    fn places(&self, written: &Written) -> Vec<Arc<Exposed>> {
        let mut places: Vec<Arc<Exposed>> = Vec::new();
        let own = self.opened.service.policy();
        let is_own = written.tool.database.is_none() && !own.exposed.is_empty();
        for policy in std::iter::once(own).chain(self.trial().clients()) {
            let may = policy.toolbox.tool(&written.tool.name).is_some();
            let Some(place) = written.place(&policy.exposed).ok().filter(|_| may) else {
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
            true if self.trial().is_away() => warn(
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
