//! Sessions: how they are opened, and how it is known that they read only.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use secrecy::ExposeSecret as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions as _, Executor as _, PgConnection};

use crate::advice::Advice;
use crate::config::ServerUrl;
use crate::db::gate::Gate;
use crate::db::pool::Session;
use crate::db::{Failure, FailureKind, Options, Whom};

/// What connecting may take, the log-in included.
const CONNECT: Duration = Duration::from_secs(5);

/// Where names are looked for: in the system's catalog alone. Any other schema may be one in which
/// strangers put operators and functions that fit better than ours; tables and the operators of
/// extensions are named with their schema.
const SET_PATH: &str = "SET search_path = pg_catalog, pg_temp";
/// The same for one transaction: a pooler's sessions are not ours to set up.
pub(super) const SET_LOCAL_PATH: &str = "SET LOCAL search_path = pg_catalog, pg_temp";

/// Asks what holds of the start-up options, and the server, by `$1`, to look for a closed
/// connection while it works. A database that keeps bytes of any encoding is read as it is: it would
/// refuse to send those that are no UTF-8.
const SET_UP: &str = "SELECT current_setting('default_transaction_read_only') = 'on', \
    CAST(extract(epoch FROM CAST(current_setting('statement_timeout') AS interval)) * 1000 AS int8), \
    current_setting('TimeZone'), \
    CASE WHEN $1 AND CAST(current_setting('server_version_num') AS int4) >= 140000 \
      THEN set_config('client_connection_check_interval', '250ms', false) END, \
    CASE WHEN current_setting('server_encoding') = 'SQL_ASCII' \
      THEN set_config('client_encoding', 'SQL_ASCII', false) END";

/// How sessions on one server are opened.
#[derive(Debug)]
pub(super) struct Sessions {
    options: PgConnectOptions,
    pooled: bool,
    local: bool,
    timeout: Duration,
    gate: Gate,
    /// The server runs where closed connections cannot be looked for.
    unwatched: AtomicBool,
}

impl Sessions {
    pub(super) fn new(url: &ServerUrl, options: &Options) -> Result<Self, Advice> {
        let parsed = url.url.expose_secret().parse::<PgConnectOptions>();
        // The driver's words are left out: they may repeat the URL.
        let mut connect = parsed.map_err(|_| {
            Advice::new(
                "the URL has a part that PostgreSQL's driver does not take",
                "for example postgres://reader:password@db:5432/shop?sslmode=verify-full",
            )
        })?;
        // A name that the URL gives stays.
        if matches!(connect.get_application_name(), None | Some("lucarne")) {
            let of_tenant = options.tenant.as_ref();
            let name = of_tenant.map_or("lucarne".to_owned(), |name| format!("lucarne/{name}"));
            connect = connect.application_name(&name);
        }
        connect = if options.pgbouncer {
            connect.extra_float_digits(None).statement_cache_capacity(0)
        } else {
            connect.options([
                ("default_transaction_read_only", "on".to_owned()),
                (
                    "statement_timeout",
                    options.query_timeout.as_millis().to_string(),
                ),
            ])
        };
        let local = connect.get_socket().is_some() || is_local(connect.get_host());
        Ok(Self {
            options: connect.disable_statement_logging(),
            pooled: options.pgbouncer,
            local,
            timeout: options.query_timeout,
            gate: Gate::default(),
            unwatched: AtomicBool::new(false),
        })
    }

    /// Whether a transaction pooler gives each transaction a session of its own choice.
    pub(super) fn pooled(&self) -> bool {
        self.pooled
    }

    pub(super) async fn open(&self) -> Result<Reader, Failure> {
        let attempt = self.gate.enter()?;
        let opened = tokio::time::timeout(CONNECT, self.connect())
            .await
            .unwrap_or_else(|_| Err(Failure::new(FailureKind::Unavailable)));
        match &opened {
            Err(failure) if *failure.kind() != FailureKind::Overloaded => attempt.failed(),
            // A server that gives no more sessions answers all the same.
            _ => attempt.succeeded(),
        }
        opened.map(|connection| Reader {
            connection,
            spoilt: false,
        })
    }

    async fn connect(&self) -> Result<PgConnection, Failure> {
        let mut connection = self.options.connect().await.map_err(Failure::from_driver)?;
        if self.pooled {
            return Ok(connection);
        }
        // Before anything that could look for a name.
        let set = connection.execute(SET_PATH).await;
        set.map_err(Failure::from_driver)?;
        let watched = !self.unwatched.load(Ordering::Relaxed);
        let found = match set_up(&mut connection, watched).await {
            // Only some systems can tell the server of a closed connection.
            Err(error) if watched && is_refused(&error) => {
                self.unwatched.store(true, Ordering::Relaxed);
                set_up(&mut connection, false).await
            }
            found => found,
        };
        let (read_only, timeout, zone) = found.map_err(Failure::from_driver)?;
        let allowed = i64::try_from(self.timeout.as_millis()).unwrap_or(i64::MAX);
        if !read_only || timeout != allowed || zone != "UTC" {
            return Err(Failure::classified(
                FailureKind::Unavailable,
                sqlx::Error::Configuration(Box::new(WritableSession)),
            ));
        }
        Ok(connection)
    }

    /// What is weak about the way to the server.
    pub(super) fn plaintext(&self) -> Option<Advice> {
        let mode = match self.options.get_ssl_mode() {
            _ if self.local => return None,
            PgSslMode::Disable | PgSslMode::Allow => {
                "the connection to the database is not encrypted"
            }
            PgSslMode::Prefer => {
                "the connection to the database is not encrypted if the server says so"
            }
            _ => return None,
        };
        Some(Advice::new(
            mode.to_owned(),
            "add sslmode=verify-full to DATABASE_URL, and sslrootcert=ca.pem for a private CA",
        ))
    }
}

fn is_local(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost"
        || host.starts_with('/')
        || address.is_ok_and(|address| address.is_loopback())
}

async fn set_up(
    connection: &mut PgConnection,
    watched: bool,
) -> Result<(bool, i64, String), sqlx::Error> {
    let row: (bool, i64, String, Option<String>) = sqlx::query_as(SET_UP)
        .bind(watched)
        .persistent(false)
        .fetch_one(connection)
        .await?;
    Ok((row.0, row.1, row.2))
}

fn is_refused(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| code == "22023")
}

/// The schemas of the role's own path, in their order: by it names of the whitelist are found, and
/// nothing else. To be asked within a transaction.
pub(super) async fn own_schemas(connection: &mut PgConnection) -> Result<Vec<String>, Failure> {
    const OWN: &str = "SELECT set_config('search_path', reset_val, true) \
        FROM pg_settings WHERE name = 'search_path'";
    // Everything in it says where it stands, for the path is not ours meanwhile.
    const SCHEMAS: &str = "SELECT CAST(pg_catalog.current_schemas(false) AS pg_catalog.text[])";
    let found = async {
        sqlx::query(OWN)
            .persistent(false)
            .execute(&mut *connection)
            .await?;
        let schemas: Vec<String> = sqlx::query_scalar(SCHEMAS)
            .persistent(false)
            .fetch_one(&mut *connection)
            .await?;
        let set = connection.execute(SET_LOCAL_PATH).await;
        set.map(|_| schemas)
    };
    let mut schemas = found.await.map_err(Failure::from_driver)?;
    schemas.retain(|schema| !schema.starts_with("pg_") && schema != "information_schema");
    Ok(schemas)
}

/// Tells a transaction whom it is for, until it ends.
pub(super) async fn tell(
    connection: &mut PgConnection,
    whom: &Whom,
    persistent: bool,
) -> Result<(), Failure> {
    const TELL: &str =
        "SELECT set_config('lucarne.tenant', $1, true), set_config('lucarne.token', $2, true)";
    let told = sqlx::query(TELL)
        .bind(&whom.tenant)
        .bind(&whom.token)
        .persistent(persistent)
        .execute(connection)
        .await;
    told.map(drop).map_err(Failure::from_driver)
}

/// A session that was opened to read only, and does not.
#[derive(Debug)]
pub(super) struct WritableSession;

impl fmt::Display for WritableSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server dropped the start-up options that make a session read only")
    }
}

impl std::error::Error for WritableSession {}

/// A session.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) connection: PgConnection,
    /// Whether code of others left something in it that outlives a transaction.
    pub(super) spoilt: bool,
}

impl Reader {
    /// Looks, behind a transaction in which code of others may have run, for statements that SQL
    /// prepared: ours are prepared by the protocol, and one under the name of one of ours would be
    /// run in its place for whoever comes next.
    pub(super) async fn look(&mut self) -> Result<(), Failure> {
        const PREPARED: &str =
            "SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql LIMIT 1";
        self.spoilt = true;
        let prepared = self.connection.fetch_optional(PREPARED).await;
        self.spoilt = prepared.map_err(Failure::from_driver)?.is_some();
        Ok(())
    }
}

impl Session for Reader {
    /// Closing the connection is enough: the server looks for that while it works.
    fn abandon(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, DatabaseUrl};

    fn sessions(url: &str) -> Sessions {
        let given = [("DATABASE_URL", url), ("MCP_TOKEN", "a-token-for-tests")];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let database = config::load(given).unwrap().data.database.unwrap();
        let DatabaseUrl::Server(server) = &database else {
            panic!("a server");
        };
        let options = Options {
            url: database.clone(),
            pool_size: 1,
            query_timeout: Duration::from_secs(5),
            pgbouncer: false,
            tenant: None,
            rows: None,
        };
        Sessions::new(server, &options).unwrap()
    }

    #[test]
    fn plain_text_on_the_network_is_a_weakness() {
        for (url, weak) in [
            ("postgres://r@db.example.org/shop", true),
            ("postgres://r@10.0.0.7/shop?sslmode=prefer", true),
            ("postgres://r@db/shop?sslmode=disable", true),
            ("postgres://r@db/shop?sslmode=verify-full", false),
            ("postgres://r@db/shop?sslmode=require", false),
            ("postgres://r@127.0.0.1/shop", false),
            ("postgres://r@[::1]/shop", false),
            ("postgres://r@localhost/shop?sslmode=disable", false),
            ("postgres:///shop?host=/run/postgresql", false),
        ] {
            assert_eq!(sessions(url).plaintext().is_some(), weak, "{url}");
        }
    }

    #[test]
    fn sessions_begin_to_read_only() {
        let options = sessions("postgres://r@db/shop?options=-c%20search_path%3Dsales").options;
        let set = options.get_options().unwrap();
        for option in [
            "search_path=sales",
            "default_transaction_read_only=on",
            "statement_timeout=5000",
        ] {
            assert!(set.contains(option), "{set}");
        }
        assert_eq!(options.get_application_name(), Some("lucarne"));
    }
}
