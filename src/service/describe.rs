//! `describe`: what the catalog tells of itself.

use serde::Serialize;

use super::Answer;
use super::page::TAIL_BYTES;
use crate::catalog::{Catalog, Field, Model};

/// A model as it is described.
#[derive(Serialize)]
struct Described<'m> {
    name: &'m str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'m str>,
    primary_key: Vec<&'m str>,
    estimated_rows: Option<u64>,
    fields: Vec<DescribedField<'m>>,
    expand: Vec<DescribedRelation<'m>>,
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
struct DescribedRelation<'m> {
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

/// Writes all models as a list. One that would pass `max_bytes` is told in brief, without fields,
/// and one that still would is cut; either says that it is `truncated`.
pub(super) fn all(mut out: Vec<u8>, catalogs: &[&Catalog], max_bytes: usize) -> Answer {
    out.extend_from_slice(b"\"data\":[");
    let start = out.len();
    let models: usize = catalogs.iter().map(|catalog| catalog.models().len()).sum();
    let fits = max_bytes.saturating_sub(TAIL_BYTES);
    let whole = catalogs.iter().flat_map(|catalog| {
        let models = catalog.models().iter();
        models.map(|model| described(model, catalog))
    });
    let mut count = list(&mut out, whole, fits);
    let truncated = count < models;
    if truncated {
        out.truncate(start);
        let models = catalogs.iter().flat_map(|catalog| catalog.models());
        let brief = models.map(|model| Brief {
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

fn described<'m>(model: &'m Model, catalog: &'m Catalog) -> Described<'m> {
    Described {
        name: model.name(),
        kind: model.kind().name(),
        description: model.description(),
        primary_key: model.key().map(Field::name).collect(),
        estimated_rows: model.estimated_rows(),
        fields: model.fields().iter().map(field).collect(),
        expand: model
            .relations()
            .iter()
            .filter_map(|relation| {
                let model = relation.target(catalog)?.name();
                Some(DescribedRelation {
                    name: relation.name(),
                    model,
                })
            })
            .collect(),
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
