//! Signatures of the Pusher protocol: of subscriptions, sign-ins and requests of servers, compared in constant time.

use md5::{Digest, Md5};
use ring::hmac;

/// How far the time of a request may be from ours, in seconds.
const SKEW: u64 = 600;

/// Signs by the secret of an app.
#[derive(Clone)]
pub struct Signer {
    key: String,
    secret: hmac::Key,
}

impl Signer {
    /// The signer of an app with this key and secret.
    pub fn new(key: &str, secret: &str) -> Self {
        Self { key: key.to_owned(), secret: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()) }
    }

    /// The signature of a text, in hexadecimal.
    pub fn sign(&self, text: &[u8]) -> String {
        hex(hmac::sign(&self.secret, text).as_ref())
    }

    /// Whether `auth` is this app's key and its signature of `text`, as `KEY:SIGNATURE`.
    pub fn authorizes(&self, auth: &str, text: &str) -> bool {
        auth.split_once(':').is_some_and(|(key, signature)| key == self.key && self.is_signature(signature, text))
    }

    fn is_signature(&self, signature: &str, text: &str) -> bool {
        unhex(signature).is_some_and(|signature| hmac::verify(&self.secret, text.as_bytes(), &signature).is_ok())
    }

    /// Checks a request of a server. `path` is the one that the client asked for, with whatever prefix it has.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, method: &str, path: &str, query: &str, body: &[u8], now: u64) -> Result<(), &'static str> {
        let mut pairs: Vec<(String, String)> = query.split('&').filter_map(pair).collect();
        let find = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        if find("auth_key").as_deref() != Some(&self.key) {
            return Err("auth_key is not that of the app");
        }
        if find("auth_version").as_deref() != Some("1.0") {
            return Err("auth_version must be 1.0");
        }
        let timestamp =
            find("auth_timestamp").and_then(|text| text.parse::<u64>().ok()).ok_or("auth_timestamp must be there")?;
        let md5 = find("body_md5");
        let signature = find("auth_signature").ok_or("auth_signature must be there")?;
        pairs.retain(|(key, _)| key != "auth_signature");
        pairs.sort();
        let sorted: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        if !self.is_signature(&signature, &format!("{method}\n{path}\n{}", sorted.join("&"))) {
            return Err("auth_signature is wrong");
        }
        if timestamp.abs_diff(now) > SKEW {
            return Err("auth_timestamp is more than ten minutes away");
        }
        match md5 {
            Some(md5) if md5 != hex(&Md5::digest(body)) => Err("body_md5 is not that of the body"),
            None if !body.is_empty() => Err("body_md5 must be there"),
            _ => Ok(()),
        }
    }
}

/// A pair of a query, decoded; its key in lower case, as it is signed.
fn pair(text: &str) -> Option<(String, String)> {
    let (key, value) = text.split_once('=')?;
    Some((decode(key).to_lowercase(), decode(value)))
}

/// Decodes `%41` and `+`.
fn decode(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&byte, others)) = rest.split_first() {
        let coded = (byte == b'%').then(|| others.get(..2)).flatten();
        let coded = coded.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(coded.unwrap_or(if byte == b'+' { b' ' } else { byte }));
        rest = &others[if coded.is_some() { 2 } else { 0 }..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    digits.chunks(2).map(|pair| Some((pair.first()? * 16 + pair.get(1)?) as u8)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // The examples of the protocol's documentation.
    fn signer() -> Signer {
        Signer::new("278d425bdf160c739803", "7ad3773142a6692b25b8")
    }

    const QUERY: &str = "auth_key=278d425bdf160c739803&auth_timestamp=1353088179&auth_version=1.0&body_md5=ec365a775a4cd0599faeb73354201b6f&auth_signature=da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c";
    const BODY: &[u8] = br#"{"name":"foo","channels":["project-3"],"data":"{\"some\":\"data\"}"}"#;

    #[test]
    fn requests_and_subscriptions_are_signed_as_documented() {
        let signer = signer();
        assert_eq!(signer.check("POST", "/apps/3/events", QUERY, BODY, 1_353_088_179), Ok(()));
        let auth = "278d425bdf160c739803:58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4";
        assert!(signer.authorizes(auth, "1234.1234:private-foobar"));
        for text in ["1234.1235:private-foobar", "1234.1234:private-fooba", ""] {
            assert!(!signer.authorizes(auth, text));
        }
        for auth in ["", ":", "x:58df", &auth[..auth.len() - 1], &auth.replace("278d", "278e"), &format!("{auth}00")] {
            assert!(!signer.authorizes(auth, "1234.1234:private-foobar"), "{auth}");
        }
    }

    #[test]
    fn hostile_requests_are_refused() {
        let (signer, now) = (signer(), 1_353_088_179);
        let check =
            |method, path, query: &str, body, now| signer.check(method, path, query, body, now).expect_err("hostile");
        assert!(check("GET", "/apps/3/events", QUERY, BODY, now).contains("auth_signature"));
        assert!(check("POST", "/apps/3/event", QUERY, BODY, now).contains("auth_signature"));
        assert!(check("POST", "/prefix/apps/3/events", QUERY, BODY, now).contains("auth_signature"));
        assert!(check("POST", "/apps/3/events", QUERY, b"{}", now).contains("body_md5"));
        assert!(check("POST", "/apps/3/events", QUERY, BODY, now + 601).contains("ten minutes"));
        assert!(check("POST", "/apps/3/events", QUERY, BODY, now - 601).contains("ten minutes"));
        assert!(check("POST", "/apps/3/events", &format!("{QUERY}&info=x"), BODY, now).contains("auth_signature"));
        assert!(check("POST", "/apps/3/events", &QUERY.replace("=1.0", "=1.1"), BODY, now).contains("auth_version"));
        assert!(check("POST", "/apps/3/events", &QUERY.replace("da45", "da4é"), BODY, now).contains("auth_signature"));
        assert!(check("POST", "/apps/3/events", "", BODY, now).contains("auth_key"));
    }

    #[test]
    fn a_signature_that_is_wrong_anywhere_is_refused() {
        let (start, signature) = QUERY.split_at(QUERY.len() - 64);
        for at in 0..64 {
            let flipped = if &signature[at..=at] == "0" { "1" } else { "0" };
            let wrong = format!("{start}{}{flipped}{}", &signature[..at], &signature[at + 1..]);
            let checked = signer().check("POST", "/apps/3/events", &wrong, BODY, 1_353_088_179);
            assert_eq!(checked, Err("auth_signature is wrong"), "digit {at}");
        }
    }

    // How long a comparison takes cannot be measured reliably. Who compares can be read: `ring` alone, whose comparison takes
    // equally long wherever the difference is.
    #[test]
    fn signatures_are_compared_in_constant_time() {
        let source = include_str!("signature.rs").split("#[cfg(test)]").next().expect("there is one");
        let compares = |line: &&str| ["==", "!=", ".eq(", "starts_with"].iter().any(|sign| line.contains(sign));
        let of_signatures = source.lines().map(str::trim).filter(compares).filter(|line| line.contains("signature"));
        let known = [
            "auth.split_once(':').is_some_and(|(key, signature)| key == self.key && self.is_signature(signature, text))",
            "pairs.retain(|(key, _)| key != \"auth_signature\");",
        ];
        assert_eq!(of_signatures.collect::<Vec<_>>(), known, "keys and names of parameters are no secrets");
        assert_eq!(source.matches("hmac::verify(").count(), 1, "one function decides");
    }
}
