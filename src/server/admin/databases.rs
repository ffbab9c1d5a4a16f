//! Databases of tenants, and how they and the service's own are.

use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::{StreamExt as _, stream};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::timeout;

use super::answer::{Changed, List, One, millis};
use super::desk::Desk;
use super::refusal::Refusal;
use super::route::{Asked, Nothing};
use super::tenants::OfTenant;
use crate::admin::{DatabasePatch, DatabaseView, find};
use crate::advice::Advice;
use crate::db::Usage;
use crate::inspect::{self, Probe, probe};
use crate::policy::Unread;
use crate::server::exposed::ExposureView;
use crate::store::{Database, NewDatabase};

/// Databases that are looked at together.
const AT_ONCE: usize = 8;
/// What one may take of a look at all.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a look at a database found.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "Look")]
pub(super) struct Look {
    /// Whether it answers, and could be read.
    answers: bool,
    /// Why not, where it does not.
    fault: Option<Advice>,
    /// The models that are served of it.
    models: Vec<Model>,
    /// How many of its fields are hidden by a rule.
    hidden: usize,
    /// Names of its whitelist that are not served.
    missing: Vec<Missing>,
    /// What its role could do beyond reading what is served.
    warnings: Vec<Advice>,
}

/// A model that is served.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Model {
    /// Its name.
    name: String,
    /// How many fields it shows.
    fields: usize,
}

/// A name of a whitelist that is not served.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Missing {
    name: String,
    reason: String,
}

/// How a database is.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Health {
    /// Its id; null for the service's own, which `DATABASE_URL` names.
    id: Option<String>,
    /// Its name.
    name: Option<String>,
    /// The name of its tenant.
    tenant: Option<String>,
    /// Where it is, without user and password.
    place: String,
    /// Whether it answers.
    answers: bool,
    /// Why not, where it does not.
    fault: Option<Advice>,
    /// Milliseconds until that was known.
    ms: f64,
    /// When its tables were read and judged for those who ask; null where nobody has asked yet.
    judged_at: Option<String>,
    /// The models that are served of it.
    models: Vec<Model>,
    /// Its sessions with this instance; null where it holds none.
    sessions: Option<Sessions>,
}

/// Sessions with a database.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DatabaseSessions")]
pub(super) struct Sessions {
    /// At the most.
    limit: u64,
    /// At rest.
    idle: u64,
    /// At work.
    busy: u64,
}

impl From<Usage> for Sessions {
    fn from(usage: Usage) -> Self {
        Self {
            limit: usage.limit,
            idle: usage.idle,
            busy: usage.busy,
        }
    }
}

impl From<Probe> for Look {
    fn from(probed: Probe) -> Self {
        let missing = probed.missing.into_iter();
        let warnings = probed.unrelated.into_iter().chain(probed.weaknesses);
        Self {
            answers: true,
            fault: None,
            models: models(probed.models),
            hidden: probed.hidden.len(),
            missing: missing
                .map(|(name, reason)| Missing { name, reason })
                .collect(),
            warnings: warnings.collect(),
        }
    }
}

/// The words of a fault that lies here; of a database that refuses only its code.
fn told(unread: Unread) -> Advice {
    match unread.cause {
        None => unread.fault,
        Some(cause) => Advice::new(
            format!("it cannot be read ({cause})"),
            "lucarne database test says more",
        ),
    }
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn models(served: impl IntoIterator<Item = (String, usize)>) -> Vec<Model> {
    let models = served.into_iter();
    models
        .map(|(name, fields)| Model { name, fields })
        .collect()
}

pub(super) async fn list(
    desk: Desk,
    asked: Asked<OfTenant>,
) -> Result<List<DatabaseView>, Refusal> {
    let contents = desk.contents().await?;
    let of = asked.query.find(&contents)?;
    let databases = contents.databases.iter();
    Ok(databases
        .filter(|database| of.is_none_or(|of| database.tenant == of.id))
        .map(|database| DatabaseView::new(database, &contents))
        .collect())
}

pub(super) async fn add(
    desk: Desk,
    asked: Asked<Nothing, NewDatabase>,
) -> Result<Changed<DatabaseView>, Refusal> {
    let data = desk.admin()?.add_database(&asked.part, asked.body).await?;
    let warnings = desk.advice(&data.tenant_id, None).await;
    Ok(Changed { data, warnings })
}

pub(super) async fn show(desk: Desk, asked: Asked<OfTenant>) -> Result<One<DatabaseView>, Refusal> {
    let contents = desk.contents().await?;
    let database = find::database(&contents, asked.query.reference(&asked.part))?;
    Ok(DatabaseView::new(database, &contents).into())
}

pub(super) async fn update(
    desk: Desk,
    asked: Asked<OfTenant, DatabasePatch>,
) -> Result<Changed<DatabaseView>, Refusal> {
    let reference = asked.query.reference(&asked.part);
    let data = desk.admin()?.update_database(reference, asked.body).await?;
    let warnings = desk.advice(&data.tenant_id, None).await;
    Ok(Changed { data, warnings })
}

pub(super) async fn remove(
    desk: Desk,
    asked: Asked<OfTenant>,
) -> Result<One<DatabaseView>, Refusal> {
    let reference = asked.query.reference(&asked.part);
    Ok(desk.admin()?.remove_database(reference).await?.into())
}

pub(super) async fn test(desk: Desk, asked: Asked<OfTenant>) -> Result<One<Look>, Refusal> {
    let contents = desk.contents().await?;
    let database = find::database(&contents, asked.query.reference(&asked.part))?;
    let advice = desk.advice(database.tenant.as_str(), None);
    let look = match look(&desk, database).await {
        Ok(probed) => {
            let mut look = Look::from(probed);
            look.warnings.extend(advice.await);
            look
        }
        Err(trouble) => Look {
            fault: Some(trouble),
            ..Look::default()
        },
    };
    Ok(look.into())
}

pub(super) async fn health(desk: Desk, asked: Asked<OfTenant>) -> Result<List<Health>, Refusal> {
    let contents = desk.contents().await?;
    let of = asked.query.find(&contents)?;
    let own = match of {
        None => own(&desk).await,
        Some(_) => None,
    };
    let databases = contents.databases.iter();
    let databases = databases.filter(|database| of.is_none_or(|of| database.tenant == of.id));
    let views =
        databases.map(|database| (database.clone(), DatabaseView::new(database, &contents)));
    let looks: Vec<_> = views
        .map(|(database, view)| of_tenant(desk.clone(), database, view))
        .collect();
    let looks: Vec<Health> = stream::iter(looks).buffered(AT_ONCE).collect().await;
    Ok(own.into_iter().chain(looks).collect())
}

pub(super) async fn exposed(desk: Desk, asked: Asked<OfTenant>) -> Result<ExposureView, Refusal> {
    let of = match &asked.query {
        OfTenant { tenant: None } => None,
        of => of.find(&desk.contents().await?)?.map(|of| of.id.clone()),
    };
    let exposure = inspect::exposure(desk.access(), of.as_ref()).await;
    Ok(exposure.into())
}

/// The health of a tenant's database.
async fn of_tenant(desk: Desk, database: Database, view: DatabaseView) -> Health {
    let begun = Instant::now();
    let (models, fault) = match look(&desk, &database).await {
        Ok(probed) => (models(probed.models), None),
        Err(trouble) => (Vec::new(), Some(trouble)),
    };
    let owners = desk.access().clients.owners().iter();
    let mut held = owners.flat_map(|owner| &owner.held);
    let held = held.find(|held| held.record().id == database.id);
    Health {
        ms: millis(begun.elapsed()),
        judged_at: held.and_then(|held| held.judged_at()).map(time),
        id: Some(view.id),
        name: Some(view.name),
        tenant: Some(view.tenant),
        place: view.place,
        answers: fault.is_none(),
        fault,
        models,
        sessions: desk.service().usage_of(&database.id).map(Sessions::from),
    }
}

/// The database of `DATABASE_URL`, where there is one.
async fn own(desk: &Desk) -> Option<Health> {
    let db = desk.service().db()?;
    let (usage, begun) = (db.usage(), Instant::now());
    let fault = match timeout(PATIENCE, db.ping()).await {
        Ok(Ok(())) => None,
        Ok(Err(failure)) => failure.cause().or(Some("no session".to_owned())),
        Err(_) => Some("no answer in time".to_owned()),
    };
    let ms = millis(begun.elapsed());
    let built = desk.access().shared.exposed.first();
    let built = built.and_then(|exposed| exposed.built());
    let served = desk.access().shared.own();
    let served = served.map(|catalog| catalog.models()).unwrap_or_default();
    Some(Health {
        ms,
        judged_at: built.map(|(_, judged)| time(judged.at())),
        id: None,
        name: None,
        tenant: None,
        place: desk.access().administration.place.clone(),
        answers: fault.is_none(),
        fault: fault.map(|cause| {
            Advice::new(
                format!("it cannot be read ({cause})"),
                "lucarne check says more",
            )
        }),
        models: models(
            served
                .iter()
                .map(|model| (model.name().to_owned(), model.fields().len())),
        ),
        sessions: Some(usage.into()),
    })
}

/// Looks at a database of a tenant, as the service would read it.
async fn look(desk: &Desk, database: &Database) -> Result<Probe, Advice> {
    let access = desk.access();
    let query_timeout = access.settings.query_timeout;
    let contents = desk
        .contents()
        .await
        .map_err(|_| Advice::new("the store does not answer", "try again"))?;
    let tenant = contents.tenants.iter().find(|it| it.id == database.tenant);
    let rules = tenant
        .map(|tenant| tenant.rows.as_slice())
        .unwrap_or_default();
    let reach = &access.administration.reach;
    let probed = probe(database, rules, reach, query_timeout);
    match timeout(PATIENCE, probed).await {
        Ok(probed) => probed.map_err(told),
        Err(_) => Err(Advice::new(
            "no answer in time",
            "is it running, and are host and port right?",
        )),
    }
}
