//! Database servers of a test's own, which it may stop, kill and start again.

use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::{Connection as _, Executor as _, MySqlConnection, PgConnection};
use tempfile::TempDir;

use crate::skipped::skipped;
use crate::support::PATIENCE;

/// Whose server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Postgres,
    MariaDb,
}

/// How a server is brought to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It cuts its sessions and ends in order.
    Stopped,
    /// It is gone without a word.
    Killed,
}

/// A server in a folder of its own, on a port of its own; both go with the test.
pub(crate) struct Server {
    engine: Engine,
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    running: Option<Child>,
}

impl Server {
    /// Makes a server and starts it; `None` where its programs are not there.
    pub(crate) async fn new(engine: Engine) -> Option<Self> {
        let Some(programs) = engine.programs() else {
            skipped(engine.required_as(), engine.missing());
            return None;
        };
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut server = Self {
            engine,
            folder: tempfile::tempdir().unwrap(),
            programs,
            port: free.local_addr().unwrap().port(),
            running: None,
        };
        drop(free);
        server.make();
        server.start().await;
        Some(server)
    }

    /// The URL of the database of the tests.
    pub(crate) fn url(&self) -> String {
        match self.engine {
            Engine::Postgres => format!("postgres://root@127.0.0.1:{}/postgres", self.port),
            Engine::MariaDb => format!("mysql://root@127.0.0.1:{}/shop", self.port),
        }
    }

    /// The URL of a database as somebody logs in there.
    pub(crate) fn url_of(&self, login: &str, database: &str) -> String {
        let scheme = match self.engine {
            Engine::Postgres => "postgres",
            Engine::MariaDb => "mariadb",
        };
        format!("{scheme}://{login}@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs statements, each for itself.
    pub(crate) async fn run(&self, statements: &[&'static str]) {
        self.run_at(&self.url(), statements).await;
    }

    /// The same in another database.
    pub(crate) async fn run_in(&self, database: &str, statements: &[&'static str]) {
        let url = self.url_of("root", database).replace("mariadb:", "mysql:");
        self.run_at(&url, statements).await;
    }

    async fn run_at(&self, url: &str, statements: &[&'static str]) {
        for statement in statements {
            match self.engine {
                Engine::Postgres => {
                    let mut admin = PgConnection::connect(url).await.unwrap();
                    admin.execute(*statement).await.unwrap();
                }
                Engine::MariaDb => {
                    let mut admin = MySqlConnection::connect(url).await.unwrap();
                    admin.execute(*statement).await.unwrap();
                }
            }
        }
    }

    /// Starts the server, and waits until it answers.
    pub(crate) async fn start(&mut self) {
        let begun = Instant::now();
        while !self.answers().await {
            assert!(
                begun.elapsed() < PATIENCE,
                "it does not start: {}",
                self.log()
            );
            // One that was killed may leave something behind that makes the next one give up.
            let ended = self
                .running
                .as_mut()
                .is_none_or(|child| child.try_wait().unwrap().is_some());
            if ended {
                self.running = Some(self.spawn());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the server, and waits until it is gone.
    pub(crate) fn end(&mut self, how: End) {
        let mut child = self.running.take().unwrap();
        match (how, self.engine) {
            (End::Killed, _) => child.kill().unwrap(),
            (End::Stopped, Engine::Postgres) => signal(&child, "INT"),
            (End::Stopped, Engine::MariaDb) => signal(&child, "TERM"),
        }
        child.wait().unwrap();
    }

    async fn answers(&self) -> bool {
        match self.engine {
            Engine::Postgres => PgConnection::connect(&self.url()).await.is_ok(),
            Engine::MariaDb => MySqlConnection::connect(&self.url()).await.is_ok(),
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Fills the folder with an empty database.
    fn make(&self) {
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.folder.path(), open).unwrap();
        std::fs::create_dir(self.data()).unwrap();
        if let Some((user, group)) = self.engine.user() {
            chown(self.data(), Some(user), Some(group)).unwrap();
        }
        let data = self.data().display().to_string();
        let made = match self.engine {
            Engine::Postgres => self
                .program("initdb")
                .args(["-D", &data, "-A", "trust", "-U", "root", "-E", "UTF8"])
                .args(["--no-locale", "--no-sync"])
                .output(),
            Engine::MariaDb => self
                .program("mariadb-install-db")
                .args(["--no-defaults", "--skip-test-db"])
                .args(["--auth-root-authentication-method=normal"])
                .arg(format!("--datadir={data}"))
                .output(),
        };
        let made = made.unwrap();
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{said}");
        // A server that may not be reached by the name of its user cannot be made so from outside.
        let first = "CREATE DATABASE IF NOT EXISTS shop;\n\
                     CREATE USER IF NOT EXISTS root@'127.0.0.1';\n\
                     GRANT ALL ON *.* TO root@'127.0.0.1';\n";
        std::fs::write(self.folder.path().join("first.sql"), first).unwrap();
    }

    fn spawn(&self) -> Child {
        let (data, port) = (self.data().display().to_string(), self.port);
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let mut command = match self.engine {
            Engine::Postgres => {
                let mut command = self.program("postgres");
                command
                    .args(["-D", &data, "-p", &port.to_string(), "-c", "fsync=off"])
                    .args(["-c", "listen_addresses=127.0.0.1"])
                    .args(["-c", "unix_socket_directories="]);
                command
            }
            Engine::MariaDb => {
                let first = self.folder.path().join("first.sql");
                let mut command = self.program("mariadbd");
                command
                    .args(["--no-defaults", "--bind-address=127.0.0.1"])
                    .args(["--innodb-buffer-pool-size=16M", "--skip-name-resolve"])
                    .arg(format!("--datadir={data}"))
                    .arg(format!("--port={port}"))
                    .arg(format!("--socket={data}/socket"))
                    .arg(format!("--pid-file={data}/pid"))
                    .arg(format!("--init-file={}", first.display()));
                command
            }
        };
        command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    /// A program of the server, run by the user that it wants to be.
    fn program(&self, name: &str) -> Command {
        let here = self.programs.join(name);
        let mut command = Command::new(if here.exists() { here } else { name.into() });
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        if let Some((user, group)) = self.engine.user() {
            command.uid(user).gid(group);
        }
        command
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.running {
            // Its sessions end with it.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Engine {
    /// Where its programs are.
    fn programs(self) -> Option<PathBuf> {
        match self {
            Self::Postgres => {
                let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
                let mut found: Vec<PathBuf> = versions
                    .map(|version| version.path().join("bin"))
                    .filter(|path| path.join("initdb").exists())
                    .collect();
                found.sort();
                found.pop()
            }
            Self::MariaDb => {
                let found = Path::new("/usr/sbin").to_owned();
                let made_by = Path::new("/usr/bin/mariadb-install-db").exists();
                (made_by && found.join("mariadbd").exists()).then_some(found)
            }
        }
    }

    fn missing(self) -> &'static str {
        match self {
            Self::Postgres => "no initdb in /usr/lib/postgresql/*/bin",
            Self::MariaDb => "no mariadbd in /usr/sbin, or no mariadb-install-db in /usr/bin",
        }
    }

    /// Its name in `LUCARNE_TEST_REQUIRE`.
    fn required_as(self) -> &'static str {
        match self {
            Self::Postgres => "postgres-server",
            Self::MariaDb => "mariadb-server",
        }
    }

    /// The user and group that it runs as in place of root, which it refuses to run as.
    fn user(self) -> Option<(u32, u32)> {
        let name = match self {
            Self::Postgres => "postgres",
            Self::MariaDb => "mysql",
        };
        let id = |arguments: &[&str]| -> u32 {
            let told = Command::new("id").args(arguments).output().unwrap();
            let told = String::from_utf8(told.stdout).unwrap();
            told.trim().parse().unwrap()
        };
        (id(&["-u"]) == 0).then(|| (id(&["-u", name]), id(&["-g", name])))
    }
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-s", name, &id]).status();
    assert!(sent.unwrap().success());
}
