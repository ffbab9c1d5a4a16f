//! What is exposed at this moment, as operators are told.

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::inspect::{DatabaseExposure, Exposure, Found, ModelExposure};

/// What is exposed now.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Exposure")]
pub(super) struct ExposureView {
    /// The databases: that of `DATABASE_URL` first, then those of tenants.
    data: Vec<DatabaseView>,
    /// How many there are.
    count: usize,
    /// How many reloads this instance has taken up since its start.
    reloads: u64,
    /// Since when the configuration is in force.
    since: String,
}

/// What is exposed of a database.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExposedDatabase")]
struct DatabaseView {
    /// Its id; null for the service's own, which `DATABASE_URL` names.
    id: Option<String>,
    /// Its name.
    name: Option<String>,
    /// The name of its tenant.
    tenant: Option<String>,
    /// Where it is, without user and password.
    place: String,
    /// Why nothing is exposed of it, where it cannot be read.
    fault: Option<String>,
    /// Whether PostgreSQL itself decides which rows each token sees (`row_security`).
    row_security: bool,
    /// When its tables were judged: a column that came later is hidden until the next reload.
    judged_at: Option<String>,
    /// How often its tables were found changed since.
    changes: u64,
    /// The models that are served.
    models: Vec<ModelView>,
    /// Names of its whitelist that are not served.
    missing: Vec<Missing>,
}

/// What is exposed of a model to every token that sees it; a token may see less of it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExposedModel")]
struct ModelView {
    /// Its name.
    name: String,
    /// Its table in the database.
    table: String,
    /// `table`, `view`, or what else it is.
    kind: &'static str,
    /// The rules that its rows must keep; where there is none every row is seen.
    rows: Vec<String>,
    /// The fields that are seen.
    fields: Vec<FieldView>,
    /// The columns that are hidden.
    hidden: Vec<HiddenView>,
}

/// A field that is seen.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExposedField")]
struct FieldView {
    /// Its name.
    name: String,
    /// Its type, as `describe` gives it.
    #[serde(rename = "type")]
    of: &'static str,
    /// Whether an index leads to its values.
    indexed: bool,
    /// The database's comment on it.
    description: Option<String>,
}

/// A column that is hidden.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HiddenField")]
struct HiddenView {
    /// Its name.
    name: String,
    /// The rule that hides it.
    rule: String,
}

/// A name of a whitelist that is not served.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NotExposed")]
struct Missing {
    /// The name.
    name: String,
    /// Why it is not served.
    reason: String,
}

impl From<Exposure> for ExposureView {
    fn from(exposure: Exposure) -> Self {
        let databases = exposure.databases.into_iter();
        let data: Vec<DatabaseView> = databases.map(DatabaseView::from).collect();
        Self {
            count: data.len(),
            data,
            reloads: exposure.edition.number,
            since: time(exposure.edition.since),
        }
    }
}

impl From<DatabaseExposure> for DatabaseView {
    fn from(database: DatabaseExposure) -> Self {
        let (found, fault) = match database.found {
            Ok(found) => (Some(found), None),
            Err(fault) => (None, Some(fault)),
        };
        let row_security = database.of.as_ref().is_some_and(|of| of.row_security);
        let (id, name, tenant) = match database.of {
            Some(of) => (Some(of.id), Some(of.name), Some(of.tenant)),
            None => (None, None, None),
        };
        let judged_at = found.as_ref().map(|found| time(found.judged));
        let changes = found.as_ref().map_or(0, |found| found.changes);
        let (models, missing) = found.map_or_else(Default::default, |found| {
            let Found {
                models, missing, ..
            } = found;
            (models, missing)
        });
        let missing = missing.into_iter();
        Self {
            id,
            name,
            tenant,
            place: database.place,
            fault,
            row_security,
            judged_at,
            changes,
            models: models.into_iter().map(ModelView::from).collect(),
            missing: missing
                .map(|(name, reason)| Missing { name, reason })
                .collect(),
        }
    }
}

impl From<ModelExposure> for ModelView {
    fn from(model: ModelExposure) -> Self {
        let (fields, hidden) = (model.fields.into_iter(), model.hidden.into_iter());
        Self {
            name: model.name,
            table: model.table,
            kind: model.kind,
            rows: model.rows,
            fields: fields
                .map(|field| FieldView {
                    name: field.name,
                    of: field.of,
                    indexed: field.indexed,
                    description: field.description,
                })
                .collect(),
            hidden: hidden
                .map(|(name, rule)| HiddenView { name, rule })
                .collect(),
        }
    }
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
