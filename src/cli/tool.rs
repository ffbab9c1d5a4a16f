//! `lucarne tool`: the tools that the operator wrote, told, tried and begun.
//!
//! It reads the files and asks the database itself, without a service that runs.

mod show;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::exit::Exit;
use super::failure::Failure;
use super::table::columns;
use super::text::visible;
use super::{operator, output, query, serve};
use crate::advice::Advice;
use crate::app::{self, NoWorkbench, OpenService, ToolCaller, Tries, Workbench};
use crate::config::{self, Config};
use crate::error::Speech;
use crate::observe::Metrics;
use crate::suggest::nearest;

/// Examples of the command, shown in its help and run by a test.
pub(super) const EXAMPLES: &str = "\
Examples:
  lucarne tool list
  lucarne tool call open_tickets statuses=open,pending
  lucarne tool test";

const LIST_EXAMPLES: &str = "\
Examples:
  lucarne tool list
  lucarne tool list --json";

const SHOW_EXAMPLES: &str = "\
Examples:
  lucarne tool show open_tickets";

const CALL_EXAMPLES: &str = "\
Examples:
  lucarne tool call open_tickets statuses=open,pending
  lucarne tool call open_tickets --json";

const TEST_EXAMPLES: &str = "\
Examples:
  lucarne tool test
  lucarne tool test open_tickets";

const NEW_EXAMPLES: &str = "\
Examples:
  lucarne tool new open.sql > open.toml";

/// What to do with the tools of MCP_TOOLS_FILE.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// List the tools of MCP_TOOLS_FILE
    #[command(after_help = LIST_EXAMPLES)]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what a tool takes, answers and reads
    #[command(after_help = SHOW_EXAMPLES)]
    Show {
        /// Its name
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Call a tool
    #[command(after_help = CALL_EXAMPLES)]
    Call(Call),
    /// Try the examples of a tool, or of all
    #[command(after_help = TEST_EXAMPLES)]
    Test {
        /// Its name
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a file of tools around a SELECT, to be completed
    #[command(after_help = NEW_EXAMPLES)]
    New {
        /// The file that holds the SELECT, with :name for each parameter
        #[arg(value_name = "FROM.sql")]
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Call {
    /// Its name
    name: String,
    /// Parameters; the values of a list have commas between them
    #[arg(value_name = "KEY=VALUE")]
    values: Vec<String>,
    /// Call as a token of this tenant
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Call as this token of the tenant
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// An attribute of whoever calls
    #[arg(long = "attr", value_name = "NAME=VALUE", value_parser = operator::attribute)]
    attributes: Vec<(String, String)>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Tells of tools, or tries them.
pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    match arguments.task {
        Task::List { json } => list(json),
        Task::Show { name, json } => show(&name, json),
        Task::Call(asked) => call(asked),
        Task::Test { name, json } => test(name.as_deref(), json),
        Task::New { file } => new(&file),
    }
}

impl From<NoWorkbench> for Failure {
    fn from(failure: NoWorkbench) -> Self {
        match failure {
            NoWorkbench::Faults(faults) => Self::Misconfigured(faults),
            NoWorkbench::Store(fault) => fault.into(),
        }
    }
}

/// Opens what a configuration names, and works with its tools.
fn with_tools<T>(
    work: impl AsyncFnOnce(&Workbench<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    with_opened(async |opened, config| {
        if config.tools.path.is_none() {
            return Err(Failure::unable("MCP_TOOLS_FILE: no file of tools is named")
                .help("for example MCP_TOOLS_FILE=tools.toml, here or in .env"));
        }
        work(&Workbench::new(opened, config).await?).await
    })
}

fn with_opened<T>(
    work: impl AsyncFnOnce(&OpenService, &Config) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut config = config::load_here()?;
    config.service.enabled = true;
    // A look is no start: nothing of it is recorded.
    config.audit.target = None;
    serve::runtime()?.block_on(async {
        let mut opened = app::open(&config, Arc::new(Metrics::default())).await?;
        if let Some(fault) = opened.absent.take() {
            return Err(fault.into());
        }
        if opened.waiting {
            return Err(super::check::silent(&config));
        }
        work(&opened, &config).await
    })
}

fn list(json: bool) -> Result<Exit, Failure> {
    let told = with_tools(async |tools| Ok(tools.told(Tries::None).await))?;
    match json {
        true => output::data(&operator::as_json(&told.tools)?)?,
        false => output::data(&show::list(&told.tools).render(columns()))?,
    }
    warn(&told.warnings);
    Ok(Exit::Success)
}

fn show(name: &str, json: bool) -> Result<Exit, Failure> {
    let told = with_tools(async |tools| Ok(tools.told(Tries::None).await))?;
    let tool = told.tools.iter().find(|tool| tool.name == name);
    let tool = tool.ok_or_else(|| unknown(name, &told))?;
    match json {
        true => output::data(&operator::as_json(tool)?)?,
        false => output::data(&show::tool(tool))?,
    }
    warn(&tool.faults);
    Ok(Exit::Success)
}

fn call(asked: Call) -> Result<Exit, Failure> {
    let caller = ToolCaller {
        tenant: asked.tenant,
        token: asked.token,
        attributes: asked.attributes,
    };
    let (name, values) = (&asked.name, &asked.values);
    let answer = with_tools(async |tools| {
        let called = tools.call(name, values, &caller).await;
        called.map_err(|what| {
            Failure::unable(what).help(format!(
                "lucarne tool show {name} says what it takes, lucarne access explain who may call it"
            ))
        })
    })?;
    match answer {
        Ok(text) if asked.json => output::data(&text)?,
        Ok(text) => output::data(&query::shown(&text, columns())?)?,
        Err(refused) => {
            let code = refused.error.code();
            let mut failure = Failure::unable(format!("{} ({code})", refused.error));
            let cause = refused.cause.map(|cause| format!("the cause: {cause}"));
            let hint = refused.error.hint(Speech::Native).map(str::to_owned);
            if let Some(help) = cause.or(hint) {
                failure = failure.help(help);
            }
            return Err(failure.exiting(Exit::Bad));
        }
    }
    Ok(Exit::Success)
}

fn test(name: Option<&str>, json: bool) -> Result<Exit, Failure> {
    let tries = name.map_or(Tries::All, Tries::Of);
    let mut told = with_tools(async |tools| Ok(tools.told(tries).await))?;
    if let Some(name) = name {
        let known = told.tools.iter().any(|tool| tool.name == name);
        if !known {
            return Err(unknown(name, &told));
        }
        told.tools.retain(|tool| tool.name == name);
    }
    match json {
        true => output::data(&operator::as_json(&show::tried(&told.tools))?)?,
        false => output::data(&show::tests(&told.tools))?,
    }
    told.tools.iter().for_each(|tool| warn(&tool.faults));
    let passed = |example: &app::TriedExample| example.misses.is_empty();
    let mut tools = told.tools.iter();
    let sound = tools.all(|tool| tool.faults.is_empty() && tool.examples.iter().all(passed));
    Ok(match sound {
        true => Exit::Success,
        false => Exit::Bad,
    })
}

fn new(file: &std::path::Path) -> Result<Exit, Failure> {
    let sql = std::fs::read_to_string(file).map_err(|error| {
        Failure::unable(format!("{} cannot be read: {error}", file.display()))
            .help("name a file that holds a SELECT")
    })?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let text = with_opened(async |opened, _| {
        let drafted = app::drafted_tool(opened, &name, &sql).await;
        drafted.map_err(Failure::Misconfigured)
    })?;
    output::data(&text)?;
    Ok(Exit::Success)
}

fn warn(warnings: &[Advice]) {
    warnings.iter().for_each(operator::warn);
}

fn unknown(name: &str, told: &app::ToldTools) -> Failure {
    let names = told.tools.iter().map(|tool| &*tool.name);
    let failure = Failure::unable(format!("there is no tool {}", visible(name)));
    match nearest(name, names) {
        Some(near) => failure.help(format!("did you mean {near}?")),
        None => failure.help("lucarne tool list shows them"),
    }
}
