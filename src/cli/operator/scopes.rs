//! `lucarne scopes`: what a token can be allowed.

use clap::Args;

use crate::auth::Scope;
use crate::cli::failure::Failure;
use crate::cli::table::{Cell, Table};
use crate::cli::{operator, output};

/// Examples of the command, shown in its help and run by a test.
pub(crate) const EXAMPLES: &str = "\
Examples:
  lucarne scopes
  lucarne scopes --json";

/// How to list them.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Lists every scope with its meaning.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.json {
        let scopes = Scope::ALL
            .map(|scope| serde_json::json!({"name": scope.name(), "meaning": scope.meaning()}));
        return output::data(&operator::as_json(&scopes)?);
    }
    let rows = Scope::ALL.map(|scope| vec![Cell::text(scope.name()), Cell::text(scope.meaning())]);
    let table = Table {
        headings: ["scope", "allows"].map(str::to_owned).into(),
        rows: rows.into(),
    };
    output::data(&table.render(usize::MAX))
}
