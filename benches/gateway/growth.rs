//! How cost grows with the rows of a table, the models of the catalog, and the connections.

use std::time::Duration;

use crate::client::Load;
use crate::data::Engine;
use crate::drive;
use crate::measure::{Bench, Side};
use crate::report::{self, Finding, MEBIBYTE};
use crate::requests::Ask;
use crate::served::Served;
use crate::statistics::median;
use crate::walk::cursor_of;
use crate::{Options, Outcome, block_on};

const MODELS: [usize; 4] = [1, 10, 100, 1000];
const CONNECTIONS: [u64; 5] = [1, 10, 100, 1000, 10_000];
/// A start that takes longer is not repeated.
const LONG: Duration = Duration::from_secs(5);
/// Rows of the table where models and connections grow.
const ROWS: u64 = 10_000;

/// Measures all three on one engine.
pub(crate) fn run(
    engine: Engine,
    sizes: &[u64],
    options: &Options,
    findings: &mut Vec<Finding>,
) -> Outcome<()> {
    for &rows in sizes {
        let Some(bench) = drive::open(engine, rows, options)? else {
            return Ok(());
        };
        report::head(&bench.store, &bench.served);
        findings.extend(with_rows(&bench)?);
    }
    if let Some(mut bench) = drive::open(engine, ROWS, options)? {
        report::head(&bench.store, &bench.served);
        findings.extend(with_connections(&bench)?);
        findings.extend(with_models(&mut bench)?);
    }
    Ok(())
}

fn with_rows(bench: &Bench<'_>) -> Outcome<Vec<Finding>> {
    let rows = bench.store.rows;
    let deep = Load {
        cursor: cursor_behind(bench, rows / 10 * 9)?,
        ..bench.requests(
            Ask::Behind {
                limit: 50,
                after: rows / 10 * 9,
            },
            16,
        )
    };
    let first = Ask::List {
        limit: 50,
        below: 1,
    };
    let mut findings = Vec::new();
    for (what, load) in [
        ("get", bench.requests(Ask::Get, 16)),
        ("the first 50", bench.requests(first, 16)),
        ("50 behind nine tenths by cursor", deep),
    ] {
        let what = format!("{what}, rows: {rows}");
        let side = middle(bench, &load)?;
        findings.extend(report::side(bench.store.engine, "rows", &what, &side));
    }
    Ok(findings)
}

/// A cursor that goes on after this row.
fn cursor_behind(bench: &Bench<'_>, row: u64) -> Outcome<String> {
    let load = bench.requests(Ask::Get, 1);
    block_on(async {
        let request = format!(
            "{{\"id\":1,\"action\":\"list\",\"model\":\"tickets\",\
             \"params\":{{\"limit\":1,\"offset\":{}}}}}",
            row - 1
        );
        let answer = load.connect().await?.ask(request.as_bytes()).await?;
        let cursor = cursor_of(&answer)
            .ok_or_else(|| format!("no cursor: {}", String::from_utf8_lossy(&answer)))?;
        Ok(cursor.to_owned())
    })
}

fn with_connections(bench: &Bench<'_>) -> Outcome<Vec<Finding>> {
    let mut findings = Vec::new();
    for connections in CONNECTIONS {
        let what = format!("get, connections: {connections}");
        let side = middle(bench, &bench.requests(Ask::Get, connections))?;
        findings.extend(report::side(bench.store.engine, "sockets", &what, &side));
    }
    Ok(findings)
}

fn with_models(bench: &mut Bench<'_>) -> Outcome<Vec<Finding>> {
    let engine = bench.store.engine;
    let names: Vec<String> = (1..1000).map(|index| format!("model_{index:04}")).collect();
    let create = |name: &String| {
        format!(
            "CREATE TABLE IF NOT EXISTS {name} (id BIGINT PRIMARY KEY, name VARCHAR(40) NOT NULL, \
             amount DECIMAL(10, 2), made_on DATE)"
        )
    };
    bench.store.change(names.iter().map(create).collect())?;
    let mut findings = Vec::new();
    for models in MODELS {
        let mut list = vec!["tickets"];
        list.extend(names.iter().take(models - 1).map(String::as_str));
        let start = || Served::start(&bench.store.url, &list.join(","), bench.options);
        let mut starts = Vec::new();
        let mut served = start()?;
        for _ in 1..bench.options.rounds {
            if served.started_in > LONG {
                break;
            }
            starts.push(served.started_in.as_secs_f64() * 1000.0);
            served = start()?;
        }
        starts.push(served.started_in.as_secs_f64() * 1000.0);
        bench.served = served;
        for (what, figure, unit) in [
            ("start", median(starts).unwrap_or(f64::NAN), "ms"),
            (
                "memory at start",
                bench.served.memory_at_start as f64 / MEBIBYTE,
                "MiB",
            ),
        ] {
            let what = format!("{what}, models: {models}");
            findings.push(Finding::new(engine, "models", what, figure, unit, None));
        }
        let side = middle(bench, &bench.requests(Ask::Get, 16))?;
        let what = format!("get, models: {models}");
        findings.extend(report::side(engine, "models", &what, &side));
    }
    Ok(findings)
}

/// The medians of a load over the rounds.
fn middle(bench: &Bench<'_>, load: &Load) -> Outcome<Side> {
    let mut sides = Vec::new();
    for _ in 0..bench.options.rounds {
        sides.push(bench.load(load, bench.served.id())?);
    }
    let of =
        |figure: fn(&Side) -> f64| median(sides.iter().map(figure).collect()).unwrap_or(f64::NAN);
    Ok(Side {
        rate: of(|side| side.rate),
        p50: of(|side| side.p50),
        p99: of(|side| side.p99),
        client: of(|side| side.client),
        server: of(|side| side.server),
        database: of(|side| side.database),
    })
}
