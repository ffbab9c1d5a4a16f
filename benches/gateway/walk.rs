//! All rows, page by page, each by the cursor of the page before.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::client::{Load, Look};
use crate::requests::{Ids, are_records, rest_after_envelope};
use crate::{Fault, Outcome, block_on, child};

/// Rows of a page.
const PAGE: u64 = 100;

/// What the client does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Walk {
    pub(crate) load: Load,
}

/// What the way cost, in seconds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Walked {
    pub(crate) whole: f64,
    pub(crate) first_tenth: f64,
    pub(crate) last_tenth: f64,
}

/// Connects, says so, and walks when told to. Each row must come in its place, and only there.
pub(crate) fn run(walk: &Walk) -> Outcome<()> {
    let rows = walk.load.rows;
    if !rows.is_multiple_of(10 * PAGE) {
        return Err(format!("{rows} rows are not ten times as many whole pages").into());
    }
    block_on(async {
        let mut channel = walk.load.connect().await?;
        child::ready("")?;
        let pages = rows / PAGE;
        let (mut cursor, mut marks) = (String::new(), Vec::new());
        let begun = Instant::now();
        for page in 0..pages {
            if page % (pages / 10) == 0 {
                marks.push(begun.elapsed().as_secs_f64());
            }
            let request = format!(
                "{{\"id\":{page},\"action\":\"list\",\"model\":\"tickets\",\"params\":{{\"limit\":{PAGE}{cursor}}}}}"
            );
            let answer = channel.ask(request.as_bytes()).await?;
            let next = next(&answer, page, page + 1 < pages)?;
            cursor = next.map_or_else(String::new, |next| format!(",\"cursor\":\"{next}\""));
        }
        let whole = begun.elapsed().as_secs_f64();
        child::done(&Walked {
            whole,
            first_tenth: marks[1],
            last_tenth: whole - marks[9],
        })
    })
}

/// The cursor of an answer, which must hold the rows of this page.
fn next(answer: &[u8], page: u64, more: bool) -> Outcome<Option<&str>> {
    let wrong = || -> Fault {
        let shown = String::from_utf8_lossy(&answer[..answer.len().min(600)]);
        format!("a wrong page {page}: {shown}").into()
    };
    let tail = format!("],\"count\":{PAGE},\"limit\":{PAGE},\"offset\":0,\"has_more\":{more}");
    let ids = Ids::up(page * PAGE + 1, PAGE);
    let rest = rest_after_envelope(answer, page).ok_or_else(wrong)?;
    if !are_records(rest, ids, &tail, Look::Each) {
        return Err(wrong());
    }
    if !more {
        return Ok(None);
    }
    cursor_of(answer).ok_or_else(wrong).map(Some)
}

/// The cursor at the end of an answer.
pub(crate) fn cursor_of(answer: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(answer).ok()?;
    let (_, cursor) = text.rsplit_once("\"next_cursor\":\"")?;
    cursor.strip_suffix("\"}")
}
