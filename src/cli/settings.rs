//! What the client commands take from their surroundings: where the service is, and the token.
//!
//! They need a fraction of the configuration of the service, and must work where the rest of it
//! is missing or wrong; so they read these few variables themselves.

use std::collections::HashMap;
use std::path::Path;

use super::address::Service;
use super::credential::Token;
use super::failure::Failure;

const DOTENV: &str = ".env";
const DEFAULT_LISTEN: &str = "127.0.0.1:8000";

/// The variables that are set, in the environment or in `.env`, and which of the two.
#[derive(Default)]
pub(crate) struct Settings {
    environment: HashMap<String, String>,
    dotenv: HashMap<String, String>,
}

impl Settings {
    /// Reads the environment and the file `.env` of the folder the command runs in.
    pub(crate) fn load() -> Result<Self, Failure> {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Ok(Self {
            environment,
            dotenv: read_dotenv(Path::new(DOTENV))?,
        })
    }

    /// The address given by `--url`, else that of `MCP_LISTEN`.
    pub(crate) fn service(url: Option<&str>) -> Result<Service, Failure> {
        match url {
            Some(url) => Service::from_url(url),
            None => Self::load()?.listen(),
        }
    }

    /// The token given by `--token`, else the first of `MCP_TOKEN` or of `MCP_TOKEN_FILE`.
    pub(crate) fn token(given: Option<&str>) -> Result<Option<Token>, Failure> {
        match given {
            Some(token) => Ok(Some(Token::new(token.to_owned(), "--token"))),
            None => Self::load()?.shared_token(),
        }
    }

    fn listen(&self) -> Result<Service, Failure> {
        Service::from_listen(
            self.value("MCP_LISTEN")
                .map_or(DEFAULT_LISTEN, |(value, _)| value),
        )
    }

    fn shared_token(&self) -> Result<Option<Token>, Failure> {
        match (self.value("MCP_TOKEN"), self.value("MCP_TOKEN_FILE")) {
            (Some(_), Some(_)) => Err(Failure::unable("MCP_TOKEN and MCP_TOKEN_FILE are both set")
                .help("unset one of them")),
            (Some((value, origin)), None) => {
                Ok(Some(Token::new(first(value), format!("MCP_TOKEN{origin}"))))
            }
            (None, Some((path, origin))) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    Failure::unable(format!("MCP_TOKEN_FILE: {path} cannot be read: {error}"))
                })?;
                let text = text.strip_suffix('\n').unwrap_or(&text);
                Ok(Some(Token::new(
                    first(text),
                    format!("the file of MCP_TOKEN_FILE{origin}"),
                )))
            }
            (None, None) => Ok(None),
        }
    }

    /// A variable that is not empty, and where it was found: nothing for the environment.
    fn value(&self, name: &str) -> Option<(&str, &'static str)> {
        [(&self.environment, ""), (&self.dotenv, " in .env")]
            .into_iter()
            .filter_map(|(variables, origin)| Some((variables.get(name)?.as_str(), origin)))
            .find(|(value, _)| !value.is_empty())
    }
}

/// The first of several tokens; a single one exactly as it is.
fn first(tokens: &str) -> String {
    if !tokens.contains(',') {
        return tokens.to_owned();
    }
    let mut tokens = tokens
        .split(',')
        .map(str::trim)
        .filter(|token| !token.is_empty());
    tokens.next().unwrap_or_default().to_owned()
}

fn read_dotenv(path: &Path) -> Result<HashMap<String, String>, Failure> {
    let lines = match dotenvy::from_path_iter(path) {
        Ok(lines) => lines,
        Err(error) if error.not_found() => return Ok(HashMap::new()),
        Err(_) => return Err(Failure::unable(".env cannot be read")),
    };
    // The line itself is not repeated: it may hold a secret.
    lines.collect::<Result<_, _>>().map_err(|_| {
        Failure::unable(".env has a line that is not NAME=value")
            .help("put values with spaces in quotes")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(environment: &[(&str, &str)], dotenv: &[(&str, &str)]) -> Settings {
        let map = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        Settings {
            environment: map(environment),
            dotenv: map(dotenv),
        }
    }

    #[test]
    fn the_environment_comes_before_the_file_and_an_empty_value_is_none() {
        let both = settings(&[("MCP_LISTEN", "h:1")], &[("MCP_LISTEN", "h:2")]);
        assert_eq!(both.listen().unwrap().port, 1);
        let empty = settings(&[("MCP_LISTEN", "")], &[("MCP_LISTEN", "h:2")]);
        assert_eq!(empty.listen().unwrap().port, 2);
        assert_eq!(settings(&[], &[]).listen().unwrap().port, 8000);
    }

    #[test]
    fn the_first_token_of_a_list_is_shown() {
        for (tokens, expected) in [("a", "a"), ("a,b", "a"), (" , a , b", "a"), ("a\n", "a\n")] {
            assert_eq!(first(tokens), expected);
        }
    }

    #[test]
    fn both_forms_of_the_secret_are_a_fault() {
        let both = settings(&[("MCP_TOKEN", "a")], &[("MCP_TOKEN_FILE", "f")]);
        assert!(both.shared_token().is_err());
    }
}
