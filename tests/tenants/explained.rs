//! What is told of a token is what its requests get: each verdict of its explanation is tried.

use std::collections::BTreeSet;

use lucarne::store::{NewDatabase, NewToken, Tenant};
use serde_json::{Value, json};

use crate::api::{Api, administered};
use crate::data::Data;
use crate::support::{Client, Running, Way, database, rules, token};

const TOOLS: &str = r#"
[[tool]]
name = "count"
description = "How many tickets there are."
sql = "SELECT COUNT(*) AS n FROM tickets"
result = "one"

[[tool]]
name = "report"
description = "Notes with their tickets."
sql = "SELECT n.id FROM notes n JOIN tickets t ON t.id = n.ticket_id"
tokens = ["reports"]
database = "shop"

[[tool]]
name = "elsewhere"
description = "Tickets of a database that is not there."
sql = "SELECT id FROM tickets"
database = "books"

[[tool]]
name = "foreign"
description = "Tickets, as another engine is asked for them."
sql = "SELECT DISTINCT ON (t.title) t.id FROM tickets t ORDER BY t.title, t.id"

[[tool]]
name = "whole"
description = "The table itself."
sql = "SELECT id FROM main.tickets"
raw = true
reads = ["main.tickets.id"]
"#;

/// Tokens of every kind, each with less of something than the first.
fn tokens() -> Vec<NewToken> {
    let list = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let all = || {
        let mut all = token("all");
        all.scopes.push("tools".to_owned());
        all
    };
    let scoped = |scopes: &[&str]| NewToken {
        name: scopes.join("-"),
        scopes: list(scopes),
        ..all()
    };
    let ruled = |name: &str, rows: &[&str]| NewToken {
        name: name.to_owned(),
        rows: rules(rows),
        ..all()
    };
    vec![
        all(),
        scoped(&["describe"]),
        scoped(&["read"]),
        scoped(&["read", "reports"]),
        scoped(&["describe", "read", "operators", "expand"]),
        NewToken {
            name: "some-tools".to_owned(),
            tools: Some(list(&["list_records", "query_records", "count"])),
            ..all()
        },
        NewToken {
            name: "some-models".to_owned(),
            models: Some(list(&["notes"])),
            ..all()
        },
        ruled("ruled", &["tickets.company_id = 1"]),
        ruled("impossible", &["tickets.absent = 1"]),
        ruled("astray", &["nowhere.a = 1"]),
    ]
}

/// A token that was explained, and a client of it.
struct Tried {
    explained: Value,
    client: Client,
    /// Why things are kept back, each reason that was told.
    why: BTreeSet<String>,
}

impl Tried {
    async fn code(&mut self, message: Value) -> String {
        let answer = self.client.exchange(message.to_string()).await.unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["code"].as_str().unwrap_or("ok").to_owned()
    }

    /// Holds a verdict to what a request is answered, which is refused by one code alone.
    async fn hold(&mut self, verdict: &Value, message: Value, refusal: &str) -> bool {
        let code = self.code(message).await;
        let allowed = verdict["allowed"].as_bool().unwrap();
        assert_eq!(
            allowed,
            code != refusal,
            "{}: {verdict}: {code}",
            self.explained
        );
        if !allowed {
            self.why.insert(verdict["why"].as_str().unwrap().to_owned());
        }
        code == "ok"
    }

    fn verdicts(&self, of: &str) -> Vec<Value> {
        self.explained[of].as_array().unwrap().clone()
    }

    async fn try_all(&mut self) {
        let may = |name: &str, of: &Value| {
            let mut actions = of["actions"].as_array().unwrap().iter();
            actions.any(|it| it["name"] == name && it["allowed"] == true)
        };
        let (queries, lists) = (may("query", &self.explained), may("list", &self.explained));
        let models = self.verdicts("models");
        for model in &models {
            // A model that is not seen is refused before the action is looked at.
            let message = json!({ "id": 1, "action": "list", "model": model["name"] });
            let served = self.hold(model, message, "model_not_allowed").await;
            assert_eq!(served, lists && model["allowed"] == true, "{model}");
            for field in model["fields"].as_array().unwrap() {
                let message = json!({ "id": 1, "action": "query", "model": model["name"],
                    "params": { "fields": [field["name"]] } });
                if queries {
                    let seen = self.hold(field, message, "invalid_parameter").await;
                    assert_eq!(seen, field["allowed"] == true, "{field}");
                }
            }
        }
        let seen = models.iter().find(|model| model["allowed"] == true);
        let Some(seen) = seen.map(|model| model["name"].clone()) else {
            return;
        };
        for verdict in self.verdicts("actions") {
            let name = verdict["name"].as_str().unwrap();
            let query = |params: Value| {
                let message = json!({ "id": 1, "action": "query", "model": "notes" });
                let mut message = message;
                message["params"] = params;
                message
            };
            let message = match name {
                "call" => json!({ "id": 1, "action": "call", "tool": "nothing" }),
                "whoami" => json!({ "id": 1, "action": "whoami" }),
                "filters beyond equality" => query(json!({ "filters": { "id": { "$gt": 1 } } })),
                "totals, groups and aggregates" => query(json!({ "total": true })),
                "expand" => query(json!({ "expand": ["ticket"] })),
                action => {
                    json!({ "id": 1, "action": action, "model": seen, "params": { "id": 1 } })
                }
            };
            let is_part = name.contains(' ') || name == "expand";
            // Parts are looked at after the action, and an expansion needs what it leads to.
            let leads = models
                .iter()
                .filter(|model| model["allowed"] == true)
                .count()
                > 1;
            if is_part && !(queries && leads) || name == "call" {
                continue;
            }
            self.hold(&verdict, message, "not_permitted").await;
        }
        for verdict in self.verdicts("tools") {
            let message = json!({ "id": 1, "action": "call", "tool": verdict["name"] });
            let answered = self.hold(&verdict, message, "tool_not_allowed").await;
            assert_eq!(answered, verdict["allowed"] == true, "{verdict}");
        }
    }
}

async fn served() -> (Data, tempfile::TempDir, Running, Tenant) {
    let data = Data::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tools.toml");
    std::fs::write(&path, TOOLS).unwrap();
    let path = path.display().to_string();
    let running = administered(&[("MCP_TOOLS_FILE", &path)]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    // A model that is not there, and a name that the first database has already.
    let second = NewDatabase {
        name: "archive".to_owned(),
        models: "notes,old=tickets,gone".to_owned(),
        ..database(&data.url())
    };
    let added = running.store.add_database(&tenant.id, second).await;
    added.unwrap();
    (data, folder, running, tenant)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_a_token_is_what_its_requests_get() {
    let (_data, _folder, running, tenant) = served().await;
    let mut api = Api::new(&running);
    let mut why = BTreeSet::new();
    for new in tokens() {
        let path = format!("/tokens/{}/access", new.name);
        let (_, secret) = running.token(&tenant, new).await;
        let client = Client::connect(running.address, &secret, Way::Native).await;
        let mut tried = Tried {
            explained: api.done("GET", &path, json!(null)).await,
            client: client.ok().unwrap(),
            why: BTreeSet::new(),
        };
        assert_eq!(tried.explained["lets_in"]["allowed"], true);
        tried.try_all().await;
        why.append(&mut tried.why);
    }
    for reason in [
        "the scope read is missing",
        "the scope describe is missing",
        "the scope operators is missing",
        "the scope aggregate is missing",
        "the scope expand is missing",
        "the scope tools is missing",
        "the scope tools is missing, or reports",
        "it is not among the token's tools",
        "it is not among the token's models",
        "a row rule is about nowhere, which no database of the tenant lists",
        "a row rule names the field absent, which is not there or may not be read",
        "no such table",
        "hidden: ",
        "the tenant has no database books",
        "it reads the database itself, and the token sees some rows alone",
        "its SQL is none of that database",
        "it reads tickets, which the token does not see",
    ] {
        let mut told = why.iter();
        assert!(told.any(|it| it.contains(reason)), "{reason}: {why:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_lets_nobody_in_is_told_as_such() {
    let (_data, _folder, running, tenant) = served().await;
    let mut api = Api::new(&running);
    for name in ["revoked", "expired", "tenant"] {
        let (token, secret) = running.token(&tenant, token(name)).await;
        let path = format!("/tokens/{name}/access");
        let before = api.done("GET", &path, json!(null)).await;
        assert_eq!(before["lets_in"]["allowed"], true, "{before}");
        let past = chrono::DateTime::from_timestamp(1_000, 0);
        let store = &running.store;
        match name {
            "tenant" => {
                let off = store.update_tenant(&tenant.id, |tenant| tenant.active = false);
                off.await.unwrap();
            }
            _ => {
                let change = store.update_token(&token.id, |token| match name {
                    "revoked" => token.active = false,
                    _ => token.expires_at = past,
                });
                change.await.unwrap();
            }
        }
        let credential = lucarne::auth::Credential::of(&secret);
        running
            .until(|service| service.access().policy(&credential).is_err())
            .await;
        let refused = running.service.access().policy(&credential).unwrap_err();
        let after = api.done("GET", &path, json!(null)).await["lets_in"].clone();
        assert_eq!(after["allowed"], false, "{after}");
        assert_eq!(after["why"], refused.why());
    }
}
