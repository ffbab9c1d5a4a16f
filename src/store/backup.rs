//! A copy of the store as one document, taken while it is used, and put back whole.
//!
//! It holds digests and sealed URLs as the store does, and no key. What was closed since it was
//! taken stays closed when it is put back, unless the operator says otherwise: tokens, the time of
//! each, and tenants. What else was changed comes back as it was, and is told.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::table::{DatabaseRow, Holds, Session, TenantRow, TokenRow};
use super::{Database, Refusal, Store, StoreFailure, Tenant, Token, transaction, within};
use crate::advice::Advice;
use crate::config::Faults;
use crate::store::backend::Backend;

/// The form of the document; another one is refused.
const FORMAT: u32 = 1;

/// Everything that a store held at one moment.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backup {
    lucarne_store: u32,
    /// In milliseconds since 1970, as all times of the store.
    taken_at: i64,
    revision: i64,
    tenants: Vec<TenantRow>,
    databases: Vec<DatabaseRow>,
    tokens: Vec<TokenRow>,
}

/// Something that a backup would take back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// Its name, behind that of its tenant.
    pub name: String,
    /// What became of it.
    pub what: What,
}

/// What became of something since a backup was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A token that the store has no more.
    Removed,
    /// A token that was revoked or rotated.
    Revoked,
    /// A token, or the one before a rotation, that ends sooner.
    Shortened,
    /// A tenant that was switched off.
    SwitchedOff,
    /// A record that was changed otherwise, or a database that was removed: rules, rights, fields.
    Changed,
}

impl What {
    /// Whether somebody was kept out by it.
    pub fn closes(self) -> bool {
        self != Self::Changed
    }
}

impl Backup {
    /// Reads a document.
    ///
    /// # Errors
    /// One that is no backup, or of another version.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Advice> {
        let fault = |message: String, help: &str| Advice::about("backup", message, help.to_owned());
        let backup: Self = serde_json::from_slice(text).map_err(|error| {
            let message = format!(
                "it is no backup of a store (line {}, column {})",
                error.line(),
                error.column()
            );
            fault(message, "name a file that lucarne store backup wrote")
        })?;
        if backup.lucarne_store != FORMAT {
            let message = format!("it is of form {}, not {FORMAT}", backup.lucarne_store);
            return Err(fault(message, "put it back by the version that wrote it"));
        }
        Ok(backup)
    }

    /// The document as text.
    ///
    /// # Errors
    /// Nothing that a row can hold.
    pub(crate) fn text(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// When it was taken.
    pub(crate) fn taken_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.taken_at).unwrap_or_default()
    }

    /// How many tenants, databases and tokens it holds.
    pub(crate) fn counts(&self) -> [usize; 3] {
        [self.tenants.len(), self.databases.len(), self.tokens.len()]
    }

    /// Closes what was closed since, and gives back what was.
    fn close(&mut self, now: &Self) -> Vec<Since> {
        // An empty store has closed nothing: it is a new one.
        if now.tenants.is_empty() {
            return Vec::new();
        }
        let mut since = Vec::new();
        let mut names = HashMap::new();
        for row in &mut self.tenants {
            names.insert(row.id.clone(), row.name.clone());
            let known = now.tenants.iter().find(|known| known.id == row.id);
            let off = row.active && known.is_some_and(|known| !known.active);
            row.active &= !off;
            let changed = known.is_some_and(|known| known.updated_at != row.updated_at);
            let what = match (off, changed) {
                (true, _) => What::SwitchedOff,
                (false, true) => What::Changed,
                (false, false) => continue,
            };
            let name = row.name.clone();
            since.push(Since { name, what });
        }
        let named = |tenant: &str, name: &str| {
            let tenant = names.get(tenant).map_or(tenant, |known| &**known);
            format!("{tenant}/{name}")
        };
        for row in &self.databases {
            let known = now.databases.iter().find(|known| known.id == row.id);
            if known.is_none_or(|known| known.updated_at != row.updated_at) {
                let (name, what) = (named(&row.tenant, &row.name), What::Changed);
                since.push(Since { name, what });
            }
        }
        let tokens: HashMap<&str, &TokenRow> =
            now.tokens.iter().map(|row| (&*row.id, row)).collect();
        for row in &mut self.tokens {
            if let Some(what) = row.close(tokens.get(&*row.id).copied()) {
                let name = named(&row.tenant, &row.name);
                since.push(Since { name, what });
            }
        }
        since
    }
}

impl TokenRow {
    /// Lets in nobody longer than the row of now does, and says what that one has taken away.
    fn close(&mut self, now: Option<&Self>) -> Option<What> {
        let was_active = std::mem::replace(&mut self.active, false);
        let Some(now) = now else {
            return was_active.then_some(What::Removed);
        };
        if !now.active || now.digest != self.digest {
            return was_active.then_some(What::Revoked);
        }
        self.active = was_active;
        let ends = |row: &Self| (row.expires_at, row.previous_until);
        let before = ends(self);
        let sooner = |end: Option<i64>| end.unwrap_or(i64::MAX);
        self.expires_at = match sooner(self.expires_at).min(sooner(now.expires_at)) {
            i64::MAX => None,
            end => Some(end),
        };
        let same = self.previous_digest == now.previous_digest;
        self.previous_until = match same {
            true => self.previous_until.min(now.previous_until),
            false => None,
        };
        if self.previous_until.is_none() {
            self.previous_digest = None;
        }
        match (ends(self) != before, now.updated_at != self.updated_at) {
            (true, _) => Some(What::Shortened),
            (false, true) => Some(What::Changed),
            (false, false) => None,
        }
    }
}

impl Store {
    /// Everything that it holds, of one moment, as it is kept: no key is needed.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn backup(&self) -> Result<Backup, StoreFailure> {
        const ONE_MOMENT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        within(async {
            match &self.backend {
                Backend::Sqlite(sessions) => taken(&mut *sessions.reads.begin().await?).await,
                Backend::Postgres(sessions) => {
                    taken(&mut *sessions.reads.begin_with(ONE_MOMENT).await?).await
                }
            }
        })
        .await
    }

    /// What a backup would take back of what was done since.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn done_since(&self, backup: &Backup) -> Result<Vec<Since>, StoreFailure> {
        let now = self.backup().await?;
        Ok(backup.clone().close(&now))
    }

    /// Puts a backup in the place of everything that the store holds, in one transaction. What
    /// the store has closed since is put back closed, unless `reopen`.
    ///
    /// # Errors
    /// When it does not answer, or the rows contradict each other; then nothing is changed.
    pub(crate) async fn restore(&self, backup: Backup, reopen: bool) -> Result<i64, Refusal> {
        let mut backup = backup;
        transaction!(self, session: Refusal => {
            // First, so that nobody else changes it meanwhile.
            session.advance().await?;
            let now = taken(&mut *session).await?;
            if !reopen {
                backup.close(&now);
            }
            for tenant in &now.tenants {
                Holds::<Tenant>::remove(&mut *session, &tenant.id).await?;
            }
            put(&mut *session, backup).await
        })
    }
}

async fn taken<S>(session: &mut S) -> Result<Backup, StoreFailure>
where
    S: Holds<Tenant> + Holds<Database> + Holds<Token>,
{
    Ok(Backup {
        lucarne_store: FORMAT,
        taken_at: Utc::now().timestamp_millis(),
        revision: session.revision().await?,
        tenants: Holds::<Tenant>::all(session).await?,
        databases: Holds::<Database>::all(session).await?,
        tokens: Holds::<Token>::all(session).await?,
    })
}

async fn put<S>(session: &mut S, backup: Backup) -> Result<i64, Refusal>
where
    S: Holds<Tenant> + Holds<Database> + Holds<Token>,
{
    let uses: Vec<_> = backup
        .tokens
        .iter()
        .filter_map(|row| Some((row.digest.clone().try_into().ok()?, row.last_used_at?)))
        .collect();
    for row in backup.tenants {
        Holds::<Tenant>::put(session, row).await?;
    }
    for row in backup.databases {
        Holds::<Database>::put(session, row).await?;
    }
    for row in backup.tokens {
        Holds::<Token>::put(session, row).await?;
    }
    for (digest, at) in &uses {
        session.record_use(digest, *at).await?;
    }
    // No revision that was ever seen comes again.
    while session.revision().await? <= backup.revision {
        session.advance().await?;
    }
    Ok(session.revision().await?)
}

impl From<Advice> for Refusal {
    fn from(fault: Advice) -> Self {
        Self::Invalid(Faults::one(fault))
    }
}

/// Bytes as base64, in the document.
pub(super) mod base64 {
    use ::base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(in crate::store) fn serialize<S: Serializer>(
        bytes: &[u8],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(in crate::store) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map_err(D::Error::custom)
    }

    /// The same where there may be none.
    pub(in crate::store) mod option {
        use serde::{Deserialize, Deserializer, Serialize as _, Serializer};

        #[derive(serde::Serialize, Deserialize)]
        struct Bytes(#[serde(with = "super")] Vec<u8>);

        pub(in crate::store) fn serialize<S: Serializer>(
            bytes: &Option<Vec<u8>>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            bytes.clone().map(Bytes).serialize(to)
        }

        pub(in crate::store) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Vec<u8>>, D::Error> {
            Ok(Option::<Bytes>::deserialize(from)?.map(|bytes| bytes.0))
        }
    }
}
