//! What the client commands take from their surroundings: where the service is, and the token.

use std::path::Path;

use super::address::Service;
use super::credential::Token;
use super::failure::Failure;
use crate::config;
use crate::config::variables::VARIABLES;

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

/// The token given by `--token`, else that of `MCP_TOKEN` or `MCP_TOKEN_FILE`, where it may be sent
/// to this service.
///
/// A folder is somebody's: where its `.env` alone says where the service is, a token that it does
/// not hold itself stays on this machine.
pub(super) fn token(
    given: Option<&str>,
    service: &Service,
    url: Option<&str>,
) -> Result<Option<Token>, Failure> {
    let exported = config::environment(None)?;
    let is_exported = |name: &str| {
        exported
            .iter()
            .any(|(known, value)| known == name && !value.is_empty())
    };
    let (token, of_folder) = match given {
        Some(token) => (Token::new(token.into(), "--token"), false),
        None => match config::shared_token(&environment()?)? {
            None => return Ok(None),
            // A file that `.env` names may be any of the user's.
            Some(shared) => {
                let of_folder = shared.variable == "MCP_TOKEN" && !is_exported("MCP_TOKEN");
                (Token::new(shared.text, shared.variable), of_folder)
            }
        },
    };
    let chosen = url.is_some() || is_exported("MCP_LISTEN");
    match chosen || of_folder || service.is_local() {
        true => Ok(Some(token)),
        false => Err(Failure::unable(format!(
            "the token ({}) is not sent to {service}, which .env of this folder names",
            token.origin()
        ))
        .help("say that it is meant: give the address by --url, or export MCP_LISTEN")),
    }
}

/// What only a service with a port reads.
const OF_LISTENERS: [&str; 12] = [
    "MCP_LISTEN",
    "MCP_ADMIN_LISTEN",
    "MCP_TLS_CERT",
    "MCP_TLS_KEY",
    "MCP_ALLOWED_HOSTS",
    "MCP_ALLOWED_ORIGINS",
    "MCP_ALLOW_QUERY_TOKEN",
    "MCP_TRUSTED_PROXIES",
    "MCP_REQUIRE_AUTH",
    "MCP_MAX_CONNECTIONS",
    "MCP_MAX_CONNECTIONS_PER_ADDRESS",
    "MCP_IDLE_TIMEOUT",
];

/// What is set here and a service on pipes must be handed.
pub(super) struct HandedOn {
    /// The variables that are no secret, with their values.
    pub(super) variables: Vec<(String, String)>,
    /// The names of the secrets but the database's URL, which every block names.
    pub(super) secrets: Vec<String>,
}

/// Reads what is set here for a service on pipes.
pub(super) fn handed_on() -> Result<HandedOn, Failure> {
    let mut variables = Vec::new();
    let mut secrets = Vec::new();
    for (name, value) in environment()? {
        let secret = name.strip_suffix("_FILE").unwrap_or(&name);
        let secret = VARIABLES.iter().any(|it| it.secret && it.name == secret);
        let known = secret || VARIABLES.iter().any(|it| it.name == name);
        let asked = ["MCP_ENABLED", "DATABASE_URL", "MCP_TOKEN", "MCP_TOKEN_FILE"];
        let needed = !asked.contains(&&*name) && !OF_LISTENERS.contains(&&*name);
        match (known && needed && !value.is_empty(), secret) {
            (true, false) => variables.push((name, value)),
            (true, true) => secrets.push(name),
            (false, _) => {}
        }
    }
    variables.sort();
    secrets.sort();
    Ok(HandedOn { variables, secrets })
}

/// The environment and the file `.env` of the folder the command runs in.
fn environment() -> Result<Vec<(String, String)>, Failure> {
    Ok(config::environment(Some(Path::new(".env")))?)
}
