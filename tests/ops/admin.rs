//! The admin API of the built program: it follows a reload, and waits for its store.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::*;

const FIRST: &str = "first-token-of-an-operator";
const SECOND: &str = "second-token-of-an-operator";

/// The status and the whole answer to a request with a token.
async fn ask(served: &Served, path: &str, token: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(served.admin).await.unwrap();
    let head = format!(
        "GET /admin/api{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    (text.split(' ').nth(1).unwrap().parse().unwrap(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn its_token_follows_a_reload_and_without_one_it_is_gone() {
    let folder = Folder::new().await;
    folder.configure(&format!(
        "MCP_STORE=sqlite:store.db\nMCP_ADMIN_TOKEN={FIRST}"
    ));
    let served = folder.serve().await;
    served.says("the admin API is at http://", 1).await;
    assert_eq!(ask(&served, "/tenants", FIRST).await.0, 200);
    assert_eq!(ask(&served, "/tenants", SECOND).await.0, 401);
    folder.configure(&format!(
        "MCP_STORE=sqlite:store.db\nMCP_ADMIN_TOKEN={FIRST},{SECOND}"
    ));
    served.reload().await;
    for token in [FIRST, SECOND] {
        assert_eq!(ask(&served, "/tenants", token).await.0, 200);
    }
    folder.configure(&format!(
        "MCP_STORE=sqlite:store.db\nMCP_ADMIN_TOKEN={SECOND}"
    ));
    served.reload().await;
    assert_eq!(ask(&served, "/tenants", FIRST).await.0, 401);
    folder.configure("MCP_STORE=sqlite:store.db");
    served.reload().await;
    assert_eq!(ask(&served, "/tenants", SECOND).await.0, 404);
    let log = served.log();
    assert!(!log.contains(FIRST) && !log.contains(SECOND), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_still_to_come_is_told_of() {
    let folder = Folder::new().await;
    let store = "postgres://planted-user:planted-password@127.0.0.1:1/store";
    folder.configure(&format!("MCP_STORE={store}\nMCP_ADMIN_TOKEN={FIRST}"));
    let served = folder.serve().await;
    let (status, answer) = ask(&served, "/tenants", FIRST).await;
    assert_eq!(status, 503);
    assert!(
        answer.contains("store_unavailable") && answer.contains("retry-after: 5"),
        "{answer}"
    );
    assert_eq!(ask(&served, "/tenants", "wrong").await.0, 401);
    for path in ["/scopes", "/sessions", "/analytics", "/openapi.json"] {
        let (status, answer) = ask(&served, path, FIRST).await;
        assert_eq!(status, 200, "{path}: {answer}");
        assert!(!answer.contains("planted"), "{answer}");
    }
}
