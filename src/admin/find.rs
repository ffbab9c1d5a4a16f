//! Records by name or id.

use super::{Reference, Refused};
use crate::store::{Contents, Database, Refusal, Tenant, TenantId, Token};

/// The tenant of a name or id.
pub(crate) fn tenant<'c>(contents: &'c Contents, text: &str) -> Result<&'c Tenant, Refused> {
    let mut tenants = contents.tenants.iter();
    tenants
        .find(|tenant| tenant.name == text || tenant.id.as_str() == text)
        .ok_or_else(|| absent("tenant", text))
}

/// The database that is meant.
pub(crate) fn database<'c>(
    contents: &'c Contents,
    reference: Reference<'_>,
) -> Result<&'c Database, Refused> {
    let all = contents.databases.iter();
    let all = all.map(|it| (it, &it.tenant, it.name.as_str(), it.id.as_str()));
    one("database", contents, reference, all)
}

/// The token that is meant.
pub(crate) fn token<'c>(
    contents: &'c Contents,
    reference: Reference<'_>,
) -> Result<&'c Token, Refused> {
    let all = contents.tokens.iter();
    let all = all.map(|it| (it, &it.tenant, it.name.as_str(), it.id.as_str()));
    one("token", contents, reference, all)
}

/// The one record of the name or id.
fn one<'c, R>(
    kind: &'static str,
    contents: &'c Contents,
    reference: Reference<'_>,
    records: impl Iterator<Item = (&'c R, &'c TenantId, &'c str, &'c str)>,
) -> Result<&'c R, Refused> {
    let of = match reference.tenant {
        Some(text) => Some(&tenant(contents, text)?.id),
        None => None,
    };
    let found: Vec<_> = records
        .filter(|(_, tenant, name, id)| {
            of.is_none_or(|of| of == *tenant) && (*name == reference.text || *id == reference.text)
        })
        .collect();
    match found[..] {
        [] => Err(absent(kind, reference.text)),
        [(record, ..)] => Ok(record),
        _ => {
            let named = |id: &TenantId| {
                let tenant = contents.tenants.iter().find(|tenant| tenant.id == *id);
                tenant.map_or_else(|| id.to_string(), |tenant| tenant.name.clone())
            };
            let mut tenants: Vec<String> =
                found.iter().map(|(_, tenant, ..)| named(tenant)).collect();
            tenants.sort_unstable();
            Err(Refused::Ambiguous {
                kind,
                name: reference.text.to_owned(),
                tenants,
            })
        }
    }
}

fn absent(kind: &'static str, name: &str) -> Refused {
    Refused::Store(Refusal::Absent {
        kind,
        name: name.to_owned(),
    })
}
