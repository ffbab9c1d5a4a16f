//! From what a client gives to what is bound.

use chrono::{DateTime, Utc};
use serde_json::value::to_raw_value;

use super::Tool;
use super::moment::Relative;
use super::parameter::{Accepted, Class, Known, Parameter, Source};
use crate::catalog::{Catalog, Field, FieldType};
use crate::error::{Error, ErrorKind};
use crate::plan;
use crate::protocol::{Kind, Object, kind};
use crate::suggest;
use crate::value::{Argument, Value};

/// Who calls, as far as parameters can ask.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'c> {
    /// The name of the tenant.
    pub tenant: Option<&'c str>,
    /// The name of the token.
    pub token: Option<&'c str>,
    /// The attributes, by their names.
    pub attributes: &'c [(String, String)],
    /// The moment of the call.
    pub now: DateTime<Utc>,
}

/// Who calls, where an example or an operator says so.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// The name of the tenant.
    pub tenant: Option<String>,
    /// The name of the token.
    pub token: Option<String>,
    /// The attributes, by their names.
    pub attributes: Vec<(String, String)>,
}

impl Caller {
    /// Who it is, in words; nothing where it is left open.
    pub fn told(&self) -> Option<String> {
        let token = self.token.as_ref().map(|name| format!("token {name}"));
        let tenant = self.tenant.as_ref().map(|name| format!("tenant {name}"));
        let attributes = self.attributes.iter();
        let attributes = attributes.map(|(name, value)| format!("{name} = {value}"));
        let told: Vec<String> = token.into_iter().chain(tenant).chain(attributes).collect();
        (!told.is_empty()).then(|| told.join(", "))
    }
}

/// The arguments of a call, in the order of the tool's parameters.
///
/// # Errors
/// In this order: a parameter that there is not, or that comes from the caller; in the order of the
/// parameters one that is missing or has another value, and what is not known of the caller.
pub fn arguments(
    tool: &Tool,
    params: &Object<'_>,
    catalog: &Catalog,
    asker: Asker<'_>,
) -> Result<Vec<Argument>, Error> {
    for (name, _) in params.iter() {
        if !taken(tool).any(|(known, _)| known.name == *name) {
            return Err(unknown(tool, name));
        }
    }
    let bound = tool
        .parameters
        .iter()
        .map(|parameter| match &parameter.source {
            Source::Caller(known) => known_of(tool, known, asker),
            Source::Client(accepted) => given(parameter, accepted, params, catalog, asker.now),
        });
    bound.collect()
}

/// The arguments that words such as `priority=high` give, as JSON.
///
/// The members of a list have commas between them; what a client must give as a number or a
/// boolean, it types as such.
///
/// # Errors
/// A word that gives no value to a parameter, or a second one.
pub fn typed(tool: &Tool, words: &[String], catalog: Option<&Catalog>) -> Result<String, String> {
    let mut members = serde_json::Map::new();
    for word in words {
        let (name, text) = word
            .split_once('=')
            .ok_or_else(|| format!("{word:?} is no parameter=value"))?;
        let accepted = taken(tool).find(|(known, _)| known.name == name);
        let accepted = accepted.map(|(_, accepted)| accepted);
        let is_list = accepted.is_some_and(|accepted| accepted.is_list);
        let is_flag = accepted.is_some_and(|accepted| {
            let field = catalog.and_then(|catalog| field_of(&accepted.class, catalog));
            accepted.class.field_type(field) == FieldType::Boolean
        });
        let one = |text: &str| match (is_flag, text) {
            (true, "true") => true.into(),
            (true, "false") => false.into(),
            _ => text.into(),
        };
        let value = match is_list {
            true => text.split(',').map(|text| one(text.trim())).collect(),
            false => one(text),
        };
        if members.insert(name.to_owned(), value).is_some() {
            return Err(format!(
                "{name:?} is given twice: the values of a list have commas between them"
            ));
        }
    }
    Ok(serde_json::Value::Object(members).to_string())
}

/// The parameters that a client gives.
pub fn taken(tool: &Tool) -> impl Iterator<Item = (&Parameter, &Accepted)> {
    let parameters = tool.parameters.iter();
    parameters.filter_map(|parameter| match &parameter.source {
        Source::Client(accepted) => Some((parameter, &**accepted)),
        Source::Caller(_) => None,
    })
}

/// The field that a parameter is of, where it is one's.
pub(crate) fn field_of<'c>(class: &Class, catalog: &'c Catalog) -> Option<&'c Field> {
    match class {
        Class::Field { model, field } => catalog.model(model)?.field(field),
        Class::Plain(_) => None,
    }
}

fn given(
    parameter: &Parameter,
    accepted: &Accepted,
    params: &Object<'_>,
    catalog: &Catalog,
    now: DateTime<Utc>,
) -> Result<Argument, Error> {
    let field = field_of(&accepted.class, catalog);
    // What is null was not given.
    let value = params.get(&parameter.name);
    let checked = match value.filter(|raw| kind(raw) != Kind::Null) {
        Some(raw) => Some(accepted.check(raw, field)),
        None => accepted.fallback(field, now),
    };
    let name = &parameter.name;
    let checked = checked.ok_or_else(|| ErrorKind::MissingParameter(name.clone().into()))?;
    checked.map_err(|expected| {
        let kind = ErrorKind::InvalidArgument {
            parameter: name.as_str().into(),
            expected: expected.into(),
        };
        kind.into()
    })
}

fn known_of(tool: &Tool, known: &Known, asker: Asker<'_>) -> Result<Argument, Error> {
    let text = match known {
        Known::Tenant => asker.tenant.map(str::to_owned),
        Known::Token => asker.token.map(str::to_owned),
        Known::Attribute(name) => {
            let mut attributes = asker.attributes.iter();
            let found = attributes.find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        }
        Known::Now => return Ok(moment("now", FieldType::Timestamp, asker.now)),
        Known::Today => return Ok(moment("today", FieldType::Date, asker.now)),
    };
    let lacks = || ErrorKind::CallerLacks {
        tool: tool.name.as_str().into(),
        what: known.name().into(),
    };
    Ok(Argument::One(Value::Text(text.ok_or_else(lacks)?)))
}

fn moment(word: &str, class: FieldType, now: DateTime<Utc>) -> Argument {
    let text = Relative::parse(word).map(|it| it.at(now, class == FieldType::Date));
    let raw = text.and_then(|text| to_raw_value(&text).ok());
    let value = raw.and_then(|raw| plan::of_class(&raw, class));
    value.map_or(Argument::Null, Argument::One)
}

fn unknown(tool: &Tool, name: &str) -> Error {
    let names: Vec<&str> = taken(tool).map(|(known, _)| &*known.name).collect();
    let hint = match suggest::nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None if names.is_empty() => "it takes none".to_owned(),
        None => format!("parameters: {}", names.join(", ")),
    };
    Error::from(ErrorKind::UnknownParameter(name.into())).with_hint(hint)
}
