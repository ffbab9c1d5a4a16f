//! The rows of one answer, counted and measured while they are written.

use std::ops::ControlFlow;

use super::layout::{Layout, Member, Slot};
use super::{Datum, Row, Style, Undecodable, value};
use crate::plan::Seek;

/// Large fields of a record that is too large are named up to this many.
const NAMED: usize = 3;

/// Rows as JSON, written as they come.
#[derive(Debug)]
pub struct Rows<'a> {
    out: Vec<u8>,
    /// Where the rows begin.
    base: usize,
    layout: &'a Layout,
    style: &'a Style<'a>,
    limit: usize,
    max_bytes: usize,
    count: usize,
    more: bool,
    truncated: bool,
    last: Option<Seek>,
}

/// Why a row could not be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowFault {
    /// The driver's value could not be read.
    Undecodable(Undecodable),
    /// A single row is larger than an answer may be; its largest fields with their bytes.
    TooLarge(Vec<(String, usize)>),
}

impl From<Undecodable> for RowFault {
    fn from(fault: Undecodable) -> Self {
        Self::Undecodable(fault)
    }
}

/// What was written.
#[derive(Debug)]
pub struct Page {
    /// The bytes given at the start, and the rows after them, separated by commas.
    pub out: Vec<u8>,
    /// How many rows.
    pub count: usize,
    /// Whether there are more.
    pub more: bool,
    /// Whether rows of this page did not fit.
    pub truncated: bool,
    /// The sort keys of the last row, where the layout has any.
    pub last: Option<Seek>,
}

impl<'a> Rows<'a> {
    /// Begins after what `out` holds already; no more than `limit` rows and, with what is there,
    /// `max_bytes`.
    pub fn new(
        out: Vec<u8>,
        layout: &'a Layout,
        style: &'a Style<'a>,
        limit: usize,
        max_bytes: usize,
    ) -> Self {
        Self {
            base: out.len(),
            out,
            layout,
            style,
            limit,
            max_bytes,
            count: 0,
            more: false,
            truncated: false,
            last: None,
        }
    }

    /// Forgets the rows that were written, for a statement that is run anew.
    pub fn restart(&mut self) {
        self.out.truncate(self.base);
        self.count = 0;
        self.more = false;
        self.truncated = false;
        self.last = None;
    }

    /// Writes one row; breaks when no more are wanted.
    ///
    /// # Errors
    /// When the row cannot be decoded, or is the first and too large by itself.
    pub fn push<R: Row>(&mut self, row: &R) -> Result<ControlFlow<()>, RowFault> {
        if self.count == self.limit {
            self.more = true;
            return Ok(ControlFlow::Break(()));
        }
        let start = self.out.len();
        if self.count > 0 {
            self.out.push(b',');
        }
        object(&mut self.out, &self.layout.members, row, self.style)?;
        if self.out.len() > self.max_bytes {
            if self.count == 0 {
                return Err(RowFault::TooLarge(self.largest(row)?));
            }
            self.out.truncate(start);
            self.more = true;
            self.truncated = true;
            return Ok(ControlFlow::Break(()));
        }
        self.count += 1;
        if !self.layout.keys.is_empty() {
            let keys = self.layout.keys.iter();
            let keys: Result<_, Undecodable> = keys
                .map(|cell| {
                    row.datum(cell.index)
                        .map(|datum| value::key(datum, cell.shape))
                })
                .collect();
            self.last = Some(Seek(keys?));
        }
        Ok(ControlFlow::Continue(()))
    }

    /// What was written.
    pub fn finish(self) -> Page {
        Page {
            out: self.out,
            count: self.count,
            more: self.more,
            truncated: self.truncated,
            last: self.last,
        }
    }

    fn largest<R: Row>(&self, row: &R) -> Result<Vec<(String, usize)>, Undecodable> {
        let mut sizes = Vec::with_capacity(self.layout.members.len());
        for one in &self.layout.members {
            let mut out = Vec::new();
            member(&mut out, one, row, self.style)?;
            sizes.push((one.name.to_string(), out.len() - one.key.len()));
        }
        sizes.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        sizes.truncate(NAMED);
        Ok(sizes)
    }
}

fn object<R: Row>(
    out: &mut Vec<u8>,
    members: &[Member],
    row: &R,
    style: &Style<'_>,
) -> Result<(), Undecodable> {
    out.push(b'{');
    for (index, one) in members.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        member(out, one, row, style)?;
    }
    out.push(b'}');
    Ok(())
}

fn member<R: Row>(
    out: &mut Vec<u8>,
    member: &Member,
    row: &R,
    style: &Style<'_>,
) -> Result<(), Undecodable> {
    out.extend_from_slice(&member.key);
    match &member.slot {
        Slot::Cell(cell) => value::write(out, row.datum(cell.index)?, cell.shape, style),
        Slot::Object { members, present } => {
            let absent = match present {
                Some(index) => row.datum(*index)? == Datum::Null,
                None => false,
            };
            if absent {
                out.extend_from_slice(b"null");
            } else {
                object(out, members, row, style)?;
            }
        }
    }
    Ok(())
}
