//! The service, whatever the transport: admit, plan, build, fetch, encode.
//!
//! Both dialects of messages end here, with the same request and the same checks in the same
//! order: model, action, parameters, database.

pub(crate) mod call;
mod describe;
mod follow;
mod hint;
mod line;
mod lists;
mod obstacle;
mod outage;
mod page;
mod read;
pub(crate) mod record;
pub(crate) mod renewal;
pub(crate) mod trial;
mod whoami;

pub(crate) use follow::{Change, PolicyReceiver};
pub use trial::{Trial, Tried};

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::timeout_at;
use tracing::info;

use line::Line;
use outage::Outage;
use page::Fail;

use crate::advice::Advice;
use crate::auth::{Caller, Principal};
use crate::db::{Db, Usage};
use crate::encode::{Numbers, Style};
use crate::error::{Error, ErrorKind};
use crate::limit::Weight;
use crate::observe::{Audit, Metrics};
use crate::plan;
use crate::policy::databases::Ways;
use crate::policy::quota::RowReservation;
use crate::policy::{Access, Budget, Exposed, Form, Limited, Policy, Tally};
use crate::protocol::{Action, Read};
use crate::store::{DatabaseId, Store};

/// What a request may take beyond its time, to hear that a statement of it was ended.
const GRACE: Duration = Duration::from_millis(450);

/// What a service is made of.
#[derive(Debug)]
pub struct Parts {
    /// Whom a first configuration lets in.
    pub access: Access,
    /// The database of the configuration, where it names one.
    pub db: Option<Db>,
    /// How the databases of tenants are reached, where there is a store.
    pub ways: Option<Arc<Ways>>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where requests are recorded, where they are.
    pub audit: Option<Audit>,
}

/// Answers requests, each by the policy of who asks.
#[derive(Debug)]
pub struct Service {
    access: ArcSwap<Access>,
    /// Tells open connections to look at who is let in, and by which policy.
    replaced: watch::Sender<()>,
    /// The database of the configuration.
    db: Option<Db>,
    /// The store, once it has answered: it may come long after the start.
    store: OnceLock<Store>,
    /// How the databases of its tenants are reached.
    ways: ArcSwapOption<Ways>,
    metrics: Arc<Metrics>,
    audit: Option<Audit>,
    /// Places for requests that are being answered.
    turns: Semaphore,
    most_turns: usize,
    budget: Budget,
    outage: Outage,
    /// Asks the owner of the configuration, once there is one.
    renewals: OnceLock<renewal::Asking>,
    /// What was wrong with the tools that were read last, where those of before are still served.
    refused_tools: ArcSwap<Vec<Advice>>,
}

/// By what a request is answered: its form, and the policy that let it in, so that a reload in
/// between cannot mix two.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms<'p> {
    /// The policy.
    pub policy: &'p Policy,
    /// The form.
    pub form: Form,
    /// What is known of whoever asks, in the place of what its token says: only where an operator
    /// tries a call.
    attributes: &'p [(String, String)],
}

impl<'p> Terms<'p> {
    /// As a client asks.
    pub(crate) fn new(policy: &'p Policy, form: Form) -> Self {
        Self {
            policy,
            form,
            attributes: &[],
        }
    }

    fn max_bytes(self) -> usize {
        match self.form {
            Form::Message => self.policy.settings.max_response_bytes,
            Form::Tool => self.policy.settings.tool_max_bytes,
        }
    }

    fn style(self, exposed: &Exposed) -> Style {
        let numbers = match (self.form, Numbers::from(self.policy.settings.numbers)) {
            (Form::Tool, Numbers::Native) => Numbers::Doubles,
            (_, numbers) => numbers,
        };
        Style {
            numbers,
            nesting: (self.form == Form::Tool).then_some(NESTING),
            sensitive: exposed.sensitive(),
        }
    }
}

/// Levels that strict parsers take of a message, without those of a tool's result around a row.
const NESTING: usize = 64 - 5;
/// Those of them that a document may have where relations put nothing around it.
const MOST_NESTING: usize = 56;

/// A place of the tenant, where there is one, and a place among all.
type Turn<'s> = (Option<SemaphorePermit<'s>>, SemaphorePermit<'s>);

/// Where the rows of an answer come from.
#[derive(Debug, Clone, Copy)]
struct Source<'p> {
    terms: Terms<'p>,
    exposed: &'p Exposed,
    db: &'p Db,
    /// When the request has to be answered.
    until: Instant,
    /// Objects and lists that relations put around a row within the page.
    around: usize,
}

impl<'p> Source<'p> {
    fn new(terms: Terms<'p>, exposed: &'p Exposed, until: Instant) -> Result<Self, Error> {
        let db = exposed.db().ok_or(ErrorKind::Unavailable)?;
        Ok(Self {
            terms,
            exposed,
            db,
            until,
            around: 0,
        })
    }

    /// The same for rows that relations lead to, behind so many objects and lists.
    fn within(self, around: usize) -> Self {
        Self { around, ..self }
    }

    fn max_bytes(self) -> usize {
        self.terms.max_bytes()
    }

    fn style(self) -> Style {
        let mut style = self.terms.style(self.exposed);
        let left = |nesting: usize| nesting.saturating_sub(self.around).min(MOST_NESTING);
        style.nesting = style.nesting.map(left);
        style
    }
}

/// A request under way.
#[derive(Debug, Clone, Copy)]
struct Inquiry<'r> {
    caller: &'r Caller,
    read: &'r Read<'r>,
    /// When it has to be answered, whatever it takes.
    until: Instant,
}

/// An answer: the members after `id` and `status`, without the closing brace.
#[derive(Debug)]
pub struct Answer {
    /// What was given to begin with, and `"data":…` and what belongs to it.
    pub out: Vec<u8>,
    /// Rows, models or fields that it holds.
    pub rows: usize,
}

/// What is asked is kept for those who look, where somebody may.
fn watch_for(access: &Access, metrics: &Metrics) {
    if access.administration.is_open() {
        metrics.recent().watch();
    }
}

impl Service {
    /// The service of these parts; without a database everything of its own is unavailable.
    pub fn new(parts: Parts) -> Self {
        let most_turns = parts.access.settings.connections.max_requests;
        watch_for(&parts.access, &parts.metrics);
        Self {
            turns: Semaphore::new(most_turns),
            most_turns,
            budget: Budget::default(),
            access: ArcSwap::from_pointee(parts.access),
            replaced: watch::Sender::new(()),
            db: parts.db,
            store: OnceLock::new(),
            ways: ArcSwapOption::from(parts.ways),
            metrics: parts.metrics,
            audit: parts.audit,
            outage: Outage::default(),
            renewals: OnceLock::new(),
            refused_tools: ArcSwap::default(),
        }
    }

    /// Who is let in at this moment; one request looks once.
    pub fn access(&self) -> Arc<Access> {
        self.access.load_full()
    }

    /// The policy of the tokens of the configuration.
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.access.load().shared)
    }

    /// What is wrong with the operator's tools as their files are now; nothing where they are served.
    pub(crate) fn refused_tools(&self) -> Arc<Vec<Advice>> {
        self.refused_tools.load_full()
    }

    pub(crate) fn note_refused_tools(&self, faults: Vec<Advice>) {
        self.refused_tools.store(Arc::new(faults));
    }

    /// Puts another access in force, whole.
    pub fn replace(&self, access: Access) {
        self.budget.retain(|principal| match principal {
            Principal::Token(token) => access.tokens.holds(token),
            Principal::Local => !access.require_auth,
            Principal::Client(_) => false,
        });
        if let Some(audit) = self.audit() {
            audit.set_denies(access.settings.audit_denies);
        }
        watch_for(&access, &self.metrics);
        self.access.store(Arc::new(access));
        self.outage.forget();
        self.look_again();
    }

    /// Tells open connections to look at who is let in.
    pub(crate) fn look_again(&self) {
        self.replaced.send_replace(());
    }

    /// Admits a message of a caller to its windows, and counts the one that is refused.
    ///
    /// # Errors
    /// As [`Budget::admit`].
    pub(crate) async fn admit(
        &self,
        of: (&Policy, &Principal),
        weight: Weight,
        tally: Tally<'_>,
    ) -> Result<(), Limited> {
        let admitted = self.budget.admit(of, weight, tally).await;
        if admitted.is_err() {
            self.metrics.rate_limited();
        }
        admitted
    }

    /// The database of the configuration, where there is one.
    pub fn db(&self) -> Option<&Db> {
        self.db.as_ref()
    }

    /// The store, where there is one that has answered.
    pub fn store(&self) -> Option<&Store> {
        self.store.get()
    }

    pub(crate) fn set_store(&self, store: Store) {
        // Whoever keeps the store opens it once.
        let _ = self.store.set(store);
    }

    /// How the databases of tenants are reached.
    pub(crate) fn ways(&self) -> Option<Arc<Ways>> {
        self.ways.load_full()
    }

    pub(crate) fn set_ways(&self, ways: &Arc<Ways>) {
        self.ways.store(Some(Arc::clone(ways)));
    }

    /// How the sessions with a database of a tenant are used, where it is open here.
    pub(crate) fn usage_of(&self, database: &DatabaseId) -> Option<Usage> {
        self.ways.load().as_ref()?.usage_of(database)
    }

    /// Closes databases of tenants that nobody asks.
    pub(crate) fn close_idle(&self) {
        if let Some(ways) = &*self.ways.load() {
            ways.close_idle();
        }
    }

    /// Whether what is configured answers: the database, and the store.
    pub async fn is_ready(&self) -> bool {
        let keeps = self.ways.load().is_some();
        let store = !keeps || self.store.get().is_some();
        let database = match &self.db {
            Some(db) => self.policy().catalogs().is_ok() && db.ping().await.is_ok(),
            None => keeps,
        };
        store && database
    }

    /// Records a message that was no request.
    pub fn rejected(&self, caller: &Caller, error: &Error) {
        self.metrics
            .answered("unknown".into(), error.code(), Duration::ZERO);
        let (token, address, transport) = (caller.credential, caller.address, caller.transport);
        let client = caller.named();
        info!(%address, %transport, %token, client, code = %error.code(), "refused");
        self.note_refused(address, transport, Some(caller), error.code());
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
        let terms = Terms::new(&policy, Form::Message);
        self.answer_by(terms, caller, read, out).await
    }

    /// Answers one request after what `out` holds already, and records it.
    ///
    /// # Errors
    /// Every refusal and failure of the protocol, section 3.
    pub(crate) async fn answer_by(
        &self,
        terms: Terms<'_>,
        caller: &Caller,
        read: &Read<'_>,
        out: Vec<u8>,
    ) -> Result<Answer, Error> {
        let answered = self.answer_or_cause(terms, caller, read, out).await;
        answered.map_err(|fail| fail.error)
    }

    /// The same, with what the log says of a failure.
    async fn answer_or_cause(
        &self,
        terms: Terms<'_>,
        caller: &Caller,
        read: &Read<'_>,
        out: Vec<u8>,
    ) -> Result<Answer, Fail> {
        let started = Instant::now();
        let policy = terms.policy;
        // Only names of the whitelist and known actions become labels.
        let known = Action::parse(read.action);
        let action = known.map_or("unknown", Action::name);
        let model = policy.known_name(read.model);
        let mut entry = self.entry(caller, action, model, policy.settings.slow_query);
        let tool = read.tool.and_then(|name| policy.toolbox.tool(name));
        entry.tool = tool.map(|tool| &*tool.name);
        // Kept until its line is written: no more lines wait than there are places.
        let until = started + policy.settings.query_timeout;
        let turn = self.turn(policy, until).await;
        let result = match &turn {
            Some(_) => {
                let asked = Inquiry {
                    caller,
                    read,
                    until,
                };
                let run = pin!(self.run(terms, asked, out, &mut entry.filters));
                // Each statement has its limit; this one is for all that they have no part in.
                let ended = timeout_at((until + GRACE).into(), run).await;
                let seconds = policy.settings.query_timeout.as_secs();
                ended.unwrap_or_else(|_| Err(ErrorKind::Timeout(seconds).into()))
            }
            None => Err(ErrorKind::Overloaded.into()),
        };
        let took = started.elapsed();
        if let Some(grant) = &policy.grant {
            grant.note_use();
        }
        let slow = policy.settings.slow_query.filter(|slow| took >= *slow);
        let slow = slow.map(|_| entry.filters.clone());
        let denies = policy.settings.audit_denies;
        if let Err(fail) = &result
            && self.metrics.recent().is_watched()
        {
            entry.obstacle = obstacle::of(&fail.error, policy, read.model);
        }
        let result = entry.settle(result, took, denies).await;
        drop(turn);
        let code = result.as_ref().err().map_or("ok", |fail| fail.error.code());
        let called = tool.filter(|tool| tool.written().is_some());
        let counted = match (known, called) {
            (Some(Action::Call), Some(tool)) => tool.name.clone(),
            _ => action.into(),
        };
        let tool = called.map(|tool| &*tool.name);
        self.metrics.answered(counted, code, took);
        let line = Line {
            caller,
            action,
            model,
            tool,
            took,
        };
        let fail = match result {
            Ok(answer) => {
                line.answered(answer.rows, slow);
                return Ok(answer);
            }
            Err(fail) => fail,
        };
        let error = &fail.error;
        match error.kind().is_failure() && self.is_news(error.kind()) {
            true => line.failed(error, fail.cause.as_deref()),
            false => line.refused(error),
        }
        Err(fail)
    }

    /// A place among the requests that are answered at once, and among those of its tenant, unless
    /// none comes free in time.
    async fn turn<'s>(&'s self, policy: &'s Policy, until: Instant) -> Option<Turn<'s>> {
        let own = policy.grant.as_ref().map(|grant| &*grant.turns);
        let at_once = || {
            let own = own.map(Semaphore::try_acquire).transpose().ok()?;
            Some((own, self.turns.try_acquire().ok()?))
        };
        if let Some(turn) = at_once() {
            return Some(turn);
        }
        let turn = async {
            let own = match own {
                Some(own) => Some(own.acquire().await.ok()?),
                None => None,
            };
            Some((own, self.turns.acquire().await.ok()?))
        };
        timeout_at(until.into(), turn).await.ok()?
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

    async fn attempt(
        &self,
        terms: Terms<'_>,
        Inquiry { read, until, .. }: Inquiry<'_>,
        out: Vec<u8>,
        filters: &mut Vec<String>,
    ) -> Result<Answer, Fail> {
        let policy = terms.policy;
        if let (Some(Action::Call), Some(tool)) = (Action::parse(read.action), read.tool) {
            let asked = (tool, read.params, call::asker(terms));
            return Box::pin(self.call(terms, asked, out, filters, until)).await;
        }
        if let (Some(Action::Describe), Some(tool)) = (Action::parse(read.action), read.tool) {
            policy.may.admit(Action::Describe)?;
            plan::describe(read.params)?;
            return Box::pin(self.tool_described(policy, tool, out)).await;
        }
        policy.prepare(read.model).await;
        let (action, served) = policy.admit(read)?;
        let Some(served) = served else {
            return match action {
                Action::Describe => {
                    plan::describe(read.params)?;
                    let (catalogs, most) = (policy.catalogs()?, terms.max_bytes());
                    let mut answer = describe::all(out, &catalogs, terms.form, most);
                    // By MCP they are tools of their own.
                    if terms.form == Form::Message {
                        call::list(&mut answer.out, policy, most);
                    }
                    Ok(answer)
                }
                Action::Whoami => {
                    plan::whoami(read.params)?;
                    Ok(whoami::write(out, policy))
                }
                Action::Call => Err(ErrorKind::MissingField("tool").into()),
                _ => Err(ErrorKind::MissingField("model").into()),
            };
        };
        let model = served.model;
        let _in_use = served.exposed.enter().await?;
        match action {
            Action::Whoami => {
                plan::whoami(read.params)?;
                Ok(whoami::write(out, policy))
            }
            Action::Call => Err(ErrorKind::MissingField("tool").into()),
            Action::Describe => {
                plan::describe(read.params)?;
                Ok(describe::one(out, model, served.catalog, terms.max_bytes()))
            }
            Action::Get => {
                let plan = plan::get(read.params, model)?;
                record::name(&plan.filter, &plan.joins, filters);
                let reserved = policy.reserve(1)?;
                let source = Source::new(terms, served.exposed, until)?;
                Ok(counted(self.get(source, &plan, out).await?, reserved))
            }
            Action::List | Action::Query => {
                let settings = &policy.settings;
                let (limits, cursors) = (&settings.limits, &settings.cursors);
                let plan = plan::rows(action, read.params, model, served.catalog, limits, cursors)?;
                policy.may.admit_plan(&plan)?;
                for plan in plan.all() {
                    for condition in plan.conditions() {
                        record::name(condition, &plan.joins, filters);
                    }
                }
                let reserved = policy.reserve(plan.most_rows())?;
                let source = Source::new(terms, served.exposed, until)?;
                let source = source.within(plan.nesting());
                Ok(counted(self.rows(source, &plan, out).await?, reserved))
            }
        }
    }
}

/// Counts the rows of an answer among those that were set aside for it.
fn counted(answer: Answer, reserved: Vec<RowReservation>) -> Answer {
    for reserved in reserved {
        reserved.spend(answer.rows);
    }
    answer
}

#[cfg(test)]
mod tests;
