//! Behind nginx: the block of docs/proxy.md, with ports and a certificate of the test's own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpSocket;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::skipped::skipped;
use crate::support::*;

struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The `location` of the documentation.
fn location() -> &'static str {
    let page = include_str!("../../docs/proxy.md");
    let (_, rest) = page.split_once("    location / {").unwrap();
    let (body, _) = rest.split_once("\n    }\n").unwrap();
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_nginx_passes_sockets_and_addresses_on() {
    if Command::new("nginx").arg("-v").output().is_err() {
        skipped("nginx", "there is no nginx");
        return;
    }
    let folder = Folder::new().await;
    let lines = "MCP_ALLOWED_HOSTS=db.example.com\nMCP_TRUSTED_PROXIES=127.0.0.1\n\
                 MCP_AUDIT_FILE=audit.jsonl";
    folder.configure(lines);
    let served = folder.serve().await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let location = location().replace("127.0.0.1:8000", &served.address.to_string());
    let root = folder.root().display();
    folder.put(
        "nginx.conf",
        &format!(
            "daemon off; master_process off; pid {root}/nginx.pid; error_log {root}/error.log;\n\
             events {{}}\nhttp {{ access_log off; client_body_temp_path {root}/a;\n\
             proxy_temp_path {root}/b; fastcgi_temp_path {root}/c; uwsgi_temp_path {root}/d;\n\
             scgi_temp_path {root}/e;\nserver {{ listen 127.0.0.1:{port};\n\
             location / {{{location}\n}} }} }}\n"
        ),
    );
    let _nginx = Nginx(
        Command::new("nginx")
            .args(["-p", &root.to_string(), "-e"])
            .arg(folder.path("error.log"))
            .arg("-c")
            .arg(folder.path("nginx.conf"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    until("nginx", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    })
    .await;
    let request = |host: &str| {
        let url = format!("ws://127.0.0.1:{port}/mcp/ws");
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("x-mcp-token", TOKEN.parse().unwrap());
        headers.insert("host", host.parse().unwrap());
        // What a client says of itself is not believed.
        headers.insert("x-forwarded-for", "203.0.113.9, 10.1.1.1".parse().unwrap());
        request
    };
    // A client of another address than the proxy's own.
    let connect = async || {
        let client = TcpSocket::new_v4().unwrap();
        client.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let proxy = format!("127.0.0.1:{port}").parse().unwrap();
        client.connect(proxy).await.unwrap()
    };
    let refused = client_async(request("evil.example"), connect().await).await;
    assert!(refused.unwrap_err().to_string().contains("403"));
    let (mut socket, _) = client_async(request("db.example.com"), connect().await)
        .await
        .unwrap();
    let mut asked = async || {
        socket.send(LIST.into()).await.unwrap();
        socket.next().await.unwrap().unwrap().into_text().unwrap()
    };
    assert!(asked().await.contains("\"status\":\"ok\""));
    served.reload().await;
    assert!(asked().await.contains("\"status\":\"ok\""));
    let audit = std::fs::read_to_string(folder.path("audit.jsonl")).unwrap();
    assert_eq!(audit.matches("\"event\":\"request\"").count(), 2);
    assert_eq!(
        audit.matches("\"address\":\"127.0.0.2\"").count(),
        4,
        "{audit}"
    );
}
