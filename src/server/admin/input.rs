//! What is sent to the admin API: read whole, and every fault told at once.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use percent_encoding::percent_decode_str;
use schemars::{JsonSchema, Schema, schema_for};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize as _, Deserializer};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::refusal::{Code, Fault, Refusal, cut};

/// The largest body, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// How long a client may take to send one.
const PATIENCE: Duration = Duration::from_secs(10);
/// Faults that are told at once, at the most.
const MAX_FAULTS: usize = 20;
/// Levels of a body that are judged part by part: no input has more.
const LEVELS: usize = 2;

/// What can be sent.
pub(super) trait Input: DeserializeOwned + JsonSchema {}

impl<T: DeserializeOwned + JsonSchema> Input for T {}

/// Reads the body of a request.
pub(super) async fn body<T: Input>(headers: &HeaderMap, body: Body) -> Result<T, Refusal> {
    let kind = headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let error = "Content-Type must be application/json";
        return Err(Refusal::new(Code::UnsupportedMediaType, error));
    }
    let read = timeout(PATIENCE, Limited::new(body, MAX_BYTES).collect()).await;
    let bytes = match read {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let error = format!("Request too large: at most {MAX_BYTES} bytes");
            return Err(Refusal::new(Code::RequestTooLarge, error));
        }
        Ok(Err(_)) => return Err(Refusal::new(Code::InvalidJson, "The request broke off")),
        Err(_) => {
            let error = "The request took too long to arrive";
            return Err(Refusal::new(Code::RequestTimeout, error));
        }
    };
    let given: Value = serde_json::from_slice(&bytes).map_err(|error| {
        let at = format!("line {}, column {}", error.line(), error.column());
        Refusal::new(Code::InvalidJson, "Invalid JSON").hint(format!("it breaks at {at}"))
    })?;
    match given {
        Value::Object(members) => read_as(members),
        _ => Err(Refusal::fault(
            "",
            "expected a JSON object",
            "for example {}",
        )),
    }
}

/// What stands for a body where a route takes none.
pub(super) fn nothing<T: Input>() -> Result<T, Refusal> {
    read_as(Map::new())
}

/// Reads a number of a query, where all is text.
pub(super) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(from)?;
    let number = text.parse().map(Some);
    number.map_err(|_| D::Error::custom(format!("expected a whole number, not {text:?}")))
}

/// Reads the parameters of a query, which are texts.
pub(super) fn query<T: Input>(query: &str) -> Result<T, Refusal> {
    let mut given = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let read = |text: &str| {
            let text = text.replace('+', " ");
            let text = percent_decode_str(&text).decode_utf8();
            text.map(String::from).map_err(|_| {
                let help = "percent signs must encode UTF-8";
                Refusal::fault(&shown(name), "it is no text", help)
            })
        };
        let (name, value) = (read(name)?, read(value)?);
        if given.contains_key(&name) {
            return Err(Refusal::fault(&shown(&name), "given twice", "give it once"));
        }
        given.insert(name, value.into());
    }
    read_as(given)
}

fn read_as<T: Input>(given: Map<String, Value>) -> Result<T, Refusal> {
    let listed = lists_for_objects::<T>(&given);
    let given = Value::Object(given);
    match T::deserialize(&given) {
        Ok(read) if listed.is_empty() => Ok(read),
        Ok(_) => Err(Refusal::invalid(listed)),
        Err(error) => {
            let mut faults = listed;
            faults.extend(self::faults::<T>(&given));
            if faults.is_empty() {
                faults.push(fault("", &error.to_string(), None));
            }
            faults.truncate(MAX_FAULTS);
            Err(Refusal::invalid(faults))
        }
    }
}

/// Every fault of what is no `T`: each part is read without the others, for reading them together
/// ends at the first fault.
fn faults<T: Input>(given: &Value) -> Vec<Fault> {
    let schema = schema_for!(T);
    let means = |member: &str| {
        let member = member.split(['.', '[']).next().unwrap_or_default();
        let means = schema.get("properties")?.get(member)?.get("description")?;
        means.as_str().map(str::to_owned)
    };
    let wrong = parts(given, LEVELS)
        .into_iter()
        .filter_map(|(member, part)| {
            let error = T::deserialize(&part).err()?.to_string();
            // The others are missing, of course.
            let sound = error.starts_with("missing field");
            let hint = means(&member);
            (!sound).then(|| fault(&member, &error, hint.as_deref()))
        });
    let missing = required(&schema).filter(|name| given.get(name).is_none());
    let missing = missing.map(|name| fault(name, "missing", means(name).as_deref()));
    wrong.chain(missing).take(MAX_FAULTS).collect()
}

/// The parts of a value, each named, and alone in a value of the same form.
fn parts(value: &Value, levels: usize) -> Vec<(String, Value)> {
    let inner = levels.saturating_sub(1);
    match value {
        Value::Object(members) if levels > 0 && !members.is_empty() => {
            let within = |(name, value): (&String, &Value)| {
                let of_name = name.clone();
                parts(value, inner).into_iter().map(move |(path, part)| {
                    let dot = if path.starts_with(|c| c != '[') {
                        "."
                    } else {
                        ""
                    };
                    (format!("{of_name}{dot}{path}"), json!({ &of_name: part }))
                })
            };
            members.iter().flat_map(within).collect()
        }
        Value::Array(elements) if levels > 0 && !elements.is_empty() => {
            let within = |(index, value): (usize, &Value)| {
                let parts = parts(value, inner).into_iter();
                parts.map(move |(path, part)| (format!("[{index}]{path}"), json!([part])))
            };
            elements.iter().enumerate().flat_map(within).collect()
        }
        part => vec![(String::new(), part.clone())],
    }
}

/// Lists where objects belong: serde would read their elements as the members, in order.
fn lists_for_objects<T: Input>(given: &Map<String, Value>) -> Vec<Fault> {
    let lists = given.iter().filter(|(_, value)| value.is_array());
    let misplaced = lists.filter(|(name, _)| {
        let empty = T::deserialize(&json!({ *name: {} })).err();
        empty.is_none_or(|error| error.to_string().starts_with("missing field"))
    });
    misplaced
        .map(|(name, _)| fault(name, "expected an object", None))
        .collect()
}

fn required(schema: &Schema) -> impl Iterator<Item = &str> {
    let required = schema.get("required").and_then(Value::as_array);
    required.into_iter().flatten().filter_map(Value::as_str)
}

fn fault(member: &str, message: &str, hint: Option<&str>) -> Fault {
    // Whoever sends JSON need not know the types of this code.
    let message = [
        ("expected u32", "expected a whole number"),
        ("expected u64", "expected a whole number"),
        ("expected a sequence", "expected a list"),
    ]
    .into_iter()
    .fold(message.to_owned(), |text, (ours, theirs)| {
        text.replace(ours, theirs)
    });
    Fault {
        member: shown(member),
        message: shown(&message),
        hint: hint.map(str::to_owned),
    }
}

/// What is repeated of a request.
fn shown(text: &str) -> String {
    cut(text, 200)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::admin::{DatabasePatch, TenantPatch, TokenInput, TokenPatch};
    use crate::store::{NewDatabase, NewTenant};

    fn told<T: Input>(given: Value) -> Vec<String> {
        let Value::Object(given) = given else {
            panic!("an object")
        };
        let refusal = read_as::<T>(given).err().expect("it is no such input");
        let refusal = serde_json::to_value(&refusal).unwrap();
        let faults = refusal["faults"].as_array().unwrap();
        let member = |fault: &Value| fault["member"].as_str().unwrap().to_owned();
        faults.iter().map(member).collect()
    }

    #[test]
    fn every_fault_is_told_with_its_member() {
        assert_eq!(told::<NewTenant>(json!({})), ["name"]);
        assert_eq!(told::<NewDatabase>(json!({})), ["name", "url", "models"]);
        let given = json!({
            "name": 7,
            "nmae": "acme",
            "rows": ["tickets.id = 1", "nonsense", 3],
            "limits": {"rate_limit": -1, "rate_window": 60, "burst": 5},
        });
        assert_eq!(
            told::<NewTenant>(given.clone()),
            [
                "name",
                "nmae",
                "rows[1]",
                "rows[2]",
                "limits.rate_limit",
                "limits.burst"
            ]
        );
        assert_eq!(told::<TenantPatch>(given).len(), 6);
        // A list is no object, though serde would take it.
        let listed = json!({"name": "acme", "limits": [600, 60]});
        assert_eq!(told::<NewTenant>(listed), ["limits"]);
        let many: Vec<_> = (0..100).collect();
        assert_eq!(
            told::<TenantPatch>(json!({ "rows": many })).len(),
            MAX_FAULTS
        );
        let deep = json!({"rows": [[[[["x"]]]]]});
        assert_eq!(told::<TenantPatch>(deep), ["rows[0]"]);
    }

    #[test]
    fn what_is_sound_is_read() {
        let given = json!({"limits": {"rate_limit": null}, "rows": ["t.id in (1, 2)"]});
        let Value::Object(given) = given else {
            panic!("an object")
        };
        let patch: TenantPatch = read_as(given).unwrap();
        assert_eq!(patch.limits.rate_limit, Some(None));
    }

    #[test]
    fn a_query_is_texts_each_given_once() {
        #[derive(Debug, serde::Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        struct Of {
            tenant: Option<String>,
        }
        for (text, expected) in [
            ("", None),
            ("&", None),
            ("tenant=", Some("")),
            ("tenant=a%20b+c%2Bd", Some("a b c+d")),
            ("%74enant=x", Some("x")),
        ] {
            let of: Of = query(text).unwrap();
            assert_eq!(of.tenant.as_deref(), expected, "{text}");
        }
        for text in ["tenant=a&tenant=b", "tenant=%ff", "tenants=a", "token=a"] {
            assert!(query::<Of>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_repeated_is_cut() {
        assert_eq!(shown(&"ä".repeat(300)).chars().count(), 201);
        assert_eq!(shown("short"), "short");
    }

    /// Anything, under names of members and others.
    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        let name = prop_oneof![
            Just("name".to_owned()),
            Just("rows".to_owned()),
            Just("limits".to_owned()),
            Just("rate_limit".to_owned()),
            Just("models".to_owned()),
            ".{0,4}",
        ];
        leaf.prop_recursive(4, 32, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(name.clone(), inner, 0..4)
                    .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into()),
            ]
        })
    }

    /// Whether it is read, or refused with its faults.
    fn refused_or_read<T: Input>(given: &Map<String, Value>) -> bool {
        let Err(refusal) = read_as::<T>(given.clone()) else {
            return true;
        };
        let refusal = serde_json::to_value(&refusal).unwrap();
        let faults = refusal["faults"].as_array().unwrap();
        !faults.is_empty() && faults.len() <= MAX_FAULTS
    }

    proptest! {
        #[test]
        fn no_body_is_too_odd(given in anything()) {
            let Value::Object(given) = given else { return Ok(()) };
            prop_assert!(refused_or_read::<NewTenant>(&given));
            prop_assert!(refused_or_read::<TenantPatch>(&given));
            prop_assert!(refused_or_read::<NewDatabase>(&given));
            prop_assert!(refused_or_read::<DatabasePatch>(&given));
            prop_assert!(refused_or_read::<TokenInput>(&given));
            prop_assert!(refused_or_read::<TokenPatch>(&given));
        }

        #[test]
        fn no_query_is_too_odd(text in "[a-z%&=+é0-9]{0,40}") {
            let _ = query::<TenantPatch>(&text);
        }
    }
}
