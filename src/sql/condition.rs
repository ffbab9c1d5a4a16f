//! Conditions as expressions that are never unknown.

use sea_query::extension::postgres::PgBinOper;
use sea_query::extension::sqlite::SqliteBinOper;
use sea_query::{Expr, ExprTrait as _, Func, LikeExpr};

use super::column::{bound, comparable};
use super::{BASE, Dialect, column_of, mysql};
use crate::catalog::Field;
use crate::plan::{Comparison, Condition, Pattern, Place, Value};

/// The escape of LIKE; a backslash would be read by MySQL's own strings.
pub(super) const ESCAPE: char = '!';

/// The expression of a condition.
pub(super) fn expr(condition: &Condition<'_>, dialect: Dialect) -> Expr {
    match condition {
        Condition::All(parts) => parts
            .iter()
            .map(|part| expr(part, dialect))
            .reduce(|all, part| all.and(part))
            .unwrap_or_else(|| constant(true)),
        Condition::Any(parts) => parts
            .iter()
            .map(|part| expr(part, dialect))
            .reduce(|any, part| any.or(part))
            .unwrap_or_else(|| constant(false)),
        Condition::Test {
            field,
            comparison,
            negated: false,
        } => test(field, comparison, dialect),
        Condition::Test {
            field,
            comparison,
            negated: true,
        } => complement(field, comparison, dialect),
    }
}

fn constant(value: bool) -> Expr {
    Expr::cust(if value { "1 = 1" } else { "1 = 0" })
}

fn test(field: &Field, comparison: &Comparison, dialect: Dialect) -> Expr {
    let column = column_of(BASE, field);
    match comparison {
        Comparison::Null => column.is_null(),
        Comparison::Equal(value) => same(field, value, dialect),
        Comparison::In { values, null } => {
            let listed = (!values.is_empty()).then(|| one_of(field, values, dialect));
            match (listed, null) {
                (Some(listed), true) => listed.or(column.is_null()),
                (Some(listed), false) => listed,
                (None, true) => column.is_null(),
                (None, false) => constant(false),
            }
        }
        Comparison::Greater(value) => ranged(field, value, dialect, |a, b| a.gt(b)),
        Comparison::GreaterOrEqual(value) => ranged(field, value, dialect, |a, b| a.gte(b)),
        Comparison::Less(value) => ranged(field, value, dialect, |a, b| a.lt(b)),
        Comparison::LessOrEqual(value) => ranged(field, value, dialect, |a, b| a.lte(b)),
        Comparison::Text(pattern) => text(field, pattern, dialect),
    }
}

/// The exact complement of a test: it holds for NULL, unless NULL is what is tested.
fn complement(field: &Field, comparison: &Comparison, dialect: Dialect) -> Expr {
    let column = column_of(BASE, field);
    match comparison {
        Comparison::Null => column.is_not_null(),
        Comparison::In { values, null: true } if values.is_empty() => column.is_not_null(),
        Comparison::In {
            values,
            null: false,
        } if values.is_empty() => constant(true),
        Comparison::In { values, null: true } => {
            denied(one_of(field, values, dialect), field, dialect).and(column.is_not_null())
        }
        _ => {
            let denied = denied(test(field, comparison, dialect), field, dialect);
            if field.is_nullable() {
                denied.or(column.is_null())
            } else {
                denied
            }
        }
    }
}

/// What holds where a test of a value that is not NULL does not.
fn denied(test: Expr, field: &Field, dialect: Dialect) -> Expr {
    match dialect {
        Dialect::MySql => mysql::denied(test, field),
        Dialect::Sqlite | Dialect::Postgres => test.not(),
    }
}

fn same(field: &Field, value: &Value, dialect: Dialect) -> Expr {
    let column = comparable(field, std::slice::from_ref(value), dialect);
    match spellings(field, value, dialect) {
        Some((space, t)) => column.is_in([Expr::val(space), Expr::val(t)]),
        None => column.eq(bound(value, field, dialect)),
    }
}

fn one_of(field: &Field, values: &[Value], dialect: Dialect) -> Expr {
    let mut listed: Vec<Expr> = Vec::with_capacity(values.len());
    for value in values {
        match spellings(field, value, dialect) {
            Some((space, t)) => listed.extend([Expr::val(space), Expr::val(t)]),
            None => listed.push(bound(value, field, dialect)),
        }
    }
    comparable(field, values, dialect).is_in(listed)
}

/// A comparison by order.
///
/// SQLite orders values of different classes too (every text above every number), so there the
/// value's class is required as well.
fn ranged(field: &Field, value: &Value, dialect: Dialect, compare: fn(Expr, Expr) -> Expr) -> Expr {
    let column = comparable(field, std::slice::from_ref(value), dialect);
    if !field.is_dynamic() {
        return compare(column, bound(value, field, dialect));
    }
    let class = Func::cust("typeof").arg(column.clone());
    let of_class = match value {
        Value::Text(_) => Expr::from(class).eq(Expr::cust("'text'")),
        Value::Bytes(_) => Expr::from(class).eq(Expr::cust("'blob'")),
        _ => Expr::from(class).is_in([Expr::cust("'integer'"), Expr::cust("'real'")]),
    };
    let compared = match spellings(field, value, dialect) {
        // One form for both spellings; the bound before it keeps an index usable: a space sorts
        // below a T, so the wider of the two spellings admits whatever the exact test admits.
        Some((space, t)) => {
            let exact = Func::cust("replace")
                .arg(column.clone())
                .arg(Expr::cust("'T'"))
                .arg(Expr::cust("' '"));
            let low = compare(column.clone(), Expr::val(space.clone()));
            let high = compare(column, Expr::val(t));
            low.or(high).and(compare(exact.into(), Expr::val(space)))
        }
        None => compare(column, bound(value, field, dialect)),
    };
    compared.and(of_class)
}

/// Both ways in which SQLite's text may separate day and time, for a value that has both.
fn spellings(field: &Field, value: &Value, dialect: Dialect) -> Option<(String, String)> {
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

/// Where a literal text stands in the column.
fn text(field: &Field, pattern: &Pattern, dialect: Dialect) -> Expr {
    let column = column_of(BASE, field);
    let like = LikeExpr::new(around(pattern, escaped_like(&pattern.text), '%')).escape(ESCAPE);
    match (dialect, pattern.fold) {
        (Dialect::Sqlite, false) => {
            let glob = around(pattern, escaped_glob(&pattern.text), '*');
            column.binary(SqliteBinOper::Glob, Expr::val(glob))
        }
        // LIKE of SQLite folds the letters of ASCII, and only those.
        (Dialect::Sqlite, true) => column.like(like),
        (Dialect::Postgres, false) => column.cast_as("text").like(like),
        (Dialect::Postgres, true) => column.cast_as("text").binary(PgBinOper::ILike, like),
        (Dialect::MySql, fold) => {
            let pattern_text = around(pattern, escaped_like(&pattern.text), '%');
            mysql::like(column, field, pattern_text, pattern.place, fold)
        }
    }
}

fn around(pattern: &Pattern, text: String, any: char) -> String {
    match pattern.place {
        Place::Anywhere => format!("{any}{text}{any}"),
        Place::Start => format!("{text}{any}"),
        Place::End => format!("{any}{text}"),
    }
}

fn escaped_like(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | ESCAPE) {
            escaped.push(ESCAPE);
        }
        escaped.push(character);
    }
    escaped
}

fn escaped_glob(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '*' | '?' | '[') {
            escaped.extend(['[', character, ']']);
        } else {
            escaped.push(character);
        }
    }
    escaped
}
