//! The parts and parameters of a server's URL, and the URL that the driver is given.

use std::net::IpAddr;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Engine, decode};

use crate::advice::Advice;

/// The parts of a URL that are no parameters, by PostgreSQL's names.
pub(super) const PARTS: &[&str] = &["host", "port", "user", "password", "dbname"];

/// What the driver understands, by our spelling.
const POSTGRES_PARAMETERS: &[&str] = &[
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];
const MYSQL_PARAMETERS: &[&str] = &[
    "ssl-mode",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "statement-cache-capacity",
    "charset",
    "collation",
    "socket",
    "timezone",
];

/// The longest name that servers keep, in bytes.
const LONGEST_NAME: usize = 63;
/// The longest value of any other parameter, in bytes.
const LONGEST_VALUE: usize = 4_096;

/// How an engine is told which encryption to ask for.
struct SslModes {
    name: &'static str,
    modes: &'static [&'static str],
    off: &'static str,
    on: &'static str,
}

const POSTGRES_SSL_MODES: SslModes = SslModes {
    name: "sslmode",
    modes: &[
        "disable",
        "allow",
        "prefer",
        "require",
        "verify-ca",
        "verify-full",
    ],
    off: "disable",
    on: "require",
};
const MYSQL_SSL_MODES: SslModes = SslModes {
    name: "ssl-mode",
    modes: &[
        "disabled",
        "preferred",
        "required",
        "verify_ca",
        "verify_identity",
    ],
    off: "disabled",
    on: "required",
};

impl SslModes {
    fn own_mode(&self, value: &str) -> Result<String, Advice> {
        let value = value.to_ascii_lowercase();
        let mode = match value.as_str() {
            "true" | "1" | "require" => self.on,
            "false" | "0" | "disable" => self.off,
            value => value,
        };
        if self.modes.contains(&mode) {
            return Ok(mode.to_owned());
        }
        Err(Advice::new(
            format!("{} holds a mode that does not exist", self.name),
            format!("these do: {}", self.modes.join(", ")),
        ))
    }
}

/// The driver's name for a parameter that other tools spell differently.
fn own_name(engine: Engine, name: &str) -> &str {
    match (engine, name) {
        (Engine::Postgres, "ssl" | "ssl-mode" | "ssl_mode") => "sslmode",
        (Engine::Postgres, "ssl-root-cert" | "ssl-ca") => "sslrootcert",
        (Engine::Postgres, "ssl-cert") => "sslcert",
        (Engine::Postgres, "ssl-key") => "sslkey",
        (Engine::MySql, "ssl" | "sslmode" | "ssl_mode") => "ssl-mode",
        (Engine::MySql, "sslca" | "ssl_ca") => "ssl-ca",
        (Engine::MySql, "sslcert" | "ssl_cert") => "ssl-cert",
        (Engine::MySql, "sslkey" | "ssl_key") => "ssl-key",
        (Engine::MySql, "unix_socket") => "socket",
        (Engine::MySql, "time-zone" | "time_zone") => "timezone",
        _ => name,
    }
}

/// What the driver is given: the parts of the URL by PostgreSQL's names, and its parameters.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn parse(engine: Engine, query: &str) -> Result<(Self, Vec<String>), Advice> {
        let (known, modes) = match engine {
            Engine::MySql => (MYSQL_PARAMETERS, MYSQL_SSL_MODES),
            _ => (POSTGRES_PARAMETERS, POSTGRES_SSL_MODES),
        };
        let mut parameters = Self(Vec::new());
        let mut ignored = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(&value.replace('+', " "))?);
            let own = own_name(engine, &name);
            if own == modes.name {
                parameters.add(own, modes.own_mode(&value)?);
            } else if known.contains(&own) || is_setting(engine, own) {
                check_value(own, &value)?;
                parameters.add(own, value);
            } else if own.starts_with("ssl") || own.starts_with("tls") {
                // Left out, it would weaken the connection without a word.
                let known: Vec<_> = known
                    .iter()
                    .filter(|known| known.starts_with("ssl"))
                    .copied()
                    .collect();
                return Err(Advice::new(
                    "holds an encryption parameter that is not understood",
                    format!("these are: {}", known.join(", ")),
                ));
            } else {
                ignored.push(name);
            }
        }
        check_port(parameters.get("port").unwrap_or_default())?;
        Ok((parameters, ignored))
    }

    /// Adds a parameter that has a value, unless an earlier one has its name.
    pub(super) fn add(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() && self.get(name).is_none() {
            self.0.push((name.to_owned(), value));
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The URL for the driver.
    ///
    /// PostgreSQL's takes every part as a parameter, so a login without a host is none the less a
    /// URL (`postgres://user@/shop?host=/run/postgresql` is not one to the driver).
    pub(super) fn url(&self, engine: Engine) -> String {
        let part = |name: &str| self.get(name).map(encode).unwrap_or_default();
        let (mut url, skipped): (String, &[&str]) = match engine {
            Engine::MySql => {
                let host = self.get("host").unwrap_or("localhost");
                let host = if host.contains(':') {
                    format!("[{host}]")
                } else {
                    host.to_owned()
                };
                let port = self.get("port").unwrap_or("3306");
                let login = format!("{}:{}@", part("user"), part("password"));
                (
                    format!("mysql://{login}{host}:{port}/{}?", part("dbname")),
                    PARTS,
                )
            }
            _ => ("postgres:///?".to_owned(), &[]),
        };
        for (name, value) in self
            .0
            .iter()
            .filter(|(name, _)| !skipped.contains(&name.as_str()))
        {
            url += &format!("{}={}&", encode(name), encode(value));
        }
        url.pop();
        url
    }

    /// Where the server listens: `db:5432`, or the path of a local socket.
    pub(super) fn address(&self, engine: Engine) -> String {
        let (host, default_port) = match engine {
            Engine::MySql => (self.get("socket").or(self.get("host")), "3306"),
            _ => (self.get("hostaddr").or(self.get("host")), "5432"),
        };
        let port = self.get("port").unwrap_or(default_port);
        match host.unwrap_or("localhost") {
            path if path.starts_with('/') => path.to_owned(),
            host if host.contains(':') => format!("[{host}]:{port}"),
            host => format!("{host}:{port}"),
        }
    }
}

/// Whether a parameter sets one of PostgreSQL's own: `options[search_path]`.
fn is_setting(engine: Engine, name: &str) -> bool {
    let setting = name.strip_prefix("options[");
    let setting = setting.and_then(|setting| setting.strip_suffix(']'));
    engine == Engine::Postgres && setting.is_some_and(|setting| is_word(setting, "_."))
}

/// Sees that a value is of its parameter's kind. Drivers write some of them into statements as they
/// are, so that what is no word would be SQL.
fn check_value(name: &str, value: &str) -> Result<(), Advice> {
    let (fits, help) = match name {
        // Both are judged where all ports and hosts are.
        "host" | "port" => (true, ""),
        "hostaddr" => (
            value.parse::<IpAddr>().is_ok(),
            "give an IP address, such as hostaddr=10.1.2.3",
        ),
        "charset" | "collation" => (
            is_word(value, "_"),
            "give its name, such as charset=utf8mb4 or collation=utf8mb4_bin",
        ),
        "timezone" => (is_word(value, "_+-:/"), "leave it out: it is always UTC"),
        "statement-cache-capacity" => (
            value.parse::<u16>().is_ok(),
            "give a number from 0 to 65535",
        ),
        "application_name" => (
            value.len() <= LONGEST_NAME,
            "give a name of at most 63 bytes",
        ),
        // Names of the database's own, files and options: sent or opened as they are.
        _ => (value.len() <= LONGEST_VALUE, "give a shorter one"),
    };
    // A parameter without a value is left out.
    match fits || value.is_empty() {
        true => Ok(()),
        false => Err(Advice::new(
            format!("the parameter {name} has a value that cannot be one"),
            help,
        )),
    }
}

/// Letters, digits and these signs, no more than any name has.
fn is_word(text: &str, signs: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || signs.as_bytes().contains(&byte);
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(fits)
}

/// Encodes everything but letters and digits.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

pub(super) fn check_port(port: &str) -> Result<(), Advice> {
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let in_range = port.parse::<u16>().is_ok_and(|port| port > 0);
    if port.is_empty() || digits && in_range {
        Ok(())
    } else {
        Err(malformed_place())
    }
}

/// Nothing of the text is repeated: what stands in the place of a host is often a password.
pub(super) fn malformed_place() -> Advice {
    Advice::new(
        "expected one host, and a port from 1 to 65535 or none",
        "in a password write ? as %3F, @ as %40 and % as %25; an IPv6 address goes into [ ]",
    )
}
