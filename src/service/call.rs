//! `call`: a tool that the operator wrote, over the models of whoever calls.

use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use serde::Serialize;
use serde_json::Value;
use tracing::debug;

use super::page::{self, Fail, confirm_all};
use super::{Answer, Service, Source, Terms, counted};
use crate::auth::Caller;
use crate::catalog::Model;
use crate::db::tool::Call;
use crate::db::{Checked, Failure, FailureKind};
use crate::encode::{self, Rows};
use crate::error::{Error, ErrorKind};
use crate::policy::{Exposed, Form, Policy, Ready, Unready, Written};
use crate::protocol::{Action, Object, Read};
use crate::sql::Dialect;
use crate::tools::call::{Asker, arguments};
use crate::tools::{Outcome, Tool, schema};

impl Service {
    /// Answers a call.
    pub(super) async fn call(
        &self,
        terms: Terms<'_>,
        (name, params, asker): (&str, &Object<'_>, Asker<'_>),
        out: Vec<u8>,
        given: &mut Vec<String>,
        until: Instant,
    ) -> Result<Answer, Fail> {
        let policy = terms.policy;
        let (written, exposed) = policy.tool(name)?;
        exposed.prepare().await;
        let _in_use = exposed.enter().await?;
        let source = Source::new(terms, exposed, until)?;
        let catalog = exposed.catalog().ok_or(ErrorKind::Unavailable)?;
        let tool = &written.tool;
        given.extend(params.iter().map(|(name, _)| name.to_owned()));
        given.retain(|name| tool.parameters.iter().any(|known| known.name == *name));
        given.sort_unstable();
        let ready = self.ready(policy, written, exposed).await?;
        let arguments = arguments(tool, params, catalog, asker)?;
        let reserved = policy.reserve(ready.limit.into())?;
        let limit = policy.settings.query_timeout;
        let allowed = tool.timeout.map_or(limit, |own| own.min(limit));
        let call = Call {
            statement: ready.statement(&arguments),
            reads: Arc::clone(&ready.reads),
            until: until.min(Instant::now() + allowed),
        };
        let seconds = allowed.as_secs().max(1);
        let answered = self
            .fetch(source, tool, (&ready, seconds), &call, out)
            .await?;
        Ok(counted(answered, reserved))
    }

    /// Answers a call that an operator tries: `params` are a JSON object, and `attributes`, where
    /// there are any, stand in the place of those of the policy's client.
    ///
    /// # Errors
    /// As a client's.
    pub(super) async fn try_tool(
        &self,
        policy: &Policy,
        caller: &Caller,
        (name, params): (&str, &str),
        attributes: &[(String, String)],
    ) -> Result<String, NotAnswered> {
        let terms = Terms {
            attributes,
            ..Terms::new(policy, Form::Message)
        };
        let read = Read {
            action: Action::Call.name(),
            model: None,
            tool: Some(name),
            params: &Object::parse(params).unwrap_or_default(),
        };
        let out = b"{\"status\":\"ok\",".to_vec();
        let answer = self.answer_or_cause(terms, caller, &read, out);
        let mut out = answer.await.map_err(|fail| NotAnswered {
            error: fail.error,
            cause: fail.cause,
        })?;
        out.out.push(b'}');
        // Answers are made of JSON text alone.
        Ok(String::from_utf8(out.out).unwrap_or_default())
    }

    /// Tells what a tool takes and answers.
    pub(super) async fn tool_described(
        &self,
        policy: &Policy,
        name: &str,
        mut out: Vec<u8>,
    ) -> Result<Answer, Fail> {
        let (written, exposed) = policy.tool(name)?;
        exposed.prepare().await;
        let catalog = exposed.catalog().ok_or(ErrorKind::Unavailable)?;
        let ready = self.ready(policy, written, exposed).await?;
        let tool = &written.tool;
        let fields = ready.columns.iter().map(|(name, class)| TellsField {
            name,
            kind: class.name(),
        });
        let tells = TellsTool {
            name: &tool.name,
            title: &tool.title,
            description: &tool.description,
            params: schema::parameters(tool, Some(catalog)),
            fields: fields.collect(),
            limit: ready.limit,
        };
        out.extend_from_slice(b"\"data\":");
        // Writing names and numbers into memory cannot fail.
        let _ = serde_json::to_writer(&mut out, &tells);
        Ok(Answer { out, rows: 0 })
    }

    /// The tool as it is run on a database; what is wrong with it there is for the log.
    pub(crate) async fn ready(
        &self,
        policy: &Policy,
        written: &Written,
        exposed: &Exposed,
    ) -> Result<Arc<Ready>, Fail> {
        let ready = exposed.ready(written, policy.tool_bounds()).await;
        ready.map_err(|unready| match unready {
            Unready::Faults(faults) => {
                let told = faults.first().map(ToString::to_string);
                Fail {
                    error: ErrorKind::ToolFailed(written.tool.name.as_str().into()).into(),
                    cause: told,
                    changed: false,
                }
            }
            Unready::Failed(failure) => failed(
                &written.tool,
                policy.settings.query_timeout.as_secs(),
                0,
                &failure,
            ),
        })
    }

    async fn fetch(
        &self,
        source: Source<'_>,
        tool: &Tool,
        (ready, seconds): (&Ready, u64),
        call: &Call,
        mut out: Vec<u8>,
    ) -> Result<Answer, Fail> {
        let many = tool.result == Outcome::Rows;
        out.extend_from_slice(if many { b"\"data\":[" } else { b"\"data\":" });
        let begun = out.len();
        // One more of a single row, to see that there is none.
        let limit = ready.limit as usize + usize::from(!many);
        let layout = Arc::clone(&call.statement.layout);
        let mut rows = Rows::new(out, layout, source.style(), limit, page::room(source));
        if tool.result == Outcome::Value {
            rows = rows.bare();
        }
        let fetched = source.db.call(call, rows).await;
        let catalog = source.exposed.catalog().into_iter();
        let models = catalog.flat_map(|catalog| ready.models.iter().map(|it| catalog.model(it)));
        let definitions = models.flatten().flat_map(Model::definitions).collect();
        let page = match fetched {
            Ok(rows) => rows.finish(),
            Err(failure) => {
                // It may have failed for tables that are others by now.
                if *failure.kind() == FailureKind::Internal {
                    confirm_all(source, definitions, None, Checked::Now).await?;
                }
                return Err(failed(tool, seconds, source.max_bytes(), &failure));
            }
        };
        // Of a table that is another one the statement itself would have shown nothing.
        confirm_all(source, definitions, page.edition, Checked::Lately).await?;
        self.found();
        if let Some(column) = &page.unread {
            let tool = &tool.name;
            debug!(%tool, %column, "a value could not be decoded, and is shown as \u{fffd}");
        }
        let (count, more) = (page.count, page.more);
        let mut out = page.out;
        match tool.result {
            Outcome::Rows => {
                out.extend_from_slice(
                    format!("],\"count\":{count},\"truncated\":{more}").as_bytes(),
                );
                if more {
                    let hint = match count == limit {
                        true => format!("there are more, and its limit is {limit}: ask for less"),
                        false => format!(
                            "there are more than these {count} rows, and no room for them: ask for less"
                        ),
                    };
                    out.extend_from_slice(b",\"hint\":");
                    encode::text(&mut out, &hint);
                }
            }
            Outcome::One | Outcome::Value if count > 1 => {
                return Err(Fail {
                    cause: Some("it found several rows, and is of one".to_owned()),
                    ..ErrorKind::ToolFailed(tool.name.as_str().into()).into()
                });
            }
            Outcome::One | Outcome::Value if count == 0 => out.extend_from_slice(b"null"),
            Outcome::One => {}
            Outcome::Value => {
                // The list of one value, without its brackets.
                out.pop();
                out.remove(begun);
            }
        }
        Ok(Answer { out, rows: count })
    }
}

/// Why a call that an operator tried was not answered.
#[derive(Debug)]
pub struct NotAnswered {
    /// What a client is told.
    pub error: Error,
    /// What is known of the cause.
    pub cause: Option<String>,
}

/// A tool as it is described.
#[derive(Serialize)]
struct TellsTool<'t> {
    name: &'t str,
    title: &'t str,
    description: &'t str,
    params: Vec<schema::Described<'t>>,
    fields: Vec<TellsField<'t>>,
    limit: u32,
}

/// A column of its answer.
#[derive(Serialize)]
struct TellsField<'t> {
    name: &'t str,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// A tool among all.
#[derive(Serialize)]
struct ToolSummary<'t> {
    name: &'t str,
    title: &'t str,
    description: &'t str,
}

/// Lists the tools of the operator that a policy lets be called, where there are any and they fit.
pub(super) fn list(out: &mut Vec<u8>, policy: &Policy, max_bytes: usize) {
    let tools = policy.toolbox.written().map(|it| ToolSummary {
        name: &it.tool.name,
        title: &it.tool.title,
        description: &it.tool.description,
    });
    let tools: Vec<ToolSummary<'_>> = tools.collect();
    if tools.is_empty() {
        return;
    }
    let end = out.len();
    out.extend_from_slice(b",\"tools\":");
    // As above.
    let _ = serde_json::to_writer(&mut *out, &tools);
    if out.len() + page::TAIL_BYTES > max_bytes {
        out.truncate(end);
    }
}

/// The schemas of a tool as a policy lets it be called: of its arguments, and of its answer; `None`
/// where it cannot be.
pub(crate) async fn schemas(policy: &Policy, written: &Written) -> Option<(Value, Value)> {
    let exposed = written.place(&policy.exposed).ok()?;
    exposed.prepare().await;
    let ready = exposed.ready(written, policy.tool_bounds()).await;
    let columns = match ready {
        Ok(ready) => Some(ready.columns.clone()),
        Err(Unready::Faults(_)) if exposed.catalog().is_some() => return None,
        // It may be called when the database answers.
        Err(_) => None,
    };
    let dynamic = exposed.dialect() == Some(Dialect::Sqlite);
    let tool = &written.tool;
    Some((
        schema::input(tool, exposed.catalog()),
        schema::output(tool, columns.as_deref(), dynamic),
    ))
}

/// Who calls, as far as parameters can ask.
pub(super) fn asker(terms: Terms<'_>) -> Asker<'_> {
    let grant = terms.policy.grant.as_ref();
    Asker {
        tenant: grant.map(|grant| grant.client.tenant.as_str()),
        token: grant.map(|grant| grant.client.token.as_str()),
        attributes: match terms.attributes.is_empty() {
            true => grant.map_or(&[], |grant| &grant.attributes),
            false => terms.attributes,
        },
        now: Utc::now(),
    }
}

/// What a client is told of a failure; what the driver says of it goes to the log.
fn failed(tool: &Tool, seconds: u64, max_bytes: usize, failure: &Failure) -> Fail {
    let kind = match failure.kind() {
        FailureKind::Unavailable => ErrorKind::Unavailable,
        FailureKind::Overloaded => ErrorKind::Overloaded,
        FailureKind::Timeout => ErrorKind::Timeout(seconds),
        FailureKind::TooLarge(columns) => {
            let named: Vec<String> = columns
                .iter()
                .map(|(name, bytes)| format!("{name} ({bytes} bytes)"))
                .collect();
            let hint = match named.is_empty() {
                true => String::new(),
                false => format!("large columns: {}", named.join(", ")),
            };
            let needed = columns.iter().map(|(_, bytes)| *bytes).sum();
            return Error::from(ErrorKind::ResponseTooLarge(max_bytes, needed))
                .with_hint(hint)
                .into();
        }
        FailureKind::Unwritable
        | FailureKind::Changed
        | FailureKind::Overflow
        | FailureKind::Internal => ErrorKind::ToolFailed(tool.name.as_str().into()),
    };
    if let Some(detail) = failure.detail() {
        debug!(tool = tool.name, %detail, "the database says");
    }
    Fail {
        error: kind.into(),
        cause: Some(failure.told()),
        changed: *failure.kind() == FailureKind::Changed,
    }
}
