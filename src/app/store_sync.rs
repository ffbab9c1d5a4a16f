//! What goes on beside serving clients of the store: hearing of its changes, noting when tokens were
//! used, and closing databases that nobody asks.
//!
//! A task asks the store every second what tells its contents from others, and reads it whole when
//! that is something else. It changes nothing that is served: whoever owns the configuration in force
//! is told.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info, warn};

use crate::advice::Advice;
use crate::auth::Digest;
use crate::config::{Config, DatabaseUrl, StoreUrl};
use crate::policy::access::Freshness;
use crate::policy::directory::Tenants;
use crate::service::Service;
use crate::store::{Contents, Keys, State, Store, StoreFailure, StoreFault};

/// How often the store is asked for its revision.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How often uses are noted and databases closed.
const TIDY_EVERY: Duration = Duration::from_secs(10);

/// The store as it is kept: what it held at first, and what it holds from then on.
#[derive(Debug)]
pub struct StoreFeed {
    pub(crate) tenants: Tenants,
    pub(crate) news: mpsc::Receiver<Contents>,
    tasks: [AbortHandle; 2],
}

impl StoreFeed {
    /// Whom the store lets in, in a few words.
    pub(crate) fn summary(&self) -> String {
        self.tenants.summary()
    }
}

impl Drop for StoreFeed {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// Opens the store of a configuration and begins to keep it; `None` where there is none.
///
/// A store that does not answer yet is waited for: until then its tokens let nobody in.
///
/// # Errors
/// A store that cannot be right.
pub async fn keep(service: &Arc<Service>, config: &Config) -> Result<Option<StoreFeed>, Advice> {
    let (Some(url), Some(ways)) = (config.store.url.clone(), service.ways()) else {
        return Ok(None);
    };
    let place = Place {
        url,
        keys: Keys::new(&config.store.keys),
        exposed: config.data.database.clone(),
    };
    let freshness = Arc::new(Freshness::new(config.store.grace));
    let mut keeper = Keeper {
        service: Arc::clone(service),
        grace: config.store.grace,
        place,
        freshness: Arc::clone(&freshness),
        state: None,
        lost: false,
        over: false,
        asked: Utc::now(),
    };
    let opened = match keeper.place.open().await {
        Ok(store) => whole(&store)
            .await
            .map(|whole| (store, whole))
            .map_err(|failure| failure.to_string()),
        Err(fault) if fault.may_come => Err(fault.what),
        Err(fault) => {
            return Err(fault.into());
        }
    };
    let contents = match opened {
        Ok((store, (state, contents))) => {
            keeper.state = Some(state);
            service.set_store(store);
            contents
        }
        Err(what) => {
            warn!("{what}: its tokens are refused until it answers");
            keeper.lost = true;
            Contents::default()
        }
    };
    let tenants = Tenants::new(contents, ways, freshness);
    let (sender, news) = mpsc::channel(1);
    let tidying = tokio::spawn(tidy(Arc::clone(service))).abort_handle();
    let keeper = tokio::spawn(keeper.run(sender)).abort_handle();
    Ok(Some(StoreFeed {
        tenants,
        news,
        tasks: [keeper, tidying],
    }))
}

/// Everything that a store holds, and what tells it from others: asked first, so that a change in
/// between is read again.
async fn whole(store: &Store) -> Result<(State, Contents), StoreFailure> {
    let state = store.state().await?;
    Ok((state, store.contents().await?))
}

/// Where the store is, and what opens what it holds.
struct Place {
    url: StoreUrl,
    keys: Keys,
    /// The database of the configuration, which is never the store.
    exposed: Option<DatabaseUrl>,
}

impl Place {
    async fn open(&self) -> Result<Store, StoreFault> {
        Store::open(&self.url, self.keys.clone(), self.exposed.as_ref()).await
    }
}

/// The task.
struct Keeper {
    service: Arc<Service>,
    grace: Duration,
    place: Place,
    freshness: Arc<Freshness>,
    /// What tells what is served from what the store may hold; none before it answered.
    state: Option<State>,
    /// Whether the store did not answer when it was asked last.
    lost: bool,
    /// Whether it was away for longer than the grace.
    over: bool,
    asked: DateTime<Utc>,
}

impl Keeper {
    async fn run(mut self, news: mpsc::Sender<Contents>) {
        let mut tick = interval(ASK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            match self.look().await {
                Ok(Some(contents)) => {
                    if news.send(contents).await.is_err() {
                        return;
                    }
                }
                Ok(None) => {}
                Err(cause) => self.miss(&cause),
            }
            self.end_those_whose_time_is_over();
        }
    }

    /// Asks the store; what it holds comes back where it is not what is served.
    async fn look(&mut self) -> Result<Option<Contents>, String> {
        let said = |failure: StoreFailure| failure.to_string();
        let opened = match self.service.store() {
            Some(_) => None,
            None => Some(self.place.open().await.map_err(|fault| fault.what)?),
        };
        let service = Arc::clone(&self.service);
        let Some(store) = opened.as_ref().or_else(|| service.store()) else {
            return Ok(None);
        };
        let state = store.state().await.map_err(said)?;
        // What came back may be another one, whatever it says.
        let is_served = !self.lost && self.state.as_ref() == Some(&state);
        let contents = match is_served {
            true => None,
            false => {
                let (state, contents) = whole(store).await.map_err(said)?;
                self.tell_of_return(&state);
                self.state = Some(state);
                Some(contents)
            }
        };
        if let Some(store) = opened {
            self.service.set_store(store);
        }
        self.found();
        Ok(contents)
    }

    fn tell_of_return(&self, now: &State) {
        let before = self.state.as_ref();
        if let Some(before) = before.filter(|before| now.went_back_from(before)) {
            warn!(
                "the store went back from revision {} to {}: is it an older copy? Tokens that were \
                 revoked since may be valid again: see lucarne token list",
                before.revision, now.revision
            );
        }
    }

    fn found(&mut self) {
        self.freshness.renew();
        if std::mem::take(&mut self.lost) {
            info!("the store answers again");
        }
        self.over = false;
    }

    fn miss(&mut self, cause: &str) {
        if !std::mem::replace(&mut self.lost, true) {
            let grace = self.grace.as_secs();
            warn!("{cause}: its tokens are let in for {grace} s more");
        }
        if self.freshness.is_over() && !std::mem::replace(&mut self.over, true) {
            error!("the store was away for too long: its tokens are refused until it answers");
            self.service.look_again();
        }
    }

    /// Sockets look at their token when they are told to, and a token may end in between.
    fn end_those_whose_time_is_over(&mut self) {
        let now = Utc::now();
        let access = self.service.access();
        if access.clients.has_ended(self.asked, now) {
            self.service.look_again();
        }
        self.asked = now;
    }
}

/// Closes databases that nobody asks, and notes in the store when tokens were used.
async fn tidy(service: Arc<Service>) {
    // The last use of each token that the store knows of.
    let mut noted: HashMap<Digest, i64> = HashMap::new();
    let mut tick = interval(TIDY_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        service.close_idle();
        note_uses(&service, &mut noted).await;
    }
}

async fn note_uses(service: &Service, noted: &mut HashMap<Digest, i64>) {
    let Some(store) = service.store() else {
        return;
    };
    let access = service.access();
    let mut uses = Vec::new();
    for (digest, policy) in access.clients.policies() {
        let Some(grant) = &policy.grant else { continue };
        let used = grant.used.load(Ordering::Relaxed);
        let known = noted.get(digest).copied().unwrap_or_default();
        if used > known
            && let Some(at) = DateTime::from_timestamp_millis(used)
        {
            uses.push((*digest, at));
        }
    }
    if !uses.is_empty() && store.record_uses(&uses).await.is_ok() {
        noted.retain(|digest, _| access.clients.knows(digest));
        let uses = uses.into_iter();
        noted.extend(uses.map(|(digest, at)| (digest, at.timestamp_millis())));
    }
}
