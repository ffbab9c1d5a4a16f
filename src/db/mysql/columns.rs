//! The classes of columns, by what the server declares; the wire tells less.

use crate::catalog::FieldType;

/// A column as `information_schema` declares it.
#[derive(Debug, Default)]
pub(super) struct Declared<'c> {
    /// `varchar`
    pub(super) data_type: &'c str,
    /// `varchar(20)`, `int(10) unsigned`, `enum('a','b')`
    pub(super) column_type: &'c str,
    pub(super) charset: Option<&'c str>,
    pub(super) scale: Option<u64>,
    /// Whether the server takes the text for JSON.
    pub(super) json: bool,
}

/// What the columns of a type hold, and what of it only this engine needs to know.
#[derive(Debug, PartialEq)]
pub(super) struct Class {
    pub(super) field_type: FieldType,
    pub(super) sortable: bool,
    /// Whether values that are equal are written alike.
    pub(super) exact: bool,
    pub(super) bounded: bool,
    pub(super) values: Vec<String>,
    /// The character set of a text that cannot hold all of Unicode, or the type whose values need
    /// care: `tinyint`, `bit`, `year`, `set`, `inet4`, `inet6`, `geometry`, `vector`.
    pub(super) cast: String,
}

/// The class of a column.
pub(super) fn classify(column: &Declared<'_>) -> Class {
    let kind = column.data_type.to_ascii_lowercase();
    let (field_type, cast) = read_as(column, &kind);
    let long = [
        "mediumtext",
        "longtext",
        "mediumblob",
        "longblob",
        "json",
        "vector",
    ];
    Class {
        field_type,
        bounded: !long.contains(&kind.as_str())
            && !matches!(field_type, FieldType::Json | FieldType::Other),
        // Collations fold letters, and a fraction may be -0.
        exact: !matches!(
            field_type,
            FieldType::Text | FieldType::Float | FieldType::Float32
        ),
        // A set is ordered by its members' positions, and compared as text.
        sortable: cast != "set",
        values: match field_type {
            FieldType::Enum => members(column.column_type),
            _ => Vec::new(),
        },
        cast,
    }
}

/// What a type holds, and by which care its values are read.
fn read_as(column: &Declared<'_>, kind: &str) -> (FieldType, String) {
    let declared = column.column_type.to_ascii_lowercase();
    let integer = |unsigned, wide| FieldType::Integer { unsigned, wide };
    let mut cast = String::new();
    let field_type = match kind {
        // It may hold other numbers than 0 and 1.
        "tinyint" if declared.starts_with("tinyint(1)") => {
            kind.clone_into(&mut cast);
            FieldType::Boolean
        }
        "tinyint" | "smallint" | "mediumint" | "int" | "integer" => integer(false, false),
        "bigint" => integer(declared.contains("unsigned"), true),
        "bit" => {
            kind.clone_into(&mut cast);
            match width(&declared) {
                1 => FieldType::Boolean,
                bits => integer(bits == 64, bits > 32),
            }
        }
        "year" => {
            kind.clone_into(&mut cast);
            integer(false, false)
        }
        "decimal" | "numeric" => FieldType::Decimal {
            scale: column.scale.and_then(|scale| u8::try_from(scale).ok()),
        },
        "float" => FieldType::Float32,
        "double" | "real" => FieldType::Float,
        "date" => FieldType::Date,
        "time" => FieldType::Time,
        "datetime" => FieldType::DateTime,
        "timestamp" => FieldType::Timestamp,
        "json" => FieldType::Json,
        "longtext" if column.json => FieldType::Json,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
            cast = narrow(column.charset);
            FieldType::Text
        }
        "enum" => FieldType::Enum,
        "set" => {
            kind.clone_into(&mut cast);
            FieldType::Text
        }
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
            FieldType::Bytes
        }
        "vector" => {
            kind.clone_into(&mut cast);
            FieldType::Bytes
        }
        "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
        | "multipolygon" | "geometrycollection" | "geomcollection" => {
            cast = "geometry".to_owned();
            FieldType::Json
        }
        "uuid" => FieldType::Uuid,
        "inet4" | "inet6" => {
            kind.clone_into(&mut cast);
            FieldType::Address
        }
        _ => FieldType::Other,
    };
    (field_type, cast)
}

/// The number in brackets: 8 of `bit(8)`.
fn width(declared: &str) -> u64 {
    let inside = declared.split_once('(').map(|(_, rest)| rest);
    inside
        .and_then(|rest| rest.split(')').next())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(1)
}

/// A character set that cannot hold all of Unicode.
fn narrow(charset: Option<&str>) -> String {
    match charset {
        None | Some("utf8mb4" | "utf16" | "utf16le" | "utf32" | "gb18030") => String::new(),
        Some(charset) => charset.to_owned(),
    }
}

/// The members of `enum('a','it''s')`, as they were declared; none of another type.
pub(super) fn members(column_type: &str) -> Vec<String> {
    let mut members = Vec::new();
    if !column_type.starts_with("enum(") {
        return members;
    }
    let mut rest = column_type.chars().skip_while(|c| *c != '\'').peekable();
    while rest.next() == Some('\'') {
        let mut member = String::new();
        loop {
            match rest.next() {
                Some('\'') if rest.peek() == Some(&'\'') => {
                    rest.next();
                    member.push('\'');
                }
                Some('\'') | None => break,
                Some('\\') => match rest.next() {
                    Some('n') => member.push('\n'),
                    Some('r') => member.push('\r'),
                    Some('0') => member.push('\0'),
                    Some(other) => member.push(other),
                    None => break,
                },
                Some(other) => member.push(other),
            }
        }
        members.push(member);
        // The comma.
        rest.next();
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_as_declared() {
        for (declared, expected) in [
            ("enum('a','b')", vec!["a", "b"]),
            ("enum('a,b','it''s','')", vec!["a,b", "it's", ""]),
            (
                r"enum('back\\slash','new\nline')",
                vec!["back\\slash", "new\nline"],
            ),
            ("enum('(x)','''','日本')", vec!["(x)", "'", "日本"]),
        ] {
            assert_eq!(members(declared), expected, "{declared}");
        }
    }

    #[test]
    fn types_have_their_class() {
        let class = |data_type, column_type| {
            let declared = Declared {
                data_type,
                column_type,
                ..Declared::default()
            };
            classify(&declared).field_type
        };
        let integer = |unsigned, wide| FieldType::Integer { unsigned, wide };
        for (data_type, column_type, field_type) in [
            ("tinyint", "tinyint(1)", FieldType::Boolean),
            ("tinyint", "tinyint(4)", integer(false, false)),
            ("tinyint", "tinyint", integer(false, false)),
            ("int", "int unsigned", integer(false, false)),
            ("bigint", "bigint(20) unsigned", integer(true, true)),
            ("bit", "bit(1)", FieldType::Boolean),
            ("bit", "bit(64)", integer(true, true)),
            ("geomcollection", "geomcollection", FieldType::Json),
            ("longtext", "longtext", FieldType::Text),
            ("xmltype", "xmltype", FieldType::Other),
        ] {
            assert_eq!(class(data_type, column_type), field_type, "{column_type}");
        }
    }

    #[test]
    fn text_of_a_narrow_character_set_names_it() {
        for (charset, cast) in [
            ("utf8mb4", ""),
            ("utf16", ""),
            ("latin1", "latin1"),
            ("utf8mb3", "utf8mb3"),
        ] {
            let declared = Declared {
                data_type: "varchar",
                charset: Some(charset),
                ..Declared::default()
            };
            assert_eq!(classify(&declared).cast, cast);
        }
    }
}
