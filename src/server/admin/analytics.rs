//! What was asked in the last week, summed as it is asked for.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::millis;
use super::desk::Desk;
use super::refusal::{Fault, Refusal};
use super::route::Asked;
use crate::observe::analytics::{self, Entry};

/// What is to be summed, and how.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AnalyticsQuery {
    /// Hours that begin then or later: a date, or a time with its zone.
    from: Option<String>,
    /// Hours that begin earlier: a date, or a time with its zone.
    to: Option<String>,
    /// The name or id of a tenant.
    tenant: Option<String>,
    /// The name or id of a token.
    token: Option<String>,
    /// A model, as the audit names it.
    model: Option<String>,
    /// What makes one sum; hours where nothing is given.
    by: By,
}

/// What makes one sum.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum By {
    #[default]
    Hour,
    Tenant,
    Token,
    Model,
}

/// What was asked.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Analytics")]
pub(super) struct Analytics {
    /// The sums.
    data: Vec<Sum>,
    /// How many sums there are.
    count: usize,
    /// When this instance began to count: it starts anew when it is started anew.
    since: String,
    /// What of these hours was too much to be told apart by tenant, token and model. It is in no
    /// sum.
    other: Counts,
}

/// A sum, with what it is of.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Sum {
    #[serde(flatten)]
    of: Of,
    #[serde(flatten)]
    counts: Counts,
}

/// What a sum is of. A tenant or token that is null stands for the tokens of the configuration.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(untagged)]
enum Of {
    Hour {
        /// When the hour begins.
        hour: String,
    },
    Tenant(Tenant),
    Token {
        #[serde(flatten)]
        tenant: Tenant,
        /// The token's name.
        token: Option<String>,
        /// The token's id.
        token_id: Option<String>,
    },
    Model {
        /// The model; `-` for none, `unknown` for one that is not on the whitelist.
        model: String,
    },
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[schemars(rename = "OfTenant")]
struct Tenant {
    /// The tenant's name.
    tenant: Option<String>,
    /// The tenant's id.
    tenant_id: Option<String>,
}

/// What was counted.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Counts {
    /// Requests that reached the service.
    requests: u64,
    /// How many of them were refused or failed, or had no client any more to be answered.
    errors: u64,
    /// Rows, models or fields in their answers.
    rows: u64,
    /// Bytes of their answers.
    bytes: u64,
    /// Milliseconds that they took together.
    ms_total: f64,
    /// Milliseconds that the one took that took longest.
    ms_max: f64,
    /// How many took as long as `MCP_SLOW_QUERY` says, or a second where it is unset.
    slow: u64,
}

impl From<analytics::Counts> for Counts {
    fn from(counts: analytics::Counts) -> Self {
        Self {
            requests: counts.requests,
            errors: counts.errors,
            rows: counts.rows,
            bytes: counts.bytes,
            ms_total: millis(counts.took),
            ms_max: millis(counts.longest),
            slow: counts.slow,
        }
    }
}

/// The hours that are wanted, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    from: i64,
    to: i64,
}

impl Span {
    fn holds(self, hour: u64) -> bool {
        i64::try_from(hour).is_ok_and(|hour| (self.from..self.to).contains(&hour))
    }
}

impl AnalyticsQuery {
    fn span(&self) -> Result<Span, Refusal> {
        let mut faults = Vec::new();
        let mut read = |member: &str, text: &Option<String>, otherwise| match text.as_deref() {
            None => otherwise,
            Some(text) => moment(text).unwrap_or_else(|| {
                faults.push(Fault {
                    member: member.to_owned(),
                    message: "expected a date or a time with its zone".to_owned(),
                    hint: Some("for example 2026-01-31, or 2026-01-31T13:00:00Z".to_owned()),
                });
                otherwise
            }),
        };
        let span = Span {
            from: read("from", &self.from, i64::MIN),
            to: read("to", &self.to, i64::MAX),
        };
        match faults.is_empty() {
            true => Ok(span),
            false => Err(Refusal::invalid(faults)),
        }
    }

    /// Whether an entry is among what is wanted, its hour aside.
    fn takes(&self, entry: &Entry<'_>) -> bool {
        let is = |wanted: &Option<String>, known: Option<[&str; 2]>| {
            let wanted = wanted.as_deref();
            wanted.is_none_or(|wanted| known.is_some_and(|known| known.contains(&wanted)))
        };
        let client = entry.client;
        is(
            &self.tenant,
            client.map(|client| [&*client.tenant, &*client.tenant_id]),
        ) && is(
            &self.token,
            client.map(|client| [&*client.token, &*client.token_id]),
        ) && is(&self.model, Some([entry.model; 2]))
    }
}

impl By {
    /// What keeps the entries of one sum together: ids, for names may change.
    fn key<'e>(self, entry: &Entry<'e>) -> (u64, &'e str) {
        let client = entry.client;
        match self {
            Self::Hour => (entry.hour, ""),
            Self::Tenant => (0, client.map_or("", |client| &client.tenant_id)),
            Self::Token => (0, client.map_or("", |client| &client.token_id)),
            Self::Model => (0, entry.model),
        }
    }

    /// What the sum of an entry is of, by the names that it has.
    fn of(self, entry: &Entry<'_>) -> Of {
        let client = entry.client;
        let tenant = || Tenant {
            tenant: client.map(|client| client.tenant.clone()),
            tenant_id: client.map(|client| client.tenant_id.clone()),
        };
        match self {
            Self::Hour => Of::Hour {
                hour: hour(entry.hour),
            },
            Self::Tenant => Of::Tenant(tenant()),
            Self::Token => Of::Token {
                tenant: tenant(),
                token: client.map(|client| client.token.clone()),
                token_id: client.map(|client| client.token_id.clone()),
            },
            Self::Model => Of::Model {
                model: entry.model.to_owned(),
            },
        }
    }
}

pub(super) async fn show(desk: Desk, asked: Asked<AnalyticsQuery>) -> Result<Analytics, Refusal> {
    let (wanted, span) = (&asked.query, asked.query.span()?);
    let analytics = desk.metrics().analytics();
    let week = analytics.week();
    let mut sums: BTreeMap<_, (Entry<'_>, analytics::Counts)> = BTreeMap::new();
    let entries = week.entries();
    for entry in entries.filter(|entry| span.holds(entry.hour) && wanted.takes(entry)) {
        let sum = sums.entry(wanted.by.key(&entry));
        let (latest, counts) = sum.or_insert_with(|| (entry, analytics::Counts::default()));
        // A later hour knows the later name.
        *latest = entry;
        *counts += entry.counts;
    }
    let mut other = analytics::Counts::default();
    let others = week.others().filter(|(hour, _)| span.holds(*hour));
    others.for_each(|(_, counts)| other += counts);
    let sums = sums.into_values().map(|(entry, counts)| Sum {
        of: wanted.by.of(&entry),
        counts: counts.into(),
    });
    let mut data: Vec<Sum> = sums.collect();
    data.sort_by(|one, two| one.of.cmp(&two.of));
    Ok(Analytics {
        count: data.len(),
        data,
        since: analytics.begun().to_rfc3339_opts(SecondsFormat::Secs, true),
        other: other.into(),
    })
}

/// A time in seconds since 1970: the beginning of a day in UTC, or a moment.
fn moment(text: &str) -> Option<i64> {
    let day = text.parse::<NaiveDate>().ok();
    let day = day.map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let moment = || DateTime::parse_from_rfc3339(text).ok();
    let moment = day.or_else(|| moment().map(|moment| moment.to_utc()));
    moment.map(|moment| moment.timestamp())
}

fn hour(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok();
    let time = time.and_then(|time| DateTime::<Utc>::from_timestamp(time, 0));
    time.unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_days_or_moments() {
        for (text, expected) in [
            ("1970-01-02", Some(86_400)),
            ("1970-01-01T01:00:00Z", Some(3_600)),
            ("1970-01-01T01:00:00+01:00", Some(0)),
            ("1970-01-01T01:00:00", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(moment(text), expected, "{text}");
        }
        assert_eq!(hour(3_600), "1970-01-01T01:00:00Z");
    }

    #[test]
    fn an_hour_is_of_a_span_where_it_begins_in_it() {
        let span = Span { from: 1, to: 7_200 };
        assert!(!span.holds(0) && span.holds(3_600) && !span.holds(7_200));
        let wanted = AnalyticsQuery {
            from: Some("x".to_owned()),
            to: Some("y".to_owned()),
            ..AnalyticsQuery::default()
        };
        let refusal = serde_json::to_value(wanted.span().unwrap_err()).unwrap();
        assert_eq!(refusal["faults"].as_array().map(Vec::len), Some(2));
    }
}
