//! A hidden field reads as one that does not exist, to the byte.

use serde_json::{Value, json};

use crate::support::Served;

/// The same database with the hidden columns and without them.
async fn both(variables: &[(&str, &str)]) -> (Served, Served) {
    let sql = |hidden: bool| {
        let only = |text: &'static str| if hidden { text } else { "" };
        format!(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT {});
             INSERT INTO users (id, name) VALUES (1, 'a'), (2, 'b');
             CREATE TABLE tickets (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id),
                 title TEXT {});
             INSERT INTO tickets (id, user_id, title) VALUES (1, 1, 'x'), (2, 2, 'y');
             CREATE TABLE pairs (a INTEGER, b INTEGER {}, PRIMARY KEY (a, b));
             INSERT INTO pairs (a, b) VALUES (1, 2);
             {}",
            only(
                ", password TEXT DEFAULT 'planted', \"api key\" TEXT, \"Auth-Token\" TEXT, \
                 smtpPassword TEXT UNIQUE, internal_note TEXT DEFAULT 'planted', \
                 secret_at DATETIME DEFAULT '2026-01-31'"
            ),
            only(
                ", token_id INTEGER REFERENCES users (id), credential_id INTEGER REFERENCES users (id)"
            ),
            only(", secret INTEGER DEFAULT 3"),
            only("CREATE INDEX by_password ON users (password, name);"),
        )
    };
    let models = "users,tickets,pairs";
    (
        Served::with(&sql(true), models, variables).await,
        Served::with(&sql(false), models, variables).await,
    )
}

#[tokio::test]
async fn no_answer_tells_a_hidden_field_from_an_absent_one() {
    let variables = [("MCP_HIDDEN_FIELDS", "users.internal_*")];
    let (with, without) = both(&variables).await;
    let names = [
        "password",
        "Password",
        "PASSWORD",
        "api key",
        "Auth-Token",
        "smtpPassword",
        "internal_note",
        "secret_at",
        "passwor",
        "nam",
        "-password",
        "users.password",
        "password ",
        "password\\u0000",
        "password::text",
        "\\\"password\\\"",
        "password__like",
    ];
    let positions = [
        ("list", r#"{"filters":{"NAME":"x"}}"#),
        ("list", r#"{"filters":{"NAME":null}}"#),
        ("query", r#"{"filters":{"NAME":{"$gt":"x"}}}"#),
        ("query", r#"{"filters":{"NAME":{"$null":true}}}"#),
        ("query", r#"{"filters":{"NAME":{"$nonsense":1}}}"#),
        ("query", r#"{"filters":{"$or":[{"$not":{"NAME":"x"}}]}}"#),
        ("query", r#"{"fields":["NAME"]}"#),
        ("query", r#"{"fields":["id","NAME","unknown"]}"#),
        ("query", r#"{"sort":["NAME"]}"#),
        ("query", r#"{"sort":["-NAME"]}"#),
        ("query", r#"{"group_by":["NAME"]}"#),
        ("query", r#"{"group_by":[{"$month":"NAME"}]}"#),
        ("query", r#"{"aggregate":{"n":{"$count":"NAME"}}}"#),
        ("query", r#"{"aggregate":{"n":{"$count_distinct":"NAME"}}}"#),
        ("query", r#"{"aggregate":{"n":{"$sum":"NAME"}}}"#),
        ("query", r#"{"aggregate":{"n":{"$min":"NAME"}}}"#),
        (
            "query",
            r#"{"aggregate":{"n":{"$count":"*"}},"sort":["NAME"]}"#,
        ),
        ("query", r#"{"expand":["NAME"]}"#),
        ("get", r#"{"id":{"NAME":1}}"#),
        ("get", r#"{"id":{"id":1,"NAME":1}}"#),
        ("get", r#"{"id":1,"NAME":1}"#),
        ("list", r#"{"NAME":1}"#),
        ("NAME", "{}"),
    ];
    let mut asked = 0;
    for name in names {
        for (action, params) in positions {
            for model in ["users", "tickets", "pairs", "NAME"] {
                let message = format!(
                    r#"{{"id":1,"action":"{}","model":"{}","params":{}}}"#,
                    action.replace("NAME", name),
                    model.replace("NAME", name),
                    params.replace("NAME", name)
                );
                let answer = with.raw(&message).await;
                assert_eq!(answer, without.raw(&message).await, "{message}");
                assert!(!answer.contains("planted"), "{answer}");
                asked += 1;
            }
        }
    }
    assert!(asked > 1000);
    for message in [
        r#"{"action":"describe"}"#,
        r#"{"action":"describe","model":"users"}"#,
        r#"{"action":"describe","model":"pairs"}"#,
        r#"{"action":"list","model":"users"}"#,
        r#"{"action":"get","model":"users","params":{"id":1}}"#,
        r#"{"action":"get","model":"pairs","params":{"id":{"a":1,"b":2}}}"#,
        r#"{"action":"query","model":"tickets","params":{"expand":["user"],"sort":["-title"]}}"#,
        r#"{"action":"query","model":"tickets","params":{"expand":["token"]}}"#,
        r#"{"action":"query","model":"tickets","params":{"expand":["credential"]}}"#,
        r#"{"action":"query","model":"users","params":{"group_by":["name"],"total":true}}"#,
    ] {
        assert_eq!(
            with.raw(message).await,
            without.raw(message).await,
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_key_with_a_hidden_part_is_no_key() {
    let served = Served::new(
        "CREATE TABLE t (a INTEGER, token INTEGER, b TEXT, PRIMARY KEY (a, token));
         INSERT INTO t VALUES (2, 1, 'x'), (1, 2, 'y'), (1, 1, 'y');",
        "t",
    )
    .await;
    let refusal = served
        .refusal("get", "t", r#"{"id":{"a":1,"token":1}}"#)
        .await;
    assert_eq!(
        refusal.error,
        "Model 't' has no primary key: use list with filters"
    );
    // The two rows that look alike are both there, page by page.
    let pages = served.walk("list", "t", r#"{"limit":1}"#).await;
    let row = |a: i64, b: &str| vec![json!({"a":a,"b":b})];
    assert_eq!(pages, [row(1, "y"), row(1, "y"), row(2, "x")]);
}

#[tokio::test]
async fn members_of_json_are_hidden_at_any_depth() {
    let served = Served::with(
        r#"CREATE TABLE logs (id INTEGER PRIMARY KEY, payload JSON, note TEXT, any, packed BLOB, doc JSONB);
           INSERT INTO logs VALUES (1,
             '{"a":[{"password":"planted","b":1}],"ssn":"planted","text":"{\"token\":\"planted\",\"c\":2}"}',
             '{"api_key":"planted","d":3}', '[{"clientSecret":"planted"}]', NULL, jsonb('{"token":"planted","e":4}'));"#,
        "logs",
        &[("MCP_HIDDEN_FIELDS", "ssn")],
    )
    .await;
    let expected = json!({
        "id":1,
        "payload":{"a":[{"b":1}],"text":"{\"c\":2}"},
        "note":"{\"d\":3}",
        "any":"[{}]",
        "packed":null,
        "doc":{"e":4}
    });
    let got = served.ask("get", "logs", r#"{"id":1}"#).await.unwrap();
    assert_eq!(got["data"], expected);
    let answer = served
        .query(
            "logs",
            r#"{"aggregate":{"n":{"$max":"note"},"m":{"$min":"any"}}}"#,
        )
        .await;
    // Text that looks like a document counts as absent.
    assert_eq!(answer["data"][0], json!({"n":null,"m":null}));
    // The order of documents, and whether two are equal, would tell what is removed from them.
    for params in [
        r#"{"sort":["payload"]}"#,
        r#"{"group_by":["payload"]}"#,
        r#"{"aggregate":{"n":{"$max":"payload"}}}"#,
        r#"{"aggregate":{"n":{"$count_distinct":"doc"}}}"#,
    ] {
        let refusal = served.refusal("query", "logs", params).await;
        assert_eq!(refusal.code, "invalid_parameter", "{params}");
    }
    let refusal = served
        .refusal("query", "logs", r#"{"filters":{"payload":{"$eq":"x"}}}"#)
        .await;
    assert_eq!(refusal.code, "invalid_filter");
    assert_eq!(
        served.ids("logs", r#"{"payload":{"$null":false}}"#).await,
        [1]
    );
}

#[tokio::test]
async fn the_whitelist_cannot_be_left_by_a_relation() {
    let served = Served::new(
        "CREATE TABLE secrets_of (id INTEGER PRIMARY KEY, v TEXT);
         CREATE TABLE t (id INTEGER PRIMARY KEY, other_id INTEGER REFERENCES secrets_of (id));
         INSERT INTO secrets_of VALUES (1, 'planted'); INSERT INTO t VALUES (1, 1);",
        "t",
    )
    .await;
    let refusal = served
        .refusal("query", "t", r#"{"expand":["other"]}"#)
        .await;
    assert_eq!(
        refusal.error,
        "Relation 'other' is not allowed for model 't'"
    );
    assert_eq!(
        refusal.hint.as_deref(),
        Some("t has no relations to expand")
    );
    let described = served.ask("describe", "t", "{}").await.unwrap();
    assert_eq!(described["data"]["expand"], Value::Array(Vec::new()));
    assert!(!described.to_string().contains("secrets_of"));
}
