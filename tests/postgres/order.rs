//! Sorting: NULL below every value, and pages that join to the whole.

use crate::support::{Asked, Database};

const TABLE: &str = "
    CREATE TYPE level AS ENUM ('low', 'mid', 'high');
    CREATE TABLE t (id int PRIMARY KEY, a int, f float8, r real, n numeric, x text, e level,
      d date, z timestamptz, p timestamp, tm time, u uuid, b boolean, ip inet, big bigint NOT NULL, ch char(4));
    INSERT INTO t SELECT g, nullif(g % 4, 0),
      (ARRAY['NaN', 'Infinity', '-Infinity', '0.1', NULL, '5e-324'])[g % 6 + 1]::float8,
      (ARRAY['NaN', '0.1', NULL])[g % 3 + 1]::real,
      (ARRAY['NaN', '12345678901234567890.5', '-1', NULL, '0.10'])[g % 5 + 1]::numeric,
      (ARRAY['ä', 'a', 'B', 'b', NULL, '', 'Z'])[g % 7 + 1],
      (ARRAY['high', 'low', NULL, 'mid'])[g % 4 + 1]::level,
      (ARRAY['infinity', '0044-03-15 BC', NULL, '2026-01-31', '12024-01-01'])[g % 5 + 1]::date,
      (ARRAY['-infinity', '0044-03-15 12:00Z BC', NULL, '2026-01-31 12:00:00.123456Z', '294276-12-31 23:59:59.999999Z'])[g % 5 + 1]::timestamptz,
      (ARRAY['infinity', '0044-03-15 12:00 BC', NULL, '2026-01-31 12:00:00.123456'])[g % 4 + 1]::timestamp,
      (ARRAY['24:00', '00:00:00.000001', NULL])[g % 3 + 1]::time,
      CASE WHEN g % 3 > 0 THEN md5((g % 5)::text)::uuid END,
      (ARRAY[true, false, NULL])[g % 3 + 1],
      (ARRAY['10.0.0.1', '::1', NULL, '10.0.0.0/8'])[g % 4 + 1]::inet,
      9007199254740990 + g % 6, (ARRAY['a', 'ab', NULL, 'a '])[g % 4 + 1]
    FROM generate_series(1, 60) g;";

/// Every page of a query, by cursor.
async fn walk(asked: &Asked, model: &str, params: &str, limit: usize) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let params = format!("{{{params},\"limit\":{limit}{cursor}}}");
        let answer = asked.value("query", model, &params).await;
        let rows = answer["data"].as_array().unwrap();
        ids.extend(rows.iter().map(|row| row["id"].to_string()));
        match answer["next_cursor"].as_str() {
            Some(next) => cursor = format!(",\"cursor\":\"{next}\""),
            None => return ids,
        }
        assert!(ids.len() <= 1000, "a walk without an end: {params}");
    }
}

/// The ORDER BY that a sort stands for.
fn order_by(sort: &[&str]) -> String {
    let keys = sort.iter().map(|key| match key.strip_prefix('-') {
        Some(key) => format!("t.{key} DESC NULLS LAST"),
        None => format!("t.{key} NULLS FIRST"),
    });
    keys.chain(["t.id".to_owned()])
        .collect::<Vec<_>>()
        .join(", ")
}

#[tokio::test]
async fn pages_join_to_the_whole() {
    let Some(place) = Database::new(TABLE).await else {
        return;
    };
    let asked = place.service("t").await;
    let columns = [
        "a", "f", "r", "n", "x", "e", "d", "z", "p", "tm", "u", "b", "ip", "big", "ch",
    ];
    let down: Vec<String> = columns.iter().map(|column| format!("-{column}")).collect();
    let mut sorts: Vec<Vec<&str>> = Vec::new();
    for at in 0..columns.len() {
        let next = (at + 4) % columns.len();
        sorts.push(vec![columns[at]]);
        sorts.push(vec![&down[at]]);
        sorts.push(vec![columns[at], &down[next]]);
        sorts.push(vec![
            &down[at],
            columns[next],
            &down[(at + 7) % columns.len()],
        ]);
    }
    sorts.push(vec!["-id"]);
    for sort in sorts {
        let expected = place
            .column(&format!(
                "SELECT CAST(id AS text) FROM t ORDER BY {}",
                order_by(&sort)
            ))
            .await;
        let quoted = serde_json::to_string(&sort).unwrap();
        let found = walk(&asked, "t", &format!("\"sort\":{quoted}"), 7).await;
        assert_eq!(found, expected, "{quoted}");
    }
    let found = walk(&asked, "t", r#""sort":["-x"],"filters":{"a":{"$ne":2}}"#, 1).await;
    let expected = place
        .column("SELECT CAST(id AS text) FROM t WHERE a IS DISTINCT FROM 2 ORDER BY x DESC NULLS LAST, t.id")
        .await;
    assert_eq!(found, expected);
}

#[tokio::test]
async fn an_estimate_is_the_planners() {
    let script = "CREATE TABLE e (id int PRIMARY KEY, a int NOT NULL);
        INSERT INTO e SELECT g, g % 10 FROM generate_series(1, 20000) g; ANALYZE e;
        CREATE VIEW v AS SELECT * FROM e;";
    let Some(place) = Database::new(script).await else {
        return;
    };
    let asked = place.service("e,v").await;
    let total = async |model: &str, params: &str| {
        asked.value("query", model, params).await["total"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(total("e", r#"{"total":"estimate"}"#).await, 20000);
    assert_eq!(total("v", r#"{"total":"estimate"}"#).await, 20000);
    let some = total("e", r#"{"total":"estimate","filters":{"a":3}}"#).await;
    assert!((1500..2500).contains(&some), "{some}");
    assert_eq!(
        total("e", r#"{"total":true,"filters":{"a":3}}"#).await,
        2000
    );
}

#[tokio::test]
async fn parts_of_dates_are_walked_in_the_order_of_time() {
    let table = "
        CREATE TABLE days (id int PRIMARY KEY, day date, at timestamp, stamp timestamptz);
        INSERT INTO days SELECT n, d::date, d::timestamp, d::timestamptz FROM unnest(ARRAY[NULL,
          '-infinity', '0100-12-31 BC', '0044-03-15 BC', '0001-12-31 BC', '0001-01-01',
          '0044-03-15', '2026-01-01', '2026-05-02', '9999-12-31', '10000-01-09', '99999-05-05',
          'infinity']) WITH ORDINALITY AS t(d, n);
        CREATE TABLE far (id int PRIMARY KEY, day date);
        INSERT INTO far SELECT n, d::date FROM unnest(ARRAY['2026-01-01', '294276-12-31',
          '294277-01-01', '294277-02-28', '294280-02-29', '300001-12-31', '5874897-12-31',
          'infinity']) WITH ORDINALITY AS t(d, n);";
    let Some(place) = Database::new(table).await else {
        return;
    };
    let asked = place.service("days,far").await;
    let grouped = r#""aggregate":{"id":{"$min":"id"},"n":{"$count":"*"}}"#;
    for field in ["day", "at", "stamp"] {
        for part in ["year", "quarter", "month", "week", "day"] {
            for (down, having) in [("", ""), ("-", ""), ("", r#","having":{"n":{"$gt":0}}"#)] {
                let params = format!(
                    r#""group_by":[{{"${part}":"{field}"}}],{grouped},"sort":["{down}{field}_{part}"]{having}"#
                );
                let whole = walk(&asked, "days", &params, 100).await;
                let mut ids: Vec<u32> = whole.iter().map(|id| id.parse().unwrap()).collect();
                if down == "-" {
                    ids.reverse();
                }
                assert!(ids.len() > 11 && ids.is_sorted(), "{params}: {whole:?}");
                for limit in [1, 2, 3, 7] {
                    let walked = walk(&asked, "days", &params, limit).await;
                    assert_eq!(walked, whole, "{params}, {limit} a page");
                }
            }
        }
        let params = format!(r#""fields":["id"],"sort":["{field}.$month"]"#);
        let all: Vec<String> = (1..=13).map(|id| id.to_string()).collect();
        assert_eq!(walk(&asked, "days", &params, 100).await, all);
        assert_eq!(walk(&asked, "days", &params, 2).await, all);
    }
    for part in ["year", "quarter", "month", "week", "day"] {
        let params = format!(r#""group_by":[{{"${part}":"day"}}],{grouped},"sort":["day_{part}"]"#);
        let whole = walk(&asked, "far", &params, 100).await;
        assert!(whole.is_sorted() && whole.len() > 5, "{params}: {whole:?}");
        assert_eq!(walk(&asked, "far", &params, 1).await, whole, "{params}");
    }
}

#[tokio::test]
async fn a_float_beyond_its_end_is_the_expressions() {
    let table = "CREATE TABLE t (id int PRIMARY KEY, f float8); INSERT INTO t VALUES (1, 1e308), (2, 1e308);
        CREATE VIEW broken AS SELECT id, f * 10 AS f FROM t;";
    let Some(place) = Database::new(table).await else {
        return;
    };
    let asked = place.service("t,broken").await;
    for (model, params, code) in [
        (
            "t",
            r#"{"compute":{"x":{"$mul":["f",10]}}}"#,
            "invalid_parameter",
        ),
        (
            "t",
            r#"{"aggregate":{"x":{"$max":{"$mul":["f","f"]}}}}"#,
            "invalid_parameter",
        ),
        ("t", r#"{"aggregate":{"x":{"$sum":"f"}}}"#, "internal"),
        ("broken", "{}", "internal"),
    ] {
        let refused = asked.ask("query", model, params).await.unwrap_err();
        assert!(refused.contains(code), "{model} {params}: {refused}");
    }
}
