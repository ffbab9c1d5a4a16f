//! What a check found, as a table or as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::baseline::Difference;
use crate::advice::Advice;
use crate::app::{OpenService, ToldTool, ToldTools};
use crate::catalog::{Catalog, Model, RelationEntry};
use crate::cli::table::{Cell, Table};
use crate::cli::text::{counted, visible};
use crate::config::{self, Config};
use crate::inspect::{self, Cover};
use crate::store::Contents;

/// Why a column that no rule hides is not exposed.
const NO_GRANT: &str = "no GRANT: the role may not read it";

/// All that is found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    /// Where clients have databases of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<String>,
    /// Whether `/mcp` answers.
    enabled: bool,
    /// Fields that clients can read.
    exposed: usize,
    /// Fields that a rule hides.
    hidden: usize,
    /// Columns that the database keeps from the role.
    withheld: usize,
    models: Vec<ModelReport>,
    /// Which rules on rows reach the models of each tenant that has some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<TenantCover>,
    /// The operator's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToldTool>,
    warnings: Vec<Advice>,
    /// What differs from an earlier check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<Difference>,
}

/// A model with all its columns.
#[derive(Debug, Serialize)]
struct ModelReport {
    name: String,
    table: String,
    kind: &'static str,
    fields: Vec<FieldReport>,
    hidden: Vec<HiddenReport>,
    /// The columns that the role may not read, as far as the database tells of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    withheld: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    relations: Vec<RelationEntry>,
}

/// A field that clients can read.
#[derive(Debug, Serialize)]
struct FieldReport {
    name: String,
    #[serde(rename = "type")]
    field_type: &'static str,
}

/// A column that they cannot, and why.
#[derive(Debug, Serialize)]
struct HiddenReport {
    name: String,
    rule: String,
}

/// Which rules on rows reach the models of a tenant's database.
#[derive(Debug, Serialize)]
struct TenantCover {
    tenant: String,
    database: String,
    models: Vec<Cover>,
}

impl Report {
    /// What stands in the configuration and in the catalog that was made by it.
    pub(super) fn new(
        config: &Config,
        enabled: bool,
        opened: &OpenService,
        weaknesses: Vec<Advice>,
    ) -> Self {
        let policy = opened.service.policy();
        let nothing = Catalog::default();
        let catalog = policy.own().unwrap_or(&nothing);
        let models: Vec<ModelReport> = catalog
            .models()
            .iter()
            .map(|model| shown(model, catalog, opened))
            .collect();
        let mut warnings: Vec<Advice> = config.warnings.clone();
        warnings.extend(opened.missing.iter().map(|missing| {
            let what = format!("{} is not served: {}", missing.name, missing.reason);
            Advice::about("MCP_ALLOWED_MODELS", what, "mend the name, or take it out")
        }));
        warnings.extend(weaknesses);
        Self {
            database: config.data.database.as_ref().map(ToString::to_string),
            store: config.store.url.as_ref().map(ToString::to_string),
            enabled,
            exposed: models.iter().map(|model| model.fields.len()).sum(),
            hidden: models.iter().map(|model| model.hidden.len()).sum(),
            withheld: models.iter().map(|model| model.withheld.len()).sum(),
            models,
            rules: Vec::new(),
            tools: Vec::new(),
            warnings,
            since: None,
        }
    }

    /// Takes in the tools, and what is weak about them.
    pub(super) fn add_tools(&mut self, told: ToldTools) {
        self.warnings.extend(told.warnings);
        self.tools = told.tools;
    }

    /// Takes in what the store says: which rules reach what, and what none reaches.
    pub(super) fn add_rules(&mut self, contents: Option<&Contents>) {
        let Some(contents) = contents else {
            self.warnings.push(Advice::new(
                "the store cannot be read: which rules on rows reach what is not known",
                "lucarne tenant list says why",
            ));
            return;
        };
        for tenant in &contents.tenants {
            let databases = contents.databases.iter();
            for database in databases.filter(|database| database.tenant == tenant.id) {
                let names = config::model_names("models", &database.models).unwrap_or_default();
                let models = inspect::covers(&tenant.rows, &names);
                if models.is_empty() {
                    continue;
                }
                self.warnings.extend(
                    inspect::uncovered(&models).map(|weakness| {
                        weakness.of(format!("{} of {}", database.name, tenant.name))
                    }),
                );
                self.rules.push(TenantCover {
                    tenant: tenant.name.clone(),
                    database: database.name.clone(),
                    models,
                });
            }
        }
    }

    /// Whether there is anything to warn of.
    pub(super) fn is_weak(&self) -> bool {
        !self.warnings.is_empty()
    }

    /// One JSON object.
    pub(super) fn json(&self) -> String {
        // A struct of texts and numbers is always JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The table, the count and the warnings, for people.
    pub(super) fn text(&self, columns: usize) -> String {
        let mut text = String::new();
        if !self.models.is_empty() {
            text += &self.table().render(columns);
            text.push('\n');
        }
        if self.models.iter().any(|model| !model.relations.is_empty()) {
            text += &self.relations().render(columns);
            text.push('\n');
        }
        if !self.tools.is_empty() {
            text += &self.tools().render(columns);
            text.push('\n');
        }
        // Writing into memory cannot fail.
        let _ = match &self.database {
            Some(database) => writeln!(
                text,
                "{}: {}, {} exposed, {} hidden{}",
                visible(database),
                counted(self.models.len(), "model"),
                counted(self.exposed, "field"),
                self.hidden,
                match self.withheld {
                    0 => String::new(),
                    withheld => format!(", {withheld} that the role may not read"),
                }
            ),
            None => writeln!(text, "no database is named: nothing is exposed"),
        };
        if let Some(store) = &self.store {
            let _ = writeln!(
                text,
                "clients have databases of their own, by the store in {}: \
                 lucarne database test and lucarne access explain tell of them",
                visible(store)
            );
        }
        for TenantCover {
            tenant,
            database,
            models,
        } in &self.rules
        {
            for cover in models.iter().filter(|cover| !cover.rules.is_empty()) {
                let (model, rules) = (&cover.model, cover.rules.join(" and "));
                let line = format!("rows of {model} in {database} of {tenant}: {rules}");
                let _ = writeln!(text, "{}", visible(&line));
            }
        }
        if !self.enabled {
            text += "off: /mcp answers 503; set MCP_ENABLED=true to open it\n";
        }
        if let Some(since) = &self.since {
            let _ = writeln!(text, "{}", since.text());
        }
        for warning in &self.warnings {
            let _ = writeln!(
                text,
                "\nwarning: {}\nhelp: {}",
                visible(&warning.text()),
                visible(&warning.help)
            );
        }
        text
    }

    fn table(&self) -> Table {
        let mut rows = Vec::new();
        for model in &self.models {
            let exposed = model.fields.iter().map(|it| (&it.name, it.field_type, ""));
            let hidden = model.hidden.iter().map(|it| (&it.name, "", &*it.rule));
            let withheld = model.withheld.iter().map(|it| (it, "", NO_GRANT));
            let all = exposed.chain(hidden).chain(withheld);
            rows.extend(all.map(|(field, field_type, rule)| {
                [&*model.name, field, field_type, rule]
                    .map(|text| Cell::text(visible(text)))
                    .to_vec()
            }));
        }
        Table {
            headings: ["model", "field", "exposed as", "hidden by"]
                .map(str::to_owned)
                .to_vec(),
            rows,
        }
    }

    fn tools(&self) -> Table {
        let rows = self.tools.iter().map(|tool| {
            let lists = [&tool.parameters, &tool.columns, &tool.fields].map(|it| it.join(", "));
            let [parameters, columns, fields] = &lists;
            let scan = tool.scan.map_or_else(String::new, |scan| scan.to_string());
            let passed = tool.examples.iter().filter(|it| it.misses.is_empty());
            let examples = match tool.examples.len() {
                0 => "none".to_owned(),
                all => format!("{} of {all} passed", passed.count()),
            };
            [&tool.name, parameters, columns, fields, &scan, &examples]
                .map(|text| Cell::text(visible(text)))
                .to_vec()
        });
        Table {
            headings: ["tool", "takes", "answers", "reads", "scans", "examples"]
                .map(str::to_owned)
                .to_vec(),
            rows: rows.collect(),
        }
    }

    fn relations(&self) -> Table {
        let mut rows = Vec::new();
        for model in &self.models {
            rows.extend(model.relations.iter().map(|relation| {
                let leads = format!("{} {}", relation.kind, relation.model);
                [
                    &model.name,
                    &relation.name,
                    &leads,
                    &relation.fields.join(", "),
                ]
                .map(|text| Cell::text(visible(text)))
                .to_vec()
            }));
        }
        Table {
            headings: ["model", "relation", "leads to", "by the key"]
                .map(str::to_owned)
                .to_vec(),
            rows,
        }
    }
}

fn shown(model: &Model, catalog: &Catalog, opened: &OpenService) -> ModelReport {
    let hidden = opened.hidden.iter();
    let covered = hidden.filter(|hidden| hidden.model == model.name());
    ModelReport {
        name: model.name().to_owned(),
        table: model.table().to_string(),
        kind: model.kind().name(),
        fields: model
            .fields()
            .iter()
            .map(|field| FieldReport {
                name: field.name().to_owned(),
                field_type: field.field_type().name(),
            })
            .collect(),
        hidden: covered
            .map(|hidden| HiddenReport {
                name: hidden.field.clone(),
                rule: hidden.rule.clone(),
            })
            .collect(),
        withheld: opened.withheld(model.name()),
        relations: RelationEntry::of(model, catalog),
    }
}
