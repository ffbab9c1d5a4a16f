//! Secret files that changed, by themselves.

use std::path::Path;
use std::sync::Arc;

use super::{Live, NotReloaded, Reload, ReloadReport, names, open};
use crate::advice::Advice;
use crate::config::{Config, Faults, Motion, Reread, Tls};

/// What the secret files hold, read where nobody waits for them: for the configuration in force, and
/// for that of a reload that is under way.
#[derive(Debug)]
pub(crate) struct SecretFiles {
    own: Held,
    reload: Option<Held>,
    /// Whether nothing is wrong with any of them.
    pub(crate) are_sound: bool,
}

#[derive(Debug)]
struct Held {
    of: Arc<Config>,
    read: Result<Reread, Faults>,
    /// None where the pair is not at rest.
    tls: Option<Result<Option<Tls>, Advice>>,
}

/// The configuration in force, and that of a reload that is under way.
pub(crate) type Configs = (Arc<Config>, Option<Arc<Config>>);

impl SecretFiles {
    /// Reads each that is at rest.
    pub(crate) fn read((own, reload): Configs, motion: impl Fn(&Path) -> Motion) -> Self {
        let held = |of: Arc<Config>| {
            let rests = of.network.tls.as_ref().is_none_or(|tls| {
                let pair = [&tls.cert, &tls.key];
                pair.iter().all(|file| motion(file) == Motion::Rests)
            });
            let tls = rests.then(|| open::tls(&of));
            let read = of.reread(&motion);
            Held { of, read, tls }
        };
        Self {
            are_sound: own.has_sound_files(),
            own: held(own),
            reload: reload.map(held),
        }
    }

    /// What is known of files that do not answer.
    pub(crate) fn unread((own, reload): Configs) -> Self {
        let held = |of: Arc<Config>| {
            let read = of.unread();
            Held {
                of,
                read,
                tls: None,
            }
        };
        Self {
            are_sound: false,
            own: held(own),
            reload: reload.map(held),
        }
    }

    /// Whether nothing differs, and nothing is taken away.
    pub(crate) fn change_nothing(&self) -> bool {
        let read = self.own.read.as_ref();
        read.is_ok_and(|read| read.changes.is_empty())
    }
}

impl Live {
    /// The configurations whose secrets are looked at.
    pub(crate) fn configs(&self) -> Configs {
        let reading = self.reading.as_ref();
        let reload = reading.filter(|reading| reading.asked.is_some());
        let reload = reload.map(|reading| Arc::clone(&reading.config));
        (Arc::clone(&self.config), reload)
    }

    /// Whether files were read for the configurations of now.
    pub(crate) fn is_of(&self, files: &SecretFiles) -> bool {
        let (own, reload) = self.configs();
        let same = match (&reload, &files.reload) {
            (Some(now), Some(held)) => Arc::ptr_eq(now, &held.of),
            (now, _) => now.is_none(),
        };
        same && Arc::ptr_eq(&own, &files.own.of)
    }

    /// Takes over what the secret files hold now, and nothing else; no database is asked. A reload
    /// that is under way takes them over too. What of a file is faulty stays as it was, and comes back:
    /// what another one takes away does not wait for it.
    ///
    /// # Errors
    /// When nothing was changed, and why.
    pub(crate) fn reread(&mut self, files: SecretFiles) -> Result<Vec<Advice>, NotReloaded> {
        let Reread {
            config,
            changes,
            mut faults,
        } = files.own.read?;
        let before = self.service.access();
        let tls = match files.own.tls {
            Some(Ok(tls)) => tls,
            Some(Err(fault)) => {
                faults.push(fault);
                before.tls.clone()
            }
            None => before.tls.clone(),
        };
        if changes.is_empty()
            && let Some(fault) = faults.first()
        {
            return Err(NotReloaded::Faulty(fault.clone()));
        }
        let asked = self.asked(&config, changes, tls)?;
        let renewed = files.reload.map(|held| self.renewed(held)).transpose()?;
        let renewed = renewed.flatten();
        if let Some(reading) = &mut self.reading
            && let Some((config, asked)) = renewed
        {
            (reading.config, reading.asked) = (config, Some(asked));
        }
        let same = Arc::ptr_eq(&asked.cursors, &before.settings.cursors);
        let settings = match same {
            true => Arc::clone(&before.settings),
            false => {
                let tools = before.settings.tools.clone();
                Arc::new(self.narrowed(open::settings(&config, asked.cursors, tools)))
            }
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
        let withdrawn = self.reading.as_ref().filter(|_| self.withdrawn);
        let access = match withdrawn {
            Some(reading) => access.within(&self.alone(&reading.config)),
            None => access,
        };
        self.edition = self.edition.next();
        self.put(access);
        self.config = Arc::new(config);
        report.tell();
        Ok(faults)
    }

    /// What a reload asks for by these secrets, where it is still under way.
    fn renewed(&self, held: Held) -> Result<Option<(Arc<Config>, Reload)>, NotReloaded> {
        let reading = self.reading.as_ref();
        let Some(asked) = reading.and_then(|reading| reading.asked.as_ref()) else {
            return Ok(None);
        };
        let config = Arc::new(held.read?.config);
        let tls = match held.tls {
            Some(Ok(tls)) => tls,
            _ => asked.tls.clone(),
        };
        let renewed = Reload {
            since: asked.since,
            withdrawn: asked.withdrawn,
            warnings: asked.warnings.clone(),
            ..self.asked(&config, asked.changes.clone(), tls)?
        };
        Ok(Some((config, renewed)))
    }
}
