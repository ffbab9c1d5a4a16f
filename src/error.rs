//! The one error that leaves a stage and may reach a client.
//!
//! An [`Error`] holds only what the client sent or is allowed to know: its text is the protocol's,
//! its code is stable, and its hint is made from readable names alone. What a database driver said
//! never gets in here; `service` logs that once and maps it.

use std::borrow::Cow;
use std::fmt;

/// What is repeated of a request in an error is cut at this many characters.
const ECHO_CHARACTERS: usize = 200;

/// A refused or failed request: its kind and, where it helps, what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    hint: Option<Hint>,
}

/// By which words an error is told: what natively is an action is a tool by MCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    /// Those of native messages.
    Native,
    /// Those of MCP.
    Tools,
}

/// Names as a text tells them.
pub(crate) fn listed(names: &[&str]) -> Box<str> {
    match names {
        [] => "none".into(),
        names => names.join(", ").into(),
    }
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hint {
    text: Box<str>,
    /// The same by MCP, where that has other words.
    of_tools: Option<Box<str>>,
}

/// Every way in which a request can fail, with exactly what its text repeats.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the text of each variant is its documentation")]
pub enum ErrorKind {
    #[error("Invalid JSON message")]
    InvalidJson,
    #[error("Request must be a JSON object")]
    NotAnObject,
    #[error("Missing required field: {0}")]
    MissingField(&'static str),
    #[error("Field '{field}' must be {expected}")]
    FieldType {
        field: &'static str,
        expected: &'static str,
    },
    #[error("Model '{model}' not allowed. Allowed models: {allowed}")]
    ModelNotAllowed { model: Echo, allowed: Box<str> },
    #[error("Write operations not allowed in read-only mode: {0}")]
    ReadOnly(Echo),
    #[error("Unsupported action: {0}. Supported: list, get, query, describe")]
    UnsupportedAction(Echo),
    #[error("Tool '{tool}' not allowed. Allowed tools: {allowed}")]
    ToolNotAllowed { tool: Echo, allowed: Box<str> },
    #[error("Missing required parameter: {0}")]
    MissingParameter(Cow<'static, str>),
    #[error("Pagination parameters must be integers")]
    PaginationNotInteger,
    #[error("Pagination parameters must be non-negative")]
    PaginationNegative,
    #[error("Filters must be an object of field/value pairs")]
    FiltersNotObject,
    #[error("Unknown parameter: {0}")]
    UnknownParameter(Echo),
    #[error("Parameter '{parameter}' must be {expected}")]
    ParameterType {
        parameter: &'static str,
        expected: &'static str,
    },
    #[error("Invalid cursor")]
    InvalidCursor,
    #[error("Parameters '{0}' and '{1}' exclude each other")]
    Exclusive(&'static str, &'static str),
    #[error("Field '{field}' is not allowed for model '{model}'")]
    FieldNotAllowed { field: Echo, model: Box<str> },
    #[error("Relation '{relation}' is not allowed for model '{model}'")]
    RelationNotAllowed { relation: Echo, model: Box<str> },
    #[error("Too many relations: at most {0}")]
    TooManyRelations(usize),
    #[error("Path too long: at most {0} relations")]
    PathTooLong(usize),
    #[error("Model '{0}' has no primary key: use list with filters")]
    NoPrimaryKey(Box<str>),
    #[error("Invalid aggregate: {0}")]
    InvalidAggregate(Remark),
    #[error("Invalid expression: {0}")]
    InvalidExpression(Remark),
    #[error("Invalid filter field name: {0}")]
    FilterName(Echo),
    #[error("Filter field '{field}' is not allowed for model '{model}'")]
    FilterFieldNotAllowed { field: Echo, model: Box<str> },
    #[error("Too many conditions: at most {0}")]
    TooManyConditions(usize),
    #[error("Filters nest too deep: at most {0} levels")]
    FilterTooDeep(usize),
    #[error("Invalid filter operator: {0}")]
    FilterOperator(Echo),
    #[error("Relation '{0}' holds many rows: use $some, $none, $every or $count")]
    RelationHoldsMany(Box<str>),
    #[error("Filter or sort on '{field}' needs an index: model '{model}' has too many rows")]
    ScanRefused { field: Box<str>, model: Box<str> },
    #[error("Invalid value for field '{field}': expected {expected}")]
    InvalidValue { field: Box<str>, expected: Box<str> },
    #[error("Invalid value for parameter '{parameter}': expected {expected}")]
    InvalidArgument {
        parameter: Box<str>,
        expected: Box<str>,
    },
    #[error("Record not found: {model} id={id}")]
    NotFound { model: Box<str>, id: Echo },
    #[error("Rate limit exceeded: {limit} requests per {window}s")]
    RateLimited { limit: u32, window: u64 },
    #[error("Row budget spent: {0} rows per day")]
    BudgetSpent(u64),
    #[error("Action '{action}' is not allowed for this token")]
    ActionNotAllowed {
        action: &'static str,
        tool: &'static str,
    },
    #[error("{what} needs the scope '{scope}', which this token does not have")]
    ScopeMissing {
        what: &'static str,
        scope: &'static str,
    },
    #[error("Tool '{tool}' needs '{what}' of its caller, which this token does not have")]
    CallerLacks { tool: Box<str>, what: Box<str> },
    #[error("Tool '{0}' failed")]
    ToolFailed(Box<str>),
    #[error("Query timed out after {0}s")]
    Timeout(u64),
    /// The most, and what the large values of the record take, where that is known.
    #[error("Response too large: one record exceeds {0} bytes")]
    ResponseTooLarge(usize, usize),
    #[error("Server is busy, try again")]
    Overloaded,
    #[error("Database is unavailable")]
    Unavailable,
    #[error("The request cannot be recorded")]
    Unrecorded,
    #[error("Server is shutting down")]
    ShuttingDown,
    #[error("Internal server error")]
    Internal,
}

/// Every code, in the order of the protocol; a test holds it to [`ErrorKind::code`].
pub const CODES: [&str; 20] = [
    "invalid_json",
    "invalid_request",
    "model_not_allowed",
    "read_only",
    "unsupported_action",
    "tool_not_allowed",
    "missing_parameter",
    "invalid_parameter",
    "invalid_filter",
    "invalid_value",
    "not_found",
    "rate_limited",
    "budget_spent",
    "not_permitted",
    "tool_failed",
    "timeout",
    "response_too_large",
    "overloaded",
    "unavailable",
    "internal",
];

impl ErrorKind {
    /// The stable code of this kind, in snake case (protocol, section 3).
    pub fn code(&self) -> &'static str {
        use ErrorKind::*;
        match self {
            InvalidJson => "invalid_json",
            NotAnObject | MissingField(_) | FieldType { .. } => "invalid_request",
            ModelNotAllowed { .. } => "model_not_allowed",
            ReadOnly(_) => "read_only",
            UnsupportedAction(_) => "unsupported_action",
            ToolNotAllowed { .. } => "tool_not_allowed",
            MissingParameter(_) => "missing_parameter",
            PaginationNotInteger
            | PaginationNegative
            | FiltersNotObject
            | UnknownParameter(_)
            | ParameterType { .. }
            | InvalidCursor
            | Exclusive(..)
            | FieldNotAllowed { .. }
            | RelationNotAllowed { .. }
            | TooManyRelations(_)
            | PathTooLong(_)
            | NoPrimaryKey(_)
            | InvalidAggregate(_)
            | InvalidExpression(_) => "invalid_parameter",
            FilterName(_)
            | FilterFieldNotAllowed { .. }
            | TooManyConditions(_)
            | FilterTooDeep(_)
            | FilterOperator(_)
            | RelationHoldsMany(_)
            | ScanRefused { .. } => "invalid_filter",
            InvalidValue { .. } | InvalidArgument { .. } => "invalid_value",
            NotFound { .. } => "not_found",
            RateLimited { .. } => "rate_limited",
            BudgetSpent(_) => "budget_spent",
            ActionNotAllowed { .. } | ScopeMissing { .. } | CallerLacks { .. } => "not_permitted",
            ToolFailed(_) => "tool_failed",
            Timeout(_) => "timeout",
            ResponseTooLarge(..) => "response_too_large",
            Overloaded => "overloaded",
            Unavailable | Unrecorded | ShuttingDown => "unavailable",
            Internal => "internal",
        }
    }

    /// Whether the request was sound and the service failed it: the operator's to mend.
    pub fn is_failure(&self) -> bool {
        use ErrorKind::*;
        matches!(
            self,
            ToolFailed(_) | Timeout(_) | Overloaded | Unavailable | Unrecorded | Internal
        )
    }
}

impl Error {
    /// The kind, with what its text repeats.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// The stable code, in snake case.
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// What is wrong.
    pub fn text(&self, speech: Speech) -> String {
        match (&self.kind, speech) {
            (ErrorKind::NoPrimaryKey(model), Speech::Tools) => {
                format!("Model '{model}' has no primary key: use list_records with filters")
            }
            (ErrorKind::ActionNotAllowed { tool, .. }, Speech::Tools) => {
                format!("Tool '{tool}' is not allowed for this token")
            }
            (kind, _) => kind.to_string(),
        }
    }

    /// What to do next, made from readable names alone.
    pub fn hint(&self, speech: Speech) -> Option<&str> {
        let hint = self.hint.as_ref()?;
        let of_tools = hint.of_tools.as_deref();
        let of_tools = of_tools.filter(|_| speech == Speech::Tools);
        Some(of_tools.unwrap_or(&hint.text))
    }

    /// The same error about a value, of a field as the request names it.
    pub(crate) fn of_field(mut self, name: &str) -> Self {
        if let ErrorKind::InvalidValue { field, .. } = &mut self.kind {
            *field = name.into();
        }
        self
    }

    /// The same error with what to do next; an empty hint is none.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        let text = hint.into().into_boxed_str();
        self.hint = (!text.is_empty()).then_some(Hint {
            text,
            of_tools: None,
        });
        self
    }

    /// The same error with what to do next, by the words of each dialect.
    pub(crate) fn with_hint_by(self, hint: impl Fn(Speech) -> String) -> Self {
        let mut error = self.with_hint(hint(Speech::Native));
        if let Some(told) = &mut error.hint {
            let of_tools = Some(hint(Speech::Tools).into_boxed_str());
            told.of_tools = of_tools.filter(|of_tools| *of_tools != told.text);
        }
        error
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind, hint: None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for Error {}

/// Text of the request as an error repeats it: cut at 200 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Echo(Box<str>);

impl From<&str> for Echo {
    fn from(text: &str) -> Self {
        let end = text
            .char_indices()
            .nth(ECHO_CHARACTERS)
            .map_or(text.len(), |(index, _)| index);
        Self(text[..end].into())
    }
}

impl fmt::Display for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is wrong, perhaps with a name of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The name.
    pub name: Option<Echo>,
    /// What is wrong with it, or altogether.
    pub what: &'static str,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "'{name}' {}", self.what),
            None => f.write_str(self.what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_the_protocols() {
        let kind = ErrorKind::ModelNotAllowed {
            model: "x".into(),
            allowed: "users, tickets, change_log".into(),
        };
        assert_eq!(
            kind.to_string(),
            "Model 'x' not allowed. Allowed models: users, tickets, change_log"
        );
        assert_eq!(kind.code(), "model_not_allowed");
        let kind = ErrorKind::ModelNotAllowed {
            model: "x".into(),
            allowed: listed(&[]),
        };
        assert_eq!(
            kind.to_string(),
            "Model 'x' not allowed. Allowed models: none"
        );
        assert_eq!(
            ErrorKind::Exclusive("cursor", "offset").to_string(),
            "Parameters 'cursor' and 'offset' exclude each other"
        );
    }

    #[test]
    fn each_dialect_has_its_words() {
        let kind = ErrorKind::ActionNotAllowed {
            action: "get",
            tool: "get_record",
        };
        let error = Error::from(kind).with_hint_by(|speech| format!("{speech:?}"));
        for (speech, text) in [
            (Speech::Native, "Action 'get' is not allowed for this token"),
            (
                Speech::Tools,
                "Tool 'get_record' is not allowed for this token",
            ),
        ] {
            assert_eq!(error.text(speech), text);
            let hint = format!("{speech:?}");
            assert_eq!(error.hint(speech), Some(&*hint));
            assert_eq!(error.clone().with_hint("x").hint(speech), Some("x"));
        }
    }

    #[test]
    fn an_echo_is_cut_at_a_character() {
        let long = "é".repeat(500);
        assert_eq!(Echo::from(long.as_str()).to_string().chars().count(), 200);
        assert_eq!(Echo::from("short").to_string(), "short");
    }
}
