//! `lucarne demo`: a screen whose every command works.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::process::Process;

const LAST: &str = "Ctrl-C ends this.";

/// A demo in this folder, and its screen.
fn demo(folder: &Path) -> (Process, String) {
    let variables = [("MCP_LISTEN", "127.0.0.1:0"), ("MCP_LOG", "warn")];
    let process = Process::start(&["demo"], &variables, folder);
    process.line(LAST);
    let screen = process.output();
    (process, screen)
}

fn token(screen: &str) -> &str {
    screen
        .lines()
        .find_map(|line| line.strip_prefix("MCP_TOKEN="))
        .unwrap()
}

/// Runs lines of shell as they are pasted, with the program found as `lucarne`.
fn paste(lines: &str, folder: &Path) -> Output {
    let programs = Path::new(env!("CARGO_BIN_EXE_lucarne")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    Command::new("sh")
        .args(["-c", lines])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", programs.display()))
        .env_remove("MCP_TOKEN")
        .output()
        .unwrap()
}

/// Whether a line of shell succeeds.
fn works(line: &str) -> bool {
    let found = Command::new("sh").args(["-c", line]).output();
    found.is_ok_and(|found| found.status.success())
}

/// The commands of a screen: each line that begins with a program, to its last quote.
fn commands(screen: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    for line in screen.lines() {
        let open = commands
            .last()
            .is_some_and(|last| last.matches('\'').count() % 2 == 1);
        let first = line.split(' ').next().unwrap_or_default();
        if open {
            if let Some(last) = commands.last_mut() {
                *last += &format!("\n{line}");
            }
        } else if first.ends_with("lucarne") && line.contains(" --url ")
            || ["python3", "websocat"].contains(&first)
        {
            commands.push(line.to_owned());
        }
    }
    commands
}

#[test]
#[allow(clippy::print_stderr, reason = "what is skipped is named")]
fn the_screen_is_small_and_each_of_its_commands_works() {
    let folder = TempDir::new().unwrap();
    let (mut process, screen) = demo(folder.path());
    assert!(screen.lines().count() <= 16, "{screen}");
    let tools = "tools in SQL: open_tickets and 9 more, by MCP and by the action call";
    assert!(screen.lines().any(|line| line == tools), "{screen}");
    for line in screen.lines() {
        // The program is shown by its own path; a short one is as long as its name.
        let line = line.replace(env!("CARGO_BIN_EXE_lucarne"), "lucarne");
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert_eq!(token(&screen).len(), 43);
    let commands = commands(&screen);
    assert_eq!(commands.len(), 4, "{commands:?}");
    let begin = format!("MCP_TOKEN={}\nexport MCP_TOKEN", token(&screen));
    for command in commands {
        if command.starts_with("python3") && !works("python3 -c 'import websockets.sync.client'") {
            eprintln!("skipped, for python3 has no websockets: {command}");
            continue;
        }
        let command = match command.starts_with("websocat") {
            true if !works("websocat --version") => {
                eprintln!("skipped, for there is no websocat: {command}");
                continue;
            }
            true => format!("echo '{{\"action\":\"describe\"}}' | {command}"),
            false => command,
        };
        let ended = paste(&format!("{begin}\n{command}"), folder.path());
        let text = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(
            ended.status.success() && !text.is_empty(),
            "{command}: {ended:?}"
        );
        let told = String::from_utf8_lossy(&ended.stderr).to_lowercase();
        assert!(!told.contains("warning"), "{command}: {told}");
        let asks = command.contains("list");
        assert!(
            !asks || text.contains("admin@example.com"),
            "{command}: {text}"
        );
    }
    process.signal("INT");
    assert_eq!(process.ended().code(), Some(0));
}

#[test]
fn a_second_demo_has_the_same_database_and_a_fresh_token() {
    let folder = TempDir::new().unwrap();
    let (mut process, first) = demo(folder.path());
    process.signal("TERM");
    process.ended();
    let file = folder.path().join("lucarne-demo.db");
    let before = (
        std::fs::read(&file).unwrap(),
        std::fs::metadata(&file).unwrap().modified().unwrap(),
    );
    let (mut process, second) = demo(folder.path());
    process.signal("TERM");
    process.ended();
    let after = (
        std::fs::read(&file).unwrap(),
        std::fs::metadata(&file).unwrap().modified().unwrap(),
    );
    assert!(before == after);
    assert_ne!(token(&first), token(&second));
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .flatten()
        .collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn a_foreign_file_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("lucarne-demo.db");
    std::fs::write(&file, "mine").unwrap();
    let mut process = Process::start(&["demo"], &[("MCP_LISTEN", "127.0.0.1:0")], folder.path());
    assert_eq!(process.ended().code(), Some(2));
    assert!(
        process.output().starts_with("error: "),
        "{}",
        process.output()
    );
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
}
