//! The README says what is so.

use std::collections::BTreeSet;

use lucarne::cli::Exit;
use lucarne::config::variables::{GROUPS, Variable};
use serde_json::Value;

use crate::support::{Demo, blocks, document, exchanges, table};

#[tokio::test]
async fn the_messages_are_answered_as_shown() {
    let mut demo = Demo::start().await;
    for (request, shown) in exchanges() {
        let answer = demo.ask(&request.to_string()).await;
        if let Err(at) = shows(&shown, &answer) {
            panic!("{request}\nis answered otherwise at {at}:\n{answer:#}");
        }
    }
}

/// Whether an answer holds what is shown of it: the members shown, lists whole, and any text
/// for `…`.
pub(crate) fn shows(shown: &Value, real: &Value) -> Result<(), String> {
    match (shown, real) {
        (Value::Object(shown), Value::Object(real)) => {
            shown.iter().try_for_each(|(name, value)| {
                let real = real.get(name).ok_or_else(|| format!("{name}: missing"))?;
                shows(value, real).map_err(|at| format!("{name}: {at}"))
            })
        }
        (Value::Array(shown), Value::Array(real)) if shown.len() == real.len() => shown
            .iter()
            .zip(real)
            .try_for_each(|(shown, real)| shows(shown, real)),
        (Value::String(shown), Value::String(_)) if shown == "…" => Ok(()),
        _ if shown == real => Ok(()),
        _ => Err(format!("{shown} is {real}")),
    }
}

#[test]
fn the_variables_are_those_of_the_code() {
    let row = |variable: &Variable| {
        let default = variable.default.map(|default| format!("`{default}`"));
        let default = default.as_deref().unwrap_or("–");
        let by = match variable.follows_reload() {
            true => "reload",
            false => "restart",
        };
        format!(
            "| `{}` | {default} | {by} | {} |\n",
            variable.name, variable.meaning
        )
    };
    let tables = GROUPS.iter().map(|group| {
        let rows: String = group.variables.iter().map(row).collect();
        let title = group.title;
        format!("### {title}\n\n| Variable | Default | Changes by | Meaning |\n| --- | --- | --- | --- |\n{rows}\n")
    });
    let tables: String = tables.collect();
    assert!(
        document("README.md").contains(&tables),
        "the tables of the README should be\n{tables}"
    );
}

#[test]
fn the_example_has_the_variables_by_the_same_groups() {
    let example = document(".env.example");
    let groups = example.split("# --- ").skip(1).map(|group| {
        let (title, rest) = group.split_once('\n').unwrap();
        let names = rest.lines().filter_map(|line| {
            let (name, _) = line.trim_start_matches('#').split_once('=')?;
            let is_name = |text: &str| text.chars().all(|it| it.is_ascii_uppercase() || it == '_');
            is_name(name).then_some(name)
        });
        (title, names.collect::<Vec<_>>())
    });
    let expected = GROUPS.iter().map(|group| {
        let names = group.variables.iter().map(|variable| variable.name);
        (group.title, names.collect::<Vec<_>>())
    });
    assert_eq!(groups.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[test]
fn the_exit_codes_are_those_of_the_code() {
    let rows = table(&document("README.md"), "| Exit code | Meaning |");
    let expected: Vec<Vec<String>> = Exit::ALL
        .iter()
        .map(|(exit, meaning)| vec![exit.code().to_string(), (*meaning).to_owned()])
        .collect();
    assert_eq!(rows, expected);
}

#[test]
fn every_command_of_the_help_stands_in_the_table_and_no_other() {
    let rows = table(&document("README.md"), "| Command | What it does |");
    let shown: BTreeSet<String> = rows
        .iter()
        .filter_map(|row| row[0].strip_prefix("`lucarne ")?.split([' ', '`']).next())
        .map(str::to_owned)
        .collect();
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_lucarne"))
        .arg("-h")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let listed: BTreeSet<String> = commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect();
    assert_eq!(shown, listed);
}

/// Every page that people read, from the folder of the project.
fn pages() -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let within = |folder: &str| {
        let files = std::fs::read_dir(root.join(folder)).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let pages = names.filter(|name| name.ends_with(".md"));
        pages
            .map(|name| format!("{folder}{name}"))
            .collect::<Vec<_>>()
    };
    [
        within(""),
        within("docs/"),
        within("docs/internals/"),
        within("docs/adr/"),
    ]
    .concat()
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    assert!(pages.len() > 20, "{pages:?}");
    for name in &pages {
        let text = document(name);
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        for part in text.split("](").skip(1) {
            let target = part.split([')', '#']).next().unwrap();
            if target.is_empty() || target.starts_with("https://") {
                continue;
            }
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
                .join(folder)
                .join(target);
            assert!(path.exists(), "{name}: {target}");
        }
    }
}

#[test]
fn the_quick_start_is_two_commands() {
    let shell = blocks(&document("README.md"), "sh");
    assert_eq!(shell[0], "cargo run -- demo\ncargo test\n");
    let version = document("Cargo.toml")
        .lines()
        .find_map(|line| {
            Some(
                line.strip_prefix("rust-version = ")?
                    .trim_matches('"')
                    .to_owned(),
            )
        })
        .unwrap();
    assert!(document("README.md").contains(&format!("With Rust {version} or newer")));
}

#[test]
fn the_configurations_of_clients_are_those_that_are_printed() {
    let shown = |page: &str, title: &str| {
        let text = document(page);
        let (_, below) = text.split_once(title).unwrap();
        let (section, _) = below.split_once("\n## ").unwrap();
        ["json", "toml", "yaml", "python"]
            .iter()
            .flat_map(|language| blocks(section, language))
            .collect::<Vec<_>>()
    };
    let usual = ["vscode", "claude", "cursor", "gemini", "codex"];
    let others = [
        "zed",
        "windsurf",
        "generic",
        "continue",
        "goose",
        "langchain",
        "openai-agents",
    ];
    let pages = [
        (&usual[..], shown("README.md", "\n## Connect an agent\n")),
        (&others[..], shown("docs/mcp.md", "\n## Other clients\n")),
    ];
    for (clients, shown) in pages {
        assert_eq!(clients.len(), shown.len());
        for (client, shown) in clients.iter().zip(shown) {
            assert_eq!(printed(client), shown, "{client}");
        }
    }
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_lucarne"))
        .args(["config", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, clients) = help.split_once("Possible values:").unwrap();
    let (clients, _) = clients.split_once("Options:").unwrap();
    let known = clients.lines().filter(|line| line.contains("- ")).count();
    assert_eq!(known, usual.len() + others.len(), "{help}");
}

/// What `lucarne config` prints for a client where nothing is set.
fn printed(client: &str) -> String {
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_lucarne"))
        .args(["config", client])
        .env_clear()
        .current_dir(std::env::temp_dir())
        .output()
        .unwrap();
    String::from_utf8(ended.stdout).unwrap()
}

#[test]
fn every_page_can_be_found_from_the_readme() {
    let readme = document("README.md");
    for page in pages() {
        let found = page == "README.md"
            || page == "CHANGELOG.md"
            || page.starts_with("docs/adr/")
            || readme.contains(&format!("]({page})"));
        assert!(found, "README.md does not lead to {page}");
    }
}

#[test]
fn alerts_ask_for_metrics_that_there_are() {
    let (alerts, page) = (document("docs/alerts.yml"), document("docs/operations.md"));
    let names = alerts.split(|c: char| !c.is_ascii_lowercase() && c != '_');
    let metrics: Vec<&str> = names.filter(|name| name.starts_with("mcp_")).collect();
    assert!(metrics.len() >= 5, "{metrics:?}");
    for metric in metrics {
        assert!(page.contains(&format!("`{metric}")), "{metric}");
    }
    let monitoring = document("docs/monitoring.md");
    for alert in alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
    {
        assert!(monitoring.contains(&format!("| `{alert}` |")), "{alert}");
    }
}
