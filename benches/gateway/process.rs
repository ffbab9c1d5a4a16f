//! What processes use, read from `/proc`: processor time, memory, descriptors.

use std::fs;

use crate::data::Engine;

/// Of a clock tick of `/proc`, in microseconds.
const TICK: u64 = 10_000;

/// What `/proc/PID/stat` tells of a process.
#[derive(Debug)]
struct Stat {
    parent: u32,
    /// Microseconds of its own, and of its children that have ended.
    own: u64,
    ended: u64,
}

fn stat(id: &str) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: (ticks(11)? + ticks(12)?) * TICK,
        ended: (ticks(13)? + ticks(14)?) * TICK,
    })
}

/// Microseconds of processor time that a process has used.
pub(crate) fn time(id: u32) -> u64 {
    stat(&id.to_string()).map_or(0, |stat| stat.own)
}

/// Microseconds of processor time of the children of this process that have ended.
pub(crate) fn time_of_ended() -> u64 {
    stat("self").map_or(0, |stat| stat.ended)
}

/// Microseconds of processor time of a database server on this machine: of its processes, and of
/// those that have ended. Nothing where it is none, or runs elsewhere.
pub(crate) fn time_of_server(engine: Engine) -> Option<u64> {
    let names: &[&str] = match engine {
        Engine::Postgres => &["postgres"],
        Engine::Mysql => &["mariadbd", "mysqld"],
        Engine::Sqlite => return None,
    };
    let ids = fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| {
        let id: u32 = entry.file_name().to_str()?.parse().ok()?;
        let name = fs::read_to_string(format!("/proc/{id}/comm")).ok()?;
        names.contains(&name.trim()).then_some(id)
    });
    let found: Vec<(u32, Stat)> = ids
        .filter_map(|id| Some((id, stat(&id.to_string())?)))
        .collect();
    let is_server = |id: u32| found.iter().any(|(other, _)| *other == id);
    let sum = found
        .iter()
        .map(|(_, stat)| match is_server(stat.parent) {
            true => stat.own,
            false => stat.own + stat.ended,
        })
        .sum();
    (!found.is_empty()).then_some(sum)
}

/// Resident memory of a process in bytes.
pub(crate) fn memory(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Descriptors that a process has open.
pub(crate) fn descriptors(id: u32) -> usize {
    fs::read_dir(format!("/proc/{id}/fd")).map_or(0, Iterator::count)
}
