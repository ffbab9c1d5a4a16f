//! The examples of the first clients, to the letter.

use serde_json::{Value, json};

use crate::client::{Client, body};
use crate::raw;
use crate::service::{Service, TOKEN};

const LIST: &str = r#"{
    "id": "list-users-1",
    "action": "list",
    "model": "users",
    "params": {
        "limit": 50,
        "offset": 0,
        "filters": {
            "is_super_admin": true
        }
    }
}"#;
const GET: &str = r#"{
    "id": "get-user-1",
    "action": "get",
    "model": "users",
    "params": {
        "id": 1
    }
}"#;
const QUERY: &str = r#"{
    "id": "query-tickets-1",
    "action": "query",
    "model": "tickets",
    "params": {
        "filters": {
            "status": "open",
            "priority": "high"
        },
        "limit": 10
    }
}"#;
const SENSITIVE: [&str; 11] = [
    "password_hash",
    "password",
    "secret",
    "token",
    "api_key",
    "totp_secret",
    "encryption_key",
    "private_key",
    "client_secret",
    "webhook_secret",
    "auth_token",
];

fn names(value: &Value) -> Vec<&str> {
    let object = value.as_object().unwrap();
    object.keys().map(String::as_str).collect()
}

fn holds_the_admin(row: &Value) {
    assert_eq!(row["id"], 1);
    assert_eq!(row["email"], "admin@example.com");
    assert_eq!(row["first_name"], "Admin");
    assert_eq!(row["last_name"], "User");
    assert_eq!(row["is_super_admin"], true);
    for name in SENSITIVE {
        assert!(row.get(name).is_none(), "{name}");
    }
}

#[tokio::test]
async fn the_three_actions_answer_as_written() {
    let service = Service::new().await;
    let mut client = Client::new(service.address).await;

    let list = client.ask(LIST).await;
    let members = [
        "id", "status", "data", "count", "limit", "offset", "has_more",
    ];
    assert_eq!(names(&list), members);
    let rest = ["id", "status", "count", "limit", "offset"].map(|name| list[name].clone());
    assert_eq!(json!(rest), json!(["list-users-1", "ok", 1, 50, 0]));
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    holds_the_admin(&list["data"][0]);

    let get = client.ask(GET).await;
    assert_eq!(names(&get), ["id", "status", "data"]);
    assert_eq!(
        (&get["id"], &get["status"]),
        (&json!("get-user-1"), &json!("ok"))
    );
    holds_the_admin(&get["data"]);

    let query = client.ask(QUERY).await;
    let rest = ["id", "status", "limit", "offset"].map(|name| query[name].clone());
    assert_eq!(json!(rest), json!(["query-tickets-1", "ok", 10, 0]));
    let rows = query["data"].as_array().unwrap();
    assert!(!rows.is_empty() && rows.len() <= 10);
    assert_eq!(query["count"], rows.len());
    for row in rows {
        assert_eq!(
            (&row["status"], &row["priority"]),
            (&json!("open"), &json!("high"))
        );
        assert!(row.get("webhook_secret").is_none());
    }
}

#[tokio::test]
async fn the_errors_are_as_written() {
    let service = Service::new().await;
    let mut client = Client::new(service.address).await;
    for (request, error) in [
        (
            r#"{"id":"req-1","action":"list","model":"sensitive_data"}"#,
            "Model 'sensitive_data' not allowed. Allowed models: users, tickets, change_log",
        ),
        (
            r#"{"id":"req-1","action":"create","model":"users","params":{}}"#,
            "Write operations not allowed in read-only mode: create",
        ),
        (
            r#"{"id":"req-1","action":"get","model":"users","params":{}}"#,
            "Missing required parameter: id",
        ),
    ] {
        let answer = client.ask(request).await;
        assert_eq!(answer["id"], "req-1");
        assert_eq!(answer["status"], "error");
        assert_eq!(answer["error"], error);
    }
}

#[tokio::test]
async fn the_sixty_first_request_of_a_minute_ends_the_connection() {
    let service = Service::new().await;
    let mut client = Client::new(service.address).await;
    for _ in 0..60 {
        assert_eq!(client.ask(GET).await["status"], "ok");
    }
    let over = client.ask(GET).await;
    assert_eq!(over["id"], Value::Null);
    assert_eq!(over["status"], "error");
    assert_eq!(over["error"], "Rate limit exceeded: 60 requests per 60s");
    assert_eq!(client.closed().await.0, 1008);
}

#[tokio::test]
async fn both_ways_of_the_token_open_a_socket() {
    let service = Service::new().await;
    let header = [("X-MCP-Token", TOKEN)];
    let query = format!("/mcp/ws?token={TOKEN}");
    for (path, headers) in [("/mcp/ws", &header[..]), (&query, &[])] {
        let mut client = Client::with(service.address, path, headers).await.unwrap();
        assert_eq!(client.ask(GET).await["status"], "ok");
    }
}

#[tokio::test]
async fn a_wrong_token_and_a_service_that_is_off_say_so() {
    let service = Service::new().await;
    let wrong = [("X-MCP-Token", "your-secret-token-here")];
    let refused = Client::with(service.address, "/mcp/ws", &wrong).await;
    let refused = refused.err().unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(
        body(&refused).to_string(),
        r#"{"status":"error","error":"Invalid authentication token"}"#
    );

    // As the example of the configuration has it: a placeholder, and no database.
    let off = Service::with(&[
        ("MCP_ENABLED", "false"),
        ("MCP_TOKEN", "your-secret-token-here"),
        ("DATABASE_URL", ""),
    ])
    .await;
    let off = raw::get(off.address, "/mcp/ws").await;
    assert_eq!(off.status, 503);
    assert_eq!(
        off.body,
        r#"{"status":"error","error":"MCP server is disabled"}"#
    );
}
