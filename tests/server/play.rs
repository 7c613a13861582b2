//! Rooms over real sockets: joining, frames with the other players, leaving, endings.

use std::net::Shutdown;
use std::time::Instant;

use tickwire::game::InputValues;
use tickwire::id::{EntityId, KindId, ZoneId};
use tickwire::wire::{ClientMessage, Close, EventBody, Hello, Join, encode_client};

use crate::support::{Player, Raw, TestServer, arena, masked, wait_for};

const AVATAR: KindId = KindId(0);

fn position(player: &Player, entity: EntityId) -> Option<(i32, i32)> {
    let schema = &player.client.welcome().expect("a welcome").schema;
    let zone = player.client.zones().get(&ZoneId(0))?;
    zone.find(schema, AVATAR, entity).map(|values| (values[0], values[1]))
}

#[test]
fn two_players_see_each_other_move_and_leave() {
    let server = TestServer::start();
    let mut ada = Player::join_as(&server, arena(), "Ada", Vec::new()).expect("the arena has room");
    ada.frame().expect("a frame");
    let mut bob = Player::join_as(&server, arena(), "<b>Bob</b>\u{202e}", Vec::new()).expect("the arena has room");
    let welcome = bob.client.welcome().expect("a welcome").clone();
    assert_eq!(welcome.players.iter().map(|player| player.name.as_str()).collect::<Vec<_>>(), ["Ada", "<b>Bob</b>"]);
    assert_eq!(welcome.room, ada.client.welcome().expect("a welcome").room);
    let joined = ada.until(|arrived, _| !arrived.events.is_empty());
    let entry = welcome.players[1].clone();
    assert_eq!(joined.events, [EventBody::Joined(entry.clone())]);

    let ada = ada.aside();
    bob.frame().expect("a frame");
    let start = position(&bob, welcome.entity).expect("bob stands somewhere");
    // One of the four ways is free of walls.
    let moved = (0..4).any(|quarter| {
        let mut input = InputValues::default();
        (input[0], input[1]) = (64 * quarter, 1);
        let sent = bob.client.input(&input[..4]);
        bob.until(|arrived, _| arrived.consumed.since(sent) >= 0);
        (0..10).for_each(|_| _ = bob.frame().expect("a frame"));
        position(&bob, welcome.entity) != Some(start)
    });
    assert!(moved);
    let mut ada = ada.back();
    let tick = bob.client.tick();
    ada.until(|_, client| client.tick().since(tick) >= 0);
    assert_ne!(position(&ada, welcome.entity), Some(start));

    drop(bob);
    let left = ada.until(|arrived, _| !arrived.events.is_empty());
    assert!(matches!(left.events[..], [EventBody::Left { seat, .. }] if seat == entry.seat), "{:?}", left.events);
    assert_eq!(position(&ada, welcome.entity), None);
    server.wait_for_metric("tickwire_players", 1.0);
}

#[test]
fn rooms_are_made_found_filled_and_refused() {
    let server = TestServer::start();
    let options = |capacity: &str| vec![("capacity".to_owned(), capacity.to_owned())];
    let create = |capacity: &str| Join::Create { game: "arena".to_owned(), options: options(capacity) };
    let first = Player::join(&server, create("2")).expect("a new room");
    let room = first.client.welcome().expect("a welcome").room.clone();
    let by_id = Join::ById { room: room.clone() };
    let second = Player::join(&server, by_id.clone()).expect("a free seat");
    assert_eq!(second.client.welcome().expect("a welcome").room, room);
    assert_eq!(Player::join(&server, by_id.clone()).err(), Some(Some(Close::RoomFull.code())));
    let elsewhere = Player::join(&server, Join::JoinOrCreate { game: "arena".to_owned(), options: options("2") });
    assert_ne!(elsewhere.expect("another room").client.welcome().expect("a welcome").room, room);
    for refused in [
        Join::ById { room: "nowhere".to_owned() },
        Join::Create { game: "chess".to_owned(), options: Vec::new() },
        create("0"),
        create("many"),
        Join::Create { game: "arena".to_owned(), options: vec![("tick_rate".to_owned(), "121".to_owned())] },
        Join::Create { game: "arena".to_owned(), options: vec![("map".to_owned(), "nowhere".to_owned())] },
    ] {
        assert_eq!(Player::join(&server, refused.clone()).err(), Some(Some(Close::NoSuchRoom.code())), "{refused:?}");
    }
    drop((first, second));
    // The seats are free again at once, the room itself goes after a while.
    server.wait_for_metric("tickwire_players", 0.0);
    Player::join(&server, by_id).expect("a free seat");
    wait_for(|| server.metric("tickwire_rooms") == 0.0, "empty rooms are reaped");
    wait_for(|| server.get("/api/rooms").ends_with("[]"), "the list follows");
}

#[test]
fn another_rate_is_kept() {
    let server = TestServer::start();
    let options = vec![("tick_rate".to_owned(), "60".to_owned())];
    let mut player = Player::join(&server, Join::Create { game: "arena".to_owned(), options }).expect("a new room");
    assert_eq!(player.client.welcome().expect("a welcome").rate.per_second(), 60);
    player.frame().expect("a frame");
    let (start, first) = (Instant::now(), player.client.tick());
    player.until(|_, client| client.tick().since(first) >= 120);
    let took = start.elapsed().as_secs_f64();
    assert!((1.9..2.3).contains(&took), "120 ticks took {took} s");
}

#[test]
fn a_wrong_version_and_wrong_messages_have_their_codes() {
    let server = TestServer::start();
    let hello = |version| encode_client(&ClientMessage::Hello(Hello { version, ..Hello::new(arena(), "x") }));
    let first = |bytes: &[u8]| {
        let mut raw = Raw::connect(server.address);
        raw.send(bytes);
        raw.close_code()
    };
    assert_eq!(first(&hello(1)), Some(Close::Version.code()));
    assert_eq!(first(b"\x00\x03other layout"), Some(Close::Version.code()));
    assert_eq!(first(b""), Some(Close::BadMessage.code()));
    assert_eq!(first(&encode_client(&ClientMessage::Ping { stamp: 1 })), Some(Close::BadMessage.code()));
    assert_eq!(first(&[hello(2), vec![0]].concat()), Some(Close::BadMessage.code()));
    let second = |bytes: &[u8]| {
        let mut player = Player::arena(&server);
        player.raw.send(bytes);
        player.raw.close_code()
    };
    assert_eq!(second(&hello(2)), Some(Close::BadMessage.code()));
    assert_eq!(second(&[99]), Some(Close::BadMessage.code()));
    // An acknowledgement of a tick that was never sent.
    assert_eq!(second(&[2, 252, 0, 0, 0, 64, 0]), Some(Close::BadMessage.code()));
    // An input outside its range.
    assert_eq!(second(&[1, 0, 0, 0, 1, 1, 1, 4, 251, 0, 8, 0, 0, 0]), Some(Close::BadMessage.code()));
}

#[test]
fn a_server_that_stops_tells_everyone() {
    let mut server = TestServer::start();
    let mut players: Vec<Player> = (0..5).map(|_| Player::arena(&server)).collect();
    let start = Instant::now();
    server.ask_to_stop();
    for player in &mut players {
        assert_eq!(player.ending(), Close::Draining);
    }
    assert!(server.join().is_ok());
    assert!(start.elapsed().as_secs() < 10);
}

#[test]
fn who_leaves_before_the_room_answers_leaves_no_ghost() {
    let server = TestServer::start();
    let stay = Player::arena(&server).aside();
    for n in 0..60 {
        let mut raw = Raw::connect(server.address);
        raw.send(&tickwire::engine::Client::hello(arena(), "hasty", Vec::new(), 0));
        std::thread::sleep(std::time::Duration::from_millis(n % 12));
        drop(raw);
    }
    server.wait_for_metric("tickwire_sessions", 1.0);
    server.wait_for_metric("tickwire_players", 1.0);
    drop(stay.back());
    server.wait_for_metric("tickwire_players", 0.0);
    wait_for(|| server.metric("tickwire_rooms") == 0.0, "a room without ghosts is reaped");
}

#[test]
fn who_says_goodbye_has_left_however_the_connection_ends() {
    const EACH: usize = 20;
    let server = TestServer::start();
    let goodbye = masked(0x88, &1000_u16.to_be_bytes());
    for _ in 0..EACH {
        let mut stays = Player::arena(&server);
        stays.raw.say(&goodbye);
        let _ = stays.raw.stream.shutdown(Shutdown::Write);
        let mut goes = Player::arena(&server);
        wait_for(|| goes.raw.stream.peek(&mut [0]).is_ok(), "something that stays unread resets the connection");
        goes.raw.say(&goodbye);
    }
    server.wait_for_metric("tickwire_sessions", 0.0);
    let ended = |reason: &str| server.metric(&format!("tickwire_session_endings_total{{reason=\"{reason}\"}}"));
    assert_eq!((ended("left"), ended("lost")), (2.0 * EACH as f64, 0.0));
}
