//! The service as its operator meets it: the built program, real sockets, signals and files.

#![allow(clippy::unwrap_used, reason = "what a test cannot do fails it")]
#![allow(clippy::print_stdout, reason = "figures for the documentation")]

mod admin;
mod audit;
mod clock;
mod control;
mod deploy;
mod faults;
mod floods;
mod fuzz;
mod fuzz_tokens;
mod limits;
mod memory;
mod metrics;
mod mistakes;
#[path = "../common/planning.rs"]
#[allow(unreachable_pub, reason = "it is a library to the targets in fuzz/")]
mod planning;
mod proxy;
mod reload;
mod remedies;
mod restarts;
mod second_day;
mod servers;
#[path = "../common/skipped.rs"]
mod skipped;
mod support;
mod tls;
mod upgrade;
mod watch;
mod withdraw;
mod worst;
