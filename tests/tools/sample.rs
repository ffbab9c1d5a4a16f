//! The ten tools over the sample, which the documentation shows and the demo serves.

use std::sync::Arc;

use lucarne::app::{self, Tries, Workbench};
use lucarne::observe::Metrics;
use lucarne::sample::TOOLS;

use crate::support::samples;

#[tokio::test]
async fn each_tool_of_the_sample_does_what_its_examples_say() {
    for database in samples().await {
        let engine = database.engine;
        let models = ("MCP_ALLOWED_MODELS", "users,tickets,change_log");
        let config = database.configured(TOOLS, &[models]);
        let opened = app::open(&config, Arc::new(Metrics::default())).await;
        let opened = opened.unwrap();
        let tools = Workbench::new(&opened, &config).await;
        let tools = tools.unwrap_or_else(|fault| panic!("{engine}: {fault:?}"));
        let told = tools.told(Tries::All).await;
        assert_eq!(told.warnings, [], "{engine}");
        assert_eq!(told.tools.len(), 10);
        for tool in &told.tools {
            assert!(!tool.examples.is_empty(), "{}", tool.name);
            assert!(
                !tool.columns.is_empty() && !tool.fields.is_empty(),
                "{}",
                tool.name
            );
            for example in &tool.examples {
                assert!(example.misses.is_empty(), "{engine}: {example:?}");
            }
        }
    }
}

#[test]
fn the_documentation_shows_the_file() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/tools.md");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains(&format!("```toml\n{TOOLS}```")));
}
