//! Conditions as expressions that are never unknown.

use sea_query::extension::sqlite::SqliteBinOper;
use sea_query::{Expr, ExprTrait as _, Func, LikeExpr};

use super::column::bound;
use super::compare::{Operator, compare, equal, operand, spellings};
use super::search::{Search, cases};
use super::{Dialect, documents, many, mysql, postgres, term};
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
            term,
            comparison,
            negated,
        } => {
            let value = Subject {
                column: term::compared(term, dialect),
                field: term.field(),
                nullable: term.is_nullable(),
                dialect,
            };
            match negated {
                false => value.test(comparison),
                true => value.complement(comparison),
            }
        }
        Condition::Some {
            rows,
            filter,
            negated,
        } => {
            let exists = many::some(rows, filter, dialect);
            match negated {
                false => exists,
                true => exists.not(),
            }
        }
    }
}

fn constant(value: bool) -> Expr {
    Expr::cust(if value { "1 = 1" } else { "1 = 0" })
}

/// A value that is tested, and the field whose type it has.
struct Subject<'t> {
    column: Expr,
    field: &'t Field,
    nullable: bool,
    dialect: Dialect,
}

impl Subject<'_> {
    fn column(&self) -> Expr {
        self.column.clone()
    }

    /// Whether there is no value.
    fn is_null(&self) -> Expr {
        match self.dialect {
            Dialect::Postgres => postgres::is_null(self.column(), self.field),
            Dialect::Sqlite => self.column().is_null(),
            Dialect::MySql => mysql::is_null(self.column(), self.field),
        }
    }

    /// Whether there is a value.
    fn is_not_null(&self) -> Expr {
        match self.dialect {
            Dialect::Postgres => postgres::is_not_null(self.column(), self.field),
            Dialect::Sqlite | Dialect::MySql => self.column().is_not_null(),
        }
    }

    fn guarded(&self, test: Expr, comparison: &Comparison) -> Expr {
        documents::guarded(test, &self.column, self.field, comparison, self.dialect)
    }

    fn listed(&self, values: &[Value], comparison: &Comparison) -> Expr {
        let listed = equal(self.column(), self.field, values, self.dialect);
        self.guarded(listed, comparison)
    }

    fn test(&self, comparison: &Comparison) -> Expr {
        let test = match comparison {
            Comparison::Null => return self.is_null(),
            Comparison::In { values, null } => {
                return match (values.is_empty(), null) {
                    (false, true) => self.listed(values, comparison).or(self.is_null()),
                    (false, false) => self.listed(values, comparison),
                    (true, true) => self.is_null(),
                    (true, false) => constant(false),
                };
            }
            Comparison::Equal(value) => {
                let values = std::slice::from_ref(value);
                equal(self.column(), self.field, values, self.dialect)
            }
            Comparison::Greater(value) => self.ranged(value, Operator::Greater),
            Comparison::GreaterOrEqual(value) => self.ranged(value, Operator::GreaterOrEqual),
            Comparison::Less(value) => self.ranged(value, Operator::Less),
            Comparison::LessOrEqual(value) => self.ranged(value, Operator::LessOrEqual),
            Comparison::Text(pattern) => text(self.column(), self.field, pattern, self.dialect),
        };
        self.guarded(test, comparison)
    }

    /// The exact complement of a test: it holds for NULL, unless NULL is what is tested.
    fn complement(&self, comparison: &Comparison) -> Expr {
        match comparison {
            Comparison::Null => self.is_not_null(),
            Comparison::In { values, null: true } if values.is_empty() => self.is_not_null(),
            Comparison::In {
                values,
                null: false,
            } if values.is_empty() => constant(true),
            Comparison::In { values, null: true } => {
                let denied = self.denied(self.listed(values, comparison));
                denied.and(self.is_not_null())
            }
            _ => {
                let denied = self.denied(self.test(comparison));
                match self.nullable {
                    true => denied.or(self.is_null()),
                    false => denied,
                }
            }
        }
    }

    /// What holds where a test of a value that is not NULL does not.
    fn denied(&self, test: Expr) -> Expr {
        match self.dialect {
            Dialect::MySql => mysql::denied(test, self.field),
            Dialect::Sqlite | Dialect::Postgres => test.not(),
        }
    }

    /// A comparison by order.
    ///
    /// SQLite orders values of different classes too (every text above every number), so there the
    /// value's class is required as well.
    fn ranged(&self, value: &Value, operator: Operator) -> Expr {
        let (field, dialect) = (self.field, self.dialect);
        if dialect == Dialect::MySql {
            return mysql::ranged(self.column(), operator, value, field);
        }
        let column = operand(self.column(), field, dialect);
        let compare = |column, value| compare(column, operator, value, field, dialect);
        if !field.is_dynamic() {
            return compare(column, bound(value, field, dialect));
        }
        let class = Func::cust("typeof").arg(column.clone());
        let of_class = match value {
            Value::Text(_) | Value::RawText(_) => Expr::from(class).eq(Expr::cust("'text'")),
            Value::Bytes(_) => Expr::from(class).eq(Expr::cust("'blob'")),
            _ => Expr::from(class).is_in([Expr::cust("'integer'"), Expr::cust("'real'")]),
        };
        let compared = match spellings(field, value, dialect) {
            // Each row is compared in its own spelling. A space sorts below a T, so one of the two
            // comparisons holds wherever the other does: it stands alone in front, for an index.
            Some((space, t)) => {
                let separator = Func::cust("substr")
                    .arg(column.clone())
                    .arg(Expr::cust("11"))
                    .arg(Expr::cust("1"));
                let has_t = Expr::from(separator).eq(Expr::cust("'T'"));
                let (wide, narrow, suffices) = match operator {
                    Operator::Less | Operator::LessOrEqual => (t, space, has_t),
                    _ => (space, t, has_t.not()),
                };
                let narrow = compare(column.clone(), Expr::val(narrow));
                compare(column, Expr::val(wide)).and(narrow.or(suffices))
            }
            None => compare(column, bound(value, field, dialect)),
        };
        compared.and(of_class)
    }
}

/// Where a literal text stands in the column.
fn text(column: Expr, field: &Field, pattern: &Pattern, dialect: Dialect) -> Expr {
    let like = LikeExpr::new(around(pattern, &escaped_like(&pattern.text), '%')).escape(ESCAPE);
    match (dialect, pattern.fold) {
        (Dialect::Sqlite, fold) => match Search::of(pattern) {
            Some(search) => Func::cust(search.name())
                .arg(column.cast_as("TEXT"))
                .arg(Expr::val(pattern.text.clone()))
                .into(),
            // An index serves it. LIKE folds the letters of ASCII, and only those; GLOB takes sets
            // of letters.
            None => {
                let glob = around(pattern, &escaped_glob(&pattern.text, fold), '*');
                column.binary(SqliteBinOper::Glob, Expr::val(glob))
            }
        },
        (Dialect::Postgres, false) => postgres::letters(column, field).like(like),
        // The builder would put the pattern and its escape in brackets, which ILIKE does not take.
        (Dialect::Postgres, true) => {
            let pattern = Expr::val(around(pattern, &escaped_like(&pattern.text), '%'));
            let operands = [postgres::letters(column, field), pattern];
            Expr::cust_with_exprs(format!("$1 ILIKE $2 ESCAPE '{ESCAPE}'"), operands)
        }
        (Dialect::MySql, fold) => {
            let literal = around(pattern, &escaped_like(&pattern.text), '%');
            mysql::like(column, field, literal, pattern.place, fold)
        }
    }
}

fn around(pattern: &Pattern, text: &str, any: char) -> String {
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

fn escaped_glob(text: &str, fold: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        let cases = match fold {
            true => cases(character),
            false => vec![character],
        };
        if matches!(character, '*' | '?' | '[') || cases.len() > 1 {
            escaped.push('[');
            escaped.extend(cases);
            escaped.push(']');
        } else {
            escaped.push(character);
        }
    }
    escaped
}
