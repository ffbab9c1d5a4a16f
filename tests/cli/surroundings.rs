//! What the environment and the files of the operator are read for, and for whom they are not.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

use crate::support::{Run, Service};

/// What the operator's surroundings hold for other tools; some of it would be sent, some is a file
/// that would be read.
const OWN: [(&str, &str); 6] = [
    ("PGPASSWORD", "planted-by-variable"),
    ("PGUSER", "planted-user"),
    ("PGDATABASE", "planted-database"),
    ("PGAPPNAME", "planted-name"),
    ("PGHOST", "planted-host"),
    ("PGSSLMODE", "disable"),
];

/// A PostgreSQL server that wants passwords in clear text, and what it was sent.
fn server() -> (Service, Arc<Mutex<String>>) {
    let heard: Arc<Mutex<String>> = Arc::default();
    let notes = Arc::clone(&heard);
    let service = Service::new(move |stream| {
        // Whoever hangs up has said what it had to say.
        let _ = listen(stream, &notes);
    });
    (service, heard)
}

fn listen(mut stream: TcpStream, heard: &Mutex<String>) -> std::io::Result<()> {
    let note = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).replace('\0', " ");
        heard.lock().unwrap().push_str(&text);
    };
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut message = vec![0; u32::from_be_bytes(length) as usize - 4];
        stream.read_exact(&mut message)?;
        // Whether it may be encrypted.
        if message == 80_877_103_u32.to_be_bytes() {
            stream.write_all(b"N")?;
            continue;
        }
        note(&message);
        stream.write_all(b"R\0\0\0\x08\0\0\0\x03")?;
        let mut password = [0; 200];
        let count = stream.read(&mut password)?;
        note(&password[..count]);
        return Ok(());
    }
}

/// A run with surroundings that hold secrets.
fn surrounded() -> Run {
    let run = OWN
        .iter()
        .fold(Run::new(), |run, (name, value)| run.set(name, value))
        .file(".pgpass", "*:*:*:*:planted-by-file\n");
    let path = run.folder.path().join(".pgpass");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    run
}

#[test]
fn a_tenants_database_is_sent_what_its_url_says_and_nothing_else() {
    let (server, heard) = server();
    let run = surrounded().with_store();
    for (url, sent) in [
        (
            format!("postgres://whoever@{}/x", server.address),
            "user whoever",
        ),
        (
            format!("postgres://whoever:of-the-url@{}", server.address),
            "of-the-url",
        ),
    ] {
        let name = if sent == "of-the-url" { "b" } else { "a" };
        let add = ["database", "add", name, "--tenant", "acme", "--models", "t"];
        let ended = run.lucarne(&[&add[..], &[&url]].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let ended = run.lucarne(&["database", "test", name]);
        assert_ne!(ended.code, Some(0), "{}", ended.out);
        let heard = std::mem::take(&mut *heard.lock().unwrap());
        assert!(heard.contains(sent), "{heard}");
        assert!(!heard.contains("planted"), "{heard}");
    }
    let add = ["database", "add", "c", "--tenant", "acme", "--models", "t"];
    let url = format!("postgres://{}/x", server.address);
    let ended = run.lucarne(&[&add[..], &[&url]].concat());
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(ended.err.contains("names no user"), "{}", ended.err);
}

#[test]
fn what_cannot_be_kept_back_keeps_tenants_databases_away() {
    let (server, heard) = server();
    for name in ["PGOPTIONS", "PGSSLCERT", "PGSSLKEY", "PGSSLROOTCERT"] {
        let run = Run::new().with_store();
        let add = ["database", "add", "a", "--tenant", "acme", "--models", "t"];
        let url = format!("postgres://whoever@{}/x", server.address);
        let ended = run.lucarne(&[&add[..], &[&url]].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        heard.lock().unwrap().clear();
        let run = run.set(name, "planted");
        let ended = run.lucarne(&["database", "test", "a"]);
        assert_ne!(ended.code, Some(0), "{}", ended.out);
        let told = format!("{}{}", ended.out, ended.err);
        assert!(told.contains(&format!("unset {name}")), "{told}");
        assert!(!told.contains("planted"), "{told}");
        assert_eq!(*heard.lock().unwrap(), "");
    }
}

#[test]
fn the_operators_own_url_may_leave_the_password_to_the_environment_or_a_file() {
    let (server, heard) = server();
    let check = |run: Run| {
        let url = format!("postgres://reader@{}/shop", server.address);
        let run = run
            .set("MCP_ENABLED", "true")
            .set("MCP_TOKEN", crate::support::TOKEN);
        run.set("DATABASE_URL", &url).lucarne(&["check"]);
        std::mem::take(&mut *heard.lock().unwrap())
    };
    let sent = check(surrounded());
    assert!(sent.contains("planted-by-variable"), "{sent}");
    let sent = check(
        surrounded()
            .set("PGPASSWORD", "")
            .set("PGPASSWORD", "of-this-run"),
    );
    assert!(sent.contains("of-this-run"), "{sent}");
    let run = Run::new().file(".pgpass", "*:*:*:reader:planted-by-file\n");
    let path = run.folder.path().join(".pgpass");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let sent = check(run);
    assert!(sent.contains("planted-by-file"), "{sent}");
}

#[test]
fn a_folder_does_not_say_where_a_token_goes_that_it_does_not_hold() {
    // Nobody answers at such an address, and no name server is asked for it.
    let elsewhere = "MCP_LISTEN=192.0.2.1:9\n";
    let secret = "a-token-of-somebody-who-works-here";
    let folder = |more: &str| {
        Run::new()
            .file(".env", &format!("{elsewhere}{more}"))
            .file("key", &format!("{secret}\n"))
    };
    let asked = |run: &Run, more: &[&str]| {
        run.lucarne(&[&["query", "list", "users", "--timeout", "1"], more].concat())
    };
    for (run, more) in [
        (folder("").set("MCP_TOKEN", secret), &[][..]),
        (folder("").set("MCP_TOKEN_FILE", "key"), &[]),
        // It may name any file of the user's.
        (folder("MCP_TOKEN_FILE=key\n"), &[]),
        (folder(""), &["--token", secret]),
    ] {
        let ended = asked(&run, more);
        assert_eq!(ended.code, Some(2), "{}", ended.err);
        assert!(
            ended
                .err
                .contains("is not sent to 192.0.2.1:9, which .env of this folder names"),
            "{}",
            ended.err
        );
        assert!(!ended.err.contains(secret), "{}", ended.err);
    }
    for (run, more) in [
        (folder("MCP_TOKEN=the-token-of-this-folder\n"), &[][..]),
        (
            folder("").set("MCP_TOKEN", secret),
            &["--url", "ws://192.0.2.1:9"],
        ),
        (
            folder("")
                .set("MCP_TOKEN", secret)
                .set("MCP_LISTEN", "192.0.2.1:9"),
            &[],
        ),
    ] {
        let ended = asked(&run, more);
        assert!(!ended.err.contains("is not sent"), "{}", ended.err);
    }
    // A service on this machine is asked, whoever names its port.
    let here = Service::answering(crate::support::ROWS);
    let run = Run::new().file(".env", &format!("MCP_LISTEN={}\n", here.address));
    let ended = asked(&run.set("MCP_TOKEN", secret), &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(here.seen().contains(&format!("token {secret}")));
}
