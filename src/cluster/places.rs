//! Where a client belongs: asks the directory, and reads its answer as a room here, an address elsewhere, or a close.

use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD as BASE64, Engine};

use super::node::Cluster;
use super::{Heir, Placed, Plan};
use crate::engine::cluster::{Answer, Epoch, Invitation, NodeEntry, Request, Wish, canonical, digest};
use crate::engine::{CloseReason, JoinRequest};
use crate::tick::Tick;
use crate::trust::names;
use crate::wire::{Close, Join, Redirect, Role, limits};

impl Cluster {
    /// Finds the room of a client, and uses a ticket for it up if it is here. `plan`: what a room would be like that had to be
    /// made for the client; needed for games, not for rooms.
    ///
    /// # Errors
    /// Why no room admits the client.
    pub async fn place(&self, request: &JoinRequest, plan: Option<Plan>) -> Result<Placed, CloseReason> {
        if let Join::Reserved { ticket } = &request.join {
            return self.redeem(ticket).await;
        }
        let ticket = names::secret();
        let wish = match (request.role, &request.join) {
            (Role::Spectator, Join::Create { .. }) | (Role::Player, Join::Create { .. }) => Wish::Create,
            (Role::Spectator, _) => Wish::Watch,
            (Role::Player, Join::Return { .. }) => Wish::Return,
            (Role::Player, _) if request.claim.is_some() && request.room().is_some() => Wish::Return,
            (Role::Player, _) => Wish::Join,
        };
        let only_game = request.only_game.clone();
        let tickets = vec![digest(&ticket)];
        let found = self.find(&request.join, wish, plan, only_game, limits::REDIRECTED_FOR, tickets).await?;
        if Some(found.node) == self.epoch() {
            return self.redeem(&ticket).await;
        }
        self.send_on(found.address, ticket)
    }

    /// Reserves places for a party, one for each digest of a ticket. Returns the room.
    ///
    /// # Errors
    /// Why no room admits the party.
    pub async fn reserve(
        &self,
        join: &Join,
        plan: Option<Plan>,
        only_game: Option<String>,
        tickets: &[String],
    ) -> Result<String, CloseReason> {
        let wish = if matches!(join, Join::Create { .. }) { Wish::Create } else { Wish::Join };
        let found = self.find(join, wish, plan, only_game, limits::RESERVED_FOR, tickets.to_vec()).await?;
        Ok(found.room)
    }

    /// The WebSocket URL of the node that has this room, if it is another one.
    pub async fn elsewhere(&self, room: &str) -> Option<String> {
        let join = Join::ById { room: room.to_owned() };
        // Who only looks needs no ticket.
        let found = self.find(&join, Wish::Watch, None, None, limits::REDIRECTED_FOR, Vec::new()).await.ok()?;
        let is_other = Some(found.node) != self.epoch() && found.address != self.settings.advertise;
        Some(found.address).filter(|address| is_other && !address.is_empty())
    }

    async fn find(
        &self,
        join: &Join,
        wish: Wish,
        plan: Option<Plan>,
        only_game: Option<String>,
        lasts: Duration,
        tickets: Vec<String>,
    ) -> Result<Invitation, CloseReason> {
        let asker = self.asker()?;
        let request = match (join, plan) {
            (Join::ById { room: id } | Join::Return { room: id }, _) => {
                Request::ById { asker, id: id.clone(), wish, only_game, lasts, tickets }
            }
            (Join::JoinOrCreate { game, options } | Join::Create { game, options }, Some(plan)) => {
                let (game, options) = (game.clone(), canonical(&options.iter().cloned().collect()));
                let Plan { capacity, private } = plan;
                let id = names::of_room(private);
                Request::Find { asker, wish, game, options, private, capacity, id, lasts, tickets }
            }
            _ => return Err(Close::NoSuchRoom.into()),
        };
        match self.ask(&request).await? {
            Answer::There(found) => Ok(found),
            Answer::None => Err(Close::NoSuchRoom.into()),
            Answer::Other => Err(Close::BadToken.into()),
            Answer::Small => {
                Err(CloseReason::with_text(Close::RoomFull, "such a room has fewer seats than are asked for"))
            }
            Answer::Full if matches!(request, Request::ById { .. }) => Err(Close::RoomFull.into()),
            Answer::Shut(label) => {
                let shut = Close::ALL.into_iter().find(|close| close.label() == label);
                Err(shut.unwrap_or(Close::RoomClosed).into())
            }
            answer => Err(self.later(&answer)),
        }
    }

    async fn redeem(&self, ticket: &str) -> Result<Placed, CloseReason> {
        let used = digest(ticket);
        let redeem =
            Request::Redeem { node: self.asker()?, ticket: used.clone(), arrives_within: limits::ARRIVES_WITHIN };
        match self.ask(&redeem).await? {
            Answer::Here(summons) => Ok(Placed::Here(summons, used)),
            Answer::Elsewhere { address, .. } => self.send_on(address, ticket.to_owned()),
            Answer::None => {
                let wanted = "the ticket is not known, used or too old: join again";
                Err(CloseReason::with_text(Close::NoSuchRoom, wanted))
            }
            answer => Err(self.later(&answer)),
        }
    }

    fn send_on(&self, address: String, ticket: String) -> Result<Placed, CloseReason> {
        // The room is that of a process that was here before, until its lease ends.
        if address == self.settings.advertise || address.is_empty() {
            return Err(Close::TryLater.into());
        }
        self.redirects.fetch_add(1, Ordering::Relaxed);
        Ok(Placed::There(Redirect { address, ticket, at_tick: Tick(0) }))
    }

    /// The node that gets the next room of this one, as far as can be told before.
    pub async fn choose_heir(&self) -> Option<Heir> {
        let (giver, nodes) = (self.epoch()?, self.list_nodes().await.ok()?);
        let chosen = self.state.lock().heirs.choose(giver, &nodes).cloned()?;
        Some(Heir { epoch: chosen.epoch, address: chosen.address })
    }

    /// The room that an heir was chosen for was handed over, or goes on here.
    pub fn forget_heir(&self, heir: &Heir) {
        self.state.lock().heirs.given(heir.epoch);
    }

    /// Gives a room of this node to another one: to `heir`, if there is one and it takes the room. `saved`: what it goes on from.
    /// `tickets`: their digests, one for everybody who is in the room. Returns the WebSocket URL of the other node.
    ///
    /// # Errors
    /// [`Close::RoomFull`]: no node takes it. Others: the room may be elsewhere or not; it must not go on here.
    pub async fn hand_over(
        &self,
        room: &str,
        heir: Option<&Heir>,
        saved: &[u8],
        tickets: &[String],
    ) -> Result<String, Close> {
        let request = Request::HandOver {
            node: self.asker()?,
            to: heir.map_or(Epoch(0), |heir| heir.epoch),
            id: room.to_owned(),
            waits: limits::HANDED_OVER_FOR,
            saved: BASE64.encode(saved),
            lasts: limits::REDIRECTED_FOR,
            tickets: tickets.to_vec(),
        };
        match self.ask(&request).await? {
            Answer::There(there) => Ok(there.address),
            Answer::Full => Err(Close::RoomFull),
            Answer::None => Err(Close::NoSuchRoom),
            answer => Err(self.later(&answer)),
        }
    }

    /// Uses a join token up that is good for one join, until `lasts` seconds have passed.
    ///
    /// # Errors
    /// [`Close::BadToken`]: it was used, on any node. [`Close::TryLater`]: nobody can tell now.
    pub async fn spend(&self, mark: [u8; 32], lasts: u64) -> Result<(), Close> {
        let node = self.asker()?;
        let (mark, lasts) = (hex(mark), Duration::from_secs(lasts.max(1)));
        match self.ask(&Request::Spend { node, mark, lasts }).await? {
            Answer::Ok(_) => Ok(()),
            Answer::Used => Err(Close::BadToken),
            answer => Err(self.later(&answer)),
        }
    }

    /// The join came to nothing: its token is good again.
    pub async fn give_back(&self, mark: [u8; 32]) {
        if let Ok(node) = self.asker() {
            let _ = self.ask(&Request::Spend { node, mark: hex(mark), lasts: Duration::ZERO }).await;
        }
    }

    /// The nodes of the cluster, for people.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn list_nodes(&self) -> Result<Vec<NodeEntry>, Close> {
        match self.ask(&Request::Nodes).await? {
            Answer::Ok(texts) => Ok(NodeEntry::read(&texts)),
            answer => Err(self.later(&answer)),
        }
    }

    /// The epoch, if this node may decide anything.
    pub(super) fn asker(&self) -> Result<Epoch, Close> {
        self.epoch().filter(|_| self.holds()).ok_or(Close::TryLater)
    }

    pub(super) async fn ask(&self, request: &Request) -> Result<Answer, Close> {
        self.link.ask(request).await.map_err(|_| {
            self.wake.notify_one();
            Close::TryLater
        })
    }

    pub(super) fn later<T: From<Close>>(&self, answer: &Answer) -> T {
        if matches!(answer, Answer::Fenced { .. }) {
            self.beat_now();
        }
        Close::TryLater.into()
    }
}

fn hex(bytes: [u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
