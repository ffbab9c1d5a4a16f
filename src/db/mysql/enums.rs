//! The names of enums with letters beyond U+FFFF: the server's own catalog has question marks in
//! their place.
//!
//! So the server is asked what each position of the column stands for: what a recursive list holds
//! has the type of its first part, and a number that comes into an enum is a position of it. No row
//! is read.

use sea_query::{
    Alias, CommonTableExpression, Expr, MysqlQueryBuilder, Order, Query, TableRef, UnionType,
    WithClause,
};
use sqlx::mysql::MySql as Driver;
use sqlx::{MySqlConnection, Row as _};

use crate::catalog::TableName;
use crate::db::{Failure, bound};

/// Whether the catalog may have spelt a name otherwise than it is.
pub(super) fn is_doubtful(declared: &[String]) -> bool {
    declared.iter().any(|name| name.contains('?'))
}

/// The names of an enum as they are; what the catalog says where the server tells no more. It tells
/// of a thousand names at the most (`max_recursive_iterations`).
pub(super) async fn spelt(
    connection: &mut MySqlConnection,
    table: &TableName,
    column: &str,
    declared: Vec<String>,
) -> Result<Vec<String>, Failure> {
    let first = Query::select()
        .column(("t", column.to_owned()))
        .expr(Expr::cust("0"))
        .from_subquery(Query::select().expr(Expr::cust("1")).to_owned(), "o")
        .left_join(
            TableRef::from((table.schema.clone().unwrap_or_default(), table.name.clone()))
                .alias("t"),
            Expr::cust("1 = 0"),
        )
        .to_owned();
    let next = Query::select()
        .exprs([Expr::cust("n + 1"), Expr::cust("n + 1")])
        .from("r")
        .and_where(Expr::cust(format!("n < {}", declared.len())))
        .to_owned();
    let list = CommonTableExpression::new()
        .table_name("r")
        .columns(["e", "n"])
        .query(first.clone().union(UnionType::All, next).to_owned())
        .to_owned();
    let names = Query::select()
        .expr(Expr::cust("CAST(e AS CHAR CHARACTER SET utf8mb4)"))
        .from("r")
        .and_where(Expr::cust("n > 0"))
        .order_by(Alias::new("n"), Order::Asc)
        .to_owned();
    let with = WithClause::new().recursive(true).cte(list).to_owned();
    let (text, values) = names.with(with).build(MysqlQueryBuilder);
    match bound::<Driver>(text, values).fetch_all(connection).await {
        Ok(rows) => {
            let told = rows.iter().map(|row| row.try_get(0));
            let told: Vec<String> = told
                .collect::<Result<_, _>>()
                .map_err(Failure::from_driver)?;
            Ok(if are_same(&declared, &told) {
                told
            } else {
                declared
            })
        }
        // A server that does not take it so.
        Err(sqlx::Error::Database(_)) => Ok(declared),
        Err(error) => Err(Failure::from_driver(error)),
    }
}

/// Whether names are those that the catalog declares, but for letters that it does not hold.
fn are_same(declared: &[String], told: &[String]) -> bool {
    let held = |name: &String| -> String {
        let letters = name.chars();
        letters
            .map(|letter| if letter > '\u{ffff}' { '?' } else { letter })
            .collect()
    };
    told.iter().map(held).eq(declared.iter().cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_that_the_catalog_could_have_spelt_so() {
        let names = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let declared = names(&["a", "?", "b?c?"]);
        assert!(is_doubtful(&declared) && !is_doubtful(&names(&["a", "\u{ffff}"])));
        for (told, same) in [
            (names(&["a", "\u{1f600}", "b\u{1f601}c?"]), true),
            (names(&["a", "?", "b?c?"]), true),
            (names(&["a", "\u{1f600}"]), false),
            (names(&["b", "\u{1f600}", "b?c?"]), false),
            (names(&["a", "x", "b?c?"]), false),
        ] {
            assert_eq!(are_same(&declared, &told), same, "{told:?}");
        }
    }
}
