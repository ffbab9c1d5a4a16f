//! Relations to many: what must hold of the rows that they lead to, and what is told of them.

use serde_json::{Value, json};

use crate::paths::shops;

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
