//! The file: whether it is there, still the same, and what its faults mean.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use rusqlite::ffi;

use rusqlite::OpenFlags;

use crate::advice::Advice;
use crate::config::SqliteFile;
use crate::db::Failure;

/// The first bytes of every SQLite database that holds anything.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Where a file says, by a 2, that its journal is a WAL.
const WAL: usize = 19;

/// A database file by its path.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    follows_links: bool,
    /// Whether its journal is a WAL, and the file of which that was read.
    uses_wal: Mutex<Option<(Stamp, bool)>>,
}

/// Which file stands at the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    /// The file as it rests, where nobody has it open whose journal is a WAL.
    at_rest: Option<Stamp>,
}

impl Identity {
    /// Whether all that is in the database is in this file, which nobody writes.
    ///
    /// SQLite would make a `-wal` and a `-shm` file beside it to read it, and leave them there: of
    /// our user, so that the application might not write its own database any more.
    pub(super) fn is_at_rest(&self) -> bool {
        self.at_rest.is_some()
    }
}

/// A state of a file's contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl File {
    /// Finds a file that may be a database; nothing is ever made.
    pub(super) fn find(file: &SqliteFile) -> Result<Self, Advice> {
        let path = file.path();
        let shown = path.display();
        let fault = |what: String, help: &str| Advice::new(what, help.to_owned());
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(fault(
                    format!("{shown} may not be read by this user"),
                    "check the rights of the file and its folders",
                ));
            }
            Err(_) => {
                return Err(Advice::new(format!("there is no file {shown}"), near(path)));
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
            uses_wal: Mutex::default(),
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
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Which file is there now; `None` for none.
    pub(super) fn identity(&self) -> Option<Identity> {
        let metadata = fs::metadata(&self.path).ok()?;
        let stamp = Stamp {
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
        };
        let rests = self.uses_wal(stamp) && self.beside().is_some_and(|beside| beside.is_at_rest());
        Some(Identity {
            at_rest: rests.then_some(stamp),
            ..Identity::of(&metadata)
        })
    }

    /// Looks whether to open the file, which is not at rest, would leave files beside it that only
    /// this user can write.
    pub(super) fn leaves_a_trace(&self) -> bool {
        let Ok(metadata) = fs::metadata(&self.path) else {
            return false;
        };
        let stamp = Stamp {
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
        };
        self.uses_wal(stamp)
            && self.beside().is_none_or(|beside| !beside.is_whole())
            && !is_ours(&metadata)
    }

    fn uses_wal(&self, stamp: Stamp) -> bool {
        // What was read is sound whatever a panicking holder was about to do.
        let mut known = self.uses_wal.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, uses_wal)) = known.filter(|(seen, _)| *seen == stamp) {
            return uses_wal;
        }
        let mut head = [0; WAL + 1];
        let read = fs::File::open(&self.path).and_then(|mut file| file.read_exact(&mut head));
        let uses_wal = read.is_ok() && head[WAL] == 2;
        *known = Some((stamp, uses_wal));
        uses_wal
    }

    /// The files of a WAL.
    fn beside(&self) -> Option<Beside> {
        let path = fs::canonicalize(&self.path).ok()?;
        let bytes = |suffix: &str| {
            let mut name = path.clone().into_os_string();
            name.push(suffix);
            match fs::metadata(name) {
                Ok(metadata) => Some(Some(metadata.len())),
                Err(error) if error.kind() == ErrorKind::NotFound => Some(None),
                Err(_) => None,
            }
        };
        Some(Beside {
            wal: bytes("-wal")?,
            shm: bytes("-shm")?,
        })
    }

    /// What a failure at start means.
    pub(super) fn start_fault(&self, failure: &Failure) -> Advice {
        let shown = self.path.display();
        let code: i32 = failure
            .code()
            .and_then(|code| code.parse().ok())
            .unwrap_or_default();
        let (what, help) = match (code, code & 0xff) {
            (_, 5 | 6) => (
                format!("{shown} is locked by another process"),
                "end the process that holds it, or wait until its write is done",
            ),
            (ffi::SQLITE_READONLY_CANTINIT | ffi::SQLITE_READONLY_DIRECTORY, _) => (
                format!(
                    "{shown} has a -wal file without its -shm file, which would have to be made"
                ),
                "open and close it once as the application's user: sqlite3 FILE .tables; or copy \
                 all three files, or run lucarne as the owner of the file",
            ),
            (ffi::SQLITE_READONLY_ROLLBACK | ffi::SQLITE_READONLY_RECOVERY, _) => (
                format!("{shown} holds a write that was cut off, and reading does not mend it"),
                "open it once as the application's user, which rolls the write back: sqlite3 FILE .tables",
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
        Advice::new(what, help.to_owned())
    }
}

impl Identity {
    #[cfg(unix)]
    fn of(metadata: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            at_rest: None,
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
            at_rest: None,
        }
    }
}

/// The bytes of the files that a WAL has beside the database.
struct Beside {
    wal: Option<u64>,
    shm: Option<u64>,
}

impl Beside {
    /// Whether nobody has the database open, and nothing of it is in its WAL.
    fn is_at_rest(&self) -> bool {
        match self.wal {
            None => true,
            Some(bytes) => bytes == 0 && self.shm.is_none(),
        }
    }

    fn is_whole(&self) -> bool {
        self.wal.is_some() && self.shm.is_some()
    }
}

/// Whether what this user makes beside a file is its owner's: root gives it to them.
#[cfg(unix)]
fn is_ours(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let user = rustix::process::geteuid();
    user.is_root() || user.as_raw() == metadata.uid()
}

#[cfg(not(unix))]
fn is_ours(_: &fs::Metadata) -> bool {
    true
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

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn a_link_that_comes_later_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let (own, other) = (root.join("own"), root.join("other"));
        for place in [&own, &other] {
            fs::create_dir(place).unwrap();
            let made = Connection::open(place.join("shop.db")).unwrap();
            made.execute_batch("CREATE TABLE t (id INTEGER)").unwrap();
        }
        let path = own.join("shop.db");
        let file = File::find(&SqliteFile::without_links(path.clone())).unwrap();
        let opened = || Connection::open_with_flags(file.path(), file.flags());
        assert!(opened().is_ok());
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(other.join("shop.db"), &path).unwrap();
        assert!(opened().is_err(), "a link in the place of the file");
        fs::remove_dir_all(&own).unwrap();
        std::os::unix::fs::symlink(&other, &own).unwrap();
        assert!(opened().is_err(), "a link in the place of its folder");
    }
}
