//! Guarantees of a room about seats, commands and chat, one at a time, without sessions and links.

mod hall;
mod wraps;

use std::sync::Arc;

use bytes::Bytes;
use tickwire::engine::{Admitted, Claim, Command, InputRun, JoinRequest, Readiness, ResumeToken, Session};
use tickwire::id::{CorrectionEpoch, EntityId, Incarnation, KindId, Seat, Seq, ZoneId};
use tickwire::snapshot::Frame;
use tickwire::tick::{Moment, Tick};
use tickwire::wire::{Close, Continuity, EventBody, ServerMessage, decode_server, limits};

use hall::{Hall, guest};

fn run(first: u32, value: i32) -> InputRun {
    let (mut input, epoch) = (tickwire::InputValues::default(), CorrectionEpoch(0));
    input[0] = value;
    InputRun { first: Seq(first), count: 1, epoch, view: None, input }
}

fn token(admitted: &Admitted) -> ResumeToken {
    ResumeToken::read(admitted.welcome.resume.as_ref().expect("a token")).expect("a token reads")
}

fn x_of(hall: &Hall, entity: EntityId) -> Option<i32> {
    hall.room().frame().find(KindId(0), entity).map(|row| row[0])
}

#[test]
fn a_seat_is_held_idles_and_is_taken_up_again() {
    let mut hall = Hall::new(30);
    let (ada, bob) = (hall.join(), hall.join());
    let entity = ada.welcome.entity;
    hall.offer(&ada, run(1, 7));
    hall.tick();
    assert_eq!(x_of(&hall, entity), Some(7));
    hall.offer(&ada, run(2, 8));
    hall.bodies(Seat(1));
    assert!(hall.disconnect(&ada, Close::Lost));
    assert!(hall.disconnect(&ada, Close::Left), "still held: the session has ended already");
    hall.tick();
    assert_eq!(x_of(&hall, entity), Some(0), "the avatar idles; the input that waited has expired");
    assert_eq!((hall.room().players(), hall.room().away()), (2, 1));
    let game = |kind| EventBody::Game { kind, body: std::borrow::Cow::Owned(serde_bytes::ByteBuf::new()) };
    assert_eq!(hall.bodies(Seat(1)), [EventBody::Disconnected { seat: Seat(0) }, game(2)]);
    let away: Vec<bool> = hall.enter().welcome.players.iter().map(|player| player.away).collect();
    assert_eq!(away, [true, false, false]);
    assert_eq!(hall.ask(guest()).err(), Some(Close::RoomFull), "a held seat is taken");

    let tick = hall.room().frame().tick();
    let back = hall.back(token(&ada), Some(tick)).expect("the seat is held");
    let welcome = &back.welcome;
    assert_eq!((welcome.seat, welcome.entity, welcome.continuity), (Seat(0), entity, Continuity::State));
    assert_eq!((welcome.tick, back.start.tick, &*back.start.zones), (tick, tick, &[ZoneId(0)][..]));
    assert_eq!((welcome.events, welcome.listed), (Seq(0), Seq(2)), "bob and eve came; neither was acknowledged");
    assert!(welcome.players.iter().all(|player| !player.away) && welcome.players.len() == 3);
    assert_eq!(hall.bodies(Seat(1)).last(), Some(&EventBody::Reconnected { seat: Seat(0) }));
    assert_eq!(hall.bodies(Seat(0)).last(), Some(&game(3)));
    hall.offer(&ada, run(1, 4));
    hall.offer(&back, run(1, 5));
    hall.tick();
    assert_eq!(x_of(&hall, entity), Some(5), "inputs count from 1 again, and those of the old session do not");
    assert_eq!(hall.room().frame().note(Seat(0)).map(|note| note.consumed), Some(Seq(1)));
    assert_ne!(back.start.seat_generation, bob.start.seat_generation);
}

#[test]
fn a_seat_is_free_after_the_hold_and_at_once_after_other_endings() {
    let mut hall = Hall::new(1);
    for (close, ticks) in [(Close::Lost, 20), (Close::GoingAway, 20), (Close::SlowConsumer, 20)] {
        let ada = hall.join();
        let entered = hall.room().frame().tick();
        assert!(hall.disconnect(&ada, close));
        while hall.tick().is_empty() {
            assert_eq!(hall.room().players(), 1);
        }
        assert_eq!(hall.room().frame().tick().since(entered), ticks + 1);
        assert_eq!((hall.room().players(), hall.back(token(&ada), None).is_none()), (0, true));
    }
    for close in [Close::Left, Close::Kicked, Close::BadMessage, Close::Replaced] {
        let ada = hall.join();
        assert!(!hall.disconnect(&ada, close));
        assert_eq!(hall.room().players(), 0);
    }
    let silent = hall.enter();
    assert!(!hall.disconnect(&silent, Close::Lost), "who was never heard from knows no token");
    let mut off = Hall::new(0);
    let ada = off.join();
    assert_eq!(ada.welcome.resume, None);
    assert!(!off.disconnect(&ada, Close::Lost), "this room holds none");
}

#[test]
fn who_comes_along_with_a_room_that_moves_was_never_away() {
    let mut hall = Hall::new(30);
    let (ada, _bob) = (hall.join(), hall.join());
    hall.tick();
    [Seat(0), Seat(1)].into_iter().for_each(|seat| _ = hall.bodies(seat));
    hall.host.arrive(Incarnation(7));
    hall.follow();
    assert_eq!(hall.room().away(), 2);
    let back = hall.back(token(&ada), None).expect("the seat is kept");
    assert!(back.welcome.players.iter().all(|player| !player.away));
    hall.tick();
    let told = [Seat(0), Seat(1)].map(|seat| hall.bodies(seat)).concat();
    assert!(told.iter().all(|body| matches!(body, EventBody::Joined(_))), "players or the game hear of it: {told:?}");
    // The other one does not come.
    let since = hall.room().frame().tick();
    while hall.bodies(Seat(0)).is_empty() {
        hall.tick();
    }
    assert_eq!(hall.room().frame().tick().since(since), 60, "after three seconds, the others are told");
    assert_eq!((hall.room().away(), hall.enter().welcome.players[1].away), (1, true));
}

#[test]
fn a_closed_page_has_less_time_than_a_lost_connection() {
    let mut hall = Hall::new(30);
    let ada = hall.join();
    hall.disconnect(&ada, Close::GoingAway);
    let ticks = (1..).find(|_| !hall.tick().is_empty());
    assert_eq!(ticks, Some(limits::HOLD_BRIEFLY_FOR.as_secs() as usize * 20 + 1));
}

#[test]
fn a_seat_that_was_never_played_in_is_held_briefly() {
    let held = |play: &dyn Fn(&mut Hall, &Admitted)| {
        let mut hall = Hall::new(30);
        let ada = hall.join();
        play(&mut hall, &ada);
        hall.tick();
        assert!(hall.disconnect(&ada, Close::Lost));
        (1..).find(|_| !hall.tick().is_empty()).expect("it ends") - 1
    };
    let briefly = limits::HOLD_BRIEFLY_FOR.as_secs() as usize * 20;
    assert_eq!(held(&|_, _| {}), briefly);
    assert_eq!(held(&|hall, ada| hall.offer(ada, run(1, 0))), briefly, "the neutral input is no play");
    assert_eq!(held(&|hall, ada| hall.offer(ada, run(1, 4))), 600);
    assert_eq!(held(&|hall, ada| hall.command(ada, 1, Command::Message { kind: 1, body: Bytes::new() })), 600);
}

#[test]
fn tokens_change_and_the_former_one_dies_with_the_first_message() {
    let mut hall = Hall::new(30);
    let first = token(&hall.join());
    // The welcome was lost, so the client claims again; the token of the lost welcome opens nothing any more.
    let lost = token(&hall.back(first, None).expect("a live seat can be taken over"));
    let second = hall.back(first, None).expect("the former token is good until the new one is known to have arrived");
    assert_eq!(hall.back(lost, None).map(|_| ()), None);
    hall.confirm(&second);
    assert_eq!(hall.back(first, None).map(|_| ()), None, "used up");
    assert_eq!(second.welcome.continuity, Continuity::Seat, "no tick was claimed");
    let guessed = ResumeToken::new(Seat(0), [99; 16]);
    let elsewhere = ResumeToken::new(Seat(1), [second.welcome.resume.as_ref().expect("a token")[2]; 16]);
    assert!(hall.back(guessed, None).is_none() && hall.back(elsewhere, None).is_none());
    assert_eq!(hall.back(token(&second), None).map(|back| back.start.seat), Some(Seat(0)));
}

#[test]
fn the_seat_of_a_proven_player_opens_for_nobody_else() {
    let mut hall = Hall::new(30);
    let grace = Some("grace".to_owned());
    let admitted = hall.ask(JoinRequest { identity: grace, ..guest() }).expect("there is room");
    let claim = Claim { token: token(&admitted), incarnation: Incarnation::FIRST, tick: None, events: None };
    for other in [None, Some("ada")] {
        assert_eq!(hall.claim(claim, other).err(), Some(Close::NoSuchRoom));
    }
    assert_eq!(hall.claim(claim, Some("grace")).map(|back| back.start.seat), Ok(Seat(0)));
}

#[test]
fn a_claim_to_events_that_never_happened_changes_nothing() {
    let mut hall = Hall::new(30);
    let ada = hall.join();
    let claim = Claim { token: token(&ada), incarnation: Incarnation::FIRST, tick: None, events: Some(Seq(1)) };
    assert_eq!(hall.claim(claim, None).err(), Some(Close::BadMessage));
    hall.tick();
    let note = hall.room().frame().note(Seat(0)).expect("the seat is taken").clone();
    assert_eq!(note.seat_generation, ada.start.seat_generation);
    assert!(hall.back(token(&ada), None).is_some());
}

#[test]
fn a_failed_claim_is_a_fresh_join_unless_the_client_wants_only_its_seat() {
    let mut hall = Hall::new(30);
    let claim =
        Claim { token: ResumeToken::new(Seat(0), [99; 16]), incarnation: Incarnation::FIRST, tick: None, events: None };
    assert_eq!(hall.claim(claim, None).err(), Some(Close::NoSuchRoom));
    let fresh = hall.ask(JoinRequest { claim: Some(claim), ..guest() }).expect("there is room");
    assert_eq!(fresh.welcome.continuity, Continuity::Fresh);
}

#[test]
fn a_state_is_believed_only_from_a_frame_that_the_seat_was_in() {
    let mut hall = Hall::new(30);
    hall.tick();
    let before = hall.room().frame().tick();
    let ada = hall.join();
    let back = hall.back(token(&ada), Some(before)).expect("the seat is taken");
    assert_eq!(back.welcome.continuity, Continuity::Seat, "the frame is from before the seat was taken");
    hall.tick();
    let wrong = hall.back(token(&back), Some(Tick(99))).expect("the seat is taken");
    assert_eq!((wrong.welcome.continuity, wrong.start.zones.len()), (Continuity::Seat, 0));
}

#[test]
fn the_first_message_of_a_return_is_for_it_alone_and_proves_itself() {
    let mut hall = Hall::new(30);
    let ada = hall.join();
    hall.offer(&ada, run(1, 7));
    hall.tick();
    let base = hall.room().frame().tick();
    hall.tick();
    let stale = hall.room().frame().clone();
    let back = hall.back(token(&ada), Some(base)).expect("a live seat can be taken over");
    assert_eq!(back.welcome.continuity, Continuity::State);
    let now = Moment(0);
    let [mut replaced, mut session] = [ada, back].map(|admitted| {
        let mut session = Session::new(now);
        session.enter(now, admitted.welcome, &admitted.start);
        session
    });
    assert_eq!(session.readiness(now, &stale), Readiness::Idle, "what was frozen before the return is not for it");
    assert_eq!(replaced.readiness(now, &stale), Readiness::Ready, "but for the connection before");
    hall.tick();
    let frame = hall.room().frame().clone();
    assert_eq!(replaced.readiness(now, &frame), Readiness::Idle, "and nothing after it");
    assert_eq!(session.readiness(now, &frame), Readiness::Ready);
    let mut frames = Vec::new();
    hall.host.frames().since(base, &frame, &mut frames);
    let bytes = session.compose(now, &frames, None);
    let Ok(ServerMessage::Frame(message)) = decode_server(&bytes) else { panic!("not a frame: {bytes:?}") };
    assert_eq!(message.stamp.resolve((base, Seq(0))), Some((base.plus(2), Seq(0))));
    let [part] = &message.zones[..] else { panic!("{message:?}") };
    assert_eq!(part.hash, frame.zone(ZoneId(0)).map(|zone| zone.hash()), "what the client claimed is checked at once");
}

#[test]
fn who_fell_behind_gets_the_deltas_of_the_past_and_the_rows_of_the_frame_it_is_shown() {
    let mut hall = Hall::new(0);
    hall.join();
    let frames: Vec<Arc<Frame>> = (0..10)
        .map(|_| {
            hall.tick();
            hall.room().frame().clone()
        })
        .collect();
    let (history, mut found) = (hall.host.frames(), Vec::new());
    // The relay of a late worker may have an older newest frame than the history.
    for newest in &frames[5..] {
        history.since(Tick(3), newest, &mut found);
        assert!(Arc::ptr_eq(newest, found.last().expect("it is there")));
        assert_eq!(found.len(), newest.tick().since(Tick(3)) as usize);
        for (past, frame) in found.iter().zip(&frames[3..]) {
            assert_eq!((past.tick(), past.notes().len()), (frame.tick(), frame.notes().len()));
            // Of the notes, a reconnect needs these.
            for (past, note) in past.notes().iter().zip(frame.notes()) {
                assert_eq!((past.seat, past.entity, &past.zones), (note.seat, note.entity, &note.zones));
            }
            let deltas =
                |frame: &Frame| frame.zones().iter().map(|zone| (zone.id(), zone.delta().clone())).collect::<Vec<_>>();
            assert_eq!(deltas(past), deltas(frame));
        }
    }
    // When other rows come, the past is known by its deltas only.
    hall.join();
    hall.tick();
    let (history, last) = (hall.host.frames(), &frames[9]);
    let rows = |frame: &Frame| frame.zones().iter().map(|zone| zone.zone().len()).sum::<usize>();
    assert_eq!(rows(&history.get(last.tick()).expect("it is there")), 0);
    assert!(rows(last) > 0);
    for (base, newest) in [(9, 9), (10, 9), (70, 9)] {
        history.since(Tick(base), &frames[newest], &mut found);
        assert_eq!(found.len(), 1);
    }
}

#[test]
fn a_call_is_answered_once_and_a_refusal_says_why() {
    let mut hall = Hall::new(0);
    let (ada, _) = (hall.join(), hall.join());
    hall.bodies(Seat(0));
    let call = |kind| Command::Call { kind, body: Bytes::from_static(b"hi") };
    hall.command(&ada, 1, call(0));
    hall.command(&ada, 1, call(0));
    hall.command(&ada, 2, call(1));
    let heard = hall.bodies(Seat(0));
    let [
        EventBody::Reply { command: Seq(1), done: true, body },
        EventBody::Reply { command: Seq(2), done: false, body: why },
    ] = &heard[..]
    else {
        panic!("{heard:?}")
    };
    assert_eq!((&body[..], why.len()), (&b"hi"[..], limits::BODY), "an answer fits its limit");
    assert_eq!(hall.bodies(Seat(1)), [], "nobody else hears of it");
}

#[test]
fn chat_reaches_who_it_is_for_and_who_said_it() {
    let mut hall = Hall::new(0);
    let ada = hall.join();
    (0..2).for_each(|_| _ = hall.join());
    (0..3).for_each(|seat| _ = hall.bodies(Seat(seat)));
    let say =
        |to: &[u16], text: &str| Command::Chat { to: to.iter().copied().map(Seat).collect(), text: text.to_owned() };
    let lines = |hall: &mut Hall| {
        (0..3).map(|seat| hall.bodies(Seat(seat)).iter().map(said).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    hall.command(&ada, 1, say(&[], "hello"));
    assert_eq!(lines(&mut hall), [["0 hello false"], ["0 hello false"], ["0 hello false"]]);
    hall.command(&ada, 2, say(&[2, 9], "psst"));
    assert_eq!(lines(&mut hall), [vec!["0 psst true"], vec![], vec!["0 psst true"]]);
    hall.command(&ada, 3, say(&[], "quack"));
    hall.command(&ada, 4, say(&[], ""));
    assert_eq!(lines(&mut hall), [[""; 0]; 3], "the game refused the one, and the other says nothing");
}

fn said(body: &EventBody) -> String {
    match body {
        EventBody::Chat { from, text, private, .. } => format!("{} {text} {private}", from.0),
        other => format!("{other:?}"),
    }
}

#[test]
fn newcomers_hear_the_last_lines_with_their_age_and_who_returns_does_not() {
    let mut hall = Hall::new(30);
    let ada = hall.join();
    for number in 1..=60 {
        hall.command(&ada, number, Command::Chat { to: vec![], text: format!("line {number}") });
        hall.command(&ada, number, Command::Chat { to: vec![Seat(0)], text: "again".to_owned() });
        hall.tick();
    }
    hall.command(&ada, 61, Command::Chat { to: vec![Seat(2)], text: "secret".to_owned() });
    hall.join();
    let heard = hall.heard(Seat(1));
    assert_eq!(heard.len(), limits::CHAT_HISTORY);
    assert_eq!((heard[0].0, said(&heard[0].1)), (50, "0 line 11 false".to_owned()));
    assert_eq!((heard[49].0, said(&heard[49].1)), (1, "0 line 60 false".to_owned()));
    hall.heard(Seat(0));
    let back = hall.back(token(&ada), None).expect("the seat is taken");
    assert_eq!(back.welcome.commands, Seq(61));
    let again = hall.bodies(Seat(0));
    let lines = again.iter().filter(|body| matches!(body, EventBody::Chat { private: false, .. })).count();
    assert_eq!(lines, 60, "what was never acknowledged comes again, and nothing twice");
}
