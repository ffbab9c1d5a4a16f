//! Why a server cannot be used at start, and what to do about it.

use std::io::ErrorKind;

use sqlx::Error;
use sqlx::mysql::MySqlDatabaseError;

use crate::advice::Advice;
use crate::config::ServerUrl;
use crate::db::Failure;
use crate::db::start::{of_network, word};

/// What a failure at start means; `None` where the server may come by itself.
pub(super) fn fault(url: &ServerUrl, failure: &Failure) -> Option<Advice> {
    let address = &url.address;
    let (what, help) = match failure.source()? {
        Error::Database(error) => of_server(url, error.try_downcast_ref::<MySqlDatabaseError>()?)?,
        Error::Configuration(error) => {
            let detail = error.to_string();
            if detail.contains("RSA") {
                // Without TLS the driver would have to encrypt the password itself.
                (
                    format!(
                        "{} takes this login over TLS alone (caching_sha2_password)",
                        server(url)
                    ),
                    "add ssl-mode=VERIFY_IDENTITY to DATABASE_URL, or ssl-mode=REQUIRED where \
                     the server's certificate cannot be checked"
                        .to_owned(),
                )
            } else {
                (
                    format!("{} cannot be read: {detail}", server(url)),
                    "a proxy between may drop what a session is told; go to the server itself"
                        .to_owned(),
                )
            }
        }
        Error::Tls(error) => encryption(url, &error.to_string()),
        // The driver's way of saying that the TLS handshake failed.
        Error::Io(error) if error.kind() == ErrorKind::InvalidData => {
            encryption(url, &error.to_string())
        }
        Error::Io(error) => of_network(error, address, "ssl-ca, ssl-cert and ssl-key")?,
        Error::Protocol(detail) => match detail.split_once("unknown authentication plugin: ") {
            Some((_, plugin)) => (
                format!(
                    "{} wants a login by {plugin}, which is not known here",
                    server(url)
                ),
                "use an account with a password: IDENTIFIED VIA mysql_native_password, or \
                 caching_sha2_password over TLS"
                    .to_owned(),
            ),
            None => (
                format!("what answers at {address} is no MariaDB or MySQL server"),
                "check host and port of DATABASE_URL".to_owned(),
            ),
        },
        _ => return None,
    };
    Some(Advice::new(what, help))
}

fn of_server(url: &ServerUrl, error: &MySqlDatabaseError) -> Option<(String, String)> {
    let server = server(url);
    let role = url.user.as_deref().unwrap_or("root");
    let database = url.database.as_deref().unwrap_or_default();
    let told = match error.number() {
        1045 | 1698 => (
            format!("{server} refused the password of {role:?}"),
            format!("try it: {}", client(url, true)),
        ),
        1049 => (
            format!("{server} has no database {database:?}"),
            format!(
                "list those it has: {} -e 'SHOW DATABASES'",
                client(url, false)
            ),
        ),
        1044 => (
            format!("{server} does not let {role:?} into database {database:?}"),
            "lucarne check prints the GRANT statements that it needs".to_owned(),
        ),
        1129 => (
            format!("{server} has blocked this host after many failed connections"),
            "run FLUSH HOSTS there".to_owned(),
        ),
        1130 => (
            format!("{server} lets nobody in from this host"),
            format!("create the account for this host too: CREATE USER '{role}'@'…'"),
        ),
        1820 | 1862 => (
            format!("the password of {role:?} at {} has expired", url.address),
            "set it anew: ALTER USER … IDENTIFIED BY …".to_owned(),
        ),
        3118 | 4151 => (
            format!("the account {role:?} at {} is locked", url.address),
            "unlock it: ALTER USER … ACCOUNT UNLOCK".to_owned(),
        ),
        3159 => (
            format!("{server} takes encrypted connections alone"),
            "add ssl-mode=VERIFY_IDENTITY to DATABASE_URL".to_owned(),
        ),
        1115 | 1193 => (
            format!("{server} is too old to be told to read only within a time limit"),
            "use MariaDB 10.5, MySQL 8.0 or newer".to_owned(),
        ),
        _ => return None,
    };
    Some(told)
}

fn encryption(url: &ServerUrl, detail: &str) -> (String, String) {
    if detail.contains("does not support TLS") {
        return (
            format!("{} does not encrypt connections", server(url)),
            "turn TLS on there, or write ssl-mode=DISABLED where the network is trusted".to_owned(),
        );
    }
    (
        format!(
            "the encrypted connection to {} failed: {detail}",
            url.address
        ),
        "ssl-ca=ca.pem names the authority that signed the server's certificate, whose name must \
         be the host's with ssl-mode=VERIFY_IDENTITY"
            .to_owned(),
    )
}

/// `MariaDB at db:3306`, by the name that the address gives it.
fn server(url: &ServerUrl) -> String {
    let name = if url.mariadb { "MariaDB" } else { "MySQL" };
    format!("{name} at {}", url.address)
}

/// The line that tries the same login by hand; the client asks for the password itself.
fn client(url: &ServerUrl, database: bool) -> String {
    let program = if url.mariadb { "mariadb" } else { "mysql" };
    let place = match url.address.rsplit_once(':') {
        _ if url.address.contains('/') => format!("-S {}", word(&url.address)),
        Some((host, port)) => {
            let host = host.trim_matches(['[', ']']);
            format!("-h {} -P {port}", word(host))
        }
        None => format!("-h {}", word(&url.address)),
    };
    let user = url.user.as_deref();
    let user = user.map_or(String::new(), |user| format!(" -u {}", word(user)));
    let database = url.database.as_deref().filter(|_| database);
    let database = database.map_or(String::new(), |name| format!(" {}", word(name)));
    format!("{program} {place}{user} -p{database}")
}
