//! Text on a terminal: what others wrote is made visible, measured and cut.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

const ELLIPSIS: &str = "…";

/// The text with control characters and direction marks written as JSON escapes.
///
/// A value of a row, or an error of another machine, must not move the cursor, set the title or
/// reorder the line of whoever reads it.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            hidden if is_hidden(hidden) => {
                // Writing to a String cannot fail.
                let _ = write!(shown, "\\u{:04x}", u32::from(hidden));
            }
            plain => shown.push(plain),
        }
    }
    Cow::Owned(shown)
}

fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// How many columns of a terminal the text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The text cut to at most `columns`, with `…` in place of what is left out.
pub(crate) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let room = columns.saturating_sub(width(ELLIPSIS));
    Cow::Owned(format!("{}{ELLIPSIS}", prefix(text, room)))
}

/// The longest beginning of the text that fits into `columns`.
pub(crate) fn prefix(text: &str, columns: usize) -> &str {
    let ends: Vec<usize> = text
        .char_indices()
        .map(|(start, character)| start + character.len_utf8())
        .collect();
    let mut kept = ends.partition_point(|&end| width(&text[..end]) <= columns);
    // Joined emoji make the width of a prefix fall again; what is kept must fit.
    while kept > 0 && width(&text[..ends[kept - 1]]) > columns {
        kept -= 1;
    }
    if kept == 0 {
        ""
    } else {
        &text[..ends[kept - 1]]
    }
}

/// The text filled with spaces to `columns`, at its left side or its right.
pub(crate) fn padded(text: &str, columns: usize, right: bool) -> String {
    let gap = " ".repeat(columns.saturating_sub(width(text)));
    if right {
        format!("{gap}{text}")
    } else {
        format!("{text}{gap}")
    }
}

/// A number with what it counts: `1 model`, `2 models`.
pub(crate) fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(visible("plain é 表"), "plain é 表");
        assert_eq!(
            visible("a\u{1b}[31mb\n\tc\u{9b}d\u{202e}e"),
            "a\\u001b[31mb\\n\\tc\\u009bd\\u202ee"
        );
    }

    #[test]
    fn cutting_counts_columns_not_characters() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("表表表", 4), "表…");
        assert_eq!(cut("abc", 0), "…");
    }

    proptest! {
        #[test]
        fn a_cut_text_fits(text in "\\PC{0,40}", columns in 1_usize..30) {
            prop_assert!(width(&cut(&text, columns)) <= columns);
        }

        #[test]
        fn nothing_visible_controls(text in any::<String>()) {
            prop_assert!(!visible(&text).chars().any(is_hidden));
        }
    }
}
