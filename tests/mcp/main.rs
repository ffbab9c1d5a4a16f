//! MCP over every transport, asked by raw messages and by the official client.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what a test cannot do fails it"
)]

mod arguments;
mod changes;
mod client;
#[path = "../common/mod.rs"]
mod common;
mod gate;
mod habits;
mod http;
mod parity;
mod snippets;
#[path = "../common/spelling.rs"]
mod spelling;
mod sse;
mod stdio;
mod support;
mod tools;
mod twelve;
mod window;
mod ws;
