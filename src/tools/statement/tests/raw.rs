//! Which tables a text names: declared ones alone, wherever they stand.

use super::*;

/// What an engine says that a raw statement reads may leave a table out; the statement names it.
#[test]
fn a_raw_statement_reads_what_is_declared() {
    let raw = |dialect, sql: &str, reads: &[&str]| {
        let text = Text {
            sql: sql.to_owned(),
            place: place(),
        };
        let columns: Vec<_> = reads.iter().map(|it| (*it, vec!["id", "s"])).collect();
        let names = Names {
            dialect,
            models: Some(MODELS),
            columns: &columns,
            functions: &[],
            parameters: &[],
            raw: true,
        };
        read(&text, names)
    };
    for sql in [
        "SELECT u.id FROM main.users u JOIN main.secret s ON s.id = u.id",
        "SELECT u.id FROM main.users u LEFT JOIN (main.users x CROSS JOIN main.secret s) ON FALSE",
        "SELECT u.id FROM main.users u WHERE u.id IN (SELECT s.id FROM main.secret s)",
        "SELECT u.id, u.id NOT IN (SELECT s.id FROM main.secret s) AS x FROM main.users u",
        "SELECT u.id FROM main.users u WHERE EXISTS (SELECT 1 FROM main.secret s)",
        "SELECT u.id, (SELECT MAX(s.id) FROM main.secret s) AS x FROM main.users u",
        "SELECT u.id FROM main.users u GROUP BY u.id HAVING u.id IN (SELECT s.id FROM main.secret s)",
        "SELECT u.id FROM main.users u ORDER BY (SELECT MAX(s.id) FROM main.secret s)",
        "SELECT u.id FROM main.users u UNION SELECT s.id FROM main.secret s",
        "WITH w AS (SELECT s.id FROM main.secret s) SELECT u.id FROM main.users u JOIN w ON w.id = u.id",
        "SELECT x.id FROM (SELECT s.id FROM main.secret s) AS x CROSS JOIN main.users u",
        "SELECT u.id FROM main.users u LIMIT (SELECT COUNT(*) FROM main.secret)",
        "SELECT COUNT(*) AS n FROM main.secret",
    ] {
        for dialect in ALL {
            let both = raw(dialect, sql, &["main.users", "main.secret"]);
            assert!(both.is_ok(), "{dialect:?} {sql}\n{both:?}");
            let faults = raw(dialect, sql, &["main.users"]).unwrap_err();
            let told = told(&faults);
            let expected = "it reads main.secret, which reads does not name";
            assert!(told.contains(expected), "{dialect:?} {sql}\n{told}");
        }
    }
    // Without a schema it is one of the engine's own, of the file, or of any.
    let bare = "WITH w AS (SELECT s.id FROM secret s) SELECT w.id FROM w";
    let takes =
        |dialect| ["main.secret", "pg_catalog.secret"].map(|it| raw(dialect, bare, &[it]).is_ok());
    assert_eq!(takes(Dialect::Sqlite), [true, false]);
    assert_eq!(takes(Dialect::Postgres), [false, true]);
    assert_eq!(takes(Dialect::MySql), [false, false]);
}

#[test]
fn joins_in_parentheses_are_joins() {
    for sql in [
        "SELECT 1 AS x FROM (tickets NATURAL JOIN users)",
        "SELECT 1 AS x FROM users u CROSS JOIN (tickets NATURAL JOIN users)",
        "SELECT 1 AS x FROM ((tickets NATURAL JOIN users) CROSS JOIN users u)",
    ] {
        for dialect in ALL {
            let told = told(&plain(dialect, sql).unwrap_err());
            assert!(told.contains("NATURAL joins"), "{dialect:?} {sql}\n{told}");
            let using = sql.replace("NATURAL JOIN users", "JOIN users USING (title)");
            let read = plain(dialect, &using).unwrap();
            let weighed = read.weighed.iter().map(|(name, _)| &**name);
            assert_eq!(
                weighed.collect::<Vec<_>>(),
                ["title"],
                "{dialect:?} {using}"
            );
        }
    }
}

#[test]
fn a_from_of_nothing_is_told_to_go() {
    let told = told(&plain(Dialect::MySql, "SELECT 1 AS x FROM Dual").unwrap_err());
    assert!(told.contains("(take FROM out"), "{told}");
    assert!(plain(Dialect::MySql, "SELECT 1 AS x").is_ok());
}
