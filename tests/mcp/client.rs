//! The official client, over each transport.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::stream::BoxStream;
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper_util::rt::TokioIo;
use rmcp::model::{
    CallToolRequestParams, ClientJsonRpcMessage, ProtocolVersion, ReadResourceRequestParams,
    ServerJsonRpcMessage,
};
use rmcp::service::RunningService;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpClientTransportConfig, StreamableHttpError,
    StreamableHttpPostResponse,
};
use rmcp::{ClientLifecycleMode, ClientServiceExt as _, RoleClient, ServiceExt as _};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Events, Socket, TOKEN, ended, pipes, sample, soon, start, stdio_command};

/// The lifecycle of both eras.
fn lifecycles() -> [ClientLifecycleMode; 2] {
    let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
    [
        ClientLifecycleMode::Initialize,
        ClientLifecycleMode::Discover { preferred_versions },
    ]
}

/// Asks what an agent would ask.
async fn explore(client: RunningService<RoleClient, ()>) {
    let tools = soon(client.list_all_tools()).await.unwrap();
    assert_eq!(tools.len(), 4);
    let call = |name: &'static str, arguments: serde_json::Value| {
        let mut call = CallToolRequestParams::new(name);
        call.arguments = arguments.as_object().cloned();
        client.call_tool(call)
    };
    let found = soon(call(
        "list_records",
        json!({ "model": "users", "limit": 2 }),
    ))
    .await
    .unwrap();
    assert_eq!(found.is_error, Some(false));
    let content = found.structured_content.unwrap();
    assert_eq!(
        (&content["count"], &content["has_more"]),
        (&json!(2), &json!(true))
    );
    let refused = soon(call("list_records", json!({ "model": "x" })))
        .await
        .unwrap();
    assert_eq!(refused.is_error, Some(true));
    assert!(soon(call("no_such_tool", json!({}))).await.is_err());
    let resources = soon(client.list_all_resources()).await.unwrap();
    assert_eq!(resources.len(), 4);
    let uri = ReadResourceRequestParams::new("lucarne://models/users/1");
    let read = soon(client.read_resource(uri)).await.unwrap();
    assert_eq!(read.contents.len(), 1);
    assert_eq!(soon(client.list_all_prompts()).await.unwrap().len(), 2);
    assert_eq!(
        soon(client.list_all_resource_templates())
            .await
            .unwrap()
            .len(),
        2
    );
    soon(client.cancel()).await.unwrap();
}

#[tokio::test]
async fn by_streamable_http() {
    let running = start(&[]).await;
    for lifecycle in lifecycles() {
        let mut config = StreamableHttpClientTransportConfig::default();
        config.uri = format!("http://{}/mcp", running.address).into();
        config.auth_header = Some(TOKEN.to_owned());
        let transport = StreamableHttpClientTransport::with_client(Http, config);
        let client = soon(().serve_with_lifecycle(transport, lifecycle)).await;
        explore(client.unwrap()).await;
    }
}

#[tokio::test]
async fn by_websocket() {
    let running = start(&[]).await;
    for lifecycle in lifecycles() {
        let (sink, stream) = Socket::open(running.address, Some("mcp"))
            .await
            .stream
            .split();
        let sink = Box::pin(sink.with(async |message: ClientJsonRpcMessage| {
            let text = serde_json::to_string(&message).unwrap();
            Ok::<_, tokio_tungstenite::tungstenite::Error>(Message::text(text))
        }));
        let stream = Box::pin(stream.filter_map(async |message| match message {
            Ok(Message::Text(text)) => serde_json::from_str::<ServerJsonRpcMessage>(&text).ok(),
            _ => None,
        }));
        let client = soon(().serve_with_lifecycle((sink, stream), lifecycle)).await;
        explore(client.unwrap()).await;
    }
}

#[tokio::test]
async fn by_standard_input_and_output() {
    let url = format!("sqlite:{}", sample().await.display());
    for lifecycle in lifecycles() {
        let mut child = stdio_command(&url, &[]).spawn().unwrap();
        let (input, output) = pipes(&mut child);
        let client = soon(().serve_with_lifecycle((output, input), lifecycle)).await;
        explore(client.unwrap()).await;
        assert!(ended(child).await.success());
    }
}

#[tokio::test]
async fn by_event_stream() {
    let running = start(&[]).await;
    let mut events = Events::open(running.address).await;
    let (answers, received) = mpsc::unbounded_channel();
    let (asked, mut asking) = mpsc::unbounded_channel::<ClientJsonRpcMessage>();
    let (address, path) = (running.address, events.path.clone());
    tokio::spawn(async move {
        while let Some(message) = asking.recv().await {
            let text = serde_json::to_string(&message).unwrap();
            let headers = [crate::support::BEARER, crate::support::JSON];
            crate::support::http(address, "POST", &path, &headers, &text).await;
        }
    });
    tokio::spawn(async move {
        while let Some((_, data)) = events.next().await {
            let message: ServerJsonRpcMessage = serde_json::from_str(&data).unwrap();
            if answers.send(message).is_err() {
                return;
            }
        }
    });
    let sink = Box::pin(futures_util::sink::unfold(asked, async |asked, message| {
        asked
            .send(message)
            .map_err(|_| std::io::Error::other("closed"))?;
        Ok::<_, std::io::Error>(asked)
    }));
    let stream = Box::pin(futures_util::stream::unfold(
        received,
        async |mut received| received.recv().await.map(|message| (message, received)),
    ));
    explore(soon(().serve((sink, stream))).await.unwrap()).await;
}

/// The client's requests by hyper, one connection each.
#[derive(Clone)]
struct Http;

type HttpError = StreamableHttpError<hyper::Error>;

impl StreamableHttpClient for Http {
    type Error = hyper::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        _session: Option<Arc<str>>,
        token: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, HttpError> {
        let uri: hyper::Uri = uri.parse().unwrap();
        let stream = TcpStream::connect(uri.authority().unwrap().as_str()).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(StreamableHttpError::Client)?;
        tokio::spawn(connection);
        let mut request = Request::post(uri.path())
            .header("host", uri.authority().unwrap().as_str())
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("authorization", format!("Bearer {}", token.unwrap()));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let body = Full::new(Bytes::from(serde_json::to_vec(&message)?));
        let response = sender
            .send_request(request.body(body).unwrap())
            .await
            .map_err(StreamableHttpError::Client)?;
        if response.status() == 202 {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        let body = response.into_body().collect().await;
        let bytes = body.map_err(StreamableHttpError::Client)?.to_bytes();
        Ok(StreamableHttpPostResponse::Json(
            serde_json::from_slice(&bytes)?,
            None,
        ))
    }

    async fn delete_session(
        &self,
        _uri: Arc<str>,
        _session: Arc<str>,
        _token: Option<String>,
        _headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), HttpError> {
        Err(StreamableHttpError::ServerDoesNotSupportDeleteSession)
    }

    async fn get_stream(
        &self,
        _uri: Arc<str>,
        _session: Option<Arc<str>>,
        _last: Option<String>,
        _token: Option<String>,
        _headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<sse_stream::Sse, SseError>>, HttpError> {
        Err(StreamableHttpError::ServerDoesNotSupportSse)
    }
}
