//! `lucarne audit verify`: whether the lines of an audit are all there, and as they were written.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::observe::{NotVerified, Verifier};

/// Examples of the command, shown in its help and run by a test.
pub(crate) const EXAMPLES: &str = "\
Examples:
  lucarne audit verify audit.jsonl";

/// What to do with an audit.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Tell whether a line is missing or was changed
    #[command(after_help = EXAMPLES)]
    Verify {
        /// The files that MCP_AUDIT_FILE names or named, the oldest first
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// Does what was asked.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let Task::Verify { files } = &arguments.task;
    let mut verifier = Verifier::default();
    for path in files {
        let shown = path.display();
        let unreadable = |error| {
            Failure::unable(format!("{shown} cannot be read: {error}"))
                .help("name the file of MCP_AUDIT_FILE, as a user who may read it")
        };
        let file = File::open(path).map_err(unreadable)?;
        match verifier.read(BufReader::new(file)) {
            Ok(()) => {}
            Err(NotVerified::Unreadable(error)) => return Err(unreadable(error)),
            Err(NotVerified::Broken(line, broken)) => {
                return Err(Failure::unable(format!("line {line} of {shown}: {broken}"))
                    .help("what stands before it is in order; nothing after it is sure")
                    .exiting(Exit::Bad));
            }
        }
    }
    let Some(last) = verifier.last() else {
        output::data("no lines")?;
        return Ok(Exit::Success);
    };
    output::data(&format!(
        "{} lines in order, {} to {}; the last is {}",
        verifier.lines, verifier.first, last.seq, last.hash
    ))?;
    if verifier.lost > 0 {
        output::data(&format!(
            "{} requests were not recorded, as the lines themselves tell",
            verifier.lost
        ))?;
    }
    Ok(Exit::Success)
}
