//! What a token of the store may do and see, and what it would be answered.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::answer::One;
use super::desk::Desk;
use super::refusal::{Code, Refusal};
use super::route::Asked;
use super::tenants::OfTenant;
use crate::admin::find;
use crate::auth::{Caller, Client, Credential};
use crate::inspect::{self, Explanation, Looks, Verdict};
use crate::server::connection::native;

/// How the audit names the way of what is asked here.
pub(super) const TRANSPORT: &str = "admin";

/// What a token may do and see, and which rule says so.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Permits")]
pub(super) struct PermitsView {
    /// The token's name.
    token: String,
    /// The tenant's name.
    tenant: String,
    /// Whether the token lets anyone in.
    lets_in: VerdictView,
    /// Each action, and each part of a query that has a scope of its own.
    actions: Vec<VerdictView>,
    /// Each model that the tenant's databases list.
    models: Vec<ModelPermits>,
    /// Each tool of the operator.
    tools: Vec<VerdictView>,
}

/// Whether something is allowed, and by what.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Verdict")]
struct VerdictView {
    /// What it is about.
    name: String,
    /// Whether it is allowed.
    allowed: bool,
    /// What allows or denies it; of a field that is seen its type.
    why: String,
}

/// What is seen of a model.
#[derive(Debug, Serialize, JsonSchema)]
struct ModelPermits {
    #[serde(flatten)]
    verdict: VerdictView,
    /// The database that it is in.
    database: Option<String>,
    /// The rules that its rows must keep; without one every row is seen.
    rows: Vec<RowPermits>,
    /// Its columns.
    fields: Vec<VerdictView>,
}

/// A rule on rows, and whose it is.
#[derive(Debug, Serialize, JsonSchema)]
struct RowPermits {
    /// The rule.
    rule: String,
    /// `tenant` or `token`.
    of: &'static str,
}

impl From<Verdict> for VerdictView {
    fn from(verdict: Verdict) -> Self {
        Self {
            name: verdict.name,
            allowed: verdict.allowed,
            why: verdict.why,
        }
    }
}

impl From<Explanation> for PermitsView {
    fn from(explained: Explanation) -> Self {
        let all = |verdicts: Vec<Verdict>| verdicts.into_iter().map(VerdictView::from).collect();
        let models = explained.models.into_iter().map(|model| ModelPermits {
            verdict: model.verdict.into(),
            database: model.database,
            rows: model
                .rows
                .into_iter()
                .map(|row| RowPermits {
                    rule: row.rule,
                    of: row.of,
                })
                .collect(),
            fields: all(model.fields),
        });
        Self {
            token: explained.token,
            tenant: explained.tenant,
            lets_in: explained.lets_in.into(),
            models: models.collect(),
            tools: all(explained.tools),
            actions: all(explained.actions),
        }
    }
}

/// A request as a native client sends it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    /// The action.
    action: String,
    /// The model.
    #[serde(default)]
    model: Option<String>,
    /// The tool of the operator.
    #[serde(default)]
    tool: Option<String>,
    /// The parameters.
    #[serde(default)]
    params: Option<serde_json::Map<String, serde_json::Value>>,
}

/// An answer as a native client reads it, `id` left out.
#[derive(Debug, Serialize)]
pub(super) struct NativeAnswer(Box<RawValue>);

impl JsonSchema for NativeAnswer {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NativeAnswer".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "An answer as a native client reads it (docs/protocol.md)",
            "properties": { "status": { "enum": ["ok", "error"] } },
            "required": ["status"],
        })
    }
}

pub(super) async fn explain(
    desk: Desk,
    asked: Asked<OfTenant>,
) -> Result<One<PermitsView>, Refusal> {
    let contents = desk.contents().await?;
    let token = find::token(&contents, asked.query.reference(&asked.part))?;
    let tenant = find::tenant(&contents, token.tenant.as_str())?;
    let access = desk.access();
    let reach = access.administration.reach.clone();
    let mut looks = Looks::new(reach, access.settings.query_timeout);
    let (of, tools) = ((tenant, token), &access.settings.tools);
    let explained = inspect::explain(&mut looks, &contents, of, None, tools, None).await;
    Ok(PermitsView::from(explained).into())
}

pub(super) async fn ask(
    desk: Desk,
    asked: Asked<OfTenant, Question>,
) -> Result<One<NativeAnswer>, Refusal> {
    desk.may_read()?;
    let access = desk.access();
    let contents = desk.contents().await?;
    let token = find::token(&contents, asked.query.reference(&asked.part))?;
    let tenant = find::tenant(&contents, token.tenant.as_str())?;
    let credential = Credential::from(token.digest);
    let policy = access.policy(&credential).map_err(|refused| {
        let error = format!("the token lets nobody in: {}", refused.why());
        Refusal::new(Code::NotLetIn, error).hint("a token that was made now is known in a second")
    })?;
    let client = Client {
        token_id: token.id.to_string(),
        token: token.name.clone(),
        suffix: token.suffix.clone(),
        tenant_id: tenant.id.to_string(),
        tenant: tenant.name.clone(),
    };
    let client = Some(std::sync::Arc::new(client));
    let caller = Caller::new(credential, client, desk.address(), TRANSPORT);
    let Question {
        action,
        model,
        tool,
        params,
    } = asked.body;
    let mut text = serde_json::json!({
        "action": action,
        "params": params.unwrap_or_default(),
    });
    if let Some(model) = model {
        text["model"] = model.into();
    }
    if let Some(tool) = tool {
        text["tool"] = tool.into();
    }
    let text = text.to_string();
    let answer = native::answer(desk.service(), &policy, &caller, &text).await;
    let answer = String::from_utf8(answer).ok();
    let answer = answer.map(|answer| answer.replacen("\"id\":null,", "", 1));
    let answer = answer.and_then(|answer| RawValue::from_string(answer).ok());
    let internal = || Refusal::new(Code::Internal, "Internal server error");
    Ok(NativeAnswer(answer.ok_or_else(internal)?).into())
}
