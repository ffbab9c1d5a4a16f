//! The rows that relations to one lead to, each joined to its row at the most once.

use sea_query::{Expr, ExprTrait as _, Query, SelectStatement};

use super::{Columns, Dialect, alias, column_of, compare, documents, identity, table};
use crate::catalog::{Model, TableName};
use crate::encode::Member;
use crate::plan::{Expansion, Join, Joins, Sources};

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
/// there.
pub(super) fn all(
    select: &mut SelectStatement,
    joins: &Joins<'_>,
    needed: Sources,
    dialect: Dialect,
) {
    for (source, join) in joins.iter().filter(|(source, _)| needed.has(*source)) {
        let there = alias(source);
        let here = (alias(join.parent), joins.model(join.parent));
        let on = match join.relation.is_unique() {
            true => pointed(there, here, join, dialect),
            false => first(there, here, join, dialect),
        };
        if let Some(on) = on {
            select.left_join(table(join.model.table()).alias(there), on);
        }
    }
}

/// Where a row of the target, under that alias, is pointed to, and may be seen.
fn pointed(
    there: &str,
    (here, model): (&str, &Model),
    join: &Join<'_>,
    dialect: Dialect,
) -> Option<Expr> {
    let target = join.model;
    let pairs = join
        .relation
        .pairs(model, target)
        .map(|(from, to)| match dialect {
            // As a key is enforced: by the collation and the affinity of the other side alone.
            Dialect::Sqlite => {
                let from = Expr::cust_with_exprs("+?", [column_of(here, from)]);
                column_of(there, to).eq(from)
            }
            Dialect::Postgres | Dialect::MySql => {
                compare::fields_equal((here, from), (there, to), dialect)
            }
        });
    let rules = target.rules().iter();
    let rules = rules.map(|rule| compare::rule(there, rule, dialect));
    // A key points to rows of the table itself, never to those of tables that inherit from it.
    let own = target.is_inherited().then(|| own(there, target.table()));
    pairs
        .chain(rules)
        .chain(own)
        .reduce(|all, one| all.and(one))
}

/// Where a row is the first by its own key of those that are pointed to.
fn first(there: &str, here: (&str, &Model), join: &Join<'_>, dialect: Dialect) -> Option<Expr> {
    let target = join.model;
    let mut rows = Query::select();
    rows.from(table(target.table()).alias(FIRST));
    rows.and_where(pointed(FIRST, here, join, dialect)?);
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

/// Whether a row is the table's own.
fn own(alias: &str, name: &TableName) -> Expr {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let schema = name.schema.as_deref().map(quoted);
    let parts: Vec<String> = schema.into_iter().chain([quoted(&name.name)]).collect();
    let table = Expr::col((alias.to_owned(), "tableoid".to_owned()));
    table.eq(Expr::val(parts.join(".")).cast_as("regclass"))
}
