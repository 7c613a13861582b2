//! Connections that a node of a cluster passes on to the node that their path names, before the upgrade: for clusters whose only public
//! address is that of a proxy, which sends connections to any node.
//!
//! This node judges a connection as if it were its own, and counts it until it ends. The other node gets the head of the request,
//! with the path of its sessions and the address of the client, and then every byte as it comes; its answer goes back in the same
//! way. Nothing of what is passed is read here.

use std::cell::Cell;
use std::io::{self, Write};
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use actix_http::RequestHead;
use actix_web::HttpResponse;
use actix_web::rt::net::TcpStream;
use actix_web::rt::time::{sleep, timeout};
use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tracing::debug;

use super::routes::{AppState, unavailable};
use crate::actor::{Gatekeeper, SessionPermit, linger};
use crate::wire::limits;

/// Connects to the node that the path of this request names, and asks it for a session in the client's place.
///
/// # Errors
/// There is no such node, or it cannot be reached: how to answer.
pub async fn reach(head: &RequestHead, state: &AppState) -> Result<TcpStream, HttpResponse> {
    let (path, header) = (head.uri.path(), state.context.gatekeeper.forwarded_header());
    let Some(cluster) = &state.context.cluster else { return Err(HttpResponse::NotFound().finish()) };
    let peer = cluster.peer(path).await.ok_or_else(|| unavailable("503: no node of this cluster has this path\n"))?;
    let reached = timeout(limits::PASSED_WITHIN, open(&peer, head, header)).await;
    reached.unwrap_or_else(|late| Err(late.into())).map_err(|error| {
        debug!(%error, peer, "a connection cannot be passed on");
        unavailable("503: the node that has this path cannot be reached\n")
    })
}

async fn open(peer: &str, head: &RequestHead, header: &str) -> io::Result<TcpStream> {
    // A connection that is closed already has no peer.
    let client = head.peer_addr.ok_or(io::ErrorKind::NotConnected)?.ip();
    let mut far = TcpStream::connect(peer).await?;
    far.set_nodelay(true)?;
    // The other node judges by its own buffer whether the client keeps up.
    SockRef::from(&far).set_recv_buffer_size(limits::SEND_BUFFER)?;
    far.write_all(&head_for(head, header, client)?).await?;
    Ok(far)
}

/// The head of the request, as a proxy would send it.
fn head_for(head: &RequestHead, header: &str, client: IpAddr) -> io::Result<Vec<u8>> {
    let query = head.uri.query().map_or_else(String::new, |query| format!("?{query}"));
    let mut bytes = format!("GET /play{query} HTTP/1.1\r\n").into_bytes();
    for (name, value) in head.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    // Behind what the client may have written into it.
    match (header, client) {
        ("forwarded", IpAddr::V6(client)) => write!(bytes, "{header}: for=\"[{client}]\"\r\n\r\n")?,
        ("forwarded", IpAddr::V4(client)) => write!(bytes, "{header}: for={client}\r\n\r\n")?,
        _ => write!(bytes, "{header}: {client}\r\n\r\n")?,
    }
    Ok(bytes)
}

/// Carries bytes both ways until one side ends, nothing comes for too long, or this node stops. `early` came with the request;
/// `permit` counts the connection among the sessions of this node.
pub async fn pass_on<T>(near: T, mut far: TcpStream, early: Bytes, permit: SessionPermit, gatekeeper: &Gatekeeper)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let moved = Cell::new(0);
    let (mut near_in, mut near_out) = split(near);
    {
        let (mut far_in, mut far_out) = far.split();
        let up = pin!(async {
            far_out.write_all(&early).await?;
            copy(&mut near_in, &mut far_out, &moved).await
        });
        let down = pin!(copy(&mut far_in, &mut near_out, &moved));
        let over = pin!(until_over(&moved, 2 * limits::SILENCE, || gatekeeper.is_open()));
        if let Either::Left((Either::Left((_, down)), _)) = select(select(up, down), over).await {
            // The other node has yet to read what the client sent last; it closes the connection after that.
            let _ = timeout(limits::LINGER, down).await;
        }
    }
    drop(far);
    linger(&mut near_in.unsplit(near_out), BytesMut::new()).await;
    drop(permit);
}

/// Ready when nothing has moved for as long as `most`, or `goes_on` says no.
async fn until_over(moved: &Cell<u64>, most: Duration, goes_on: impl Fn() -> bool) {
    let (mut before, mut quiet) = (moved.get(), Duration::ZERO);
    while goes_on() && quiet < most {
        sleep(limits::BEAT_EVERY).await;
        quiet = if moved.get() == before { quiet + limits::BEAT_EVERY } else { Duration::ZERO };
        before = moved.get();
    }
}

async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    moved: &Cell<u64>,
) -> io::Result<()> {
    let mut buffer = [0; limits::PASSED_BYTES];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..count]).await?;
        to.flush().await?;
        moved.set(moved.get() + count as u64);
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_other_node_is_told_who_asks() {
        let request = TestRequest::get().uri("/play/n3?a=b").insert_header(("host", "play.example"));
        let request = request.append_header(("x-forwarded-for", "1.1.1.1")).to_http_request();
        let text = |header, client: &str| {
            let bytes = head_for(request.head(), header, client.parse().unwrap()).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        let head = text("x-forwarded-for", "9.9.9.9");
        assert!(head.starts_with("GET /play?a=b HTTP/1.1\r\n") && head.contains("host: play.example\r\n"), "{head}");
        assert!(head.contains("x-forwarded-for: 1.1.1.1\r\n"), "{head}");
        assert!(head.ends_with("\r\nx-forwarded-for: 9.9.9.9\r\n\r\n"), "{head}");
        assert!(text("forwarded", "::1").ends_with("\r\nforwarded: for=\"[::1]\"\r\n\r\n"));
    }

    #[actix_web::test]
    async fn who_is_silent_for_too_long_is_let_go() {
        let (moved, most) = (Cell::new(0), 2 * limits::BEAT_EVERY);
        let moves = async {
            loop {
                sleep(limits::BEAT_EVERY / 2).await;
                moved.set(moved.get() + 1);
            }
        };
        let (moves, over) = (pin!(moves), pin!(until_over(&moved, most, || true)));
        assert!(timeout(3 * most, select(moves, over)).await.is_err(), "something moves all the time");
        assert!(timeout(3 * most, until_over(&moved, most, || true)).await.is_ok());
        assert!(timeout(limits::BEAT_EVERY / 2, until_over(&moved, most, || false)).await.is_ok());
    }
}
