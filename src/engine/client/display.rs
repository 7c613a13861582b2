//! What a player is shown of a room: rows at a moment of the recent past, chosen by the room's clock, smooth between frames and
//! for a short time beyond the newest one. The twin of the browser client's `state.js` and `view-cache.js`, as far as drawing
//! needs them; `tests/golden/display.json` keeps the two equal.

use std::collections::BTreeMap;
use std::time::Duration;

use super::feel_meter::{FeelMeter, digest};
use super::samples::Samples;
use super::{Arrived, Client, ClientEvent, RoomClock};
use crate::engine::FeelDigest;
use crate::id::{EntityId, Incarnation, KindId, ZoneId};
use crate::snapshot::{Schema, Zone};
use crate::tick::{Moment, Tick};
use crate::wire::{Continuity, Features, Welcome, limits};

/// The rows of a room as its player sees them.
///
/// Pass every event of the client to [`Self::on_event`] and call [`Self::prepare`] before [`Client::poll`]; then
/// [`Self::show`] has the rows to draw. The client must rebuild the state ([`Depth::Full`](super::Depth::Full)) and be
/// [`knowing`](Client::knowing) the [`FEATURES`](Self::FEATURES).
///
/// ```
/// use tickwire::engine::{Client, ClientError, Depth, Display};
/// use tickwire::tick::Moment;
///
/// fn on_message(client: &mut Client, display: &mut Option<Display>, bytes: &[u8], now: Moment) -> Result<(), ClientError> {
///     let event = client.on_message(bytes)?;
///     if display.is_none() {
///         *display = Display::new(client, now);
///     }
///     if let Some(display) = display {
///         display.on_event(client, &event, now);
///     }
///     Ok(())
/// }
///
/// fn draw(client: &mut Client, display: &mut Display, now: Moment) {
///     for row in display.show(now) {
///         println!("{:?} is at {:?}", row.id, row.values);
///     }
///     display.prepare(client, now);
///     while let Some(bytes) = client.poll(now) {
///         // Send the bytes.
///         # let _ = bytes;
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Display {
    clock: RoomClock,
    room: String,
    schema: Schema,
    own: EntityId,
    /// Milliseconds per tick, and samples kept per entity.
    period: f64,
    depth: usize,
    /// The most rows that are shown.
    most: usize,
    incarnation: Incarnation,
    tick: Tick,
    /// The newest frame's tick, counted from the welcome.
    elapsed: f64,
    frames: u64,
    rows: BTreeMap<(EntityId, KindId), Shown>,
    feel: FeelMeter,
    pinged_at: Option<Moment>,
    /// The last round trip, in milliseconds.
    ping: f64,
}

/// One row of an entity.
#[derive(Clone, Debug)]
struct Shown {
    samples: Samples,
    /// The last frame with the row, its zone, and, without a row, the zone's tick when it was first missing.
    frame: u64,
    zone: Option<ZoneId>,
    missing: Option<f64>,
    teleported: bool,
    values: Vec<f64>,
}

/// A row to draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DisplayRow<'a> {
    /// Its kind.
    pub kind: KindId,
    /// Its entity.
    pub id: EntityId,
    /// Its values in field order, in quanta; those of moving fields have fractions.
    pub values: &'a [f64],
}

/// The newest row of the player's entity.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnRow<'a> {
    pub kind: KindId,
    pub values: &'a [i32],
    /// Whether the newest frame placed it somewhere else.
    pub teleported: bool,
    /// Whether it is of the newest frame.
    pub is_new: bool,
}

impl Display {
    /// What a hello must name so that the server can be told the moment that is shown and how the game feels.
    pub const FEATURES: Features = Features::INPUT_LEAD.with(Features::VIEW_TIME).with(Features::FEEL_DIGEST);
    const PING_EVERY: Duration = Duration::from_secs(1);

    /// An empty display of the room that has welcomed the client; `None` before a welcome.
    pub fn new(client: &Client, now: Moment) -> Option<Self> {
        let welcome = client.welcome()?;
        let per_second = welcome.rate.per_second();
        let period = 1000.0 / f64::from(per_second);
        let wanted = if client.rate == 0 { per_second } else { client.rate };
        // At least half a second of samples: the longest delay of the clock.
        let depth = (usize::from(per_second) / 2 + 6).next_power_of_two();
        let fields = welcome.schema.plans().iter().map(|plan| plan.fields.len()).max().unwrap_or(0).max(1);
        Some(Self {
            clock: RoomClock::new(period, 1000.0 / f64::from(wanted)),
            room: welcome.room.clone(),
            schema: welcome.schema.clone(),
            own: welcome.entity,
            period,
            depth,
            most: limits::DISPLAY_CELLS / (fields * depth),
            incarnation: welcome.incarnation,
            tick: welcome.tick,
            elapsed: 0.0,
            frames: 0,
            rows: BTreeMap::new(),
            feel: FeelMeter::new(millis(now)),
            pinged_at: None,
            ping: 0.0,
        })
    }

    /// Handles what the client has just received.
    pub fn on_event(&mut self, client: &Client, event: &ClientEvent, now: Moment) {
        match event {
            ClientEvent::Welcome => self.on_welcome(client, now),
            ClientEvent::Frame(arrived) => self.on_frame(client, arrived, now),
            ClientEvent::Pong { stamp } => {
                self.ping = f64::from(ping_stamp(now).wrapping_sub(*stamp)) / 10.0;
                self.clock.answered(self.ping, millis(now));
            }
            _ => {}
        }
    }

    /// Gives the client what it is to send besides inputs and commands: a ping each second, the moment that is shown, and every
    /// ten seconds how the game felt, if the server wants to know. Returns what was told of the latter.
    pub fn prepare(&mut self, client: &mut Client, now: Moment) -> Option<FeelDigest> {
        self.clock.awake(millis(now));
        if self.pinged_at.is_none_or(|at| now.since(at) >= Self::PING_EVERY) {
            self.pinged_at = Some(now);
            client.ping(ping_stamp(now));
        }
        if let Some(behind) = self.clock.behind(self.elapsed) {
            client.shows((16.0 * behind).round() as u16);
        }
        let body = self.feel.take(millis(now), self.clock.rtt(), self.clock.jitter())?;
        client.tell_feel(&body);
        Some(digest(&body))
    }

    /// How the game has felt since the last digest, which begins the next one; `None` when nothing was drawn.
    pub fn feel(&mut self, now: Moment) -> Option<FeelDigest> {
        let body = self.feel.finish(millis(now), self.clock.rtt(), self.clock.jitter());
        body.as_ref().map(digest)
    }

    /// The room's time. Its moments are milliseconds of the time that the display is told.
    pub fn clock(&self) -> &RoomClock {
        &self.clock
    }

    /// The rows to draw at `now`: the first row of each entity, in the order of kinds. Call it once per rendered frame. The player's
    /// own entity is in the recent past, too; a [`Prediction`](super::Prediction) has it in the present.
    pub fn show(&mut self, now: Moment) -> impl Iterator<Item = DisplayRow<'_>> {
        let now = millis(now);
        let shown = self.clock.show(now);
        if let Some(tick) = shown {
            let buffer = self.clock.behind(self.elapsed).unwrap_or(0.0) * self.period;
            self.draw(tick, now, self.clock.age(now), buffer);
        }
        let rows = first_rows(self.rows.iter()).filter(move |_| shown.is_some());
        rows.map(|((id, kind), row)| DisplayRow { kind: *kind, id: *id, values: &row.values })
    }

    fn draw(&mut self, tick: f64, now: f64, age: f64, buffer: f64) {
        let elapsed = self.feel.begin_picture(now, age, buffer);
        let mut entities = 0;
        for ((id, kind), row) in first_rows(self.rows.iter_mut()) {
            let plan = &self.schema.plans()[usize::from(kind.0)];
            row.samples.sample(plan, tick, &mut row.values);
            entities += 1;
            if let Some(elapsed) = elapsed.filter(|_| *id != self.own) {
                self.feel.look(*id, plan, &row.samples, &row.values, elapsed);
            }
        }
        self.feel.end_picture(entities);
    }

    /// The newest row of the player's entity; `None` while it has none.
    pub(super) fn own_row(&self) -> Option<OwnRow<'_>> {
        let mut rows = self.rows.range((self.own, KindId(0))..=(self.own, KindId(u8::MAX)));
        let ((_, kind), row) = rows.next()?;
        let plan = &self.schema.plans()[usize::from(kind.0)];
        let is_new = row.samples.newest() >= self.elapsed;
        Some(OwnRow { kind: *kind, values: row.samples.values(plan), teleported: row.teleported, is_new })
    }

    /// The last round trip, in milliseconds.
    pub(super) fn ping(&self) -> f64 {
        self.ping
    }

    pub(super) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Notes a correction of the own entity by so many units.
    pub(super) fn corrected(&mut self, size: f64) {
        self.feel.corrected(size);
    }

    fn on_welcome(&mut self, client: &Client, now: Moment) {
        let Some(welcome) = client.welcome() else { return };
        if !self.continues(welcome) {
            *self = Self::new(client, now).unwrap_or_else(|| self.clone());
            return;
        }
        self.clock.resumed();
        self.own = welcome.entity;
        if welcome.continuity == Continuity::Seat || welcome.tick != self.tick {
            if welcome.incarnation == self.incarnation {
                self.elapsed += f64::from(welcome.tick.since(self.tick).max(0));
            }
            (self.tick, self.incarnation) = (welcome.tick, welcome.incarnation);
            self.forget_zones();
        }
    }

    /// Whether a welcome is of the room that is shown, at a later moment.
    fn continues(&self, welcome: &Welcome) -> bool {
        let is_later = match welcome.incarnation {
            same if same == self.incarnation => !self.tick.is_after(welcome.tick),
            other => other > self.incarnation,
        };
        let is_same = welcome.room == self.room && welcome.schema == self.schema;
        welcome.continuity != Continuity::Fresh && is_later && is_same
    }

    fn on_frame(&mut self, client: &Client, arrived: &Arrived, now: Moment) {
        if client.incarnation != self.incarnation {
            self.incarnation = client.incarnation;
            self.forget_zones();
        }
        self.tick = arrived.tick;
        self.elapsed += f64::from(arrived.advance);
        self.merge(client);
        self.clock.arrived(self.elapsed, millis(now));
    }

    fn forget_zones(&mut self) {
        self.rows.values_mut().for_each(|row| row.zone = None);
    }

    /// Takes over the rows of all zones, which are at ticks of their own. Of rows of one entity and kind the newest counts.
    fn merge(&mut self, client: &Client) {
        self.frames += 1;
        let (tick, elapsed) = (client.tick(), self.elapsed);
        let at = |zone| client.zone_tick(zone).map(|at| elapsed - f64::from(tick.since(at)));
        let mut zones: Vec<(f64, ZoneId, &Zone)> =
            client.zones().iter().filter_map(|(id, zone)| Some((at(*id)?, *id, zone))).collect();
        zones.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
        for (at, zone, rows) in &zones {
            self.merge_zone(client, *at, *zone, rows);
        }
        let oldest = zones.last().map_or(f64::INFINITY, |(at, ..)| *at);
        let frames = self.frames;
        self.rows.retain(|_, row| {
            if row.frame == frames {
                return true;
            }
            row.teleported = false;
            // Its row may be on its way into a zone that is behind; a zone that is gone is at the newest tick.
            let missing = || row.zone.map_or(f64::NEG_INFINITY, |zone| at(zone).unwrap_or(elapsed));
            *row.missing.get_or_insert_with(missing) > oldest
        });
    }

    fn merge_zone(&mut self, client: &Client, at: f64, zone: ZoneId, rows: &Zone) {
        for (kind, plan, id, cells) in rows.rows_with_motion(&self.schema) {
            let count = self.rows.len();
            let known = self.rows.get_mut(&(id, kind));
            if known.is_none() && count >= self.most {
                continue;
            }
            let is_known = known.is_some();
            let (depth, period) = (self.depth, self.period);
            let row = self.rows.entry((id, kind)).or_insert_with(|| Shown {
                samples: Samples::new(plan, depth, period),
                frame: 0,
                zone: None,
                missing: None,
                teleported: false,
                values: vec![0.0; plan.fields.len()],
            });
            if row.frame == self.frames {
                continue;
            }
            (row.frame, row.missing, row.teleported) = (self.frames, None, false);
            // Its newer row went, and this zone is not yet where it went to.
            if row.zone.is_some() && at < row.samples.newest() {
                continue;
            }
            row.zone = Some(zone);
            row.teleported = is_known && client.placed.contains(&(zone, kind, id));
            row.samples.push(plan, at, cells, row.teleported);
        }
    }
}

/// The row of the first kind of each entity: the others are parts of it.
fn first_rows<'a, R>(
    rows: impl Iterator<Item = (&'a (EntityId, KindId), R)>,
) -> impl Iterator<Item = (&'a (EntityId, KindId), R)> {
    let mut last = None;
    rows.filter(move |((id, _), _)| last.replace(*id) != Some(*id))
}

/// A moment in milliseconds.
pub(super) fn millis(now: Moment) -> f64 {
    now.0 as f64 / 1000.0
}

/// What a ping carries: tenths of a millisecond, modulo 2^32.
fn ping_stamp(now: Moment) -> u32 {
    (now.0 / 100) as u32
}
