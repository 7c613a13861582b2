//! Events that servers outside send into rooms: the game decides, the sender learns what, and a crash undoes nothing that was
//! taken.

use std::fs;
use std::path::{Path, PathBuf};

use actix_web::{HttpResponse, web};
use tickwire::prelude::*;
use tickwire::server::{NotTaken, ServerEvents};
use tickwire::wire::{Close, EventBody, Join};

use crate::admin::room_of;
use crate::support::{PATIENT, Player as Client, TestServer, demo, lean};

#[derive(Row)]
struct Dot {
    #[row(range = 0..=9)]
    x: i32,
}

#[derive(Message)]
enum Event {
    Announced { text: String },
}

/// Announces what servers say, and is fragile.
#[derive(Default)]
struct Hall(Players<Dot>);

#[tickwire::game]
impl TypedGame for Hall {
    type Rows = Dot;
    type Event = Event;

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        Ok(self.0.join(player.seat, Dot { x: 5 }, cx))
    }

    fn leave(&mut self, seat: Seat, _: &mut Context) {
        self.0.leave(seat);
    }

    fn step(&mut self, _: Inputs<()>, _: &mut Context) {}

    fn write_snapshot(&self, out: &mut RowWriter<Dot>) {
        out.entities(&self.0);
    }

    fn server_event(&mut self, name: &str, data: &str, cx: &mut Context) -> Result<(), Refused> {
        match name {
            "announce" => cx.send(Recipients::All, &Event::Announced { text: data.to_owned() }),
            "panic" => panic!("as the test wants it"),
            _ => return Err("only announcements".into()),
        }
        Ok(())
    }
}

/// A route of an embedder, with a way into rooms.
fn add(server: Server) -> Server {
    let say = async |path: web::Path<(String, String)>, data: String, rooms: web::Data<ServerEvents>| match rooms
        .send(&path.0, &path.1, &data)
        .await
    {
        Ok(()) => HttpResponse::NoContent().finish(),
        Err(NotTaken::NoSuchRoom) => HttpResponse::NotFound().finish(),
        Err(NotTaken::TooLong) => HttpResponse::PayloadTooLarge().finish(),
        Err(why) => HttpResponse::Forbidden().body(why.to_string()),
    };
    server
        .game("hall", |_| Ok(Box::new(Hall::default())))
        .routes(move |app| _ = app.route("/say/{room}/{name}", web::post().to(say)))
}

/// The status and the body of the answer.
fn say(server: &TestServer, room: &str, name: &str, data: &str) -> (u16, String) {
    let head = format!("POST /say/{room}/{name} HTTP/1.1\r\nHost: localhost\r\nConnection: close");
    let answer = server.ask(&format!("{head}\r\nContent-Length: {}\r\n\r\n{data}", data.len()));
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, answer.split_once("\r\n\r\n").expect("a head").1.to_owned())
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("server-events-{name}"));
    let _ = fs::remove_dir_all(&folder);
    folder
}

#[test]
fn a_typed_game_takes_what_it_likes_and_the_sender_learns_the_rest() {
    let server = TestServer::with(lean(), add);
    let join = Join::JoinOrCreate { game: "hall".to_owned(), options: Vec::new() };
    let mut ada = Client::join(&server, join).expect("there is room");
    let room = room_of(&ada);
    assert_eq!(say(&server, &room, "announce", "dinner"), (204, String::new()));
    let announced = |event: &EventBody<'_>| match event {
        EventBody::Game { body, .. } => body.windows(6).any(|part| part == b"dinner"),
        _ => false,
    };
    ada.until(|arrived, _| arrived.events.iter().any(announced));
    assert_eq!(say(&server, &room, "whisper", "dinner"), (403, "only announcements".to_owned()));
    assert_eq!(say(&server, "nowhere", "announce", "dinner").0, 404);
    assert_eq!(say(&server, &room, "announce", &"x".repeat(10_241)).0, 413);
    assert_eq!(say(&server, &room, &"x".repeat(201), "").0, 413);
    // A panic ends the room, and its sender does not wait for ever.
    assert_eq!(say(&server, &room, "panic", "").0, 404);
    assert_eq!(ada.ending(), Close::RoomCrashed);
}

#[test]
fn a_game_without_the_hook_refuses_every_event() {
    struct Deaf(Box<dyn tickwire::Game>);
    impl tickwire::Game for Deaf {
        delegate!(0: spec, join, leave, step, write_snapshot);
    }
    let deaf = |server: Server| {
        let make = demo("arena");
        add(server).game("deaf", move |setup| Ok(Box::new(Deaf(make(setup)?))))
    };
    let server = TestServer::with(lean(), deaf);
    let join = Join::JoinOrCreate { game: "deaf".to_owned(), options: Vec::new() };
    let ada = Client::join(&server, join).expect("there is room");
    let (status, why) = say(&server, &room_of(&ada), "notice", "{}");
    assert_eq!((status, why.as_str()), (403, "the game takes no event \"notice\" of servers"));
}

#[test]
fn what_a_game_has_taken_outlives_a_crash() {
    let start = |folder: &Path| {
        let config = Config { data: folder.to_owned(), hold_seats_for: PATIENT, ..lean() };
        TestServer::with(config, |server: Server| add(server.build("one")))
    };
    let (before, after) = (folder("before"), folder("after"));
    let server = start(&before);
    let mut ada = Client::arena(&server);
    let room = room_of(&ada);
    ada.frame().expect("a frame");
    assert_eq!(say(&server, &room, "notice", "{\"text\":\"a cup at nine\"}").0, 204);
    // What a crash would leave now.
    fs::create_dir_all(after.join("journal")).expect("a folder");
    for entry in fs::read_dir(before.join("journal")).expect("a journal") {
        let entry = entry.expect("a file");
        fs::copy(entry.path(), after.join("journal").join(entry.file_name())).expect("a copy");
    }
    drop(server);
    let server = start(&after);
    let rooms = server.get("/api/rooms");
    assert!(rooms.contains(&room) && rooms.contains("a cup at nine"), "{rooms}");
}
