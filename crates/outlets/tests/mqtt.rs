//! MQTT with a real mosquitto: entries with QoS 1, retained states, the last will, credentials, TLS, and a broker that is away.

#![cfg(feature = "mqtt")]
#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use serde_json::Value;
use support::{PATIENT, Process, delivery, folder, free_port, joined, probe, result, sink, wait_for};
use tickwire::tap::{Delivery, Sink, TapBody, Verdict};

const MOSQUITTO: &str = "/usr/sbin/mosquitto";

/// A broker with this configuration besides the usual.
fn broker(folder: &Path, port: u16, more: &str) -> Process {
    let config = folder.join("mosquitto.conf");
    let text = format!("listener {port} 127.0.0.1\n{more}\nuser root\n");
    fs::write(&config, text).expect("a file");
    Process::listening(MOSQUITTO, &["-c", config.to_str().expect("text")], port)
}

/// What a client of the broker hears: topic, payload, and whether it was retained.
struct Listener {
    heard: Receiver<(String, String, bool)>,
    _process: Process,
}

impl Listener {
    fn start(port: u16, more: &[&str]) -> Self {
        let port = port.to_string();
        let arguments = ["-h", "127.0.0.1", "-p", &port, "-V", "5", "-t", "tickwire/#", "-q", "1", "-F", "%t|%r|%p"];
        let mut process = Process::start("mosquitto_sub", &[&arguments[..], more].concat());
        let output = BufReader::new(process.0.stdout.take().expect("a pipe"));
        let (tell, heard) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let mut parts = line.splitn(3, '|').map(str::to_owned);
                let (Some(topic), Some(retained), Some(payload)) = (parts.next(), parts.next(), parts.next()) else {
                    return;
                };
                if tell.send((topic, payload, retained == "1")).is_err() {
                    return;
                }
            }
        });
        Self { heard, _process: process }
    }

    fn next(&self) -> (String, String, bool) {
        self.heard.recv_timeout(PATIENT).expect("a message")
    }

    /// The next message with this topic.
    fn next_on(&self, topic: &str) -> (String, bool) {
        loop {
            let (found, payload, retained) = self.next();
            if found == topic {
                return (payload, retained);
            }
        }
    }
}

fn outlet(port: u16, more: &str) -> String {
    format!("[[sink]]\nname = \"things\"\ntype = \"mqtt\"\nhost = \"127.0.0.1\"\nport = {port}\n{more}\n")
}

#[test]
fn entries_states_and_the_last_will() {
    let (folder, port) = (folder("mqtt"), free_port());
    let _broker = broker(&folder, port, "allow_anonymous true");
    let text = outlet(port, "kinds = [\"match.ended\"]");
    assert!(probe(&text).expect("it answers").contains("PUBACK"));
    let listener = Listener::start(port, &[]);
    let mut sink = sink(&text);
    let made = TapBody::RoomMade { capacity: 2, properties: Vec::new() };
    sink.deliver(&[delivery("r1", 0, made), joined("r1", 1, 0, "Ada"), result("r1", 2)]).expect("delivered");
    assert_eq!(listener.next_on("tickwire/nodes/here/status").0, "online");
    // Filtered, but part of the state.
    assert_eq!(listener.next_on("tickwire/duel/r1/state").0, r#"{"players":[]}"#);
    assert_eq!(listener.next_on("tickwire/duel/r1/state").0, r#"{"players":[{"name":"Ada","seat":0}]}"#);
    let (event, retained) = listener.next_on("tickwire/duel/r1/match.ended");
    let event: Value = serde_json::from_str(&event).expect("JSON");
    assert_eq!((&event["id"], &event["data"]["result"]["winner"], retained), (&"r1/3/70/2".into(), &2.into(), false));
    // Whoever comes later gets the state.
    let later = Listener::start(port, &[]);
    assert_eq!(later.next_on("tickwire/duel/r1/state"), (r#"{"players":[{"name":"Ada","seat":0}]}"#.to_owned(), true));
    let ended = TapBody::RoomEnded { code: 4200, reason: "match-over".to_owned() };
    sink.deliver(&[delivery("r1", 3, ended)]).expect("delivered");
    assert_eq!(later.next_on("tickwire/duel/r1/state").0, "");
    sink.stop();
    assert_eq!(later.next_on("tickwire/nodes/here/status").0, "offline");
}

#[test]
fn a_broker_that_goes_away_gets_all_after_it_is_back() {
    let (folder, port) = (folder("mqtt-away"), free_port());
    let running = broker(&folder, port, "allow_anonymous true");
    let mut sink = sink(&outlet(port, "state_topic = \"\""));
    sink.deliver(&[result("r", 0)]).expect("delivered");
    running.kill();
    let undelivered = sink.deliver(&[result("r", 1)]).expect_err("nobody is there");
    assert_eq!((undelivered.delivered, undelivered.verdict), (0, Verdict::Away), "{undelivered:?}");
    let _broker = broker(&folder, port, "allow_anonymous true");
    let listener = Listener::start(port, &[]);
    // The listener may subscribe late, and these are not retained.
    wait_for(
        || {
            sink.deliver(&(1..200).map(|index| result("r", index)).collect::<Vec<_>>()).expect("delivered");
            listener.heard.recv_timeout(std::time::Duration::from_secs(1)).is_ok()
        },
        "the listener hears something",
    );
    let mut last = listener.next();
    while !last.1.contains("r/3/70/199") {
        last = listener.next();
    }
}

#[test]
fn wrong_credentials_are_told_without_the_password() {
    let (folder, port) = (folder("mqtt-credentials"), free_port());
    let passwords = folder.join("passwords");
    let made = Command::new("mosquitto_passwd").args(["-b", "-c"]).arg(&passwords).args(["server", "sesame"]).status();
    assert!(made.expect("mosquitto_passwd is there").success());
    let more = format!("allow_anonymous false\npassword_file {}", passwords.display());
    let _broker = broker(&folder, port, &more);
    let with = |password| outlet(port, &format!("username = \"server\"\npassword = \"{password}\""));
    sink(&with("sesame")).deliver(&[result("r", 0)]).expect("delivered");
    let undelivered = sink(&with("opensesame")).deliver(&[result("r", 0)]).expect_err("refused");
    assert!(!undelivered.why.contains("sesame") && undelivered.verdict == Verdict::Away, "{undelivered:?}");
    assert!(probe(&with("opensesame")).is_err());
}

#[test]
fn tls_trusts_the_named_authority_only() {
    let (folder, port) = (folder("mqtt-tls"), free_port());
    let mut authority = CertificateParams::new(Vec::new()).expect("valid");
    authority.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("a certificate");
    let key = KeyPair::generate().expect("a key");
    let mut own = CertificateParams::new(Vec::new()).expect("valid");
    own.subject_alt_names = vec![SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST))];
    let certificate = own.signed_by(&key, &issuer).expect("a certificate");
    let file = |name: &str, text: &str| {
        fs::write(folder.join(name), text).expect("a file");
        folder.join(name).display().to_string()
    };
    let (ca, cert, key) =
        (file("ca.pem", &issuer.pem()), file("cert.pem", &certificate.pem()), file("key.pem", &key.serialize_pem()));
    let _broker = broker(&folder, port, &format!("allow_anonymous true\ncertfile {cert}\nkeyfile {key}"));
    sink(&outlet(port, &format!("tls = true\nca = \"{ca}\""))).deliver(&[result("r", 0)]).expect("delivered");
    let other = CertifiedIssuer::self_signed(
        CertificateParams::new(Vec::new()).expect("valid"),
        KeyPair::generate().expect("a key"),
    );
    let other = file("other.pem", &other.expect("a certificate").pem());
    let undelivered = sink(&outlet(port, &format!("tls = true\nca = \"{other}\""))).deliver(&[result("r", 0)]);
    assert!(undelivered.expect_err("not trusted").why.contains("TLS"));
}

/// Delivers an entry until it was heard: the listener may not have subscribed yet.
fn deliver_until(sink: &mut dyn Sink, entry: &Delivery, is_heard: impl Fn() -> bool) {
    let heard = || {
        sink.deliver(std::slice::from_ref(entry)).expect("delivered");
        thread::sleep(std::time::Duration::from_millis(50));
        is_heard()
    };
    wait_for(heard, "the entry is heard");
}

#[test]
fn in_the_binary_format_the_attributes_are_user_properties() {
    let (folder, port) = (folder("mqtt-binary"), free_port());
    let _broker = broker(&folder, port, "allow_anonymous true");
    let port_text = port.to_string();
    let arguments = ["-h", "127.0.0.1", "-p", &port_text, "-V", "5", "-t", "tickwire/duel/#", "-q", "1", "-C", "1"];
    let mut listener = Process::start("mosquitto_sub", &[&arguments[..], &["-F", "%j"]].concat());
    let mut sink = sink(&outlet(port, "format = \"binary\"\nstate_topic = \"\""));
    let output = listener.0.stdout.take().expect("a pipe");
    let heard = thread::spawn(move || BufReader::new(output).lines().next().expect("a line").expect("text"));
    deliver_until(&mut *sink, &result("r", 0), || heard.is_finished());
    let message: Value = serde_json::from_str(&heard.join().expect("it is heard")).expect("JSON");
    let properties = &message["properties"];
    assert_eq!(properties["content-type"], "application/json", "{message}");
    let user = format!("{}", properties["user-properties"]);
    for (name, value) in [("id", "r/3/70/0"), ("source", "/tickwire/duel"), ("type", "tickwire.match.ended")] {
        assert!(user.contains(&format!("\"{name}\"")) && user.contains(value), "{message}");
    }
    let data: Value = match &message["payload"] {
        Value::String(text) => serde_json::from_str(text).expect("JSON"),
        other => other.clone(),
    };
    assert_eq!(data["result"]["winner"], 0, "{message}");
}

#[test]
fn the_lamp_of_the_guide_shows_when_a_match_ends() {
    let guide = include_str!("../../../src/guide/outlets.md");
    let command = guide.lines().find(|line| line.starts_with("mosquitto_sub")).expect("the guide has it");
    let (folder, port) = (folder("mqtt-lamp"), free_port());
    let _broker = broker(&folder, port, "allow_anonymous true");
    // It ends by itself: killing the shell would leave it behind.
    let here = format!("mosquitto_sub -C 1 -W 60 -h 127.0.0.1 -p {port}");
    let mut lamp = Process::start("sh", &["-c", &command.replacen("mosquitto_sub", &here, 1)]);
    let output = lamp.0.stdout.take().expect("a pipe");
    let shown = thread::spawn(move || BufReader::new(output).lines().next().expect("a line").expect("text"));
    let mut sink = sink(&outlet(port, ""));
    sink.deliver(&[joined("r", 0, 0, "ada")]).expect("delivered");
    deliver_until(&mut *sink, &result("r", 1), || shown.is_finished());
    let shown = shown.join().expect("it is lit");
    let event = shown.strip_prefix("a match has ended: ").unwrap_or_else(|| panic!("{shown}"));
    let event: Value = serde_json::from_str(event).expect("JSON");
    assert_eq!(event["data"]["result"]["winner"], 1);
}
