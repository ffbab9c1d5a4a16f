//! What is exposed at this moment: of each database its models, and what of them is hidden by which
//! rule.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, stream};
use tokio::time::timeout;

use crate::catalog::{Field, Model};
use crate::policy::access::Owner;
use crate::policy::directory::{astray_of, exposed};
use crate::policy::{Access, Edition, Exposed};
use crate::store::TenantId;

/// Databases that are asked together what there is, where nobody has asked yet.
const AT_ONCE: usize = 8;
/// How long one may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is exposed of every database.
#[derive(Debug)]
pub(crate) struct Exposure {
    /// The configuration that says so.
    pub(crate) edition: Edition,
    /// The database of the configuration first, then those of tenants.
    pub databases: Vec<DatabaseExposure>,
}

/// What is exposed of a database.
#[derive(Debug)]
pub(crate) struct DatabaseExposure {
    /// Whose it is; none for that of the configuration.
    pub of: Option<OfTenant>,
    /// Where it is, without user and password.
    pub place: String,
    /// What is there, or why nothing can be told.
    pub found: Result<Found, String>,
}

/// A database of a tenant.
#[derive(Debug)]
pub(crate) struct OfTenant {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The name of its tenant.
    pub tenant: String,
    /// Whether each transaction names its token, for the row security of PostgreSQL.
    pub row_security: bool,
}

/// What is there of a database that answered.
#[derive(Debug)]
pub(crate) struct Found {
    /// When its tables were judged: a column that came later is hidden until they are again.
    pub judged: DateTime<Utc>,
    /// How often they were found changed since.
    pub changes: u64,
    /// The models that are served.
    pub models: Vec<ModelExposure>,
    /// Names of its whitelist that are not served, and why.
    pub missing: Vec<(String, String)>,
}

/// What is exposed of a model.
#[derive(Debug)]
pub(crate) struct ModelExposure {
    /// Its name.
    pub name: String,
    /// Its table in the database.
    pub table: String,
    /// Table, view, or what else it is.
    pub kind: &'static str,
    /// The rules that its rows must keep for every token that sees it.
    pub rows: Vec<String>,
    /// The fields that are seen.
    pub fields: Vec<FieldExposure>,
    /// The columns that are not, each with the rule that hides it.
    pub hidden: Vec<(String, String)>,
}

/// A field that is seen.
#[derive(Debug)]
pub(crate) struct FieldExposure {
    /// Its name.
    pub name: String,
    /// Its type, as `describe` gives it.
    pub of: &'static str,
    /// Whether an index leads to its values.
    pub indexed: bool,
    /// The database's comment.
    pub description: Option<String>,
}

/// What an access exposes, of one tenant or of all and the configuration's own database.
///
/// A database of a tenant that nobody has asked since the start is asked now, as the next request
/// would.
pub(crate) async fn exposure(access: &Access, tenant: Option<&TenantId>) -> Exposure {
    let own = access.shared.exposed.first().filter(|_| tenant.is_none());
    let own = own.map(|exposed| DatabaseExposure {
        of: None,
        place: access.administration.place.clone(),
        found: found(exposed).ok_or_else(|| "it has not answered yet".to_owned()),
    });
    let owners = access.clients.owners().iter();
    let owners = owners.filter(|owner| tenant.is_none_or(|id| owner.tenant.id == *id));
    let asked: Vec<_> = owners
        .flat_map(|owner| {
            let exposed = exposed(&owner.tenant, None, &owner.held, |_, _, _| ());
            let at = 0..owner.held.len();
            at.zip(exposed)
                .map(move |(at, exposed)| of_tenant(owner, at, exposed))
        })
        .collect();
    let of_tenants: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    Exposure {
        edition: access.edition,
        databases: own.into_iter().chain(of_tenants).collect(),
    }
}

async fn of_tenant(owner: &Owner, at: usize, exposed: Arc<Exposed>) -> DatabaseExposure {
    let (tenant, record) = (&owner.tenant, owner.held[at].record());
    let told = match astray_of(tenant, &owner.held) {
        Some(model) => Err(format!(
            "a row rule is about {model}, which no database of the tenant lists: nothing is served"
        )),
        None => {
            // Why one does not answer is told by the log, and by a test of it.
            let _ = timeout(PATIENCE, exposed.prepare()).await;
            found(&exposed).ok_or_else(|| "it cannot be read; a test of it says why".to_owned())
        }
    };
    DatabaseExposure {
        of: Some(OfTenant {
            id: record.id.to_string(),
            name: record.name.clone(),
            tenant: tenant.name.clone(),
            row_security: record.row_security,
        }),
        place: record.place(),
        found: told,
    }
}

/// What is there of a database, once it has answered.
fn found(exposed: &Exposed) -> Option<Found> {
    let (built, judged) = exposed.built()?;
    let of_model = |model: &Model| {
        let (name, table) = (model.name(), model.table());
        let hidden = built.hidden.iter().filter(|hidden| hidden.model == name);
        let shown = |field: &Field| FieldExposure {
            name: field.name().to_owned(),
            of: field.field_type().name(),
            indexed: field.is_indexed(),
            description: field.description().map(str::to_owned),
        };
        ModelExposure {
            name: name.to_owned(),
            table: table.to_string(),
            kind: model.kind().name(),
            rows: exposed.rules_told(model),
            fields: model.fields().iter().map(shown).collect(),
            hidden: hidden
                .map(|hidden| (hidden.field.clone(), hidden.rule.clone()))
                .collect(),
        }
    };
    let missing = built.missing.iter();
    Some(Found {
        judged: judged.at(),
        changes: judged.now().number,
        models: built.catalog.models().iter().map(of_model).collect(),
        missing: missing
            .map(|missing| (missing.name.clone(), missing.reason.clone()))
            .collect(),
    })
}
