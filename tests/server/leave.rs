//! Leaving and joining at once: a goodbye is answered when the seat is free, and a withdrawn join leaves no seat taken.

use std::time::{Duration, Instant};

use tickwire::engine::Client;
use tickwire::server::Config;
use tickwire::wire::{Close, EventBody, Join};

use crate::support::{Frame, Player, Raw, TestServer, lean, masked};

const ROUNDS: usize = 10;

fn goodbye() -> Vec<u8> {
    masked(0x88, &Close::Left.code().to_be_bytes())
}

/// A room of two seats, and who has the first one.
fn room_for_two(server: &TestServer, tick_rate: u16) -> (Player, Join) {
    let options = [("capacity", "2".to_owned()), ("tick_rate", tick_rate.to_string())];
    let options = options.map(|(key, value)| (key.to_owned(), value)).to_vec();
    let host = Player::join(server, Join::Create { game: "arena".to_owned(), options }).expect("a new room");
    let room = host.client.welcome().expect("a welcome").room.clone();
    (host, Join::ById { room })
}

#[test]
fn the_seat_is_free_when_a_goodbye_is_answered() {
    let server = TestServer::start();
    let (host, by_id) = room_for_two(&server, 10);
    let host = host.aside();
    for round in 0..ROUNDS {
        let mut guest = Player::join(&server, by_id.clone()).unwrap_or_else(|code| panic!("round {round}: {code:?}"));
        // A client that was heard from could come back; it says that it will not.
        (0..2).for_each(|_| _ = guest.frame().expect("a frame"));
        guest.raw.say(&goodbye());
        assert_eq!(guest.raw.close_code(), Some(Close::Left.code()));
    }
    host.back();
}

#[test]
fn who_joins_right_behind_a_goodbye_finds_the_seat_free() {
    let server = TestServer::start();
    // So slow that goodbye and join come between two ticks.
    let (_host, by_id) = room_for_two(&server, 2);
    let mut guest = Player::join(&server, by_id.clone()).expect("a free seat");
    for round in 0..ROUNDS {
        let mut next = Raw::connect(server.address);
        guest.raw.say(&goodbye());
        // Two connections have no order; the goodbye has a head start, as that of a page has.
        std::thread::sleep(Duration::from_millis(20));
        next.send(&Client::hello(by_id.clone(), "tester", Vec::new(), 0));
        let client = Client::new(tickwire::engine::Depth::Full);
        guest = Player::over(next, client).unwrap_or_else(|frame| panic!("round {round}: {frame:?}"));
    }
}

#[test]
fn a_goodbye_frees_no_seat_that_somebody_else_has() {
    let server = TestServer::with(Config { hold_seats_for: Duration::from_secs(30), ..lean() }, |server| server);
    let (_host, by_id) = room_for_two(&server, 10);
    let mut first = Player::join(&server, by_id.clone()).expect("a free seat");
    (0..2).for_each(|_| _ = first.frame().expect("a frame"));
    let second = first.resume(&server).expect("the seat is taken over");
    first.raw.say(&goodbye());
    assert_eq!(first.raw.close_code(), Some(Close::Replaced.code()));
    assert_eq!(Player::join(&server, by_id).err(), Some(Some(Close::RoomFull.code())));
    drop(second);
}

#[test]
fn a_join_that_is_withdrawn_leaves_nothing() {
    let server = TestServer::start();
    let (mut host, by_id) = room_for_two(&server, 2);
    host.frame().expect("a frame");
    for round in 0..ROUNDS {
        let mut raw = Raw::connect(server.address);
        let hello = masked(0x82, &Client::hello(by_id.clone(), "passer-by", Vec::new(), 0));
        raw.say(&[hello, goodbye()].concat());
        let (start, answer) = (Instant::now(), raw.next());
        assert_eq!(answer, Some(Frame::Close(Close::Left.code())), "round {round}");
        assert!(start.elapsed() < Duration::from_millis(900), "answered at the next tick: {:?}", start.elapsed());
    }
    let last = Player::join_as(&server, by_id, "last", Vec::new()).expect("the seat is free");
    let heard = host.until(|arrived, _| !arrived.events.is_empty());
    let names = heard.events.iter().map(|event| match event {
        EventBody::Joined(player) => player.name.as_str(),
        other => panic!("nobody else was ever there: {other:?}"),
    });
    assert_eq!(names.collect::<Vec<_>>(), ["last"]);
    drop(last);
}
