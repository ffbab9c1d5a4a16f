//! What calls answer.

use serde_json::json;

use crate::support::databases;

const TOOLS: &str = r#"
[[tool]]
name = "open_tickets"
description = "Tickets of some states, the newest first."
sql = '''
SELECT t.id, t.title, t.amount, t.created_at, t.done, u.email AS owner
FROM tickets t JOIN users u ON u.id = t.user_id
WHERE t.status IN (:statuses) AND t.created_at < :before
ORDER BY t.id DESC
'''
[tool.params]
statuses = { type = "text[]", description = "Which", default = ["open"] }
before = { type = "datetime", description = "Before when", default = "now" }

[[tool]]
name = "ticket"
description = "One ticket."
result = "one"
sql = "SELECT id, title, doc FROM tickets WHERE id = :id"
[tool.params]
id = { type = "tickets.id", description = "Its number" }

[[tool]]
name = "ticket_count"
description = "How many tickets a user has."
result = "value"
sql = "SELECT COUNT(*) AS n FROM tickets WHERE user_id = :user OR :user IS NULL"
[tool.params]
user = { type = "integer", description = "The user", required = false }
"#;

#[tokio::test]
async fn a_tool_answers_on_every_engine() {
    for database in databases().await {
        let engine = database.engine;
        let served = database.serve(TOOLS).await;
        let answer = served.call("open_tickets", json!({})).await;
        assert_eq!(answer["count"], 8, "{engine}: {answer}");
        assert_eq!(answer["truncated"], false, "{engine}: {answer}");
        let first = &answer["data"][0];
        assert_eq!(first["id"], 24, "{engine}: {answer}");
        assert_eq!(first["owner"], "ana@example.com", "{engine}");
        assert_eq!(first["amount"], json!(null), "{engine}");
        assert_eq!(answer["data"][1]["amount"].to_string(), "21.25", "{engine}");
        let at = first["created_at"].as_str().unwrap();
        assert!(at.starts_with("2026-01-24T10:00:00"), "{engine}: {at}");
        assert!(
            first["done"].is_boolean() || engine == "sqlite",
            "{engine}: {first}"
        );
        let params =
            json!({ "statuses": ["open", "pending", "x"], "before": "2026-01-05T00:00:00Z" });
        let answer = served.call("open_tickets", params).await;
        assert_eq!(answer["count"], 3, "{engine}: {answer}");
        let answer = served.call("ticket", json!({ "id": 7 })).await;
        let expected = json!({ "id": 7, "title": "ticket 7", "doc": { "note": "n7" } });
        assert_eq!(answer["data"], expected, "{engine}");
        let answer = served.call("ticket", json!({ "id": 700 })).await;
        assert_eq!(answer["data"], json!(null), "{engine}");
        let answer = served.call("ticket_count", json!({ "user": 2 })).await;
        assert_eq!(answer["data"], 8, "{engine}: {answer}");
        let answer = served.call("ticket_count", json!({})).await;
        assert_eq!(answer["data"], 24, "{engine}: {answer}");
        let answer = served.raw(r#"{"action":"describe","tool":"ticket"}"#).await;
        let told = &answer["data"];
        assert_eq!(told["params"][0]["type"], "integer", "{engine}: {answer}");
        assert_eq!(told["fields"][1]["name"], "title", "{engine}: {answer}");
        let answer = served.raw(r#"{"action":"describe"}"#).await;
        assert_eq!(
            answer["tools"][2]["name"], "ticket_count",
            "{engine}: {answer}"
        );
    }
}

/// What a call is refused with, word by word.
#[tokio::test]
async fn a_call_is_refused_in_the_words_of_the_protocol() {
    for database in databases().await {
        let served = database.serve(TOOLS).await;
        let allowed = "Allowed tools: open_tickets, ticket, ticket_count";
        for (tool, params, error, code) in [
            (
                "nothing",
                json!({}),
                format!("Tool 'nothing' not allowed. {allowed}"),
                "tool_not_allowed",
            ),
            (
                "ticket",
                json!({}),
                "Missing required parameter: id".to_owned(),
                "missing_parameter",
            ),
            (
                "ticket",
                json!({ "id": 1, "x": 1 }),
                "Unknown parameter: x".to_owned(),
                "invalid_parameter",
            ),
            (
                "ticket",
                json!({ "id": "x" }),
                "Invalid value for parameter 'id': expected an integer".to_owned(),
                "invalid_value",
            ),
        ] {
            let answer = served.call(tool, params).await;
            assert_eq!(
                answer,
                json!({ "error": error, "code": code }),
                "{}",
                database.engine
            );
        }
        let answer = served.raw(r#"{"action":"call"}"#).await;
        assert_eq!(answer["error"], "Missing required field: tool");
    }
}

/// A hidden field and a table that is no model are not there to be named.
#[tokio::test]
async fn what_is_not_exposed_cannot_be_named() {
    for database in databases().await {
        for sql in [
            "SELECT password_hash AS x FROM users",
            "SELECT u.name FROM users u WHERE u.password_hash = 'hash-ana'",
            "SELECT word FROM unlisted",
            "WITH w AS (SELECT name FROM users) SELECT password_hash AS x FROM w",
            "SELECT COUNT(*) AS n FROM tickets t JOIN users u ON u.password_hash = t.title",
            "SELECT SUM(u.id) OVER (ORDER BY u.password_hash) AS n FROM users u",
            "SELECT name FROM users WHERE EXISTS (SELECT 1 FROM tickets WHERE password_hash = 'x')",
        ] {
            let tool = format!("[[tool]]\nname = \"t\"\ndescription = \"x\"\nsql = \"{sql}\"\n");
            let served = database.serve_with(&tool, &[]).await;
            assert!(served.is_err(), "{}: {sql}", database.engine);
        }
    }
}

/// What a file says of values is judged by the field that they are of.
#[tokio::test]
async fn a_parameter_of_a_field_says_what_the_field_takes() {
    for database in databases().await {
        for (says, expected) in [
            (
                "enum = [\"q\"]",
                "its enum holds \"q\": expected an integer",
            ),
            (
                "default = \"q\"",
                "its default is no value of it: expected an integer",
            ),
            ("min = \"q\"", "its min is no bound of it"),
            ("max = true", "its max is no bound of it"),
            ("min = 3, max = 2", "its min lies above its max"),
        ] {
            let tool = format!(
                "[[tool]]\nname = \"t\"\ndescription = \"x\"\n\
                 sql = \"SELECT title FROM tickets WHERE id = :id\"\n\
                 [tool.params]\nid = {{ type = \"tickets.id\", {says} }}\n"
            );
            let refused = database.serve_with(&tool, &[]).await.err();
            let told = refused.map(|faults| faults.to_string()).unwrap_or_default();
            assert!(
                told.contains(expected),
                "{}: {says}: {told}",
                database.engine
            );
            assert!(told.contains("what the field takes"), "{told}");
        }
    }
}
