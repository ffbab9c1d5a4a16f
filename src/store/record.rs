//! Tenants, databases and tokens as the service knows them.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::check::Faults;
use super::seal::{SealFault, SealedUrl};
use super::{DatabaseId, RowRule, TenantId, TokenKey};
use crate::auth::{Digest, Standing};
use crate::config::{self, Engine};

/// Everything that the store holds, at one revision.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// Grows with each change.
    pub revision: i64,
    /// Every tenant, by name.
    pub tenants: Vec<Tenant>,
    /// Every database, by tenant and name.
    pub databases: Vec<Database>,
    /// Every token, by tenant and name.
    pub tokens: Vec<Token>,
    /// Rows that are left out because they cannot be read, such as `token 0123456789abcdef`: what
    /// is not understood grants nothing.
    pub unreadable: Vec<String>,
}

/// Somebody whose clients see databases of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name, which no other tenant has.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// Whether its tokens let anyone in.
    pub active: bool,
    /// Which rows its tokens see.
    pub rows: Vec<RowRule>,
    /// How much its tokens may ask for together.
    pub limits: ClientLimits,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed.
    pub updated_at: DateTime<Utc>,
}

/// A database that a tenant's tokens read.
#[derive(Debug, Clone)]
pub struct Database {
    /// Its id.
    pub id: DatabaseId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name, which no other database of the tenant has.
    pub name: String,
    /// Where it is and how to log in there, in the grammar of `DATABASE_URL`; or why it cannot be
    /// told.
    pub url: Result<SecretString, SealFault>,
    /// Its whitelist, in the grammar of `MCP_ALLOWED_MODELS`.
    pub models: String,
    /// More sensitive fields, in the grammar of `MCP_HIDDEN_FIELDS`.
    pub hidden: String,
    /// Fields that a built-in rule hides wrongly, in the grammar of `MCP_REVEAL_FIELDS`.
    pub reveal: String,
    /// Keys between its models that it does not tell of itself, in the grammar of `MCP_RELATIONS`.
    pub relations: String,
    /// Whether a transaction pooler stands in front of it.
    pub pgbouncer: bool,
    /// Whether each transaction names its token and tenant, for the row security of PostgreSQL.
    pub row_security: bool,
    /// Whether it came by the admin API: then it may only be where the operator allows.
    pub guarded: bool,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was changed.
    pub updated_at: DateTime<Utc>,
    /// What is kept of the URL.
    pub(super) sealed: Option<Arc<SealedUrl>>,
}

impl Database {
    /// The place without user and password, or what is wrong.
    pub fn place(&self) -> String {
        let url = match &self.url {
            Ok(url) => url.expose_secret(),
            Err(_) => return "sealed".to_owned(),
        };
        config::database_url("url", url).map_or_else(|_| "-".to_owned(), |url| url.to_string())
    }

    /// Whether both have the same URL.
    pub(crate) fn is_at_the_place_of(&self, other: &Self) -> bool {
        let url = |database: &Self| {
            let url = database.url.as_ref().ok();
            url.map(|url| url.expose_secret().to_owned())
        };
        url(self) == url(other)
    }
}

/// A token of a tenant; the token itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: TokenKey,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name, which no other token of the tenant has.
    pub name: String,
    /// What is compared.
    pub digest: Digest,
    /// Its last 8 characters.
    pub suffix: String,
    /// What else is let in for a while after a rotation.
    pub previous: Option<Previous>,
    /// Whether it lets anyone in.
    pub active: bool,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it last let someone in.
    pub last_used_at: Option<DateTime<Utc>>,
    /// The models that it sees of those of its tenant; `None` for all.
    pub models: Option<Vec<String>>,
    /// The tools that it may call; `None` for all that its scopes allow.
    pub tools: Option<Vec<String>>,
    /// What it may do, by the names of [`crate::auth::Scope`]; any other one lets call the tools of
    /// the operator that name it, and grants nothing else.
    pub scopes: Vec<String>,
    /// What is known of whoever has it, for tools that ask: by names.
    pub attributes: BTreeMap<String, String>,
    /// Which rows it sees of those of its tenant.
    pub rows: Vec<RowRule>,
    /// How much it may ask for over all its connections; its tenant's hold beside them.
    pub limits: ClientLimits,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed.
    pub updated_at: DateTime<Utc>,
}

impl Token {
    /// What decides whether it lets anyone in.
    pub(crate) fn standing(&self, tenant: &Tenant) -> Standing {
        Standing {
            until: None,
            active: self.active,
            expires_at: self.expires_at,
            tenant_active: tenant.active,
        }
    }
}

/// The token before a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous {
    /// What is compared.
    pub digest: Digest,
    /// Until when it is let in.
    pub until: DateTime<Utc>,
}

/// How much may be asked for; what is absent is not limited here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientLimits {
    /// Requests per window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<u32>,
    /// The window, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_window: Option<u32>,
    /// Rows a day, by the calendar of UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_per_day: Option<u64>,
}

/// A tenant to be made.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    /// Its name, which no other tenant has.
    pub name: String,
    /// What it is, for people.
    #[serde(default)]
    pub description: String,
    /// Which rows its tokens see, such as `tickets.company_id = 42`.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub rows: Vec<RowRule>,
    /// How much its tokens may ask for together.
    #[serde(default)]
    pub limits: ClientLimits,
}

/// A database to be added to a tenant.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDatabase {
    /// Its name, which no other database of the tenant has.
    pub name: String,
    /// Where it is and how to log in there, as `DATABASE_URL`. It is never given back.
    #[schemars(with = "String", title = "URL", extend("format" = "password"))]
    pub url: SecretString,
    /// Its whitelist, as `MCP_ALLOWED_MODELS`: `name`, `schema.name` or `alias=schema.name`, with
    /// commas between.
    pub models: String,
    /// More sensitive fields, as `MCP_HIDDEN_FIELDS`: `field` or `model.field`, with `*`.
    #[serde(default)]
    pub hidden: String,
    /// Fields that a built-in rule hides wrongly, as `MCP_REVEAL_FIELDS`: `model.field`.
    #[serde(default)]
    pub reveal: String,
    /// Keys between its models that it does not tell of itself, as `MCP_RELATIONS`:
    /// `model.field=model.field`.
    #[serde(default)]
    pub relations: String,
    /// Whether a transaction pooler stands in front of it.
    #[serde(default)]
    pub pgbouncer: bool,
    /// Whether each transaction names its token and tenant, for the row security of PostgreSQL.
    #[serde(default)]
    pub row_security: bool,
    /// Whether it comes by the admin API, which nobody says of it: the way that it takes does.
    #[serde(skip)]
    pub guarded: bool,
}

/// What a token is made of.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Its name.
    pub name: String,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// The models that it sees; `None` for all of its tenant.
    pub models: Option<Vec<String>>,
    /// The tools that it may call; `None` for all that its scopes allow.
    pub tools: Option<Vec<String>>,
    /// What it may do, by the names of [`crate::auth::Scope`] and those that tools ask for.
    pub scopes: Vec<String>,
    /// What is known of whoever has it, by names.
    pub attributes: BTreeMap<String, String>,
    /// Which rows it sees.
    pub rows: Vec<RowRule>,
    /// How much it may ask for.
    pub limits: ClientLimits,
}

impl NewTenant {
    pub(super) fn made(self, id: TenantId, now: DateTime<Utc>) -> Tenant {
        Tenant {
            id,
            name: self.name,
            description: self.description,
            active: true,
            rows: self.rows,
            limits: self.limits,
            created_at: now,
            updated_at: now,
        }
    }

    /// Sees whether a tenant can be made of this, before anything is changed.
    ///
    /// # Errors
    /// Every value that cannot be.
    pub fn judge(&self) -> Result<(), config::Faults> {
        let id = String::new().into();
        self.clone().made(id, DateTime::UNIX_EPOCH).judge()
    }
}

impl NewDatabase {
    pub(super) fn made(self, id: DatabaseId, tenant: TenantId, now: DateTime<Utc>) -> Database {
        Database {
            id,
            tenant,
            name: self.name,
            url: Ok(self.url),
            models: self.models,
            hidden: self.hidden,
            reveal: self.reveal,
            relations: self.relations,
            pgbouncer: self.pgbouncer,
            row_security: self.row_security,
            guarded: self.guarded,
            created_at: now,
            updated_at: now,
            sealed: None,
        }
    }

    /// Sees whether a database can be made of this, before anything is changed.
    ///
    /// # Errors
    /// Every value that cannot be.
    pub fn judge(&self) -> Result<(), config::Faults> {
        let (id, of) = (String::new().into(), String::new().into());
        self.clone().made(id, of, DateTime::UNIX_EPOCH).judge()
    }
}

impl NewToken {
    /// A token without what lets anyone in.
    pub(super) fn made(self, id: TokenKey, tenant: TenantId, now: DateTime<Utc>) -> Token {
        Token {
            id,
            tenant,
            name: self.name,
            digest: Digest::default(),
            suffix: String::new(),
            previous: None,
            active: true,
            expires_at: self.expires_at,
            last_used_at: None,
            models: self.models,
            tools: self.tools,
            scopes: self.scopes,
            attributes: self.attributes,
            rows: self.rows,
            limits: self.limits,
            created_at: now,
            updated_at: now,
        }
    }

    /// Sees whether a token can be made of this, before anything is changed.
    ///
    /// # Errors
    /// Every value that cannot be.
    pub fn judge(&self) -> Result<(), config::Faults> {
        let (id, of) = (String::new().into(), String::new().into());
        self.clone().made(id, of, DateTime::UNIX_EPOCH).judge()
    }
}

impl Tenant {
    /// Sees whether it can be kept as it is, before anything is changed.
    ///
    /// # Errors
    /// Every value that cannot be.
    pub fn judge(&self) -> Result<(), config::Faults> {
        self.check().none_or()
    }

    pub(super) fn check(&self) -> Faults {
        let mut faults = Faults::default();
        faults.name("name", &self.name);
        faults.text("description", &self.description);
        faults.rows("rows", &self.rows);
        faults.limits(self.limits);
        faults
    }
}

impl Database {
    /// Sees whether it can be kept as it is, before anything is changed.
    ///
    /// # Errors
    /// Every value that cannot be.
    pub fn judge(&self) -> Result<(), config::Faults> {
        self.check().none_or()
    }

    pub(super) fn check(&self) -> Faults {
        let mut faults = Faults::default();
        faults.name("name", &self.name);
        if let Ok(url) = &self.url {
            match config::tenant_url("url", url.expose_secret()) {
                Ok(url) if self.row_security && url.engine() != Engine::Postgres => {
                    faults.add(
                        "row_security",
                        format!("{} has no row security", url.engine()),
                        "leave it out: it is for PostgreSQL",
                    );
                }
                read => faults.take(read.map(drop)),
            }
        }
        faults.take(config::model_names("models", &self.models).map(drop));
        let fields = config::sensitive(("hidden", &self.hidden), ("reveal", &self.reveal));
        faults.take(fields.map(drop));
        faults.take(config::given_relations("relations", &self.relations).map(drop));
        faults
    }
}

impl Token {
    /// Sees whether it can be kept as it is, before anything is changed.
    ///
    /// # Errors
    /// Every value that cannot be.
    pub fn judge(&self) -> Result<(), config::Faults> {
        self.check().none_or()
    }

    pub(super) fn check(&self) -> Faults {
        let mut faults = Faults::default();
        faults.name("name", &self.name);
        faults.names("models", self.models.as_deref());
        faults.names("tools", self.tools.as_deref());
        faults.scopes(&self.scopes);
        faults.attributes(&self.attributes);
        faults.rows("rows", &self.rows);
        faults.limits(self.limits);
        faults
    }
}
