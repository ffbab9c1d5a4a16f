//! `describe`: what the catalog tells of itself.

use serde::Serialize;

use super::Answer;
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

/// Writes one model as an object, or all as a list.
pub(super) fn write(mut out: Vec<u8>, model: Option<&Model>, catalog: &Catalog) -> Answer {
    out.extend_from_slice(b"\"data\":");
    let rows = match model {
        Some(model) => {
            // Writing names and numbers into memory cannot fail.
            let _ = serde_json::to_writer(&mut out, &described(model, catalog));
            model.fields().len()
        }
        None => {
            let all: Vec<Described<'_>> = catalog
                .models()
                .iter()
                .map(|model| described(model, catalog))
                .collect();
            let _ = serde_json::to_writer(&mut out, &all);
            out.extend_from_slice(format!(",\"count\":{}", all.len()).as_bytes());
            all.len()
        }
    };
    Answer { out, rows }
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
