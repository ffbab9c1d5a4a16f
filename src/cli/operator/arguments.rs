//! Options that several commands take.

use std::collections::BTreeMap;
use std::str::FromStr;

use clap::Args;

use crate::admin::{LimitsPatch, Reference};
use crate::auth::Scope;
use crate::store::{ClientLimits, RowRule};

/// A number, or `none` for no limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Restriction<N>(Option<N>);

impl<N: FromStr + PartialOrd + From<u8>> FromStr for Restriction<N> {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self(None));
        }
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| *number >= N::from(1));
        number
            .filter(|_| digits)
            .map(|number| Self(Some(number)))
            .ok_or("expected a whole number from 1, or none")
    }
}

/// Limits of a tenant or token.
#[derive(Debug, Args)]
pub(crate) struct LimitArguments {
    /// Requests per window, or none
    #[arg(long, value_name = "N")]
    rate_limit: Option<Restriction<u32>>,
    /// The window in seconds, or none
    #[arg(long, value_name = "SECONDS")]
    rate_window: Option<Restriction<u32>>,
    /// Rows a day, or none
    #[arg(long, value_name = "N")]
    rows_per_day: Option<Restriction<u64>>,
}

impl LimitArguments {
    /// As limits of something new.
    pub(crate) fn limits(&self) -> ClientLimits {
        ClientLimits {
            rate_limit: self.rate_limit.and_then(|it| it.0),
            rate_window: self.rate_window.and_then(|it| it.0),
            rows_per_day: self.rows_per_day.and_then(|it| it.0),
        }
    }

    /// As what is to be changed.
    pub(crate) fn patch(&self) -> LimitsPatch {
        LimitsPatch {
            rate_limit: self.rate_limit.map(|it| it.0),
            rate_window: self.rate_window.map(|it| it.0),
            rows_per_day: self.rows_per_day.map(|it| it.0),
        }
    }
}

/// Which record is meant, where names of several tenants could be.
#[derive(Debug, Args)]
pub(crate) struct Of {
    /// Its tenant, where several have the name
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
}

impl Of {
    /// A record by its name or id.
    pub(crate) fn reference<'r>(&'r self, text: &'r str) -> Reference<'r> {
        Reference {
            text,
            tenant: self.tenant.as_deref(),
        }
    }
}

/// What a token sees and may do.
#[derive(Debug, Args)]
pub(crate) struct Lists {
    /// What it may do (lucarne scopes), by a comma list; all for everything
    #[arg(long, value_name = "LIST")]
    scopes: Option<String>,
    /// The models that it sees, by a comma list; all for those of its tenant
    #[arg(long, value_name = "LIST")]
    models: Option<String>,
    /// The tools that it may call, by a comma list; all for any
    #[arg(long, value_name = "LIST")]
    tools: Option<String>,
    /// What is known of whoever has it, for tools of your own: company=Acme
    #[arg(long = "attr", value_name = "NAME=VALUE", value_parser = attribute)]
    attributes: Vec<(String, String)>,
    /// Rows that it sees: "tickets.company_id = 42", "notes: all"; several are joined by AND
    #[arg(long, value_name = "RULE")]
    rows: Vec<RowRule>,
}

impl Lists {
    pub(crate) fn scopes(&self) -> Option<Vec<String>> {
        let text = self.scopes.as_deref()?;
        Some(match text.trim() {
            "all" => Scope::ALL.map(|scope| scope.name().to_owned()).into(),
            text => comma_list(text),
        })
    }

    /// The models: not given, all of them, or some.
    pub(crate) fn models(&self) -> Option<Option<Vec<String>>> {
        some_or_all(self.models.as_deref())
    }

    /// The tools: not given, all of them, or some.
    pub(crate) fn tools(&self) -> Option<Option<Vec<String>>> {
        some_or_all(self.tools.as_deref())
    }

    /// The attributes, by their names.
    pub(crate) fn attributes(&self) -> BTreeMap<String, String> {
        self.attributes.iter().cloned().collect()
    }

    pub(crate) fn rows(&self) -> Vec<RowRule> {
        self.rows.clone()
    }
}

/// An attribute with its value.
pub(crate) fn attribute(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn some_or_all(text: Option<&str>) -> Option<Option<Vec<String>>> {
    Some(match text?.trim() {
        "all" => None,
        text => Some(comma_list(text)),
    })
}

/// The entries of a comma list.
fn comma_list(text: &str) -> Vec<String> {
    let entries = text.split(',').map(str::trim);
    let entries = entries.filter(|entry| !entry.is_empty());
    entries.map(str::to_owned).collect()
}
