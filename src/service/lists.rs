//! Lists within rows: read by a statement for each relation to many, and put where they belong.
//!
//! A page leaves a gap for each list. Whose lists are asked for is known by what the keys point to,
//! so that a statement reads those of all rows of the page. What does not fit into the answer with
//! its lists is left to the next page.

use std::collections::HashMap;
use std::pin::Pin;

use super::Source;
use super::page::{Fail, confirm, failed_of, room};
use crate::db::Checked;
use crate::encode::{Gap, Page, Rows};
use crate::error::{Error, ErrorKind};
use crate::plan::{ExpandedRows, ReadPlan, Seek, Value};
use crate::sql;

/// Rows whose lists one statement reads at the most.
const OWNERS: usize = 1_000;
/// What may be held while lists are put together, in answers: the rows as they are read, at each
/// level, and the lists that are made of them.
const HELD: usize = 4;
/// What is set aside for that, in answers: room for buffers that grow, and the answer with its lists
/// beside the one without.
const SET_ASIDE: usize = HELD + 2;

/// The lists of some gaps, as JSON, and how many rows they hold.
struct Lists {
    written: Vec<Vec<u8>>,
    rows: usize,
}

/// What lists may take, in bytes.
#[derive(Debug, Clone, Copy)]
struct Room {
    /// Of the answer.
    answer: usize,
    /// Of memory, while they are put together.
    memory: usize,
}

/// Fills the gaps of a page, of as many rows as fit with their lists; how many rows these hold.
pub(crate) async fn fill(
    source: Source<'_>,
    plan: &ReadPlan<'_>,
    page: &mut Page,
) -> Result<usize, Fail> {
    if page.gaps.is_empty() {
        return Ok(0);
    }
    let answer = room(source);
    let set_aside = source.db.set_aside(SET_ASIDE * answer, source.until).await;
    let _set_aside = set_aside.map_err(|failure| failed_of(source, plan, &failure))?;
    let mut kept = page.count;
    while !page.gaps.is_empty() {
        let (bytes, gaps) = page.until(kept);
        let seek = Seek {
            keys: page.keys_of(kept).to_vec(),
            ties: u64::MAX,
            passed: u64::MAX,
        };
        let left = answer.checked_sub(bytes + seek.sealed_length());
        let left = left.map(|left| Room {
            answer: left,
            memory: HELD * answer,
        });
        let lists = match left {
            Some(left) => Box::pin(read(source, plan.lists(), &page.gaps[..gaps], left)).await?,
            None => None,
        };
        if let Some(lists) = lists {
            page.keep(kept);
            page.fill(&lists.written);
            return Ok(lists.rows);
        }
        if kept == 1 {
            let kind = ErrorKind::ResponseTooLarge(source.max_bytes(), 0);
            let hint = "the lists of one row are too large: ask for fewer rows or fields of them \
                        by include";
            return Err(Error::from(kind).with_hint(hint).into());
        }
        kept /= 2;
    }
    Ok(0)
}

type Reading<'r> = Pin<Box<dyn Future<Output = Result<Option<Lists>, Fail>> + Send + 'r>>;

/// The lists of some gaps; `None` where they do not fit.
fn read<'r>(
    source: Source<'r>,
    lists: Vec<&'r ExpandedRows<'r>>,
    gaps: &'r [Gap],
    mut left: Room,
) -> Reading<'r> {
    Box::pin(async move {
        let mut all = Lists {
            written: vec![Vec::new(); gaps.len()],
            rows: 0,
        };
        for (number, list) in lists.into_iter().enumerate() {
            let mut owners: HashMap<Vec<u8>, usize> = HashMap::new();
            let mut asked: Vec<&[Value]> = Vec::new();
            let mine = gaps
                .iter()
                .enumerate()
                .filter(|(_, gap)| gap.list == number);
            let mine: Vec<(usize, usize)> = mine
                .map(|(at, gap)| {
                    let owner = *owners.entry(gap.name()).or_insert_with(|| {
                        asked.push(&gap.owner);
                        asked.len() - 1
                    });
                    (at, owner)
                })
                .collect();
            if asked.is_empty() {
                continue;
            }
            let Some(page) = fetch(source, list, &asked, left).await? else {
                return Ok(None);
            };
            let within = Room {
                answer: left.answer.saturating_sub(page.out.len()),
                memory: left.memory.saturating_sub(page.held()),
            };
            let Some(inner) = read(source, list.plan.lists(), &page.gaps, within).await? else {
                return Ok(None);
            };
            let held = page.held() + inner.written.iter().map(Vec::len).sum::<usize>();
            all.rows += inner.rows;
            for (at, owner) in mine {
                let rows = page.list_of(asked[owner], &inner.written, &mut all.written[at]);
                all.rows += rows;
                let written = all.written[at].len();
                let answer = left.answer.checked_sub(written);
                let memory = left.memory.checked_sub(written);
                match answer.zip(memory) {
                    Some((answer, memory)) if held <= memory => left = Room { answer, memory },
                    _ => return Ok(None),
                }
            }
        }
        Ok(Some(all))
    })
}

/// The rows of one relation, for all that they are asked for; `None` where they do not fit.
async fn fetch(
    source: Source<'_>,
    list: &ExpandedRows<'_>,
    owners: &[&[Value]],
    room: Room,
) -> Result<Option<Page>, Fail> {
    let (db, plan) = (source.db, &list.plan);
    let limit = plan.page.limit as usize;
    let mut rows: Option<Rows> = None;
    for owners in owners.chunks(OWNERS) {
        let statement = sql::listed(list, owners, db.dialect(), source.max_bytes());
        let mut part = rows.unwrap_or_else(|| {
            let layout = statement.layout.clone();
            Rows::new(Vec::new(), layout, source.style(), limit, room.answer).holding(room.memory)
        });
        part.begin();
        let fetched = db.fetch(&statement, part, source.until).await;
        let fetched = fetched.map_err(|failure| failed_of(source, plan, &failure))?;
        if fetched.is_cut() {
            return Ok(None);
        }
        rows = Some(fetched);
    }
    let Some(page) = rows.map(Rows::finish) else {
        return Ok(None);
    };
    confirm(source, &plan.joins, page.edition, Checked::Now).await?;
    if let Some(field) = &page.unread {
        source.exposed.warn_of_unread(plan.model, field);
    }
    Ok(Some(page))
}
