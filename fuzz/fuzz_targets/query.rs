//! A query string and the headers that hold a token: nobody gets in but by the token itself.
#![no_main]

use std::net::IpAddr;

use axum::http::Request;
use libfuzzer_sys::fuzz_target;
use lucarne::server::gate::Gate;
use lucarne_fuzz::{TOKEN, shared};

fuzz_target!(|data: (&str, &[u8], &[u8])| {
    let (query, token, protocols) = data;
    let request = Request::get(format!("/mcp/ws?{query}"))
        .header("x-mcp-token", token)
        .header("sec-websocket-protocol", protocols);
    let Ok(request) = request.body(()) else {
        return;
    };
    let (mut parts, ()) = request.into_parts();
    let address = IpAddr::from([127, 0, 0, 1]);
    let gate = Gate::default();
    let entry = gate.by(shared());
    // The header is there, so it must be the token, whatever else is given.
    if entry.token(&parts, (address, "ws"), true).is_ok() {
        assert_eq!(token, TOKEN.as_bytes());
    }
    parts.headers.remove("x-mcp-token");
    if entry.token(&parts, (address, "ws"), true).is_ok() {
        let decoded = query.contains(TOKEN) || query.contains('%');
        let protocol = protocols
            .windows(TOKEN.len())
            .any(|part| part == TOKEN.as_bytes());
        assert!(decoded || protocol, "{query} got in");
    }
});
