//! The rows of one answer, counted and measured while they are written.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::gaps;
use super::gaps::{Gap, Lists, RowEnd};
use super::layout::{Cell, Layout, Member, SIZE, Slot};
use super::{Datum, Row, Shape, Style, Undecodable, value};
use crate::plan::{Seek, Value, cursor};
use crate::value::Parts;

/// Large fields of a record that is too large are named up to this many.
const NAMED: usize = 3;
/// What stands for a value that could not be decoded.
const UNREAD: &str = "\u{fffd}";

/// Rows as JSON, written as they come.
#[derive(Debug)]
pub struct Rows {
    out: Vec<u8>,
    mark: Mark,
    layout: Arc<Layout>,
    style: Style,
    /// Whether rows are lists of values, whose names stand once.
    bare: bool,
    limit: usize,
    max_bytes: usize,
    /// What may be held of rows of lists, beside their bytes what says where each is.
    max_held: usize,
    count: usize,
    more: bool,
    truncated: bool,
    keys: Vec<Option<Value>>,
    /// The keys of the row at hand, whose room is used again for each.
    next_keys: Vec<Option<Value>>,
    ties: u64,
    unread: Option<Box<str>>,
    edition: Option<i64>,
    /// Where lists are missing.
    gaps: Vec<Gap>,
    /// What the keys of these gaps take, in bytes.
    owned: usize,
    /// Where each row ends, of rows with gaps and of those of lists.
    ends: Vec<RowEnd>,
    /// Whose lists the rows are.
    lists: Lists,
}

/// Why a row could not be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowFault {
    /// What a row is told apart by could not be read.
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
    gaps: usize,
    owned: usize,
    ends: usize,
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
    /// A member of which a value could not be decoded, where there is one.
    pub(crate) unread: Option<Box<str>>,
    /// The edition of the schema that the rows were read under, where the engine numbers them.
    pub(crate) edition: Option<i64>,
    /// Where lists are missing, in the order of the rows.
    pub(crate) gaps: Vec<Gap>,
    pub(super) ends: Vec<RowEnd>,
    pub(super) lists: Lists,
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
            bare: false,
            limit,
            max_bytes,
            max_held: usize::MAX,
            count: 0,
            more: false,
            truncated: false,
            keys: Vec::new(),
            next_keys: Vec::new(),
            ties: 0,
            unread: None,
            edition: None,
            gaps: Vec::new(),
            owned: 0,
            ends: Vec::new(),
            lists: Lists::default(),
        }
    }

    /// Writes each row as the list of its values, in the order of the layout's members.
    pub fn bare(mut self) -> Self {
        self.bare = true;
        self
    }

    /// Holds no more than so many bytes of rows of lists.
    pub fn holding(mut self, max_held: usize) -> Self {
        self.max_held = max_held;
        self
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
            gaps: self.gaps.len(),
            owned: self.owned,
            ends: self.ends.len(),
        };
        !self.more
    }

    /// Whether rows did not fit.
    pub(crate) fn is_cut(&self) -> bool {
        self.truncated
    }

    /// Notes the edition of the schema that a statement was run under; the last one counts.
    pub(crate) fn read_under(&mut self, edition: i64) {
        self.edition = self.edition.max(Some(edition));
    }

    /// The bytes that this statement's rows take so far.
    pub fn written(&self) -> usize {
        self.out.len() - self.mark.bytes
    }

    /// The bytes that an answer may hold.
    pub(crate) fn max_bytes(&self) -> usize {
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
        self.gaps.truncate(self.mark.gaps);
        self.owned = self.mark.owned;
        self.ends.truncate(self.mark.ends);
        self.lists.forget(self.mark.ends);
    }

    /// Writes one row; breaks when no more are wanted.
    ///
    /// # Errors
    /// When the row is the first and too large by itself.
    pub fn push<R: Row>(&mut self, row: &R) -> Result<ControlFlow<()>, RowFault> {
        if !self.layout.owner.is_empty() {
            return self.push_to_list(row);
        }
        if self.count == self.limit {
            self.more = true;
            return Ok(ControlFlow::Break(()));
        }
        let code = self.oversize(row)?;
        let oversize = code == 1;
        let (start, gaps) = (self.out.len(), self.gaps.len());
        if self.count > 0 {
            self.out.push(b',');
        }
        let layout = Arc::clone(&self.layout);
        let whole = !oversize && self.members(&layout.members, row, !self.bare);
        self.next_keys.clear();
        // Without its keys a cursor goes on by position.
        if code != 2 {
            let keys = layout.keys.iter().map(|cell| {
                let datum = row.datum(cell.index).ok()?;
                Some(value::key(datum, cell.shape))
            });
            self.next_keys = keys.collect::<Option<_>>().unwrap_or_default();
        }
        let fits = match self.count {
            // A row that is alone leaves too little room for its cursor at the worst.
            0 => whole && self.least().max(self.owned) <= self.max_bytes,
            _ => whole && self.fits_with(&self.next_keys),
        };
        if oversize || !fits {
            if self.count == 0 {
                return Err(RowFault::TooLarge(self.largest(row, oversize)));
            }
            self.out.truncate(start);
            self.gaps.truncate(gaps);
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
        if layout.gaps {
            self.end_row(start, gaps);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Writes one row of a list; breaks where it does not fit.
    fn push_to_list<R: Row>(&mut self, row: &R) -> Result<ControlFlow<()>, RowFault> {
        let layout = Arc::clone(&self.layout);
        let mut owner = Vec::with_capacity(layout.owner.len());
        for cell in &layout.owner {
            owner.extend(value::key(row.datum(cell.index)?, cell.shape));
        }
        let list = self.lists.of(&owner);
        if list.rows.len() == self.limit {
            list.more = true;
            return Ok(ControlFlow::Continue(()));
        }
        list.rows.push(self.ends.len());
        let (start, gaps) = (self.out.len(), self.gaps.len());
        let oversize = self.oversize(row)? == 1;
        let whole = !oversize && self.members(&layout.members, row, true);
        self.end_row(start, gaps);
        let held = self.out.len() + self.owned + gaps::held(&self.gaps, &self.ends);
        if !whole || self.least() > self.max_bytes || held > self.max_held {
            self.truncated = true;
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    }

    fn end_row(&mut self, start: usize, first_gap: usize) {
        self.ends.push(RowEnd {
            bytes: start..self.out.len(),
            gaps: first_gap..self.gaps.len(),
            keys: self.keys.clone(),
            ties: self.ties,
        });
    }

    /// Whether a value of a row was too large to be fetched (1), or a sort key was (2).
    fn oversize<R: Row>(&self, row: &R) -> Result<i64, Undecodable> {
        let layout = &self.layout;
        let code = match layout.oversize.map(|index| row.datum(index)).transpose()? {
            Some(Datum::Int(code)) => code,
            Some(Datum::Uint(code)) => i64::try_from(code).unwrap_or_default(),
            _ => 0,
        };
        if code == 1 || !layout.marked {
            return Ok(code);
        }
        let is_size = |cell: &Cell| {
            let is_size =
                |datum: &Datum<'_>| matches!(datum, Datum::Text(text) if text.starts_with(SIZE));
            cell.is_marked() && row.datum(cell.index).as_ref().is_ok_and(is_size)
        };
        let mut members = layout.members.iter();
        if members.any(|member| member.any(&is_size)) || layout.owner.iter().any(is_size) {
            return Ok(1);
        }
        Ok(if layout.keys.iter().any(is_size) {
            2
        } else {
            code
        })
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
            unread: self.unread,
            edition: self.edition,
            gaps: self.gaps,
            ends: self.ends,
            lists: self.lists,
        }
    }

    /// Writes members as an object, or without their names as a list; false, and not all of them,
    /// where they do not fit: what is done for a row is bounded by the answer, not by the row.
    fn members<R: Row>(&mut self, members: &[Member], row: &R, named: bool) -> bool {
        let (open, close) = if named { (b'{', b'}') } else { (b'[', b']') };
        self.out.push(open);
        for (index, member) in members.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            if self.out.len().max(self.owned) > self.max_bytes {
                return false;
            }
            if named {
                self.out.extend_from_slice(&member.key);
            }
            if !self.value(member, row) {
                return false;
            }
        }
        self.out.push(close);
        true
    }

    fn value<R: Row>(&mut self, member: &Member, row: &R) -> bool {
        match &member.slot {
            Slot::Cell(cell, parts) => {
                if write_cell(&mut self.out, *cell, parts, row, &self.style).is_err() {
                    super::text(&mut self.out, UNREAD);
                    self.unread.get_or_insert_with(|| member.name.clone());
                }
                true
            }
            Slot::Object { members, present } => {
                let absent = present.is_some_and(|index| row.datum(index) == Ok(Datum::Null));
                if absent {
                    self.out.extend_from_slice(b"null");
                }
                absent || self.members(members, row, true)
            }
            Slot::List { number, owner } => {
                let owner = owner.iter().map(|cell| {
                    let datum = row.datum(cell.index)?;
                    Ok(value::key(datum, cell.shape))
                });
                match owner.collect::<Result<Option<Vec<Value>>, Undecodable>>() {
                    Ok(Some(owner)) => {
                        self.owned += owner.iter().map(gaps::length).sum::<usize>();
                        self.gaps.push(Gap {
                            at: self.out.len(),
                            list: *number,
                            owner,
                        });
                    }
                    // No key points to NULL.
                    Ok(None) => gaps::empty(&mut self.out),
                    Err(_) => {
                        super::text(&mut self.out, UNREAD);
                        self.unread.get_or_insert_with(|| member.name.clone());
                    }
                }
                true
            }
        }
    }

    /// What is written takes at the least once its lists are in it.
    fn least(&self) -> usize {
        self.out.len() + self.gaps.len() * gaps::EMPTY.len()
    }

    /// Whether what is written fits, a cursor after this row included.
    fn fits_with(&self, keys: &[Option<Value>]) -> bool {
        let room = self.max_bytes.saturating_sub(self.least().max(self.owned));
        if room >= cursor::MAX_LENGTH {
            return true;
        }
        let seek = Seek {
            keys: keys.to_vec(),
            ties: u64::MAX,
            passed: u64::MAX,
        };
        self.least() <= self.max_bytes && seek.sealed_length().min(cursor::MAX_LENGTH) <= room
    }

    /// The largest members of a row, each with its bytes in the answer, escapes left aside.
    fn largest<R: Row>(&self, row: &R, oversize: bool) -> Vec<(String, usize)> {
        let members = self.layout.members.iter();
        let mut sizes: Vec<(String, usize)> = members
            .map(|member| {
                (
                    member.name.to_string(),
                    self.measured(member, row, oversize),
                )
            })
            .collect();
        sizes.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        sizes.truncate(NAMED);
        let notable = sizes.first().map_or(0, |(_, bytes)| bytes / 10);
        sizes.retain(|(_, bytes)| *bytes >= notable);
        sizes
    }

    /// The bytes of a member; of a value that was not fetched, its size in the database.
    fn measured<R: Row>(&self, member: &Member, row: &R, oversize: bool) -> usize {
        match &member.slot {
            Slot::Object { members, .. } => members
                .iter()
                .map(|member| self.measured(member, row, oversize))
                .sum(),
            Slot::List { .. } => 0,
            Slot::Cell(cell, _) => {
                let Ok(datum) = row.datum(cell.index) else {
                    return 0;
                };
                let told = match &datum {
                    Datum::Int(size) => usize::try_from(*size).ok(),
                    Datum::Text(digits) => digits.trim_start_matches(SIZE).parse().ok(),
                    Datum::Bytes(digits) => str::from_utf8(digits)
                        .ok()
                        .and_then(|digits| digits.parse().ok()),
                    _ => None,
                };
                let is_size =
                    |size: &usize| cell.guard.is_some_and(|guard| *size > guard.max_bytes);
                told.filter(|size| oversize && is_size(size))
                    .unwrap_or_else(|| written(&datum, cell.shape))
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

/// The bytes that a value takes in an answer.
fn written(datum: &Datum<'_>, shape: Shape) -> usize {
    let quotes = if shape == Shape::Json { 0 } else { 2 };
    match datum {
        Datum::Text(text) => text.len() + quotes,
        Datum::RawText(bytes) => bytes.len() + quotes,
        Datum::Bytes(bytes) => bytes.len().div_ceil(3) * 4 + quotes,
        // Nothing else is large.
        _ => 0,
    }
}

fn write_cell<R: Row>(
    out: &mut Vec<u8>,
    cell: Cell,
    parts: &Parts,
    row: &R,
    style: &Style,
) -> Result<(), Undecodable> {
    let first = row.datum(cell.index)?;
    match cell.shape {
        Shape::Sum { scale, fixed } => {
            value::sum(out, &first, (scale, fixed), style);
        }
        Shape::Mean { units } => {
            let count = row.datum(cell.index + 1)?;
            let sum = match units {
                Some(scale) => value::added(&first, scale),
                None => value::Addition::of_text(first),
            };
            value::mean(out, sum, &count, style);
        }
        Shape::Ratio => {
            let (sum, count) = value::ratio(first);
            value::mean(out, sum, &count, style);
        }
        shape => value::write(out, first, shape, parts, style),
    }
    Ok(())
}
