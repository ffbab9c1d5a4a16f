//! Shapes of SQL that operators write, each on every engine that has it.

use serde_json::{Value, json};

use crate::support::databases;

/// A statement, how many rows come of it, and the last of them.
const SHAPES: &[(&str, usize, &str)] = &[
    ("SELECT COUNT(*) AS n FROM open_ones", 1, r#"{"n":8}"#),
    (
        "SELECT o.id, u.name FROM open_ones o JOIN tickets t ON t.id = o.id JOIN users u ON u.id = t.user_id ORDER BY o.id",
        8,
        r#"{"id":24,"name":"ana"}"#,
    ),
    (
        "SELECT name AS x FROM users UNION ALL SELECT title FROM tickets WHERE id < 3",
        5,
        "",
    ),
    (
        "SELECT id FROM tickets EXCEPT SELECT id FROM tickets WHERE id > 2",
        2,
        "",
    ),
    (
        "SELECT id FROM tickets INTERSECT SELECT id FROM users",
        3,
        "",
    ),
    (
        "SELECT id, SUM(id) OVER (PARTITION BY user_id ORDER BY id) AS s FROM tickets ORDER BY id LIMIT 4",
        4,
        r#"{"id":4,"s":5}"#,
    ),
    (
        "SELECT id, LAG(id) OVER w AS earlier FROM tickets WINDOW w AS (ORDER BY id) ORDER BY id LIMIT 3",
        3,
        r#"{"id":3,"earlier":2}"#,
    ),
    (
        "WITH RECURSIVE up AS (SELECT id, title FROM tickets WHERE id = 1 UNION ALL SELECT t.id, t.title FROM tickets t JOIN up ON t.id = up.id + 1 WHERE t.id < 6) SELECT id, title FROM up ORDER BY id",
        5,
        r#"{"id":5,"title":"ticket 5"}"#,
    ),
    (
        "SELECT x.id FROM (WITH a AS (SELECT id FROM tickets) SELECT id FROM a WHERE id < 4) AS x ORDER BY x.id",
        3,
        r#"{"id":3}"#,
    ),
    (
        "WITH a AS (SELECT user_id, COUNT(*) AS n FROM tickets GROUP BY user_id), b AS (SELECT MAX(n) AS most FROM a) SELECT a.user_id, b.most FROM a JOIN b ON b.most = a.n ORDER BY a.user_id",
        3,
        r#"{"user_id":3,"most":8}"#,
    ),
    (
        "SELECT u.id, (SELECT COUNT(*) FROM tickets t WHERE t.user_id = u.id AND t.status = 'open') AS n FROM users u ORDER BY u.id",
        3,
        r#"{"id":3,"n":0}"#,
    ),
    (
        "SELECT u.name, MAX(t.id) AS id FROM users u LEFT JOIN tickets t ON t.user_id = u.id GROUP BY u.name HAVING COUNT(t.id) > 7 ORDER BY MAX(t.id)",
        3,
        r#"{"name":"ana","id":24}"#,
    ),
];
/// Those that PostgreSQL and MySQL 8 have, and MariaDB and SQLite have not.
const LATERAL: (&str, usize, &str) = (
    "SELECT u.id, d.n FROM users u CROSS JOIN LATERAL (SELECT COUNT(*) AS n FROM tickets t WHERE t.user_id = u.id) AS d ORDER BY u.id",
    3,
    r#"{"id":3,"n":8}"#,
);

#[tokio::test]
async fn what_operators_write_is_answered() {
    for database in databases().await {
        let engine = database.engine;
        database
            .run("CREATE VIEW open_ones AS SELECT id, title FROM tickets WHERE status = 'open'")
            .await;
        let mut shapes = SHAPES.to_vec();
        if engine == "postgres" {
            shapes.push(LATERAL);
        }
        let tools = shapes.iter().enumerate().map(|(at, (sql, ..))| {
            format!("[[tool]]\nname = \"t{at}\"\ndescription = \"x\"\nsql = '''{sql}'''\n")
        });
        let tools: String = tools.collect();
        let models = ("MCP_ALLOWED_MODELS", "tickets,users,open_ones");
        let served = database.serve_with(&tools, &[models]).await;
        let served = served.unwrap_or_else(|faults| panic!("{engine}: {faults}"));
        for (at, (sql, count, last)) in shapes.iter().enumerate() {
            let answer = served.call(&format!("t{at}"), json!({})).await;
            assert_eq!(answer["count"], *count, "{engine}: {sql}: {answer}");
            if !last.is_empty() {
                let last: Value = serde_json::from_str(last).unwrap();
                assert_eq!(answer["data"][count - 1], last, "{engine}: {sql}");
            }
        }
    }
}
