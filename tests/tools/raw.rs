//! Tools that read the database itself, and say what.

use serde_json::json;

use crate::support::databases;

/// The schema that tables stand in, as a file names it.
fn schema(engine: &str, url: &str) -> String {
    match engine {
        "sqlite" => "main".to_owned(),
        "postgres" => "public".to_owned(),
        _ => url.rsplit('/').next().unwrap().to_owned(),
    }
}

/// A tool over tables of the database itself; `$` stands for their schema.
fn tool(sql: &str, reads: &str, schema: &str) -> String {
    let reads = reads.replace('$', schema);
    format!(
        "[[tool]]\nname = \"words\"\ndescription = \"x\"\nraw = true\n\
         sql = \"{}\"\nreads = [{reads}]\n",
        sql.replace('$', schema)
    )
}

/// Wherever it stands: MariaDB leaves out of what it tells what it need not look at.
#[tokio::test]
async fn a_table_that_is_not_declared_is_read_nowhere() {
    for database in databases().await {
        let engine = database.engine;
        let schema = schema(engine, &database.url);
        database
            .run("CREATE VIEW listed AS SELECT id, word FROM unlisted")
            .await;
        for of in ["unlisted", "listed"] {
            for sql in [
                "SELECT u.id, u.id IN (SELECT s.id FROM $.unlisted s WHERE s.word LIKE 'unl%') AS x FROM $.users u",
                "SELECT u.id, u.id NOT IN (SELECT s.id FROM $.unlisted s) AS x FROM $.users u",
                "SELECT u.id FROM $.users u WHERE u.id IN (SELECT s.id FROM $.unlisted s) OR u.id = 99",
                "SELECT u.id FROM $.users u WHERE EXISTS (SELECT 1 FROM $.unlisted s)",
                "SELECT u.id FROM $.users u GROUP BY u.id HAVING u.id IN (SELECT s.id FROM $.unlisted s)",
                "SELECT u.id FROM $.users u ORDER BY (SELECT MAX(s.word) FROM $.unlisted s)",
                "SELECT u.id FROM $.users u LEFT JOIN $.unlisted s ON s.id = u.id",
                "SELECT s.id FROM $.unlisted s",
                "SELECT COUNT(*) AS n FROM $.unlisted",
            ] {
                let sql = sql.replace("$.unlisted", &format!("$.{of}"));
                let declared = "\"$.users.id\", \"$.unlisted.id\", \"$.unlisted.word\", \
                                \"$.listed.id\", \"$.listed.word\"";
                let served = database.serve(&tool(&sql, declared, &schema)).await;
                let answer = served.call("words", json!({})).await;
                assert!(answer["data"].is_array(), "{engine}: {sql}: {answer}");
                let fewer = tool(&sql, "\"$.users.id\"", &schema);
                let hidden = [("MCP_HIDDEN_FIELDS", "unlisted.word")];
                for variables in [&[][..], &hidden] {
                    let refused = database.serve_with(&fewer, variables).await.err();
                    let words = refused.map(|faults| faults.to_string()).unwrap_or_default();
                    let expected = format!("it reads {schema}.{of}, which reads does not name");
                    assert!(words.contains(&expected), "{engine}: {sql}: {words}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_a_raw_tool_reads_is_what_it_names() {
    for database in databases().await {
        let engine = database.engine;
        let schema = schema(engine, &database.url);
        let tool = |sql: &str, reads: &str| tool(sql, reads, &schema);
        for sql in [
            "SELECT u.word, t.id FROM $.unlisted u JOIN $.tickets t ON t.id = u.id",
            "WITH w AS (SELECT word, id FROM $.unlisted) SELECT w.word, t.id FROM w JOIN $.tickets t ON t.id = w.id",
        ] {
            let reads = "\"$.unlisted.id\", \"$.unlisted.word\", \"$.tickets.id\"";
            let served = database.serve(&tool(sql, reads)).await;
            let answer = served.call("words", json!({})).await;
            let expected = json!([{ "word": "unlisted-word", "id": 1 }]);
            assert_eq!(answer["data"], expected, "{engine}: {answer}");
            let fewer = tool(sql, "\"$.tickets.id\"");
            let refused = database.serve_with(&fewer, &[]).await;
            let words = refused.err().map(|faults| faults.to_string());
            let words = words.unwrap_or_default();
            assert!(
                words.contains("which reads does not name"),
                "{engine}: {words}"
            );
        }
        // What has a sensitive name is read under no other, listed or not.
        for (sql, reads) in [
            (
                "SELECT id, password_hash FROM $.users",
                "\"$.users.id\", \"$.users.password_hash\"",
            ),
            (
                "SELECT id, password_hash AS p FROM $.users",
                "\"$.users.id\", \"$.users.password_hash\"",
            ),
            (
                "SELECT id, password_hash AS p FROM $.users",
                "\"$.users.id\"",
            ),
            (
                "SELECT id, UPPER(u.Password_Hash) AS p FROM $.users u",
                "\"$.users.id\"",
            ),
            (
                "SELECT id FROM $.users",
                "\"$.users.id\", \"$.users.password_hash\"",
            ),
        ] {
            let refused = database.serve_with(&tool(sql, reads), &[]).await.err();
            let words = refused.map(|faults| faults.to_string()).unwrap_or_default();
            let is_told = ["is hidden", "which reads does not name"];
            assert!(
                is_told.iter().any(|it| words.contains(it)),
                "{engine}: {sql}: {words}"
            );
        }
        for sql in [
            "DELETE FROM $.unlisted",
            "SELECT word FROM $.unlisted FOR UPDATE",
            "SELECT word FROM $.unlisted; SELECT 1",
        ] {
            let refused = database
                .serve_with(&tool(sql, "\"$.unlisted.word\""), &[])
                .await;
            assert!(refused.is_err(), "{engine}: {sql}");
        }
    }
}
