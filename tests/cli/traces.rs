//! A file of SQLite whose application is another user is read without a trace, or the start says
//! what keeps it from that.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use tempfile::TempDir;

/// Users of the machine that own nothing else.
const APPLICATION: u32 = 65_533;
const SERVICE: u32 = 65_534;

/// A folder that both may write, and the program where both may read it; none without the rights to
/// be somebody else.
#[expect(clippy::print_stdout, reason = "what is skipped is said")]
fn place() -> Option<(TempDir, PathBuf)> {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: not root, who alone can be two users");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    let program = folder.path().join("lucarne");
    fs::copy(env!("CARGO_BIN_EXE_lucarne"), &program).unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    fs::set_permissions(folder.path().join("data"), Permissions::from_mode(0o777)).unwrap();
    Some((folder, program))
}

/// Puts files of a database where the service is to find them, as the application's.
fn put(folder: &Path, made: &Path, suffixes: &[&str]) {
    for suffix in suffixes {
        let name = format!("shop.db{suffix}");
        let there = folder.join("data").join(&name);
        fs::copy(made.join(&name), &there).unwrap();
        chown(&there, Some(APPLICATION), Some(APPLICATION)).unwrap();
    }
}

/// What lies in the folder of the database.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("data")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// `lucarne check` as the service's user: its exit code, and what it says of faults.
fn checked(folder: &Path, program: &Path) -> (Option<i32>, String) {
    let url = format!("sqlite:{}", folder.join("data/shop.db").display());
    let output = Command::new(program)
        .arg("check")
        .current_dir(folder)
        .uid(SERVICE)
        .gid(SERVICE)
        .env_clear()
        .env("MCP_ENABLED", "true")
        .env("MCP_TOKEN", "a-token-for-tests-alone")
        .env("MCP_ALLOWED_MODELS", "t")
        .env("DATABASE_URL", url)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

fn writer(made: &Path, journal: &str) -> Connection {
    let writer = Connection::open(made.join("shop.db")).unwrap();
    let script = format!(
        "PRAGMA journal_mode = {journal}; PRAGMA cache_size = 1;
         CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
         INSERT INTO t SELECT i, hex(zeroblob(200)) FROM n;"
    );
    writer.execute_batch(&script).unwrap();
    writer
}

#[test]
fn a_database_at_rest_is_read_without_files_beside_it() {
    let Some((folder, program)) = place() else {
        return;
    };
    let made = tempfile::tempdir().unwrap();
    drop(writer(made.path(), "WAL"));
    put(folder.path(), made.path(), &[""]);
    let (code, said) = checked(folder.path(), &program);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(names(folder.path()), ["shop.db"]);
}

#[test]
fn a_journal_that_reading_would_have_to_mend_is_a_fault_that_says_how() {
    let Some((folder, program)) = place() else {
        return;
    };
    for (journal, suffixes, what) in [
        ("WAL", ["", "-wal"], "has a -wal file without its -shm file"),
        ("DELETE", ["", "-journal"], "holds a write that was cut off"),
    ] {
        let made = tempfile::tempdir().unwrap();
        let writer = writer(made.path(), journal);
        // More than the cache holds is in the file before it is committed.
        writer
            .execute_batch("BEGIN; UPDATE t SET v = v || 'x'")
            .unwrap();
        put(folder.path(), made.path(), &suffixes);
        let before = names(folder.path());
        assert_eq!(before.len(), 2, "{before:?}");
        let (code, said) = checked(folder.path(), &program);
        assert_eq!(code, Some(2), "{said}");
        assert!(
            said.contains(what) && said.contains("as the application's user"),
            "{said}"
        );
        assert_eq!(names(folder.path()), before);
        for name in before {
            fs::remove_file(folder.path().join("data").join(name)).unwrap();
        }
    }
}
