//! The WebSocket session: the only file that uses `actix-web-actors`.
//!
//! Bytes pass the frame guard and the codec; `engine::Session` decides what they mean. The actor decides how its session
//! begins and ends, and answers; what it shares with the thread is in `live_session`. However the session ends, it records its
//! close reason on its seat channel and counts it once.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Handler, Running, StreamHandler, WrapFuture};
use actix_http::ws::Codec;
use actix_web::error::PayloadError;
use actix_web::http::header::SEC_WEBSOCKET_PROTOCOL;
use actix_web::{HttpRequest, HttpResponse, web};
use actix_web_actors::ws;
use bytes::Bytes;
use futures_util::Stream;
use tracing::{Span, debug, debug_span};

use super::frame_guard::FrameGuard;
use super::gatekeeper::SessionPermit;
use super::joining::{self, Entered};
use super::live_session::{LiveSession, WakeUp, WakeUps};
use super::message::{Joined, RoomKey, RoomNotice};
use super::names;
use super::relay::Listener;
use super::session_context::SessionContext;
use super::session_seat::SessionSeat;
use super::socket_handle::SocketHandle;
use super::ws_message::{WsMessage, ws_message};
use crate::engine::{CloseReason, JoinRequest, SessionEvent, work};
use crate::snapshot::Frame;
use crate::wire::{Close, Redirect, ServerMessage, encode_server, limits};

/// The session actor.
pub struct WsSession {
    live: Rc<LiveSession>,
    permit: SessionPermit,
    /// Held while the client waits for a room, so that the room can skip a client that has gone.
    entering: Option<Arc<()>>,
    /// How the session ends. Once it is set, messages from the client are ignored.
    ending: Option<Close>,
    /// Whether the close frame was sent.
    told: bool,
    /// Names the session in logs by a number; players' names stay out of the logs.
    span: Span,
    /// The session's number at its relay.
    watched: u64,
}

type Ctx = ws::WebsocketContext<WsSession>;

/// Upgrades a request whose handshake is valid to this subprotocol, and starts its session in the body of the response.
///
/// # Errors
/// When the WebSocket handshake fails after all.
pub fn start(
    context: SessionContext,
    permit: SessionPermit,
    request: &HttpRequest,
    payload: web::Payload,
    subprotocol: Option<&str>,
) -> Result<HttpResponse, actix_web::Error> {
    let socket_handle = request.conn_data::<SocketHandle>().cloned();
    let mut response = ws::handshake(request)?;
    subprotocol.into_iter().for_each(|chosen| _ = response.insert_header((SEC_WEBSOCKET_PROTOCOL, chosen)));
    Ok(response.streaming(converse(context, permit, socket_handle, payload).1))
}

/// Starts a session that reads `incoming`. The returned stream yields the bytes to send; it is the actor.
pub fn converse<S>(
    context: SessionContext,
    permit: SessionPermit,
    socket_handle: Option<SocketHandle>,
    incoming: S,
) -> (Rc<LiveSession>, impl Stream<Item = Result<Bytes, actix_web::Error>>)
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin + 'static,
{
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let live = Rc::new(LiveSession::new(context, socket_handle));
    let frame_guard = FrameGuard::new(incoming, live.guard_state.clone());
    let session = WsSession {
        live: live.clone(),
        permit,
        entering: None,
        ending: None,
        told: false,
        span: debug_span!("session", id = NEXT.fetch_add(1, Ordering::Relaxed)),
        watched: 0,
    };
    let codec = Codec::new().max_size(limits::CLIENT_MESSAGE);
    (live, ws::WebsocketContext::with_codec(session, frame_guard, codec))
}

impl WsSession {
    /// Ends the session. The first reason counts.
    fn end(&mut self, reason: impl Into<CloseReason>, ctx: &mut Ctx) {
        let reason = reason.into();
        let close = *self.ending.get_or_insert(reason.close());
        self.live.end();
        if !self.told {
            self.told = true;
            if let Some(after) = self.live.context.gatekeeper.come_back_after(close) {
                self.send(encode_server(&ServerMessage::ComeBack { after }), ctx);
            }
            if close != Close::Lost {
                let code = ws::CloseCode::from(close.code());
                let text = if close == reason.close() { reason.text() } else { close.text() };
                ctx.close(Some(ws::CloseReason { code, description: Some(text.to_owned()) }));
            }
        }
        ctx.stop();
    }

    /// Ends the session for what its client did.
    fn fail(&mut self, close: Close, ctx: &mut Ctx) {
        let reason = self.live.session().close_reason(close);
        self.end(reason, ctx);
    }

    /// Handles the client's close frame. The session answers it after the room has freed the seat, or after a pending join
    /// was undone.
    fn depart(&mut self, close: Close, ctx: &mut Ctx) {
        let joining = self.entering.take().is_some();
        if let Some(seat) = &*self.live.seat() {
            seat.leave(close);
        } else if !joining {
            return self.end(close, ctx);
        }
        self.ending = Some(close);
        self.live.end();
        ctx.run_later(limits::LINGER, move |act, ctx| act.end(close, ctx));
    }

    fn on_message(&mut self, message: &[u8], ctx: &mut Ctx) -> Result<(), Close> {
        match self.live.hear(message)? {
            Some(event) => self.on_event(event, ctx),
            None => Ok(()),
        }
    }

    fn on_event(&mut self, event: SessionEvent, ctx: &mut Ctx) -> Result<(), Close> {
        match event {
            SessionEvent::Nothing | SessionEvent::Inputs { .. } | SessionEvent::Events(_) => {}
            SessionEvent::Enter(request) => {
                let request = self.permit.present(*request)?;
                self.live.session().trust(self.permit.trusted_until());
                self.enter(request, ctx);
            }
            SessionEvent::Command { seq, mut command } => {
                // A line too many of one address counts as seen, and nobody hears it: its sender is not to blame for others
                // of the address.
                if command.chat_weight().is_some_and(|bytes| !self.permit.admits_chat(bytes)) {
                    self.live.context.metrics.counts.over_rate.inc();
                    command.silence();
                }
                self.charge(|frame| work::command_cost(&command, frame.notes().len()))?;
                if self.live.seat().as_ref().is_some_and(|seat| !seat.channel.push_command(seq, command)) {
                    return Err(Close::RateLimited);
                }
            }
            SessionEvent::Resync => {
                self.live.context.metrics.counts.resyncs.inc();
                self.charge(|frame| work::keyframe_cost(frame.rows()))?;
                self.live.seat().iter().for_each(|seat| seat.channel.desync());
            }
            SessionEvent::Feel(digest) => {
                self.live.seat().iter().for_each(|seat| seat.felt(digest, &self.live.context.metrics));
            }
            SessionEvent::Reply(bytes) => self.send(bytes, ctx),
            SessionEvent::Refresh(token) => {
                let (room, game) = self.live.seat().as_ref().ok_or(Close::BadMessage)?.name.clone();
                let expires = self.permit.refresh(&token, &room, &game)?;
                self.live.session().trust(self.permit.trusted_until());
                self.send(encode_server(&ServerMessage::Refreshed { expires }), ctx);
            }
        }
        Ok(())
    }

    /// Charges the client's address the price of a message, which depends on the players and rows of the room.
    fn charge(&self, price: impl FnOnce(&Frame) -> u32) -> Result<(), Close> {
        let Some(frame) = self.live.newest() else { return Ok(()) };
        let price = price(&frame);
        if price == 0 || self.permit.charge(price) { Ok(()) } else { Err(Close::RateLimited) }
    }

    fn enter(&mut self, request: JoinRequest, ctx: &mut Ctx) {
        let wanted = Arc::downgrade(self.entering.insert(Arc::default()));
        let (once, notices) = (self.permit.once(), ctx.address().recipient());
        let joining = joining::enter(request, once, self.live.context.clone(), notices, wanted);
        let entered = joining.into_actor(self).map(|entered, act, ctx| match entered {
            // The client has left meanwhile. The room receives the close reason and lets the session answer.
            Ok(Entered::Here(key, joined)) if act.ending.is_some() => {
                SessionSeat::new(key, &joined.welcome, joined.channel, joined.history).leave(Close::Left);
            }
            Ok(Entered::Here(key, joined)) => act.enter_room(key, *joined, ctx),
            Ok(Entered::There(redirect)) => act.follow(redirect, ctx),
            Err(reason) => act.end(reason, ctx),
        });
        ctx.spawn(entered);
    }

    /// The room is at another server: the client is told where.
    fn follow(&mut self, redirect: Redirect, ctx: &mut Ctx) {
        if self.ending.is_none() {
            let (bytes, close) = self.live.session().redirect(redirect);
            bytes.into_iter().for_each(|bytes| self.send(bytes, ctx));
            self.end(close, ctx);
        }
    }

    fn enter_room(&mut self, room: RoomKey, joined: Joined, ctx: &mut Ctx) {
        let Joined { mut welcome, start, channel, history } = joined;
        self.entering = None;
        self.permit.arrived();
        welcome.expires = self.permit.expires();
        debug!(parent: &self.span, room = %names::for_logs(&welcome.room), continuity = ?welcome.continuity, "seated");
        self.live.attach_seat(SessionSeat::new(room, &welcome, channel, history), welcome.events);
        let bytes = self.live.session().enter(self.live.context.clock.now(), welcome, &start);
        self.send(bytes, ctx);
        self.live.attach_audience(self.live.context.relay.listen(room, self.live.clone()));
        self.catch_up(ctx);
    }

    fn catch_up(&self, ctx: &mut Ctx) {
        self.live.catch_up(self.live.context.clock.now(), &mut |bytes| self.send(bytes, ctx));
    }

    fn send(&self, bytes: Vec<u8>, ctx: &mut Ctx) {
        self.live.context.metrics.counts.bytes_sent.inc_by(bytes.len() as u64);
        ctx.binary(bytes);
    }

    /// The close reason of a session that ended without giving one.
    fn silent_ending(&self) -> Close {
        if self.live.cut_as_slow_consumer.get() { Close::SlowConsumer } else { Close::Lost }
    }
}

impl Actor for WsSession {
    type Context = Ctx;

    fn started(&mut self, ctx: &mut Ctx) {
        self.live.context.metrics.counts.sessions.inc();
        ctx.add_stream(WakeUps(self.live.clone()));
        self.watched = self.live.context.relay.watch(self.live.clone());
    }

    fn stopping(&mut self, _: &mut Ctx) -> Running {
        Running::Stop
    }

    fn stopped(&mut self, _: &mut Ctx) {
        let close = self.ending.unwrap_or_else(|| self.silent_ending());
        self.live.end();
        self.live.context.relay.unwatch(self.watched);
        if let Some(seat) = self.live.detach_seat() {
            seat.leave(close);
            let listener: Rc<dyn Listener> = self.live.clone();
            self.live.context.relay.forget(seat.room, &listener);
        }
        if let Some(socket_handle) = self.live.socket_handle.clone() {
            self.live.context.relay.close_later(socket_handle);
        }
        self.live.context.metrics.counts.sessions.dec();
        self.live.context.metrics.ended(close);
        debug!(parent: &self.span, reason = close.label(), "session ended");
    }
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for WsSession {
    fn handle(&mut self, message: Result<ws::Message, ws::ProtocolError>, ctx: &mut Ctx) {
        self.live.guard_state.hear();
        if self.ending.is_some() {
            return;
        }
        let now = self.live.context.clock.now();
        let went = ws_message(message, self.live.guard_state.offence()).and_then(|message| match message {
            WsMessage::Bytes(bytes) => self.on_message(&bytes, ctx),
            WsMessage::Ping(stamp) => self.live.session().on_ping(now).map(|granted| {
                if granted {
                    ctx.pong(&stamp);
                }
            }),
            WsMessage::Pong => self.live.session().on_ping(now).map(drop),
            WsMessage::Nothing => Ok(()),
        });
        match went {
            Ok(()) => {}
            Err(close @ (Close::Left | Close::GoingAway)) => self.depart(close, ctx),
            Err(close) => self.fail(close, ctx),
        }
    }

    fn finished(&mut self, ctx: &mut Ctx) {
        let close = self.silent_ending();
        self.ending.get_or_insert(close);
        ctx.stop();
    }
}

impl StreamHandler<WakeUp> for WsSession {
    fn handle(&mut self, _: WakeUp, ctx: &mut Ctx) {
        if self.ending.is_none() {
            if let Some(close) = self.live.take_fault() {
                return self.fail(close, ctx);
            }
            if self.live.take_ping() {
                ctx.ping(b"");
            }
            self.catch_up(ctx);
        }
    }
}

impl Handler<RoomNotice> for WsSession {
    type Result = ();

    fn handle(&mut self, notice: RoomNotice, ctx: &mut Ctx) {
        match notice {
            RoomNotice::Closed(reason) => self.end(reason, ctx),
            RoomNotice::Moved(redirect) => self.follow(redirect, ctx),
            RoomNotice::Moving(prepare) if self.ending.is_none() => {
                let bytes = self.live.session().prepare(prepare);
                bytes.into_iter().for_each(|bytes| self.send(bytes, ctx));
            }
            RoomNotice::Moving(_) => {}
        }
    }
}
