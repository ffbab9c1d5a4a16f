//! What operators do to the store: one way for commands and for the admin API.
//!
//! Records are found by name or id, what is given is checked, and each change is recorded in the
//! audit, before it is tried and once it is made, with what was before and after and without a
//! secret. Where the audit cannot be written and denies, nothing is changed.

pub mod find;
mod input;
mod ledger;
mod view;

pub(crate) use input::{
    DatabasePatch, LimitsPatch, TenantPatch, TokenInput, TokenPatch, usual_scopes,
};
pub(crate) use ledger::Ledger;
pub use ledger::Way;
pub(crate) use view::{DatabaseView, TenantView, TokenView};

use std::fmt;

use chrono::{TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::{Value, json};

use crate::config::{self, Faults};
use crate::egress::{self, Reach};
use crate::store::{
    Backup, Changed, Contents, Database, NewDatabase, NewTenant, Refusal, Store, StoreFailure,
    Tenant, Token,
};
use ledger::Change;

/// Somebody who administers a store.
#[derive(Debug, Clone, Copy)]
pub struct Admin<'a> {
    /// The store.
    pub store: &'a Store,
    /// Where databases may be that come by the admin API.
    pub reach: &'a Reach,
    /// Who does it, and where it is recorded.
    pub(crate) ledger: Ledger<'a>,
}

/// A record by what people call it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reference<'r> {
    /// Its name or its id.
    pub text: &'r str,
    /// The name or the id of its tenant, where names of several could be meant.
    pub tenant: Option<&'r str>,
}

/// Why nothing was done.
#[derive(Debug)]
pub enum Refused {
    /// The store refuses it.
    Store(Refusal),
    /// Several have the name, each of another tenant.
    Ambiguous {
        /// What they are, such as `token`.
        kind: &'static str,
        /// The name.
        name: String,
        /// Their tenants.
        tenants: Vec<String>,
    },
    /// The audit cannot be written, so nothing was changed.
    Unrecordable,
    /// It was changed, and the audit could not be told how.
    Unrecorded,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(refusal) => refusal.fmt(f),
            Self::Ambiguous {
                kind,
                name,
                tenants,
            } => write!(
                f,
                "several tenants have a {kind} {name:?}: {}",
                tenants.join(", ")
            ),
            Self::Unrecordable => {
                f.write_str("the audit cannot be written, so nothing was changed")
            }
            Self::Unrecorded => f.write_str("it was changed, and the audit could not be told"),
        }
    }
}

impl std::error::Error for Refused {}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Store(refusal)
    }
}

impl From<StoreFailure> for Refused {
    fn from(failure: StoreFailure) -> Self {
        Self::Store(failure.into())
    }
}

impl From<Faults> for Refused {
    fn from(faults: Faults) -> Self {
        Self::Store(Refusal::Invalid(faults))
    }
}

impl Admin<'_> {
    /// Makes a tenant.
    ///
    /// # Errors
    /// What cannot be, a store that fails, and an audit that denies, as with all changes.
    pub(crate) async fn create_tenant(&self, new: NewTenant) -> Result<TenantView, Refused> {
        new.judge()?;
        let name = new.name.clone();
        let change = self.store.create_tenant(new);
        let changed = self.tried("tenant.create", &name, change).await?;
        self.tenant_changed("tenant.create", &changed).await
    }

    /// Changes a tenant.
    ///
    /// # Errors
    /// As [`Admin::create_tenant`], and when there is none.
    pub(crate) async fn update_tenant(
        &self,
        tenant: &str,
        patch: TenantPatch,
    ) -> Result<TenantView, Refused> {
        let contents = self.store.contents().await?;
        let before = find::tenant(&contents, tenant)?;
        let mut after = before.clone();
        patch.clone().apply(&mut after);
        after.judge()?;
        let edit = |tenant: &mut Tenant| patch.apply(tenant);
        let change = self.store.update_tenant(&before.id, edit);
        let changed = self
            .tried("tenant.update", before.id.as_str(), change)
            .await?;
        self.tenant_changed("tenant.update", &changed).await
    }

    /// Removes a tenant with its databases and tokens.
    ///
    /// # Errors
    /// As [`Admin::update_tenant`].
    pub(crate) async fn remove_tenant(&self, tenant: &str) -> Result<TenantView, Refused> {
        let id = find::tenant(&self.store.contents().await?, tenant)?
            .id
            .clone();
        let change = self.store.remove_tenant(&id);
        let changed = self.tried("tenant.remove", id.as_str(), change).await?;
        self.tenant_changed("tenant.remove", &changed).await
    }

    /// Gives a tenant a database.
    ///
    /// # Errors
    /// As [`Admin::update_tenant`].
    pub(crate) async fn add_database(
        &self,
        tenant: &str,
        new: NewDatabase,
    ) -> Result<DatabaseView, Refused> {
        let contents = self.store.contents().await?;
        let id = &find::tenant(&contents, tenant)?.id;
        let new = NewDatabase {
            guarded: self.ledger.way == Way::Api,
            ..new
        };
        let (way, in_reach) = self.in_reach(Some(&new.url)).await;
        Faults::all([new.judge(), in_reach])?;
        let name = new.name.clone();
        let way = way.as_ref().map(|way| &way.url);
        let change = self.store.add_database_by(id, new, way);
        let changed = self.tried("database.add", &name, change).await?;
        self.database_changed("database.add", &contents, &changed)
            .await
    }

    /// Changes a database.
    ///
    /// # Errors
    /// As [`Admin::update_tenant`].
    pub(crate) async fn update_database(
        &self,
        database: Reference<'_>,
        patch: DatabasePatch,
    ) -> Result<DatabaseView, Refused> {
        let contents = self.store.contents().await?;
        let before = find::database(&contents, database)?;
        let (id, guarded) = (&before.id, self.ledger.way == Way::Api);
        let mut after = before.clone();
        patch.clone().apply(&mut after, guarded);
        let (way, in_reach) = self.in_reach(patch.url.as_ref()).await;
        Faults::all([after.judge(), in_reach])?;
        let edit = |database: &mut Database| patch.clone().apply(database, guarded);
        let way = way.as_ref().map(|way| &way.url);
        let change = self.store.update_database_by(id, edit, way);
        let changed = self.tried("database.update", id.as_str(), change).await?;
        self.database_changed("database.update", &contents, &changed)
            .await
    }

    /// Removes a database.
    ///
    /// # Errors
    /// As [`Admin::update_tenant`].
    pub(crate) async fn remove_database(
        &self,
        database: Reference<'_>,
    ) -> Result<DatabaseView, Refused> {
        let contents = self.store.contents().await?;
        let id = &find::database(&contents, database)?.id;
        let change = self.store.remove_database(id);
        let changed = self.tried("database.remove", id.as_str(), change).await?;
        self.database_changed("database.remove", &contents, &changed)
            .await
    }

    /// Seals every URL with the key of now; gives back how many were not before.
    ///
    /// # Errors
    /// As [`Admin::create_tenant`], and without a key.
    pub async fn reseal(&self) -> Result<usize, Refused> {
        let change = self.store.reseal();
        let count = self.tried("database.reseal", "*", change).await?;
        let change = Change {
            after: Some(json!({ "resealed": count })),
            ..Change::of("database.reseal", "*")
        };
        self.made(change).await?;
        Ok(count)
    }

    /// Puts a backup in the place of all that the store holds, and gives the new revision.
    ///
    /// # Errors
    /// As [`Admin::create_tenant`]; rows that contradict each other change nothing.
    pub(crate) async fn restore(&self, backup: Backup, reopen: bool) -> Result<i64, Refused> {
        let [tenants, databases, tokens] = backup.counts();
        let after = json!({
            "of": backup.taken_at().to_rfc3339(), "reopen": reopen,
            "tenants": tenants, "databases": databases, "tokens": tokens,
        });
        let before = json!({ "revision": self.store.revision().await? });
        let change = self.store.restore(backup, reopen);
        let revision = self.tried("store.restore", "*", change).await?;
        let change = Change {
            revision: Some(revision),
            before: Some(before),
            after: Some(after),
            ..Change::of("store.restore", "*")
        };
        self.made(change).await?;
        Ok(revision)
    }

    /// Makes a token; beside it comes the token itself, to be shown once.
    ///
    /// # Errors
    /// As [`Admin::update_tenant`].
    pub(crate) async fn create_token(
        &self,
        tenant: &str,
        input: TokenInput,
    ) -> Result<(TokenView, SecretString), Refused> {
        let contents = self.store.contents().await?;
        let id = &find::tenant(&contents, tenant)?.id;
        let (new, end) = input.into_new(Utc::now());
        Faults::all([new.judge(), end])?;
        let name = new.name.clone();
        let change = self.store.create_token(id, new);
        let (changed, secret) = self.tried("token.create", &name, change).await?;
        let view = self
            .token_changed("token.create", &contents, &changed)
            .await?;
        Ok((view, secret))
    }

    /// Changes a token; revoking is setting `active` to false.
    ///
    /// # Errors
    /// As [`Admin::update_tenant`].
    pub(crate) async fn update_token(
        &self,
        token: Reference<'_>,
        patch: TokenPatch,
    ) -> Result<TokenView, Refused> {
        let contents = self.store.contents().await?;
        let before = find::token(&contents, token)?;
        let id = &before.id;
        let what = match patch.active {
            Some(false) => "token.revoke",
            _ => "token.update",
        };
        let (edit, end) = patch.understood(Utc::now());
        let mut after = before.clone();
        edit.clone()(&mut after);
        Faults::all([after.judge(), end])?;
        let change = self.store.update_token(id, edit);
        let changed = self.tried(what, id.as_str(), change).await?;
        self.token_changed(what, &contents, &changed).await
    }

    /// Gives a token a new secret, which comes beside it; the one before is let in for `overlap`
    /// more.
    ///
    /// # Errors
    /// As [`Admin::update_tenant`].
    pub(crate) async fn rotate_token(
        &self,
        token: Reference<'_>,
        overlap: TimeDelta,
    ) -> Result<(TokenView, SecretString), Refused> {
        let contents = self.store.contents().await?;
        let id = &find::token(&contents, token)?.id;
        let change = self.store.rotate_token(id, overlap);
        let (changed, secret) = self.tried("token.rotate", id.as_str(), change).await?;
        let view = self
            .token_changed("token.rotate", &contents, &changed)
            .await?;
        Ok((view, secret))
    }

    /// Removes a token.
    ///
    /// # Errors
    /// As [`Admin::update_tenant`].
    pub(crate) async fn remove_token(&self, token: Reference<'_>) -> Result<TokenView, Refused> {
        let contents = self.store.contents().await?;
        let id = &find::token(&contents, token)?.id;
        let change = self.store.remove_token(id);
        let changed = self.tried("token.remove", id.as_str(), change).await?;
        self.token_changed("token.remove", &contents, &changed)
            .await
    }

    /// Records that a session is closed, before it is: what it was, by `view`.
    ///
    /// # Errors
    /// An audit that denies; then it must not be closed.
    pub(crate) async fn closes_session(
        &self,
        session: &str,
        view: &impl Serialize,
    ) -> Result<(), Refused> {
        let change = Change {
            before: serde_json::to_value(view).ok(),
            ..Change::of("session.close", session)
        };
        self.ledger
            .record("change", change, Refused::Unrecordable)
            .await
    }

    /// The way of a URL that comes by the admin API, where it leads where the operator allows.
    async fn in_reach(
        &self,
        url: Option<&SecretString>,
    ) -> (Option<egress::Way>, Result<(), Faults>) {
        let Some(url) = url.filter(|_| self.ledger.way == Way::Api) else {
            return (None, Ok(()));
        };
        // What cannot be read is refused by the record's own check.
        let Ok(url) = config::tenant_url("url", url.expose_secret()) else {
            return (None, Ok(()));
        };
        match self.reach.judge(&url).await {
            Ok(way) => (Some(way), Ok(())),
            Err(out) => (None, Err(Faults::one(out.of("url")))),
        }
    }

    async fn tenant_changed(
        &self,
        what: &'static str,
        changed: &Changed<Tenant>,
    ) -> Result<TenantView, Refused> {
        let view = |tenant: &Tenant| TenantView::new(tenant);
        self.changed(what, changed, view, |_| Value::Null).await
    }

    async fn database_changed(
        &self,
        what: &'static str,
        contents: &Contents,
        changed: &Changed<Database>,
    ) -> Result<DatabaseView, Refused> {
        // The place alone would not tell of another password.
        let url = |database: &Database| {
            database
                .url
                .as_ref()
                .ok()
                .map(|url| url.expose_secret().to_owned())
        };
        let same = match (&changed.before, &changed.after) {
            (Some(before), Some(after)) => url(before) == url(after),
            _ => true,
        };
        let note = move |is_after: bool| match is_after && !same {
            true => json!({ "url": "*** (another)" }),
            false => json!({ "url": "***" }),
        };
        let view = |database: &Database| DatabaseView::new(database, contents);
        self.changed(what, changed, view, note).await
    }

    async fn token_changed(
        &self,
        what: &'static str,
        contents: &Contents,
        changed: &Changed<Token>,
    ) -> Result<TokenView, Refused> {
        let view = |token: &Token| TokenView::new(token, contents, Utc::now());
        self.changed(what, changed, view, |_| Value::Null).await
    }

    /// Records a change by the views of its record, and gives back the one that stays: after it,
    /// or before a removal. `note` is what a view leaves out.
    async fn changed<R, V: Serialize + HasId>(
        &self,
        what: &'static str,
        changed: &Changed<R>,
        view: impl Fn(&R) -> V,
        note: impl Fn(bool) -> Value,
    ) -> Result<V, Refused> {
        let (before, after) = (
            changed.before.as_ref().map(&view),
            changed.after.as_ref().map(&view),
        );
        let written = |view: &Option<V>, is_after| {
            let mut value = serde_json::to_value(view.as_ref()?).ok()?;
            if let (Value::Object(members), Value::Object(more)) = (&mut value, note(is_after)) {
                members.extend(more);
            }
            Some(value)
        };
        let (was, is) = (written(&before, false), written(&after, true));
        let Some(view) = after.or(before) else {
            return Err(Refused::Unrecorded);
        };
        self.made(Change {
            revision: Some(changed.revision),
            before: was,
            after: is,
            ..Change::of(what, view.id())
        })
        .await?;
        Ok(view)
    }

    /// Records a change, makes it, and records where it could not be made; what it came to is for
    /// whoever knows how to show it.
    async fn tried<T>(
        &self,
        what: &'static str,
        of: &str,
        change: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refused> {
        let asked = Change::of(what, of);
        self.ledger
            .record("change_asked", asked, Refused::Unrecordable)
            .await?;
        match change.await {
            Ok(made) => Ok(made),
            Err(refusal) => {
                let failed = Change {
                    code: Some(refusal.code()),
                    ..Change::of(what, of)
                };
                self.ledger
                    .record("change_failed", failed, Refused::Unrecorded)
                    .await?;
                Err(refusal.into())
            }
        }
    }

    async fn made(&self, change: Change<'_>) -> Result<(), Refused> {
        self.ledger
            .record("change", change, Refused::Unrecorded)
            .await
    }
}

/// A view of a record with an id.
trait HasId {
    fn id(&self) -> &str;
}

impl HasId for TenantView {
    fn id(&self) -> &str {
        &self.id
    }
}

impl HasId for DatabaseView {
    fn id(&self) -> &str {
        &self.id
    }
}

impl HasId for TokenView {
    fn id(&self) -> &str {
        &self.id
    }
}
