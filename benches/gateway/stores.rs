//! The databases that are read: made for a run and removed after it, or kept for the next.

use std::path::{Path, PathBuf};

use rusqlite::Connection as File;
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection};
use tempfile::TempDir;

use crate::data::{self, Engine, VERSION};
use crate::{Fault, Options, Outcome, block_on};

/// A database with the rows of [`data`]; it is removed when this is dropped, unless it is kept.
pub(crate) struct Store {
    pub(crate) engine: Engine,
    pub(crate) rows: u64,
    /// As the service takes it.
    pub(crate) url: String,
    /// As a floor takes it: a URL, or the path of the file.
    pub(crate) place: String,
    /// What is removed at the end.
    kept: Kept,
}

enum Kept {
    Yes,
    Folder(#[expect(dead_code, reason = "it is removed when it is dropped")] TempDir),
    Database { admin: String, name: String },
}

impl Store {
    /// Makes or finds the database of an engine, with this many rows.
    pub(crate) fn open(engine: Engine, rows: u64, options: &Options) -> Outcome<Self> {
        let keep = options.keep || options.reuse;
        let name = match keep {
            true => format!("lucarne_bench_v{VERSION}_{rows}"),
            false => format!("lucarne_bench_{}_{rows}", std::process::id()),
        };
        match engine {
            Engine::Sqlite => Self::file(rows, keep, options.reuse, &name),
            Engine::Postgres => {
                let admin = options.postgres.clone();
                let url = format!("{}?sslmode=disable", with_name(&admin, &name));
                Self::server::<PgConnection>(engine, rows, keep, options.reuse, name, admin, url)
            }
            Engine::Mysql => {
                let admin = options.mysql.clone();
                let url = format!("{}?ssl-mode=DISABLED", with_name(&admin, &name));
                Self::server::<MySqlConnection>(engine, rows, keep, options.reuse, name, admin, url)
            }
        }
    }

    /// Runs statements that change it.
    pub(crate) fn change(&self, script: Vec<String>) -> Outcome<()> {
        block_on(async {
            match self.engine {
                Engine::Sqlite => {
                    let file = File::open(&self.place)?;
                    for statement in script {
                        file.execute_batch(&statement)?;
                    }
                }
                Engine::Postgres => {
                    let mut connection = PgConnection::connect(&self.place).await?;
                    for statement in script {
                        run(&mut connection, statement).await?;
                    }
                }
                Engine::Mysql => {
                    let mut connection = MySqlConnection::connect(&self.place).await?;
                    for statement in script {
                        run(&mut connection, statement).await?;
                    }
                }
            }
            Ok(())
        })
    }

    fn file(rows: u64, keep: bool, reuse: bool, name: &str) -> Outcome<Self> {
        let folder = tempfile::Builder::new()
            .prefix("lucarne_bench_")
            .tempdir()?;
        let path = match keep {
            true => std::env::temp_dir().join(format!("{name}.db")),
            false => folder.path().join("bench.db"),
        };
        if !(reuse && holds(&path, rows)) {
            for ending in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(PathBuf::from(format!("{}{ending}", path.display())));
            }
            let file = File::open(&path)?;
            file.pragma_update(None, "journal_mode", "wal")?;
            let mut script = data::script(Engine::Sqlite, rows);
            script.push("ANALYZE".to_owned());
            for statement in script {
                file.execute_batch(&statement)?;
            }
        }
        Ok(Self {
            engine: Engine::Sqlite,
            rows,
            url: format!("sqlite:{}", path.display()),
            place: path.display().to_string(),
            kept: match keep {
                true => Kept::Yes,
                false => Kept::Folder(folder),
            },
        })
    }

    fn server<C>(
        engine: Engine,
        rows: u64,
        keep: bool,
        reuse: bool,
        name: String,
        admin: String,
        url: String,
    ) -> Outcome<Self>
    where
        C: Connection,
        for<'c> &'c mut C: Executor<'c>,
        (i64,): for<'r> sqlx::FromRow<'r, <C::Database as sqlx::Database>::Row> + Send + Unpin,
        for<'q> <C::Database as sqlx::Database>::Arguments: sqlx::IntoArguments<C::Database>,
    {
        block_on(async {
            let mut connection = C::connect(&admin).await?;
            if reuse && let Ok(mut found) = C::connect(&url).await {
                let count = (&mut found).fetch_optional("SELECT 1 FROM complete").await;
                found.close().await?;
                if matches!(count, Ok(Some(_))) {
                    return Ok(());
                }
            }
            for statement in [
                format!("DROP DATABASE IF EXISTS {name}"),
                format!("CREATE DATABASE {name}"),
            ] {
                run(&mut connection, statement).await?;
            }
            connection.close().await?;
            let mut connection = C::connect(&url).await?;
            let mut script = data::script(engine, rows);
            script.extend(match engine {
                Engine::Mysql => vec!["ANALYZE TABLE tickets, users".to_owned()],
                _ => vec!["VACUUM ANALYZE".to_owned(), "CHECKPOINT".to_owned()],
            });
            // Not on the whitelist: it says that everything before it has been done.
            script.push("CREATE TABLE complete (id INTEGER PRIMARY KEY)".to_owned());
            script.push("INSERT INTO complete VALUES (1)".to_owned());
            for statement in script {
                run(&mut connection, statement).await?;
            }
            connection.close().await?;
            Ok::<_, Fault>(())
        })?;
        let kept = match keep {
            true => Kept::Yes,
            false => Kept::Database { admin, name },
        };
        Ok(Self {
            engine,
            rows,
            place: url.clone(),
            url,
            kept,
        })
    }
}

async fn run<C>(connection: &mut C, statement: String) -> Outcome<()>
where
    for<'c> &'c mut C: Executor<'c>,
{
    connection.execute(AssertSqlSafe(statement)).await?;
    Ok(())
}

impl Drop for Store {
    fn drop(&mut self) {
        let Kept::Database { admin, name } = &self.kept else {
            return;
        };
        let removed: Outcome<()> = block_on(async {
            let postgres = self.engine == Engine::Postgres;
            let force = if postgres { " WITH (FORCE)" } else { "" };
            let statement = format!("DROP DATABASE IF EXISTS {name}{force}");
            match postgres {
                true => run(&mut PgConnection::connect(admin).await?, statement).await,
                false => run(&mut MySqlConnection::connect(admin).await?, statement).await,
            }
        });
        if let Err(fault) = removed {
            eprintln!("{name} is still there: {fault}");
        }
    }
}

/// Whether a file has been made whole: the index is the last thing that is written into it.
fn holds(path: &Path, rows: u64) -> bool {
    let last = || -> Outcome<i64> {
        let file = File::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        file.query_row("SELECT count(*) FROM sqlite_stat1", [], |_| Ok(()))?;
        Ok(file.query_row("SELECT max(id) FROM tickets", [], |row| row.get(0))?)
    };
    last().is_ok_and(|found| found as u64 == rows)
}

/// The URL of another database of the same server.
fn with_name(admin: &str, name: &str) -> String {
    let whole = admin.split_once('?').map_or(admin, |(start, _)| start);
    let start = whole.find("://").map_or(0, |at| at + 3);
    let end = whole[start..]
        .find('/')
        .map_or(whole.len(), |at| start + at);
    format!("{}/{name}", &whole[..end])
}
