//! The rows of one answer, counted and measured while they are written.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::layout::{Cell, Layout, Member, Slot};
use super::{Datum, Row, Shape, Style, Undecodable, value};
use crate::plan::{Seek, Value, cursor};

/// Large fields of a record that is too large are named up to this many.
const NAMED: usize = 3;

/// Rows as JSON, written as they come.
#[derive(Debug)]
pub struct Rows {
    out: Vec<u8>,
    mark: Mark,
    layout: Arc<Layout>,
    style: Style,
    limit: usize,
    max_bytes: usize,
    count: usize,
    more: bool,
    truncated: bool,
    keys: Vec<Option<Value>>,
    /// The keys of the row at hand, whose room is used again for each.
    next_keys: Vec<Option<Value>>,
    ties: u64,
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

/// Where the rows of a statement begin.
#[derive(Debug, Default)]
struct Mark {
    bytes: usize,
    count: usize,
    keys: Vec<Option<Value>>,
    ties: u64,
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
    /// The sort keys of the last row, where there is one and the layout has any.
    pub keys: Vec<Option<Value>>,
    /// How many rows, the last ones, share these keys.
    pub ties: u64,
}

impl Rows {
    /// Begins after what `out` holds already; no more than `limit` rows and, with what is there,
    /// `max_bytes`.
    pub fn new(
        out: Vec<u8>,
        layout: Arc<Layout>,
        style: Style,
        limit: usize,
        max_bytes: usize,
    ) -> Self {
        let mark = Mark {
            bytes: out.len(),
            ..Mark::default()
        };
        Self {
            out,
            mark,
            layout,
            style,
            limit,
            max_bytes,
            count: 0,
            more: false,
            truncated: false,
            keys: Vec::new(),
            next_keys: Vec::new(),
            ties: 0,
        }
    }

    /// Goes on after the row that a cursor holds.
    pub fn after(mut self, seek: &Seek) -> Self {
        self.keys.clone_from(&seek.keys);
        self.ties = seek.ties;
        self
    }

    /// Begins the rows of one statement more; false when no more are wanted.
    pub fn begin(&mut self) -> bool {
        self.mark = Mark {
            bytes: self.out.len(),
            count: self.count,
            keys: self.keys.clone(),
            ties: self.ties,
        };
        !self.more
    }

    /// The bytes that this statement's rows take so far.
    pub fn written(&self) -> usize {
        self.out.len() - self.mark.bytes
    }

    /// The bytes that an answer may hold.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Forgets the rows of this statement, for it is run anew.
    pub fn restart(&mut self) {
        self.out.truncate(self.mark.bytes);
        self.count = self.mark.count;
        self.more = false;
        self.truncated = false;
        self.keys.clone_from(&self.mark.keys);
        self.ties = self.mark.ties;
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
        let code = match self.layout.oversize {
            Some(index) => match row.datum(index)? {
                Datum::Int(code) => code,
                Datum::Uint(code) => i64::try_from(code).unwrap_or_default(),
                _ => 0,
            },
            None => 0,
        };
        let oversize = code == 1;
        let start = self.out.len();
        if self.count > 0 {
            self.out.push(b',');
        }
        if !oversize {
            object(&mut self.out, &self.layout.members, row, &self.style)?;
        }
        // Without its keys a cursor goes on by position.
        let keys: &[Cell] = match code {
            2 => &[],
            _ => &self.layout.keys,
        };
        self.next_keys.clear();
        for cell in keys {
            let datum = row.datum(cell.index)?;
            self.next_keys.push(value::key(datum, cell.shape));
        }
        let fits = match self.count {
            // A row that is alone leaves too little room for its cursor at the worst.
            0 => self.out.len() <= self.max_bytes,
            _ => self.fits_with(&self.next_keys),
        };
        if oversize || !fits {
            if self.count == 0 {
                return Err(RowFault::TooLarge(self.largest(row, oversize)?));
            }
            self.out.truncate(start);
            self.more = true;
            self.truncated = true;
            return Ok(ControlFlow::Break(()));
        }
        self.count += 1;
        self.ties = match alike(&self.next_keys, &self.keys) {
            true => self.ties + 1,
            false => 1,
        };
        std::mem::swap(&mut self.keys, &mut self.next_keys);
        Ok(ControlFlow::Continue(()))
    }

    /// What was written.
    pub fn finish(self) -> Page {
        Page {
            out: self.out,
            count: self.count,
            more: self.more,
            truncated: self.truncated,
            keys: self.keys,
            ties: self.ties,
        }
    }

    /// Whether what is written fits, a cursor after this row included.
    fn fits_with(&self, keys: &[Option<Value>]) -> bool {
        let room = self.max_bytes.saturating_sub(self.out.len());
        if room >= cursor::MAX_LENGTH {
            return true;
        }
        let seek = Seek {
            keys: keys.to_vec(),
            ties: u64::MAX,
            passed: u64::MAX,
        };
        self.out.len() <= self.max_bytes && seek.sealed_length().min(cursor::MAX_LENGTH) <= room
    }

    fn largest<R: Row>(
        &self,
        row: &R,
        oversize: bool,
    ) -> Result<Vec<(String, usize)>, Undecodable> {
        let mut sizes = Vec::with_capacity(self.layout.members.len());
        for member in self.layout.members.iter() {
            let bytes = self.measured(member, row, oversize)?;
            sizes.push((member.name.to_string(), bytes));
        }
        sizes.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        sizes.truncate(NAMED);
        let notable = sizes.first().map_or(0, |(_, bytes)| bytes / 10);
        sizes.retain(|(_, bytes)| *bytes >= notable);
        Ok(sizes)
    }

    /// The bytes of a member; of a value that was not fetched, its size in the database.
    fn measured<R: Row>(
        &self,
        member: &Member,
        row: &R,
        oversize: bool,
    ) -> Result<usize, Undecodable> {
        match &member.slot {
            Slot::Object { members, .. } => members
                .iter()
                .map(|member| self.measured(member, row, oversize))
                .sum(),
            Slot::Cell(cell) => {
                let told = match row.datum(cell.index)? {
                    Datum::Int(size) => usize::try_from(size).ok(),
                    Datum::Text(digits) => digits.parse().ok(),
                    Datum::Bytes(digits) => str::from_utf8(&digits)
                        .ok()
                        .and_then(|digits| digits.parse().ok()),
                    _ => None,
                };
                if let Some(size) =
                    told.filter(|size| oversize && cell.guarded && *size > self.max_bytes)
                {
                    return Ok(size);
                }
                let mut out = Vec::new();
                write_cell(&mut out, *cell, row, &self.style)?;
                Ok(out.len())
            }
        }
    }
}

/// Whether two rows have the same sort keys, bit by bit: NaN is like itself, and -0 unlike 0.
fn alike(one: &[Option<Value>], other: &[Option<Value>]) -> bool {
    let same = |pair: (&Option<Value>, &Option<Value>)| match pair {
        (Some(Value::Float(one)), Some(Value::Float(other))) => one.to_bits() == other.to_bits(),
        (one, other) => one == other,
    };
    one.len() == other.len() && one.iter().zip(other).all(same)
}

fn object<R: Row>(
    out: &mut Vec<u8>,
    members: &[Member],
    row: &R,
    style: &Style,
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
    style: &Style,
) -> Result<(), Undecodable> {
    out.extend_from_slice(&member.key);
    match &member.slot {
        Slot::Cell(cell) => write_cell(out, *cell, row, style)?,
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

fn write_cell<R: Row>(
    out: &mut Vec<u8>,
    cell: Cell,
    row: &R,
    style: &Style,
) -> Result<(), Undecodable> {
    let first = row.datum(cell.index)?;
    match cell.shape {
        Shape::Sum { scale, fixed } => {
            let (low, rest) = (row.datum(cell.index + 1)?, row.datum(cell.index + 2)?);
            value::sum(out, [first, low, rest], (scale, fixed), style);
        }
        Shape::Mean { units } => {
            let columns = if units.is_some() { 3 } else { 1 };
            let count = row.datum(cell.index + columns)?;
            let sum = match units {
                Some(scale) => {
                    let (low, rest) = (row.datum(cell.index + 1)?, row.datum(cell.index + 2)?);
                    value::added([first, low, rest], scale)
                }
                None => value::Added::of_text(first),
            };
            value::mean(out, sum, &count, style);
        }
        shape => value::write(out, first, shape, style),
    }
    Ok(())
}
