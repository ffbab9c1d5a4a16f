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

pub mod admin;
pub mod auth;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod db;
pub mod encode;
pub mod error;
pub mod limit;
pub mod observe;
pub mod plan;
pub mod protocol;
pub mod reach;
pub mod sample;
pub mod sensitive;
pub mod server;
pub mod service;
pub mod sql;
pub mod store;
mod suggest;
pub mod value;
