//! Clients of a store: each sees its own rows and nothing else, by whichever way it asks.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "clippy knows test functions, not the functions they call"
)]

mod admin;
mod advice;
mod along;
mod api;
#[path = "../common/mod.rs"]
mod common;
mod crossing;
mod data;
mod explained;
mod exposure;
mod life;
mod looks;
mod matrix;
#[path = "../common/meaning.rs"]
mod meaning;
mod operators;
mod page;
mod places;
mod recorded;
mod rows;
mod ruled;
mod scopes;
mod shapes;
mod subset;
mod support;
mod tools;
mod unseen;
mod windows;
