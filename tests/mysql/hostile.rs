//! A server that is not what it seems: it asks the service for a file of its own machine.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

use crate::support::{configured, database};

/// What a client may say that it can do, by the protocol: sends files of its own when asked.
const LOCAL_FILES: u32 = 0x80;

async fn packet(stream: &mut TcpStream, number: u8, payload: &[u8]) {
    let mut packet = u32::try_from(payload.len()).unwrap().to_le_bytes()[..3].to_vec();
    packet.push(number);
    packet.extend(payload);
    let _ = stream.write_all(&packet).await;
}

async fn read(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.ok()?;
    let length = u32::from_le_bytes([head[0], head[1], head[2], 0]);
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).await.ok()?;
    Some(payload)
}

/// What a server says first: it can do everything but encrypt and compress.
fn greeting() -> Vec<u8> {
    let can = 0x01ff_f7df_u32.to_le_bytes();
    let mut greeting = b"\x0a8.0.0\0\x01\0\0\0abcdefgh\0".to_vec();
    greeting.extend(&can[..2]);
    greeting.extend(b"\x21\x02\0");
    greeting.extend(&can[2..]);
    greeting.extend(b"\x15\0\0\0\0\0\0\0\0\0\0abcdefghijkl\0mysql_native_password\0");
    greeting
}

#[tokio::test]
async fn a_server_that_asks_for_a_file_gets_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "planted").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let said: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let notes = Arc::clone(&said);
    let wanted = [b"\xfb", file.to_str().unwrap().as_bytes()].concat();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            packet(&mut stream, 0, &greeting()).await;
            let Some(login) = read(&mut stream).await else {
                continue;
            };
            notes.lock().await.push(login);
            packet(&mut stream, 2, b"\0\0\0\x02\0\0\0").await;
            while let Some(command) = read(&mut stream).await {
                notes.lock().await.push(command);
                packet(&mut stream, 1, &wanted).await;
            }
        }
    });
    let url = format!("mysql://reader@{address}/shop?ssl-mode=DISABLED");
    let db = database(&configured(&url, "notes", &[]));
    let asked = tokio::time::timeout(Duration::from_secs(30), db.ping()).await;
    assert!(asked.unwrap().is_err());
    let said = said.lock().await;
    let login = said.first().expect("it logs in");
    let can = u32::from_le_bytes([login[0], login[1], login[2], login[3]]);
    assert_eq!(can & LOCAL_FILES, 0, "it says that it sends files: {can:x}");
    assert!(said.len() > 1, "it asked something");
    for part in said.iter() {
        assert!(
            !part.windows(7).any(|bytes| bytes == b"planted"),
            "{part:?}"
        );
    }
}
