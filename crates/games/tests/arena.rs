//! The arena from outside: the constants and steps that its JavaScript twin must match, and properties of every game.
//!
//! `UPDATE_GOLDEN=1 cargo test -p tickwire-games --test arena` rewrites the constants. Unit tests in `src` cover the rules
//! between avatars.

use std::path::Path;

use serde_json::json;
use tickwire::Input as _;
use tickwire::game::{Context, Game, Player, PlayerInput, RoomSetup};
use tickwire::id::{EntityId, Seat, ZoneId};
use tickwire::snapshot::Frame;
use tickwire::testing::{StepRun, Steps};
use tickwire::tick::{Tick, TickRate};
use tickwire_games::arena::{AVATAR, Arena, AvatarInput, AvatarState, Mood, RADIUS, SPARK, Tuning, step_avatar};
use tickwire_games::compass::{cosine, sine};
use tickwire_games::map::Map;

const COURTYARD: &str = include_str!("../../../assets/maps/courtyard.txt");
const FIELD: &str = include_str!("../../../assets/maps/field.txt");
const PLAZA: &str = include_str!("../../../assets/maps/plaza.txt");

/// Steps of each run.
const STEPS: u32 = 4_000;
/// Rate, map, seed of the generator.
const RUNS: [(u16, &str, u64); 5] = [
    (1, "courtyard", 0x1357_9bdf),
    (20, "courtyard", 0x2468_ace1),
    (30, "field", 0x0bad_cafe),
    (60, "courtyard", 0x5eed_5eed),
    (120, "field", 0x0ddb_a115),
];

/// Marsaglia's xorshift32: small enough to implement in JavaScript too.
struct Xorshift(u32);

impl Xorshift {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.next() % bound
    }
}

/// FNV-1a over words instead of bytes.
struct Fnv(u32);

impl Fnv {
    fn add(&mut self, value: i32) {
        self.0 = (self.0 ^ value.cast_unsigned()).wrapping_mul(16_777_619);
    }
}

fn map_of(name: &str) -> Map {
    Map::parse(if name == "field" { FIELD } else { COURTYARD }).expect("a valid map")
}

fn rate_of(per_second: u16) -> TickRate {
    TickRate::new(per_second).expect("a valid rate")
}

fn cells(avatar: &AvatarState) -> [i32; 9] {
    let AvatarState { x, y, heading, kx, ky, dash, wait, reload, mood } = *avatar;
    [x, y, heading, kx, ky, dash, wait, reload, mood as i32]
}

fn avatar_of(values: &[i32]) -> AvatarState {
    let [x, y, heading, kx, ky, dash, wait, reload, ..] = *values else { unreachable!("an avatar has more fields") };
    // The step decides the mood.
    AvatarState { x, y, heading, kx, ky, dash, wait, reload, mood: Mood::Idle }
}

fn in_wall(map: &Map, x: i32, y: i32) -> bool {
    let ends = [-RADIUS, RADIUS - 1];
    ends.iter().any(|dx| ends.iter().any(|dy| map.is_solid_at(x + dx, y + dy)))
}

/// The parameters in the order of the browser's `tuningFor`.
fn amounts(tuning: &Tuning) -> [i32; 7] {
    let Tuning { rate, run, dash, dash_ticks, dash_wait, reload, stagger } = *tuning;
    [rate, run, dash, dash_ticks, dash_wait, reload, stagger]
}

/// The rule for one avatar at each rate, in walls and knocked about: what `web-demo/demo/arena.js` predicts.
fn steps() -> Steps {
    let setup =
        RoomSetup { rate: TickRate::DEFAULT, seed: 1, options: [("map".to_owned(), "field".to_owned())].into() };
    // The map with the wider ranges.
    let spec = Arena::new(&setup).expect("a valid setup").spec();
    let kind = spec.schema.kinds()[usize::from(AVATAR.0)].clone();
    let others = kind.fields.len() - cells(&AvatarState::default()).len();
    let mut steps = Steps::new(kind, spec.inputs);
    for (rate, map_name, seed) in RUNS {
        let (map, tuning) = (map_of(map_name), Tuning::for_rate(rate_of(rate)));
        let knock = 40_960 / i32::from(rate);
        let place = |avatar: &mut [i32], cx: &mut Context| {
            (avatar[0], avatar[1]) = map.floor_centre(cx.random_below(map.floor_tiles()));
        };
        let mut start = [cells(&AvatarState::default()).to_vec(), vec![0; others]].concat();
        place(&mut start, &mut Context::new(rate_of(rate), seed));
        let setup = vec![("map".to_owned(), map_name.to_owned())];
        let run = StepRun { rate: rate_of(rate), setup, seed, count: STEPS };
        let hits = |avatar: &mut [i32], cx: &mut Context| {
            if cx.random_below(97) == 0 {
                let mut speed = || cx.random_below(2 * knock.cast_unsigned() + 1).cast_signed() - knock;
                (avatar[3], avatar[4]) = (speed(), speed());
            }
            if cx.random_below(1009) == 0 {
                place(avatar, cx);
            }
        };
        steps.record_values(&run, start, hits, |values, input| {
            let mut avatar = avatar_of(values);
            let throws = step_avatar(&map, &tuning, &mut avatar, AvatarInput::from_values(input));
            assert!(!in_wall(&map, avatar.x, avatar.y), "in a wall at {rate} Hz: {avatar:?}");
            values[..9].copy_from_slice(&cells(&avatar));
            throws
        });
    }
    steps
}

/// The constants of the step, with one element of the outer list per line: a diff shows which element changed.
fn constants() -> String {
    let mut compass = Fnv(2_166_136_261);
    (0..256).for_each(|heading| [cosine(heading), sine(heading)].into_iter().for_each(|part| compass.add(part)));
    let tunings: Vec<String> =
        (1..=120).map(|rate| json!(amounts(&Tuning::for_rate(rate_of(rate)))).to_string()).collect();
    format!("{{\"compass\":{},\n\"tunings\":[\n{}\n]}}\n", compass.0, tunings.join(",\n"))
}

#[test]
fn the_constants_match_the_golden_ones() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/arena.json");
    let found = constants();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).expect("the constants can be written");
        return;
    }
    let golden = std::fs::read_to_string(&path).expect("the constants can be read");
    assert!(found == golden, "the constants have changed; UPDATE_GOLDEN=1 writes them if that is meant");
}

#[test]
fn the_step_is_the_one_that_the_page_is_checked_against_and_never_enters_a_wall() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/arena_steps.json");
    let changed = steps().write(path).expect("the steps can be written");
    assert!(!changed, "the step has changed: change web-demo/demo/arena.js, too, and commit the new steps");
}

#[test]
fn maps_are_connected_and_the_arenas_are_symmetric_and_walled() {
    for (text, width, height, arena) in [(COURTYARD, 48, 32, true), (FIELD, 96, 64, true), (PLAZA, 112, 72, false)] {
        let map = Map::parse(text).expect("a valid map");
        assert_eq!((map.width(), map.height()), (width, height));
        let all = (0..height).flat_map(|row| (0..width).map(move |column| (column, row)));
        for (column, row) in all.filter(|_| arena) {
            let mirrored = [(width - 1 - column, row), (column, height - 1 - row)];
            assert!(mirrored.iter().all(|(c, r)| map.is_solid(*c, *r) == map.is_solid(column, row)));
            let edge = column == 0 || row == 0 || column == width - 1 || row == height - 1;
            assert!(!edge || map.is_solid(column, row));
        }
        let (x, y) = map.floor_centre(0);
        let mut seen = vec![(x / 64, y / 64)];
        let mut next = 0;
        while let Some((column, row)) = seen.get(next).copied() {
            next += 1;
            for place in [(column + 1, row), (column - 1, row), (column, row + 1), (column, row - 1)] {
                if !map.is_solid(place.0, place.1) && !seen.contains(&place) {
                    seen.push(place);
                }
            }
        }
        assert_eq!(seen.len(), map.floor_tiles() as usize, "every place can be reached");
    }
}

#[test]
fn speeds_and_pauses_are_the_same_at_every_rate() {
    let map = Map::parse(&format!("{}\n", ".".repeat(60)).repeat(3)).expect("a valid map");
    for rate in [10, 20, 30, 60, 120] {
        let tuning = Tuning::for_rate(rate_of(rate));
        let mut avatar = AvatarState { x: 96, y: 96, ..AvatarState::default() };
        let run = AvatarInput { run: true, ..AvatarInput::default() };
        for _ in 0..rate {
            step_avatar(&map, &tuning, &mut avatar, run);
        }
        assert!((avatar.x - 96 - 6 * 64).abs() <= 32, "{rate} Hz: ran {} quanta", avatar.x - 96);
        assert_eq!(avatar.mood, Mood::Run);

        let mut avatar = AvatarState { x: 96, y: 96, ..AvatarState::default() };
        let greedy = AvatarInput { dash: true, throw: true, ..AvatarInput::default() };
        let (mut dashes, mut throws, mut dashing) = (0, 0, 0);
        for _ in 0..6 * rate {
            let ready = avatar.wait <= 1;
            throws += u32::from(step_avatar(&map, &tuning, &mut avatar, greedy));
            dashes += u32::from(ready);
            dashing += i32::from(avatar.mood == Mood::Dash);
        }
        assert_eq!((dashes, dashing), (4, 4 * tuning.dash_ticks), "{rate} Hz");
        assert_eq!(throws, 9, "{rate} Hz");
    }
}

/// Drives a game without an `engine::Room`: seats, random inputs, frames.
struct Hall {
    game: Arena,
    cx: Context,
    frame: Frame,
    inputs: Vec<PlayerInput>,
    random: Xorshift,
}

impl Hall {
    fn new(seed: u64, map: &str) -> Self {
        let rate = TickRate::DEFAULT;
        let options = [("map".to_owned(), map.to_owned())].into();
        let game = Arena::new(&RoomSetup { rate, seed, options }).expect("a valid setup");
        let frame = Frame::initial(game.spec().schema, Tick(0));
        Self { game, cx: Context::new(rate, seed), frame, inputs: Vec::new(), random: Xorshift(99) }
    }

    fn join(&mut self, seat: u16) -> EntityId {
        let player = Player { seat: Seat(seat), identity: None, name: format!("player {seat}"), options: [].into() };
        let input = self.game.spec().inputs.neutral();
        let index = self.inputs.partition_point(|order| order.seat < player.seat);
        self.inputs.insert(index, PlayerInput { seat: player.seat, input, fresh: false, view: None });
        self.game.join(&player, &mut self.cx).expect("a free seat")
    }

    fn leave(&mut self, seat: u16) {
        self.inputs.retain(|order| order.seat != Seat(seat));
        self.game.leave(Seat(seat), &mut self.cx);
    }

    fn tick(&mut self) {
        for order in &mut self.inputs {
            if self.random.below(10) == 0 {
                let bits = self.random.next();
                let flags = [bits >> 8 & 3, u32::from(bits >> 10 & 7 == 0), bits >> 13 & 1];
                order.input[0] = (bits & 255).cast_signed();
                order.input[1..4].copy_from_slice(&flags.map(|flag| i32::from(flag != 0)));
            }
        }
        self.game.step(&self.inputs, &mut self.cx);
        self.frame = self.frame.freeze(Vec::new(), |out| self.game.write_snapshot(out));
        assert_eq!(self.frame.saturated(), 0, "every value fits its field");
    }

    fn rows(&self, kind: tickwire::id::KindId) -> Vec<Vec<i32>> {
        let zone = self.frame.zone(ZoneId(0)).map(|zone| zone.zone().rows(self.frame.schema()));
        zone.into_iter().flatten().filter(|row| row.kind == kind).map(|row| row.values.to_vec()).collect()
    }

    fn hash(&self) -> u32 {
        self.frame.zone(ZoneId(0)).map_or(0, |zone| zone.hash())
    }
}

fn busy_game(seed: u64) -> Vec<u32> {
    let mut hall = Hall::new(seed, "courtyard");
    let mut hashes = Vec::new();
    for tick in 0..600_u16 {
        if tick % 8 == 0 && tick < 320 {
            hall.join(tick / 8 * 7 % 40);
        }
        if tick >= 320 && tick % 20 == 0 {
            hall.leave((tick - 320) / 20 * 7 % 40);
        }
        hall.tick();
        hashes.push(hall.hash());
    }
    hashes
}

#[test]
fn the_same_seed_gives_the_same_frames() {
    let first = busy_game(7);
    assert_eq!(first, busy_game(7));
    assert_ne!(first, busy_game(8));
}

#[test]
fn avatars_come_and_go_with_their_players() {
    let mut hall = Hall::new(1, "courtyard");
    hall.tick();
    assert!(hall.rows(AVATAR).is_empty());
    let ids: Vec<EntityId> = (0..30).map(|seat| hall.join(seat)).collect();
    hall.tick();
    assert_eq!(hall.rows(AVATAR).len(), 30);
    assert!(hall.rows(AVATAR).iter().all(|row| row[11] == 1), "newcomers are shielded");
    assert!(ids.iter().all(|id| hall.frame.find(AVATAR, *id).is_some()));
    hall.leave(12);
    hall.tick();
    assert!(hall.frame.find(AVATAR, ids[12]).is_none());
    let again = hall.join(12);
    hall.tick();
    assert!(!ids.contains(&again), "ids are never reused");
    assert_eq!(hall.rows(AVATAR).len(), 30);
}

#[test]
fn a_crowd_plays_within_walls_and_scores() {
    let mut hall = Hall::new(5, "field");
    (0..100).for_each(|seat| {
        hall.join(seat);
    });
    let map = map_of("field");
    for _ in 0..1200 {
        hall.tick();
        assert!(hall.rows(AVATAR).iter().all(|row| !in_wall(&map, row[0], row[1])));
    }
    let sparks = hall.rows(SPARK).len();
    assert!((70..=87).contains(&sparks), "{sparks} sparks for 100 players");
    let scores: i32 = hall.rows(AVATAR).iter().map(|row| row[9]).sum();
    assert!(scores > 200, "random players score {scores} in a minute");
}
