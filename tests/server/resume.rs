//! Clients that lose their connection and resume their seat, over real sockets.

use std::thread::sleep;
use std::time::Duration;

use tickwire::engine::{Client, Depth, Pass};
use tickwire::id::{Incarnation, Seq};
use tickwire::server::Config;
use tickwire::wire::{ClientMessage, Close, Continuity, EventBody, Hello, Join, Resume, decode_client, encode_client};

use crate::support::{Frame, Player, Raw, TestServer, arena, lean, masked};

fn holding(seconds: u64) -> TestServer {
    let config = Config { hold_seats_for: Duration::from_secs(seconds), ..lean() };
    TestServer::with(config, |server| server)
}

/// A player of whom the room has heard.
fn known(server: &TestServer) -> Player {
    let mut player = Player::arena(server);
    player.until(|arrived, _| arrived.advance > 0);
    player.client.ping(1);
    player.talk();
    (0..4).for_each(|_| _ = player.frame().expect("a frame"));
    player
}

fn continuity(player: &Player) -> Continuity {
    player.client.welcome().expect("a welcome").continuity
}

fn pass(player: &Player) -> Pass {
    player.client.pass().expect("seats are held").clone()
}

fn seat(player: &Player) -> tickwire::Seat {
    player.client.welcome().expect("a welcome").seat
}

#[test]
fn a_broken_connection_goes_on_from_the_state_that_the_client_has() {
    let server = holding(30);
    let ada = known(&server);
    let mut bob = known(&server);
    bob.client.command(1, b"not yet seen");
    bob.break_off();
    let mut ada = ada;
    let away = ada.until(|arrived, _| arrived.events.contains(&EventBody::Disconnected { seat: seat(&bob) }));
    assert_eq!(away.players, 2, "the seat is taken");
    server.wait_for_metric("tickwire_seats_held", 1.0);
    assert_eq!(server.metric("tickwire_players"), 2.0);
    let (tick, events) = (bob.client.tick(), bob.client.welcome().expect("a welcome").events);
    let mut back = bob.resume(&server).expect("the seat is held");
    assert_eq!((continuity(&back), seat(&back)), (Continuity::State, seat(&bob)));
    assert_eq!(back.client.tick(), tick, "frames go on from there");
    assert!(back.client.welcome().expect("a welcome").events.since(events) >= 0);
    // The state is compared with the server's hash at once.
    let first = back.frame().expect("a frame");
    assert!(first.advance > 0 && first.desyncs == 0 && first.consumed == Seq(0));
    ada.until(|arrived, _| arrived.events.contains(&EventBody::Reconnected { seat: seat(&bob) }));
    server.wait_for_metric("tickwire_seats_held", 0.0);
    let sent = back.client.input(&[0, 1, 0, 0]);
    back.until(|arrived, _| arrived.consumed.since(sent) >= 0);
    assert_eq!(server.metric("tickwire_resumes_total{continuity=\"state\"}"), 1.0);
}

#[test]
fn who_is_away_for_longer_gets_keyframes_and_after_the_hold_another_seat() {
    let server = holding(5);
    let mut stay = known(&server);
    let gone = known(&server);
    gone.break_off();
    // The frame history has the last three seconds.
    sleep(Duration::from_millis(3500));
    let mut back = gone.resume(&server).expect("the seat is held");
    assert_eq!((continuity(&back), seat(&back)), (Continuity::Seat, seat(&gone)));
    back.frame().expect("a frame");
    back.until(|arrived, _| arrived.advance > 0);
    sleep(Duration::from_millis(100));
    back.talk();
    (0..4).for_each(|_| _ = back.frame().expect("a frame"));
    back.break_off();
    let stay_on = stay_until_left(&mut stay, &back);
    assert_eq!(stay_on, Close::Lost.code());
    let stranger = back.resume(&server).expect("there is room");
    assert_eq!(continuity(&stranger), Continuity::Fresh);
    assert_eq!(server.metric("tickwire_seats_released_total"), 1.0);
    assert_eq!(server.metric("tickwire_resumes_total{continuity=\"fresh\"}"), 1.0);
}

fn stay_until_left(stay: &mut Player, gone: &Player) -> u16 {
    let of = |event: &EventBody| match event {
        EventBody::Left { seat: left, code } if *left == seat(gone) => Some(*code),
        _ => None,
    };
    let arrived = stay.until(|arrived, _| arrived.events.iter().any(|event| of(event).is_some()));
    arrived.events.iter().find_map(of).expect("just found")
}

#[test]
fn a_second_tab_takes_over_and_the_first_is_told() {
    let server = holding(30);
    let mut first = known(&server);
    let mut second = Player::reload(&server, pass(&first)).expect("a live seat can be taken over");
    assert_eq!((continuity(&second), seat(&second)), (Continuity::Seat, seat(&first)));
    assert_eq!(first.ending(), Close::Replaced);
    second.frame().expect("a frame");
    assert_eq!(server.metric("tickwire_players"), 1.0);
    assert_eq!(server.metric("tickwire_session_endings_total{reason=\"replaced\"}"), 1.0);
    // It says goodbye for the last of them only.
    let mut others = known(&server);
    second.raw.say(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]);
    assert_eq!(stay_until_left(&mut others, &second), Close::Left.code());
}

#[test]
fn a_former_token_is_good_until_the_first_message_under_the_new_one() {
    let server = holding(30);
    let first = known(&server);
    let old = pass(&first);
    first.break_off();
    // Its welcome is read here, but as far as the server knows it may be lost.
    let unsure = Player::reload(&server, old.clone()).expect("the seat is held");
    assert_eq!(continuity(&unsure), Continuity::Seat);
    unsure.break_off();
    let mut sure = Player::reload(&server, old.clone()).expect("the seat is held");
    assert_eq!(continuity(&sure), Continuity::Seat);
    let lost = Player::reload(&server, pass(&unsure)).expect("there is room");
    assert_eq!(continuity(&lost), Continuity::Fresh, "the token of an answer that was replaced");
    sure.client.ping(1);
    sure.talk();
    (0..4).for_each(|_| _ = sure.frame().expect("a frame"));
    let late = Player::reload(&server, old).expect("there is room");
    assert_eq!((continuity(&late), seat(&late) == seat(&sure)), (Continuity::Fresh, false));
    sure.frame().expect("still there");
}

#[test]
fn a_closed_page_finds_its_seat_and_who_leaves_does_not() {
    let server = holding(30);
    let leaver = known(&server);
    let mut stay = known(&server);
    let say_close = |mut player: Player, code: u16| {
        let [high, low] = code.to_be_bytes();
        player.raw.say(&[0x88, 0x82, 0, 0, 0, 0, high, low]);
        player
    };
    // 4100 is what a page can send itself.
    for code in [1001, 4100] {
        let page = say_close(known(&server), code);
        stay.until(|arrived, _| arrived.events.contains(&EventBody::Disconnected { seat: seat(&page) }));
        assert_eq!(continuity(&Player::reload(&server, pass(&page)).expect("the seat is held")), Continuity::Seat);
    }
    let leaver = say_close(leaver, 1000);
    assert_eq!(stay_until_left(&mut stay, &leaver), Close::Left.code());
    assert_eq!(continuity(&Player::reload(&server, pass(&leaver)).expect("there is room")), Continuity::Fresh);
}

#[test]
fn a_full_room_admits_who_has_a_seat_and_nobody_else() {
    let server = holding(30);
    let options = vec![("capacity".to_owned(), "1".to_owned())];
    let create = Join::Create { game: "arena".to_owned(), options };
    let mut only = Player::join(&server, create).expect("a new room");
    (0..4).for_each(|_| _ = only.frame().expect("a frame"));
    only.break_off();
    server.wait_for_metric("tickwire_seats_held", 1.0);
    let full = Some(Some(Close::RoomFull.code()));
    let room = pass(&only).room;
    assert_eq!(Player::join(&server, Join::ById { room: room.clone() }).err(), full);
    let Pass { mut token, .. } = pass(&only);
    for place in [2, token.len() - 1] {
        token[place] ^= 1;
        let guess = Pass { room: room.clone(), token: token.clone() };
        assert_eq!(Player::reload(&server, guess).err(), full, "a guess is a fresh join");
    }
    assert_eq!(Player::reload(&server, Pass { room, token: vec![0; 3] }).err(), full);
    let mut back = only.resume(&server).expect("the seat is held");
    assert_eq!(continuity(&back), Continuity::State);
    back.frame().expect("a frame");
    let nowhere = Pass { room: "nowhere".to_owned(), ..pass(&back) };
    assert_eq!(Player::reload(&server, nowhere).err(), Some(Some(Close::NoSuchRoom.code())));
}

#[test]
fn a_claim_to_events_that_were_never_sent_is_refused_and_changes_nothing() {
    let server = holding(30);
    let mut player = known(&server);
    let Pass { room, token } = pass(&player);
    let claim = |events| {
        let (token, incarnation) = (serde_bytes::Bytes::new(&token), Incarnation::FIRST);
        let resume = Some(Resume { token, incarnation, tick: None, events: Some(Seq(events)) });
        let join = Join::ById { room: room.clone() };
        encode_client(&ClientMessage::Hello(Hello { resume, ..Hello::new(join, "liar") }))
    };
    let mut liar = Raw::connect(server.address);
    liar.send(&claim(77));
    assert_eq!(liar.close_code(), Some(Close::BadMessage.code()));
    player.frame().expect("the seat is still this connection's");
}

#[test]
fn commands_that_the_game_has_not_seen_are_sent_again_and_done_once() {
    let server = holding(30);
    let mut player = known(&server);
    for round in 1..=4_u32 {
        player.client.chat(&[], &format!("round {round}"));
        // It may or may not get through before the connection breaks.
        player.talk();
        if round % 2 == 0 {
            player.frame().expect("a frame");
        }
        player.break_off();
        player = player.resume(&server).expect("the seat is held");
        (0..3).for_each(|_| _ = player.frame().expect("a frame"));
    }
    let mut newcomer = Player::join(&server, arena()).expect("there is room");
    let told = newcomer.until(|arrived, _| !arrived.events.is_empty());
    let lines = told.events.iter().filter_map(|event| match event {
        EventBody::Chat { text, .. } => Some(text.to_string()),
        _ => None,
    });
    assert_eq!(lines.collect::<Vec<_>>(), ["round 1", "round 2", "round 3", "round 4"]);
}

#[test]
fn a_hundred_breaks_leave_nothing_behind() {
    let server = holding(1);
    let mut player = known(&server);
    for _ in 0..100 {
        player.break_off();
        player = player.resume(&server).expect("the seat is held or there is room");
        player.frame().expect("a frame");
    }
    player.break_off();
    server.wait_for_metric("tickwire_players", 0.0);
    server.wait_for_metric("tickwire_seats_held", 0.0);
    server.wait_for_metric("tickwire_sessions", 0.0);
    crate::support::wait_for(|| server.metric("tickwire_rooms") == 0.0, "the room is reaped after the last hold");
}

#[test]
fn who_wants_a_seat_back_or_none_comes_as_nobody_else() {
    let server = holding(30);
    let ada = known(&server);
    let mut bob = known(&server);
    let ask = |token: &[u8], room: &str| {
        let resume = Some(Resume {
            token: serde_bytes::Bytes::new(token),
            incarnation: Incarnation::FIRST,
            tick: None,
            events: None,
        });
        let fresh = Client::hello(arena(), "ada", Vec::new(), 0);
        let Ok(ClientMessage::Hello(hello)) = decode_client(&fresh) else { panic!("a hello") };
        let hello = Hello { join: Join::Return { room: room.to_owned() }, resume, ..hello };
        let mut raw = Raw::connect(server.address);
        raw.send(&encode_client(&ClientMessage::Hello(hello)));
        Player::over(raw, Client::new(Depth::Full).with_pass(pass(&ada)))
    };
    let Pass { room, token } = pass(&ada);
    ada.break_off();
    server.wait_for_metric("tickwire_seats_held", 1.0);
    let gone = |answer: Result<Player, Frame>| answer.err() == Some(Frame::Close(Close::NoSuchRoom.code()));
    assert!(gone(ask(&[7; 18], &room)) && gone(ask(&token, "elsewhere")));
    let back = ask(&token, &room).expect("the seat is held");
    assert_eq!((continuity(&back), seat(&back)), (Continuity::Seat, seat(&ada)));
    let mut newcomers = 0;
    bob.until(|arrived, _| {
        newcomers += arrived.events.iter().filter(|event| matches!(event, EventBody::Joined(_))).count();
        arrived.events.contains(&EventBody::Reconnected { seat: seat(&ada) })
    });
    assert_eq!(newcomers, 0);
}

#[test]
fn who_gives_up_before_the_welcome_came_keeps_the_seat() {
    let server = holding(30);
    let bob = known(&server);
    bob.break_off();
    server.wait_for_metric("tickwire_seats_held", 1.0);
    let mut hasty = bob.resume(&server).expect("the seat is held");
    hasty.raw.say(&masked(0x88, &1000_u16.to_be_bytes()));
    server.wait_for_metric("tickwire_seats_held", 1.0);
    let mut back = bob.resume(&server).expect("the seat is still held");
    assert_eq!((continuity(&back), seat(&back)), (Continuity::State, seat(&bob)));
    // Who has seen that it is back leaves for good.
    back.client.ping(1);
    back.talk();
    back.frame().expect("a frame");
    back.raw.say(&masked(0x88, &1000_u16.to_be_bytes()));
    server.wait_for_metric("tickwire_players", 0.0);
}
