//! `lucarne reload`: reads the settings again, and says what became of it.

use hyper::Method;
use serde::Deserialize;

use super::exit::Exit;
use super::failure::Failure;
use super::text::{counted, visible};
use super::{control, output};

/// Examples of the command, shown in its help and run by a test.
pub(super) const EXAMPLES: &str = "\
Examples:
  lucarne reload";

/// What becomes of a reload, as the service tells it.
#[derive(Debug, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
enum Outcome {
    Done(Report),
    Refused { faults: Vec<Trouble> },
    Waits,
}

#[derive(Debug, Deserialize)]
struct Report {
    changes: Vec<String>,
    restart: Vec<String>,
    warnings: Vec<String>,
    gone: Vec<String>,
    exposed: Vec<String>,
    models: usize,
}

#[derive(Debug, Deserialize)]
struct Trouble {
    what: String,
    help: String,
}

/// Asks the running service to read its settings again.
pub(super) fn run() -> Result<(), Failure> {
    match control::ask(Method::POST, "/reload")? {
        Outcome::Done(report) => output::data(&told(&report)),
        Outcome::Refused { faults } => Err(refused(&faults)),
        Outcome::Waits => Err(Failure::unable(
            "the reload waits for the database, which does not answer",
        )
        .help("what it takes away is in force, the rest follows by itself; look at the database")
        .exiting(Exit::Bad)),
    }
}

fn told(report: &Report) -> String {
    let marked = |mark: &'static str, lines: &[String]| -> Vec<String> {
        let lines = lines.iter();
        lines
            .map(|line| format!("{mark}{}", visible(line)))
            .collect()
    };
    let mut lines = marked("", &report.changes);
    lines.extend(marked("needs a restart: ", &report.restart));
    lines.extend(marked("no longer exposed: ", &report.gone));
    lines.extend(marked("exposed from now on: ", &report.exposed));
    lines.extend(marked("warning: ", &report.warnings));
    lines.push(match report.models {
        // The databases are those of tenants.
        0 => "reloaded".to_owned(),
        models => format!("reloaded: {}", counted(models, "model")),
    });
    lines.join("\n")
}

/// Every fault with its remedy, the first as the failure's own.
fn refused(faults: &[Trouble]) -> Failure {
    let lines = faults.iter().map(|fault| {
        let (what, help) = (visible(&fault.what), visible(&fault.help));
        format!("  {what}\n    {help}")
    });
    Failure::unable("the reload was refused, and nothing is changed")
        .excerpt(lines.collect::<Vec<_>>().join("\n"))
        .help("mend this and reload again; lucarne check tells the same without a reload")
}
