//! The addresses to listen on.

use std::net::{Ipv4Addr, SocketAddr};

use super::fault::quoted;

use crate::advice::Advice;

/// Reads `address:port`, `localhost:port` or a port alone, which means `127.0.0.1`.
///
/// Names are not looked up, and nothing short of a written address opens the service to others.
pub(super) fn parse(text: &str) -> Result<SocketAddr, Advice> {
    let loopback = |port: &str| {
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_| digits)?;
        Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    };
    let port = match text.rsplit_once(':') {
        Some((host, port)) if host.eq_ignore_ascii_case("localhost") => port,
        _ => text,
    };
    loopback(port).or_else(|| text.parse().ok()).ok_or_else(|| {
        let help = match text.rsplit_once(':') {
            Some(("" | "*", port)) if loopback(port).is_some() => {
                format!(
                    "127.0.0.1:{port} is for this machine alone, 0.0.0.0:{port} for every network"
                )
            }
            _ => "for example 127.0.0.1:8000, [::1]:8000 or localhost:8000".to_owned(),
        };
        Advice::new(
            format!(
                "expected an IP address and a port from 0 to 65535, not {}",
                quoted(text)
            ),
            help,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses() {
        for (text, address) in [
            ("127.0.0.1:8000", "127.0.0.1:8000"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:8000", "[::1]:8000"),
            ("localhost:8000", "127.0.0.1:8000"),
            ("LOCALHOST:0", "127.0.0.1:0"),
            ("8000", "127.0.0.1:8000"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), address);
        }
    }

    #[test]
    fn refuses_what_could_mean_two_things() {
        for text in [
            "",
            ":8000",
            "*:8000",
            "localhost",
            "0.0.0.0",
            "::1",
            "::1:8000",
            "[::1]",
            "70000",
            "127.0.0.1:70000",
            "127.0.0.1:+80",
            "example.com:80",
            "http://127.0.0.1:8000",
            "127.0.0.1:",
            "127.0.0.1:8000/",
            " 8000",
            "256.0.0.1:80",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert!(parse(":8000").unwrap_err().help.contains("0.0.0.0:8000"));
    }
}
