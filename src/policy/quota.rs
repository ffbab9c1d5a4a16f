//! How much a client of the store may ask for: a window of requests, and rows a day.
//!
//! A quota is counted where it is kept: by one instance, in memory. What was spent outlives a change
//! of the client's record, and not the process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use serde::Serialize;

use super::window::{Bound, Limited};
use crate::error::ErrorKind;
use crate::limit::Window;
use crate::store::ClientLimits;

/// What a token, or all tokens of a tenant, may ask for, and what they did.
#[derive(Debug, Clone)]
pub struct Quota {
    bound: Bound,
    requests: u32,
    window: Duration,
    rows_per_day: Option<u64>,
    spent: Arc<Consumption>,
}

/// What was asked for so far.
#[derive(Debug)]
pub struct Consumption(Mutex<Counts>);

#[derive(Debug)]
struct Counts {
    window: Window,
    day: i64,
    rows: u64,
    /// Rows that requests under way may read at the most.
    reserved: u64,
}

impl Default for Consumption {
    fn default() -> Self {
        Self(Mutex::new(Counts {
            window: Window::new(0, Duration::ZERO),
            day: 0,
            rows: 0,
            reserved: 0,
        }))
    }
}

impl Counts {
    /// Begins to count anew with another day.
    fn turn(&mut self, today: i64) {
        if self.day != today {
            (self.day, self.rows) = (today, 0);
        }
    }
}

/// Rows that are set aside for a request, until it ends.
#[derive(Debug)]
pub(crate) struct RowReservation {
    spent: Arc<Consumption>,
    rows: u64,
}

impl RowReservation {
    /// Counts the rows that were read.
    pub(crate) fn spend(self, rows: usize) {
        let mut counts = self.spent.counts();
        counts.turn(day(Utc::now()));
        counts.rows = counts.rows.saturating_add(rows as u64);
    }
}

impl Drop for RowReservation {
    fn drop(&mut self) {
        let mut counts = self.spent.counts();
        counts.reserved = counts.reserved.saturating_sub(self.rows);
    }
}

impl Consumption {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Counts are sound whatever a panicking holder was about to do.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is left of a quota; without a limit nothing is said.
#[derive(Debug, Serialize)]
pub struct Remainder {
    /// Requests of a window, its length in seconds, and how many more there may be now.
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<RequestsLeft>,
    /// Rows of a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<RowsLeft>,
}

#[derive(Debug, Serialize)]
struct RequestsLeft {
    limit: u32,
    window: u64,
    left: usize,
}

#[derive(Debug, Serialize)]
struct RowsLeft {
    limit: u64,
    left: u64,
    until: String,
}

impl Quota {
    /// The quota of a token by these limits; where they have no window, `usual` holds: requests
    /// (0 for no limit) and the window's length.
    pub fn of_token(limits: ClientLimits, usual: (u32, Duration), spent: Arc<Consumption>) -> Self {
        let bound = match limits.rate_limit {
            Some(_) => Bound::Token,
            None => Bound::EachToken,
        };
        Self::new(bound, limits, usual, spent)
    }

    /// The quota of all tokens of a tenant; the usual length is that of the window of each.
    pub fn of_tenant(limits: ClientLimits, usual: Duration, spent: Arc<Consumption>) -> Self {
        Self::new(Bound::Tenant, limits, (0, usual), spent)
    }

    fn new(
        bound: Bound,
        limits: ClientLimits,
        usual: (u32, Duration),
        spent: Arc<Consumption>,
    ) -> Self {
        let window = limits
            .rate_window
            .map_or(usual.1, |seconds| Duration::from_secs(seconds.into()));
        Self {
            bound,
            requests: limits.rate_limit.unwrap_or(usual.0),
            window,
            rows_per_day: limits.rows_per_day,
            spent,
        }
    }

    /// The window of the token's record, where that has one.
    pub(crate) fn own(&self) -> Option<(u32, Duration)> {
        (self.bound == Bound::Token).then_some((self.requests, self.window))
    }

    /// The rows that may be read in a day, where there is a limit.
    pub(crate) fn rows_per_day(&self) -> Option<u64> {
        self.rows_per_day
    }

    /// The rows that were read today.
    pub(crate) fn rows_today(&self) -> u64 {
        self.rows_of(Utc::now())
    }

    /// What was spent of it.
    pub(crate) fn spent(&self) -> Arc<Consumption> {
        Arc::clone(&self.spent)
    }

    /// Admits a request to the window.
    ///
    /// # Errors
    /// The request that is one too many.
    pub(crate) fn admit(&self) -> Result<(), Limited> {
        if self.requests == 0 {
            return Ok(());
        }
        let mut counts = self.spent.counts();
        counts.window.follow(self.requests, self.window);
        let admitted = counts.window.admit(Instant::now());
        let window = (self.requests, self.window);
        admitted.map_err(|wait| Limited::new(self.bound, window, wait))
    }

    /// Sets rows aside that a request may read, so that those under way at the same time know of
    /// each other; what is read is counted when it ends.
    ///
    /// # Errors
    /// A day whose rows were read, or are being read.
    pub(crate) fn reserve(&self, rows: u64) -> Result<Option<RowReservation>, ErrorKind> {
        let Some(limit) = self.rows_per_day else {
            return Ok(None);
        };
        let mut counts = self.spent.counts();
        counts.turn(day(Utc::now()));
        if counts.rows.saturating_add(counts.reserved) >= limit {
            return Err(ErrorKind::BudgetSpent(limit));
        }
        counts.reserved = counts.reserved.saturating_add(rows);
        drop(counts);
        Ok(Some(RowReservation {
            spent: Arc::clone(&self.spent),
            rows,
        }))
    }

    /// What is left at this moment.
    pub fn left(&self) -> Remainder {
        let now = Utc::now();
        let requests = (self.requests > 0).then(|| {
            let mut counts = self.spent.counts();
            counts.window.follow(self.requests, self.window);
            RequestsLeft {
                limit: self.requests,
                window: self.window.as_secs(),
                left: counts.window.left(Instant::now()).unwrap_or_default(),
            }
        });
        let rows = self.rows_per_day.map(|limit| RowsLeft {
            limit,
            left: limit.saturating_sub(self.rows_of(now)),
            until: midnight(now),
        });
        Remainder { requests, rows }
    }

    fn rows_of(&self, now: DateTime<Utc>) -> u64 {
        let counts = self.spent.counts();
        match counts.day == day(now) {
            true => counts.rows,
            false => 0,
        }
    }
}

/// The number of a day of the calendar.
fn day(time: DateTime<Utc>) -> i64 {
    time.timestamp().div_euclid(86_400)
}

/// The end of a day.
fn midnight(time: DateTime<Utc>) -> String {
    let tomorrow = time.checked_add_signed(TimeDelta::days(1)).unwrap_or(time);
    let end = tomorrow
        .with_time(NaiveTime::MIN)
        .single()
        .unwrap_or(tomorrow);
    end.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(limits: ClientLimits, spent: &Arc<Consumption>) -> Quota {
        Quota::of_token(limits, (0, Duration::from_secs(60)), Arc::clone(spent))
    }

    #[test]
    fn what_was_spent_outlives_a_change_of_the_limits() {
        let spent = Arc::<Consumption>::default();
        let limits = |requests, rows| ClientLimits {
            rate_limit: requests,
            rate_window: None,
            rows_per_day: rows,
        };
        let two = quota(limits(Some(2), Some(10)), &spent);
        assert!(two.admit().is_ok() && two.admit().is_ok());
        let over = two.admit().unwrap_err();
        let told = "2 requests per 60s of this token; raise it with lucarne token update";
        assert!(over.to_string().starts_with(told), "{over}");
        let three = quota(limits(Some(3), Some(20)), &spent);
        assert!(three.admit().is_ok() && three.admit().is_err());
        let spend = |quota: &Quota, rows| quota.reserve(50).unwrap().unwrap().spend(rows);
        spend(&two, 9);
        spend(&two, 1);
        let refused = |quota: &Quota| quota.reserve(1).err();
        assert_eq!(refused(&two), Some(ErrorKind::BudgetSpent(10)));
        assert_eq!(refused(&three), None);
        let left = serde_json::to_value(three.left()).unwrap();
        assert_eq!(left["rows"]["left"], 10);
        assert_eq!(left["requests"]["left"], 0);
        let unlimited = quota(ClientLimits::default(), &spent);
        assert!((0..100).all(|_| unlimited.admit().is_ok()) && refused(&unlimited).is_none());
        assert_eq!(
            serde_json::to_value(unlimited.left()).unwrap(),
            serde_json::json!({})
        );
    }

    #[test]
    fn requests_under_way_know_of_each_other() {
        let spent = Arc::<Consumption>::default();
        let quota = quota(
            ClientLimits {
                rows_per_day: Some(100),
                ..ClientLimits::default()
            },
            &spent,
        );
        let mut under_way: Vec<RowReservation> = Vec::new();
        while let Ok(Some(reserved)) = quota.reserve(40) {
            under_way.push(reserved);
        }
        assert_eq!(under_way.len(), 3);
        // What fails reads nothing; what ends gives back what it did not read.
        drop(under_way.pop());
        under_way.pop().unwrap().spend(10);
        assert_eq!(quota.rows_of(Utc::now()), 10);
        assert!(quota.reserve(40).unwrap().is_some());
    }

    #[test]
    fn a_day_begins_at_midnight_with_nothing_read() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let (noon, next) = (time("2026-02-28T12:00:00Z"), time("2026-03-01T00:00:00Z"));
        assert_eq!(day(noon) + 1, day(next));
        assert_eq!(midnight(noon), "2026-03-01T00:00:00Z");
        let spent = Arc::<Consumption>::default();
        let limits = ClientLimits {
            rows_per_day: Some(10),
            ..ClientLimits::default()
        };
        let of_day = quota(limits, &spent);
        let yesterday = || {
            let mut counts = spent.counts();
            (counts.day, counts.rows) = (day(Utc::now()) - 1, 10);
        };
        yesterday();
        assert_eq!(of_day.rows_today(), 0);
        let reserved = of_day.reserve(5).unwrap().unwrap();
        yesterday();
        reserved.spend(3);
        assert_eq!(of_day.rows_today(), 3);
        assert_eq!(of_day.own(), None);
        let limits = ClientLimits {
            rate_limit: Some(2),
            rate_window: Some(9),
            ..limits
        };
        let own = quota(limits, &spent).own();
        assert_eq!(own, Some((2, Duration::from_secs(9))));
    }
}
