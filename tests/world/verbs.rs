//! Control of a room as a whole, in virtual time: spectators over bad links, locks, kicks, endings, idle players.

use std::time::Duration;

use tickwire::engine::link::Profile;
use tickwire::engine::{CloseReason, Refusal, Room, RoomConfig};
use tickwire::game::{Context, Game, Player, PlayerInput, RoomSetup, SnapshotWriter, Spec};
use tickwire::id::{EntityId, KindId, Seat, ZoneId};
use tickwire::testing::{Plan, Playtest};
use tickwire::wire::{Authority, Close, EventBody, limits};
use tickwire::{InputSchema, Kind, Schema, TickRate};

use super::zoo::{Wildness, Zoo};

/// A game without anything, which does what its room is to be tested with.
#[derive(Default)]
struct Hall {
    script: Vec<(u32, Verb)>,
}

type Verb = fn(&mut Context);

impl Game for Hall {
    fn spec(&self) -> Spec {
        Spec {
            schema: Schema::new(vec![Kind::new("guest", vec![])]).expect("a schema").into(),
            inputs: InputSchema::new(vec![]).expect("a schema"),
            authority: Authority::Server,
            capacity: 3,
            properties: vec![("hall".to_owned(), "blue".to_owned())],
        }
    }
    fn join(&mut self, _: &Player, cx: &mut Context) -> Result<EntityId, String> {
        Ok(cx.spawn())
    }
    fn leave(&mut self, _: Seat, _: &mut Context) {}
    fn step(&mut self, _: &[PlayerInput], cx: &mut Context) {
        let now = cx.tick().0;
        self.script.iter().filter(|(tick, _)| *tick == now).for_each(|(_, verb)| verb(cx));
    }
    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        out.row(ZoneId(0), KindId(0), EntityId(77), &[]);
    }
    fn spectate(&self) -> Vec<ZoneId> {
        vec![ZoneId(3), ZoneId(0), ZoneId(3)]
    }
}

fn hall(script: &[(u32, Verb)]) -> Room {
    let setup = RoomSetup { rate: TickRate::DEFAULT, seed: 1, options: Default::default() };
    let config = RoomConfig { id: "hall".to_owned(), game: "hall".to_owned(), setup, capacity: None };
    Room::new(config, Box::new(Hall { script: script.to_vec() })).with_spectators(2)
}

fn admit(room: &mut Room) -> Result<Seat, Refusal> {
    room.admit("ada".to_owned(), Default::default()).map(|admitted| admitted.entry.seat)
}

fn spectate(room: &mut Room) -> Result<Seat, Refusal> {
    room.admit_spectator("eve".to_owned()).map(|admitted| admitted.entry.seat)
}

/// The events since the last call, with whom they are for.
fn posts(room: &mut Room) -> Vec<(Vec<Seat>, EventBody<'static>)> {
    room.take_posts().into_iter().map(|post| (post.seats, post.event.body.clone())).collect()
}

const EVE: Seat = Seat(limits::SEATS);

#[test]
fn spectators_agree_with_the_server_over_bad_links_and_are_nobody() {
    for seed in 0..40 {
        let link = Profile::named(["wifi", "lte"][seed as usize % 2]).expect("a known profile");
        let wild = Wildness { authority: Authority::Server, animals: 9, turmoil: true };
        let plan = Plan { seed, link, ..Plan::default() };
        let mut play = Playtest::new(plan, |setup| Ok(Box::new(Zoo::new(setup, wild).0)));
        let ada = play.join("Ada");
        let eve = play.spectate("Eve");
        play.run_for(Duration::from_secs(4));
        let zoe = play.spectate("Zoe");
        play.run_for(Duration::from_secs(4));
        play.leave(eve);
        play.run_for(Duration::from_secs(3));
        // The oracle compared every frame; these show that it had something to compare.
        let seen = [eve, zoe].map(|one| play[one].arrivals().len());
        assert!(seen.iter().all(|seen| *seen > 40), "seed {seed}: {seen:?}");
        assert_eq!((play[eve].ended(), play[zoe].ended()), (Some(Close::Left), None));
        assert_eq!((play.room().players() <= 1, play.room().spectators()), (true, 1), "seed {seed}: {ada:?}");
    }
}

#[test]
fn spectators_take_no_seat_and_get_the_lowest_number() {
    let mut room = hall(&[]);
    assert_eq!((spectate(&mut room), spectate(&mut room)), (Ok(EVE), Ok(Seat(EVE.0 + 1))));
    assert_eq!(spectate(&mut room), Err(Refusal::Full));
    (0..3).for_each(|seat| assert_eq!(admit(&mut room), Ok(Seat(seat))));
    assert_eq!(admit(&mut room), Err(Refusal::Full));
    let frame = room.tick().frame;
    assert_eq!(frame.note(EVE).map(|note| note.zones.to_vec()), Some(vec![ZoneId(0), ZoneId(3)]));
    room.take_posts();
    room.leave(EVE, Close::Left);
    assert!(posts(&mut room).is_empty(), "nobody is told that a spectator left");
    assert_eq!(spectate(&mut room), Ok(EVE));
    assert_eq!((room.players(), room.spectators()), (3, 2));
}

#[test]
fn a_lock_stops_newcomers_only() {
    let mut room = hall(&[(1, |cx| cx.lock(true)), (3, |cx| cx.lock(false))]);
    admit(&mut room).expect("a seat");
    assert!(!room.take_news());
    room.tick();
    assert!(room.take_news() && room.is_locked());
    assert_eq!(admit(&mut room), Err(Refusal::Shut(Close::Locked)));
    assert!(room.admit_reserved(None, "bob".to_owned(), Default::default()).is_ok());
    assert!(spectate(&mut room).is_ok());
    room.tick();
    assert!(!room.take_news());
    room.tick();
    assert!(room.take_news());
    assert!(admit(&mut room).is_ok());
}

#[test]
fn the_first_ending_counts_and_its_result_arrives_before_it() {
    // A lock lets spectators in; an ending does not, locked or not.
    let mut room = hall(&[(1, |cx| cx.lock(true)), (2, |cx| cx.end("won")), (5, |cx| cx.close("too late"))]);
    admit(&mut room).expect("a seat");
    spectate(&mut room).expect("a place");
    room.take_posts();
    room.tick();
    assert!(room.tick().over.is_none());
    let result = serde_bytes::ByteBuf::from(b"won".to_vec());
    let ended = EventBody::Ended { result: std::borrow::Cow::Owned(result) };
    assert_eq!(posts(&mut room), [(vec![Seat(0), EVE], ended)]);
    assert_eq!(admit(&mut room), Err(Refusal::Shut(Close::MatchOver)));
    assert_eq!(spectate(&mut room), Err(Refusal::Shut(Close::MatchOver)));
    let over = (0..100).find_map(|waited| room.tick().over.map(|reason| (waited, reason)));
    // A second at 20 Hz.
    assert_eq!(over, Some((19, CloseReason::from(Close::MatchOver))));
    assert_eq!(room.result(), Some(3));
}

#[test]
fn operators_end_rooms_and_sessions() {
    let mut room = hall(&[]);
    let ada = admit(&mut room).expect("a seat");
    spectate(&mut room).expect("a place");
    for seat in [ada, EVE, Seat(2), Seat(EVE.0 + 1)] {
        room.kick(seat, CloseReason::with_text(Close::Kicked, "that is enough"));
    }
    let ticked = room.tick();
    let kicked: Vec<Seat> = ticked.kicks.iter().map(|(seat, _)| *seat).collect();
    assert_eq!(kicked, [ada, EVE], "whoever is there");
    assert_eq!(ticked.kicks[0].1.text(), "that is enough");
    room.close(CloseReason::with_text(Close::RoomClosed, "the hall is needed"));
    assert_eq!(room.tick().over.map(|reason| reason.text().to_owned()).as_deref(), Some("the hall is needed"));
}

#[test]
fn a_kick_does_not_hit_who_takes_the_seat_next() {
    let mut room = hall(&[]);
    let seats = [admit(&mut room).expect("a seat"), spectate(&mut room).expect("a place")];
    seats.iter().for_each(|seat| room.kick(*seat, Close::Kicked.into()));
    seats.iter().for_each(|seat| room.leave(*seat, Close::Left));
    assert_eq!([admit(&mut room), spectate(&mut room)], seats.map(Ok));
    assert!(room.tick().kicks.is_empty());
}

#[test]
fn properties_are_told_once_and_bounded() {
    let mut room = hall(&[
        (1, |cx| cx.set_property("hall", "blue")),
        (2, |cx| cx.set_property("hall", "red")),
        (3, |cx| cx.set_property("hall", "")),
        (4, |cx| cx.set_property("never", "")),
    ]);
    admit(&mut room).expect("a seat");
    room.take_posts();
    let told: Vec<_> =
        (0..4).map(|_| (room.tick().frame.tick().0, posts(&mut room).len(), room.properties().len())).collect();
    assert_eq!(told, [(1, 0, 1), (2, 1, 1), (3, 1, 0), (4, 0, 0)]);
    let mut cx = Context::new(TickRate::DEFAULT, 1);
    (0..limits::PROPERTIES).for_each(|n| cx.set_property(&n.to_string(), "x"));
    let too_many = std::panic::catch_unwind(move || cx.set_property("one more", "x"));
    assert!(too_many.is_err());
    let long = "x".repeat(limits::TEXT + 1);
    assert!(std::panic::catch_unwind(|| Context::new(TickRate::DEFAULT, 1).set_property("key", &long)).is_err());
}

#[test]
fn who_is_idle_is_let_go_and_who_comes_back_is_not() {
    let plan = Plan { idle_after: Duration::from_secs(5), ..Plan::default() };
    let wild = Wildness { authority: Authority::Server, animals: 0, turmoil: false };
    let mut play = Playtest::new(plan, |setup| Ok(Box::new(Zoo::new(setup, wild).0)));
    let (ada, bob) = (play.join("Ada"), play.join("Bob"));
    let eve = play.spectate("Eve");
    for round in 0..4 {
        play[ada].hold(&[round, 0, 0, 0, 0]);
        play.run_for(Duration::from_secs(2));
    }
    assert_eq!((play[ada].ended(), play[bob].ended(), play[eve].ended()), (None, Some(Close::Idle), None));
    // Held keys are nothing new.
    play.run_for(Duration::from_secs(4));
    assert_eq!(play[ada].ended(), Some(Close::Idle));
    assert_eq!(play.room().players(), 0, "no seat is held for them");
}
