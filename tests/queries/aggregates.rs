//! Groups and their numbers.

use serde_json::json;

use crate::support::Served;

const SQL: &str = "
    CREATE TABLE t (id INTEGER PRIMARY KEY, kind TEXT, amount NUMERIC(10,2), free DECIMAL, n INTEGER, f REAL,
        b BOOLEAN, at DATETIME, day DATE, any, created_at_month TEXT,
        third NUMERIC(10,2));
    INSERT INTO t VALUES
        (1, 'a', 0.1, 0.1, 1, 0.5, 1, '2026-01-31T23:30:00Z', '2026-01-31', 1, 'x', 0.1),
        (2, 'a', 0.2, 0.2, 2, 1.5, 0, '2026-01-31 23:30:00-05:00', '2026-02-01', 2.5, 'x', 0.2),
        (3, 'b', 4199.36, 1000000.000001, NULL, NULL, NULL, 1769904000, '2026-02-28', 'x', 'y', 0.3),
        (4, 'b', NULL, NULL, 5, 2.0, 1, 'soon', NULL, NULL, 'y', NULL),
        (5, NULL, -0.3, -5, -7, -1.0, 1, NULL, '2025-12-31', '7', 'y', NULL);
";

#[tokio::test]
async fn every_function_has_its_number() {
    let served = Served::new(SQL, "t").await;
    for (aggregate, value) in [
        (r#"{"$count":"*"}"#, "5"),
        (r#"{"$count":"kind"}"#, "4"),
        (r#"{"$count_distinct":"kind"}"#, "2"),
        (r#"{"$count":"at"}"#, "4"),
        (r#"{"$sum":"amount"}"#, "4199.36"),
        (r#"{"$sum":"free"}"#, "999995.300001"),
        (r#"{"$sum":"n"}"#, "1"),
        (r#"{"$sum":"f"}"#, "3.0"),
        (r#"{"$sum":"any"}"#, "3.5"),
        (r#"{"$avg":"n"}"#, "0.25"),
        (r#"{"$avg":"amount"}"#, "1049.84"),
        (r#"{"$avg":"any"}"#, "1.75"),
        (r#"{"$avg":"third"}"#, "0.2"),
        (r#"{"$min":"amount"}"#, "-0.3"),
        (r#"{"$max":"n"}"#, "5"),
        (r#"{"$min":"kind"}"#, "\"a\""),
        (r#"{"$max":"day"}"#, "\"2026-02-28\""),
        (r#"{"$max":"f"}"#, "2.0"),
        (r#"{"$min":"b"}"#, "false"),
        (r#"{"$max":"b"}"#, "true"),
    ] {
        let message = format!(
            r#"{{"action":"query","model":"t","params":{{"aggregate":{{"x":{aggregate}}}}}}}"#
        );
        let answer = served.raw(&message).await;
        assert!(
            answer.contains(&format!(r#""data":[{{"x":{value}}}],"count":1"#)),
            "{aggregate}: {answer}"
        );
    }
}

#[tokio::test]
async fn groups_are_ordered_filtered_and_paged() {
    let served = Served::new(SQL, "t").await;
    for (params, data) in [
        (
            r#"{"group_by":["kind"],"aggregate":{"n":{"$count":"*"},"spent":{"$sum":"amount"}}}"#,
            json!([{"kind":null,"n":1,"spent":-0.30},{"kind":"a","n":2,"spent":0.30},{"kind":"b","n":2,"spent":4199.36}]),
        ),
        (
            r#"{"group_by":["kind"],"aggregate":{"spent":{"$sum":"amount"}},"sort":["-spent"],"limit":2}"#,
            json!([{"kind":"b","spent":4199.36},{"kind":"a","spent":0.30}]),
        ),
        (
            r#"{"group_by":["kind"],"sort":["-kind"],"offset":1}"#,
            json!([{"kind":"a"},{"kind":null}]),
        ),
        (
            r#"{"group_by":["kind"],"aggregate":{"n":{"$sum":"n"}},"filters":{"n":null}}"#,
            json!([{"kind":"b","n":null}]),
        ),
        (
            r#"{"group_by":["kind","b"],"filters":{"kind":"b"}}"#,
            json!([{"kind":"b","b":null},{"kind":"b","b":true}]),
        ),
        (
            r#"{"aggregate":{"n":{"$count":"*"},"s":{"$sum":"n"},"a":{"$avg":"n"}},"filters":{"id":9}}"#,
            json!([{"n":0,"s":null,"a":null}]),
        ),
        (r#"{"group_by":["kind"],"filters":{"id":9}}"#, json!([])),
        (
            r#"{"group_by":[{"$month":"at"}],"aggregate":{"n":{"$count":"*"}}}"#,
            json!([{"at_month":null,"n":2},{"at_month":"2026-01","n":1},{"at_month":"2026-02","n":2}]),
        ),
        (
            r#"{"group_by":[{"$year":"day"},{"$month":"day"}],"sort":["-day_year","day_month"],"limit":2}"#,
            json!([{"day_year":"2026","day_month":"2026-01"},{"day_year":"2026","day_month":"2026-02"}]),
        ),
        (
            r#"{"group_by":[{"$day":"at"}],"sort":["-at_day"],"limit":1}"#,
            json!([{"at_day":"2026-02-01"}]),
        ),
        (
            r#"{"group_by":["kind","kind"],"limit":1}"#,
            json!([{"kind":null}]),
        ),
    ] {
        let answer = served.query("t", params).await;
        assert_eq!(answer["data"], data, "{params}");
        // Groups that are ordered by their keys go on by cursor too, others by offset alone.
        let goes_on = answer["has_more"] == true && !params.contains("-spent");
        assert_eq!(answer.get("next_cursor").is_some(), goes_on, "{params}");
    }
    let answer = served
        .query(
            "t",
            r#"{"group_by":["id"],"limit":2,"offset":1,"total":true}"#,
        )
        .await;
    let told = json!([
        answer["count"],
        answer["offset"],
        answer["has_more"],
        answer["total"]
    ]);
    assert_eq!(told, json!([2, 1, true, 5]));
}

#[tokio::test]
async fn sums_are_exact_beyond_what_the_engine_adds() {
    let served = Served::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, d NUMERIC(20,2), free NUMERIC, many DECIMAL(20,10), any, kind TEXT);
         INSERT INTO t VALUES
            (1, 9223372036854775807, 9007199254740.91, 12345.678, 0.1, 9223372036854775807, 'up'),
            (2, 9223372036854775807, 0.01, 0.0001, 0.2, 1, 'up'),
            (3, 9223372036854775807, 92233720368547758, 1e3, 0.0000000001, NULL, 'up'),
            (4, -9223372036854775808, -0.02, -1e-6, NULL, NULL, 'down'),
            (5, -9223372036854775808, 0.125, 0.5, 0.5, 0.5, 'down'),
            (6, 2.5, NULL, 1e-7, 'text', 1, 'mixed'), (7, 1, 1e300, 9e15, NULL, NULL, 'mixed');",
        "t",
    )
    .await;
    for (kind, field, sum) in [
        ("up", "n", "27670116110564327421"),
        ("down", "n", "-18446744073709551616"),
        ("mixed", "n", "3.5"),
        ("up", "d", "92242727567802498.92"),
        ("down", "d", "0.105"),
        ("mixed", "d", "1e+300"),
        ("up", "free", "13345.6781"),
        ("down", "free", "0.499999"),
        ("mixed", "free", "9000000000000000.0"),
        ("up", "many", "0.3000000001"),
        ("down", "many", "0.5000000000"),
        ("mixed", "many", "null"),
        ("up", "any", "9223372036854775808"),
        ("down", "any", "0.5"),
    ] {
        let message = format!(
            r#"{{"action":"query","model":"t","params":{{"aggregate":{{"x":{{"$sum":"{field}"}}}},"filters":{{"kind":"{kind}"}}}}}}"#
        );
        let answer = served.raw(&message).await;
        assert!(
            answer.contains(&format!(r#"[{{"x":{sum}}}]"#)),
            "{kind} {field} {sum}: {answer}"
        );
    }
    let answer = served
        .query(
            "t",
            r#"{"group_by":["kind"],"aggregate":{"s":{"$sum":"n"},"a":{"$avg":"n"}},"sort":["s"]}"#,
        )
        .await;
    let kinds: Vec<_> = answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["kind"])
        .collect();
    assert_eq!(kinds, ["down", "mixed", "up"]);
    assert_eq!(answer["data"][2]["a"], 9223372036854775807i64 as f64);
}

#[tokio::test]
async fn what_has_no_meaning_is_refused_with_what_has() {
    let served = Served::new(SQL, "t").await;
    let field = |name: &str| format!("Field '{name}' is not allowed for model 't'");
    let invalid = |reason: &str| format!("Invalid aggregate: {reason}");
    for (params, error, hint) in [
        (
            r#"{"aggregate":{"x":{"$sum":"kind"}}}"#,
            field("kind"),
            Some("kind is no number: it can be counted, or be $min or $max"),
        ),
        (
            r#"{"aggregate":{"x":{"$avg":"b"}}}"#,
            field("b"),
            Some("b is no number: it can be counted, or be $min or $max"),
        ),
        (r#"{"aggregate":{"x":{"$sum":"*"}}}"#, field("*"), None),
        (
            r#"{"aggregate":{"x":{"$median":"n"}}}"#,
            invalid("'$median' is no function"),
            None,
        ),
        (
            r#"{"aggregate":{"x":{"$sum":"n","$avg":"n"}}}"#,
            invalid("'x' takes one function of one field"),
            None,
        ),
        (
            r#"{"aggregate":{"x":"n"}}"#,
            invalid("'x' takes one function of one field"),
            None,
        ),
        (
            r#"{"aggregate":{"":{"$count":"*"}}}"#,
            invalid("a name has 1 to 128 characters"),
            None,
        ),
        (
            r#"{"aggregate":{}}"#,
            invalid("name at least one"),
            Some(r#"for example {"n":{"$count":"*"}}"#),
        ),
        (
            r#"{"aggregate":{"kind":{"$count":"*"}},"group_by":["kind"]}"#,
            invalid("'kind' names two members"),
            None,
        ),
        (
            r#"{"group_by":[{"$month":"kind"}]}"#,
            field("kind"),
            Some("kind holds no dates"),
        ),
        (
            r#"{"group_by":[{"$decade":"at"}]}"#,
            invalid("'$decade' is no part of a date"),
            Some("parts of a date: $year $quarter $month $week $day $weekday $hour"),
        ),
        (
            r#"{"group_by":"kind"}"#,
            "Parameter 'group_by' must be a list of names".to_owned(),
            None,
        ),
        (
            r#"{"group_by":["kind"],"sort":["n"]}"#,
            field("n"),
            Some("groups can be sorted by kind"),
        ),
        (
            r#"{"group_by":["kind"],"expand":["x"]}"#,
            "Parameters 'group_by' and 'expand' exclude each other".to_owned(),
            None,
        ),
    ] {
        let refusal = served.refusal("query", "t", params).await;
        assert_eq!(refusal.error, error, "{params}");
        assert_eq!(refusal.code, "invalid_parameter", "{params}");
        if hint.is_some() {
            assert_eq!(refusal.hint.as_deref(), hint, "{params}");
        }
    }
    // A field may have the name that a part of a date makes.
    let served = Served::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, at DATE, at_month TEXT); INSERT INTO t VALUES (1, '2026-01-31', 'x');",
        "t",
    )
    .await;
    let refusal = served
        .refusal("query", "t", r#"{"group_by":["at_month",{"$month":"at"}]}"#)
        .await;
    assert_eq!(refusal.error, invalid("'at_month' names two members"));
}
