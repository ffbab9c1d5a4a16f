//! What tables are now, as those who ask at once are told by one reading.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Failure, Shared};
use crate::catalog::TableName;

/// When a table must have been found as it was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// After this was asked.
    Now,
    /// Within the last half second.
    Lately,
}

/// How long a table that was found as it was known is taken for that, where that is enough.
pub(super) const HOLDS: Duration = Duration::from_millis(500);

/// What tells the definitions of tables from others, each read once at a time.
#[derive(Debug, Default)]
pub(super) struct Definitions(Mutex<HashMap<TableName, Arc<Definition>>>);

/// That of one table.
#[derive(Debug)]
struct Definition {
    shared: Shared<u64>,
    /// What was told last, and when that reading was asked for.
    last: Mutex<Option<(Instant, u64)>>,
}

impl Definition {
    fn last(&self) -> MutexGuard<'_, Option<(Instant, u64)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Definitions {
    /// Whether a table was found to be defined so within the last half second.
    ///
    /// What was told to differ is always asked for: the catalog may have been read since.
    pub(super) fn held(&self, table: &TableName, definition: u64) -> bool {
        let last = *self.of(table).last();
        last.is_some_and(|(at, told)| told == definition && at.elapsed() < HOLDS)
    }

    /// Whether a table is defined so now, by what `read` tells of it.
    ///
    /// # Errors
    /// Those of the reading.
    pub(super) async fn is(
        &self,
        table: &TableName,
        definition: u64,
        read: impl Future<Output = Result<u64, Failure>>,
    ) -> Result<bool, Failure> {
        let own = self.of(table);
        let asked = Instant::now();
        let told = own.shared.ask(read).await?;
        *own.last() = Some((asked, told));
        Ok(told == definition)
    }

    fn of(&self, table: &TableName) -> Arc<Definition> {
        // A map is sound whatever a panicking holder was about to do.
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match tables.get(table) {
            Some(own) => Arc::clone(own),
            None => {
                let own = Arc::new(Definition {
                    shared: Shared::new(Duration::ZERO),
                    last: Mutex::default(),
                });
                tables.insert(table.clone(), Arc::clone(&own));
                own
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_holds_is_asked_for_again_after_a_while_and_what_differs_at_once() {
        let table = TableName {
            schema: None,
            name: "users".to_owned(),
        };
        let definitions = Definitions::default();
        let is = async |known, now| {
            let is = definitions.is(&table, known, async { Ok(now) });
            is.await.unwrap()
        };
        assert!(!definitions.held(&table, 1));
        assert!(is(1, 1).await);
        assert!(definitions.held(&table, 1));
        assert!(!is(1, 2).await);
        // A catalog that is newer is not told of the one before.
        assert!(!definitions.held(&table, 1));
        assert!(definitions.held(&table, 2));
        tokio::time::sleep(HOLDS).await;
        assert!(!definitions.held(&table, 2));
    }
}
