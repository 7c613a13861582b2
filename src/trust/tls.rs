//! The TLS certificate and its key: read from files, and read again when the files change. Open connections are unaffected.
//!
//! An invalid new pair is logged, and the old one stays in use. Listening is the server's task.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::{Mutex, RwLock};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tracing::{info, warn};

use super::expiry::expires;
use super::tokens::wall_clock;

/// Seconds before its end from which on a certificate is told to expire soon: a week, because renewals run every few days.
const SOON: u64 = 7 * 24 * 3600;

/// The paths of a certificate and its key, and the pair that was last read from them.
#[derive(Debug)]
pub struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
    seen: Mutex<Stamps>,
    /// The end of a certificate that was told last: as one that is near, or as one that has passed.
    told: Mutex<Option<(u64, bool)>>,
}

/// The modification time and length of each file; `None` while it is missing.
type Stamps = [Option<(SystemTime, u64)>; 2];

impl Certificate {
    /// Reads the pair.
    ///
    /// # Errors
    /// One line that names the file and its fault.
    pub fn read(cert: &Path, key: &Path) -> Result<Arc<Self>, String> {
        let seen = Mutex::new(stamps(cert, key));
        let current = RwLock::new(load(cert, key)?);
        let told = Mutex::default();
        Ok(Arc::new(Self { cert: cert.to_owned(), key: key.to_owned(), current, seen, told }))
    }

    /// When the certificate expires, in seconds since 1970, if that can be read.
    pub fn expires(&self) -> Option<u64> {
        self.current.read().cert.first().and_then(|own| expires(own))
    }

    /// Reads the pair again if a file has changed since the last check, and logs when the one in use is about to expire or has.
    pub fn look(&self) {
        self.tell_expiry();
        let now = stamps(&self.cert, &self.key);
        if std::mem::replace(&mut *self.seen.lock(), now) == now {
            return;
        }
        match load(&self.cert, &self.key) {
            Ok(pair) => {
                *self.current.write() = pair;
                info!("the certificate was reloaded");
                self.tell_expiry();
            }
            Err(error) => warn!(error, "the new certificate is invalid; the old one stays in use"),
        }
    }

    /// Logs each of the two once for each certificate.
    fn tell_expiry(&self) {
        let now = wall_clock();
        let Some(expires) = self.expires().filter(|expires| *expires <= now + SOON) else { return };
        let has_expired = expires <= now;
        let before = self.told.lock().replace((expires, has_expired));
        if before == Some((expires, has_expired)) {
            return;
        }
        let cert = self.cert.display();
        if has_expired {
            warn!(%cert, "the certificate has expired; browsers refuse it");
        } else {
            warn!(%cert, hours = (expires - now) / 3600, "the certificate expires soon");
        }
    }

    /// A TLS configuration that uses the current pair.
    pub fn config(self: &Arc<Self>) -> ServerConfig {
        let versions = ServerConfig::builder_with_provider(default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("ring has ciphers for TLS 1.2 and 1.3");
        versions.with_no_client_auth().with_cert_resolver(self.clone())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().clone())
    }
}

fn stamps(cert: &Path, key: &Path) -> Stamps {
    [cert, key].map(|path| {
        let found = fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len()))
    })
}

fn load(cert: &Path, key: &Path) -> Result<Arc<CertifiedKey>, String> {
    let read = |path: &Path| fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()));
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(cert)?).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| format!("{} holds no certificate in PEM", cert.display()))?;
    let private = PrivateKeyDer::from_pem_slice(&read(key)?);
    let private = private.map_err(|_| format!("{} holds no private key in PEM", key.display()))?;
    let pair = CertifiedKey::from_der(chain, private, &default_provider());
    pair.map(Arc::new).map_err(|error| format!("{} and {} are no pair: {error}", cert.display(), key.display()))
}
