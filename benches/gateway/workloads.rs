//! What is measured, and what is to be reached.

use crate::client::Over;
use crate::data::Engine;
use crate::requests::Ask;

/// Requests that are kept under way for a while.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) ask: Ask,
    pub(crate) over: Over,
    pub(crate) connections: u64,
    pub(crate) in_flight: usize,
    /// By processor time against the floors: PostgreSQL, SQLite, MariaDB.
    goals: [Option<f64>; 3],
}

impl Workload {
    /// What is to be reached on an engine.
    pub(crate) fn goal(&self, engine: Engine) -> Option<f64> {
        match engine {
            Engine::Postgres => self.goals[0],
            Engine::Sqlite => self.goals[1],
            Engine::Mysql => self.goals[2],
        }
    }
}

const fn workload(
    name: &'static str,
    what: &'static str,
    ask: Ask,
    connections: u64,
    in_flight: usize,
    goals: [Option<f64>; 3],
) -> Workload {
    Workload {
        name,
        what,
        ask,
        over: Over::Socket,
        connections,
        in_flight,
        goals,
    }
}

const fn list(limit: u64, below: u64) -> Ask {
    Ask::List { limit, below }
}

const fn excerpt(related: bool) -> Ask {
    Ask::Excerpt {
        limit: 50,
        below: 1000,
        related,
    }
}

/// All of them, in the order of the table.
pub(crate) const WORKLOADS: &[Workload] = &[
    workload(
        "get1",
        "a record by id, 1 connection",
        Ask::Get,
        1,
        1,
        [None, None, None],
    ),
    workload(
        "get16",
        "a record by id, 16 connections",
        Ask::Get,
        16,
        1,
        [Some(1.4), Some(0.55), None],
    ),
    workload(
        "get256",
        "a record by id, 256 connections",
        Ask::Get,
        256,
        1,
        [Some(1.8), None, None],
    ),
    workload(
        "get8x16",
        "a record by id, 8 connections with 16 under way on each",
        Ask::Get,
        8,
        16,
        [Some(1.3), Some(0.6), None],
    ),
    workload(
        "list50",
        "a page of 50 at a random offset below 1000, 16 connections",
        list(50, 1000),
        16,
        1,
        [Some(0.85), Some(0.4), None],
    ),
    workload(
        "list50-0",
        "a page of 50 at offset 0, 16 connections",
        list(50, 1),
        16,
        1,
        [Some(0.7), Some(0.4), None],
    ),
    workload(
        "list100",
        "a page of 100 at a random offset below 1000, 16 connections",
        list(100, 1000),
        16,
        1,
        [Some(0.75), Some(0.4), None],
    ),
    workload(
        "query",
        "50 of one status before a random id, sorted downwards, 16 connections",
        Ask::Filter { limit: 50 },
        16,
        1,
        [None, None, None],
    ),
    workload(
        "excerpt50",
        "two fields of a page of 50 at a random offset below 1000, 16 connections",
        excerpt(false),
        16,
        1,
        [None, None, None],
    ),
    workload(
        "related50",
        "the same with one field of the user of each",
        excerpt(true),
        16,
        1,
        [None, None, None],
    ),
    workload(
        "aggregate",
        "counts and sums by status over one user's thousand, 16 connections",
        Ask::Aggregate,
        16,
        1,
        [None, None, None],
    ),
    workload(
        "mcp-ws",
        "get_record by MCP over WebSocket, 16 connections",
        Ask::Tool,
        16,
        1,
        [None, None, None],
    ),
    Workload {
        over: Over::Post,
        ..workload(
            "mcp-http",
            "get_record by MCP over POST /mcp, 16 connections kept alive",
            Ask::Tool,
            16,
            1,
            [None, None, None],
        )
    },
];
