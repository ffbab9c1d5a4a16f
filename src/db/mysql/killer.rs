//! Ends sessions whose clients are gone: neither server looks at its socket while it works.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, MySqlConnection, Row as _};
use tracing::debug;

use super::session::command;

/// What connecting, or ending one session, may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often a way to the server of a session is looked for: behind a proxy each connection may lead
/// to another one.
const ATTEMPTS: usize = 3;

/// What tells a server from others.
const SERVER: &str = "SELECT CAST(CONCAT_WS('/', @@hostname, @@port, @@server_id) AS CHAR)";

/// Where a session is: its number counts on its own server alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) id: u64,
    /// By host, port and number of the server.
    pub(super) server: String,
}

/// A side connection, and the server that it leads to.
struct Side {
    connection: MySqlConnection,
    server: String,
}

/// A side connection, there while there are sessions to end.
pub(super) struct Killer {
    options: MySqlConnectOptions,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    places: Vec<Place>,
    /// Whether a task is at work on them.
    worked: bool,
}

impl Killer {
    pub(super) fn new(options: MySqlConnectOptions) -> Self {
        Self {
            options,
            queue: Mutex::default(),
        }
    }

    /// Ends a session, statement and all, without waiting for it. One's own sessions need no
    /// right to be ended.
    pub(super) fn kill(self: &Arc<Self>, place: Place) {
        // Without a runtime the process is ending, and the statement's own limit must do.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let idle = self.with_queue(|queue| {
            queue.places.push(place);
            !std::mem::replace(&mut queue.worked, true)
        });
        if idle {
            runtime.spawn(Arc::clone(self).work());
        }
    }

    async fn work(self: Arc<Self>) {
        let mut side: Option<Side> = None;
        while let Some(place) = self.next() {
            let ended = tokio::time::timeout(PATIENCE, self.end(&mut side, &place)).await;
            let id = place.id;
            match ended {
                Ok(Ok(true)) => {}
                // No other one is ended in its place; the server's limit ends it.
                Ok(Ok(false)) => debug!(id, "no way to the server of a session"),
                // Most often it has ended by itself; whatever still runs, the server's limit ends.
                Ok(Err(sqlx::Error::Database(_))) => debug!(id, "no session to end"),
                Ok(Err(_)) | Err(_) => {
                    side = None;
                    debug!(id, "a session could not be ended");
                }
            }
        }
        if let Some(side) = side {
            let _ = tokio::time::timeout(PATIENCE, side.connection.close()).await;
        }
    }

    /// Ends a session where it is; whether a way there was found.
    async fn end(&self, side: &mut Option<Side>, place: &Place) -> Result<bool, sqlx::Error> {
        for _ in 0..ATTEMPTS {
            let at_hand = match side.take() {
                Some(at_hand) => at_hand,
                None => self.connect().await?,
            };
            if at_hand.server != place.server {
                let _ = at_hand.connection.close().await;
                continue;
            }
            // KILL ends a statement that has yet to begin, too; KILL QUERY would come before it.
            command(format!("KILL {}", place.id))
                .execute(&mut side.insert(at_hand).connection)
                .await?;
            return Ok(true);
        }
        Ok(false)
    }

    async fn connect(&self) -> Result<Side, sqlx::Error> {
        let mut connection = self.options.connect().await?;
        let row = connection.fetch_one(SERVER).await?;
        let server = row.try_get(0)?;
        Ok(Side { connection, server })
    }

    /// The next session to end; with none left the work is over.
    fn next(&self) -> Option<Place> {
        self.with_queue(|queue| {
            let next = queue.places.pop();
            queue.worked = next.is_some();
            next
        })
    }

    fn with_queue<T>(&self, use_it: impl FnOnce(&mut Queue) -> T) -> T {
        use_it(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
