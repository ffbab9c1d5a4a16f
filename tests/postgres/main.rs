//! The PostgreSQL engine on a real server, through the library's own interface.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy knows test functions, not the functions they call"
)]

#[path = "../common/mod.rs"]
mod common;

mod support;

mod catalog;
mod changed;
mod check;
mod chinook;
mod filters;
mod gets;
mod lost;
mod order;
mod planner;
mod pooler;
mod role;
mod start;
mod strangers;
mod types;
mod values;
mod whom;
