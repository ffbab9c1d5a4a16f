//! How a store comes to be, and where it does not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use futures_util::future::join_all;

use crate::support::{Place, database, tenant};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_at_once_make_the_tables_once() {
    for place in Place::each().await {
        let opened = join_all((0..20).map(|_| place.open(&[]))).await;
        let stores: Vec<_> = opened.into_iter().map(Result::unwrap).collect();
        let made = "SELECT count(*) - count(DISTINCT version) FROM _sqlx_migrations";
        assert_eq!(place.value(made).await, 0);
        stores[0].create_tenant(tenant("acme")).await.unwrap();
        assert_eq!(stores[19].revision().await.unwrap(), 1);
    }
}

#[tokio::test]
async fn what_is_there_stays() {
    for place in Place::each().await {
        let store = place.store().await;
        store.create_tenant(tenant("acme")).await.unwrap();
        let again = place.store().await;
        assert_eq!(again.contents().await.unwrap().tenants[0].name, "acme");
    }
}

#[tokio::test]
async fn a_database_with_other_tables_is_left_alone() {
    for place in Place::each().await {
        place
            .execute("CREATE TABLE users (id INTEGER PRIMARY KEY)")
            .await;
        let fault = place.open(&[]).await.unwrap_err();
        assert!(
            fault.what.contains("it has the table users"),
            "{}",
            fault.what
        );
        assert!(!fault.may_come);
        let tables = match place {
            Place::File(_) => "SELECT count(*) FROM sqlite_schema",
            Place::Database { .. } => "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'",
        };
        assert_eq!(place.value(tables).await, 1);
    }
}

#[tokio::test]
async fn the_exposed_database_is_never_the_store() {
    for place in Place::each().await {
        let url = place.url();
        let fault = place.open(&[("DATABASE_URL", &url)]).await.unwrap_err();
        assert!(
            fault.what.contains("DATABASE_URL names a store too"),
            "{}",
            fault.what
        );
    }
    // By other names that lead there.
    let place = Place::file();
    place.store().await;
    let link = place.path().with_file_name("link.db");
    std::os::unix::fs::symlink(place.path(), &link).unwrap();
    let url = format!("sqlite:///{}", link.display());
    assert!(place.open(&[("DATABASE_URL", &url)]).await.is_err());
    if let Some(place) = Place::database().await {
        place.store().await;
        let name = place.url().rsplit_once('/').unwrap().1.to_owned();
        let url = format!("postgres://root@/{name}?host=/var/run/postgresql");
        let fault = place.open(&[("DATABASE_URL", &url)]).await.unwrap_err();
        assert!(
            fault.what.contains("DATABASE_URL names a store too"),
            "{}",
            fault.what
        );
    }
}

#[tokio::test]
async fn no_tenant_is_given_the_store() {
    for place in Place::each().await {
        let store = place.store().await;
        let acme = store
            .create_tenant(tenant("acme"))
            .await
            .unwrap()
            .after
            .unwrap();
        let mut itself = database("shop");
        itself.url = place.url().into();
        let refused = store.add_database(&acme.id, itself).await.unwrap_err();
        assert!(refused.to_string().contains("holds a store"), "{refused}");
        let added = store
            .add_database(&acme.id, database("shop"))
            .await
            .unwrap();
        let (id, url) = (added.after.unwrap().id, place.url());
        let changed = store.update_database(&id, |database| database.url = Ok(url.clone().into()));
        assert!(
            changed
                .await
                .unwrap_err()
                .to_string()
                .contains("holds a store")
        );
        let kept = store.contents().await.unwrap().databases.remove(0);
        assert_eq!(kept.place(), "PostgreSQL at 127.0.0.1:1/planted-name");
    }
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused() {
    for place in Place::each().await {
        place.store().await;
        place
            .execute(
                "INSERT INTO _sqlx_migrations \
                 (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'later', true, '', 0)",
            )
            .await;
        let fault = place.open(&[]).await.unwrap_err();
        assert!(fault.what.contains("another version"), "{}", fault.what);
    }
}

#[tokio::test]
async fn a_file_is_for_the_service_alone() {
    let place = Place::file();
    place.store().await;
    let mode = fs::metadata(place.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_file_of_another_kind_is_left_alone() {
    let place = Place::file();
    fs::write(place.path(), "no database").unwrap();
    let fault = place.open(&[]).await.unwrap_err();
    assert!(
        fault.what.contains("not an SQLite database"),
        "{}",
        fault.what
    );
    assert_eq!(fs::read_to_string(place.path()).unwrap(), "no database");
}
