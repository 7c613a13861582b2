//! Rooms within an embedder's web app: a handle that adds the routes to an app, closes all sessions at shutdown and reports
//! metrics. Listeners, signals and the surrounding app belong to the embedder. [`Server::run`](super::Server::run) is such
//! an embedder.

use std::any::Any;
use std::fmt;
use std::io;
use std::net::{IpAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr, System};
use actix_http::{Request, Response};
use actix_service::{IntoServiceFactory, Service, ServiceFactory};
use actix_web::body::MessageBody;
use actix_web::dev::{self, AppConfig, Extensions};
use actix_web::http::KeepAlive;
use actix_web::rt::time::{sleep, timeout};
use actix_web::{Error, HttpServer, web};
use bytes::Bytes;
use tracing::info;

use super::admin::AdminAuth;
use super::config::{Config, Pages};
use super::folders::{self, Data};
use super::hosts::Hosts;
use super::listen::{self, Worker};
use super::qr;
use super::routes::{self, AppState};
use super::{AddRoutes, Server};
use crate::actor::{
    Clock, Directory, DirectoryConfig, Drain, Films, Gatekeeper, Handshake, Matches, Metrics, Part, Refusal, Relay,
    RoomBoard, RoomStore, SessionContext, SocketHandle, Stop, Watchdog, socket_of,
};
use crate::cluster::{Channels, Cluster};
use crate::engine::{Limit, Verdict};
use crate::store::Journal;
use crate::tap::Outbox;
use crate::trust::Certificate;
use crate::wire::limits;

/// The rooms of a [`Server`](super::Server) that was [mounted](super::Server::mount) in an actix-web app. Clones are
/// handles to the same rooms; give one to each worker.
#[derive(Clone)]
pub struct Mount {
    config: Arc<Config>,
    clock: Clock,
    metrics: Arc<Metrics>,
    pub(super) directory: Addr<Directory>,
    rooms: Arc<RoomBoard>,
    admin: Arc<AdminAuth>,
    gatekeeper: Arc<Gatekeeper>,
    hosts: Hosts,
    certificate: Option<Arc<Certificate>>,
    watchdog: Arc<Watchdog>,
    /// This server as a node, in a cluster.
    cluster: Option<Arc<Cluster>>,
    /// Where rooms are kept.
    files: (Option<Arc<RoomStore>>, Option<Journal>, Option<Outbox>),
    films: Arc<Films>,
    matches: Arc<Matches>,
    /// Of the embedder.
    routes: Arc<[AddRoutes]>,
    channels: Channels,
}

impl Mount {
    /// How long a shutdown waits for sessions to send their close code.
    const DRAIN: Duration = Duration::from_secs(5);
    /// How long a shutdown waits for rooms to be stored, after its sessions have ended.
    const STORE: Duration = Duration::from_secs(3);
    /// How long a shutdown waits for the sinks of the tap.
    const SINKS: Duration = Duration::from_secs(1);
    /// Minimum time for the last close frames to leave the process.
    const FLUSH: Duration = Duration::from_millis(300);
    /// A request head must be complete within this time.
    pub(super) const HEAD: Duration = Duration::from_secs(5);

    pub(super) fn start(server: Server) -> io::Result<Self> {
        let Server { config, games, log, build, node, sinks, routes, channels: users } = server;
        let (log, build) = (log.as_ref(), &build[..]);
        if System::try_current().is_none() {
            return Err(io::Error::other("rooms need an actix system around them, such as #[actix_web::main] makes"));
        }
        folders::pages(&config.pages)?;
        let clock = Clock::start();
        let (trace, data) = (folders::trace(&config.trace)?, folders::data(&config, build)?);
        let cluster = config.membership(build).map_err(io::Error::other)?;
        let cluster = cluster.map(Cluster::start).transpose().map_err(io::Error::other)?;
        let channels = cluster.as_ref().map_or_else(Channels::alone, Cluster::channels);
        users.into_iter().for_each(|attach| attach(&channels));
        let (store, journal, found) = match data {
            Some(Data { store, journal, found }) => (Some(store), Some(journal), Some(found)),
            None => (None, folders::remote_journal(&config, cluster.as_ref(), build)?, None),
        };
        let tap = folders::outbox(&config, node, sinks)?;
        let metrics = Arc::new(Metrics::new(trace, log, journal.as_ref(), cluster.as_ref(), tap.as_ref()));
        let watchdog = Watchdog::start(clock)?;
        metrics.trace().into_iter().for_each(|trace| watchdog.watch(Part::TraceWriter, trace.heartbeat()));
        log.into_iter().for_each(|log| watchdog.watch(Part::LogWriter, log.heartbeat()));
        let certificate = config.certificate().map_err(io::Error::other)?;
        let gatekeeper = config.gatekeeper(clock).map_err(io::Error::other)?;
        let hosts = Hosts::new(&config, config.bind.ip());
        let recordings = folders::recordings(&config, &metrics, &watchdog)?;
        let matches = folders::matches(&config, &metrics, &watchdog)?;
        let films = Films::new(clock, config.film_delay, metrics.clone());
        let directory = DirectoryConfig {
            games,
            rate: config.tick_rate,
            most_rate: config.most_tick_rate,
            most_rooms: config.most_rooms,
            arbiters: config.room_threads,
            policy: config.room_policy(),
            gatekeeper: gatekeeper.clone(),
            store: store.clone(),
            journal: journal.clone(),
            found,
            goes_back_unless: folders::goes_back(&config).then(|| build.to_owned()),
            recordings,
            tap: tap.clone(),
            matches: matches.clone(),
            films: films.clone(),
            channels: channels.clone(),
            watchdog: watchdog.clone(),
            cluster: cluster.clone(),
            most_sessions: config.most_sessions,
        };
        let (directory, rooms) = Directory::new(directory, clock, metrics.clone());
        let admin = Arc::new(AdminAuth::new(config.admin_token.clone()));
        let (config, directory, files) = (Arc::new(config), directory.start(), (store, journal, tap));
        let routes = routes.into();
        Ok(Self {
            routes,
            config,
            clock,
            metrics,
            directory,
            rooms,
            admin,
            gatekeeper,
            hosts,
            certificate,
            watchdog,
            cluster,
            files,
            films,
            matches,
            channels,
        })
    }

    /// Adds the routes to an app or to a scope of it: `play`, `api/rooms`, `api/reservations`, `healthz`, `metrics`,
    /// `admin` if a token is configured, and the pages unless they are [`Pages::None`]. Call it once per app, from the
    /// closure that makes the app: each worker gets its own relay, which passes frames to the sessions of that worker.
    ///
    /// At the root of an app with pages, add your own routes first: the pages answer all paths that no earlier route
    /// matches.
    pub fn configure(&self, app: &mut web::ServiceConfig) {
        self.add_routes(self.state(), app);
    }

    /// The state of one worker's routes, with a new relay on this thread.
    pub(super) fn state(&self) -> web::Data<AppState> {
        let context = SessionContext {
            directory: self.directory.clone(),
            relay: Relay::start_here(self.clock, self.metrics.clone(), &self.watchdog),
            clock: self.clock,
            metrics: self.metrics.clone(),
            player_bytes: self.config.player_bytes,
            gatekeeper: self.gatekeeper.clone(),
            cluster: self.cluster.clone(),
        };
        let (rooms, config, admin) = (self.rooms.clone(), self.config.clone(), self.admin.clone());
        let (hosts, watchdog) = (self.hosts.clone(), self.watchdog.clone());
        let (drawings, films, matches) = (qr::Drawings::default(), self.films.clone(), self.matches.clone());
        web::Data::new(AppState { context, rooms, config, admin, hosts, watchdog, drawings, films, matches })
    }

    pub(super) fn add_routes(&self, state: web::Data<AppState>, app: &mut web::ServiceConfig) {
        app.app_data(state).app_data(web::Data::new(self.server_events()));
        app.app_data(web::Data::new(self.channels.clone()));
        self.routes.iter().for_each(|add| add(app));
        routes::configure(app);
        if self.config.pages != Pages::None {
            routes::configure_pages(app);
        }
    }

    /// Applies the settings that sessions rely on to an HTTP server. Its workers, addresses, TLS and signals stay
    /// unchanged.
    ///
    /// * TCP_NODELAY: a frame must not wait for the next one.
    /// * Small buffers, in the process and in the kernel: frames queued for a slow client go stale there.
    /// * [`Self::on_connect`], which lets the server cut clients that have stopped reading.
    /// * A request head within five seconds, and no keep-alive: the time limit covers only the first request of a
    ///   connection. WebSockets and event streams are unaffected. Call `keep_alive` afterwards if your routes need it.
    /// * No connection limit per worker: [`Self::on_connect`] counts connections, and refused ones get an answer.
    ///
    /// No setting of an `HttpServer` stops pipelined requests: it decodes everything that a client sends at once, even
    /// without keep-alive. One connection can keep a worker busy for seconds. Behind an event stream it takes up to 20 MiB,
    /// and the worker spins for as long as the stream is open. Use [`Self::listen`], or put a proxy in front that sends one
    /// request at a time. Nor does a setting time bodies.
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

    /// Serves an app of yours on `listener`, with TLS if the configuration has a certificate. Applies the same settings as
    /// [`Self::tuned`], and lets each connection carry one request: bytes behind it are not decoded. Spawn or await the
    /// returned server; its handle stops it. Signals remain yours. [`Server::mount`](super::Server::mount) has an example.
    ///
    /// * There is no keep-alive and no HTTP/2.
    /// * A request head of more than 16 KiB is answered with 431. Your app limits the bodies of its own routes.
    /// * A body may keep the server waiting for five seconds and another one per 4 KiB. For its route the client has then hung
    ///   up. An answer may wait for its reader for 15 seconds and another one per KiB.
    /// * Up to 1 MiB behind a request is read and discarded; with more, the connection ends.
    /// * [`Config::workers`] sets the number of workers. `AppConfig` has its defaults, regardless of `listener` and TLS.
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

    /// Prepares a new connection for sessions: counts it, sets a small send buffer, and takes a socket handle by which a
    /// client that has stopped reading is cut within ten seconds. [`Self::tuned`] installs it; if your server has its own
    /// hook, call this from there. Without it, such a client keeps its seat until the operating system gives up, and
    /// connections have no limit.
    pub fn on_connect(&self, connection: &dyn Any, data: &mut Extensions) {
        let socket_handle = SocketHandle::prepare(connection);
        let peer = socket_of(connection).and_then(|stream| stream.peer_addr().ok());
        // A connection that is closed already has no peer.
        let counted = peer.map(|peer| self.gatekeeper.connect(peer.ip()));
        if let Some(Verdict::Cut(limit)) = counted.as_ref().map(|counted| counted.verdict) {
            self.metrics.refusals.count(self.clock.now(), Refusal::Limit(limit), None);
            socket_handle.iter().for_each(SocketHandle::cut);
        }
        if let Some(socket_handle) = socket_handle {
            data.insert(socket_handle);
        }
        if let Some(counted) = counted {
            data.insert(Rc::new(counted));
        }
    }

    /// Counts a TLS handshake on its address.
    ///
    /// # Errors
    /// When too many with this address are under way.
    pub(super) fn begin_handshake(&self, peer: IpAddr) -> io::Result<Handshake> {
        self.gatekeeper.begin_handshake(peer).ok_or_else(|| {
            let refusal = Refusal::Limit(Limit::HandshakesPerAddress);
            self.metrics.refusals.count(self.clock.now(), refusal, None);
            io::Error::other(refusal.text())
        })
    }

    /// Whether the embedder has added routes to the server.
    pub(super) fn has_own_routes(&self) -> bool {
        !self.routes.is_empty()
    }

    pub(super) fn workers(&self) -> usize {
        self.config.workers
    }

    pub(super) fn shared_metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    /// The configured certificate, if there is one.
    pub(super) fn certificate(&self) -> Option<Arc<Certificate>> {
        self.certificate.clone()
    }

    /// The listed rooms as JSON, as served at `api/rooms`. At most a quarter of a second old.
    pub fn rooms(&self) -> Bytes {
        self.rooms.json()
    }

    /// The number of open sessions, over all rooms and workers.
    pub fn sessions(&self) -> usize {
        self.gatekeeper.sessions()
    }

    /// The metrics as OpenMetrics text, as served at `metrics`.
    pub fn metrics(&self) -> String {
        self.metrics.text()
    }

    /// The parts that have not moved for about a second, as `healthz` names them: the directory, room threads, HTTP
    /// workers, the trace's writer, and the log's writer if [`Server::log_health`](super::Server::log_health) was called.
    /// Waits for none of them.
    pub fn stuck(&self) -> Vec<String> {
        self.watchdog.stuck().iter().map(ToString::to_string).collect()
    }

    /// Refuses new sessions, ends all rooms, and waits until every session has sent its close code. Takes at most eight
    /// seconds, even if other threads are stuck. Await it before you stop the HTTP server, which would cut the connections
    /// without a close code. Afterwards the room threads have ended; rooms cannot be started again.
    #[expect(clippy::disallowed_methods, reason = "one message at the very end")]
    pub async fn drain(&self) {
        info!(sessions = self.sessions(), "draining");
        let ((store, journal, tap), matches) = (self.files.clone(), self.matches.clone());
        tap.iter().for_each(Outbox::drain);
        self.gatekeeper.close();
        self.cluster.iter().for_each(|cluster| cluster.drain());
        self.directory.do_send(Drain);
        wait_until(Self::DRAIN, || self.sessions() == 0).await;
        sleep(Self::FLUSH).await;
        // Sessions may linger for their clients. Event streams also count as connections and stay open. Without
        // `on_connect`, no connections are counted.
        wait_until(limits::LINGER, || self.gatekeeper.connections() == 0).await;
        if let Some(cluster) = &self.cluster {
            let _ = timeout(Self::FLUSH, cluster.leave()).await;
        }
        if let Some(store) = &store {
            wait_until(Self::STORE, || store.is_idle()).await;
        }
        let _ = web::block(move || {
            // Rooms that ended leave the journal when the outbox has what they told.
            tap.iter().for_each(|tap| tap.flush(Self::SINKS));
            journal.iter().for_each(Journal::close);
            tap.iter().for_each(|tap| tap.close(Self::SINKS));
            matches.close(Self::STORE);
        })
        .await;
        if let Some(store) = &store {
            store.release();
        }
        self.watchdog.rest();
        // Otherwise the directory's timer would keep it and the room threads alive as long as the system. After a second
        // drain the directory is gone already.
        let _ = self.directory.send(Stop).await;
        let metrics = self.metrics.clone();
        let _ = web::block(move || metrics.finish_trace()).await;
    }
}

/// Waits until `done` returns true, but at most for `most`.
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
