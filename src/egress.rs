//! Which databases may be connected to, of those that come by the admin API.
//!
//! Addresses that everybody may reach are free, with encryption; those of this machine, of private
//! nets, of the link and of cloud metadata are not, unless the operator names them. A name is looked
//! up once, every address of it is judged, and one of these is connected to, also where a
//! certificate must prove the name: whoever answers for the name cannot give another afterwards.
//! What a host sends that the operator does not name comes at a bounded pace.
//! Files stand in the operator's folder, and no parameter reads one.

mod address;
mod relay;

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use relay::Relay;

use crate::advice::Advice;
use crate::config::{DatabasePlaces, DatabaseUrl, HostRule, ServerUrl, SqliteFile};

/// What looking up a name may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// What a URL may ask of the driver: nothing that reads a file or sets the session.
const PARAMETERS: &[&str] = &[
    "sslmode",
    "ssl-mode",
    "application_name",
    "charset",
    "collation",
    "timezone",
    "statement-cache-capacity",
];

/// Decides which databases may be connected to.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    places: DatabasePlaces,
}

/// A way to a database that was judged. The URL is good for as long as this lives.
#[derive(Debug)]
pub struct Way {
    /// What to connect by.
    pub url: DatabaseUrl,
    _relay: Option<Relay>,
}

impl From<DatabaseUrl> for Way {
    /// A way that needs no judgement: the operator's own.
    fn from(url: DatabaseUrl) -> Self {
        Self { url, _relay: None }
    }
}

impl Reach {
    /// What the operator allows.
    pub fn new(places: DatabasePlaces) -> Self {
        Self { places }
    }

    /// The way to a database, once it was judged: nothing is looked up by a name after this.
    ///
    /// # Errors
    /// One that may not be connected to, and a name that nobody knows.
    pub(crate) async fn judge(&self, url: &DatabaseUrl) -> Result<Way, Advice> {
        match url {
            DatabaseUrl::Sqlite(file) => {
                let file = self.file(file)?;
                Ok(DatabaseUrl::Sqlite(file).into())
            }
            DatabaseUrl::Server(server) => self.server(server).await,
        }
    }

    /// The file as it is once links are followed, inside of the folder.
    fn file(&self, file: &SqliteFile) -> Result<SqliteFile, Advice> {
        let Some(folder) = &self.places.folder else {
            return Err(Advice::new(
                "SQLite files may not be added here",
                "MCP_DATABASE_FOLDER names the folder where they may be",
            ));
        };
        // An absent file and one elsewhere are told alike.
        let real = |path: &Path| fs::canonicalize(path).ok();
        let found = real(file.path()).zip(real(folder));
        let found = found.filter(|(file, folder)| file.starts_with(folder) && file.is_file());
        found
            .map(|(file, _)| SqliteFile::without_links(file))
            .ok_or_else(|| {
                Advice::new(
                    "that is no file in the folder of MCP_DATABASE_FOLDER",
                    "give its absolute path: sqlite:////folder/name.db",
                )
            })
    }

    async fn server(&self, server: &ServerUrl) -> Result<Way, Advice> {
        if let Some(name) = server
            .parameters()
            .iter()
            .find(|name| !PARAMETERS.contains(&name.as_str()))
        {
            return Err(Advice::new(
                format!("the parameter {name:?} may not be given here"),
                "add the database by lucarne database add, as the operator may",
            ));
        }
        let Some(host) = server.host() else {
            return Err(Advice::new(
                "local sockets may not be added here",
                "add the database by lucarne database add, as the operator may",
            ));
        };
        let addresses = addresses(host).await?;
        let Some(first) = addresses.first() else {
            return Err(unknown(host));
        };
        let mut vouched = true;
        for address in &addresses {
            vouched &= self.address(host, *address)?;
        }
        let server = match vouched {
            true => server.clone(),
            false => server.encrypted().ok_or_else(|| {
                Advice::new(
                    format!("the host {host:?} may be connected to with encryption alone"),
                    "take sslmode out of the URL, or name the host in MCP_ALLOWED_DATABASE_HOSTS",
                )
            })?,
        };
        // Whoever is trusted with the way there is trusted with what comes from there.
        if vouched && !server.verifies_host() {
            return Ok(DatabaseUrl::Server(server.at(*first)).into());
        }
        // The driver looks up the name that a certificate must prove, unless a socket leads there.
        let place = SocketAddr::new(*first, server.port());
        let relay = Relay::open(place, &server.socket_name()).map_err(|_| {
            Advice::new(
                "no folder can be made for a local socket, by which the host is reached",
                "let the service write to its folder for temporary files (TMPDIR)",
            )
        })?;
        Ok(Way {
            url: DatabaseUrl::Server(server.through(relay.folder())),
            _relay: Some(relay),
        })
    }

    /// Judges an address; gives back whether the operator names it.
    fn address(&self, host: &str, found: IpAddr) -> Result<bool, Advice> {
        let meant = address::meant(found);
        let listed = self.places.hosts.iter().any(|rule| match rule {
            HostRule::Network(network) => network.contains(&meant),
            HostRule::Name(name) => {
                let host = host.to_ascii_lowercase();
                let host = host.strip_suffix('.').unwrap_or(&host);
                // A name never opens what hands out the machine's own credentials.
                *name == *host && !address::is_of_link(meant)
            }
        });
        if listed || !address::is_special(meant) {
            return Ok(listed);
        }
        Err(Advice::new(
            format!("the host {host:?} is at an address that may not be connected to"),
            "MCP_ALLOWED_DATABASE_HOSTS names hosts and networks that may",
        ))
    }
}

/// Every address of a host, in any way of writing one.
async fn addresses(host: &str) -> Result<Vec<IpAddr>, Advice> {
    let found = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host, 0))).await;
    match found {
        Ok(Ok(found)) => Ok(found.map(|found| found.ip()).collect()),
        _ => Err(unknown(host)),
    }
}

fn unknown(host: &str) -> Advice {
    Advice::new(
        format!("the host {host:?} is not known"),
        "look at its spelling, and at the name servers of this machine",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn reach(hosts: &str, folder: Option<&Path>) -> Reach {
        let mut vars = vec![("MCP_ALLOWED_DATABASE_HOSTS".to_owned(), hosts.to_owned())];
        if let Some(folder) = folder {
            vars.push((
                "MCP_DATABASE_FOLDER".to_owned(),
                folder.display().to_string(),
            ));
        }
        Reach::new(config::load(vars).unwrap().admin.places)
    }

    async fn judged(reach: &Reach, url: &str) -> Result<Way, Advice> {
        reach.judge(&config::tenant_url("url", url).unwrap()).await
    }

    fn driver_url(way: &Way) -> String {
        let DatabaseUrl::Server(server) = &way.url else {
            panic!("a server")
        };
        secrecy::ExposeSecret::expose_secret(&server.url).to_owned()
    }

    #[tokio::test]
    async fn what_is_near_is_refused_in_every_way_of_writing_it() {
        let reach = reach("", None);
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "localhost",
            "LOCALHOST.",
            "0.0.0.0",
            "0",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::a9fe:a9fe]",
            "[64:ff9b:1::5db8:d822]",
            "[64:ff9b:1:a9fe:a9:fe00::]",
            "[::ffff:0:5db8:d822]",
            "[::5db8:d822]",
            "[2002:7f00:1::]",
            "[fd20:ce::254]",
            "168.63.129.16",
            "192.0.0.192",
            "100.100.100.200",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[fc00::1]",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            for scheme in ["postgres", "mysql"] {
                let url = format!("{scheme}://u:s3cret@{host}/shop");
                let refused = judged(&reach, &url).await.unwrap_err();
                assert!(!refused.what.contains("s3cret"), "{}", refused.what);
            }
        }
    }

    #[tokio::test]
    async fn what_everybody_may_reach_is_free_and_reached_by_its_address() {
        let reach = reach("", None);
        for (url, reached) in [
            (
                "postgres://u:p@192.0.1.1/shop",
                ["host=%2F", "sslmode=require"],
            ),
            (
                "postgres://u:p@192.0.1.1/shop?sslmode=prefer",
                ["host=%2F", "sslmode=require"],
            ),
            (
                "mysql://u:p@[2606:4700::1]/shop",
                ["socket=%2F", "ssl%2Dmode=required"],
            ),
            (
                "mysql://u:p@192.0.1.1/shop?ssl-mode=verify_ca",
                ["socket=%2F", "ssl%2Dmode=verify%5Fca"],
            ),
        ] {
            let way = judged(&reach, url).await.unwrap();
            let url = driver_url(&way);
            for part in reached {
                assert!(url.contains(part), "{url}");
            }
            assert!(!url.contains("prefer"), "{url}");
        }
    }

    #[tokio::test]
    async fn without_encryption_only_what_the_operator_names_is_reached() {
        let free = reach("", None);
        let named = reach("192.0.1.0/24", None);
        for url in [
            "postgres://u:p@192.0.1.1/shop?sslmode=disable",
            "postgres://u:p@192.0.1.1/shop?sslmode=allow",
            "mysql://u:p@192.0.1.1/shop?ssl-mode=disabled",
        ] {
            let refused = judged(&free, url).await.unwrap_err();
            assert!(refused.what.contains("encryption alone"), "{refused:?}");
            judged(&named, url).await.unwrap();
        }
    }

    #[tokio::test]
    async fn the_operator_opens_networks_and_names() {
        let networks = reach("10.1.0.0/16,127.0.0.1", None);
        for (host, allowed) in [("10.1.2.3", true), ("10.2.0.1", false), ("127.0.0.1", true)] {
            let url = format!("postgres://u:p@{host}/shop");
            assert_eq!(judged(&networks, &url).await.is_ok(), allowed, "{host}");
        }
        let named = reach("localhost", None);
        let found = judged(&named, "postgres://u:p@localhost/shop").await;
        // The name was looked up here, and is not looked up again.
        let url = driver_url(&found.unwrap());
        assert!(
            url.contains("host=127%2E0%2E0%2E1") || url.contains("host=%3A%3A1"),
            "{url}"
        );
        assert!(
            judged(&named, "postgres://u:p@127.0.0.1/shop")
                .await
                .is_err()
        );
        // Not by a name.
        let link = reach("metadata.internal", None);
        assert!(
            link.address("metadata.internal", "169.254.169.254".parse().unwrap())
                .is_err()
        );
        assert!(
            link.address("metadata.internal", "10.0.0.1".parse().unwrap())
                .is_ok()
        );
    }

    #[tokio::test]
    async fn a_certificate_proves_the_name_at_the_address_that_was_judged() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        let named = reach("localhost", None);
        for (url, known) in [
            (
                format!("postgres://u:p@localhost:{port}/shop?sslmode=verify-full"),
                "host=localhost",
            ),
            (
                format!("mysql://u:p@localhost:{port}/shop?ssl-mode=verify_identity"),
                "@localhost:",
            ),
        ] {
            let way = judged(&named, &url).await.unwrap();
            let url = driver_url(&way);
            assert!(url.contains(known), "{url}");
            let socket = url.rsplit_once('=').unwrap().1;
            let socket = percent_encoding::percent_decode_str(socket)
                .decode_utf8()
                .unwrap();
            let socket = match url.starts_with("postgres") {
                true => format!("{socket}/.s.PGSQL.{port}"),
                false => socket.into_owned(),
            };
            let mut client = tokio::net::UnixStream::connect(&socket).await.unwrap();
            let (mut reached, _) = server.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut client, b"hello")
                .await
                .unwrap();
            let mut heard = [0; 5];
            tokio::io::AsyncReadExt::read_exact(&mut reached, &mut heard)
                .await
                .unwrap();
            assert_eq!(&heard, b"hello");
            drop(way);
            assert!(!Path::new(&socket).parent().unwrap().exists());
        }
    }

    #[tokio::test]
    async fn no_parameter_reads_a_file_or_leads_elsewhere() {
        let reach = reach("127.0.0.0/8,localhost", None);
        for url in [
            "postgres://u:p@127.0.0.1/shop?sslrootcert=/etc/passwd",
            "postgres://u:p@127.0.0.1/shop?sslcert=/etc/passwd",
            "postgres://u:p@127.0.0.1/shop?ssl-key=/etc/passwd",
            "postgres://u:p@127.0.0.1/shop?options=-c%20x%3D1",
            "postgres://u:p@127.0.0.1/shop?options[x]=1",
            "postgres://u:p@127.0.0.1/shop?hostaddr=10.0.0.1",
            "postgres://u:p@/shop?host=/run/postgresql",
            "mysql://u:p@127.0.0.1/shop?ssl-ca=/etc/passwd",
            "mysql://u:p@127.0.0.1/shop?socket=/run/mysqld.sock",
        ] {
            assert!(judged(&reach, url).await.is_err(), "{url}");
        }
        let plain = "postgres://u:p@127.0.0.1/shop?sslmode=require&application_name=x";
        judged(&reach, plain).await.unwrap();
    }

    #[tokio::test]
    async fn files_are_inside_the_folder_once_links_are_followed() {
        let outside = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        for path in [
            outside.path().join("shop.db"),
            folder.path().join("shop.db"),
        ] {
            fs::write(path, "").unwrap();
        }
        let link = folder.path().join("link.db");
        std::os::unix::fs::symlink(outside.path().join("shop.db"), &link).unwrap();
        let opened = reach("", Some(folder.path()));
        let url = |path: &Path| format!("sqlite:///{}", path.display());
        assert!(
            judged(&opened, &url(&folder.path().join("shop.db")))
                .await
                .is_ok()
        );
        let climbing = folder
            .path()
            .join("..")
            .join(outside.path().file_name().unwrap());
        let mut told = Vec::new();
        for path in [
            outside.path().join("shop.db"),
            outside.path().join("absent.db"),
            folder.path().join("absent.db"),
            climbing.join("shop.db"),
            link,
            folder.path().to_owned(),
        ] {
            told.push(judged(&opened, &url(&path)).await.unwrap_err());
        }
        told.dedup();
        assert_eq!(told.len(), 1, "{told:?}");
        let closed = reach("", None);
        assert!(
            judged(&closed, &url(&folder.path().join("shop.db")))
                .await
                .is_err()
        );
    }
}
