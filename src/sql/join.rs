//! The rows that relations lead to: those to one are joined to their row, each at the most once.

use sea_query::{Expr, ExprTrait as _, Query, SelectStatement};

use super::{Columns, Dialect, alias, column_of, compare, documents, identity, rule, table};
use crate::catalog::{Model, Relation, TableName};
use crate::encode::Member;
use crate::plan::{Expansion, Join, Joins, Source, Sources};

/// The alias of the target where the first of several rows is looked for.
const FIRST: &str = "f";

/// The row that a foreign key points to, as a member, and within it those that its own keys point to.
pub(super) fn member<'p>(
    columns: &mut Columns<'p>,
    model: &Model,
    expansion: &Expansion<'p>,
) -> Member {
    let (relation, target) = (expansion.relation, expansion.target);
    let mut object = columns.fields(expansion.source, target.fields().iter());
    // The field that is pointed to is not NULL where a row was found.
    let pointed = relation.pairs(model, target).next();
    let present = pointed.and_then(|(_, to)| {
        let mut fields = target.fields().iter();
        let at = fields.position(|field| std::ptr::eq(field, to))?;
        object.get(at).map(Member::first)
    });
    for inner in &expansion.expand {
        object.push(member(columns, target, inner));
    }
    Member::object(relation.name(), object, present)
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
            false => compare::key_equal((here, from), (there, to), dialect),
            true => compare::key_equal((there, to), (here, from), dialect),
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
        let row = identity::row(FIRST, target, dialect).map(|(row, _)| row);
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
