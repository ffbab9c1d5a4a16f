//! What the service is, how it is set, and what is weak about it.

use std::time::Instant;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{List, One, millis};
use super::desk::Desk;
use super::refusal::Refusal;
use super::route::Asked;
use crate::advice::Advice;
use crate::config::{Page, SettingOrigin};
use crate::inspect;
use crate::observe::Audit;

/// The service.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Service")]
pub(super) struct ServiceView {
    /// Its version.
    version: &'static str,
    /// When it was started.
    since: String,
    /// Where its own database is, without user and password; empty where it has none.
    place: String,
    /// Models of its own database.
    models: usize,
    /// Fields of them.
    fields: usize,
    /// Columns of them that a rule hides.
    hidden: usize,
    /// Sockets and streams that are open.
    sessions: usize,
    /// Requests that are being answered.
    running: u64,
    /// Whether clients need a token.
    require_auth: bool,
    /// Where clients listen for it: the port alone is the same from elsewhere.
    listen: String,
    /// Whether it speaks TLS there.
    tls: bool,
    /// `off`, `written`, or `failing` where nothing can be recorded now.
    audit: &'static str,
    /// The store of its tenants.
    store: StoreView,
    /// Whether rows may be read as a token would.
    reads: bool,
    /// Where the page is: `off`, `admin` or `all`.
    page: &'static str,
    /// The last reload that came to its end.
    reload: Option<ReloadView>,
}

/// The store, as it is now.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Store")]
struct StoreView {
    /// Where it is, without user and password; null where it has not answered since the start.
    place: Option<String>,
    /// Whether it answers.
    answers: bool,
    /// Milliseconds until that was known.
    ms: f64,
}

impl StoreView {
    async fn of(desk: &Desk) -> Self {
        let (store, begun) = (desk.store().ok(), Instant::now());
        Self {
            place: store.map(|store| store.place().to_string()),
            answers: match store {
                Some(store) => store.revision().await.is_ok(),
                None => false,
            },
            ms: millis(begun.elapsed()),
        }
    }
}

/// A reload.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Reload")]
struct ReloadView {
    /// When it came to its end.
    at: String,
    /// `done` or `refused`.
    outcome: &'static str,
}

/// A variable as it counts.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Setting")]
pub(super) struct SettingView {
    /// Its name.
    name: &'static str,
    /// What it means.
    meaning: &'static str,
    /// Its value; null of a secret, and where there is neither a value nor a default.
    value: Option<String>,
    /// Its default.
    default: Option<&'static str>,
    /// Whether its value is never shown.
    secret: bool,
    /// `default`, `set` (by the environment or `.env`) or `file`.
    from: &'static str,
    /// Whether a reload puts another value in force.
    follows_reload: bool,
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(super) async fn show(desk: Desk, _: Asked) -> Result<One<ServiceView>, Refusal> {
    let (service, access, metrics) = (desk.service(), desk.access(), desk.metrics());
    let own = access.shared.own();
    let models = own.map(|catalog| catalog.models()).unwrap_or_default();
    let audit = service.audit();
    Ok(One::from(ServiceView {
        version: env!("CARGO_PKG_VERSION"),
        since: time(metrics.begun()),
        place: access.administration.place.clone(),
        models: models.len(),
        fields: models.iter().map(|model| model.fields().len()).sum(),
        hidden: access.shared.hidden(),
        sessions: desk.sessions().open().len(),
        running: service.figures().running,
        require_auth: access.require_auth,
        listen: desk.listens().to_string(),
        tls: access.tls.is_some(),
        audit: match audit.map(Audit::is_refusing) {
            None => "off",
            Some(false) => "written",
            Some(true) => "failing",
        },
        store: StoreView::of(&desk).await,
        reads: access.administration.reads,
        page: match access.administration.page {
            Page::Off => "off",
            Page::Admin => "admin",
            Page::All => "all",
        },
        reload: metrics.last_reload().map(|reload| ReloadView {
            at: time(reload.at),
            outcome: reload.outcome,
        }),
    }))
}

pub(super) async fn settings(desk: Desk, _: Asked) -> Result<List<SettingView>, Refusal> {
    let settings = desk.access().administration.settings.iter();
    let settings = settings.map(|setting| SettingView {
        name: setting.name,
        meaning: setting.meaning,
        value: setting.value.clone(),
        default: setting.default,
        secret: setting.secret,
        from: match setting.from {
            SettingOrigin::Default => "default",
            SettingOrigin::Set => "set",
            SettingOrigin::File => "file",
        },
        follows_reload: setting.follows,
    });
    Ok(settings.collect())
}

pub(super) async fn check(desk: Desk, _: Asked) -> Result<List<Advice>, Refusal> {
    let configured = desk.access().administration.warnings.iter();
    let configured = configured.cloned();
    let found = match desk.service().db() {
        Some(db) => inspect::own_weaknesses(db, &desk.access().shared).await,
        None => Vec::new(),
    };
    Ok(configured.chain(found).collect())
}
