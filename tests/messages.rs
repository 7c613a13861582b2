//! Real messages of a real room, between a session and its client: their length besides the payload, the cost of a quiet tick
//! and of a typical input, and the messages to a client that wants fewer frames than there are ticks.
//!
//! Golden vectors cover the layouts, and `measure` covers the cost of payloads.

mod drive;

use std::collections::BTreeMap;
use std::sync::Arc;

use tickwire::engine::{
    Client, ClientEvent, Depth, InputRun, Readiness, Room, RoomConfig, RoomPolicy, Session, SessionEvent,
};
use tickwire::game::RoomSetup;
use tickwire::id::{CorrectionEpoch, Seat, Seq, ZoneId};
use tickwire::snapshot::{Frame, MAX_INPUT_FIELDS};
use tickwire::tick::{Moment, TickRate};
use tickwire::wire::{FrameStamp, Join, ServerMessage, ZoneForm, decode_server};
use tickwire_games::builtin;

/// A room full of walkers, and one player whose messages are examined.
struct Hall {
    room: Room,
    now: Moment,
    session: Session,
    client: Client,
    seat: Seat,
    frames: Vec<Arc<Frame>>,
    reports: u32,
}

impl Hall {
    fn new(game: &str, rate: u16, walkers: u16, wanted: u16) -> Self {
        let (_, make) = builtin().into_iter().find(|(name, _)| *name == game).expect("a built-in game");
        let rate = TickRate::new(rate).expect("a valid rate");
        let setup = RoomSetup { rate, seed: 1, options: BTreeMap::new() };
        let made = make(&setup).expect("a valid setup");
        let config = RoomConfig::new("hall", game, setup, RoomPolicy::default());
        let mut room = Room::new(config, made);
        for number in 0..walkers {
            let spawn = format!("{},{}", 10 + number % 50, 8 + number / 50 * 2);
            let options = BTreeMap::from([("spawn".to_owned(), spawn)]);
            drive::enter(&mut room, &format!("walker {number}"), options);
        }
        let (mut session, mut client, now) = (Session::new(Moment(0)), Client::new(Depth::Full), Moment(0));
        let hello = Client::hello(Join::ById { room: "hall".to_owned() }, "ada", Vec::new(), wanted);
        assert!(matches!(session.on_message(now, &hello), Ok(SessionEvent::Enter(_))));
        let admitted = drive::enter(&mut room, "ada", BTreeMap::from([("spawn".to_owned(), "10,8".to_owned())]));
        let welcome = session.enter(now, admitted.welcome, &admitted.start);
        assert_eq!(client.on_message(&welcome), Ok(ClientEvent::Welcome));
        Self { room, now, session, client, seat: admitted.start.seat, frames: Vec::new(), reports: 0 }
    }

    /// Runs one tick. The message to the player, if there is one, has brought their client to the room's state.
    fn tick(&mut self) -> Option<Vec<u8>> {
        self.now = self.now.plus(self.room.rate().period());
        let frame = drive::tick(&mut self.room);
        self.frames.push(frame.clone());
        if self.session.readiness(self.now, &frame) != Readiness::Ready {
            return None;
        }
        let bytes = self.session.compose(self.now, &self.frames, None);
        self.frames.clear();
        let Ok(ClientEvent::Frame(arrived)) = self.client.on_message(&bytes) else { panic!("a frame is a frame") };
        assert_eq!((arrived.tick, arrived.desyncs), (frame.tick(), 0));
        let zone = frame.zone(ZoneId(0)).expect("somebody is there").zone();
        assert_eq!(self.client.zones()[&ZoneId(0)], *zone);
        Some(bytes)
    }

    /// The message that the client sends now.
    fn talk(&mut self) -> Vec<Vec<u8>> {
        let said: Vec<_> = std::iter::from_fn(|| self.client.poll(self.now)).collect();
        for bytes in &said {
            let heard = self.session.on_message(self.now, bytes).expect("the client speaks the protocol");
            if let SessionEvent::Inputs { .. } = heard {
                self.session.runs().iter().for_each(|run| drive::offer(&mut self.room, self.seat, *run));
            }
        }
        said
    }

    /// All walkers report a position slightly further on.
    fn walk(&mut self, walkers: u16) {
        self.reports += 1;
        for number in 0..walkers {
            let mut input = [0; MAX_INPUT_FIELDS];
            let way = 4 * (self.reports % 20).min(20 - self.reports % 20).cast_signed();
            (input[0], input[1]) = (64 * i32::from(10 + number % 50), 64 * i32::from(8 + number / 50 * 2) + way);
            let run = InputRun { first: Seq(self.reports), count: 1, epoch: CorrectionEpoch(0), view: None, input };
            drive::offer(&mut self.room, Seat(number), run);
        }
    }
}

fn payload(bytes: &[u8]) -> usize {
    let Ok(ServerMessage::Frame(frame)) = decode_server(bytes) else { panic!("a frame is a frame") };
    frame.zones.iter().map(|part| part.form.weight()).sum()
}

#[test]
fn the_usual_frame_has_one_byte_beside_its_payload() {
    let mut hall = Hall::new("plaza", 20, 22, 0);
    let mut around = Vec::new();
    hall.tick();
    for n in 0..200 {
        hall.walk(22);
        hall.client.input(&[640, 512 + n % 2]);
        hall.talk();
        let bytes = hall.tick().expect("a frame per tick");
        around.push(bytes.len() - payload(&bytes));
    }
    around.sort_unstable();
    // Four more bytes for a hash, once per second; three more for a correction, until the player reports the right position.
    assert_eq!(around[around.len() / 2], 1);
    assert!(around.iter().all(|bytes| *bytes <= 8), "{around:?}");
}

#[test]
fn a_tick_in_which_nothing_changes_is_small() {
    for (game, walkers) in [("plaza", 200), ("arena", 0)] {
        let mut hall = Hall::new(game, 20, walkers, 0);
        (0..100).for_each(|_| {
            hall.tick();
            hall.talk();
        });
        for _ in 0..40 {
            let bytes = hall.tick().expect("a frame per tick");
            assert!(bytes.len() <= 12, "{game}: {} bytes", bytes.len());
            hall.talk();
        }
    }
}

#[test]
fn inputs_are_small_and_ride_with_acknowledgements() {
    for (game, still, typical) in [("arena", 3, 5), ("plaza", 4, 7)] {
        let mut hall = Hall::new(game, 20, 0, 0);
        let changing: [&[i32]; 2] =
            if game == "arena" { [&[200, 1, 0, 0], &[7, 1, 0, 1]] } else { [&[640, 520], &[660, 530]] };
        for n in 0..100 {
            hall.client.input(changing[n % 2]);
            let said = hall.talk();
            assert_eq!(said.len(), 1, "a changed input is sent at once, alone");
            assert!(said[0].len() <= typical, "{game}: {} bytes", said[0].len());
            hall.tick();
        }
        let mut messages = 0;
        for _ in 0..100 {
            hall.client.input(changing[1]);
            for bytes in hall.talk() {
                assert!(bytes.len() <= still, "{game}: {} bytes", bytes.len());
                messages += 1;
            }
            hall.tick();
        }
        // 5 s: an acknowledgement every 100 ms, which also carries the inputs.
        assert!((48..=51).contains(&messages), "{game}: {messages} messages");
    }
}

#[test]
fn ten_frames_of_thirty_ticks_are_chains_of_three() {
    let mut hall = Hall::new("plaza", 30, 22, 10);
    let mut chains = Vec::new();
    for _ in 0..300 {
        hall.walk(22);
        if let Some(bytes) = hall.tick() {
            let Ok(ServerMessage::Frame(frame)) = decode_server(&bytes) else { panic!("a frame is a frame") };
            let ZoneForm::Chain(chain) = &frame.zones[0].form else {
                assert!(chains.is_empty(), "only the first is a keyframe");
                continue;
            };
            assert!(matches!(frame.stamp, FrameStamp::Long { .. }), "few bits tell three ticks");
            chains.push(chain.len());
        }
        hall.talk();
    }
    assert_eq!(chains, [3; 99]);
    assert_eq!(hall.session.sender().expect("it plays").flow().patient_until(), None);
}
