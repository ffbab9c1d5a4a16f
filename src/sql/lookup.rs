//! Single records by a whole number or a UUID: statements that are written once and bound often,
//! for one id or for several at once.

use std::fmt;
use std::sync::Arc;

use sea_query::Values;

use super::shapes::WholeRow;
use super::{Dialect, Statement, condition, source};
use crate::catalog::{FieldType, Kind, Model};
use crate::encode::{Cell, Datum, Layout};
use crate::plan::{Comparison, Condition, Term, Value};

/// The most ids of one statement.
pub(crate) const MOST: usize = 64;
/// Statements of so many ids each are written; fewer ids are filled up with the last one.
const SIZES: [usize; 7] = [1, 2, 4, 8, 16, 32, MOST];

/// The id of a record that can be told apart here as surely as in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Id {
    /// A whole number.
    Number(i64),
    /// The bytes of a UUID.
    Uuid([u8; 16]),
}

impl Id {
    /// The id that a row's key is.
    pub fn of(key: &Datum<'_>) -> Option<Self> {
        match *key {
            Datum::Int(id) => Some(Self::Number(id)),
            Datum::Uint(id) => i64::try_from(id).ok().map(Self::Number),
            Datum::Uuid(bytes) => Some(Self::Uuid(bytes)),
            _ => None,
        }
    }

    /// The UUID of its text in lower case, with hyphens.
    fn uuid(text: &str) -> Option<Self> {
        let digits = text.bytes().filter(|byte| *byte != b'-');
        let digits: Option<Vec<u8>> = digits
            .map(|digit| {
                char::from(digit)
                    .to_digit(16)
                    .and_then(|digit| digit.try_into().ok())
            })
            .collect();
        let (pairs, _) = digits.as_ref()?.as_chunks::<2>();
        let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
        bytes.try_into().ok().map(Self::Uuid)
    }

    fn bound(self) -> sea_query::Value {
        match self {
            Self::Number(id) => sea_query::Value::BigInt(Some(id)),
            // PostgreSQL reads the digits without hyphens too.
            Self::Uuid(bytes) => format!("{:032x}", u128::from_be_bytes(bytes)).into(),
        }
    }
}

/// How the records of a model are read by their ids, where its key is one field of such.
pub struct Lookup {
    /// One for each of the sizes.
    statements: Vec<Statement>,
    /// Where the ids stand among the values of a statement.
    first: usize,
    key: Cell,
    /// What the ids are, by one of them.
    kind: Id,
}

impl Lookup {
    /// The lookup of a model; `None` where its key is none that can be told apart here for certain,
    /// or where rows of a view or of a child could share it.
    pub(super) fn of(model: &Model, whole: &WholeRow, dialect: Dialect) -> Option<Self> {
        let mut key = model.key();
        let field = key.next().filter(|_| key.next().is_none())?;
        let kind = match field.field_type() {
            // A year is bound by its value.
            FieldType::Integer { .. } if field.cast() != "year" => Id::Number(0),
            // Elsewhere a UUID is text, which compares as its collation does.
            FieldType::Uuid if dialect == Dialect::Postgres => Id::Uuid([0; 16]),
            _ => return None,
        };
        if model.kind() != Kind::Table || model.is_inherited() {
            return None;
        }
        let key = whole.cell(model, field)?;
        let layout = Arc::new(whole.layout(model, &[]));
        let mut select = whole.select();
        source(&mut select, model, dialect);
        let written = |size: usize| {
            let any = match kind {
                Id::Number(_) => Value::Int(0),
                Id::Uuid(_) => Value::Text(String::new()),
            };
            let comparison = match size {
                1 => Comparison::Equal(any),
                _ => Comparison::In {
                    values: vec![any; size],
                    null: false,
                },
            };
            let test = Condition::Test {
                term: Term::own(field),
                comparison,
                negated: false,
            };
            let mut select = select.clone();
            select.and_where(condition::expr(&test, dialect));
            Statement::new(&select, dialect, Arc::clone(&layout), model.runs_code()).brief(true)
        };
        let statements: Vec<Statement> = SIZES.into_iter().map(written).collect();
        let first = statements.first()?.values.0.len().checked_sub(1)?;
        Some(Self {
            statements,
            first,
            key,
            kind,
        })
    }

    /// The id that a client asks for by a value of the key.
    pub(super) fn id(&self, value: &Value) -> Option<Id> {
        match (self.kind, value) {
            (Id::Number(_), Value::Int(id)) => Some(Id::Number(*id)),
            (Id::Uuid(_), Value::Text(text)) => Id::uuid(text),
            _ => None,
        }
    }

    /// The statement that reads the records of these ids: at least one, at most [`MOST`].
    pub fn statement(&self, ids: &[Id]) -> Statement {
        let size = SIZES.partition_point(|size| *size < ids.len());
        let mut statement = self.statements[size.min(SIZES.len() - 1)].clone();
        let Values(values) = &mut statement.values;
        let last = ids.last().copied().unwrap_or(self.kind);
        let ids = ids.iter().copied().chain(std::iter::repeat(last));
        for (value, id) in values.iter_mut().skip(self.first).zip(ids) {
            *value = id.bound();
        }
        statement
    }

    /// Whether code of others may run where it is read.
    pub fn runs_code(&self) -> bool {
        self.statements[0].runs_code
    }

    /// What the long values of one record may take in the driver, in bytes.
    pub(crate) fn row_bytes(&self) -> usize {
        self.statements[0].row_bytes
    }

    /// The column that holds a record's id.
    pub fn key(&self) -> usize {
        self.key.index
    }

    /// How the records become answers.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.statements[0].layout
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup")
            .field("text", &self.statements[0].text)
            .finish_non_exhaustive()
    }
}
