//! A client of the admin API, which keeps every answer.

use std::collections::{BTreeMap, BTreeSet};

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::{Running, start};

pub(crate) const TOKEN: &str = "the-token-of-an-operator";

/// A request of the admin API, and its answer.
pub(crate) struct Api<'r> {
    running: &'r Running,
    /// Everything so far.
    pub(crate) exchanges: Vec<Exchange>,
}

/// A request, and what it was answered.
pub(crate) struct Exchange {
    method: String,
    path: String,
    sent: Value,
    status: u16,
    pub(crate) answer: Value,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

pub(crate) async fn send(
    address: std::net::SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", address.to_string());
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Full::new(Bytes::from(body.to_owned()));
    let response = sender
        .send_request(request.body(body).unwrap())
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    }
}

impl<'r> Api<'r> {
    pub(crate) fn new(running: &'r Running) -> Self {
        Self {
            running,
            exchanges: Vec::new(),
        }
    }

    pub(crate) async fn ask(&mut self, method: &str, path: &str, body: Value) -> Answer {
        let bearer = format!("Bearer {TOKEN}");
        let mut headers = vec![("authorization", &*bearer)];
        let text = match body.is_null() {
            true => String::new(),
            false => {
                headers.push(("content-type", "application/json"));
                body.to_string()
            }
        };
        let address = self.running.admin.unwrap();
        let answer = send(
            address,
            method,
            &format!("/admin/api{path}"),
            &headers,
            &text,
        )
        .await;
        self.exchanges.push(Exchange {
            method: method.to_owned(),
            path: path.to_owned(),
            sent: body,
            status: answer.status,
            answer: answer.body.clone(),
        });
        assert_eq!(answer.headers["cache-control"], "no-store");
        answer
    }

    /// The data of an answer that went well.
    pub(crate) async fn done(&mut self, method: &str, path: &str, body: Value) -> Value {
        let mut answer = self.ask(method, path, body).await;
        assert!(answer.status < 300, "{method} {path}: {}", answer.body);
        answer.body["data"].take()
    }

    /// Sees that all answers so far are as the description says; gives back the routes of these.
    pub(crate) async fn hold_to_description(&mut self) -> BTreeSet<String> {
        let openapi = self.ask("GET", "/openapi.json", json!(null)).await.body;
        assert_eq!(openapi["openapi"], "3.1.0");
        described(&self.exchanges, &openapi)
    }

    /// Every route that is described.
    pub(crate) async fn routes(&mut self) -> BTreeSet<String> {
        let openapi = self.ask("GET", "/openapi.json", json!(null)).await.body;
        let paths = openapi["paths"].as_object().unwrap().values();
        let operations = paths.flat_map(|path| path.as_object().unwrap().values());
        // A stream has no end to be waited for; it has a test of its own.
        let streams =
            |it: &&Value| !it["responses"]["200"]["content"]["text/event-stream"].is_null();
        let operations = operations.filter(|operation| !streams(operation));
        operations
            .map(|operation| operation["operationId"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The code of a refusal with that status.
    pub(crate) async fn refused(
        &mut self,
        method: &str,
        path: &str,
        body: Value,
        status: u16,
    ) -> String {
        let answer = self.ask(method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        assert_eq!(answer.body["status"], "error");
        answer.body["code"].as_str().unwrap().to_owned()
    }
}

pub(crate) async fn administered(more: &[(&str, &str)]) -> Running {
    let own = [
        ("MCP_ADMIN_LISTEN", "127.0.0.1:0"),
        ("MCP_ADMIN_TOKEN", TOKEN),
    ];
    start(&[more, &own[..]].concat()).await
}

/// The routes that were tried; their answers are as the description says, and so is what was sent
/// where it was taken.
fn described(exchanges: &[Exchange], openapi: &Value) -> BTreeSet<String> {
    let mut tried = BTreeSet::new();
    let paths: BTreeMap<&String, &Value> = openapi["paths"].as_object().unwrap().iter().collect();
    let check = |schema: &Value, value: &Value, what: &str| {
        assert!(schema.is_object(), "{what} is not described");
        let mut schema = schema.clone();
        schema["components"] = openapi["components"].clone();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let valid = validator.validate(value).map_err(|error| error.to_string());
        assert_eq!(valid, Ok(()), "{what}: {value}");
    };
    for exchange in exchanges {
        let Exchange {
            method,
            path,
            sent,
            status,
            answer,
        } = exchange;
        let path = format!("/admin/api{}", path.split('?').next().unwrap());
        let fits = |template: &str| {
            let (one, other) = (template.split('/'), path.split('/'));
            one.clone().count() == other.clone().count()
                && one
                    .zip(other)
                    .all(|(one, other)| one == other || one.starts_with('{'))
        };
        // What is written out goes before what stands for anything.
        let mut templates: Vec<_> = paths.keys().filter(|template| fits(template)).collect();
        templates.sort_by_key(|template| template.matches('{').count());
        let operation = templates
            .first()
            .and_then(|template| paths[**template].get(method.to_lowercase()));
        let (responses, status) = match operation {
            Some(operation) => {
                tried.insert(operation["operationId"].as_str().unwrap().to_owned());
                (&operation["responses"], *status)
            }
            // What there is no route for is refused like all else.
            None => {
                assert!(matches!(status, 404 | 405), "{method} {path}: {status}");
                (
                    &openapi["paths"]["/admin/api/tenants"]["get"]["responses"],
                    *status,
                )
            }
        };
        let response = match status {
            200..300 => &responses[status.to_string()],
            400..500 => &responses["4XX"],
            _ => &responses["5XX"],
        };
        let json = |part: &Value| part["content"]["application/json"]["schema"].clone();
        let what = format!("{method} {path} {status}");
        check(&json(response), answer, &what);
        if let Some(taken) = operation.and_then(|operation| operation.get("requestBody"))
            && status < 300
        {
            check(&json(taken), sent, &what);
        }
    }
    tried
}
