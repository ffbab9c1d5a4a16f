//! Statements of tools that the operator wrote: described by their engine before they run, and held
//! to what it said that they read.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use super::{Db, Failure};
use crate::catalog::{FieldType, TableName};
use crate::encode::Rows;
use crate::sql::Statement;

/// What an engine says of a statement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Described {
    /// The columns of its result.
    pub columns: Vec<ResultColumn>,
    /// What it reads.
    pub reads: Reads,
    /// The most rows that a step reads without an index, where the engine tells.
    pub(crate) scan: Option<u64>,
}

/// A column of a result.
#[derive(Debug, Clone)]
pub(crate) struct ResultColumn {
    /// Its name.
    pub name: String,
    /// The class of its values; those of SQLite may be of any where they are computed.
    pub class: FieldType,
    /// The engine's own name of its type, in small letters.
    pub kind: String,
    /// The column of a table that it is, where the engine tells.
    pub origin: Option<(TableName, String)>,
}

/// What a statement reads and calls, as its engine names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    /// Tables with their schemas, each with a column, or with none where the engine names tables
    /// alone. On SQLite lists of WITH of which rows are counted are named too, without a schema.
    pub columns: BTreeSet<(String, String)>,
    /// Functions, where the engine names them.
    pub functions: BTreeSet<String>,
    /// Whatever else it would do.
    pub others: BTreeSet<String>,
}

impl Reads {
    /// Takes what another reads too.
    pub fn extend(&mut self, other: &Self) {
        self.columns.extend(other.columns.iter().cloned());
        self.functions.extend(other.functions.iter().cloned());
    }
}

/// A statement of a tool, ready to run.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The statement, with its values.
    pub statement: Statement,
    /// What it may read.
    pub reads: Arc<Reads>,
    /// When it ends at the latest.
    pub until: Instant,
}

impl Db {
    /// Asks the engine what a statement reads and what comes of it, without running it.
    ///
    /// # Errors
    /// As [`Db::fetch`]; [`Failure::words`] are those of an engine that refuses it.
    pub(crate) async fn describe(&self, statement: &Statement) -> Result<Described, Failure> {
        match self {
            Self::Sqlite(db) => db.describe(statement).await,
            Self::Postgres(db) => db.describe(statement).await,
            Self::MySql(db) => db.describe(statement).await,
        }
    }

    /// Asks the engine what a statement reads, whatever comes of it: of its columns some may be of
    /// types that no driver knows.
    ///
    /// # Errors
    /// As [`Db::describe`].
    pub async fn reads(&self, statement: &Statement) -> Result<Reads, Failure> {
        let described = match self {
            Self::Sqlite(db) => db.describe(statement).await,
            Self::Postgres(db) => db.explain(statement).await,
            Self::MySql(db) => db.describe(statement).await,
        };
        described.map(|described| described.reads)
    }

    /// Asks the engine of which types the values are that a statement binds, where it tells; of a list
    /// that of its members.
    ///
    /// # Errors
    /// As [`Db::describe`].
    pub async fn parameters(&self, statement: &Statement) -> Result<Vec<FieldType>, Failure> {
        match self {
            Self::Postgres(db) => db.parameters(statement).await,
            Self::Sqlite(_) | Self::MySql(_) => Ok(Vec::new()),
        }
    }

    /// Runs a statement of a tool in a read-only transaction that is rolled back, and writes its
    /// rows.
    ///
    /// Dropping the future stops the work in the database.
    ///
    /// # Errors
    /// As [`Db::fetch`].
    pub(crate) async fn call(&self, call: &Call, rows: Rows) -> Result<Rows, Failure> {
        match self {
            Self::Sqlite(db) => db.call(call, rows).await,
            Self::Postgres(db) => db.call(call, rows).await,
            Self::MySql(db) => db.call(call, rows).await,
        }
    }
}
