//! `schema/*.json` are the shapes that the code publishes, and what is sent is of these shapes.

use std::fs;

use jsonschema::Validator;
use lucarne::protocol::schema;
use serde_json::{Value, json};

use crate::support::{Demo, document, exchanges};

/// Requests and what is no parameter of theirs, beside those of the README.
fn requests() -> Vec<Value> {
    let mut requests = vec![
        json!({"id":"list-users-1","action":"list","model":"users","params":{"limit":50,"offset":0,"filters":{"is_super_admin":true}}}),
        json!({"id":"get-user-1","action":"get","model":"users","params":{"id":1}}),
        json!({"id":"query-tickets-1","action":"query","model":"tickets","params":{"filters":{"status":"open","priority":"high"},"limit":10}}),
        json!({"id":"req-1","action":"list","model":"users","params":{"limit":10}}),
        json!({"id":"req-1","action":"get","model":"tickets","params":{"id":123}}),
        json!({"action":"list","model":"users"}),
        json!({"id":null,"action":"list","model":"users","params":null}),
        json!({"id":7,"action":"list","model":"users","params":{"limit":"2","filters":{"company":null}}}),
        json!({"action":"describe","id":1.5,"extra":[]}),
        json!({"action":"query","model":"tickets","params":{"filters":{"$or":[{"amount":{"$between":[1,"2.50"]}},{"$not":{"priority":{"$in":["high",null]}}}]},"total":"estimate","limit":1}}),
        json!({"action":"query","model":"tickets","params":{"group_by":[{"$month":"created_at"}],"aggregate":{"n":{"$count":"*"}},"limit":2}}),
        json!({"action":"query","model":"tickets","params":{"group_by":["status",{"$week":"created_at"}],"aggregate":{"n":{"$count":"*","where":{"priority":"high"}},"x":{"$sum":{"$mul":["amount",{"$div":[2,"id"]}]}}},"having":{"n":{"$gt":1}},"zone":"UTC","format":"columns","limit":2}}),
        json!({"action":"query","model":"tickets","params":{"fields":["id"],"compute":{"double":{"$mul":["amount",2]},"who":"user.email"},"limit":1}}),
        json!({"action":"list","model":"tickets","params":{"filters":{"status":"opne"}}}),
    ];
    requests.extend(exchanges().into_iter().map(|(request, _)| request));
    requests
}

fn validator(name: &str) -> Validator {
    let text = document(&format!("schema/{name}.json"));
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

#[test]
fn the_published_schemas_are_current() {
    let update = std::env::var_os("UPDATE_SCHEMAS").is_some();
    for (name, schema) in schema::published() {
        let path = format!("{}/schema/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = schema::text(&schema);
        if update {
            fs::write(&path, &text).unwrap();
        }
        assert!(
            fs::read_to_string(&path).unwrap_or_default() == text,
            "schema/{name}.json is not what the code says; make it again with\n\
             UPDATE_SCHEMAS=1 cargo test --test docs schemas"
        );
    }
}

#[test]
fn the_description_of_the_admin_api_is_current() {
    let path = format!("{}/schema/openapi.json", env!("CARGO_MANIFEST_DIR"));
    let text = serde_json::to_string_pretty(&lucarne::server::openapi()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == text,
        "schema/openapi.json is not what the code says; make it again with\n\
         UPDATE_SCHEMAS=1 cargo test --test docs schemas"
    );
}

#[tokio::test]
async fn requests_that_are_answered_and_their_answers_are_of_the_schemas() {
    let (of_request, of_answer) = (validator("request"), validator("response"));
    let mut demo = Demo::start().await;
    for request in requests() {
        let answer = demo.ask(&request.to_string()).await;
        let shape = of_answer
            .validate(&answer)
            .map_err(|error| error.to_string());
        assert_eq!(shape, Ok(()), "{answer}");
        if answer["status"] == "ok" {
            let shape = of_request
                .validate(&request)
                .map_err(|error| error.to_string());
            assert_eq!(shape, Ok(()), "{request}");
        }
    }
}

#[tokio::test]
async fn what_the_schemas_refuse_is_refused_by_the_service() {
    let (of_request, of_answer) = (validator("request"), validator("response"));
    let mut demo = Demo::start().await;
    for request in [
        json!([]),
        json!({}),
        json!({"action":"list"}),
        json!({"action":"create","model":"users"}),
        json!({"action":"list","model":["users"]}),
        json!({"action":"list","model":"users","id":[]}),
        json!({"action":"list","model":"users","params":[]}),
        json!({"action":"list","model":"users","params":{"limt":5}}),
        json!({"action":"list","model":"users","params":{"limit":-1}}),
        json!({"action":"list","model":"users","params":{"limit":true}}),
        json!({"action":"list","model":"users","params":{"limit":"all"}}),
        json!({"action":"list","model":"users","params":{"filters":[]}}),
        json!({"action":"list","model":"users","params":{"filters":{"id":[1]}}}),
        json!({"action":"list","model":"users","params":{"filters":{"id":{"$gt":1}}}}),
        json!({"action":"list","model":"users","params":{"sort":["id"]}}),
        json!({"action":"get","model":"users"}),
        json!({"action":"get","model":"users","params":{}}),
        json!({"action":"get","model":"users","params":{"id":null}}),
        json!({"action":"query","model":"users","params":{"fields":"id"}}),
        json!({"action":"query","model":"users","params":{"sort":"id"}}),
        json!({"action":"query","model":"users","params":{"total":"exact"}}),
        json!({"action":"query","model":"users","params":{"filters":{"id":{}}}}),
        json!({"action":"query","model":"users","params":{"filters":{"id":{"$like":1}}}}),
        json!({"action":"query","model":"users","params":{"filters":{"id":{"$between":[1]}}}}),
        json!({"action":"query","model":"users","params":{"filters":{"id":{"$null":"yes"}}}}),
        json!({"action":"query","model":"users","params":{"filters":{"id":{"$in":5}}}}),
        json!({"action":"query","model":"users","params":{"filters":{"$and":{}}}}),
        json!({"action":"query","model":"users","params":{"group_by":[{"$decade":"created_at"}]}}),
        json!({"action":"query","model":"users","params":{"aggregate":{"n":{"$median":"id"}}}}),
        json!({"action":"query","model":"users","params":{"aggregate":{"n":{"$min":"id","$max":"id"}}}}),
        json!({"action":"describe","params":{"fields":["id"]}}),
    ] {
        assert!(!of_request.is_valid(&request), "{request}");
        let answer = demo.ask(&request.to_string()).await;
        assert_eq!(answer["status"], "error", "{request}");
        assert!(of_answer.is_valid(&answer), "{answer}");
    }
    for answer in [
        json!({"status":"ok","data":[]}),
        json!({"id":1,"status":"ok"}),
        json!({"id":1,"status":"ok","data":7}),
        json!({"id":1,"status":"ok","data":[],"count":"1"}),
        json!({"id":1,"status":"error","error":"x"}),
        json!({"id":1,"status":"error","error":"x","code":"Not Found"}),
    ] {
        assert!(!of_answer.is_valid(&answer), "{answer}");
    }
}
