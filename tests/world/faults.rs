//! Invalid bytes, wrong state and violations of the protocol, one at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use tickwire::engine::link::Profile;
use tickwire::engine::{
    Client, Depth, Pass, Room, RoomConfig, RoomInput, RoomOutput, RoomPolicy, Session, SessionEvent,
};
use tickwire::game::RoomSetup;
use tickwire::id::{CorrectionEpoch, EntityId, KindId, Seat, Seq, ZoneId};
use tickwire::snapshot::delta::diff;
use tickwire::snapshot::{Frame, Marks, Schema, Zone};
use tickwire::tick::{Moment, Tick, TickRate};
use tickwire::wire::{
    Ack, AckedTick, Authority, ClientMessage, Close, CommandBody, EventBatch, EventBody, EventItem, FrameMessage,
    FrameStamp, Inputs, Join, NumberedCommand, Resync, Run, ServerMessage, ZoneForm, ZonePart, decode_client,
    decode_server, encode_client, encode_server, pack_runs,
};

use crate::drive;
use crate::judge::{below, keyframes};
use crate::zoo::{Wildness, Zoo};
use crate::{quiet, seconds};

fn room(authority: Authority) -> Room {
    let setup = RoomSetup { rate: TickRate::DEFAULT, seed: 1, options: BTreeMap::new() };
    let (zoo, _) =
        Zoo::new(&setup, Wildness { authority, animals: 8, turmoil: false, sight: None, far: 1, walls: false });
    let (id, game, policy) = ("r".to_owned(), "zoo".to_owned(), RoomPolicy::default());
    Room::new(RoomConfig::new(id, game, setup, policy), Box::new(zoo))
}

fn hello() -> Vec<u8> {
    Client::hello(Join::ById { room: "r".to_owned() }, "p", vec![], 0)
}

/// A session that plays, and the bytes it was sent so far.
fn playing(now: Moment, room: &mut Room) -> (Session, Vec<Vec<u8>>) {
    let mut session = Session::new(now);
    assert!(matches!(session.on_message(now, &hello()), Ok(SessionEvent::Enter(_))));
    let admitted = drive::enter(room, "p", BTreeMap::new());
    let mut sent = vec![session.enter(now, admitted.welcome, &admitted.start)];
    let frame = drive::tick(room);
    sent.push(session.compose(now, &[frame], None));
    (session, sent)
}

fn valid_messages() -> Vec<Vec<u8>> {
    let ack = Ack { tick: AckedTick::Low(1), events: Some(Seq(0)) };
    let run = |count, mark| Run { count, values: vec![mark, 1023, 1, -6400, 6400] };
    let (counted, runs) = pack_runs(&room(Authority::Server).spec().inputs, &[run(1, 1 << 29), run(9, 0)]);
    let runs = serde_bytes::Bytes::new(&runs);
    let inputs = Inputs { ack, epoch: CorrectionEpoch(0), view: None, held: 3, counted, runs };
    let body = CommandBody::Game { kind: 3, body: serde_bytes::Bytes::new(&[1, 2, 3, 4]) };
    let command = NumberedCommand { seq: Seq(1), body };
    let resync = Resync { zone: ZoneId(0), tick: Tick(1) };
    [
        ClientMessage::Inputs(inputs),
        ClientMessage::Ack(ack),
        ClientMessage::Command(command),
        ClientMessage::Ping { stamp: u32::MAX },
        ClientMessage::Resync(resync),
    ]
    .iter()
    .map(encode_client)
    .chain([hello()])
    .collect()
}

/// Random bytes, or a valid message: as it is, with some bits flipped, cut short or continued.
fn garble(random: &mut Pcg32, valid: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = valid[below(random, valid.len() as u32) as usize].clone();
    match below(random, 8) {
        0 => bytes = (0..below(random, 40)).map(|_| random.next_u32() as u8).collect(),
        1 => bytes.truncate(below(random, bytes.len() as u32) as usize),
        2 => bytes.extend((0..=below(random, 3)).map(|_| random.next_u32() as u8)),
        3 => {
            for _ in 0..=below(random, 3) {
                let index = below(random, bytes.len() as u32) as usize;
                bytes[index] ^= 1 << below(random, 8);
            }
        }
        _ => {}
    }
    bytes
}

#[test]
fn no_bytes_make_a_session_panic() {
    let mut random = Pcg32::new(7, 7);
    let valid = valid_messages();
    let mut room = room(Authority::Server);
    let (mut refused, mut heard, mut now) = (0, 0, Moment(0));
    for _ in 0..400 {
        let silent = below(&mut random, 4) == 0;
        let mut session = if silent { Session::new(now) } else { playing(now, &mut room).0 };
        for _ in 0..50 {
            now = now.plus(Duration::from_millis(20));
            match session.on_message(now, &garble(&mut random, &valid)) {
                Ok(_) => {
                    heard += 1;
                    for run in session.runs() {
                        drive::offer(&mut room, Seat(0), *run);
                    }
                }
                Err(close) => {
                    assert!(matches!(close, Close::BadMessage | Close::Version | Close::RateLimited), "{close:?}");
                    refused += 1;
                    break;
                }
            }
        }
        drive::tick(&mut room);
        drive::apply(&mut room, RoomInput::Disconnected { seat: Seat(0), close: Close::BadMessage });
    }
    assert!(refused > 300 && heard > 100, "{refused} refused, {heard} heard");
}

#[test]
fn no_bytes_make_a_client_panic() {
    let mut random = Pcg32::new(8, 8);
    let mut room = room(Authority::Client);
    let (_, sent) = playing(Moment(0), &mut room);
    let frames = &sent[1..];
    for _ in 0..4000 {
        let mut client = Client::new(Depth::Full);
        client.on_message(&sent[0]).expect("the welcome");
        let valid = if below(&mut random, 2) == 0 { frames } else { &sent };
        let bytes = garble(&mut random, valid);
        // Whether it takes them does not matter; some garbled frames are frames.
        let _ = client.on_message(&bytes);
        let _ = Client::new(Depth::Full).on_message(&bytes);
    }
}

#[test]
fn impossible_messages_end_the_session() {
    let ack = |tick| encode_client(&ClientMessage::Ack(Ack { tick: AckedTick::Low(tick), events: None }));
    let command = |seq| NumberedCommand {
        seq: Seq(seq),
        body: CommandBody::Game { kind: 0, body: serde_bytes::Bytes::new(&[]) },
    };
    let wrong = [
        ack(2),
        hello(),
        encode_client(&ClientMessage::Command(command(2))),
        encode_client(&ClientMessage::Resync(Resync { zone: ZoneId(0), tick: Tick(5) })),
        vec![],
        vec![9],
        [ack(1), vec![0]].concat(),
        // An acknowledgement in the general encoding, a number in a longer form than it needs, an unknown flag, and
        // nothing held.
        vec![2, 1, 0],
        vec![0x81, 1, 251, 1, 0],
        vec![0xc0, 1],
        vec![0x84, 1, 0],
    ];
    for bytes in wrong {
        let (mut session, _) = playing(Moment(0), &mut room(Authority::Server));
        assert_eq!(session.on_message(Moment(1), &bytes), Err(Close::BadMessage), "{bytes:?}");
    }
    let (mut session, _) = playing(Moment(0), &mut room(Authority::Server));
    assert!(session.on_message(Moment(1), &ack(1)).is_ok());
}

/// A message of one run that stands for so many inputs.
fn claim(session: &Session, count: u16) -> Vec<u8> {
    let tick = AckedTick::Low(session.sender().expect("it plays").tick().0 as u8);
    let (ack, epoch) = (Ack { tick, events: None }, CorrectionEpoch(0));
    let runs = serde_bytes::Bytes::new(&[]);
    encode_client(&ClientMessage::Inputs(Inputs { ack, epoch, view: None, held: count, counted: false, runs }))
}

#[test]
fn inputs_are_clamped_to_the_time_there_was() {
    let runs = |session: &Session| session.runs().iter().map(|run| u32::from(run.count)).sum::<u32>();
    // A clock that is a fifth fast, messages that waited for ten seconds: all of it counts.
    let mut room = room(Authority::Server);
    let rate = u64::from(room.rate().per_second());
    let (mut session, _) = playing(Moment(0), &mut room);
    for second in (0..600).step_by(10) {
        let claimed = (12 * rate) as u16;
        let heard = session.on_message(Moment(second * 1_000_000), &claim(&session, claimed));
        assert!(matches!(heard, Ok(SessionEvent::Inputs { .. })), "{heard:?}");
        assert_eq!(runs(&session), u32::from(claimed));
    }
    assert_eq!(session.take_over_rate(), 0);
    // Twice as many as there are ticks: only the newest of a message counts, and the session ends in the end.
    let (mut session, _) = playing(Moment(0), &mut room);
    let (mut claimed, mut granted) = (0, 0);
    let ended = (0..1000_u64).find(|n| {
        let ended = session.on_message(Moment(n * 100_000), &claim(&session, (rate / 5) as u16)).err();
        claimed += rate as u32 / 5;
        granted += if ended.is_none() { runs(&session) } else { 0 };
        ended == Some(Close::RateLimited)
    });
    let seconds = ended.expect("it is ended") / 10;
    assert!((15..40).contains(&seconds), "{seconds} s");
    assert!(
        granted < claimed && u64::from(granted) <= rate * (seconds + 1) * 5 / 4 + 15 * rate,
        "{granted} of {claimed}"
    );
    assert!(session.take_over_rate() > 0);
}

#[test]
fn events_of_a_message_that_does_not_decode_are_asked_for_again() {
    let mut room = room(Authority::Server);
    let (_, sent) = playing(Moment(0), &mut room);
    let mut client = Client::new(Depth::Full);
    client.on_message(&sent[0]).expect("a welcome");
    let pass = Pass { room: "r".to_owned(), token: vec![7; 18] };
    let body = EventBody::Left { seat: Seat(1), code: 1000 };
    let message = |keyframe: &[u8]| {
        let items = vec![EventItem { age: 0, body: body.clone() }];
        let events = Some(EventBatch { first: Seq(1), lost: 0, items });
        let form = ZoneForm::Keyframe(serde_bytes::Bytes::new(keyframe));
        let zones = vec![ZonePart { zone: ZoneId(0), lag: 0, form, hash: None }];
        encode_server(&ServerMessage::Frame(FrameMessage {
            stamp: FrameStamp::Long { tick: 2, consumed: 0 },
            note: None,
            events,
            zones,
        }))
    };
    let known = |client: &Client| {
        let hello = client.clone().with_pass(pass.clone()).resume("p", vec![]).expect("the right to a seat");
        match decode_client(&hello).expect("a hello") {
            ClientMessage::Hello(hello) => hello.resume.map(|resume| (resume.tick, resume.events)).expect("a claim"),
            other => panic!("not a hello: {other:?}"),
        }
    };
    client.on_message(&message(&[0xff; 9])).expect_err("no keyframe starts like that");
    assert_eq!(known(&client), (None, Some(Seq(0))), "neither the state nor the event is claimed");
}

#[test]
fn resyncs_and_messages_are_limited() {
    let (mut session, _) = playing(Moment(0), &mut room(Authority::Server));
    let resync = encode_client(&ClientMessage::Resync(Resync { zone: ZoneId(0), tick: Tick(1) }));
    let heard: Vec<_> = (0..4).map(|n| session.on_message(Moment(n), &resync)).collect();
    assert_eq!(heard[2..], [Ok(SessionEvent::Resync), Err(Close::RateLimited)]);

    let (mut session, _) = playing(Moment(0), &mut room(Authority::Server));
    let ack = encode_client(&ClientMessage::Ack(Ack { tick: AckedTick::Low(1), events: None }));
    let ended = (0..).map(|n| Moment(n * 100)).find(|now| session.on_message(*now, &ack).is_err());
    let ended = ended.expect("a flood is ended").since(Moment(0));
    assert!((Duration::from_secs(5)..Duration::from_secs(7)).contains(&ended), "{ended:?}");
}

#[test]
fn a_silent_connection_is_closed() {
    let mut session = Session::new(Moment(0));
    assert_eq!(session.on_alarm(seconds(4)), Ok(false));
    assert_eq!(session.on_alarm(seconds(5)), Err(Close::HeartbeatLost));
}

#[test]
fn a_refused_join_leaves_nothing_behind() {
    let mut room = room(Authority::Server);
    let refuse = BTreeMap::from([("refuse".to_owned(), String::new())]);
    drive::enter(&mut room, "first", BTreeMap::new());
    assert!(drive::ask(&mut room, "second", refuse).is_err());
    let of_joins = |body: &EventBody| matches!(body, EventBody::Game { kind: 6, .. } | EventBody::Joined(_));
    let (_, outputs) = drive::apply(&mut room, RoomInput::Tick);
    let joined = |output: &RoomOutput| matches!(output, RoomOutput::Event { event, .. } if of_joins(&event.body()));
    assert!(!outputs.iter().any(joined), "nobody joined");
}

/// The zone with one animal a step further to the right.
fn nudged(schema: &std::sync::Arc<Schema>, zone: &Zone) -> Option<Zone> {
    let kind = KindId(1);
    let central = |id: &&EntityId| zone.find(schema, kind, **id).is_some_and(|row| row[0].abs() < 3000);
    let chosen = *zone.table(kind)?.ids().iter().find(central)?;
    let frame = Frame::initial(schema.clone(), Tick(0)).freeze(vec![], |out| {
        for row in zone.rows(schema) {
            let mut values = row.values.to_vec();
            if (row.kind, row.id) == (kind, chosen) {
                values[0] += 1;
            }
            out.entity(row.kind, row.id, &values);
        }
    });
    Some(frame.zones()[0].zone().clone())
}

/// The message that leads from the tick before to `frame`, except that it also moves an animal which the server did not
/// move.
fn falsified(bytes: &[u8], before: &Frame, frame: &Frame) -> Option<Vec<u8>> {
    let Ok(ServerMessage::Frame(mut message)) = decode_server(bytes) else { return None };
    let mut delta = Vec::new();
    let schema = frame.schema();
    for part in &mut message.zones {
        let ZoneForm::Chain(chain) = &mut part.form else { continue };
        let ([only], None) = (&mut chain[..], part.hash) else { continue };
        let (old, zone) = (before.zone(part.zone)?, frame.zone(part.zone)?);
        if let Some(nudged) = nudged(schema, zone.zone()) {
            diff(schema, old.zone(), &nudged, &Marks::default(), &mut delta);
            *only = serde_bytes::Bytes::new(&delta);
            return Some(encode_server(&ServerMessage::Frame(message)));
        }
    }
    None
}

#[test]
fn a_client_that_went_wrong_notices_and_is_repaired() {
    let mut world = quiet(Profile::named("wifi").expect("a known profile"), 40, 1);
    world.judge.borrow_mut().tamper = Some(falsified);
    world.run_until(seconds(3));
    assert!(world.judge.borrow().tamper.is_none(), "a message was falsified");
    world.run_until(seconds(5));
    let client = world.client(0);
    assert!(client.desyncs() >= 1, "the hash told");
    assert!(!client.is_tampered(), "and a keyframe repaired it");
    assert_eq!(keyframes(client), 2);
}
