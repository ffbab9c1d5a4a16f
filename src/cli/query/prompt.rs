//! The prompt of `lucarne query`: a message, its answer, the next message.

use std::path::PathBuf;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Behavior, Config, Editor, Helper};

use super::Asking;
use super::answer::Answer;
use super::client::Client;
use super::message::{self, Message};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::protocol::Action;
use crate::suggest::nearest;

const PROMPT: &str = "lucarne> ";
/// What can be typed beside the actions.
const COMMANDS: [&str; 4] = ["models", "more", "help", "quit"];
const HELP: &str = r#"  models             what can be asked for
  describe users     the fields of a model
  list users         its first rows; more shows the next
  get users 1        one row by its key
  call NAME          what a tool of your own answers
  {"action":"query","model":"users","params":{"limit":5}}
                     any message as JSON, over several lines if need be
  whoami             what the token allows, and what is left of its limits
  quit               ends, as Ctrl-D does; Ctrl-C clears the line"#;

/// Reads messages from the terminal until its user has had enough.
pub(crate) fn run(asking: &Asking) -> Result<Exit, Failure> {
    let mut session = Session {
        client: Some(asking.runtime.block_on(asking.connect())?),
        asking,
        last: None,
        number: 0,
    };
    let mut editor = editor()?;
    let history = history_file();
    if let Some(path) = &history {
        // There is none the first time.
        let _ = editor.load_history(path);
    }
    output::words(format!(
        "{}; help lists what to type, Ctrl-D ends",
        asking.service
    ));
    loop {
        match editor.readline(PROMPT) {
            Ok(line) => {
                let line = line.trim();
                if matches!(line, "quit" | "exit") {
                    break;
                }
                if line.is_empty() {
                    continue;
                }
                // A line that is not remembered is no reason to stop.
                let _ = editor.add_history_entry(line);
                match session.answer(line) {
                    Err(Failure::ReaderGone) => return Err(Failure::ReaderGone),
                    Err(failure) => output::words(failure),
                    Ok(()) => {}
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => {
                return Err(Failure::unable(format!(
                    "the terminal cannot be read: {error}"
                )));
            }
        }
    }
    if let Some(path) = &history
        && let Err(error) = save(&mut editor, path)
    {
        output::words(format!("note: the history is not kept: {error}"));
    }
    if let Some(client) = session.client {
        asking.runtime.block_on(client.close());
    }
    Ok(Exit::Success)
}

/// One socket for as long as it lasts, and what was asked last.
struct Session<'a> {
    asking: &'a Asking,
    client: Option<Client>,
    last: Option<(Message, Option<String>)>,
    number: u64,
}

impl Session<'_> {
    fn answer(&mut self, line: &str) -> Result<(), Failure> {
        self.number += 1;
        let words: Vec<&str> = line.split_whitespace().collect();
        let message = match words[..] {
            ["help" | "?"] => {
                output::words(HELP);
                return Ok(());
            }
            ["models"] => Message::from_words(&["describe"], self.number)?,
            ["more"] => match &self.last {
                Some((message, Some(cursor))) => message.next_page(cursor),
                _ => None,
            }
            .ok_or_else(|| Failure::unable("there is no more of the last answer"))?,
            _ if line.starts_with(['{', '[', '"']) => Message::from_json(line, self.number)?,
            [word, ..] if Action::parse(word).is_none() && !COMMANDS.contains(&word) => {
                let known = Action::ALL.map(Action::name).into_iter().chain(COMMANDS);
                return Err(
                    Failure::unable(format!("\"{word}\" is nothing to ask")).help(
                        match nearest(word, known) {
                            Some(command) => format!("did you mean \"{command}\"?"),
                            None => "help lists what to type".to_owned(),
                        },
                    ),
                );
            }
            _ => Message::from_words(&words, self.number)?,
        };
        let Some(text) = self.ask(&message)? else {
            return Ok(());
        };
        self.asking.show(&text, &message, true)?;
        let cursor = Answer::parse(&text)
            .ok()
            .and_then(|answer| answer.next_cursor);
        self.last = Some((message, cursor));
        Ok(())
    }

    /// Asks on the open socket, or on a new one where it has been closed; none after Ctrl-C.
    fn ask(&mut self, message: &Message) -> Result<Option<String>, Failure> {
        let asking = self.asking;
        let mut kept = self.client.take();
        asking.runtime.block_on(async {
            if let Some(client) = &mut kept
                && !client.is_open().await
            {
                kept = None;
            }
            let mut client = match kept {
                Some(client) => client,
                None => asking.connect().await?,
            };
            let answer = tokio::select! {
                answer = client.ask(message.text()) => answer?,
                // The answer may still come; a new socket keeps it from being taken for the next.
                _ = tokio::signal::ctrl_c() => return Ok(None),
            };
            self.client = Some(client);
            Ok(Some(answer))
        })
    }
}

/// Lets a message go on over several lines; a blank one ends it in any case.
struct Lines;

impl Validator for Lines {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let input = context.input();
        Ok(if message::is_unfinished(input) && !input.ends_with('\n') {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}

impl Completer for Lines {
    type Candidate = String;
}
impl Hinter for Lines {
    type Hint = String;
}
impl Highlighter for Lines {}
impl Helper for Lines {}

fn editor() -> Result<Editor<Lines, FileHistory>, Failure> {
    // The prompt goes to the terminal even where standard output is a file: that takes data only.
    let config = Config::builder()
        .behavior(Behavior::PreferTerm)
        .auto_add_history(false)
        .build();
    let mut editor = Editor::with_config(config)
        .map_err(|error| Failure::unable(format!("the terminal cannot be used: {error}")))?;
    editor.set_helper(Some(Lines));
    Ok(editor)
}

fn save(editor: &mut Editor<Lines, FileHistory>, path: &PathBuf) -> rustyline::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    editor.save_history(path)
}

/// `lucarne/history` in the folder for the state of programs; none without a home.
fn history_file() -> Option<PathBuf> {
    let folder = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))?;
    Some(state.join("lucarne/history"))
}
