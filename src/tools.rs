//! Tools that the operator writes: a TOML file of parameterized SELECTs, read and judged; pure.
//!
//! [`file`] reads the text, [`parameter`] says what a client may give, [`statement`] reads the SQL
//! in the engine's dialect and refuses what a tool may not do. What a statement sees of the
//! database is written elsewhere, from the catalog of whoever calls.

pub mod advice;
pub mod call;
pub mod draft;
pub mod example;
pub mod fault;
pub mod file;
pub mod functions;
pub mod moment;
pub mod parameter;
pub mod schema;
pub mod statement;

pub(crate) use example::Example;
pub use fault::{Fault, Place};
pub use parameter::Parameter;

use std::time::Duration;

use crate::protocol::arguments::Declared;

/// The most tools of a set.
pub(crate) const MAX_TOOLS: usize = 100;
/// The longest SQL of a tool, in bytes.
pub(crate) const MAX_SQL_BYTES: usize = 16 * 1024;
/// The most parameters of a tool.
pub(crate) const MAX_PARAMETERS: usize = 32;
/// The most rows that a tool may ask for.
pub(crate) const MAX_ROWS: u32 = 1_000;

/// A tool as its file says it: each member checked, its SQL not yet read.
#[derive(Debug, Clone)]
pub struct Tool {
    /// What it is called by: small letters, digits and `_`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// What it is for, as a model reads it.
    pub description: String,
    /// The SELECT.
    pub sql: Text,
    /// The database of a store that it reads; without one, the first.
    pub database: Option<String>,
    /// Scopes that let a token call it, beside `tools`.
    pub scopes: Vec<String>,
    /// What its answer is.
    pub result: Outcome,
    /// The most rows; without one, those of `MCP_MAX_LIMIT`.
    pub limit: Option<u32>,
    /// How long it may run; without one, as long as any read.
    pub timeout: Option<Duration>,
    /// Columns of the result that are left out.
    pub hidden: Vec<String>,
    /// Functions beyond the built-in ones, as `schema.name`.
    pub functions: Vec<String>,
    /// The columns that it reads of the database itself, as `schema.table.column`, where it does
    /// not see the caller's models.
    pub reads: Option<Vec<String>>,
    /// What it takes, in the order of the file.
    pub parameters: Vec<Parameter>,
    /// Calls whose answers are known.
    pub examples: Vec<Example>,
    /// Where it stands.
    pub place: Place,
}

impl Declared for Tool {
    fn is_list(&self, name: &str) -> bool {
        let mut parameters = self.parameters.iter();
        parameters.any(|known| known.name == name && known.is_list())
    }

    fn is_plain(&self, name: &str) -> bool {
        let mut parameters = self.parameters.iter();
        parameters.any(|known| known.name == name && known.is_plain())
    }

    fn is_optional(&self, name: &str) -> bool {
        let mut parameters = self.parameters.iter();
        parameters.any(|known| known.name == name && known.is_optional())
    }
}

/// SQL, and where it stands in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The SQL.
    pub sql: String,
    /// Where its first character stands.
    pub place: Place,
}

/// What an answer of a tool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outcome {
    /// Rows.
    #[default]
    Rows,
    /// One row or none.
    One,
    /// The only column of the only row.
    Value,
}
