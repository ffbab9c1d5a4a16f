//! `lucarne access`: which rule allows or denies what to a token, and what all tokens see.

mod report;

use std::time::Duration;

use clap::{Args, Subcommand};
use tokio::time::Instant;

use super::Of;
use crate::admin::find;
use crate::app;
use crate::cli::failure::Failure;
use crate::cli::table::{Cell, Table, columns};
use crate::cli::text::visible;
use crate::cli::{operator, output};
use crate::egress::Reach;
use crate::inspect::{self, Explanation, Looks, ModelAccess, Verdict};

/// Examples of the command, shown in its help and run by a test.
pub(crate) const EXAMPLES: &str = "\
Examples:
  lucarne access explain --token night
  lucarne access explain --token night --model users
  lucarne access report --tenant acme";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  lucarne access explain --token night
  lucarne access explain --token night --model users";

/// What counting rows may take in all.
const COUNTING: Duration = Duration::from_secs(5);

/// What to tell of the access of tokens.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Tell what a token may do and see, and which rule says so
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(Explain),
    /// Report who may see what, token by token
    #[command(after_help = report::EXAMPLES)]
    Report(report::Report),
}

#[derive(Debug, Args)]
struct Explain {
    /// The token's name or id
    #[arg(long, value_name = "TOKEN")]
    token: String,
    #[command(flatten)]
    of: Of,
    /// This model alone, field by field
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Explains a token, or reports on all.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.task {
        Task::Explain(asked) => explain(&asked),
        Task::Report(asked) => report::run(&asked),
    }
}

fn explain(asked: &Explain) -> Result<(), Failure> {
    let explained = operator::read(async |store, config| {
        let contents = store.contents().await.map_err(operator::unread)?;
        let token = find::token(&contents, asked.of.reference(&asked.token))?;
        let tenant = find::tenant(&contents, token.tenant.as_str())?;
        let model = asked.model.as_deref();
        let reach = Reach::new(config.admin.places.clone());
        let mut looks = Looks::new(reach, config.limits.query_timeout);
        let (of, until) = ((tenant, token), Instant::now() + COUNTING);
        let tools = app::written_tools(config).await?;
        Ok(inspect::explain(&mut looks, &contents, of, model, &tools, Some(until)).await)
    })?;
    match asked.json {
        true => output::data(&operator::as_json(&explained)?),
        false => output::data(&shown(&explained, asked.model.is_some())),
    }
}

fn shown(explained: &Explanation, whole: bool) -> String {
    let Explanation {
        token,
        tenant,
        lets_in,
        ..
    } = explained;
    let may = if lets_in.allowed {
        "is let in"
    } else {
        "is not let in"
    };
    let mut text = format!(
        "{} of {} {may}: {}\n\n",
        visible(token),
        visible(tenant),
        visible(&lets_in.why)
    );
    text += &table("may", explained.actions.iter());
    text.push('\n');
    text += &table("sees", explained.models.iter().map(|model| &model.verdict));
    for model in &explained.models {
        if model.verdict.allowed {
            text += &rows(model);
            text += &relations(model);
        }
        if whole && !model.fields.is_empty() {
            text.push('\n');
            text += &table("field", model.fields.iter());
        }
    }
    if !explained.tools.is_empty() {
        text.push('\n');
        text += &table("calls", explained.tools.iter());
    }
    text
}

fn rows(model: &ModelAccess) -> String {
    let name = visible(&model.verdict.name);
    let counted = match (model.seen, model.all) {
        (Some(seen), Some(all)) => format!("{seen} of {all} rows now"),
        (Some(seen), None) => format!("{seen} rows now"),
        (None, Some(all)) => {
            format!("of {all} rows now; how many is unknown, for counting takes too long")
        }
        (None, None) => "how many is unknown, for counting takes too long".to_owned(),
    };
    format!("{name}: {}: {counted}\n", rules(model))
}

/// The rules of a model with whose they are.
fn rules(model: &ModelAccess) -> String {
    let rules = model.rows.iter();
    let rules = rules.map(|rule| format!("{} (of the {})", visible(&rule.rule), rule.of));
    let rules: Vec<String> = rules.collect();
    match (rules.is_empty(), &model.warning) {
        (true, Some(warning)) => format!("warning: {}", visible(warning)),
        (true, None) => "every row".to_owned(),
        (false, _) => format!("rows where {}", rules.join(" and ")),
    }
}

fn relations(model: &ModelAccess) -> String {
    let relations = model.relations.iter().map(|relation| {
        let (name, other, kind) = (&relation.name, &relation.model, relation.kind);
        let key = relation.fields.join("+");
        visible(&format!("{name} ({kind} {other} by {key})")).into_owned()
    });
    let relations: Vec<String> = relations.collect();
    match relations.is_empty() {
        true => String::new(),
        false => format!(
            "{}: leads to {}\n",
            visible(&model.verdict.name),
            relations.join(", ")
        ),
    }
}

fn table<'v>(what: &str, verdicts: impl Iterator<Item = &'v Verdict>) -> String {
    let rows = verdicts.map(|verdict| {
        let allowed = if verdict.allowed { "yes" } else { "no" };
        [&*visible(&verdict.name), allowed, &*visible(&verdict.why)]
            .map(Cell::text)
            .into()
    });
    let table = Table {
        headings: [what, "", "because"].map(str::to_owned).into(),
        rows: rows.collect(),
    };
    table.render(columns())
}
