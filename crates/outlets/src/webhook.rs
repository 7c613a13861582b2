//! Webhooks: entries as HTTP requests, signed as standardwebhooks.com describes.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde::Deserialize;
use tickwire::tap::{Delivery, Undelivered, Verdict};
use ureq::Agent;
use ureq::http::StatusCode;

use crate::config::{Secret, Target};
use crate::envelope::{Envelope, Format};

/// The settings of a webhook.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    url: String,
    /// `whsec_` and a key in base64.
    secret: Secret,
    /// Most entries in a request; with more than one, the body is a list.
    #[serde(default = "one")]
    batch: usize,
    /// `json`, or `binary`: the attributes of an event as headers.
    #[serde(default)]
    format: Format,
    /// Seconds that a request may take.
    #[serde(default = "ten")]
    timeout: u64,
}

fn one() -> usize {
    1
}

fn ten() -> u64 {
    10
}

/// A webhook.
pub struct Webhook {
    settings: WebhookSettings,
    key: hmac::Key,
    agent: Agent,
}

impl Webhook {
    /// A webhook that was not called yet.
    ///
    /// # Errors
    /// A setting is wrong.
    pub fn new(settings: WebhookSettings) -> Result<Self, String> {
        let WebhookSettings { url, secret, batch, format, timeout } = &settings;
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(format!("url = {url:?} must begin with https:// or http://"));
        }
        if !(1..=256).contains(batch) {
            return Err(format!("batch = {batch} must be 1 to 256"));
        }
        if *format == Format::Binary && *batch > 1 {
            return Err(format!("batch = {batch} must be 1 with format = \"binary\", which has no lists"));
        }
        if !(1..=60).contains(timeout) {
            return Err(format!("timeout = {timeout} must be 1 to 60 seconds"));
        }
        let key =
            secret.0.strip_prefix("whsec_").and_then(|key| STANDARD.decode(key).ok()).filter(|key| key.len() >= 24);
        let key =
            key.ok_or("secret must be whsec_ and at least 24 bytes in base64, such as openssl rand -base64 32 makes")?;
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(*timeout)))
            .user_agent(concat!("tickwire/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key), agent, settings })
    }

    fn send(&self, deliveries: &[Delivery]) -> Result<(), (Verdict, String)> {
        let envelopes: Vec<Envelope> = deliveries.iter().map(Envelope::new).collect();
        let Some(first) = envelopes.first() else { return Ok(()) };
        let format = self.settings.format;
        let (kind, body) = if self.settings.batch == 1 {
            first.content(format)
        } else {
            (Envelope::BATCH_MEDIA_TYPE, serde_json::to_vec(&envelopes).expect("events are JSON"))
        };
        let timestamp = now().to_string();
        let request = self.agent.post(&self.settings.url);
        let attributes = first.attributes(format).into_iter();
        let request = attributes
            .fold(request, |request, (name, value)| request.header(format!("ce-{name}"), header_value(value)));
        let answer = request
            .header("content-type", kind)
            .header("webhook-id", &first.id)
            .header("webhook-timestamp", &timestamp)
            .header("webhook-signature", signature(&self.key, &first.id, &timestamp, &body))
            .send(&body[..]);
        match answer {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err((verdict(answer.status()), format!("the answer is {}", answer.status()))),
            Err(error) => Err((Verdict::Away, error.to_string())),
        }
    }
}

impl Target for Webhook {
    fn deliver(&mut self, deliveries: &[Delivery]) -> Result<(), Undelivered> {
        let mut delivered = 0;
        for chunk in deliveries.chunks(self.settings.batch) {
            match self.send(chunk) {
                Ok(()) => delivered += chunk.len(),
                // What is wrong with one must not cost the others.
                Err((Verdict::Refused, _)) if chunk.len() > 1 => {
                    for one in chunk {
                        self.send(std::slice::from_ref(one)).map_err(|(verdict, why)| Undelivered {
                            delivered,
                            verdict,
                            why,
                        })?;
                        delivered += 1;
                    }
                }
                Err((verdict, why)) => return Err(Undelivered { delivered, verdict, why }),
            }
        }
        Ok(())
    }

    fn probe(&mut self) -> Result<String, String> {
        match self.agent.head(&self.settings.url).call() {
            Ok(answer) if answer.status().is_server_error() => Err(format!("the answer is {}", answer.status())),
            Ok(_) => Ok("an answer of 2xx is its promise to have the entry".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A text as CloudEvents have it in headers: what is not printable ASCII is coded, and so are quotes and percent signs.
fn header_value(text: &str) -> String {
    let mut coded = String::new();
    for byte in text.bytes() {
        match byte {
            b'"' | b'%' | ..=0x20 | 0x7f.. => coded.push_str(&format!("%{byte:02X}")),
            _ => coded.push(char::from(byte)),
        }
    }
    coded
}

/// What an answer other than a success means: the body will never be right, or a later time may be.
fn verdict(status: StatusCode) -> Verdict {
    match status.as_u16() {
        400 | 405 | 410 | 413 | 415 | 422 => Verdict::Refused,
        _ => Verdict::Failed,
    }
}

/// `v1,` and the HMAC-SHA256 of id, time and body.
fn signature(key: &hmac::Key, id: &str, timestamp: &str, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(key);
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].into_iter().for_each(|part| context.update(part));
    format!("v1,{}", STANDARD.encode(context.sign()))
}

/// Seconds since 1970: receivers refuse requests that are too old.
#[expect(clippy::disallowed_methods, reason = "receivers compare it with their own wall clock")]
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_values_are_coded_as_cloud_events_have_them() {
        assert_eq!(header_value("a-room/3/70/5"), "a-room/3/70/5");
        assert_eq!(header_value("Euro € 😀 \"5%\""), "Euro%20%E2%82%AC%20%F0%9F%98%80%20%225%25%22");
    }

    #[test]
    fn signatures_are_those_of_the_standard() {
        // The example of the reference libraries.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
