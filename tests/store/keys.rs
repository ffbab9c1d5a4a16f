//! What the encryption keys open.

use lucarne::store::SealFault;
use secrecy::ExposeSecret as _;

use crate::support::{KEY, OTHER_KEY, Place, URL, database, tenant};

#[tokio::test]
async fn without_the_key_or_with_another_a_store_is_refused_at_start() {
    for place in Place::each().await {
        let store = place.store().await;
        let acme = store
            .create_tenant(tenant("acme"))
            .await
            .unwrap()
            .after
            .unwrap();
        store
            .add_database(&acme.id, database("shop"))
            .await
            .unwrap();
        for (key, said) in [("", "is not set"), (OTHER_KEY, "another key")] {
            let fault = place.with_key(key).await.unwrap_err();
            assert!(
                fault.what.starts_with("MCP_ENCRYPTION_KEY: "),
                "{}",
                fault.what
            );
            assert!(fault.what.contains(said), "{}", fault.what);
            assert!(!fault.may_come);
        }
    }
}

#[tokio::test]
async fn without_a_key_there_are_tenants_and_no_databases() {
    let place = Place::file();
    let store = place.with_key("").await.unwrap();
    let acme = store
        .create_tenant(tenant("acme"))
        .await
        .unwrap()
        .after
        .unwrap();
    let refused = store
        .add_database(&acme.id, database("shop"))
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("MCP_ENCRYPTION_KEY"),
        "{refused}"
    );
    assert_eq!(store.revision().await.unwrap(), 1);
}

#[tokio::test]
async fn keys_rotate_without_a_moment_in_between() {
    for place in Place::each().await {
        let store = place.store().await;
        let acme = store
            .create_tenant(tenant("acme"))
            .await
            .unwrap()
            .after
            .unwrap();
        for name in ["shop", "office"] {
            store.add_database(&acme.id, database(name)).await.unwrap();
        }
        let rotating = [
            ("MCP_ENCRYPTION_KEY", OTHER_KEY),
            ("MCP_ENCRYPTION_KEY_PREVIOUS", KEY),
        ];
        let new = place.open(&rotating).await.unwrap();
        assert_eq!(new.reseal().await.unwrap(), 2);
        assert_eq!(new.reseal().await.unwrap(), 0, "once is enough");
        for database in new.contents().await.unwrap().databases {
            assert_eq!(database.url.unwrap().expose_secret(), URL);
        }
        // The key before opens nothing from now on, and is not needed.
        place.with_key(OTHER_KEY).await.unwrap();
        let old = store.contents().await.unwrap();
        for database in old.databases {
            assert_eq!(database.url.err(), Some(SealFault::OtherKey));
        }
    }
}

#[tokio::test]
async fn a_change_by_an_instance_without_the_key_keeps_what_is_sealed() {
    let place = Place::file();
    let old = place.with_key("").await.unwrap();
    let store = place.store().await;
    let acme = store
        .create_tenant(tenant("acme"))
        .await
        .unwrap()
        .after
        .unwrap();
    let added = store
        .add_database(&acme.id, database("shop"))
        .await
        .unwrap();
    let id = added.after.unwrap().id;
    let changed = old.update_database(&id, |database| database.models = "users".to_owned());
    assert_eq!(
        changed.await.unwrap().after.unwrap().url.err(),
        Some(SealFault::NoKey)
    );
    let read = store.contents().await.unwrap().databases.remove(0);
    assert_eq!(read.models, "users");
    assert_eq!(read.url.unwrap().expose_secret(), URL);
}

#[tokio::test]
async fn what_is_sealed_for_one_tenant_opens_for_no_other() {
    for place in Place::each().await {
        let store = place.store().await;
        let mut ids = Vec::new();
        for name in ["acme", "globex"] {
            let made = store.create_tenant(tenant(name)).await.unwrap();
            let id = made.after.unwrap().id;
            let added = store.add_database(&id, database("shop")).await.unwrap();
            ids.push(added.after.unwrap().id);
        }
        place
            .execute(&format!(
                "UPDATE lucarne_databases SET sealed_url = \
                 (SELECT sealed_url FROM lucarne_databases WHERE id = '{}') WHERE id = '{}'",
                ids[0], ids[1]
            ))
            .await;
        // The one that is broken stops neither the start nor the other.
        let contents = place.store().await.contents().await.unwrap();
        for database in contents.databases {
            let expected = (database.id == ids[1]).then_some(SealFault::Broken);
            assert_eq!(database.url.err(), expected);
        }
    }
}
