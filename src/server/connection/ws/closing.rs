//! How a socket ends: for which reason, with which code, and with a last word that arrives.

use std::fmt;
use std::io;
use std::time::Duration;

use futures_util::stream::FusedStream as _;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::{Socket, WRITE_TIMEOUT};
use crate::auth::Refused;
use crate::policy::Limited;

/// How long a closed socket is still read, so that the close reaches the client.
const LINGER: Duration = Duration::from_secs(1);
/// The same when the service ends, and everybody waits for it.
const LINGER_AT_END: Duration = Duration::from_millis(50);
/// What a closed socket still takes in, at the most.
const LINGER_BYTES: u64 = 16 * 1024 * 1024;

/// Why a socket ended, in words for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The client closed it, or is gone.
    Client,
    /// Nothing was heard for too long.
    Idle,
    /// The window's limit.
    RateLimited(Limited),
    /// A frame that the protocol does not have.
    Refused(&'static str),
    /// The client does not read.
    Slow,
    /// The token lets nobody in any more.
    TurnedAway(Refused),
    /// An operator ended it.
    Ended,
    /// The service ends.
    Stopping,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "by the client",
            Self::Idle => "Idle timeout",
            Self::RateLimited(limited) => return write!(f, "Rate limit exceeded: {limited}"),
            Self::Refused(reason) => reason,
            Self::Slow => "the client does not read",
            Self::TurnedAway(refused) => refused.why(),
            Self::Ended => "by an operator",
            Self::Stopping => "Server is shutting down",
        })
    }
}

/// What a socket closes with, once the answers before it are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closing {
    pub(super) end: End,
    code: CloseCode,
    reason: &'static str,
}

impl Closing {
    /// The client closed it: its close is answered.
    pub(super) const BY_CLIENT: Self = Self {
        end: End::Client,
        code: CloseCode::Normal,
        reason: "",
    };
    pub(super) const IDLE: Self = Self {
        end: End::Idle,
        code: CloseCode::Normal,
        reason: "idle timeout",
    };
    pub(super) const STOPPING: Self = Self {
        end: End::Stopping,
        code: CloseCode::Away,
        reason: "server is shutting down",
    };
    pub(super) const ENDED: Self = Self {
        end: End::Ended,
        code: CloseCode::Policy,
        reason: "closed by an operator",
    };
    pub(super) const TOO_LARGE: Self = Self {
        end: End::Refused("message too large"),
        code: CloseCode::Size,
        reason: "message too large",
    };
    pub(super) const BINARY: Self = Self {
        end: End::Refused("binary frame"),
        code: CloseCode::Unsupported,
        reason: "text frames only",
    };

    pub(super) const LATE: Self = Self {
        end: End::Refused("no memory for the message"),
        code: CloseCode::Again,
        reason: "server is busy, try again",
    };

    /// Whether what was read before it is not answered any more.
    pub(super) fn withdraws(self) -> bool {
        matches!(self.end, End::TurnedAway(_) | End::Ended)
    }

    /// What the message that is one too many is closed with.
    pub(super) fn limited(limited: Limited) -> Self {
        Self {
            end: End::RateLimited(limited),
            code: CloseCode::Policy,
            reason: "rate limit exceeded",
        }
    }

    /// What a socket is closed with whose token lets nobody in any more.
    pub(super) fn turned_away(refused: Refused) -> Self {
        // Which of the others it is only the log tells.
        let (code, reason) = match refused {
            Refused::StoreAway => (CloseCode::Again, "try again later"),
            _ => (CloseCode::Policy, "token revoked"),
        };
        Self {
            end: End::TurnedAway(refused),
            code,
            reason,
        }
    }

    /// What a broken message is closed with; `None` where the connection itself is gone.
    pub(super) fn of(error: &WsError) -> Option<Self> {
        let refused = |reason, code| {
            Some(Self {
                end: End::Refused(reason),
                code,
                reason,
            })
        };
        match error {
            WsError::Capacity(CapacityError::MessageTooLong { .. }) => Some(Self::TOO_LARGE),
            WsError::Io(error) if error.kind() == io::ErrorKind::OutOfMemory => Some(Self::LATE),
            WsError::Utf8(_) => refused("invalid UTF-8", CloseCode::Invalid),
            WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
            WsError::Protocol(_) => refused("protocol error", CloseCode::Protocol),
            _ => None,
        }
    }
}

/// Says goodbye, and reads on for a moment: bytes left unread would reset the connection, and the
/// client would never see why.
pub(super) async fn close(mut socket: Socket, closing: Closing) {
    if closing.end == End::Client {
        // The library answers the client's close while it reads on.
        let _ = timeout(LINGER, async {
            while let Some(Ok(_)) = socket.next().await {}
        })
        .await;
        return;
    }
    let frame = CloseFrame {
        code: closing.code,
        reason: closing.reason.into(),
    };
    let said = async {
        socket.send(Message::Close(Some(frame))).await?;
        socket.flush().await
    };
    if !matches!(timeout(WRITE_TIMEOUT, said).await, Ok(Ok(()))) {
        return;
    }
    let linger = if closing.end == End::Stopping {
        LINGER_AT_END
    } else {
        LINGER
    };
    // The client's own close, or its end, or whatever it was still sending.
    let _ = timeout(linger, async {
        let broken = socket.is_terminated()
            || loop {
                match socket.next().await {
                    Some(Ok(_)) => {}
                    Some(Err(_)) => break true,
                    None => break false,
                }
            };
        if broken {
            // No frame can be read any more, only bytes.
            let mut rest = socket.get_mut().take(LINGER_BYTES);
            let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
        }
    })
    .await;
}
