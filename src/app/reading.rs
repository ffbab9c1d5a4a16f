//! A reading of the catalog: for a reload, or for a database that has never answered.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::NotReloaded;
use crate::config::{Change, Config, Tls};
use crate::plan::CursorKey;
use crate::policy::judged::Tables;

/// What takes away is in force after this long, whatever a reload waits for.
const WITHDRAWN_AFTER: Duration = Duration::from_secs(1);

/// A reading of the catalog, which others than the database never wait for.
#[derive(Debug)]
pub(super) struct Reading {
    /// The configuration that it is read for.
    pub(super) config: Arc<Config>,
    /// What a reload asks for besides; none where the one in force waits for its database.
    pub(super) asked: Option<Reload>,
    pub(super) task: Task,
}

/// What a reload puts in force once the catalog is read.
#[derive(Debug)]
pub(super) struct Reload {
    pub(super) changes: Vec<Change>,
    /// What is weak and was not before.
    pub(super) warnings: Vec<String>,
    pub(super) cursors: Arc<CursorKey>,
    pub(super) tls: Option<Tls>,
    pub(super) since: Instant,
    /// Whether what it takes away is in force.
    pub(super) withdrawn: bool,
}

/// What reads the catalog.
#[derive(Debug)]
pub(super) enum Task {
    /// The database is asked.
    Runs(AbortOnDropHandle<Result<Tables, NotReloaded>>),
    /// It did not answer; the owner of the configuration asks again each second.
    Rests,
}

impl Reading {
    /// When what a reload takes away has waited for long enough.
    pub(super) fn withdraws_at(&self) -> Option<Instant> {
        let asked = self.asked.as_ref().filter(|asked| !asked.withdrawn);
        asked.map(|asked| asked.since + WITHDRAWN_AFTER)
    }
}

pub(super) async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// The tables, once they are read.
pub(super) async fn read(reading: Option<&mut Reading>) -> Result<Tables, NotReloaded> {
    match reading.map(|reading| &mut reading.task) {
        Some(Task::Runs(task)) => task.await.unwrap_or(Err(NotReloaded::Unchecked(None))),
        Some(Task::Rests) | None => std::future::pending().await,
    }
}
