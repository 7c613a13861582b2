//! The edge: HTTP around the actors. Binds nothing and catches no signals; whoever runs it brings a listener and says
//! when to stop.

mod config;
mod form;
mod mount;
mod origin;
mod pages;
mod routes;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::{App, HttpServer};

pub use config::{Config, LogFormat, Pages};
pub use mount::{Mount, on_connect, tuned};

use crate::game::{Factory, Game, Setup};

/// A game server: games by name, the WebSocket endpoint, the list of rooms, metrics and, if wanted, the demo.
pub struct Server {
    config: Config,
    games: BTreeMap<String, Factory>,
}

impl Server {
    /// A server without games.
    pub fn new(config: Config) -> Self {
        Self { config, games: BTreeMap::new() }
    }

    /// Adds a game under `name`; clients ask for it by that name.
    #[must_use]
    pub fn game<F>(mut self, name: &str, make: F) -> Self
    where
        F: Fn(&Setup) -> Result<Box<dyn Game>, String> + Send + Sync + 'static,
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

    /// Starts the threads of the rooms and returns a handle that adds the routes to an actix-web app of your own. Must be
    /// called within an actix system, for instance under `actix_web::main`.
    ///
    /// ```
    /// use actix_web::{App, HttpServer, web};
    /// use tickwire::server::tuned;
    /// use tickwire::{Config, Server};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # actix_web::rt::System::new().block_on(async {
    /// let mount = Server::new(Config::default()).demo_games().mount();
    /// let rooms = mount.clone();
    /// let app = move || {
    ///     App::new()
    ///         .route("/", web::get().to(|| async { "the game is below /game" }))
    ///         .service(web::scope("/game").configure(|app| rooms.configure(app)))
    /// };
    /// let server = tuned(HttpServer::new(app)).workers(1).disable_signals().bind("127.0.0.1:0")?.run();
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
    /// # Panics
    /// Outside an actix system.
    #[must_use = "rooms without routes cannot be reached"]
    pub fn mount(self) -> Mount {
        Mount::start(self.config, self.games)
    }

    /// Serves on `listener` until `shutdown` completes, then lets everyone go with a close code. Must run within an
    /// actix system, for instance under `actix_web::main`. It is [`Self::mount`] in an app and a server without anything
    /// else.
    ///
    /// # Errors
    /// When the listener cannot be used.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let workers = self.config.workers;
        let mount = self.mount();
        let rooms = mount.clone();
        let server = HttpServer::new(move || App::new().configure(|app| rooms.configure(app)));
        let server = tuned(server).workers(workers).disable_signals().listen(listener)?.run();
        let handle = server.handle();
        let running = actix_web::rt::spawn(server);
        shutdown.await;
        mount.drain().await;
        handle.stop(false).await;
        running.await.map_err(io::Error::other)?
    }
}
