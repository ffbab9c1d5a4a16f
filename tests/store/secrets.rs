//! What a stolen store tells.

use std::fs;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use chrono::Duration;
use secrecy::ExposeSecret as _;

use crate::support::{Place, URL, database, tenant, token};

/// Fills a store with what must not be found in it, changes and removes some, and gives it back.
async fn planted(place: &Place) -> Vec<String> {
    let store = place.store().await;
    let acme = store
        .create_tenant(tenant("acme"))
        .await
        .unwrap()
        .after
        .unwrap();
    let mut secrets: Vec<String> = [URL, "planted-user", "planted-password", "planted-name"]
        .map(str::to_owned)
        .into();
    for index in 0..20 {
        let new = database(&format!("shop {index}"));
        let added = store
            .add_database(&acme.id, new)
            .await
            .unwrap()
            .after
            .unwrap();
        if index % 2 == 0 {
            store.remove_database(&added.id).await.unwrap();
        }
        let new = token(&format!("night {index}"));
        let (made, secret) = store.create_token(&acme.id, new).await.unwrap();
        let id = made.after.unwrap().id;
        let (_, rotated) = store.rotate_token(&id, Duration::hours(1)).await.unwrap();
        secrets.extend([secret, rotated].map(|it| it.expose_secret().to_owned()));
    }
    secrets
}

/// The forms in which a secret could stand: as it is, its bytes, and encoded once more. A token is
/// looked for without its last characters, which are shown.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let hidden = match secret.len() {
        64 => &secret[..52],
        _ => secret,
    };
    let mut forms = vec![hidden.as_bytes().to_vec()];
    let encoded = BASE64_STANDARD.encode(hidden);
    forms.push(encoded.trim_end_matches('=').as_bytes()[..encoded.len() / 4 * 3].to_vec());
    let digits: String = hidden.bytes().map(|byte| format!("{byte:02x}")).collect();
    forms.push(digits.into_bytes());
    if let Ok(bytes) = BASE64_URL_SAFE_NO_PAD.decode(hidden) {
        forms.push(bytes);
    }
    forms
}

fn assert_absent(haystack: &[u8], secrets: &[String]) {
    for secret in secrets {
        for form in forms(secret) {
            let found = haystack.windows(form.len()).any(|window| window == form);
            assert!(!found, "{secret} is in the store");
        }
    }
}

#[test]
fn the_search_finds_what_is_there() {
    let secret = "planted-password".to_owned();
    for form in forms(&secret) {
        let haystack = [b"before", &form[..], b"after"].concat();
        let found =
            std::panic::catch_unwind(|| assert_absent(&haystack, std::slice::from_ref(&secret)));
        assert!(found.is_err());
    }
}

#[tokio::test]
async fn a_stolen_file_holds_no_token_and_no_credential() {
    let place = Place::file();
    let secrets = planted(&place).await;
    let folder = place.path().parent().unwrap().to_owned();
    let mut searched = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        searched += bytes.len();
        assert_absent(&bytes, &secrets);
    }
    assert!(searched > 10_000, "{searched}");
}

#[tokio::test]
async fn a_dump_holds_no_token_and_no_credential() {
    let Some(place) = Place::database().await else {
        return;
    };
    let secrets = planted(&place).await;
    let Ok(dump) = Command::new("pg_dump").arg(place.url()).output() else {
        return crate::common::skipped("postgres", "no pg_dump");
    };
    assert!(dump.status.success());
    assert!(dump.stdout.len() > 10_000);
    assert_absent(&dump.stdout, &secrets);
}

#[tokio::test]
async fn what_is_removed_leaves_the_file() {
    let place = Place::file();
    let store = place.store().await;
    let acme = store
        .create_tenant(tenant("acme-planted"))
        .await
        .unwrap()
        .after
        .unwrap();
    let (made, _) = store.create_token(&acme.id, token("night")).await.unwrap();
    let digest = made.after.unwrap().digest;
    let holds = |needle: &[u8]| {
        let bytes = fs::read(place.path()).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    };
    assert!(holds(&digest) && holds(b"acme-planted"));
    store.remove_tenant(&acme.id).await.unwrap();
    assert!(!holds(&digest) && !holds(b"acme-planted"));
}

#[tokio::test]
async fn nothing_prints_a_credential() {
    let place = Place::file();
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
    let (made, secret) = store.create_token(&acme.id, token("night")).await.unwrap();
    let contents = store.contents().await.unwrap();
    let shown = format!("{store:?} {added:?} {made:?} {secret:?} {contents:?}");
    assert!(!shown.contains("planted-"), "{shown}");
    assert!(!shown.contains(&secret.expose_secret()[..52]), "{shown}");
}
