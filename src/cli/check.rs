//! `lucarne check`: what is exposed, what is hidden and why, and what is weak.

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::exit::Exit;
use super::failure::Failure;
use super::table::{Cell, Table};
use super::text::visible;
use super::{output, serve};
use crate::catalog::Field;
use crate::config::{self, Config};
use crate::observe::Metrics;
use crate::service::{self, Opened};

/// Examples of the command, shown in its help and run by a test.
pub(super) const EXAMPLES: &str = "\
Examples:
  lucarne check
  lucarne check --strict --json";

/// How to judge, and how to show it.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// End with exit code 1 when there are warnings
    #[arg(long)]
    strict: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// All that is found.
#[derive(Debug, Serialize)]
struct Report {
    database: Option<String>,
    models: usize,
    exposed: usize,
    hidden: usize,
    fields: Vec<Line>,
    warnings: Vec<Weak>,
}

/// One field.
#[derive(Debug, Serialize)]
struct Line {
    model: String,
    field: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    field_type: Option<&'static str>,
    exposed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
}

/// One weakness.
#[derive(Debug, Serialize)]
struct Weak {
    what: String,
    help: String,
}

/// Reads configuration and catalog, and judges them.
pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let config = config::load(config::environment(Some(Path::new(".env")))?)?;
    let opened = serve::runtime()?
        .block_on(service::open(&config, Arc::new(Metrics::default())))
        .map_err(Failure::from)?;
    let report = report(&config, &opened);
    if arguments.json {
        output::data(&serde_json::to_string(&report).unwrap_or_default())?;
    } else {
        show(&report)?;
    }
    let weak = arguments.strict && !report.warnings.is_empty();
    Ok(if weak { Exit::Bad } else { Exit::Success })
}

fn report(config: &Config, opened: &Opened) -> Report {
    let policy = opened.service.policy();
    let models = policy
        .catalog()
        .map(|catalog| catalog.models())
        .unwrap_or_default();
    let mut fields = Vec::new();
    for model in models {
        fields.extend(model.fields().iter().map(|field| line(model.name(), field)));
        let hidden = opened
            .hidden
            .iter()
            .filter(|hidden| hidden.model == model.name());
        fields.extend(hidden.map(|hidden| Line {
            model: hidden.model.clone(),
            field: hidden.field.clone(),
            field_type: None,
            exposed: false,
            rule: Some(hidden.rule.clone()),
        }));
    }
    let mut warnings: Vec<Weak> = config
        .warnings
        .iter()
        .map(|warning| Weak {
            what: format!("{}: {}", warning.variable, warning.message),
            help: warning.help.clone(),
        })
        .collect();
    warnings.extend(opened.missing.iter().map(|missing| Weak {
        what: format!(
            "MCP_ALLOWED_MODELS: {} is not served: {}",
            missing.name, missing.reason
        ),
        help: "mend the name, or take it out".to_owned(),
    }));
    if opened.waiting {
        warnings.push(Weak {
            what: "the database does not answer, so nothing of it could be checked".to_owned(),
            help: "start it, and check again".to_owned(),
        });
    }
    if !config.enabled {
        warnings.push(Weak {
            what: "MCP is switched off, so the database was not looked at".to_owned(),
            help: "set MCP_ENABLED=true".to_owned(),
        });
    }
    let hidden = fields.iter().filter(|line| !line.exposed).count();
    Report {
        database: config.database.as_ref().map(ToString::to_string),
        models: models.len(),
        exposed: fields.len() - hidden,
        hidden,
        fields,
        warnings,
    }
}

fn line(model: &str, field: &Field) -> Line {
    Line {
        model: model.to_owned(),
        field: field.name().to_owned(),
        field_type: Some(field.field_type().name()),
        exposed: true,
        rule: None,
    }
}

/// The table, the count, and the weaknesses, for people.
fn show(report: &Report) -> Result<(), Failure> {
    let rows = report.fields.iter().map(|line| {
        let state = match (&line.rule, line.field_type) {
            (Some(rule), _) => format!("hidden, {rule}"),
            (None, field_type) => field_type.unwrap_or_default().to_owned(),
        };
        [&line.model, &line.field, &state]
            .map(|text| Cell::text(visible(text)))
            .into()
    });
    let table = Table {
        headings: ["model", "field", "exposed as"].map(str::to_owned).into(),
        rows: rows.collect(),
    };
    if !table.rows.is_empty() {
        output::data(&table.render(usize::MAX))?;
    }
    let place = report.database.as_deref().unwrap_or("no database");
    output::data(&format!(
        "{place}: {} models, {} fields exposed, {} hidden",
        report.models, report.exposed, report.hidden
    ))?;
    for warning in &report.warnings {
        output::data(&format!(
            "warning: {}\nhelp: {}",
            warning.what, warning.help
        ))?;
    }
    Ok(())
}
