//! A service whose settings change while it runs: checked first, then put in force whole.

mod secrets;
mod withdrawal;

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};

pub(super) use self::secrets::SecretFiles;
use super::reading::{Reading, Reload, Task, at, read};
use super::report::names;
use super::watch::Watch;
use super::{OpenService, StoreFeed, open, tools};
use crate::advice::Advice;
use crate::catalog::Built;
use crate::config::{Change, Config, Faults, Tls};
use crate::inspect;
use crate::policy::databases::Ways;
use crate::policy::judged::{Judged, Tables};
use crate::policy::{Access, Clients, Edition, Exposed, Settings, WrittenTools};
use crate::server::ReloadReport;
use crate::service::Service;
use crate::service::renewal::{self, Renewals};
use crate::store::Contents;

/// A service with the configuration that is in force.
#[derive(Debug)]
pub struct Live {
    service: Arc<Service>,
    config: Arc<Config>,
    /// The tables that are served.
    judged: Arc<Judged>,
    /// Requests that found the database changed.
    renewals: Renewals,
    /// The store, where there is one.
    kept: Option<StoreFeed>,
    /// Whether the database has never answered.
    waiting: bool,
    /// What was last said about a database that cannot be served, though somebody answers for it.
    said: Option<Advice>,
    /// How often the database was to be looked for.
    looks: u32,
    /// The catalog as it is being read.
    reading: Option<Reading>,
    /// Whether less is in force than the configuration says: what a reload takes away waits for
    /// nothing.
    withdrawn: bool,
    /// Which configuration is in force.
    edition: Edition,
}

/// A login that was refused is tried each time that the database was to be looked for so often.
const REFUSED: u32 = 5;

/// A configuration that was not put in force; the one before it stays, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReloaded {
    /// It cannot be right.
    Faulty(Advice),
    /// It could not be compared with the database, which does not answer, or keeps the service out
    /// for a reason; what it takes away is in force, and the rest follows when the database answers.
    Unchecked(Option<Advice>),
}

impl From<Advice> for NotReloaded {
    fn from(fault: Advice) -> Self {
        Self::Faulty(fault)
    }
}

impl From<Faults> for NotReloaded {
    fn from(faults: Faults) -> Self {
        Self::Faulty(faults.first())
    }
}

impl Live {
    /// The service as it was opened, with the store that it serves the clients of.
    pub fn new(opened: &OpenService, kept: Option<StoreFeed>, config: Arc<Config>) -> Self {
        let edition = opened.service.access().edition;
        let mut live = Self {
            renewals: opened.service.renewals(),
            service: Arc::clone(&opened.service),
            config,
            judged: Arc::clone(&opened.judged),
            kept,
            waiting: opened.waiting,
            said: opened.absent.clone(),
            looks: 0,
            reading: None,
            withdrawn: false,
            edition,
        };
        let settings = Arc::clone(&live.service.access().settings);
        let clients = live.clients(&settings);
        live.put(live.with_clients(clients));
        live
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether a reload waits for the database.
    pub(super) fn is_reloading(&self) -> bool {
        let reading = self.reading.as_ref();
        reading.is_some_and(|reading| reading.asked.is_some())
    }

    /// The service that is kept up to date.
    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// Judges a configuration as it will be in force, with the certificate that it names, and begins to read the catalog for it; what
    /// becomes of it is heard of by [`Live::next`]. A reload that is not over yet is given up.
    ///
    /// The catalog is read again in any case: a column that was added is judged now.
    ///
    /// # Errors
    /// When nothing was changed, and why.
    pub(crate) fn reload(
        &mut self,
        new: Config,
        tls: Result<Option<Tls>, Advice>,
    ) -> Result<(), NotReloaded> {
        if new.service.enabled != self.config.service.enabled {
            return Err(NotReloaded::Faulty(Advice::new(
                "MCP_ENABLED: cannot change while the service runs",
                "restart the service",
            )));
        }
        let changes = self.config.changes(&new);
        not_by_halves(&changes)?;
        let config = self.config.reloaded(new)?;
        let known = &self.config.warnings;
        let new = config
            .warnings
            .iter()
            .filter(|warning| !known.contains(warning));
        let warnings = new.map(Advice::line).collect();
        let asked = Reload {
            warnings,
            ..self.asked(&config, changes, tls?)?
        };
        self.read_for(Arc::new(config), Some(asked));
        Ok(())
    }

    /// What of a configuration needs no database.
    fn asked(
        &self,
        config: &Config,
        changes: Vec<Change>,
        tls: Option<Tls>,
    ) -> Result<Reload, Advice> {
        let mut names = changes.iter().map(|change| &*change.variable);
        let cursors = match names.any(|name| name == "MCP_CURSOR_KEY") {
            true => Arc::new(open::cursor_key(config)?),
            false => Arc::clone(&self.service.access().settings.cursors),
        };
        Ok(Reload {
            tls,
            changes,
            warnings: Vec::new(),
            cursors,
            since: Instant::now(),
            withdrawn: false,
        })
    }

    /// Serves what the store holds each time that it changes, and gives back what becomes of a
    /// reload. Nothing of the one waits for the other.
    ///
    /// # Errors
    /// As [`NotReloaded`] says.
    pub async fn next(&mut self) -> Result<ReloadReport, NotReloaded> {
        loop {
            let since = self.reading.as_ref().and_then(Reading::withdraws_at);
            let read = tokio::select! {
                contents = heard(self.kept.as_mut()) => {
                    self.follow(contents);
                    continue;
                }
                () = at(since) => {
                    self.withdraw();
                    continue;
                }
                told = renewal::asked(&mut self.renewals) => {
                    self.renew();
                    // Whoever asked may have gone.
                    let _ = told.send(());
                    continue;
                }
                read = read(self.reading.as_mut()) => read,
            };
            let Some(mut reading) = self.reading.take() else {
                continue;
            };
            if let Err(unchecked @ NotReloaded::Unchecked(_)) = &read
                && !self.waiting
            {
                let unchecked = unchecked.clone();
                reading.task = Task::Rests;
                self.reading = Some(reading);
                self.withdraw();
                return Err(unchecked);
            }
            match reading.asked {
                Some(asked) => return self.settle(reading.config, asked, read),
                None => self.found(read),
            }
        }
    }

    /// Reads the tools of the configuration in force again, and judges them; nothing waits for it.
    /// The files of them come along, as they were before they were read.
    pub(super) fn judge_tools(&self) -> JoinHandle<(Watch, Result<WrittenTools, Faults>)> {
        let config = Arc::clone(&self.config);
        let access = self.service.access();
        let exposed = access.shared.exposed.first().cloned();
        tokio::spawn(async move {
            let watch = tools::watch(Arc::clone(&config)).await;
            let bounds = tools::bounds(&config);
            let read = tools::read(&config, exposed.as_ref(), bounds).await;
            if let (Ok(read), Some(exposed)) = (&read, &exposed) {
                tools::tell_of_columns(&access.settings.tools, read, exposed, bounds).await;
            }
            (watch, read)
        })
    }

    /// Serves other tools beside all else that is in force.
    pub(super) fn serve_tools(&mut self, read: WrittenTools) {
        let before = self.service.access();
        let settings = tools::settings(&before, read);
        let clients = self.clients(&settings);
        self.edition = self.edition.next();
        self.put(tools::serving(&before, settings, clients));
    }

    /// Asks a database that has never answered, and one that a reload could not be compared with.
    pub fn look(&mut self) {
        self.looks = self.looks.wrapping_add(1);
        match self.reading.take() {
            Some(Reading {
                config,
                asked,
                task: Task::Rests,
            }) => self.read_for(config, asked),
            // A login that is refused is not tried as often as a server that is away.
            None if self.waiting && (self.said.is_none() || self.looks.is_multiple_of(REFUSED)) => {
                self.read_for(Arc::clone(&self.config), None);
            }
            other => self.reading = other,
        }
    }

    fn read_for(&mut self, config: Arc<Config>, asked: Option<Reload>) {
        let (db, of) = (self.service.db().cloned(), Arc::clone(&config));
        let task = tokio::spawn(async move {
            let Some(db) = db else {
                return Ok(Tables::new());
            };
            let tables = open::tables(&db, &of).await;
            let tables =
                tables.map_err(|failure| NotReloaded::Unchecked(open::absent(&db, &failure)))?;
            open::served(open::built(&tables, &of), &db, &of).await?;
            Ok(tables)
        });
        self.reading = Some(Reading {
            config,
            asked,
            task: Task::Runs(AbortOnDropHandle::new(task)),
        });
    }

    /// Serves databases as they are now that were found changed.
    fn renew(&mut self) {
        let before = self.service.access();
        let own = before.shared.exposed.first().cloned();
        let exposed = match (own, &self.reading) {
            (Some(own), _) if !own.is_outdated() => Some(own),
            (_, Some(reading)) if self.withdrawn => self.exposed_within(&reading.config),
            (Some(_), _) => self.exposed(&self.judged, &self.config),
            (None, _) => None,
        };
        let clients = self.clients(&before.settings);
        self.put(Access {
            shared: Arc::new(before.shared.exposing(exposed)),
            clients,
            ..Access::clone(&before)
        });
    }

    /// Puts a configuration in force, or that one back which was before.
    fn settle(
        &mut self,
        config: Arc<Config>,
        asked: Reload,
        read: Result<Tables, NotReloaded>,
    ) -> Result<ReloadReport, NotReloaded> {
        let before = self.service.access();
        let read = read.and_then(|tables| {
            self.not_unhidden(&config, &tables)?;
            Ok(tables)
        });
        let tables = match read {
            Ok(tables) => tables,
            Err(NotReloaded::Unchecked(_)) => Tables::new(),
            Err(faulty) => {
                if std::mem::take(&mut self.withdrawn) {
                    let of = &before.settings;
                    let (cursors, tools) = (Arc::clone(&of.cursors), of.tools.clone());
                    let settings = &Arc::new(open::settings(&self.config, cursors, tools));
                    let tls = before.tls.clone();
                    let exposed = self.exposed(&self.judged, &self.config);
                    let config = Arc::clone(&self.config);
                    let clients = self.reach_by(|ways| ways.anew(&config), settings);
                    self.put(open::access(&self.config, settings, tls, exposed, clients));
                }
                return Err(faulty);
            }
        };
        let settings = Arc::new(open::settings(
            &config,
            asked.cursors,
            before.settings.tools.clone(),
        ));
        let idle = inspect::weaknesses(&tables, &config.data.sensitive).into_iter();
        let idle = idle.map(|weakness| weakness.line());
        let warnings = asked.warnings.into_iter().chain(idle);
        let clients = self.reach_by(|ways| ways.anew(&config), &settings);
        self.waiting &= tables.is_empty();
        let judged = Arc::new(Judged::new(tables));
        let exposed = self.exposed(&judged, &config);
        let access = open::access(&config, &settings, asked.tls, exposed, clients);
        let had = names(&open::built(&self.judged.now().tables, &self.config).catalog);
        let report = ReloadReport {
            warnings: warnings.chain(access.certificate_warning()).collect(),
            ..ReloadReport::new(&asked.changes).with_exposed(&had, &access.shared)
        };
        report.tell();
        self.withdrawn = false;
        self.edition = self.edition.next();
        self.put(access);
        self.config = config;
        self.judged = judged;
        Ok(report)
    }

    /// Refuses a reload by which an entry hides nothing any more while a field comes: most likely it
    /// is the one that was hidden, under another name.
    fn not_unhidden(&self, new: &Config, tables: &Tables) -> Result<(), Advice> {
        let judged = self.judged.judged();
        let before = inspect::entries(judged, &self.config.data.sensitive);
        let mut lost = inspect::entries(tables, &new.data.sensitive);
        lost.retain(|entry| {
            entry.0 == "MCP_HIDDEN_FIELDS"
                && !before.contains(entry)
                && self.config.data.sensitive.names(&entry.1)
        });
        let had = names(&open::built(judged, &self.config).catalog);
        let has = names(&open::built(tables, new).catalog);
        let mut known = judged.iter().map(|(name, _)| &name.exposed);
        let came = has.difference(&had).find(|name| {
            let model = name.rsplit_once('.').map(|(model, _)| model);
            model.is_some_and(|model| known.any(|known| known == model))
        });
        match (lost.first(), came) {
            (Some((variable, entry)), Some(came)) => Err(Advice::new(
                format!(
                    "{variable}: {entry:?} hides nothing any more, and {came} would be exposed"
                ),
                "was the column renamed? Name it as it is now, or take the entry out",
            )),
            _ => Ok(()),
        }
    }

    /// What a configuration exposes of tables that were read; none were where the database is
    /// waited for.
    fn exposed(&self, judged: &Arc<Judged>, config: &Config) -> Option<Arc<Exposed>> {
        let now = judged.now();
        match self.service.db() {
            Some(db) if !now.tables.is_empty() => {
                let built = open::built(&now.tables, config);
                warn_of_missing(&built);
                let of = (judged, now.number);
                Some(open::exposed(db, built, &config.data.sensitive, of))
            }
            Some(_) => Some(open::waiting(config)),
            None => (!config.service.enabled).then(|| open::waiting(config)),
        }
    }

    /// Serves a database that answers for the first time.
    fn found(&mut self, read: Result<Tables, NotReloaded>) {
        match read {
            Ok(tables) => {
                let before = self.service.access();
                self.judged = Arc::new(Judged::new(tables));
                let exposed = self.exposed(&self.judged, &self.config);
                let (settings, tls) = (&before.settings, before.tls.clone());
                let clients = Arc::clone(&before.clients);
                let access = open::access(&self.config, settings, tls, exposed, clients);
                let models = access.shared.names().len();
                self.put(access);
                self.waiting = false;
                info!(models, "the database answers");
            }
            Err(NotReloaded::Faulty(fault)) if self.said.as_ref() != Some(&fault) => {
                error!("{}", fault.line());
                self.said = Some(fault);
            }
            Err(NotReloaded::Unchecked(fault)) if fault.is_some() && self.said != fault => {
                if let Some(fault) = &fault {
                    let (what, help) = (fault.text(), &fault.help);
                    warn!("{what}: waited for; {help}");
                }
                self.said = fault;
            }
            Err(_) => {}
        }
    }

    /// Serves the clients of what the store holds now.
    fn follow(&mut self, contents: Contents) {
        let Some(kept) = &mut self.kept else { return };
        let revision = contents.revision;
        kept.tenants.follow(contents);
        let settings = Arc::clone(&self.service.access().settings);
        let clients = self.clients(&settings);
        info!(revision, tokens = clients.count(), "the store was changed");
        self.put(self.with_clients(clients));
    }

    /// The clients of the store, whose databases are opened anew by other ways.
    fn reach_by(
        &mut self,
        by: impl FnOnce(&Ways) -> Ways,
        settings: &Arc<Settings>,
    ) -> Arc<Clients> {
        if let Some(kept) = &mut self.kept {
            let ways = by(kept.tenants.ways());
            kept.tenants.reread(ways);
            self.service.set_ways(kept.tenants.ways());
        }
        self.clients(settings)
    }

    fn clients(&mut self, settings: &Arc<Settings>) -> Arc<Clients> {
        let kept = self.kept.as_mut();
        kept.map_or_else(Arc::default, |kept| {
            Arc::new(kept.tenants.clients(settings))
        })
    }

    /// Lets in whom the configuration in force says.
    fn put(&self, access: Access) {
        let edition = self.edition;
        self.service.replace(Access { edition, ..access });
    }

    /// Whom the service lets in, with other clients of the store.
    fn with_clients(&self, clients: Arc<Clients>) -> Access {
        Access {
            clients,
            ..Access::clone(&self.service.access())
        }
    }
}

/// What the store holds, each time that it is something else; never without a store.
async fn heard(kept: Option<&mut StoreFeed>) -> Contents {
    let heard = match kept {
        Some(kept) => kept.news.recv().await,
        None => None,
    };
    match heard {
        Some(contents) => contents,
        None => std::future::pending().await,
    }
}

/// Refuses what lets in or shows more beside what waits for a restart: the one would be in force
/// without the other, which nobody meant.
fn not_by_halves(changes: &[Change]) -> Result<(), Advice> {
    let waits = changes.iter().find(|change| !change.follows);
    let widens = changes.iter().find(|change| change.widens);
    match (waits, widens) {
        (Some(waits), Some(widens)) => Err(Advice::new(
            format!(
                "{} cannot change beside {}, which needs a restart",
                widens.variable, waits.variable
            ),
            "restart the service, or take one of the two changes back",
        )),
        _ => Ok(()),
    }
}

fn warn_of_missing(built: &Built) {
    for missing in &built.missing {
        warn!(model = missing.name, "not served: {}", missing.reason);
    }
}
