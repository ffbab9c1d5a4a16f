//! Files that are watched, without being read.

use std::path::{Path, PathBuf};

use crate::config::{FileState, Motion};

/// Files, as they were when they were last looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch(Vec<Watched>);

#[derive(Debug, Clone)]
struct Watched {
    path: PathBuf,
    state: FileState,
    motion: Motion,
}

impl Watch {
    /// Files as they were before they were read.
    pub(super) fn new(files: Vec<(PathBuf, FileState)>) -> Self {
        let files = files.into_iter().map(|(path, state)| Watched {
            path,
            state,
            motion: Motion::Rests,
        });
        Self(files.collect())
    }

    /// Files as they are now.
    pub(super) fn of_now(files: Vec<PathBuf>) -> Self {
        let files = files.into_iter();
        let files = files.map(|path| {
            let state = FileState::of(&path);
            (path, state)
        });
        Self::new(files.collect())
    }

    /// Looks at other files from now on; those known already keep their state.
    pub(super) fn look_at(&mut self, mut others: Self) {
        for other in &mut others.0 {
            if let Some(known) = self.0.iter().find(|known| known.path == other.path) {
                other.clone_from(known);
            }
        }
        self.0 = others.0;
    }

    /// Looks at each file, once a second; whether one has changed that is at rest again.
    pub(super) fn look(&mut self) -> bool {
        let mut settled = false;
        for file in &mut self.0 {
            let now = FileState::of(&file.path);
            let motion = match (now == file.state, file.motion) {
                (true, before) => {
                    settled |= before != Motion::Rests;
                    Motion::Rests
                }
                (false, Motion::Rests) => Motion::Changes,
                (false, _) => Motion::Restless,
            };
            (file.state, file.motion) = (now, motion);
        }
        settled
    }

    /// Whether a file has changed each time that it was looked at, for two seconds.
    pub(super) fn is_restless(&self) -> bool {
        self.0.iter().any(|file| file.motion == Motion::Restless)
    }

    /// Whether a file was at rest when it was last looked at.
    pub(super) fn motion(&self, path: &Path) -> Motion {
        let file = self.0.iter().find(|file| file.path == path);
        file.map_or(Motion::Rests, |file| file.motion)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_counts_once_it_is_at_rest() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("token"), folder.path().join("other"));
        std::fs::write(&file, "one").unwrap();
        let mut watch = Watch::of_now(vec![file.clone()]);
        assert!(!watch.look());
        std::fs::write(&file, "").unwrap();
        assert!(!watch.look() && !watch.is_restless());
        std::fs::write(&file, "second").unwrap();
        assert!(!watch.look() && watch.is_restless());
        assert!(watch.look() && !watch.is_restless());
        assert!(!watch.look());
        std::fs::write(&other, "third").unwrap();
        std::fs::rename(&other, &file).unwrap();
        assert!(!watch.look() && watch.look());
        watch.look_at(Watch::of_now(vec![file.clone(), other]));
        assert!(!watch.look());
        // Another token of the same length, and the time of before.
        let time = std::fs::metadata(&file).unwrap().modified().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        std::fs::write(&file, "other").unwrap();
        let opened = std::fs::File::options().write(true).open(&file).unwrap();
        opened.set_modified(time).unwrap();
        assert!(!watch.look() && watch.look());
        std::fs::remove_file(&file).unwrap();
        assert!(!watch.look() && watch.look());
    }

    #[test]
    fn a_file_that_never_rests_keeps_no_other_from_being_read() {
        let folder = tempfile::tempdir().unwrap();
        let (token, key) = (folder.path().join("token"), folder.path().join("key"));
        let mut watch = Watch::of_now(vec![token.clone(), key.clone()]);
        let mut settled = Vec::new();
        for turn in 0..4 {
            std::fs::write(&key, "x".repeat(turn + 1)).unwrap();
            if turn == 1 {
                std::fs::write(&token, "another").unwrap();
            }
            settled.push(watch.look());
        }
        assert_eq!(settled, [false, false, true, false]);
        assert_eq!(watch.motion(&token), Motion::Rests);
        assert_eq!(watch.motion(&key), Motion::Restless);
    }
}
