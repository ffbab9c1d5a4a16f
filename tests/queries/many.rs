//! Relations to many: what must hold of the rows that they lead to, and what is told of them.

use serde_json::{Value, json};

use crate::engines::Engine;
use crate::paths::shops;
use crate::support::Served;

#[tokio::test]
async fn rows_are_found_by_what_belongs_to_them() {
    for engine in shops().await {
        for (model, filters, expected) in [
            (
                "people",
                json!({"orders_by_buyer": {"$some": {}}}),
                vec![1, 2, 3, 4],
            ),
            (
                "people",
                json!({"orders_by_seller": {"$some": {}}}),
                vec![1, 2],
            ),
            (
                "people",
                json!({"orders_by_seller": {"$none": {}}}),
                vec![3, 4],
            ),
            (
                "people",
                json!({"orders_by_buyer": {"$some": {"paid": {"$gt": 20}}}}),
                vec![2, 3],
            ),
            // A row without a value is no row of which the test holds.
            (
                "people",
                json!({"orders_by_buyer": {"$none": {"paid": {"$gt": 20}}}}),
                vec![1, 4],
            ),
            (
                "people",
                json!({"$not": {"orders_by_buyer": {"$some": {"paid": {"$gt": 20}}}}}),
                vec![1, 4],
            ),
            (
                "people",
                json!({"orders_by_seller": {"$every": {"paid": {"$gt": 15}}}}),
                vec![3, 4],
            ),
            (
                "people",
                json!({"orders_by_seller": {"$every": {"paid": {"$gt": 10}}}}),
                vec![2, 3, 4],
            ),
            (
                "people",
                json!({"orders_by_seller": {"$some": {}, "$every": {"paid": {"$gt": 10}}}}),
                vec![2],
            ),
            (
                "people",
                json!({"orders_by_seller": {"$count": {"$gte": 2}}}),
                vec![1, 2],
            ),
            (
                "people",
                json!({"orders_by_seller": {"$count": 0}}),
                vec![3, 4],
            ),
            (
                "people",
                json!({"orders_by_seller": {"$count": {"$ne": 0}, "where": {"paid": null}}}),
                vec![1],
            ),
            (
                "people",
                json!({"$not": {"orders_by_seller": {"$count": {"$gte": 2}}}}),
                vec![3, 4],
            ),
            // To itself, and on from there.
            ("people", json!({"people": {"$some": {}}}), vec![1, 2]),
            (
                "people",
                json!({"people": {"$some": {"people": {"$some": {"people": {"$none": {}}}}}}}),
                vec![1],
            ),
            (
                "people",
                json!({"people": {"$some": {"countries.name": "Canada"}}}),
                vec![2],
            ),
            // After a path to one.
            (
                "people",
                json!({"boss.people": {"$count": {"$gt": 1}}}),
                vec![3, 4],
            ),
            (
                "people",
                json!({"boss.orders_by_seller": {"$some": {"buyer.name": "Bob"}}}),
                vec![3, 4],
            ),
            ("people", json!({"boss.people": {"$none": {}}}), vec![1]),
            // Keys of two fields.
            (
                "parts",
                json!({"orders.parts": {"$count": {"$gte": 2}}}),
                vec![1, 2],
            ),
            (
                "people",
                json!({"orders_by_buyer": {"$some": {"parts": {"$count": {"$gt": 1}}}}}),
                vec![1],
            ),
            (
                "people",
                json!({"orders_by_buyer": {"$some": {"parts": {"$some": {"units": {"$gte": 4}}}}}}),
                vec![3, 4],
            ),
        ] {
            let found = engine.served.ids(model, &filters.to_string()).await;
            assert_eq!(found, expected, "{} {filters}", engine.name);
        }
    }
}

#[tokio::test]
async fn values_are_told_of_many_rows() {
    let compute = json!({
        "sold": {"$count": "orders_by_seller"},
        "priced": {"$count": "orders_by_seller.paid"},
        "large": {"$count": "orders_by_seller", "where": {"paid": {"$gt": 15}}},
        "buyers": {"$count_distinct": "orders_by_seller.buyer.name"},
        "sum": {"$sum": "orders_by_seller.paid"},
        "mean": {"$avg": "orders_by_seller.paid"},
        "most": {"$max": "orders_by_seller.paid"},
        "last": {"$max": "orders_by_seller.buyer.name"},
        "taxed": {"$sum": {"$mul": ["orders_by_seller.paid", 1.5]}},
        "least": {"$min": {"$sub": ["orders_by_seller.paid", "orders_by_seller.shop"]}},
        "bosses": {"$count": "boss.people"},
        "youngest": {"$max": "people.born.$year"}
    });
    let expected = json!([
        {"id": 1, "sold": 2, "priced": 1, "large": 1, "buyers": 1, "sum": 40.4, "mean": 40.4,
         "most": 40.4, "last": "Di", "taxed": 60.6, "least": 39.4, "bosses": 0, "youngest": "1991"},
        {"id": 2, "sold": 2, "priced": 2, "large": 1, "buyers": 2, "sum": 30.3, "mean": 15.15,
         "most": 20.2, "last": "Bob", "taxed": 45.45, "least": 9.1, "bosses": 1, "youngest": "1990"},
        {"id": 3, "sold": 0, "priced": 0, "large": 0, "buyers": 0, "sum": null, "mean": null,
         "most": null, "last": null, "taxed": null, "least": null, "bosses": 2, "youngest": null},
        {"id": 4, "sold": 0, "priced": 0, "large": 0, "buyers": 0, "sum": null, "mean": null,
         "most": null, "last": null, "taxed": null, "least": null, "bosses": 2, "youngest": null},
    ]);
    for engine in shops().await {
        let served = &engine.served;
        let params = json!({"fields": ["id"], "compute": compute});
        let answer = served.query("people", &params.to_string()).await;
        assert_eq!(answer["data"], expected, "{}", engine.name);
        // Each sorts, finds, and is gone on after.
        for name in compute.as_object().unwrap().keys() {
            for sign in ["", "-"] {
                let params = json!({"fields": ["id"], "compute": {name: compute[name]},
                    "sort": [format!("{sign}{name}")], "limit": 1});
                let rows = served
                    .walk("query", "people", &params.to_string())
                    .await
                    .concat();
                let mut sorted: Vec<&Value> = expected.as_array().unwrap().iter().collect();
                let weight = |row: &Value| match &row[name] {
                    Value::String(text) => (1, 0.0, text.clone()),
                    Value::Null => (0, 0.0, String::new()),
                    number => (1, number.as_f64().unwrap(), String::new()),
                };
                sorted.sort_by(|one, other| {
                    let order = weight(one).partial_cmp(&weight(other)).unwrap();
                    if sign.is_empty() {
                        order
                    } else {
                        order.reverse()
                    }
                });
                let ids =
                    |rows: &[&Value]| rows.iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
                let rows: Vec<&Value> = rows.iter().collect();
                assert_eq!(ids(&rows), ids(&sorted), "{} {sign}{name}", engine.name);
            }
            for row in expected.as_array().unwrap() {
                let params = json!({"fields": ["id"], "compute": {name: compute[name]},
                    "filters": {name: row[name]}, "total": true, "limit": 1});
                let answer = served.query("people", &params.to_string()).await;
                let same = expected.as_array().unwrap().iter();
                let same = same.filter(|other| other[name] == row[name]).count();
                assert_eq!(answer["total"], same, "{} {params}", engine.name);
            }
        }
    }
}

#[tokio::test]
async fn what_is_asked_of_many_rows_wrongly_is_refused() {
    for engine in shops().await {
        let many = |name: &str| {
            format!("Relation '{name}' holds many rows: use $some, $none, $every or $count")
        };
        for (params, error) in [
            (json!({"filters": {"people": 1}}), many("people")),
            (json!({"filters": {"people": {}}}), many("people")),
            (
                json!({"filters": {"people": {"name": "Bob"}}}),
                many("people"),
            ),
            (
                json!({"filters": {"people": {"where": {}}}}),
                many("people"),
            ),
            (json!({"filters": {"people.name": "Bob"}}), many("people")),
            (
                json!({"filters": {"boss.people.name": "Bob"}}),
                many("people"),
            ),
            (
                json!({"filters": {"people": {"$some": {"secret": 1}}}}),
                "Filter field 'secret' is not allowed for model 'people'".to_owned(),
            ),
            (
                json!({"filters": {"people": {"$some": {"secrets": 1}}}}),
                "Filter field 'secrets' is not allowed for model 'people'".to_owned(),
            ),
            (
                json!({"filters": {"people": {"$some": {"people": {"$some": {"people": {"$some":
                    {"people": {"$some": {}}}}}}}}}}),
                "Filters nest too deep: at most 3 levels".to_owned(),
            ),
            (
                json!({"compute": {"n": {"$count": "name"}}}),
                "Invalid expression: 'compute.n.$count' leads along no relation to many".to_owned(),
            ),
            (
                json!({"compute": {"n": {"$sum": "people"}}}),
                "Field 'people' is not allowed for model 'people'".to_owned(),
            ),
            (
                json!({"compute": {"n": {"$max": "people.secret"}}}),
                "Field 'people.secret' is not allowed for model 'people'".to_owned(),
            ),
            (
                json!({"compute": {"n": {"$max": "nobody.secret"}}}),
                "Field 'nobody.secret' is not allowed for model 'people'".to_owned(),
            ),
            (
                json!({"compute": {"n": {"$sum": {"$add": ["people.id", "orders_by_buyer.no"]}}}}),
                "Invalid expression: 'orders_by_buyer.no' leads along another relation to many"
                    .to_owned(),
            ),
            (
                json!({"compute": {"n": {"$count": "people", "$max": "people.id"}}}),
                "Invalid expression: 'compute.n' takes one function of one relation to many"
                    .to_owned(),
            ),
            (
                json!({"fields": ["people.name"]}),
                "Field 'people.name' is not allowed for model 'people'".to_owned(),
            ),
        ] {
            let refusal = engine
                .served
                .refusal("query", "people", &params.to_string())
                .await;
            assert_eq!(refusal.error, error, "{} {params}", engine.name);
        }
        let list = json!({"filters": {"people": {"$some": {}}}}).to_string();
        let refusal = engine.served.refusal("list", "people", &list).await;
        assert_eq!(
            refusal.error,
            "Filter field 'people' is not allowed for model 'people'"
        );
    }
}

fn rows(rows: Value, more: bool) -> Value {
    let mut list = json!({ "has_more": more });
    list["rows"] = rows;
    list
}

#[tokio::test]
async fn lists_stand_within_rows() {
    for engine in shops().await {
        let served = &engine.served;
        let before = served.statements();
        let params = json!({"fields": ["id"], "expand": ["people"]});
        let answer = served.query("people", &params.to_string()).await;
        // One for the page, and one for its lists; servers are asked for definitions besides.
        let asked = served.statements() - before;
        assert!(asked == 2 || engine.name != "sqlite", "{asked}");
        let person = |id: i64| match id {
            2 => {
                json!({"id": 2, "name": "Bob", "country": "fr", "boss_id": 1, "born": "1991-05-02"})
            }
            3 => json!({"id": 3, "name": "Cy", "country": null, "boss_id": 2, "born": null}),
            _ => {
                json!({"id": 4, "name": "Di", "country": "ca", "boss_id": 2, "born": "1990-06-03"})
            }
        };
        let expected = json!([
            {"id": 1, "people": rows(json!([person(2)]), false)},
            {"id": 2, "people": rows(json!([person(3), person(4)]), false)},
            {"id": 3, "people": rows(json!([]), false)},
            {"id": 4, "people": rows(json!([]), false)},
        ]);
        assert_eq!(answer["data"], expected, "{}", engine.name);
        // Chosen, sorted, filtered, cut, and within each other; by keys of two fields.
        let before = served.statements();
        let params = json!({"fields": ["id"], "sort": ["-id"], "limit": 3, "include": {
            "boss": {"fields": ["name", "countries.name"], "include": {
                "orders_by_seller": {"fields": ["no", "buyer.name"], "sort": ["-paid"], "limit": 1}}},
            "orders_by_buyer": {"fields": ["shop"], "compute": {"units": {"$sum": "parts.units"}},
                "filters": {"parts": {"$some": {}}}, "include": {"parts": {"fields": ["id"], "sort": ["-id"], "limit": 1}}}}});
        let answer = served.query("people", &params.to_string()).await;
        let asked = served.statements() - before;
        assert!(asked == 4 || engine.name != "sqlite", "{asked}");
        let sold = rows(json!([{"no": 1, "buyer.name": "Bob"}]), true);
        let bob = json!({"name": "Bob", "countries.name": "France", "orders_by_seller": sold});
        let di = rows(
            json!([{"shop": 1, "units": 7, "parts": rows(json!([{"id": 7}]), false)}]),
            false,
        );
        let cy = rows(
            json!([{"shop": 1, "units": 4, "parts": rows(json!([{"id": 4}]), false)}]),
            false,
        );
        let of_bob = rows(
            json!([{"shop": 2, "units": 3, "parts": rows(json!([{"id": 3}]), false)}]),
            false,
        );
        let sold_by_ada = rows(json!([{"no": 3, "buyer.name": null}]), true);
        let ada =
            json!({"name": "Ada", "countries.name": "Canada", "orders_by_seller": sold_by_ada});
        let expected = json!([
            {"id": 4, "boss": bob, "orders_by_buyer": di},
            {"id": 3, "boss": bob, "orders_by_buyer": cy},
            {"id": 2, "boss": ada, "orders_by_buyer": of_bob},
        ]);
        assert_eq!(answer["data"], expected, "{}", engine.name);
        let last = json!({"fields": ["id"], "filters": {"id": 1}, "include": {
            "orders_by_buyer": {"fields": ["no"], "expand": ["parts"]}}});
        let answer = served.query("people", &last.to_string()).await;
        let part =
            |id: i64, units: i64| json!({"id": id, "order_no": 1, "order_shop": 1, "units": units});
        let parts = rows(json!([part(1, 1), part(2, 2)]), false);
        let expected = json!([{"id": 1, "boss": null, "orders_by_buyer": rows(json!([{"no": 1, "parts": parts}]), false)}]);
        assert_eq!(
            answer["data"][0]["orders_by_buyer"],
            expected[0]["orders_by_buyer"]
        );
        // By cursors and as lists of values.
        let params = json!({"fields": ["id"], "expand": ["orders_by_seller.parts"], "limit": 1});
        let walked = served
            .walk("query", "people", &params.to_string())
            .await
            .concat();
        let params = json!({"fields": ["id"], "expand": ["orders_by_seller.parts"], "format": "columns", "total": true});
        let whole = served.query("people", &params.to_string()).await;
        assert_eq!(whole["columns"], json!(["id", "orders_by_seller"]));
        assert_eq!(whole["total"], 4);
        for (one, other) in walked.iter().zip(whole["data"].as_array().unwrap()) {
            assert_eq!(json!([one["id"], one["orders_by_seller"]]), *other);
        }
    }
}

#[tokio::test]
async fn lists_are_of_ten_rows_and_fit_into_the_answer() {
    let values: Vec<String> = (1..=600)
        .map(|i| format!("({i}, {}, '{}')", i % 6, "x".repeat(i % 50)))
        .collect();
    let script = format!(
        "CREATE TABLE up (id INT PRIMARY KEY, code INT, word VARCHAR(9));
         CREATE TABLE down (n INT, up_id INT, t VARCHAR(60), FOREIGN KEY (up_id) REFERENCES up (id));
         INSERT INTO up VALUES (0, 7, 'a'), (1, 7, 'b'), (2, 8, 'c'), (3, NULL, 'd'), (4, 9, 'e'), (5, 9, 'f'), (6, 1, 'g');
         INSERT INTO down VALUES {}", values.join(",")
    );
    let variables = [
        ("MCP_MAX_RESPONSE_BYTES", "20000"),
        ("MCP_RELATIONS", "coded:down.n=up.code"),
    ];
    let lines = |script: &str| {
        script
            .split(';')
            .map(|line| line.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let mut engines = vec![Engine::sqlite(
        Served::with(&script, "up,down", &variables).await,
    )];
    engines.extend(Engine::postgres(lines(&script), "up,down", &variables).await);
    engines.extend(Engine::mysql(lines(&script), "up,down", &variables).await);
    for engine in engines {
        let served = &engine.served;
        let params = json!({"fields": ["id"], "include": {"down_by_up": {"fields": ["n"]}}});
        let answer = served.query("up", &params.to_string()).await;
        for row in answer["data"].as_array().unwrap() {
            let id = row["id"].as_i64().unwrap();
            let ids = (1..=600).filter(|n| n % 6 == id).take(10);
            let list: Vec<Value> = ids.map(|n| json!({ "n": n })).collect();
            let expected = rows(json!(list), id < 6);
            assert_eq!(row["down_by_up"], expected, "{}", engine.name);
        }
        // What several rows share: each has the whole list.
        let params = json!({"fields": ["id"], "include": {"down_by_coded": {"fields": ["n"]}}});
        let answer = served.query("up", &params.to_string()).await;
        let coded = |id: i64| [7, 7, 8, 0, 9, 9, 1][id as usize];
        for row in answer["data"].as_array().unwrap() {
            let list = match coded(row["id"].as_i64().unwrap()) {
                0 => json!([]),
                n => json!([{ "n": n }]),
            };
            assert_eq!(row["down_by_coded"], rows(list, false), "{}", engine.name);
        }
        // Of what does not fit the next page goes on.
        let params =
            json!({"fields": ["id"], "include": {"down_by_up": {"sort": ["-n"], "limit": 100}}});
        let first = served.query("up", &params.to_string()).await;
        assert_eq!(first["truncated"], true);
        assert!(first.to_string().len() < 20_000);
        let walked = served.walk("query", "up", &params.to_string()).await;
        assert!(walked.len() > 1);
        let walked = walked.concat();
        assert_eq!(walked.len(), 7);
        for row in &walked {
            let id = row["id"].as_i64().unwrap();
            let mut ids: Vec<i64> = (1..=600).filter(|n| n % 6 == id).collect();
            ids.reverse();
            let told = row["down_by_up"]["rows"].as_array().unwrap();
            let told: Vec<i64> = told.iter().map(|row| row["n"].as_i64().unwrap()).collect();
            assert_eq!(told, ids, "{}", engine.name);
        }
    }
}

#[tokio::test]
async fn a_list_that_no_answer_holds_is_refused() {
    let script = format!(
        "CREATE TABLE up (id INTEGER PRIMARY KEY);
         CREATE TABLE down (id INTEGER PRIMARY KEY, up_id INTEGER REFERENCES up (id), t TEXT);
         INSERT INTO up VALUES (1), (2), (3);
         INSERT INTO down VALUES (1, 1, 'small'), (2, 2, '{0}'), (3, 2, '{0}'), (4, 3, '{0}{0}')",
        "y".repeat(15_000)
    );
    let served = Served::with(&script, "up,down", &[("MCP_MAX_RESPONSE_BYTES", "20000")]).await;
    let params = json!({"expand": ["down"]});
    let first = served.query("up", &params.to_string()).await;
    assert_eq!(
        (&first["count"], &first["truncated"]),
        (&json!(1), &json!(true))
    );
    let params = json!({"expand": ["down"], "cursor": first["next_cursor"]});
    let refused = served.refusal("query", "up", &params.to_string()).await;
    assert_eq!(refused.code, "response_too_large");
    assert!(refused.hint.unwrap().contains("include"));
    let params = json!({"include": {"down": {"limit": 1, "fields": ["id", "up_id"]}}});
    assert_eq!(served.query("up", &params.to_string()).await["count"], 3);
}

#[tokio::test]
async fn what_is_included_wrongly_is_refused() {
    for engine in shops().await {
        for (params, error) in [
            (
                json!({"expand": ["nobody"]}),
                "Relation 'nobody' is not allowed for model 'people'",
            ),
            (
                json!({"include": {"people": {"expand": ["nobody"]}}}),
                "Relation 'people.nobody' is not allowed for model 'people'",
            ),
            (
                json!({"include": {"people": {"fields": ["secret"]}}}),
                "Field 'secret' is not allowed for model 'people'",
            ),
            (
                json!({"include": {"people": {"sort": ["secret"]}}}),
                "Field 'secret' is not allowed for model 'people'",
            ),
            (
                json!({"include": {"people": {"filters": {"secret": 1}}}}),
                "Filter field 'secret' is not allowed for model 'people'",
            ),
            (
                json!({"include": {"people": {"page": 1}}}),
                "Unknown parameter: page",
            ),
            (
                json!({"include": {"boss": {"limit": 1}}}),
                "Unknown parameter: limit",
            ),
            (
                json!({"include": ["people"]}),
                "Parameter 'include' must be an object of relations, each with an object of what is chosen",
            ),
            (
                json!({"include": {"people": {"limit": -1}}}),
                "Pagination parameters must be non-negative",
            ),
            (
                json!({"group_by": ["name"], "include": {"people": {}}}),
                "Parameters 'group_by' and 'include' exclude each other",
            ),
            (
                json!({"expand": ["people.people.people.people.people"]}),
                "Path too long: at most 4 relations",
            ),
            (
                json!({"include": {"people": {"include": {"people": {"include": {"people": {"include": {
                    "people": {"expand": ["people.people.people.people", "boss"]}}}}}}}}}),
                "Too many relations: at most 8",
            ),
        ] {
            let refusal = engine
                .served
                .refusal("query", "people", &params.to_string())
                .await;
            assert_eq!(refusal.error, error, "{} {params}", engine.name);
        }
    }
}
