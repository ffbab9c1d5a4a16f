//! Arguments as models and client libraries write them, put as the parameters that they mean.
//!
//! The schemas of the tools give each parameter one type, so that every library can read them, and
//! more is taken than they say. Wherever a list or an object is expected, at any depth, it may come
//! as JSON text. Who must give every argument fills what it does not need with something empty,
//! which is left out here. What stands in a condition is said, and never left out.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use super::{Action, Kind, MAX_DEPTH, Object, decode_string, kind, value};

/// How often a list or an object may have been put into a text.
const TEXTS_IN_TEXTS: usize = 3;

/// The parameters of a tool that is no action, as far as it matters how they are written.
pub(crate) trait Declared {
    /// Whether the parameter of that name takes a list.
    fn is_list(&self, name: &str) -> bool;
    /// Whether it takes a number, a switch or another value that is no text of any kind.
    fn is_plain(&self, name: &str) -> bool;
    /// Whether a call may go without the parameter of that name.
    fn is_optional(&self, name: &str) -> bool;
}

/// The object of a tool's arguments, each of them as its action reads it; `None` for what is no
/// object.
pub fn read(action: Action, raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    whole(Expected::Parameters(action), raw)
}

/// The object of the arguments of a tool that is no action; `None` for what is no object.
pub(crate) fn of<'a>(tool: &dyn Declared, raw: Option<&'a RawValue>) -> Option<Cow<'a, str>> {
    whole(Expected::Arguments(tool), raw)
}

/// An object of texts, which may be text itself; `None` for what is no object.
pub fn texts(raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    whole(Expected::Texts, raw)
}

/// The object that a text holds of what is asked of many rows; `None` for what is no such text.
/// Only who knows the relations of a model can tell it from a text to compare with.
pub(crate) fn of_rows(raw: &RawValue) -> Option<String> {
    (kind(raw) == Kind::String).then(|| put(Expected::OfRows, raw, MAX_DEPTH))?
}

fn whole<'a>(expected: Expected<'_>, raw: Option<&'a RawValue>) -> Option<Cow<'a, str>> {
    let Some(raw) = raw.filter(|raw| !is_empty(raw.get())) else {
        return Some(Cow::Borrowed("{}"));
    };
    let text = match put(expected, raw, MAX_DEPTH) {
        Some(text) if is_empty(&text) => Cow::Borrowed("{}"),
        Some(text) => Cow::Owned(text),
        None => Cow::Borrowed(raw.get()),
    };
    Object::parse(&text).is_some().then_some(text)
}

/// What one place of the arguments takes.
#[derive(Clone, Copy)]
enum Expected<'t> {
    /// The arguments of a tool that is no action.
    Arguments(&'t dyn Declared),
    /// An object of texts.
    Texts,
    /// The parameters of an action.
    Parameters(Action),
    /// What is chosen of the rows of relations, by their names.
    Relations,
    /// An object of conditions.
    Conditions,
    /// A list of them.
    ListOfConditions,
    /// What a field is compared with: conditions, or a value, which a text always is.
    Compared,
    /// What is asked of the rows that a relation leads to.
    OfRows,
    /// Names of one's own, each with what is computed.
    Computed,
    /// A name, or an object: a part of a date, the function of an aggregate, an expression.
    Expression,
    /// Such a one, or a list of them.
    Operands,
    /// A list of names and parts of dates.
    Names,
    /// A list of values.
    Values,
    /// A number or a switch, which no text is that holds neither.
    Plain,
    /// A value, as it is.
    Value,
}

impl Expected<'_> {
    /// What a text in this place may hold; in others it is a text. Where it may hold null it may
    /// hold whatever is as empty.
    fn in_text(self) -> &'static [Kind] {
        match self {
            Self::Compared | Self::Value => &[],
            Self::Plain => &[Kind::Null],
            Self::Expression | Self::OfRows => &[Kind::Object],
            Self::Operands => &[Kind::Object, Kind::Array],
            Self::ListOfConditions | Self::Names | Self::Values => &[Kind::Array, Kind::Null],
            _ => &[Kind::Object, Kind::Null],
        }
    }

    /// What the member of that name takes.
    fn member(self, name: &str, object: &Object<'_>) -> Self {
        match (self, name) {
            (Self::Arguments(tool), _) if tool.is_list(name) => Self::Values,
            (Self::Arguments(tool), _) if tool.is_plain(name) => Self::Plain,
            (Self::Parameters(_), "filters" | "having") => Self::Conditions,
            (Self::Parameters(_), "aggregate" | "compute") => Self::Computed,
            (Self::Parameters(_), "include") => Self::Relations,
            (Self::Parameters(_), "fields" | "sort" | "group_by" | "expand") => Self::Names,
            (Self::Parameters(_), "limit" | "offset" | "total") => Self::Plain,
            (Self::Relations, _) => Self::Parameters(Action::Query),
            (Self::Conditions | Self::Compared | Self::OfRows, _) => match name {
                "$in" | "$nin" | "$between" => Self::Values,
                "$and" | "$or" => Self::ListOfConditions,
                "$not" | "$some" | "$none" | "$every" | "$count" => Self::Conditions,
                // A field may be called so; beside a number of rows none can be.
                "where" if object.get("$count").is_some() => Self::Conditions,
                _ if name.starts_with('$') => Self::Value,
                _ => Self::Compared,
            },
            (Self::Computed, _) => Self::Expression,
            (Self::Expression | Self::Operands, "where") => Self::Conditions,
            (Self::Expression | Self::Operands, _) => Self::Operands,
            _ => Self::Value,
        }
    }

    /// What each member of a list takes.
    fn item(self) -> Self {
        match self {
            Self::ListOfConditions => Self::Conditions,
            Self::Names | Self::Operands => Self::Expression,
            _ => Self::Value,
        }
    }

    /// Whether a member that says nothing is one that was not given.
    fn may_lack(self, name: &str) -> bool {
        match self {
            Self::Arguments(tool) => tool.is_optional(name),
            Self::Parameters(action) => {
                name == "model" || (name != "id" && action.parameters().contains(&name))
            }
            Self::Expression | Self::Operands => name == "where",
            _ => false,
        }
    }
}

/// A value as its place takes it, or `None` where it stays as it was written.
fn put(expected: Expected<'_>, raw: &RawValue, deepest: usize) -> Option<String> {
    let deepest = deepest.checked_sub(1)?;
    let text = embedded(raw, expected.in_text());
    let given = text.as_deref().unwrap_or(raw.get());
    // Of a relation nothing may be chosen.
    if matches!(expected, Expected::Parameters(_)) && is_empty(given) {
        return Some("{}".to_owned());
    }
    let within = match given.as_bytes().first() {
        Some(b'{') => members(expected, given, deepest),
        Some(b'[') => items(expected, given, deepest),
        _ => None,
    };
    within.or_else(|| text.map(Cow::into_owned))
}

/// The members of an object, each as its place takes it; `None` where all stay.
fn members(expected: Expected<'_>, text: &str, deepest: usize) -> Option<String> {
    let object = Object::parse(text)?;
    let continued = object.get("cursor");
    let continued = continued.is_some_and(|cursor| !is_empty(cursor.get()));
    let mut changed = false;
    let mut written = Vec::with_capacity(object.len());
    for (name, value) in object.iter() {
        let put = put(expected.member(name, &object), value, deepest);
        let text = put.as_deref().unwrap_or(value.get());
        // Beside a cursor an offset of nothing is one that had to be given.
        let idle = is_empty(text) || (name == "offset" && continued && is_zero(text));
        let lacks = idle && expected.may_lack(name);
        changed |= lacks || put.is_some();
        if !lacks {
            written.push(format!("{}:{text}", Value::from(name)));
        }
    }
    changed.then(|| format!("{{{}}}", written.join(",")))
}

/// The same of a list.
fn items(expected: Expected<'_>, text: &str, deepest: usize) -> Option<String> {
    let list: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    let read = list.iter().map(|item| put(expected.item(), item, deepest));
    let read: Vec<Option<String>> = read.collect();
    read.iter().any(Option::is_some).then_some(())?;
    let items = list.iter().zip(&read);
    let items = items.map(|(item, read)| read.as_deref().unwrap_or(item.get()));
    Some(format!("[{}]", items.collect::<Vec<_>>().join(",")))
}

/// Whether a value says nothing: null, an empty text, list or object.
pub fn is_empty(text: &str) -> bool {
    let within = |open, close| {
        let text = text.trim().strip_prefix(open)?.strip_suffix(close)?;
        Some(text.trim())
    };
    matches!(text.trim(), "null" | "\"\"")
        || within('[', ']') == Some("")
        || within('{', '}') == Some("")
}

/// Whether a number, or one in a string, is zero.
fn is_zero(text: &str) -> bool {
    text.trim_matches('"').parse() == Ok(0.0)
}

/// The value of one of these kinds that a text holds, or something as empty as null where that is
/// one of them: some clients put a text into a text.
fn embedded<'a>(raw: &'a RawValue, kinds: &[Kind]) -> Option<Cow<'a, str>> {
    if kinds.is_empty() {
        return None;
    }
    let mut text = decode_string(raw)?;
    for _ in 0..TEXTS_IN_TEXTS {
        let value = value(&text)?;
        let nothing = kinds.contains(&Kind::Null) && is_empty(value.get());
        text = match kind(value) {
            found if nothing || kinds.contains(&found) => {
                return Some(Cow::Owned(value.get().to_owned()));
            }
            Kind::String => Cow::Owned(decode_string(value)?.into_owned()),
            _ => return None,
        };
    }
    None
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
            // Blanks are said.
            let arguments = format!(r#"{{"{name}":" "}}"#);
            assert_eq!(query(&arguments).as_deref(), Some(&*arguments));
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
        for other in ["7", "true", "[1]", r#""text""#, r#""[1]""#, r#"" ""#] {
            assert_eq!(query(other), None, "{other}");
        }
    }

    /// What is empty in a text is as empty as it is by itself, whatever its kind; what a condition
    /// says is never taken away, for without it more would be found.
    #[test]
    fn what_is_empty_in_a_text_is_not_there_and_conditions_are() {
        let texts = Action::Query.parameters().iter();
        let names = ["cursor", "zone", "format"];
        for name in texts.filter(|name| !names.contains(name)) {
            for nothing in ["null", "{}", " [ ] ", r#"\"\""#, r#"\"{}\""#] {
                let arguments = format!(r#"{{"{name}":"{nothing}"}}"#);
                assert_eq!(query(&arguments).as_deref(), Some("{}"), "{arguments}");
            }
        }
        for nothing in ["null", "[]", "{ }", r#"\"[]\""#] {
            let arguments = format!(r#"{{"include":{{"a":"{nothing}"}}}}"#);
            let expected = r#"{"include":{"a":{}}}"#;
            assert_eq!(query(&arguments).as_deref(), Some(expected), "{arguments}");
            assert_eq!(query(&format!(r#""{nothing}""#)).as_deref(), Some("{}"));
            for arguments in [
                format!(r#"{{"cursor":"{nothing}"}}"#),
                format!(r#"{{"model":"{nothing}"}}"#),
                format!(r#"{{"aggregate":{{"n":"{nothing}"}}}}"#),
            ] {
                let object = Object::parse(&arguments).unwrap();
                let read = query(&arguments).unwrap();
                assert_eq!(Object::parse(&read).unwrap().len(), object.len(), "{read}");
            }
        }
        for joint in ["$and", "$or", "$not", "a", "n.$none"] {
            for nothing in [
                "null",
                "[]",
                "{}",
                r#""""#,
                r#""null""#,
                r#""[]""#,
                r#""{}""#,
            ] {
                for name in ["filters", "having"] {
                    let arguments = format!(r#"{{"{name}":{{"{joint}":{nothing}}}}}"#);
                    let read = query(&arguments).unwrap();
                    let read = Object::parse(&read).unwrap();
                    let read = Object::parse(read.get(name).expect(&arguments).get()).unwrap();
                    assert!(read.get(joint).is_some(), "{arguments}");
                }
            }
        }
    }

    #[test]
    fn what_is_asked_of_many_rows_may_be_text() {
        for (text, expected) in [
            (r#""{\"$some\":{}}""#, Some(r#"{"$some":{}}"#)),
            (
                r#""{\"$count\":\"{\\\"$in\\\":\\\"[1]\\\"}\",\"where\":\"{}\"}""#,
                Some(r#"{"$count":{"$in":[1]},"where":{}}"#),
            ),
            (
                r#""\"{\\\"$none\\\":{\\\"a\\\":\\\"{}\\\"}}\"""#,
                Some(r#"{"$none":{"a":"{}"}}"#),
            ),
            (r#""[]""#, None),
            (r#""null""#, None),
            (r#""text""#, None),
            (r#"{"$some":"{}"}"#, None),
        ] {
            let raw = RawValue::from_string(text.to_owned()).unwrap();
            assert_eq!(of_rows(&raw).as_deref(), expected, "{text}");
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
            (
                r#"{"compute":{"n":{"$count":"Album","where":"{\"id\":\"1\"}"},"m":{"$min":"a","where":""}}}"#,
                r#"{"compute":{"n":{"$count":"Album","where":{"id":"1"}},"m":{"$min":"a"}}}"#,
            ),
            (
                r#"{"aggregate":{"a":{"$sum":"{\"$mul\":\"[\\\"x\\\",\\\"y\\\"]\"}"},"b":{"$sum":{"$add":["{\"$sub\":[\"x\",1]}",2]}}}}"#,
                r#"{"aggregate":{"a":{"$sum":{"$mul":["x","y"]}},"b":{"$sum":{"$add":[{"$sub":["x",1]},2]}}}}"#,
            ),
            (
                r#"{"filters":{"Album":{"$some":"{\"id\":\"[1]\"}","$count":"{\"$in\":\"[1]\"}","where":"{\"a\":1}"}}}"#,
                r#"{"filters":{"Album":{"$some":{"id":"[1]"},"$count":{"$in":[1]},"where":{"a":1}}}}"#,
            ),
            (
                r#"{"having":{"$not":"{\"n\":{\"$nin\":\"[1]\"}}"}}"#,
                r#"{"having":{"$not":{"n":{"$nin":[1]}}}}"#,
            ),
            (
                r#"{"include":{"a":"{\"fields\":\"[\\\"x\\\"]\",\"sort\":\"\"}","b":{"filters":"{\"x\":{\"$in\":\"[2]\"}}","limit":"","expand":[],"include":{"c":null}},"d":"","e":{}}}"#,
                r#"{"include":{"a":{"fields":["x"]},"b":{"filters":{"x":{"$in":[2]}},"include":{"c":{}}},"d":{},"e":{}}}"#,
            ),
            (
                r#"{"include":"{\"a\":{\"include\":\"{\\\"b\\\":{\\\"compute\\\":null}}\"}}"}"#,
                r#"{"include":{"a":{"include":{"b":{}}}}}"#,
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
            r#"{"filters":{"where":"{\"a\":1}","a.b":"null","$some":{"where":"{}"}}}"#,
            r#"{"filters":{"a":[],"b":{},"c":null,"d":{"$in":[],"$eq":""}}}"#,
            r#"{"compute":{"a":"null","b":{"$min":"null"},"c":{"$add":["","x"]}}}"#,
            r#"{"include":{"a":{"unknown":[],"limit":1}}}"#,
            r#"{"filters":{"$and":["a","[1]"],"$not":"a","b":{"$in":"1"}}}"#,
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

    /// A tool that needs a name and ids, and may be given more.
    struct Stub;

    impl Declared for Stub {
        fn is_list(&self, name: &str) -> bool {
            ["ids", "more"].contains(&name)
        }

        fn is_plain(&self, name: &str) -> bool {
            name == "day"
        }

        fn is_optional(&self, name: &str) -> bool {
            ["note", "day", "more"].contains(&name)
        }
    }

    #[test]
    fn what_the_operator_wrote_lacks_what_is_empty() {
        for (arguments, expected) in [
            (r#""""#, "{}"),
            (
                r#"{"name":"","note":"","day":"","more":[]}"#,
                r#"{"name":""}"#,
            ),
            (r#"{"note":null,"day":{},"more":"[]"}"#, "{}"),
            (
                r#"{"more":"{}","ids":"null","note":"[]"}"#,
                r#"{"ids":null,"note":"[]"}"#,
            ),
            (r#"{"day":"null","note":"null"}"#, r#"{"note":"null"}"#),
            (r#"{"day":"2026-01-31"}"#, r#"{"day":"2026-01-31"}"#),
            (
                r#"{"ids":"[1, 2]","name":"[1]","more":"[\"x\"]"}"#,
                r#"{"ids":[1, 2],"name":"[1]","more":["x"]}"#,
            ),
            (
                r#"{"name":null,"ids":[],"other":""}"#,
                r#"{"name":null,"ids":[],"other":""}"#,
            ),
        ] {
            let raw = RawValue::from_string(arguments.to_owned()).unwrap();
            let read = of(&Stub, Some(&raw));
            assert_eq!(read.as_deref(), Some(expected), "{arguments}");
        }
    }
}
