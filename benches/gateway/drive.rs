//! The order of things: a database, the service on it, and what is measured there.

use serde::Serialize;

use crate::data::Engine;
use crate::measure::{Bench, Figures};
use crate::report::{self, Finding};
use crate::scenes::SCENES;
use crate::served::Served;
use crate::stores::Store;
use crate::workloads::WORKLOADS;
use crate::{Options, Outcome, growth, pgbench, scenes, soak};

/// All figures of a run.
#[derive(Debug, Default, Serialize)]
struct Everything {
    workloads: Vec<Figures>,
    findings: Vec<Finding>,
}

/// Runs what was asked for.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    raise_descriptors()?;
    let mut names = WORKLOADS
        .iter()
        .map(|workload| workload.name)
        .chain(SCENES.iter().map(|scene| scene.name));
    if let Some(unknown) = options
        .only
        .iter()
        .find(|name| names.clone().all(|known| known != **name))
    {
        let known: Vec<&str> = names.by_ref().collect();
        return Err(format!("no workload is named {unknown}: {}", known.join(", ")).into());
    }
    let mut everything = Everything::default();
    let mut failed = Vec::new();
    report::machine(options);
    for &engine in &options.engine {
        if let Err(fault) = one(engine, options, &mut everything) {
            eprintln!("gateway: {}: {fault}", engine.name());
            failed.push(engine.name());
        }
    }
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_string_pretty(&everything)?)?;
    }
    match &*failed {
        [] => Ok(()),
        failed => Err(format!("it failed on {}", failed.join(", ")).into()),
    }
}

fn one(engine: Engine, options: &Options, everything: &mut Everything) -> Outcome<()> {
    match &options.growth {
        Some(sizes) => growth::run(engine, sizes, options, &mut everything.findings),
        None => match open(engine, options.rows, options)? {
            Some(bench) => measure(&bench, everything),
            None => Ok(()),
        },
    }
}

/// Makes the database of an engine and starts the service on it; nothing where it cannot be had.
pub(crate) fn open(engine: Engine, rows: u64, options: &Options) -> Outcome<Option<Bench<'_>>> {
    let pgbench = pgbench::find();
    if engine == Engine::Postgres && pgbench.is_none() {
        println!("\npostgres is left out: pgbench is not to be found");
        return Ok(None);
    }
    let store = match Store::open(engine, rows, options) {
        Ok(store) => store,
        Err(fault) => {
            println!("\n{} is left out: {fault}", engine.name());
            return Ok(None);
        }
    };
    let served = Served::start(&store.url, "users,tickets", options)?;
    Ok(Some(Bench {
        options,
        served,
        store,
        pgbench,
    }))
}

fn measure(bench: &Bench<'_>, everything: &mut Everything) -> Outcome<()> {
    let options = bench.options;
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|one| one == name);
    report::head(&bench.store, &bench.served);
    if let Some(seconds) = options.soak {
        everything.findings.extend(soak::run(bench, seconds)?);
        return Ok(());
    }
    let mut workloads = WORKLOADS.iter().filter(|one| wanted(one.name)).peekable();
    if workloads.peek().is_some() {
        report::columns();
    }
    for workload in workloads {
        let figures = bench.compare(workload)?;
        report::line(&figures);
        everything.workloads.push(figures);
    }
    let mut findings = scenes::of_tools(bench, &everything.workloads);
    for scene in SCENES.iter().filter(|scene| wanted(scene.name)) {
        findings.extend((scene.run)(bench)?);
    }
    everything.findings.append(&mut findings);
    Ok(())
}

/// As many descriptors as may be had: ten thousand sockets need more than the usual thousand.
fn raise_descriptors() -> Outcome<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    Ok(setrlimit(Resource::Nofile, limit)?)
}
