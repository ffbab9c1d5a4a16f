//! `docs/admin.md` says what is so: its commands are played, its tables compared.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use lucarne::{sample, server};
use serde_json::Value;

use crate::readme::shows;
use crate::support::{blocks, document, table};

/// Two addresses that nobody listens on.
fn addresses() -> [String; 2] {
    let listen = |_| TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = [(); 2].map(listen);
    taken
        .each_ref()
        .map(|taken| taken.local_addr().unwrap().to_string())
}

#[tokio::test]
async fn the_commands_answer_what_is_shown() {
    let page = document("docs/admin.md");
    let folder = tempfile::tempdir().unwrap();
    sample::create_sqlite(&folder.path().join("shop.db"))
        .await
        .unwrap();
    let [public, admin] = addresses();
    let script = format!(
        "set -e\ntrap 'kill $(jobs -p)' EXIT\n{}",
        blocks(&page, "sh").concat()
    );
    let script = script.replace("127.0.0.1:9090", &admin);
    let programs = Path::new(env!("CARGO_BIN_EXE_lucarne")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let played = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", path)
        .env("MCP_LISTEN", public)
        .env("MCP_POOL_SIZE", "4")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, log) = (text(played.stdout), text(played.stderr));
    assert!(played.status.success(), "{out}\n{log}");
    let mut answers = out
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let shown = blocks(&page, "json");
    assert!(shown.len() >= 7, "{}", shown.len());
    for block in shown {
        let shown: Value = serde_json::from_str(&block).unwrap();
        // In the order of the page.
        assert!(
            answers.any(|answer| shows(&shown, &answer).is_ok()),
            "{shown}\n{out}"
        );
    }
    assert!(out.contains(" lines in order, 1 to "), "{out}");
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}

#[test]
fn the_codes_are_those_of_the_description() {
    let openapi = server::openapi();
    let codes = openapi["components"]["schemas"]["Code"]["oneOf"].as_array();
    let codes = codes.unwrap().iter().map(|code| {
        let text = |name: &str| code[name].as_str().unwrap();
        let (status, _) = text("description").split_once(": ").unwrap();
        (status.to_owned(), text("const").to_owned())
    });
    let rows = table(&document("docs/admin.md"), "| Status | Code | What to do |");
    let listed = rows
        .iter()
        .map(|row| (row[0].clone(), row[1].trim_matches('`').to_owned()));
    assert_eq!(listed.collect::<Vec<_>>(), codes.collect::<Vec<_>>());
}

#[test]
fn the_routes_are_those_of_the_description() {
    let openapi = server::openapi();
    let described: BTreeSet<String> = openapi["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, operations)| {
            let path = path.strip_prefix("/admin/api").unwrap();
            let methods = operations.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let rows = table(&document("docs/admin.md"), "| Route | What |");
    let mut listed = BTreeSet::new();
    for row in rows {
        let mut methods = Vec::new();
        for word in row[0].split('`').skip(1).step_by(2) {
            if word.starts_with('/') {
                let of_path = |method| format!("{method} {word}");
                listed.extend(methods.drain(..).map(of_path));
            } else {
                methods.push(word.to_owned());
            }
        }
    }
    assert_eq!(listed, described);
}

/// Every reference of a document, at any depth.
fn references<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(elements) => elements.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn the_description_holds_together() {
    let openapi = server::openapi();
    let mut found = BTreeSet::new();
    references(&openapi, &mut found);
    assert!(found.len() > 10, "{found:?}");
    for reference in found {
        let place = reference.strip_prefix('#').unwrap();
        assert!(openapi.pointer(place).is_some(), "{reference}");
    }
    let mut names = BTreeSet::new();
    for (path, operations) in openapi["paths"].as_object().unwrap() {
        let parts: Vec<&str> = path.split(['{', '}']).skip(1).step_by(2).collect();
        for operation in operations.as_object().unwrap().values() {
            assert!(names.insert(operation["operationId"].as_str()), "{path}");
            let parameters = operation["parameters"].as_array().unwrap().iter();
            let declared: Vec<&str> = parameters
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            assert_eq!(declared, parts, "{path}");
        }
    }
}
