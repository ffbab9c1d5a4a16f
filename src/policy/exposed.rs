//! A database as a policy exposes it: what of it may be seen, and how it is read.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use secrecy::ExposeSecret as _;
use tracing::warn;

use super::databases::{Held, InUse, Unread};
use super::decision::Bar;
use super::directory::{listed, wanted};
use super::judged::Judged;
use super::ready::{self, Ready, ReadyTools, Unready};
use super::written::Written;
use crate::advice::Advice;
use crate::catalog::{self, Built, Catalog, FieldType, Model, Narrowing, WantedRule};
use crate::config::{self, DatabaseUrl, Engine};
use crate::db::{Db, Failure, Whom};
use crate::error::Error;
use crate::plan::Zone;
use crate::sensitive::Sensitive;
use crate::sql::Dialect;
use crate::sql::shapes::Shapes;
use crate::store::{Database, RowRule};

/// A database, and what a policy exposes of it.
pub struct Exposed {
    /// The names that clients use, in the order of the whitelist.
    names: Vec<String>,
    known: OnceLock<Facts>,
    /// What the statements of its models share.
    pub(crate) shapes: Shapes,
    /// The tools of the operator as they are run on it.
    ready: ReadyTools,
    /// Fields of which a value could not be decoded, each warned of once.
    unread: Mutex<HashSet<String>>,
    /// Time zones that its engine turned out to know.
    zones: Mutex<HashSet<Zone>>,
    /// Where it is learned what there is, for a tenant's.
    source: Option<Narrowed>,
}

/// What a database turned out to hold.
struct Facts {
    db: Db,
    built: Built,
    sensitive: Arc<Sensitive>,
    /// The tables that the catalog was made of,
    judged: Arc<Judged>,
    /// and as which of their states.
    number: u64,
}

/// A tenant's database, narrowed to what one token sees of it.
#[derive(Debug)]
pub(crate) struct Narrowed {
    pub(crate) held: Arc<Held>,
    /// The rules that all hold.
    pub(crate) rules: Vec<RowRule>,
    /// Whether one of them is about no model, so that nothing is seen.
    pub(crate) is_astray: bool,
    /// Whose models they are.
    pub(crate) owner: String,
    /// Whom the database is told that each transaction is for, where it asks for that.
    pub(crate) whom: Option<Arc<Whom>>,
}

impl fmt::Debug for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exposed")
            .field("names", &self.names)
            .field("known", &self.known.get().is_some())
            .finish_non_exhaustive()
    }
}

/// Whose SQL a tenant's database reads; `None` where its URL cannot be told.
fn dialect_of(record: &Database) -> Option<Dialect> {
    let url = record.url.as_ref().ok()?;
    let url = config::tenant_url("url", url.expose_secret()).ok()?;
    Some(match url {
        DatabaseUrl::Sqlite(_) => Dialect::Sqlite,
        DatabaseUrl::Server(server) if server.engine == Engine::MySql => Dialect::MySql,
        DatabaseUrl::Server(_) => Dialect::Postgres,
    })
}

impl Exposed {
    /// A database whose catalog was read.
    pub(crate) fn known(
        db: Db,
        built: Built,
        sensitive: Arc<Sensitive>,
        (judged, number): (Arc<Judged>, u64),
    ) -> Self {
        let names = built
            .catalog
            .models()
            .iter()
            .map(|model| model.name().to_owned());
        Self {
            names: names.collect(),
            known: OnceLock::from(Facts {
                db,
                built,
                sensitive,
                judged,
                number,
            }),
            shapes: Shapes::default(),
            ready: ReadyTools::default(),
            unread: Mutex::default(),
            zones: Mutex::default(),
            source: None,
        }
    }

    /// A tool of the operator as it is run here.
    ///
    /// # Errors
    /// What is wrong with it here, and a database that does not say.
    pub(crate) async fn ready(
        &self,
        written: &Written,
        bounds: ready::Bounds,
    ) -> Result<Arc<Ready>, Unready> {
        self.ready.tool(written, self, bounds).await
    }

    /// The types of a tool's parameters as the database takes them, where it tells.
    pub(crate) async fn guessed(&self, written: &Written) -> Vec<FieldType> {
        ready::guessed(&written.tool, self).await
    }

    /// Whose SQL the database reads, as far as that is known.
    pub(crate) fn dialect(&self) -> Option<Dialect> {
        if let Some(db) = self.db() {
            return Some(db.dialect());
        }
        dialect_of(self.record()?)
    }

    /// Whether every row of it may be seen: no rule and no row security narrows it.
    pub(crate) fn is_whole(&self) -> bool {
        let narrowed = self.source.as_ref();
        let by_rules = narrowed.is_some_and(|it| !it.rules.is_empty() || it.whom.is_some());
        let mut models = self.catalog().into_iter().flat_map(Catalog::models);
        !by_rules && !models.any(Model::is_partial)
    }

    /// Tells the operator, once, of a field with a value that could not be decoded.
    pub(crate) fn warn_of_unread(&self, model: &Model, field: &str) {
        let name = format!("{}.{field}", model.name());
        // A set is sound whatever a panicking holder was about to do.
        let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        if unread.insert(name.clone()) {
            warn!("{name}: a value could not be decoded, and is shown as �");
        }
    }

    /// Whether its engine is known to know a zone.
    pub(crate) fn knows_zone(&self, zone: Zone) -> bool {
        let zones = self.zones.lock().unwrap_or_else(PoisonError::into_inner);
        zones.contains(&zone)
    }

    /// Notes that its engine knows a zone.
    pub(crate) fn note_zone(&self, zone: Zone) {
        let mut zones = self.zones.lock().unwrap_or_else(PoisonError::into_inner);
        zones.insert(zone);
    }

    /// A database that has not answered yet: only the names of the whitelist are known.
    pub fn waiting(names: Vec<String>) -> Self {
        Self {
            names,
            known: OnceLock::new(),
            shapes: Shapes::default(),
            ready: ReadyTools::default(),
            unread: Mutex::default(),
            zones: Mutex::default(),
            source: None,
        }
    }

    /// A tenant's database, of which these names are seen; it is read when it is first asked for.
    pub(crate) fn narrowed(names: Vec<String>, source: Narrowed) -> Self {
        Self {
            source: Some(source),
            ..Self::waiting(names)
        }
    }

    /// The names that clients use, as far as they are known.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let (known, waiting) = match self.catalog() {
            Some(catalog) => (Some(catalog.models().iter().map(Model::name)), None),
            None => (None, Some(self.names.iter().map(String::as_str))),
        };
        known
            .into_iter()
            .flatten()
            .chain(waiting.into_iter().flatten())
    }

    /// Whether a client may name this model.
    pub(crate) fn has(&self, name: &str) -> bool {
        match self.catalog() {
            Some(catalog) => catalog.model(name).is_some(),
            None => self.names.iter().any(|known| known == name),
        }
    }

    /// What is exposed, once the database has answered.
    pub fn catalog(&self) -> Option<&Catalog> {
        self.known.get().map(|known| &known.built.catalog)
    }

    /// What is exposed and what was left out, with the tables that both were made of, once the
    /// database has answered.
    pub(crate) fn built(&self) -> Option<(&Built, &Judged)> {
        let known = self.known.get()?;
        Some((&known.built, &known.judged))
    }

    /// The database, once it has answered.
    pub(crate) fn db(&self) -> Option<&Db> {
        self.known.get().map(|known| &known.db)
    }

    /// The record of a tenant's database.
    pub(crate) fn record(&self) -> Option<&Database> {
        let source = self.source.as_ref()?;
        Some(source.held.record())
    }

    /// Whose database it is and its name, for a tenant's.
    pub(crate) fn told(&self) -> Option<String> {
        let source = self.source.as_ref()?;
        Some(source.held.to_string())
    }

    /// The rules that rows of a model keep, by their places among those of the tenant and then of
    /// the token, once the database has answered.
    pub(crate) fn rules_of(&self, model: &Model) -> Vec<usize> {
        let Some(source) = &self.source else {
            return Vec::new();
        };
        let rules = || source.rules.iter().enumerate();
        let hold: Vec<usize> = rules()
            .filter_map(|(place, rule)| wanted(rule).map(|_| place))
            .collect();
        let held = model.rules().iter();
        let held = held.filter_map(|rule| hold.get(rule.number()).copied());
        // One that lets every row be seen holds nothing back, and says so of this model.
        let listed = listed(source.held.record());
        let name = listed.iter().find(|name| name.exposed == model.name());
        let says = |rule: &RowRule| name.is_some_and(|name| name.may_begin(&rule.model));
        let open = rules().filter(|(_, rule)| wanted(rule).is_none() && says(rule));
        let mut all: Vec<usize> = held.chain(open.map(|(place, _)| place)).collect();
        all.sort_unstable();
        all
    }

    /// The same, in words.
    pub(crate) fn rules_told(&self, model: &Model) -> Vec<String> {
        let source = self.source.as_ref();
        let rule = |place| source?.rules.get(place).map(RowRule::to_string);
        self.rules_of(model).into_iter().filter_map(rule).collect()
    }

    /// Decides over a name that the token may see here, once the database has answered.
    ///
    /// # Errors
    /// Why it is not served.
    pub(crate) fn judge(&self, name: &str) -> Result<&Model, Bar<'_>> {
        let built = self.built().map(|(built, _)| built);
        let model = built.and_then(|built| built.catalog.model(name));
        model.ok_or_else(|| {
            let mut missing = built.into_iter().flat_map(|built| &built.missing);
            let missing = missing.find(|missing| missing.name == name);
            Bar::Missing(missing.map_or("it is not there", |missing| &missing.reason))
        })
    }

    /// Whether a tenant's database lists a model of this name, which the token was not given.
    pub(crate) fn withholds(&self, name: &str) -> bool {
        let source = self.source.as_ref().filter(|source| !source.is_astray);
        let mut listed = source.into_iter().flat_map(|it| listed(it.held.record()));
        !self.names.iter().any(|seen| seen == name) && listed.any(|listed| listed.exposed == name)
    }

    /// Whether a database lists a model of this name, be it served or not.
    pub(crate) fn lists(&self, name: &str) -> bool {
        let own = self.built().map(|(built, _)| &built.missing);
        let mut own = own.into_iter().flatten();
        let mut listed = self.record().into_iter().flat_map(listed);
        own.any(|missing| missing.name == name) || listed.any(|listed| listed.exposed == name)
    }

    /// The same database with every row that the tenant's sees.
    pub(crate) fn without_rules(&self) -> Option<Self> {
        let source = self.source.as_ref()?;
        Some(Self::narrowed(
            self.names.clone(),
            Narrowed {
                held: Arc::clone(&source.held),
                rules: Vec::new(),
                is_astray: false,
                owner: String::new(),
                whom: None,
            },
        ))
    }

    /// Which members of JSON documents are left out.
    pub(crate) fn sensitive(&self) -> Arc<Sensitive> {
        let known = self.known.get();
        known.map_or_else(Arc::default, |known| Arc::clone(&known.sensitive))
    }

    /// Whether nobody has asked a tenant's database what there is, or it did not answer.
    pub(crate) fn is_unknown(&self) -> bool {
        self.source.is_some() && self.known.get().is_none()
    }

    /// Asks a tenant's database what there is, and tells the log what of it is not served.
    pub(crate) async fn prepare(&self) {
        let Some(source) = &self.source else { return };
        let database = &source.held;
        let given = match self.learn().await {
            Ok(None) => return,
            Ok(Some(given)) => given,
            Err(unread) => return database.warn(unread),
        };
        if let Err(fault) = given {
            let (what, help) = (fault.text(), fault.help);
            warn!(%database, "a relation is left out: {what}; {help}");
        }
        let missing = self.built().map(|(built, _)| &built.missing);
        for missing in missing.into_iter().flatten() {
            warn!(
                %database,
                model = missing.name,
                "not served: {}",
                missing.logged()
            );
        }
    }

    /// Asks a tenant's database what there is; whether the keys given for it can be, or nothing where
    /// it is known already.
    ///
    /// # Errors
    /// Why the database cannot be read.
    pub(crate) async fn learn(&self) -> Result<Option<Result<(), Advice>>, Unread> {
        let Some(source) = &self.source else {
            return Ok(None);
        };
        let learned = source.held.known().await?;
        let rules: Vec<WantedRule<'_>> = source.rules.iter().filter_map(wanted).collect();
        let ((tables, number), given) = learned.related();
        let built = catalog::build(
            tables
                .iter()
                .map(|(name, table)| (name, table.clone()))
                .collect(),
            &learned.sensitive,
            Narrowing {
                models: Some(&self.names),
                rules: &rules,
                owner: &source.owner,
                secured: source.whom.is_some(),
            },
        );
        let known = Facts {
            db: match &source.whom {
                Some(whom) => learned.db.for_whom(Arc::clone(whom)),
                None => learned.db.clone(),
            },
            built,
            sensitive: Arc::clone(&learned.sensitive),
            judged: Arc::clone(&learned.judged),
            number,
        };
        // One who asks at the same time has told it.
        Ok(self.known.set(known).is_ok().then_some(given))
    }

    /// Whether the tables are known to be otherwise than the catalog says.
    pub(crate) fn is_outdated(&self) -> bool {
        let known = self.known.get();
        known.is_some_and(|known| known.judged.now().number != known.number)
    }

    /// Whether what a request misses may be back.
    pub(crate) fn may_be_back(&self) -> bool {
        let known = self.known.get();
        known.is_some_and(|known| known.judged.may_be_back())
    }

    /// Whether the tables may be read again.
    pub(crate) fn is_due(&self) -> bool {
        let known = self.known.get();
        known.is_some_and(|known| known.judged.is_due())
    }

    /// Reads the tables again, for one who found them changed; whether they are.
    ///
    /// # Errors
    /// When the database does not tell.
    pub(crate) async fn renew(&self) -> Result<bool, Failure> {
        match self.known.get() {
            Some(known) => known.judged.renew(&known.db, known.number).await,
            None => Ok(false),
        }
    }

    /// Uses the database until what is given back is dropped.
    ///
    /// # Errors
    /// `Overloaded` when too many other databases of tenants are in use.
    pub(crate) async fn enter(&self) -> Result<Option<InUse>, Error> {
        match &self.source {
            Some(source) => source.held.enter().await.map(Some),
            None => Ok(None),
        }
    }
}
