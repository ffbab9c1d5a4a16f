//! What a tenant's database may never be, and what a host that is asked may not hold up.

use serde_json::json;
use tokio::net::TcpListener;

use crate::api::{Api, administered};
use crate::data::Data;

/// What a store looks like to whoever looks for one.
const COPIED: &str = "CREATE TABLE lucarne_revision (number integer)";

async fn each() -> Vec<Data> {
    Data::each().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_store_is_no_database_on_any_engine() {
    for data in each().await {
        let folder = match &data {
            Data::Sqlite(folder) => folder.path().display().to_string(),
            _ => "/nowhere".to_owned(),
        };
        let running = administered(&[
            ("MCP_DATABASE_FOLDER", &folder),
            ("MCP_ALLOWED_DATABASE_HOSTS", "127.0.0.1"),
        ])
        .await;
        let mut api = Api::new(&running);
        api.done("POST", "/tenants", json!({ "name": "acme" }))
            .await;
        let new = json!({ "name": "shop", "url": data.url(), "models": "tickets" });
        api.done("POST", "/tenants/acme/databases", new).await;
        let test = api.done("POST", "/databases/shop/test", json!(null)).await;
        assert_eq!(test["answers"], true, "{test}");
        data.execute(COPIED).await;
        // It was added before: what is opened is looked at again.
        let test = api.done("POST", "/databases/shop/test", json!(null)).await;
        let fault = test["fault"].to_string();
        assert!(fault.contains("holds a store of Lucarne"), "{test}");
        assert_eq!(
            (&test["answers"], &test["models"]),
            (&json!(false), &json!([]))
        );
        let new = json!({ "name": "again", "url": data.url(), "models": "tickets" });
        let again = api.ask("POST", "/tenants/acme/databases", new).await;
        // No store is kept by MariaDB, so that it is looked at when it is opened.
        match data {
            Data::MySql { .. } => assert_eq!(again.status, 201),
            _ => assert_eq!(again.status, 400, "{}", again.body),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_a_store_are_no_models() {
    for data in each().await {
        data.execute("CREATE TABLE lucarne_tokens (id integer PRIMARY KEY)")
            .await;
        let running = administered(&[
            (
                "MCP_DATABASE_FOLDER",
                &std::env::temp_dir().display().to_string(),
            ),
            ("MCP_ALLOWED_DATABASE_HOSTS", "127.0.0.1"),
        ])
        .await;
        let mut api = Api::new(&running);
        api.done("POST", "/tenants", json!({ "name": "acme" }))
            .await;
        let models = "tickets,plain=lucarne_tokens";
        let new = json!({ "name": "shop", "url": data.url(), "models": models });
        api.done("POST", "/tenants/acme/databases", new).await;
        let test = api.done("POST", "/databases/shop/test", json!(null)).await;
        assert_eq!(test["models"].as_array().unwrap().len(), 1, "{test}");
        assert!(
            test["missing"].to_string().contains("those of a store"),
            "{test}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_never_answers_holds_up_nobody_else() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = administered(&[("MCP_ALLOWED_DATABASE_HOSTS", "127.0.0.1")]).await;
    let mut api = Api::new(&running);
    api.done("POST", "/tenants", json!({ "name": "acme" }))
        .await;
    let new = json!({
        "name": "shop", "url": "postgres://u:p@127.0.0.1:1/x", "models": "tickets",
    });
    api.done("POST", "/tenants/acme/databases", new).await;
    let url = format!("postgres://u:p@{}/x", silent.local_addr().unwrap());
    let mut other = Api::new(&running);
    let changing = other.ask("PATCH", "/databases/shop", json!({ "url": url }));
    let mut changing = std::pin::pin!(changing);
    // It is asked, and answers nothing for as long as anybody waits.
    let asked = tokio::select! {
        asked = silent.accept() => asked.unwrap(),
        _ = &mut changing => panic!("the host was not asked"),
    };
    for number in 0..5 {
        let meanwhile = api.ask("POST", "/tenants", json!({ "name": format!("t{number}") }));
        tokio::select! {
            answer = meanwhile => assert_eq!(answer.status, 201),
            _ = &mut changing => panic!("nobody else was answered meanwhile"),
        }
    }
    drop(asked);
    let changed = changing.await;
    assert_eq!(changed.status, 200, "{}", changed.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_parameter_is_sql() {
    let data = Data::each().await;
    let running = administered(&[("MCP_ALLOWED_DATABASE_HOSTS", "127.0.0.1")]).await;
    let mut api = Api::new(&running);
    api.done("POST", "/tenants", json!({ "name": "acme" }))
        .await;
    for data in data
        .iter()
        .filter(|data| matches!(data, Data::MySql { .. }))
    {
        for (parameter, value) in [
            (
                "collation",
                "utf8mb4_general_ci%3B%20CREATE%20TABLE%20planted%20%28x%20int%29",
            ),
            (
                "charset",
                "utf8mb4%3B%20CREATE%20TABLE%20planted%20%28x%20int%29",
            ),
            (
                "timezone",
                "%2B00%3A00%27%3B%20CREATE%20TABLE%20planted%20%28x%20int%29",
            ),
        ] {
            let url = format!("{}?{parameter}={value}", data.url());
            let new = json!({ "name": "shop", "url": url, "models": "tickets" });
            let code = api
                .refused("POST", "/tenants/acme/databases", new, 400)
                .await;
            assert_eq!(code, "invalid_input");
        }
        // It can be made, for nobody has.
        data.execute("CREATE TABLE planted (x int)").await;
    }
}
