//! What a change does, and who sees it.

use chrono::{Duration, SubsecRound as _, Utc};
use lucarne::auth;
use lucarne::store::{ClientLimits, Refusal, Store, TenantId};
use secrecy::ExposeSecret as _;

use crate::support::{Place, URL, database, tenant, token};

#[tokio::test]
async fn each_change_makes_the_next_revision_and_is_what_is_read_after_it() {
    for place in Place::each().await {
        let store = place.store().await;
        assert_eq!(store.revision().await.unwrap(), 0);

        let acme = store.create_tenant(tenant("acme")).await.unwrap();
        assert_eq!((acme.before, acme.revision), (None, 1));
        let acme = acme.after.unwrap();
        let shop = store
            .add_database(&acme.id, database("shop"))
            .await
            .unwrap();
        assert_eq!(shop.revision, 2);
        let (night, secret) = store.create_token(&acme.id, token("night")).await.unwrap();
        assert_eq!(night.revision, 3);
        let night = night.after.unwrap();
        assert_eq!(night.digest, auth::digest(secret.expose_secret()));
        assert!(secret.expose_secret().ends_with(&night.suffix));

        let contents = store.contents().await.unwrap();
        assert_eq!(contents.revision, 3);
        assert_eq!(contents.tenants, std::slice::from_ref(&acme));
        assert_eq!(contents.tokens, std::slice::from_ref(&night));
        let kept = &contents.databases[0];
        assert_eq!(kept.url.as_ref().unwrap().expose_secret(), URL);
        assert_eq!(
            (kept.models.as_str(), kept.hidden.as_str()),
            ("users,tickets", "users.phone")
        );
        assert_eq!(kept.place(), "PostgreSQL at 127.0.0.1:1/planted-name");

        let changed = store
            .update_tenant(&acme.id, |tenant| {
                tenant.active = false;
                tenant.limits.rows_per_day = Some(1_000);
                tenant.id = TenantId::from("another".to_owned());
            })
            .await
            .unwrap();
        assert_eq!(changed.revision, 4);
        assert_eq!(changed.before, Some(acme.clone()));
        let after = changed.after.unwrap();
        assert!(!after.active && after.id == acme.id && after.created_at == acme.created_at);
        assert_eq!(store.contents().await.unwrap().tenants, [after]);

        let ends = (Utc::now() + Duration::days(30)).trunc_subsecs(3);
        let changed = store
            .update_token(&night.id, |token| {
                token.active = false;
                token.expires_at = Some(ends);
                token.models = Some(vec!["tickets".to_owned()]);
                token.tools = Some(vec!["list_records".to_owned()]);
                token.rows = vec!["tickets.region in (north, 'far east')".parse().unwrap()];
                token.limits = ClientLimits {
                    rate_limit: Some(7),
                    rate_window: Some(60),
                    rows_per_day: None,
                };
            })
            .await
            .unwrap();
        assert_eq!(changed.revision, 5);
        assert_eq!(
            store.contents().await.unwrap().tokens,
            [changed.after.unwrap()]
        );

        let kept = kept.id.clone();
        let changed = store
            .update_database(&kept, |database| {
                database.url = Ok("mysql://u:p@127.0.0.1:1/other".into());
                database.pgbouncer = true;
                database.hidden = String::new();
            })
            .await
            .unwrap();
        assert_eq!(changed.revision, 6);
        let read = store.contents().await.unwrap().databases.remove(0);
        assert_eq!(read.place(), "MySQL at 127.0.0.1:1/other");
        let changed = store
            .update_database(&kept, |database| {
                database.url = Ok(URL.into());
                database.row_security = true;
            })
            .await
            .unwrap();
        assert!(changed.after.unwrap().row_security);
        assert!(store.contents().await.unwrap().databases[0].row_security);
        assert!(read.pgbouncer && read.models == "users,tickets");

        assert_eq!(store.remove_token(&night.id).await.unwrap().revision, 8);
        assert_eq!(store.remove_database(&kept).await.unwrap().revision, 9);
        assert!(store.contents().await.unwrap().databases.is_empty());
        store
            .add_database(&acme.id, database("shop"))
            .await
            .unwrap();
        store.create_token(&acme.id, token("day")).await.unwrap();
        assert_eq!(store.remove_tenant(&acme.id).await.unwrap().revision, 12);
        let contents = store.contents().await.unwrap();
        assert!(contents.tenants.is_empty());
        assert!(contents.databases.is_empty() && contents.tokens.is_empty());
    }
}

#[tokio::test]
async fn a_rotated_token_is_another_secret_with_the_same_rights() {
    for place in Place::each().await {
        let store = place.store().await;
        let acme = store
            .create_tenant(tenant("acme"))
            .await
            .unwrap()
            .after
            .unwrap();
        let (made, first) = store.create_token(&acme.id, token("night")).await.unwrap();
        let id = made.after.unwrap().id;

        let (changed, second) = store.rotate_token(&id, Duration::zero()).await.unwrap();
        assert_ne!(first.expose_secret(), second.expose_secret());
        let rotated = changed.after.unwrap();
        assert_eq!(rotated.digest, auth::digest(second.expose_secret()));
        assert_eq!(rotated.previous, None);
        assert_eq!(rotated.name, "night");

        let (changed, third) = store.rotate_token(&id, Duration::hours(1)).await.unwrap();
        let rotated = changed.after.unwrap();
        let previous = rotated.previous.clone().unwrap();
        assert_eq!(previous.digest, auth::digest(second.expose_secret()));
        assert!(previous.until > Utc::now() + Duration::minutes(59));
        assert_eq!(rotated.digest, auth::digest(third.expose_secret()));
        assert_eq!(store.contents().await.unwrap().tokens, [rotated]);
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    for place in Place::each().await {
        let store = place.store().await;
        let acme = store
            .create_tenant(tenant("acme"))
            .await
            .unwrap()
            .after
            .unwrap();
        store.create_token(&acme.id, token("night")).await.unwrap();
        store
            .add_database(&acme.id, database("shop"))
            .await
            .unwrap();
        let before = store.revision().await.unwrap();

        let told = |refusal: Refusal| refusal.to_string();
        let twice = store.create_tenant(tenant("acme")).await.unwrap_err();
        assert_eq!(told(twice), "there is a tenant \"acme\" already");
        let twice = store.create_token(&acme.id, token("night")).await;
        assert_eq!(
            told(twice.unwrap_err()),
            "there is a token \"night\" already"
        );
        let twice = store.add_database(&acme.id, database("shop")).await;
        assert_eq!(
            told(twice.unwrap_err()),
            "there is a database \"shop\" already"
        );

        let nobody = TenantId::from("0123456789abcdef".to_owned());
        let absent = store.create_token(&nobody, token("night")).await;
        assert!(matches!(
            absent,
            Err(Refusal::Absent { kind: "tenant", .. })
        ));
        let absent = store.add_database(&nobody, database("shop")).await;
        assert!(matches!(
            absent,
            Err(Refusal::Absent { kind: "tenant", .. })
        ));
        let absent = store.update_tenant(&nobody, |_| ()).await;
        assert!(matches!(
            absent,
            Err(Refusal::Absent { kind: "tenant", .. })
        ));

        for name in ["", " acme", "a\nb", "0123456789abcdef", &"a".repeat(101)] {
            let refused = store.create_tenant(tenant(name)).await.unwrap_err();
            assert!(matches!(refused, Refusal::Invalid(_)), "{name:?}");
        }
        let mut nothing = token("day");
        nothing.scopes.clear();
        let refused = store.create_token(&acme.id, nothing).await.unwrap_err();
        assert!(told(refused).starts_with("scopes: "));
        for (url, models, hidden) in [
            ("oracle://planted-password", "users", ""),
            (URL, "", ""),
            (URL, "a.b.c", ""),
            (URL, "users", "users."),
        ] {
            let mut faulty = database("other");
            faulty.url = url.into();
            faulty.models = models.to_owned();
            faulty.hidden = hidden.to_owned();
            let refused = store.add_database(&acme.id, faulty).await.unwrap_err();
            assert!(matches!(refused, Refusal::Invalid(_)), "{refused}");
            assert!(!refused.to_string().contains("planted"), "{refused}");
        }
        assert_eq!(store.revision().await.unwrap(), before);
    }
}

#[tokio::test]
async fn instances_see_each_other_and_make_every_revision_once() {
    for place in Place::each().await {
        let (one, other) = (place.store().await, place.store().await);
        let acme = one
            .create_tenant(tenant("acme"))
            .await
            .unwrap()
            .after
            .unwrap();
        let read = other.contents().await.unwrap();
        assert_eq!(read.tenants, std::slice::from_ref(&acme));
        other
            .update_tenant(&acme.id, |tenant| tenant.active = false)
            .await
            .unwrap();
        assert!(!one.contents().await.unwrap().tenants[0].active);

        let work = |store: Store, of: &'static str| {
            let id = acme.id.clone();
            tokio::spawn(async move {
                let mut made = Vec::new();
                for index in 0..10 {
                    let new = token(&format!("{of} {index}"));
                    made.push(store.create_token(&id, new).await.unwrap().0.revision);
                }
                made
            })
        };
        let (first, second) = (work(one.clone(), "one"), work(other, "other"));
        let mut revisions = first.await.unwrap();
        revisions.extend(second.await.unwrap());
        revisions.sort_unstable();
        assert_eq!(revisions, (3..=22).collect::<Vec<i64>>());
        assert_eq!(one.contents().await.unwrap().tokens.len(), 20);
    }
}

#[tokio::test]
async fn uses_are_noted_without_a_revision() {
    for place in Place::each().await {
        let store = place.store().await;
        let acme = store
            .create_tenant(tenant("acme"))
            .await
            .unwrap()
            .after
            .unwrap();
        let (made, _) = store.create_token(&acme.id, token("night")).await.unwrap();
        let made = made.after.unwrap();
        let revision = store.revision().await.unwrap();
        let last_used = async || store.contents().await.unwrap().tokens[0].last_used_at;
        assert_eq!(last_used().await, None);

        let now = Utc::now().trunc_subsecs(3);
        store
            .record_uses(&[(made.digest, now), ([7; 32], now)])
            .await
            .unwrap();
        assert_eq!(last_used().await, Some(now));
        let earlier = now - Duration::seconds(5);
        store.record_uses(&[(made.digest, earlier)]).await.unwrap();
        assert_eq!(
            last_used().await,
            Some(now),
            "a late batch of another instance"
        );
        assert_eq!(store.revision().await.unwrap(), revision);

        store
            .update_token(&made.id, |token| token.last_used_at = None)
            .await
            .unwrap();
        assert_eq!(last_used().await, Some(now), "no change forgets a use");
    }
}
