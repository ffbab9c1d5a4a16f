//! The file: whether it is there, still the same, and what its faults mean.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use rusqlite::OpenFlags;

use crate::config::SqliteFile;
use crate::db::{Failure, StartFault};

/// The first bytes of every SQLite database that holds anything.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// A database file by its path.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    follows_links: bool,
}

/// Which file stands at the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl File {
    /// Finds a file that may be a database; nothing is ever made.
    pub(super) fn find(file: &SqliteFile) -> Result<Self, StartFault> {
        let path = file.path();
        let shown = path.display();
        let fault = |what: String, help: &str| StartFault {
            what,
            help: help.to_owned(),
        };
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(fault(
                    format!("{shown} may not be read by this user"),
                    "check the rights of the file and its folders",
                ));
            }
            Err(_) => {
                return Err(StartFault {
                    what: format!("there is no file {shown}"),
                    help: near(path),
                });
            }
        };
        if metadata.is_dir() {
            return Err(fault(
                format!("{shown} is a folder"),
                "name the database file in it",
            ));
        }
        let mut head = Vec::with_capacity(MAGIC.len());
        let read = fs::File::open(path).and_then(|file| file.take(16).read_to_end(&mut head));
        if read.is_err() {
            return Err(fault(
                format!("{shown} may not be read by this user"),
                "check the rights of the file: ls -l",
            ));
        }
        // An empty file is an empty database to SQLite.
        if !head.is_empty() && head != MAGIC {
            return Err(fault(
                format!("{shown} is not an SQLite database"),
                "check the path; a dump in SQL must be loaded first: sqlite3 new.db < dump.sql",
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            follows_links: file.follows_links(),
        })
    }

    /// How it is opened: read alone, by one thread at a time.
    pub(super) fn flags(&self) -> OpenFlags {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        match self.follows_links {
            true => flags,
            false => flags | OpenFlags::SQLITE_OPEN_NOFOLLOW,
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// Which file is there now; `None` for none.
    pub(super) fn identity(&self) -> Option<Identity> {
        let metadata = fs::metadata(&self.path).ok()?;
        Some(Identity::of(&metadata))
    }

    /// What a failure at start means.
    pub(super) fn start_fault(&self, failure: &Failure) -> StartFault {
        let shown = self.path.display();
        let code: u32 = failure
            .code()
            .and_then(|code| code.parse().ok())
            .unwrap_or_default();
        let (what, help) = match (code, code & 0xff) {
            (_, 5 | 6) => (
                format!("{shown} is locked by another process"),
                "end the process that holds it, or wait until its write is done",
            ),
            (1544, _) => (
                format!(
                    "{shown} needs files beside it that cannot be made here (its journal is a WAL)"
                ),
                "make its folder writable for this user, or run PRAGMA journal_mode=DELETE on it",
            ),
            (_, 11) => (
                format!("{shown} is damaged"),
                "PRAGMA integrity_check tells how; restore it from a backup",
            ),
            (_, 14) => (
                format!("{shown} cannot be opened"),
                "check the rights of the file, of its folder, and of the -wal and -shm files beside it",
            ),
            (_, 26) => (
                format!("{shown} is not an SQLite database, or it is encrypted"),
                "check the path",
            ),
            _ => (
                format!("{shown} cannot be read"),
                "MCP_LOG=debug shows what SQLite says",
            ),
        };
        StartFault {
            what,
            help: help.to_owned(),
        }
    }
}

impl Identity {
    #[cfg(unix)]
    fn of(metadata: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    #[cfg(not(unix))]
    fn of(metadata: &fs::Metadata) -> Self {
        use std::time::UNIX_EPOCH;
        let created = metadata
            .created()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self {
            device: 0,
            inode: created.map_or(0, |time| time.as_nanos() as u64),
        }
    }
}

/// What could be meant by a path without a file.
fn near(path: &Path) -> String {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let listed = fs::read_dir(folder.unwrap_or(Path::new(".")))
        .into_iter()
        .flatten()
        .flatten();
    let files: Vec<String> = listed
        .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_dir()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let relative = "a relative path starts at the folder you run in";
    match crate::suggest::nearest(&name, files.iter().map(String::as_str)) {
        Some(found) => {
            let found = folder.map_or(PathBuf::from(found), |folder| folder.join(found));
            format!("{} exists; {relative}", found.display())
        }
        None if path.is_relative() => relative.to_owned(),
        None => "check the path".to_owned(),
    }
}
