//! Values in JSON, from a database that keeps any value in any column.

use serde_json::json;

use crate::support::Served;

const SQL: &str = "
    CREATE TABLE t (id INTEGER PRIMARY KEY, flag BOOLEAN, n INTEGER, d DECIMAL(10,2), f REAL, s TEXT,
        day DATE, clock TIME, at DATETIME, raw BLOB, doc JSON, any);
    INSERT INTO t VALUES
        (1, 1, 9223372036854775807, 12.50, 0.1, 'é\"', '2026-01-31', '13:05:00.25', '2026-01-31 13:05:00', x'00ff', '{\"a\": 1.0}', 1),
        (2, 0, -9223372036854775808, '12.5', 1e300, '', '2026-01-31T00:00:00', '13:05', '2026-01-31T13:05:00Z', '', '[1,2]', 'x'),
        (3, 2, 'many', 'n/a', 9e999, CAST(x'61ff' AS TEXT), 20484, 46800, 1769864700, 'text', 'no json', x'00'),
        (4, 'yes', 2.5, 12345678901234567890, -9e999, x'ff', 'soon', NULL, '2026-01-31 13:05:00.250000', NULL, 'null', NULL),
        (5, 'true', '12', 0.1, 3, 'a' || char(0) || 'b', NULL, NULL, '2026-01-31 13:05:00+02:00', NULL, '12345678901234567890.10', 2.5);
";

#[tokio::test]
async fn each_value_is_told_as_it_is() {
    let served = Served::new(SQL, "t").await;
    let text = served
        .raw(r#"{"action":"list","model":"t"}"#)
        .await
        .replace("},{", "},\n{");
    let rows = [
        r#"{"id":1,"flag":true,"n":9223372036854775807,"d":12.5,"f":0.1,"s":"é\"","day":"2026-01-31","clock":"13:05:00.25","at":"2026-01-31T13:05:00","raw":"AP8=","doc":{"a": 1.0},"any":1}"#,
        r#"{"id":2,"flag":false,"n":-9223372036854775808,"d":12.5,"f":1e+300,"s":"","day":"2026-01-31T00:00:00","clock":"13:05","at":"2026-01-31T13:05:00Z","raw":"","doc":[1,2],"any":"x"}"#,
        r#"{"id":3,"flag":2,"n":"many","d":"n/a","f":"Infinity","s":"a�","day":20484,"clock":46800,"at":1769864700,"raw":"text","doc":"no json","any":"AA=="}"#,
        r#"{"id":4,"flag":"yes","n":2.5,"d":1.2345678901234567e+19,"f":"-Infinity","s":"/w==","day":"soon","clock":null,"at":"2026-01-31T13:05:00.250000","raw":null,"doc":null,"any":null}"#,
        r#"{"id":5,"flag":"true","n":12,"d":0.1,"f":3.0,"s":"a\u0000b","day":null,"clock":null,"at":"2026-01-31T13:05:00+02:00","raw":null,"doc":1.2345678901234567e+19,"any":2.5}"#,
    ];
    for row in rows {
        assert!(text.contains(row), "{row}\n{text}");
    }
}

#[tokio::test]
async fn large_numbers_are_strings_where_asked() {
    let served = Served::with(SQL, "t", &[("MCP_NUMBERS", "string")]).await;
    let params = r#"{"fields":["id","flag","n","d","f","any"],"limit":1}"#;
    let answer = served.query("t", params).await;
    assert_eq!(
        answer["data"][0],
        json!({"id":"1","flag":true,"n":"9223372036854775807","d":"12.5","f":0.1,"any":1})
    );
    let params = r#"{"aggregate":{"n":{"$count":"*"},"s":{"$sum":"id"},"d":{"$sum":"d"},"m":{"$max":"id"}},"filters":{"id":{"$lt":3}}}"#;
    let answer = served.query("t", params).await;
    assert_eq!(
        answer["data"][0],
        json!({"n":2,"s":"3","d":"25.00","m":"2"})
    );
}

#[tokio::test]
async fn what_is_read_can_be_asked_for() {
    let served = Served::new(SQL, "t").await;
    let rows = served.query("t", r#"{"limit":2}"#).await;
    for row in rows["data"].as_array().unwrap() {
        for field in [
            "id", "flag", "n", "d", "f", "s", "day", "clock", "at", "any",
        ] {
            let filters = json!({ field: row[field] }).to_string();
            let found = served.ids("t", &filters).await;
            assert!(found.contains(&row["id"].as_i64().unwrap()), "{filters}");
        }
    }
}

#[tokio::test]
async fn what_a_column_of_any_values_holds_can_be_asked_for() {
    let sql = "
        CREATE TABLE t (k PRIMARY KEY, n INTEGER);
        INSERT INTO t VALUES (1, 1), ('1', 2), (x'31', 3), (9223372036854775807, 4), (2.5, 5),
            ('x', 6), (9e999, 7), (x'', 8), (9007199254740993, 9), ('2.5', 10);";
    for numbers in ["native", "string"] {
        let served = Served::with(sql, "t", &[("MCP_NUMBERS", numbers)]).await;
        let rows = served.query("t", r#"{"sort":["n"]}"#).await["data"].clone();
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), 10);
        for row in rows {
            let got = served
                .ask("get", "t", &format!(r#"{{"id":{}}}"#, row["k"]))
                .await
                .unwrap();
            assert_eq!(&got["data"], row, "{numbers}");
        }
        let large = match numbers {
            "string" => json!("9007199254740993"),
            _ => json!(9007199254740993_i64),
        };
        assert_eq!(rows[8]["k"], large);
    }
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_refused_and_never_matches() {
    let served = Served::new(SQL, "t").await;
    for (field, values) in [
        (
            "id",
            &[
                r#""abc""#, r#""""#, "1.5", "true", r#"" 1""#, r#""1 ""#, r#""0x1""#, "1e-2",
            ][..],
        ),
        ("d", &[r#""abc""#, "true", r#""1,5""#, r#""""#, r#""inf""#]),
        ("f", &[r#""abc""#, "false", "1e999", r#""NaN""#]),
        ("flag", &[r#""1""#, r#""true""#, r#""yes""#, "[]"]),
        ("s", &["1", "true", "1.5"]),
        (
            "day",
            &[r#""now""#, r#""31.01.2026""#, r#""2026-02-31""#, "true"],
        ),
        ("at", &[r#""now""#, r#""2026-01-31T25:00:00""#]),
        ("doc", &["1", r#""x""#, "{}", "[]"]),
        ("raw", &["1", r#""A""#]),
    ] {
        for value in values {
            for filters in [
                format!(r#"{{"{field}":{value}}}"#),
                format!(r#"{{"{field}":{{"$eq":{value}}}}}"#),
                format!(r#"{{"{field}":{{"$in":[{value}]}}}}"#),
                format!(r#"{{"{field}":{{"$gt":{value}}}}}"#),
            ] {
                let refusal = served
                    .refusal("query", "t", &format!(r#"{{"filters":{filters}}}"#))
                    .await;
                assert!(
                    ["invalid_value", "invalid_filter"].contains(&refusal.code.as_str()),
                    "{filters}: {refusal:?}"
                );
            }
        }
    }
}

/// A column of integers may hold a fraction, whose text asks for it as its number does.
#[tokio::test]
async fn a_decimal_in_a_text_asks_for_what_its_number_does() {
    let sql = "
        CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, s TEXT);
        INSERT INTO t VALUES (1, 2.5, 'a'), (2, 2, 'b'), (3, 3, 'c'), (4, '2.5', 'd');
        CREATE TABLE k (k INTEGER, s TEXT, PRIMARY KEY (k));
        CREATE TABLE f (k INT PRIMARY KEY, s TEXT);
        INSERT INTO f VALUES (2.5, 'x'), (2, 'y');";
    for numbers in ["native", "string"] {
        let served = Served::with(sql, "t,k,f", &[("MCP_NUMBERS", numbers)]).await;
        for value in ["2.5", "25e-1"] {
            for (filters, found) in [
                (r#"{"n":V}"#, &[1, 4][..]),
                (r#"{"n":{"$gt":V}}"#, &[3]),
                (r#"{"n":{"$in":[V,3]}}"#, &[1, 3, 4]),
            ] {
                for written in [value.to_owned(), format!("{value:?}")] {
                    let filters = filters.replace('V', &written);
                    let params = format!(r#"{{"filters":{filters}}}"#);
                    let rows = served.query("t", &params).await["data"].clone();
                    let ids = rows.as_array().unwrap().iter();
                    let ids: Vec<i64> = ids
                        .map(|row| row["id"].to_string().trim_matches('"').parse().unwrap())
                        .collect();
                    assert_eq!(ids, found, "{filters}");
                }
            }
        }
        for id in ["2.5", r#""2.5""#] {
            let params = format!(r#"{{"id":{id}}}"#);
            let got = served.ask("get", "f", &params).await.unwrap();
            assert_eq!(got["data"]["s"], "x", "{id}");
            for model in ["t", "k"] {
                let refusal = served.refusal("get", model, &params).await;
                assert_eq!(refusal.code, "invalid_value", "{model} {id}");
            }
        }
        for text in [r#""2,5""#, r#""+2.5""#, r#"".5""#, r#""2.5 ""#, r#""x""#] {
            let params = format!(r#"{{"filters":{{"n":{text}}}}}"#);
            let refusal = served.refusal("query", "t", &params).await;
            assert_eq!(refusal.code, "invalid_value", "{text}");
        }
    }
}

#[tokio::test]
async fn text_of_another_encoding_is_text() {
    let served = Served::new(
        "PRAGMA encoding = 'UTF-16le';
         CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT);
         INSERT INTO t VALUES (1, 'Müller'), (2, '日本'), (3, 'a');",
        "t",
    )
    .await;
    let rows = served.column("t", "{}", "s").await;
    assert_eq!(rows, ["Müller", "日本", "a"]);
    assert_eq!(served.ids("t", r#"{"s":"日本"}"#).await, [2]);
    assert_eq!(served.ids("t", r#"{"s":{"$icontains":"ÜLL"}}"#).await, [1]);
    let pages = served
        .walk("query", "t", r#"{"sort":["-s"],"limit":1}"#)
        .await;
    assert_eq!(pages.len(), 3);
}
