//! `lucarne query`: asks the service by WebSocket, once, a line at a time, or at a prompt.

pub(crate) mod address;
mod answer;
pub(crate) mod client;
pub(crate) mod credential;
pub(crate) mod health;
mod http;
mod message;
mod prompt;
mod refusal;
pub(crate) mod settings;
mod show;
mod trust;

use std::io::{self, BufRead, IsTerminal, Read};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::runtime::Runtime;

use super::exit::Exit;
use super::failure::Failure;
use super::output;
use address::Service;
use answer::Answer;
use client::Client;
use credential::Token;
use message::Message;

/// Examples of the command, shown in its help and run by a test.
pub(super) const EXAMPLES: &str = r#"Examples:
  lucarne query '{"action":"list","model":"users","params":{"limit":5}}'
  lucarne query list users
  lucarne query get users 1
  lucarne query describe users
  echo '{"action":"list","model":"users"}' | lucarne query --json -
  lucarne query < requests.jsonl > answers.jsonl"#;

/// The terminal's width where it cannot be told.
const COLUMNS: usize = 80;

/// What to ask, whom, and how to show the answer.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// JSON, or an action with a model and an id; - is standard input
    ///
    /// Without a message there is a prompt on a terminal; else each line of standard input is a
    /// message and is answered by a line.
    message: Vec<String>,
    /// The service, else MCP_LISTEN; a missing path is added
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Trust the certificates of this file instead of the system's
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// The token, else MCP_TOKEN or MCP_TOKEN_FILE
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    token: Option<String>,
    /// Print JSON, as is done without a terminal
    #[arg(long)]
    json: bool,
    /// How long to wait for an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

/// An answer as people read it, with how many rows there are.
pub(crate) fn shown(text: &str, columns: usize) -> Result<String, Failure> {
    let answer = Answer::parse(text)?;
    let footer = show::footer(&answer, false, false);
    let footer = footer.map_or_else(String::new, |line| format!("{line}\n"));
    Ok(show::data(&answer, false, columns) + &footer)
}

/// Asks, and gives [`Exit::Bad`] when the service answered with an error.
pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let words: Vec<&str> = arguments.message.iter().map(String::as_str).collect();
    let message = match words[..] {
        [] => None,
        ["-"] => Some(Message::from_json(&whole_input()?, 1)?),
        _ => Some(Message::from_words(&words, 1)?),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::unable(format!("no runtime to ask with: {error}")))?;
    let url = arguments.url.as_deref();
    let service = settings::service(url)?.proved_by(arguments.cacert.as_deref());
    let asking = Asking {
        runtime,
        token: settings::token(arguments.token.as_deref(), &service, url)?,
        service,
        patience: Duration::from_secs(arguments.timeout),
        form: if !arguments.json && io::stdout().is_terminal() {
            Form::Table
        } else {
            Form::Json
        },
    };
    match message {
        Some(message) => asking.once(&message),
        None if io::stdin().is_terminal() => prompt::run(&asking),
        None => asking.each_line(),
    }
}

/// How an answer is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// For a person at a terminal.
    Table,
    /// As it was received, one line.
    Json,
}

/// Whom to ask, and how to show what is answered.
pub(super) struct Asking {
    pub(super) runtime: Runtime,
    pub(super) service: Service,
    token: Option<Token>,
    patience: Duration,
    form: Form,
}

impl Asking {
    /// Opens a socket to the service.
    pub(super) async fn connect(&self) -> Result<Client, Failure> {
        Client::open(&self.service, self.token.as_ref(), self.patience).await
    }

    fn once(&self, message: &Message) -> Result<Exit, Failure> {
        let mut client = self.runtime.block_on(self.connect())?;
        let answer = self.runtime.block_on(client.ask(message.text()))?;
        let shown = self.show(&answer, message, false);
        self.runtime.block_on(client.close());
        shown
    }

    /// Asks each line of standard input on one socket; the worst answer is the outcome.
    fn each_line(&self) -> Result<Exit, Failure> {
        let mut client = None;
        let mut worst = Exit::Success;
        for (number, line) in (1..).zip(io::stdin().lock().lines()) {
            let line = line.map_err(|error| unreadable(&error))?;
            if line.trim().is_empty() {
                continue;
            }
            let message = Message::from_json(&line, number)
                .inspect_err(|_| output::words(format!("line {number} of standard input:")))?;
            let client = match &mut client {
                Some(client) => client,
                none => none.insert(self.runtime.block_on(self.connect())?),
            };
            let answer = self.runtime.block_on(client.ask(message.text()))?;
            worst = worst.max(self.show(&answer, &message, false)?);
        }
        let Some(client) = client else {
            return Err(
                Failure::unable("there is no message on standard input").help(
                    "give one as an argument, or one a line; lucarne query --help has examples",
                ),
            );
        };
        self.runtime.block_on(client.close());
        Ok(worst)
    }

    /// Writes an answer: data to standard output, words about it to standard error.
    pub(super) fn show(
        &self,
        text: &str,
        message: &Message,
        interactive: bool,
    ) -> Result<Exit, Failure> {
        if self.form == Form::Json {
            output::data(&one_line(text))?;
        }
        let answer = Answer::parse(text)?;
        if answer.is_error() {
            output::words(answer.told());
            return Ok(Exit::Bad);
        }
        if self.form == Form::Table {
            let columns =
                terminal_size::terminal_size().map_or(COLUMNS, |(width, _)| usize::from(width.0));
            let shown = show::data(&answer, message.describes(), columns);
            if !shown.is_empty() {
                output::data(&shown)?;
            }
            if let Some(line) = show::footer(&answer, message.describes(), interactive) {
                output::words(line);
            }
        }
        Ok(Exit::Success)
    }
}

/// JSON on one line: in valid JSON a line break is never part of a value.
fn one_line(json: &str) -> String {
    json.replace(['\n', '\r'], "")
}

fn whole_input() -> Result<String, Failure> {
    let mut text = String::new();
    io::stdin()
        .lock()
        .read_to_string(&mut text)
        .map_err(|error| unreadable(&error))?;
    Ok(text)
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::unable(format!("standard input cannot be read: {error}"))
}
