//! The store on a SQLite file and on a real PostgreSQL server, through the library's own interface.
#![expect(
    clippy::unwrap_used,
    reason = "clippy knows test functions, not the functions they call"
)]

#[path = "../common/mod.rs"]
mod common;

mod support;

mod changes;
mod keys;
mod lost;
mod open;
mod secrets;
