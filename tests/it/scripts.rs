//! The first clients' own programs, by `tests/clients/run`.

use std::path::Path;
use std::process::Command;

use crate::process::Process;
use crate::service::TOKEN;

/// The script ends with this where the tools for a client are not there.
const SKIPPED: i32 = 77;

#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
fn run(client: &str) {
    let process = Process::serve(&[]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/run");
    let ended = Command::new(script)
        .args([client, &process.address().to_string(), TOKEN])
        .env(
            "CLIENTS_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients"),
        )
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr),
    );
    if ended.status.code() == Some(SKIPPED) {
        eprintln!("skipped: {err}");
        return;
    }
    assert!(ended.status.success(), "{out}{err}");
}

#[test]
fn the_python_client_works_unchanged() {
    run("python");
}

#[test]
fn the_javascript_client_works_unchanged() {
    run("javascript");
}
