//! The operators' page over real sockets: off without a configured token, refused without the right one; its views and orders.

use std::io::{Read, Write};
use std::net::TcpStream;

use tickwire::server::Config;
use tickwire::wire::{Close, Join};

use crate::support::{PATIENT, Player, TestServer, arena, wait_for};

pub const TOKEN: &str = "8c1f0b52a7e94d6fb3d2c5a1907e6f48";

fn start(token: &str) -> TestServer {
    let admin_token = token.to_owned().into();
    TestServer::with(Config { workers: 1, room_threads: 1, admin_token, ..Config::demo() }, |server| server)
}

/// Asks with a token, if any; posts when there is a body.
pub fn ask(server: &TestServer, path: &str, token: &str, body: Option<&str>) -> (u16, String) {
    let auth = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    let (method, content) = match body {
        Some(body) => ("POST", format!("Content-Length: {}\r\n\r\n{body}", body.len())),
        None => ("GET", "\r\n".to_owned()),
    };
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    let answer = server.ask(&format!("{head}{auth}{content}"));
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), answer.split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned()))
}

fn inside(server: &TestServer, room: &str) -> serde_json::Value {
    let (status, body) = ask(server, &format!("/admin/api/rooms/{room}/frame"), TOKEN, None);
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

pub fn room_of(player: &Player) -> String {
    player.client.welcome().expect("a welcome").room.clone()
}

#[test]
fn without_a_token_there_is_no_such_page() {
    let server = start("");
    for path in ["/admin", "/admin/", "/admin/main.js", "/admin/api/events", "/admin/api/rooms/x/frame", "/admin/api/x"]
    {
        assert_eq!(ask(&server, path, "", None).0, 404, "{path}");
        assert_eq!(ask(&server, path, TOKEN, None).0, 404, "{path}");
    }
    assert_eq!(ask(&server, "/admin/api/rooms/x/close", TOKEN, Some("{}")).0, 404);
}

#[test]
fn everything_but_the_page_itself_wants_the_token() {
    let server = start(TOKEN);
    assert!(server.get("/admin").contains("\r\nlocation: admin/\r\n"));
    assert!(ask(&server, "/admin/", "", None).1.contains("Operators"));
    assert_eq!(ask(&server, "/admin/main.js", "", None).0, 200);
    assert_eq!(ask(&server, "/admin/../assets/tickwire.toml", "", None).0, 404);
    let mut player = Player::arena(&server);
    let room = room_of(&player);
    for (path, body) in [
        ("/admin/api/events".to_owned(), None),
        (format!("/admin/api/rooms/{room}/frame"), None),
        (format!("/admin/api/rooms/{room}/costs"), None),
        (format!("/admin/api/rooms/{room}/kick"), Some("{\"seat\": 0}")),
        (format!("/admin/api/rooms/{room}/lock"), Some("{\"locked\": true}")),
        (format!("/admin/api/rooms/{room}/close"), Some("{}")),
    ] {
        let token = if body.is_none() { "" } else { &TOKEN[1..] };
        assert_eq!(ask(&server, &path, token, body).0, 401, "{path}");
    }
    // Images on pages of other sites, which send no token, count for nothing; neighbours' guesses do not keep operators out.
    for _ in 0..20 {
        assert_eq!(ask(&server, "/admin/api/rooms/x/frame", "", None).0, 401);
    }
    assert_eq!(ask(&server, &format!("/admin/api/rooms/{room}/frame"), TOKEN, None).0, 200);
    assert_eq!((0..6).map(|_| ask(&server, "/admin/api/events", "guess", None).0).max(), Some(429));
    assert_eq!(ask(&server, &format!("/admin/api/rooms/{room}/frame"), TOKEN, None).0, 200, "the right one always is");
    assert!(server.metric("tickwire_refusals_total{reason=\"admin_token\"}") >= 6.0);
    assert_eq!(player.frame().map(|arrived| arrived.players), Ok(1));
}

#[test]
fn operators_see_what_clients_of_a_large_world_lack() {
    // Hardly enough for the own cell.
    let config = Config { player_bytes: 100, admin_token: TOKEN.to_owned().into(), ..Config::demo() };
    let server = TestServer::with(Config { workers: 1, room_threads: 1, ..config }, |server| server);
    let options = vec![("map".to_owned(), "big".to_owned())];
    let join = Join::JoinOrCreate { game: "arena".to_owned(), options };
    let seat = |_| Player::join(&server, join.clone()).expect("the arena has room");
    let mut players: Vec<Player> = (0..12).map(seat).collect();
    while players[0].client.tick().0 < 100 {
        for (number, player) in players.iter_mut().enumerate() {
            let turned = (20 * number as i32 + 7 * player.client.tick().0.cast_signed()) % 256;
            player.client.input(&[turned, 1, 0, 0]);
            player.frame().expect("a frame");
        }
    }
    let (status, body) = ask(&server, &format!("/admin/api/rooms/{}/costs", room_of(&players[0])), TOKEN, None);
    let costs: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    let unsent = costs["unsent"].as_array().expect("a list");
    let avatars = unsent.iter().find(|share| share["kind"] == "avatar").expect("a kind");
    assert!(status == 200 && costs["bytes"].as_f64() > Some(0.0) && avatars["rows"].as_f64() > Some(0.0), "{body}");
    assert!(server.metric("tickwire_rows_unsent_total{game=\"arena\",kind=\"avatar\"}") > 0.0);
    assert!(server.metric("tickwire_cells_unsent_total") > 0.0 && server.metric("tickwire_bytes_unsent_total") > 0.0);
    assert_eq!(ask(&server, "/admin/api/rooms/nobody/costs", TOKEN, None).0, 404);
}

#[test]
fn operators_see_rooms_from_inside() {
    let server = start(TOKEN);
    let options = vec![("private".to_owned(), "true".to_owned())];
    let mut ada = Player::join_as(&server, Join::Create { game: "arena".to_owned(), options }, "Ada", Vec::new())
        .expect("a new room");
    ada.frame().expect("a frame");
    let room = room_of(&ada);
    let inside = inside(&server, &room);
    assert_eq!(inside["players"][0]["name"], "Ada");
    assert!(inside["players"][0]["feel"].is_null(), "her client has not told");
    let kinds = inside["kinds"].as_array().expect("kinds");
    let avatar = kinds.iter().position(|kind| kind["name"] == "avatar").expect("avatars");
    let rows = inside["rows"].as_array().expect("rows");
    let own = rows.iter().find(|row| row["id"] == inside["players"][0]["entity"]).expect("Ada's row");
    assert_eq!(own["kind"], avatar);
    assert_eq!(own["values"].as_array().map(Vec::len), kinds[avatar]["fields"].as_array().map(Vec::len));
    // The stream begins at once, and shows private rooms, too.
    let mut stream = TcpStream::connect(server.address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENT)).expect("a timeout");
    let head = format!("GET /admin/api/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("the server reads");
    let mut heard = String::new();
    wait_for(
        || {
            let mut chunk = [0; 4096];
            let read = stream.read(&mut chunk).expect("the stream goes on");
            heard.push_str(&String::from_utf8_lossy(&chunk[..read]));
            // Two in a row: it goes on by itself.
            heard.matches("\"totals\"").count() >= 2
        },
        "two events",
    );
    for wanted in [&*format!("\"id\":\"{room}\""), "\"private\":true", "\"tick_worst\":", "\"bytes_sent\":"] {
        assert!(heard.contains(wanted), "{wanted} in {heard}");
    }
    assert_eq!(ask(&server, "/admin/api/rooms/nowhere/frame", TOKEN, None).0, 404);
}

#[test]
fn operators_kick_lock_and_close() {
    let server = start(TOKEN);
    let (mut ada, mut bob) = (Player::arena(&server), Player::arena(&server));
    bob.frame().expect("a frame");
    let room = room_of(&ada);
    let order = |verb: &str, body: &str| ask(&server, &format!("/admin/api/rooms/{room}/{verb}"), TOKEN, Some(body)).0;
    let (status, text) = ask(&server, &format!("/admin/api/rooms/{room}/kick"), TOKEN, Some("{\"seat\": \"two\"}"));
    assert!(status == 400 && text.contains("must be JSON such as"), "{text}");
    assert_eq!(order("kick", r#"{"seat": 9, "reason": "nobody sits there"}"#), 204);
    let seen = inside(&server, &room)["players"][1].clone();
    let of = |entity: u64, name: &str| format!("{{\"seat\": 1, \"entity\": {entity}, \"name\": \"{name}\"}}");
    let entity = seen["entity"].as_u64().expect("a number");
    // The player whom the operator saw in this seat has left it.
    assert_eq!(order("kick", &of(entity + 1, "tester")), 409);
    assert_eq!(order("kick", &of(entity, "somebody else")), 409);
    bob.frame().expect("not kicked");
    assert_eq!(order("kick", r#"{"seat": 1, "reason": "mind\nyour words"}"#), 204);
    assert_eq!(bob.ending(), Close::Kicked);
    assert_eq!(bob.raw.close_text(), "mind your words");
    ada.until(|arrived, _| arrived.players == 1);
    assert_eq!(order("lock", r#"{"locked": true}"#), 204);
    ada.frame().expect("a frame");
    wait_for(
        || {
            ada.frame().expect("a frame");
            inside(&server, &room)["locked"] == true && server.get("/api/rooms").contains("\"locked\":true")
        },
        "it is locked",
    );
    let by_id = Join::ById { room: room.clone() };
    assert_eq!(Player::join(&server, by_id).err(), Some(Some(Close::Locked.code())));
    assert_ne!(room_of(&Player::join(&server, arena()).expect("another room")), room);
    assert_eq!(order("close", r#"{"reason": "closing time"}"#), 204);
    assert_eq!(ada.ending(), Close::RoomClosed);
    assert_eq!(ada.raw.close_text(), "closing time");
    wait_for(|| ask(&server, &format!("/admin/api/rooms/{room}/frame"), TOKEN, None).0 == 404, "the room is gone");
}
