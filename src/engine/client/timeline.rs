//! The inputs of a client that the server has not consumed yet, and what its next one will be. The twin of the parts of
//! `web-demo/client/inputs.js` that prediction needs.

use std::collections::{BTreeMap, VecDeque};

use crate::id::Seq;

/// Inputs kept for prediction; if the server consumes none of so many, they were lost.
const MOST_PENDING: usize = 240;

#[derive(Clone, Debug)]
pub(super) struct Timeline {
    /// The values that the player holds, and those that the next input alone has instead.
    held: Vec<i32>,
    pressed: BTreeMap<usize, i32>,
    upcoming: Vec<i32>,
    /// The newest input, and the number of its run of equal inputs.
    last: Vec<i32>,
    run: u32,
    made: u32,
    /// The last input that the server consumed; may exceed `made`, because the server counts repetitions.
    consumed: u32,
    /// The newest inputs that are not consumed, in order, with the numbers of their runs.
    pending: VecDeque<(u32, Vec<i32>)>,
    /// The run of the last consumed input.
    base: u32,
    /// Ticks at which the server repeated an input and which no later input has settled, and those of them that no input
    /// will settle.
    repeats: u32,
    rest: u32,
}

impl Timeline {
    pub fn new(held: Vec<i32>) -> Self {
        Self {
            last: held.clone(),
            upcoming: held.clone(),
            held,
            pressed: BTreeMap::new(),
            run: 0,
            made: 0,
            consumed: 0,
            pending: VecDeque::new(),
            base: 0,
            repeats: 0,
            rest: 0,
        }
    }

    /// Holds values until others are held.
    pub fn hold(&mut self, values: &[i32]) {
        self.held.copy_from_slice(values);
        self.foresee();
    }

    /// Sets one value for exactly one input.
    pub fn press(&mut self, field: usize, value: i32) {
        self.pressed.insert(field, value);
        self.foresee();
    }

    /// What the player holds.
    pub fn held(&self) -> &[i32] {
        &self.held
    }

    /// The next input if the player changes nothing.
    pub fn upcoming(&self) -> &[i32] {
        &self.upcoming
    }

    fn foresee(&mut self) {
        self.upcoming.copy_from_slice(&self.held);
        self.pressed.iter().for_each(|(field, value)| self.upcoming[*field] = *value);
    }

    /// Makes the next input. Returns whether it differs from the one before.
    pub fn make(&mut self) -> bool {
        let values = self.upcoming.clone();
        self.pressed.clear();
        self.foresee();
        let changed = self.made == 0 || values != self.last;
        self.run += u32::from(changed);
        self.last = values;
        self.made += 1;
        self.pending.push_back((self.run, self.last.clone()));
        if self.pending.len() > MOST_PENDING || self.made <= self.consumed {
            self.drop_front(1);
        }
        changed
    }

    /// The newest input.
    pub fn last(&self) -> &[i32] {
        &self.last
    }

    /// Takes over a frame, which is so many ticks after the one before: the last input that it consumed, and how many were
    /// dropped unused.
    pub fn settle(&mut self, consumed: Seq, ticks: u32, superseded: u32) {
        let count = consumed.since(Seq(self.consumed)).max(0).cast_unsigned();
        let (base, started) = (self.base, self.consumed > 0);
        self.consumed = self.consumed.wrapping_add(count);
        let oldest = i64::from(self.made) - self.pending.len() as i64;
        let passed = (i64::from(self.consumed) - oldest).max(0) as usize;
        self.drop_front(passed.min(self.pending.len()));
        let repeats = i64::from(self.repeats) + i64::from(ticks) - (i64::from(count) - i64::from(superseded));
        self.repeats = if started { repeats.clamp(0, u32::MAX.into()) as u32 } else { 0 };
        // A changed input is sent at once with all inputs before it, so repetitions left when it is consumed stay unsettled.
        if self.base != base {
            self.rest = self.repeats;
        }
    }

    /// Counts client ticks without an input: the server will have repeated the last one.
    pub fn skip(&mut self, ticks: u32) {
        self.rest = self.rest.saturating_add(ticks);
    }

    /// Repetitions that no input will settle.
    pub fn rest(&self) -> u32 {
        self.rest
    }

    /// The inputs whose effect the newest frame does not include yet, in order. Unchanged inputs are sent late. Until then
    /// the server repeats the last one, so the frame may include more of them than it counts as consumed.
    pub fn unapplied(&self) -> impl Iterator<Item = &[i32]> {
        let included = self.repeats.saturating_sub(self.rest) as usize;
        let shown = self.pending.iter().take(included).take_while(|(run, _)| *run == self.base).count();
        self.pending.iter().skip(shown).map(|(_, values)| &values[..])
    }

    fn drop_front(&mut self, count: usize) {
        if let Some((run, _)) = self.pending.drain(..count).next_back() {
            self.base = run;
        }
    }
}
