//! The service as its operator meets it: the built program, real sockets, signals and files.

#![allow(clippy::unwrap_used, reason = "what a test cannot do fails it")]

mod audit;
mod limits;
mod reload;
mod support;
mod tls;
