//! What PostgreSQL needs: values in a form that the driver reads without losing a digit, and names
//! that are found in the system's catalog alone, or say whose they are.

use sea_query::{Expr, ExprTrait as _, Func};

use super::compare::Operator;
use crate::catalog::{Field, FieldType};
use crate::encode::Shape;
use crate::plan::{DatePart, Zone};

/// Its own text or JSON for whatever is not read from its binary form to the last digit.
pub(super) fn projected(expr: Expr, field: &Field) -> (Expr, Shape) {
    match field.field_type() {
        FieldType::Integer { wide: true, .. } => (expr, Shape::Wide),
        FieldType::Integer { .. } | FieldType::Float | FieldType::Float32 | FieldType::Boolean => {
            (expr, Shape::Native)
        }
        FieldType::Bytes
        | FieldType::Uuid
        | FieldType::Date
        | FieldType::DateTime
        | FieldType::Timestamp => (expr, Shape::Native),
        // Other types of text, like citext, the driver would have to look up first.
        FieldType::Text if matches!(field.cast(), "text" | "bpchar") => (expr, Shape::Native),
        // A cast would take a column that has become of another type as well.
        FieldType::Decimal { .. } => {
            let digits = Func::cust("numeric_out").arg(expr);
            (Expr::from(digits).cast_as("text"), Shape::Number)
        }
        FieldType::Enum => (label(expr, field), Shape::Native),
        FieldType::Json if matches!(field.cast(), "json" | "jsonb") => {
            (expr.cast_as("text"), Shape::Json)
        }
        _ => (Func::cust("to_json").arg(expr).cast_as("text"), Shape::Json),
    }
}

/// The name of an enum's value. A cast would call a function of the type's owner where he made one.
fn label(expr: Expr, field: &Field) -> Expr {
    let value = operand(expr, field);
    Expr::from(Func::cust("enum_out").arg(value)).cast_as("text")
}

/// A column in the type that has the operators: those of enums do not take a domain.
pub(super) fn operand(column: Expr, field: &Field) -> Expr {
    match field.field_type() {
        FieldType::Enum => column.cast_as(field.cast().to_owned()),
        _ => column,
    }
}

/// A field of a key in the type of text that the field has which it points to.
pub(super) fn of_type(key: Expr, field: &Field, pointed: &Field) -> Expr {
    let is_text = |field: &Field| field.field_type() == FieldType::Text;
    match is_text(field) && is_text(pointed) && field.cast() != pointed.cast() {
        true => key.cast_as(pointed.cast().to_owned()),
        false => key,
    }
}

/// A field of a key and the one that it points to, with one collation: that of the key where it
/// decides. Two that differ the server does not compare.
pub(super) fn of_one_collation(
    (key, field): (Expr, &Field),
    (pointed, other): (Expr, &Field),
    key_decides: bool,
) -> (Expr, Expr) {
    match (field.compared_by() == other.compared_by(), key_decides) {
        (true, _) => (key, pointed),
        (false, true) => (key, collated(pointed, field)),
        (false, false) => (collated(key, other), pointed),
    }
}

/// An expression with the collation of a field.
fn collated(expr: Expr, field: &Field) -> Expr {
    let collation = field.compared_by().unwrap_or("pg_catalog.\"default\"");
    Expr::cust_with_exprs(format!("$1 COLLATE {collation}"), [expr])
}

/// A column beside others in an expression. What has no value has the collation of its type there,
/// and a `name` of another one would have two.
pub(super) fn told_apart(column: Expr, field: &Field) -> Expr {
    match field.compared_by() {
        Some(_) => collated(column, field),
        None => column,
    }
}

/// Whether there is no value. `IS NULL` takes a composite value for none whose members are NULL, and
/// `IS NOT NULL` one of whose members is; a comparison with a bare NULL looks at the value alone.
pub(super) fn is_null(column: Expr, field: &Field) -> Expr {
    match field.field_type() {
        FieldType::Json => Expr::cust_with_exprs("($1 IS NOT DISTINCT FROM NULL)", [column]),
        _ => column.is_null(),
    }
}

/// Whether there is a value.
pub(super) fn is_not_null(column: Expr, field: &Field) -> Expr {
    match field.field_type() {
        FieldType::Json => Expr::cust_with_exprs("($1 IS DISTINCT FROM NULL)", [column]),
        _ => column.is_not_null(),
    }
}

/// The schema, quoted as SQL needs it, of the extension whose operators compare the field; `None`
/// where they are PostgreSQL's own.
///
/// Of the types that are served as text and compared, citext alone has its own; the catalog takes
/// no other for it, and spells types that are not the system's with their schema.
pub(super) fn home(field: &Field) -> Option<&str> {
    match field.field_type() {
        FieldType::Text => field.cast().strip_suffix(".citext"),
        _ => None,
    }
}

/// A comparison by an operator of that schema.
pub(super) fn compare(left: Expr, operator: Operator, right: Expr, home: &str) -> Expr {
    let symbol = operator.symbol();
    Expr::cust_with_exprs(format!("$1 OPERATOR({home}.{symbol}) $2"), [left, right])
}

/// Whether something is one of several values, at least one, by the equality of that schema: `IN`
/// would look for its own.
pub(super) fn is_one_of(column: &Expr, listed: Vec<Expr>, home: &str) -> Expr {
    let each = listed
        .into_iter()
        .map(|value| compare(column.clone(), Operator::Equal, value, home));
    each.reduce(|any, one| any.or(one))
        .unwrap_or_else(|| Expr::cust("1 = 0"))
}

/// The smallest or largest value of a text that has its own order.
pub(super) fn extreme(column: Expr, min: bool, home: &str) -> Expr {
    let function = if min { "min" } else { "max" };
    Expr::cust_with_exprs(format!("{home}.{function}($1)"), [column])
}

/// A moment by the clock of a zone; what has no zone is taken for UTC where one is asked for, and a
/// day is itself everywhere. At both ends of the calendar, where a zone may have no time, it is NULL:
/// a failure would tell of rows that are not asked for.
pub(super) fn local(column: Expr, field: &Field, zone: Option<Zone>) -> Expr {
    let utc = |moment| Expr::cust_with_exprs("timezone('UTC', $1)", [moment]);
    let at = |zone: Zone, moment| {
        let template = format!(
            "CASE WHEN isfinite($1) AND ($1 < '4714-11-25 00:00:00+00 BC' \
             OR $1 >= '294276-12-31 00:00:00+00') THEN NULL ELSE timezone('{}', $1) END",
            zone.name()
        );
        Expr::cust_with_exprs(template, [moment])
    };
    match (field.field_type(), zone) {
        (FieldType::Timestamp, Some(zone)) => at(zone, column),
        (FieldType::Timestamp, None) => utc(column),
        (FieldType::DateTime, Some(zone)) => at(zone, utc(column)),
        _ => column,
    }
}

/// A part of a date or time as the dates themselves are written: years before the first say so, and
/// the ends of time have no part.
pub(super) fn date_part(local: Expr, field: &Field, part: DatePart) -> Expr {
    let (year, rest) = match part {
        DatePart::Year => ("YYYY", ""),
        DatePart::Quarter => ("YYYY", "-\"Q\"Q"),
        DatePart::Month => ("YYYY", "-MM"),
        DatePart::Week => ("IYYY", "-\"W\"IW"),
        DatePart::Day => ("YYYY", "-MM-DD"),
        DatePart::Weekday => return number(local, field, "isodow"),
        DatePart::Hour => return number(local, field, "hour"),
    };
    let form = format!("{year}{rest}");
    let far = far(field, || {
        let number = match part {
            DatePart::Week => "isoyear",
            _ => "year",
        };
        format!(
            "CAST(concat(CAST(date_part('{number}', {ALIKE}) AS integer) + {YEARS}, \
             to_char({ALIKE}, '{rest}')) AS text)"
        )
    });
    let template = format!(
        "CASE {far}WHEN $1 >= '0001-01-01' AND $1 < 'infinity' THEN to_char($1, '{form}') \
         WHEN isfinite($1) THEN to_char($1, '{form} BC') ELSE CAST($1 AS text) END"
    );
    Expr::cust_with_exprs(template, [local])
}

/// A part of a date as it is ordered: text would put years before Christ among those after, and the
/// year 10000 before the second. A number for each, the ends of time at the ends.
pub(super) fn ordered_part(local: Expr, field: &Field, part: DatePart) -> Expr {
    let (year, parts): (_, &[(&str, u32)]) = match part {
        DatePart::Year => ("year", &[]),
        DatePart::Quarter => ("year", &[("quarter", 10)]),
        DatePart::Month => ("year", &[("month", 100)]),
        DatePart::Week => ("isoyear", &[("week", 100)]),
        DatePart::Day => ("year", &[("month", 100), ("day", 100)]),
        DatePart::Weekday | DatePart::Hour => return date_part(local, field, part),
    };
    let number = |day: &str, years: &str| {
        let of = |part: &str| format!("date_part('{part}', {day})");
        parts.iter().fold(of(year) + years, |all, (part, room)| {
            format!("({all}) * {room} + {}", of(part))
        })
    };
    let near = number("$1", "");
    let far = far(field, || {
        let number = number(ALIKE, &format!(" + {YEARS}"));
        format!("CAST({number} AS bigint)")
    });
    let template = format!(
        "CASE {far}WHEN isfinite($1) THEN CAST({near} AS bigint) \
         WHEN $1 < '0001-01-01' THEN -9223372036854775808 \
         WHEN $1 IS NOT NULL THEN 9223372036854775807 END"
    );
    Expr::cust_with_exprs(template, [local])
}

/// A part that is a number; the ends of time have none.
fn number(local: Expr, field: &Field, part: &str) -> Expr {
    let far = far(field, || {
        format!("CAST(date_part('{part}', {ALIKE}) AS bigint)")
    });
    let template =
        format!("CASE {far}WHEN isfinite($1) THEN CAST(date_part('{part}', $1) AS bigint) END");
    Expr::cust_with_exprs(template, [local])
}

/// A day of the 400 years from 2000 on that has the place in the calendar, and the weekday, of `$1`.
const ALIKE: &str = "($1 - ($1 - CAST('2000-01-01' AS date)) / 146097 * 146097)";
/// How many years lie between the two.
const YEARS: &str = "($1 - CAST('2000-01-01' AS date)) / 146097 * 400";

/// What of a day is told beyond the last one that moments reach, to which the functions that tell of
/// parts turn every day.
fn far(field: &Field, told: impl FnOnce() -> String) -> String {
    match field.field_type() {
        FieldType::Date => format!(
            "WHEN $1 > '294276-12-31' AND $1 < 'infinity' THEN {} ",
            told()
        ),
        _ => String::new(),
    }
}

/// A text column as patterns look at it: letter by letter, which a collation that takes different
/// letters for equal does not do.
pub(super) fn letters(column: Expr, field: &Field) -> Expr {
    let text = column.cast_as("text");
    match field.is_folding() {
        true => Expr::cust_with_exprs("$1 COLLATE \"default\"", [text]),
        false => text,
    }
}

/// A text column as it is compared byte by byte.
pub(super) fn bytes(column: Expr) -> Expr {
    Expr::cust_with_exprs("$1 COLLATE \"C\"", [column.cast_as("text")])
}

/// What a value is among such texts: blanks at its end are no part of a `character(n)`.
pub(super) fn bytes_of(value: Expr, field: &Field) -> Expr {
    match field.cast() {
        "bpchar" => value.cast_as("bpchar").cast_as("text"),
        _ => value,
    }
}
