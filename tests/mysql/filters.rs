//! Filters of each class: what they find, what they refuse, and that an index serves them.

use lucarne::plan;
use lucarne::protocol::{Action, Object};
use lucarne::sql::shapes::Shapes;
use lucarne::sql::{self, Dialect};
use sea_query_sqlx::SqlxValues;
use sqlx::{AssertSqlSafe, MySqlConnection, Row as _};

use crate::support::{Asker, Database};

const MADE: &str = r#"
CREATE TABLE things (
  id INT PRIMARY KEY,
  n BIGINT, u BIGINT UNSIGNED, ok TINYINT(1), y YEAR, amount DECIMAL(40,20), f FLOAT, d DOUBLE,
  day DATE, clock TIME, moment DATETIME, stamp TIMESTAMP NULL,
  name VARCHAR(40), exact VARCHAR(40) COLLATE utf8mb4_bin, latin VARCHAR(40) CHARACTER SET latin1,
  three VARCHAR(40) CHARACTER SET utf8mb3, russian VARCHAR(40) CHARACTER SET koi8r,
  e ENUM('low','high','a,b','2'), s SET('x','y'), who UUID, net INET6, old INET4, b64 BIT(64),
  bytes BLOB, doc JSON,
  KEY (n), KEY (u), KEY (y), KEY (amount), KEY (f), KEY (d), KEY (day), KEY (clock), KEY (moment),
  KEY (stamp), KEY (name), KEY (exact), KEY (latin), KEY (three), KEY (e), KEY (who), KEY (net),
  KEY (b64)
);
INSERT INTO things VALUES
  (1, 9007199254740993, 18446744073709551615, 1, 1970, 1234567890123.12345678901234567891, 0.1, 0.1,
   '2026-01-31', '13:05:00', '2026-01-31 13:05:00', '2026-01-31 13:05:00',
   'Été', 'Été', 'Été', 'Été', 'ЖАР', 'low', 'x,y',
   '0123abcd-4567-49ef-8123-456789abcdef', '2001:db8::1', '10.0.0.1', 18446744073709551615,
   'x', '{"a":1}'),
  (2, 9007199254740992, 0, 0, 0, 1234567890123.12345678901234567892, 0.2, 0.2,
   '0000-00-00', '-838:59:59', '0000-00-00 00:00:00', '2026-02-01 00:00:00',
   'ete', 'ete', 'ete', 'ete', 'жар', 'high', 'y',
   '0123abcd-4567-49ef-8123-456789abcdee', '::1', '10.0.0.2', 1, 'y', '[]'),
  (3, -5, 7, 5, 2026, -0.5, -1, 1e300, '2026-02-01', '838:59:59', '2026-01-31 13:05:01', NULL,
   '100%_!\\', '100%_!\\', '100%', '0', '0', 'a,b', '', NULL, NULL, NULL, 0, NULL, NULL),
  (4, 0, 5, NULL, 2155, 0, 0, 0, NULL, NULL, NULL, NULL, 'abc', 'abc', 'abc', '日本', NULL, '2',
   'x', NULL, NULL, NULL, NULL, NULL, NULL),
  (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
"#;

async fn found(asker: &Asker, filters: &str) -> String {
    let params = format!(r#"{{"fields":["id"],"filters":{filters}}}"#);
    asker.field("things", "id", &params).await.join(" ")
}

#[tokio::test]
async fn each_class_finds_what_it_means() {
    let Some(database) = Database::new().await else {
        return;
    };
    database.run(MADE).await;
    let asker = Asker::new(&database.url(), "things").await;
    for (filters, ids) in [
        (r#"{"n":9007199254740993}"#, "1"),
        (r#"{"n":"9007199254740993"}"#, "1"),
        (r#"{"n":{"$gt":-5}}"#, "1 2 4"),
        (r#"{"u":18446744073709551615}"#, "1"),
        (r#"{"u":{"$gt":-1}}"#, "1 2 3 4"),
        (r#"{"u":{"$lt":-1}}"#, ""),
        (r#"{"ok":true}"#, "1"),
        (r#"{"ok":{"$ne":true}}"#, "2 3 4 5"),
        (r#"{"y":70}"#, ""),
        (r#"{"y":1970}"#, "1"),
        (r#"{"y":0}"#, "2"),
        (r#"{"y":{"$gt":70}}"#, "1 3 4"),
        (r#"{"y":{"$lt":70}}"#, "2"),
        (r#"{"y":{"$lt":3000}}"#, "1 2 3 4"),
        (r#"{"y":{"$gt":3000}}"#, ""),
        (r#"{"y":{"$in":[26,2026]}}"#, "3"),
        (r#"{"amount":1234567890123.12345678901234567891}"#, "1"),
        (
            r#"{"amount":{"$gt":"1234567890123.12345678901234567891"}}"#,
            "2",
        ),
        (r#"{"amount":{"$lte":-0.5}}"#, "3"),
        (r#"{"amount":-0.500000000000000000000000000000000001}"#, ""),
        (r#"{"f":0.1}"#, "1"),
        (r#"{"d":{"$gte":1e300}}"#, "3"),
        (r#"{"day":"2026-01-31"}"#, "1"),
        (r#"{"day":{"$lt":"2026-01-31"}}"#, "2"),
        (r#"{"clock":"13:05"}"#, "1"),
        (r#"{"clock":{"$lte":"838:59:59"}}"#, "1 2 3"),
        (r#"{"moment":"2026-01-31T13:05:00"}"#, "1"),
        (r#"{"moment":"2026-01-31T13:05:00.4"}"#, ""),
        (r#"{"stamp":"2026-01-31T14:05:00+01:00"}"#, "1"),
        // Text as its collation has it: case and accents fold in the first, in no other.
        (r#"{"name":"ÉTÉ"}"#, "1 2"),
        (r#"{"exact":"ÉTÉ"}"#, ""),
        (r#"{"exact":"Été"}"#, "1"),
        (r#"{"latin":"été"}"#, "1 2"),
        (r#"{"latin":"日"}"#, ""),
        (r#"{"latin":{"$ne":"日"}}"#, "1 2 3 4 5"),
        (r#"{"latin":{"$in":["日","abc"]}}"#, "4"),
        (r#"{"three":"😀"}"#, ""),
        (r#"{"three":"日本"}"#, "4"),
        (r#"{"russian":"жар"}"#, "1 2"),
        (r#"{"russian":"日"}"#, ""),
        (r#"{"name":{"$contains":"té"}}"#, "1"),
        (r#"{"name":{"$icontains":"TÉ"}}"#, "1"),
        (r#"{"name":{"$startswith":"É"}}"#, "1"),
        (r#"{"name":{"$startswith":"é"}}"#, ""),
        (r#"{"name":{"$istartswith":"é"}}"#, "1"),
        (r#"{"exact":{"$icontains":"TÉ"}}"#, "1"),
        (r#"{"latin":{"$icontains":"TÉ"}}"#, "1"),
        (r#"{"latin":{"$startswith":"日"}}"#, ""),
        (r#"{"three":{"$startswith":"😀"}}"#, ""),
        (r#"{"russian":{"$icontains":"жа"}}"#, "1 2"),
        (r#"{"name":{"$contains":"%_!"}}"#, "3"),
        (r#"{"name":{"$endswith":"\\"}}"#, "3"),
        (r#"{"name":{"$startswith":"100%_"}}"#, "3"),
        (r#"{"latin":{"$contains":"%"}}"#, "3"),
        (r#"{"e":"a,b"}"#, "3"),
        (r#"{"e":"2"}"#, "4"),
        (r#"{"e":{"$gt":"low"}}"#, "2 3 4"),
        (r#"{"e":{"$ne":"low"}}"#, "2 3 4 5"),
        (r#"{"s":"x,y"}"#, "1"),
        (r#"{"s":"3"}"#, ""),
        (r#"{"s":{"$contains":"y"}}"#, "1 2"),
        (r#"{"who":"0123ABCD-4567-49EF-8123-456789ABCDEF"}"#, "1"),
        (r#"{"net":"2001:db8:0::1"}"#, "1"),
        (r#"{"old":"10.0.0.2"}"#, "2"),
        (r#"{"b64":18446744073709551615}"#, "1"),
        (r#"{"doc":{"$null":true}}"#, "3 4 5"),
        (r#"{"bytes":null}"#, "3 4 5"),
        (r#"{"$not":{"n":{"$gt":0}}}"#, "3 4 5"),
    ] {
        assert_eq!(found(&asker, filters).await, ids, "{filters}");
    }
}

#[tokio::test]
async fn nothing_is_matched_by_coercion() {
    let Some(database) = Database::new().await else {
        return;
    };
    database.run(MADE).await;
    let asker = Asker::new(&database.url(), "things").await;
    for filters in [
        r#"{"name":0}"#,
        r#"{"name":false}"#,
        r#"{"n":"7abc"}"#,
        r#"{"n":"abc"}"#,
        r#"{"n":1.5}"#,
        r#"{"n":true}"#,
        r#"{"n":99999999999999999999}"#,
        r#"{"u":-99999999999999999999}"#,
        r#"{"amount":"x"}"#,
        r#"{"f":"NaN"}"#,
        r#"{"ok":256}"#,
        r#"{"clock":"839:00:00"}"#,
        r#"{"ok":"1"}"#,
        r#"{"day":"2026-02-30"}"#,
        r#"{"day":20260131}"#,
        r#"{"day":"2026-13-00"}"#,
        r#"{"clock":130500}"#,
        r#"{"moment":"2026-01-31T13:05:00.0000001"}"#,
        r#"{"stamp":"now"}"#,
        r#"{"e":1}"#,
        r#"{"e":"LOW"}"#,
        r#"{"e":"medium"}"#,
        r#"{"s":3}"#,
        r#"{"who":"0123abcd"}"#,
        r#"{"net":"10.0.0.0/8"}"#,
        r#"{"old":"::1"}"#,
        r#"{"bytes":"x"}"#,
        r#"{"doc":"x"}"#,
        r#"{"name":"a\u0000b"}"#,
    ] {
        let params = format!(r#"{{"filters":{filters}}}"#);
        let answer = asker.ask("query", "things", &params).await;
        let error = answer.expect_err(filters);
        assert!(error.ends_with("(invalid_value)"), "{filters}: {error}");
    }
    for (id, code) in [
        ("\"1 OR 1=1\"", "invalid_value"),
        ("\"abc\"", "invalid_value"),
        ("99", "not_found"),
    ] {
        let error = asker
            .ask("get", "things", &format!(r#"{{"id":{id}}}"#))
            .await
            .unwrap_err();
        assert!(error.contains(code), "{id}: {error}");
    }
}

#[tokio::test]
async fn every_condition_is_true_or_false() {
    let Some(database) = Database::new().await else {
        return;
    };
    database.run(MADE).await;
    let asker = Asker::new(&database.url(), "things").await;
    for condition in [
        r#"{"n":5}"#,
        r#"{"n":{"$gt":0}}"#,
        r#"{"amount":{"$between":[-1,1]}}"#,
        r#"{"y":{"$lt":50}}"#,
        r#"{"day":{"$lte":"2026-01-31"}}"#,
        r#"{"clock":{"$gt":"838:59:58"}}"#,
        r#"{"latin":"日"}"#,
        r#"{"latin":{"$gt":"日"}}"#,
        r#"{"russian":{"$lt":"日"}}"#,
        r#"{"three":{"$in":["😀","0",null]}}"#,
        r#"{"name":{"$istartswith":"é"}}"#,
        r#"{"e":{"$lt":"a,b"}}"#,
        r#"{"s":{"$contains":"x"}}"#,
        r#"{"net":"::2"}"#,
        r#"{"who":{"$gt":"0123abcd-4567-49ef-8123-456789abcdee"}}"#,
        r#"{"who":"0123abcd-4567-89ef-0123-456789abcdef"}"#,
        r#"{"b64":{"$gte":1}}"#,
        r#"{"f":{"$lt":0.15}}"#,
        r#"{"stamp":null}"#,
    ] {
        let yes = found(&asker, condition).await;
        let no = found(&asker, &format!(r#"{{"$not":{condition}}}"#)).await;
        let mut all: Vec<&str> = yes
            .split(' ')
            .chain(no.split(' '))
            .filter(|id| !id.is_empty())
            .collect();
        all.sort_unstable();
        assert_eq!(
            all,
            ["1", "2", "3", "4", "5"],
            "{condition}: {yes} and {no}"
        );
    }
}

#[tokio::test]
async fn an_index_serves_a_filter() {
    let Some(database) = Database::new().await else {
        return;
    };
    database.run(MADE).await;
    database
        .run("INSERT INTO things (id, n, u, y, amount, f, d, day, clock, moment, stamp, name, exact, latin, three, e, who, net, b64) \
              SELECT seq + 10, seq, seq, 1901 + seq % 60, seq, seq, seq, '2000-01-01' + INTERVAL seq DAY, SEC_TO_TIME(seq), \
              '2000-01-01' + INTERVAL seq MINUTE, '2000-01-01' + INTERVAL seq HOUR, CONCAT('n', seq), CONCAT('n', seq), \
              CONCAT('n', seq), CONCAT('n', seq), 'high', UUID(), CONCAT('::', HEX(seq + 16)), seq FROM seq_1_to_4000;\n\
              ANALYZE TABLE things;\n")
        .await;
    let asker = Asker::new(&database.url(), "things").await;
    let mut admin = database.admin().await;
    for (field, filters) in [
        ("n", r#"{"n":77}"#),
        ("u", r#"{"u":18446744073709551615}"#),
        ("y", r#"{"y":2026}"#),
        ("amount", r#"{"amount":"77.5"}"#),
        ("f", r#"{"f":77}"#),
        ("d", r#"{"d":{"$between":[3,4]}}"#),
        ("day", r#"{"day":"2026-01-31"}"#),
        ("clock", r#"{"clock":"13:05:00"}"#),
        ("moment", r#"{"moment":{"$gte":"2026-01-31T13:05:00"}}"#),
        ("stamp", r#"{"stamp":"2026-01-31T13:05:00Z"}"#),
        ("name", r#"{"name":"ÉTÉ"}"#),
        ("name", r#"{"name":{"$startswith":"n77"}}"#),
        ("exact", r#"{"exact":"n77"}"#),
        ("latin", r#"{"latin":{"$in":["é","n7"]}}"#),
        ("three", r#"{"three":"日本"}"#),
        ("e", r#"{"e":"a,b"}"#),
        ("who", r#"{"who":"0123abcd-4567-49ef-8123-456789abcdef"}"#),
        ("net", r#"{"net":"::1"}"#),
        ("b64", r#"{"b64":18446744073709551615}"#),
    ] {
        let key = key_used(&asker, &mut admin, filters).await;
        assert_eq!(key.as_deref(), Some(field), "{filters}");
    }
}

/// The index that the server would use for a query's first page.
async fn key_used(asker: &Asker, admin: &mut MySqlConnection, filters: &str) -> Option<String> {
    let policy = asker.service().policy();
    let catalog = policy.own().unwrap();
    let model = catalog.model("things").unwrap();
    let params = format!(r#"{{"filters":{filters},"limit":10}}"#);
    let params = Object::parse(&params).unwrap();
    let (limits, cursors) = (&policy.settings.limits, &policy.settings.cursors);
    let plan = plan::rows(Action::Query, &params, model, catalog, limits, cursors).unwrap();
    let statement = sql::rows(&plan, Dialect::MySql, 1 << 20, &Shapes::default()).remove(0);
    let (sql, values) = (statement.text.to_string(), SqlxValues(statement.values));
    let explain = AssertSqlSafe(format!("EXPLAIN {sql}"));
    let row = sqlx::query_with(explain, values)
        .fetch_one(admin)
        .await
        .unwrap();
    row.get("key")
}

#[tokio::test]
async fn what_an_enum_keeps_of_a_refused_value_can_be_asked_for() {
    let Some(place) = Database::new().await else {
        return;
    };
    place
        .run(
            "CREATE TABLE t (e ENUM('a','b') PRIMARY KEY, n INT);\n\
             SET SESSION sql_mode = '';\n\
             INSERT INTO t VALUES ('a', 1), ('wrong', 2)",
        )
        .await;
    let asker = Asker::new(&place.url(), "t").await;
    for (filter, rows) in [
        (r#"{"e":""}"#, &["2"][..]),
        (r#"{"e":{"$in":["","a"]}}"#, &["1", "2"]),
        (r#"{"e":{"$ne":""}}"#, &["1"]),
    ] {
        let params = format!(r#"{{"filters":{filter},"sort":["n"]}}"#);
        assert_eq!(asker.field("t", "n", &params).await, rows, "{filter}");
    }
    let row = asker.ask("get", "t", r#"{"id":""}"#).await.unwrap();
    assert_eq!(row, r#""data":{"e":"","n":2}"#);
}
