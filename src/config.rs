//! What the operator asks for, from the environment and a `.env` file.
//!
//! [`environment`] gathers the variables, [`load`] turns them into a [`Config`] or into all their
//! faults at once. `raw` holds what was typed, [`Config`] what is meant; the table in
//! [`variables`] holds names, defaults and meanings for both and for the help.

mod address;
mod admin;
mod change;
mod check;
mod client;
mod control;
mod database;
mod dotenv;
mod fault;
mod field_types;
mod given;
mod load;
mod memory;
mod models;
mod network;
mod origins;
mod places;
mod raw;
mod relations;
mod rights;
mod secrets;
mod store;
mod tls;
pub mod variables;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::{SecretBox, SecretString};

pub use self::change::{Change, Origin as SettingOrigin, Setting, Settings};
pub use self::client::{SharedToken, certificate_file, listen_address, shared_token};
pub use self::control::control_socket;
pub use self::database::{DatabaseUrl, Engine, ServerUrl, SqliteFile};
pub use self::dotenv::environment;
pub use self::fault::{Fault, Faults, Warning};
pub use self::field_types::{FieldType, GivenType};
pub use self::given::{database_url, model_names, sensitive, tenant_url};
pub use self::load::{load, load_here};
pub use self::models::ModelName;
pub use self::origins::{AllowedHosts, AllowedOrigins, HostPattern, Origin};
pub use self::places::{DatabasePlaces, HostRule, temporary_folder};
pub use self::relations::GivenRelation;
pub use self::store::{EncryptionKeys, StoreUrl};
pub use self::tls::Tls;
use crate::sensitive::Sensitive;

/// How often the result of a tool is in memory while it is written: as rows, as text, as structure,
/// and within the message.
pub const TOOL_COPIES: usize = 4;

/// The configuration of the service, checked. `Debug` shows no secret.
#[derive(Debug)]
pub struct Config {
    /// Whether `/mcp` answers with anything but 503.
    pub enabled: bool,
    /// The tokens that are valid; at least one when enabled without a store.
    pub tokens: Vec<SecretString>,
    /// Whether a client without a token is refused; only false on a loopback address.
    pub require_auth: bool,
    /// The whitelist, in its order; at least one entry, each with a name of its own.
    pub models: Vec<ModelName>,
    /// Chooses the error text for writing actions, nothing else.
    pub read_only: bool,
    /// Requests per window and connection; 0 is no limit.
    pub rate_limit: u32,
    /// The window of the rate limit.
    pub rate_window: Duration,
    /// The database to read; there when enabled without a store.
    pub database: Option<DatabaseUrl>,
    /// Which fields never leave the service.
    pub sensitive: Sensitive,
    /// What columns of an SQLite file hold.
    pub field_types: Vec<FieldType>,
    /// Keys between models that the database does not tell of.
    pub relations: Vec<GivenRelation>,
    /// Where the service listens.
    pub listen: SocketAddr,
    /// Where health and metrics are answered without a token.
    pub admin_listen: Option<SocketAddr>,
    /// The socket by which whoever owns the service speaks to it.
    pub control_socket: Option<PathBuf>,
    /// What the service proves itself with, where it speaks TLS.
    pub tls: Option<TlsFiles>,
    /// `Host` values answered.
    pub allowed_hosts: AllowedHosts,
    /// Browser origins let in.
    pub allowed_origins: AllowedOrigins,
    /// Whether the WebSocket route takes `?token=`.
    pub allow_query_token: bool,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Rows of a page when the request names no limit; at most `max_limit`.
    pub default_limit: u32,
    /// Rows of the largest page.
    pub max_limit: u32,
    /// The largest request, in bytes.
    pub max_message_bytes: usize,
    /// The largest answer, in bytes.
    pub max_response_bytes: usize,
    /// The largest text of an MCP tool result, in bytes.
    pub tool_max_bytes: usize,
    /// How large integers and decimals are sent.
    pub numbers: Numbers,
    /// Sockets open at once.
    pub max_connections: usize,
    /// Sockets open at once from one address.
    pub max_connections_per_address: Option<usize>,
    /// Requests answered at once.
    pub max_requests: usize,
    /// Bytes for all requests and answers under way, over all connections.
    pub max_memory_bytes: usize,
    /// Requests per window and token.
    pub token_rate_limit: Option<u32>,
    /// How long a socket may be silent.
    pub idle_timeout: Duration,
    /// How long a statement may take.
    pub query_timeout: Duration,
    /// From when on a request is told of as slow.
    pub slow_query: Option<Duration>,
    /// Estimated rows above which an unindexed filter or sort is refused; `None` is never.
    pub scan_limit: Option<u64>,
    /// Database connections.
    pub pool_size: usize,
    /// Whether a transaction pooler stands before the database.
    pub pgbouncer: bool,
    /// The key of cursors that several instances share; `None` asks for one of its own.
    pub cursor_key: Option<SecretBox<[u8; 32]>>,
    /// Where tenants and their tokens are kept.
    pub store: Option<StoreUrl>,
    /// How long what is known of a store that does not answer is served.
    pub store_grace: Duration,
    /// Databases of tenants that are open at once.
    pub store_databases: usize,
    /// What seals the credentials in the store.
    pub encryption_keys: EncryptionKeys,
    /// The tokens that open the admin API; without one it is not there.
    pub admin_tokens: Vec<SecretString>,
    /// Where the page is.
    pub page: Page,
    /// Whether those who administer may ask as a token would.
    pub admin_read: bool,
    /// Where databases that come by the admin API may be.
    pub database_places: DatabasePlaces,
    /// Where requests are recorded.
    pub audit: Option<AuditTarget>,
    /// Whether an answer that cannot be recorded is withheld.
    pub audit_denies: bool,
    /// A tracing filter that is known to parse.
    pub log_filter: String,
    /// The form of log lines.
    pub log_format: LogFormat,
    /// The files that secrets were read from, to be watched.
    pub secret_files: Vec<PathBuf>,
    /// What is weak and was asked for.
    pub warnings: Vec<Warning>,
    /// Each variable as it was found, to tell what a reload changes.
    pub settings: Settings,
}

impl Config {
    /// What differs in `new`, by the names of variables.
    pub fn changes(&self, new: &Self) -> Vec<Change> {
        self.settings.changes(&new.settings)
    }

    /// The files whose change asks for a reload.
    pub fn watched_files(&self) -> Vec<PathBuf> {
        let mut files = self.secret_files.clone();
        if let Some(tls) = &self.tls {
            files.extend([tls.cert.clone(), tls.key.clone()]);
        }
        files
    }

    /// What is in force after a reload of `new`: what waits for a restart stays as it is. It is
    /// judged as it will be, for what is right in `new` may be wrong beside that.
    ///
    /// # Errors
    /// Everything that cannot be right beside what waits for a restart.
    pub fn reloaded(&self, new: Self) -> Result<Self, Faults> {
        let settings = self.settings.reloaded(&new.settings);
        let judged = load(settings.by_value())?;
        let mut warnings = new.warnings;
        for warning in judged.warnings {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        Ok(Self {
            secret_files: new.secret_files,
            warnings,
            settings,
            ..judged
        })
    }

    /// This configuration, with what its secret files hold now.
    ///
    /// # Errors
    /// A file that cannot be read, and one that holds what cannot be.
    pub fn reread(&self) -> Result<Self, Faults> {
        load(self.settings.by_file())
    }
}

/// Where the page is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Page {
    /// Nowhere.
    Off,
    /// On `MCP_ADMIN_LISTEN`, where the admin API is.
    Admin,
    /// On `MCP_LISTEN` too.
    All,
}

/// How 64-bit integers and decimals are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// As JSON numbers with all their digits.
    Native,
    /// As strings, for clients that would round them.
    String,
}

/// The files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and its chain, as PEM.
    pub cert: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
}

/// Where requests are recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditTarget {
    /// Standard error, among the lines of the log.
    StandardError,
    /// A file.
    File(PathBuf),
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[cfg(test)]
mod tests;
