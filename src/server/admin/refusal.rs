//! What the admin API answers where it does nothing: a text for people, a code for programs.

use axum::body::Body;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Response, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use tracing::{debug, warn};

use crate::admin;
use crate::config::Faults;
use crate::server::gate::Denied;
use crate::server::gate::admission::RETRY_SECONDS;
use crate::server::reply;
use crate::store::{self, StoreFailure};

/// Why nothing was done.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Refusal {
    /// Always `error`.
    status: ErrorStatus,
    /// What is wrong, for people.
    error: String,
    /// What is wrong, for programs; a code never changes.
    code: Code,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// Everything that is wrong with what was sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<Fault>,
    /// Seconds after which it may be tried again.
    #[serde(skip)]
    retry: Option<u64>,
}

/// A fault of what was sent.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Fault {
    /// The member or parameter, such as `name` or `limits.rate_limit`.
    pub(super) member: String,
    /// What is wrong with it.
    pub(super) message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
}

/// The status of every refusal.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Failed")]
enum ErrorStatus {
    Error,
}

/// What is wrong, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Code {
    /// 400: the body is no JSON.
    InvalidJson,
    /// 400: members or parameters that cannot be; `faults` names each.
    InvalidInput,
    /// 401: no token, or a wrong one.
    Unauthorized,
    /// 403: a `Host` that is not allowed.
    HostNotAllowed,
    /// 403: a page in a browser.
    OriginNotAllowed,
    /// 403: rows are not read by this API.
    ReadsOff,
    /// 404: there is no such record, session or route.
    NotFound,
    /// 405: not with this method; `Allow` names those that are.
    MethodNotAllowed,
    /// 408: the body took too long to arrive.
    RequestTimeout,
    /// 409: another record has the name.
    NameTaken,
    /// 409: several tenants have one of the name.
    AmbiguousName,
    /// 409: the token lets nobody in now.
    NotLetIn,
    /// 409: a URL must be sealed, and there is no key.
    NoEncryptionKey,
    /// 413: more than 64 KiB.
    RequestTooLarge,
    /// 415: a body that is not `application/json`.
    UnsupportedMediaType,
    /// 429: too many failures of this address; the right token still passes.
    TooManyFailures,
    /// 429: too many streams are open.
    TooManyStreams,
    /// 500: it was done, and the audit could not be told how.
    Unrecorded,
    /// 500: a fault of the service.
    Internal,
    /// 503: the store does not answer.
    StoreUnavailable,
    /// 503: the audit cannot be written, so nothing was changed.
    AuditUnavailable,
    /// 503: the service ends.
    ShuttingDown,
}

impl Code {
    fn status(self) -> StatusCode {
        match self {
            Self::InvalidJson | Self::InvalidInput => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::HostNotAllowed | Self::OriginNotAllowed | Self::ReadsOff => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::NameTaken | Self::AmbiguousName | Self::NoEncryptionKey | Self::NotLetIn => {
                StatusCode::CONFLICT
            }
            Self::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooManyFailures | Self::TooManyStreams => StatusCode::TOO_MANY_REQUESTS,
            Self::Unrecorded | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::StoreUnavailable | Self::AuditUnavailable | Self::ShuttingDown => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }
}

/// The longest text of a refusal, in characters: names in it are as long as they were sent.
const LONGEST: usize = 1_000;

/// A text that repeats what was sent, cut at so many characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

impl Refusal {
    /// A refusal of that code, in these words.
    pub(super) fn new(code: Code, error: impl Into<String>) -> Self {
        let later = code.status() == StatusCode::SERVICE_UNAVAILABLE;
        Self {
            status: ErrorStatus::Error,
            error: cut(&error.into(), LONGEST),
            code,
            hint: None,
            faults: Vec::new(),
            retry: later.then_some(RETRY_SECONDS),
        }
    }

    /// With what to do about it.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What was sent cannot be; each fault is told.
    pub(super) fn invalid(faults: Vec<Fault>) -> Self {
        let told = faults.iter().map(|fault| match fault.member.is_empty() {
            true => fault.message.clone(),
            false => format!("{}: {}", fault.member, fault.message),
        });
        let error = told.collect::<Vec<_>>().join("; ");
        Self {
            faults,
            ..Self::new(Code::InvalidInput, error)
        }
    }

    /// One thing that was sent cannot be.
    pub(super) fn fault(member: &str, message: impl Into<String>, hint: &str) -> Self {
        Self::invalid(vec![Fault {
            member: member.to_owned(),
            message: message.into(),
            hint: Some(hint.to_owned()),
        }])
    }

    /// The store does not answer.
    pub(super) fn store_away() -> Self {
        Self::new(Code::StoreUnavailable, "the store does not answer")
            .hint("is it running? MCP_STORE names it")
    }

    /// There is no such thing.
    pub(super) fn not_found(error: impl Into<String>, hint: &str) -> Self {
        Self::new(Code::NotFound, error).hint(hint)
    }

    /// Its code, as the audit names it.
    pub(super) fn code(&self) -> String {
        let code = serde_json::to_value(self.code).ok();
        let code = code.as_ref().and_then(|code| code.as_str());
        code.unwrap_or("internal").to_owned()
    }

    /// The answer itself.
    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = reply::json(self.code.status(), &self);
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == Code::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        let code = match denied {
            Denied::Host => Code::HostNotAllowed,
            Denied::Origin => Code::OriginNotAllowed,
            Denied::TooManyFailures(_) => Code::TooManyFailures,
            _ => Code::Unauthorized,
        };
        let refusal = Self::new(code, denied.text());
        match denied {
            Denied::Host => refusal.hint("name it in MCP_ALLOWED_HOSTS"),
            Denied::Origin => {
                refusal.hint("its own page alone administers in a browser: use a program")
            }
            Denied::TooManyFailures(seconds) => Self {
                retry: Some(seconds),
                ..refusal
            },
            _ => refusal.hint("send MCP_ADMIN_TOKEN as Authorization: Bearer or X-MCP-Token"),
        }
    }
}

impl From<StoreFailure> for Refusal {
    fn from(failure: StoreFailure) -> Self {
        let detail = failure.detail().unwrap_or_default();
        warn!(
            cause = failure.cause(),
            "the admin API: the store does not answer"
        );
        debug!(%detail, "the store says");
        Self::store_away()
    }
}

impl From<Faults> for Refusal {
    fn from(faults: Faults) -> Self {
        let faults = faults.iter().map(|fault| Fault {
            member: fault.subject.clone(),
            message: fault.what.clone(),
            hint: Some(fault.help.clone()),
        });
        Self::invalid(faults.collect())
    }
}

impl From<admin::Refused> for Refusal {
    fn from(refused: admin::Refused) -> Self {
        const AUDIT: &str = "look at the disk and the rights of MCP_AUDIT_FILE";
        let told = refused.to_string();
        match refused {
            admin::Refused::Store(refusal) => match refusal {
                store::Refusal::Invalid(faults) => faults.into(),
                store::Refusal::Failed(failure) => failure.into(),
                store::Refusal::Absent { kind, .. } => {
                    Self::not_found(told, &format!("GET /admin/api/{kind}s lists them"))
                }
                store::Refusal::Taken { .. } => {
                    Self::new(Code::NameTaken, told).hint("choose another name")
                }
                store::Refusal::NoKey => Self::new(Code::NoEncryptionKey, told)
                    .hint("set MCP_ENCRYPTION_KEY to the output of: openssl rand -base64 32"),
            },
            admin::Refused::Ambiguous { .. } => {
                Self::new(Code::AmbiguousName, told).hint("say which with ?tenant=, or give its id")
            }
            admin::Refused::Unrecordable => Self::new(Code::AuditUnavailable, told).hint(AUDIT),
            admin::Refused::Unrecorded => Self::new(Code::Unrecorded, told).hint(AUDIT),
        }
    }
}
