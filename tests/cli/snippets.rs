//! `lucarne config`: each block parses, points to the service, and holds no secret.

use serde_json::Value;
use toml_edit::DocumentMut;

use crate::support::{Ended, Run, TOKEN};

fn config(arguments: &[&str]) -> Ended {
    let run = Run::new()
        .set("MCP_LISTEN", "0.0.0.0:9000")
        .set("MCP_TOKEN", TOKEN);
    let ended = run.lucarne(&[&["config"], arguments].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    assert!(!ended.out.contains("s3cr3t"));
    ended
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&config(arguments).out).unwrap()
}

#[test]
fn http_for_each_client() {
    const URL: &str = "http://127.0.0.1:9000/mcp";
    let vscode = json(&["vscode"]);
    assert_eq!(vscode["inputs"][0]["password"], true);
    assert_eq!(vscode["servers"]["lucarne"]["type"], "http");
    assert_eq!(vscode["servers"]["lucarne"]["url"], URL);
    let reference = format!(
        "Bearer ${{input:{}}}",
        vscode["inputs"][0]["id"].as_str().unwrap()
    );
    assert_eq!(
        vscode["servers"]["lucarne"]["headers"]["Authorization"],
        reference
    );

    let claude = &json(&["claude"])["mcpServers"]["lucarne"];
    assert_eq!(
        (&claude["type"], &claude["url"]),
        (&"http".into(), &URL.into())
    );
    assert_eq!(claude["headers"]["Authorization"], "Bearer ${MCP_TOKEN}");

    let cursor = &json(&["cursor"])["mcpServers"]["lucarne"];
    assert_eq!(
        (&cursor["url"], &cursor["headers"]["Authorization"]),
        (&URL.into(), &"Bearer ${env:MCP_TOKEN}".into())
    );

    let gemini = &json(&["gemini"])["mcpServers"]["lucarne"];
    assert_eq!(
        (&gemini["httpUrl"], &gemini["headers"]["Authorization"]),
        (&URL.into(), &"Bearer ${MCP_TOKEN}".into())
    );

    let windsurf = &json(&["windsurf"])["mcpServers"]["lucarne"];
    assert_eq!(
        (
            &windsurf["serverUrl"],
            &windsurf["headers"]["Authorization"]
        ),
        (&URL.into(), &"Bearer ${env:MCP_TOKEN}".into())
    );

    let zed = &json(&["zed"])["context_servers"]["lucarne"];
    assert_eq!(
        (&zed["url"], &zed["headers"]["Authorization"]),
        (&URL.into(), &"Bearer <MCP_TOKEN>".into())
    );

    let generic = &json(&["generic"])["mcpServers"]["lucarne"];
    assert_eq!(
        (&generic["type"], &generic["url"]),
        (&"http".into(), &URL.into())
    );
    assert_eq!(generic["headers"]["Authorization"], "Bearer ${MCP_TOKEN}");

    for (client, secret) in [
        ("continue", "Bearer ${{ secrets.MCP_TOKEN }}"),
        ("goose", "Bearer ${MCP_TOKEN}"),
        ("langchain", "os.environ[\"MCP_TOKEN\"]"),
        ("openai-agents", "os.environ[\"MCP_TOKEN\"]"),
    ] {
        let block = config(&[client]).out;
        assert!(block.contains(URL) && block.contains(secret), "{block}");
    }

    let codex: DocumentMut = config(&["codex"]).out.parse().unwrap();
    let codex = &codex["mcp_servers"]["lucarne"];
    assert_eq!(codex["url"].as_str(), Some(URL));
    assert_eq!(codex["bearer_token_env_var"].as_str(), Some("MCP_TOKEN"));
}

#[test]
fn websocket_and_another_address() {
    let claude = &json(&["claude", "--ws", "--url", "https://data.example/lucarne"])["mcpServers"]
        ["lucarne"];
    assert_eq!(
        (&claude["type"], &claude["url"]),
        (&"ws".into(), &"wss://data.example/lucarne/mcp/ws".into())
    );
    let claude = &json(&["claude", "--url", "wss://data.example/mcp/ws"])["mcpServers"]["lucarne"];
    assert_eq!(claude["url"], "https://data.example/mcp");
}

#[test]
fn the_service_as_a_child_of_the_client() {
    for client in ["claude", "cursor", "gemini", "windsurf", "generic"] {
        let server = &json(&[client, "--stdio"])["mcpServers"]["lucarne"];
        assert_eq!(
            (&server["command"], &server["args"][0]),
            (&env!("CARGO_BIN_EXE_lucarne").into(), &"stdio".into()),
            "{client}"
        );
        assert!(
            server["env"]["DATABASE_URL"]
                .as_str()
                .unwrap()
                .starts_with("${"),
            "{client}"
        );
    }
    let vscode = json(&["vscode", "--stdio"]);
    assert_eq!(vscode["servers"]["lucarne"]["type"], "stdio");
    let zed = &json(&["zed", "--stdio"])["context_servers"]["lucarne"];
    assert_eq!(zed["env"], serde_json::json!({ "MCP_ENABLED": "true" }));
    for (client, secret) in [
        ("continue", "DATABASE_URL: \"${{ secrets.DATABASE_URL }}\""),
        ("goose", "env_keys: [\"DATABASE_URL\"]"),
        (
            "langchain",
            "\"DATABASE_URL\": os.environ[\"DATABASE_URL\"]",
        ),
        (
            "openai-agents",
            "\"DATABASE_URL\": os.environ[\"DATABASE_URL\"]",
        ),
    ] {
        let block = config(&[client, "--stdio"]).out;
        assert!(
            block.contains("[\"stdio\"]") && block.contains(secret),
            "{block}"
        );
    }
    let codex: DocumentMut = config(&["codex", "--stdio"]).out.parse().unwrap();
    assert_eq!(
        codex["mcp_servers"]["lucarne"]["args"][0].as_str(),
        Some("stdio")
    );
}

#[test]
fn where_it_goes_is_said_beside_it() {
    for (client, file) in [
        ("vscode", ".vscode/mcp.json"),
        ("claude", ".mcp.json"),
        ("cursor", ".cursor/mcp.json"),
        ("codex", "~/.codex/config.toml"),
        ("gemini", ".gemini/settings.json"),
        ("zed", "~/.config/zed/settings.json"),
        ("windsurf", "~/.codeium/windsurf/mcp_config.json"),
        ("continue", ".continue/mcpServers/lucarne.yaml"),
        ("goose", "~/.config/goose/config.yaml"),
        ("langchain", "your program"),
        ("openai-agents", "your program"),
        ("generic", "the file where the client keeps its mcpServers"),
    ] {
        assert!(
            config(&[client])
                .err
                .contains(&format!("goes into {file};"))
        );
    }
}

#[test]
fn what_is_set_here_reaches_a_child_of_the_client() {
    let run = Run::new()
        .set("DATABASE_URL", "sqlite:shop.db")
        .set("MCP_ALLOWED_MODELS", "genre, \"odd\"")
        .set("MCP_HIDDEN_FIELDS", "genre.name")
        .set("MCP_CURSOR_KEY", "s3cr3t-key")
        .set("MCP_LISTEN", "127.0.0.1:9000");
    let set = |value: &Value| {
        assert_eq!(value["MCP_ALLOWED_MODELS"], "genre, \"odd\"");
        assert_eq!(value["MCP_HIDDEN_FIELDS"], "genre.name");
        assert!(value["MCP_LISTEN"].is_null() && value["MCP_CURSOR_KEY"].is_null());
    };
    for client in [
        "claude", "cursor", "gemini", "vscode", "windsurf", "generic", "codex",
    ] {
        let ended = run.lucarne(&["config", client, "--stdio"]);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(ended.err.contains("MCP_CURSOR_KEY"), "{}", ended.err);
        assert!(!ended.out.contains("s3cr3t"), "{}", ended.out);
        if client == "codex" {
            let block: DocumentMut = ended.out.parse().unwrap();
            let variables = block["mcp_servers"]["lucarne"]["env"].as_inline_table();
            let text = |(name, value): (&str, &toml_edit::Value)| {
                (name.to_owned(), Value::from(value.as_str().unwrap()))
            };
            set(&Value::Object(
                variables.unwrap().iter().map(text).collect(),
            ));
            continue;
        }
        let block: Value = serde_json::from_str(&ended.out).unwrap();
        let servers = ["mcpServers", "servers"].map(|name| &block[name]["lucarne"]["env"]);
        set(servers.into_iter().find(|found| found.is_object()).unwrap());
    }
}

#[test]
fn files_are_handed_on_by_their_whole_paths() {
    let run = Run::new()
        .set("DATABASE_URL", "sqlite:shop.db")
        .set("MCP_STORE", "sqlite:store.db")
        .set("MCP_AUDIT_FILE", "audit.jsonl")
        .set("MCP_TOOLS_FILE", "tools.toml")
        .set("MCP_CURSOR_KEY_FILE", "cursor.key");
    let folder = run.folder.path().canonicalize().unwrap();
    let at = |name: &str| folder.join(name).display().to_string();
    let ended = run.lucarne(&["config", "claude", "--stdio"]);
    let block: Value = serde_json::from_str(&ended.out).unwrap();
    let variables = &block["mcpServers"]["lucarne"]["env"];
    assert_eq!(variables["MCP_AUDIT_FILE"], at("audit.jsonl"));
    assert_eq!(variables["MCP_TOOLS_FILE"], at("tools.toml"));
    assert_eq!(variables["MCP_CURSOR_KEY_FILE"], at("cursor.key"));
    for told in [
        format!("give it DATABASE_URL=sqlite:{}", at("shop.db")),
        format!("give it MCP_STORE=sqlite:{}", at("store.db")),
    ] {
        assert!(ended.err.contains(&told), "{}", ended.err);
    }

    let run = Run::new()
        .set("DATABASE_URL_FILE", "url")
        .set("MCP_AUDIT_FILE", "stderr");
    let folder = run.folder.path().canonicalize().unwrap();
    for client in ["claude", "codex", "langchain", "openai-agents", "goose"] {
        let ended = run.lucarne(&["config", client, "--stdio"]);
        let path = folder.join("url").display().to_string();
        assert!(ended.out.contains(&path), "{}", ended.out);
        assert!(ended.out.contains("\"stderr\""), "{}", ended.out);
        assert!(!ended.out.contains("DATABASE_URL\""), "{}", ended.out);
        assert!(!ended.err.contains("DATABASE_URL"), "{}", ended.err);
    }
}

#[test]
fn what_fills_in_a_url_of_postgres_reaches_the_child_too() {
    let surrounded = |url: &str| {
        Run::new()
            .set("DATABASE_URL", url)
            .set("PGUSER", "reader")
            .set("PGPASSWORD", "s3cr3t")
            .set("PGOPTIONS", "-c search_path=shop")
            .set("PGSSLROOTCERT", "root.crt")
            .set("SSL_CERT_FILE", "ca.pem")
            .set("PGPORT", "")
            .set("PGTARGETSESSIONATTRS", "any")
    };
    let run = surrounded("postgres://db.example/shop");
    let folder = run.folder.path().canonicalize().unwrap();
    let ended = run.lucarne(&["config", "claude", "--stdio"]);
    let block: Value = serde_json::from_str(&ended.out).unwrap();
    let variables = &block["mcpServers"]["lucarne"]["env"];
    assert_eq!(
        *variables,
        serde_json::json!({
            "MCP_ENABLED": "true",
            "DATABASE_URL": "${DATABASE_URL}",
            "PGOPTIONS": "-c search_path=shop",
            "PGSSLROOTCERT": folder.join("root.crt"),
            "PGUSER": "reader",
            "SSL_CERT_FILE": folder.join("ca.pem"),
        })
    );
    let told = "set here and in no block, for they are secret: PGPASSWORD;";
    assert!(ended.err.contains(told), "{}", ended.err);

    for url in ["sqlite:shop.db", "mysql://reader@db.example/shop"] {
        let ended = surrounded(url).lucarne(&["config", "claude", "--stdio"]);
        let told = [&*ended.out, &ended.err].concat();
        assert!(ended.code == Some(0) && !told.contains("PG"), "{told}");
    }
}

#[test]
fn whose_token_it_is_for_is_said_and_must_let_somebody_in() {
    let run = Run::new().with_sample().with_store();
    let plain = run.lucarne(&["config", "claude"]);
    let ended = run.lucarne(&["config", "claude", "--for", "night", "--tenant", "acme"]);
    assert_eq!((ended.code, &ended.out), (Some(0), &plain.out));
    let told = "MCP_TOKEN is to hold token night of tenant acme, which ends in ";
    assert!(ended.err.contains(told), "{}", ended.err);

    let refused = run.lucarne(&["config", "claude", "--for", "noon"]);
    assert_ne!(refused.code, Some(0));
    assert!(refused.err.contains("noon"), "{}", refused.err);
    let refused = run.lucarne(&["config", "claude", "--tenant", "acme"]);
    assert!(refused.err.contains("--for"), "{}", refused.err);
    let refused = run.lucarne(&["config", "claude", "--stdio", "--for", "night"]);
    assert_eq!(refused.code, Some(2), "{}", refused.err);

    let revoked = run.lucarne(&["token", "revoke", "night", "--yes"]);
    assert_eq!(revoked.code, Some(0), "{}", revoked.err);
    let refused = run.lucarne(&["config", "claude", "--for", "night"]);
    assert_eq!(refused.out, "");
    assert!(
        refused.err.contains("lets nobody in: revoked"),
        "{}",
        refused.err
    );
}
