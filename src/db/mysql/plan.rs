//! How many rows the optimizer expects of a statement.

use std::sync::Arc;

use serde_json::Value;
use sqlx::{MySql, MySqlConnection, Row as _};

use crate::db::{Failure, bound};
use crate::sql::Statement;

/// The alias that `sql` gives the model's own table.
const BASE: &str = "t";

/// The rows that the model's table gives after its conditions; `None` where the plan does not say,
/// as for a view whose tables have names of their own.
pub(super) async fn rows(
    connection: &mut MySqlConnection,
    explain: &Statement,
) -> Result<Option<u64>, Failure> {
    let row = bound::<MySql>(Arc::clone(&explain.text), explain.values.clone())
        .fetch_one(connection)
        .await
        .map_err(Failure::from_driver)?;
    let plan: String = row.try_get(0).map_err(Failure::from_driver)?;
    Ok(expected(&plan))
}

fn expected(plan: &str) -> Option<u64> {
    let plan: Value = serde_json::from_str(plan).ok()?;
    let table = find(&plan)?;
    // MariaDB and MySQL differ in names, and in whether a percentage is a number.
    let number = |name: &str| match table.get(name)? {
        Value::String(text) => text.parse::<f64>().ok(),
        value => value.as_f64(),
    };
    let rows = number("rows").or_else(|| number("rows_examined_per_scan"))?;
    let filtered = number("filtered").unwrap_or(100.0);
    Some((rows * filtered / 100.0).round() as u64)
}

/// The part of a plan that reads the model's table.
fn find(plan: &Value) -> Option<&Value> {
    match plan {
        Value::Object(members) => {
            if members.get("table_name").and_then(Value::as_str) == Some(BASE) {
                return Some(plan);
            }
            members.values().find_map(find)
        }
        Value::Array(parts) => parts.iter().find_map(find),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_servers_are_understood() {
        for (plan, rows) in [
            (
                r#"{"query_block":{"select_id":1,"table":{"table_name":"t","access_type":"ALL",
                    "rows":1000,"filtered":12.5}}}"#,
                Some(125),
            ),
            (
                r#"{"query_block":{"nested_loop":[{"table":{"table_name":"e0","rows":1}},
                    {"table":{"table_name":"t","rows":40,"filtered":100}}]}}"#,
                Some(40),
            ),
            (
                r#"{"query_block":{"select_id":1,"table":{"table_name":"t",
                    "rows_examined_per_scan":300,"rows_produced_per_join":30,"filtered":"10.00"}}}"#,
                Some(30),
            ),
            (
                r#"{"query_block":{"table":{"message":"Impossible WHERE"}}}"#,
                None,
            ),
            ("", None),
        ] {
            assert_eq!(expected(plan), rows, "{plan}");
        }
    }
}
