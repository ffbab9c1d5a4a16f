//! Tools and their examples as they are printed.

use serde::Serialize;

use crate::app::{ToldTool, TriedExample};
use crate::cli::table::{Cell, Table, columns};
use crate::cli::text::{counted, visible};

/// The tools, a line each.
pub(super) fn list(tools: &[ToldTool]) -> Table {
    let rows = tools.iter().map(|tool| {
        let lists = [&tool.parameters, &tool.columns, &tool.models].map(|it| it.join(", "));
        let [parameters, columns, models] = &lists;
        [&tool.name, parameters, columns, models]
            .map(|text| Cell::text(visible(text)))
            .to_vec()
    });
    Table {
        headings: ["tool", "takes", "answers", "reads"]
            .map(str::to_owned)
            .to_vec(),
        rows: rows.collect(),
    }
}

/// One tool, whole.
pub(super) fn tool(tool: &ToldTool) -> String {
    let optional = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let members = [
        ("name", tool.name.clone()),
        ("title", tool.title.clone()),
        ("description", tool.description.clone()),
        ("stands in", tool.place.clone()),
        ("database", optional(tool.database.clone())),
        ("takes", tool.parameters.join(", ")),
        ("answers", tool.columns.join(", ")),
        ("reads", tool.fields.join(", ")),
        (
            "most rows",
            optional(tool.limit.map(|limit| limit.to_string())),
        ),
        (
            "scans",
            optional(tool.scan.map(|scan| counted(scan as usize, "row"))),
        ),
    ];
    let table = Table {
        headings: members.iter().map(|(name, _)| (*name).to_owned()).collect(),
        rows: Vec::new(),
    };
    let cells = members.map(|(_, text)| Cell::text(visible(&text)));
    let lines = tool
        .sql
        .lines()
        .map(|line| format!("  {}\n", visible(line)));
    format!("{}\n{}", table.record(&cells), lines.collect::<String>())
}

/// An example with the tool that it is of.
#[derive(Debug, Serialize)]
pub(super) struct OfTool<'t> {
    tool: &'t str,
    #[serde(flatten)]
    tried: &'t TriedExample,
}

/// The examples of all tools.
pub(super) fn tried(tools: &[ToldTool]) -> Vec<OfTool<'_>> {
    let all = tools.iter().flat_map(|tool| {
        let examples = tool.examples.iter();
        examples.map(|tried| OfTool {
            tool: &tool.name,
            tried,
        })
    });
    all.collect()
}

/// What became of the examples, and how many passed.
pub(super) fn tests(tools: &[ToldTool]) -> String {
    let all = tried(tools);
    let rows = all.iter().map(|of| {
        let outcome = match of.tried.misses.is_empty() {
            true => format!("passed in {} ms", of.tried.ms),
            false => format!("failed: {}", of.tried.misses.join("; ")),
        };
        [of.tool, &of.tried.place, &outcome]
            .map(|text| Cell::text(visible(text)))
            .to_vec()
    });
    let table = Table {
        headings: ["tool", "example", "outcome"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
    };
    let passed = all.iter().filter(|of| of.tried.misses.is_empty()).count();
    let count = counted(all.len(), "example");
    match all.is_empty() {
        true => "no examples: write [[tool.example]]\n".to_owned(),
        false => format!("{}\n{count}, {passed} passed\n", table.render(columns())),
    }
}
