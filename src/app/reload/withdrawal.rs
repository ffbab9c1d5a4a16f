//! What a reload takes away, which is in force before the database answers.

use std::sync::Arc;

use tracing::warn;

use super::{Live, Reading, open};
use crate::config::Config;
use crate::policy::{Access, Exposed, Settings};

impl Live {
    /// Puts in force what a reload takes away, while the catalog is being read.
    pub(super) fn withdraw(&mut self) {
        let Some(Reading {
            config: new,
            asked: Some(asked),
            ..
        }) = &mut self.reading
        else {
            return;
        };
        if std::mem::replace(&mut asked.withdrawn, true) {
            return;
        }
        let new = Arc::clone(new);
        let before = self.service.access();
        let exposed = self.exposed_within(&new);
        let settings = Arc::new(self.narrowed_by(&new, Settings::clone(&before.settings)));
        let (settings, tls) = (&settings, before.tls.clone());
        let places = &self.config.admin.places;
        let clients = match *places == places.within(&new.admin.places) {
            true => self.clients(settings),
            false => {
                let config = Arc::clone(&self.config);
                self.reach_by(|ways| ways.anew(&config).within(&config, &new), settings)
            }
        };
        let access = open::access(&self.config, settings, tls, exposed, clients);
        let narrowed = access.within(&self.alone(&new));
        self.put(narrowed);
        self.withdrawn = true;
        warn!("reload: waits for the database; what it takes away is in force");
    }

    /// These settings, as far as a reload that takes away for its database leaves them.
    pub(super) fn narrowed(&self, settings: Settings) -> Settings {
        match self.reading.as_ref().filter(|_| self.withdrawn) {
            Some(reading) => self.narrowed_by(&reading.config, settings),
            None => settings,
        }
    }

    /// The smaller of both limits, and the stricter of both switches.
    fn narrowed_by(&self, new: &Config, settings: Settings) -> Settings {
        let (cursors, tools) = (Arc::clone(&settings.cursors), settings.tools.clone());
        settings.within(&open::settings(new, cursors, tools))
    }

    /// What the configuration in force and another both expose.
    pub(super) fn exposed_within(&self, new: &Config) -> Option<Arc<Exposed>> {
        match self.service.db() {
            Some(db) if !self.waiting => {
                let now = self.judged.now();
                let (built, sensitive) = open::built_within(&now.tables, &self.config, new);
                let of = (&self.judged, now.number);
                Some(open::exposed(db, built, &sensitive, of))
            }
            _ => self.service.access().shared.exposed.first().cloned(),
        }
    }

    /// Whom a configuration lets in, without anything that they could read.
    pub(super) fn alone(&self, config: &Config) -> Access {
        let before = self.service.access();
        open::access(config, &before.settings, None, None, Arc::default())
    }
}
