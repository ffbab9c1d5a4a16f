//! The databases of tenants: reached when they are first asked for, so many open at once, and
//! closed when nobody asks.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret as _;
use tokio::sync::{Notify, OnceCell};
use tracing::{debug, info, warn};

use super::given;
use super::judged::{Judged, Tables};
use crate::advice::Advice;
use crate::catalog::Table;
use crate::config::{self, Config, GivenRelation, ModelName};
use crate::db::{Db, Failure, Options, Usage};
use crate::egress::{Reach, Way};
use crate::error::{Error, ErrorKind};
use crate::limit::Memory;
use crate::sensitive::Sensitive;
use crate::store::{Database, DatabaseId};

/// A database that nobody asked for so long is closed.
const IDLE: Duration = Duration::from_secs(60);

/// What rows may take that are read for a look: counts alone are.
const LOOK_BYTES: usize = 16 << 20;

/// How databases of tenants are reached.
#[derive(Debug)]
pub struct Ways {
    reach: Reach,
    query_timeout: Duration,
    pool_size: usize,
    rows: Arc<RowMemory>,
    rooms: Rooms,
}

/// What rows on their way from databases may take, over all of them: of those of one tenant, or of
/// the configuration, which is none.
pub(crate) type RowMemory = Memory<Option<String>>;

impl Ways {
    /// As the configuration says, with the memory that all databases share.
    pub(crate) fn new(config: &Config, rows: Arc<RowMemory>) -> Self {
        Self {
            rows,
            reach: Reach::new(config.admin.places.clone()),
            query_timeout: config.limits.query_timeout,
            pool_size: config.pool.size,
            rooms: Rooms {
                most: config.store.databases,
                open: Mutex::default(),
                freed: Notify::new(),
            },
        }
    }

    /// Ways for a look by whoever administers the service: one session a database.
    pub(crate) fn to_look(reach: Reach, query_timeout: Duration) -> Self {
        Self {
            reach,
            query_timeout,
            pool_size: 1,
            rows: Arc::new(RowMemory::new(LOOK_BYTES)),
            rooms: Rooms {
                most: usize::MAX,
                open: Mutex::default(),
                freed: Notify::new(),
            },
        }
    }

    /// As a configuration says, with the same memory.
    pub(crate) fn anew(&self, config: &Config) -> Self {
        Self::new(config, Arc::clone(&self.rows))
    }

    /// The same, to places alone that another configuration allows too.
    pub(crate) fn within(self, config: &Config, other: &Config) -> Self {
        Self {
            reach: Reach::new(config.admin.places.within(&other.admin.places)),
            ..self
        }
    }

    /// Closes what nobody asked for in a while.
    pub(crate) fn close_idle(&self) {
        self.rooms.close_idle();
    }

    /// How the sessions of one database are used, where it is open.
    pub(crate) fn usage_of(&self, database: &DatabaseId) -> Option<Usage> {
        let open = self.rooms.open();
        let mut open = open.iter().filter_map(Weak::upgrade);
        let held = open.find(|held| held.record.id == *database)?;
        Some(held.reached.get()?.db.usage())
    }

    /// How the sessions of all that is open are used.
    pub(crate) fn usage(&self) -> Vec<Usage> {
        let open = self.rooms.open();
        let open = open.iter().filter_map(Weak::upgrade);
        open.filter_map(|held| Some(held.reached.get()?.db.usage()))
            .collect()
    }
}

/// A database that cannot be read as it is described, or does not answer.
#[derive(Debug)]
pub struct Unread {
    /// What is wrong and what to do, for whoever sits at the machine: it may name the user of the
    /// database and repeat words of its driver.
    pub fault: Advice,
    /// The engine's code, or how the connection failed, where the database itself refused.
    pub cause: Option<String>,
}

impl From<Advice> for Unread {
    fn from(fault: Advice) -> Self {
        Self { fault, cause: None }
    }
}

/// A database that can be asked, and how it is exposed.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) db: Db,
    pub(crate) names: Vec<ModelName>,
    pub(crate) sensitive: Sensitive,
    /// Keys that it does not tell of itself.
    relations: Vec<GivenRelation>,
    /// Where it is, without user and password.
    pub(crate) place: String,
    /// The way by which it is reached, which lasts as long as its sessions.
    way: Way,
}

impl Reached {
    /// Prepares to read a database of the store with so many sessions.
    ///
    /// # Errors
    /// A URL that cannot be opened or leads where the operator does not allow, a whitelist that
    /// cannot be, a file that is not there.
    pub(crate) async fn new(
        database: &Database,
        reach: &Reach,
        pool_size: usize,
        query_timeout: Duration,
        tenant: Option<(&str, &RowMemory)>,
    ) -> Result<Self, Advice> {
        let url = database.url.as_ref().map_err(|fault| {
            Advice::new(
                fault.to_string(),
                "set the keys that the store was filled with, or give the URL anew",
            )
        })?;
        let url =
            config::tenant_url("url", url.expose_secret()).map_err(|faults| faults.first())?;
        let place = url.to_string();
        // What came by the admin API may only be where the operator allows.
        let way = match database.guarded {
            true => reach.judge(&url).await?,
            false => url.into(),
        };
        let names =
            config::model_names("models", &database.models).map_err(|faults| faults.first())?;
        let fields = (("hidden", &*database.hidden), ("reveal", &*database.reveal));
        let sensitive = config::sensitive(fields.0, fields.1).map_err(|faults| faults.first())?;
        let relations = config::given_relations("relations", &database.relations);
        let relations = relations.map_err(|faults| faults.first())?;
        let db = Db::new(&Options {
            url: way.url.clone(),
            pool_size,
            query_timeout,
            pgbouncer: database.pgbouncer,
            tenant: tenant.map(|(tenant, _)| tenant.to_owned()),
            rows: tenant.map(|(tenant, rows)| rows.share(Some(tenant.to_owned()))),
        })?;
        Ok(Self {
            db,
            names,
            sensitive,
            relations,
            place,
            way,
        })
    }

    /// The whitelist with the tables that were read, and the keys that are given beside theirs; the
    /// first of those that cannot be.
    pub(crate) fn related(
        &self,
        tables: Vec<Result<Table, String>>,
    ) -> (Tables, Result<(), Advice>) {
        let mut tables = self.names.iter().cloned().zip(tables).collect();
        let given = given::give(&self.relations, &mut tables, "relations");
        (tables, given)
    }

    /// Reads the tables of the whitelist.
    ///
    /// # Errors
    /// A database that cannot be read, with what to do; one that does not answer too, and one that
    /// holds a store.
    pub(crate) async fn tables(&self) -> Result<Vec<Result<Table, String>>, Unread> {
        let tables = self.db.tables(&self.names).await;
        let tables = tables.map_err(|failure| self.unread(&failure))?;
        match self.db.holds_a_store().await {
            Ok(false) => Ok(tables),
            Ok(true) => Err(holds_a_store(&self.place).into()),
            Err(failure) => Err(self.unread(&failure)),
        }
    }

    fn unread(&self, failure: &Failure) -> Unread {
        if let Some(detail) = failure.detail() {
            debug!(%detail, "the database says");
        }
        let fault = self.db.start_fault(failure);
        Unread {
            fault: fault.unwrap_or_else(|| {
                Advice::new(
                    format!("nothing answers: {}", self.place),
                    "is it running, and are host and port right?",
                )
            }),
            cause: failure.cause(),
        }
    }
}

/// The fault of a database whose tables would hand out what a store seals.
pub(crate) fn holds_a_store(place: &str) -> Advice {
    Advice::new(
        format!("{place} holds a store of Lucarne, or a copy of one, which is never exposed"),
        "name the database whose tables shall be read",
    )
}

/// A database of a tenant, as it is held for all tokens that read it. Which are open is kept by hand:
/// one that is used is never closed (ADR 14).
pub(crate) struct Held {
    record: Database,
    /// As the log names it: tenant and database.
    name: String,
    /// The tenant's name.
    tenant: String,
    ways: Arc<Ways>,
    reached: OnceCell<Known>,
    /// Whether the log was told that it cannot be read.
    told: AtomicBool,
    /// Requests that read it now.
    active: AtomicUsize,
    /// Whether it has one of the places for open databases.
    open: AtomicBool,
    used: Mutex<Instant>,
}

/// What is known of a database that answered.
pub(crate) struct Known {
    pub(crate) db: Db,
    pub(crate) judged: Arc<Judged>,
    pub(crate) sensitive: Arc<Sensitive>,
    relations: Vec<GivenRelation>,
    _way: Way,
}

impl Known {
    /// Its tables as they are now, with the keys that are given beside theirs, and how often they have
    /// changed; the first of those keys that cannot be.
    pub(crate) fn related(&self) -> ((Tables, u64), Result<(), Advice>) {
        let now = self.judged.now();
        let mut tables = now.tables.clone();
        let given = given::give(&self.relations, &mut tables, "relations");
        ((tables, now.number), given)
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({})", self.name)
    }
}

/// As the log names it.
impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Held {
    /// A database of the store that nobody has asked for yet.
    pub(crate) fn new(record: Database, tenant: &str, ways: Arc<Ways>) -> Self {
        Self {
            name: format!("{tenant}/{}", record.name),
            tenant: tenant.to_owned(),
            record,
            ways,
            reached: OnceCell::new(),
            told: AtomicBool::new(false),
            active: AtomicUsize::new(0),
            open: AtomicBool::new(false),
            used: Mutex::new(Instant::now()),
        }
    }

    /// The record that it is held by.
    pub(crate) fn record(&self) -> &Database {
        &self.record
    }

    /// How often its tables have changed since it was first read.
    pub(crate) fn number(&self) -> u64 {
        let known = self.reached.get();
        known.map_or(0, |known| known.judged.now().number)
    }

    /// When its tables were judged, where it was read.
    pub(crate) fn judged_at(&self) -> Option<DateTime<Utc>> {
        Some(self.reached.get()?.judged.at())
    }

    /// What is known of it, read when it is first asked for; several who ask at once wait for one.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(crate) async fn known(self: &Arc<Self>) -> Result<&Known, Unread> {
        if let Some(known) = self.reached.get() {
            return Ok(known);
        }
        let _in_use = self.enter().await.map_err(|_| {
            Advice::new(
                "too many databases of tenants are in use at once",
                "raise MCP_STORE_DATABASES",
            )
        })?;
        self.reached.get_or_try_init(|| self.reach()).await
    }

    /// Tells the log, once, why it cannot be read.
    pub(crate) fn warn(&self, Unread { fault, .. }: Unread) {
        if !self.told.swap(true, Ordering::Relaxed) {
            let name = &self.name;
            let (what, help) = (fault.text(), fault.help);
            warn!("the database {name} is not served: {what}; {help}");
        }
    }

    async fn reach(&self) -> Result<Known, Unread> {
        let Ways {
            reach,
            query_timeout,
            pool_size,
            rows,
            ..
        } = &*self.ways;
        let reached = Reached::new(
            &self.record,
            reach,
            *pool_size,
            *query_timeout,
            Some((&self.tenant, rows)),
        )
        .await?;
        let tables = reached.tables().await?;
        if self.told.swap(false, Ordering::Relaxed) {
            info!("the database {} answers", self.name);
        }
        Ok(Known {
            judged: Arc::new(Judged::new(reached.names.into_iter().zip(tables).collect())),
            db: reached.db,
            _way: reached.way,
            sensitive: Arc::new(reached.sensitive),
            relations: reached.relations,
        })
    }

    /// Uses the database until what is given back is dropped; it is opened, if need be in the place
    /// of one that nobody uses.
    ///
    /// # Errors
    /// `Overloaded` when all places stay in use.
    pub(crate) async fn enter(self: &Arc<Self>) -> Result<InUse, Error> {
        self.active.fetch_add(1, Ordering::SeqCst);
        let in_use = InUse(Arc::clone(self));
        if self.open.load(Ordering::SeqCst) {
            return Ok(in_use);
        }
        let opened = self.ways.rooms.open_up(self);
        match tokio::time::timeout(self.ways.query_timeout, opened).await {
            Ok(()) => Ok(in_use),
            Err(_) => Err(ErrorKind::Overloaded.into()),
        }
    }

    /// Gives its place away, unless somebody uses it.
    fn leave(&self) -> bool {
        // Whoever comes from here on sees that it is closed, and waits for the lock that is held.
        self.open.store(false, Ordering::SeqCst);
        if self.active.load(Ordering::SeqCst) > 0 {
            self.open.store(true, Ordering::SeqCst);
            return false;
        }
        if let Some(known) = self.reached.get() {
            known.db.rest();
        }
        true
    }

    fn used(&self) -> Instant {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A use of a database.
pub(crate) struct InUse(Arc<Held>);

impl Drop for InUse {
    fn drop(&mut self) {
        let held = &self.0;
        if held.active.fetch_sub(1, Ordering::SeqCst) == 1 {
            *held.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            held.ways.rooms.freed.notify_one();
        }
    }
}

/// The places for open databases.
#[derive(Debug)]
struct Rooms {
    most: usize,
    open: Mutex<Vec<Weak<Held>>>,
    /// Told when a database is used by nobody any more.
    freed: Notify,
}

impl Rooms {
    fn open(&self) -> MutexGuard<'_, Vec<Weak<Held>>> {
        // A list is sound whatever a panicking holder was about to do.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place: a free one, or that of the database which was used least recently.
    async fn open_up(&self, held: &Arc<Held>) {
        loop {
            {
                let mut open = self.open();
                open.retain(|other| other.strong_count() > 0);
                if held.open.load(Ordering::SeqCst) {
                    return;
                }
                if open.len() >= self.most {
                    let mut others: Vec<_> = open.iter().filter_map(Weak::upgrade).collect();
                    others.sort_by_key(|other| other.used());
                    if let Some(closed) = others.iter().find(|other| other.leave()) {
                        let closed = Arc::downgrade(closed);
                        open.retain(|other| !other.ptr_eq(&closed));
                    }
                }
                if open.len() < self.most {
                    open.push(Arc::downgrade(held));
                    held.open.store(true, Ordering::SeqCst);
                    return;
                }
            }
            self.freed.notified().await;
        }
    }

    fn close_idle(&self) {
        self.open().retain(|other| {
            let idle = other
                .upgrade()
                .filter(|held| held.used().elapsed() >= IDLE && held.leave());
            idle.is_none() && other.strong_count() > 0
        });
    }
}
