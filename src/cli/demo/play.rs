//! A little traffic for a demo: clients that ask, and ask for what they may not see.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::sleep;

use crate::cli::query::address::Service;
use crate::cli::query::client::Client;
use crate::cli::query::credential::Token;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two requests of one client: fewer than the window of a connection admits.
const PAUSE: Duration = Duration::from_millis(1_300);
/// Requests with which each client begins, without a pause.
const BURST: usize = 12;

/// What is asked, in turns; every fourth or so is refused to one client or the other.
const REQUESTS: [&str; 12] = [
    r#"{"action":"list","model":"tickets","params":{"limit":20}}"#,
    r#"{"action":"get","model":"users","params":{"id":1}}"#,
    r#"{"action":"list","model":"tickets","params":{"filters":{"status":"open"}}}"#,
    r#"{"action":"query","model":"tickets","params":{"filters":{"id":{"$gt":5}},"limit":10}}"#,
    r#"{"action":"list","model":"users","params":{"limit":50}}"#,
    r#"{"action":"describe","model":"tickets"}"#,
    r#"{"action":"list","model":"change_log","params":{"limit":5}}"#,
    r#"{"action":"get","model":"tickets","params":{"id":3}}"#,
    r#"{"action":"query","model":"users","params":{"fields":["id","password_hash"]}}"#,
    r#"{"action":"list","model":"tickets","params":{"limit":5}}"#,
    r#"{"action":"query","model":"tickets","params":{"group_by":["status"],"aggregate":{"n":{"$count":"*"}}}}"#,
    r#"{"action":"delete","model":"tickets","params":{"id":3}}"#,
];

/// Plays until it is aborted: a client for each token, and one whose token nobody knows.
pub(super) async fn begin(at: SocketAddr, tokens: [Option<String>; 2]) {
    let service = Service::listening(at, None);
    let stranger = Token::new("nobody-knows-this-token".into(), "demo");
    // Refused, and that is the point.
    let _ = Client::open(&service, Some(&stranger), PATIENCE).await;
    let clients = tokens.into_iter().flatten();
    let clients = clients.enumerate().map(|(number, token)| {
        let token = Token::new(token.into(), "demo");
        play(&service, token, number * 5)
    });
    futures_util::future::join_all(clients).await;
}

/// Asks in turns by one token, from one of the requests on.
async fn play(service: &Service, token: Token, from: usize) {
    let mut client = None;
    for (number, message) in REQUESTS.iter().cycle().skip(from).enumerate() {
        if client.is_none() {
            client = Client::open(service, Some(&token), PATIENCE).await.ok();
        }
        // A token that was made now is known in a second, and one may be revoked by hand.
        let asked = match &mut client {
            Some(open) => open.ask(message).await.is_ok(),
            None => false,
        };
        if !asked {
            client = None;
        }
        if number >= BURST || !asked {
            sleep(PAUSE).await;
        }
    }
}
