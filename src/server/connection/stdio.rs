//! MCP by standard input and output: one JSON-RPC message a line, nothing else.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::io::BufReader;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::warn;

use super::in_flight::Answers;
use super::outgoing::Outgoing;
use super::{IN_FLIGHT, events};
use crate::auth::{Caller, Credential};
use crate::config::Config;
use crate::error::{Error, ErrorKind};
use crate::limit::{Arrival, Meter, Weight};
use crate::observe::Metrics;
use crate::policy::{Form, Limited, Tally};
use crate::protocol::IdSearch;
use crate::server::{App, GRACE, Stop, mcp};
use crate::service::{Change, PolicyReceiver, Service};

/// How long it is written on once what runs was cut.
const LAST_WORD: Duration = Duration::from_secs(1);

/// The service for one client, which started it and talks to it by pipes.
#[derive(Debug)]
pub(crate) struct StdioService(App);

impl StdioService {
    /// The service of a configuration; `stop` ends it before its input does.
    pub(crate) fn new(
        config: &Config,
        service: Arc<Service>,
        metrics: Arc<Metrics>,
        stop: Stop,
    ) -> Self {
        let mut app = App::new(config, config.service.listen, service, metrics);
        app.stop = stop;
        Self(app)
    }

    /// Answers messages until the input ends, or the service is told to stop.
    ///
    /// The client started the process, so no token is asked. There is no socket to close either: a
    /// message over the window is refused, and the next one may be within it again.
    ///
    /// # Errors
    /// When the output cannot be written, for another reason than that nobody reads it.
    pub(crate) async fn serve(
        self,
        input: impl AsyncRead + Send + Unpin + 'static,
        output: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let Self(app) = self;
        let stop = app.stop.clone();
        let cutter = tokio::spawn(async move {
            stop.stopping.cancelled().await;
            sleep(GRACE).await;
            stop.cut.cancel();
        });
        let session = app.metrics.session();
        let cut = app.stop.cut.clone();
        let ended = tokio::select! {
            ended = run(&app, input, output) => ended,
            // A client that does not read is not waited for.
            () = async { cut.cancelled().await; sleep(LAST_WORD).await } => Ok(()),
        };
        cutter.abort();
        drop(session);
        match ended {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            ended => ended,
        }
    }
}

async fn run(
    app: &App,
    input: impl AsyncRead + Send + Unpin + 'static,
    mut output: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let caller = Caller::new(
        Credential::LOCAL,
        None,
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        "stdio",
    );
    let channel = mcp::Channel::default();
    let mut policy = PolicyReceiver::new(&app.service, None, app.service.policy());
    let max_bytes = policy.policy().settings.connections.max_message_bytes;
    let mut meter = Meter::new(policy.policy().window());
    let share = app.memory.share(caller.principal.holder());
    let mut lines = lines(input, Arrival::new(share.clone(), max_bytes), max_bytes);
    let mut answers = Answers::as_ready();
    let mut reading = true;
    while reading || !answers.is_empty() {
        tokio::select! {
            biased;
            Some(answer) = answers.next(), if !answers.is_empty() => {
                write(&mut output, answer).await?;
            }
            () = app.stop.stopping.cancelled(), if reading => {
                reading = false;
                for told in channel.farewell() {
                    write(&mut output, told).await?;
                }
            }
            changed = policy.changed(), if reading => {
                if changed == Ok(Change::Models) {
                    channel.models_changed();
                }
            }
            text = channel.outbox().next(), if reading => write(&mut output, text).await?,
            line = lines.recv(), if reading && answers.len() < IN_FLIGHT => {
                let Some(line) = line else {
                    reading = false;
                    continue;
                };
                if policy.look() == Ok(Change::Models) {
                    channel.models_changed();
                }
                let policy = Arc::clone(policy.policy());
                let weight = line.as_deref().map_or(Weight::Read, mcp::weight);
                let of = (&*policy, &caller.principal);
                let own = Tally::Own(&mut meter, caller.address);
                let admitted = app.service.admit(of, weight, own).await;
                match (admitted, line) {
                    (Ok(()), Ok(line)) => {
                        let (channel, caller, share) = (&channel, &caller, &share);
                        let bytes = line.len() + policy.answer_bytes(Form::Tool);
                        answers.push(Box::pin(async move {
                            // Those before it give theirs back when they are written.
                            let Some(memory) = share.reserve(bytes).await else {
                                let error = Error::from(ErrorKind::Overloaded);
                                return mcp::refused(&line, &error).into();
                            };
                            let answer = channel.answer(app, &policy, caller, &line).await;
                            Outgoing::new(answer, memory)
                        }));
                    }
                    (Ok(()), Err(TooLong(id))) => {
                        write(&mut output, mcp::too_large(id.found(), max_bytes)).await?;
                    }
                    (Err(limited), line) => {
                        if app.limited(&caller, limited) {
                            warn!("MCP request refused: Rate limit exceeded: {limited}");
                        }
                        write(&mut output, refused(&line, limited)).await?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// The answer to a line over the window.
fn refused(line: &Result<String, TooLong>, limited: Limited) -> Vec<u8> {
    match line {
        Ok(line) => mcp::limited(line, limited),
        Err(TooLong(id)) => mcp::one_too_many(id.found(), limited),
    }
}

async fn write(
    output: &mut (impl AsyncWrite + Unpin),
    answer: impl Into<Outgoing>,
) -> io::Result<()> {
    let answer = answer.into();
    if answer.is_empty() {
        return Ok(());
    }
    let answer = answer.map(|answer| {
        let mut line = events::one_line(answer);
        line.push(b'\n');
        line
    });
    output.write_all(answer.as_ref()).await?;
    output.flush().await
}

/// A line that is larger than a message may be, of which only the id was looked for.
struct TooLong(IdSearch);

/// The lines of an input, read one ahead by a task of their own, so that waiting for one can be
/// given up without losing half of it. By hand, for of a line that is too long the id is looked for
/// (ADR 14).
fn lines(
    input: impl AsyncRead + Send + Unpin + 'static,
    mut arrival: Arrival,
    max_bytes: usize,
) -> mpsc::Receiver<Result<String, TooLong>> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut input = BufReader::new(input);
        while let Ok(Some(line)) = line(&mut input, &mut arrival, max_bytes).await {
            arrival.whole();
            let blank = matches!(&line, Ok(line) if line.trim().is_empty());
            if !blank && sender.send(line).await.is_err() {
                return;
            }
        }
    });
    receiver
}

/// The next line without its end; `None` at the end of the input.
async fn line(
    input: &mut (impl AsyncBufRead + Unpin),
    arrival: &mut Arrival,
    max_bytes: usize,
) -> io::Result<Option<Result<String, TooLong>>> {
    let mut line = Ok(Vec::new());
    let mut begun = false;
    loop {
        let read = input.fill_buf().await?;
        if read.is_empty() && !begun {
            return Ok(None);
        }
        begun = true;
        let end = read.iter().position(|byte| *byte == b'\n');
        let taken = &read[..end.unwrap_or(read.len())];
        match &mut line {
            Ok(line) if line.len() + taken.len() <= max_bytes => {
                arrival.came(taken.len());
                // There is nobody to make room for by giving up: it is waited for.
                while arrival.room().await.is_err() {
                    arrival.whole();
                }
                line.extend_from_slice(taken);
            }
            Ok(beginning) => {
                // Its id takes no more than there is memory for already.
                let mut id = IdSearch::new(max_bytes);
                id.push(beginning);
                id.push(taken);
                line = Err(TooLong(id));
            }
            Err(TooLong(id)) => id.push(taken),
        }
        let last = end.is_some() || read.is_empty();
        let used = taken.len() + usize::from(end.is_some());
        input.consume(used);
        if last {
            break;
        }
    }
    // What is no UTF-8 is no JSON either, and is answered so.
    let line = line.map(|line| String::from_utf8(line).unwrap_or_else(|_| "\u{fffd}".to_owned()));
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Memory;

    #[tokio::test]
    async fn lines_are_bounded_and_the_last_needs_no_end() {
        let input: &[u8] = b"one\r\n\ntoo long for this\ntwo\n\xff\nlast";
        let arrival = Arrival::new(Memory::new(1024).share(()), 8);
        let mut lines = lines(input, arrival, 8);
        let mut found = Vec::new();
        while let Some(line) = lines.recv().await {
            found.push(line.unwrap_or_else(|TooLong(id)| format!("id {:?}", id.found())));
        }
        assert_eq!(found, ["one\r", "id None", "two", "\u{fffd}", "last"]);
    }
}
