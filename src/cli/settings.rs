//! What the client commands take from their surroundings: where the service is, and the token.

use std::path::Path;

use super::address::Service;
use super::credential::Token;
use super::failure::Failure;
use crate::config;

/// The service at `--url`, else the one at `MCP_LISTEN` with the certificate of `MCP_TLS_CERT`.
pub(super) fn service(url: Option<&str>) -> Result<Service, Failure> {
    if let Some(url) = url {
        return Service::from_url(url);
    }
    let vars = environment()?;
    let (at, certificate) = (
        config::listen_address(&vars)?,
        config::certificate_file(&vars),
    );
    Ok(Service::listening(at, certificate))
}

/// The token given by `--token`, else that of `MCP_TOKEN` or `MCP_TOKEN_FILE`.
pub(super) fn token(given: Option<&str>) -> Result<Option<Token>, Failure> {
    if let Some(token) = given {
        return Ok(Some(Token::new(token.into(), "--token")));
    }
    let shared = config::shared_token(&environment()?)?;
    Ok(shared.map(|token| Token::new(token.text, token.variable)))
}

/// The environment and the file `.env` of the folder the command runs in.
fn environment() -> Result<Vec<(String, String)>, Failure> {
    Ok(config::environment(Some(Path::new(".env")))?)
}
