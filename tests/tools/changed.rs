//! Tools over tables that change while they are served.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Served, databases};

const TOOLS: &str = r#"
[[tool]]
name = "staff"
description = "Who works for a company."
sql = "SELECT u.name, u.email FROM users u WHERE u.company_id = :company ORDER BY u.id"
[tool.params]
company = { type = "users.company_id", description = "Which" }
"#;

/// The answer to a call, once it is no longer `unavailable`, as a client would ask again.
async fn settled(served: &Served, tool: &str, params: Value) -> Value {
    let begun = Instant::now();
    loop {
        let answer = served.call(tool, params.clone()).await;
        if answer["code"] != "unavailable" || begun.elapsed() > Duration::from_secs(10) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A tool needs no other request to find its tables changed, gone, and there again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_is_answered_by_its_tables_as_they_are() {
    for database in databases().await {
        let engine = database.engine;
        let served = database.live(TOOLS).await;
        let staff = async || settled(&served, "staff", json!({ "company": 2 })).await;
        let ben = json!([{ "name": "ben", "email": "ben@example.com" }]);
        assert_eq!(staff().await["data"], ben, "{engine}");
        database
            .run("ALTER TABLE users ADD COLUMN born INTEGER")
            .await;
        assert_eq!(staff().await["data"], ben, "{engine}");
        database
            .run("ALTER TABLE users RENAME COLUMN email TO mail")
            .await;
        let failed = json!({ "error": "Tool 'staff' failed", "code": "tool_failed" });
        assert_eq!(staff().await, failed, "{engine}");
        database
            .run("ALTER TABLE users RENAME COLUMN mail TO email")
            .await;
        let begun = Instant::now();
        let mut answer = staff().await;
        while answer["data"] != ben && begun.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(200)).await;
            answer = staff().await;
        }
        assert_eq!(answer["data"], ben, "{engine}: {answer}");
    }
}
