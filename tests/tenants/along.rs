//! Rules on rows along relations, and paths along models of which some rows are seen.

use crate::data::Data;
use crate::support::{Client, Running, Way, rules, start, token};
use lucarne::store::NewToken;
use serde_json::{Value, json};

/// Lines belong to somebody only through their orders; one order has no customer, one line no order.
const SHOP: [&str; 8] = [
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, country VARCHAR(20), secret_note VARCHAR(20))",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, total DECIMAL(10, 2), \
     FOREIGN KEY (customer_id) REFERENCES customers (id))",
    "CREATE TABLE order_lines (id INTEGER PRIMARY KEY, order_id INTEGER, units INTEGER, \
     FOREIGN KEY (order_id) REFERENCES orders (id))",
    "CREATE TABLE colours (id INTEGER PRIMARY KEY, name VARCHAR(20))",
    "INSERT INTO customers VALUES (1, 'Canada', 'a'), (2, 'France', 'b'), (3, 'canada', 'a')",
    "INSERT INTO orders VALUES (1, 1, 10), (2, 2, 20), (3, 3, 30), (4, NULL, 40), (5, 1, 50)",
    "INSERT INTO order_lines VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 4, 4), (5, NULL, 5), \
     (6, 5, 6), (7, 1, 7)",
    "INSERT INTO colours VALUES (1, 'red')",
];

const MODELS: &str = "customers,orders,order_lines,colours";

async fn shop(data: &Data, models: &str) -> (Running, lucarne::store::Tenant) {
    for statement in SHOP {
        data.execute(statement).await;
    }
    let running = start(&[]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    let held = running.store.contents().await.unwrap().databases.remove(0);
    let update = running.store.update_database(&held.id, |database| {
        database.models = models.to_owned();
        database.hidden = "secret_note".to_owned();
    });
    update.await.unwrap();
    (running, tenant)
}

async fn client_of(
    running: &Running,
    tenant: &lucarne::store::Tenant,
    name: &str,
    new: NewToken,
) -> Client {
    let (_, secret) = running
        .token(
            tenant,
            NewToken {
                name: name.to_owned(),
                ..new
            },
        )
        .await;
    let client = Client::connect(running.address, &secret, Way::Native).await;
    client.ok().unwrap()
}

async fn ids(client: &mut Client, action: &str, model: &str, params: Value) -> Vec<i64> {
    let page = client.ask(action, Some(model), params).await;
    let rows = page["data"].as_array().unwrap_or_else(|| panic!("{page}"));
    rows.iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

/// A database without keys has those that its record gives it: rules follow them, and what cannot be
/// is left out, with what a rule needs of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keys_that_are_given_lead_as_the_databases_own() {
    const GIVEN: &str = "orders.customer_id=customers.id,line_of:order_lines.order_id=orders.id";
    for data in Data::each().await {
        for statement in SHOP {
            let (start, _) = statement.split_once(", FOREIGN").unwrap_or((statement, ""));
            let end = if start == statement { "" } else { ")" };
            data.execute(&format!("{start}{end}")).await;
        }
        let running = start(&[]).await;
        let tenant = running.tenant("acme", &data.url(), &[]).await;
        let held = running.store.contents().await.unwrap().databases.remove(0);
        let related = async |relations: &str| {
            let update = running.store.update_database(&held.id, |database| {
                database.models = MODELS.to_owned();
                database.relations = relations.to_owned();
            });
            update.await
        };
        let client = async |name: &str, rows: &[&str]| {
            let new = NewToken {
                rows: rules(rows),
                ..token(name)
            };
            client_of(&running, &tenant, name, new).await
        };
        related(GIVEN).await.unwrap();
        let client_1 = &mut client("whole", &[]).await;
        let params =
            json!({"fields": ["id", "line_of.customer.country"], "filters": {"id": {"$lt": 4}}});
        let page = client_1.ask("query", Some("order_lines"), params).await;
        let path = "line_of.customer.country";
        let expected = json!([{"id": 1, path: "Canada"}, {"id": 2, path: "France"}, {"id": 3, path: "canada"}]);
        assert_eq!(page["data"], expected, "{page}");
        let told = json!({"fields": ["id"], "compute": {"n": {"$count": "orders"}},
            "include": {"orders": {"fields": ["id"]}}, "limit": 1});
        let page = client_1.ask("query", Some("customers"), told).await;
        let list = json!({"rows": [{"id": 1}, {"id": 5}], "has_more": false});
        assert_eq!(
            page["data"],
            json!([{"id": 1, "n": 2, "orders": list}]),
            "{page}"
        );
        let rule = ["order_lines.line_of.customer.country = Canada"];
        let client_2 = &mut client("ruled", &rule).await;
        let seen = ids(client_2, "list", "order_lines", json!({})).await;
        assert_eq!(seen, [1, 6, 7]);
        // A rule follows a key that nobody can name, and that is no relation to anybody else.
        let update = running.store.update_database(&held.id, |database| {
            database.hidden = "orders.customer_id".to_owned();
        });
        update.await.unwrap();
        let hidden = &mut client("hidden", &rule).await;
        let seen = ids(hidden, "list", "order_lines", json!({})).await;
        assert_eq!(seen, [1, 6, 7]);
        let described = hidden.ask("describe", Some("orders"), json!({})).await;
        let told = &described["data"]["relations"];
        assert_eq!(told[0]["name"], "order_lines", "{described}");
        assert_eq!(told.as_array().unwrap().len(), 1, "{described}");
        for params in [
            |name: &str| json!({"fields": [name]}),
            |name: &str| json!({"sort": [name]}),
            |name: &str| json!({"group_by": [name]}),
            |name: &str| json!({"filters": {name: null}}),
        ] {
            let asked = async |client: &mut Client, name: &str| {
                let refused = client.ask("query", Some("orders"), params(name)).await;
                refused.to_string().replace(name, "?")
            };
            let refused = asked(hidden, "customer.country").await;
            assert!(refused.contains("not allowed"), "{refused}");
            assert_eq!(refused, asked(hidden, "customes.country").await);
        }
        let update = running.store.update_database(&held.id, |database| {
            database.hidden = String::new();
        });
        update.await.unwrap();
        // What is wrong in itself is refused, what the tables do not have is left out.
        let refused = related("orders.customer_id").await.err().unwrap();
        assert!(refused.to_string().contains("relations"), "{refused}");
        related("orders.customer=customers.id,line_of:order_lines.order_id=orders.id")
            .await
            .unwrap();
        let client_3 = &mut client("after", &rule).await;
        let refused = client_3.ask("list", Some("order_lines"), json!({})).await;
        assert_eq!(refused["code"], "model_not_allowed", "{refused}");
        let client_4 = &mut client("after-whole", &[]).await;
        let params = json!({"fields": ["id", "line_of.total"], "limit": 1});
        let page = client_4.ask("query", Some("order_lines"), params).await;
        assert_eq!(page["data"][0]["id"], 1, "{page}");
        let params = json!({"fields": ["customer.country"]});
        let refused = client_4.ask("query", Some("orders"), params).await;
        assert_eq!(refused["code"], "invalid_parameter", "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rule_along_relations_holds_in_every_read() {
    for data in Data::each().await {
        let (running, tenant) = shop(&data, MODELS).await;
        for (name, rows, lines, orders) in [
            // To the byte, whatever the column takes for equal.
            (
                "country",
                vec![
                    "orders.customer.country = Canada",
                    "order_lines.order.customer.country = Canada",
                ],
                vec![1, 6, 7],
                vec![1, 5],
            ),
            // Of a field that nobody can name.
            (
                "hidden",
                vec!["order_lines.order.customer.secret_note = a"],
                vec![1, 3, 6, 7],
                vec![1, 2, 3, 4, 5],
            ),
            (
                "both",
                vec![
                    "order_lines.order.customer.country in (Canada, France)",
                    "order_lines.units in (1, 2, 3)",
                ],
                vec![1, 2],
                vec![1, 2, 3, 4, 5],
            ),
        ] {
            let ruled = NewToken {
                rows: rules(&rows),
                ..token(name)
            };
            let client = &mut client_of(&running, &tenant, name, ruled).await;
            assert_eq!(
                ids(client, "list", "order_lines", json!({})).await,
                lines,
                "{name}"
            );
            assert_eq!(
                ids(client, "list", "orders", json!({})).await,
                orders,
                "{name}"
            );
            for id in 1..=7 {
                let one = client
                    .ask("get", Some("order_lines"), json!({"id": id}))
                    .await;
                assert_eq!(
                    one["data"].is_object(),
                    lines.contains(&id),
                    "{name} {id}: {one}"
                );
            }
            let counted = json!({"aggregate": {"n": {"$count": "*"}}});
            let n = client.ask("query", Some("order_lines"), counted).await;
            assert_eq!(n["data"][0]["n"], lines.len(), "{name}");
            let total = json!({"limit": 1, "total": "estimate"});
            let page = client.ask("query", Some("order_lines"), total).await;
            assert_eq!(page["total"], lines.len(), "{name}");
            // An order that is not seen is as one that is not there.
            let path = json!({"fields": ["id", "order.total"], "sort": ["id"]});
            let page = client.ask("query", Some("order_lines"), path).await;
            for row in page["data"].as_array().unwrap() {
                let order = match row["id"].as_i64().unwrap() {
                    1 | 7 => 1,
                    6 => 5,
                    id => id,
                };
                assert_eq!(
                    row["order.total"].is_null(),
                    !orders.contains(&order),
                    "{name} {row}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rule_along_relations_holds_of_many_rows() {
    for data in Data::each().await {
        let (running, tenant) = shop(&data, MODELS).await;
        let ruled = NewToken {
            rows: rules(&[
                "order_lines.order.customer.country = Canada",
                "orders.total in (10, 20, 30)",
            ]),
            ..token("many")
        };
        let client = &mut client_of(&running, &tenant, "many", ruled).await;
        // Of the lines 1, 6 and 7 may be seen, of the orders 1, 2 and 3.
        let told = json!({"fields": ["id"], "compute": {"n": {"$count": "order_lines"},
            "units": {"$sum": "order_lines.units"}, "large": {"$count": "order_lines", "where": {"units": {"$gt": 1}}}},
            "include": {"order_lines": {"fields": ["id"], "sort": ["-units"]}}});
        let page = client.ask("query", Some("orders"), told).await;
        let none = json!({"rows": [], "has_more": false});
        let expected = json!([
            {"id": 1, "n": 2, "units": 8, "large": 1,
             "order_lines": {"rows": [{"id": 7}, {"id": 1}], "has_more": false}},
            {"id": 2, "n": 0, "units": null, "large": 0, "order_lines": none},
            {"id": 3, "n": 0, "units": null, "large": 0, "order_lines": none},
        ]);
        assert_eq!(page["data"], expected);
        for (filter, expected) in [
            (
                json!({"orders": {"$some": {"order_lines": {"$some": {}}}}}),
                vec![1],
            ),
            (
                json!({"orders": {"$some": {"order_lines": {"$none": {}}}}}),
                vec![2, 3],
            ),
            (json!({"orders": {"$count": {"$gt": 1}}}), vec![]),
            (
                json!({"orders": {"$none": {"total": {"$gt": 40}}}}),
                vec![1, 2, 3],
            ),
        ] {
            let params = json!({"filters": filter, "fields": ["id"]});
            assert_eq!(
                ids(client, "query", "customers", params).await,
                expected,
                "{filter}"
            );
        }
        let narrow = NewToken {
            models: Some(vec!["orders".to_owned(), "customers".to_owned()]),
            ..token("narrow")
        };
        let client = &mut client_of(&running, &tenant, "narrow", narrow).await;
        let mut told = Vec::new();
        for name in ["order_lines", "order_linen"] {
            for params in [
                json!({"filters": {name: {"$some": {}}}}),
                json!({"filters": {name: {"$none": {}}}}),
                json!({"compute": {"n": {"$count": name}}}),
                json!({"expand": [name]}),
                json!({"include": {name: {}}}),
            ] {
                let refused = client
                    .ask("query", Some("orders"), params)
                    .await
                    .to_string();
                told.push(refused.replace(name, "?"));
            }
        }
        let (one, other) = told.split_at(5);
        assert_eq!(one, other);
        assert!(
            one.iter().all(|refused| refused.contains("not allowed")),
            "{one:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_path_ends_where_rows_are_not_seen() {
    for data in Data::each().await {
        let (running, tenant) = shop(&data, MODELS).await;
        let ruled = NewToken {
            rows: rules(&["customers.country = Canada"]),
            ..token("some")
        };
        let client = &mut client_of(&running, &tenant, "some", ruled).await;
        let path = json!({"fields": ["id", "customer.country"]});
        let page = client.ask("query", Some("orders"), path).await;
        let expected = json!([
            {"id": 1, "customer.country": "Canada"}, {"id": 2, "customer.country": null},
            {"id": 3, "customer.country": null}, {"id": 4, "customer.country": null},
            {"id": 5, "customer.country": "Canada"},
        ]);
        assert_eq!(page["data"], expected);
        for (filter, expected) in [
            (json!({"customer.country": "France"}), vec![]),
            (json!({"customer.country": null}), vec![2, 3, 4]),
            (
                json!({"customer.country": {"$ne": "Canada"}}),
                vec![2, 3, 4],
            ),
            (json!({"customer.id": {"$gt": 0}}), vec![1, 5]),
        ] {
            let params = json!({"filters": filter, "fields": ["id"]});
            assert_eq!(
                ids(client, "query", "orders", params).await,
                expected,
                "{filter}"
            );
        }
        let groups =
            json!({"group_by": ["customer.country"], "aggregate": {"n": {"$sum": "order.total"}}});
        let refused = client.ask("query", Some("orders"), groups).await;
        assert_eq!(
            refused["error"],
            "Field 'order.total' is not allowed for model 'orders'"
        );
        let groups = json!({"group_by": ["order.customer.country"], "aggregate": {"units": {"$sum": "units"}}});
        let page = client.ask("query", Some("order_lines"), groups).await;
        let expected = json!([
            {"order.customer.country": null, "units": 14},
            {"order.customer.country": "Canada", "units": 14},
        ]);
        assert_eq!(page["data"], expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rule_leads_over_models_that_its_token_does_not_see() {
    let data = Data::each().await.remove(0);
    let (running, tenant) = shop(&data, MODELS).await;
    let narrow = NewToken {
        rows: rules(&["order_lines.order.customer.country = Canada"]),
        models: Some(vec!["order_lines".to_owned()]),
        ..token("narrow")
    };
    let client = &mut client_of(&running, &tenant, "narrow", narrow).await;
    assert_eq!(
        ids(client, "list", "order_lines", json!({})).await,
        [1, 6, 7]
    );
    // What the rule leads over is nothing that can be named.
    for (path, unknown) in [
        ("order.total", "ordre.total"),
        ("order.customer.id", "ordre.customer.id"),
    ] {
        let asked = async |client: &mut Client, path: &str| {
            let params = json!({"filters": {path: 1}});
            client.ask("query", Some("order_lines"), params).await
        };
        let hidden = asked(client, path).await.to_string();
        let absent = asked(client, unknown).await.to_string();
        assert_eq!(hidden.replace(path, unknown), absent);
    }
    let whole = client_of(
        &running,
        &tenant,
        "plain",
        NewToken {
            scopes: vec!["read".to_owned()],
            ..token("plain")
        },
    );
    let client = &mut whole.await;
    let params = json!({"fields": ["order.total"]});
    let refused = client.ask("query", Some("order_lines"), params).await;
    assert_eq!(refused["code"], "not_permitted", "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_model_whose_rule_leads_nowhere_is_not_served() {
    let data = Data::each().await.remove(0);
    let (running, tenant) = shop(&data, MODELS).await;
    for (at, rule) in [
        "order_lines.ordre.customer.country = Canada",
        "order_lines.order.customer.land = Canada",
        "order_lines.order.customer.id = Canada",
        // To many leads to no one row.
        "orders.order_lines.units = 1",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("token-{at}");
        let ruled = NewToken {
            rows: rules(&[rule]),
            ..token(&name)
        };
        let client = &mut client_of(&running, &tenant, &name, ruled).await;
        let (model, _) = rule.split_once('.').unwrap();
        let refused = client.ask("list", Some(model), json!({})).await;
        assert_eq!(refused["code"], "model_not_allowed", "{rule}: {refused}");
        let seen = ids(client, "list", "colours", json!({})).await;
        assert_eq!(seen, [1], "{rule}");
    }
    let ruled = NewToken {
        rows: rules(&["order_line.order.customer.country = Canada"]),
        ..token("astray")
    };
    let client = &mut client_of(&running, &tenant, "astray", ruled).await;
    let refused = client.ask("list", Some("colours"), json!({})).await;
    assert_eq!(refused["code"], "model_not_allowed", "{refused}");
}
