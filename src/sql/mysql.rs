//! What MariaDB and MySQL need: values bound so that nothing matches by coercion, and columns
//! selected so that nothing is lost on the wire.

use sea_query::{Expr, ExprTrait as _, Func, LikeExpr};

use super::compare::among;
use super::condition::ESCAPE;
use super::{Dialect, column};
use crate::catalog::{Field, FieldType};
use crate::encode::Shape;
use crate::plan::{DatePart, Place, Value, Zone};

/// Digits of a decimal, and of them after the point, at the most.
const DIGITS: usize = 65;
const FRACTION: usize = 30;

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

/// The column, in a character set that can hold the values.
///
/// The servers refuse to compare a column with a text that its character set cannot hold. Such a
/// text is rare and equals nothing there, so the column is converted, and the index is given up.
pub(super) fn comparable(column: Expr, field: &Field, values: &[Value]) -> Expr {
    let charset = field.cast();
    let foreign = field.field_type() == FieldType::Text
        && !matches!(charset, "" | "set")
        && values.iter().any(|value| match value {
            Value::Text(text) => !holds(charset, text),
            _ => false,
        });
    if foreign { unicode(column) } else { column }
}

/// What holds where a test does not. A text that its type does not take makes a test unknown: to
/// MariaDB some UUIDs are none.
pub(super) fn denied(test: Expr, field: &Field) -> Expr {
    match field.field_type() {
        FieldType::Uuid
        | FieldType::Address
        | FieldType::Date
        | FieldType::Time
        | FieldType::DateTime
        | FieldType::Timestamp => Expr::cust_with_exprs("(?) IS NOT TRUE", [test]),
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
        DatePart::Year => "'%Y'",
        DatePart::Month => "'%Y-%m'",
        DatePart::Week => "'%x-W%v'",
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
