//! What is measured beside the table: the walk of all rows, the storm of connections, the quiet
//! crowd, and gets beside slow lists.

use std::time::Duration;

use crate::Outcome;
use crate::child::{Measured, Part, Running};
use crate::client::{Load, Look};
use crate::crowd::Crowd;
use crate::echo::Echo;
use crate::measure::{Bench, Figures, Side, side};
use crate::paced::{Lap, Paced};
use crate::process;
use crate::report::{Finding, Goal};
use crate::requests::Ask;
use crate::statistics::median;
use crate::storm::Storm;
use crate::walk::{Walk, Walked};

/// Something that is measured by itself.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) run: fn(&Bench<'_>) -> Outcome<Vec<Finding>>,
}

/// All of them.
pub(crate) const SCENES: &[Scene] = &[
    Scene {
        name: "walk",
        what: "all rows by cursor, in pages of 100, each row in its place",
        run: walk,
    },
    Scene {
        name: "connect",
        what: "connect, get a record, go; 16 at a time, against an echo that answers once",
        run: storm,
    },
    Scene {
        name: "slow",
        what: "2,000 gets a second beside 4 clients with lists at offsets below 100,000",
        run: beside_slow,
    },
    Scene {
        name: "idle",
        what: "memory of 10,000 sockets: fresh, after a get, after a page of 50",
        run: crowd,
    },
];

/// Sockets of the crowd.
const CROWD: u64 = 10_000;
/// Until a quiet socket has given back what it does not need.
const QUIET: Duration = Duration::from_secs(3);

fn walk(bench: &Bench<'_>) -> Outcome<Vec<Finding>> {
    let mut walks = Vec::new();
    for _ in 0..bench.options.rounds {
        let load = bench.requests(Ask::Get, 1);
        let mut client = Running::start(&Part::Walk(Walk { load }))?;
        client.go()?;
        walks.push(client.result::<Walked>()?);
    }
    let middle =
        |figure: fn(&Walked) -> f64| median(walks.iter().map(figure).collect()).unwrap_or(f64::NAN);
    let finding = |what, figure, unit, goal| {
        Finding::new(bench.store.engine, "walk", what, figure, unit, goal)
    };
    let rows = bench.store.rows as f64;
    Ok(vec![
        finding(
            "rows, each once",
            rows / middle(|walk| walk.whole),
            "/s",
            None,
        ),
        finding(
            "the last tenth against the first",
            middle(|walk| walk.last_tenth / walk.first_tenth),
            "x",
            Some(Goal::AtMost(1.2)),
        ),
    ])
}

fn storm(bench: &Bench<'_>) -> Outcome<Vec<Finding>> {
    let mut rounds: Vec<(Side, Side)> = Vec::new();
    for round in 0..bench.options.rounds {
        let load = Load {
            seed: bench.options.seed + round as u64,
            ..bench.requests(Ask::Get, 16)
        };
        let echo = Running::start(&Part::Echo(Echo {
            length: load.ask.length(),
            once: true,
        }))?;
        let floor = Load {
            address: echo.said.clone(),
            look: Look::Length,
            ..load.clone()
        };
        rounds.push((
            once_each(bench, floor, echo.id())?,
            once_each(bench, load, bench.served.id())?,
        ));
    }
    let middle = |figure: fn(&(Side, Side)) -> f64| {
        median(rounds.iter().map(figure).collect()).unwrap_or(f64::NAN)
    };
    let finding = |what, figure, unit, goal| {
        Finding::new(bench.store.engine, "connect", what, figure, unit, goal)
    };
    Ok(vec![
        finding("connections", middle(|round| round.1.rate), "/s", None),
        finding("p50", middle(|round| round.1.p50), "us", None),
        finding("p99", middle(|round| round.1.p99), "us", None),
        finding(
            "CPU of the service",
            middle(|round| round.1.server),
            "us",
            None,
        ),
        finding(
            "CPU of the echo",
            middle(|round| round.0.server),
            "us",
            None,
        ),
        finding(
            "against the echo, by rate",
            middle(|round| round.1.rate / round.0.rate),
            "x",
            Some(Goal::AtLeast(0.65)),
        ),
        finding(
            "against the echo, by CPU",
            middle(|round| (round.0.client + round.0.server) / (round.1.client + round.1.server)),
            "x",
            None,
        ),
    ])
}

fn once_each(bench: &Bench<'_>, load: Load, server: u32) -> Outcome<Side> {
    let mut client = Running::start(&Part::Storm(Storm { load }))?;
    let before = bench.times(client.id(), server);
    client.go()?;
    let measured: Measured = client.result()?;
    Ok(side(&measured, before, bench.times(client.id(), server)))
}

fn beside_slow(bench: &Bench<'_>) -> Outcome<Vec<Finding>> {
    let gets = Part::Paced(Paced {
        load: bench.requests(Ask::Get, 16),
        rate: 2000.0,
        laps: 1,
    });
    let below = 100_000.min(bench.store.rows - 50);
    let lists = bench.requests(Ask::List { limit: 50, below }, 4);
    let (mut alone, mut beside, mut slow) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.options.rounds {
        alone.push(paced(&mut Running::start(&gets)?)?);
        let mut others = Running::start(&Part::Load(lists.clone()))?;
        let mut client = Running::start(&gets)?;
        others.go()?;
        beside.push(paced(&mut client)?);
        slow.push(others.result::<Measured>()?);
    }
    let middle = |all: &[Measured], figure: fn(&Measured) -> f64| {
        median(all.iter().map(figure).collect()).unwrap_or(f64::NAN)
    };
    let mut findings = Vec::new();
    for (who, all) in [
        ("gets alone", &alone),
        ("gets beside the lists", &beside),
        ("the lists", &slow),
    ] {
        for (what, figure, unit) in [
            (
                "answers",
                middle(all, |one| one.answers as f64 / one.seconds),
                "/s",
            ),
            ("p50", middle(all, |one| one.p50 as f64), "us"),
            ("p99", middle(all, |one| one.p99 as f64), "us"),
        ] {
            let what = format!("{who}: {what}");
            findings.push(Finding::new(
                bench.store.engine,
                "slow",
                what,
                figure,
                unit,
                None,
            ));
        }
    }
    Ok(findings)
}

/// The only lap of a paced client, whose answers must be right.
fn paced(client: &mut Running) -> Outcome<Measured> {
    client.go()?;
    let lap: Lap = client.result()?;
    match client.result::<u64>()? {
        0 => Ok(lap.measured),
        wrong => Err(format!("{wrong} wrong answers").into()),
    }
}

fn crowd(bench: &Bench<'_>) -> Outcome<Vec<Finding>> {
    let page = Ask::List {
        limit: 50,
        below: 1000,
    };
    let memory = || process::memory(bench.served.id()) as f64;
    let before = memory();
    let mut client = Running::start(&Part::Crowd(Crowd {
        load: bench.requests(Ask::Get, CROWD),
        steps: vec![Ask::Get, page],
    }))?;
    let mut findings = Vec::new();
    let mut see = |what: &str, goal| {
        std::thread::sleep(QUIET);
        let each = (memory() - before) / CROWD as f64 / 1024.0;
        let engine = bench.store.engine;
        findings.push(Finding::new(engine, "idle", what, each, "KiB each", goal));
    };
    see("10,000 sockets, fresh", Some(Goal::AtMost(16.0)));
    client.go()?;
    client.wait()?;
    see("after a get", None);
    client.go()?;
    client.wait()?;
    see("after a page of 50", Some(Goal::AtMost(20.0)));
    Ok(findings)
}

/// MCP over HTTP against MCP over WebSocket, where both were measured.
pub(crate) fn of_tools(bench: &Bench<'_>, all: &[Figures]) -> Vec<Finding> {
    let engine = bench.store.engine;
    let find = |name: &str| {
        all.iter()
            .find(|figures| figures.engine == engine && figures.workload == name)
    };
    let (Some(http), Some(socket)) = (find("mcp-http"), find("mcp-ws")) else {
        return Vec::new();
    };
    let ratio = http.of(|round| round.service.rate) / socket.of(|round| round.service.rate);
    vec![Finding::new(
        engine,
        "mcp-http",
        "against mcp-ws, by rate",
        ratio,
        "x",
        Some(Goal::AtLeast(0.5)),
    )]
}
