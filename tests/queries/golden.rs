//! Requests, the plans that they become, and the SQL of three dialects, kept in `golden/`.
//!
//! `INSTA_UPDATE=always cargo test golden` writes them anew.

use std::fmt::Write as _;

use lucarne::catalog::{self, Catalog, Column, FieldType, ForeignKey, Table, TableName};
use lucarne::config::ModelName;
use lucarne::plan::{
    self, Comparison, Condition, CursorKey, Expansion, Joins, Limits, OrderKey, Output, ReadPlan,
    Seek, Term, Value,
};
use lucarne::protocol::{Action, Object};
use lucarne::sensitive::Sensitive;
use lucarne::sql::lookup::Id;
use lucarne::sql::shapes::Shapes;
use lucarne::sql::{self, Dialect, Statement};

pub(crate) const DIALECTS: [Dialect; 3] = [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql];

pub(crate) const LIMITS: Limits = Limits {
    default_limit: 50,
    max_limit: 100,
    scan_limit: None,
};

/// Requests of `query`, by the name of their snapshot.
pub(crate) const REQUESTS: [(&str, &str); 14] = [
    ("everything", "{}"),
    (
        "projection",
        r#"{"fields":["title","id"],"limit":10,"offset":20}"#,
    ),
    (
        "equality",
        r#"{"filters":{"status":"open","user_id":"7","is_open":true,"amount":12.50,"due_on":null},"fields":["id"]}"#,
    ),
    (
        "ranges",
        r#"{"filters":{"amount":{"$gte":"10.00","$lt":20},"score":{"$gt":0.5},"due_on":{"$between":["2026-01-01","2026-01-31"]}},"fields":["id"]}"#,
    ),
    (
        "moments",
        r#"{"filters":{"created_at":{"$gte":"2026-01-31T13:05:00Z","$lt":"2026-02-01"}},"fields":["id"]}"#,
    ),
    (
        "lists",
        r#"{"filters":{"status":{"$in":["open","closed",null]},"user_id":{"$nin":[1,2]},"amount":{"$in":[]}},"fields":["id"]}"#,
    ),
    (
        "negation",
        r#"{"filters":{"$not":{"amount":{"$gt":10},"title":null},"status":{"$ne":"closed"},"score":{"$ne":1}},"fields":["id"]}"#,
    ),
    (
        "alternatives",
        r#"{"filters":{"$or":[{"status":"open","amount":1},{"$and":[{"title":{"$null":false}},{"is_open":false}]}]},"fields":["id"]}"#,
    ),
    (
        "texts",
        r#"{"filters":{"title":{"$contains":"50%_*[!]","$istartswith":"Ä","$endswith":"x"}},"fields":["id"]}"#,
    ),
    (
        "sorted",
        r#"{"sort":["-created_at","amount"],"fields":["created_at"],"total":true}"#,
    ),
    (
        "expanded",
        r#"{"fields":["id"],"expand":["user"],"filters":{"user_id":1}}"#,
    ),
    (
        "groups",
        r#"{"group_by":["status",{"$month":"created_at"}],"aggregate":{"n":{"$count":"*"},"spent":{"$sum":"amount"},"mean":{"$avg":"score"},"last":{"$max":"created_at"},"people":{"$count_distinct":"user_id"}},"sort":["-spent"],"total":true}"#,
    ),
    (
        "remaining",
        r#"{"group_by":["status","created_at.$week"],"aggregate":{"n":{"$count":"*"},"spent":{"$sum":{"$mul":["amount",{"$add":["user_id",1]}]},"where":{"score":{"$gt":1}}}},"having":{"n":{"$gt":5},"status":{"$ne":"open"}},"sort":["-spent"],"total":true}"#,
    ),
    (
        "computed",
        r#"{"fields":["id"],"compute":{"each":{"$div":["amount",3]}},"sort":["-each"],"limit":5}"#,
    ),
];

fn column(name: &str, field_type: FieldType, cast: &str, dialect: Dialect) -> Column {
    Column {
        nullable: !name.ends_with("id") && name != "status",
        dynamic: dialect == Dialect::Sqlite,
        cast: match dialect {
            Dialect::Postgres => cast.to_owned(),
            _ => String::new(),
        },
        ..Column::new(name, field_type)
    }
}

fn table(name: &str, dialect: Dialect, columns: &[(&str, FieldType, &str)]) -> Table {
    let table_name = |name: &str| TableName {
        schema: (dialect == Dialect::Postgres).then(|| "public".to_owned()),
        name: name.to_owned(),
    };
    let users = ForeignKey {
        columns: vec!["user_id".to_owned()],
        target: table_name("users"),
        target_columns: vec!["id".to_owned()],
        unique: true,
        given: None,
    };
    let columns = columns.iter();
    let columns = columns.map(|(name, field_type, cast)| column(name, *field_type, cast, dialect));
    Table {
        primary_key: vec!["id".to_owned()],
        foreign_keys: match name {
            "tickets" => vec![users],
            _ => Vec::new(),
        },
        indexes: vec![vec!["created_at".to_owned()]],
        ..Table::new(table_name(name), columns.collect())
    }
}

fn catalog(dialect: Dialect) -> Catalog {
    narrowed(dialect, catalog::Narrowing::default())
}

/// The catalog as one client sees it.
pub(crate) fn narrowed(dialect: Dialect, narrowing: catalog::Narrowing<'_>) -> Catalog {
    let id = FieldType::Integer {
        unsigned: false,
        wide: true,
    };
    let amount = FieldType::Decimal { scale: Some(2) };
    let moment = match dialect {
        Dialect::Sqlite => FieldType::DateTime,
        _ => FieldType::Timestamp,
    };
    let users = [
        ("id", id, "bigint"),
        ("email", FieldType::Text, "text"),
        ("password_hash", FieldType::Text, "text"),
    ];
    let tickets = [
        ("id", id, "bigint"),
        ("user_id", id, "bigint"),
        ("status", FieldType::Text, "text"),
        ("title", FieldType::Text, "text"),
        ("amount", amount, "numeric"),
        ("score", FieldType::Float, "double precision"),
        ("is_open", FieldType::Boolean, "boolean"),
        ("due_on", FieldType::Date, "date"),
        ("created_at", moment, "timestamp with time zone"),
        ("payload", FieldType::Json, "jsonb"),
        ("raw", FieldType::Bytes, "bytea"),
        ("api_key", FieldType::Text, "text"),
    ];
    let names = ["users", "tickets"].map(|name| ModelName {
        exposed: name.to_owned(),
        schema: None,
        table: name.to_owned(),
    });
    let tables = [&users[..], &tickets[..]];
    let tables = names.iter().zip(tables);
    let tables = tables.map(|(name, columns)| (name, Ok(table(&name.exposed, dialect, columns))));
    catalog::build(tables.collect(), &Sensitive::default(), narrowing).catalog
}

fn told_condition<'c>(condition: &Condition<'c>, joins: &Joins<'c>) -> String {
    let joined = |parts: &[Condition<'c>]| {
        let parts = parts.iter().map(|part| told_condition(part, joins));
        parts.collect::<Vec<_>>().join(", ")
    };
    match condition {
        Condition::All(parts) => format!("all({})", joined(parts)),
        Condition::Any(parts) => format!("any({})", joined(parts)),
        Condition::Test {
            term,
            comparison,
            negated,
        } => {
            let not = if *negated { "not " } else { "" };
            let comparison = match comparison {
                Comparison::Null => "is null".to_owned(),
                other => format!("{other:?}"),
            };
            format!("{not}{} {comparison}", term.name(joins))
        }
        Condition::Some {
            rows,
            filter,
            negated,
        } => {
            let word = if *negated { "none" } else { "some" };
            let filter = told_condition(filter, joins);
            format!("{word} of {}: {filter}", joins.way(rows.source))
        }
    }
}

fn told(plan: &ReadPlan<'_>) -> String {
    let mut out = String::new();
    match &plan.output {
        Output::Rows { fields, expand } => {
            let fields: Vec<&str> = fields.iter().map(|shown| &*shown.name).collect();
            writeln!(out, "  fields: {}", fields.join(", ")).unwrap();
            for expansion in expand {
                let (name, target) = match expansion {
                    Expansion::One(one) => (one.relation.name(), one.target.name()),
                    Expansion::Many(many) => (many.relation.name(), many.plan.model.name()),
                };
                writeln!(out, "  expand: {name} from {target}").unwrap();
            }
        }
        Output::Groups {
            by,
            aggregates,
            having,
            ..
        } => {
            for key in by {
                let (term, part) = match &key.term {
                    Term::Part(column, part, _) => (Term::Column(*column), Some(*part)),
                    term => (term.clone(), None),
                };
                let (name, field) = (&key.name, term.name(&plan.joins));
                writeln!(out, "  group: {name} = {field} {part:?}").unwrap();
            }
            for aggregate in aggregates {
                let (alias, function) = (&aggregate.alias, aggregate.function);
                let term = aggregate.term.as_ref();
                let field = term.map_or("*".into(), |term| term.name(&plan.joins));
                writeln!(out, "  aggregate: {alias} = {function:?} {field}").unwrap();
                if !aggregate.filter.is_everything() {
                    let filter = told_condition(&aggregate.filter, &plan.joins);
                    writeln!(out, "    of: {filter}").unwrap();
                }
            }
            if !having.is_everything() {
                writeln!(out, "  having: {}", told_condition(having, &plan.joins)).unwrap();
            }
        }
    }
    writeln!(
        out,
        "  filter: {}",
        told_condition(&plan.filter, &plan.joins)
    )
    .unwrap();
    let order: Vec<String> = plan
        .order
        .iter()
        .map(|order| {
            let sign = if order.descending { "-" } else { "" };
            match &order.key {
                OrderKey::Term(term) => format!("{sign}{}", term.name(&plan.joins)),
                OrderKey::Row => format!("{sign}row"),
                OrderKey::Output(index) => format!("{sign}#{index}"),
            }
        })
        .collect();
    writeln!(out, "  order: {}", order.join(", ")).unwrap();
    let page = &plan.page;
    writeln!(
        out,
        "  page: {} from {}, total {:?}",
        page.limit, page.offset, plan.total
    )
    .unwrap();
    if let Some(seek) = &page.seek {
        writeln!(out, "  after: {:?}", seek.keys).unwrap();
    }
    out
}

pub(crate) fn written(statement: &Statement) -> String {
    let values = &statement.values;
    let mut lines = statement.text.to_string();
    for word in [
        "FROM",
        "LEFT JOIN",
        "WHERE",
        "GROUP BY",
        "ORDER BY",
        "LIMIT",
    ] {
        lines = lines.replace(&format!(" {word} "), &format!("\n    {word} "));
    }
    let values: Vec<String> = values.0.iter().map(|value| format!("{value:?}")).collect();
    format!("  {lines}\n    -- {}\n", values.join(", "))
}

fn hold(name: &str, params: &str, seek: Option<&[Option<Value>]>) {
    hold_of("tickets", name, params, seek);
}

fn hold_of(model: &str, name: &str, params: &str, seek: Option<&[Option<Value>]>) {
    let key = CursorKey::new(&[0; 32]);
    let object = Object::parse(params).unwrap();
    let mut out = format!("request: {params}\n");
    for dialect in DIALECTS {
        let catalog = catalog(dialect);
        let model = catalog.model(model).unwrap();
        let plan = plan::rows(Action::Query, &object, model, &catalog, &LIMITS, &key);
        let mut plan = plan.unwrap();
        plan.page.seek = seek.map(|keys| Seek {
            keys: keys.to_vec(),
            ties: 1,
            passed: 50,
        });
        if dialect == Dialect::Sqlite {
            write!(out, "\nplan:\n{}", told(&plan)).unwrap();
        }
        writeln!(out, "\n{dialect:?}:").unwrap();
        for statement in sql::rows(&plan, dialect, 1_048_576, &Shapes::default()) {
            out.push_str(&written(&statement));
        }
        for list in plan.lists() {
            let owners = [&[Value::Int(7)][..], &[Value::Int(9)]];
            out.push_str(&written(&sql::listed(list, &owners, dialect, 1_048_576)));
        }
        if plan.total != plan::Total::None {
            out.push_str(&written(&sql::count(&plan, dialect)));
        }
    }
    compare(name, &out);
}

pub(crate) fn compare(name: &str, out: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("golden");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, out));
}

#[test]
fn gets_become_these_statements() {
    let mut out = String::new();
    let params = Object::parse(r#"{"id":7}"#).unwrap();
    for dialect in DIALECTS {
        let catalog = catalog(dialect);
        let plan = plan::get(&params, catalog.model("users").unwrap()).unwrap();
        let (lookup, id) = Shapes::default().lookup(&plan, dialect, 1_048_576).unwrap();
        writeln!(out, "\n{dialect:?}:").unwrap();
        for ids in [vec![id], vec![id, Id::Number(9), Id::Number(12)]] {
            out.push_str(&written(&lookup.statement(&ids)));
        }
        let one = sql::get(&plan, dialect, 1_048_576);
        let unlimited = one.text.split(" LIMIT ").next().unwrap();
        assert_eq!(*lookup.statement(&[Id::Number(7)]).text, *unlimited);
    }
    compare("gets", &out);
}

#[test]
fn requests_become_these_statements() {
    for (name, params) in REQUESTS {
        hold(name, params, None);
    }
}

#[test]
fn paths_become_these_statements() {
    for (name, params) in [
        (
            "along_filters",
            r#"{"filters":{"user.email":{"$contains":"x"},"user.id":{"$ne":3},"created_at.$year":"2026"},"fields":["id","user.email"],"compute":{"month":"created_at.$month"},"total":true}"#,
        ),
        (
            "along_groups",
            r#"{"group_by":["user.email",{"$month":"created_at"}],"aggregate":{"spent":{"$sum":"amount"},"people":{"$count":"user.id"},"last":{"$max":"user.email"}},"sort":["-spent"],"total":true}"#,
        ),
    ] {
        hold(name, params, None);
    }
    let email = || Some(Value::Text("a@example.com".to_owned()));
    let id = || Some(Value::Int(7));
    for (name, sort, keys) in [
        ("after_path", "user.email", [email(), id()]),
        ("after_path_descending", "-user.email", [email(), id()]),
        ("after_path_null", "user.email", [None, id()]),
    ] {
        let params = format!(r#"{{"sort":["{sort}"],"fields":["id"]}}"#);
        hold(name, &params, Some(&keys));
    }
}

#[test]
fn relations_to_many_become_these_statements() {
    for (name, params) in [
        (
            "many_filters",
            r#"{"filters":{"tickets":{"$some":{"amount":{"$gt":5}},"$none":{"user.email":"a"},"$every":{"status":"open"},"$count":{"$gte":3},"where":{"is_open":true}}},"fields":["id"],"total":true}"#,
        ),
        (
            "many_values",
            r#"{"fields":["id"],"compute":{"n":{"$count":"tickets"},"spent":{"$sum":"tickets.amount","where":{"status":"open"}},"mean":{"$avg":"tickets.amount"},"last":{"$max":"tickets.created_at"}},"filters":{"spent":{"$gt":10}},"sort":["-n"]}"#,
        ),
        (
            "many_listed",
            r#"{"fields":["email"],"include":{"tickets":{"fields":["id","amount"],"filters":{"status":"open"},"sort":["-amount"],"limit":5}}}"#,
        ),
    ] {
        hold_of("users", name, params, None);
    }
}

/// Texts of an extension in a schema of an odd name, and an enum.
#[test]
fn what_is_not_the_systems_own_says_whose_it_is() {
    let id = FieldType::Integer {
        unsigned: false,
        wide: false,
    };
    let email = ("email", FieldType::Text, r#""ext ""$1"" ?".citext"#);
    let columns = [
        ("id", id, "integer"),
        email,
        ("mood", FieldType::Enum, "public.mood"),
    ];
    let mut members = table("members", Dialect::Postgres, &columns);
    members.columns[2].values = vec!["sad".to_owned(), "ok".to_owned()];
    let name = ModelName {
        exposed: "members".to_owned(),
        schema: None,
        table: "members".to_owned(),
    };
    let tables = vec![(&name, Ok(members))];
    let narrowing = catalog::Narrowing::default();
    let catalog = catalog::build(tables, &Sensitive::default(), narrowing).catalog;
    let model = catalog.model("members").unwrap();
    let key = CursorKey::new(&[0; 32]);
    let mut out = String::new();
    for params in [
        r#"{"filters":{"email":"a","mood":"ok"}}"#,
        r#"{"filters":{"email":{"$in":["a","b"]},"mood":{"$nin":["ok",null]}},"fields":["id"]}"#,
        r#"{"filters":{"email":{"$gt":"a","$icontains":"b"}},"sort":["email","-mood"],"fields":["id"]}"#,
        r#"{"aggregate":{"first":{"$min":"email"},"best":{"$max":"mood"}}}"#,
    ] {
        let object = Object::parse(params).unwrap();
        let plan = plan::rows(Action::Query, &object, model, &catalog, &LIMITS, &key);
        let mut plan = plan.unwrap();
        if params.contains("sort") {
            let text = |text: &str| Some(Value::Text(text.to_owned()));
            plan.page.seek = Some(Seek {
                keys: vec![text("a"), text("ok"), Some(Value::Int(7))],
                ties: 0,
                passed: 50,
            });
        }
        writeln!(out, "\nrequest: {params}").unwrap();
        for statement in sql::rows(&plan, Dialect::Postgres, 1_048_576, &Shapes::default()) {
            out.push_str(&written(&statement));
        }
    }
    compare("extensions", &out);
}

#[test]
fn cursors_become_these_statements() {
    let moment = || Some(Value::Text("2026-01-31T13:05:00Z".to_owned()));
    let amount = || Some(Value::Decimal("12.50".to_owned()));
    let id = || Some(Value::Int(7));
    for (name, sort, keys) in [
        ("after_key", "", vec![id()]),
        ("after_indexed", r#""created_at""#, vec![moment(), id()]),
        (
            "after_indexed_descending",
            r#""-created_at""#,
            vec![moment(), id()],
        ),
        ("after_indexed_null", r#""created_at""#, vec![None, id()]),
        (
            "after_indexed_null_descending",
            r#""-created_at""#,
            vec![None, id()],
        ),
        (
            "after_unindexed",
            r#""-amount","title""#,
            vec![amount(), None, id()],
        ),
        ("after_large", r#""title""#, vec![]),
    ] {
        let params =
            format!(r#"{{"sort":[{sort}],"fields":["id"],"filters":{{"status":"open"}}}}"#);
        hold(name, &params, Some(&keys));
    }
}
