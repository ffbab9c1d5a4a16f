//! Text operators of SQLite that its own GLOB would take too long for: by functions of ours.

use crate::plan::{Pattern, Place};

/// A function that looks for a text in a value; `db` gives it to each session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Search {
    /// Whether the text must stand at the end, or may stand anywhere.
    pub(crate) at_end: bool,
    /// Whether upper and lower case are the same.
    pub fold: bool,
}

impl Search {
    /// Every function.
    pub(crate) const ALL: [Self; 4] = [
        Self::new(false, false),
        Self::new(false, true),
        Self::new(true, false),
        Self::new(true, true),
    ];

    const fn new(at_end: bool, fold: bool) -> Self {
        Self { at_end, fold }
    }

    /// The function for a pattern; a beginning needs none, for GLOB looks at it once.
    pub(super) fn of(pattern: &Pattern) -> Option<Self> {
        match pattern.place {
            Place::Start => None,
            Place::Anywhere => Some(Self::new(false, pattern.fold)),
            Place::End => Some(Self::new(true, pattern.fold)),
        }
    }

    /// Its name in SQL.
    pub(crate) fn name(self) -> &'static str {
        match (self.at_end, self.fold) {
            (false, false) => "lucarne_contains",
            (false, true) => "lucarne_icontains",
            (true, false) => "lucarne_endswith",
            (true, true) => "lucarne_iendswith",
        }
    }
}

/// A letter in all its cases that are one letter too.
pub fn cases(letter: char) -> Vec<char> {
    let mut cases = vec![letter];
    let upper = one(letter.to_uppercase());
    let lower = one(letter.to_lowercase());
    let again = upper.and_then(|upper| one(upper.to_lowercase()));
    for other in [upper, lower, again].into_iter().flatten() {
        if !cases.contains(&other) {
            cases.push(other);
        }
    }
    cases
}

/// The letter that stands for both cases of a pair, and any other for itself.
pub fn folded(letter: char) -> char {
    if letter.is_ascii() {
        return letter.to_ascii_lowercase();
    }
    let Some(lower) = one(letter.to_lowercase()) else {
        return letter;
    };
    match one(lower.to_uppercase()) {
        Some(upper) if upper == letter => lower,
        _ => letter,
    }
}

/// Whether the letters that a pattern's letter finds are those that are [`folded`] to the same: not
/// so of a few, like the long s, which finds an s and is not found by it.
pub(crate) fn is_paired(letter: char) -> bool {
    let folded_letter = folded(letter);
    let upper = one(folded_letter.to_uppercase()).filter(|upper| folded(*upper) == folded_letter);
    let mut pair = vec![folded_letter];
    pair.extend(upper.filter(|upper| *upper != folded_letter));
    let cases = cases(letter);
    cases.len() == pair.len() && cases.iter().all(|case| pair.contains(case))
}

fn one(mut letters: impl Iterator<Item = char>) -> Option<char> {
    letters.next().filter(|_| letters.next().is_none())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_paired_letter_finds_what_is_folded_to_the_same() {
        let mut alike: HashMap<char, Vec<char>> = HashMap::new();
        for letter in (0..=0x10_ffff).filter_map(char::from_u32) {
            alike.entry(folded(letter)).or_default().push(letter);
        }
        let mut alone = Vec::new();
        for letter in (0..=0x10_ffff).filter_map(char::from_u32) {
            let mut found = cases(letter);
            found.sort_unstable();
            let same = alike[&folded(letter)] == found;
            assert_eq!(is_paired(letter), same, "{letter:?}");
            if !same {
                alone.push(letter);
            }
        }
        for letter in ['ſ', 'ı', '\u{212a}', 'ẞ', 'ς'] {
            assert!(alone.contains(&letter), "{letter:?}");
        }
        for letter in ['s', 'S', 'i', 'ü', 'Ü', 'ß', 'σ', 'Ω', '日', '1'] {
            assert!(!alone.contains(&letter), "{letter:?}");
        }
    }
}
