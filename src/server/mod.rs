//! The HTTP server around the actors. [`Server::serve`] is a whole program; [`Server::run`] takes a listener and a shutdown
//! future; [`Server::mount`] adds the routes to an embedder's app.

mod admin;
mod config;
mod cors;
mod event_stream;
mod film;
mod folders;
mod handshake;
mod hosts;
mod listen;
mod live_rooms;
mod lobby;
#[cfg(feature = "log")]
mod log;
mod matches;
mod mount;
mod one_request;
mod origin;
mod pace;
mod pages;
mod passing;
mod qr;
mod routes;
mod secret;
mod server_events;
mod setup;
mod signals;
mod timeline;
mod types;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::web;

pub use config::{Config, LogFormat, OtherBuild, Pages};
#[cfg(feature = "log")]
pub use log::log;
pub use mount::Mount;
pub use secret::Secret;
pub use server_events::ServerEvents;
pub use signals::{ShutdownSignal, interrupted};
pub use timeline::Timeline;

pub use crate::actor::{LogHealth, NotTaken};
#[cfg(feature = "cluster")]
pub use crate::cluster::Finding as ClusterFinding;
pub use crate::cluster::{Channels, NotPublished};
use crate::game::{Factory, Game, RoomSetup, SetupError};
pub use crate::store::{Durability, StoreFailure};
use crate::tap::Sink;
pub use crate::trust::{Audience, Claims, ForwardedHeader, KeyError, Keyring, PersonKeys};

/// A game server: games by name, the WebSocket endpoint `/play`, the list of rooms, health, metrics and optional pages.
/// Create it from a [`Config`] and games; start it with [`Self::serve`], [`Self::run`] or [`Self::mount`].
pub struct Server {
    config: Config,
    games: BTreeMap<String, Factory>,
    log: Option<LogHealth>,
    build: String,
    node: String,
    sinks: Vec<(String, Box<dyn Sink>)>,
    routes: Vec<AddRoutes>,
    channels: Vec<UseChannels>,
}

/// Adds routes of an embedder to an app.
pub(crate) type AddRoutes = Arc<dyn Fn(&mut web::ServiceConfig) + Send + Sync>;
/// Uses the channels of the server.
pub(crate) type UseChannels = Box<dyn FnOnce(&Channels) + Send>;

impl Server {
    /// Creates a server without games.
    pub fn new(config: Config) -> Self {
        let build = concat!("tickwire ", env!("CARGO_PKG_VERSION")).to_owned();
        let (node, games) = ("tickwire".to_owned(), BTreeMap::new());
        let (sinks, routes, channels) = Default::default();
        Self { config, games, log: None, build, node, sinks, routes, channels }
    }

    /// Names the build of your program: the version of your game, or the commit. After a crash, rooms of
    /// [`Config::data`] are recovered by running their inputs again, which leads to the same rooms only in the build that
    /// crashed. See [`Config::other_build`].
    #[must_use]
    pub fn build(self, build: &str) -> Self {
        Self { build: build.to_owned(), ..self }
    }

    /// Adds a game under `name`, at most 64 bytes; clients request it by that name. A second game of the same name replaces
    /// the first.
    ///
    /// `make` is called for each new room, on the directory's thread, so it should be quick. When it returns an error or
    /// panics, no room is made and the player receives [`Close::NoSuchRoom`](crate::Close::NoSuchRoom).
    #[must_use]
    pub fn game<F>(mut self, name: &str, make: F) -> Self
    where
        F: Fn(&RoomSetup) -> Result<Box<dyn Game>, SetupError> + Send + Sync + 'static,
    {
        self.games.insert(name.to_owned(), Arc::new(make));
        self
    }

    /// Adds games with their names, each as [`Self::game`] does.
    #[must_use]
    pub fn games<N: Into<String>>(mut self, games: impl IntoIterator<Item = (N, Factory)>) -> Self {
        self.games.extend(games.into_iter().map(|(name, make)| (name.into(), make)));
        self
    }

    /// Adds a consumer of what happens in rooms, under a name of lower-case letters and digits. With [`Config::data`], a sink
    /// goes on after a restart where the one of the same name was. See [`crate::tap`].
    #[must_use]
    pub fn tap(mut self, name: &str, sink: impl Sink) -> Self {
        self.sinks.push((name.to_owned(), Box::new(sink)));
        self
    }

    /// Adds routes of your own, which come before those of the server. `add` is called once per worker. With [`Self::run`], each
    /// connection carries one request; and sessions take the longer path that they have in a [mounted](Self::mount) server, so that routes
    /// of yours can be WebSockets. Routes find [`ServerEvents`] as `web::Data`, to send events into rooms.
    #[must_use]
    pub fn routes(mut self, add: impl Fn(&mut web::ServiceConfig) + Send + Sync + 'static) -> Self {
        self.routes.push(Arc::new(add));
        self
    }

    /// Gives the [`Channels`] of the server to `attach`, when the server is made.
    #[must_use]
    pub fn channels(mut self, attach: impl FnOnce(&Channels) + Send + 'static) -> Self {
        self.channels.push(Box::new(attach));
        self
    }

    /// The name of this server among others, which sinks are told. By default, `tickwire`.
    #[must_use]
    pub fn node(self, name: &str) -> Self {
        Self { node: name.to_owned(), ..self }
    }

    /// Connects the health of the program's log: the metrics count the lines that it loses as
    /// `tickwire_log_lines_lost_total`, and `/healthz` fails while its writer is stuck. The program's log writer must
    /// report both to `log`.
    #[must_use]
    pub fn log_health(mut self, log: LogHealth) -> Self {
        self.log = Some(log);
        self
    }

    /// Starts the room threads and returns a handle that adds the routes to an actix-web app of your own. Must be called
    /// within an actix system, for instance under `actix_web::main`.
    ///
    /// The rooms do not know the address of your listener. They assume [`Config::bind`], by default the loopback interface,
    /// and then answer 403 to requests for any name except `localhost`, IP addresses and the names in [`Config::hosts`] and
    /// [`Config::origins`]. Add your server's public names there, or set `bind` to the address that you listen on.
    ///
    /// ```
    /// use std::net::TcpListener;
    ///
    /// use actix_web::{App, web};
    /// use tickwire::{Config, Server};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # actix_web::rt::System::new().block_on(async {
    /// let mount = Server::new(Config::default()).games(tickwire_games::builtin()).mount()?;
    /// let rooms = mount.clone();
    /// let app = move || {
    ///     App::new()
    ///         .route("/", web::get().to(|| async { "the game is below /game" }))
    ///         .service(web::scope("/game").configure(|app| rooms.configure(app)))
    /// };
    /// let server = mount.listen(TcpListener::bind("127.0.0.1:0")?, app)?;
    /// let handle = server.handle();
    /// let running = actix_web::rt::spawn(server);
    /// // Until your own shutdown; then:
    /// mount.drain().await;
    /// handle.stop(true).await;
    /// running.await?
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// Outside an actix system, and when the configuration is invalid: see [`Config::check`].
    pub fn mount(self) -> io::Result<Mount> {
        if !self.config.peer_address.is_empty() && !self.routes.is_empty() {
            let why =
                "peer_address is set, and a server with routes of its own, such as Pusher apps, passes nothing on";
            return Err(io::Error::other(why));
        }
        Mount::start(self)
    }

    /// Serves on [`Config::bind`] until ctrl-c or SIGTERM, then closes all sessions. For programs that do nothing else: it
    /// creates the actix system and returns when everything has ended. A second signal ends the process at once; see
    /// [`ShutdownSignal`].
    ///
    /// # Errors
    /// When the address cannot be bound or the signal handlers cannot be installed; and as [`Self::mount`].
    pub fn serve(self) -> io::Result<()> {
        let address = self.config.bind;
        let refused = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"));
        let listener = TcpListener::bind(address).map_err(refused)?;
        let signal = ShutdownSignal::install()?;
        actix_web::rt::System::new().block_on(self.run(listener, signal.received()))
    }

    /// Serves on `listener`, regardless of [`Config::bind`], until `shutdown` completes, then ends all sessions with a
    /// close code. Must run within an actix system, for instance under `actix_web::main`. Like a server with only a
    /// [`Self::mount`], but with TLS if a certificate is configured, and with a shorter path from the socket to the
    /// session.
    ///
    /// # Errors
    /// When the listener cannot be used; and as [`Self::mount`].
    pub async fn run(mut self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        self.config.bind = listener.local_addr()?;
        let mount = self.mount()?;
        let rooms = mount.clone();
        let server = listen::listen(&mount, listener, move || listen::Worker::of_rooms(&rooms))?;
        let handle = server.handle();
        let running = actix_web::rt::spawn(server);
        shutdown.await;
        mount.drain().await;
        handle.stop(false).await;
        running.await.map_err(io::Error::other)?
    }
}
