//! The tools that the operator wrote, as they are served.

use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{One, Trouble};
use super::desk::Desk;
use super::refusal::Refusal;
use super::route::Asked;
use crate::policy::Written;

/// The operator's tools.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Tools")]
pub(super) struct ToolsView {
    /// Those that are served, in the order of their files.
    tools: Vec<ToolView>,
    /// What is wrong with the files as they are now: while there is something, the tools of before
    /// are served.
    faults: Vec<Trouble>,
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
    /// How many examples stand beside it.
    examples: usize,
    /// File, line and column.
    place: String,
    /// Its SQL.
    sql: String,
}

pub(super) async fn list(desk: Desk, _: Asked) -> Result<One<ToolsView>, Refusal> {
    let mut tools = Vec::new();
    for written in desk.access().settings.tools.all() {
        tools.push(view(&desk, written).await);
    }
    let faults = desk.service().refused_tools();
    let faults = faults.iter().cloned().map(Trouble::from).collect();
    Ok(ToolsView { tools, faults }.into())
}

async fn view(desk: &Desk, written: &Written) -> ToolView {
    let (tool, own) = (&written.tool, &desk.access().shared);
    let ready = match written.place(&own.exposed) {
        Some(place) => place.ready(written, own.tool_bounds()).await.ok(),
        None => None,
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
        examples: tool.examples.len(),
        place: tool.place.to_string(),
        sql: tool.sql.sql.trim().to_owned(),
    }
}
