//! `DATABASE_URL`: which engine, where, and how to say so without the password. Read by hand, as the
//! drivers read it and browsers do not (ADR 14).

mod parameters;
mod server;
mod sqlite;

use std::fmt;

pub(crate) use self::server::{OF_POSTGRES, ServerUrl};
pub(crate) use self::sqlite::SqliteFile;
use super::fault::quoted;

use crate::advice::Advice;

/// The kind of database behind the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A SQLite file.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
    /// A MySQL or MariaDB server.
    MySql,
}

/// The database to read, as named by `DATABASE_URL`.
///
/// `Debug` and `Display` show neither user nor password: `PostgreSQL at db:5432/shop`,
/// `SQLite file data/shop.db`.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A file on this machine.
    Sqlite(SqliteFile),
    /// A server, by network or local socket.
    Server(ServerUrl),
}

impl DatabaseUrl {
    /// The kind of database.
    pub fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Server(server) => server.engine,
        }
    }

    /// Reads a URL; beside it come the names of parameters that mean nothing here.
    pub(super) fn parse(text: &str) -> Result<(Self, Vec<String>), Advice> {
        let Some((scheme, rest)) = text.trim().split_once(':') else {
            return Err(Advice::new(
                "expected a URL, and this has no scheme",
                EXAMPLES,
            ));
        };
        let scheme = scheme.to_ascii_lowercase();
        // SQLAlchemy names its driver behind a plus sign: postgresql+asyncpg.
        let (base, driver) = scheme.split_once('+').unwrap_or((&scheme, ""));
        let engine = match base {
            "sqlite" => Some(Engine::Sqlite),
            "postgres" | "postgresql" => Some(Engine::Postgres),
            "mysql" | "mariadb" => Some(Engine::MySql),
            _ => None,
        };
        let known = driver
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let Some(engine) = engine.filter(|_| known) else {
            return Err(unknown_scheme(&scheme, rest));
        };
        if engine == Engine::Sqlite {
            let (file, ignored) = SqliteFile::parse(rest)?;
            return Ok((Self::Sqlite(file), ignored));
        }
        let Some(rest) = rest.strip_prefix("//") else {
            return Err(Advice::new(format!("expected // after {base}:"), EXAMPLES));
        };
        let (server, ignored) = ServerUrl::parse(engine, base == "mariadb", rest)?;
        Ok((Self::Server(server), ignored))
    }
}

const EXAMPLES: &str =
    "for example sqlite:data/shop.db or postgres://reader:password@localhost:5432/shop";

/// Repeats the scheme only where it surely is one: what stands before a colon may be a password.
fn unknown_scheme(scheme: &str, rest: &str) -> Advice {
    let plain = scheme.len() <= 20
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let shown = if plain && rest.starts_with("//") {
        format!(", not {}", quoted(&format!("{scheme}://")))
    } else {
        String::new()
    };
    Advice::new(
        format!("expected sqlite:, postgres://, mysql:// or mariadb://{shown}"),
        EXAMPLES,
    )
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL",
        })
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(f, "SQLite file {}", file.path().display()),
            Self::Server(server) => server.fmt(f),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// Undoes percent-encoding; control characters and what is no UTF-8 have no meaning in a URL.
fn decode(text: &str) -> Result<String, Advice> {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    match decoded {
        Ok(decoded) if !decoded.chars().any(char::is_control) => Ok(decoded.into_owned()),
        _ => Err(Advice::new(
            "holds a control character, or percent-encoding that is not UTF-8",
            "encode each special character as the percent signs of its UTF-8 bytes",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_engine_and_place() {
        for (url, engine, shown) in [
            (
                "sqlite:data/shop.db",
                Engine::Sqlite,
                "SQLite file data/shop.db",
            ),
            (
                "sqlite+aiosqlite:///shop.db",
                Engine::Sqlite,
                "SQLite file shop.db",
            ),
            (
                "postgres://u:pw@db:5432/shop",
                Engine::Postgres,
                "PostgreSQL at db:5432/shop",
            ),
            (
                "postgresql+asyncpg://u:pw@db/shop",
                Engine::Postgres,
                "PostgreSQL at db:5432/shop",
            ),
            (
                "PostgreSQL+psycopg2://u:pw@db/shop",
                Engine::Postgres,
                "PostgreSQL at db:5432/shop",
            ),
            (
                "mysql+aiomysql://u:pw@db/shop",
                Engine::MySql,
                "MySQL at db:3306/shop",
            ),
            (
                "mariadb://u:pw@db:3307/shop",
                Engine::MySql,
                "MariaDB at db:3307/shop",
            ),
        ] {
            let (database, ignored) = DatabaseUrl::parse(url).unwrap();
            assert_eq!(database.engine(), engine);
            assert_eq!(database.to_string(), shown);
            assert!(ignored.is_empty());
        }
    }

    #[test]
    fn refuses_other_schemes_and_names_the_known_ones() {
        for (url, shown) in [
            ("sqlite3:///x.db", "sqlite3://"),
            ("mssql+pyodbc://u:s3same@db/shop", "mssql+pyodbc://"),
            ("mongodb://u:s3same@db", "mongodb://"),
            ("s3same:x", ""),
            ("s3same", ""),
            ("jdbc:postgresql://db/shop?password=s3same", ""),
            ("postgres:shop", ""),
            ("postgres+s3same!://db/shop", ""),
        ] {
            let reason = DatabaseUrl::parse(url).unwrap_err();
            let text = format!("{} {}", reason.what, reason.help);
            assert!(
                text.contains("postgres://") && text.contains(shown),
                "{text}"
            );
            assert!(!text.contains("s3same"), "{text}");
        }
    }
}
