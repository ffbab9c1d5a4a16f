//! Hints for answers without rows: what a field holds instead of what was asked for.
//!
//! They are made of rows that the caller may see, by the same statements as groups. They cost a
//! moment at the most, of small models alone, and only where there was nothing to send.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::Source;
use super::page::room;
use crate::catalog::Model;
use crate::encode::{Rows, looks_like_document};
use crate::plan::{self, Column, ReadPlan, Value};
use crate::sql::{self, Dialect};
use crate::suggest;

/// How long it is looked for what a field holds.
const PATIENCE: Duration = Duration::from_millis(50);
/// How much longer it is waited for a server to say that it ended the statement.
const GRACE: Duration = Duration::from_millis(100);
/// Estimated rows of a model that is worth it: others would not be read in that time.
const MAX_ROWS: u64 = 50_000;
/// Values of a field that is told of.
const MAX_VALUES: u32 = 1_000;
/// Fields of one request that are looked at.
const MAX_FIELDS: usize = 4;
/// The longest value that is told, in characters.
const MAX_LENGTH: usize = 80;

/// What the fields of equality filters hold instead, where one lacks the value that it was compared
/// with: `status has no "Open"; it has open, pending`.
pub(super) async fn instead(source: Source<'_>, plan: &ReadPlan<'_>) -> Option<String> {
    if plan.page.limit == 0 || plan.page.passed() > 0 {
        return None;
    }
    let sought = plan.filter.sought();
    // A server that ends a statement by itself keeps the session, which giving up would cost.
    let (until, grace) = match source.db.dialect() {
        Dialect::Postgres => (Instant::now() + PATIENCE, GRACE),
        _ => (source.until, Duration::ZERO),
    };
    let source = Source {
        until: until.min(source.until),
        ..source
    };
    let told = async {
        let mut told = Vec::new();
        for (column, value) in sought.into_iter().take(MAX_FIELDS) {
            let name = plan::Term::Column(column).name(&plan.joins).into_owned();
            let model = plan.joins.model(column.source);
            told.extend(held(source, model, column, value, &name).await);
        }
        (!told.is_empty()).then(|| told.join(". "))
    };
    tokio::time::timeout(PATIENCE + grace, told)
        .await
        .ok()
        .flatten()
}

/// What one field holds, where it lacks a value.
async fn held(
    source: Source<'_>,
    model: &Model,
    column: Column<'_>,
    value: &Value,
    name: &str,
) -> Option<String> {
    let wanted = match value {
        // Of what looks like a document nothing is told, not even that it is not there.
        Value::Text(text) if looks_like_document(text) => return None,
        Value::Text(text) if text.chars().count() <= MAX_LENGTH => text.clone(),
        Value::Bool(value) => value.to_string(),
        _ => return None,
    };
    let limit = source.terms.policy.settings.limits.scan_limit;
    let most = limit.map_or(MAX_ROWS, |limit| limit.min(MAX_ROWS));
    if model.table_rows().is_none_or(|rows| rows > most) {
        return None;
    }
    let plan = plan::held(model, column.field, value.clone(), MAX_VALUES);
    let (db, shapes) = (source.db, &source.exposed.shapes);
    let statements = sql::rows(&plan, db.dialect(), source.max_bytes(), shapes);
    let statement = statements.first()?;
    let layout = Arc::clone(&statement.layout);
    let most = MAX_VALUES as usize;
    let rows = Rows::new(b"[".to_vec(), layout, source.style(), most, room(source)).bare();
    let page = db.fetch(statement, rows, source.until).await.ok()?.finish();
    if page.more || page.unread.is_some() {
        return None;
    }
    let mut text = page.out;
    text.push(b']');
    let values: Vec<(Json, u64)> = serde_json::from_slice(&text).ok()?;
    // Other conditions leave nothing of it.
    if values.iter().any(|(_, rows)| *rows > 0) {
        return None;
    }
    let plain = values.into_iter().filter_map(|(value, _)| match value {
        Json::String(text) => Some(text),
        Json::Bool(value) => Some(value.to_string()),
        _ => None,
    });
    let short = plain.filter(|text| text.chars().count() <= MAX_LENGTH);
    let near = suggest::by_distance(&wanted, short.collect());
    let asked = match value {
        Value::Bool(_) => wanted,
        _ => format!("{wanted:?}"),
    };
    (!near.is_empty()).then(|| format!("{name} has no {asked}; it has {}", near.join(", ")))
}
