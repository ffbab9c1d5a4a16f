//! What tests on real servers share: finding the server, or saying why a test was skipped.

use std::io::Write as _;

use sqlx::Connection;

/// The URL of a test server, or nothing when it does not answer and need not.
///
/// `LUCARNE_TEST_REQUIRE` lists the engines whose absence fails the test.
pub(crate) async fn server<C: Connection>(
    engine: &str,
    variable: &str,
    default: &str,
) -> Option<String> {
    let url = std::env::var(variable).unwrap_or_else(|_| default.to_owned());
    match C::connect(&url).await {
        Ok(connection) => {
            let _ = connection.close().await;
            Some(url)
        }
        Err(error) => {
            skipped(engine, &format!("no {engine} ({error}); set {variable}"));
            None
        }
    }
}

/// Says that a test is skipped for want of something, or fails where that is required.
pub(crate) fn skipped(what: &str, reason: &str) {
    let required = std::env::var("LUCARNE_TEST_REQUIRE").unwrap_or_default();
    assert!(
        !required.split(',').any(|name| name.trim() == what),
        "{what} is required: {reason}"
    );
    note(&format!("SKIPPED: {reason}"));
}

/// A line on stderr; not by eprintln!, which the test runner keeps to itself when a test passes.
pub(crate) fn note(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}
