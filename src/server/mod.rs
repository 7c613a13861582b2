//! The edge: HTTP around the actors. Binds nothing and catches no signals; whoever runs it brings a listener and says
//! when to stop.

mod config;
mod form;
mod hosts;
mod origin;
mod pages;
mod routes;
mod secret;
mod setup;

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr};
use actix_web::dev::Extensions;
use actix_web::http::KeepAlive;
use actix_web::middleware::from_fn;
use actix_web::rt::time::sleep;
use actix_web::{App, HttpServer, web};
use tracing::info;

pub use config::{Config, LogFormat, Pages};
pub use secret::Secret;

use crate::actor::{Clock, Directory, DirectoryConfig, Door, Drain, Gate, Line, Metrics, Relay, Stop, socket_of};
use crate::engine::Greeting;
use crate::game::{Factory, Game, Setup};
use crate::trust::Certificate;
pub use crate::trust::{Audience, Claims, ForwardedHeader, KeyError, Keyring};
use crate::wire::limits;
use hosts::Hosts;
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
    /// The files of the certificate are looked at this often.
    const LOOK_EVERY: Duration = Duration::from_secs(2);
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
    /// When the listener cannot be used, or the configuration is no good: see [`Config::check`].
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let (clock, metrics) = (Clock::start(), Arc::new(Metrics::default()));
        let config = Arc::new(self.config);
        let certificate = config.certificate().map_err(io::Error::other)?;
        let door = config.door(clock).map_err(io::Error::other)?;
        let hosts = Hosts::new(&config, listener.local_addr()?.ip());
        let directory = DirectoryConfig {
            games: self.games,
            rate: config.tick_rate,
            most_rooms: config.most_rooms,
            arbiters: config.room_threads,
            empty_for: config.empty_room_for,
            door: door.clone(),
        };
        let (directory, rooms) = Directory::new(directory, clock, metrics.clone());
        let directory = directory.start();
        let edge = {
            let (directory, config, door) = (directory.clone(), config.clone(), door.clone());
            move || {
                let relay = Relay::start_here(clock, metrics.clone());
                let (directory, metrics, door) = (directory.clone(), metrics.clone(), door.clone());
                let gate = Gate { directory, relay, clock, metrics, door };
                let (rooms, config, hosts) = (rooms.clone(), config.clone(), hosts.clone());
                App::new()
                    .app_data(web::Data::new(Edge { gate, rooms, config, hosts }))
                    .wrap(from_fn(routes::receive))
                    .configure(routes::configure)
            }
        };
        let doorkeeper = door.clone();
        let server = HttpServer::new(edge)
            .workers(config.workers)
            .tcp_nodelay(true)
            .h1_write_buffer_size(limits::SEND_BUFFER)
            .client_request_timeout(Self::HEAD)
            .max_connection_rate(limits::HANDSHAKES)
            // The time limit on heads covers only the first request of a connection.
            .keep_alive(KeepAlive::Disabled)
            .on_connect(move |connection, data| greet(&doorkeeper, connection, data))
            .disable_signals();
        let server = match &certificate {
            Some(certificate) => server.listen_rustls_0_23(listener, certificate.config())?,
            None => server.listen(listener)?,
        };
        let server = server.run();
        let handle = server.handle();
        let running = actix_web::rt::spawn(server);
        let watching = certificate.map(|certificate| actix_web::rt::spawn(watch(certificate)));
        shutdown.await;
        door.close();
        drain(&directory, &door).await;
        handle.stop(false).await;
        let ended = running.await.map_err(io::Error::other)?;
        watching.iter().for_each(actix_web::rt::task::JoinHandle::abort);
        // Its timer would keep it, and the room threads, for as long as the system lives.
        let _ = directory.send(Stop).await;
        ended
    }
}

/// Counts a new connection, and takes a handle on its socket.
fn greet(door: &Arc<Door>, connection: &dyn Any, data: &mut Extensions) {
    let line = Line::prepare(connection);
    let peer = socket_of(connection).and_then(|stream| stream.peer_addr().ok());
    // A connection that is gone already has no peer.
    let counted = peer.map(|peer| door.connect(peer.ip()));
    match (&counted, &line) {
        (Some(counted), Some(line)) if counted.greeting == Greeting::Cut => line.cut(),
        _ => {}
    }
    if let Some(line) = line {
        data.insert(line);
    }
    if let Some(counted) = counted {
        data.insert(Rc::new(counted));
    }
}

/// Looks after the certificate for as long as the server runs.
async fn watch(certificate: Arc<Certificate>) {
    loop {
        sleep(Server::LOOK_EVERY).await;
        certificate.look();
    }
}

#[expect(clippy::disallowed_methods, reason = "one letter at the very end")]
async fn drain(directory: &Addr<Directory>, door: &Door) {
    info!(sessions = door.sessions(), "draining");
    directory.do_send(Drain);
    let step = Duration::from_millis(50);
    for _ in 0..Server::DRAIN.as_millis() / step.as_millis() {
        if door.sessions() == 0 {
            break;
        }
        sleep(step).await;
    }
    sleep(Server::FLUSH).await;
}
