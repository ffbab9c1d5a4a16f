//! The files for containers name only what exists.
#![expect(
    clippy::unwrap_used,
    reason = "clippy knows test functions, not the functions they call"
)]

use std::{fs, path::Path};

/// Every variable that the service reads, without the `_FILE` forms.
const VARIABLES: [&str; 29] = [
    "DATABASE_URL",
    "MCP_ADMIN_LISTEN",
    "MCP_ALLOWED_HOSTS",
    "MCP_ALLOWED_MODELS",
    "MCP_ALLOWED_ORIGINS",
    "MCP_ALLOW_QUERY_TOKEN",
    "MCP_DEFAULT_LIMIT",
    "MCP_ENABLED",
    "MCP_HIDDEN_FIELDS",
    "MCP_IDLE_TIMEOUT",
    "MCP_LISTEN",
    "MCP_LOG",
    "MCP_LOG_FORMAT",
    "MCP_MAX_CONNECTIONS",
    "MCP_MAX_LIMIT",
    "MCP_MAX_MESSAGE_BYTES",
    "MCP_MAX_RESPONSE_BYTES",
    "MCP_NUMBERS",
    "MCP_PGBOUNCER",
    "MCP_POOL_SIZE",
    "MCP_QUERY_TIMEOUT",
    "MCP_RATE_LIMIT",
    "MCP_RATE_WINDOW",
    "MCP_READONLY",
    "MCP_REVEAL_FIELDS",
    "MCP_TOKEN",
    "MCP_TOOL_MAX_BYTES",
    "MCP_TRUSTED_PROXIES",
    "LUCARNE_COMMIT",
];

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The lines without what is said about them.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
}

#[test]
fn variables_exist() {
    let mut seen = 0;
    for file in ["Dockerfile", "docker-compose.yml"] {
        let text = read(file);
        let words = code(&text).flat_map(|line| {
            line.split(|letter: char| !letter.is_ascii_uppercase() && letter != '_')
        });
        for word in words.filter(|word| {
            ["MCP_", "LUCARNE_", "DATABASE_"]
                .iter()
                .any(|prefix| word.starts_with(prefix))
        }) {
            let name = word.strip_suffix("_FILE").unwrap_or(word);
            assert!(VARIABLES.contains(&name), "{file}: {word}");
            seen += 1;
        }
    }
    assert!(seen >= 8, "found only {seen} variables");
}

#[test]
fn mounted_files_exist_and_ports_are_the_hosts_own() {
    let text = read("docker-compose.yml");
    let mut mounted = 0;
    for line in code(&text) {
        if let Some(mount) = line.strip_prefix("- ./") {
            let file = mount.split(':').next().unwrap();
            assert!(
                Path::new(env!("CARGO_MANIFEST_DIR")).join(file).is_file(),
                "{file}"
            );
            assert!(mount.ends_with(":ro"), "{mount}");
            mounted += 1;
        }
        if let Some(ports) = line.strip_prefix("ports: ") {
            assert!(ports.starts_with("[\"127.0.0.1:"), "{ports}");
        }
    }
    assert_eq!(mounted, 2);
}

#[test]
fn secrets_are_files_kept_out_of_image_and_repository() {
    let text = read("docker-compose.yml");
    let files: Vec<&str> = code(&text)
        .filter_map(|line| line.strip_prefix("file: "))
        .collect();
    assert_eq!(files.len(), 4);
    assert!(files.iter().all(|file| file.starts_with("./secrets/")));
    assert!(code(&read(".dockerignore")).any(|line| line == "secrets"));
    assert!(code(&read(".gitignore")).any(|line| line == "/secrets"));
}
