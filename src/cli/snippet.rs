//! `lucarne config`: the block that connects an agent's client to the service.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::address::Service;
use super::failure::Failure;
use super::settings::HandedOn;
use super::{output, settings};

/// Examples of the command, shown in its help and run by a test.
pub(super) const EXAMPLES: &str = "\
Examples:
  lucarne config vscode > mcp.json
  lucarne config claude --ws
  lucarne config codex --url https://data.example
  lucarne config cursor --stdio";

/// The clients that a configuration is known for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Client {
    /// VS Code with GitHub Copilot
    Vscode,
    /// Claude Code
    Claude,
    /// Cursor
    Cursor,
    /// Codex
    Codex,
    /// Gemini CLI
    Gemini,
}

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
    #[arg(long, conflicts_with = "url")]
    stdio: bool,
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
    let reach = if arguments.stdio {
        let HandedOn { variables, secrets } = settings::handed_on()?;
        if !secrets.is_empty() {
            let names = secrets.join(", ");
            output::words(format!(
                "set here and in no block, for they are secret: {names}; the client must hand them on"
            ));
        }
        Reach::Stdio(Child {
            command: own_command(),
            variables,
        })
    } else {
        let service: Service = settings::service(arguments.url.as_deref())?;
        if arguments.ws {
            Reach::WebSocket(service.socket_url())
        } else {
            Reach::Http(service.http_url())
        }
    };
    output::words(client.place(&reach));
    output::data(&client.block(&reach))
}

impl Child {
    /// What the service is started with; the database's URL by a reference.
    fn environment(&self, database: Option<&str>) -> Value {
        let mut all = json!({ "MCP_ENABLED": "true" });
        if let Some(reference) = database {
            all["DATABASE_URL"] = reference.into();
        }
        for (name, value) in &self.variables {
            all[name] = value.as_str().into();
        }
        all
    }
}

impl Client {
    /// The block, with a reference where the token goes: no secret stands in a file.
    fn block(self, reach: &Reach) -> String {
        match self {
            Self::Codex => codex(reach),
            Self::Vscode => format!("{:#}", vscode(reach)),
            _ => format!(
                "{:#}",
                json!({ "mcpServers": { "lucarne": self.server(reach) } })
            ),
        }
    }

    fn server(self, reach: &Reach) -> Value {
        let bearer = json!({ "Authorization": format!("Bearer {}", self.variable("MCP_TOKEN")) });
        match (self, reach) {
            (Self::Claude, Reach::Http(url)) => {
                json!({ "type": "http", "url": url, "headers": bearer })
            }
            (Self::Claude, Reach::WebSocket(url)) => {
                json!({ "type": "ws", "url": url, "headers": bearer })
            }
            (Self::Gemini, Reach::Http(url)) => json!({ "httpUrl": url, "headers": bearer }),
            (_, Reach::Http(url) | Reach::WebSocket(url)) => {
                json!({ "url": url, "headers": bearer })
            }
            (_, Reach::Stdio(child)) => json!({
                "command": child.command,
                "args": ["stdio"],
                "env": child.environment(Some(&self.variable("DATABASE_URL"))),
            }),
        }
    }

    /// A reference that the client replaces by the value of an environment variable.
    fn variable(self, name: &str) -> String {
        match self {
            Self::Cursor => format!("${{env:{name}}}"),
            _ => format!("${{{name}}}"),
        }
    }

    /// Which file the block goes into, and what the client needs besides.
    fn place(self, reach: &Reach) -> String {
        let file = match self {
            Self::Vscode => ".vscode/mcp.json",
            Self::Claude => ".mcp.json",
            Self::Cursor => ".cursor/mcp.json",
            Self::Codex => "~/.codex/config.toml",
            Self::Gemini => ".gemini/settings.json",
        };
        let secret = if matches!(reach, Reach::Stdio(_)) {
            "DATABASE_URL"
        } else {
            "MCP_TOKEN"
        };
        match self {
            Self::Vscode => {
                format!("goes into {file}; VS Code asks for {secret} once and keeps it")
            }
            _ => format!("goes into {file}; start the client with {secret} in its environment"),
        }
    }
}

fn vscode(reach: &Reach) -> Value {
    let input = |id: &str, description: &str| json!([{ "type": "promptString", "id": id, "description": description, "password": true }]);
    let (inputs, server) = match reach {
        Reach::Http(url) | Reach::WebSocket(url) => (
            input("lucarne-token", "MCP_TOKEN of the Lucarne service"),
            json!({ "type": "http", "url": url, "headers": { "Authorization": "Bearer ${input:lucarne-token}" } }),
        ),
        Reach::Stdio(child) => (
            input("lucarne-database", "DATABASE_URL for Lucarne"),
            json!({
                "type": "stdio",
                "command": child.command,
                "args": ["stdio"],
                "env": child.environment(Some("${input:lucarne-database}")),
            }),
        ),
    };
    json!({ "inputs": inputs, "servers": { "lucarne": server } })
}

fn codex(reach: &Reach) -> String {
    // A JSON string is a TOML basic string too.
    let quoted = |text: &str| Value::from(text).to_string();
    match reach {
        Reach::Http(url) | Reach::WebSocket(url) => {
            format!(
                "[mcp_servers.lucarne]\nurl = {}\nbearer_token_env_var = \"MCP_TOKEN\"",
                quoted(url)
            )
        }
        Reach::Stdio(child) => {
            let variables = child.environment(None);
            let variables = variables.as_object().into_iter().flatten();
            let variables: Vec<String> = variables
                .map(|(name, value)| format!("{name} = {value}"))
                .collect();
            format!(
                "[mcp_servers.lucarne]\ncommand = {}\nargs = [\"stdio\"]\nenv = {{ {} }}\nenv_vars = [\"DATABASE_URL\"]",
                quoted(&child.command),
                variables.join(", ")
            )
        }
    }
}

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
