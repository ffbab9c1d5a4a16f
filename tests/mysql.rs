//! The MariaDB and MySQL engine against a real server.
#![expect(
    clippy::unwrap_used,
    reason = "clippy knows test functions, not the functions they call"
)]

mod common;
#[path = "mysql/filters.rs"]
mod filters;
#[path = "mysql/types.rs"]
mod types;
#[path = "mysql/walks.rs"]
mod walks;
