//! `docs/queries.md`: each request has the answer that stands below it.
//!
//! `LUCARNE_DOCS=write cargo test documented` writes the answers anew.

use std::fs;

use lucarne::sample;
use serde_json::Value;

use crate::chinook;
use crate::support::Served;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/queries.md");
const FENCE: &str = "```json\n";

/// An answer as the page shows it: a row a line, and no cursor, which is never the same.
fn shown(answer: &str) -> String {
    let mut text = answer.to_owned();
    if let Some((before, after)) = text.split_once("\"next_cursor\":\"") {
        let (_, after) = after.split_once('"').unwrap();
        text = format!("{before}\"next_cursor\":\"…\"{after}");
    }
    if text.contains("\"data\":[{") {
        text = text.replacen("\"data\":[{", "\"data\":[\n  {", 1);
        let (rows, tail) = text.split_once("],\"count\"").unwrap();
        let rows = rows.replace("},{", "},\n  {");
        text = format!("{rows}\n],\"count\"{tail}");
    }
    text
}

/// The page with the answers of now; questions whose database is not there stay as they are.
async fn rewritten(page: &str, sample: &Served, chinook: Option<&Served>) -> String {
    let mut out = String::new();
    let mut rest = page;
    let mut asked = 0;
    let mut questions = false;
    while let Some((before, after)) = rest.split_once(FENCE) {
        let (block, after) = after.split_once("\n```").unwrap();
        questions |= before.contains("\n## Twenty questions");
        out.push_str(&format!("{before}{FENCE}{block}\n```"));
        rest = after;
        let request: Value = serde_json::from_str(block).unwrap();
        assert!(request.get("action").is_some(), "no request: {block}");
        let old = after.trim_start().strip_prefix(FENCE);
        let old = old.and_then(|text| text.split_once("\n```"));
        let old = old.filter(|(block, _)| block.contains("\"status\""));
        let served = if questions { chinook } else { Some(sample) };
        let answer = match (served, old) {
            (Some(served), _) => shown(&served.raw(block).await),
            (None, old) => old.map_or_else(String::new, |(block, _)| block.to_owned()),
        };
        out.push_str(&format!("\n\n{FENCE}{answer}\n```"));
        if let Some((_, after)) = old {
            rest = after;
        }
        asked += 1;
    }
    assert!(asked >= 22, "{asked} requests");
    out + rest
}

#[tokio::test]
async fn every_documented_request_has_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sample.db");
    sample::create_sqlite(&path).await.unwrap();
    let served = Served::over(&path, "users,tickets,change_log", &[]).await;
    let chinook = chinook::served().await;
    let page = fs::read_to_string(PATH).unwrap();
    let now = rewritten(&page, &served, chinook.as_ref()).await;
    if std::env::var("LUCARNE_DOCS").is_ok_and(|value| value == "write") {
        fs::write(PATH, &now).unwrap();
    }
    for (number, (line, expected)) in page.lines().zip(now.lines()).enumerate() {
        assert_eq!(line, expected, "docs/queries.md, line {}", number + 1);
    }
    assert_eq!(page, now);
}
