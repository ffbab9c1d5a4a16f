//! What is asked of the person at the terminal: a yes, or a secret.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use secrecy::SecretString;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::config;

/// Far above any URL.
const MAX_SECRET: u64 = 65_536;

/// Asks before what cannot be undone, unless `yes` was given.
pub(crate) fn confirm(what: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::unable(format!("{what}: not without a yes"))
            .help("give --yes where nobody can be asked"));
    }
    let mut stderr = io::stderr().lock();
    // What cannot be asked is not answered with yes.
    let _ = write!(stderr, "{what}? [y/N] ").and_then(|()| stderr.flush());
    let mut answer = String::new();
    let _ = io::stdin().read_line(&mut answer);
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::unable("nothing was changed").exiting(Exit::Bad)),
    }
}

/// A secret that was given as an argument, in a variable, at the terminal, or on standard input.
pub(crate) fn secret(
    what: &str,
    argument: Option<&str>,
    variable: Option<&str>,
) -> Result<SecretString, Failure> {
    let text = match (argument, variable) {
        (Some(text), _) => text.to_owned(),
        (None, Some(name)) => of_variable(name)?,
        (None, None) if io::stdin().is_terminal() => {
            rpassword::prompt_password(format!("{what} (it is not shown): "))
                .map_err(|error| Failure::unable(format!("the terminal cannot be read: {error}")))?
        }
        (None, None) => of_input(what)?,
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::unable(format!("{what}: nothing was given"))
            .help("type it when asked, pipe it in, or name its variable with --url-env"));
    }
    Ok(text.into())
}

fn of_variable(name: &str) -> Result<String, Failure> {
    let found = config::environment(Some(Path::new(".env")))?
        .into_iter()
        .find(|(known, value)| known == name && !value.is_empty());
    match found {
        Some((_, value)) => Ok(value),
        None => Err(
            Failure::unable(format!("--url-env: the variable {name} is not set"))
                .help("set it in the environment or in .env"),
        ),
    }
}

fn of_input(what: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let read = io::stdin().take(MAX_SECRET).read_to_string(&mut text);
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::unable(format!(
            "{what}: standard input cannot be read: {error}"
        ))),
    }
}
