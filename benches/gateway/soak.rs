//! The service at half of what it can do, for a long time: nothing may grow.

use crate::Outcome;
use crate::child::{Part, Running};
use crate::measure::Bench;
use crate::paced::{Lap, Paced};
use crate::process;
use crate::report::{Finding, MEBIBYTE};
use crate::requests::Ask;

/// Seconds in which it is found what the service can do.
const CAPACITY: f64 = 5.0;
const CONNECTIONS: u64 = 16;

/// Loads for so many seconds, and prints a line each minute.
pub(crate) fn run(bench: &Bench<'_>, seconds: f64) -> Outcome<Vec<Finding>> {
    let engine = bench.store.engine;
    let mut load = bench.requests(Ask::Mixed, CONNECTIONS);
    load.seconds = CAPACITY;
    let capacity = bench.load(&load, bench.served.id())?.rate;
    let rate = capacity / 2.0;
    println!("nine gets and a page of 50: {capacity:.0} answers a second; from now on {rate:.0}");
    load.seconds = seconds;
    let laps = ((seconds / 60.0).round() as u32).max(1);
    let mut client = Running::start(&Part::Paced(Paced { load, rate, laps }))?;
    println!(
        "{:>8} {:>9} {:>7} {:>7} {:>7} {:>11} {:>6}",
        "seconds", "answers/s", "p50", "p99", "MiB", "descriptors", "wrong"
    );
    client.go()?;
    let mut seen: Vec<(Lap, f64, usize)> = Vec::new();
    for lap in 1..=laps {
        let told: Lap = client.result()?;
        let memory = process::memory(bench.served.id()) as f64 / MEBIBYTE;
        let descriptors = process::descriptors(bench.served.id());
        println!(
            "{:>8.0} {:>9.0} {:>7} {:>7} {memory:>7.1} {descriptors:>11} {:>6}",
            f64::from(lap) * seconds / f64::from(laps),
            told.measured.answers as f64 / told.measured.seconds,
            told.measured.p50,
            told.measured.p99,
            told.wrong
        );
        seen.push((told, memory, descriptors));
    }
    let wrong: u64 = client.result()?;
    let (Some(first), Some(last)) = (seen.first(), seen.last()) else {
        return Err("no lap was told".into());
    };
    if wrong > 0 {
        return Err(format!("{wrong} wrong answers").into());
    }
    let finding = |what, figure, unit| Finding::new(engine, "soak", what, figure, unit, None);
    Ok(vec![
        finding("requests", rate, "/s"),
        finding("memory, first", first.1, "MiB"),
        finding("memory, last", last.1, "MiB"),
        finding("descriptors, first", first.2 as f64, ""),
        finding("descriptors, last", last.2 as f64, ""),
        finding("p99, first", first.0.measured.p99 as f64, "us"),
        finding("p99, last", last.0.measured.p99 as f64, "us"),
    ])
}
