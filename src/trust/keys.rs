//! The keys that sign join tokens, by `kid`: shared secrets (HS256) and Ed25519 keys (EdDSA).
//!
//! Several keys may be configured at once, so that keys can be rotated. Reads the key files at the start; `tokens` reads
//! the tokens.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode};
use ring::signature::{Ed25519KeyPair, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};

use super::backend;
use super::tokens::Claims;
use crate::wire::limits;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The value is not `KID=FILE`.
    #[error("{0:?} is not KID=FILE, such as 2026-11=/etc/tickwire/join.pem")]
    Shape(String),
    /// Two keys have the same `kid`.
    #[error("there are two keys with the kid {0:?}")]
    Twice(String),
    /// The file cannot be read.
    #[error("cannot read {0}: {1}")]
    File(String, std::io::Error),
    /// A shared secret is so short that it can be guessed.
    #[error("{0} is too short: a shared secret has at least {least} bytes", least = limits::SECRET)]
    Short(String),
    /// The file holds no Ed25519 key.
    #[error("{0} is no Ed25519 key in PEM (PUBLIC KEY, or PRIVATE KEY in PKCS #8)")]
    NotEd25519(String),
    /// The key can verify but not sign.
    #[error("{0} can only verify tokens: signing needs the secret or the private key")]
    PublicOnly(String),
    /// No key has this `kid`, or none was named where there are several. The second text names the keys.
    #[error("there is no key {0}: the keys are {1}")]
    Missing(String, String),
}

/// Keys by `kid`, and at most one without.
#[derive(Default)]
pub struct Keyring(BTreeMap<Option<String>, Key>);

/// A key. It is never converted back to text.
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
    encoding: Option<EncodingKey>,
}

impl Keyring {
    /// Reads the configured keys: a shared secret for tokens without `kid` (none if empty), and keys as `KID=FILE`.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn read(secret: &str, named: &[String]) -> Result<Self, KeyError> {
        let mut keys = Self::default();
        if !secret.is_empty() {
            keys.0.insert(None, Key::shared(secret.as_bytes(), "token_secret")?);
        }
        for spec in named {
            let (kid, path) = split(spec).ok_or_else(|| KeyError::Shape(spec.clone()))?;
            if keys.0.insert(Some(kid.to_owned()), Key::from_file(Path::new(path))?).is_some() {
                return Err(KeyError::Twice(kid.to_owned()));
            }
        }
        Ok(keys)
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Signs a token. Without `kid`: with the key that has none, or else with the only key.
    ///
    /// # Errors
    /// When there is no such key or it cannot sign.
    pub fn sign(&self, kid: Option<&str>, claims: &Claims) -> Result<String, KeyError> {
        let name = || kid.map_or_else(|| "(say which: --kid)".to_owned(), |kid| format!("{kid:?}"));
        let only = (kid.is_none() && self.0.len() == 1).then(|| self.0.iter().next()).flatten();
        let found = self.0.get_key_value(&kid.map(str::to_owned)).or(only);
        let (kid, key) = found.ok_or_else(|| KeyError::Missing(name(), self.names()))?;
        let signing = key.encoding.as_ref().ok_or_else(|| KeyError::PublicOnly(name()))?;
        backend::install();
        let header = Header { kid: kid.clone(), ..Header::new(key.algorithm) };
        encode(&header, claims, signing).map_err(|_| KeyError::PublicOnly(name()))
    }

    /// What the keys are called, for people.
    fn names(&self) -> String {
        let name = |kid: &Option<String>| kid.as_ref().map_or("one without a kid".to_owned(), |kid| format!("{kid:?}"));
        if self.0.is_empty() { "none".to_owned() } else { self.0.keys().map(name).collect::<Vec<_>>().join(", ") }
    }

    pub(super) fn find(&self, kid: Option<&str>) -> Option<&Key> {
        // Names of illegal length are not copied.
        kid.is_none_or(|kid| kid.len() <= limits::TEXT).then(|| self.0.get(&kid.map(str::to_owned))).flatten()
    }
}

/// Splits `KID=FILE` into its two parts.
pub fn split(spec: &str) -> Option<(&str, &str)> {
    spec.split_once('=').filter(|(kid, path)| !kid.is_empty() && kid.len() <= limits::TEXT && !path.is_empty())
}

impl Key {
    fn shared(secret: &[u8], name: &str) -> Result<Self, KeyError> {
        if secret.len() < limits::SECRET {
            return Err(KeyError::Short(name.to_owned()));
        }
        let (decoding, encoding) = (DecodingKey::from_secret(secret), EncodingKey::from_secret(secret));
        Ok(Self { algorithm: Algorithm::HS256, decoding, encoding: Some(encoding) })
    }

    fn from_file(path: &Path) -> Result<Self, KeyError> {
        let name = path.display().to_string();
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(limits::KEY_FILE).read_to_end(&mut bytes));
        read.map_err(|error| KeyError::File(name.clone(), error))?;
        if bytes.starts_with(b"-----BEGIN") {
            Self::ed25519(&bytes).ok_or(KeyError::NotEd25519(name))
        } else {
            // Editors end files with a newline that is not part of the secret.
            Self::shared(bytes.trim_ascii_end(), &name)
        }
    }

    fn ed25519(pem: &[u8]) -> Option<Self> {
        /// The bytes before the 32 bytes of an Ed25519 key in its X.509 form.
        const PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        let (public, encoding) = match PrivatePkcs8KeyDer::from_pem_slice(pem) {
            Ok(private) => {
                let der = private.secret_pkcs8_der();
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?;
                (pair.public_key().as_ref().to_vec(), Some(EncodingKey::from_ed_der(der)))
            }
            Err(_) => {
                let public = SubjectPublicKeyInfoDer::from_pem_slice(pem).ok()?;
                let key = public.strip_prefix(&PREFIX).filter(|key| key.len() == 32)?;
                (key.to_vec(), None)
            }
        };
        Some(Self { algorithm: Algorithm::EdDSA, decoding: DecodingKey::from_ed_der(&public), encoding })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keyring").field(&self.0.keys()).finish()
    }
}
