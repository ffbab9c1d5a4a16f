//! Groups and their aggregates.

use sea_query::{CaseStatement, Expr, ExprTrait as _, Func, Query, SelectStatement};

use super::{Columns, Dialect, column, condition, documents, number, postgres, sums, term};
use crate::catalog::{Field, FieldType};
use crate::encode::{Cell, Member, Shape};
use crate::plan::{Aggregate, Condition, Function, GroupKey, Number, Output, ReadPlan, Term};

/// The alias of groups that are selected again.
pub(super) const GROUPS: &str = "g";

/// Selects the keys and aggregates of groups.
pub(super) fn members<'p>(
    columns: &mut Columns<'p>,
    by: &[GroupKey<'p>],
    aggregates: &[Aggregate<'p>],
) -> Vec<Member> {
    let dialect = columns.dialect;
    let mut members = Vec::with_capacity(by.len() + aggregates.len());
    for key in by {
        let field = key.term.field();
        let cell = match field.withholds_order() {
            true => {
                let value = term::ordered(&key.term, dialect);
                let (expr, shape) = column::projected(value.clone(), field, dialect);
                columns.guarded(&value, expr, shape, field)
            }
            false => columns.term(&key.term),
        };
        members.push(Member::cell(&key.name, cell));
    }
    for aggregate in aggregates {
        let cell = AggregateSql { aggregate, dialect }.cell(columns);
        members.push(Member::cell(&aggregate.alias, cell));
    }
    members
}

/// The name of a column that is selected again, by its position.
pub(super) fn name(index: usize) -> String {
    format!("c{index}")
}

/// A column that is selected again.
pub(super) fn column(index: usize) -> (&'static str, String) {
    (GROUPS, name(index))
}

/// A member of the groups as it is compared, where they are selected again.
pub(super) fn member(index: usize) -> Expr {
    Expr::col((GROUPS, format!("m{index}")))
}

/// A SELECT from the groups that another finds, of those that remain, of no column yet.
pub(super) fn remaining(
    mut groups: SelectStatement,
    plan: &ReadPlan<'_>,
    having: &Condition<'_>,
    dialect: Dialect,
) -> SelectStatement {
    if let Output::Groups { by, aggregates, .. } = &plan.output {
        for (index, key) in by.iter().enumerate() {
            groups.expr_as(term::ordered(&key.term, dialect), format!("o{index}"));
        }
        let keys = by.iter().map(|key| term::grouped(&key.term, dialect));
        let told = aggregates.iter();
        let told = told.map(|aggregate| AggregateSql { aggregate, dialect }.compared());
        for (index, expr) in keys.chain(told).enumerate() {
            groups.expr_as(expr, format!("m{index}"));
        }
    }
    let mut select = Query::select();
    select.from_subquery(groups, GROUPS);
    select.and_where(condition::expr(having, dialect));
    select
}

/// A key of the groups as it is ordered, where they are selected again.
fn placed(index: usize) -> Expr {
    Expr::col((GROUPS, format!("o{index}")))
}

/// Groups by the keys.
pub(super) fn group_by(select: &mut SelectStatement, by: &[GroupKey<'_>], dialect: Dialect) {
    for GroupKey { term, .. } in by {
        select.add_group_by([term::grouped(term, dialect)]);
        // PostgreSQL does not know that one follows from the other.
        if dialect == Dialect::Postgres && matches!(term, Term::Part(..)) {
            select.add_group_by([term::ordered(term, dialect)]);
        }
    }
}

/// What a member of the output is ordered by, `again` where the groups are selected once more, and
/// whether it may be NULL.
pub(super) fn ordered(
    by: &[GroupKey<'_>],
    aggregates: &[Aggregate<'_>],
    index: usize,
    again: bool,
    dialect: Dialect,
) -> (Expr, bool) {
    if again {
        return match index < by.len() {
            true => (placed(index), true),
            false => (member(index), true),
        };
    }
    match (by.get(index), aggregates.get(index.wrapping_sub(by.len()))) {
        (Some(key), _) => {
            let nullable = key.term.is_order_nullable();
            (term::ordered(&key.term, dialect), nullable)
        }
        (None, Some(aggregate)) => (AggregateSql { aggregate, dialect }.computed(), true),
        (None, None) => (Expr::cust("1"), false),
    }
}

/// An aggregate in a dialect.
pub(super) struct AggregateSql<'t, 'c> {
    aggregate: &'t Aggregate<'c>,
    dialect: Dialect,
}

impl<'t, 'c> AggregateSql<'t, 'c> {
    pub(super) fn of(aggregate: &'t Aggregate<'c>, dialect: Dialect) -> Self {
        Self { aggregate, dialect }
    }
}

impl AggregateSql<'_, '_> {
    /// The columns that tell it.
    fn cell(&self, columns: &mut Columns<'_>) -> Cell {
        if let Some(cell) = self.exact(columns) {
            return cell;
        }
        let (function, dialect) = (self.aggregate.function, self.dialect);
        let computed = self.computed();
        match (function, &self.aggregate.term) {
            (Function::Avg | Function::Count | Function::CountDistinct, _) | (_, None) => {
                columns.plain(computed, Shape::Native)
            }
            (_, Some(Term::Number(number))) => {
                // On SQLite digits are told, and a float is compared.
                let of_all = match dialect {
                    Dialect::Sqlite => number::aggregated(function, number),
                    Dialect::Postgres | Dialect::MySql => None,
                };
                let told = of_all.map_or(computed, |told| self.kept(told));
                let (expr, shape) = number::told(told, number.is_float(), dialect);
                columns.plain(expr, shape)
            }
            (Function::Sum, Some(term)) => match dialect {
                Dialect::Sqlite => columns.plain(computed, Shape::Native),
                _ if is_float(term.field()) => columns.plain(computed, Shape::Native),
                Dialect::Postgres => {
                    let json = Func::cust("to_json").arg(computed).cast_as("text");
                    columns.plain(json, Shape::Number)
                }
                Dialect::MySql => columns.plain(computed.cast_as("CHAR"), Shape::Number),
            },
            (Function::Min | Function::Max, Some(term)) => {
                let field = term.field();
                let (expr, shape) = column::projected(computed.clone(), field, dialect);
                columns.guarded(&computed, expr, shape, field)
            }
        }
    }

    /// The columns of a sum or a mean that is told to the last digit: SQLite would not add exactly
    /// by itself, and a mean is divided once, when it is written.
    fn exact(&self, columns: &mut Columns<'_>) -> Option<Cell> {
        let term = self.aggregate.term.as_ref()?;
        let is_mean = match self.aggregate.function {
            Function::Sum => false,
            Function::Avg => true,
            _ => return None,
        };
        if self.dialect == Dialect::Sqlite {
            if let Term::Number(number) = term {
                let sum = number::aggregated(Function::Sum, number).filter(|_| is_mean)?;
                let cell = columns.plain(self.kept(sum), Shape::Mean { units: None });
                columns.add(self.kept(term::value(term, self.dialect).count()));
                return Some(cell);
            }
            let sums::Sum {
                units,
                scale,
                fixed,
            } = self.sum()?;
            let shape = match is_mean {
                true => Shape::Mean { units: Some(scale) },
                false => Shape::Sum { scale, fixed },
            };
            let cell = columns.plain(units, shape);
            if is_mean {
                columns.add(self.kept(sums::count(&term::value(term, self.dialect))));
            }
            return Some(cell);
        }
        if !is_mean || is_float(term.field()) {
            return None;
        }
        let text = match self.dialect {
            Dialect::MySql => "CHAR",
            _ => "text",
        };
        let value = self.value(term);
        let sum = self.kept(value.clone().sum()).cast_as(text);
        let cell = columns.plain(sum, Shape::Mean { units: None });
        columns.add(self.kept(value.count()));
        Some(cell)
    }

    /// The value of the rows that it is of; the servers without a clause for that take it for NULL
    /// elsewhere.
    fn value(&self, term: &Term<'_>) -> Expr {
        self.of_rows(term::value(term, self.dialect))
    }

    fn of_rows(&self, value: Expr) -> Expr {
        let filter = &self.aggregate.filter;
        match self.dialect {
            Dialect::MySql if !filter.is_everything() => CaseStatement::new()
                .case(condition::expr(filter, self.dialect), value)
                .into(),
            _ => value,
        }
    }

    /// A function of the rows that the aggregate is of.
    fn kept(&self, function: Expr) -> Expr {
        let filter = &self.aggregate.filter;
        let template = match self.dialect {
            _ if filter.is_everything() => return function,
            Dialect::MySql => return function,
            Dialect::Sqlite => "? FILTER (WHERE ?)",
            Dialect::Postgres => "$1 FILTER (WHERE $2)",
        };
        let filter = condition::expr(filter, self.dialect);
        Expr::cust_with_exprs(template, [function, filter])
    }

    /// A sum that SQLite would not add exactly by itself.
    fn sum(&self) -> Option<sums::Sum> {
        let term = self.aggregate.term.as_ref()?;
        let sum = sums::sum(term::value(term, self.dialect), term.field())?;
        Some(sums::Sum {
            units: self.kept(sum.units),
            ..sum
        })
    }

    /// As it is compared where groups are selected again.
    pub(super) fn compared(&self) -> Expr {
        let of_field = matches!(self.aggregate.term, Some(Term::Column(_)));
        let sums = of_field && self.aggregate.function == Function::Sum;
        match self
            .sum()
            .filter(|_| sums && self.dialect == Dialect::Sqlite)
        {
            Some(sum) => sum.compared(),
            None => self.computed(),
        }
    }

    /// As groups are ordered by it.
    pub(super) fn computed(&self) -> Expr {
        let dialect = self.dialect;
        let Some(term) = &self.aggregate.term else {
            return match self.aggregate.filter.is_everything() {
                true => Expr::cust("COUNT(*)"),
                false => self.kept(self.of_rows(Expr::cust("1")).count()),
            };
        };
        if let (Dialect::Sqlite, Term::Number(number)) = (dialect, term) {
            return self.of_number(term, number);
        }
        let field = term.field();
        let value = self.value(term);
        match self.aggregate.function {
            Function::Count => self.kept(value.count()),
            Function::CountDistinct => {
                let value = documents::ordered(value, field, dialect);
                self.kept(value.count_distinct())
            }
            Function::Min | Function::Max => {
                let value = documents::ordered(value, field, dialect);
                self.kept(extreme(value, self.aggregate.function, field, dialect))
            }
            Function::Sum => match self.sum().filter(|_| dialect == Dialect::Sqlite) {
                Some(sum) => sum.float(),
                None => self.kept(value.sum()),
            },
            Function::Avg => {
                let (sum, count) = match dialect {
                    Dialect::Sqlite => {
                        let count = self.kept(sums::count(&value));
                        match self.sum() {
                            Some(sum) => (sum.float(), count),
                            None => (self.kept(value.sum()), count),
                        }
                    }
                    _ => (self.kept(value.clone().sum()), self.kept(value.count())),
                };
                self.mean(sum, count)
            }
        }
    }

    /// A function of what an expression makes on SQLite, as it is compared.
    fn of_number(&self, term: &Term<'_>, number: &Number<'_>) -> Expr {
        let of_all = |function| {
            let all = number::aggregated(function, number);
            all.map(|all| self.kept(all).cast_as("REAL"))
        };
        let none = || Expr::cust("NULL");
        match self.aggregate.function {
            Function::Avg => {
                let count = self.kept(term::value(term, self.dialect).count());
                self.mean(of_all(Function::Sum).unwrap_or_else(none), count)
            }
            function => of_all(function).unwrap_or_else(none),
        }
    }

    /// What orders groups by their means.
    fn mean(&self, sum: Expr, count: Expr) -> Expr {
        let sum = match self.dialect {
            Dialect::Sqlite => sum,
            Dialect::Postgres => sum.cast_as("double precision"),
            Dialect::MySql => sum.cast_as("DOUBLE"),
        };
        sum.div(Func::cust("NULLIF").arg(count).arg(Expr::cust("0")))
    }
}

/// The smallest or largest value; PostgreSQL has neither for booleans, and none for UUIDs before 18.
fn extreme(column: Expr, function: Function, field: &Field, dialect: Dialect) -> Expr {
    let min = function == Function::Min;
    if let (Dialect::Postgres, Some(home)) = (dialect, postgres::home(field)) {
        return postgres::extreme(column, min, home);
    }
    let column = match (dialect, field.field_type()) {
        (Dialect::Postgres, FieldType::Boolean) => {
            let every = if min { "bool_and" } else { "bool_or" };
            return Func::cust(every).arg(column).into();
        }
        // Their texts have one form and length, so they order alike byte by byte.
        (Dialect::Postgres, FieldType::Uuid) => {
            Expr::cust_with_exprs("CAST($1 AS text) COLLATE \"C\"", [column])
        }
        (Dialect::Postgres, _) => postgres::operand(column, field),
        _ => column,
    };
    if min { column.min() } else { column.max() }
}

fn is_float(field: &Field) -> bool {
    matches!(field.field_type(), FieldType::Float | FieldType::Float32)
}
