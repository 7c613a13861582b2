//! Redis in virtual time: the model decides, and each script occupies the server's only thread for as long as a real one was
//! measured to take.

use std::collections::BTreeMap;

use tickwire::engine::cluster::{Answer, Model, Request, Script};

/// What a script costs: microseconds, and more for each KiB that it moves.
#[derive(Clone, Copy)]
pub struct Cost {
    pub micros: f64,
    pub per_kib: f64,
}

/// What a script did in a span of time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    pub calls: u64,
    pub micros: f64,
    pub bytes: u64,
}

/// The server.
pub struct Server {
    pub model: Model,
    run: u32,
    /// When it has done what it was asked for so far.
    free_at: f64,
    pub loads: BTreeMap<Script, Load>,
    costs: BTreeMap<Script, Cost>,
    /// Nodes that are compared when a room is made.
    nodes: usize,
    /// Whether scripts take time.
    pub takes_time: bool,
    /// The longest that anybody waited, in microseconds.
    pub longest: f64,
}

/// What it costs to compare one node with the others, for a new room.
const COMPARED: f64 = 6.3;

/// Bytes of a room in the list of rooms, and those of one tick of a room in a journal, as base64.
pub const LISTED: usize = 150;
pub const RECORDED: usize = 134;

impl Server {
    pub fn new(costs: BTreeMap<Script, Cost>, nodes: usize) -> Self {
        let (model, run, free_at, loads, takes_time, longest) = Default::default();
        Self { model, run, free_at, loads, costs, nodes, takes_time, longest }
    }

    /// The name of this run of the server.
    pub fn run(&self) -> String {
        format!("run {}", self.run)
    }

    /// Everything is forgotten, as after a start without persistence.
    pub fn forget(&mut self) {
        self.model.forget();
        self.run += 1;
    }

    /// Answers, and says for how many microseconds whoever asks has waited. `bytes`: what moves beyond the texts of the model.
    pub fn ask(&mut self, now: u64, request: &Request, bytes: impl FnOnce(&[String]) -> usize) -> (Answer, f64) {
        let texts = self.model.answer(now, &self.run(), request);
        let moved = texts.iter().map(String::len).sum::<usize>() + bytes(&texts);
        let cost = self.costs[&request.script()];
        let answer = Answer::read(&texts).expect("an answer");
        let made = matches!((&answer, request), (Answer::There(found), Request::Find { id, .. }) if found.room == *id);
        let compared = if made { COMPARED * self.nodes as f64 } else { 0.0 };
        let micros = cost.micros + compared + cost.per_kib * moved as f64 / 1024.0;
        let load = self.loads.entry(request.script()).or_default();
        (load.calls, load.micros, load.bytes) = (load.calls + 1, load.micros + micros, load.bytes + moved as u64);
        if self.takes_time {
            self.free_at = self.free_at.max(now as f64) + micros;
        }
        let waited = (self.free_at - now as f64).max(0.0);
        self.longest = self.longest.max(waited);
        (answer, waited)
    }

    /// The share of its thread that was used in so many seconds, and what each script did.
    pub fn take_loads(&mut self, seconds: f64) -> (f64, BTreeMap<Script, Load>) {
        let loads = std::mem::take(&mut self.loads);
        let micros: f64 = loads.values().map(|load| load.micros).sum();
        self.longest = 0.0;
        (micros / seconds / 1e6, loads)
    }
}
