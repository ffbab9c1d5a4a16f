//! The tools that the operator wrote: their files are read, and judged on the database that they are
//! for, before they are served.

pub(super) mod draft;
pub(super) mod trial;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use tracing::{info, warn};

use super::OpenService;
use super::watch::Watch;
use crate::advice::Advice;
use crate::catalog::FieldType;
use crate::config::{self, Config, Faults};
use crate::db::Failure;
use crate::policy::ready::Bounds;
use crate::policy::{Access, Clients, Exposed, Policy, Settings, Unready, Written, WrittenTools};
use crate::tools::{self, MAX_TOOLS, Tool, file};

/// Tools that are judged at once.
const AT_ONCE: usize = 4;

/// Serves the tools of a configuration.
///
/// # Errors
/// Everything that is wrong with them, each with its place.
pub async fn give_tools(opened: &OpenService, config: &Config) -> Result<(), Faults> {
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

/// The tools of a configuration whose files are sound, their SQL not judged on any database.
///
/// # Errors
/// Everything that is wrong with the files.
pub(crate) async fn written_tools(config: &Config) -> Result<WrittenTools, Faults> {
    let Some(path) = config.tools.path.clone() else {
        return Ok(WrittenTools::default());
    };
    let files = files(path, config).await;
    let told = files.faults.iter().map(told);
    Faults::none_or(files.unreadable.into_iter().chain(told).collect())?;
    Ok(WrittenTools::new(files.tools))
}

/// The files of a configuration's tools, and the folder that they are in where it is one, as they are
/// now.
pub(super) async fn watch(config: Arc<Config>) -> Watch {
    let watch = tokio::task::spawn_blocking(move || Watch::of_now(watched(&config)));
    watch.await.unwrap_or_default()
}

fn watched(config: &Config) -> Vec<PathBuf> {
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
    let mut files = files(path, config).await;
    let has_store = config.store.url.is_some();
    let written = WrittenTools::new(files.tools);
    let judged = stream::iter(written.all().cloned()).map(|tool| async move {
        match exposed.filter(|exposed| exposed.catalog().is_some()) {
            Some(exposed) if tool.tool.database.is_none() => {
                match exposed.ready(&tool, bounds).await {
                    Ok(_) => Vec::new(),
                    Err(Unready::Faults(faults)) => faults.to_vec(),
                    Err(Unready::Failed(failure)) => vec![undescribed(&tool.tool, &failure)],
                }
            }
            _ => elsewhere(&tool, has_store),
        }
    });
    let faults: Vec<Vec<tools::Fault>> = judged.buffered(AT_ONCE).collect().await;
    files.faults.extend(faults.into_iter().flatten());
    // Files are read in the order of their names.
    files.faults.sort_by_key(|fault| {
        let place = &fault.place;
        (Arc::clone(&place.file), place.line, place.column)
    });
    let told = files.faults.iter().map(told);
    Faults::none_or(files.unreadable.into_iter().chain(told).collect())?;
    if written.is_empty() {
        warn!("MCP_TOOLS_FILE holds no tool: none is served");
    }
    Ok(written)
}

/// What is said of files that hold no tool: one that was emptied is sound, and most likely not meant.
fn no_tools() -> Advice {
    Advice::new(
        "MCP_TOOLS_FILE holds no tool: none is served",
        "write a [[tool]], or take the variable out",
    )
}

/// What the files of a configuration hold, and what its own limits say of it.
async fn files(path: PathBuf, config: &Config) -> Files {
    let reading = tokio::task::spawn_blocking(move || from_files(&path)).await;
    let mut files = reading.unwrap_or_default();
    let most = config.limits.query_timeout;
    let long = files.tools.iter();
    let long = long.filter(|tool| tool.timeout.is_some_and(|own| own > most));
    files.faults.extend(long.map(|tool| tools::Fault {
        place: tool.place.clone(),
        tool: Some(tool.name.clone()),
        message: format!(
            "timeout is longer than MCP_QUERY_TIMEOUT, {} s",
            most.as_secs()
        ),
        help: format!("write timeout = {} or less, or raise that", most.as_secs()),
    }));
    files
}

/// Tells the operator which tools answer with other columns than before.
pub(super) async fn tell_of_columns(
    before: &WrittenTools,
    after: &WrittenTools,
    exposed: &Exposed,
    bounds: Bounds,
) {
    for now in after.all() {
        let mut known = before.all();
        let Some(then) = known.find(|then| then.tool.name == now.tool.name) else {
            continue;
        };
        let (Ok(then), Ok(now_ready)) = (
            exposed.ready(then, bounds).await,
            exposed.ready(now, bounds).await,
        ) else {
            continue;
        };
        if then.columns != now_ready.columns {
            let names = |columns: &[(String, FieldType)]| {
                let told = columns.iter();
                let told: Vec<String> = told
                    .map(|(name, class)| format!("{name} {}", class.name()))
                    .collect();
                told.join(", ")
            };
            let (tool, was, is) = (
                &now.tool.name,
                names(&then.columns),
                names(&now_ready.columns),
            );
            info!(%tool, "reload: its columns are {is}; they were {was}");
        }
    }
}

fn undescribed(tool: &Tool, failure: &Failure) -> tools::Fault {
    tools::Fault {
        place: tool.place.clone(),
        tool: Some(tool.name.clone()),
        message: format!("the database did not describe it: {}", failure.told()),
        help: "try again when the database answers".to_owned(),
    }
}

/// What is wrong with a tool whose database has not told what there is.
fn elsewhere(tool: &Written, has_store: bool) -> Vec<tools::Fault> {
    let own = &tool.tool;
    if own.database.is_some() && !has_store {
        return vec![tools::Fault {
            place: own.place.clone(),
            tool: Some(own.name.clone()),
            message: "database names one of a store".to_owned(),
            help: "take it out, or set MCP_STORE".to_owned(),
        }];
    }
    tool.faults()
}

fn told(fault: &tools::Fault) -> Advice {
    let tool = fault.tool.as_ref();
    let of = tool.map_or_else(String::new, |tool| format!("tool {tool}: "));
    Advice::about(
        fault.place.to_string(),
        format!("{of}{}", fault.message),
        fault.help.clone(),
    )
}

/// What files of tools hold.
#[derive(Debug, Default)]
struct Files {
    /// The tools of which nothing is wrong but perhaps their SQL.
    tools: Vec<Tool>,
    /// Every fault of the others.
    faults: Vec<tools::Fault>,
    /// Files and folders that cannot be read.
    unreadable: Vec<Advice>,
}

/// What a file holds, or all files of a folder in the order of their names.
fn from_files(path: &Path) -> Files {
    let unreadable = |path: &Path, error: &std::io::Error| {
        Advice::about(
            "MCP_TOOLS_FILE",
            format!("{} cannot be read: {error}", path.display()),
            "name a file of tools, or a folder of such, that the service may read",
        )
    };
    let mut files = Files::default();
    let paths = match path.is_dir() {
        true => within(path).unwrap_or_else(|error| {
            files.unreadable.push(unreadable(path, &error));
            Vec::new()
        }),
        false => vec![path.to_owned()],
    };
    for path in paths {
        let read = config::read_file(&path, config::LONGEST);
        let text = read.and_then(|bytes| {
            String::from_utf8(bytes).map_err(|_| std::io::Error::other("it is not UTF-8"))
        });
        let text = match text {
            Ok(text) => text,
            Err(error) => {
                files.unreadable.push(unreadable(&path, &error));
                continue;
            }
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let held = file::read(&name, &text);
        files.tools.extend(held.tools);
        files.faults.extend(held.faults);
    }
    files.faults.extend(file::doubled(files.tools.iter()));
    if let Some(tool) = files.tools.get(MAX_TOOLS) {
        files.faults.push(tools::Fault {
            place: tool.place.clone(),
            tool: None,
            message: format!("there are {} tools", files.tools.len()),
            help: format!("{MAX_TOOLS} at the most"),
        });
    }
    files
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
