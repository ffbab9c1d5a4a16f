//! What a text may not reach: functions by a point, and the end of the stack.

use super::*;

/// On PostgreSQL a name after a point is a function where it is no column of the table that is
/// found: each of these would be a call of row_to_json.
#[test]
fn a_name_after_a_point_is_a_column() {
    let one = "(SELECT 1 AS row_to_json) u";
    let name = "u.row_to_json AS z";
    for sql in [
        "SELECT u.row_to_json AS x FROM users u",
        "SELECT users.record_out AS x FROM users",
        "SELECT u.name AS x FROM (SELECT id FROM users) u",
        "SELECT u.name AS x FROM (SELECT name FROM users) u (other)",
        "WITH u AS (SELECT id FROM users) SELECT u.json_agg AS x FROM u",
        "WITH u (a) AS (SELECT id FROM users) SELECT v.id AS x FROM u v",
        "SELECT id FROM users u ORDER BY u.to_jsonb",
        "SELECT a.users.row_to_json AS x FROM users",
        "SELECT (SELECT u.row_to_json) AS x FROM users u",
        "SELECT u.row_to_json[1] AS x FROM users u",
        "SELECT x.y FROM users",
        &format!("SELECT (WITH c AS (SELECT {name}) SELECT c.z FROM c, {one}) AS x FROM users u"),
        &format!("SELECT (SELECT d.z FROM (SELECT {name}) d, {one}) AS x FROM users u"),
        &format!("SELECT (SELECT d.z FROM LATERAL (SELECT {name}) d, {one}) AS x FROM users u"),
        &format!(
            "SELECT (SELECT 1 FROM tickets x JOIN tickets y ON u.row_to_json IS NULL, {one}) AS x FROM users u"
        ),
        &format!(
            "SELECT (SELECT 1 FROM ({one} JOIN users v ON TRUE) AS j WHERE u.row_to_json IS NULL) AS x FROM users u"
        ),
        "WITH c AS (SELECT 1 AS row_to_json) SELECT (WITH RECURSIVE b AS (SELECT c.row_to_json AS z FROM c), c AS (SELECT id FROM users) SELECT b.z FROM b) AS x FROM c",
    ] {
        assert!(plain(Dialect::Postgres, sql).is_err(), "{sql}");
    }
    for sql in [
        "SELECT t.id FROM (SELECT t.id, u.name FROM tickets t JOIN users u ON u.id = t.user_id WHERE t.status = 'open' ORDER BY t.amount) t ORDER BY t.name",
        "SELECT u.id FROM users u WHERE EXISTS (SELECT 1 FROM tickets u WHERE u.title = 'a')",
        "SELECT x.count FROM (SELECT COUNT(*) FROM tickets) x",
        "SELECT v.n FROM (VALUES (1), (2)) AS v (n)",
        "SELECT t.id, d.n FROM tickets t JOIN LATERAL (SELECT COUNT(*) AS n FROM users u WHERE u.id = t.user_id) d ON d.n > 1 AND t.id > 1",
        "SELECT a.id FROM (tickets a JOIN users b ON b.id = a.user_id) JOIN users c ON c.id = b.id",
        "SELECT t.status, SUM(t.amount) OVER (ORDER BY t.id) AS s FROM tickets t UNION SELECT u.name, u.id FROM users u",
    ] {
        let read = plain(Dialect::Postgres, sql);
        assert!(read.is_ok(), "{sql}\n{}", told(&read.unwrap_err()));
    }
}

/// Chains of each kind, as long as a text may be, are refused, and those that people write are not.
#[test]
fn chains_are_judged() {
    // Without optimization a frame of the parser takes several times as much as in a service.
    let judged = std::thread::Builder::new().stack_size(8 << 20);
    judged.spawn(chains).unwrap().join().unwrap();
}

fn chains() {
    let deep = "SELECT 1 AS x FROM tickets WHERE id = 1";
    for (head, link, tail) in [
        ("SELECT 1", "+1", " AS x"),
        ("SELECT 'a'", "||'a'", " AS x"),
        ("SELECT ", "-", "1 AS x"),
        ("SELECT ", "- ", "1 AS x"),
        ("SELECT 1", "::int", " AS x"),
        ("SELECT title", "[1]", " AS x FROM tickets"),
        ("SELECT title", "->'a'", " AS x FROM tickets"),
        ("SELECT title", " COLLATE \"C\"", " AS x FROM tickets"),
        ("SELECT title", " IS NULL", " AS x FROM tickets"),
        ("SELECT title", " AT TIME ZONE 'UTC'", " AS x FROM tickets"),
        ("SELECT id FROM tickets WHERE id=1", " OR id=1", ""),
        ("SELECT id FROM tickets WHERE id=1", " AND id=1", ""),
        ("SELECT id FROM tickets WHERE ", "NOT ", "id=1"),
        ("SELECT id FROM tickets", " JOIN users ON TRUE", ""),
        ("SELECT id FROM tickets", " UNION SELECT id FROM users", ""),
        ("SELECT 1, 2", " UNION SELECT 1, 2", ""),
        ("SELECT 1", " UNION VALUES (1)", ""),
        ("SELECT id FROM tickets WHERE id=1", " OR id IN (1, 2)", ""),
        ("SELECT CASE", " WHEN id=1 THEN 1", " END AS x FROM tickets"),
        (
            "SELECT ",
            "CASE WHEN id=1 THEN 1 ELSE ",
            "1 AS x FROM tickets",
        ),
        (
            "WITH a AS (SELECT 1 AS x)",
            ", b AS (SELECT x FROM a)",
            deep,
        ),
    ] {
        let chain = |links: usize| format!("{head}{}{tail}", link.repeat(links));
        for dialect in ALL {
            let long = plain(dialect, &chain((16 << 10) / link.len()));
            let told = told(&long.expect_err(head));
            assert!(!told.is_empty(), "{head}{link}");
            // As deep as it goes: whatever is said of it, nothing overflows.
            for links in [30, 60, 90, 180, 390] {
                let _ = plain(dialect, &chain(links));
            }
        }
    }
    let members = vec!["id + 1 > 2"; 1_000].join(", ");
    let list = format!("SELECT id FROM tickets WHERE TRUE IN ({members})");
    let or = format!(
        "SELECT id FROM tickets WHERE id = 1{}",
        " OR id = 1".repeat(120)
    );
    for dialect in ALL {
        for sql in [&list, &or] {
            assert!(plain(dialect, sql).is_ok(), "{sql}");
        }
    }
}
