//! Odd names and odd tables.

use serde_json::json;

use crate::support::Served;

#[tokio::test]
async fn odd_names_are_names() {
    let names = [
        "select",
        "order",
        "a b",
        "a\"b",
        "a'b",
        "a`b",
        "a.b",
        "ünïcödé",
        "日本",
        "a?b",
        "$1",
        "-id",
        "$and",
        "%s",
        "?",
        "\\",
        "[x]",
        "a;b--",
        "t",
        "e0",
        "rowid",
        "Group",
        " ",
    ];
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let columns: Vec<String> = names
        .iter()
        .map(|name| format!("{} INTEGER", quoted(name)))
        .collect();
    let table = "odd \"table\".name?";
    let values: Vec<String> = (1..=names.len()).map(|n| n.to_string()).collect();
    let sql = format!(
        "CREATE TABLE {table} (\"i d\" INTEGER PRIMARY KEY, {columns}, \"odd_id\" INTEGER REFERENCES {table} (\"i d\"));
         INSERT INTO {table} VALUES (7, {values}, 7), (8, {values}, NULL);
         CREATE TABLE \"select\" (\"from\" TEXT PRIMARY KEY, \"to\" INTEGER);
         INSERT INTO \"select\" VALUES ('x', 1);",
        table = quoted(table),
        columns = columns.join(","),
        values = values.join(","),
    );
    let served = Served::new(&sql, r#"odd="odd ""table"".name?",select"#).await;
    for (name, value) in names.iter().zip(1..) {
        if *name != "$and" {
            let filters = json!({ *name: value }).to_string();
            let params = format!(r#"{{"filters":{filters}}}"#);
            assert_eq!(served.query("odd", &params).await["count"], 2, "{params}");
            let answer = served.ask("list", "odd", &params).await.unwrap();
            assert_eq!(answer["count"], 2, "{params}");
        }
        let params =
            json!({"fields":[name],"sort":[name, format!("-{name}")],"limit":1,"offset":1});
        let answer = served.query("odd", &params.to_string()).await;
        assert_eq!(answer["data"], json!([{ *name: value }]), "{params}");
        let params = json!({"group_by":[name],"aggregate":{"n":{"$sum":name},"m":{"$max":name}}});
        let answer = served.query("odd", &params.to_string()).await;
        assert_eq!(
            answer["data"],
            json!([{*name: value, "n": 2 * value, "m": value}]),
            "{params}"
        );
    }
    let answer = served.ask("get", "odd", r#"{"id":7}"#).await.unwrap();
    assert_eq!(answer["data"]["a\"b"], 4);
    let pages = served
        .walk(
            "query",
            "odd",
            r#"{"limit":1,"sort":["-a?b","-i d"],"expand":["odd"]}"#,
        )
        .await;
    assert_eq!(pages[0][0]["odd"], json!(null));
    assert_eq!(pages[1][0]["odd"]["i d"], 7);
    let answer = served.ask("get", "select", r#"{"id":"x"}"#).await.unwrap();
    assert_eq!(answer["data"], json!({"from":"x","to":1}));
}

#[tokio::test]
async fn odd_tables_are_served() {
    let served = Served::new(
        "CREATE TABLE empty (id INTEGER PRIMARY KEY, s TEXT);
         CREATE TABLE keyless (a, b);
         INSERT INTO keyless VALUES (1, 'x'), ('1', NULL);
         CREATE TABLE made (id INTEGER PRIMARY KEY, a INTEGER, twice INTEGER GENERATED ALWAYS AS (a * 2) STORED, thrice AS (a * 3));
         INSERT INTO made (id, a) VALUES (1, 5);
         CREATE TABLE without (k TEXT, l INTEGER, v TEXT, PRIMARY KEY (k, l DESC)) WITHOUT ROWID;
         INSERT INTO without VALUES ('a', 2, 'x'), ('a', 1, 'y'), ('b', 1, 'z');
         CREATE TABLE strict (id INTEGER PRIMARY KEY, n INT, s TEXT, x ANY) STRICT;
         INSERT INTO strict VALUES (1, 5, 'x', x'00'), (2, NULL, NULL, 'y');
         CREATE VIEW counted AS SELECT k, count(*) AS n FROM without GROUP BY k;
         CREATE VIRTUAL TABLE found USING fts5 (body);
         INSERT INTO found VALUES ('some words');",
        "empty,keyless,made,without,strict,counted,found",
    )
    .await;
    let empty = served
        .raw(r#"{"id":1,"action":"query","model":"empty","params":{"total":true}}"#)
        .await;
    assert_eq!(
        empty,
        r#"{"id":1,"status":"ok","data":[],"count":0,"limit":50,"offset":0,"has_more":false,"total":0}"#
    );
    for (model, rows) in [
        ("keyless", json!([{"a":1,"b":"x"},{"a":"1","b":null}])),
        ("made", json!([{"id":1,"a":5,"twice":10,"thrice":15}])),
        (
            "without",
            json!([{"k":"a","l":1,"v":"y"},{"k":"a","l":2,"v":"x"},{"k":"b","l":1,"v":"z"}]),
        ),
        (
            "strict",
            json!([{"id":1,"n":5,"s":"x","x":"AA=="},{"id":2,"n":null,"s":null,"x":"y"}]),
        ),
        ("counted", json!([{"k":"a","n":2},{"k":"b","n":1}])),
        ("found", json!([{"body":"some words"}])),
    ] {
        let params = r#"{"limit":1}"#;
        let pages = served.walk("list", model, params).await.concat();
        assert_eq!(json!(pages), rows, "{model}");
    }
    for (model, filters, count) in [
        ("made", r#"{"twice":10,"thrice":{"$gt":14}}"#, 1),
        ("counted", r#"{"n":{"$gte":2}}"#, 1),
        ("keyless", r#"{"a":"1"}"#, 1),
        ("keyless", r#"{"a":1}"#, 1),
        ("found", r#"{"body":{"$contains":"word"}}"#, 1),
        ("strict", r#"{"n":{"$gt":4}}"#, 1),
        ("strict", r#"{"x":{"$gte":""}}"#, 1),
    ] {
        let answer = served
            .query(model, &format!(r#"{{"filters":{filters}}}"#))
            .await;
        assert_eq!(answer["count"], count, "{model} {filters}");
    }
    let answer = served
        .ask("get", "without", r#"{"id":{"k":"a","l":"2"}}"#)
        .await
        .unwrap();
    assert_eq!(answer["data"]["v"], "x");
}

#[tokio::test]
async fn relations_are_followed_once_and_never_make_rows() {
    let served = Served::new(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, token TEXT, boss_id INTEGER REFERENCES users (id));
         INSERT INTO users VALUES (1, 'a', 'planted', NULL), (2, 'b', 'planted', 1);
         CREATE TABLE tickets (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id),
             owner INTEGER REFERENCES users, closerId INTEGER REFERENCES users (id), reviewer_id INTEGER REFERENCES users (id), reviewer TEXT,
             area TEXT, zone INTEGER, loose_id INTEGER REFERENCES loose (n),
             FOREIGN KEY (area, zone) REFERENCES areas (code, zone));
         CREATE TABLE areas (code TEXT, zone INTEGER, title TEXT, PRIMARY KEY (code, zone));
         CREATE TABLE loose (n INTEGER, v TEXT);
         INSERT INTO areas VALUES ('x', 1, 'one');
         INSERT INTO loose VALUES (1, 'a'), (1, 'b');
         INSERT INTO tickets VALUES (1, 1, 2, 2, 1, 'r', 'x', 1, 1), (2, NULL, 99, NULL, NULL, NULL, 'x', NULL, 1), (3, 77, 1, 1, 1, 'r', 'y', 1, 2);",
        "tickets,users,areas,loose",
    )
    .await;
    let described = served.ask("describe", "tickets", "{}").await.unwrap();
    assert_eq!(
        described["data"]["expand"],
        json!([{"name":"user","model":"users"},{"name":"users","model":"users"},{"name":"closer","model":"users"},
               {"name":"users_by_reviewer_id","model":"users"},{"name":"areas","model":"areas"}])
    );
    let params = r#"{"fields":["id"],"expand":["user","users","closer","areas"],"sort":["-id"]}"#;
    let a = json!({"id":1,"name":"a","boss_id":null});
    let b = json!({"id":2,"name":"b","boss_id":1});
    let expected = json!([
        {"id":3,"user":null,"users":a,"closer":a,"areas":null},
        {"id":2,"user":null,"users":null,"closer":null,"areas":null},
        {"id":1,"user":a,"users":b,"closer":b,"areas":{"code":"x","zone":1,"title":"one"}},
    ]);
    assert_eq!(served.query("tickets", params).await["data"], expected);
    let paged = params.replace("\"sort\"", "\"limit\":1,\"sort\"");
    let pages = served.walk("query", "tickets", &paged).await;
    assert_eq!(json!(pages.concat()), expected);
    let answer = served
        .query("users", r#"{"expand":["boss","boss"],"filters":{"id":2}}"#)
        .await;
    assert_eq!(
        answer["data"],
        json!([{"id":2,"name":"b","boss_id":1,"boss":a}])
    );
}

#[tokio::test]
async fn fields_named_like_connectives_stand_in_quotes() {
    let sql = r#"CREATE TABLE t (id INTEGER PRIMARY KEY, "$and" INTEGER, "$or" TEXT, "$not" TEXT);
        INSERT INTO t VALUES (1, 7, 'a', 'b'), (2, 8, 'c', 'd');"#;
    let served = Served::new(sql, "t").await;
    for filters in [
        r#"{"\"$and\"":7}"#,
        r#"{"\"$or\"":{"$eq":"a"}}"#,
        r#"{"$not":{"\"$not\"":"d"}}"#,
    ] {
        assert_eq!(served.ids("t", filters).await, [1], "{filters}");
    }
}

#[tokio::test]
async fn a_24th_hour_is_the_first_of_the_next_day() {
    let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, at DATETIME);
        INSERT INTO t VALUES (1, '2026-01-31 24:00:00'), (2, '2026-01-31T24:30'),
            (3, '2026-01-31 24:00:00Z'), (4, '2026-02-01 00:15:00');";
    let served = Served::new(sql, "t").await;
    let rows = served.query("t", r#"{"sort":["id"]}"#).await;
    for row in rows["data"].as_array().unwrap() {
        let filters = format!(r#"{{"at":{}}}"#, row["at"]);
        let id = row["id"].as_i64().unwrap();
        assert!(served.ids("t", &filters).await.contains(&id), "{filters}");
    }
    let parts = r#"{"group_by":[{"$day":"at"},{"$hour":"at"}],"aggregate":{"n":{"$count":"*"}}}"#;
    let groups = served.query("t", parts).await;
    let expected = serde_json::json!([{"at_day":"2026-02-01","at_hour":0,"n":4}]);
    assert_eq!(groups["data"], expected);
    let refused = served
        .refusal("query", "t", r#"{"filters":{"at":"2026-01-31T25:00"}}"#)
        .await;
    assert_eq!(refused.code, "invalid_value");
}

#[tokio::test]
async fn two_keys_to_one_model_lead_by_their_fields_too() {
    let sql = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE posts (id INTEGER PRIMARY KEY, created_by INTEGER REFERENCES users (id),
            updated_by INTEGER REFERENCES users (id));
        INSERT INTO users VALUES (1, 'a'), (2, 'b');
        INSERT INTO posts VALUES (1, 1, 2);";
    let served = Served::new(sql, "users,posts").await;
    for (field, name, user) in [
        ("created_by", "users", "a"),
        ("updated_by", "users_by_updated_by", "b"),
    ] {
        let params = format!(r#"{{"expand":["{field}"],"fields":["id","{field}.name"]}}"#);
        let row = served.query("posts", &params).await["data"][0].clone();
        assert_eq!(row[name]["name"], user);
        assert_eq!(row[format!("{field}.name")], user);
    }
}
