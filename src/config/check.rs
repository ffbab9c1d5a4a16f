//! Reads single values and gathers what is wrong with them.
//!
//! Each reader returns a stand-in for a faulty value, so that one pass finds every fault; the
//! stand-ins are thrown away with the configuration.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::fault::quoted;

use crate::advice::Advice;

#[derive(Default)]
pub(super) struct Check {
    pub(super) faults: Vec<Advice>,
    pub(super) warnings: Vec<Advice>,
}

impl Check {
    pub(super) fn fault(&mut self, variable: &str, reason: Advice) {
        self.faults.push(reason.of(variable));
    }

    pub(super) fn warn(
        &mut self,
        variable: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.warnings.push(Advice::new(message, help).of(variable));
    }

    /// The value, or `None` after its fault is noted.
    pub(super) fn accept<T>(&mut self, variable: &str, read: Result<T, Advice>) -> Option<T> {
        read.map_err(|reason| self.fault(variable, reason)).ok()
    }

    /// One of a few words, at least two, in any case.
    pub(super) fn choice<T: Copy>(
        &mut self,
        variable: &str,
        value: &str,
        choices: &[(&str, T)],
        stand_in: T,
    ) -> T {
        for (word, meaning) in choices {
            if value.eq_ignore_ascii_case(word) {
                return *meaning;
            }
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let expected = words.join(", ");
        self.fault(
            variable,
            Advice::new(
                format!("expected one of {expected}, not {}", quoted(value)),
                format!(
                    "write {variable}={} or {variable}={}{}",
                    words[0],
                    words[1],
                    unquoted(value)
                ),
            ),
        );
        stand_in
    }

    pub(super) fn boolean(&mut self, variable: &str, value: &str, stand_in: bool) -> bool {
        let choices = [("true", true), ("false", false), ("1", true), ("0", false)];
        self.choice(variable, value, &choices, stand_in)
    }

    /// A whole number in a range, in decimal digits.
    pub(super) fn number<N>(&mut self, variable: &str, value: &str, range: RangeInclusive<N>) -> N
    where
        N: Copy + Display + FromStr + PartialOrd,
    {
        let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        let number = value
            .parse()
            .ok()
            .filter(|number| digits && range.contains(number));
        number.unwrap_or_else(|| {
            let (least, most) = (range.start(), range.end());
            self.fault(
                variable,
                Advice::new(
                    format!(
                        "expected a whole number from {least} to {most}, not {}",
                        quoted(value)
                    ),
                    format!(
                        "digits alone, without a unit or separators{}",
                        unquoted(value)
                    ),
                ),
            );
            *least
        })
    }

    /// A span of whole seconds.
    pub(super) fn seconds(
        &mut self,
        variable: &str,
        value: &str,
        range: RangeInclusive<u64>,
    ) -> Duration {
        Duration::from_secs(self.number(variable, value, range))
    }

    /// A time in seconds, which may have decimals: from a millisecond to an hour.
    pub(super) fn decimal_seconds(&mut self, variable: &str, value: &str) -> Option<Duration> {
        let plain = value
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        let seconds = value.parse::<f64>().ok().filter(|_| plain);
        let seconds = seconds.filter(|seconds| (0.001..=3600.0).contains(seconds));
        if seconds.is_none() {
            let what = format!("expected seconds from 0.001 to 3600, not {}", quoted(value));
            let help = format!("for example 0.5, without a unit{}", unquoted(value));
            self.fault(variable, Advice::new(what, help));
        }
        seconds.map(Duration::from_secs_f64)
    }

    /// A path without control characters, which no operator means.
    pub(super) fn path(&mut self, variable: &str, text: &str) -> PathBuf {
        if text.chars().any(char::is_control) {
            let reason = Advice::new(
                format!("expected a path, not {}", quoted(text)),
                "write the path without quotes or line breaks",
            );
            self.fault(variable, reason);
        }
        PathBuf::from(text)
    }

    /// Whether a variable has a fault already.
    pub(super) fn refused(&self, variable: &str) -> bool {
        self.faults.iter().any(|fault| fault.subject == variable)
    }

    /// The entries of a comma list, blank ones left out.
    pub(super) fn list<T>(
        &mut self,
        variable: &str,
        value: &str,
        read: impl Fn(&str) -> Result<T, Advice>,
    ) -> Vec<T> {
        value
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .filter_map(|entry| self.accept(variable, read(entry)))
            .collect()
    }
}

/// What to add to the help when the value still wears the quotes of a shell.
fn unquoted(value: &str) -> &'static str {
    if value.starts_with(['"', '\'']) {
        ", and no quotes"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_four_words_in_any_case() {
        for (value, meaning) in [
            ("true", true),
            ("TRUE", true),
            ("1", true),
            ("False", false),
            ("0", false),
        ] {
            let mut check = Check::default();
            assert_eq!(check.boolean("MCP_READONLY", value, !meaning), meaning);
            assert!(check.faults.is_empty());
        }
        for value in [
            "ture",
            "yes",
            "on",
            "2",
            " true",
            "\"true\"",
            "tr\u{fc}e",
            "00",
        ] {
            let mut check = Check::default();
            check.boolean("MCP_READONLY", value, true);
            assert_eq!(check.faults.len(), 1, "{value}");
        }
    }

    #[test]
    fn numbers_are_digits_in_their_range() {
        let mut check = Check::default();
        assert_eq!(check.number("MCP_RATE_LIMIT", "0", 0..=10_u32), 0);
        assert_eq!(check.number("MCP_RATE_LIMIT", "10", 0..=10_u32), 10);
        assert!(check.faults.is_empty());
        for value in [
            "11",
            "-1",
            "+1",
            "1.0",
            "1e1",
            " 1",
            "1_0",
            "0x1",
            "99999999999999999999",
            "١",
        ] {
            let mut check = Check::default();
            check.number("MCP_RATE_LIMIT", value, 0..=10_u32);
            assert_eq!(check.faults.len(), 1, "{value}");
            let shown = check.faults[0].to_string();
            assert!(
                shown.starts_with("MCP_RATE_LIMIT: expected a whole number from 0 to 10"),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_fault_stays_on_its_two_lines() {
        let mut check = Check::default();
        check.boolean("MCP_READONLY", &"no\n".repeat(1000), true);
        assert_eq!(check.faults[0].to_string().lines().count(), 2);
        assert!(check.faults[0].what.len() < 200);
    }

    #[test]
    fn lists_leave_out_blank_entries_and_gather_every_fault() {
        let mut check = Check::default();
        let read = |entry: &str| match entry {
            "bad" => Err(Advice::new("bad", "better")),
            _ => Ok(entry.to_owned()),
        };
        let entries = check.list("MCP_ALLOWED_HOSTS", " a,, bad ,b,bad,", read);
        assert_eq!(entries, ["a", "b"]);
        assert_eq!(check.faults.len(), 2);
    }
}
