//! What was asked lately, and why it was refused.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::answer::{List, One, millis};
use super::desk::Desk;
use super::input::number;
use super::refusal::{Code, Refusal};
use super::route::Asked;
use super::series::PointView;
use crate::inspect::{self, State};
use crate::observe;
use crate::server::connection::events::{self, Events};
use crate::server::connection::sessions::Waiting;

/// Records of an answer at the most.
const MOST: usize = observe::recent::KEPT;
/// How often a stream looks for what is new.
const EVERY: Duration = Duration::from_secs(1);
/// How long a reader may take to make room.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request that was answered or refused, or a client that was not let in.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Request")]
pub(super) struct RequestView {
    /// Its number since the start of the service.
    number: u64,
    /// When it was answered.
    at: String,
    /// The name of its tenant; null for a token of the configuration, and for strangers.
    tenant: Option<String>,
    /// The name of its token.
    token: Option<String>,
    /// The id of its token.
    token_id: Option<String>,
    /// The beginning of the token's SHA-256, as in log and audit; null for strangers.
    digest: Option<String>,
    /// The client's address.
    #[schemars(with = "String")]
    address: IpAddr,
    /// `ws`, `http`, `sse`, or `admin` for a client of this API that was not let in.
    transport: &'static str,
    /// The action, or method of MCP; null where nothing was asked yet.
    action: Option<String>,
    /// The model; `unknown` for a name that is none.
    model: Option<String>,
    /// The tool that was called.
    tool: Option<String>,
    /// The readable fields that its filter names, six at the most.
    filters: Vec<String>,
    /// `ok`, or the code of the error.
    code: String,
    /// The hidden field or the model that it named and may not see, where the database has it.
    named: Option<String>,
    /// What it took, in milliseconds.
    ms: f64,
    /// Rows in its answer.
    rows: u64,
    /// Bytes of its answer.
    bytes: u64,
    /// The number of its line in the audit; null where there is none, or while it is written.
    audit: Option<u64>,
}

/// A request, and why it was refused.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RequestExplained")]
pub(super) struct ExplainedView {
    #[serde(flatten)]
    request: RequestView,
    /// What it was judged by, in order, by what is in force now.
    why: Vec<StepView>,
    /// What would let it through, the smallest change first.
    remedies: Vec<RemedyView>,
}

/// One thing that a request was judged by.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Step")]
struct StepView {
    /// `passed`, `stopped` or `unreached`.
    state: &'static str,
    /// What was judged, in words.
    text: String,
}

/// A change that would let a request through.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Remedy")]
struct RemedyView {
    /// What it does, and for whom.
    text: String,
    /// A command, or a line of the configuration.
    command: Option<String>,
    /// The same as a request of this API, to be sent with the method PATCH.
    change: Option<ChangeView>,
}

/// A request of this API.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Change")]
struct ChangeView {
    /// Its path below `/admin/api`.
    path: String,
    /// Its body.
    body: Value,
}

/// What is wanted of what was asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TrafficQuery {
    /// What has a greater number than this.
    #[serde(deserialize_with = "number")]
    after: Option<u64>,
    /// Of this token alone, by name or id.
    token: Option<String>,
    /// With this code alone; `refused` for all but `ok`.
    code: Option<String>,
}

/// What a stream begins with.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Beginning {
    /// What has a greater number than this; nothing before the stream where it is not given.
    #[serde(deserialize_with = "number")]
    after: Option<u64>,
}

/// What a stream tells each second.
#[derive(Debug, Serialize)]
struct Second {
    /// What was asked since.
    requests: Vec<RequestView>,
    /// The sums of the last seconds.
    points: Vec<PointView>,
    /// Sockets and streams that are open.
    sessions: usize,
}

impl RequestView {
    fn new(asked: &observe::Attempt) -> Self {
        let client = asked.client.as_deref();
        let named = match &asked.obstacle {
            Some(observe::Obstacle::Hidden { field, .. }) => Some(field.to_string()),
            Some(observe::Obstacle::Withheld(model) | observe::Obstacle::Unserved(model)) => {
                Some(model.to_string())
            }
            _ => None,
        };
        Self {
            number: asked.number,
            at: time(asked.at),
            tenant: client.map(|client| client.tenant.clone()),
            token: client.map(|client| client.token.clone()),
            token_id: client.map(|client| client.token_id.clone()),
            digest: asked.credential.map(|shown| shown.to_string()),
            address: asked.address,
            transport: asked.transport,
            action: asked.action.as_deref().map(str::to_owned),
            model: asked.model.as_deref().map(str::to_owned),
            tool: asked.tool.as_deref().map(str::to_owned),
            filters: asked.filters.iter().map(ToString::to_string).collect(),
            code: asked.code.to_string(),
            named,
            ms: millis(asked.took),
            rows: asked.rows,
            bytes: asked.bytes,
            audit: asked.line.get(),
        }
    }
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl TrafficQuery {
    fn takes(&self, asked: &observe::Attempt) -> bool {
        let of_token = self.token.as_ref().is_none_or(|token| {
            let client = asked.client.as_deref();
            client.is_some_and(|client| client.token == *token || client.token_id == *token)
        });
        let of_code = match self.code.as_deref() {
            None => true,
            Some("refused") => !asked.is_ok(),
            Some(code) => *asked.code == *code,
        };
        of_token && of_code
    }
}

pub(super) async fn list(
    desk: Desk,
    asked: Asked<TrafficQuery>,
) -> Result<List<RequestView>, Refusal> {
    let recent = desk.metrics().recent();
    let found = recent.after(asked.query.after.unwrap_or_default());
    let found = found.iter().filter(|request| asked.query.takes(request));
    Ok(found
        .take(MOST)
        .map(|request| RequestView::new(request))
        .collect())
}

pub(super) async fn show(desk: Desk, asked: Asked) -> Result<One<ExplainedView>, Refusal> {
    let found = asked.part.parse().ok();
    let found = found.and_then(|number| desk.metrics().recent().find(number));
    let request = found.ok_or_else(|| {
        let hint = "GET /admin/api/traffic lists those that are kept, the last 1,000";
        Refusal::not_found(format!("there is no request {:?}", asked.part), hint)
    })?;
    let why = inspect::why(&request, desk.access());
    let steps = why.steps.into_iter().map(|step| StepView {
        state: match step.state {
            State::Passed => "passed",
            State::Stopped => "stopped",
            State::Unreached => "unreached",
        },
        text: step.text,
    });
    let remedies = why.remedies.into_iter().map(|remedy| RemedyView {
        text: remedy.text,
        command: remedy.command,
        change: remedy.change.map(|change| ChangeView {
            path: change.path,
            body: change.body,
        }),
    });
    Ok(One::from(ExplainedView {
        request: RequestView::new(&request),
        why: steps.collect(),
        remedies: remedies.collect(),
    }))
}

/// Tells each second what is new, for as long as it is read and its token is valid.
pub(super) async fn follow(desk: Desk, asked: Asked<Beginning>) -> Result<Response<Body>, Refusal> {
    let place = desk.stream().ok_or_else(|| {
        Refusal::new(Code::TooManyStreams, "too many streams are open")
            .hint("close one, or ask GET /admin/api/traffic?after= now and then")
    })?;
    let (sender, response) = events::stream(&Waiting::default());
    let recent = desk.metrics().recent();
    let last = recent.after(0).last().map_or(0, |last| last.number);
    let after = asked.query.after.unwrap_or(last);
    tokio::spawn(async move {
        told(&desk, &sender, after).await;
        drop(place);
    });
    Ok(response)
}

async fn told(desk: &Desk, sender: &Events, mut after: u64) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = desk.stopping() => return,
            () = sender.closed() => return,
        }
        if !desk.is_valid() {
            return;
        }
        let recent = desk.metrics().recent();
        let new = recent.after(after);
        after = new.last().map_or(after, |last| last.number);
        // A second that runs is told again once it is over.
        let since = Utc::now().timestamp() - 2;
        let second = Second {
            requests: new.iter().map(|asked| RequestView::new(asked)).collect(),
            points: PointView::all(recent.points(since).0),
            sessions: desk.sessions().open().len(),
        };
        let quiet = second.requests.is_empty() && second.points.is_empty();
        if quiet && heard.elapsed() < events::KEEP_ALIVE {
            continue;
        }
        heard = Instant::now();
        // A struct of texts and numbers is always JSON.
        let data = serde_json::to_vec(&second).unwrap_or_default();
        let event = events::event("second", data).into();
        if timeout(PATIENCE, sender.send(event)).await != Ok(true) {
            return;
        }
    }
}
