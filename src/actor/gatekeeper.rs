//! The door: everything that stands between a connection and a room, shared by all threads.
//!
//! `engine::Admission` counts, `trust` reads tokens and addresses; here are the lock, the clock and the holds, which give
//! back what was counted whatever becomes of its owner.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rand::TryRng;
use rand::rngs::SysRng;

use super::clock::Clock;
use crate::engine::{Address, Admission, Quota, Token, Verdict, Visit};
use crate::tick::Moment;
use crate::trust::{Caller, Neighbourhood, Tokens, VerifiedToken, wall_clock};
use crate::wire::{Close, Join, limits};

/// The door of a server.
#[derive(Debug)]
pub struct Gatekeeper {
    open: AtomicBool,
    admission: Mutex<Admission>,
    neighbourhood: Neighbourhood,
    tokens: Tokens,
    clock: Clock,
    /// Those who are sent away by a draining server come back within this time.
    come_back_within: Duration,
}

/// A connection; it counts as long as this lives.
#[derive(Debug)]
pub struct Connection {
    gatekeeper: Arc<Gatekeeper>,
    address: Option<Address>,
    /// What it may expect.
    pub verdict: Verdict,
}

/// A session's visitor, who counts as long as this lives.
#[derive(Debug)]
pub struct SessionPermit {
    gatekeeper: Arc<Gatekeeper>,
    caller: Caller,
    ticket: Option<VerifiedToken>,
}

/// A room's count on the address of its maker.
#[derive(Debug)]
pub struct RoomPermit {
    gatekeeper: Arc<Gatekeeper>,
    maker: Option<Address>,
}

impl Gatekeeper {
    /// An open door.
    pub fn new(
        quota: Quota,
        neighbourhood: Neighbourhood,
        tokens: Tokens,
        clock: Clock,
        come_back_within: Duration,
    ) -> Arc<Self> {
        let (open, admission) = (AtomicBool::new(true), Mutex::new(Admission::new(quota)));
        Arc::new(Self { open, admission, neighbourhood, tokens, clock, come_back_within })
    }

    /// Whether new sessions are taken.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Takes no more sessions.
    pub fn close(&self) {
        self.open.store(false, Ordering::Relaxed);
    }

    /// Sessions open.
    pub fn sessions(&self) -> usize {
        self.admission.lock().sessions()
    }

    /// Connections open.
    pub fn connections(&self) -> usize {
        self.admission.lock().connections()
    }

    /// A connection came from `peer`.
    pub fn connect(self: &Arc<Self>, peer: IpAddr) -> Connection {
        let address = self.neighbourhood.connection(peer);
        let verdict = self.admission.lock().connect(self.clock.now(), address);
        // One that is cut counts in all only.
        let address = address.filter(|_| verdict != Verdict::Cut);
        Connection { gatekeeper: self.clone(), address, verdict }
    }

    /// Whose request it is that came from `peer` with these values of the header in which proxies say so.
    pub fn caller<'a>(&self, peer: IpAddr, values: impl DoubleEndedIterator<Item = &'a str>) -> Caller {
        self.neighbourhood.caller(peer, values)
    }

    /// The header in which proxies say for whom they ask.
    pub fn forwarded_header(&self) -> &'static str {
        self.neighbourhood.header.name()
    }

    /// Opens a session for `caller`, unless there are too many or it tries too often.
    pub fn enter(self: &Arc<Self>, caller: Caller) -> Option<SessionPermit> {
        let now = self.clock.now();
        let mut admission = self.admission.lock();
        let let_in = self.is_open() && admission.attempt(now, caller.address) && admission.enter(now, through(caller));
        let_in.then(|| SessionPermit { gatekeeper: self.clone(), caller, ticket: None })
    }

    /// Whether something may come from an address now that costs so many [microseconds](crate::engine::work).
    pub fn may_cost(&self, address: Option<Address>, micros: u32) -> bool {
        self.admission.lock().work(self.clock.now(), address, micros)
    }

    /// Counts a room on its maker, unless they have too many.
    pub fn make_room(self: &Arc<Self>, maker: Option<Address>) -> Option<RoomPermit> {
        let made = self.admission.lock().make_room(self.clock.now(), maker);
        made.then(|| RoomPermit { gatekeeper: self.clone(), maker })
    }

    /// How many milliseconds a client that is sent away should wait, if `close` wants it back at a time of its own: a
    /// random time, so that not all come at once.
    pub fn come_back_after(&self, close: Close) -> Option<u32> {
        let least = match close {
            Close::Draining => Duration::ZERO,
            Close::TryLater => limits::COME_BACK_AFTER,
            _ => return None,
        };
        let within = u64::try_from(self.come_back_within.as_millis()).unwrap_or(u64::MAX).max(1);
        let random = SysRng.try_next_u64().unwrap_or(0) % within;
        u32::try_from(least.as_millis() as u64 + random).ok()
    }
}

impl SessionPermit {
    /// Judges the token that came with `visit`, and gives the visitor the name that it says.
    ///
    /// # Errors
    /// How the session ends: the token is refused, or not good for where the visitor wants to go.
    pub fn present(&mut self, visit: Visit) -> Result<Visit, Close> {
        let token = visit.token.as_ref().map(|Token(text)| text.as_str());
        self.judge(token, &visit.join)?;
        let name = self.ticket.as_ref().and_then(|ticket| ticket.name.clone());
        Ok(match name {
            Some(name) => visit.named(&name),
            None => visit,
        })
    }

    /// Judges a token; none is a guest's. A ticket for one join counts as used only once its visitor [arrived](Self::arrived).
    ///
    /// # Errors
    /// How the session ends: the token is refused, or not good for where the visitor wants to go.
    pub fn judge(&mut self, token: Option<&str>, join: &Join) -> Result<(), Close> {
        let Some(ticket) = self.gatekeeper.tokens.judge(token, wall_clock())? else { return Ok(()) };
        if !ticket.allows(join) {
            return Err(Close::BadToken);
        }
        self.ticket = Some(ticket);
        Ok(())
    }

    /// The visitor was let in.
    pub fn arrived(&mut self) {
        self.ticket.iter_mut().for_each(VerifiedToken::keep);
    }

    /// Takes a newer token of the same visitor, who is in `room`. Returns the seconds until it expires.
    ///
    /// # Errors
    /// How the session ends: the token is refused, somebody else's, or not good for the room. Guests have none.
    pub fn refresh(&mut self, Token(text): &Token, room: &str, game: &str) -> Result<u32, Close> {
        let old = self.ticket.as_ref().ok_or(Close::BadToken)?;
        let mut ticket = self.gatekeeper.tokens.judge(Some(text), wall_clock())?.ok_or(Close::BadToken)?;
        if ticket.subject != old.subject || !ticket.allows_staying(room, game) {
            return Err(Close::BadToken);
        }
        ticket.keep();
        self.ticket = Some(ticket);
        Ok(self.expires().unwrap_or(0))
    }

    /// Seconds until the token expires, if there is one.
    pub fn expires(&self) -> Option<u32> {
        self.ticket.as_ref().map(|ticket| u32::try_from(ticket.expires_in.as_secs()).unwrap_or(u32::MAX))
    }

    /// Until when the token just judged is good, if there is one. Later changes of the world's clock change nothing.
    pub fn trusted_until(&self) -> Option<Moment> {
        self.ticket.as_ref().map(|ticket| self.gatekeeper.clock.now().plus(ticket.good_for))
    }

    /// Who it is, if that was proved.
    pub fn identity(&self) -> Option<String> {
        self.ticket.as_ref().map(|ticket| ticket.subject.clone())
    }

    /// The only game that the token is good for.
    pub fn only_game(&self) -> Option<String> {
        self.ticket.as_ref().and_then(|ticket| ticket.game.clone())
    }

    /// Whether the visitor may send something that costs so many [microseconds](crate::engine::work) now.
    pub fn may_cost(&self, micros: u32) -> bool {
        self.gatekeeper.may_cost(self.caller.address, micros)
    }

    /// What the visitor's rooms count by.
    pub fn address(&self) -> Option<Address> {
        self.caller.address
    }
}

/// What a session counts by besides its connection: one through a proxy has a connection that is not its own.
fn through(caller: Caller) -> Option<Address> {
    caller.address.filter(|_| caller.through_proxy)
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.gatekeeper.admission.lock().hang_up(self.gatekeeper.clock.now(), self.address);
    }
}

impl Drop for SessionPermit {
    fn drop(&mut self) {
        self.gatekeeper.admission.lock().leave(self.gatekeeper.clock.now(), through(self.caller));
    }
}

impl Drop for RoomPermit {
    fn drop(&mut self) {
        self.gatekeeper.admission.lock().end_room(self.gatekeeper.clock.now(), self.maker);
    }
}
