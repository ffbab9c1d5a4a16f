//! What audit and analytics are told of each request, and what becomes of an answer that the audit
//! could not take.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::page::Fail;
use super::{Answer, Service, obstacle};
use crate::advice::Advice;
use crate::auth::Caller;
use crate::config::{AuditTarget, Config};
use crate::db::Db;
use crate::error::{Error, ErrorKind};
use crate::observe::analytics::Counts;
use crate::observe::{
    Analytics, Attempt, Audit, Figures, LineNumber, Metrics, Obstacle, Recent, Record, Target,
};
use crate::plan::{Condition, Joins};
use crate::policy::{Limited, Policy};

/// From when on a request counts as slow, where MCP_SLOW_QUERY does not say.
const SLOW: Duration = Duration::from_secs(1);
/// How long an answer waits for its line: a disk that hangs is one that refuses.
const PATIENCE: Duration = Duration::from_secs(5);

/// Begins the audit that the configuration asks for.
///
/// # Errors
/// A file that cannot be written to, or that holds something else.
pub(crate) async fn audit(
    config: &Config,
    metrics: &Arc<Metrics>,
) -> Result<Option<Audit>, Advice> {
    let target = match &config.audit.target {
        None => return Ok(None),
        Some(AuditTarget::StandardError) => Target::StandardError,
        Some(AuditTarget::File(path)) => Target::File(path.clone()),
    };
    let audit = Audit::open(target, Arc::clone(metrics)).map_err(|error| {
        Advice::new(
            format!("MCP_AUDIT_FILE: cannot be written to: {error}"),
            "name a file of the audit's own, in a folder that the service may write to",
        )
    })?;
    audit.set_denies(config.audit.denies);
    // A disk that hangs is told of as one that refuses; the start does not wait for it.
    let _ = tokio::time::timeout(PATIENCE, audit.begin()).await;
    Ok(Some(audit))
}

impl Service {
    /// The audit, where there is one.
    pub fn audit(&self) -> Option<&Audit> {
        self.audit.as_ref()
    }

    /// Records a client or a message that never became a request; `caller` where a token was right.
    pub(crate) fn note_refused(
        &self,
        address: IpAddr,
        transport: &'static str,
        caller: Option<&Caller>,
        code: &str,
    ) {
        let asked = asked((address, transport), caller, code);
        if let Some(audit) = self.audit() {
            audit.note(&Record {
                number: asked.line.clone(),
                ..match caller {
                    Some(caller) => told(caller, "refused", None, code),
                    None => Record {
                        address,
                        transport,
                        ..nothing("refused", code)
                    },
                }
            });
        }
        self.metrics.recent().note(asked);
    }

    /// Records a message that one of its windows refused.
    pub(crate) fn note_limited(&self, caller: &Caller, limited: Limited) {
        let code = Error::from(limited).code();
        let asked = Attempt {
            obstacle: Some(obstacle::window(limited)),
            ..asked((caller.address, caller.transport), Some(caller), code)
        };
        if let Some(audit) = self.audit() {
            audit.note(&Record {
                number: asked.line.clone(),
                ..told(caller, "refused", None, code)
            });
        }
        self.metrics.recent().note(asked);
    }

    /// Records a socket or stream that was opened.
    pub(crate) fn note_opened(&self, caller: &Caller) {
        if let Some(audit) = self.audit() {
            audit.note(&told(caller, "opened", None, "ok"));
        }
    }

    /// Records a request that tells of what there is and reads no rows, such as a list of tools.
    ///
    /// # Errors
    /// Where the audit cannot be written and denies; then it must not be answered.
    pub(crate) async fn record_told(
        &self,
        caller: &Caller,
        policy: &Policy,
        what: &str,
        code: &str,
    ) -> Result<(), Error> {
        let asked = Attempt {
            action: Some(what.into()),
            ..asked((caller.address, caller.transport), Some(caller), code)
        };
        let record = Record {
            number: asked.line.clone(),
            ..told(caller, "request", Some(what), code)
        };
        self.metrics.recent().note(asked);
        let Some(audit) = self.audit() else {
            return Ok(());
        };
        if !policy.settings.audit_denies {
            audit.note(&record);
            return Ok(());
        }
        match tokio::time::timeout(PATIENCE, audit.record(&record)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(ErrorKind::Unrecorded.into()),
        }
    }

    /// How requests and the sessions of all databases are used at this moment.
    pub fn figures(&self) -> Figures {
        let most = self.most_turns;
        let running = most.saturating_sub(self.turns.available_permits()) as u64;
        let ways = self.ways.load();
        let tenants = ways.as_ref().map(|ways| ways.usage()).unwrap_or_default();
        let tls = self.access.load().tls.clone();
        let ends = tls.and_then(|tls| tls.ends());
        let mut figures = Figures {
            running,
            certificate_ends: ends.map_or(0, |ends| ends.timestamp()),
            ..Figures::default()
        };
        let own = self.db.as_ref().map(Db::usage);
        // What only grows is that of the service's own database: those of tenants come and go.
        if let Some(own) = own {
            figures.statements = own.statements;
            figures.worked = own.worked;
            figures.waits = own.waits;
            figures.waited = own.waited;
        }
        for usage in own.into_iter().chain(tenants) {
            figures.limit += usage.limit;
            figures.idle += usage.idle;
            figures.busy += usage.busy;
        }
        figures
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Begins the entry of a request.
    pub(super) fn entry<'r>(
        &'r self,
        caller: &'r Caller,
        action: &'r str,
        model: &'r str,
        slow: Option<Duration>,
    ) -> Entry<'r> {
        Entry {
            audit: self.audit(),
            analytics: Some(self.metrics.analytics()),
            recent: self.metrics.recent(),
            obstacle: None,
            caller,
            action,
            model,
            tool: None,
            filters: Vec::new(),
            line: LineNumber::default(),
            slow: slow.unwrap_or(SLOW),
            begun: Instant::now(),
        }
    }
}

/// A line of a caller who reads no rows.
fn told<'r>(
    caller: &'r Caller,
    event: &'static str,
    action: Option<&'r str>,
    code: &'r str,
) -> Record<'r> {
    let client = caller.client();
    Record {
        token: Some(caller.credential.to_string()),
        tenant: client.map(|client| client.tenant.as_str()),
        name: client.map(|client| client.token.as_str()),
        address: caller.address,
        transport: caller.transport,
        action,
        asked_by: (caller.transport == "admin").then_some("admin"),
        ..nothing(event, code)
    }
}

/// What is kept of a caller, or of somebody who is none.
fn asked(
    (address, transport): (IpAddr, &'static str),
    caller: Option<&Caller>,
    code: &str,
) -> Attempt {
    Attempt {
        credential: caller.map(|caller| caller.credential),
        client: caller.and_then(|caller| caller.client().cloned()),
        ..Attempt::new(address, transport, code)
    }
}

/// A line of nobody.
fn nothing<'r>(event: &'static str, code: &'r str) -> Record<'r> {
    Record {
        number: LineNumber::default(),
        event,
        token: None,
        tenant: None,
        name: None,
        address: Ipv4Addr::UNSPECIFIED.into(),
        transport: "-",
        action: None,
        model: None,
        tool: None,
        filters: &[],
        rows: 0,
        bytes: 0,
        asked_by: None,
        code,
        ms: 0.0,
    }
}

/// Takes the names of the fields that a filter tests, each once; of other models' by its path.
pub(super) fn name<'c>(filter: &Condition<'c>, joins: &Joins<'c>, into: &mut Vec<String>) {
    into.extend(filter.names(joins));
    into.sort_unstable();
    into.dedup();
}

/// A request on its way into audit and analytics. One that is dropped on its way, because its client
/// or the service is gone, is recorded as `cancelled`.
pub(super) struct Entry<'r> {
    audit: Option<&'r Audit>,
    analytics: Option<&'r Analytics>,
    recent: &'r Recent,
    /// What stood in its way, once that is known.
    pub(super) obstacle: Option<Obstacle>,
    caller: &'r Caller,
    action: &'r str,
    model: &'r str,
    /// The tool of the operator that is called.
    pub(super) tool: Option<&'r str>,
    /// The fields that the filter tests, once they are known.
    pub(super) filters: Vec<String>,
    /// Its line in the audit.
    line: LineNumber,
    /// From when on it counts as slow.
    slow: Duration,
    begun: Instant,
}

impl Entry<'_> {
    /// Records how the request went; with `denies` an answer that is not recorded is none.
    pub(super) async fn settle(
        mut self,
        result: Result<Answer, Fail>,
        took: Duration,
        denies: bool,
    ) -> Result<Answer, Fail> {
        let result = self.recorded(result, took, denies).await;
        let code = result.as_ref().err().map_or("ok", |fail| fail.error.code());
        let answer = result.as_ref().ok();
        let answer = answer.map(|answer| (answer.rows, answer.out.len() + 1));
        self.count(answer, code, took);
        result
    }

    async fn recorded(
        &mut self,
        result: Result<Answer, Fail>,
        took: Duration,
        denies: bool,
    ) -> Result<Answer, Fail> {
        let Some(audit) = self.audit.take() else {
            return result;
        };
        let (code, rows, bytes) = match &result {
            Ok(answer) => ("ok", answer.rows, answer.out.len() + 1),
            Err(fail) => (fail.error.code(), 0, 0),
        };
        let record = self.record(code, rows, bytes, took);
        if !denies {
            audit.note(&record);
            return result;
        }
        match tokio::time::timeout(PATIENCE, audit.record(&record)).await {
            Ok(Ok(())) => result,
            _ => Err(Error::from(ErrorKind::Unrecorded).into()),
        }
    }

    /// Counts the request, once: its rows and bytes, or that there are none, and its time.
    fn count(&mut self, answer: Option<(usize, usize)>, code: &str, took: Duration) {
        if let Some(analytics) = self.analytics.take() {
            let (rows, bytes) = answer.unwrap_or_default();
            self.caller.rows.fetch_add(rows as u64, Ordering::Relaxed);
            if self.recent.is_watched() {
                self.recent.note(self.asked((rows, bytes), code, took));
            }
            let counts = Counts {
                requests: 1,
                errors: answer.is_none().into(),
                rows: rows as u64,
                bytes: bytes as u64,
                took,
                longest: took,
                slow: (took >= self.slow).into(),
            };
            analytics.count(self.caller.client(), self.model, counts);
        }
    }

    fn asked(&self, (rows, bytes): (usize, usize), code: &str, took: Duration) -> Attempt {
        let caller = self.caller;
        let asked = Attempt {
            action: Some(self.action.into()),
            model: (self.model != "-").then(|| self.model.into()),
            tool: self.tool.map(Into::into),
            line: self.line.clone(),
            obstacle: self.obstacle.clone(),
            took,
            rows: rows as u64,
            bytes: bytes as u64,
            ..asked((caller.address, caller.transport), Some(caller), code)
        };
        asked.filtered(&self.filters)
    }

    fn record<'r>(
        &'r self,
        code: &'r str,
        rows: usize,
        bytes: usize,
        took: Duration,
    ) -> Record<'r> {
        Record {
            number: self.line.clone(),
            model: Some(self.model),
            tool: self.tool,
            filters: &self.filters,
            rows,
            bytes,
            ms: (took.as_secs_f64() * 1e5).round() / 1e2,
            ..told(self.caller, "request", Some(self.action), code)
        }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if let Some(audit) = self.audit.take() {
            audit.note(&self.record("cancelled", 0, 0, self.begun.elapsed()));
        }
        self.count(None, "cancelled", self.begun.elapsed());
    }
}
