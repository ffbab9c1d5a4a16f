//! The machine's clock is set, by hours and both ways, while sockets ask: nothing that is measured
//! in time notices, and the audit keeps its order.
//!
//! libfaketime answers the service's questions for the time of day, and leaves the monotonic clock
//! alone, as setting a clock does.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::SinkExt as _;
use sqlx::{Connection as _, SqliteConnection};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

use crate::skipped::skipped;
use crate::support::*;

/// How far the clock is from the right time, one after the other.
const JUMPS: [&str; 6] = ["+3h", "-5h", "+26h", "-1h", "+0", "-9d"];

/// libfaketime's form for programs with threads, where Debian puts it.
fn library() -> Option<PathBuf> {
    let places = std::fs::read_dir("/usr/lib").ok()?.flatten();
    let found = places
        .map(|place| place.path().join("faketime/libfaketimeMT.so.1"))
        .find(|path| path.exists());
    if found.is_none() {
        skipped("faketime", "no libfaketime in /usr/lib");
    }
    found
}

/// Starts the service under a clock that a file of the folder sets.
async fn serve(folder: &Folder, library: &Path, monotonic_too: bool) -> Served {
    set(folder, "+0");
    let mut command = vec![
        "env".to_owned(),
        format!("LD_PRELOAD={}", library.display()),
        format!("FAKETIME_TIMESTAMP_FILE={}", folder.path("clock").display()),
        "FAKETIME_NO_CACHE=1".to_owned(),
        format!("FAKETIME_DONT_FAKE_MONOTONIC={}", u8::from(!monotonic_too)),
    ];
    command.extend(program());
    folder.serve_by(&command).await
}

fn set(folder: &Folder, clock: &str) {
    folder.put("clock", &format!("{clock}\n"));
}

/// Sets the clock again and again until it is told to stop; how often it did.
fn keep_setting(folder: &Arc<Folder>, stop: &Arc<AtomicBool>) -> JoinHandle<usize> {
    let (folder, stop) = (Arc::clone(folder), Arc::clone(stop));
    tokio::spawn(async move {
        let mut times = 0;
        while !stop.load(Ordering::Relaxed) {
            set(&folder, JUMPS[times % JUMPS.len()]);
            times += 1;
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        times
    })
}

/// The times of the lines of an audit, in seconds, in the order of the lines.
fn recorded(folder: &Folder) -> Vec<i64> {
    let text = std::fs::read_to_string(folder.path("audit.jsonl")).unwrap();
    let seconds = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let time = line["time"].as_str().unwrap();
        chrono::DateTime::parse_from_rfc3339(time)
            .unwrap()
            .timestamp()
    };
    text.lines().map(seconds).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_and_the_audit_hold_while_the_clock_jumps() {
    let Some(library) = library() else { return };
    let (sockets, each) = (6, 150);
    let all = sockets * each;
    let folder = Arc::new(Folder::new().await);
    folder.configure(&format!(
        "MCP_RATE_LIMIT={each}\nMCP_RATE_WINDOW=3600\nMCP_TOKEN_RATE_LIMIT={all}\n\
         MCP_AUDIT_FILE=audit.jsonl"
    ));
    let mut served = serve(&folder, &library, false).await;
    let stop = Arc::new(AtomicBool::new(false));
    let setting = keep_setting(&folder, &stop);
    let mut clients = Vec::new();
    for _ in 0..sockets {
        let mut socket = served.connect(TOKEN).await;
        clients.push(tokio::spawn(async move {
            let mut answered = 0;
            loop {
                match code(&ask(&mut socket, LIST).await) {
                    "ok" => answered += 1,
                    code => {
                        assert_eq!(code, "rate_limited");
                        assert_eq!(closed(&mut socket).await, Some(1008));
                        return answered;
                    }
                }
            }
        }));
    }
    for client in clients {
        assert_eq!(client.await.unwrap(), each);
    }
    // The window of their token is full with that, and stays so.
    let over = ask(&mut served.connect(TOKEN).await, LIST).await;
    let words = format!("Rate limit exceeded: {all} requests per 3600s");
    assert_eq!(over["error"], words);
    stop.store(true, Ordering::Relaxed);
    let times = setting.await.unwrap();
    served.signal("TERM");
    assert!(served.ended().await.success());
    let verified = std::process::Command::new(env!("CARGO_BIN_EXE_lucarne"))
        .args(["audit", "verify", "audit.jsonl"])
        .current_dir(folder.root())
        .output()
        .unwrap();
    let said = String::from_utf8(verified.stdout).unwrap();
    assert!(verified.status.success(), "{said}");
    let steps: Vec<i64> = recorded(&folder)
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .collect();
    let (ahead, back) = (
        steps.iter().filter(|step| **step > 3_000).count(),
        steps.iter().filter(|step| **step < -3_000).count(),
    );
    assert!(ahead > 0 && back > 0, "the clock did not jump: {steps:?}");
    println!(
        "{all} admitted; the clock was set {times} times, {ahead} jumps ahead and {back} back in the audit: {said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn room_returns_though_the_clock_goes_back() {
    let Some(library) = library() else { return };
    let folder = Folder::new().await;
    folder.configure("MCP_RATE_LIMIT=3\nMCP_RATE_WINDOW=1");
    let served = serve(&folder, &library, false).await;
    let mut socket = served.connect(TOKEN).await;
    for clock in ["-1h", "-30h", "-60d", "+5h"] {
        for _ in 0..3 {
            assert_eq!(code(&ask(&mut socket, LIST).await), "ok", "{clock}");
        }
        set(&folder, clock);
        tokio::time::sleep(Duration::from_millis(1_050)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_times_and_time_limits_hold_while_the_clock_jumps() {
    let Some(library) = library() else { return };
    let folder = Arc::new(Folder::new().await);
    let url = format!("sqlite:{}", folder.path("shop.db").display());
    let mut writer = SqliteConnection::connect(&url).await.unwrap();
    let endless = "CREATE VIEW endless AS SELECT a.id FROM tickets a, tickets b, tickets c, \
                   tickets d WHERE a.id + b.id + c.id + d.id < 0";
    sqlx::query(endless).execute(&mut writer).await.unwrap();
    writer.close().await.unwrap();
    folder.configure(
        "MCP_ALLOWED_MODELS=users,endless\nMCP_QUERY_TIMEOUT=1\nMCP_IDLE_TIMEOUT=3\n\
         MCP_RATE_LIMIT=0",
    );
    let served = serve(&folder, &library, false).await;
    let stop = Arc::new(AtomicBool::new(false));
    let setting = keep_setting(&folder, &stop);
    let (mut silent, mut alive) = (served.connect(TOKEN).await, served.connect(TOKEN).await);
    let asked = Arc::new(AtomicUsize::new(0));
    // One that speaks, by questions and by pongs alone, is not silent.
    let speaking = {
        let (stop, asked) = (Arc::clone(&stop), Arc::clone(&asked));
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(code(&ask(&mut alive, LIST).await), "ok");
                asked.fetch_add(1, Ordering::Relaxed);
                for _ in 0..10 {
                    alive.send(Message::Pong("".into())).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        })
    };
    let slow = r#"{"action":"list","model":"endless"}"#;
    for _ in 0..3 {
        let mut socket = served.connect(TOKEN).await;
        let late = ask(&mut socket, slow).await;
        assert_eq!(late["error"], "Query timed out after 1s");
        assert_eq!(code(&ask(&mut socket, LIST).await), "ok");
    }
    assert_eq!(closed(&mut silent).await, Some(1000));
    stop.store(true, Ordering::Relaxed);
    speaking.await.unwrap();
    println!(
        "the clock was set {} times; {} answered beside",
        setting.await.unwrap(),
        asked.load(Ordering::Relaxed)
    );
}

/// What the tests above would see of a service that measured by the time of day: here the clock
/// that it measures by is moved as well, and the window opens.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_followed_the_clock_would_show() {
    let Some(library) = library() else { return };
    let folder = Folder::new().await;
    folder.configure("MCP_RATE_LIMIT=3\nMCP_RATE_WINDOW=3600");
    let served = serve(&folder, &library, true).await;
    let mut socket = served.connect(TOKEN).await;
    for clock in ["+2h", "+4h"] {
        for _ in 0..3 {
            assert_eq!(code(&ask(&mut socket, LIST).await), "ok", "{clock}");
        }
        set(&folder, clock);
    }
}
