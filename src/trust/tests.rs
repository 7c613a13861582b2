//! Tests of token verification: time as an argument, and forgeries that need access to the keys.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};

use super::tokens::Audience;
use super::{Claims, Keyring, Tokens};
use crate::wire::Close;

const SECRET: &str = "a secret of more than thirty-two bytes";
const NOW: u64 = 2_000_000_000;

fn claims() -> Claims {
    let aud = Some(Audience::Several(vec!["elsewhere".to_owned(), "here".to_owned()]));
    Claims { sub: "ada".to_owned(), aud, iss: Some("us".to_owned()), exp: NOW + 100, ..Claims::default() }
}

fn tokens(issuer: &str) -> Tokens {
    Tokens::new(Keyring::read(SECRET, &[]).expect("a key"), "here", issuer, false)
}

fn judge(claims: &Claims, issuer: &str) -> Result<u64, Close> {
    let token = Keyring::read(SECRET, &[]).expect("a key").sign(None, claims).expect("a token");
    let ticket = tokens(issuer).judge(Some(&token), NOW)?.expect("no guest");
    assert_eq!(ticket.subject, "ada");
    Ok(ticket.good_for.as_secs())
}

#[test]
fn times_have_a_skew_and_issuers_may_matter() {
    assert_eq!(judge(&claims(), ""), Ok(130));
    assert_eq!(judge(&claims(), "us"), Ok(130));
    assert_eq!(judge(&claims(), "them"), Err(Close::BadToken));
    assert_eq!(judge(&Claims { iss: None, ..claims() }, "us"), Err(Close::BadToken));
    assert_eq!(judge(&Claims { exp: NOW - 29, ..claims() }, ""), Ok(1));
    assert_eq!(judge(&Claims { exp: NOW - 30, ..claims() }, ""), Err(Close::TokenExpired));
    assert_eq!(judge(&Claims { exp: u64::MAX, ..claims() }, ""), Ok(u64::MAX - NOW));
    assert_eq!(judge(&Claims { nbf: Some(NOW + 30), ..claims() }, ""), Ok(130));
    assert_eq!(judge(&Claims { nbf: Some(NOW + 31), ..claims() }, ""), Err(Close::TokenExpired));
    let ticket = Claims { jti: Some("1".to_owned()), once: true, ..claims() };
    assert_eq!(judge(&ticket, ""), Ok(130));
    assert_eq!(judge(&Claims { exp: NOW + 86_401, ..ticket }, ""), Err(Close::BadToken), "remembered for too long");
}

#[test]
fn a_key_has_one_algorithm() {
    super::backend::install();
    let forge = |algorithm, key: &EncodingKey, change: fn(&mut Header)| {
        let mut header = Header::new(algorithm);
        change(&mut header);
        encode(&header, &claims(), key).expect("a token")
    };
    let verdict = |token: &str| tokens("").judge(Some(token), NOW).map(drop);
    let shared = EncodingKey::from_secret(SECRET.as_bytes());
    assert_eq!(verdict(&forge(Algorithm::HS256, &shared, |_| {})), Ok(()));
    let critical = forge(Algorithm::HS256, &shared, |header| header.crit = Some(vec!["b64".to_owned()]));
    assert_eq!(verdict(&critical), Err(Close::BadToken));
    let pair = ring::signature::Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).expect("a key");
    let other = forge(Algorithm::EdDSA, &EncodingKey::from_ed_der(pair.as_ref()), |_| {});
    assert_eq!(verdict(&other), Err(Close::BadToken), "a shared secret verifies no EdDSA");
    // A public key is known to everyone and must not work as a shared secret.
    let public = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let path = std::env::temp_dir().join(format!("tickwire-{}-public.pem", std::process::id()));
    std::fs::write(&path, public.public_key_pem()).expect("a writable folder");
    let keys = Keyring::read("", &[format!("ed={}", path.display())]).expect("a key");
    std::fs::remove_file(&path).expect("it was there");
    let tokens = Tokens::new(keys, "here", "", false);
    for secret in [public.public_key_pem().as_bytes(), public.public_key_raw()] {
        let forged = forge(Algorithm::HS256, &EncodingKey::from_secret(secret), |h| h.kid = Some("ed".to_owned()));
        assert_eq!(tokens.judge(Some(&forged), NOW).map(drop), Err(Close::BadToken));
    }
}

#[test]
fn nothing_shows_a_secret() {
    let shown = format!("{:?} {:?}", tokens(""), Keyring::read(SECRET, &[]));
    assert!(!shown.contains("secret of"), "{shown}");
    assert_eq!(format!("{:?}", crate::engine::Token("abc".to_owned())), "Token(not shown)");
}
