//! Statements of tools: described, and run in a transaction of their own.
//!
//! Which relations a statement reads is told by the locks that its analysis takes, those of views
//! and of branches that the planner would leave out included.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value as Json;
use sqlx::postgres::{PgColumn, PgTypeInfo, PgTypeKind, Postgres as Driver};
use sqlx::{
    Column as _, Connection as _, Either, Executor as _, PgConnection, Row as _, SqlSafeStr as _,
    Statement as _, TypeInfo as _,
};

use super::work::{self, Work};
use super::{Bounds, Postgres};
use crate::catalog::{FieldType, TableName};
use crate::db::tool::{Call, Described, Reads, ResultColumn};
use crate::db::{Failure, asserted, bound};
use crate::encode::Rows;
use crate::sql::Statement;

/// The relations that this transaction has locked, but for those that this asks itself; indexes are
/// those of their tables.
const LOCKED: &str = "SELECT n.nspname, c.relname FROM pg_locks l \
    JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND c.relkind NOT IN ('i', 'I') \
    AND NOT (n.nspname = 'pg_catalog' AND c.relname IN ('pg_locks', 'pg_class', 'pg_namespace'))";
/// The names of columns, by the numbers of their tables and of their own.
const NAMED: &str = "SELECT n.nspname, c.relname, a.attname FROM \
    unnest($1::oid[], $2::int2[]) WITH ORDINALITY AS wanted (relation, number, place) \
    LEFT JOIN pg_class c ON c.oid = wanted.relation \
    LEFT JOIN pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN pg_attribute a ON a.attrelid = wanted.relation AND a.attnum = wanted.number \
    ORDER BY wanted.place";

impl Postgres {
    pub(in crate::db) async fn describe(
        &self,
        statement: &Statement,
    ) -> Result<Described, Failure> {
        self.described(statement, true).await
    }

    /// The same, but for the columns of the result.
    pub(in crate::db) async fn explain(&self, statement: &Statement) -> Result<Described, Failure> {
        self.described(statement, false).await
    }

    async fn described(
        &self,
        statement: &Statement,
        has_columns: bool,
    ) -> Result<Described, Failure> {
        let until = Instant::now() + self.server.query_timeout;
        let describe = Describe {
            statement,
            has_columns,
            pooled: self.server.sessions.pooled(),
        };
        self.read(self.of_tool(statement, until), describe).await
    }

    pub(in crate::db) async fn parameters(
        &self,
        statement: &Statement,
    ) -> Result<Vec<FieldType>, Failure> {
        let until = Instant::now() + self.server.query_timeout;
        let asks = Parameters {
            statement,
            pooled: self.server.sessions.pooled(),
        };
        self.read(self.of_tool(statement, until), asks).await
    }

    /// A statement of a tool: always in a transaction of its own.
    fn of_tool(&self, statement: &Statement, until: Instant) -> Bounds<'_> {
        Bounds {
            looks: statement.runs_code || self.whom.is_some(),
            ..self.of_statement(true, until)
        }
    }

    pub(in crate::db) async fn call(&self, call: &Call, mut rows: Rows) -> Result<Rows, Failure> {
        let fetch = work::Fetch {
            statement: &call.statement,
            rows: &mut rows,
            persistent: !self.server.sessions.pooled(),
        };
        let bounds = self.of_tool(&call.statement, call.until);
        self.read(bounds, fetch).await?;
        Ok(rows)
    }
}

struct Describe<'a> {
    statement: &'a Statement,
    /// Whether it is asked what comes of it.
    has_columns: bool,
    pooled: bool,
}

impl Work for Describe<'_> {
    type Output = Described;

    async fn run(&mut self, connection: &mut PgConnection) -> Result<Described, Failure> {
        let Statement { text, values, .. } = self.statement;
        // Told as it is planned with nothing bound, which needs no more rights than to run it.
        let explain = format!("EXPLAIN (VERBOSE, FORMAT JSON) {text}");
        let row = bound::<Driver>(explain, values.clone())
            .persistent(false)
            .fetch_one(&mut *connection)
            .await
            .map_err(Failure::from_driver)?;
        let plan: String = row.try_get_unchecked(0).map_err(Failure::from_driver)?;
        // Before the driver looks for types that it does not know, which takes locks of its own.
        let locked = locked(connection).await?;
        let mut told = Vec::new();
        if self.has_columns {
            let prepared = (&mut *connection)
                .prepare(asserted(Arc::clone(text)).into_sql_str())
                .await
                .map_err(Failure::from_driver)?;
            told = columns(connection, prepared.columns()).await?;
            forget(connection, self.pooled).await?;
        }
        let read = locked
            .into_iter()
            .map(|(schema, name)| (format!("{schema}.{name}"), String::new()));
        let plan: Json = serde_json::from_str(&plan).unwrap_or_default();
        Ok(Described {
            columns: told,
            reads: Reads {
                columns: read.collect(),
                ..Reads::default()
            },
            scan: scanned(&plan),
        })
    }
}

struct Parameters<'a> {
    statement: &'a Statement,
    pooled: bool,
}

impl Work for Parameters<'_> {
    type Output = Vec<FieldType>;

    async fn run(&mut self, connection: &mut PgConnection) -> Result<Self::Output, Failure> {
        let text = Arc::clone(&self.statement.text);
        let prepared = (&mut *connection)
            .prepare(asserted(text).into_sql_str())
            .await
            .map_err(Failure::from_driver)?;
        let types = prepared.parameters().and_then(Either::left);
        let types = types.unwrap_or_default().iter();
        let types = types.map(|kind| match kind.kind() {
            PgTypeKind::Array(member) => class(member),
            _ => class(kind),
        });
        let types = types.collect();
        forget(connection, self.pooled).await?;
        Ok(types)
    }
}

/// Forgets what was prepared with types that the server chose: it stays for nobody.
async fn forget(connection: &mut PgConnection, pooled: bool) -> Result<(), Failure> {
    let forgotten = match pooled {
        true => connection.execute("DEALLOCATE ALL").await.map(drop),
        false => connection.clear_cached_statements().await,
    };
    forgotten.map_err(Failure::from_driver)
}

async fn locked(connection: &mut PgConnection) -> Result<BTreeSet<(String, String)>, Failure> {
    // One message there and back, for it binds nothing.
    let rows = connection.fetch_all(LOCKED).await;
    let rows = rows.map_err(Failure::from_driver)?;
    let names = rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    names
        .collect::<Result<_, sqlx::Error>>()
        .map_err(Failure::from_driver)
}

async fn columns(
    connection: &mut PgConnection,
    columns: &[PgColumn],
) -> Result<Vec<ResultColumn>, Failure> {
    let oids: Vec<_> = columns.iter().map(|it| it.relation_id()).collect();
    let numbers: Vec<Option<i16>> = columns
        .iter()
        .map(|it| it.relation_attribute_no())
        .collect();
    let is_any = oids.iter().any(Option::is_some);
    let mut named: Vec<(Option<String>, Option<String>, Option<String>)> = Vec::new();
    if is_any {
        named = sqlx::query_as(NAMED)
            .bind(oids)
            .bind(numbers)
            .persistent(false)
            .fetch_all(connection)
            .await
            .map_err(Failure::from_driver)?;
    }
    named.resize(columns.len(), (None, None, None));
    let columns = columns.iter().zip(named);
    let columns = columns.map(|(column, (schema, table, name))| ResultColumn {
        name: column.name().to_owned(),
        class: class(column.type_info()),
        kind: column.type_info().name().to_ascii_lowercase(),
        origin: table.zip(name).map(|(table, name)| {
            let table = TableName {
                schema,
                name: table,
            };
            (table, name)
        }),
    });
    Ok(columns.collect())
}

fn class(kind: &PgTypeInfo) -> FieldType {
    let whole = |wide| FieldType::Integer {
        unsigned: false,
        wide,
    };
    match kind.oid().map(|oid| oid.0) {
        Some(16) => FieldType::Boolean,
        Some(20) => whole(true),
        Some(21 | 23) => whole(false),
        Some(1700) => FieldType::Decimal { scale: None },
        Some(700) => FieldType::Float32,
        Some(701) => FieldType::Float,
        Some(18 | 19 | 25 | 1042 | 1043) => FieldType::Text,
        Some(17) => FieldType::Bytes,
        Some(2950) => FieldType::Uuid,
        Some(1082) => FieldType::Date,
        Some(1083) => FieldType::Time,
        Some(1114) => FieldType::DateTime,
        Some(1184) => FieldType::Timestamp,
        Some(114 | 3802) => FieldType::Json,
        Some(650 | 869) => FieldType::Address,
        _ => match kind.kind() {
            PgTypeKind::Enum(_) => FieldType::Enum,
            PgTypeKind::Array(_) => FieldType::Array,
            _ => FieldType::Other,
        },
    }
}

/// The most rows that a step of a plan reads in turn.
fn scanned(plan: &Json) -> Option<u64> {
    match plan {
        Json::Array(parts) => parts.iter().filter_map(scanned).max(),
        Json::Object(members) => {
            let own = || {
                let node = members.get("Node Type")?.as_str()?;
                let rows = members.get("Plan Rows")?.as_f64()?;
                (node == "Seq Scan").then_some(rows as u64)
            };
            let below = members.values().filter_map(scanned).max();
            own().max(below)
        }
        _ => None,
    }
}
