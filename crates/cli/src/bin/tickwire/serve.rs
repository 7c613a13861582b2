//! `tickwire serve`: listens, announces the address, and drains on ctrl-c or SIGTERM.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::thread;

use socket2::{Domain, Protocol, Socket, Type};
use tickwire::Server;
use tickwire::server::ShutdownSignal;
use tracing::warn;

use crate::config_keys::Flags;
use crate::doctor::short_of_descriptors;
use crate::machine::Machine;
use crate::settings::Settings;
use crate::{fail, logs, misused, outlets, paths};

/// Serves until a signal arrives.
pub fn run(flags: &Flags) -> ExitCode {
    let settings = match Settings::load(flags) {
        Ok(settings) => settings,
        Err(error) => return misused(&error),
    };
    let config = settings.config.clone();
    // Kept until the process ends: it limits the whole shutdown, including the last lines of the log.
    let signal = match ShutdownSignal::install() {
        Ok(signal) => signal,
        Err(error) => return fail(&format!("cannot listen for signals: {error}")),
    };
    let log = match logs::start(&config) {
        Ok(log) => log,
        Err(error) => return fail(&format!("cannot start the log: {error}")),
    };
    for stray in &settings.strays {
        warn!("{stray}");
    }
    if let Err(error) = config.check().and_then(|()| paths::check(&settings)) {
        return log.misused(&error);
    }
    let outlets = match outlets::read(&config) {
        Ok(outlets) => outlets,
        Err(error) => return log.misused(&error),
    };
    let listener = match bind(config.bind) {
        Ok(listener) => listener,
        Err(error) => return log.fail(&format!("cannot listen on {}: {error}", config.bind)),
    };
    if let Some(short) = short_of_descriptors(&config, Machine::here()) {
        warn!("{}; {}", short.what, short.mend);
    }
    let secure = !config.tls_cert.as_os_str().is_empty();
    announce(listener.local_addr().unwrap_or(config.bind), if secure { "https" } else { "http" });
    let served = actix_web::rt::System::new().block_on(async {
        let server =
            Server::new(config).build(crate::VERSION).games(tickwire_games::builtin()).log_health(log.health.clone());
        let server = outlets::add(outlets, server);
        server.run(listener, signal.received()).await
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => log.fail(&error.to_string()),
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    const BACKLOG: i32 = 1024;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the connections of the previous process. On Windows the option would share the port.
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
    let mut text = format!("Tickwire is serving at {url}\n");
    if scheme == "http" {
        text += "Open it in two tabs and play. Add bots from another terminal:\n";
        text += &format!("  tickwire bots --url ws://127.0.0.1:{port}/play --players 20\n");
    }
    text += "Stop with ctrl-c.\n";
    let say = move || {
        if let Err(error) = io::stdout().write_all(text.as_bytes()) {
            warn!(%error, "cannot write the server's address to standard output");
        }
    };
    // On a separate thread, so that a blocked standard output does not keep the server from serving.
    if let Err(error) = thread::Builder::new().name("tickwire-announce".to_owned()).spawn(say) {
        warn!(%error, "cannot start the thread that prints the server's address");
    }
}
