//! The certificate that the service proves itself with, and its key, from their files.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{Error, ServerConfig};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::TlsFiles;
use super::files::{LONGEST, read_file};

use crate::advice::Advice;

/// What the service speaks TLS with: 1.2 or 1.3, for HTTP/1.1.
#[derive(Clone)]
pub struct Tls {
    server: Arc<ServerConfig>,
    ends: Option<DateTime<Utc>>,
}

/// How long before its end a certificate is warned of.
const SOON: TimeDelta = TimeDelta::days(14);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// What the library takes for a connection.
    pub fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    /// When the certificate ends, where it says so in a way that can be read.
    pub fn ends(&self) -> Option<DateTime<Utc>> {
        self.ends
    }

    /// What is to be done about a certificate that ends soon, or has ended.
    pub fn warning(&self, now: DateTime<Utc>) -> Option<Advice> {
        let ends = self.ends.filter(|ends| *ends - now <= SOON)?;
        let on = ends.format("%Y-%m-%d %H:%M UTC");
        let message = match (ends - now).num_days() {
            _ if ends <= now => format!("the certificate expired on {on}: clients refuse it"),
            0 => format!("the certificate expires within a day, on {on}"),
            1 => format!("the certificate expires in 1 day, on {on}"),
            days => format!("the certificate expires in {days} days, on {on}"),
        };
        let help = "renew it; new files are taken by themselves";
        Some(Advice::new(message, help).of("MCP_TLS_CERT"))
    }
}

impl TlsFiles {
    /// Reads certificate and key as they are now.
    ///
    /// # Errors
    /// Files that are not there or not what they should be, and a key of another certificate.
    pub fn load(&self) -> Result<Tls, Advice> {
        let (cert, key) = ("MCP_TLS_CERT", "MCP_TLS_KEY");
        let unreadable = |path: &Path, wanted: &str| {
            let message = format!(
                "{} holds no {wanted} in PEM that can be read",
                path.display()
            );
            Advice::new(message, "name a file that begins with -----BEGIN")
        };
        let chain = read_file(&self.cert, LONGEST).ok();
        let chain = chain
            .and_then(|pem| {
                CertificateDer::pem_slice_iter(&pem)
                    .collect::<Result<Vec<_>, _>>()
                    .ok()
            })
            .filter(|chain| !chain.is_empty())
            .ok_or_else(|| unreadable(&self.cert, "certificate").of(cert))?;
        let private = read_file(&self.key, LONGEST).ok();
        let private = private
            .and_then(|pem| PrivateKeyDer::from_pem_slice(&pem).ok())
            .ok_or_else(|| unreadable(&self.key, "private key").of(key))?;
        let ends = chain.first().and_then(ends);
        let mut server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map(|builder| builder.with_no_client_auth())
            .and_then(|builder| builder.with_single_cert(chain, private))
            .map_err(|error| refused(&error, &self.key).of(key))?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Tls {
            server: Arc::new(server),
            ends,
        })
    }
}

/// When a certificate ends.
fn ends(certificate: &CertificateDer<'_>) -> Option<DateTime<Utc>> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    DateTime::from_timestamp(certificate.validity().not_after.timestamp(), 0)
}

fn refused(error: &Error, key: &Path) -> Advice {
    let shown = key.display();
    match error {
        Error::InconsistentKeys(_) => Advice::new(
            format!("{shown} is not the key of the certificate in MCP_TLS_CERT"),
            "name the two files of one pair, the service's own certificate first in its file",
        ),
        error => Advice::new(
            format!("the pair with {shown} cannot be used: {error}"),
            "make the pair anew",
        ),
    }
}
