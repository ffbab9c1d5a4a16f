//! The control socket: whoever owns the process asks it to reload, and what it exposes.
//!
//! It is a file that its owner alone may open, and whoever connects is asked for the user once more:
//! no token is needed, and no request from a network can come here.

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde::{Deserialize, Serialize};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use super::App;
use super::exposed::ExposureView;
use crate::advice::Advice;
use crate::inspect;
use crate::store::TenantId;

/// Reloads that wait for their turn.
const WAITING: usize = 4;
/// How long to wait when the machine has no descriptor to give.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);
/// The superuser, who may do this by other means too.
const ROOT: u32 = 0;

/// What becomes of a reload.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// The configuration is in force.
    Done(ReloadReport),
    /// Nothing was changed.
    Refused {
        /// Everything that is wrong.
        faults: Vec<Advice>,
    },
    /// The database does not answer: what the reload takes away is in force, the rest follows.
    Waits,
}

/// What a reload changed.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ReloadReport {
    /// Variables that are in force now, such as `MCP_RATE_LIMIT: 60 -> 20`.
    pub changes: Vec<String>,
    /// Variables that wait for a restart.
    pub restart: Vec<String>,
    /// What of the configuration hides nothing, and what is not served.
    pub warnings: Vec<String>,
    /// Models and fields that are no longer exposed.
    pub gone: Vec<String>,
    /// Models and fields that are exposed from now on.
    pub exposed: Vec<String>,
    /// How many models the database of the configuration shows.
    pub models: usize,
}

/// A reload that somebody asks for and waits for.
#[derive(Debug)]
pub(crate) struct ReloadRequest {
    told: oneshot::Sender<Outcome>,
}

impl ReloadRequest {
    /// Tells what became of it; one who asked may have gone.
    pub(crate) fn tell(self, outcome: Outcome) {
        let _ = self.told.send(outcome);
    }
}

/// The socket, open.
#[derive(Debug)]
pub(super) struct Control {
    listener: UnixListener,
    file: SocketFile,
    reloads: mpsc::Sender<ReloadRequest>,
}

/// The file of a socket, taken away with this value unless another process has put its own there.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            // What cannot be taken away is taken over by the next one.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = std::fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

impl Control {
    /// Opens the socket, in the place of one that another process left, or still has: a new process
    /// takes over.
    ///
    /// # Errors
    /// A folder that is not there or may not be written to, and a file that is no socket.
    pub(super) fn open(path: &Path) -> io::Result<(Self, mpsc::Receiver<ReloadRequest>)> {
        use std::os::unix::fs::FileTypeExt as _;
        if std::fs::symlink_metadata(path).is_ok_and(|there| !there.file_type().is_socket()) {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "another file is there",
            ));
        }
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}", std::process::id()));
        let beside = PathBuf::from(beside);
        // One of a process that had the same number.
        let _ = std::fs::remove_file(&beside);
        let listener = UnixListener::bind(&beside)?;
        let placed = std::fs::set_permissions(&beside, PermissionsExt::from_mode(0o600))
            .and_then(|()| identity(&beside))
            .and_then(|identity| std::fs::rename(&beside, path).map(|()| identity));
        let identity = placed.inspect_err(|_| {
            let _ = std::fs::remove_file(&beside);
        })?;
        let (reloads, asked) = mpsc::channel(WAITING);
        let file = SocketFile {
            path: path.to_owned(),
            identity,
        };
        let control = Self {
            listener,
            file,
            reloads,
        };
        Ok((control, asked))
    }

    /// Answers for as long as its task lives.
    pub(super) async fn serve(self, app: Arc<App>) {
        let Self {
            listener,
            file: _file,
            reloads,
        } = self;
        let router = Router::new()
            .route("/reload", post(reload))
            .route("/exposed", get(exposed))
            .with_state(ControlState { app, reloads });
        loop {
            match listener.accept().await {
                Ok((stream, _)) if is_owner(&stream) => {
                    let service = TowerToHyperService::new(router.clone());
                    let connection = http1::Builder::new();
                    // One who breaks off is no event for the log.
                    tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
                }
                Ok(_) => warn!("control socket: another user was refused"),
                Err(_) => tokio::time::sleep(EXHAUSTED_PAUSE).await,
            }
        }
    }
}

/// Whether who connects is the user of this process, or may become it.
fn is_owner(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    let peer = stream.peer_cred().map(|peer| peer.uid());
    peer.is_ok_and(|peer| peer == own || peer == ROOT)
}

#[derive(Clone)]
struct ControlState {
    app: Arc<App>,
    reloads: mpsc::Sender<ReloadRequest>,
}

async fn reload(State(shared): State<ControlState>) -> Response {
    let (told, outcome) = oneshot::channel();
    if shared.reloads.send(ReloadRequest { told }).await.is_err() {
        return gone();
    }
    match outcome.await {
        Ok(outcome) => Json(outcome).into_response(),
        Err(_) => gone(),
    }
}

/// The service ends, or does not reload.
fn gone() -> Response {
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

/// Which tenant is meant, by its id or name.
#[derive(Debug, Deserialize)]
struct TenantQuery {
    tenant: Option<String>,
}

async fn exposed(State(shared): State<ControlState>, Query(of): Query<TenantQuery>) -> Response {
    let access = shared.app.service.access();
    let tenant = of.tenant.map(|name| access.tenant(&name));
    let id: Option<TenantId> = match tenant {
        Some(None) => return StatusCode::NOT_FOUND.into_response(),
        Some(found) => found,
        None => None,
    };
    let exposure = inspect::exposure(&access, id.as_ref()).await;
    Json(ExposureView::from(exposure)).into_response()
}
