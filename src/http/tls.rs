//! Whom we trust: the system's certificate authorities, or those that a test gives.

use std::sync::Arc;

use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::error::{Error, Result};

/// The authorities whose certificates are believed.
#[derive(Clone, Debug, Default)]
pub enum Roots {
    Given(Arc<RootCertStore>),
    /// The system's; on a machine that has none, Mozilla's.
    #[default]
    System,
}

/// The TLS settings of every connection of a run.
pub(crate) fn config(roots: &Roots) -> Result<Arc<ClientConfig>> {
    let roots = match roots {
        Roots::Given(roots) => Arc::clone(roots),
        Roots::System => Arc::new(system()),
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|cause| Error::failed(format!("could not set up TLS: {cause}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // A certificate that cannot be read is one authority less, which shows when it is needed.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}
