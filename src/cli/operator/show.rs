//! Records as they are printed: a table for people, JSON for programs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::admin::{DatabaseView, TenantView, TokenView};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::table::{Cell, Table, columns};
use crate::cli::text::visible;
use crate::store::ClientLimits;

/// A record that can be printed.
pub(crate) trait Show: Serialize {
    /// Its columns in a list.
    const COLUMNS: &'static [&'static str];

    /// What stands in them.
    fn cells(&self) -> Vec<String>;

    /// Everything, by name.
    fn members(&self) -> Vec<(&'static str, String)>;
}

impl Show for TenantView {
    const COLUMNS: &'static [&'static str] = &["name", "state", "rows", "limits", "description"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            state(self.active),
            rows(&self.rows),
            limits(self.limits),
            self.description.clone(),
        ]
    }

    fn members(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("id", self.id.clone()),
            ("description", self.description.clone()),
            ("state", state(self.active)),
            ("rows", rows(&self.rows)),
            ("limits", limits(self.limits)),
            ("created", self.created_at.clone()),
            ("changed", self.updated_at.clone()),
        ]
    }
}

impl Show for DatabaseView {
    const COLUMNS: &'static [&'static str] = &["name", "tenant", "place", "models"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.tenant.clone(),
            self.place.clone(),
            self.models.clone(),
        ]
    }

    fn members(&self) -> Vec<(&'static str, String)> {
        let mut members = vec![
            ("name", self.name.clone()),
            ("id", self.id.clone()),
            ("tenant", self.tenant.clone()),
            ("place", self.place.clone()),
            ("models", self.models.clone()),
            ("hidden", self.hidden.clone()),
            ("reveal", self.reveal.clone()),
            ("relations", self.relations.clone()),
            ("pooler", yes(self.pgbouncer)),
            ("row security", yes(self.row_security)),
            ("created", self.created_at.clone()),
            ("changed", self.updated_at.clone()),
        ];
        if let Some(fault) = &self.fault {
            members.insert(4, ("fault", fault.clone()));
        }
        members
    }
}

impl Show for TokenView {
    const COLUMNS: &'static [&'static str] = &[
        "name",
        "tenant",
        "ends in",
        "digest",
        "state",
        "scopes",
        "expires",
        "last used",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.tenant.clone(),
            self.suffix.clone(),
            self.digest.clone(),
            self.state.to_owned(),
            self.scopes.join(","),
            or(&self.expires_at, "never"),
            or(&self.last_used_at, "never"),
        ]
    }

    fn members(&self) -> Vec<(&'static str, String)> {
        let list = |list: &Option<Vec<String>>| match list {
            Some(list) => list.join(", "),
            None => "all".to_owned(),
        };
        let mut members = vec![
            ("name", self.name.clone()),
            ("id", self.id.clone()),
            ("tenant", self.tenant.clone()),
            ("ends in", self.suffix.clone()),
            ("digest", self.digest.clone()),
            ("state", self.state.to_owned()),
            ("scopes", self.scopes.join(", ")),
            ("models", list(&self.models)),
            ("tools", list(&self.tools)),
            ("attributes", attributes(&self.attributes)),
            ("rows", rows(&self.rows)),
            ("limits", limits(self.limits)),
            ("expires", or(&self.expires_at, "never")),
            ("last used", or(&self.last_used_at, "never")),
            ("created", self.created_at.clone()),
            ("changed", self.updated_at.clone()),
        ];
        if let Some(until) = &self.previous_until {
            members.insert(6, ("previous token", format!("valid until {until}")));
        }
        members
    }
}

/// Prints a list: a table that fits the terminal, or JSON.
pub(crate) fn print_list<S: Show>(records: &[S], json: bool, none: &str) -> Result<(), Failure> {
    if json {
        return output::data(&as_json(&records)?);
    }
    if records.is_empty() {
        return output::data(none);
    }
    let rows = records.iter().map(|record| {
        let cells = record.cells().into_iter();
        cells.map(|text| Cell::text(visible(&text))).collect()
    });
    let table = Table {
        headings: S::COLUMNS.iter().map(|&name| name.to_owned()).collect(),
        rows: rows.collect(),
    };
    output::data(&table.render(columns()))
}

/// Prints one record, a line for each member, or JSON.
pub(crate) fn print_record<S: Show>(record: &S, json: bool) -> Result<(), Failure> {
    match json {
        true => output::data(&as_json(record)?),
        false => output::data(&lines(record)),
    }
}

/// A record as lines.
pub(crate) fn lines<S: Show>(record: &S) -> String {
    let (headings, cells): (Vec<_>, Vec<_>) = record
        .members()
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| (name.to_owned(), Cell::text(visible(&text))))
        .unzip();
    let table = Table {
        headings,
        rows: Vec::new(),
    };
    table.record(&cells)
}

/// As JSON of several lines.
pub(crate) fn as_json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map_err(|error| Failure::unable(format!("cannot be written as JSON: {error}")))
}

fn state(active: bool) -> String {
    match active {
        true => "active".to_owned(),
        false => "inactive".to_owned(),
    }
}

fn yes(yes: bool) -> String {
    match yes {
        true => "yes".to_owned(),
        false => String::new(),
    }
}

fn attributes(attributes: &BTreeMap<String, String>) -> String {
    let told = attributes.iter();
    let told: Vec<String> = told
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    told.join(", ")
}

fn rows(rules: &[String]) -> String {
    match rules {
        [] => "all".to_owned(),
        rules => rules.join(" and "),
    }
}

fn limits(limits: ClientLimits) -> String {
    let requests = match (limits.rate_limit, limits.rate_window) {
        (Some(limit), Some(window)) => Some(format!("{limit} requests per {window}s")),
        (Some(limit), None) => Some(format!("{limit} requests per window")),
        (None, Some(window)) => Some(format!("window of {window}s")),
        (None, None) => None,
    };
    let rows = limits.rows_per_day.map(|rows| format!("{rows} rows a day"));
    let told: Vec<String> = [requests, rows].into_iter().flatten().collect();
    match told.is_empty() {
        true => "none".to_owned(),
        false => told.join(", "),
    }
}

fn or(text: &Option<String>, otherwise: &str) -> String {
    text.clone().unwrap_or_else(|| otherwise.to_owned())
}
