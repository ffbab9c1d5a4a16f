//! Relations by their names, and paths along them, wherever a field can stand.

use serde_json::{Value, json};

use crate::engines::Engine;
use crate::support::Served;

/// People and what they sent, in a shop of several keys: composite ones, one to itself, several to
/// one model, and some that point to nothing.
pub(crate) const SHOP: &str = "
    CREATE TABLE countries (code VARCHAR(2) PRIMARY KEY, name VARCHAR(20));
    CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(20), country VARCHAR(2), boss_id INT,
        born DATE, secret VARCHAR(20),
        FOREIGN KEY (country) REFERENCES countries (code), FOREIGN KEY (boss_id) REFERENCES people (id));
    CREATE TABLE orders (no INT, shop INT, buyer_id INT, seller_id INT, paid DECIMAL(10,2),
        PRIMARY KEY (no, shop),
        FOREIGN KEY (buyer_id) REFERENCES people (id), FOREIGN KEY (seller_id) REFERENCES people (id));
    CREATE TABLE parts (id INT PRIMARY KEY, order_no INT, order_shop INT, units INT,
        FOREIGN KEY (order_no, order_shop) REFERENCES orders (no, shop));
    INSERT INTO countries VALUES ('ca', 'Canada'), ('fr', 'France');
    INSERT INTO people VALUES (1, 'Ada', 'ca', NULL, '1990-05-01', 's1'), (2, 'Bob', 'fr', 1, '1991-05-02', 's2'),
        (3, 'Cy', NULL, 2, NULL, 's3'), (4, 'Di', 'ca', 2, '1990-06-03', 's4');
    INSERT INTO orders VALUES (1, 1, 1, 2, 10.10), (1, 2, 2, 2, 20.20), (2, 1, 3, NULL, 30.30),
        (3, 1, NULL, 1, 40.40), (4, 1, 4, 1, NULL);
    INSERT INTO parts VALUES (1, 1, 1, 1), (2, 1, 1, 2), (3, 1, 2, 3), (4, 2, 1, 4), (5, NULL, 1, 5),
        (6, 3, 1, 6), (7, 4, 1, 7)";

pub(crate) const MODELS: &str = "countries,people,orders,parts";

fn lines(script: &str) -> Vec<String> {
    let statements = script.split(';').map(str::trim);
    statements
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

pub(crate) async fn shops() -> Vec<Engine> {
    let hidden = [("MCP_HIDDEN_FIELDS", "secret")];
    let mut engines = vec![Engine::sqlite(Served::with(SHOP, MODELS, &hidden).await)];
    engines.extend(Engine::postgres(lines(SHOP), MODELS, &hidden).await);
    engines.extend(Engine::mysql(lines(SHOP), MODELS, &hidden).await);
    engines
}

async fn relations(served: &Served, model: &str) -> Value {
    let described = served.ask("describe", model, "{}").await.unwrap();
    described["data"]["relations"].clone()
}

fn one(name: &str, model: &str, fields: &[&str]) -> Value {
    json!({"name": name, "model": model, "kind": "one", "fields": fields})
}

fn many(name: &str, model: &str, fields: &[&str]) -> Value {
    json!({"name": name, "model": model, "kind": "many", "fields": fields})
}

#[tokio::test]
async fn each_key_is_a_relation_in_both_directions() {
    for engine in shops().await {
        let told = async |model| relations(&engine.served, model).await;
        let name = engine.name;
        let people = json!([
            // The field has the name.
            one("countries", "countries", &["country"]),
            one("boss", "people", &["boss_id"]),
            many("people", "people", &["boss_id"]),
            many("orders_by_buyer", "orders", &["buyer_id"]),
            many("orders_by_seller", "orders", &["seller_id"]),
        ]);
        assert_eq!(told("people").await, people, "{name}");
        let countries = json!([many("people", "people", &["country"])]);
        assert_eq!(told("countries").await, countries, "{name}");
        let orders = json!([
            one("buyer", "people", &["buyer_id"]),
            one("seller", "people", &["seller_id"]),
            many("parts", "parts", &["order_no", "order_shop"]),
        ]);
        assert_eq!(told("orders").await, orders, "{name}");
    }
}

#[tokio::test]
async fn of_one_name_the_later_gets_its_key() {
    let script = "
        CREATE TABLE a (id INT PRIMARY KEY, b INT, a_id INT REFERENCES a (id), x INT REFERENCES a (id));
        CREATE TABLE b (id INT PRIMARY KEY, a_id INT REFERENCES a (id));";
    let served = Served::new(script, "a,b").await;
    let expected = json!([
        one("a", "a", &["a_id"]),
        one("a_by_x", "a", &["x"]),
        many("a_by_a", "a", &["a_id"]),
        many("a_by_a_by_x", "a", &["x"]),
        many("b_by_a_id", "b", &["a_id"]),
    ]);
    assert_eq!(relations(&served, "a").await, expected);
}

#[tokio::test]
async fn what_cannot_be_read_whole_is_no_relation() {
    for (models, hidden, of) in [
        ("people", "secret", "people"),
        (
            MODELS,
            "people.country,boss_id,buyer_id,seller_id",
            "people",
        ),
        (MODELS, "orders.shop,buyer_id,seller_id", "parts"),
    ] {
        let served = Served::with(SHOP, models, &[("MCP_HIDDEN_FIELDS", hidden)]).await;
        let told = relations(&served, of).await;
        let expected = match of {
            "people" if models == "people" => json!([
                one("boss", "people", &["boss_id"]),
                many("people", "people", &["boss_id"]),
            ]),
            _ => json!([]),
        };
        assert_eq!(told, expected, "{models} {hidden}");
    }
}

#[tokio::test]
async fn an_operator_adds_keys_that_the_database_has_not() {
    let script = "
        CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20));
        CREATE TABLE orders (no INT, shop INT, by_whom INT, PRIMARY KEY (no, shop));
        CREATE TABLE items (id INT PRIMARY KEY, order_no INT, order_shop INT, \"note.1\" VARCHAR(9));
        INSERT INTO users VALUES (1, 'Ada');
        INSERT INTO orders VALUES (7, 1, 1), (7, 2, NULL);
        INSERT INTO items VALUES (1, 7, 1, 'a'), (2, 7, 2, 'b'), (3, 8, 1, 'c')";
    let given =
        "buyer:orders.by_whom=users.id,items.order_no+items.order_shop=orders.no+orders.shop";
    let models = "users,orders,items";
    let variables = [("MCP_RELATIONS", given)];
    let mut engines = vec![Engine::sqlite(
        Served::with(script, models, &variables).await,
    )];
    engines.extend(Engine::postgres(lines(script), models, &variables).await);
    engines.extend(Engine::mysql(lines(&script.replace('"', "`")), models, &variables).await);
    for engine in engines {
        let expected = json!([
            one("buyer", "users", &["by_whom"]),
            many("items", "items", &["order_no", "order_shop"]),
        ]);
        assert_eq!(relations(&engine.served, "orders").await, expected);
        let params = r#"{"fields":["id","orders.buyer.name"]}"#;
        let rows = engine.served.query("items", params).await["data"].clone();
        let expected = json!([
            {"id": 1, "orders.buyer.name": "Ada"},
            {"id": 2, "orders.buyer.name": null},
            {"id": 3, "orders.buyer.name": null},
        ]);
        assert_eq!(rows, expected, "{}", engine.name);
    }
}

#[tokio::test]
async fn a_path_stands_wherever_a_field_does() {
    let questions = [
        (
            "parts",
            json!({"fields": ["id", "orders.buyer.name", "orders.buyer.countries.name", "orders.buyer.born.$month"]}),
            json!([
                {"id": 1, "orders.buyer.name": "Ada", "orders.buyer.countries.name": "Canada", "orders.buyer.born.$month": "1990-05"},
                {"id": 2, "orders.buyer.name": "Ada", "orders.buyer.countries.name": "Canada", "orders.buyer.born.$month": "1990-05"},
                {"id": 3, "orders.buyer.name": "Bob", "orders.buyer.countries.name": "France", "orders.buyer.born.$month": "1991-05"},
                {"id": 4, "orders.buyer.name": "Cy", "orders.buyer.countries.name": null, "orders.buyer.born.$month": null},
                {"id": 5, "orders.buyer.name": null, "orders.buyer.countries.name": null, "orders.buyer.born.$month": null},
                {"id": 6, "orders.buyer.name": null, "orders.buyer.countries.name": null, "orders.buyer.born.$month": null},
                {"id": 7, "orders.buyer.name": "Di", "orders.buyer.countries.name": "Canada", "orders.buyer.born.$month": "1990-06"},
            ]),
        ),
        (
            "parts",
            json!({"fields": ["id"], "filters": {"orders.buyer.countries.name": {"$contains": "an"}, "orders.paid": {"$lt": 15}}}),
            json!([{"id": 1}, {"id": 2}]),
        ),
        (
            "parts",
            json!({"fields": ["id"], "filters": {"orders.buyer.countries.name": {"$ne": "Canada"}}}),
            json!([{"id": 3}, {"id": 4}, {"id": 5}, {"id": 6}]),
        ),
        (
            "parts",
            json!({"fields": ["id"], "filters": {"orders.buyer.name": null}}),
            json!([{"id": 5}, {"id": 6}]),
        ),
        (
            "people",
            json!({"fields": ["id", "boss.boss.name"], "filters": {"boss.born.$month": {"$gte": "1991-01"}}}),
            json!([{"id": 3, "boss.boss.name": "Ada"}, {"id": 4, "boss.boss.name": "Ada"}]),
        ),
        (
            "people",
            json!({"fields": ["id"], "filters": {"born.$year": 1990}}),
            json!([{"id": 1}, {"id": 4}]),
        ),
        (
            "parts",
            json!({"group_by": ["orders.buyer.countries.name"], "aggregate": {"n": {"$count": "*"}, "units": {"$sum": "units"}, "paid": {"$max": "orders.paid"}}, "sort": ["-units"]}),
            json!([
                {"orders.buyer.countries.name": null, "n": 3, "units": 15, "paid": "40.40"},
                {"orders.buyer.countries.name": "Canada", "n": 3, "units": 10, "paid": "10.10"},
                {"orders.buyer.countries.name": "France", "n": 1, "units": 3, "paid": "20.20"},
            ]),
        ),
        (
            "parts",
            json!({"group_by": ["orders.buyer.born.$year"], "aggregate": {"paid": {"$sum": "orders.paid"}}, "sort": ["orders.buyer.born.$year"]}),
            json!([
                {"orders.buyer.born.$year": null, "paid": "70.70"},
                {"orders.buyer.born.$year": "1990", "paid": "20.20"},
                {"orders.buyer.born.$year": "1991", "paid": "20.20"},
            ]),
        ),
    ];
    for engine in shops().await {
        for (model, params, expected) in &questions {
            let mut params = params.clone();
            params["total"] = true.into();
            let answer = engine.served.query(model, &params.to_string()).await;
            let told = plainly(&answer["data"]);
            assert_eq!(told, plainly(expected), "{} {params}", engine.name);
            let rows = expected.as_array().unwrap().len();
            assert_eq!(answer["total"], rows, "{} {params}", engine.name);
        }
    }
}

/// Decimals by their value: SQLite keeps fractions.
fn plainly(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(plainly).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| {
                let value = match name.as_str() {
                    "paid" => {
                        let text = value.as_str().map_or(value.to_string(), str::to_owned);
                        format!("{:.2}", text.parse::<f64>().unwrap()).into()
                    }
                    _ => plainly(value),
                };
                (name.clone(), value)
            });
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}

#[tokio::test]
async fn cursors_hold_over_paths() {
    for engine in shops().await {
        let all = engine.served.query("parts", "{}").await["data"].clone();
        let all = all.as_array().unwrap();
        let buyer = |id: &Value| match id.as_i64().unwrap() {
            1 | 2 => Some("Ada"),
            3 => Some("Bob"),
            4 => Some("Cy"),
            7 => Some("Di"),
            _ => None,
        };
        for descending in [false, true] {
            let mut expected: Vec<&Value> = all.iter().map(|row| &row["id"]).collect();
            expected.sort_by(|one, other| {
                let order = buyer(one).cmp(&buyer(other));
                let order = if descending { order.reverse() } else { order };
                order.then(one.as_i64().cmp(&other.as_i64()))
            });
            let sign = if descending { "-" } else { "" };
            for limit in 1..4 {
                let params = json!({"fields": ["id"], "sort": [format!("{sign}orders.buyer.name")], "limit": limit});
                let pages = engine
                    .served
                    .walk("query", "parts", &params.to_string())
                    .await;
                let ids: Vec<Value> = pages.concat().iter().map(|row| row["id"].clone()).collect();
                assert_eq!(
                    ids.iter().collect::<Vec<_>>(),
                    expected,
                    "{} {params}",
                    engine.name
                );
            }
        }
    }
}

#[tokio::test]
async fn what_is_hidden_reads_as_what_is_not_there() {
    let hidden = [("MCP_HIDDEN_FIELDS", "secret")];
    let served = Served::with(SHOP, "people,orders,parts", &hidden).await;
    let asked = async |params: Value| {
        let refusal = served.refusal("query", "parts", &params.to_string()).await;
        (refusal.error, refusal.code, refusal.hint)
    };
    for (hidden, unknown) in [
        ("orders.buyer.secret", "orders.buyer.secreu"),
        // A model that is not exposed, and what a hidden field would lead to.
        ("orders.buyer.countries.name", "orders.buyer.countriex.name"),
    ] {
        for params in [
            |name: &str| json!({"filters": {name: 1}}),
            |name: &str| json!({"fields": [name]}),
            |name: &str| json!({"sort": [name]}),
            |name: &str| json!({"group_by": [name]}),
            |name: &str| json!({"aggregate": {"x": {"$max": name}}}),
            |name: &str| json!({"aggregate": {"x": {"$sum": {"$mul": [name, 2]}}}}),
            |name: &str| json!({"aggregate": {"x": {"$count": "*", "where": {name: 1}}}}),
            |name: &str| json!({"aggregate": {"x": {"$count": "*"}}, "having": {name: 1}}),
            |name: &str| json!({"compute": {"x": name}}),
            |name: &str| json!({"compute": {"x": {"$add": [name, 1]}}}),
            |name: &str| json!({"compute": {"x": {"$count": "orders.parts", "where": {name: 1}}}}),
            |name: &str| json!({"compute": {"x": {"$max": format!("orders.parts.{name}")}}}),
            |name: &str| json!({"filters": {"orders.parts": {"$none": {name: null}}}}),
            |name: &str| json!({"filters": {"orders.parts": {"$count": {"$gt": 0}, "where": {name: 1}}}}),
            |name: &str| json!({"include": {"orders.parts": {"sort": [name]}}}),
            |name: &str| json!({"include": {"orders.parts": {"filters": {name: 1}}}}),
            |name: &str| json!({"include": {"orders": {"fields": [name]}}}),
        ] {
            let (error, code, hint) = asked(params(hidden)).await;
            let (other, same, alike) = asked(params(unknown)).await;
            let is_refused = ["not allowed", "Path too long", "Unknown"];
            assert!(is_refused.iter().any(|it| error.contains(it)), "{error}");
            assert_eq!(error.replace(hidden, unknown), other);
            assert_eq!((code, hint), (same, alike));
        }
    }
    let (error, code, _) = asked(json!({"filters": {"orders.x": 1}})).await;
    assert_eq!(
        error,
        "Filter field 'orders.x' is not allowed for model 'parts'"
    );
    assert_eq!(code, "invalid_filter");
}

#[tokio::test]
async fn what_a_path_cannot_be_is_told() {
    let script = "
        CREATE TABLE t (id INT PRIMARY KEY, a INT REFERENCES t (id), b INT REFERENCES t (id),
            c INT REFERENCES t (id), \"d.e\" INT, at DATE);
        INSERT INTO t VALUES (1, NULL, 1, 1, 5, '2026-01-31')";
    let served = Served::new(script, "t").await;
    let refused = async |params: &str| {
        let refusal = served.refusal("query", "t", params).await;
        (refusal.error, refusal.code)
    };
    for (params, error, code) in [
        (
            r#"{"fields":["t.t.t.t.t.id"]}"#,
            "Path too long: at most 4 relations",
            "invalid_parameter",
        ),
        (
            r#"{"filters":{"t.t.t.t.t.id":1}}"#,
            "Path too long: at most 4 relations",
            "invalid_parameter",
        ),
        (
            r#"{"fields":["t.t.t.t.id","t_by_b.t.t.t.id","t_by_c.id"]}"#,
            "Too many relations: at most 8",
            "invalid_parameter",
        ),
        (
            r#"{"filters":{"t_by_t.id":1}}"#,
            "Relation 't_by_t' holds many rows: use $some, $none, $every or $count",
            "invalid_filter",
        ),
        (
            r#"{"filters":{"t.id":"x"}}"#,
            "Invalid value for field 't.id': expected an integer",
            "invalid_value",
        ),
        (
            r#"{"fields":["t.id.$month"]}"#,
            "Field 't.id.$month' is not allowed for model 't'",
            "invalid_parameter",
        ),
        (
            r#"{"filters":{"t.i d":1}}"#,
            "Invalid filter field name: t.i d",
            "invalid_filter",
        ),
    ] {
        assert_eq!(
            refused(params).await,
            (error.to_owned(), code.to_owned()),
            "{params}"
        );
    }
    // Eight relations are none too many, and equal beginnings count once.
    let params =
        r#"{"fields":["t.t.t.t.id","t_by_b.t.t.t.id","t.t.at","t_by_b.\"d.e\"","at.$year","d.e"]}"#;
    let row = served.query("t", params).await["data"][0].clone();
    let expected = json!({
        "t.t.t.t.id": null, "t_by_b.t.t.t.id": null, "t.t.at": null, "t_by_b.\"d.e\"": 5, "at.$year": "2026",
        "d.e": 5,
    });
    assert_eq!(row, expected);
    // list takes fields of its model alone, as ever.
    let refusal = served
        .refusal("list", "t", r#"{"filters":{"t.id":1}}"#)
        .await;
    assert_eq!(refusal.error, "Invalid filter field name: t.id");
}

#[tokio::test]
async fn expansions_stand_within_each_other() {
    for engine in shops().await {
        let params = r#"{"fields":["id"],"expand":["orders","orders.buyer.countries","orders.seller"],"filters":{"id":{"$in":[1,4,5]}}}"#;
        let answer = engine.served.query("parts", params).await;
        let told = plainly(&answer["data"]);
        let country = json!({"code": "ca", "name": "Canada"});
        let person = |id: i64, name: &str, country: Value, boss: Value, born: Value| json!({"id": id, "name": name, "country": country, "boss_id": boss, "born": born});
        let mut ada = person(1, "Ada", json!("ca"), Value::Null, json!("1990-05-01"));
        ada["countries"] = country;
        let mut cy = person(3, "Cy", Value::Null, json!(2), Value::Null);
        cy["countries"] = Value::Null;
        let bob = person(2, "Bob", json!("fr"), json!(1), json!("1991-05-02"));
        let expected = json!([
            {"id": 1, "orders": {"no": 1, "shop": 1, "buyer_id": 1, "seller_id": 2, "paid": "10.10",
                "buyer": ada, "seller": bob}},
            {"id": 4, "orders": {"no": 2, "shop": 1, "buyer_id": 3, "seller_id": null, "paid": "30.30",
                "buyer": cy, "seller": null}},
            {"id": 5, "orders": null},
        ]);
        assert_eq!(told, expected, "{}", engine.name);
    }
}

#[tokio::test]
async fn keys_that_cannot_be_are_told_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let served = Served::new(SHOP, MODELS).await;
    std::fs::copy(served.path(), &path).unwrap();
    for (given, what, help) in [
        (
            "people.id=person.id",
            "person is no model",
            "name a model as MCP_ALLOWED_MODELS does",
        ),
        (
            "peopl.id=people.id",
            "peopl is no model",
            "did you mean people?",
        ),
        (
            "people.bos_id=people.id",
            "people has no field bos_id",
            "did you mean people.boss_id?",
        ),
        (
            "people.name=people.id",
            "people.name is text and people.id is integer",
            "relate fields whose values can be equal, of the same type",
        ),
    ] {
        let url = format!("sqlite:{}", path.display());
        let variables = [
            ("MCP_ENABLED", "true"),
            ("MCP_TOKEN", "a-token-for-tests-alone"),
            ("MCP_ALLOWED_MODELS", MODELS),
            ("DATABASE_URL", &url),
            ("MCP_RELATIONS", given),
        ];
        let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = lucarne::config::load(owned).unwrap();
        let opened = lucarne::app::open(&config, std::sync::Arc::default()).await;
        let fault = opened.err().unwrap();
        assert_eq!(
            (fault.text(), fault.help),
            (format!("MCP_RELATIONS: {what}"), help.to_owned()),
            "{given}"
        );
    }
}
