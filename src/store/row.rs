//! Between records and rows: times as milliseconds, lists as JSON, URLs sealed.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::check::Faults;
use super::record::Previous;
use super::seal::{Keys, SealedUrl};
use super::table::{DatabaseRow, HasRow, TenantRow, TokenRow};
use super::{Database, Refusal, StoreFailure, Tenant, Token};

/// A record of the store, between memory and its table.
pub(super) trait Record: HasRow + Clone + Send {
    /// What people call it.
    const KIND: &'static str;

    fn name(&self) -> &str;
    /// What is wrong with its values.
    fn check(&self) -> Faults;
    /// Takes what no edit changes from the record before, and notes the time.
    fn follow(&mut self, before: &Self, now: DateTime<Utc>);
    fn id_of(row: &Self::Row) -> &str;
    /// What a row says; `None` for one that is not understood.
    fn read(row: Self::Row, keys: &Keys) -> Option<Self>;
    fn write(&self, keys: &Keys) -> Result<Self::Row, Refusal>;
}

impl Record for Tenant {
    const KIND: &'static str = "tenant";

    fn name(&self) -> &str {
        &self.name
    }

    fn check(&self) -> Faults {
        Self::check(self)
    }

    fn follow(&mut self, before: &Self, now: DateTime<Utc>) {
        self.id = before.id.clone();
        self.created_at = before.created_at;
        self.updated_at = now;
    }

    fn id_of(row: &TenantRow) -> &str {
        &row.id
    }

    fn read(row: TenantRow, _: &Keys) -> Option<Self> {
        Some(Self {
            id: row.id.into(),
            name: row.name,
            description: row.description,
            active: row.active,
            rows: parsed(&row.row_rules)?,
            limits: parsed(&row.limits)?,
            created_at: time(row.created_at)?,
            updated_at: time(row.updated_at)?,
        })
    }

    fn write(&self, _: &Keys) -> Result<TenantRow, Refusal> {
        Ok(TenantRow {
            id: self.id.to_string(),
            name: self.name.clone(),
            description: self.description.clone(),
            active: self.active,
            row_rules: written(&self.rows)?,
            limits: written(&self.limits)?,
            created_at: self.created_at.timestamp_millis(),
            updated_at: self.updated_at.timestamp_millis(),
        })
    }
}

impl Record for Database {
    const KIND: &'static str = "database";

    fn name(&self) -> &str {
        &self.name
    }

    fn check(&self) -> Faults {
        Self::check(self)
    }

    fn follow(&mut self, before: &Self, now: DateTime<Utc>) {
        self.id = before.id.clone();
        self.tenant = before.tenant.clone();
        self.sealed = before.sealed.clone();
        self.created_at = before.created_at;
        self.updated_at = now;
    }

    fn id_of(row: &DatabaseRow) -> &str {
        &row.id
    }

    fn read(row: DatabaseRow, keys: &Keys) -> Option<Self> {
        let (id, tenant) = (row.id.into(), row.tenant.into());
        let sealed = SealedUrl {
            key_id: row.key_id,
            bytes: row.sealed_url,
        };
        Some(Self {
            url: keys.open(&tenant, &id, &sealed),
            id,
            tenant,
            name: row.name,
            models: row.models,
            hidden: row.hidden,
            reveal: row.reveal,
            relations: row.relations,
            pgbouncer: row.pgbouncer,
            row_security: row.row_security,
            guarded: row.guarded,
            // A database is never left out: its tenant must not be taken for one without.
            created_at: time(row.created_at).unwrap_or_default(),
            updated_at: time(row.updated_at).unwrap_or_default(),
            sealed: Some(Arc::new(sealed)),
        })
    }

    /// What can be read is sealed anew, by the key of now; what cannot stays as it is.
    fn write(&self, keys: &Keys) -> Result<DatabaseRow, Refusal> {
        let sealed = match (&self.url, &self.sealed) {
            (Ok(url), _) => keys
                .seal(&self.tenant, &self.id, url)
                .ok_or(Refusal::NoKey)?,
            (Err(_), Some(sealed)) => (**sealed).clone(),
            (Err(_), None) => return Err(Refusal::NoKey),
        };
        Ok(DatabaseRow {
            id: self.id.to_string(),
            tenant: self.tenant.to_string(),
            name: self.name.clone(),
            key_id: sealed.key_id,
            sealed_url: sealed.bytes,
            models: self.models.clone(),
            hidden: self.hidden.clone(),
            reveal: self.reveal.clone(),
            relations: self.relations.clone(),
            pgbouncer: self.pgbouncer,
            row_security: self.row_security,
            guarded: self.guarded,
            created_at: self.created_at.timestamp_millis(),
            updated_at: self.updated_at.timestamp_millis(),
        })
    }
}

impl Record for Token {
    const KIND: &'static str = "token";

    fn name(&self) -> &str {
        &self.name
    }

    fn check(&self) -> Faults {
        Self::check(self)
    }

    fn follow(&mut self, before: &Self, now: DateTime<Utc>) {
        self.id = before.id.clone();
        self.tenant = before.tenant.clone();
        self.created_at = before.created_at;
        self.updated_at = now;
    }

    fn id_of(row: &TokenRow) -> &str {
        &row.id
    }

    fn read(row: TokenRow, _: &Keys) -> Option<Self> {
        let previous = match (row.previous_digest, row.previous_until) {
            (Some(digest), Some(until)) => Some(Previous {
                digest: digest.try_into().ok()?,
                until: time(until)?,
            }),
            _ => None,
        };
        let list = |text: Option<String>| match text {
            Some(text) => parsed(&text).map(Some),
            None => Some(None),
        };
        let moment = |millis: Option<i64>| match millis {
            Some(millis) => time(millis).map(Some),
            None => Some(None),
        };
        Some(Self {
            id: row.id.into(),
            tenant: row.tenant.into(),
            name: row.name,
            digest: row.digest.try_into().ok()?,
            suffix: row.suffix,
            previous,
            active: row.active,
            expires_at: moment(row.expires_at)?,
            last_used_at: moment(row.last_used_at)?,
            models: list(row.models)?,
            tools: list(row.tools)?,
            scopes: parsed(&row.scopes)?,
            attributes: parsed(&row.attributes)?,
            rows: parsed(&row.row_rules)?,
            limits: parsed(&row.limits)?,
            created_at: time(row.created_at)?,
            updated_at: time(row.updated_at)?,
        })
    }

    fn write(&self, _: &Keys) -> Result<TokenRow, Refusal> {
        let millis = |time: &DateTime<Utc>| time.timestamp_millis();
        Ok(TokenRow {
            id: self.id.to_string(),
            tenant: self.tenant.to_string(),
            name: self.name.clone(),
            digest: self.digest.to_vec(),
            suffix: self.suffix.clone(),
            previous_digest: self.previous.as_ref().map(|before| before.digest.to_vec()),
            previous_until: self.previous.as_ref().map(|before| millis(&before.until)),
            active: self.active,
            expires_at: self.expires_at.as_ref().map(millis),
            last_used_at: self.last_used_at.as_ref().map(millis),
            models: self.models.as_ref().map(written).transpose()?,
            tools: self.tools.as_ref().map(written).transpose()?,
            scopes: written(&self.scopes)?,
            row_rules: written(&self.rows)?,
            limits: written(&self.limits)?,
            created_at: millis(&self.created_at),
            updated_at: millis(&self.updated_at),
            attributes: written(&self.attributes)?,
        })
    }
}

fn time(millis: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(millis)
}

fn parsed<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

fn written<T: Serialize>(value: &T) -> Result<String, Refusal> {
    serde_json::to_string(value)
        .map_err(|_| StoreFailure::new("a value cannot be written as JSON").into())
}
