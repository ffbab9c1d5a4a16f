//! Settings change while the service runs: whole, checked, and at once for open sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sqlx::{Connection as _, SqliteConnection};

use crate::support::*;

const SECOND: &str = "second-token-of-the-tests";

async fn change_table(folder: &Folder, statement: &'static str) {
    let url = format!("sqlite:{}", folder.path("shop.db").display());
    let mut writer = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query(statement).execute(&mut writer).await.unwrap();
    writer.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_ends_its_sockets_and_no_others() {
    let folder = Folder::new().await;
    folder.put("token", &format!("{TOKEN},{SECOND}\n"));
    folder.configure("MCP_TOKEN_FILE=token");
    let served = folder.serve().await;
    let (mut first, mut second) = (served.connect(TOKEN).await, served.connect(SECOND).await);
    assert_eq!(code(&ask(&mut first, LIST).await), "ok");
    // No signal: the file is watched.
    let begun = Instant::now();
    folder.put("token", &format!("{SECOND}\n"));
    assert_eq!(closed(&mut first).await, Some(1008));
    println!("revoked after {:?}", begun.elapsed());
    assert_eq!(code(&ask(&mut second, LIST).await), "ok");
    assert_eq!(served.try_connect(TOKEN).await.err(), Some(401));
    assert_eq!(served.logged("MCP_TOKEN: changed"), 1);
    let log = served.log();
    assert!(!log.contains(TOKEN) && !log.contains(SECOND), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn open_sockets_follow_at_their_next_message() {
    let folder = Folder::new().await;
    folder.configure("MCP_MAX_LIMIT=9");
    let served = folder.serve().await;
    let mut socket = served.connect(TOKEN).await;
    let email = r#"{"action":"query","model":"users","params":{"fields":["email"]}}"#;
    let tickets = r#"{"action":"list","model":"tickets"}"#;
    assert_eq!(ask(&mut socket, tickets).await["limit"], 9);
    assert_eq!(code(&ask(&mut socket, email).await), "ok");
    folder.configure(
        "MCP_MAX_LIMIT=4\nMCP_ALLOWED_MODELS=users\nMCP_HIDDEN_FIELDS=users.email\n\
         MCP_POOL_SIZE=2\nMCP_LISTEN=127.0.0.1:0",
    );
    served.reload().await;
    let refused = ask(&mut socket, tickets).await;
    assert_eq!(
        refused["error"],
        "Model 'tickets' not allowed. Allowed models: users"
    );
    assert_eq!(code(&ask(&mut socket, email).await), "invalid_parameter");
    let list = ask(&mut socket, r#"{"action":"list","model":"users"}"#).await;
    assert_eq!(list["limit"], 4);
    assert!(list["data"][0].get("email").is_none());
    let log = served.log();
    for line in [
        "reload: MCP_MAX_LIMIT: 9 -> 4",
        "reload: MCP_ALLOWED_MODELS: users,tickets,change_log -> users",
        "reload: MCP_HIDDEN_FIELDS: unset -> users.email",
        "reload: MCP_POOL_SIZE: unset -> 2: needs a restart",
        "reload: no longer exposed: change_log, ",
    ] {
        assert!(log.contains(line), "{line}\n{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_follows_and_the_largest_message_too() {
    let folder = Folder::new().await;
    folder.configure("");
    let served = folder.serve().await;
    let (mut limited, mut large) = (served.connect(TOKEN).await, served.connect(TOKEN).await);
    for _ in 0..3 {
        assert_eq!(code(&ask(&mut limited, LIST).await), "ok");
    }
    folder.configure("MCP_RATE_LIMIT=4\nMCP_MAX_MESSAGE_BYTES=256");
    served.reload().await;
    assert_eq!(code(&ask(&mut limited, LIST).await), "ok");
    let over = ask(&mut limited, LIST).await;
    assert_eq!(over["error"], "Rate limit exceeded: 4 requests per 60s");
    assert_eq!(closed(&mut limited).await, Some(1008));
    use futures_util::SinkExt as _;
    let long = format!("{LIST}{}", " ".repeat(300));
    large.send(long.into()).await.unwrap();
    assert_eq!(closed(&mut large).await, Some(1009));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_reload_changes_nothing_and_says_so() {
    let folder = Folder::new().await;
    folder.configure("MCP_MAX_LIMIT=9");
    let served = folder.serve().await;
    let mut socket = served.connect(TOKEN).await;
    let list = r#"{"action":"list","model":"tickets"}"#;
    for (faulty, said) in [
        (
            "MCP_MAX_LIMIT=4\nMCP_RATE_LIMIT=many",
            "MCP_RATE_LIMIT: expected",
        ),
        (
            "MCP_MAX_LIMIT=4\nMCP_TOKEN=changeme",
            "MCP_TOKEN: the token is a well-known",
        ),
        (
            "MCP_MAX_LIMIT=4\nMCP_TOKEN_FILE=gone",
            "MCP_TOKEN_FILE: cannot read gone",
        ),
        (
            "MCP_MAX_LIMIT=4\nMCP_ALLOWED_MODELS=albums",
            "none of albums is in shop.db",
        ),
        ("MCP_MAX_LIMIT=4\nMCP_ALLOWED_MODELS=", "MCP_ALLOWED_MODELS"),
        (
            "MCP_MAX_LIMIT=4\nMCP_MAX_LIMITS=5",
            "did you mean MCP_MAX_LIMIT?",
        ),
    ] {
        folder.configure(faulty);
        served.reload().await;
        assert!(served.log().contains(said), "{said}\n{}", served.log());
        assert_eq!(ask(&mut socket, list).await["limit"], 9, "{faulty}");
    }
    assert_eq!(served.logged("nothing is changed"), 6);
    assert_eq!(served.logged("reloaded"), 0);
    folder.configure("MCP_MAX_LIMIT=4");
    served.reload().await;
    assert_eq!(ask(&mut socket, list).await["limit"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_is_added_is_hidden_until_it_was_judged() {
    let folder = Folder::new().await;
    folder.configure("");
    let served = folder.serve().await;
    let mut socket = served.connect(TOKEN).await;
    change_table(
        &folder,
        "ALTER TABLE users ADD COLUMN nickname TEXT DEFAULT 'ace'",
    )
    .await;
    change_table(
        &folder,
        "ALTER TABLE users ADD COLUMN smtp_password TEXT DEFAULT 's3same'",
    )
    .await;
    let row = ask(&mut socket, LIST).await["data"][0].clone();
    assert!(row.get("nickname").is_none() && row.get("smtp_password").is_none());
    served.reload().await;
    let row = ask(&mut socket, LIST).await["data"][0].clone();
    assert_eq!(row["nickname"], "ace");
    assert!(row.get("smtp_password").is_none());
    assert!(
        served
            .log()
            .contains("reload: exposed from now on: users.nickname")
    );
    change_table(&folder, "ALTER TABLE users DROP COLUMN nickname").await;
    let answer = ask(&mut socket, LIST).await;
    assert_eq!(code(&answer), "ok", "{answer}");
    let row = answer["data"][0].clone();
    assert!(row.get("id").is_some() && row.get("nickname").is_none());
    served.reload().await;
    let row = ask(&mut socket, LIST).await["data"][0].clone();
    assert!(row.get("id").is_some() && row.get("nickname").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_sees_half_of_a_reload() {
    let folder = Folder::new().await;
    // In one configuration one model and pages of 3, in the other another model and pages of 5.
    let sides = [
        "MCP_RATE_LIMIT=0\nMCP_ALLOWED_MODELS=users\nMCP_MAX_LIMIT=3",
        "MCP_RATE_LIMIT=0\nMCP_ALLOWED_MODELS=tickets\nMCP_MAX_LIMIT=5",
    ];
    folder.configure(sides[0]);
    let served = Arc::new(folder.serve().await);
    let (done, asked) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (served, done, asked) =
                (Arc::clone(&served), Arc::clone(&done), Arc::clone(&asked));
            tokio::spawn(async move {
                let mut socket = served.connect(TOKEN).await;
                while !done.load(Ordering::Relaxed) {
                    let users = ask(&mut socket, r#"{"action":"list","model":"users"}"#).await;
                    match code(&users) {
                        "ok" => assert_eq!(users["limit"], 3),
                        _ => assert_eq!(
                            users["error"],
                            "Model 'users' not allowed. Allowed models: tickets"
                        ),
                    }
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let reloads = 20;
    for turn in 1..=reloads {
        folder.configure(sides[turn % 2]);
        served.reload().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    done.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(served.logged("reloaded"), reloads);
    println!(
        "{reloads} reloads, {} requests",
        asked.load(Ordering::Relaxed)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lets_in_or_shows_more_does_not_change_beside_what_waits_for_a_restart() {
    let folder = Folder::new().await;
    let base =
        "MCP_ALLOWED_MODELS=users\nMCP_HIDDEN_FIELDS=users.email\nMCP_TRUSTED_PROXIES=10.0.0.1";
    folder.configure(base);
    let served = folder.serve().await;
    let mut socket = served.connect(TOKEN).await;
    let waits = "DATABASE_URL=sqlite:other.db";
    for (wider, said) in [
        (
            "MCP_ALLOWED_MODELS=users,tickets\nMCP_HIDDEN_FIELDS=users.email",
            "MCP_ALLOWED_MODELS",
        ),
        ("MCP_ALLOWED_MODELS=users", "MCP_HIDDEN_FIELDS"),
        (
            "MCP_ALLOWED_MODELS=users\nMCP_HIDDEN_FIELDS=users.email\nMCP_REQUIRE_AUTH=false",
            "MCP_REQUIRE_AUTH",
        ),
        (
            "MCP_ALLOWED_MODELS=users\nMCP_HIDDEN_FIELDS=users.email\nMCP_ALLOWED_HOSTS=*",
            "MCP_ALLOWED_HOSTS",
        ),
        (
            "MCP_ALLOWED_MODELS=users\nMCP_HIDDEN_FIELDS=users.email\nMCP_ALLOWED_ORIGINS=*",
            "MCP_ALLOWED_ORIGINS",
        ),
        (
            "MCP_ALLOWED_MODELS=users\nMCP_HIDDEN_FIELDS=users.email\n\
             MCP_TRUSTED_PROXIES=10.0.0.1,10.0.0.2",
            "MCP_TRUSTED_PROXIES",
        ),
        (
            "MCP_ALLOWED_MODELS=users\nMCP_HIDDEN_FIELDS=users.email\n\
             MCP_REVEAL_FIELDS=users.password_hash",
            "MCP_REVEAL_FIELDS",
        ),
        // Whoever is to read the other database must not read this one until then.
        (
            &format!(
                "MCP_ALLOWED_MODELS=users\nMCP_HIDDEN_FIELDS=users.email\n\
                 MCP_TOKEN={TOKEN},{SECOND}"
            ),
            "MCP_TOKEN",
        ),
    ] {
        folder.configure(&format!("{waits}\n{wider}"));
        served.reload().await;
        let refused = format!("{said} cannot change beside DATABASE_URL, which needs a restart");
        assert!(
            served.log().contains(&refused),
            "{refused}\n{}",
            served.log()
        );
        let row = ask(&mut socket, LIST).await["data"][0].clone();
        assert!(
            row.get("id").is_some() && row.get("email").is_none(),
            "{row}"
        );
        let tickets = ask(&mut socket, r#"{"action":"list","model":"tickets"}"#).await;
        assert_eq!(code(&tickets), "model_not_allowed");
    }
    assert_eq!(served.logged("nothing is changed"), 8);
    assert_eq!(served.try_connect(SECOND).await.err(), Some(401));
    // What takes away may.
    folder.configure(&format!(
        "{waits}\nMCP_ALLOWED_MODELS=users\nMCP_HIDDEN_FIELDS=users.email,users.role"
    ));
    served.reload().await;
    let row = ask(&mut socket, LIST).await["data"][0].clone();
    assert!(
        row.get("id").is_some() && row.get("role").is_none(),
        "{row}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_is_judged_beside_what_waits_for_a_restart() {
    let folder = Folder::new().await;
    folder.put("token", TOKEN);
    folder.put(
        ".env",
        "MCP_ENABLED=true\nMCP_LISTEN=0.0.0.0:0\nMCP_ADMIN_LISTEN=127.0.0.1:0\n\
         MCP_TOKEN_FILE=token\nDATABASE_URL=sqlite:shop.db\n",
    );
    let served = folder.serve().await;
    folder.configure("MCP_REQUIRE_AUTH=false\nMCP_TOKEN_FILE=token");
    // The file is watched; what else was written meanwhile is not taken over.
    folder.put("token", &format!("{TOKEN},{SECOND}\n"));
    served.says("MCP_TOKEN: changed", 1).await;
    assert!(served.connect(SECOND).await.close(None).await.is_ok());
    assert_eq!(served.try_connect("").await.err(), Some(401));
    served.reload().await;
    assert_eq!(served.try_connect("").await.err(), Some(401));
    assert_eq!(served.logged("nothing is changed"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_file_is_taken_over_and_nothing_else() {
    let folder = Folder::new().await;
    folder.put("token", TOKEN);
    folder.configure("MCP_TOKEN_FILE=token\nMCP_HIDDEN_FIELDS=users.email");
    let served = folder.serve().await;
    folder.configure("MCP_TOKEN_FILE=token\nMCP_MAX_LIMIT=7\nMCP_TOOL_MAX_BYTES=4096");
    folder.put("token", SECOND);
    served.says("MCP_TOKEN: changed", 1).await;
    assert_eq!(served.try_connect(TOKEN).await.err(), Some(401));
    let mut socket = served.connect(SECOND).await;
    let row = ask(&mut socket, LIST).await["data"][0].clone();
    assert!(
        row.get("id").is_some() && row.get("email").is_none(),
        "{row}"
    );
    served.reload().await;
    let row = ask(&mut socket, LIST).await["data"][0].clone();
    assert!(row.get("email").is_some(), "{row}");
    let log = served.log();
    assert!(log.contains("reload: MCP_TOOL_MAX_BYTES: ") && !log.contains("needs a restart"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_revoked_beside_a_file_that_is_faulty() {
    let folder = Folder::new().await;
    folder.put("token", &format!("{TOKEN},{SECOND}"));
    folder.put("cursor", &"0123456789abcdef".repeat(4));
    folder.configure("MCP_TOKEN_FILE=token\nMCP_CURSOR_KEY_FILE=cursor");
    let served = folder.serve().await;
    let mut gone = served.connect(TOKEN).await;
    assert_eq!(code(&ask(&mut gone, LIST).await), "ok");
    // One file alone changes nothing; another does not wait until it is mended.
    folder.put("cursor", "no key");
    served.says("nothing is changed", 1).await;
    assert_eq!(code(&ask(&mut gone, LIST).await), "ok");
    folder.put("token", SECOND);
    assert_eq!(closed(&mut gone).await, Some(1008));
    assert_eq!(served.try_connect(TOKEN).await.err(), Some(401));
    served.says("what else changed is in force", 1).await;
    let mut kept = served.connect(SECOND).await;
    assert_eq!(code(&ask(&mut kept, LIST).await), "ok");
    folder.put("cursor", &"fedcba9876543210".repeat(4));
    served.says("MCP_CURSOR_KEY: changed", 1).await;
    assert_eq!(served.try_connect(TOKEN).await.err(), Some(401));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_holds_no_tokens_lets_nobody_in() {
    let folder = Folder::new().await;
    let both = format!("{TOKEN},{SECOND}");
    folder.put("token", &both);
    folder.configure("MCP_TOKEN_FILE=token");
    let served = folder.serve().await;
    let path = folder.path("token");
    let (mut emptied, mut right) = (0, 0);
    for how in 0..4 {
        let mut socket = served.connect(TOKEN).await;
        assert_eq!(code(&ask(&mut socket, LIST).await), "ok");
        match how {
            0 => std::fs::write(&path, "").unwrap(),
            1 => std::fs::write(&path, " \n").unwrap(),
            2 => std::fs::remove_file(&path).unwrap(),
            _ => std::fs::write(&path, [0xff, 0xfe]).unwrap(),
        }
        assert_eq!(closed(&mut socket).await, Some(1008), "{how}");
        assert_eq!(served.try_connect(TOKEN).await.err(), Some(401));
        emptied += 1;
        let told = "MCP_TOKEN_FILE: tokens that the file does not hold let nobody in any more";
        served.says(told, emptied).await;
        folder.put("token", &both);
        right += 2;
        served.says("MCP_TOKEN: changed", right).await;
    }
    // What it still holds is let in beside what is wrong, and what is new is not.
    let (mut kept, mut gone) = (served.connect(TOKEN).await, served.connect(SECOND).await);
    let third = "third-token-of-the-tests";
    folder.put("token", &format!("{third}, {TOKEN} ,changeme"));
    assert_eq!(closed(&mut gone).await, Some(1008));
    assert_eq!(code(&ask(&mut kept, LIST).await), "ok");
    assert_eq!(served.try_connect(third).await.err(), Some(401));
    // Half a second without a file is a file that is being replaced.
    folder.put("token", TOKEN);
    served.says("MCP_TOKEN: changed", right + 1).await;
    std::fs::remove_file(&path).unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    folder.put("token", TOKEN);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(code(&ask(&mut kept, LIST).await), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_hides_nothing_is_told_and_guards_a_renamed_column() {
    let folder = Folder::new().await;
    folder.configure("MCP_HIDDEN_FIELDS=users.emial,main.users.role");
    let served = folder.serve().await;
    let told = "MCP_HIDDEN_FIELDS: \"users.emial\" touches no field of the models; did you mean \
                users.email?";
    assert_eq!(served.logged(told), 1, "{}", served.log());
    let mut socket = served.connect(TOKEN).await;
    let row = ask(&mut socket, LIST).await["data"][0].clone();
    assert!(
        row.get("role").is_none() && row.get("email").is_some(),
        "{row}"
    );
    served.reload().await;
    assert_eq!(served.logged(told), 2);
    change_table(&folder, "ALTER TABLE users RENAME COLUMN role TO rank").await;
    served.reload().await;
    let refused = "\"main.users.role\" hides nothing any more, and users.rank would be exposed";
    assert_eq!(served.logged(refused), 1, "{}", served.log());
    let row = ask(&mut socket, LIST).await["data"][0].clone();
    assert!(
        row.get("rank").is_none() && row.get("id").is_some(),
        "{row}"
    );
    folder.configure("MCP_HIDDEN_FIELDS=main.users.rank");
    served.reload().await;
    let row = ask(&mut socket, LIST).await["data"][0].clone();
    assert!(
        row.get("rank").is_none() && row.get("id").is_some(),
        "{row}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_are_served_as_their_file_is_or_as_they_were() {
    let tool = |name: &str, sql: &str| {
        format!("[[tool]]\nname = \"{name}\"\ndescription = \"Tells.\"\nsql = \"{sql}\"\n")
    };
    let folder = Folder::new().await;
    folder.put(
        "tools.toml",
        &tool("people", "SELECT COUNT(*) AS n FROM users"),
    );
    folder.configure("MCP_TOOLS_FILE=tools.toml");
    let served = folder.serve().await;
    let mut socket = served.connect(TOKEN).await;
    let (people, first) = (
        r#"{"action":"call","tool":"people"}"#,
        r#"{"action":"call","tool":"first"}"#,
    );
    assert_eq!(code(&ask(&mut socket, people).await), "ok");
    // No signal: the file is watched, and open sockets follow.
    folder.put(
        "tools.toml",
        &tool("first", "SELECT MIN(id) AS id FROM users"),
    );
    served
        .says("reload: the tools are served as they are now", 1)
        .await;
    assert_eq!(code(&ask(&mut socket, people).await), "tool_not_allowed");
    assert_eq!(code(&ask(&mut socket, first).await), "ok");
    folder.put(
        "tools.toml",
        &tool("first", "SELECT MIN(id) AS id, COUNT(*) AS n FROM users"),
    );
    served
        .says("reload: the tools are served as they are now", 2)
        .await;
    let columns = "reload: its columns are id any, n any; they were id any";
    assert!(served.log().contains(columns), "{}", served.log());
    // One fault keeps the whole set.
    let faulty = tool("people", "SELECT COUNT(*) AS n FROM users")
        + &tool("wrong", "SELECT nothing FROM users");
    folder.put("tools.toml", &faulty);
    served.says("reload: the tools stay as they were", 1).await;
    assert!(served.log().contains("tool wrong: "), "{}", served.log());
    assert_eq!(code(&ask(&mut socket, people).await), "tool_not_allowed");
    assert_eq!(code(&ask(&mut socket, first).await), "ok");
    let refused = r#"mcp_reloads_total{outcome="refused"}"#;
    assert_eq!(served.metric(refused).await, Some(1.0));
    // A model that is taken away takes along the tools that read it.
    folder.put(
        "tools.toml",
        &tool("first", "SELECT MIN(id) AS id FROM users"),
    );
    folder.configure("MCP_TOOLS_FILE=tools.toml\nMCP_ALLOWED_MODELS=tickets");
    served.reload().await;
    assert_eq!(code(&ask(&mut socket, first).await), "tool_not_allowed");
}
