//! Whether a database that is exposed would be a store, this one or another.

use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::backend::identity;
use crate::config::{DatabaseUrl, Engine, ServerUrl, StoreUrl};

/// What looking into a database may take; one that does not answer is judged by its URL, and again
/// when it is opened.
const LOOKING: Duration = Duration::from_secs(5);

/// Whether a database holds this store, or another one: its tables must never be models.
pub(super) async fn holds_a_store(store: &StoreUrl, database: &DatabaseUrl) -> bool {
    match (store, database) {
        (StoreUrl::Sqlite(path), DatabaseUrl::Sqlite(file)) => {
            let exposed = file.path().to_owned();
            *path == exposed
                || identity(&exposed).is_some_and(|found| identity(path) == Some(found))
                || looked(file_has_tables(&exposed)).await
        }
        (_, DatabaseUrl::Sqlite(file)) => looked(file_has_tables(file.path())).await,
        (_, DatabaseUrl::Server(server)) if server.engine == Engine::Postgres => {
            let named = match store {
                StoreUrl::Postgres(store) => is_named_alike(store, server),
                StoreUrl::Sqlite(_) => false,
            };
            named || looked(has_tables(server)).await
        }
        // No store is kept there; what was copied into one is seen when it is opened.
        _ => false,
    }
}

async fn looked(look: impl Future<Output = Option<bool>>) -> bool {
    let found = tokio::time::timeout(LOOKING, look).await;
    found.is_ok_and(|found| found.unwrap_or(false))
}

fn options(server: &ServerUrl) -> Option<PgConnectOptions> {
    let options = server
        .url
        .expose_secret()
        .parse::<PgConnectOptions>()
        .ok()?;
    Some(options.disable_statement_logging())
}

/// Whether two URLs name one database of one server, whoever logs in.
fn is_named_alike(one: &ServerUrl, other: &ServerUrl) -> bool {
    let named = |server: &ServerUrl| {
        let options = options(server)?;
        let host = match options.get_host() {
            "localhost" | "::1" => "127.0.0.1".to_owned(),
            host => host.to_ascii_lowercase(),
        };
        let database = options.get_database().unwrap_or(options.get_username());
        let socket = options.get_socket().cloned();
        Some((host, options.get_port(), database.to_owned(), socket))
    };
    let named_one = named(one);
    named_one.is_some() && named_one == named(other)
}

/// Asks a file, which may be a copy of a store.
async fn file_has_tables(path: &Path) -> Option<bool> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = options.disable_statement_logging().connect().await.ok()?;
    let found = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'lucarne_revision')",
    )
    .fetch_one(&mut connection)
    .await
    .ok()?;
    // It ends by itself when this fails.
    let _ = connection.close().await;
    Some(found)
}

/// Asks the database itself, which other names may lead to.
async fn has_tables(server: &ServerUrl) -> Option<bool> {
    let mut connection = options(server)?.connect().await.ok()?;
    let found = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM pg_class WHERE relname = 'lucarne_revision' AND relkind = 'r')",
    )
    .fetch_one(&mut connection)
    .await
    .ok()?;
    // It ends by itself when this fails.
    let _ = connection.close().await;
    Some(found)
}
