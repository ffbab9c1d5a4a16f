//! What is counted, in Prometheus' text and by token, and the audit of what was asked.

pub mod analytics;
mod audit;
mod chain;
mod line;
pub mod recent;
mod series;
mod sink;
mod usage;

pub use analytics::Analytics;
pub(crate) use audit::Audit;
pub use audit::Target;
pub use chain::Broken;
pub(crate) use chain::{NotVerified, Verifier};
pub use line::Record;
pub(crate) use line::{ChangeRecord, LineNumber};
pub use recent::Whose;
pub(crate) use recent::{Attempt, Obstacle, Recent};
pub use series::Point;
pub use usage::Figures;

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// The counters of the service. Labels are bounded: actions, codes and reasons that the code knows.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    invocations: Family<Invocation, Counter>,
    durations: Family<Tool, Histogram, fn() -> Histogram>,
    auth_failures: Family<Reason, Counter>,
    sessions: Gauge,
    rate_limited: Counter,
    connections_refused: Family<Reason, Counter>,
    audited: Family<Outcome, Counter>,
    reloads: Family<Outcome, Counter>,
    copied: usage::Gauges,
    analytics: Analytics,
    recent: Recent,
    begun: DateTime<Utc>,
    reloaded: Mutex<Option<Reloaded>>,
}

/// When a reload came to its end, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reloaded {
    /// When.
    pub at: DateTime<Utc>,
    /// `done` or `refused`.
    pub outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Invocation {
    tool: Cow<'static, str>,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Tool {
    tool: Cow<'static, str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let invocations = Family::default();
        // 0.1 ms to some 13 s
        let durations: Family<Tool, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(exponential_buckets(1e-4, 2.0, 18)));
        let auth_failures = Family::default();
        begin(&invocations, &auth_failures);
        let sessions = Gauge::default();
        let rate_limited = Counter::default();
        let connections_refused = Family::default();
        registry.register(
            "mcp_tool_invocations",
            "Requests answered, by action and by ok or the error's code",
            invocations.clone(),
        );
        registry.register(
            "mcp_tool_duration_seconds",
            "Time from a request to its answer",
            durations.clone(),
        );
        registry.register(
            "mcp_auth_failures",
            "Clients refused for their token",
            auth_failures.clone(),
        );
        registry.register("mcp_active_sessions", "Open sockets", sessions.clone());
        registry.register(
            "mcp_rate_limited",
            "Requests over the window",
            rate_limited.clone(),
        );
        registry.register(
            "mcp_connections_refused",
            "Clients refused for other reasons than their token",
            connections_refused.clone(),
        );
        let audited = Family::default();
        registry.register(
            "mcp_audit_lines",
            "Lines of the audit, written and lost",
            audited.clone(),
        );
        let reloads = Family::default();
        registry.register(
            "mcp_reloads",
            "Reloads, by what became of them",
            reloads.clone(),
        );
        let copied = usage::Gauges::new(&mut registry);
        Self {
            registry,
            invocations,
            durations,
            auth_failures,
            sessions,
            rate_limited,
            connections_refused,
            audited,
            reloads,
            copied,
            analytics: Analytics::default(),
            recent: Recent::default(),
            begun: Utc::now(),
            reloaded: Mutex::default(),
        }
    }
}

/// Begins what can then be watched for its first event.
fn begin(invocations: &Family<Invocation, Counter>, auth_failures: &Family<Reason, Counter>) {
    for tool in ["list", "get", "query", "describe"] {
        let (tool, status) = (tool.into(), "ok");
        drop(invocations.get_or_create(&Invocation { tool, status }));
    }
    for reason in ["missing", "invalid", "too_many"] {
        drop(auth_failures.get_or_create(&Reason { reason }));
    }
}

impl Metrics {
    /// A request was answered, with `ok` or the code of its error; its tool is an action, or one of
    /// the operator's by a name of its file, for each name is kept.
    pub fn answered(&self, tool: Cow<'static, str>, status: &'static str, took: Duration) {
        let of_status = Invocation {
            tool: tool.clone(),
            status,
        };
        self.invocations.get_or_create(&of_status).inc();
        self.durations
            .get_or_create(&Tool { tool })
            .observe(took.as_secs_f64());
    }

    /// A client was refused for its token.
    pub fn auth_failed(&self, reason: &'static str) {
        self.auth_failures.get_or_create(&Reason { reason }).inc();
    }

    /// A client was refused for another reason.
    pub(crate) fn connection_refused(&self, reason: &'static str) {
        self.connections_refused
            .get_or_create(&Reason { reason })
            .inc();
    }

    /// A request passed the window's limit.
    pub fn rate_limited(&self) {
        self.rate_limited.inc();
    }

    /// So many lines of the audit were written, or lost.
    pub(crate) fn audited(&self, outcome: &'static str, lines: u64) {
        self.audited
            .get_or_create(&Outcome { outcome })
            .inc_by(lines);
    }

    /// A reload came to its end.
    pub fn reloaded(&self, outcome: &'static str) {
        self.reloads.get_or_create(&Outcome { outcome }).inc();
        let at = Utc::now();
        // One value is sound whatever a panicking holder was about to do.
        let mut last = self.reloaded.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(Reloaded { at, outcome });
    }

    /// The last reload that came to its end.
    pub(crate) fn last_reload(&self) -> Option<Reloaded> {
        *self.reloaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When counting began.
    pub fn begun(&self) -> DateTime<Utc> {
        self.begun
    }

    /// What was asked lately, for those who look.
    pub(crate) fn recent(&self) -> &Recent {
        &self.recent
    }

    /// What is counted by token and model, for the admin API.
    pub fn analytics(&self) -> &Analytics {
        &self.analytics
    }

    /// A socket was opened; it counts until the guard is dropped.
    pub(crate) fn session(&self) -> SessionGuard {
        self.sessions.inc();
        SessionGuard(self.sessions.clone())
    }

    /// All figures in Prometheus' text, with those that others keep as they are now.
    pub fn text(&self, now: &Figures) -> String {
        self.copied.set(now);
        let mut text = String::new();
        // Writing into memory cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

/// An open socket.
#[derive(Debug)]
pub(crate) struct SessionGuard(Gauge);

impl Drop for SessionGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}
