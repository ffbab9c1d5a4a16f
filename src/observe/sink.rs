//! Where the lines of the audit end up, and what is done when they do not fit.
//!
//! A file may be written by several processes: a service, and the commands that change its store.
//! Each holds the file's lock while it appends, and goes on after what others wrote.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::audit::Target;
use super::chain::{self, LONGEST, Link};
use super::line;

/// What is read at once while the last line is looked for.
const CHUNK: u64 = 64 * 1024;
/// How often it is looked whether somebody has deleted the file: a look costs as much as a line.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// An open target, and the last line of its chain.
#[derive(Debug)]
pub(super) struct Sink {
    place: Place,
    last: Link,
    /// When it was last looked whether the file still has its name.
    looked: Instant,
}

#[derive(Debug)]
enum Place {
    StandardError,
    File {
        path: PathBuf,
        file: File,
        /// How long it was when it was last looked at.
        length: u64,
        /// Whether it is one, and no device or pipe.
        regular: bool,
    },
}

impl Sink {
    /// Opens a target and goes on after its last line.
    pub(super) fn open(target: Target) -> io::Result<Self> {
        let path = match target {
            Target::StandardError => {
                return Ok(Self {
                    place: Place::StandardError,
                    last: Link::default(),
                    looked: Instant::now(),
                });
            }
            Target::File(path) => path,
        };
        let file = open(&path)?;
        let mut sink = Self {
            place: Place::File {
                regular: file.metadata()?.is_file(),
                path,
                file,
                length: 0,
            },
            last: Link::default(),
            looked: Instant::now(),
        };
        sink.locked(Self::follow)?;
        Ok(sink)
    }

    /// Takes up the last line of a file that others wrote to. One whose lines are no longer those that
    /// were written here was cut or written anew: the chain goes on after our own last line, and its
    /// reader finds that lines are missing.
    fn follow(&mut self) -> io::Result<()> {
        let Place::File {
            path,
            file,
            length,
            regular: true,
        } = &mut self.place
        else {
            return Ok(());
        };
        let found = file.metadata()?;
        if found.len() == *length {
            return Ok(());
        }
        // A file that is empty was begun anew, and one that was moved away nobody else opens.
        if found.len() == 0 || !is_at(path, &found) {
            *length = found.len();
            return Ok(());
        }
        let ours = *length > 0 && !ends_with(file, *length, &self.last)?;
        let (last, torn) = last_line(file)?;
        if torn > 0 {
            file.set_len(found.len() - torn)?;
        }
        // Known from here on, and not before: what failed is looked at again.
        *length = found.len() - torn;
        if !ours {
            self.last = last;
        }
        match torn {
            0 => Ok(()),
            torn => self.write(&[line::torn(torn)]),
        }
    }

    /// Writes lines, all of them or none; gives the number of the last one.
    pub(super) fn append(&mut self, lines: &[impl AsRef<str>]) -> io::Result<u64> {
        if self.looked.elapsed() >= LOOK_EVERY {
            self.looked = Instant::now();
            if self.is_deleted() {
                self.reopen()?;
            }
        }
        self.locked(|sink| {
            sink.follow()?;
            sink.write(lines)?;
            Ok(sink.last.seq)
        })
    }

    /// Does something while no other process writes.
    fn locked<T>(&mut self, work: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        if let Place::File {
            file,
            regular: true,
            ..
        } = &self.place
        {
            file.lock()?;
        }
        let done = work(self);
        if let Place::File {
            file,
            regular: true,
            ..
        } = &self.place
        {
            file.unlock()?;
        }
        done
    }

    fn write(&mut self, lines: &[impl AsRef<str>]) -> io::Result<()> {
        let (mut last, mut out) = (self.last.clone(), Vec::new());
        for line in lines {
            chain::append(&mut last, line.as_ref(), &mut out);
        }
        match &mut self.place {
            Place::StandardError => io::stderr().lock().write_all(&out)?,
            Place::File { file, length, .. } => {
                let mut written = 0;
                if let Err(error) = write_all(file, &out, &mut written) {
                    // The part that did fit is no line.
                    let found = file.metadata()?;
                    if found.is_file() {
                        file.set_len(found.len().saturating_sub(written as u64))?;
                    }
                    return Err(error);
                }
                *length += out.len() as u64;
            }
        }
        self.last = last;
        Ok(())
    }

    /// Opens the file by its name again; the chain goes on.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if let Place::File {
            path,
            file,
            length,
            regular,
        } = &mut self.place
        {
            file.sync_data()?;
            let (before, opened) = (file.metadata()?, open(path)?);
            let found = opened.metadata()?;
            // What is cut off the same file shows after a signal as before.
            if !is_same(&before, &found) {
                *length = 0;
            }
            *regular = found.is_file();
            *file = opened;
        }
        Ok(())
    }

    /// Has the operating system put on the disk what was written.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        match &self.place {
            Place::File { file, .. } if file.metadata()?.is_file() => file.sync_data(),
            _ => Ok(()),
        }
    }

    /// Whether the file has no name any more: nobody would find what is written to it.
    fn is_deleted(&self) -> bool {
        match &self.place {
            Place::File { file, .. } => file.metadata().is_ok_and(|file| file.nlink() == 0),
            Place::StandardError => false,
        }
    }
}

/// Whether an open file is the one that stands at a path.
fn is_at(path: &Path, open: &Metadata) -> bool {
    path.metadata().is_ok_and(|there| is_same(&there, open))
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Writes everything, and tells how much of it came through.
fn write_all(file: &mut File, bytes: &[u8], written: &mut usize) -> io::Result<()> {
    while *written < bytes.len() {
        match file.write(&bytes[*written..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => *written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<File> {
    // A pipe that is opened for reading too has a reader who never reads.
    let is_other = path.metadata().is_ok_and(|found| !found.is_file());
    OpenOptions::new()
        .read(!is_other)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

/// Whether this line is the last one before a place in a file.
fn ends_with(mut file: &File, place: u64, last: &Link) -> io::Result<bool> {
    let end = chain::end(last);
    let Some(begin) = place.checked_sub(end.len() as u64) else {
        return Ok(false);
    };
    file.seek(SeekFrom::Start(begin))?;
    let mut found = Vec::new();
    file.take(end.len() as u64).read_to_end(&mut found)?;
    Ok(found == end.as_bytes())
}

/// The last line of a file, and how many bytes of an unfinished one stand behind it.
fn last_line(mut file: &File) -> io::Result<(Link, u64)> {
    let found = file.metadata()?;
    if !found.is_file() || found.len() == 0 {
        return Ok((Link::default(), 0));
    }
    let other = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "it does not end as an audit does",
        )
    };
    let end = break_before(file, found.len())?.ok_or_else(other)?;
    let begin = break_before(file, end)?.map_or(0, |before| before + 1);
    if end - begin > LONGEST {
        return Err(other());
    }
    file.seek(SeekFrom::Start(begin))?;
    let mut line = String::new();
    let read = file.take(end - begin).read_to_string(&mut line);
    read.map_err(|_| other())?;
    let last = chain::link(&line).map_err(|_| other())?;
    Ok((last, found.len() - end - 1))
}

/// Where the last line break before a place stands.
fn break_before(mut file: &File, mut place: u64) -> io::Result<Option<u64>> {
    let mut chunk = Vec::new();
    while place > 0 {
        let start = place.saturating_sub(CHUNK);
        file.seek(SeekFrom::Start(start))?;
        chunk.clear();
        file.take(place - start).read_to_end(&mut chunk)?;
        if let Some(at) = chunk.iter().rposition(|byte| *byte == b'\n') {
            return Ok(Some(start + at as u64));
        }
        place = start;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::super::chain::Verifier;
    use super::*;

    fn verified(paths: &[&Path]) -> Verifier {
        let mut verifier = Verifier::default();
        for path in paths {
            verifier
                .read(io::BufReader::new(File::open(path).unwrap()))
                .unwrap();
        }
        verifier
    }

    fn lines(count: usize) -> Vec<String> {
        (0..count)
            .map(|n| format!("\"event\":\"request\",\"n\":{n}"))
            .collect()
    }

    #[test]
    fn the_chain_goes_on_over_restarts_moves_and_deletions() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("audit"), folder.path().join("audit.1"));
        let target = || Target::File(path.clone());
        Sink::open(target()).unwrap().append(&lines(3)).unwrap();
        let mut sink = Sink::open(target()).unwrap();
        sink.append(&lines(2)).unwrap();
        assert_eq!(verified(&[&path]).lines, 5);
        std::fs::rename(&path, &moved).unwrap();
        sink.append(&lines(1)).unwrap();
        sink.reopen().unwrap();
        sink.append(&lines(4)).unwrap();
        let both = verified(&[&moved, &path]);
        assert_eq!((both.first, both.lines), (1, 10));
        assert_eq!(verified(&[&path]).first, 7);
        std::fs::remove_file(&path).unwrap();
        std::thread::sleep(LOOK_EVERY);
        sink.append(&lines(1)).unwrap();
        assert_eq!(verified(&[&path]).first, 11);
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn several_that_write_one_file_make_one_chain() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let mut sink = Sink::open(Target::File(path.clone())).unwrap();
                std::thread::spawn(move || {
                    for _ in 0..50 {
                        sink.append(&lines(2)).unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        assert_eq!(verified(&[&path]).lines, 400);
    }

    #[test]
    fn lines_that_are_cut_off_or_written_anew_while_a_service_runs_show() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        let broken = || {
            let file = io::BufReader::new(File::open(&path).unwrap());
            Verifier::default().read(file).is_err()
        };
        let text = |lines: usize| -> String {
            let text = std::fs::read_to_string(&path).unwrap();
            text.lines()
                .take(lines)
                .map(|line| format!("{line}\n"))
                .collect()
        };
        let mut sink = Sink::open(Target::File(path.clone())).unwrap();
        sink.append(&lines(5)).unwrap();
        // Another one that writes to it is followed as ever.
        let mut other = Sink::open(Target::File(path.clone())).unwrap();
        other.append(&lines(2)).unwrap();
        sink.append(&lines(1)).unwrap();
        assert_eq!(verified(&[&path]).lines, 8);
        let whole = text(8);
        let forged = |of: &str| {
            let mut last = chain::link(of.lines().last().unwrap()).unwrap();
            let mut out = of.as_bytes().to_vec();
            for line in lines(40) {
                chain::append(&mut last, &line, &mut out);
            }
            out
        };
        let (cut, torn) = (text(6), whole[..whole.len() - 9].to_owned());
        let longer = forged(&text(4));
        for changed in [cut.into_bytes(), torn.into_bytes(), longer] {
            for reopens in [false, true] {
                std::fs::write(&path, &changed).unwrap();
                if reopens {
                    sink.reopen().unwrap();
                }
                sink.append(&lines(1)).unwrap();
                assert!(broken(), "{}", String::from_utf8_lossy(&changed));
                std::fs::write(&path, &whole).unwrap();
                sink = Sink::open(Target::File(path.clone())).unwrap();
            }
        }
        sink.append(&lines(1)).unwrap();
        assert_eq!(verified(&[&path]).lines, 9);
    }

    #[test]
    fn half_a_line_is_taken_off_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        Sink::open(Target::File(path.clone()))
            .unwrap()
            .append(&lines(2))
            .unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"seq\":3,\"ti").unwrap();
        Sink::open(Target::File(path.clone())).unwrap();
        assert_eq!(verified(&[&path]).lines, 3);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"event\":\"torn\",\"bytes\":12"), "{text}");
    }

    #[test]
    fn a_last_line_of_any_length_is_gone_on_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        let long = |bytes: usize| vec![format!("\"event\":\"x\",\"n\":\"{}\"", "a".repeat(bytes))];
        let mut one = Sink::open(Target::File(path.clone())).unwrap();
        for bytes in [1, 65_000, 65_536, 300_000, 1_000_000] {
            one.append(&lines(1)).unwrap();
            one.append(&long(bytes)).unwrap();
            // Another process goes on after it, and the first one after that.
            let mut other = Sink::open(Target::File(path.clone())).unwrap();
            other.append(&lines(1)).unwrap();
            other.append(&long(bytes)).unwrap();
        }
        one.append(&lines(1)).unwrap();
        assert_eq!(verified(&[&path]).lines, 21);
    }

    #[test]
    fn what_cannot_be_gone_on_after_stays_refused_until_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        let mut sink = Sink::open(Target::File(path.clone())).unwrap();
        sink.append(&lines(2)).unwrap();
        let sound = path.metadata().unwrap().len();
        let file = OpenOptions::new().append(true).open(&path).unwrap();
        (&file).write_all(b"a note\n").unwrap();
        for _ in 0..3 {
            assert!(sink.append(&lines(1)).is_err());
        }
        file.set_len(sound).unwrap();
        sink.append(&lines(1)).unwrap();
        assert_eq!(verified(&[&path]).lines, 3);
    }

    #[test]
    fn a_file_that_is_no_audit_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        for text in ["x", "a note\n", "{}\n", "{\"seq\":1}\n\n"] {
            std::fs::write(&path, text).unwrap();
            assert!(Sink::open(Target::File(path.clone())).is_err(), "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert!(Sink::open(Target::File(folder.path().to_owned())).is_err());
    }

    #[test]
    fn what_does_not_fit_leaves_the_chain_as_it_was() {
        let mut sink = Sink::open(Target::File("/dev/full".into())).unwrap();
        let before = sink.last.clone();
        assert!(sink.append(&lines(1)).is_err());
        assert_eq!(sink.last, before);
    }
}
