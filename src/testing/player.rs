//! One player of a playtest: a client, both directions of its link and the session at the other end; the player's
//! actions, and the record of what arrived. A client that reconnects is another player.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::oracle::Oracle;
use super::packet::Packet;
use super::serve::ServerEnd;
use crate::engine::link::Link;
use crate::engine::{Arrived, Client, ClientEvent, InputRun, Session, Transport, Unsent};
use crate::id::{EntityId, KindId, Seat, Seq};
use crate::snapshot::{Frame, InputSchema};
use crate::tick::{Moment, Tick};
use crate::wire::{
    ClientMessage, Close, Correction, EventBody, ServerMessage, Welcome, ZoneForm, decode_client, decode_server, limits,
};

/// Identifies a player of a [`Playtest`](super::Playtest), which can be indexed by it. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlayerId(pub(super) usize);

/// A frame that arrived at a player's client and equalled the server's.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The moment of arrival.
    pub at: Moment,
    /// Bytes of the message, and one more for the opcode in its WebSocket header.
    pub bytes: usize,
    /// Whether the message held a keyframe of some zone.
    pub keyframe: bool,
    /// What the client read from it.
    pub told: Arrived,
}

/// Returns the input of each client tick.
type Pilot = Box<dyn FnMut(&Client) -> Vec<i32>>;

/// One player: its actions, and what its client made of the messages that arrived.
pub struct Player {
    up: Link,
    down: Link,
    /// Whether the connection is broken; the server may not know.
    severed: bool,
    pub(super) server: Option<ServerEnd>,
    pub(super) ended: Option<Close>,
    pub(super) runs: Vec<InputRun>,
    client: Client,
    closed: Option<Close>,
    schema: InputSchema,
    /// The offset within a client tick at which the input is sampled.
    phase: Duration,
    next_input: Option<Moment>,
    /// Whether the client makes no inputs, but acknowledges in time.
    is_spectator: bool,
    held: Vec<i32>,
    pressed: Option<Vec<i32>>,
    pilot: Option<Pilot>,
    pub(super) frozen_until: Moment,
    pub(super) transport: Transport,
    arrivals: Vec<Arrival>,
    events: Vec<EventBody<'static>>,
    outdated: usize,
    pub(super) unsent: Unsent,
    pub(super) oracle: Oracle,
}

impl Player {
    pub(super) fn new(
        now: Moment,
        (up, down): (Link, Link),
        schema: InputSchema,
        phase: Duration,
        alarm: Moment,
        client: Client,
    ) -> Self {
        let transport = if down.has_datagrams() { Transport::Unordered } else { Transport::Ordered };
        Self {
            up,
            down,
            severed: false,
            server: Some(ServerEnd::new(now, alarm, transport)),
            ended: None,
            runs: Vec::new(),
            client: client.over(transport),
            closed: None,
            held: schema.neutral()[..schema.fields().len()].to_vec(),
            schema,
            phase,
            next_input: None,
            is_spectator: false,
            pressed: None,
            pilot: None,
            frozen_until: Moment(0),
            transport,
            arrivals: Vec::new(),
            events: Vec::new(),
            outdated: 0,
            unsent: Unsent::default(),
            oracle: Oracle::default(),
        }
    }

    /// Sets the input from the next client tick on: one value per field.
    ///
    /// # Panics
    /// When the game's input schema does not admit `input`.
    #[track_caller]
    pub fn hold(&mut self, input: &[i32]) {
        self.schema.check(input);
        (self.held, self.pilot) = (input.to_vec(), None);
    }

    /// Sets the input of the next client tick only.
    ///
    /// # Panics
    /// When the game's input schema does not admit `input`.
    #[track_caller]
    pub fn press(&mut self, input: &[i32]) {
        self.schema.check(input);
        self.pressed = Some(input.to_vec());
    }

    /// From now on, asks `pilot` for the input of each client tick.
    pub fn steer(&mut self, pilot: impl FnMut(&Client) -> Vec<i32> + 'static) {
        self.pilot = Some(Box::new(pilot));
    }

    /// Sends a command with the next input or acknowledgement. Returns its number.
    pub fn command(&mut self, kind: u16, body: &[u8]) -> Seq {
        self.client.command(kind, body)
    }

    /// As [`Self::command`]; the reply arrives as an event.
    pub fn call(&mut self, kind: u16, body: &[u8]) -> Seq {
        self.client.call(kind, body)
    }

    /// As [`Self::command`]: sends a chat line to the players in `to`, or to everyone when `to` is empty.
    pub fn chat(&mut self, to: &[Seat], text: &str) -> Seq {
        self.client.chat(to, text)
    }

    /// Sets how far the moment shown to the player lies before the newest frame, in 16ths of a tick; see
    /// [`Client::shows`].
    pub fn shows(&mut self, behind: u16) {
        self.client.shows(behind);
    }

    /// Sends a ping with the next input or acknowledgement.
    pub fn ping(&mut self, stamp: u32) {
        self.client.ping(stamp);
    }

    /// Whether the connection is open, as far as the client knows.
    pub fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    /// How the connection ended for the client, if it did.
    pub fn closed(&self) -> Option<Close> {
        self.closed
    }

    /// How the server ended the session, if it did.
    pub fn ended(&self) -> Option<Close> {
        self.ended
    }

    /// The server's session, until it ends.
    pub fn session(&self) -> Option<&Session> {
        self.server.as_ref().map(|server| &server.session)
    }

    /// The client, with the zones that it rebuilt.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The tick of the client's state.
    pub fn tick(&self) -> Tick {
        self.client.tick()
    }

    /// The server's welcome.
    ///
    /// # Panics
    /// When the welcome has not arrived, or never will because the server refused the player.
    pub fn welcome(&self) -> &Welcome {
        self.client.welcome().unwrap_or_else(|| panic!("no welcome has arrived; the connection: {:?}", self.closed))
    }

    /// The rows of a kind in all zones that the client knows.
    pub fn rows(&self, kind: KindId) -> BTreeMap<EntityId, &[i32]> {
        let Some(welcome) = self.client.welcome() else { return BTreeMap::new() };
        let rows = self.client.zones().values().flat_map(|zone| zone.rows(&welcome.schema));
        rows.filter(|row| row.kind == kind).map(|row| (row.id, row.values)).collect()
    }

    /// The row of the player's own entity, as its client knows it.
    ///
    /// # Panics
    /// When the client knows no such row.
    pub fn own(&self, kind: KindId) -> &[i32] {
        let Welcome { schema, entity, .. } = self.welcome();
        let found = self.client.zones().values().find_map(|zone| zone.find(schema, kind, *entity));
        found.unwrap_or_else(|| panic!("no row of kind {} for {entity:?} at {:?}", kind.0, self.tick()))
    }

    /// The frames that arrived, oldest first.
    pub fn arrivals(&self) -> &[Arrival] {
        &self.arrivals
    }

    /// The events that arrived, oldest first.
    pub fn events(&self) -> impl Iterator<Item = &EventBody<'static>> {
        self.events.iter()
    }

    /// How many frame messages were repeated or overtaken, and had no effect.
    pub fn outdated(&self) -> usize {
        self.outdated
    }

    /// What the player wanted and was not sent so far, because of the budget or the link.
    pub fn unsent(&self) -> &Unsent {
        &self.unsent
    }

    /// The corrections that arrived, oldest first.
    pub fn corrections(&self) -> impl Iterator<Item = Correction> {
        self.arrivals.iter().filter_map(|arrival| arrival.told.correction)
    }

    /// How many desyncs the client found. Without a [`Watch`](super::Watch) that changes messages, the oracle accepts
    /// none.
    pub fn desyncs(&self) -> u32 {
        self.arrivals.iter().map(|arrival| arrival.told.desyncs).sum()
    }

    /// Whether the client's state is wrong because a [`Watch`](super::Watch) changed a message.
    pub fn is_tampered(&self) -> bool {
        self.oracle.tampered
    }

    /// The runs of inputs that the server took in, oldest first.
    pub fn runs(&self) -> &[InputRun] {
        &self.runs
    }

    /// Whether the client is in the game, has the state of `newest` or later, and got every event due by the tick of
    /// its state.
    pub fn is_complete(&self, newest: Tick) -> bool {
        let welcomed = self.is_open() && self.client.welcome().is_some();
        welcomed && self.tick().since(newest) >= 0 && self.oracle.has_heard(self.tick())
    }

    pub(super) fn send_up(&mut self, now: Moment, packet: Packet) {
        if !self.severed {
            self.up.send(now, packet.encode());
        }
    }

    pub(super) fn send_down(&mut self, now: Moment, packet: Packet) {
        if !self.severed {
            self.down.send(now, packet.encode());
        }
    }

    /// Sends what an unordered transport may lose, repeat and reorder.
    pub(super) fn send_frame_down(&mut self, now: Moment, bytes: Vec<u8>) {
        match self.transport {
            Transport::Ordered => self.send_down(now, Packet::Message(bytes)),
            Transport::Unordered if self.severed => {}
            Transport::Unordered => self.down.send_datagram(now, &Packet::Message(bytes).encode()),
        }
    }

    /// Closes the client's end of the connection.
    pub(super) fn close(&mut self, close: Close) {
        self.closed.get_or_insert(close);
    }

    pub(super) fn sever(&mut self) {
        self.severed = true;
        while self.up.poll(Moment(u64::MAX)).is_some() {}
        self.close(Close::Lost);
    }

    pub(super) fn is_struck(&mut self, now: Moment) -> bool {
        self.is_open() && self.up.next_cut(now).is_some_and(|(start, _)| start <= now)
    }

    /// The moment of the player's next event. `now` must not go back.
    pub(super) fn next_moment(&mut self, now: Moment, patience: bool) -> Moment {
        const NEVER: Moment = Moment(u64::MAX);
        let alarm = |server: &ServerEnd| if patience { server.next_alarm } else { NEVER };
        let served = self.server.as_ref().map(|server| alarm(server).min(self.up.next_event().unwrap_or(NEVER)));
        let mut next = served.unwrap_or(NEVER);
        if self.is_open() {
            let awaited = [self.down.next_event(), self.next_input];
            next = awaited.into_iter().flatten().fold(next, |next, at| next.min(at.max(self.frozen_until)));
            next = self.up.next_cut(now).map_or(next, |(start, _)| next.min(start));
        }
        next
    }

    /// The next packet that has arrived at the server's end, while that exists.
    pub(super) fn arrived_up(&mut self, now: Moment) -> Option<(&mut ServerEnd, Packet)> {
        let server = self.server.as_mut()?;
        Some((server, Packet::decode(self.up.poll(now)?)))
    }

    /// The next packet that has arrived at the client's end, while that is open and not frozen.
    pub(super) fn arrived(&mut self, now: Moment) -> Option<Packet> {
        let awake = self.is_open() && self.frozen_until <= now;
        awake.then(|| self.down.poll(now)).flatten().map(Packet::decode)
    }

    pub(super) fn receive<'a>(
        &mut self,
        now: Moment,
        bytes: &[u8],
        tampered: bool,
        frame: impl Fn(Tick) -> Option<&'a Frame>,
    ) {
        self.oracle.tampered |= tampered;
        match self.client.on_message(bytes).unwrap_or_else(|error| panic!("{error:?}: {bytes:?}")) {
            ClientEvent::Frame(told) => {
                self.oracle.check(&self.client, &told, frame);
                self.events.extend(told.events.iter().cloned());
                self.arrivals.push(Arrival { at: now, bytes: 1 + bytes.len(), keyframe: has_keyframe(bytes), told });
            }
            ClientEvent::Welcome => {
                let welcome = self.client.welcome().expect("just told");
                self.oracle.welcome(welcome);
                self.is_spectator = welcome.seat.0 >= limits::SEATS;
                self.next_input = Some(now.plus(self.phase));
            }
            ClientEvent::Delivery(delivered) => {
                self.oracle.check_events(&delivered.events, delivered.lost, None);
                self.events.extend(delivered.events);
            }
            ClientEvent::Outdated => self.outdated += 1,
            ClientEvent::Redirect(_) | ClientEvent::Prepare(_) => panic!("nobody redirects the clients of a playtest"),
            ClientEvent::Pong { .. } | ClientEvent::ComeBack { .. } | ClientEvent::Refreshed { .. } => {}
        }
        self.say(now);
    }

    /// Samples the input when it is due.
    pub(super) fn act(&mut self, now: Moment, period: Duration) {
        if !self.is_open() || self.frozen_until > now {
            return;
        }
        if let Some(due) = self.next_input.filter(|due| *due <= now) {
            let input = self.pilot.as_mut().map(|pilot| pilot(&self.client));
            let input = self.pressed.take().or(input).unwrap_or_else(|| self.held.clone());
            self.schema.check(&input);
            if !self.is_spectator {
                self.client.input(&input);
            }
            // A frozen page does not make up for missed inputs.
            self.next_input = Some(due.plus(period).max(now.plus(Duration::from_millis(1))));
            self.say(now);
        }
    }

    fn say(&mut self, now: Moment) {
        while let Some(bytes) = self.client.poll(now) {
            let ack = matches!(decode_client(&bytes), Ok(ClientMessage::Ack(_)));
            let packet = Packet::Message(bytes);
            if ack && self.transport == Transport::Unordered && !self.severed {
                self.up.send_datagram(now, &packet.encode());
            } else {
                self.send_up(now, packet);
            }
        }
    }
}

impl fmt::Debug for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { closed, ended, .. } = self;
        let tick = self.tick();
        f.debug_struct("Player")
            .field("tick", &tick)
            .field("closed", closed)
            .field("ended", ended)
            .finish_non_exhaustive()
    }
}

fn has_keyframe(bytes: &[u8]) -> bool {
    match decode_server(bytes) {
        Ok(ServerMessage::Frame(frame)) => frame.zones.iter().any(|part| matches!(part.form, ZoneForm::Keyframe(_))),
        _ => false,
    }
}
