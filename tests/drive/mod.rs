//! Short ways to drive a room without a host, for tests and benchmarks.

#![allow(dead_code, reason = "each user needs some of it")]

use std::collections::BTreeMap;
use std::sync::Arc;

use tickwire::engine::{Admitted, Answer, Enter, InputRun, Room, RoomInput, RoomOutput};
use tickwire::id::Seat;
use tickwire::snapshot::Frame;
use tickwire::wire::Role;

/// Applies an input. Returns the answer, if there is one, and what the room requires.
pub fn apply(room: &mut Room, input: RoomInput) -> (Option<Answer>, Vec<RoomOutput>) {
    let mut outputs = Vec::new();
    let answer = room.apply(input, &mut outputs);
    (answer, outputs)
}

/// A guest asks to enter as a player.
pub fn ask(room: &mut Room, name: &str, options: BTreeMap<String, String>) -> Answer {
    apply(room, RoomInput::Enter(entering(name, options))).0.expect("a room answers")
}

/// The input of a guest who asks to enter as a player.
pub fn entering(name: &str, options: BTreeMap<String, String>) -> Enter {
    let (identity, name) = (None, name.to_owned());
    Enter { role: Role::Player, identity, name, options, reserved: false, secret: None }
}

/// A guest enters as a player.
pub fn enter(room: &mut Room, name: &str, options: BTreeMap<String, String>) -> Admitted {
    *ask(room, name, options).expect("there is room")
}

/// Inputs of a player.
pub fn offer(room: &mut Room, seat: Seat, run: InputRun) {
    room.apply(RoomInput::Inputs { seat, run }, &mut Vec::new());
}

/// The next tick. Returns its frame.
pub fn tick(room: &mut Room) -> Arc<Frame> {
    room.apply(RoomInput::Tick, &mut Vec::new());
    room.frame().clone()
}
