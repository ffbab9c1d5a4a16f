//! Lucarne: a read-only window onto a database.

pub mod cli;
pub mod config;
pub mod sensitive;
