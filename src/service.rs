//! The service, whatever the transport: admit, plan, build, fetch, encode.
//!
//! Both dialects of messages end here, with the same request and the same checks in the same
//! order: model, action, parameters, database.

mod describe;
mod ledger;
mod open;
mod outage;
mod page;
mod policy;
mod probe;
mod reload;

pub use open::{Opened, open};
pub use policy::{Access, Administration, ConnectionLimits, Policy, Serving};
pub use probe::{Probed, Unread, probe};
pub use reload::{Live, NotReloaded};

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tracing::{debug, error, info};

use outage::Outage;
use page::{Fail, failed};

use crate::auth::{Caller, TokenId};
use crate::db::Db;
use crate::encode::{Layout, Numbers, Rows, Style};
use crate::error::{Error, ErrorKind};
use crate::limit::Window;
use crate::observe::{Audit, Metrics};
use crate::plan::{self, GetPlan, ReadPlan};
use crate::protocol::{Action, Object};
use crate::sql;

/// Answers requests over one database, by the policy of the moment.
#[derive(Debug)]
pub struct Service {
    policy: ArcSwap<Policy>,
    /// Tells open connections that the policy is another.
    replaced: watch::Sender<()>,
    /// Tells them that it serves other models.
    models_changed: watch::Sender<()>,
    db: Option<Db>,
    metrics: Arc<Metrics>,
    audit: OnceLock<Audit>,
    /// Places for requests that are being answered.
    turns: Semaphore,
    most_turns: usize,
    /// The window of each token, over all its connections.
    windows: Mutex<HashMap<TokenId, Window>>,
    outage: Outage,
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

/// What an answer is for: how large it may be, and how its numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A message of the seed's dialect.
    Message,
    /// The result of an MCP tool, which a model pays for and JSON libraries may round.
    Tool,
}

/// By what a request is answered: its form, and the policy that let it in, so that a reload in
/// between cannot mix two.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'p> {
    /// The policy.
    pub policy: &'p Policy,
    /// The form.
    pub form: Form,
}

impl<'p> Terms<'p> {
    fn max_bytes(self) -> usize {
        match self.form {
            Form::Message => self.policy.max_response_bytes,
            Form::Tool => self.policy.tool_max_bytes,
        }
    }

    fn style(self) -> Style {
        let numbers = match (self.form, Numbers::from(self.policy.numbers)) {
            (Form::Tool, Numbers::Native) => Numbers::Doubles,
            (_, numbers) => numbers,
        };
        Style {
            numbers,
            sensitive: Arc::clone(&self.policy.sensitive),
        }
    }
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
            most_turns: policy.connections.max_requests,
            windows: Mutex::default(),
            policy: ArcSwap::from_pointee(policy),
            replaced: watch::Sender::new(()),
            models_changed: watch::Sender::new(()),
            db,
            metrics,
            audit: OnceLock::new(),
            outage: Outage::default(),
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
        let before = self.policy.swap(Arc::clone(&policy));
        self.outage.forget();
        self.replaced.send_replace(());
        if before.names() != policy.names() {
            self.models_changed.send_replace(());
        }
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

    /// Hears when other models are served than before.
    pub fn models_changed(&self) -> watch::Receiver<()> {
        self.models_changed.subscribe()
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
        info!(%address, %transport, %token, code = %error.code(), "refused");
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
        let policy = self.policy();
        let terms = Terms {
            policy: &policy,
            form: Form::Message,
        };
        self.answer_by(terms, caller, read, out).await
    }

    /// Answers one request after what `out` holds already, and records it.
    ///
    /// # Errors
    /// Every refusal and failure of the contract's section 3.
    pub async fn answer_by(
        &self,
        terms: Terms<'_>,
        caller: &Caller,
        read: &Read<'_>,
        out: Vec<u8>,
    ) -> Result<Answer, Error> {
        let started = Instant::now();
        let policy = terms.policy;
        // Only names of the whitelist and known actions become labels.
        let action = Action::parse(read.action).map_or("unknown", Action::name);
        let model = policy.known_name(read.model);
        let mut entry = self.entry(caller, action, model);
        let result = match self.turn(policy).await {
            Some(_turn) => self.run(terms, read, out, &mut entry.filters).await,
            None => Err(ErrorKind::Overloaded.into()),
        };
        let took = started.elapsed();
        let result = entry.settle(result, took, policy.audit_denies).await;
        let code = result.as_ref().err().map_or("ok", |fail| fail.error.code());
        self.metrics.answered(action, code, took);
        let (token, address, transport) = (caller.token, caller.address, caller.transport);
        let ms = format_args!("{:.2}", took.as_secs_f64() * 1e3);
        let Fail { error, cause } = match result {
            Ok(answer) => {
                let rows = answer.rows;
                debug!(%address, %transport, %token, %action, %model, rows, %ms, "answered");
                return Ok(answer);
            }
            Err(fail) => fail,
        };
        if error.kind().is_failure() && self.is_news(error.kind()) {
            let (code, cause) = (error.code(), cause.as_deref().unwrap_or("-"));
            error!(%address, %code, %cause, "MCP {action} query failed for model {model}: {error}");
        } else {
            info!(%address, %transport, %token, %action, %model, %code, %ms, "refused");
        }
        Err(error)
    }

    /// A place among the requests that are answered at once, unless none comes free in time.
    async fn turn(&self, policy: &Policy) -> Option<SemaphorePermit<'_>> {
        if let Ok(turn) = self.turns.try_acquire() {
            return Some(turn);
        }
        let turn = tokio::time::timeout(policy.query_timeout, self.turns.acquire()).await;
        turn.ok()?.ok()
    }

    /// Whether a failure is told as such: of a database that is lost, only the first is.
    fn is_news(&self, kind: &ErrorKind) -> bool {
        *kind != ErrorKind::Unavailable || self.outage.missed(Instant::now())
    }

    /// A database that answers for a moment is no longer lost.
    fn found(&self) {
        if self.outage.lasts() && self.outage.answered(Instant::now()) {
            info!("the database answers again");
        }
    }

    async fn run(
        &self,
        terms: Terms<'_>,
        read: &Read<'_>,
        out: Vec<u8>,
        filters: &mut Vec<String>,
    ) -> Result<Answer, Fail> {
        let policy = terms.policy;
        let (action, model) = policy.admit(read)?;
        match (action, model) {
            (Action::Describe, model) => {
                plan::describe(read.params)?;
                let catalog = policy.catalog()?;
                Ok(describe::write(out, model, catalog, terms.max_bytes()))
            }
            (_, None) => Err(ErrorKind::MissingField("model").into()),
            (Action::Get, Some(model)) => {
                let plan = plan::get(read.params, model)?;
                ledger::name(&plan.filter, filters);
                self.get(terms, &plan, out).await
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
                self.rows(terms, &plan, out).await
            }
        }
    }

    async fn get(
        &self,
        terms: Terms<'_>,
        plan: &GetPlan<'_>,
        mut out: Vec<u8>,
    ) -> Result<Answer, Fail> {
        let db = self.reachable()?;
        let (dialect, max_bytes) = (db.dialect(), terms.max_bytes());
        out.extend_from_slice(b"\"data\":");
        let rows = |layout: &Arc<Layout>| {
            let layout = Arc::clone(layout);
            Rows::new(out, layout, terms.style(), 1, page::room(terms))
        };
        let fetched = match terms.policy.shapes.lookup(plan, dialect, max_bytes) {
            Some((lookup, id)) => {
                let rows = rows(lookup.layout());
                db.lookup(lookup, id, rows).await
            }
            None => {
                let statement = sql::get(plan, dialect, max_bytes);
                db.fetch(&statement, rows(&statement.layout)).await
            }
        };
        let rows = fetched.map_err(|failure| failed(terms, plan.model, &failure))?;
        self.found();
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
        terms: Terms<'_>,
        plan: &ReadPlan<'_>,
        mut out: Vec<u8>,
    ) -> Result<Answer, Fail> {
        let db = self.reachable()?;
        out.extend_from_slice(b"\"data\":[");
        let page = page::fetch(terms, plan, db, out).await?;
        self.found();
        let total = page::total(terms, plan, db, &page).await?;
        let cursor = page::next_cursor(terms, plan, &page);
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

#[cfg(test)]
mod tests;
