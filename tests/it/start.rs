//! Starts that fail, and what a good one says.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sqlx::{Connection as _, Executor as _, SqliteConnection};

use crate::process::Process;
use crate::service::{TOKEN, copy, sample};

/// What it says, and how it exits, for this database.
fn refused(url: &str, folder: &Path) -> (String, Option<i32>) {
    let variables = [
        ("MCP_ENABLED", "true"),
        ("MCP_TOKEN", TOKEN),
        ("MCP_LISTEN", "127.0.0.1:0"),
        ("DATABASE_URL", url),
    ];
    let listed = |folder: &Path| {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .flatten()
            .map(|e| e.path())
            .collect();
        names.sort();
        names
    };
    let before = listed(folder);
    let mut process = Process::start(&["serve"], &variables, folder);
    let code = process.ended().code();
    assert_eq!(listed(folder), before, "something was made");
    let output = process.output();
    assert!(output.lines().count() <= 4, "{output}");
    assert!(!output.contains(TOKEN));
    (output, code)
}

#[tokio::test]
async fn each_fault_of_the_file_has_its_own_words() {
    let (folder, path) = copy();
    let folder = folder.path();
    fs::create_dir(folder.join("folder.db")).unwrap();
    fs::write(folder.join("dump.db"), "CREATE TABLE users (id INTEGER);").unwrap();
    fs::write(folder.join("empty.db"), "").unwrap();
    let mut damaged = fs::read(&path).unwrap();
    damaged[40..4_096].fill(0xff);
    fs::write(folder.join("damaged.db"), damaged).unwrap();
    for (url, cause) in [
        ("sqlite:missing.db", "there is no file missing.db"),
        ("sqlite:cpoy.db", "there is no file cpoy.db"),
        (
            "sqlite:no/such/folder.db",
            "there is no file no/such/folder.db",
        ),
        ("sqlite:folder.db", "folder.db is a folder"),
        ("sqlite:dump.db", "dump.db is not an SQLite database"),
        ("sqlite:damaged.db", "damaged.db"),
        (
            "sqlite:empty.db",
            "MCP_ALLOWED_MODELS: none of users, tickets, change_log is in empty.db",
        ),
    ] {
        let (output, code) = refused(url, folder);
        assert_eq!(code, Some(2), "{url}: {output}");
        assert!(output.starts_with("error: "), "{url}: {output}");
        assert!(output.contains(cause), "{url}: {output}");
        assert!(output.contains("\nhelp: "), "{url}: {output}");
    }
    assert!(
        refused("sqlite:cpoy.db", folder)
            .0
            .contains("copy.db exists")
    );

    let mut writer = SqliteConnection::connect(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    writer.execute("BEGIN EXCLUSIVE").await.unwrap();
    let variables = [
        ("MCP_ENABLED", "true"),
        ("MCP_TOKEN", TOKEN),
        ("MCP_LISTEN", "127.0.0.1:0"),
        ("DATABASE_URL", "sqlite:copy.db"),
    ];
    let mut process = Process::start(&["serve"], &variables, folder);
    assert_eq!(process.ended().code(), Some(2));
    assert!(
        process
            .output()
            .contains("copy.db is locked by another process")
    );
    drop(writer);

    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may read everything.
    if fs::File::open(&path).is_err() {
        let (output, code) = refused("sqlite:copy.db", folder);
        assert_eq!(code, Some(2));
        assert!(
            output.contains("copy.db may not be read by this user"),
            "{output}"
        );
    }
}

#[test]
fn a_port_in_use_is_answered_with_a_free_one() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for variable in ["MCP_LISTEN", "MCP_ADMIN_LISTEN"] {
        let variables = [(variable, &*address)];
        let mut process = Process::serve(&variables);
        assert_eq!(process.ended().code(), Some(3));
        let output = process.output();
        let (cause, help) = output.trim_end().split_once('\n').unwrap();
        assert_eq!(cause, format!("error: {address} is in use"));
        let free = help.strip_prefix(&format!("help: {variable}=")).unwrap();
        let free = free.strip_suffix(" is free now").unwrap();
        drop(TcpListener::bind(free).unwrap());
    }
    // A port that the other listener is to have is not free.
    let next = |address: &str| {
        let (host, port) = address.rsplit_once(':').unwrap();
        format!("{host}:{}", port.parse::<u16>().unwrap() + 1)
    };
    let variables = [
        ("MCP_ADMIN_LISTEN", &*address),
        ("MCP_LISTEN", &next(&address)),
    ];
    let mut process = Process::serve(&variables);
    if process.ended().code() == Some(3) && process.output().contains(&format!("{address} is")) {
        assert!(
            !process
                .output()
                .contains(&format!("MCP_ADMIN_LISTEN={} ", next(&address)))
        );
    }
}

#[test]
fn a_good_start_takes_few_lines_and_shows_no_secret() {
    let process = Process::serve(&[]);
    process.line("read-only: ");
    let output = process.output();
    assert!(output.lines().count() <= 6, "{output}");
    assert!(output.contains("3 models with"), "{output}");
    assert!(!output.contains(TOKEN) && !output.contains('\u{1b}'));

    let off = Process::serve(&[("MCP_ENABLED", "false")]);
    off.line("off: /mcp answers 503; set MCP_ENABLED=true to open it");
    assert!(off.output().lines().count() <= 2, "{}", off.output());
    assert!(sample().exists());
}
