//! JSON-RPC 2.0: what comes in, and the bytes that go out.
//!
//! Arguments and results stay JSON text, so that no digit of a number is lost on the way.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::revision::Era;
use crate::encode;
use crate::error::{Error, ErrorKind, Speech};
use crate::limit::Weight;
use crate::policy::Limited;
use crate::protocol::{self, Kind, Object, decode_string, kind};

/// What is not JSON.
pub(super) const PARSE_ERROR: i64 = -32700;
/// What is JSON, and no request.
pub(super) const INVALID_REQUEST: i64 = -32600;
/// A method that there is not.
pub(super) const METHOD_NOT_FOUND: i64 = -32601;
/// Parameters that do not fit their method.
pub(super) const INVALID_PARAMS: i64 = -32602;
/// Our own fault, or the database's.
pub(super) const INTERNAL_ERROR: i64 = -32603;
/// The service's own code, outside of what JSON-RPC and MCP reserve: too many requests.
pub(super) const RATE_LIMITED: i64 = 429;

/// A message from a client.
#[derive(Debug)]
pub(in crate::server) enum Incoming<'a> {
    /// Something to be answered.
    Request(&'a RawValue, Call<'a>),
    /// Something that is not.
    Notification(Call<'a>),
    /// An answer, though nothing was asked.
    Response,
}

/// A method with its parameters.
#[derive(Debug)]
pub(in crate::server) struct Call<'a> {
    /// The method, known or not.
    pub(super) method: Cow<'a, str>,
    /// The parameters; absent is empty.
    pub(super) params: Object<'a>,
}

/// An error of the protocol, in contrast to one that a tool reports in its result.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::server) struct Fault {
    /// One of the codes above, or of the revision.
    pub(super) code: i64,
    /// For people.
    pub(super) message: String,
    /// For programs.
    pub(super) data: Option<Box<Value>>,
    /// Whether the message itself is at fault, which HTTP answers with 400.
    pub(super) malformed: bool,
}

impl Fault {
    /// An error of that code.
    pub(super) fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
            malformed: false,
        }
    }

    /// Parameters that do not fit their method.
    pub(super) fn params(message: impl Into<String>) -> Self {
        Self::new(INVALID_PARAMS, message)
    }

    /// The same error, with something for programs.
    pub(super) fn with(mut self, data: Value) -> Self {
        self.data = Some(Box::new(data));
        self
    }

    /// The same error, of a message that HTTP refuses.
    pub(super) fn malformed(mut self) -> Self {
        self.malformed = true;
        self
    }

    /// An error of the service, where there is no result that could hold it.
    pub(super) fn of(error: &Error) -> Self {
        let code = match error.kind() {
            ErrorKind::InvalidJson => PARSE_ERROR,
            ErrorKind::NotAnObject => INVALID_REQUEST,
            ErrorKind::RateLimited { .. } => RATE_LIMITED,
            ErrorKind::Timeout(_)
            | ErrorKind::Overloaded
            | ErrorKind::Unavailable
            | ErrorKind::Unrecorded
            | ErrorKind::ShuttingDown
            | ErrorKind::Internal => INTERNAL_ERROR,
            _ => INVALID_PARAMS,
        };
        let mut data = json!({ "code": error.code() });
        if let Some(hint) = error.hint(Speech::Tools) {
            data["hint"] = hint.into();
        }
        Self::new(code, error.text(Speech::Tools)).with(data)
    }

    /// A message over its window, to a client that may come again.
    pub(super) fn of_window(limited: Limited) -> Self {
        let hint = format!("try again in {} s", limited.seconds());
        Self::of(&Error::from(limited).with_hint(hint))
    }

    /// A message that is larger than one may be.
    pub(super) fn too_large(max_bytes: usize) -> Self {
        let message = format!("Invalid request: at most {max_bytes} bytes a message");
        Self::new(INVALID_REQUEST, message)
    }
}

/// A message without the byte order mark that some programs put before what they write.
pub(super) fn plain(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Reads one message.
///
/// # Errors
/// The fault, with the `id` to answer to where one could be read.
pub(in crate::server) fn parse(text: &str) -> Result<Incoming<'_>, (Option<&RawValue>, Fault)> {
    let text = plain(text);
    let refuse = |id, message: &str| {
        Err((
            id,
            Fault::new(INVALID_REQUEST, format!("Invalid request: {message}")).malformed(),
        ))
    };
    let message = match protocol::Request::object(text) {
        Ok(message) => message,
        Err(error) if *error.kind() == ErrorKind::NotAnObject => {
            return refuse(None, "one JSON object a message, no batches");
        }
        Err(error) => {
            let mut fault = Fault::new(PARSE_ERROR, "Parse error").malformed();
            if let Some(hint) = error.hint(Speech::Tools) {
                fault = fault.with(json!({ "hint": hint }));
            }
            return Err((protocol::Request::id_of_deep(text), fault));
        }
    };
    let id = match message.get("id") {
        Some(raw) if matches!(kind(raw), Kind::String | Kind::Number) => Some(raw),
        Some(_) if message.get("method").is_some() => {
            return refuse(None, "id must be a string or a number");
        }
        _ => None,
    };
    if message.get("jsonrpc").and_then(decode_string).as_deref() != Some("2.0") {
        return refuse(id, "jsonrpc must be \"2.0\"");
    }
    let method = match message.get("method") {
        Some(raw) => match decode_string(raw) {
            Some(method) => method,
            None => return refuse(id, "method must be a string"),
        },
        None if message.get("result").is_some() || message.get("error").is_some() => {
            return Ok(Incoming::Response);
        }
        None => return refuse(id, "method is missing"),
    };
    let params = match message.get("params") {
        None => Object::default(),
        Some(raw) if kind(raw) == Kind::Null => Object::default(),
        Some(raw) => match Object::parse(raw.get()) {
            Some(params) => params,
            None if id.is_some() => {
                let fault = Fault::params("Invalid params: params must be an object");
                return Err((id, fault.malformed()));
            }
            None => Object::default(),
        },
    };
    let call = Call { method, params };
    Ok(match id {
        Some(id) => Incoming::Request(id, call),
        None => Incoming::Notification(call),
    })
}

/// The `id` that a message is to be answered to, where it is a request.
pub(super) fn id_of(text: &str) -> Option<&RawValue> {
    match parse(text) {
        Ok(Incoming::Request(id, _)) => Some(id),
        Err((id, _)) => id,
        _ => None,
    }
}

/// What a message counts as: lists, greetings and whatever else is answered from memory take
/// nothing of the window. What is no sound message counts as one that reads.
pub(in crate::server) fn weight(text: &str) -> Weight {
    let call = match parse(text) {
        Ok(Incoming::Notification(_)) => return Weight::Light,
        Ok(Incoming::Request(_, call)) => call,
        Ok(Incoming::Response) | Err(_) => return Weight::Read,
    };
    match &*call.method {
        "initialize"
        | "ping"
        | "server/discover"
        | "tools/list"
        | "resources/list"
        | "resources/templates/list"
        | "prompts/list"
        | "prompts/get"
        | "completion/complete"
        | "subscriptions/listen" => Weight::Light,
        _ => Weight::Read,
    }
}

/// How long a result holds, in milliseconds. Every result is private: who may see it is decided by
/// the token of its request.
pub(super) type Ttl = u64;

/// The members of a result, without the braces around them.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) members: Vec<u8>,
    pub(super) ttl: Option<Ttl>,
}

impl Reply {
    /// The members of a struct or a map.
    pub(super) fn of(result: &impl Serialize) -> Self {
        // What is made here is a tree of JSON already.
        let mut members = serde_json::to_vec(result).unwrap_or_default();
        members.pop();
        members.splice(..1.min(members.len()), []);
        Self { members, ttl: None }
    }

    /// The same, to be kept by the client for so long.
    pub(super) fn kept(mut self, ttl: Ttl) -> Self {
        self.ttl = Some(ttl);
        self
    }
}

/// The bytes of a result.
pub(super) fn result(id: &RawValue, era: Era, reply: &Reply) -> Vec<u8> {
    let mut out = begin(Some(id));
    out.reserve(reply.members.len() + 256);
    out.extend_from_slice(b",\"result\":{");
    out.extend_from_slice(&reply.members);
    if era == Era::Modern {
        if !reply.members.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(b"\"resultType\":\"complete\",");
        if let Some(ttl) = reply.ttl {
            let cache = format!("\"ttlMs\":{ttl},\"cacheScope\":\"private\",");
            out.extend_from_slice(cache.as_bytes());
        }
        out.extend_from_slice(b"\"_meta\":");
        append(
            &mut out,
            &json!({ super::revision::SERVER_INFO: super::server_info() }),
        );
    }
    out.extend_from_slice(b"}}");
    out
}

/// The bytes of an error; `id` is null where none could be read.
pub(in crate::server) fn error(id: Option<&RawValue>, fault: &Fault) -> Vec<u8> {
    let mut out = begin(id);
    out.extend_from_slice(format!(",\"error\":{{\"code\":{},\"message\":", fault.code).as_bytes());
    encode::text(&mut out, &fault.message);
    if let Some(data) = &fault.data {
        out.extend_from_slice(b",\"data\":");
        append(&mut out, data);
    }
    out.extend_from_slice(b"}}");
    out
}

/// The bytes of a notification.
pub(super) fn notification(method: &str, params: Option<&Value>) -> Vec<u8> {
    let mut message = json!({ "jsonrpc": "2.0", "method": method });
    if let Some(params) = params {
        message["params"] = params.clone();
    }
    message.to_string().into_bytes()
}

fn begin(id: Option<&RawValue>) -> Vec<u8> {
    let mut out = b"{\"jsonrpc\":\"2.0\",\"id\":".to_vec();
    out.extend_from_slice(id.map_or("null", RawValue::get).as_bytes());
    out
}

fn append(out: &mut Vec<u8>, value: &Value) {
    // Writing a tree of JSON into memory cannot fail.
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_request_says_why() {
        for (text, code, id) in [
            ("", PARSE_ERROR, "null"),
            ("{", PARSE_ERROR, "null"),
            ("[]", INVALID_REQUEST, "null"),
            ("7", INVALID_REQUEST, "null"),
            ("{}", INVALID_REQUEST, "null"),
            (
                r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
                INVALID_REQUEST,
                "1",
            ),
            (
                r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
                INVALID_REQUEST,
                "null",
            ),
            (r#"{"jsonrpc":"2.0","id":"a"}"#, INVALID_REQUEST, "\"a\""),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
                INVALID_REQUEST,
                "1",
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#,
                INVALID_PARAMS,
                "1",
            ),
        ] {
            let (found, fault) = parse(text).expect_err(text);
            assert_eq!(fault.code, code, "{text}");
            let answer = String::from_utf8(error(found, &fault)).unwrap();
            assert!(
                answer.starts_with(&format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":")),
                "{answer}"
            );
        }
        assert!(matches!(
            parse(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
            Ok(Incoming::Response)
        ));
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        let text = "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}";
        assert!(matches!(parse(text), Ok(Incoming::Request(_, _))));
        assert!(super::super::is_mcp(text));
        assert_eq!(weight(text), Weight::Light);
        let deep = format!("\u{feff}{{\"id\":7,\"x\":{}", "[".repeat(100));
        assert_eq!(id_of(&deep).map(RawValue::get), Some("7"));
        assert!(parse("\u{feff}").is_err() && parse(&format!("\u{feff}{text}")).is_err());
    }

    #[test]
    fn params_may_be_null() {
        for id in ["", r#""id":1,"#] {
            let text = format!(r#"{{"jsonrpc":"2.0",{id}"method":"ping","params":null}}"#);
            let Ok(Incoming::Request(_, call) | Incoming::Notification(call)) = parse(&text) else {
                panic!("{text}");
            };
            assert!(call.params.is_empty());
        }
    }

    #[test]
    fn a_result_keeps_the_bytes_of_its_id_and_says_what_its_revision_wants() {
        let text = r#"{"jsonrpc":"2.0","id":12345678901234567890,"method":"ping"}"#;
        let Ok(Incoming::Request(id, call)) = parse(text) else {
            panic!("a request");
        };
        assert_eq!(call.method, "ping");
        let empty = || Reply::of(&json!({})).kept(5);
        assert_eq!(
            result(id, Era::Legacy, &empty()),
            br#"{"jsonrpc":"2.0","id":12345678901234567890,"result":{}}"#
        );
        let modern: Value = serde_json::from_slice(&result(id, Era::Modern, &empty())).unwrap();
        assert_eq!(modern["result"]["resultType"], "complete");
        assert_eq!(modern["result"]["ttlMs"], 5);
        assert_eq!(modern["result"]["cacheScope"], "private");
    }
}
