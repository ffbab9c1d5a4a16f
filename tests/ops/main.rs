//! The service as its operator meets it: the built program, real sockets, signals and files.

#![allow(clippy::unwrap_used, reason = "what a test cannot do fails it")]
#![allow(clippy::print_stderr, reason = "what is not checked says so")]
#![allow(clippy::print_stdout, reason = "figures for the documentation")]

mod audit;
mod faults;
mod fuzz;
mod limits;
mod metrics;
mod proxy;
mod reload;
mod support;
mod tls;
