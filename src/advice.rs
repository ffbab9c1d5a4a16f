//! What an operator is told: what is the matter, and what to do about it.

use std::fmt;

use serde::ser::{Serialize, SerializeStruct as _, Serializer};

/// One message for an operator, of a fault or of a weakness; it holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// What it is about: a variable as its name was typed, a member of a record, or a place in a
    /// file; empty where `what` says that too.
    pub subject: String,
    /// What is wrong or weak.
    pub what: String,
    /// What to do.
    pub help: String,
}

impl Advice {
    /// Advice that says itself what it is about, or does not know it yet.
    pub fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::about("", what, help)
    }

    /// Advice about a variable, a member of a record, or a place in a file.
    pub fn about(
        subject: impl Into<String>,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            subject: subject.into(),
            what: what.into(),
            help: help.into(),
        }
    }

    /// The same, about something else.
    #[must_use]
    pub fn of(self, subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            ..self
        }
    }

    /// What is wrong, after what it is about.
    pub fn text(&self) -> String {
        match self.subject.as_str() {
            "" => self.what.clone(),
            subject => format!("{subject}: {}", self.what),
        }
    }

    /// All of it as one line of a log.
    pub fn line(&self) -> String {
        format!("{}; {}", self.text(), self.help)
    }
}

/// As two lines: what is wrong, and what to do.
impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nhelp: {}", self.text(), self.help)
    }
}

/// As two members, of which the first says what it is about as well.
impl Serialize for Advice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Advice", 2)?;
        members.serialize_field("what", &self.text())?;
        members.serialize_field("help", &self.help)?;
        members.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_it_is_about_where_that_is_known() {
        let bare = Advice::new("no number", "write digits alone");
        let about = bare.clone().of("MCP_PORT");
        assert_eq!(bare.to_string(), "no number\nhelp: write digits alone");
        assert_eq!(about.line(), "MCP_PORT: no number; write digits alone");
        assert_eq!(
            serde_json::to_string(&about).unwrap(),
            r#"{"what":"MCP_PORT: no number","help":"write digits alone"}"#
        );
    }
}
