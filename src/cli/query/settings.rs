//! What the client commands take from their surroundings: where the service is, and the token.

use std::path::{Path, PathBuf};

use super::address::Service;
use super::credential::Token;
use crate::cli::failure::Failure;
use crate::config::variables;
use crate::config::{self, DatabaseUrl, Engine};

/// The service at `--url`, else the one at `MCP_LISTEN` with the certificate of `MCP_TLS_CERT`.
pub(crate) fn service(url: Option<&str>) -> Result<Service, Failure> {
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

/// The socket by which the service of this folder is spoken to, else the one of the unit.
pub(crate) fn control_socket() -> Result<PathBuf, Failure> {
    const OF_UNIT: &str = "/run/lucarne/control.sock";
    if let Some(named) = config::control_socket(&environment()?)? {
        return Ok(named);
    }
    match Path::new(OF_UNIT).exists() {
        true => Ok(OF_UNIT.into()),
        false => Err(
            Failure::unable("the service here has no control socket").help(
                "set MCP_CONTROL_SOCKET=/run/lucarne/control.sock, or run it by lucarne.service; \
             without one kill -HUP reloads, and the log tells how that went",
            ),
        ),
    }
}

/// The token given by `--token`, else that of `MCP_TOKEN` or `MCP_TOKEN_FILE`, where it may be sent
/// to this service.
///
/// A folder is somebody's: where its `.env` alone says where the service is, a token that it does
/// not hold itself stays on this machine.
pub(crate) fn token(
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
const OF_LISTENERS: [&str; 13] = [
    "MCP_LISTEN",
    "MCP_ADMIN_LISTEN",
    "MCP_CONTROL_SOCKET",
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
#[derive(Default)]
pub(crate) struct HandedOn {
    /// What is no secret, with its value; files by their whole paths, for a client starts the
    /// service in a folder of its own.
    pub(crate) plain: Vec<(String, String)>,
    /// The names of the secrets but the database's URL, which every block refers to.
    secrets: Vec<String>,
    /// What is secret and names a SQLite file by a relative path, and the whole path.
    relative: Vec<(String, PathBuf)>,
    /// Whether a URL names PostgreSQL, or may in its file.
    postgres: bool,
}

impl HandedOn {
    /// What the user must see to.
    pub(crate) fn words(&self) -> Vec<String> {
        let secrets = self.secrets.join(", ");
        let secrets = format!(
            "set here and in no block, for they are secret: {secrets}; the client must hand them on"
        );
        let relative = self.relative.iter().map(|(name, path)| {
            format!(
                "{name} is relative to this folder, and the client starts the service in another: give it {name}=sqlite:{}",
                path.display()
            )
        });
        let secrets = (!self.secrets.is_empty()).then_some(secrets);
        secrets.into_iter().chain(relative).collect()
    }

    /// Takes the authorities of the system, by which certificates of every server are judged.
    fn take_authorities(&mut self) -> Result<(), Failure> {
        for name in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
            let value = std::env::var(name).unwrap_or_default();
            if !value.is_empty() {
                let path = whole(Path::new(&value))?;
                self.plain
                    .push((name.to_owned(), path.display().to_string()));
            }
        }
        Ok(())
    }

    /// Takes what PostgreSQL's driver reads of the environment beside the URL.
    fn take_surroundings(&mut self) -> Result<(), Failure> {
        for name in config::OF_POSTGRES {
            let value = std::env::var(name).unwrap_or_default();
            let value = match *name {
                _ if value.is_empty() => continue,
                "PGPASSWORD" => {
                    self.secrets.push((*name).to_owned());
                    continue;
                }
                "PGPASSFILE" | "PGSSLROOTCERT" | "PGSSLCERT" | "PGSSLKEY" => {
                    whole(Path::new(&value))?.display().to_string()
                }
                _ => value,
            };
            self.plain.push(((*name).to_owned(), value));
        }
        Ok(())
    }
}

/// Reads what a service on pipes must be handed.
pub(crate) fn handed_on() -> Result<HandedOn, Failure> {
    let mut all = HandedOn::default();
    for (name, value) in environment()? {
        all.postgres |= is_of_postgres(&name, &value);
        let asked = ["MCP_ENABLED", "MCP_TOKEN", "MCP_TOKEN_FILE"];
        if value.is_empty() || asked.contains(&&*name) || OF_LISTENERS.contains(&&*name) {
            continue;
        }
        if variables::is_secret(&name) {
            if let Some(path) = relative_file(&name, &value) {
                all.relative.push((name.clone(), whole(&path)?));
            }
            if name != "DATABASE_URL" {
                all.secrets.push(name);
            }
        } else if name.strip_suffix("_FILE").is_some_and(variables::is_secret)
            || ["MCP_TOOLS_FILE", "MCP_DATABASE_FOLDER"].contains(&&*name)
            || (name == "MCP_AUDIT_FILE" && value != "stderr")
        {
            let path = whole(Path::new(&value))?;
            all.plain.push((name, path.display().to_string()));
        } else if variables::find(&name).is_some() {
            all.plain.push((name, value));
        }
    }
    if all.postgres {
        all.take_surroundings()?;
    }
    all.take_authorities()?;
    all.plain.sort();
    all.secrets.sort();
    all.relative.sort();
    Ok(all)
}

/// Whether a variable names a database of PostgreSQL, or a file that may.
fn is_of_postgres(name: &str, value: &str) -> bool {
    match name {
        "DATABASE_URL" | "MCP_STORE" => {
            let url = config::database_url(name, value);
            matches!(url, Ok(DatabaseUrl::Server(server)) if server.engine == Engine::Postgres)
        }
        "DATABASE_URL_FILE" | "MCP_STORE_FILE" => !value.is_empty(),
        _ => false,
    }
}

/// The path of a SQLite file that is relative.
fn relative_file(name: &str, value: &str) -> Option<PathBuf> {
    match config::database_url(name, value) {
        Ok(DatabaseUrl::Sqlite(file)) if file.path().is_relative() => Some(file.path().into()),
        _ => None,
    }
}

fn whole(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path)
        .map_err(|error| Failure::unable(format!("this folder cannot be told: {error}")))
}

/// The environment and the file `.env` of the folder the command runs in.
fn environment() -> Result<Vec<(String, String)>, Failure> {
    Ok(config::environment(Some(Path::new(".env")))?)
}
