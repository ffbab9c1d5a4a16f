//! Parts that run as processes of their own, and how both sides talk: the part says `ready`, is
//! told `go`, answers with one line of JSON, and ends when its input does.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::served::{self, TOKEN_VARIABLE};
use crate::statistics::Times;
use crate::{Fault, Outcome, client, crowd, echo, floor, paced, storm, walk};

/// What a part does.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    Load(client::Load),
    Echo(echo::Echo),
    Loop(floor::Loop),
    Paced(paced::Paced),
    Storm(storm::Storm),
    Crowd(crowd::Crowd),
    Walk(walk::Walk),
}

/// What a part measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Answers, all of them right.
    pub(crate) answers: u64,
    /// From the first request to the last answer.
    pub(crate) seconds: f64,
    /// Microseconds.
    pub(crate) p50: u64,
    /// Microseconds.
    pub(crate) p99: u64,
}

impl Measured {
    /// What these times say.
    pub(crate) fn new(times: &Times, took: Duration) -> Self {
        Self {
            answers: times.len(),
            seconds: took.as_secs_f64(),
            p50: times.value_at_quantile(0.5),
            p99: times.value_at_quantile(0.99),
        }
    }
}

/// Runs a part in this process.
pub(crate) fn run(part: &str) -> Outcome<()> {
    match serde_json::from_str(part)? {
        Part::Load(load) => client::run(&load),
        Part::Echo(echo) => echo::run(&echo),
        Part::Loop(floor) => floor::run(&floor),
        Part::Paced(paced) => paced::run(&paced),
        Part::Storm(storm) => storm::run(&storm),
        Part::Crowd(crowd) => crowd::run(&crowd),
        Part::Walk(walk) => walk::run(&walk),
    }
}

/// Says that this part is ready, and waits until it may begin.
pub(crate) fn ready(what: &str) -> Outcome<()> {
    println!("ready {what}");
    std::io::stdout().flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    match line.is_empty() {
        true => Err("told to end before it began".into()),
        false => Ok(()),
    }
}

/// Tells what came out until now.
pub(crate) fn tell(result: &impl Serialize) -> Outcome<()> {
    println!("{}", serde_json::to_string(result)?);
    Ok(std::io::stdout().flush()?)
}

/// Tells what came out, and waits until the figures of this process have been read.
pub(crate) fn done(result: &impl Serialize) -> Outcome<()> {
    tell(result)?;
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}

/// A part at work; it is ended when this is dropped.
pub(crate) struct Running {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// What it said when it was ready.
    pub(crate) said: String,
}

impl Running {
    /// Starts a part and waits until it is ready.
    pub(crate) fn start(part: &Part) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--part")
            .arg(serde_json::to_string(part)?)
            .env(TOKEN_VARIABLE, served::token())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let mut running = Self {
            child,
            input,
            output: BufReader::new(output.ok_or("no output")?),
            said: String::new(),
        };
        running.wait()?;
        Ok(running)
    }

    /// Waits until it is ready, for the next step too.
    pub(crate) fn wait(&mut self) -> Outcome<()> {
        let line = self.line()?;
        let said = line.strip_prefix("ready").ok_or("the part is not ready")?;
        self.said = said.trim().to_owned();
        Ok(())
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lets it begin.
    pub(crate) fn go(&mut self) -> Outcome<()> {
        let input = self.input.as_mut().ok_or("it has ended")?;
        writeln!(input, "go")?;
        Ok(())
    }

    /// Waits for its figures.
    pub(crate) fn result<T: DeserializeOwned>(&mut self) -> Outcome<T> {
        let line = self.line()?;
        Ok(serde_json::from_str(&line)?)
    }

    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            let status = self.child.wait()?;
            return Err(Fault::from(format!("a part ended: {status}")));
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
