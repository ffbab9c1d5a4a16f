//! A copy of the store as one document, taken while it is used, and put back whole.
//!
//! It holds digests and sealed URLs as the store does, and no key. What was closed since it was
//! taken stays closed when it is put back, unless the operator says otherwise.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::table::{DatabaseRow, Holds, Session, TenantRow, TokenRow};
use super::{Database, Refusal, Store, StoreFailure, Tenant, Token, transaction, within};
use crate::config::{Fault, Faults};
use crate::store::backend::Backend;

/// The form of the document; another one is refused.
const FORMAT: u32 = 1;

/// Everything that a store held at one moment.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    lucarne_store: u32,
    /// In milliseconds since 1970, as all times of the store.
    taken_at: i64,
    revision: i64,
    tenants: Vec<TenantRow>,
    databases: Vec<DatabaseRow>,
    tokens: Vec<TokenRow>,
}

/// A token that a backup would open again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reopened {
    /// Its tenant's name.
    pub tenant: String,
    /// Its name.
    pub name: String,
    /// Whether the store has it no more; else it was revoked or rotated.
    pub removed: bool,
}

impl Backup {
    /// Reads a document.
    ///
    /// # Errors
    /// One that is no backup, or of another version.
    pub fn parse(text: &[u8]) -> Result<Self, Fault> {
        let fault = |message: String, help: &str| Fault {
            variable: "backup".to_owned(),
            message,
            help: help.to_owned(),
        };
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
    pub fn text(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// When it was taken.
    pub fn taken_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.taken_at).unwrap_or_default()
    }

    /// The revision that it holds.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// How many tenants, databases and tokens it holds.
    pub fn counts(&self) -> [usize; 3] {
        [self.tenants.len(), self.databases.len(), self.tokens.len()]
    }

    /// The tokens that would let in by it and do not now: revoked, rotated or removed since.
    fn reopened(&self, tenants: &[TenantRow], tokens: &[TokenRow]) -> Vec<(usize, Reopened)> {
        // An empty store has closed nothing: it is a new one.
        if tenants.is_empty() {
            return Vec::new();
        }
        let now: HashMap<&str, &TokenRow> = tokens.iter().map(|row| (&*row.id, row)).collect();
        let tenant_of = |row: &TokenRow| {
            let tenant = self.tenants.iter().find(|tenant| tenant.id == row.tenant);
            tenant.map_or_else(|| row.tenant.clone(), |tenant| tenant.name.clone())
        };
        let tokens = self.tokens.iter().enumerate();
        tokens
            .filter(|(_, row)| row.active)
            .filter_map(|(index, row)| {
                let known = now.get(&*row.id);
                let same = known.is_some_and(|known| known.active && known.digest == row.digest);
                let reopened = Reopened {
                    tenant: tenant_of(row),
                    name: row.name.clone(),
                    removed: known.is_none(),
                };
                (!same).then_some((index, reopened))
            })
            .collect()
    }
}

impl Store {
    /// Everything that it holds, of one moment, as it is kept: no key is needed.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn backup(&self) -> Result<Backup, StoreFailure> {
        const ONE_MOMENT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        within(async {
            match &self.backend {
                Backend::Sqlite(pool) => taken(&mut *pool.begin().await?).await,
                Backend::Postgres(pool) => taken(&mut *pool.begin_with(ONE_MOMENT).await?).await,
            }
        })
        .await
    }

    /// The tokens that a backup would open again, against what the store holds now.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn reopened_by(&self, backup: &Backup) -> Result<Vec<Reopened>, StoreFailure> {
        let now = self.backup().await?;
        let reopened = backup.reopened(&now.tenants, &now.tokens);
        Ok(reopened.into_iter().map(|(_, token)| token).collect())
    }

    /// Puts a backup in the place of everything that the store holds, in one transaction. Tokens
    /// that the store has closed since are put back revoked, unless `reopen`.
    ///
    /// # Errors
    /// When it does not answer, or the rows contradict each other; then nothing is changed.
    pub async fn restore(&self, backup: Backup, reopen: bool) -> Result<i64, Refusal> {
        let mut backup = backup;
        transaction!(self, session: Refusal => {
            // First, so that nobody else changes it meanwhile.
            session.advance().await?;
            let now = taken(&mut *session).await?;
            if !reopen {
                for (index, _) in backup.reopened(&now.tenants, &now.tokens) {
                    backup.tokens[index].active = false;
                }
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

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
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
