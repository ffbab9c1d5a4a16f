//! The floor of a database without a load generator of its own: loops that run the same statement
//! as fast as it goes, and read every column.

use std::time::{Duration, Instant};

use fastrand::Rng;
use rusqlite::{Connection, OpenFlags, types::ValueRef};
use serde::{Deserialize, Serialize};
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, Row as _, SqlSafeStr as _, Statement as _,
};
use tokio::task::JoinSet;

use crate::child::{self, Measured};
use crate::data::Engine;
use crate::requests::Ask;
use crate::statistics::{self, Times};
use crate::{Outcome, block_on};

/// Threads that read SQLite.
const THREADS: u64 = 2;
/// Connections to MariaDB or MySQL.
const CONNECTIONS: u64 = 4;

/// What the loops do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Loop {
    pub(crate) engine: Engine,
    /// The path of the file, or the URL of the server.
    pub(crate) place: String,
    pub(crate) ask: Ask,
    /// One thread or connection instead of several.
    pub(crate) alone: bool,
    pub(crate) seconds: f64,
    pub(crate) rows: u64,
    pub(crate) seed: u64,
}

/// Opens the database, says so, and reads when told to.
pub(crate) fn run(floor: &Loop) -> Outcome<()> {
    match floor.engine {
        Engine::Sqlite => read_file(floor),
        Engine::Mysql => block_on(read_server(floor)),
        Engine::Postgres => Err("pgbench reads PostgreSQL".into()),
    }
}

fn read_file(floor: &Loop) -> Outcome<()> {
    let many = if floor.alone { 1 } else { THREADS };
    let mut connections = Vec::new();
    for _ in 0..many {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&floor.place, flags)?;
        connection.pragma_update(None, "mmap_size", 1_i64 << 30)?;
        connections.push(connection);
    }
    child::ready("")?;
    let begun = Instant::now();
    let until = begun + Duration::from_secs_f64(floor.seconds);
    let mut times = statistics::times()?;
    std::thread::scope(|scope| -> Outcome<()> {
        let threads: Vec<_> = connections
            .into_iter()
            .zip(floor.seed..)
            .map(|(connection, seed)| scope.spawn(move || read(&connection, floor, until, seed)))
            .collect();
        for thread in threads {
            times.add(thread.join().map_err(|_| "a thread panicked")??)?;
        }
        Ok(())
    })?;
    child::done(&Measured::new(&times, begun.elapsed()))
}

fn read(connection: &Connection, floor: &Loop, until: Instant, seed: u64) -> Outcome<Times> {
    let mut statement = connection.prepare(&floor.ask.statement("?1"))?;
    let columns = statement.column_count();
    let (mut times, mut rng) = (statistics::times()?, Rng::with_seed(seed));
    loop {
        let begun = Instant::now();
        if begun >= until {
            return Ok(times);
        }
        let key = floor.ask.key(&mut rng, floor.rows);
        let mut rows = statement.query([key as i64])?;
        let (mut count, mut bytes) = (0, 0);
        while let Some(row) = rows.next()? {
            count += 1;
            for column in 0..columns {
                bytes += match row.get_ref(column)? {
                    ValueRef::Text(text) | ValueRef::Blob(text) => text.len(),
                    ValueRef::Null => 0,
                    ValueRef::Integer(_) | ValueRef::Real(_) => 8,
                };
            }
        }
        if count != floor.ask.count() || bytes == 0 {
            return Err(format!("{count} rows in place of {}", floor.ask.count()).into());
        }
        times.saturating_record(begun.elapsed().as_micros() as u64);
    }
}

async fn read_server(floor: &Loop) -> Outcome<()> {
    let many = if floor.alone { 1 } else { CONNECTIONS };
    let mut connections = Vec::new();
    for _ in 0..many {
        connections.push(MySqlConnection::connect(&floor.place).await?);
    }
    child::ready("")?;
    let begun = Instant::now();
    let until = begun + Duration::from_secs_f64(floor.seconds);
    let mut tasks = JoinSet::new();
    for (connection, seed) in connections.into_iter().zip(floor.seed..) {
        tasks.spawn(ask_server(connection, floor.clone(), until, seed));
    }
    let mut times = statistics::times()?;
    while let Some(part) = tasks.join_next().await {
        times.add(part??)?;
    }
    child::done(&Measured::new(&times, begun.elapsed()))
}

async fn ask_server(
    mut connection: MySqlConnection,
    floor: Loop,
    until: Instant,
    seed: u64,
) -> Outcome<Times> {
    let text = floor.ask.statement("?");
    let binds = text.matches('?').count();
    let statement = connection
        .prepare(AssertSqlSafe(text).into_sql_str())
        .await?;
    let (mut times, mut rng) = (statistics::times()?, Rng::with_seed(seed));
    loop {
        let begun = Instant::now();
        if begun >= until {
            return Ok(times);
        }
        let key = floor.ask.key(&mut rng, floor.rows);
        let mut query = statement.query();
        for _ in 0..binds {
            query = query.bind(key);
        }
        let rows: Vec<MySqlRow> = query.fetch_all(&mut connection).await?;
        let mut bytes = 0;
        for row in &rows {
            for column in 0..row.len() {
                bytes += row.try_get_raw(column).map_or(0, |_| 1);
            }
        }
        if rows.len() as u64 != floor.ask.count() || bytes == 0 {
            return Err(format!("{} rows in place of {}", rows.len(), floor.ask.count()).into());
        }
        times.saturating_record(begun.elapsed().as_micros() as u64);
    }
}
