//! What is hidden in documents is told by no tool, whatever its SQL makes of them.

use serde_json::json;

use crate::support::databases;

fn tool(sql: &str) -> String {
    format!(
        "[[tool]]\nname = \"t\"\ndescription = \"x\"\nsql = '''{sql}'''\n[tool.params]\n\
         p = {{ type = \"text\", description = \"x\" }}\n"
    )
}

/// A column of documents is shown without what is hidden in it, and nothing is made of it.
#[tokio::test]
async fn documents_are_only_shown() {
    for database in databases().await {
        let engine = database.engine;
        let shown = "SELECT t.id, t.doc FROM tickets t WHERE t.title = :p AND t.doc IS NOT NULL";
        let served = database.serve(&tool(shown)).await;
        let answer = served.call("t", json!({ "p": "ticket 7" })).await;
        let expected = json!([{ "id": 7, "doc": { "note": "n7" } }]);
        assert_eq!(answer["data"], expected, "{engine}: {answer}");
        let own: &[&str] = match engine {
            "sqlite" => &[
                "SELECT doc ->> :p AS x FROM tickets",
                "SELECT json_extract(doc, :p) AS x FROM tickets",
            ],
            "postgres" => &[
                "SELECT doc ->> :p AS x FROM tickets",
                "SELECT doc #>> '{api_key}' AS x FROM tickets WHERE :p = 'a'",
                "SELECT doc['api_key'] AS x FROM tickets WHERE :p = 'a'",
                "SELECT doc::text AS x FROM tickets WHERE :p = 'a'",
            ],
            _ => &[
                "SELECT JSON_VALUE(doc, :p) AS x FROM tickets",
                "SELECT JSON_EXTRACT(doc, :p) AS x FROM tickets",
            ],
        };
        let every = [
            "SELECT id FROM tickets WHERE doc = :p",
            "SELECT CASE WHEN doc IS NULL THEN NULL ELSE doc END AS x FROM tickets WHERE title = :p",
            "SELECT id, doc FROM tickets WHERE title = :p ORDER BY doc",
            "SELECT id, doc AS d FROM tickets WHERE title = :p ORDER BY d",
            "SELECT id, doc FROM tickets WHERE title = :p ORDER BY 2",
            "SELECT DISTINCT doc FROM tickets WHERE title = :p",
            "SELECT doc FROM tickets WHERE title = :p UNION SELECT doc FROM tickets",
            "SELECT x.d FROM (SELECT doc AS d FROM tickets WHERE title = :p) AS x",
            "WITH w (d) AS (SELECT doc FROM tickets WHERE title = :p) SELECT d FROM w",
            "SELECT t.id FROM tickets t JOIN tickets u USING (doc) WHERE t.title = :p",
            "SELECT MAX(DOC) AS x FROM tickets WHERE title = :p",
        ];
        for sql in every.iter().chain(own) {
            let refused = database.serve_with(&tool(sql), &[]).await.err();
            let words = refused.map(|faults| faults.to_string()).unwrap_or_default();
            let expected = "holds documents, which may only be shown";
            assert!(words.contains(expected), "{engine}: {sql}: {words}");
        }
    }
}

/// Text that looks like a document is as if it were not there where more is done than to show it.
#[tokio::test]
async fn texts_that_hold_documents_are_judged_as_they_are_shown() {
    for database in databases().await {
        let engine = database.engine;
        let document = r#"{"k":1,"password":"JP"}"#;
        database
            .run(&format!(
                "UPDATE tickets SET title = '{document}' WHERE id = 7"
            ))
            .await;
        let served = database
            .serve(&tool(
                "SELECT id, title FROM tickets WHERE id = 7 AND :p = 'a'",
            ))
            .await;
        let answer = served.call("t", json!({ "p": "a" })).await;
        assert_eq!(
            answer["data"][0]["title"], r#"{"k":1}"#,
            "{engine}: {answer}"
        );
        let concat = match engine {
            "mysql" => "CONCAT('x', title)",
            _ => "'x' || title",
        };
        for made in [
            "REPLACE(title, 'password', 'p')",
            "SUBSTR(title, 2)",
            "UPPER(title)",
            "CASE WHEN title LIKE '%JP%' THEN 'JP' END",
            "MAX(title)",
            concat,
        ] {
            let sql = format!("SELECT {made} AS x FROM tickets WHERE id = 7 AND :p = 'a'");
            let served = database.serve(&tool(&sql)).await;
            let answer = served.call("t", json!({ "p": "a" })).await;
            assert_eq!(
                answer["data"],
                json!([{ "x": null }]),
                "{engine}: {sql}: {answer}"
            );
        }
        for test in ["title LIKE :p", "title = :p", "title > '{' AND 'a' <> :p"] {
            let sql = format!("SELECT id FROM tickets WHERE {test}");
            let served = database.serve(&tool(&sql)).await;
            for p in ["%JP%", document] {
                let answer = served.call("t", json!({ "p": p })).await;
                let rows = answer["data"].as_array().unwrap();
                assert!(
                    !rows.contains(&json!({ "id": 7 })),
                    "{engine}: {sql}: {answer}"
                );
            }
        }
        // Others are compared, shown and told of as before.
        let sql = "SELECT id, title FROM tickets WHERE title = :p";
        let served = database.serve(&tool(sql)).await;
        let answer = served.call("t", json!({ "p": "ticket 8" })).await;
        let expected = json!([{ "id": 8, "title": "ticket 8" }]);
        assert_eq!(answer["data"], expected, "{engine}: {answer}");
        let told = served.raw(r#"{"action":"describe","tool":"t"}"#).await;
        assert_eq!(
            told["data"]["fields"][1]["type"], "text",
            "{engine}: {told}"
        );
    }
}

/// SQLite keeps text in columns of bytes.
#[tokio::test]
async fn text_among_bytes_is_judged_as_text() {
    for database in databases().await {
        if database.engine != "sqlite" {
            continue;
        }
        database
            .run("ALTER TABLE tickets ADD COLUMN kept BLOB")
            .await;
        let put = r#"UPDATE tickets SET kept = '{"k":1,"password":"JP"}' WHERE id = 7"#;
        database.run(put).await;
        for (made, expected) in [
            ("json_extract(kept, '$.password')", json!(null)),
            ("kept || ''", json!(null)),
            ("kept", json!(r#"{"k":1}"#)),
        ] {
            let sql = format!("SELECT {made} AS x FROM tickets WHERE id = 7 AND :p = 'a'");
            let served = database.serve(&tool(&sql)).await;
            let answer = served.call("t", json!({ "p": "a" })).await;
            assert_eq!(
                answer["data"],
                json!([{ "x": expected }]),
                "{sql}: {answer}"
            );
        }
    }
}

/// A column that an index sorts is compared as it is stored where a sample of it has no documents; to
/// look into it shows no more than elsewhere.
#[tokio::test]
async fn nothing_looks_into_documents_that_a_sample_did_not_show() {
    for database in databases().await {
        let engine = database.engine;
        database
            .run("CREATE INDEX tickets_status ON tickets (status)")
            .await;
        let served = [
            "SELECT id FROM tickets WHERE status LIKE :p",
            "SELECT id FROM tickets WHERE status > '{' AND :p <> ''",
            "SELECT id FROM tickets WHERE REPLACE(status, 'JP', '') <> status AND :p <> ''",
            "SELECT d.id FROM (SELECT id, status AS s FROM tickets) AS d WHERE d.s LIKE :p",
            "SELECT id FROM tickets WHERE (SELECT x.status FROM tickets x WHERE x.id = tickets.id) LIKE :p",
        ];
        let mut tools = Vec::new();
        for sql in served {
            tools.push((sql, database.serve(&tool(sql)).await));
        }
        let kept = "SELECT id FROM tickets WHERE status = :p";
        let kept = database.serve(&tool(kept)).await;
        // After the sample was taken.
        database
            .run(r#"UPDATE tickets SET status = '{"k":1,"password":"JP"}' WHERE id = 7"#)
            .await;
        for (sql, served) in tools {
            let answer = served.call("t", json!({ "p": "%JP%" })).await;
            let rows = answer["data"].as_array();
            let rows = rows.unwrap_or_else(|| panic!("{engine}: {sql}: {answer}"));
            assert!(!rows.contains(&json!({ "id": 7 })), "{engine}: {sql}");
        }
        // Nor is a document guessed whole.
        for (p, count) in [("closed", 8), (r#"{"k":1,"password":"JP"}"#, 0)] {
            let answer = kept.call("t", json!({ "p": p })).await;
            assert_eq!(answer["count"], count, "{engine}: {answer}");
        }
    }
}

/// A collation that passes over signs takes plain letters for equal to a document: none is found by
/// them.
#[tokio::test]
async fn no_document_is_equal_to_its_letters() {
    for database in databases().await {
        if database.engine != "postgres" {
            continue;
        }
        for statement in [
            "CREATE COLLATION no_signs (provider = icu, locale = 'und-u-ka-shifted', deterministic = false)",
            "ALTER TABLE tickets ALTER COLUMN status TYPE text COLLATE no_signs",
            "CREATE INDEX tickets_status ON tickets (status)",
        ] {
            database.run(statement).await;
        }
        let mut tools = Vec::new();
        for sql in [
            "SELECT id FROM tickets WHERE status = :p",
            "SELECT id FROM tickets WHERE status IN (:p, 'x')",
            "SELECT id FROM tickets WHERE NOT (status <> :p)",
            "WITH a AS (SELECT id, status AS s FROM tickets) SELECT id FROM a WHERE s = :p",
        ] {
            tools.push((sql, database.serve(&tool(sql)).await));
        }
        database
            .run(r#"UPDATE tickets SET status = '{"api_key":"hunter2"}' WHERE id = 7"#)
            .await;
        for (sql, served) in tools {
            for (p, found) in [
                ("apikeyhunter2", false),
                ("api key hunter2", false),
                ("clo-sed", true),
            ] {
                let answer = served.call("t", json!({ "p": p })).await;
                let count = answer["count"].as_i64();
                let count = count.unwrap_or_else(|| panic!("{sql}: {answer}"));
                assert_eq!(count > 0, found, "{sql}: {p}: {answer}");
            }
        }
    }
}
