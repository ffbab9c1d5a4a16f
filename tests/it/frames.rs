//! Frames that no library would send, and those that every library may.

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::raw::{self, CLOSE, PING, TEXT, frame, read_close, read_frame, read_text};
use crate::service::Service;

const ASK: &[u8] = br#"{"id":1,"action":"describe","model":"users"}"#;

/// What a broken client sends, and the code that it is closed with.
async fn closes(bytes: &[u8], code: u16) {
    let service = Service::new().await;
    let mut stream = raw::socket(service.address).await;
    // A sound request before it is answered first.
    stream.write_all(&frame(TEXT, ASK)).await.unwrap();
    // The service may close before all of it is sent.
    let _ = stream.write_all(bytes).await;
    assert!(
        read_text(&mut stream)
            .await
            .starts_with(r#"{"id":1,"status":"ok""#)
    );
    assert_eq!(
        read_close(&mut stream).await,
        code,
        "{:?}",
        &bytes[..bytes.len().min(20)]
    );
    service.until("mcp_active_sessions", 0).await;
}

#[tokio::test]
async fn binary_frames_are_not_taken() {
    closes(&frame(0x82, b"{}"), 1003).await;
    closes(&frame(0x82, b""), 1003).await;
    let parts = [frame(0x02, b"{"), frame(0x80, b"}")].concat();
    closes(&parts, 1003).await;
}

#[tokio::test]
async fn text_is_utf_8() {
    closes(&frame(TEXT, b"\"\xff\""), 1007).await;
    closes(&frame(TEXT, b"\xed\xa0\x80"), 1007).await;
    closes(&frame(TEXT, "é".as_bytes().split_at(1).0), 1007).await;
    // A character may be split between fragments, but must come to its end.
    let (first, _) = "é".as_bytes().split_at(1);
    closes(&[frame(0x01, first), frame(0x80, b"x")].concat(), 1007).await;
}

#[tokio::test]
async fn large_messages_are_judged_by_what_they_declare() {
    for declared in [65_537u64, 1 << 20, 1 << 40, (1 << 63) - 1] {
        let mut bytes = vec![TEXT, 0x80 | 127];
        bytes.extend(declared.to_be_bytes());
        bytes.extend([1, 2, 3, 4]);
        // Nothing of the payload is sent, and none is waited for.
        closes(&bytes, 1009).await;
    }
    let part = vec![b' '; 30_000];
    let parts = [frame(0x01, &part), frame(0x00, &part), frame(0x00, &part)].concat();
    closes(&parts, 1009).await;
    // All of it is sent at once, more than the service ever reads.
    closes(&frame(TEXT, &vec![b' '; 8 << 20]), 1009).await;
}

#[tokio::test]
async fn the_largest_message_is_taken() {
    let service = Service::new().await;
    let mut stream = raw::socket(service.address).await;
    let mut message = ASK.to_vec();
    message.resize(65_536, b' ');
    stream.write_all(&frame(TEXT, &message)).await.unwrap();
    assert!(read_text(&mut stream).await.contains("\"ok\""));
    let (first, second) = message.split_at(40_000);
    stream.write_all(&frame(0x01, first)).await.unwrap();
    stream.write_all(&frame(0x80, second)).await.unwrap();
    assert!(read_text(&mut stream).await.contains("\"ok\""));
    drop(stream);
    let small = Service::with(&[("MCP_MAX_MESSAGE_BYTES", "1024")]).await;
    let mut stream = raw::socket(small.address).await;
    stream
        .write_all(&frame(TEXT, &message[..1_025]))
        .await
        .unwrap();
    assert_eq!(read_close(&mut stream).await, 1009);
}

#[tokio::test]
async fn what_breaks_the_protocol_is_closed_so() {
    let unmasked = [&[TEXT, ASK.len() as u8][..], ASK].concat();
    closes(&unmasked, 1002).await;
    for first in [0xc1, 0xa1, 0x91] {
        closes(&frame(first, ASK), 1002).await;
    }
    for opcode in [0x3, 0x7, 0xb, 0xf] {
        closes(&frame(0x80 | opcode, b""), 1002).await;
    }
    // Control frames are whole and short; a fragment continues something.
    closes(&frame(0x09, b"x"), 1002).await;
    closes(&frame(PING, &[b'x'; 126]), 1002).await;
    closes(&frame(0x80, b"x"), 1002).await;
    closes(&[frame(0x01, b"{"), frame(TEXT, b"{}")].concat(), 1002).await;
}

#[tokio::test]
async fn a_message_may_come_in_single_bytes_with_pings_between() {
    let service = Service::new().await;
    let mut stream = raw::socket(service.address).await;
    let text = r#"{"id":"é","action":"describe","model":"users"}"#.as_bytes();
    for (index, byte) in text.iter().enumerate() {
        let first = match index {
            0 => 0x01,
            last if last == text.len() - 1 => 0x80,
            _ => 0x00,
        };
        stream.write_all(&frame(first, &[*byte])).await.unwrap();
        if index % 7 == 0 {
            stream.write_all(&frame(PING, &[*byte; 125])).await.unwrap();
            assert_eq!(
                read_frame(&mut stream).await,
                Some((0x8a, vec![*byte; 125]))
            );
        }
        // An empty part in between is a part too.
        if index % 5 == 1 && index < text.len() - 1 {
            stream.write_all(&frame(0x00, b"")).await.unwrap();
        }
    }
    assert!(
        read_text(&mut stream)
            .await
            .starts_with(r#"{"id":"é","status":"ok""#)
    );
    // And each byte in a segment of its own.
    for byte in frame(TEXT, ASK) {
        stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(read_text(&mut stream).await.contains("\"ok\""));
}

#[tokio::test]
async fn a_close_is_answered_with_its_code() {
    let service = Service::new().await;
    for (payload, code) in [
        (&[][..], None),
        (&1000u16.to_be_bytes(), Some(1000)),
        (&1001u16.to_be_bytes(), Some(1001)),
        (&3999u16.to_be_bytes(), Some(3999)),
        (&4999u16.to_be_bytes(), Some(4999)),
        // Codes that nobody may send.
        (&1005u16.to_be_bytes(), Some(1002)),
        (&1006u16.to_be_bytes(), Some(1002)),
        (&1015u16.to_be_bytes(), Some(1002)),
        (&999u16.to_be_bytes(), Some(1002)),
        (&[3], Some(1002)),
        (b"\x03\xe8\xff", Some(1007)),
    ] {
        let mut stream = raw::socket(service.address).await;
        stream.write_all(&frame(CLOSE, payload)).await.unwrap();
        let (first, answer) = read_frame(&mut stream).await.unwrap();
        assert_eq!(first, CLOSE);
        let answer = answer
            .get(..2)
            .map(|code| u16::from_be_bytes([code[0], code[1]]));
        assert_eq!(answer, code, "{payload:?}");
        assert_eq!(read_frame(&mut stream).await, None);
    }
    service.until("mcp_active_sessions", 0).await;
}

#[tokio::test]
async fn clients_that_break_off_leave_nothing_behind() {
    let service = Service::new().await;
    for bytes in [
        &[][..],
        &[TEXT],
        &frame(TEXT, ASK)[..9],
        &frame(TEXT, ASK),
        &frame(0x01, ASK),
    ] {
        let mut stream = raw::socket(service.address).await;
        stream.write_all(bytes).await.unwrap();
    }
    service.until("mcp_active_sessions", 0).await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(b"\x16\x03\x01\x02\x00\x01").await.unwrap();
    let reply = raw::reply(&mut stream).await;
    assert!(matches!(reply.status, 0 | 400), "{reply:?}");
}

#[tokio::test]
async fn compression_is_not_agreed_on() {
    let service = Service::new().await;
    let token = format!("X-MCP-Token: {}", crate::service::TOKEN);
    for offered in [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame",
    ] {
        let offer = format!("Sec-WebSocket-Extensions: {offered}");
        let reply = raw::shake(service.address, "/mcp/ws", &[&token, &offer]).await;
        assert_eq!(
            (reply.status, reply.header("sec-websocket-extensions")),
            (101, None)
        );
    }
}
