//! Gets that wait together share one statement.
//!
//! A batch is what has arrived and not begun when a worker is free: nothing waits for more to come,
//! and no answer is older than its request. Workers come with work and go with it; few of them do
//! most, for the fewer there are, the more each takes at once. A request that goes away leaves its
//! place empty and stops nobody else's statement.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Failure, FailureKind};
use crate::encode::{Row, RowFault, Rows, Undecodable};
use crate::sql::lookup::{Id, Lookup, MOST};

/// Workers on a server while statements are quick.
pub(super) const WORKERS: usize = 2;
/// A request that waits this long calls one worker more, for those that are there are held up.
const STALL: Duration = Duration::from_millis(20);

/// Reads what one statement of an engine reads for several.
pub(super) trait Gather: Send + Sync + 'static {
    /// Where its requests wait.
    fn waiting(&self) -> &Backlog;

    /// Reads the records of a batch, which share their lookup.
    fn gather(&self, batch: &mut Batch) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Whether each of a batch would fail like that by itself.
    fn is_of_each(failure: &Failure) -> bool {
        matches!(
            failure.kind(),
            FailureKind::Unavailable | FailureKind::Overloaded | FailureKind::Timeout
        )
    }
}

/// Requests that wait for a worker.
#[derive(Debug)]
pub(super) struct Backlog {
    queue: Mutex<Queue>,
    /// Workers while statements are quick.
    workers: usize,
    /// Workers at the most, however much those that are there are held up.
    most_workers: usize,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    workers: usize,
}

/// One request.
#[derive(Debug)]
pub(super) struct Job {
    lookup: Arc<Lookup>,
    id: Id,
    rows: Rows,
    answer: oneshot::Sender<Result<Rows, LookupFailure>>,
}

/// A request that came to nothing.
#[derive(Debug)]
pub(super) struct LookupFailure {
    pub(super) failure: Failure,
    /// What its answer would have been written into, where a worker gave it back.
    pub(super) rows: Option<Rows>,
}

impl From<LookupFailure> for Failure {
    fn from(unanswered: LookupFailure) -> Self {
        unanswered.failure
    }
}

impl Backlog {
    /// A queue for so many workers while statements are quick, and `most_workers` when they are
    /// held up.
    pub(super) fn new(workers: usize, most_workers: usize) -> Self {
        Self {
            queue: Mutex::default(),
            workers,
            most_workers,
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // A queue is sound whatever a panicking holder was about to do.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be done next: the oldest request, and those that can share its statement.
    fn take(&self) -> Option<Batch> {
        let mut queue = self.queue();
        let lookup = loop {
            // Without work the worker goes, and whoever comes next calls another.
            let Some(job) = queue.jobs.front() else {
                queue.workers -= 1;
                return None;
            };
            if !job.answer.is_closed() {
                break Arc::clone(&job.lookup);
            }
            queue.jobs.pop_front();
        };
        let mut jobs = Vec::new();
        let waiting = queue.jobs.len();
        for _ in 0..waiting {
            let Some(job) = queue.jobs.pop_front() else {
                break;
            };
            if job.answer.is_closed() {
                continue;
            }
            if jobs.len() < MOST && Arc::ptr_eq(&job.lookup, &lookup) {
                jobs.push(Part { job, fault: None });
            } else {
                queue.jobs.push_back(job);
            }
        }
        Some(Batch { lookup, jobs })
    }

    /// Whether one worker more may begin, and counts it.
    fn call(&self, most: usize) -> bool {
        let mut queue = self.queue();
        let may = queue.workers < most.min(self.most_workers) && !queue.jobs.is_empty();
        queue.workers += usize::from(may);
        may
    }
}

/// Reads one record, together with whoever else waits for the same model's.
pub(super) async fn ask<G: Gather>(
    engine: &Arc<G>,
    lookup: Arc<Lookup>,
    id: Id,
    rows: Rows,
) -> Result<Rows, LookupFailure> {
    let (answer, mut answered) = oneshot::channel();
    let waiting = engine.waiting();
    waiting.queue().jobs.push_back(Job {
        lookup,
        id,
        rows,
        answer,
    });
    let mut most = waiting.workers;
    loop {
        if waiting.call(most) {
            tokio::spawn(work(Arc::clone(engine)));
        }
        match tokio::time::timeout(STALL, &mut answered).await {
            // A worker that panicked dropped what it had.
            Ok(answer) => {
                let lost = LookupFailure {
                    failure: Failure::new(FailureKind::Internal),
                    rows: None,
                };
                return answer.unwrap_or(Err(lost));
            }
            Err(_) => most = waiting.most_workers,
        }
    }
}

/// Takes batches until nothing waits.
async fn work<G: Gather>(engine: Arc<G>) {
    let mut present = Present(&*engine, true);
    // Connections that are ready in the same turn hand over what they have first.
    tokio::task::yield_now().await;
    while let Some(batch) = engine.waiting().take() {
        run(&*engine, batch).await;
    }
    present.1 = false;
}

/// A worker that is counted, unless it has gone by itself.
struct Present<'e, G: Gather>(&'e G, bool);

impl<G: Gather> Drop for Present<'_, G> {
    fn drop(&mut self) {
        if self.1 {
            self.0.waiting().queue().workers -= 1;
        }
    }
}

async fn run<G: Gather>(engine: &G, mut batch: Batch) {
    let failure = match engine.gather(&mut batch).await {
        Ok(()) => return batch.answer(),
        Err(failure) => failure,
    };
    if G::is_of_each(&failure) || batch.jobs.len() == 1 {
        return batch.fail(failure);
    }
    // One of them may be to blame: each is read by itself.
    for part in batch.jobs {
        tokio::task::yield_now().await;
        let mut alone = Batch {
            lookup: Arc::clone(&batch.lookup),
            jobs: vec![part],
        };
        match engine.gather(&mut alone).await {
            Ok(()) => alone.answer(),
            Err(failure) => alone.fail(failure),
        }
    }
}

/// Requests that one statement answers.
#[derive(Debug)]
pub(super) struct Batch {
    lookup: Arc<Lookup>,
    jobs: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    job: Job,
    /// Why this record cannot be sent, though the statement can go on.
    fault: Option<Failure>,
}

impl Batch {
    /// How many requests it answers.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.jobs.len()).unwrap_or(u32::MAX)
    }

    /// The statement.
    pub(super) fn statement(&self) -> crate::sql::Statement {
        let ids: Vec<Id> = self.jobs.iter().map(|part| part.job.id).collect();
        self.lookup.statement(&ids)
    }

    /// Whether code of others may run where they are read.
    pub(super) fn runs_code(&self) -> bool {
        self.lookup.runs_code()
    }

    /// What one record may take, in bytes.
    pub(super) fn row_bytes(&self) -> usize {
        self.lookup.row_bytes()
    }

    /// Forgets what came so far, for the statement is run anew.
    pub(super) fn restart(&mut self) {
        for part in &mut self.jobs {
            part.job.rows.restart();
            part.fault = None;
        }
    }

    /// Gives a record to everybody who asked for it; how many bytes were written.
    ///
    /// # Errors
    /// When its id cannot be read.
    pub(super) fn push<R: Row>(&mut self, row: &R) -> Result<usize, Failure> {
        let index = self.lookup.key();
        let key = row.datum(index).map_err(RowFault::from)?;
        let id = Id::of(&key).ok_or_else(|| RowFault::from(Undecodable { index }))?;
        let mut written = 0;
        for part in self.jobs.iter_mut().filter(|part| part.job.id == id) {
            if let Err(fault) = part.job.rows.push(row) {
                part.fault = Some(fault.into());
            }
            written += part.job.rows.written();
        }
        Ok(written)
    }

    /// Notes the edition of the schema that the records were read under.
    pub(super) fn read_under(&mut self, edition: i64) {
        for part in &mut self.jobs {
            part.job.rows.read_under(edition);
        }
    }

    fn answer(self) {
        for Part { job, fault } in self.jobs {
            let answer = match fault {
                Some(failure) => Err(LookupFailure {
                    failure,
                    rows: None,
                }),
                None => Ok(job.rows),
            };
            // Whoever has gone wants none.
            let _ = job.answer.send(answer);
        }
    }

    fn fail(self, failure: Failure) {
        let kind = failure.kind().clone();
        let mut failure = Some(failure);
        for Part { job, .. } in self.jobs {
            // The driver's words are logged once.
            let failure = failure.take().unwrap_or_else(|| Failure::new(kind.clone()));
            let rows = Some(job.rows);
            let _ = job.answer.send(Err(LookupFailure { failure, rows }));
        }
    }
}
