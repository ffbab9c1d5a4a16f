//! Comparisons of a field: by which operators, and of which expression.
//!
//! On PostgreSQL an operator is found by its name, in the schemas of the session's path, and that
//! is the system's catalog alone. What is compared by operators of an extension names their schema,
//! so no schema of others can put its own in their place. Nothing else writes a comparison.

use sea_query::{Expr, ExprTrait as _};

use super::column::bound;
use super::{Dialect, column_of, documents, mysql, postgres};
use crate::catalog::{Affinity, Field, FieldType};
use crate::plan::{self, Value};

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// A field as it is compared: in the type that has the operators.
pub(super) fn operand(column: Expr, field: &Field, dialect: Dialect) -> Expr {
    match dialect {
        Dialect::Postgres => postgres::operand(column, field),
        Dialect::Sqlite => documents::collated(column, field),
        Dialect::MySql => column,
    }
}

/// Compares a field's expression with another of its type.
pub(super) fn compare(
    left: Expr,
    operator: Operator,
    right: Expr,
    field: &Field,
    dialect: Dialect,
) -> Expr {
    if let (Dialect::Postgres, Some(home)) = (dialect, postgres::home(field)) {
        return postgres::compare(left, operator, right, home);
    }
    plain(left, operator, right)
}

/// Compares by the engine's own operators.
pub(super) fn plain(left: Expr, operator: Operator, right: Expr) -> Expr {
    match operator {
        Operator::Equal => left.eq(right),
        Operator::Less => left.lt(right),
        Operator::LessOrEqual => left.lte(right),
        Operator::Greater => left.gt(right),
        Operator::GreaterOrEqual => left.gte(right),
    }
}

/// Whether a field of a foreign key is equal to the one that it points to, as the engine would
/// enforce it: by the type and the collation of that one. Either it is sought, or the key is.
pub(super) fn key_equal(
    (alias, field): (&str, &Field),
    (other_alias, other): (&str, &Field),
    is_key_sought: bool,
    dialect: Dialect,
) -> Expr {
    let key = operand(column_of(alias, field), field, dialect);
    let pointed = operand(column_of(other_alias, other), other, dialect);
    match dialect {
        Dialect::Sqlite => {
            let (key, pointed) = (column_of(alias, field), column_of(other_alias, other));
            sqlite_key_equal(key, field, pointed, other)
        }
        Dialect::Postgres => {
            let key = postgres::of_type(key, field, other);
            let decides = field.decides(other, is_key_sought);
            let (key, pointed) =
                postgres::of_one_collation((key, field), (pointed, other), decides);
            compare(key, Operator::Equal, pointed, other, dialect)
        }
        Dialect::MySql => mysql::as_pointed(key, field, other).eq(pointed),
    }
}

/// As SQLite enforces a key: by the affinity and the collation of the column that it points to.
///
/// The plus takes the key's own away, and an index on it too, so it stands only where they could
/// matter: what is compared with numbers is made one anyway.
fn sqlite_key_equal(key: Expr, field: &Field, pointed: Expr, other: &Field) -> Expr {
    let is_plain = other.affinity() == Affinity::Numeric || other.affinity() == field.affinity();
    match is_plain {
        true => pointed.eq(key),
        false => pointed.eq(Expr::cust_with_exprs("+?", [key])),
    }
}

/// Whether a field is equal to one of some values, at least one, as its column compares.
pub(super) fn equal(column: Expr, field: &Field, values: &[Value], dialect: Dialect) -> Expr {
    let column = operand(column, field, dialect);
    if dialect == Dialect::MySql && field.field_type() == FieldType::Enum {
        return mysql::is_member(&column, field, values);
    }
    let listed = listed(field, values, dialect);
    match (dialect, postgres::home(field)) {
        (Dialect::Postgres, Some(home)) => postgres::is_one_of(&column, listed, home),
        _ => among(column, listed),
    }
}

/// Whether something is one of several values, at least one, by the engine's own equality.
pub(super) fn among(column: Expr, mut values: Vec<Expr>) -> Expr {
    match (values.pop(), values.is_empty()) {
        (Some(value), true) => column.eq(value),
        (last, _) => column.is_in(values.into_iter().chain(last)),
    }
}

/// Values as they are bound to be equal to a field, in each of their spellings.
pub(super) fn listed(field: &Field, values: &[Value], dialect: Dialect) -> Vec<Expr> {
    let mut listed = Vec::with_capacity(values.len());
    for value in values {
        match alike(field, value, dialect) {
            Some(forms) => listed.extend(forms),
            None => listed.push(bound(value, field, dialect)),
        }
    }
    listed
}

/// The forms in which SQLite may keep a value, where there are several.
fn alike(field: &Field, value: &Value, dialect: Dialect) -> Option<Vec<Expr>> {
    if let (Dialect::Sqlite, FieldType::Any, Value::Text(text)) =
        (dialect, field.field_type(), value)
    {
        return Some(written_as(text));
    }
    let (space, t) = spellings(field, value, dialect)?;
    Some(vec![Expr::val(space), Expr::val(t)])
}

/// What is served as a text where a column takes any value: the text itself, an infinity, a number
/// that a double would round, bytes.
fn written_as(text: &str) -> Vec<Expr> {
    let infinity = plan::infinity(text).map(Expr::val);
    let number = text.parse().ok();
    let number = number.filter(|number: &i64| text.len() > 15 && number.to_string() == text);
    let bytes = plan::bytes(text).map(Expr::val);
    std::iter::once(Expr::val(text))
        .chain(infinity)
        .chain(number.map(Expr::val))
        .chain(bytes)
        .collect()
}

/// Both ways in which SQLite's text may separate day and time, for a value that has both.
pub(super) fn spellings(
    field: &Field,
    value: &Value,
    dialect: Dialect,
) -> Option<(String, String)> {
    let Value::Text(text) = value else {
        return None;
    };
    if dialect != Dialect::Sqlite || !field.field_type().has_date() {
        return None;
    }
    let (day, time) = text.split_at_checked(10)?;
    let time = time.strip_prefix(['T', 't', ' '])?;
    Some((format!("{day} {time}"), format!("{day}T{time}")))
}
