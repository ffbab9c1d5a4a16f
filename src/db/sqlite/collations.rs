//! How the columns of a table or view compare text.

use rusqlite::{Connection, Result};
use sea_query::{Alias, CaseStatement, Expr, ExprTrait as _, Query, SqliteQueryBuilder, UnionType};

use crate::catalog::Kind;

/// SQLite's own collations that take different texts for equal.
const FOLDING: [&str; 2] = ["NOCASE", "RTRIM"];
/// What stands in for a collation that the application brings along: without it no two values of
/// the column can be compared.
const OURS: &str = "BINARY";

/// The collation that each column, in their order, must be given where it is not compared byte by
/// byte by itself.
pub(super) fn of(
    connection: &Connection,
    table: &str,
    kind: Kind,
    columns: &[&str],
) -> Vec<Option<&'static str>> {
    if kind != Kind::View {
        let columns = columns.iter();
        return columns
            .map(|column| of_column(connection, table, column))
            .collect();
    }
    of_view(connection, table, columns).unwrap_or_else(|_| {
        let each = columns.chunks(1).map(|column| {
            let told = of_view(connection, table, column);
            told.map_or(Some(OURS), |told| told.into_iter().next().flatten())
        });
        each.collect()
    })
}

fn of_column(connection: &Connection, table: &str, column: &str) -> Option<&'static str> {
    let (_, name, ..) = connection
        .column_metadata(Some("main"), table, column)
        .ok()?;
    let name = name?.to_str().ok()?;
    let is = |known: &&str| name.eq_ignore_ascii_case(known);
    match is(&OURS) {
        true => None,
        false => Some(FOLDING.into_iter().find(is).unwrap_or(OURS)),
    }
}

/// A view does not tell: a row of letters is put behind its rows, none of which are read, and
/// compared with what is equal to them by either collation.
fn of_view(
    connection: &Connection,
    view: &str,
    columns: &[&str],
) -> Result<Vec<Option<&'static str>>> {
    let (mut rows, mut letters, mut told) = (Query::select(), Query::select(), Query::select());
    rows.from(Alias::new(view)).and_where(Expr::cust("0"));
    for (at, column) in columns.iter().enumerate() {
        let name = format!("c{at}");
        rows.expr_as(Expr::col(Alias::new(*column)), name.clone());
        letters.expr(Expr::cust("'a'"));
        let value = || Expr::col(Alias::new(name.clone()));
        told.expr(
            CaseStatement::new()
                .case(value().eq(Expr::cust("'A'")), Expr::cust("'NOCASE'"))
                .case(value().eq(Expr::cust("'a '")), Expr::cust("'RTRIM'"))
                .finally(Expr::cust("''")),
        );
    }
    rows.union(UnionType::All, letters);
    told.from_subquery(rows, "t");
    connection.query_row(&told.to_string(SqliteQueryBuilder), [], |row| {
        let each = (0..columns.len()).map(|at| {
            let name: String = row.get(at)?;
            Ok(FOLDING.into_iter().find(|known| *known == name))
        });
        each.collect()
    })
}
