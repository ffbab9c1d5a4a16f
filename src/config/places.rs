//! Where databases that come by the admin API may be.

use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use super::check::Check;
use super::fault::quoted;

use crate::advice::Advice;

/// What the operator allows beside addresses that everybody may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatabasePlaces {
    /// Hosts and networks of this machine and of private nets.
    pub hosts: Vec<HostRule>,
    /// The folder of SQLite files.
    pub folder: Option<PathBuf>,
}

impl DatabasePlaces {
    /// What others allow too.
    pub fn within(&self, others: &Self) -> Self {
        let hosts = self.hosts.iter().filter(|host| others.hosts.contains(host));
        Self {
            hosts: hosts.cloned().collect(),
            folder: self.folder.clone().filter(|_| self.folder == others.folder),
        }
    }
}

/// A host or network that is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostRule {
    /// Every address of a network.
    Network(IpNet),
    /// A name, in small letters and without a dot at its end.
    Name(String),
}

/// The folder for what lives no longer than the process.
pub(crate) fn temporary_folder() -> PathBuf {
    std::env::temp_dir()
}

/// Reads `MCP_ALLOWED_DATABASE_HOSTS` and `MCP_DATABASE_FOLDER`.
pub(super) fn read(
    check: &mut Check,
    hosts: Option<String>,
    folder: Option<String>,
) -> DatabasePlaces {
    const HOSTS: &str = "MCP_ALLOWED_DATABASE_HOSTS";
    const FOLDER: &str = "MCP_DATABASE_FOLDER";
    let hosts = check.list(HOSTS, &hosts.unwrap_or_default(), host);
    for rule in &hosts {
        if let HostRule::Network(all) = rule
            && all.prefix_len() == 0
        {
            let message = format!("{all} lets the admin API reach every address of your networks");
            check.warn(HOSTS, message, "name the networks of your databases alone");
        }
    }
    let folder = folder.and_then(|text| {
        let path = PathBuf::from(&text);
        let plain = !text.chars().any(char::is_control);
        let read = match plain && path.is_absolute() && path.parent().is_some() {
            true => Ok(path),
            false => Err(Advice::new(
                format!(
                    "expected an absolute path of a folder, not {}",
                    quoted(&text)
                ),
                "for example MCP_DATABASE_FOLDER=/srv/lucarne",
            )),
        };
        check.accept(FOLDER, read)
    });
    DatabasePlaces { hosts, folder }
}

fn host(entry: &str) -> Result<HostRule, Advice> {
    let network = entry.parse().map(|network: IpNet| network.trunc()).ok();
    let network = network.or_else(|| entry.parse::<IpAddr>().ok().map(IpNet::from));
    if let Some(network) = network {
        return Ok(HostRule::Network(network));
    }
    let name = entry.to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name).to_owned();
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    // Digits and dots alone are an address, in one of the many ways of writing one.
    let named = name.bytes().any(|byte| byte.is_ascii_alphabetic()) && !name.starts_with("0x");
    if named && name.split('.').all(label) {
        return Ok(HostRule::Name(name));
    }
    Err(Advice::new(
        format!(
            "expected a host name, an IP address or a network, not {}",
            quoted(entry)
        ),
        "for example db.internal, 127.0.0.1 or 10.1.0.0/16",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_addresses_and_networks() {
        let mut check = Check::default();
        let places = read(
            &mut check,
            Some("DB.internal., 127.0.0.1, 10.1.2.3/16, ::1".to_owned()),
            Some("/srv/lucarne".to_owned()),
        );
        assert!(check.faults.is_empty() && check.warnings.is_empty());
        let network = |text: &str| HostRule::Network(text.parse().unwrap());
        let expected = [
            HostRule::Name("db.internal".to_owned()),
            network("127.0.0.1/32"),
            network("10.1.0.0/16"),
            network("::1/128"),
        ];
        assert_eq!(places.hosts, expected);
        assert_eq!(places.folder, Some("/srv/lucarne".into()));
    }

    #[test]
    fn what_could_mean_more_is_refused() {
        for entry in [
            "*",
            "db:5432",
            "postgres://db",
            "a b",
            "10.0.0.0/33",
            "127.1",
            "0x7f.1",
            "-.*",
        ] {
            assert!(host(entry).is_err(), "{entry}");
        }
        for folder in ["data", "./data", "/", "/srv\n/x"] {
            let mut check = Check::default();
            read(&mut check, None, Some(folder.to_owned()));
            assert_eq!(check.faults.len(), 1, "{folder}");
        }
        let mut check = Check::default();
        read(&mut check, Some("0.0.0.0/0".to_owned()), None);
        assert_eq!(check.warnings.len(), 1);
    }
}
