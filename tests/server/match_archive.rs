//! The archive of matches: films that are kept and who may see them, what bounds it, what becomes of a match when its server stops,
//! crashes or cannot write, and how a person is erased from it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tickwire::Server;
use tickwire::engine::film::Projector;
use tickwire::engine::recording::{Recording, Rerun};
use tickwire::server::{Config, PersonKeys};
use tickwire::wire::{ClientMessage, Hello, decode_client, encode_client};

use crate::admin::{TOKEN, ask, room_of};
use crate::matches::{Listener, bout, enter, page, start, token, told, win, winners};
use crate::support::{PATIENT, Player, Raw, TestServer, lean, wait_for};

fn empty(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("matches-{name}"));
    let _ = fs::remove_dir_all(&folder);
    folder
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

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("a file").path();
        let to = to.join(path.file_name().expect("a name"));
        if path.is_dir() { copy(&path, &to) } else { _ = fs::copy(&path, &to).expect("a copy") }
    }
}

#[test]
fn a_match_goes_on_after_a_stop_and_is_told_after_a_crash() {
    let (folder, data) = (empty("stopped"), empty("stopped-data"));
    let config = |folder: &Path, data: &Path| Config {
        matches: folder.to_owned(),
        data: data.to_owned(),
        hold_seats_for: PATIENT,
        come_back_within: Duration::from_secs(1),
        ..lean()
    };
    let server = start(config(&folder, &data));
    let mut ada = enter(&server, bout(false), Some("ada-1815"));
    let room = room_of(&ada);
    let begun = ada.frame().expect("a frame").tick;
    let left = ada.until(|arrived, _| arrived.tick.since(begun) > 30).tick;
    // What a crash would leave now, on a server that keeps no rooms.
    let crashed = empty("crashed");
    copy(&folder, &crashed);
    drop(server);
    let server = start(config(&folder, &data));
    server.wait_for_metric("tickwire_rooms_restored_total", 1.0);
    let mut client = ada.client.clone();
    let hello = client.resume("guest", Vec::new()).expect("a seat that is held");
    let Ok(ClientMessage::Hello(hello)) = decode_client(&hello) else { panic!("it is a hello") };
    let mut raw = Raw::connect(server.address);
    let token = token("ada-1815");
    raw.send(&encode_client(&ClientMessage::Hello(Hello { token: Some(&token), ..hello })));
    win(Player::over(raw, client).expect("the room is there"), 20, "red");
    told(&server, 1);
    let all = page(&server, "", TOKEN);
    let one = &all["matches"][0];
    let about = (&one["room"], &one["players"], &one["incarnation"], &one["result"]["winner"]);
    assert_eq!(about, (&json!(room), &json!(1), &json!(2), &json!("red")), "she joined once");
    let shown = film(&server, one, TOKEN).expect("a film");
    let (first, last) = shown.header.ticks;
    assert!(left.since(first) > 30 && last.since(left) > 20, "{left:?} is within {first:?} to {last:?}");
    ticks(&shown);
    drop(server);

    let server = start(Config { matches: crashed, ..lean() });
    told(&server, 1);
    let all = page(&server, "?mine=true", &token);
    let one = &all["matches"][0];
    assert_eq!((&one["room"], &one["players"], &one["result"]), (&json!(room), &json!(1), &Value::Null));
}

#[test]
fn a_match_that_cannot_be_written_is_told_and_counted() {
    let folder = empty("full");
    let _ = fs::remove_dir_all(folder.with_extension("away"));
    let server = start(Config { matches: folder.clone(), ..lean() });
    win(enter(&server, bout(false), None), 1, "before");
    told(&server, 1);
    let mut listener = Listener::new(&server, "", None);
    // As on a disk that is full, or gone.
    fs::rename(&folder, folder.with_extension("away")).expect("it is there");
    win(enter(&server, bout(false), None), 1, "after");
    listener.hear("after");
    assert_eq!(listener.events()[0].1["film"], Value::Null);
    assert_eq!(server.metric("tickwire_matches_lost_total"), 1.0);
    assert!(server.metric("tickwire_match_films_lost_total") >= 1.0);
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200"), "players do not notice");
    fs::rename(folder.with_extension("away"), &folder).expect("it is there");
    win(enter(&server, bout(false), None), 1, "again");
    wait_for(|| winners(&server, "", "") == ["again", "before"], "it goes on");
}
