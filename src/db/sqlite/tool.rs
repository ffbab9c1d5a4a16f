//! Statements of tools: described, and run under the session's guard.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rusqlite::Connection;

use super::guard::Mode;
use super::{MOMENT, MOMENT_BYTES, Sqlite, catalog, is_put_off, read};
use crate::catalog::{FieldType, TableName};
use crate::db::pool::Purpose;
use crate::db::tool::{Call, Described, Reads, ResultColumn};
use crate::db::{Failure, FailureKind};
use crate::encode::Rows;
use crate::sql::Statement;

impl Sqlite {
    pub(in crate::db) async fn describe(
        &self,
        statement: &Statement,
    ) -> Result<Described, Failure> {
        let deadline = Instant::now() + self.query_timeout;
        let lease = self.lease(Purpose::Any, deadline).await?;
        let reads = Arc::new(Mutex::new(Reads::default()));
        let mode = Mode::Noted(Arc::clone(&reads));
        let text = Arc::clone(&statement.text);
        let work = move |connection: &Connection, columns: &mut Vec<ResultColumn>| {
            *columns = described(connection, &text)?;
            Ok(())
        };
        let columns = self
            .on_thread(lease, deadline, 0, mode, Vec::new(), work)
            .await?;
        let reads = std::mem::take(&mut *reads.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Described {
            columns,
            reads,
            scan: None,
        })
    }

    pub(in crate::db) async fn call(&self, call: &Call, mut rows: Rows) -> Result<Rows, Failure> {
        let deadline = call.until;
        let mut lease = self.lease(Purpose::Any, deadline).await?;
        let mode = Mode::Held(Arc::clone(&call.reads));
        if let Some(reader) = lease.held().filter(|_| call.statement.is_brief) {
            reader.guard.set(mode.clone());
            let result = reader.at_once(MOMENT, |connection| {
                read(connection, &call.statement, &mut rows, MOMENT_BYTES)
            });
            reader.guard.set(Mode::Free);
            let valid = !reader.identity.is_at_rest() || self.identity()? == reader.identity;
            match result {
                Err(failure) if is_put_off(&failure) => {}
                result if valid => {
                    lease.keep();
                    return result.map(|()| rows);
                }
                _ => {}
            }
        }
        lease.set_aside(call.statement.row_bytes).await?;
        let (statement, answer_bytes) = (call.statement.clone(), rows.max_bytes());
        let work = move |connection: &Connection, rows: &mut Rows| {
            rows.restart();
            read(connection, &statement, rows, usize::MAX)
        };
        self.on_thread(lease, deadline, answer_bytes, mode, rows, work)
            .await
    }
}

fn described(connection: &Connection, text: &str) -> Result<Vec<ResultColumn>, Failure> {
    let prepared = connection.prepare(text).map_err(Failure::from_sqlite)?;
    if !prepared.readonly() {
        return Err(Failure::new(FailureKind::Internal));
    }
    let declared = prepared.columns();
    let columns = prepared.columns_with_metadata().into_iter().zip(declared);
    let columns = columns.map(|(column, declared)| {
        let kind = declared.decl_type().unwrap_or_default();
        let origin = column.table_name().zip(column.origin_name());
        ResultColumn {
            name: column.name().to_owned(),
            class: match declared.decl_type() {
                Some(kind) => catalog::field_type(kind),
                None => FieldType::Any,
            },
            kind: kind.to_ascii_lowercase(),
            origin: origin.map(|(table, column)| (TableName::from(table), column.to_owned())),
        }
    });
    Ok(columns.collect())
}
