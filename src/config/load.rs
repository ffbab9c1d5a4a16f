//! From what was typed to what is meant.

use std::path::Path;
use std::time::Duration;

use super::change::Settings;
use super::fault::Faults;
use super::files::Wait;
use super::reader::Reader;
use super::{Config, admin, audit, data, dotenv, instances, judge, limits, log};
use super::{network, pool, service, store, tools, variables};

/// How long a `.env` that is a pipe is waited for while the service runs.
const WRITTEN_WITHIN: Duration = Duration::from_secs(10);

/// Reads the configuration from a list of variables, of which the first with a value counts.
///
/// It looks at nothing else but the files that `…_FILE` variables name, and at how large the machine
/// is. Every fault comes back at once, without the value of a secret.
pub fn load(vars: impl IntoIterator<Item = (String, String)>) -> Result<Config, Faults> {
    read(Reader::new(vars.into_iter().collect(), Wait::Endless))
}

/// The same while the service runs: a secret file that is no regular one is a fault.
pub(super) fn load_again(vars: Vec<(String, String)>) -> Result<Config, Faults> {
    read(Reader::new(vars, Wait::Never))
}

fn read(mut reader: Reader) -> Result<Config, Faults> {
    let service = service::read(&mut reader)?;
    let mut config = Config {
        data: data::read(&mut reader)?,
        limits: limits::read(&mut reader)?,
        network: network::read(&mut reader, service.listen)?,
        pool: pool::read(&mut reader)?,
        instances: instances::read(&mut reader)?,
        store: store::read(&mut reader)?,
        admin: admin::read(&mut reader)?,
        tools: tools::read(&mut reader)?,
        audit: audit::read(&mut reader)?,
        log: log::read(&mut reader)?,
        service,
        secret_files: Vec::new(),
        warnings: Vec::new(),
        settings: Settings::default(),
    };
    let hosts_are_named = reader.is_set("MCP_ALLOWED_HOSTS");
    judge::judge(&mut reader.check, &config, hosts_are_named);
    (config.settings, config.secret_files, config.warnings) = reader.finish()?;
    Ok(config)
}

/// Reads the configuration of the environment and of `.env` in this folder, with warnings of files
/// whose rights are too wide.
///
/// # Errors
/// As [`load`], and a `.env` that cannot be read.
pub(crate) fn load_here() -> Result<Config, Faults> {
    here(Wait::Endless, load)
}

/// The same while the service runs: nothing is waited for without an end.
///
/// # Errors
/// As [`load_here`].
pub(crate) fn load_here_again() -> Result<Config, Faults> {
    here(Wait::AtMost(WRITTEN_WITHIN), load_again)
}

fn here(
    wait: Wait,
    load: impl Fn(Vec<(String, String)>) -> Result<Config, Faults>,
) -> Result<Config, Faults> {
    let file = Path::new(".env");
    let own = dotenv::environment_waiting(Some(file), wait)?;
    let given = dotenv::environment(None)?;
    // Those of the file come after those of the process.
    let of_file = own.iter().skip(given.len());
    let mut of_file = of_file.filter(|var| !var.1.is_empty());
    let holds_secret = of_file.any(|var| variables::is_secret(&var.0));
    let mut config = load(own)?;
    config.warn_of_open_files(holds_secret.then_some(file));
    Ok(config)
}
