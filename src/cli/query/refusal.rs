//! What a service that lets nobody in says, and what to do about it.

use hyper::StatusCode;
use hyper::header::{LOCATION, RETRY_AFTER};
use serde::Deserialize;

use super::address::Service;
use super::credential::{self, Token};
use super::http::Refusal;
use crate::cli::failure::Failure;

/// The JSON body of a refusal, as far as it can be read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    error: Option<String>,
    hint: Option<String>,
}

/// Turns a refusal of the handshake into words.
pub(crate) fn told(service: &Service, token: Option<&Token>, refusal: &Refusal) -> Failure {
    let body: Body = serde_json::from_slice(&refusal.body).unwrap_or_default();
    let said = body.error.as_deref().unwrap_or("");
    let header = |name| {
        refusal
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let wait = match header(RETRY_AFTER).map(str::parse::<u32>) {
        Some(Ok(1)) => "try again in 1 second".to_owned(),
        Some(Ok(seconds)) => format!("try again in {seconds} seconds"),
        _ => "try again later".to_owned(),
    };
    let failure = |cause: &str, help: &str| {
        let help = body.hint.as_deref().unwrap_or(help);
        if said.is_empty() {
            Failure::unable(cause)
        } else {
            Failure::unable(format!("{cause}: {said}"))
        }
        .help(help)
    };
    match refusal.status {
        StatusCode::UNAUTHORIZED => credential::refused(token),
        StatusCode::FORBIDDEN if said.starts_with("Host") => failure(
            "the service does not answer to this host name",
            &format!(
                "name {} in MCP_ALLOWED_HOSTS of the service",
                service.authority()
            ),
        ),
        StatusCode::FORBIDDEN => failure(
            "the service let nobody in",
            "name the origin in MCP_ALLOWED_ORIGINS of the service, or look at the proxy in front of it",
        ),
        StatusCode::NOT_FOUND => failure(
            &format!("{service} has no {}", path_of(service)),
            "give the address of the service with --url",
        ),
        StatusCode::UPGRADE_REQUIRED => failure(
            "the request to open a WebSocket did not arrive as one",
            "a proxy in between must pass on the headers Upgrade and Connection",
        ),
        StatusCode::TOO_MANY_REQUESTS => failure(
            "the service takes no more attempts from this address for now",
            &wait,
        ),
        StatusCode::SERVICE_UNAVAILABLE if said.contains("disabled") => failure(
            "the service is switched off",
            "set MCP_ENABLED=true for the service",
        ),
        StatusCode::SERVICE_UNAVAILABLE => failure("the service takes no connection now", &wait),
        status if status.is_redirection() => failure(
            &format!(
                "{service} sends elsewhere, to {}",
                header(LOCATION).unwrap_or("a place it does not name")
            ),
            "give that address with --url",
        ),
        StatusCode::OK => failure(
            &format!("what answers at {service} is no WebSocket service"),
            "check --url or MCP_LISTEN",
        ),
        status => failure(
            &format!("{service} answered with HTTP status {}", status.as_u16()),
            "is that a Lucarne service? Check --url or MCP_LISTEN",
        ),
    }
}

/// The path asked for, without a query that may hold a token.
fn path_of(service: &Service) -> String {
    let path = service.socket_path();
    path.split('?').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderMap, HeaderValue};

    use super::*;

    fn said(
        status: u16,
        body: &str,
        headers: &[(hyper::header::HeaderName, &'static str)],
    ) -> String {
        let service = Service::from_url("ws://127.0.0.1:8000/mcp/ws?token=s3cr3t").unwrap();
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect();
        let refusal = Refusal {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: body.to_owned().into(),
        };
        told(&service, None, &refusal).to_string()
    }

    #[test]
    fn each_refusal_has_its_cause_and_its_remedy() {
        for (status, body, words) in [
            (
                401,
                r#"{"error":"Missing authentication token"}"#,
                "set MCP_TOKEN",
            ),
            (403, r#"{"error":"Host not allowed"}"#, "MCP_ALLOWED_HOSTS"),
            (
                403,
                r#"{"error":"Origin not allowed"}"#,
                "MCP_ALLOWED_ORIGINS",
            ),
            (404, "", "127.0.0.1:8000 has no /mcp/ws"),
            (426, r#"{"error":"how"}"#, "Upgrade and Connection"),
            (
                503,
                r#"{"error":"MCP server is disabled"}"#,
                "MCP_ENABLED=true",
            ),
            (503, r#"{"error":"full"}"#, "takes no connection now: full"),
            (500, "<html>", "HTTP status 500"),
            (200, "<html>", "no WebSocket service"),
            (401, "", "help: "),
        ] {
            let told = said(status, body, &[]);
            assert!(told.contains(words), "{told}");
            assert!(told.contains("\nhelp: "), "{told}");
            assert!(!told.contains("s3cr3t"), "{told}");
        }
    }

    #[test]
    fn waiting_and_going_elsewhere_name_the_time_and_the_place() {
        assert!(said(429, "", &[(RETRY_AFTER, "7")]).contains("in 7 seconds"));
        assert!(said(503, "", &[(RETRY_AFTER, "1")]).contains("in 1 second"));
        assert!(said(308, "", &[(LOCATION, "https://elsewhere/")]).contains("https://elsewhere/"));
    }

    #[test]
    fn a_hint_of_the_service_comes_before_our_own() {
        assert!(
            said(503, r#"{"error":"full","hint":"close some"}"#, &[]).ends_with("help: close some")
        );
    }
}
