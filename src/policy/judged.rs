//! Tables as a start or a reload judged them, and as they are now.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::catalog::Table;
use crate::config::ModelName;
use crate::db::{Db, Failure, Shared};

/// The catalog of a database is read again no more often than that.
const EVERY: Duration = Duration::from_secs(1);

/// After which a table that is gone is looked for once more.
const ONCE_MORE: Duration = Duration::from_millis(150);

/// Each entry of the whitelist with its table, or with the reason why there is none.
pub(crate) type Tables = Vec<(ModelName, Result<Table, String>)>;

/// Tables that were judged. What their database changes of them can only take away, and bring back
/// what was there: a column or a table that comes is nothing until the next reload.
#[derive(Debug)]
pub(crate) struct Judged {
    judged: Tables,
    at: DateTime<Utc>,
    now: ArcSwap<Now>,
    reading: Shared<()>,
}

/// What there is now of what was judged.
#[derive(Debug)]
pub(crate) struct Now {
    /// How often that has changed.
    pub(crate) number: u64,
    pub(crate) tables: Tables,
}

impl Judged {
    /// Tables that are judged now.
    pub(crate) fn new(tables: Tables) -> Self {
        Self {
            now: ArcSwap::from_pointee(Now {
                number: 0,
                tables: tables.clone(),
            }),
            judged: tables,
            at: Utc::now(),
            reading: Shared::new(EVERY),
        }
    }

    /// The tables as they were when they were judged.
    pub(crate) fn judged(&self) -> &Tables {
        &self.judged
    }

    /// When they were judged.
    pub(crate) fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// What there is now.
    pub(crate) fn now(&self) -> Arc<Now> {
        self.now.load_full()
    }

    /// Reads the database again, for one who found that it is no longer as that number says; those
    /// who ask at once share a reading. Whether it is otherwise now.
    ///
    /// # Errors
    /// When the database does not tell.
    pub(crate) async fn renew(&self, db: &Db, seen: u64) -> Result<bool, Failure> {
        if self.now.load().number == seen {
            self.reading.ask(self.read(db)).await?;
        }
        Ok(self.now.load().number != seen)
    }

    /// Whether something was taken away or altered that may be back, and it is time to look.
    pub(crate) fn may_be_back(&self) -> bool {
        self.now.load().number > 0 && self.is_due()
    }

    /// Whether it is time to look again.
    pub(crate) fn is_due(&self) -> bool {
        self.reading.is_due()
    }

    async fn read(&self, db: &Db) -> Result<(), Failure> {
        let names: Vec<_> = self.judged.iter().map(|(name, _)| name.clone()).collect();
        let before = self.now.load();
        let mut read = db.tables(&names).await?;
        let is_lost = |(before, read): (&(_, Result<Table, _>), &Result<Table, _>)| {
            before.1.is_ok() && read.is_err()
        };
        // Servers tell of no table while they alter it.
        if before.tables.iter().zip(&read).any(is_lost) {
            sleep(ONCE_MORE).await;
            read = db.tables(&names).await?;
        }
        let tables = self.judged.iter().zip(&before.tables).zip(read);
        let tables = tables.map(|(((name, judged), (_, before)), read)| {
            (name.clone(), within(judged, before, read))
        });
        let tables: Tables = tables.collect();
        if tables == before.tables {
            return Ok(());
        }
        for ((name, after), (_, before)) in tables.iter().zip(&before.tables) {
            if after != before {
                tell(&name.exposed, before, after);
            }
        }
        self.now.store(Arc::new(Now {
            number: before.number + 1,
            tables,
        }));
        Ok(())
    }
}

/// What there is of a table that was judged.
fn within(
    judged: &Result<Table, String>,
    before: &Result<Table, String>,
    read: Result<Table, String>,
) -> Result<Table, String> {
    let judged = judged.as_ref().map_err(Clone::clone)?;
    let mut table = read?;
    let was_judged = |name: &String| judged.columns.iter().any(|column| column.name == *name);
    table.columns.retain(|column| was_judged(&column.name));
    if table.columns.is_empty() {
        return Err("none of its columns is there any more".to_owned());
    }
    // Another estimate is no other table.
    if let Ok(before) = before {
        table.estimated_rows = before.estimated_rows;
    }
    Ok(table)
}

/// Tells the operator what changed, by the model alone: a column may be a hidden one.
fn tell(model: &str, before: &Result<Table, String>, after: &Result<Table, String>) {
    let count = |table: &Result<Table, String>| table.as_ref().map_or(0, |it| it.columns.len());
    match count(after) {
        0 => warn!(
            model,
            "the database has changed: not served until it is back; was it renamed? Then mend the \
             whitelist and reload"
        ),
        after if after < count(before) => {
            warn!(
                model,
                "the database has changed: columns are gone; reload to judge what came"
            );
        }
        _ => info!(model, "the database has changed, and is read as it is now"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Column, FieldType};

    fn table(columns: &[&str]) -> Table {
        let columns = columns.iter();
        let columns = columns.map(|name| Column::new(*name, FieldType::Text));
        Table {
            estimated_rows: Some(7),
            ..Table::new("notes", columns.collect())
        }
    }

    #[test]
    fn what_was_not_judged_stays_hidden() {
        let (judged, none) = (Ok(table(&["id", "body"])), Err("no such table".to_owned()));
        let now = |read| {
            let now = within(&judged, &judged, read)?;
            let names = now.columns.iter().map(|it| it.name.clone());
            Ok::<_, String>((names.collect::<Vec<_>>(), now.estimated_rows))
        };
        let renamed = Table {
            estimated_rows: Some(9),
            ..table(&["id", "text"])
        };
        assert_eq!(now(Ok(renamed)), Ok((vec!["id".to_owned()], Some(7))));
        assert!(now(Ok(table(&["text"]))).is_err());
        assert!(now(none.clone()).is_err());
        assert_eq!(
            now(Ok(table(&["new", "body", "id"]))).unwrap().0,
            ["body", "id"]
        );
        // A table that was not there when it was judged is not there now.
        assert!(within(&none, &none, Ok(table(&["id"]))).is_err());
    }
}
