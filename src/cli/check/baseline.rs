//! What is exposed now and was not when an earlier check was kept.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cli::failure::Failure;
use crate::cli::text::visible;

/// The part of `lucarne check --json` that says what is exposed.
#[derive(Debug, Deserialize)]
struct Baseline {
    models: Vec<BaselineModel>,
}

#[derive(Debug, Deserialize)]
struct BaselineModel {
    name: String,
    fields: Vec<BaselineField>,
}

#[derive(Debug, Deserialize)]
struct BaselineField {
    name: String,
    #[serde(rename = "type")]
    field_type: String,
}

/// Each exposed field with its type.
type Fields = BTreeMap<String, String>;

/// What differs from the earlier check, by `model.field`.
#[derive(Debug, Serialize)]
pub(super) struct Difference {
    /// Fields that can be read now.
    pub(super) exposed: Vec<String>,
    /// Fields that can be read no more.
    gone: Vec<String>,
    /// Fields of another type, with both types.
    retyped: Vec<String>,
}

/// Compares what a check found, as JSON, with the one that a file keeps.
pub(super) fn compare(file: &Path, found: &str) -> Result<Difference, Failure> {
    let shown = file.display();
    let help = "name a file that lucarne check --json wrote";
    let before = std::fs::read_to_string(file)
        .map_err(|error| Failure::unable(format!("{shown} cannot be read: {error}")).help(help))?;
    let before = fields(&before)
        .ok_or_else(|| Failure::unable(format!("{shown} is no earlier check")).help(help))?;
    let now = fields(found).unwrap_or_default();
    let missing = |of: &Fields, from: &Fields| {
        let names = of.keys().filter(|name| !from.contains_key(*name));
        names.cloned().collect()
    };
    let retyped = now.iter().filter_map(|(name, field_type)| {
        let before = before.get(name).filter(|before| *before != field_type)?;
        Some(format!("{name}: {before} -> {field_type}"))
    });
    Ok(Difference {
        exposed: missing(&now, &before),
        gone: missing(&before, &now),
        retyped: retyped.collect(),
    })
}

fn fields(json: &str) -> Option<Fields> {
    let kept: Baseline = serde_json::from_str(json).ok()?;
    let fields = kept.models.into_iter().flat_map(|model| {
        let name = model.name;
        let fields = model.fields.into_iter();
        fields.map(move |field| (format!("{name}.{}", field.name), field.field_type))
    });
    Some(fields.collect())
}

impl Difference {
    /// A line for each kind of change, or one that there is none.
    pub(super) fn text(&self) -> String {
        let lines = [
            ("exposed since", &self.exposed),
            ("exposed no more", &self.gone),
            ("of another type", &self.retyped),
        ];
        let told: Vec<String> = lines
            .iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(what, names)| format!("{what}: {}", visible(&names.join(", "))))
            .collect();
        if told.is_empty() {
            return "nothing else is exposed than in the earlier check".to_owned();
        }
        told.join("\n")
    }
}
