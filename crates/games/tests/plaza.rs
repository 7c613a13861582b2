//! The plaza from outside: accepted reports become rows exactly, the top speed holds over time, spawn points are checked.
//!
//! Its unit tests cover what the plaza asks of its room (corrections, kicks).

use tickwire::game::{Context, Game, Player, PlayerInput, Refused, RoomSetup};
use tickwire::id::{EntityId, Seat};
use tickwire::snapshot::{Frame, MAX_INPUT_FIELDS};
use tickwire::tick::{Tick, TickRate};
use tickwire_games::builtin;
use tickwire_games::plaza::WALKER;

struct Square {
    game: Box<dyn Game>,
    cx: Context,
    frame: Frame,
}

impl Square {
    fn new(rate: u16) -> Self {
        let rate = TickRate::new(rate).expect("a valid rate");
        let (_, make) = builtin().into_iter().find(|(name, _)| *name == "plaza").expect("a built-in game");
        let game = make(&RoomSetup { rate, seed: 3, options: [].into() }).expect("a valid setup");
        let frame = Frame::initial(game.spec().schema, Tick(0));
        Self { game, cx: Context::new(rate, 3), frame }
    }

    fn join(&mut self, seat: u16, spawn: Option<&str>) -> Result<EntityId, Refused> {
        let options = spawn.map(|place| ("spawn".to_owned(), place.to_owned())).into_iter().collect();
        self.game
            .join(&Player { seat: Seat(seat), identity: None, name: format!("walker {seat}"), options }, &mut self.cx)
    }

    fn report(&mut self, seat: u16, x: i32, y: i32) {
        let mut input = [0; MAX_INPUT_FIELDS];
        (input[0], input[1]) = (x, y);
        assert!(self.game.spec().inputs.admits(&input[..2]), "reports of this test are well-formed");
        self.game.step(&[PlayerInput { seat: Seat(seat), input, fresh: true, view: None }], &mut self.cx);
        self.frame = self.frame.freeze(Vec::new(), |out| self.game.write_snapshot(out));
        assert_eq!(self.frame.saturated(), 0);
    }

    fn row(&self, id: EntityId) -> &[i32] {
        self.frame.find(WALKER, id).expect("the walker is there")
    }
}

#[test]
fn accepted_reports_become_rows_exactly() {
    let mut square = Square::new(20);
    let id = square.join(2, Some("10.5,20.25")).expect("a free place");
    square.report(2, 672, 1296);
    assert_eq!(square.row(id), [672, 1296, 0, 2]);
    for (x, y, heading) in [(700, 1296, 0), (705, 1297, 2), (705, 1330, 66), (665, 1330, 128)] {
        square.report(2, x, y);
        assert_eq!(square.row(id)[..2], [x, y]);
        let turned = square.row(id)[2];
        assert!((turned - heading).abs() <= 32, "heading {turned} at ({x}, {y})");
    }
}

#[test]
fn the_pitch_and_a_metre_beyond_are_free() {
    let mut square = Square::new(20);
    let id = square.join(0, Some("0,0")).expect("a free place");
    let path = [(105, 0), (105, 68), (0, 68), (0, 0), (105, 68), (106, 69)];
    let (mut x, mut y) = (0, 0);
    for (to_x, to_y) in path.map(|(x, y)| (x * 64_i32, y * 64_i32)) {
        while (x, y) != (to_x, to_y) {
            x += (to_x - x).clamp(-27, 27);
            y += (to_y - y).clamp(-27, 27);
            square.report(0, x, y);
            assert_eq!(square.row(id)[..2], [x, y]);
        }
    }
}

/// Returns the distance covered in a minute of reports that are `times` as far apart as the top speed allows.
fn minute_at(times: i32, rate: u16) -> i32 {
    let mut square = Square::new(rate);
    let id = square.join(0, Some("1,30")).expect("a free place");
    let (mut travelled, mut direction) = (0, 1);
    for _ in 0..60 * rate {
        let from = if travelled == 0 { 64 } else { square.row(id)[0] };
        if !(0..=105 * 64).contains(&(from + direction * times * top(rate))) {
            direction = -direction;
        }
        square.report(0, from + direction * times * top(rate), 30 * 64);
        travelled += (square.row(id)[0] - from).abs();
    }
    travelled
}

/// Twelve metres per second in quanta per tick, rounded up.
fn top(rate: u16) -> i32 {
    (12 * 64_u32).div_ceil(u32::from(rate)).cast_signed()
}

#[test]
fn a_client_three_times_too_fast_gains_nothing() {
    for rate in [1, 20, 30, 60, 120] {
        let limit = top(rate) * 60 * i32::from(rate);
        assert_eq!(minute_at(1, rate), limit, "{rate} Hz: the honest may run all the time");
        let travelled = minute_at(3, rate);
        assert!(travelled <= limit + 6 * top(rate), "{rate} Hz: {travelled} of {limit} quanta");
    }
}

#[test]
fn a_teleport_leaves_the_walker_where_it_was() {
    let mut square = Square::new(20);
    let id = square.join(0, Some("10,10")).expect("a free place");
    square.report(0, 6400, 4000);
    assert_eq!(square.row(id)[..2], [640, 640]);
    square.report(0, 660, 640);
    assert_eq!(square.row(id)[..2], [660, 640]);
}

#[test]
fn spawn_places_are_checked() {
    let mut square = Square::new(20);
    let mut refusal = |spawn| square.join(0, Some(spawn)).expect_err(spawn);
    for malformed in ["", "1", "1,", "a,b", "1,2,3", "-1,2", "1.,2", "1e3,2", "NaN,0", "99999999999,0", "１,2"] {
        assert!(refusal(malformed).text().contains("two numbers of metres"), "{malformed}");
    }
    assert!(refusal("200,3").text().contains("within 0 to 111"));
    assert!(refusal("3,71.5").text().contains("0 to 71 metres"));
    assert!(refusal("107.5,3.5").text().contains("there is a wall"));
    let id = square.join(0, Some(" 52.5, 34.015625000000000001 ")).expect("a free place");
    square.report(0, 52 * 64 + 32, 34 * 64 + 1);
    assert_eq!(square.row(id)[..2], [52 * 64 + 32, 34 * 64 + 1]);
}

#[test]
fn walkers_come_and_go_with_their_players() {
    let mut square = Square::new(20);
    let ids: Vec<EntityId> = (0..50).map(|seat| square.join(seat, None).expect("a place")).collect();
    square.report(0, 0, 0);
    assert!(ids.iter().all(|id| square.frame.find(WALKER, *id).is_some()));
    square.game.leave(Seat(7), &mut square.cx);
    let again = square.join(7, None).expect("a place");
    square.report(0, 0, 0);
    assert!(square.frame.find(WALKER, ids[7]).is_none());
    assert_eq!(square.row(again)[3], 7);
}
