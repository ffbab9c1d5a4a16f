//! What a test says that finds something missing.

use std::io::Write as _;

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
