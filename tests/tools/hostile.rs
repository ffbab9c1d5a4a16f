//! Statements that reach beyond what a tool may: each is refused before it is served, with its place
//! and what to write instead.

use crate::support::databases;

const EVERY: &str = include_str!("hostile/every.sql");

/// The statements for an engine, one a line.
fn statements(engine: &str) -> Vec<&'static str> {
    let own = match engine {
        "sqlite" => include_str!("hostile/sqlite.sql"),
        "postgres" => include_str!("hostile/postgres.sql"),
        _ => include_str!("hostile/mysql.sql"),
    };
    let lines = EVERY.lines().chain(own.lines());
    lines.filter(|line| !line.is_empty()).collect()
}

#[tokio::test]
async fn every_hostile_statement_is_refused_at_start() {
    for database in databases().await {
        let engine = database.engine;
        let statements = statements(engine);
        assert!(statements.len() >= 100, "{engine}: {}", statements.len());
        let mut taken = Vec::new();
        // A set has a hundred tools at the most.
        for (part, statements) in statements.chunks(90).enumerate() {
            let mut file = String::new();
            for (at, sql) in statements.iter().enumerate() {
                file += &format!(
                    "[[tool]]\nname = \"t{at}\"\ndescription = \"x\"\nsql = \'\'\'{sql}\'\'\'\n"
                );
            }
            let Err(faults) = database.serve_with(&file, &[]).await else {
                panic!("{engine}: all of part {part} are served");
            };
            for (at, sql) in statements.iter().enumerate() {
                let (tool, line) = (format!("tool t{at}: "), 4 * at + 4);
                let mut faults = faults.iter();
                let fault = faults.find(|fault| fault.what.starts_with(&tool));
                let Some(fault) = fault else {
                    taken.push(*sql);
                    continue;
                };
                let place = format!("tools.toml:{line}:");
                assert!(
                    fault.subject.starts_with(&place),
                    "{engine}: {sql}: {fault:?}"
                );
                assert!(!fault.help.is_empty(), "{engine}: {sql}: {fault:?}");
            }
        }
        assert!(taken.is_empty(), "{engine} takes {taken:#?}");
    }
}
