//! A message to the service: read from what was typed, and checked before anyone is asked.

use std::borrow::Cow;

use indexmap::IndexMap;
use serde_json::value::RawValue;

use crate::cli::failure::Failure;
use crate::cli::text::{cut, prefix, visible, width};
use crate::protocol::Action;
use crate::suggest::nearest;

const EXAMPLE: &str = r#"lucarne query '{"action":"list","model":"users"}'"#;

/// The columns that a pointed-at line may take, and those of them before the caret.
const EXCERPT: usize = 76;
const BEFORE_CARET: usize = 50;

/// A JSON object that can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    text: String,
}

impl Message {
    /// Reads a JSON object, and gives it `id` if it has none.
    pub(crate) fn from_json(text: &str, id: u64) -> Result<Self, Failure> {
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Err(
                Failure::unable("the message is empty").help(format!("for example: {EXAMPLE}"))
            );
        }
        serde_json::from_str::<&RawValue>(text).map_err(|error| malformed(text, &error))?;
        if !text.starts_with('{') {
            return Err(Failure::unable(
                "the message is JSON but not an object (line 1, column 1)",
            )
            .excerpt(pointer(text, 0))
            .help(format!("for example: {EXAMPLE}")));
        }
        let members = members(text)?;
        if members.contains_key("id") {
            return Ok(Self {
                text: text.to_owned(),
            });
        }
        // Spliced rather than built again, so that numbers keep all their digits.
        let comma = if members.is_empty() { "" } else { "," };
        Ok(Self {
            text: format!(r#"{{"id":{id}{comma}{}"#, &text[1..]),
        })
    }

    /// Reads what was typed after the command: JSON, or an action with a model and an id, or with a
    /// tool.
    pub(crate) fn from_words(words: &[&str], id: u64) -> Result<Self, Failure> {
        if let [word, rest @ ..] = words
            && let Some(action) = Action::parse(word)
        {
            return Self::from_action(action, rest, id);
        }
        match words {
            [json] if !is_word(json) => Self::from_json(json, id),
            [start, ..] if start.trim_start().starts_with('{') => Err(Failure::unable(format!(
                "the message came in {} pieces",
                words.len()
            ))
            .help(format!("put it in single quotes, as in: {EXAMPLE}"))),
            [word, ..] => {
                let actions = Action::ALL.map(Action::name);
                let known = actions.join(", ");
                Err(Failure::unable(format!("\"{word}\" is no action")).help(
                    match nearest(word, actions) {
                        Some(action) => format!("did you mean \"{action}\"?"),
                        None => format!("the actions are {known}; for example: {EXAMPLE}"),
                    },
                ))
            }
            [] => Self::from_json("", id),
        }
    }

    fn from_action(action: Action, rest: &[&str], id: u64) -> Result<Self, Failure> {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let name = action.name();
        let what = match action {
            Action::Call => "tool",
            _ => "model",
        };
        let members = match (action, rest) {
            (_, []) => String::new(),
            (_, [of]) => format!(r#","{what}":{}"#, quoted(of)),
            (Action::Get, [model, key]) => format!(
                r#","model":{},"params":{{"id":{}}}"#,
                quoted(model),
                quoted(key)
            ),
            _ => {
                return Err(Failure::unable(format!("too many words for {name}")).help(format!(
                    r#"anything more goes into JSON: '{{"action":"{name}","{what}":"{}","params":{{…}}}}'"#,
                    visible(rest[0])
                )));
            }
        };
        Ok(Self {
            text: format!(r#"{{"id":{id},"action":"{name}"{members}}}"#),
        })
    }

    /// The same request for the page that `cursor` begins.
    pub(crate) fn next_page(&self, cursor: &str) -> Option<Self> {
        let mut message = members(&self.text).ok()?;
        let params = message.get("params").map_or("{}", |params| params.get());
        let mut params: IndexMap<String, &RawValue> =
            serde_json::from_str(params).unwrap_or_default();
        params.shift_remove("offset");
        let cursor = serde_json::value::to_raw_value(cursor).ok()?;
        params.insert("cursor".to_owned(), &cursor);
        let params = serde_json::value::to_raw_value(&params).ok()?;
        message.insert("params".to_owned(), &params);
        Some(Self {
            text: serde_json::to_string(&message).ok()?,
        })
    }

    /// The text to send.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it asks what there is, rather than for rows.
    pub(crate) fn describes(&self) -> bool {
        members(&self.text).is_ok_and(|members| {
            members
                .get("action")
                .is_some_and(|action| action.get() == r#""describe""#)
        })
    }
}

/// Whether the text is only the beginning of a JSON object: more lines may follow.
pub(crate) fn is_unfinished(text: &str) -> bool {
    text.trim_start().starts_with('{')
        && serde_json::from_str::<&RawValue>(text).is_err_and(|error| error.is_eof())
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|character| character.is_alphabetic() || character == '_' || character == '-')
}

fn members(text: &str) -> Result<IndexMap<String, &RawValue>, Failure> {
    serde_json::from_str(text).map_err(|error| malformed(text, &error))
}

fn malformed(text: &str, error: &serde_json::Error) -> Failure {
    let said = error.to_string();
    let reason = said
        .rsplit_once(" at line ")
        .map_or(said.as_str(), |(reason, _)| reason);
    let (line, offset) = place(text, error);
    let row = text.lines().nth(line).unwrap_or("");
    let column = row[..offset].chars().count() + 1;
    let remedy = match row[offset..].chars().next() {
        _ if !text.contains('"') && text.starts_with('{') && !text.contains('\'') => {
            "the shell took the double quotes; put the message in single ones: "
        }
        Some('\'' | '‘' | '’' | '“' | '”') => "JSON has plain double quotes: ",
        _ => "for example: ",
    };
    Failure::unable(format!(
        "the message is not JSON: {reason} (line {}, column {column})",
        line + 1
    ))
    .excerpt(pointer(row, offset))
    .help(format!("{remedy}{EXAMPLE}"))
}

/// The line, counted from 0, and the byte in it that a fault is at.
fn place(text: &str, error: &serde_json::Error) -> (usize, usize) {
    let rows: Vec<&str> = text.lines().collect();
    // What the parser read last is at `column`, counted from 1; 0 stands for the line break before.
    let (line, offset) = match (error.line(), error.column()) {
        (line, 0) if line > 1 => (line - 2, usize::MAX),
        (line, column) if error.is_eof() => (line - 1, column),
        (line, column) => (line.max(1) - 1, column.max(1) - 1),
    };
    let line = line.min(rows.len().saturating_sub(1));
    let row = rows.get(line).copied().unwrap_or("");
    (line, row.floor_char_boundary(offset.min(row.len())))
}

/// The line with a caret under the byte at `offset`.
fn pointer(row: &str, offset: usize) -> String {
    let row = row.lines().next().unwrap_or("");
    let (before, after) = row.split_at(offset.min(row.len()));
    let (before, after) = (visible(before), visible(after));
    let before = ending(&before, BEFORE_CARET);
    let gap = " ".repeat(width(&before));
    format!(
        "  {before}{}\n  {gap}^",
        cut(&after, EXCERPT - width(&before))
    )
}

/// The end of the text that fits into `columns`, with `…` for what is left out.
fn ending(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let reversed: String = text.chars().rev().collect();
    let kept: String = prefix(&reversed, columns - 1).chars().rev().collect();
    Cow::Owned(format!("…{kept}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(text: &str) -> String {
        Message::from_json(text, 1).unwrap_err().to_string()
    }

    #[test]
    fn an_id_is_added_where_there_is_none_and_nothing_else_is_touched() {
        for (typed, sent) in [
            (r#"{"action":"list"}"#, r#"{"id":1,"action":"list"}"#),
            (
                r#" { "n": 12345678901234567890123.0 } "#,
                r#"{"id":1, "n": 12345678901234567890123.0 }"#,
            ),
            ("{}", r#"{"id":1}"#),
            (r#"{"id":"x"}"#, r#"{"id":"x"}"#),
            (r#"{"id":null}"#, r#"{"id":null}"#),
        ] {
            assert_eq!(Message::from_json(typed, 1).unwrap().text(), sent);
        }
    }

    #[test]
    fn words_make_the_plain_requests() {
        for (words, sent) in [
            (&["describe"][..], r#"{"id":1,"action":"describe"}"#),
            (
                &["list", "users"],
                r#"{"id":1,"action":"list","model":"users"}"#,
            ),
            (
                &["get", "a\"b", "7"],
                r#"{"id":1,"action":"get","model":"a\"b","params":{"id":"7"}}"#,
            ),
            (
                &["call", "open_tickets"],
                r#"{"id":1,"action":"call","tool":"open_tickets"}"#,
            ),
        ] {
            assert_eq!(Message::from_words(words, 1).unwrap().text(), sent);
        }
        for (words, help) in [
            (&["lsit", "users"][..], "did you mean \"list\"?"),
            (
                &["frobnicate"],
                "the actions are list, get, query, describe, whoami, call",
            ),
            (&["list", "users", "5"], r#""model":"users","params""#),
            (&["call", "by_day", "5"], r#""tool":"by_day","params""#),
            (&["{action:", "list}"], "single quotes"),
            (&[], "for example"),
        ] {
            let told = Message::from_words(words, 1).unwrap_err().to_string();
            assert!(told.contains(help), "{told}");
        }
    }

    #[test]
    fn the_caret_stands_under_the_fault() {
        insta::assert_snapshot!(told(r#"{"action":"list" "model":"users"}"#), @r#"
        error: the message is not JSON: expected `,` or `}` (line 1, column 18)
          {"action":"list" "model":"users"}
                           ^
        help: for example: lucarne query '{"action":"list","model":"users"}'
        "#);
        insta::assert_snapshot!(told("{action:list,model:users}"), @r#"
        error: the message is not JSON: key must be a string (line 1, column 2)
          {action:list,model:users}
           ^
        help: the shell took the double quotes; put the message in single ones: lucarne query '{"action":"list","model":"users"}'
        "#);
        insta::assert_snapshot!(told("{\n  \"action\": \"列表\", 'x': 1\n}"), @r#"
        error: the message is not JSON: key must be a string (line 2, column 19)
            "action": "列表", 'x': 1
                              ^
        help: JSON has plain double quotes: lucarne query '{"action":"list","model":"users"}'
        "#);
        insta::assert_snapshot!(told(r#"{"action":"list""#), @r#"
        error: the message is not JSON: EOF while parsing an object (line 1, column 17)
          {"action":"list"
                          ^
        help: for example: lucarne query '{"action":"list","model":"users"}'
        "#);
        insta::assert_snapshot!(told("[1]"), @r#"
        error: the message is JSON but not an object (line 1, column 1)
          [1]
          ^
        help: for example: lucarne query '{"action":"list","model":"users"}'
        "#);
    }

    #[test]
    fn the_next_page_keeps_the_request() {
        let message = Message::from_json(
            r#"{"id":1,"action":"list","params":{"offset":5,"filters":{"n":123456789012345678901234567890}}}"#,
            1,
        );
        assert_eq!(
            message.unwrap().next_page("abc").unwrap().text(),
            r#"{"id":1,"action":"list","params":{"filters":{"n":123456789012345678901234567890},"cursor":"abc"}}"#
        );
        let bare = Message::from_words(&["list", "users"], 1)
            .unwrap()
            .next_page("abc")
            .unwrap();
        assert_eq!(
            bare.text(),
            r#"{"id":1,"action":"list","model":"users","params":{"cursor":"abc"}}"#
        );
    }

    proptest! {
        #[test]
        fn any_text_is_sent_or_pointed_at(text in any::<String>()) {
            if let Err(failure) = Message::from_json(&text, 1) {
                let told = failure.to_string();
                prop_assert!(told.lines().count() <= 4, "{told}");
                prop_assert!(told.contains("\nhelp: "), "{told}");
            }
        }

        #[test]
        fn a_stray_character_is_under_the_caret(blanks in "[ é表]{0,80}", tail in "[a-z ]{0,200}") {
            let text = format!("{{\"k{blanks}\":1,~{tail}");
            let told = told(&text);
            let lines: Vec<&str> = told.lines().collect();
            let column = lines[2].find('^').unwrap();
            let before = prefix(lines[1], column);
            prop_assert!(lines[1][before.len()..].starts_with('~'), "{told}");
            prop_assert!(width(lines[1]) <= 80);
        }
    }
}
