//! The rows of a plan: fetched, counted, and where to go on.

use std::sync::Arc;

use tracing::debug;

use super::Source;
use crate::catalog::{Model, TableName};
use crate::db::{Checked, Failure, FailureKind};
use crate::encode::{Page, Rows};
use crate::error::{Error, ErrorKind, Remark};
use crate::plan::{self, Condition, Format, Joins, Output, ReadPlan, Seek, Total, Value};
use crate::protocol::Action;
use crate::sql::{self, Statement};

/// What is left of an answer for its end: counts, cursor and closing brackets.
pub(crate) const TAIL_BYTES: usize = 512;

/// What rows may fill of an answer.
pub(crate) fn room(source: Source<'_>) -> usize {
    source.max_bytes().saturating_sub(TAIL_BYTES)
}

/// Writes the rows of a page after what `out` holds, from `"data":[` on.
pub(crate) async fn fetch(
    source: Source<'_>,
    plan: &ReadPlan<'_>,
    mut out: Vec<u8>,
) -> Result<Page, Fail> {
    let (db, shapes) = (source.db, &source.exposed.shapes);
    let statements = sql::rows(plan, db.dialect(), source.max_bytes(), shapes);
    let layout = statements.first().map(|first| Arc::clone(&first.layout));
    let limit = plan.page.limit as usize;
    let layout = layout.unwrap_or_default();
    if plan.format == Format::Columns {
        out.extend_from_slice(b"\"columns\":");
        layout.names(&mut out);
        out.push(b',');
    }
    out.extend_from_slice(b"\"data\":[");
    let mut rows = Rows::new(out, layout, source.style(), limit, room(source));
    if plan.format == Format::Columns {
        rows = rows.bare();
    }
    if let Some(seek) = &plan.page.seek {
        rows = rows.after(seek);
    }
    for statement in &statements {
        if rows.begin() {
            let fetched = db.fetch(statement, rows, source.until).await;
            rows = fetched.map_err(|failure| failed_of(source, plan, &failure))?;
        }
    }
    let page = rows.finish();
    if let Some(field) = &page.unread {
        source.exposed.warn_of_unread(plan.model, field);
    }
    Ok(page)
}

/// Where to go on, where there is more; groups that are sorted by what is told of them have no place
/// to go on from.
pub(crate) fn next_cursor(source: Source<'_>, plan: &ReadPlan<'_>, page: &Page) -> Option<String> {
    let is_placed = matches!(plan.output, Output::Rows { .. }) || plan.has_place();
    if !page.more || !is_placed {
        return None;
    }
    let seek = Seek {
        keys: page.keys.clone(),
        ties: page.ties,
        passed: plan.page.passed() + page.count as u64,
    };
    let room = room(source).saturating_sub(page.out.len());
    source
        .terms
        .policy
        .settings
        .cursors
        .seal(seek, &plan.binding(), room)
}

/// Makes sure that the database knows the zone whose clock a plan needs; what it knows it knows for
/// good.
pub(crate) async fn check_zone(source: Source<'_>, plan: &ReadPlan<'_>) -> Result<(), Fail> {
    let Some(zone) = plan.zone else {
        return Ok(());
    };
    if source.exposed.knows_zone(zone) {
        return Ok(());
    }
    let Some(statement) = sql::knows_zone(zone, source.db.dialect()) else {
        let hint = "this database knows no time zones: without zone, parts of dates are in UTC";
        return Err(plan::zone::unknown().with_hint(hint).into());
    };
    if Box::pin(count_by(source, plan, &statement)).await? == 0 {
        let hint = "without zone, parts of dates are in UTC";
        return Err(plan::zone::unknown().with_hint(hint).into());
    }
    source.exposed.note_zone(zone);
    Ok(())
}

/// The number of all rows, where it is asked for.
pub(crate) async fn total(
    source: Source<'_>,
    plan: &ReadPlan<'_>,
    page: &Page,
) -> Result<Option<u64>, Fail> {
    let db = source.db;
    let exact = match plan.total {
        Total::None => return Ok(None),
        Total::Exact => true,
        // A planner's estimate would tell of rows that may not be seen, and of what is hidden.
        Total::Estimate => {
            let mut models = plan.joins.models();
            models.any(Model::is_partial) || plan.filter.weighs_documents()
        }
    };
    // A last page that began at a known place tells it by itself.
    let seen = plan.page.passed() + page.count as u64;
    if !page.more && plan.page.seek.is_none() && (page.count > 0 || plan.page.offset == 0) {
        return Ok(Some(seen));
    }
    if !exact {
        let known = plan.model.estimated_rows();
        let estimated = match known.filter(|_| plan.filter.is_everything()) {
            Some(rows) => Some(rows),
            None => match sql::estimated(plan, db.dialect()) {
                Some(explain) => Box::pin(db.estimate(&explain, source.until))
                    .await
                    .map_err(|failure| failed_of(source, plan, &failure))?,
                None => None,
            },
        };
        if let Some(rows) = estimated {
            // An estimate never says less than was just seen.
            let known = match page.count {
                0 => u64::from(page.more),
                _ => seen + u64::from(page.more),
            };
            return Ok(Some(rows.max(known)));
        }
    }
    Box::pin(count(source, plan)).await.map(Some)
}

/// Counts all rows, or groups, of a plan.
async fn count(source: Source<'_>, plan: &ReadPlan<'_>) -> Result<u64, Fail> {
    count_by(source, plan, &sql::count(plan, source.db.dialect())).await
}

/// The number that a statement finds.
async fn count_by(
    source: Source<'_>,
    plan: &ReadPlan<'_>,
    statement: &Statement,
) -> Result<u64, Fail> {
    let layout = Arc::clone(&statement.layout);
    let rows = Rows::new(Vec::new(), layout, source.style(), 1, room(source));
    let fetched = source.db.fetch(statement, rows, source.until).await;
    let rows = fetched.map_err(|failure| failed_of(source, plan, &failure))?;
    match rows.finish().keys.first() {
        Some(Some(Value::Int(count))) => Ok(u64::try_from(*count).unwrap_or_default()),
        _ => Err(ErrorKind::Internal.into()),
    }
}

/// Makes sure that what was answered was meant: that the tables are those which the plan was made
/// for, where another would have answered as well.
pub(crate) async fn confirm(
    source: Source<'_>,
    joins: &Joins<'_>,
    edition: Option<i64>,
    checked: Checked,
) -> Result<(), Fail> {
    confirm_all(
        source,
        joins.models().flat_map(Model::definitions).collect(),
        edition,
        checked,
    )
    .await
}

/// The same of these tables, each with its definition.
pub(crate) async fn confirm_all(
    source: Source<'_>,
    definitions: Vec<(&TableName, u64)>,
    edition: Option<i64>,
    checked: Checked,
) -> Result<(), Fail> {
    for (table, definition) in definitions {
        let db = source.db;
        if db.is_known_as(table, definition, edition, checked) {
            continue;
        }
        // Rare, and large: it takes no room of the request's own.
        let same = Box::pin(db.is_defined_as(table, definition)).await;
        let same = same.map_err(|failure| unconfirmed(source, &failure))?;
        if !same {
            return Err(Fail {
                // Should it be so again when the catalog was read anew, it changes all the time.
                error: ErrorKind::Unavailable.into(),
                cause: Some("changed".to_owned()),
                changed: true,
            });
        }
    }
    Ok(())
}

fn unconfirmed(source: Source<'_>, failure: &Failure) -> Fail {
    let seconds = source.terms.policy.settings.query_timeout.as_secs();
    Fail {
        error: meaning(failure.kind(), seconds).into(),
        cause: Some(failure.told()),
        changed: *failure.kind() == FailureKind::Changed,
    }
}

/// What a failure that is about no value means to a client.
fn meaning(kind: &FailureKind, seconds: u64) -> ErrorKind {
    match kind {
        FailureKind::Unavailable => ErrorKind::Unavailable,
        FailureKind::Overloaded => ErrorKind::Overloaded,
        FailureKind::Timeout => ErrorKind::Timeout(seconds),
        _ => ErrorKind::Internal,
    }
}

/// A request that came to nothing: what its client is told, and what only the log is.
pub(crate) struct Fail {
    pub(crate) error: Error,
    /// What the log says of it.
    pub(crate) cause: Option<String>,
    /// Whether the database is not as its catalog was read.
    pub(crate) changed: bool,
}

impl<E: Into<Error>> From<E> for Fail {
    fn from(error: E) -> Self {
        let error = error.into();
        Self {
            error,
            cause: None,
            changed: false,
        }
    }
}

/// What a client is told of a failure of a plan's statement: a number beyond a double may be of an
/// expression of its own.
pub(crate) fn failed_of(source: Source<'_>, plan: &ReadPlan<'_>, failure: &Failure) -> Fail {
    if *failure.kind() != FailureKind::Overflow || !plan.computes_floats() {
        return failed(source, &plan.joins, &plan.filter, failure);
    }
    let what = "a result is beyond what a float holds";
    let hint = "leave out by filters the rows that are too large or too small for it";
    let kind = ErrorKind::InvalidExpression(Remark { name: None, what });
    Error::from(kind).with_hint(hint).into()
}

/// What a client is told of a failure; what the driver says of it goes to the log.
pub(crate) fn failed<'c>(
    source: Source<'_>,
    joins: &Joins<'c>,
    filter: &Condition<'c>,
    failure: &Failure,
) -> Fail {
    let kind = match failure.kind() {
        FailureKind::Unavailable => ErrorKind::Unavailable,
        FailureKind::Overloaded => ErrorKind::Overloaded,
        FailureKind::Timeout => {
            ErrorKind::Timeout(source.terms.policy.settings.query_timeout.as_secs())
        }
        FailureKind::Unwritable => match filter.foreign_texts() {
            fields if fields.is_empty() => ErrorKind::Internal,
            terms => {
                let mut fields: Vec<_> = terms.iter().map(|term| term.name(joins)).collect();
                fields.dedup();
                ErrorKind::InvalidValue {
                    field: fields.join(", ").as_str().into(),
                    expected: "letters that the database's encoding has".into(),
                }
            }
        },
        FailureKind::TooLarge(fields) => {
            let named: Vec<String> = fields
                .iter()
                .map(|(name, bytes)| format!("{name} ({bytes} bytes)"))
                .collect();
            let needed = fields.iter().map(|(_, bytes)| *bytes).sum();
            let error = Error::from(ErrorKind::ResponseTooLarge(source.max_bytes(), needed));
            let hint = "a value that the request compares, sorts or groups by is too large for \
                        that; use other fields in filters, sort and group_by";
            let told = match named.is_empty() {
                true => error.with_hint(hint),
                false => error.with_hint_by(|speech| {
                    let (named, query) = (named.join(", "), Action::Query.called(speech));
                    format!("large fields: {named}; leave them out with {query} and fields")
                }),
            };
            return told.into();
        }
        // Where it fails after that reading too, what it shows comes and goes.
        FailureKind::Changed if failure.is_of_broken_view() => ErrorKind::Unavailable,
        FailureKind::Changed | FailureKind::Overflow | FailureKind::Internal => ErrorKind::Internal,
    };
    if let Some(detail) = failure.detail() {
        debug!(model = joins.model(plan::Source::BASE).name(), %detail, "the database says");
    }
    Fail {
        error: kind.into(),
        cause: Some(failure.told()),
        changed: *failure.kind() == FailureKind::Changed,
    }
}
