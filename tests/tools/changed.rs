//! Tools over tables that change while they are served.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Served, databases};

const TOOLS: &str = r#"
[[tool]]
name = "staff"
description = "Who works for a company."
sql = "SELECT u.name, u.email FROM users u WHERE u.company_id = :company ORDER BY u.id"
[tool.params]
company = { type = "users.company_id", description = "Which" }
"#;

/// The answer to a call, once it is no longer `unavailable`, as a client would ask again.
async fn settled(served: &Served, tool: &str, params: Value) -> Value {
    let begun = Instant::now();
    loop {
        let answer = served.call(tool, params.clone()).await;
        if answer["code"] != "unavailable" || begun.elapsed() > Duration::from_secs(10) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A tool needs no other request to find its tables changed, gone, and there again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_is_answered_by_its_tables_as_they_are() {
    for database in databases().await {
        let engine = database.engine;
        let served = database.live(TOOLS).await;
        let staff = async || settled(&served, "staff", json!({ "company": 2 })).await;
        let ben = json!([{ "name": "ben", "email": "ben@example.com" }]);
        assert_eq!(staff().await["data"], ben, "{engine}");
        database
            .run("ALTER TABLE users ADD COLUMN born INTEGER")
            .await;
        assert_eq!(staff().await["data"], ben, "{engine}");
        database
            .run("ALTER TABLE users RENAME COLUMN email TO mail")
            .await;
        let failed = json!({ "error": "Tool 'staff' failed", "code": "tool_failed" });
        assert_eq!(staff().await, failed, "{engine}");
        database
            .run("ALTER TABLE users RENAME COLUMN mail TO email")
            .await;
        let begun = Instant::now();
        let mut answer = staff().await;
        while answer["data"] != ben && begun.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(200)).await;
            answer = staff().await;
        }
        assert_eq!(answer["data"], ben, "{engine}: {answer}");
    }
}

/// Each shows the computed column in its own way.
const SHAPES: [&str; 8] = [
    "SELECT id, shown FROM users WHERE id = 1",
    "SELECT COUNT(*) AS n, MIN(shown) AS first FROM users",
    "SELECT t.id, u.shown FROM tickets t LEFT JOIN users u ON u.id = t.user_id WHERE t.id < 4",
    "SELECT t.id, (SELECT u.shown FROM users u WHERE u.id = t.user_id) AS its FROM tickets t",
    "WITH w AS (SELECT id, shown FROM users) SELECT a.shown, b.id FROM w a JOIN w b ON a.id = b.id",
    "SELECT shown FROM users UNION SELECT title FROM tickets WHERE id = 1",
    "SELECT id, FIRST_VALUE(shown) OVER (ORDER BY id) AS first FROM users",
    "WITH RECURSIVE n AS (SELECT 1 AS at UNION ALL SELECT at + 1 FROM n WHERE at < 3) \
     SELECT n.at, u.shown FROM n JOIN users u ON u.id = n.at",
];

/// MariaDB takes a number and a text for one another, and a column for whatever it is computed from
/// by now: a statement that reads another table than was judged shows nothing of it, not even once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_read_by_another_definition_on_mariadb() {
    for database in databases().await {
        if database.engine != "mysql" {
            continue;
        }
        let computed = async |from: &str, how: &str| {
            database
                .run(&format!(
                    "ALTER TABLE users {how} COLUMN shown VARCHAR(200) AS (UPPER({from})) VIRTUAL"
                ))
                .await;
        };
        computed("name", "ADD").await;
        let tools = SHAPES.iter().enumerate().map(|(at, sql)| {
            format!("[[tool]]\nname = \"shape_{at}\"\ndescription = \"x\"\nsql = '''{sql}'''\n")
        });
        let served = database.live(&tools.collect::<String>()).await;
        for at in 0..SHAPES.len() {
            let shape = format!("shape_{at}");
            let call = async || settled(&served, &shape, json!({})).await;
            let begun = Instant::now();
            let mut answer = call().await;
            while answer["code"] == "tool_failed" && begun.elapsed() < Duration::from_secs(10) {
                tokio::time::sleep(Duration::from_millis(200)).await;
                answer = call().await;
            }
            assert!(answer.to_string().contains("ANA"), "{shape}: {answer}");
            // What was found a moment ago is not asked for anew.
            computed("password_hash", "MODIFY").await;
            let answer = call().await;
            assert_eq!(answer["code"], "tool_failed", "{shape}: {answer}");
            computed("name", "MODIFY").await;
        }
        // No number finds a text that begins with it.
        let served = database.live(TOOLS).await;
        let staff = async || settled(&served, "staff", json!({ "company": 1 })).await;
        assert_eq!(staff().await["count"], 2);
        database
            .run("ALTER TABLE users MODIFY company_id VARCHAR(20)")
            .await;
        database.run("UPDATE users SET company_id = '1abc'").await;
        assert_eq!(staff().await["code"], "invalid_value");
    }
}

/// A way to a server that counts the messages to it, and its URL.
async fn counted(url: &str) -> (String, Arc<AtomicUsize>) {
    let place = url.split(['@', '/']).rev().nth(1).unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let url = url.replace(&place, &address);
    let messages = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&messages);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&place).await.unwrap();
            let (mut asked, mut answered) = client.into_split();
            let (mut answers, mut asks) = server.into_split();
            let counting = Arc::clone(&counting);
            tokio::spawn(async move { tokio::io::copy(&mut answers, &mut answered).await });
            tokio::spawn(async move {
                let mut message = vec![0; 65_536];
                // The next one waits for the answer to this.
                while let Ok(length @ 1..) = asked.read(&mut message).await {
                    counting.fetch_add(1, Ordering::SeqCst);
                    asks.write_all(&message[..length]).await.unwrap();
                }
            });
        }
    });
    (url, messages)
}

/// A call asks a server no more often than a record that is read by its key, however many models it
/// reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_one_message_to_mariadb() {
    let tools = "[[tool]]\nname = \"asked\"\ndescription = \"x\"\nresult = \"one\"\n\
        sql = \"SELECT t.id, u.name FROM tickets t JOIN users u ON u.id = t.user_id WHERE t.id = :id\"\n\
        [tool.params]\nid = { type = \"tickets.id\" }\n";
    for database in databases().await {
        if database.engine != "mysql" {
            continue;
        }
        let (url, messages) = counted(&database.url).await;
        let served = database.serve_with(tools, &[("DATABASE_URL", &*url)]).await;
        let served = served.unwrap();
        let mut fewest = usize::MAX;
        // How the tables are defined is asked for once in half a second.
        for _ in 0..10 {
            let before = messages.load(Ordering::SeqCst);
            for id in 1..=5 {
                let answer = served.call("asked", json!({ "id": id })).await;
                assert_eq!(answer["data"]["id"], id, "{answer}");
            }
            fewest = fewest.min(messages.load(Ordering::SeqCst) - before);
        }
        assert_eq!(fewest, 5);
    }
}
