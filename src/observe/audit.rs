//! The audit: who asked for what, one JSON line a request, each chained to the one before.
//!
//! A thread writes, for a disk may hold up whoever does. Lines of one turn of the runtime are handed
//! to it together, and it writes what has gathered in one go, so that under load many answers cost
//! one way there and back. Names of fields are recorded, never values.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::{error, info, warn};

use super::Metrics;
use super::line::{self, ChangeRecord, LineNumber, Record, counted, members};
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
    /// Whether what cannot be recorded is refused.
    denies: AtomicBool,
    /// Whether nothing could be written when it was last tried.
    failing: AtomicBool,
}

/// A line that is not written yet.
#[derive(Debug)]
struct Line {
    members: String,
    number: LineNumber,
    /// Who waits for it.
    done: Option<oneshot::Sender<Result<(), NotRecorded>>>,
}

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
        let place = match &target {
            Target::StandardError => "on standard error".to_owned(),
            Target::File(path) => path.display().to_string(),
        };
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
            place,
            metrics,
            counts,
            told: Instant::now(),
            unsynced: false,
        };
        let thread = std::thread::Builder::new().name("audit".to_owned());
        thread.spawn(move || writer.run(&jobs))?;
        Ok(Self { handover })
    }

    /// Says whether what cannot be recorded is refused, which the log tells where nothing can.
    pub(crate) fn set_denies(&self, denies: bool) {
        self.handover.counts.denies.store(denies, Ordering::Relaxed);
    }

    /// Whether requests are refused because nothing could be written when it was last tried.
    pub(crate) fn is_refusing(&self) -> bool {
        let counts = &self.handover.counts;
        counts.failing.load(Ordering::Relaxed) && counts.denies.load(Ordering::Relaxed)
    }

    /// Tells that a service begins, and finds out whether anything can be written.
    pub async fn begin(&self) {
        // What does not come through is told by whoever writes.
        let _ = self.line(line::begun(), LineNumber::default()).await;
    }

    /// Records, and waits until the line is written.
    ///
    /// # Errors
    /// When it is not, or when too many lines wait already.
    pub async fn record(&self, record: &Record<'_>) -> Result<(), NotRecorded> {
        self.line(members(record), record.number.clone()).await
    }

    /// Records a change, and waits until the line is written.
    ///
    /// # Errors
    /// When it is not.
    pub async fn record_change(&self, change: &ChangeRecord<'_>) -> Result<(), NotRecorded> {
        self.line(members(change), LineNumber::default()).await
    }

    async fn line(&self, members: String, number: LineNumber) -> Result<(), NotRecorded> {
        let (done, written) = oneshot::channel();
        self.handover.take(Line {
            members,
            number,
            done: Some(done),
        })?;
        written.await.unwrap_or(Err(NotRecorded))
    }

    /// Records without waiting; what finds no room is counted, and the audit tells how many.
    pub fn note(&self, record: &Record<'_>) {
        // What finds no room is counted there.
        let _ = self.handover.take(Line {
            members: members(record),
            number: record.number.clone(),
            done: None,
        });
    }

    /// Counts a refusal that has no line of its own; a line tells how many once a minute.
    ///
    /// Strangers would fill the disk otherwise.
    pub(crate) fn count_refusal(&self) {
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

/// The thread that writes.
struct Writer {
    sink: Sink,
    /// Where it writes, for the log.
    place: String,
    metrics: Arc<Metrics>,
    counts: Arc<Counts>,
    told: Instant,
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
                // Nobody may ask while nothing is answered.
                Err(RecvTimeoutError::Timeout) if self.is_failing() => self.try_again(),
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
        let mut lines = Vec::new();
        for job in batch {
            match job {
                Job::Lines(some) => lines.extend(some),
                Job::Reopen => {
                    self.lines(&mut lines);
                    if let Err(error) = self.sink.reopen() {
                        let (place, reason) = (&self.place, reason(&error));
                        error!(
                            "the audit {place} cannot be opened again ({reason}): the file before is written to; mend it and send SIGHUP"
                        );
                    }
                }
                Job::Flush(done) => {
                    self.lines(&mut lines);
                    self.tell_of_unlisted();
                    self.sync();
                    let _ = done.send(());
                }
            }
        }
        self.lines(&mut lines);
    }

    fn lines(&mut self, lines: &mut Vec<Line>) {
        if lines.is_empty() {
            return;
        }
        let lines = std::mem::take(lines);
        let count = lines.len() as u64;
        let lost = self.counts.lost.swap(0, Ordering::Relaxed);
        let gap = (lost > 0).then(|| counted("gap", "lost", lost));
        let members = lines.iter().map(|line| &*line.members);
        let batch: Vec<&str> = gap.as_deref().into_iter().chain(members).collect();
        let outcome = match self.sink.append(&batch) {
            Ok(last) => {
                for (number, line) in (last + 1 - count..).zip(&lines) {
                    line.number.set(number);
                }
                if self.counts.failing.swap(false, Ordering::Relaxed) {
                    info!(lost, "the audit is written again");
                }
                self.unsynced = true;
                self.metrics.audited("written", count);
                Ok(())
            }
            Err(error) => {
                self.counts.lost.fetch_add(lost + count, Ordering::Relaxed);
                self.metrics.audited("lost", count);
                if !self.counts.failing.swap(true, Ordering::Relaxed) {
                    self.tell_of_failure(&error);
                }
                Err(NotRecorded)
            }
        };
        self.counts
            .waiting
            .fetch_sub(lines.len(), Ordering::Relaxed);
        for done in lines.into_iter().filter_map(|line| line.done) {
            let _ = done.send(outcome);
        }
    }

    fn is_failing(&self) -> bool {
        self.counts.failing.load(Ordering::Relaxed)
    }

    /// Writes the line that tells of those which are lost.
    fn try_again(&mut self) {
        let lost = self.counts.lost.load(Ordering::Relaxed);
        if self.sink.append(&[&counted("gap", "lost", lost)]).is_ok() {
            self.counts.lost.fetch_sub(lost, Ordering::Relaxed);
            self.counts.failing.store(false, Ordering::Relaxed);
            self.unsynced = true;
            info!(lost, "the audit is written again");
        }
    }

    fn tell_of_failure(&self, error: &io::Error) {
        let (place, reason) = (&self.place, reason(error));
        let remedy = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room",
            io::ErrorKind::InvalidData => "move the file away, and send SIGHUP",
            _ => "look at the file, its rights and its disk",
        };
        match self.counts.denies.load(Ordering::Relaxed) {
            true => error!(
                "the audit {place} cannot be written ({reason}): every request is refused until it can (MCP_AUDIT_ON_ERROR=deny); {remedy}, no restart is needed"
            ),
            false => error!(
                "the audit {place} cannot be written ({reason}): requests are answered without a line, and counted (MCP_AUDIT_ON_ERROR=warn); {remedy}, no restart is needed"
            ),
        }
    }

    fn tell_of_unlisted(&mut self) {
        self.told = Instant::now();
        let refusals = self.counts.unlisted.swap(0, Ordering::Relaxed);
        if refusals > 0 {
            let line = counted("unlisted", "refusals", refusals);
            // It came by no queue, and is counted as if it had.
            self.counts.waiting.fetch_add(1, Ordering::Relaxed);
            self.lines(&mut vec![Line {
                members: line,
                number: LineNumber::default(),
                done: None,
            }]);
        }
    }

    fn sync(&mut self) {
        self.unsynced = false;
        if let Err(error) = self.sink.sync() {
            let (place, reason) = (&self.place, reason(&error));
            error!("the audit {place} does not reach the disk ({reason}): look at the disk");
        }
    }
}

/// Why something failed, without what only programmers read.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => "no space".to_owned(),
        // Our own words.
        io::ErrorKind::InvalidData => error.to_string(),
        kind => kind.to_string(),
    }
}
