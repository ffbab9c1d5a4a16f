//! The commands that keep tenants, their databases and their tokens.

use serde_json::Value;

use crate::support::{Ended, KEY, Run};

pub(crate) const PASSWORD: &str = "planted-password";
pub(crate) const URL: &str = "postgres://planted-user:planted-password@127.0.0.1:1/shop";

pub(crate) fn kept() -> Run {
    Run::new().with_sample().with_store()
}

pub(crate) fn json(run: &Run, arguments: &[&str]) -> Value {
    let ended = run.lucarne(arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

pub(crate) fn failed(ended: &Ended, code: i32, words: &str) {
    assert_eq!(ended.code, Some(code), "{}", ended.err);
    assert!(ended.err.contains(words), "{}", ended.err);
    assert!(ended.err.contains("\nhelp: "), "{}", ended.err);
}

#[test]
fn tenants_are_made_changed_and_removed() {
    let run = Run::new().with_keys();
    assert_eq!(run.lucarne(&["tenant", "list"]).out, "no tenants\n");
    let made = run.lucarne(&[
        "tenant",
        "create",
        "acme",
        "--description",
        "The company Acme",
        "--rows",
        "tickets.company_id in (1, 2)",
        "--rate-limit",
        "600",
        "--rows-per-day",
        "1000",
    ]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    for line in [
        "name         acme",
        "state        active",
        "rows         tickets.company_id in (1, 2)",
        "limits       600 requests per window, 1000 rows a day",
    ] {
        assert!(
            made.out.lines().any(|shown| shown == line),
            "{line}\n{}",
            made.out
        );
    }
    let changed = json(
        &run,
        &[
            "tenant",
            "update",
            "acme",
            "--rate-limit",
            "none",
            "--rate-window",
            "30",
            "--all-rows",
            "--json",
        ],
    );
    assert_eq!(
        changed["limits"],
        serde_json::json!({"rate_window": 30, "rows_per_day": 1000})
    );
    assert_eq!(changed["rows"], serde_json::json!([]));
    assert_eq!(changed["description"], "The company Acme");
    let off = json(&run, &["tenant", "deactivate", "acme", "--json"]);
    assert_eq!(off["active"], false);
    // By its id, too.
    let on = json(
        &run,
        &["tenant", "activate", off["id"].as_str().unwrap(), "--json"],
    );
    assert_eq!(on["active"], true);
    assert_eq!(
        json(&run, &["tenant", "list", "--json"])
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let removed = run.lucarne(&["tenant", "remove", "acme", "--yes"]);
    assert_eq!(
        (removed.code, removed.out.as_str()),
        (Some(0), "removed: acme\n")
    );
    assert_eq!(run.lucarne(&["tenant", "list"]).out, "no tenants\n");
}

#[test]
fn a_token_is_printed_once_and_alone() {
    let run = kept();
    let made = run.lucarne(&["token", "create", "reports", "--tenant", "acme"]);
    assert_eq!(made.code, Some(0));
    let token = made.out.trim_end();
    assert_eq!(token.len(), 64);
    assert!(made.err.contains("the only time"));
    let shown = run.lucarne(&["token", "show", "reports"]);
    let listed = run.lucarne(&["token", "list"]);
    for ended in [&shown, &listed] {
        assert!(ended.out.contains(&token[56..]), "{}", ended.out);
        assert!(!ended.out.contains(&token[..56]), "{}", ended.out);
    }
    let made = json(
        &run,
        &["token", "create", "other", "--tenant", "acme", "--json"],
    );
    assert_eq!(made["token"].as_str().unwrap().len(), 64);
    assert_eq!(made["scopes"], serde_json::json!(["describe", "read"]));
    assert!(
        json(&run, &["token", "show", "other", "--json"])
            .get("token")
            .is_none()
    );
    // Alone it prints a token of a simple installation, as ever.
    assert_eq!(run.lucarne(&["token"]).out.len(), 44);
}

#[test]
fn tokens_are_changed_rotated_revoked_and_removed() {
    let run = kept();
    let made = json(
        &run,
        &[
            "token",
            "create",
            "reports",
            "--tenant",
            "acme",
            "--scopes",
            "all",
            "--models",
            "tickets,users",
            "--tools",
            "list_records",
            "--expires",
            "30d",
            "--rows",
            "tickets.user_id = 7",
            "--rate-limit",
            "5",
            "--json",
        ],
    );
    assert_eq!(made["scopes"].as_array().unwrap().len(), 6);
    assert_eq!(made["models"], serde_json::json!(["tickets", "users"]));
    assert!(made["expires_at"].as_str().is_some());
    let changed = json(
        &run,
        &[
            "token",
            "update",
            "reports",
            "--scopes",
            "read",
            "--models",
            "all",
            "--expires",
            "never",
            "--all-rows",
            "--json",
        ],
    );
    assert_eq!(changed["scopes"], serde_json::json!(["read"]));
    assert_eq!(
        (&changed["models"], &changed["expires_at"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(changed["tools"], serde_json::json!(["list_records"]));
    assert_eq!(changed["rows"], serde_json::json!([]));
    let rotated = json(
        &run,
        &["token", "rotate", "reports", "--overlap", "1h", "--json"],
    );
    assert_ne!(rotated["token"], made["token"]);
    assert_eq!(rotated["id"], made["id"]);
    assert!(rotated["previous_until"].is_string());
    let revoked = json(&run, &["token", "revoke", "reports", "--yes", "--json"]);
    assert_eq!(revoked["state"], "revoked");
    let again = json(
        &run,
        &["token", "update", "reports", "--active", "true", "--json"],
    );
    assert_eq!(again["state"], "active");
    assert_eq!(
        run.lucarne(&["token", "remove", "reports", "--yes"]).code,
        Some(0)
    );
    failed(
        &run.lucarne(&["token", "show", "reports"]),
        1,
        "there is no token \"reports\"",
    );
}

#[test]
fn a_name_of_several_tenants_is_asked_back() {
    let run = kept();
    run.lucarne(&["tenant", "create", "globex"]);
    run.lucarne(&["token", "create", "night", "--tenant", "globex"]);
    let told = "several tenants have a token \"night\": acme, globex";
    failed(&run.lucarne(&["token", "show", "night"]), 2, told);
    let shown = json(
        &run,
        &["token", "show", "night", "--tenant", "globex", "--json"],
    );
    assert_eq!(shown["tenant"], "globex");
    let by_id = json(
        &run,
        &["token", "show", shown["id"].as_str().unwrap(), "--json"],
    );
    assert_eq!(by_id, shown);
}

#[test]
fn a_url_is_never_demanded_as_an_argument_and_never_shown() {
    let run = kept().set("PLANTED_URL", URL);
    let add = [
        "database", "add", "x", "--tenant", "acme", "--models", "users",
    ];
    let with = |name: &'static str, more: &[&'static str]| {
        let mut arguments = add.to_vec();
        arguments[2] = name;
        arguments.extend(more);
        arguments
    };
    let outputs = [
        run.feed(&with("by-input", &[]), &format!("{URL}\n")),
        run.lucarne(&with("by-variable", &["--url-env", "PLANTED_URL"])),
        run.lucarne(&with("by-argument", &[URL])),
        run.lucarne(&["database", "list"]),
        run.lucarne(&["database", "list", "--json"]),
        run.lucarne(&["database", "show", "by-input"]),
        run.feed(&["database", "update", "by-input", "--url", "--json"], URL),
        run.lucarne(&["tenant", "show", "acme", "--json"]),
    ];
    for ended in &outputs {
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(
            ended.out.contains("PostgreSQL at 127.0.0.1:1/shop"),
            "{}",
            ended.out
        );
        let said = format!("{}{}", ended.out, ended.err);
        assert!(!said.contains("planted"), "{said}");
    }
    let tested = run.lucarne(&["database", "test", "by-input"]);
    failed(&tested, 1, "nothing answers");
    assert!(!tested.err.contains(PASSWORD), "{}", tested.err);
    // Faults do not repeat it either.
    for faulty in [
        "oracle://planted-user:planted-password@db/shop",
        "postgres://planted-user:planted-password@db/shop?x=1",
        "planted-password",
        "",
    ] {
        let ended = run.feed(&with("faulty", &[]), faulty);
        failed(&ended, 2, "error: ");
        assert!(!ended.err.contains("planted"), "{}", ended.err);
    }
    failed(
        &run.lucarne(&with("faulty", &["--url-env", "NO_SUCH"])),
        2,
        "the variable NO_SUCH is not set",
    );
}

#[test]
fn a_database_is_tested_as_it_would_be_served() {
    let run = kept();
    let tested = run.lucarne(&["database", "test", "shop"]);
    assert_eq!(tested.code, Some(0), "{}", tested.err);
    assert!(
        tested.out.starts_with("shop answers and serves users ("),
        "{}",
        tested.out
    );
    assert!(tested.out.contains("hidden: "), "{}", tested.out);
    run.lucarne(&["database", "update", "shop", "--models", "users,absent"]);
    let found = json(&run, &["database", "test", "shop", "--json"]);
    assert_eq!(found["models"][0]["name"], "users");
    assert_eq!(found["missing"][0]["name"], "absent");
    run.lucarne(&["database", "update", "shop", "--models", "absent"]);
    let tested = run.lucarne(&["database", "test", "shop"]);
    assert_eq!(tested.code, Some(1));
    assert!(tested.out.contains("serves nothing"), "{}", tested.out);
    run.feed(&["database", "update", "shop", "--url"], "sqlite:absent.db");
    failed(
        &run.lucarne(&["database", "test", "shop"]),
        1,
        "there is no file absent.db",
    );
}

#[test]
fn keys_are_rotated_by_a_command() {
    const NEW: &str = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";
    let run = kept();
    // Whoever has lost the key can still look, revoke and remove.
    for key in [
        format!("MCP_ENCRYPTION_KEY={NEW}"),
        "env -u MCP_ENCRYPTION_KEY".to_owned(),
    ] {
        let ended = run.shell(&format!("{key} lucarne tenant list"));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
    }
    let ended = run.shell(&format!(
        "echo sqlite:sample.db | MCP_ENCRYPTION_KEY={NEW} lucarne database add two --tenant acme --models users"
    ));
    failed(
        &ended,
        2,
        "MCP_ENCRYPTION_KEY: database \"shop\": it is sealed with another key",
    );
    assert!(ended.err.contains("if that key is lost"), "{}", ended.err);
    let ended = run.shell(&format!("MCP_ENCRYPTION_KEY={NEW} lucarne database reseal"));
    failed(&ended, 2, "each instance must have that key already");
    let ended = run.shell(&format!(
        "MCP_ENCRYPTION_KEY={NEW} lucarne database reseal --yes"
    ));
    failed(&ended, 2, "it is sealed with another key");
    let ended = run.shell(&format!(
        "MCP_ENCRYPTION_KEY={NEW} MCP_ENCRYPTION_KEY_PREVIOUS={KEY} lucarne database reseal --yes"
    ));
    assert_eq!(
        (ended.code, ended.out.as_str()),
        (Some(0), "sealed anew: 1 URL\n")
    );
    let ended = run.shell(&format!(
        "MCP_ENCRYPTION_KEY={NEW} lucarne database test shop"
    ));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

#[test]
fn what_cannot_be_undone_is_not_done_without_a_yes() {
    let run = kept();
    for arguments in [
        &["tenant", "remove", "acme"][..],
        &["token", "revoke", "night"],
        &["token", "remove", "night"],
        &["token", "rotate", "night"],
        &["database", "remove", "shop"],
    ] {
        failed(&run.lucarne(arguments), 2, "not without a yes");
    }
    assert_eq!(
        json(&run, &["token", "show", "night", "--json"])["state"],
        "active"
    );
    assert_eq!(
        json(&run, &["database", "list", "--json"])
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[cfg(target_os = "linux")]
#[test]
fn at_a_terminal_a_yes_and_a_secret_are_asked_for() {
    let run = kept()
        .file("no", "n\n")
        .file("yes", "y\n")
        .file("url", &format!("{URL}\n"));
    let asked = |command: &str, answers: &str| {
        run.shell(&format!(
            "script -qec 'stty cols 100; {command}' /dev/null < {answers}"
        ))
    };
    let ended = asked("lucarne token revoke night", "no");
    assert!(
        ended.out.contains("revoke token night of acme? [y/N]"),
        "{}",
        ended.out
    );
    assert!(ended.out.contains("nothing was changed"), "{}", ended.out);
    assert_eq!(ended.code, Some(1));
    let ended = asked("lucarne token revoke night", "yes");
    assert_eq!(ended.code, Some(0), "{}", ended.out);
    assert_eq!(
        json(&run, &["token", "show", "night", "--json"])["state"],
        "revoked"
    );
    // What is typed before the question is echoed by the terminal itself.
    let ended = run.shell(
        "(sleep 1; cat url) | script -qec \
         'lucarne database add new --tenant acme --models users' /dev/null",
    );
    assert_eq!(ended.code, Some(0), "{}", ended.out);
    assert!(ended.out.contains("it is not shown"), "{}", ended.out);
    assert!(!ended.out.contains(PASSWORD), "{}", ended.out);
    let list = asked("lucarne database list", "/dev/null");
    assert!(list.out.contains("name  tenant  place"), "{}", list.out);
}

#[test]
fn what_is_wrong_is_told_with_its_remedy() {
    let run = kept();
    for (arguments, code, words) in [
        (
            &["tenant", "show", "nobody"][..],
            1,
            "there is no tenant \"nobody\"",
        ),
        (
            &["tenant", "create", "acme"],
            1,
            "there is a tenant \"acme\" already",
        ),
        (
            &["tenant", "create", ""],
            2,
            "error: name: expected 1 to 100 characters",
        ),
        (
            &["token", "create", "x", "--tenant", "nobody"],
            1,
            "there is no tenant",
        ),
        (
            &[
                "token", "create", "x", "--tenant", "acme", "--scopes", "write",
            ],
            2,
            "error: --scopes: there is no scope \"write\"",
        ),
        (
            &[
                "token",
                "create",
                "x",
                "--tenant",
                "acme",
                "--expires",
                "2001-01-01",
            ],
            2,
            "error: --expires: that is past",
        ),
        (
            &[
                "token",
                "create",
                "x",
                "--tenant",
                "acme",
                "--expires",
                "soon",
            ],
            2,
            "error: --expires: expected a date or a time with its zone, not \"soon\"\nhelp: for example 2031-12-31, or 2031-12-31T18:00:00Z; or a span such as 30d, or never",
        ),
        (
            &["tenant", "create", "x", "--rows", "company_id = 42"],
            2,
            "expected model.field = value",
        ),
        (
            &["tenant", "create", "x", "--rate-limit", "0"],
            2,
            "expected a whole number from 1",
        ),
        (
            &["database", "update", "shop", "--row-security", "true"],
            2,
            "error: --row-security: SQLite has no row security",
        ),
        (
            &[
                "database",
                "add",
                "x",
                "sqlite:x.db",
                "--tenant",
                "acme",
                "--models",
                "a.b.c",
            ],
            2,
            "error: --models: ",
        ),
        (
            &[
                "database",
                "add",
                "x",
                "sqlite:store.db",
                "--tenant",
                "acme",
                "--models",
                "a",
            ],
            2,
            "holds a store of Lucarne",
        ),
    ] {
        failed(&run.lucarne(arguments), code, words);
    }
    let ended = Run::new().lucarne(&["tenant", "list"]);
    failed(&ended, 2, "MCP_STORE: no store is named");
    let ended = Run::new()
        .set(
            "MCP_STORE",
            "postgres://u:planted-password@127.0.0.1:1/store",
        )
        .lucarne(&["tenant", "list"]);
    failed(&ended, 2, "MCP_STORE: PostgreSQL at 127.0.0.1:1/store");
    assert!(!ended.err.contains(PASSWORD), "{}", ended.err);
}

#[test]
fn scopes_are_listed_with_their_meaning() {
    let run = Run::new();
    let table = run.lucarne(&["scopes"]).out;
    let listed = json(&run, &["scopes", "--json"]);
    for scope in lucarne::auth::Scope::ALL {
        assert!(table.contains(scope.name()) && table.contains(scope.meaning()));
        let mut listed = listed.as_array().unwrap().iter();
        assert!(listed.any(|it| it["name"] == scope.name() && it["meaning"] == scope.meaning()));
    }
}
