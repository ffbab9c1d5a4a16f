//! The parameters of a tool, as its file says them.

use std::sync::Arc;

use serde_json::value::RawValue;
use toml_edit::TableLike;

use super::LONGEST_NAME;
use super::reader::{Reader, Span};
use crate::catalog::FieldType;
use crate::tools::moment::Relative;
use crate::tools::parameter::{
    self, Accepted, Class, Fallback, Known, MAX_LENGTH, MAX_VALUES, Source,
};
use crate::tools::{MAX_PARAMETERS, Parameter};

const OF_PARAMETER: &[&str] = &[
    "type",
    "description",
    "default",
    "enum",
    "min",
    "max",
    "pattern",
    "required",
    "from",
];

/// Reads the parameters of a tool.
pub(super) fn read(reader: &mut Reader<'_>, entry: &toml_edit::Table) -> Vec<Parameter> {
    let Some(table) = reader.table(entry, "params") else {
        return Vec::new();
    };
    if table.len() > MAX_PARAMETERS {
        reader.at(
            entry,
            "params",
            format!("are {}", table.len()),
            format!("{MAX_PARAMETERS} at the most"),
        );
    }
    let mut parameters = Vec::new();
    for (name, item) in table.iter() {
        let key = table.key(name).and_then(toml_edit::Key::span);
        let sound = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.as_bytes()[0].is_ascii_digit()
            && name.len() <= LONGEST_NAME;
        if !sound {
            reader.fault(
                key.clone(),
                format!("{name:?} is no name of a parameter"),
                "write letters, digits and _",
            );
        }
        let Some(members) = item.as_table_like() else {
            reader.fault(
                item.span(),
                format!("parameter {name} is no table"),
                "write { type = \"text\", description = \"…\" }",
            );
            continue;
        };
        reader.only(members, OF_PARAMETER);
        let source = match members.get("from") {
            Some(_) => from(reader, members),
            None => accepted(reader, name, members, key.clone())
                .map(|accepted| Source::Client(Box::new(accepted))),
        };
        if let Some(source) = source {
            parameters.push(Parameter {
                name: name.to_owned(),
                source,
                place: reader.place(key),
            });
        }
    }
    parameters
}

fn from(reader: &mut Reader<'_>, members: &dyn TableLike) -> Option<Source> {
    let text = reader.text(members, "from")?;
    for other in OF_PARAMETER
        .iter()
        .filter(|other| !["from", "description"].contains(other))
    {
        if members.contains_key(other) {
            reader.at(
                members,
                other,
                "is for what a client gives".to_owned(),
                "take it out: the value comes from the call".to_owned(),
            );
        }
    }
    let known = Known::parse(&text);
    if known.is_none() {
        reader.at(
            members,
            "from",
            format!("{text:?} is not known of a call"),
            "write caller.tenant, caller.token, caller.attr.NAME, now or today".to_owned(),
        );
    }
    known.map(Source::Caller)
}

fn accepted(
    reader: &mut Reader<'_>,
    name: &str,
    members: &dyn TableLike,
    key: Span,
) -> Option<Accepted> {
    let Some(kind) = reader.text(members, "type") else {
        if !members.contains_key("type") {
            reader.fault(key, format!("parameter {name} has no type"), "write type = \"text\", or the field that it is compared with: type = \"model.field\"");
        }
        return None;
    };
    let (kind, is_list) = match kind.strip_suffix("[]") {
        Some(kind) => (kind, true),
        None => (&*kind, false),
    };
    let class = match (plain(kind), kind.split_once('.')) {
        (Some(plain), _) => Class::Plain(plain),
        (None, Some((model, field))) if !model.is_empty() && !field.is_empty() => Class::Field {
            model: model.to_owned(),
            field: field.to_owned(),
        },
        _ => {
            reader.at(members, "type", format!("{kind:?} is no type"), "write text, integer, decimal, float, boolean, date, time, datetime, uuid, one of these with [], or model.field".to_owned());
            return None;
        }
    };
    let description = reader.text(members, "description");
    if description.is_none() && matches!(class, Class::Plain(_)) {
        reader.fault(
            key,
            format!("parameter {name} has no description"),
            "say what it is: description = \"…\"",
        );
    }
    let default = fallback(reader, members, &class);
    let pattern = pattern(reader, members, &class);
    let mut accepted = Accepted {
        is_list,
        description,
        is_required: reader
            .flag(members, "required")
            .unwrap_or(default.is_none()),
        default: None,
        choices: choices(reader, members),
        min: bound(reader, members, "min", &class),
        max: bound(reader, members, "max", &class),
        pattern,
        class,
    };
    // A field's values are checked when its model is known.
    if let (Class::Plain(_), Some(Fallback::Value(raw))) = (&accepted.class, &default)
        && let Err(expected) = accepted.check(raw, None)
    {
        reader.at(
            members,
            "default",
            "is none of its own values".to_owned(),
            format!("write {expected}"),
        );
    }
    accepted.default = default;
    if let (Class::Plain(_), Err(what)) = (&accepted.class, accepted.chosen(None)) {
        let help = "write values of the type";
        reader.at(members, "enum", what, help);
    }
    if let (Class::Plain(_), Err(what)) = (&accepted.class, accepted.bounds(None)) {
        let help = "write the lesser one as min";
        reader.at(members, "min", what, help.to_owned());
    }
    Some(accepted)
}

/// A type by its name.
fn plain(name: &str) -> Option<FieldType> {
    Some(match name {
        "text" => FieldType::Text,
        "integer" => FieldType::Integer {
            unsigned: false,
            wide: true,
        },
        "decimal" => FieldType::Decimal { scale: None },
        "float" => FieldType::Float,
        "boolean" => FieldType::Boolean,
        "date" => FieldType::Date,
        "time" => FieldType::Time,
        "datetime" => FieldType::Timestamp,
        "uuid" => FieldType::Uuid,
        _ => return None,
    })
}

fn fallback(reader: &mut Reader<'_>, members: &dyn TableLike, class: &Class) -> Option<Fallback> {
    let value = reader.value(members, "default")?;
    let moment = !matches!(class, Class::Plain(class) if !class.has_date());
    if let Some(relative) = value.as_str().filter(|_| moment).and_then(Relative::parse) {
        return Some(Fallback::Moment(relative));
    }
    reader.raw(value).map(Fallback::Value)
}

fn choices(reader: &mut Reader<'_>, members: &dyn TableLike) -> Option<Vec<Box<RawValue>>> {
    let item = members.get("enum")?;
    let values = item
        .as_array()
        .filter(|values| (1..=MAX_VALUES).contains(&values.len()));
    let Some(values) = values else {
        reader.at(
            members,
            "enum",
            format!("is no list of 1 to {MAX_VALUES} values"),
            "write enum = [\"open\", \"pending\"]".to_owned(),
        );
        return None;
    };
    Some(
        values
            .iter()
            .filter_map(|value| reader.raw(value))
            .collect(),
    )
}

fn bound(
    reader: &mut Reader<'_>,
    members: &dyn TableLike,
    name: &str,
    class: &Class,
) -> Option<Box<RawValue>> {
    let value = reader.value(members, name)?;
    let value = reader.raw(value)?;
    let Class::Plain(class) = class else {
        return Some(value);
    };
    let measure = match class {
        FieldType::Text => FieldType::Integer {
            unsigned: false,
            wide: true,
        },
        FieldType::Integer { .. }
        | FieldType::Decimal { .. }
        | FieldType::Float
        | FieldType::Date
        | FieldType::Timestamp
        | FieldType::Time => *class,
        _ => {
            reader.at(
                members,
                name,
                "is for numbers, dates and the length of texts".to_owned(),
                "take it out".to_owned(),
            );
            return None;
        }
    };
    let sound = crate::plan::of_class(&value, measure);
    let too_long = matches!((class, &sound), (FieldType::Text, Some(crate::value::Value::Int(length))) if !(0..=MAX_LENGTH as i64).contains(length));
    if sound.is_none() || too_long {
        reader.at(
            members,
            name,
            "is no bound of its type".to_owned(),
            format!("write a value of the type, or of a text its length, {MAX_LENGTH} at the most"),
        );
        return None;
    }
    Some(value)
}

fn pattern(
    reader: &mut Reader<'_>,
    members: &dyn TableLike,
    class: &Class,
) -> Option<Arc<regex::Regex>> {
    let text = reader.text(members, "pattern")?;
    if matches!(class, Class::Plain(class) if *class != FieldType::Text) {
        reader.at(
            members,
            "pattern",
            "is for texts".to_owned(),
            "take it out".to_owned(),
        );
        return None;
    }
    match parameter::whole(&text) {
        Ok(pattern) => Some(Arc::new(pattern)),
        Err(words) => {
            reader.at(
                members,
                "pattern",
                format!("cannot be read: {words}"),
                "it takes no look-around and no references back, so that it is always quick"
                    .to_owned(),
            );
            None
        }
    }
}
