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
