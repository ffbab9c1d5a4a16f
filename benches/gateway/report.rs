//! The table.

use serde::Serialize;

use crate::Options;
use crate::data::Engine;
use crate::measure::{Figures, Side};
use crate::scenes::SCENES;
use crate::served::Served;
use crate::stores::Store;
use crate::workloads::WORKLOADS;

pub(crate) const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// The workloads, by name.
pub(crate) fn list() {
    for workload in WORKLOADS {
        println!("{:10} {}", workload.name, workload.what);
    }
    for scene in SCENES {
        println!("{:10} {}", scene.name, scene.what);
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
}

/// What stands above the workloads.
pub(crate) fn columns() {
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

/// What is to be reached.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

/// A figure that stands in no row of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) engine: Engine,
    pub(crate) scene: &'static str,
    pub(crate) what: String,
    pub(crate) figure: f64,
    pub(crate) unit: &'static str,
    pub(crate) goal: Option<Goal>,
}

impl Finding {
    /// A figure, printed at once.
    pub(crate) fn new(
        engine: Engine,
        scene: &'static str,
        what: impl Into<String>,
        figure: f64,
        unit: &'static str,
        goal: Option<Goal>,
    ) -> Self {
        let finding = Self {
            engine,
            scene,
            what: what.into(),
            figure,
            unit,
            goal,
        };
        println!("{}", finding.line().trim_end());
        finding
    }

    fn line(&self) -> String {
        let figure = self.figure;
        let verdict = |met: bool| if met { "met" } else { "MISSED" };
        let goal = match self.goal {
            Some(Goal::AtLeast(least)) => format!("at least {least} {}", verdict(figure >= least)),
            Some(Goal::AtMost(most)) => format!("at most {most} {}", verdict(figure <= most)),
            None => String::new(),
        };
        let shown = match figure {
            large if large >= 1000.0 => format!("{large:.0}"),
            figure => format!("{figure:.2}"),
        };
        let (scene, what, unit) = (self.scene, &self.what, self.unit);
        format!("{scene:10} {what:45} {shown:>10} {unit:9} {goal}")
    }
}

/// The figures of one side, as findings; printed as one line.
pub(crate) fn side(engine: Engine, scene: &'static str, what: &str, side: &Side) -> Vec<Finding> {
    println!(
        "{scene:10} {what:45} {:>10.0} /s, p50 {:.0} p99 {:.0} us; CPU of service {:.1} db {:.1} us",
        side.rate, side.p50, side.p99, side.server, side.database
    );
    [
        ("answers", side.rate, "/s"),
        ("p50", side.p50, "us"),
        ("p99", side.p99, "us"),
        ("CPU of the service", side.server, "us"),
        ("CPU of the database", side.database, "us"),
    ]
    .map(|(name, figure, unit)| Finding {
        engine,
        scene,
        what: format!("{what}: {name}"),
        figure,
        unit,
        goal: None,
    })
    .into()
}
