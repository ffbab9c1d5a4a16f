//! Plans of requests over a small shop, without a database.

mod filter;
mod guard;
mod request;

use super::*;
use crate::catalog::{self, FieldType, ForeignKey, Table};
use crate::config::ModelName;
use crate::sensitive::Sensitive;

const ID: FieldType = FieldType::Integer {
    unsigned: false,
    wide: true,
};

/// What an estimate calls large here.
const LARGE: u64 = 1_000;

fn table(name: &str, rows: u64, columns: &[(&str, FieldType)], indexed: &[&str]) -> Table {
    let columns = columns.iter();
    let columns = columns.map(|(name, of)| catalog::Column::new(*name, *of));
    let indexed = [&["id"], indexed].concat().into_iter();
    Table {
        estimated_rows: Some(rows),
        primary_key: vec!["id".to_owned()],
        indexes: indexed.map(|column| vec![column.to_owned()]).collect(),
        ..Table::new(name, columns.collect())
    }
}

fn key(column: &str, target: &str) -> ForeignKey {
    ForeignKey {
        columns: vec![column.to_owned()],
        target: target.into(),
        target_columns: vec!["id".to_owned()],
        unique: true,
        given: None,
    }
}

/// Few people, many orders of theirs, and many lines of these that no index finds.
fn shop() -> Catalog {
    let people = table(
        "people",
        10,
        &[
            ("id", ID),
            ("name", FieldType::Text),
            ("born", FieldType::Date),
        ],
        &[],
    );
    let orders = Table {
        foreign_keys: vec![key("buyer_id", "people")],
        ..table(
            "orders",
            LARGE + 1,
            &[
                ("id", ID),
                ("buyer_id", ID),
                ("status", FieldType::Text),
                ("amount", FieldType::Decimal { scale: Some(2) }),
                ("note", FieldType::Text),
                ("placed", FieldType::Date),
                ("document", FieldType::Json),
            ],
            &["buyer_id", "status", "placed"],
        )
    };
    let lines = Table {
        foreign_keys: vec![key("order_id", "orders")],
        ..table(
            "lines",
            LARGE + 1,
            &[("id", ID), ("order_id", ID), ("text", FieldType::Text)],
            &[],
        )
    };
    let names = ["people", "orders", "lines"].map(|name| ModelName {
        exposed: name.to_owned(),
        schema: None,
        table: name.to_owned(),
    });
    let tables = names.iter().zip([people, orders, lines].map(Ok));
    let narrowing = catalog::Narrowing::default();
    catalog::build(tables.collect(), &Sensitive::default(), narrowing).catalog
}

fn limits(scan_limit: Option<u64>) -> Limits {
    Limits {
        default_limit: 50,
        max_limit: 100,
        scan_limit,
    }
}

/// The plan of a query, or its refusal.
fn planned<'c>(
    catalog: &'c Catalog,
    model: &str,
    params: &str,
    limits: &Limits,
) -> Result<ReadPlan<'c>, Error> {
    let params = Object::parse(params).unwrap();
    let model = catalog.model(model).unwrap();
    let cursors = CursorKey::new(&[7; 32]);
    rows(Action::Query, &params, model, catalog, limits, &cursors)
}
