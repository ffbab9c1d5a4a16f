//! What the operator asks for, from the environment and a `.env` file.
//!
//! [`environment`] gathers the variables, [`load`] turns them into a [`Config`] or into all their
//! faults at once. Each concern is a file with its variables (name, default, meaning, what a reload
//! does), its part of the configuration, and how the one becomes the other; [`variables`] lists
//! them all for the help.

mod address;
mod admin;
mod audit;
mod change;
mod check;
mod client;
mod control;
mod data;
mod database;
mod dotenv;
mod fault;
mod field_types;
mod files;
mod given;
mod instances;
mod judge;
mod limits;
mod load;
mod log;
mod memory;
mod models;
mod network;
mod origins;
mod places;
mod pool;
mod reader;
mod relations;
mod rights;
mod secrets;
mod service;
mod store;
mod tls;
mod tools;
pub mod variables;

use std::path::PathBuf;

use crate::advice::Advice;

pub use self::admin::{Admin, Page};
pub(crate) use self::audit::{Audit, AuditTarget};
pub use self::change::Settings;
pub(crate) use self::change::{Change, Origin as SettingOrigin, Setting};
pub(crate) use self::client::{certificate_file, listen_address, shared_token};
pub(crate) use self::control::control_socket;
pub use self::data::{Data, Numbers};
pub use self::database::Engine;
pub(crate) use self::database::{DatabaseUrl, OF_POSTGRES, ServerUrl, SqliteFile};
pub use self::dotenv::environment;
pub use self::fault::Faults;
pub use self::field_types::FieldType;
pub(crate) use self::field_types::GivenType;
pub(crate) use self::files::LONGEST;
pub use self::files::read_file;
pub use self::given::sensitive;
pub(crate) use self::given::{database_url, given_relations, model_names, tenant_url};
pub(crate) use self::instances::Instances;
pub use self::limits::Limits;
pub(crate) use self::limits::TOOL_COPIES;
pub use self::load::load;
pub(crate) use self::load::load_here;
pub(crate) use self::log::{Log, LogFormat};
pub use self::models::ModelName;
pub(crate) use self::network::{Network, TlsFiles};
pub use self::origins::Origin;
pub(crate) use self::origins::{AllowedHosts, AllowedOrigins};
pub(crate) use self::places::{DatabasePlaces, HostRule, temporary_folder};
pub(crate) use self::pool::Pool;
pub(crate) use self::relations::GivenRelation;
pub use self::service::Service;
pub use self::store::Store;
pub(crate) use self::store::{EncryptionKeys, StoreUrl};
pub(crate) use self::tls::Tls;
pub use self::tools::Tools;

/// The configuration of the service, checked: a part for each concern. `Debug` shows no secret.
#[derive(Debug)]
pub struct Config {
    /// Whether the service answers, to whom, and where.
    pub service: Service,
    /// Which database is read, and what of it may be seen.
    pub data: Data,
    /// How much, how often and how long.
    pub limits: Limits,
    /// TLS, hosts, browsers and proxies.
    pub network: Network,
    /// How the database is connected to.
    pub pool: Pool,
    /// What several instances share.
    pub(crate) instances: Instances,
    /// Where tenants and their tokens are kept.
    pub store: Store,
    /// Administration by HTTP.
    pub admin: Admin,
    /// Tools that the operator wrote.
    pub tools: Tools,
    /// Where requests are recorded.
    pub audit: Audit,
    /// What is logged.
    pub log: Log,
    /// The files that secrets were read from, to be watched.
    pub(crate) secret_files: Vec<PathBuf>,
    /// What is weak and was asked for.
    pub warnings: Vec<Advice>,
    /// Each variable as it was found, to tell what a reload changes.
    pub settings: Settings,
}

impl Config {
    /// What differs in `new`, by the names of variables.
    pub(crate) fn changes(&self, new: &Self) -> Vec<Change> {
        self.settings.changes(&new.settings)
    }

    /// The files whose change asks for a reload.
    pub(crate) fn watched_files(&self) -> Vec<PathBuf> {
        let mut files = self.secret_files.clone();
        if let Some(tls) = &self.network.tls {
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

    /// This configuration, with what its secret files hold now; of one that cannot be read, or holds
    /// what cannot be, what it held before, but for tokens that it does not hold: those let nobody in.
    /// Its faults come back beside the others' contents, for none of these waits for it.
    ///
    /// # Errors
    /// Those faults, where the others cannot be without it.
    pub(crate) fn reread(&self) -> Result<(Self, Option<Faults>), Faults> {
        let mut faults = match load(self.settings.by_file()) {
            Ok(config) => return Ok((config, None)),
            Err(faults) => faults,
        };
        let mut settings = self.settings.clone();
        for name in self.settings.of_files() {
            match load(self.settings.by_file_of(&name)) {
                Ok(read) => settings.take(&name, &read.settings),
                Err(_) if OF_TOKENS.contains(&&*name) => {
                    faults.extend(settings.withdraw(&name));
                }
                Err(_) => {}
            }
        }
        let Ok(judged) = load(settings.by_value()) else {
            return Err(faults);
        };
        let config = Self {
            secret_files: self.secret_files.clone(),
            warnings: self.warnings.clone(),
            settings,
            ..judged
        };
        Ok((config, Some(faults)))
    }

    /// Whether nothing is wrong with what the secret files hold now.
    pub(crate) fn has_sound_files(&self) -> bool {
        load(self.settings.by_file()).is_ok()
    }
}

/// The secrets that are lists of tokens: whoever is not in the list has to stay outside, whatever else
/// is wrong with it.
const OF_TOKENS: [&str; 2] = ["MCP_TOKEN", "MCP_ADMIN_TOKEN"];

#[cfg(test)]
mod tests;
