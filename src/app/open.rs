//! From a configuration to a service: open the database, read the catalog, put the policy in force.

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use tracing::debug;

use super::field_types;
use crate::advice::Advice;
use crate::auth::Tokens;
use crate::catalog::{self, Built, Hidden, Missing, Narrowing};
use crate::config::{Config, DatabaseUrl, GivenRelation, Tls, TlsFiles};
use crate::db::{Db, Failure, Options};
use crate::egress::Reach;
use crate::inspect;
use crate::observe::Metrics;
use crate::plan::{CursorKey, Limits};
use crate::policy::judged::{Judged, Tables};
use crate::policy::{
    self, Access, Administration, Clients, ConnectionLimits, Edition, Exposed, Permissions, Policy,
    RowMemory, Settings, Ways, WrittenTools, databases,
};
use crate::sensitive::Sensitive;
use crate::service::{Parts, Service, record};

/// Tables are listed to the operator up to this many.
const LISTED: usize = 8;

/// A service and what was left out of its catalog.
#[derive(Debug)]
pub struct OpenService {
    /// The service.
    pub service: Arc<Service>,
    /// Fields that a rule hides.
    pub hidden: Vec<Hidden>,
    /// Names of the whitelist that are not served.
    pub missing: Vec<Missing>,
    /// The tables of the whitelist.
    pub(crate) judged: Arc<Judged>,
    /// Whether the database is still waited for.
    pub waiting: bool,
    /// What is known of why it does not answer.
    pub absent: Option<Advice>,
}

impl OpenService {
    /// What the database's role could do beyond reading what is served, and what of the
    /// configuration hides nothing.
    pub async fn weaknesses(&self) -> Vec<Advice> {
        let policy = self.service.policy();
        match self.service.db() {
            Some(db) => inspect::own_weaknesses(db, &policy).await,
            None => Vec::new(),
        }
    }

    /// The columns of a model that the role may not read, as far as the database tells of them.
    pub fn withheld(&self, model: &str) -> Vec<String> {
        let tables = self.judged.judged().iter();
        let mut of_model = tables.filter(|(name, _)| name.exposed == model);
        let table = of_model.find_map(|(_, table)| table.as_ref().ok());
        table.map_or_else(Vec::new, |table| table.withheld.clone())
    }

    /// The SQL that makes a role for just what is served, where the engine has roles.
    pub fn setup_sql(&self) -> Option<String> {
        let policy = self.service.policy();
        self.service.db()?.setup_sql(policy.own()?)
    }
}

/// Opens the service of a configuration.
///
/// One that is switched off needs no database. A server that does not answer is waited for: until
/// then every request is `Database is unavailable`.
///
/// # Errors
/// A database that cannot be right, a whitelist of which nothing is there, and an audit that cannot
/// be written.
pub async fn open(config: &Config, metrics: Arc<Metrics>) -> Result<OpenService, Advice> {
    let settings = Arc::new(settings(
        config,
        Arc::new(cursor_key(config)?),
        WrittenTools::default(),
    ));
    let tls = tls(config)?;
    let rows = Arc::new(RowMemory::new(config.limits.max_memory_bytes));
    let own = OwnDatabase::read(config, &rows).await?;
    let access = access(config, &settings, tls, own.exposed, Arc::default());
    let parts = Parts {
        access,
        db: own.db,
        ways: ways(config, rows),
        audit: record::audit(config, &metrics).await?,
        metrics,
    };
    Ok(OpenService {
        service: Arc::new(Service::new(parts)),
        hidden: own.hidden,
        missing: own.missing,
        judged: own.judged,
        waiting: own.waiting,
        absent: own.absent,
    })
}

/// How the databases of tenants are reached, where there is a store.
fn ways(config: &Config, rows: Arc<RowMemory>) -> Option<Arc<Ways>> {
    let store = config.store.url.as_ref().filter(|_| config.service.enabled);
    store.map(|_| Arc::new(Ways::new(config, rows)))
}

/// The database of the configuration itself, as far as it has answered.
struct OwnDatabase {
    db: Option<Db>,
    exposed: Option<Arc<Exposed>>,
    hidden: Vec<Hidden>,
    missing: Vec<Missing>,
    judged: Arc<Judged>,
    waiting: bool,
    absent: Option<Advice>,
}

impl OwnDatabase {
    /// What is exposed of which nothing was read.
    fn unread(db: Option<Db>, exposed: Option<Arc<Exposed>>) -> Self {
        Self {
            db,
            exposed,
            hidden: Vec::new(),
            missing: Vec::new(),
            judged: Arc::new(Judged::new(Tables::new())),
            waiting: false,
            absent: None,
        }
    }

    async fn read(config: &Config, rows: &RowMemory) -> Result<Self, Advice> {
        let url = config
            .data
            .database
            .as_ref()
            .filter(|_| config.service.enabled);
        let Some(url) = url else {
            // Without a database of its own they are those of the store.
            let exposed = (!config.service.enabled).then(|| waiting(config));
            return Ok(Self::unread(None, exposed));
        };
        let db = Db::new(&Options {
            url: url.clone(),
            pool_size: config.pool.size,
            query_timeout: config.limits.query_timeout,
            pgbouncer: config.pool.pgbouncer,
            tenant: None,
            rows: Some(rows.share(None)),
        })
        .map_err(of_url)?;
        let found = match tables(&db, config).await {
            Ok(tables) => db.holds_a_store().await.map(|holds| (tables, holds)),
            Err(failure) => Err(failure),
        };
        match found {
            Ok((_, true)) => Err(of_url(databases::holds_a_store(&url.to_string()))),
            Ok((tables, false)) => {
                let built = served(built(&tables, config), &db, config).await?;
                let judged = Arc::new(Judged::new(tables));
                let (hidden, missing) = (built.hidden.clone(), built.missing.clone());
                let exposed = exposed(&db, built, &config.data.sensitive, (&judged, 0));
                Ok(Self {
                    hidden,
                    missing,
                    judged,
                    ..Self::unread(Some(db), Some(exposed))
                })
            }
            Err(failure) => match absent(&db, &failure) {
                Some(fault) if !failure.may_mend_itself() => Err(fault),
                absent => Ok(Self {
                    waiting: true,
                    absent,
                    ..Self::unread(Some(db), Some(waiting(config)))
                }),
            },
        }
    }
}

/// The database of a configuration that has not answered yet.
pub(crate) fn waiting(config: &Config) -> Arc<Exposed> {
    let names = config.data.models.iter().map(|name| name.exposed.clone());
    Arc::new(Exposed::waiting(names.collect()))
}

/// The database of a configuration with what it turned out to hold.
///
/// The catalog is that of the tables that were judged, as they were for the so many-eth time.
pub(crate) fn exposed(
    db: &Db,
    built: Built,
    sensitive: &Sensitive,
    (judged, number): (&Arc<Judged>, u64),
) -> Arc<Exposed> {
    Arc::new(Exposed::known(
        db.clone(),
        built,
        Arc::new(sensitive.clone()),
        (Arc::clone(judged), number),
    ))
}

/// What a configuration says for everybody.
pub(crate) fn settings(config: &Config, cursors: Arc<CursorKey>, tools: WrittenTools) -> Settings {
    Settings {
        tools,
        read_only: config.data.read_only,
        limits: Limits {
            default_limit: config.limits.default_limit,
            max_limit: config.limits.max_limit,
            scan_limit: config.limits.scan_limit,
        },
        cursors,
        numbers: config.data.numbers,
        max_response_bytes: config.limits.max_response_bytes,
        tool_max_bytes: config.limits.tool_max_bytes,
        query_timeout: config.limits.query_timeout,
        slow_query: config.limits.slow_query,
        audit_denies: config.audit.denies,
        connections: ConnectionLimits {
            max_message_bytes: config.limits.max_message_bytes,
            rate_limit: config.limits.rate_limit,
            rate_window: config.limits.rate_window,
            idle_timeout: config.limits.idle_timeout,
            max_connections: config.limits.max_connections,
            max_requests: config.limits.max_requests,
            max_per_address: config.limits.max_connections_per_address,
            token_rate_limit: config.limits.token_rate_limit.unwrap_or_default(),
        },
    }
}

/// Whom a configuration lets in, to what it exposes; and the clients of the store.
pub(crate) fn access(
    config: &Config,
    settings: &Arc<Settings>,
    tls: Option<Tls>,
    exposed: Option<Arc<Exposed>>,
    clients: Arc<Clients>,
) -> Access {
    Access {
        settings: Arc::clone(settings),
        tokens: Tokens::new(&config.service.tokens),
        shared: Arc::new(Policy::new(
            Arc::clone(settings),
            Permissions::ALL,
            exposed.into_iter().collect(),
            None,
        )),
        clients,
        require_auth: config.service.require_auth,
        hosts: config.network.allowed_hosts.clone(),
        origins: config.network.allowed_origins.clone(),
        query_token: config.network.allow_query_token,
        proxies: config.network.trusted_proxies.clone(),
        tls,
        edition: Edition::first(),
        administration: Arc::new(Administration {
            has_store: config.store.url.is_some() && config.service.enabled,
            tokens: Tokens::new(&config.admin.tokens),
            reach: Reach::new(config.admin.places.clone()),
            place: config
                .data
                .database
                .as_ref()
                .map_or_else(String::new, ToString::to_string),
            page: config.admin.page,
            reads: config.admin.read,
            settings: config.settings.told().into(),
            warnings: config.warnings.clone().into(),
        }),
    }
}

/// Certificate and key as they are now, where the configuration names them.
pub(crate) fn tls(config: &Config) -> Result<Option<Tls>, Advice> {
    config.network.tls.as_ref().map(TlsFiles::load).transpose()
}

pub(crate) fn cursor_key(config: &Config) -> Result<CursorKey, Advice> {
    match &config.instances.cursor_key {
        Some(key) => Ok(CursorKey::new(key.expose_secret())),
        None => CursorKey::random().map_err(|_| {
            Advice::new(
                "the operating system gives no randomness",
                "set MCP_CURSOR_KEY",
            )
        }),
    }
}

/// Reads the tables of the whitelist.
pub(crate) async fn tables(db: &Db, config: &Config) -> Result<Tables, Failure> {
    let tables = db.tables(&config.data.models).await?;
    Ok(config.data.models.iter().cloned().zip(tables).collect())
}

/// The catalog of a configuration.
pub(crate) fn built(tables: &Tables, config: &Config) -> Built {
    let mut tables = tables.clone();
    let mistyped = given(config, &config.data.relations, &mut tables);
    let tables = tables.iter().map(|(name, table)| (name, table.clone()));
    Built {
        mistyped,
        ..catalog::build(
            tables.collect(),
            &config.data.sensitive,
            Narrowing::default(),
        )
    }
}

/// Puts what a configuration says of tables beside what the database tells, or in its place; gives
/// back the first of it that cannot be.
fn given(config: &Config, relations: &[GivenRelation], tables: &mut Tables) -> Option<Advice> {
    let mistyped = field_types::give(&config.data.field_types, tables).err();
    let unrelated = policy::given::give(relations, tables, "MCP_RELATIONS").err();
    mistyped.or(unrelated)
}

/// The catalog of what two configurations both expose of the tables of one of them.
pub(crate) fn built_within(tables: &Tables, config: &Config, other: &Config) -> (Built, Sensitive) {
    let sensitive = config.data.sensitive.or(&other.data.sensitive);
    let mut tables = tables.clone();
    let mut relations = config.data.relations.clone();
    relations.retain(|relation| other.data.relations.contains(relation));
    let mistyped = given(config, &relations, &mut tables);
    let both = tables
        .iter()
        .filter(|(name, _)| other.data.models.contains(name));
    let both = both.map(|(name, table)| (name, table.clone())).collect();
    let built = catalog::build(both, &sensitive, Narrowing::default());
    (Built { mistyped, ..built }, sensitive)
}

/// A catalog that serves something; else the fault, with what the database has instead.
pub(crate) async fn served(built: Built, db: &Db, config: &Config) -> Result<Built, Advice> {
    if let Some(mistyped) = built.mistyped {
        return Err(mistyped);
    }
    if !built.catalog.models().is_empty() {
        return Ok(built);
    }
    let wanted: Vec<&str> = config
        .data
        .models
        .iter()
        .map(|name| name.exposed.as_str())
        .collect();
    let place = match &config.data.database {
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
        Some(missing) => Advice::new(
            format!("MCP_ALLOWED_MODELS: {}: {}", missing.name, missing.reason),
            "MCP_REVEAL_FIELDS=model.field shows one that is hidden wrongly",
        ),
        None => Advice::new(
            format!(
                "MCP_ALLOWED_MODELS: none of {} is in {place}",
                wanted.join(", ")
            ),
            match count {
                0 => "it has no tables: is it the right database?".to_owned(),
                _ => format!("it has {listed}. Try MCP_ALLOWED_MODELS={example}"),
            },
        ),
    })
}

/// What the operator is told of a failure at start.
/// What keeps the service out of a database, as far as the failure tells.
pub(super) fn absent(db: &Db, failure: &Failure) -> Option<Advice> {
    told(db, failure).map(of_url)
}

fn told(db: &Db, failure: &Failure) -> Option<Advice> {
    if let Some(detail) = failure.detail() {
        debug!(%detail, "the database says");
    }
    db.start_fault(failure)
}

fn of_url(fault: Advice) -> Advice {
    fault.of("DATABASE_URL")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config;

    fn of(variables: &[(&str, &str)]) -> Settings {
        let variables = variables.iter();
        let owned = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = config::load(owned.collect::<Vec<_>>()).unwrap();
        let cursors = Arc::new(cursor_key(&config).unwrap());
        settings(&config, cursors, WrittenTools::default())
    }

    #[test]
    fn the_stricter_of_two_settings_holds() {
        let wide = of(&[
            ("MCP_RATE_LIMIT", "0"),
            ("MCP_MAX_LIMIT", "90"),
            ("MCP_MAX_CONNECTIONS", "90"),
            ("MCP_QUERY_TIMEOUT", "9"),
        ]);
        let strict = of(&[
            ("MCP_RATE_LIMIT", "3"),
            ("MCP_TOKEN_RATE_LIMIT", "5"),
            ("MCP_MAX_LIMIT", "7"),
            ("MCP_DEFAULT_LIMIT", "7"),
            ("MCP_MAX_CONNECTIONS", "2"),
            ("MCP_MAX_CONNECTIONS_PER_ADDRESS", "1"),
            ("MCP_QUERY_TIMEOUT", "4"),
            ("MCP_SCAN_LIMIT", "100"),
            ("MCP_AUDIT_FILE", "audit.jsonl"),
            ("MCP_AUDIT_ON_ERROR", "deny"),
        ]);
        for both in [wide.clone().within(&strict), strict.within(&wide)] {
            let connections = &both.connections;
            assert_eq!(connections.rate_limit, 3);
            assert_eq!(connections.token_rate_limit, 5);
            assert_eq!(connections.max_connections, 2);
            assert_eq!(connections.max_per_address, Some(1));
            assert_eq!((both.limits.max_limit, both.limits.default_limit), (7, 7));
            assert_eq!(both.limits.scan_limit, Some(100));
            assert_eq!(both.query_timeout, Duration::from_secs(4));
            assert!(both.audit_denies);
        }
    }
}
