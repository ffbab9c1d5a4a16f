//! From a row to JSON bytes: one table of shapes, no tree in between.
//!
//! `db` gives each cell as a [`Datum`], `sql` says what it is ([`Shape`]) and where it belongs
//! ([`Layout`]). JSON documents pass through, without their sensitive members.

mod double;
mod gaps;
mod layout;
mod mean;
mod moment;
mod redact;
mod rows;
mod text;
mod value;

pub(crate) use gaps::Gap;
pub use layout::{Cell, Guard, Layout};
pub(crate) use layout::{Member, SIZE};
pub(crate) use redact::looks_like_document;
pub(crate) use rows::RowFault;
pub use rows::{Page, Rows};
pub use text::text;

use std::borrow::Cow;
use std::sync::Arc;

use crate::config;
use crate::sensitive::Sensitive;

/// What a database gave for one column of one row.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Datum<'r> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float32(f32),
    Float(f64),
    Text(Cow<'r, str>),
    /// Text that is not UTF-8, which SQLite keeps.
    RawText(Cow<'r, [u8]>),
    Bytes(Cow<'r, [u8]>),
    Uuid([u8; 16]),
    /// Days since 2000-01-01; the ends of the range are the infinities.
    Day(i32),
    /// Microseconds since 2000-01-01; the ends of the range are the infinities.
    Moment {
        microseconds: i64,
        utc: bool,
    },
}

/// A row of any driver.
pub trait Row {
    /// The value of a column, counted from 0.
    ///
    /// # Errors
    /// When the driver gives a value that it cannot decode.
    fn datum(&self, index: usize) -> Result<Datum<'_>, Undecodable>;
}

/// A value that the driver gave and could not decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undecodable {
    /// The column, counted from 0.
    pub index: usize,
}

/// What a selected column holds, beyond what its driver's type says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Just what the driver's type says; bytes become base64.
    Native,
    /// Integers that may pass 32 bits: strings under `MCP_NUMBERS=string`.
    Wide,
    /// A value of a column that takes any: by its looks a number is no text, as long as a double
    /// holds it.
    Any,
    /// 0 and 1 are false and true; anything else is itself.
    Boolean,
    /// An exact number, perhaps as text: strings under `MCP_NUMBERS=string`.
    Number,
    /// An exact number that was computed, as text: written without zeros at its end.
    Computed,
    /// A sum in units of its last digit; as a float the sum itself.
    Sum {
        /// Digits after the point of a unit.
        scale: u8,
        /// Whether all of them are written.
        fixed: bool,
    },
    /// The mean of exact numbers: their sum, in units or else as text, and in the column after it how
    /// many they are.
    Mean {
        /// Digits after the point of a unit.
        units: Option<u8>,
    },
    /// The same in one column: their sum and how many they are, as the text `12.50/3`.
    Ratio,
    /// Text that is JSON.
    Json,
    /// A time of day whose fraction may end in zeros.
    Clock,
    /// `2026-01-31 13:05:00`, among whatever else stands there, to be ISO 8601.
    DayAndTime,
    /// Seconds or milliseconds since 1970, among whatever else stands there, to be ISO 8601.
    Unix {
        /// Whether they are milliseconds.
        milliseconds: bool,
    },
    /// The 16 bytes of a UUID, among whatever else stands there.
    Uuid,
    /// `2026-01-31 13:05:00.250000`, to be ISO 8601.
    Moment {
        /// Whether it is in UTC, and says so.
        utc: bool,
    },
}

/// Which numbers are written as strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// None: each keeps all its digits.
    Native,
    /// Those that a double would round or cannot hold, for readers that know no other numbers.
    Doubles,
    /// 64-bit integers and decimals.
    String,
}

impl From<config::Numbers> for Numbers {
    fn from(numbers: config::Numbers) -> Self {
        match numbers {
            config::Numbers::Native => Self::Native,
            config::Numbers::String => Self::String,
        }
    }
}

/// How values are written.
#[derive(Debug, Clone)]
pub struct Style {
    /// Which numbers are strings.
    pub numbers: Numbers,
    /// How deep a document may nest, where its readers take no more; a deeper one becomes text.
    pub nesting: Option<usize>,
    /// Which members of JSON documents are left out.
    pub sensitive: Arc<Sensitive>,
}
