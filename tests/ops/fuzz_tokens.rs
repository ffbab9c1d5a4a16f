//! Odd handshakes by the thousand: query strings and headers that hold the token, parts of it, or
//! something like it, judged by a reading of the protocol that shares no code with the gate.
//!
//! The gate itself is asked in this process, and some of the query strings by real sockets.

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::http::Request;
use axum::http::request::Parts;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use lucarne::auth::Refused;
use lucarne::server::gate::{Denied, Gate};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::fuzz::{Dice, Target, inputs};
use crate::support::*;

const PIECES: &[&str] = &[
    "token",
    "=",
    "&",
    TOKEN,
    "%",
    "%00",
    "%2e",
    "+",
    "tok%65n",
    "token[]",
    "first",
    "%ff",
    "?",
    ";",
    "%zz",
    "-token",
    "%C0%80",
    "TOKEN",
    "token=",
    "&token=",
    "%66irst-token-of-the-tests",
    "#",
    "%2566",
    " ",
    "é",
];

/// A query string: sometimes the right token first, then any pieces.
fn query(dice: &mut Dice) -> String {
    let right = format!("token={TOKEN}&");
    let begin = if dice.below(4) == 0 { &right } else { "" };
    let rest = (0..=dice.below(8)).map(|_| dice.pick(PIECES));
    std::iter::once(begin).chain(rest).collect()
}

/// The tokens that one way holds: whether each is the right one.
type Way = Vec<bool>;

/// A header that may hold a token, and what the protocol makes of it.
fn header(dice: &mut Dice) -> (&'static str, String, Way) {
    let near = [
        TOKEN,
        TOKEN,
        TOKEN,
        "",
        "first-token-of-the-test",
        "first-token-of-the-testsx",
        "FIRST-TOKEN-OF-THE-TESTS",
        "first-token-of-the-tests,first-token-of-the-tests",
        "%66irst-token-of-the-tests",
    ];
    let token = dice.pick(&near);
    // Equal values that a proxy has joined are one.
    let right = token.split(',').all(|token| token == TOKEN);
    match dice.below(6) {
        0 => ("x-mcp-token", token.to_owned(), vec![right]),
        1 => {
            let scheme = dice.pick(&["Bearer", "bearer", "BEARER"]);
            ("authorization", format!("{scheme} {token}"), vec![right])
        }
        2 => {
            let other = dice.pick(&["Basic ", "Token ", "Bearer-", "X Bearer "]);
            ("authorization", format!("{other}{token}"), vec![])
        }
        // A comma parts two subprotocols, so the one behind it is no token.
        3 => {
            let first = token.split(',').next() == Some(TOKEN);
            let protocols = format!("lucarne, mcp.auth.{token}");
            ("sec-websocket-protocol", protocols, vec![first])
        }
        4 => (
            "sec-websocket-protocol",
            format!("mcp.authx.{token}"),
            vec![],
        ),
        _ => {
            let name = ["cookie", "x-token", "token", "x-forwarded-token"][dice.below(4)];
            (name, format!("token={token}"), vec![])
        }
    }
}

/// The tokens of a query string, as its reader must take them; no text is `None`.
fn of_query(query: &str) -> Vec<Option<String>> {
    let query = query.split('#').next().unwrap();
    let parts = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    parts
        .filter(|(name, _)| *name == "token")
        .map(|(_, value)| String::from_utf8(decoded(value.as_bytes())).ok())
        .collect()
}

fn decoded(mut rest: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut bytes = Vec::new();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        bytes.push(match (first, digit(after.first()), digit(after.get(1))) {
            (b'%', Some(high), Some(low)) => {
                rest = &after[2..];
                (high * 16 + low) as u8
            }
            _ => *first,
        });
    }
    bytes
}

fn expected(ways: &[bool]) -> Result<(), Refused> {
    match ways {
        [] => Err(Refused::Missing),
        ways if ways.iter().all(|right| *right) => Ok(()),
        _ => Err(Refused::Invalid),
    }
}

/// A request by a query string and headers; `None` where HTTP has no such request.
fn request(query: &str, headers: &[(&str, String, Way)]) -> Option<Parts> {
    let mut request = Request::get(format!("/mcp/ws?{query}"));
    for (name, value, _) in headers {
        request = request.header(*name, value);
    }
    Some(request.body(()).ok()?.into_parts().0)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_handshake_gets_in_but_by_the_token() {
    let target = Target::new().await;
    let access = target.service.access();
    let mut dice = Dice::new(5);
    let address = IpAddr::from([127, 0, 0, 1]);
    let mut counts = BTreeMap::<&str, usize>::new();
    for _ in 0..inputs() * 15 {
        let query = match dice.below(3) {
            0 => String::new(),
            _ => query(&mut dice),
        };
        let headers: Vec<_> = (0..dice.below(4)).map(|_| header(&mut dice)).collect();
        let Some(parts) = request(&query, &headers) else {
            *counts.entry("no request").or_default() += 1;
            continue;
        };
        let from_query = dice.below(4) > 0;
        let mut ways: Way = headers.iter().flat_map(|(_, _, way)| way.clone()).collect();
        if from_query {
            let given = of_query(&query).into_iter();
            ways.extend(given.map(|token| token.as_deref() == Some(TOKEN)));
        }
        // A gate of its own for each: many failures are answered otherwise.
        let gate = Gate::default();
        let entry = gate.by(access.clone());
        let judged = entry.token(&parts, (address, "ws"), from_query).map(|_| ());
        let told = expected(&ways).map_err(Denied::Token);
        assert_eq!(judged, told, "{query:?} {headers:?} {from_query}");
        let counted = match expected(&ways) {
            Ok(()) => "let in",
            Err(refused) => refused.reason(),
        };
        *counts.entry(counted).or_default() += 1;
    }
    assert!(counts.len() == 4, "{counts:?}");
    println!("handshakes: {counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_query_string_gets_in_but_the_tokens() {
    let folder = Folder::new().await;
    folder.configure("");
    let served = folder.serve().await;
    let mut dice = Dice::new(4);
    // Each is a connection of its own, so there are fewer of them.
    let mut counts = BTreeMap::<u16, usize>::new();
    let tries = inputs() / 10;
    let mut tasks = FuturesUnordered::new();
    for _ in 0..tries {
        let query = query(&mut dice);
        let address = served.address;
        tasks.push(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let head = format!(
                "GET /mcp/ws?{query} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
                 Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = [0; 64];
            let length = stream.read(&mut answer).await.unwrap();
            let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
            let status = answer.split(' ').nth(1).unwrap_or("0").parse().unwrap_or(0);
            (query, status)
        });
        if tasks.len() >= 32 {
            let (query, status) = tasks.next().await.unwrap();
            judge(&query, status);
            *counts.entry(status).or_default() += 1;
        }
    }
    while let Some((query, status)) = tasks.next().await {
        judge(&query, status);
        *counts.entry(status).or_default() += 1;
    }
    println!("query strings: {counts:?}");
    let mut socket = served.connect(TOKEN).await;
    assert_eq!(code(&ask(&mut socket, LIST).await), "ok");
}

/// Only a query in which every `token` is the token, and there is one, gets in.
fn judge(query: &str, status: u16) {
    let ways: Way = of_query(query)
        .into_iter()
        .map(|token| token.as_deref() == Some(TOKEN))
        .collect();
    let right = expected(&ways).is_ok();
    match status {
        101 => assert!(right, "{query} got in"),
        // A target that is none of HTTP, whatever it holds.
        400 => assert!(!right || request(query, &[]).is_none() || query.contains(' ')),
        401 | 429 => assert!(!right, "{query} did not get in: {status}"),
        other => panic!("{query}: {other}"),
    }
}
