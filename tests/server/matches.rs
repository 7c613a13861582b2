//! Ended matches of a server: who is told of which, as pages and as a stream.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tickwire::Server;
use tickwire::engine::{Client, Depth};
use tickwire::game::{Context, Game, RoomSetup, SetupError};
use tickwire::id::Seat;
use tickwire::server::{Claims, Config};
use tickwire::wire::{ClientMessage, Close, Hello, Join, encode_client};

use crate::admin::{TOKEN, ask, room_of};
use crate::support::{PATIENT, Player, Raw, TestServer, demo, lean, wait_for};
use crate::trust::{SECRET, claims, signed};

/// An arena in which whoever says something has won.
struct Bout(Box<dyn Game>);

impl Bout {
    fn make(setup: &RoomSetup) -> Result<Box<dyn Game>, SetupError> {
        Ok(Box::new(Self(demo("arena")(setup)?)))
    }
}

impl Game for Bout {
    delegate!(0: spec, join, leave, step, write_snapshot, save, load);
    fn chat(&mut self, _: Seat, text: &str, cx: &mut Context) -> bool {
        cx.end(json!({ "winner": text }).to_string());
        true
    }
}

pub fn start(config: Config) -> TestServer {
    let (admin_token, token_secret) = (TOKEN.to_owned().into(), SECRET.to_owned().into());
    let config = Config { admin_token, token_secret, empty_room_for: Duration::from_secs(1), ..config };
    TestServer::with(config, |server: Server| server.build("one").game("bout", Bout::make))
}

pub fn bout(private: bool) -> Join {
    let options = if private { vec![("private".to_owned(), "true".to_owned())] } else { Vec::new() };
    Join::Create { game: "bout".to_owned(), options }
}

pub fn token(identity: &str) -> String {
    signed(&Claims { name: Some("Countess Lovelace".to_owned()), ..claims(identity) })
}

pub fn enter(server: &TestServer, join: Join, identity: Option<&str>) -> Player {
    let token = identity.map(token);
    let mut raw = Raw::connect(server.address);
    raw.send(&encode_client(&ClientMessage::Hello(Hello { token: token.as_deref(), ..Hello::new(join, "guest") })));
    Player::over(raw, Client::new(Depth::Full)).expect("a seat")
}

/// Plays for so many ticks, and wins.
pub fn win(mut player: Player, ticks: i32, words: &str) {
    let start = player.frame().expect("a frame").tick;
    player.until(|arrived, _| arrived.tick.since(start) >= ticks);
    player.client.chat(&[], words);
    assert_eq!(player.ending(), Close::MatchOver);
}

pub fn page(server: &TestServer, query: &str, token: &str) -> Value {
    let (status, body) = ask(server, &format!("/api/matches{query}"), token, None);
    assert_eq!(status, 200, "{query}: {body}");
    serde_json::from_str(&body).expect("JSON")
}

pub fn winners(server: &TestServer, query: &str, token: &str) -> Vec<String> {
    let page = page(server, query, token);
    let matches = page["matches"].as_array().expect("a list");
    matches.iter().map(|one| one["result"]["winner"].as_str().unwrap_or("nobody").to_owned()).collect()
}

pub fn told(server: &TestServer, count: usize) {
    wait_for(|| winners(server, "", TOKEN).len() == count, &format!("{count} matches are told"));
}

#[test]
fn everybody_is_told_what_they_could_watch_and_what_they_were_in() {
    let server = start(lean());
    assert_eq!(page(&server, "", ""), json!({ "matches": [], "next": null }));
    let ada = enter(&server, bout(false), Some("ada-1815"));
    let room = room_of(&ada);
    win(ada, 1, "red");
    told(&server, 1);
    let secret = enter(&server, bout(true), Some("ada-1815"));
    let id = room_of(&secret);
    win(secret, 1, "blue");
    told(&server, 2);
    // Somebody leaves, and nobody wins.
    drop(enter(&server, bout(false), None));
    told(&server, 3);

    assert_eq!(winners(&server, "", TOKEN), ["nobody", "blue", "red"], "newest first");
    assert_eq!(winners(&server, "", ""), ["nobody", "red"]);
    assert_eq!(winners(&server, "", &token("ada-1815")), ["nobody", "blue", "red"]);
    assert_eq!(winners(&server, "", &token("charles-1791")), ["nobody", "red"]);
    assert_eq!(winners(&server, "?mine=true", &token("ada-1815")), ["blue", "red"]);
    assert_eq!(winners(&server, "?mine=true", &token("charles-1791")), [""; 0]);
    let other_room = signed(&Claims { room: Some("elsewhere".to_owned()), ..claims("ada-1815") });
    assert_eq!(winners(&server, "?mine=true", &other_room), [""; 0], "a token for another room");
    assert_eq!(ask(&server, "/api/matches", "no token of this server", None).0, 401);

    let all = page(&server, "", TOKEN);
    let one = &all["matches"][2];
    assert_eq!((&one["room"], &one["game"], &one["players"]), (&json!(room), &json!("bout"), &json!(1)));
    assert_eq!((&one["incarnation"], &one["film"]), (&json!(1), &Value::Null));
    let (began, ended) = (one["began"].as_u64().expect("a time"), one["ended"].as_u64().expect("a time"));
    assert!(began > 1_700_000_000_000 && ended >= began, "{began} to {ended}");
    let cut = all["matches"][1]["room"].as_str().expect("an id");
    assert!(cut.ends_with("...") && id.starts_with(&cut[..4]) && cut.len() < id.len(), "{cut}: it would admit");

    for (query, found) in [
        ("?result=true", &["blue", "red"][..]),
        ("?result=false", &["nobody"]),
        ("?result.winner=red", &["red"]),
        ("?game=arena", &[]),
        (&format!("?room={room}"), &["red"]),
        (&format!("?room={id}"), &["blue"]),
        (&format!("?until={}", ended + 1), &["red"]),
        (&format!("?since={}&result=true", ended + 1), &["blue"]),
    ] {
        assert_eq!(winners(&server, query, TOKEN), found, "{query}");
    }
    let first = page(&server, "?limit=2", TOKEN);
    assert_eq!(first["matches"].as_array().map(Vec::len), Some(2));
    assert_eq!(winners(&server, &format!("?limit=2&after={}", first["next"]), TOKEN), ["red"]);
    let (status, why) = ask(&server, "/api/matches?colour=red", TOKEN, None);
    assert!(status == 400 && why.contains("colour"), "{status}: {why}");
}

#[test]
fn without_guests_nobody_is_told_without_a_token() {
    let server = start(Config { guests: false, ..lean() });
    win(enter(&server, bout(false), Some("ada-1815")), 1, "red");
    told(&server, 1);
    assert_eq!(ask(&server, "/api/matches", "", None).0, 401);
    assert_eq!(ask(&server, "/api/matches/events", "", None).0, 401);
    assert_eq!(winners(&server, "", &token("ada-1815")), ["red"]);
    assert_eq!(winners(&server, "", &token("charles-1791")), [""; 0]);
}

/// Listens to the stream of matches.
pub struct Listener(TcpStream, String);

impl Listener {
    pub fn new(server: &TestServer, query: &str, last: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(server.address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENT)).expect("a timeout");
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let head = format!("GET /api/matches/events{query} HTTP/1.1\r\nHost: localhost\r\n{last}\r\n");
        stream.write_all(head.as_bytes()).expect("the server reads");
        let mut listener = Self(stream, String::new());
        listener.hear(": matches\n\n");
        listener
    }

    /// Reads on until something was heard.
    pub fn hear(&mut self, what: &str) {
        let mut chunk = [0; 4096];
        while !self.1.contains(what) {
            let read = self.0.read(&mut chunk).expect("the stream goes on");
            assert!(read > 0, "the stream goes on: {}", self.1);
            self.1.push_str(&String::from_utf8_lossy(&chunk[..read]));
        }
    }

    /// The events that were heard: their ids and what they tell.
    pub fn events(&self) -> Vec<(String, Value)> {
        let ids = self.1.lines().filter_map(|line| line.strip_prefix("id: ")).map(str::to_owned);
        let data = self.1.lines().filter_map(|line| line.strip_prefix("data: "));
        ids.zip(data.map(|text| serde_json::from_str(text).expect("JSON"))).collect()
    }
}

#[test]
fn a_stream_tells_what_ends_and_goes_on_where_it_was_interrupted() {
    let server = start(lean());
    win(enter(&server, bout(false), None), 1, "before");
    told(&server, 1);
    let mut listener = Listener::new(&server, "", None);
    let mut choosy = Listener::new(&server, "?result.winner=third", None);
    win(enter(&server, bout(false), None), 1, "second");
    listener.hear("second");
    win(enter(&server, bout(true), None), 1, "hidden");
    win(enter(&server, bout(false), None), 1, "third");
    listener.hear("third");
    choosy.hear("third");
    let events = listener.events();
    let winners: Vec<_> = events.iter().map(|(_, told)| told["result"]["winner"].as_str().expect("text")).collect();
    assert_eq!(winners, ["second", "third"], "what ended before is over, and nobody else is told of private rooms");
    assert_eq!(choosy.events().len(), 1);
    let listed = page(&server, "", "");
    assert_eq!(listed["matches"][0], events[1].1, "the same is told");
    assert_eq!(events[1].0, events[1].1["id"].to_string());
    let mut resumed = Listener::new(&server, "", Some(&events[0].0));
    resumed.hear("third");
    assert_eq!(resumed.events(), events[1..]);
}
