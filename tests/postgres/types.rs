//! A column of each type, with its extremes, read back to the byte.

use crate::support::{Asked, Database};

/// A type, a value in SQL, and its JSON.
const VALUES: &[(&str, &str, &str)] = &[
    ("boolean", "true", "true"),
    ("boolean", "false", "false"),
    ("smallint", "-32768", "-32768"),
    ("integer", "2147483647", "2147483647"),
    ("bigint", "-9223372036854775808", "-9223372036854775808"),
    ("bigint", "9223372036854775807", "9223372036854775807"),
    (
        "numeric",
        "'12345678901234567890.123456789'",
        "12345678901234567890.123456789",
    ),
    ("numeric(10,2)", "12.5", "12.50"),
    (
        "numeric",
        "'-0.000000000000000000001'",
        "-0.000000000000000000001",
    ),
    ("numeric", "'NaN'", "\"NaN\""),
    ("numeric", "'-Infinity'", "\"-Infinity\""),
    ("real", "0.1", "0.1"),
    ("real", "'NaN'", "\"NaN\""),
    ("real", "3.4028235e38", "3.4028235e+38"),
    ("double precision", "0.1", "0.1"),
    ("double precision", "5e-324", "5e-324"),
    (
        "double precision",
        "1.7976931348623157e308",
        "1.7976931348623157e+308",
    ),
    ("double precision", "'-Infinity'", "\"-Infinity\""),
    ("money", "12.34", "\"$12.34\""),
    (
        "text",
        "E'a\"\\\\b\\n\\u00e9\\U0001F600'",
        "\"a\\\"\\\\b\\né😀\"",
    ),
    ("text", "''", "\"\""),
    ("varchar(3)", "'abc'", "\"abc\""),
    ("char(5)", "'ab'", "\"ab   \""),
    ("\"char\"", "'x'", "\"x\""),
    ("name", "'a name'", "\"a name\""),
    ("bytea", "'\\x00ff'", "\"AP8=\""),
    ("bytea", "''", "\"\""),
    (
        "uuid",
        "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
        "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"",
    ),
    ("date", "'2026-01-31'", "\"2026-01-31\""),
    ("date", "'infinity'", "\"infinity\""),
    ("date", "'0044-03-15 BC'", "\"0044-03-15 BC\""),
    ("date", "'12024-01-01'", "\"12024-01-01\""),
    ("time", "'13:05:00.25'", "\"13:05:00.25\""),
    ("time", "'24:00:00'", "\"24:00:00\""),
    ("timetz", "'13:05:00+02'", "\"13:05:00+02\""),
    ("timestamp", "'2026-01-31 13:05'", "\"2026-01-31T13:05:00\""),
    ("timestamp", "'-infinity'", "\"-infinity\""),
    (
        "timestamp",
        "'294276-12-31 23:59:59.999999'",
        "\"294276-12-31T23:59:59.999999\"",
    ),
    (
        "timestamptz",
        "'2026-01-31 13:05:00.25+02'",
        "\"2026-01-31T11:05:00.25+00:00\"",
    ),
    (
        "timestamptz",
        "'4713-01-01 00:00:00+00 BC'",
        "\"4713-01-01T00:00:00+00:00 BC\"",
    ),
    (
        "interval",
        "'1 year 2 days 03:04:05.5'",
        "\"1 year 2 days 03:04:05.5\"",
    ),
    (
        "json",
        "'{\"b\" :1,  \"a\":1e500, \"a\":2}'",
        "{\"b\" :1,  \"a\":1e500, \"a\":2}",
    ),
    ("json", "'\"\\u0000\"'", "\"\\u0000\""),
    (
        "json",
        "'{\"n\":1,\"api_key\":\"x\",\"in\":[{\"password\":\"y\"}]}'",
        "{\"n\":1,\"in\":[{}]}",
    ),
    (
        "jsonb",
        "'{\"b\":12345678901234567890.10,\"a\":null}'",
        "{\"a\": null, \"b\": 12345678901234567890.10}",
    ),
    ("jsonb", "'null'", "null"),
    ("xml", "'<a>é</a>'", "\"<a>é</a>\""),
    ("inet", "'192.168.0.1/24'", "\"192.168.0.1/24\""),
    ("inet", "'::1'", "\"::1\""),
    ("cidr", "'10.0.0.0/8'", "\"10.0.0.0/8\""),
    ("macaddr", "'08:00:2b:01:02:03'", "\"08:00:2b:01:02:03\""),
    ("bit(3)", "B'101'", "\"101\""),
    ("varbit", "B''", "\"\""),
    ("tsvector", "'a:1 b:2'", "\"'a':1 'b':2\""),
    ("tsquery", "'a & b'", "\"'a' & 'b'\""),
    ("point", "'(1,2.5)'", "\"(1,2.5)\""),
    ("polygon", "'((0,0),(1,1))'", "\"((0,0),(1,1))\""),
    ("pg_lsn", "'16/B374D848'", "\"16/B374D848\""),
    ("oid", "4294967295", "\"4294967295\""),
    ("regclass", "'pg_class'", "\"pg_class\""),
    ("integer[]", "'{1,NULL,3}'", "[1,null,3]"),
    ("integer[]", "'{{1,2},{3,4}}'", "[[1,2],[3,4]]"),
    (
        "numeric[]",
        "'{12345678901234567890.10}'",
        "[12345678901234567890.10]",
    ),
    (
        "text[]",
        "'{\"a,b\",\"NULL\",é}'",
        "[\"a,b\",\"NULL\",\"é\"]",
    ),
    (
        "timestamptz[]",
        "'{2026-01-31 13:05:00+00}'",
        "[\"2026-01-31T13:05:00+00:00\"]",
    ),
    (
        "bytea[]",
        "ARRAY['\\x00ff'::bytea, NULL]",
        "[\"AP8=\",null]",
    ),
    (
        "bytea[]",
        "ARRAY[ARRAY[''::bytea],ARRAY['\\x41'::bytea]]",
        "[[\"\"],[\"QQ==\"]]",
    ),
    (
        "blob_pair",
        "ROW('\\x41', ARRAY['\\x42'::bytea], '\\x43')",
        "{\"raw\":\"QQ==\",\"list\":[\"Qg==\"],\"text\":\"\\\\x43\"}",
    ),
    ("jsonb[]", "ARRAY['{\"a\":1}'::jsonb]", "[{\"a\": 1}]"),
    ("int4range", "'[1,10)'", "\"[1,10)\""),
    ("tstzrange", "'empty'", "\"empty\""),
    ("int4multirange", "'{[1,3),[5,8)}'", "\"{[1,3),[5,8)}\""),
    ("numrange[]", "'{\"[1.5,2.5]\"}'", "[\"[1.5,2.5]\"]"),
    ("mood", "'it''s \"fine\"'", "\"it's \\\"fine\\\"\""),
    ("mood[]", "'{sad,NULL}'", "[\"sad\",null]"),
    ("small_number", "7", "7"),
    ("short_text", "'ab'", "\"ab\""),
    ("nested", "12.50", "12.50"),
    ("mood_domain", "'sad'", "\"sad\""),
    ("pair", "ROW(1,'x','s')", "{\"n\":1,\"t\":\"x\"}"),
    ("\"Odd \"\"Type\"\"\"", "'a'", "\"a\""),
];

const TYPES: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'it''s \"fine\"');
    CREATE TYPE \"Odd \"\"Type\"\"\" AS ENUM ('a', 'b');
    CREATE DOMAIN small_number AS integer CHECK (VALUE < 10);
    CREATE DOMAIN short_text AS varchar(3);
    CREATE DOMAIN money_like AS numeric(10,2);
    CREATE DOMAIN nested AS money_like CHECK (VALUE > 0);
    CREATE DOMAIN mood_domain AS mood NOT NULL;
    CREATE TYPE pair AS (n integer, t text, secret text);
    CREATE DOMAIN blob AS bytea;
    CREATE TYPE blob_pair AS (raw blob, list blob[], text text);
";

fn script(values: &[(&str, &str, &str)]) -> String {
    let columns: Vec<String> = values
        .iter()
        .enumerate()
        .map(|(at, (class, ..))| format!("c{at} {class}"))
        .collect();
    let given: Vec<&str> = values.iter().map(|value| value.1).collect();
    format!(
        "{TYPES}
         CREATE TABLE wide (id int PRIMARY KEY, {});
         INSERT INTO wide VALUES (1, {});",
        columns.join(", "),
        given.join(", ")
    )
}

async fn assert_values(asked: &Asked, model: &str, values: &[(&str, &str, &str)]) {
    let members: Vec<String> = values
        .iter()
        .enumerate()
        .map(|(at, (.., json))| format!("\"c{at}\":{json}"))
        .collect();
    let answer = asked.ask("get", model, r#"{"id":1}"#).await.unwrap();
    for (at, member) in members.iter().enumerate() {
        assert!(
            answer.contains(member),
            "{}: {member} in {answer}",
            values[at].0
        );
    }
    assert_eq!(
        answer,
        format!("{{\"data\":{{\"id\":1,{}}}}}", members.join(","))
    );
}

#[tokio::test]
async fn each_value_is_served_to_the_byte() {
    let Some(database) = Database::new(&script(VALUES)).await else {
        return;
    };
    database
        .execute(&format!(
            "ALTER DATABASE {} SET lc_monetary = 'C'",
            database.name()
        ))
        .await;
    let asked = database.service("wide").await;
    assert_values(&asked, "wide", VALUES).await;
    // NULL in every column; a NOT NULL domain cannot be.
    let null: Vec<_> = VALUES
        .iter()
        .map(|(class, value, json)| match *class {
            "mood_domain" => (*class, *value, *json),
            _ => (*class, "NULL", "null"),
        })
        .collect();
    database
        .execute(&format!(
            "DROP TABLE wide; {}",
            script(&null).replace(TYPES, "")
        ))
        .await;
    let asked = database.service("wide").await;
    assert_values(&asked, "wide", &null).await;
}

#[tokio::test]
async fn types_of_extensions_are_served() {
    let values = [
        ("citext", "'Ab'", "\"Ab\""),
        ("hstore", "'a=>1, b=>NULL'", "{\"a\": \"1\", \"b\": null}"),
        ("ltree", "'a.b'", "\"a.b\""),
    ];
    let Some(database) = Database::new("CREATE SCHEMA extensions").await else {
        return;
    };
    let mut values = values.to_vec();
    let available = database
        .column("SELECT CAST(name AS text) FROM pg_available_extensions")
        .await;
    values.retain(|value| available.iter().any(|name| name == value.0));
    for (name, ..) in &values {
        database
            .execute(&format!("CREATE EXTENSION {name} SCHEMA extensions"))
            .await;
    }
    let path = "SET search_path = public, extensions;";
    database
        .execute(&format!("{path} {}", script(&values)))
        .await;
    database
        .execute(&format!(
            "ALTER DATABASE {} SET {}",
            database.name(),
            &path[4..]
        ))
        .await;
    let asked = database.service("wide").await;
    assert_values(&asked, "wide", &values).await;
    if let Some(at) = values.iter().position(|value| value.0 == "citext") {
        // The extension's own operators are found, wherever it lies.
        let found = asked
            .values("wide", &format!(r#"{{"filters":{{"c{at}":"aB"}}}}"#), "id")
            .await;
        assert_eq!(found, ["1"]);
    }
}

#[tokio::test]
async fn large_numbers_are_strings_where_asked() {
    let Some(database) = Database::new(
        "CREATE TABLE n (id int PRIMARY KEY, b bigint, d numeric(10,2), f float8);
         INSERT INTO n VALUES (1, 9007199254740993, 12.5, 0.5)",
    )
    .await
    else {
        return;
    };
    let asked = Asked::new(&database.url(), "n", &[("MCP_NUMBERS", "string")]).await;
    assert_eq!(
        asked.ask("get", "n", r#"{"id":1}"#).await.unwrap(),
        r#"{"data":{"id":1,"b":"9007199254740993","d":"12.50","f":0.5}}"#
    );
}

#[tokio::test]
async fn a_record_that_is_too_large_says_by_what() {
    let Some(database) = Database::new(
        "CREATE TABLE big (id int PRIMARY KEY, t text, b bytea, j jsonb, a text[]);
         INSERT INTO big SELECT 1, repeat('x', 3000000), NULL, NULL, NULL;
         INSERT INTO big SELECT 2, NULL, decode(repeat('00', 3000000), 'hex'), NULL, NULL;
         INSERT INTO big SELECT 3, NULL, NULL, to_jsonb(repeat('x', 3000000)), NULL;
         INSERT INTO big SELECT 4, NULL, NULL, NULL, ARRAY[repeat('x', 3000000)];
         INSERT INTO big SELECT 5, 'small', '\\x00', '[]', '{}';",
    )
    .await
    else {
        return;
    };
    let asked = database.service("big").await;
    for id in 1..=4 {
        let error = asked.ask("get", "big", &format!(r#"{{"id":{id}}}"#)).await;
        let error = error.unwrap_err();
        assert!(error.starts_with("response_too_large: "), "{id}: {error}");
    }
    assert_eq!(
        asked.ask("get", "big", r#"{"id":5}"#).await.unwrap(),
        r#"{"data":{"id":5,"t":"small","b":"AA==","j":[],"a":[]}}"#
    );
}

#[tokio::test]
async fn values_that_are_short_as_stored_are_served_and_ordered() {
    let Some(database) = Database::new(
        "CREATE TABLE t (id int PRIMARY KEY, n numeric, a numeric[], j jsonb, c char(4));
         INSERT INTO t VALUES (1, 2e131071, NULL, NULL, 'x'), (2, 5, '{NULL,1.50}', '[1e3]', NULL),
             (3, 1e131071, '{}', '\"#7\"', ''), (4, 'NaN', NULL, 'null', 'y');",
    )
    .await
    else {
        return;
    };
    let asked = database.service("t").await;
    for (id, row) in [
        (2, r##""n":5,"a":[null,1.50],"j":[1000],"c":null"##),
        (4, r##""n":"NaN","a":null,"j":null,"c":"y   ""##),
    ] {
        let told = asked.ask("get", "t", &format!(r#"{{"id":{id}}}"#)).await;
        assert_eq!(told.unwrap(), format!(r#"{{"data":{{"id":{id},{row}}}}}"#));
    }
    // More digits than a double holds, and a text that begins like a size.
    let whole = asked.ask("get", "t", r#"{"id":3}"#).await.unwrap();
    assert!(whole.len() > 131_072 && whole.contains(r##""j":"#7""##));
    // A key that no cursor holds is gone on after by position.
    let (mut ids, mut params) = (
        Vec::new(),
        serde_json::json!({"fields": ["id"], "sort": ["n"], "limit": 1}),
    );
    loop {
        let page = asked.value("query", "t", &params.to_string()).await;
        ids.push(page["data"][0]["id"].clone());
        match page.get("next_cursor") {
            Some(cursor) => params["cursor"] = cursor.clone(),
            None => break,
        }
    }
    assert_eq!(serde_json::json!(ids), serde_json::json!([2, 3, 1, 4]));
    // Extremes, which have no column of their own.
    let params = r#"{"aggregate":{"least":{"$min":"n"}},"group_by":["c","n"],"limit":1}"#;
    let told = asked.ask("query", "t", params).await;
    assert!(told.is_ok(), "{told:?}");
}

#[tokio::test]
async fn numbers_within_values_are_strings_where_others_are() {
    let script = "CREATE TYPE pair AS (a bigint, b numeric, c int);
        CREATE DOMAIN price AS numeric(30, 10);
        CREATE TABLE t (id int PRIMARY KEY, n bigint, ids bigint[], prices price[], few int[],
            f float8[], p pair, many pair[], doc jsonb);
        INSERT INTO t VALUES (1, 9007199254740993, '{9007199254740993}',
            '{{12345678901234567890.1},{2}}', '{1}', '{0.5}', ROW(9007199254740993, 1.5, 2),
            ARRAY[ROW(1, 2, 3)::pair], '{\"n\": 9007199254740993}')";
    let Some(database) = Database::new(script).await else {
        return;
    };
    for (numbers, expected) in [
        (
            "string",
            "{\"data\":{\"id\":1,\"n\":\"9007199254740993\",\"ids\":[\"9007199254740993\"],\
             \"prices\":[[\"12345678901234567890.1000000000\"],[\"2.0000000000\"]],\"few\":[1],\
             \"f\":[0.5],\"p\":{\"a\":\"9007199254740993\",\"b\":\"1.5\",\"c\":2},\
             \"many\":[{\"a\":\"1\",\"b\":\"2\",\"c\":3}],\"doc\":{\"n\": 9007199254740993}}}",
        ),
        (
            "native",
            "{\"data\":{\"id\":1,\"n\":9007199254740993,\"ids\":[9007199254740993],\
             \"prices\":[[12345678901234567890.1000000000],[2.0000000000]],\"few\":[1],\
             \"f\":[0.5],\"p\":{\"a\":9007199254740993,\"b\":1.5,\"c\":2},\
             \"many\":[{\"a\":1,\"b\":2,\"c\":3}],\"doc\":{\"n\": 9007199254740993}}}",
        ),
    ] {
        let variables = [("MCP_NUMBERS", numbers)];
        let asked = Asked::new(&database.url(), "t", &variables).await;
        let answer = asked.ask("get", "t", r#"{"id":1}"#).await.unwrap();
        assert_eq!(answer, expected);
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_replaced_and_the_page_is_whole() {
    let Some(database) = Database::encoded(
        "SQL_ASCII",
        "CREATE TABLE t (id int PRIMARY KEY, v text, list text[]);
         INSERT INTO t VALUES (1, 'abc', '{x}'), (2, E'caf\\351', ARRAY[E'\\351']),
             (3, E'{\"token\":\"\\351\",\"a\":\"\\351\"}', NULL)",
    )
    .await
    else {
        return;
    };
    let asked = database.service("t").await;
    let answer = asked.ask("list", "t", "{}").await.unwrap();
    let rows = "[{\"id\":1,\"v\":\"abc\",\"list\":[\"x\"]},\
        {\"id\":2,\"v\":\"caf\u{fffd}\",\"list\":[\"\u{fffd}\"]},\
        {\"id\":3,\"v\":\"{\\\"a\\\":\\\"\u{fffd}\\\"}\",\"list\":null}]";
    assert!(answer.contains(rows), "{answer}");
    let answer = asked
        .ask("query", "t", r#"{"sort":["-v"],"limit":1}"#)
        .await;
    assert!(answer.unwrap().contains("\"has_more\":true"));
    // A walk goes on behind such a text.
    let mut walked = Vec::new();
    let mut cursor = String::new();
    for _ in 0..3 {
        let params = format!(r#"{{"fields":["id"],"sort":["-v"],"limit":1{cursor}}}"#);
        let page = asked.value("query", "t", &params).await;
        walked.push(page["data"][0]["id"].as_i64().unwrap());
        cursor = format!(r#","cursor":{}"#, page["next_cursor"]);
    }
    walked.sort_unstable();
    assert_eq!(walked, [1, 2, 3]);
}
