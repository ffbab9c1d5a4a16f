//! What breaks around the service: no descriptors left, no room on the disk, an end under load.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::skipped::skipped;
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn descriptors_that_run_out_come_back() {
    let folder = Folder::new().await;
    folder.configure("");
    let limited = format!(
        "ulimit -n 256; exec {} serve",
        env!("CARGO_BIN_EXE_lucarne")
    );
    let command = ["sh", "-c", &limited].map(str::to_owned);
    let served = folder.serve_by(&command).await;
    let mut socket = served.connect(TOKEN).await;
    let cpu = || cpu_ticks(served.pid());
    let (begun, before) = (Instant::now(), cpu());
    let mut held = Vec::new();
    for number in 0..400 {
        // Of several addresses: one alone may not have so many.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        let from = format!("127.0.0.{}:0", 2 + number % 4);
        socket.bind(from.parse().unwrap()).unwrap();
        held.push(socket.connect(served.address).await.unwrap());
    }
    until("a word about it", || {
        served.logged("cannot accept connections") > 0
    })
    .await;
    // Who is inside is served, and the loop does not spin.
    assert_eq!(code(&ask(&mut socket, LIST).await), "ok");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    println!(
        "{} ticks in {:?} without descriptors, {} lines",
        cpu() - before,
        begun.elapsed(),
        served.logged("cannot accept connections")
    );
    assert!(served.logged("cannot accept connections") < 50);
    drop(held);
    let mut again = served.connect(TOKEN).await;
    assert_eq!(code(&ask(&mut again, LIST).await), "ok");
}

/// The processor's time of a process, in hundredths of a second.
fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// A file system of a few kilobytes; it goes with the test.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(path: std::path::PathBuf) -> Option<Self> {
        std::fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=96k", "tmpfs"])
            .arg(&path)
            .output();
        mounted
            .is_ok_and(|mounted| mounted.status.success())
            .then_some(Self(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_withholds_answers_until_there_is_room_again() {
    let folder = Folder::new().await;
    let Some(disk) = SmallDisk::mount(folder.path("disk")) else {
        skipped("mount", "no file system may be mounted here");
        return;
    };
    std::fs::write(disk.0.join("filler"), vec![0; 60_000]).unwrap();
    folder.configure("MCP_AUDIT_FILE=disk/audit.jsonl\nMCP_RATE_LIMIT=0");
    let mut served = folder.serve().await;
    let mut socket = served.connect(TOKEN).await;
    let (mut answered, mut withheld) = (0, 0);
    while withheld < 20 {
        match code(&ask(&mut socket, LIST).await) {
            "ok" => answered += 1,
            code => {
                assert_eq!(code, "unavailable");
                withheld += 1;
            }
        }
    }
    assert_eq!(
        served.logged("cannot be written (no space): every request is refused"),
        1
    );
    std::fs::remove_file(disk.0.join("filler")).unwrap();
    for _ in 0..20 {
        assert_eq!(code(&ask(&mut socket, LIST).await), "ok");
        answered += 1;
    }
    assert_eq!(served.logged("the audit is written again"), 1);
    served.signal("TERM");
    assert!(served.ended().await.success());
    let verified = Command::new(env!("CARGO_BIN_EXE_lucarne"))
        .args(["audit", "verify", "disk/audit.jsonl"])
        .current_dir(folder.root())
        .output()
        .unwrap();
    let said = String::from_utf8(verified.stdout).unwrap();
    assert!(verified.status.success(), "{said}");
    assert!(
        said.contains(&format!("{withheld} requests were not recorded")),
        "{said}"
    );
    let text = std::fs::read_to_string(disk.0.join("audit.jsonl")).unwrap();
    assert_eq!(text.matches("\"event\":\"request\"").count(), answered);
    println!("{answered} answered and recorded, {withheld} withheld and told");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_under_load_loses_no_request_and_no_line() {
    let folder = Folder::new().await;
    folder.configure("MCP_AUDIT_FILE=audit.jsonl\nMCP_RATE_LIMIT=0");
    let mut served = folder.serve().await;
    let answered = Arc::new(AtomicUsize::new(0));
    let mut clients = Vec::new();
    for _ in 0..50 {
        let (mut socket, answered) = (served.connect(TOKEN).await, Arc::clone(&answered));
        clients.push(tokio::spawn(async move {
            use futures_util::SinkExt as _;
            loop {
                // The service may be gone between two requests, never within one.
                if socket.send(LIST.into()).await.is_err() {
                    return None;
                }
                match answer(&mut socket).await {
                    Ok(answer) => {
                        assert_eq!(code(&answer), "ok");
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(close) => return close.map(|(code, _)| code),
                }
            }
        }));
    }
    until("some load", || answered.load(Ordering::Relaxed) > 500).await;
    let begun = Instant::now();
    served.signal("TERM");
    assert!(served.ended().await.success());
    let took = begun.elapsed();
    let mut said_goodbye = 0;
    for client in clients {
        said_goodbye += usize::from(client.await.unwrap() == Some(1001));
    }
    let text = std::fs::read_to_string(folder.path("audit.jsonl")).unwrap();
    let recorded = text.matches("\"code\":\"ok\"").count();
    let answered = answered.load(Ordering::Relaxed);
    assert!(recorded >= answered, "{recorded} {answered}");
    assert!(served.log().contains(" 0 requests cut"), "{}", served.log());
    println!("{answered} answered, {recorded} recorded, {said_goodbye} of 50 told 1001, {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_sockets_are_answered_and_leave_nothing_behind() {
    let folder = Folder::new().await;
    folder.configure(
        "MCP_MAX_CONNECTIONS=2000\nMCP_RATE_LIMIT=0\nMCP_MAX_CONNECTIONS_PER_ADDRESS=2000",
    );
    let own = Command::new("sh")
        .args(["-c", "ulimit -n"])
        .output()
        .unwrap();
    let descriptors = String::from_utf8(own.stdout).unwrap();
    if descriptors
        .trim()
        .parse()
        .is_ok_and(|most: u64| most < 4_500)
    {
        skipped(
            "descriptors",
            &format!("there are only {} descriptors", descriptors.trim()),
        );
        return;
    }
    let served = Arc::new(folder.serve().await);
    let open = |pid: u32| {
        std::fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .count()
    };
    let mut first = served.connect(TOKEN).await;
    ask(&mut first, LIST).await;
    let (before, begun) = (open(served.pid()), Instant::now());
    let mut sockets = Vec::new();
    for _ in 1..2_000 {
        sockets.push(served.connect(TOKEN).await);
    }
    assert_eq!(served.try_connect(TOKEN).await.err(), Some(503));
    let clients: Vec<_> = sockets
        .into_iter()
        .map(|mut socket| {
            tokio::spawn(async move {
                let answer = ask(&mut socket, LIST).await;
                assert_eq!(code(&answer), "ok", "{answer}");
                socket
            })
        })
        .collect();
    let mut held = Vec::new();
    for client in clients {
        held.push(client.await.unwrap());
    }
    println!("2000 sockets opened and answered in {:?}", begun.elapsed());
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.pid())).unwrap();
    println!(
        "{}",
        status
            .lines()
            .find(|line| line.starts_with("VmRSS"))
            .unwrap()
    );
    drop(held);
    until("the descriptors", || open(served.pid()) <= before + 4).await;
    assert_eq!(code(&ask(&mut first, LIST).await), "ok");
}
