//! What foreign keys lead to: each under a name of its own, and no row more than there is.

use serde_json::{Value, json};

use crate::engines::Engine;
use crate::support::Served;

fn lines(script: &str) -> Vec<String> {
    let statements = script.split(';').map(str::trim);
    statements
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The relations that `describe` tells of.
async fn names(served: &Served, model: &str) -> Vec<String> {
    let described = served.ask("describe", model, "{}").await.unwrap();
    let expand = described["data"]["expand"].as_array().unwrap();
    let names = expand.iter().map(|one| one["name"].as_str().unwrap());
    names.map(str::to_owned).collect()
}

async fn holds_one_row_each(served: &Served, params: Value, expected: Value) {
    for limit in [1, 2, 50] {
        let mut params = params.clone();
        params["limit"] = limit.into();
        params["total"] = true.into();
        let answer = served.query("c", &params.to_string()).await;
        assert_eq!(answer["total"], expected.as_array().unwrap().len());
        let rows = served.walk("query", "c", &params.to_string()).await;
        assert_eq!(Value::from(rows.concat()), expected, "{params}");
    }
}

#[tokio::test]
async fn a_key_to_what_several_rows_share_gives_the_first_of_them() {
    let script = "
        CREATE TABLE t (id INT PRIMARY KEY, code VARCHAR(5), kind INT, KEY (code, kind));
        INSERT INTO t VALUES (3, 'a', 1), (1, 'a', 1), (2, 'a', 2), (4, 'b', 1);
        CREATE TABLE keyless (code VARCHAR(5), KEY (code));
        CREATE TABLE c (id INT PRIMARY KEY, code VARCHAR(5), kind INT, word VARCHAR(5),
            FOREIGN KEY (code, kind) REFERENCES t (code, kind),
            FOREIGN KEY (word) REFERENCES keyless (code));
        INSERT INTO c VALUES (1, 'a', 1, NULL), (2, 'b', 1, NULL), (3, NULL, 1, NULL)";
    let Some(engine) = Engine::mysql(lines(script), "t,c,keyless", &[]).await else {
        return;
    };
    let t = |id: i64, code: &str| json!({"id": id, "code": code, "kind": 1});
    let expected =
        json!([{"id": 1, "t": t(1, "a")}, {"id": 2, "t": t(4, "b")}, {"id": 3, "t": null}]);
    let params = json!({"fields": ["id"], "expand": ["t"]});
    holds_one_row_each(&engine.served, params, expected).await;
    // Nothing says which of the rows without a key is meant.
    assert_eq!(names(&engine.served, "c").await, ["t"]);
}

#[tokio::test]
async fn a_key_to_a_parent_gives_its_own_row() {
    let script = "
        CREATE SCHEMA \"odd \"\"s\";
        CREATE TABLE \"odd \"\"s\".t (id int PRIMARY KEY, code text);
        CREATE TABLE t_old () INHERITS (\"odd \"\"s\".t);
        INSERT INTO \"odd \"\"s\".t VALUES (1, 'a'), (2, 'b');
        INSERT INTO t_old VALUES (1, 'old a'), (3, 'old c');
        CREATE TABLE c (id int PRIMARY KEY, t_id int REFERENCES \"odd \"\"s\".t (id));
        INSERT INTO c VALUES (1, 1), (2, 2), (3, NULL)";
    let models = r#"t="odd ""s".t,c"#;
    let Some(engine) = Engine::postgres(lines(script), models, &[]).await else {
        return;
    };
    let t = |id: i64, code: &str| json!({"id": id, "code": code});
    let expected =
        json!([{"id": 1, "t": t(1, "a")}, {"id": 2, "t": t(2, "b")}, {"id": 3, "t": null}]);
    let params = json!({"fields": ["id"], "expand": ["t"]});
    holds_one_row_each(&engine.served, params, expected).await;
    let all = engine.served.walk("list", "t", r#"{"limit":1}"#).await;
    assert_eq!(all.concat().len(), 4);
}

#[tokio::test]
async fn sqlite_follows_a_key_as_it_would_enforce_it() {
    let script = "
        CREATE TABLE t (code TEXT PRIMARY KEY, n INT);
        INSERT INTO t VALUES ('a', 1), ('A', 2), ('1', 3), ('01', 4), ('1.0', 5);
        CREATE TABLE c (id INTEGER PRIMARY KEY, word TEXT COLLATE NOCASE REFERENCES t (code),
            number INTEGER, FOREIGN KEY (number) REFERENCES t (code));
        INSERT INTO c VALUES (1, 'a', NULL), (2, 'A', 1), (3, NULL, 1)";
    let served = Served::new(script, "t,c").await;
    let t = |code: &str, n: i64| json!({"code": code, "n": n});
    let expected = json!([
        {"id": 1, "t": t("a", 1), "t_by_number": null},
        {"id": 2, "t": t("A", 2), "t_by_number": t("1", 3)},
        {"id": 3, "t": null, "t_by_number": t("1", 3)}
    ]);
    let params = json!({"fields": ["id"], "expand": ["t", "t_by_number"]});
    holds_one_row_each(&served, params, expected).await;
}

#[tokio::test]
async fn two_keys_to_one_model_both_expand() {
    let script = "
        CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20));
        CREATE TABLE posts (id INT PRIMARY KEY, created_by INT, updated_by INT, owner_id INT,
            owner INT,
            FOREIGN KEY (created_by) REFERENCES users (id),
            FOREIGN KEY (updated_by) REFERENCES users (id),
            FOREIGN KEY (owner_id) REFERENCES users (id));
        INSERT INTO users VALUES (1, 'a'), (2, 'b'), (3, 'c');
        INSERT INTO posts VALUES (1, 1, 2, 3, 4)";
    let mut engines = vec![Engine::sqlite(Served::new(script, "users,posts").await)];
    engines.extend(Engine::postgres(lines(script), "users,posts", &[]).await);
    engines.extend(Engine::mysql(lines(script), "users,posts", &[]).await);
    for engine in engines {
        let expand = ["users", "users_by_updated_by", "users_by_owner_id"];
        let told = names(&engine.served, "posts").await;
        assert_eq!(told, expand, "{}", engine.name);
        let params = json!({"fields": ["id"], "expand": expand});
        let row = engine.served.query("posts", &params.to_string()).await["data"][0].clone();
        let user = |id: i64, name: &str| json!({"id": id, "name": name});
        let expected = json!({
            "id": 1, "users": user(1, "a"), "users_by_updated_by": user(2, "b"),
            "users_by_owner_id": user(3, "c")
        });
        assert_eq!(row, expected, "{}", engine.name);
    }
}
