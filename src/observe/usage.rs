//! Figures that others keep and that are copied when somebody looks: database sessions, requests
//! under way.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The figures as they are exposed.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    running: Gauge,
    limit: Gauge,
    idle: Gauge,
    busy: Gauge,
    statements: Counter,
    worked: Counter<f64, AtomicU64>,
    waits: Counter,
    waited: Counter<f64, AtomicU64>,
    certificate_ends: Gauge,
}

/// How the service is used at this moment, and was so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    /// Requests that are being answered.
    pub running: u64,
    /// Database sessions at the most.
    pub limit: u64,
    /// Sessions at rest.
    pub idle: u64,
    /// Sessions at work.
    pub busy: u64,
    /// Statements so far.
    pub statements: u64,
    /// What they took.
    pub(crate) worked: Duration,
    /// Statements that had to wait for a session.
    pub waits: u64,
    /// How long they waited.
    pub waited: Duration,
    /// When the certificate of `MCP_TLS_CERT` ends, in seconds since 1970; 0 without one.
    pub(crate) certificate_ends: i64,
}

impl Gauges {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let own = Self::default();
        let mut gauge = |name: &str, help: &str, gauge: &Gauge| {
            registry.register(name, help, gauge.clone());
        };
        gauge(
            "mcp_requests_running",
            "Requests being answered",
            &own.running,
        );
        gauge(
            "mcp_tls_certificate_expiry_timestamp_seconds",
            "When the certificate of MCP_TLS_CERT ends, in seconds since 1970; 0 without one",
            &own.certificate_ends,
        );
        gauge(
            "mcp_db_sessions_limit",
            "Database sessions at the most",
            &own.limit,
        );
        gauge(
            "mcp_db_sessions_idle",
            "Database sessions at rest",
            &own.idle,
        );
        gauge(
            "mcp_db_sessions_busy",
            "Database sessions at work",
            &own.busy,
        );
        registry.register(
            "mcp_db_statements",
            "Statements that had a session",
            own.statements.clone(),
        );
        registry.register(
            "mcp_db_statement_seconds",
            "Time that sessions were at work",
            own.worked.clone(),
        );
        registry.register(
            "mcp_db_waits",
            "Statements that waited for a session",
            own.waits.clone(),
        );
        registry.register(
            "mcp_db_wait_seconds",
            "Time waited for a session",
            own.waited.clone(),
        );
        own
    }

    pub(super) fn set(&self, now: &Figures) {
        let gauges = [
            (&self.running, now.running),
            (&self.limit, now.limit),
            (&self.idle, now.idle),
            (&self.busy, now.busy),
        ];
        for (gauge, value) in gauges {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        self.certificate_ends.set(now.certificate_ends);
        self.statements
            .inner()
            .store(now.statements, Ordering::Relaxed);
        self.waits.inner().store(now.waits, Ordering::Relaxed);
        for (counter, time) in [(&self.worked, now.worked), (&self.waited, now.waited)] {
            counter
                .inner()
                .store(time.as_secs_f64().to_bits(), Ordering::Relaxed);
        }
    }
}
