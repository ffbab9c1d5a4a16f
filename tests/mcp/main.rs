//! MCP over every transport, asked by raw messages and by the official client.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what a test cannot do fails it"
)]

mod arguments;
mod changes;
mod client;
mod gate;
mod habits;
mod http;
mod parity;
mod snippets;
mod sse;
mod stdio;
mod support;
mod tools;
mod twelve;
mod window;
mod ws;
