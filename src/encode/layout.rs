//! Where each column of a statement stands in the answer.

use std::sync::Arc;

use super::Shape;
use crate::value::Parts;

/// One column of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Its position, from 0.
    pub index: usize,
    /// What it holds.
    pub shape: Shape,
    /// What keeps a value from us that is too large, where such may be.
    pub guard: Option<Guard>,
}

/// Where a value is too large, its column holds its size instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// The bytes above which a value is too large.
    pub max_bytes: usize,
    /// Whether the size itself says that it is one, by its first letter; else the layout's column does.
    pub marked: bool,
}

/// What a size begins with that stands for JSON or a number, neither of which begins with it.
pub(crate) const SIZE: char = '#';

impl Cell {
    /// Whether it may hold a size that says so itself.
    pub(super) fn is_marked(&self) -> bool {
        self.guard.is_some_and(|guard| guard.marked)
    }
}

/// One member of a row's object.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(super) name: Box<str>,
    /// The name as JSON, with its colon.
    pub(super) key: Box<[u8]>,
    pub(super) slot: Slot,
}

#[derive(Debug, Clone)]
pub(super) enum Slot {
    /// A column, and what the parts of its values are.
    Cell(Cell, Arc<Parts>),
    /// An object of its own; `null` where the column `present` is NULL.
    Object {
        members: Vec<Member>,
        present: Option<usize>,
    },
    /// A list of rows that are read by themselves, by its number among the layout's, and what their
    /// keys point to.
    List { number: usize, owner: Vec<Cell> },
}

impl Member {
    /// A column.
    pub(crate) fn cell(name: &str, cell: Cell) -> Self {
        Self::compound(name, cell, Arc::default())
    }

    /// A column of values that have parts.
    pub(crate) fn compound(name: &str, cell: Cell, parts: Arc<Parts>) -> Self {
        Self {
            name: name.into(),
            key: json_key(name),
            slot: Slot::Cell(cell, parts),
        }
    }

    /// A row of another model, `null` where the column `present` is NULL.
    pub(crate) fn object(name: &str, members: Vec<Self>, present: Option<usize>) -> Self {
        Self {
            name: name.into(),
            key: json_key(name),
            slot: Slot::Object { members, present },
        }
    }

    /// The rows of another model whose keys point to what these columns hold.
    pub(crate) fn list(name: &str, number: usize, owner: Vec<Cell>) -> Self {
        Self {
            name: name.into(),
            key: json_key(name),
            slot: Slot::List { number, owner },
        }
    }
}

impl Member {
    fn bytes(&self) -> usize {
        match &self.slot {
            Slot::Cell(cell, _) => bytes(std::slice::from_ref(cell)),
            Slot::Object { members, .. } => members.iter().map(Self::bytes).sum(),
            Slot::List { owner, .. } => bytes(owner),
        }
    }

    /// Whether something holds of one of its columns.
    pub(super) fn any(&self, holds: &impl Fn(&Cell) -> bool) -> bool {
        match &self.slot {
            Slot::Cell(cell, _) => holds(cell),
            Slot::Object { members, .. } => members.iter().any(|member| member.any(holds)),
            Slot::List { owner, .. } => owner.iter().any(holds),
        }
    }

    fn has_gap(&self) -> bool {
        match &self.slot {
            Slot::Cell(..) => false,
            Slot::Object { members, .. } => members.iter().any(Self::has_gap),
            Slot::List { .. } => true,
        }
    }
}

/// What the values of columns may take that are measured.
fn bytes(cells: &[Cell]) -> usize {
    let guards = cells.iter().filter_map(|cell| cell.guard);
    guards.map(|guard| guard.max_bytes).sum()
}

fn json_key(name: &str) -> Box<[u8]> {
    let mut key = Vec::with_capacity(name.len() + 3);
    super::text(&mut key, name);
    key.push(b':');
    key.into()
}

/// The members of each row, and the columns that a cursor is made of.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    pub(super) members: Arc<[Member]>,
    pub(super) keys: Vec<Cell>,
    pub(super) oversize: Option<usize>,
    /// Whether a column may hold a size that says so itself.
    pub(super) marked: bool,
    /// Whether rows hold lists that are read by themselves.
    pub(super) gaps: bool,
    /// Of the rows of lists, the columns that say whose list a row is in.
    pub(super) owner: Vec<Cell>,
}

impl Layout {
    /// Members in the order of the answer, sort keys in theirs, and the column that is 1 where a
    /// value of the row was too large to be fetched, and 2 where only a sort key was.
    pub(crate) fn new(members: Vec<Member>, keys: Vec<Cell>, oversize: Option<usize>) -> Self {
        let gaps = members.iter().any(Member::has_gap);
        Self {
            gaps,
            ..Self::shared(members.into(), keys, oversize)
        }
    }

    /// The members of rows that belong to lists, and the columns that say to whose.
    pub(crate) fn owned(members: Vec<Member>, owner: Vec<Cell>, oversize: Option<usize>) -> Self {
        let layout = Self::new(members, Vec::new(), oversize);
        Self {
            marked: layout.marked || owner.iter().any(Cell::is_marked),
            owner,
            ..layout
        }
    }

    /// The same with members that other layouts have as well.
    pub(crate) fn shared(members: Arc<[Member]>, keys: Vec<Cell>, oversize: Option<usize>) -> Self {
        let all = members.iter().any(|member| member.any(&Cell::is_marked));
        Self {
            marked: all || keys.iter().any(Cell::is_marked),
            members,
            keys,
            oversize,
            gaps: false,
            owner: Vec::new(),
        }
    }

    /// What the values of one row may take that have a bound of their own, in bytes.
    pub(crate) fn row_bytes(&self) -> usize {
        let members = self.members.iter().map(Member::bytes).sum::<usize>();
        members + bytes(&self.keys) + bytes(&self.owner)
    }

    /// Writes the names of the members, as a list.
    pub fn names(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (index, member) in self.members.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            super::text(out, &member.name);
        }
        out.push(b']');
    }

    /// The layout of a count: one number, and nothing to write.
    pub fn count() -> Self {
        let cell = Cell {
            index: 0,
            shape: Shape::Native,
            guard: None,
        };
        Self::new(Vec::new(), vec![cell], None)
    }
}
