//! How the database is connected to.

use std::thread;

use serde::Deserialize;

use super::fault::Faults;
use super::reader::Reader;
use super::variables::{Group, unset, variable};

/// The variables of this concern.
pub(super) const GROUP: Group = Group {
    title: "The connection to the database",
    variables: &[
        unset(
            "MCP_POOL_SIZE",
            "database connections; unset: twice the cores, from 4 to 32",
        ),
        variable(
            "MCP_PGBOUNCER",
            "false",
            "the database is behind a transaction pooler",
        ),
    ],
};

/// How the database is connected to.
#[derive(Debug)]
pub struct Pool {
    /// Database connections.
    pub size: usize,
    /// Whether a transaction pooler stands before the database.
    pub pgbouncer: bool,
}

/// The variables as they were typed.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Texts {
    mcp_pool_size: Option<String>,
    mcp_pgbouncer: String,
}

pub(super) fn read(reader: &mut Reader) -> Result<Pool, Faults> {
    let typed: Texts = reader.typed()?;
    let check = &mut reader.check;
    Ok(Pool {
        size: match typed.mcp_pool_size {
            Some(text) => check.number("MCP_POOL_SIZE", &text, 1..=1000),
            None => size_by_cores(),
        },
        pgbouncer: check.boolean("MCP_PGBOUNCER", &typed.mcp_pgbouncer, false),
    })
}

fn size_by_cores() -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    (cores * 2).clamp(4, 32)
}
