//! A command line that is not understood, told like any other failure.

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::failure::Failure;
use crate::suggest::nearest;

/// What to tell about arguments that do not fit the definition, with the nearest name that does.
pub(super) fn failure(error: &clap::Error, definition: &Command, arguments: &[String]) -> Failure {
    let (command, path) = deepest(definition, arguments);
    let said = error.to_string();
    let cause = said.split("\n\n").next().unwrap_or_default();
    let cause = cause.split_whitespace().collect::<Vec<_>>().join(" ");
    let help = match meant(error, command) {
        Some(name) => format!("did you mean \"{name}\"?"),
        None if error.kind() == ErrorKind::InvalidSubcommand => {
            format!("{path} --help lists the commands")
        }
        None => format!("{path} --help shows what it takes"),
    };
    Failure::unable(cause.trim_start_matches("error: ")).help(help)
}

/// The command that the arguments lead to, and what is typed to get there.
fn deepest<'a>(definition: &'a Command, arguments: &[String]) -> (&'a Command, String) {
    let mut command = definition;
    let mut path = definition.get_name().to_owned();
    for argument in arguments.iter().skip(1) {
        if let Some(found) = command.find_subcommand(argument) {
            command = found;
            path = format!("{path} {argument}");
        }
    }
    (command, path)
}

fn meant(error: &clap::Error, command: &Command) -> Option<String> {
    let typed = |kind| match error.get(kind)? {
        ContextValue::String(text) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let names = command.get_subcommands().map(Command::get_name);
            nearest(typed(ContextKind::InvalidSubcommand)?, names).map(str::to_owned)
        }
        ErrorKind::UnknownArgument => {
            let typed = typed(ContextKind::InvalidArg)?.strip_prefix("--")?;
            let names = command
                .get_arguments()
                .filter_map(|argument| argument.get_long());
            nearest(typed, names.chain(["help"])).map(|name| format!("--{name}"))
        }
        ErrorKind::InvalidValue => match error.get(ContextKind::ValidValue)? {
            ContextValue::Strings(values) => nearest(
                typed(ContextKind::InvalidValue)?,
                values.iter().map(String::as_str),
            )
            .map(str::to_owned),
            _ => None,
        },
        _ => None,
    }
}
