//! A database that is lost while the service runs, and comes back.

use sqlx::{Connection as _, Executor as _, SqliteConnection};

use crate::client::{Client, error};
use crate::raw;
use crate::service::{Service, copy, soon};

const LIST: &str = r#"{"id":1,"action":"list","model":"users","params":{"limit":1}}"#;
const LOST: (&str, &str) = ("Database is unavailable", "unavailable");

#[tokio::test]
async fn a_file_that_is_moved_away_is_missed_and_found_again() {
    let (folder, path) = copy();
    let url = format!("sqlite:{}", path.display());
    let service = Service::with(&[("DATABASE_URL", &url)]).await;
    let mut client = Client::new(service.address).await;
    assert_eq!(client.ask(LIST).await["status"], "ok");
    let away = folder.path().join("away.db");
    for _ in 0..2 {
        std::fs::rename(&path, &away).unwrap();
        for _ in 0..3 {
            assert_eq!(error(&client.ask(LIST).await), LOST);
        }
        // What needs no database is answered all the same.
        let described = client.ask(r#"{"action":"describe","model":"users"}"#).await;
        assert_eq!(described["status"], "ok");
        assert!(!path.exists());
        std::fs::rename(&away, &path).unwrap();
        assert_eq!(client.ask(LIST).await["status"], "ok");
    }
}

#[tokio::test]
async fn readiness_follows_the_database_and_health_does_not() {
    let (_folder, path) = copy();
    let url = format!("sqlite:{}", path.display());
    let service = Service::with(&[("DATABASE_URL", &url)]).await;
    assert_eq!(raw::get(service.address, "/ready").await.status, 200);
    std::fs::remove_file(&path).unwrap();
    soon(async {
        loop {
            let reply = raw::get(service.address, "/ready").await;
            if reply.status == 503 {
                assert_eq!(reply.json()["error"], LOST.0);
                break;
            }
            // The answer is kept for a moment.
            assert_eq!(reply.status, 200);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(raw::get(service.address, "/health").await.status, 200);
}

#[tokio::test]
async fn a_file_that_is_replaced_is_read_anew() {
    let (folder, path) = copy();
    let url = format!("sqlite:{}", path.display());
    let service = Service::with(&[("DATABASE_URL", &url)]).await;
    let mut client = Client::new(service.address).await;
    assert_eq!(client.ask(LIST).await["data"][0]["first_name"], "Admin");
    let other = folder.path().join("other.db");
    std::fs::copy(&path, &other).unwrap();
    let mut connection = SqliteConnection::connect(&format!("sqlite:{}", other.display()))
        .await
        .unwrap();
    let change = "UPDATE users SET first_name = 'Other' WHERE id = 1";
    connection.execute(change).await.unwrap();
    connection.close().await.unwrap();
    std::fs::rename(&other, &path).unwrap();
    assert_eq!(client.ask(LIST).await["data"][0]["first_name"], "Other");
}

#[tokio::test]
async fn a_file_that_is_locked_is_waited_for_and_free_again() {
    let (_folder, path) = copy();
    let url = format!("sqlite:{}", path.display());
    let service = Service::with(&[("DATABASE_URL", &url), ("MCP_QUERY_TIMEOUT", "1")]).await;
    let mut client = Client::new(service.address).await;
    assert_eq!(client.ask(LIST).await["status"], "ok");
    let mut writer = SqliteConnection::connect(&url).await.unwrap();
    writer.execute("BEGIN EXCLUSIVE").await.unwrap();
    let late = ("Query timed out after 1s", "timeout");
    assert_eq!(error(&client.ask(LIST).await), late);
    writer.execute("ROLLBACK").await.unwrap();
    assert_eq!(client.ask(LIST).await["status"], "ok");
}

#[tokio::test]
async fn a_file_that_is_overwritten_fails_without_a_word_of_the_driver() {
    let (_folder, path) = copy();
    let url = format!("sqlite:{}", path.display());
    let service = Service::with(&[("DATABASE_URL", &url)]).await;
    let mut client = Client::new(service.address).await;
    std::fs::write(&path, "no database at all ".repeat(1_000)).unwrap();
    let answer = client.ask(LIST).await;
    assert_eq!(error(&answer), LOST);
    assert_eq!(answer.as_object().unwrap().len(), 4);
}
