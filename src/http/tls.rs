//! Whom we trust, and how a mock shows who it is.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::Versions;
use crate::error::{Error, Result};

/// The authorities whose certificates are believed.
#[derive(Clone, Debug, Default)]
pub enum Roots {
    Given(Arc<RootCertStore>),
    /// The system's, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name; on a machine that has
    /// none, Mozilla's.
    #[default]
    System,
    /// Those of [`Roots::System`] and these.
    SystemAnd(Vec<CertificateDer<'static>>),
}

impl Roots {
    /// The system's authorities and those in the PEM file at `path`.
    pub fn with_file(path: &Path) -> Result<Roots> {
        let more = certificates(path)?;
        // Whether each can be an authority shows now, and not as a failed handshake.
        let mut scratch = RootCertStore::empty();
        for certificate in &more {
            scratch.add(certificate.clone()).map_err(|cause| {
                Error::usage(format!("{} holds a certificate that cannot be used: {cause}", path.display()))
            })?;
        }
        Ok(Roots::SystemAnd(more))
    }
}

/// A client's TLS settings, offering these versions of HTTP.
pub(crate) fn client(roots: &Roots, versions: Versions) -> Result<Arc<ClientConfig>> {
    let roots = match roots {
        Roots::Given(roots) => Arc::clone(roots),
        Roots::System => Arc::new(system()?),
        Roots::SystemAnd(more) => {
            let mut roots = system()?;
            roots.add_parsable_certificates(more.iter().cloned());
            Arc::new(roots)
        }
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|cause| Error::failed(format!("could not set up TLS: {cause}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = match versions {
        Versions::Auto => vec![HTTP2.to_vec(), HTTP1.to_vec()],
        Versions::Http1 => vec![HTTP1.to_vec()],
        Versions::Http2 => vec![HTTP2.to_vec()],
    };
    Ok(Arc::new(config))
}

fn system() -> Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().find(|name| std::env::var_os(name).is_some());
    if let Some(name) = named.filter(|_| found.certs.is_empty()) {
        let why = found.errors.first().map_or("no certificate is in it".to_string(), ToString::to_string);
        return Err(Error::usage(format!("{name} is set, but no authority is found by it: {why}")));
    }
    let mut roots = RootCertStore::empty();
    // A certificate that cannot be read is one authority less, which shows when it is needed.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    Ok(roots)
}

/// A server's certificate and its key.
#[derive(Clone, Debug)]
pub struct Identity(pub(crate) Arc<ServerConfig>);

impl Identity {
    /// Reads a certificate, with its chain after it, and its key from PEM files.
    pub fn read(certificate: &Path, key: &Path) -> Result<Identity> {
        let chain = certificates(certificate)?;
        let found = PrivateKeyDer::from_pem_file(key);
        let key_der = found.map_err(|cause| unreadable(key, cause, "private key"))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|cause| Error::failed(format!("could not set up TLS: {cause}")))?
            .with_no_client_auth()
            .with_single_cert(chain, key_der)
            .map_err(|cause| {
                let (certificate, key) = (certificate.display(), key.display());
                Error::usage(format!("{certificate} and {key} do not make a server's identity: {cause}"))
            })?;
        config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
        Ok(Identity(Arc::new(config)))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>);
    match read {
        Ok(found) if found.is_empty() => Err(unreadable(path, pem::Error::NoItemsFound, "certificate")),
        read => read.map_err(|cause| unreadable(path, cause, "certificate")),
    }
}

fn unreadable(path: &Path, cause: pem::Error, what: &str) -> Error {
    let path = path.display();
    match cause {
        pem::Error::Io(cause) => Error::usage(format!("could not read {path}: {cause}")),
        pem::Error::NoItemsFound => {
            Error::usage(format!("{path} holds no {what} in PEM form (-----BEGIN …-----)"))
        }
        // What is wrong with a key is not shown: it may be the key.
        _ => Error::usage(format!("{path} is not well-formed PEM")),
    }
}

/// The names that ALPN knows the versions by.
pub(super) const HTTP1: &[u8] = b"http/1.1";
pub(super) const HTTP2: &[u8] = b"h2";
