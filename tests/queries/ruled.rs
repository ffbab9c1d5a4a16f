//! Row rules in the SQL of three dialects: whatever reads a model reads by its rules.

use std::fmt::Write as _;

use lucarne::catalog::{Catalog, Narrowing, WantedRule};
use lucarne::plan::cursor::Binding;
use lucarne::plan::{self, CursorKey, Seek, Value};
use lucarne::protocol::{Action, Object};
use lucarne::sql::lookup::Id;
use lucarne::sql::shapes::Shapes;
use lucarne::sql::{self, Dialect, Statement};
use sha2::{Digest as _, Sha256};

use crate::golden::{DIALECTS, LIMITS, REQUESTS, compare, narrowed, written};

const LARGEST: usize = 1_048_576;

/// The catalog of a client that sees some rows of both models, by hidden fields among others.
fn ruled(dialect: Dialect) -> Catalog {
    let values = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
    let (key, hash): (Vec<String>, Vec<String>) = (values(&["key"]), values(&["hash"]));
    let (days, amounts): (Vec<String>, Vec<String>) = (
        values(&["2026-01-31", "2026-02-01"]),
        values(&["1.50", "12"]),
    );
    let rule = |model, field, values| WantedRule {
        model,
        field,
        values,
        read: plan::typed,
    };
    let rules = [
        rule("tickets", "api_key", &key),
        rule("tickets", "due_on", &days),
        rule("tickets", "amount", &amounts),
        rule("users", "password_hash", &hash),
    ];
    let narrowing = Narrowing {
        rules: &rules,
        ..Narrowing::default()
    };
    let catalog = narrowed(dialect, narrowing);
    assert_eq!(catalog.models().len(), 2);
    catalog
}

/// A rule along a relation, over a hidden field, holds in every statement that reads the model.
#[test]
fn a_rule_along_a_relation_becomes_these_statements() {
    let hash = ["hash".to_owned()];
    let rules = [WantedRule {
        model: "tickets.user",
        field: "password_hash",
        values: &hash,
        read: plan::typed,
    }];
    let mut out = String::new();
    for dialect in DIALECTS {
        let narrowing = Narrowing {
            rules: &rules,
            ..Narrowing::default()
        };
        let catalog = narrowed(dialect, narrowing);
        assert_eq!(catalog.models().len(), 2);
        writeln!(out, "\n{dialect:?}:").unwrap();
        for params in [
            r#"{"fields":["id","user.email"],"filters":{"user.email":"a"}}"#,
            r#"{"aggregate":{"n":{"$count":"*"}}}"#,
        ] {
            for statement in statements(&catalog, dialect, params, None) {
                out.push_str(&written(&statement));
            }
        }
        let params = Object::parse(r#"{"id":7}"#).unwrap();
        let plan = plan::get(&params, catalog.model("tickets").unwrap()).unwrap();
        out.push_str(&written(&sql::get(&plan, dialect, LARGEST)));
    }
    compare("ruled_along", &out);
}

/// Each statement of a request: those of its rows, of its count, and the planner's.
fn statements(
    catalog: &Catalog,
    dialect: Dialect,
    params: &str,
    seek: Option<Seek>,
) -> Vec<Statement> {
    let (object, key) = (Object::parse(params).unwrap(), CursorKey::new(&[0; 32]));
    let model = catalog.model("tickets").unwrap();
    let plan = plan::rows(Action::Query, &object, model, catalog, &LIMITS, &key);
    let mut plan = plan.unwrap();
    plan.page.seek = seek;
    let mut statements = sql::rows(&plan, dialect, LARGEST, &Shapes::default());
    statements.push(sql::count(&plan, dialect));
    statements.extend(sql::estimated(&plan, dialect));
    statements
}

#[test]
fn a_request_under_rules_becomes_these_statements() {
    let mut out = String::new();
    let either = r#"{"fields":["id"],"limit":2,"offset":4,"sort":["created_at"],"expand":["user"],"filters":{"$or":[{"status":"open"},{"user_id":1}]}}"#;
    let plain = r#"{"limit":2,"offset":4}"#;
    for dialect in DIALECTS {
        let catalog = ruled(dialect);
        writeln!(out, "\n{dialect:?}:").unwrap();
        for params in [either, plain] {
            for statement in statements(&catalog, dialect, params, None) {
                out.push_str(&written(&statement));
            }
        }
        let params = Object::parse(r#"{"id":7}"#).unwrap();
        let plan = plan::get(&params, catalog.model("users").unwrap()).unwrap();
        let (lookup, id) = Shapes::default().lookup(&plan, dialect, LARGEST).unwrap();
        out.push_str(&written(&lookup.statement(&[id, Id::Number(9)])));
        let one = sql::get(&plan, dialect, LARGEST);
        let unlimited = one.text.split(" LIMIT ").next().unwrap();
        assert_eq!(*lookup.statement(&[id]).text, *unlimited);
    }
    compare("ruled", &out);
}

/// Of each table that is read there is the field of its rule, which no client can name.
#[test]
fn no_statement_reads_a_table_without_its_rules() {
    let moment = Some(Value::Text("2026-01-31T13:05:00Z".to_owned()));
    let seek = || Seek {
        keys: vec![moment.clone(), Some(Value::Int(7))],
        ties: 1,
        passed: 50,
    };
    let sorted = r#"{"sort":["-created_at"],"expand":["user"]}"#;
    let requests = REQUESTS.map(|(_, params)| (params, None));
    let requests = requests.into_iter().chain([(sorted, Some(seek()))]);
    let mut read = 0;
    for (params, seek) in requests {
        for dialect in DIALECTS {
            for statement in statements(&ruled(dialect), dialect, params, seek.clone()) {
                let text = statement.text.replace('`', "\"");
                // What is sorted by is computed behind the rules once more.
                let text = text.split(" ORDER BY (CASE WHEN ").next().unwrap();
                for (table, field) in [("tickets", "api_key"), ("users", "password_hash")] {
                    let tables = text.matches(&format!("\"{table}\" AS ")).count();
                    let compared = format!("\"{field}\" = ");
                    assert_eq!(text.matches(&compared).count(), tables, "{text}");
                    read += tables;
                }
            }
        }
    }
    assert!(read > 100, "{read}");
}

/// What a cursor of the first page of tickets is bound to, in the eyes of one client.
fn bound(owner: &str, rules: &[(&str, &[&str])]) -> Binding {
    let values: Vec<Vec<String>> = rules
        .iter()
        .map(|(_, values)| values.iter().map(ToString::to_string).collect())
        .collect();
    let rules: Vec<WantedRule<'_>> = rules
        .iter()
        .zip(&values)
        .map(|((field, _), values)| WantedRule {
            model: "tickets",
            field,
            values,
            read: plan::typed,
        })
        .collect();
    let narrowing = Narrowing {
        rules: &rules,
        owner,
        ..Narrowing::default()
    };
    let catalog = narrowed(Dialect::Sqlite, narrowing);
    let (object, key) = (Object::parse("{}").unwrap(), CursorKey::new(&[0; 32]));
    let model = catalog.model("tickets").unwrap();
    let plan = plan::rows(Action::List, &object, model, &catalog, &LIMITS, &key);
    plan.unwrap().binding()
}

#[test]
fn a_cursor_is_bound_to_its_owner_and_rules() {
    let bindings = [
        bound("", &[]),
        bound("acme", &[]),
        bound("globex", &[]),
        bound("", &[("user_id", &["1"])]),
        bound("acme", &[("user_id", &["1"])]),
        bound("acme", &[("user_id", &["2"])]),
        bound("acme", &[("user_id", &["1", "2"])]),
        bound("acme", &[("id", &["1"])]),
        bound("acme", &[("user_id", &["1"]), ("user_id", &["2"])]),
        bound("acme", &[("title", &["1"])]),
    ];
    for (at, one) in bindings.iter().enumerate() {
        for other in &bindings[at + 1..] {
            assert_ne!(one, other);
        }
    }
    assert_eq!(bindings[1], bound("acme", &[]));
    // Cursors of those who see everything have outlived the rules.
    let digest = Sha256::new()
        .chain_update(r#""tickets" TableName { schema: None, name: "tickets" };"#)
        .chain_update(Sha256::digest("&"))
        .chain_update(r#"0"id";"#);
    let digest: [u8; 32] = digest.finalize().into();
    assert_eq!(format!("{:?}", bindings[0]), format!("Binding({digest:?})"));
}
