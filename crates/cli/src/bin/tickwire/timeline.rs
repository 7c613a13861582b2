//! `tickwire replay --open`: the timeline of a recording in the browser, with what running it again tells about its ticks.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use serde::Serialize;
use tickwire::engine::recording::Recording;
use tickwire::engine::replay::Replay;
use tickwire::engine::{Command, RoomInput};
use tickwire::game::InputValues;
use tickwire::server::Timeline;

use crate::replay::make;
use crate::{fail, say};

/// Serves the timeline until the process is stopped.
pub fn open(recording: Recording, port: u16) -> ExitCode {
    let notes = serde_json::to_string(&Notes::of(&recording)).expect("notes are JSON");
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(listener) => listener,
        Err(error) => return fail(&format!("cannot listen on port {port} of this machine: {error}")),
    };
    let address = match listener.local_addr() {
        Ok(address) => address,
        Err(error) => return fail(&error.to_string()),
    };
    say(format!("http://{address}{}\n", Timeline::PATH).as_bytes());
    match Timeline::new(recording, notes).serve(listener) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

/// What the page shows beside the film.
#[derive(Serialize)]
struct Notes {
    /// Why it could not be run again, or only in part.
    error: Option<String>,
    /// The hashes of all zones, for each tick that was compared.
    hashes: Vec<(u32, Vec<(u16, u32)>)>,
    /// The input of a seat from a tick on, one value per field.
    inputs: Vec<(u32, u16, Vec<i32>)>,
    /// What else came from clients and operators.
    commands: Vec<(u32, Option<u16>, String)>,
    /// Who has a seat from a tick on.
    names: Vec<(u32, u16, String)>,
    difference: Option<(u32, String)>,
    /// The tick, and the hook of the game.
    panicked: Option<(u32, &'static str)>,
}

/// What was told last.
#[derive(Default)]
struct LastValues {
    inputs: std::collections::BTreeMap<u16, InputValues>,
    names: std::collections::BTreeMap<u16, String>,
}

impl Notes {
    fn of(recording: &Recording) -> Self {
        let (hashes, inputs, commands, names) = Default::default();
        let mut notes = Self { error: None, hashes, inputs, commands, names, difference: None, panicked: None };
        let replay = catch_unwind(AssertUnwindSafe(|| Replay::new(recording, make(&recording.header.game))));
        match replay {
            Ok(Ok(mut replay)) => notes.follow(recording, &mut replay),
            Ok(Err(error)) => notes.error = Some(error.to_string()),
            Err(_) => notes.panicked = Some((recording.header.ticks.0.0, "load")),
        }
        notes
    }

    fn follow(&mut self, recording: &Recording, replay: &mut Replay<'_>) {
        let mut last = LastValues::default();
        loop {
            match catch_unwind(AssertUnwindSafe(|| replay.step())) {
                Ok(Ok(Some(step))) => {
                    let tick = step.tick.0;
                    self.commands.extend(step.inputs.iter().filter_map(|input| described(tick, input)));
                    self.tell(recording, replay, tick, &mut last);
                    if step.compared {
                        let zones = replay.room().frame().zones().iter().filter(|zone| zone.rows() > 0);
                        self.hashes.push((tick, zones.map(|zone| (zone.id().0, zone.hash())).collect()));
                    }
                    if let (None, Some(difference)) = (&self.difference, step.difference) {
                        self.difference = Some((tick, difference.to_string()));
                    }
                }
                Ok(Ok(None)) => return,
                Ok(Err(error)) => return self.error = Some(error.to_string()),
                Err(_) => {
                    let next = replay.room().frame().tick().plus(1).0;
                    return self.panicked = Some((next, replay.room().running().unwrap_or("none")));
                }
            }
        }
    }

    /// Adds the inputs and names that have changed.
    fn tell(&mut self, recording: &Recording, replay: &Replay<'_>, tick: u32, last: &mut LastValues) {
        let fields = recording.header.inputs.fields().len();
        for input in replay.player_inputs() {
            let seat = input.seat.0;
            if last.inputs.insert(seat, input.input) != Some(input.input) {
                self.inputs.push((tick, seat, input.input[..fields].to_vec()));
            }
        }
        for entry in replay.room().roster() {
            let seat = entry.seat.0;
            if last.names.get(&seat) != Some(&entry.name) {
                last.names.insert(seat, entry.name.clone());
                self.names.push((tick, seat, entry.name));
            }
        }
    }
}

/// What a client or an operator asked for; `None` for what is no news to people.
fn described(tick: u32, input: &RoomInput) -> Option<(u32, Option<u16>, String)> {
    let (seat, text) = match input {
        RoomInput::Enter(enter) => (None, format!("{:?} {:?} enters", enter.role, enter.name)),
        RoomInput::Return(back) => (Some(back.seat), "returns".to_owned()),
        RoomInput::Command { seat, command, .. } => (Some(*seat), asked(command)),
        RoomInput::Disconnected { seat, close } => (Some(*seat), format!("connection ended: {close:?}")),
        RoomInput::Kick { seat, reason } => (Some(*seat), format!("is kicked: {reason:?}")),
        RoomInput::Lock(locked) => {
            (None, if *locked { "the room is locked" } else { "the room is unlocked" }.to_owned())
        }
        RoomInput::Close(reason) => (None, format!("the room is closed: {reason:?}")),
        RoomInput::ServerEvent { name, .. } => (None, format!("a server sends the event {name:?}")),
        RoomInput::Recovered { .. } | RoomInput::Moved { .. } => {
            (None, "the room goes on in another process".to_owned())
        }
        _ => return None,
    };
    Some((tick, seat.map(|seat| seat.0), text))
}

fn asked(command: &Command) -> String {
    match command {
        Command::Message { kind, body } => format!("message {kind}: {}", hex(body)),
        Command::Call { kind, body } => format!("call {kind}: {}", hex(body)),
        Command::Chat { to, text } if to.is_empty() => format!("says {text:?}"),
        Command::Chat { to, text } => format!("says {text:?} to {} seats", to.len()),
    }
}

/// The first bytes.
fn hex(bytes: &[u8]) -> String {
    const MOST: usize = 32;
    let mut text = String::new();
    for byte in bytes.iter().take(MOST) {
        let _ = write!(text, "{byte:02x}");
    }
    if bytes.len() > MOST {
        text.push('…');
    }
    text
}
