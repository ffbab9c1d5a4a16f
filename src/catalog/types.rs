//! The classes of values that fields hold.

/// The class of a field's values: how they are checked, bound, compared and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// Whole numbers of up to 64 bits.
    Integer {
        /// Whether values reach from 0 to 2^64 - 1.
        unsigned: bool,
        /// Whether values may pass 32 bits.
        wide: bool,
    },
    /// Exact decimals.
    Decimal {
        /// Digits after the point, where the column fixes them.
        scale: Option<u8>,
    },
    /// Binary floating point of 64 bits.
    Float,
    /// Binary floating point of 32 bits.
    Float32,
    /// True or false.
    Boolean,
    /// Text.
    Text,
    /// UUIDs.
    Uuid,
    /// Days.
    Date,
    /// Times of day.
    Time,
    /// A day and a time without a zone.
    DateTime,
    /// A moment, in UTC.
    Timestamp,
    /// One of a list of texts.
    Enum,
    /// Network addresses.
    Address,
    /// JSON documents.
    Json,
    /// Lists that the engine itself knows.
    Array,
    /// Bytes.
    Bytes,
    /// Values of any class side by side (SQLite columns without a type).
    Any,
    /// Whatever has no class of its own: served as the database's text.
    Other,
}

/// How a value is kept where its class does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stored {
    /// As its class says.
    #[default]
    AsItIs,
    /// As bytes that can be compared: those of a key, or of a UUID.
    Bytes,
    /// A moment as seconds since 1970.
    UnixSeconds,
    /// A moment as milliseconds since 1970.
    UnixMilliseconds,
    /// By its position among the values that are declared, which gives the order (MySQL).
    Position,
}

impl FieldType {
    /// The name that `describe` and errors use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Integer { .. } => "integer",
            Self::Decimal { .. } => "decimal",
            Self::Float | Self::Float32 => "float",
            Self::Boolean => "boolean",
            Self::Text => "text",
            Self::Uuid => "uuid",
            Self::Date => "date",
            Self::Time => "time",
            Self::DateTime => "datetime",
            Self::Timestamp => "timestamp",
            Self::Enum => "enum",
            Self::Address => "address",
            Self::Json => "json",
            Self::Array => "array",
            Self::Bytes => "bytes",
            Self::Any => "any",
            Self::Other => "other",
        }
    }

    /// Whether a client's value can be compared with the field's.
    pub(crate) fn is_comparable(self) -> bool {
        !matches!(self, Self::Json | Self::Array | Self::Bytes | Self::Other)
    }

    /// Whether the text operators apply.
    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Any)
    }

    /// Whether values can be added up.
    pub fn is_number(self) -> bool {
        matches!(
            self,
            Self::Integer { .. } | Self::Decimal { .. } | Self::Float | Self::Float32 | Self::Any
        )
    }

    /// Whether values have a year, a month and a day.
    pub(crate) fn has_date(self) -> bool {
        matches!(self, Self::Date | Self::DateTime | Self::Timestamp)
    }
}
