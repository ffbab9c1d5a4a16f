//! `lucarne access report`: who may see what, for whoever must show it.

use std::fmt::Write as _;

use chrono::{SecondsFormat, Utc};
use clap::Args;
use serde::Serialize;

use super::rules;
use crate::admin::{TokenView, find};
use crate::app;
use crate::cli::failure::Failure;
use crate::cli::operator;
use crate::cli::output;
use crate::cli::text::visible;
use crate::egress::Reach;
use crate::inspect::{self, Explanation, Looks, ModelAccess};

/// Examples of the command, shown in its help and run by a test.
pub(super) const EXAMPLES: &str = "\
Examples:
  lucarne access report
  lucarne access report --tenant acme --json";

/// What to report.
#[derive(Debug, Args)]
pub(super) struct Report {
    /// The tokens of this tenant alone
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Who may see what, at a time.
#[derive(Debug, Serialize)]
struct Access {
    /// When it was so.
    at: String,
    tokens: Vec<OfToken>,
}

/// A token, and what it may do and see.
#[derive(Debug, Serialize)]
struct OfToken {
    token: TokenView,
    access: Explanation,
}

/// Reports on every token of the store, or of a tenant.
pub(super) fn run(asked: &Report) -> Result<(), Failure> {
    let tokens = operator::read(async |store, config| {
        let contents = store.contents().await.map_err(operator::unread)?;
        let of = asked.tenant.as_deref();
        let of = of.map(|name| find::tenant(&contents, name)).transpose()?;
        let reach = Reach::new(config.admin.places.clone());
        let mut looks = Looks::new(reach, config.limits.query_timeout);
        let tools = app::written_tools(config).await?;
        let mut tokens = Vec::new();
        for token in &contents.tokens {
            let tenant = contents.tenants.iter().find(|it| it.id == token.tenant);
            let Some(tenant) = tenant.filter(|it| of.is_none_or(|of| of.id == it.id)) else {
                continue;
            };
            let of = (tenant, token);
            let explained = inspect::explain(&mut looks, &contents, of, None, &tools, None);
            tokens.push(OfToken {
                token: TokenView::new(token, &contents, Utc::now()),
                access: explained.await,
            });
        }
        tokens.sort_by_cached_key(|of| (of.token.tenant.clone(), of.token.name.clone()));
        Ok(tokens)
    })?;
    let access = Access {
        at: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
        tokens,
    };
    match asked.json {
        true => output::data(&operator::as_json(&access)?),
        false => output::data(&text(&access)),
    }
}

fn text(access: &Access) -> String {
    let mut text = format!("Who may see what, at {}\n", access.at);
    if access.tokens.is_empty() {
        text += "\nno tokens\n";
    }
    for OfToken { token, access } in &access.tokens {
        let or = |time: &Option<String>| time.clone().unwrap_or_else(|| "never".to_owned());
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n{}/{} (digest {}): {}\n  expires {}, last used {}, may {}\n",
            visible(&token.tenant),
            visible(&token.name),
            token.digest,
            access.lets_in.why,
            or(&token.expires_at),
            or(&token.last_used_at),
            token.scopes.join(", "),
        );
        for model in &access.models {
            text += &of_model(model);
        }
        let calls = access.tools.iter().filter(|tool| tool.allowed);
        let calls: Vec<&str> = calls.map(|tool| &*tool.name).collect();
        if !calls.is_empty() {
            let _ = writeln!(text, "  calls {}", calls.join(", "));
        }
    }
    text
}

fn of_model(model: &ModelAccess) -> String {
    let name = visible(&model.verdict.name);
    if !model.verdict.allowed {
        return format!("  not {name}: {}\n", visible(&model.verdict.why));
    }
    let named = |shown: bool| {
        let fields = model.fields.iter().filter(|field| field.allowed == shown);
        let names = fields.map(|field| visible(&field.name).into_owned());
        names.collect::<Vec<_>>().join(", ")
    };
    let mut text = format!("  {name}: {}\n    fields {}\n", rules(model), named(true));
    let hidden = named(false);
    if !hidden.is_empty() {
        let _ = writeln!(text, "    hidden {hidden}");
    }
    text
}
