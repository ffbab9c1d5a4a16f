//! A session: opened within bounds, told to read only, and asked whether it does.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_query::Values;
use sea_query_sqlx::SqlxValues;
use secrecy::ExposeSecret as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlRow, MySqlSslMode};
use sqlx::query::Query;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, MySql, MySqlConnection, Row as _};

use super::killer::{Killer, Place};
use crate::advice::Advice;
use crate::config::ServerUrl;
use crate::db::gate::Gate;
use crate::db::pool::Session;
use crate::db::{Failure, FailureKind, bound};

/// What opening a session may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a session may rest: balancers and firewalls forget connections without a word.
const REST: Duration = Duration::from_secs(300);

/// How many statements a session may keep prepared that nobody runs again: fewer than the driver
/// keeps, which would close one for each that comes.
const MOST_LEFT: usize = 90;

/// Which of the two servers answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    MariaDb,
    MySql,
}

/// Opens sessions.
pub(super) struct Sessions {
    options: MySqlConnectOptions,
    killer: Arc<Killer>,
    gate: Gate,
}

impl Sessions {
    pub(super) fn new(url: &ServerUrl) -> Result<Self, Advice> {
        let options: MySqlConnectOptions = url.url.expose_secret().parse().map_err(|_| {
            Advice::new(
                format!("the address of {url} is malformed"),
                "for example mysql://reader:password@localhost:3306/shop",
            )
        })?;
        let options = options
            .charset("utf8mb4")
            .timezone("+00:00".to_owned())
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .disable_statement_logging();
        Ok(Self {
            killer: Arc::new(Killer::new(options.clone())),
            options,
            gate: Gate::default(),
        })
    }

    /// What is weak about the way to the server.
    pub(super) fn plaintext(&self) -> Option<Advice> {
        let host = self.options.get_host();
        let local = self.options.get_socket().is_some()
            || host == "localhost"
            || host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        let what = match self.options.get_ssl_mode() {
            _ if local => return None,
            MySqlSslMode::Disabled => "the connection to the database is not encrypted",
            MySqlSslMode::Preferred => {
                "the connection to the database is not encrypted if the server says so"
            }
            _ => return None,
        };
        Some(Advice::new(
            what.to_owned(),
            "add ssl-mode=VERIFY_IDENTITY to DATABASE_URL, and ssl-ca=ca.pem for a private CA",
        ))
    }

    /// Opens a session whose statements may take as long as `allowed`.
    pub(super) async fn open(&self, allowed: Duration) -> Result<Reader, Failure> {
        let attempt = self.gate.enter()?;
        let opened = tokio::time::timeout(CONNECT, self.connect(allowed))
            .await
            .unwrap_or_else(|_| Err(Failure::new(FailureKind::Unavailable)));
        match &opened {
            Err(failure) if *failure.kind() != FailureKind::Overloaded => attempt.failed(),
            // A server that gives no more sessions answers all the same.
            _ => attempt.succeeded(),
        }
        opened
    }

    async fn connect(&self, allowed: Duration) -> Result<Reader, Failure> {
        let connected = self.options.connect().await;
        let mut connection = connected.map_err(|error| match &error {
            sqlx::Error::Database(_) => Failure::from_driver(error),
            // A configuration that its server does not take, such as a login without TLS.
            _ => Failure::classified(FailureKind::Unavailable, error),
        })?;
        let asked = "SELECT CAST(VERSION() AS CHAR), CAST(CONNECTION_ID() AS UNSIGNED), \
                     CAST(CONCAT_WS('/', @@hostname, @@port, @@server_id) AS CHAR)";
        let row = ask(&mut connection, asked).await?;
        let version: String = row.try_get(0).map_err(Failure::from_driver)?;
        let id: u64 = row.try_get(1).map_err(Failure::from_driver)?;
        let server: String = row.try_get(2).map_err(Failure::from_driver)?;
        let flavour = if version.to_ascii_lowercase().contains("mariadb") {
            Flavour::MariaDb
        } else {
            Flavour::MySql
        };
        prepare(&mut connection, flavour, allowed).await?;
        Ok(Reader {
            connection,
            place: Place { id, server },
            flavour,
            killer: Arc::clone(&self.killer),
            busy: false,
            rested: Instant::now(),
            left: 0,
        })
    }
}

/// Tells a session how to be, and asks it whether it is.
async fn prepare(
    connection: &mut MySqlConnection,
    flavour: Flavour,
    allowed: Duration,
) -> Result<(), Failure> {
    tell(connection, "SET SESSION TRANSACTION READ ONLY").await?;
    // Without autocommit a session would see the same rows for ever; with modes a zero date could
    // fail a reading, or text be quoted and padded otherwise.
    let limit = match flavour {
        Flavour::MariaDb => format!("max_statement_time = {:.3}", allowed.as_secs_f64()),
        Flavour::MySql => format!("max_execution_time = {}", allowed.as_millis()),
    };
    // Not by a parameter: MySQL would have to guess its type.
    let limit = format!("SET SESSION autocommit = 1, sql_mode = '', {limit}");
    let limited = command(limit).execute(&mut *connection).await;
    limited.map_err(Failure::from_driver)?;
    // Beyond this many bytes of a text its order is not kept; a server that does not let a session
    // raise it keeps its own.
    let sorting = "SET SESSION max_sort_length = 8192, \
                   sort_buffer_size = GREATEST(@@sort_buffer_size, 4194304)";
    match tell(connection, sorting).await {
        Err(failure) if failure.code().is_none() => return Err(failure),
        _ => {}
    }
    let asked = match flavour {
        Flavour::MariaDb => {
            "SELECT CAST(@@SESSION.tx_read_only AS UNSIGNED), \
             CAST(@@SESSION.max_statement_time * 1000 AS UNSIGNED), \
             CAST(@@SESSION.time_zone AS CHAR), CAST(@@SESSION.sql_mode AS CHAR)"
        }
        Flavour::MySql => {
            "SELECT CAST(@@SESSION.transaction_read_only AS UNSIGNED), \
             CAST(@@SESSION.max_execution_time AS UNSIGNED), \
             CAST(@@SESSION.time_zone AS CHAR), CAST(@@SESSION.sql_mode AS CHAR)"
        }
    };
    let row = ask(connection, asked).await?;
    let number = |index: usize| row.try_get::<u64, _>(index).map_err(Failure::from_driver);
    let text = |index: usize| {
        row.try_get::<String, _>(index)
            .map_err(Failure::from_driver)
    };
    let missing = if number(0)? != 1 {
        "the session is not read-only"
    } else if number(1)? == 0 {
        "the session has no statement limit"
    } else if text(2)? != "+00:00" || !text(3)?.is_empty() {
        "the session keeps a time zone or mode of its own"
    } else {
        return Ok(());
    };
    Err(Failure::classified(
        FailureKind::Unavailable,
        sqlx::Error::Configuration(missing.into()),
    ))
}

/// A statement of our own words and numbers.
pub(super) fn command(sql: String) -> Query<'static, MySql, SqlxValues> {
    bound::<MySql>(sql, Values(Vec::new())).persistent(false)
}

/// A constant statement by the text protocol: one round trip.
pub(super) async fn tell(
    connection: &mut MySqlConnection,
    sql: &'static str,
) -> Result<(), Failure> {
    let told = connection.execute(sql).await;
    told.map(|_| ()).map_err(Failure::from_driver)
}

async fn ask(connection: &mut MySqlConnection, sql: &'static str) -> Result<MySqlRow, Failure> {
    connection
        .fetch_one(sql)
        .await
        .map_err(Failure::from_driver)
}

/// A session that only reads.
pub(super) struct Reader {
    connection: MySqlConnection,
    place: Place,
    flavour: Flavour,
    killer: Arc<Killer>,
    /// Whether the server may be at work for it.
    busy: bool,
    rested: Instant,
    /// Statements that nobody runs again.
    left: usize,
}

impl Reader {
    /// The connection, for a statement that runs until [`Reader::end`].
    pub(super) fn begin(&mut self) -> &mut MySqlConnection {
        self.busy = true;
        &mut self.connection
    }

    /// Nothing runs any more.
    pub(super) fn end(&mut self) {
        self.busy = false;
        self.rested = Instant::now();
    }

    pub(super) fn flavour(&self) -> Flavour {
        self.flavour
    }

    pub(super) fn is_fresh(&self) -> bool {
        self.rested.elapsed() < REST
    }

    /// Whether it takes work that leaves so many statements: other work has a session without such.
    pub(super) fn takes(&self, left: usize) -> bool {
        match left {
            0 => self.left == 0,
            left => self.left + left <= MOST_LEFT,
        }
    }

    /// Counts statements that are left on it.
    pub(super) fn leave(&mut self, left: usize) {
        self.left += left;
    }

    /// Says goodbye, so that the server does not note an aborted client.
    pub(super) async fn close(self) {
        // Whatever it answers, the session is over.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.connection.close()).await;
    }
}

impl Session for Reader {
    fn abandon(&mut self) {
        if self.busy {
            self.killer.kill(self.place.clone());
        }
    }
}
