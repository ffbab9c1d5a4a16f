//! `lucarne access explain`: which rule allows or denies what to a token.

use clap::{Args, Subcommand};

use super::Of;
use crate::admin::find;
use crate::cli::failure::Failure;
use crate::cli::table::{Cell, Table, columns};
use crate::cli::text::visible;
use crate::cli::{operator, output};
use crate::egress::Reach;
use crate::inspect::{self, Explained, ModelAccess, Verdict};

/// Examples of the command, shown in its help and run by a test.
pub(crate) const EXAMPLES: &str = "\
Examples:
  lucarne access explain --token night
  lucarne access explain --token night --model users";

/// What to tell of the access of tokens.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Tell what a token may do and see, and which rule says so
    #[command(after_help = EXAMPLES)]
    Explain(Explain),
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

/// Explains.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let Task::Explain(asked) = arguments.task;
    let explained = operator::read(async |store, config| {
        let contents = store.contents().await.map_err(operator::unread)?;
        let token = find::token(&contents, asked.of.reference(&asked.token))?;
        let tenant = find::tenant(&contents, token.tenant.as_str())?;
        let model = asked.model.as_deref();
        let reach = Reach::new(config.database_places.clone());
        let places = (&reach, config.query_timeout);
        Ok(inspect::explain(places, &contents, tenant, token, model).await)
    })?;
    match asked.json {
        true => output::data(&operator::as_json(&explained)?),
        false => output::data(&shown(&explained, asked.model.is_some())),
    }
}

fn shown(explained: &Explained, whole: bool) -> String {
    let Explained {
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
    text
}

fn rows(model: &ModelAccess) -> String {
    let name = visible(&model.verdict.name).into_owned();
    match &model.rows[..] {
        [] => match &model.warning {
            Some(warning) => format!("{name}: warning: {}\n", visible(warning)),
            None => format!("{name}: every row\n"),
        },
        rules => {
            let rules = rules.iter();
            let rules = rules.map(|rule| format!("{} (of the {})", visible(&rule.rule), rule.of));
            let rules: Vec<String> = rules.collect();
            format!("{name}: rows where {}\n", rules.join(" and "))
        }
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
