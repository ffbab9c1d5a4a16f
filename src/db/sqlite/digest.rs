//! A digest of values as they are stored, which SQLite has no function for.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Result};
use sha2::{Digest as _, Sha256};

use crate::sql::DIGEST;

/// Gives a session the function; what the file itself holds cannot call it.
pub(super) fn define(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function(DIGEST, -1, flags, digest)
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "what a function of the engine returns"
)]
fn digest(context: &Context<'_>) -> Result<Vec<u8>> {
    let mut digest = Sha256::new();
    for index in 0..context.len() {
        // Each value with its class and length, so that no two lists of values are read alike.
        let mut value = |class: u8, bytes: &[u8]| {
            digest.update([class]);
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        };
        match context.get_raw(index) {
            ValueRef::Null => value(0, &[]),
            ValueRef::Integer(number) => value(1, &number.to_le_bytes()),
            ValueRef::Real(number) => value(2, &number.to_bits().to_le_bytes()),
            ValueRef::Text(text) => value(3, text),
            ValueRef::Blob(bytes) => value(4, bytes),
        }
    }
    Ok(digest.finalize().to_vec())
}
