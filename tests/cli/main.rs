//! The client commands as a user meets them: the built program against scripted services.

#![allow(clippy::unwrap_used, reason = "what a test cannot do fails it")]

mod check;
mod help;
mod mistakes;
mod outcomes;
mod query;
mod refusals;
mod related;
mod snippets;
mod start;
mod store;
mod support;
mod surroundings;
#[cfg(target_os = "linux")]
mod terminal;
mod tool;
mod traces;
mod trail;
mod walk;
