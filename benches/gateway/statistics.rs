//! Times and medians.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;

use crate::Outcome;

/// Times in microseconds, to three digits.
pub(crate) type Times = Histogram<u64>;

/// An empty one.
pub(crate) fn times() -> Outcome<Times> {
    Ok(Histogram::new_with_bounds(1, 60_000_000, 3)?)
}

/// The middle one, or the mean of the two in the middle; nothing of nothing.
pub(crate) fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(figures[middle]),
        _ => Some((figures[middle - 1] + figures[middle]) / 2.0),
    }
}

/// Times that several connections share.
pub(crate) fn lock(times: &Mutex<Times>) -> MutexGuard<'_, Times> {
    times.lock().unwrap_or_else(PoisonError::into_inner)
}
