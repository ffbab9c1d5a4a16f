//! Values that go back and forth, and faults of the data.

use sqlx::{Connection as _, PgConnection};

use crate::support::{Asked, Database, clean_up};

/// Whatever is served finds its row when it is sent back.
#[tokio::test]
async fn what_is_served_can_be_sent_back() {
    let kinds: &[(&str, &[&str])] = &[
        (
            "date",
            &[
                "0044-03-15 BC",
                "0044-03-15",
                "infinity",
                "-infinity",
                "12024-01-01",
                "4714-11-24 BC",
            ],
        ),
        (
            "timestamp",
            &[
                "0044-03-15 12:00:00.5 BC",
                "infinity",
                "294276-12-31 23:59:59.999999",
            ],
        ),
        (
            "timestamptz",
            &[
                "0001-12-31 23:59:59+00 BC",
                "-infinity",
                "2026-01-31 13:05:00+00",
            ],
        ),
        ("time", &["24:00:00", "00:00:00", "23:59:59.999999"]),
        (
            "float4",
            &["0.1", "NaN", "Infinity", "-Infinity", "3.4028235e38"],
        ),
        ("float8", &["0.1", "NaN", "Infinity", "-Infinity", "5e-324"]),
        ("numeric", &["0.1", "NaN", "Infinity", "-1000.5"]),
        ("uuid", &["00000000-0000-0000-0000-000000000001"]),
        ("inet", &["10.0.0.1", "10.0.0.0/8", "::1"]),
    ];
    let mut script = String::new();
    for (kind, values) in kinds {
        script += &format!("CREATE TABLE t_{kind} (id int PRIMARY KEY, v {kind});");
        for (id, value) in values.iter().enumerate() {
            script += &format!("INSERT INTO t_{kind} VALUES ({id}, '{value}');");
        }
    }
    let Some(place) = Database::new(&script).await else {
        return;
    };
    let names: Vec<String> = kinds.iter().map(|(kind, _)| format!("t_{kind}")).collect();
    let asked = place.service(&names.join(",")).await;
    for (model, (_, values)) in names.iter().zip(kinds) {
        let served = asked.values(model, r#"{"sort":["id"]}"#, "v").await;
        assert_eq!(served.len(), values.len());
        for (id, value) in served.iter().enumerate() {
            let equal = format!(r#"{{"filters":{{"v":{value}}}}}"#);
            let found = asked.values(model, &equal, "id").await;
            assert_eq!(found, [id.to_string()], "{model}: {value}");
        }
    }
}

#[tokio::test]
async fn years_before_the_first_are_groups_of_their_own() {
    let script = "CREATE TABLE t (id int PRIMARY KEY, d date, at timestamptz);
        INSERT INTO t VALUES (1, '0044-03-15 BC', '0044-03-15 12:00+00 BC'),
          (2, '0044-03-15', '0044-03-15 12:00+00'), (3, 'infinity', 'infinity'), (4, NULL, NULL),
          (5, '12024-03-15', '12024-03-15 12:00+00');";
    let Some(place) = Database::new(script).await else {
        return;
    };
    let asked = place.service("t").await;
    for (part, end) in [("year", ""), ("month", "-03"), ("day", "-03-15")] {
        for field in ["d", "at"] {
            let params = format!(
                r#"{{"group_by":[{{"${part}":"{field}"}}],"aggregate":{{"n":{{"$sum":"id"}}}},"sort":["n"]}}"#
            );
            let groups = asked.values("t", &params, &format!("{field}_{part}")).await;
            let expected = [
                format!("\"0044{end} BC\""),
                format!("\"0044{end}\""),
                "\"infinity\"".to_owned(),
                "null".to_owned(),
                format!("\"12024{end}\""),
            ];
            assert_eq!(groups, expected, "{part} of {field}");
        }
    }
}

/// A date has years that no moment reaches, and each part of it is that of the calendar.
#[tokio::test]
async fn days_beyond_all_moments_are_groups() {
    let script = "CREATE TABLE t (id int PRIMARY KEY, d date, at timestamptz);
        INSERT INTO t VALUES (1, '5874897-12-31', '294276-12-31 23:59:59.999999+00'),
          (2, '294277-01-01', NULL), (3, '294276-12-31', NULL), (4, '300400-02-29', NULL);";
    let Some(place) = Database::new(script).await else {
        return;
    };
    let asked = place.service("t").await;
    for (part, expected) in [
        (
            "year",
            [r#""5874897""#, r#""294277""#, r#""294276""#, r#""300400""#],
        ),
        (
            "quarter",
            [
                r#""5874897-Q4""#,
                r#""294277-Q1""#,
                r#""294276-Q4""#,
                r#""300400-Q1""#,
            ],
        ),
        (
            "month",
            [
                r#""5874897-12""#,
                r#""294277-01""#,
                r#""294276-12""#,
                r#""300400-02""#,
            ],
        ),
        (
            "week",
            [
                r#""5874898-W01""#,
                r#""294277-W01""#,
                r#""294276-W52""#,
                r#""300400-W09""#,
            ],
        ),
        (
            "day",
            [
                r#""5874897-12-31""#,
                r#""294277-01-01""#,
                r#""294276-12-31""#,
                r#""300400-02-29""#,
            ],
        ),
        ("weekday", ["2", "1", "7", "2"]),
    ] {
        let params = format!(r#"{{"group_by":["id",{{"${part}":"d"}}],"sort":["id"]}}"#);
        let groups = asked.values("t", &params, &format!("d_{part}")).await;
        assert_eq!(groups, expected, "{part}");
    }
    // In the first and the last day of all moments a zone has no time, and tells of none.
    for (zone, expected) in [("UTC", r#""294276-12-31""#), ("Asia/Tokyo", "null")] {
        let params =
            format!(r#"{{"group_by":[{{"$day":"at"}}],"sort":["-at_day"],"zone":"{zone}"}}"#);
        let groups = asked.values("t", &params, "at_day").await;
        assert_eq!(groups.first().map(String::as_str), Some(expected), "{zone}");
    }
}

#[tokio::test]
async fn a_mean_is_as_exact_as_its_sum() {
    let script =
        "CREATE TABLE t (id int PRIMARY KEY, d decimal(10,2), n numeric, b bigint, f real);
        INSERT INTO t VALUES (1, 0.10, 'NaN', 9223372036854775807, 0.1),
          (2, 0.20, 1, 9223372036854775807, 0.2), (3, 0.30, 2, NULL, NULL);";
    let Some(place) = Database::new(script).await else {
        return;
    };
    let asked = place.service("t").await;
    let means = r#"{"aggregate":{"d":{"$avg":"d"},"n":{"$avg":"n"},"b":{"$avg":"b"}}}"#;
    let means = asked.ask("query", "t", means).await.unwrap();
    let expected = r#""data":[{"d":0.2,"n":"NaN","b":9.223372036854776e+18}]"#;
    assert!(means.contains(expected), "{means}");
    let none = r#"{"filters":{"id":9},"aggregate":{"d":{"$avg":"d"}}}"#;
    assert_eq!(asked.values("t", none, "d").await, ["null"]);
    let by = r#"{"group_by":["id"],"aggregate":{"d":{"$avg":"d"}},"sort":["-d"]}"#;
    assert_eq!(asked.values("t", by, "d").await, ["0.3", "0.2", "0.1"]);
}

/// What the data itself cannot do is not blamed on the client.
#[tokio::test]
async fn a_fault_of_the_data_is_internal() {
    let script = "CREATE TABLE t (id int PRIMARY KEY, x int, s text, f float8);
        INSERT INTO t VALUES (1, 0, 'abc', 1e308), (2, 2, '5', 1e308);
        CREATE VIEW ratio AS SELECT id, 10 / x AS q FROM t;
        CREATE VIEW casts AS SELECT id, s::int AS n FROM t;
        CREATE VIEW products AS SELECT id, x * 2000000000 AS p FROM t;
        CREATE DOMAIN small AS int CHECK (value < 1);
        CREATE VIEW checked AS SELECT id, x::small AS c FROM t;";
    let Some(place) = Database::new(script).await else {
        return;
    };
    let asked = place.service("t,ratio,casts,products,checked").await;
    for (action, model, params) in [
        ("list", "ratio", "{}"),
        ("get", "ratio", r#"{"id":1}"#),
        ("query", "ratio", r#"{"filters":{"q":5}}"#),
        ("list", "casts", "{}"),
        ("query", "casts", r#"{"filters":{"n":5}}"#),
        ("list", "products", "{}"),
        ("list", "checked", "{}"),
        ("query", "t", r#"{"aggregate":{"s":{"$sum":"f"}}}"#),
    ] {
        let error = asked.ask(action, model, params).await.unwrap_err();
        assert_eq!(
            error, "internal: Internal server error",
            "{action} {model} {params}"
        );
    }
    assert_eq!(
        asked.values("ratio", r#"{"filters":{"id":2}}"#, "q").await,
        ["5"]
    );
}

/// A database whose encoding has not all letters.
#[tokio::test]
async fn letters_that_the_encoding_has_not_are_the_clients() {
    let Some(place) = Database::new("SELECT 1").await else {
        return;
    };
    let narrow = format!("{}_narrow", place.name());
    let create =
        format!("CREATE DATABASE {narrow} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    place.execute(&create).await;
    let url = place.url().replace(place.name(), &narrow);
    let narrow = Narrow {
        server: place.server(),
        name: narrow,
    };
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let made =
        "CREATE TABLE t (id int PRIMARY KEY, name text, x int); INSERT INTO t VALUES (1, 'Été', 1)";
    sqlx::Executor::execute(&mut connection, made)
        .await
        .unwrap();
    let asked = Asked::new(&url, "t", &[]).await;
    assert_eq!(
        asked
            .values("t", r#"{"filters":{"name":"Été"}}"#, "id")
            .await,
        ["1"]
    );
    let error = asked
        .ask("list", "t", r#"{"filters":{"x":1,"name":"日本"}}"#)
        .await;
    assert_eq!(
        error.unwrap_err(),
        "invalid_value: Invalid value for field 'name': expected letters that the database's encoding has"
    );
    drop((asked, connection, narrow));
}

struct Narrow {
    server: String,
    name: String,
}

impl Drop for Narrow {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        clean_up(&self.server, sql);
    }
}
