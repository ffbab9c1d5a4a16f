//! A table as its database describes it, before anything is hidden.

use std::fmt;
use std::sync::Arc;

use super::{FieldType, Stored};
use crate::value::Parts;

/// A table's name in its database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    /// The schema (on MySQL the database), where the engine has one.
    pub schema: Option<String>,
    /// The table itself.
    pub name: String,
}

impl TableName {
    /// The name with its schema; SQLite's own is `main`.
    pub(crate) fn qualified(&self) -> String {
        let schema = self.schema.as_deref().unwrap_or("main");
        format!("{schema}.{}", self.name)
    }
}

/// A name without a schema.
impl From<&str> for TableName {
    fn from(name: &str) -> Self {
        Self {
            schema: None,
            name: name.to_owned(),
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// What a model is in its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A table, partitioned ones included.
    Table,
    /// A view.
    View,
    /// A view whose rows are stored.
    MaterializedView,
    /// A table of another server.
    ForeignTable,
}

impl Kind {
    /// The name that `describe` uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::View => "view",
            Self::MaterializedView => "materialized view",
            Self::ForeignTable => "foreign table",
        }
    }
}

/// A table with all its columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Its name.
    pub name: TableName,
    /// What it is.
    pub kind: Kind,
    /// The database's comment.
    pub comment: Option<String>,
    /// Rows, as the database estimates them.
    pub estimated_rows: Option<u64>,
    /// Whether the database itself shows the role some of the rows alone (row security).
    pub secured: bool,
    /// Whether code of others may run when it is read, though it is a table: functions of its owner
    /// that the server calls while it plans (PostgreSQL).
    pub runs_code: bool,
    /// What tells this definition of its columns from others, where a statement might be answered by
    /// another one without a failure (MySQL).
    pub definition: Option<u64>,
    /// What the server makes of its columns, by which a statement can ask for itself whether they are
    /// the same (MySQL).
    pub columns_digest: Option<u64>,
    /// All columns, in the table's order.
    pub columns: Vec<Column>,
    /// The columns that the role may not read, as far as the database tells of them.
    pub withheld: Vec<String>,
    /// The columns of the primary key, in the key's order.
    pub primary_key: Vec<String>,
    /// Whether other tables inherit from it: its rows are then theirs as well, which its key does
    /// not hold for (PostgreSQL).
    pub inherited: bool,
    /// The name of the number by which the engine itself tells the rows apart, where it has one that
    /// is no column (SQLite).
    pub row_id: Option<&'static str>,
    /// Keys that point to other tables.
    pub foreign_keys: Vec<ForeignKey>,
    /// Columns of each index, leading column first.
    pub indexes: Vec<Vec<String>>,
}

impl Table {
    /// A table of these columns, of which nothing else is known. Tests make theirs from it, so that
    /// a new member concerns those alone that are about it; the engines name every member.
    pub fn new(name: impl Into<TableName>, columns: Vec<Column>) -> Self {
        Self {
            name: name.into(),
            kind: Kind::Table,
            comment: None,
            estimated_rows: None,
            secured: false,
            runs_code: false,
            definition: None,
            columns_digest: None,
            columns,
            withheld: Vec::new(),
            primary_key: Vec::new(),
            inherited: false,
            row_id: None,
            foreign_keys: Vec::new(),
            indexes: Vec::new(),
        }
    }

    /// The columns of which a sample has to tell whether they hold documents: text that leads an
    /// index or is part of the key. Each with the columns that an index orders by up to it.
    pub(crate) fn to_sample(&self) -> Vec<(usize, Vec<String>)> {
        let keys = (1..=self.primary_key.len()).map(|end| &self.primary_key[..end]);
        let leading = self.indexes.iter().filter_map(|columns| columns.get(..1));
        let mut samples: Vec<(usize, Vec<String>)> = Vec::new();
        for order in keys.chain(leading) {
            let found = self.columns.iter().position(|column| {
                (column.field_type.is_text() || column.dynamic)
                    && order.last() == Some(&column.name)
            });
            samples.extend(found.map(|index| (index, order.to_vec())));
        }
        samples
    }
}

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The class of its values.
    pub field_type: FieldType,
    /// How its values are kept.
    pub stored: Stored,
    /// Whether it may be null.
    pub nullable: bool,
    /// Whether the engine orders its values.
    pub sortable: bool,
    /// Whether values that the engine holds equal are written alike.
    pub exact: bool,
    /// Whether the column keeps values of any class, whatever its type says (SQLite).
    pub dynamic: bool,
    /// Whether the type keeps each value below 64 KiB, so that it can be fetched unmeasured.
    pub bounded: bool,
    /// Whether the column takes texts of different bytes for equal.
    pub folding: bool,
    /// Whether it may take one text for equal to another without its signs, as a collation of ICU does.
    pub loose: bool,
    /// The database's comment.
    pub comment: Option<String>,
    /// The values of an enum, else empty.
    pub values: Vec<String>,
    /// What the parts of a list or a composite value are.
    pub parts: Arc<Parts>,
    /// The collation that an expression made of the column must be given to order alike (SQLite).
    pub collation: Option<&'static str>,
    /// The collation that it is compared by, as SQL names it, where a column of another one cannot be
    /// compared with it as both stand; none for the database's own (PostgreSQL, MySQL).
    pub compared_by: Option<String>,
    /// Whether some of its values look like documents, as far as they were looked at.
    pub documents: bool,
    /// What the column makes of what it is given (SQLite).
    pub affinity: Affinity,
    /// The expression that a generated column is made by.
    pub expression: Option<String>,
    /// The name to cast a bound value to, quoted as SQL needs it; empty where no cast is needed.
    pub cast: String,
}

impl Column {
    /// A column of this type that may be null, orders its values, and writes equal ones alike; see
    /// [`Table::new`].
    pub fn new(name: impl Into<String>, field_type: FieldType) -> Self {
        Self {
            name: name.into(),
            field_type,
            stored: Stored::AsItIs,
            nullable: true,
            sortable: true,
            exact: true,
            dynamic: false,
            bounded: false,
            folding: false,
            loose: false,
            comment: None,
            values: Vec::new(),
            parts: Arc::default(),
            collation: None,
            compared_by: None,
            documents: false,
            affinity: Affinity::None,
            expression: None,
            cast: String::new(),
        }
    }
}

/// What a column of SQLite makes of the values that it is given, and of those that it is compared
/// with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Affinity {
    /// Nothing; so do the columns of other engines.
    #[default]
    None,
    /// Numbers, where they read as such.
    Numeric,
    /// Text.
    Text,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignKey {
    /// The columns here.
    pub columns: Vec<String>,
    /// The table that they point to.
    pub target: TableName,
    /// The columns there, in the same order.
    pub target_columns: Vec<String>,
    /// Whether the engine is sure that no two rows there share them.
    pub unique: bool,
    /// What an operator said of it, where it is none of the database's own.
    pub given: Option<GivenKey>,
}

/// A key that an operator tells of.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenKey {
    /// The model that it points to: several may be of one table.
    pub model: String,
    /// The name that it is followed by, where it has one of its own.
    pub name: Option<String>,
}
