//! The edge: HTTP around the actors. [`Server::serve`] is a whole program; [`Server::run`] takes a listener and is told when
//! to stop; [`Server::mount`] is a part of somebody else's app.

mod admin;
mod config;
mod form;
mod handshake;
mod hosts;
mod listen;
mod lobby;
mod mount;
mod one_request;
mod origin;
mod pages;
mod qr;
mod routes;
mod secret;
mod setup;
mod signals;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

pub use config::{Config, LogFormat, Pages};
pub use mount::Mount;
pub use secret::Secret;
pub use signals::{ShutdownSignal, interrupted};

pub use crate::actor::LogHealth;
use crate::game::{Factory, Game, RoomSetup};
pub use crate::trust::{Audience, Claims, ForwardedHeader, KeyError, Keyring};

/// A game server: games by name, the WebSocket endpoint `/play`, the list of rooms, health, metrics and, if wanted, pages.
/// Made from a [`Config`] and games; started by [`Self::serve`], [`Self::run`] or [`Self::mount`].
pub struct Server {
    config: Config,
    games: BTreeMap<String, Factory>,
    log: Option<LogHealth>,
}

impl Server {
    /// A server without games.
    pub fn new(config: Config) -> Self {
        Self { config, games: BTreeMap::new(), log: None }
    }

    /// Adds a game under `name`, at most 64 bytes; clients ask for it by that name. A second one of the same name replaces it.
    ///
    /// `make` is called for each new room, on the thread that finds rooms: it should be quick. When it refuses the options or
    /// panics, there is no room, and the player who wanted it is told so ([`Close::NoSuchRoom`](crate::Close::NoSuchRoom)).
    #[must_use]
    pub fn game<F>(mut self, name: &str, make: F) -> Self
    where
        F: Fn(&RoomSetup) -> Result<Box<dyn Game>, String> + Send + Sync + 'static,
    {
        self.games.insert(name.to_owned(), Arc::new(make));
        self
    }

    /// Adds the games of the demo: the arena and the plaza.
    #[must_use]
    pub fn demo_games(mut self) -> Self {
        self.games.extend(crate::games::builtin().into_iter().map(|(name, make)| (name.to_owned(), make)));
        self
    }

    /// Counts the lines that the program's log loses as `tickwire_log_lines_lost_total` in the metrics, and fails `/healthz`
    /// while the log's writer is stuck. The writer, which is the program's, tells both to `log`.
    #[must_use]
    pub fn log_health(mut self, log: LogHealth) -> Self {
        self.log = Some(log);
        self
    }

    /// Starts the threads of the rooms and returns a handle that adds the routes to an actix-web app of your own. Must be
    /// called within an actix system, for instance under `actix_web::main`.
    ///
    /// The rooms do not know where your server listens. They take [`Config::bind`] for it, by default the local machine, and
    /// then answer 403 to any other name than `localhost`, addresses and those in [`Config::hosts`] and [`Config::origins`].
    /// So name there what the public calls your server, or set `bind` to the address that you listen on.
    ///
    /// ```
    /// use std::net::TcpListener;
    ///
    /// use actix_web::{App, web};
    /// use tickwire::{Config, Server};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # actix_web::rt::System::new().block_on(async {
    /// let mount = Server::new(Config::default()).demo_games().mount()?;
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
    /// Outside an actix system, and when the configuration is no good: see [`Config::check`].
    pub fn mount(self) -> io::Result<Mount> {
        Mount::start(self.config, self.games, self.log.as_ref())
    }

    /// Serves on [`Config::bind`] until ctrl-c or SIGTERM, and lets everyone go. For programs that do nothing else: it
    /// makes the actix system and returns when all is over. A second signal ends the process at once; see
    /// [`ShutdownSignal`].
    ///
    /// # Errors
    /// When the address cannot be bound or signals cannot be heard; and as [`Self::mount`].
    pub fn serve(self) -> io::Result<()> {
        let address = self.config.bind;
        let refused = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"));
        let listener = TcpListener::bind(address).map_err(refused)?;
        let signal = ShutdownSignal::install()?;
        actix_web::rt::System::new().block_on(self.run(listener, signal.received()))
    }

    /// Serves on `listener`, whatever [`Config::bind`] says, until `shutdown` completes, then lets everyone go with a close
    /// code. Must run within an actix system, for instance under `actix_web::main`. It is [`Self::mount`] in a server without
    /// anything else, with TLS if there is a certificate, and a shorter way from the socket to the session.
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
