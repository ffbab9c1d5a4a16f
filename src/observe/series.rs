//! Sums of what was asked, by second for ten minutes and by minute for a day.

use std::collections::VecDeque;
use std::time::Duration;

use super::recent::Attempt;

/// Seconds that are kept one by one.
const SECONDS: i64 = 600;
/// Minutes that are kept one by one.
const MINUTES: i64 = 24 * 60;

/// Steps of an octave in which times are counted: one is at most a fifth away.
const STEPS: usize = 4;
/// Octaves from 16 µs on; what took longer than a minute counts as that.
const OCTAVES: usize = 22;
const SHORTEST: f64 = 16.0;

/// What was asked in a span of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When the span begins, in seconds since 1970.
    pub at: i64,
    /// Requests that were answered or refused, and clients that were not let in.
    pub requests: u64,
    /// How many of them were not answered as they were asked.
    pub errors: u64,
    /// Rows in the answers.
    pub rows: u64,
    /// Bytes of the answers.
    pub bytes: u64,
    /// Half of the answers took at most so many milliseconds.
    pub p50: f64,
    /// All but a hundredth of them did.
    pub p99: f64,
}

/// The points that are kept; a span in which nothing was asked has none.
#[derive(Debug, Default)]
pub(super) struct Series {
    second: Span,
    seconds: VecDeque<Point>,
    minute: Span,
    minutes: VecDeque<Point>,
}

/// A span that runs.
#[derive(Debug)]
struct Span {
    point: Point,
    times: [u32; STEPS * OCTAVES],
    answers: u32,
}

impl Default for Span {
    fn default() -> Self {
        Self::at(0)
    }
}

impl Span {
    fn at(at: i64) -> Self {
        let (requests, errors, rows, bytes) = (0, 0, 0, 0);
        Self {
            point: Point {
                at,
                requests,
                errors,
                rows,
                bytes,
                p50: 0.0,
                p99: 0.0,
            },
            times: [0; STEPS * OCTAVES],
            answers: 0,
        }
    }

    fn count(&mut self, asked: &Attempt) {
        self.point.requests += 1;
        self.point.errors += u64::from(!asked.is_ok());
        self.point.rows += asked.rows;
        self.point.bytes += asked.bytes;
        // Who was not let in was not answered either.
        if asked.action.is_some()
            && let Some(times) = self.times.get_mut(step(asked.took))
        {
            *times += 1;
            self.answers += 1;
        }
    }

    fn point(&self) -> Point {
        Point {
            p50: self.within(0.50),
            p99: self.within(0.99),
            ..self.point
        }
    }

    /// The milliseconds within which a share of the answers came.
    fn within(&self, share: f64) -> f64 {
        let wanted = f64::from(self.answers) * share;
        let mut seen = 0.0;
        for (step, times) in self.times.iter().enumerate() {
            seen += f64::from(*times);
            if *times > 0 && seen >= wanted {
                let exponent = step as f64 / STEPS as f64;
                let millis = SHORTEST * exponent.exp2() / 1e3;
                return (millis * 1e3).round() / 1e3;
            }
        }
        0.0
    }
}

/// The step that a time falls into: the one whose end it does not pass.
fn step(took: Duration) -> usize {
    let micros = took.as_secs_f64() * 1e6;
    let octaves = (micros / SHORTEST).log2() * STEPS as f64;
    // What is shorter is in the first step.
    (octaves.max(0.0).ceil() as usize).min(STEPS * OCTAVES - 1)
}

impl Series {
    /// Counts what was asked, at the time that it says.
    pub(super) fn count(&mut self, asked: &Attempt) {
        let now = asked.at.timestamp();
        turn(&mut self.second, &mut self.seconds, now, (1, SECONDS));
        turn(&mut self.minute, &mut self.minutes, now, (60, MINUTES));
        self.second.count(asked);
        self.minute.count(asked);
    }

    /// The points from a moment on, the running ones too: seconds and minutes.
    pub(super) fn points(&mut self, now: i64, since: i64) -> (Vec<Point>, Vec<Point>) {
        turn(&mut self.second, &mut self.seconds, now, (1, SECONDS));
        turn(&mut self.minute, &mut self.minutes, now, (60, MINUTES));
        let of = |span: &Span, kept: &VecDeque<Point>| {
            let running = (span.point.requests > 0).then(|| span.point());
            let all = kept.iter().copied().chain(running);
            all.filter(|point| point.at >= since).collect()
        };
        (
            of(&self.second, &self.seconds),
            of(&self.minute, &self.minutes),
        )
    }
}

/// Ends a span once another has begun, and forgets what is too old beside that.
fn turn(span: &mut Span, kept: &mut VecDeque<Point>, now: i64, (length, most): (i64, i64)) {
    let at = now - now.rem_euclid(length);
    // A clock that is set back a little counts for the span that runs.
    if at > span.point.at || span.point.at - at > most * length {
        if span.point.requests > 0 {
            kept.push_back(span.point());
        }
        *span = Span::at(at);
    }
    let oldest = span.point.at - most * length;
    kept.retain(|point| point.at > oldest && point.at < span.point.at);
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use chrono::DateTime;

    use super::*;

    fn asked(at: i64, code: &str, micros: u64) -> Attempt {
        Attempt {
            at: DateTime::from_timestamp(at, 0).unwrap(),
            action: Some("list".into()),
            took: Duration::from_micros(micros),
            rows: 2,
            bytes: 100,
            ..Attempt::new(Ipv4Addr::LOCALHOST.into(), "ws", code)
        }
    }

    #[test]
    fn seconds_and_minutes_are_summed_and_bounded() {
        let mut series = Series::default();
        for second in 0..2_000 {
            series.count(&asked(60_000 + second, "ok", 100));
            series.count(&asked(60_000 + second, "timeout", 100));
        }
        let (seconds, minutes) = series.points(61_999, 0);
        assert_eq!(seconds.len() as i64, SECONDS);
        let last = seconds.last().unwrap();
        let sums = (last.at, last.requests, last.errors, last.rows, last.bytes);
        assert_eq!(sums, (61_999, 2, 1, 4, 200));
        assert_eq!(minutes.len(), 34);
        assert_eq!(minutes[0].requests, 120);
        // Nobody asked since: what is old is forgotten all the same.
        assert!(series.points(70_000, 0).0.is_empty());
        assert_eq!(series.points(70_000, 0).1.len(), 34);
        assert_eq!(series.points(70_000, 61_980).1.len(), 1);
        assert!(series.points(60_000 + 2 * 86_400, 0).1.is_empty());
    }

    #[test]
    fn a_share_of_the_answers_came_within_what_is_said() {
        let mut series = Series::default();
        for _ in 0..98 {
            series.count(&asked(60, "ok", 1_000));
        }
        for _ in 0..2 {
            series.count(&asked(60, "ok", 40_000));
        }
        let stranger = Attempt {
            action: None,
            ..asked(60, "invalid", 0)
        };
        series.count(&stranger);
        let (seconds, _) = series.points(60, 0);
        let Point { p50, p99, .. } = seconds[0];
        assert!((1.0..=1.2).contains(&p50), "{p50}");
        assert!((40.0..=48.0).contains(&p99), "{p99}");
        for micros in [0, 1, 15, 16, 17, 1_000_000, u64::MAX / 2] {
            assert!(step(Duration::from_micros(micros)) < STEPS * OCTAVES);
        }
    }
}
