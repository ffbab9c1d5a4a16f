//! Why a server cannot be used at start, and what to do about it.

use std::io::ErrorKind;

use sqlx::Error;
use sqlx::postgres::PgDatabaseError;

use super::session::WritableSession;
use crate::advice::Advice;
use crate::config::ServerUrl;
use crate::db::Failure;
use crate::db::start::{of_network, word};

/// The routine of the server that finds no line in `pg_hba.conf`; its message is in any language.
const NO_ENTRY: &str = "ClientAuthentication";

/// What a failure at start means; `None` where the server may come by itself.
pub(super) fn fault(url: &ServerUrl, failure: &Failure) -> Option<Advice> {
    let address = &url.address;
    let (what, help) = match failure.source()? {
        Error::Database(error) => of_server(url, error.try_downcast_ref::<PgDatabaseError>()?)?,
        Error::Configuration(error) if error.is::<WritableSession>() => (
            format!(
                "sessions at {address} do not stay read only: what is between drops their options"
            ),
            "MCP_PGBOUNCER=true sets each transaction up instead".to_owned(),
        ),
        Error::Configuration(error) => (
            format!("the connection cannot be set up: {error}"),
            "check sslcert and sslkey: both are needed, or none".to_owned(),
        ),
        Error::Tls(error) => encryption(address, &error.to_string()),
        // The driver's way of saying that the TLS handshake failed.
        Error::Io(error) if error.kind() == ErrorKind::InvalidData => {
            encryption(address, &error.to_string())
        }
        Error::Io(error) => of_network(error, address, "sslrootcert, sslcert and sslkey")?,
        Error::Protocol(_) => (
            format!("what answers at {address} is no PostgreSQL server"),
            "check host and port of DATABASE_URL".to_owned(),
        ),
        _ => return None,
    };
    Some(Advice::new(what, help))
}

fn of_server(url: &ServerUrl, error: &PgDatabaseError) -> Option<(String, String)> {
    let server = format!("PostgreSQL at {}", url.address);
    let role = url
        .user
        .as_deref()
        .unwrap_or("the role of this system user");
    let database = url.database.as_deref().unwrap_or(role);
    let told = match (error.code(), error.routine()) {
        ("28P01", _) => (
            format!("{server} refused the password of {role:?}"),
            format!("try it: {}", psql(url, None)),
        ),
        ("28000", Some(NO_ENTRY)) => (
            format!("{server} lets {role:?} not in from here (pg_hba.conf has no line for it)"),
            format!(
                "add a line for role {role}, database {database} and this host, or one for \
                 encrypted connections alone needs sslmode=require; try it: {}",
                psql(url, None)
            ),
        ),
        ("28000", _) => (
            format!("{server} refused to log {role:?} in"),
            format!(
                "check that the role exists and may log in: {}",
                psql(url, None)
            ),
        ),
        ("3D000", _) => (
            format!("{server} has no database {database:?}"),
            format!("list those it has: {} -l", psql(url, Some("postgres"))),
        ),
        ("42501", _) => (
            format!("{server} does not let {role:?} into database {database:?}"),
            format!("GRANT CONNECT ON DATABASE {database} TO {role}"),
        ),
        // The words of PgBouncer, which are in English alone.
        ("08P01", _) if error.message().contains("startup parameter") => (
            format!("a pooler at {} takes no start-up options", url.address),
            "MCP_PGBOUNCER=true goes without them".to_owned(),
        ),
        ("08P01", _) if error.message().contains("no such database") => (
            format!("the pooler at {} has no database {database:?}", url.address),
            "check the section [databases] of its configuration".to_owned(),
        ),
        ("08P01", _) if error.message().contains("no such user") => (
            format!("the pooler at {} has no user {role:?}", url.address),
            "check its auth_file or auth_query".to_owned(),
        ),
        _ => return None,
    };
    Some(told)
}

fn encryption(address: &str, detail: &str) -> (String, String) {
    if detail.contains("does not support TLS") {
        return (
            format!("PostgreSQL at {address} does not encrypt connections"),
            "turn ssl on there, or write sslmode=disable where the network is trusted".to_owned(),
        );
    }
    (
        format!("the encrypted connection to {address} failed: {detail}"),
        "sslrootcert=ca.pem names the authority that signed the server's certificate, whose name \
         must be the host's with sslmode=verify-full"
            .to_owned(),
    )
}

/// The line that tries the same log-in by hand; psql asks for the password itself.
fn psql(url: &ServerUrl, database: Option<&str>) -> String {
    let (host, port) = match url.address.rsplit_once(':') {
        Some((host, port)) => (host.trim_matches(['[', ']']), Some(port)),
        None => (url.address.as_str(), None),
    };
    let port = port.map_or(String::new(), |port| format!(" -p {port}"));
    let user = url.user.as_deref();
    let user = user.map_or(String::new(), |user| format!(" -U {}", word(user)));
    let database = database.or(url.database.as_deref());
    let database = database.map_or(String::new(), |name| format!(" -d {}", word(name)));
    format!("psql -h {}{port}{user}{database}", word(host))
}
