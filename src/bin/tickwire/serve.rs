//! `tickwire serve`: binds, says where to play, and drains on ctrl-c or SIGTERM.

use std::io::{self, IsTerminal};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use socket2::{Domain, Protocol, Socket, Type};
use tickwire::server::{Config, Pages, Server};
use tickwire::tick::TickRate;
use tracing_subscriber::EnvFilter;

/// Options of the server.
#[derive(Args, Clone)]
pub struct ServeArgs {
    /// Address and port to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    bind: SocketAddr,
    /// Ticks per second of rooms whose creator names none, 1 to 120
    #[arg(long, value_name = "HZ", default_value = "20", value_parser = parse_rate)]
    tick_rate: TickRate,
    /// An origin whose pages may connect, besides the server's own and localhost; may be repeated
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// Read pages from this folder's web-demo and assets at each request, instead of from the binary
    #[arg(long, value_name = "FOLDER")]
    dev: Option<PathBuf>,
    /// Threads that rooms live on (default: one per core)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    room_threads: Option<u16>,
    /// Threads that serve connections (default: one per core)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
}

fn parse_rate(text: &str) -> Result<TickRate, String> {
    let number = text.parse().map_err(|_| format!("must be a whole number from 1 to {}", TickRate::MAX))?;
    TickRate::new(number).map_err(|error| error.to_string())
}

/// Serves until told to stop.
pub fn run(args: ServeArgs) -> ExitCode {
    let filter = EnvFilter::try_from_env("TICKWIRE_LOG").unwrap_or_else(|_| EnvFilter::new("tickwire=info,warn"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    log.with_ansi(io::stderr().is_terminal()).init();
    let listener = match bind(args.bind) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("tickwire: cannot listen on {}: {error}", args.bind);
            return ExitCode::FAILURE;
        }
    };
    let address = listener.local_addr().unwrap_or(args.bind);
    let defaults = Config::default();
    let config = Config {
        rate: args.tick_rate,
        origins: args.allow_origin,
        room_threads: args.room_threads.map_or(defaults.room_threads, usize::from),
        workers: args.workers.map_or(defaults.workers, usize::from),
        pages: args.dev.map_or(Pages::Embedded, Pages::Disk),
        ..defaults
    };
    announce(address);
    let served = actix_web::rt::System::new().block_on(async {
        let server = Server::new(config).demo_games();
        server.run(listener, shutdown()).await
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tickwire: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    const BACKLOG: i32 = 1024;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the connections of its predecessor. On Windows the option would share the port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn announce(address: SocketAddr) {
    let port = address.port();
    let host = if address.ip().is_loopback() { "localhost".to_owned() } else { address.ip().to_string() };
    let url = if address.ip().is_unspecified() {
        format!("http://localhost:{port}")
    } else {
        format!("http://{host}:{port}")
    };
    println!("Tickwire is serving at {url}");
    println!("Open it in two tabs and play. Add bots from another terminal:");
    println!("  tickwire bots --url ws://127.0.0.1:{port}/play --players 20");
    println!("Stop with ctrl-c.");
}

async fn shutdown() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    // Without a way to hear of ctrl-c, serve until killed.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
