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

#[tokio::test]
async fn every_error_has_its_text_and_code() {
    let served = served().await;
    let write = "Write operations not allowed in read-only mode: create";
    let allowed = "Allowed models: users, tickets, change_log, named, nameless";
    let model = |name: &str| format!("Model '{name}' not allowed. {allowed}");
    let ones = |count: usize| vec!["1"; count].join(",");
    let tests = |count: usize| {
        let list = vec![r#"{"id":1}"#; count];
        format!(r#"{{"filters":{{"$and":[{}]}}}}"#, list.join(","))
    };
    let nested = |levels: usize| {
        let open = r#"{"$not":"#.repeat(levels);
        format!(r#"{{"filters":{open}{{"id":1}}{}}}"#, "}".repeat(levels))
    };
    let long = "x".repeat(300);
    let cut = "x".repeat(200);
    for (action, name, params, error, code) in [
        (
            "list",
            "hidden_table",
            "{}".to_owned(),
            model("hidden_table"),
            "model_not_allowed",
        ),
        (
            "list",
            "Users",
            "{}".into(),
            model("Users"),
            "model_not_allowed",
        ),
        (
            "list",
            " users",
            "{}".into(),
            model(" users"),
            "model_not_allowed",
        ),
        (
            "list",
            "sqlite_master",
            "{}".into(),
            model("sqlite_master"),
            "model_not_allowed",
        ),
        (
            "create",
            "nobody",
            "{}".into(),
            model("nobody"),
            "model_not_allowed",
        ),
        ("list", &long, "{}".into(), model(&cut), "model_not_allowed"),
        ("create", "users", "{}".into(), write.into(), "read_only"),
        (
            "create",
            "users",
            r#"{"limit":-1}"#.into(),
            write.into(),
            "read_only",
        ),
        (
            "List",
            "users",
            "{}".into(),
            write.replace("create", "List"),
            "read_only",
        ),
        (
            "get",
            "users",
            "{}".into(),
            "Missing required parameter: id".into(),
            "missing_parameter",
        ),
        (
            "get",
            "users",
            r#"{"id":null}"#.into(),
            "Missing required parameter: id".into(),
            "missing_parameter",
        ),
        (
            "get",
            "users",
            r#"{"id":999}"#.into(),
            "Record not found: users id=999".into(),
            "not_found",
        ),
        (
            "get",
            "users",
            r#"{"id":"999"}"#.into(),
            "Record not found: users id=999".into(),
            "not_found",
        ),
        (
            "get",
            "users",
            r#"{"id":"abc"}"#.into(),
            "Invalid value for field 'id': expected an integer".into(),
            "invalid_value",
        ),
        (
            "get",
            "users",
            r#"{"id":[1]}"#.into(),
            "Invalid value for field 'id': expected an integer".into(),
            "invalid_value",
        ),
        (
            "get",
            "users",
            r#"{"id":true}"#.into(),
            "Invalid value for field 'id': expected an integer".into(),
            "invalid_value",
        ),
        (
            "get",
            "users",
            r#"{"id":1.5}"#.into(),
            "Invalid value for field 'id': expected an integer".into(),
            "invalid_value",
        ),
        (
            "get",
            "users",
            r#"{"id":1,"x":1}"#.into(),
            "Unknown parameter: x".into(),
            "invalid_parameter",
        ),
        (
            "get",
            "change_log",
            r#"{"id":1}"#.into(),
            "Invalid value for field 'id': expected an object of ticket_id and seq".into(),
            "invalid_value",
        ),
        (
            "get",
            "change_log",
            r#"{"id":{"ticket_id":1}}"#.into(),
            "Invalid value for field 'id': expected an object of ticket_id and seq".into(),
            "invalid_value",
        ),
        (
            "get",
            "change_log",
            r#"{"id":{"ticket_id":1,"seq":9}}"#.into(),
            r#"Record not found: change_log id={"ticket_id":1,"seq":9}"#.into(),
            "not_found",
        ),
        (
            "get",
            "nameless",
            r#"{"id":1}"#.into(),
            "Model 'nameless' has no primary key: use list with filters".into(),
            "invalid_parameter",
        ),
        (
            "list",
            "users",
            r#"{"limit":"ten"}"#.into(),
            "Pagination parameters must be integers".into(),
            "invalid_parameter",
        ),
        (
            "list",
            "users",
            r#"{"offset":1.5}"#.into(),
            "Pagination parameters must be integers".into(),
            "invalid_parameter",
        ),
        (
            "list",
            "users",
            r#"{"limit":-1}"#.into(),
            "Pagination parameters must be non-negative".into(),
            "invalid_parameter",
        ),
        (
            "list",
            "users",
            r#"{"limt":1}"#.into(),
            "Unknown parameter: limt".into(),
            "invalid_parameter",
        ),
        (
            "list",
            "users",
            r#"{"sort":["id"]}"#.into(),
            "Unknown parameter: sort".into(),
            "invalid_parameter",
        ),
        (
            "list",
            "users",
            r#"{"filters":[]}"#.into(),
            "Filters must be an object of field/value pairs".into(),
            "invalid_parameter",
        ),
        (
            "list",
            "users",
            r#"{"filters":"id=1"}"#.into(),
            "Filters must be an object of field/value pairs".into(),
            "invalid_parameter",
        ),
        (
            "query",
            "users",
            r#"{"filters":{"$and":{}}}"#.into(),
            "Filters must be an object of field/value pairs".into(),
            "invalid_parameter",
        ),
        (
            "list",
            "users",
            r#"{"cursor":"abc"}"#.into(),
            "Invalid cursor".into(),
            "invalid_parameter",
        ),
        (
            "list",
            "users",
            r#"{"cursor":7}"#.into(),
            "Invalid cursor".into(),
            "invalid_parameter",
        ),
        (
            "list",
            "users",
            r#"{"cursor":"abc","offset":0}"#.into(),
            "Parameters 'cursor' and 'offset' exclude each other".into(),
            "invalid_parameter",
        ),
        (
            "query",
            "users",
            r#"{"fields":["x"]}"#.into(),
            "Field 'x' is not allowed for model 'users'".into(),
            "invalid_parameter",
        ),
        (
            "query",
            "users",
            r#"{"sort":["-x"]}"#.into(),
            "Field 'x' is not allowed for model 'users'".into(),
            "invalid_parameter",
        ),
        (
            "query",
            "users",
            r#"{"group_by":["x"]}"#.into(),
            "Field 'x' is not allowed for model 'users'".into(),
            "invalid_parameter",
        ),
        (
            "query",
            "users",
            r#"{"aggregate":{"n":{"$sum":"x"}}}"#.into(),
            "Field 'x' is not allowed for model 'users'".into(),
            "invalid_parameter",
        ),
        (
            "query",
            "users",
            r#"{"expand":["x"]}"#.into(),
            "Relation 'x' is not allowed for model 'users'".into(),
            "invalid_parameter",
        ),
        (
            "query",
            "users",
            r#"{"fields":"id"}"#.into(),
            "Parameter 'fields' must be a list of names".into(),
            "invalid_parameter",
        ),
        (
            "query",
            "users",
            r#"{"total":"yes"}"#.into(),
            "Parameter 'total' must be true, false or \"estimate\"".into(),
            "invalid_parameter",
        ),
        (
            "query",
            "users",
            r#"{"group_by":["id"],"fields":["id"]}"#.into(),
            "Parameters 'group_by' and 'fields' exclude each other".into(),
            "invalid_parameter",
        ),
        (
            "list",
            "users",
            r#"{"filters":{"a b":1}}"#.into(),
            "Invalid filter field name: a b".into(),
            "invalid_filter",
        ),
        (
            "list",
            "users",
            r#"{"filters":{"":1}}"#.into(),
            "Invalid filter field name: ".into(),
            "invalid_filter",
        ),
        (
            "list",
            "users",
            r#"{"filters":{"id;--":1}}"#.into(),
            "Invalid filter field name: id;--".into(),
            "invalid_filter",
        ),
        (
            "list",
            "users",
            r#"{"filters":{"$and":[]}}"#.into(),
            "Invalid filter field name: $and".into(),
            "invalid_filter",
        ),
        (
            "list",
            "users",
            format!(r#"{{"filters":{{"{long}":1}}}}"#),
            format!("Invalid filter field name: {cut}"),
            "invalid_filter",
        ),
        (
            "list",
            "users",
            r#"{"filters":{"x":1}}"#.into(),
            "Filter field 'x' is not allowed for model 'users'".into(),
            "invalid_filter",
        ),
        (
            "list",
            "users",
            r#"{"filters":{"ID":1}}"#.into(),
            "Filter field 'ID' is not allowed for model 'users'".into(),
            "invalid_filter",
        ),
        (
            "query",
            "users",
            tests(65),
            "Too many conditions: at most 64".into(),
            "invalid_filter",
        ),
        (
            "query",
            "users",
            nested(9),
            "Filters nest too deep: at most 8 levels".into(),
            "invalid_filter",
        ),
        (
            "query",
            "users",
            r#"{"filters":{"id":{"$like":1}}}"#.into(),
            "Invalid filter operator: $like".into(),
            "invalid_filter",
        ),
        (
            "query",
            "users",
            r#"{"filters":{"id":{"$contains":"1"}}}"#.into(),
            "Invalid filter operator: $contains".into(),
            "invalid_filter",
        ),
        (
            "list",
            "users",
            r#"{"filters":{"id":"abc"}}"#.into(),
            "Invalid value for field 'id': expected an integer".into(),
            "invalid_value",
        ),
        (
            "list",
            "users",
            r#"{"filters":{"id":99999999999999999999}}"#.into(),
            "Invalid value for field 'id': expected an integer".into(),
            "invalid_value",
        ),
        (
            "list",
            "users",
            r#"{"filters":{"id":{"$gt":1}}}"#.into(),
            "Invalid value for field 'id': expected a plain value".into(),
            "invalid_value",
        ),
        (
            "list",
            "users",
            r#"{"filters":{"id":[1]}}"#.into(),
            "Invalid value for field 'id': expected a plain value".into(),
            "invalid_value",
        ),
        (
            "query",
            "users",
            r#"{"filters":{"id":[1]}}"#.into(),
            "Invalid value for field 'id': expected a plain value".into(),
            "invalid_value",
        ),
        (
            "list",
            "users",
            r#"{"filters":{"email":"a\u0000b"}}"#.into(),
            "Invalid value for field 'email': expected text".into(),
            "invalid_value",
        ),
        (
            "list",
            "users",
            r#"{"filters":{"email":5}}"#.into(),
            "Invalid value for field 'email': expected text".into(),
            "invalid_value",
        ),
        (
            "list",
            "tickets",
            r#"{"filters":{"amount":"ten"}}"#.into(),
            "Invalid value for field 'amount': expected a decimal number".into(),
            "invalid_value",
        ),
        (
            "list",
            "tickets",
            r#"{"filters":{"is_open":"true"}}"#.into(),
            "Invalid value for field 'is_open': expected true or false".into(),
            "invalid_value",
        ),
        (
            "list",
            "tickets",
            r#"{"filters":{"due":"tomorrow"}}"#.into(),
            "Invalid value for field 'due': expected a date like 2026-01-31".into(),
            "invalid_value",
        ),
        (
            "list",
            "tickets",
            r#"{"filters":{"payload":"x"}}"#.into(),
            "Invalid value for field 'payload': expected null, for a field of type json".into(),
            "invalid_value",
        ),
        (
            "list",
            "tickets",
            r#"{"filters":{"raw":"x"}}"#.into(),
            "Invalid value for field 'raw': expected bytes in base64".into(),
            "invalid_value",
        ),
        (
            "query",
            "users",
            format!(r#"{{"filters":{{"id":{{"$in":[{}]}}}}}}"#, ones(1_001)),
            "Invalid value for field 'id': expected a list of at most 1000 values".into(),
            "invalid_value",
        ),
        (
            "query",
            "users",
            r#"{"filters":{"id":{"$between":[1]}}}"#.into(),
            "Invalid value for field 'id': expected a list of two values".into(),
            "invalid_value",
        ),
        (
            "query",
            "users",
            r#"{"filters":{"id":{"$null":1}}}"#.into(),
            "Invalid value for field 'id': expected true or false for $null".into(),
            "invalid_value",
        ),
        (
            "query",
            "users",
            r#"{"filters":{"id":{"$gt":null}}}"#.into(),
            "Invalid value for field 'id': expected an integer".into(),
            "invalid_value",
        ),
        (
            "describe",
            "users",
            r#"{"x":1}"#.into(),
            "Unknown parameter: x".into(),
            "invalid_parameter",
        ),
    ] {
        let refusal = served.refusal(action, name, &params).await;
        assert_eq!(
            (refusal.error.as_str(), refusal.code.as_str()),
            (error.as_str(), code),
            "{action} {name} {params}"
        );
    }
    for within in [
        tests(64),
        nested(8),
        format!(r#"{{"filters":{{"id":{{"$in":[{}]}}}}}}"#, ones(100)),
    ] {
        served.query("users", &within).await;
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
