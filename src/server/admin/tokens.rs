//! Tokens of tenants.

use chrono::{TimeDelta, Utc};
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use super::answer::{Changed, List, One};
use super::desk::Desk;
use super::refusal::Refusal;
use super::route::{Asked, Nothing};
use super::tenants::OfTenant;
use crate::admin::{TokenInput, TokenPatch, TokenView, find};

/// A token that was made, with the token itself: it is kept nowhere.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Issued")]
pub(super) struct IssuedToken {
    #[serde(flatten)]
    view: TokenView,
    /// The token itself. This is the only time that it is shown.
    #[serde(serialize_with = "exposed")]
    #[schemars(with = "String")]
    token: SecretString,
}

/// How a token is rotated.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    /// How long the previous token stays valid; 0 where nothing is given.
    #[serde(default)]
    overlap_seconds: u32,
}

fn exposed<S: Serializer>(token: &SecretString, into: S) -> Result<S::Ok, S::Error> {
    into.serialize_str(token.expose_secret())
}

pub(super) async fn list(desk: Desk, asked: Asked<OfTenant>) -> Result<List<TokenView>, Refusal> {
    let contents = desk.contents().await?;
    let of = asked.query.find(&contents)?;
    let (tokens, now) = (contents.tokens.iter(), Utc::now());
    Ok(tokens
        .filter(|token| of.is_none_or(|of| token.tenant == of.id))
        .map(|token| TokenView::new(token, &contents, now))
        .collect())
}

pub(super) async fn create(
    desk: Desk,
    asked: Asked<Nothing, TokenInput>,
) -> Result<Changed<IssuedToken>, Refusal> {
    let (view, token) = desk.admin()?.create_token(&asked.part, asked.body).await?;
    let warnings = desk.advice(&view.tenant_id, Some(&view.id)).await;
    let data = IssuedToken { view, token };
    Ok(Changed { data, warnings })
}

pub(super) async fn show(desk: Desk, asked: Asked<OfTenant>) -> Result<One<TokenView>, Refusal> {
    let contents = desk.contents().await?;
    let token = find::token(&contents, asked.query.reference(&asked.part))?;
    Ok(TokenView::new(token, &contents, Utc::now()).into())
}

pub(super) async fn update(
    desk: Desk,
    asked: Asked<OfTenant, TokenPatch>,
) -> Result<Changed<TokenView>, Refusal> {
    let reference = asked.query.reference(&asked.part);
    let data = desk.admin()?.update_token(reference, asked.body).await?;
    let warnings = desk.advice(&data.tenant_id, Some(&data.id)).await;
    Ok(Changed { data, warnings })
}

pub(super) async fn remove(desk: Desk, asked: Asked<OfTenant>) -> Result<One<TokenView>, Refusal> {
    let reference = asked.query.reference(&asked.part);
    Ok(desk.admin()?.remove_token(reference).await?.into())
}

pub(super) async fn rotate(
    desk: Desk,
    asked: Asked<OfTenant, Rotation>,
) -> Result<One<IssuedToken>, Refusal> {
    let reference = asked.query.reference(&asked.part);
    let overlap = TimeDelta::seconds(asked.body.overlap_seconds.into());
    let (view, token) = desk.admin()?.rotate_token(reference, overlap).await?;
    Ok(IssuedToken { view, token }.into())
}
