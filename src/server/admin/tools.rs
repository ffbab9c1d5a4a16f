//! The tools that the operator wrote, as they are served.

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::answer::{List, One};
use super::desk::Desk;
use super::permits::TRANSPORT;
use super::refusal::Refusal;
use super::route::Asked;
use crate::advice::Advice;
use crate::policy::Written;
use crate::service::{Trial, Tried};
use crate::tools::Example;

/// Examples that one request tries, at the most.
const MOST_EXAMPLES: usize = 20;
/// How long after its beginning a request begins to try an example.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is said of the others.
const UNTRIED: &str = "not tried: lucarne tool test tries them all";

/// The operator's tools.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Tools")]
pub(super) struct ToolsView {
    /// Those that are served, in the order of their files.
    tools: Vec<ToolView>,
    /// What is wrong with the files as they are now: while there is something, the tools of before
    /// are served.
    faults: Vec<Advice>,
}

/// A tool.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Tool")]
struct ToolView {
    /// What it is called by.
    name: String,
    /// What people call it.
    title: String,
    /// What it is for.
    description: String,
    /// The database of tenants that it reads; null for the first of a caller.
    database: Option<String>,
    /// What it takes, each with its type.
    parameters: Vec<String>,
    /// What it answers, each column with its type, where the service's own database has told.
    columns: Vec<String>,
    /// The models that it reads there.
    models: Vec<String>,
    /// Its examples.
    examples: Vec<ExampleView>,
    /// File, line and column.
    place: String,
    /// Its SQL.
    sql: String,
}

/// A call whose outcome is known.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Example")]
struct ExampleView {
    /// What is given.
    params: Map<String, Value>,
    /// Who calls, where the example says so.
    caller: Option<String>,
    /// What is expected, in words.
    expected: Vec<String>,
    /// File, line and column.
    place: String,
}

/// An example that was tried.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TriedExample")]
pub(super) struct TriedView {
    /// File, line and column of the example.
    place: String,
    /// What came otherwise than it says; nothing where it came so.
    misses: Vec<String>,
    /// What it took, in milliseconds.
    ms: u64,
}

pub(super) async fn list(desk: Desk, _: Asked) -> Result<One<ToolsView>, Refusal> {
    let mut tools = Vec::new();
    for written in desk.access().settings.tools.all() {
        tools.push(view(&desk, written).await);
    }
    let faults = desk.service().refused_tools();
    let faults = faults.iter().cloned().collect();
    Ok(ToolsView { tools, faults }.into())
}

/// Tries the examples of a tool, which reads rows.
pub(super) async fn test(desk: Desk, asked: Asked) -> Result<List<TriedView>, Refusal> {
    desk.may_read()?;
    let access = desk.access();
    let mut all = access.settings.tools.all();
    let written = all.find(|written| written.tool.name == asked.part);
    let written = written.ok_or_else(|| {
        let hint = "GET /admin/api/tools lists them";
        Refusal::not_found(format!("there is no tool {:?}", asked.part), hint)
    })?;
    let by = (desk.address(), TRANSPORT);
    let trial = Trial::new(desk.service(), Some(&access.clients), by);
    let (begun, mut tried) = (Instant::now(), Vec::new());
    for example in &written.tool.examples {
        let may = tried.len() < MOST_EXAMPLES && begun.elapsed() < PATIENCE && desk.is_valid();
        let came = match may {
            true => trial.example(written, example).await,
            false => Tried {
                place: example.place.to_string(),
                misses: vec![UNTRIED.to_owned()],
                ms: 0,
            },
        };
        tried.push(TriedView {
            place: came.place,
            misses: came.misses,
            ms: came.ms,
        });
    }
    Ok(tried.into_iter().collect())
}

impl ExampleView {
    fn new(example: &Example) -> Self {
        Self {
            params: example.params.clone(),
            caller: example.caller.told(),
            expected: example.expected(),
            place: example.place.to_string(),
        }
    }
}

async fn view(desk: &Desk, written: &Written) -> ToolView {
    let (tool, own) = (&written.tool, &desk.access().shared);
    let ready = match written.place(&own.exposed) {
        Ok(place) => place.ready(written, own.tool_bounds()).await.ok(),
        Err(_) => None,
    };
    let columns = ready.iter().flat_map(|ready| &ready.columns);
    let columns = columns.map(|(name, class)| format!("{name} {}", class.name()));
    ToolView {
        name: tool.name.clone(),
        title: tool.title.clone(),
        description: tool.description.clone(),
        database: tool.database.clone(),
        parameters: tool.parameters.iter().map(ToString::to_string).collect(),
        columns: columns.collect(),
        models: ready.as_ref().map_or_else(Vec::new, |it| it.models.clone()),
        examples: tool.examples.iter().map(ExampleView::new).collect(),
        place: tool.place.to_string(),
        sql: tool.sql.sql.trim().to_owned(),
    }
}
