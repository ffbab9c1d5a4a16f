//! What was asked in the last week, by hour, token and model, for those who administer the service.
//!
//! Counters in the memory of this process, bounded in number: what would be an entry too many is
//! counted with the others of its hour. A restart begins anew.

use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};

use crate::auth::Client;

/// Hours that are kept, with the one that runs: a week.
pub(crate) const HOURS: u64 = 7 * 24;
/// Entries that are kept, over all hours: at some 200 bytes each, 10 MB.
pub(crate) const ENTRIES: usize = 50_000;

const HOUR: u64 = 3_600;

/// Counts requests.
#[derive(Debug)]
pub struct Analytics {
    begun: DateTime<Utc>,
    kept: Mutex<Hours>,
}

/// What is counted of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// How many there were.
    pub requests: u64,
    /// How many of them were refused or failed, or had no client any more to be answered.
    pub errors: u64,
    /// Rows, models or fields in their answers.
    pub rows: u64,
    /// Bytes of their answers.
    pub bytes: u64,
    /// How long they took together.
    pub took: Duration,
    /// How long the one took that took longest.
    pub longest: Duration,
    /// How many of them were slow.
    pub slow: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.requests += more.requests;
        self.errors += more.errors;
        self.rows += more.rows;
        self.bytes += more.bytes;
        self.took += more.took;
        self.longest = self.longest.max(more.longest);
        self.slow += more.slow;
    }
}

/// Everything that is kept, of one moment.
#[derive(Debug)]
pub(crate) struct Week(Vec<(u64, Arc<Hour>)>);

/// What was counted of one token and model in an hour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'w> {
    /// The hour, in seconds since 1970.
    pub hour: u64,
    /// Whose token it was; none for one of the configuration.
    pub client: Option<&'w Client>,
    /// The model, as the audit names it.
    pub model: &'w str,
    /// What was counted.
    pub counts: Counts,
}

/// The hour that runs, and those before it.
#[derive(Debug, Default)]
struct Hours {
    /// Hours since 1970.
    number: u64,
    hour: Hour,
    before: BTreeMap<u64, Arc<Hour>>,
    /// Entries of the hours before.
    entries: usize,
}

/// What was counted in an hour, by the token's id, which is empty for those of the configuration.
#[derive(Debug, Clone, Default)]
struct Hour {
    tokens: HashMap<Box<str>, OfToken>,
    entries: usize,
    others: Counts,
}

#[derive(Debug, Clone)]
struct OfToken {
    client: Option<Arc<Client>>,
    models: HashMap<Box<str>, Counts>,
}

impl Default for Analytics {
    fn default() -> Self {
        Self {
            begun: Utc::now(),
            kept: Mutex::default(),
        }
    }
}

impl Analytics {
    /// When counting began.
    pub fn begun(&self) -> DateTime<Utc> {
        self.begun
    }

    /// Counts a request of a token for a model of the whitelist.
    pub fn count(&self, client: Option<&Arc<Client>>, model: &str, counts: Counts) {
        self.count_at(SystemTime::now(), client, model, counts);
    }

    /// Everything that is kept now.
    pub(crate) fn week(&self) -> Week {
        let mut kept = self.kept();
        kept.turn(hour_of(SystemTime::now()));
        let before = kept.before.iter().map(|(at, hour)| (*at, Arc::clone(hour)));
        let mut hours: Vec<_> = before.collect();
        hours.push((kept.number, Arc::new(kept.hour.clone())));
        drop(kept);
        // A clock that was set back has hours ahead.
        hours.sort_unstable_by_key(|(at, _)| *at);
        Week(hours)
    }

    fn count_at(&self, now: SystemTime, client: Option<&Arc<Client>>, model: &str, counts: Counts) {
        let hour = hour_of(now);
        let mut kept = self.kept();
        if kept.number != hour {
            kept.turn(hour);
        }
        kept.count(client, model, counts);
    }

    fn kept(&self) -> MutexGuard<'_, Hours> {
        // Sums are sound whatever a panicking holder was about to do.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hours {
    fn count(&mut self, client: Option<&Arc<Client>>, model: &str, counts: Counts) {
        let id = client.map_or("", |client| client.token_id.as_str());
        let known = self.hour.tokens.get_mut(id);
        if let Some(known) = known.and_then(|of| of.models.get_mut(model)) {
            *known += counts;
            return;
        }
        if self.entries + self.hour.entries >= ENTRIES {
            self.hour.others += counts;
            return;
        }
        let of = self
            .hour
            .tokens
            .entry(id.into())
            .or_insert_with(|| OfToken {
                client: client.cloned(),
                models: HashMap::new(),
            });
        of.models.insert(model.into(), counts);
        self.hour.entries += 1;
    }

    /// Goes to another hour, and forgets those that are too old beside it.
    fn turn(&mut self, number: u64) {
        if self.number == number {
            return;
        }
        let now = self.before.remove(&number).map(Arc::unwrap_or_clone);
        let ended = std::mem::replace(&mut self.hour, now.unwrap_or_default());
        self.before.insert(self.number, Arc::new(ended));
        self.number = number;
        self.before.retain(|at, _| at + HOURS > number);
        self.entries = self.before.values().map(|hour| hour.entries).sum();
    }
}

impl Week {
    /// What was counted, in the order of the hours.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.0.iter().flat_map(|(at, hour)| {
            let tokens = hour.tokens.values();
            tokens.flat_map(move |of| {
                of.models.iter().map(move |(model, counts)| Entry {
                    hour: at * HOUR,
                    client: of.client.as_deref(),
                    model,
                    counts: *counts,
                })
            })
        })
    }

    /// What was too much to be told apart, by hours.
    pub(crate) fn others(&self) -> impl Iterator<Item = (u64, Counts)> {
        let hours = self.0.iter();
        hours.map(|(at, hour)| (at * HOUR, hour.others))
    }
}

/// The number of the hour of a time, since 1970.
fn hour_of(time: SystemTime) -> u64 {
    // A clock before 1970 counts in one hour.
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() / HOUR
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Counts = Counts {
        requests: 1,
        errors: 0,
        rows: 2,
        bytes: 30,
        took: Duration::from_millis(3),
        longest: Duration::from_millis(3),
        slow: 0,
    };

    fn client(id: &str) -> Arc<Client> {
        Arc::new(Client {
            token_id: id.to_owned(),
            token: format!("name of {id}"),
            suffix: String::new(),
            tenant_id: "tenant".to_owned(),
            tenant: "acme".to_owned(),
        })
    }

    fn at(hour: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(hour * HOUR + 7)
    }

    fn kept(analytics: &Analytics) -> Vec<(u64, String, String, u64)> {
        let kept = analytics.kept();
        let number = kept.number;
        let hours = kept.before.iter().map(|(at, hour)| (*at, Arc::clone(hour)));
        let mut hours: Vec<_> = hours.collect();
        hours.push((number, Arc::new(kept.hour.clone())));
        let week = Week(hours);
        let entries = week.entries().map(|entry| {
            let token = entry.client.map_or("-", |client| &client.token_id);
            (
                entry.hour / HOUR,
                token.to_owned(),
                entry.model.to_owned(),
                entry.counts.requests,
            )
        });
        let mut entries: Vec<_> = entries.collect();
        entries.sort();
        entries
    }

    #[test]
    fn requests_are_counted_by_hour_token_and_model() {
        let analytics = Analytics::default();
        let (a, b) = (client("a"), client("b"));
        for (hour, client, model) in [
            (1000, Some(&a), "users"),
            (1000, Some(&a), "users"),
            (1000, Some(&b), "users"),
            (1000, None, "users"),
            (1001, Some(&a), "tickets"),
            // The clock is set back.
            (1000, Some(&a), "users"),
        ] {
            analytics.count_at(at(hour), client, model, ONE);
        }
        let expected = [
            (1000, "-", "users", 1),
            (1000, "a", "users", 3),
            (1000, "b", "users", 1),
            (1001, "a", "tickets", 1),
        ];
        let expected = expected.map(|(hour, token, model, requests)| {
            (hour, token.to_owned(), model.to_owned(), requests)
        });
        assert_eq!(kept(&analytics), expected);
    }

    #[test]
    fn a_week_is_kept() {
        let analytics = Analytics::default();
        for hour in 5000..5000 + HOURS + 10 {
            analytics.count_at(at(hour), None, "users", ONE);
        }
        let kept = kept(&analytics);
        assert_eq!(kept.len() as u64, HOURS);
        assert_eq!(kept.first().map(|entry| entry.0), Some(5010));
        // A long pause leaves nothing.
        analytics.count_at(at(9000), None, "users", ONE);
        assert_eq!(analytics.kept().before.len(), 0);
    }

    #[test]
    fn what_is_an_entry_too_many_is_counted_with_the_others() {
        let analytics = Analytics::default();
        let client = client("a");
        let count = |hour, model: &str| analytics.count_at(at(hour), Some(&client), model, ONE);
        for number in 0..ENTRIES {
            count(100 + number as u64 / 1000, &format!("model {number}"));
        }
        count(150, "one more");
        count(150, "and another");
        assert_eq!(kept(&analytics).len(), ENTRIES);
        assert_eq!(analytics.kept().hour.others.requests, 2);
        // Those that are known are counted on, and old hours make room.
        count(149, "model 49999");
        assert_eq!(
            kept(&analytics).last().map(|entry| entry.3),
            Some(2),
            "counted on"
        );
        count(101 + HOURS, "new");
        assert!(kept(&analytics).iter().any(|entry| entry.2 == "new"));
    }

    #[test]
    fn a_moment_adds_up() {
        let analytics = Analytics::default();
        let slow = Counts {
            bytes: 32,
            took: Duration::from_millis(10),
            longest: Duration::from_millis(10),
            slow: 1,
            ..ONE
        };
        for counts in [ONE, slow, ONE] {
            analytics.count(None, "users", counts);
        }
        let week = analytics.week();
        let entries: Vec<_> = week.entries().collect();
        assert_eq!(entries.len(), 1);
        let expected = Counts {
            requests: 3,
            errors: 0,
            rows: 6,
            bytes: 92,
            took: Duration::from_millis(16),
            longest: Duration::from_millis(10),
            slow: 1,
        };
        assert_eq!((entries[0].model, entries[0].counts), ("users", expected));
        assert!(week.others().all(|(_, counts)| counts == Counts::default()));
    }
}
