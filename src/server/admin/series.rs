//! Sums of what was asked, by second and by minute.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::One;
use super::desk::Desk;
use super::input::number;
use super::refusal::Refusal;
use super::route::Asked;
use crate::observe::Point;

/// What was asked lately, by spans of time; a span in which nothing was asked is left out.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Series")]
pub(super) struct SeriesView {
    /// Seconds of the last ten minutes.
    seconds: Vec<PointView>,
    /// Minutes of the last day.
    minutes: Vec<PointView>,
}

/// What was asked in a second or a minute.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Point")]
pub(super) struct PointView {
    /// When it begins, in seconds since 1970.
    at: i64,
    /// Requests that were answered or refused, and clients that were not let in.
    requests: u64,
    /// How many of them were not answered as they were asked.
    errors: u64,
    /// Rows in the answers.
    rows: u64,
    /// Bytes of the answers.
    bytes: u64,
    /// Milliseconds within which half of the answers came.
    p50: f64,
    /// Milliseconds within which all but a hundredth came.
    p99: f64,
}

impl PointView {
    pub(super) fn all(points: Vec<Point>) -> Vec<Self> {
        let points = points.into_iter().map(|point| Self {
            at: point.at,
            requests: point.requests,
            errors: point.errors,
            rows: point.rows,
            bytes: point.bytes,
            p50: point.p50,
            p99: point.p99,
        });
        points.collect()
    }
}

/// Which sums are wanted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Since {
    /// Those that begin at this second since 1970, or later.
    #[serde(deserialize_with = "number")]
    since: Option<u64>,
}

pub(super) async fn show(desk: Desk, asked: Asked<Since>) -> Result<One<SeriesView>, Refusal> {
    let since = asked
        .query
        .since
        .and_then(|since| i64::try_from(since).ok());
    let (seconds, minutes) = desk.metrics().recent().points(since.unwrap_or_default());
    Ok(One::from(SeriesView {
        seconds: PointView::all(seconds),
        minutes: PointView::all(minutes),
    }))
}
