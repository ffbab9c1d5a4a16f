//! The mistakes of a first start, each with its remedy.

use lucarne::advice::Advice;
use lucarne::db::Db;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::{Database, configured, options};

async fn told(url: &str, variables: &[(&str, &str)]) -> Option<Advice> {
    let config = configured(url, "users", variables);
    let db = Db::new(&options(&config)).unwrap();
    let failure = db
        .tables(&config.data.models)
        .await
        .expect_err("no database");
    db.start_fault(&failure)
}

/// A server that answers a log-in with one error.
async fn refusing(code: &'static str, message: &'static str, routine: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut length = [0; 4];
            socket.read_exact(&mut length).await.unwrap();
            if length == [0, 0, 0, 8] {
                // The wish to encrypt.
                let mut rest = [0; 4];
                socket.read_exact(&mut rest).await.unwrap();
                socket.write_all(b"N").await.unwrap();
                if socket.read_exact(&mut length).await.is_err() {
                    continue;
                }
            }
            let mut rest = vec![0; u32::from_be_bytes(length) as usize - 4];
            socket.read_exact(&mut rest).await.unwrap();
            let fields = format!("SFATAL\0VFATAL\0C{code}\0M{message}\0R{routine}\0\0");
            let mut answer = b"E".to_vec();
            answer.extend((fields.len() as u32 + 4).to_be_bytes());
            answer.extend(fields.as_bytes());
            socket.write_all(&answer).await.unwrap();
        }
    });
    port
}

#[tokio::test]
async fn refused_log_ins_are_told_apart() {
    for (code, message, routine, what, help) in [
        (
            "28P01",
            "Passwort-Authentifizierung fehlgeschlagen",
            "auth_failed",
            "PostgreSQL at 127.0.0.1:PORT refused the password of \"reader\"",
            "try it: psql -h 127.0.0.1 -p PORT -U reader -d 'my shop'",
        ),
        (
            "28000",
            "kein Eintrag",
            "ClientAuthentication",
            "PostgreSQL at 127.0.0.1:PORT lets \"reader\" not in from here (pg_hba.conf has no line for it)",
            "psql -h 127.0.0.1 -p PORT -U reader -d 'my shop'",
        ),
        (
            "28000",
            "role \"reader\" does not exist",
            "InitializeSessionUserId",
            "PostgreSQL at 127.0.0.1:PORT refused to log \"reader\" in",
            "the role exists",
        ),
        (
            "3D000",
            "gibt es nicht",
            "InitPostgres",
            "PostgreSQL at 127.0.0.1:PORT has no database \"my shop\"",
            "-d postgres -l",
        ),
        (
            "42501",
            "permission denied",
            "CheckMyDatabase",
            "PostgreSQL at 127.0.0.1:PORT does not let \"reader\" into database \"my shop\"",
            "GRANT CONNECT ON DATABASE",
        ),
        (
            "08P01",
            "unsupported startup parameter: options",
            "",
            "a pooler at 127.0.0.1:PORT takes no start-up options",
            "MCP_PGBOUNCER=true",
        ),
    ] {
        let port = refusing(code, message, routine).await;
        let url = format!("postgres://reader:s3same@127.0.0.1:{port}/my%20shop");
        let fault = told(&url, &[]).await.unwrap();
        let port = port.to_string();
        assert_eq!(fault.what, what.replace("PORT", &port), "{code}");
        assert!(
            fault.help.contains(&help.replace("PORT", &port)),
            "{}",
            fault.help
        );
        assert!(!format!("{fault:?}").contains("s3same"));
    }
}

#[tokio::test]
async fn a_server_that_may_come_is_waited_for() {
    for (code, message) in [
        ("57P03", "starting up"),
        ("53300", "too many clients"),
        ("57P01", "ending"),
    ] {
        let port = refusing(code, message, "").await;
        let url = format!("postgres://reader@127.0.0.1:{port}/shop");
        assert_eq!(told(&url, &[]).await, None, "{code}");
    }
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    assert_eq!(
        told(&format!("postgres://reader@{free}/shop"), &[]).await,
        None
    );
    assert_eq!(
        told("postgres:///shop?host=/nonexistent/folder", &[]).await,
        None
    );
}

#[tokio::test]
async fn what_cannot_be_right_is_a_fault() {
    let fault = told("postgres://reader@no-such-host.invalid/shop", &[])
        .await
        .unwrap();
    assert_eq!(fault.what, "there is no host \"no-such-host.invalid\"");

    let port = refusing("28000", "", "").await;
    let fault = told(
        &format!("postgres://reader@127.0.0.1:{port}/shop?sslmode=require"),
        &[],
    )
    .await;
    assert!(
        fault
            .unwrap()
            .what
            .ends_with("does not encrypt connections")
    );

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(b"\x4a\0\0\0\x0a8.0.36").await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    });
    let fault = told(&format!("postgres://reader@{address}/shop"), &[])
        .await
        .unwrap();
    assert_eq!(
        fault.what,
        format!("what answers at {address} is no PostgreSQL server")
    );
}

#[tokio::test]
async fn a_real_server_tells_its_own_faults() {
    let Some(place) = Database::new("CREATE TABLE users (id int)").await else {
        return;
    };
    let url = place.url();
    let fault = told(&format!("{url}_not"), &[]).await.unwrap();
    assert!(
        fault
            .what
            .contains(&format!("has no database \"{}_not\"", place.name())),
        "{fault:?}"
    );
    let fault = told(&place.url_as("nobody_such"), &[]).await.unwrap();
    assert!(
        fault.what.contains("refused to log \"nobody_such\" in"),
        "{fault:?}"
    );
    if place.column("SELECT current_setting('ssl')").await == ["on"] {
        // Its certificate is of its own making.
        let fault = told(&format!("{url}?sslmode=verify-full"), &[])
            .await
            .unwrap();
        assert!(
            fault.what.contains("the encrypted connection to"),
            "{fault:?}"
        );
        let asked =
            crate::support::Asked::new(&format!("{url}?sslmode=require"), "users", &[]).await;
        assert!(asked.ask("list", "users", "{}").await.is_ok());
        let fault = told(
            &format!("{url}?sslmode=verify-full&sslrootcert=/no/such.pem"),
            &[],
        )
        .await
        .unwrap();
        assert!(fault.what.contains("certificate or key"), "{fault:?}");
    }
}
