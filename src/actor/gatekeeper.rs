//! The gatekeeper admits or refuses connections, sessions and rooms. All threads share it.
//!
//! `engine::Admission` counts; `trust` verifies tokens and addresses. This file adds the lock, the clock and RAII guards,
//! which release each count on drop.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rand::TryRng;
use rand::rngs::SysRng;

use super::clock::Clock;
use super::refusals::Refusal;
use crate::engine::{Address, Admission, JoinRequest, Limit, Quota, Token, Verdict};
use crate::tick::Moment;
use crate::trust::{Caller, ClientIpConfig, Tokens, VerifiedToken, wall_clock};
use crate::wire::{Close, Join, Role, limits};

/// The admission control of a server.
#[derive(Debug)]
pub struct Gatekeeper {
    open: AtomicBool,
    admission: Mutex<Admission>,
    client_ip_config: ClientIpConfig,
    tokens: Tokens,
    clock: Clock,
    /// A draining server tells its clients to reconnect after a random delay of up to this length.
    come_back_within: Duration,
}

/// An open connection; it is counted until this guard is dropped.
#[derive(Debug)]
pub struct Connection {
    gatekeeper: Arc<Gatekeeper>,
    address: Option<Address>,
    /// Whether the connection is served, refused or cut.
    pub verdict: Verdict,
}

/// The permit of an admitted session; the session is counted until this guard is dropped.
#[derive(Debug)]
pub struct SessionPermit {
    gatekeeper: Arc<Gatekeeper>,
    caller: Caller,
    ticket: Option<VerifiedToken>,
}

/// A room counted on its maker's address until this guard is dropped.
#[derive(Debug)]
pub struct RoomPermit {
    gatekeeper: Arc<Gatekeeper>,
    maker: Option<Address>,
}

/// A seat that is counted on an address, once it was taken, until this guard is dropped.
#[derive(Debug)]
pub struct SeatPermit {
    gatekeeper: Arc<Gatekeeper>,
    address: Option<Address>,
    is_taken: bool,
}

/// A viewer of films who is counted on an address until this guard is dropped.
#[derive(Debug)]
pub struct ViewerPermit {
    gatekeeper: Arc<Gatekeeper>,
    address: Option<Address>,
}

/// A TLS handshake that is counted on its address until this guard is dropped.
#[derive(Debug)]
pub struct Handshake {
    gatekeeper: Arc<Gatekeeper>,
    address: Option<Address>,
}

impl Gatekeeper {
    /// A gatekeeper that admits sessions.
    pub fn new(
        quota: Quota,
        client_ip_config: ClientIpConfig,
        tokens: Tokens,
        clock: Clock,
        come_back_within: Duration,
    ) -> Arc<Self> {
        let (open, admission) = (AtomicBool::new(true), Mutex::new(Admission::new(quota)));
        Arc::new(Self { open, admission, client_ip_config, tokens, clock, come_back_within })
    }

    /// Whether new sessions are admitted.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Stops admitting sessions.
    pub fn close(&self) {
        self.open.store(false, Ordering::Relaxed);
    }

    /// The number of open sessions.
    pub fn sessions(&self) -> usize {
        self.admission.lock().sessions()
    }

    /// The number of open connections.
    pub fn connections(&self) -> usize {
        self.admission.lock().connections()
    }

    /// Counts a connection from `peer` and decides whether to serve it.
    pub fn connect(self: &Arc<Self>, peer: IpAddr) -> Connection {
        let address = self.client_ip_config.connection(peer);
        let verdict = self.admission.lock().connect(self.clock.now(), address);
        // A connection that is cut counts only towards the total.
        let address = address.filter(|_| !matches!(verdict, Verdict::Cut(_)));
        Connection { gatekeeper: self.clone(), address, verdict }
    }

    /// Counts a TLS handshake with `peer`, unless too many with its address are under way.
    pub fn begin_handshake(self: &Arc<Self>, peer: IpAddr) -> Option<Handshake> {
        let address = self.client_ip_config.connection(peer);
        let begun = self.admission.lock().begin_handshake(self.clock.now(), address);
        begun.then(|| Handshake { gatekeeper: self.clone(), address })
    }

    /// Resolves the client's address from the peer and the values of its forwarding header.
    pub fn caller<'a>(&self, peer: IpAddr, values: impl DoubleEndedIterator<Item = &'a str>) -> Caller {
        self.client_ip_config.caller(peer, values)
    }

    /// The name of the header in which proxies forward the client's address.
    pub fn forwarded_header(&self) -> &'static str {
        self.client_ip_config.header.name()
    }

    /// Admits a session for `caller`.
    ///
    /// # Errors
    /// When the server drains, too many sessions are open or the address tries too often.
    pub fn enter(self: &Arc<Self>, caller: Caller) -> Result<SessionPermit, Refusal> {
        if !self.is_open() {
            return Err(Refusal::Draining);
        }
        let now = self.clock.now();
        let mut admission = self.admission.lock();
        let counted = admission.attempt(now, caller.address).and_then(|()| admission.enter(now, through(caller)));
        counted.map_err(Refusal::Limit)?;
        Ok(SessionPermit { gatekeeper: self.clone(), caller, ticket: None })
    }

    /// Counts a viewer of films on their address.
    ///
    /// # Errors
    /// The address has too many.
    pub fn watch(self: &Arc<Self>, Caller { address, .. }: Caller) -> Result<ViewerPermit, Refusal> {
        let begun = self.admission.lock().begin_viewing(self.clock.now(), address);
        let permit = begun.then(|| ViewerPermit { gatekeeper: self.clone(), address });
        permit.ok_or(Refusal::Limit(Limit::ViewersPerAddress))
    }

    /// Whom a join token names; `None` on a server without keys. A one-time token is not used up.
    ///
    /// # Errors
    /// The token is invalid.
    pub fn verify(&self, token: &str) -> Result<Option<VerifiedToken>, Close> {
        self.tokens.judge(Some(token), wall_clock())
    }

    /// Whether `peer` is a trusted proxy.
    pub fn is_proxy(&self, peer: IpAddr) -> bool {
        self.client_ip_config.is_proxy(peer)
    }

    /// Charges an address the cost of an action, in [microseconds](crate::engine::work). Returns whether its budget allows
    /// it.
    pub fn charge(&self, address: Option<Address>, micros: u32) -> bool {
        self.admission.lock().work(self.clock.now(), address, micros)
    }

    /// Whether a chat line of `bytes` bytes may come from an address now.
    pub fn admits_chat(&self, address: Option<Address>, bytes: u32) -> bool {
        self.admission.lock().chat(self.clock.now(), address, bytes)
    }

    /// Counts a room on its maker's address, unless that address has too many.
    pub fn make_room(self: &Arc<Self>, maker: Option<Address>) -> Option<RoomPermit> {
        let made = self.admission.lock().make_room(self.clock.now(), maker);
        made.then(|| RoomPermit { gatekeeper: self.clone(), maker })
    }

    /// A permit for a seat of `address` that is not taken yet.
    pub fn seat_permit(self: &Arc<Self>, address: Option<Address>) -> SeatPermit {
        SeatPermit { gatekeeper: self.clone(), address, is_taken: false }
    }

    /// How many milliseconds a client should wait before it reconnects, if `close` asks it to. The delay is random, so that
    /// clients do not all reconnect at once.
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
    /// Verifies the token of `request`. Sets the client's identity, address and name as far as the token states them.
    ///
    /// # Errors
    /// The session's close reason: the token is invalid, or not valid for the requested room.
    pub fn present(&mut self, mut request: JoinRequest) -> Result<JoinRequest, Close> {
        let token = request.token.take();
        self.judge(token.as_ref().map(|Token(text)| text.as_str()), &request.join, request.role)?;
        (request.identity, request.only_game) = (self.identity(), self.only_game());
        request.address = self.address();
        let name = self.ticket.as_ref().and_then(|ticket| ticket.name.clone());
        Ok(match name {
            Some(name) => request.named(&name),
            None => request,
        })
    }

    /// Verifies a token of a client with this role; one without a token is a guest. A one-time token counts as used only after [`Self::arrived`].
    ///
    /// # Errors
    /// The session's close reason: the token is invalid, or not valid for the requested room.
    pub fn judge(&mut self, token: Option<&str>, join: &Join, role: Role) -> Result<(), Close> {
        let Some(ticket) = self.gatekeeper.tokens.judge(token, wall_clock())? else { return Ok(()) };
        if !ticket.allows(join) || (ticket.only_watches && role != Role::Spectator) {
            return Err(Close::BadToken);
        }
        self.ticket = Some(ticket);
        Ok(())
    }

    /// Records that the client was admitted to a room, which uses up a one-time token.
    pub fn arrived(&mut self) {
        self.ticket.iter_mut().for_each(VerifiedToken::keep);
    }

    /// Takes a newer token of the same client, who is in `room`. Returns the seconds until it expires.
    ///
    /// # Errors
    /// The session's close reason: the token is invalid, has another subject, or is not valid for the room. Guests cannot
    /// refresh.
    pub fn refresh(&mut self, Token(text): &Token, room: &str, game: &str) -> Result<u32, Close> {
        let old = self.ticket.as_ref().ok_or(Close::BadToken)?;
        let mut ticket = self.gatekeeper.tokens.judge(Some(text), wall_clock())?.ok_or(Close::BadToken)?;
        let narrows = ticket.only_watches && !old.only_watches;
        if ticket.subject != old.subject || narrows || !ticket.allows_staying(room, game) {
            return Err(Close::BadToken);
        }
        ticket.keep();
        self.ticket = Some(ticket);
        Ok(self.expires().unwrap_or(0))
    }

    /// Of a one-time token: what identifies it, and for how many seconds it could be used.
    pub fn once(&self) -> Option<([u8; 32], u64)> {
        self.ticket.as_ref().and_then(VerifiedToken::once)
    }

    /// Seconds until the token expires, if there is one.
    pub fn expires(&self) -> Option<u32> {
        self.ticket.as_ref().map(|ticket| u32::try_from(ticket.expires_in.as_secs()).unwrap_or(u32::MAX))
    }

    /// Until when the token is valid, if there is one. Call it right after verification; later changes of the wall clock do
    /// not affect the result.
    pub fn trusted_until(&self) -> Option<Moment> {
        self.ticket.as_ref().map(|ticket| self.gatekeeper.clock.now().plus(ticket.good_for))
    }

    /// The verified identity, if the client sent a token.
    pub fn identity(&self) -> Option<String> {
        self.ticket.as_ref().map(|ticket| ticket.subject.clone())
    }

    /// The only game that the token is valid for, if it names one.
    pub fn only_game(&self) -> Option<String> {
        self.ticket.as_ref().and_then(|ticket| ticket.game.clone())
    }

    /// Charges the client's address the cost of an action, in [microseconds](crate::engine::work). Returns whether it is
    /// allowed.
    pub fn charge(&self, micros: u32) -> bool {
        self.gatekeeper.charge(self.caller.address, micros)
    }

    /// Whether a chat line of `bytes` bytes may come from the client's address now.
    pub fn admits_chat(&self, bytes: u32) -> bool {
        self.gatekeeper.admits_chat(self.caller.address, bytes)
    }

    /// The address on which the client's rooms are counted.
    pub fn address(&self) -> Option<Address> {
        self.caller.address
    }
}

impl SeatPermit {
    /// The address; `None` if no limits apply to it.
    pub fn address(&self) -> Option<Address> {
        self.address
    }

    /// Counts the seat, unless it is counted already. Returns `false` if its address has too many.
    pub fn take(&mut self) -> bool {
        let Self { gatekeeper, address, is_taken } = self;
        *is_taken = *is_taken || gatekeeper.admission.lock().take_seat(gatekeeper.clock.now(), *address);
        *is_taken
    }
}

/// The address on which a session behind a proxy is counted. A direct session is already counted by its connection.
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

impl Drop for SeatPermit {
    fn drop(&mut self) {
        if self.is_taken {
            self.gatekeeper.admission.lock().free_seat(self.gatekeeper.clock.now(), self.address);
        }
    }
}

impl Drop for ViewerPermit {
    fn drop(&mut self) {
        self.gatekeeper.admission.lock().end_viewing(self.gatekeeper.clock.now(), self.address);
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.gatekeeper.admission.lock().end_handshake(self.gatekeeper.clock.now(), self.address);
    }
}

impl Drop for RoomPermit {
    fn drop(&mut self) {
        self.gatekeeper.admission.lock().end_room(self.gatekeeper.clock.now(), self.maker);
    }
}
