//! `lucarne token`: a new secret that a service and its clients can share, and the tokens of
//! tenants.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;

use super::failure::Failure;
use super::operator;
use super::output;

/// Examples of the command, shown in its help and run by a test.
pub(super) const EXAMPLES: &str = "\
Examples:
  lucarne token
  echo \"MCP_TOKEN=$(lucarne token)\" >> .env
  lucarne token create reports --tenant acme --expires 30d
  lucarne token list";

/// What to do with tokens; without it a new one is printed.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    task: Option<operator::token::Task>,
}

/// A new token of 43 URL-safe characters: 32 bytes of the system's randomness.
///
/// # Errors
/// When the system has no randomness to give.
pub(crate) fn new_token() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::unable(format!("the system gives no random bytes: {error}")))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Prints a new token, or does what was asked with those of tenants.
pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.task {
        Some(task) => operator::token::run(task),
        None => output::data(&new_token()?),
    }
}

#[cfg(test)]
mod tests {
    use super::new_token;

    #[test]
    fn a_token_is_43_url_safe_characters_and_new() {
        let token = new_token().unwrap();
        assert_eq!(token.len(), 43);
        assert!(
            token
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
        assert_ne!(token, new_token().unwrap());
    }
}
