//! Tools that the operator wrote, as policies offer them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::decision::{Bar, Decision, Ground};
use super::{Exposed, Permissions, Tool, Work};
use crate::auth::Scope;
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

    /// By which scope a token of these permissions and scopes may call it, which was given all tools
    /// or some, where these databases are exposed.
    ///
    /// # Errors
    /// What keeps it back.
    pub(crate) fn judge<'w>(
        &'w self,
        may: Permissions,
        scopes: &[String],
        given: Option<&[String]>,
        exposed: &[Arc<Exposed>],
    ) -> Decision<'w> {
        let own = &self.tool.scopes;
        let ground = may.by(Scope::Tools).or_else(|_| {
            let held = own.iter().find(|scope| scopes.contains(scope));
            held.map_or(Err(Bar::ToolScopes(own)), |scope| Ok(Ground::Scope(scope)))
        })?;
        if given.is_some_and(|given| !given.contains(&self.tool.name)) {
            return Err(Bar::OtherTools);
        }
        self.place(exposed)?;
        Ok(ground)
    }

    /// The database that it reads, among those that a policy exposes.
    ///
    /// # Errors
    /// One that is not there, or of which it may not read what it would.
    pub(crate) fn place<'e>(
        &self,
        exposed: &'e [Arc<Exposed>],
    ) -> Result<&'e Arc<Exposed>, Bar<'_>> {
        let mut exposed = exposed.iter();
        let name = self.tool.database.as_deref();
        let place = match name {
            None => exposed.next(),
            Some(name) => exposed.find(|it| it.record().is_some_and(|it| it.name == name)),
        };
        let place = place.ok_or(Bar::NoDatabase(name))?;
        self.suits(place)?;
        Ok(place)
    }

    /// Whether it may read a database as that is exposed: its models are all seen there, and of one
    /// that reads the database itself every row is.
    fn suits(&self, exposed: &Exposed) -> Result<(), Bar<'_>> {
        if self.tool.reads.is_some() && !exposed.is_whole() {
            return Err(Bar::SomeRows);
        }
        let known = exposed.dialect();
        let dialects = DIALECTS.into_iter();
        let dialects = dialects.filter(|dialect| known.is_none_or(|known| known == *dialect));
        let unseen = dialects.filter_map(|dialect| {
            let unseen = self.models(dialect)?.iter().map(String::as_str);
            Some(
                unseen
                    .filter(|model| !exposed.has(model))
                    .collect::<Vec<_>>(),
            )
        });
        let fewest = unseen.min_by_key(Vec::len).ok_or(Bar::OtherSql)?;
        match fewest.is_empty() {
            true => Ok(()),
            false => Err(Bar::Unseen(fewest)),
        }
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
