//! The documentation is true: its messages are sent, its tables compared, its schemas made again.

#![allow(
    clippy::unwrap_used,
    reason = "clippy knows test functions, not the functions they call"
)]

mod admin;
mod errors;
mod log;
mod readme;
mod schemas;
mod security;
mod support;
