//! What the running service says that it exposes is what it serves.

use serde_json::{Value, json};

use crate::api::{Api, administered};
use crate::data::Data;
use crate::support::{Client, Way, token};

/// The names of a list of things that have one.
fn names(things: &Value) -> Vec<&str> {
    let things = things.as_array().unwrap().iter();
    things
        .map(|thing| thing["name"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exposed_is_what_is_served() {
    let data = Data::sqlite().await;
    let running = administered(&[
        ("MCP_TOKEN", "the-shared-token-of-all"),
        ("DATABASE_URL", &data.url()),
        ("MCP_ALLOWED_MODELS", "tickets,nothing"),
        ("MCP_HIDDEN_FIELDS", "tickets.amount"),
    ])
    .await;
    let tenant = running
        .tenant("acme", &data.url(), &["tickets.company_id = 2"])
        .await;
    let (_, secret) = running.token(&tenant, token("agent")).await;
    let mut api = Api::new(&running);
    let answer = api.ask("GET", "/exposed", json!(null)).await.body;
    assert_eq!(
        (&answer["count"], &answer["reloads"]),
        (&json!(2), &json!(0))
    );
    let own = &answer["data"][0];
    assert_eq!((&own["id"], &own["tenant"]), (&Value::Null, &Value::Null));
    assert_eq!(names(&own["models"]), ["tickets"]);
    let hidden = &own["models"][0]["hidden"];
    assert_eq!(names(hidden), ["amount", "secret_token"]);
    for hidden in hidden.as_array().unwrap() {
        assert!(!hidden["rule"].as_str().unwrap().is_empty(), "{hidden}");
    }
    let missing = &own["missing"][0];
    assert_eq!(missing["name"], "nothing");
    assert!(
        missing["reason"].as_str().unwrap().contains("no such"),
        "{missing}"
    );

    let of_tenant = &answer["data"][1];
    assert_eq!(of_tenant["tenant"], "acme");
    assert_eq!(names(&of_tenant["models"]), ["tickets", "notes"]);
    let rows = |at: usize| &of_tenant["models"][at]["rows"];
    assert_eq!(rows(0), &json!(["tickets.company_id = 2"]));
    assert_eq!(rows(1), &json!([]));
    let mut client = Client::connect(running.address, &secret, Way::Native)
        .await
        .ok()
        .unwrap();
    for model in of_tenant["models"].as_array().unwrap() {
        let name = model["name"].as_str().unwrap();
        let described = client.ask("describe", Some(name), json!({})).await;
        let described = &described["data"]["fields"];
        let told = |fields: &Value| -> Vec<Value> {
            let fields = fields.as_array().unwrap().iter();
            let told = |field: &Value| {
                let indexed = field["indexed"].as_bool().unwrap_or_default();
                json!([field["name"], field["type"], indexed, field["description"]])
            };
            fields.map(told).collect()
        };
        assert_eq!(told(&model["fields"]), told(described), "{name}");
    }

    // One tenant alone, and one of which nothing is served.
    let narrowed = api.done("GET", "/exposed?tenant=acme", json!(null)).await;
    assert_eq!(&narrowed, &json!([of_tenant]));
    let globex = running
        .tenant("globex", &data.url(), &["invoices.id = 1"])
        .await;
    running.token(&globex, token("other")).await;
    let astray = api.done("GET", "/exposed?tenant=globex", json!(null)).await;
    assert_eq!(astray[0]["models"], json!([]));
    assert!(
        astray[0]["fault"].as_str().unwrap().contains("invoices"),
        "{astray}"
    );
    api.hold_to_description().await;
}
