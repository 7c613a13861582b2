//! Who may begin a session: what a request must look like, and whose it is. Heads of requests only, so that the answer is the
//! same for every road by which a request comes in.

use actix_http::RequestHead;
use actix_http::ws::{HandshakeError, verify_handshake};
use actix_web::HttpResponse;
use actix_web::http::Version;
use actix_web::http::header::{HOST, HeaderName, ORIGIN, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION};

use super::origin;
use super::routes::{Edge, unavailable};
use crate::actor::{Connection, Visitor};
use crate::engine::Greeting;
use crate::trust::Caller;
use crate::wire::SUBPROTOCOL;

/// Turns away what no route should see: connections over a limit, and requests for a server of another name.
pub fn turn_away(head: &RequestHead, connection: Option<&Connection>, edge: &Edge) -> Option<HttpResponse> {
    if connection.is_some_and(|connection| connection.greeting != Greeting::Served) {
        Some(unavailable("503: too many connections at the moment\n"))
    } else if !edge.hosts.know(host(head)) {
        Some(HttpResponse::Forbidden().body("403: this server does not go by the name in Host\n"))
    } else {
        None
    }
}

/// Lets the sender of a valid handshake in.
///
/// # Errors
/// The response that says what is wrong.
#[expect(clippy::result_large_err, reason = "made once per connection")]
pub fn accept(head: &RequestHead, edge: &Edge) -> Result<Visitor, HttpResponse> {
    verify_handshake(head).map_err(|error| refuse(&error))?;
    if head.version < Version::HTTP_11 {
        return Err(HttpResponse::BadRequest().body("400: WebSockets begin with HTTP/1.1\n"));
    }
    let offered = text(head, SEC_WEBSOCKET_PROTOCOL);
    if !offered.split(',').any(|protocol| protocol.trim() == SUBPROTOCOL) {
        return Err(HttpResponse::BadRequest().body(format!("400: offer the subprotocol {SUBPROTOCOL}\n")));
    }
    if !may_connect(head, edge) {
        return Err(HttpResponse::Forbidden().body("403: pages of this origin may not connect\n"));
    }
    let visitor = caller(head, edge).and_then(|caller| edge.gate.door.enter(caller));
    visitor.ok_or_else(|| unavailable("503: no new sessions at the moment\n"))
}

/// Whether the page that sends the request may play here.
pub fn may_connect(head: &RequestHead, edge: &Edge) -> bool {
    let page = head.headers().get(ORIGIN).map(|value| value.as_bytes());
    let missing = page.is_none() && edge.config.require_origin;
    let host = host(head).and_then(|host| std::str::from_utf8(host).ok()).unwrap_or("");
    !missing && origin::may_connect(page, host, &edge.config.origins)
}

/// Whose request it is.
pub fn caller(head: &RequestHead, edge: &Edge) -> Option<Caller> {
    let door = &edge.gate.door;
    // What a visitor wrote may be anything; the proxy's part of it is at the end.
    let forwarded: Vec<_> = head
        .headers()
        .get_all(door.forwarded_header())
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    // A connection that is gone already has no peer.
    head.peer_addr.map(|peer| door.caller(peer.ip(), forwarded.iter().map(AsRef::as_ref)))
}

/// How the server was addressed. HTTP/2 says it in the request line's stead.
pub fn host(head: &RequestHead) -> Option<&[u8]> {
    let header = head.headers().get(HOST).map(|value| value.as_bytes());
    header.or_else(|| head.uri.authority().map(|authority| authority.as_str().as_bytes()))
}

fn text(head: &RequestHead, name: HeaderName) -> &str {
    head.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}

fn refuse(error: &HandshakeError) -> HttpResponse {
    let mut response = match error {
        HandshakeError::GetMethodRequired => HttpResponse::MethodNotAllowed(),
        HandshakeError::NoWebsocketUpgrade
        | HandshakeError::NoConnectionUpgrade
        | HandshakeError::NoVersionHeader
        | HandshakeError::UnsupportedVersion => HttpResponse::UpgradeRequired(),
        HandshakeError::BadWebsocketKey => HttpResponse::BadRequest(),
    };
    let status = response.insert_header((SEC_WEBSOCKET_VERSION, "13")).finish().status().as_u16();
    let mut response = HttpResponse::build(status.try_into().unwrap_or_default());
    response.insert_header((SEC_WEBSOCKET_VERSION, "13")).body(format!("{status}: {error}\n"))
}
