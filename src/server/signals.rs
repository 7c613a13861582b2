//! Shutdown signals from the terminal and the operating system.

use std::io;
use std::sync::mpsc;

use tokio::sync::watch;

/// Completes on ctrl-c (SIGINT) or SIGTERM. Pass it to [`Server::run`](super::Server::run) in a program without its own
/// shutdown. The program decides what happens on further signals; see [`ShutdownSignal`].
pub async fn interrupted() {
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
    // If ctrl-c cannot be observed, serve until killed.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Handles ctrl-c (SIGINT) and SIGTERM for a process that exits when its server stops. Works even if threads hang:
///
/// * the first signal is [received](Self::received) and starts the shutdown;
/// * a second signal ends the process at once, with exit code 130, in the signal handler itself;
/// * a shutdown that takes longer than ten seconds is ended by a separate thread, with exit code 1;
/// * SIGHUP counts as a first signal when the program runs in a terminal, which is then gone. Otherwise it is logged and changes
///   nothing: certificates are read again when their files change, everything else at the next start.
///
/// None of this needs a running server thread. On Windows, the receiving thread observes ctrl-c, and the shutdown has no
/// time limit.
#[derive(Debug)]
pub struct ShutdownSignal {
    first: Option<watch::Receiver<bool>>,
    /// Dropped when the shutdown is over; until then the thread waits, up to its time limit.
    _over: Option<mpsc::Sender<()>>,
}

impl ShutdownSignal {
    /// The exit code by which shells report an interrupted process.
    const INTERRUPTED: i32 = 130;

    /// Replaces the signals' default action, which ends the process. Install it once, before the server starts, and keep it
    /// until everything has ended: dropping it lifts the time limit on the shutdown.
    ///
    /// # Errors
    /// When the operating system refuses the handlers or the thread.
    #[cfg(unix)]
    pub fn install() -> io::Result<Self> {
        use std::sync::Arc;
        use std::sync::atomic::AtomicBool;

        use std::io::IsTerminal;

        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        use signal_hook::flag;
        use signal_hook::iterator::Signals;

        let again = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            // The order matters: the first signal must not count as the second one.
            flag::register_conditional_shutdown(signal, Self::INTERRUPTED, again.clone())?;
            flag::register(signal, again.clone())?;
        }
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        let in_terminal = io::stderr().is_terminal();
        let (tell, first) = watch::channel(false);
        let (over, is_over) = mpsc::channel();
        let wait = move || {
            for signal in signals.forever() {
                if signal == SIGHUP && !in_terminal {
                    log(|| tracing::info!("SIGHUP: nothing is read again but certificates, when their files change"));
                    continue;
                }
                // Nobody receives this when the server has ended by itself.
                let _ = tell.send(true);
                return end_by_force(&is_over);
            }
        };
        std::thread::Builder::new().name("tickwire-signals".to_owned()).spawn(wait)?;
        Ok(Self { first: Some(first), _over: Some(over) })
    }

    /// Observes ctrl-c.
    ///
    /// # Errors
    /// None.
    #[cfg(not(unix))]
    pub fn install() -> io::Result<Self> {
        Ok(Self { first: None, _over: None })
    }

    /// Completes at the first signal, even if it came before this call.
    pub async fn received(&self) {
        match self.first.clone() {
            // The thread lives until it has sent the signal.
            Some(mut first) => _ = first.wait_for(|told| *told).await,
            None => {
                interrupted().await;
                actix_web::rt::spawn(async {
                    interrupted().await;
                    std::process::exit(Self::INTERRUPTED);
                });
            }
        }
    }
}

/// Ends the process when the shutdown exceeds its time limit.
#[cfg(unix)]
fn end_by_force(over: &mpsc::Receiver<()>) {
    use std::time::Duration;

    use crate::wire::limits;

    /// Time for the log's writer, which may be stuck as well.
    const LAST_LINE: Duration = Duration::from_millis(100);
    if over.recv_timeout(limits::SHUTDOWN_WITHIN) == Err(mpsc::RecvTimeoutError::Timeout) {
        let within = limits::SHUTDOWN_WITHIN.as_secs();
        log(move || tracing::error!("the shutdown takes longer than {within} s; the process ends now"));
        std::thread::sleep(LAST_LINE);
        signal_hook::low_level::exit(1);
    }
}

/// Logs on a separate thread, because an embedder's subscriber may block.
#[cfg(unix)]
fn log(line: impl FnOnce() + Send + 'static) {
    let _ = std::thread::Builder::new().spawn(line);
}
