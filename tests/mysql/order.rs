//! Order, cursors, groups, relations and views.

use sqlx::{Executor as _, Row as _};

use crate::support::{Asker, Database};

const MADE: &str = r"
CREATE TABLE walked (
  id BIGINT UNSIGNED PRIMARY KEY,
  f FLOAT, d DOUBLE, amount DECIMAL(30,20), name VARCHAR(600), body LONGTEXT,
  bin VARCHAR(20) COLLATE utf8mb4_bin, latin VARCHAR(20) CHARACTER SET latin1,
  russian VARCHAR(20) CHARACTER SET koi8r, e ENUM('zeta','alpha','mid'),
  day DATE, clock TIME(2), moment DATETIME(6), stamp TIMESTAMP NULL, y YEAR, ok TINYINT(1),
  b BIT(64), who UUID, net INET6
);
INSERT INTO walked SELECT 18446744073709551615 - seq,
  IF(seq % 7 = 0, NULL, (seq % 5) / 3), IF(seq % 11 = 0, NULL, (seq % 13) / 7),
  IF(seq % 6 = 0, NULL, 123456789.00000000000000000000 + (seq % 9) * 0.00000000000000000001),
  IF(seq % 5 = 0, NULL, ELT(1 + seq % 7, 'abc', 'ABC', 'ábc', 'abc ', '', 'Z', REPEAT('é', 600))),
  IF(seq % 5 = 0, NULL, CONCAT(REPEAT('long ', 300), seq % 4)),
  IF(seq % 4 = 0, NULL, ELT(1 + seq % 5, 'a', 'A', 'á', 'b', '😀')),
  IF(seq % 4 = 0, NULL, ELT(1 + seq % 4, 'é', 'E', 'z', 'Å')),
  ELT(1 + seq % 4, 'ж', 'Ж', 'а', 'я'),
  IF(seq % 8 = 0, NULL, 1 + seq % 3),
  IF(seq % 9 = 0, NULL, IF(seq % 10 = 0, '0000-00-00', '2026-01-01' + INTERVAL seq % 6 DAY)),
  IF(seq % 9 = 0, NULL, SEC_TO_TIME((CAST(seq AS SIGNED) % 7 - 3) * 100000.25)),
  IF(seq % 9 = 0, NULL, IF(seq % 10 = 0, '0000-00-00', '2026-01-01 00:00:00.5' + INTERVAL seq % 6 MICROSECOND)),
  IF(seq % 9 = 0, NULL, '2026-01-01' + INTERVAL seq % 3 HOUR),
  IF(seq % 9 = 0, NULL, IF(seq % 10 = 0, 0, 1990 + seq % 20)), IF(seq % 9 = 0, NULL, seq % 4),
  IF(seq % 9 = 0, NULL, 18446744073709551615 - seq % 5),
  IF(seq % 9 = 0, NULL, CONCAT('0123abcd-4567-', ELT(1 + seq % 3, '1', '4', '7'), '9ef-8123-45678900000', seq % 3)),
  IF(seq % 9 = 0, NULL, CONCAT('::', seq % 10))
FROM seq_1_to_150;
";

#[tokio::test]
async fn a_walk_is_one_long_order() {
    let Some(database) = Database::new().await else {
        return;
    };
    database.run(MADE).await;
    let asker = Asker::new(&database.url(), "walked").await;
    let mut admin = database.admin().await;
    admin
        .execute("SET time_zone = '+00:00', max_sort_length = 8192")
        .await
        .unwrap();
    let fields = [
        "f", "d", "amount", "name", "body", "bin", "latin", "russian", "e", "day", "clock",
        "moment", "stamp", "y", "ok", "b", "who", "net",
    ];
    let mut orders: Vec<String> = vec!["id".into(), "-id".into()];
    for (index, field) in fields.iter().enumerate() {
        let next = fields[(index + 5) % fields.len()];
        orders.extend([
            (*field).to_owned(),
            format!("-{field}"),
            format!("-{field},{next}"),
            format!("{field},-{next}"),
        ]);
    }
    for order in orders {
        let names: Vec<String> = order.split(',').map(|name| format!("\"{name}\"")).collect();
        let sort = format!("[{}]", names.join(","));
        let walked: Vec<String> = asker.walk("walked", &sort, 17).await;
        let ids: Vec<String> = walked
            .iter()
            .map(|row| row.split([':', ',']).nth(1).unwrap().to_owned())
            .collect();
        let by: Vec<String> = order
            .split(',')
            .map(|name| match name.strip_prefix('-') {
                Some(name) => format!("{name} DESC"),
                None => name.to_owned(),
            })
            .collect();
        let sql = format!(
            "SELECT CAST(id AS CHAR) FROM walked ORDER BY {}, id",
            by.join(", ")
        );
        let rows = admin.fetch_all(sqlx::AssertSqlSafe(sql)).await.unwrap();
        let expected: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(ids, expected, "{order}");
    }
}

#[tokio::test]
async fn groups_are_exact() {
    let Some(database) = Database::new().await else {
        return;
    };
    database
        .run(
            "CREATE TABLE sold (id INT PRIMARY KEY, who VARCHAR(9), n BIGINT UNSIGNED, amount DECIMAL(20,2), \
             f FLOAT, at DATETIME, e ENUM('b','a'), b BIT(64));\n\
             INSERT INTO sold VALUES (1,'x',18446744073709551615,0.10,0.5,'2026-01-31 10:00:00','a',18446744073709551615),\
             (2,'X',18446744073709551615,0.20,0.25,'2026-01-01','b',0),\
             (3,NULL,NULL,NULL,NULL,'0000-00-00',NULL,NULL),(4,'y',1,99999999999999999.99,1,'2024-00-00','b',1);\n",
        )
        .await;
    let asker = Asker::new(&database.url(), "sold").await;
    let ask = async |params: &str| asker.ask("query", "sold", params).await.unwrap();
    assert_eq!(
        ask(r#"{"aggregate":{"rows":{"$count":"*"},"n":{"$sum":"n"},"amount":{"$sum":"amount"},"f":{"$sum":"f"},"mean":{"$avg":"f"},"least":{"$min":"n"},"most":{"$max":"b"},"first":{"$min":"at"},"who":{"$count_distinct":"who"}}}"#).await,
        concat!(
            r#""data":[{"rows":4,"n":36893488147419103231,"amount":100000000000000000.29,"f":1.75,"#,
            r#""mean":0.5833333333333334,"least":1,"most":18446744073709551615,"#,
            r#""first":"0000-00-00T00:00:00","who":2}],"count":1,"limit":50,"offset":0,"has_more":false"#,
        )
    );
    assert_eq!(
        ask(r#"{"group_by":["who"],"aggregate":{"rows":{"$count":"*"}},"sort":["-rows"],"total":true}"#).await,
        concat!(
            r#""data":[{"who":"x","rows":2},{"who":null,"rows":1},{"who":"y","rows":1}],"#,
            r#""count":3,"limit":50,"offset":0,"has_more":false,"total":3"#,
        )
    );
    assert_eq!(
        ask(r#"{"group_by":[{"$month":"at"}],"aggregate":{"rows":{"$count":"*"}}}"#).await,
        concat!(
            r#""data":[{"at_month":"0000-00","rows":1},{"at_month":"2024-00","rows":1},"#,
            r#"{"at_month":"2026-01","rows":2}],"count":3,"limit":50,"offset":0,"has_more":false"#,
        )
    );
    for part in ["$year", "$day"] {
        ask(&format!(r#"{{"group_by":[{{"{part}":"at"}}]}}"#)).await;
    }
    assert!(
        ask(r#"{"group_by":["e"]}"#)
            .await
            .starts_with(r#""data":[{"e":null},{"e":"b"},{"e":"a"}]"#)
    );
    let counted = ask(r#"{"filters":{"id":{"$gt":1}},"limit":1,"total":true}"#).await;
    assert!(counted.ends_with(r#""total":3"#), "{counted}");
}

#[tokio::test]
async fn relations_views_and_other_databases_are_read() {
    let Some(database) = Database::new().await else {
        return;
    };
    let Some(other) = Database::new().await else {
        return;
    };
    other
        .run("CREATE TABLE owners (code VARCHAR(9) PRIMARY KEY, title TEXT);\nINSERT INTO owners VALUES ('a','A');\n")
        .await;
    database
        .run(&format!(
            "CREATE TABLE parts (a INT, b VARCHAR(9), label TEXT, PRIMARY KEY (b, a));\n\
             INSERT INTO parts VALUES (1,'x','one'),(2,'x','two');\n\
             CREATE TABLE `odd ``name``` (id INT PRIMARY KEY, `a \"q\" ``b``` INT, part_a INT, part_b VARCHAR(9), \
             owner_id VARCHAR(9), FOREIGN KEY (part_b, part_a) REFERENCES parts (b, a), \
             FOREIGN KEY (owner_id) REFERENCES {0}.owners (code));\n\
             INSERT INTO `odd ``name``` VALUES (1,7,1,'x','a'),(2,8,NULL,NULL,NULL);\n\
             CREATE VIEW seen AS SELECT id, CAST('{{\"a\":1}}' AS CHAR) AS t, owner_id FROM `odd ``name```;\n\
             CREATE TABLE docs (id INT PRIMARY KEY, doc JSON, note LONGTEXT);\n\
             INSERT INTO docs VALUES (1,'{{\"a\":[1,2]}}','[1]');\n\
             CREATE VIEW doc_view AS SELECT * FROM docs;\n",
            other.name
        ))
        .await;
    let models = format!(
        r#"odd="odd `name`",parts,seen,doc_view,owners={}.owners"#,
        other.name
    );
    let asker = Asker::new(&database.url(), &models).await;
    let odd = asker
        .ask("query", "odd", r#"{"expand":["parts","owner"]}"#)
        .await
        .unwrap();
    assert!(
        odd.starts_with(concat!(
            r#""data":[{"id":1,"a \"q\" `b`":7,"part_a":1,"part_b":"x","owner_id":"a","#,
            r#""owner":{"code":"a","title":"A"},"parts":{"a":1,"b":"x","label":"one"}},"#
        )) || odd.starts_with(concat!(
            r#""data":[{"id":1,"a \"q\" `b`":7,"part_a":1,"part_b":"x","owner_id":"a","#,
            r#""parts":{"a":1,"b":"x","label":"one"},"owner":{"code":"a","title":"A"}},"#
        )),
        "{odd}"
    );
    assert!(
        odd.contains(r#""parts":null"#) && odd.contains(r#""owner":null"#),
        "{odd}"
    );
    let part = asker
        .ask("get", "parts", r#"{"id":{"a":2,"b":"x"}}"#)
        .await
        .unwrap();
    assert_eq!(part, r#""data":{"a":2,"b":"x","label":"two"}"#);
    let owner = asker.ask("get", "owners", r#"{"id":"a"}"#).await.unwrap();
    assert_eq!(owner, r#""data":{"code":"a","title":"A"}"#);
    let seen = asker.ask("get", "seen", r#"{"id":2}"#).await.unwrap();
    assert_eq!(seen, r#""data":{"id":2,"t":"{\"a\":1}","owner_id":null}"#);
    let doc = asker.ask("get", "doc_view", r#"{"id":1}"#).await.unwrap();
    assert_eq!(doc, r#""data":{"id":1,"doc":{"a":[1,2]},"note":"[1]"}"#);
    drop(database);
}

#[tokio::test]
async fn a_zero_day_is_in_no_week_and_a_float_has_its_end() {
    let Some(database) = Database::new().await else {
        return;
    };
    let script = "CREATE TABLE t (id INT PRIMARY KEY, day DATE, f DOUBLE);
INSERT INTO t VALUES (1, '0000-00-00', 1e308), (2, '2026-00-00', 2), (3, '2026-01-01', 3), (4, '2026-05-00', 4);
";
    database.run(script).await;
    let asker = Asker::new(&database.url(), "t").await;
    let params =
        r#"{"group_by":[{"$week":"day"}],"aggregate":{"n":{"$count":"*"}},"sort":["day_week"]}"#;
    let weeks = asker.field("t", "day_week", params).await;
    assert_eq!(weeks, ["null", "\"2026-W01\""]);
    for params in [
        r#"{"compute":{"x":{"$mul":["f",10]}}}"#,
        r#"{"compute":{"x":{"$mul":["f",10]}},"filters":{"x":{"$gt":1}}}"#,
        r#"{"aggregate":{"x":{"$sum":{"$mul":["f","f"]}}}}"#,
    ] {
        let refused = asker.ask("query", "t", params).await.unwrap_err();
        assert_eq!(
            refused,
            "Invalid expression: a result is beyond what a float holds (invalid_parameter)"
        );
    }
}
