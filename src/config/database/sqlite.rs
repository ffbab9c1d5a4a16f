//! The SQLite form of `DATABASE_URL`: a path, written in one of several customs.

use std::path::{Path, PathBuf};

use super::decode;

use crate::advice::Advice;

/// The file of a SQLite database.
///
/// `sqlite:x` and `sqlite://x` are relative to the folder that the service runs in, `sqlite:/x`
/// and `sqlite:////x` are absolute. `sqlite:///x` is relative by SQLAlchemy's custom and absolute
/// by that of other tools: see [`SqliteFile::path`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteFile {
    path: PathBuf,
    /// The other reading of three slashes.
    absolute: Option<PathBuf>,
    /// Whether a link on the way to it is followed when it is opened.
    follows_links: bool,
}

/// Parameters of SQLite, sqlx and SQLAlchemy whose effect is given anyway: the file is opened
/// for reading, and is never made.
const TOLERATED: &[&str] = &["mode", "cache", "uri", "check_same_thread", "timeout"];

impl SqliteFile {
    /// The path to open.
    ///
    /// For three slashes the file that exists counts, the relative one first; while neither does,
    /// the one whose folder exists.
    pub fn path(&self) -> &Path {
        let Some(absolute) = &self.absolute else {
            return &self.path;
        };
        let in_folder = |path: &Path| {
            path.parent()
                .is_some_and(|folder| folder.as_os_str().is_empty() || folder.exists())
        };
        let choose_absolute = if self.path.exists() || absolute.exists() {
            !self.path.exists()
        } else {
            !in_folder(&self.path) && in_folder(absolute)
        };
        if choose_absolute {
            absolute
        } else {
            &self.path
        }
    }

    /// The file of a path that has no links, and must have none when it is opened: whoever may
    /// write to one of its folders could lead it elsewhere.
    pub(crate) fn without_links(path: PathBuf) -> Self {
        Self {
            path,
            absolute: None,
            follows_links: false,
        }
    }

    /// Whether a link on the way to it is followed when it is opened.
    pub(crate) fn follows_links(&self) -> bool {
        self.follows_links
    }

    /// Reads what follows `sqlite:`; beside it come the names of parameters without a meaning.
    pub(super) fn parse(rest: &str) -> Result<(Self, Vec<String>), Advice> {
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut ignored = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if name == "mode" && value == "memory" {
                return Err(in_memory());
            }
            if !TOLERATED.contains(&name) {
                ignored.push(name.to_owned());
            }
        }
        let (place, after_slashes) = match place.strip_prefix("//") {
            Some(place) => (place, true),
            None => (place, false),
        };
        let place = decode(place)?;
        // SQLite's own URIs may stand inside: sqlite:///file:shop.db?uri=true.
        let bare = place.trim_start_matches('/');
        let relative = bare.strip_prefix("file:").unwrap_or(bare);
        if matches!(relative, "" | ":memory:" | ":memory") {
            return Err(in_memory());
        }
        let slashes = place.len() - bare.len();
        let three = after_slashes && slashes == 1;
        let absolute = PathBuf::from(format!("/{relative}"));
        let file = if slashes > 0 && !three {
            Self {
                path: absolute,
                absolute: None,
                follows_links: true,
            }
        } else {
            Self {
                path: relative.into(),
                absolute: three.then_some(absolute),
                follows_links: true,
            }
        };
        Ok((file, ignored))
    }
}

fn in_memory() -> Advice {
    Advice::new(
        "names no file, and a database in memory has nothing to expose",
        "name an existing file: DATABASE_URL=sqlite:data/shop.db",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(rest: &str) -> String {
        let (file, _) = SqliteFile::parse(rest).unwrap();
        file.path().display().to_string()
    }

    #[test]
    fn one_two_and_four_slashes() {
        assert_eq!(path("x.db"), "x.db");
        assert_eq!(path("//x.db"), "x.db");
        assert_eq!(path("//data/x.db"), "data/x.db");
        assert_eq!(path("./x.db"), "./x.db");
        assert_eq!(path("//../x.db"), "../x.db");
        assert_eq!(path("/srv/x.db"), "/srv/x.db");
        assert_eq!(path("////srv/x.db"), "/srv/x.db");
        assert_eq!(path("/////srv/x.db"), "/srv/x.db");
    }

    #[test]
    fn three_slashes_mean_the_file_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("shop.db");
        std::fs::write(&there, "").unwrap();
        let there = there.display().to_string();
        assert_eq!(
            path(&format!("//{there}")),
            there,
            "absolute, since it exists"
        );
        let absent = folder.path().join("absent.db").display().to_string();
        assert_eq!(
            path(&format!("//{absent}")),
            absent,
            "absolute, since its folder exists"
        );
        assert_eq!(
            path("///Cargo.toml"),
            "Cargo.toml",
            "relative, since it exists"
        );
        assert_eq!(
            path("///absent.db"),
            "absent.db",
            "relative while neither exists"
        );
        assert_eq!(
            path("///no-such-folder/absent.db"),
            "no-such-folder/absent.db"
        );
    }

    #[test]
    fn names_are_decoded() {
        assert_eq!(path("my%20shop.db"), "my shop.db");
        assert_eq!(path("100%25.db"), "100%.db");
        assert_eq!(path("a%3Fb#c.db"), "a?b#c.db");
        assert_eq!(path("Gr%C3%B6%C3%9Fe.db"), "Größe.db");
        assert!(SqliteFile::parse("a%00b").is_err());
        assert!(SqliteFile::parse("a%ff").is_err());
    }

    #[test]
    fn parameters_are_tolerated_or_named() {
        let (file, ignored) =
            SqliteFile::parse("//x.db?mode=ro&cache=shared&&immutable=1&key=s3same").unwrap();
        assert_eq!(file.path(), Path::new("x.db"));
        assert_eq!(ignored, ["immutable", "key"]);
        assert_eq!(path("//file:x.db?mode=ro&uri=true"), "x.db");
    }

    #[test]
    fn a_database_in_memory_is_refused() {
        for rest in [
            "",
            "//",
            "///",
            ":memory:",
            "//:memory:",
            "///:memory:",
            "x.db?mode=memory",
            "file::memory:",
        ] {
            assert!(SqliteFile::parse(rest).is_err(), "{rest:?}");
        }
    }
}
