//! What tests on real servers share: finding the server, or saying why a test was skipped.

#[allow(dead_code, reason = "each binary uses what it needs")]
pub(crate) mod database;
mod skipped;

pub(crate) use skipped::*;

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
