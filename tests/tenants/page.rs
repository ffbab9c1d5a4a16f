//! The page: its headers, who is let in from where, and what its files may be.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::api::{Answer, TOKEN, administered, send};
use crate::data::Data;
use crate::support::{Running, token};

/// All files of the page together, in bytes, those that are vendored too.
const MOST_BYTES: u64 = 100 * 1024;

/// What is vendored, byte for byte as the registry of npm has it.
const VENDORED: [(&str, &str); 2] = [
    // preact 11.2.0, dist/preact.mjs
    (
        "vendor/preact.js",
        "bdcbd9abdf2c77c5c45326eab42191e949222d479d0d5f69467387a77040cb55",
    ),
    // htm 3.1.1, dist/htm.module.js
    (
        "vendor/htm.js",
        "ab33dd3f38059b9be4d5f5350128eefb2356639c4e0bbe9d9e8b3ba75847e9e4",
    ),
];

const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         font-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "accelerometer=()"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("page")
}

/// The files that are served, by their names.
fn files() -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            if name != "vendor/LICENSES" {
                found.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn hex(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn assert_headers(answer: &Answer, path: &str) {
    for (name, begins) in HEADERS {
        let value = answer.headers.get(name).map(|it| it.to_str().unwrap());
        let value = value.unwrap_or_default();
        assert!(value.starts_with(begins), "{path}: {name}: {value}");
    }
    assert!(answer.headers.get("set-cookie").is_none(), "{path}");
}

async fn get(running: &Running, path: &str) -> Answer {
    send(running.admin.unwrap(), "GET", path, &[], "").await
}

/// The folder that the HTML says its files are in.
async fn folder(running: &Running) -> String {
    let answer = get(running, "/page/").await;
    let tag = answer.headers["etag"].to_str().unwrap();
    format!("/page/{}/", tag.trim_matches('"'))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_path_has_its_headers_and_every_file_its_type() {
    let running = administered(&[]).await;
    let folder = folder(&running).await;
    for path in ["/", "/page"] {
        let answer = get(&running, path).await;
        assert_eq!(
            (answer.status, &answer.headers["location"]),
            (307, &"page/".parse().unwrap())
        );
        assert_headers(&answer, path);
    }
    let html = get(&running, "/page/").await;
    assert_eq!(html.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(html.headers["cache-control"], "no-cache");
    assert_headers(&html, "/page/");
    let tag = html.headers["etag"].to_str().unwrap();
    for (known, status) in [
        (tag, 304),
        ("\"other\"", 200),
        (&*format!("\"x\", W/{tag}"), 304),
    ] {
        let headers = [("if-none-match", known)];
        let answer = send(running.admin.unwrap(), "GET", "/page/", &headers, "").await;
        assert_eq!(answer.status, status, "{known}");
        assert_headers(&answer, "/page/");
    }
    for (name, _) in files().iter().filter(|(name, _)| name != "index.html") {
        let path = format!("{folder}{name}");
        let answer = get(&running, &path).await;
        assert_eq!(answer.status, 200, "{path}");
        let kind = match name.rsplit('.').next().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            other => panic!("{other}"),
        };
        assert_eq!(answer.headers["content-type"], kind, "{path}");
        let cache = answer.headers["cache-control"].to_str().unwrap();
        assert!(cache.contains("immutable"), "{path}: {cache}");
        assert_headers(&answer, &path);
    }
    for path in [
        "/page/0000000000000000/app.js".to_owned(),
        format!("{folder}nothing.js"),
        format!("{folder}../../Cargo.toml"),
        format!("{folder}%2e%2e/index.html"),
        format!("{folder}vendor/LICENSES"),
    ] {
        let answer = get(&running, &path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_headers(&answer, &path);
    }
    let foreign = [("host", "evil.example")];
    for path in ["/", "/page/", &*format!("{folder}app.js")] {
        let answer = send(running.admin.unwrap(), "GET", path, &foreign, "").await;
        assert_eq!(answer.status, 403, "{path}");
        assert_headers(&answer, path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_page_of_this_place_administers_in_a_browser() {
    let running = administered(&[]).await;
    let address = running.admin.unwrap();
    let bearer = format!("Bearer {TOKEN}");
    let own = format!("http://{address}");
    let at = async |origin: &str, site: Option<&str>, host: &str| {
        let mut headers = vec![
            ("authorization", &*bearer),
            ("origin", origin),
            ("host", host),
        ];
        headers.extend(site.map(|site| ("sec-fetch-site", site)));
        let answer = send(address, "GET", "/admin/api/scopes", &headers, "").await;
        (
            answer.status,
            answer.body["code"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let host = address.to_string();
    let port = address.port();
    let allowed = (200, String::new());
    assert_eq!(at(&own, Some("same-origin"), &host).await, allowed);
    assert_eq!(at(&own, None, &host).await, allowed);
    let local = format!("localhost:{port}");
    assert_eq!(at(&format!("http://{local}"), None, &local).await, allowed);
    let refused = (403, "origin_not_allowed".to_owned());
    for (origin, site) in [
        (&*own, Some("cross-site")),
        (&own, Some("same-site")),
        (&own, Some("none")),
        (&format!("https://{address}"), None),
        (&format!("http://{local}"), None),
        (&format!("http://127.0.0.1:{}", port.wrapping_add(1)), None),
        ("null", Some("same-origin")),
        ("http://evil.example", Some("same-origin")),
        (&format!("{own}.evil.example"), None),
        (&format!("{own}/"), None),
        ("", None),
    ] {
        assert_eq!(at(origin, site, &host).await, refused, "{origin} {site:?}");
    }
    // The host is judged first: a name that is made to lead here is no own origin.
    let rebound = at("http://evil.example", Some("same-origin"), "evil.example").await;
    assert_eq!(rebound, (403, "host_not_allowed".to_owned()));
    let two = [
        ("authorization", &*bearer),
        ("origin", &own),
        ("origin", "http://evil.example"),
    ];
    let answer = send(address, "GET", "/admin/api/scopes", &two, "").await;
    assert_eq!(answer.status, 403);
    let answer = send(
        address,
        "GET",
        "/admin/api/scopes",
        &[("authorization", &bearer), ("origin", &own)],
        "",
    )
    .await;
    assert!(answer.headers.get("access-control-allow-origin").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_where_it_is_said_to_be() {
    let data = Data::sqlite().await;
    for (place, admin, public) in [("off", 404, 404), ("admin", 200, 404), ("all", 200, 200)] {
        let running = administered(&[("MCP_PAGE", place)]).await;
        let tenant = running.tenant("acme", &data.url(), &[]).await;
        let (_, secret) = running.token(&tenant, token("agent")).await;
        let (at, clients) = (running.admin.unwrap(), running.address);
        for (address, expected) in [(at, admin), (clients, public)] {
            let answer = send(address, "GET", "/page/", &[], "").await;
            assert_eq!(answer.status, expected, "{place} {address}");
            let own = format!("http://{address}");
            let bearer = format!("Bearer {secret}");
            let headers = [
                ("authorization", &*bearer),
                ("origin", &own),
                ("content-type", "application/json"),
                ("accept", "application/json, text/event-stream"),
            ];
            let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
            let answer = send(address, "POST", "/mcp", &headers, &ping).await;
            // Where there is no page, a page's origin is nobody's, or there is no such route.
            let expected = match (expected, address == at) {
                (200, _) => 200,
                (_, true) => 404,
                (_, false) => 403,
            };
            assert_eq!(answer.status, expected, "{place} {address} {}", answer.body);
        }
        let bearer = format!("Bearer {TOKEN}");
        let own = format!("http://{at}");
        let headers = [("authorization", &*bearer), ("origin", &*own)];
        let answer = send(at, "GET", "/admin/api/scopes", &headers, "").await;
        assert_eq!(
            answer.status,
            if place == "off" { 403 } else { 200 },
            "{place}"
        );
    }
}

#[test]
fn the_files_are_few_small_and_name_no_other_host() {
    let files = files();
    let bytes: u64 = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    assert!(bytes <= MOST_BYTES, "{bytes}");
    for (name, bytes) in &files {
        let text = std::str::from_utf8(bytes).unwrap();
        for (at, _) in text.match_indices("://") {
            let host: String = text[at + 3..]
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || ".-".contains(*c))
                .collect();
            assert!(host.is_empty() || host == "www.w3.org", "{name}: {host}");
        }
        if name.starts_with("vendor/") {
            continue;
        }
        for banned in [
            "innerHTML",
            "dangerouslySet",
            "srcdoc",
            "eval(",
            "document.write",
            "document.cookie",
            "localStorage",
            " style=",
            "onclick=",
            "new Function",
            "insertAdjacentHTML",
        ] {
            assert!(!text.contains(banned), "{name}: {banned}");
        }
    }
    let html = std::fs::read_to_string(root().join("index.html")).unwrap();
    let fetched = html.matches("HASH/").count();
    assert!(fetched <= 3, "{fetched} files before anything is asked");
    assert!(!html.contains("<style") && !html.contains("<script>"));
}

#[test]
fn what_is_vendored_is_what_was_published() {
    for (name, digest) in VENDORED {
        assert_eq!(
            hex(&std::fs::read(root().join(name)).unwrap()),
            digest,
            "{name}"
        );
    }
    let licences = std::fs::read_to_string(root().join("vendor/LICENSES")).unwrap();
    for (name, _) in VENDORED {
        let name = name.strip_prefix("vendor/").unwrap();
        assert!(licences.contains(&format!("{name}: ")), "{name}");
    }
    let vendored = files()
        .iter()
        .filter(|(name, _)| name.starts_with("vendor/"))
        .count();
    assert_eq!(vendored, VENDORED.len());
}

#[test]
fn the_page_asks_for_routes_that_are_described() {
    let openapi = lucarne::server::openapi();
    let described = openapi["paths"].as_object().unwrap().keys();
    let described: Vec<Vec<String>> = described
        .map(|path| {
            path.trim_start_matches("/admin/api/")
                .split('/')
                .map(str::to_owned)
                .collect()
        })
        .collect();
    let mut asked = BTreeSet::new();
    for (name, bytes) in files() {
        let text = String::from_utf8(bytes).unwrap();
        // Paths stand in quotes or templates, right after one that opens.
        for (at, _) in text.match_indices("/") {
            let before = &text[..at];
            if !before.ends_with(['\'', '`'])
                || !name.ends_with(".js")
                || name.starts_with("vendor/")
            {
                continue;
            }
            let rest: String = text[at + 1..]
                .chars()
                .take_while(|c| !"'`?\n".contains(*c))
                .collect();
            // What is put in at the end of a name is a query.
            let parts = rest.split('/');
            let parts = parts.map(|part| match part.find("${") {
                Some(at) if at > 0 => &part[..at],
                _ => part,
            });
            let rest = parts.collect::<Vec<_>>().join("/");
            let first = rest.split(['/', '$']).next().unwrap_or_default();
            if described.iter().any(|path| path[0] == first) {
                asked.insert(rest);
            }
        }
    }
    assert!(asked.len() > 12, "{asked:?}");
    for path in asked {
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |known: &Vec<String>| {
            known.len() == parts.len()
                && known.iter().zip(&parts).all(|(known, part)| {
                    known == part || part.starts_with("${") && known.starts_with('{')
                })
        };
        assert!(described.iter().any(fits), "{path}");
    }
}

/// The page in a real Chromium, by Playwright and axe: `tests/page/`.
#[test]
fn a_real_browser_finds_nothing_wrong() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page");
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    let lacks = if !Path::new(&chromium).exists() {
        format!("no {chromium} (apt-get install chromium; or set CHROMIUM)")
    } else if !folder.join("node_modules/playwright-core").exists() {
        "no playwright-core (npm ci --prefix tests/page)".to_owned()
    } else if std::process::Command::new("npm")
        .arg("--version")
        .output()
        .is_err()
    {
        "no npm (apt-get install npm)".to_owned()
    } else {
        String::new()
    };
    if !lacks.is_empty() {
        crate::common::skipped("chromium", &lacks);
        return;
    }
    let ran = std::process::Command::new("npm")
        .args(["test", "--silent"])
        .current_dir(folder)
        .env("LUCARNE", env!("CARGO_BIN_EXE_lucarne"))
        .env("CHROMIUM", chromium)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{told}");
}
