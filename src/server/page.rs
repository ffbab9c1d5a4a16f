//! The page: its files, as they are in `page/`, and the headers that keep it to itself.
//!
//! It holds no data. What it shows comes from the admin API and from the routes of clients, asked
//! with a token that is typed into it; there is no cookie, so no other page can ask in its name.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH,
    LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::routing::get;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::snippet::{Client, Reach};

use super::gate::admission;
use super::{App, reply};

/// How log and audit name its way.
const TRANSPORT: &str = "page";
const HTML: &str = include_str!("../../page/index.html");
/// What stands for the digest in the HTML.
const HERE: &str = "HASH";

/// A file of the page, with its content type.
struct Asset(&'static str, &'static str, &'static [u8]);

macro_rules! asset {
    ($name:literal, $kind:literal) => {
        Asset($name, $kind, include_bytes!(concat!("../../page/", $name)))
    };
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! script {
    ($name:literal) => {
        Asset($name, SCRIPT, include_bytes!(concat!("../../page/", $name)))
    };
}

/// Every file but the HTML.
static ASSETS: &[Asset] = &[
    asset!("style.css", "text/css; charset=utf-8"),
    asset!("icon.svg", "image/svg+xml"),
    script!("start.js"),
    script!("app.js"),
    script!("api.js"),
    script!("lib.js"),
    script!("parts.js"),
    script!("wire.js"),
    script!("views/ask.js"),
    script!("views/exposure.js"),
    script!("views/records.js"),
    script!("views/service.js"),
    script!("views/traffic.js"),
    script!("vendor/preact.js"),
    script!("vendor/htm.js"),
];

/// What a browser may do with the page, and nothing else.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
         connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), \
         fullscreen=(), geolocation=(), gyroscope=(), hid=(), magnetometer=(), microphone=(), \
         midi=(), payment=(), picture-in-picture=(), publickey-credentials-get=(), \
         screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()",
    ),
];

/// The blocks of `lucarne config`, which the page shows.
const CLIENTS: &str = "clients.json";

/// What is made of the files once: the digest of all names the folder that they are in.
struct Made {
    html: String,
    clients: String,
    hash: String,
}

static PAGE: LazyLock<Made> = LazyLock::new(|| {
    let clients = clients();
    let mut sum = Sha256::new();
    sum.update(HTML);
    sum.update(&clients);
    for Asset(name, _, bytes) in ASSETS {
        sum.update(name);
        sum.update(bytes);
    }
    let hash = hex::encode(&sum.finalize()[..8]);
    Made {
        html: HTML.replace(HERE, &hash),
        clients,
        hash,
    }
});

/// How each client is connected to a service at `{url}`.
fn clients() -> String {
    let reach = Reach::Http("{url}".to_owned());
    let all = Client::ALL.map(|client| {
        json!({
            "name": client.name(),
            "title": client.title(),
            "place": client.place(&reach),
            "block": client.block(&reach),
        })
    });
    json!(all).to_string()
}

/// The routes of the page.
pub(super) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/", get(async || moved("page/")))
        .route("/page", get(async || moved("page/")))
        .route("/page/", get(html))
        .route("/page/{hash}/{*file}", get(asset))
        .route_layer(from_fn_with_state(Arc::clone(app), guarded))
}

/// Lets through where the page is served.
pub(super) async fn served(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match app.entry().has_page(&parts) {
        true => next.run(Request::from_parts(parts, body)).await,
        false => reply::refusal(StatusCode::NOT_FOUND, "Not found", None),
    }
}

/// The same, by a name that is answered, and with the headers that hold for every answer.
async fn guarded(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let entry = app.entry();
    if !entry.has_page(&parts) {
        return reply::refusal(StatusCode::NOT_FOUND, "Not found", None);
    }
    let mut response = match entry.host(&parts) {
        Ok(()) => {
            drop(entry);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(denied) => {
            let by = (entry.address(peer, &parts.headers), TRANSPORT);
            admission::refused(&app, &entry, &parts, by, denied).into_response()
        }
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn moved(to: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    let headers = response.headers_mut();
    headers.insert(LOCATION, HeaderValue::from_static(to));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

async fn html(headers: HeaderMap) -> Response<Body> {
    let Made { html, hash, .. } = &*PAGE;
    let tag = format!("\"{hash}\"");
    let known = headers.get_all(IF_NONE_MATCH).into_iter();
    let mut known = known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let mut response = match known.any(|known| known.trim().trim_start_matches("W/") == tag) {
        true => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        }
        false => file("text/html; charset=utf-8", html.as_bytes()),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.extend(HeaderValue::from_str(&tag).map(|tag| (ETAG, tag)));
    response
}

async fn asset(Path((hash, name)): Path<(String, String)>) -> Response<Body> {
    let found = match &*name {
        CLIENTS => Some(("application/json", PAGE.clients.as_bytes())),
        _ => ASSETS
            .iter()
            .find(|Asset(known, ..)| *known == name)
            .map(|Asset(_, kind, bytes)| (*kind, *bytes)),
    };
    match found.filter(|_| hash == PAGE.hash) {
        Some((kind, bytes)) => {
            let mut response = file(kind, bytes);
            let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
            response.headers_mut().insert(CACHE_CONTROL, forever);
            response
        }
        None => reply::refusal(StatusCode::NOT_FOUND, "Not found", None),
    }
}

fn file(kind: &'static str, bytes: &'static [u8]) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::from_static(bytes)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
