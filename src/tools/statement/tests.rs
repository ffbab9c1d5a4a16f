use std::sync::Arc;

mod raw;
mod reach;

use super::*;
use crate::catalog::FieldType;
use crate::sql::tool::Risk;
use crate::tools::Place;
use crate::tools::parameter::{Accepted, Source};

const MODELS: &[&str] = &["tickets", "users", "Track"];
const FIELDS: &[&str] = &["id", "title", "status", "user_id", "amount", "name", "Name"];
const ALL: [Dialect; 3] = [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql];

fn place() -> Place {
    Place {
        file: Arc::from("f.toml"),
        line: 10,
        column: 1,
    }
}

fn parameter(name: &str, is_list: bool) -> Parameter {
    let accepted = Accepted {
        is_list,
        ..Accepted::any(FieldType::Text)
    };
    Parameter {
        name: name.to_owned(),
        source: Source::Client(Box::new(accepted)),
        place: place(),
    }
}

fn with(dialect: Dialect, sql: &str, parameters: &[Parameter]) -> Result<Statement, Vec<Fault>> {
    let text = Text {
        sql: sql.to_owned(),
        place: place(),
    };
    let functions = ["public.slug".to_owned()];
    let columns: Vec<_> = MODELS.iter().map(|it| (*it, FIELDS.to_vec())).collect();
    let names = Names {
        dialect,
        models: Some(MODELS),
        columns: &columns,
        functions: &functions,
        parameters,
        raw: false,
    };
    read(&text, names)
}

fn plain(dialect: Dialect, sql: &str) -> Result<Statement, Vec<Fault>> {
    with(dialect, sql, &[])
}

fn told(faults: &[Fault]) -> String {
    let told: Vec<String> = faults
        .iter()
        .map(|fault| format!("{fault} ({})", fault.help))
        .collect();
    told.join("\n")
}

#[test]
fn what_an_operator_writes_is_taken() {
    for sql in [
        "SELECT id, title FROM tickets",
        "SELECT t.id, u.name AS owner FROM tickets t JOIN users u ON u.id = t.user_id WHERE t.status = 'open' ORDER BY t.id LIMIT 5",
        "SELECT COUNT(*) AS n FROM tickets",
        "SELECT status, COUNT(*) AS n, SUM(amount) AS total FROM tickets GROUP BY status HAVING COUNT(*) > 1 ORDER BY n DESC",
        "WITH open AS (SELECT id, user_id FROM tickets WHERE status = 'open'), more AS (SELECT id FROM open) SELECT o.id FROM open o JOIN more m ON m.id = o.id",
        "SELECT id FROM tickets WHERE user_id IN (SELECT id FROM users WHERE name LIKE 'A%')",
        "SELECT id, ROW_NUMBER() OVER (PARTITION BY status ORDER BY id) AS place FROM tickets",
        "SELECT id FROM tickets UNION ALL SELECT id FROM users ORDER BY id",
        "SELECT CASE WHEN amount > 10 THEN 'much' ELSE 'little' END AS size FROM tickets",
        "SELECT COALESCE(u.name, '-') AS name FROM users u LEFT JOIN tickets t ON t.user_id = u.id WHERE t.id IS NULL",
        "SELECT id FROM tickets t WHERE EXISTS (SELECT 1 FROM users u WHERE u.id = t.user_id)",
        "SELECT x.n FROM (SELECT COUNT(*) AS n FROM tickets) AS x",
        "SELECT id -- the key\nFROM tickets /* all */;",
        "WITH RECURSIVE up AS (SELECT id, user_id FROM tickets WHERE id = 1 UNION ALL SELECT t.id, t.user_id FROM tickets t JOIN up ON up.user_id = t.id) SELECT id FROM up",
        "SELECT CAST(amount AS INTEGER) AS whole FROM tickets WHERE amount BETWEEN 1 AND 2",
        "SELECT 'it''s' AS quote, 'a;b' AS semicolon, '--' AS dashes FROM tickets",
        "SELECT public.slug(title) AS slug FROM tickets",
        "SELECT DISTINCT status FROM tickets",
        "SELECT Track.Name FROM users JOIN tickets USING (id) JOIN (SELECT id AS Name FROM users) AS Track ON TRUE",
    ] {
        for dialect in ALL {
            if let Err(faults) = plain(dialect, sql) {
                panic!("{dialect:?} {sql}\n{}", told(&faults));
            }
        }
    }
    let read = plain(
        Dialect::Postgres,
        "SELECT t.id FROM tickets t JOIN users ON true JOIN tickets x ON true",
    )
    .unwrap();
    assert_eq!(read.models, ["tickets", "users"]);
}

#[test]
fn own_lists_are_split_from_their_head_and_comments_go() {
    let read = plain(
        Dialect::Sqlite,
        "-- why\nWITH RECURSIVE a AS (SELECT id FROM tickets) /* b */ SELECT id FROM a LIMIT 3",
    )
    .unwrap();
    assert!(read.select.has_with && read.select.is_recursive && read.select.has_limit);
    let Piece::Sql(text) = &read.select.pieces[0] else {
        panic!()
    };
    assert!(
        !text.contains("why") && !text.contains("WITH") && !text.contains("RECURSIVE"),
        "{text}"
    );
    assert!(
        text.trim_start()
            .starts_with("a AS (SELECT id FROM tickets)"),
        "{text}"
    );
}

#[test]
fn parameters_are_values_and_lists() {
    let parameters = [parameter("a", false), parameter("many", true)];
    let sql =
        "SELECT id FROM tickets WHERE title = :a AND status IN (:many) OR name = :a OR x = ':a'";
    for dialect in ALL {
        let read = with(dialect, sql, &parameters)
            .unwrap_or_else(|faults| panic!("{dialect:?} {}", told(&faults)));
        let kinds: Vec<&Piece> = read
            .select
            .pieces
            .iter()
            .filter(|piece| !matches!(piece, Piece::Sql(_)))
            .collect();
        assert_eq!(kinds, [&Piece::Value(0), &Piece::List(1), &Piece::Value(0)]);
        let Some(Piece::Sql(last)) = read.select.pieces.last() else {
            panic!()
        };
        assert!(last.ends_with("x = ':a'"), "{last}");
    }
    for (sql, expected) in [
        (
            "SELECT id FROM tickets WHERE a = :a AND b IN (:many) AND c = :b",
            "f.toml:10:62: :b is no parameter of the tool",
        ),
        (
            "SELECT id FROM tickets WHERE b IN (:many)",
            "parameter a is not used by the SQL",
        ),
        (
            "SELECT id FROM tickets WHERE a = :a AND b = :many",
            ":many is a list (write IN (:many))",
        ),
    ] {
        let faults = with(Dialect::Postgres, sql, &parameters).unwrap_err();
        assert!(told(&faults).contains(expected), "{sql}\n{}", told(&faults));
    }
    // A cast is no parameter.
    assert!(plain(Dialect::Postgres, "SELECT id::text AS id FROM tickets").is_ok());
}

#[test]
fn a_fault_has_its_place() {
    for (sql, line, column) in [
        ("SELECT *\nFROM tickets", 10, 8),
        ("SELECT id\nFROM nothing", 11, 6),
        ("SELECT id,\n  pg_sleep(1) AS s FROM tickets", 11, 3),
        ("SELECT id FROM tickets; SELECT 1", 10, 23),
        ("SELECT id\nFROM\ntickets WHERE", 12, 14),
    ] {
        let faults = plain(Dialect::Postgres, sql).unwrap_err();
        let place = &faults[0].place;
        assert_eq!(
            (place.line, place.column),
            (line, column),
            "{sql}: {}",
            told(&faults)
        );
        assert!(!faults[0].help.is_empty());
    }
}

/// What no tool may say on any engine.
const HOSTILE: &[&str] = &[
    "",
    ";",
    "SELECT",
    "DROP TABLE tickets",
    "INSERT INTO tickets VALUES (1)",
    "UPDATE tickets SET id = 1",
    "DELETE FROM tickets",
    "SELECT id FROM tickets; DROP TABLE tickets",
    "SELECT 1; SELECT 2",
    "SELECT id FROM tickets;;",
    "CREATE TABLE x AS SELECT id FROM tickets",
    "WITH a AS (DELETE FROM tickets RETURNING id) SELECT id FROM a",
    "WITH a AS (INSERT INTO tickets VALUES (1) RETURNING id) SELECT id FROM a",
    "WITH a AS (UPDATE tickets SET id = 1 RETURNING id) SELECT id FROM a",
    "SELECT id INTO x FROM tickets",
    "SELECT id FROM tickets FOR UPDATE",
    "SELECT id FROM tickets FOR SHARE",
    "SELECT * FROM tickets",
    "SELECT t.* FROM tickets t",
    "SELECT id, * FROM tickets",
    "SELECT x.id FROM (SELECT * FROM tickets) x",
    "SELECT id FROM secrets",
    "SELECT id FROM main.tickets",
    "SELECT id FROM public.tickets",
    "SELECT id FROM shop.tickets",
    "SELECT id FROM pg_catalog.pg_class",
    "SELECT relname FROM pg_class",
    "SELECT name FROM sqlite_master",
    "SELECT name FROM sqlite_schema",
    "SELECT table_name FROM information_schema.tables",
    "SELECT user FROM mysql.user",
    "SELECT id FROM \"tickets \"",
    "SELECT id FROM tickets WHERE id = $1",
    "SELECT id FROM tickets WHERE id = ?",
    "SELECT id FROM tickets WHERE id = ?1",
    "SELECT @x",
    "SELECT id FROM tickets WHERE id = @id",
    "SELECT @x := 1",
    "SELECT pg_read_file('/etc/passwd') AS x",
    "SELECT pg_sleep(10) AS x",
    "SELECT set_config('a','b',false) AS x",
    "SELECT current_setting('x') AS x",
    "SELECT lo_import('/etc/passwd') AS x",
    "SELECT lo_get(1) AS x",
    "SELECT dblink('x','y') AS x",
    "SELECT query_to_xml('SELECT 1',true,true,'') AS x",
    "SELECT nextval('s') AS x",
    "SELECT pg_advisory_lock(1) AS x",
    "SELECT LOAD_FILE('/etc/passwd') AS x",
    "SELECT SLEEP(10) AS x",
    "SELECT BENCHMARK(1000000, 1) AS x",
    "SELECT GET_LOCK('a', 1) AS x",
    "SELECT load_extension('x') AS x",
    "SELECT readfile('x') AS x",
    "SELECT writefile('x','y') AS x",
    "SELECT randomblob(1000000000) AS x",
    "SELECT repeat('a', 1000000000) AS x",
    "SELECT version() AS x",
    "SELECT current_user AS x",
    "SELECT session_user AS x",
    "SELECT user() AS x",
    "SELECT database() AS x",
    "SELECT random() AS x",
    "SELECT x.value FROM json_each('[1]') x",
    "SELECT g FROM generate_series(1, 1000000000) g",
    "SELECT name FROM pragma_table_info('tickets')",
    "SELECT l FROM pg_ls_dir('/') l",
    "SELECT u FROM unnest(ARRAY[1]) u",
    "ATTACH DATABASE 'x' AS y",
    "PRAGMA query_only = 0",
    "VACUUM INTO 'x'",
    "SET x = 1",
    "CALL p()",
    "DO $$ BEGIN END $$",
    "COPY tickets TO '/tmp/x'",
    "EXPLAIN SELECT id FROM tickets",
    "SHOW TABLES",
    "BEGIN",
    "COMMIT",
    "VALUES (1)",
    "TABLE tickets",
    "SELECT id FROM tickets UNION TABLE users",
    "SELECT id, id FROM tickets",
    "SELECT t.id, u.id FROM tickets t JOIN users u ON true",
    "WITH tickets AS (SELECT id FROM users) SELECT id FROM tickets",
    "WITH TICKETS AS (SELECT id FROM users) SELECT id FROM TICKETS",
    "WITH a AS (SELECT id FROM a) SELECT id FROM a",
    "WITH a AS (SELECT id FROM b), b AS (SELECT id FROM tickets) SELECT id FROM a",
    "WITH pg_class AS (SELECT relname FROM pg_class) SELECT relname FROM pg_class",
    "SELECT id FROM tickets NATURAL JOIN users",
    "SELECT id FROM tickets TABLESAMPLE SYSTEM (1)",
    "SELECT CAST('x' AS regclass) AS x",
    "SELECT id FROM tickets WHERE a = :nothing",
    "SELECT public.other(id) AS x FROM tickets",
    "SELECT evil.lower(title) AS x FROM tickets",
    "SELECT id FROM tickets WHERE (SELECT pg_sleep(1)) IS NULL",
    "SELECT id FROM tickets ORDER BY pg_sleep(1)",
    "SELECT id FROM tickets GROUP BY id HAVING SLEEP(1) = 0",
    "SELECT id FROM tickets LIMIT (SELECT SLEEP(1))",
    "SELECT SUM(id) OVER (ORDER BY SLEEP(1)) AS x FROM tickets",
    "SELECT CASE WHEN SLEEP(1) THEN 1 END AS x FROM tickets",
    "SELECT id FROM tickets WHERE id = 'unclosed",
    "SELECT id FROM tickets WHERE id IN secrets",
    "SELECT id FROM tickets JOIN LATERAL (SELECT * FROM users) u ON true",
    "SELECT id FROM tickets, secrets",
];

/// What is said in one engine's own words.
const OF_ONE: &[(Dialect, &str)] = &[
    (Dialect::MySql, "SELECT @@version"),
    (Dialect::Sqlite, "SELECT @@version"),
    (Dialect::Postgres, "SELECT E'a\\'b' AS x"),
    (Dialect::Postgres, "SELECT U&'\\0041' AS x"),
    (Dialect::Postgres, "SELECT $$a$$ AS x"),
    (Dialect::Postgres, "SELECT 'pg_authid'::regclass AS x"),
    (
        Dialect::Postgres,
        "SELECT id OPERATOR(public.=) 1 AS x FROM tickets",
    ),
    (
        Dialect::Postgres,
        "SELECT title COLLATE public.evil AS x FROM tickets",
    ),
    (
        Dialect::Postgres,
        "SELECT CAST(id AS public.evil) AS x FROM tickets",
    ),
    (Dialect::Postgres, "SELECT id FROM ONLY tickets"),
    (Dialect::Postgres, "SELECT evil 'x' AS x"),
    (Dialect::Postgres, "SELECT id FROM TICKETS_X"),
    (Dialect::Postgres, "SELECT Name FROM Track"),
    (
        Dialect::Postgres,
        "WITH \"PG_CLASS\" AS (SELECT id FROM tickets) SELECT relname FROM pg_class",
    ),
    (
        Dialect::Postgres,
        "SELECT \"Lower\"(title) AS x FROM tickets",
    ),
    (
        Dialect::Postgres,
        "SELECT x FROM xmltable('/a' PASSING '<a/>' COLUMNS x text)",
    ),
    (
        Dialect::MySql,
        "SELECT id FROM tickets /*! UNION SELECT secret FROM users */",
    ),
    (
        Dialect::MySql,
        "SELECT id FROM tickets /*M! UNION SELECT 1 */",
    ),
    (Dialect::MySql, "SELECT 'a\\' AS x, ' FROM tickets"),
    (Dialect::MySql, "SELECT \"id\" AS x FROM tickets"),
    (
        Dialect::MySql,
        "SELECT id FROM tickets INTO OUTFILE '/tmp/x'",
    ),
    (Dialect::MySql, "SELECT id FROM tickets LOCK IN SHARE MODE"),
    (Dialect::MySql, "SELECT SQL_CALC_FOUND_ROWS id FROM tickets"),
    (Dialect::MySql, "SELECT id FROM tickets PROCEDURE ANALYSE()"),
    (Dialect::MySql, "SELECT id FROM tickets PARTITION (p0)"),
    (Dialect::MySql, "SELECT id FROM tickets USE INDEX (x)"),
    (
        Dialect::MySql,
        "SELECT /*+ MAX_EXECUTION_TIME(0) */ id FROM tickets",
    ),
    (
        Dialect::MySql,
        "SELECT x FROM JSON_TABLE('[1]', '$[*]' COLUMNS(x INT PATH '$')) j",
    ),
    (Dialect::MySql, "SELECT id FROM track"),
    (Dialect::Sqlite, "SELECT id FROM tickets WHERE id IN users"),
    (Dialect::Sqlite, "SELECT id FROM tickets INDEXED BY x"),
    (Dialect::Sqlite, "SELECT fts3_tokenizer('x') AS x"),
    (Dialect::Sqlite, "SELECT id FROM temp.tickets"),
    (Dialect::Sqlite, "SELECT zeroblob(1000000000) AS x"),
];

#[test]
fn nothing_hostile_is_taken() {
    let everywhere = HOSTILE
        .iter()
        .flat_map(|sql| ALL.map(|dialect| (dialect, *sql)));
    let mut taken = Vec::new();
    for (dialect, sql) in everywhere.chain(OF_ONE.iter().copied()) {
        match plain(dialect, sql) {
            Ok(statement) => taken.push((dialect, sql, statement)),
            Err(faults) => {
                for fault in faults {
                    let told = !fault.message.is_empty() && !fault.help.is_empty();
                    assert!(told && fault.place.line >= 10, "{sql}: {fault:?}");
                }
            }
        }
    }
    assert!(taken.is_empty(), "{taken:#?}");
    assert!(HOSTILE.len() >= 60);
}

#[test]
fn a_text_of_any_shape_is_judged_and_not_more() {
    let deep = format!("SELECT {}1{} AS x", "(".repeat(5_000), ")".repeat(5_000));
    for dialect in ALL {
        assert!(plain(dialect, &deep).is_err());
    }
    let mut seed = fastrand::Rng::with_seed(7);
    let words = [
        "SELECT", "id", "FROM", "tickets", "WITH", "a", "AS", "(", ")", ",", "'", "\"", "`", "[",
        "]", ":", "::", ":a", ";", "--", "/*", "*/", "\n", "\\", "é", "\0", "$1", "UNION", "*",
        "1e5", "WHERE", "=",
    ];
    for _ in 0..3_000 {
        let sql: Vec<&str> = (0..seed.usize(1..20))
            .map(|_| words[seed.usize(..words.len())])
            .collect();
        for dialect in ALL {
            let _ = plain(dialect, &sql.join(if seed.bool() { " " } else { "" }));
        }
    }
}

/// What compares columns fails on no value; anything else may.
#[test]
fn what_can_fail_on_a_value_is_known() {
    let parameters = [parameter("a", false)];
    let judged = |sql: &str| {
        let sql = sql.replace("$", ":a");
        let read = with(Dialect::Postgres, &sql, &parameters);
        read.unwrap_or_else(|faults| panic!("{sql}\n{}", told(&faults)))
            .select
            .risk
    };
    for sql in [
        "SELECT id, title AS t FROM tickets WHERE title = $ AND NOT (id < -5 OR amount IS NULL)",
        "SELECT t.id FROM tickets t JOIN users u ON u.id = t.user_id WHERE t.id BETWEEN 1 AND $",
        "SELECT status, COUNT(*) AS n, SUM(amount) AS s FROM tickets WHERE id <> $ GROUP BY status HAVING COUNT(*) > 1",
        "SELECT id FROM tickets WHERE title LIKE '%a' AND id = $ ORDER BY id LIMIT 5",
        "SELECT id FROM tickets WHERE user_id IN (SELECT id FROM users WHERE name = $)",
        "SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS n FROM tickets WHERE id = $ AND created_at < CURRENT_TIMESTAMP",
    ] {
        assert_eq!(judged(sql), Risk::Comparison, "{sql}");
    }
    // Values that become of one type.
    for sql in [
        "SELECT id FROM tickets WHERE COALESCE(title, status) = $",
        "SELECT id FROM tickets WHERE title = $ UNION ALL SELECT id FROM users",
        "SELECT id FROM tickets WHERE id IN (SELECT id FROM users EXCEPT SELECT 1) AND id = $",
        "SELECT id FROM tickets t WHERE id = $ AND EXISTS (SELECT 1 FROM (VALUES (t.id), (t.title)) AS v (x) WHERE v.x = '1')",
        "SELECT t.title FROM tickets t JOIN users USING (id) WHERE t.title = $",
        "SELECT t.title FROM users JOIN (tickets t JOIN Track USING (id)) ON TRUE WHERE t.title = $",
    ] {
        let sql = sql.replace("Track", "\"Track\"");
        assert_eq!(judged(&sql), Risk::Union, "{sql}");
        for moment in ["CURRENT_TIMESTAMP", "TIMESTAMP '2026-01-01'"] {
            let sql = sql.replace('$', &format!("$ OR amount < {moment}"));
            assert_eq!(judged(&sql), Risk::UnionWithMoment, "{sql}");
        }
    }
    for sql in [
        "SELECT id FROM tickets WHERE 100 / (amount - $) > 1",
        "SELECT id FROM tickets WHERE ABS(amount) > $",
        "SELECT id FROM tickets WHERE CAST(title AS integer) = $",
        "SELECT id FROM tickets WHERE title::integer = $",
        "SELECT id FROM tickets WHERE -amount = $",
        "SELECT id FROM tickets WHERE title LIKE $",
        "SELECT id FROM tickets WHERE title LIKE '%a\\' AND id = $",
        "SELECT CASE WHEN id = $ THEN 1 END AS x FROM tickets",
        "SELECT id FROM tickets WHERE id = $ ORDER BY id + 1",
        "SELECT id FROM tickets t WHERE id = $ AND id = (SELECT id FROM users u WHERE u.name = t.title)",
        "SELECT id FROM tickets t WHERE id = $ AND EXISTS (SELECT 1 FROM users u WHERE u.id = t.id HAVING SUM(u.id) > 0)",
        "SELECT t.id FROM tickets t JOIN users u ON u.id / t.id = $",
        "SELECT public.slug(title) AS x FROM tickets WHERE id = $",
    ] {
        assert_eq!(judged(sql), Risk::Any, "{sql}");
    }
}

#[test]
fn a_model_is_named_as_it_is_exposed() {
    for dialect in ALL {
        let other = plain(dialect, "SELECT id FROM USERS");
        // PostgreSQL takes a name without quotes in small letters.
        match dialect {
            Dialect::Postgres => assert_eq!(other.unwrap().models, ["users"]),
            Dialect::Sqlite | Dialect::MySql => {
                let told = told(&other.unwrap_err());
                assert!(told.contains("its name is users: write it so"), "{told}");
            }
        }
    }
    let told = told(&plain(Dialect::Postgres, "SELECT id FROM Track").unwrap_err());
    assert!(told.contains("write \"Track\""), "{told}");
}

/// Lists that name the one before them twice, so many of them.
fn doubled(lists: usize) -> String {
    let more = (1..lists).map(|at| {
        let before = at - 1;
        format!(", w{at} AS (SELECT a.id FROM w{before} a JOIN w{before} b ON b.id = a.id)")
    });
    let more: String = more.collect();
    let last = lists - 1;
    format!("WITH w0 AS (SELECT id FROM tickets){more} SELECT COUNT(*) AS n FROM w{last}")
}

/// The same, each list within the one after it.
fn nested(lists: usize) -> String {
    let body = (1..lists).fold("SELECT id FROM tickets".to_owned(), |inner, at| {
        format!("WITH w{at} AS ({inner}) SELECT a.id FROM w{at} a JOIN w{at} b ON b.id = a.id")
    });
    format!("SELECT COUNT(*) AS n FROM ({body}) AS x")
}

/// Engines write a list out where it is named: what doubles is bounded before an engine sees it, and
/// costs nothing to find.
#[test]
fn lists_that_double_are_bounded() {
    for dialect in ALL {
        for sql in [doubled(8), nested(8)] {
            assert!(plain(dialect, &sql).is_ok(), "{sql}");
        }
        for sql in [doubled(12), doubled(40), nested(12), nested(20)] {
            let told = told(&plain(dialect, &sql).unwrap_err());
            assert!(told.contains("more than 500 tables"), "{sql}: {told}");
        }
    }
}

/// What looks into a text, or hands it on under another name, opens it; what compares, sorts and
/// groups does not.
#[test]
fn what_opens_a_column_is_known() {
    let opens = |sql: &str| {
        let parameters = [parameter("a", false)];
        let read = with(Dialect::Postgres, &sql.replace('$', ":a"), &parameters);
        let read = read.unwrap_or_else(|faults| panic!("{sql}\n{}", told(&faults)));
        assert!(read.select.weighed.contains("title"), "{sql}");
        read.select.opened.contains("title")
    };
    for sql in [
        "SELECT id FROM tickets WHERE title = $",
        "SELECT id FROM tickets WHERE title <> 'x' AND title IN ('a', $)",
        "SELECT t.id FROM tickets t JOIN users u ON u.name = t.title AND u.id = $",
        "SELECT title, COUNT(*) AS n, MAX(title) AS m FROM tickets WHERE id = $ GROUP BY title ORDER BY title",
        "SELECT id, RANK() OVER (PARTITION BY title ORDER BY title) AS n FROM tickets WHERE id = $",
        "SELECT id FROM tickets WHERE id = $ AND title IN (SELECT name FROM users)",
        "SELECT d.id FROM (SELECT id, title FROM tickets) AS d WHERE d.title = $",
    ] {
        assert!(!opens(sql), "{sql}");
    }
    for sql in [
        "SELECT id FROM tickets WHERE title LIKE $",
        "SELECT id FROM tickets WHERE title > $",
        "SELECT id FROM tickets WHERE title BETWEEN 'a' AND $",
        "SELECT UPPER(title) AS x FROM tickets WHERE id = $",
        "SELECT id FROM tickets WHERE title = CONCAT('{', CAST($ AS text))",
        "SELECT id FROM tickets WHERE (SELECT title FROM tickets LIMIT 1) LIKE $",
        "SELECT d.id FROM (SELECT id, title AS x FROM tickets) AS d WHERE d.x LIKE $",
        "SELECT d.id FROM (SELECT id, title FROM tickets) AS d (id, x) WHERE d.x LIKE $",
        "WITH d (id, x) AS (SELECT id, title FROM tickets) SELECT id FROM d WHERE x LIKE $",
        "SELECT d.x FROM (SELECT name AS x FROM users UNION SELECT title FROM tickets) AS d WHERE d.x LIKE $",
        "SELECT CASE title WHEN 'a' THEN 1 END AS x FROM tickets WHERE id = $",
        "SELECT title AS x FROM tickets WHERE id = $ ORDER BY UPPER(x)",
    ] {
        assert!(opens(sql), "{sql}");
    }
}
