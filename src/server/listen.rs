//! The server that [`Server::run`](super::Server::run) starts: HTTP for everything but `/play`, whose sockets leave HTTP with
//! their handshake.
//!
//! A [`Mount`] in somebody else's app cannot take sockets out of it; there a session lives in the body of a response, at the
//! cost of HTTP's buffers and turns. What a session does is the same on both roads.

use std::future::{Ready, ready};
use std::io;
use std::net::TcpListener;
use std::rc::Rc;

use actix_codec::{AsyncRead, AsyncWrite, Framed};
use actix_http::body::{BodySize, BoxBody, MessageBody};
use actix_http::h1::{Codec, ExpectHandler, Message};
use actix_http::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use actix_http::ws::handshake_response;
use actix_http::{ConnectionType, HttpService, KeepAlive, Request, Response};
use actix_service::boxed::{self, BoxServiceFactory};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, always_ready, map_config};
use actix_web::dev::{AppConfig, Server, ServiceResponse};
use actix_web::rt::time::timeout;
use actix_web::{App, HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures_util::SinkExt;
use futures_util::future::LocalBoxFuture;

use super::handshake;
use super::mount::Mount;
use super::routes::Edge;
use crate::actor::{Connection, Line, carry, converse, take_leave};
use crate::wire::{SUBPROTOCOL, limits};

/// Serves on `listener`, with TLS if the mount has a certificate.
///
/// # Errors
/// When the listener cannot be used.
pub fn listen(mount: &Mount, listener: TcpListener, workers: usize) -> io::Result<Server> {
    let mount = mount.clone();
    let server = Server::build().workers(workers).disable_signals();
    let server = match mount.certificate() {
        None => server.listen("tickwire", listener, move || service(&mount).tcp())?,
        Some(certificate) => {
            actix_tls::accept::max_concurrent_tls_connect(limits::HANDSHAKES);
            server.listen("tickwire", listener, move || service(&mount).rustls_0_23(certificate.config()))?
        }
    };
    Ok(server.run())
}

type Pages = BoxServiceFactory<(), Request, ServiceResponse, Response<BoxBody>, ()>;

/// What one worker makes of a connection.
fn service<T>(mount: &Mount) -> HttpService<T, Pages, BoxBody, ExpectHandler, Upgrade>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let edge = mount.edge();
    let upgrade = Upgrade(edge.clone());
    let routes = mount.clone();
    let app = App::new().configure(move |app| routes.add_routes(edge, app)).into_factory();
    let app = app.map_err(|error| error.error_response().into());
    let mount = mount.clone();
    HttpService::build()
        .tcp_nodelay(true)
        .keep_alive(KeepAlive::Disabled)
        .client_request_timeout(Mount::HEAD)
        .client_disconnect_timeout(limits::LINGER)
        .h1_write_buffer_size(limits::SEND_BUFFER)
        .on_connect_ext(move |connection: &T, data| mount.on_connect(connection, data))
        .upgrade(upgrade)
        .finish(boxed::factory(map_config(app, |()| AppConfig::default())))
}

/// Takes the requests that ask for an upgrade, with their sockets.
#[derive(Clone)]
struct Upgrade(web::Data<Edge>);

impl<T: AsyncRead + AsyncWrite + Unpin + 'static> ServiceFactory<(Request, Framed<T, Codec>)> for Upgrade {
    type Response = ();
    type Error = actix_http::Error;
    type Config = ();
    type Service = Self;
    type InitError = ();
    type Future = Ready<Result<Self, ()>>;

    fn new_service(&self, (): ()) -> Self::Future {
        ready(Ok(self.clone()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + 'static> Service<(Request, Framed<T, Codec>)> for Upgrade {
    type Response = ();
    type Error = actix_http::Error;
    type Future = LocalBoxFuture<'static, Result<(), actix_http::Error>>;

    always_ready!();

    fn call(&self, (request, framed): (Request, Framed<T, Codec>)) -> Self::Future {
        let edge = self.0.clone();
        Box::pin(async move {
            // A socket that fails before its session begins has nobody to tell.
            let _ = upgrade(&edge, request, framed).await;
            Ok(())
        })
    }
}

async fn upgrade<T>(edge: &Edge, request: Request, mut framed: Framed<T, Codec>) -> io::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let connection = request.conn_data::<Rc<Connection>>().cloned();
    let refusal = handshake::turn_away(request.head(), connection.as_deref(), edge);
    let accepted = match refusal {
        Some(refusal) => Err(refusal),
        None if request.path() != "/play" => Err(HttpResponse::NotFound().body("404: sessions are at /play\n")),
        None => handshake::accept(request.head(), edge),
    };
    let visitor = match accepted {
        Ok(visitor) => visitor,
        Err(refusal) => {
            let mut refusal: Response<BoxBody> = refusal.into();
            // Else it would say what the request said: that there is an upgrade.
            refusal.head_mut().set_connection_type(ConnectionType::Close);
            answer(&mut framed, refusal).await?;
            take_leave(framed.io_mut(), BytesMut::new()).await;
            return Ok(());
        }
    };
    let mut switching = handshake_response(request.head());
    switching.insert_header((SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL)));
    answer(&mut framed, switching.finish().map_into_boxed_body()).await?;
    let line = request.conn_data::<Line>().cloned();
    let parts = framed.into_parts();
    // What is left in the buffer is copied: a session must not hold on to all of it.
    let early = Bytes::copy_from_slice(&parts.read_buf);
    let (gate, socket) = (edge.gate.clone(), parts.io);
    drop((request, parts.read_buf, parts.write_buf));
    // HTTP's part of the connection ends here, with all that it keeps.
    actix_web::rt::spawn(async move {
        carry(socket, early, |incoming| converse(gate, visitor, line, incoming)).await;
        // Counted until here; the line's handle on the socket follows within two seconds.
        drop(connection);
    });
    Ok(())
}

async fn answer<T>(framed: &mut Framed<T, Codec>, response: Response<BoxBody>) -> io::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let (head, body) = response.into_parts();
    let body = body.try_into_bytes().unwrap_or_default();
    let size = if head.status().is_informational() { BodySize::None } else { BodySize::Sized(body.len() as u64) };
    let send = async {
        framed.send(Message::Item((head, size))).await?;
        if !body.is_empty() {
            framed.send(Message::Chunk(Some(body))).await?;
        }
        Ok(())
    };
    timeout(limits::LINGER, send).await?
}
