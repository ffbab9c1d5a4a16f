//! Requests and answers: texts, codes, ids, and the order of answers and of checks.

use serde_json::{Value, json};

use crate::client::{Client, error};
use crate::service::Service;

const ENDLESS: &str = r#"{"id":"slow","action":"list","model":"endless"}"#;
const MODELS: (&str, &str) = (
    "MCP_ALLOWED_MODELS",
    "users,tickets,change_log,endless,large",
);
const UNLIMITED: (&str, &str) = ("MCP_RATE_LIMIT", "0");

#[tokio::test]
async fn each_error_has_its_text_and_its_code() {
    let service = Service::with(&[UNLIMITED]).await;
    let mut client = Client::new(service.address).await;
    for (request, text, code) in [
        ("{", "Invalid JSON message", "invalid_json"),
        ("", "Invalid JSON message", "invalid_json"),
        ("{} {}", "Invalid JSON message", "invalid_json"),
        ("\u{feff}{}", "Invalid JSON message", "invalid_json"),
        ("{\"a\":NaN}", "Invalid JSON message", "invalid_json"),
        ("{\"a\":1,}", "Invalid JSON message", "invalid_json"),
        ("/**/{}", "Invalid JSON message", "invalid_json"),
        ("[]", "Request must be a JSON object", "invalid_request"),
        ("null", "Request must be a JSON object", "invalid_request"),
        (
            "\"list\"",
            "Request must be a JSON object",
            "invalid_request",
        ),
        ("{}", "Missing required field: action", "invalid_request"),
        (
            r#"{"action":"list"}"#,
            "Missing required field: model",
            "invalid_request",
        ),
        (
            r#"{"action":1,"model":"users"}"#,
            "Field 'action' must be a string",
            "invalid_request",
        ),
        (
            r#"{"action":"list","model":1}"#,
            "Field 'model' must be a string",
            "invalid_request",
        ),
        (
            r#"{"action":"list","model":"users","params":1}"#,
            "Field 'params' must be an object",
            "invalid_request",
        ),
        (
            r#"{"id":[],"action":"list","model":"users"}"#,
            "Field 'id' must be a string or a number",
            "invalid_request",
        ),
        (
            r#"{"action":"list","model":"Users"}"#,
            "Model 'Users' not allowed. Allowed models: users, tickets, change_log",
            "model_not_allowed",
        ),
        (
            r#"{"action":"list","model":" users"}"#,
            "Model ' users' not allowed. Allowed models: users, tickets, change_log",
            "model_not_allowed",
        ),
        (
            r#"{"action":"describe","model":"sqlite_master"}"#,
            "Model 'sqlite_master' not allowed. Allowed models: users, tickets, change_log",
            "model_not_allowed",
        ),
        (
            r#"{"action":"delete","model":"users"}"#,
            "Write operations not allowed in read-only mode: delete",
            "read_only",
        ),
        (
            r#"{"action":"LIST","model":"users"}"#,
            "Write operations not allowed in read-only mode: LIST",
            "read_only",
        ),
        (
            r#"{"action":"get","model":"users"}"#,
            "Missing required parameter: id",
            "missing_parameter",
        ),
        (
            r#"{"action":"list","model":"users","params":{"limit":"x"}}"#,
            "Pagination parameters must be integers",
            "invalid_parameter",
        ),
        (
            r#"{"action":"list","model":"users","params":{"offset":-1}}"#,
            "Pagination parameters must be non-negative",
            "invalid_parameter",
        ),
        (
            r#"{"action":"list","model":"users","params":{"filters":[]}}"#,
            "Filters must be an object of field/value pairs",
            "invalid_parameter",
        ),
        (
            r#"{"action":"list","model":"users","params":{"limt":1}}"#,
            "Unknown parameter: limt",
            "invalid_parameter",
        ),
        (
            r#"{"action":"list","model":"users","params":{"cursor":"x"}}"#,
            "Invalid cursor",
            "invalid_parameter",
        ),
        (
            r#"{"action":"list","model":"users","params":{"cursor":"x","offset":1}}"#,
            "Parameters 'cursor' and 'offset' exclude each other",
            "invalid_parameter",
        ),
        (
            r#"{"action":"query","model":"users","params":{"fields":["password_hash"]}}"#,
            "Field 'password_hash' is not allowed for model 'users'",
            "invalid_parameter",
        ),
        (
            r#"{"action":"query","model":"users","params":{"expand":["x"]}}"#,
            "Relation 'x' is not allowed for model 'users'",
            "invalid_parameter",
        ),
        (
            r#"{"action":"list","model":"users","params":{"filters":{"a b":1}}}"#,
            "Invalid filter field name: a b",
            "invalid_filter",
        ),
        (
            r#"{"action":"list","model":"users","params":{"filters":{"api_key":1}}}"#,
            "Filter field 'api_key' is not allowed for model 'users'",
            "invalid_filter",
        ),
        (
            r#"{"action":"list","model":"users","params":{"filters":{"id":"x"}}}"#,
            "Invalid value for field 'id': expected an integer",
            "invalid_value",
        ),
        (
            r#"{"action":"get","model":"users","params":{"id":999999}}"#,
            "Record not found: users id=999999",
            "not_found",
        ),
    ] {
        let answer = client.ask(request).await;
        assert_eq!(error(&answer), (text, code), "{request}");
    }
}

#[tokio::test]
async fn further_errors_come_from_the_configuration() {
    let service = Service::with(&[("MCP_READONLY", "false")]).await;
    let mut client = Client::new(service.address).await;
    let answer = client
        .ask(r#"{"id":1,"action":"create","model":"users"}"#)
        .await;
    let text = "Unsupported action: create. Supported: list, get, query, describe";
    assert_eq!(error(&answer), (text, "unsupported_action"));

    let service = Service::with(&[
        MODELS,
        ("MCP_MAX_RESPONSE_BYTES", "65536"),
        ("MCP_QUERY_TIMEOUT", "3"),
        ("MCP_POOL_SIZE", "1"),
    ])
    .await;
    let mut client = Client::new(service.address).await;
    let answer = client
        .ask(r#"{"action":"list","model":"large","params":{"limit":1}}"#)
        .await;
    let text = "Response too large: one record exceeds 65536 bytes";
    assert_eq!(error(&answer), (text, "response_too_large"));
    // One session, and others that wait for it as long as a statement may take.
    client.send(ENDLESS).await;
    client.send(ENDLESS).await;
    let (first, second) = (client.answer().await, client.answer().await);
    assert_eq!(error(&first), ("Query timed out after 3s", "timeout"));
    let busy = ("Server is busy, try again", "overloaded");
    assert!([busy, ("Query timed out after 3s", "timeout")].contains(&error(&second)));
    let answer = client
        .ask(r#"{"action":"get","model":"users","params":{"id":1}}"#)
        .await;
    assert_eq!(answer["status"], "ok");
}

#[tokio::test]
async fn the_id_comes_back_byte_for_byte() {
    let service = Service::with(&[UNLIMITED]).await;
    let mut client = Client::new(service.address).await;
    let long = format!("\"{}\"", "x".repeat(10_000));
    for id in [
        "\"a\"",
        "\"\"",
        "0",
        "-0",
        "1",
        "1.50",
        "1e400",
        "12345678901234567890123",
        "-1E-2",
        "\"\\u0041\\n\\/\"",
        "\"\\ud800\"",
        "\"é\\u0000\"",
        "\"</script>\"",
        &long,
    ] {
        for (rest, status) in [
            (r#""action":"describe","model":"users""#, "ok"),
            (r#""action":"get","model":"users""#, "error"),
            (r#""action":7,"model":"users""#, "error"),
        ] {
            client.send(format!("{{ \"id\" : {id} ,{rest}}}")).await;
            let answer = client.text().await;
            let begin = format!("{{\"id\":{id},\"status\":\"{status}\",");
            assert!(answer.starts_with(&begin), "{answer}");
        }
    }
    for absent in ["", "\"id\":null,", "\"Id\":1,"] {
        let request = format!(r#"{{{absent}"action":"describe","model":"users"}}"#);
        client.send(request).await;
        assert!(
            client
                .text()
                .await
                .starts_with(r#"{"id":null,"status":"ok""#)
        );
    }
    for unreadable in ["true", "[1]", "{}"] {
        let answer = client
            .ask(format!(r#"{{"id":{unreadable},"action":"describe"}}"#))
            .await;
        assert_eq!(
            (&answer["id"], &answer["status"]),
            (&Value::Null, &json!("error"))
        );
    }
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_requests() {
    let service = Service::with(&[MODELS, UNLIMITED, ("MCP_QUERY_TIMEOUT", "1")]).await;
    let mut client = Client::new(service.address).await;
    client.send(ENDLESS).await;
    for id in 0..100 {
        let request = match id % 4 {
            0 => {
                format!(r#"{{"id":{id},"action":"list","model":"tickets","params":{{"limit":3}}}}"#)
            }
            1 => format!(r#"{{"id":{id},"action":"get","model":"users","params":{{"id":1}}}}"#),
            2 => format!(r#"{{"id":{id},"action":"create","model":"users"}}"#),
            _ => format!(r#"{{"id":{id},"action":"describe"}}"#),
        };
        client.send(request).await;
    }
    let slow = client.answer().await;
    assert_eq!(slow["id"], "slow");
    assert_eq!(error(&slow), ("Query timed out after 1s", "timeout"));
    for id in 0..100 {
        let answer = client.answer().await;
        assert_eq!(answer["id"], id);
        assert_eq!(answer["status"] == "ok", id % 4 != 2, "{answer}");
    }
    // Another socket does not wait for the first one's slow request.
    client.send(ENDLESS).await;
    client.settle().await;
    let mut other = Client::new(service.address).await;
    let quick = other
        .ask(r#"{"action":"get","model":"users","params":{"id":1}}"#)
        .await;
    assert_eq!(quick["status"], "ok");
}

#[tokio::test]
async fn checks_come_in_their_order() {
    let service = Service::with(&[UNLIMITED]).await;
    let mut client = Client::new(service.address).await;
    // Each request fails this check and all that come later.
    for (request, code) in [
        (
            r#"{"id":{},"action":1,"model":1,"params":1"#,
            "invalid_json",
        ),
        (
            r#"{"id":{},"action":1,"model":1,"params":1}"#,
            "invalid_request",
        ),
        (
            r#"{"action":"create","model":"none","params":{"limt":1,"limit":-1}}"#,
            "model_not_allowed",
        ),
        (
            r#"{"action":"create","model":"users","params":{"limt":1}}"#,
            "read_only",
        ),
        (
            r#"{"action":"get","model":"users","params":{"ident":1}}"#,
            "invalid_parameter",
        ),
        (
            r#"{"action":"get","model":"users","params":{"id":"x"}}"#,
            "invalid_value",
        ),
    ] {
        assert_eq!(error(&client.ask(request).await).1, code, "{request}");
    }
}

#[tokio::test]
async fn unknown_members_change_nothing() {
    let service = Service::new().await;
    let mut client = Client::new(service.address).await;
    let odd =
        r#"{"id":1,"action":"create","model":"users","readonly":false,"token":"x","tenant":"*"}"#;
    assert_eq!(error(&client.ask(odd).await).1, "read_only");
    // The last of two members counts, everywhere.
    let twice = r#"{"action":"list","model":"users","model":"secrets"}"#;
    assert_eq!(error(&client.ask(twice).await).1, "model_not_allowed");
    let odd = r#"{"id":1,"action":"describe","model":"users","params":null,"x":{"y":[1]}}"#;
    assert_eq!(client.ask(odd).await["status"], "ok");
}

#[tokio::test]
async fn json_nests_to_64_levels_and_no_deeper() {
    let service = Service::new().await;
    let mut client = Client::new(service.address).await;
    let nested = |depth: usize| {
        let (open, shut) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        format!(r#"{{"id":1,"action":"describe","x":{open}{shut}}}"#)
    };
    assert_eq!(client.ask(nested(64)).await["status"], "ok");
    for deep in [
        nested(65),
        nested(30_000),
        "[".repeat(60_000),
        "{\"a\":".repeat(12_000),
    ] {
        assert_eq!(error(&client.ask(deep).await).1, "invalid_json");
    }
}

#[tokio::test]
async fn what_an_error_repeats_is_cut() {
    let service = Service::with(&[UNLIMITED]).await;
    let mut client = Client::new(service.address).await;
    let long = "é\\\"".repeat(5_000);
    let whole = "é\"".repeat(99);
    let query = |action: &str, params: &str| {
        format!(r#"{{"action":"{action}","model":"users","params":{{{params}}}}}"#)
    };
    for request in [
        format!(r#"{{"action":"list","model":"{long}"}}"#),
        format!(r#"{{"action":"{long}","model":"users"}}"#),
        query("list", &format!(r#""{long}":1"#)),
        query("get", &format!(r#""id":1,"{long}":1"#)),
        query("list", &format!(r#""filters":{{"{long}":1}}"#)),
        query(
            "query",
            &format!(r#""filters":{{"$and":[{{"{long}":1}}]}}"#),
        ),
        query("query", &format!(r#""filters":{{"id":{{"{long}":1}}}}"#)),
        query("query", &format!(r#""filters":{{"{long}":{{"$gt":1}}}}"#)),
        query("query", &format!(r#""filters":{{"${long}":1}}"#)),
        query("query", &format!(r#""fields":["{long}"]"#)),
        query("query", &format!(r#""expand":["{long}"]"#)),
        query("query", &format!(r#""sort":["{long}"]"#)),
        query("query", &format!(r#""sort":["-{long}"]"#)),
        query("query", &format!(r#""group_by":["{long}"]"#)),
        query("query", &format!(r#""group_by":[{{"{long}":"id"}}]"#)),
        query("query", &format!(r#""group_by":[{{"$month":"{long}"}}]"#)),
        query(
            "query",
            &format!(r#""aggregate":{{"n":{{"{long}":"id"}}}}"#),
        ),
        query(
            "query",
            &format!(r#""aggregate":{{"n":{{"$sum":"{long}"}}}}"#),
        ),
        query(
            "query",
            &format!(r#""aggregate":{{"n":{{"$count":"*"}}}},"sort":["{long}"]"#),
        ),
    ] {
        let answer = client.ask(request).await;
        let (text, _) = error(&answer);
        assert!(text.contains(&whole), "{text}");
        assert!(
            text.chars().count() <= 300 && answer.to_string().len() < 1_500,
            "{answer}"
        );
    }
    // These repeat nothing at all, or the little that they allow.
    for request in [
        query(
            "query",
            &format!(r#""aggregate":{{"{long}":{{"$count":"*"}}}}"#),
        ),
        query("query", &format!(r#""cursor":"{long}""#)),
        query("query", &format!(r#""total":"{long}""#)),
        query("list", &format!(r#""limit":"{long}""#)),
        query(
            "query",
            &format!(r#""filters":{{"id":{{"$gt":"{long}"}}}}"#),
        ),
        query("query", &format!(r#""filters":{{"id":"{long}"}}"#)),
    ] {
        let answer = client.ask(request).await;
        let (text, _) = error(&answer);
        assert!(
            text.chars().count() <= 300 && answer.to_string().len() < 1_500,
            "{answer}"
        );
    }
    let digits = "9".repeat(1_000);
    let answer = client
        .ask(format!(
            r#"{{"action":"get","model":"users","params":{{"id":"{digits}"}}}}"#
        ))
        .await;
    assert!(answer.to_string().len() < 500, "{answer}");
}
