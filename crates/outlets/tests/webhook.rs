//! Webhooks over real sockets: signed as the standard says, tried again, in order, and what is refused is left aside.

#![allow(clippy::disallowed_methods, reason = "real sockets live in real time")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::Value;
use tickwire::Seat;
use tickwire::tap::{Delivery, Sink, TapBody, TapEntry, TapKey, Verdict};
use tickwire_outlets::Outlets;

const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

/// A request that a receiver got.
struct Request {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    fn is_signed(&self) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(SECRET).expect("base64"));
        let (id, timestamp) = (self.header("webhook-id").as_bytes(), self.header("webhook-timestamp").as_bytes());
        let signed = [id, b".", timestamp, b".", &self.body].concat();
        let signature =
            self.header("webhook-signature").strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok());
        signature.is_some_and(|signature| hmac::verify(&key, &signed, &signature).is_ok())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// A receiver that answers with these statuses, and then with 204.
fn receiver(statuses: &[u16]) -> (String, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let (sent, received) = channel();
    let statuses = Arc::new(Mutex::new(statuses.iter().rev().copied().collect::<Vec<u16>>()));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (sent, statuses) = (sent.clone(), statuses.clone());
            thread::spawn(move || {
                let mut reader = BufReader::new(stream.expect("a connection"));
                while let Some(request) = read(&mut reader) {
                    let status = statuses.lock().expect("fine").pop().unwrap_or(204);
                    let _ = sent.send(request);
                    let answer = format!("HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n\r\n");
                    reader.get_mut().write_all(answer.as_bytes()).expect("it reads");
                }
            });
        }
    });
    (url, received)
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((key, value)) = line.trim().split_once(':') else { break };
        headers.push((key.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(key, _)| key == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().expect("a number"))];
    reader.read_exact(&mut body).ok()?;
    Some(Request { headers, body })
}

fn webhook(url: &str, more: &str) -> Box<dyn Sink> {
    let head = "[[sink]]\nname = \"hook\"\ntype = \"webhook\"\n";
    let text = format!("{head}url = \"{url}\"\nsecret = \"whsec_{SECRET}\"\n{more}");
    Outlets::parse(&text, "here").expect("a sink").into_sinks().next().expect("a sink").1
}

fn delivery(index: u32) -> Delivery {
    let key = TapKey { room: "a-room".to_owned(), incarnation: 3, tick: 70, index };
    let (name, identity, reason) = ("Ada".to_owned(), Some("u7".to_owned()), "left".to_owned());
    let body = TapBody::PlayerLeft { seat: Seat(2), name, identity, code: 1000, reason };
    let entry = TapEntry { key, game: "arena".to_owned(), private: false, body };
    Delivery { position: index.into(), time: 951_782_400_000, entry: Arc::new(entry) }
}

fn next(received: &Receiver<Request>) -> Request {
    received.recv_timeout(Duration::from_secs(20)).expect("a request")
}

#[test]
fn an_entry_is_a_signed_event() {
    let (url, received) = receiver(&[]);
    webhook(&url, "").deliver(&[delivery(5)]).expect("it is delivered");
    let request = next(&received);
    assert!(request.is_signed());
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time").as_secs();
    assert!(now.abs_diff(request.header("webhook-timestamp").parse().expect("seconds")) < 60);
    assert_eq!(request.header("content-type"), "application/cloudevents+json; charset=utf-8");
    let event = request.json();
    for (key, value) in [
        ("specversion", "1.0"),
        ("id", "a-room/3/70/5"),
        ("source", "/tickwire/arena"),
        ("type", "tickwire.player.left"),
        ("subject", "a-room"),
        ("time", "2000-02-29T00:00:00.000Z"),
    ] {
        assert_eq!(event[key], value);
    }
    let data = &event["data"];
    assert_eq!((&data["seat"], &data["name"], &data["identity"]), (&2.into(), &"Ada".into(), &"u7".into()));
    assert_eq!((&data["incarnation"], &data["tick"], &data["index"]), (&3.into(), &70.into(), &5.into()));
}

#[test]
fn in_the_binary_format_the_attributes_are_headers() {
    let (url, received) = receiver(&[]);
    let delivered = delivery(5);
    let mut entry = TapEntry::clone(&delivered.entry);
    entry.game = "tic tac \u{2192}".to_owned();
    let delivered = Delivery { entry: Arc::new(entry), ..delivered };
    webhook(&url, "format = \"binary\"\n").deliver(&[delivered]).expect("it is delivered");
    let request = next(&received);
    assert!(request.is_signed());
    for (name, value) in [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "a-room/3/70/5"),
        ("ce-source", "/tickwire/tic%20tac%20%E2%86%92"),
        ("ce-type", "tickwire.player.left"),
        ("ce-subject", "a-room"),
        ("ce-time", "2000-02-29T00:00:00.000Z"),
    ] {
        assert_eq!(request.header(name), value, "{name}");
    }
    let data = request.json();
    assert_eq!((&data["seat"], &data["index"], &data["specversion"]), (&2.into(), &5.into(), &Value::Null));
    let text = "[[sink]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"http://x\"\nsecret = \"\"\nformat = \"binary\"\nbatch = 2\n";
    let error = Outlets::parse(text, "here").err().expect("a list cannot be binary");
    assert!(error.contains("batch = 2 must be 1"), "{error}");
}

#[test]
fn answers_decide_what_happens_with_an_entry() {
    let failed = [500, 503, 429, 404, 301].map(|status| (status, Verdict::Failed));
    let refused = [400, 410, 413, 422].map(|status| (status, Verdict::Refused));
    for (status, verdict) in failed.into_iter().chain(refused) {
        let (url, _received) = receiver(&[204, status]);
        let undelivered = webhook(&url, "").deliver(&[delivery(0), delivery(1)]).expect_err("one is not taken");
        assert_eq!((undelivered.delivered, undelivered.verdict), (1, verdict), "{undelivered:?}");
    }
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let undelivered = webhook(&format!("http://{gone}/"), "").deliver(&[delivery(0)]).expect_err("nobody listens");
    assert_eq!((undelivered.delivered, undelivered.verdict), (0, Verdict::Away), "{undelivered:?}");
}

#[test]
fn one_bad_entry_costs_no_other_one_its_place_in_a_batch() {
    let (url, received) = receiver(&[422, 204, 422]);
    let all = [delivery(0), delivery(1), delivery(2)];
    let undelivered = webhook(&url, "batch = 3").deliver(&all).expect_err("one is bad");
    assert_eq!((undelivered.delivered, undelivered.verdict), (1, Verdict::Refused));
    let ids = |request: &Request| -> Vec<String> {
        let events = request.json();
        let events = events.as_array().expect("a list").iter();
        events.map(|event| event["id"].as_str().expect("a text").to_owned()).collect()
    };
    assert_eq!(ids(&next(&received)).len(), 3);
    assert_eq!(ids(&next(&received)), ["a-room/3/70/0"]);
    assert_eq!(ids(&next(&received)), ["a-room/3/70/1"]);
}

#[test]
fn settings_are_checked_and_secrets_not_shown() {
    let hook = "name = \"x\"\ntype = \"webhook\"";
    for (more, wanted) in [
        ("name = \"x\"".to_owned(), "type"),
        (format!("{hook}\nurl = \"ftp://x\"\nsecret = \"whsec_abc\""), "https://"),
        (format!("{hook}\nurl = \"http://x\"\nsecret = \"hush\""), "whsec_"),
        (format!("{hook}\nurl = \"http://x\"\nsecret = \"env:NO_SUCH_VARIABLE\""), "NO_SUCH_VARIABLE"),
        (format!("{hook}\nurl = \"http://x\"\nsecret = \"file:/no/such\""), "/no/such"),
        (format!("{hook}\nurl = \"http://x\"\ncolour = 1\nsecret = \"a\""), "colour"),
        (format!("{hook}\nkinds = [\"birth\"]"), "match.ended"),
        ("name = \"x\"\ntype = \"smoke\"".to_owned(), "smoke"),
    ] {
        let error = Outlets::parse(&format!("[[sink]]\n{more}\n"), "here").err().expect("it is wrong");
        assert!(error.contains(wanted) && !error.contains("hush") && error.lines().count() == 1, "{more}: {error}");
    }
    assert!(Outlets::parse("colour = 1", "here").err().expect("it is wrong").contains("colour"));
}
