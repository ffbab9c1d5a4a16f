//! Where commands write: data to standard output, words to standard error.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use super::failure::Failure;

/// Writes a line of data to standard output.
///
/// # Errors
/// [`Failure::ReaderGone`] when the other end of a pipe is closed, else why it cannot be written.
pub(crate) fn data(line: &str) -> Result<(), Failure> {
    write_line(&mut io::stdout().lock(), line).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::unable(format!("standard output cannot be written: {error}")),
    })
}

/// Writes a line of words to standard error.
///
/// A failure is passed over: there is nowhere left to tell it.
pub(crate) fn words(line: impl Display) {
    let _ = write_line(&mut io::stderr().lock(), &line.to_string());
}

fn write_line(out: &mut impl Write, line: &str) -> io::Result<()> {
    out.write_all(line.as_bytes())?;
    if !line.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()
}
