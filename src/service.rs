//! The service, whatever the transport: admit, plan, build, fetch, encode.
//!
//! Both dialects of messages end here, with the same request and the same checks in the same
//! order: model, action, parameters, database.

mod describe;
mod open;
mod policy;

pub use open::{Opened, open, wait_for_database};
pub use policy::{Policy, Serving};

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tracing::{debug, error, info};

use crate::auth::Caller;
use crate::catalog::Model;
use crate::db::{Db, Failure, FailureKind};
use crate::encode::{Layout, Numbers, Page, Rows, Style};
use crate::error::{Error, ErrorKind};
use crate::observe::Metrics;
use crate::plan::{self, GetPlan, ReadPlan, Total, Value};
use crate::protocol::{Action, Object};
use crate::sql::{self, Statement};

/// What is left of an answer for its end: counts, cursor and closing brackets.
const TAIL_BYTES: usize = 512;

/// Answers requests over one database, by the policy of the moment.
#[derive(Debug)]
pub struct Service {
    policy: ArcSwap<Policy>,
    db: Option<Db>,
    metrics: Arc<Metrics>,
    /// Tells that other models are served than before.
    models_changed: watch::Sender<()>,
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

/// By what a request is answered: the policy that it began with, and its form.
#[derive(Clone, Copy)]
struct Terms<'p> {
    policy: &'p Policy,
    form: Form,
}

impl<'p> Terms<'p> {
    fn max_bytes(self) -> usize {
        match self.form {
            Form::Message => self.policy.max_response_bytes,
            Form::Tool => self.policy.tool_max_bytes,
        }
    }

    fn style(self) -> Style<'p> {
        let numbers = match (self.form, Numbers::from(self.policy.numbers)) {
            (Form::Tool, Numbers::Native) => Numbers::Doubles,
            (_, numbers) => numbers,
        };
        Style {
            numbers,
            sensitive: &self.policy.sensitive,
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
            policy: ArcSwap::from_pointee(policy),
            db,
            metrics,
            models_changed: watch::Sender::new(()),
        }
    }

    /// The policy of the moment; one request looks once.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Puts a new policy in force, whole.
    pub fn replace_policy(&self, policy: Policy) {
        let before = self.policy.swap(Arc::new(policy));
        if before.names() != self.policy().names() {
            self.models_changed.send_replace(());
        }
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
        info!(%address, transport, %token, code = error.code(), "refused");
    }

    /// Answers one request after what `out` holds already, and records it.
    ///
    /// # Errors
    /// Every refusal and failure of the contract's section 3.
    pub async fn answer(
        &self,
        caller: &Caller,
        read: &Read<'_>,
        out: Vec<u8>,
    ) -> Result<Answer, Error> {
        self.answer_as(Form::Message, caller, read, out).await
    }

    /// The same as [`Service::answer`], in the form that is named.
    ///
    /// # Errors
    /// Every refusal and failure of the contract's section 3.
    pub async fn answer_as(
        &self,
        form: Form,
        caller: &Caller,
        read: &Read<'_>,
        out: Vec<u8>,
    ) -> Result<Answer, Error> {
        let started = Instant::now();
        let policy = self.policy();
        let terms = Terms {
            policy: &policy,
            form,
        };
        let result = self.run(terms, read, out).await;
        let took = started.elapsed();
        // Only names of the whitelist and known actions become labels.
        let action = Action::parse(read.action).map_or("unknown", Action::name);
        let code = result.as_ref().err().map_or("ok", |error| error.code());
        self.metrics.answered(action, code, took);
        let (token, address, transport) = (caller.token, caller.address, caller.transport);
        let model = policy.known_name(read.model);
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

    async fn run(&self, terms: Terms<'_>, read: &Read<'_>, out: Vec<u8>) -> Result<Answer, Error> {
        let policy = terms.policy;
        let (action, model) = policy.admit(read)?;
        match (action, model) {
            (Action::Describe, model) => {
                plan::describe(read.params)?;
                Ok(describe::write(
                    out,
                    model,
                    policy.catalog()?,
                    terms.max_bytes(),
                ))
            }
            (_, None) => Err(ErrorKind::MissingField("model").into()),
            (Action::Get, Some(model)) => {
                let plan = plan::get(read.params, model)?;
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
                self.rows(terms, &plan, out).await
            }
        }
        .map_err(|error: Error| error)
        .map(|answer: Answer| answer)
    }

    async fn get(
        &self,
        terms: Terms<'_>,
        plan: &GetPlan<'_>,
        mut out: Vec<u8>,
    ) -> Result<Answer, Error> {
        let db = self.reachable()?;
        let statement = sql::get(plan, db.dialect());
        out.extend_from_slice(b"\"data\":");
        let page = self
            .fetch(terms, plan.model, db, &statement, out, 1)
            .await?;
        if page.count == 0 {
            let model = plan.model.name().into();
            return Err(ErrorKind::NotFound {
                model,
                id: plan.id.clone(),
            }
            .into());
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
    ) -> Result<Answer, Error> {
        let db = self.reachable()?;
        let statement = sql::rows(plan, db.dialect());
        out.extend_from_slice(b"\"data\":[");
        let limit = plan.page.limit as usize;
        let mut page = self
            .fetch(terms, plan.model, db, &statement, out, limit)
            .await?;
        let total = self.total(terms, plan, db, &page).await?;
        let cursor = match &page.last {
            Some(last) if page.more => terms.policy.cursors.seal(last, &plan.binding()),
            _ => None,
        };
        let (rows, more) = (page.count, page.more);
        let out = &mut page.out;
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
        Ok(Answer {
            out: page.out,
            rows,
        })
    }

    /// The number of all rows, where it is asked for.
    async fn total(
        &self,
        terms: Terms<'_>,
        plan: &ReadPlan<'_>,
        db: &Db,
        page: &Page,
    ) -> Result<Option<u64>, Error> {
        if plan.total == Total::None {
            return Ok(None);
        }
        // A last page that began at a known place tells it by itself.
        let counted = page.count as u64;
        if !page.more && plan.page.seek.is_none() && (counted > 0 || plan.page.offset == 0) {
            return Ok(Some(plan.page.offset + counted));
        }
        let statement = sql::count(plan, db.dialect());
        if plan.total == Total::Estimate {
            if plan.filter.is_everything() && plan.model.estimated_rows().is_some() {
                return Ok(plan.model.estimated_rows());
            }
            let planned = db.estimate(&sql::rows(plan, db.dialect())).await;
            if let Some(rows) = planned.map_err(|failure| failed(terms, plan.model, &failure))? {
                return Ok(Some(rows));
            }
        }
        let page = self
            .fetch(terms, plan.model, db, &statement, Vec::new(), 1)
            .await?;
        Ok(match page.last.as_ref().and_then(|last| last.0.first()) {
            Some(Some(Value::Int(rows))) => u64::try_from(*rows).ok(),
            _ => None,
        })
    }

    async fn fetch(
        &self,
        terms: Terms<'_>,
        model: &Model,
        db: &Db,
        statement: &Statement,
        out: Vec<u8>,
        limit: usize,
    ) -> Result<Page, Error> {
        let style = terms.style();
        let layout: &Layout = &statement.layout;
        let max_bytes = terms.max_bytes().saturating_sub(TAIL_BYTES);
        let mut rows = Rows::new(out, layout, &style, limit, max_bytes);
        match db.fetch(statement, &mut rows).await {
            Ok(()) => Ok(rows.finish()),
            Err(failure) => Err(failed(terms, model, &failure)),
        }
    }

    fn reachable(&self) -> Result<&Db, Error> {
        self.db
            .as_ref()
            .ok_or_else(|| ErrorKind::Unavailable.into())
    }
}

/// What a client is told of a failure; the rest goes to the log, once.
fn failed(terms: Terms<'_>, model: &Model, failure: &Failure) -> Error {
    let kind = match failure.kind() {
        FailureKind::Unavailable => ErrorKind::Unavailable,
        FailureKind::Overloaded => ErrorKind::Overloaded,
        FailureKind::Timeout => ErrorKind::Timeout(terms.policy.query_timeout.as_secs()),
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
            return Error::from(ErrorKind::ResponseTooLarge(terms.max_bytes())).with_hint(hint);
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
