//! `describe`: what the catalog tells of itself.

use serde::Serialize;

use super::page::TAIL_BYTES;
use super::{Answer, Form};
use crate::catalog::{Catalog, Field, Kind, Model, Relation, RelationEntry};

/// A model as it is described.
#[derive(Serialize)]
struct ModelDescription<'m> {
    name: &'m str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'m str>,
    primary_key: Vec<&'m str>,
    estimated_rows: Option<u64>,
    fields: Vec<DescribedField<'m>>,
    expand: Vec<Expandable<'m>>,
    relations: Vec<RelationEntry>,
}

/// A model among all, in the words of tools, which a language model pays for.
#[derive(Serialize)]
struct ModelSummary<'m> {
    name: &'m str,
    /// What it is, where that is no table.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    /// Each its name, its type, and what there is to say of it: `"Total decimal"`.
    fields: Vec<String>,
    /// Each its name, and the model where that has another name: `"Artist"`, `"buyer users"`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    relations: Vec<String>,
}

/// A model where there is no room for its fields.
#[derive(Serialize)]
struct Brief<'m> {
    name: &'m str,
    kind: &'static str,
    primary_key: Vec<&'m str>,
    estimated_rows: Option<u64>,
}

/// A field as it is described.
#[derive(Serialize)]
struct DescribedField<'m> {
    name: &'m str,
    #[serde(rename = "type")]
    field_type: &'static str,
    nullable: bool,
    indexed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'m str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    values: &'m [Box<str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    references: Option<DescribedReference<'m>>,
}

#[derive(Serialize)]
struct DescribedReference<'m> {
    model: &'m str,
    field: &'m str,
}

/// What can be expanded, and to which model.
#[derive(Serialize)]
struct Expandable<'m> {
    name: &'m str,
    model: &'m str,
}

/// Writes one model as an object; where it would pass `max_bytes` its fields are cut, and it says
/// that it is `truncated`.
pub(super) fn one(mut out: Vec<u8>, model: &Model, catalog: &Catalog, max_bytes: usize) -> Answer {
    let mut model = described(model, catalog);
    let start = out.len();
    let fits = max_bytes.saturating_sub(TAIL_BYTES);
    let mut truncated = false;
    loop {
        out.extend_from_slice(b"\"data\":");
        // Writing names and numbers into memory cannot fail.
        let _ = serde_json::to_writer(&mut out, &model);
        if out.len() <= fits || model.fields.is_empty() {
            break;
        }
        let kept = model.fields.len() * fits / out.len();
        model.fields.truncate(kept.min(model.fields.len() - 1));
        truncated = true;
        out.truncate(start);
    }
    if truncated {
        out.extend_from_slice(b",\"truncated\":true");
    }
    let rows = model.fields.len();
    Answer { out, rows }
}

/// Writes all models as a list, in the words of a form. One that would pass `max_bytes` is told in
/// brief, without fields, and one that still would is cut; either says that it is `truncated`.
pub(super) fn all(mut out: Vec<u8>, catalogs: &[&Catalog], form: Form, max_bytes: usize) -> Answer {
    out.extend_from_slice(b"\"data\":[");
    let start = out.len();
    let models = || {
        catalogs
            .iter()
            .flat_map(|catalog| catalog.models().iter().map(move |model| (model, *catalog)))
    };
    let fits = max_bytes.saturating_sub(TAIL_BYTES);
    let mut count = match form {
        Form::Message => list(
            &mut out,
            models().map(|(model, of)| described(model, of)),
            fits,
        ),
        Form::Tool => list(
            &mut out,
            models().map(|(model, of)| listed(model, of)),
            fits,
        ),
    };
    let truncated = count < models().count();
    if truncated {
        out.truncate(start);
        let brief = models().map(|(model, _)| Brief {
            name: model.name(),
            kind: model.kind().name(),
            primary_key: model.key().map(Field::name).collect(),
            estimated_rows: model.estimated_rows(),
        });
        count = list(&mut out, brief, fits);
    }
    out.extend_from_slice(format!("],\"count\":{count}").as_bytes());
    if truncated {
        out.extend_from_slice(b",\"truncated\":true");
    }
    Answer { out, rows: count }
}

/// Writes what fits, and tells how many that were.
fn list<T: Serialize>(
    out: &mut Vec<u8>,
    items: impl Iterator<Item = T>,
    max_bytes: usize,
) -> usize {
    let mut count = 0;
    for item in items {
        let end = out.len();
        if count > 0 {
            out.push(b',');
        }
        let _ = serde_json::to_writer(&mut *out, &item);
        if out.len() > max_bytes {
            out.truncate(end);
            break;
        }
        count += 1;
    }
    count
}

fn listed<'m>(model: &'m Model, catalog: &'m Catalog) -> ModelSummary<'m> {
    let key: Vec<&str> = model.key().map(Field::name).collect();
    let field = |field: &Field| {
        let is_key = key.contains(&field.name());
        let marks = [
            (is_key, " key"),
            (field.is_indexed() && !is_key, " indexed"),
            (field.is_nullable(), " null"),
        ];
        let marks = marks.into_iter().filter(|(is, _)| *is);
        let marks: String = marks.map(|(_, mark)| mark).collect();
        format!(
            "{} {}{marks}",
            word(field.name()),
            field.field_type().name()
        )
    };
    let relation = |relation: &Relation| {
        let target = relation.target(catalog)?.name();
        Some(match relation.name() == target {
            true => word(target),
            false => format!("{} {}", word(relation.name()), word(target)),
        })
    };
    ModelSummary {
        name: model.name(),
        kind: (model.kind() != Kind::Table).then(|| model.kind().name()),
        rows: model.estimated_rows(),
        fields: model.fields().iter().map(field).collect(),
        relations: model.relations().iter().filter_map(relation).collect(),
    }
}

/// A name among others that blanks separate: in quotes where it has a blank itself.
fn word(name: &str) -> String {
    match name.contains([' ', '"', '.']) {
        true => format!("{name:?}"),
        false => name.to_owned(),
    }
}

fn described<'m>(model: &'m Model, catalog: &'m Catalog) -> ModelDescription<'m> {
    ModelDescription {
        name: model.name(),
        kind: model.kind().name(),
        description: model.description(),
        primary_key: model.key().map(Field::name).collect(),
        estimated_rows: model.estimated_rows(),
        fields: model.fields().iter().map(field).collect(),
        expand: model
            .to_one()
            .filter_map(|relation| {
                Some(Expandable {
                    name: relation.name(),
                    model: relation.target(catalog)?.name(),
                })
            })
            .collect(),
        relations: RelationEntry::of(model, catalog),
    }
}

fn field(field: &Field) -> DescribedField<'_> {
    DescribedField {
        name: field.name(),
        field_type: field.field_type().name(),
        nullable: field.is_nullable(),
        indexed: field.is_indexed(),
        description: field.description(),
        values: field.values(),
        references: field.reference().map(|reference| DescribedReference {
            model: &reference.model,
            field: &reference.field,
        }),
    }
}
