//! The operator's walk of `docs/clients.md`, played as it stands.

use std::process::{Command, Stdio};

use crate::support::Run;

/// The commands of a page.
fn commands(page: &str) -> String {
    let mut script = String::new();
    let mut inside = false;
    for line in page.lines() {
        match (inside, line) {
            (false, "```sh") => inside = true,
            (true, "```") => inside = false,
            (true, line) => script += &format!("{line}\n"),
            _ => {}
        }
    }
    script
}

#[test]
fn from_nothing_to_two_tenants() {
    let page = include_str!("../../docs/clients.md");
    let run = Run::new().with_sample();
    let script = format!("set -e\ntrap 'kill $(jobs -p)' EXIT\n{}", commands(page));
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_lucarne"));
    let path = format!(
        "{}:{}",
        binary.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap().to_string();
    drop(port);
    let played = Command::new("bash")
        .args(["-c", &script])
        .current_dir(run.folder.path())
        .env_clear()
        .env("PATH", path)
        .env("MCP_LISTEN", address)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8(played.stdout).unwrap(),
        String::from_utf8(played.stderr).unwrap(),
    );
    assert!(played.status.success(), "{out}\n{err}");
    for told in [
        "shop answers and serves users (",
        r#""company":"Harbour & Pine""#,
        r#""error":"Record not found: users id=27""#,
        r#""total":20"#,
        r#""tenant":"harbour""#,
        "users: rows where users.company = 'Juniper Schools' (of the tenant)",
        "it is not among the token's models",
    ] {
        assert!(out.contains(told), "{told}\n{out}\n{err}");
    }
    let listed: Vec<&str> = out
        .lines()
        .filter(|line| line.starts_with("agent  "))
        .collect();
    assert!(listed.len() >= 2 && out.contains("revoked"), "{out}");
}
