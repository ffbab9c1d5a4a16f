//! The tables: their rows, and the statements that both engines understand.

use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, SqliteConnection};

use super::{Database, Tenant, Token};
use crate::auth::Digest;

/// A row of `lucarne_tenants`.
#[derive(Debug, Clone, FromRow, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TenantRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) active: bool,
    pub(super) row_rules: String,
    pub(super) limits: String,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
}

/// A row of `lucarne_databases`.
#[derive(Clone, FromRow, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DatabaseRow {
    pub(super) id: String,
    pub(super) tenant: String,
    pub(super) name: String,
    pub(super) key_id: String,
    #[serde(with = "super::backup::base64")]
    pub(super) sealed_url: Vec<u8>,
    pub(super) models: String,
    pub(super) hidden: String,
    pub(super) reveal: String,
    pub(super) pgbouncer: bool,
    pub(super) row_security: bool,
    pub(super) guarded: bool,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
    /// Backups of before have none.
    #[serde(default)]
    pub(super) relations: String,
}

/// A row of `lucarne_tokens`.
#[derive(Clone, FromRow, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenRow {
    pub(super) id: String,
    pub(super) tenant: String,
    pub(super) name: String,
    #[serde(with = "super::backup::base64")]
    pub(super) digest: Vec<u8>,
    pub(super) suffix: String,
    #[serde(with = "super::backup::base64::option")]
    pub(super) previous_digest: Option<Vec<u8>>,
    pub(super) previous_until: Option<i64>,
    pub(super) active: bool,
    pub(super) expires_at: Option<i64>,
    pub(super) last_used_at: Option<i64>,
    pub(super) models: Option<String>,
    pub(super) tools: Option<String>,
    pub(super) scopes: String,
    pub(super) row_rules: String,
    pub(super) limits: String,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
    /// Backups of before have none.
    #[serde(default = "nothing")]
    pub(super) attributes: String,
}

/// No member, as JSON.
fn nothing() -> String {
    "{}".to_owned()
}

/// One session with the store, whichever engine it is on.
pub(super) trait Session: Send {
    /// The revision of what can be read.
    fn revision(&mut self) -> impl Future<Output = sqlx::Result<i64>> + Send;

    /// The revision of what can be read, and the mark of the change that made it.
    fn state(&mut self) -> impl Future<Output = sqlx::Result<(i64, String)>> + Send;

    /// Makes the next revision. Until the transaction ends nobody else makes one.
    fn advance(&mut self) -> impl Future<Output = sqlx::Result<i64>> + Send;

    /// Notes when a token let someone in, unless a later time is known.
    fn record_use(
        &mut self,
        digest: &Digest,
        at: i64,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}

/// A session with the table of a kind of record.
pub(super) trait Holds<R: HasRow>: Session {
    /// Every row, in the order in which they are listed.
    fn all(&mut self) -> impl Future<Output = sqlx::Result<Vec<R::Row>>> + Send;

    /// The row of an id.
    fn find(&mut self, id: &str) -> impl Future<Output = sqlx::Result<Option<R::Row>>> + Send;

    /// Writes a row, in the place of one of the same id.
    fn put(&mut self, row: R::Row) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Removes a row, and what belongs to it.
    fn remove(&mut self, id: &str) -> impl Future<Output = sqlx::Result<()>> + Send;
}

/// What is kept in a table.
pub(super) trait HasRow {
    type Row: Send;
}

impl HasRow for Tenant {
    type Row = TenantRow;
}

impl HasRow for Database {
    type Row = DatabaseRow;
}

impl HasRow for Token {
    type Row = TokenRow;
}

macro_rules! session {
    ($connection:ty, $random:literal) => {
        impl Session for $connection {
            async fn revision(&mut self) -> sqlx::Result<i64> {
                sqlx::query_scalar("SELECT revision FROM lucarne_revision")
                    .fetch_one(self)
                    .await
            }

            async fn state(&mut self) -> sqlx::Result<(i64, String)> {
                sqlx::query_as("SELECT revision, mark FROM lucarne_revision")
                    .fetch_one(self)
                    .await
            }

            async fn advance(&mut self) -> sqlx::Result<i64> {
                sqlx::query_scalar(concat!(
                    "UPDATE lucarne_revision SET revision = revision + 1, mark = ",
                    $random,
                    " RETURNING revision"
                ))
                .fetch_one(self)
                .await
            }

            async fn record_use(&mut self, digest: &Digest, at: i64) -> sqlx::Result<()> {
                sqlx::query(
                    "UPDATE lucarne_tokens SET last_used_at = $2 \
                     WHERE (digest = $1 OR previous_digest = $1) \
                     AND (last_used_at IS NULL OR last_used_at < $2)",
                )
                .bind(digest.to_vec())
                .bind(at)
                .execute(self)
                .await
                .map(drop)
            }
        }
    };
}

session!(SqliteConnection, "lower(hex(randomblob(16)))");
session!(PgConnection, "CAST(gen_random_uuid() AS text)");

macro_rules! holds {
    ($connection:ty, $record:ty, $row:ty, $table:literal by $order:literal, $put:expr, $($column:ident)*) => {
        impl Holds<$record> for $connection {
            async fn all(&mut self) -> sqlx::Result<Vec<$row>> {
                sqlx::query_as(concat!("SELECT * FROM ", $table, " ORDER BY ", $order))
                    .fetch_all(self)
                    .await
            }

            async fn find(&mut self, id: &str) -> sqlx::Result<Option<$row>> {
                sqlx::query_as(concat!("SELECT * FROM ", $table, " WHERE id = $1"))
                    .bind(id)
                    .fetch_optional(self)
                    .await
            }

            async fn put(&mut self, row: $row) -> sqlx::Result<()> {
                sqlx::query($put)$(.bind(row.$column))*.execute(self).await.map(drop)
            }

            async fn remove(&mut self, id: &str) -> sqlx::Result<()> {
                sqlx::query(concat!("DELETE FROM ", $table, " WHERE id = $1"))
                    .bind(id)
                    .execute(self)
                    .await
                    .map(drop)
            }
        }
    };
}

/// Columns stand in the order of their binding.
const PUT_TENANT: &str = "INSERT INTO lucarne_tenants \
    (id, name, description, active, row_rules, limits, created_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description, \
    active = excluded.active, row_rules = excluded.row_rules, limits = excluded.limits, \
    updated_at = excluded.updated_at";

const PUT_DATABASE: &str = "INSERT INTO lucarne_databases \
    (id, tenant, name, key_id, sealed_url, models, hidden, reveal, pgbouncer, \
    row_security, guarded, created_at, updated_at, relations) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, key_id = excluded.key_id, \
    sealed_url = excluded.sealed_url, models = excluded.models, hidden = excluded.hidden, \
    reveal = excluded.reveal, pgbouncer = excluded.pgbouncer, \
    row_security = excluded.row_security, guarded = excluded.guarded, \
    updated_at = excluded.updated_at, relations = excluded.relations";

/// When a token was used is written by `record_use` alone.
const PUT_TOKEN: &str = "INSERT INTO lucarne_tokens \
    (id, tenant, name, digest, suffix, previous_digest, previous_until, active, expires_at, \
    models, tools, scopes, row_rules, limits, created_at, updated_at, attributes) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) \
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, digest = excluded.digest, \
    suffix = excluded.suffix, previous_digest = excluded.previous_digest, \
    previous_until = excluded.previous_until, active = excluded.active, \
    expires_at = excluded.expires_at, models = excluded.models, tools = excluded.tools, \
    scopes = excluded.scopes, row_rules = excluded.row_rules, limits = excluded.limits, \
    updated_at = excluded.updated_at, attributes = excluded.attributes";

macro_rules! tables {
    ($connection:ty) => {
        holds!($connection, Tenant, TenantRow, "lucarne_tenants" by "name, id", PUT_TENANT,
            id name description active row_rules limits created_at updated_at);
        holds!($connection, Database, DatabaseRow, "lucarne_databases" by "tenant, name, id",
            PUT_DATABASE, id tenant name key_id sealed_url models hidden reveal pgbouncer
            row_security guarded created_at updated_at relations);
        holds!($connection, Token, TokenRow, "lucarne_tokens" by "tenant, name, id", PUT_TOKEN,
            id tenant name digest suffix previous_digest previous_until active expires_at models
            tools scopes row_rules limits created_at updated_at attributes);
    };
}

tables!(SqliteConnection);
tables!(PgConnection);
