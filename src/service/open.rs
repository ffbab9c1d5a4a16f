//! From a configuration to a service: open the database, read the catalog, put the policy in force.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tracing::{error, info, warn};

use super::{Policy, Service, Serving};
use crate::catalog::{self, Built, Hidden, Missing};
use crate::config::{Config, DatabaseUrl};
use crate::db::{Db, Failure, Options, StartFault};
use crate::observe::Metrics;
use crate::plan::{CursorKey, Limits};

/// Tables are listed to the operator up to this many.
const LISTED: usize = 8;
/// How often a database that does not answer is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// A service and what was left out of its catalog.
#[derive(Debug)]
pub struct Opened {
    /// The service.
    pub service: Arc<Service>,
    /// Fields that a rule hides.
    pub hidden: Vec<Hidden>,
    /// Names of the whitelist that are not served.
    pub missing: Vec<Missing>,
    /// Whether the database is still waited for.
    pub waiting: bool,
}

/// Opens the service of a configuration.
///
/// One that is switched off needs no database. A server that does not answer is waited for: until
/// then every request is `Database is unavailable`.
///
/// # Errors
/// A database that cannot be right, and a whitelist of which nothing is there.
pub async fn open(config: &Config, metrics: Arc<Metrics>) -> Result<Opened, StartFault> {
    let cursors = Arc::new(cursor_key(config)?);
    let names = config
        .models
        .iter()
        .map(|name| name.exposed.clone())
        .collect();
    let url = config.database.as_ref().filter(|_| config.enabled);
    let Some(url) = url else {
        let policy = policy(config, cursors, Serving::Waiting(names));
        let service = Arc::new(Service::new(policy, None, metrics));
        return Ok(Opened {
            service,
            hidden: Vec::new(),
            missing: Vec::new(),
            waiting: false,
        });
    };
    let db = Db::new(&Options {
        url: url.clone(),
        pool_size: config.pool_size,
        query_timeout: config.query_timeout,
        pgbouncer: config.pgbouncer,
    })
    .map_err(named)?;
    match read(&db, config).await {
        Ok(built) => {
            let built = served(built, &db, config).await?;
            let Built {
                catalog,
                hidden,
                missing,
            } = built;
            let policy = policy(config, cursors, Serving::Catalog(catalog));
            let service = Arc::new(Service::new(policy, Some(db), metrics));
            Ok(Opened {
                service,
                hidden,
                missing,
                waiting: false,
            })
        }
        Err(failure) => match db.start_fault(&failure) {
            Some(fault) => Err(named(fault)),
            None => {
                let policy = policy(config, cursors, Serving::Waiting(names));
                let service = Arc::new(Service::new(policy, Some(db), metrics));
                Ok(Opened {
                    service,
                    hidden: Vec::new(),
                    missing: Vec::new(),
                    waiting: true,
                })
            }
        },
    }
}

/// Asks a database that did not answer until it does, and serves it from then on.
pub async fn wait_for_database(service: Arc<Service>, config: Arc<Config>) {
    let Some(db) = service.db() else { return };
    loop {
        tokio::time::sleep(RETRY).await;
        let Ok(built) = read(db, &config).await else {
            continue;
        };
        match served(built, db, &config).await {
            Ok(built) => {
                for missing in &built.missing {
                    warn!(model = missing.name, "not served: {}", missing.reason);
                }
                let models = built.catalog.models().len();
                let cursors = Arc::clone(&service.policy().cursors);
                service.replace_policy(policy(&config, cursors, Serving::Catalog(built.catalog)));
                info!(models, "the database answers");
                return;
            }
            Err(fault) => error!("{}; {}", fault.what, fault.help),
        }
    }
}

fn policy(config: &Config, cursors: Arc<CursorKey>, serving: Serving) -> Policy {
    Policy {
        serving,
        read_only: config.read_only,
        limits: Limits {
            default_limit: config.default_limit,
            max_limit: config.max_limit,
            scan_limit: config.scan_limit,
        },
        cursors,
        sensitive: config.sensitive.clone(),
        numbers: config.numbers,
        max_response_bytes: config.max_response_bytes,
        tool_max_bytes: config.tool_max_bytes,
        query_timeout: config.query_timeout,
    }
}

fn cursor_key(config: &Config) -> Result<CursorKey, StartFault> {
    match &config.cursor_key {
        Some(key) => Ok(CursorKey::new(key.expose_secret())),
        None => CursorKey::random().map_err(|_| StartFault {
            what: "the operating system gives no randomness".to_owned(),
            help: "set MCP_CURSOR_KEY".to_owned(),
        }),
    }
}

async fn read(db: &Db, config: &Config) -> Result<Built, Failure> {
    let tables = db.tables(&config.models).await?;
    Ok(catalog::build(
        config.models.iter().zip(tables).collect(),
        &config.sensitive,
    ))
}

/// A catalog that serves something; else the fault, with what the database has instead.
async fn served(built: Built, db: &Db, config: &Config) -> Result<Built, StartFault> {
    if !built.catalog.models().is_empty() {
        return Ok(built);
    }
    let wanted: Vec<&str> = config
        .models
        .iter()
        .map(|name| name.exposed.as_str())
        .collect();
    let place = match &config.database {
        Some(DatabaseUrl::Sqlite(file)) => file
            .path()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        Some(url) => url.to_string(),
        None => "the database".to_owned(),
    };
    let mut has = db.names().await.unwrap_or_default();
    let (count, example) = (
        has.len(),
        has.iter().take(2).cloned().collect::<Vec<_>>().join(","),
    );
    has.truncate(LISTED);
    let listed = if count > has.len() {
        format!("{}, … ({count})", has.join(", "))
    } else {
        has.join(", ")
    };
    let hidden = built
        .missing
        .iter()
        .find(|missing| missing.is_hidden_whole());
    Err(match hidden {
        Some(missing) => StartFault {
            what: format!("MCP_ALLOWED_MODELS: {}: {}", missing.name, missing.reason),
            help: "MCP_REVEAL_FIELDS=model.field shows one that is hidden wrongly".to_owned(),
        },
        None => StartFault {
            what: format!(
                "MCP_ALLOWED_MODELS: none of {} is in {place}",
                wanted.join(", ")
            ),
            help: match count {
                0 => "it has no tables: is it the right database?".to_owned(),
                _ => format!("it has {listed}. Try MCP_ALLOWED_MODELS={example}"),
            },
        },
    })
}

fn named(fault: StartFault) -> StartFault {
    StartFault {
        what: format!("DATABASE_URL: {}", fault.what),
        help: fault.help,
    }
}
