//! The server form of `DATABASE_URL`: PostgreSQL, MySQL and MariaDB.

mod same;

use std::fmt;
use std::net::Ipv6Addr;

use secrecy::SecretString;

use super::parameters::{Parameters, check_port, malformed_place};
use super::{Engine, decode};

use crate::advice::Advice;

/// Variables that fill in an operator's URL of PostgreSQL.
pub(crate) const OF_POSTGRES: &[&str] = &[
    "PGUSER",
    "PGPASSWORD",
    "PGPASSFILE",
    "PGHOST",
    "PGPORT",
    "PGDATABASE",
    "PGSSLMODE",
    "PGSSLROOTCERT",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGAPPNAME",
    "PGOPTIONS",
];

/// A database server and how to log in there.
///
/// `Debug` and `Display` show neither user nor password.
#[derive(Clone)]
pub struct ServerUrl {
    /// [`Engine::Postgres`] or [`Engine::MySql`].
    pub engine: Engine,
    /// Whether the URL calls it MariaDB; the server itself has the last word.
    pub mariadb: bool,
    /// The URL for the driver: scheme `postgres` or `mysql`, each part percent-encoded, and only
    /// parameters that the driver knows.
    pub url: SecretString,
    /// The user to log in as, if the URL names one.
    pub user: Option<String>,
    /// Where it listens, for people: `db:5432`, or the path of a local socket.
    pub address: String,
    /// The database on the server, if the URL names one.
    pub database: Option<String>,
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mariadb {
            write!(f, "MariaDB at {}", self.address)?;
        } else {
            write!(f, "{} at {}", self.engine, self.address)?;
        }
        match &self.database {
            Some(database) if self.address.contains('/') => write!(f, ", database {database}"),
            Some(database) => write!(f, "/{database}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({self})")
    }
}

impl ServerUrl {
    /// Reads what follows `//`; beside it come the names of parameters without a meaning.
    pub(super) fn parse(
        engine: Engine,
        mariadb: bool,
        rest: &str,
    ) -> Result<(Self, Vec<String>), Advice> {
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        if query.contains('@') {
            // The question mark stands in a password: what follows it is none of the parameters.
            return Err(malformed_place());
        }
        let (login, place) = split_login(place);
        let (host, database) = place.split_once('/').unwrap_or((place, ""));
        let (host, port) = split_port(host)?;
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let (mut parameters, ignored) = Parameters::parse(engine, query)?;
        parameters.add("host", host);
        parameters.add("port", port);
        parameters.add("user", decode(user)?);
        parameters.add("password", decode(password)?);
        parameters.add("dbname", decode(database.trim_matches('/'))?);
        let named = |name: &str| parameters.get(name).map(str::to_owned);
        if engine == Engine::MySql && named("dbname").is_none() {
            return Err(Advice::new(
                "names no database on the server",
                "put its name at the end: mysql://reader:password@localhost:3306/shop",
            ));
        }
        let server = Self {
            engine,
            mariadb,
            url: parameters.url(engine).into(),
            user: named("user"),
            address: parameters.address(engine),
            database: named("dbname"),
        };
        Ok((server, ignored))
    }
}

/// Splits off `user:password@`; people leave `@`, `/` and `#` in passwords unencoded.
fn split_login(place: &str) -> (&str, &str) {
    match place.rsplit_once('@') {
        Some((login, rest)) if !login.split(':').next().unwrap_or_default().contains('/') => {
            (login, rest)
        }
        _ => ("", place),
    }
}

/// The host, without the brackets of IPv6, and the port as text; either may be empty.
fn split_port(place: &str) -> Result<(String, &str), Advice> {
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (place, ""),
    };
    let host = decode(host)?;
    let plain = |c: char| c.is_alphanumeric() || "._-".contains(c);
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host = match bare {
        Some(bare) if bare.parse::<Ipv6Addr>().is_ok() => bare.to_owned(),
        None if host.starts_with('/') || host.chars().all(plain) => host,
        _ => return Err(malformed_place()),
    };
    check_port(port)?;
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use sqlx::mysql::MySqlConnectOptions;
    use sqlx::postgres::PgConnectOptions;

    use super::*;

    fn server(engine: Engine, rest: &str) -> ServerUrl {
        ServerUrl::parse(engine, false, rest).unwrap().0
    }

    fn postgres(rest: &str) -> (ServerUrl, PgConnectOptions) {
        let server = server(Engine::Postgres, rest);
        let options = server.url.expose_secret().parse().unwrap();
        (server, options)
    }

    #[test]
    fn postgres_parts_reach_the_driver() {
        let (server, options) = postgres("reader:pw@db:6432/my%20shop?sslmode=require");
        assert_eq!((options.get_host(), options.get_port()), ("db", 6432));
        assert_eq!(
            (options.get_username(), options.get_database()),
            ("reader", Some("my shop"))
        );
        assert_eq!(server.user.as_deref(), Some("reader"));
        assert_eq!(server.to_string(), "PostgreSQL at db:6432/my shop");
        assert!(server.url.expose_secret().contains("sslmode=require"));

        let (server, options) = postgres("[::1]/shop");
        assert_eq!(options.get_host(), "::1");
        assert_eq!(server.to_string(), "PostgreSQL at [::1]:5432/shop");
    }

    #[test]
    fn local_sockets_reach_the_driver() {
        for rest in [
            "u:p@/shop?host=/run/pg",
            "u:p@%2Frun%2Fpg/shop",
            "/shop?host=%2Frun%2Fpg",
        ] {
            let (server, options) = postgres(rest);
            assert_eq!(options.get_socket().unwrap().to_str(), Some("/run/pg"));
            assert_eq!(server.to_string(), "PostgreSQL at /run/pg, database shop");
        }
        let server = server(Engine::MySql, "u:p@/shop?unix_socket=/run/mysqld.sock");
        assert_eq!(
            server.to_string(),
            "MySQL at /run/mysqld.sock, database shop"
        );
        assert!(
            server
                .url
                .expose_secret()
                .contains("socket=%2Frun%2Fmysqld%2Esock")
        );
    }

    #[test]
    fn mysql_parts_reach_the_driver() {
        let server = server(
            Engine::MySql,
            "reader:p%40w@[::1]:3307/shop?charset=utf8mb4&ssl=true",
        );
        let options: MySqlConnectOptions = server.url.expose_secret().parse().unwrap();
        let _ = options;
        assert_eq!(
            server.url.expose_secret(),
            "mysql://reader:p%40w@[::1]:3307/shop?charset=utf8mb4&ssl%2Dmode=required"
        );
        assert_eq!(server.to_string(), "MySQL at [::1]:3307/shop");
    }

    #[test]
    fn a_server_is_known_by_host_and_reached_by_address() {
        let typed =
            "reader:p%40ss@db.internal:6432/shop?sslmode=verify-full&sslrootcert=/x&options=-c%20a";
        let (named, _) = postgres(typed);
        assert_eq!(named.host(), Some("db.internal"));
        assert_eq!(named.parameters(), ["sslmode", "sslrootcert", "options"]);
        assert!(named.verifies_host());
        let reached = named.at("10.1.2.3".parse().unwrap());
        let options: PgConnectOptions = reached.url.expose_secret().parse().unwrap();
        assert_eq!((options.get_host(), options.get_port()), ("10.1.2.3", 6432));
        assert_eq!(
            (options.get_username(), options.get_database()),
            ("reader", Some("shop"))
        );
        assert_eq!(reached.to_string(), named.to_string());

        let named = server(
            Engine::MySql,
            "reader:p%40ss@[::1]:3307/shop?charset=utf8mb4",
        );
        assert_eq!((named.host(), named.verifies_host()), (Some("::1"), false));
        let reached = named.at("fd00::5".parse().unwrap());
        assert_eq!(
            reached.url.expose_secret(),
            "mysql://reader:p%40ss@[fd00::5]:3307/shop?charset=utf8mb4"
        );
        let reached = named.at("10.1.2.3".parse().unwrap());
        assert!(reached.url.expose_secret().contains("@10.1.2.3:3307/shop?"));
        assert_eq!(server(Engine::Postgres, "/shop?host=/run/pg").host(), None);
        assert_eq!(
            server(Engine::MySql, "u:p@/shop?socket=/run/m").host(),
            None
        );
        assert_eq!(server(Engine::MySql, "u:p@/shop").host(), Some("localhost"));
    }

    #[test]
    fn every_parameter_has_a_kind_of_value() {
        for (engine, parameters) in [
            (
                Engine::MySql,
                &[
                    "collation=utf8mb4_bin%3B%20DROP%20TABLE%20x",
                    "collation=a%20b",
                    "charset=utf8mb4'",
                    "timezone=%27%3B%20SELECT%201",
                    "time-zone=a%3Bb",
                    "statement-cache-capacity=many",
                ][..],
            ),
            (
                Engine::Postgres,
                &[
                    "hostaddr=elsewhere",
                    "statement-cache-capacity=-1",
                    "options[a%20b]=1",
                    "options[a=1",
                ],
            ),
        ] {
            for parameter in parameters {
                let read =
                    ServerUrl::parse(engine, false, &format!("u:s3same@db/shop?{parameter}"));
                match read {
                    Err(reason) => assert!(!format!("{reason:?}").contains("s3same"), "{reason:?}"),
                    // What is no parameter at all never reaches the driver.
                    Ok((server, ignored)) => {
                        assert_eq!(ignored.len(), 1, "{parameter}");
                        assert!(
                            !server.url.expose_secret().contains("options"),
                            "{parameter}"
                        );
                    }
                }
            }
        }
        let long = "x".repeat(64);
        for (engine, name) in [
            (Engine::MySql, "collation"),
            (Engine::MySql, "charset"),
            (Engine::Postgres, "application_name"),
        ] {
            let rest = format!("u@db/shop?{name}={long}");
            assert!(ServerUrl::parse(engine, false, &rest).is_err(), "{name}");
        }
        let server = server(
            Engine::MySql,
            "u@db/shop?collation=utf8mb4_bin&charset=utf8mb4&time_zone=%2B00:00",
        );
        assert!(
            server
                .url
                .expose_secret()
                .contains("collation=utf8mb4%5Fbin")
        );
        let (server, _) = postgres("u@db/shop?options[search_path]=sales");
        assert!(server.url.expose_secret().contains("sales"));
    }

    #[test]
    fn a_tenants_url_says_everything_by_itself() {
        let whole = server(Engine::Postgres, "reader@db.example")
            .standalone()
            .unwrap();
        let url = whole.url.expose_secret();
        for said in [
            "host=db%2Eexample",
            "port=5432",
            "user=reader",
            "password=",
            "dbname=reader",
            "sslmode=prefer",
            "application%5Fname=lucarne",
        ] {
            let pairs: Vec<&str> = url.split(['?', '&']).collect();
            assert!(pairs.contains(&said), "{said}: {url}");
        }
        let typed = "reader:pw@/shop?host=/run/pg&port=6432&sslmode=disable&application_name=a";
        let (typed, _) = postgres(typed);
        let whole = typed.standalone().unwrap();
        assert_eq!(whole.url.expose_secret(), typed.url.expose_secret());
        for engine in [Engine::Postgres, Engine::MySql] {
            assert!(server(engine, "db/shop").standalone().is_err());
        }
    }

    #[test]
    fn passwords_may_hold_anything_but_a_question_mark() {
        for typed in ["p@ss/w#rd:1", "p%40ss%2Fw%23rd%3A1", "p@ss%2fw#rd:1"] {
            let server = server(Engine::MySql, &format!("u:{typed}@db/shop"));
            let url = server.url.expose_secret();
            assert!(url.contains("u:p%40ss%2Fw%23rd%3A1@db:3306"), "{url}");
            assert_eq!(server.address, "db:3306");
        }
        let server = server(Engine::MySql, "u:100%!$+&=@db/shop");
        assert!(
            server
                .url
                .expose_secret()
                .contains("u:100%25%21%24%2B%26%3D@")
        );
        for rest in ["u:s3?same@db/shop", "u:s3@x?same&y@db/shop"] {
            assert!(ServerUrl::parse(Engine::MySql, false, rest).is_err());
        }
    }

    #[test]
    fn what_is_malformed_is_not_repeated() {
        for rest in [
            "u:s3same@db:port/shop",
            "u:s3same@db:0/shop",
            "u:s3same@db:70000/shop",
            "u:s3same@a,b/shop",
            "u:s3same@db x/shop",
            "u:s3same",
            "u:s3same@[::zz]/shop",
            "u:s3same@db/shop?sslmode=s3same",
            "u:s3same@db/shop?ssl_s3same=1",
            "u:s3same%00@db/shop",
            "u:s3same%ff@db/shop",
            "u:s3same@db/shop?port=s3same",
        ] {
            let reason = ServerUrl::parse(Engine::Postgres, false, rest).unwrap_err();
            assert!(!format!("{reason:?}").contains("s3same"), "{reason:?}");
        }
        assert!(
            ServerUrl::parse(Engine::MySql, false, "u@db").is_err(),
            "no database"
        );
    }

    #[test]
    fn parameters_of_other_tools_are_named_or_translated() {
        let (server, ignored) = ServerUrl::parse(
            Engine::Postgres,
            false,
            "u@db/shop?ssl=true&channel_binding=require&schema=public&application_name=a+b",
        )
        .unwrap();
        assert_eq!(ignored, ["channel_binding", "schema"]);
        let url = server.url.expose_secret();
        assert!(
            url.contains("sslmode=require") && url.contains("application%5Fname=a%20b"),
            "{url}"
        );
        assert!(!url.contains("schema"));
    }

    #[test]
    fn nothing_shows_the_login() {
        let server = server(Engine::Postgres, "admin:s3same@db/shop?password=s3same");
        for shown in [
            server.to_string(),
            format!("{server:?}"),
            format!("{server:#?}"),
        ] {
            assert!(
                !shown.contains("s3same") && !shown.contains("admin"),
                "{shown}"
            );
        }
    }
}
