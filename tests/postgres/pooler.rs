//! Behind PgBouncer in transaction pooling.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lucarne::app;
use lucarne::db::Db;
use lucarne::observe::Metrics;
use lucarne::service::Trial;
use tokio::net::{TcpListener, TcpStream};

use crate::common::skipped;
use crate::support::{Asked, Database, configured, options};

/// A PgBouncer of its own, ended with this value.
pub(crate) struct Pooler {
    child: Child,
    pub(crate) port: u16,
    _folder: tempfile::TempDir,
}

impl Pooler {
    async fn new(place: &Database, more: &str) -> Option<Self> {
        let role = "SELECT CAST(current_user AS text)";
        let role = place.column(role).await.remove(0);
        Self::of_role(place, &role, more).await
    }

    /// One whose sessions are a role's, whoever asks.
    pub(crate) async fn of_role(place: &Database, role: &str, more: &str) -> Option<Self> {
        let address = place.address();
        let (host, server_port) = address.rsplit_once(':').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pgbouncer.ini");
        let config = format!(
            "[databases]\n* = host={host} port={server_port} user={role}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = transaction\ndefault_pool_size = 3\n{more}\n"
        );
        std::fs::File::create(&file)
            .unwrap()
            .write_all(config.as_bytes())
            .unwrap();
        let mut command = Command::new("pgbouncer");
        command
            .arg("-q")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if std::fs::metadata("/proc/self")
            .is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0)
        {
            // It refuses to run as root.
            use std::os::unix::fs::PermissionsExt as _;
            let open = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(folder.path(), open).unwrap();
            command.args(["-u", "nobody"]);
        }
        let child = match command.arg(&file).spawn() {
            Ok(child) => child,
            Err(error) => {
                skipped("pgbouncer", &format!("no pgbouncer to run ({error})"));
                return None;
            }
        };
        let pooler = Self {
            child,
            port,
            _folder: folder,
        };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "pgbouncer does not come up"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Some(pooler)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const TABLE: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE TABLE t (id int PRIMARY KEY, e mood, n numeric, r int4multirange, j jsonb);
    INSERT INTO t SELECT g, 'ok', g + 0.5, '{[1,2)}', '[1]' FROM generate_series(1, 500) g;
    CREATE VIEW slow AS SELECT 1 AS id, CAST(pg_sleep(20) AS text) AS s;
    CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO t (id) VALUES (-1); RETURN 1; END $$;
    CREATE VIEW sly AS SELECT writes() AS id;";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_read_is_right_and_only_reads() {
    let Some(place) = Database::new(TABLE).await else {
        return;
    };
    let Some(pooler) = Pooler::new(&place, "").await else {
        return;
    };
    let url = place.url_through(pooler.port);
    let variables = [
        ("MCP_PGBOUNCER", "true"),
        ("MCP_POOL_SIZE", "8"),
        ("MCP_QUERY_TIMEOUT", "2"),
    ];
    let asked = Asked::new(&url, "t,slow,sly", &variables).await;
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let asked = asked.clone();
            tokio::spawn(async move {
                for round in 0..100 {
                    let id = (task * 100 + round) % 500 + 1;
                    let answer = if round % 2 == 0 {
                        asked.ask("get", "t", &format!(r#"{{"id":{id}}}"#)).await
                    } else {
                        let params =
                            format!(r#"{{"filters":{{"n":"{id}.50","e":"ok"}},"limit":1}}"#);
                        asked.ask("query", "t", &params).await
                    };
                    let row =
                        format!(r#"{{"id":{id},"e":"ok","n":{id}.5,"r":"{{[1,2)}}","j":[1]}}"#);
                    let answer = answer.unwrap();
                    assert!(answer.contains(&row), "{answer}");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(asked.ask("list", "sly", "{}").await.is_err());
    assert_eq!(
        place.column("SELECT CAST(count(*) AS text) FROM t").await,
        ["500"]
    );
    let error = asked.ask("list", "slow", "{}").await.unwrap_err();
    assert_eq!(error, "timeout: Query timed out after 2s");
    let total = asked
        .value(
            "query",
            "t",
            r#"{"filters":{"id":{"$gt":100}},"total":"estimate","limit":1}"#,
        )
        .await;
    assert!(total["total"].as_u64().is_some());
    asked.db.ping().await.unwrap();
}

#[tokio::test]
async fn a_pooler_that_was_not_named_is_a_fault() {
    let Some(place) = Database::new("CREATE TABLE t (id int)").await else {
        return;
    };
    for (more, what) in [
        ("", "takes no start-up options"),
        (
            "ignore_startup_parameters = extra_float_digits,options",
            "do not stay read only",
        ),
    ] {
        let Some(pooler) = Pooler::new(&place, more).await else {
            return;
        };
        let config = configured(&place.url_through(pooler.port), "t", &[]);
        let db = Db::new(&options(&config)).unwrap();
        let failure = db
            .tables(&config.data.models)
            .await
            .expect_err("no session that reads only");
        let fault = db.start_fault(&failure).unwrap();
        assert!(fault.what.contains(what), "{fault:?}");
        assert!(fault.help.contains("MCP_PGBOUNCER=true"), "{fault:?}");
    }
}

const TOOLS: &str = r#"
[[tool]]
name = "one"
description = "One row."
sql = "SELECT id, e, n FROM t WHERE id = :id"
result = "one"
[tool.params]
id = { type = "t.id", description = "Which" }
[[tool]]
name = "many"
description = "Rows of a list, and how many there are."
sql = '''
WITH w AS (SELECT id, n FROM t WHERE id IN (:ids))
SELECT w.id, (SELECT COUNT(*) FROM t) AS rows, ROUND(w.n) AS n FROM w ORDER BY w.id
'''
[tool.params]
ids = { type = "integer[]", description = "Which" }
"#;

/// Their statements are prepared and forgotten in one transaction, for the next one has another
/// session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tools_are_described_and_called() {
    let Some(place) = Database::new(TABLE).await else {
        return;
    };
    let Some(pooler) = Pooler::new(&place, "").await else {
        return;
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), TOOLS).unwrap();
    let variables = [
        ("MCP_PGBOUNCER", "true"),
        ("MCP_POOL_SIZE", "6"),
        ("MCP_TOOLS_FILE", file.path().to_str().unwrap()),
    ];
    let config = configured(&place.url_through(pooler.port), "t", &variables);
    let opened = app::open(&config, Arc::new(Metrics::default())).await;
    let opened = opened.unwrap();
    // Again, as a reload does, on sessions that have described before.
    app::give_tools(&opened, &config).await.unwrap();
    app::give_tools(&opened, &config).await.unwrap();
    // What the driver cannot describe is told with what to write instead.
    let tool = TOOLS.replace("SELECT id, e, n FROM", "SELECT id, r FROM");
    std::fs::write(file.path(), tool).unwrap();
    let faults = app::give_tools(&opened, &config).await.unwrap_err();
    assert!(
        faults.to_string().contains("CAST(column AS text)"),
        "{faults}"
    );
    std::fs::write(file.path(), TOOLS).unwrap();
    app::give_tools(&opened, &config).await.unwrap();
    let tasks = (0..8).map(|task| {
        let service = Arc::clone(&opened.service);
        tokio::spawn(async move {
            let policy = service.policy();
            let trial = Trial::new(&service, None, (Ipv4Addr::LOCALHOST.into(), "test"));
            for id in (task * 20 + 1)..(task * 20 + 20) {
                let params = format!("{{\"id\":{id}}}");
                let one = trial.call(&policy, ("one", &params), &[]).await;
                let row = format!("{{\"id\":{id},\"e\":\"ok\",\"n\":{id}.5}}");
                assert!(one.unwrap().contains(&row));
                let params = format!("{{\"ids\":[{id},{id},9999]}}");
                let many = trial.call(&policy, ("many", &params), &[]).await;
                let row = format!("[{{\"id\":{id},\"rows\":500,\"n\":{}}}]", id + 1);
                let many = many.unwrap();
                assert!(many.contains(&row), "{many}");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}
