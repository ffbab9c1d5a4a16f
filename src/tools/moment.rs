//! Moments that a default names by the clock: `now`, `today`, `now-7d`.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

/// A moment by its distance from now, or a day by its distance from today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relative {
    day: bool,
    back: TimeDelta,
}

/// As a file writes it.
impl fmt::Display for Relative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.day { "today" } else { "now" })?;
        let seconds = self.back.num_seconds();
        let (count, unit) = match seconds {
            0 => return Ok(()),
            whole if whole % 86_400 == 0 => (whole / 86_400, 'd'),
            whole if whole % 3_600 == 0 => (whole / 3_600, 'h'),
            whole if whole % 60 == 0 => (whole / 60, 'm'),
            whole => (whole, 's'),
        };
        let sign = if count > 0 { '-' } else { '+' };
        write!(f, "{sign}{}{unit}", count.abs())
    }
}

impl Relative {
    /// Reads `now`, `today`, `now-7d`, `today+1d` with d, h, m or s; `None` for other texts.
    pub fn parse(text: &str) -> Option<Self> {
        let (day, rest) = match (text.strip_prefix("now"), text.strip_prefix("today")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return None,
        };
        if rest.is_empty() {
            return Some(Self {
                day,
                back: TimeDelta::zero(),
            });
        }
        let sign = match rest.as_bytes()[0] {
            b'-' => 1,
            b'+' => -1,
            _ => return None,
        };
        let unit = rest.chars().last()?;
        let digits = rest.get(1..rest.len() - unit.len_utf8())?;
        let plain = (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        let count: i64 = plain.then(|| digits.parse().ok()).flatten()?;
        let back = match unit {
            'd' => TimeDelta::try_days(sign * count)?,
            'h' if !day => TimeDelta::try_hours(sign * count)?,
            'm' if !day => TimeDelta::try_minutes(sign * count)?,
            's' if !day => TimeDelta::try_seconds(sign * count)?,
            _ => return None,
        };
        Some(Self { day, back })
    }

    /// The text of it at a moment: `2026-01-31T13:05:00Z`, or `2026-01-31` of a day.
    ///
    /// It is the earliest or the latest that there is where it lies beyond.
    pub fn at(self, now: DateTime<Utc>, as_day: bool) -> String {
        let moment = now.checked_sub_signed(self.back).unwrap_or(now);
        match (self.day, as_day) {
            (_, true) => moment.format("%Y-%m-%d").to_string(),
            (true, false) => moment.format("%Y-%m-%dT00:00:00Z").to_string(),
            (false, false) => moment.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone as _;

    #[test]
    fn a_default_may_be_a_distance_from_now() {
        let now = Utc.with_ymd_and_hms(2026, 3, 1, 12, 30, 5).unwrap();
        for (text, moment, day) in [
            ("now", "2026-03-01T12:30:05Z", "2026-03-01"),
            ("now-7d", "2026-02-22T12:30:05Z", "2026-02-22"),
            ("now+90m", "2026-03-01T14:00:05Z", "2026-03-01"),
            ("now-6s", "2026-03-01T12:29:59Z", "2026-03-01"),
            ("now-13h", "2026-02-28T23:30:05Z", "2026-02-28"),
            ("today", "2026-03-01T00:00:00Z", "2026-03-01"),
            ("today-1d", "2026-02-28T00:00:00Z", "2026-02-28"),
        ] {
            let relative = Relative::parse(text).unwrap();
            assert_eq!(relative.at(now, false), moment, "{text}");
            assert_eq!(relative.at(now, true), day, "{text}");
        }
        for text in [
            "",
            "nows",
            "now7d",
            "now-",
            "now-d",
            "now-7w",
            "today-1h",
            "now-1234567d",
            "now--1d",
            "now-1é",
        ] {
            assert_eq!(Relative::parse(text), None, "{text}");
        }
    }
}
