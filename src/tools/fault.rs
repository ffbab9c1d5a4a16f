//! What is wrong with a file of tools, and where.

use std::fmt;
use std::sync::Arc;

/// A place in a file; lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name of the file.
    pub file: Arc<str>,
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

impl Place {
    /// The place of a byte of a text.
    pub fn of(file: &Arc<str>, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        Self {
            file: Arc::clone(file),
            line: before.matches('\n').count() + 1,
            column: before[start..].chars().count() + 1,
        }
    }

    /// The place of a line and column within a text that begins here.
    #[must_use]
    pub fn within(&self, line: usize, column: usize) -> Self {
        Self {
            file: Arc::clone(&self.file),
            line: self.line + line.saturating_sub(1),
            column: match line {
                0 | 1 => self.column + column.saturating_sub(1),
                _ => column,
            },
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One fault of a file of tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// The tool, where it has a name.
    pub tool: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tool {
            Some(tool) => write!(f, "{}: tool {tool}: {}", self.place, self.message),
            None => write!(f, "{}: {}", self.place, self.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_line_and_a_character() {
        let file = Arc::from("tools.toml");
        let text = "a\nbé = 1\nc";
        let place = |offset| {
            let place = Place::of(&file, text, offset);
            (place.line, place.column)
        };
        assert_eq!(place(0), (1, 1));
        assert_eq!(place(text.find('=').unwrap()), (2, 4));
        assert_eq!(place(text.len()), (3, 2));
        let start = Place::of(&file, text, text.find('=').unwrap());
        assert_eq!(start.within(1, 3).to_string(), "tools.toml:2:6");
        assert_eq!(start.within(3, 3).to_string(), "tools.toml:4:3");
    }
}
