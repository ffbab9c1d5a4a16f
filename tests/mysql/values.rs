//! Values that go back and forth, and faults of the data.

use crate::support::{Asker, Database};

/// Whatever is served finds its row when it is sent back.
#[tokio::test]
async fn what_is_served_can_be_sent_back() {
    let kinds: &[(&str, &[&str])] = &[
        ("TINYINT(1)", &["0", "1", "2", "-128", "127"]),
        (
            "DATE",
            &[
                "0000-00-00",
                "2026-00-00",
                "2026-02-00",
                "2026-01-31",
                "9999-12-31",
            ],
        ),
        (
            "DATETIME(6)",
            &[
                "0000-00-00 00:00:00",
                "2026-01-31 13:05:00.25",
                "2026-00-00 01:00:00",
            ],
        ),
        ("TIMESTAMP", &["0000-00-00 00:00:00", "2026-01-31 13:05:00"]),
        ("TIME(6)", &["-838:59:59", "838:59:59", "00:00:00.5"]),
        ("FLOAT", &["0.1", "-0.3", "3.4e38", "1e-30"]),
        ("FLOAT(7,3)", &["0.1", "1234.567"]),
        ("DOUBLE", &["0.1", "1e308", "5e-324"]),
        ("YEAR", &["0", "1970", "2155"]),
    ];
    let Some(place) = Database::new().await else {
        return;
    };
    let mut script = "SET sql_mode = '';".to_owned();
    for (at, (kind, values)) in kinds.iter().enumerate() {
        script += &format!("CREATE TABLE t{at} (id INT PRIMARY KEY, v {kind} NULL, KEY (v));");
        for (id, value) in values.iter().enumerate() {
            script += &format!("INSERT INTO t{at} VALUES ({id}, '{value}');");
        }
    }
    place.run(&script).await;
    let names: Vec<String> = (0..kinds.len()).map(|at| format!("t{at}")).collect();
    let asker = Asker::new(&place.url(), &names.join(",")).await;
    for (model, (kind, values)) in names.iter().zip(kinds) {
        let served = asker.field(model, "v", r#"{"sort":["id"]}"#).await;
        assert_eq!(served.len(), values.len());
        for (id, value) in served.iter().enumerate() {
            for filter in [value.clone(), format!(r#"{{"$in":[{value}]}}"#)] {
                let equal = format!(r#"{{"filters":{{"v":{filter}}}}}"#);
                let found = asker.field(model, "id", &equal).await;
                assert_eq!(found, [id.to_string()], "{kind}: {value}");
            }
        }
    }
}

#[tokio::test]
async fn a_small_table_may_have_a_key_of_one_byte() {
    let Some(place) = Database::new().await else {
        return;
    };
    place
        .run(
            "CREATE TABLE states (id TINYINT(1) PRIMARY KEY, name VARCHAR(9));
              INSERT INTO states VALUES (1, 'new'), (2, 'open');",
        )
        .await;
    let asker = Asker::new(&place.url(), "states").await;
    for (id, name) in [("2", "open"), ("1", "new"), ("true", "new")] {
        let got = asker
            .ask("get", "states", &format!(r#"{{"id":{id}}}"#))
            .await
            .unwrap();
        assert!(got.contains(&format!(r#""name":"{name}""#)), "{id}: {got}");
    }
    for id in ["256", "-129", "1.5", "\"x\""] {
        let refused = asker
            .ask("get", "states", &format!(r#"{{"id":{id}}}"#))
            .await;
        let refused = format!("{:?}", refused.unwrap_err());
        assert!(refused.contains("a number of one byte"), "{id}: {refused}");
    }
}

#[tokio::test]
async fn a_mean_is_as_exact_as_its_sum() {
    let Some(place) = Database::new().await else {
        return;
    };
    place
        .run(
            "CREATE TABLE t (id INT PRIMARY KEY, d DECIMAL(10,2), w DECIMAL(65,30), b BIGINT);
              INSERT INTO t VALUES (1, 0.10, 0.1, 9223372036854775807),
                (2, 0.20, 0.2, 9223372036854775807), (3, 0.30, 0.3, NULL);",
        )
        .await;
    let asker = Asker::new(&place.url(), "t").await;
    let means = r#"{"aggregate":{"d":{"$avg":"d"},"w":{"$avg":"w"},"b":{"$avg":"b"}}}"#;
    let rows = asker.rows("t", means).await;
    assert_eq!(rows[0]["d"].to_string(), "0.2");
    assert_eq!(rows[0]["w"].to_string(), "0.2");
    assert_eq!(rows[0]["b"].as_f64(), Some(9_223_372_036_854_775_807.0));
    let by = r#"{"group_by":["id"],"aggregate":{"d":{"$avg":"d"}},"sort":["-d"]}"#;
    assert_eq!(asker.field("t", "d", by).await, ["0.3", "0.2", "0.1"]);
}

/// What the data itself cannot do is not blamed on the client.
#[tokio::test]
async fn a_fault_of_the_data_is_internal() {
    let Some(place) = Database::new().await else {
        return;
    };
    place
        .run(
            "CREATE TABLE t (id INT PRIMARY KEY, x BIGINT);
              INSERT INTO t VALUES (1, 9223372036854775807), (2, 1);
              CREATE VIEW doubled AS SELECT id, x * 2 AS q FROM t;",
        )
        .await;
    let asker = Asker::new(&place.url(), "doubled").await;
    for (action, params) in [
        ("list", "{}"),
        ("get", r#"{"id":1}"#),
        ("query", r#"{"filters":{"q":{"$gt":3}}}"#),
    ] {
        let error = asker.ask(action, "doubled", params).await.unwrap_err();
        assert!(
            format!("{error:?}").contains("Internal"),
            "{action}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_zero_date_is_a_value() {
    let Some(place) = Database::new().await else {
        return;
    };
    place
        .run(
            "SET sql_mode = '';
             CREATE TABLE t (id INT PRIMARY KEY, must DATETIME NOT NULL, may DATE, KEY (must));
             INSERT INTO t VALUES (1, 0, 0), (2, '2026-01-31', NULL), (3, '2026-01-31', '2026-01-31');
             CREATE VIEW v AS SELECT * FROM t",
        )
        .await;
    let asker = Asker::new(&place.url(), "t,v").await;
    for model in ["t", "v"] {
        for (filters, expected) in [
            (r#"{"must":null}"#, vec![]),
            (r#"{"must":{"$null":false}}"#, vec!["1", "2", "3"]),
            (r#"{"must":{"$ne":"0000-00-00"}}"#, vec!["2", "3"]),
            (r#"{"must":{"$nin":["0000-00-00",null]}}"#, vec!["2", "3"]),
            (r#"{"$not":{"must":{"$null":true}}}"#, vec!["1", "2", "3"]),
            (r#"{"may":null}"#, vec!["2"]),
            (r#"{"may":{"$ne":"2026-01-31"}}"#, vec!["1", "2"]),
        ] {
            let params = format!(r#"{{"filters":{filters},"sort":["id"]}}"#);
            let found = asker.field(model, "id", &params).await;
            assert_eq!(found, expected, "{model} {filters}");
        }
    }
}
