//! The tools that the operator wrote: their files are read, and judged on the database that they are
//! for, before they are served.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use super::Opened;
use crate::config::{Config, Fault, Faults};
use crate::policy::ready::Bounds;
use crate::policy::{Access, Clients, Exposed, Policy, Settings, Unready, Written, WrittenTools};
use crate::tools::{self, MAX_TOOLS, Tool, file};

/// Tools that are judged at once.
const AT_ONCE: usize = 4;

/// Serves the tools of a configuration.
///
/// # Errors
/// Everything that is wrong with them, each with its place.
pub async fn give_tools(opened: &Opened, config: &Config) -> Result<(), Faults> {
    let service = &opened.service;
    let exposed = service.access().shared.exposed.first().cloned();
    let read = read(config, exposed.as_ref(), bounds(config)).await?;
    if !read.is_empty() {
        let before = service.access();
        let clients = Arc::clone(&before.clients);
        let settings = settings(&before, read);
        service.replace(serving(&before, settings, clients));
    }
    Ok(())
}

/// A tool that is served, as the operator is told of it.
#[derive(Debug, Serialize)]
pub struct ServedTool {
    /// What it is called by.
    pub name: String,
    /// What it takes.
    pub parameters: Vec<String>,
    /// The columns of its answer, each with its type.
    pub columns: Vec<String>,
    /// The models that it reads.
    pub models: Vec<String>,
    /// The most rows that a step reads without an index, where the engine tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan: Option<u64>,
}

/// The tools that are served on the configuration's own database, in the order of their files.
pub async fn served_tools(opened: &Opened) -> Vec<ServedTool> {
    let policy = opened.service.policy();
    let mut served = Vec::new();
    for written in policy.toolbox.written() {
        let tool = &written.tool;
        let Ok((_, exposed)) = policy.tool(&tool.name) else {
            continue;
        };
        let Ok(ready) = exposed.ready(written, policy.tool_bounds()).await else {
            continue;
        };
        let columns = ready.columns.iter();
        let columns = columns.map(|(name, class)| format!("{name} {}", class.name()));
        let parameters = tool.parameters.iter();
        served.push(ServedTool {
            name: tool.name.clone(),
            parameters: parameters.map(|it| it.name.clone()).collect(),
            columns: columns.collect(),
            models: ready.models.clone(),
            scan: ready.scan,
        });
    }
    served
}

/// The files of a configuration's tools, and the folder that they are in where it is one.
pub(super) fn watched(config: &Config) -> Vec<PathBuf> {
    let Some(path) = config.tools.path.clone() else {
        return Vec::new();
    };
    let files = within(&path).unwrap_or_default();
    std::iter::once(path).chain(files).collect()
}

/// The settings in force, with other tools.
pub(super) fn settings(before: &Access, tools: WrittenTools) -> Arc<Settings> {
    Arc::new(Settings {
        tools,
        ..Settings::clone(&before.settings)
    })
}

/// What is in force, with settings and clients of other tools.
pub(super) fn serving(before: &Access, settings: Arc<Settings>, clients: Arc<Clients>) -> Access {
    let shared = &before.shared;
    let policy = Policy::new(
        Arc::clone(&settings),
        shared.may,
        shared.exposed.clone(),
        None,
    );
    Access {
        settings,
        shared: Arc::new(policy),
        clients,
        ..Access::clone(before)
    }
}

/// What bounds the tools of a configuration.
pub(super) fn bounds(config: &Config) -> Bounds {
    Bounds {
        limit: config.limits.max_limit,
        max_bytes: config
            .limits
            .max_response_bytes
            .max(config.limits.tool_max_bytes),
    }
}

/// Reads the tools of a configuration, and judges them on its database as that is exposed.
///
/// # Errors
/// All that is wrong.
pub(super) async fn read(
    config: &Config,
    exposed: Option<&Arc<Exposed>>,
    bounds: Bounds,
) -> Result<WrittenTools, Faults> {
    let path = config.tools.path.clone().filter(|_| config.service.enabled);
    let Some(path) = path else {
        return Ok(WrittenTools::default());
    };
    let reading = tokio::task::spawn_blocking(move || from_files(&path)).await;
    let tools = reading.unwrap_or_else(|_| Ok(Vec::new()))?;
    let has_store = config.store.url.is_some();
    let written = WrittenTools::new(tools);
    let judged = stream::iter(written.all().cloned()).map(|tool| async move {
        match exposed.filter(|exposed| exposed.catalog().is_some()) {
            Some(exposed) if tool.tool.database.is_none() => {
                match exposed.ready(&tool, bounds).await {
                    Ok(_) => Vec::new(),
                    Err(Unready::Faults(faults)) => faults.iter().map(told).collect(),
                    Err(Unready::Failed(failure)) => vec![Fault {
                        variable: tool.tool.place.to_string(),
                        message: format!(
                            "tool {}: the database did not describe it: {}",
                            tool.tool.name,
                            failure.told()
                        ),
                        help: "try again when the database answers".to_owned(),
                    }],
                }
            }
            _ => elsewhere(&tool, has_store),
        }
    });
    let faults: Vec<Vec<Fault>> = judged.buffered(AT_ONCE).collect().await;
    Faults::none_or(faults.into_iter().flatten().collect())?;
    Ok(written)
}

/// What is wrong with a tool whose database has not told what there is.
fn elsewhere(tool: &Written, has_store: bool) -> Vec<Fault> {
    let own = &tool.tool;
    if own.database.is_some() && !has_store {
        return vec![Fault {
            variable: own.place.to_string(),
            message: format!("tool {}: database names one of a store", own.name),
            help: "take it out, or set MCP_STORE".to_owned(),
        }];
    }
    tool.faults().iter().map(told).collect()
}

fn told(fault: &tools::Fault) -> Fault {
    let tool = fault.tool.as_ref();
    let of = tool.map_or_else(String::new, |tool| format!("tool {tool}: "));
    Fault {
        variable: fault.place.to_string(),
        message: format!("{of}{}", fault.message),
        help: fault.help.clone(),
    }
}

/// The tools of a file, or of all files of a folder in the order of their names.
fn from_files(path: &Path) -> Result<Vec<Tool>, Faults> {
    let unreadable = |path: &Path, error: &std::io::Error| Fault {
        variable: "MCP_TOOLS_FILE".to_owned(),
        message: format!("{} cannot be read: {error}", path.display()),
        help: "name a file of tools, or a folder of such, that the service may read".to_owned(),
    };
    let paths = match path.is_dir() {
        true => within(path).map_err(|error| Faults::one(unreadable(path, &error)))?,
        false => vec![path.to_owned()],
    };
    let (mut tools, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                faults.push(unreadable(&path, &error));
                continue;
            }
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match file::read(&name, &text) {
            Ok(read) => tools.extend(read),
            Err(found) => faults.extend(found.iter().map(told)),
        }
    }
    faults.extend(file::doubled(tools.iter()).iter().map(told));
    if let Some(tool) = tools.get(MAX_TOOLS) {
        faults.push(Fault {
            variable: tool.place.to_string(),
            message: format!("there are {} tools", tools.len()),
            help: format!("{MAX_TOOLS} at the most"),
        });
    }
    Faults::none_or(faults)?;
    Ok(tools)
}

/// The files of tools of a folder.
fn within(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    paths.sort();
    Ok(paths)
}
