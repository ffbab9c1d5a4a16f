//! Who gets in: every way of the token, and every way of not having it.

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::client::{Client, body};
use crate::raw;
use crate::service::{Service, TOKEN};

const DESCRIBE: &str = r#"{"id":1,"action":"describe"}"#;
const MISSING: &str = r#"{"status":"error","error":"Missing authentication token"}"#;
const INVALID: &str = r#"{"status":"error","error":"Invalid authentication token"}"#;

/// A service that answers more failures than these tests make: each test has its own.
async fn refused(service: &Service, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let refused = Client::with(service.address, path, headers).await;
    let refused = refused
        .err()
        .unwrap_or_else(|| panic!("{path} {headers:?} gets in"));
    assert_eq!(refused.headers()["content-type"], "application/json");
    let authenticate = refused.headers().get("www-authenticate");
    assert_eq!(
        authenticate.is_some_and(|value| value == "Bearer"),
        refused.status() == 401
    );
    (refused.status().as_u16(), body(&refused).to_string())
}

#[tokio::test]
async fn every_way_of_the_token_gets_in() {
    let service = Service::new().await;
    let bearer = format!("Bearer {TOKEN}");
    let small = format!("bEaReR {TOKEN}");
    let protocols = format!("lucarne, mcp.auth.{TOKEN}");
    let alone = format!("mcp.auth.{TOKEN}");
    let query = format!("/mcp/ws?token={TOKEN}");
    let encoded: String = TOKEN.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let encoded = format!("/mcp/ws?x=1&token={encoded}&y");
    let header = ("X-MCP-Token", TOKEN);
    for (path, headers, protocol) in [
        ("/mcp/ws", vec![header], None),
        ("/mcp/ws", vec![("x-mcp-token", TOKEN)], None),
        ("/mcp/ws", vec![header, header], None),
        ("/mcp/ws", vec![("Authorization", &*bearer)], None),
        ("/mcp/ws", vec![("Authorization", &*small)], None),
        (&*query, vec![], None),
        (&*encoded, vec![], None),
        (
            "/mcp/ws",
            vec![("Sec-WebSocket-Protocol", &*protocols)],
            Some("lucarne"),
        ),
        (
            &*query,
            vec![
                header,
                ("Authorization", &*bearer),
                ("Sec-WebSocket-Protocol", &*protocols),
            ],
            Some("lucarne"),
        ),
        // What is no token is no second way: another scheme, another parameter.
        (
            "/mcp/ws?tokens=x",
            vec![header, ("Authorization", "Basic eDp5")],
            None,
        ),
    ] {
        let client = Client::with(service.address, path, &headers).await;
        let mut client = client.unwrap_or_else(|refused| panic!("{path} {headers:?} {refused:?}"));
        let echoed = client.response.headers().get("sec-websocket-protocol");
        assert_eq!(echoed.map(|echoed| echoed.to_str().unwrap()), protocol);
        assert_eq!(client.ask(DESCRIBE).await["status"], "ok");
    }
    // A token alone is no protocol of messages: nothing of it is sent back.
    let alone = format!("Sec-WebSocket-Protocol: {alone}");
    let reply = raw::shake(service.address, "/mcp/ws", &[&alone]).await;
    assert_eq!(
        (reply.status, reply.header("sec-websocket-protocol")),
        (101, None)
    );
}

#[tokio::test]
async fn what_is_not_the_token_is_refused() {
    let half = &TOKEN[..TOKEN.len() - 1];
    let (doubled, longer) = (format!("{TOKEN}{TOKEN}"), format!("{TOKEN}x"));
    let (flipped, quoted) = (TOKEN.to_uppercase(), format!("\"{TOKEN}\""));
    let bearer = format!("Bearer {TOKEN}");
    let other = "Bearer another-token-of-length";
    for wrong in [
        "",
        half,
        &TOKEN[1..],
        &doubled,
        &longer,
        &flipped,
        &quoted,
        &bearer,
        "é",
    ] {
        let service = Service::new().await;
        let authorization = format!("Bearer {wrong}");
        let protocols = format!("lucarne, mcp.auth.{wrong}");
        let mut cases = vec![
            ("/mcp/ws".to_owned(), vec![("X-MCP-Token", wrong)]),
            (
                "/mcp/ws".to_owned(),
                vec![("X-MCP-Token", TOKEN), ("X-MCP-Token", wrong)],
            ),
            (
                "/mcp/ws".to_owned(),
                vec![("X-MCP-Token", wrong), ("Authorization", &*bearer)],
            ),
            (
                format!("/mcp/ws?token={TOKEN}"),
                vec![("X-MCP-Token", wrong)],
            ),
        ];
        if wrong != bearer {
            cases.push((
                "/mcp/ws".to_owned(),
                vec![("Authorization", &*authorization)],
            ));
        }
        if wrong
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        {
            cases.push((
                "/mcp/ws".to_owned(),
                vec![("Sec-WebSocket-Protocol", &*protocols)],
            ));
            cases.push((format!("/mcp/ws?token={wrong}"), vec![]));
            cases.push((
                format!("/mcp/ws?token={wrong}"),
                vec![("X-MCP-Token", TOKEN)],
            ));
        }
        for (path, headers) in &cases {
            let found = refused(&service, path, headers).await;
            assert_eq!(found, (401, INVALID.to_owned()), "{path} {headers:?}");
        }
    }
    let service = Service::new().await;
    for path in ["%00", "%0A", "%2500", "+", "%20"] {
        let path = format!("/mcp/ws?token={TOKEN}{path}");
        assert_eq!(refused(&service, &path, &[]).await.1, INVALID, "{path}");
    }
    let path = format!("/mcp/ws?token={TOKEN}&token=x");
    assert_eq!(refused(&service, &path, &[]).await.1, INVALID);
    assert_eq!(refused(&service, "/mcp/ws?token=%ff", &[]).await.1, INVALID);
    let both = [("X-MCP-Token", TOKEN), ("Authorization", other)];
    assert_eq!(refused(&service, "/mcp/ws", &both).await.1, INVALID);
}

#[tokio::test]
async fn no_other_channel_carries_a_token() {
    let service = Service::new().await;
    let cookie = format!("token={TOKEN}; X-MCP-Token={TOKEN}; MCP_TOKEN={TOKEN}");
    for (path, headers) in [
        ("/mcp/ws".to_owned(), vec![]),
        ("/mcp/ws".to_owned(), vec![("Cookie", &*cookie)]),
        (
            "/mcp/ws".to_owned(),
            vec![("Authorization", "Basic dXNlcjpwYXNzd29yZA==")],
        ),
        ("/mcp/ws".to_owned(), vec![("Authorization", TOKEN)]),
        (
            "/mcp/ws".to_owned(),
            vec![("Token", TOKEN), ("X-Token", TOKEN)],
        ),
        ("/mcp/ws".to_owned(), vec![("X-Forwarded-Token", TOKEN)]),
        (format!("/mcp/ws?token[]={TOKEN}&Token={TOKEN}"), vec![]),
        (
            format!("/mcp/ws?access_token={TOKEN}&x_mcp_token={TOKEN}"),
            vec![],
        ),
        (format!("/mcp/ws?a=b;token={TOKEN}"), vec![]),
    ] {
        let found = refused(&service, &path, &headers).await;
        assert_eq!(found, (401, MISSING.to_owned()), "{path} {headers:?}");
    }
}

#[tokio::test]
async fn each_token_of_a_rotation_gets_in() {
    let service = Service::with(&[("MCP_TOKEN", "first-token-of-two, second-token-of-two")]).await;
    for token in ["first-token-of-two", "second-token-of-two"] {
        let header = [("X-MCP-Token", token)];
        let mut client = Client::with(service.address, "/mcp/ws", &header)
            .await
            .unwrap();
        assert_eq!(client.ask(DESCRIBE).await["status"], "ok");
    }
    for headers in [
        vec![("X-MCP-Token", "first-token-of-two, second-token-of-two")],
        vec![
            ("X-MCP-Token", "first-token-of-two"),
            ("X-MCP-Token", "second-token-of-two"),
        ],
    ] {
        assert_eq!(refused(&service, "/mcp/ws", &headers).await.1, INVALID);
    }
}

#[tokio::test]
async fn the_token_in_the_query_can_be_switched_off() {
    let service = Service::with(&[("MCP_ALLOW_QUERY_TOKEN", "false")]).await;
    let path = format!("/mcp/ws?token={TOKEN}");
    assert_eq!(
        refused(&service, &path, &[]).await,
        (401, MISSING.to_owned())
    );
    let header = [("X-MCP-Token", TOKEN)];
    assert!(
        Client::with(service.address, "/mcp/ws?token=x", &header)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn after_ten_failures_an_address_waits_and_the_token_still_passes() {
    let service = Service::new().await;
    let wrong = [("X-MCP-Token", "wrong")];
    for count in 0..10 {
        let (headers, expected) = match count % 2 {
            0 => (&wrong[..], INVALID),
            _ => (&[][..], MISSING),
        };
        assert_eq!(
            refused(&service, "/mcp/ws", headers).await,
            (401, expected.to_owned())
        );
    }
    for _ in 0..2 {
        let later = Client::with(service.address, "/mcp/ws", &wrong)
            .await
            .err()
            .unwrap();
        assert_eq!(later.status(), 429);
        assert_eq!(
            body(&later).to_string(),
            r#"{"status":"error","error":"Too many authentication failures"}"#
        );
        let wait: u64 = later.headers()["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        let mut client = Client::new(service.address).await;
        assert_eq!(client.ask(DESCRIBE).await["status"], "ok");
    }
    assert_eq!(
        service.figure("mcp_auth_failures_total{reason=\"invalid\"}"),
        5
    );
    assert_eq!(
        service.figure("mcp_auth_failures_total{reason=\"missing\"}"),
        5
    );
    assert_eq!(
        service.figure("mcp_auth_failures_total{reason=\"too_many\"}"),
        2
    );
}

#[tokio::test]
async fn behind_a_proxy_each_client_has_its_own_failures() {
    let wrong = ("X-MCP-Token", "wrong");
    // Read from the right: what a client writes itself stands to the left of its own address.
    let theirs = ("X-Forwarded-For", "9.9.9.9, 203.0.113.7:4711, 10.1.2.3");
    let service = Service::with(&[("MCP_TRUSTED_PROXIES", "127.0.0.0/8, 10.0.0.0/8")]).await;
    for _ in 0..10 {
        assert_eq!(refused(&service, "/mcp/ws", &[wrong, theirs]).await.0, 401);
    }
    assert_eq!(refused(&service, "/mcp/ws", &[wrong, theirs]).await.0, 429);
    for (other, status) in [
        ("203.0.113.8", 401),
        ("[2001:db8::1]:80", 401),
        ("nonsense", 401),
        ("8.8.8.8, 203.0.113.7", 429),
        // What is no text, to the left of what a proxy said.
        ("\u{ff}, 203.0.113.7", 429),
    ] {
        let headers = [wrong, ("X-Forwarded-For", other)];
        assert_eq!(
            refused(&service, "/mcp/ws", &headers).await.0,
            status,
            "{other}"
        );
    }

    // A header of somebody who is no proxy changes nothing.
    let service = Service::new().await;
    for count in 0..11 {
        let said = format!("203.0.113.{count}");
        let headers = [wrong, ("X-Forwarded-For", &said)];
        let expected = if count < 10 { 401 } else { 429 };
        assert_eq!(refused(&service, "/mcp/ws", &headers).await.0, expected);
    }
}

#[tokio::test]
async fn a_network_of_ipv6_is_one_client() {
    let service = Service::with(&[("MCP_TRUSTED_PROXIES", "127.0.0.1")]).await;
    for count in 0..12 {
        let said = format!("2001:db8:0:1::{count:x}");
        let headers = [("X-MCP-Token", "wrong"), ("X-Forwarded-For", &said)];
        let expected = if count < 10 { 401 } else { 429 };
        assert_eq!(refused(&service, "/mcp/ws", &headers).await.0, expected);
    }
    let headers = [
        ("X-MCP-Token", "wrong"),
        ("X-Forwarded-For", "2001:db8:0:2::1"),
    ];
    assert_eq!(refused(&service, "/mcp/ws", &headers).await.0, 401);
}

#[tokio::test]
async fn frames_beside_the_handshake_wait_for_its_end() {
    let service = Service::new().await;
    let message = raw::frame(raw::TEXT, DESCRIBE.as_bytes());
    for (token, status) in [(TOKEN, 101), ("wrong", 401)] {
        let token = format!("X-MCP-Token: {token}");
        let mut bytes = raw::handshake(service.address, "/mcp/ws", &[&token]).into_bytes();
        bytes.extend(&message);
        bytes.extend(&message);
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        assert_eq!(raw::reply(&mut stream).await.status, status);
        if status == 101 {
            for _ in 0..2 {
                assert!(raw::read_text(&mut stream).await.contains("\"ok\""));
            }
        } else {
            // Whatever comes is an answer of HTTP to what is no request, or the end.
            assert!(!matches!(raw::reply(&mut stream).await.status, 101 | 200));
        }
    }
}
