//! The audit: who asked for what, one JSON line a request, each chained to the one before.
//!
//! A thread writes, for a disk may hold up whoever does. Lines of one turn of the runtime are handed
//! to it together, and it writes what has gathered in one go, so that under load many answers cost
//! one way there and back. Names of fields are recorded, never values.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    handover: Arc<Handover>,
}

/// Lines on their way to the thread.
#[derive(Debug)]
struct Handover {
    queue: SyncSender<Job>,
    /// Lines of this turn of the runtime.
    gathered: Mutex<Vec<Line>>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Lines that are neither written nor lost.
    waiting: AtomicUsize,
    /// Lines that found no room, or could not be written, and are not told of yet.
    lost: AtomicU64,
    /// Refusals of strangers that have no line of their own.
    unlisted: AtomicU64,
}

/// The members of a line, and who waits for it.
type Line = (String, Option<oneshot::Sender<Result<(), NotRecorded>>>);

impl Handover {
    /// Takes a line; those that come before the runtime has been round go with it.
    fn take(self: &Arc<Self>, line: Line) -> Result<(), NotRecorded> {
        if self.counts.waiting.fetch_add(1, Ordering::Relaxed) >= QUEUE {
            self.give_up(1);
            return Err(NotRecorded);
        }
        let first = {
            let mut gathered = self.gathered();
            gathered.push(line);
            gathered.len() == 1
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if first => {
                let handover = Arc::clone(self);
                drop(runtime.spawn(async move {
                    tokio::task::yield_now().await;
                    handover.hand_over();
                }));
            }
            Ok(_) => {}
            // Whoever ends has no turn to wait for.
            Err(_) => self.hand_over(),
        }
        Ok(())
    }

    fn hand_over(&self) {
        let lines = std::mem::take(&mut *self.gathered());
        let count = lines.len();
        if count > 0 && self.queue.try_send(Job::Lines(lines)).is_err() {
            self.give_up(count);
        }
    }

    fn give_up(&self, count: usize) {
        self.counts.waiting.fetch_sub(count, Ordering::Relaxed);
        self.counts.lost.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn gathered(&self) -> MutexGuard<'_, Vec<Line>> {
        // A list is sound whatever a panicking holder was about to do.
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    /// The tenant, of a token of the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<&'r str>,
    /// The token's name in the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'r str>,
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
    Lines(Vec<Line>),
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
        let counts = Arc::<Counts>::default();
        let handover = Arc::new(Handover {
            queue,
            gathered: Mutex::default(),
            counts: Arc::clone(&counts),
        });
        let writer = Writer {
            sink,
            metrics,
            counts,
            told: Instant::now(),
            failing: false,
            unsynced: false,
        };
        let thread = std::thread::Builder::new().name("audit".to_owned());
        thread.spawn(move || writer.run(&jobs))?;
        Ok(Self { handover })
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
        self.handover.take((members(record), Some(done)))?;
        written.await.unwrap_or(Err(NotRecorded))
    }

    /// Records without waiting; what finds no room is counted, and the audit tells how many.
    pub fn note(&self, record: &Record<'_>) {
        // What finds no room is counted there.
        let _ = self.handover.take((members(record), None));
    }

    /// Counts a refusal that has no line of its own; a line tells how many once a minute.
    ///
    /// Strangers would fill the disk otherwise.
    pub fn count_refusal(&self) {
        self.handover
            .counts
            .unlisted
            .fetch_add(1, Ordering::Relaxed);
    }

    /// Opens the file by its name again, for it may have been moved away.
    pub fn reopen(&self) {
        if self.handover.queue.try_send(Job::Reopen).is_err() {
            warn!("the audit is not opened again: its queue is full");
        }
    }

    /// Waits until everything that was recorded so far is on the disk.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        self.handover.hand_over();
        let mut job = Job::Flush(done);
        while let Err(TrySendError::Full(again)) = self.handover.queue.try_send(job) {
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
    counts: Arc<Counts>,
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
                Job::Lines(some) => {
                    for (line, done) in some {
                        lines.push(line);
                        waiting.push(done);
                    }
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
        let lost = self.counts.lost.swap(0, Ordering::Relaxed);
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
                self.counts.lost.fetch_add(lost + count, Ordering::Relaxed);
                self.metrics.audited("lost", count);
                if !std::mem::replace(&mut self.failing, true) {
                    error!(kind = %error.kind(), "the audit cannot be written");
                }
                Err(NotRecorded)
            }
        };
        let many = waiting.len();
        self.counts.waiting.fetch_sub(many, Ordering::Relaxed);
        for done in waiting.drain(..).flatten() {
            let _ = done.send(outcome);
        }
    }

    fn tell_of_unlisted(&mut self) {
        self.told = Instant::now();
        let refusals = self.counts.unlisted.swap(0, Ordering::Relaxed);
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
