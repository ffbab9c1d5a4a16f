//! What an expression may be made of.

use sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, Ident, InTarget, ObjectNamePart, Spanned as _, Value, ValueWithSpan,
};
use sqlparser::tokenizer::Location;

use super::{Judge, folded};
use crate::sql::Dialect;
use crate::suggest;
use crate::tools::functions;

/// Types that a value may be made: those of the engines themselves, by the first word of their names.
const TYPES: &[&str] = &[
    "bigint",
    "binary",
    "bool",
    "boolean",
    "bytea",
    "char",
    "character",
    "date",
    "datetime",
    "dec",
    "decimal",
    "double",
    "float",
    "float4",
    "float8",
    "int",
    "int2",
    "int4",
    "int8",
    "integer",
    "interval",
    "json",
    "jsonb",
    "nchar",
    "numeric",
    "real",
    "signed",
    "smallint",
    "text",
    "time",
    "timestamp",
    "timestamptz",
    "unsigned",
    "uuid",
    "varchar",
    "year",
    "blob",
];

impl Judge<'_> {
    fn call(&mut self, function: &Function) {
        let at = function.name.span().start;
        let name = match &function.name.0[..] {
            [ObjectNamePart::Identifier(name)] => match name.quote_style {
                None => name.value.to_ascii_lowercase(),
                Some(_) => name.value.clone(),
            },
            _ => function.name.to_string().replace(['"', '`'], ""),
        };
        let is_named = self.names.functions.contains(&name);
        let is_plain =
            function.name.0.len() == 1 && functions::is_built_in(self.names.dialect, &name);
        if !is_named && !is_plain {
            let near = suggest::nearest(&name, functions::built_in(self.names.dialect));
            let help = match near {
                Some(near) => format!("did you mean {near}?"),
                None => "one of your own that only reads what it is given may be named: functions = [\"schema.name\"]".to_owned(),
            };
            self.fault(
                at,
                format!("the function {name} is not one that a tool may call"),
                help,
            );
        }
        let plain_parameters = matches!(function.parameters, FunctionArguments::None);
        let plain_clauses = match &function.args {
            FunctionArguments::List(list) => list.clauses.iter().all(|clause| {
                matches!(
                    clause,
                    FunctionArgumentClause::OrderBy(_)
                        | FunctionArgumentClause::Limit(_)
                        | FunctionArgumentClause::Separator(_)
                )
            }),
            FunctionArguments::None => true,
            FunctionArguments::Subquery(_) => false,
        };
        let rows = match &function.args {
            FunctionArguments::List(list) => list.args.iter().any(is_row),
            _ => false,
        };
        if rows {
            self.fault(
                at,
                format!("{name} takes columns that are not named"),
                "write the columns out",
            );
        }
        if function.uses_odbc_syntax || !plain_parameters || !plain_clauses {
            self.fault(
                at,
                format!("{name} is called in a way that a tool may not use"),
                "write name(argument, …)",
            );
        }
    }

    fn data_type(&mut self, data_type: &DataType, at: Location) {
        let text = data_type.to_string().to_ascii_lowercase();
        let text = text.strip_suffix("[]").unwrap_or(&text);
        let word = text.split(['(', ' ']).next().unwrap_or(text);
        if !TYPES.contains(&word) || text.contains(['"', '.', '`']) {
            self.fault(
                at,
                format!("{text} is no type that a tool may make"),
                "use the engine's own types of numbers, texts, dates and documents",
            );
        }
    }

    /// Judges a name after a point, which PostgreSQL takes for a function where it is no column.
    fn member(&mut self, parts: &[Ident]) {
        let [before @ .., of, last] = parts else {
            return;
        };
        let dialect = self.names.dialect;
        let (called, column) = (folded(of, dialect), folded(last, dialect));
        let is_column = match before.is_empty() {
            true => self.relations.has(&called, &column),
            false => self.relations.all_have(&called, &column),
        };
        if dialect == Dialect::Postgres && !is_column {
            let (message, help) = match self.names.raw {
                true => (
                    format!(
                        "it reads {}.{}, which reads does not name",
                        of.value, last.value
                    ),
                    "name it in reads; in a list or subquery give it a name: … AS name",
                ),
                false => (
                    format!("{} has no column {} here", of.value, last.value),
                    "name a column of a model, list or subquery: … AS name",
                ),
            };
            self.fault(of.span.start, message, help);
        }
    }

    fn within(&mut self, target: &InTarget, is_global: bool, at: Location) {
        match target {
            InTarget::List(members) => {
                if let [
                    Expr::Value(ValueWithSpan {
                        value: Value::Placeholder(_),
                        span,
                    }),
                ] = &members[..]
                {
                    self.places.insert(span.start);
                }
                if is_global {
                    self.fault(at, "GLOBAL IN", "write IN");
                }
            }
            InTarget::Subquery(_) => {}
            InTarget::Table { .. } | InTarget::Unnest(_) => {
                self.fault(at, "IN a table", "write IN (SELECT column FROM …)");
            }
        }
    }

    pub(super) fn expression(&mut self, expr: &Expr) {
        let at = expr.span().start;
        match expr {
            Expr::Function(function) => self.call(function),
            Expr::Cast {
                data_type, format, ..
            } => {
                self.data_type(data_type, at);
                if format.is_some() {
                    self.fault(at, "CAST with a format", "write CAST(… AS type)");
                }
            }
            Expr::TypedString(string) => self.data_type(&string.data_type, at),
            Expr::Convert {
                data_type, styles, ..
            } => {
                if let Some(data_type) = data_type {
                    self.data_type(data_type, at);
                }
                if !styles.is_empty() {
                    self.fault(at, "CONVERT with a style", "write CAST(… AS type)");
                }
            }
            Expr::In { target, global, .. } => self.within(target, *global, at),
            Expr::BinaryOp { op, .. }
            | Expr::AnyOp { compare_op: op, .. }
            | Expr::AllOp { compare_op: op, .. } => {
                if matches!(
                    op,
                    BinaryOperator::PGCustomBinaryOperator(_)
                        | BinaryOperator::Assignment
                        | BinaryOperator::Custom(_)
                ) {
                    self.fault(
                        at,
                        format!("the operator {op} is not one that a tool may use"),
                        "use the engine's own operators",
                    );
                }
            }
            Expr::Collate { collation, .. } if collation.0.len() > 1 => {
                self.fault(
                    at,
                    format!("the collation {collation} is of another schema"),
                    "use one of the engine's own",
                );
            }
            Expr::Identifier(name) if is_of_session(name) => {
                let help = "the caller's own are parameters: from = \"caller.token\"";
                self.fault(at, format!("{} tells of the session", name.value), help);
            }
            Expr::Identifier(name) => {
                let folded = folded(name, self.names.dialect);
                self.bare.push((folded, name.span.start));
            }
            Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => {
                self.fault(
                    at,
                    "* takes columns that are not named",
                    "write the columns out",
                );
            }
            Expr::CompoundIdentifier(parts) => self.member(parts),
            _ if is_plain(expr) => {}
            _ => self.fault(
                at,
                "an expression of a kind that a tool may not use",
                "write it in plain SQL",
            ),
        }
    }
}

/// Whether an expression is what its parts are, which are judged by themselves.
fn is_plain(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::CompoundFieldAccess { .. }
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotUnknown(_)
            | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..)
            | Expr::Between { .. }
            | Expr::Like { any: false, .. }
            | Expr::ILike { any: false, .. }
            | Expr::SimilarTo { .. }
            | Expr::RLike { .. }
            | Expr::UnaryOp { .. }
            | Expr::AtTimeZone { .. }
            | Expr::Extract { .. }
            | Expr::Ceil { .. }
            | Expr::Floor { .. }
            | Expr::Position { .. }
            | Expr::Substring { .. }
            | Expr::Trim { .. }
            | Expr::Overlay { .. }
            | Expr::Collate { .. }
            | Expr::Nested(_)
            | Expr::Value(_)
            | Expr::Case { .. }
            | Expr::Exists { .. }
            | Expr::Subquery(_)
            | Expr::GroupingSets(_)
            | Expr::Cube(_)
            | Expr::Rollup(_)
            | Expr::Tuple(_)
            | Expr::Array(_)
            | Expr::Interval(_)
    )
}

/// Whether an argument is all columns of a table.
fn is_row(argument: &FunctionArg) -> bool {
    let value = match argument {
        FunctionArg::Named { arg, .. } | FunctionArg::ExprNamed { arg, .. } => arg,
        FunctionArg::Unnamed(arg) => arg,
    };
    matches!(value, FunctionArgExpr::QualifiedWildcard(..))
}

/// Whether a bare word is a function of the session on some engine.
fn is_of_session(name: &Ident) -> bool {
    let word = name.value.to_ascii_lowercase();
    name.quote_style.is_none()
        && matches!(
            &*word,
            "current_user"
                | "session_user"
                | "system_user"
                | "current_role"
                | "current_catalog"
                | "current_schema"
        )
}
