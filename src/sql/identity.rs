//! What tells rows apart that share all other sort keys: the engine's own number of the row, or a
//! digest of what its fields hold, as it is written.
//!
//! Rows that share the digest too are alike, so it does not matter which of them comes first.

use sea_query::{Expr, ExprTrait as _, Func};

use super::{Dialect, column_of};
use crate::catalog::{Distinction, Field, FieldType, Model};
use crate::encode::Shape;
use crate::plan::{RowKey, Value};

/// Arguments of one call at the most; SQLite takes 127.
const ARGUMENTS: usize = 100;

/// The function that digests its arguments on SQLite, which has none itself.
pub(crate) const DIGEST: &str = "lucarne_digest";

/// The last sort key of a model's rows, and the shape that it arrives in.
pub(super) fn row(
    alias: &str,
    model: &Model,
    key: RowKey,
    dialect: Dialect,
) -> Option<(Expr, Shape)> {
    match model.distinction() {
        Distinction::Key | Distinction::None => None,
        Distinction::RowId(name) => {
            let row_id = Expr::col((alias.to_owned(), (*name).to_owned()));
            Some((row_id, Shape::Native))
        }
        Distinction::Content(_) => {
            let columns = model.content().map(|field| told(alias, field, dialect));
            Some((digest(columns.collect(), key, dialect), Shape::Native))
        }
    }
}

/// The last row's value of it.
pub(super) fn bound(value: &Value) -> Expr {
    match value {
        Value::Bytes(bytes) => Expr::val(bytes.clone()),
        Value::Int(number) => Expr::val(*number),
        // A digest is bytes, and a row's number is whole: nothing else was ever sealed.
        _ => Expr::cust("NULL"),
    }
}

/// A field as it is digested.
fn told(alias: &str, field: &Field, dialect: Dialect) -> Expr {
    let column = column_of(alias, field);
    match (dialect, field.field_type()) {
        // Where a fraction is compared too, the server puts the other side in its place, which has
        // the digits of a double: so both are one.
        (Dialect::MySql, FieldType::Float | FieldType::Float32) => column.add(Expr::cust("0e0")),
        _ => column,
    }
}

/// The key comes first in what is digested, so that nobody else can tell a digest.
fn digest(columns: Vec<Expr>, key: RowKey, dialect: Dialect) -> Expr {
    match dialect {
        Dialect::Sqlite => {
            let call = |columns: &[Expr]| Func::cust(DIGEST).args(columns.to_vec()).into();
            if columns.len() > ARGUMENTS {
                let parts = columns.chunks(ARGUMENTS).map(call).collect();
                return digest(parts, key, dialect);
            }
            let keyed: Vec<Expr> = std::iter::once(Expr::val(key.bytes().to_vec()))
                .chain(columns)
                .collect();
            call(&keyed)
        }
        // The text of a whole row tells every value as it is written, and NULL from an empty text.
        Dialect::Postgres => {
            let text = Func::cust("ROW").args(columns).cast_as("text");
            let encoding = Expr::cust("getdatabaseencoding()");
            let bytes = Func::cust("convert_to").arg(text).arg(encoding);
            let key = Expr::val(key.bytes().to_vec()).cast_as("bytea");
            let keyed = Func::cust("byteacat").arg(key).arg(bytes);
            Func::cust("sha256").arg(keyed).into()
        }
        // Each by a digest of its own, for together they might pass the largest packet.
        Dialect::MySql => {
            let parts = columns.into_iter().map(|column| {
                let whole = sha2(column.cast_as("BINARY"));
                Func::cust("IFNULL")
                    .arg(whole)
                    .arg(Expr::cust("'-'"))
                    .into()
            });
            let key = Expr::val(key.bytes().to_vec());
            let parts: Vec<Expr> = [Expr::cust("','"), Func::cust("HEX").arg(key).into()]
                .into_iter()
                .chain(parts)
                .collect();
            let all = sha2(Func::cust("CONCAT_WS").args(parts).into());
            Func::cust("UNHEX").arg(all).into()
        }
    }
}

fn sha2(value: Expr) -> Expr {
    Func::cust("SHA2").arg(value).arg(Expr::cust("256")).into()
}
