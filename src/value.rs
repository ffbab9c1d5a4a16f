//! A value that is compared with a column, and what the parts of a compound one are, as every
//! stage knows them.

use serde::{Deserialize, Serialize};

/// A value to be bound, of the field's class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number above `i64::MAX`.
    Uint(u64),
    /// A binary fraction; NaN or infinite only where the engine keeps such.
    #[serde(with = "bits")]
    Float(f64),
    /// The digits of an exact number; `NaN` or `Infinity` only where the engine keeps such.
    Decimal(String),
    /// Text, and whatever is compared through its text.
    Text(String),
    /// Text that is not UTF-8, which SQLite keeps; only a cursor holds such.
    RawText(Vec<u8>),
    /// Bytes; only a cursor holds such.
    Bytes(Vec<u8>),
}

/// What a parameter of a tool is bound to.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// Nothing.
    Null,
    /// One value.
    One(Value),
    /// The values of a list, at least one.
    Many(Vec<Value>),
}

/// What the values inside a list or a composite value are; a list is what its elements are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Parts {
    /// As JSON has them.
    #[default]
    Plain,
    /// Integers that may pass 32 bits, and decimals.
    Exact,
    /// Bytes, as the database's digits.
    Bytes,
    /// A composite value's, by the names of its attributes.
    Named(Vec<(Box<str>, Parts)>),
}

impl Parts {
    /// What the member of that name is.
    pub fn of(&self, name: &str) -> &Self {
        const PLAIN: &Parts = &Parts::Plain;
        match self {
            Self::Named(members) => members
                .iter()
                .find(|(member, _)| **member == *name)
                .map_or(PLAIN, |(_, parts)| parts),
            _ => PLAIN,
        }
    }

    /// Whether nothing in it differs from what JSON has.
    pub(crate) fn is_plain(&self) -> bool {
        match self {
            Self::Plain => true,
            Self::Named(members) => members.iter().all(|(_, parts)| parts.is_plain()),
            Self::Exact | Self::Bytes => false,
        }
    }
}

/// Floats by their bits: JSON has no infinities.
mod bits {
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's own signature")]
    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(value.to_bits())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        u64::deserialize(deserializer).map(f64::from_bits)
    }
}
