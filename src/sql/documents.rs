//! Text that may hold documents, compared as it is shown: a value that looks like a document is
//! compared as if it were not there, for what is hidden in it would be told by the comparison.
//!
//! The same rule as `encode::looks_like_document`: the first character, and what a name of a member
//! needs. It holds no bound value, for engines take two parameters of one value for two expressions.

use sea_query::{CaseStatement, Expr, ExprTrait as _, Query, SelectStatement};

use super::{Dialect, postgres, table};
use crate::catalog::{Affinity, Field, FieldType, TableName};
use crate::plan::{Comparison, guards};

/// Values of a column that are looked at from each side.
const SAMPLE: u64 = 1_000;

/// Whether a value looks like a document.
fn looks(column: &Expr, dialect: Dialect) -> Expr {
    // The first characters by number: { [ " space, tab, line ends, byte order mark.
    let test = match dialect {
        // A list of numbers is a table to it, which is looked into for each row: CASE is not.
        Dialect::Sqlite => {
            "(CASE unicode(?) WHEN 123 THEN 1 WHEN 91 THEN 1 WHEN 34 THEN 1 WHEN 32 THEN 1 \
             WHEN 9 THEN 1 WHEN 10 THEN 1 WHEN 13 THEN 1 WHEN 65279 THEN 1 ELSE 0 END \
             AND typeof(?) = 'text' AND (instr(?, char(92)) > 0 OR instr(?, '{') > 0 AND instr(?, ':') > 0))"
        }
        Dialect::Postgres => {
            "(pg_catalog.ascii(CAST($1 AS text)) IN (123, 91, 34, 32, 9, 10, 13, 65279) \
             AND (pg_catalog.strpos(CAST($1 AS text) COLLATE \"C\", pg_catalog.chr(92)) > 0 \
             OR pg_catalog.strpos(CAST($1 AS text) COLLATE \"C\", '{') > 0 \
             AND pg_catalog.strpos(CAST($1 AS text) COLLATE \"C\", ':') > 0))"
        }
        // The mark as UTF-8 and as UTF-16; binary texts are found whatever the collation.
        Dialect::MySql => {
            "(ORD(?) IN (123, 91, 34, 32, 9, 10, 13, 65279, 15711167) \
             AND (LOCATE(CHAR(92), ?) > 0 OR LOCATE(CHAR(123), ?) > 0 AND LOCATE(CHAR(58), ?) > 0))"
        }
    };
    let columns = match dialect {
        Dialect::Postgres => 1,
        Dialect::Sqlite | Dialect::MySql => test.matches('?').count(),
    };
    Expr::cust_with_exprs(test, vec![column.clone(); columns])
}

/// A test that holds for no value that looks like a document, where it could tell of one.
pub(super) fn guarded(
    test: Expr,
    column: &Expr,
    field: &Field,
    comparison: &Comparison,
    dialect: Dialect,
) -> Expr {
    match guards(field, comparison) {
        true => test.and(looks(column, dialect).not()),
        false => test,
    }
}

/// A column as it is ordered and grouped: NULL where its value looks like a document.
pub(super) fn ordered(column: Expr, field: &Field, dialect: Dialect) -> Expr {
    if !field.withholds_order() {
        return match dialect {
            Dialect::MySql => column,
            Dialect::Sqlite | Dialect::Postgres => collated(column, field),
        };
    }
    let shown = CaseStatement::new()
        .case(looks(&column, dialect), Expr::cust("NULL"))
        .finally(beside(column, field, dialect))
        .into();
    made(shown, field, dialect)
}

/// A column beside what has no value.
fn beside(column: Expr, field: &Field, dialect: Dialect) -> Expr {
    match dialect {
        Dialect::Postgres => postgres::told_apart(column, field),
        Dialect::Sqlite | Dialect::MySql => column,
    }
}

/// Whether a statement that does more with a field than to show it is given it [`veiled`].
pub(super) fn veils(field: &Field) -> bool {
    match field.field_type() {
        // Lists of texts, and what comes as text: each is written as one that begins alike.
        FieldType::Array | FieldType::Other => true,
        // SQLite keeps text there as well, which is shown as text is.
        FieldType::Bytes => field.withholds_order(),
        _ => field.may_hold_documents() && field.withholds_order(),
    }
}

/// A column as a statement sees it that may do anything with it: NULL where its value looks like a
/// document, and compared as before where it does not.
pub(super) fn veiled(column: Expr, field: &Field, dialect: Dialect) -> Expr {
    let shown: Expr = CaseStatement::new()
        .case(looks(&column, dialect), Expr::cust("NULL"))
        .finally(beside(column, field, dialect))
        .into();
    if dialect != Dialect::Sqlite {
        return shown;
    }
    let shown = match field.affinity() {
        Affinity::Text => Expr::cust_with_exprs("CAST(? AS TEXT)", [shown]),
        _ => shown,
    };
    made(shown, field, dialect)
}

/// What is made of a column, to be ordered as it is.
pub(super) fn made(expr: Expr, field: &Field, dialect: Dialect) -> Expr {
    match (field.collation(), dialect) {
        (Some(collation), Dialect::MySql) => {
            let template = format!("CONVERT(? USING utf8mb4) COLLATE {collation}");
            Expr::cust_with_exprs(template, [expr])
        }
        (Some(collation), _) => Expr::cust_with_exprs(format!("? COLLATE {collation}"), [expr]),
        (None, _) => expr,
    }
}

/// A column as SQLite can compare it: byte by byte where its own collation is not to be had.
pub(super) fn collated(column: Expr, field: &Field) -> Expr {
    match field.collation() {
        Some("BINARY") => Expr::cust_with_exprs("? COLLATE BINARY", [column]),
        _ => column,
    }
}

/// The statement that tells by one row whether the last of some columns holds documents, as far as
/// it is looked at: the first rows, and both ends of the index that orders by these columns, where
/// the characters sort that documents begin with.
pub fn sample(name: &TableName, columns: &[String], dialect: Dialect) -> SelectStatement {
    let column = |name: &String| Expr::col(name.clone());
    let expr = columns.last().map_or(Expr::cust("NULL"), column);
    let part = |order: Option<sea_query::Order>| {
        let mut values = Query::select();
        values
            .expr_as(expr.clone(), "v")
            .from(table(name))
            .and_where(expr.clone().is_not_null())
            .limit(SAMPLE);
        if let Some(order) = order {
            for by in columns {
                values.order_by_expr(column(by), order.clone());
            }
        }
        let value = Expr::col("v");
        let mut found = Query::select();
        found
            .expr(Expr::cust("1"))
            .from_subquery(values, "s")
            .and_where(looks(&value, dialect));
        Expr::exists(found)
    };
    let any = part(None)
        .or(part(Some(sea_query::Order::Asc)))
        .or(part(Some(sea_query::Order::Desc)));
    let told: Expr = CaseStatement::new()
        .case(any, Expr::cust("1"))
        .finally(Expr::cust("0"))
        .into();
    Query::select().expr(told).take()
}
