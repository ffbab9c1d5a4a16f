//! `tools/list` and `tools/call`, by the toolbox of the caller's policy.

use std::borrow::Cow;

use serde_json::json;
use serde_json::value::RawValue;

use super::message::{Call, Fault, Reply};
use super::{Context, RELOADED_MS};
use crate::encode;
use crate::error::{Echo, Error, ErrorKind, Speech};
use crate::policy::{Policy, Tool, Work};
use crate::protocol::{self, Action, Object, Read, arguments, decode_string};
use crate::service;

/// `tools/list`
pub(super) async fn list(policy: &Policy) -> Reply {
    let models = policy.names();
    let most = policy.settings.limits.max_limit;
    // A model pays for each word of the list: names of models stand where the first tool takes one.
    let mut models = Some(&*models);
    let mut tools = Vec::new();
    for tool in policy.toolbox.tools() {
        let (input, output) = match &tool.work {
            Work::Action(action) => {
                let listed = models.take_if(|_| *action != Action::Whoami);
                (
                    protocol::tool::input(*action, listed, most),
                    protocol::tool::output(*action),
                )
            }
            Work::Call(written) => match service::call::schemas(policy, written).await {
                Some(schemas) => schemas,
                None => continue,
            },
        };
        tools.push(json!({
            "name": tool.name,
            "title": tool.title,
            "description": tool.description,
            "inputSchema": input,
            "outputSchema": output,
            "annotations": {
                "readOnlyHint": true,
                "destructiveHint": false,
                "idempotentHint": true,
                "openWorldHint": false,
            },
        }));
    }
    Reply::of(&json!({ "tools": tools })).kept(RELOADED_MS)
}

/// `tools/call`
///
/// # Errors
/// Only what no tool can report: there is no such tool, or the call is no call.
pub(super) async fn call(context: Context<'_>, call: &Call<'_>) -> Result<Reply, Fault> {
    let (tool, arguments) = match named(context.policy, call) {
        Ok(named) => named,
        Err(fault) => {
            context.refused(&fault);
            return Err(fault);
        }
    };
    let arguments = Object::parse(&arguments).unwrap_or_default();
    let answered = match &tool.work {
        Work::Action(action) => answer(context, *action, arguments).await,
        Work::Call(written) => called(context, &written.tool.name, &arguments).await,
    };
    let (is_error, body) = match answered {
        Ok(body) => (false, body),
        Err(error) => (true, refusal(&error, &tool.work)),
    };
    let mut members = Vec::with_capacity(body.len() * 2 + body.len() / 4 + 128);
    members.extend_from_slice(b"\"content\":[{\"type\":\"text\",\"text\":");
    // Bodies are made of JSON text alone.
    encode::text(&mut members, std::str::from_utf8(&body).unwrap_or_default());
    members.extend_from_slice(b"}],\"structuredContent\":");
    members.extend_from_slice(&body);
    members.extend_from_slice(format!(",\"isError\":{is_error}").as_bytes());
    Ok(Reply { members, ttl: None })
}

/// The tool that is called, and the object of its arguments.
fn named<'p, 'a>(policy: &'p Policy, call: &Call<'a>) -> Result<(&'p Tool, Cow<'a, str>), Fault> {
    let name = call.params.get("name").and_then(decode_string);
    let name = name.ok_or_else(|| Fault::params("Invalid params: name must be a string"))?;
    let tool = policy.toolbox.tool(&name).ok_or_else(|| {
        let names: Vec<&str> = policy.toolbox.tools().map(|tool| &*tool.name).collect();
        let message = format!(
            "Unknown tool: {}. Tools: {}",
            Echo::from(&*name),
            names.join(", ")
        );
        Fault::params(message)
    })?;
    let arguments = match &tool.work {
        Work::Action(action) => arguments::read(*action, call.params.get("arguments")),
        Work::Call(written) => arguments::of(&written.tool, call.params.get("arguments")),
    };
    let arguments =
        arguments.ok_or_else(|| Fault::params("Invalid params: arguments must be an object"))?;
    Ok((tool, arguments))
}

/// What a tool of the operator answers.
async fn called(
    context: Context<'_>,
    tool: &str,
    arguments: &Object<'_>,
) -> Result<Vec<u8>, Error> {
    let read = Read {
        action: Action::Call.name(),
        model: None,
        tool: Some(tool),
        params: arguments,
    };
    let service = &context.app.service;
    let answered = service.answer_by(context.terms(), context.caller, &read, b"{".to_vec());
    let mut out = answered.await?.out;
    out.push(b'}');
    Ok(out)
}

async fn answer(
    context: Context<'_>,
    action: Action,
    arguments: Object<'_>,
) -> Result<Vec<u8>, Error> {
    let service = &context.app.service;
    let model = model(arguments.get("model"));
    let model = match model {
        Ok(None) if action.needs_model() => Err(ErrorKind::MissingParameter("model".into()).into()),
        model => model,
    };
    let model = model.map_err(|error: Error| {
        let allowed = context.policy.names().join(", ");
        let error = error.with_hint(format!("models: {allowed}"));
        service.rejected(context.caller, &error);
        error
    })?;
    let params = arguments.without("model");
    let read = Read {
        action: action.name(),
        model: model.as_deref(),
        tool: None,
        params: &params,
    };
    let answered = service.answer_by(context.terms(), context.caller, &read, b"{".to_vec());
    let mut out = answered.await?.out;
    out.push(b'}');
    Ok(out)
}

fn model(raw: Option<&RawValue>) -> Result<Option<Cow<'_, str>>, Error> {
    let wrong = ErrorKind::ParameterType {
        parameter: "model",
        expected: "a string",
    };
    let named = raw.map(|raw| decode_string(raw).ok_or(wrong));
    Ok(named.transpose()?)
}

/// An error as the result of a tool: what is wrong, its code, and what to do next.
fn refusal(error: &Error, work: &Work) -> Vec<u8> {
    let mut out = b"{\"error\":".to_vec();
    encode::text(&mut out, &error.text(Speech::Tools));
    out.extend_from_slice(b",\"code\":");
    encode::text(&mut out, error.code());
    let next_step = || match work {
        Work::Action(_) => next_step(error.kind()),
        Work::Call(_) => next_call(error.kind()),
    };
    if let Some(hint) = error.hint(Speech::Tools).or_else(next_step) {
        out.extend_from_slice(b",\"hint\":");
        encode::text(&mut out, hint);
    }
    out.push(b'}');
    out
}

/// What to do about an error that does not say so itself.
fn next_step(kind: &ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::ModelNotAllowed { .. } => "describe_models lists the models and their fields",
        ErrorKind::MissingParameter(name) if name == "id" => {
            "give the primary key as id; query_records finds rows by other fields"
        }
        ErrorKind::NotFound { .. } => "query_records finds rows by other fields",
        ErrorKind::InvalidCursor => "start again without cursor",
        ErrorKind::Exclusive(..) => "leave one of them out",
        ErrorKind::PaginationNotInteger | ErrorKind::PaginationNegative => {
            "limit and offset are whole numbers from 0"
        }
        ErrorKind::FiltersNotObject => r#"for example {"filters":{"status":"open"}}"#,
        ErrorKind::FilterName(_) | ErrorKind::InvalidValue { .. } => {
            "describe_models with this model tells its fields and their types"
        }
        ErrorKind::Timeout(_) => "narrow the filters, or filter and sort by indexed fields",
        _ => return next_call(kind),
    })
}

/// The same, of any tool: one of the operator's own knows of no fields and filters.
fn next_call(kind: &ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::BudgetSpent(_) => "whoami tells when there are rows again",
        ErrorKind::Timeout(_) => "ask for less",
        ErrorKind::Overloaded | ErrorKind::Unavailable => "try again in a few seconds",
        ErrorKind::Unrecorded => "try again once the operator has made room for the audit",
        _ => return None,
    })
}
