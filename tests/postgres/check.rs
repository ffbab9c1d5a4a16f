//! `lucarne check` tells what the role could do, and how to make a better one.

use std::process::{Command, Output};

use crate::support::Database;

const SHOP: &str = "CREATE TABLE orders (id int PRIMARY KEY, total numeric, api_key text)";

fn check(database: &Database, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let Output { status, stdout, .. } = Command::new(env!("CARGO_BIN_EXE_lucarne"))
        .arg("check")
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .env("DATABASE_URL", database.url())
        .env("MCP_ALLOWED_MODELS", "orders")
        .output()
        .unwrap();
    (status.code(), String::from_utf8(stdout).unwrap())
}

#[tokio::test]
async fn the_role_of_the_tests_is_too_strong() {
    let Some(database) = Database::new(SHOP).await else {
        return;
    };
    let (code, report) = check(&database, &[]);
    assert_eq!(code, Some(0), "{report}");
    assert!(
        report.contains(": 1 model, 2 fields exposed, 1 hidden\n"),
        "{report}"
    );
    assert!(report.contains("\nwarning: the role "), "{report}");
    assert!(report.contains("lucarne check --setup-sql"), "{report}");
    assert_eq!(check(&database, &["--strict"]).0, Some(1));
    let (code, sql) = check(&database, &["--setup-sql"]);
    assert_eq!(code, Some(0));
    assert!(
        sql.contains(
            "GRANT SELECT (\"id\", \"total\") ON \"public\".\"orders\" TO lucarne_reader;"
        ),
        "{sql}"
    );
    assert!(!sql.contains("api_key"), "{sql}");
}

#[tokio::test]
async fn what_the_role_may_not_read_is_counted_and_named() {
    let Some(database) = Database::new(SHOP).await else {
        return;
    };
    let reader = format!("{}_reader", database.name());
    database
        .execute(&format!(
            "CREATE ROLE {reader} LOGIN; GRANT SELECT (id, api_key) ON orders TO {reader}"
        ))
        .await;
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let Output { stdout, .. } = Command::new(env!("CARGO_BIN_EXE_lucarne"))
            .arg("check")
            .args(arguments)
            .current_dir(folder.path())
            .env_clear()
            .env("DATABASE_URL", database.url_as(&reader))
            .env("MCP_ALLOWED_MODELS", "orders")
            .output()
            .unwrap();
        String::from_utf8(stdout).unwrap()
    };
    let report = run(&[]);
    let told = ": 1 model, 1 field exposed, 1 hidden, 1 that the role may not read\n";
    assert!(report.contains(told), "{report}");
    let line = report.lines().find(|line| line.contains("total")).unwrap();
    assert!(
        line.contains("no GRANT: the role may not read it"),
        "{line}"
    );
    let json: serde_json::Value = serde_json::from_str(&run(&["--json"])).unwrap();
    assert_eq!(json["withheld"], 1);
    assert_eq!(json["models"][0]["withheld"], serde_json::json!(["total"]));
    database
        .execute(&format!("DROP OWNED BY {reader}; DROP ROLE {reader}"))
        .await;
}
