//! What the commands that keep the store share: opening it, who asks, and what refusals mean.

pub(crate) mod access;
mod arguments;
mod ask;
pub(crate) mod audit;
pub(crate) mod database;
pub(crate) mod scopes;
mod show;
pub(crate) mod store;
pub(crate) mod tenant;
pub(crate) mod token;

pub(crate) use arguments::{LimitArguments, Lists, Of, attribute};
pub(crate) use ask::{confirm, secret};
pub(crate) use show::{as_json, lines, print_list, print_record};

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use super::exit::Exit;
use super::failure::Failure;
use super::text::visible;
use super::{logging, output, serve};
use crate::admin::{Admin, Ledger, Refused, Way, find};
use crate::advice::Advice;
use crate::config::{self, AuditTarget, Config, Faults, StoreUrl};
use crate::egress::Reach;
use crate::inspect::{Where, advice};
use crate::observe::{Audit, Metrics, Target};
use crate::store::{Contents, Keys, Refusal, Store, StoreFailure, StoreFault};

/// Reads the store of the configuration.
pub(crate) fn read<T>(
    work: impl AsyncFnOnce(&Store, &Config) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let config = configuration()?;
    serve::runtime()?.block_on(async {
        let store = open(&config).await?;
        work(&store, &config).await
    })
}

/// Everything that the store of the configuration holds.
pub(crate) fn contents() -> Result<Contents, Failure> {
    read(async |store, _| store.contents().await.map_err(unread))
}

/// Tells what to look at again in the rules of a tenant, and of one of its tokens, by their ids;
/// whether there is anything.
pub(crate) fn advise(tenant: &str, token: Option<&str>) -> Result<bool, Failure> {
    let found = read(async |store, config| {
        let contents = store.contents().await.map_err(unread)?;
        let reach = Reach::new(config.admin.places.clone());
        let at = Where {
            reach: &reach,
            query_timeout: config.limits.query_timeout,
        };
        let tenant = find::tenant(&contents, tenant)?;
        let mut tokens = contents.tokens.iter();
        let token = token.and_then(|id| tokens.find(|it| it.id.as_str() == id));
        Ok(advice(&contents, tenant, token, at).await)
    })?;
    for advice in &found {
        warn(advice);
    }
    Ok(!found.is_empty())
}

/// Tells of something that is likely meant otherwise.
pub(crate) fn warn(advice: &Advice) {
    output::words(format!(
        "warning: {}\nhelp: {}",
        visible(&advice.text()),
        visible(&advice.help)
    ));
}

/// A store that does not answer.
pub(crate) fn unread(failure: StoreFailure) -> Failure {
    Refused::from(failure).into()
}

/// Changes the store of the configuration, and records how.
pub(crate) fn change<T>(
    work: impl AsyncFnOnce(Admin<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let config = configuration()?;
    serve::runtime()?.block_on(async {
        let store = open(&config).await?;
        let audit = audit(&config)?;
        let (who, reach) = (user(), Reach::new(config.admin.places.clone()));
        let admin = Admin {
            store: &store,
            reach: &reach,
            ledger: Ledger {
                audit: audit.as_ref(),
                denies: config.audit.denies,
                way: Way::Command,
                who: &who,
                token: None,
            },
        };
        let done = work(admin).await;
        if let Some(audit) = &audit {
            audit.flush().await;
        }
        done
    })
}

fn configuration() -> Result<Config, Failure> {
    let config = config::load_here()?;
    logging::begin(&config);
    Ok(config)
}

async fn open(config: &Config) -> Result<Store, Failure> {
    let Some(place) = &config.store.url else {
        return Err(Failure::unable("MCP_STORE: no store is named")
            .help("for example MCP_STORE=sqlite:/var/lib/lucarne/store.db, here or in .env"));
    };
    if let StoreUrl::Sqlite(file) = place {
        may_be_made("MCP_STORE", file)?;
    }
    let keys = Keys::new(&config.store.keys);
    Ok(Store::reach(place, keys, config.data.database.as_ref()).await?)
}

fn audit(config: &Config) -> Result<Option<Audit>, Failure> {
    let target = match &config.audit.target {
        None => return Ok(None),
        Some(AuditTarget::StandardError) => Target::StandardError,
        Some(AuditTarget::File(path)) => {
            may_be_made("MCP_AUDIT_FILE", path)?;
            Target::File(path.clone())
        }
    };
    match Audit::open(target, Arc::new(Metrics::default())) {
        Ok(audit) => {
            audit.set_denies(config.audit.denies);
            Ok(Some(audit))
        }
        Err(error) if config.audit.denies => Err(Failure::unable(format!(
            "MCP_AUDIT_FILE: cannot be written to, so nothing is changed: {error}"
        ))
        .help("run this as the user of the service")),
        Err(error) => {
            output::words(format!(
                "warning: MCP_AUDIT_FILE: cannot be written to: {error}"
            ));
            Ok(None)
        }
    }
}

/// Refuses to make a file as root where its folder is another user's: the service, which runs as that
/// user, could not use it.
fn may_be_made(variable: &str, file: &Path) -> Result<(), Failure> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let (Ok(own), Ok(folder)) = (fs::metadata("/proc/self"), fs::metadata(folder)) else {
        return Ok(());
    };
    let owner = folder.uid();
    if own.uid() != 0 || owner == 0 || file.exists() {
        return Ok(());
    }
    let owner = name_of(owner, &users());
    let shown = file.display();
    Err(Failure::unable(format!(
        "{variable}: {shown} is not there, and its folder belongs to {owner}, who could not use what \
         root makes"
    ))
    .help(format!("run it as that user: sudo -u {owner} lucarne …")))
}

/// Who runs the command: the user that the system knows the process by, whatever its environment
/// says. By sudo it is whom sudo names, which only root can be told.
fn user() -> String {
    let Ok(own) = fs::metadata("/proc/self") else {
        return "unknown".to_owned();
    };
    let name = name_of(own.uid(), &users());
    let sudoer = std::env::var("SUDO_USER").ok();
    match sudoer.filter(|sudoer| own.uid() == 0 && !sudoer.is_empty()) {
        Some(sudoer) => format!("{sudoer} (sudo, as {name})"),
        None => name,
    }
}

/// The users of the system, one a line.
fn users() -> String {
    fs::read_to_string("/etc/passwd").unwrap_or_default()
}

/// The name of a user in the system's list; one that is kept elsewhere is told by number.
fn name_of(id: u32, users: &str) -> String {
    let mut lines = users.lines().map(|line| line.split(':'));
    let found = lines.find_map(|mut line| {
        let (name, _, number) = (line.next()?, line.next()?, line.next()?);
        (number.parse() == Ok(id)).then_some(name)
    });
    found.map_or_else(|| format!("user {id}"), str::to_owned)
}

impl From<StoreFault> for Failure {
    fn from(fault: StoreFault) -> Self {
        Advice::from(fault).into()
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let told = refused.to_string();
        match refused {
            Refused::Store(Refusal::Invalid(faults)) => named_as_options(&faults),
            Refused::Store(Refusal::Absent { kind, .. }) => Self::unable(told)
                .help(format!("lucarne {kind} list shows them"))
                .exiting(Exit::Bad),
            Refused::Store(Refusal::Taken { .. }) => Self::unable(told)
                .help("choose another name")
                .exiting(Exit::Bad),
            Refused::Store(Refusal::NoKey) => Self::unable(told)
                .help("set MCP_ENCRYPTION_KEY to the output of: openssl rand -base64 32"),
            Refused::Store(Refusal::Failed(_)) => {
                Self::unable(told).help("is it running? MCP_STORE names it")
            }
            Refused::Ambiguous { .. } => {
                Self::unable(told).help("say which with --tenant, or give its id")
            }
            Refused::Unrecordable => {
                Self::unable(told).help("look at the disk and the rights of MCP_AUDIT_FILE")
            }
            Refused::Unrecorded => Self::unable(told)
                .help("look at the disk and the rights of MCP_AUDIT_FILE")
                .exiting(Exit::Bad),
        }
    }
}

/// The faults of a record, by the options that its members are given by.
fn named_as_options(faults: &Faults) -> Failure {
    let named = faults.iter().map(|fault| match fault.subject.as_str() {
        "name" | "url" => fault.clone(),
        "expires_at" => Advice {
            subject: "--expires".to_owned(),
            help: format!("{}; or a span such as 30d, or never", fault.help),
            ..fault.clone()
        },
        member => Advice {
            subject: format!("--{}", member.replace('_', "-")),
            ..fault.clone()
        },
    });
    match Faults::none_or(named.collect()) {
        Err(faults) => Failure::Misconfigured(faults),
        Ok(()) => Failure::unable("the record cannot be"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_known_by_number_and_told_by_name() {
        let users = "root:x:0:0::/root:/bin/sh\nodd\nada:x:1000:1000::/home/ada:/bin/sh\n";
        assert_eq!(name_of(0, users), "root");
        assert_eq!(name_of(1000, users), "ada");
        assert_eq!(name_of(7, users), "user 7");
    }
}
