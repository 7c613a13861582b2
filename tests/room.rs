//! Guarantees of a room about seats, commands and chat, one at a time, without sessions and links.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tickwire::engine::{
    Admitted, Claim, Command, Event, EventLog, InputRun, Readiness, Refusal, ResumeToken, Room, RoomConfig, Secret,
    Session,
};
use tickwire::game::{Context, Game, Player, PlayerInput, Recipients, RoomSetup, SnapshotWriter, Spec};
use tickwire::id::{CorrectionEpoch, EntityId, KindId, Seat, Seq, ZoneId};
use tickwire::snapshot::{Field, InputSchema, Kind, Schema, Shape};
use tickwire::tick::{Moment, Tick, TickRate};
use tickwire::wire::{Authority, Close, Continuity, EventBody, ServerMessage, decode_server, limits};

/// A game that reports each call of its hooks to everyone.
#[derive(Default)]
struct Tell(BTreeMap<Seat, (EntityId, i32)>);

impl Game for Tell {
    fn spec(&self) -> Spec {
        let schema = Schema::new(vec![Kind::new("dot", vec![Field::held("x", Shape::Int { min: 0, max: 9 })])]);
        let inputs = InputSchema::new(vec![Field::held("x", Shape::Int { min: 0, max: 9 })]);
        Spec {
            schema: Arc::new(schema.expect("a valid schema")),
            inputs: inputs.expect("a valid schema"),
            authority: Authority::Server,
            capacity: 3,
            properties: Vec::new(),
        }
    }
    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, String> {
        let id = cx.spawn();
        self.0.insert(player.seat, (id, 0));
        Ok(id)
    }
    fn leave(&mut self, seat: Seat, cx: &mut Context) {
        self.0.remove(&seat);
        cx.emit(Recipients::All, 1, Bytes::new());
    }
    fn step(&mut self, inputs: &[PlayerInput], _: &mut Context) {
        inputs.iter().for_each(|one| self.0.get_mut(&one.seat).expect("seated").1 = one.input[0]);
    }
    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        self.0.values().for_each(|(id, x)| out.row(ZoneId(0), KindId(0), *id, &[*x]));
    }
    fn call(&mut self, _: Seat, kind: u16, body: &[u8], _: &mut Context) -> Result<Bytes, String> {
        if kind == 0 { Ok(Bytes::copy_from_slice(body)) } else { Err("no".repeat(limits::BODY)) }
    }
    fn chat(&mut self, _: Seat, text: &str, _: &mut Context) -> bool {
        text != "quack"
    }
    fn disconnected(&mut self, seat: Seat, cx: &mut Context) {
        cx.emit(Recipients::Except(seat), 2, Bytes::new());
    }
    fn reconnected(&mut self, seat: Seat, cx: &mut Context) {
        cx.emit(Recipients::Only(seat), 3, Bytes::new());
    }
}

/// A room with the event log of each seat, which a shell keeps otherwise.
struct Hall {
    room: Room,
    logs: BTreeMap<Seat, EventLog>,
    secrets: u8,
}

impl Hall {
    fn new(hold: u64) -> Self {
        let setup = RoomSetup { rate: TickRate::DEFAULT, seed: 1, options: BTreeMap::new() };
        let config = RoomConfig { id: "hall".to_owned(), game: "tell".to_owned(), setup, capacity: None };
        let room = Room::new(config, Box::<Tell>::default()).holding_seats_for(Duration::from_secs(hold));
        Self { room, logs: BTreeMap::new(), secrets: 0 }
    }

    fn secret(&mut self) -> Secret {
        self.secrets += 1;
        [self.secrets; 16]
    }

    /// A player joins and sends a first message.
    fn join(&mut self) -> Admitted {
        let admitted = self.enter();
        self.room.confirm(admitted.entry.seat);
        admitted
    }

    fn enter(&mut self) -> Admitted {
        let secret = self.secret();
        let mut admitted = self.room.admit("ada".to_owned(), BTreeMap::new()).expect("there is room");
        self.room.give_token(&mut admitted, secret);
        self.logs.insert(admitted.entry.seat, EventLog::default());
        admitted
    }

    fn back(&mut self, token: ResumeToken, base: Option<Tick>) -> Option<Admitted> {
        self.route();
        let seat = self.room.recognise(&token, None)?;
        let secret = self.secret();
        let frame = self.room.frame().clone();
        let claim = Claim { token, tick: base, events: None };
        let log = self.logs.get_mut(&seat).expect("a log per seat");
        Some(self.room.resume(seat, &claim, log, Some(&frame), secret).expect("no claim about events"))
    }

    fn tick(&mut self) -> Vec<Seat> {
        let released = self.room.tick().released;
        self.route();
        released
    }

    fn route(&mut self) {
        for post in self.room.take_posts() {
            post.seats
                .iter()
                .for_each(|seat| self.logs.get_mut(seat).expect("a log per seat").push(post.event.clone()));
        }
    }

    /// The events not sent to a seat yet, as bodies with their ages in ticks.
    fn heard(&mut self, seat: Seat) -> Vec<(u32, EventBody<'static>)> {
        self.route();
        let upcoming = self.room.frame().tick().plus(1);
        let mut heard = Vec::new();
        while let Some(batch) = self.logs.get_mut(&seat).expect("a log per seat").batch(upcoming) {
            heard.extend(batch.as_wire(upcoming).items.into_iter().map(|item| (item.age, item.body.into_owned())));
        }
        heard
    }

    fn bodies(&mut self, seat: Seat) -> Vec<EventBody<'static>> {
        self.heard(seat).into_iter().map(|(_, body)| body).collect()
    }
}

fn run(first: u32, value: i32) -> InputRun {
    let (mut input, epoch) = (tickwire::Input::default(), CorrectionEpoch(0));
    input[0] = value;
    InputRun { first: Seq(first), count: 1, epoch, input }
}

fn token(admitted: &Admitted) -> ResumeToken {
    ResumeToken::read(admitted.welcome.resume.as_ref().expect("a token")).expect("a token reads")
}

fn x_of(hall: &Hall, entity: EntityId) -> Option<i32> {
    hall.room.frame().find(KindId(0), entity).map(|row| row[0])
}

#[test]
fn a_seat_is_held_idles_and_is_taken_up_again() {
    let mut hall = Hall::new(30);
    let (ada, bob) = (hall.join(), hall.join());
    let entity = ada.welcome.entity;
    hall.room.offer(Seat(0), &run(1, 7));
    hall.tick();
    assert_eq!(x_of(&hall, entity), Some(7));
    hall.room.offer(Seat(0), &run(2, 8));
    hall.bodies(Seat(1));
    assert!(hall.room.drop_out(Seat(0), Close::Lost));
    assert!(hall.room.drop_out(Seat(0), Close::Lost), "still held");
    hall.tick();
    assert_eq!(x_of(&hall, entity), Some(0), "the avatar idles; the input that waited has expired");
    assert_eq!((hall.room.players(), hall.room.away()), (2, 1));
    let game = |kind| EventBody::Game { kind, body: std::borrow::Cow::Owned(serde_bytes::ByteBuf::new()) };
    assert_eq!(hall.bodies(Seat(1)), [EventBody::Disconnected { seat: Seat(0) }, game(2)]);
    let away: Vec<bool> = hall.enter().welcome.players.iter().map(|player| player.away).collect();
    assert_eq!(away, [true, false, false]);
    assert_eq!(hall.room.admit("eve".to_owned(), BTreeMap::new()).err(), Some(Refusal::Full), "a held seat is taken");

    let tick = hall.room.frame().tick();
    let back = hall.back(token(&ada), Some(tick)).expect("the seat is held");
    let welcome = &back.welcome;
    assert_eq!((welcome.seat, welcome.entity, welcome.continuity), (Seat(0), entity, Continuity::State));
    assert_eq!((welcome.tick, back.entry.tick, &*back.entry.zones), (tick, tick, &[ZoneId(0)][..]));
    assert_eq!((welcome.events, welcome.listed), (Seq(0), Seq(2)), "bob and eve came; neither was sent");
    assert!(welcome.players.iter().all(|player| !player.away) && welcome.players.len() == 3);
    assert_eq!(hall.bodies(Seat(1)).last(), Some(&EventBody::Reconnected { seat: Seat(0) }));
    assert_eq!(hall.bodies(Seat(0)).last(), Some(&game(3)));
    hall.room.offer(Seat(0), &run(1, 5));
    hall.tick();
    assert_eq!(x_of(&hall, entity), Some(5), "inputs count from 1 again");
    assert_eq!(hall.room.frame().note(Seat(0)).map(|note| note.consumed), Some(Seq(1)));
    assert_ne!(back.entry.seat_generation, bob.entry.seat_generation);
}

#[test]
fn a_seat_is_free_after_the_hold_and_at_once_after_other_endings() {
    let mut hall = Hall::new(1);
    for (close, ticks) in [(Close::Lost, 20), (Close::GoingAway, 20), (Close::SlowConsumer, 20)] {
        let ada = hall.join();
        let entered = hall.room.frame().tick();
        assert!(hall.room.drop_out(ada.entry.seat, close));
        while hall.tick().is_empty() {
            assert_eq!(hall.room.players(), 1);
        }
        assert_eq!(hall.room.frame().tick().since(entered), ticks + 1);
        assert_eq!((hall.room.players(), hall.back(token(&ada), None).is_none()), (0, true));
    }
    for close in [Close::Left, Close::Kicked, Close::BadMessage, Close::Replaced] {
        let ada = hall.join();
        assert!(!hall.room.drop_out(ada.entry.seat, close));
        assert_eq!(hall.room.players(), 0);
    }
    let silent = hall.enter();
    assert!(!hall.room.drop_out(silent.entry.seat, Close::Lost), "who was never heard from knows no token");
    let mut off = Hall::new(0);
    let ada = off.join();
    assert_eq!(ada.welcome.resume, None);
    assert!(!off.room.drop_out(Seat(0), Close::Lost), "this room holds none");
}

#[test]
fn a_closed_page_has_less_time_than_a_lost_connection() {
    let mut hall = Hall::new(30);
    let ada = hall.join();
    hall.room.drop_out(ada.entry.seat, Close::GoingAway);
    let ticks = (1..).find(|_| !hall.tick().is_empty());
    assert_eq!(ticks, Some(limits::HOLD_PAGE_FOR.as_secs() as usize * 20 + 1));
}

#[test]
fn tokens_change_and_the_former_one_dies_with_the_first_message() {
    let mut hall = Hall::new(30);
    let first = token(&hall.join());
    // The welcome was lost, so the client claims again; the token of the lost welcome opens nothing any more.
    let lost = token(&hall.back(first, None).expect("a live seat can be taken over"));
    let second = hall.back(first, None).expect("the former token is good until the new one is known to have arrived");
    assert_eq!(hall.back(lost, None).map(|_| ()), None);
    hall.room.confirm(Seat(0));
    assert_eq!(hall.back(first, None).map(|_| ()), None, "used up");
    assert_eq!(second.welcome.continuity, Continuity::Seat, "no tick was claimed");
    let guessed = ResumeToken::new(Seat(0), [9; 16]);
    let elsewhere = ResumeToken::new(Seat(1), [second.welcome.resume.as_ref().expect("a token")[2]; 16]);
    assert_eq!((hall.room.recognise(&guessed, None), hall.room.recognise(&elsewhere, None)), (None, None));
    assert_eq!(hall.room.recognise(&token(&second), None), Some(Seat(0)));
}

#[test]
fn the_seat_of_a_proven_player_opens_for_nobody_else() {
    let mut hall = Hall::new(30);
    let secret = hall.secret();
    let grace = Some("grace".to_owned());
    let mut admitted = hall.room.admit_as(grace, "Grace".to_owned(), BTreeMap::new()).expect("there is room");
    hall.room.give_token(&mut admitted, secret);
    let token = token(&admitted);
    assert_eq!((hall.room.recognise(&token, None), hall.room.recognise(&token, Some("ada"))), (None, None));
    assert_eq!(hall.room.recognise(&token, Some("grace")), Some(Seat(0)));
}

#[test]
fn a_claim_to_events_that_were_never_sent_changes_nothing() {
    let mut hall = Hall::new(30);
    let ada = hall.join();
    let claim = Claim { token: token(&ada), tick: None, events: Some(Seq(1)) };
    let log = hall.logs.get_mut(&Seat(0)).expect("a log per seat");
    assert!(hall.room.resume(Seat(0), &claim, log, None, [77; 16]).is_err());
    hall.tick();
    assert_eq!(hall.room.frame().note(Seat(0)).map(|note| note.seat_generation), Some(ada.entry.seat_generation));
    assert_eq!(hall.room.recognise(&token(&ada), None), Some(Seat(0)));
}

#[test]
fn a_state_is_believed_only_from_a_frame_that_the_seat_was_in() {
    let mut hall = Hall::new(30);
    hall.tick();
    let before = hall.room.frame().tick();
    let ada = hall.join();
    let back = hall.back(token(&ada), Some(before)).expect("the seat is taken");
    assert_eq!(back.welcome.continuity, Continuity::Seat, "the frame is from before the seat was taken");
    hall.tick();
    let wrong = hall.back(token(&back), Some(Tick(99))).expect("the seat is taken");
    assert_eq!((wrong.welcome.continuity, wrong.entry.zones.len()), (Continuity::Seat, 0));
}

#[test]
fn the_first_message_of_a_return_is_for_it_alone_and_proves_itself() {
    let mut hall = Hall::new(30);
    let ada = hall.join();
    hall.room.offer(Seat(0), &run(1, 7));
    hall.tick();
    let base = hall.room.frame().clone();
    hall.tick();
    let stale = hall.room.frame().clone();
    let seat = hall.room.recognise(&token(&ada), None).expect("a live seat can be taken over");
    let claim = Claim { token: token(&ada), tick: Some(base.tick()), events: None };
    let log = hall.logs.get_mut(&seat).expect("a log per seat");
    let back = hall.room.resume(seat, &claim, log, Some(&base), [77; 16]).expect("no claim about events");
    assert_eq!(back.welcome.continuity, Continuity::State);
    let now = Moment(0);
    let [mut replaced, mut session] = [ada, back].map(|admitted| {
        let mut session = Session::new(now);
        session.enter(now, &admitted.entry, admitted.welcome);
        session
    });
    assert_eq!(session.readiness(now, &stale), Readiness::Idle, "what was frozen before the return is not for it");
    assert_eq!(replaced.readiness(now, &stale), Readiness::Ready, "but for the connection before");
    let frame = hall.room.tick().frame;
    assert_eq!(replaced.readiness(now, &frame), Readiness::Idle, "and nothing after it");
    assert_eq!(session.readiness(now, &frame), Readiness::Ready);
    let bytes = session.compose(now, &[stale, frame.clone()], None);
    let Ok(ServerMessage::Frame(message)) = decode_server(&bytes) else { panic!("not a frame: {bytes:?}") };
    assert_eq!((message.advance, message.consumed), (2, 0));
    let [part] = &message.zones[..] else { panic!("{message:?}") };
    assert_eq!(part.hash, frame.zone(ZoneId(0)).map(|zone| zone.hash()), "what the client claimed is checked at once");
}

#[test]
fn a_call_is_answered_once_and_a_refusal_says_why() {
    let mut hall = Hall::new(0);
    (0..2).for_each(|_| _ = hall.join());
    hall.bodies(Seat(0));
    let call = |kind| Command::Call { kind, body: Bytes::from_static(b"hi") };
    hall.room.command(Seat(0), Seq(1), &call(0));
    hall.room.command(Seat(0), Seq(1), &call(0));
    hall.room.command(Seat(0), Seq(2), &call(1));
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
    (0..3).for_each(|_| _ = hall.join());
    (0..3).for_each(|seat| _ = hall.bodies(Seat(seat)));
    let say =
        |to: &[u16], text: &str| Command::Chat { to: to.iter().copied().map(Seat).collect(), text: text.to_owned() };
    let lines = |hall: &mut Hall| {
        (0..3).map(|seat| hall.bodies(Seat(seat)).iter().map(said).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    hall.room.command(Seat(0), Seq(1), &say(&[], "hello"));
    assert_eq!(lines(&mut hall), [["0 hello false"], ["0 hello false"], ["0 hello false"]]);
    hall.room.command(Seat(0), Seq(2), &say(&[2, 9], "psst"));
    assert_eq!(lines(&mut hall), [vec!["0 psst true"], vec![], vec!["0 psst true"]]);
    hall.room.command(Seat(0), Seq(3), &say(&[], "quack"));
    hall.room.command(Seat(0), Seq(4), &say(&[], ""));
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
        hall.room.command(Seat(0), Seq(number), &Command::Chat { to: vec![], text: format!("line {number}") });
        hall.room.command(Seat(0), Seq(number), &Command::Chat { to: vec![Seat(0)], text: "again".to_owned() });
        hall.tick();
    }
    hall.room.command(Seat(0), Seq(61), &Command::Chat { to: vec![Seat(2)], text: "secret".to_owned() });
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

#[test]
fn a_log_that_nobody_reads_stays_within_its_bound() {
    let mut log = EventLog::default();
    (0..100_000).for_each(|_| {
        log.push(Arc::new(Event::game(Tick(1), 1, &Bytes::from_static(&[0; 100]))));
    });
    let rewound = log.rewind(None).expect("no claim");
    let kept = rewound.newest.since(rewound.events);
    assert!(kept as usize * 132 <= limits::EVENT_LOG && kept > 400, "{kept}");
}
