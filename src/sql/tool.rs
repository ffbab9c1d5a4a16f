//! The statement of a tool that the operator wrote: over the models of whoever calls, under their
//! names.
//!
//! Each model is a list of WITH, of readable fields and of rows that may be seen, so that nothing
//! else is there to be named. The operator's text comes after it as it was judged.

mod bind;
mod result;

use std::collections::HashSet;
use std::sync::Arc;

use sea_query::{
    Alias, CommonTableExpression, Expr, MysqlQueryBuilder, PostgresQueryBuilder, Query,
    SelectStatement, SqliteQueryBuilder, TableRef, Value, Values, WithClause,
};

pub(crate) use self::bind::Slot;
pub use self::result::Column;

use super::{BASE, Dialect, Statement, column_of, documents, mysql, source_at};
use crate::catalog::{Field, FieldType, Model, TableName};
use crate::encode::Layout;
use crate::plan::Argument;

/// How a LIMIT that is appended begins.
const LIMIT: &str = "\nLIMIT";

/// A SELECT of the operator that was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// Whether it begins with a WITH list of its own, whose first word is left out.
    pub(crate) has_with: bool,
    /// Whether that list is recursive.
    pub(crate) is_recursive: bool,
    /// The text after it.
    pub pieces: Vec<Piece>,
    /// Whether it says itself how many rows it wants.
    pub(crate) has_limit: bool,
    /// How far it could fail on a value of a row.
    pub(crate) risk: Risk,
    /// The columns that it does more with than to show them, in small letters.
    pub(crate) weighed: HashSet<String>,
    /// Of these, the ones that it does more with than to compare, to sort and to group by them.
    pub opened: HashSet<String>,
}

impl Select {
    /// Whether it does more with a field than to show it.
    pub(crate) fn weighs(&self, field: &Field) -> bool {
        self.weighed.contains(&field.name().to_lowercase())
    }

    /// The same, that compares no column of these models as it is stored whose values may look like
    /// documents; `None` where it compares none so.
    pub(crate) fn wary(&self, models: &[&Model]) -> Option<Self> {
        let mut fields = models.iter().flat_map(|model| model.fields());
        let is_stored =
            |field: &Field| self.weighs(field) && field.may_hold_documents() && !self.veils(field);
        fields.any(is_stored).then(|| Self {
            opened: self.weighed.clone(),
            ..self.clone()
        })
    }

    /// Whether it could tell by a field what is hidden in values that look like documents, and is
    /// given the field without them.
    pub(crate) fn veils(&self, field: &Field) -> bool {
        let opens = || field.is_loose() || self.opened.contains(&field.name().to_lowercase());
        self.weighs(field) && (documents::veils(field) || (field.may_hold_documents() && opens()))
    }
}

/// How far a statement could fail on a value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Risk {
    /// Where values of two types are compared.
    Comparison,
    /// Where values of two types become of one too.
    Union,
    /// The same, and a moment stands beside them.
    UnionWithMoment,
    /// Whatever the types are.
    Any,
}

/// A part of a statement's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// SQL as it is.
    Sql(String),
    /// The value of a parameter, by its number in the tool.
    Value(usize),
    /// The values of a list: with commas between them, or on PostgreSQL one array.
    List(usize),
}

/// The statement of a tool, but for the values of its parameters.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    dialect: Dialect,
    segments: Vec<Piece>,
    slots: Vec<Slot>,
    /// What the rules of the models bind.
    bound: Vec<Value>,
    /// The text, where no list makes it another one.
    fixed: Option<Arc<str>>,
    layout: Arc<Layout>,
    runs_code: bool,
    /// What the long values of one row may take in the driver, in bytes.
    row_bytes: usize,
    /// Whether each of its steps is over soon.
    is_brief: bool,
}

/// What a statement is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be described by its engine.
    Description,
    /// To be run: on MariaDB and MySQL it fails where a table that it reads has other columns by now.
    /// While they plan, those read nothing of what tells columns.
    Rows,
}

impl Template {
    /// The statement over these models; `slots` are the parameters in their order, and `limit` the
    /// rows that are asked for where the text asks for no number of its own.
    pub(crate) fn new(
        select: &Select,
        models: &[&Model],
        slots: Vec<Slot>,
        (dialect, purpose): (Dialect, Purpose),
        limit: u32,
    ) -> Self {
        let can_fail = match select.risk {
            Risk::Any => true,
            _ => dialect == Dialect::Postgres && overflows(select, models, &slots),
        };
        let (head, bound) = with(select, models, can_fail, (dialect, purpose));
        let mut segments = vec![Piece::Sql(head)];
        // A list of its own within, for no two follow each other: it sees the models all the same.
        let within = select.has_with && dialect == Dialect::Postgres;
        if within {
            segments.push(Piece::Sql(format!("SELECT * FROM ({}", own_with(select))));
        }
        segments.extend(select.pieces.iter().cloned());
        if !select.has_limit {
            segments.push(Piece::Sql(format!("{LIMIT} {limit}")));
        }
        if within {
            segments.push(Piece::Sql("\n) AS r".to_owned()));
        }
        Self {
            dialect,
            segments,
            slots,
            bound,
            fixed: None,
            layout: Arc::default(),
            runs_code: models.iter().any(|model| model.runs_code()),
            row_bytes: 0,
            is_brief: false,
        }
    }

    /// The same, with result columns that an engine has described, those of values of at most so
    /// many bytes; no more than `limit` rows come of it.
    pub(crate) fn shaped(mut self, columns: &[Column<'_>], max_bytes: usize, limit: u32) -> Self {
        let result = result::read(columns, self.dialect, max_bytes);
        if let Some(projection) = result.projection {
            let head = format!("SELECT {projection} FROM (");
            // After the models, and before all else.
            self.segments.insert(1, Piece::Sql(head));
            let names: Vec<String> = (0..columns.len()).map(result::name).collect();
            let names = names.join(", ");
            self.segments
                .push(Piece::Sql(format!("\n) AS r ({names}) LIMIT {limit}")));
        }
        self.layout = Arc::new(result.layout);
        self.row_bytes = result.row_bytes;
        let fixed = self.dialect == Dialect::Postgres
            || !self.segments.iter().any(|it| matches!(it, Piece::List(_)));
        if fixed {
            let nothing = vec![Argument::Null; self.slots.len()];
            self.fixed = Some(self.written(&nothing).0.into());
        }
        self
    }

    /// The same, that reads more than models or calls what the operator names: code of others may run.
    pub(crate) fn coded(mut self, coded: bool) -> Self {
        self.runs_code |= coded;
        self
    }

    /// The same, that calls no function: on SQLite each of its steps is over soon.
    pub(crate) fn brief(mut self, is_brief: bool) -> Self {
        self.is_brief = is_brief;
        self
    }

    /// The statement as an engine is asked to describe it, before it is shaped.
    ///
    /// MariaDB looks into tables while it plans, and tells what it found there; of no rows it tells
    /// the columns.
    pub(crate) fn described(&self) -> Statement {
        let whole = |slot: &Slot| match slot.is_whole() {
            true => Argument::One(crate::plan::Value::Int(0)),
            false => Argument::Null,
        };
        let arguments: Vec<Argument> = self.slots.iter().map(whole).collect();
        let mut described = self.clone();
        if let (Dialect::MySql, Some(Piece::Sql(last))) =
            (self.dialect, described.segments.last_mut())
            && last.starts_with(LIMIT)
        {
            *last = format!("{LIMIT} 0");
        }
        described.statement(&arguments)
    }

    /// The statement with these values, one for each parameter.
    pub(crate) fn statement(&self, arguments: &[Argument]) -> Statement {
        let (text, values) = match &self.fixed {
            Some(text) => (Arc::clone(text), self.values(arguments)),
            None => {
                let (text, values) = self.written(arguments);
                (text.into(), values)
            }
        };
        Statement {
            text,
            values: Values(values),
            layout: Arc::clone(&self.layout),
            runs_code: self.runs_code,
            row_bytes: self.row_bytes,
            is_brief: self.is_brief && !self.runs_code,
        }
    }

    /// The values alone, where they change nothing of the text.
    fn values(&self, arguments: &[Argument]) -> Vec<Value> {
        let mut values = self.bound.clone();
        match self.dialect {
            Dialect::MySql => {
                for segment in &self.segments {
                    if let Piece::Value(at) = segment {
                        self.slots[*at].bind(&arguments[*at], self.dialect, &mut values);
                    }
                }
            }
            Dialect::Sqlite | Dialect::Postgres => {
                for (slot, argument) in self.slots.iter().zip(arguments) {
                    slot.bind(argument, self.dialect, &mut values);
                }
            }
        }
        values
    }

    /// Text and values.
    fn written(&self, arguments: &[Argument]) -> (String, Vec<Value>) {
        let mut text = String::new();
        let mut values = self.bound.clone();
        // Where each parameter's values begin; MariaDB and MySQL bind them at each use.
        let mut places: Vec<(usize, usize)> = Vec::new();
        if self.dialect != Dialect::MySql {
            for (slot, argument) in self.slots.iter().zip(arguments) {
                let from = values.len();
                slot.bind(argument, self.dialect, &mut values);
                places.push((from, values.len() - from));
            }
        }
        for segment in &self.segments {
            match segment {
                Piece::Sql(sql) => text.push_str(sql),
                Piece::Value(at) | Piece::List(at) => {
                    let slot = &self.slots[*at];
                    let (from, count) = match places.get(*at) {
                        Some(place) => *place,
                        None => {
                            let from = values.len();
                            slot.bind(&arguments[*at], self.dialect, &mut values);
                            (from, values.len() - from)
                        }
                    };
                    slot.write(&mut text, from, count, self.dialect);
                }
            }
        }
        (text, values)
    }
}

/// The lists of the models, with the words that begin the operator's own where both stand in one
/// list, and what the rules bind.
fn with(
    select: &Select,
    models: &[&Model],
    can_fail: bool,
    (dialect, purpose): (Dialect, Purpose),
) -> (String, Vec<Value>) {
    let own = select.has_with && dialect != Dialect::Postgres;
    if models.is_empty() {
        let head = if own { own_with(select) } else { "" };
        return (head.to_owned(), Vec::new());
    }
    let mut with = WithClause::new();
    with.recursive(own && select.is_recursive);
    for (index, model) in models.iter().enumerate() {
        let veils = |field: &Field| select.veils(field);
        let mut rows = rows_of(model, &format!("m{index}"), veils, dialect);
        // What fails on a row that a rule hides would tell of it: the rule comes first, and whole.
        let is_barrier = can_fail && !model.rules().is_empty();
        if purpose == Purpose::Rows {
            for (table, digest) in model.column_digests() {
                rows.and_where(mysql::unchanged(table, digest));
            }
        }
        if is_barrier && dialect == Dialect::MySql {
            rows.limit(u64::MAX);
        }
        let mut list = CommonTableExpression::new();
        list.table_name(Alias::new(model.name())).query(rows);
        if dialect != Dialect::MySql {
            // Otherwise twice named is twice looked up, not written out.
            list.materialized(is_barrier);
        }
        with.cte(list);
    }
    let nothing = Query::select().expr(Expr::cust("1")).take();
    let query = nothing.with(with);
    let (text, Values(values)) = match dialect {
        Dialect::Sqlite => query.build(SqliteQueryBuilder),
        Dialect::Postgres => query.build(PostgresQueryBuilder),
        Dialect::MySql => query.build(MysqlQueryBuilder),
    };
    let lists = text.strip_suffix("SELECT 1").unwrap_or(&text).trim_end();
    let end = if own { ", " } else { "\n" };
    (format!("{lists}{end}"), values)
}

/// Whether a value could be too large for the type that PostgreSQL makes it of by itself, where it
/// stands beside one of that: a decimal number for a float, a whole one for an OID, and where no
/// operator compares both as they are, a day or a time without a zone for a moment.
fn overflows(select: &Select, models: &[&Model], slots: &[Slot]) -> bool {
    let fields = models.iter().flat_map(|model| model.fields());
    let fields: Vec<&Field> = fields.filter(|field| select.weighs(field)).collect();
    let classes = fields.iter().map(|field| field.field_type());
    let classes: Vec<FieldType> = classes.chain(slots.iter().map(Slot::class)).collect();
    let has = |is: fn(FieldType) -> bool| classes.iter().any(|class| is(*class));
    let has_float = has(|it| matches!(it, FieldType::Float | FieldType::Float32));
    let has_wide = has(|it| matches!(it, FieldType::Integer { wide: true, .. }));
    if (has_float && has(|it| matches!(it, FieldType::Decimal { .. })))
        || (has_wide && fields.iter().any(|field| is_oid(field)))
    {
        return true;
    }
    let has_time = has(|it| it == FieldType::DateTime);
    let has_moment = match select.risk {
        Risk::Comparison => return false,
        risk => risk == Risk::UnionWithMoment || has(|it| it == FieldType::Timestamp),
    };
    // What lists hold is not told.
    has(|it| it == FieldType::Array)
        || (has(|it| it == FieldType::Date) && (has_time || has_moment))
        || (has_time && has_moment)
}

/// Whether a field is one of the names and numbers that PostgreSQL gives its own things.
fn is_oid(field: &Field) -> bool {
    let kind = field.cast().rsplit('.').next().unwrap_or_default();
    field.field_type() == FieldType::Other && (kind == "oid" || kind.starts_with("reg"))
}

fn own_with(select: &Select) -> &'static str {
    match select.is_recursive {
        true => "WITH RECURSIVE ",
        false => "WITH ",
    }
}

/// The readable fields of the rows that may be seen of a model: as they are stored, or as they are
/// shown where more is done with them.
fn rows_of(
    model: &Model,
    alias: &str,
    veils: impl Fn(&Field) -> bool,
    dialect: Dialect,
) -> SelectStatement {
    let mut rows = Query::select();
    for field in model.fields() {
        let column = column_of(alias, field);
        match veils(field) {
            true => rows.expr_as(
                documents::veiled(column, field, dialect),
                field.name().to_owned(),
            ),
            false => rows.expr(column),
        };
    }
    let at = (qualified(model.table()), alias);
    source_at(at, &mut rows, model, dialect);
    rows
}

/// The statement that reads a model whole, which is described to learn what that reads.
pub fn whole(model: &Model, dialect: Dialect) -> Statement {
    Statement::new(
        &rows_of(model, BASE, can_be_veiled, dialect),
        dialect,
        Arc::default(),
        model.runs_code(),
    )
}

fn can_be_veiled(field: &Field) -> bool {
    documents::veils(field) || field.may_hold_documents()
}

/// A table with its schema, so that no list of a statement can be meant.
pub(super) fn qualified(name: &TableName) -> TableRef {
    let schema = name.schema.as_deref().unwrap_or("main");
    (schema.to_owned(), name.name.clone()).into()
}
