//! The tokens of tenants, which the store keeps: made, shown, changed, rotated, revoked.

use std::io::{self, IsTerminal as _};

use chrono::{SecondsFormat, TimeDelta, Utc};
use clap::{Args, Subcommand};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{LimitArguments, Lists, Of, confirm, print_list, print_record};
use crate::admin::{Reference, TokenInput, TokenPatch, TokenView, find, usual_scopes};
use crate::cli::failure::Failure;
use crate::cli::{operator, output};

const CREATE_EXAMPLES: &str = "\
Examples:
  lucarne token create reports --tenant acme --expires 30d
  lucarne token create reports --tenant acme --scopes all --models tickets
  lucarne token create reports --tenant acme --rows 'tickets.user_id = 7'";

const LIST_EXAMPLES: &str = "\
Examples:
  lucarne token list
  lucarne token list --tenant acme --json";

const SHOW_EXAMPLES: &str = "\
Examples:
  lucarne token show night --tenant acme";

const UPDATE_EXAMPLES: &str = "\
Examples:
  lucarne token update night --scopes describe,read,operators
  lucarne token update night --expires never --models all";

const ROTATE_EXAMPLES: &str = "\
Examples:
  lucarne token rotate night --overlap 1h
  lucarne token rotate night --yes";

const REVOKE_EXAMPLES: &str = "\
Examples:
  lucarne token revoke night --yes";

const REMOVE_EXAMPLES: &str = "\
Examples:
  lucarne token remove night --yes";

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Make a token, which may describe and read, and print it once
    #[command(after_help = CREATE_EXAMPLES)]
    Create(Create),
    /// List the tokens of tenants, by their last characters
    #[command(after_help = LIST_EXAMPLES)]
    List {
        /// Of this tenant alone
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a token, without the token itself
    #[command(after_help = SHOW_EXAMPLES)]
    Show {
        /// Its name or id
        token: String,
        #[command(flatten)]
        of: Of,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change a token
    #[command(after_help = UPDATE_EXAMPLES)]
    Update(Update),
    /// Give a token a new secret, and print it once
    #[command(after_help = ROTATE_EXAMPLES)]
    Rotate {
        /// Its name or id
        token: String,
        #[command(flatten)]
        of: Of,
        /// How long the previous one stays valid, such as 1h
        #[arg(long, value_name = "TIME", value_parser = span, default_value = "0s")]
        overlap: TimeDelta,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let a token in no more, and close its sockets
    #[command(after_help = REVOKE_EXAMPLES)]
    Revoke {
        /// Its name or id
        token: String,
        #[command(flatten)]
        of: Of,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a token
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove {
        /// Its name or id
        token: String,
        #[command(flatten)]
        of: Of,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name, which no other token of the tenant has
    name: String,
    /// The tenant, by name or id
    #[arg(long)]
    tenant: String,
    /// When it ends: 30d, 2031-12-31, a time with its zone, or never
    #[arg(long, value_name = "WHEN", value_parser = expiry, default_value = "never")]
    expires: Expiry,
    #[command(flatten)]
    lists: Lists,
    #[command(flatten)]
    limits: LimitArguments,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Its name or id
    token: String,
    #[command(flatten)]
    of: Of,
    /// Another name
    #[arg(long)]
    name: Option<String>,
    /// Whether it lets anyone in
    #[arg(long)]
    active: Option<bool>,
    /// When it ends: 30d, 2031-12-31, a time with its zone, or never
    #[arg(long, value_name = "WHEN", value_parser = expiry)]
    expires: Option<Expiry>,
    #[command(flatten)]
    lists: Lists,
    /// It sees all rows of its tenant
    #[arg(long, conflicts_with = "rows")]
    all_rows: bool,
    /// Nothing is known of whoever has it
    #[arg(long, conflicts_with = "attributes")]
    no_attr: bool,
    #[command(flatten)]
    limits: LimitArguments,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// When a token ends, in the words of the store; none for never.
#[derive(Debug, Clone)]
struct Expiry(Option<String>);

fn expiry(text: &str) -> Result<Expiry, String> {
    if text == "never" {
        return Ok(Expiry(None));
    }
    // A date or time is judged with the other values.
    let Ok(span) = span(text) else {
        return Ok(Expiry(Some(text.to_owned())));
    };
    let end = Utc::now().checked_add_signed(span);
    let end = end.ok_or("that is too far ahead")?;
    Ok(Expiry(Some(
        end.to_rfc3339_opts(SecondsFormat::Millis, true),
    )))
}

fn span(text: &str) -> Result<TimeDelta, String> {
    let span = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    TimeDelta::from_std(span).map_err(|_| "that is too long".to_owned())
}

pub(crate) fn run(task: Task) -> Result<(), Failure> {
    match task {
        Task::Create(create) => self::create(create),
        Task::List { tenant, json } => list(tenant.as_deref(), json),
        Task::Show { token, of, json } => print_record(&view(&token, &of)?, json),
        Task::Update(update) => self::update(update),
        Task::Rotate {
            token,
            of,
            overlap,
            yes,
            json,
        } => rotate(&view(&token, &of)?, overlap, yes, json),
        Task::Revoke {
            token,
            of,
            yes,
            json,
        } => revoke(&view(&token, &of)?, yes, json),
        Task::Remove { token, of, yes } => remove(&view(&token, &of)?, yes),
    }
}

fn create(create: Create) -> Result<(), Failure> {
    let lists = &create.lists;
    let input = TokenInput {
        name: create.name,
        scopes: lists.scopes().unwrap_or_else(usual_scopes),
        expires_at: create.expires.0,
        expires_in_days: None,
        models: lists.models().flatten(),
        tools: lists.tools().flatten(),
        attributes: lists.attributes(),
        rows: lists.rows(),
        limits: create.limits.limits(),
    };
    let tenant = &create.tenant;
    let (made, secret) =
        operator::change(async |admin| Ok(admin.create_token(tenant, input).await?))?;
    print_once(&made, &secret, create.json)?;
    operator::advise(&made.tenant_id, Some(&made.id)).map(|_| ())
}

fn list(tenant: Option<&str>, json: bool) -> Result<(), Failure> {
    let contents = operator::contents()?;
    let of = tenant
        .map(|name| find::tenant(&contents, name))
        .transpose()?;
    let tokens = contents.tokens.iter();
    let tokens = tokens.filter(|it| of.is_none_or(|of| it.tenant == of.id));
    let now = Utc::now();
    let views: Vec<_> = tokens
        .map(|token| TokenView::new(token, &contents, now))
        .collect();
    print_list(&views, json, "no tokens")
}

fn view(token: &str, of: &Of) -> Result<TokenView, Failure> {
    let contents = operator::contents()?;
    let token = find::token(&contents, of.reference(token))?;
    Ok(TokenView::new(token, &contents, Utc::now()))
}

fn update(update: Update) -> Result<(), Failure> {
    let rows = update.lists.rows();
    let attributes = update.lists.attributes();
    let patch = TokenPatch {
        name: update.name,
        active: update.active,
        scopes: update.lists.scopes(),
        expires_at: update.expires.map(|expires| expires.0),
        models: update.lists.models(),
        tools: update.lists.tools(),
        attributes: (update.no_attr || !attributes.is_empty()).then_some(attributes),
        rows: (update.all_rows || !rows.is_empty()).then_some(rows),
        limits: update.limits.patch(),
    };
    let changed = operator::change(async |admin| {
        let reference = update.of.reference(&update.token);
        Ok(admin.update_token(reference, patch).await?)
    })?;
    print_record(&changed, update.json)?;
    operator::advise(&changed.tenant_id, Some(&changed.id)).map(|_| ())
}

fn rotate(token: &TokenView, overlap: TimeDelta, yes: bool, json: bool) -> Result<(), Failure> {
    if overlap <= TimeDelta::zero() {
        confirm(
            &format!(
                "let the clients of {} in no more, until they have the new token",
                named(token)
            ),
            yes,
        )?;
    }
    let (rotated, secret) =
        operator::change(async |admin| Ok(admin.rotate_token(by_id(token), overlap).await?))?;
    print_once(&rotated, &secret, json)
}

fn revoke(token: &TokenView, yes: bool, json: bool) -> Result<(), Failure> {
    confirm(&format!("revoke token {}", named(token)), yes)?;
    let patch = TokenPatch {
        active: Some(false),
        ..TokenPatch::default()
    };
    let revoked =
        operator::change(async |admin| Ok(admin.update_token(by_id(token), patch).await?))?;
    print_record(&revoked, json)
}

fn remove(token: &TokenView, yes: bool) -> Result<(), Failure> {
    confirm(&format!("remove token {}", named(token)), yes)?;
    operator::change(async |admin| Ok(admin.remove_token(by_id(token)).await?))?;
    output::data(&format!("removed: {}", named(token)))
}

fn named(token: &TokenView) -> String {
    format!("{} of {}", token.name, token.tenant)
}

fn by_id(token: &TokenView) -> Reference<'_> {
    Reference {
        text: &token.id,
        tenant: None,
    }
}

/// Prints a token for the only time: the token alone is data, so that a script can take it.
fn print_once(view: &TokenView, secret: &SecretString, json: bool) -> Result<(), Failure> {
    if json {
        let mut value = serde_json::to_value(view)
            .map_err(|error| Failure::unable(format!("cannot be written as JSON: {error}")))?;
        if let Value::Object(members) = &mut value {
            members.insert("token".to_owned(), secret.expose_secret().into());
        }
        return output::data(&operator::as_json(&value)?);
    }
    output::data(secret.expose_secret())?;
    if io::stderr().is_terminal() {
        output::words(operator::lines(view));
    }
    output::words(
        "this is the only time that the token is shown: keep it now; a running service lets it in within a second",
    );
    Ok(())
}
