//! A server by another URL: encrypted, through a socket, by one of its addresses, or with everything
//! said that the driver would take from elsewhere.

use std::net::{IpAddr, SocketAddr};

use secrecy::ExposeSecret as _;

use super::super::parameters::{PARTS, encode};
use super::super::{Engine, decode};
use super::ServerUrl;

use crate::advice::Advice;

/// Variables that PostgreSQL's driver reads and no URL can take back.
const KEPT_BACK: &[&str] = &["PGOPTIONS", "PGSSLCERT", "PGSSLKEY", "PGSSLROOTCERT"];

/// What a server's URL says of it, for whoever decides whether it may be reached.
impl ServerUrl {
    /// The host by name or address, without brackets; `None` for a local socket.
    pub fn host(&self) -> Option<&str> {
        let (host, _) = self.address.rsplit_once(':')?;
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        (!host.starts_with('/')).then_some(bare.unwrap_or(host))
    }

    /// The names of its parameters, by the driver's spelling.
    pub fn parameters(&self) -> Vec<String> {
        let pairs = self.pairs();
        let names = pairs.into_iter().map(|(name, _)| name);
        names
            .filter(|name| !PARTS.contains(&name.as_str()))
            .collect()
    }

    /// Whether the server must prove that it is the host of that name.
    pub(crate) fn verifies_host(&self) -> bool {
        let mode = self.ssl_mode();
        matches!(mode.as_deref(), Some("verify-full" | "verify_identity"))
    }

    /// The same server, which must encrypt; none where the URL says that it need not.
    pub fn encrypted(&self) -> Option<Self> {
        let (name, mode) = match self.engine {
            Engine::MySql => ("ssl-mode", "required"),
            _ => ("sslmode", "require"),
        };
        match self.ssl_mode().as_deref() {
            Some("disable" | "allow" | "disabled") => None,
            // What it would do where the server offers it.
            None | Some("prefer" | "preferred") => Some(self.with(&[(name, mode)])),
            Some(_) => Some(self.clone()),
        }
    }

    /// The same server through a local socket in a folder, still known by the name of its host.
    #[must_use]
    pub fn through(&self, folder: &str) -> Self {
        let (name, path) = match self.engine {
            Engine::MySql => ("socket", format!("{folder}/{}", self.socket_name())),
            // The driver takes a path for the folder of a socket, beside the host.
            _ => ("host", folder.to_owned()),
        };
        let url = self.url.expose_secret();
        let joint = if url.contains('?') { '&' } else { '?' };
        self.by(format!("{url}{joint}{}={}", encode(name), encode(&path)))
    }

    /// What the file of a local socket is called.
    pub(crate) fn socket_name(&self) -> String {
        match self.engine {
            Engine::MySql => "mysql.sock".to_owned(),
            _ => format!(".s.PGSQL.{}", self.port()),
        }
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        let standard = match self.engine {
            Engine::MySql => 3306,
            _ => 5432,
        };
        let told = self.address.rsplit_once(':').map(|(_, port)| port);
        told.and_then(|port| port.parse().ok()).unwrap_or(standard)
    }

    /// The same server with everything said that the driver would take from the environment and
    /// files of whoever runs the service: those are no business of somebody else's server.
    ///
    /// # Errors
    /// Without a user, and with variables in the environment that cannot be kept back.
    pub(in crate::config) fn standalone(&self) -> Result<Self, Advice> {
        let Some(user) = &self.user else {
            return Err(Advice::new(
                "names no user",
                "name the one to log in as: postgres://reader:password@db.example.com/shop",
            ));
        };
        if self.engine == Engine::MySql {
            return Ok(self.clone());
        }
        if let Some(name) = KEPT_BACK
            .iter()
            .find(|name| std::env::var_os(name).is_some())
        {
            return Err(Advice::new(
                format!("{name} is set where the service runs, and would reach every server"),
                format!("unset {name}; DATABASE_URL takes what it says as a parameter"),
            ));
        }
        let port = self.port().to_string();
        let said = self.pairs();
        let missing = [
            ("host", "localhost"),
            ("port", &*port),
            ("dbname", &**user),
            ("password", ""),
            ("sslmode", "prefer"),
            ("application_name", "lucarne"),
        ];
        let missing = missing.iter().filter(|(name, _)| {
            let same = |said: &(String, String)| {
                said.0 == *name || (*name == "host" && said.0 == "hostaddr")
            };
            !said.iter().any(same)
        });
        Ok(self.with(&missing.copied().collect::<Vec<_>>()))
    }

    fn ssl_mode(&self) -> Option<String> {
        let pairs = self.pairs().into_iter();
        let mut modes = pairs.filter(|(name, _)| matches!(name.as_str(), "sslmode" | "ssl-mode"));
        modes.next().map(|(_, mode)| mode)
    }

    /// The same server with these parameters in the place of others of their names.
    fn with(&self, parameters: &[(&str, &str)]) -> Self {
        let url = self.url.expose_secret();
        let (start, query) = url.split_once('?').unwrap_or((url, ""));
        let others = query.split('&').filter(|pair| {
            let name = decode(pair.split('=').next().unwrap_or_default()).unwrap_or_default();
            !pair.is_empty() && !parameters.iter().any(|(other, _)| *other == name)
        });
        let added = parameters
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        let pairs: Vec<String> = others.map(str::to_owned).chain(added).collect();
        self.by(format!("{start}?{}", pairs.join("&")))
    }

    fn by(&self, url: String) -> Self {
        Self {
            url: url.into(),
            ..self.clone()
        }
    }

    /// The same server by one of its addresses.
    #[must_use]
    pub fn at(&self, address: IpAddr) -> Self {
        let url = self.url.expose_secret();
        let url = match self.engine {
            Engine::MySql => {
                // What stands before the host is encoded: there is one such sign.
                let (login, rest) = url.split_once('@').unwrap_or((url, ""));
                let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
                let port = place.rsplit_once(':').map_or("3306", |(_, port)| port);
                let host = SocketAddr::new(address, 0).to_string();
                let host = host.trim_end_matches(":0");
                format!("{login}@{host}:{port}/{path}")
            }
            _ => {
                let (start, query) = url.split_once('?').unwrap_or((url, ""));
                let others = query.split('&').filter(|pair| {
                    let name = pair.split('=').next().unwrap_or_default();
                    !matches!(name, "host" | "hostaddr") && !name.is_empty()
                });
                let host = format!("host={}", encode(&address.to_string()));
                let pairs: Vec<&str> = [host.as_str()].into_iter().chain(others).collect();
                format!("{start}?{}", pairs.join("&"))
            }
        };
        Self {
            url: url.into(),
            ..self.clone()
        }
    }

    /// The query of the driver's URL.
    fn pairs(&self) -> Vec<(String, String)> {
        let (_, query) = self.url.expose_secret().split_once('?').unwrap_or_default();
        let decoded = |text| decode(text).unwrap_or_default();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decoded(name), decoded(value)))
            .collect()
    }
}
