//! What the service says of itself at its start: what it serves, from where, what is hidden, where
//! requests are recorded, and what is weak.

use indexmap::IndexMap;
use tracing::{info, warn};

use super::text::{counted, visible};
use crate::advice::Advice;
use crate::app::{OpenService, Running};
use crate::catalog::Model;
use crate::config::{AuditTarget, Config, DatabaseUrl, Engine};

/// Lines of a start at the most; warnings beyond are counted.
const START_LINES: usize = 9;
/// Names that a line lists at the most.
const NAMED: usize = 6;

/// Says in a few lines what is served, and what is weak about it.
pub(super) async fn announce(config: &Config, running: &Running) {
    let weaknesses = running.opened.weaknesses().await;
    let (version, address) = (env!("CARGO_PKG_VERSION"), running.address);
    let scheme = if config.network.tls.is_some() {
        "https"
    } else {
        "http"
    };
    info!("lucarne {version} listens on {scheme}://{address}");
    let mut lines = 1;
    if let Some(admin) = running.admin {
        let api = match config.store.url.is_some() && !config.admin.tokens.is_empty() {
            true => format!(", the admin API is at http://{admin}/admin/api"),
            false => String::new(),
        };
        info!("metrics are at http://{admin}/metrics{api}");
        lines += 1;
    }
    if let (Some(clients), Some(store)) = (&running.store, &config.store.url) {
        info!("lets in {clients}, by the store in {store}");
        lines += 1;
    }
    say(config, &running.opened, &weaknesses, lines);
}

/// Says what is read and what is weak, in so many lines that with those before it a start is read.
pub(super) fn say(config: &Config, opened: &OpenService, weaknesses: &[Advice], before: usize) {
    let lines = before + serves(config, opened) + usize::from(audits(config));
    let configured = config.warnings.iter().map(Advice::line);
    let missing = opened.missing.iter().map(|missing| {
        format!(
            "MCP_ALLOWED_MODELS: {} is not served: {}",
            missing.name, missing.reason
        )
    });
    let weak = weaknesses.iter().map(Advice::line);
    let certificate = opened.service.access().certificate_warning();
    let certificate = certificate.into_iter();
    let warnings: Vec<String> = certificate
        .chain(configured)
        .chain(missing)
        .chain(weak)
        .collect();
    let room = START_LINES.saturating_sub(lines);
    let shown = if warnings.len() > room {
        room - 1
    } else {
        warnings.len()
    };
    for warning in &warnings[..shown] {
        warn!("{}", visible(warning));
    }
    let left = warnings.len() - shown;
    if left > 0 {
        warn!("{left} more warnings: lucarne check tells them");
    }
}

/// Says whether anything is served, and what of it is hidden; gives back how many lines that took.
fn serves(config: &Config, opened: &OpenService) -> usize {
    if !config.service.enabled {
        info!("off: /mcp answers 503; set MCP_ENABLED=true to open it");
        return 1;
    }
    let Some(url) = &config.data.database else {
        return 0;
    };
    let policy = opened.service.policy();
    match policy.own() {
        Some(catalog) => {
            let models = catalog.models();
            let fields: usize = models.iter().map(|model| model.fields().len()).sum();
            info!(
                "reads {url}, read-only: {} with {}, {} hidden (lucarne check lists them)",
                counted(models.len(), "model"),
                counted(fields, "field"),
                opened.hidden.len(),
            );
            let names: Vec<&str> = models.iter().map(Model::name).collect();
            info!("serves {}; {}", named(&names), verified(url));
            if opened.hidden.is_empty() {
                return 2;
            }
            // The log is read by more people than the configuration: it names no hidden field.
            let mut by_model: IndexMap<&str, usize> = IndexMap::new();
            for hidden in &opened.hidden {
                *by_model.entry(&hidden.model).or_default() += 1;
            }
            let counts = by_model
                .iter()
                .map(|(model, count)| format!("{} of {model}", counted(*count, "field")));
            let counts: Vec<String> = counts.collect();
            info!(
                "hides {}",
                named(&counts.iter().map(String::as_str).collect::<Vec<_>>())
            );
            return 3;
        }
        None => {
            if let Some(absent) = &opened.absent {
                let (what, help) = (absent.text(), &absent.help);
                warn!("{}", visible(&format!("{what}: waited for; {help}")));
                return 1;
            }
            let help = is_it_there(url).map_or(String::new(), |help| format!("; {help}"));
            warn!("{url} does not answer: requests are refused until it does{help}");
        }
    }
    1
}

/// What of read-only was seen to hold: the tables were read by a session that was asked.
fn verified(url: &DatabaseUrl) -> &'static str {
    match url {
        DatabaseUrl::Sqlite(_) => "the file is opened for reading alone",
        DatabaseUrl::Server(_) => "each session is asked whether it is read-only, and says so",
    }
}

/// The first few of many names.
fn named(names: &[&str]) -> String {
    let shown = names.get(..NAMED).unwrap_or(names);
    let shown: Vec<_> = shown.iter().map(|name| visible(name)).collect();
    match names.len() - shown.len() {
        0 => shown.join(", "),
        left => format!("{} and {left} more (lucarne check)", shown.join(", ")),
    }
}

/// Says where requests are recorded; whether that took a line.
fn audits(config: &Config) -> bool {
    let Some(audit) = &config.audit.target else {
        return false;
    };
    let place = match audit {
        AuditTarget::StandardError => "standard error".to_owned(),
        AuditTarget::File(path) => path.display().to_string(),
    };
    let otherwise = match config.audit.denies {
        true => "what cannot be recorded is refused",
        false => "what cannot be recorded is answered all the same",
    };
    info!("records each request in {place}; {otherwise}");
    true
}

/// The command that asks whether a server runs where it is looked for.
fn is_it_there(url: &DatabaseUrl) -> Option<String> {
    let DatabaseUrl::Server(server) = url else {
        return None;
    };
    let (host, port) = server.address.rsplit_once(':')?;
    let host = host.trim_matches(['[', ']']);
    Some(match server.engine {
        Engine::MySql => format!("try mysqladmin ping -h {host} -P {port}"),
        _ => format!("try pg_isready -h {host} -p {port}"),
    })
}
