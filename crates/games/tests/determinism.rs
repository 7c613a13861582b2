//! An arena full of whimsical players, at length: twice from the beginning, and from three checkpoints on the way. Every row of every
//! tick and everything that clients are told must be the same.
//!
//! `make determinism` plays a million ticks; without `TICKWIRE_TICKS`, a short part shows that it works.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use tickwire::engine::{
    Checkpoint, Command, Enter, InputRun, Proof, Return, Room, RoomConfig, RoomInput, RoomOutput, RoomPolicy,
    SecretDigest,
};
use tickwire::game::{Game, RoomSetup};
use tickwire::id::{CorrectionEpoch, Seat, Seq};
use tickwire::tick::TickRate;
use tickwire::wire::{Close, Role};
use tickwire_games::arena::Arena;

const PLAYERS: usize = 50;
const CHECKPOINTS: usize = 3;
/// Differences are told by the block of ticks in which they began.
const BLOCKS: u32 = 1000;

fn arena(setup: &RoomSetup) -> Box<dyn Game> {
    Box::new(Arena::new(setup).expect("the map is known"))
}

fn room() -> Room {
    let options = BTreeMap::from([("map".to_owned(), "field".to_owned())]);
    let setup = RoomSetup { rate: TickRate::DEFAULT, seed: 17, options };
    let game = arena(&setup);
    let policy = RoomPolicy { hold: Duration::from_secs(5), ..RoomPolicy::default() };
    Room::new(RoomConfig::new("hall", "arena", setup, policy), game)
}

/// What a player wants and knows.
#[derive(Clone, Default)]
struct Whim {
    seat: Option<Seat>,
    away: bool,
    input: [i32; 8],
    inputs: u32,
    commands: Seq,
    /// Of the next token of the seat, and of the one before.
    secrets: [u64; 2],
    heard: Seq,
}

/// All players, and what they do next.
#[derive(Clone)]
struct Crowd {
    random: Pcg32,
    players: Vec<Whim>,
    secrets: u64,
}

fn digest(secret: u64) -> SecretDigest {
    SecretDigest::of(&secret.to_le_bytes())
}

impl Crowd {
    fn new() -> Self {
        Self { random: Pcg32::new(10, 6), players: vec![Whim::default(); PLAYERS], secrets: 0 }
    }

    fn one_in(&mut self, many: u32) -> bool {
        self.random.next_u32().is_multiple_of(many)
    }

    /// Lets everybody do something, and makes the next tick. Returns a digest of its rows and of all that was told.
    fn play(&mut self, room: &mut Room, told: &mut DefaultHasher) {
        for number in 0..PLAYERS {
            let player = self.players[number].clone();
            match player.seat {
                None if self.one_in(40) => self.enter(room, number, told),
                None => {}
                Some(_) if player.away && self.one_in(60) => self.come_back(room, number, told),
                Some(_) if player.away => {}
                Some(seat) => self.act(room, number, seat, told),
            }
        }
        self.apply(room, RoomInput::Tick, told);
        Proof::of(room.frame()).hash.hash(told);
    }

    fn act(&mut self, room: &mut Room, number: usize, seat: Seat, told: &mut DefaultHasher) {
        if self.one_in(4) {
            let [heading, whim] = [0; 2].map(|_| self.random.next_u32());
            let input = [heading % 256, u32::from(whim % 8 > 0), u32::from(whim % 40 == 8), u32::from(whim % 50 == 9)];
            let count = 1 + (whim >> 8) as u16 % 3;
            let player = &mut self.players[number];
            player.input[..4].copy_from_slice(&input.map(u32::cast_signed));
            let run = InputRun {
                first: Seq(player.inputs.wrapping_add(1)),
                count,
                epoch: CorrectionEpoch(0),
                view: None,
                input: player.input,
            };
            player.inputs = player.inputs.wrapping_add(count.into());
            self.apply(room, RoomInput::Inputs { seat, run }, told);
        }
        if self.one_in(200) {
            let player = &mut self.players[number];
            player.commands = player.commands.plus(1);
            let (seq, text) = (player.commands, format!("line {}", player.inputs));
            let to = if number.is_multiple_of(3) { vec![Seat(1), Seat(2)] } else { Vec::new() };
            self.apply(room, RoomInput::Command { seat, seq, command: Command::Chat { to, text } }, told);
        }
        if self.one_in(20) {
            let upto = self.players[number].heard;
            self.apply(room, RoomInput::Confirmed { seat }, told);
            self.apply(room, RoomInput::EventsArrived { seat, upto }, told);
        }
        if self.one_in(2000) {
            self.apply(room, RoomInput::Disconnected { seat, close: Close::Left }, told);
            self.players[number].seat = None;
        } else if self.one_in(1000) {
            self.players[number].away = true;
            self.apply(room, RoomInput::Disconnected { seat, close: Close::Lost }, told);
        } else if self.one_in(20_000) {
            self.apply(room, RoomInput::Kick { seat, reason: Close::Kicked.into() }, told);
        }
    }

    fn enter(&mut self, room: &mut Room, number: usize, told: &mut DefaultHasher) {
        self.secrets += 1;
        let (name, options, secret) = (format!("player {number}"), BTreeMap::new(), Some(digest(self.secrets)));
        let enter = Enter { role: Role::Player, identity: None, name, options, reserved: false, secret };
        self.players[number] = Whim { secrets: [self.secrets, 0], ..Whim::default() };
        self.admitted(room, number, RoomInput::Enter(enter), told);
    }

    fn come_back(&mut self, room: &mut Room, number: usize, told: &mut DefaultHasher) {
        let Whim { seat, secrets: [mine, _], heard, .. } = self.players[number].clone();
        let Some(seat) = seat else { return };
        self.secrets += 1;
        let (presented, secret) = (digest(mine), digest(self.secrets));
        self.players[number].secrets = [self.secrets, mine];
        let back = Return { seat, presented, identity: None, events: Some(heard), base: None, secret };
        if room.opens(seat, &digest(mine), None) {
            self.admitted(room, number, RoomInput::Return(back), told);
        }
    }

    fn admitted(&mut self, room: &mut Room, number: usize, input: RoomInput, told: &mut DefaultHasher) {
        let answer = self.apply(room, input, told).expect("a room answers");
        let player = &mut self.players[number];
        match answer {
            Ok(admitted) => {
                let welcome = &admitted.welcome;
                (player.seat, player.away, player.inputs) = (Some(welcome.seat), false, 0);
                (player.commands, player.heard) = (welcome.commands, welcome.events.plus(admitted.events.len() as u32));
                format!("{welcome:?}").hash(told);
            }
            Err(refusal) => {
                format!("{refusal:?}").hash(told);
                player.seat = None;
            }
        }
    }

    fn apply(
        &mut self,
        room: &mut Room,
        input: RoomInput,
        told: &mut DefaultHasher,
    ) -> Option<tickwire::engine::Answer> {
        let mut outputs = Vec::new();
        let answer = room.apply(input, &mut outputs);
        for output in outputs {
            match output {
                RoomOutput::Event { seats, event } => {
                    (format!("{:?}", event.body()), &seats).hash(told);
                    let heard =
                        self.players.iter_mut().filter(|player| player.seat.is_some_and(|seat| seats.contains(&seat)));
                    heard.for_each(|player| player.heard = player.heard.plus(1));
                }
                RoomOutput::Freed { seat, reason, expired } => {
                    (format!("{reason:?}"), seat, expired).hash(told);
                    let gone = self.players.iter_mut().filter(|player| player.seat == Some(seat));
                    gone.for_each(|player| player.seat = None);
                }
                RoomOutput::Frame { superseded, .. } => superseded.hash(told),
                other => format!("{other:?}").hash(told),
            }
        }
        answer
    }
}

/// What blocks of ticks led to, from some tick on.
struct Story {
    blocks: Vec<u64>,
    /// At even distances: the next block, the state then as bytes, and what the players do next.
    checkpoints: Vec<(usize, Vec<u8>, Crowd)>,
}

fn play(mut room: Room, mut crowd: Crowd, from: usize, per_block: u32, takes_checkpoints: bool) -> Story {
    let mut story = Story { blocks: Vec::new(), checkpoints: Vec::new() };
    for block in from..BLOCKS as usize {
        let every = BLOCKS as usize / (CHECKPOINTS + 1);
        if takes_checkpoints && block > 0 && block.is_multiple_of(every) {
            let state = room.checkpoint().expect("the arena is saved").encode();
            story.checkpoints.push((block, state, crowd.clone()));
        }
        let mut told = DefaultHasher::new();
        (0..per_block).for_each(|_| crowd.play(&mut room, &mut told));
        story.blocks.push(told.finish());
    }
    story
}

fn compare(what: &str, from: usize, story: &Story, with: &Story) {
    let first = story.blocks.iter().zip(&with.blocks[from..]).position(|(one, other)| one != other);
    let differs = first.map(|index| from + index);
    println!("{what}: {} blocks of {BLOCKS}, first difference {differs:?}", story.blocks.len());
    assert_eq!((differs, story.blocks.len()), (None, BLOCKS as usize - from), "{what}");
}

#[test]
fn an_arena_is_the_same_again_and_from_every_checkpoint() {
    let ticks = std::env::var("TICKWIRE_TICKS").ok().map_or(8000, |text| text.parse().expect("a number of ticks"));
    let per_block = (ticks / BLOCKS).max(1);
    let original = play(room(), Crowd::new(), 0, per_block, true);
    compare("again", 0, &play(room(), Crowd::new(), 0, per_block, false), &original);
    assert!(original.checkpoints.len() >= CHECKPOINTS);
    for (from, state, crowd) in &original.checkpoints[..CHECKPOINTS] {
        let checkpoint = Checkpoint::decode(state).expect("it was written");
        let game = arena(&checkpoint.config().setup);
        let restored = Room::restore(checkpoint, game).expect("it goes on");
        let again = play(restored, crowd.clone(), *from, per_block, false);
        compare(&format!("from block {from}"), *from, &again, &original);
    }
    let different: std::collections::BTreeSet<_> = original.blocks.iter().collect();
    assert_eq!(different.len(), BLOCKS as usize, "every block is another one");
    println!("{} ticks of {PLAYERS} players", per_block * BLOCKS);
}
