//! A file of tools around a SELECT, judged on the database that it is for.

use std::sync::Arc;

use crate::advice::Advice;
use crate::app::OpenService;
use crate::config::Faults;
use crate::policy::{Unready, WrittenTools};
use crate::tools::statement::mentions;
use crate::tools::{Place, Text, draft, file};

/// The text of a file with one tool around a SELECT that stands in a file of that name.
///
/// # Errors
/// What is wrong with the SELECT, with its place in its own file.
pub async fn drafted_tool(opened: &OpenService, name: &str, sql: &str) -> Result<String, Faults> {
    let place = Place {
        file: Arc::from(name),
        line: 1,
        column: 1,
    };
    let policy = opened.service.policy();
    let exposed = policy.exposed.first();
    let served = exposed.and_then(|it| Some((it, it.catalog()?, it.dialect()?)));
    let Some((exposed, catalog, dialect)) = served else {
        return Err(Faults::one(Advice::about(
            "DATABASE_URL",
            "nothing is served that a tool could read",
            "set it, and MCP_ALLOWED_MODELS",
        )));
    };
    let text = Text {
        sql: sql.trim_end().trim_end_matches(';').to_owned(),
        place,
    };
    let mentions = mentions::read(&text, dialect).map_err(|faults| told(&faults))?;
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let tool = draft::name(stem);
    let written = |parameters: &[(String, String)]| {
        let drafted = file::read(name, &draft::file(&tool, &text.sql, parameters, &[]));
        let mut tools = drafted.tools;
        for tool in &mut tools {
            tool.sql = text.clone();
        }
        let written = WrittenTools::new(tools);
        let first = written.all().next().cloned();
        first.ok_or_else(|| told(&drafted.faults))
    };
    let mut parameters = draft::parameters(&mentions, catalog);
    let guessed = exposed.guessed(&*written(&parameters)?).await;
    draft::guess(&mut parameters, &guessed);
    let written = &written(&parameters)?;
    match exposed.ready(written, policy.tool_bounds()).await {
        Ok(ready) => Ok(draft::file(&tool, &text.sql, &parameters, &ready.columns)),
        Err(Unready::Faults(faults)) => Err(told(&faults)),
        Err(Unready::Failed(failure)) => Err(told(&[super::undescribed(&written.tool, &failure)])),
    }
}

fn told(faults: &[crate::tools::Fault]) -> Faults {
    let faults = faults.iter().map(super::told).collect();
    match Faults::none_or(faults) {
        Err(faults) => faults,
        Ok(()) => Faults::one(Advice::about(
            "FROM",
            "is no SELECT",
            "begin with SELECT or WITH",
        )),
    }
}
