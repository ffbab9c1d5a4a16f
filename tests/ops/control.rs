//! The control socket: a reload that answers, and what is exposed, for the owner alone.

use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::*;

const SOCKET: &str = "MCP_CONTROL_SOCKET=control.sock\n";

/// Runs a command in the folder of a service; the service goes on beside it.
async fn run(folder: &Folder, words: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(&program()[0]);
    command.args(words).current_dir(folder.root()).env_clear();
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
    let Output {
        status,
        stdout,
        stderr,
    } = ended.await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_tells_what_it_changed_or_why_not() {
    let folder = Folder::new().await;
    folder.configure(&format!("{SOCKET}MCP_ALLOWED_MODELS=users"));
    let served = folder.serve().await;
    folder.configure(&format!(
        "{SOCKET}MCP_ALLOWED_MODELS=users,tickets\nMCP_MAX_LIMIT=70\n"
    ));
    let (code, out, err) = run(&folder, &["reload"]).await;
    assert_eq!((code, &*err), (0, ""), "{out}");
    for told in [
        "MCP_MAX_LIMIT: 100 -> 70",
        "exposed from now on: tickets\n",
        "reloaded: 2 models",
    ] {
        assert!(out.contains(told), "{told:?}: {out}");
    }
    let mut socket = served.connect(TOKEN).await;
    let list = r#"{"action":"list","model":"tickets"}"#;
    assert_eq!(ask(&mut socket, list).await["status"], "ok");

    // Every fault at once, with its remedy, and nothing is changed.
    folder.configure(&format!("{SOCKET}MCP_MAX_LIMIT=many\nMCP_READONLY=maybe\n"));
    let (code, out, err) = run(&folder, &["reload"]).await;
    assert_eq!((code, &*out), (2, ""), "{err}");
    for told in [
        "the reload was refused, and nothing is changed",
        "MCP_MAX_LIMIT: expected",
        "MCP_READONLY: expected",
        "help: mend this",
    ] {
        assert!(err.contains(told), "{told:?}: {err}");
    }
    assert_eq!(ask(&mut socket, list).await["limit"], 50);
    // So is one that the database speaks against.
    folder.configure(&format!("{SOCKET}MCP_ALLOWED_MODELS=usres\n"));
    let (code, _, err) = run(&folder, &["reload"]).await;
    assert!(code == 2 && err.contains("none of usres"), "{err}");
    let metric = "mcp_reloads_total{outcome=\"refused\"} ";
    assert_eq!(served.metric(metric).await, Some(2.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exposed_is_told_without_a_store() {
    let folder = Folder::new().await;
    folder.configure(&format!("{SOCKET}MCP_HIDDEN_FIELDS=users.email\n"));
    let _served = folder.serve().await;
    let (code, out, err) = run(&folder, &["exposed"]).await;
    assert_eq!((code, &*err), (0, ""), "{out}");
    let rule = out.lines().find(|line| line.contains(" email "));
    assert!(
        rule.is_some_and(|line| line.contains("MCP_HIDDEN_FIELDS")),
        "{out}"
    );
    assert!(out.contains("since the start at "), "{out}");
    run(&folder, &["reload"]).await;
    let (_, json, _) = run(&folder, &["exposed", "--json"]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["reloads"], &json["count"]), (&1.into(), &1.into()));
    let (code, _, err) = run(&folder, &["exposed", "--tenant", "no one"]).await;
    assert!(code == 2 && err.contains("no such tenant"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_belongs_to_its_owner_and_goes_with_the_process() {
    let folder = Folder::new().await;
    folder.configure(SOCKET);
    let socket = folder.path("control.sock");
    let is_socket = |path: &Path| {
        let file = std::fs::symlink_metadata(path);
        file.is_ok_and(|file| file.file_type().is_socket())
    };
    let mut first = folder.serve().await;
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Another process takes over, and the first leaves the file to it.
    let mut second = folder.serve().await;
    first.signal("TERM");
    assert!(first.ended().await.success());
    assert!(is_socket(&socket));
    assert_eq!(run(&folder, &["reload"]).await.0, 0);
    assert_eq!(second.logged("reload: control socket"), 1);
    second.signal("TERM");
    assert!(second.ended().await.success());
    assert!(!socket.exists());
    let (code, _, err) = run(&folder, &["reload"]).await;
    assert!(code == 2 && err.contains("no service answers at "), "{err}");
    // What is no socket is not replaced.
    std::fs::write(&socket, "precious").unwrap();
    let mut refused = folder.spawn(&program());
    assert_eq!(refused.ended().await.code(), Some(2));
    refused.says("another file is there", 1).await;
    assert_eq!(std::fs::read_to_string(&socket).unwrap(), "precious");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_one_the_command_says_how_to_get_it() {
    let folder = Folder::new().await;
    folder.configure("");
    let (code, _, err) = run(&folder, &["reload"]).await;
    // A service of this machine's own may have the one of the unit.
    if Path::new("/run/lucarne/control.sock").exists() {
        return;
    }
    assert!(code == 2 && err.contains("MCP_CONTROL_SOCKET="), "{err}");
    assert!(err.contains("kill -HUP"), "{err}");
}
