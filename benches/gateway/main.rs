//! Measures the built service against the floors of the same machine, in the same run.
//!
//! `cargo bench --bench gateway -- --help` tells the options, `docs/internals/performance.md` the method.
//! The program starts itself again for what must be a process of its own: the load client, the
//! echo, and the loops that read a database as fast as it goes.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "figures on the terminal are what it is for"
)]

mod child;
mod client;
mod crowd;
mod data;
mod drive;
mod echo;
mod floor;
mod growth;
mod measure;
mod paced;
mod pgbench;
mod post;
mod process;
mod report;
mod requests;
mod scenes;
mod served;
mod soak;
mod statistics;
mod stores;
mod storm;
mod walk;
mod wire;
mod workloads;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// What went wrong, for whoever reads the terminal.
type Fault = Box<dyn std::error::Error + Send + Sync>;
type Outcome<T> = Result<T, Fault>;

/// Measures the service against the floors of this machine.
#[derive(Debug, Parser)]
#[command(name = "gateway", disable_version_flag = true)]
struct Options {
    /// Databases to measure on
    #[arg(long, value_delimiter = ',', default_value = "postgres,sqlite,mysql")]
    engine: Vec<data::Engine>,
    /// Workloads to run, by name; all when none is given
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Lists the workloads and ends
    #[arg(long)]
    list: bool,
    /// Rounds, of which the median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Rows of the table that is read
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// The program to measure, in place of the one just built
    #[arg(long, value_name = "PATH", default_value = env!("CARGO_BIN_EXE_lucarne"))]
    binary: PathBuf,
    /// A variable for the service beside the usual ones, NAME=VALUE
    #[arg(long = "set", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// Lets the client in by a token of a store that is made for the run, with a tenant of its own
    #[arg(long)]
    store: bool,
    /// The server on which PostgreSQL databases are made
    #[arg(
        long,
        value_name = "URL",
        default_value = "postgres://root@127.0.0.1:5432/postgres?sslmode=disable"
    )]
    postgres: String,
    /// The server on which MariaDB or MySQL databases are made
    #[arg(
        long,
        value_name = "URL",
        default_value = "mysql://root@127.0.0.1:3306/?ssl-mode=DISABLED"
    )]
    mysql: String,
    /// Loads at half of what the service can do for so many seconds, and nothing else
    #[arg(long, value_name = "SECONDS", conflicts_with = "growth")]
    soak: Option<f64>,
    /// Measures how cost grows with rows (these numbers), models and connections, and nothing else
    #[arg(
        long,
        value_name = "ROWS",
        value_delimiter = ',',
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "10000,1000000,10000000"
    )]
    growth: Option<Vec<u64>>,
    /// Keeps the databases for a later run with --reuse
    #[arg(long)]
    keep: bool,
    /// Takes the databases that an earlier run kept, or makes and keeps them
    #[arg(long)]
    reuse: bool,
    /// Writes all figures into a file too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The seed of the random requests
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Given by cargo bench
    #[arg(long, hide = true)]
    bench: bool,
    /// A part that runs as a process of its own, as JSON
    #[arg(long, hide = true)]
    part: Option<String>,
}

/// Runs something that waits, on this thread.
fn block_on<T>(future: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build()?.block_on(future)
}

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match &options.part {
        Some(part) => child::run(part),
        None if options.list => {
            report::list();
            Ok(())
        }
        None => drive::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("gateway: {fault}");
            ExitCode::FAILURE
        }
    }
}
