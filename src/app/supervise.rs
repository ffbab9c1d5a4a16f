//! What goes on beside serving: reloads, and the wait for a database that has never answered.
//!
//! One task owns the configuration in force, so that no two changes can cross.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};
use tracing::{error, info, warn};

use super::notify::Notify;
use super::{Live, NotReloaded, tools};
use crate::advice::Advice;
use crate::config::{Config, Faults};
use crate::policy::WrittenTools;
use crate::server::{Outcome, ReloadReport, ReloadRequest};

/// How often the certificate's end is told of.
const CERTIFICATE_EVERY: Duration = Duration::from_secs(86_400);
/// How often files and a database that has never answered are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where a configuration is read from again, each time that a signal or the control socket asks for
/// it.
#[derive(Debug)]
pub struct Source {
    read: fn() -> Result<Config, Faults>,
    hangup: Signal,
    requests: Option<mpsc::Receiver<ReloadRequest>>,
}

impl Source {
    /// Hears SIGHUP from now on.
    ///
    /// # Errors
    /// When the system does not let it be heard.
    pub fn new(read: fn() -> Result<Config, Faults>) -> io::Result<Self> {
        let hangup = signal(SignalKind::hangup())?;
        Ok(Self {
            read,
            hangup,
            requests: None,
        })
    }

    /// The same, hearing what the control socket is asked for too.
    pub(super) fn hearing(self, requests: mpsc::Receiver<ReloadRequest>) -> Self {
        Self {
            requests: Some(requests),
            ..self
        }
    }

    /// Waits until a reload is asked for; who waits for its outcome comes back.
    async fn asked(&mut self) -> Option<ReloadRequest> {
        let requested = async {
            match &mut self.requests {
                Some(requests) => requests.recv().await,
                None => None,
            }
        };
        tokio::select! {
            Some(()) = self.hangup.recv() => None,
            Some(request) = requested => Some(request),
            else => std::future::pending().await,
        }
    }
}

/// Reloads when it is asked to, takes over secret files that have changed; never ends by itself.
pub(crate) struct Supervisor {
    live: Live,
    source: Option<Source>,
    notify: Notify,
    watch: Watch,
    /// The files that a reload under way names.
    files: Watch,
    /// Whether a secret file was faulty when it was read last: what it lacks may come without a change
    /// of the file, such as a descriptor to read it by.
    faulty: bool,
    /// Those who wait to hear what becomes of it.
    waiting: Vec<ReloadRequest>,
    /// Whether it was said that a reload waits for the database.
    unchecked: bool,
    /// The files of tools.
    tools: Watch,
    /// Tools that are being judged.
    judging: Option<JoinHandle<Result<WrittenTools, Faults>>>,
}

impl Supervisor {
    /// Without a source nothing is reloaded, and SIGHUP means what it always means.
    ///
    /// `watch` has the files as they were before anything of them was read.
    pub(crate) fn new(live: Live, source: Option<Source>, watch: Watch, notify: Notify) -> Self {
        Self {
            watch,
            tools: Watch::new(tools::watched(live.config())),
            judging: None,
            live,
            source,
            notify,
            files: Watch::new(Vec::new()),
            faulty: false,
            waiting: Vec::new(),
            unchecked: false,
        }
    }

    /// Supervises for as long as its task lives.
    pub(crate) async fn run(mut self) {
        let mut tick = interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The start has told it.
        let mut daily = interval_at(Instant::now() + CERTIFICATE_EVERY, CERTIFICATE_EVERY);
        loop {
            let asked = async {
                match &mut self.source {
                    Some(source) => source.asked().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                ended = self.live.next() => self.ended(ended).await,
                judged = judged(self.judging.as_mut()) => self.judged(judged).await,
                request = asked => {
                    // Whatever becomes of the settings: the file may have been moved away.
                    if let Some(audit) = self.live.service().audit() {
                        audit.reopen();
                    }
                    info!("reload: {}", if request.is_some() { "control socket" } else { "SIGHUP" });
                    self.waiting.extend(request);
                    self.reload();
                }
                _ = daily.tick() => {
                    if let Some(warning) = self.live.service().access().certificate_warning() {
                        warn!("{warning}");
                    }
                }
                _ = tick.tick() => {
                    self.live.look();
                    let settled = self.watch.has_settled().await;
                    let mended = self.faulty && self.live.config().has_sound_files();
                    if self.source.is_some() && (settled || mended) {
                        self.reread();
                    }
                    if self.tools.has_settled().await && self.source.is_some() {
                        info!("reload: a file of tools has changed");
                        self.judge_tools();
                    }
                }
            }
        }
    }

    fn reload(&mut self) {
        let Some(source) = &self.source else {
            return;
        };
        self.notify.reloading();
        self.unchecked = false;
        let config = match (source.read)() {
            Ok(config) => config,
            Err(faults) => {
                return self.refused(faults.iter().cloned().collect());
            }
        };
        let files = Watch::new(config.watched_files());
        match self.live.reload(config) {
            Ok(()) => self.files = files,
            Err(NotReloaded::Faulty(fault)) => self.refused(vec![fault]),
            Err(NotReloaded::Unchecked(_)) => {}
        }
    }

    fn reread(&mut self) {
        info!("reload: a secret file has changed");
        self.notify.reloading();
        let read = self.live.reread();
        self.faulty = !self.live.config().has_sound_files();
        match read {
            Err(NotReloaded::Faulty(fault)) => self.refused(vec![fault]),
            Ok(faults) if !faults.is_empty() => {
                self.count("refused");
                tell(&faults);
                error!(
                    "reload: what is faulty stays as it was, but for tokens that are gone; what else \
                     changed is in force"
                );
                self.notify.ready();
            }
            Ok(_) | Err(NotReloaded::Unchecked(_)) => {
                self.count("done");
                self.notify.ready();
            }
        }
    }

    /// Tells what became of a reload.
    async fn ended(&mut self, ended: Result<ReloadReport, NotReloaded>) {
        match ended {
            Ok(report) => {
                let files = std::mem::replace(&mut self.files, Watch::new(Vec::new()));
                self.watch.look_at(files);
                self.count("done");
                self.tell(&Outcome::Done(report));
                self.judge_tools();
            }
            Err(NotReloaded::Faulty(fault)) => return self.refused(vec![fault]),
            Err(NotReloaded::Unchecked(_)) if self.unchecked => return,
            Err(NotReloaded::Unchecked(_)) => {
                self.unchecked = true;
                warn!("reload: the database does not answer: tried again until it does");
                self.tell(&Outcome::Waits);
            }
        }
        self.notify.ready();
    }

    /// Has the tools read again; those of now stay until it is known that nothing is wrong.
    fn judge_tools(&mut self) {
        if self.live.config().tools.path.is_none() {
            return;
        }
        if let Some(before) = self.judging.replace(self.live.judge_tools()) {
            before.abort();
        }
    }

    /// Serves tools in which nothing is wrong.
    async fn judged(&mut self, judged: Result<WrittenTools, Faults>) {
        self.judging = None;
        self.tools
            .look_at(Watch::new(tools::watched(self.live.config())));
        match judged {
            Ok(read) => {
                self.live.serve_tools(read);
                self.live.service().note_refused_tools(Vec::new());
                self.count("done");
                info!("reload: the tools are served as they are now");
            }
            Err(faults) => {
                self.count("refused");
                let faults: Vec<Advice> = faults.iter().cloned().collect();
                tell(&faults);
                self.live.service().note_refused_tools(faults);
                error!("reload: the tools stay as they were: something is wrong with them");
            }
        }
    }

    fn count(&self, outcome: &'static str) {
        self.live.service().metrics().reloaded(outcome);
    }

    /// Tells those who wait.
    fn tell(&mut self, outcome: &Outcome) {
        for request in self.waiting.drain(..) {
            request.tell(outcome.clone());
        }
    }

    fn refused(&mut self, faults: Vec<Advice>) {
        self.count("refused");
        tell(&faults);
        error!("reload: nothing is changed: the configuration is faulty");
        self.tell(&Outcome::Refused { faults });
        self.notify.ready();
    }
}

/// Tells the log why a reload was refused.
fn tell(faults: &[Advice]) {
    for fault in faults {
        let (what, help) = (fault.text(), &fault.help);
        error!("reload: {what}; {help}");
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").finish_non_exhaustive()
    }
}

/// What tells one state of a file from another, without reading it.
type Identity = Option<[i64; 6]>;

/// Files, as they were when they were last looked at.
#[derive(Debug)]
pub(super) struct Watch {
    files: Vec<(PathBuf, Identity)>,
    changing: bool,
}

impl Watch {
    pub(super) fn new(files: Vec<PathBuf>) -> Self {
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
    fn look_at(&mut self, mut others: Self) {
        for (path, state) in &mut others.files {
            if let Some((_, known)) = self.files.iter().find(|(known, _)| known == path) {
                *state = *known;
            }
        }
        self.files = others.files;
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

/// What became of tools that are being judged.
async fn judged(
    judging: Option<&mut JoinHandle<Result<WrittenTools, Faults>>>,
) -> Result<WrittenTools, Faults> {
    match judging {
        Some(judging) => match judging.await {
            Ok(judged) => judged,
            Err(_) => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

async fn now(path: &PathBuf) -> Identity {
    tokio::fs::metadata(path)
        .await
        .ok()
        .map(|file| identity(&file))
}

fn identity(file: &std::fs::Metadata) -> [i64; 6] {
    [
        file.ino().cast_signed(),
        file.size().cast_signed(),
        file.mtime(),
        file.mtime_nsec(),
        // What keeps length and time of a file, or takes its rights away, changes this.
        file.ctime(),
        file.ctime_nsec(),
    ]
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
        watch.look_at(Watch::new(vec![file.clone(), other.clone()]));
        assert!(!watch.has_settled().await);
        // Another token of the same length, and the time of before.
        let time = std::fs::metadata(&file).unwrap().modified().unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        std::fs::write(&file, "other").unwrap();
        let opened = std::fs::File::options().write(true).open(&file).unwrap();
        opened.set_modified(time).unwrap();
        assert!(!watch.has_settled().await && watch.has_settled().await);
        std::fs::remove_file(&file).unwrap();
        assert!(!watch.has_settled().await && watch.has_settled().await);
    }
}
