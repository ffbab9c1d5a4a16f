//! What of a database becomes a model, and under which names.

use lucarne::catalog::Kind;

use crate::support::{Asker, Database, built, configured, database};

const MADE: &str = r#"
CREATE TABLE Parents (
  code VARCHAR(9), num INT, PRIMARY KEY (num, code)
) COMMENT 'those who have';
CREATE TABLE told (
  id INT PRIMARY KEY AUTO_INCREMENT COMMENT 'it''s the ''key''',
  mood ENUM('a,b','it''s','back\\slash','say "hi"','(x)','','é') NOT NULL,
  title VARCHAR(300), body TEXT, doubled INT AS (id * 2) VIRTUAL, unseen INT INVISIBLE DEFAULT 3,
  parent_num INT, parent_code VARCHAR(9), told_id INT,
  KEY by_title (title(10)), KEY by_both (parent_num, title(5), id), FULLTEXT KEY (body),
  KEY by_mood (mood, told_id),
  FOREIGN KEY (parent_num, PARENT_CODE) REFERENCES Parents (num, code),
  FOREIGN KEY (TOLD_ID) REFERENCES told (ID)
) COMMENT 'a "table"';
INSERT INTO told (mood, title) VALUES ('it''s', 'x'), ('', 'y');
CREATE VIEW shown AS SELECT id, title FROM told;
CREATE VIEW broken AS SELECT id, title FROM told;
CREATE TABLE gone (id INT PRIMARY KEY);
CREATE OR REPLACE VIEW broken AS SELECT id FROM gone;
DROP TABLE gone;
CREATE TABLE only_bytes (id BINARY(16) PRIMARY KEY, n INT);
CREATE TABLE `Mixed` (Id INT PRIMARY KEY);
"#;

#[tokio::test]
async fn a_table_is_told_as_it_was_made() {
    let Some(place) = Database::new().await else {
        return;
    };
    place.run(MADE).await;
    let asker = Asker::new(&place.url(), "told,Parents,shown,only_bytes").await;
    let told = asker.ask("describe", "told", "{}").await.unwrap();
    let told: serde_json::Value = serde_json::from_str(&format!("{{{told}}}")).unwrap();
    let told = &told["data"];
    assert_eq!(told["description"], "a \"table\"");
    assert_eq!(told["kind"], "table");
    assert_eq!(told["primary_key"], serde_json::json!(["id"]));
    assert!(told["estimated_rows"].is_u64(), "{told}");
    let field = |name: &str| {
        let fields = told["fields"].as_array().unwrap();
        fields.iter().find(|field| field["name"] == name).cloned()
    };
    assert_eq!(field("id").unwrap()["description"], "it's the 'key'");
    assert_eq!(field("id").unwrap()["nullable"], false);
    assert_eq!(
        field("mood").unwrap()["values"],
        serde_json::json!(["a,b", "it's", "back\\slash", "say \"hi\"", "(x)", "", "é"])
    );
    assert_eq!(field("doubled").unwrap()["type"], "integer");
    assert_eq!(field("unseen"), None, "SELECT * leaves it out too");
    for (name, indexed) in [
        ("id", true),
        ("title", false),
        ("body", false),
        ("mood", true),
        ("parent_num", true),
        ("parent_code", false),
    ] {
        assert_eq!(field(name).unwrap()["indexed"], indexed, "{name}");
    }
    assert_eq!(
        field("told_id").unwrap()["references"],
        serde_json::json!({"model": "told", "field": "id"})
    );
    assert_eq!(
        told["expand"],
        serde_json::json!([{"name": "Parents", "model": "Parents"}, {"name": "told", "model": "told"}])
    );
    let parents = asker.ask("describe", "Parents", "{}").await.unwrap();
    assert!(
        parents.contains(r#""primary_key":["num","code"]"#),
        "{parents}"
    );
    let shown = asker.ask("describe", "shown", "{}").await.unwrap();
    assert!(shown.contains(r#""kind":"view""#), "{shown}");
    assert_eq!(
        asker
            .field(
                "told",
                "mood",
                r#"{"filters":{"mood":{"$in":["it's",""]}}}"#
            )
            .await,
        ["\"it's\"", "\"\""]
    );
}

#[tokio::test]
async fn what_is_not_served_has_a_reason() {
    let Some(place) = Database::new().await else {
        return;
    };
    place.run(MADE).await;
    let models = "tolt,mixed,mysql.user,information_schema.tables,no_such.told,broken,told";
    let config = configured(&place.url(), models, &[]);
    let db = database(&config);
    let built = built(&db, &config).await;
    let reasons: Vec<(&str, &str)> = built
        .missing
        .iter()
        .map(|missing| (missing.name.as_str(), missing.reason.as_str()))
        .collect();
    assert_eq!(
        reasons,
        [
            ("tolt", "the database has no such table; it has told"),
            ("mixed", "the database has no such table; it has Mixed"),
            ("mysql.user", "it belongs to the server's own catalog"),
            (
                "information_schema.tables",
                "it belongs to the server's own catalog"
            ),
            (
                "no_such.told",
                "there is no database \"no_such\", or nothing in it that this account may read"
            ),
            (
                "broken",
                "a view reads what is gone, or what its definer may not read (1356); mend the view, then reload the service"
            ),
        ]
    );
    let told = built.catalog.model("told").unwrap();
    assert_eq!(told.kind(), Kind::Table);
    assert_eq!(told.table().schema.as_deref(), Some(place.name.as_str()));
    let names = db.names().await.unwrap();
    assert!(
        names.iter().take(6).all(|name| !name.contains('.')),
        "{names:?}"
    );
    assert!(names.contains(&"Mixed".to_owned()), "{names:?}");
}

#[tokio::test]
async fn a_planner_is_asked_for_its_estimate() {
    let Some(place) = Database::new().await else {
        return;
    };
    place
        .run(
            "CREATE TABLE many (id INT PRIMARY KEY, kind INT, KEY (kind));\n\
             INSERT INTO many SELECT seq, seq % 10 FROM seq_1_to_5000;\nANALYZE TABLE many;\n",
        )
        .await;
    let asker = Asker::new(&place.url(), "many").await;
    let params = r#"{"filters":{"kind":3},"limit":1,"total":"estimate"}"#;
    let answer = asker.ask("query", "many", params).await.unwrap();
    let total: u64 = answer.rsplit_once(':').unwrap().1.parse().unwrap();
    assert!((250..=1_000).contains(&total), "{total}");
    let exact = asker
        .ask(
            "query",
            "many",
            r#"{"filters":{"kind":3},"limit":1,"total":true}"#,
        )
        .await
        .unwrap();
    assert!(exact.ends_with(r#""total":500"#), "{exact}");
}

#[tokio::test]
async fn a_key_of_bytes_leads_to_its_record() {
    let Some(place) = Database::new().await else {
        return;
    };
    place
        .run(
            "CREATE TABLE u (id BINARY(2) PRIMARY KEY, name TEXT);\n\
             CREATE TABLE p (id INT PRIMARY KEY, u_id BINARY(2), FOREIGN KEY (u_id) REFERENCES u (id));\n\
             INSERT INTO u VALUES (x'0102', 'ana');\n\
             INSERT INTO p VALUES (1, x'0102')",
        )
        .await;
    let asker = Asker::new(&place.url(), "u,p").await;
    let named = r#"{"fields":["u.name"]}"#;
    assert_eq!(asker.field("p", "u.name", named).await, [r#""ana""#]);
}

#[tokio::test]
async fn a_view_that_is_broken_is_left_out_with_its_reason() {
    let Some(database) = Database::new().await else {
        return;
    };
    let maker = format!("{}@'localhost'", database.name);
    database
        .run(&format!(
            "CREATE TABLE t (id INT PRIMARY KEY, x INT);
INSERT INTO t VALUES (1, 10);
CREATE FUNCTION plus(n INT) RETURNS INT DETERMINISTIC RETURN n + 1;
CREATE USER {maker};
GRANT ALL ON {}.* TO {maker};
CREATE VIEW whole AS SELECT id, plus(x) AS y FROM t;
CREATE DEFINER = {maker} VIEW orphan AS SELECT id FROM t;
CREATE DEFINER = {maker} VIEW later AS SELECT id FROM t;
CREATE FUNCTION gone(n INT) RETURNS INT DETERMINISTIC RETURN n + 1;
CREATE VIEW calls AS SELECT id, gone(x) AS y FROM t;
DROP FUNCTION gone;
",
            database.name
        ))
        .await;
    let models = "t,whole,orphan,later,calls";
    let db = crate::support::database(&configured(&database.url(), models, &[]));
    let reasons = async || {
        let names = &configured(&database.url(), models, &[]).data.models;
        let tables = db.tables(names).await.unwrap();
        let reasons = tables.into_iter().map(|table| table.err());
        reasons.collect::<Vec<Option<String>>>()
    };
    let told = reasons().await;
    assert!(told[..4].iter().all(Option::is_none), "{told:?}");
    assert!(
        told[4].as_ref().unwrap().contains("reads what is gone"),
        "{told:?}"
    );
    let asker = Asker::live(&database.url(), "t,whole,orphan,later").await;
    assert_eq!(asker.field("whole", "y", "{}").await, ["11"]);
    assert_eq!(asker.field("later", "id", "{}").await, ["1"]);
    database.run(&format!("DROP USER {maker};\n")).await;
    let told = reasons().await;
    for index in [2, 3] {
        let reason = told[index].as_ref().unwrap();
        assert!(
            reason.contains("definer") && reason.contains("(1449)"),
            "{told:?}"
        );
    }
    let refused = asker.ask("list", "later", "{}").await.unwrap_err();
    assert!(refused.contains("model_not_allowed"), "{refused}");
    assert_eq!(asker.field("t", "id", "{}").await, ["1"]);
}
