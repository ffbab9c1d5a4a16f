//! Which certificates a client command trusts: the system's, a file's, or the service's very own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::cli::failure::Failure;

/// What proves that a service is the one that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The authorities that the system trusts.
    System,
    /// The authorities of the file that `--cacert` names.
    Authorities(PathBuf),
    /// The certificate of `MCP_TLS_CERT`, whatever its names and whoever signed it: it is our own
    /// service, on this machine.
    Own(PathBuf),
}

impl Trust {
    /// What TLS connects with.
    pub(crate) fn connector(&self) -> Result<TlsConnector, Failure> {
        let config = match self {
            Self::System => {
                let mut roots = RootCertStore::empty();
                // A certificate that cannot be read leaves the others; with none, the handshake
                // says so.
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                of_roots(roots)
            }
            Self::Authorities(file) => {
                let mut roots = RootCertStore::empty();
                for certificate in read(file, "--cacert")? {
                    roots.add(certificate).map_err(|error| {
                        Failure::unable(format!(
                            "--cacert: {} cannot be used: {error}",
                            file.display()
                        ))
                    })?;
                }
                of_roots(roots)
            }
            Self::Own(file) => {
                let own = read(file, "MCP_TLS_CERT")?.into_iter().next();
                let provider = Arc::new(ring::default_provider());
                ClientConfig::builder()
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(CertificatePin { own, provider }))
                    .with_no_client_auth()
            }
        };
        Ok(TlsConnector::from(Arc::new(config)))
    }

    /// What to do about a certificate that was not trusted.
    pub(crate) fn help(&self) -> &'static str {
        match self {
            Self::System => "to trust a certificate of your own, name its file: --cacert cert.pem",
            Self::Authorities(_) => {
                "is it the certificate of the service, or of the authority that signed it?"
            }
            Self::Own(_) => {
                "what answers there is not the service that uses MCP_TLS_CERT; was it renewed \
                 without a reload?"
            }
        }
    }
}

fn of_roots(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn read(file: &Path, variable: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .ok()
        .filter(|chain| !chain.is_empty())
        .ok_or_else(|| {
            let shown = file.display();
            Failure::unable(format!(
                "{variable}: {shown} holds no certificate in PEM that can be read"
            ))
            .help("name a file that begins with -----BEGIN CERTIFICATE-----")
        })
}

/// Trusts one certificate, byte for byte.
#[derive(Debug)]
struct CertificatePin {
    own: Option<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for CertificatePin {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.own {
            Some(own) if own.as_ref() == shown.as_ref() => Ok(ServerCertVerified::assertion()),
            _ => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
