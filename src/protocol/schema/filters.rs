//! `filters` of a query: conditions by field, joined and negated.

use indexmap::IndexMap;
use schemars::JsonSchema;

use super::{Plain, Scalar, plainly};

/// Conditions on rows; all of them must hold.
#[derive(JsonSchema)]
#[schemars(transform = plainly)]
pub struct Filters {
    /// All of these hold.
    #[schemars(rename = "$and", with = "Vec<Filters>", default)]
    pub and: Option<Vec<Filters>>,
    /// At least one of these holds.
    #[schemars(rename = "$or", with = "Vec<Filters>", default)]
    pub or: Option<Vec<Filters>>,
    /// The rows that this does not find.
    #[schemars(rename = "$not", with = "Filters", default)]
    pub not: Option<Box<Filters>>,
    /// Conditions by field, by path, and by relation to many.
    #[schemars(flatten)]
    pub fields: IndexMap<String, FieldFilter>,
}

/// A value that the field equals, or operators.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum FieldFilter {
    /// The value.
    Plain(Plain),
    /// The operators.
    Operators(Box<Operators>),
    /// What holds of the rows that a relation to many leads to.
    Many(Box<Many>),
}

/// What holds of the rows that a relation to many leads to: all that is said of them.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1), transform = plainly)]
pub struct Many {
    /// Of at least one of them.
    #[schemars(rename = "$some", with = "Filters", default)]
    pub some: Option<Filters>,
    /// Of none of them.
    #[schemars(rename = "$none", with = "Filters", default)]
    pub none: Option<Filters>,
    /// Of each of them, be there any or not.
    #[schemars(rename = "$every", with = "Filters", default)]
    pub every: Option<Filters>,
    /// How many there are.
    #[schemars(rename = "$count", with = "Counted", default)]
    pub count: Option<Counted>,
    /// Which of them are counted.
    #[schemars(rename = "where", with = "Filters", default)]
    pub filter: Option<Filters>,
}

/// A number, or operators on it.
#[derive(JsonSchema)]
#[schemars(untagged, transform = plainly)]
pub enum Counted {
    /// Just so many.
    Number(u64),
    /// The operators.
    Operators(Box<Operators>),
}

/// Operators on one field; all of them must hold. NULL fails a comparison with a value.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1), transform = plainly)]
pub struct Operators {
    #[schemars(rename = "$eq", with = "Plain", default)]
    pub eq: Option<Plain>,
    /// Everything but this, NULL included.
    #[schemars(rename = "$ne", with = "Plain", default)]
    pub ne: Option<Plain>,
    #[schemars(rename = "$gt", with = "Scalar", default)]
    pub gt: Option<Scalar>,
    #[schemars(rename = "$gte", with = "Scalar", default)]
    pub gte: Option<Scalar>,
    #[schemars(rename = "$lt", with = "Scalar", default)]
    pub lt: Option<Scalar>,
    #[schemars(rename = "$lte", with = "Scalar", default)]
    pub lte: Option<Scalar>,
    /// One of these.
    #[schemars(rename = "$in", with = "Vec<Plain>", default, length(max = 1000))]
    pub one_of: Option<Vec<Plain>>,
    /// None of these.
    #[schemars(rename = "$nin", with = "Vec<Plain>", default, length(max = 1000))]
    pub none_of: Option<Vec<Plain>>,
    /// From the first to the second, both included.
    #[schemars(rename = "$between", with = "[Scalar; 2]", default)]
    pub between: Option<[Scalar; 2]>,
    /// Whether the field is NULL.
    #[schemars(rename = "$null", with = "bool", default)]
    pub null: Option<bool>,
    #[schemars(rename = "$contains", with = "String", default)]
    pub contains: Option<String>,
    /// As `$contains`, in any case of letters.
    #[schemars(rename = "$icontains", with = "String", default)]
    pub icontains: Option<String>,
    #[schemars(rename = "$startswith", with = "String", default)]
    pub startswith: Option<String>,
    /// As `$startswith`, in any case of letters.
    #[schemars(rename = "$istartswith", with = "String", default)]
    pub istartswith: Option<String>,
    #[schemars(rename = "$endswith", with = "String", default)]
    pub endswith: Option<String>,
    /// As `$endswith`, in any case of letters.
    #[schemars(rename = "$iendswith", with = "String", default)]
    pub iendswith: Option<String>,
}
