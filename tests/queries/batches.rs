//! Gets that wait together.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use sqlx::Executor as _;

use crate::engines::engines;

#[tokio::test]
async fn each_get_of_many_has_its_own_answer_and_statements_are_shared() {
    for engine in engines().await {
        let served = &engine.served;
        let ids: Vec<i64> = (0..400).map(|n| n * 7 % 97 - 5).collect();
        let alone = async |id: i64| served.ask("get", "t", &format!("{{\"id\":{id}}}")).await;
        let mut expected = Vec::new();
        for id in &ids {
            expected.push(alone(*id).await.map_err(|refusal| refusal.error));
        }
        let before = served.statements();
        let together = join_all(ids.iter().map(|id| alone(*id))).await;
        let statements = served.statements() - before;
        for ((id, one), expected) in ids.iter().zip(together).zip(expected) {
            let one = one.map_err(|refusal| refusal.error);
            assert_eq!(one, expected, "{} id={id}", engine.name);
            if !(1..=60).contains(id) {
                assert_eq!(one, Err(format!("Record not found: t id={id}")));
            }
        }
        if engine.name != "sqlite" {
            assert!(statements < 100, "{}: {statements}", engine.name);
        }
    }
}

#[tokio::test]
async fn one_record_too_large_spoils_no_other() {
    for engine in engines().await {
        let ids = [1, 2, 3, 4, 5, 6];
        let served = &engine.served;
        let get = async |id: i64| {
            served
                .ask("get", "large", &format!("{{\"id\":{id}}}"))
                .await
        };
        let answers = join_all(ids.map(get)).await;
        for (id, answer) in ids.into_iter().zip(answers) {
            let code = answer
                .as_ref()
                .map_or_else(|refusal| &*refusal.code, |_| "ok");
            let expected = match id {
                1 | 5 => "ok",
                6 => "not_found",
                _ => "response_too_large",
            };
            assert_eq!(code, expected, "{} id={id}", engine.name);
        }
    }
}

#[tokio::test]
async fn a_get_that_goes_away_takes_nobody_with_it() {
    for engine in engines().await {
        let served = &engine.served;
        let get = async |id: i64| served.ask("get", "t", &format!("{{\"id\":{id}}}")).await;
        let mut impatient = Box::pin(get(1));
        // It has begun to wait, and is gone before anything can have come.
        let polled = futures_util::poll!(&mut impatient);
        drop(impatient);
        let others = join_all((2..40).map(get)).await;
        for (id, other) in (2..40).zip(others) {
            assert_eq!(other.unwrap()["data"]["id"], json!(id), "{}", engine.name);
        }
        drop(polled);
    }
}

#[tokio::test]
async fn a_locked_table_holds_up_the_gets_of_no_other() {
    let engines = engines().await;
    let Some(engine) = engines.iter().find(|engine| engine.name == "postgres") else {
        return;
    };
    let served = &engine.served;
    let mut admin = engine.postgres_connection().await;
    admin
        .execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let locked = join_all((1..4).map(|id| async move {
        // More workers than the two of quick days are held up, one after the other.
        tokio::time::sleep(Duration::from_millis(30 * id)).await;
        served.ask("get", "t", &format!("{{\"id\":{id}}}")).await
    }));
    let other = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let other = served.ask("get", "large", r#"{"id":1}"#).await;
        assert_eq!(other.unwrap()["data"]["s"], json!("small"));
        admin.execute("ROLLBACK").await.unwrap();
    };
    let (locked, ()) = tokio::join!(locked, other);
    for (id, record) in (1..4).zip(locked) {
        assert_eq!(record.unwrap()["data"]["id"], json!(id));
    }
}
