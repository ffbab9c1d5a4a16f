//! What is asked, and whether the answer is right.

use std::collections::BTreeMap;
use std::io::Write as _;

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Outcome;
use crate::client::Look;
use crate::data::{self, COLUMNS, USERS};

/// Requests of one kind, over random rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    /// One row by its id.
    Get,
    /// A page by primary key, from an offset below this one.
    List { limit: u64, below: u64 },
    /// Two fields of a page from an offset below this one, and one of the user of each where that is
    /// wanted.
    Excerpt {
        limit: u64,
        below: u64,
        related: bool,
    },
    /// A page of one status before a random id, downwards.
    Filter { limit: u64 },
    /// Counts and sums by status of one user's tickets.
    Aggregate,
    /// One row by its id, by the tool of MCP.
    Tool,
    /// A page behind a cursor that was given after this row.
    Behind { limit: u64, after: u64 },
    /// Nine times one row by its id, then a page of fifty.
    Mixed,
}

/// What every tenth request of [`Ask::Mixed`] asks for.
const PAGE: Ask = Ask::List {
    limit: 50,
    below: 1000,
};

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
            Self::Get | Self::Tool | Self::Mixed => (1, rows),
            Self::Behind { after, .. } => (after, after),
            Self::List { below, .. } | Self::Excerpt { below, .. } => (0, below.max(1) - 1),
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
            Self::Get | Self::Tool | Self::Mixed => {
                format!("SELECT {COLUMNS} FROM tickets WHERE id = {key}")
            }
            Self::Behind { limit, .. } => {
                format!("SELECT {COLUMNS} FROM tickets WHERE id > {key} ORDER BY id LIMIT {limit}")
            }
            Self::List { limit, .. } => {
                format!("SELECT {COLUMNS} FROM tickets ORDER BY id LIMIT {limit} OFFSET {key}")
            }
            Self::Excerpt { limit, related, .. } => {
                let (email, join) = match related {
                    true => (", u.email", " LEFT JOIN users u ON u.id = t.user_id"),
                    false => ("", ""),
                };
                format!(
                    "SELECT t.id, t.title{email} FROM tickets t{join} ORDER BY t.id LIMIT {limit} \
                     OFFSET {key}"
                )
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
            Self::Get | Self::Tool | Self::Mixed => 1,
            Self::List { limit, .. }
            | Self::Excerpt { limit, .. }
            | Self::Filter { limit }
            | Self::Behind { limit, .. } => limit,
            Self::Aggregate => 4,
        }
    }

    /// What the request of this number asks for.
    fn of(self, id: u64) -> Self {
        match self {
            Self::Mixed if id.is_multiple_of(10) => PAGE,
            Self::Mixed => Self::Get,
            other => other,
        }
    }

    /// Writes a request into `out`, and says what its answer must be. The cursor is that of
    /// [`Ask::Behind`].
    pub(crate) fn write(
        self,
        out: &mut Vec<u8>,
        id: u64,
        rng: &mut Rng,
        rows: u64,
        cursor: &str,
    ) -> Expected {
        let ask = self.of(id);
        let key = ask.key(rng, rows);
        // Writing into memory cannot fail.
        let _ = match ask {
            Self::Get | Self::Mixed => write!(
                out,
                "{{\"id\":{id},\"action\":\"get\",\"model\":\"tickets\",\"params\":{{\"id\":{key}}}}}"
            ),
            Self::List { limit, .. } => write!(
                out,
                "{{\"id\":{id},\"action\":\"list\",\"model\":\"tickets\",\
                 \"params\":{{\"limit\":{limit},\"offset\":{key}}}}}"
            ),
            Self::Excerpt { limit, related, .. } => write!(
                out,
                "{{\"id\":{id},\"action\":\"query\",\"model\":\"tickets\",\"params\":{{\"fields\":\
                 [\"id\",\"title\"{}],\"limit\":{limit},\"offset\":{key}}}}}",
                if related { ",\"user.email\"" } else { "" }
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
            Self::Tool => write!(
                out,
                "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\
                 \"name\":\"get_record\",\"arguments\":{{\"model\":\"tickets\",\"id\":{key}}}}}}}"
            ),
            Self::Behind { limit, .. } => write!(
                out,
                "{{\"id\":{id},\"action\":\"list\",\"model\":\"tickets\",\
                 \"params\":{{\"limit\":{limit},\"cursor\":\"{cursor}\"}}}}"
            ),
        };
        Expected { id, key }
    }

    /// Checks an answer: envelope, length, number of rows, first and last row; more as `look` says.
    pub(crate) fn check(
        self,
        text: &[u8],
        expected: Expected,
        rows: u64,
        look: Look,
    ) -> Outcome<()> {
        let Expected { id, key } = expected;
        let page = |ids, limit: u64, offset: u64| {
            let tail = format!(
                "],\"count\":{limit},\"limit\":{limit},\"offset\":{offset},\"has_more\":true"
            );
            rest_after_envelope(text, id).is_some_and(|rest| are_records(rest, ids, &tail, look))
        };
        let right = match self.of(id) {
            Self::Get | Self::Mixed => rest_after_envelope(text, id)
                .and_then(|rest| rest.strip_prefix(b"\"data\":"))
                .and_then(|rest| rest.strip_suffix(b"}"))
                .is_some_and(|row| is_record(row, key, look)),
            Self::List { limit, .. } => page(Ids::up(key + 1, limit), limit, key),
            Self::Excerpt { limit, related, .. } => rest_after_envelope(text, id)
                .is_some_and(|rest| rest.starts_with(&excerpts(key + 1, limit, related))),
            Self::Behind { limit, .. } => page(Ids::up(key + 1, limit), limit, 0),
            Self::Filter { limit } => page(Ids::down(key, limit), limit, 0),
            Self::Aggregate => {
                rest_after_envelope(text, id).is_some() && is_summary(text, key, rows)
            }
            Self::Tool => is_result(text, id, key, look),
        };
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
            Self::Get | Self::Mixed => data::record_length(543_210) + envelope,
            Self::Tool => result(543_210, 543_210).len(),
            Self::Behind { limit, after } => page(limit, after + 1),
            Self::List { limit, below } => page(limit, below / 2 + 1),
            Self::Excerpt {
                limit,
                below,
                related,
            } => excerpts(below / 2 + 1, limit, related).len() + envelope,
            Self::Filter { limit } => page(limit, 543_210),
            Self::Aggregate => 290,
        }
    }
}

/// What follows the envelope of a page of excerpts, which begins at its offset.
fn excerpts(first: u64, limit: u64, related: bool) -> Vec<u8> {
    let mut whole = b"\"data\":[".to_vec();
    for id in first..first + limit {
        if id > first {
            whole.push(b',');
        }
        data::excerpt(&mut whole, id, related);
    }
    let offset = first - 1;
    let tail =
        format!("],\"count\":{limit},\"limit\":{limit},\"offset\":{offset},\"has_more\":true");
    whole.extend_from_slice(tail.as_bytes());
    whole
}

/// What follows `{"id":…,"status":"ok",`.
pub(crate) fn rest_after_envelope(text: &[u8], id: u64) -> Option<&[u8]> {
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

/// Ids of rows, one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids {
    first: u64,
    count: u64,
    /// From one to the next.
    step: i64,
}

impl Ids {
    pub(crate) fn up(first: u64, count: u64) -> Self {
        Self {
            first,
            count,
            step: 1,
        }
    }

    /// Those of the same status, downwards.
    fn down(first: u64, count: u64) -> Self {
        Self {
            first,
            count,
            step: -4,
        }
    }

    fn at(self, index: u64) -> u64 {
        self.first.wrapping_add_signed(self.step * index as i64)
    }

    fn all(self) -> impl Iterator<Item = u64> {
        (0..self.count).map(move |index| self.at(index))
    }
}

/// The whole answer of the tool.
fn result(id: u64, key: u64) -> String {
    let mut data = b"{\"data\":".to_vec();
    data::record(&mut data, key);
    data.push(b'}');
    let data = String::from_utf8_lossy(&data).into_owned();
    let text = Value::String(data.clone());
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"content\":[{{\"type\":\"text\",\
         \"text\":{text}}}],\"structuredContent\":{data},\"isError\":false}}}}"
    )
}

/// Whether this is it: its id, and the record in its structured content.
fn is_result(text: &[u8], id: u64, key: u64, look: Look) -> bool {
    if look == Look::Fully {
        return result(id, key).as_bytes() == text;
    }
    text.strip_prefix(b"{\"jsonrpc\":\"2.0\",\"id\":")
        .and_then(|rest| strip_number(rest, id))
        .filter(|rest| rest.starts_with(b",\"result\":"))
        .and_then(|rest| rest.strip_suffix(b"},\"isError\":false}}"))
        .and_then(|rest| rest.split_at_checked(rest.len().checked_sub(data::record_length(key))?))
        .is_some_and(|(before, row)| {
            before.ends_with(b",\"structuredContent\":{\"data\":") && is_record(row, key, look)
        })
}

/// Whether this is the record: its id and its length, or all of it.
fn is_record(row: &[u8], id: u64, look: Look) -> bool {
    if look == Look::Fully {
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
pub(crate) fn are_records(rest: &[u8], ids: Ids, tail: &str, look: Look) -> bool {
    let Some(rest) = rest.strip_prefix(b"\"data\":[") else {
        return false;
    };
    let length = ids.all().map(data::record_length).sum::<usize>() + ids.count as usize - 1;
    if rest.len() < length || !rest[length..].starts_with(tail.as_bytes()) {
        return false;
    }
    let mut rows = &rest[..length];
    if look == Look::Ends {
        let (first, last) = (ids.first, ids.at(ids.count - 1));
        let (first_row, last_row) = (
            &rows[..data::record_length(first)],
            &rows[length - data::record_length(last)..],
        );
        return is_record(first_row, first, look) && is_record(last_row, last, look);
    }
    for (index, id) in ids.all().enumerate() {
        if index > 0 {
            match rows.strip_prefix(b",") {
                Some(rest) => rows = rest,
                None => return false,
            }
        }
        let (row, rest) = rows.split_at(data::record_length(id));
        if !is_record(row, id, look) {
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
