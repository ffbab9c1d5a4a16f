//! Changes: each one transaction that makes the next revision, or nothing.

use chrono::{DateTime, Duration, Utc};
use secrecy::SecretString;

use crate::config::DatabaseUrl;

use super::record::Previous;
use super::row::Record;
use super::secret::NewSecret;
use super::table::{Holds, Session};
use super::{
    Database, DatabaseId, NewDatabase, NewTenant, NewToken, Refusal, Store, StoreFailure, Tenant,
    TenantId, Token, TokenKey, transaction,
};

/// A change that was made: the record before and after it, for the audit.
#[derive(Debug, Clone)]
pub struct Changed<R> {
    /// None for one that was made.
    pub before: Option<R>,
    /// None for one that was removed.
    pub after: Option<R>,
    /// The revision that the change made.
    pub revision: i64,
}

impl Store {
    /// Makes a tenant, which is active.
    ///
    /// # Errors
    /// A name that is taken, values that cannot be, and a store that fails; then nothing is
    /// changed, as with all changes.
    pub async fn create_tenant(&self, new: NewTenant) -> Result<Changed<Tenant>, Refusal> {
        let tenant = new.made(TenantId::random()?, now());
        transaction!(self, session: Refusal => self.create(session, tenant).await)
    }

    /// Changes a tenant by `edit`.
    ///
    /// # Errors
    /// As [`Store::create_tenant`], and when there is none of the id.
    pub async fn update_tenant(
        &self,
        id: &TenantId,
        edit: impl FnOnce(&mut Tenant) + Send,
    ) -> Result<Changed<Tenant>, Refusal> {
        transaction!(self, session: Refusal => self.update(session, id.as_str(), edit).await)
    }

    /// Removes a tenant with its databases and tokens.
    ///
    /// # Errors
    /// When there is none of the id, and when the store fails.
    pub async fn remove_tenant(&self, id: &TenantId) -> Result<Changed<Tenant>, Refusal> {
        transaction!(self, session: Refusal => self.remove(session, id.as_str()).await)
    }

    /// Gives a tenant a database.
    ///
    /// # Errors
    /// As [`Store::create_tenant`], without a key to seal the URL with, and when there is no such
    /// tenant.
    pub async fn add_database(
        &self,
        tenant: &TenantId,
        new: NewDatabase,
    ) -> Result<Changed<Database>, Refusal> {
        self.add_database_by(tenant, new, None).await
    }

    /// Gives a tenant a database that is looked at by `way` alone, where there is one.
    ///
    /// # Errors
    /// As [`Store::add_database`].
    pub(crate) async fn add_database_by(
        &self,
        tenant: &TenantId,
        new: NewDatabase,
        way: Option<&DatabaseUrl>,
    ) -> Result<Changed<Database>, Refusal> {
        let database = new.made(DatabaseId::random()?, tenant.clone(), now());
        self.refuse_itself(&database, way).await?;
        transaction!(self, session: Refusal => {
            exists(session, tenant).await?;
            self.create(session, database).await
        })
    }

    /// Changes a database by `edit`; a URL that cannot be read stays as it is, unless it is set.
    ///
    /// # Errors
    /// As [`Store::add_database`].
    pub async fn update_database(
        &self,
        id: &DatabaseId,
        edit: impl Fn(&mut Database) + Send + Sync,
    ) -> Result<Changed<Database>, Refusal> {
        self.update_database_by(id, edit, None).await
    }

    /// Changes a database that is looked at by `way` alone, where there is one and its URL changes.
    ///
    /// Its host is asked before anything is locked: others would wait for it as long as it likes.
    ///
    /// # Errors
    /// As [`Store::add_database`].
    pub(crate) async fn update_database_by(
        &self,
        id: &DatabaseId,
        edit: impl Fn(&mut Database) + Send + Sync,
        way: Option<&DatabaseUrl>,
    ) -> Result<Changed<Database>, Refusal> {
        let contents = self.contents().await?;
        let mut known = contents.databases.into_iter();
        let looked = match known.find(|database| database.id == *id) {
            None => None,
            Some(before) => {
                let mut after = before.clone();
                edit(&mut after);
                if !before.is_at_the_place_of(&after) {
                    self.refuse_itself(&after, way).await?;
                }
                Some(after)
            }
        };
        transaction!(self, session: Refusal => {
            let changed = self.update(session, id.as_str(), &edit).await?;
            if let (Some(before), Some(after)) = (&changed.before, &changed.after)
                && !before.is_at_the_place_of(after)
                && !looked.as_ref().is_some_and(|looked| looked.is_at_the_place_of(after))
            {
                return Err(StoreFailure::new("changed by somebody else meanwhile").into());
            }
            Ok::<_, Refusal>(changed)
        })
    }

    /// Removes a database.
    ///
    /// # Errors
    /// As [`Store::remove_tenant`].
    pub async fn remove_database(&self, id: &DatabaseId) -> Result<Changed<Database>, Refusal> {
        transaction!(self, session: Refusal => self.remove(session, id.as_str()).await)
    }

    /// Seals every URL that can be read with the key of now; gives back how many were not before.
    ///
    /// # Errors
    /// Without a key, and when the store fails.
    pub async fn reseal(&self) -> Result<usize, Refusal> {
        transaction!(self, session: Refusal => {
            session.advance().await?;
            let mut count = 0;
            for row in Holds::<Database>::all(&mut *session).await? {
                let Some(database) = Database::read(row, &self.keys) else {
                    continue;
                };
                let sealed = database.sealed.as_ref();
                let current = sealed.is_some_and(|sealed| self.keys.is_current(sealed));
                if database.url.is_ok() && !current {
                    let row = database.write(&self.keys)?;
                    Holds::<Database>::put(&mut *session, row).await?;
                    count += 1;
                }
            }
            Ok::<_, Refusal>(count)
        })
    }

    /// Makes a token of a tenant; beside it comes the token itself, which is kept nowhere.
    ///
    /// # Errors
    /// As [`Store::create_tenant`], and when there is no such tenant.
    pub async fn create_token(
        &self,
        tenant: &TenantId,
        new: NewToken,
    ) -> Result<(Changed<Token>, SecretString), Refusal> {
        let secret = NewSecret::random()?;
        let token = Token {
            digest: secret.digest,
            suffix: secret.suffix,
            ..new.made(TokenKey::random()?, tenant.clone(), now())
        };
        let changed = transaction!(self, session: Refusal => {
            exists(session, tenant).await?;
            self.create(session, token).await
        })?;
        Ok((changed, secret.token))
    }

    /// Changes a token by `edit`; revoking it is setting `active` to false.
    ///
    /// # Errors
    /// As [`Store::create_token`], and when there is none of the id.
    pub async fn update_token(
        &self,
        id: &TokenKey,
        edit: impl FnOnce(&mut Token) + Send,
    ) -> Result<Changed<Token>, Refusal> {
        transaction!(self, session: Refusal => self.update(session, id.as_str(), edit).await)
    }

    /// Gives a token a new secret, which comes beside it; the one before is let in for `overlap`
    /// more.
    ///
    /// # Errors
    /// When there is none of the id, and when the store fails.
    pub async fn rotate_token(
        &self,
        id: &TokenKey,
        overlap: Duration,
    ) -> Result<(Changed<Token>, SecretString), Refusal> {
        let secret = NewSecret::random()?;
        let (digest, suffix) = (secret.digest, secret.suffix);
        let edit = move |token: &mut Token| {
            let until = now().checked_add_signed(overlap);
            let digest_before = std::mem::replace(&mut token.digest, digest);
            token.suffix = suffix;
            token.previous = until
                .filter(|_| overlap > Duration::zero())
                .map(|until| Previous {
                    digest: digest_before,
                    until,
                });
        };
        let changed = self.update_token(id, edit).await?;
        Ok((changed, secret.token))
    }

    /// Removes a token.
    ///
    /// # Errors
    /// As [`Store::remove_tenant`].
    pub async fn remove_token(&self, id: &TokenKey) -> Result<Changed<Token>, Refusal> {
        transaction!(self, session: Refusal => self.remove(session, id.as_str()).await)
    }

    async fn create<R: Record, S: Holds<R>>(
        &self,
        session: &mut S,
        record: R,
    ) -> Result<Changed<R>, Refusal> {
        record.check().none_or().map_err(Refusal::Invalid)?;
        let row = record.write(&self.keys)?;
        let revision = session.advance().await?;
        session
            .put(row)
            .await
            .map_err(|error| taken(&record, error))?;
        Ok(Changed {
            before: None,
            after: Some(record),
            revision,
        })
    }

    async fn update<R: Record, S: Holds<R>>(
        &self,
        session: &mut S,
        id: &str,
        edit: impl FnOnce(&mut R) + Send,
    ) -> Result<Changed<R>, Refusal> {
        let revision = session.advance().await?;
        let before = self.found(session, id).await?;
        let mut after = before.clone();
        edit(&mut after);
        after.follow(&before, now());
        after.check().none_or().map_err(Refusal::Invalid)?;
        let row = after.write(&self.keys)?;
        session
            .put(row)
            .await
            .map_err(|error| taken(&after, error))?;
        Ok(Changed {
            before: Some(before),
            after: Some(after),
            revision,
        })
    }

    async fn remove<R: Record, S: Holds<R>>(
        &self,
        session: &mut S,
        id: &str,
    ) -> Result<Changed<R>, Refusal> {
        let revision = session.advance().await?;
        let before = self.found(session, id).await?;
        session.remove(id).await?;
        Ok(Changed {
            before: Some(before),
            after: None,
            revision,
        })
    }

    async fn found<R: Record, S: Holds<R>>(&self, session: &mut S, id: &str) -> Result<R, Refusal> {
        let row = session.find(id).await?;
        let record = row.and_then(|row| R::read(row, &self.keys));
        record.ok_or_else(|| Refusal::Absent {
            kind: R::KIND,
            name: id.to_owned(),
        })
    }
}

async fn exists<S: Holds<Tenant>>(session: &mut S, tenant: &TenantId) -> Result<(), Refusal> {
    match session.find(tenant.as_str()).await? {
        Some(_) => Ok(()),
        None => Err(Refusal::Absent {
            kind: Tenant::KIND,
            name: tenant.to_string(),
        }),
    }
}

fn taken<R: Record>(record: &R, error: sqlx::Error) -> Refusal {
    let failure = StoreFailure::from(error);
    match failure.is_taken() {
        true => Refusal::Taken {
            kind: R::KIND,
            name: record.name().to_owned(),
        },
        false => failure.into(),
    }
}

/// The time as the store keeps it.
fn now() -> DateTime<Utc> {
    let now = Utc::now();
    DateTime::from_timestamp_millis(now.timestamp_millis()).unwrap_or(now)
}
