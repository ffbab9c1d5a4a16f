//! A token that goes after it let somebody in, and before the connection listens to the policy.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use http_body_util::BodyExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::sync::CancellationToken;

use super::{sse, ws};
use crate::auth::{Caller, Credential, Refused, Tokens};
use crate::config;
use crate::policy::Access;
use crate::server::App;
use crate::server::gate::admission::Admitted;
use crate::server::listener::stream::Stream;

const TOKEN: &str = "a-token-of-the-test";
const PATIENCE: Duration = Duration::from_secs(20);

/// A client that was let in by a token which lets nobody in any more.
async fn gone() -> (Arc<App>, Admitted) {
    let config = config::load([("MCP_TOKEN".to_owned(), TOKEN.to_owned())]).unwrap();
    let opened = crate::app::open(&config, Arc::default()).await.unwrap();
    let service = opened.service;
    let access = service.access();
    let admitted = Admitted {
        caller: Caller::new(
            Credential::of(TOKEN),
            None,
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            "test",
        ),
        policy: service.policy(),
    };
    let app = App::new(
        &config,
        config.service.listen,
        Arc::clone(&service),
        Arc::default(),
    );
    service.replace(Access {
        tokens: Tokens::new(&[]),
        ..Access::clone(&access)
    });
    (Arc::new(app), admitted)
}

#[tokio::test]
async fn an_event_stream_ends_at_once() {
    let (app, admitted) = gone().await;
    let response = sse::opened(&app, admitted, String::new()).await;
    let body = response.ok().unwrap().into_body().collect();
    let body = timeout(PATIENCE, body).await.unwrap().unwrap().to_bytes();
    let text = std::str::from_utf8(&body).unwrap();
    assert!(text.starts_with("event: endpoint\n"), "{text}");
    assert_eq!(text.matches("event: ").count(), 1, "{text}");
}

#[tokio::test]
async fn a_socket_ends_at_once() {
    let (app, Admitted { caller, policy }) = gone().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap());
    let (client, accepted) = tokio::join!(client, listener.accept());
    let stream = Stream::accept(accepted.unwrap().0, None, app.memory.pressure());
    let stream = stream.await.unwrap();
    let socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    let mut client = WebSocketStream::from_raw_socket(client.unwrap(), Role::Client, None).await;
    let listed = app.listed(&caller, CancellationToken::new());
    let served = ws::serve(socket, &app, &caller, listed.session(), policy, None);
    let both = async { tokio::join!(served, async { client.next().await }) };
    let (end, heard) = timeout(PATIENCE, both).await.unwrap();
    assert_eq!(end, ws::End::TurnedAway(Refused::Invalid));
    let Some(Ok(Message::Close(Some(frame)))) = heard else {
        panic!("{heard:?}");
    };
    assert_eq!(u16::from(frame.code), 1008);
}
