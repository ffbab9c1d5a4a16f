//! `lucarne config`: the block that connects an agent's client to the service.

use std::path::{Path, PathBuf};

use chrono::Utc;
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::failure::Failure;
use super::operator::{self, Of};
use super::output;
use super::query::address::Service;
use super::query::settings;
use crate::admin::{TokenView, find};
use crate::snippet::{Child, Client, Reach};

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

impl ValueEnum for Client {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(self.title()))
    }
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
            command: own_path(),
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

/// What the shell knows this program by.
const NAME: &str = "lucarne";

/// The whole path of this very program, for a client has another PATH than the shell: the one where
/// the shell finds it, which stays when another version comes.
fn own_path() -> String {
    let Ok(program) = std::env::current_exe().and_then(|path| path.canonicalize()) else {
        return NAME.to_owned();
    };
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::env::split_paths(&folders).map(|folder| folder.join(NAME));
    let is_own = |path: &PathBuf| path.canonicalize().is_ok_and(|own| own == program);
    let mut paths = paths.filter(|path| path.is_absolute());
    let path = paths.find(is_own);
    path.unwrap_or(program).display().to_string()
}

/// `lucarne` where the shell finds this very program by that name, else its whole path.
pub(super) fn own_command() -> String {
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
