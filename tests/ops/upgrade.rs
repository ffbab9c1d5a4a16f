//! An upgrade: one process ends, the next one starts, and no client is refused meanwhile.

use std::net::TcpListener;
use std::os::fd::OwnedFd;

use crate::support::*;

/// Starts the service as systemd does for a socket unit: with the socket as descriptor 3.
fn started(folder: &Folder, listener: &TcpListener) -> Served {
    let command = format!(
        "LISTEN_PID=$$ LISTEN_FDS=1 exec {} serve 3<&0 </dev/null",
        program()[0]
    );
    let command = ["sh", "-c", &command].map(str::to_owned);
    let socket = OwnedFd::from(listener.try_clone().unwrap());
    let mut served = folder.spawn_with(&command, socket.into());
    served.address = listener.local_addr().unwrap();
    served
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_is_handed_over_outlives_the_process() {
    const LIST: &str = r#"{"id":1,"action":"list","model":"users"}"#;
    let folder = Folder::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    folder.configure("");
    let text = std::fs::read_to_string(folder.path(".env")).unwrap();
    let text = text.replacen("MCP_LISTEN=127.0.0.1:0", &format!("MCP_LISTEN={at}"), 1);
    folder.put(".env", &text);

    let mut first = started(&folder, &listener);
    first.says("listens on ", 1).await;
    let mut socket = first.connect(TOKEN).await;
    assert_eq!(ask(&mut socket, LIST).await["status"], "ok");
    first.signal("TERM");
    assert_eq!(closed(&mut socket).await, Some(1001));
    assert!(first.ended().await.success());

    // Between the two a client waits; it is not refused.
    let waiting = tokio::spawn(async move { get(at, "/health").await });
    let second = started(&folder, &listener);
    assert_eq!(waiting.await.unwrap().0, 200);
    let mut socket = second.connect(TOKEN).await;
    assert_eq!(ask(&mut socket, LIST).await["status"], "ok");
}
