//! Rooms within somebody else's web app: a handle that adds the routes to an app, lets everyone go, and tells what goes
//! on. Listeners, signals and the app around it are the embedder's; [`Server::run`](super::Server::run) is one of them.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr, System};
use actix_http::{Request, Response};
use actix_service::{IntoServiceFactory, Service, ServiceFactory};
use actix_web::body::MessageBody;
use actix_web::dev::{self, AppConfig, Extensions};
use actix_web::http::KeepAlive;
use actix_web::rt::time::sleep;
use actix_web::{Error, HttpServer, web};
use bytes::Bytes;
use tokio::sync::watch;
use tracing::info;

use super::admin::AdminAuth;
use super::config::{Config, Pages};
use super::hosts::Hosts;
use super::listen::{self, Worker};
use super::routes::{self, Edge};
use crate::actor::{
    Clock, Directory, DirectoryConfig, Drain, Gatekeeper, LogHealth, Metrics, Part, Relay, RoomList, SessionContext,
    SocketHandle, Stop, Trace, Watchdog, socket_of,
};
use crate::engine::Verdict;
use crate::game::Factory;
use crate::trust::Certificate;
use crate::wire::limits;

/// The rooms of a [`Server`](super::Server) that was [mounted](super::Server::mount) in an actix-web app. Clones are
/// handles on the same rooms; give one to each worker.
#[derive(Clone)]
pub struct Mount {
    config: Arc<Config>,
    clock: Clock,
    metrics: Arc<Metrics>,
    directory: Addr<Directory>,
    rooms: watch::Receiver<RoomList>,
    admin: Arc<AdminAuth>,
    gatekeeper: Arc<Gatekeeper>,
    hosts: Hosts,
    certificate: Option<Arc<Certificate>>,
    watchdog: Arc<Watchdog>,
}

impl Mount {
    /// Sessions have this long to take their close code.
    const DRAIN: Duration = Duration::from_secs(5);
    /// Close frames on their way get this long to leave the process, at least.
    const FLUSH: Duration = Duration::from_millis(300);
    /// A request head must be complete within this time.
    pub(super) const HEAD: Duration = Duration::from_secs(5);

    pub(super) fn start(config: Config, games: BTreeMap<String, Factory>, log: Option<&LogHealth>) -> io::Result<Self> {
        if System::try_current().is_none() {
            return Err(io::Error::other("rooms need an actix system around them, such as #[actix_web::main] makes"));
        }
        if let Pages::Folder(folder) = &config.pages
            && !folder.is_dir()
        {
            return Err(io::Error::other(format!("pages: there is no folder {}", folder.display())));
        }
        let clock = Clock::start();
        let (metrics, watchdog) = (Arc::new(Metrics::new(trace(&config.trace)?, log)), Watchdog::start(clock)?);
        if let Some(trace) = metrics.trace() {
            watchdog.watch(Part::TraceWriter, trace.heartbeat());
        }
        if let Some(log) = log {
            watchdog.watch(Part::LogWriter, log.heartbeat());
        }
        let certificate = config.certificate().map_err(io::Error::other)?;
        let gatekeeper = config.gatekeeper(clock).map_err(io::Error::other)?;
        let hosts = Hosts::new(&config, config.bind.ip());
        let directory = DirectoryConfig {
            games,
            rate: config.tick_rate,
            most_rooms: config.most_rooms,
            arbiters: config.room_threads,
            empty_for: config.empty_room_for,
            hold: config.hold_seats_for,
            idle_after: config.idle_after,
            most_spectators: config.most_spectators,
            gatekeeper: gatekeeper.clone(),
            watchdog: watchdog.clone(),
        };
        let (directory, rooms) = Directory::new(directory, clock, metrics.clone());
        let admin = Arc::new(AdminAuth::new(config.admin_token.clone()));
        let (config, directory) = (Arc::new(config), directory.start());
        Ok(Self { config, clock, metrics, directory, rooms, admin, gatekeeper, hosts, certificate, watchdog })
    }

    /// Adds the routes to an app or to a scope of it: `play`, `api/rooms`, `api/reservations`, `healthz`, `metrics`, `admin` if
    /// there is a token for it, and the pages unless
    /// they are [`Pages::None`]. Call it once per app, from the closure that makes the app: each worker gets a relay of
    /// its own, which hands the frames to the sessions of that worker.
    ///
    /// At the root of an app, add your own routes first if there are pages: they answer whatever was not asked for before.
    pub fn configure(&self, app: &mut web::ServiceConfig) {
        self.add_routes(self.edge(), app);
    }

    /// What the routes of one worker need, with a relay of its own on this thread.
    pub(super) fn edge(&self) -> web::Data<Edge> {
        let context = SessionContext {
            directory: self.directory.clone(),
            relay: Relay::start_here(self.clock, self.metrics.clone(), &self.watchdog),
            clock: self.clock,
            metrics: self.metrics.clone(),
            gatekeeper: self.gatekeeper.clone(),
        };
        let (rooms, config, admin) = (self.rooms.clone(), self.config.clone(), self.admin.clone());
        let (hosts, watchdog) = (self.hosts.clone(), self.watchdog.clone());
        web::Data::new(Edge { context, rooms, config, admin, hosts, watchdog })
    }

    pub(super) fn add_routes(&self, edge: web::Data<Edge>, app: &mut web::ServiceConfig) {
        app.app_data(edge);
        routes::configure(app);
        if self.config.pages != Pages::None {
            routes::configure_pages(app);
        }
    }

    /// Sets on an HTTP server what sessions count on. Its workers, addresses, TLS and signals stay as they are.
    ///
    /// * No delay: a frame must not wait for the one after it.
    /// * Small buffers, in the process and in the kernel: what a slow client has not taken grows old in them.
    /// * [`Self::on_connect`], by which clients that stopped reading are cut off.
    /// * A request head within five seconds, and no keep-alive: the time limit covers only the first request of a
    ///   connection. WebSockets and event streams live on. Call `keep_alive` afterwards if your routes need it.
    /// * No limit of a worker's own on connections: [`Self::on_connect`] counts them, and says so to whom it refuses.
    ///
    /// Nothing that can be set on an `HttpServer` stops pipelined requests: it decodes all that a client sends at once, also
    /// without keep-alive. One connection can keep a worker busy for seconds; behind an event stream it takes up to 20 MiB, and
    /// the worker spins for as long as the stream stays. Use [`Self::listen`], or put a proxy in front that sends one request at
    /// a time.
    pub fn tuned<F, I, S, B>(&self, server: HttpServer<F, I, S, B>) -> HttpServer<F, I, S, B>
    where
        F: Fn() -> I + Send + Clone + 'static,
        I: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig> + 'static,
        S::Error: Into<Error> + 'static,
        S::InitError: fmt::Debug,
        S::Response: Into<Response<B>> + 'static,
        <S::Service as Service<Request>>::Future: 'static,
        S::Service: 'static,
        B: MessageBody + 'static,
    {
        let mount = self.clone();
        server
            .tcp_nodelay(true)
            .h1_write_buffer_size(limits::SEND_BUFFER)
            .client_request_timeout(Self::HEAD)
            .client_disconnect_timeout(limits::LINGER)
            .max_connections(usize::MAX / 2)
            .max_connection_rate(limits::HANDSHAKES)
            .keep_alive(KeepAlive::Disabled)
            .on_connect(move |connection, data| mount.on_connect(connection, data))
    }

    /// Serves an app of yours on `listener`, with TLS if the configuration has a certificate. It does what [`Self::tuned`] does for an
    /// `HttpServer`, and a connection carries one request: what a client sends behind it is not decoded. Spawn or await the
    /// returned server; its handle stops it. Signals stay yours. [`Server::mount`](super::Server::mount) has an example.
    ///
    /// * There is no keep-alive and no HTTP/2.
    /// * The answer to a request head of more than 16 KiB is 431. Your app limits the bodies of its own routes.
    /// * Behind a request, 1 MiB is read and discarded; with more, the connection ends.
    /// * [`Config::workers`] says how many workers there are. `AppConfig` has its defaults, whatever `listener` and TLS are.
    ///
    /// # Errors
    /// When the listener cannot be used.
    pub fn listen<F, I, S, B>(&self, listener: TcpListener, app: F) -> io::Result<dev::Server>
    where
        F: Fn() -> I + Send + Clone + 'static,
        I: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig> + 'static,
        S::Error: Into<Error> + 'static,
        S::Response: Into<Response<B>> + 'static,
        B: MessageBody + 'static,
    {
        listen::listen(self, listener, move || Worker::of_app(app()))
    }

    /// Prepares a new connection for sessions: counts it, gives it a small send buffer, and takes a handle by which a client
    /// that stopped reading is cut off within ten seconds. [`Self::tuned`] sets it; if your server has a hook of its own, call
    /// it from there. Without it such a client keeps its seat until the operating system gives up, and connections have no
    /// limit.
    pub fn on_connect(&self, connection: &dyn Any, data: &mut Extensions) {
        let socket_handle = SocketHandle::prepare(connection);
        let peer = socket_of(connection).and_then(|stream| stream.peer_addr().ok());
        // A connection that is gone already has no peer.
        let counted = peer.map(|peer| self.gatekeeper.connect(peer.ip()));
        match (&counted, &socket_handle) {
            (Some(counted), Some(socket_handle)) if counted.verdict == Verdict::Cut => socket_handle.cut(),
            _ => {}
        }
        if let Some(socket_handle) = socket_handle {
            data.insert(socket_handle);
        }
        if let Some(counted) = counted {
            data.insert(Rc::new(counted));
        }
    }

    pub(super) fn workers(&self) -> usize {
        self.config.workers
    }

    /// The certificate of the configuration, if there is one.
    pub(super) fn certificate(&self) -> Option<Arc<Certificate>> {
        self.certificate.clone()
    }

    /// The open rooms as a list in JSON, as `api/rooms` answers. A quarter of a second old at the most.
    pub fn rooms(&self) -> Bytes {
        self.rooms.borrow().json.clone()
    }

    /// Sessions open now, over all rooms and workers.
    pub fn sessions(&self) -> usize {
        self.gatekeeper.sessions()
    }

    /// What is counted, as OpenMetrics text, as `metrics` answers.
    pub fn metrics(&self) -> String {
        self.metrics.text()
    }

    /// What has not moved for a second or so, as `healthz` names it: the directory, room threads, HTTP workers, the trace's
    /// writer, and that of the log if the server [was told of it](super::Server::log_health). Waits for none of them.
    pub fn stuck(&self) -> Vec<String> {
        self.watchdog.stuck().iter().map(ToString::to_string).collect()
    }

    /// Takes no more sessions, ends all rooms, and waits until every session took its close code; eight seconds at the
    /// most, whatever is stuck, unless it is the thread that this runs on. Await it before you stop the HTTP server, which would cut the connections without a word. Afterwards the
    /// threads of the rooms are gone: there is no way back.
    #[expect(clippy::disallowed_methods, reason = "one message at the very end")]
    pub async fn drain(&self) {
        info!(sessions = self.sessions(), "draining");
        self.gatekeeper.close();
        self.directory.do_send(Drain);
        wait_until(Self::DRAIN, || self.sessions() == 0).await;
        sleep(Self::FLUSH).await;
        // Sessions take leave of their clients. Streams of events, which are connections too, stay; and whoever has no use for
        // `on_connect` has none counted.
        wait_until(limits::LINGER, || self.gatekeeper.connections() == 0).await;
        self.watchdog.rest();
        // The directory's timer would keep it, and the room threads, for as long as the system lives. A second drain
        // finds it gone.
        let _ = self.directory.send(Stop).await;
        let metrics = self.metrics.clone();
        let _ = web::block(move || metrics.finish_trace()).await;
    }
}

/// The trace at `path`, unless that is empty.
fn trace(path: &Path) -> io::Result<Option<Trace>> {
    let refused = |error| io::Error::other(format!("trace: cannot write {}: {error}", path.display()));
    Some(path).filter(|path| !path.as_os_str().is_empty()).map(|path| Trace::create(path).map_err(refused)).transpose()
}

/// Waits until it is `done`, but not for longer than `most`.
async fn wait_until(most: Duration, done: impl Fn() -> bool) {
    let step = Duration::from_millis(50);
    for _ in 0..most.as_millis() / step.as_millis() {
        if done() {
            break;
        }
        sleep(step).await;
    }
}

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mount")
            .field("config", &self.config)
            .field("sessions", &self.sessions())
            .finish_non_exhaustive()
    }
}
