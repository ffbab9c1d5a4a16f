//! `MCP_STORE`, the keys that seal what is in it, and the token that administers it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::{SecretBox, SecretString};

use super::change::Settings;
use super::check::Check;
use super::database::{DatabaseUrl, Engine, ServerUrl};
use super::fault::{Reason, quoted};
use super::secrets::{self, Secret};

/// Where tenants, their databases and their tokens are kept.
///
/// `Debug` and `Display` show neither user nor password.
#[derive(Clone)]
pub enum StoreUrl {
    /// A SQLite file of one machine, which is made where it is not there.
    Sqlite(PathBuf),
    /// A PostgreSQL database that several instances share.
    Postgres(ServerUrl),
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "SQLite file {}", path.display()),
            Self::Postgres(server) => server.fmt(f),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

/// The keys that seal the credentials of tenants. `Debug` shows none.
#[derive(Debug, Clone, Default)]
pub struct EncryptionKeys {
    /// The key that seals from now on, and opens.
    pub current: Option<Arc<SecretBox<[u8; 32]>>>,
    /// The key before it, which opens alone.
    pub previous: Option<Arc<SecretBox<[u8; 32]>>>,
}

/// Reads the secrets of the store, whose faults count whether or not the service is enabled: the
/// commands that fill it need no service.
pub(super) struct Reader<'l> {
    pub(super) check: &'l mut Check,
    pub(super) settings: &'l mut Settings,
    pub(super) enabled: bool,
}

/// A secret in its two forms: the variable's own text, and the file that `…_FILE` names.
type Forms<'f> = (Option<String>, Option<&'f PathBuf>);

impl Reader<'_> {
    /// Where the store is.
    pub(super) fn url(
        &mut self,
        typed: Option<String>,
        file: Option<&PathBuf>,
    ) -> Option<StoreUrl> {
        let (variable, text) = self.find("MCP_STORE", (typed, file))?;
        let (url, ignored) = self.check.accept(&variable, parse(&text))?;
        for name in ignored {
            let message = format!(
                "the parameter {} means nothing here and is left out",
                quoted(&name)
            );
            self.check
                .warn(&variable, message, "take it out of the URL");
        }
        Some(url)
    }

    /// The keys that open and seal.
    pub(super) fn keys(&mut self, current: Forms<'_>, previous: Forms<'_>) -> EncryptionKeys {
        const NAMES: [&str; 2] = ["MCP_ENCRYPTION_KEY", "MCP_ENCRYPTION_KEY_PREVIOUS"];
        let is_set = |forms: &Forms<'_>| forms.0.is_some() || forms.1.is_some();
        if is_set(&previous) && !is_set(&current) {
            let message = format!("set, and {} is not", NAMES[0]);
            let help = format!("set {} too: it seals from now on", NAMES[0]);
            self.check.fault(NAMES[1], Reason::new(message, help));
        }
        EncryptionKeys {
            current: self.key(NAMES[0], current),
            previous: self.key(NAMES[1], previous),
        }
    }

    /// The tokens of the admin API.
    pub(super) fn admin_tokens(
        &mut self,
        typed: Option<String>,
        file: Option<&PathBuf>,
    ) -> Vec<SecretString> {
        let found = self.find("MCP_ADMIN_TOKEN", (typed, file));
        found.map_or_else(Vec::new, |(variable, text)| {
            secrets::tokens(self.check, &variable, &text)
        })
    }

    fn key(&mut self, name: &str, forms: Forms<'_>) -> Option<Arc<SecretBox<[u8; 32]>>> {
        let (variable, text) = self.find(name, forms)?;
        let key = self.check.accept(&variable, secrets::encryption_key(&text));
        key.map(Arc::new)
    }

    /// The form that was set and its text.
    fn find(&mut self, name: &str, (typed, file): Forms<'_>) -> Option<(String, String)> {
        let mut of_file = Check::default();
        let found = secrets::find(self.check, &mut of_file, name, typed, file);
        self.check.faults.extend(of_file.faults);
        match found {
            Secret::Found { text, .. } if !self.enabled && secrets::is_placeholder(&text) => None,
            Secret::Found { variable, text } => {
                self.settings.note(name, &text);
                Some((variable, text))
            }
            Secret::Missing | Secret::Faulty => None,
        }
    }
}

fn parse(text: &str) -> Result<(StoreUrl, Vec<String>), Reason> {
    const EXAMPLES: &str =
        "for example sqlite:lucarne-store.db or postgres://lucarne:password@db/lucarne";
    if secrets::is_placeholder(text) {
        return Err(Reason::new("is a well-known placeholder", EXAMPLES));
    }
    let (url, ignored) = DatabaseUrl::parse(text).map_err(|reason| Reason {
        help: EXAMPLES.to_owned(),
        ..reason
    })?;
    match url {
        DatabaseUrl::Sqlite(file) => Ok((StoreUrl::Sqlite(file.path().to_owned()), ignored)),
        DatabaseUrl::Server(server) if server.engine == Engine::Postgres => {
            Ok((StoreUrl::Postgres(server), ignored))
        }
        DatabaseUrl::Server(server) => Err(Reason::new(
            format!("expected sqlite: or postgres://, not {}", server.engine),
            EXAMPLES,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_a_file_or_a_postgres_database() {
        for (text, shown) in [
            ("sqlite:lucarne-store.db", "SQLite file lucarne-store.db"),
            ("sqlite:////srv/store.db", "SQLite file /srv/store.db"),
            (
                "postgres://u:pw@db/lucarne",
                "PostgreSQL at db:5432/lucarne",
            ),
        ] {
            let (url, ignored) = parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(ignored.is_empty());
            assert!(!format!("{url:?}").contains("pw"), "{url:?}");
        }
    }

    #[test]
    fn what_cannot_hold_a_store_is_refused_without_its_password() {
        for text in [
            "mysql://u:s3cret@db/lucarne",
            "redis://u:s3cret@db",
            "sqlite::memory:",
            "lucarne-store.db",
            "changeme",
        ] {
            let reason = parse(text).err().unwrap();
            assert!(reason.help.contains("sqlite:lucarne-store.db"), "{text}");
            assert!(!reason.message.contains("s3cret"), "{}", reason.message);
        }
    }
}
