//! The pure stages of a request, one by one, so that a slower one shows: `cargo bench --bench stages`.
#![allow(
    clippy::unwrap_used,
    reason = "a bench that cannot be set up has nothing to measure"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use lucarne::auth::Client;
use lucarne::catalog::{self, Catalog, Column, FieldType, Table, TableName};
use lucarne::config::ModelName;
use lucarne::encode::{Datum, Numbers, Row, Rows, Style, Undecodable};
use lucarne::limit::Window;
use lucarne::observe::Analytics;
use lucarne::observe::analytics::Counts;
use lucarne::plan::{self, CursorKey, Limits};
use lucarne::protocol::{Action, Object, Request};
use lucarne::sensitive::Sensitive;
use lucarne::sql::shapes::Shapes;
use lucarne::sql::{self, Dialect};

const GET: &str = r#"{"id":7,"action":"get","model":"tickets","params":{"id":123456}}"#;
const LIST: &str = r#"{"limit":50,"offset":700}"#;
const QUERY: &str = r#"{"filters":{"status":"open","amount":{"$gte":10},"title":{"$contains":"printer"}},"sort":["-created_at"],"fields":["id","title","created_at"],"limit":20}"#;
const LARGEST: usize = 1_048_576;

fn tickets() -> Catalog {
    let id = FieldType::Integer {
        unsigned: false,
        wide: true,
    };
    let amount = FieldType::Decimal { scale: Some(2) };
    let columns = [
        ("id", id, "bigint"),
        ("user_id", id, "bigint"),
        ("title", FieldType::Text, "text"),
        ("description", FieldType::Text, "text"),
        ("status", FieldType::Text, "text"),
        ("amount", amount, "numeric"),
        ("is_open", FieldType::Boolean, "boolean"),
        (
            "created_at",
            FieldType::Timestamp,
            "timestamp with time zone",
        ),
        (
            "updated_at",
            FieldType::Timestamp,
            "timestamp with time zone",
        ),
    ];
    let columns = columns.map(|(name, field_type, cast)| Column {
        nullable: false,
        cast: cast.to_owned(),
        ..Column::new(name, field_type)
    });
    let name = TableName {
        schema: Some("public".to_owned()),
        name: "tickets".to_owned(),
    };
    let table = Table {
        estimated_rows: Some(1_000_000),
        primary_key: vec!["id".to_owned()],
        indexes: vec![vec!["created_at".to_owned()]],
        ..Table::new(name, columns.into())
    };
    let name = ModelName {
        exposed: "tickets".to_owned(),
        schema: None,
        table: "tickets".to_owned(),
    };
    catalog::build(
        vec![(&name, Ok(table))],
        &Sensitive::default(),
        catalog::Narrowing::default(),
    )
    .catalog
}

/// A row as PostgreSQL's driver gives it.
struct Ticket;

impl Row for Ticket {
    fn datum(&self, index: usize) -> Result<Datum<'_>, Undecodable> {
        Ok(match index {
            0 | 1 => Datum::Int(123_456),
            2 => Datum::Text("Request 00123456: cannot sign in on the \"Zürich\" site".into()),
            3 => Datum::Text(
                "Since the update of last night the page answers with an error.\nIt happens in \
                 every browser, and only for members of the team «Support».\nWhat we tried: \
                 another password, another machine. Case 77582488."
                    .into(),
            ),
            4 => Datum::Text("open".into()),
            5 => Datum::Text("8024.26".into()),
            6 => Datum::Bool(true),
            7 | 8 => Datum::Moment {
                microseconds: 818_000_000_000_000,
                utc: true,
            },
            // Nothing is too large.
            _ => Datum::Int(0),
        })
    }
}

fn stages(criterion: &mut Criterion) {
    let catalog = tickets();
    let model = catalog.model("tickets").unwrap();
    let limits = Limits {
        default_limit: 50,
        max_limit: 100,
        scan_limit: None,
    };
    let cursors = CursorKey::new(&[7; 32]);
    let shapes = Shapes::default();
    criterion.bench_function("parse", |b| {
        b.iter(|| Request::parse(black_box(GET)).is_ok());
    });

    let id = Object::parse(r#"{"id":123456}"#).unwrap();
    let get = plan::get(&id, model).unwrap();
    criterion.bench_function("plan/get", |b| {
        b.iter(|| plan::get(black_box(&id), model).is_ok());
    });
    criterion.bench_function("build/get", |b| {
        b.iter(|| {
            let (lookup, id) = shapes.lookup(&get, Dialect::Postgres, LARGEST).unwrap();
            lookup.statement(&[id])
        });
    });
    for (name, action, params) in [
        ("list", Action::List, LIST),
        ("query", Action::Query, QUERY),
    ] {
        let params = Object::parse(params).unwrap();
        let planned = || {
            plan::rows(
                action,
                black_box(&params),
                model,
                &catalog,
                &limits,
                &cursors,
            )
            .unwrap()
        };
        criterion.bench_function(&format!("plan/{name}"), |b| b.iter(planned));
        let plan = planned();
        criterion.bench_function(&format!("build/{name}"), |b| {
            b.iter(|| sql::rows(black_box(&plan), Dialect::Postgres, LARGEST, &shapes));
        });
    }

    let params = Object::parse(LIST).unwrap();
    let plan = plan::rows(Action::List, &params, model, &catalog, &limits, &cursors).unwrap();
    let statements = sql::rows(&plan, Dialect::Postgres, LARGEST, &shapes);
    let style = Style {
        numbers: Numbers::Native,
        nesting: None,
        sensitive: Arc::new(Sensitive::default()),
    };
    criterion.bench_function("encode/50 rows", |b| {
        b.iter(|| {
            let layout = Arc::clone(&statements[0].layout);
            let mut rows = Rows::new(Vec::new(), layout, style.clone(), 50, LARGEST);
            for _ in 0..50 {
                let _ = black_box(rows.push(&Ticket));
            }
            rows.finish()
        });
    });

    let mut window = Window::new(60, Duration::from_secs(60));
    let mut now = Instant::now();
    criterion.bench_function("window", |b| {
        b.iter(|| {
            now += Duration::from_millis(900);
            window.admit(black_box(now)).is_ok()
        });
    });

    let analytics = Analytics::default();
    let client = Some(Arc::new(Client {
        token_id: "d5e88227599004b5".to_owned(),
        token: "agent".to_owned(),
        suffix: "8bNHk0k9".to_owned(),
        tenant_id: "fe2389e0aed0a621".to_owned(),
        tenant: "harbour".to_owned(),
    }));
    let counts = Counts {
        requests: 1,
        errors: 0,
        rows: 50,
        bytes: 7_894,
        ..Counts::default()
    };
    criterion.bench_function("count", |b| {
        b.iter(|| analytics.count(black_box(client.as_ref()), "tickets", counts));
    });
}

criterion_group!(benches, stages);
criterion_main!(benches);
