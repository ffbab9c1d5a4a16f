//! The rows that relations lead to: those to one are joined to their row, each at the most once.

use sea_query::{Expr, ExprTrait as _, Query, SelectStatement};

use super::columns::Columns;
use super::{Dialect, alias, column_of, compare, documents, identity, rule, table};
use crate::catalog::{Model, Relation, TableName};
use crate::encode::Member;
use crate::plan::{
    Column, ExpandedRow, ExpandedRows, Expansion, Join, Joins, Output, ReadPlan, RowKey, Shown,
    Source, Sources,
};

/// The alias of the target where the first of several rows is looked for.
const FIRST: &str = "f";

/// The members of a plan's rows.
pub(super) fn members<'p>(columns: &mut Columns<'p>, plan: &'p ReadPlan<'p>) -> Vec<Member> {
    let Output::Rows { fields, expand } = &plan.output else {
        return Vec::new();
    };
    shown(columns, plan.model, fields, expand)
}

/// Fields, and what relations lead to from their row.
fn shown<'p>(
    columns: &mut Columns<'p>,
    model: &'p Model,
    fields: &'p [Shown<'p>],
    expand: &'p [Expansion<'p>],
) -> Vec<Member> {
    let mut members: Vec<Member> = fields.iter().map(|shown| columns.shown(shown)).collect();
    for expansion in expand {
        members.push(match expansion {
            Expansion::One(one) => object(columns, model, one),
            Expansion::Many(many) => list(columns, many),
        });
    }
    members
}

/// The row that a foreign key points to, as a member.
fn object<'p>(columns: &mut Columns<'p>, model: &'p Model, one: &'p ExpandedRow<'p>) -> Member {
    let members = shown(columns, one.target, &one.fields, &one.expand);
    // The field that is pointed to is not NULL where a row was found.
    let pointed = one.relation.pairs(model, one.target).next();
    let present = pointed.map(|(_, field)| {
        let source = one.source;
        columns.column(Column { source, field }).index
    });
    Member::object(one.relation.name(), members, present)
}

/// Where the rows whose keys point to a row belong.
fn list<'p>(columns: &mut Columns<'p>, many: &'p ExpandedRows<'p>) -> Member {
    let here = alias(many.parent);
    let pairs = many.relation.pairs(many.here, many.plan.model);
    let owner = pairs.map(|(field, _)| columns.pointed(&column_of(here, field), field));
    let owner = owner.collect();
    let number = columns.lists;
    columns.lists += 1;
    Member::list(many.relation.name(), number, owner)
}

/// Joins the rows of the sources that are needed; one that may not be seen is as one that is not
/// there. What belongs to many rows is read where they are.
pub(super) fn all(
    select: &mut SelectStatement,
    joins: &Joins<'_>,
    needed: Sources,
    dialect: Dialect,
) {
    for (source, join) in joins.iter().filter(|(source, _)| needed.has(*source)) {
        if !joins.is_of_many(source) {
            one(select, source, join, dialect);
        }
    }
}

/// Joins the row that a relation to one leads to.
pub(super) fn one(select: &mut SelectStatement, source: Source, join: &Join<'_>, dialect: Dialect) {
    let there = alias(source);
    if let Some(on) = Lead::of(join).on(there, dialect) {
        select.left_join(table(join.model.table()).alias(there), on);
    }
}

/// How a relation leads from a row to others.
pub(super) struct Lead<'l> {
    /// The row that it leads from: its alias, and its model.
    pub(super) here: (&'l str, &'l Model),
    pub(super) relation: &'l Relation,
    /// The model that it leads to.
    pub(super) target: &'l Model,
}

impl<'l> Lead<'l> {
    /// The lead of a join.
    pub(super) fn of(join: &Join<'l>) -> Self {
        Self {
            here: (alias(join.parent), join.here),
            relation: join.relation,
            target: join.model,
        }
    }
}

impl Lead<'_> {
    /// Where a row of the target, under that alias, is one that is meant.
    pub(super) fn on(&self, there: &str, dialect: Dialect) -> Option<Expr> {
        match self.relation.is_unique() || self.relation.is_to_many() {
            true => self.pointed(there, dialect),
            false => self.first(there, dialect),
        }
    }

    /// Where the key of one points to the other, and a row of the target may be seen.
    fn pointed(&self, there: &str, dialect: Dialect) -> Option<Expr> {
        let ((here, model), target) = (self.here, self.target);
        let many = self.relation.is_to_many();
        let pairs = self.relation.pairs(model, target);
        let pairs = pairs.map(|(from, to)| match many {
            false => compare::key_equal((here, from), (there, to), false, dialect),
            true => compare::key_equal((there, to), (here, from), true, dialect),
        });
        let rules = target.rules().iter();
        let rules = rules.map(|one| rule::rule(there, one, dialect));
        // A key points to rows of the table itself, never to those of tables that inherit from it.
        let (alias, pointed) = if many { (here, model) } else { (there, target) };
        let own = pointed.is_inherited().then(|| own(alias, pointed.table()));
        pairs
            .chain(rules)
            .chain(own)
            .reduce(|all, one| all.and(one))
    }

    /// Where a row is the first by its own key of those that are pointed to.
    fn first(&self, there: &str, dialect: Dialect) -> Option<Expr> {
        let target = self.target;
        let mut rows = Query::select();
        rows.from(table(target.table()).alias(FIRST));
        rows.and_where(self.pointed(FIRST, dialect)?);
        let keys = target
            .key()
            .map(|field| documents::ordered(column_of(FIRST, field), field, dialect));
        // Which of those that share a key is read: their order is told to nobody.
        let row = identity::row(FIRST, target, RowKey::default(), dialect).map(|(row, _)| row);
        for key in keys.chain(row) {
            rows.order_by_expr(key, sea_query::Order::Asc);
        }
        rows.limit(1);
        let key = target.key().map(|field| {
            let value = rows.clone().expr(column_of(FIRST, field)).take();
            column_of(there, field).eq(Expr::SubQuery(None, Box::new(value.into())))
        });
        key.reduce(|all, one| all.and(one))
    }
}

/// Whether a row is the table's own.
fn own(alias: &str, name: &TableName) -> Expr {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let schema = name.schema.as_deref().map(quoted);
    let parts: Vec<String> = schema.into_iter().chain([quoted(&name.name)]).collect();
    let table = Expr::col((alias.to_owned(), "tableoid".to_owned()));
    table.eq(Expr::val(parts.join(".")).cast_as("regclass"))
}
