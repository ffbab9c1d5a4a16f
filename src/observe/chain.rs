//! The chain of the audit: each line holds the digest of the one before it, and its own.

use std::fmt;
use std::io::{self, BufRead, Read as _};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// What the first line of all has for the one before it.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Far longer than a line: those that are written today hold `line::LONGEST` bytes.
pub(super) const LONGEST: u64 = 64 * 1024 * 1024;
/// What stands before a line's own digest; a digest is the end of every line.
const HASH: &str = ",\"hash\":\"";

/// The last line of a chain: its number and its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// Numbers count from 1, and go on over files and restarts.
    pub seq: u64,
    /// SHA-256 in hexadecimal digits.
    pub hash: String,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            seq: 0,
            hash: NOTHING.to_owned(),
        }
    }
}

/// What a line says of its place.
#[derive(Debug, Deserialize)]
struct Place {
    seq: u64,
    prev: String,
    event: String,
    #[serde(default)]
    lost: u64,
}

/// Why a line does not continue the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// It is no line of an audit, or was changed since.
    Changed,
    /// Lines are missing, or the line comes from elsewhere: the number that was expected, and the
    /// one that is there.
    Missing(u64, u64),
    /// It does not end: it was cut, or is being written.
    Torn,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => f.write_str("it is not as it was written"),
            Self::Missing(expected, found) if found == expected => {
                f.write_str("the line before it is another than the one it was written after")
            }
            Self::Missing(expected, found) => {
                write!(f, "number {expected} was expected, not {found}")
            }
            Self::Torn => f.write_str("it does not end"),
        }
    }
}

/// Adds a line to a chain: `members` are those of its object, without braces.
pub(super) fn append(last: &mut Link, members: &str, out: &mut Vec<u8>) {
    let seq = last.seq + 1;
    let body = format!("{{\"seq\":{seq},{members},\"prev\":\"{}\"", last.hash);
    let hash = digest(&body);
    *last = Link { seq, hash };
    out.extend_from_slice(body.as_bytes());
    out.extend_from_slice(end(last).as_bytes());
}

/// What the line of a link ends with.
pub(super) fn end(link: &Link) -> String {
    format!("{HASH}{}\"}}\n", link.hash)
}

/// Reads a line by itself, without what stands before it.
fn read(line: &str) -> Result<(Place, Link), Broken> {
    let whole = line.strip_suffix("\"}").ok_or(Broken::Changed)?;
    let (body, hash) = whole.rsplit_once(HASH).ok_or(Broken::Changed)?;
    if digest(body) != hash {
        return Err(Broken::Changed);
    }
    let place: Place = serde_json::from_str(line).map_err(|_| Broken::Changed)?;
    // No service counts as far, and whoever goes on after it would count beyond the end.
    if place.seq == 0 || place.seq == u64::MAX {
        return Err(Broken::Changed);
    }
    let link = Link {
        seq: place.seq,
        hash: hash.to_owned(),
    };
    Ok((place, link))
}

/// The link that a line ends with.
///
/// # Errors
/// A line that is not as the audit wrote it.
pub(super) fn link(line: &str) -> Result<Link, Broken> {
    read(line).map(|(_, link)| link)
}

/// SHA-256 in hexadecimal digits.
pub(super) fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// A chain that is read through, over one file or several in their order.
#[derive(Debug, Default)]
pub(crate) struct Verifier {
    last: Option<Link>,
    /// Lines that are in order.
    pub lines: u64,
    /// The number of the first line.
    pub first: u64,
    /// Requests that could not be recorded, as the lines themselves tell.
    pub lost: u64,
}

/// Where a chain is broken.
#[derive(Debug)]
pub(crate) enum NotVerified {
    /// A file that cannot be read.
    Unreadable(io::Error),
    /// The number of the line in its file, and what is wrong with it.
    Broken(u64, Broken),
}

impl Verifier {
    /// Reads a file to its end.
    ///
    /// # Errors
    /// The first line that does not continue the chain.
    pub(crate) fn read(&mut self, mut file: impl BufRead) -> Result<(), NotVerified> {
        let mut number = 0;
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            // What has no end is not read to it.
            let mut line = file.by_ref().take(LONGEST);
            let length = line
                .read_until(b'\n', &mut bytes)
                .map_err(NotVerified::Unreadable)?;
            if length == 0 {
                return Ok(());
            }
            number += 1;
            if length as u64 == LONGEST && !bytes.ends_with(b"\n") {
                return Err(NotVerified::Broken(number, Broken::Changed));
            }
            self.line(&bytes)
                .map_err(|broken| NotVerified::Broken(number, broken))?;
        }
    }

    /// The last line, if there is any.
    pub(crate) fn last(&self) -> Option<&Link> {
        self.last.as_ref()
    }

    fn line(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let line = bytes.strip_suffix(b"\n").ok_or(Broken::Torn)?;
        let line = std::str::from_utf8(line).map_err(|_| Broken::Changed)?;
        let (place, link) = read(line)?;
        if let Some(last) = &self.last {
            if place.seq != last.seq + 1 || place.prev != last.hash {
                return Err(Broken::Missing(last.seq + 1, place.seq));
            }
        } else {
            self.first = place.seq;
            if place.seq == 1 && place.prev != NOTHING {
                return Err(Broken::Changed);
            }
        }
        if place.event == "gap" {
            self.lost = self.lost.saturating_add(place.lost);
        }
        self.last = Some(link);
        self.lines += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(lines: usize) -> Vec<String> {
        let (mut last, mut out) = (Link::default(), Vec::new());
        for number in 0..lines {
            append(
                &mut last,
                &format!("\"event\":\"request\",\"n\":{number}"),
                &mut out,
            );
        }
        let text = String::from_utf8(out).unwrap();
        text.lines().map(|line| format!("{line}\n")).collect()
    }

    fn verified(lines: &[String]) -> Result<u64, (u64, Broken)> {
        let mut verifier = Verifier::default();
        match verifier.read(lines.concat().as_bytes()) {
            Ok(()) => Ok(verifier.lines),
            Err(NotVerified::Broken(line, broken)) => Err((line, broken)),
            Err(NotVerified::Unreadable(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn a_whole_chain_is_in_order_from_any_line_on() {
        assert_eq!(verified(&chain(9)), Ok(9));
        assert_eq!(verified(&chain(9)[4..]), Ok(5));
        assert_eq!(verified(&[]), Ok(0));
    }

    #[test]
    fn every_missing_line_shows_but_the_last_ones() {
        for missing in 1..8 {
            let mut lines = chain(9);
            lines.remove(missing);
            let seq = missing as u64 + 1;
            assert_eq!(verified(&lines), Err((seq, Broken::Missing(seq, seq + 1))));
        }
        let mut lines = chain(9);
        lines.swap(3, 4);
        assert!(verified(&lines).is_err());
        lines.swap(3, 4);
        lines.insert(4, lines[3].clone());
        assert!(verified(&lines).is_err());
    }

    #[test]
    fn every_changed_byte_shows() {
        let lines = chain(3);
        for at in 0..lines[1].len() {
            let mut changed = lines.clone();
            let mut bytes = changed[1].clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(text) = String::from_utf8(bytes) else {
                continue;
            };
            changed[1] = text;
            assert!(verified(&changed).is_err(), "byte {at}");
        }
        let mut torn = lines;
        torn[2].pop();
        assert_eq!(verified(&torn), Err((3, Broken::Torn)));
    }

    #[test]
    fn what_no_service_writes_ends_nothing_but_the_reading() {
        // Whoever may write a file may give its lines any number, and a digest.
        let line = |seq: u64, prev: &str, more: &str| {
            let body = format!("{{\"seq\":{seq},\"event\":\"gap\",{more}\"prev\":\"{prev}\"");
            let hash = digest(&body);
            (format!("{body}{HASH}{hash}\"}}\n"), hash)
        };
        for seq in [0, u64::MAX] {
            let (line, _) = line(seq, NOTHING, "");
            assert_eq!(verified(&[line]), Err((1, Broken::Changed)), "{seq}");
        }
        let (first, hash) = line(7, NOTHING, &format!("\"lost\":{},", u64::MAX));
        let (second, _) = line(8, &hash, &format!("\"lost\":{},", u64::MAX));
        let mut verifier = Verifier::default();
        verifier.read([first, second].concat().as_bytes()).unwrap();
        assert_eq!((verifier.lines, verifier.lost), (2, u64::MAX));
        for more in [
            "\"seq\":9,".to_owned(),
            format!("\"a\":{}0,", "[".repeat(500)),
        ] {
            let (line, _) = line(9, NOTHING, &more);
            assert_eq!(verified(&[line]), Err((1, Broken::Changed)));
        }
        let endless = io::BufReader::new(io::repeat(b'x'));
        let refused = Verifier::default().read(endless).unwrap_err();
        assert!(matches!(refused, NotVerified::Broken(1, Broken::Changed)));
    }

    #[test]
    fn a_line_of_another_chain_with_the_right_number_shows() {
        let mut other = Vec::new();
        let mut last = Link::default();
        append(&mut last, "\"event\":\"other\"", &mut other);
        append(&mut last, "\"event\":\"other\"", &mut other);
        let other = String::from_utf8(other).unwrap();
        let mut lines = chain(3);
        lines[1] = format!("{}\n", other.lines().nth(1).unwrap());
        assert_eq!(verified(&lines), Err((2, Broken::Missing(2, 2))));
    }
}
