//! Decides whether a request may start a session, and which client sent it. Works on request heads only, so that both ways
//! to a session, with and without the HTTP layer, get the same answer.

use actix_codec::Encoder;
use actix_http::ws::{CloseReason, Codec, HandshakeError, Message, handshake_response, verify_handshake};
use actix_http::{RequestHead, ResponseBuilder};
use actix_web::HttpResponse;
use actix_web::http::header::{
    ALLOW, CONTENT_LENGTH, HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use actix_web::http::{StatusCode, Version};
use bytes::BytesMut;

use super::origin;
use super::routes::{AppState, unavailable};
use crate::actor::{Connection, Refusal, SessionPermit};
use crate::engine::{Limit, Verdict};
use crate::trust::Caller;
use crate::wire::{Close, SUBPROTOCOLS, ServerMessage, encode_server};

/// Why a request begins no session.
pub enum Denied {
    /// It is no valid handshake, or its sender expects an HTTP answer.
    Request(HttpResponse),
    /// A page would see only a lost connection. Its handshake is accepted, and the session closed at once.
    Session(Refusal),
}

/// Refuses what no route should handle: connections over a limit, and requests whose `Host` names another server.
pub fn turn_away(head: &RequestHead, connection: Option<&Connection>, state: &AppState) -> Option<HttpResponse> {
    judge(head, connection, state).err().map(|refusal| refuse(head, refusal, state))
}

fn judge(head: &RequestHead, connection: Option<&Connection>, state: &AppState) -> Result<(), Refusal> {
    note_forwarding(head, state);
    match connection.map(|connection| connection.verdict) {
        Some(Verdict::Refused(limit) | Verdict::Cut(limit)) => Err(Refusal::Limit(limit)),
        Some(Verdict::Served) | None if state.hosts.know(host(head)) => Ok(()),
        Some(Verdict::Served) | None => Err(Refusal::Host),
    }
}

/// Counts a refusal and answers it with a status.
pub fn refuse(head: &RequestHead, refusal: Refusal, state: &AppState) -> HttpResponse {
    count(head, refusal, state);
    let (text, close) = (refusal.text(), refusal.close());
    match close {
        Close::Forbidden => HttpResponse::Forbidden().body(format!("403: {text}\n")),
        _ => unavailable(format!("503: {text}\n")),
    }
}

/// Counts a refusal.
pub fn count(head: &RequestHead, refusal: Refusal, state: &AppState) {
    let asked = match refusal {
        Refusal::Host => host(head),
        Refusal::Origin => head.headers().get(ORIGIN).map(|value| value.as_bytes()),
        _ => None,
    };
    state.context.metrics.refusals.count(state.context.clock.now(), refusal, asked);
}

/// A proxy that is not trusted is a common mistake, which makes all clients behind it one address.
fn note_forwarding(head: &RequestHead, state: &AppState) {
    const HEADERS: [&str; 2] = ["x-forwarded-for", "forwarded"];
    let (Some(peer), gatekeeper) = (head.peer_addr, &state.context.gatekeeper) else { return };
    if head.headers().contains_key(gatekeeper.forwarded_header()) && gatekeeper.is_proxy(peer.ip()) {
        return;
    }
    if let Some(header) = HEADERS.into_iter().find(|header| head.headers().contains_key(*header)) {
        state.context.metrics.refusals.ignore_forwarding(peer.ip(), header);
    }
}

/// Admits the sender of a valid handshake.
///
/// # Errors
/// How to answer.
#[expect(clippy::result_large_err, reason = "made once per connection")]
pub fn accept(head: &RequestHead, connection: Option<&Connection>, state: &AppState) -> Result<SessionPermit, Denied> {
    let valid = check(head);
    let welcome = judge(head, connection, state);
    match (valid, welcome) {
        (Ok(()), welcome) => {
            let permit = welcome.and_then(|()| admit(head, state));
            permit.inspect_err(|refusal| count(head, *refusal, state)).map_err(Denied::Session)
        }
        (Err(_), Err(refusal)) => Err(Denied::Request(refuse(head, refusal, state))),
        (Err(fault), Ok(())) => {
            count(head, Refusal::Handshake, state);
            Err(Denied::Request(fault))
        }
    }
}

/// Checks that a request is a handshake that offers a subprotocol of ours. What is no such handshake gets a status: its
/// sender is no page with our client, or something on the way has changed the request.
#[expect(clippy::result_large_err, reason = "made once per connection")]
fn check(head: &RequestHead) -> Result<(), HttpResponse> {
    verify_handshake(head).map_err(|error| explain(&error))?;
    if head.version < Version::HTTP_11 {
        return Err(HttpResponse::BadRequest().body("400: WebSockets begin with HTTP/1.1\n"));
    }
    // The HTTP layer hands over the bytes after a head only if nothing else is requested, and takes a body for messages.
    let length = head.headers().get_all(CONTENT_LENGTH).any(|length| length.as_bytes() != b"0");
    if !head.headers().get(UPGRADE).is_some_and(|asked| asked.as_bytes().eq_ignore_ascii_case(b"websocket"))
        || head.headers().contains_key(TRANSFER_ENCODING)
        || length
    {
        return Err(HttpResponse::BadRequest().body("400: ask for an upgrade to websocket only, without a body\n"));
    }
    if subprotocol(head).is_none() {
        let spoken = SUBPROTOCOLS.join(" or ");
        return Err(HttpResponse::BadRequest().body(format!("400: offer the subprotocol {spoken}\n")));
    }
    Ok(())
}

/// Admits the sender of a request.
pub fn admit(head: &RequestHead, state: &AppState) -> Result<SessionPermit, Refusal> {
    judge_page(head, state)?;
    // A connection that is closed already has no peer.
    let caller = caller(head, state).ok_or(Refusal::Limit(Limit::Connections))?;
    state.context.gatekeeper.enter(caller)
}

/// The response that accepts a valid handshake.
pub fn switching(head: &RequestHead) -> ResponseBuilder {
    let mut switching = handshake_response(head);
    subprotocol(head).into_iter().for_each(|chosen| _ = switching.insert_header((SEC_WEBSOCKET_PROTOCOL, chosen)));
    switching
}

/// All that the client of a refused session is sent: when to come back, if it may, and the close frame. Nothing that it
/// sends is read.
pub fn farewell(head: &RequestHead, refusal: Refusal, state: &AppState) -> BytesMut {
    let (mut bytes, mut codec, close) = (BytesMut::new(), Codec::new(), refusal.close());
    let after = state.context.gatekeeper.come_back_after(close);
    // Clients of other versions know no messages of ours.
    let spoken = subprotocol(head).is_some_and(|chosen| SUBPROTOCOLS.contains(&chosen));
    let come_back = after.filter(|_| spoken).map(|after| encode_server(&ServerMessage::ComeBack { after }).into());
    let description = Some(refusal.text().to_owned());
    let reason = CloseReason { code: close.code().into(), description };
    for message in come_back.map(Message::Binary).into_iter().chain([Message::Close(Some(reason))]) {
        codec.encode(message, &mut bytes).expect("messages of the server can be encoded");
    }
    bytes
}

/// The subprotocol of a session: the best one that both sides speak. A client that speaks other versions only gets one of
/// its own: its hello is then answered with the close code for that, which pages can tell from a lost connection.
pub fn subprotocol(head: &RequestHead) -> Option<&str> {
    let lists = head.headers().get_all(SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    let offered: Vec<&str> = lists.flat_map(|list| list.split(',')).map(str::trim).collect();
    let version = |protocol: &&str| protocol.strip_prefix("tickwire.v").is_some_and(|v| v.parse::<u16>().is_ok());
    let spoken = SUBPROTOCOLS.into_iter().find(|spoken| offered.contains(spoken));
    spoken.or_else(|| offered.into_iter().find(version))
}

/// Refuses requests of pages that may not play here.
pub fn judge_page(head: &RequestHead, state: &AppState) -> Result<(), Refusal> {
    if !head.headers().contains_key(ORIGIN) {
        return if state.config.require_origin { Err(Refusal::NoOrigin) } else { Ok(()) };
    }
    if may_connect(head, state) { Ok(()) } else { Err(Refusal::Origin) }
}

/// Whether pages of the request's origin may play here. Requests without one are not from pages of other sites.
pub fn may_connect(head: &RequestHead, state: &AppState) -> bool {
    let page = head.headers().get(ORIGIN).map(|value| value.as_bytes());
    let host = host(head).and_then(|host| std::str::from_utf8(host).ok()).unwrap_or("");
    origin::may_connect(page, host, &state.config.origins)
}

/// The client that sent the request.
pub fn caller(head: &RequestHead, state: &AppState) -> Option<Caller> {
    let gatekeeper = &state.context.gatekeeper;
    // The client can write anything into this header; the proxy's part is at the end.
    let forwarded: Vec<_> = head
        .headers()
        .get_all(gatekeeper.forwarded_header())
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    // A connection that is closed already has no peer.
    head.peer_addr.map(|peer| gatekeeper.caller(peer.ip(), forwarded.iter().map(AsRef::as_ref)))
}

/// The host name in the request. HTTP/2 sends it as the authority instead of a `Host` header.
pub fn host(head: &RequestHead) -> Option<&[u8]> {
    let header = head.headers().get(HOST).map(|value| value.as_bytes());
    header.or_else(|| head.uri.authority().map(|authority| authority.as_str().as_bytes()))
}

fn explain(error: &HandshakeError) -> HttpResponse {
    let version = (SEC_WEBSOCKET_VERSION, "13");
    let (status, hint) = match error {
        HandshakeError::GetMethodRequired => (StatusCode::METHOD_NOT_ALLOWED, (ALLOW, "GET")),
        HandshakeError::NoWebsocketUpgrade
        | HandshakeError::NoConnectionUpgrade
        | HandshakeError::NoVersionHeader
        | HandshakeError::UnsupportedVersion => (StatusCode::UPGRADE_REQUIRED, (UPGRADE, "websocket")),
        HandshakeError::BadWebsocketKey => (StatusCode::BAD_REQUEST, version.clone()),
    };
    let text = format!("{}: {error}\n", status.as_u16());
    HttpResponse::build(status).insert_header(version).insert_header(hint).body(text)
}
