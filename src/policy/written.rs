//! Tools that the operator wrote, as policies offer them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::{Exposed, Permissions, Tool, Work};
use crate::sql::Dialect;
use crate::tools::statement::{self, Names, Statement};
use crate::tools::{self, Fault};

/// The dialects that a tool may be written in.
const DIALECTS: [Dialect; 3] = [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql];

/// A tool that the operator wrote.
#[derive(Debug)]
pub struct Written {
    /// What its file says.
    pub tool: tools::Tool,
    number: u64,
    /// Its SQL as each dialect reads it, whatever models there are.
    known: [OnceLock<Option<Statement>>; 3],
}

impl Written {
    fn new(tool: tools::Tool) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        Self {
            tool,
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            known: [const { OnceLock::new() }; 3],
        }
    }

    /// A number that no other tool of this process has, or had.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The models that it reads in a dialect; `None` where its SQL is none.
    pub(crate) fn models(&self, dialect: Dialect) -> Option<&[String]> {
        let read = self.known[dialect as usize].get_or_init(|| self.read(dialect).ok());
        read.as_ref().map(|read| &*read.models)
    }

    fn read(&self, dialect: Dialect) -> Result<Statement, Vec<Fault>> {
        let names = Names {
            dialect,
            models: None,
            columns: &[],
            functions: &self.tool.functions,
            parameters: &self.tool.parameters,
            raw: self.tool.reads.is_some(),
        };
        statement::read(&self.tool.sql, names)
    }

    /// What is wrong with its SQL whatever models there are, in the dialect that takes it best.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let read = DIALECTS.map(|dialect| self.read(dialect).err().unwrap_or_default());
        let fewest = read.into_iter().min_by_key(Vec::len);
        let mut faults = fewest.unwrap_or_default();
        for fault in &mut faults {
            fault.tool.get_or_insert_with(|| self.tool.name.clone());
        }
        faults
    }

    /// Whether it may read a database as that is exposed: its models are all seen there, and of one
    /// that reads the database itself every row is.
    fn suits(&self, exposed: &Exposed) -> bool {
        let sees = |dialect| {
            let models = self.models(dialect);
            models.is_some_and(|models| models.iter().all(|model| exposed.has(model)))
        };
        let whole = self.tool.reads.is_none() || exposed.is_whole();
        whole
            && match exposed.dialect() {
                Some(dialect) => sees(dialect),
                None => DIALECTS.into_iter().any(sees),
            }
    }

    /// The database that it reads, among those that a policy exposes; `None` where it may not be
    /// called.
    pub fn place<'e>(&self, exposed: &'e [Arc<Exposed>]) -> Option<&'e Arc<Exposed>> {
        let mut exposed = exposed.iter();
        let found = match &self.tool.database {
            None => exposed.next(),
            Some(name) => exposed.find(|it| it.record().is_some_and(|it| it.name == *name)),
        };
        found.filter(|exposed| self.suits(exposed))
    }

    /// Whether a token of these permissions and scopes may call it.
    pub(crate) fn is_open_to(&self, may: Permissions, named: &[String]) -> bool {
        may.calls() || self.tool.scopes.iter().any(|scope| named.contains(scope))
    }
}

/// The tools that the operator wrote, in the order of their files.
#[derive(Debug, Clone, Default)]
pub struct WrittenTools(Vec<Arc<Tool>>);

impl WrittenTools {
    /// Those of a set that was read without a fault.
    pub fn new(tools: Vec<tools::Tool>) -> Self {
        let entries = tools.into_iter().map(|tool| {
            Arc::new(Tool {
                name: tool.name.clone().into(),
                title: tool.title.clone().into(),
                description: tool.description.clone().into(),
                work: Work::Call(Arc::new(Written::new(tool))),
            })
        });
        Self(entries.collect())
    }

    pub(super) fn entries(&self) -> &[Arc<Tool>] {
        &self.0
    }

    /// The tools.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Written>> {
        self.0.iter().filter_map(|tool| tool.written())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
