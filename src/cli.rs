//! The command line: what can be typed, and which command answers it.
//!
//! Each command has a file of its own below; they write by `output` and end with an [`Exit`] or
//! a [`Failure`], and only here is either turned into what a shell sees.

mod check;
mod control;
mod demo;
mod exit;
mod exposed;
mod failure;
mod logging;
mod manual;
mod operator;
mod output;
mod query;
mod reference;
mod reload;
mod serve;
mod snippet;
mod stdio;
mod summary;
mod table;
mod text;
mod token;
mod tool;
mod usage;

use std::ffi::OsString;
use std::sync::LazyLock;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use exit::Exit;
pub use failure::Failure;

use operator::{access, audit, database, scopes, store, tenant};
use query::health;

/// Examples of the command as a whole, shown in its help and run by a test.
const EXAMPLES: &str = "\
Examples:
  lucarne demo
  lucarne query list users
  lucarne config vscode
  lucarne help query";

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let commit = option_env!("LUCARNE_COMMIT")
        .map(|commit| format!("{commit}; "))
        .unwrap_or_default();
    format!(
        "{} ({commit}sqlite, postgresql, mysql, mariadb)",
        env!("CARGO_PKG_VERSION")
    )
});

static AFTER_HELP: LazyLock<String> =
    LazyLock::new(|| format!("{EXAMPLES}\n\nExit codes:\n{}", Exit::table()));

static AFTER_LONG_HELP: LazyLock<String> =
    LazyLock::new(|| format!("{}\n\n{}", *AFTER_HELP, reference::variables()));

static SERVE_LONG_HELP: LazyLock<String> =
    LazyLock::new(|| format!("{}\n\n{}", serve::EXAMPLES, reference::variables()));

/// A read-only window onto a database, for coding agents and scripts.
#[derive(Debug, Parser)]
#[command(
    name = "lucarne",
    version = VERSION.as_str(),
    max_term_width = 80,
    after_help = AFTER_HELP.as_str(),
    after_long_help = AFTER_LONG_HELP.as_str(),
)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the database; what lucarne does without a command
    #[command(after_help = serve::EXAMPLES, after_long_help = SERVE_LONG_HELP.as_str())]
    Serve,
    /// Serve a sample database, to try it
    #[command(after_help = demo::EXAMPLES)]
    Demo(demo::Arguments),
    /// Tell what is exposed, what is hidden and why, and what is weak
    #[command(after_help = check::EXAMPLES)]
    Check(check::Arguments),
    /// Tell what the running service exposes now
    #[command(after_help = exposed::EXAMPLES)]
    Exposed(exposed::Arguments),
    /// Have the running service reload its settings
    #[command(after_help = reload::EXAMPLES)]
    Reload,
    /// Ask the service: one message, or a prompt without one
    #[command(after_help = query::EXAMPLES)]
    Query(query::Arguments),
    /// Speak MCP on standard input and output
    #[command(after_help = stdio::EXAMPLES)]
    Stdio,
    /// Print a new token, or keep those of tenants
    #[command(after_help = token::EXAMPLES)]
    Token(token::Arguments),
    /// Keep tenants: who has tokens, databases and rows of their own
    #[command(after_help = tenant::EXAMPLES)]
    Tenant(tenant::Arguments),
    /// Keep the databases of tenants
    #[command(after_help = database::EXAMPLES)]
    Database(database::Arguments),
    /// Back the store up, or put a backup back
    #[command(after_help = store::EXAMPLES)]
    Store(store::Arguments),
    /// List what a token can be allowed
    #[command(after_help = scopes::EXAMPLES)]
    Scopes(scopes::Arguments),
    /// Tell what a token may do and see, and which rule says so
    #[command(after_help = access::EXAMPLES)]
    Access(access::Arguments),
    /// Tell of the tools that you wrote, and try them
    #[command(after_help = tool::EXAMPLES)]
    Tool(tool::Arguments),
    /// Print a configuration for an agent's client
    #[command(after_help = snippet::EXAMPLES)]
    Config(snippet::Arguments),
    /// Ask whether the service is alive
    #[command(after_help = health::EXAMPLES)]
    Health(health::Arguments),
    /// Look into the audit that MCP_AUDIT_FILE asks for
    #[command(after_help = audit::EXAMPLES)]
    Audit(audit::Arguments),
    /// Print completions for a shell
    #[command(after_help = manual::COMPLETION_EXAMPLES)]
    Completions {
        /// The shell to complete in
        shell: manual::CompletingShell,
    },
    /// Print the manual page
    #[command(after_help = manual::MAN_EXAMPLES)]
    Man,
}

/// Runs the command that the arguments name, and tells how it ended.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let outcome = parse(&arguments).and_then(|line| {
        line.map_or(Ok(Exit::Success), |line| {
            dispatch(line.command.unwrap_or(Command::Serve))
        })
    });
    outcome.unwrap_or_else(|failure| {
        if failure != Failure::ReaderGone {
            output::words(&failure);
        }
        failure.exit()
    })
}

/// The command line as it was meant; none when it asked for help or the version, and got it.
fn parse(arguments: &[OsString]) -> Result<Option<CommandLine>, Failure> {
    let parsed = definition()
        .try_get_matches_from(arguments)
        .and_then(|matches| CommandLine::from_arg_matches(&matches));
    match parsed {
        Ok(line) => Ok(Some(line)),
        Err(error) if error.use_stderr() => {
            let typed: Vec<String> = arguments
                .iter()
                .map(|argument| argument.to_string_lossy().into_owned())
                .collect();
            Err(usage::failure(&error, &definition(), &typed))
        }
        Err(error) => {
            // A reader that has gone is no concern of help.
            let _ = error.print();
            Ok(None)
        }
    }
}

fn dispatch(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Serve => serve::run(),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Check(arguments) => return check::run(&arguments),
        Command::Exposed(arguments) => exposed::run(&arguments),
        Command::Reload => reload::run(),
        Command::Query(arguments) => return query::run(&arguments),
        Command::Stdio => stdio::run(),
        Command::Token(arguments) => token::run(arguments),
        Command::Tenant(arguments) => tenant::run(arguments),
        Command::Database(arguments) => return database::run(arguments),
        Command::Store(arguments) => store::run(arguments),
        Command::Scopes(arguments) => scopes::run(&arguments),
        Command::Access(arguments) => access::run(arguments),
        Command::Tool(arguments) => return tool::run(arguments),
        Command::Config(arguments) => snippet::run(&arguments),
        Command::Audit(arguments) => return audit::run(&arguments),
        Command::Health(arguments) => health::run(&arguments),
        Command::Completions { shell } => manual::completions(shell, definition()),
        Command::Man => manual::page(definition()),
    }
    .map(|()| Exit::Success)
}

/// The definition that parsing, help, completions and the manual are made from.
fn definition() -> clap::Command {
    CommandLine::command()
}
