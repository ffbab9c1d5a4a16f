//! The answers and the error texts of the protocol, sections 3 to 7, to the letter.

use serde_json::json;

use crate::support::Served;

const SQL: &str = "
    CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL, first_name TEXT, password_hash TEXT);
    INSERT INTO users VALUES (1, 'admin@example.com', 'Admin', 'x'), (2, 'b@example.com', NULL, 'y'), (0, '', 'Zero', 'z');
    CREATE TABLE tickets (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id), status TEXT,
        amount NUMERIC(10, 2), payload JSON, raw BLOB, is_open BOOLEAN, due DATE, created_at DATETIME);
    INSERT INTO tickets VALUES (1, 1, 'open', 12.5, '{\"a\":1}', x'00ff', 1, '2026-01-31', '2026-01-31 13:05:00');
    CREATE TABLE change_log (ticket_id INTEGER, seq INTEGER, what TEXT, PRIMARY KEY (ticket_id, seq)) WITHOUT ROWID;
    INSERT INTO change_log VALUES (1, 1, 'made'), (1, 2, 'closed');
    CREATE VIEW named AS SELECT id, email FROM users;
    CREATE VIEW nameless AS SELECT email, first_name FROM users;
    CREATE TABLE hidden_table (id INTEGER PRIMARY KEY);
";
const MODELS: &str = "users,tickets,change_log,named,nameless";

async fn served() -> Served {
    Served::new(SQL, MODELS).await
}

#[tokio::test]
async fn the_first_requests_have_their_answers() {
    let served = served().await;
    assert_eq!(
        served
            .raw(r#"{"id":"list-users-1","action":"list","model":"users","params":{"limit":50,"offset":0,"filters":{"first_name":"Admin"}}}"#)
            .await,
        r#"{"id":"list-users-1","status":"ok","data":[{"id":1,"email":"admin@example.com","first_name":"Admin"}],"count":1,"limit":50,"offset":0,"has_more":false}"#
    );
    assert_eq!(
        served
            .raw(r#"{"id":"get-user-1","action":"get","model":"users","params":{"id":1}}"#)
            .await,
        r#"{"id":"get-user-1","status":"ok","data":{"id":1,"email":"admin@example.com","first_name":"Admin"}}"#
    );
    assert_eq!(
        served.raw(r#"{"action":"query","model":"users","params":{"filters":{"first_name":null},"limit":10}}"#).await,
        r#"{"id":null,"status":"ok","data":[{"id":2,"email":"b@example.com","first_name":null}],"count":1,"limit":10,"offset":0,"has_more":false}"#
    );
}

/// A refusal, as a line of `refusals.jsonl` says it.
#[derive(serde::Deserialize)]
struct Case<'c> {
    action: &'c str,
    model: &'c str,
    #[serde(borrow)]
    params: &'c serde_json::value::RawValue,
    error: std::borrow::Cow<'c, str>,
    code: &'c str,
}

async fn refused(served: &Served, asked: (&str, &str, &str), told: (&str, &str)) {
    let (action, model, params) = asked;
    let refusal = served.refusal(action, model, params).await;
    let is = (refusal.error.as_str(), refusal.code.as_str());
    assert_eq!(is, told, "{action} {model} {params}");
}

#[tokio::test]
async fn every_error_has_its_text_and_code() {
    let served = served().await;
    for line in include_str!("refusals.jsonl").lines() {
        let case: Case<'_> = serde_json::from_str(line).unwrap();
        let asked = (case.action, case.model, case.params.get());
        refused(&served, asked, (&case.error, case.code)).await;
    }
}

#[tokio::test]
async fn what_is_too_long_or_too_much_is_refused_and_cut() {
    let served = served().await;
    let (long, cut) = ("x".repeat(300), "x".repeat(200));
    let allowed = "Allowed models: users, tickets, change_log, named, nameless";
    let error = format!("Model '{cut}' not allowed. {allowed}");
    refused(
        &served,
        ("list", &long, "{}"),
        (&error, "model_not_allowed"),
    )
    .await;
    let field = format!(r#"{{"filters":{{"{long}":1}}}}"#);
    let error = format!("Invalid filter field name: {cut}");
    refused(
        &served,
        ("list", "users", &field),
        (&error, "invalid_filter"),
    )
    .await;

    let tests = |count: usize| {
        let list = vec![r#"{"id":1}"#; count];
        format!(r#"{{"filters":{{"$and":[{}]}}}}"#, list.join(","))
    };
    let nested = |levels: usize| {
        let open = r#"{"$not":"#.repeat(levels);
        format!(r#"{{"filters":{open}{{"id":1}}{}}}"#, "}".repeat(levels))
    };
    let ones = |count: usize| {
        let list = vec!["1"; count];
        format!(r#"{{"filters":{{"id":{{"$in":[{}]}}}}}}"#, list.join(","))
    };
    let list = "Invalid value for field 'id': expected a list of at most 1000 values";
    for (within, beyond, error, code) in [
        (
            tests(64),
            tests(65),
            "Too many conditions: at most 64",
            "invalid_filter",
        ),
        (
            nested(8),
            nested(9),
            "Filters nest too deep: at most 8 levels",
            "invalid_filter",
        ),
        (ones(100), ones(1_001), list, "invalid_value"),
    ] {
        served.query("users", &within).await;
        refused(&served, ("query", "users", &beyond), (error, code)).await;
    }
}

#[tokio::test]
async fn a_service_that_is_not_read_only_has_no_write_path_either() {
    let served = Served::with(SQL, "users", &[("MCP_READONLY", "false")]).await;
    let refusal = served.refusal("create", "users", "{}").await;
    assert_eq!(
        (refusal.error.as_str(), refusal.code.as_str()),
        (
            "Unsupported action: create. Supported: list, get, query, describe",
            "unsupported_action"
        )
    );
}

#[tokio::test]
async fn hints_teach_what_can_be_used() {
    let served = served().await;
    for (action, params, hint) in [
        (
            "list",
            r#"{"limt":1}"#,
            r#"did you mean "limit"? list takes limit, offset, filters, cursor, format"#,
        ),
        (
            "list",
            r#"{"filters":{"emial":"x"}}"#,
            r#"did you mean "email"? fields of users: id, email, first_name"#,
        ),
        (
            "query",
            r#"{"sort":["-emial"]}"#,
            r#"did you mean "email"? fields of users: id, email, first_name"#,
        ),
        (
            "list",
            r#"{"filters":{"id":{"$gt":1}}}"#,
            "operators are for the action query",
        ),
        (
            "list",
            r#"{"filters":{"$or":[]}}"#,
            "operators are for the action query",
        ),
        (
            "query",
            r#"{"filters":{"id":[1,2]}}"#,
            r#"one of several values: {"$in":[…]}"#,
        ),
        (
            "query",
            r#"{"filters":{"id":{"gte":1}}}"#,
            r#"did you mean "$gte"? operators for id (integer): $null $eq $ne $in $nin $gt $gte $lt $lte $between"#,
        ),
        (
            "query",
            r#"{"filters":{"$nor":[]}}"#,
            "$and and $or take a list of objects, $not takes one; other operators belong into a field's value",
        ),
        (
            "query",
            r#"{"aggregate":{"n":{"$total":"id"}}}"#,
            "functions: $count $count_distinct $sum $avg $min $max",
        ),
        ("create", "{}", "actions: list, get, query, describe"),
        ("lists", "{}", r#"did you mean "list"?"#),
    ] {
        let refusal = served.refusal(action, "users", params).await;
        assert_eq!(refusal.hint.as_deref(), Some(hint), "{action} {params}");
    }
}

#[tokio::test]
async fn a_page_is_counted_capped_and_told() {
    let served = served().await;
    for (params, count, limit, offset, more) in [
        ("{}", 3, 50, 0, false),
        ("null", 3, 50, 0, false),
        (r#"{"limit":2}"#, 2, 2, 0, true),
        (r#"{"limit":3}"#, 3, 3, 0, false),
        (r#"{"limit":"2","offset":"1"}"#, 2, 2, 1, false),
        (r#"{"limit":100000}"#, 3, 100, 0, false),
        (r#"{"limit":0}"#, 0, 0, 0, true),
        (r#"{"limit":0,"offset":3}"#, 0, 0, 3, false),
        (r#"{"offset":99999999999999999999}"#, 0, 50, i64::MAX, false),
    ] {
        let answer = served.ask("list", "users", params).await.unwrap();
        let told = json!([
            answer["count"],
            answer["limit"],
            answer["offset"],
            answer["has_more"]
        ]);
        assert_eq!(told, json!([count, limit, offset, more]), "{params}");
        assert_eq!(answer.get("next_cursor").is_some(), more, "{params}");
        assert_eq!(answer["data"].as_array().unwrap().len(), count);
    }
}

#[tokio::test]
async fn get_takes_the_key_whatever_its_form() {
    let served = served().await;
    for (model, id, found) in [
        ("users", "0", json!({"id":0,"email":"","first_name":"Zero"})),
        (
            "users",
            r#""1""#,
            json!({"id":1,"email":"admin@example.com","first_name":"Admin"}),
        ),
        ("named", "2", json!({"id":2,"email":"b@example.com"})),
        (
            "change_log",
            r#"{"seq":2,"ticket_id":1}"#,
            json!({"ticket_id":1,"seq":2,"what":"closed"}),
        ),
    ] {
        let answer = served.ask("get", model, &format!(r#"{{"id":{id}}}"#)).await;
        assert_eq!(answer.unwrap(), json!({"data":found}), "{model} {id}");
    }
    let served = Served::new(
        "CREATE TABLE words (word TEXT PRIMARY KEY, n INTEGER); INSERT INTO words VALUES ('', 1), ('a', 2);",
        "words",
    )
    .await;
    let answer = served.ask("get", "words", r#"{"id":""}"#).await.unwrap();
    assert_eq!(answer, json!({"data":{"word":"","n":1}}));
}

#[tokio::test]
async fn describe_tells_what_can_be_used() {
    let served = served().await;
    let answer = served.ask("describe", "tickets", "{}").await.unwrap();
    let described = &answer["data"];
    assert_eq!(described["name"], "tickets");
    assert_eq!(described["kind"], "table");
    assert_eq!(described["primary_key"], json!(["id"]));
    assert_eq!(described["estimated_rows"], 1);
    assert_eq!(
        described["expand"],
        json!([{"name":"user","model":"users"}])
    );
    assert_eq!(
        described["fields"][1],
        json!({"name":"user_id","type":"integer","nullable":true,"indexed":false,
               "references":{"model":"users","field":"id"}})
    );
    let all = served.raw(r#"{"id":1,"action":"describe"}"#).await;
    assert!(
        all.contains(r#""name":"nameless","kind":"view""#) && all.contains(r#""count":5"#),
        "{all}"
    );
    assert!(!all.contains("password"), "{all}");
}
