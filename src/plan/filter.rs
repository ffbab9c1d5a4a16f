//! `filters`: conditions on fields, joined and negated, from a client's words.

mod many;

use serde_json::value::RawValue;

use super::condition::{Comparison, Condition, Pattern, Place, all, any, join};
use super::path::{self, Names, Unresolved};
use super::term::Term;
use super::value;
use super::{Object, present};
use crate::catalog::{Field, Model};
use crate::error::{Error, ErrorKind, Speech};
use crate::protocol::{Action, Kind, decode_string, kind};
use crate::suggest;

/// Tests of one request at the most.
const MAX_CONDITIONS: usize = 64;
/// Levels of `$and`, `$or` and `$not` at the most.
const MAX_DEPTH: usize = 8;
/// Values of one list at the most; each length is a statement of its own to the engines.
const MAX_LIST: usize = 1_000;
/// Values of all lists of a request together at the most: no engine takes more than a few ten
/// thousand, and some of them stand twice.
const MAX_LISTED: usize = 10_000;
/// Characters of a text operator's value at the most; SQLite refuses longer patterns by an error.
const MAX_PATTERN: usize = 4_096;
/// The longest name that is looked up, in characters.
pub(super) const MAX_NAME: usize = 128;

/// Values in a filter of an aggregate count for so many: its condition stands as often.
const REPEATED: usize = 10;

/// What was counted of a request's conditions so far.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Tests.
    conditions: usize,
    /// Values of lists.
    listed: usize,
}

impl Counts {
    /// Reads `filters`; with `operators` the ones of `query`, else plain equality.
    pub(super) fn filters<'c>(
        &mut self,
        params: &Object<'_>,
        names: &mut Names<'c>,
        operators: bool,
    ) -> Result<Condition<'c>, Error> {
        let Some(raw) = present(params, "filters") else {
            return Ok(Condition::All(Vec::new()));
        };
        self.read(raw, Scope::Rows(names), operators, 1)
    }

    /// Reads the filter of an aggregate.
    pub(super) fn filter<'c>(
        &mut self,
        raw: &RawValue,
        names: &mut Names<'c>,
    ) -> Result<Condition<'c>, Error> {
        self.read(raw, Scope::Rows(names), true, REPEATED)
    }

    /// Reads `having`, over the members of groups.
    pub(super) fn having<'c>(
        &mut self,
        params: &Object<'_>,
        model: &'c Model,
        members: &[(&str, &'c Field)],
    ) -> Result<Condition<'c>, Error> {
        let Some(raw) = present(params, "having") else {
            return Ok(Condition::All(Vec::new()));
        };
        self.read(raw, Scope::Groups(model, members), true, 1)
    }

    fn read<'c>(
        &mut self,
        raw: &RawValue,
        scope: Scope<'_, 'c>,
        operators: bool,
        weight: usize,
    ) -> Result<Condition<'c>, Error> {
        let mut reader = Reader {
            scope,
            operators,
            counts: self,
            weight,
        };
        reader.object(raw, false, 0)
    }
}

/// What names mean in a condition.
enum Scope<'n, 'c> {
    /// Values of rows.
    Rows(&'n mut Names<'c>),
    /// Members of the groups of a model, with the fields whose types they have.
    Groups(&'c Model, &'n [(&'n str, &'c Field)]),
}

impl<'c> Scope<'_, 'c> {
    fn model(&self) -> &'c Model {
        match self {
            Self::Rows(names) => names.model,
            Self::Groups(model, _) => model,
        }
    }

    fn term(&mut self, name: &str) -> Result<Term<'c>, Unresolved> {
        match self {
            Self::Rows(names) => match names.computed(name) {
                Some(term) => Ok(term.clone()),
                None => names.term(name),
            },
            Self::Groups(_, members) => {
                let mut found = members.iter().enumerate();
                match found.find(|(_, (member, _))| *member == name) {
                    Some((index, (_, field))) => Ok(Term::Member(index, field)),
                    None => {
                        let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
                        let hint = format!("members of the groups: {}", names.join(", "));
                        Err(Unresolved::Unknown { hint })
                    }
                }
            }
        }
    }
}

/// The condition on a model's key that an `id` stands for.
pub(super) fn identity<'c>(id: &RawValue, model: &'c Model) -> Result<Condition<'c>, Error> {
    let key = model.identity();
    let equal = |field: &'c Field, value| Condition::Test {
        term: Term::own(field),
        comparison: Comparison::Equal(value),
        negated: false,
    };
    match key[..] {
        [] => Err(ErrorKind::NoPrimaryKey(model.name().into()).into()),
        [field] => Ok(equal(field, value::check(id, field)?)),
        _ => {
            let names: Vec<&str> = key.iter().map(|field| field.name()).collect();
            // No text is the key of several fields, so one can only be the object's JSON.
            let text = decode_string(id);
            let members = Object::parse(text.as_deref().unwrap_or(id.get()));
            let whole = members.filter(|members| {
                members.len() <= MAX_CONDITIONS
                    && members.iter().count() == key.len()
                    && members
                        .iter()
                        .all(|(name, value)| names.contains(&name) && kind(value) != Kind::Null)
            });
            let Some(members) = whole else {
                let expected = format!("an object of {}", names.join(" and "));
                let kind = ErrorKind::InvalidValue {
                    field: "id".into(),
                    expected: expected.into(),
                };
                return Err(kind.into());
            };
            let mut tests = Vec::with_capacity(key.len());
            for field in key {
                if let Some(raw) = members.get(field.name()) {
                    tests.push(equal(field, value::check(raw, field)?));
                }
            }
            Ok(Condition::All(tests))
        }
    }
}

struct Reader<'n, 'c> {
    scope: Scope<'n, 'c>,
    operators: bool,
    counts: &'n mut Counts,
    /// For how many a value of a list counts.
    weight: usize,
}

impl<'c> Reader<'_, 'c> {
    /// An object of fields and, in a query, of `$and`, `$or` and `$not`.
    fn object(
        &mut self,
        raw: &RawValue,
        negated: bool,
        depth: usize,
    ) -> Result<Condition<'c>, Error> {
        let members = (kind(raw) == Kind::Object)
            .then(|| Object::parse(raw.get()))
            .flatten()
            .ok_or(ErrorKind::FiltersNotObject)?;
        if members.len() > MAX_CONDITIONS {
            return Err(too_many());
        }
        if depth > MAX_DEPTH {
            let hint = "conditions side by side need no $and, and $in stands for many $or";
            return Err(Error::from(ErrorKind::FilterTooDeep(MAX_DEPTH)).with_hint(hint));
        }
        let mut conditions = Vec::with_capacity(members.len());
        for (name, value) in members.iter() {
            conditions.push(match name {
                "$and" | "$or" if self.operators => {
                    let list = self.list(name, value, negated, depth)?;
                    if (name == "$and") != negated {
                        all(list)
                    } else {
                        any(list)
                    }
                }
                "$not" if self.operators => self.object(value, !negated, depth + 1)?,
                _ => match self.found(name) {
                    Some(found) => self.many(name, found, value, negated, depth)?,
                    None => self.field(name, value, negated)?,
                },
            });
        }
        Ok(join(conditions, negated))
    }

    fn list(
        &mut self,
        name: &str,
        raw: &RawValue,
        negated: bool,
        depth: usize,
    ) -> Result<Vec<Condition<'c>>, Error> {
        let parts = array(raw).ok_or_else(|| {
            Error::from(ErrorKind::FiltersNotObject)
                .with_hint(format!("{name} takes a list of objects"))
        })?;
        parts
            .into_iter()
            .map(|part| self.object(part, negated, depth + 1))
            .collect()
    }

    fn field(&mut self, name: &str, raw: &RawValue, negated: bool) -> Result<Condition<'c>, Error> {
        let term = match self.scope.term(name) {
            Ok(term) => term,
            Err(Unresolved::Unknown { hint }) => {
                return Err(unknown(name, hint, self.scope.model(), self.operators));
            }
            Err(Unresolved::Many(relation)) => {
                return Err(ErrorKind::RelationHoldsMany(relation).into());
            }
            Err(Unresolved::Refused(error)) => return Err(error),
        };
        let condition = self.value(name, &term, raw, negated);
        condition.map_err(|error| error.of_field(name))
    }

    /// What a field's value must be, or the operators on it.
    fn value(
        &mut self,
        name: &str,
        term: &Term<'c>,
        raw: &RawValue,
        negated: bool,
    ) -> Result<Condition<'c>, Error> {
        let field = term.field();
        match kind(raw) {
            Kind::Object if self.operators => {
                let operators = Object::parse(raw.get()).ok_or(ErrorKind::FiltersNotObject)?;
                if operators.is_empty() {
                    return Err(value::invalid(field, "a plain value or operators"));
                }
                if operators.len() > MAX_CONDITIONS {
                    return Err(too_many());
                }
                let mut tests = Vec::with_capacity(operators.len());
                for (operator, value) in operators.iter() {
                    let usable = operators_of(field);
                    if !usable.contains(&operator) {
                        return Err(unusable(operator, &usable, name, field));
                    }
                    tests.push(self.operator(term, operator, value, negated)?);
                }
                Ok(join(tests, negated))
            }
            Kind::Object | Kind::Array => {
                let error = value::invalid(field, "a plain value");
                Err(match self.operators {
                    true => error.with_hint(r#"one of several values: {"$in":[…]}"#),
                    false => error.with_hint_by(for_query),
                })
            }
            _ => self.test(term, equal(raw, field)?, negated),
        }
    }

    fn operator(
        &mut self,
        term: &Term<'c>,
        operator: &str,
        raw: &RawValue,
        negated: bool,
    ) -> Result<Condition<'c>, Error> {
        let field = term.field();
        let comparison = match operator {
            "$eq" => equal(raw, field)?,
            "$ne" => return self.test(term, equal(raw, field)?, !negated),
            "$gt" => Comparison::Greater(value::check(raw, field)?),
            "$gte" => Comparison::GreaterOrEqual(value::check(raw, field)?),
            "$lt" => Comparison::Less(value::check(raw, field)?),
            "$lte" => Comparison::LessOrEqual(value::check(raw, field)?),
            "$in" => self.one_of(raw, term)?,
            "$nin" => {
                let listed = self.one_of(raw, term)?;
                return self.test(term, listed, !negated);
            }
            "$between" => {
                let bounds = array(raw).unwrap_or_default();
                let [low, high] = bounds[..] else {
                    return Err(value::invalid(field, "a list of two values"));
                };
                let low = Comparison::GreaterOrEqual(value::check(low, field)?);
                let high = Comparison::LessOrEqual(value::check(high, field)?);
                let tests = vec![
                    self.test(term, low, negated)?,
                    self.test(term, high, negated)?,
                ];
                return Ok(join(tests, negated));
            }
            "$null" => match raw.get() {
                "true" => Comparison::Null,
                "false" => return self.test(term, Comparison::Null, !negated),
                _ => return Err(value::invalid(field, "true or false for $null")),
            },
            _ => Comparison::Text(pattern(operator, raw, field)?),
        };
        self.test(term, comparison, negated)
    }

    fn one_of(&mut self, raw: &RawValue, term: &Term<'c>) -> Result<Comparison, Error> {
        let field = term.field();
        let parts = array(raw).ok_or_else(|| value::invalid(field, "a list of values"))?;
        self.counts.listed += parts.len() * self.weight;
        if parts.len() > MAX_LIST {
            let expected = format!("a list of at most {MAX_LIST} values");
            let beyond = match &self.scope {
                Scope::Rows(names) => names.beyond(term),
                Scope::Groups(..) => None,
            };
            let instead = match beyond {
                Some(path) => format!("filter by {path:?} instead of a list of ids"),
                None => {
                    "filter by what they have in common, or ask for each part of them".to_owned()
                }
            };
            let hint = format!("at most {MAX_LIST} values: {instead}");
            return Err(value::invalid(field, &expected).with_hint(hint));
        }
        if self.counts.listed > MAX_LISTED {
            let expected = format!("at most {MAX_LISTED} values in all lists of a request");
            return Err(value::invalid(field, &expected));
        }
        let mut null = false;
        let mut values = Vec::with_capacity(parts.len());
        for part in parts {
            match kind(part) {
                Kind::Null => null = true,
                _ => values.push(value::check(part, field)?),
            }
        }
        Ok(Comparison::In { values, null })
    }

    fn test(
        &mut self,
        term: &Term<'c>,
        comparison: Comparison,
        negated: bool,
    ) -> Result<Condition<'c>, Error> {
        self.count()?;
        Ok(Condition::Test {
            term: term.clone(),
            comparison,
            negated,
        })
    }

    fn count(&mut self) -> Result<(), Error> {
        self.counts.conditions += 1;
        match self.counts.conditions > MAX_CONDITIONS {
            true => Err(too_many()),
            false => Ok(()),
        }
    }
}

/// The refusal of an operator that a field does not take.
fn unusable(operator: &str, usable: &[&str], name: &str, field: &Field) -> Error {
    let ours = suggest::words::operators(operator)
        .filter(|ours| usable.iter().any(|usable| ours.starts_with(usable)));
    let near = match (suggest::nearest(operator, usable.iter().copied()), ours) {
        (_, Some(ours)) => format!("{operator} is {ours} here; "),
        (Some(near), None) => format!("did you mean {near:?}? "),
        (None, None) => String::new(),
    };
    let hint = format!(
        "{near}operators for {name} ({}): {}",
        field.field_type().name(),
        usable.join(" ")
    );
    Error::from(ErrorKind::FilterOperator(operator.into())).with_hint(hint)
}

fn too_many() -> Error {
    let hint = "use $in for many values of one field, and $between for a range";
    Error::from(ErrorKind::TooManyConditions(MAX_CONDITIONS)).with_hint(hint)
}

fn equal(raw: &RawValue, field: &Field) -> Result<Comparison, Error> {
    match kind(raw) {
        Kind::Null => Ok(Comparison::Null),
        Kind::Object | Kind::Array => Err(value::invalid(field, "a plain value")),
        _ => value::check(raw, field).map(Comparison::Equal),
    }
}

fn pattern(operator: &str, raw: &RawValue, field: &Field) -> Result<Pattern, Error> {
    let text = decode_string(raw)
        .filter(|text| !text.contains('\0'))
        .ok_or_else(|| value::invalid(field, "text"))?;
    if text.chars().count() > MAX_PATTERN {
        return Err(value::invalid(
            field,
            &format!("text of at most {MAX_PATTERN} characters"),
        ));
    }
    let place = match operator {
        "$startswith" | "$istartswith" => Place::Start,
        "$endswith" | "$iendswith" => Place::End,
        _ => Place::Anywhere,
    };
    Ok(Pattern {
        place,
        text: text.into_owned(),
        fold: operator.starts_with("$i"),
    })
}

/// The operators that a field takes, by its type.
fn operators_of(field: &Field) -> Vec<&'static str> {
    let mut operators = vec!["$null"];
    if field.is_filterable() {
        operators.extend(["$eq", "$ne", "$in", "$nin"]);
        if field.is_sortable() {
            operators.extend(["$gt", "$gte", "$lt", "$lte", "$between"]);
        }
    }
    if field.field_type().is_text() {
        operators.extend([
            "$contains",
            "$icontains",
            "$startswith",
            "$istartswith",
            "$endswith",
            "$iendswith",
        ]);
    }
    operators
}

/// Whether a name is a plain identifier.
pub(super) fn is_plain(name: &str) -> bool {
    let first = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first
        && name.len() <= MAX_NAME
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The refusal of a name that is no readable field: a hidden one reads as an unknown one.
fn unknown(name: &str, hint: String, model: &Model, operators: bool) -> Error {
    let kind = if is_plain(name) || operators && path::is_path(name) {
        ErrorKind::FilterFieldNotAllowed {
            field: name.into(),
            model: model.name().into(),
        }
    } else {
        ErrorKind::FilterName(name.into())
    };
    let error = Error::from(kind);
    let hint = match (name.starts_with('$'), operators) {
        (true, true) => "$and and $or take a list of objects, $not takes one; \
                         other operators belong into a field's value"
            .to_owned(),
        (true, false) => return error.with_hint_by(for_query),
        (false, true) => match suggest::words::joint(name) {
            Some(ours) => format!("{name} is {ours:?} here"),
            None => hint,
        },
        (false, false) => hint,
    };
    error.with_hint(hint)
}

/// Who takes the operators that a plain list of rows does not.
fn for_query(speech: Speech) -> String {
    match speech {
        Speech::Native => "operators are for the action query".to_owned(),
        Speech::Tools => format!("operators are for {}", Action::Query.tool()),
    }
}

pub(super) fn array(raw: &RawValue) -> Option<Vec<&RawValue>> {
    (kind(raw) == Kind::Array)
        .then(|| serde_json::from_str(raw.get()).ok())
        .flatten()
}
