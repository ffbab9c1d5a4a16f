//! Frames by the families of the Autobahn test suite, in our own words: what is sent, how it is cut
//! into frames and writes, and what comes back.
//!
//! The suite asks for an echo; here each text is a request, whose id comes back with its answer.

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::raw::{self, CLOSE, PING, TEXT, frame, read_frame};
use crate::service::Service;

/// The first byte of a whole pong.
const PONG: u8 = 0x8a;
/// Set in the first byte of the last frame of a message.
const LAST: u8 = 0x80;

/// What is expected of the service, in this order.
#[derive(Debug, Clone)]
enum Comes {
    /// An answer to a request of this id.
    Answer(&'static str),
    /// A pong with this content.
    Pong(Vec<u8>),
    /// A close with this code, or without one, and then the end.
    Close(Option<u16>),
}

use Comes::{Answer, Close, Pong};

/// A request of so many bytes in all.
fn request(id: &str, length: usize) -> Vec<u8> {
    let mut text = format!(r#"{{"id":"{id}","action":"whoami"}}"#).into_bytes();
    text.resize(length.max(text.len()), b' ');
    text
}

/// A text in fragments of so many bytes.
fn fragments(text: &[u8], size: usize) -> Vec<u8> {
    let count = text.chunks(size).count();
    let parts = text.chunks(size).enumerate();
    let framed = parts.flat_map(|(index, part)| {
        let opcode = if index == 0 { 0x01 } else { 0x00 };
        let last = if index + 1 == count { LAST } else { 0 };
        frame(opcode | last, part)
    });
    framed.collect()
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// Sends bytes in writes of so many, and reads what comes.
async fn tries(service: &Service, name: &str, sent: &[u8], write: usize, expected: &[Comes]) {
    let mut stream = raw::socket(service.address).await;
    for part in sent.chunks(write) {
        // The service may close before all of it is sent.
        if stream.write_all(part).await.is_err() {
            break;
        }
    }
    for comes in expected {
        let (first, payload) = read_frame(&mut stream).await.unwrap_or_default();
        match comes {
            Answer(id) => {
                let text = String::from_utf8_lossy(&payload);
                assert!(
                    text.starts_with(&format!(r#"{{"id":"{id}","status":"ok""#)),
                    "{name}: {text}"
                );
            }
            Pong(content) => assert_eq!((first, &payload), (PONG, content), "{name}"),
            Close(code) => {
                let said = payload
                    .get(..2)
                    .map(|code| u16::from_be_bytes([code[0], code[1]]));
                assert_eq!((first, said), (CLOSE, *code), "{name}");
                // With our end the service need not wait for it.
                let _ = stream.shutdown().await;
                assert_eq!(read_frame(&mut stream).await, None, "{name}");
                return;
            }
        }
    }
    is_quiet(&mut stream, name).await;
}

/// Nothing else has come: the next is the pong of a ping that is sent now.
async fn is_quiet(stream: &mut TcpStream, name: &str) {
    stream.write_all(&frame(PING, b"quiet")).await.unwrap();
    assert_eq!(
        read_frame(stream).await,
        Some((PONG, b"quiet".to_vec())),
        "{name}"
    );
}

#[tokio::test]
async fn family_1_texts_of_every_length_of_length() {
    let service = Service::new().await;
    for length in [0, 125, 126, 127, 128, 65_535, 65_536] {
        let text = frame(TEXT, &request("1", length));
        for write in [usize::MAX, 997] {
            tries(
                &service,
                &format!("{length} by {write}"),
                &text,
                write,
                &[Answer("1")],
            )
            .await;
        }
    }
    let binary = frame(0x82, &[0xfe; 126]);
    tries(
        &service,
        "binary",
        &binary,
        usize::MAX,
        &[Close(Some(1003))],
    )
    .await;
}

#[tokio::test]
async fn family_2_pings_and_pongs() {
    let service = Service::new().await;
    let whole = usize::MAX;
    for (content, write) in [
        (Vec::new(), whole),
        (b"Hello, world!".to_vec(), whole),
        (vec![0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb], whole),
        (vec![0xfe; 125], whole),
        (vec![0xfe; 125], 1),
    ] {
        tries(
            &service,
            "ping",
            &frame(PING, &content),
            write,
            &[Pong(content.clone())],
        )
        .await;
    }
    // A control frame holds 125 bytes at the most.
    tries(
        &service,
        "long ping",
        &frame(PING, &[0xfe; 126]),
        whole,
        &[Close(Some(1002))],
    )
    .await;
    for content in [&b""[..], b"unsolicited"] {
        tries(&service, "pong", &frame(PONG, content), whole, &[]).await;
    }
    let mixed = [frame(PONG, b"unsolicited"), frame(PING, b"asked")].concat();
    tries(
        &service,
        "pong and ping",
        &mixed,
        whole,
        &[Pong(b"asked".to_vec())],
    )
    .await;
    let ten: Vec<Vec<u8>> = (0..10).map(|number| vec![b'0' + number]).collect();
    let pings: Vec<u8> = ten
        .iter()
        .flat_map(|content| frame(PING, content))
        .collect();
    let pongs: Vec<Comes> = ten.into_iter().map(Pong).collect();
    for write in [whole, 1] {
        tries(&service, "ten pings", &pings, write, &pongs).await;
    }
}

#[tokio::test]
async fn families_3_and_4_reserved_bits_and_opcodes() {
    let service = Service::new().await;
    let bits = (1..8).map(|bits| LAST | (bits << 4) | 0x01);
    let control = [0xd9, 0xa8, 0xf8];
    let opcodes = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(|opcode| LAST | opcode);
    for first in bits.chain(control).chain(opcodes) {
        let broken = frame(first, b"Hello");
        let before = frame(TEXT, &request("before", 0));
        for (sent, expected) in [
            (broken.clone(), vec![Close(Some(1002))]),
            (
                [before, broken, frame(PING, b"")].concat(),
                vec![Answer("before"), Close(Some(1002))],
            ),
        ] {
            for write in [usize::MAX, 1] {
                tries(&service, &format!("{first:#x}"), &sent, write, &expected).await;
            }
        }
    }
}

#[tokio::test]
async fn family_5_fragments() {
    let service = Service::new().await;
    let text = request("5", 0);
    let (start, end) = text.split_at(9);
    let (start, end) = (frame(0x01, start), frame(LAST, end));
    let refused = || vec![Close(Some(1002))];
    let answered = || vec![Answer("5")];
    let pong = |content: &str| Pong(content.into());
    let ping = |content: &str| frame(PING, content.as_bytes());
    for (name, sent, expected) in [
        (
            "ping in fragments",
            [frame(0x09, b"a"), frame(LAST, b"b")].concat(),
            refused(),
        ),
        (
            "pong in fragments",
            [frame(0x0a, b"a"), frame(LAST, b"b")].concat(),
            refused(),
        ),
        (
            "close in fragments",
            [frame(0x08, b""), frame(LAST, b"")].concat(),
            refused(),
        ),
        (
            "two fragments",
            [start.clone(), end.clone()].concat(),
            answered(),
        ),
        (
            "a ping between",
            [start.clone(), ping("x"), end.clone()].concat(),
            vec![pong("x"), Answer("5")],
        ),
        (
            "empty fragments",
            [
                frame(0x01, b""),
                frame(0x00, b""),
                frame(0x00, &text),
                frame(LAST, b""),
            ]
            .concat(),
            answered(),
        ),
        ("an end of nothing", frame(LAST, b"x"), refused()),
        ("a part of nothing", frame(0x00, b"x"), refused()),
        (
            "a part after the end",
            [start.clone(), end.clone(), frame(0x00, b"x")].concat(),
            vec![Answer("5"), Close(Some(1002))],
        ),
        (
            "a text within a text",
            [start.clone(), frame(TEXT, b"x")].concat(),
            refused(),
        ),
        (
            "a text begun within a text",
            [start.clone(), frame(0x01, b"x")].concat(),
            refused(),
        ),
        (
            "pings all along",
            [
                ping("1"),
                start,
                ping("2"),
                frame(0x00, b""),
                ping("3"),
                end,
            ]
            .concat(),
            vec![pong("1"), pong("2"), pong("3"), Answer("5")],
        ),
    ] {
        for write in [usize::MAX, 1, 7] {
            tries(&service, name, &sent, write, &expected).await;
        }
    }
}

#[tokio::test]
async fn family_6_utf_8() {
    let service = Service::new().await;
    let around = |bytes: &[u8]| [br#"{"id":"6","action":"whoami","x":""#, bytes, br#""}"#].concat();
    for valid in [
        "Hello-µ@ßöäüàá-UTF-8!!",
        "κόσμε",
        "\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}",
        "\u{d7ff}\u{e000}\u{fffd}\u{fffe}\u{ffff}\u{1fffe}",
    ] {
        let text = around(valid.as_bytes());
        tries(
            &service,
            valid,
            &frame(TEXT, &text),
            usize::MAX,
            &[Answer("6")],
        )
        .await;
        // Characters may be cut by fragments and by writes.
        tries(&service, valid, &fragments(&text, 1), 1, &[Answer("6")]).await;
    }
    for broken in [
        &b"\x80"[..],
        b"\xbf\x80\xbf",
        b"\xc0\xaf",
        b"\xc1\xbf",
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xe0\x9f\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\xed\xa0\x80",
        b"\xed\xaf\xbf\xed\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xf5\x80\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xfc\x84\x80\x80\x80\x80",
        b"\xfe\xff",
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
        b"\xe2\x82",
    ] {
        let text = around(broken);
        for sent in [
            frame(TEXT, &text),
            fragments(&text, 1),
            fragments(&text, 33),
        ] {
            tries(
                &service,
                &format!("{broken:x?}"),
                &sent,
                usize::MAX,
                &[Close(Some(1007))],
            )
            .await;
        }
    }
    // A character that never comes to its end.
    let cut = [frame(0x01, b"\xf0\x9f"), frame(LAST, b"\x98")].concat();
    tries(&service, "cut", &cut, usize::MAX, &[Close(Some(1007))]).await;
}

#[tokio::test]
async fn family_7_closes() {
    let service = Service::new().await;
    let ask = frame(TEXT, &request("7", 0));
    let ended = |code| vec![Close(Some(code))];
    for (name, sent, expected) in [
        (
            "after an answer",
            [ask.clone(), close(1000, b"")].concat(),
            vec![Answer("7"), Close(Some(1000))],
        ),
        ("twice", close(1000, b"").repeat(2), ended(1000)),
        (
            "a ping behind",
            [close(1000, b""), frame(PING, b"late")].concat(),
            ended(1000),
        ),
        (
            "a text behind",
            [close(1000, b""), ask.clone()].concat(),
            ended(1000),
        ),
        (
            "within a text",
            [frame(0x01, b"{"), close(1000, b""), frame(LAST, b"}")].concat(),
            ended(1000),
        ),
        ("without a code", frame(CLOSE, b""), vec![Close(None)]),
        ("half a code", frame(CLOSE, b"\x03"), ended(1002)),
        ("a reason", close(1000, b"Hello World!"), ended(1000)),
        ("the longest reason", close(1000, &[b'*'; 123]), ended(1000)),
        ("too long a reason", close(1000, &[b'*'; 124]), ended(1002)),
        (
            "a reason that is no text",
            close(1000, b"\xce\xba\xed\xa0\x80"),
            ended(1007),
        ),
    ] {
        for write in [usize::MAX, 1] {
            tries(&service, name, &sent, write, &expected).await;
        }
    }
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ] {
        tries(
            &service,
            "a code",
            &close(code, b""),
            usize::MAX,
            &ended(code),
        )
        .await;
    }
    for code in [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        tries(
            &service,
            &format!("{code}"),
            &close(code, b""),
            usize::MAX,
            &ended(1002),
        )
        .await;
    }
}

#[tokio::test]
async fn family_9_messages_in_many_pieces() {
    let service = Service::with(&[("MCP_MAX_MESSAGE_BYTES", "1048576")]).await;
    let large = request("9", 1 << 20);
    for write in [usize::MAX, 64 * 1024, 1_300] {
        tries(
            &service,
            "one frame",
            &frame(TEXT, &large),
            write,
            &[Answer("9")],
        )
        .await;
    }
    for size in [64, 256, 1024, 4096, 16 * 1024, 64 * 1024] {
        tries(
            &service,
            "fragments",
            &fragments(&large, size),
            usize::MAX,
            &[Answer("9")],
        )
        .await;
    }
    let over = fragments(&request("9", (1 << 20) + 1), 4096);
    tries(
        &service,
        "one byte too many",
        &over,
        usize::MAX,
        &[Close(Some(1009))],
    )
    .await;
}
