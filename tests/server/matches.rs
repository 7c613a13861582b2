//! Ended matches of a server: who is told of which, as pages and as a stream; films that are kept, and what bounds them; how a
//! person is erased from them.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tickwire::Server;
use tickwire::engine::film::Projector;
use tickwire::engine::recording::{Recording, Rerun};
use tickwire::engine::{Client, Depth};
use tickwire::game::{
    Context, Game, LoadError, Player as Guest, PlayerInput, Refused, RoomSetup, Saved, SetupError, SnapshotWriter, Spec,
};
use tickwire::id::{EntityId, Seat};
use tickwire::server::{Claims, Config, PersonKeys};
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
    fn spec(&self) -> Spec {
        self.0.spec()
    }
    fn join(&mut self, player: &Guest, cx: &mut Context) -> Result<EntityId, Refused> {
        self.0.join(player, cx)
    }
    fn leave(&mut self, seat: Seat, cx: &mut Context) {
        self.0.leave(seat, cx);
    }
    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        self.0.step(inputs, cx);
    }
    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        self.0.write_snapshot(out);
    }
    fn chat(&mut self, _: Seat, text: &str, cx: &mut Context) -> bool {
        cx.end(json!({ "winner": text }).to_string());
        true
    }
    fn save(&self) -> Option<Saved> {
        self.0.save()
    }
    fn load(&mut self, saved: &Saved) -> Result<(), LoadError> {
        self.0.load(saved)
    }
}

fn empty(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("matches-{name}"));
    let _ = fs::remove_dir_all(&folder);
    folder
}

fn start(config: Config) -> TestServer {
    let (admin_token, token_secret) = (TOKEN.to_owned().into(), SECRET.to_owned().into());
    let config = Config { admin_token, token_secret, empty_room_for: Duration::from_secs(1), ..config };
    TestServer::with(config, |server: Server| server.build("one").game("bout", Bout::make))
}

fn bout(private: bool) -> Join {
    let options = if private { vec![("private".to_owned(), "true".to_owned())] } else { Vec::new() };
    Join::Create { game: "bout".to_owned(), options }
}

fn token(identity: &str) -> String {
    signed(&Claims { name: Some("Countess Lovelace".to_owned()), ..claims(identity) })
}

fn enter(server: &TestServer, join: Join, identity: Option<&str>) -> Player {
    let token = identity.map(token);
    let mut raw = Raw::connect(server.address);
    raw.send(&encode_client(&ClientMessage::Hello(Hello { token: token.as_deref(), ..Hello::new(join, "guest") })));
    Player::over(raw, Client::new(Depth::Full)).expect("a seat")
}

/// Plays for so many ticks, and wins.
fn win(mut player: Player, ticks: u32, words: &str) {
    let start = player.frame().expect("a frame").tick;
    player.until(|arrived, client| {
        let mut ticks_later = arrived.tick.since(start).cast_unsigned();
        ticks_later = ticks_later.min(ticks);
        let _ = client;
        ticks_later >= ticks
    });
    player.client.chat(&[], words);
    assert_eq!(player.ending(), Close::MatchOver);
}

fn page(server: &TestServer, query: &str, token: &str) -> Value {
    let (status, body) = ask(server, &format!("/api/matches{query}"), token, None);
    assert_eq!(status, 200, "{query}: {body}");
    serde_json::from_str(&body).expect("JSON")
}

fn winners(server: &TestServer, query: &str, token: &str) -> Vec<String> {
    let page = page(server, query, token);
    let matches = page["matches"].as_array().expect("a list");
    matches.iter().map(|one| one["result"]["winner"].as_str().unwrap_or("nobody").to_owned()).collect()
}

fn told(server: &TestServer, count: usize) {
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
struct Listener(TcpStream, String);

impl Listener {
    fn new(server: &TestServer, query: &str, last: Option<&str>) -> Self {
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
    fn hear(&mut self, what: &str) {
        let mut chunk = [0; 4096];
        while !self.1.contains(what) {
            let read = self.0.read(&mut chunk).expect("the stream goes on");
            assert!(read > 0, "the stream goes on: {}", self.1);
            self.1.push_str(&String::from_utf8_lossy(&chunk[..read]));
        }
    }

    /// The events that were heard: their ids and what they tell.
    fn events(&self) -> Vec<(String, Value)> {
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

fn film(server: &TestServer, entry: &Value, token: &str) -> Option<Recording> {
    let path = entry["film"].as_str()?;
    let auth = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    let mut stream = TcpStream::connect(server.address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENT)).expect("a timeout");
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{auth}\r\n");
    stream.write_all(head.as_bytes()).expect("the server reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the server answers");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    answer.starts_with(b"HTTP/1.1 200").then(|| Recording::decode(&answer[end + 4..]).expect("a recording"))
}

/// The ticks of a film, all of which can be shown.
fn ticks(recording: &Recording) -> i32 {
    let mut projector = Projector::new(&recording.header.schema, &recording.film).expect("a film");
    while projector.advance().expect("a film") {}
    let (first, last) = recording.header.ticks;
    assert_eq!(projector.tick(), Some(last));
    last.since(first)
}

#[test]
fn films_are_kept_for_those_who_may_see_them() {
    let folder = empty("films");
    let config = || Config { matches: folder.clone(), ..lean() };
    let server = start(config());
    win(enter(&server, bout(false), Some("ada-1815")), 40, "red");
    win(enter(&server, bout(true), Some("ada-1815")), 20, "blue");
    told(&server, 2);
    let all = page(&server, "", TOKEN);
    let shown = film(&server, &all["matches"][1], "").expect("a film of a listed room");
    assert!(matches!(shown.rerun, Rerun::Unknown), "nobody can run it again");
    let length = ticks(&shown);
    // Its end is told a moment before the room ends.
    assert!((60..200).contains(&length), "{length} ticks");
    let hidden = &all["matches"][0];
    assert!(film(&server, hidden, "").is_none() && film(&server, hidden, &token("charles-1791")).is_none());
    assert!(film(&server, hidden, &token("ada-1815")).is_some() && film(&server, hidden, TOKEN).is_some());
    assert_eq!(ask(&server, "/api/matches/77/film", TOKEN, None).0, 404);
    assert_eq!(ask(&server, "/api/matches/..%2Flock/film", TOKEN, None).0, 404);

    // One server at a time.
    let other = Config { bind: "127.0.0.1:0".parse().expect("an address"), ..config() };
    let refused = actix_web::rt::System::new().block_on(async { Server::new(other).mount().err() });
    let why = refused.expect("it is in use").to_string();
    assert!(why.contains("another server uses it") && why.contains("matches"), "{why}");

    // The next server has the same.
    drop(server);
    let server = start(config());
    told(&server, 2);
    assert_eq!(page(&server, "", TOKEN), all);
    assert_eq!(winners(&server, "?mine=true", &token("ada-1815")), ["blue", "red"]);
    assert_eq!(server.metric("tickwire_matches_kept"), 2.0);
}

#[test]
fn a_person_can_be_erased_from_the_archive() {
    let folder = empty("forgotten");
    let server = start(Config { matches: folder.clone(), ..lean() });
    win(enter(&server, bout(false), Some("ada-1815")), 1, "Countess Lovelace");
    win(enter(&server, bout(false), Some("charles-1791")), 1, "Babbage");
    win(enter(&server, bout(false), None), 1, "a guest");
    told(&server, 3);
    let mut files = vec![folder.clone()];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(fs::read_dir(path).expect("a folder").map(|entry| entry.expect("a file").path()));
            continue;
        }
        let bytes = fs::read(&path).expect("a file");
        for trace in [&b"ada-1815"[..], b"Lovelace"] {
            assert!(!bytes.windows(trace.len()).any(|window| window == trace), "{}", path.display());
        }
    }
    assert!(PersonKeys::for_rooms(folder.join("keys")).forget("ada-1815").expect("a folder"));
    assert_eq!(winners(&server, "", TOKEN), ["a guest", "Babbage", "nobody"], "at once");
    assert_eq!(winners(&server, "?mine=true", &token("ada-1815")), [""; 0]);
    assert_eq!(winners(&server, "?mine=true", &token("charles-1791")), ["Babbage"]);
    assert!(film(&server, &page(&server, "", TOKEN)["matches"][2], TOKEN).is_some(), "it shows nobody's name");
    // She plays on, and nothing new is found of her for a day.
    win(enter(&server, bout(false), Some("ada-1815")), 1, "Countess Lovelace");
    told(&server, 4);
    assert_eq!(winners(&server, "", TOKEN)[0], "nobody");
}

#[test]
fn the_archive_is_bounded_and_tells_what_it_cannot_read() {
    let folder = empty("bounded");
    let config = |most| Config { matches: folder.clone(), most_matches: most, ..lean() };
    let server = start(config(2));
    for words in ["one", "two", "three"] {
        win(enter(&server, bout(false), None), 1, words);
    }
    wait_for(|| winners(&server, "", "") == ["three", "two"], "the oldest is gone");
    drop(server);
    let mut files: Vec<PathBuf> =
        fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("a file").path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "match"));
    files.sort();
    assert_eq!(files.len(), 2);
    // One is damaged, and another one is cut off in its film.
    let mut bytes = fs::read(&files[0]).expect("a file");
    bytes[40] ^= 1;
    fs::write(&files[0], bytes).expect("a file");
    let bytes = fs::read(&files[1]).expect("a file");
    fs::write(&files[1], &bytes[..bytes.len() - 100]).expect("a file");
    let server = start(config(3));
    wait_for(|| winners(&server, "", "") == ["three"], "what can be read is shown");
    win(enter(&server, bout(false), None), 1, "four");
    win(enter(&server, bout(false), None), 1, "five");
    wait_for(|| winners(&server, "", "") == ["five", "four", "three"], "it goes on");
    assert!(!files[0].exists(), "what cannot be read counts, too, and goes when it is the oldest");
}
