//! A file of tools that is begun around a SELECT.

use std::sync::Arc;

use lucarne::app;
use lucarne::observe::Metrics;

use crate::support::databases;

/// PostgreSQL says of what is compared with no field of which type it is; rules and lists change
/// nothing of that.
#[tokio::test]
async fn what_a_server_knows_of_parameters_is_written() {
    let sql = "SELECT id, amount * :rate AS x FROM tickets WHERE created_at + :wait > :since \
        AND (done OR :all) AND id IN (:ids) AND id % :part = 0 AND LOWER(title) = :title LIMIT :most";
    for database in databases().await {
        if database.engine != "postgres" {
            continue;
        }
        let sql = sql.replace(":wait", "CAST(:wait AS interval)");
        let config = database.configured("", &[]);
        let opened = app::open(&config, Arc::new(Metrics::default()))
            .await
            .unwrap();
        let text = app::drafted_tool(&opened, "of.sql", &sql).await.unwrap();
        for line in [
            "rate = { type = \"decimal\"",
            "since = { type = \"datetime\"",
            "all = { type = \"boolean\"",
            "ids = { type = \"tickets.id[]\"",
            "part = { type = \"integer\"",
            "title = { type = \"text\"",
            "most = { type = \"integer\"",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        // What it does not know is a text.
        let sql = "SELECT COALESCE(:a, :b) AS x, id FROM tickets WHERE id = :id";
        let text = app::drafted_tool(&opened, "of.sql", sql).await.unwrap();
        assert!(text.contains("a = { type = \"text\""), "{text}");
    }
}
