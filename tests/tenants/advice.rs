//! What the admin API warns of beside a change that it takes: names that are nowhere, and models
//! that the rules leave out.

use serde_json::{Value, json};

use crate::api::{Api, administered};
use crate::data::Data;

/// What an answer warns of, each with its remedy.
fn warned(body: &Value) -> Vec<String> {
    let warnings = body["warnings"].as_array().into_iter().flatten();
    let told = warnings.map(|it| {
        let text = |member: &str| it[member].as_str().unwrap().to_owned();
        assert!(!text("help").is_empty(), "{it}");
        format!("{}: {}", text("what"), text("help"))
    });
    told.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_answered_with_what_is_likely_meant_otherwise() {
    let data = Data::sqlite().await;
    let Data::Sqlite(folder) = &data else {
        panic!("a file")
    };
    let at = folder.path().display().to_string();
    let running = administered(&[("MCP_DATABASE_FOLDER", &at)]).await;
    let mut api = Api::new(&running);
    let shop = json!({ "name": "shop", "url": data.url(), "models": "tickets,notes" });
    let steps = [
        // Without a database nothing is seen, and nothing can be misspelt yet.
        ("POST", "/tenants", json!({ "name": "acme" }), vec![]),
        ("POST", "/tenants/acme/databases", shop, vec![]),
        (
            "PATCH",
            "/tenants/acme",
            json!({ "rows": ["tickets.company_id = 1"] }),
            vec![
                "acme: no rule on rows reaches notes: every row is seen",
                "where every row is meant: --rows 'notes: all'",
            ],
        ),
        (
            "PATCH",
            "/tenants/acme",
            json!({ "rows": ["tickets.company_id = 1", "notes: all"] }),
            vec![],
        ),
        (
            "PATCH",
            "/tenants/acme",
            json!({ "rows": ["tickets.company_id = 1", "note: all"] }),
            vec![
                "a row rule is about note, which no database of acme lists",
                "did you mean notes?",
            ],
        ),
        (
            "PATCH",
            "/tenants/acme",
            json!({ "rows": ["tickets.company_id = 1", "notes.id in (1, 2)"] }),
            vec![],
        ),
        (
            "PATCH",
            "/tenants/acme",
            json!({ "rows": ["ticket.company_id = 1", "notes.id in (1, 2)"] }),
            vec![
                "a row rule is about ticket, which no database of acme lists",
                "did you mean tickets?",
            ],
        ),
        (
            "PATCH",
            "/tenants/acme",
            json!({ "rows": ["tickets.compani_id = 1", "notes.id in (1, 2)"] }),
            vec!["tickets is not served"],
        ),
        (
            "PATCH",
            "/tenants/acme",
            json!({ "rows": ["tickets.company_id = 1", "notes.id in (1, 2)"] }),
            vec![],
        ),
        (
            "POST",
            "/tenants/acme/tokens",
            json!({ "name": "agent", "models": ["note"] }),
            vec![
                "the token's models name note, which no database of acme lists",
                "did you mean notes?",
            ],
        ),
        (
            "PATCH",
            "/tokens/agent?tenant=acme",
            json!({ "models": ["notes"] }),
            vec![],
        ),
        (
            "PATCH",
            "/tokens/agent?tenant=acme",
            json!({ "rows": ["nots.id = 1"] }),
            vec!["a row rule is about nots, which no database of acme lists"],
        ),
        (
            "PATCH",
            "/databases/shop?tenant=acme",
            json!({ "models": "tickets" }),
            vec!["a row rule is about notes, which no database of acme lists"],
        ),
    ];
    for (method, path, body, expected) in steps {
        let answer = api.ask(method, path, body.clone()).await;
        assert!(answer.status < 300, "{path} {body}: {}", answer.body);
        let warned = warned(&answer.body);
        let all = warned.join("\n");
        assert_eq!(
            warned.is_empty(),
            expected.is_empty(),
            "{method} {path} {body}: {warned:?}"
        );
        for words in expected {
            assert!(all.contains(words), "{method} {path} {body}: {warned:?}");
        }
    }
    let test = api
        .done("POST", "/databases/shop/test?tenant=acme", Value::Null)
        .await;
    assert!(!warned(&test).is_empty(), "{test}");
    api.hold_to_description().await;
}
