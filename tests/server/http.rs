//! Pages, lists, health, metrics, handshakes.

use std::io::{Read, Write};
use std::ops::Add;
use std::thread;
use std::time::Duration;

use tickwire::server::{Config, Pages};
use tickwire::wire::Join;

use crate::refusals::{Answer, shake_hands};
use crate::support::{Player, Raw, TestServer, lean, wait_for};

#[test]
fn pages_come_with_a_strict_policy_and_validators() {
    let config = Config { workers: 1, room_threads: 1, pages: Pages::Embedded, ..Config::default() };
    let server = TestServer::with(config, |server| server);
    let map = server.get("/assets/maps/plaza.txt");
    assert!(map.starts_with("HTTP/1.1 200"), "{map}");
    assert!(map.contains("content-security-policy: default-src 'self'"));
    assert!(map.contains("x-content-type-options: nosniff"));
    let tag = map.lines().find_map(|line| line.strip_prefix("etag: ")).expect("a validator");
    let mut raw = Raw::open(server.address);
    let again = format!("GET /assets/maps/plaza.txt HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: {tag}\r\n\r\n");
    raw.say(again.as_bytes());
    assert!(raw.head().starts_with("HTTP/1.1 304"));
    assert!(!map.contains("access-control-allow-origin"), "pages and data are for this site");
    let client = server.get("/client/index.js");
    assert!(client.starts_with("HTTP/1.1 200") && client.contains("access-control-allow-origin: *"), "{client}");
    assert!(client.contains("content-type: text/javascript"));
    for path in
        ["/nothing", "/../Cargo.toml", "/%2e%2e/Cargo.toml", "/assets/../Cargo.toml", "/package.json", "//etc/passwd"]
    {
        assert!(server.get(path).starts_with("HTTP/1.1 404"), "{path}");
    }
}

#[test]
fn pages_are_compressed_for_whom_that_helps() {
    let config = Config { workers: 1, room_threads: 1, pages: Pages::Embedded, ..Config::default() };
    let server = TestServer::with(config, |server| server);
    let ask = |path: &str, headers: &str| {
        let mut raw = Raw::open(server.address);
        raw.say(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").as_bytes());
        let head = raw.head();
        let mut body = Vec::new();
        raw.stream.read_to_end(&mut body).expect("the connection ends");
        (head, body)
    };
    let tag = |head: &str| head.lines().find_map(|line| line.strip_prefix("etag: ")).expect("a validator").to_owned();
    let (plain, text) = ask("/client/film.js", "");
    assert!(!plain.contains("content-encoding"), "{plain}");
    let (head, packed) = ask("/client/film.js", "Accept-Encoding: gzip, deflate, br\r\n");
    assert!(head.contains("content-encoding: gzip") && head.contains("vary: accept-encoding"), "{head}");
    assert!(packed.len() * 2 < text.len(), "{} of {} bytes", packed.len(), text.len());
    assert_eq!(packed[..2], [0x1f, 0x8b], "gzip");
    assert_ne!(tag(&head), tag(&plain), "a cache must not take one for the other");
    let (again, _) = ask("/client/film.js", &format!("Accept-Encoding: gzip\r\nIf-None-Match: {}\r\n", tag(&head)));
    assert!(again.starts_with("HTTP/1.1 304"), "{again}");
    assert!(!ask("/client/film.js", "Accept-Encoding: gzip;q=0\r\n").0.contains("content-encoding"));
    assert!(
        !ask("/assets/demo.jpg", "Accept-Encoding: gzip\r\n").0.contains("content-encoding"),
        "a picture is compressed already"
    );
}

#[test]
fn only_the_page_that_shows_a_room_may_be_framed() {
    let folder = Pages::Folder(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/smallest/web").into());
    for pages in [Pages::Embedded, folder, Pages::Disk(env!("CARGO_MANIFEST_DIR").into())] {
        let config = Config { workers: 1, room_threads: 1, pages: pages.clone(), ..Config::default() };
        let server = TestServer::with(config, |server| server);
        let page = server.get("/watch/ab12cd34");
        assert!(page.starts_with("HTTP/1.1 200") && page.contains("src=\"main.js\""), "{pages:?}: {page}");
        assert!(page.contains("frame-ancestors *") && !page.contains("x-frame-options"), "{pages:?}: {page}");
        for path in ["/watch/main.js", "/client/watch.js", "/"] {
            let other = server.get(path);
            assert!(
                other.starts_with("HTTP/1.1 200") && other.contains("frame-ancestors 'none'"),
                "{pages:?}: {path}: {other}"
            );
        }
        assert!(server.get("/watch/ab12.cd").starts_with("HTTP/1.1 404"), "{pages:?}");
    }
}

#[test]
fn pages_from_disk_cannot_be_climbed_out_of() {
    let root = env!("CARGO_MANIFEST_DIR").into();
    let config = Config { workers: 1, room_threads: 1, pages: Pages::Disk(root), ..Config::default() };
    let server = TestServer::with(config, |server| server);
    assert!(server.get("/assets/maps/plaza.txt").starts_with("HTTP/1.1 200"));
    for path in
        ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/assets/../Cargo.toml", "/assets/%2e%2e/Cargo.toml", "//etc/passwd"]
    {
        assert!(server.get(path).starts_with("HTTP/1.1 404"), "{path}");
    }
}

#[test]
fn a_folder_of_ones_own_is_served_with_the_client_below() {
    let folder = |path: &str| Pages::Folder(concat!(env!("CARGO_MANIFEST_DIR"), "/").to_owned().add(path).into());
    let config = |path| Config { workers: 1, room_threads: 1, pages: folder(path), ..Config::default() };
    let server = TestServer::with(config("examples/smallest/web"), |server| server);
    let page = server.get("/");
    assert!(
        page.contains("<title>Dots</title>") && page.contains("content-security-policy: default-src 'self'"),
        "{page}"
    );
    assert!(server.get("/game.js").contains("text/javascript"));
    assert!(server.get("/client/index.js").starts_with("HTTP/1.1 200"));
    for path in
        ["/client/../main.rs", "/../main.rs", "/%2e%2e/main.rs", "/demo/main.js", "/assets/demo.jpg", "//etc/passwd"]
    {
        assert!(server.get(path).starts_with("HTTP/1.1 404"), "{path}");
    }
    let mut missing = TestServer::with(config("nowhere"), |server| server);
    let error = missing.join().expect_err("there is no such folder").to_string();
    assert!(error.starts_with("pages: there is no folder ") && error.ends_with("nowhere"), "{error}");
}

#[test]
fn a_room_says_where_its_bytes_go() {
    let server = TestServer::start();
    assert!(server.get("/api/rooms/nobody/costs").starts_with("HTTP/1.1 404"));
    let mut player = Player::arena(&server);
    let room = player.client.welcome().expect("a welcome").room.clone();
    player.until(|_, client| client.tick().0 >= 45);
    let told = server.get(&format!("/api/rooms/{room}/costs"));
    assert!(told.starts_with("HTTP/1.1 200") && told.contains("cache-control: no-store"), "{told}");
    let body = told.split("\r\n\r\n").nth(1).expect("a body");
    let costs: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(costs["players"], 1);
    assert!(costs["samples"].as_u64().is_some_and(|samples| samples >= 2), "{costs}");
    let shares = costs["shares"].as_array().expect("a list");
    assert!(shares.iter().any(|share| share["kind"] == "avatar" && share["field"] == "x"), "{costs}");
    let bits: f64 = shares.iter().filter_map(|share| share["bits"].as_f64()).sum();
    assert!((bits / 8.0 - costs["bytes"].as_f64().expect("a number")).abs() < 0.1, "{costs}");
    let metrics = server.get("/metrics");
    assert!(metrics.contains(r#"tickwire_delta_bits{game="arena",kind="avatar",field="x"}"#), "{metrics}");
    assert!(!metrics.contains(&room), "rooms are not named");
}

#[test]
fn a_room_of_which_players_see_a_part_keeps_its_costs_to_itself() {
    let server = TestServer::start();
    let options = vec![("map".to_owned(), "big".to_owned())];
    let join = || Join::JoinOrCreate { game: "arena".to_owned(), options: options.clone() };
    let mut player = Player::join(&server, join()).expect("the arena has room");
    let _aside = Player::join(&server, join()).expect("the arena has room");
    let room = player.client.welcome().expect("a welcome").room.clone();
    player.until(|_, client| client.tick().0 >= 45);
    let told = server.get(&format!("/api/rooms/{room}/costs"));
    let costs: serde_json::Value = serde_json::from_str(told.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
    // Sparks lie in cells that nobody sees as a whole.
    assert_eq!((&costs["hidden"], &costs["bytes"]), (&serde_json::json!(true), &serde_json::json!(0.0)), "{costs}");
    assert_eq!(costs["shares"], serde_json::json!([]));
}

#[test]
fn metrics_say_where_time_and_memory_go() {
    let server = TestServer::start();
    let mut player = Player::arena(&server);
    player.until(|_, client| client.tick().0 >= 40);
    // A frame is published before its tick is counted.
    wait_for(|| server.metric("tickwire_ticks_total") >= 40.0, "40 ticks are counted");
    let ticks = server.metric("tickwire_ticks_total");
    let room = ["merge", "step", "write_snapshot", "freeze", "publish"].map(|phase| ("tick", phase));
    for (whose, phase) in room.into_iter().chain([("session", "compose"), ("session", "send")]) {
        let counted = server.metric(&format!("tickwire_{whose}_phase_seconds_count{{phase=\"{phase}\"}}"));
        assert!((1.0..=10.0).contains(&counted), "{phase}: {counted} samples in {ticks} ticks");
    }
    if cfg!(target_os = "linux") {
        assert!(server.metric("process_resident_memory_bytes") > 1e6);
        assert!(server.get("/metrics").contains("\nprocess_cpu_seconds_total "));
    }
}

#[test]
fn an_invitation_is_a_picture_of_a_link_to_this_server() {
    let server = TestServer::start();
    let told = server.get("/api/rooms/ab12cd34/qr.svg?scheme=https");
    assert!(told.starts_with("HTTP/1.1 200") && told.contains("content-type: image/svg+xml"), "{told}");
    assert!(told.contains("cache-control: no-store") && told.contains("<svg"), "{told}");
    for path in
        ["/api/rooms/ab12cd34/qr.svg", "/api/rooms/ab12cd34/qr.svg?scheme=ftp", "/api/rooms/a%26b/qr.svg?scheme=http"]
    {
        assert!(server.get(path).starts_with("HTTP/1.1 400"), "{path}");
    }
    // Whoever asks for ever new codes gets only so many. Several ask, because one alone may be too slow for that.
    let ask = |first: usize| {
        let codes = (first..first + 100).map(|room| server.get(&format!("/api/rooms/{room}/qr.svg?scheme=http")));
        codes.filter(|code| code.starts_with("HTTP/1.1 503") && code.contains("retry-after")).count()
    };
    let refused = thread::scope(|scope| {
        let askers: Vec<_> = (0..8).map(|asker| scope.spawn(move || ask(100 * asker))).collect();
        askers.into_iter().map(|asker| asker.join().expect("no request fails")).sum::<usize>()
    });
    println!("{refused} of 800 codes were refused");
    assert!((1..800).contains(&refused));
    let mut raw = Raw::open(server.address);
    raw.say(b"GET /api/rooms/ab12cd34/qr.svg?scheme=http HTTP/1.1\r\nHost: evil.example/?\r\n\r\n");
    assert!(raw.head().starts_with("HTTP/1.1 403"), "only links to this server are drawn");
}

#[test]
fn the_list_of_rooms_updates_by_itself() {
    let empty_room_for = Duration::from_secs(1);
    let config = Config { empty_room_for, ..lean() };
    let server = TestServer::with(config, |server| server);
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200"));
    let mut live = Raw::open(server.address);
    live.say(b"GET /api/rooms/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let head = live.head();
    assert!(head.contains("text/event-stream"), "{head}");
    let mut seen = String::new();
    let mut read_until = |wanted: &str| {
        wait_for(
            || {
                let mut chunk = [0; 4096];
                live.stream.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
                if let Ok(read) = live.stream.read(&mut chunk) {
                    seen.push_str(&String::from_utf8_lossy(&chunk[..read]));
                }
                seen.contains(wanted)
            },
            wanted,
        );
    };
    read_until("data: {\"rooms\":[],\"more\":false}");
    let player = Player::arena(&server);
    let room = player.client.welcome().expect("a welcome").room.clone();
    read_until(&format!("\"id\":\"{room}\",\"game\":\"arena\",\"players\":1,\"away\":0,\"capacity\":"));
    assert!(server.get("/api/rooms").contains(&room));
    drop(player);
    read_until("data: {\"changed\":[{");
    read_until("\"players\":0");
    read_until(&format!("data: {{\"removed\":[\"{room}\"],\"more\":false}}"));
    wait_for(|| !server.get("/api/rooms").contains(&room), "the empty room to end");
}

#[test]
fn handshakes_are_checked() {
    let server = TestServer::start();
    let ask = |headers: &str| Raw::open(server.address).upgrade(headers);
    let protocol = "Sec-WebSocket-Protocol: tickwire.v2\r\n";
    assert!(ask("").starts_with("HTTP/1.1 400"));
    let refused = ask("Sec-WebSocket-Protocol: chat\r\n");
    assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("connection: close"), "{refused}");
    assert!(ask(&format!("Sec-WebSocket-Protocol: chat\r\n{protocol}")).starts_with("HTTP/1.1 101"));
    assert!(ask(&format!("Transfer-Encoding: chunked\r\n{protocol}")).starts_with("HTTP/1.1 400"));
    let accepted = ask(protocol);
    assert!(
        accepted.starts_with("HTTP/1.1 101") && accepted.contains("sec-websocket-protocol: tickwire.v2"),
        "{accepted}"
    );
    for origin in ["null", "http://evil.example", "http://localhost.evil", "http://LOCALHOST"] {
        let answer = shake_hands(&mut Raw::open(server.address), &format!("Origin: {origin}\r\n"));
        assert!(matches!(answer, Answer::Closed { code: 4503, .. }), "{origin}: {answer:?}");
    }
    for origin in ["http://localhost", "http://localhost:5173", "http://127.0.0.1:1"] {
        let answer = shake_hands(&mut Raw::open(server.address), &format!("Origin: {origin}\r\n"));
        assert_eq!(answer, Answer::Session, "{origin}");
    }
    let raw = |request: &str| {
        let mut raw = Raw::open(server.address);
        raw.stream.write_all(request.as_bytes()).expect("the server reads");
        raw.head()
    };
    let upgrade = "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    assert!(
        raw(&format!("GET /play HTTP/1.1\r\n{upgrade}Sec-WebSocket-Version: 99\r\n{key}\r\n"))
            .starts_with("HTTP/1.1 426")
    );
    assert!(
        raw(&format!("GET /play HTTP/1.1\r\n{upgrade}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n"))
            .starts_with("HTTP/1.1 400")
    );
    assert!(
        raw(&format!("POST /play HTTP/1.1\r\n{upgrade}Sec-WebSocket-Version: 13\r\n{key}\r\n"))
            .starts_with("HTTP/1.1 405")
    );
    let or_another = upgrade.replace("websocket", "websocket, h2c");
    assert!(
        raw(&format!("GET /play HTTP/1.1\r\n{or_another}Sec-WebSocket-Version: 13\r\n{key}{protocol}\r\n"))
            .starts_with("HTTP/1.1 400")
    );
    assert!(server.get("/play").starts_with("HTTP/1.1 426"));
}

/// Monitors ask for heads (`curl -I`), and browsers for options.
#[test]
fn what_can_be_read_has_a_head_and_other_methods_are_told_what_is_allowed() {
    let server = TestServer::with(Config { pages: Pages::Embedded, ..lean() }, |server| server);
    let answer = |method: &str, path: &str| {
        let mut raw = Raw::open(server.address);
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        raw.stream.write_all(request.as_bytes()).expect("the server reads");
        let mut answer = Vec::new();
        raw.stream.read_to_end(&mut answer).expect("the server answers and closes");
        let text = String::from_utf8_lossy(&answer).to_lowercase();
        let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
        (head.to_owned(), body.len())
    };
    for path in ["/", "/healthz", "/metrics", "/api/rooms", "/client/index.js"] {
        let ((head, head_body), (get, get_body)) = (answer("HEAD", path), answer("GET", path));
        assert!(head.starts_with("http/1.1 200") && get.starts_with("http/1.1 200"), "{path}: {head}");
        assert_eq!((head_body, get_body > 0), (0, true), "{path}: {head}");
        for method in ["OPTIONS", "DELETE"] {
            let (head, _) = answer(method, path);
            assert!(head.starts_with("http/1.1 405") && head.contains("allow: get, head"), "{method} {path}: {head}");
        }
    }
    // A head of an endless answer would never end.
    let (head, _) = answer("HEAD", "/api/rooms/events");
    assert!(head.starts_with("http/1.1 405") && head.contains("allow: get"), "{head}");
}

#[test]
fn a_head_that_trickles_in_is_not_waited_for() {
    let server = TestServer::start();
    let mut first = Raw::open(server.address);
    let start = std::time::Instant::now();
    let head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";
    first.say(head);
    wait_for(
        || {
            first.say(b"a");
            std::thread::sleep(Duration::from_millis(200));
            matches!(first.poll_end(), Some(true))
        },
        "the connection is closed",
    );
    assert!(start.elapsed() < Duration::from_secs(10));
    // A second request has no time limit in the server's HTTP layer, so there is none on a connection.
    let mut second = Raw::open(server.address);
    second.say(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut answer = Vec::new();
    second.stream.read_to_end(&mut answer).expect("the connection ends by itself");
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}
