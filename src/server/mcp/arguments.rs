//! Arguments as models and client libraries write them, put as the parameters that they mean.
//!
//! The schemas of the tools give each parameter one type, so that every library can read them, and
//! more is taken than they say. Lists and objects may come as JSON text. Who must give every
//! argument fills what it does not need with something empty, which is left out here.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::protocol::{self, Action, Kind, Object, decode_string, kind};
use crate::tools::Tool;

/// How often a list or an object may have been put into a text.
const TEXTS_IN_TEXTS: usize = 3;

/// The object of a tool's arguments, each of them as its action reads it; `None` for what is no
/// object.
pub(super) fn read(action: Action, raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let Some(raw) = raw.filter(|raw| !is_empty(raw.get())) else {
        return Some(Cow::Borrowed("{}"));
    };
    let text = embedded(raw, Kind::Object).unwrap_or(Cow::Borrowed(raw.get()));
    let arguments = Object::parse(&text)?;
    let continued = arguments.get("cursor");
    let continued = continued.is_some_and(|cursor| !is_empty(cursor.get()));
    let members = arguments.iter().filter_map(|(name, value)| {
        let value = match name {
            "filters" | "having" => conditions(embedded(value, Kind::Object), value),
            "aggregate" | "compute" | "include" => parts(embedded(value, Kind::Object), value),
            "fields" | "sort" | "group_by" | "expand" => parts(embedded(value, Kind::Array), value),
            _ => Cow::Borrowed(value.get()),
        };
        let optional = name == "model" || (name != "id" && action.parameters().contains(&name));
        // Beside a cursor an offset of nothing is one that had to be given.
        let idle = is_empty(&value) || (name == "offset" && continued && is_zero(&value));
        (!optional || !idle).then(|| format!("{}:{value}", Value::from(name)))
    });
    let members: Vec<String> = members.collect();
    Some(Cow::Owned(format!("{{{}}}", members.join(","))))
}

/// The object of the arguments of a tool that the operator wrote; `None` for what is no object. What
/// is null was not given, and a list may come as text.
pub(super) fn of<'a>(tool: &Tool, raw: Option<&'a RawValue>) -> Option<Cow<'a, str>> {
    let Some(raw) = raw.filter(|raw| !is_empty(raw.get())) else {
        return Some(Cow::Borrowed("{}"));
    };
    let text = embedded(raw, Kind::Object).unwrap_or(Cow::Borrowed(raw.get()));
    let arguments = Object::parse(&text)?;
    let is_list = |name: &str| {
        let mut parameters = tool.parameters.iter();
        parameters.any(|known| known.name == name && known.is_list())
    };
    let members = arguments.iter().filter_map(|(name, value)| {
        let value = match is_list(name) {
            true => embedded(value, Kind::Array).unwrap_or(Cow::Borrowed(value.get())),
            false => Cow::Borrowed(value.get()),
        };
        (value.trim() != "null").then(|| format!("{}:{value}", Value::from(name)))
    });
    let members: Vec<String> = members.collect();
    Some(Cow::Owned(format!("{{{}}}", members.join(","))))
}

/// Whether a value says nothing: null, an empty text, list or object.
fn is_empty(text: &str) -> bool {
    let bytes = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let bytes: Vec<u8> = bytes.take(5).collect();
    matches!(&*bytes, b"null" | b"\"\"" | b"[]" | b"{}")
}

/// Whether a number, or one in a string, is zero.
fn is_zero(text: &str) -> bool {
    text.trim_matches('"').parse() == Ok(0.0)
}

/// The value of that kind, or the null, which a text holds: some clients put a text into a text.
fn embedded(raw: &RawValue, wanted: Kind) -> Option<Cow<'_, str>> {
    let mut text = decode_string(raw)?;
    for _ in 0..TEXTS_IN_TEXTS {
        let value = protocol::value(&text)?;
        text = match kind(value) {
            found if found == wanted => return Some(Cow::Owned(value.get().to_owned())),
            Kind::Null => return Some(Cow::Borrowed("null")),
            Kind::String => Cow::Owned(decode_string(value)?.into_owned()),
            _ => return None,
        };
    }
    None
}

/// Filters whose operators of lists and conditions may have them as text, which there can be none.
fn conditions<'a>(given: Option<Cow<'a, str>>, raw: &'a RawValue) -> Cow<'a, str> {
    let text = given.unwrap_or(Cow::Borrowed(raw.get()));
    match protocol::value(&text).and_then(read_conditions) {
        Some(read) => Cow::Owned(read),
        None => text,
    }
}

/// An object of conditions in which a text was read, or `None` where there is none.
fn read_conditions(raw: &RawValue) -> Option<String> {
    let members = Object::parse(raw.get())?;
    let read = members.iter().map(|(name, value)| match name {
        "$in" | "$nin" | "$between" => embedded(value, Kind::Array).map(Cow::into_owned),
        "$and" | "$or" => read_list(value),
        "$not" => read_condition(value),
        _ => read_conditions(value),
    });
    let read: Vec<Option<String>> = read.collect();
    read.iter().any(Option::is_some).then_some(())?;
    let members = members.iter().zip(&read).map(|((name, value), read)| {
        let value = read.as_deref().unwrap_or(value.get());
        format!("{}:{value}", Value::from(name))
    });
    Some(format!("{{{}}}", members.collect::<Vec<_>>().join(",")))
}

/// The same of one that may be text itself.
fn read_condition(raw: &RawValue) -> Option<String> {
    let Some(text) = embedded(raw, Kind::Object) else {
        return read_conditions(raw);
    };
    let inner = protocol::value(&text).and_then(read_conditions);
    Some(inner.unwrap_or(text.into_owned()))
}

/// The same of a list of them.
fn read_list(raw: &RawValue) -> Option<String> {
    let text = embedded(raw, Kind::Array);
    let given: &str = text.as_deref().unwrap_or(raw.get());
    let list: Vec<&RawValue> = serde_json::from_str(given).ok()?;
    let read: Vec<Option<String>> = list.iter().map(|part| read_condition(part)).collect();
    if read.iter().all(Option::is_none) {
        return text.map(Cow::into_owned);
    }
    let parts = list.iter().zip(&read);
    let parts = parts.map(|(part, read)| read.as_deref().unwrap_or(part.get()));
    Some(format!("[{}]", parts.collect::<Vec<_>>().join(",")))
}

/// A list or object whose own parts may be objects as text: groups by parts of a date, functions
/// of aggregates. No part that is meant as text reads as an object.
fn parts<'a>(given: Option<Cow<'a, str>>, raw: &'a RawValue) -> Cow<'a, str> {
    let text = given.unwrap_or(Cow::Borrowed(raw.get()));
    let object = |part| embedded(part, Kind::Object);
    let written = if let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(&text) {
        if !list.iter().any(|part| object(part).is_some()) {
            return text;
        }
        let parts = list.iter();
        let parts: Vec<_> = parts
            .map(|part| object(part).unwrap_or(part.get().into()))
            .collect();
        format!("[{}]", parts.join(","))
    } else if let Some(members) = Object::parse(&text) {
        if !members.iter().any(|(_, part)| object(part).is_some()) {
            return text;
        }
        let members = members.iter().map(|(name, part)| {
            let part = object(part).unwrap_or(part.get().into());
            format!("{}:{part}", Value::from(name))
        });
        let members: Vec<String> = members.collect();
        format!("{{{}}}", members.join(","))
    } else {
        return text;
    };
    Cow::Owned(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(arguments: &str) -> Option<String> {
        let raw = RawValue::from_string(arguments.to_owned()).unwrap();
        read(Action::Query, Some(&raw)).map(Cow::into_owned)
    }

    #[test]
    fn what_is_empty_is_not_there() {
        assert_eq!(read(Action::Query, None).as_deref(), Some("{}"));
        for nothing in ["null", "{}", "[]", r#""""#, r#""{}""#, "[ \n ]"] {
            assert_eq!(query(nothing).as_deref(), Some("{}"), "{nothing}");
        }
        for name in ["model"].iter().chain(Action::Query.parameters()) {
            for nothing in ["null", "[]", "{ }", r#""""#] {
                let arguments = format!(r#"{{"{name}":{nothing}}}"#);
                assert_eq!(query(&arguments).as_deref(), Some("{}"), "{arguments}");
            }
        }
        let next = r#"{"cursor":"x","offset":0}"#;
        assert_eq!(query(next).as_deref(), Some(r#"{"cursor":"x"}"#));
        for both in [
            r#"{"cursor":"x","offset":1}"#,
            r#"{"cursor":7,"offset":"x"}"#,
        ] {
            assert_eq!(query(both).as_deref(), Some(both));
        }
        // An empty text is a key, and a name that is no parameter is told, whatever it holds.
        let raw = RawValue::from_string(r#"{"id":"","limt":[]}"#.to_owned()).unwrap();
        let read = read(Action::Get, Some(&raw));
        assert_eq!(read.as_deref(), Some(r#"{"id":"","limt":[]}"#));
        for other in ["7", "true", "[1]", r#""text""#, r#""[1]""#] {
            assert_eq!(query(other), None, "{other}");
        }
    }

    #[test]
    fn lists_and_objects_may_be_text() {
        for (arguments, expected) in [
            (r#""{\"limit\":1}""#, r#"{"limit":1}"#),
            (
                r#"{"filters":"{\"role\":\"admin\"}"}"#,
                r#"{"filters":{"role":"admin"}}"#,
            ),
            (r#"{"fields":" [\"id\"] "}"#, r#"{"fields":["id"]}"#),
            (r#"{"sort":"[]","limit":1}"#, r#"{"limit":1}"#),
            (r#"{"sort":"null","filters":" null "}"#, "{}"),
            (r#""\"{\\\"limit\\\":1}\"""#, r#"{"limit":1}"#),
            (
                r#"{"filters":"\"{\\\"id\\\":1}\""}"#,
                r#"{"filters":{"id":1}}"#,
            ),
            (
                r#"{"filters":{"id":{"$in":"[1, 2.0]","$gt":0},"x":1e0}}"#,
                r#"{"filters":{"id":{"$in":[1, 2.0],"$gt":0},"x":1e0}}"#,
            ),
            (
                r#"{"filters":"{\"$or\":\"[{\\\"a\\\":1}]\",\"$not\":\"{\\\"b\\\":2}\"}"}"#,
                r#"{"filters":{"$or":[{"a":1}],"$not":{"b":2}}}"#,
            ),
            (
                r#"{"filters":{"$and":["{\"a\":1}",{"b":{"$between":"[1,2]"}}]}}"#,
                r#"{"filters":{"$and":[{"a":1},{"b":{"$between":[1,2]}}]}}"#,
            ),
            (
                r#"{"group_by":["status","{\"$month\":\"created_at\"}"]}"#,
                r#"{"group_by":["status",{"$month":"created_at"}]}"#,
            ),
            (
                r#"{"aggregate":"{\"n\":\"{\\\"$count\\\":\\\"*\\\"}\"}"}"#,
                r#"{"aggregate":{"n":{"$count":"*"}}}"#,
            ),
        ] {
            assert_eq!(query(arguments).as_deref(), Some(expected), "{arguments}");
        }
    }

    #[test]
    fn what_may_be_meant_as_text_stays_text() {
        for arguments in [
            r#"{"filters":{"name":"{\"$ne\":\"x\"}"}}"#,
            r#"{"filters":{"name":"[]","note":""}}"#,
            r#"{"filters":"open"}"#,
            r#"{"filters":{"a":{"$eq":"[1]","$contains":"{\"$in\":\"[1]\"}"}}}"#,
            r#"{"filters":{"a":{"$in":["[1]","{}"]}}}"#,
            r#"{"filters":{"$and":["a","[]"],"$not":"a","b":{"$in":"1"}}}"#,
            r#"{"filters":"[1]"}"#,
            r#"{"fields":"id"}"#,
            r#"{"cursor":"{\"a\":1}"}"#,
            r#"{"group_by":["{status}"]}"#,
        ] {
            assert_eq!(query(arguments).as_deref(), Some(arguments));
        }
        let deep = format!(
            r#"{{"filters":"{}{}"}}"#,
            r#"{\"$not\":"#.repeat(70),
            "}".repeat(70)
        );
        assert_eq!(query(&deep).as_deref(), Some(&*deep));
    }

    #[test]
    fn no_digit_and_no_name_is_changed() {
        let arguments = r#"{"filters":{"a\"b":12345678901234567890.123, "ü":1e0},"limit":1.0}"#;
        assert_eq!(query(arguments).as_deref(), Some(arguments));
    }
}
