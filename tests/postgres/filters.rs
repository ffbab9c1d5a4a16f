//! Filters of each class: what they find, what they refuse, and that an index stays in use.

use lucarne::plan::{self, CursorKey, Limits};
use lucarne::protocol::{Action, Object};
use lucarne::sql::shapes::Shapes;
use lucarne::sql::{self, Dialect};
use sea_query_sqlx::SqlxValues;
use sqlx::{AssertSqlSafe, Executor as _};

use crate::support::{Database, built, configured, database};

const TABLE: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE DOMAIN code AS varchar(3);
    CREATE TABLE t (id int PRIMARY KEY, i2 smallint, i8 bigint, num numeric(5,2), f4 real,
        f8 float8, b boolean, txt text, vc varchar(3), ch char(3), nm name, u uuid, d date, tm time,
        ts timestamp, tz timestamptz, e mood, ip inet, net cidr, dom code, j jsonb, arr int[],
        by bytea, r int4range);
    INSERT INTO t VALUES (1, 2, 9007199254740993, 12.34, 0.1, 0.1, true, 'ab%_!c', 'abc', 'ab',
        'nm', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2026-01-31', '13:05:00.25',
        '2026-01-31 13:05', '2026-01-31 13:05+02', 'sad', '192.168.0.1', '10.0.0.0/8', 'abc',
        '{}', '{1}', 'x', '[1,2)');
    INSERT INTO t (id) VALUES (2);
    INSERT INTO t SELECT g, g, g, g % 900, g, g, g % 2 = 0, 'x' || g, NULL, NULL, 'n' || g,
        gen_random_uuid(), date '1990-01-01' + g, time '00:00' + g * interval '1 s',
        timestamp '1990-01-01' + g * interval '1 h', timestamptz '1990-01-01Z' + g * interval '1 h',
        'ok', inet '172.16.0.0' + g, NULL, NULL FROM generate_series(3, 5000) g;";

#[tokio::test]
async fn each_class_finds_its_values() {
    let Some(place) = Database::new(TABLE).await else {
        return;
    };
    let asked = place.service("t").await;
    for filters in [
        r#"{"i2":2,"id":1}"#,
        r#"{"i8":9007199254740993}"#,
        r#"{"i8":"9007199254740993"}"#,
        r#"{"num":"12.340"}"#,
        r#"{"num":12.34}"#,
        r#"{"f4":0.1}"#,
        r#"{"f8":0.1}"#,
        r#"{"b":true,"id":{"$lt":3}}"#,
        r#"{"txt":"ab%_!c"}"#,
        r#"{"txt":{"$contains":"%_!"}}"#,
        r#"{"txt":{"$istartswith":"AB%"}}"#,
        r#"{"vc":"abc"}"#,
        r#"{"ch":"ab"}"#,
        r#"{"nm":"nm"}"#,
        r#"{"u":"A0EEBC999C0B4EF8BB6D6BB9BD380A11"}"#,
        r#"{"d":"2026-01-31"}"#,
        r#"{"tm":"13:05:00.250"}"#,
        r#"{"ts":"2026-01-31T13:05:00"}"#,
        r#"{"tz":"2026-01-31T11:05:00Z"}"#,
        r#"{"tz":{"$gte":"2026-01-31T13:05:00+02:00"}}"#,
        r#"{"e":"sad"}"#,
        r#"{"ip":"192.168.0.1"}"#,
        r#"{"net":"10.0.0.0/8"}"#,
        r#"{"dom":"abc"}"#,
        r#"{"j":{"$null":false}}"#,
        r#"{"arr":{"$null":false},"r":{"$null":false},"by":{"$null":false}}"#,
        r#"{"num":{"$between":["12.335",12.345]},"i8":{"$gt":5000}}"#,
        r#"{"$not":{"id":{"$ne":1}}}"#,
    ] {
        let found = asked
            .values("t", &format!(r#"{{"filters":{filters}}}"#), "id")
            .await;
        assert_eq!(found, ["1"], "{filters}");
    }
    // A value that the type would cut or round finds nothing.
    let long = format!(r#"{{"nm":"nm{}"}}"#, "x".repeat(70));
    for filters in [
        r#"{"vc":"abcdef"}"#,
        r#"{"dom":"abcdef"}"#,
        r#"{"num":"12.341"}"#,
        r#"{"ch":"abcd"}"#,
        r#"{"i2":9223372036854775807}"#,
        r#"{"net":"10.0.0.1/8"}"#,
        r#"{"num":"1e500"}"#,
        &long,
    ] {
        let found = asked
            .values("t", &format!(r#"{{"filters":{filters}}}"#), "id")
            .await;
        assert!(found.is_empty(), "{filters}");
    }
    // NULL fails each comparison, and complements are exact.
    for (filters, rows) in [
        (r#"{"vc":null}"#, 4999),
        (r#"{"vc":{"$ne":"abc"}}"#, 4999),
        (r#"{"vc":{"$nin":["abc",null]}}"#, 0),
        (r#"{"$not":{"txt":{"$contains":"x"}}}"#, 2),
        (r#"{"e":{"$in":[]}}"#, 0),
        (r#"{"b":{"$ne":false}}"#, 2501),
    ] {
        let params = format!(r#"{{"filters":{filters},"total":true,"limit":1}}"#);
        assert_eq!(
            asked.value("query", "t", &params).await["total"],
            rows,
            "{filters}"
        );
    }
}

#[tokio::test]
async fn values_of_another_class_are_the_clients_error() {
    let Some(place) = Database::new(TABLE).await else {
        return;
    };
    let asked = place.service("t").await;
    for (field, value) in [
        ("i2", r#""abc""#),
        ("i8", "1.5"),
        ("i8", "9223372036854775808"),
        ("num", r#""nan""#),
        ("f8", r#""inf""#),
        ("b", r#""yes""#),
        ("txt", "5"),
        ("txt", r#""a\u0000b""#),
        ("u", r#""x""#),
        ("d", r#""now""#),
        ("d", r#""01/02/2024""#),
        ("tm", r#""25:00:00""#),
        ("ts", r#""yesterday""#),
        ("e", r#""happy""#),
        ("ip", r#""1.2.3.4.5""#),
        ("j", r#""x""#),
        ("arr", "1"),
        ("by", r#""eA==""#),
        ("d", r#""0000-01-01""#),
    ] {
        let params = format!(r#"{{"filters":{{"{field}":{value}}}}}"#);
        let error = asked.ask("list", "t", &params).await.unwrap_err();
        assert!(
            error.starts_with("invalid_value: "),
            "{field} {value}: {error}"
        );
    }
    // The session went on.
    assert_eq!(
        asked.values("t", r#"{"filters":{"id":1}}"#, "id").await,
        ["1"]
    );
}

#[tokio::test]
async fn indexes_stay_in_use() {
    let Some(place) = Database::new(TABLE).await else {
        return;
    };
    let columns = [
        ("i2", "77"),
        ("i8", "77"),
        ("num", "\"77.5\""),
        ("f4", "7.5"),
        ("f8", "7.5"),
        ("txt", "\"x7\""),
        ("vc", "\"abc\""),
        ("ch", "\"ab\""),
        ("nm", "\"n7\""),
        ("u", "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\""),
        ("d", "\"2000-01-01\""),
        ("tm", "\"00:00:07\""),
        ("ts", "\"1990-01-02T00:00:00\""),
        ("tz", "\"1990-01-02T00:00:00Z\""),
        ("e", "\"sad\""),
        ("ip", "\"172.16.0.7\""),
        ("net", "\"10.0.0.0/8\""),
        ("dom", "\"abc\""),
    ];
    for (column, _) in columns {
        place
            .execute(&format!("CREATE INDEX {column}_at ON t ({column})"))
            .await;
    }
    place.execute("ANALYZE t").await;
    let config = configured(&place.url(), "t", &[]);
    let catalog = built(&config, &database(&config)).await.unwrap().catalog;
    let limits = Limits {
        default_limit: 50,
        max_limit: 100,
        scan_limit: None,
    };
    let cursors = CursorKey::random().unwrap();
    let mut connection = place.connect().await;
    for mode in ["force_custom_plan", "force_generic_plan"] {
        let set = format!("SET plan_cache_mode = {mode}");
        connection.execute(AssertSqlSafe(set)).await.unwrap();
        for (column, value) in columns {
            for filters in [
                format!(r#"{{"{column}":{value}}}"#),
                format!(r#"{{"{column}":{{"$in":[{value},{value}]}}}}"#),
                format!(r#"{{"{column}":{{"$between":[{value},{value}]}}}}"#),
            ] {
                let params = format!(r#"{{"filters":{filters}}}"#);
                let params = Object::parse(&params).unwrap();
                let model = catalog.model("t").unwrap();
                let read = plan::rows(Action::Query, &params, model, &catalog, &limits, &cursors);
                let statements = sql::rows(
                    &read.unwrap(),
                    Dialect::Postgres,
                    1 << 20,
                    &Shapes::default(),
                );
                let statement = statements.into_iter().next().unwrap();
                let (sql, values) = (statement.text.to_string(), SqlxValues(statement.values));
                let explain = format!("EXPLAIN {sql}");
                let lines: Vec<String> = sqlx::query_scalar_with(AssertSqlSafe(explain), values)
                    .fetch_all(&mut connection)
                    .await
                    .unwrap();
                let plan = lines.join("\n");
                assert!(
                    plan.contains(&format!("{column}_at")),
                    "{mode} {filters}:\n{plan}"
                );
            }
        }
    }
}

#[tokio::test]
async fn aggregates_are_exact() {
    let script = "
        CREATE TABLE s (id int PRIMARY KEY, g text, n numeric(12,2), i bigint, b boolean, u uuid,
          at timestamptz, f real);
        INSERT INTO s VALUES
          (1, 'a', 0.10, 9223372036854775807, true, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2026-01-31 23:30-02', 0.5),
          (2, 'a', 0.20, 9223372036854775807, false, 'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2026-02-28 12:00Z', 1.5),
          (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL);";
    let Some(place) = Database::new(script).await else {
        return;
    };
    let asked = place.service("s").await;
    let params = r#"{"group_by":["g"],"aggregate":{"n":{"$count":"*"},"sum":{"$sum":"n"},
        "wide":{"$sum":"i"},"avg":{"$avg":"n"},"all":{"$min":"b"},"any":{"$max":"b"},
        "first":{"$min":"u"},"last":{"$max":"at"},"f":{"$sum":"f"},"d":{"$count_distinct":"i"}}}"#;
    assert_eq!(
        asked.ask("query", "s", params).await.unwrap(),
        "{\"data\":[\
         {\"g\":null,\"n\":1,\"sum\":null,\"wide\":null,\"avg\":null,\"all\":null,\"any\":null,\
         \"first\":null,\"last\":null,\"f\":null,\"d\":0},\
         {\"g\":\"a\",\"n\":2,\"sum\":0.30,\"wide\":18446744073709551614,\"avg\":0.15,\
         \"all\":false,\"any\":true,\"first\":\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\",\
         \"last\":\"2026-02-28T12:00:00+00:00\",\"f\":2.0,\"d\":1}],\
         \"count\":2,\"limit\":50,\"offset\":0,\"has_more\":false}"
    );
    let params =
        r#"{"group_by":[{"$month":"at"}],"aggregate":{"n":{"$count":"*"}},"sort":["-at_month"]}"#;
    assert_eq!(
        asked.values("s", params, "at_month").await,
        ["\"2026-02\"", "null"]
    );
    let params = r#"{"aggregate":{"n":{"$count":"*"},"last":{"$max":"u"}},"sort":["-last"]}"#;
    assert_eq!(asked.values("s", params, "n").await, ["3"]);
}

/// A collation that passes over signs takes plain letters for equal to a document: no filter finds it
/// by them.
#[tokio::test]
async fn no_document_is_equal_to_its_letters() {
    let script = r#"
        CREATE COLLATION no_signs (provider = icu, locale = 'und-u-ka-shifted', deterministic = false);
        CREATE TABLE docs (id int PRIMARY KEY, n text COLLATE no_signs);
        CREATE INDEX ON docs (n);
        INSERT INTO docs VALUES (1, 'plain'), (2, 'pla-in');"#;
    let Some(place) = Database::new(script).await else {
        return;
    };
    let asked = place.service("docs").await;
    place
        .execute(r#"INSERT INTO docs VALUES (3, '{"api_key":"hunter2"}')"#)
        .await;
    for (filters, ids) in [
        (r#"{"n":"apikeyhunter2"}"#, &[][..]),
        (r#"{"n":{"$in":["apikeyhunter2","x"]}}"#, &[]),
        (r#"{"n":{"$ne":"apikeyhunter2"},"id":3}"#, &["3"]),
        (r#"{"n":{"$nin":["apikeyhunter2"]},"id":3}"#, &["3"]),
        (r#"{"$not":{"n":"apikeyhunter2"},"id":3}"#, &["3"]),
        (r#"{"n":{"$gte":"apikeyh","$lt":"apikeyi"}}"#, &[]),
        (r#"{"n":"plain"}"#, &["1", "2"]),
    ] {
        let params = format!(r#"{{"filters":{filters},"sort":["id"]}}"#);
        assert_eq!(asked.values("docs", &params, "id").await, ids, "{filters}");
    }
}
