//! The edge: HTTP around the actors. Binds nothing and catches no signals; whoever runs it brings a listener and says
//! when to stop.

mod admin;
mod config;
mod form;
mod lobby;
mod origin;
mod pages;
mod qr;
mod routes;
mod secret;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actix::{Actor, Addr};
use actix_web::http::KeepAlive;
use actix_web::rt::time::sleep;
use actix_web::{App, HttpServer, web};
use tracing::info;

pub use config::{Config, LogFormat, Pages};
pub use secret::Secret;

use crate::actor::{Clock, Directory, DirectoryConfig, Drain, Gate, Line, Metrics, Relay, Stop};
use crate::game::{Factory, Game, Setup};
use crate::wire::limits;
use admin::AdminDoor;
use routes::Edge;

/// A game server: games by name, the WebSocket endpoint, the list of rooms, metrics and, if wanted, the demo.
pub struct Server {
    config: Config,
    games: BTreeMap<String, Factory>,
}

impl Server {
    /// Sessions have this long to take their close code on shutdown.
    const DRAIN: Duration = Duration::from_secs(5);
    /// Close frames on their way get this long to leave the process.
    const FLUSH: Duration = Duration::from_millis(300);
    /// A request head must be complete within this time.
    const HEAD: Duration = Duration::from_secs(5);

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

    /// Serves on `listener` until `shutdown` completes, then lets everyone go with a close code. Must run within an
    /// actix system, for instance under `actix_web::main`.
    ///
    /// # Errors
    /// When the listener cannot be used.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let (clock, metrics) = (Clock::start(), Arc::new(Metrics::default()));
        let config = Arc::new(self.config);
        let directory = DirectoryConfig {
            games: self.games,
            rate: config.tick_rate,
            most_rooms: config.most_rooms,
            arbiters: config.room_threads,
            empty_for: config.empty_room_for,
            hold: config.hold_seats_for,
            idle_after: config.idle_after,
            most_observers: config.most_observers,
        };
        let (directory, rooms) = Directory::new(directory, clock, metrics.clone());
        let directory = directory.start();
        let (open, sessions) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        let admin = Arc::new(AdminDoor::new(config.admin_token.clone()));
        let edge = {
            let (directory, metrics, config) = (directory.clone(), metrics.clone(), config.clone());
            let (open, sessions) = (open.clone(), sessions.clone());
            move || {
                let relay = Relay::start_here(clock, metrics.clone());
                let (directory, metrics) = (directory.clone(), metrics.clone());
                let (open, sessions, most_sessions) = (open.clone(), sessions.clone(), config.most_sessions);
                let gate = Gate { directory, relay, clock, metrics, open, sessions, most_sessions };
                App::new()
                    .app_data(web::Data::new(Edge {
                        gate,
                        rooms: rooms.clone(),
                        config: config.clone(),
                        admin: admin.clone(),
                    }))
                    .configure(routes::configure)
            }
        };
        let server = HttpServer::new(edge)
            .workers(config.workers)
            .tcp_nodelay(true)
            .h1_write_buffer_size(limits::SEND_BUFFER)
            .client_request_timeout(Self::HEAD)
            // The time limit on heads covers only the first request of a connection.
            .keep_alive(KeepAlive::Disabled)
            .on_connect(|connection, data| {
                if let Some(line) = Line::prepare(connection) {
                    data.insert(line);
                }
            })
            .disable_signals()
            .listen(listener)?
            .run();
        let handle = server.handle();
        let running = actix_web::rt::spawn(server);
        shutdown.await;
        open.store(false, Ordering::Relaxed);
        drain(&directory, &sessions).await;
        handle.stop(false).await;
        let ended = running.await.map_err(io::Error::other)?;
        // Its timer would keep it, and the room threads, for as long as the system lives.
        let _ = directory.send(Stop).await;
        ended
    }
}

#[expect(clippy::disallowed_methods, reason = "one letter at the very end")]
async fn drain(directory: &Addr<Directory>, sessions: &AtomicUsize) {
    info!(sessions = sessions.load(Ordering::Relaxed), "draining");
    directory.do_send(Drain);
    let step = Duration::from_millis(50);
    for _ in 0..Server::DRAIN.as_millis() / step.as_millis() {
        if sessions.load(Ordering::Relaxed) == 0 {
            break;
        }
        sleep(step).await;
    }
    sleep(Server::FLUSH).await;
}
