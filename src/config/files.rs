//! Files of the operator's, read to a bound: their names come from folders of others too, and may
//! lead anywhere.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The longest file of variables or tools, in bytes.
pub(crate) const LONGEST: u64 = 1024 * 1024;

/// Reads a file of at most so many bytes.
///
/// # Errors
/// One that cannot be read, and one that is longer.
pub fn read_file(path: &Path, longest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(longest + 1)
        .read_to_end(&mut bytes)?;
    match bytes.len() as u64 > longest {
        true => Err(io::Error::other(format!(
            "it is longer than {longest} bytes"
        ))),
        false => Ok(bytes),
    }
}
