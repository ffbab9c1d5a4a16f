//! The store of tenants and their tokens, and the keys that seal what is in it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretBox;
use serde::Deserialize;

use super::database::{DatabaseUrl, Engine, ServerUrl};
use super::fault::{Faults, quoted};
use super::limits::DAY;
use super::reader::{Forms, Reader};
use super::secrets;
use super::variables::{Group, secret, variable};

use crate::advice::Advice;

/// The variables of this concern.
pub(super) const GROUP: Group = Group {
    title: "Clients with tokens of their own",
    variables: &[
        secret(
            "MCP_STORE",
            "where tenants and their tokens are kept: sqlite:… or postgres://…; unset: nowhere",
        ),
        variable(
            "MCP_STORE_GRACE",
            "300",
            "seconds that a store may be away before its tokens are refused",
        ),
        variable(
            "MCP_STORE_DATABASES",
            "32",
            "databases of tenants that are open at once, each with MCP_POOL_SIZE connections",
        ),
        secret(
            "MCP_ENCRYPTION_KEY",
            "seals the credentials in the store: 32 bytes in base64 or 64 hex digits",
        ),
        secret(
            "MCP_ENCRYPTION_KEY_PREVIOUS",
            "the key before it, still read until lucarne database reseal was run",
        ),
    ],
};

/// Where tenants and their tokens are kept. Its faults count whether or not the service is enabled:
/// the commands that fill it need no service.
#[derive(Debug)]
pub struct Store {
    /// Where it is; none where there is none.
    pub url: Option<StoreUrl>,
    /// How long what is known of a store that does not answer is served.
    pub grace: Duration,
    /// Databases of tenants that are open at once.
    pub databases: usize,
    /// What seals the credentials in the store.
    pub keys: EncryptionKeys,
}

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

/// The variables as they were typed.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Texts {
    mcp_store: Option<String>,
    mcp_store_file: Option<String>,
    mcp_store_grace: String,
    mcp_store_databases: String,
    mcp_encryption_key: Option<String>,
    mcp_encryption_key_file: Option<String>,
    mcp_encryption_key_previous: Option<String>,
    mcp_encryption_key_previous_file: Option<String>,
}

pub(super) fn read(reader: &mut Reader) -> Result<Store, Faults> {
    let typed: Texts = reader.typed()?;
    let url = url(reader, (typed.mcp_store, typed.mcp_store_file));
    let current = (typed.mcp_encryption_key, typed.mcp_encryption_key_file);
    let previous = (
        typed.mcp_encryption_key_previous,
        typed.mcp_encryption_key_previous_file,
    );
    let keys = keys(reader, current, previous);
    let check = &mut reader.check;
    Ok(Store {
        url,
        grace: check.seconds("MCP_STORE_GRACE", &typed.mcp_store_grace, 0..=DAY),
        databases: check.number(
            "MCP_STORE_DATABASES",
            &typed.mcp_store_databases,
            1..=100_000,
        ),
        keys,
    })
}

fn url(reader: &mut Reader, forms: Forms) -> Option<StoreUrl> {
    let (variable, text) = reader.secret("MCP_STORE", forms)?;
    let (url, ignored) = reader.check.accept(&variable, parse(&text))?;
    for name in ignored {
        let message = format!(
            "the parameter {} means nothing here and is left out",
            quoted(&name)
        );
        let help = "take it out of the URL";
        reader.check.warn(&variable, message, help);
    }
    Some(url)
}

/// The keys that open and seal.
fn keys(reader: &mut Reader, current: Forms, previous: Forms) -> EncryptionKeys {
    const NAMES: [&str; 2] = ["MCP_ENCRYPTION_KEY", "MCP_ENCRYPTION_KEY_PREVIOUS"];
    let is_set = |forms: &Forms| forms.0.is_some() || forms.1.is_some();
    if is_set(&previous) && !is_set(&current) {
        let message = format!("set, and {} is not", NAMES[0]);
        let help = format!("set {} too: it seals from now on", NAMES[0]);
        reader.check.fault(NAMES[1], Advice::new(message, help));
    }
    let mut key = |name, forms| {
        let (variable, text) = reader.secret(name, forms)?;
        let key = secrets::encryption_key(&text);
        reader.check.accept(&variable, key).map(Arc::new)
    };
    EncryptionKeys {
        current: key(NAMES[0], current),
        previous: key(NAMES[1], previous),
    }
}

fn parse(text: &str) -> Result<(StoreUrl, Vec<String>), Advice> {
    const EXAMPLES: &str =
        "for example sqlite:/var/lib/lucarne/store.db or postgres://lucarne:password@db/lucarne";
    if secrets::is_placeholder(text) {
        return Err(Advice::new("is a well-known placeholder", EXAMPLES));
    }
    let (url, ignored) = DatabaseUrl::parse(text).map_err(|reason| Advice {
        help: EXAMPLES.to_owned(),
        ..reason
    })?;
    match url {
        DatabaseUrl::Sqlite(file) => Ok((StoreUrl::Sqlite(file.path().to_owned()), ignored)),
        DatabaseUrl::Server(server) if server.engine == Engine::Postgres => {
            Ok((StoreUrl::Postgres(server), ignored))
        }
        DatabaseUrl::Server(server) => Err(Advice::new(
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
            assert!(
                reason.help.contains("sqlite:/var/lib/lucarne/store.db"),
                "{text}"
            );
            assert!(!reason.what.contains("s3cret"), "{}", reason.what);
        }
    }
}
