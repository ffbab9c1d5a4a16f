//! Files of the operator's, read to a bound: their names come from folders of others too, and may
//! lead anywhere.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

/// The longest file of variables or tools, in bytes.
pub(crate) const LONGEST: u64 = 1024 * 1024;

/// How often a pipe is looked at that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long a file is waited for that is no regular one, such as a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Until somebody writes: nothing is served yet.
    Endless,
    /// So long.
    AtMost(Duration),
    /// It is not read at all.
    Never,
}

/// Reads a regular file of at most so many bytes.
///
/// # Errors
/// One that cannot be read, one that is no regular file, and one that is longer.
pub fn read_file(path: &Path, longest: u64) -> io::Result<Vec<u8>> {
    read_waiting(path, longest, Wait::Never)
}

/// Reads a file of at most so many bytes, waiting for one that is no regular file.
pub(super) fn read_waiting(path: &Path, longest: u64, wait: Wait) -> io::Result<Vec<u8>> {
    if wait == Wait::Endless {
        return bytes(File::open(path)?, longest);
    }
    // Opening a pipe would wait for who writes to it.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let kind = file.metadata()?.file_type();
    match wait {
        Wait::AtMost(time) if !kind.is_file() => {
            let pipe = Pipe {
                file,
                until: Instant::now() + time,
                is_awaited: kind.is_fifo(),
            };
            bytes(pipe, longest)
        }
        Wait::Never if !kind.is_file() => Err(io::Error::other("it is no regular file")),
        _ => bytes(file, longest),
    }
}

fn bytes(file: impl Read, longest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(longest + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > longest {
        true => Err(io::Error::other(format!(
            "it is longer than {longest} bytes"
        ))),
        false => Ok(bytes),
    }
}

/// What is read without blocking, for a time.
struct Pipe {
    file: File,
    until: Instant,
    /// Whether nobody has written yet.
    is_awaited: bool,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read(buffer) {
                Ok(0) if self.is_awaited => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => {
                    self.is_awaited = false;
                    return read;
                }
            }
            if Instant::now() >= self.until {
                return Err(io::Error::new(
                    ErrorKind::TimedOut,
                    "nobody wrote it in time",
                ));
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// What tells one state of a file from another, without reading it; none of one that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileState(Option<[i64; 6]>);

impl FileState {
    /// That of now.
    pub(crate) fn of(path: &Path) -> Self {
        Self(std::fs::metadata(path).ok().map(|file| identity(&file)))
    }
}

fn identity(file: &Metadata) -> [i64; 6] {
    let inode = file.ino().cast_signed();
    // The times of a pipe change while it is read.
    if !file.is_file() && !file.is_dir() {
        return [inode, 0, 0, 0, 0, 0];
    }
    [
        inode,
        file.size().cast_signed(),
        file.mtime(),
        file.mtime_nsec(),
        // What keeps length and time of a file, or takes its rights away, changes this.
        file.ctime(),
        file.ctime_nsec(),
    ]
}

/// Whether a file is at rest: half a file is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Motion {
    /// It is as it was.
    Rests,
    /// It has changed just now.
    Changes,
    /// It goes on changing.
    Restless,
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_no_regular_file_is_waited_for_as_long_as_it_may() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let begun = Instant::now();
        assert!(read_file(&path, LONGEST).is_err());
        let moment = Wait::AtMost(Duration::from_millis(100));
        let late = read_waiting(&path, LONGEST, moment).unwrap_err();
        assert_eq!(late.kind(), ErrorKind::TimedOut);
        assert!(begun.elapsed() < Duration::from_secs(5));
        for wait in [Wait::Endless, Wait::AtMost(Duration::from_secs(30))] {
            let writer = path.clone();
            let writing = thread::spawn(move || {
                thread::sleep(Duration::from_millis(100));
                std::fs::write(writer, "MCP_NUMBERS=strings\n").unwrap();
            });
            let read = read_waiting(&path, LONGEST, wait).unwrap();
            assert_eq!(read, b"MCP_NUMBERS=strings\n");
            writing.join().unwrap();
        }
        let endless = folder.path().join("zero");
        symlink("/dev/zero", &endless).unwrap();
        assert!(read_file(&endless, LONGEST).is_err());
        assert!(read_waiting(&endless, LONGEST, moment).is_err());
    }
}
