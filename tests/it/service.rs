//! A service in this process, on a port of its own, over the sample.

use std::future::Future;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lucarne::app::{self, App};
use lucarne::observe::Metrics;
use lucarne::server::{Stop, StopReport};
use lucarne::{config, sample};
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use tempfile::TempDir;

pub(crate) const TOKEN: &str = "it-Token_0123456789-abcdef";

/// Views beside the sample's tables: one that never ends in time, and one row that is large.
const VIEWS: [&str; 2] = [
    "CREATE VIEW endless AS SELECT a.id FROM tickets a, tickets b, tickets c, tickets d \
     WHERE a.id + b.id + c.id + d.id < 0",
    "CREATE VIEW large AS SELECT id, hex(zeroblob(40000)) AS text FROM tickets",
];

/// Nothing here takes this long; a test that waits for it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for something that must come.
pub(crate) async fn soon<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(PATIENCE, what)
        .await
        .expect("it never came")
}

/// The sample with our views, made once for all processes that test the same of them.
pub(crate) fn sample() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let mut hasher = DefaultHasher::new();
        (include_str!("../../schema/sqlite.sql"), VIEWS).hash(&mut hasher);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let path = folder.join(format!("it-{:016x}.db", hasher.finish()));
        if !path.exists() {
            let draft = folder.join(format!("it-draft-{}.db", std::process::id()));
            let _ = std::fs::remove_file(&draft);
            make(&draft);
            std::fs::rename(&draft, &path).unwrap();
        }
        path
    })
}

/// A copy of the sample that a test may do anything to.
pub(crate) fn copy() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.db");
    std::fs::copy(sample(), &path).unwrap();
    (folder, path)
}

fn make(path: &Path) {
    let path = path.to_owned();
    let made = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            sample::create_sqlite(&path).await.unwrap();
            let url = format!("sqlite:{}", path.display());
            let mut connection = SqliteConnection::connect(&url).await.unwrap();
            for view in VIEWS {
                connection.execute(view).await.unwrap();
            }
            connection.close().await.unwrap();
        });
    });
    made.join().unwrap();
}

/// A service that runs until it is dropped.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stop: Stop,
    app: Option<app::Running>,
}

impl Service {
    /// The sample with the defaults of the protocol.
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// The sample, with these variables beside.
    pub(crate) async fn with(variables: &[(&str, &str)]) -> Self {
        let url = format!("sqlite:{}", sample().display());
        let mut all = vec![
            ("MCP_ENABLED", "true"),
            ("MCP_TOKEN", TOKEN),
            ("MCP_LISTEN", "127.0.0.1:0"),
            ("DATABASE_URL", &url),
        ];
        all.retain(|(name, _)| !variables.iter().any(|(other, _)| other == name));
        all.extend(variables);
        let all = all.into_iter();
        let config = config::load(all.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let config = config.unwrap();
        let app = App::start(&config.into(), None).await.unwrap();
        Self {
            address: app.address,
            admin: app.admin,
            metrics: Arc::clone(&app.metrics),
            stop: app.stop(),
            app: Some(app),
        }
    }

    /// How the end went, once it was told to stop.
    pub(crate) async fn stopped(&mut self) -> StopReport {
        soon(self.app.take().unwrap().join()).await.unwrap()
    }

    /// The figure of that name and labels, as the metrics have it; 0 for none.
    pub(crate) fn figure(&self, name: &str) -> u64 {
        let text = self.metrics.text(&lucarne::observe::Figures::default());
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0, |figure| figure.trim().parse().unwrap())
    }

    /// Waits until the figure is this one.
    pub(crate) async fn until(&self, name: &str, figure: u64) {
        soon(async {
            while self.figure(name) != figure {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}
