//! What the operators mean, NULL and odd characters included.

use serde_json::Value;

use crate::support::Served;

async fn served() -> Served {
    Served::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, s TEXT, d DECIMAL(10,2), b BOOLEAN,
             day DATE, at DATETIME, f REAL, must TEXT NOT NULL);
         INSERT INTO t VALUES
             (1, 10, 'open',   1.5,  1, '2026-01-31', '2026-01-31T13:05:00', 0.5, 'a'),
             (2, 20, 'closed', 2.25, 0, '2026-02-01', '2026-01-31 14:05:00', 1.5, 'b'),
             (3, NULL, NULL,   NULL, NULL, NULL,      NULL,                  NULL, 'c'),
             (4, 30, 'Open',   100,  1, '2026-02-28', '2026-02-01T00:00:00Z', -2.0, 'd');",
        "t",
    )
    .await
}

#[tokio::test]
async fn every_operator_finds_its_rows() {
    let served = served().await;
    for (filters, ids) in [
        ("{}", &[1, 2, 3, 4][..]),
        (r#"{"n":10}"#, &[1]),
        (r#"{"n":"10"}"#, &[1]),
        (r#"{"n":null}"#, &[3]),
        (r#"{"n":{"$eq":20}}"#, &[2]),
        (r#"{"n":{"$eq":null}}"#, &[3]),
        (r#"{"n":{"$ne":20}}"#, &[1, 3, 4]),
        (r#"{"n":{"$ne":null}}"#, &[1, 2, 4]),
        (r#"{"n":{"$gt":10}}"#, &[2, 4]),
        (r#"{"n":{"$gte":10}}"#, &[1, 2, 4]),
        (r#"{"n":{"$lt":20}}"#, &[1]),
        (r#"{"n":{"$lte":20}}"#, &[1, 2]),
        (r#"{"n":{"$gte":10,"$lt":30}}"#, &[1, 2]),
        (r#"{"n":{"$between":[10,20]}}"#, &[1, 2]),
        (r#"{"n":{"$between":[20,10]}}"#, &[]),
        (r#"{"n":{"$in":[10,30]}}"#, &[1, 4]),
        (r#"{"n":{"$in":[]}}"#, &[]),
        (r#"{"n":{"$in":[null]}}"#, &[3]),
        (r#"{"n":{"$in":[10,null]}}"#, &[1, 3]),
        (r#"{"n":{"$nin":[10,30]}}"#, &[2, 3]),
        (r#"{"n":{"$nin":[]}}"#, &[1, 2, 3, 4]),
        (r#"{"n":{"$nin":[null]}}"#, &[1, 2, 4]),
        (r#"{"n":{"$nin":[10,null]}}"#, &[2, 4]),
        (r#"{"n":{"$null":true}}"#, &[3]),
        (r#"{"n":{"$null":false}}"#, &[1, 2, 4]),
        (r#"{"s":{"$ne":"open"}}"#, &[2, 3, 4]),
        (r#"{"s":{"$contains":"pe"}}"#, &[1, 4]),
        (r#"{"s":{"$startswith":"o"}}"#, &[1]),
        (r#"{"s":{"$istartswith":"o"}}"#, &[1, 4]),
        (r#"{"s":{"$endswith":"ed"}}"#, &[2]),
        (r#"{"s":{"$iendswith":"EN"}}"#, &[1, 4]),
        (r#"{"s":{"$icontains":"PE"}}"#, &[1, 4]),
        (r#"{"s":{"$contains":""}}"#, &[1, 2, 4]),
        (r#"{"$not":{"s":{"$contains":"pe"}}}"#, &[2, 3]),
        (r#"{"$not":{"n":10}}"#, &[2, 3, 4]),
        (r#"{"$not":{"n":{"$gt":10}}}"#, &[1, 3]),
        (r#"{"$not":{"n":{"$between":[10,20]}}}"#, &[3, 4]),
        (r#"{"$not":{"n":null}}"#, &[1, 2, 4]),
        (r#"{"$not":{"n":{"$null":false}}}"#, &[3]),
        (r#"{"$not":{"n":{"$ne":20}}}"#, &[2]),
        (r#"{"$not":{"n":{"$nin":[10,null]}}}"#, &[1, 3]),
        (r#"{"$not":{"n":10,"s":"open"}}"#, &[2, 3, 4]),
        (r#"{"$not":{"$not":{"n":10}}}"#, &[1]),
        (r#"{"$not":{"$or":[{"n":10},{"s":null}]}}"#, &[2, 4]),
        (r#"{"$not":{"must":"a"}}"#, &[2, 3, 4]),
        (r#"{"$not":{}}"#, &[]),
        (r#"{"$or":[{"n":10},{"s":"Open"}]}"#, &[1, 4]),
        (r#"{"$or":[]}"#, &[]),
        (r#"{"$and":[]}"#, &[1, 2, 3, 4]),
        (r#"{"$and":[{}],"n":10}"#, &[1]),
        (r#"{"$or":[{},{"n":10}]}"#, &[1, 2, 3, 4]),
        (
            r#"{"$and":[{"n":{"$gt":5}},{"$or":[{"b":true},{"b":false}]}]}"#,
            &[1, 2, 4],
        ),
        (r#"{"d":1.5}"#, &[1]),
        (r#"{"d":"1.50"}"#, &[1]),
        (r#"{"d":{"$gt":"2.249"}}"#, &[2, 4]),
        (r#"{"d":{"$lt":1e2}}"#, &[1, 2]),
        (r#"{"b":true}"#, &[1, 4]),
        (r#"{"b":0}"#, &[2]),
        (r#"{"b":{"$ne":true}}"#, &[2, 3]),
        (r#"{"f":{"$lt":0}}"#, &[4]),
        (r#"{"day":"2026-01-31"}"#, &[1]),
        (r#"{"day":{"$gte":"2026-02-01"}}"#, &[2, 4]),
    ] {
        assert_eq!(served.ids("t", filters).await, ids, "{filters}");
    }
}

#[tokio::test]
async fn a_moment_is_found_in_either_spelling() {
    let served = served().await;
    for (filters, ids) in [
        (r#"{"at":"2026-01-31T13:05:00"}"#, &[1][..]),
        (r#"{"at":"2026-01-31 13:05:00"}"#, &[1]),
        (r#"{"at":"2026-01-31T14:05:00"}"#, &[2]),
        (
            r#"{"at":{"$in":["2026-01-31 13:05:00","2026-01-31T14:05:00"]}}"#,
            &[1, 2],
        ),
        (r#"{"at":{"$gt":"2026-01-31T13:05:00"}}"#, &[2, 4]),
        (r#"{"at":{"$gte":"2026-01-31 13:05:00"}}"#, &[1, 2, 4]),
        (r#"{"at":{"$lt":"2026-01-31T14:05:00"}}"#, &[1]),
        (r#"{"at":{"$lte":"2026-01-31 14:05:00"}}"#, &[1, 2]),
        (r#"{"at":{"$lt":"2026-02-01"}}"#, &[1, 2]),
        (
            r#"{"at":{"$between":["2026-01-31T13:30:00","2026-01-31T23:00:00"]}}"#,
            &[2],
        ),
        (r#"{"$not":{"at":{"$gt":"2026-01-31T13:05:00"}}}"#, &[1, 3]),
    ] {
        assert_eq!(served.ids("t", filters).await, ids, "{filters}");
    }
    // What is read can be sent back, and finds its row.
    for row in served.query("t", "{}").await["data"].as_array().unwrap() {
        let filters = format!(r#"{{"at":{},"id":{}}}"#, row["at"], row["id"]);
        assert_eq!(served.ids("t", &filters).await.len(), 1, "{filters}");
    }
}

#[tokio::test]
async fn nothing_in_a_text_is_a_wildcard() {
    let texts = [
        "100%",
        "100",
        "a_b",
        "axb",
        "a*b",
        "a?b",
        "a[b]c",
        "abc",
        "a!b",
        "a\\b",
        "a^b",
        "a]b",
        "a-b",
        "[^a]",
        "x%_*?[!]\\",
        "'; DROP TABLE t; --",
        "\"q\"",
        "é",
        "日本",
        "😀",
        " ",
        "",
    ];
    let rows: Vec<String> = texts
        .iter()
        .map(|text| format!("('{}')", text.replace('\'', "''")))
        .collect();
    let served = Served::new(
        &format!(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT); INSERT INTO t (s) VALUES {};",
            rows.join(",")
        ),
        "t",
    )
    .await;
    for text in texts {
        type Holds = fn(&str, &str) -> bool;
        let operators: [(&str, Holds); 7] = [
            ("$contains", |value, text| value.contains(text)),
            ("$icontains", |value, text| value.contains(text)),
            ("$startswith", |value, text| value.starts_with(text)),
            ("$istartswith", |value, text| value.starts_with(text)),
            ("$endswith", |value, text| value.ends_with(text)),
            ("$iendswith", |value, text| value.ends_with(text)),
            ("$eq", |value, text| value == text),
        ];
        for (operator, holds) in operators {
            let found: Vec<i64> = texts
                .iter()
                .zip(1..)
                .filter(|(value, _)| holds(value, text))
                .map(|(_, id)| id)
                .collect();
            let filters = format!(r#"{{"s":{{"{operator}":{}}}}}"#, Value::from(text));
            assert_eq!(served.ids("t", &filters).await, found, "{filters}");
        }
    }
}

#[tokio::test]
async fn case_is_folded_letter_by_letter_in_every_script() {
    let served = Served::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT);
         INSERT INTO t (s) VALUES ('Müller'), ('MÜLLER'), ('müller'), ('Muller'), ('Łódź'), ('ΑΘΗΝΑ'), ('Straße'), ('STRASSE');",
        "t",
    )
    .await;
    for (operator, text, ids) in [
        ("$icontains", "ÜLL", &[1, 2, 3][..]),
        ("$icontains", "üll", &[1, 2, 3]),
        ("$istartswith", "mü", &[1, 2, 3]),
        ("$iendswith", "LER", &[1, 2, 3, 4]),
        ("$contains", "üll", &[1, 3]),
        ("$icontains", "łó", &[5]),
        ("$istartswith", "αθη", &[6]),
        // One letter is never two.
        ("$icontains", "straße", &[7]),
        ("$icontains", "strasse", &[8]),
    ] {
        let filters = format!(r#"{{"s":{{"{operator}":"{text}"}}}}"#);
        assert_eq!(served.ids("t", &filters).await, ids, "{filters}");
    }
}

#[tokio::test]
async fn values_of_another_class_are_in_no_range() {
    let served = Served::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, s TEXT, any, at DATETIME);
         INSERT INTO t VALUES (1, 5, 'm', 5, '2026-01-31'), (2, 'text', x'ff', 'text', 1767225600),
             (3, x'00', 'z', x'00', 'soon'), (4, 7.5, '', 7.5, NULL), (5, NULL, NULL, NULL, NULL);",
        "t",
    )
    .await;
    for (filters, ids) in [
        (r#"{"n":{"$gt":4}}"#, &[1, 4][..]),
        (r#"{"n":{"$lt":9}}"#, &[1, 4]),
        (r#"{"$not":{"n":{"$gt":4}}}"#, &[2, 3, 5]),
        (r#"{"s":{"$gte":""}}"#, &[1, 3, 4]),
        (r#"{"s":{"$lt":"zz"}}"#, &[1, 3, 4]),
        (r#"{"any":{"$gt":4}}"#, &[1, 4]),
        (r#"{"any":{"$gt":"a"}}"#, &[2]),
        (r#"{"any":"5"}"#, &[]),
        (r#"{"any":5}"#, &[1]),
        (r#"{"at":{"$gt":"2020-01-01"}}"#, &[1, 3]),
        (r#"{"at":{"$gt":1000000000}}"#, &[2]),
    ] {
        assert_eq!(served.ids("t", filters).await, ids, "{filters}");
    }
}
