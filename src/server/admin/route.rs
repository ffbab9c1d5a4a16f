//! A route of the admin API: what answers it, and what its types say of it.
//!
//! Both are made of the same function, so that the published description cannot say anything else
//! than what is read and written.

use std::any::TypeId;
use std::pin::pin;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, FromRequestParts as _, RawPathParams, Request};
use axum::http::{Method, Response, StatusCode};
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use tracing::info;

use super::desk::Desk;
use super::input::{self, Input};
use super::refusal::{Code, Refusal};
use crate::server::catch_panic::catch_panic;
use crate::server::{App, reply};

/// One route.
pub(super) struct Route {
    /// Its name in the description.
    pub(super) name: &'static str,
    /// Its method.
    pub(super) method: Method,
    /// Its path below `/admin/api`, with at most one part in braces.
    pub(super) path: &'static str,
    /// What it does.
    pub(super) summary: &'static str,
    /// The status of its answer.
    pub(super) status: StatusCode,
    /// Whether its answer is a stream of events.
    pub(super) streams: bool,
    /// What it takes and gives.
    pub(super) shapes: fn(&mut SchemaGenerator) -> Shapes,
    /// What answers it.
    pub(super) handler: MethodRouter<Arc<App>>,
}

/// The types of a route.
pub(super) struct Shapes {
    /// The parameters of the query, as members of an object.
    pub(super) query: Schema,
    /// The body, where there is one.
    pub(super) body: Option<Schema>,
    /// The answer.
    pub(super) answer: Schema,
}

/// What a route is asked.
pub(super) struct Asked<Q = Nothing, B = Nothing> {
    /// What stands in the place of the braces.
    pub(super) part: String,
    /// The parameters of the query.
    pub(super) query: Q,
    /// The body.
    pub(super) body: B,
}

/// No parameters, or no body.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// The routes that change nothing, though what they do is asked for by POST.
const LOOKS: [&str; 3] = ["testDatabase", "testTool", "askAsToken"];
/// The route that tells what is the same everywhere.
const DESCRIPTION: &str = "getOpenapi";

/// How a route is asked for.
pub(super) struct Way(&'static str, Method, MethodFilter, StatusCode);

/// What reads.
pub(super) fn get(name: &'static str) -> Way {
    Way(name, Method::GET, MethodFilter::GET, StatusCode::OK)
}

/// What makes something new.
pub(super) fn create(name: &'static str) -> Way {
    Way(name, Method::POST, MethodFilter::POST, StatusCode::CREATED)
}

/// What does something.
pub(super) fn act(name: &'static str) -> Way {
    Way(name, Method::POST, MethodFilter::POST, StatusCode::OK)
}

/// What changes something.
pub(super) fn patch(name: &'static str) -> Way {
    Way(name, Method::PATCH, MethodFilter::PATCH, StatusCode::OK)
}

/// What takes something away.
pub(super) fn delete(name: &'static str) -> Way {
    Way(name, Method::DELETE, MethodFilter::DELETE, StatusCode::OK)
}

impl Way {
    /// The route of a path that is answered by a task.
    pub(super) fn to<Q, B, A, F>(
        self,
        path: &'static str,
        summary: &'static str,
        task: fn(Desk, Asked<Q, B>) -> F,
    ) -> Route
    where
        Q: Input + Send + 'static,
        B: Input + Send + 'static,
        A: Serialize + JsonSchema + 'static,
        F: Future<Output = Result<A, Refusal>> + Send + 'static,
    {
        let status = self.3;
        self.by(path, summary, shapes::<Q, B, A>, move |desk, asked| {
            let answer = task(desk, asked);
            async move { Ok(reply::json(status, &answer.await?)) }
        })
    }

    /// The route of a path that is answered by a stream of events.
    pub(super) fn streaming<Q, F>(
        self,
        path: &'static str,
        summary: &'static str,
        task: fn(Desk, Asked<Q>) -> F,
    ) -> Route
    where
        Q: Input + Send + 'static,
        F: Future<Output = Result<Response<Body>, Refusal>> + Send + 'static,
    {
        let route = self.by(path, summary, shapes::<Q, Nothing, Nothing>, task);
        Route {
            streams: true,
            ..route
        }
    }

    /// The route of a path whose answer is made by a task.
    fn by<Q, B, F>(
        self,
        path: &'static str,
        summary: &'static str,
        shapes: fn(&mut SchemaGenerator) -> Shapes,
        task: impl Fn(Desk, Asked<Q, B>) -> F + Clone + Send + Sync + 'static,
    ) -> Route
    where
        Q: Input + Send + 'static,
        B: Input + Send + 'static,
        F: Future<Output = Result<Response<Body>, Refusal>> + Send + 'static,
    {
        let Self(name, method, filter, status) = self;
        let told = method.clone();
        let looks = LOOKS.contains(&name) || (method == Method::GET && name != DESCRIPTION);
        let handler = move |Extension(desk): Extension<Desk>, request: Request| async move {
            let metrics = Arc::clone(desk.metrics());
            let (address, looking) = (desk.address(), desk.clone());
            let asked = request.uri().path().to_owned();
            let answer = pin!(answer(desk, path, request, task));
            let answered = catch_panic(&metrics, answer).await;
            let (code, response) = match answered
                .unwrap_or_else(|| Err(Refusal::new(Code::Internal, "Internal server error")))
            {
                Ok(response) => ("ok".to_owned(), response),
                Err(refusal) => (refusal.code(), refusal.into_response()),
            };
            // A change has lines of its own, with what it changed.
            let response = match looks {
                true => recorded(&looking, name, &asked, &code, response).await,
                false => response,
            };
            if told != Method::GET {
                let status = response.status().as_u16();
                info!(%address, status, "admin API: {told} {path}");
            }
            response
        };
        Route {
            name,
            method,
            path,
            summary,
            status,
            shapes,
            streams: false,
            handler: on(filter, handler),
        }
    }
}

/// The answer to what only reads, once the audit knows of it.
async fn recorded(
    desk: &Desk,
    name: &str,
    asked: &str,
    code: &str,
    response: Response<Body>,
) -> Response<Body> {
    match desk.ledger().has_read(name, asked, code).await {
        Ok(()) => response,
        Err(unrecorded) => Refusal::from(unrecorded).into_response(),
    }
}

async fn answer<Q, B, F>(
    desk: Desk,
    path: &str,
    request: Request,
    task: impl Fn(Desk, Asked<Q, B>) -> F,
) -> Result<Response<Body>, Refusal>
where
    Q: Input,
    B: Input + 'static,
    F: Future<Output = Result<Response<Body>, Refusal>>,
{
    let (mut parts, body) = request.into_parts();
    let part = match path.contains('{') {
        true => {
            let found = RawPathParams::from_request_parts(&mut parts, &()).await;
            let found = found.ok().and_then(|found| {
                let mut found = found.iter();
                found.next().map(|(_, value)| value.to_owned())
            });
            found.ok_or_else(|| Refusal::fault("", "the path is no text", "encode it as UTF-8"))?
        }
        false => String::new(),
    };
    let query = input::query(parts.uri.query().unwrap_or_default())?;
    let body = match is_nothing::<B>() {
        true => input::nothing()?,
        false => input::body(&parts.headers, body).await?,
    };
    task(desk.again()?, Asked { part, query, body }).await
}

fn is_nothing<T: 'static>() -> bool {
    TypeId::of::<T>() == TypeId::of::<Nothing>()
}

fn shapes<Q: JsonSchema, B: JsonSchema + 'static, A: JsonSchema>(
    answers: &mut SchemaGenerator,
) -> Shapes {
    // What is sent stands where it is sent, for a type may look otherwise in an answer.
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    let settings = settings.with(|settings| settings.inline_subschemas = true);
    let mut inputs = settings.into_generator();
    Shapes {
        query: inputs.subschema_for::<Q>(),
        body: (!is_nothing::<B>()).then(|| inputs.subschema_for::<B>()),
        answer: answers.subschema_for::<A>(),
    }
}

/// The answer to what no route is for.
pub(super) async fn nowhere() -> Response<Body> {
    let hint = "GET /admin/api/openapi.json describes every route";
    Refusal::not_found("there is no such route", hint).into_response()
}

/// The answer to a method that a path has not.
pub(super) async fn wrong_method() -> Response<Body> {
    Refusal::new(Code::MethodNotAllowed, "Method not allowed").into_response()
}
