//! `lucarne exposed`: what the running service exposes now.

use std::fmt::Write as _;

use clap::Args;
use hyper::Method;
use serde::Deserialize;
use serde_json::Value;

use super::failure::Failure;
use super::table::{Cell, Table, columns};
use super::text::{counted, visible};
use super::{control, output};

/// Examples of the command, shown in its help and run by a test.
pub(super) const EXAMPLES: &str = "\
Examples:
  lucarne exposed
  lucarne exposed --tenant acme --json";

/// Of which tenant, and in which form.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The databases of this tenant alone
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Print the service's answer as JSON
    #[arg(long)]
    json: bool,
}

/// What is exposed, as the service tells it.
#[derive(Debug, Deserialize)]
struct Exposure {
    data: Vec<Database>,
    reloads: u64,
    since: String,
}

#[derive(Debug, Deserialize)]
struct Database {
    name: Option<String>,
    tenant: Option<String>,
    place: String,
    fault: Option<String>,
    models: Vec<Model>,
    missing: Vec<Missing>,
}

#[derive(Debug, Deserialize)]
struct Model {
    name: String,
    rows: Vec<String>,
    fields: Vec<Field>,
    hidden: Vec<Hidden>,
}

#[derive(Debug, Deserialize)]
struct Field {
    name: String,
    #[serde(rename = "type")]
    of: String,
}

#[derive(Debug, Deserialize)]
struct Hidden {
    name: String,
    rule: String,
}

#[derive(Debug, Deserialize)]
struct Missing {
    name: String,
    reason: String,
}

/// Asks the running service what it exposes.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let path = match &arguments.tenant {
        Some(tenant) => format!("/exposed?tenant={}", encoded(tenant)),
        None => "/exposed".to_owned(),
    };
    let answer: Value = control::ask(Method::GET, &path)?;
    if arguments.json {
        return output::data(&answer.to_string());
    }
    let exposure: Exposure = serde_json::from_value(answer).map_err(|_| {
        Failure::unable("the service answers what this program does not understand")
            .help("are both of the same version? --json prints the answer as it is")
    })?;
    output::data(&text(&exposure, columns()))
}

/// A name as a part of a query: every byte that is no letter or digit by its number.
fn encoded(name: &str) -> String {
    let bytes = name.bytes();
    bytes.fold(String::new(), |mut text, byte| {
        match byte.is_ascii_alphanumeric() {
            true => text.push(char::from(byte)),
            // Writing to a String cannot fail.
            false => drop(write!(text, "%{byte:02X}")),
        }
        text
    })
}

fn text(exposure: &Exposure, columns: usize) -> String {
    let mut blocks: Vec<String> = exposure.data.iter().map(|it| of(it, columns)).collect();
    if blocks.is_empty() {
        blocks.push("nothing is exposed: there is no database\n".to_owned());
    }
    let by = match exposure.reloads {
        0 => "the start".to_owned(),
        reloads => format!("reload {reloads}"),
    };
    blocks.push(format!("since {by} at {}", exposure.since));
    blocks.join("\n")
}

fn of(database: &Database, columns: usize) -> String {
    let mut lines = String::new();
    let whose = match (&database.tenant, &database.name) {
        (Some(tenant), Some(name)) => format!("{tenant}/{name}, "),
        _ => String::new(),
    };
    let fields = database.models.iter().map(|it| it.fields.len()).sum();
    let hidden: usize = database.models.iter().map(|it| it.hidden.len()).sum();
    // Writing to a String cannot fail.
    let _ = writeln!(
        lines,
        "{}{}: {}, {} exposed, {hidden} hidden",
        visible(&whose),
        visible(&database.place),
        counted(database.models.len(), "model"),
        counted(fields, "field"),
    );
    if let Some(fault) = &database.fault {
        let _ = writeln!(lines, "nothing of it is exposed: {}", visible(fault));
    }
    for Missing { name, reason } in &database.missing {
        let _ = writeln!(
            lines,
            "{} is not served: {}",
            visible(name),
            visible(reason)
        );
    }
    for model in &database.models {
        let rules = match model.rows.is_empty() {
            true => "every row".to_owned(),
            false => model.rows.join(" and "),
        };
        let _ = writeln!(lines, "{}: {}", visible(&model.name), visible(&rules));
    }
    if !database.models.is_empty() {
        lines += &table(&database.models).render(columns);
    }
    lines
}

fn table(models: &[Model]) -> Table {
    let rows = models.iter().flat_map(|model| {
        let fields = model.fields.iter().map(|it| (&it.name, &*it.of, ""));
        let hidden = model.hidden.iter().map(|it| (&it.name, "", &*it.rule));
        fields.chain(hidden).map(|(field, of, rule)| {
            [&*model.name, field, of, rule]
                .map(|text| Cell::text(visible(text)))
                .to_vec()
        })
    });
    let headings = ["model", "field", "exposed as", "hidden by"];
    Table {
        headings: headings.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_more_than_a_part_of_the_query() {
        assert_eq!(encoded("a&b=ä"), "a%26b%3D%C3%A4");
    }
}
