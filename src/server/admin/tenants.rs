//! Tenants.

use schemars::JsonSchema;
use serde::Deserialize;

use super::answer::{Changed, List, One};
use super::desk::Desk;
use super::refusal::Refusal;
use super::route::{Asked, Nothing};
use crate::admin::{Reference, TenantPatch, TenantView, find};
use crate::store::{Contents, NewTenant, Tenant};

/// Which tenant is meant.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OfTenant {
    /// The name or id of a tenant, whose records alone are meant.
    pub(super) tenant: Option<String>,
}

impl OfTenant {
    /// The tenant, where one is named.
    pub(super) fn find<'c>(&self, contents: &'c Contents) -> Result<Option<&'c Tenant>, Refusal> {
        let named = self.tenant.as_deref();
        let found = named.map(|name| find::tenant(contents, name)).transpose();
        Ok(found?)
    }

    /// A record of the tenant by its name or id.
    pub(super) fn reference<'r>(&'r self, text: &'r str) -> Reference<'r> {
        Reference {
            text,
            tenant: self.tenant.as_deref(),
        }
    }
}

pub(super) async fn list(desk: Desk, _: Asked) -> Result<List<TenantView>, Refusal> {
    let contents = desk.contents().await?;
    Ok(contents.tenants.iter().map(TenantView::new).collect())
}

pub(super) async fn create(
    desk: Desk,
    asked: Asked<Nothing, NewTenant>,
) -> Result<One<TenantView>, Refusal> {
    Ok(desk.admin()?.create_tenant(asked.body).await?.into())
}

pub(super) async fn show(desk: Desk, asked: Asked) -> Result<One<TenantView>, Refusal> {
    let contents = desk.contents().await?;
    Ok(TenantView::new(find::tenant(&contents, &asked.part)?).into())
}

pub(super) async fn update(
    desk: Desk,
    asked: Asked<Nothing, TenantPatch>,
) -> Result<Changed<TenantView>, Refusal> {
    let data = desk.admin()?.update_tenant(&asked.part, asked.body).await?;
    let warnings = desk.advice(&data.id, None).await;
    Ok(Changed { data, warnings })
}

pub(super) async fn remove(desk: Desk, asked: Asked) -> Result<One<TenantView>, Refusal> {
    Ok(desk.admin()?.remove_tenant(&asked.part).await?.into())
}
