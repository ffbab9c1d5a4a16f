//! The audit: who asked for what, one JSON line a request, each chained to the one before.
//!
//! Lines are handed over a bounded queue to a thread, for a disk may hold up whoever writes; it
//! writes what has gathered in one go. Names of fields are recorded, never values.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::{Duration, Instant};

use chrono::{SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use super::Metrics;
use super::sink::Sink;

/// Lines that wait to be written.
const QUEUE: usize = 4_096;
/// Lines that are written in one go.
const BATCH: usize = 256;
/// How long what was written may lie in the memory of the operating system.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// How often refusals without a line of their own are told.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// How long a flush waits for a place in a full queue before it looks again.
const FLUSH_AGAIN: Duration = Duration::from_millis(10);

/// Records what was asked and refused.
#[derive(Debug)]
pub struct Audit {
    queue: SyncSender<Job>,
    /// Lines that found no room in the queue.
    lost: Arc<AtomicU64>,
    /// Refusals of strangers that have no line of their own.
    unlisted: Arc<AtomicU64>,
}

/// A line that could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotRecorded;

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Standard error, among the lines of the log.
    StandardError,
    /// A file, which is made if it is not there.
    File(PathBuf),
}

/// What is recorded of a request, or of a client that was not let in.
#[derive(Debug, Serialize)]
pub struct Record<'r> {
    /// `request`, or `refused` for what never became one.
    pub event: &'static str,
    /// The first characters of the token's digest.
    pub token: Option<String>,
    /// The client's address.
    pub address: IpAddr,
    /// The transport, as metrics name it.
    pub transport: &'r str,
    /// The action, or `unknown`.
    pub action: Option<&'r str>,
    /// The model, or `unknown`.
    pub model: Option<&'r str>,
    /// The readable fields that the filter names.
    pub filters: &'r [String],
    /// Rows that were read.
    pub rows: usize,
    /// Bytes of the answer.
    pub bytes: usize,
    /// `ok`, or the code of the error.
    pub code: &'r str,
    /// What it took.
    pub ms: f64,
}

/// What is recorded of a change of the store.
#[derive(Debug, Serialize)]
pub struct ChangeRecord<'r> {
    /// `change_asked` before it is tried, `change` once it is made.
    pub event: &'static str,
    /// `command` or `api`.
    pub by: &'static str,
    /// The user of the system, or the client's address.
    pub who: &'r str,
    /// What was done, such as `tenant.update`.
    pub what: &'r str,
    /// The name or id of what is to be changed, or the id of what was.
    pub of: &'r str,
    /// The revision that the change made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
    /// What it was, without secrets; absent for what was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is, without secrets; absent for what was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

#[derive(Debug)]
enum Job {
    Line(String, Option<oneshot::Sender<Result<(), NotRecorded>>>),
    Reopen,
    Flush(oneshot::Sender<()>),
}

impl Audit {
    /// Opens the target and begins to write.
    ///
    /// # Errors
    /// A file that cannot be written to, or that holds something else than an audit; no thread.
    pub fn open(target: Target, metrics: Arc<Metrics>) -> io::Result<Self> {
        let sink = Sink::open(target)?;
        let (queue, jobs) = mpsc::sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let unlisted = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            sink,
            metrics,
            lost: Arc::clone(&lost),
            unlisted: Arc::clone(&unlisted),
            told: Instant::now(),
            failing: false,
            unsynced: false,
        };
        let thread = std::thread::Builder::new().name("audit".to_owned());
        thread.spawn(move || writer.run(&jobs))?;
        Ok(Self {
            queue,
            lost,
            unlisted,
        })
    }

    /// Records, and waits until the line is written.
    ///
    /// # Errors
    /// When it is not, or when too many lines wait already.
    pub async fn record(&self, record: &Record<'_>) -> Result<(), NotRecorded> {
        self.write(record).await
    }

    /// Records a change, and waits until the line is written.
    ///
    /// # Errors
    /// When it is not.
    pub async fn record_change(&self, change: &ChangeRecord<'_>) -> Result<(), NotRecorded> {
        self.write(change).await
    }

    async fn write(&self, record: &(impl Serialize + Sync)) -> Result<(), NotRecorded> {
        let (done, written) = oneshot::channel();
        let line = Job::Line(members(record), Some(done));
        self.queue.try_send(line).map_err(|_| NotRecorded)?;
        written.await.unwrap_or(Err(NotRecorded))
    }

    /// Records without waiting; what finds no room is counted, and the audit tells how many.
    pub fn note(&self, record: &Record<'_>) {
        if self
            .queue
            .try_send(Job::Line(members(record), None))
            .is_err()
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a refusal that has no line of its own; a line tells how many once a minute.
    ///
    /// Strangers would fill the disk otherwise.
    pub fn count_refusal(&self) {
        self.unlisted.fetch_add(1, Ordering::Relaxed);
    }

    /// Opens the file by its name again, for it may have been moved away.
    pub fn reopen(&self) {
        if self.queue.try_send(Job::Reopen).is_err() {
            warn!("the audit is not opened again: its queue is full");
        }
    }

    /// Waits until everything that was recorded so far is on the disk.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        let mut job = Job::Flush(done);
        while let Err(TrySendError::Full(again)) = self.queue.try_send(job) {
            job = again;
            tokio::time::sleep(FLUSH_AGAIN).await;
        }
        let _ = flushed.await;
    }
}

/// The members of a line that do not depend on its place.
fn members(record: &impl Serialize) -> String {
    let time = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    // A struct of texts and numbers is always JSON.
    let json = serde_json::to_string(record).unwrap_or_default();
    let inner = json
        .strip_prefix('{')
        .and_then(|json| json.strip_suffix('}'))
        .unwrap_or_default();
    format!("\"time\":\"{time}\",{inner}")
}

/// The thread that writes.
struct Writer {
    sink: Sink,
    metrics: Arc<Metrics>,
    lost: Arc<AtomicU64>,
    unlisted: Arc<AtomicU64>,
    told: Instant,
    failing: bool,
    unsynced: bool,
}

impl Writer {
    fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            match jobs.recv_timeout(SYNC_EVERY) {
                Ok(first) => {
                    let rest = jobs.try_iter().take(BATCH - 1);
                    self.write(std::iter::once(first).chain(rest).collect());
                }
                Err(RecvTimeoutError::Timeout) if self.unsynced => self.sync(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.told.elapsed() >= TELL_EVERY {
                self.tell_of_unlisted();
            }
        }
    }

    /// Writes the lines of a batch, and does what else it asks for, in its order.
    fn write(&mut self, batch: Vec<Job>) {
        let (mut lines, mut waiting) = (Vec::new(), Vec::new());
        for job in batch {
            match job {
                Job::Line(line, done) => {
                    lines.push(line);
                    waiting.push(done);
                }
                Job::Reopen => {
                    self.lines(&mut lines, &mut waiting);
                    if let Err(error) = self.sink.reopen() {
                        error!(kind = %error.kind(), "the audit file cannot be opened again: the one before is kept");
                    }
                }
                Job::Flush(done) => {
                    self.lines(&mut lines, &mut waiting);
                    self.tell_of_unlisted();
                    self.sync();
                    let _ = done.send(());
                }
            }
        }
        self.lines(&mut lines, &mut waiting);
    }

    fn lines(
        &mut self,
        lines: &mut Vec<String>,
        waiting: &mut Vec<Option<oneshot::Sender<Result<(), NotRecorded>>>>,
    ) {
        if lines.is_empty() {
            return;
        }
        let mut batch = std::mem::take(lines);
        let count = batch.len() as u64;
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            batch.insert(0, event("gap", "lost", lost));
        }
        let outcome = match self.sink.append(&batch) {
            Ok(()) => {
                if std::mem::take(&mut self.failing) {
                    info!(lost, "the audit is written again");
                }
                self.unsynced = true;
                self.metrics.audited("written", count);
                Ok(())
            }
            Err(error) => {
                self.lost.fetch_add(lost + count, Ordering::Relaxed);
                self.metrics.audited("lost", count);
                if !std::mem::replace(&mut self.failing, true) {
                    error!(kind = %error.kind(), "the audit cannot be written");
                }
                Err(NotRecorded)
            }
        };
        for done in waiting.drain(..).flatten() {
            let _ = done.send(outcome);
        }
    }

    fn tell_of_unlisted(&mut self) {
        self.told = Instant::now();
        let refusals = self.unlisted.swap(0, Ordering::Relaxed);
        if refusals > 0 {
            let line = event("unlisted", "refusals", refusals);
            self.lines(&mut vec![line], &mut Vec::new());
        }
    }

    fn sync(&mut self) {
        self.unsynced = false;
        if let Err(error) = self.sink.sync() {
            error!(kind = %error.kind(), "the audit does not reach the disk");
        }
    }
}

/// A line that tells of others.
fn event(name: &str, member: &str, count: u64) -> String {
    let time = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    format!("\"time\":\"{time}\",\"event\":\"{name}\",\"{member}\":{count}")
}
