//! Decides whether a request may start a session, and which client sent it. Works on request heads only, so that both ways
//! to a session, with and without the HTTP layer, get the same answer.

use actix_http::RequestHead;
use actix_http::ws::{HandshakeError, verify_handshake};
use actix_web::HttpResponse;
use actix_web::http::header::{
    ALLOW, HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use actix_web::http::{StatusCode, Version};

use super::origin;
use super::routes::{AppState, unavailable};
use crate::actor::{Connection, SessionPermit};
use crate::engine::Verdict;
use crate::trust::Caller;
use crate::wire::SUBPROTOCOLS;

/// Refuses what no route should handle: connections over a limit, and requests whose `Host` names another server.
pub fn turn_away(head: &RequestHead, connection: Option<&Connection>, state: &AppState) -> Option<HttpResponse> {
    if connection.is_some_and(|connection| connection.verdict != Verdict::Served) {
        Some(unavailable("503: too many connections at the moment\n"))
    } else if !state.hosts.know(host(head)) {
        Some(HttpResponse::Forbidden().body("403: this server does not go by the name in Host\n"))
    } else {
        None
    }
}

/// Admits the sender of a valid handshake.
///
/// # Errors
/// The response that describes the fault.
#[expect(clippy::result_large_err, reason = "made once per connection")]
pub fn accept(head: &RequestHead, state: &AppState) -> Result<SessionPermit, HttpResponse> {
    verify_handshake(head).map_err(|error| refuse(&error))?;
    if head.version < Version::HTTP_11 {
        return Err(HttpResponse::BadRequest().body("400: WebSockets begin with HTTP/1.1\n"));
    }
    // The HTTP layer hands over the bytes after a head only if nothing else is requested.
    if !head.headers().get(UPGRADE).is_some_and(|asked| asked.as_bytes().eq_ignore_ascii_case(b"websocket"))
        || head.headers().contains_key(TRANSFER_ENCODING)
    {
        return Err(HttpResponse::BadRequest().body("400: ask for an upgrade to websocket only, without a body\n"));
    }
    if subprotocol(head).is_none() {
        let spoken = SUBPROTOCOLS.join(" or ");
        return Err(HttpResponse::BadRequest().body(format!("400: offer the subprotocol {spoken}\n")));
    }
    if !may_connect(head, state) {
        return Err(HttpResponse::Forbidden().body("403: pages of this origin may not connect\n"));
    }
    let permit = caller(head, state).and_then(|caller| state.context.gatekeeper.enter(caller));
    permit.ok_or_else(|| unavailable("503: no new sessions at the moment\n"))
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

/// Whether the page that sent the request may play here.
pub fn may_connect(head: &RequestHead, state: &AppState) -> bool {
    let page = head.headers().get(ORIGIN).map(|value| value.as_bytes());
    let missing = page.is_none() && state.config.require_origin;
    let host = host(head).and_then(|host| std::str::from_utf8(host).ok()).unwrap_or("");
    !missing && origin::may_connect(page, host, &state.config.origins)
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

fn refuse(error: &HandshakeError) -> HttpResponse {
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
