//! Arguments as models and client libraries write them.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::{call, post, request, start, start_over};

/// The structured content of a tool's result.
async fn content(address: SocketAddr, tool: &str, arguments: &str) -> Value {
    let answer = post(address, &call(1, tool, arguments)).await.json();
    answer["result"]["structuredContent"].clone()
}

/// The same without its cursor, which no two answers share.
async fn rows(address: SocketAddr, tool: &str, arguments: &str) -> Value {
    let mut content = content(address, tool, arguments).await;
    if let Some(members) = content.as_object_mut() {
        members.remove("next_cursor");
    }
    content
}

#[tokio::test]
async fn a_whole_number_is_one_however_it_is_written() {
    let running = start(&[]).await;
    for (tool, written, plain) in [
        (
            "get_record",
            r#"{"model":"users","id":7.0}"#,
            r#"{"model":"users","id":7}"#,
        ),
        (
            "get_record",
            r#"{"model":"users","id":"7.0"}"#,
            r#"{"model":"users","id":"7"}"#,
        ),
        (
            "get_record",
            r#"{"model":"users","id":70e-1}"#,
            r#"{"model":"users","id":7}"#,
        ),
        (
            "list_records",
            r#"{"model":"users","filters":{"id":1e1}}"#,
            r#"{"model":"users","filters":{"id":10}}"#,
        ),
        (
            "query_records",
            r#"{"model":"users","filters":{"id":{"$in":[1.0,2.0]}},"limit":1.0,"offset":1e0}"#,
            r#"{"model":"users","filters":{"id":{"$in":[1,2]}},"limit":1,"offset":1}"#,
        ),
    ] {
        let answer = rows(running.address, tool, written).await;
        assert!(answer["error"].is_null(), "{written}: {answer}");
        assert_eq!(
            answer,
            rows(running.address, tool, plain).await,
            "{written}"
        );
    }
    for (tool, arguments) in [
        ("get_record", r#"{"model":"users","id":1.5}"#),
        (
            "list_records",
            r#"{"model":"users","filters":{"id":15e-1}}"#,
        ),
        ("list_records", r#"{"model":"users","limit":1.5}"#),
    ] {
        let answer = content(running.address, tool, arguments).await;
        assert!(answer["error"].is_string(), "{arguments}: {answer}");
    }
}

#[tokio::test]
async fn what_is_empty_is_as_if_it_were_not_there() {
    let running = start(&[]).await;
    let plain = content(
        running.address,
        "query_records",
        r#"{"model":"users","limit":2}"#,
    )
    .await;
    for more in [
        r#""fields":[]"#,
        r#""group_by":[],"aggregate":{},"expand":[]"#,
        r#""filters":"","sort":"[]","total":"""#,
        r#""filters":{},"sort":[],"expand":[],"fields":[],"group_by":[],"aggregate":{},"cursor":"","offset":0,"total":false"#,
        r#""filters":null,"sort":null,"cursor":null,"offset":null,"total":null"#,
        r#""fields":"{}","sort":"null","filters":"[]","aggregate":"[]","offset":"null","total":"""#,
        r#""group_by":"\"\"","having":"\"{}\"","include":"[]","compute":"null","total":"{}""#,
    ] {
        let arguments = format!(r#"{{"model":"users","limit":2,{more}}}"#);
        let mut answer = content(running.address, "query_records", &arguments).await;
        answer["next_cursor"] = plain["next_cursor"].clone();
        assert_eq!(answer, plain, "{arguments}");
    }
    // Who must give every argument can go on from page to page.
    let next = json!({ "model": "users", "limit": 2, "cursor": plain["next_cursor"], "offset": 0 });
    let next = content(running.address, "query_records", &next.to_string()).await;
    assert_eq!(next["data"][0]["id"], 3, "{next}");
    let all = content(running.address, "describe_models", r#"{"model":""}"#).await;
    assert_eq!(all["count"], 3);
    for message in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":null}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":null}"#.to_owned(),
        request(
            1,
            "tools/call",
            json!({ "name": "describe_models", "arguments": [] }),
        ),
        request(
            1,
            "tools/call",
            json!({ "name": "describe_models", "arguments": null }),
        ),
    ] {
        let answer = post(running.address, &message).await.json();
        assert!(answer["error"].is_null(), "{message}: {answer}");
    }
}

#[tokio::test]
async fn lists_and_objects_may_come_as_text() {
    let running = start(&[]).await;
    for (tool, text, plain) in [
        (
            "query_records",
            json!({ "model": "users", "filters": "{\"id\":{\"$lt\":4}}", "fields": "[\"id\"]" }),
            json!({ "model": "users", "filters": { "id": { "$lt": 4 } }, "fields": ["id"] }),
        ),
        (
            "query_records",
            json!({ "model": "tickets", "group_by": ["{\"$month\":\"created_at\"}"],
                "aggregate": { "n": "{\"$count\":\"*\"}" } }),
            json!({ "model": "tickets", "group_by": [{ "$month": "created_at" }],
                "aggregate": { "n": { "$count": "*" } } }),
        ),
        (
            "list_records",
            json!("{\"model\":\"users\",\"limit\":1}"),
            json!({ "model": "users", "limit": 1 }),
        ),
    ] {
        let (text, plain) = (text.to_string(), plain.to_string());
        let answer = rows(running.address, tool, &text).await;
        assert!(answer["error"].is_null(), "{text}: {answer}");
        assert_eq!(answer, rows(running.address, tool, &plain).await, "{text}");
    }
    // Within filters a text is a text.
    let filters =
        json!({ "model": "users", "filters": { "email": "{\"$ne\":\"x\"}" } }).to_string();
    let found = content(running.address, "query_records", &filters).await;
    assert_eq!(found["count"], 0, "{found}");
}

/// A relation to many is compared with no text: one under its name is what is asked of its rows.
#[tokio::test]
async fn what_is_asked_of_many_rows_may_be_text() {
    let running = start(&[]).await;
    let open = json!({ "$some": { "status": { "$in": ["open"] } } });
    let many = json!({ "$count": { "$gt": 2 }, "where": { "status": "open" } });
    let texts = [
        (json!(open.to_string()), open.clone()),
        (json!(json!(open.to_string()).to_string()), open.clone()),
        (
            json!(r#"{"$some":"{\"status\":{\"$in\":\"[\\\"open\\\"]\"}}"}"#),
            open,
        ),
        (json!(many.to_string()), many),
        (json!(r#"{"$none":{}}"#), json!({ "$none": {} })),
    ];
    for (text, plain) in texts {
        for within in [false, true] {
            let asked = |asked: &Value| {
                let filters = json!({ "tickets_by_user": asked });
                let filters = match within {
                    true => json!({ "$not": { "$or": [filters] } }),
                    false => filters,
                };
                json!({ "model": "users", "fields": ["id"], "filters": filters }).to_string()
            };
            let plain = rows(running.address, "query_records", &asked(&plain)).await;
            assert!(plain["error"].is_null(), "{plain}");
            let written = asked(&text);
            let answer = rows(running.address, "query_records", &written).await;
            assert_eq!(answer, plain, "{written}");
        }
    }
    for wrong in [
        "",
        "open",
        "{}",
        "[]",
        "null",
        r#"{"$gt":1}"#,
        r#"{"$some":[]}"#,
    ] {
        let filters = json!({ "model": "users", "filters": { "tickets_by_user": wrong } });
        let answer = content(running.address, "query_records", &filters.to_string()).await;
        let code = match wrong.contains("$some") {
            true => "invalid_parameter",
            false => "invalid_filter",
        };
        assert_eq!(answer["code"], code, "{answer}");
    }
}

/// What stands in a condition is never taken for absent: without it more rows would be found.
#[tokio::test]
async fn a_filter_that_says_something_is_never_an_empty_one() {
    let running = start(&[("MCP_RATE_LIMIT", "0")]).await;
    let all = content(
        running.address,
        "query_records",
        r#"{"model":"users","total":true}"#,
    )
    .await;
    let empties = [
        "null",
        "[]",
        "{}",
        r#""""#,
        r#""null""#,
        r#""[]""#,
        r#""{}""#,
        r#"" ""#,
    ];
    for joint in ["$or", "$not", "$and", "tickets_by_user", "id", "role"] {
        for nothing in empties {
            let filters = format!(r#"{{"{joint}":{nothing}}}"#);
            let written = serde_json::to_string(&filters).unwrap();
            for filters in [&filters, &written] {
                let arguments = format!(r#"{{"model":"users","total":true,"filters":{filters}}}"#);
                let answer = content(running.address, "query_records", &arguments).await;
                // All of nothing holds of every row, as it does natively.
                let is_all = joint == "$and" && nothing.contains("[]");
                let refused = answer["error"].is_string();
                assert!(
                    refused || (answer["total"] == all["total"]) == is_all,
                    "{arguments}: {answer}"
                );
            }
        }
    }
    for nothing in empties.into_iter().filter(|nothing| *nothing != r#"" ""#) {
        let arguments = format!(r#"{{"model":"users","total":true,"filters":{nothing}}}"#);
        let answer = content(running.address, "query_records", &arguments).await;
        assert_eq!(answer["total"], all["total"], "{arguments}: {answer}");
    }
    for broken in [
        r#"" ""#,
        r#""{\"role\":\"admin\"""#,
        r#""[{\"role\":\"admin\"}]""#,
        r#"[{"role":"admin"}]"#,
    ] {
        for tool in ["query_records", "list_records"] {
            let arguments = format!(r#"{{"model":"users","filters":{broken}}}"#);
            let answer = content(running.address, tool, &arguments).await;
            assert_eq!(answer["code"], "invalid_parameter", "{arguments}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_key_of_several_fields_may_be_text_or_an_object() {
    use sqlx::{Connection as _, Executor as _};
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("lines.db").display());
    let made = sqlx::SqliteConnection::connect(&format!("{url}?mode=rwc"));
    let mut made = made.await.unwrap();
    for statement in [
        "CREATE TABLE lines (a INTEGER, b TEXT, said TEXT, PRIMARY KEY (a, b))",
        "INSERT INTO lines VALUES (1, 'x', 'one'), (2, 'x', 'two')",
    ] {
        made.execute(statement).await.unwrap();
    }
    made.close().await.unwrap();
    let running = start_over(&url, &[("MCP_ALLOWED_MODELS", "lines")]).await;
    let key = json!({ "a": 2, "b": "x" });
    for id in [key.clone(), key.to_string().into()] {
        let arguments = json!({ "model": "lines", "id": id }).to_string();
        let found = content(running.address, "get_record", &arguments).await;
        assert_eq!(found["data"]["said"], "two", "{arguments}");
    }
    for id in [
        json!("2"),
        json!("{\"a\":2}"),
        json!("[2,\"x\"]"),
        json!([2, "x"]),
    ] {
        let arguments = json!({ "model": "lines", "id": id }).to_string();
        let refused = content(running.address, "get_record", &arguments).await;
        assert_eq!(refused["code"], "invalid_value", "{arguments}");
    }
}

#[tokio::test]
async fn what_is_chosen_of_relations_may_be_text_and_empty() {
    let running = start(&[]).await;
    let plain = r#"{"model":"users","limit":3,"include":{"tickets_by_user":{"fields":["id","status"],
        "filters":{"status":{"$in":["open","pending"]}},"sort":["-id"],"limit":2}}}"#;
    let plain = rows(running.address, "query_records", plain).await;
    assert!(
        plain["data"][0]["tickets_by_user"]["rows"].is_array(),
        "{plain}"
    );
    let options = json!({
        "fields": "[\"id\",\"status\"]",
        "filters": { "status": { "$in": "[\"open\",\"pending\"]" } },
        "sort": "[\"-id\"]", "limit": "2", "compute": "", "expand": [], "include": {},
    });
    for include in [
        json!({ "tickets_by_user": options }),
        json!({ "tickets_by_user": options.to_string() }),
        json!(json!({ "tickets_by_user": options.to_string() }).to_string()),
    ] {
        let arguments = json!({ "model": "users", "limit": 3, "include": include }).to_string();
        assert_eq!(
            rows(running.address, "query_records", &arguments).await,
            plain,
            "{arguments}"
        );
    }
    let whole = r#"{"model":"users","limit":1,"include":{"tickets_by_user":{}}}"#;
    let whole = rows(running.address, "query_records", whole).await;
    for nothing in ["null", r#""""#, r#""{}""#] {
        let arguments =
            format!(r#"{{"model":"users","limit":1,"include":{{"tickets_by_user":{nothing}}}}}"#);
        assert_eq!(
            rows(running.address, "query_records", &arguments).await,
            whole
        );
    }
}

const TOOLS: &str = r#"
[[tool]]
name = "chosen"
description = "Tickets of a choice."
sql = "SELECT t.id FROM tickets t WHERE t.id > :least AND t.id <> :rate AND t.status IN (:states) AND (:title = '' OR :note IS NOT NULL OR t.title = :title) ORDER BY t.id"
limit = 3
[tool.params]
title = { type = "text", description = "x" }
least = { type = "integer", description = "x", default = "2", min = "0", max = 100 }
rate = { type = "decimal", description = "x", default = "0.50", min = "0.1", max = "12345678901234567890.5", enum = ["0.5", "0.75"] }
states = { type = "text[]", description = "x", default = ["open", "pending"] }
note = { type = "text", description = "x", required = false }

[[tool]]
name = "keyed"
description = "One ticket."
sql = "SELECT id FROM tickets WHERE id = :id"
[tool.params]
id = { type = "tickets.id" }
"#;

#[tokio::test]
async fn own_tools_take_what_is_empty_and_tell_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tools.toml");
    std::fs::write(&file, TOOLS).unwrap();
    let running = start(&[("MCP_TOOLS_FILE", file.to_str().unwrap())]).await;
    let listed = post(running.address, &request(1, "tools/list", json!({})))
        .await
        .json();
    let tools = listed["result"]["tools"].as_array().unwrap();
    let own = tools.iter().find(|tool| tool["name"] == "chosen").unwrap();
    assert_eq!(
        own["inputSchema"],
        json!({
            "type": "object",
            "properties": {
                "title": { "type": "string", "description": "x" },
                "least": { "type": "integer", "minimum": 0, "maximum": 100, "default": 2, "description": "x" },
                "rate": { "type": "number", "enum": [0.5, 0.75], "minimum": 0.1, "default": 0.5,
                    "description": "x To 12345678901234567890.5." },
                "states": { "type": "array", "items": { "type": "string" }, "minItems": 1,
                    "maxItems": 100, "default": ["open", "pending"], "description": "x" },
                "note": { "type": "string", "description": "x" },
            },
            "required": ["title"],
        })
    );
    let plain = content(running.address, "chosen", r#"{"title":""}"#).await;
    assert_eq!(plain["count"], 3, "{plain}");
    for arguments in [
        r#"{"title":"","least":"","rate":null,"states":[],"note":""}"#,
        r#"{"title":"","least":{},"rate":"","states":"[]","note":[]}"#,
        r#"{"title":"","states":null,"note":null}"#,
        r#"{"title":"","states":"[\"open\",\"pending\"]"}"#,
        r#"{"title":"","least":"null","rate":"{}","states":"{}"}"#,
        r#"{"title":"","least":"2.0","rate":"0.50"}"#,
    ] {
        let answer = content(running.address, "chosen", arguments).await;
        assert_eq!(answer, plain, "{arguments}");
    }
    for (arguments, code) in [
        (r#"{"title":null}"#, "missing_parameter"),
        (r#"{"title":"","other":""}"#, "invalid_parameter"),
        (r#"{"title":"","least":"x"}"#, "invalid_value"),
    ] {
        let answer = content(running.address, "chosen", arguments).await;
        assert_eq!(answer["code"], code, "{answer}");
    }
    // What to do is said in the words of the tool, which knows of no key.
    let answer = content(running.address, "keyed", "{}").await;
    let error = "Missing required parameter: id";
    assert_eq!(
        answer,
        json!({ "error": error, "code": "missing_parameter" })
    );
}

#[tokio::test]
async fn lists_and_prompts_take_what_is_empty_or_text() {
    let running = start(&[]).await;
    let ask = async |method: &str, params: Value| {
        post(running.address, &request(1, method, params))
            .await
            .json()
    };
    for method in [
        "tools/list",
        "resources/list",
        "resources/templates/list",
        "prompts/list",
    ] {
        for cursor in [json!(null), json!("")] {
            let answer = ask(method, json!({ "cursor": cursor })).await;
            assert!(answer["result"].is_object(), "{answer}");
        }
        let answer = ask(method, json!({ "cursor": "next" })).await;
        assert_eq!(answer["error"]["message"], "Invalid cursor");
    }
    let asked = |arguments| json!({ "name": "explore_model", "arguments": arguments });
    let plain = ask("prompts/get", asked(json!({ "model": "users" }))).await;
    assert!(plain["result"].is_object(), "{plain}");
    let text = ask("prompts/get", asked(json!(r#"{"model":"users"}"#))).await;
    assert_eq!(text, plain);
    let wrong = ask("prompts/get", asked(json!([1]))).await;
    assert_eq!(wrong["error"]["code"], -32602);
    for (arguments, said) in [
        (json!({}), "Missing required argument: model"),
        (json!({ "model": "" }), "Missing required argument: model"),
        (json!({ "model": null }), "Missing required argument: model"),
        (json!({ "model": 7 }), "Argument 'model' must be a string"),
        (
            json!({ "model": ["users"] }),
            "Argument 'model' must be a string",
        ),
    ] {
        let wrong = ask("prompts/get", asked(arguments)).await;
        assert_eq!(wrong["error"]["message"], said, "{wrong}");
    }
    let complete = |reference: Value, argument: Value| {
        ask(
            "completion/complete",
            json!({ "ref": reference, "argument": argument }),
        )
    };
    let reference = json!({ "type": "ref/prompt", "name": "explore_model" });
    let argument = json!({ "name": "model", "value": "tic" });
    let text = |value: &Value| json!(value.to_string());
    let plain = complete(reference.clone(), argument.clone()).await;
    assert_eq!(plain["result"]["completion"]["values"], json!(["tickets"]));
    let written = complete(text(&reference), text(&argument)).await;
    assert_eq!(written, plain);
    let wrong = complete(json!(7), argument).await;
    assert_eq!(wrong["error"]["code"], -32602);
}

/// How deep the lists and objects of a text nest.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

#[tokio::test]
async fn no_message_nests_deeper_than_parsers_take_with_lists_in_lists() {
    use sqlx::{Connection as _, Executor as _};
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("deep.db").display());
    let made = sqlx::SqliteConnection::connect(&format!("{url}?mode=rwc"));
    let mut made = made.await.unwrap();
    for (table, parent) in [("a", "a"), ("b", "a"), ("c", "b"), ("d", "c")] {
        let document = format!("{}{}", "[".repeat(56), "]".repeat(56));
        for statement in [
            format!(
                "CREATE TABLE {table} (id INTEGER PRIMARY KEY, up INTEGER REFERENCES {parent}, document JSON)"
            ),
            format!("INSERT INTO {table} VALUES (1, 1, '{document}')"),
        ] {
            made.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
        }
    }
    made.close().await.unwrap();
    let running = start_over(&url, &[("MCP_ALLOWED_MODELS", "a,b,c,d")]).await;
    for (include, is_list) in [
        (json!({}), true),
        (json!({ "b": {} }), true),
        (json!({ "b": { "include": { "c": {} } } }), false),
        (
            json!({ "b": { "include": { "c": { "include": { "d": {} } } } } }),
            false,
        ),
    ] {
        let arguments = json!({ "model": "a", "include": include }).to_string();
        let answer = post(running.address, &call(1, "query_records", &arguments)).await;
        assert!(
            answer.json()["result"]["isError"] == false,
            "{}",
            answer.body
        );
        assert!(
            depth(&answer.body) <= 64,
            "{include}: {}",
            depth(&answer.body)
        );
        let first = &answer.json()["result"]["structuredContent"]["data"][0]["document"];
        assert_eq!(first.is_array(), is_list, "{include}");
    }
}
