//! Statements of tools: described, and run in a transaction that is rolled back.
//!
//! Which tables a statement reads is told by the text that the server makes of it, in which each
//! table stands with its database.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value as Json;
use sqlx::mysql::{MySql as Driver, MySqlColumn};
use sqlx::{
    Column as _, Executor as _, MySqlConnection, Row as _, SqlSafeStr as _, Statement as _,
    TypeInfo as _,
};

use super::note::Note;
use super::session::{self, Flavour};
use super::work::{self, Work};
use super::{Code, MySql};
use crate::catalog::FieldType;
use crate::db::pool::Purpose;
use crate::db::tool::{Call, Described, Reads, ResultColumn};
use crate::db::{Failure, asserted, bound};
use crate::encode::Rows;
use crate::sql::Statement;

impl MySql {
    pub(in crate::db) async fn describe(
        &self,
        statement: &Statement,
    ) -> Result<Described, Failure> {
        let until = Instant::now() + self.query_timeout;
        self.read(Code::Alone, until, Describe(statement)).await
    }

    pub(in crate::db) async fn call(&self, call: &Call, mut rows: Rows) -> Result<Rows, Failure> {
        let fetch = work::Fetch {
            statement: &call.statement,
            rows: &mut rows,
        };
        let code = match Code::of(&call.statement) {
            Code::None => Code::Alone,
            code => code,
        };
        self.read_for(Purpose::Any, code, call.until, fetch).await?;
        Ok(rows)
    }
}

struct Describe<'a>(&'a Statement);

impl Work for Describe<'_> {
    type Output = Described;

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
        let row = bound::<Driver>(format!("EXPLAIN FORMAT=JSON {text}"), values.clone())
            .persistent(false)
            .fetch_one(&mut *connection)
            .await
            .map_err(Failure::from_driver)?;
        let plan: String = row.try_get(0).map_err(Failure::from_driver)?;
        let extended = match flavour {
            Flavour::MariaDb => "EXPLAIN EXTENDED",
            Flavour::MySql => "EXPLAIN",
        };
        bound::<Driver>(format!("{extended} {text}"), values.clone())
            .persistent(false)
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
        let plan: Json = serde_json::from_str(&plan).unwrap_or_default();
        Ok(Described {
            columns,
            reads,
            scan: scanned(&plan),
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

/// The most rows that a step of a plan reads without an index.
fn scanned(plan: &Json) -> Option<u64> {
    match plan {
        Json::Array(parts) => parts.iter().filter_map(scanned).max(),
        Json::Object(members) => {
            let own = || {
                let whole = members.get("access_type")?.as_str()? == "ALL";
                let rows = members.get("rows");
                let rows = rows.or_else(|| members.get("rows_examined_per_scan"))?;
                whole.then(|| rows.as_u64()).flatten()
            };
            let below = members.values().filter_map(scanned).max();
            own().max(below)
        }
        _ => None,
    }
}

/// Ends the transaction of a statement that was alone in it.
pub(super) async fn roll_back(connection: &mut MySqlConnection) -> Result<(), Failure> {
    session::tell(connection, "ROLLBACK").await
}
