//! What goes on beside serving: reloads, and the wait for a database that has never answered.
//!
//! One task owns the configuration in force, so that no two changes can cross.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info, warn};

use super::notify::Notify;
use super::{Live, NotReloaded};
use crate::config::{Config, Faults};

/// How often files and a database that has never answered are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where a configuration is read from again, each time that a signal asks for it.
#[derive(Debug)]
pub struct Source {
    read: fn() -> Result<Config, Faults>,
    hangup: Signal,
}

impl Source {
    /// Hears SIGHUP from now on.
    ///
    /// # Errors
    /// When the system does not let it be heard.
    pub fn new(read: fn() -> Result<Config, Faults>) -> io::Result<Self> {
        let hangup = signal(SignalKind::hangup())?;
        Ok(Self { read, hangup })
    }
}

/// Reloads on SIGHUP, takes over secret files that have changed; never ends by itself.
pub(crate) struct Supervisor {
    live: Live,
    source: Option<Source>,
    notify: Notify,
    watch: Watch,
    /// The files that a reload under way names.
    files: Vec<PathBuf>,
    /// Whether it was said that a reload waits for the database.
    unchecked: bool,
}

impl Supervisor {
    /// Without a source nothing is reloaded, and SIGHUP means what it always means.
    pub(crate) fn new(live: Live, source: Option<Source>, notify: Notify) -> Self {
        Self {
            watch: Watch::new(live.config().watched_files()),
            live,
            source,
            notify,
            files: Vec::new(),
            unchecked: false,
        }
    }

    /// Supervises for as long as its task lives.
    pub(crate) async fn run(mut self) {
        let mut tick = interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let hung_up = async {
                match &mut self.source {
                    Some(source) => source.hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                ended = self.live.next() => self.ended(ended).await,
                Some(()) = hung_up => {
                    // Whatever becomes of the settings: the file may have been moved away.
                    if let Some(audit) = self.live.service().audit() {
                        audit.reopen();
                    }
                    self.reload();
                }
                _ = tick.tick() => {
                    self.live.look();
                    if self.watch.has_settled().await && self.source.is_some() {
                        self.reread();
                    }
                }
            }
        }
    }

    fn reload(&mut self) {
        let Some(source) = &self.source else {
            return;
        };
        info!("reload: SIGHUP");
        self.notify.reloading();
        self.unchecked = false;
        let config = match (source.read)() {
            Ok(config) => config,
            Err(faults) => {
                for fault in faults.iter() {
                    error!(
                        "reload: {}: {}; {}",
                        fault.variable, fault.message, fault.help
                    );
                }
                return self.refused();
            }
        };
        let files = config.watched_files();
        match self.live.reload(config) {
            Ok(()) => self.files = files,
            Err(NotReloaded::Faulty(fault)) => {
                error!("reload: {}; {}", fault.what, fault.help);
                self.refused();
            }
            Err(NotReloaded::Unchecked) => {}
        }
    }

    fn reread(&mut self) {
        info!("reload: a secret file has changed");
        self.notify.reloading();
        match self.live.reread() {
            Err(NotReloaded::Faulty(fault)) => {
                error!("reload: {}; {}", fault.what, fault.help);
                self.refused();
            }
            Ok(()) | Err(NotReloaded::Unchecked) => {
                self.count("done");
                self.notify.ready();
            }
        }
    }

    /// Tells what became of a reload.
    async fn ended(&mut self, ended: Result<(), NotReloaded>) {
        match ended {
            Ok(()) => {
                self.watch.look_at(std::mem::take(&mut self.files)).await;
                self.count("done");
            }
            Err(NotReloaded::Faulty(fault)) => {
                error!("reload: {}; {}", fault.what, fault.help);
                return self.refused();
            }
            Err(NotReloaded::Unchecked) if self.unchecked => return,
            Err(NotReloaded::Unchecked) => {
                self.unchecked = true;
                warn!("reload: the database does not answer: tried again until it does");
            }
        }
        self.notify.ready();
    }

    fn count(&self, outcome: &'static str) {
        self.live.service().metrics().reloaded(outcome);
    }

    fn refused(&self) {
        self.count("refused");
        error!("reload: nothing is changed: the configuration is faulty");
        self.notify.ready();
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").finish_non_exhaustive()
    }
}

/// What tells one state of a file from another, without reading it.
type Identity = Option<(u64, u64, i64, i64)>;

/// Files, as they were when they were last looked at.
struct Watch {
    files: Vec<(PathBuf, Identity)>,
    changing: bool,
}

impl Watch {
    fn new(files: Vec<PathBuf>) -> Self {
        let files = files.into_iter().map(|path| {
            let now = std::fs::metadata(&path).ok().map(|file| identity(&file));
            (path, now)
        });
        Self {
            files: files.collect(),
            changing: false,
        }
    }

    /// Looks at other files from now on; those known already keep their state.
    async fn look_at(&mut self, files: Vec<PathBuf>) {
        let mut known = Vec::with_capacity(files.len());
        for path in files {
            let before = self.files.iter().find(|(before, _)| *before == path);
            let state = match before {
                Some((_, state)) => *state,
                None => now(&path).await,
            };
            known.push((path, state));
        }
        self.files = known;
    }

    /// Whether a file has changed since, and is no longer changing: half a file is no secret.
    async fn has_settled(&mut self) -> bool {
        let mut moved = false;
        for (path, seen) in &mut self.files {
            let now = now(path).await;
            moved |= now != *seen;
            *seen = now;
        }
        let settled = self.changing && !moved;
        self.changing = moved;
        settled
    }
}

async fn now(path: &PathBuf) -> Identity {
    tokio::fs::metadata(path)
        .await
        .ok()
        .map(|file| identity(&file))
}

fn identity(file: &std::fs::Metadata) -> (u64, u64, i64, i64) {
    (file.ino(), file.size(), file.mtime(), file.mtime_nsec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_counts_once_it_is_at_rest() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("token"), folder.path().join("other"));
        std::fs::write(&file, "one").unwrap();
        let mut watch = Watch::new(vec![file.clone()]);
        assert!(!watch.has_settled().await);
        std::fs::write(&file, "").unwrap();
        assert!(!watch.has_settled().await);
        std::fs::write(&file, "second").unwrap();
        assert!(!watch.has_settled().await);
        assert!(watch.has_settled().await);
        assert!(!watch.has_settled().await);
        std::fs::write(&other, "third").unwrap();
        std::fs::rename(&other, &file).unwrap();
        assert!(!watch.has_settled().await && watch.has_settled().await);
        watch.look_at(vec![file.clone(), other.clone()]).await;
        assert!(!watch.has_settled().await);
        std::fs::remove_file(&file).unwrap();
        assert!(!watch.has_settled().await && watch.has_settled().await);
    }
}
