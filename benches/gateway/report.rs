//! The table.

use crate::Options;
use crate::drive::Figures;
use crate::served::Served;
use crate::stores::Store;
use crate::workloads::WORKLOADS;

const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// The workloads, by name.
pub(crate) fn list() {
    for workload in WORKLOADS {
        println!("{:10} {}", workload.name, workload.what);
    }
}

/// Where and how it is measured.
pub(crate) fn machine(options: &Options) {
    let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("", |line| line.trim_start_matches(['\t', ' ', ':']));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    println!(
        "{cores} cores {model}; medians of {} rounds of {} s; {}",
        options.rounds,
        options.seconds,
        options.binary.display()
    );
}

/// What stands above the lines of an engine.
pub(crate) fn head(store: &Store, served: &Served) {
    println!(
        "\n{}, {} rows; ready in {:.0} ms with {:.1} MiB",
        store.engine.name(),
        store.rows,
        served.started_in.as_secs_f64() * 1000.0,
        served.memory_at_start as f64 / MEBIBYTE
    );
    println!(
        "{:10} {:>9} {:>7} {:>7} | {:>6} {:>7} {:>7} | {:>5} | {:>9} {:>9} {:>7} | {:>6} {:>6} {:>5}",
        "",
        "req/s",
        "p50",
        "p99",
        "client",
        "service",
        "db",
        "MiB",
        "echo/s",
        "floor/s",
        "p99",
        "rate",
        "by CPU",
        "goal"
    );
}

/// A workload.
pub(crate) fn line(figures: &Figures) {
    let by_time = figures.by_time();
    let goal = match figures.goal {
        Some(goal) if by_time >= goal => format!("{goal:>5.2} met"),
        Some(goal) => format!("{goal:>5.2} MISSED"),
        None => "    -".to_owned(),
    };
    println!(
        "{:10} {:>9.0} {:>7.0} {:>7.0} | {:>6.1} {:>7.1} {:>7.1} | {:>5.0} | {:>9.0} {:>9.0} {:>7.0} | {:>6.2} {:>6.2} {goal}",
        figures.workload,
        figures.of(|round| round.service.rate),
        figures.of(|round| round.service.p50),
        figures.of(|round| round.service.p99),
        figures.of(|round| round.service.client),
        figures.of(|round| round.service.server),
        figures.of(|round| round.service.database),
        figures.of(|round| round.memory as f64 / MEBIBYTE),
        figures.of(|round| round.echo.rate),
        figures.of(|round| round.floor.rate),
        figures.of(|round| round.floor.p99),
        figures.by_rate(),
        by_time,
    );
}
