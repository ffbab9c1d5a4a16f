//! The MariaDB and MySQL engine on a real server, through the library's own interface.
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
mod charsets;
mod chinook;
mod filters;
mod hostile;
mod lost;
mod order;
mod role;
mod start;
mod types;
mod values;
