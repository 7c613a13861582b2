//! `tickwire serve`: binds, says where to play, and drains on ctrl-c or SIGTERM.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

use socket2::{Domain, Protocol, Socket, Type};
use tickwire::Server;
use tickwire::server::interrupted;
use tracing::warn;

use crate::doctor::short_of_descriptors;
use crate::knobs::Flags;
use crate::machine::Machine;
use crate::settings::Settings;
use crate::{fail, logs};

/// Serves until told to stop.
pub fn run(flags: &Flags) -> ExitCode {
    let Settings { config, strays, .. } = match Settings::load(flags) {
        Ok(settings) => settings,
        Err(error) => return fail(&error),
    };
    logs::start(&config);
    if let Err(error) = config.check() {
        return fail(&error);
    }
    let listener = match bind(config.bind) {
        Ok(listener) => listener,
        Err(error) => return fail(&format!("cannot listen on {}: {error}", config.bind)),
    };
    for name in strays {
        warn!(name, "this variable names no knob and is ignored");
    }
    if let Some(short) = short_of_descriptors(&config, Machine::here()) {
        warn!("{}; {}", short.what, short.mend);
    }
    let secure = !config.tls_cert.as_os_str().is_empty();
    announce(listener.local_addr().unwrap_or(config.bind), if secure { "https" } else { "http" });
    let served = actix_web::rt::System::new().block_on(async {
        let server = Server::new(config).demo_games();
        server.run(listener, stopped()).await
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
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

fn announce(address: SocketAddr, scheme: &str) {
    let port = address.port();
    let host = if address.ip().is_loopback() { "localhost".to_owned() } else { address.ip().to_string() };
    let url = if address.ip().is_unspecified() {
        format!("{scheme}://localhost:{port}")
    } else {
        format!("{scheme}://{host}:{port}")
    };
    println!("Tickwire is serving at {url}");
    if scheme == "http" {
        println!("Open it in two tabs and play. Add bots from another terminal:");
        println!("  tickwire bots --url ws://127.0.0.1:{port}/play --players 20");
    }
    println!("Stop with ctrl-c.");
}

/// Completes at the first signal. A second one ends the process at once.
async fn stopped() {
    /// As shells report a process that was interrupted.
    const INTERRUPTED: i32 = 130;
    interrupted().await;
    actix_web::rt::spawn(async {
        interrupted().await;
        warn!("asked twice, so nobody is waited for");
        std::process::exit(INTERRUPTED);
    });
}
