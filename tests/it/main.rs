//! The service as its clients meet it: real sockets, over the sample database.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what a test cannot do fails it"
)]
#![allow(clippy::print_stdout, reason = "figures for the documentation")]

mod auth;
mod client;
#[cfg(unix)]
mod demo;
mod envelope;
mod frames;
mod heavy;
#[cfg(unix)]
mod leaks;
mod limits;
mod lost;
mod metrics;
mod native;
mod odd;
mod places;
#[cfg(unix)]
mod process;
mod raw;
#[cfg(unix)]
mod scripts;
mod service;
#[cfg(unix)]
mod start;
#[cfg(unix)]
mod stop;
mod window;
mod wire;
