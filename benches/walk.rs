//! Walks a million rows by cursor and says what the pages cost.
//!
//! `cargo bench --bench walk`
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
use lucarne::config;
use lucarne::observe::Metrics;
use lucarne::protocol::{Object, Read};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

const ROWS: i64 = 1_000_000;
const TOKEN: &str = "a-token-for-this-bench";
/// Pages whose time is averaged at each depth.
const PAGES: usize = 100;

const SQL: &str = "
    CREATE TABLE visits (id INTEGER PRIMARY KEY, at INTEGER, page TEXT);
    WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 1000000)
    INSERT INTO visits SELECT i, CASE WHEN i % 10 THEN i * 7919 % 1000 END, 'page ' || i % 97 FROM i;
    CREATE INDEX by_at ON visits (at);
";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("visits.db");
    let options = SqliteConnectOptions::new();
    let mut connection = options
        .filename(&path)
        .create_if_missing(true)
        .connect()
        .await?;
    sqlx::query(SQL).execute(&mut connection).await?;
    connection.close().await?;
    let url = format!("sqlite:{}", path.display());
    let config = config::load(
        [
            ("MCP_ENABLED", "true"),
            ("MCP_TOKEN", TOKEN),
            ("MCP_ALLOWED_MODELS", "visits"),
            ("DATABASE_URL", &url),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    )?;
    let opened = app::open(&config, Arc::new(Metrics::default()))
        .await
        .map_err(|fault| fault.what)?;
    let token = Credential::of(TOKEN);
    let caller = Caller::new(token, None, IpAddr::V4(Ipv4Addr::LOCALHOST), "example");
    for sort in ["id", "at", "-at"] {
        walk(&opened, &caller, sort).await?;
    }
    for offset in [0, 500_000, 999_000] {
        let begun = Instant::now();
        for _ in 0..PAGES {
            ask(&opened, &caller, &json!({"limit":100,"offset":offset})).await?;
        }
        let page = begun.elapsed() / 100;
        println!("by offset, {offset:>7} rows deep: {page:?} a page");
    }
    Ok(())
}

/// Reads everything in one order, and checks that each row comes once.
async fn walk(opened: &OpenService, caller: &Caller, sort: &str) -> Result<(), Box<dyn Error>> {
    let mut params = json!({"sort":[sort],"limit":100});
    let mut seen = vec![false; ROWS as usize + 1];
    let mut times: Vec<Duration> = Vec::new();
    loop {
        let begun = Instant::now();
        let answer = ask(opened, caller, &params).await?;
        times.push(begun.elapsed());
        for row in answer["data"].as_array().ok_or("no rows")? {
            let id = row["id"].as_u64().ok_or("no id")? as usize;
            if std::mem::replace(&mut seen[id], true) {
                return Err(format!("row {id} came twice").into());
            }
        }
        match answer.get("next_cursor") {
            Some(cursor) => params["cursor"] = cursor.clone(),
            None => break,
        }
    }
    let rows = seen.iter().filter(|seen| **seen).count();
    println!("by {sort}: {rows} rows in {} pages, each once", times.len());
    for (name, from) in [
        ("first", 0),
        ("middle", times.len() / 2),
        ("last", times.len() - PAGES),
    ] {
        let mean = times[from..from + PAGES].iter().sum::<Duration>() / PAGES as u32;
        println!("  {name:>6} {PAGES} pages: {mean:?} a page");
    }
    Ok(())
}

async fn ask(
    opened: &OpenService,
    caller: &Caller,
    params: &Value,
) -> Result<Value, Box<dyn Error>> {
    let params = params.to_string();
    let object = Object::parse(&params).ok_or("no object")?;
    let read = Read {
        action: "query",
        model: Some("visits"),
        tool: None,
        params: &object,
    };
    let answer = opened.service.answer(caller, &read, b"{".to_vec()).await?;
    let mut text = answer.out;
    text.push(b'}');
    Ok(serde_json::from_slice(&text)?)
}
