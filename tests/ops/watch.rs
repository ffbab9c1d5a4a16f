//! Files that do not answer, never rest, or are wrong together: nobody who is gone stays in, and
//! nothing keeps the service from its work or its end.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::*;

const SECOND: &str = "second-token-of-the-tests";
const LIST: &str = r#"{"action":"list","model":"users"}"#;

/// Within which a change of a watched file is in force.
const NOTICED: Duration = Duration::from_secs(3);

fn pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

/// Waits for a token to be refused; how long that took.
async fn refused(served: &Served, token: &str) -> Duration {
    let begun = Instant::now();
    while served.try_connect(token).await.is_ok() {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    begun.elapsed()
}

/// Ends a service by a signal; how long that took.
async fn end(served: &mut Served) -> Duration {
    let begun = Instant::now();
    served.signal("TERM");
    assert_eq!(served.ended().await.code(), Some(0), "{}", served.log());
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_that_nobody_writes_keeps_nothing_waiting() {
    let folder = Folder::new().await;
    folder.put("token", &format!("{TOKEN},{SECOND}"));
    folder.configure("MCP_TOKEN_FILE=token");
    let env = std::fs::read_to_string(folder.path(".env")).unwrap();
    let mut served = folder.serve().await;
    std::fs::remove_file(folder.path(".env")).unwrap();
    pipe(&folder.path(".env"));
    // One that is written is read, be it late.
    served.signal("HUP");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (path, text) = (folder.path(".env"), format!("{env}MCP_MAX_LIMIT=7\n"));
    std::thread::spawn(move || std::fs::write(path, text).unwrap());
    served.says("MCP_MAX_LIMIT: ", 1).await;
    // Of one that is not, requests, revocations and other files do not wait.
    served.signal("HUP");
    let mut socket = served.connect(TOKEN).await;
    let begun = Instant::now();
    assert_eq!(code(&ask(&mut socket, LIST).await), "ok");
    assert!(begun.elapsed() < Duration::from_secs(1));
    folder.put("token", SECOND);
    assert!(refused(&served, TOKEN).await < NOTICED);
    served.says("nobody wrote it in time", 1).await;
    // A file of tokens that becomes one holds none.
    std::fs::remove_file(folder.path("token")).unwrap();
    pipe(&folder.path("token"));
    assert!(refused(&served, SECOND).await < NOTICED);
    served.signal("HUP");
    assert!(end(&mut served).await < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_among_the_tools_is_a_fault_and_does_not_put_the_end_off() {
    let folder = Folder::new().await;
    let tools = folder.path("tools");
    std::fs::create_dir(&tools).unwrap();
    let tool = "[[tool]]\nname = \"how_many\"\ndescription = \"How many users there are.\"\n\
                sql = \"SELECT count(*) AS n FROM users\"\n";
    std::fs::write(tools.join("a.toml"), tool).unwrap();
    folder.configure("MCP_TOOLS_FILE=tools");
    let mut served = folder.serve().await;
    pipe(&tools.join("b.toml"));
    served.says("it is no regular file", 1).await;
    served.says("the tools stay as they were", 1).await;
    assert!(end(&mut served).await < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_two_files_that_are_wrong_together_let_nobody_in() {
    let folder = Folder::new().await;
    folder.put("token", TOKEN);
    folder.put("admin", SECOND);
    folder.configure(&format!(
        "MCP_TOKEN_FILE=token\nMCP_ADMIN_TOKEN_FILE=admin\nMCP_STORE=sqlite:store.db\n\
         MCP_ENCRYPTION_KEY={}",
        "0123456789abcdef".repeat(4)
    ));
    let served = folder.serve().await;
    let third = "third-token-of-the-tests";
    folder.put("token", third);
    folder.put("admin", third);
    assert!(refused(&served, TOKEN).await < NOTICED);
    assert_eq!(served.try_connect(third).await.err(), Some(401));
    let gone = "MCP_ADMIN_TOKEN_FILE: tokens that the file does not hold";
    served.says(gone, 1).await;
    folder.put("admin", SECOND);
    served.says("MCP_TOKEN: changed", 2).await;
    served.connect(third).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_never_rests_keeps_no_token_in() {
    let folder = Folder::new().await;
    folder.put("token", &format!("{TOKEN},{SECOND}"));
    folder.put("cursor", &"0123456789abcdef".repeat(4));
    folder.configure("MCP_TOKEN_FILE=token\nMCP_CURSOR_KEY_FILE=cursor");
    let served = folder.serve().await;
    let goes_on = Arc::new(AtomicBool::new(true));
    let (files, still) = (
        ["cursor", "token"].map(|name| folder.path(name)),
        Arc::clone(&goes_on),
    );
    let (both, of_tokens) = (Arc::new(AtomicBool::new(false)), files[1].clone());
    let too = Arc::clone(&both);
    let touching = std::thread::spawn(move || {
        while still.load(Ordering::Relaxed) {
            let touched = 1 + usize::from(too.load(Ordering::Relaxed));
            for file in &files[..touched] {
                let touched = Command::new("touch").arg(file).status();
                assert!(touched.unwrap().success());
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    folder.put("token", SECOND);
    assert!(refused(&served, TOKEN).await < NOTICED);
    served.connect(SECOND).await;
    // Nor does one that never rests itself.
    both.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(2)).await;
    std::fs::write(of_tokens, "third-token-of-the-tests").unwrap();
    assert!(refused(&served, SECOND).await < NOTICED);
    goes_on.store(false, Ordering::Relaxed);
    touching.join().unwrap();
    served.says("MCP_TOKEN: changed", 3).await;
    served.connect("third-token-of-the-tests").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_a_start_that_waits_for_the_database() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = Folder::new().await;
    let address = silent.local_addr().unwrap();
    folder.configure(&format!("DATABASE_URL=postgres://u:p@{address}/x"));
    let mut served = folder.spawn(&program());
    let (mut asked, _) = tokio::task::spawn_blocking(move || silent.accept().unwrap())
        .await
        .unwrap();
    // It speaks, so signals are heard.
    std::io::Read::read(&mut asked, &mut [0; 8]).unwrap();
    assert!(end(&mut served).await < Duration::from_secs(3));
    served.says("stopped: 0 sockets closed", 1).await;
}
