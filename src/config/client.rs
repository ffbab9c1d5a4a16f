//! The little that a client of the service reads: where the service listens, and the token.
//!
//! A client must work where the rest of the configuration is missing or wrong.

use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::SecretString;

use super::address;
use super::check::Check;
use super::fault::Faults;
use super::files::Wait;
use super::secrets::{self, Secret};
use super::variables;

/// The token that a client shows, exactly as it was found.
#[derive(Debug)]
pub(crate) struct SharedToken {
    /// The variable that held it, or named its file.
    pub variable: String,
    /// The token; of a list the first one.
    pub text: SecretString,
}

/// The address of `MCP_LISTEN`, or its default.
pub(crate) fn listen_address(vars: &[(String, String)]) -> Result<SocketAddr, Faults> {
    const NAME: &str = "MCP_LISTEN";
    let default = variables::find(NAME);
    let default = default.and_then(|variable| variable.default);
    let text = value(vars, NAME).or(default).unwrap_or_default();
    address::parse(text).map_err(|reason| Faults::one(reason.of(NAME)))
}

/// The file of `MCP_TLS_CERT`, by which the service at `MCP_LISTEN` proves itself.
pub(crate) fn certificate_file(vars: &[(String, String)]) -> Option<PathBuf> {
    value(vars, "MCP_TLS_CERT").map(PathBuf::from)
}

/// The token of `MCP_TOKEN` or of the file that `MCP_TOKEN_FILE` names, if either is set.
pub(crate) fn shared_token(vars: &[(String, String)]) -> Result<Option<SharedToken>, Faults> {
    const NAME: &str = "MCP_TOKEN";
    let typed = value(vars, NAME).map(str::to_owned);
    let file = value(vars, "MCP_TOKEN_FILE").map(PathBuf::from);
    let (mut check, mut needed) = (Check::default(), Check::default());
    let forms = (typed, file.as_ref());
    let secret = secrets::find(&mut check, &mut needed, NAME, forms, Wait::Endless);
    check.faults.extend(needed.faults);
    Faults::none_or(check.faults)?;
    Ok(match secret {
        Secret::Found { variable, text } => Some(SharedToken {
            variable,
            text: first(&text).into(),
        }),
        Secret::Missing | Secret::Faulty => None,
    })
}

/// The first value that is not empty: the environment's comes before that of the file.
pub(super) fn value<'a>(vars: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut values = vars.iter().filter(|var| var.0 == name).map(|var| &*var.1);
    values.find(|value| !value.is_empty())
}

/// The first of several tokens; a single one untouched, so that its faults can be told.
fn first(tokens: &str) -> &str {
    if !tokens.contains(',') {
        return tokens;
    }
    let mut tokens = tokens.split(',').map(str::trim);
    tokens.find(|token| !token.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |pair: &(&str, &str)| (pair.0.to_owned(), pair.1.to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn nothing_else_needs_to_be_right() {
        let vars = vars(&[
            ("MCP_ENABLED", "perhaps"),
            ("MCP_LISTEN", ""),
            ("MCP_LISTEN", "9000"),
            ("MCP_LISTEN", "9001"),
        ]);
        assert_eq!(listen_address(&vars).unwrap().to_string(), "127.0.0.1:9000");
        assert!(shared_token(&vars).unwrap().is_none());
        assert_eq!(listen_address(&[]).unwrap().to_string(), "127.0.0.1:8000");
    }

    #[test]
    fn what_is_wrong_is_told_as_the_service_does() {
        let fault = listen_address(&vars(&[("MCP_LISTEN", "here")])).unwrap_err();
        assert!(fault.to_string().starts_with("error: MCP_LISTEN: "));
        let both = vars(&[("MCP_TOKEN", "s3same"), ("MCP_TOKEN_FILE", "f")]);
        let fault = shared_token(&both).unwrap_err().to_string();
        assert!(fault.starts_with("error: MCP_TOKEN_FILE: ") && !fault.contains("s3same"));
        assert!(shared_token(&vars(&[("MCP_TOKEN_FILE", "no-such-file")])).is_err());
    }

    #[test]
    fn the_first_token_of_a_list_is_shown() {
        for (tokens, expected) in [("a", "a"), ("a,b", "a"), (" , a , b", "a"), ("a\n", "a\n")] {
            let token = shared_token(&vars(&[("MCP_TOKEN", tokens)])).unwrap();
            assert_eq!(token.unwrap().text.expose_secret(), expected);
        }
    }
}
