//! Ends sessions whose clients are gone: neither server looks at its socket while it works.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, MySqlConnection};
use tracing::debug;

use super::session::command;

/// What connecting, or ending one session, may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// A side connection, there while there are sessions to end.
pub(super) struct Killer {
    options: MySqlConnectOptions,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    ids: Vec<u64>,
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
    pub(super) fn kill(self: &Arc<Self>, id: u64) {
        // Without a runtime the process is ending, and the statement's own limit must do.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let idle = self.with_queue(|queue| {
            queue.ids.push(id);
            !std::mem::replace(&mut queue.worked, true)
        });
        if idle {
            runtime.spawn(Arc::clone(self).work());
        }
    }

    async fn work(self: Arc<Self>) {
        let mut connection: Option<MySqlConnection> = None;
        while let Some(id) = self.next() {
            let ended = tokio::time::timeout(PATIENCE, self.end(&mut connection, id)).await;
            match ended {
                Ok(Ok(())) => {}
                // Most often it has ended by itself; whatever still runs, the server's limit ends.
                Ok(Err(sqlx::Error::Database(_))) => debug!(id, "no session to end"),
                Ok(Err(_)) | Err(_) => {
                    connection = None;
                    debug!(id, "a session could not be ended");
                }
            }
        }
        if let Some(connection) = connection {
            let _ = tokio::time::timeout(PATIENCE, connection.close()).await;
        }
    }

    async fn end(
        &self,
        connection: &mut Option<MySqlConnection>,
        id: u64,
    ) -> Result<(), sqlx::Error> {
        let connected = match connection.take() {
            Some(connected) => connected,
            None => self.options.connect().await?,
        };
        // KILL ends a statement that has yet to begin, too; KILL QUERY would come before it.
        command(format!("KILL {id}"))
            .execute(connection.insert(connected))
            .await?;
        Ok(())
    }

    /// The next session to end; with none left the work is over.
    fn next(&self) -> Option<u64> {
        self.with_queue(|queue| {
            let next = queue.ids.pop();
            queue.worked = next.is_some();
            next
        })
    }

    fn with_queue<T>(&self, use_it: impl FnOnce(&mut Queue) -> T) -> T {
        use_it(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
