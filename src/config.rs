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

use std::path::{Path, PathBuf};
use std::slice;

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
pub use self::files::read_file;
pub(crate) use self::files::{FileState, LONGEST, Motion};
pub use self::given::sensitive;
pub(crate) use self::given::{database_url, given_relations, model_names, tenant_url};
pub(crate) use self::instances::Instances;
pub use self::limits::Limits;
pub(crate) use self::limits::TOOL_COPIES;
pub use self::load::load;
use self::load::load_again;
pub(crate) use self::load::{load_here, load_here_again};
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
    /// The files that secrets were read from, as they were before that, to be watched.
    pub(crate) secret_files: Vec<(PathBuf, FileState)>,
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

    /// The files whose change asks for a reload, as they were before they were read; the certificate's
    /// as they are now.
    pub(crate) fn watched_files(&self) -> Vec<(PathBuf, FileState)> {
        let mut files = self.secret_files.clone();
        if let Some(tls) = &self.network.tls {
            let pair = [&tls.cert, &tls.key];
            files.extend(pair.map(|file| (file.clone(), FileState::of(file))));
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
        let judged = load_again(settings.by_value())?;
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

    /// This configuration, with what its secret files hold now, each as far as it is at rest. Of one
    /// that cannot be read, or holds what cannot be, alone or beside the others, it keeps what it held
    /// before, but for tokens that the file does not hold: those let nobody in. The same goes for tokens
    /// of a file that goes on changing.
    ///
    /// # Errors
    /// What cannot be right even so.
    pub(crate) fn reread(&self, motion: impl Fn(&Path) -> Motion) -> Result<Reread, Faults> {
        let mut settings = self.settings.clone();
        let mut warnings = self.warnings.clone();
        let mut faults = Vec::new();
        let mut resting = Vec::new();
        for (name, file) in self.settings.of_files() {
            match motion(&file) {
                Motion::Rests => resting.push(name),
                Motion::Restless if is_list(&name) => faults.extend(settings.withdraw(&name)),
                Motion::Restless | Motion::Changes => {}
            }
        }
        match load_again(settings.by_file_of(&resting)) {
            Ok(read) => {
                for name in &resting {
                    settings.take(name, &read.settings);
                }
                warnings = read.warnings;
            }
            Err(wrong) => {
                faults.extend(wrong.iter().cloned());
                for name in &resting {
                    match load_again(self.settings.by_file_of(slice::from_ref(name))) {
                        Ok(read) => settings.take(name, &read.settings),
                        Err(_) if is_list(name) => faults.extend(settings.withdraw(name)),
                        Err(_) => {}
                    }
                }
            }
        }
        match self.holding(&settings, warnings) {
            Ok((config, changes)) => Ok(Reread {
                config,
                changes,
                faults,
            }),
            Err(wrong) => {
                if faults.is_empty() {
                    faults.extend(wrong.iter().cloned());
                }
                self.withdrawn(faults, Settings::withdraw)
            }
        }
    }

    /// This configuration without the tokens of files, which nobody knows to stand in them still.
    ///
    /// # Errors
    /// What cannot be right even so.
    pub(crate) fn unread(&self) -> Result<Reread, Faults> {
        let fault = Advice::new(
            "the files that `…_FILE` variables name do not answer",
            "look at the file system that they are on; they are read as soon as they answer",
        );
        self.withdrawn(vec![fault], |settings, name| {
            settings.withdraw_all_but(name, "")
        })
    }

    /// What is in force, without tokens of each file that holds a list of them.
    fn withdrawn(
        &self,
        mut faults: Vec<Advice>,
        withdraw: impl Fn(&mut Settings, &str) -> Option<Advice>,
    ) -> Result<Reread, Faults> {
        let mut settings = self.settings.clone();
        for (name, _) in self.settings.of_files() {
            if is_list(&name) {
                faults.extend(withdraw(&mut settings, &name));
            }
        }
        let (config, changes) = self.holding(&settings, self.warnings.clone())?;
        Ok(Reread {
            config,
            changes,
            faults,
        })
    }

    /// This configuration with other secrets, but for those that wait for a restart, and what differs.
    fn holding(
        &self,
        settings: &Settings,
        warnings: Vec<Advice>,
    ) -> Result<(Self, Vec<Change>), Faults> {
        let changes = self.settings.changes(settings);
        let settings = self.settings.reloaded(settings);
        let judged = load_again(settings.by_value())?;
        let config = Self {
            secret_files: self.secret_files.clone(),
            warnings,
            settings,
            ..judged
        };
        Ok((config, changes))
    }

    /// Whether nothing is wrong with what the secret files hold now.
    pub(crate) fn has_sound_files(&self) -> bool {
        load_again(self.settings.by_file()).is_ok()
    }
}

/// The secrets that are lists of tokens: whoever is not in the list has to stay outside, whatever else
/// is wrong with it.
const OF_TOKENS: [&str; 2] = ["MCP_TOKEN", "MCP_ADMIN_TOKEN"];

fn is_list(name: &str) -> bool {
    OF_TOKENS.contains(&name)
}

/// What becomes of a configuration by what its secret files hold now.
#[derive(Debug)]
pub(crate) struct Reread {
    /// The configuration.
    pub(crate) config: Config,
    /// What differs, with what waits for a restart.
    pub(crate) changes: Vec<Change>,
    /// What is wrong with the files, and what it took away.
    pub(crate) faults: Vec<Advice>,
}

#[cfg(test)]
mod tests;
