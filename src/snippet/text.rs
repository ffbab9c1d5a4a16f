//! Blocks that are no JSON: TOML, YAML and Python.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Child, Reach};

/// A text with quotes: what JSON writes means the same in TOML, YAML and Python.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Codex, in TOML.
pub(super) fn codex(reach: &Reach) -> String {
    let mut block = "[mcp_servers.lucarne]".to_owned();
    match reach {
        Reach::Http(url) | Reach::WebSocket(url) => {
            let _ = write!(block, "\nurl = {}", quoted(url));
            block.push_str("\nbearer_token_env_var = \"MCP_TOKEN\"");
        }
        Reach::Stdio(child) => {
            let variables = child.environment(None).into_iter();
            let variables: Vec<String> = variables
                .map(|(name, value)| format!("{name} = {}", quoted(&value)))
                .collect();
            let _ = write!(
                block,
                "\ncommand = {}\nargs = [\"stdio\"]\nenv = {{ {} }}",
                quoted(&child.command),
                variables.join(", ")
            );
            if let Some(secret) = child.secret() {
                let _ = write!(block, "\nenv_vars = [{}]", quoted(secret));
            }
        }
    }
    block
}

/// Continue, in YAML.
pub(super) fn continue_dev(reach: &Reach, variable: impl Fn(&str) -> String) -> String {
    let mut block =
        String::from("name: Lucarne\nversion: 0.0.1\nschema: v1\nmcpServers:\n  - name: lucarne\n");
    match reach {
        Reach::Http(url) | Reach::WebSocket(url) => {
            let bearer = quoted(&format!("Bearer {}", variable("MCP_TOKEN")));
            let _ = write!(
                block,
                "    type: streamable-http\n    url: {}\n    requestOptions:\n      headers:\n        Authorization: {bearer}",
                quoted(url)
            );
        }
        Reach::Stdio(child) => {
            let _ = write!(
                block,
                "    type: stdio\n    command: {}\n    args: [\"stdio\"]\n    env:",
                quoted(&child.command)
            );
            for (name, value) in child.environment(Some(variable("DATABASE_URL"))) {
                let _ = write!(block, "\n      {name}: {}", quoted(&value));
            }
        }
    }
    block
}

/// goose, in YAML; it looks the names of `env_keys` up in its environment, then in its keyring.
pub(super) fn goose(reach: &Reach, variable: impl Fn(&str) -> String) -> String {
    let mut block = String::from(
        "extensions:\n  lucarne:\n    enabled: true\n    name: lucarne\n    description: \"Read-only window onto a database\"\n    timeout: 300\n",
    );
    match reach {
        Reach::Http(url) | Reach::WebSocket(url) => {
            let bearer = quoted(&format!("Bearer {}", variable("MCP_TOKEN")));
            let _ = write!(
                block,
                "    type: streamable_http\n    uri: {}\n    headers:\n      Authorization: {bearer}",
                quoted(url)
            );
        }
        Reach::Stdio(child) => {
            let _ = write!(
                block,
                "    type: stdio\n    cmd: {}\n    args: [\"stdio\"]\n    envs:",
                quoted(&child.command)
            );
            for (name, value) in child.environment(None) {
                let _ = write!(block, "\n      {name}: {}", quoted(&value));
            }
        }
    }
    if let Some(secret) = reach.secret() {
        let _ = write!(block, "\n    env_keys: [{}]", quoted(secret));
    }
    block
}

/// langchain-mcp-adapters, in Python.
pub(super) fn langchain(reach: &Reach) -> String {
    let transport = match reach {
        Reach::Stdio(_) => "stdio",
        Reach::Http(_) | Reach::WebSocket(_) => "streamable_http",
    };
    format!(
        "{}from langchain_mcp_adapters.client import MultiServerMCPClient\n\n\
         client = MultiServerMCPClient({{\n    \"lucarne\": {{\n        \"transport\": {},\n{}    }},\n}})",
        imports(reach),
        quoted(transport),
        members(reach, "        ")
    )
}

/// OpenAI Agents, in Python.
pub(super) fn openai_agents(reach: &Reach) -> String {
    let class = match reach {
        Reach::Stdio(_) => "MCPServerStdio",
        Reach::Http(_) | Reach::WebSocket(_) => "MCPServerStreamableHttp",
    };
    format!(
        "{}from agents.mcp import {class}\n\n\
         lucarne = {class}(\n    name=\"lucarne\",\n    params={{\n{}    }},\n)",
        imports(reach),
        members(reach, "        ")
    )
}

/// Where the block reads a secret from its environment.
fn imports(reach: &Reach) -> &'static str {
    reach.secret().map_or("", |_| "import os\n\n")
}

/// What both dictionaries of Python have in common, a line for each member.
fn members(reach: &Reach, indent: &str) -> String {
    match reach {
        Reach::Http(url) | Reach::WebSocket(url) => format!(
            "{indent}\"url\": {},\n{indent}\"headers\": {{\"Authorization\": \"Bearer \" + os.environ[\"MCP_TOKEN\"]}},\n",
            quoted(url)
        ),
        Reach::Stdio(child) => started(child, indent),
    }
}

fn started(child: &Child, indent: &str) -> String {
    let mut members = format!(
        "{indent}\"command\": {},\n{indent}\"args\": [\"stdio\"],\n{indent}\"env\": {{\n",
        quoted(&child.command)
    );
    let mut variable = |name: &str, value: &str| {
        let _ = writeln!(members, "{indent}    {}: {value},", quoted(name));
    };
    for (name, value) in child.environment(None) {
        variable(name, &quoted(&value));
    }
    if let Some(secret) = child.secret() {
        variable(secret, &format!("os.environ[{}]", quoted(secret)));
    }
    let _ = writeln!(members, "{indent}}},");
    members
}
