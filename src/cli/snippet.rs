//! `lucarne config`: the block that connects an agent's client to the service.

mod client;
mod text;

use std::path::{Path, PathBuf};

use chrono::Utc;
use clap::Args;

use super::failure::Failure;
use super::operator::{self, Of};
use super::output;
use super::query::address::Service;
use super::query::settings;
use crate::admin::{TokenView, find};
use client::Client;

/// Examples of the command, shown in its help and run by a test.
pub(super) const EXAMPLES: &str = "\
Examples:
  lucarne config vscode > mcp.json
  lucarne config claude --ws
  lucarne config codex --url https://data.example
  lucarne config cursor --stdio
  lucarne config langchain --for night --tenant acme";

/// For which client, and how it is to reach the service.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The client to configure
    client: Client,
    /// The service, else MCP_LISTEN
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// By WebSocket instead of HTTP (claude only)
    #[arg(long, conflicts_with = "stdio")]
    ws: bool,
    /// Let the client start the service itself, without a port
    #[arg(long, conflicts_with_all = ["url", "token"])]
    stdio: bool,
    /// The token of a tenant that the client is to show, by name or id
    #[arg(long = "for", value_name = "TOKEN")]
    token: Option<String>,
    #[command(flatten)]
    of: Of,
}

/// How the client reaches the service.
enum Reach {
    Http(String),
    WebSocket(String),
    Stdio(Child),
}

/// The service as the client starts it.
struct Child {
    command: String,
    /// What is set here and no secret: clients hand on little of their own environment.
    variables: Vec<(String, String)>,
}

/// Prints the block on standard output, and on standard error where it goes.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let client = arguments.client;
    if arguments.ws && client != Client::Claude {
        return Err(Failure::unable("--ws: only claude takes a WebSocket")
            .help("leave --ws out: HTTP does the same"));
    }
    if arguments.of.tenant.is_some() && arguments.token.is_none() {
        return Err(Failure::unable("--tenant: no token is named")
            .help("name one of its tokens by --for; lucarne token list shows them"));
    }
    let whose = match &arguments.token {
        Some(token) => Some(whose(token, &arguments.of)?),
        None => None,
    };
    let reach = reach(arguments)?;
    output::words(client.place(&reach));
    if let Some(whose) = whose {
        output::words(whose);
    }
    output::data(&client.block(&reach))
}

fn reach(arguments: &Arguments) -> Result<Reach, Failure> {
    if arguments.stdio {
        let handed_on = settings::handed_on()?;
        for words in handed_on.words() {
            output::words(words);
        }
        return Ok(Reach::Stdio(Child {
            command: own_command(),
            variables: handed_on.plain,
        }));
    }
    let service: Service = settings::service(arguments.url.as_deref())?;
    Ok(match arguments.ws {
        true => Reach::WebSocket(service.socket_url()),
        false => Reach::Http(service.http_url()),
    })
}

/// Which token `MCP_TOKEN` is to hold, as nothing but its last characters is kept of it.
fn whose(token: &str, of: &Of) -> Result<String, Failure> {
    let contents = operator::contents()?;
    let token = find::token(&contents, of.reference(token))?;
    let token = TokenView::new(token, &contents, Utc::now());
    let TokenView { name, tenant, .. } = &token;
    if token.state != "active" {
        let message = format!(
            "token {name} of tenant {tenant} lets nobody in: {}",
            token.state
        );
        return Err(Failure::unable(message).help("lucarne token create makes another"));
    }
    Ok(format!(
        "MCP_TOKEN is to hold token {name} of tenant {tenant}, which ends in {}",
        token.suffix
    ))
}

impl Child {
    /// What the service is started with: all that is no secret, and by `reference` the database's
    /// URL, unless a file holds it.
    fn environment(&self, reference: Option<String>) -> Vec<(&str, String)> {
        let mut all = vec![("MCP_ENABLED", "true".to_owned())];
        let reference = reference.filter(|_| self.secret().is_some());
        all.extend(reference.map(|reference| (DATABASE, reference)));
        let plain = self.variables.iter();
        all.extend(plain.map(|(name, value)| (name.as_str(), value.clone())));
        all
    }

    /// The secret that the client must have.
    fn secret(&self) -> Option<&'static str> {
        let in_file = self
            .variables
            .iter()
            .any(|(name, _)| name == "DATABASE_URL_FILE");
        (!in_file).then_some(DATABASE)
    }
}

impl Reach {
    /// The variable of the secret that the block refers to.
    fn secret(&self) -> Option<&'static str> {
        match self {
            Self::Http(_) | Self::WebSocket(_) => Some("MCP_TOKEN"),
            Self::Stdio(child) => child.secret(),
        }
    }
}

const DATABASE: &str = "DATABASE_URL";

/// `lucarne` where the shell finds this very program by that name, else its whole path.
pub(super) fn own_command() -> String {
    const NAME: &str = "lucarne";
    let Ok(program) = std::env::current_exe().and_then(|path| path.canonicalize()) else {
        return NAME.to_owned();
    };
    let found = std::env::var_os("PATH").and_then(|folders| first_in(&folders, NAME));
    if found.is_some_and(|path| path == program) {
        NAME.to_owned()
    } else {
        program.display().to_string()
    }
}

fn first_in(folders: &std::ffi::OsStr, name: &str) -> Option<PathBuf> {
    std::env::split_paths(folders)
        .find_map(|folder| Path::new(&folder).join(name).canonicalize().ok())
}
