//! Completion: names of models, wherever one is asked for.

use serde_json::json;

use super::message::{Call, Fault, Reply};
use super::prompts::{ANSWER, EXPLORE};
use super::resources::{MODEL_TEMPLATE, RECORD_TEMPLATE};
use crate::policy::Policy;
use crate::protocol::{Action, Object, arguments, decode_string};

/// Values of one answer at the most.
const VALUES: usize = 100;

/// `completion/complete`
///
/// # Errors
/// A reference to something that there is not.
pub(super) fn complete(policy: &Policy, call: &Call<'_>) -> Result<Reply, Fault> {
    let given = |name: &str| arguments::texts(call.params.get(name));
    let (reference, argument) = (given("ref"), given("argument"));
    let reference = reference.as_deref().and_then(Object::parse);
    let argument = argument.as_deref().and_then(Object::parse);
    let (Some(reference), Some(argument)) = (reference, argument) else {
        return Err(Fault::params(
            "Invalid params: ref and argument must be objects",
        ));
    };
    let text = |object: &Object<'_>, name: &str| {
        object
            .get(name)
            .and_then(decode_string)
            .map(|text| text.into_owned())
    };
    let kind = text(&reference, "type").unwrap_or_default();
    let referred = match &*kind {
        "ref/prompt" => {
            text(&reference, "name").is_some_and(|name| [EXPLORE, ANSWER].contains(&&*name))
        }
        "ref/resource" => text(&reference, "uri")
            .is_some_and(|uri| [MODEL_TEMPLATE, RECORD_TEMPLATE].contains(&&*uri)),
        _ => false,
    };
    if !referred {
        return Err(Fault::params(
            "Invalid params: ref names no prompt or template",
        ));
    }
    let (Some(name), Some(typed)) = (text(&argument, "name"), text(&argument, "value")) else {
        return Err(Fault::params(
            "Invalid params: argument needs name and value",
        ));
    };
    let mut values = Vec::new();
    if name == "model" && policy.may.allows(Action::Describe) {
        let typed = typed.to_lowercase();
        values = policy.names();
        values.retain(|model| model.to_lowercase().starts_with(&typed));
    }
    let total = values.len();
    values.truncate(VALUES);
    let more = total > values.len();
    Ok(Reply::of(&json!({
        "completion": { "values": values, "total": total, "hasMore": more },
    })))
}
