//! Lucarne: a read-only window onto a database.
//!
//! A request flows one way, and each stage has one type as its output:
//!
//! ```text
//! transport        protocol    plan            sql           db              encode
//! server::ws  ──►  Request ──► ReadPlan   ──►  Statement ──► rows (driver) ► JSON
//!                  (text)      (names          (sea-query,   (sqlx; the
//!                              resolved)       pure)         only effect)
//!                  └────────────── service runs these in order ─────────────┘
//! ```
//!
//! Read [`service`] first. [`catalog`] is what exists and may be seen; a sensitive field never
//! gets in there, so nothing after it can name one. Stages to the left may use those to the right,
//! never back.
//!
//! Who asks, and what that caller may see, is decided before a request is planned. [`auth`] compares
//! tokens; a [`policy::Policy`] is everything that decides over a request, immutable and swapped
//! whole. It comes from the variables of [`config`], or for a client of the [`store`] from its
//! tenant, databases, token and row rules. [`limit`] is the sliding window.
//!
//! Operators change the store by commands ([`cli`]) and by the admin API (`server::admin`); both go
//! through [`admin`], which judges a change and records it. [`egress`] decides which databases of
//! tenants may be connected to. [`observe`] keeps the metrics and the chained audit.
//!
//! `docs/protocol.md` is what clients and operators may rely on, `docs/internals/architecture.md` the house
//! with its glossary, `docs/adr/` why it stands as it does.

pub mod admin;
pub mod advice;
pub mod app;
pub mod auth;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod db;
pub mod egress;
pub mod encode;
pub mod error;
pub mod inspect;
pub mod limit;
pub mod observe;
pub mod plan;
pub mod policy;
pub mod protocol;
pub mod sample;
pub mod sensitive;
pub mod server;
pub mod service;
pub mod snippet;
pub mod sql;
pub mod store;
mod suggest;
pub mod tools;
pub mod value;
