//! `lucarne check` on SQLite files.

use serde_json::Value;
use sqlx::{Connection as _, Executor as _, SqliteConnection};

use crate::support::{Ended, Run};

const SHOP: &str = r#"
    CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, password TEXT);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers, total NUMERIC);
    CREATE TABLE "odd]8;;" (id INTEGER, "na
me" TEXT);
    CREATE TABLE keys (token TEXT, secret TEXT);
"#;

/// A folder with a shop's database.
fn shop() -> Run {
    let run = Run::new();
    let file = run.folder.path().join("shop.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let url = format!("sqlite:{}?mode=rwc", file.display());
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        connection.execute(SHOP).await.unwrap();
        connection.close().await.unwrap();
    });
    run.set("DATABASE_URL", "sqlite:shop.db")
}

fn opened(models: &str) -> Run {
    shop()
        .set("MCP_ENABLED", "true")
        .set("MCP_TOKEN", "a-token-for-tests-alone")
        .set("MCP_ALLOWED_MODELS", models)
}

fn check(run: &Run, arguments: &[&str]) -> Ended {
    let ended = run.lucarne(&[&["check"], arguments].concat());
    let control = |c: char| c.is_control() && c != '\n';
    assert!(
        !ended.out.contains(control) && !ended.err.contains(control),
        "{ended:?}"
    );
    ended
}

#[test]
fn every_field_stands_in_the_table_with_what_hides_it() {
    let ended = check(&opened("people=customers,orders"), &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    insta::assert_snapshot!(ended.out, @"
    model   field        exposed as  hidden by
    ──────  ───────────  ──────────  ──────────────────
    people  id           integer
    people  name         text
    people  password                 built-in: password
    orders  id           integer
    orders  customer_id  integer
    orders  total        decimal

    model   relation  leads to     by the key
    ──────  ────────  ───────────  ───────────
    people  orders    many orders  customer_id
    orders  customer  one people   customer_id

    SQLite file shop.db: 2 models, 5 fields exposed, 1 hidden

    warning: relation people.orders: no index of orders leads with customer_id
    help: CREATE INDEX … ON orders (customer_id)
    ");
    assert_eq!(ended.err, "");
}

#[test]
fn json_tells_the_same() {
    let run = opened("people=customers").set("MCP_HIDDEN_FIELDS", "customers.name");
    let ended = check(&run, &["--json", "--strict"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let report: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(
        report,
        serde_json::json!({
            "database": "SQLite file shop.db",
            "enabled": true,
            "exposed": 1,
            "hidden": 2,
            "withheld": 0,
            "models": [{
                "name": "people",
                "table": "customers",
                "kind": "table",
                "fields": [{"name": "id", "type": "integer"}],
                "hidden": [
                    {"name": "name", "rule": "MCP_HIDDEN_FIELDS: customers.name"},
                    {"name": "password", "rule": "built-in: password"}
                ]
            }],
            "warnings": []
        })
    );
}

#[test]
fn it_looks_at_the_database_before_it_is_opened() {
    let run = shop().set("MCP_ALLOWED_MODELS", "orders");
    let ended = check(&run, &["--strict"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.out.ends_with(
            "\nSQLite file shop.db: 1 model, 3 fields exposed, 0 hidden\n\
             off: /mcp answers 503; set MCP_ENABLED=true to open it\n"
        ),
        "{}",
        ended.out
    );
    let ended = check(&Run::new(), &[]);
    assert_eq!(ended.code, Some(0));
    assert!(
        ended.out.starts_with("no database is named"),
        "{}",
        ended.out
    );
}

#[test]
fn a_store_is_named_beside_the_database() {
    let run = shop().set("MCP_ALLOWED_MODELS", "orders");
    let ended = check(&run.set("MCP_STORE", "sqlite:store.db"), &[]);
    let told = "by the store in SQLite file store.db: lucarne database test and";
    assert!(ended.out.contains(told), "{ended:?}");
}

#[test]
fn each_weakness_is_a_warning_and_strict_counts_them() {
    let run = opened("orders,customer,keys,sqlite_master")
        .set("MCP_TOKEN", "short")
        .set("MCP_RATE_LIMIT", "0")
        .set("MCP_READONLY", "false")
        .set("MCP_LISTEN", "0.0.0.0:8000")
        .set("MCP_HIDDEN_FIELDS", "orders.totals,orders.total")
        .set("MCP_REVEAL_FIELDS", "orders.token");
    let ended = check(&run, &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for warning in [
        "MCP_TOKEN: the token has fewer than 16 characters",
        "MCP_RATE_LIMIT: 0 turns the rate limit off",
        "MCP_READONLY: false changes only an error text: there is no write path",
        "MCP_LISTEN: 0.0.0.0:8000 is reachable from other machines, without encryption",
        "MCP_ALLOWED_MODELS: customer is not served: the database has no such table; it has customers",
        "MCP_ALLOWED_MODELS: keys is not served: every one of its fields is hidden",
        "MCP_ALLOWED_MODELS: sqlite_master is not served: it belongs to SQLite's own catalog",
        "MCP_HIDDEN_FIELDS: \"orders.totals\" touches no field of the models",
        "MCP_REVEAL_FIELDS: \"orders.token\" touches no field of the models",
    ] {
        let line = format!("\nwarning: {warning}\nhelp: ");
        assert!(ended.out.contains(&line), "{warning}\n{}", ended.out);
    }
    assert_eq!(ended.out.matches("\nwarning: ").count(), 9, "{}", ended.out);
    assert!(!ended.out.contains("short"), "{}", ended.out);
    assert_eq!(check(&run, &["--strict"]).code, Some(1));
    assert_eq!(check(&run, &["--strict", "--json"]).code, Some(1));
}

#[test]
fn faults_end_with_2_and_print_no_report() {
    let lost = Run::new().set("DATABASE_URL", "sqlite:shop.db");
    let silent = Run::new().set("DATABASE_URL", "postgres://reader:pw@127.0.0.1:1/shop");
    let strange = opened("nothing,of,it");
    let faulty = opened("orders").set("MCP_RATE_LIMIT", "many");
    for (run, error) in [
        (lost, "error: DATABASE_URL: there is no file shop.db\n"),
        (
            silent,
            "error: DATABASE_URL: nothing answers: PostgreSQL at 127.0.0.1:1/shop",
        ),
        (
            strange,
            "error: MCP_ALLOWED_MODELS: none of nothing, of, it is in shop.db\n",
        ),
        (faulty, "error: MCP_RATE_LIMIT: "),
    ] {
        for arguments in [&[][..], &["--json"], &["--setup-sql"]] {
            let ended = check(&run, arguments);
            assert_eq!(ended.code, Some(2), "{ended:?}");
            assert!(ended.err.starts_with(error), "{}", ended.err);
            assert_eq!(ended.err.lines().count(), 2, "{}", ended.err);
            assert_eq!(ended.out, "");
        }
        let files = std::fs::read_dir(run.folder.path()).unwrap().count();
        assert!(files <= 1, "a file was made");
    }
}

#[test]
fn a_file_has_no_roles_to_set_up() {
    let ended = check(&opened("orders"), &["--setup-sql"]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended
            .err
            .starts_with("error: --setup-sql: SQLite has no roles\nhelp: "),
        "{}",
        ended.err
    );
}

#[test]
fn odd_names_cannot_move_the_cursor() {
    let ended = check(&opened("odd]8;;"), &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("na\\nme"), "{}", ended.out);
}

#[test]
fn an_earlier_check_is_compared_with() {
    let kept = check(&opened("customers"), &["--json"]).out;
    let compared = |models: &str, hidden: &str, arguments: &[&str]| {
        let run = opened(models)
            .set("MCP_HIDDEN_FIELDS", hidden)
            .file("kept.json", &kept);
        check(&run, &[&["--baseline", "kept.json"], arguments].concat())
    };
    let same = compared("customers", "", &[]);
    assert_eq!(same.code, Some(0), "{same:?}");
    assert!(same.out.contains("nothing else is exposed"), "{same:?}");
    let wider = compared("customers,orders", "", &[]);
    assert_eq!(wider.code, Some(1), "{wider:?}");
    let told = "exposed since: orders.customer_id, orders.id, orders.total\n";
    assert!(wider.out.contains(told), "{wider:?}");
    let narrower = compared("customers", "customers.name", &["--json"]);
    assert_eq!(narrower.code, Some(0), "{narrower:?}");
    let report: Value = serde_json::from_str(&narrower.out).unwrap();
    let expected = serde_json::json!({"exposed": [], "gone": ["customers.name"], "retyped": []});
    assert_eq!(report["since"], expected);

    let run = opened("customers").file("kept.json", "{}");
    for (file, words) in [
        ("kept.json", "is no earlier check"),
        ("absent", "cannot be read"),
    ] {
        let ended = check(&run, &["--baseline", file]);
        assert_eq!(ended.code, Some(2));
        assert!(ended.err.contains(words), "{ended:?}");
    }
}

#[test]
fn tools_of_ones_own_are_told_or_all_that_is_wrong_with_them() {
    let tool = |name: &str, sql: &str| {
        format!("[[tool]]\nname = \"{name}\"\ndescription = \"Tells.\"\nsql = \"{sql}\"\n")
    };
    let with = |text: &str| {
        let run = opened("customers,orders").file("tools.toml", text);
        check(&run.set("MCP_TOOLS_FILE", "tools.toml"), &[])
    };
    let sum = "SELECT c.name, SUM(o.total) AS spent FROM orders o \
        JOIN customers c ON c.id = o.customer_id WHERE c.id = :customer GROUP BY c.name";
    let parameter = "[tool.params]\ncustomer = { type = \"integer\", description = \"Whose\" }\n";
    let ended = with(&(tool("spent", sum) + parameter));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let line = ended.out.lines().find(|line| line.starts_with("spent "));
    let words: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
    assert_eq!(words[..3], ["spent", "customer", "integer"], "{ended:?}");
    for word in ["customers.name,", "orders.total,", "none"] {
        assert!(words.contains(&word), "{ended:?}");
    }
    let wrong = tool("hidden", "SELECT password FROM customers")
        + &tool("writes", "DELETE FROM customers")
        + &tool("unlisted", "SELECT token FROM keys");
    let ended = with(&wrong);
    assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{ended:?}");
    for name in ["hidden", "writes", "unlisted"] {
        assert!(ended.err.contains(&format!("tool {name}: ")), "{ended:?}");
    }
}
