//! The store: tenants, their databases and their tokens, in a database of its own.
//!
//! It is read whole ([`Store::contents`]) and again when its revision is another
//! ([`Store::revision`]); each change makes the next revision in its own transaction, so several
//! instances that share a store see each other's changes. A token is kept as its digest, a
//! database's URL sealed; what is not understood is left out, and thus grants nothing. The store is
//! never a database that is exposed.

mod backend;
mod backup;
mod change;
mod check;
mod failure;
mod id;
mod place;
mod record;
mod row;
mod rule;
mod seal;
mod secret;
mod table;

pub(crate) use backup::Backup;
pub use backup::{Since, What};
pub(crate) use change::Changed;
pub(crate) use failure::StoreFailure;
pub use failure::{Refusal, StoreFault};
pub use id::TenantId;
pub(crate) use id::{DatabaseId, TokenKey};
pub(crate) use record::Contents;
pub use record::{ClientLimits, Database, NewDatabase, NewTenant, NewToken, Tenant, Token};
pub use rule::{RowRule, Rows};
pub use seal::{Keys, SealFault};

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret as _;

use self::backend::Backend;
use self::row::Record;
use self::table::{Holds, Session};
use crate::advice::Advice;
use crate::auth::Digest;
use crate::config::{self, DatabaseUrl, Faults, StoreUrl};

/// What anything that is asked of the store may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// The store. Clones share its sessions.
#[derive(Clone)]
pub struct Store {
    place: StoreUrl,
    backend: Backend,
    keys: Keys,
}

/// What tells the contents of a store from others. A revision alone does not: a copy that is put in
/// the place of a store counts on from where it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The revision.
    pub revision: i64,
    /// Random, and another one after each change.
    mark: String,
    /// Which file it is.
    file: Option<(u64, u64)>,
}

impl State {
    /// Whether these are older contents, or others of the same revision.
    pub(crate) fn went_back_from(&self, before: &Self) -> bool {
        self.revision < before.revision
            || (self.revision == before.revision && self.mark != before.mark)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.place)
    }
}

/// Runs a body in one transaction of whichever engine; an error in it undoes all.
macro_rules! transaction {
    ($store:expr, $session:ident: $error:ty => $body:expr) => {
        crate::store::within(async {
            match &$store.backend {
                crate::store::backend::Backend::Sqlite(sessions) => {
                    let mut transaction = sessions.writes.begin_with("BEGIN IMMEDIATE").await?;
                    let $session = &mut *transaction;
                    let done = $body?;
                    transaction.commit().await?;
                    Ok::<_, $error>(done)
                }
                crate::store::backend::Backend::Postgres(sessions) => {
                    let mut transaction = sessions.writes.begin().await?;
                    let $session = &mut *transaction;
                    let done = $body?;
                    transaction.commit().await?;
                    Ok(done)
                }
            }
        })
        .await
    };
}
use transaction;

impl Store {
    /// Reaches the store of a URL as [`Store::reach`] does, and sees that its URLs can be opened.
    ///
    /// # Errors
    /// As [`Store::reach`], and keys that do not open what is in it.
    pub async fn open(
        place: &StoreUrl,
        keys: Keys,
        exposed: Option<&DatabaseUrl>,
    ) -> Result<Self, StoreFault> {
        let store = Self::reach(place, keys, exposed).await?;
        store.check_keys().await?;
        Ok(store)
    }

    /// Reaches the store of a URL, and makes or completes its tables. Listing, revoking and removing
    /// need no key.
    ///
    /// `exposed` is the database of `DATABASE_URL`.
    ///
    /// # Errors
    /// A place that cannot hold a store or holds something else, and a store that would be exposed;
    /// and a server that does not answer, which may come.
    pub(crate) async fn reach(
        place: &StoreUrl,
        keys: Keys,
        exposed: Option<&DatabaseUrl>,
    ) -> Result<Self, StoreFault> {
        let store = Self {
            backend: Backend::open(place).await?,
            place: place.clone(),
            keys,
        };
        if let Some(exposed) = exposed
            && place::holds_a_store(place, exposed).await
        {
            return Err(StoreFault {
                what: format!("MCP_STORE: DATABASE_URL names a store too: {exposed}"),
                help: "give the store a database of its own, which is never exposed".to_owned(),
                may_come: false,
            });
        }
        Ok(store)
    }

    /// Where it is, without user and password.
    pub(crate) fn place(&self) -> &StoreUrl {
        &self.place
    }

    /// The revision of what it holds.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn revision(&self) -> Result<i64, StoreFailure> {
        within(async {
            match &self.backend {
                Backend::Sqlite(sessions) => Ok(sessions.reads.acquire().await?.revision().await?),
                Backend::Postgres(sessions) => {
                    Ok(sessions.reads.acquire().await?.revision().await?)
                }
            }
        })
        .await
    }

    /// What tells its contents from others.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn state(&self) -> Result<State, StoreFailure> {
        let file = match &self.place {
            StoreUrl::Sqlite(path) => backend::identity(path),
            StoreUrl::Postgres(_) => None,
        };
        let (revision, mark) = within(async {
            match &self.backend {
                Backend::Sqlite(sessions) => {
                    Ok::<_, StoreFailure>(sessions.reads.acquire().await?.state().await?)
                }
                Backend::Postgres(sessions) => Ok(sessions.reads.acquire().await?.state().await?),
            }
        })
        .await?;
        Ok(State {
            revision,
            mark,
            file,
        })
    }

    /// Everything that it holds, of one moment.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn contents(&self) -> Result<Contents, StoreFailure> {
        const ONE_MOMENT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        within(async {
            match &self.backend {
                Backend::Sqlite(sessions) => self.read(&mut *sessions.reads.begin().await?).await,
                Backend::Postgres(sessions) => {
                    self.read(&mut *sessions.reads.begin_with(ONE_MOMENT).await?)
                        .await
                }
            }
        })
        .await
    }

    /// Notes when tokens let someone in. It makes no revision.
    ///
    /// # Errors
    /// When it does not answer; then nothing is noted.
    pub async fn record_uses(&self, uses: &[(Digest, DateTime<Utc>)]) -> Result<(), StoreFailure> {
        // In one order everywhere, or two instances could wait for each other.
        let mut uses = uses.to_vec();
        uses.sort_unstable();
        transaction!(self, session: StoreFailure => {
            for (digest, at) in &uses {
                session.record_use(digest, at.timestamp_millis()).await?;
            }
            Ok::<_, StoreFailure>(())
        })
    }

    async fn read<S>(&self, session: &mut S) -> Result<Contents, StoreFailure>
    where
        S: Holds<Tenant> + Holds<Database> + Holds<Token>,
    {
        let mut unreadable = Vec::new();
        Ok(Contents {
            revision: session.revision().await?,
            tenants: self.records(session, &mut unreadable).await?,
            databases: self.records(session, &mut unreadable).await?,
            tokens: self.records(session, &mut unreadable).await?,
            unreadable,
        })
    }

    async fn records<R: Record, S: Holds<R>>(
        &self,
        session: &mut S,
        unreadable: &mut Vec<String>,
    ) -> Result<Vec<R>, StoreFailure> {
        let mut records = Vec::new();
        for row in session.all().await? {
            let named = format!("{} {}", R::KIND, R::id_of(&row));
            match R::read(row, &self.keys) {
                Some(record) => records.push(record),
                None => unreadable.push(named),
            }
        }
        Ok(records)
    }

    /// Sees that the keys open what is sealed: one that opens nothing is a mistake to be told. One
    /// database that is broken is not; the others go on.
    ///
    /// # Errors
    /// A URL that was sealed with another key, and a store that does not answer.
    pub(crate) async fn check_keys(&self) -> Result<(), StoreFault> {
        let contents = self.contents().await.map_err(|failure| StoreFault {
            what: format!("MCP_STORE: {}: {failure}", self.place),
            help: "is it running?".to_owned(),
            may_come: true,
        })?;
        let mut faults = contents.databases.iter().filter_map(|database| {
            let fault = *database.url.as_ref().err()?;
            fault.is_of_key().then_some((database, fault))
        });
        let Some((database, fault)) = faults.next() else {
            return Ok(());
        };
        let what = format!("MCP_ENCRYPTION_KEY: database {:?}: {fault}", database.name);
        let help = match fault {
            SealFault::NoKey => "set MCP_ENCRYPTION_KEY to the key that the store was filled with",
            _ => {
                "set MCP_ENCRYPTION_KEY_PREVIOUS to the key that sealed it, and run lucarne database \
                 reseal; if that key is lost, give each database its URL again: lucarne database \
                 update NAME --url"
            }
        };
        Err(StoreFault {
            what,
            help: help.to_owned(),
            may_come: false,
        })
    }

    /// A tenant's database that is a store would hand out what seals and digests protect. It is
    /// looked at by `way`, or by its own URL.
    async fn refuse_itself(
        &self,
        database: &Database,
        way: Option<&DatabaseUrl>,
    ) -> Result<(), Refusal> {
        let Ok(url) = &database.url else {
            return Ok(());
        };
        // What cannot be read is refused by the record's own check.
        let Ok(url) = config::tenant_url("url", url.expose_secret()) else {
            return Ok(());
        };
        if place::holds_a_store(&self.place, way.unwrap_or(&url)).await {
            let fault = Advice::about(
                "url",
                format!("{url} holds a store of Lucarne, which is never exposed"),
                "name the database whose tables shall be read",
            );
            return Err(Refusal::Invalid(Faults::one(fault)));
        }
        Ok(())
    }
}

/// Ends what takes too long, whatever the driver waits for.
async fn within<T, E: From<StoreFailure>>(
    asked: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::time::timeout(PATIENCE, asked)
        .await
        .unwrap_or_else(|_| Err(StoreFailure::new("no answer in time").into()))
}
