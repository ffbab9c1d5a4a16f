//! From a request to a plan in which every name is resolved and every value checked.
//!
//! Planning is pure: `(action, parameters, catalog, limits) -> ReadPlan`. What a client wrote
//! reaches SQL only as a [`Value`] to be bound; names are `&Field` of the catalog.

mod aggregate;
mod condition;
pub mod cursor;
mod date;
mod expansion;
mod filter;
mod guard;
mod joins;
mod number;
mod page;
mod path;
mod projection;
mod summary;
mod term;
mod value;
pub mod zone;

#[cfg(test)]
mod tests;

pub use aggregate::{Aggregate, Function};
pub use condition::{Comparison, Condition, Place};
pub(crate) use condition::{Pattern, guards};
pub use cursor::{CursorKey, Seek};
pub use expansion::Expansion;
pub(crate) use expansion::{ExpandedRow, ExpandedRows};
pub(crate) use joins::{Join, Sources};
pub use joins::{Joins, Rows, Source};
pub use number::Number;
pub(crate) use number::{Operation, QUOTIENT_SCALE};
pub use page::Page;
pub use term::{Column, Term};
pub use value::{bytes, infinity, typed};
pub(crate) use value::{of_class, of_field};
pub(crate) use {
    aggregate::GroupKey, cursor::RowKey, date::DatePart, page::Format, projection::Shown,
    summary::Summary, zone::Zone,
};

use serde_json::value::RawValue;

pub use crate::value::{Argument, Value};

use path::Names;

use crate::catalog::{Catalog, Distinction, Field, Model};
use crate::error::{Echo, Error, ErrorKind, Speech};
use crate::protocol::{Action, Object};
use crate::suggest;

/// Sort keys that a page goes on after at the most: the condition grows with their square.
const MAX_PLACE_KEYS: usize = 64;

/// What bounds a plan, from the configuration.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Rows of a page when none are asked.
    pub default_limit: u32,
    /// The most rows of a page.
    pub max_limit: u32,
    /// Estimated rows above which an unindexed filter or sort is refused.
    pub scan_limit: Option<u64>,
}

/// A read, ready to be written as SQL.
#[derive(Debug)]
pub struct ReadPlan<'c> {
    /// The model that is read.
    pub model: &'c Model,
    /// The rows of other models that are read with its own.
    pub joins: Joins<'c>,
    /// What each row of the answer holds.
    pub output: Output<'c>,
    /// Which rows.
    pub filter: Condition<'c>,
    /// In which order; what tells rows apart comes last.
    pub order: Vec<Order<'c>>,
    /// How many, and from where.
    pub page: Page,
    /// Whether the number of all rows is told.
    pub total: Total,
    /// How the rows are written.
    pub format: Format,
    /// The zone whose clock it needs.
    pub zone: Option<Zone>,
    /// By what rows are told apart that share all sort keys.
    pub(crate) row_key: RowKey,
}

/// What each row of an answer holds.
#[derive(Debug)]
pub enum Output<'c> {
    /// Fields of the row, and the rows that its foreign keys point to.
    Rows {
        /// The fields, in the order of the answer.
        fields: Vec<Shown<'c>>,
        /// The rows that are pointed to.
        expand: Vec<Expansion<'c>>,
    },
    /// Groups of rows.
    Groups {
        /// What the rows of a group have in common; empty for one group of all.
        by: Vec<GroupKey<'c>>,
        /// What is told of a group.
        aggregates: Vec<Aggregate<'c>>,
        /// Which groups, by their members.
        having: Condition<'c>,
        /// What a cursor is bound to beside the rows and their order.
        bound: Box<str>,
    },
}

impl<'c> ReadPlan<'c> {
    /// Every row of a model that may be seen, to be counted.
    pub(crate) fn of_all(model: &'c Model) -> Self {
        Self {
            model,
            joins: Joins::of(model),
            output: Output::Rows {
                fields: Vec::new(),
                expand: Vec::new(),
            },
            filter: Condition::All(Vec::new()),
            order: Vec::new(),
            page: Page {
                limit: 0,
                offset: 0,
                seek: None,
            },
            total: Total::Exact,
            format: Format::Objects,
            zone: None,
            row_key: RowKey::default(),
        }
    }

    /// Whether no two rows can share all sort keys.
    pub(crate) fn has_unique_order(&self) -> bool {
        match self.output {
            Output::Rows { .. } => matches!(
                self.model.distinction(),
                Distinction::Key | Distinction::RowId(_)
            ),
            // Groups are told apart by their keys.
            Output::Groups { .. } => true,
        }
    }

    /// What a sort key compares of each row: of groups what their rows have in common, where it is
    /// that.
    pub fn ordered<'p>(&'p self, order: &'p Order<'p>) -> Option<&'p Term<'p>> {
        match (&order.key, &self.output) {
            (OrderKey::Term(term), _) => Some(term),
            (OrderKey::Output(index), Output::Groups { by, .. }) => {
                by.get(*index).map(|key| &key.term)
            }
            _ => None,
        }
    }

    /// Whether it shows, compares, sorts or groups by numbers that may be beyond what a float holds.
    pub(crate) fn computes_floats(&self) -> bool {
        let is = |term: &Term<'_>| matches!(term, Term::Number(it) if it.is_float());
        let of = |aggregate: &Aggregate<'_>| aggregate.term.as_ref().is_some_and(is);
        let computes = |term: &Term<'_>| match term {
            Term::Summary(summary) => of(&summary.told),
            _ => is(term),
        };
        let order = self.order.iter().filter_map(|order| self.ordered(order));
        let mut terms = order.chain(self.filter.terms());
        let of_output = match &self.output {
            Output::Rows { fields, .. } => fields.iter().any(|shown| computes(&shown.term)),
            Output::Groups { by, aggregates, .. } => {
                aggregates.iter().any(of) || by.iter().any(|key| computes(&key.term))
            }
        };
        of_output || terms.any(computes)
    }

    /// Which groups remain, where not all do.
    pub fn having(&self) -> Option<&Condition<'_>> {
        match &self.output {
            Output::Groups { having, .. } if !having.is_everything() => Some(having),
            _ => None,
        }
    }

    /// The lists within its rows, in the order in which a row holds them; those of other lists are
    /// theirs.
    pub fn lists(&self) -> Vec<&ExpandedRows<'c>> {
        fn within<'p, 'c>(expand: &'p [Expansion<'c>], into: &mut Vec<&'p ExpandedRows<'c>>) {
            for expansion in expand {
                match expansion {
                    Expansion::One(one) => within(&one.expand, into),
                    Expansion::Many(many) => into.push(many),
                }
            }
        }
        let mut lists = Vec::new();
        if let Output::Rows { expand, .. } = &self.output {
            within(expand, &mut lists);
        }
        lists
    }

    /// Objects and lists that the relations of a row put around others, at the most.
    pub fn nesting(&self) -> usize {
        fn deepest(expand: &[Expansion<'_>]) -> usize {
            let levels = expand.iter().map(|expansion| match expansion {
                Expansion::One(one) => 1 + deepest(&one.expand),
                // An object, its list, and the rows in it.
                Expansion::Many(many) => 3 + many.plan.nesting(),
            });
            levels.max().unwrap_or(0)
        }
        match &self.output {
            Output::Rows { expand, .. } => deepest(expand),
            Output::Groups { .. } => 0,
        }
    }

    /// Each statement's plan: its own, and those of the lists within its rows and within each other.
    pub fn all(&self) -> Vec<&Self> {
        let mut all = vec![self];
        for list in self.lists() {
            all.extend(list.plan.all());
        }
        all
    }

    /// Rows that an answer may hold, those of lists among them.
    pub(crate) fn most_rows(&self) -> u64 {
        let lists = self.lists().into_iter();
        let each = lists.fold(1u64, |sum, list| sum.saturating_add(list.plan.most_rows()));
        u64::from(self.page.limit).saturating_mul(each)
    }

    /// Every condition of the statement.
    pub fn conditions(&self) -> Vec<&Condition<'_>> {
        let mut conditions = vec![&self.filter];
        if let Output::Groups {
            aggregates, having, ..
        } = &self.output
        {
            conditions.push(having);
            conditions.extend(aggregates.iter().map(|aggregate| &aggregate.filter));
        }
        conditions
    }

    /// Whether pages go on after the sort keys of a row; by more keys than this the place is not
    /// worth finding, and rows are passed over by their number.
    pub(crate) fn has_place(&self) -> bool {
        has_place(&self.output, &self.order)
    }

    /// The sources that the rows, or groups, need.
    pub(crate) fn sources(&self) -> Sources {
        if self.joins.is_empty() {
            return Sources::default();
        }
        let shown: Vec<Source> = match &self.output {
            Output::Rows { fields, expand } => {
                let fields = fields.iter().flat_map(|shown| shown.term.sources());
                let mut sources: Vec<Source> = fields.collect();
                let mut expand: Vec<&Expansion<'_>> = expand.iter().collect();
                while let Some(expansion) = expand.pop() {
                    match expansion {
                        Expansion::One(one) => {
                            sources.push(one.source);
                            sources.extend(one.fields.iter().flat_map(|it| it.term.sources()));
                            expand.extend(&one.expand);
                        }
                        Expansion::Many(many) => sources.push(many.parent),
                    }
                }
                sources
            }
            Output::Groups { by, aggregates, .. } => {
                let told = aggregates.iter().flat_map(Aggregate::sources);
                let keys = by.iter().flat_map(|key| key.term.sources());
                keys.chain(told).collect()
            }
        };
        let ordered = self.order.iter().flat_map(Order::sources);
        let tested = self.filter.sources();
        self.joins
            .way_to(shown.into_iter().chain(ordered).chain(tested))
    }

    /// The sources that their number depends on: no join makes rows more or fewer.
    pub(crate) fn counted(&self) -> Sources {
        if self.joins.is_empty() {
            return Sources::default();
        }
        let mut sources = self.filter.sources();
        if let Output::Groups {
            by,
            aggregates,
            having,
            ..
        } = &self.output
        {
            sources.extend(by.iter().flat_map(|key| key.term.sources()));
            // Which groups remain depends on what is told of them.
            let told = aggregates.iter().filter(|_| !having.is_everything());
            sources.extend(told.flat_map(Aggregate::sources));
        }
        self.joins.way_to(sources)
    }

    /// What a cursor of this read is bound to.
    pub fn binding(&self) -> cursor::Binding {
        cursor::binding(&self.joins, &self.filter, &self.order, &self.output)
    }
}

/// One sort key.
#[derive(Debug, Clone)]
pub struct Order<'c> {
    /// What is compared.
    pub key: OrderKey<'c>,
    /// Whether the largest comes first.
    pub descending: bool,
}

impl Order<'_> {
    /// The sources of what is compared, where it is a value of the row.
    fn sources(&self) -> Vec<Source> {
        match &self.key {
            OrderKey::Term(term) => term.sources(),
            OrderKey::Row | OrderKey::Output(_) => Vec::new(),
        }
    }
}

/// What a sort key compares.
#[derive(Debug, Clone, PartialEq)]
pub enum OrderKey<'c> {
    /// A value of the row.
    Term(Term<'c>),
    /// The row itself, which tells it from those that share all its other keys.
    Row,
    /// A member of the groups' output, by its position: first the keys, then the aggregates.
    Output(usize),
}

/// Whether, and how, all rows are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// Not at all.
    None,
    /// Each one.
    Exact,
    /// As the database's planner believes.
    Estimate,
}

/// One row by its key.
#[derive(Debug)]
pub struct GetPlan<'c> {
    /// The model that is read.
    pub model: &'c Model,
    /// Nothing beside it.
    pub joins: Joins<'c>,
    /// The condition on its key.
    pub filter: Condition<'c>,
    /// The id as errors repeat it.
    pub id: Echo,
}

/// Plans `list` and `query`.
///
/// # Errors
/// Every fault of the parameters (protocol, sections 3 to 6), the first in the order in which the
/// parameters are documented.
pub fn rows<'c>(
    action: Action,
    params: &Object<'_>,
    model: &'c Model,
    catalog: &'c Catalog,
    limits: &Limits,
    cursors: &CursorKey,
) -> Result<ReadPlan<'c>, Error> {
    known(action, params)?;
    let mut page = page::read(params, limits)?;
    let queries = action == Action::Query;
    let mut names = match queries {
        true => Names::across(model, catalog),
        false => Names::own(model),
    };
    let zone = zone::read(params)?;
    names.zone = zone;
    let mut counts = filter::Counts::default();
    let groups = aggregate::asked(params);
    if queries && !groups {
        names.computed = projection::compute(params, &mut names, &mut counts)?;
    }
    let filter = counts.filters(params, &mut names, queries)?;
    let (mut output, order) = if groups {
        aggregate::read(params, &mut names, &mut counts)?
    } else {
        let reading = &mut expansion::Reading {
            counts: &mut counts,
            limits,
        };
        let output = projection::read(params, &mut names, reading)?;
        let order = projection::order(params, &mut names)?;
        (output, order)
    };
    let joins = names.joins;
    let total = page::total(params, &output)?;
    let format = page::format(params)?;
    if let Some(text) = page::cursor(params)? {
        if matches!(output, Output::Groups { .. }) && !has_place(&output, &order) {
            let hint = "groups that are sorted by an aggregate are paged by offset";
            return Err(Error::from(ErrorKind::InvalidCursor).with_hint(hint));
        }
        if present(params, "offset").is_some() {
            return Err(ErrorKind::Exclusive("cursor", "offset").into());
        }
        let binding = cursor::binding(&joins, &filter, &order, &output);
        page.seek = Some(cursors.open(&text, &binding, &order)?);
    }
    if let Output::Rows { expand, .. } = &mut output {
        expansion::keyed(expand, cursors.rows());
    }
    let plan = ReadPlan {
        model,
        joins,
        output,
        filter,
        order,
        page,
        total,
        format,
        zone,
        row_key: cursors.rows(),
    };
    guard::check(&plan, limits)?;
    Ok(plan)
}

/// Whether pages go on after what the last row, or group, has for its sort keys.
fn has_place(output: &Output<'_>, order: &[Order<'_>]) -> bool {
    let of_key = |order: &Order<'_>| match (&order.key, output) {
        (OrderKey::Output(index), Output::Groups { by, .. }) => *index < by.len(),
        _ => true,
    };
    let is_one = matches!(output, Output::Groups { by, .. } if by.is_empty());
    !is_one && order.len() <= MAX_PLACE_KEYS && order.iter().all(of_key)
}

/// Plans `get`.
///
/// # Errors
/// `Missing required parameter: id`, and `invalid_value` where the id is not of the key's type.
pub fn get<'c>(params: &Object<'_>, model: &'c Model) -> Result<GetPlan<'c>, Error> {
    known(Action::Get, params)?;
    let id = present(params, "id").ok_or(ErrorKind::MissingParameter("id".into()))?;
    let filter = filter::identity(id, model)?;
    Ok(GetPlan {
        model,
        joins: Joins::of(model),
        filter,
        id: value::echo(id),
    })
}

/// Plans what a field holds: each value once, and beside it how many rows have it that equal this
/// one.
pub fn held<'c>(model: &'c Model, field: &'c Field, value: Value, most: u32) -> ReadPlan<'c> {
    let test = |comparison, negated| Condition::Test {
        term: Term::own(field),
        comparison,
        negated,
    };
    let by = vec![GroupKey {
        name: field.name().to_owned(),
        term: Term::own(field),
    }];
    let same = Aggregate {
        alias: "n".to_owned(),
        function: Function::Count,
        term: None,
        filter: test(Comparison::Equal(value), false),
    };
    ReadPlan {
        model,
        joins: Joins::of(model),
        output: Output::Groups {
            by,
            aggregates: vec![same],
            having: Condition::All(Vec::new()),
            bound: Box::default(),
        },
        filter: test(Comparison::Null, true),
        order: vec![Order {
            key: OrderKey::Output(0),
            descending: false,
        }],
        page: Page {
            limit: most,
            offset: 0,
            seek: None,
        },
        total: Total::None,
        format: Format::Columns,
        zone: None,
        row_key: RowKey::default(),
    }
}

/// Checks the parameters of `describe`: it takes none.
///
/// # Errors
/// `Unknown parameter`.
pub fn describe(params: &Object<'_>) -> Result<(), Error> {
    known(Action::Describe, params)
}

/// Checks the parameters of `whoami`: it takes none.
///
/// # Errors
/// `Unknown parameter`.
pub fn whoami(params: &Object<'_>) -> Result<(), Error> {
    known(Action::Whoami, params)
}

fn known(action: Action, params: &Object<'_>) -> Result<(), Error> {
    let parameters = action.parameters();
    match params.iter().find(|(name, _)| !parameters.contains(name)) {
        None => Ok(()),
        Some((name, _)) => {
            let error = Error::from(ErrorKind::UnknownParameter(name.into()));
            Err(error.with_hint_by(|speech| unknown(name, action, speech)))
        }
    }
}

/// What to send in place of a parameter that an action does not take.
fn unknown(name: &str, action: Action, speech: Speech) -> String {
    let parameters = action.parameters();
    let near = suggest::nearest(name, parameters.iter().copied());
    let hint = match (near, suggest::words::parameter(name)) {
        (Some(near), _) => format!("did you mean {near:?}? "),
        (None, Some("expand")) if parameters.contains(&"expand") => {
            format!("{name} is \"expand\" here, or a path like \"user.email\"; ")
        }
        (None, Some(ours)) if ours == "model" || parameters.contains(&ours) => {
            format!("{name} is {ours:?} here; ")
        }
        (None, Some(ours)) if Action::Query.parameters().contains(&ours) => {
            format!("{name} is {ours:?} of {}; ", Action::Query.called(speech))
        }
        (None, None) if Action::Query.parameters().contains(&name) => {
            format!("{name} is for {}; ", Action::Query.called(speech))
        }
        (None, _) => String::new(),
    };
    // By MCP the model is one of them.
    let model = ["model"].into_iter();
    let model = model.filter(|_| speech == Speech::Tools && action != Action::Whoami);
    let takes: Vec<&str> = model.chain(parameters.iter().copied()).collect();
    let takes = match takes[..] {
        [] => "no parameters".to_owned(),
        _ => takes.join(", "),
    };
    format!("{hint}{} takes {takes}", action.called(speech))
}

/// A parameter that is there and not `null`.
fn present<'a>(params: &Object<'a>, name: &str) -> Option<&'a RawValue> {
    use crate::protocol::{Kind, kind};
    params.get(name).filter(|raw| kind(raw) != Kind::Null)
}

/// The refusal of a field in `fields`, `sort`, `group_by` or `aggregate`.
fn field_not_allowed(name: &str, model: &Model) -> Error {
    let kind = ErrorKind::FieldNotAllowed {
        field: name.into(),
        model: model.name().into(),
    };
    Error::from(kind).with_hint(suggest::fields(name, model))
}
