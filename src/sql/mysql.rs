//! What MariaDB and MySQL need: values bound so that nothing matches by coercion, and columns
//! selected so that nothing is lost on the wire.

use sea_query::{Expr, ExprTrait as _, Func, LikeExpr, Value as SqlValue};

use super::compare::{Operator, among, plain};
use super::condition::ESCAPE;
use super::{Dialect, column};
use crate::catalog::{Field, FieldType, TableName};
use crate::encode::Shape;
use crate::plan::{DatePart, Place, Value, Zone};

/// Digits of a decimal, and of them after the point, at the most.
const DIGITS: usize = 65;
const FRACTION: usize = 30;

/// What the server makes of the columns of a table in `information_schema.columns`, which tells them
/// from others: of the place, the name, the type, the collation, whether it may be NULL, which key it
/// leads, and what it is computed from.
pub const COLUMNS_DIGEST: &str = "BIT_XOR(CAST(CONV(LEFT(MD5(CONCAT_WS(',', ordinal_position, \
    QUOTE(column_name), QUOTE(column_type), QUOTE(collation_name), QUOTE(is_nullable), \
    QUOTE(column_key), QUOTE(generation_expression))), 16), 16, 10) AS UNSIGNED))";

/// What fails the statement that it stands in where the columns of a table are others by now: a
/// subquery of two rows is no value.
pub(super) fn unchanged(table: &TableName, digest: u64) -> Expr {
    let template = format!(
        "IF((SELECT {COLUMNS_DIGEST} FROM information_schema.columns \
         WHERE table_schema = ? AND table_name = ?) = ?, 1, (SELECT 1 UNION ALL SELECT 1))"
    );
    let schema = table.schema.clone().unwrap_or_default();
    let values: [SqlValue; 3] = [schema.into(), table.name.clone().into(), digest.into()];
    Expr::cust_with_values(template, values)
}

/// Text for whatever the driver would decode by its wire type alone.
pub(super) fn projected(expr: Expr, field: &Field) -> (Expr, Shape) {
    // The largest of bits comes as digits under the wire type of bits.
    let expr = match field.cast() {
        "bit" => expr.cast_as("UNSIGNED"),
        _ => expr,
    };
    match (field.field_type(), field.cast()) {
        (FieldType::Boolean, _) => (expr, Shape::Boolean),
        (FieldType::Integer { wide: true, .. }, _) => (expr, Shape::Wide),
        (FieldType::Bytes, "vector") => (expr.cast_as("BINARY"), Shape::Native),
        (
            FieldType::Integer { .. } | FieldType::Float | FieldType::Float32 | FieldType::Bytes,
            _,
        ) => (expr, Shape::Native),
        (FieldType::Text, _) if may_lose(field) => (shown(&expr, field), Shape::Native),
        (FieldType::Text, _) if field.is_bounded() => (expr, Shape::Native),
        (FieldType::Json, "geometry") => (Func::cust("ST_AsGeoJSON").arg(expr).into(), Shape::Json),
        (FieldType::Decimal { .. }, _) => (text(expr), Shape::Number),
        (FieldType::Time, _) => (text(expr), Shape::Clock),
        (FieldType::DateTime, _) => (text(expr), Shape::Moment { utc: false }),
        (FieldType::Timestamp, _) => (text(expr), Shape::Moment { utc: true }),
        (FieldType::Json, _) => (text(expr), Shape::Json),
        _ => (text(expr), Shape::Native),
    }
}

fn text(expr: Expr) -> Expr {
    expr.cast_as("CHAR")
}

/// Whether a text may lose something on its way to us: its character set has bytes that stand for
/// no letter, or several that stand for one.
pub(super) fn may_lose(field: &Field) -> bool {
    let whole = ["", "utf8", "utf8mb3", "latin1", "set"];
    field.field_type() == FieldType::Text && !whole.contains(&field.cast())
}

/// Whether such a text comes back as the bytes that it is.
pub(super) fn is_whole(column: &Expr, field: &Field) -> Expr {
    let template = format!(
        "CAST(CONVERT(CONVERT(? USING utf8mb4) USING {}) AS BINARY) = CAST(? AS BINARY)",
        field.cast()
    );
    Expr::cust_with_exprs(template, vec![column.clone(); 2])
}

/// Such a text with U+FFFD for the bytes that stand for no letter. The server puts question marks
/// in their place, so those of the text itself are another sign on the way.
fn shown(column: &Expr, field: &Field) -> Expr {
    let replaced = "REPLACE(REPLACE(CONVERT(REPLACE(?, CHAR(63), CHAR(26)) USING utf8mb4), \
                    CHAR(63), _utf8mb4 x'EFBFBD'), CHAR(26), CHAR(63))";
    Expr::case(is_whole(column, field), unicode(column.clone()))
        .finally(Expr::cust_with_exprs(replaced, [column.clone()]))
        .into()
}

/// A sort key of text as it is bound again.
pub(super) fn key(expr: Expr, field: &Field) -> (Expr, Shape) {
    match may_lose(field) {
        true => (unicode(expr), Shape::Native),
        false => projected(expr, field),
    }
}

/// A comparison by order. A text that the column's character set cannot hold has no place in its
/// order, so the column is converted, and the index is given up.
pub(super) fn ranged(column: Expr, operator: Operator, value: &Value, field: &Field) -> Expr {
    let own = column::bound(value, field, Dialect::MySql);
    let own = plain(column.clone(), operator, own);
    match foreign(value, field) {
        Some(text) => {
            let converted = plain(unicode(column), operator, Expr::val(text));
            own.or(is_held(text, field).not().and(converted))
        }
        None => own,
    }
}

/// A text that the field's character set may be unable to hold. The servers refuse to compare it
/// with the column as it stands.
fn foreign<'v>(value: &'v Value, field: &Field) -> Option<&'v str> {
    match (value, field.field_type(), field.cast()) {
        (_, _, "" | "set") => None,
        (Value::Text(text), FieldType::Text, charset) => {
            Some(&**text).filter(|text| !holds(charset, text))
        }
        _ => None,
    }
}

/// A text of a key as the field has it that it points to: in its character set, no value where that
/// does not hold it, and by its collation. Two that differ the servers do not compare, or by none of
/// the indexes.
pub(super) fn as_pointed(key: Expr, field: &Field, pointed: &Field) -> Expr {
    let (Some(own), Some(collation)) = (field.compared_by(), pointed.compared_by()) else {
        return key;
    };
    if own == collation {
        return key;
    }
    let charset = |collation: &str| collation.split('_').next().unwrap_or_default().to_owned();
    let to = charset(collation);
    let template = match (charset(own) == to, pointed.cast()) {
        (true, _) => format!("? COLLATE {collation}"),
        (false, "") => format!("CONVERT(? USING {to}) COLLATE {collation}"),
        (false, _) => format!(
            "(CASE WHEN CAST(CONVERT(CONVERT(? USING {to}) USING utf8mb4) AS BINARY) = \
             CAST(CONVERT(? USING utf8mb4) AS BINARY) THEN CONVERT(? USING {to}) END) \
             COLLATE {collation}"
        ),
    };
    let places = template.matches('?').count();
    Expr::cust_with_exprs(template, vec![key; places])
}

/// Whether the field's character set holds a text.
fn is_held(text: &str, field: &Field) -> Expr {
    let template = format!(
        "CAST(CONVERT(CONVERT(? USING {}) USING utf8mb4) AS BINARY) = CAST(? AS BINARY)",
        field.cast()
    );
    Expr::cust_with_exprs(template, vec![Expr::val(text); 2])
}

/// What holds where a test does not. A text that its type or its character set does not take makes
/// a test unknown: to MariaDB some UUIDs are none.
pub(super) fn denied(test: Expr, field: &Field) -> Expr {
    match field.field_type() {
        FieldType::Uuid
        | FieldType::Address
        | FieldType::Date
        | FieldType::Time
        | FieldType::DateTime
        | FieldType::Timestamp => Expr::cust_with_exprs("(?) IS NOT TRUE", [test]),
        FieldType::Text if !matches!(field.cast(), "" | "set") => {
            Expr::cust_with_exprs("(?) IS NOT TRUE", [test])
        }
        _ => test.not(),
    }
}

/// A moment by the clock of a zone; what has none is taken for UTC where one is asked for, and a day
/// is itself everywhere. Beyond what the servers convert there is none.
pub(super) fn local(column: Expr, field: &Field, zone: Option<Zone>) -> Expr {
    match (field.field_type(), zone) {
        (FieldType::Timestamp | FieldType::DateTime, Some(zone)) => {
            let template = format!(
                "CASE WHEN ? >= '1970-01-01 00:00:01' AND ? < '2038-01-19 03:14:07' \
                 THEN CONVERT_TZ(?, '+00:00', '{}') END",
                zone.name()
            );
            Expr::cust_with_exprs(template, vec![column; 3])
        }
        _ => column,
    }
}

/// A part of a date or time.
pub(super) fn date_part(local: Expr, part: DatePart) -> Expr {
    let form = match part {
        // A day that is zero is in no week.
        DatePart::Week => {
            let template = "CASE WHEN WEEKDAY(?) IS NOT NULL THEN DATE_FORMAT(?, '%x-W%v') END";
            return Expr::cust_with_exprs(template, vec![local; 2]);
        }
        DatePart::Year => "'%Y'",
        DatePart::Month => "'%Y-%m'",
        DatePart::Day => "'%Y-%m-%d'",
        DatePart::Quarter => {
            let template = "CONCAT(DATE_FORMAT(?, '%Y-Q'), QUARTER(?))";
            return Expr::cust_with_exprs(template, vec![local; 2]);
        }
        DatePart::Weekday => return Expr::cust_with_exprs("(WEEKDAY(?) + 1)", [local]),
        DatePart::Hour => return Expr::cust_with_exprs("HOUR(?)", [local]),
    };
    let form = Expr::cust(form);
    Func::cust("DATE_FORMAT").arg(local).arg(form).into()
}

/// Whether a character set surely holds a text.
fn holds(charset: &str, text: &str) -> bool {
    match charset {
        "utf8" | "utf8mb3" | "ucs2" => text.chars().all(|c| c <= '\u{ffff}'),
        "latin1" => text
            .chars()
            .all(|c| c <= '\u{ff}' && !('\u{80}'..='\u{9f}').contains(&c)),
        // They have other signs in place of some of ASCII.
        "sjis" | "swe7" => text.chars().all(|c| c.is_ascii_alphanumeric() || c == ' '),
        _ => text.is_ascii(),
    }
}

fn unicode(expr: Expr) -> Expr {
    Expr::cust_with_exprs("CONVERT(? USING utf8mb4)", [expr])
}

/// Whether there is no value. `IS NULL` takes the zero date of a column that must be there for none.
pub(super) fn is_null(column: Expr, field: &Field) -> Expr {
    match field.field_type().has_date() {
        true => Expr::cust_with_exprs("? <=> NULL", [column]),
        false => column.is_null(),
    }
}

/// A text column as it is compared byte by byte, blanks at its end too.
pub(super) fn bytes(column: Expr) -> Expr {
    unicode(column).cast_as("BINARY")
}

/// What a value is among such texts.
pub(super) fn bytes_of(value: Expr) -> Expr {
    value.cast_as("BINARY")
}

/// The value as this field needs it; `None` where it is bound as it is.
pub(super) fn bound(value: &Value, field: &Field) -> Option<Expr> {
    // NULL where it is not held, for such a text equals nothing there.
    if let Some(text) = foreign(value, field) {
        let held = Expr::case(is_held(text, field), Expr::val(text));
        return Some(held.into());
    }
    match (value, field.field_type()) {
        // As text it would be compared as a binary fraction.
        (Value::Decimal(digits), FieldType::Decimal { .. }) => Some(decimal(digits)),
        // By position: the order of the column, where names would be compared as text.
        (Value::Text(text), FieldType::Enum) => {
            let position = field.values().iter().position(|value| **value == **text);
            match position {
                Some(index) => i64::try_from(index + 1).ok(),
                // What a refused value leaves behind.
                None => text.is_empty().then_some(0),
            }
            // A bare parameter would take the column's type, and be a text again.
            .map(|position| Expr::val(position).cast_as("UNSIGNED"))
        }
        // A sort key's value is the position itself.
        (Value::Int(position), FieldType::Enum) => Some(Expr::val(*position).cast_as("UNSIGNED")),
        // The session is in UTC, and the column takes no zone.
        (Value::Text(text), FieldType::Timestamp) => {
            let local = text.strip_suffix("+00:00").unwrap_or(text);
            Some(Expr::val(local.to_owned()))
        }
        (Value::Int(year), FieldType::Integer { .. }) if field.cast() == "year" => match year {
            // They would be read as years of the century; nothing is between 0 and 1901.
            1..=99 => Some(Expr::val(1900_i64)),
            // Past the last year an integer would become the year 0.
            2156.. => Some(Expr::val(*year).cast_as("DECIMAL(20, 0)")),
            _ => None,
        },
        _ => None,
    }
}

/// Whether an enum is one of some values, by their names: another statement may have moved their
/// positions since the catalog was read. The empty text also stands for what a refused value leaves
/// behind, which has the position 0 for good.
pub(super) fn is_member(column: &Expr, field: &Field, values: &[Value]) -> Expr {
    let (mut names, mut positions) = (Vec::new(), Vec::new());
    for value in values {
        match value {
            Value::Text(text) => {
                if field.values().iter().any(|own| **own == **text) {
                    names.push(Expr::val(text.clone()));
                }
                if text.is_empty() {
                    positions.push(Expr::val(0).cast_as("UNSIGNED"));
                }
            }
            position => positions.push(column::bound(position, field, Dialect::MySql)),
        }
    }
    // Not in one list: for names and numbers together no index is used.
    let lists = [names, positions].into_iter();
    lists
        .filter(|list| !list.is_empty())
        .map(|list| among(column.clone(), list))
        .reduce(|one, other| one.or(other))
        .unwrap_or_else(|| Expr::cust("1 = 0"))
}

/// An exact decimal, of a type that is wide enough for it.
fn decimal(digits: &str) -> Expr {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches(['-', '0']).len();
    let fraction = fraction.trim_end_matches('0').len();
    // Few types, so that a statement is prepared once.
    let scale = [0, 10, FRACTION].into_iter();
    let fits = |scale: &usize| fraction <= *scale && whole + scale <= DIGITS;
    let scale = scale.chain([fraction]).find(fits);
    let value = Expr::val(digits.to_owned());
    match scale.filter(|scale| *scale <= FRACTION) {
        Some(scale) => value.cast_as(format!("DECIMAL({DIGITS}, {scale})")),
        // Larger than any column: near enough to be ordered.
        None => value,
    }
}

/// Where a literal text stands in a column: letter by letter, whatever its collation folds.
pub(super) fn like(column: Expr, field: &Field, pattern: String, place: Place, fold: bool) -> Expr {
    let escape = format!("ESCAPE '{ESCAPE}'");
    if fold {
        // Both sides by the server's own table of letters.
        return Expr::cust_with_exprs(
            format!("LOWER(?) COLLATE utf8mb4_bin LIKE LOWER(?) {escape}"),
            [unicode(column), Expr::val(pattern)],
        );
    }
    let exact = Expr::cust_with_exprs(
        format!("? COLLATE utf8mb4_bin LIKE ? {escape}"),
        [unicode(column.clone()), Expr::val(pattern.clone())],
    );
    if place == Place::Start && matches!(field.cast(), "" | "utf8mb3") {
        // The column's own collation finds no less, and an index serves it.
        let charset = field.cast();
        if charset.is_empty() || holds(charset, &pattern) {
            return column
                .like(LikeExpr::new(pattern).escape(ESCAPE))
                .and(exact);
        }
    }
    exact
}

#[cfg(test)]
mod tests {
    use sea_query::{MysqlQueryBuilder, Query};

    use super::*;

    #[test]
    fn decimals_keep_every_digit() {
        let written = |digits: &str| {
            let select = Query::select().expr(decimal(digits)).to_owned();
            select.to_string(MysqlQueryBuilder)
        };
        for (digits, expected) in [
            ("12", "SELECT CAST('12' AS DECIMAL(65, 0))"),
            ("-12.50", "SELECT CAST('-12.50' AS DECIMAL(65, 10))"),
            (
                "0.00000000001",
                "SELECT CAST('0.00000000001' AS DECIMAL(65, 30))",
            ),
        ] {
            assert_eq!(written(digits), expected);
        }
        let wide = format!("{}.12345678901", "9".repeat(50));
        assert!(
            written(&wide).ends_with("DECIMAL(65, 11))"),
            "{}",
            written(&wide)
        );
        let beyond = "9".repeat(66);
        assert_eq!(written(&beyond), format!("SELECT '{beyond}'"));
    }

    #[test]
    fn a_character_set_holds_what_it_has() {
        for (charset, text, held) in [
            ("latin1", "é", true),
            ("latin1", "€", false),
            ("latin1", "日", false),
            ("utf8mb3", "日", true),
            ("utf8mb3", "😀", false),
            ("koi8r", "ж", false),
            ("koi8r", "abc", true),
        ] {
            assert_eq!(holds(charset, text), held, "{text} in {charset}");
        }
    }
}
