//! The revisions of the protocol, and which of them a request speaks.
//!
//! Since 2026-07-28 every request says its revision in `_meta` and nothing is kept between
//! requests. Before, `initialize` agreed on one; a request that says nothing is taken for such.

use std::borrow::Cow;

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::message::{Call, Fault, INVALID_PARAMS};
use crate::protocol::{Kind, Object, decode_string, kind};

/// The revision without a handshake.
pub(super) const MODERN: &str = "2026-07-28";
/// The revisions with a handshake, newest first.
pub(super) const LEGACY: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// Who answers, in the `_meta` of results.
pub(super) const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
/// Which subscription a notification belongs to.
pub(super) const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

const HEADER_MISMATCH: i64 = -32020;
const UNSUPPORTED_VERSION: i64 = -32022;

/// Which rules a request goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Era {
    /// Up to 2025-11-25.
    Legacy,
    /// From 2026-07-28 on.
    Modern,
}

/// Every revision that is spoken, newest first.
pub(super) fn supported() -> Vec<&'static str> {
    [MODERN].into_iter().chain(LEGACY).collect()
}

/// The rules that a request goes by, on a connection that carries messages alone.
///
/// # Errors
/// A revision that is not spoken, and `_meta` that lacks what its revision demands.
pub(in crate::server) fn era(call: &Call<'_>) -> Result<Era, Fault> {
    let meta = meta(call);
    match version(&meta)? {
        None if call.method == "server/discover" => Err(incomplete()),
        None => Ok(Era::Legacy),
        Some(version) if version == MODERN => match meta.get(CAPABILITIES).map(kind) {
            Some(Kind::Object) => Ok(Era::Modern),
            _ => Err(incomplete()),
        },
        Some(version) if LEGACY.contains(&&*version) => Ok(Era::Legacy),
        Some(version) => Err(unsupported(&version)),
    }
}

/// The same by HTTP, where headers repeat what the request says: they must agree.
///
/// # Errors
/// As [`era`], and headers that are missing or say something else.
pub(in crate::server) fn era_by_http(call: &Call<'_>, headers: &HeaderMap) -> Result<Era, Fault> {
    let version = version(&meta(call))?;
    if call.method == "initialize" && version.is_none() {
        return Ok(Era::Legacy);
    }
    let said = header(headers, "MCP-Protocol-Version", ",")?.filter(|said| !said.is_empty());
    match (said, version) {
        (None, Some(_)) => return Err(mismatch("MCP-Protocol-Version is missing")),
        (Some(said), Some(version)) if said != version => {
            return Err(mismatch(
                "MCP-Protocol-Version is not that of the request's _meta",
            ));
        }
        (Some(MODERN), None) => return Err(incomplete()),
        (Some(said), None) if !LEGACY.contains(&said) => return Err(unsupported(said)),
        _ => {}
    }
    let era = era(call)?;
    if era == Era::Modern {
        match header(headers, "Mcp-Method", ",")? {
            Some(method) if method == call.method => {}
            Some(_) => return Err(mismatch("Mcp-Method is not the request's method")),
            None => return Err(mismatch("Mcp-Method is missing")),
        }
        let source = match &*call.method {
            "tools/call" | "prompts/get" => "name",
            "resources/read" => "uri",
            _ => return Ok(era),
        };
        let name = call.params.get(source).and_then(decode_string);
        let said = header(headers, "Mcp-Name", ", ")?.map(unwrapped);
        match (said, name) {
            (None, _) => return Err(mismatch("Mcp-Name is missing")),
            (Some(Some(said)), Some(name)) if said == name => {}
            // The method itself says what is missing from its parameters.
            (Some(_), None) => {}
            (Some(_), Some(_)) => {
                return Err(mismatch(&format!("Mcp-Name is not the request's {source}")));
            }
        }
    }
    Ok(era)
}

/// The legacy revision to go on with: the one asked for, else the newest.
pub(super) fn negotiated(asked: &str) -> &'static str {
    let known = LEGACY.into_iter().find(|version| *version == asked);
    known.unwrap_or(LEGACY[0])
}

fn meta<'a>(call: &Call<'a>) -> Object<'a> {
    let meta = call.params.get("_meta");
    meta.and_then(|raw| Object::parse(raw.get()))
        .unwrap_or_default()
}

fn version<'a>(meta: &Object<'a>) -> Result<Option<Cow<'a, str>>, Fault> {
    match meta.get(VERSION) {
        None => Ok(None),
        Some(raw) => decode_string(raw).map(Some).ok_or_else(incomplete),
    }
}

/// The value of a header; a proxy that makes one line of two puts `between` there.
fn header<'h>(headers: &'h HeaderMap, name: &str, between: &str) -> Result<Option<&'h str>, Fault> {
    let mut found = None;
    for value in headers.get_all(name) {
        let value = value.to_str();
        let value = value.map_err(|_| mismatch(&format!("{name} is not ASCII")))?;
        // Said twice it is one. Names may hold a comma of their own.
        for said in value.split(between).map(str::trim) {
            match found {
                Some(before) if before != said => {
                    return Err(mismatch(&format!("{name} is given more than once")));
                }
                _ => found = Some(said),
            }
        }
    }
    Ok(found)
}

/// A header's value out of its base64 form, which names that are not ASCII come in.
fn unwrapped(value: &str) -> Option<Cow<'_, str>> {
    let encoded = value
        .strip_prefix("=?base64?")
        .and_then(|rest| rest.strip_suffix("?="));
    match encoded {
        None => Some(Cow::Borrowed(value)),
        Some(encoded) => {
            let bytes = STANDARD.decode(encoded).ok()?;
            String::from_utf8(bytes).ok().map(Cow::Owned)
        }
    }
}

fn incomplete() -> Fault {
    let message = format!("Invalid params: _meta must hold {VERSION} and {CAPABILITIES}");
    Fault::new(INVALID_PARAMS, message).malformed()
}

fn mismatch(what: &str) -> Fault {
    Fault::new(HEADER_MISMATCH, format!("Header mismatch: {what}")).malformed()
}

fn unsupported(asked: &str) -> Fault {
    let asked = crate::error::Echo::from(asked).to_string();
    Fault::new(UNSUPPORTED_VERSION, "Unsupported protocol version")
        .with(json!({ "supported": supported(), "requested": asked }))
        .malformed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::mcp::message::{Incoming, parse};

    fn spoken(method: &str, params: &str, headers: &[(&'static str, &str)]) -> Result<Era, i64> {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let Ok(Incoming::Request(_, call)) = parse(&text) else {
            panic!("{text}");
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        era_by_http(&call, &map).map_err(|fault| {
            assert!(fault.malformed);
            fault.code
        })
    }

    const META: &str = r#"{"name":"ü","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}"#;

    #[test]
    fn headers_must_say_what_the_request_says() {
        let version = ("mcp-protocol-version", "2026-07-28");
        let method = |method| ("mcp-method", method);
        let modern = Ok(Era::Modern);
        assert_eq!(
            spoken("tools/list", META, &[version, method("tools/list")]),
            modern
        );
        let name = ("mcp-name", "=?base64?w7w=?=");
        assert_eq!(
            spoken("tools/call", META, &[version, method("tools/call"), name]),
            modern
        );
        // Given twice it is one, unless the two differ.
        let twice = [version, version, method("tools/call"), name];
        assert_eq!(spoken("tools/call", META, &twice), modern);
        let other = ("mcp-protocol-version", "2025-11-25");
        for headers in [
            vec![],
            vec![version],
            vec![version, method("tools/list")],
            vec![version, method("tools/call")],
            vec![version, other, method("tools/call"), name],
            vec![version, method("tools/call"), ("mcp-name", "u")],
            vec![version, method("tools/call"), ("mcp-name", "=?base64?!?=")],
            vec![other, method("tools/call"), name],
        ] {
            assert_eq!(
                spoken("tools/call", META, &headers),
                Err(HEADER_MISMATCH),
                "{headers:?}"
            );
        }
    }

    #[test]
    fn a_request_without_a_revision_is_an_older_one() {
        let header = |version| [("mcp-protocol-version", version)];
        assert_eq!(spoken("tools/list", "{}", &[]), Ok(Era::Legacy));
        assert_eq!(
            spoken("tools/list", "{}", &header("2025-06-18")),
            Ok(Era::Legacy)
        );
        assert_eq!(
            spoken("initialize", "{}", &header("2026-07-28")),
            Ok(Era::Legacy)
        );
        assert_eq!(
            spoken("tools/list", "{}", &header("1999-01-01")),
            Err(UNSUPPORTED_VERSION)
        );
        assert_eq!(
            spoken("tools/list", "{}", &header("2026-07-28")),
            Err(INVALID_PARAMS)
        );
        assert_eq!(spoken("server/discover", "{}", &[]), Err(INVALID_PARAMS));
        let bare = r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#;
        assert_eq!(
            spoken("tools/list", bare, &header("2026-07-28")),
            Err(INVALID_PARAMS)
        );
        let headers = [
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "initialize"),
        ];
        assert_eq!(spoken("initialize", META, &headers), Ok(Era::Modern));
        assert_eq!(negotiated("2025-03-26"), "2025-03-26");
        assert_eq!(negotiated("2026-07-28"), "2025-11-25");
    }
}
