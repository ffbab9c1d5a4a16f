//! Native messages: a request as it was sent, before any name is resolved.
//!
//! [`Request::parse`] checks the envelope and nothing else. Parameters stay raw JSON text
//! ([`Object`]), so that no digit of a number is lost before the plan knows a field's type.
//! [`schema`] holds the published shapes of both directions, [`arguments`] reads what is written
//! otherwise than they say.

pub mod arguments;
mod id;
mod object;
pub mod schema;
pub mod tool;

pub(crate) use id::{IdSearch, find as find_id};
pub(crate) use object::decode_string;
pub use object::{Kind, Object, kind, value};

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Speech};

/// JSON of a request nests at most this deep.
pub(crate) const MAX_DEPTH: usize = 64;

/// What a client may ask for; nothing here writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Rows of a model, by equality filters.
    List,
    /// One row by its primary key.
    Get,
    /// Rows, groups or totals of a model, by operators.
    Query,
    /// What the models and their fields are.
    Describe,
    /// Who the caller is, and what the token allows.
    Whoami,
    /// What a tool that the operator wrote answers.
    Call,
}

impl Action {
    /// Every action, in the order in which they are listed.
    pub const ALL: [Self; 6] = [
        Self::List,
        Self::Get,
        Self::Query,
        Self::Describe,
        Self::Whoami,
        Self::Call,
    ];

    /// The action of that exact name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// The name as a client writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Get => "get",
            Self::Query => "query",
            Self::Describe => "describe",
            Self::Whoami => "whoami",
            Self::Call => "call",
        }
    }

    /// The name of the tool that does it by MCP.
    pub fn tool(self) -> &'static str {
        match self {
            Self::List => "list_records",
            Self::Get => "get_record",
            Self::Query => "query_records",
            Self::Describe => "describe_models",
            Self::Whoami => "whoami",
            // Each is a tool of its own.
            Self::Call => "call",
        }
    }

    /// What it is called in a dialect.
    pub fn called(self, speech: Speech) -> &'static str {
        match speech {
            Speech::Native => self.name(),
            Speech::Tools => self.tool(),
        }
    }

    /// Whether it reads one model, which must be named.
    pub(crate) fn needs_model(self) -> bool {
        !matches!(self, Self::Describe | Self::Whoami | Self::Call)
    }

    /// The parameters that the action takes, in the order of the documentation.
    pub fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::List => &["limit", "offset", "filters", "cursor", "format"],
            Self::Get => &["id"],
            Self::Query => &[
                "limit",
                "offset",
                "filters",
                "cursor",
                "fields",
                "compute",
                "sort",
                "total",
                "group_by",
                "aggregate",
                "having",
                "zone",
                "expand",
                "include",
                "format",
            ],
            Self::Describe | Self::Whoami | Self::Call => &[],
        }
    }
}

/// A read that is asked for, by names that are still the client's.
#[derive(Debug)]
pub struct Read<'r> {
    /// The action.
    pub action: &'r str,
    /// The model; `describe` and `whoami` go without.
    pub model: Option<&'r str>,
    /// The tool of the operator; only `call` and `describe` take one.
    pub tool: Option<&'r str>,
    /// The parameters.
    pub params: &'r Object<'r>,
}

/// A request whose envelope is sound: names are still text, parameters still JSON.
#[derive(Debug)]
pub struct Request<'a> {
    /// The client's `id`, as it was written; `None` is answered with `null`.
    pub id: Option<&'a RawValue>,
    /// The action's name, known or not.
    pub action: Cow<'a, str>,
    /// The model's name, known or not; `describe` and `whoami` go without.
    pub model: Option<Cow<'a, str>>,
    /// The name of a tool of the operator; `call` needs it, and `describe` takes it.
    pub tool: Option<Cow<'a, str>>,
    /// The parameters; absent and `null` are empty.
    pub params: Object<'a>,
}

/// A message that is no request, with the `id` to answer to if one could be read.
#[derive(Debug)]
pub struct Rejection<'a> {
    /// The client's `id`, as it was written.
    pub id: Option<&'a RawValue>,
    /// What is wrong.
    pub error: Error,
}

impl<'a> Request<'a> {
    /// Reads one text frame.
    ///
    /// Members that are given twice count once, the last; unknown ones are ignored.
    ///
    /// # Errors
    /// In this order: not JSON or nested too deep, not an object, `id`, `action`, `model`, `params`.
    pub fn parse(text: &'a str) -> Result<Self, Rejection<'a>> {
        let reject = |id, kind: ErrorKind| Rejection {
            id,
            error: kind.into(),
        };
        let message = Self::object(text).map_err(|error| Rejection {
            id: Self::id_of_deep(text),
            error,
        })?;
        let id = match message.get("id") {
            None => None,
            Some(raw) => match kind(raw) {
                Kind::Null => None,
                Kind::String | Kind::Number => Some(raw),
                _ => {
                    let wrong = field_type("id", "a string or a number");
                    return Err(reject(None, wrong));
                }
            },
        };
        let text_of = |field: &'static str| -> Result<Option<Cow<'a, str>>, Rejection<'a>> {
            match message.get(field).filter(|raw| kind(raw) != Kind::Null) {
                None => Ok(None),
                Some(raw) if kind(raw) == Kind::String => decode_string(raw)
                    .map(Some)
                    .ok_or_else(|| reject(id, ErrorKind::InvalidJson)),
                Some(_) => Err(reject(id, field_type(field, "a string"))),
            }
        };
        let present = |field| {
            message
                .get(field)
                .is_some_and(|raw| kind(raw) != Kind::Null)
        };
        if !present("action") {
            return Err(reject(id, ErrorKind::MissingField("action")));
        }
        let action = message.get("action").and_then(decode_string);
        let action = action.and_then(|name| Action::parse(&name));
        if !present("model") && action.is_none_or(Action::needs_model) {
            return Err(reject(id, ErrorKind::MissingField("model")));
        }
        let action =
            text_of("action")?.ok_or_else(|| reject(id, ErrorKind::MissingField("action")))?;
        let model = text_of("model")?;
        let takes_tool = matches!(
            Action::parse(&action),
            Some(Action::Call | Action::Describe)
        );
        let tool = if takes_tool { text_of("tool")? } else { None };
        if tool.is_none() && action == Action::Call.name() {
            return Err(reject(id, ErrorKind::MissingField("tool")));
        }
        let params = match message.get("params") {
            None => Object::default(),
            Some(raw) => match kind(raw) {
                Kind::Null => Object::default(),
                Kind::Object => {
                    Object::parse(raw.get()).ok_or_else(|| reject(id, ErrorKind::InvalidJson))?
                }
                _ => return Err(reject(id, field_type("params", "an object"))),
            },
        };
        Ok(Self {
            id,
            action,
            model,
            tool,
            params,
        })
    }

    /// The `id` of a message that nests too deep to be read.
    pub(crate) fn id_of_deep(text: &'a str) -> Option<&'a RawValue> {
        let deep = object::depth_exceeds(text, MAX_DEPTH);
        deep.then(|| find_id(text.as_bytes())).flatten()
    }

    /// Reads an object that nests no deeper than the limit.
    ///
    /// # Errors
    /// Text that is not JSON, or another kind of it.
    pub fn object(text: &'a str) -> Result<Object<'a>, Error> {
        if object::depth_exceeds(text, MAX_DEPTH) {
            return Err(Error::from(ErrorKind::InvalidJson)
                .with_hint(format!("nest at most {MAX_DEPTH} levels deep")));
        }
        match serde_json::from_str(text) {
            Ok(object) => Ok(object),
            Err(fault) => match serde_json::from_str::<&RawValue>(text) {
                Ok(raw) if kind(raw) != Kind::Object => Err(ErrorKind::NotAnObject.into()),
                _ => Err(Error::from(ErrorKind::InvalidJson).with_hint(format!(
                    "look at line {}, column {}",
                    fault.line(),
                    fault.column()
                ))),
            },
        }
    }
}

fn field_type(field: &'static str, expected: &'static str) -> ErrorKind {
    ErrorKind::FieldType { field, expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (Option<String>, String, &'static str) {
        let rejected = Request::parse(text).expect_err("must be refused");
        (
            rejected.id.map(|id| id.get().to_owned()),
            rejected.error.to_string(),
            rejected.error.code(),
        )
    }

    #[test]
    fn a_request_keeps_the_bytes_of_its_id() {
        for id in [
            "\"a\\u0062\"",
            "1",
            "-0",
            "12345678901234567890",
            "1e2",
            "\"\\ud800\"",
        ] {
            let text = format!(r#"{{"id": {id}, "action":"list","model":"users"}}"#);
            assert_eq!(Request::parse(&text).unwrap().id.unwrap().get(), id);
        }
        for text in [
            r#"{"action":"list","model":"users"}"#,
            r#"{"id":null,"action":"list","model":"users","params":null}"#,
        ] {
            assert!(Request::parse(text).unwrap().id.is_none());
        }
    }

    #[test]
    fn the_envelope_is_checked_in_order() {
        for (text, error) in [
            ("", "Invalid JSON message"),
            ("{", "Invalid JSON message"),
            ("{} {}", "Invalid JSON message"),
            ("\u{feff}{}", "Invalid JSON message"),
            ("[1]", "Request must be a JSON object"),
            ("3", "Request must be a JSON object"),
            ("{}", "Missing required field: action"),
            (r#"{"action":null}"#, "Missing required field: action"),
            (r#"{"action":"list"}"#, "Missing required field: model"),
            (r#"{"action":7}"#, "Missing required field: model"),
            (
                r#"{"action":7,"model":"users"}"#,
                "Field 'action' must be a string",
            ),
            (
                r#"{"action":"list","model":["users"]}"#,
                "Field 'model' must be a string",
            ),
            (
                r#"{"action":"list","model":"users","params":[]}"#,
                "Field 'params' must be an object",
            ),
            (
                r#"{"id":{},"action":"list"}"#,
                "Field 'id' must be a string or a number",
            ),
            (r#"{"id":true}"#, "Field 'id' must be a string or a number"),
            (
                r#"{"action":"\ud800","model":"users"}"#,
                "Invalid JSON message",
            ),
        ] {
            assert_eq!(refused(text).1, error, "{text}");
        }
        assert!(
            Request::parse(r#"{"action":"describe"}"#)
                .unwrap()
                .model
                .is_none()
        );
    }

    #[test]
    fn a_refusal_answers_to_its_id() {
        let (id, _, code) = refused(r#"{"id":"a","action":7,"model":"users"}"#);
        assert_eq!((id.as_deref(), code), (Some("\"a\""), "invalid_request"));
    }

    #[test]
    fn the_last_of_two_members_counts() {
        let request =
            Request::parse(r#"{"action":"get","action":"list","model":"x","model":"users","params":{"limit":1,"limit":2}}"#)
                .unwrap();
        assert_eq!(
            (&*request.action, request.model.as_deref()),
            ("list", Some("users"))
        );
        assert_eq!(request.params.get("limit").unwrap().get(), "2");
        assert_eq!(request.params.iter().count(), 1);
    }

    #[test]
    fn json_nests_to_the_limit_and_no_deeper() {
        let nested = |depth: usize| {
            format!(
                r#"{{"action":"list","model":"users","x":{}{}}}"#,
                "[".repeat(depth - 1),
                "]".repeat(depth - 1)
            )
        };
        assert!(Request::parse(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(refused(&nested(MAX_DEPTH + 1)).1, "Invalid JSON message");
        assert_eq!(refused(&"[".repeat(200_000)).1, "Invalid JSON message");
        let brackets = format!(r#"{{"action":"list","model":"{}"}}"#, "[".repeat(200));
        assert!(Request::parse(&brackets).is_ok());
    }
}
