//! What a server cannot be used for at start, whichever it is.

use std::io::{Error, ErrorKind};

/// What a failure of the network, or of a file for TLS, means; `files` names the parameters of
/// these. `None` where the server may come by itself.
pub(super) fn of_network(error: &Error, address: &str, files: &str) -> Option<(String, String)> {
    match error.kind() {
        // A local socket appears with its server; else it is a file for TLS.
        ErrorKind::NotFound if !address.contains('/') => Some((
            "a certificate or key that DATABASE_URL names cannot be read".to_owned(),
            format!("check {files}; a relative path starts at the folder you run in"),
        )),
        _ if is_unknown_host(error) => {
            let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
            Some((
                format!("there is no host {host:?}"),
                format!("check its name: getent hosts {host}"),
            ))
        }
        _ => None,
    }
}

/// Whether the name will hardly be known a moment later.
fn is_unknown_host(error: &Error) -> bool {
    let detail = error.to_string();
    detail.starts_with("failed to lookup address") && !detail.contains("Temporary failure")
}

/// A word of a command line, quoted where a shell would change it.
pub(super) fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "._-/:".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
