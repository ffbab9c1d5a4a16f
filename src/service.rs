//! The service, whatever the transport: admit, plan, build, fetch, encode.
//!
//! Both dialects of messages end here, with the same request and the same checks in the same
//! order: model, action, parameters, database.

mod describe;
mod ledger;
mod open;
mod policy;
mod reload;

pub use open::{Opened, open};
pub use policy::{Access, ConnectionLimits, Policy, Serving};
pub use reload::{Live, NotReloaded};

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, watch};
use tracing::{debug, error, info};

use crate::auth::{Caller, TokenId};
use crate::catalog::Model;
use crate::db::{Db, Failure, FailureKind};
use crate::encode::{Page, Rows};
use crate::error::{Error, ErrorKind};
use crate::limit::Window;
use crate::observe::{Audit, Metrics};
use crate::plan::{self, GetPlan, Output, ReadPlan, Seek, Total, Value};
use crate::protocol::{Action, Object};
use crate::sql;

/// What is left of an answer for its end: counts, cursor and closing brackets.
const TAIL_BYTES: usize = 512;

/// Answers requests over one database, by the policy of the moment.
#[derive(Debug)]
pub struct Service {
    policy: ArcSwap<Policy>,
    /// Tells open connections that the policy is another.
    replaced: watch::Sender<()>,
    db: Option<Db>,
    metrics: Arc<Metrics>,
    audit: OnceLock<Audit>,
    /// Places for requests that are being answered.
    turns: Semaphore,
    /// The window of each token, over all its connections.
    windows: Mutex<HashMap<TokenId, Window>>,
}

/// A read that is asked for, by names that are still the client's.
#[derive(Debug)]
pub struct Read<'r> {
    /// The action.
    pub action: &'r str,
    /// The model; only `describe` goes without.
    pub model: Option<&'r str>,
    /// The parameters.
    pub params: &'r Object<'r>,
}

/// An answer: the members after `id` and `status`, without the closing brace.
#[derive(Debug)]
pub struct Answer {
    /// What was given to begin with, and `"data":…` and what belongs to it.
    pub out: Vec<u8>,
    /// Rows, models or fields that it holds.
    pub rows: usize,
}

impl Service {
    /// A service by a first policy; without a database everything is unavailable.
    pub fn new(policy: Policy, db: Option<Db>, metrics: Arc<Metrics>) -> Self {
        Self {
            turns: Semaphore::new(policy.connections.max_requests),
            windows: Mutex::default(),
            policy: ArcSwap::from_pointee(policy),
            replaced: watch::Sender::new(()),
            db,
            metrics,
            audit: OnceLock::new(),
        }
    }

    /// The policy of the moment; one request looks once.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Puts a new policy in force, whole.
    pub fn replace_policy(&self, policy: Policy) {
        let policy = Arc::new(policy);
        self.windows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|token, _| policy.access.tokens.holds(token));
        self.policy.store(policy);
        self.replaced.send_replace(());
    }

    /// Admits a request of a token to the window that all its connections share.
    ///
    /// # Errors
    /// The request that is one too many.
    pub fn admit(&self, policy: &Policy, token: &TokenId) -> Result<(), Error> {
        let (limit, span) = (
            policy.connections.token_rate_limit,
            policy.connections.rate_window,
        );
        if limit == 0 {
            return Ok(());
        }
        // Windows are sound whatever a panicking holder was about to do.
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows
            .entry(*token)
            .or_insert_with(|| Window::new(limit, span));
        window.follow(limit, span);
        window.admit(Instant::now()).map_err(|_| {
            self.metrics.rate_limited();
            let window = span.as_secs();
            ErrorKind::RateLimited { limit, window }.into()
        })
    }

    /// Hears each time that another policy is put in force.
    pub fn replacements(&self) -> watch::Receiver<()> {
        self.replaced.subscribe()
    }

    /// The database, where there is one.
    pub fn db(&self) -> Option<&Db> {
        self.db.as_ref()
    }

    /// Whether the catalog is known and the database answers.
    pub async fn is_ready(&self) -> bool {
        match &self.db {
            Some(db) => self.policy().catalog().is_ok() && db.ping().await.is_ok(),
            None => false,
        }
    }

    /// Records a message that was no request.
    pub fn rejected(&self, caller: &Caller, error: &Error) {
        self.metrics
            .answered("unknown", error.code(), std::time::Duration::ZERO);
        let (token, address, transport) = (caller.token, caller.address, caller.transport);
        info!(%address, transport, %token, code = error.code(), "refused");
        self.note_refused(address, transport, Some(token), error.code());
    }

    /// Answers one request by the policy of the moment.
    ///
    /// # Errors
    /// As [`Service::answer_by`].
    pub async fn answer(
        &self,
        caller: &Caller,
        read: &Read<'_>,
        out: Vec<u8>,
    ) -> Result<Answer, Error> {
        self.answer_by(&self.policy(), caller, read, out).await
    }

    /// Answers one request after what `out` holds already, and records it.
    ///
    /// `policy` is the one that let the request in, so that a reload in between cannot mix two.
    ///
    /// # Errors
    /// Every refusal and failure of the contract's section 3.
    pub async fn answer_by(
        &self,
        policy: &Policy,
        caller: &Caller,
        read: &Read<'_>,
        out: Vec<u8>,
    ) -> Result<Answer, Error> {
        let started = Instant::now();
        // Only names of the whitelist and known actions become labels.
        let action = Action::parse(read.action).map_or("unknown", Action::name);
        let model = policy.known_name(read.model);
        let mut entry = self.entry(caller, action, model);
        let turn = tokio::time::timeout(policy.query_timeout, self.turns.acquire()).await;
        let result = match turn {
            Ok(_turn) => self.run(policy, read, out, &mut entry.filters).await,
            Err(_) => Err(ErrorKind::Overloaded.into()),
        };
        let took = started.elapsed();
        let result = entry.settle(result, took, policy.audit_denies).await;
        let code = result.as_ref().err().map_or("ok", |error| error.code());
        self.metrics.answered(action, code, took);
        let (token, address, transport) = (caller.token, caller.address, caller.transport);
        let ms = took.as_secs_f64() * 1e3;
        match &result {
            Ok(answer) => {
                let rows = answer.rows;
                debug!(%address, transport, %token, action, model, rows, ms = format!("{ms:.2}"), "answered");
            }
            Err(_) => {
                info!(%address, transport, %token, action, model, code, ms = format!("{ms:.2}"), "refused");
            }
        }
        result
    }

    async fn run(
        &self,
        policy: &Policy,
        read: &Read<'_>,
        out: Vec<u8>,
        filters: &mut Vec<String>,
    ) -> Result<Answer, Error> {
        let (action, model) = policy.admit(read)?;
        match (action, model) {
            (Action::Describe, model) => {
                plan::describe(read.params)?;
                Ok(describe::write(out, model, policy.catalog()?))
            }
            (_, None) => Err(ErrorKind::MissingField("model").into()),
            (Action::Get, Some(model)) => {
                let plan = plan::get(read.params, model)?;
                ledger::name(&plan.filter, filters);
                self.get(policy, &plan, out).await
            }
            (Action::List | Action::Query, Some(model)) => {
                let plan = plan::rows(
                    action,
                    read.params,
                    model,
                    policy.catalog()?,
                    &policy.limits,
                    &policy.cursors,
                )?;
                ledger::name(&plan.filter, filters);
                self.rows(policy, &plan, out).await
            }
        }
    }

    async fn get(
        &self,
        policy: &Policy,
        plan: &GetPlan<'_>,
        mut out: Vec<u8>,
    ) -> Result<Answer, Error> {
        let db = self.reachable()?;
        let statement = sql::get(plan, db.dialect(), policy.max_response_bytes);
        out.extend_from_slice(b"\"data\":");
        let style = policy.style();
        let mut rows = Rows::new(out, &statement.layout, &style, 1, room(policy));
        db.fetch(&statement, &mut rows)
            .await
            .map_err(|failure| failed(policy, plan.model, &failure))?;
        let page = rows.finish();
        if page.count == 0 {
            let model = plan.model.name().into();
            let id = plan.id.clone();
            return Err(ErrorKind::NotFound { model, id }.into());
        }
        Ok(Answer {
            out: page.out,
            rows: 1,
        })
    }
    async fn rows(
        &self,
        policy: &Policy,
        plan: &ReadPlan<'_>,
        mut out: Vec<u8>,
    ) -> Result<Answer, Error> {
        let db = self.reachable()?;
        out.extend_from_slice(b"\"data\":[");
        let page = fetch_page(policy, plan, db, out).await?;
        let total = total(policy, plan, db, &page).await?;
        let cursor = next_cursor(policy, plan, &page);
        let (rows, more) = (page.count, page.more);
        let mut out = page.out;
        out.extend_from_slice(
            format!(
                "],\"count\":{rows},\"limit\":{},\"offset\":{},\"has_more\":{more}",
                plan.page.limit, plan.page.offset
            )
            .as_bytes(),
        );
        if let Some(cursor) = cursor {
            out.extend_from_slice(format!(",\"next_cursor\":\"{cursor}\"").as_bytes());
        }
        if let Some(total) = total {
            out.extend_from_slice(format!(",\"total\":{total}").as_bytes());
        }
        if page.truncated {
            out.extend_from_slice(b",\"truncated\":true");
        }
        Ok(Answer { out, rows })
    }

    fn reachable(&self) -> Result<&Db, Error> {
        self.db
            .as_ref()
            .ok_or_else(|| ErrorKind::Unavailable.into())
    }
}

/// What rows may fill of an answer.
fn room(policy: &Policy) -> usize {
    policy.max_response_bytes.saturating_sub(TAIL_BYTES)
}

/// Writes the rows of a page after what `out` holds.
async fn fetch_page(
    policy: &Policy,
    plan: &ReadPlan<'_>,
    db: &Db,
    out: Vec<u8>,
) -> Result<Page, Error> {
    let statements = sql::rows(plan, db.dialect(), policy.max_response_bytes);
    let layout = statements.first().map(|first| first.layout.clone());
    let (layout, style) = (layout.unwrap_or_default(), policy.style());
    let limit = plan.page.limit as usize;
    let mut rows = Rows::new(out, &layout, &style, limit, room(policy));
    if let Some(seek) = &plan.page.seek {
        rows = rows.after(seek);
    }
    for statement in &statements {
        if rows.begin() {
            db.fetch(statement, &mut rows)
                .await
                .map_err(|failure| failed(policy, plan.model, &failure))?;
        }
    }
    Ok(rows.finish())
}

/// Where to go on, where there is more; groups have no place of their own to go on from.
fn next_cursor(policy: &Policy, plan: &ReadPlan<'_>, page: &Page) -> Option<String> {
    if !page.more || matches!(plan.output, Output::Groups { .. }) {
        return None;
    }
    let seek = Seek {
        keys: page.keys.clone(),
        ties: page.ties,
        passed: plan.page.passed() + page.count as u64,
    };
    let room = room(policy).saturating_sub(page.out.len());
    policy.cursors.seal(seek, &plan.binding(), room)
}

/// The number of all rows, where it is asked for.
async fn total(
    policy: &Policy,
    plan: &ReadPlan<'_>,
    db: &Db,
    page: &Page,
) -> Result<Option<u64>, Error> {
    let exact = match plan.total {
        Total::None => return Ok(None),
        Total::Exact => true,
        Total::Estimate => false,
    };
    // A last page that began at a known place tells it by itself.
    let seen = plan.page.passed() + page.count as u64;
    if !page.more && plan.page.seek.is_none() && (page.count > 0 || plan.page.offset == 0) {
        return Ok(Some(seen));
    }
    if !exact {
        let known = plan.model.estimated_rows();
        let estimated = match known.filter(|_| plan.filter.is_everything()) {
            Some(rows) => Some(rows),
            None => db
                .estimate(&sql::estimated(plan, db.dialect()))
                .await
                .map_err(|failure| failed(policy, plan.model, &failure))?,
        };
        if let Some(rows) = estimated {
            // An estimate never says less than is known.
            return Ok(Some(rows.max(seen + u64::from(page.more))));
        }
    }
    count(policy, plan, db).await.map(Some)
}

/// Counts all rows, or groups, of a plan.
async fn count(policy: &Policy, plan: &ReadPlan<'_>, db: &Db) -> Result<u64, Error> {
    let statement = sql::count(plan, db.dialect());
    let style = policy.style();
    let mut rows = Rows::new(Vec::new(), &statement.layout, &style, 1, room(policy));
    db.fetch(&statement, &mut rows)
        .await
        .map_err(|failure| failed(policy, plan.model, &failure))?;
    match rows.finish().keys.first() {
        Some(Some(Value::Int(count))) => Ok(u64::try_from(*count).unwrap_or_default()),
        _ => Err(ErrorKind::Internal.into()),
    }
}

/// What a client is told of a failure; the rest goes to the log, once.
fn failed(policy: &Policy, model: &Model, failure: &Failure) -> Error {
    let kind = match failure.kind() {
        FailureKind::Unavailable => ErrorKind::Unavailable,
        FailureKind::Overloaded => ErrorKind::Overloaded,
        FailureKind::Timeout => ErrorKind::Timeout(policy.query_timeout.as_secs()),
        FailureKind::Value => ErrorKind::InvalidValue {
            field: "filters".into(),
            expected: "values of the fields' types".into(),
        },
        FailureKind::TooLarge(fields) => {
            let named: Vec<String> = fields
                .iter()
                .map(|(name, bytes)| format!("{name} ({bytes} bytes)"))
                .collect();
            let hint = format!(
                "large fields: {}; leave them out with query and fields",
                named.join(", ")
            );
            return Error::from(ErrorKind::ResponseTooLarge(policy.max_response_bytes))
                .with_hint(hint);
        }
        FailureKind::Internal => ErrorKind::Internal,
    };
    if let Some(detail) = failure.detail() {
        error!(
            model = model.name(),
            code = kind.code(),
            detail,
            "MCP query failed"
        );
    }
    kind.into()
}
