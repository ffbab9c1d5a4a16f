//! `limit`, `offset`, `cursor`, `total`, `format`: which part of the rows, and in which form.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::cursor::MAX_LENGTH;
use super::value::whole;
use super::{Limits, Object, Output, Seek, Total, present};
use crate::error::{Error, ErrorKind};
use crate::protocol::{Kind, decode_string, kind};

/// How many rows, and from where.
#[derive(Debug)]
pub struct Page {
    /// Rows at the most, capped.
    pub limit: u32,
    /// Rows to pass over, as asked; 0 with a cursor.
    pub offset: u64,
    /// The place to go on from.
    pub seek: Option<Seek>,
}

impl Page {
    /// How many rows come before the page.
    pub fn passed(&self) -> u64 {
        self.seek.as_ref().map_or(self.offset, |seek| seek.passed)
    }
}

/// Reads `limit` and `offset`.
pub(super) fn read(params: &Object<'_>, limits: &Limits) -> Result<Page, Error> {
    let limit = match present(params, "limit") {
        None => limits.default_limit,
        Some(raw) => u32::try_from(count(raw)?)
            .unwrap_or(u32::MAX)
            .min(limits.max_limit),
    };
    let offset = match present(params, "offset") {
        None => 0,
        Some(raw) => count(raw)?.min(i64::MAX as u64),
    };
    Ok(Page {
        limit,
        offset,
        seek: None,
    })
}

/// A number of rows: a whole number, or one in a string, however many digits it has.
fn count(raw: &RawValue) -> Result<u64, Error> {
    let text = match kind(raw) {
        Kind::Number => Some(Cow::Borrowed(raw.get())),
        Kind::String => decode_string(raw),
        _ => None,
    };
    let text = text.as_deref().and_then(whole);
    let text = text.ok_or(ErrorKind::PaginationNotInteger)?;
    let digits = text.strip_prefix('-').unwrap_or(&text);
    if text.starts_with('-') && digits.bytes().any(|byte| byte != b'0') {
        return Err(ErrorKind::PaginationNegative.into());
    }
    Ok(digits.parse().unwrap_or(u64::MAX))
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Each an object of names and values.
    Objects,
    /// Each a list of values, whose names stand once before all rows.
    Columns,
}

/// Reads `format`.
pub(super) fn format(params: &Object<'_>) -> Result<Format, Error> {
    match present(params, "format").map(decode_string) {
        None => Ok(Format::Objects),
        Some(word) => match word.as_deref() {
            Some("rows") => Ok(Format::Objects),
            Some("columns") => Ok(Format::Columns),
            _ => Err(ErrorKind::ParameterType {
                parameter: "format",
                expected: "\"rows\" or \"columns\"",
            }
            .into()),
        },
    }
}

/// The text of `cursor`.
pub(super) fn cursor(params: &Object<'_>) -> Result<Option<String>, Error> {
    match present(params, "cursor") {
        None => Ok(None),
        Some(raw) => decode_string(raw)
            .filter(|text| text.len() <= MAX_LENGTH)
            .map(|text| Some(text.into_owned()))
            .ok_or_else(|| ErrorKind::InvalidCursor.into()),
    }
}

/// Reads `total`; an estimate of groups is their exact number, for no engine estimates such.
pub(super) fn total(params: &Object<'_>, output: &Output<'_>) -> Result<Total, Error> {
    let wrong = ErrorKind::ParameterType {
        parameter: "total",
        expected: "true, false or \"estimate\"",
    };
    match present(params, "total").map(RawValue::get) {
        None | Some("false" | "\"false\"") => Ok(Total::None),
        Some("true" | "\"true\"") => Ok(Total::Exact),
        Some("\"estimate\"") => Ok(match output {
            Output::Rows { .. } => Total::Estimate,
            Output::Groups { .. } => Total::Exact,
        }),
        Some(_) => Err(wrong.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        default_limit: 50,
        max_limit: 100,
        scan_limit: None,
    };

    fn page(params: &str) -> Result<(u32, u64), String> {
        read(&Object::parse(params).unwrap(), &LIMITS)
            .map(|page| (page.limit, page.offset))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_page_is_counted_in_digits() {
        for (params, expected) in [
            ("{}", (50, 0)),
            (r#"{"limit":null,"offset":null}"#, (50, 0)),
            (r#"{"limit":0,"offset":-0}"#, (0, 0)),
            (r#"{"limit":"7","offset":"70"}"#, (7, 70)),
            (r#"{"limit":7.0,"offset":7e1}"#, (7, 70)),
            (r#"{"limit":"7.0","offset":-0.0}"#, (7, 0)),
            (r#"{"limit":1000000}"#, (100, 0)),
            (
                r#"{"limit":99999999999999999999999,"offset":99999999999999999999999}"#,
                (100, i64::MAX as u64),
            ),
        ] {
            assert_eq!(page(params), Ok(expected), "{params}");
        }
        let integers = "Pagination parameters must be integers";
        let negative = "Pagination parameters must be non-negative";
        for (params, expected) in [
            (r#"{"limit":1.5}"#, integers),
            (r#"{"limit":"1.5"}"#, integers),
            (r#"{"limit":"ten"}"#, integers),
            (r#"{"limit":""}"#, integers),
            (r#"{"limit":true}"#, integers),
            (r#"{"offset":[]}"#, integers),
            (r#"{"limit":-1}"#, negative),
            (r#"{"offset":"-5"}"#, negative),
            (r#"{"limit":-1.0}"#, negative),
        ] {
            assert_eq!(page(params), Err(expected.to_owned()), "{params}");
        }
    }
}
