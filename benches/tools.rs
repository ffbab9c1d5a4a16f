//! Says what a tool costs beside the record by its key, and what a hundred tools add to a start.
//!
//! `cargo bench --bench tools`; `POSTGRES_URL` and `MYSQL_URL` name servers on which a database is
//! made for it, and without one SQLite alone is measured. CPU is that of this process, in which the
//! service runs: what a server spends is not in it, but for SQLite, which has none.
#![allow(
    clippy::print_stdout,
    reason = "figures on the terminal are what it is for"
)]

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lucarne::app::{self, OpenService};
use lucarne::auth::{Caller, Credential};
use lucarne::config::{self, Config};
use lucarne::observe::Metrics;
use lucarne::protocol::{Object, Read};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use sqlx::{MySqlConnection, PgConnection};

type Outcome<T> = Result<T, Box<dyn Error>>;

const TOKEN: &str = "a-token-for-this-bench";
/// Requests of each kind in a round, and rounds, of which the median counts.
const REQUESTS: usize = 2_000;
const ROUNDS: usize = 9;
/// Starts of which the median counts.
const STARTS: usize = 5;

const ONE: &str = r#"
[[tool]]
name = "ticket"
description = "One ticket."
sql = "SELECT id, title, body, status FROM tickets WHERE id = :id"
result = "one"
[tool.params]
id = { type = "tickets.id", description = "Its number" }
"#;

#[tokio::main]
async fn main() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let place = folder.path().display().to_string();
    measure("SQLite", &format!("sqlite:{place}/bench.db"), &place).await?;
    for (engine, variable) in [("PostgreSQL", "POSTGRES_URL"), ("MariaDB", "MYSQL_URL")] {
        let Ok(server) = std::env::var(variable) else {
            println!("{engine}: not measured, for {variable} names no server");
            continue;
        };
        let name = format!("lucarne_bench_tools_{}", std::process::id());
        run(&server, &format!("CREATE DATABASE {name}")).await?;
        let (start, _) = server.rsplit_once('/').ok_or("a URL without a database")?;
        let measured = measure(engine, &format!("{start}/{name}"), &place).await;
        run(&server, &format!("DROP DATABASE {name}")).await?;
        measured?;
    }
    Ok(())
}

/// Runs a statement, which may write.
async fn run(url: &str, sql: &str) -> Outcome<()> {
    let sql = AssertSqlSafe(sql.to_owned());
    if let Some(path) = url.strip_prefix("sqlite:") {
        let options = SqliteConnectOptions::new();
        let options = options.filename(path).create_if_missing(true);
        let mut connection = options.connect().await?;
        connection.execute(sql).await?;
        connection.close().await?;
    } else if url.starts_with("postgres") {
        PgConnection::connect(url).await?.execute(sql).await?;
    } else {
        MySqlConnection::connect(url).await?.execute(sql).await?;
    }
    Ok(())
}

async fn measure(engine: &str, url: &str, place: &str) -> Outcome<()> {
    run(
        url,
        "CREATE TABLE tickets (id INTEGER PRIMARY KEY, title VARCHAR(80), body VARCHAR(200), status VARCHAR(20))",
    )
    .await?;
    let rows = (1..=REQUESTS).map(|id| format!("({id}, 'ticket {id}', 'a text of {id}', 'open')"));
    let rows = rows.collect::<Vec<_>>().join(", ");
    run(url, &format!("INSERT INTO tickets VALUES {rows}")).await?;
    let tools = format!("{place}/tools.toml");
    std::fs::write(&tools, ONE)?;
    let opened = started(&configured(url, Some(&tools))?).await?;
    let mut ratios = Vec::new();
    let (mut gets, mut calls) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let get = spent(&opened, ("get", Some("tickets"), None)).await?;
        let call = spent(&opened, ("call", None, Some("ticket"))).await?;
        // The first round is for what is made once.
        if round > 0 {
            ratios.push(call / get);
            gets.push(get);
            calls.push(call);
        }
    }
    let (get, call, ratio) = (median(gets), median(calls), median(ratios));
    drop(opened);
    println!("{engine}: get {get:.1} µs of CPU, a tool on one row {call:.1} µs: {ratio:.2} ×");
    let many: String = (0..100)
        .map(|at| ONE.replace("\"ticket\"", &format!("\"ticket_{at}\"")))
        .collect();
    std::fs::write(&tools, many)?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        for (tools, times) in [(None, &mut without), (Some(&*tools), &mut with)] {
            let config = configured(url, tools)?;
            let begun = Instant::now();
            started(&config).await?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    let (without, with) = (median(without), median(with));
    let added = with - without;
    println!(
        "{engine}: a start takes {without:.0} ms, with 100 tools {with:.0} ms: {added:.0} ms more"
    );
    Ok(())
}

fn configured(url: &str, tools: Option<&str>) -> Outcome<Config> {
    let mut variables = vec![
        ("MCP_ENABLED", "true"),
        ("MCP_TOKEN", TOKEN),
        ("MCP_ALLOWED_MODELS", "tickets"),
        ("DATABASE_URL", url),
    ];
    variables.extend(tools.map(|tools| ("MCP_TOOLS_FILE", tools)));
    let variables = variables.into_iter();
    Ok(config::load(
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())),
    )?)
}

async fn started(config: &Config) -> Outcome<OpenService> {
    let opened = app::open(config, Arc::new(Metrics::default())).await;
    let opened = opened.map_err(|fault| fault.what)?;
    app::give_tools(&opened, config).await?;
    Ok(opened)
}

/// The CPU that a request takes, in microseconds: one at a time, so that none joins another.
async fn spent(
    opened: &OpenService,
    (action, model, tool): (&str, Option<&str>, Option<&str>),
) -> Outcome<f64> {
    let caller = Caller::new(
        Credential::of(TOKEN),
        None,
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        "bench",
    );
    let before = used()?;
    for id in 1..=REQUESTS {
        let params = format!(r#"{{"id":{id}}}"#);
        let params = Object::parse(&params).ok_or("no object")?;
        let read = Read {
            action,
            model,
            tool,
            params: &params,
        };
        opened.service.answer(&caller, &read, b"{".to_vec()).await?;
    }
    Ok((used()? - before).as_secs_f64() * 1e6 / REQUESTS as f64)
}

/// The CPU that this process has used, on all its threads.
fn used() -> Outcome<Duration> {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let told = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        let own = told.split(' ').next().ok_or("no time")?;
        nanoseconds += own.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
