//! What a sender knows of its client's state, and how the client gets from there to a newer frame.

use std::sync::Arc;

use bytes::Bytes;
use serde_bytes::Bytes as Raw;

use super::budget::{Budget, Candidate, Unsent, ZonesSeen, longest_wait, urgency};
use crate::id::{CorrectionEpoch, Incarnation, Seq, ZoneId};
use crate::snapshot::{Frame, FrameZone, SeatNote};
use crate::tick::{Moment, Tick, TickRate};
use crate::wire::{FrameStamp, SteadyFrame, ZoneForm, ZonePart, limits};

/// The state of a client that has applied the message of a tick.
#[derive(Clone, Debug)]
pub(super) struct ClientState {
    pub tick: Tick,
    pub incarnation: Incarnation,
    pub consumed: Seq,
    pub superseded: u32,
    pub commands: Seq,
    pub epoch: CorrectionEpoch,
    /// The input lead that the client was told last.
    pub lead: i8,
    /// Ascending.
    pub zones: Vec<ClientZone>,
    /// The list of zones that `zones` was made by, if it was.
    pub list: Option<Arc<[ZoneId]>>,
}

/// What a client has of one zone.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientZone {
    pub zone: ZoneId,
    pub has: Has,
    /// The tick of what it has.
    pub at: Tick,
    /// How many messages in a row have left it out, and how urgent that makes it.
    skipped: u32,
    urgency: u32,
    /// Whether a message in flight may give it rows, whatever it has.
    pub may_have_rows: bool,
    /// When the client last got the zone's hash, which is sent once per second.
    proven: Option<Tick>,
    /// The last keyframe of the zone that was considered.
    keyframe: Option<Weighed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Has {
    /// Nothing, but the zone may have rows.
    Nothing,
    /// Nothing, and the zone has no rows.
    Empty,
    /// The zone's rows at the tick of the state.
    Rows,
    /// Rows that may be wrong.
    Stale,
}

/// The size of a keyframe, from which that of another tick is estimated: making one costs more than a tick does.
#[derive(Clone, Copy, Debug)]
struct Weighed {
    bytes: usize,
    rows: usize,
}

impl ClientState {
    /// Takes over what a frame tells the seat.
    pub fn remember(&mut self, frame: &Frame, note: &SeatNote) {
        (self.tick, self.incarnation) = (frame.tick(), frame.incarnation());
        (self.consumed, self.superseded) = (note.consumed, note.superseded);
        self.epoch = note.epoch;
    }

    /// Whether the client has rows of a zone, and the right ones.
    pub fn has_rows(&self, zone: ZoneId) -> bool {
        let found = self.zones.binary_search_by_key(&zone, |known| known.zone);
        found.is_ok_and(|index| self.zones[index].has == Has::Rows)
    }

    /// The tick after which frames are needed to continue from what the client has of each zone.
    pub fn oldest(&self) -> Tick {
        let behind = self.zones.iter().filter(|known| known.skipped > 0).map(|known| self.tick.since(known.at));
        let most = behind.max().unwrap_or(0).clamp(0, limits::CHAIN as i32);
        Tick(self.tick.0.wrapping_sub(most.cast_unsigned()))
    }

    /// The parts that bring the client's zones to the newest of `frames`, and become its state; except for cells that wait.
    /// The latter are added to `unsent`.
    pub fn zone_parts<'a>(
        &mut self,
        frames: &'a [Arc<Frame>],
        budget: &mut Budget,
        unsent: &mut Unsent,
        to: &Recipient,
    ) -> Parts<'a> {
        let frame = frames.last().expect("the newest frame is given");
        let mut parts = Parts { list: Vec::with_capacity(to.note.zones.len()), keyframes: 0 };
        self.subscribe(frame, to, &mut parts.list);
        let waits = self.waits(frames, budget, to);
        let mut seen = ZonesSeen::new(frame);
        for (index, known) in self.zones.iter_mut().enumerate() {
            let zone = seen.find(known.zone);
            if known.rests(frame, zone, to) {
                known.skip();
                continue;
            }
            if let (true, Some(zone)) = (waits.binary_search(&index).is_ok(), zone) {
                known.skip();
                unsent.add(zone);
                continue;
            }
            if let Some(form) = known.form(frame, zone, chain(frames, known.at)) {
                let cell = frame.grid().is_some_and(|grid| grid.cell(known.zone).is_some());
                parts.keyframes += if cell && matches!(form, ZoneForm::Keyframe(_)) { form.weight() } else { 0 };
                let hash = zone.and_then(|zone| known.hash(zone, frame.tick(), to.rate));
                parts.list.push(ZonePart { zone: known.zone, lag: 0, form, hash });
            }
            (known.at, known.skipped, known.urgency) = (frame.tick(), 0, 0);
        }
        parts
    }

    /// Makes the client's zones those that the seat sees; the client is told to forget others.
    fn subscribe(&mut self, frame: &Frame, to: &Recipient, parts: &mut Vec<ZonePart>) {
        let zones = &to.note.zones;
        let subscribed = |zone: &ZoneId| zones.binary_search(zone).is_ok();
        let forget = |zone| ZonePart { zone, lag: 0, form: ZoneForm::Gone, hash: None };
        self.zones.retain(|old| {
            let kept = subscribed(&old.zone);
            if !kept && matches!(old.has, Has::Rows | Has::Stale) {
                parts.push(forget(old.zone));
            }
            kept
        });
        let told = parts.len();
        for zone in to.gone.iter().filter(|zone| !subscribed(zone)) {
            if !parts[..told].iter().any(|part| part.zone == *zone) {
                parts.push(forget(*zone));
            }
        }
        // Of a room that was started again no earlier frame is of use.
        let at = if self.incarnation == frame.incarnation() { self.tick } else { frame.tick() };
        for (index, zone) in zones.iter().enumerate() {
            if self.zones.get(index).is_none_or(|known| known.zone != *zone) {
                let has = if to.gone.contains(zone) { Has::Stale } else { Has::Nothing };
                self.zones.insert(index, ClientZone::new(*zone, has, at));
            }
        }
        self.list = Some(zones.clone());
    }

    /// The message for a client whose zones all advance by one tick to `frame`, but for those that rest; `None` if there is
    /// more to it. `stamp` is that of the message.
    pub fn steady_message(&mut self, frame: &Frame, stamp: FrameStamp, to: &Recipient) -> Option<Vec<u8>> {
        self.list.as_ref().filter(|list| Arc::ptr_eq(list, &to.note.zones))?;
        let (mut seen, mut count, mut payload) = (ZonesSeen::new(frame), 0_usize, 0);
        for known in &self.zones {
            let zone = seen.find(known.zone);
            match (zone, known.has) {
                _ if known.rests(frame, zone, to) => {}
                (Some(zone), Has::Rows) if known.at == self.tick => {
                    (count, payload) = (count + 1, payload + zone.delta().len())
                }
                (None, Has::Empty) => {}
                _ => return None,
            }
        }
        // One zone alone may be told in a shorter way.
        let mut message = SteadyFrame::new(stamp, count, payload).filter(|_| count > 1)?;
        let mut seen = ZonesSeen::new(frame);
        for known in &mut self.zones {
            let zone = seen.find(known.zone);
            if known.rests(frame, zone, to) {
                known.skip();
                continue;
            }
            if let Some(zone) = zone {
                message.push(known.zone, known.hash(zone, frame.tick(), to.rate), zone.delta());
            }
            (known.at, known.urgency) = (frame.tick(), 0);
        }
        Some(message.finish())
    }

    /// The indices of the cells that wait, ascending.
    fn waits(&mut self, frames: &[Arc<Frame>], budget: &mut Budget, to: &Recipient) -> Vec<usize> {
        let Some(frame) = frames.last() else { return Vec::new() };
        let Some(grid) = frame.grid() else { return Vec::new() };
        let mut seen = ZonesSeen::new(frame);
        let mut candidates = Vec::with_capacity(self.zones.len());
        for (index, known) in self.zones.iter_mut().enumerate() {
            let zone = seen.find(known.zone).filter(|zone| grid.cell(zone.id()).is_some());
            let Some(zone) = zone.filter(|zone| !known.rests(frame, Some(zone), to)) else { continue };
            let deltas = chain(frames, known.at);
            let follows = matches!(known.has, Has::Rows | Has::Empty) && !deltas.is_empty();
            let delta = |frame: &Arc<Frame>| frame.zone(known.zone).map_or(0, |zone| zone.delta().len());
            let bytes = if follows { deltas.iter().map(delta).sum() } else { known.keyframe_size(zone) };
            known.urgency = known.urgency.saturating_add(urgency(grid, zone, to.note));
            let waited = frame.tick().since(known.at);
            // Pages predict the own avatar from its row, which must not be older than the inputs consumed.
            let is_own = grid.cell(known.zone) == to.note.focus;
            let is_due = is_own || (known.skipped > 0 && waited >= to.longest_wait());
            candidates.push(Candidate { index, bytes, is_keyframe: !follows, is_due, urgency: known.urgency });
        }
        let mut waits = budget.choose(to.now, &mut candidates);
        waits.sort_unstable();
        waits
    }
}

/// Whom a message is for.
pub(super) struct Recipient<'a> {
    pub now: Moment,
    pub note: &'a SeatNote,
    /// Zones that the client may have besides those of its state.
    pub gone: &'a [ZoneId],
    pub rate: TickRate,
    /// On an unordered transport: the tick of the newest message, whether it arrived or not.
    pub told: Option<Tick>,
}

impl Recipient<'_> {
    /// For how many ticks a cell waits at most.
    fn longest_wait(&self) -> i32 {
        longest_wait(self.rate).cast_signed()
    }

    /// At one of how many ticks the recipient gets a zone.
    fn every(&self, frame: &Frame, zone: ZoneId) -> u32 {
        let Some((grid, focus)) = frame.grid().zip(self.note.focus).filter(|(grid, _)| grid.has_rings()) else {
            return 1;
        };
        grid.cell(zone).map_or(1, |cell| grid.every(focus, cell))
    }
}

/// The zones of a message.
pub(super) struct Parts<'a> {
    pub list: Vec<ZonePart<'a>>,
    /// Bytes in keyframes of cells.
    pub keyframes: usize,
}

/// The frames after `tick`, or none when some of them are gone or there are too many.
fn chain(frames: &[Arc<Frame>], tick: Tick) -> &[Arc<Frame>] {
    let Some(first) = frames.first() else { return &[] };
    let start = usize::try_from(tick.plus(1).since(first.tick())).unwrap_or(usize::MAX);
    let chain = frames.get(start..).unwrap_or_default();
    if chain.len() as u32 <= limits::CHAIN { chain } else { &[] }
}

impl ClientZone {
    pub fn new(zone: ZoneId, has: Has, at: Tick) -> Self {
        Self { zone, has, at, skipped: 0, urgency: 0, may_have_rows: false, proven: None, keyframe: None }
    }

    /// Whether the zone is so far away that it is left out of this message. Who has nothing of it gets it at once.
    fn rests(&self, frame: &Frame, zone: Option<&FrameZone>, to: &Recipient) -> bool {
        let has_news = matches!((self.has, zone), (Has::Rows, _) | (Has::Empty, Some(_)));
        let every = if has_news { to.every(frame, self.zone) } else { 1 };
        if every == 1 || frame.tick().since(self.at) >= to.longest_wait() {
            return false;
        }
        // All far cells of a seat have the same turn, so that most messages have none of them; seats have different turns.
        let turn = |tick: Tick| tick.0.wrapping_add(to.note.seat.0.into()) / every;
        let now = turn(frame.tick());
        turn(self.at) == now || to.told.is_some_and(|told| turn(told) == now)
    }

    /// Leaves the zone out of a message.
    fn skip(&mut self) {
        self.skipped += 1;
        if self.may_have_rows && self.has != Has::Rows {
            // A message before this one may have told them, and this one does not take them back.
            self.has = Has::Stale;
        }
    }

    /// The zone's hash, if it is time to send it.
    pub fn hash(&mut self, zone: &FrameZone, now: Tick, rate: TickRate) -> Option<u32> {
        if self.proven.is_some_and(|at| now.since(at) < rate.per_second().into()) {
            return None;
        }
        self.proven = Some(now);
        Some(zone.hash())
    }

    /// How the client gets to the zone's state in `frame`, which it then has; `None` when the zone has no rows and the
    /// client knows none. `chain` are the frames after what the client has.
    fn form<'a>(
        &mut self,
        frame: &'a Frame,
        zone: Option<&'a FrameZone>,
        chain: &'a [Arc<Frame>],
    ) -> Option<ZoneForm<'a>> {
        let Some(zone) = zone else {
            let had = std::mem::replace(&mut self.has, Has::Empty);
            return (self.may_have_rows || matches!(had, Has::Rows | Has::Stale)).then_some(ZoneForm::Gone);
        };
        let had = std::mem::replace(&mut self.has, Has::Rows);
        let in_frame = |frame: &'a Arc<Frame>| frame.zone(self.zone).filter(|zone| zone.rows() > 0);
        // The deltas since the zone was empty for the last time, or since the client's state.
        let tail = chain.iter().rev().map_while(in_frame).count();
        let deltas = || chain[chain.len() - tail..].iter().filter_map(in_frame).map(|zone| raw(zone.delta()));
        let (whole, since_empty) = (tail == chain.len(), tail < chain.len());
        let form = match had {
            Has::Rows if whole && tail > 0 => ZoneForm::Chain(deltas().collect()),
            Has::Empty if whole && tail > 0 => ZoneForm::Fresh(deltas().collect()),
            _ if since_empty && tail > 0 => ZoneForm::Fresh(deltas().collect()),
            _ => return Some(ZoneForm::Keyframe(raw(self.made(frame, zone)))),
        };
        let shorter = if tail > 1 { self.shorter_keyframe(frame, zone, form.weight() + tail) } else { None };
        Some(shorter.map_or(form, |keyframe| ZoneForm::Keyframe(raw(keyframe))))
    }

    /// The likely size of a keyframe.
    fn keyframe_size(&self, zone: &FrameZone) -> usize {
        const PER_ROW: usize = 24;
        self.keyframe.map_or(zone.rows() * PER_ROW, |last| last.foretells(zone))
    }

    /// The keyframe, made if necessary.
    fn made<'a>(&mut self, frame: &Frame, zone: &'a FrameZone) -> &'a Bytes {
        let keyframe = frame.keyframe(zone);
        self.keyframe = Some(Weighed { bytes: keyframe.len(), rows: zone.rows() });
        keyframe
    }

    /// The keyframe, if it is shorter than `chained` bytes. It is made only if the estimate says that it will be.
    fn shorter_keyframe<'a>(&mut self, frame: &Frame, zone: &'a FrameZone, chained: usize) -> Option<&'a Bytes> {
        let foretold = self.keyframe.map_or(0, |last| last.foretells(zone));
        // Whether somebody else had it made already must not show in what this client gets.
        (foretold < chained).then(|| self.made(frame, zone)).filter(|keyframe| keyframe.len() < chained)
    }
}

impl Weighed {
    /// The likely size of another keyframe.
    fn foretells(self, zone: &FrameZone) -> usize {
        self.bytes.saturating_mul(zone.rows()) / self.rows.max(1)
    }
}

fn raw(bytes: &[u8]) -> &Raw {
    Raw::new(bytes)
}
