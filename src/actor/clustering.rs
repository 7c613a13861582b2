//! The directory of a server that is a node of a cluster: it makes the rooms that the cluster's directory has placed here, when
//! the first ticket for each arrives, and tells that directory what becomes of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::{Context, Handler, Message, ResponseFuture};

use super::directory::Directory;
use super::gatekeeper::SeatPermit;
use super::message::{CloseRoom, Reserve, Reserved, RoomEntry, RoomKey, RoomSlot};
use super::refusals::Refusal;
use super::room_handle::RoomHandle;
use crate::cluster::{Cluster, Origin, Plan, Tenure};
use crate::engine::cluster::{Registration, RoomReport, Summons, canonical, digest};
use crate::engine::registry;
use crate::engine::{CloseReason, JoinKind, JoinRequest, Limit, Reservations, Room, SecretDigest};
use crate::trust::names;
use crate::wire::{Close, Join, Role, limits};

/// Session to directory: what would a room be like that this client asks for? `None`: the client names a room.
#[derive(Debug, Message)]
#[rtype(result = "Result<Option<Plan>, CloseReason>")]
pub struct Sketch(pub Arc<JoinRequest>);

/// Session to directory: admit the bearer of a ticket that was used up for a room of this node.
#[derive(Debug, Message)]
#[rtype(result = "Result<RoomSlot, CloseReason>")]
pub struct Arrive {
    pub request: Arc<JoinRequest>,
    pub summons: Summons,
    /// The digest of the ticket.
    pub ticket: String,
    /// What the room goes on from, if it was at another node.
    pub origin: Option<Origin>,
}

/// The part of the directory that only nodes have.
#[derive(Debug, Default)]
pub struct Membership {
    /// The node's own listed rooms, as published.
    own: Vec<RoomEntry>,
    /// The last reports of rooms that have ended.
    ended: Vec<RoomReport>,
    /// What other nodes have published.
    parts: Vec<Arc<str>>,
    /// What rooms would be like, by game and options.
    plans: BTreeMap<(String, BTreeMap<String, String>), Plan>,
    /// Seats that were reserved on any node for an address, until their tickets expire.
    promised: Reservations<(), SeatPermit>,
}

impl Directory {
    /// What a new room would be like. Its game is made and dropped again, but not for every client that asks for the same.
    fn sketch(&mut self, join: &Join, role: Role) -> Result<Option<Plan>, CloseReason> {
        registry::check_role(role, self.config.policy.most_spectators)?;
        let (game, options) = match join {
            Join::JoinOrCreate { game, options } | Join::Create { game, options } => (game, options),
            Join::ById { .. } | Join::Return { .. } | Join::Reserved { .. } => return Ok(None),
        };
        let options: BTreeMap<String, String> = options.iter().cloned().collect();
        if matches!(join, Join::JoinOrCreate { .. }) {
            registry::check_public(&options)?;
        }
        let kind = (game.clone(), options);
        if let Some(plan) = self.membership.plans.get(&kind) {
            return Ok(Some(*plan));
        }
        let (room, private) = self.build(game, &kind.1, |_, private| Ok(names::of_room(private)))?;
        let plan = Plan { capacity: room.capacity(), private };
        if self.membership.plans.len() >= limits::ROOM_PLANS {
            self.membership.plans.clear();
        }
        self.membership.plans.insert(kind, plan);
        Ok(Some(plan))
    }

    fn arrive(&mut self, Arrive { request, summons, ticket, origin }: Arrive) -> Result<RoomSlot, CloseReason> {
        if self.draining {
            return Err(Close::Draining.into());
        }
        registry::check_role(request.role, self.config.policy.most_spectators)?;
        self.heed_changes();
        let known = self.rooms.by_id(&summons.room).filter(|_| !summons.saved || self.goes_on_here(&summons.room));
        let key = match known {
            Some(key) => key,
            None if summons.saved => self.go_on(&summons, origin, Some(&request))?,
            None if self.ended.contains(&summons.room) => {
                self.report_end(&summons);
                return Err(Close::RoomClosed.into());
            }
            None => self.make_summoned(&summons, Some(&request))?,
        };
        let claims = request.role == Role::Player && request.claim.is_some();
        let kind = if claims { JoinKind::Returning } else { request.role.into() };
        let listed = self.room_handle(key)?;
        let announced = listed.status.announce_ticket(kind, listed.most(kind), ticket);
        if announced.is_err() && listed.status.is_closed() {
            self.report_end(&summons);
        }
        let (expected, listed) = (announced?, self.room_handle(key)?);
        Ok(RoomSlot { key, room: listed.room.clone(), expected })
    }

    pub(super) fn make_summoned(
        &mut self,
        summons: &Summons,
        request: Option<&JoinRequest>,
    ) -> Result<RoomKey, CloseReason> {
        let maker = request.and_then(|request| request.address);
        let options = serde_json::from_str(&summons.options).unwrap_or_default();
        let made = self.make_placed(&summons.room, summons.incarnation, summons.game.clone(), options, maker);
        if made.is_err() {
            self.report_end(summons);
        }
        made
    }

    /// Nobody shall be sent to a room that has ended; the usual report may be a moment away.
    pub(super) fn report_end(&self, summons: &Summons) {
        if let Some(cluster) = &self.config.cluster {
            let (id, incarnation, settled) = (summons.room.clone(), summons.incarnation, Vec::new());
            let gone = RoomReport { id, incarnation, gone: true, players: 0, shut: "", capacity: 0, settled };
            cluster.report(vec![gone], self.load());
        }
    }

    /// Registers a room that begins here.
    pub(super) fn register(&self, room: &Room, options: &BTreeMap<String, String>, private: bool) -> Option<Tenure> {
        let cluster = self.config.cluster.as_ref()?;
        Some(cluster.register(Registration {
            id: room.config().id.clone(),
            incarnation: room.config().incarnation.0,
            game: room.config().game.clone(),
            options: canonical(options),
            private,
            capacity: room.capacity(),
            players: room.players(),
            shut: room.shut().map_or("", Close::label),
        }))
    }

    /// Tells the cluster's directory what has changed, and ends the rooms that are not this node's any more.
    #[expect(clippy::disallowed_methods, reason = "one message per room, and it must arrive")]
    pub(super) fn report_rooms(&mut self) {
        let Some(cluster) = self.config.cluster.clone() else { return };
        let late = self.membership.promised.expire(self.clock.now());
        self.metrics.counts.reservations_expired.inc_by(late as u64);
        let mut reports = std::mem::take(&mut self.membership.ended);
        for listed in self.rooms.values_mut() {
            if listed.tenure.as_ref().is_some_and(Tenure::is_lost) && !listed.status.is_closed() {
                listed.room.do_send(CloseRoom(Close::LeaseLost));
            }
            reports.extend(report(listed));
        }
        cluster.report(reports, self.load());
    }

    /// A room has ended: the cluster's directory is told with the next report.
    pub(super) fn report_ended(&mut self, listed: &mut RoomHandle) {
        if self.config.cluster.is_some() {
            self.membership.ended.extend(report(listed));
        }
    }

    /// The load of this node in thousandths, and its players.
    fn load(&self) -> (u32, usize) {
        let listed = || self.rooms.values();
        let players: usize = listed().map(|listed| listed.status.occupancy().players).sum();
        let busy =
            |listed: &RoomHandle| listed.status.tick_times().mean.as_micros() * u128::from(listed.entry.rate) / 1000;
        let ticks = listed().map(busy).sum::<u128>() / self.config.arbiters.max(1) as u128;
        let seats = players * 1000 / self.config.most_sessions.max(1);
        (u32::try_from(ticks.max(seats as u128)).unwrap_or(u32::MAX), players)
    }

    /// The list of rooms of all nodes, if it differs from the one before. `changed` tells whether the node's own rooms may differ.
    pub(super) fn common_list(&mut self, cluster: &Cluster, changed: bool) -> Option<Vec<RoomEntry>> {
        let parts = cluster.parts();
        let same = parts.len() == self.membership.parts.len()
            && parts.iter().zip(&self.membership.parts).all(|(new, old)| Arc::ptr_eq(new, old));
        let public = || self.rooms.values().filter(|listed| !listed.private).map(|listed| &listed.entry);
        let changed = changed && !public().eq(&self.membership.own);
        let own = if changed { public().cloned().collect() } else { std::mem::take(&mut self.membership.own) };
        if changed || own.is_empty() {
            cluster.publish(&serde_json::to_string(&own).unwrap_or_default());
        }
        (self.membership.own, self.membership.parts) = (own, parts.to_vec());
        if same && !changed {
            return None;
        }
        let others = parts.iter().filter_map(|part| serde_json::from_str::<Vec<RoomEntry>>(part).ok());
        Some(self.membership.own.iter().cloned().chain(others.flatten()).collect())
    }

    /// Reserves seats on any node.
    pub(super) fn reserve_at_large(
        &mut self,
        cluster: Arc<Cluster>,
        request: Reserve,
    ) -> ResponseFuture<Result<Reserved, CloseReason>> {
        let prepared = self.prepare_party(&request);
        Box::pin(async move {
            let (plan, tickets) = prepared?;
            let digests: Vec<String> = tickets.iter().map(|ticket| digest(ticket)).collect();
            let room = cluster.reserve(&request.join, plan, request.only_game, &digests).await?;
            Ok(Reserved { room, tickets, expires_in: limits::RESERVED_FOR.as_secs() })
        })
    }

    /// Counts a party on the address that asks for its seats.
    fn prepare_party(&mut self, request: &Reserve) -> Result<(Option<Plan>, Vec<String>), CloseReason> {
        let Reserve { join, seats, maker, .. } = request;
        if self.draining {
            return Err(Close::Draining.into());
        }
        if !self.membership.promised.has_room_for(*seats, *maker) {
            return Err(Close::TryLater.into());
        }
        let plan = self.sketch(join, Role::Player)?;
        let mut permits: Vec<_> = (0..*seats).map(|_| self.config.gatekeeper.seat_permit(*maker)).collect();
        if !permits.iter_mut().all(SeatPermit::take) {
            let refusal = Refusal::Limit(Limit::SeatsPerAddress);
            self.metrics.refusals.count(self.clock.now(), refusal, None);
            return Err(CloseReason::with_text(refusal.close(), refusal.text()));
        }
        let until = self.clock.now().plus(limits::RESERVED_FOR);
        let tickets: Vec<String> = permits.iter().map(|_| names::secret()).collect();
        for (ticket, permit) in tickets.iter().zip(permits) {
            let digest = SecretDigest::of(ticket.as_bytes());
            self.membership.promised.reserve(until, digest, *maker, (), permit);
        }
        self.metrics.counts.seats_reserved.inc_by(*seats as u64);
        Ok((plan, tickets))
    }
}

/// What the cluster's directory does not know of a room yet.
fn report(listed: &mut RoomHandle) -> Option<RoomReport> {
    let gone = listed.status.is_closed();
    if !gone && !listed.status.is_recorded() {
        return None;
    }
    let (players, shut, settled) = listed.status.report();
    let state = (players, shut);
    if !gone && settled.is_empty() && listed.reported == Some(state) {
        return None;
    }
    listed.reported = Some(state);
    let (id, capacity) = (listed.entry.id.clone(), listed.entry.capacity);
    let incarnation = listed.tenure.as_ref().map_or(0, Tenure::incarnation);
    Some(RoomReport { id, incarnation, gone, players, shut: shut.map_or("", Close::label), capacity, settled })
}

impl Handler<Sketch> for Directory {
    type Result = Result<Option<Plan>, CloseReason>;

    fn handle(&mut self, Sketch(request): Sketch, _: &mut Context<Self>) -> Self::Result {
        self.sketch(&request.join, request.role)
    }
}

impl Handler<Arrive> for Directory {
    type Result = Result<RoomSlot, CloseReason>;

    fn handle(&mut self, arrival: Arrive, _: &mut Context<Self>) -> Self::Result {
        self.arrive(arrival)
    }
}
