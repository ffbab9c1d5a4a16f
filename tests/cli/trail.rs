//! What the commands that keep the store leave behind: lines of the audit, and backups.

use serde_json::Value;

use super::store::{URL, failed, json, kept};
use crate::support::{KEY, Run};

#[test]
fn each_change_is_in_the_audit_with_before_and_after_and_no_secret() {
    let run = kept()
        .set("MCP_AUDIT_FILE", "audit.jsonl")
        .set("USER", "ada")
        .set("LOGNAME", "ada");
    // Whatever the environment says of it.
    let who = run.shell("id -un").out.trim().to_owned();
    let token = json(
        &run,
        &["token", "create", "reports", "--tenant", "acme", "--json"],
    );
    let rotated = json(&run, &["token", "rotate", "reports", "--yes", "--json"]);
    run.lucarne(&["tenant", "deactivate", "acme"]);
    run.feed(&["database", "update", "shop", "--url"], URL);
    run.lucarne(&["database", "remove", "shop", "--yes"]);
    run.lucarne(&["database", "reseal", "--yes"]);
    let refused = run.lucarne(&["tenant", "create", "acme"]);
    assert_eq!(refused.code, Some(1));
    run.lucarne(&["tenant", "list"]);

    let text = std::fs::read_to_string(run.folder.path().join("audit.jsonl")).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            format!(
                "{} {}",
                line["event"].as_str().unwrap(),
                line["what"].as_str().unwrap()
            )
        })
        .collect();
    let both = |what: &str| [format!("change_asked {what}"), format!("change {what}")];
    let mut expected = Vec::new();
    for what in [
        "token.create",
        "token.rotate",
        "tenant.update",
        "database.update",
        "database.remove",
        "database.reseal",
    ] {
        expected.extend(both(what));
    }
    expected.push("change_asked tenant.create".to_owned());
    expected.push("change_failed tenant.create".to_owned());
    assert_eq!(told, expected);
    assert!(
        lines
            .iter()
            .all(|line| line["by"] == "command" && line["who"] == who)
    );
    assert_eq!(lines.last().unwrap()["code"], "name_taken");
    assert!(lines[1].get("before").is_none());
    assert_eq!(lines[1]["after"]["name"], "reports");
    assert_eq!(lines[1]["of"], token["id"]);
    assert_ne!(lines[3]["before"]["suffix"], lines[3]["after"]["suffix"]);
    assert_eq!(lines[5]["before"]["active"], true);
    assert_eq!(lines[5]["after"]["active"], false);
    assert_eq!(lines[7]["after"]["url"], "*** (another)");
    assert!(lines[9].get("after").is_none());
    for secret in [
        "planted",
        token["token"].as_str().unwrap(),
        rotated["token"].as_str().unwrap(),
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert_eq!(
        run.lucarne(&["audit", "verify", "audit.jsonl"]).code,
        Some(0)
    );
}

#[test]
fn without_its_audit_nothing_is_changed() {
    let run = kept().set("MCP_AUDIT_FILE", "/dev/full");
    let ended = run.lucarne(&["tenant", "deactivate", "acme"]);
    failed(
        &ended,
        2,
        "the audit cannot be written, so nothing was changed",
    );
    let ended = run.shell("MCP_AUDIT_FILE=no/such/folder lucarne tenant deactivate acme");
    failed(&ended, 2, "MCP_AUDIT_FILE: cannot be written to");
    assert_eq!(
        json(&run, &["tenant", "show", "acme", "--json"])["active"],
        true
    );
    let ended = run.shell("MCP_AUDIT_ON_ERROR=warn lucarne tenant deactivate acme");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(
        json(&run, &["tenant", "show", "acme", "--json"])["active"],
        false
    );
}

#[test]
fn a_backup_is_put_back_without_what_was_closed_since() {
    let run = kept().set("MCP_AUDIT_FILE", "audit.jsonl");
    let token = |name: &str| {
        json(
            &run,
            &["token", "create", name, "--tenant", "acme", "--json"],
        )
    };
    for name in ["stays", "leaked", "removed"] {
        token(name);
    }
    let ended = run.lucarne(&["store", "backup", "backup.json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(
        ended.out.contains("1 tenant, 1 database, "),
        "{}",
        ended.out
    );
    assert!(ended.err.contains("MCP_ENCRYPTION_KEY"), "{}", ended.err);
    failed(
        &run.lucarne(&["store", "backup", "backup.json"]),
        2,
        "backup.json exists already",
    );
    let text = std::fs::read_to_string(run.folder.path().join("backup.json")).unwrap();
    assert!(!text.contains("sqlite:") && !text.contains(KEY));

    run.lucarne(&["token", "revoke", "leaked", "--yes"]);
    run.lucarne(&["token", "remove", "removed", "--yes"]);
    token("later");
    failed(
        &run.lucarne(&["store", "restore", "backup.json"]),
        2,
        "not without a yes",
    );
    let before = run.lucarne(&["token", "list", "--json"]).out;
    assert_eq!(run.lucarne(&["token", "list", "--json"]).out, before);
    let states = |run: &Run| -> Vec<String> {
        let tokens = json(run, &["token", "list", "--json"]);
        let tokens = tokens.as_array().unwrap().iter();
        tokens
            .map(|token| format!("{} {}", token["name"], token["state"]).replace('"', ""))
            .filter(|state| !state.starts_with("night"))
            .collect()
    };
    let ended = run.lucarne(&["store", "restore", "backup.json", "--yes"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(
        ended.err.contains("acme/leaked (revoked or rotated)"),
        "{}",
        ended.err
    );
    assert!(
        ended.err.contains("acme/removed (removed)"),
        "{}",
        ended.err
    );
    assert_eq!(
        states(&run),
        ["leaked revoked", "removed revoked", "stays active"]
    );
    let ended = run.lucarne(&["store", "restore", "backup.json", "--yes", "--reopen"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(
        states(&run),
        ["leaked active", "removed active", "stays active"]
    );

    // No token lasts longer than now, and no tenant is switched on again.
    run.lucarne(&["token", "update", "stays", "--expires", "2d"]);
    run.lucarne(&["database", "update", "shop", "--hidden", "tickets.phone"]);
    run.lucarne(&["tenant", "deactivate", "acme"]);
    let expiry = |run: &Run| json(run, &["token", "show", "stays", "--json"])["expires_at"].clone();
    let ends = expiry(&run);
    assert!(ends.is_string(), "{ends}");
    let ended = run.lucarne(&["store", "restore", "backup.json", "--yes"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    for told in [
        "acme (tenant switched off)",
        "acme/stays (ends sooner)",
        "put back as they were then: 1\n  acme/shop\n",
    ] {
        assert!(ended.err.contains(told), "{told}\n{}", ended.err);
    }
    let tenant = json(&run, &["tenant", "show", "acme", "--json"]);
    assert_eq!(tenant["active"], false);
    assert_eq!(expiry(&run), ends);

    // Into a store that is new, all comes as it was.
    let new = run.shell(
        "MCP_STORE=sqlite:new.db lucarne store restore backup.json --yes && \
         MCP_STORE=sqlite:new.db lucarne database test shop && \
         MCP_STORE=sqlite:new.db lucarne store backup -",
    );
    assert_eq!(new.code, Some(0), "{}", new.err);
    let audit = std::fs::read_to_string(run.folder.path().join("audit.jsonl")).unwrap();
    assert!(audit.contains("\"store.restore\""));
    for wrong in [
        "{}",
        "not JSON",
        &text.replacen("\"lucarne_store\": 1", "\"lucarne_store\": 9", 1),
    ] {
        std::fs::write(run.folder.path().join("wrong.json"), wrong).unwrap();
        let ended = run.lucarne(&["store", "restore", "wrong.json", "--yes"]);
        failed(&ended, 2, "wrong.json: it is ");
    }
}

#[test]
fn root_makes_no_file_in_a_folder_of_the_user_of_the_service() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: not root, who alone can be two users");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(folder.path(), Some(65_533), Some(65_533)).unwrap();
    let store = folder.path().join("store.db");
    let audit = folder.path().join("audit.jsonl");
    let run = Run::new();
    let made = |more: &[(&str, &str)]| {
        let key = "ab".repeat(32);
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lucarne"));
        command.args(["tenant", "create", "acme"]).env_clear();
        command.current_dir(run.folder.path());
        command
            .env("MCP_ENABLED", "true")
            .env("MCP_ENCRYPTION_KEY", key);
        command.envs(more.iter().copied());
        String::from_utf8(command.output().unwrap().stderr).unwrap()
    };
    let shown = format!("sqlite:{}", store.display());
    let said = made(&[("MCP_STORE", &shown)]);
    assert!(said.contains("error: MCP_STORE: "), "{said}");
    assert!(said.contains("belongs to user 65533"), "{said}");
    assert!(said.contains("help: run it as that user"), "{said}");
    let shown = audit.display().to_string();
    let said = made(&[("MCP_STORE", "sqlite:own.db"), ("MCP_AUDIT_FILE", &shown)]);
    assert!(said.contains("error: MCP_AUDIT_FILE: "), "{said}");
    assert!(!store.exists() && !audit.exists());
}
