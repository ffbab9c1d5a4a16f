//! Why a request was refused, step by step, and the smallest change that would have let it through.
//!
//! A request is judged in the order of the steps; the one that stopped it is known by its code, and
//! what stood in the way by the names that are kept of it. What is told of token and model is as it is
//! now: a change since then may have let it through already.

mod words;

use serde_json::{Value, json};

use words::{by_code, by_code_remedy, way, word};

use crate::auth::Client;
use crate::observe::{Attempt, Obstacle, Whose};
use crate::policy::{Access, Lack, Policy};
use crate::protocol::Action;

/// Why a request was refused.
#[derive(Debug, PartialEq)]
pub struct Why {
    /// What was judged, in its order.
    pub steps: Vec<Step>,
    /// What would have let it through, the smallest change first.
    pub remedies: Vec<Remedy>,
}

/// One thing that a request was judged by.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// How it went.
    pub state: State,
    /// What was judged, in words.
    pub text: String,
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The request passed.
    Passed,
    /// It ended here.
    Stopped,
    /// It was not reached.
    Unreached,
}

/// A change that would have let a request through.
#[derive(Debug, PartialEq)]
pub struct Remedy {
    /// What it does, and for whom.
    pub text: String,
    /// A command, or a line of the configuration.
    pub command: Option<String>,
    /// The same as a request of the admin API.
    pub change: Option<Change>,
}

/// A request of the admin API.
#[derive(Debug, PartialEq)]
pub struct Change {
    /// Its path below `/admin/api`; the method is PATCH.
    pub path: String,
    /// Its body.
    pub body: Value,
}

/// What is judged, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Place,
    Token,
    Window,
    Message,
    Model,
    Action,
    Parameters,
    Budget,
    Database,
}

/// Explains a request by what is in force now; one that was answered has nothing to explain.
pub fn why(asked: &Attempt, access: &Access) -> Why {
    let stopped = (!asked.is_ok()).then(|| stage(asked));
    let policy = asked
        .credential
        .and_then(|shown| access.policy(&shown).ok());
    let known = Case {
        asked,
        policy: policy.as_deref(),
    };
    let stages = [
        Stage::Place,
        Stage::Token,
        Stage::Window,
        Stage::Message,
        Stage::Model,
        Stage::Action,
        Stage::Parameters,
        Stage::Budget,
        Stage::Database,
    ];
    let mut steps = Vec::new();
    for stage in stages {
        let state = match stopped {
            Some(stopped) if stage == stopped => State::Stopped,
            Some(stopped) if stage > stopped => State::Unreached,
            _ => State::Passed,
        };
        let text = match state {
            State::Passed => known.passed(stage),
            State::Stopped => Some(known.stopped()),
            State::Unreached => known.unreached(stage),
        };
        steps.extend(text.map(|text| Step { state, text }));
    }
    Why {
        steps,
        remedies: match stopped {
            Some(_) => known.remedies(),
            None => Vec::new(),
        },
    }
}

/// Where a request ended, by its code.
fn stage(asked: &Attempt) -> Stage {
    match &*asked.code {
        "host" | "origin" | "full" | "address_full" | "tenant_full" => Stage::Place,
        "missing" | "invalid" | "revoked" | "rotated" | "expired" | "tenant_inactive"
        | "store_away" | "too_many" => Stage::Token,
        "rate_limited" => Stage::Window,
        "invalid_json" | "invalid_request" => Stage::Message,
        "model_not_allowed" => Stage::Model,
        "read_only" | "unsupported_action" => Stage::Action,
        "not_permitted" => match asked.obstacle {
            Some(Obstacle::Action(_)) => Stage::Action,
            _ => Stage::Parameters,
        },
        "budget_spent" => Stage::Budget,
        "missing_parameter" | "invalid_parameter" | "invalid_filter" | "invalid_value" => {
            Stage::Parameters
        }
        _ => Stage::Database,
    }
}

/// A request, and what is known of who asked.
struct Case<'w> {
    asked: &'w Attempt,
    policy: Option<&'w Policy>,
}

impl Case<'_> {
    fn model(&self) -> Option<&str> {
        self.asked
            .model
            .as_deref()
            .filter(|name| *name != "unknown")
    }

    fn client(&self) -> Option<&Client> {
        self.asked.client.as_deref()
    }

    /// Who asked, in words.
    fn who(&self) -> String {
        match self.client() {
            Some(client) => format!("the token {} of {}", client.token, client.tenant),
            None => "the token of MCP_TOKEN".to_owned(),
        }
    }

    fn passed(&self, stage: Stage) -> Option<String> {
        let Attempt {
            address, transport, ..
        } = self.asked;
        Some(match stage {
            Stage::Place => format!("it came from {address}, by {}", way(transport)),
            Stage::Token => {
                let grant = self.policy.and_then(|policy| policy.grant.as_ref());
                let end = grant.and_then(|grant| grant.expires_at);
                let end = end.map(|end| format!(", and ends on {}", end.format("%Y-%m-%d")));
                format!("{} is known{}", self.who(), end.unwrap_or_default())
            }
            Stage::Window => "it was within its windows".to_owned(),
            Stage::Model => format!("{} is on the whitelist", self.model()?),
            Stage::Action => format!("{} is allowed to it", self.asked.action.as_deref()?),
            Stage::Parameters => "its parameters fit".to_owned(),
            Stage::Message | Stage::Budget | Stage::Database => return None,
        })
    }

    fn unreached(&self, stage: Stage) -> Option<String> {
        match stage {
            Stage::Database => {
                let (policy, model) = (self.policy?, self.model()?);
                let exposed = policy.exposed.iter().find(|exposed| exposed.has(model));
                let rules = exposed?.rules_of(model);
                (!rules.is_empty()).then(|| format!("rows where {}", rules.join(" and ")))
            }
            _ => None,
        }
    }

    /// What stopped it, in words.
    fn stopped(&self) -> String {
        let asked = self.asked;
        let model = self.model().unwrap_or("the model");
        let field = |field: &str| format!("{model}.{field}");
        match &asked.obstacle {
            Some(Obstacle::Hidden { field: name, rule }) => {
                return format!("{} is hidden by {rule}", field(name));
            }
            Some(Obstacle::UnknownField) => {
                return format!("it names a field that {model} does not have");
            }
            Some(Obstacle::Withheld(model)) => {
                return format!("{model} is not among the models of {}", self.who());
            }
            Some(Obstacle::Scope(scope)) => {
                return format!("the scope {scope} is not among those of {}", self.who());
            }
            Some(Obstacle::Action(action)) => {
                return format!("{action} is not allowed to {}", self.who());
            }
            Some(Obstacle::Scan(name)) => {
                return format!("{} has no index, and {model} too many rows", field(name));
            }
            Some(Obstacle::Window(limit, seconds, whose)) => {
                let whose = match whose {
                    Whose::Connection => "each connection",
                    Whose::EachToken => "each token",
                    Whose::Token => "this token",
                    Whose::Tenant => "all tokens of its tenant",
                };
                return format!("{limit} requests in {seconds} s are what {whose} may ask");
            }
            Some(Obstacle::Budget(rows)) => {
                return format!("the {rows} rows of its day are read");
            }
            Some(Obstacle::Timeout(seconds)) => {
                return format!("the statement took longer than {seconds} s");
            }
            Some(Obstacle::Bytes(bytes)) => {
                return format!("one record is larger than {bytes} bytes");
            }
            None => {}
        }
        by_code(&asked.code).to_owned()
    }

    fn remedies(&self) -> Vec<Remedy> {
        let first = match &self.asked.obstacle {
            Some(obstacle) => self.remedy(obstacle),
            None => self.remedy_by_code(),
        };
        first.into_iter().collect()
    }

    fn remedy(&self, obstacle: &Obstacle) -> Option<Remedy> {
        Some(match obstacle {
            Obstacle::Hidden { field, rule } => return self.reveal(field, rule),
            Obstacle::UnknownField => {
                told("ask describe for the fields that the model has; nothing here has to change")
            }
            Obstacle::Withheld(model) => {
                let mut models = self.names();
                models.push(model.to_string());
                self.token("models", &models, &format!("lets this token see {model}"))?
            }
            Obstacle::Scope(scope) => {
                let scopes = self.policy?.may.scopes().names();
                let scopes = scopes.into_iter().map(str::to_owned);
                let scopes: Vec<String> = scopes.chain([(*scope).to_owned()]).collect();
                self.token(
                    "scopes",
                    &scopes,
                    &format!("gives this token the scope {scope}"),
                )?
            }
            Obstacle::Action(action) => return self.allow(action),
            Obstacle::Scan(_) => told(
                "filter by an indexed field as well; an index on this one, or a higher \
                 MCP_SCAN_LIMIT, lets it through",
            ),
            Obstacle::Window(limit, seconds, whose) => self.widen(*limit, *seconds, *whose),
            Obstacle::Budget(rows) => self.limits(
                "rows_per_day",
                rows.saturating_mul(2),
                "doubles the rows that it may read in a day",
            )?,
            Obstacle::Timeout(seconds) => line(
                "asks the database for longer; an index may be the better remedy",
                format!("MCP_QUERY_TIMEOUT={}", seconds.saturating_mul(2)),
            ),
            Obstacle::Bytes(bytes) => line(
                "lets larger records through; query with fields leaves large ones out",
                format!("MCP_MAX_RESPONSE_BYTES={}", bytes.saturating_mul(2)),
            ),
        })
    }

    fn names(&self) -> Vec<String> {
        let names = self.policy.map(Policy::names).unwrap_or_default();
        names.into_iter().map(str::to_owned).collect()
    }

    /// Shows a field that a built-in name hides; what the operator hid is taken out of a list.
    fn reveal(&self, field: &str, rule: &str) -> Option<Remedy> {
        let name = format!("{}.{field}", self.model()?);
        let entry = rule.strip_prefix("MCP_HIDDEN_FIELDS: ");
        let Some(client) = self.client() else {
            return Some(match entry {
                Some(entry) => told(&format!(
                    "take {entry} out of MCP_HIDDEN_FIELDS, and reload; every token would see it"
                )),
                None => line(
                    "shows the field to everybody who sees the model: right where it is no secret, \
                     whatever its name; add it to what MCP_REVEAL_FIELDS names, and reload",
                    format!("MCP_REVEAL_FIELDS={name}"),
                ),
            });
        };
        let policy = self.policy?;
        let model = self.model()?;
        let record = policy.exposed.iter().find(|exposed| exposed.has(model));
        let record = record.and_then(|exposed| exposed.record())?;
        let list = |list: &str| -> Vec<String> {
            let entries = list.split(',').map(str::trim).filter(|it| !it.is_empty());
            entries.map(str::to_owned).collect()
        };
        let (member, entries) = match entry {
            Some(entry) => {
                let mut entries = list(&record.hidden);
                entries.retain(|other| other != entry);
                ("hidden", entries)
            }
            None => {
                let mut entries = list(&record.reveal);
                entries.push(name);
                ("reveal", entries)
            }
        };
        let (tenant, database) = (&client.tenant, &record.name);
        let entries = entries.join(",");
        Some(Remedy {
            text: format!(
                "shows the field to every token of {tenant} that sees the model: right where it \
                 is no secret, whatever its name"
            ),
            command: Some(format!(
                "lucarne database update {} --tenant {} --{member} {}",
                word(database),
                word(tenant),
                word(&entries)
            )),
            change: Some(Change {
                path: format!("/databases/{}", record.id),
                body: json!({ (member): entries }),
            }),
        })
    }

    /// Lets a token call an action: by its scope, or by its tools.
    fn allow(&self, action: &str) -> Option<Remedy> {
        let policy = self.policy?;
        let wanted = Action::parse(action)?;
        let scopes = policy.may.scopes();
        if let Err(Lack::Scope(scope)) = policy.may.judge(wanted) {
            let scopes = scopes.names().into_iter().map(str::to_owned);
            let scopes: Vec<String> = scopes.chain([scope.name().to_owned()]).collect();
            return self.token(
                "scopes",
                &scopes,
                &format!("gives this token the scope {scope}"),
            );
        }
        let allowed = Action::ALL
            .into_iter()
            .filter(|one| *one != Action::Call && policy.may.allows(*one));
        let tools = allowed.chain([wanted]).map(|one| one.tool().to_owned());
        let tools: Vec<String> = tools.collect();
        self.token("tools", &tools, &format!("lets this token call {action}"))
    }

    /// A change of one list of the token that asked.
    fn token(&self, member: &str, list: &[String], text: &str) -> Option<Remedy> {
        let client = self.client()?;
        Some(Remedy {
            text: text.to_owned(),
            command: Some(format!(
                "lucarne token update {} --tenant {} --{member} {}",
                word(&client.token),
                word(&client.tenant),
                word(&list.join(","))
            )),
            change: Some(Change {
                path: format!("/tokens/{}", client.token_id),
                body: json!({ (member): list }),
            }),
        })
    }

    /// A limit of the token that asked.
    fn limits(&self, member: &str, value: u64, text: &str) -> Option<Remedy> {
        let client = self.client()?;
        Some(Remedy {
            text: text.to_owned(),
            command: Some(format!(
                "lucarne token update {} --tenant {} --{} {value}",
                word(&client.token),
                word(&client.tenant),
                member.replace('_', "-")
            )),
            change: Some(Change {
                path: format!("/tokens/{}", client.token_id),
                body: json!({ "limits": { (member): value } }),
            }),
        })
    }

    /// A wider window, in the place where the narrow one stands.
    fn widen(&self, limit: u32, seconds: u64, whose: Whose) -> Remedy {
        let twice = u64::from(limit).saturating_mul(2);
        let text = format!("lets {twice} requests in {seconds} s through");
        match (whose, self.client()) {
            (Whose::Connection | Whose::Token, Some(_)) => {
                let limits = self.limits("rate_limit", twice, &text);
                limits.unwrap_or_else(|| told(&text))
            }
            (Whose::Tenant, Some(client)) => Remedy {
                text,
                command: Some(format!(
                    "lucarne tenant update {} --rate-limit {twice}",
                    word(&client.tenant)
                )),
                change: Some(Change {
                    path: format!("/tenants/{}", client.tenant_id),
                    body: json!({ "limits": { "rate_limit": twice } }),
                }),
            },
            (Whose::EachToken, _) => line(&text, format!("MCP_TOKEN_RATE_LIMIT={twice}")),
            _ => line(&text, format!("MCP_RATE_LIMIT={twice}")),
        }
    }

    fn remedy_by_code(&self) -> Option<Remedy> {
        let client = self.client();
        let token = |flag: &str, member: Value, text: &str| {
            let client = client?;
            Some(Remedy {
                text: text.to_owned(),
                command: Some(format!(
                    "lucarne token update {} --tenant {} {flag}",
                    word(&client.token),
                    word(&client.tenant)
                )),
                change: Some(Change {
                    path: format!("/tokens/{}", client.token_id),
                    body: member,
                }),
            })
        };
        match &*self.asked.code {
            "revoked" => token(
                "--active true",
                json!({ "active": true }),
                "lets the token in again; whoever revoked it had a reason",
            ),
            "expired" => token(
                "--expires never",
                json!({ "expires_at": null }),
                "takes its end away; a date in its place is safer",
            ),
            "model_not_allowed" => Some(match client {
                Some(_) => told(
                    "no database of the tenant lists such a name, and a name that nothing lists is \
                     not kept: ask the client, then add it to the models of a database",
                ),
                None => line(
                    "a name that nothing lists is not kept: ask the client, then put it in the \
                     place of NAME, and reload",
                    format!("MCP_ALLOWED_MODELS={},NAME", self.names().join(",")),
                ),
            }),
            code => by_code_remedy(code).map(told),
        }
    }
}

/// A remedy in words alone.
fn told(text: &str) -> Remedy {
    Remedy {
        text: text.to_owned(),
        command: None,
        change: None,
    }
}

/// A remedy that is a line of the configuration.
fn line(text: &str, command: String) -> Remedy {
    Remedy {
        command: Some(command),
        ..told(text)
    }
}
