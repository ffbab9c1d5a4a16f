//! `lucarne health`: whether the service is alive, for a container's check or a script.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use hyper::StatusCode;
use hyper::header::HeaderMap;

use super::address::Service;
use super::{http, settings};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output;

/// Examples of the command, shown in its help and run by a test.
pub(crate) const EXAMPLES: &str = "\
Examples:
  lucarne health
  lucarne health --url http://127.0.0.1:8000";

const PATIENCE: Duration = Duration::from_secs(3);

/// Whom to ask.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The service, else MCP_LISTEN
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Trust the certificates of this file instead of the system's
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
}

/// Asks `/health`; anything but a good answer within three seconds is [`Exit::Bad`].
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let service =
        settings::service(arguments.url.as_deref())?.proved_by(arguments.cacert.as_deref());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::unable(format!("no runtime to ask with: {error}")))?;
    runtime
        .block_on(async { tokio::time::timeout(PATIENCE, ask(&service)).await })
        .unwrap_or_else(|_| {
            Err(Failure::unable(format!(
                "no answer from {service} within {} s",
                PATIENCE.as_secs()
            )))
        })
        .map_err(|failure| failure.exiting(Exit::Bad))?;
    output::data(&format!("ok: {service} is alive"))
}

async fn ask(service: &Service) -> Result<(), Failure> {
    let response = http::get(service, &service.health_path(), HeaderMap::new()).await?;
    match response.status() {
        StatusCode::OK => Ok(()),
        StatusCode::FORBIDDEN => Err(Failure::unable(format!(
            "{service} does not answer to this host name"
        ))
        .help(format!(
            "name {} in MCP_ALLOWED_HOSTS of the service",
            service.authority()
        ))),
        status => Err(Failure::unable(format!(
            "{service} answered {} with HTTP status {}",
            service.health_path(),
            status.as_u16()
        ))
        .help("is that a Lucarne service? Check --url or MCP_LISTEN")),
    }
}
