//! Ten thousand requests of several tenants at once, over one database and its shared statements.

use serde_json::json;

use crate::data::{COMPANIES, Data, TICKETS, company};
use crate::support::{Client, Way, start, token};

const REQUESTS: usize = 10_000;
const SOCKETS_EACH: usize = 4;
/// Requests that a socket has on their way.
const PIPELINED: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_interleaved_requests_do_not_cross() {
    for data in Data::each().await {
        let running = start(&[]).await;
        let mut sockets = Vec::new();
        for of in 1..=COMPANIES {
            let rows = format!("tickets.company_id = {of}");
            let tenant = running
                .tenant(&format!("company-{of}"), &data.url(), &[&rows])
                .await;
            let (_, secret) = running.token(&tenant, token("agent")).await;
            for _ in 0..SOCKETS_EACH {
                let client = Client::connect(running.address, &secret, Way::Native).await;
                sockets.push((of, client.ok().unwrap()));
            }
        }
        let each = REQUESTS / sockets.len() / PIPELINED + 1;
        let asking = sockets.into_iter().enumerate().map(|(at, (of, mut client))| {
            tokio::spawn(async move {
                let mut dice = fastrand::Rng::with_seed(at as u64);
                let (mut found, mut absent) = (0, 0);
                for _ in 0..each {
                    let mut asked = Vec::new();
                    for _ in 0..PIPELINED {
                        let id = dice.i64(1..=TICKETS);
                        let (action, params) = match dice.u8(0..8) {
                            0 => ("list", json!({ "limit": 3, "offset": dice.u8(0..40) })),
                            1 => ("query", json!({ "limit": 2, "filters": { "id": { "$gte": id } } })),
                            _ => ("get", json!({ "id": id })),
                        };
                        let message =
                            json!({ "id": id, "action": action, "model": "tickets", "params": params });
                        client.tell(message.to_string()).await;
                        asked.push((id, action));
                    }
                    for (id, action) in asked {
                        let text = client.next().await.unwrap();
                        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
                        assert_eq!(answer["id"], id, "{text}");
                        if action != "get" {
                            assert_eq!(answer["status"], "ok", "{text}");
                            for row in answer["data"].as_array().unwrap() {
                                assert_eq!(row["company_id"], of, "{text}");
                            }
                        } else if company(id) == of {
                            assert_eq!(answer["data"]["company_id"], of, "{text}");
                            assert_eq!(answer["data"]["id"], id, "{text}");
                            found += 1;
                        } else {
                            assert_eq!(answer["code"], "not_found", "{text}");
                            absent += 1;
                        }
                    }
                }
                (found, absent)
            })
        });
        let asking: Vec<_> = asking.collect();
        let (mut found, mut absent) = (0, 0);
        for asked in asking {
            let (one, other) = asked.await.unwrap();
            found += one;
            absent += other;
        }
        assert!(
            found > REQUESTS / 5 && absent > REQUESTS / 3,
            "{found} {absent}"
        );
    }
}
