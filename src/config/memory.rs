//! How much memory requests and answers under way may take.

use std::fs;

use super::check::Check;

use crate::advice::Advice;

const NAME: &str = "MCP_MAX_MEMORY_BYTES";
/// What is taken of a machine that has plenty.
const USUAL: usize = 192 * 1024 * 1024;
/// What is taken of a machine that has little.
const LEAST: usize = 16 * 1024 * 1024;
/// What the kernel says that this process may have: its group's bounds, then the machine's.
const GROUPS: [&str; 2] = [
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
];

/// The budget: what was typed, or what fits the machine and holds requests of the largest size.
pub(super) fn budget(check: &mut Check, typed: Option<&str>, largest: usize) -> usize {
    let needed = largest.saturating_mul(2);
    let Some(typed) = typed else {
        return USUAL.min(machine() / 4).max(LEAST).max(needed);
    };
    let bytes = check.number(NAME, typed, 1..=1_099_511_627_776);
    if bytes < needed && !check.refused(NAME) {
        let message = format!("{bytes} is less than two requests of the largest size may take");
        let help = format!(
            "set at least {needed}, or lower MCP_MAX_RESPONSE_BYTES and MCP_MAX_MESSAGE_BYTES"
        );
        check.fault(NAME, Advice::new(message, help));
    }
    bytes
}

/// The bytes of memory that there are for this process; plenty where nobody says.
fn machine() -> usize {
    let group = GROUPS.iter().filter_map(|path| {
        let text = fs::read_to_string(path).ok()?;
        text.trim().parse::<usize>().ok()
    });
    let all = fs::read_to_string("/proc/meminfo").ok();
    let all = all.as_deref().and_then(total);
    group.chain(all).min().unwrap_or(usize::MAX)
}

/// What `/proc/meminfo` says of all memory, in bytes.
fn total(meminfo: &str) -> Option<usize> {
    let mut lines = meminfo.lines();
    let total = lines.find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: usize = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_fits_the_machine_and_the_largest_request() {
        let mut check = Check::default();
        let usual = budget(&mut check, None, 1_000);
        assert!((LEAST..=USUAL).contains(&usual), "{usual}");
        assert_eq!(budget(&mut check, None, USUAL), 2 * USUAL);
        assert_eq!(budget(&mut check, Some("70000000"), 1_000), 70_000_000);
        assert!(check.faults.is_empty());
        budget(&mut check, Some("1999"), 1_000);
        budget(&mut check, Some("64M"), 1_000);
        let told = check.faults.iter().map(ToString::to_string);
        let told: Vec<String> = told.collect();
        assert!(told[0].contains("set at least 2000"), "{told:?}");
        assert!(told[1].contains("whole number"), "{told:?}");
    }

    #[test]
    fn all_memory_is_read_as_the_kernel_writes_it() {
        let text = "MemTotal:       24684104 kB\nMemFree:         6072320 kB\n";
        assert_eq!(total(text), Some(24_684_104 * 1024));
        assert_eq!(total("MemFree: 1 kB"), None);
    }
}
