//! Statements of tools: described, and run.
//!
//! Which tables a statement reads is told by the text that the server makes of it, in which each
//! table stands with its database.
//!
//! In a session that only reads each statement is a read-only transaction of its own, which ends with
//! it; one that may run code of others has another around it, as every read of such.

use std::sync::Arc;

use sqlx::mysql::{MySql as Driver, MySqlColumn, MySqlRow};
use sqlx::{
    Column as _, Executor as _, MySqlConnection, Row as _, SqlSafeStr as _, Statement as _,
    TypeInfo as _,
};

use super::note::Note;
use super::session::Flavour;
use super::work::{self, Work};
use super::{Code, MySql};
use crate::catalog::FieldType;
use crate::db::pool::Purpose;
use crate::db::tool::{Call, Described, Reads, ResultColumn};
use crate::db::{Failure, asserted, bound};
use crate::encode::{Datum, Row as _, Rows};
use crate::sql::Statement;

impl MySql {
    pub(in crate::db) async fn describe(
        &self,
        statement: &Statement,
    ) -> Result<Described, Failure> {
        let code = Code::of(statement);
        self.read(code, self.latest(), Describe(statement)).await
    }

    pub(in crate::db) async fn call(&self, call: &Call, mut rows: Rows) -> Result<Rows, Failure> {
        let fetch = work::Fetch {
            statement: &call.statement,
            rows: &mut rows,
        };
        let code = Code::of(&call.statement);
        self.read_for(Purpose::Any, code, call.until, fetch).await?;
        Ok(rows)
    }
}

struct Describe<'a>(&'a Statement);

impl Work for Describe<'_> {
    type Output = Described;

    /// To close them would cost a wait for each.
    fn leaves(&self) -> usize {
        2
    }

    async fn run(
        &mut self,
        connection: &mut MySqlConnection,
        flavour: Flavour,
    ) -> Result<Described, Failure> {
        let Statement { text, values, .. } = self.0;
        let prepared = (&mut *connection)
            .prepare(asserted(Arc::clone(text)).into_sql_str())
            .await
            .map_err(Failure::from_driver)?;
        let mut columns: Vec<ResultColumn> = prepared.columns().iter().map(column).collect();
        let extended = match flavour {
            Flavour::MariaDb => "EXPLAIN EXTENDED",
            Flavour::MySql => "EXPLAIN",
        };
        let steps = bound::<Driver>(format!("{extended} {text}"), values.clone())
            .fetch_all(&mut *connection)
            .await
            .map_err(Failure::from_driver)?;
        let notes = (&mut *connection)
            .fetch_all("SHOW WARNINGS")
            .await
            .map_err(Failure::from_driver)?;
        let mut reads = Reads::default();
        for note in notes {
            let (code, text): (u64, String) = (
                note.try_get_unchecked(1).map_err(Failure::from_driver)?,
                note.try_get_unchecked(2).map_err(Failure::from_driver)?,
            );
            if code == NOTE {
                let note = Note::read(&text);
                for (column, origin) in columns.iter_mut().zip(note.origins()) {
                    column.origin = origin;
                }
                let tables = note.tables().into_iter();
                let tables =
                    tables.map(|(schema, name)| (format!("{schema}.{name}"), String::new()));
                reads.columns.extend(tables);
            }
        }
        Ok(Described {
            columns,
            reads,
            scan: steps.iter().filter_map(scanned).max(),
        })
    }
}

/// The code of the note that holds what the server made of a statement.
const NOTE: u64 = 1003;

fn column(column: &MySqlColumn) -> ResultColumn {
    let kind = column.type_info().name().to_ascii_lowercase();
    ResultColumn {
        name: column.name().to_owned(),
        class: class(&kind),
        kind,
        origin: None,
    }
}

fn class(kind: &str) -> FieldType {
    let (bare, unsigned) = match kind.strip_suffix(" unsigned") {
        Some(bare) => (bare, true),
        None => (kind, false),
    };
    match bare {
        "boolean" => FieldType::Boolean,
        "bigint" => FieldType::Integer {
            unsigned,
            wide: true,
        },
        "tinyint" | "smallint" | "mediumint" | "int" | "year" | "bit" => FieldType::Integer {
            unsigned: false,
            wide: unsigned || bare == "bit",
        },
        "decimal" => FieldType::Decimal { scale: None },
        "float" => FieldType::Float32,
        "double" => FieldType::Float,
        "date" => FieldType::Date,
        "time" => FieldType::Time,
        "datetime" => FieldType::DateTime,
        "timestamp" => FieldType::Timestamp,
        "json" => FieldType::Json,
        "char" | "varchar" | "text" | "tinytext" | "mediumtext" | "longtext" | "enum" | "set" => {
            FieldType::Text
        }
        "null" => FieldType::Other,
        _ => FieldType::Bytes,
    }
}

/// The rows that a step reads without an index.
fn scanned(step: &MySqlRow) -> Option<u64> {
    let at = |name: &str| step.columns().iter().position(|it| it.name() == name);
    let (Datum::Text(kind), rows) = (step.datum(at("type")?).ok()?, step.datum(at("rows")?).ok()?)
    else {
        return None;
    };
    match rows {
        _ if kind != "ALL" => None,
        Datum::Int(rows) => u64::try_from(rows).ok(),
        Datum::Uint(rows) => Some(rows),
        Datum::Text(rows) => rows.parse().ok(),
        _ => None,
    }
}
