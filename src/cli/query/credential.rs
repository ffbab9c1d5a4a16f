//! The token a client shows, where it comes from, and what may be wrong with it.

use hyper::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::cli::failure::Failure;

/// A token and the place a user finds it in.
pub(crate) struct Token {
    value: SecretString,
    origin: String,
}

impl Token {
    /// A token as it was found at `origin`, a name such as `--token` or `MCP_TOKEN`.
    pub(crate) fn new(value: SecretString, origin: impl Into<String>) -> Self {
        Self {
            value,
            origin: origin.into(),
        }
    }

    /// The place that it was found in.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The token as a header, which its log and debug forms leave out.
    ///
    /// # Errors
    /// When it holds what no header can, such as a line break.
    pub(crate) fn header(&self) -> Result<HeaderValue, Failure> {
        let mut header =
            HeaderValue::from_str(self.value.expose_secret()).map_err(|_| refused(Some(self)))?;
        header.set_sensitive(true);
        Ok(header)
    }

    /// The likeliest fault, in words that follow "yours"; never the token itself.
    fn fault(&self) -> Option<&'static str> {
        let token = self.value.expose_secret();
        let quoted =
            |quote: char| token.len() > 1 && token.starts_with(quote) && token.ends_with(quote);
        let bearer = token
            .get(..6)
            .is_some_and(|start| start.eq_ignore_ascii_case("bearer"));
        let assigned = token.starts_with("MCP_TOKEN=");
        [
            (token.is_empty(), "is empty"),
            (token.ends_with(['\n', '\r']), "ends in a line break"),
            (token.contains(['\n', '\r']), "holds a line break"),
            (quoted('"') || quoted('\''), "stands in quotes"),
            (assigned, "has \"MCP_TOKEN=\" in front"),
            (
                bearer && token[6..].starts_with([' ', ':']),
                "has \"Bearer \" in front",
            ),
            (
                token.starts_with(char::is_whitespace),
                "begins with a space",
            ),
            (token.ends_with(char::is_whitespace), "ends in a space"),
            (token.contains(char::is_whitespace), "has a space in it"),
            (token.contains(','), "is a list; give one of them"),
            (
                token.chars().any(char::is_control),
                "holds a control character",
            ),
            (!token.is_ascii(), "holds a character that is not ASCII"),
            (
                ["your-secret-token-here", "changeme"].contains(&token),
                "is a placeholder",
            ),
            (token.len() < 16, "is short for a token: was it cut?"),
        ]
        .into_iter()
        .find_map(|(found, words)| found.then_some(words))
    }
}

/// What to tell when the service does not take the token, judged without it.
pub(crate) fn refused(token: Option<&Token>) -> Failure {
    const COMPARES: &str = "it compares with MCP_TOKEN of the service";
    let Some(token) = token else {
        return Failure::unable("the service wants a token and none was sent")
            .help("set MCP_TOKEN to that of the service, or give --token");
    };
    Failure::unable("the service refused the token").help(match token.fault() {
        Some(fault) => format!("{COMPARES}; yours ({}) {fault}", token.origin),
        None => format!(
            "unknown, expired or revoked: ask whoever gave it to you ({})",
            token.origin
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_named_without_the_token() {
        for (token, words) in [
            ("", "is empty"),
            ("s3cr3t-s3cr3t-s3cr3t\n", "ends in a line break"),
            ("s3cr3t-s3cr3t\ns3cr3t", "holds a line break"),
            ("\"s3cr3t-s3cr3t-s3cr3t\"", "stands in quotes"),
            ("'s3cr3t-s3cr3t-s3cr3t'", "stands in quotes"),
            ("Bearer s3cr3t-s3cr3t-s3cr3t", "\"Bearer \" in front"),
            ("MCP_TOKEN=s3cr3t-s3cr3t-s3cr3t", "\"MCP_TOKEN=\" in front"),
            (" s3cr3t-s3cr3t-s3cr3t", "begins with a space"),
            ("s3cr3t-s3cr3t-s3cr3t ", "ends in a space"),
            ("s3cr3t s3cr3t s3cr3t", "has a space in it"),
            ("s3cr3t-s3cr3t,s3cr3t-s3cr3t", "is a list"),
            ("s3cr3t-s3cr3t-s3cr3té", "not ASCII"),
            ("changeme", "is a placeholder"),
            ("s3cr3t", "was it cut?"),
            ("s3cr3t-s3cr3t-s3cr3t", "unknown, expired or revoked"),
        ] {
            let told = refused(Some(&Token::new(token.into(), "MCP_TOKEN"))).to_string();
            assert!(told.starts_with("error: the service refused the token\nhelp: "));
            assert!(told.contains(words), "{told}");
            assert!(!told.contains("s3cr3t"), "{told}");
        }
        assert!(refused(None).to_string().contains("none was sent"));
    }

    #[test]
    fn a_token_that_no_header_holds_is_judged_before_it_is_sent() {
        let token = Token::new("s3cr3t-s3cr3t-s3cr3t\n".into(), "MCP_TOKEN");
        assert_eq!(token.header().unwrap_err(), refused(Some(&token)));
    }
}
