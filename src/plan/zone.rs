//! `zone`: whose clock parts of dates are told by.

use std::str::FromStr as _;

use chrono_tz::Tz;

use super::{Object, present};
use crate::error::{Error, ErrorKind};
use crate::protocol::decode_string;

/// A time zone other than UTC, by its name in the list of the IANA: a constant of that list, so
/// that no text of a client can stand for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Zone(&'static str);

impl Zone {
    /// The name, of letters, digits and `_ + - /` alone.
    pub fn name(self) -> &'static str {
        self.0
    }
}

/// Reads `zone`; UTC is what there is without it.
pub(super) fn read(params: &Object<'_>) -> Result<Option<Zone>, Error> {
    let Some(raw) = present(params, "zone") else {
        return Ok(None);
    };
    let named = decode_string(raw).and_then(|name| Tz::from_str(&name).ok());
    match named.map(|zone| zone.name()) {
        Some("UTC" | "Etc/UTC") => Ok(None),
        Some(name) => Ok(Some(Zone(name))),
        None => Err(unknown()),
    }
}

/// The refusal of a zone.
pub fn unknown() -> Error {
    ErrorKind::ParameterType {
        parameter: "zone",
        expected: "a time zone that the database knows, like \"Europe/Paris\"",
    }
    .into()
}
