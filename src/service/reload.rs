//! A service whose settings change while it runs: checked first, then put in force whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use tracing::{error, info, warn};

use super::tenant::Ways;
use super::{Access, Clients, Exposed, Kept, Opened, Policy, Service, Settings, open};
use crate::catalog::{Built, Catalog};
use crate::config::{Change, Config};
use crate::db::StartFault;
use crate::store::Contents;

/// Names are listed in a line of the log up to this many.
const LISTED: usize = 8;

/// A service with the configuration that is in force.
#[derive(Debug)]
pub struct Live {
    service: Arc<Service>,
    config: Config,
    /// The store, where there is one.
    kept: Option<Kept>,
    /// Whether the database has never answered.
    waiting: bool,
    /// What was last said about a database that answers and cannot be served.
    said: Option<StartFault>,
}

/// A configuration that was not put in force; the one before it stays, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReloaded {
    /// It cannot be right.
    Faulty(StartFault),
    /// It could not be compared with the database, which does not answer.
    Unchecked,
}

impl Live {
    /// The service as it was opened, with the store that it serves the clients of.
    pub fn new(opened: Opened, kept: Option<Kept>, config: Config) -> Self {
        let mut live = Self {
            service: opened.service,
            config,
            kept,
            waiting: opened.waiting,
            said: None,
        };
        let settings = Arc::clone(&live.service.access().settings);
        let clients = live.clients(&settings);
        live.service.replace(live.with_clients(clients));
        live
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The service that is kept up to date.
    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// Whether the database has never answered; then [`Live::look`] asks it.
    pub fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// Checks a configuration against the database, logs what it changes, and puts it in force.
    ///
    /// The catalog is read again in any case: a column that was added is judged now.
    ///
    /// # Errors
    /// When nothing was changed, and why.
    pub async fn reload(&mut self, mut new: Config) -> Result<(), NotReloaded> {
        if new.enabled != self.config.enabled {
            return Err(NotReloaded::Faulty(StartFault {
                what: "MCP_ENABLED: cannot change while the service runs".to_owned(),
                help: "restart the service".to_owned(),
            }));
        }
        let changes = self.config.changes(&new);
        new.keep_until_restart(&self.config);
        let before = self.service.access();
        let cursors = if changes
            .iter()
            .any(|change| change.variable == "MCP_CURSOR_KEY")
        {
            Arc::new(open::cursor_key(&new).map_err(NotReloaded::Faulty)?)
        } else {
            Arc::clone(&before.settings.cursors)
        };
        let tls = open::tls(&new).map_err(NotReloaded::Faulty)?;
        let exposed = self.exposed(&new).await?;
        for warning in &new.warnings {
            if !self.config.warnings.contains(warning) {
                warn!(
                    "{}: {}; {}",
                    warning.variable, warning.message, warning.help
                );
            }
        }
        let settings = Arc::new(open::settings(&new, cursors));
        if let Some(kept) = &mut self.kept {
            kept.tenants.reread(Ways::new(&new));
            self.service.set_ways(kept.tenants.ways());
        }
        let clients = self.clients(&settings);
        let access = open::access(&new, &settings, tls, exposed, clients);
        tell(&changes, &before.shared, &access.shared);
        self.service.replace(access);
        self.config = new;
        Ok(())
    }

    /// Hears what the store holds, each time that it is something else; never without a store.
    pub async fn hear(&mut self) -> Contents {
        let heard = match &mut self.kept {
            Some(kept) => kept.news.recv().await,
            None => None,
        };
        match heard {
            Some(contents) => contents,
            None => std::future::pending().await,
        }
    }

    /// Serves the clients of what the store holds now.
    pub fn follow(&mut self, contents: Contents) {
        let Some(kept) = &mut self.kept else { return };
        let revision = contents.revision;
        kept.tenants.follow(contents);
        let settings = Arc::clone(&self.service.access().settings);
        let clients = self.clients(&settings);
        info!(revision, tokens = clients.count(), "the store was changed");
        self.service.replace(self.with_clients(clients));
    }

    fn clients(&mut self, settings: &Arc<Settings>) -> Arc<Clients> {
        let kept = self.kept.as_mut();
        kept.map_or_else(Arc::default, |kept| {
            Arc::new(kept.tenants.clients(settings))
        })
    }

    /// Whom the service lets in, with other clients of the store.
    fn with_clients(&self, clients: Arc<Clients>) -> Access {
        Access {
            clients,
            ..Access::clone(&self.service.access())
        }
    }

    /// Asks a database that has never answered, and serves it from then on.
    pub async fn look(&mut self) {
        let Some(db) = self.service.db() else { return };
        let Ok(built) = open::read(db, &self.config).await else {
            return;
        };
        match open::served(built, db, &self.config).await {
            Ok(built) => {
                warn_of_missing(&built);
                let models = built.catalog.models().len();
                let exposed = open::exposed(db, built.catalog, &self.config);
                let before = self.service.access();
                let (settings, tls) = (&before.settings, before.tls.clone());
                let clients = Arc::clone(&before.clients);
                self.service.replace(open::access(
                    &self.config,
                    settings,
                    tls,
                    Some(exposed),
                    clients,
                ));
                self.waiting = false;
                info!(models, "the database answers");
            }
            Err(fault) if self.said.as_ref() == Some(&fault) => {}
            Err(fault) => {
                error!("{}; {}", fault.what, fault.help);
                self.said = Some(fault);
            }
        }
    }

    /// What a configuration serves, from the database as it is now.
    async fn exposed(&self, new: &Config) -> Result<Option<Exposed>, NotReloaded> {
        let Some(db) = self.service.db() else {
            return Ok((!new.enabled).then(|| open::waiting(new)));
        };
        match open::read(db, new).await {
            Ok(built) => {
                let built = open::served(built, db, new)
                    .await
                    .map_err(NotReloaded::Faulty)?;
                warn_of_missing(&built);
                Ok(Some(open::exposed(db, built.catalog, new)))
            }
            Err(_) if self.waiting => Ok(Some(open::waiting(new))),
            Err(_) => Err(NotReloaded::Unchecked),
        }
    }
}

fn warn_of_missing(built: &Built) {
    for missing in &built.missing {
        warn!(model = missing.name, "not served: {}", missing.reason);
    }
}

/// Logs what changes, before it does.
fn tell(changes: &[Change], before: &Policy, after: &Policy) {
    for change in changes {
        if change.follows {
            info!("reload: {change}");
        } else {
            warn!("reload: {change}: needs a restart");
        }
    }
    let (had, has) = (exposed(before), exposed(after));
    let gone: Vec<&str> = had.difference(&has).map(String::as_str).collect();
    let new: Vec<&str> = has.difference(&had).map(String::as_str).collect();
    for (names, what) in [(gone, "no longer exposed"), (new, "exposed from now on")] {
        if !names.is_empty() {
            info!("reload: {what}: {}", listed(&names));
        }
    }
    let models = after.own().map_or(0, |catalog| catalog.models().len());
    info!(models, "reloaded");
}

/// Every model and field that can be read, as `model` and `model.field`.
fn exposed(policy: &Policy) -> BTreeSet<String> {
    let models = policy.own().map(Catalog::models).unwrap_or_default();
    let fields = models.iter().flat_map(|model| {
        let fields = model.fields().iter();
        fields.map(|field| format!("{}.{}", model.name(), field.name()))
    });
    let names = models.iter().map(|model| model.name().to_owned());
    fields.chain(names).collect()
}

fn listed(names: &[&str]) -> String {
    match names.get(..LISTED) {
        Some(first) if names.len() > LISTED => {
            format!("{}, … ({})", first.join(", "), names.len())
        }
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(listed(&["a", "b"]), "a, b");
        assert_eq!(listed(&["x"; 9]), "x, x, x, x, x, x, x, x, … (9)");
    }
}
