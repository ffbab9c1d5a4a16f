//! What operators of a demo work on: a store with a tenant, and an audit, in a folder that goes with
//! the demo.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;

use crate::auth::{Scope, digest};
use crate::cli::failure::Failure;
use crate::cli::token::new_token;
use crate::config::{self, Config};
use crate::sample;
use crate::store::{ClientLimits, Keys, NewDatabase, NewTenant, NewToken, RowRule, Store};

/// A folder that is removed with this value.
pub(super) struct Desk {
    folder: PathBuf,
    key: String,
}

impl Desk {
    /// A new folder, which nobody else reads.
    pub(super) fn new() -> Result<Self, Failure> {
        let name = format!("lucarne-demo-{}", new_token()?);
        let folder = config::temporary_folder().join(name);
        let made = DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(|error| {
            Failure::unable(format!("{} cannot be made: {error}", folder.display()))
                .help("TMPDIR names a folder that may be written to")
        })?;
        Ok(Self {
            folder,
            key: hex::encode(digest(&new_token()?)),
        })
    }

    /// The URL of the store.
    pub(super) fn store(&self) -> String {
        format!("sqlite:{}", self.folder.join("store.db").display())
    }

    /// The file of the audit.
    pub(super) fn audit(&self) -> String {
        self.folder.join("audit.jsonl").display().to_string()
    }

    /// The file of tools, which it writes.
    pub(super) fn tools(&self) -> Result<String, Failure> {
        let path = self.folder.join("tools.toml");
        let written = std::fs::write(&path, sample::TOOLS);
        written.map_err(|error| {
            Failure::unable(format!("{} cannot be written: {error}", path.display()))
                .help("TMPDIR names a folder that may be written to")
        })?;
        Ok(path.display().to_string())
    }

    /// What seals the URLs in the store.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Makes a tenant with the sample as its database, and a token that may do little; gives that
    /// token back. A sample on a server whose URL leaves out who reads it has none.
    pub(super) async fn fill(&self, config: &Config, url: &str) -> Result<Option<String>, Failure> {
        let (Some(place), Ok(whole)) = (&config.store.url, whole(url)) else {
            return Ok(None);
        };
        let failed = |what: &str| Failure::unable(format!("the store of the demo: {what}"));
        let store = Store::open(place, Keys::new(&config.store.keys), None).await;
        let store = store?;
        let made = store.create_tenant(NewTenant {
            name: "harbour".to_owned(),
            description: "A help desk that asks by an agent".to_owned(),
            rows: "tickets.status in (open, pending)"
                .parse::<RowRule>()
                .into_iter()
                .collect(),
            limits: ClientLimits::default(),
        });
        let made = made.await.map_err(|refused| failed(&refused.to_string()))?;
        let Some(tenant) = made.after else {
            return Ok(None);
        };
        let database = NewDatabase {
            name: "helpdesk".to_owned(),
            url: whole.into(),
            models: "users,tickets,change_log".to_owned(),
            hidden: String::new(),
            reveal: String::new(),
            relations: String::new(),
            pgbouncer: false,
            row_security: false,
            guarded: false,
        };
        let added = store.add_database(&tenant.id, database).await;
        added.map_err(|refused| failed(&refused.to_string()))?;
        let token = NewToken {
            name: "agent".to_owned(),
            expires_at: None,
            models: Some(vec!["users".to_owned(), "tickets".to_owned()]),
            tools: None,
            scopes: [Scope::Describe, Scope::Read]
                .map(|scope| scope.name().to_owned())
                .into(),
            attributes: BTreeMap::new(),
            rows: Vec::new(),
            limits: ClientLimits::default(),
        };
        let made = store.create_token(&tenant.id, token).await;
        let (_, secret) = made.map_err(|refused| failed(&refused.to_string()))?;
        Ok(Some(secret.expose_secret().to_owned()))
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // What cannot be removed is in the folder for what does not last.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The URL with the whole path of its file, for the store's databases are read from anywhere.
fn whole(url: &str) -> Result<String, Failure> {
    let Some(path) = url.strip_prefix("sqlite:") else {
        return match config::tenant_url("url", url) {
            Ok(_) => Ok(url.to_owned()),
            Err(_) => Err(Failure::unable("the URL is not whole by itself")),
        };
    };
    let path = std::path::absolute(Path::new(path));
    let path = path.map_err(|error| Failure::unable(format!("no folder: {error}")))?;
    Ok(format!("sqlite:{}", path.display()))
}
