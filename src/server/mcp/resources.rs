//! Resources: the models, a model's description, a record, each by its URI.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::message::{Call, Fault, INVALID_PARAMS, Reply};
use super::revision::Era;
use super::{Context, FIXED_MS, RELOADED_MS};
use crate::error::{Echo, Error, ErrorKind, Speech};
use crate::policy::Policy;
use crate::protocol::{Action, Object, Read, decode_string};

/// All models.
const MODELS: &str = "lucarne://models";
/// One model.
pub(super) const MODEL_TEMPLATE: &str = "lucarne://models/{model}";
/// One record.
pub(super) const RECORD_TEMPLATE: &str = "lucarne://models/{model}/{id}";
/// What the revisions before 2026-07-28 say of a resource that is not there.
const NOT_FOUND: i64 = -32002;
/// What a part of a URI is written as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// `resources/list`
pub(super) fn list(policy: &Policy) -> Reply {
    if !policy.may.allows(Action::Describe) {
        return Reply::of(&json!({ "resources": [] })).kept(RELOADED_MS);
    }
    let all = json!({
        "uri": MODELS,
        "name": "models",
        "title": "All models",
        "description": "Every model that can be read, with its fields.",
        "mimeType": "application/json",
    });
    let each = policy.names().into_iter().map(|name| {
        json!({
            "uri": format!("{MODELS}/{}", utf8_percent_encode(name, PLAIN)),
            "name": name,
            "description": "Fields, types, keys and relations of this model.",
            "mimeType": "application/json",
        })
    });
    let resources: Vec<Value> = std::iter::once(all).chain(each).collect();
    Reply::of(&json!({ "resources": resources })).kept(RELOADED_MS)
}

/// `resources/templates/list`
pub(super) fn templates(policy: &Policy) -> Reply {
    let model = json!({
        "uriTemplate": MODEL_TEMPLATE,
        "name": "model",
        "title": "A model",
        "description": "Fields, types, keys and relations of a model.",
        "mimeType": "application/json",
    });
    let record = json!({
        "uriTemplate": RECORD_TEMPLATE,
        "name": "record",
        "title": "A record",
        "description": "One row by its primary key; for a key of several fields the id is \
            the JSON object of them all. Parts of the URI are percent-encoded.",
        "mimeType": "application/json",
    });
    let templates = [(Action::Describe, model), (Action::Get, record)].into_iter();
    let templates = templates.filter(|(action, _)| policy.may.allows(*action));
    let templates: Vec<Value> = templates.map(|(_, template)| template).collect();
    Reply::of(&json!({ "resourceTemplates": templates })).kept(FIXED_MS)
}

/// What a URI names.
#[derive(Debug, PartialEq, Eq)]
enum Address<'u> {
    Models,
    Model(Cow<'u, str>),
    Record(Cow<'u, str>, Cow<'u, str>),
}

fn address(uri: &str) -> Option<Address<'_>> {
    let rest = uri.strip_prefix(MODELS)?;
    if rest.is_empty() {
        return Some(Address::Models);
    }
    let decoded = |part| percent_decode_str(part).decode_utf8().ok();
    let path = rest.strip_prefix('/')?;
    match path.split_once('/') {
        None => Some(Address::Model(decoded(path)?)),
        Some((_, id)) if id.contains('/') => None,
        Some((model, id)) => Some(Address::Record(decoded(model)?, decoded(id)?)),
    }
}

/// `resources/read`
///
/// # Errors
/// A URI that names nothing, and every failure of the action behind it.
pub(super) async fn read(context: Context<'_>, era: Era, call: &Call<'_>) -> Result<Reply, Fault> {
    let refuse = |fault: Fault| {
        context.refused(&fault);
        fault
    };
    let uri = call.params.get("uri").and_then(decode_string);
    let uri = uri.ok_or_else(|| refuse(Fault::params("Invalid params: uri must be a string")))?;
    let missing = |message: String| {
        let code = match era {
            Era::Legacy => NOT_FOUND,
            Era::Modern => INVALID_PARAMS,
        };
        Fault::new(code, message).with(json!({ "uri": Echo::from(&*uri).to_string() }))
    };
    let address = address(&uri).ok_or_else(|| {
        refuse(missing(format!(
            "Resource not found: {}",
            Echo::from(&*uri)
        )))
    })?;
    let (text, ttl) = answer(context, &address).await.map_err(|error| {
        let absent = matches!(
            error.kind(),
            ErrorKind::NotFound { .. } | ErrorKind::ModelNotAllowed { .. }
        );
        match absent {
            true => missing(error.text(Speech::Tools)),
            false => Fault::of(&error),
        }
    })?;
    let contents = [json!({ "uri": uri, "mimeType": "application/json", "text": text })];
    Ok(Reply::of(&json!({ "contents": contents })).kept(ttl))
}

/// The same text as a tool's, and how long it holds: a record no moment.
async fn answer(context: Context<'_>, address: &Address<'_>) -> Result<(String, u64), Error> {
    let service = &context.app.service;
    let id: Box<RawValue>;
    let mut params = Object::default();
    let (action, model, ttl) = match address {
        Address::Models => (Action::Describe, None, RELOADED_MS),
        Address::Model(model) => (Action::Describe, Some(&**model), RELOADED_MS),
        Address::Record(model, key) => {
            id = to_raw_value(key).map_err(|_| ErrorKind::InvalidJson)?;
            params = Object::single("id", &id);
            (Action::Get, Some(&**model), 0)
        }
    };
    let read = Read {
        tool: None,
        action: action.name(),
        model,
        params: &params,
    };
    let answered = service.answer_by(context.terms(), context.caller, &read, b"{".to_vec());
    let mut out = answered.await?.out;
    out.push(b'}');
    // Answers are made of JSON text alone.
    Ok((String::from_utf8(out).unwrap_or_default(), ttl))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_percent_encoded() {
        let record =
            |model: &'static str, id: &'static str| Some(Address::Record(model.into(), id.into()));
        for (uri, expected) in [
            ("lucarne://models", Some(Address::Models)),
            (
                "lucarne://models/users",
                Some(Address::Model("users".into())),
            ),
            ("lucarne://models/a%2Fb/c%20d", record("a/b", "c d")),
            ("lucarne://models/users/", record("users", "")),
            ("lucarne://models/users/1/2", None),
            ("lucarne://models/%FF", None),
            ("lucarne://modelsx", None),
            ("lucarne://other", None),
            ("file:///etc/passwd", None),
        ] {
            assert_eq!(address(uri), expected, "{uri}");
        }
    }
}
