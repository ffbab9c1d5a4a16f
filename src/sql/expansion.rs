//! The rows that foreign keys point to, each joined to its row at the most once.

use sea_query::{Expr, ExprTrait as _, Query, SelectStatement};

use super::{BASE, Columns, Dialect, column_of, compare, documents, identity, table};
use crate::catalog::{Model, TableName};
use crate::encode::Member;
use crate::plan::Expansion;

/// The alias of the target where the first of several rows is looked for.
const FIRST: &str = "f";

/// The row that a foreign key points to, as a member.
pub(super) fn member(
    columns: &mut Columns<'_>,
    model: &Model,
    expansion: &Expansion<'_>,
    index: usize,
) -> Member {
    let (relation, target) = (expansion.relation, expansion.target);
    let object = columns.fields(&joined(index), target.fields().iter());
    // The field that is pointed to is not NULL where a row was found.
    let pointed = relation.pairs(model, target).next();
    let present = pointed.and_then(|(_, to)| {
        let mut fields = target.fields().iter();
        let at = fields.position(|field| std::ptr::eq(field, to))?;
        object.get(at).map(Member::first)
    });
    Member::object(relation.name(), object, present)
}

/// The alias of an expanded model's table.
fn joined(index: usize) -> String {
    format!("e{index}")
}

/// Joins the row that is pointed to; one that may not be seen is as one that is not there.
pub(super) fn join(
    select: &mut SelectStatement,
    model: &Model,
    expansion: &Expansion<'_>,
    index: usize,
    dialect: Dialect,
) {
    let (target, alias) = (expansion.target, joined(index));
    let on = match expansion.relation.is_unique() {
        true => pointed(&alias, model, expansion, dialect),
        false => first(&alias, model, expansion, dialect),
    };
    if let Some(on) = on {
        select.left_join(table(target.table()).alias(alias), on);
    }
}

/// Where a row of the target is pointed to, and may be seen.
fn pointed(
    alias: &str,
    model: &Model,
    expansion: &Expansion<'_>,
    dialect: Dialect,
) -> Option<Expr> {
    let (relation, target) = (expansion.relation, expansion.target);
    let pairs = relation
        .pairs(model, target)
        .map(|(from, to)| match dialect {
            // As a key is enforced: by the collation and the affinity of the other side alone.
            Dialect::Sqlite => {
                let from = Expr::cust_with_exprs("+?", [column_of(BASE, from)]);
                column_of(alias, to).eq(from)
            }
            Dialect::Postgres | Dialect::MySql => {
                compare::fields_equal((BASE, from), (alias, to), dialect)
            }
        });
    let rules = target.rules().iter();
    let rules = rules.map(|rule| compare::rule(alias, rule, dialect));
    // A key points to rows of the table itself, never to those of tables that inherit from it.
    let own = target.is_inherited().then(|| own(alias, target.table()));
    pairs
        .chain(rules)
        .chain(own)
        .reduce(|all, one| all.and(one))
}

/// Where a row is the first by its own key of those that are pointed to.
fn first(alias: &str, model: &Model, expansion: &Expansion<'_>, dialect: Dialect) -> Option<Expr> {
    let target = expansion.target;
    let mut rows = Query::select();
    rows.from(table(target.table()).alias(FIRST));
    rows.and_where(pointed(FIRST, model, expansion, dialect)?);
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
        column_of(alias, field).eq(Expr::SubQuery(None, Box::new(value.into())))
    });
    key.reduce(|all, one| all.and(one))
}

/// Whether a row is the table's own.
fn own(alias: &str, name: &TableName) -> Expr {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let schema = name.schema.as_deref().map(quoted);
    let parts: Vec<String> = schema.into_iter().chain([quoted(&name.name)]).collect();
    let table = Expr::col((alias.to_owned(), "tableoid".to_owned()));
    table.eq(Expr::val(parts.join(".")).cast_as("regclass"))
}
