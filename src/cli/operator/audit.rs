//! `lucarne audit verify`: whether the lines of an audit are all there, and as they were written.

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

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

/// How often, and after how long, a file is looked at that somebody writes to.
const LOOKS: (u32, Duration) = (100, Duration::from_millis(10));

/// How long a file is between two lines: a service may be writing to it. What is no file has no
/// length.
fn length(file: &File) -> io::Result<u64> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Ok(u64::MAX);
    }
    for _ in 0..LOOKS.0 {
        if file.try_lock_shared().is_ok() {
            let length = file.metadata().map(|found| found.len());
            file.unlock()?;
            return length;
        }
        sleep(LOOKS.1);
    }
    Ok(found.len())
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
        let length = length(&file).map_err(unreadable)?;
        match verifier.read(BufReader::new(file.take(length))) {
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
