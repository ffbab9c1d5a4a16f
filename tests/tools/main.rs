//! Tools that the operator writes, over the engines that answer.

#![allow(
    clippy::unwrap_used,
    reason = "clippy knows test functions, not the functions they call"
)]

#[path = "../common/mod.rs"]
mod common;

mod calls;
mod changed;
mod documents;
mod draft;
mod hostile;
mod raw;
mod sample;
mod shapes;
mod support;
