//! A room is a function of its inputs: written, read again and applied to a second room, they lead to the same outputs,
//! answers and frames, byte for byte.
//!
//! `TICKWIRE_LISTS` sets the number of random lists (10,000), `TICKWIRE_LIST` runs a single one.

#[path = "world/zoo.rs"]
#[allow(dead_code, reason = "the zoo serves the test world, too")]
mod zoo;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use serde_json::json;
use tickwire::InputValues;
use tickwire::engine::{
    Answer, Base, CloseReason, Command, Enter, InputRun, Return, Room, RoomConfig, RoomInput, RoomOutput, RoomPolicy,
    SecondDevice, SecretDigest,
};
use tickwire::game::{ChannelNews, RoomSetup};
use tickwire::id::{CorrectionEpoch, Incarnation, Seat, Seq, ZoneId};
use tickwire::tick::{Tick, TickRate};
use tickwire::wire::{Authority, Close, Role, limits};

use zoo::{Wildness, Zoo};

/// The names of the variants that the zoo heeds. A new one does not compile until it is listed, drawn and in the golden vectors.
const KINDS: [&str; 17] = [
    "enter",
    "return",
    "inputs",
    "command",
    "confirmed",
    "events_arrived",
    "disconnected",
    "kick",
    "lock",
    "close",
    "tick",
    "recovered",
    "reserve",
    "redeemed",
    "server_event",
    "channel_news",
    "moved",
];

fn kind(input: &RoomInput) -> &'static str {
    KINDS[match input {
        RoomInput::Enter(_) => 0,
        RoomInput::Return(_) => 1,
        RoomInput::Inputs { .. } => 2,
        RoomInput::Command { .. } => 3,
        RoomInput::Confirmed { .. } => 4,
        RoomInput::EventsArrived { .. } => 5,
        RoomInput::Disconnected { .. } => 6,
        RoomInput::Kick { .. } => 7,
        RoomInput::Lock(_) => 8,
        RoomInput::Close(_) => 9,
        RoomInput::Tick => 10,
        RoomInput::Recovered { .. } => 11,
        RoomInput::Reserve { .. } => 12,
        RoomInput::Redeemed { .. } => 13,
        RoomInput::ServerEvent { .. } => 14,
        RoomInput::ChannelNews(_) => 15,
        RoomInput::Moved { .. } => 16,
        RoomInput::Overload { .. } => return "overload",
        RoomInput::Woke { .. } => return "woke",
    }]
}

/// Draws inputs that suit a room, and some that do not.
struct Dice {
    random: Pcg32,
    /// Secrets drawn so far, with the seats that were named with them.
    secrets: Vec<(Seat, SecretDigest)>,
    newest_input: BTreeMap<Seat, u32>,
    newest_command: BTreeMap<Seat, u32>,
}

impl Dice {
    fn new(seed: u64) -> Self {
        let (secrets, newest_input, newest_command) = Default::default();
        Self { random: Pcg32::new(seed, 21), secrets, newest_input, newest_command }
    }

    fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.random.next_u32()) * u64::from(bound)) >> 32) as u32
    }

    fn one_in(&mut self, chances: u32) -> bool {
        self.below(chances) == 0
    }

    fn seat(&mut self) -> Seat {
        let number = self.below(5) as u16;
        if self.one_in(8) { Seat(limits::SEATS + number % 3) } else { Seat(number) }
    }

    fn draw(&mut self, room: &Room) -> RoomInput {
        let seat = self.seat();
        match self.below(100) {
            0..14 => RoomInput::Enter(self.enter()),
            14..20 => self.come_back(room),
            20..34 => RoomInput::Inputs { seat, run: self.run(seat) },
            34..44 => self.command(seat),
            44..50 => RoomInput::Confirmed { seat },
            50..55 => RoomInput::EventsArrived { seat, upto: Seq(self.below(30)) },
            55..61 => {
                let closes = [Close::Lost, Close::GoingAway, Close::SlowConsumer, Close::Left];
                RoomInput::Disconnected { seat, close: closes[self.below(4) as usize] }
            }
            61 => RoomInput::Kick { seat, reason: CloseReason::with_text(Close::Kicked, "enough") },
            62 => RoomInput::Lock(self.one_in(2)),
            63 if self.one_in(5) => RoomInput::Close(Close::RoomClosed.into()),
            63 if self.one_in(3) => RoomInput::Recovered {
                incarnation: Incarnation(2 + u64::from(self.below(9))),
                spare_ids: self.below(3) * 1000,
            },
            64 if self.one_in(3) => RoomInput::Moved { incarnation: Incarnation(2 + u64::from(self.below(9))) },
            64 => RoomInput::Reserve {
                tickets: (0..1 + self.below(3)).map(Self::ticket).collect(),
                ticks: self.below(40),
            },
            63 => RoomInput::Overload { step: self.below(5) as u8 },
            65 => RoomInput::Redeemed { ticket: Self::ticket(self.below(3)), seat: self.one_in(2).then_some(seat) },
            66 => {
                let name = if self.one_in(3) { "odd" } else { "even" };
                RoomInput::ServerEvent { name: name.to_owned(), data: self.below(9).to_string() }
            }
            67..70 => RoomInput::ChannelNews(self.channel_news()),
            _ => RoomInput::Tick,
        }
    }

    fn channel_news(&mut self) -> ChannelNews {
        let (channel, member) = (format!("c{}", self.below(3)), format!("m{}", self.below(3)));
        match self.below(5) {
            0 => ChannelNews::Present { channel, members: vec![(member, "known".to_owned())] },
            1 => ChannelNews::Message { channel, body: self.below(9).to_string() },
            2 => ChannelNews::Joined { channel, member, info: String::new() },
            3 => ChannelNews::Left { channel, member },
            _ => ChannelNews::Missed,
        }
    }

    fn ticket(number: u32) -> SecretDigest {
        SecretDigest::of(&number.to_le_bytes())
    }

    fn enter(&mut self) -> Enter {
        let role = if self.one_in(5) { Role::Spectator } else { Role::Player };
        let refuse = self.one_in(10).then(|| ("refuse".to_owned(), String::new()));
        let identity = self.one_in(4).then(|| "grace".to_owned());
        let (name, reserved) = (format!("guest {}", self.below(10)), self.one_in(4));
        Enter { role, identity, name, options: refuse.into_iter().collect(), reserved, secret: Some(self.secret()) }
    }

    /// A new secret, which may open any seat as far as the dice know.
    fn secret(&mut self) -> SecretDigest {
        let secret = SecretDigest::of(&self.random.next_u64().to_le_bytes());
        self.secrets.extend((0..4).map(|seat| (Seat(seat), secret)));
        secret
    }

    fn come_back(&mut self, room: &Room) -> RoomInput {
        let opens = |(seat, secret): &&(Seat, SecretDigest)| {
            [None, Some("grace")].iter().any(|identity| room.opens(*seat, secret, *identity))
        };
        let fitting: Vec<_> = self.secrets.iter().filter(opens).copied().collect();
        let any = self.one_in(4) || fitting.is_empty();
        let pool = if any { self.secrets.clone() } else { fitting };
        if pool.is_empty() {
            return RoomInput::Tick;
        }
        let (seat, presented) = pool[self.below(pool.len() as u32) as usize];
        let identity = self.one_in(2).then(|| "grace".to_owned());
        let events = self.one_in(2).then(|| Seq(self.below(40)));
        let tick = Tick(room.frame().tick().0.saturating_sub(self.below(4)));
        let base = self.one_in(2).then(|| Base { tick, zones: vec![ZoneId(0), ZoneId(2)] });
        RoomInput::Return(Return { seat, presented, identity, events, base, secret: self.secret() })
    }

    fn run(&mut self, seat: Seat) -> InputRun {
        let mut input = InputValues::default();
        let bounds = [3, 1024, 2, 6400, 6400];
        input.iter_mut().zip(bounds).for_each(|(value, bound)| *value = self.below(bound).cast_signed());
        let (count, back) = (1 + self.below(4), self.below(2));
        let newest = self.newest_input.entry(seat).or_default();
        let first = newest.saturating_sub(back) + 1;
        *newest = first + count - 1;
        let epoch = CorrectionEpoch(self.below(3) as u8);
        InputRun { first: Seq(first), count: count as u16, epoch, view: None, input }
    }

    fn command(&mut self, seat: Seat) -> RoomInput {
        let newest = self.newest_command.entry(seat).or_default();
        *newest += 1;
        let (seq, number) = (Seq(*newest), *newest);
        let body = Bytes::copy_from_slice(&number.to_le_bytes());
        let command = match self.below(3) {
            0 => Command::Message { kind: 7, body },
            1 => Command::Call { kind: 1 + self.below(2) as u16, body },
            _ => {
                let to = (0..self.below(3)).map(|_| self.seat()).collect();
                Command::Chat { to, text: format!("line {number}") }
            }
        };
        RoomInput::Command { seat, seq, command }
    }
}

fn room(seed: u64) -> Room {
    let rate = TickRate::new([20, 10, 60][seed as usize % 3]).expect("a valid rate");
    let setup = RoomSetup { rate, seed, options: BTreeMap::new() };
    let authority = if seed.is_multiple_of(2) { Authority::Server } else { Authority::Client };
    let sight = (seed % 4 == 1).then_some(1700);
    let (zoo, _) = Zoo::new(
        &setup,
        Wildness { authority, animals: (seed % 5) as u32, turmoil: true, sight, far: 1, walls: false },
    );
    let policy = RoomPolicy {
        capacity: Some(4),
        hold: Duration::from_millis(seed % 4 * 300),
        idle_after: Duration::from_millis(seed % 3 * 700),
        empty_for: Duration::ZERO,
        most_spectators: 2,
        second_device: [SecondDevice::Allow, SecondDevice::Refuse, SecondDevice::Replace][seed as usize / 3 % 3],
    };
    Room::new(RoomConfig::new("room", "zoo", setup, policy), Box::new(zoo))
}

/// All that can be seen of an input's effect.
fn effect(room: &mut Room, input: RoomInput) -> Vec<String> {
    let mut outputs = Vec::new();
    let answer: Option<Answer> = room.apply(input, &mut outputs);
    let shown = outputs.iter().map(|output| match output {
        RoomOutput::Frame { frame, superseded } => {
            let zones: Vec<_> = frame.zones().iter().map(|zone| (zone.id(), zone.hash(), zone.delta())).collect();
            format!("{:?} {superseded} {:?} {zones:?}", frame.tick(), frame.notes())
        }
        other => format!("{other:?}"),
    });
    let tickets = room.tickets().map(|(ticket, left)| format!("{} {left:?}", ticket == Dice::ticket(0)));
    shown.chain(answer.map(|answer| format!("{answer:?}"))).chain(tickets).collect()
}

/// Draws a list, applies it, and applies what can be read of its record to a second room, without the inputs of the kind
/// `forgotten`. Returns how many inputs of each kind there were, or at which input the two rooms differ.
fn replay(seed: u64, forgotten: Option<&str>) -> Result<BTreeMap<&'static str, u32>, usize> {
    let (mut dice, mut first, mut second) = (Dice::new(seed), room(seed), room(seed));
    let (mut record, mut effects, mut kinds) = (Vec::new(), Vec::new(), BTreeMap::new());
    for _ in 0..40 + seed % 60 {
        let input = dice.draw(&first);
        *kinds.entry(kind(&input)).or_default() += 1;
        input.append_to(&mut record);
        effects.push((kind(&input), effect(&mut first, input)));
    }
    let mut rest = &record[..];
    for (index, (kind, effect_before)) in effects.iter().enumerate() {
        let (input, after) = RoomInput::split_from(rest).expect("what was written can be read");
        rest = after;
        if forgotten != Some(kind) && effect(&mut second, input) != *effect_before {
            return Err(index);
        }
    }
    assert!(rest.is_empty());
    Ok(kinds)
}

/// Replays a list and counts its inputs by kind.
fn count(seed: u64, seen: &Mutex<BTreeMap<&str, u32>>) {
    let kinds = replay(seed, None)
        .unwrap_or_else(|index| panic!("TICKWIRE_LIST={seed}: input {index} leads to something else"));
    let mut seen = seen.lock().expect("no thread panicked");
    kinds.into_iter().for_each(|(kind, count)| *seen.entry(kind).or_default() += count);
}

#[test]
fn the_same_inputs_lead_to_the_same_outputs() {
    let number = |name| std::env::var(name).ok().map(|text: String| text.parse::<u64>().expect("a number"));
    let seeds = match number("TICKWIRE_LIST") {
        Some(seed) => seed..seed + 1,
        None => 0..number("TICKWIRE_LISTS").unwrap_or(10_000),
    };
    let lists = seeds.end - seeds.start;
    let seen = Mutex::new(BTreeMap::<&str, u32>::new());
    std::thread::scope(|scope| {
        let (threads, seen) = (std::thread::available_parallelism().map_or(1, usize::from), &seen);
        for share in 0..threads {
            let share = seeds.clone().skip(share).step_by(threads);
            scope.spawn(move || share.for_each(|seed| count(seed, seen)));
        }
    });
    let seen = seen.into_inner().expect("no thread panicked");
    println!("{lists} lists: {seen:?}");
    assert!(lists < 1000 || KINDS.iter().all(|kind| seen.contains_key(kind)), "{seen:?}");
}

#[test]
fn no_kind_of_input_can_be_left_out() {
    for kind in KINDS {
        let differs = (0..400).any(|seed| replay(seed, Some(kind)).is_err());
        assert!(differs, "nothing depends on {kind}");
    }
}

#[test]
fn a_record_that_was_cut_or_continued_is_refused() {
    let mut record = Vec::new();
    for (_, input) in golden() {
        record.clear();
        input.append_to(&mut record);
        for end in 0..record.len() {
            assert!(RoomInput::split_from(&record[..end]).is_err(), "{input:?} cut at {end}");
        }
        record.push(99);
        assert_eq!(RoomInput::split_from(&record), Ok((input, &[99][..])));
    }
}

fn golden() -> Vec<(&'static str, RoomInput)> {
    use ChannelNews::{Joined, Left, Message, Present};
    let (channel, member, news) = (|| "größe".to_owned(), || "grace".to_owned(), RoomInput::ChannelNews);
    let digest = |byte: u8| SecretDigest::of(&[byte; 16]);
    let options = BTreeMap::from([("größe".to_owned(), "2".to_owned())]);
    let mut input = InputValues::default();
    (input[0], input[1]) = (-1, i32::MAX);
    let body = Bytes::from_static(&[0, 251, 255]);
    let command = |command| RoomInput::Command { seat: Seat(251), seq: Seq(u32::MAX), command };
    vec![
        ("enter, a guest", {
            let (role, identity, name, options) = (Role::Player, None, "ada".to_owned(), BTreeMap::new());
            RoomInput::Enter(Enter { role, identity, name, options, reserved: false, secret: None })
        }),
        ("enter, with everything", {
            let (role, identity, name) = (Role::Spectator, Some("grace".to_owned()), "Zoë 🎈".to_owned());
            RoomInput::Enter(Enter { role, identity, name, options, reserved: true, secret: Some(digest(1)) })
        }),
        ("return, without a memory", {
            let (seat, presented, identity, secret) = (Seat(0), digest(1), None, digest(2));
            RoomInput::Return(Return { seat, presented, identity, events: None, base: None, secret })
        }),
        ("return, with everything", {
            let (seat, presented, identity) = (Seat(1), digest(2), Some("grace".to_owned()));
            let base = Some(Base { tick: Tick(u32::MAX), zones: vec![ZoneId(0), ZoneId(300)] });
            RoomInput::Return(Return { seat, presented, identity, events: Some(Seq(250)), base, secret: digest(3) })
        }),
        ("inputs", {
            let run = InputRun { first: Seq(70_000), count: 3, epoch: CorrectionEpoch(255), view: None, input };
            RoomInput::Inputs { seat: Seat(1), run }
        }),
        ("command, message", command(Command::Message { kind: 7, body: body.clone() })),
        ("command, call", command(Command::Call { kind: u16::MAX, body })),
        ("command, chat", command(Command::Chat { to: vec![Seat(2)], text: "grüß dich 🎈".to_owned() })),
        ("confirmed", RoomInput::Confirmed { seat: Seat(3) }),
        ("events arrived", RoomInput::EventsArrived { seat: Seat(limits::SEATS), upto: Seq(65_536) }),
        ("disconnected", RoomInput::Disconnected { seat: Seat(4), close: Close::MatchOver }),
        ("kick", RoomInput::Kick { seat: Seat(5), reason: CloseReason::with_text(Close::Kicked, "enough") }),
        ("lock", RoomInput::Lock(true)),
        ("close", RoomInput::Close(Close::RoomClosed.into())),
        ("tick", RoomInput::Tick),
        ("recovered", RoomInput::Recovered { incarnation: Incarnation(300), spare_ids: 70_000 }),
        ("moved", RoomInput::Moved { incarnation: Incarnation(300) }),
        ("woke", RoomInput::Woke { elapsed: 1 << 40 }),
        ("overload", RoomInput::Overload { step: 3 }),
        ("reserve", RoomInput::Reserve { tickets: vec![digest(4), digest(5)], ticks: 1200 }),
        ("redeemed", RoomInput::Redeemed { ticket: digest(4), seat: Some(Seat(6)) }),
        ("redeemed, in vain", RoomInput::Redeemed { ticket: digest(5), seat: None }),
        ("server event", RoomInput::ServerEvent { name: "größe".to_owned(), data: "{\"n\":1}".to_owned() }),
        ("channel, present", news(Present { channel: channel(), members: vec![(member(), member())] })),
        ("channel, message", news(Message { channel: channel(), body: "hello".to_owned() })),
        ("channel, joined", news(Joined { channel: channel(), member: member(), info: "{}".to_owned() })),
        ("channel, left", news(Left { channel: channel(), member: member() })),
        ("channel, missed", news(ChannelNews::Missed)),
    ]
}

/// To write new vectors for a new variant, run with `UPDATE_GOLDEN=1` and read the diff: no old vector may change.
#[test]
fn golden_vectors() {
    let vectors = golden();
    assert!(KINDS.iter().all(|name| vectors.iter().any(|(_, input)| kind(input) == *name)), "a vector per variant");
    let written = vectors.iter().map(|(name, input)| {
        let mut record = Vec::new();
        input.append_to(&mut record);
        assert_eq!(RoomInput::split_from(&record), Ok((input.clone(), &[][..])), "{name}");
        let hex: String = record.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({ "name": name, "hex": hex })
    });
    let text = format!("{:#}\n", json!(written.collect::<Vec<_>>()));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/room_inputs.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).expect("a writable folder");
    }
    assert_eq!(std::fs::read_to_string(path).expect("the vectors"), text, "records of rooms have changed");
}
