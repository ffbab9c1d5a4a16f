//! Words to the service manager: systemd's protocol of one datagram each, by hand (ADR 14).

use std::ffi::OsString;
use std::os::unix::net::UnixDatagram;

/// The manager that started the service, if it wants to hear.
#[derive(Debug, Clone)]
pub(crate) struct Notify(Option<OsString>);

impl Notify {
    /// The one that `NOTIFY_SOCKET` names.
    pub(crate) fn of_environment() -> Self {
        Self(std::env::var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty()))
    }

    /// The service answers, by what was configured last.
    pub(crate) fn ready(&self) {
        self.say("READY=1");
    }

    /// The configuration is read again.
    pub(crate) fn reloading(&self) {
        self.say("RELOADING=1");
    }

    /// The service comes to its end.
    pub(crate) fn stopping(&self) {
        self.say("STOPPING=1");
    }

    /// Nobody waits for an answer, and one who does not listen changes nothing.
    fn say(&self, what: &str) {
        let Some(path) = &self.0 else { return };
        let Ok(socket) = UnixDatagram::unbound() else {
            return;
        };
        let _ = match abstract_name(path) {
            #[cfg(target_os = "linux")]
            Some(name) => {
                use std::os::linux::net::SocketAddrExt as _;
                std::os::unix::net::SocketAddr::from_abstract_name(name)
                    .and_then(|address| socket.send_to_addr(what.as_bytes(), &address))
            }
            _ => socket.send_to(what.as_bytes(), path),
        };
    }
}

/// The name of a socket that is not a file: it begins with `@`.
fn abstract_name(path: &OsString) -> Option<&[u8]> {
    use std::os::unix::ffi::OsStrExt as _;
    path.as_bytes().strip_prefix(b"@")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_a_datagram() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notify = Notify(Some(path.into_os_string()));
        notify.ready();
        notify.reloading();
        notify.stopping();
        for expected in ["READY=1", "RELOADING=1", "STOPPING=1"] {
            let mut heard = [0; 64];
            let length = manager.recv(&mut heard).unwrap();
            assert_eq!(&heard[..length], expected.as_bytes());
        }
        Notify(None).ready();
        Notify(Some("/no/such/socket".into())).ready();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_without_a_file_is_heard_too() {
        use std::os::linux::net::SocketAddrExt as _;
        let name = format!("lucarne-notify-{}", std::process::id());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        Notify(Some(format!("@{name}").into())).ready();
        let mut heard = [0; 64];
        let length = manager.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"READY=1");
    }
}
