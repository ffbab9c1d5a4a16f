//! Keys whose two sides are of different collations, character sets or types of text: each leads where
//! the engine itself would let it point, and an index that cannot serve is told.

use serde_json::{Value, json};

use crate::engines::Engine;
use crate::support::Served;

/// What `c.key` leads to, both ways and in every form: the rows of `t` by their names.
async fn lead(engine: &Engine, to: &str, back: &str, pairs: &[(i64, Option<&str>)]) {
    let name = engine.name;
    let ask = async |model: &str, params: Value| {
        let answer = engine.served.ask("query", model, &params.to_string()).await;
        let answer = answer.unwrap_or_else(|refusal| panic!("{name} {to} {params}: {refusal:?}"));
        answer["data"].as_array().unwrap().clone()
    };
    let path = format!("{to}.name");
    let include = json!({ to: { "fields": ["name"] } });
    let rows = ask(
        "c",
        json!({"fields": ["id", path], "include": include, "sort": [path, "id"]}),
    );
    let mut rows = rows.await;
    rows.sort_by_key(|row| row["id"].as_i64());
    let expected = pairs.iter().map(|(id, led)| {
        let object = led.map_or(Value::Null, |led| json!({ "name": led }));
        json!({"id": id, path.clone(): led, to: object})
    });
    assert_eq!(rows, expected.collect::<Vec<_>>(), "{name} {to}");
    let owners = ask(
        "t",
        json!({"fields": ["name"],
        "compute": {"n": {"$count": back}, "least": {"$min": format!("{back}.id")}},
        "include": {back: {"fields": ["id"]}}}),
    );
    let mut found = 0;
    for owner in owners.await {
        let led = pairs
            .iter()
            .filter(|(_, led)| *led == owner["name"].as_str());
        let ids: Vec<i64> = led.map(|(id, _)| *id).collect();
        let listed = owner[back]["rows"].as_array().unwrap().iter();
        let listed: Vec<i64> = listed.map(|row| row["id"].as_i64().unwrap()).collect();
        assert_eq!(listed, ids, "{name} {back} {owner}");
        assert_eq!(owner["n"], ids.len(), "{name} {back} {owner}");
        assert_eq!(owner["least"].as_i64(), ids.iter().min().copied(), "{name}");
        found += ids.len();
    }
    let all = pairs.iter().filter(|(_, led)| led.is_some()).count();
    assert_eq!(found, all, "{name} {back}");
    for (word, wanted) in [("$some", true), ("$none", false)] {
        let with = ask(
            "t",
            json!({"fields": ["name"], "filters": {back: {word: {}}}}),
        );
        for owner in with.await {
            let led = pairs.iter().any(|(_, led)| *led == owner["name"].as_str());
            assert_eq!(led, wanted, "{name} {back} {word} {owner}");
        }
    }
    let groups = json!({"group_by": [path], "aggregate": {"n": {"$count": "*"}}, "total": true});
    ask("c", groups).await;
}

/// The warnings of relations whose index does not serve.
async fn told(engine: &Engine) -> Vec<String> {
    let all = engine.served.weaknesses().await.into_iter();
    let mut told: Vec<String> = all
        .map(|weakness| weakness.what)
        .filter(|what| what.starts_with("relation "))
        .collect();
    told.sort();
    told
}

fn unlike(relation: &str, sought: &str, other: &str) -> String {
    format!(
        "relation {relation}: {sought} has another type or collation than {other}, so that its index \
         does not serve"
    )
}

#[tokio::test]
async fn postgres_compares_as_the_side_that_a_key_points_to() {
    let script = "
        CREATE EXTENSION citext;
        CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        CREATE TABLE t (name text COLLATE \"C\" PRIMARY KEY, german text COLLATE \"de-x-icu\" UNIQUE,
            folded text COLLATE folded UNIQUE, wide name COLLATE \"de-x-icu\" UNIQUE, padded char(9) UNIQUE,
            either citext UNIQUE);
        INSERT INTO t VALUES ('a', 'a', 'a', 'a', 'a', 'a'), ('Ä', 'Ä', 'Ä', 'Ä', 'Ä', 'Ä');
        CREATE TABLE c (id int PRIMARY KEY, code text COLLATE \"de-x-icu\" REFERENCES t (name),
            plain text REFERENCES t (german), wide name, odd text COLLATE \"C\",
            cased text, loose text);
        INSERT INTO c VALUES (1, 'a', 'a', 'a', 'A', 'A', 'a '), (2, 'Ä', 'Ä', 'Ä', 'ä', 'Ä', 'Ä'),
            (3, NULL, NULL, NULL, 'b', 'b', 'b');
        CREATE INDEX ON c (code); CREATE INDEX ON c (plain); CREATE INDEX ON c (wide); CREATE INDEX ON c (odd);
        CREATE INDEX ON c (cased); CREATE INDEX ON c (loose)";
    let given =
        "folds:c.odd=t.folded,either:c.cased=t.either,padded:c.loose=t.padded,named:c.wide=t.wide";
    let lines = script.split(';').map(str::to_owned).collect();
    let variables = [("MCP_RELATIONS", given)];
    let Some(engine) = Engine::postgres(lines, "t,c", &variables).await else {
        return;
    };
    let as_it_is = [(1, Some("a")), (2, Some("Ä")), (3, None)];
    for (to, back) in [
        ("t", "c_by_t"),
        ("t_by_plain", "c_by_t_by_plain"),
        ("named", "c_by_named"),
        ("folds", "c_by_folds"),
        ("either", "c_by_either"),
        ("padded", "c_by_padded"),
    ] {
        lead(&engine, to, back, &as_it_is).await;
    }
    // An index finds equal bytes by any collation; by one that folds, or another type, it finds others.
    let expected = [
        unlike("t.c_by_either", "c.cased", "t.either"),
        unlike("t.c_by_folds", "c.odd", "t.folded"),
        unlike("t.c_by_padded", "c.loose", "t.padded"),
    ];
    assert_eq!(told(&engine).await, expected);
    // A name of a collation of its own is a field like any other.
    for params in [
        r#"{"sort":["wide"],"group_by":["wide"],"aggregate":{"n":{"$count_distinct":"wide"}}}"#,
        r#"{"sort":["-wide"],"limit":1}"#,
        r#"{"filters":{"wide":{"$in":["a","b"]}}}"#,
        r#"{"filters":{"wide":{"$icontains":"A"}},"sort":["wide"]}"#,
        r#"{"filters":{"wide":{"$between":["a","b"]}},"aggregate":{"x":{"$max":"wide"}}}"#,
    ] {
        engine.served.query("c", params).await;
        let walked = engine
            .served
            .walk("query", "c", r#"{"sort":["wide"],"limit":1}"#);
        assert_eq!(walked.await.concat().len(), 3);
    }
}

#[tokio::test]
async fn mariadb_compares_as_the_side_that_a_key_points_to() {
    let script = "
        CREATE TABLE t (name VARCHAR(9) COLLATE utf8mb4_bin PRIMARY KEY,
            folded VARCHAR(9) COLLATE utf8mb4_swedish_ci UNIQUE, latin VARCHAR(9) CHARACTER SET latin1 UNIQUE,
            kind ENUM('a', 'Ä') CHARACTER SET utf8mb4 COLLATE utf8mb4_swedish_ci UNIQUE);
        INSERT INTO t VALUES ('a', 'a', 'a', 'a'), ('Ä', 'Ä', 'Ä', 'Ä');
        CREATE TABLE c (id INT PRIMARY KEY, code VARCHAR(9) COLLATE utf8mb4_unicode_ci,
            exact VARCHAR(9) COLLATE utf8mb4_unicode_ci, wide VARCHAR(9) COLLATE utf8mb4_unicode_ci,
            russian VARCHAR(9) CHARACTER SET koi8r, kind ENUM('Ä', 'a', 'b') CHARACTER SET utf8mb4
                COLLATE utf8mb4_danish_ci,
            KEY (code), KEY (exact), KEY (wide), KEY (russian), KEY (kind));
        INSERT INTO c VALUES (1, 'A', 'a', 'A', 'A', 'a'), (2, 'ä', 'Ä', 'ä', 'ж', 'Ä'),
            (3, '日', 'A', '日', NULL, 'b')";
    let given = "folded:c.code=t.folded,same:c.exact=t.name,latin:c.wide=t.latin,letters:c.russian=t.folded,\
        kind_of:c.kind=t.kind";
    let lines = script.split(';').map(str::to_owned).collect();
    let variables = [("MCP_RELATIONS", given)];
    let Some(engine) = Engine::mysql(lines, "t,c", &variables).await else {
        return;
    };
    let both = [(1, Some("a")), (2, Some("Ä")), (3, None)];
    for (to, back) in [
        ("folded", "c_by_folded"),
        ("same", "c_by_same"),
        ("latin", "c_by_latin"),
        ("kind_of", "c_by_kind_of"),
    ] {
        lead(&engine, to, back, &both).await;
    }
    let russian = [(1, Some("a")), (2, None), (3, None)];
    lead(&engine, "letters", "c_by_letters", &russian).await;
    let expected = [
        unlike("t.c_by_folded", "c.code", "t.folded"),
        unlike("t.c_by_kind_of", "c.kind", "t.kind"),
        unlike("t.c_by_latin", "c.wide", "t.latin"),
        unlike("t.c_by_letters", "c.russian", "t.folded"),
        unlike("t.c_by_same", "c.exact", "t.name"),
    ];
    assert_eq!(told(&engine).await, expected);
}

#[tokio::test]
async fn sqlite_tells_which_index_does_not_serve() {
    let script = "
        CREATE TABLE t (name TEXT PRIMARY KEY, n INTEGER UNIQUE);
        INSERT INTO t VALUES ('a', 1), ('Ä', 2);
        CREATE TABLE c (id INTEGER PRIMARY KEY, code TEXT COLLATE NOCASE REFERENCES t (name),
            bare REFERENCES t (n), digits NUMERIC REFERENCES t (n));
        INSERT INTO c VALUES (1, 'a', 1, 1), (2, 'Ä', 2, 2), (3, NULL, NULL, NULL);
        CREATE INDEX x ON c (code); CREATE INDEX y ON c (bare); CREATE INDEX z ON c (digits)";
    let engine = Engine::sqlite(Served::new(script, "t,c").await);
    let pairs = [(1, Some("a")), (2, Some("Ä")), (3, None)];
    for (to, back) in [
        ("t", "c_by_t"),
        ("t_by_bare", "c_by_t_by_bare"),
        ("t_by_digits", "c_by_t_by_digits"),
    ] {
        lead(&engine, to, back, &pairs).await;
    }
    let expected = [
        unlike("t.c_by_t", "c.code", "t.name"),
        unlike("t.c_by_t_by_bare", "c.bare", "t.n"),
    ];
    assert_eq!(told(&engine).await, expected);
}
