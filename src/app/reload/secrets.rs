//! Secret files that changed, by themselves.

use std::sync::Arc;

use super::{Live, NotReloaded, Reading, Reload, ReloadReport, names, open};
use crate::advice::Advice;
use crate::config::Faults;

impl Live {
    /// Takes over what the secret files hold now, and nothing else; no database is asked. A reload
    /// that is under way takes them over too. What of a file is faulty stays as it was, and comes back:
    /// what another one takes away does not wait for it.
    ///
    /// # Errors
    /// When nothing was changed, and why.
    pub(crate) fn reread(&mut self) -> Result<Vec<Advice>, NotReloaded> {
        let (new, faults) = self.config.reread()?;
        let faults = faults.iter().flat_map(Faults::iter);
        let mut faults: Vec<Advice> = faults.cloned().collect();
        let changes = self.config.changes(&new);
        let config = self.config.reloaded(new)?;
        let tls = open::tls(&config).unwrap_or_else(|fault| {
            faults.push(fault);
            self.service.access().tls.clone()
        });
        if changes.is_empty()
            && let Some(fault) = faults.first()
        {
            return Err(NotReloaded::Faulty(fault.clone()));
        }
        let asked = self.asked(&config, changes, tls)?;
        let waiting = match self.reading.take() {
            Some(Reading {
                config,
                asked: Some(asked),
                task,
            }) => {
                let (new, _) = config.reread()?;
                let config = Arc::new(config.reloaded(new)?);
                let tls = open::tls(&config).unwrap_or(asked.tls);
                let asked = Reload {
                    since: asked.since,
                    withdrawn: asked.withdrawn,
                    warnings: asked.warnings,
                    ..self.asked(&config, asked.changes, tls)?
                };
                Some(Reading {
                    config,
                    asked: Some(asked),
                    task,
                })
            }
            other => other,
        };
        let before = self.service.access();
        let same = Arc::ptr_eq(&asked.cursors, &before.settings.cursors);
        let settings = match same {
            true => Arc::clone(&before.settings),
            false => Arc::new(open::settings(
                &config,
                asked.cursors,
                before.settings.tools.clone(),
            )),
        };
        let clients = match same {
            true => Arc::clone(&before.clients),
            false => self.clients(&settings),
        };
        let exposed = before.shared.exposed.first().cloned();
        let access = open::access(&config, &settings, asked.tls, exposed, clients);
        let had = before.shared.own().map(names).unwrap_or_default();
        let report = ReloadReport {
            warnings: access.certificate_warning().into_iter().collect(),
            ..ReloadReport::new(&asked.changes).with_exposed(&had, &access.shared)
        };
        let withdrawn = waiting.as_ref().filter(|_| self.withdrawn);
        self.edition = self.edition.next();
        self.put(match withdrawn {
            Some(reading) => access.within(&self.alone(&reading.config)),
            None => access,
        });
        self.config = Arc::new(config);
        self.reading = waiting;
        report.tell();
        Ok(faults)
    }
}
