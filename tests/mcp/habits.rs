//! What clients, browsers and proxies do beside the specification, and rely on.

use serde_json::{Value, json};

use crate::support::{
    BEARER, Events, JSON, Piped, TOKEN, call, http, modern, post, request, send, start,
};

#[tokio::test]
async fn a_slash_at_the_end_makes_no_difference() {
    let running = start(&[]).await;
    let ping = request(1, "ping", json!({}));
    let pong = http(running.address, "POST", "/mcp/", &[BEARER, JSON], &ping).await;
    assert_eq!(pong.status, 200);
    let refused = http(running.address, "POST", "/mcp/", &[JSON], &ping).await;
    assert_eq!(refused.status, 401);
    let stream = send(running.address, "GET", "/mcp/sse/", &[BEARER], "").await;
    assert_eq!(stream.status(), 200);
    let refused = http(running.address, "GET", "/mcp/ws/", &[BEARER], "").await;
    assert_eq!(refused.status, 426);
    for probe in ["/health/", "/mcp/health/", "/ready/"] {
        let answer = http(running.address, "GET", probe, &[], "").await;
        assert_eq!(answer.status, 200, "{probe}");
    }
    let refused = http(
        running.address,
        "POST",
        "/mcp/messages/",
        &[BEARER, JSON],
        &ping,
    )
    .await;
    assert_eq!(refused.json()["error"], "Unknown session");
}

#[tokio::test]
async fn equal_values_of_a_header_are_one() {
    let running = start(&[]).await;
    let ping = request(1, "ping", json!({}));
    let version = ("mcp-protocol-version", "2025-06-18");
    let joined = format!("{TOKEN}, {TOKEN}");
    for headers in [
        vec![BEARER, BEARER, JSON],
        vec![("x-mcp-token", &*joined), BEARER, JSON],
        vec![BEARER, JSON, version, version],
        vec![
            BEARER,
            JSON,
            ("mcp-protocol-version", "2025-06-18, 2025-06-18"),
        ],
        vec![
            BEARER,
            JSON,
            ("mcp-protocol-version", "2025-06-18,2025-06-18"),
        ],
        vec![BEARER, JSON, ("mcp-protocol-version", "")],
        vec![BEARER, JSON, JSON],
        vec![
            BEARER,
            (
                "content-type",
                "application/json, Application/JSON; charset=utf-8",
            ),
        ],
    ] {
        let pong = http(running.address, "POST", "/mcp", &headers, &ping).await;
        assert_eq!(pong.status, 200, "{headers:?}");
    }
    let two = [
        BEARER,
        JSON,
        version,
        ("mcp-protocol-version", "2025-03-26"),
    ];
    let refused = http(running.address, "POST", "/mcp", &two, &ping).await;
    assert_eq!(refused.status, 400);
    let other = format!("{TOKEN}, wrong");
    let differ = [JSON, ("x-mcp-token", &*other)];
    let refused = http(running.address, "POST", "/mcp", &differ, &ping).await;
    assert_eq!(refused.status, 401);
}

#[tokio::test]
async fn a_compressed_body_is_refused_by_its_name() {
    let running = start(&[]).await;
    let ping = request(1, "ping", json!({}));
    let gzip = [BEARER, JSON, ("content-encoding", "gzip")];
    let refused = http(running.address, "POST", "/mcp", &gzip, &ping).await;
    assert_eq!(
        (refused.status, refused.json()["error"].as_str()),
        (415, Some("Content-Encoding is not supported"))
    );
    for (header, value, status) in [
        ("content-encoding", "identity", 200),
        ("content-encoding", "Identity, identity", 200),
        ("content-encoding", "deflate", 415),
        ("content-encoding", "identity, br", 415),
        ("content-type", "text/plain", 415),
    ] {
        let headers = [BEARER, JSON, (header, value)];
        let answer = http(running.address, "POST", "/mcp", &headers, &ping).await;
        assert_eq!(answer.status, status, "{header}: {value}");
    }
}

#[tokio::test]
async fn a_page_reads_what_it_needs_of_an_answer() {
    let running = start(&[("MCP_ALLOWED_ORIGINS", "https://app.example")]).await;
    let page = ("origin", "https://app.example");
    let network = ("access-control-request-private-network", "true");
    let before = [page, ("access-control-request-method", "POST"), network];
    let allowed = http(running.address, "OPTIONS", "/mcp/", &before, "").await;
    assert_eq!(allowed.status, 204);
    assert_eq!(
        allowed.header("access-control-allow-private-network"),
        "true"
    );
    let allowed = http(running.address, "OPTIONS", "/mcp/", &before[..2], "").await;
    assert_eq!(allowed.header("access-control-allow-private-network"), "");
    let refused = http(running.address, "POST", "/mcp", &[page, JSON], "{}").await;
    assert_eq!(refused.status, 401);
    let reads = refused.header("access-control-expose-headers");
    for header in [
        "mcp-session-id",
        "mcp-protocol-version",
        "retry-after",
        "www-authenticate",
    ] {
        assert!(reads.contains(header), "{header}");
    }
}

#[tokio::test]
async fn who_looks_for_a_sign_in_is_told_about_the_token() {
    let running = start(&[]).await;
    for (method, path) in [
        ("GET", "/.well-known/oauth-protected-resource"),
        ("GET", "/.well-known/oauth-protected-resource/mcp"),
        ("GET", "/.well-known/oauth-authorization-server"),
        ("GET", "/.well-known/oauth-authorization-server/mcp"),
        ("GET", "/.well-known/openid-configuration"),
        ("GET", "/mcp/.well-known/openid-configuration"),
        ("GET", "/.well-known/oauth-protected-resource/"),
        ("GET", "/mcp/.well-known/oauth-protected-resource"),
        ("GET", "/team/.well-known/oauth-protected-resource/mcp/sse"),
        ("OPTIONS", "/.well-known/oauth-protected-resource/mcp"),
        ("POST", "/register"),
        ("POST", "/register/"),
        ("POST", "/mcp/register"),
        ("GET", "/authorize?response_type=code"),
        ("POST", "/token"),
    ] {
        let answer = http(running.address, method, path, &[], "").await;
        assert_eq!(answer.status, 404, "{path}");
        let told = answer.json();
        assert!(
            told["error"].as_str().unwrap().contains("valid token"),
            "{path}"
        );
        assert!(told["hint"].as_str().unwrap().contains("Bearer"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        // A page that sends headers of its own asks whether it may.
        let asks = [
            ("origin", "https://page.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "mcp-protocol-version"),
        ];
        let answer = http(running.address, "OPTIONS", path, &asks, "").await;
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        let may = answer.header("access-control-allow-headers");
        assert!(may.contains("mcp-protocol-version"), "{path}");
    }
    let asks = [
        ("origin", "https://page.example"),
        ("access-control-request-method", "POST"),
    ];
    let elsewhere = http(running.address, "OPTIONS", "/nowhere", &asks, "").await;
    assert_eq!(elsewhere.status, 404);
}

/// Some proxies write a header twice, in lines or with commas: it is one, unless the two differ.
#[tokio::test]
async fn a_handshake_whose_headers_are_doubled_is_one() {
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    let running = start(&[]).await;
    let doubled = format!("{KEY}, {KEY}");
    let key = ("sec-websocket-key", KEY);
    let version = ("sec-websocket-version", "13");
    for (more, status) in [
        (vec![key, version], 101),
        (vec![key, version, version, key], 101),
        (vec![key, ("sec-websocket-version", "13, 13")], 101),
        (vec![version, ("sec-websocket-key", &doubled)], 101),
        (vec![key, version, ("sec-websocket-version", "8")], 426),
        (vec![key, ("sec-websocket-version", "8, 13")], 426),
        (
            vec![
                version,
                key,
                ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
            ],
            400,
        ),
    ] {
        let upgrade = [BEARER, ("connection", "upgrade"), ("upgrade", "websocket")];
        let headers = [&upgrade[..], &more].concat();
        let answer = send(running.address, "GET", "/mcp/ws", &headers, "").await;
        assert_eq!(answer.status(), status, "{more:?}");
    }
}

#[tokio::test]
async fn an_event_stream_passes_proxies_and_keeps_their_prefix() {
    let running = start(&[("MCP_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let stream = send(running.address, "GET", "/mcp/sse", &[BEARER], "").await;
    let header = |name: &str| stream.headers()[name].to_str().unwrap().to_owned();
    assert!(header("cache-control").contains("no-cache"));
    assert_eq!(header("x-accel-buffering"), "no");
    for (said, expected) in [
        ("/team/lucarne/", "/team/lucarne/mcp/messages?"),
        ("/team//lucarne", "/team/lucarne/mcp/messages?"),
        ("/a%20b/%C3%BC", "/a%20b/%C3%BC/mcp/messages?"),
        ("/a/, /a/", "/a/mcp/messages?"),
        ("/a, /b", "/mcp/messages?"),
        ("/", "/mcp/messages?"),
        ("/a%2", "/mcp/messages?"),
        ("/a%0g", "/mcp/messages?"),
        ("//evil.example", "/mcp/messages?"),
        ("https://evil.example", "/mcp/messages?"),
        ("/a b", "/mcp/messages?"),
    ] {
        let events = Events::open_with(running.address, &[("x-forwarded-prefix", said)]).await;
        assert!(events.path.starts_with(expected), "{said}: {}", events.path);
    }
    // Whoever is no proxy says nothing of prefixes.
    let running = start(&[]).await;
    let events = Events::open_with(running.address, &[("x-forwarded-prefix", "/x")]).await;
    assert!(events.path.starts_with("/mcp/messages?"));
}

#[tokio::test]
async fn what_is_too_long_or_too_deep_is_answered_to_its_own_id() {
    let running = start(&[]).await;
    let long = format!(
        r#"{{"jsonrpc":"2.0","id":"long","method":"ping","params":{{"x":"{}"}}}}"#,
        "x".repeat(70_000)
    );
    let refused = post(running.address, &long).await;
    assert_eq!(
        (refused.status, &refused.json()["id"]),
        (413, &json!("long"))
    );
    let deep = format!(
        r#"{{"jsonrpc":"2.0","method":"ping","params":{{"x":{}{}}},"id":8}}"#,
        "[".repeat(100),
        "]".repeat(100)
    );
    let refused = post(running.address, &deep).await;
    assert_eq!((refused.status, &refused.json()["id"]), (400, &json!(8)));
    let mut events = Events::open(running.address).await;
    let mut socket = crate::support::Socket::open(running.address, Some("mcp")).await;
    for id in [json!(8), json!("i".repeat(300)), json!("i".repeat(60_000))] {
        let deep = deep.replace(r#""id":8"#, &format!(r#""id":{id}"#));
        for told in [
            post(running.address, &deep).await.body,
            events.ask(&deep).await,
            socket.ask(&deep).await,
        ] {
            let told: Value = serde_json::from_str(&told).unwrap();
            let (found, code) = (&told["id"], &told["error"]["code"]);
            assert_eq!((found, code), (&id, &json!(-32700)));
        }
    }
}

/// Some programs put a byte order mark before what they write.
#[tokio::test]
async fn a_byte_order_mark_is_passed_over() {
    let running = start(&[]).await;
    let mut events = Events::open(running.address).await;
    let mut piped = Piped::start(&[]).await;
    let mut sockets = [
        crate::support::Socket::open(running.address, Some("mcp")).await,
        crate::support::Socket::open(running.address, None).await,
    ];
    let get = call(5, "get_record", r#"{"model":"users","id":1}"#);
    let long = format!(r#"{{"x":"{}","id":5}}"#, "x".repeat(70_000));
    for (message, is_answered) in [(get, true), (long, false)] {
        let marked = format!("\u{feff}{message}");
        let mut told = vec![
            post(running.address, &marked).await.body,
            piped.ask(&marked).await,
        ];
        if is_answered {
            told.push(events.ask(&marked).await);
            for socket in &mut sockets {
                told.push(socket.ask(&marked).await);
            }
        }
        for told in told {
            let told: Value = serde_json::from_str(&told).unwrap();
            assert_eq!(told["id"], 5, "{told}");
            assert_eq!(told["error"].is_null(), is_answered, "{told}");
        }
    }
}

#[tokio::test]
async fn the_id_of_what_is_too_long_is_found_behind_it() {
    let running = start(&[]).await;
    let mut events = Events::open(running.address).await;
    let mut piped = Piped::start(&[]).await;
    // Other ids within it, strings with quotes, and more than comes at once.
    for (text, id) in [
        ("x".repeat(70_000), json!(7)),
        (r#"{\"id\":1},\"id\":2,"#.repeat(5_000), json!("last")),
        ("\\\\".repeat(600_000), json!(9)),
        ("x".repeat(70_000), json!("i".repeat(300))),
        ("x".repeat(70_000), json!("i".repeat(60_000))),
    ] {
        let long = format!(
            r#"{{"method":"tools/call","params":{{"id":3,"x":[{{"id":4}},"{text}"]}},"jsonrpc":"2.0","id":{id}}}"#,
        );
        let by_http = post(running.address, &long).await;
        assert_eq!(by_http.status, 413);
        let told = [
            by_http.body,
            piped.ask(&long).await,
            events.post(&long).await.body,
        ];
        for told in told {
            let told: Value = serde_json::from_str(&told).unwrap();
            assert_eq!(
                (&told["id"], &told["error"]["code"]),
                (&id, &json!(-32600)),
                "{told}"
            );
        }
    }
    let python = [BEARER, JSON, ("user-agent", "python-httpx/0.28.1")];
    let long = format!(r#"{{"params":"{}","id":11}}"#, "x".repeat(70_000));
    let posted = http(running.address, "POST", &events.path, &python, &long).await;
    assert_eq!(posted.status, 202);
    assert!(events.next().await.unwrap().1.contains(r#""id":11"#));
    let session = [&python[..], &[("mcp-protocol-version", "2025-11-25")]].concat();
    let told = http(running.address, "POST", "/mcp", &session, &long).await;
    assert_eq!((told.status, &told.json()["id"]), (200, &json!(11)));
}

#[tokio::test]
async fn the_id_of_a_subscription_is_short() {
    let running = start(&[]).await;
    let listen = |id: &str| {
        let params = modern(json!({ "notifications": {} }));
        json!({ "jsonrpc": "2.0", "id": id, "method": "subscriptions/listen", "params": params })
            .to_string()
    };
    let mut socket = crate::support::Socket::open(running.address, Some("mcp")).await;
    socket.send(&listen(&"x".repeat(300))).await;
    assert!(socket.next().await.unwrap().contains("-32602"));
    socket.send(&listen("x")).await;
    assert!(socket.next().await.unwrap().contains("acknowledged"));
    socket
        .send(&call(1, "get_record", r#"{"model":"users","id":1}"#))
        .await;
    assert!(socket.next().await.unwrap().contains("\"isError\":false"));
}
