//! What operators give: new records, and what is to be changed of one.
//!
//! In a patch an absent member changes nothing, and null takes a value away: the schemas say where
//! there is one to be taken. The texts of the members are what the page's forms say of them.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use crate::advice::Advice;
use crate::auth::Scope;
use crate::config::Faults;
use crate::store::{ClientLimits, Database, NewToken, RowRule, Tenant, Token};

/// The longest life of a token that is given in days: about a century.
const MAX_DAYS: u32 = 36_500;

/// What is to be changed of a tenant.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TenantPatch {
    /// Its name.
    #[schemars(with = "String")]
    pub name: Option<String>,
    /// What it is, for people.
    #[schemars(with = "String")]
    pub description: Option<String>,
    /// Whether its tokens let anyone in.
    #[schemars(with = "bool")]
    pub active: Option<bool>,
    /// Which rows its tokens see, in the place of all rules before.
    #[schemars(with = "Vec<String>")]
    pub rows: Option<Vec<RowRule>>,
    /// How much its tokens may ask for together.
    pub limits: LimitsPatch,
}

/// What is to be changed of limits.
#[derive(Debug, Default, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LimitsPatch {
    /// Requests per window; null for no limit here.
    #[serde(deserialize_with = "given")]
    pub rate_limit: Option<Option<u32>>,
    /// The window, in seconds.
    #[serde(deserialize_with = "given")]
    pub rate_window: Option<Option<u32>>,
    /// Rows a day, by the calendar of UTC.
    #[serde(deserialize_with = "given")]
    pub rows_per_day: Option<Option<u64>>,
}

/// What is to be changed of a database.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DatabasePatch {
    /// Its name.
    #[schemars(with = "String")]
    pub name: Option<String>,
    /// Where it is and how to log in there, in the place of the URL before. It is never given back.
    #[schemars(with = "String", title = "URL", extend("format" = "password"))]
    pub url: Option<SecretString>,
    /// Its whitelist: `name`, `schema.name` or `alias=schema.name`, with commas between.
    #[schemars(with = "String")]
    pub models: Option<String>,
    /// More sensitive fields: `field` or `model.field`, with `*`.
    #[schemars(with = "String")]
    pub hidden: Option<String>,
    /// Fields that a built-in rule hides wrongly: `model.field`.
    #[schemars(with = "String")]
    pub reveal: Option<String>,
    /// Keys between its models that it does not tell of itself: `model.field=model.field`.
    #[schemars(with = "String")]
    pub relations: Option<String>,
    /// Whether a transaction pooler stands in front of it.
    #[schemars(with = "bool")]
    pub pgbouncer: Option<bool>,
    /// Whether each transaction names its token and tenant.
    #[schemars(with = "bool")]
    pub row_security: Option<bool>,
}

/// A token to be made.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenInput {
    /// Its name, which no other token of the tenant has.
    pub name: String,
    /// What it may do; `describe` and `read` where it is not given.
    #[serde(default = "usual_scopes")]
    pub scopes: Vec<String>,
    /// When it ends: a date, or a time with its zone.
    #[serde(default)]
    pub expires_at: Option<String>,
    /// When it ends, in days from now.
    #[serde(default)]
    pub(crate) expires_in_days: Option<u32>,
    /// The models that it sees; absent for all of its tenant.
    #[serde(default)]
    pub models: Option<Vec<String>>,
    /// The tools that it may call; absent for all that its scopes allow.
    #[serde(default)]
    pub tools: Option<Vec<String>>,
    /// What is known of whoever has it, by names, for tools that ask (`caller.attr.NAME`).
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Which rows it sees of those of its tenant.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub rows: Vec<RowRule>,
    /// How much it may ask for.
    #[serde(default)]
    pub limits: ClientLimits,
}

/// What is to be changed of a token.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TokenPatch {
    /// Its name.
    #[schemars(with = "String")]
    pub name: Option<String>,
    /// Whether it lets anyone in.
    #[schemars(with = "bool")]
    pub active: Option<bool>,
    /// What it may do, in the place of all scopes before.
    #[schemars(with = "Vec<String>")]
    pub scopes: Option<Vec<String>>,
    /// When it ends; null for never.
    #[serde(deserialize_with = "given")]
    pub expires_at: Option<Option<String>>,
    /// The models that it sees; null for all of its tenant.
    #[serde(deserialize_with = "given")]
    pub models: Option<Option<Vec<String>>>,
    /// The tools that it may call; null for all that its scopes allow.
    #[serde(deserialize_with = "given")]
    pub tools: Option<Option<Vec<String>>>,
    /// What is known of whoever has it, in the place of all attributes before.
    #[schemars(with = "BTreeMap<String, String>")]
    pub attributes: Option<BTreeMap<String, String>>,
    /// Which rows it sees, in the place of all rules before.
    #[schemars(with = "Vec<String>")]
    pub rows: Option<Vec<RowRule>>,
    /// How much it may ask for.
    pub limits: LimitsPatch,
}

/// What a new token may do where nothing else is said.
pub(crate) fn usual_scopes() -> Vec<String> {
    [Scope::Describe, Scope::Read]
        .map(|scope| scope.name().to_owned())
        .into()
}

/// A member that is there, whose null is a value.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

impl TenantPatch {
    pub(super) fn apply(self, tenant: &mut Tenant) {
        set(&mut tenant.name, self.name);
        set(&mut tenant.description, self.description);
        set(&mut tenant.active, self.active);
        set(&mut tenant.rows, self.rows);
        self.limits.apply(&mut tenant.limits);
    }
}

impl LimitsPatch {
    fn apply(self, limits: &mut ClientLimits) {
        set(&mut limits.rate_limit, self.rate_limit);
        set(&mut limits.rate_window, self.rate_window);
        set(&mut limits.rows_per_day, self.rows_per_day);
    }
}

impl DatabasePatch {
    /// Who gives the URL says whether the place is free.
    pub(super) fn apply(self, database: &mut Database, guarded: bool) {
        set(&mut database.name, self.name);
        if let Some(url) = self.url {
            database.url = Ok(url);
            database.guarded = guarded;
        }
        set(&mut database.models, self.models);
        set(&mut database.hidden, self.hidden);
        set(&mut database.reveal, self.reveal);
        set(&mut database.relations, self.relations);
        set(&mut database.pgbouncer, self.pgbouncer);
        set(&mut database.row_security, self.row_security);
    }
}

impl TokenInput {
    /// The token, and what is wrong with its end.
    pub(super) fn into_new(self, now: DateTime<Utc>) -> (NewToken, Result<(), Faults>) {
        let (expires_at, judged) = split(self.end(now));
        let new = NewToken {
            name: self.name,
            expires_at,
            models: self.models,
            tools: self.tools,
            scopes: self.scopes,
            attributes: self.attributes,
            rows: self.rows,
            limits: self.limits,
        };
        (new, judged)
    }

    fn end(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Faults> {
        match (&self.expires_at, self.expires_in_days) {
            (None, None) => Ok(None),
            (Some(text), None) => end(text, now).map(Some),
            (None, Some(days)) if (1..=MAX_DAYS).contains(&days) => {
                Ok(Some(now + TimeDelta::days(days.into())))
            }
            (None, Some(_)) => {
                let message = format!("expected 1 to {MAX_DAYS} days");
                Err(faulty("expires_in_days", message, "for example 30"))
            }
            (Some(_), Some(_)) => {
                let message = "expires_at is given too; expected one of the two";
                Err(faulty("expires_in_days", message, "leave one of them out"))
            }
        }
    }
}

impl TokenPatch {
    /// What the patch does, and what is wrong with its end.
    pub(super) fn understood(
        self,
        now: DateTime<Utc>,
    ) -> (impl FnOnce(&mut Token) + Clone + Send, Result<(), Faults>) {
        let (expires_at, judged) = split(match &self.expires_at {
            None => Ok(None),
            Some(None) => Ok(Some(None)),
            Some(Some(text)) => end(text, now).map(|end| Some(Some(end))),
        });
        let edit = move |token: &mut Token| {
            set(&mut token.name, self.name);
            set(&mut token.active, self.active);
            set(&mut token.scopes, self.scopes);
            set(&mut token.expires_at, expires_at);
            set(&mut token.models, self.models);
            set(&mut token.tools, self.tools);
            set(&mut token.attributes, self.attributes);
            set(&mut token.rows, self.rows);
            self.limits.apply(&mut token.limits);
        };
        (edit, judged)
    }
}

/// A value, or none beside what is wrong with it.
fn split<T>(read: Result<Option<T>, Faults>) -> (Option<T>, Result<(), Faults>) {
    match read {
        Ok(value) => (value, Ok(())),
        Err(faults) => (None, Err(faults)),
    }
}

fn set<T>(value: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *value = given;
    }
}

fn faulty(member: &str, message: impl Into<String>, help: &str) -> Faults {
    Faults::one(Advice::about(
        member.to_owned(),
        message.into(),
        help.to_owned(),
    ))
}

/// The end of a token: the end of a day in UTC, or a moment; it must be ahead.
fn end(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, Faults> {
    const HELP: &str = "for example 2031-12-31, or 2031-12-31T18:00:00Z";
    let day = |text: &str| {
        let next = text.parse::<NaiveDate>().ok()?.succ_opt()?;
        Some(next.and_time(NaiveTime::MIN).and_utc())
    };
    let moment = |text| DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    let end = day(text).or_else(|| moment(text).ok()).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        faulty(
            "expires_at",
            format!("expected a date or a time with its zone, not {shown:?}"),
            HELP,
        )
    })?;
    if end <= now {
        return Err(faulty("expires_at", "that is past", HELP));
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_day_or_a_moment_ahead() {
        let now = "2026-01-31T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-01-31", "2026-02-01T00:00:00+00:00"),
            ("2026-12-31", "2027-01-01T00:00:00+00:00"),
            ("2026-01-31T14:30:00+02:00", "2026-01-31T12:30:00+00:00"),
        ] {
            assert_eq!(end(text, now).unwrap().to_rfc3339(), expected, "{text}");
        }
        for text in [
            "",
            "tomorrow",
            "2026-01-30",
            "2026-01-31T12:00:00Z",
            "2026-02-30",
            "2026-12-31T18:00:00",
        ] {
            assert!(end(text, now).is_err(), "{text}");
        }
    }

    #[test]
    fn null_takes_away_and_absence_changes_nothing() {
        let patch: TokenPatch = serde_json::from_str(
            r#"{"models":null,"limits":{"rate_limit":null,"rows_per_day":5}}"#,
        )
        .unwrap();
        assert_eq!(patch.models, Some(None));
        assert_eq!(patch.tools, None);
        let mut limits = ClientLimits {
            rate_limit: Some(1),
            rate_window: Some(2),
            rows_per_day: None,
        };
        patch.limits.apply(&mut limits);
        let expected = ClientLimits {
            rate_limit: None,
            rate_window: Some(2),
            rows_per_day: Some(5),
        };
        assert_eq!(limits, expected);
        for unknown in [r#"{"activ":true}"#, r#"{"limits":{"rate":1}}"#] {
            assert!(serde_json::from_str::<TokenPatch>(unknown).is_err());
        }
    }
}
