//! Requests and their answers over a real SQLite file, at the height of `Service::answer`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "clippy knows test functions, not the functions they call"
)]

#[path = "../common/mod.rs"]
mod common;
mod engines;
#[path = "../common/meaning.rs"]
mod meaning;
#[path = "../common/spelling.rs"]
mod spelling;
mod support;

mod aggregates;
mod answers;
mod attacks;
mod batches;
mod changed;
mod chinook;
mod cursors;
mod direct;
mod documented;
mod documents;
mod generated;
mod golden;
mod groups;
mod hidden;
mod keys;
mod large;
mod many;
mod million;
mod noise;
mod odd;
mod oddities;
mod offsets;
mod paths;
mod properties;
mod protocol;
mod questions;
mod related;
mod relations;
mod ruled;
mod semantics;
mod sent;
mod slow;
mod sqlite;
mod unlike;
mod values;
mod walks;
