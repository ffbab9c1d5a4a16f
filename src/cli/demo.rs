//! `lucarne demo`: a sample database, a fresh token, and what to do next.

mod desk;
mod play;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::failure::Failure;
use super::serve::Signals;
use super::snippet::own_command;
use super::token::new_token;
use super::{logging, output, serve};
use crate::app::Running;
use crate::config;
use crate::sample::{self, SampleError, SampleState};

/// Examples of the command, shown in its help and run by a test.
pub(super) const EXAMPLES: &str = "\
Examples:
  lucarne demo
  lucarne demo --traffic
  MCP_LISTEN=127.0.0.1:8001 lucarne demo --path sample.db";

/// What the demo decides by itself, whatever the environment says.
const OWN: [&str; 20] = [
    "MCP_ENABLED",
    "MCP_TOKEN",
    "MCP_TOKEN_FILE",
    "MCP_ALLOWED_MODELS",
    "MCP_READONLY",
    "DATABASE_URL",
    "DATABASE_URL_FILE",
    "MCP_HIDDEN_FIELDS",
    "MCP_REVEAL_FIELDS",
    "MCP_PAGE",
    "MCP_ADMIN_LISTEN",
    "MCP_ADMIN_TOKEN",
    "MCP_ADMIN_TOKEN_FILE",
    "MCP_ADMIN_READ",
    "MCP_STORE",
    "MCP_STORE_FILE",
    "MCP_ENCRYPTION_KEY",
    "MCP_ENCRYPTION_KEY_FILE",
    "MCP_AUDIT_FILE",
    "MCP_TOOLS_FILE",
];

/// Where the sample is.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The SQLite file; it is made if it is not there
    #[arg(long, value_name = "FILE", default_value = "lucarne-demo.db")]
    path: PathBuf,
    /// An empty PostgreSQL, MariaDB or MySQL database to load the sample into instead
    #[arg(long, value_name = "URL", conflicts_with = "path")]
    database_url: Option<String>,
    /// Let a few clients ask, some of them for what they may not see
    #[arg(long)]
    traffic: bool,
}

/// Makes the sample, and serves it.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    // Nothing of the folder's own `.env` may reach a demo.
    let mut variables = config::environment(None)?;
    variables.retain(|(name, _)| !OWN.contains(&name.as_str()));
    let token = new_token()?;
    let url = match &arguments.database_url {
        Some(url) => url.clone(),
        None => format!("sqlite:{}", encoded(&arguments.path)),
    };
    let administration = new_token()?;
    // What operators do here lasts as long as the demo.
    let desk = desk::Desk::new()?;
    let (store, audit, tools) = (desk.store(), desk.audit(), desk.tools()?);
    for (name, value) in [
        ("MCP_ENABLED", "true"),
        ("MCP_TOKEN", &*token),
        ("DATABASE_URL", &*url),
        ("MCP_ADMIN_LISTEN", "127.0.0.1:0"),
        ("MCP_ADMIN_TOKEN", &*administration),
        ("MCP_ADMIN_READ", "true"),
        ("MCP_STORE", &*store),
        ("MCP_ENCRYPTION_KEY", desk.key()),
        ("MCP_AUDIT_FILE", &*audit),
        ("MCP_TOOLS_FILE", &*tools),
    ] {
        variables.push((name.to_owned(), value.to_owned()));
    }
    let config = Arc::new(config::load(variables)?);
    logging::begin(&config);
    serve::run_to_end(async {
        let created = match &arguments.database_url {
            Some(url) => sample::load(url).await?,
            None => sample::create_sqlite(&arguments.path).await?,
        };
        let guest = desk.fill(&config, &url).await?;
        // What the demo decided by itself is not to be reloaded.
        let mut signals = Signals::new()?;
        let Some(running) = signals.or(serve::start(&config, None)).await? else {
            return Ok(());
        };
        let place = config
            .data
            .database
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let signals = signals.stopping(running.stop());
        let tokens = [&*token, &*administration];
        output::data(&screen(tokens, &place, &created, &running))?;
        let playing = play::begin(running.address, [Some(token.clone()), guest]);
        let playing = arguments.traffic.then(|| tokio::spawn(playing));
        let ended = serve::end(running, signals, config.log.format).await;
        playing.inspect(|playing| playing.abort());
        ended
    })
}

/// The path as a URL holds it.
fn encoded(path: &std::path::Path) -> String {
    path.to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23")
}

/// What to do next: every line below `export` can be pasted.
fn screen(
    [token, administration]: [&str; 2],
    place: &str,
    created: &SampleState,
    running: &Running,
) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let address = running.address;
    let rows: Vec<String> = created
        .rows
        .iter()
        .map(|(table, rows)| format!("{table} {rows}"))
        .collect();
    let tools = running.opened.service.access();
    let mut names = tools.settings.tools.all().map(|it| &*it.tool.name);
    let (first, more) = (names.next().unwrap_or_default(), names.count());
    let page = running.admin.map(|page| page.to_string());
    let page = page.unwrap_or_default();
    let (rows, hidden, command) = (rows.join(", "), running.opened.hidden.len(), own_command());
    format!(
        r#"lucarne {version} serves {place}, read-only
rows: {rows}; {hidden} sensitive fields are hidden
tools in SQL: {first} and {more} more, by MCP and by the action call
Who asks what, and why it is refused: http://{page}/page/ opens with
MCP_ADMIN_TOKEN={administration}
To ask, paste into another terminal:
MCP_TOKEN={token}
export MCP_TOKEN
{command} query list users --url ws://{address}
python3 -c 'from os import environ; from websockets.sync.client import connect
with connect("ws://{address}/mcp/ws?token=" + environ["MCP_TOKEN"]) as s:
 s.send("""{{"action":"list","model":"users"}}"""); print(s.recv())'
websocat -H "X-MCP-Token: $MCP_TOKEN" ws://{address}/mcp/ws
To connect an agent (also claude, cursor, codex, gemini):
{command} config vscode --url http://{address}
Your own data: {command} check says what .env lacks. Ctrl-C ends this."#
    )
}

impl From<SampleError> for Failure {
    fn from(error: SampleError) -> Self {
        Self::unable(error.to_string()).help(error.help())
    }
}
