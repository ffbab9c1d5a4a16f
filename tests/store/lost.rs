//! Stores that are away.

use std::fs;
use std::time::{Duration, Instant};

use lucarne::config;
use lucarne::store::{Keys, Store};

use crate::support::{Place, tenant};

async fn opened(url: &str) -> Result<Store, lucarne::store::StoreFault> {
    let config = config::load([("MCP_STORE".to_owned(), url.to_owned())]).unwrap();
    Store::open(config.store.url.as_ref().unwrap(), Keys::default(), None).await
}

#[tokio::test]
async fn a_server_that_does_not_answer_may_come() {
    let fault = opened("postgres://u:s3cret@127.0.0.1:1/store")
        .await
        .unwrap_err();
    assert!(fault.may_come);
    assert!(
        fault
            .what
            .starts_with("MCP_STORE: PostgreSQL at 127.0.0.1:1/store")
    );
    assert!(!format!("{fault:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_place_that_cannot_be_is_told_at_once() {
    let fault = opened("sqlite:/no/such/folder/store.db").await.unwrap_err();
    assert!(
        !fault.may_come && fault.help.contains("folder"),
        "{fault:?}"
    );
    if let Some(place) = Place::database().await {
        let absent = format!("{}_absent", place.url());
        let fault = opened(&absent).await.unwrap_err();
        assert!(!fault.may_come && fault.what.contains("3D000"), "{fault:?}");
    }
}

#[tokio::test]
async fn a_store_that_goes_away_fails_cleanly_and_comes_back() {
    let place = Place::file();
    let store = place.store().await;
    store.create_tenant(tenant("acme")).await.unwrap();
    let away = place.path().with_file_name("away.db");
    fs::rename(place.path(), &away).unwrap();
    assert!(store.revision().await.is_err());
    assert!(store.contents().await.is_err());
    assert!(store.create_tenant(tenant("globex")).await.is_err());
    assert!(store.record_uses(&[]).await.is_err());
    assert!(!place.path().exists(), "nothing is made in its place");
    fs::rename(&away, place.path()).unwrap();
    assert_eq!(store.contents().await.unwrap().tenants.len(), 1);
}

#[tokio::test]
async fn a_file_put_in_the_place_of_another_is_read() {
    let (place, other) = (Place::file(), Place::file());
    let store = place.store().await;
    store.create_tenant(tenant("acme")).await.unwrap();
    other
        .store()
        .await
        .create_tenant(tenant("globex"))
        .await
        .unwrap();
    fs::rename(other.path(), place.path()).unwrap();
    assert_eq!(store.contents().await.unwrap().tenants[0].name, "globex");
}

#[tokio::test]
async fn sessions_that_a_server_ends_are_replaced() {
    let Some(place) = Place::database().await else {
        return;
    };
    let store = place.store().await;
    store.create_tenant(tenant("acme")).await.unwrap();
    place
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
    // The first may still be told of the end of its session.
    let _ = store.revision().await;
    assert_eq!(store.revision().await.unwrap(), 1);
    assert_eq!(store.contents().await.unwrap().tenants.len(), 1);
}

#[tokio::test]
async fn a_store_is_read_while_its_writers_wait_for_a_lock() {
    for place in Place::each().await {
        let store = place.store().await;
        let before = store.state().await.unwrap();
        let held = place.locked().await;
        let writers: Vec<_> = (0..8)
            .map(|number| {
                let (store, name) = (store.clone(), format!("tenant-{number}"));
                tokio::spawn(async move { store.create_tenant(tenant(&name)).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(200)).await;
        let begun = Instant::now();
        assert_eq!(store.state().await.unwrap(), before);
        assert!(store.contents().await.unwrap().tenants.is_empty());
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
        drop(held);
        for writer in writers {
            writer.await.unwrap().unwrap();
        }
        assert_eq!(store.contents().await.unwrap().tenants.len(), 8);
    }
}

#[tokio::test]
async fn rows_that_are_not_understood_grant_nothing() {
    for place in Place::each().await {
        let store = place.store().await;
        let acme = store
            .create_tenant(tenant("acme"))
            .await
            .unwrap()
            .after
            .unwrap();
        for name in ["kept", "odd"] {
            store
                .create_token(&acme.id, crate::support::token(name))
                .await
                .unwrap();
        }
        place
            .execute("UPDATE lucarne_tokens SET row_rules = '[\"later\"]' WHERE name = 'odd'")
            .await;
        let contents = store.contents().await.unwrap();
        assert_eq!(contents.tokens.len(), 1);
        assert_eq!(contents.tokens[0].name, "kept");
        assert_eq!(contents.unreadable.len(), 1);
        assert!(contents.unreadable[0].starts_with("token "));
        place
            .execute("UPDATE lucarne_tenants SET limits = '{\"later\": 1}'")
            .await;
        assert!(store.contents().await.unwrap().tenants.is_empty());
    }
}
