//! The floor of PostgreSQL: `pgbench` with the same statement, prepared.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::child::Measured;
use crate::requests::Ask;
use crate::statistics;
use crate::{Outcome, process};

/// A run of pgbench.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) url: &'a str,
    pub(crate) ask: Ask,
    pub(crate) clients: u64,
    /// Statements sent together; 1 waits for each.
    pub(crate) pipelined: usize,
    pub(crate) seconds: f64,
    pub(crate) rows: u64,
    pub(crate) seed: u64,
}

/// Where pgbench is: in `PATH`, or where Debian puts it.
pub(crate) fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    folders
        .into_iter()
        .map(|folder| folder.join("pgbench"))
        .find(|file| file.is_file())
}

impl Run<'_> {
    /// Runs it, and tells also the microseconds of processor time that pgbench itself used.
    pub(crate) fn measure(&self, pgbench: &PathBuf) -> Outcome<(Measured, u64)> {
        let folder = tempfile::tempdir()?;
        let script = folder.path().join("script.sql");
        fs::write(&script, self.script())?;
        let log = folder.path().join("times");
        // pgbench counts whole seconds.
        let seconds = self.seconds.ceil().max(1.0);
        let arguments: Vec<OsString> = vec![
            "--no-vacuum".into(),
            "--protocol=prepared".into(),
            format!("--client={}", self.clients).into(),
            format!("--time={seconds}").into(),
            format!("--random-seed={}", self.seed).into(),
            "--log".into(),
            "--sampling-rate=0.05".into(),
            format!("--log-prefix={}", log.display()).into(),
            "--file".into(),
            script.into(),
            self.url.into(),
        ];
        let before = process::time_of_ended();
        let output = Command::new(pgbench)
            .args(arguments)
            .env("PGSSLMODE", "disable")
            .output()?;
        let used = process::time_of_ended() - before;
        let text = String::from_utf8_lossy(&output.stdout);
        let figure = |start: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(start))?;
            line.split(['/', ' ']).next()?.parse::<f64>().ok()
        };
        let done = figure("number of transactions actually processed: ");
        let rate = figure("tps = ");
        let (Some(done), Some(rate), true) = (done, rate, output.status.success()) else {
            let fault = String::from_utf8_lossy(&output.stderr);
            return Err(format!("pgbench: {text}{fault}").into());
        };
        let mut times = statistics::times()?;
        for entry in fs::read_dir(folder.path())?.flatten() {
            if entry.path() == folder.path().join("script.sql") {
                continue;
            }
            for line in fs::read_to_string(entry.path())?.lines() {
                let time = line.split(' ').nth(2).and_then(|time| time.parse().ok());
                times.saturating_record(time.ok_or("a line of pgbench without a time")?);
            }
        }
        let answers = done as u64 * self.pipelined as u64;
        let measured = Measured {
            answers,
            seconds: done / rate,
            p50: times.value_at_quantile(0.5),
            p99: times.value_at_quantile(0.99),
        };
        Ok((measured, used))
    }

    fn script(&self) -> String {
        let (from, to) = self.ask.range(self.rows);
        let one = format!(
            "\\set key random({from}, {to})\n{};\n",
            self.ask.statement(":key")
        );
        match self.pipelined {
            1 => one,
            many => format!("\\startpipeline\n{}\\endpipeline\n", one.repeat(many)),
        }
    }
}
