//! The cryptography of join tokens: HS256 and EdDSA from `ring`, which TLS uses as well.
//!
//! Other algorithms are not offered, so a token cannot choose an unwanted one. `ring` compares in constant time.

use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey};
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use ring::{hmac, signature};

static PROVIDER: CryptoProvider =
    CryptoProvider { signer_factory: signer, verifier_factory: verifier, key_utils: KeyUtils::new_unimplemented() };

/// Installs this as the cryptography of `jsonwebtoken` in this process, unless the embedder has installed another one.
pub fn install() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| _ = PROVIDER.install_default());
}

/// A signer or verifier for one algorithm.
struct With<K> {
    algorithm: Algorithm,
    key: K,
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    match (algorithm, key.family()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac) => {
            Ok(Box::new(With { algorithm: *algorithm, key: hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()) }))
        }
        (Algorithm::EdDSA, AlgorithmFamily::Ed) => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.as_bytes());
            Ok(Box::new(With { algorithm: *algorithm, key: pair.map_err(|_| ErrorKind::InvalidEddsaKey)? }))
        }
        _ => Err(ErrorKind::UnsupportedAlgorithm.into()),
    }
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    let bytes = key.try_get_as_bytes()?;
    match (algorithm, key.family()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac) => {
            Ok(Box::new(With { algorithm: *algorithm, key: hmac::Key::new(hmac::HMAC_SHA256, bytes) }))
        }
        (Algorithm::EdDSA, AlgorithmFamily::Ed) => {
            Ok(Box::new(With { algorithm: *algorithm, key: UnparsedPublicKey::new(&ED25519, bytes.to_vec()) }))
        }
        _ => Err(ErrorKind::UnsupportedAlgorithm.into()),
    }
}

impl Signer<Vec<u8>> for With<hmac::Key> {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        Ok(hmac::sign(&self.key, message).as_ref().to_vec())
    }
}

impl Signer<Vec<u8>> for With<Ed25519KeyPair> {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        Ok(self.key.sign(message).as_ref().to_vec())
    }
}

impl Verifier<Vec<u8>> for With<hmac::Key> {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        hmac::verify(&self.key, message, signature).map_err(|_| SignatureError::new())
    }
}

impl Verifier<Vec<u8>> for With<signature::UnparsedPublicKey<Vec<u8>>> {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        self.key.verify(message, signature).map_err(|_| SignatureError::new())
    }
}

impl<K> JwtSigner for With<K>
where
    Self: Signer<Vec<u8>>,
{
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl<K> JwtVerifier for With<K>
where
    Self: Verifier<Vec<u8>>,
{
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
