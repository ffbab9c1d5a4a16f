//! The clients that a configuration is known for: the block of each, and where it goes.

use serde_json::{Map, Value, json};

use super::{Child, Reach, text};

/// A client, or a library of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// VS Code with GitHub Copilot.
    Vscode,
    /// Claude Code.
    Claude,
    /// Cursor.
    Cursor,
    /// Codex.
    Codex,
    /// Gemini CLI.
    Gemini,
    /// Zed.
    Zed,
    /// Windsurf.
    Windsurf,
    /// Continue.
    Continue,
    /// goose.
    Goose,
    /// LangChain in Python, by langchain-mcp-adapters.
    Langchain,
    /// OpenAI Agents in Python.
    OpenaiAgents,
    /// Whatever else reads mcpServers.
    Generic,
}

impl Client {
    /// All that are known, in the order in which they are offered.
    pub const ALL: [Self; 12] = [
        Self::Vscode,
        Self::Claude,
        Self::Cursor,
        Self::Codex,
        Self::Gemini,
        Self::Zed,
        Self::Windsurf,
        Self::Continue,
        Self::Goose,
        Self::Langchain,
        Self::OpenaiAgents,
        Self::Generic,
    ];

    /// Its name in commands.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vscode => "vscode",
            Self::Claude => "claude",
            Self::Cursor => "cursor",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Zed => "zed",
            Self::Windsurf => "windsurf",
            Self::Continue => "continue",
            Self::Goose => "goose",
            Self::Langchain => "langchain",
            Self::OpenaiAgents => "openai-agents",
            Self::Generic => "generic",
        }
    }

    /// Its name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Vscode => "VS Code with GitHub Copilot",
            Self::Claude => "Claude Code",
            Self::Cursor => "Cursor",
            Self::Codex => "Codex",
            Self::Gemini => "Gemini CLI",
            Self::Zed => "Zed",
            Self::Windsurf => "Windsurf",
            Self::Continue => "Continue",
            Self::Goose => "goose",
            Self::Langchain => "LangChain in Python, by langchain-mcp-adapters",
            Self::OpenaiAgents => "OpenAI Agents in Python",
            Self::Generic => "Whatever else reads mcpServers",
        }
    }

    /// The block, with a reference where the secret goes: no secret stands in a file.
    #[must_use]
    pub fn block(self, reach: &Reach) -> String {
        match self {
            Self::Vscode => format!("{:#}", vscode(reach)),
            Self::Codex => text::codex(reach),
            Self::Continue => text::continue_dev(reach, |name| self.variable(name)),
            Self::Goose => text::goose(reach, |name| self.variable(name)),
            Self::Langchain => text::langchain(reach),
            Self::OpenaiAgents => text::openai_agents(reach),
            Self::Zed => self.servers("context_servers", reach),
            Self::Claude | Self::Cursor | Self::Gemini | Self::Windsurf | Self::Generic => {
                self.servers("mcpServers", reach)
            }
        }
    }

    fn servers(self, name: &str, reach: &Reach) -> String {
        format!("{:#}", json!({ name: { "lucarne": self.server(reach) } }))
    }

    fn server(self, reach: &Reach) -> Value {
        let bearer = json!({ "Authorization": format!("Bearer {}", self.variable("MCP_TOKEN")) });
        match (self, reach) {
            (Self::Claude | Self::Generic, Reach::Http(url)) => {
                json!({ "type": "http", "url": url, "headers": bearer })
            }
            (Self::Claude, Reach::WebSocket(url)) => {
                json!({ "type": "ws", "url": url, "headers": bearer })
            }
            (Self::Gemini, Reach::Http(url)) => json!({ "httpUrl": url, "headers": bearer }),
            (Self::Windsurf, Reach::Http(url)) => json!({ "serverUrl": url, "headers": bearer }),
            (_, Reach::Http(url) | Reach::WebSocket(url)) => {
                json!({ "url": url, "headers": bearer })
            }
            // Zed replaces nothing, but what it starts has its own environment.
            (Self::Zed, Reach::Stdio(child)) => started(child, None),
            (_, Reach::Stdio(child)) => started(child, Some(self.variable("DATABASE_URL"))),
        }
    }

    /// What the client replaces by the value of a variable; Zed leaves that to its user.
    fn variable(self, name: &str) -> String {
        match self {
            Self::Cursor | Self::Windsurf => format!("${{env:{name}}}"),
            Self::Continue => format!("${{{{ secrets.{name} }}}}"),
            Self::Zed => format!("<{name}>"),
            _ => format!("${{{name}}}"),
        }
    }

    /// Which file the block goes into, and what the client needs besides.
    #[must_use]
    pub fn place(self, reach: &Reach) -> String {
        let file = match self {
            Self::Vscode => ".vscode/mcp.json",
            Self::Claude => ".mcp.json",
            Self::Cursor => ".cursor/mcp.json",
            Self::Codex => "~/.codex/config.toml",
            Self::Gemini => ".gemini/settings.json",
            Self::Zed => "~/.config/zed/settings.json",
            Self::Windsurf => "~/.codeium/windsurf/mcp_config.json",
            Self::Continue => ".continue/mcpServers/lucarne.yaml",
            Self::Goose => "~/.config/goose/config.yaml",
            Self::Langchain | Self::OpenaiAgents => "your program",
            Self::Generic => "the file where the client keeps its mcpServers",
        };
        let goes = format!("goes into {file}");
        let Some(secret) = reach.secret() else {
            return goes;
        };
        let stdio = matches!(reach, Reach::Stdio(_));
        match self {
            Self::Vscode => format!("{goes}; VS Code asks for {secret} once and keeps it"),
            Self::Continue => format!("{goes}; write {secret}=… into ~/.continue/.env"),
            Self::Zed if !stdio => format!(
                "{goes}; Zed replaces no variables here: write the token in the place of <{secret}>, and keep that file to yourself"
            ),
            Self::Generic => format!(
                "{goes}; where the client does not replace ${{{secret}}} by the variable, write its value there, and keep that file to yourself"
            ),
            Self::Langchain | Self::OpenaiAgents => {
                format!("{goes}; run it with {secret} in its environment")
            }
            _ => format!("{goes}; start the client with {secret} in its environment"),
        }
    }
}

fn started(child: &Child, reference: Option<String>) -> Value {
    json!({ "command": child.command, "args": ["stdio"], "env": environment(child, reference) })
}

fn environment(child: &Child, reference: Option<String>) -> Value {
    let all = child.environment(reference).into_iter();
    let all = all.map(|(name, value)| (name.to_owned(), value.into()));
    Value::Object(all.collect::<Map<_, _>>())
}

fn vscode(reach: &Reach) -> Value {
    let input = |id: &str, description: &str| json!([{ "type": "promptString", "id": id, "description": description, "password": true }]);
    let (inputs, server) = match reach {
        Reach::Http(url) | Reach::WebSocket(url) => (
            input("lucarne-token", "MCP_TOKEN of the Lucarne service"),
            json!({ "type": "http", "url": url, "headers": { "Authorization": "Bearer ${input:lucarne-token}" } }),
        ),
        Reach::Stdio(child) => {
            let mut server = started(child, Some("${input:lucarne-database}".to_owned()));
            server["type"] = "stdio".into();
            let asked = child.secret().map(|name| format!("{name} for Lucarne"));
            let inputs = asked.map_or(json!([]), |asked| input("lucarne-database", &asked));
            (inputs, server)
        }
    };
    json!({ "inputs": inputs, "servers": { "lucarne": server } })
}
