//! TLS by the service itself: certificates made by openssl, sockets by rustls.

use std::process::Command;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ProtocolVersion, RootCertStore, crypto};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::skipped::skipped;
use crate::support::*;

/// Makes a certificate for 127.0.0.1 that trusts itself; without openssl there is none.
fn make(folder: &Folder, name: &str) -> bool {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args([
            "-keyout",
            &format!("{name}.key"),
            "-out",
            &format!("{name}.crt"),
        ])
        .current_dir(folder.root())
        .output();
    if !made.is_ok_and(|made| made.status.success()) {
        skipped("openssl", "there is no openssl");
        return false;
    }
    true
}

/// Connects, trusting one certificate.
async fn trusting(
    folder: &Folder,
    served: &Served,
    name: &str,
    versions: &[&'static tokio_rustls::rustls::SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let path = folder.path(&format!("{name}.crt"));
    roots
        .add(CertificateDer::from_pem_file(path).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(served.address).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

use tokio_rustls::rustls::ALL_VERSIONS as BOTH;
const FILES: &str = "MCP_TLS_CERT=tls.crt\nMCP_TLS_KEY=tls.key";

#[tokio::test(flavor = "multi_thread")]
async fn sockets_are_served_within_tls_and_not_beside_it() {
    let folder = Folder::new().await;
    if !make(&folder, "tls") {
        return;
    }
    folder.configure(FILES);
    let served = folder.serve().await;
    assert!(served.log().contains("listens on https://"));
    for version in BOTH {
        let stream = trusting(&folder, &served, "tls", &[version]).await.unwrap();
        let spoken = stream.get_ref().1.protocol_version();
        assert!(
            spoken == Some(ProtocolVersion::TLSv1_2) || spoken == Some(ProtocolVersion::TLSv1_3)
        );
        let url = format!("ws://{}/mcp/ws", served.address);
        let mut request = url.into_client_request().unwrap();
        request
            .headers_mut()
            .insert("x-mcp-token", TOKEN.parse().unwrap());
        let (mut socket, _) = client_async(request, stream).await.unwrap();
        use futures_util::{SinkExt as _, StreamExt as _};
        // A large answer goes through whole.
        let all = r#"{"action":"list","model":"tickets","params":{"limit":100}}"#;
        socket.send(all.into()).await.unwrap();
        let text = socket.next().await.unwrap().unwrap().into_text().unwrap();
        assert!(
            text.contains("\"status\":\"ok\"") && text.len() > 20_000,
            "{}",
            text.len()
        );
        socket.close(None).await.unwrap();
    }
    // Plain HTTP gets no answer in the clear, and disturbs nobody.
    let mut plain = TcpStream::connect(served.address).await.unwrap();
    plain
        .write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"));
    assert_eq!(get(served.admin, "/health").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_pair_is_taken_and_a_bad_one_changes_nothing() {
    let folder = Folder::new().await;
    if !(make(&folder, "tls") && make(&folder, "next")) {
        return;
    }
    let read = |name: &str| std::fs::read_to_string(folder.path(name)).unwrap();
    let (first, next) = (read("tls.crt"), [read("next.crt"), read("next.key")]);
    folder.put("first.crt", &first);
    folder.put("token", &format!("{TOKEN},another-token-of-the-tests"));
    folder.configure(&format!("{FILES}\nMCP_TOKEN_FILE=token"));
    let served = folder.serve().await;
    assert!(trusting(&folder, &served, "first", BOTH).await.is_ok());
    // The certificate comes first, and for a moment it has another's key. Nobody sends a signal.
    folder.put("tls.crt", &next[0]);
    served.says("is not the key of the certificate", 1).await;
    assert!(trusting(&folder, &served, "first", BOTH).await.is_ok());
    let begun = std::time::Instant::now();
    folder.put("tls.key", &next[1]);
    served.says("reloaded", 1).await;
    println!("a renewed pair is taken after {:?}", begun.elapsed());
    assert!(trusting(&folder, &served, "next", BOTH).await.is_ok());
    assert!(trusting(&folder, &served, "first", BOTH).await.is_err());
    folder.put("tls.crt", "nothing");
    served.says("tls.crt holds no certificate in PEM", 1).await;
    assert!(trusting(&folder, &served, "next", BOTH).await.is_ok());
    // A token is taken away all the same.
    folder.put("token", TOKEN);
    served.says("MCP_TOKEN: changed", 1).await;
    served.says("what else changed is in force", 1).await;
    assert!(trusting(&folder, &served, "next", BOTH).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_pair_is_a_fault_at_start() {
    let folder = Folder::new().await;
    if !(make(&folder, "tls") && make(&folder, "next")) {
        return;
    }
    for (lines, said) in [
        ("MCP_TLS_CERT=tls.crt", "MCP_TLS_KEY: missing"),
        ("MCP_TLS_KEY=tls.key", "MCP_TLS_CERT: missing"),
        (
            "MCP_TLS_CERT=none\nMCP_TLS_KEY=tls.key",
            "MCP_TLS_CERT: none holds no certificate",
        ),
        (
            "MCP_TLS_CERT=tls.crt\nMCP_TLS_KEY=tls.crt",
            "MCP_TLS_KEY: tls.crt holds no private key",
        ),
        (
            "MCP_TLS_CERT=tls.crt\nMCP_TLS_KEY=next.key",
            "is not the key of the certificate",
        ),
    ] {
        folder.configure(lines);
        let mut served = folder.spawn(&program());
        assert_eq!(served.ended().await.code(), Some(2), "{lines}");
        served.says(said, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_are_never_finished_keep_nobody_out() {
    let folder = Folder::new().await;
    if !make(&folder, "tls") {
        return;
    }
    folder.configure(FILES);
    let mut served = folder.serve().await;
    let mut half = Vec::new();
    for number in 0..100_u8 {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        // The beginning of a ClientHello, or nothing.
        if number % 2 == 0 {
            stream.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
        }
        half.push(stream);
    }
    assert!(trusting(&folder, &served, "tls", BOTH).await.is_ok());
    // They are dropped after the time of a handshake.
    let begun = std::time::Instant::now();
    for stream in &mut half {
        let mut byte = [0];
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut byte)).await;
        assert!(!matches!(read, Ok(Ok(1..))) && read.is_ok());
    }
    println!(
        "{} handshakes dropped within {:?}",
        half.len(),
        begun.elapsed()
    );
    served.signal("TERM");
    assert!(served.ended().await.success());
}

/// Runs a command of the program in the folder of a service, and gives its exit code and output.
fn command(folder: &Folder, served: &Served, arguments: &[&str]) -> (Option<i32>, String) {
    let ended = Command::new(&program()[0])
        .args(arguments)
        .current_dir(folder.root())
        .env_clear()
        .env("MCP_LISTEN", served.address.to_string())
        .output()
        .unwrap();
    let text = [ended.stdout, ended.stderr].concat();
    (ended.status.code(), String::from_utf8(text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_commands_trust_our_own_certificate_and_no_other() {
    const LIST: &str = r#"{"action":"list","model":"users"}"#;
    let folder = Folder::new().await;
    if !make(&folder, "tls") || !make(&folder, "other") {
        return;
    }
    // As `openssl req -x509` makes it by itself: an authority, and of another name.
    let plain = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args(["-subj", "/CN=db.example.test", "-keyout", "tls.key"])
        .args(["-out", "tls.crt"])
        .current_dir(folder.root())
        .output()
        .unwrap();
    assert!(plain.status.success());
    folder.configure(FILES);
    let served = folder.serve().await;
    let https = format!("https://{}", served.address);
    for (arguments, code, words) in [
        (vec!["health"], 0, "is alive"),
        (vec!["query", LIST], 0, "\"status\":\"ok\""),
        (vec!["config", "claude"], 0, &*https),
        (vec!["health", "--url", &https], 1, "--cacert"),
        (
            vec!["health", "--url", &https, "--cacert", "other.crt"],
            1,
            "is it the certificate of the service",
        ),
        (
            vec!["health", "--url", &https, "--cacert", "tls.key"],
            1,
            "holds no certificate",
        ),
    ] {
        let (ended, text) = command(&folder, &served, &arguments);
        assert!(text.contains(words), "{arguments:?}: {text}");
        assert_eq!(ended, Some(code), "{arguments:?}: {text}");
    }
    // The file names another certificate than the one that is shown.
    folder.configure("MCP_TLS_CERT=other.crt\nMCP_TLS_KEY=other.key");
    let (ended, text) = command(&folder, &served, &["health"]);
    assert!(ended == Some(1) && text.contains("renewed"), "{text}");
}
