//! `lucarne check`: what is exposed, what is hidden and why, and what is weak.
//!
//! It looks at the database even while MCP is switched off, so that an operator can check before
//! opening.

mod baseline;
mod report;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::exit::Exit;
use super::failure::Failure;
use super::table::columns;
use super::{operator, output, serve};
use crate::app::{self, OpenService, Tries, Workbench};
use crate::config::{self, Config};
use crate::observe::Metrics;
use report::Report;

/// Examples of the command, shown in its help and run by a test.
pub(super) const EXAMPLES: &str = "\
Examples:
  lucarne check
  lucarne check --strict --json
  lucarne check --json > kept.json && lucarne check --baseline kept.json";

/// How to judge, and how to show it.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// End with exit code 1 when there are warnings
    #[arg(long)]
    strict: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Tell what is exposed and was not in this earlier --json; exit code 1 where there is any
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Print SQL for a role that reads what is served and nothing else; it is not run
    #[arg(long, conflicts_with_all = ["strict", "json", "baseline"])]
    setup_sql: bool,
}

/// Reads configuration and catalog, and judges them.
pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut config = config::load_here()?;
    let enabled = std::mem::replace(&mut config.service.enabled, true);
    // A look is no start: nothing of it is recorded.
    config.audit.target = None;
    let (opened, weaknesses, tools) = serve::runtime()?.block_on(async {
        let opened = app::open(&config, Arc::new(Metrics::default())).await?;
        let weaknesses = opened.weaknesses().await;
        let tools = Workbench::new(&opened, &config).await?;
        let tools = tools.told(Tries::All).await;
        Ok::<_, Failure>((opened, weaknesses, tools))
    })?;
    if let Some(fault) = opened.absent {
        return Err(fault.into());
    }
    if opened.waiting {
        return Err(silent(&config));
    }
    if arguments.setup_sql {
        output::data(&setup_sql(&config, &opened)?)?;
        return Ok(Exit::Success);
    }
    let mut report = Report::new(&config, enabled, &opened, weaknesses);
    report.add_tools(tools);
    if config.store.url.is_some() {
        report.add_rules(operator::contents().ok().as_ref());
    }
    if let Some(file) = &arguments.baseline {
        report.since = Some(baseline::compare(file, &report.json())?);
    }
    if arguments.json {
        output::data(&report.json())?;
    } else {
        output::data(&report.text(columns()))?;
    }
    let weak = arguments.strict && report.is_weak();
    let wider = report
        .since
        .as_ref()
        .is_some_and(|since| !since.exposed.is_empty());
    Ok(if weak || wider {
        Exit::Bad
    } else {
        Exit::Success
    })
}

/// A database that does not answer: nothing could be checked, which is no success.
pub(super) fn silent(config: &Config) -> Failure {
    let place = config.data.database.as_ref().map(ToString::to_string);
    let place = place.unwrap_or_else(|| "the database".to_owned());
    Failure::unable(format!(
        "DATABASE_URL: nothing answers: {place} could not be checked"
    ))
    .help("start it, and check again; lucarne serve would wait for it")
}

fn setup_sql(config: &Config, opened: &OpenService) -> Result<String, Failure> {
    opened
        .setup_sql()
        .ok_or_else(|| match &config.data.database {
            Some(url) => Failure::unable(format!("--setup-sql: {} has no roles", url.engine()))
                .help("let the service run as a user of the system who may read the file alone"),
            None => Failure::unable("--setup-sql: no database is named").help("set DATABASE_URL"),
        })
}
