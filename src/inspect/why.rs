//! Why a request was refused, step by step, and the smallest change that would have let it through.
//!
//! A request is judged in the order of the steps; the one that stopped it is known by its code, and
//! what stood in the way by the names that are kept of it. What is told of token and model is as it is
//! now: a change since then may have let it through already.

mod remedy;
mod words;

use serde_json::Value;

use words::{by_code, way};

use crate::auth::Client;
use crate::observe::{Attempt, Obstacle, Whose};
use crate::policy::{Access, Policy};

/// Why a request was refused.
#[derive(Debug, PartialEq)]
pub(crate) struct Why {
    /// What was judged, in its order.
    pub steps: Vec<Step>,
    /// What would have let it through, the smallest change first.
    pub remedies: Vec<Remedy>,
}

/// One thing that a request was judged by.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// How it went.
    pub state: State,
    /// What was judged, in words.
    pub text: String,
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The request passed.
    Passed,
    /// It ended here.
    Stopped,
    /// It was not reached.
    Unreached,
}

/// A change that would have let a request through.
#[derive(Debug, PartialEq)]
pub(crate) struct Remedy {
    /// What it does, and for whom.
    pub text: String,
    /// A command, or a line of the configuration.
    pub command: Option<String>,
    /// The same as a request of the admin API.
    pub change: Option<Change>,
}

/// A request of the admin API.
#[derive(Debug, PartialEq)]
pub(crate) struct Change {
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
pub(crate) fn why(asked: &Attempt, access: &Access) -> Why {
    let stopped = (!asked.is_ok()).then(|| stage(asked));
    let policy = asked
        .credential
        .and_then(|shown| access.policy(&shown).ok());
    let known = Case {
        asked,
        access,
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
    access: &'w Access,
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
            Stage::Database => self.rules()?,
            Stage::Message | Stage::Budget => return None,
        })
    }

    fn unreached(&self, stage: Stage) -> Option<String> {
        match stage {
            Stage::Database => self.rules(),
            _ => None,
        }
    }

    /// Which rows of the model are seen, where there are rules.
    fn rules(&self) -> Option<String> {
        let served = self.policy?.model(self.model()?)?;
        let rules = served.exposed.rules_told(served.model);
        (!rules.is_empty()).then(|| format!("rows where {}", rules.join(" and ")))
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
            Some(Obstacle::Unserved(model)) => {
                return format!(
                    "{model} is on a whitelist, and is not served to {}",
                    self.who()
                );
            }
            Some(Obstacle::Scope(scope)) => {
                return format!("the scope {scope} is not among those of {}", self.who());
            }
            Some(Obstacle::Action(action)) => {
                return format!("{action} is not allowed to {}", self.who());
            }
            Some(Obstacle::Scan { field, model }) => {
                return format!("{model}.{field} has no index, and {model} too many rows");
            }
            Some(Obstacle::Tool(tool)) => {
                return format!("{} may not call {tool}", self.who());
            }
            Some(Obstacle::Attribute(name)) => {
                return format!("{} has no attribute {name}", self.who());
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
            Some(Obstacle::Bytes { most, .. }) => {
                return format!("one record is larger than {most} bytes");
            }
            None => {}
        }
        let told = by_code(&asked.code);
        match self.rules().filter(|_| &*asked.code == "not_found") {
            Some(rules) => format!("{told}: {rules}"),
            None => told.to_owned(),
        }
    }
}
