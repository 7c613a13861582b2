//! The HTTP server that [`Server::run`](super::Server::run) and [`Mount::listen`] start. Each connection carries one
//! request.
//!
//! `Server::run` serves everything but `/play` over HTTP; sockets of `/play` leave the HTTP layer with their handshake. A
//! [`Mount`] in an embedder's app cannot take sockets out of it: there a session runs in the body of a response, at the
//! cost of the HTTP layer's buffers and turns. Sessions behave the same either way.

use std::future::{Ready, ready};
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use actix_codec::{AsyncRead, AsyncWrite, Framed};
use actix_http::body::{BodySize, BoxBody, MessageBody};
use actix_http::error::DispatchError;
use actix_http::h1::{Codec, ExpectHandler, Message};
use actix_http::{ConnectionType, HttpService, KeepAlive, Protocol, Request, Response, ServiceConfig};
use actix_service::boxed::{self, BoxServiceFactory};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, always_ready, apply_fn_factory, fn_service,
    map_config,
};
use actix_tls::accept::TlsError;
use actix_tls::accept::rustls_0_23::{Acceptor, AcceptorService, TlsStream};
use actix_web::dev::{AppConfig, Server};
use actix_web::rt::net::TcpStream;
use actix_web::rt::time::{sleep, timeout};
use actix_web::{Error, HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt, SinkExt};
use rustls::ServerConfig;

use super::handshake::{self, Denied};
use super::mount::Mount;
use super::one_request::OneRequest;
use super::passing;
use super::routes::AppState;
use crate::actor::{Connection, Metrics, SocketHandle, carry, converse, linger};
use crate::cluster::Destination;
use crate::trust::Certificate;
use crate::wire::limits;

/// An app with its types erased.
type App = BoxServiceFactory<(), Request, Response<BoxBody>, Response<BoxBody>, ()>;

/// How one worker handles requests.
pub struct Worker {
    app: App,
    /// Receives requests for an upgrade, with their sockets.
    upgrade: Option<Upgrade>,
    /// Most bytes of a request's body.
    most_body: u64,
}

impl Worker {
    /// An app with the routes of the rooms only.
    pub fn of_rooms(mount: &Mount) -> Self {
        let state = mount.state();
        // Routes of an embedder may want upgrades, too; then all are the app's affair.
        let upgrade = (!mount.has_own_routes()).then(|| Upgrade(state.clone()));
        let mount = mount.clone();
        let app = actix_web::App::new().configure(move |app| mount.add_routes(state, app));
        Self { app: boxed(app), upgrade, most_body: limits::REQUEST_BODY }
    }

    /// An embedder's app, which has its own limits.
    pub fn of_app<I, S, B>(app: I) -> Self
    where
        I: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig> + 'static,
        S::Error: Into<Error> + 'static,
        S::Response: Into<Response<B>> + 'static,
        B: MessageBody + 'static,
    {
        Self { app: boxed(app), upgrade: None, most_body: u64::MAX }
    }
}

fn boxed<I, S, B>(app: I) -> App
where
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::Response: Into<Response<B>> + 'static,
    B: MessageBody + 'static,
{
    let app = app.into_factory().map_init_err(drop);
    let app = app.map(|response: S::Response| response.into().map_into_boxed_body());
    let app = app.map_err(|error: S::Error| error.into().error_response().into());
    boxed::factory(map_config(app, |()| AppConfig::default()))
}

/// Serves on `listener` with the app that `worker` makes in each worker, with TLS if the mount has a certificate.
///
/// # Errors
/// When the listener cannot be used.
pub fn listen(
    mount: &Mount,
    listener: TcpListener,
    worker: impl Fn() -> Worker + Clone + Send + 'static,
) -> io::Result<Server> {
    // The mount counts connections and answers those that it refuses; a worker at its limit would only stop accepting.
    let server = Server::build().workers(mount.workers()).max_concurrent_connections(usize::MAX / 2).disable_signals();
    let server = match mount.certificate() {
        None => {
            let mount = mount.clone();
            server.listen("tickwire", listener, move || plain(&mount, worker()))?
        }
        Some(certificate) => {
            actix_tls::accept::max_concurrent_tls_connect(limits::HANDSHAKES);
            actix_web::rt::spawn(watch(Arc::downgrade(&certificate), mount.shared_metrics()));
            let mount = mount.clone();
            server.listen("tickwire", listener, move || encrypted(&mount, worker(), certificate.config()))?
        }
    };
    Ok(server.run())
}

/// Checks the certificate's files for changes, and its end, for as long as a server uses it.
async fn watch(certificate: Weak<Certificate>, metrics: Arc<Metrics>) {
    const REFRESH_EVERY: Duration = Duration::from_secs(2);
    while let Some(certificate) = certificate.upgrade() {
        certificate.look();
        metrics.set_certificate_expiry(certificate.expires());
        drop(certificate);
        sleep(REFRESH_EVERY).await;
    }
}

/// Handles connections without TLS.
fn plain(
    mount: &Mount,
    worker: Worker,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()> + use<> {
    let (config, most_body) = (ServiceConfig::default(), worker.most_body);
    let open = move |io: TcpStream| {
        let _ = io.set_nodelay(true);
        let peer = io.peer_addr().ok();
        ready(Ok((OneRequest::new(io, most_body, &config), Protocol::Http1, peer)))
    };
    fn_service(open).and_then(http(mount, worker))
}

/// Handles connections with TLS.
fn encrypted(
    mount: &Mount,
    worker: Worker,
    mut tls: ServerConfig,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = TlsError<io::Error, DispatchError>, InitError = ()>
+ use<> {
    let (config, most_body) = (ServiceConfig::default(), worker.most_body);
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let open = move |io: TlsStream<TcpStream>| {
        let socket = io.get_ref().0;
        let _ = socket.set_nodelay(true);
        let peer = socket.peer_addr().ok();
        (OneRequest::new(io, most_body, &config), Protocol::Http1, peer)
    };
    let counting = mount.clone();
    // Before its handshake, a connection costs a place of those that handshakes have; afterwards `on_connect` counts it.
    let counted = apply_fn_factory::<_, Acceptor, _, _, TcpStream, TcpStream, _, _>(
        Acceptor::new(tls),
        move |io: TcpStream, acceptor: &AcceptorService| {
            let peer = io.peer_addr();
            let handshake = peer.and_then(|peer| counting.begin_handshake(peer.ip()));
            let accepted = handshake.map(|handshake| (Service::call(acceptor, io), handshake));
            async move {
                let (accepted, handshake) = accepted.map_err(TlsError::Tls)?;
                let accepted = accepted.await;
                drop(handshake);
                accepted
            }
        },
    );
    let accepted = counted.map_err(TlsError::into_service_error).map(open);
    accepted.and_then(http(mount, worker).map_err(TlsError::Service))
}

/// HTTP on a socket that yields one request.
fn http<T>(mount: &Mount, worker: Worker) -> HttpService<OneRequest<T>, App, BoxBody, ExpectHandler, Upgrade>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mount = mount.clone();
    HttpService::build()
        .keep_alive(KeepAlive::Disabled)
        .client_request_timeout(Mount::HEAD)
        .client_disconnect_timeout(limits::LINGER)
        .h1_write_buffer_size(limits::SEND_BUFFER)
        .on_connect_ext(move |connection: &OneRequest<T>, data| {
            let (socket, follower) = connection.parts();
            socket.into_iter().for_each(|socket| mount.on_connect(socket, data));
            data.insert(follower.clone());
        })
        .finish(worker.app)
        .upgrade(worker.upgrade)
}

/// Most bytes of the future that every session's task keeps: a TLS socket's state is about half of it.
const MOST_KEPT: usize = 4096;

/// Handles requests for an upgrade, with their sockets.
#[derive(Clone)]
struct Upgrade(web::Data<AppState>);

impl<T: AsyncRead + AsyncWrite + Unpin + 'static> ServiceFactory<(Request, Framed<OneRequest<T>, Codec>)> for Upgrade {
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

impl<T: AsyncRead + AsyncWrite + Unpin + 'static> Service<(Request, Framed<OneRequest<T>, Codec>)> for Upgrade {
    type Response = ();
    type Error = actix_http::Error;
    type Future = LocalBoxFuture<'static, Result<(), actix_http::Error>>;

    always_ready!();

    fn call(&self, (request, framed): (Request, Framed<OneRequest<T>, Codec>)) -> Self::Future {
        let state = self.0.clone();
        Box::pin(async move {
            // A socket that fails before its session begins needs no further handling.
            let _ = upgrade(&state, request, framed).await;
            Ok(())
        })
    }
}

async fn upgrade<T>(state: &AppState, request: Request, mut framed: Framed<OneRequest<T>, Codec>) -> io::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let connection = request.conn_data::<Rc<Connection>>().cloned();
    let destination = match (request.path(), &state.context.cluster) {
        ("/play", _) => Some(Destination::Here),
        (path, Some(cluster)) => cluster.destination(path),
        _ => None,
    };
    let accepted = if destination.is_some() {
        handshake::accept(request.head(), connection.as_deref(), state)
    } else {
        let refusal = handshake::turn_away(request.head(), connection.as_deref(), state);
        Err(Denied::Request(refusal.unwrap_or_else(|| HttpResponse::NotFound().body("404: sessions are at /play\n"))))
    };
    let switching = || handshake::switching(request.head()).finish().map_into_boxed_body();
    let accepted = match (accepted, destination) {
        (Ok(permit), Some(Destination::Another)) => {
            // It is this node's for as long as the other one has not answered.
            passing::reach(request.head(), state).await.map(|far| (permit, Some(far))).map_err(Denied::Request)
        }
        (accepted, _) => accepted.map(|permit| (permit, None)),
    };
    let (permit, far) = match accepted {
        Ok(accepted) => accepted,
        Err(Denied::Request(refusal)) => {
            let mut refusal: Response<BoxBody> = refusal.into();
            // Otherwise the response would repeat the request's upgrade header.
            refusal.head_mut().set_connection_type(ConnectionType::Close);
            answer(&mut framed, refusal).await?;
            linger(framed.io_mut(), BytesMut::new()).await;
            return Ok(());
        }
        Err(Denied::Session(refusal)) => {
            answer(&mut framed, switching()).await?;
            linger(framed.io_mut(), handshake::farewell(request.head(), refusal, state)).await;
            return Ok(());
        }
    };
    if far.is_none() {
        answer(&mut framed, switching()).await?;
    }
    let socket_handle = request.conn_data::<SocketHandle>().cloned();
    let parts = framed.into_parts();
    // Bytes left in the buffer are copied, so that the session does not keep the whole buffer alive.
    let early = Bytes::copy_from_slice(&parts.read_buf);
    let Some(socket) = parts.io.into_inner() else { return Ok(()) };
    let context = state.context.clone();
    drop((request, parts.read_buf, parts.write_buf));
    // The HTTP layer's part of the connection ends here, with all its buffers. A connection is counted until its task ends; the
    // relay's socket handle is dropped within two seconds. The task of a session has no room for the buffers of one that passes
    // bytes on.
    match far {
        Some(far) => actix_web::rt::spawn(async move {
            passing::pass_on(socket, far, early, permit, &context.gatekeeper).await;
            drop(connection);
        }),
        None => {
            let carried = carry(socket, early, |incoming| converse(context, permit, socket_handle, incoming));
            debug_assert!(size_of_val(&carried) <= MOST_KEPT, "{} bytes for every connection", size_of_val(&carried));
            actix_web::rt::spawn(carried.map(|()| drop(connection)))
        }
    };
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
