//! What was asked lately, for those who look: each request with the code of its answer, and sums by
//! second and by minute.
//!
//! A ring in the memory of this process, bounded in number and in bytes. It holds what the audit may
//! hold and no more: names of the schema, codes and counts, never a value, nor a name that a client
//! made up. Nothing is kept before somebody can look.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::LineNumber;
use super::series::{Point, Series};
use crate::auth::{Client, Credential};

/// Requests and refusals that are kept.
pub(crate) const KEPT: usize = 1_000;
/// Fields of a filter that are kept by name.
const FILTERS: usize = 6;

/// What was asked lately.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    watched: AtomicBool,
    kept: Mutex<History>,
}

#[derive(Debug, Default)]
struct History {
    last: u64,
    ring: VecDeque<Arc<Attempt>>,
    series: Series,
}

/// A request that was answered or refused, or a client that was not let in.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Its number since the start of the service, from 1.
    pub number: u64,
    /// When it was answered.
    pub at: DateTime<Utc>,
    /// What was shown, where it was known.
    pub credential: Option<Credential>,
    /// Whose it is, where it is one of the store.
    pub client: Option<Arc<Client>>,
    /// The client's address.
    pub address: IpAddr,
    /// The transport, as metrics name it.
    pub transport: &'static str,
    /// The action; none where nothing was asked yet.
    pub action: Option<Box<str>>,
    /// The model, or `unknown`.
    pub model: Option<Box<str>>,
    /// The tool that was called.
    pub tool: Option<Box<str>>,
    /// The readable fields that the filter names, the first of them.
    pub filters: Box<[Box<str>]>,
    /// `ok`, or the code of the error.
    pub code: Box<str>,
    /// What stood in the way, as far as a schema names it.
    pub(crate) obstacle: Option<Obstacle>,
    /// What it took.
    pub took: Duration,
    /// Rows in the answer.
    pub rows: u64,
    /// Bytes of the answer.
    pub bytes: u64,
    /// Its line in the audit.
    pub line: LineNumber,
}

/// What stood in the way of a request: names of the schema and of the configuration alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// A field that is there, and hidden.
    Hidden {
        /// The field.
        field: Box<str>,
        /// The rule that hides it.
        rule: Box<str>,
    },
    /// A name that no field has.
    UnknownField,
    /// A model that the tenant's databases list, and the token may not see.
    Withheld(Box<str>),
    /// A model that a database lists, and nobody is served: it is not there, or a rule cannot hold.
    Unserved(Box<str>),
    /// A scope that the token has not.
    Scope(&'static str),
    /// An action that the token's tools leave out.
    Action(&'static str),
    /// A tool of the operator that the token may not call.
    Tool(Box<str>),
    /// An attribute of the caller that a tool asks for, and the token has not.
    Attribute(Box<str>),
    /// A field without an index, of a model with too many rows.
    Scan {
        /// The field.
        field: Box<str>,
        /// The model.
        model: Box<str>,
    },
    /// A window: how many requests it admits, in how many seconds, and of whom.
    Window(u32, u64, Whose),
    /// Rows of a day.
    Budget(u64),
    /// The seconds that a statement may take.
    Timeout(u64),
    /// The bytes of one record.
    Bytes {
        /// What an answer may have.
        most: usize,
        /// What its large values have; 0 where that is not known.
        needed: usize,
    },
}

/// Whom a window counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// One connection.
    Connection,
    /// Each token, by the configuration.
    EachToken,
    /// This token, by its record.
    Token,
    /// All tokens of a tenant.
    Tenant,
}

impl Attempt {
    /// What a client asked that has been let in or not; the rest is told by the fields.
    pub(crate) fn new(address: IpAddr, transport: &'static str, code: &str) -> Self {
        Self {
            number: 0,
            at: Utc::now(),
            credential: None,
            client: None,
            address,
            transport,
            action: None,
            model: None,
            tool: None,
            filters: Box::default(),
            code: code.into(),
            obstacle: None,
            took: Duration::ZERO,
            rows: 0,
            bytes: 0,
            line: LineNumber::default(),
        }
    }

    /// The same, with the first of the fields that its filter names.
    #[must_use]
    pub(crate) fn filtered(self, filters: &[String]) -> Self {
        let filters = filters.iter().take(FILTERS);
        Self {
            filters: filters.map(|name| name.as_str().into()).collect(),
            ..self
        }
    }

    /// Whether it was answered as it was asked.
    pub(crate) fn is_ok(&self) -> bool {
        &*self.code == "ok"
    }
}

impl Recent {
    /// Begins to keep what is asked, for somebody may look.
    pub(crate) fn watch(&self) {
        self.watched.store(true, Ordering::Relaxed);
    }

    /// Whether anything is kept.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    /// Keeps a request; what is too old gives way.
    pub(crate) fn note(&self, asked: Attempt) {
        if !self.is_watched() {
            return;
        }
        let mut kept = self.kept();
        kept.series.count(&asked);
        kept.last += 1;
        let number = kept.last;
        if kept.ring.len() == KEPT {
            kept.ring.pop_front();
        }
        kept.ring.push_back(Arc::new(Attempt { number, ..asked }));
    }

    /// What is kept beyond a number, the oldest first.
    pub(crate) fn after(&self, number: u64) -> Vec<Arc<Attempt>> {
        let kept = self.kept();
        let first = kept.ring.partition_point(|asked| asked.number <= number);
        kept.ring.range(first..).cloned().collect()
    }

    /// The one of that number, while it is kept.
    pub(crate) fn find(&self, number: u64) -> Option<Arc<Attempt>> {
        let kept = self.kept();
        let place = kept
            .ring
            .binary_search_by_key(&number, |asked| asked.number);
        place.ok().and_then(|place| kept.ring.get(place).cloned())
    }

    /// Sums by second for ten minutes and by minute for a day, each from a moment on.
    pub(crate) fn points(&self, since: i64) -> (Vec<Point>, Vec<Point>) {
        self.kept().series.points(Utc::now().timestamp(), since)
    }

    fn kept(&self) -> MutexGuard<'_, History> {
        // A ring is sound whatever a panicking holder was about to do.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn asked(code: &str) -> Attempt {
        Attempt::new(Ipv4Addr::LOCALHOST.into(), "ws", code)
    }

    #[test]
    fn nothing_is_kept_before_somebody_can_look() {
        let recent = Recent::default();
        recent.note(asked("ok"));
        assert!(recent.after(0).is_empty());
        recent.watch();
        recent.note(asked("ok"));
        assert_eq!(recent.after(0).len(), 1);
    }

    #[test]
    fn the_oldest_gives_way_and_numbers_go_on() {
        let recent = Recent::default();
        recent.watch();
        for _ in 0..KEPT + 5 {
            recent.note(asked("ok"));
        }
        let all = recent.after(0);
        let ends = all
            .first()
            .zip(all.last())
            .map(|(a, z)| (a.number, z.number));
        assert_eq!((all.len(), ends), (KEPT, Some((6, KEPT as u64 + 5))));
        assert_eq!(recent.after(KEPT as u64).len(), 5);
        assert!(recent.after(u64::MAX).is_empty());
        assert!(recent.find(5).is_none() && recent.find(KEPT as u64 + 6).is_none());
        assert_eq!(recent.find(6).map(|found| found.number), Some(6));
    }

    #[test]
    fn a_filter_of_many_fields_is_cut() {
        let names: Vec<String> = (0..50).map(|n| format!("field{n}")).collect();
        assert_eq!(asked("ok").filtered(&names).filters.len(), FILTERS);
    }
}
