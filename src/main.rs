//! The `lucarne` command: maps what happened to an exit code, nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    lucarne::cli::run(std::env::args_os()).into()
}
