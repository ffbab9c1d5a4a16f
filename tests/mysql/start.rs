//! Faults of the configuration, as the operator is told.

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::support::{Database, configured, database};

use lucarne::advice::Advice;

async fn fault(url: &str) -> Option<Advice> {
    let db = database(&configured(url, "notes", &[]));
    let failure = db.ping().await.expect_err(url);
    db.start_fault(&failure)
}

#[tokio::test]
async fn a_login_that_is_refused_is_said() {
    let Some(place) = Database::new().await else {
        return;
    };
    let found = fault(&place.url_of("nobody:s3cret")).await.unwrap();
    let address = place.address();
    assert_eq!(
        found.what,
        format!("MySQL at {address} refused the password of \"nobody\"")
    );
    let (host, port) = address.rsplit_once(':').unwrap();
    assert_eq!(
        found.help,
        format!(
            "try it: mysql -h {host} -P {port} -u nobody -p {}",
            place.name
        )
    );
    assert!(!format!("{found:?}").contains("s3cret"));

    let elsewhere = place.url().replace(&place.name, "lucarne_no_such");
    let found = fault(&elsewhere.replace("mysql://", "mariadb://"))
        .await
        .unwrap();
    assert_eq!(
        found.what,
        format!("MariaDB at {address} has no database \"lucarne_no_such\"")
    );
    assert!(found.help.contains("mariadb -h") && found.help.contains("SHOW DATABASES"));
}

#[tokio::test]
async fn what_may_come_by_itself_is_waited_for() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    assert_eq!(fault(&format!("mysql://reader@{address}/shop")).await, None);
}

#[tokio::test]
async fn what_is_no_server_is_said() {
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = other.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = other.accept().await.unwrap();
            client
                .write_all(b"\x10\0\0\0SSH-2.0-OpenSSH_9.2\r\n")
                .await
                .unwrap();
        }
    });
    let found = fault(&format!("mysql://reader@{address}/shop"))
        .await
        .unwrap();
    assert!(
        found.what.contains("is no MariaDB or MySQL server"),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_server_without_tls_is_said_where_tls_is_asked_for() {
    let Some(place) = Database::new().await else {
        return;
    };
    let tls: String = place.text("SELECT @@have_ssl").await;
    if tls == "YES" {
        return;
    }
    let found = fault(&format!("{}?ssl-mode=VERIFY_IDENTITY", place.url()))
        .await
        .unwrap();
    assert!(
        found.what.ends_with("does not encrypt connections"),
        "{found:?}"
    );
}
