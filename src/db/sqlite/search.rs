//! Looking for a text in a value, in time that grows with the value alone.
//!
//! SQLite's own GLOB takes the length of the text times that of the pattern, and cannot be stopped
//! meanwhile. These functions go over the text once, and look at the watch while they do. Text ends
//! at a NUL, and what is no UTF-8 reads as U+FFFD, as SQLite has it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use memchr::memmem::Finder;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Result};

use super::session::Watch;
use crate::sql::search::{Search, cases, folded, is_paired};

/// Bytes that are searched between two looks at the watch: well below a millisecond.
const WINDOW: usize = 1 << 18;

/// Gives the functions to a session.
pub(super) fn register(connection: &Connection, watch: &Arc<Watch>) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_DIRECTONLY;
    for search in Search::ALL {
        let watch = Arc::clone(watch);
        connection.create_scalar_function(search.name(), 2, flags, move |context| {
            // The pattern is bound, so it is read once for all rows.
            let needle = context.get_or_create_aux(1, |value| {
                let text = value.as_bytes_or_null().ok().flatten().unwrap_or_default();
                Ok::<_, Infallible>(Needle::new(&String::from_utf8_lossy(text), search))
            })?;
            match context.get_raw(0) {
                ValueRef::Text(text) | ValueRef::Blob(text) => needle
                    .is_in(text, &mut |bytes| watch.spend(bytes))
                    .map(Some),
                _ => Ok(None),
            }
        })?;
    }
    Ok(())
}

/// What is looked for.
struct Needle {
    way: Way,
    letters: Vec<char>,
    fold: bool,
}

enum Way {
    /// These bytes, anywhere.
    Bytes(Box<Finder<'static>>),
    /// These letters, anywhere; for each beginning of them, the length of its longest part that is
    /// beginning and end of it.
    Letters(Vec<usize>),
    /// Letters that do not all come in pairs, anywhere, each by what it finds.
    Odd(Vec<Vec<char>>),
    /// At the end.
    End,
}

impl Needle {
    fn new(text: &str, search: Search) -> Self {
        let fold = search.fold;
        let mut letters: Vec<char> = text.chars().collect();
        let way = if search.at_end {
            Way::End
        } else if !fold && !text.contains(char::REPLACEMENT_CHARACTER) {
            Way::Bytes(Box::new(Finder::new(text).into_owned()))
        } else if !fold || letters.iter().all(|letter| is_paired(*letter)) {
            if fold {
                letters = letters.into_iter().map(folded).collect();
            }
            Way::Letters(borders(&letters))
        } else {
            Way::Odd(letters.iter().map(|letter| cases(*letter)).collect())
        };
        Self { way, letters, fold }
    }

    /// Whether it stands in a text; `look` is told how many bytes were gone over since.
    fn is_in(&self, text: &[u8], look: &mut impl FnMut(usize) -> Result<()>) -> Result<bool> {
        let text = match memchr::memchr(0, text) {
            Some(end) => &text[..end],
            None => text,
        };
        // A row costs something, however short its text is.
        look(1)?;
        match &self.way {
            Way::Bytes(finder) => bytes_in(finder, text, look),
            _ if self.letters.is_empty() => Ok(true),
            Way::Letters(borders) => self.letters_in(borders, text, look),
            Way::Odd(wanted) => odd_in(wanted, text, look),
            Way::End => Ok(self.ends(text)),
        }
    }

    /// By Knuth, Morris and Pratt: each letter of the text is looked at once.
    fn letters_in(
        &self,
        borders: &[usize],
        text: &[u8],
        look: &mut impl FnMut(usize) -> Result<()>,
    ) -> Result<bool> {
        let (mut matched, mut passed) = (0, 0);
        for letter in letters(text) {
            passed += 1;
            if passed == WINDOW {
                look(WINDOW)?;
                passed = 0;
            }
            let letter = if self.fold { folded(letter) } else { letter };
            while matched > 0 && self.letters[matched] != letter {
                matched = borders[matched - 1];
            }
            matched += usize::from(self.letters[matched] == letter);
            if matched == self.letters.len() {
                return Ok(true);
            }
        }
        look(passed)?;
        Ok(false)
    }

    fn ends(&self, text: &[u8]) -> bool {
        let (mut start, mut missing) = (text.len(), self.letters.len());
        while missing > 0 && start > 0 {
            start -= 1;
            // Bytes after the first of a letter begin with 10.
            missing -= usize::from(text[start] & 0xc0 != 0x80);
        }
        let end: Vec<char> = letters(&text[start..]).collect();
        let Some(skipped) = end.len().checked_sub(self.letters.len()) else {
            return false;
        };
        let mut pairs = end[skipped..].iter().zip(&self.letters);
        pairs.all(|(letter, wanted)| match self.fold {
            true => letter == wanted || cases(*wanted).contains(letter),
            false => letter == wanted,
        })
    }
}

fn bytes_in(
    finder: &Finder<'_>,
    text: &[u8],
    look: &mut impl FnMut(usize) -> Result<()>,
) -> Result<bool> {
    let overlap = finder.needle().len().saturating_sub(1);
    let mut start = 0;
    loop {
        let end = text.len().min(start + WINDOW + overlap);
        if finder.find(&text[start..end]).is_some() {
            return Ok(true);
        }
        look(end - start)?;
        if end == text.len() {
            return Ok(false);
        }
        start += WINDOW;
    }
}

/// Place by place, which costs the length of both; the watch ends it.
fn odd_in(
    wanted: &[Vec<char>],
    text: &[u8],
    look: &mut impl FnMut(usize) -> Result<()>,
) -> Result<bool> {
    let mut last = VecDeque::with_capacity(wanted.len());
    for letter in letters(text) {
        if last.len() == wanted.len() {
            last.pop_front();
        }
        last.push_back(letter);
        let mut pairs = last.iter().zip(wanted);
        if last.len() == wanted.len() && pairs.all(|(letter, cases)| cases.contains(letter)) {
            return Ok(true);
        }
        look(wanted.len())?;
    }
    Ok(false)
}

fn borders(letters: &[char]) -> Vec<usize> {
    let mut borders: Vec<usize> = Vec::with_capacity(letters.len());
    for (index, letter) in letters.iter().enumerate() {
        let mut border = index.checked_sub(1).map_or(0, |before| borders[before]);
        while border > 0 && letters[border] != *letter {
            border = borders[border - 1];
        }
        borders.push(border + usize::from(index > 0 && letters[border] == *letter));
    }
    borders
}

fn letters(text: &[u8]) -> impl Iterator<Item = char> {
    text.utf8_chunks().flat_map(|chunk| {
        let broken = !chunk.invalid().is_empty();
        let mark = broken.then_some(char::REPLACEMENT_CHARACTER);
        chunk.valid().chars().chain(mark)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, text: &[u8], at_end: bool, fold: bool) -> bool {
        let needle = Needle::new(pattern, Search { at_end, fold });
        needle.is_in(text, &mut |_| Ok(())).unwrap()
    }

    /// Every place, letter by letter.
    fn plainly(pattern: &str, text: &[u8], at_end: bool, fold: bool) -> bool {
        let text = String::from_utf8_lossy(text.split(|byte| *byte == 0).next().unwrap());
        let (text, pattern): (Vec<char>, Vec<char>) =
            (text.chars().collect(), pattern.chars().collect());
        let Some(last) = text.len().checked_sub(pattern.len()) else {
            return false;
        };
        let first = if at_end { last } else { 0 };
        (first..=last).any(|start| {
            text[start..]
                .iter()
                .zip(&pattern)
                .all(|(letter, wanted)| letter == wanted || fold && cases(*wanted).contains(letter))
        })
    }

    #[test]
    fn each_way_finds_what_comparing_every_place_finds() {
        let alphabets: [&[&str]; 3] = [
            &["a", "b"],
            &["a", "A", "é", "É", "\0"],
            &["s", "ſ", "S", "k", "\u{212a}", "\u{fffd}", "ß", "ẞ"],
        ];
        let mut random = fastrand::Rng::with_seed(7);
        for alphabet in alphabets {
            let mut word = |most| {
                let length = random.usize(..most);
                (0..length)
                    .map(|_| alphabet[random.usize(..alphabet.len())])
                    .collect::<String>()
            };
            for _ in 0..4_000 {
                let (pattern, text) = (word(6).replace('\0', ""), word(24));
                for (at_end, fold) in [(false, false), (false, true), (true, false), (true, true)] {
                    let text = text.as_bytes();
                    assert_eq!(
                        found(&pattern, text, at_end, fold),
                        plainly(&pattern, text, at_end, fold),
                        "{pattern:?} in {text:?}, {at_end} {fold}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_text_longer_than_a_window_is_searched_across_its_borders() {
        for at in [WINDOW - 2, WINDOW, 2 * WINDOW - 1] {
            let mut text = vec![b'a'; 3 * WINDOW];
            text[at..at + 4].copy_from_slice(b"word");
            assert!(found("word", &text, false, false));
            assert!(found("WORD", &text, false, true));
            assert!(!found("worde", &text, false, false));
        }
    }

    #[test]
    fn the_work_grows_with_the_text_alone_and_is_watched() {
        let text = vec![b'a'; 8 * WINDOW];
        let pattern = "a".repeat(4_095) + "b";
        for fold in [false, true] {
            let needle = Needle::new(
                &pattern,
                Search {
                    at_end: false,
                    fold,
                },
            );
            let (mut looks, mut gone_over) = (0, 0);
            let found = needle.is_in(&text, &mut |bytes| {
                looks += 1;
                gone_over += bytes;
                Ok(())
            });
            assert!(!found.unwrap());
            assert!(looks >= 8, "{looks}");
            assert!(gone_over < text.len() + 16 * pattern.len(), "{gone_over}");
        }
        // What is not paired costs more, and is ended all the same.
        let needle = Needle::new(
            "ſ",
            Search {
                at_end: false,
                fold: true,
            },
        );
        let stopped = needle.is_in(&text, &mut |_| Err(rusqlite::Error::InvalidQuery));
        assert!(stopped.is_err());
    }

    #[test]
    fn what_is_no_utf_8_is_passed_over() {
        assert!(found("b", b"\xff\xfeb", false, false));
        assert!(found("B", b"\xe9b\x80", false, true));
        assert!(found("\u{fffd}b", b"\xe9b", false, false));
        assert!(found("b\u{fffd}", b"\xe9b\xff", true, false));
        assert!(found("", b"\x80\x80", true, true));
        assert!(!found("b", b"\x80", true, false));
    }
}
