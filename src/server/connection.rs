//! The life of a client's connection, one file for each transport, and what they share: answers in
//! the order of the messages, the list of open sessions, frames and events.

pub(crate) mod events;
mod frames;
mod in_flight;
pub(crate) mod native;
pub(crate) mod outbox;
pub(crate) mod outgoing;
pub(crate) mod sessions;
pub(crate) mod sse;
pub(crate) mod stdio;
pub(crate) mod ws;

#[cfg(test)]
mod tests;

/// Requests of one connection that run at once; then no more is read.
pub(crate) const IN_FLIGHT: usize = 32;
