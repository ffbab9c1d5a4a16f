//! What is asked, and whether the answer is right.

use std::collections::BTreeMap;
use std::io::Write as _;

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Outcome;
use crate::data::{self, COLUMNS, USERS};

/// Requests of one kind, over random rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    /// One row by its id.
    Get,
    /// A page by primary key, from an offset below this one.
    List { limit: u64, below: u64 },
    /// A page of one status before a random id, downwards.
    Filter { limit: u64 },
    /// Counts and sums by status of one user's tickets.
    Aggregate,
}

/// What an answer must hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    /// The id of the request.
    id: u64,
    /// The first row, the offset or the user.
    key: u64,
}

impl Ask {
    /// What one request asks for: a row, an offset or a user.
    pub(crate) fn key(self, rng: &mut Rng, rows: u64) -> u64 {
        let (from, to) = self.range(rows);
        rng.u64(from..=to)
    }

    /// The first and the last of these.
    pub(crate) fn range(self, rows: u64) -> (u64, u64) {
        match self {
            Self::Get => (1, rows),
            Self::List { below, .. } => (0, below.max(1) - 1),
            // So that a whole page stands before it.
            Self::Filter { limit } => (limit * 4 + 5, rows),
            Self::Aggregate => (1, USERS),
        }
    }

    /// The same as a statement of the database itself, with the key in its place.
    ///
    /// `key` is written once for each time that it is bound.
    pub(crate) fn statement(self, key: &str) -> String {
        match self {
            Self::Get => format!("SELECT {COLUMNS} FROM tickets WHERE id = {key}"),
            Self::List { limit, .. } => {
                format!("SELECT {COLUMNS} FROM tickets ORDER BY id LIMIT {limit} OFFSET {key}")
            }
            Self::Filter { limit } => format!(
                "SELECT {COLUMNS} FROM tickets WHERE status = CASE {key} % 4 WHEN 0 THEN 'open' \
                 WHEN 1 THEN 'pending' WHEN 2 THEN 'solved' ELSE 'closed' END AND id <= {key} \
                 ORDER BY id DESC LIMIT {limit}"
            ),
            Self::Aggregate => format!(
                "SELECT status, count(*), sum(amount) FROM tickets WHERE user_id = {key} GROUP BY \
                 status ORDER BY status"
            ),
        }
    }

    /// How many rows that gives.
    pub(crate) fn count(self) -> u64 {
        match self {
            Self::Get => 1,
            Self::List { limit, .. } | Self::Filter { limit } => limit,
            Self::Aggregate => 4,
        }
    }

    /// Writes a request into `out`, and says what its answer must be.
    pub(crate) fn write(self, out: &mut Vec<u8>, id: u64, rng: &mut Rng, rows: u64) -> Expected {
        let key = self.key(rng, rows);
        // Writing into memory cannot fail.
        let _ = match self {
            Self::Get => write!(
                out,
                "{{\"id\":{id},\"action\":\"get\",\"model\":\"tickets\",\"params\":{{\"id\":{key}}}}}"
            ),
            Self::List { limit, .. } => write!(
                out,
                "{{\"id\":{id},\"action\":\"list\",\"model\":\"tickets\",\
                 \"params\":{{\"limit\":{limit},\"offset\":{key}}}}}"
            ),
            Self::Filter { limit } => write!(
                out,
                "{{\"id\":{id},\"action\":\"query\",\"model\":\"tickets\",\"params\":{{\"limit\":{limit},\
                 \"filters\":{{\"status\":\"{}\",\"id\":{{\"$lte\":{key}}}}},\"sort\":[\"-id\"]}}}}",
                data::status(key)
            ),
            Self::Aggregate => write!(
                out,
                "{{\"id\":{id},\"action\":\"query\",\"model\":\"tickets\",\"params\":{{\
                 \"filters\":{{\"user_id\":{key}}},\"group_by\":[\"status\"],\
                 \"aggregate\":{{\"n\":{{\"$count\":\"*\"}},\"spent\":{{\"$sum\":\"amount\"}}}},\"sort\":[\"status\"]}}}}"
            ),
        };
        Expected { id, key }
    }

    /// Checks an answer: envelope, length, number of rows, first and last row; `fully` every byte.
    pub(crate) fn check(
        self,
        text: &[u8],
        expected: Expected,
        rows: u64,
        fully: bool,
    ) -> Outcome<()> {
        let Expected { id, key } = expected;
        let right = rest_after_envelope(text, id).is_some_and(|rest| match self {
            Self::Get => rest
                .strip_prefix(b"\"data\":")
                .and_then(|rest| rest.strip_suffix(b"}"))
                .is_some_and(|row| is_record(row, key, fully)),
            Self::List { limit, .. } => {
                let ids = (key + 1)..=(key + limit).min(rows);
                let tail = format!(
                    "],\"count\":{limit},\"limit\":{limit},\"offset\":{key},\"has_more\":true"
                );
                are_records(rest, ids, &tail, fully)
            }
            Self::Filter { limit } => {
                let ids = (0..limit).map(|step| key - 4 * step);
                let tail =
                    format!("],\"count\":{limit},\"limit\":{limit},\"offset\":0,\"has_more\":true");
                are_records(rest, ids, &tail, fully)
            }
            Self::Aggregate => is_summary(text, key, rows),
        });
        if right {
            return Ok(());
        }
        let shown = String::from_utf8_lossy(&text[..text.len().min(600)]);
        Err(format!("a wrong answer to {self:?} of {expected:?}: {shown}").into())
    }

    /// The length of an answer, for an echo of the same size.
    pub(crate) fn length(self) -> usize {
        // A row in the middle of the table, and a request id of six digits.
        let envelope = 32;
        let page = |limit: u64, ids: u64| {
            let rows: usize = (ids..ids + limit).map(data::record_length).sum();
            rows + limit as usize + envelope + 140
        };
        match self {
            Self::Get => data::record_length(543_210) + envelope,
            Self::List { limit, below } => page(limit, below / 2 + 1),
            Self::Filter { limit } => page(limit, 543_210),
            Self::Aggregate => 290,
        }
    }
}

/// What follows `{"id":…,"status":"ok",`.
fn rest_after_envelope(text: &[u8], id: u64) -> Option<&[u8]> {
    let rest = text.strip_prefix(b"{\"id\":")?;
    let rest = strip_number(rest, id)?;
    rest.strip_prefix(b",\"status\":\"ok\",")
}

/// What follows a number that must be this one.
fn strip_number(text: &[u8], number: u64) -> Option<&[u8]> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (found, rest) = text.split_at(digits);
    let found = found.iter().fold(0, |sum: u64, byte| {
        sum.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'))
    });
    (digits > 0 && found == number).then_some(rest)
}

/// Whether this is the record: its id and its length, or `fully` all of it.
fn is_record(row: &[u8], id: u64, fully: bool) -> bool {
    if fully {
        let mut whole = Vec::with_capacity(512);
        data::record(&mut whole, id);
        return whole == row && data::record_length(id) == row.len();
    }
    row.len() == data::record_length(id)
        && row.ends_with(b"\"}")
        && row
            .strip_prefix(b"{\"id\":")
            .and_then(|row| strip_number(row, id))
            .is_some_and(|row| row.starts_with(b",\"title\":\"Request "))
}

/// Whether these records stand in `data`, and then this.
fn are_records(
    rest: &[u8],
    ids: impl DoubleEndedIterator<Item = u64> + Clone,
    tail: &str,
    fully: bool,
) -> bool {
    let Some(rest) = rest.strip_prefix(b"\"data\":[") else {
        return false;
    };
    let count = ids.clone().count();
    let length = ids.clone().map(data::record_length).sum::<usize>() + count - 1;
    if rest.len() < length || !rest[length..].starts_with(tail.as_bytes()) {
        return false;
    }
    let (mut rows, mut last) = (&rest[..length], ids.clone().next_back());
    let mut ends = [ids.clone().next(), last.take()].into_iter().flatten();
    if !fully {
        let (Some(first), Some(last)) = (ends.next(), ends.next()) else {
            return false;
        };
        let (first_row, last_row) = (
            &rows[..data::record_length(first)],
            &rows[length - data::record_length(last)..],
        );
        return is_record(first_row, first, false) && is_record(last_row, last, false);
    }
    for (index, id) in ids.enumerate() {
        if index > 0 {
            match rows.strip_prefix(b",") {
                Some(rest) => rows = rest,
                None => return false,
            }
        }
        let (row, rest) = rows.split_at(data::record_length(id));
        if !is_record(row, id, true) {
            return false;
        }
        rows = rest;
    }
    rows.is_empty()
}

/// Whether these are the counts and sums of a user's tickets.
fn is_summary(text: &[u8], user: u64, rows: u64) -> bool {
    let mut groups: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let first = if user == 1 { USERS } else { user - 1 };
    for id in (first..=rows).step_by(USERS as usize) {
        let group = groups.entry(data::status(id)).or_default();
        group.0 += 1;
        group.1 += data::cents(id);
    }
    let Ok(answer) = serde_json::from_slice::<Value>(text) else {
        return false;
    };
    let Some(found) = answer["data"].as_array() else {
        return false;
    };
    found.len() == groups.len()
        && found
            .iter()
            .zip(groups)
            .all(|(found, (status, (n, cents)))| {
                let spent = found["spent"]
                    .as_f64()
                    .map(|spent| (spent * 100.0).round() as u64);
                found["status"] == status && found["n"] == n && spent == Some(cents)
            })
}
