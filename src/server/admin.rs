//! The admin API: tenants, their databases and tokens, what is open, and what was asked.
//!
//! It is on the admin listener alone, and only where there are a store and a token of its own. Its
//! routes stand in [`table`]; every change goes through [`crate::admin`], as those of commands do.

mod analytics;
mod answer;
mod databases;
mod desk;
mod input;
mod openapi;
mod overview;
mod permits;
mod refusal;
mod route;
mod scopes;
mod series;
mod sessions;
mod table;
mod tenants;
mod tokens;
mod tools;
mod traffic;
mod trail;

pub use openapi::openapi;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Response, StatusCode};
use axum::middleware::{Next, from_fn_with_state};

use self::desk::Desk;
use self::refusal::{Code, Refusal};
use super::{App, reply};

/// Where it is.
pub(super) const PATH: &str = "/admin/api";
/// How metrics and audit name it where a client is refused.
const TRANSPORT: &str = "admin";

/// The routes below [`PATH`].
pub(super) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    let routes = table::routes().into_iter();
    routes
        .fold(Router::new(), |router, route| {
            router.route(route.path, route.handler)
        })
        .fallback(route::nowhere)
        .method_not_allowed_fallback(route::wrong_method)
        .layer(from_fn_with_state(Arc::clone(app), admitted))
}

/// Lets through who may administer; where nobody may, nothing is there.
async fn admitted(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let desk = {
        let entry = app.entry();
        if !entry.access().administration.is_open() {
            return reply::refusal(StatusCode::NOT_FOUND, "Not found", None);
        }
        let address = entry.address(peer, &parts.headers);
        match entry.administers(&parts, address) {
            Ok(administrator) => Desk::new(&app, entry.access(), address, administrator),
            Err(denied) => {
                let by = (address, TRANSPORT);
                app.denied(by, denied, &entry.shown(denied, &parts, by));
                return Refusal::from(denied).into_response();
            }
        }
    };
    // A request holds its body and its answer: few are at work at once, the others wait.
    let _turn = app.administered.acquire().await;
    if app.stop.stopping.is_cancelled() {
        return Refusal::new(Code::ShuttingDown, "Server is shutting down").into_response();
    }
    parts.extensions.insert(desk);
    next.run(Request::from_parts(parts, body)).await
}
