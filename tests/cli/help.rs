//! Help, completions and the manual: short, narrow, and true.

use crate::support::{ROWS, Run, Service, Step};

/// Every page of help: the arguments that lead to it.
fn pages() -> Vec<Vec<String>> {
    let root = Run::new().lucarne(&["-h"]).out;
    let commands = root
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty());
    let mut pages = vec![vec![]];
    pages
        .extend(commands.filter_map(|line| Some(vec![line.split_whitespace().next()?.to_owned()])));
    pages.retain(|page| page != &["help"]);
    assert!(pages.len() > 5);
    pages
}

/// The tasks of each command that has some.
fn tasks() -> Vec<Vec<String>> {
    let mut tasks = Vec::new();
    for page in pages().into_iter().filter(|page| !page.is_empty()) {
        let text = help(&page, "-h");
        let listed = text.lines().skip_while(|line| *line != "Commands:").skip(1);
        let listed = listed.take_while(|line| !line.is_empty());
        let names = listed.filter_map(|line| line.split_whitespace().next());
        let names = names.filter(|name| *name != "help");
        tasks.extend(names.map(|name| [page.clone(), vec![name.to_owned()]].concat()));
    }
    assert!(tasks.len() > 20, "{tasks:?}");
    tasks
}

fn help(page: &[String], flag: &str) -> String {
    let mut arguments: Vec<&str> = page.iter().map(String::as_str).collect();
    arguments.push(flag);
    let ended = Run::new().lucarne(&arguments);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{page:?}");
    ended.out
}

/// The lines of shell under "Examples:".
fn examples(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Examples:").skip(1);
    lines
        .take_while(|line| !line.is_empty())
        .map(|line| line.trim().to_owned())
        .collect()
}

/// What a command says once it serves, for it goes on until it is told to stop; `None` for one
/// that ends by itself.
fn served(line: &str) -> Option<&'static str> {
    match line.split_once("lucarne ")?.1.split(' ').next()? {
        "serve" => Some("listens on http://"),
        "demo" => Some("Ctrl-C ends this."),
        _ => None,
    }
}

#[test]
fn help_is_short_and_narrow() {
    for page in pages().into_iter().chain(tasks()) {
        let short = help(&page, "-h");
        assert!(
            short.lines().count() <= 42,
            "{page:?} has {} lines",
            short.lines().count()
        );
        for text in [short, help(&page, "--help")] {
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "{page:?}: {line}");
            }
            assert!(!text.contains('\u{1b}'));
        }
    }
}

#[test]
fn every_example_runs() {
    let service = Service::socket(|_| Step::Text(ROWS.to_owned()));
    let health = Service::http("200 OK", "", "{}");
    for page in pages().into_iter().chain(tasks()) {
        let examples = examples(&help(&page, "-h"));
        assert!(
            !examples.is_empty() || page.is_empty(),
            "{page:?} has no example"
        );
        for line in examples {
            let service = if line.contains("health") {
                &health
            } else {
                &service
            };
            if line.ends_with("lucarne stdio") {
                let ended = Run::new().shell(&line);
                let said = "DATABASE_URL: there is no file data/shop.db";
                assert!(ended.err.contains(said), "{line}: {}", ended.err);
                continue;
            }
            if line.contains("lucarne reload") || line.contains("lucarne exposed") {
                // They ask a service of this folder, and there is none.
                let ended = Run::new()
                    .set("MCP_CONTROL_SOCKET", "none.sock")
                    .shell(&line);
                let said = "no service answers at none.sock";
                assert!(ended.err.contains(said), "{line}: {}", ended.err);
                continue;
            }
            let run = Run::with(service)
                .with_sample()
                .with_store()
                .file(
                    "requests.jsonl",
                    "{\"action\":\"list\",\"model\":\"users\"}\n",
                )
                .file("audit.jsonl", "")
                .set("MCP_AUDIT_FILE", "store-audit.jsonl");
            let run = match line.contains("lucarne tool ") {
                true => run
                    .file("tools.toml", lucarne::sample::TOOLS)
                    .file("open.sql", "SELECT id FROM tickets WHERE status = :status")
                    .set("MCP_TOOLS_FILE", "tools.toml"),
                false => run,
            };
            let address = service.address.to_string();
            let ended = match served(&line) {
                Some(sign) => run
                    .set("MCP_LISTEN", "127.0.0.1:0")
                    .serve(&line.replace("127.0.0.1:8001", "127.0.0.1:0"), sign),
                None => run.shell(&line.replace("127.0.0.1:8000", &address)),
            };
            assert_eq!(
                (ended.code, ended.err.contains("error:")),
                (Some(0), false),
                "{line}: {}",
                ended.err
            );
        }
    }
}

#[test]
fn exit_codes_are_in_the_help_and_the_manual() {
    let help = help(&[], "-h");
    let manual = Run::new().lucarne(&["man"]).out;
    for (exit, meaning) in lucarne::cli::Exit::ALL {
        assert!(
            help.contains(&format!("  {}  {meaning}", exit.code())),
            "{meaning}"
        );
        assert!(manual.contains(&meaning.replace('-', "\\-")), "{meaning}");
    }
}

#[test]
fn every_variable_is_in_the_long_help_and_the_manual() {
    let help = help(&[], "--help");
    let manual = Run::new().lucarne(&["man"]).out;
    for variable in lucarne::config::variables::all() {
        let default = variable
            .default
            .map(|default| format!(" [default: {default}]"));
        let line = format!("  {}{}", variable.name, default.unwrap_or_default());
        assert!(help.contains(&line), "{line}");
        assert!(manual.contains(&line.replace('-', "\\-")), "{line}");
    }
}

/// Each way of typing a word with one slip of the finger.
fn slips(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let mut slips = Vec::new();
    for place in 0..letters.len() {
        let mut left_out = letters.clone();
        left_out.remove(place);
        let mut changed = letters.clone();
        changed[place] = 'q';
        let mut added = letters.clone();
        added.insert(place, 'z');
        slips.extend([left_out, changed, added]);
        if place > 0 && letters[place] != letters[place - 1] {
            let mut swapped = letters.clone();
            swapped.swap(place - 1, place);
            slips.push(swapped);
        }
    }
    slips
        .into_iter()
        .map(|letters| letters.into_iter().collect())
        .collect()
}

#[test]
fn a_slip_is_refused_and_what_was_meant_is_named() {
    let run = Run::new();
    let commands: Vec<String> = pages().into_iter().flatten().collect();
    let mut cases: Vec<(Vec<String>, String)> = Vec::new();
    for command in &commands {
        cases.extend(
            slips(command)
                .into_iter()
                .map(|slip| (vec![slip], command.clone())),
        );
        let help = help(std::slice::from_ref(command), "-h");
        // Before the examples, which may be of its tasks.
        let (own, _) = help.split_once("\nExamples:").unwrap_or((&help, ""));
        for option in own
            .split_whitespace()
            .filter_map(|word| word.strip_prefix("--"))
            .filter(|word| word.len() > 3 && word.chars().all(|letter| letter.is_ascii_lowercase()))
        {
            cases.extend(slips(option).into_iter().map(|slip| {
                (
                    vec![command.clone(), format!("--{slip}")],
                    format!("--{option}"),
                )
            }));
        }
    }
    assert!(cases.len() >= 100, "{}", cases.len());
    let mut right = 0;
    for (arguments, meant) in &cases {
        let ended = run.lucarne(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(ended.code, Some(2), "{arguments:?}");
        if ended.err.contains(&format!("did you mean \"{meant}\"?")) {
            right += 1;
        } else {
            assert!(
                !ended.err.contains("did you mean"),
                "{arguments:?} is {meant}: {}",
                ended.err
            );
        }
    }
    assert!(
        right * 100 >= cases.len() * 95,
        "{right} of {}",
        cases.len()
    );
    for stranger in ["instal", "upgrade", "x", "lists"] {
        let ended = run.lucarne(&[stranger]);
        assert!(
            ended.code == Some(2) && !ended.err.contains("did you mean"),
            "{}",
            ended.err
        );
    }
}

#[test]
fn the_version_is_one_line_with_the_engines() {
    let ended = Run::new().lucarne(&["--version"]);
    assert_eq!(ended.out.lines().count(), 1);
    let version = concat!("lucarne ", env!("CARGO_PKG_VERSION"), " (");
    assert!(
        ended.out.starts_with(version) && ended.out.contains("sqlite, postgresql, mysql, mariadb"),
        "{}",
        ended.out
    );
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let ended = Run::new().lucarne(&["completions", shell]);
        assert!(
            ended.out.contains("query") && ended.out.contains("timeout"),
            "{shell}"
        );
    }
    let ended = Run::new().shell("lucarne completions bash > script && bash -n script");
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
}

#[test]
fn the_manual_page_is_set_without_a_warning() {
    let run = Run::new();
    if run.shell("command -v groff").code != Some(0) {
        eprintln!("not checked: there is no groff");
        return;
    }
    let ended = run.shell("lucarne man | groff -man -Tutf8 -ww -rCHECKSTYLE=1 > page; cat page");
    assert_eq!(ended.err, "");
    assert!(ended.out.contains("lucarne query"));
}
