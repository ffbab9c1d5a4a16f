//! What the planner expects.

use std::sync::Arc;

use sqlx::{PgConnection, Postgres, Row as _};

use crate::db::{Failure, bound};
use crate::sql::Statement;

/// How many rows the plan of a statement expects.
pub(super) async fn rows(
    connection: &mut PgConnection,
    explain: &Statement,
) -> Result<Option<u64>, Failure> {
    let row = bound::<Postgres>(Arc::clone(&explain.text), explain.values.clone())
        .persistent(false)
        .fetch_one(connection)
        .await
        .map_err(Failure::from_driver)?;
    // The driver does not take JSON for text, which it is.
    let plan: String = row.try_get_unchecked(0).map_err(Failure::from_driver)?;
    Ok(planned_rows(&plan))
}

/// The rows that a plan in JSON expects, below its LIMIT.
fn planned_rows(plan: &str) -> Option<u64> {
    let plan: serde_json::Value = serde_json::from_str(plan).ok()?;
    let mut node = plan.get(0)?.get("Plan")?;
    if node.get("Node Type")?.as_str() == Some("Limit") {
        node = node.get("Plans")?.get(0)?;
    }
    Some(node.get("Plan Rows")?.as_f64()? as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_tells_its_rows_below_the_limit() {
        let plan = r#"[{"Plan":{"Node Type":"Limit","Plan Rows":51,
            "Plans":[{"Node Type":"Seq Scan","Plan Rows":1234}]}}]"#;
        assert_eq!(planned_rows(plan), Some(1234));
        assert_eq!(
            planned_rows(r#"[{"Plan":{"Node Type":"Seq Scan","Plan Rows":7}}]"#),
            Some(7)
        );
        assert_eq!(planned_rows("[]"), None);
    }
}
