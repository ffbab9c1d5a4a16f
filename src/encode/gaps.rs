//! Lists within rows, which are read by themselves: where they are missing, and how they are put there.

use std::collections::HashMap;
use std::ops::Range;

use super::Page;
use crate::plan::Value;

/// What a gap takes: itself, whose list it is, and its list while that is put together.
const GAP_BYTES: usize = size_of::<Gap>() + 4 * size_of::<Vec<u8>>() + 2 * size_of::<Value>();
/// What the place of a row takes, in a list too.
const ROW_BYTES: usize = size_of::<RowEnd>() + 2 * size_of::<usize>();

/// A place in a row where a list is missing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gap {
    /// The byte before which it belongs.
    pub at: usize,
    /// The number of the list among those of its row.
    pub list: usize,
    /// What the keys of its rows point to.
    pub owner: Vec<Value>,
}

impl Gap {
    /// The same for those, and only those, whose lists are the same.
    pub(crate) fn name(&self) -> Vec<u8> {
        name(&self.owner)
    }
}

fn name(owner: &[Value]) -> Vec<u8> {
    // Values are JSON each in one form.
    serde_json::to_vec(owner).unwrap_or_default()
}

/// A row in what was written.
#[derive(Debug)]
pub(super) struct RowEnd {
    pub(super) bytes: Range<usize>,
    pub(super) gaps: Range<usize>,
    pub(super) keys: Vec<Option<Value>>,
    pub(super) ties: u64,
}

/// The rows of each list, by whose it is.
#[derive(Debug, Default)]
pub(super) struct Lists(HashMap<Vec<u8>, List>);

/// Rows in their order.
#[derive(Debug, Default)]
pub(super) struct List {
    pub(super) rows: Vec<usize>,
    pub(super) more: bool,
}

impl Lists {
    pub(super) fn of(&mut self, owner: &[Value]) -> &mut List {
        self.0.entry(name(owner)).or_default()
    }

    /// Forgets the lists that hold rows from this one on; a statement reads lists whole.
    pub(super) fn forget(&mut self, from: usize) {
        self.0
            .retain(|_, list| list.rows.first().is_some_and(|first| *first < from));
    }
}

/// A list without rows.
pub(super) const EMPTY: &[u8] = b"{\"rows\":[],\"has_more\":false}";

/// What a value of a key takes beside itself.
pub(super) fn length(value: &Value) -> usize {
    match value {
        Value::Text(text) | Value::Decimal(text) => text.len(),
        Value::RawText(bytes) | Value::Bytes(bytes) => bytes.len(),
        Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_) => 0,
    }
}

/// Writes a list without rows.
pub(super) fn empty(out: &mut Vec<u8>) {
    out.extend_from_slice(EMPTY);
}

/// What says where rows and their lists are takes so many bytes, beside the keys of the lists.
pub(super) fn held(gaps: &[Gap], ends: &[RowEnd]) -> usize {
    gaps.len() * GAP_BYTES + ends.len() * ROW_BYTES
}

impl Page {
    /// What the first rows take: bytes, and how many gaps are in them.
    pub fn until(&self, rows: usize) -> (usize, usize) {
        let last = rows.checked_sub(1).and_then(|last| self.ends.get(last));
        last.map_or((self.out.len(), self.gaps.len()), |end| {
            (end.bytes.end, end.gaps.end)
        })
    }

    /// What is held of all rows, in bytes.
    pub fn held(&self) -> usize {
        let owners = self.gaps.iter().flat_map(|gap| &gap.owner);
        self.out.len() + held(&self.gaps, &self.ends) + owners.map(length).sum::<usize>()
    }

    /// The sort keys of a row, by its number from 1.
    pub(crate) fn keys_of(&self, row: usize) -> &[Option<Value>] {
        let end = row.checked_sub(1).and_then(|row| self.ends.get(row));
        end.map_or(&self.keys, |end| &end.keys)
    }

    /// Leaves all rows but the first to the next page.
    pub fn keep(&mut self, rows: usize) {
        if rows >= self.count {
            return;
        }
        let (bytes, gaps) = self.until(rows);
        self.out.truncate(bytes);
        self.gaps.truncate(gaps);
        self.ends.truncate(rows);
        if let Some(last) = self.ends.last() {
            self.keys.clone_from(&last.keys);
            self.ties = last.ties;
        }
        self.count = rows;
        self.more = true;
        self.truncated = true;
    }

    /// Puts a list into each gap.
    pub fn fill(&mut self, lists: &[Vec<u8>]) {
        let gaps = std::mem::take(&mut self.gaps);
        let mut out =
            Vec::with_capacity(self.out.len() + lists.iter().map(Vec::len).sum::<usize>());
        filled(&self.out, 0..self.out.len(), (&gaps, lists), &mut out);
        self.out = out;
    }

    /// Writes the list of an owner, whose own lists are given for each gap; how many rows it has.
    pub(crate) fn list_of(&self, owner: &[Value], inner: &[Vec<u8>], out: &mut Vec<u8>) -> usize {
        let Some(list) = self.lists.0.get(&name(owner)) else {
            empty(out);
            return 0;
        };
        out.extend_from_slice(b"{\"rows\":[");
        for (index, row) in list
            .rows
            .iter()
            .filter_map(|at| self.ends.get(*at))
            .enumerate()
        {
            if index > 0 {
                out.push(b',');
            }
            let (gaps, inner) = (&self.gaps[row.gaps.clone()], &inner[row.gaps.clone()]);
            filled(&self.out, row.bytes.clone(), (gaps, inner), out);
        }
        let more: &[u8] = if list.more { b"true" } else { b"false" };
        for part in [&b"],\"has_more\":"[..], more, b"}"] {
            out.extend_from_slice(part);
        }
        list.rows.len()
    }
}

/// Writes a range of bytes, with a list in each of its gaps.
fn filled(
    from: &[u8],
    range: Range<usize>,
    (gaps, lists): (&[Gap], &[Vec<u8>]),
    out: &mut Vec<u8>,
) {
    let mut at = range.start;
    for (gap, list) in gaps.iter().zip(lists) {
        out.extend_from_slice(&from[at..gap.at]);
        out.extend_from_slice(list);
        at = gap.at;
    }
    out.extend_from_slice(&from[at..range.end]);
}
