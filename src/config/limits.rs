//! How much, how often and how long.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;

use super::change::Widens;
use super::fault::Faults;
use super::memory;
use super::reader::Reader;
use super::variables::{Group, unset, variable};

use crate::advice::Advice;

/// The variables of this concern.
pub(super) const GROUP: Group = Group {
    title: "Limits",
    variables: &[
        variable("MCP_RATE_LIMIT", "60", "requests per window and connection, MCP's lists and pings apart; 0 turns the limit off").follows(Widens::Never),
        variable("MCP_RATE_WINDOW", "60", "the window in seconds").follows(Widens::Never),
        variable("MCP_DEFAULT_LIMIT", "50", "rows of a page when the request names no limit").follows(Widens::Never),
        variable("MCP_MAX_LIMIT", "100", "rows of the largest page").follows(Widens::Never),
        variable("MCP_MAX_MESSAGE_BYTES", "65536", "the largest request in bytes").follows(Widens::Never),
        variable("MCP_MAX_RESPONSE_BYTES", "1048576", "the largest answer in bytes").follows(Widens::Never),
        variable("MCP_TOOL_MAX_BYTES", "40960", "the largest text of an MCP tool result in bytes").follows(Widens::Never),
        variable("MCP_MAX_CONNECTIONS", "1024", "sockets open at once").follows(Widens::Never),
        unset("MCP_MAX_CONNECTIONS_PER_ADDRESS", "sockets open at once from one address; unset: only the number in all counts").follows(Widens::Never),
        variable("MCP_MAX_REQUESTS", "1024", "requests answered at once, over all sockets; more wait for their turn"),
        unset("MCP_MAX_MEMORY_BYTES", "bytes for all requests and answers under way, over all connections; unset: 192 MiB, or a quarter of what the machine has"),
        unset("MCP_TOKEN_RATE_LIMIT", "requests per window and token, over all its connections; unset: no limit").follows(Widens::Never),
        variable("MCP_IDLE_TIMEOUT", "300", "seconds without a message before a socket is closed").follows(Widens::Never),
        variable("MCP_QUERY_TIMEOUT", "5", "seconds that a statement may take"),
        unset("MCP_SLOW_QUERY", "seconds, such as 0.5, from which on the log tells of a request as slow; unset: never").follows(Widens::Never),
        unset("MCP_SCAN_LIMIT", "estimated rows above which an unindexed filter or sort is refused; unset: never").follows(Widens::Never),
    ],
};

/// How often the result of a tool is in memory while it is written: as rows, as text, as structure,
/// and within the message.
pub(crate) const TOOL_COPIES: usize = 4;

/// Sizes in bytes: room for a short message, and no more than a gibibyte.
const SIZE: RangeInclusive<usize> = 128..=1_073_741_824;

pub(super) const DAY: u64 = 86_400;

/// How much, how often and how long.
#[derive(Debug)]
pub struct Limits {
    /// Requests per window and connection; 0 is no limit.
    pub rate_limit: u32,
    /// The window of the rate limit.
    pub rate_window: Duration,
    /// Rows of a page when the request names no limit; at most `max_limit`.
    pub default_limit: u32,
    /// Rows of the largest page.
    pub max_limit: u32,
    /// The largest request, in bytes.
    pub(crate) max_message_bytes: usize,
    /// The largest answer, in bytes.
    pub(crate) max_response_bytes: usize,
    /// The largest text of an MCP tool result, in bytes.
    pub(crate) tool_max_bytes: usize,
    /// Sockets open at once.
    pub(crate) max_connections: usize,
    /// Sockets open at once from one address.
    pub(crate) max_connections_per_address: Option<usize>,
    /// Requests answered at once.
    pub(crate) max_requests: usize,
    /// Bytes for all requests and answers under way, over all connections.
    pub(crate) max_memory_bytes: usize,
    /// Requests per window and token.
    pub(crate) token_rate_limit: Option<u32>,
    /// How long a socket may be silent.
    pub(crate) idle_timeout: Duration,
    /// How long a statement may take.
    pub query_timeout: Duration,
    /// From when on a request is told of as slow.
    pub(crate) slow_query: Option<Duration>,
    /// Estimated rows above which an unindexed filter or sort is refused; `None` is never.
    pub scan_limit: Option<u64>,
}

/// The variables as they were typed.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Texts {
    mcp_rate_limit: String,
    mcp_rate_window: String,
    mcp_default_limit: String,
    mcp_max_limit: String,
    mcp_max_message_bytes: String,
    mcp_max_response_bytes: String,
    mcp_tool_max_bytes: String,
    mcp_max_connections: String,
    mcp_max_connections_per_address: Option<String>,
    mcp_max_requests: String,
    mcp_max_memory_bytes: Option<String>,
    mcp_token_rate_limit: Option<String>,
    mcp_idle_timeout: String,
    mcp_query_timeout: String,
    mcp_slow_query: Option<String>,
    mcp_scan_limit: Option<String>,
}

pub(super) fn read(reader: &mut Reader) -> Result<Limits, Faults> {
    let typed: Texts = reader.typed()?;
    let default_is_set = reader.is_set("MCP_DEFAULT_LIMIT");
    let check = &mut reader.check;
    let max_limit = check.number("MCP_MAX_LIMIT", &typed.mcp_max_limit, 1..=100_000);
    let default_limit = check.number("MCP_DEFAULT_LIMIT", &typed.mcp_default_limit, 1..=100_000);
    if default_limit > max_limit && default_is_set && !check.refused("MCP_MAX_LIMIT") {
        let reason = Advice::new(
            format!("expected at most MCP_MAX_LIMIT, which is {max_limit}, not {default_limit}"),
            format!("lower it, or raise MCP_MAX_LIMIT to {default_limit}"),
        );
        check.fault("MCP_DEFAULT_LIMIT", reason);
    }
    let mut size = |name, text: &str| check.number(name, text, SIZE);
    let max_message_bytes = size("MCP_MAX_MESSAGE_BYTES", &typed.mcp_max_message_bytes);
    let max_response_bytes = size("MCP_MAX_RESPONSE_BYTES", &typed.mcp_max_response_bytes);
    let tool_max_bytes = size("MCP_TOOL_MAX_BYTES", &typed.mcp_tool_max_bytes);
    let largest = max_message_bytes + max_response_bytes.max(TOOL_COPIES * tool_max_bytes);
    let memory = typed.mcp_max_memory_bytes.as_deref();
    Ok(Limits {
        rate_limit: check.number("MCP_RATE_LIMIT", &typed.mcp_rate_limit, 0..=1_000_000_000),
        rate_window: check.seconds("MCP_RATE_WINDOW", &typed.mcp_rate_window, 1..=DAY),
        default_limit: default_limit.min(max_limit),
        max_limit,
        max_message_bytes,
        max_response_bytes,
        tool_max_bytes,
        max_connections: check.number(
            "MCP_MAX_CONNECTIONS",
            &typed.mcp_max_connections,
            1..=1_000_000,
        ),
        max_connections_per_address: typed
            .mcp_max_connections_per_address
            .map(|text| check.number("MCP_MAX_CONNECTIONS_PER_ADDRESS", &text, 1..=1_000_000)),
        max_requests: check.number("MCP_MAX_REQUESTS", &typed.mcp_max_requests, 1..=1_000_000),
        max_memory_bytes: memory::budget(check, memory, largest),
        token_rate_limit: typed
            .mcp_token_rate_limit
            .map(|text| check.number("MCP_TOKEN_RATE_LIMIT", &text, 1..=1_000_000_000)),
        idle_timeout: check.seconds("MCP_IDLE_TIMEOUT", &typed.mcp_idle_timeout, 1..=DAY),
        query_timeout: check.seconds("MCP_QUERY_TIMEOUT", &typed.mcp_query_timeout, 1..=3600),
        slow_query: typed
            .mcp_slow_query
            .and_then(|text| check.decimal_seconds("MCP_SLOW_QUERY", &text)),
        scan_limit: typed
            .mcp_scan_limit
            .map(|text| check.number("MCP_SCAN_LIMIT", &text, 1..=i64::MAX as u64)),
    })
}
