//! What goes on beside serving: reloads, and the wait for a database that has never answered.
//!
//! One task owns the configuration in force, so that no two changes can cross.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};
use tracing::{error, info, warn};

use super::background::Background;
use super::notify::Notify;
use super::reload::SecretFiles;
use super::watch::Watch;
use super::{Live, NotReloaded, open};
use crate::advice::Advice;
use crate::config::{Config, Faults, Tls};
use crate::policy::WrittenTools;
use crate::server::{Outcome, ReloadReport, ReloadRequest};

/// How often the certificate's end is told of.
const CERTIFICATE_EVERY: Duration = Duration::from_secs(86_400);
/// How often files and a database that has never answered are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the files may take to answer before nobody is let in by them any more.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

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
    /// The configuration, as it is read for a reload.
    reading: Background<Result<NewConfig, Faults>>,
    /// Whether another reload was asked for meanwhile.
    again: bool,
    /// The watched files, as they are looked at.
    looking: Background<Look>,
    looked_at: Instant,
    /// Whether they have not answered in time.
    silent: bool,
    /// Whether secret files are read at the next look, whatever is seen of them.
    due: bool,
    /// Whether it was said that a reload waits for the database.
    unchecked: bool,
    /// The files of tools.
    tools: Watch,
    /// Tools that are being judged.
    judging: Background<(Watch, Result<WrittenTools, Faults>)>,
}

/// A configuration as it was read for a reload.
struct NewConfig {
    config: Config,
    /// The one that was in force when it was.
    before: Arc<Config>,
    files: Watch,
    tls: Result<Option<Tls>, Advice>,
}

/// What was seen of the watched files.
struct Look {
    watch: Watch,
    tools: Watch,
    /// Whether a secret file has changed, or is mended.
    settled: bool,
    /// The same of the files of tools.
    tools_settled: bool,
    secrets: Option<SecretFiles>,
}

impl Supervisor {
    /// Without a source nothing is reloaded, and SIGHUP means what it always means.
    ///
    /// `watch` has the secret files, and those of tools, as they were before they were read.
    pub(crate) fn new(
        live: Live,
        source: Option<Source>,
        [watch, tools]: [Watch; 2],
        notify: Notify,
    ) -> Self {
        Self {
            watch,
            tools,
            judging: Background::none(),
            live,
            source,
            notify,
            files: Watch::default(),
            faulty: false,
            waiting: Vec::new(),
            reading: Background::none(),
            again: false,
            looking: Background::none(),
            looked_at: Instant::now(),
            silent: false,
            due: false,
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
                ended = self.live.next() => self.ended(ended),
                judged = self.judging.next() => self.judged(judged),
                read = self.reading.next() => self.reload(read),
                look = self.looking.next() => self.looked(look),
                request = asked => {
                    // Whatever becomes of the settings: the file may have been moved away.
                    if let Some(audit) = self.live.service().audit() {
                        audit.reopen();
                    }
                    info!("reload: {}", if request.is_some() { "control socket" } else { "SIGHUP" });
                    self.waiting.extend(request);
                    self.read();
                }
                _ = daily.tick() => {
                    if let Some(warning) = self.live.service().access().certificate_warning() {
                        warn!("{warning}");
                    }
                }
                _ = tick.tick() => {
                    self.live.look();
                    self.look();
                }
            }
        }
    }

    /// Has the configuration read, for a reload; nothing waits for it.
    fn read(&mut self) {
        let Some(source) = &self.source else {
            return;
        };
        self.notify.reloading();
        self.unchecked = false;
        self.again = self.reading.runs();
        if self.again {
            return;
        }
        let (read, (before, _)) = (source.read, self.live.configs());
        self.reading.begin(spawn_blocking(move || {
            let config = read()?;
            Ok(NewConfig {
                files: Watch::new(config.watched_files()),
                tls: open::tls(&config),
                config,
                before,
            })
        }));
    }

    /// Begins the reload of a configuration that was read.
    fn reload(&mut self, read: Option<Result<NewConfig, Faults>>) {
        if std::mem::take(&mut self.again) {
            return self.read();
        }
        let new = match read {
            Some(Ok(new)) => new,
            Some(Err(faults)) => return self.refused(faults.iter().cloned().collect()),
            None => return self.refused(vec![defect()]),
        };
        // Secrets that were read before those in force would let in who is gone.
        if !Arc::ptr_eq(&new.before, &self.live.configs().0) {
            return self.read();
        }
        match self.live.reload(new.config, new.tls) {
            Ok(()) => self.files = new.files,
            Err(NotReloaded::Faulty(fault)) => self.refused(vec![fault]),
            Err(NotReloaded::Unchecked(_)) => {}
        }
    }

    /// Has the watched files looked at, and read where they have changed; nothing waits for them.
    fn look(&mut self) {
        if self.source.is_none() {
            return;
        }
        if self.looking.runs() {
            if !self.silent && self.looked_at.elapsed() > ANSWERED_WITHIN {
                self.silent = true;
                self.reread(SecretFiles::unread(self.live.configs()));
            }
            return;
        }
        self.looked_at = Instant::now();
        let (mut watch, mut tools) = (self.watch.clone(), self.tools.clone());
        let (configs, faulty) = (self.live.configs(), self.faulty);
        let due = std::mem::take(&mut self.due);
        self.looking.begin(spawn_blocking(move || {
            let settled = watch.look() || due || (faulty && configs.0.has_sound_files());
            let reads = settled || watch.is_restless();
            let motion = |path: &_| watch.motion(path);
            Look {
                secrets: reads.then(|| SecretFiles::read(configs, motion)),
                settled,
                tools_settled: tools.look(),
                watch,
                tools,
            }
        }));
    }

    /// Takes over what was seen of the watched files.
    fn looked(&mut self, look: Option<Look>) {
        // Tokens that were withdrawn meanwhile come back.
        self.due |= std::mem::take(&mut self.silent);
        let Some(mut look) = look else {
            self.due = true;
            return;
        };
        look.watch.look_at(std::mem::take(&mut self.watch));
        look.tools.look_at(std::mem::take(&mut self.tools));
        (self.watch, self.tools) = (look.watch, look.tools);
        if let Some(secrets) = look.secrets {
            if !self.live.is_of(&secrets) {
                self.due = true;
                self.look();
            } else if look.settled || !secrets.change_nothing() {
                self.reread(secrets);
            }
        }
        if look.tools_settled {
            info!("reload: a file of tools has changed");
            self.judge_tools();
        }
    }

    fn reread(&mut self, secrets: SecretFiles) {
        info!("reload: a watched file has changed");
        self.notify.reloading();
        self.faulty = !secrets.are_sound;
        match self.live.reread(secrets) {
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
    fn ended(&mut self, ended: Result<ReloadReport, NotReloaded>) {
        match ended {
            Ok(report) => {
                let files = std::mem::take(&mut self.files);
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
        self.judging.begin(self.live.judge_tools());
    }

    /// Serves tools in which nothing is wrong.
    fn judged(&mut self, judged: Option<(Watch, Result<WrittenTools, Faults>)>) {
        let read = match judged {
            Some((watch, read)) => {
                self.tools.look_at(watch);
                read
            }
            None => Err(Faults::one(defect())),
        };
        match read {
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
        match self.live.is_reloading() {
            true => error!("reload: this one is refused; the one before waits for the database"),
            false => error!("reload: nothing is changed: the configuration is faulty"),
        }
        self.tell(&Outcome::Refused { faults });
        self.notify.ready();
    }
}

/// What is told of work that panicked.
fn defect() -> Advice {
    Advice::new("it could not be read", "report this as a defect")
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
