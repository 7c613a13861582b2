//! The certificates by which bots know a server that they reach over TLS.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Whom bots trust. Certificates are read when the first one is needed: most load tests go without TLS.
#[derive(Debug, Default)]
pub struct Trust {
    /// Certificates in PEM to trust instead of the system's.
    ca: Option<PathBuf>,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Trust {
    /// Trusts the certificates in the file `ca`, or else the system's.
    pub fn new(ca: Option<PathBuf>) -> Self {
        Self { ca, config: OnceLock::new() }
    }

    /// The configuration for connections.
    ///
    /// # Errors
    /// The file cannot be read, or has no certificate.
    pub fn config(&self) -> io::Result<Arc<ClientConfig>> {
        if let Some(config) = self.config.get() {
            return Ok(config.clone());
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(io::Error::other)?;
        let config = Arc::new(builder.with_root_certificates(self.roots()?).with_no_client_auth());
        Ok(self.config.get_or_init(|| config).clone())
    }

    fn roots(&self) -> io::Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        let Some(file) = &self.ca else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(roots);
        };
        let bad = |what: String| io::Error::new(io::ErrorKind::InvalidInput, format!("{}: {what}", file.display()));
        let certificates = CertificateDer::pem_file_iter(file).map_err(|error| bad(error.to_string()))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| bad(error.to_string()))?;
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
        }
        if roots.is_empty() { Err(bad("has no certificate in PEM".to_owned())) } else { Ok(roots) }
    }
}
